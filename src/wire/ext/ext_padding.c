/*
 * ext_padding.c - zeros that make a ClientHello longer (RFC 7685). We send none.
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    (void)message;
    for (size_t i = 0; i < content.len; i++) {
        if (content.p[i] != 0) {
            KT_FAIL(EXTENSION_MALFORMED);
        }
    }
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    (void)w;
    (void)message;
}

const struct kt_ext_codec kt_ext_padding_ch = {decode, encode};
