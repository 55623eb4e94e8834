/*
 * ext_session_ticket.c - the ticket of TLS 1.2, of any content; empty asks for one (RFC 5077 section 3.2).
 */
#include "wire/ext.h"

static const struct kt_fault *decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;

    hello->session_ticket = content;
    return NULL;
}

static void encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_put_bytes(w, hello->session_ticket);
}

const struct kt_ext_codec kt_ext_session_ticket_ch = {decode, encode};
