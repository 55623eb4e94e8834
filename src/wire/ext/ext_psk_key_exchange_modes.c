/*
 * ext_psk_key_exchange_modes.c - with or without a fresh key exchange on resumption (RFC 9846 section 4.3.9).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    if (!(kt_form_vec(content, 1, &hello->psk_modes) && hello->psk_modes.len > 0)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 1, hello->psk_modes);
}

const struct kt_ext_codec kt_ext_psk_key_exchange_modes_ch = {decode, encode};
