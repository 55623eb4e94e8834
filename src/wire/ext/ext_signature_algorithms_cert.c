/*
 * ext_signature_algorithms_cert.c - what may sign the certificates of a chain (RFC 9846 section 4.3.3).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, struct kt_id_list *list)
{
    if (!kt_form_ids(content, 2, list)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->cert_schemes);
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 2, hello->cert_schemes.wire);
}

const struct kt_ext_codec kt_ext_signature_algorithms_cert_ch = {hello_decode, hello_encode};

static const struct kt_fault *request_decode(struct kt_span content, void *message)
{
    struct kt_certificate_request *request = message;

    return decode(content, &request->cert_schemes);
}

static void request_encode(struct kt_writer *w, const void *message)
{
    const struct kt_certificate_request *request = message;

    kt_put_vec(w, 2, request->cert_schemes.wire);
}

const struct kt_ext_codec kt_ext_signature_algorithms_cert_cr = {request_decode, request_encode};
