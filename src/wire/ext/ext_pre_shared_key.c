/*
 * ext_pre_shared_key.c - the sessions a client wants to resume with the proofs that it holds them, and the
 * index of the one the server took (RFC 9846 section 4.3.11).
 */
#include "wire/ext.h"

enum { BINDER_LEAST = 32 };

/* Each identity is a ticket and its age. */
static bool count_identities(struct kt_span list, size_t *count)
{
    struct kt_reader r = kt_reader_over(list);
    struct kt_span identity;
    uint32_t age;

    for (*count = 0; !kt_reader_done(&r); ++*count) {
        if (!(kt_reader_vec16(&r, &identity) && identity.len > 0 && kt_reader_u32(&r, &age))) {
            return false;
        }
    }
    return *count > 0;
}

static bool count_binders(struct kt_span list, size_t *count)
{
    struct kt_reader r = kt_reader_over(list);
    struct kt_span binder;

    for (*count = 0; !kt_reader_done(&r); ++*count) {
        if (!(kt_reader_vec8(&r, &binder) && binder.len >= BINDER_LEAST)) {
            return false;
        }
    }
    return *count > 0;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;
    struct kt_reader r = kt_reader_over(content);
    size_t identities, binders;

    if (!(kt_reader_vec16(&r, &hello->psk_identities) && kt_reader_vec16(&r, &hello->psk_binders) &&
          kt_reader_done(&r) && count_identities(hello->psk_identities, &identities) &&
          count_binders(hello->psk_binders, &binders))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    if (identities != binders) {
        KT_FAIL(PSK_BINDER_COUNT);
    }
    return NULL;
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 2, hello->psk_identities);
    kt_put_vec(w, 2, hello->psk_binders);
}

const struct kt_ext_codec kt_ext_pre_shared_key_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u16(&r, &answer->psk_index) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_u16(w, answer->psk_index);
}

const struct kt_ext_codec kt_ext_pre_shared_key_sh = {answer_decode, answer_encode};
