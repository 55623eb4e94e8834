/*
 * rehandshake.c - further handshakes of TLS 1.2 and below: the wish of the caller, and what the receiving half does
 * with the peer's messages. What the sending half does is in rekey12.c.
 */
#include "conn/conn_impl.h"

#include "hs/rehandshake12.h"

void kt_conn_tell_rehandshake(const struct kt_conn *conn, enum kt_rehandshake_event event, bool own)
{
    struct kt_notice notice = {.kind = KT_NOTICE_REHANDSHAKE, .direction = own ? KT_SENDING : KT_RECEIVING};

    notice.u.rehandshake.event = event;
    notice.u.rehandshake.resumed = event == KT_REHANDSHAKE_DONE && conn->hs.resumed;
    kt_notify(&conn->hs.watch, &notice);
}

static const struct kt_fault *check_may(const struct kt_conn *conn)
{
    if (!kt_conn_is_connected(conn) || conn->hs.version >= KT_TLS_1_3) {
        KT_FAIL(USAGE_STATE);
    }
    if (kt_conn_out_is_closed(conn) || kt_conn_fault(conn) != NULL ||
        (kt_link_bits(&conn->link) & KT_LINK_IN_CLOSED) != 0) {
        KT_FAIL(USAGE_AFTER_CLOSE);
    }
    if (!conn->hs.config->rehandshake.own || !kt_conn_rehandshake_is_safe(conn)) {
        KT_FAIL(USAGE_REHANDSHAKE);
    }
    return NULL;
}

const struct kt_fault *kt_conn_rehandshake(struct kt_conn *conn, enum kt_rehandshake kind)
{
    unsigned wish = kind == KT_FULL ? KT_LINK_ASK | KT_LINK_FULL : KT_LINK_ASK;

    KT_TRY(check_may(conn));
    if (kind != KT_RESUME && kind != KT_FULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    /* One that runs is the one wished for. */
    (void)kt_link_set_if(&conn->link, 0, KT_LINK_RUNS, wish);
    return NULL;
}

/* ---- the receiving half ---- */

/* All that was owed for it is done with: the keys are new, or will not be. */
static void forget(struct kt_conn *conn)
{
    kt_link_clear(&conn->link, KT_LINK_REHANDSHAKE | KT_LINK_WHY);
}

const struct kt_fault *kt_conn_rehandshake_run(struct kt_conn *conn)
{
    bool own = (kt_link_bits(&conn->link) & KT_LINK_OWN) != 0;
    bool done;

    KT_TRY(kt_rehandshake12_run(&conn->hs, &done));
    if (done) {
        kt_conn_tell_rehandshake(conn, KT_REHANDSHAKE_DONE, own);
        forget(conn);
        kt_link_clear(&conn->link, KT_LINK_REFUSED);
    }
    return NULL;
}

static bool grants(struct kt_conn *conn)
{
    return conn->hs.config->rehandshake.peer == KT_REHANDSHAKE_ALLOWED && kt_conn_rehandshake_is_safe(conn) &&
           conn->hs.rehandshakes_left > 0;
}

static void refuse(struct kt_conn *conn)
{
    kt_link_set(&conn->link, KT_LINK_REFUSE);
    kt_conn_tell_rehandshake(conn, KT_REHANDSHAKE_DENIED, false);
}

/* A client that is about to handshake anyway passes over it (RFC 5246 section 7.4.1.1). */
static const struct kt_fault *on_hello_request(struct kt_conn *conn, const struct kt_message *message)
{
    unsigned bits = kt_link_bits(&conn->link);

    KT_TRY(kt_machine_take(&conn->hs, message));
    if ((bits & (KT_LINK_ASK | KT_LINK_ASK_DUE | KT_LINK_RUNS | KT_LINK_OUT_CLOSED)) != 0) {
        return NULL;
    }
    if (!grants(conn)) {
        refuse(conn);
        return NULL;
    }
    conn->hs.rehandshakes_left--;
    kt_link_owe_request(&conn->link, KT_BIRTH_PEER);
    return NULL;
}

/* The answer to a HelloRequest of ours is no wish of the client's. */
static const struct kt_fault *on_client_hello(struct kt_conn *conn, const struct kt_message *message)
{
    unsigned bits = kt_link_bits(&conn->link);
    bool ours = (bits & KT_LINK_ASKED) != 0;

    if ((!ours && !grants(conn)) || (bits & KT_LINK_OUT_CLOSED) != 0) {
        KT_TRY(kt_machine_take(&conn->hs, message));
        refuse(conn);
        return NULL;
    }
    conn->hs.rehandshakes_left -= ours ? 0 : 1;
    kt_link_swap(&conn->link, ours ? 0 : KT_LINK_OWN, KT_LINK_RUNS | KT_LINK_HELD);
    KT_TRY(kt_rehandshake12_accept(&conn->hs, message, ours ? kt_link_why(bits) : KT_BIRTH_PEER,
                                   (bits & KT_LINK_FULL) != 0));
    return kt_conn_rehandshake_run(conn);
}

const struct kt_fault *kt_conn_rehandshake_take(struct kt_conn *conn, const struct kt_message *message)
{
    struct kt_hs *running = kt_rehandshake12_running(&conn->hs);

    if (message->type == KT_MSG_HELLO_REQUEST) {
        return on_hello_request(conn, message);
    }
    if (running != NULL) {
        KT_TRY(kt_machine_take(running, message));
        return kt_conn_rehandshake_run(conn);
    }
    if (message->type == KT_MSG_CLIENT_HELLO && conn->hs.config->role == KT_SERVER) {
        return on_client_hello(conn, message);
    }
    return kt_machine_take(&conn->hs, message);
}

const struct kt_fault *kt_conn_rehandshake_take_ccs(struct kt_conn *conn, bool *taken)
{
    struct kt_hs *running = kt_rehandshake12_running(&conn->hs);

    *taken = false;
    return running != NULL ? kt_machine_take_ccs(running, taken) : NULL;
}

const struct kt_fault *kt_conn_rehandshake_check_data(const struct kt_conn *conn)
{
    const struct kt_hs *running = kt_rehandshake12_running(&conn->hs);

    if (running != NULL && !kt_rehandshake12_takes_data(running)) {
        KT_FAIL(APPLICATION_DATA_EARLY);
    }
    return NULL;
}

bool kt_conn_rehandshake_waits(const struct kt_conn *conn)
{
    const struct kt_hs *running = kt_rehandshake12_running(&conn->hs);

    return running != NULL && kt_state_kind(running->state) == KT_STATE_IS_ASK;
}

struct kt_hs *kt_conn_rehandshake_asking(const struct kt_conn *conn)
{
    struct kt_hs *running = kt_rehandshake12_running(&conn->hs);

    return running != NULL && kt_hs_has_ask(running) ? running : NULL;
}

/* Only an answer to ClientHello or HelloRequest is one; anywhere else it is a warning like others. */
const struct kt_fault *kt_conn_rehandshake_refused(struct kt_conn *conn)
{
    const struct kt_hs *running = kt_rehandshake12_running(&conn->hs);
    bool asked = (kt_link_bits(&conn->link) & KT_LINK_ASKED) != 0;

    if (!asked || (running != NULL && !kt_rehandshake12_is_unanswered(running))) {
        return NULL;
    }
    kt_rehandshake12_drop(&conn->hs);
    kt_link_set(&conn->link, KT_LINK_REFUSED);
    forget(conn);
    kt_conn_tell_rehandshake(conn, KT_REHANDSHAKE_REFUSED_BY_PEER, true);
    if (conn->hs.config->rehandshake.must_succeed) {
        KT_FAIL(REHANDSHAKE_REFUSED);
    }
    return NULL;
}

/* Its messages will not come any more. Data that is held stays unsent: which keys the peer would take it under is not
 * known, and it has said that it reads no more than it must (RFC 5246 section 7.2.1). */
void kt_conn_rehandshake_cut(struct kt_conn *conn)
{
    unsigned bits = kt_link_bits(&conn->link);

    if ((bits & KT_LINK_HELD) != 0) {
        kt_link_owe_alert(&conn->link, KT_ALERT_CLOSE_NOTIFY);
    }
    if ((bits & KT_LINK_RUNS) != 0) {
        kt_rehandshake12_drop(&conn->hs);
        kt_link_clear(&conn->link, KT_LINK_REHANDSHAKE & ~(unsigned)KT_LINK_HELD);
    }
}
