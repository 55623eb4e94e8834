/*
 * ext_renegotiation_info.c - the binding of a further handshake of TLS 1.2 to the one before, empty in a first one (RFC
 * 5746 section 3.2).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, struct kt_span *binding)
{
    if (!kt_form_vec(content, 1, binding)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->renegotiation_info);
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 1, hello->renegotiation_info);
}

const struct kt_ext_codec kt_ext_renegotiation_info_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer12_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;

    return decode(content, &answer->renegotiation_info);
}

static void answer12_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_vec(w, 1, answer->renegotiation_info);
}

const struct kt_ext_codec kt_ext_renegotiation_info_sh12 = {answer12_decode, answer12_encode};
