/*
 * ext_record_size_limit.c - the longest record a side wants to receive (RFC 8449 section 4).
 */
#include "wire/ext.h"

enum { LIMIT_LEAST = 64 };

static const struct kt_fault *decode(struct kt_span content, uint16_t *limit)
{
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u16(&r, limit) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    if (*limit < LIMIT_LEAST) {
        KT_FAIL_ALERT(EXTENSION_MALFORMED, ILLEGAL_PARAMETER);
    }
    return NULL;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->record_size_limit);
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_u16(w, hello->record_size_limit);
}

const struct kt_ext_codec kt_ext_record_size_limit_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_encrypted_extensions *answer = message;

    return decode(content, &answer->record_size_limit);
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_encrypted_extensions *answer = message;

    kt_put_u16(w, answer->record_size_limit);
}

const struct kt_ext_codec kt_ext_record_size_limit_ee = {answer_decode, answer_encode};

static const struct kt_fault *answer12_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;

    return decode(content, &answer->record_size_limit);
}

static void answer12_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_u16(w, answer->record_size_limit);
}

const struct kt_ext_codec kt_ext_record_size_limit_sh12 = {answer12_decode, answer12_encode};
