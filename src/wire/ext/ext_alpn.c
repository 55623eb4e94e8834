/*
 * ext_alpn.c - application protocols: the client's list, the server's one choice (RFC 7301 section 3.1).
 */
#include "wire/ext.h"

bool kt_alpn_next(struct kt_span *rest, struct kt_span *name)
{
    struct kt_reader r = kt_reader_over(*rest);

    if (!kt_reader_vec8(&r, name)) {
        return false;
    }
    *rest = kt_reader_rest(&r);
    return true;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    if (!(kt_form_vec(content, 2, &hello->alpn) && hello->alpn.len > 0 && kt_form_entries(hello->alpn, 1))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 2, hello->alpn);
}

const struct kt_ext_codec kt_ext_alpn_ch = {hello_decode, hello_encode};

static const struct kt_fault *decode_choice(struct kt_span content, struct kt_span *name)
{
    struct kt_span list;

    if (!(kt_form_vec(content, 2, &list) && kt_form_vec(list, 1, name) && name->len > 0)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void encode_choice(struct kt_writer *w, struct kt_span name)
{
    kt_writer_open(w, 2);
    kt_put_vec(w, 1, name);
    kt_writer_close(w);
}

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_encrypted_extensions *answer = message;

    return decode_choice(content, &answer->alpn);
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_encrypted_extensions *answer = message;

    encode_choice(w, answer->alpn);
}

const struct kt_ext_codec kt_ext_alpn_ee = {answer_decode, answer_encode};

static const struct kt_fault *answer12_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;

    return decode_choice(content, &answer->alpn);
}

static void answer12_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    encode_choice(w, answer->alpn);
}

const struct kt_ext_codec kt_ext_alpn_sh12 = {answer12_decode, answer12_encode};
