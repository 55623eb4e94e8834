/*
 * ext_sct.c - signed certificate timestamps beside a certificate, in TLS 1.2 in ServerHello (RFC 6962 section 3.3). The
 * wish for them is empty.
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, struct kt_span *list)
{
    if (!(kt_form_vec(content, 2, list) && list->len > 0 && kt_form_entries(*list, 2))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static const struct kt_fault *certificate_decode(struct kt_span content, void *message)
{
    struct kt_certificate *certificate = message;

    return decode(content, &certificate->sct_list);
}

static void certificate_encode(struct kt_writer *w, const void *message)
{
    const struct kt_certificate *certificate = message;

    kt_put_vec(w, 2, certificate->sct_list);
}

const struct kt_ext_codec kt_ext_sct_ct = {certificate_decode, certificate_encode};

static const struct kt_fault *answer12_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;

    return decode(content, &answer->sct_list);
}

static void answer12_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_vec(w, 2, answer->sct_list);
}

const struct kt_ext_codec kt_ext_sct_sh12 = {answer12_decode, answer12_encode};
