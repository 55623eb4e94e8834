/*
 * After the handshake, TLS 1.2 and below: the peer's wish for another one.
 */
#include "hs/hs.h"
#include "wire/messages12.h"

/* A peer that does not stop asking is a flood, whatever its wishes meet (field survey, CVE-2011-1473). */
static const struct kt_fault *take_wish(struct kt_hs *hs)
{
    if (!kt_budget_spend(&hs->post_messages)) {
        KT_FAIL(REHANDSHAKE_FLOOD);
    }
    return NULL;
}

/* The wish is granted, refused or passed over by who owns both halves: it is no business of the state. */
static const struct kt_fault *p12_on_hello_request(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_empty12_decode(message->body));
    *next = hs->state;
    return take_wish(hs);
}

/* Only one that is refused comes here; the other begins a handshake of its own (rehandshake12.h). */
static const struct kt_fault *p12_on_client_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = hs->state;
    return take_wish(hs);
}

static const struct kt_row rows[] = {
    {KT_STATE_C12_CONNECTED, KT_ROW_NO_HASH, KT_MSG_HELLO_REQUEST, {KT_STATE_C12_CONNECTED}, p12_on_hello_request},
    {KT_STATE_S12_CONNECTED,
     KT_ROW_LAST_IN_RECORD | KT_ROW_NO_HASH,
     KT_MSG_CLIENT_HELLO,
     {KT_STATE_S12_CONNECTED},
     p12_on_client_hello},
};
const struct kt_table kt_table_post12 = {"post12", rows, KT_COUNT_OF(rows)};
