/*
 * ext_max_fragment_length.c - the older way to ask for short records: a code for 512 to 4096 (RFC 6066
 * section 4).
 */
#include "wire/ext.h"

enum { CODE_FIRST = 1, CODE_LAST = 4 };

static const struct kt_fault *decode(struct kt_span content, uint8_t *code)
{
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u8(&r, code) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    if (*code < CODE_FIRST || *code > CODE_LAST) {
        KT_FAIL_ALERT(EXTENSION_MALFORMED, ILLEGAL_PARAMETER);
    }
    return NULL;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->max_fragment_length);
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_u8(w, hello->max_fragment_length);
}

const struct kt_ext_codec kt_ext_max_fragment_length_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_encrypted_extensions *answer = message;

    return decode(content, &answer->max_fragment_length);
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_encrypted_extensions *answer = message;

    kt_put_u8(w, answer->max_fragment_length);
}

const struct kt_ext_codec kt_ext_max_fragment_length_ee = {answer_decode, answer_encode};

static const struct kt_fault *answer12_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;

    return decode(content, &answer->max_fragment_length);
}

static void answer12_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_u8(w, answer->max_fragment_length);
}

const struct kt_ext_codec kt_ext_max_fragment_length_sh12 = {answer12_decode, answer12_encode};
