/*
 * ext_sct.c - signed certificate timestamps beside a certificate (RFC 6962 section 3.3). The wish for them is
 * empty.
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    struct kt_certificate *certificate = message;

    if (!(kt_form_vec(content, 2, &certificate->sct_list) && certificate->sct_list.len > 0 &&
          kt_form_entries(certificate->sct_list, 2))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    const struct kt_certificate *certificate = message;

    kt_put_vec(w, 2, certificate->sct_list);
}

const struct kt_ext_codec kt_ext_sct_ct = {decode, encode};
