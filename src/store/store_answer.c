/*
 * store_answer.c - a store as the owner of a connection: what the engine asks about sessions.
 */
#include <keyturn/conn.h>
#include <keyturn/store.h>

#include "base/fail.h"

static bool keep_all(struct kt_store *store, const struct kt_ask *ask)
{
    bool kept = store != NULL;

    for (size_t i = 0; kept && i < ask->u.keep.count; i++) {
        kept = kt_store_keep(store, ask->u.keep.sessions[i]);
    }
    return kept;
}

static const struct kt_fault *fetch(struct kt_store *store, struct kt_conn *conn, const struct kt_ask *ask)
{
    struct kt_session *session = NULL;
    const struct kt_fault *fault;

    if (store != NULL) {
        session = ask->u.fetch.once ? kt_store_take(store, ask->u.fetch.id, ask->u.fetch.now)
                                    : kt_store_find(store, ask->u.fetch.id, ask->u.fetch.now);
    }
    fault = kt_answer_session(conn, session);
    kt_session_unref(session);
    return fault;
}

const struct kt_fault *kt_store_answer(struct kt_store *store, struct kt_conn *conn)
{
    const struct kt_ask *ask = kt_conn_ask(conn);

    switch (ask != NULL ? ask->kind : KT_ASK_NONE) {
    case KT_ASK_RESUME:
        return kt_answer_resume(conn, store != NULL && kt_store_admit(store, ask->u.resume.session, ask->u.resume.now));
    case KT_ASK_FETCH_SESSION:
        return fetch(store, conn, ask);
    case KT_ASK_KEEP_SESSIONS:
        return kt_answer_kept(conn, keep_all(store, ask));
    case KT_ASK_NONE:
    case KT_ASK_CHOOSE_CONFIG:
    case KT_ASK_CHOOSE_CREDENTIAL:
    case KT_ASK_SIGN:
    case KT_ASK_VERIFY:
    case KT_ASK_FIND_PSK:
    case KT_ASK_DECRYPT:
        break;
    }
    KT_FAIL(USAGE_NOTHING_ASKED);
}
