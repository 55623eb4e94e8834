#include "conn/conn_impl.h"

static const struct kt_fault *check_server_name(struct kt_span name)
{
    if (name.len > 253) {
        KT_FAIL(CONFIG_SERVER_NAME);
    }
    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] <= ' ' || name.p[i] >= 0x7f) {
            KT_FAIL(CONFIG_SERVER_NAME);
        }
    }
    if (name.len > 0 && name.p[name.len - 1] == '.') {
        KT_FAIL(CONFIG_SERVER_NAME);
    }
    return NULL;
}

static void init(struct kt_conn *conn, struct kt_config *config, const struct kt_conn_options *options)
{
    struct kt_watch watch = {&config->env, conn};

    *conn = (struct kt_conn){.owner = options->owner, .warnings = kt_budget_of(KT_BUDGET_NO_PROGRESS)};
    conn->ccs = kt_budget_of(KT_BUDGET_CCS);
    conn->hs.watch = watch;
    conn->base = kt_config_ref(config);
    conn->hs.config = kt_config_ref(config);
    atomic_init(&conn->alert_received, -1);
    kt_rx_init(&conn->rx, &watch, config->chain_limit);
    conn->rx.without_data = true;
    kt_tx_init(&conn->tx, &watch, config->padding);
    conn->hs.carrier = kt_carrier_tls(&conn->carrier, &conn->rx, &conn->tx, &conn->link);
    conn->begun_ms = kt_conn_now(conn);
}

static const struct kt_fault *begin(struct kt_conn *conn, const struct kt_conn_options *options)
{
    KT_TRY(kt_hs_begin(&conn->hs));
    if (conn->hs.config->role == KT_SERVER) {
        return NULL;
    }
    KT_TRY(kt_hs_keep_name(&conn->hs.server_name, options->server_name));
    if (options->session != NULL) {
        conn->hs.work->session = kt_session_ref(options->session);
    }
    return kt_machine_run(&conn->hs);
}

const struct kt_fault *kt_conn_new(struct kt_config *config, const struct kt_conn_options *options,
                                   struct kt_conn **out)
{
    static const struct kt_conn_options none = {0};
    const struct kt_fault *fault;
    struct kt_conn *conn;

    if (options == NULL) {
        options = &none;
    }
    KT_TRY(check_server_name(options->server_name));
    conn = config->env.alloc(config->env.user, sizeof *conn);
    if (conn == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    init(conn, config, options);
    fault = begin(conn, options);
    if (fault != NULL) {
        kt_conn_free(conn);
        return fault;
    }
    *out = conn;
    return NULL;
}

void kt_conn_free(struct kt_conn *conn)
{
    struct kt_config *base;

    if (conn == NULL) {
        return;
    }
    base = conn->base;
    kt_hs_free(&conn->hs);
    kt_flights_drop(&conn->flights, &conn->link);
    kt_config_unref(conn->hs.config);
    kt_rx_free(&conn->rx);
    kt_tx_free(&conn->tx);
    kt_wipe(conn, sizeof *conn);
    base->env.release(base->env.user, conn, sizeof *conn);
    kt_config_unref(base);
}

void *kt_conn_owner(const struct kt_conn *conn)
{
    return conn->owner;
}

/* A transport that ended cannot carry an alert, and one alert is not answered with another. */
static bool sends_alert(const struct kt_fault *fault)
{
    return fault->kind != KT_KIND_TRANSPORT && fault->reason != KT_REASON_ALERT_RECEIVED;
}

const struct kt_fault *kt_conn_fail(struct kt_conn *conn, const struct kt_fault *fault)
{
    const struct kt_fault *first = NULL;

    if (atomic_compare_exchange_strong(&conn->fault, &first, fault)) {
        first = fault;
        if (sends_alert(fault)) {
            kt_link_owe_alert(&conn->link, fault->alert);
        } else {
            kt_link_set(&conn->link, KT_LINK_OUT_CLOSED);
        }
    }
    return first;
}

const struct kt_fault *kt_conn_fault(const struct kt_conn *conn)
{
    return atomic_load(&conn->fault);
}

int kt_conn_alert_received(const struct kt_conn *conn)
{
    return atomic_load(&conn->alert_received);
}

bool kt_conn_is_connected(const struct kt_conn *conn)
{
    return atomic_load(&conn->connected);
}

static bool takes_input(const struct kt_conn *conn)
{
    bool failed = kt_conn_fault(conn) != NULL;

    if (failed || conn->in_closed || conn->data.len > 0) {
        return false;
    }
    if (kt_conn_is_connected(conn)) {
        return true;
    }
    return kt_state_kind(conn->hs.state) == KT_STATE_IS_READ && !kt_conn_out_is_closed(conn);
}

unsigned kt_conn_half_status(const struct kt_conn *conn, enum kt_direction half)
{
    bool failed = kt_conn_fault(conn) != NULL;
    unsigned status = failed ? KT_FAILED : 0;

    if (half == KT_RECEIVING) {
        status |= takes_input(conn) ? KT_WANTS_INPUT : 0;
        status |= conn->data.len > 0 ? KT_HAS_DATA : 0;
        status |= conn->in_closed ? KT_IN_CLOSED : 0;
        status |= kt_conn_ask(conn) != NULL ? KT_CAN_ANSWER : 0;
        return status;
    }
    status |= kt_tx_has_output(&conn->tx) || kt_conn_owes(conn) ? KT_HAS_OUTPUT : 0;
    if (kt_conn_out_is_closed(conn) || conn->close_owed) {
        return status | KT_OUT_CLOSED;
    }
    if (!failed && kt_conn_is_connected(conn) && kt_tx_takes_data(&conn->tx)) {
        status |= KT_TAKES_DATA;
    }
    return status;
}

unsigned kt_conn_status(const struct kt_conn *conn)
{
    return kt_conn_half_status(conn, KT_RECEIVING) | kt_conn_half_status(conn, KT_SENDING);
}

void kt_conn_rest(struct kt_conn *conn, enum kt_direction half)
{
    if (half == KT_SENDING) {
        conn->lent = false;
        kt_tx_rest(&conn->tx);
    } else if (conn->data.len == 0) {
        kt_rx_rest(&conn->rx);
    }
}
