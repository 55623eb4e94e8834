/*
 * new_session_ticket12.c - NewSessionTicket of TLS 1.2 and below (RFC 5077 section 3.3).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

const struct kt_fault *kt_new_session_ticket12_decode(struct kt_span body, struct kt_new_session_ticket12 *out)
{
    struct kt_reader r = kt_reader_over(body);

    *out = (struct kt_new_session_ticket12){0};
    if (!(kt_reader_u32(&r, &out->lifetime_hint) && kt_reader_vec16(&r, &out->ticket) && kt_reader_done(&r))) {
        KT_FAIL(NEW_SESSION_TICKET_MALFORMED);
    }
    return NULL;
}

void kt_new_session_ticket12_encode(struct kt_writer *w, const struct kt_new_session_ticket12 *message)
{
    kt_message_open(w, KT_MSG_NEW_SESSION_TICKET);
    kt_put_u32(w, message->lifetime_hint);
    kt_put_vec(w, 2, message->ticket);
    kt_writer_close(w);
}
