/*
 * rekey12.c - the key-lifetime contract of TLS 1.2 and below, in the sending half: keys change by a rehandshake, which
 * takes a while. It is begun early, at 7/8 of a limit; at the limit data is held until the new keys are in.
 */
#include "conn/conn_impl.h"

#include "hs/rehandshake12.h"

bool kt_conn_rehandshake_is_safe(const struct kt_conn *conn)
{
    return kt_rehandshake12_is_safe(&conn->hs);
}

/* A peer that has closed is asked nothing. */
static unsigned owed(const struct kt_conn *conn)
{
    unsigned bits = kt_link_bits(&conn->link);

    return (bits & KT_LINK_IN_CLOSED) != 0 ? bits & ~(unsigned)(KT_LINK_REHANDSHAKE | KT_LINK_REFUSE) : bits;
}

/* ---- when ---- */

static bool has_means(const struct kt_conn *conn, unsigned bits)
{
    return conn->hs.config->rehandshake.own && (bits & (KT_LINK_REFUSED | KT_LINK_IN_CLOSED)) == 0 &&
           (kt_rehandshake12_is_safe(&conn->hs) || (bits & KT_LINK_RUNS) != 0);
}

static struct kt_limits early(const struct kt_limits *limits)
{
    return (struct kt_limits){
        .max_records = limits->max_records - limits->max_records / 8,
        .max_bytes = limits->max_bytes - limits->max_bytes / 8,
        .max_seconds = limits->max_seconds - limits->max_seconds / 8,
    };
}

/* The contract as it is acted upon: early where a rehandshake can be begun. */
static struct kt_lifetime contract(const struct kt_conn *conn, unsigned bits)
{
    struct kt_lifetime lifetime = conn->hs.config->lifetime;

    if (has_means(conn, bits)) {
        lifetime.sending = early(&lifetime.sending);
        lifetime.receiving = early(&lifetime.receiving);
    }
    return lifetime;
}

static uint64_t aead_records(const struct kt_conn *conn, bool soon)
{
    uint64_t most = kt_suite_max_records(conn->tx.suite);

    return soon && most != UINT64_MAX ? most - most / 8 : most;
}

static bool pace_allows(const struct kt_conn *conn, uint64_t now)
{
    return conn->last_change_ms == 0 || now - conn->last_change_ms >= conn->hs.config->lifetime.min_gap_ms;
}

static bool peer_key_is_old(const struct kt_conn *conn, const struct kt_lifetime *lifetime, uint64_t now)
{
    uint64_t max_ms = (uint64_t)lifetime->receiving.max_seconds * 1000;
    uint64_t born = atomic_load(&conn->link.peer_key_born_ms);

    return max_ms != 0 && now >= born && now - born >= max_ms;
}

/* Whether a rehandshake is to begin now, and why. */
static const struct kt_fault *decide(const struct kt_conn *conn, unsigned bits, uint64_t now, bool *wanted,
                                     enum kt_birth *why)
{
    const struct kt_lifetime lifetime = contract(conn, bits);
    enum kt_due due = kt_epoch_due_sending(&conn->tx.epoch, &lifetime, aead_records(conn, has_means(conn, bits)),
                                           conn->last_change_ms, now, why);

    *wanted = due == KT_DUE_CHANGE;
    if (due == KT_DUE_CLOSE) {
        KT_FAIL(LIFETIME_EPOCHS_SPENT);
    }
    if ((bits & KT_LINK_ASK) != 0) {
        *wanted = true;
        *why = KT_BIRTH_CALLER;
    } else if ((bits & KT_LINK_ASK_DUE) != 0 && pace_allows(conn, now)) {
        *wanted = true;
        *why = kt_link_why(bits);
    } else if (!*wanted && pace_allows(conn, now) && peer_key_is_old(conn, &lifetime, now)) {
        *wanted = true;
        *why = KT_BIRTH_SECONDS;
    }
    return NULL;
}

/* The peer's wish, and the caller's, were looked at when they came. */
static bool is_wish(enum kt_birth why)
{
    return why == KT_BIRTH_PEER || why == KT_BIRTH_CALLER;
}

static bool is_over(const struct kt_conn *conn, uint64_t now)
{
    enum kt_birth why;

    return kt_epoch_due_sending(&conn->tx.epoch, &conn->hs.config->lifetime, aead_records(conn, false), 0, now, &why) !=
           KT_DUE_NOTHING;
}

bool kt_conn_holds_data(const struct kt_conn *conn)
{
    unsigned bits = kt_link_bits(&conn->link);

    if (conn->hs.version >= KT_TLS_1_3 || !kt_conn_is_connected(conn)) {
        return false;
    }
    return (bits & KT_LINK_HELD) != 0 || is_over(conn, kt_conn_now(conn));
}

/* ---- how ---- */

/*
 * From here on it runs, for the receiving half, too: a HelloRequest that crosses our hello is passed over. No data goes
 * behind a ClientHello: common servers refuse it once they have answered.
 */
static const struct kt_fault *begin(struct kt_conn *conn, enum kt_birth why, uint64_t now)
{
    bool full = (kt_link_bits(&conn->link) & KT_LINK_FULL) != 0;
    bool client = conn->hs.config->role == KT_CLIENT;

    conn->last_change_ms = now;
    conn->asked_ms = now;
    kt_link_swap(&conn->link, KT_LINK_ASK | KT_LINK_ASK_DUE | KT_LINK_WHY,
                 KT_LINK_ASKED | KT_LINK_OWN | KT_LINK_SENT | (client ? KT_LINK_RUNS | KT_LINK_HELD : 0) |
                     (unsigned)why << KT_LINK_WHY_AT);
    kt_conn_tell_rehandshake(conn, KT_REHANDSHAKE_BEGUN, true);
    return client ? kt_rehandshake12_begin(&conn->hs, why, full) : kt_tx_hello_request(&conn->tx);
}

/* A client may pass over HelloRequest without a word (RFC 5246 section 7.4.1.1). */
static const struct kt_fault *end_waiting(struct kt_conn *conn)
{
    unsigned bits = kt_link_bits(&conn->link);

    if (conn->hs.config->role == KT_CLIENT || (bits & KT_LINK_RUNS) != 0 || conn->hs.config->rehandshake.must_succeed) {
        KT_FAIL(LIFETIME_NO_ANSWER);
    }
    kt_link_swap(&conn->link, KT_LINK_ASKED | KT_LINK_FULL | KT_LINK_WHY, KT_LINK_REFUSED);
    kt_conn_tell_rehandshake(conn, KT_REHANDSHAKE_REFUSED_BY_PEER, true);
    return NULL;
}

static bool answer_is_late(const struct kt_conn *conn, unsigned bits, uint64_t now)
{
    uint64_t max_ms = (uint64_t)conn->hs.config->lifetime.answer_seconds * 1000;

    return (bits & KT_LINK_ASKED) != 0 && max_ms != 0 && now - conn->asked_ms >= max_ms;
}

/* One that the peer began must end, too. */
static void watch_peers(struct kt_conn *conn, uint64_t now)
{
    if (kt_link_set_if(&conn->link, KT_LINK_RUNS, KT_LINK_ASKED, KT_LINK_ASKED)) {
        conn->asked_ms = now;
    }
}

static const struct kt_fault *pay_refusal(struct kt_conn *conn)
{
    kt_link_clear(&conn->link, KT_LINK_REFUSE);
    return kt_tx_alert(&conn->tx, 1, KT_ALERT_NO_RENEGOTIATION);
}

static const struct kt_fault *pay_change(struct kt_conn *conn, unsigned bits, uint64_t now)
{
    enum kt_birth why = KT_BIRTH_INITIAL;
    bool wanted;

    KT_TRY(decide(conn, bits, now, &wanted, &why));
    if (!wanted) {
        return NULL;
    }
    if (!has_means(conn, bits) && !is_wish(why)) {
        KT_FAIL(LIFETIME_NO_MEANS);
    }
    return kt_tx_can_update(&conn->tx) ? begin(conn, why, now) : NULL;
}

const struct kt_fault *kt_conn_pay12(struct kt_conn *conn)
{
    uint64_t now = kt_conn_now(conn);
    unsigned bits;

    if (kt_flight_is_begun(&conn->flights) || conn->close_owed) {
        return NULL;
    }
    watch_peers(conn, now);
    if ((owed(conn) & KT_LINK_REFUSE) != 0 && kt_tx_can_update(&conn->tx)) {
        KT_TRY(pay_refusal(conn));
    }
    bits = owed(conn);
    if (answer_is_late(conn, bits, now)) {
        return end_waiting(conn);
    }
    /* A rehandshake that is done may still owe its last flight, and with it our new key. */
    if ((bits & (KT_LINK_ASKED | KT_LINK_RUNS)) != 0 || kt_flights_owed(&conn->flights, &conn->link)) {
        return NULL;
    }
    return pay_change(conn, bits, now);
}

bool kt_conn_owes12(const struct kt_conn *conn)
{
    unsigned bits = owed(conn);
    enum kt_birth why = KT_BIRTH_INITIAL;
    bool wanted = false;

    if ((bits & KT_LINK_REFUSE) != 0) {
        return kt_tx_can_update(&conn->tx);
    }
    if ((bits & (KT_LINK_ASKED | KT_LINK_RUNS)) != 0) {
        return false;
    }
    return decide(conn, bits, kt_conn_now(conn), &wanted, &why) == NULL && wanted && kt_tx_can_update(&conn->tx);
}

uint64_t kt_conn_change_deadline12(const struct kt_conn *conn)
{
    unsigned bits = owed(conn);
    const struct kt_lifetime lifetime = contract(conn, bits);
    uint64_t paced = conn->last_change_ms == 0 ? 0 : conn->last_change_ms + lifetime.min_gap_ms;
    uint64_t own = kt_epoch_deadline(&conn->tx.epoch, &lifetime.sending, lifetime.min_gap_ms, conn->last_change_ms);
    uint64_t peer = UINT64_MAX;

    if ((bits & (KT_LINK_ASKED | KT_LINK_RUNS)) != 0) {
        return UINT64_MAX;
    }
    if ((bits & KT_LINK_ASK_DUE) != 0) {
        return paced;
    }
    if (lifetime.receiving.max_seconds != 0) {
        peer = atomic_load(&conn->link.peer_key_born_ms) + (uint64_t)lifetime.receiving.max_seconds * 1000;
        peer = peer < paced ? paced : peer;
    }
    return own < peer ? own : peer;
}
