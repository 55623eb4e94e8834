#include "support/wire_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_fuzz(WIRE_SERVER_KEY_EXCHANGE, data, size);
    wire_fuzz(WIRE_SERVER_KEY_EXCHANGE_DHE, data, size);
    wire_fuzz(WIRE_SERVER_KEY_EXCHANGE11, data, size);
    return 0;
}
