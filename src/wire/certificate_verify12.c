/*
 * certificate_verify12.c - CertificateVerify of TLS 1.2 and below (RFC 5246 section 7.4.8, RFC 4346 section 7.4.8).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

const struct kt_fault *kt_certificate_verify12_decode(struct kt_span body, uint16_t version,
                                                      struct kt_certificate_verify *out)
{
    struct kt_reader r = kt_reader_over(body);

    *out = (struct kt_certificate_verify){0};
    if (!((version < KT_TLS_1_2 || kt_reader_u16(&r, &out->scheme)) && kt_reader_vec16(&r, &out->signature) &&
          kt_reader_done(&r))) {
        KT_FAIL(CERTIFICATE_VERIFY_MALFORMED);
    }
    return NULL;
}

void kt_certificate_verify12_encode(struct kt_writer *w, uint16_t version, const struct kt_certificate_verify *message)
{
    kt_message_open(w, KT_MSG_CERTIFICATE_VERIFY);
    if (version >= KT_TLS_1_2) {
        kt_put_u16(w, message->scheme);
    }
    kt_put_vec(w, 2, message->signature);
    kt_writer_close(w);
}
