/*
 * ext_renegotiation_info.c - the binding of a rehandshake of TLS 1.2 to the handshake before (RFC 5746
 * section 3.2).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    struct kt_span binding;

    (void)message;
    if (!kt_form_vec(content, 1, &binding)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

/* Empty: there was no handshake before. */
static void encode(struct kt_writer *w, const void *message)
{
    (void)message;
    kt_put_u8(w, 0);
}

const struct kt_ext_codec kt_ext_renegotiation_info_ch = {decode, encode};
