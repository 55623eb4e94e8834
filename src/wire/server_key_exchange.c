/*
 * server_key_exchange.c - ServerKeyExchange (RFC 8422 section 5.4, RFC 5246 section 7.4.3).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

enum { CURVE_EXPLICIT_PRIME = 1, CURVE_EXPLICIT_CHAR2 = 2, CURVE_NAMED = 3 };

/* The two ways to describe a curve: RFC 8422 has nothing left but their numbers. */
static bool describes_curve(struct kt_span body, enum kt_kx kx)
{
    return kx == KT_KX_ECDHE && body.len > 0 &&
           (body.p[0] == CURVE_EXPLICIT_PRIME || body.p[0] == CURVE_EXPLICIT_CHAR2);
}

static bool read_curve(struct kt_reader *r, struct kt_server_key_exchange *out)
{
    uint8_t type;

    return kt_reader_u8(r, &type) && type == CURVE_NAMED && kt_reader_u16(r, &out->group) &&
           kt_reader_vec8(r, &out->point) && out->point.len > 0;
}

static bool read_prime(struct kt_reader *r, struct kt_server_key_exchange *out)
{
    return kt_reader_vec16(r, &out->p) && out->p.len > 0 && kt_reader_vec16(r, &out->g) && out->g.len > 0 &&
           kt_reader_vec16(r, &out->share) && out->share.len > 0;
}

const struct kt_fault *kt_server_key_exchange_decode(struct kt_span body, enum kt_kx kx, uint16_t version,
                                                     struct kt_server_key_exchange *out)
{
    struct kt_reader r = kt_reader_over(body);

    *out = (struct kt_server_key_exchange){0};
    if (describes_curve(body, kx)) {
        KT_FAIL(GROUP_NOT_NAMED);
    }
    if (!(kx == KT_KX_ECDHE ? read_curve(&r, out) : read_prime(&r, out))) {
        KT_FAIL(SERVER_KEY_EXCHANGE_MALFORMED);
    }
    out->params = kt_span_of(body.p, body.len - kt_reader_left(&r));
    if (!((version < KT_TLS_1_2 || kt_reader_u16(&r, &out->scheme)) && kt_reader_vec16(&r, &out->signature) &&
          kt_reader_done(&r))) {
        KT_FAIL(SERVER_KEY_EXCHANGE_MALFORMED);
    }
    return NULL;
}

void kt_server_params_encode(struct kt_writer *w, enum kt_kx kx, const struct kt_server_key_exchange *message)
{
    if (kx == KT_KX_ECDHE) {
        kt_put_u8(w, CURVE_NAMED);
        kt_put_u16(w, message->group);
        kt_put_vec(w, 1, message->point);
        return;
    }
    kt_put_vec(w, 2, message->p);
    kt_put_vec(w, 2, message->g);
    kt_put_vec(w, 2, message->share);
}

void kt_server_key_exchange_encode(struct kt_writer *w, uint16_t version, const struct kt_server_key_exchange *message)
{
    kt_message_open(w, KT_MSG_SERVER_KEY_EXCHANGE);
    kt_put_bytes(w, message->params);
    if (version >= KT_TLS_1_2) {
        kt_put_u16(w, message->scheme);
    }
    kt_put_vec(w, 2, message->signature);
    kt_writer_close(w);
}
