/*
 * ext_key_share.c - the halves of the key exchange (RFC 9846 section 4.3.8): the client's shares, the
 * server's one, and the group a HelloRetryRequest asks for.
 */
#include "wire/ext.h"
#include "wire/number_set.h"

static bool read_share(struct kt_reader *r, struct kt_key_share *share)
{
    return kt_reader_u16(r, &share->group) && kt_reader_vec16(r, &share->key) && share->key.len > 0;
}

bool kt_key_share_next(struct kt_span *rest, struct kt_key_share *out)
{
    struct kt_reader r = kt_reader_over(*rest);

    if (!read_share(&r, out)) {
        return false;
    }
    *rest = kt_reader_rest(&r);
    return true;
}

/* Each group may be used up once, so a second share and one of a group that is not listed fail alike. */
bool kt_key_shares_fit(struct kt_span shares, const struct kt_id_list *groups)
{
    struct kt_number_set open_groups;
    struct kt_key_share share;

    kt_number_set_fill(&open_groups, groups == NULL);
    for (size_t i = 0; groups != NULL && i < kt_id_list_count(*groups); i++) {
        (void)!kt_number_set_add(&open_groups, kt_id_list_at(*groups, i));
    }
    while (kt_key_share_next(&shares, &share)) {
        if (!kt_number_set_take(&open_groups, share.group)) {
            return false;
        }
    }
    return true;
}

static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;
    struct kt_key_share share;
    struct kt_span rest;

    if (!kt_form_vec(content, 2, &hello->key_shares)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    rest = hello->key_shares;
    while (kt_key_share_next(&rest, &share)) {
    }
    if (rest.len != 0) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_vec(w, 2, hello->key_shares);
}

const struct kt_ext_codec kt_ext_key_share_ch = {hello_decode, hello_encode};

static const struct kt_fault *answer_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;
    struct kt_reader r = kt_reader_over(content);

    if (!(read_share(&r, &answer->key_share) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void answer_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_u16(w, answer->key_share.group);
    kt_put_vec(w, 2, answer->key_share.key);
}

const struct kt_ext_codec kt_ext_key_share_sh = {answer_decode, answer_encode};

static const struct kt_fault *retry_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *retry = message;
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u16(&r, &retry->key_share.group) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void retry_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *retry = message;

    kt_put_u16(w, retry->key_share.group);
}

const struct kt_ext_codec kt_ext_key_share_hrr = {retry_decode, retry_encode};
