/*
 * certificate_request.c - CertificateRequest (RFC 9846 section 4.4.2).
 */
#include "wire/ext.h"

static const struct kt_ext_place place = {
    .home = IN_CR,
    .codecs =
        {
            [KT_EXT_STATUS_REQUEST] = &kt_ext_empty,
            [KT_EXT_SIGNATURE_ALGORITHMS] = &kt_ext_signature_algorithms_cr,
            [KT_EXT_SCT] = &kt_ext_empty,
            [KT_EXT_CERTIFICATE_AUTHORITIES] = &kt_ext_certificate_authorities_cr,
            [KT_EXT_OID_FILTERS] = &kt_ext_oid_filters_cr,
            [KT_EXT_SIGNATURE_ALGORITHMS_CERT] = &kt_ext_signature_algorithms_cert_cr,
        },
};

const struct kt_fault *kt_certificate_request_decode(struct kt_span body, struct kt_certificate_request *out)
{
    struct kt_reader r = kt_reader_over(body);
    struct kt_span block;

    *out = (struct kt_certificate_request){0};
    if (!(kt_reader_vec8(&r, &out->context) && kt_exts_read(&r, &block))) {
        KT_FAIL(CERTIFICATE_REQUEST_MALFORMED);
    }
    KT_TRY(kt_exts_decode(block, &place, 0, &out->seen, out));
    if ((out->seen & KT_EXT_BIT(SIGNATURE_ALGORITHMS)) == 0) {
        KT_FAIL(EXTENSION_MISSING);
    }
    return NULL;
}

void kt_certificate_request_encode(struct kt_writer *w, const struct kt_certificate_request *message)
{
    kt_message_open(w, KT_MSG_CERTIFICATE_REQUEST);
    kt_put_vec(w, 1, message->context);
    kt_writer_open(w, 2);
    kt_ext_encode_grease(w, message->grease_ext, kt_span_of(NULL, 0));
    kt_exts_encode(w, &place, message->seen, message);
    kt_writer_close(w);
    kt_writer_close(w);
}
