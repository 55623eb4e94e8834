/*
 * certificate_request12.c - CertificateRequest of TLS 1.2 and below (RFC 5246 section 7.4.4).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

static bool read_schemes(struct kt_reader *r, struct kt_id_list *out)
{
    return kt_reader_vec16(r, &out->wire) && out->wire.len > 0 && out->wire.len % 2 == 0;
}

const struct kt_fault *kt_certificate_request12_decode(struct kt_span body, uint16_t version,
                                                       struct kt_certificate_request12 *out)
{
    struct kt_reader r = kt_reader_over(body);

    *out = (struct kt_certificate_request12){0};
    if (!(kt_reader_vec8(&r, &out->types) && out->types.len > 0 &&
          (version < KT_TLS_1_2 || read_schemes(&r, &out->schemes)) && kt_reader_vec16(&r, &out->authorities) &&
          kt_reader_done(&r) && kt_form_entries(out->authorities, 2))) {
        KT_FAIL(CERTIFICATE_REQUEST_MALFORMED);
    }
    return NULL;
}

void kt_certificate_request12_encode(struct kt_writer *w, uint16_t version,
                                     const struct kt_certificate_request12 *message)
{
    kt_message_open(w, KT_MSG_CERTIFICATE_REQUEST);
    kt_put_vec(w, 1, message->types);
    if (version >= KT_TLS_1_2) {
        kt_put_vec(w, 2, message->schemes.wire);
    }
    kt_put_vec(w, 2, message->authorities);
    kt_writer_close(w);
}
