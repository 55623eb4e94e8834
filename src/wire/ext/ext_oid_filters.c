/*
 * ext_oid_filters.c - certificate extensions that a client certificate must have (RFC 9846 section 4.3.5).
 */
#include "wire/ext.h"

/* An object identifier, and DER values that may be none. */
static bool is_filter_list(struct kt_span list)
{
    struct kt_reader r = kt_reader_over(list);
    struct kt_span oid, values;

    while (!kt_reader_done(&r)) {
        if (!(kt_reader_vec8(&r, &oid) && oid.len > 0 && kt_reader_vec16(&r, &values))) {
            return false;
        }
    }
    return true;
}

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    struct kt_certificate_request *request = message;

    if (!(kt_form_vec(content, 2, &request->oid_filters) && is_filter_list(request->oid_filters))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    const struct kt_certificate_request *request = message;

    kt_put_vec(w, 2, request->oid_filters);
}

const struct kt_ext_codec kt_ext_oid_filters_cr = {decode, encode};
