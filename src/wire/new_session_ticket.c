/*
 * new_session_ticket.c - NewSessionTicket (RFC 9846 section 4.7.1).
 */
#include "wire/ext.h"

static const struct kt_ext_place place = {
    .home = IN_NST,
    .codecs = {[KT_EXT_EARLY_DATA] = &kt_ext_early_data_nst},
};

const struct kt_fault *kt_new_session_ticket_decode(struct kt_span body, struct kt_new_session_ticket *out)
{
    struct kt_reader r = kt_reader_over(body);
    struct kt_span block;

    *out = (struct kt_new_session_ticket){0};
    if (!(kt_reader_u32(&r, &out->lifetime_seconds) && kt_reader_u32(&r, &out->age_add) &&
          kt_reader_vec8(&r, &out->nonce) && kt_reader_vec16(&r, &out->ticket) && out->ticket.len > 0 &&
          kt_exts_read(&r, &block))) {
        KT_FAIL(NEW_SESSION_TICKET_MALFORMED);
    }
    return kt_exts_decode(block, &place, 0, &out->seen, out);
}

void kt_new_session_ticket_encode(struct kt_writer *w, const struct kt_new_session_ticket *message)
{
    kt_message_open(w, KT_MSG_NEW_SESSION_TICKET);
    kt_put_u32(w, message->lifetime_seconds);
    kt_put_u32(w, message->age_add);
    kt_put_vec(w, 1, message->nonce);
    kt_put_vec(w, 2, message->ticket);
    kt_writer_open(w, 2);
    kt_ext_encode_grease(w, message->grease_ext, kt_span_of(NULL, 0));
    kt_exts_encode(w, &place, message->seen, message);
    kt_writer_close(w);
    kt_writer_close(w);
}
