/*
 * After the handshake, TLS 1.3 (RFC 9846 section 4.7).
 */
#include "hs/resume.h"

/*
 * The answer is owed by the sending half, never written from here: however many requests come before it moves, one
 * answer goes out (R4). What the budget is refilled by is the connection's affair (R7).
 */
static const struct kt_fault *p13_on_key_update(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_key_update update;

    KT_TRY(kt_key_update_decode(message->body, &update));
    if (!kt_budget_spend(&hs->post_messages)) {
        KT_FAIL(KEY_UPDATE_FLOOD);
    }
    *next = hs->state;
    return hs->carrier.ops->peer_updated(hs->carrier.self, update.requested);
}

/* A client that does not resume ignores tickets (section 4.7.1), but not malformed ones. */
static const struct kt_fault *p13_on_new_session_ticket(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    struct kt_new_session_ticket ticket;

    KT_TRY(kt_new_session_ticket_decode(message->body, &ticket));
    if (!kt_budget_spend(&hs->post_messages)) {
        KT_FAIL(NO_PROGRESS);
    }
    *next = hs->state;
    return kt_resume_take_ticket(hs, &ticket);
}

static const struct kt_row rows[] = {
    {KT_STATE_C13_CONNECTED,
     KT_ROW_LAST_IN_RECORD | KT_ROW_NO_HASH,
     KT_MSG_KEY_UPDATE,
     {KT_STATE_C13_CONNECTED},
     p13_on_key_update},
    {KT_STATE_C13_CONNECTED,
     KT_ROW_NO_HASH,
     KT_MSG_NEW_SESSION_TICKET,
     {KT_STATE_C13_CONNECTED},
     p13_on_new_session_ticket},
    {KT_STATE_S13_CONNECTED,
     KT_ROW_LAST_IN_RECORD | KT_ROW_NO_HASH,
     KT_MSG_KEY_UPDATE,
     {KT_STATE_S13_CONNECTED},
     p13_on_key_update},
};
const struct kt_table kt_table_post13 = {"post13", rows, KT_COUNT_OF(rows)};
