/*
 * input.c - the receiving half: from bytes of the transport to the handshake and the application.
 */
#include "conn/conn_impl.h"

static const struct kt_fault *on_data(struct kt_conn *conn, struct kt_span data)
{
    enum kt_birth why;

    if (!kt_conn_is_connected(conn)) {
        KT_FAIL(APPLICATION_DATA_EARLY);
    }
    if (kt_post_auth_is_answering(&conn->hs)) {
        KT_FAIL(CERTIFICATE_ANSWER_INTERRUPTED);
    }
    kt_budget_refill(&conn->hs.post_messages, 1);
    conn->warnings.left = conn->warnings.cap;
    conn->data = data;
    if (kt_epoch_due_receiving(&conn->rx.epoch, &conn->hs.config->lifetime, kt_suite_max_records(conn->rx.suite), 0,
                               kt_conn_now(conn), &why)) {
        kt_link_owe_request(&conn->link, why);
    }
    return NULL;
}

/* TLS 1.3 has no warnings, and takes no note of the level; what is below has them (RFC 5246 section 7.2.2). */
static bool is_warning(const struct kt_conn *conn, uint8_t level, uint8_t alert)
{
    const struct kt_config *config = conn->hs.config;
    uint16_t version = conn->hs.version != 0 ? conn->hs.version : config->versions[config->version_count - 1];

    if (alert == KT_ALERT_USER_CANCELED) {
        return true;
    }
    return version < KT_TLS_1_3 && level == 1 && alert != KT_ALERT_CLOSE_NOTIFY;
}

/* RFC 9846 section 6: close_notify is a clean end, user_canceled is ignored, everything else is fatal. */
static const struct kt_fault *on_alert(struct kt_conn *conn, uint8_t level, uint8_t alert)
{
    if (is_warning(conn, level, alert)) {
        if (!kt_budget_spend(&conn->warnings)) {
            KT_FAIL(NO_PROGRESS);
        }
        return NULL;
    }
    atomic_store(&conn->alert_received, alert);
    if (alert == KT_ALERT_CLOSE_NOTIFY && kt_conn_is_connected(conn)) {
        conn->in_closed = true;
        kt_link_set(&conn->link, KT_LINK_IN_CLOSED);
        return NULL;
    }
    KT_FAIL(ALERT_RECEIVED);
}

/* In TLS 1.2 and below the peer's key changes with it, exactly where it is awaited (field survey, CVE-2014-0224). */
static const struct kt_fault *on_ccs(struct kt_conn *conn)
{
    bool taken;

    KT_TRY(kt_machine_take_ccs(&conn->hs, &taken));
    if (taken) {
        return NULL;
    }
    if (!kt_state_ignores_ccs(conn->hs.state) || !kt_budget_spend(&conn->ccs)) {
        KT_FAIL(CCS_NOT_EXPECTED);
    }
    return NULL;
}

static void note_connected(struct kt_conn *conn)
{
    const struct kt_notice notice = {.kind = KT_NOTICE_CONNECTED};

    if (kt_hs_is_connected(&conn->hs) && !kt_conn_is_connected(conn)) {
        conn->handshake_ms = (uint32_t)(kt_conn_now(conn) - conn->begun_ms);
        conn->rx.without_data = false;
        atomic_store(&conn->connected, true);
        kt_notify(&conn->hs.watch, &notice);
    }
}

/*
 * Data received is not all that tells a conversation from a flood (R7, docs/adr/0011). One message is paid for by what
 * we sent since the last one: who only receives can still ask for new keys, and who was asked answers. And each second
 * pays for one: two ends that have nothing to say change keys by time for years.
 */
static void refill_post_messages(struct kt_conn *conn)
{
    uint64_t now = kt_conn_now(conn);
    uint64_t seconds = now > conn->refilled_ms ? (now - conn->refilled_ms) / 1000 : 0;

    kt_budget_refill(&conn->hs.post_messages, seconds);
    conn->refilled_ms += seconds * 1000;
    if ((kt_link_bits(&conn->link) & KT_LINK_SENT) != 0) {
        kt_link_clear(&conn->link, KT_LINK_SENT);
        kt_budget_refill(&conn->hs.post_messages, 1);
    }
}

static const struct kt_fault *on_message(struct kt_conn *conn, const struct kt_message *message)
{
    if (kt_conn_is_connected(conn)) {
        refill_post_messages(conn);
        KT_TRY(kt_post_auth_take(&conn->hs, message));
        return kt_post_auth_run(&conn->hs);
    }
    KT_TRY(kt_machine_take(&conn->hs, message));
    KT_TRY(kt_machine_run(&conn->hs));
    note_connected(conn);
    return NULL;
}

static const struct kt_fault *on_incoming(struct kt_conn *conn, const struct kt_incoming *in)
{
    switch (in->event) {
    case KT_RX_MESSAGE:
        return on_message(conn, &in->message);
    case KT_RX_DATA:
        return on_data(conn, in->data);
    case KT_RX_ALERT:
        return on_alert(conn, in->alert_level, in->alert);
    case KT_RX_CCS:
        return on_ccs(conn);
    case KT_RX_NEED:
        break;
    }
    return NULL;
}

/* A handshake we broke off goes on in neither direction. */
static bool is_broken_off(const struct kt_conn *conn)
{
    return !kt_conn_is_connected(conn) && kt_conn_out_is_closed(conn);
}

/* The machine moves by itself where it can: after output was drained, or an answer was given. */
static const struct kt_fault *resume(struct kt_conn *conn)
{
    if (kt_conn_is_connected(conn)) {
        return kt_post_auth_run(&conn->hs);
    }
    KT_TRY(kt_carrier_tls_pump(&conn->carrier));
    KT_TRY(kt_machine_run(&conn->hs));
    note_connected(conn);
    return NULL;
}

static const struct kt_fault *advance(struct kt_conn *conn)
{
    struct kt_incoming in = {.event = KT_RX_DATA};

    KT_TRY(resume(conn));
    while (in.event != KT_RX_NEED && conn->data.len == 0 && !conn->in_closed &&
           (kt_conn_is_connected(conn) || kt_state_kind(conn->hs.state) == KT_STATE_IS_READ)) {
        KT_TRY(kt_rx_next(&conn->rx, &in));
        KT_TRY(on_incoming(conn, &in));
    }
    return NULL;
}

const struct kt_fault *kt_conn_process(struct kt_conn *conn)
{
    const struct kt_fault *fault = kt_conn_fault(conn);

    if (fault == NULL && !is_broken_off(conn)) {
        fault = advance(conn);
        if (fault != NULL) {
            fault = kt_conn_fail(conn, fault);
            kt_hs_abandon(&conn->hs);
        }
    }
    return fault;
}

uint8_t *kt_conn_in(struct kt_conn *conn, size_t *len)
{
    uint8_t *room = NULL;

    *len = 0;
    if ((kt_conn_half_status(conn, KT_RECEIVING) & KT_WANTS_INPUT) != 0) {
        room = kt_rx_room(&conn->rx, len);
        if (room == NULL) {
            (void)kt_conn_fail(conn, KT_FAULT(MEMORY_SPENT));
        }
    }
    return room;
}

const struct kt_fault *kt_conn_in_done(struct kt_conn *conn, size_t n)
{
    KT_TRY(kt_rx_filled(&conn->rx, n));
    return kt_conn_process(conn);
}

const struct kt_fault *kt_conn_in_end(struct kt_conn *conn)
{
    const struct kt_fault *fault = kt_conn_fault(conn);

    if (fault != NULL || conn->in_closed) {
        return fault;
    }
    fault = kt_conn_is_connected(conn) ? KT_FAULT(TRUNCATED) : KT_FAULT(HANDSHAKE_CUT);
    return kt_conn_fail(conn, fault);
}

const uint8_t *kt_conn_read(struct kt_conn *conn, size_t *len)
{
    *len = conn->data.len;
    return conn->data.len > 0 ? conn->data.p : NULL;
}

const struct kt_fault *kt_conn_read_done(struct kt_conn *conn, size_t n)
{
    if (n > conn->data.len) {
        KT_FAIL(USAGE_TOO_MUCH);
    }
    KT_TRY(kt_rx_data_done(&conn->rx, n));
    conn->data.p += n;
    conn->data.len -= n;
    return conn->data.len == 0 ? kt_conn_process(conn) : NULL;
}

const struct kt_fault *kt_conn_recv(struct kt_conn *conn, uint8_t *out, size_t cap, size_t *got)
{
    const struct kt_fault *fault = NULL;

    *got = 0;
    while (*got < cap && conn->data.len > 0 && fault == NULL) {
        size_t n = conn->data.len < cap - *got ? conn->data.len : cap - *got;

        kt_copy(out + *got, conn->data.p, n);
        *got += n;
        fault = kt_conn_read_done(conn, n);
    }
    /* What was copied is delivered; the fault will be there at the next call. */
    return *got > 0 ? NULL : kt_conn_fault(conn);
}
