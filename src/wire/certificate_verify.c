/*
 * certificate_verify.c - CertificateVerify (RFC 9846 section 4.5.2).
 */
#include "wire/ext.h"

/* An empty signature has the right form; it is wrong, which the check of it says. */
const struct kt_fault *kt_certificate_verify_decode(struct kt_span body, struct kt_certificate_verify *out)
{
    struct kt_reader r = kt_reader_over(body);

    if (!(kt_reader_u16(&r, &out->scheme) && kt_reader_vec16(&r, &out->signature) && kt_reader_done(&r))) {
        KT_FAIL(CERTIFICATE_VERIFY_MALFORMED);
    }
    return NULL;
}

void kt_certificate_verify_encode(struct kt_writer *w, const struct kt_certificate_verify *message)
{
    kt_message_open(w, KT_MSG_CERTIFICATE_VERIFY);
    kt_put_u16(w, message->scheme);
    kt_put_vec(w, 2, message->signature);
    kt_writer_close(w);
}
