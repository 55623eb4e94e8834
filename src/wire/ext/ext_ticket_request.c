/*
 * ext_ticket_request.c - how many tickets a client wants, and how many it will get (RFC 9149 section 3).
 */
#include "wire/ext.h"

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u8(&r, &hello->tickets_new) && kt_reader_u8(&r, &hello->tickets_resumed) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_u8(w, hello->tickets_new);
    kt_put_u8(w, hello->tickets_resumed);
}

const struct kt_ext_codec kt_ext_ticket_request_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_encrypted_extensions *answer = message;
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u8(&r, &answer->tickets_expected) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_encrypted_extensions *answer = message;

    kt_put_u8(w, answer->tickets_expected);
}

const struct kt_ext_codec kt_ext_ticket_request_ee = {answer_decode, answer_encode};
