#include "serve_link_io.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "report.h"
#include "serve_setup.h"
#include "serve_worker.h"

void kt_link_note(struct kt_link *link, const struct kt_fault *fault)
{
    if (link->fault == NULL) {
        link->fault = fault;
    }
}

bool kt_port_moved(bool *ready, ssize_t n, int *error)
{
    *error = 0;
    if (n < 0 && errno == EAGAIN) {
        *ready = false;
    } else if (n < 0 && errno != EINTR) {
        *error = errno;
    }
    return n > 0;
}

/* A peer that failed closes after its alert: the alert is still to be read, only sending has no more sense. */
static void lose_sending(struct kt_link *link, int error)
{
    link->error = error;
    link->unsendable = true;
    link->net.writable = false;
    link->net.readable = true;
}

bool kt_link_flush(struct kt_link *link)
{
    bool moved = false;
    const uint8_t *bytes;
    size_t len;

    while (link->net.writable && (bytes = kt_conn_out(link->conn, &len)) != NULL) {
        int error;
        ssize_t n = send(link->net.fd, bytes, len, MSG_NOSIGNAL);

        if (kt_port_moved(&link->net.writable, n, &error)) {
            moved = true;
            kt_link_note(link, kt_conn_out_done(link->conn, (size_t)n));
        } else if (error != 0) {
            lose_sending(link, error);
        }
    }
    return moved;
}

bool kt_link_flushed(struct kt_link *link)
{
    size_t len;

    return kt_conn_out(link->conn, &len) == NULL;
}

static const struct kt_fault transport_failed = {
    .reason = KT_REASON_TRANSPORT_FAILED,
    .alert = KT_ALERT_CLOSE_NOTIFY,
    .kind = KT_KIND_TRANSPORT,
    .line = __LINE__,
    .file = "serve_link_io.c",
};

/* Where nothing is under way, the end without close_notify is no news: all that mattered was exchanged. */
static void take_end(struct kt_link *link)
{
    link->net.readable = false;
    if (link->phase == KT_LINK_CLOSING || (link->at_rest && (kt_conn_status(link->conn) & KT_HAS_DATA) == 0)) {
        link->phase = KT_LINK_OVER;
    } else {
        kt_link_note(link, kt_conn_in_end(link->conn));
    }
}

bool kt_link_fill(struct kt_link *link)
{
    size_t len;
    int error;
    uint8_t *memory = link->net.readable ? kt_conn_in(link->conn, &len) : NULL;
    ssize_t n;

    if (memory == NULL) {
        return false;
    }
    n = recv(link->net.fd, memory, len, 0);
    if (kt_port_moved(&link->net.readable, n, &error)) {
        link->net.readable = (size_t)n == len || link->net.hung_up;
        kt_link_note(link, kt_conn_in_done(link->conn, (size_t)n));
        return true;
    }
    if (n == 0) {
        take_end(link);
        return true;
    }
    if (error != 0) {
        link->net.readable = false;
        link->error = error;
        kt_link_note(link, &transport_failed);
    }
    return false;
}

bool kt_link_drain_socket(struct kt_link *link)
{
    uint8_t scratch[4096];
    int error;
    ssize_t n;

    if (!link->net.readable) {
        return false;
    }
    n = recv(link->net.fd, scratch, sizeof scratch, 0);
    if (kt_port_moved(&link->net.readable, n, &error)) {
        return true;
    }
    if (n == 0 || error != 0) {
        link->phase = KT_LINK_OVER;
    }
    return false;
}

static void answer_sign(struct kt_link *link, const struct kt_ask *ask)
{
    uint8_t signature[1024];
    size_t len;
    const struct kt_fault *fault = kt_pki_sign(ask, signature, sizeof signature, &len);

    kt_link_note(link,
                 fault != NULL ? kt_answer_refuse(link->conn, fault) : kt_answer_signature(link->conn, signature, len));
}

static void answer_session(struct kt_link *link, const struct kt_ask *ask)
{
    struct kt_session *session = NULL;

    if (link->setup->sessions != NULL) {
        session = kt_store_find(link->setup->sessions, ask->u.fetch.id, ask->u.fetch.now);
    }
    kt_link_note(link, kt_answer_session(link->conn, session));
    kt_session_unref(session);
}

static void answer_verify(struct kt_link *link, const struct kt_ask *ask)
{
    const struct kt_fault *fault = NULL;

    if (link->setup->trust == NULL) {
        kt_link_note(link, kt_answer_refuse(link->conn, NULL));
        return;
    }
    fault = kt_pki_verify(link->setup->trust, &link->setup->verify, ask);
    if (fault != NULL) {
        kt_link_note(link, kt_answer_refuse(link->conn, fault));
        return;
    }
    kt_link_note(link, kt_answer_verified(link->conn));
    if (link->phase == KT_LINK_OPEN && !link->worker->crew->options->quiet) {
        kt_report_line(link->tag, "client authenticated scheme=%s",
                       kt_scheme_name(kt_conn_facts(link->conn).peer_scheme));
    }
}

static void answer_decrypt(struct kt_link *link, const struct kt_ask *ask)
{
    uint8_t premaster[48];
    const struct kt_fault *fault = kt_pki_decrypt(ask, premaster);

    kt_link_note(link, fault != NULL ? kt_answer_refuse(link->conn, fault)
                                     : kt_answer_decrypted(link->conn, premaster, sizeof premaster));
    explicit_bzero(premaster, sizeof premaster);
}

bool kt_link_answer(struct kt_link *link)
{
    const struct kt_ask *ask = kt_conn_ask(link->conn);

    if (ask == NULL) {
        return false;
    }
    switch (ask->kind) {
    case KT_ASK_SIGN:
        answer_sign(link, ask);
        break;
    case KT_ASK_VERIFY:
        answer_verify(link, ask);
        break;
    case KT_ASK_DECRYPT:
        answer_decrypt(link, ask);
        break;
    case KT_ASK_FETCH_SESSION:
        answer_session(link, ask);
        break;
    case KT_ASK_NONE:
    case KT_ASK_CHOOSE_CONFIG:
    case KT_ASK_CHOOSE_CREDENTIAL:
    case KT_ASK_RESUME:
        kt_link_note(link, kt_answer_refuse(link->conn, NULL));
        break;
    }
    return true;
}

const uint8_t *kt_link_peek(struct kt_link *link, size_t *len)
{
    return kt_conn_read(link->conn, len);
}

void kt_link_took(struct kt_link *link, size_t n)
{
    link->received += n;
    kt_link_note(link, kt_conn_read_done(link->conn, n));
}

size_t kt_link_send(struct kt_link *link, const uint8_t *data, size_t len)
{
    size_t taken = 0;

    kt_link_note(link, kt_conn_send(link->conn, data, len, &taken));
    link->sent += taken;
    return taken;
}

uint8_t *kt_link_lend(struct kt_link *link, size_t *len)
{
    return kt_conn_write(link->conn, len);
}

void kt_link_lent(struct kt_link *link, size_t n)
{
    link->sent += n;
    kt_link_note(link, kt_conn_write_done(link->conn, n));
}
