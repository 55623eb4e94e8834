/*
 * answer.c - the asks as the owner sees them, and the answers.
 */
#include "conn/conn_impl.h"

#include "hs/psk13.h"

/* The handshake whose ask is open, or NULL: the first one, or an exchange after it. */
static struct kt_hs *asking(const struct kt_conn *conn)
{
    struct kt_hs *again = kt_conn_is_connected(conn) ? kt_conn_rehandshake_asking(conn) : NULL;

    if (kt_conn_fault(conn) != NULL) {
        return NULL;
    }
    /* What the peer says behind it can only be read when it was answered, closed or not. */
    if (again != NULL) {
        return again;
    }
    if (kt_conn_out_is_closed(conn)) {
        return NULL;
    }
    if (kt_conn_is_connected(conn)) {
        return kt_post_auth_asking(&conn->hs);
    }
    return kt_hs_has_ask(&conn->hs) ? (struct kt_hs *)&conn->hs : NULL;
}

const struct kt_ask *kt_conn_ask(const struct kt_conn *conn)
{
    const struct kt_hs *hs = asking(conn);

    return hs != NULL ? &hs->work->ask : NULL;
}

/* The handshake that asks for this, or NULL. */
static struct kt_hs *asking_for(const struct kt_conn *conn, enum kt_ask_kind kind)
{
    struct kt_hs *hs = asking(conn);

    return hs != NULL && hs->work->ask.kind == kind ? hs : NULL;
}

/* The answer is there: the machine goes on. */
static const struct kt_fault *answered(struct kt_conn *conn, struct kt_hs *hs)
{
    hs->work->answered = true;
    return kt_conn_process(conn);
}

const struct kt_fault *kt_answer_config(struct kt_conn *conn, struct kt_config *config)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_CHOOSE_CONFIG);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    if (config != NULL && config->role != KT_SERVER) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (config != NULL) {
        kt_config_unref(conn->hs.config);
        conn->hs.config = kt_config_ref(config);
        conn->hs.post_messages = kt_budget_of(config->lifetime.peer_budget);
        conn->rx.chain_limit = config->chain_limit;
        conn->tx.padding = config->padding;
    }
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_credential(struct kt_conn *conn, struct kt_credential *credential)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_CHOOSE_CREDENTIAL);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    hs->work->answer_credential = credential == NULL ? NULL : kt_credential_ref(credential);
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_signature(struct kt_conn *conn, const uint8_t *signature, size_t len)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_SIGN);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    if (len == 0 || len > KT_SIGNATURE_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    kt_copy(hs->work->signature, signature, len);
    hs->work->signature_len = len;
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_verified(struct kt_conn *conn)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_VERIFY);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_resume(struct kt_conn *conn, bool yes)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_RESUME);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    hs->work->answer_resume = yes;
    return answered(conn, hs);
}

/* Whether the key goes by an identity that was shown, under any hash. */
static bool is_shown(const struct kt_hs *hs, const struct kt_psk *psk)
{
    const struct kt_ask *ask = &hs->work->ask;
    const struct kt_config *config = hs->config;

    for (size_t i = 0; i < ask->u.find_psk.count; i++) {
        for (size_t j = 0; j < config->suite_count; j++) {
            if (kt_psk13_fits(psk, ask->u.find_psk.identities[i], config->suites[j]->hash)) {
                return true;
            }
        }
    }
    return false;
}

const struct kt_fault *kt_answer_psk(struct kt_conn *conn, struct kt_psk *psk)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_FIND_PSK);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    if (psk != NULL && !is_shown(hs, psk)) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    hs->work->answer_psk = psk == NULL ? NULL : kt_psk_ref(psk);
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_session(struct kt_conn *conn, struct kt_session *session)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_FETCH_SESSION);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    if (session != NULL && !kt_span_same(kt_session_facts(session).id, hs->work->ask.u.fetch.id)) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    hs->work->session = session == NULL ? NULL : kt_session_ref(session);
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_kept(struct kt_conn *conn, bool yes)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_KEEP_SESSIONS);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    hs->work->answer_kept = yes;
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_decrypted(struct kt_conn *conn, const uint8_t premaster[48], size_t len)
{
    struct kt_hs *hs = asking_for(conn, KT_ASK_DECRYPT);

    if (hs == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    if (premaster == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    kt_hs_decrypted(hs, premaster, len);
    return answered(conn, hs);
}

const struct kt_fault *kt_answer_refuse(struct kt_conn *conn, const struct kt_fault *fault)
{
    if (kt_conn_ask(conn) == NULL) {
        KT_FAIL(USAGE_NOTHING_ASKED);
    }
    (void)kt_conn_fail(conn, fault != NULL ? fault : KT_FAULT(ASK_REFUSED));
    kt_hs_abandon(&conn->hs);
    return NULL;
}
