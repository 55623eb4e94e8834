/*
 * post.c - what a server starts by itself after the handshake. It belongs to the receiving half, and leaves flights.
 */
#include "conn/conn_impl.h"

static const struct kt_fault *check_server(const struct kt_conn *conn)
{
    if (!kt_conn_is_connected(conn) || conn->hs.config->role != KT_SERVER) {
        KT_FAIL(USAGE_STATE);
    }
    if (kt_conn_fault(conn) != NULL || kt_conn_out_is_closed(conn)) {
        KT_FAIL(USAGE_AFTER_CLOSE);
    }
    return NULL;
}

const struct kt_fault *kt_conn_request_certificate(struct kt_conn *conn, enum kt_client_auth mode)
{
    KT_TRY(check_server(conn));
    if (mode != KT_CLIENT_AUTH_REQUEST && mode != KT_CLIENT_AUTH_REQUIRE) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (conn->in_closed) {
        KT_FAIL(USAGE_AFTER_CLOSE);
    }
    return kt_post_auth_request(&conn->hs, mode);
}

const struct kt_fault *kt_conn_send_tickets(struct kt_conn *conn, unsigned count)
{
    KT_TRY(check_server(conn));
    if (count == 0 || count > KT_TICKETS_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    return kt_resume_leave_tickets(&conn->hs, count);
}
