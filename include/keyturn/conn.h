/*
 * conn.h - one TLS connection as a pure machine: bytes and answers in, bytes and asks out.
 *
 * Four channels, each a pair of calls: one lends memory, the other says how much of it was used.
 *
 *      transport -> kt_conn_in   / kt_conn_in_done       kt_conn_read  / kt_conn_read_done  -> application
 *      transport <- kt_conn_out  / kt_conn_out_done      kt_conn_write / kt_conn_write_done <- application
 *
 * Threads: until KT_NOTICE_CONNECTED (kt_conn_is_connected) a connection belongs to one thread. From then on one
 * thread may use the receiving half and another the sending half at the same time, without a lock:
 *      receiving half: kt_conn_in*, kt_conn_read*, kt_conn_in_end, kt_conn_rest(KT_RECEIVING), kt_conn_ask,
 * kt_answer_*, kt_conn_request_certificate, kt_conn_send_tickets sending half:   kt_conn_out*, kt_conn_write*,
 * kt_conn_send, kt_conn_close, kt_conn_tick, kt_conn_deadline, kt_conn_rest(KT_SENDING) each half: kt_conn_half_status
 * and kt_conn_epoch of its own direction any thread:     kt_conn_rekey, kt_conn_pending_rekey, kt_conn_fault, and
 * inspect.h where it says so drive.h has a ready-made owner over a file descriptor.
 */
#ifndef KEYTURN_CONN_H
#define KEYTURN_CONN_H

#include <keyturn/ask.h>
#include <keyturn/config.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kt_conn_options {
    /* Client: the host name to ask for (SNI) and to verify. ASCII, without trailing dot; an IP address is
     * verified but not sent (RFC 6066). Empty: none. Copied. */
    struct kt_span server_name;
    /* Client: a session to offer, from KT_NOTICE_SESSION or kt_session_import; a reference is taken. One that the
     * gate refuses, or the server, is a full handshake. NULL: none. */
    struct kt_session *session;
    void *owner; /* for kt_conn_owner */
};

/*
 * A new connection in the role of `config`, of which it takes a reference. `options` may be NULL. A client has
 * output at once. Faults: CONFIG_SERVER_NAME, MEMORY_SPENT, RANDOM_FAILED, CRYPTO_FAILED.
 * kt_conn_free wipes all secrets; accepts NULL; does not send close_notify.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_conn_new(struct kt_config *config, const struct kt_conn_options *options,
                                                      struct kt_conn **out);
KT_API void kt_conn_free(struct kt_conn *conn);
KT_API void *kt_conn_owner(const struct kt_conn *conn);

/* What can be done now: a set of bits. */
enum kt_status {
    KT_WANTS_INPUT = 1, /* kt_conn_in lends memory */
    KT_HAS_OUTPUT = 2,  /* kt_conn_out has bytes for the transport */
    KT_HAS_DATA = 4,    /* kt_conn_read has bytes for the application */
    KT_TAKES_DATA = 8,  /* kt_conn_write lends memory, kt_conn_send takes bytes */
    KT_CAN_ANSWER = 16, /* kt_conn_ask shows a question */
    KT_IN_CLOSED = 32,  /* the peer sent close_notify: a clean end of its data */
    KT_OUT_CLOSED = 64, /* close_notify or a fatal alert was queued: no more data can be sent */
    KT_FAILED = 128,    /* kt_conn_fault says why; output may remain to be sent (the alert) */
};

/* The whole connection, for its one owner; one half alone, for the thread of that half. */
KT_API unsigned kt_conn_status(const struct kt_conn *conn);
KT_API unsigned kt_conn_half_status(const struct kt_conn *conn, enum kt_direction half);

/* The handshake is done and the peer authenticated as configured. Any thread. */
KT_API bool kt_conn_is_connected(const struct kt_conn *conn);

/*
 * The fault the connection failed with, or NULL. A failed connection stays failed with the same fault. When
 * the reason is ALERT_RECEIVED, kt_conn_alert_received has the number. Any thread.
 */
KT_API const struct kt_fault *kt_conn_fault(const struct kt_conn *conn);

/* The last alert of the peer as enum kt_alert, or -1 when none came. Any thread. */
KT_API int kt_conn_alert_received(const struct kt_conn *conn);

/*
 * Input. kt_conn_in lends *len > 0 bytes for ciphertext, or returns NULL with *len = 0 when no input is wanted now
 * (unread data, open ask, failed) or no memory is left (kt_conn_fault tells). The memory is valid until the next
 * call for the receiving half. kt_conn_in_done says that n of them were filled (n may be 0) and processes
 * them; its fault is the connection's fault. kt_conn_in_end says that the transport ended: without a
 * close_notify before it that is TRUNCATED, or HANDSHAKE_CUT during the handshake.
 */
KT_API uint8_t *kt_conn_in(struct kt_conn *conn, size_t *len);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_in_done(struct kt_conn *conn, size_t n);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_in_end(struct kt_conn *conn);

/*
 * Output. kt_conn_out returns *len > 0 bytes to be sent, in this order, or NULL with *len = 0. They stay as they
 * are until kt_conn_out_done says how many were sent (from the front; the rest is shown again). Bytes once
 * shown are never changed.
 */
KT_API const uint8_t *kt_conn_out(struct kt_conn *conn, size_t *len);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_out_done(struct kt_conn *conn, size_t n);

/*
 * Application data received: kt_conn_read returns *len > 0 bytes or NULL with *len = 0; kt_conn_read_done says how
 * many were consumed. kt_conn_recv copies: *got is 0 when there is nothing now (status tells whether
 * because of KT_IN_CLOSED).
 */
KT_API const uint8_t *kt_conn_read(struct kt_conn *conn, size_t *len);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_read_done(struct kt_conn *conn, size_t n);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_recv(struct kt_conn *conn, uint8_t *out, size_t cap, size_t *got);

/*
 * Application data to send. kt_conn_write lends *len > 0 bytes to be filled, kt_conn_write_done makes one record
 * of the first n. kt_conn_send seals from the caller's memory without a copy: *taken says how many bytes were
 * accepted, which is less than len when the output must be drained first; a byte accepted is never lost
 * or sent twice. Both pay owed key changes before the record. Fault USAGE_AFTER_CLOSE after kt_conn_close.
 * kt_conn_send and kt_conn_close take memory back that is lent, and so does kt_conn_out when the connection failed.
 */
KT_API uint8_t *kt_conn_write(struct kt_conn *conn, size_t *len);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_write_done(struct kt_conn *conn, size_t n);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_send(struct kt_conn *conn, const uint8_t *data, size_t len,
                                                       size_t *taken);

/*
 * Closes the sending half: close_notify is queued (after what was accepted). The receiving half goes on until
 * the peer closes (RFC 9846 section 6.1). During the handshake it queues user_canceled and close_notify.
 * Calling it again does nothing.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_conn_close(struct kt_conn *conn);

/*
 * Asks for a change of keys. Never refused while the connection is open, never waits, never splits a record: it is
 * owed and done at the next record boundary of the sending half, when output is drained or data is sent.
 * Requests that arrive before it is done are the same request. KT_REKEY_BOTH while an earlier request to the
 * peer is unanswered changes our own key only, now, and asks again when the answer has come (RFC 9846 section
 * 4.7.3). Faults: USAGE_STATE before the handshake is done, and below TLS 1.3; USAGE_AFTER_CLOSE. Any thread.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_conn_rekey(struct kt_conn *conn, enum kt_rekey what);
KT_API unsigned kt_conn_pending_rekey(const struct kt_conn *conn);

/*
 * Server: asks the client for a certificate now, in the middle of whatever goes on (RFC 9846 section 4.7.2). The
 * request goes out before the next record; the answer comes when the client has it: its chain is asked about
 * (KT_ASK_VERIFY), and KT_NOTICE_POST_AUTH tells the end. A client without certificate fails the connection with
 * KT_CLIENT_AUTH_REQUIRE (CERTIFICATE_REQUIRED), and not with KT_CLIENT_AUTH_REQUEST. Authorities, filters and schemes
 * are the configuration's. Up to 4 requests may wait for their answers; the last answer with a certificate says who the
 * client is, in kt_conn_facts and in sessions issued from then on (kt_conn_send_tickets). Faults: USAGE_STATE on a
 * client or before the handshake is done, USAGE_ARGUMENT, USAGE_AFTER_CLOSE (either side has closed), USAGE_POST_AUTH
 * when the client did not offer it (kt_conn_facts), USAGE_REQUESTS_OPEN; MEMORY_SPENT, RANDOM_FAILED and CRYPTO_FAILED
 * leave the connection as it was.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_conn_request_certificate(struct kt_conn *conn, enum kt_client_auth mode);

/*
 * Server: issues `count` further tickets, 1 to 8 (session.h), beside those that follow the handshake. They stand for
 * what is known of the client now. Their lineage and its end are those of the connection: who resumes does not live
 * longer, and who revokes the lineage reaches them. Faults: USAGE_STATE on a client or before the handshake is done,
 * USAGE_ARGUMENT, USAGE_AFTER_CLOSE, USAGE_TICKETS when this server issues none, or handles (kt_resumption.stateful),
 * the client takes none, an external key stands for certificates, or the lineage is at its end; MEMORY_SPENT,
 * RANDOM_FAILED and CRYPTO_FAILED: none was issued.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_conn_send_tickets(struct kt_conn *conn, unsigned count);

/*
 * Time. kt_conn_deadline returns the monotonic time in ms at which kt_conn_tick should be called, UINT64_MAX for never.
 * kt_conn_tick makes what is due: key changes by time, also of an idle connection, the clean close when the peer
 * does not answer. Calling it more often is harmless.
 */
KT_API uint64_t kt_conn_deadline(const struct kt_conn *conn);
KT_API KT_MUST_USE const struct kt_fault *kt_conn_tick(struct kt_conn *conn);

/*
 * Gives the record buffer of a half back when it holds nothing, so that an idle connection owns none. It is
 * taken again when needed. The memory last lent by kt_conn_in or kt_conn_write becomes invalid.
 */
KT_API void kt_conn_rest(struct kt_conn *conn, enum kt_direction half);

#ifdef __cplusplus
}
#endif

#endif
