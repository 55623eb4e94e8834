/*
 * ext_ec_point_formats.c - how points are written in TLS 1.2 (RFC 8422 section 5.1.2). TLS 1.3 has one way
 * only, so nothing is kept of the list.
 */
#include "wire/ext.h"

enum { POINT_UNCOMPRESSED = 0 };

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    struct kt_span formats;

    (void)message;
    if (!(kt_form_vec(content, 1, &formats) && formats.len > 0)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    (void)message;
    kt_writer_open(w, 1);
    kt_put_u8(w, POINT_UNCOMPRESSED);
    kt_writer_close(w);
}

const struct kt_ext_codec kt_ext_ec_point_formats_ch = {decode, encode};
