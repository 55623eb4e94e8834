/*
 * After the handshake, TLS 1.2 and below: the peer's wish for another one.
 */
#include "hs/hs.h"
#include "wire/messages12.h"

/* A client may pass over it (RFC 5246 section 7.4.1.1), but not without end. */
static const struct kt_fault *p12_on_hello_request(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_empty12_decode(message->body));
    if (!kt_budget_spend(&hs->post_messages)) {
        KT_FAIL(NO_PROGRESS);
    }
    *next = hs->state;
    return NULL;
}

static const struct kt_fault *p12_on_client_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = hs->state;
    KT_FAIL(REHANDSHAKE_REFUSED);
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
