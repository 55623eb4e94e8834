/*
 * ext_status_request.c - stapled OCSP: the wish in ClientHello, the response beside a certificate (RFC 6066
 * section 8, RFC 9846 section 4.5.1.1). In CertificateRequest the wish is empty.
 */
#include "wire/ext.h"

enum { STATUS_OCSP = 1 };

/* Which responders the client trusts and what it wants in the request are checked for form only. */
static bool is_ocsp_request(struct kt_reader *r)
{
    struct kt_span responders, request_extensions;

    return kt_reader_vec16(r, &responders) && kt_reader_vec16(r, &request_extensions) && kt_reader_done(r) &&
           kt_form_entries(responders, 2);
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;
    struct kt_reader r = kt_reader_over(content);
    uint8_t type;

    if (!kt_reader_u8(&r, &type)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    if (type != STATUS_OCSP) {
        hello->seen &= ~KT_EXT_BIT(STATUS_REQUEST); /* a wish for something else is none for OCSP */
        return NULL;
    }
    if (!is_ocsp_request(&r)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    (void)message;
    kt_put_u8(w, STATUS_OCSP);
    kt_put_u16(w, 0);
    kt_put_u16(w, 0);
}

const struct kt_ext_codec kt_ext_status_request_ch = {hello_decode, hello_encode};

static const struct kt_fault *certificate_decode(struct kt_span content, void *message)
{
    struct kt_certificate *certificate = message;
    struct kt_reader r = kt_reader_over(content);
    uint8_t type;

    if (!(kt_reader_u8(&r, &type) && type == STATUS_OCSP && kt_reader_vec24(&r, &certificate->ocsp_response) &&
          kt_reader_done(&r) && certificate->ocsp_response.len > 0)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void certificate_encode(struct kt_writer *w, const void *message)
{
    const struct kt_certificate *certificate = message;

    kt_put_u8(w, STATUS_OCSP);
    kt_put_vec(w, 3, certificate->ocsp_response);
}

const struct kt_ext_codec kt_ext_status_request_ct = {certificate_decode, certificate_encode};
