/*
 * ext_ec_point_formats.c - how points are written in TLS 1.2 (RFC 8422 section 5.1.2): there is one form, which every
 * list must hold. TLS 1.3 does not look at it, so a client whose list is wrong is judged when the version is known.
 */
#include "wire/ext.h"

enum { POINT_UNCOMPRESSED = 0 };

static const struct kt_fault *decode(struct kt_span content, bool *uncompressed)
{
    struct kt_span formats;

    if (!(kt_form_vec(content, 1, &formats) && formats.len > 0)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    *uncompressed = memchr(formats.p, POINT_UNCOMPRESSED, formats.len) != NULL;
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    (void)message;
    kt_writer_open(w, 1);
    kt_put_u8(w, POINT_UNCOMPRESSED);
    kt_writer_close(w);
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->point_uncompressed);
}

const struct kt_ext_codec kt_ext_ec_point_formats_ch = {hello_decode, encode};

static const struct kt_fault *answer12_decode(struct kt_span content, void *message)
{
    bool uncompressed;

    (void)message;
    KT_TRY(decode(content, &uncompressed));
    if (!uncompressed) {
        KT_FAIL_ALERT(EXTENSION_MALFORMED, ILLEGAL_PARAMETER);
    }
    return NULL;
}

const struct kt_ext_codec kt_ext_ec_point_formats_sh12 = {answer12_decode, encode};
