/*
 * ext_certificate_authorities.c - the issuers whose certificates a side accepts (RFC 9846 section 4.3.4).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, struct kt_span *authorities)
{
    if (!(kt_form_vec(content, 2, authorities) && authorities->len > 0 && kt_form_entries(*authorities, 2))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->authorities);
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 2, hello->authorities);
}

const struct kt_ext_codec kt_ext_certificate_authorities_ch = {hello_decode, hello_encode};

static const struct kt_fault *request_decode(struct kt_span content, void *message)
{
    struct kt_certificate_request *request = message;

    return decode(content, &request->authorities);
}

static void request_encode(struct kt_writer *w, const void *message)
{
    const struct kt_certificate_request *request = message;

    kt_put_vec(w, 2, request->authorities);
}

const struct kt_ext_codec kt_ext_certificate_authorities_cr = {request_decode, request_encode};
