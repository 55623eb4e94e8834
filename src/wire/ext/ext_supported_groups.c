/*
 * ext_supported_groups.c - the key exchange groups of a peer, most preferred first (RFC 9846 section 4.3.7).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, struct kt_id_list *list)
{
    if (!kt_form_ids(content, 2, list)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    return decode(content, &hello->groups);
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 2, hello->groups.wire);
}

const struct kt_ext_codec kt_ext_supported_groups_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_encrypted_extensions *answer = message;

    return decode(content, &answer->groups);
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_encrypted_extensions *answer = message;

    kt_put_vec(w, 2, answer->groups.wire);
}

const struct kt_ext_codec kt_ext_supported_groups_ee = {answer_decode, answer_encode};
