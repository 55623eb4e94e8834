/*
 * client_key_exchange.c - ClientKeyExchange (RFC 8422 section 5.7, RFC 5246 section 7.4.7).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

/* Of the length in front of the value: a point has one byte, all else two. */
static size_t prefix(enum kt_kx kx)
{
    return kx == KT_KX_ECDHE ? 1 : 2;
}

const struct kt_fault *kt_client_key_exchange_decode(struct kt_span body, enum kt_kx kx,
                                                     struct kt_client_key_exchange *out)
{
    if (!(kt_form_vec(body, prefix(kx), &out->value) && out->value.len > 0)) {
        KT_FAIL(CLIENT_KEY_EXCHANGE_MALFORMED);
    }
    return NULL;
}

void kt_client_key_exchange_encode(struct kt_writer *w, enum kt_kx kx, const struct kt_client_key_exchange *message)
{
    kt_message_open(w, KT_MSG_CLIENT_KEY_EXCHANGE);
    kt_put_vec(w, prefix(kx), message->value);
    kt_writer_close(w);
}
