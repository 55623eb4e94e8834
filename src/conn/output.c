/*
 * output.c - the sending half: from the application to the bytes for the transport.
 */
#include "conn/conn_impl.h"

/* A connection that failed takes back what it lent: its alert waits for no application. */
static const struct kt_fault *show(struct kt_conn *conn, struct kt_span *out)
{
    conn->lent = conn->lent && kt_conn_fault(conn) == NULL;
    if (!conn->lent) {
        KT_TRY(kt_conn_pay(conn));
    }
    return kt_tx_out(&conn->tx, out);
}

const uint8_t *kt_conn_out(struct kt_conn *conn, size_t *len)
{
    struct kt_span out = {NULL, 0};
    const struct kt_fault *fault = show(conn, &out);

    if (fault != NULL) {
        /* What it failed for is the next to be shown: the alert. */
        (void)kt_conn_fail(conn, fault);
        (void)!show(conn, &out);
    }
    *len = out.len;
    return out.len > 0 ? out.p : NULL;
}

/* Drained output makes room: for the rest of a handshake message, and for the machine to go on. */
const struct kt_fault *kt_conn_out_done(struct kt_conn *conn, size_t n)
{
    KT_TRY(kt_tx_out_done(&conn->tx, n));
    return kt_conn_is_connected(conn) || kt_conn_fault(conn) != NULL ? NULL : kt_conn_process(conn);
}

/* NULL when data may be sent now. */
static const struct kt_fault *check_open(const struct kt_conn *conn)
{
    const struct kt_fault *fault = kt_conn_fault(conn);

    if (fault != NULL) {
        return fault;
    }
    if (kt_conn_out_is_closed(conn) || conn->close_owed) {
        KT_FAIL(USAGE_AFTER_CLOSE);
    }
    if (!kt_conn_is_connected(conn)) {
        KT_FAIL(USAGE_STATE);
    }
    return NULL;
}

uint8_t *kt_conn_write(struct kt_conn *conn, size_t *len)
{
    const struct kt_fault *fault;
    uint8_t *room;

    *len = 0;
    if (check_open(conn) != NULL) {
        return NULL;
    }
    fault = kt_conn_pay(conn);
    if (fault != NULL || kt_conn_out_is_closed(conn)) {
        return NULL;
    }
    room = kt_tx_lend(&conn->tx, len);
    conn->lent = room != NULL;
    return room;
}

const struct kt_fault *kt_conn_write_done(struct kt_conn *conn, size_t n)
{
    const struct kt_fault *fault = kt_conn_fault(conn);

    if (!conn->lent) {
        return fault != NULL ? fault : KT_FAULT(USAGE_STATE);
    }
    fault = kt_tx_lent_done(&conn->tx, n);
    if (fault != NULL && fault->kind == KT_KIND_USAGE) {
        return fault;
    }
    conn->lent = false;
    kt_link_note_sent(&conn->link);
    return fault == NULL ? NULL : kt_conn_fail(conn, fault);
}

const struct kt_fault *kt_conn_send(struct kt_conn *conn, const uint8_t *data, size_t len, size_t *taken)
{
    const struct kt_fault *fault = check_open(conn);
    size_t n = 1;

    *taken = 0;
    conn->lent = false;
    while (fault == NULL && *taken < len && n > 0) {
        fault = kt_conn_pay(conn);
        if (fault != NULL || kt_conn_out_is_closed(conn)) {
            break;
        }
        fault = kt_tx_data(&conn->tx, data + *taken, len - *taken, &n);
        *taken += fault == NULL ? n : 0;
    }
    if (*taken > 0) {
        kt_link_note_sent(&conn->link);
    }
    if (fault != NULL && fault->kind != KT_KIND_USAGE) {
        fault = kt_conn_fail(conn, fault);
    }
    /* What was accepted before is told; the fault will be there at the next call. */
    return *taken > 0 ? NULL : fault;
}

const struct kt_fault *kt_conn_close(struct kt_conn *conn)
{
    if (kt_conn_out_is_closed(conn) || conn->close_owed || kt_conn_fault(conn) != NULL) {
        return NULL;
    }
    conn->close_owed = true;
    conn->lent = false; /* what is paid now may stand there, and may not be all: nobody is left to give it back */
    return kt_conn_pay(conn);
}
