/*
 * rekey.c - the sending half pays what is owed: alerts, flights, the close, and key changes by the lifetime contract.
 *
 * Everything that must go out besides data comes through here, between two records (field rule R4).
 */
#include "conn/conn_impl.h"

/* A change of keys that is due. */
struct change {
    bool wanted;
    bool request; /* the peer shall change its key, too */
    enum kt_birth why;
};

/* What is owed. A peer that has closed is not asked and owes no answer, whatever was set before it was known. */
static unsigned owed(const struct kt_conn *conn)
{
    unsigned bits = kt_link_bits(&conn->link);

    return (bits & KT_LINK_IN_CLOSED) != 0 ? bits & ~(unsigned)(KT_LINK_ASK | KT_LINK_ASK_DUE | KT_LINK_ASKED) : bits;
}

static bool pace_allows(const struct kt_conn *conn, uint64_t now)
{
    return conn->last_change_ms == 0 || now - conn->last_change_ms >= conn->hs.config->lifetime.min_gap_ms;
}

/* The peer's key has grown old by time alone; records and bytes are seen by the receiving half. */
static bool peer_key_is_old(const struct kt_conn *conn, uint64_t now)
{
    uint64_t max_ms = (uint64_t)conn->hs.config->lifetime.receiving.max_seconds * 1000;
    uint64_t born = atomic_load(&conn->link.peer_key_born_ms);

    return max_ms != 0 && now >= born && now - born >= max_ms;
}

/* Requests that the peer may be sent now: never a second one while one is outstanding (RFC 9846 section 4.7.3). */
static void add_request(const struct kt_conn *conn, unsigned bits, uint64_t now, struct change *change)
{
    if ((bits & (KT_LINK_ASKED | KT_LINK_IN_CLOSED)) != 0) {
        return;
    }
    if ((bits & KT_LINK_ASK) != 0) {
        *change = (struct change){true, true, KT_BIRTH_CALLER};
    } else if ((bits & KT_LINK_ASK_DUE) != 0 && pace_allows(conn, now)) {
        *change = (struct change){true, true, kt_link_why(bits)};
    } else if (peer_key_is_old(conn, now) && pace_allows(conn, now)) {
        *change = (struct change){true, true, KT_BIRTH_SECONDS};
    }
}

static const struct kt_fault *decide_change(const struct kt_conn *conn, unsigned bits, uint64_t now,
                                            struct change *change)
{
    *change = (struct change){0};
    switch (kt_epoch_due_sending(&conn->tx.epoch, &conn->hs.config->lifetime, kt_suite_max_records(conn->tx.suite),
                                 conn->last_change_ms, now, &change->why)) {
    case KT_DUE_CLOSE:
        KT_FAIL(LIFETIME_EPOCHS_SPENT);
    case KT_DUE_CHANGE:
        change->wanted = true;
        break;
    case KT_DUE_NOTHING:
        break;
    }
    if ((bits & KT_LINK_SEND) != 0) {
        *change = (struct change){true, false, KT_BIRTH_CALLER};
    }
    /* The last epoch ignores requests (RFC 9846 section 4.7.3). */
    if ((bits & KT_LINK_ANSWER) != 0 && conn->tx.epoch.number < KT_EPOCH_LAST) {
        *change = (struct change){true, false, KT_BIRTH_PEER};
    }
    add_request(conn, bits, now, change);
    return NULL;
}

/*
 * What was owed is taken off before it is paid: a request that comes in between is owed anew, not lost. That we
 * asked is set behind the message: an update of the peer that crosses it is not taken for the answer.
 */
static const struct kt_fault *change_keys(struct kt_conn *conn, unsigned bits, const struct change *change,
                                          uint64_t now)
{
    kt_link_clear(&conn->link, bits & (KT_LINK_ANSWER | KT_LINK_SEND));
    if (change->why != KT_BIRTH_PEER) {
        conn->last_change_ms = now;
    }
    KT_TRY(kt_tx_key_update(&conn->tx, change->request, change->why, now));
    if (change->request) {
        conn->asked_ms = now;
        kt_link_swap(&conn->link, KT_LINK_ASK | KT_LINK_ASK_DUE | KT_LINK_WHY,
                     KT_LINK_SENT | KT_LINK_ASKED | (unsigned)change->why << KT_LINK_WHY_AT);
    }
    return NULL;
}

static bool answer_is_late(const struct kt_conn *conn, unsigned bits, uint64_t now)
{
    uint64_t max_ms = (uint64_t)conn->hs.config->lifetime.answer_seconds * 1000;

    return (bits & KT_LINK_ASKED) != 0 && max_ms != 0 && now - conn->asked_ms >= max_ms;
}

static const struct kt_fault *pay_rekey(struct kt_conn *conn, unsigned bits)
{
    uint64_t now = kt_conn_now(conn);
    struct change change;

    if (answer_is_late(conn, bits, now)) {
        KT_FAIL(LIFETIME_NO_ANSWER);
    }
    KT_TRY(decide_change(conn, bits, now, &change));
    if (change.wanted && kt_tx_can_update(&conn->tx)) {
        return change_keys(conn, bits, &change, now);
    }
    if (!change.wanted) {
        kt_link_clear(&conn->link, bits & KT_LINK_ANSWER); /* ignored */
    }
    return NULL;
}

/* An alert, then nothing: the sending half is closed. */
static const struct kt_fault *pay_alert(struct kt_conn *conn, uint8_t alert)
{
    uint8_t level = alert == KT_ALERT_CLOSE_NOTIFY ? 1 : 2;

    kt_link_set(&conn->link, KT_LINK_OUT_CLOSED);
    return kt_tx_alert(&conn->tx, level, alert);
}

/* A handshake that is broken off says so first (RFC 9846 section 6.1). */
static const struct kt_fault *pay_close(struct kt_conn *conn)
{
    conn->close_owed = false;
    if (!kt_conn_is_connected(conn)) {
        KT_TRY(kt_tx_alert(&conn->tx, 1, KT_ALERT_USER_CANCELED));
    }
    return pay_alert(conn, KT_ALERT_CLOSE_NOTIFY);
}

/*
 * A flight goes out in one piece: a change of keys that is due comes before it or behind it. Before, so that a limit is
 * passed by the records of one flight at most.
 */
static const struct kt_fault *pay_flights(struct kt_conn *conn, bool *paid)
{
    *paid = true;
    while (*paid && kt_flights_owed(&conn->flights, &conn->link)) {
        if (!kt_flight_is_begun(&conn->flights) && conn->hs.version >= KT_TLS_1_3) {
            KT_TRY(pay_rekey(conn, owed(conn)));
        }
        KT_TRY(kt_flight_pay(&conn->flights, &conn->link, &conn->tx, paid));
    }
    return NULL;
}

static const struct kt_fault *pay_connected(struct kt_conn *conn)
{
    bool old = conn->hs.version < KT_TLS_1_3;
    bool paid;

    if (old) {
        KT_TRY(kt_conn_pay12(conn));
    }
    KT_TRY(pay_flights(conn, &paid));
    if (!paid) {
        return NULL;
    }
    if (conn->close_owed) {
        return pay_close(conn);
    }
    return old ? NULL : pay_rekey(conn, owed(conn));
}

static const struct kt_fault *pay(struct kt_conn *conn)
{
    unsigned bits = owed(conn);

    if ((bits & KT_LINK_OUT_CLOSED) != 0) {
        return NULL;
    }
    if ((bits & KT_LINK_ALERT) != 0) {
        return pay_alert(conn, (uint8_t)(bits >> KT_LINK_ALERT_AT));
    }
    if (kt_conn_is_connected(conn)) {
        return pay_connected(conn);
    }
    return conn->close_owed ? pay_close(conn) : NULL;
}

const struct kt_fault *kt_conn_pay(struct kt_conn *conn)
{
    const struct kt_fault *fault = pay(conn);

    if (fault != NULL) {
        fault = kt_conn_fail(conn, fault);
        /* The reason may be one that ends with a clean close: the alert goes out now. */
        if (!kt_conn_out_is_closed(conn)) {
            (void)pay(conn);
        }
    }
    return fault;
}

bool kt_conn_owes(const struct kt_conn *conn)
{
    unsigned bits = owed(conn);
    struct change change;

    if ((bits & KT_LINK_OUT_CLOSED) != 0) {
        return false;
    }
    if ((bits & KT_LINK_ALERT) != 0 || conn->close_owed || kt_flights_owed(&conn->flights, &conn->link)) {
        return true;
    }
    if (kt_conn_is_connected(conn) && conn->hs.version < KT_TLS_1_3) {
        return kt_conn_owes12(conn);
    }
    return kt_conn_is_connected(conn) && decide_change(conn, bits, kt_conn_now(conn), &change) == NULL &&
           change.wanted && kt_tx_can_update(&conn->tx);
}

const struct kt_fault *kt_conn_rekey(struct kt_conn *conn, enum kt_rekey what)
{
    if (!kt_conn_is_connected(conn)) {
        KT_FAIL(USAGE_STATE);
    }
    if (kt_conn_out_is_closed(conn) || kt_conn_fault(conn) != NULL) {
        KT_FAIL(USAGE_AFTER_CLOSE);
    }
    if (conn->hs.version < KT_TLS_1_3) {
        KT_FAIL(USAGE_STATE);
    }
    kt_link_set(&conn->link, what == KT_REKEY_BOTH ? KT_LINK_SEND | KT_LINK_ASK : KT_LINK_SEND);
    return NULL;
}

unsigned kt_conn_pending_rekey(const struct kt_conn *conn)
{
    unsigned bits = owed(conn);
    unsigned pending = KT_PENDING_NONE;

    if ((bits & KT_LINK_OUT_CLOSED) != 0) {
        return pending;
    }
    if (kt_conn_is_connected(conn) && conn->hs.version < KT_TLS_1_3) {
        return (bits & KT_LINK_REHANDSHAKE) != 0 ? KT_PENDING_REHANDSHAKE : KT_PENDING_NONE;
    }
    if ((bits & (KT_LINK_ANSWER | KT_LINK_SEND | KT_LINK_ASK | KT_LINK_ASK_DUE)) != 0) {
        pending |= KT_PENDING_SEND;
    }
    if ((bits & (KT_LINK_ASK | KT_LINK_ASK_DUE)) != 0) {
        pending |= KT_PENDING_ASK;
    }
    if ((bits & KT_LINK_ASKED) != 0) {
        pending |= KT_PENDING_ANSWER;
    }
    return pending;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t request_deadline(const struct kt_conn *conn, unsigned bits)
{
    const struct kt_lifetime *lifetime = &conn->hs.config->lifetime;
    uint64_t paced = conn->last_change_ms == 0 ? 0 : conn->last_change_ms + lifetime->min_gap_ms;
    uint64_t due = UINT64_MAX;

    if ((bits & (KT_LINK_ASKED | KT_LINK_IN_CLOSED)) != 0) {
        return UINT64_MAX;
    }
    if ((bits & KT_LINK_ASK_DUE) != 0) {
        return paced;
    }
    if (lifetime->receiving.max_seconds != 0) {
        due = atomic_load(&conn->link.peer_key_born_ms) + (uint64_t)lifetime->receiving.max_seconds * 1000;
    }
    return due < paced ? paced : due;
}

static uint64_t answer_deadline(const struct kt_conn *conn, unsigned bits)
{
    uint64_t max_ms = (uint64_t)conn->hs.config->lifetime.answer_seconds * 1000;

    return (bits & KT_LINK_ASKED) == 0 || max_ms == 0 ? UINT64_MAX : conn->asked_ms + max_ms;
}

/* What a tick could not do now is no reason for one: an owner would spin. Draining, or giving memory back, comes first.
 */
uint64_t kt_conn_deadline(const struct kt_conn *conn)
{
    const struct kt_lifetime *lifetime = &conn->hs.config->lifetime;
    unsigned bits = owed(conn);
    uint64_t change = UINT64_MAX;

    if (!kt_conn_is_connected(conn) || (bits & KT_LINK_OUT_CLOSED) != 0 || kt_conn_fault(conn) != NULL || conn->lent) {
        return UINT64_MAX;
    }
    if (!kt_tx_can_update(&conn->tx)) {
        return answer_deadline(conn, bits);
    }
    if (conn->hs.version < KT_TLS_1_3) {
        change = kt_conn_change_deadline12(conn);
    } else {
        change =
            earlier(kt_epoch_deadline(&conn->tx.epoch, &lifetime->sending, lifetime->min_gap_ms, conn->last_change_ms),
                    request_deadline(conn, bits));
    }
    return earlier(change, answer_deadline(conn, bits));
}

const struct kt_fault *kt_conn_tick(struct kt_conn *conn)
{
    const struct kt_fault *fault = kt_conn_fault(conn);

    if (fault != NULL || conn->lent) {
        return fault;
    }
    return kt_conn_pay(conn);
}
