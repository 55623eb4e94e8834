/*
 * certificate.c - Certificate (RFC 9846 section 4.5.1).
 */
#include "wire/ext.h"

static const struct kt_ext_place place = {
    .home = IN_CT,
    .codecs =
        {
            [KT_EXT_STATUS_REQUEST] = &kt_ext_status_request_ct,
            [KT_EXT_SCT] = &kt_ext_sct_ct,
        },
};

/* One CertificateEntry: the certificate and its own block of extensions. */
static bool read_entry(struct kt_reader *list, struct kt_span *certificate, struct kt_span *block)
{
    return kt_reader_vec24(list, certificate) && certificate->len > 0 && kt_reader_vec16(list, block) &&
           kt_exts_divide(*block);
}

static const struct kt_fault *add_entry(struct kt_reader *list, uint32_t offered, struct kt_certificate *out)
{
    struct kt_certificate not_leaf = {0};
    struct kt_span certificate, block;
    uint32_t seen;

    if (!read_entry(list, &certificate, &block)) {
        KT_FAIL(CERTIFICATE_MALFORMED);
    }
    if (out->chain_len == KT_CHAIN_MAX) {
        KT_FAIL(CERTIFICATE_CHAIN_TOO_LONG);
    }
    KT_TRY(kt_exts_decode(block, &place, offered, &seen, out->chain_len == 0 ? out : &not_leaf));
    out->chain[out->chain_len++] = certificate;
    return NULL;
}

const struct kt_fault *kt_certificate_decode(struct kt_span body, uint32_t offered, struct kt_certificate *out)
{
    struct kt_reader r = kt_reader_over(body);
    struct kt_reader list;
    struct kt_span entries;

    *out = (struct kt_certificate){0};
    if (!(kt_reader_vec8(&r, &out->context) && kt_reader_vec24(&r, &entries) && kt_reader_done(&r))) {
        KT_FAIL(CERTIFICATE_MALFORMED);
    }
    list = kt_reader_over(entries);
    while (!kt_reader_done(&list)) {
        KT_TRY(add_entry(&list, offered, out));
    }
    return NULL;
}

static uint32_t leaf_extensions(const struct kt_certificate *message)
{
    return (message->ocsp_response.len > 0 ? KT_EXT_BIT(STATUS_REQUEST) : 0) |
           (message->sct_list.len > 0 ? KT_EXT_BIT(SCT) : 0);
}

void kt_certificate_encode(struct kt_writer *w, const struct kt_certificate *message)
{
    kt_message_open(w, KT_MSG_CERTIFICATE);
    kt_put_vec(w, 1, message->context);
    kt_writer_open(w, 3);
    for (size_t i = 0; i < message->chain_len; i++) {
        kt_put_vec(w, 3, message->chain[i]);
        kt_writer_open(w, 2);
        kt_exts_encode(w, &place, i == 0 ? leaf_extensions(message) : 0, message);
        kt_writer_close(w);
    }
    kt_writer_close(w);
    kt_writer_close(w);
}
