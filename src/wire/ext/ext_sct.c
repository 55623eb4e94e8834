/*
 * ext_sct.c - signed certificate timestamps beside a certificate, in TLS 1.2 in ServerHello (RFC 6962 section 3.3). The
 * wish for them is empty.
 */
#include "wire/ext.h"

bool kt_sct_list_is_whole(struct kt_span list)
{
    struct kt_span entries;

    return kt_form_vec(list, 2, &entries) && entries.len > 0 && kt_form_entries(entries, 2);
}

unsigned kt_sct_count(struct kt_span list)
{
    struct kt_reader r = kt_reader_over(list);
    struct kt_span entry;
    unsigned count = 0;
    uint16_t len;

    if (kt_reader_u16(&r, &len)) {
        while (kt_reader_vec16(&r, &entry)) {
            count++;
        }
    }
    return count;
}

static const struct kt_fault *decode(struct kt_span content, struct kt_span *list)
{
    if (!kt_sct_list_is_whole(content)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    *list = content;
    return NULL;
}

static const struct kt_fault *certificate_decode(struct kt_span content, void *message)
{
    struct kt_certificate *certificate = message;

    return decode(content, &certificate->sct_list);
}

static void certificate_encode(struct kt_writer *w, const void *message)
{
    const struct kt_certificate *certificate = message;

    kt_put_bytes(w, certificate->sct_list);
}

const struct kt_ext_codec kt_ext_sct_ct = {certificate_decode, certificate_encode};

static const struct kt_fault *answer12_decode(struct kt_span content, void *message)
{
    struct kt_server_hello *answer = message;

    return decode(content, &answer->sct_list);
}

static void answer12_encode(struct kt_writer *w, const void *message)
{
    const struct kt_server_hello *answer = message;

    kt_put_bytes(w, answer->sct_list);
}

const struct kt_ext_codec kt_ext_sct_sh12 = {answer12_decode, answer12_encode};
