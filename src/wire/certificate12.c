/*
 * certificate12.c - Certificate of TLS 1.2 and below (RFC 5246 section 7.4.2).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

const struct kt_fault *kt_certificate12_decode(struct kt_span body, struct kt_certificate *out)
{
    struct kt_reader r = kt_reader_over(body);
    struct kt_span entries;

    *out = (struct kt_certificate){0};
    if (!(kt_reader_vec24(&r, &entries) && kt_reader_done(&r) && kt_form_entries(entries, 3))) {
        KT_FAIL(CERTIFICATE_MALFORMED);
    }
    r = kt_reader_over(entries);
    while (!kt_reader_done(&r)) {
        if (out->chain_len == KT_CHAIN_MAX) {
            KT_FAIL(CERTIFICATE_CHAIN_TOO_LONG);
        }
        if (!kt_reader_vec24(&r, &out->chain[out->chain_len++])) {
            KT_FAIL(CERTIFICATE_MALFORMED);
        }
    }
    return NULL;
}

void kt_certificate12_encode(struct kt_writer *w, const struct kt_certificate *message)
{
    kt_message_open(w, KT_MSG_CERTIFICATE);
    kt_writer_open(w, 3);
    for (size_t i = 0; i < message->chain_len; i++) {
        kt_put_vec(w, 3, message->chain[i]);
    }
    kt_writer_close(w);
    kt_writer_close(w);
}
