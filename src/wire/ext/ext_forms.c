/*
 * ext_forms.c - forms that several extensions have.
 */
#include "wire/ext.h"

bool kt_form_vec(struct kt_span content, size_t size, struct kt_span *out)
{
    struct kt_reader r = kt_reader_over(content);

    return kt_reader_vec(&r, size, out) && kt_reader_done(&r);
}

bool kt_form_ids(struct kt_span content, size_t size, struct kt_id_list *out)
{
    return kt_form_vec(content, size, &out->wire) && out->wire.len > 0 && out->wire.len % 2 == 0;
}

bool kt_form_entries(struct kt_span list, size_t size)
{
    struct kt_reader r = kt_reader_over(list);
    struct kt_span entry;

    while (!kt_reader_done(&r)) {
        if (!kt_reader_vec(&r, size, &entry) || entry.len == 0) {
            return false;
        }
    }
    return true;
}

static const struct kt_fault *empty_decode(struct kt_span content, void *message)
{
    (void)message;
    if (content.len != 0) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void empty_encode(struct kt_writer *w, const void *message)
{
    (void)w;
    (void)message;
}

const struct kt_ext_codec kt_ext_empty = {empty_decode, empty_encode};
