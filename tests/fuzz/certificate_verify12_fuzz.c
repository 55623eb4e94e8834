#include "support/wire_messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    wire_fuzz(WIRE_CERTIFICATE_VERIFY12, data, size);
    wire_fuzz(WIRE_CERTIFICATE_VERIFY11, data, size);
    return 0;
}
