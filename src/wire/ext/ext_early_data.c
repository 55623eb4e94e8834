/*
 * ext_early_data.c - how much early data a ticket allows (RFC 9846 section 4.3.10). In hellos it is empty.
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    struct kt_new_session_ticket *ticket = message;
    struct kt_reader r = kt_reader_over(content);

    if (!(kt_reader_u32(&r, &ticket->max_early_data) && kt_reader_done(&r))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    const struct kt_new_session_ticket *ticket = message;

    kt_put_u32(w, ticket->max_early_data);
}

const struct kt_ext_codec kt_ext_early_data_nst = {decode, encode};
