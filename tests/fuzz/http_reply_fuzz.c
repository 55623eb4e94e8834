/* Any bytes as the reply of a responder: a body lies within them, and what is final stays so at the end. */
#include <stdlib.h>

#include "drive/http_reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char type[] = "application/ocsp-response";
    struct kt_span body = {NULL, 0};
    enum kt_http_state open = kt_http_reply(kt_span_of(data, size), false, type, &body);
    enum kt_http_state ended = kt_http_reply(kt_span_of(data, size), true, type, &body);

    if (ended == KT_HTTP_MORE || (open != KT_HTTP_MORE && open != ended)) {
        abort();
    }
    if (ended == KT_HTTP_DONE && (body.p < data || body.p + body.len > data + size)) {
        abort();
    }
    return 0;
}
