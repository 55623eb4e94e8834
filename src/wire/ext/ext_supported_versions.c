/*
 * ext_supported_versions.c - the versions a client offers, and the one the server chose (RFC 9846
 * section 4.3.1).
 */
#include "wire/ext.h"

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    if (!kt_form_ids(content, 1, &hello->versions)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 1, hello->versions.wire);
}

const struct kt_ext_codec kt_ext_supported_versions_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u16(&r, &answer->version) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_u16(w, answer->version);
}

const struct kt_ext_codec kt_ext_supported_versions_sh = {answer_decode, answer_encode};
