/*
 * ext_cookie.c - what a server gives in HelloRetryRequest and gets back in ClientHello (RFC 9846
 * section 4.3.2).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, struct kt_span *cookie)
{
    if (!(kt_form_vec(content, 2, cookie) && cookie->len > 0)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->cookie);
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 2, hello->cookie);
}

const struct kt_ext_codec kt_ext_cookie_ch = {hello_decode, hello_encode};

static const struct kt_fault *retry_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *retry = message;

    return decode(content, &retry->cookie);
}

static void retry_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *retry = message;

    kt_put_vec(w, 2, retry->cookie);
}

const struct kt_ext_codec kt_ext_cookie_hrr = {retry_decode, retry_encode};
