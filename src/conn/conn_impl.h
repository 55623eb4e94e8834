/*
 * conn_impl.h - a connection: two halves, the handshake, and one atomic word between the halves.
 */
#ifndef KT_CONN_IMPL_H
#define KT_CONN_IMPL_H

#include <keyturn/conn.h>
#include <keyturn/inspect.h>

#include "hs/post_auth13.h"
#include "hs/resume.h"
#include "record/carrier_tls.h"
#include "record/flight.h"
#include "record/link.h"

struct kt_conn {
    struct kt_hs hs; /* after the handshake it belongs to the receiving half */
    struct kt_carrier_tls carrier;
    void *owner;
    struct kt_config *base; /* of kt_conn_new: its environment serves to the end, whatever hs.config becomes */
    uint64_t begun_ms;
    uint32_t handshake_ms;

    /* shared by the halves */
    struct kt_link link;
    _Atomic(const struct kt_fault *) fault;
    atomic_int alert_received; /* -1: none */
    atomic_bool connected;     /* set once, by the thread of the handshake */

    /* receiving half */
    struct kt_rx rx;
    struct kt_span data; /* application data shown or to be shown */
    bool in_closed;
    uint64_t refilled_ms; /* when time last gave the peer messages after the handshake */
    struct kt_budget warnings;
    struct kt_budget ccs;

    /* sending half */
    struct kt_tx tx;
    struct kt_flight_queue flights;
    bool lent;               /* memory for a record is lent: nothing may be put before it */
    uint64_t last_change_ms; /* when we last started a key change, 0: never */
    uint64_t asked_ms;       /* when the outstanding request was sent */
    bool close_owed;         /* close_notify waits for room */
};

/* input.c: goes on with what was received, as far as it can. */
KT_MUST_USE const struct kt_fault *kt_conn_process(struct kt_conn *conn);

/* rekey.c: pays what is owed by the sending half, as far as there is room; before each record. */
KT_MUST_USE const struct kt_fault *kt_conn_pay(struct kt_conn *conn);
/* Whether paying would put out something. Any thread. */
bool kt_conn_owes(const struct kt_conn *conn);

/* rekey12.c: the same for key changes of TLS 1.2 and below. */
KT_MUST_USE const struct kt_fault *kt_conn_pay12(struct kt_conn *conn);
bool kt_conn_owes12(const struct kt_conn *conn);
uint64_t kt_conn_change_deadline12(const struct kt_conn *conn);
/* No data may go out now, though the connection is open: new keys are on their way. */
bool kt_conn_holds_data(const struct kt_conn *conn);
bool kt_conn_rehandshake_is_safe(const struct kt_conn *conn);

/* rehandshake.c: the receiving half. */
KT_MUST_USE const struct kt_fault *kt_conn_rehandshake_take(struct kt_conn *conn, const struct kt_message *message);
KT_MUST_USE const struct kt_fault *kt_conn_rehandshake_take_ccs(struct kt_conn *conn, bool *taken);
KT_MUST_USE const struct kt_fault *kt_conn_rehandshake_run(struct kt_conn *conn);
/* The peer's data may come now: APPLICATION_DATA_EARLY. */
KT_MUST_USE const struct kt_fault *kt_conn_rehandshake_check_data(const struct kt_conn *conn);
/* It waits for its owner, and nothing is read meanwhile. */
bool kt_conn_rehandshake_waits(const struct kt_conn *conn);
struct kt_hs *kt_conn_rehandshake_asking(const struct kt_conn *conn);
/* The peer's no_renegotiation: REHANDSHAKE_REFUSED when that may not be. */
KT_MUST_USE const struct kt_fault *kt_conn_rehandshake_refused(struct kt_conn *conn);
/* The peer has closed. */
void kt_conn_rehandshake_cut(struct kt_conn *conn);
void kt_conn_tell_rehandshake(const struct kt_conn *conn, enum kt_rehandshake_event event, bool own);

/* conn.c: the connection fails, once and for good; the alert is owed. Returns the fault it has failed with. */
const struct kt_fault *kt_conn_fail(struct kt_conn *conn, const struct kt_fault *fault);

static inline uint64_t kt_conn_now(const struct kt_conn *conn)
{
    const struct kt_env *env = &conn->base->env;

    return env->monotonic_ms(env->user);
}

static inline bool kt_conn_out_is_closed(const struct kt_conn *conn)
{
    return (kt_link_bits(&conn->link) & KT_LINK_OUT_CLOSED) != 0;
}

#endif
