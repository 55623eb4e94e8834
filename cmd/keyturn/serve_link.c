#include "serve_link.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "report.h"
#include "serve_link_io.h"
#include "serve_setup.h"
#include "serve_worker.h"

enum {
    TURNS = 16,               /* of at most one record each way, before another connection has its turn */
    HANDSHAKE_MS = 10000,     /* from the accept until the handshake is done */
    CLOSING_MS = 2000,        /* for the peer to answer our close_notify, once it is sent */
    CLOSING_STALL_MS = 60000, /* for a peer that does not read what is queued before the close_notify */
    TICK_MS = 20,             /* at least, between two ticks of a deadline that stays due */
};

static const struct kt_fault handshake_late = {
    .reason = KT_REASON_HANDSHAKE_CUT,
    .alert = KT_ALERT_CLOSE_NOTIFY,
    .kind = KT_KIND_TRANSPORT,
    .line = __LINE__,
    .file = "serve_link.c",
};

static const struct kt_fault dropped = {
    .reason = KT_REASON_TRANSPORT_FAILED,
    .alert = KT_ALERT_CLOSE_NOTIFY,
    .kind = KT_KIND_TRANSPORT,
    .line = __LINE__,
    .file = "serve_link.c",
};

static void no_delay(int fd)
{
    /* A socket without TCP has no such option, and needs none. */
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
}

static bool begin(struct kt_link *link)
{
    const struct kt_conn_options options = {.owner = link};
    const struct kt_fault *fault = kt_conn_new(link->setup->config, &options, &link->conn);

    if (fault != NULL) {
        kt_report_fault(link->tag, NULL, fault, NULL, 0);
        return false;
    }
    no_delay(link->net.fd);
    return kt_worker_watch(link->worker, &link->net);
}

static void free_all(struct kt_link *link)
{
    if (link->back.fd >= 0) {
        close(link->back.fd);
    }
    close(link->net.fd);
    kt_conn_free(link->conn);
    kt_setup_unref(link->setup);
    free(link);
}

struct kt_link *kt_link_new(struct kt_worker *worker, int fd, uint64_t id, struct kt_setup *setup)
{
    struct kt_link *link = calloc(1, sizeof *link);

    if (link == NULL) {
        close(fd);
        kt_setup_unref(setup);
        return NULL;
    }
    link->worker = worker;
    link->site = worker->crew->site;
    link->setup = setup;
    link->id = id;
    snprintf(link->tag, sizeof link->tag, "[%" PRIu64 "] ", id);
    link->net = (struct kt_port){.link = link, .fd = fd};
    link->back = (struct kt_port){.link = link, .fd = -1};
    link->began_ms = kt_worker_now(worker);
    link->limit_ms = link->began_ms + HANDSHAKE_MS;
    if (!begin(link)) {
        free_all(link);
        return NULL;
    }
    return link;
}

static bool ended_both_ways(const struct kt_link *link)
{
    return (kt_conn_status(link->conn) & (KT_IN_CLOSED | KT_OUT_CLOSED)) == (KT_IN_CLOSED | KT_OUT_CLOSED);
}

static void report_end(const struct kt_link *link)
{
    if (link->worker->crew->options->quiet) {
        return;
    }
    if (link->fault != NULL) {
        kt_report_fault(link->tag, link->subject, link->fault, link->conn, link->error);
    } else if (ended_both_ways(link)) {
        kt_report_closed(link->tag, link->conn, link->sent, link->received);
    } else {
        kt_report_line(link->tag, "closed unanswered sent=%" PRIu64 " received=%" PRIu64, link->sent, link->received);
    }
}

/* The backend must not take for a clean end what was none: TCP can say so only by a reset. */
static void make_abrupt(int fd)
{
    const struct linger linger = {.l_onoff = 1, .l_linger = 0};

    if (fd >= 0) {
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger);
    }
}

void kt_link_free(struct kt_link *link)
{
    struct kt_crew *crew = link->worker->crew;

    if (link->app_open) {
        link->site->app->close(link);
    }
    if (link->fault != NULL) {
        make_abrupt(link->back.fd);
    }
    report_end(link);
    if (link->fault != NULL) {
        atomic_fetch_add_explicit(&crew->failed, 1, memory_order_relaxed);
    }
    atomic_fetch_add_explicit(&crew->sent, link->sent, memory_order_relaxed);
    atomic_fetch_add_explicit(&crew->received, link->received, memory_order_relaxed);
    free_all(link);
}

static void start_closing(struct kt_link *link)
{
    link->phase = KT_LINK_CLOSING;
    kt_link_patience(link, CLOSING_STALL_MS);
}

static bool run_handshake(struct kt_link *link)
{
    struct kt_facts facts;

    if (!kt_conn_is_connected(link->conn)) {
        return false;
    }
    facts = kt_conn_facts(link->conn);
    if (!link->worker->crew->options->quiet) {
        kt_report_connected(link->tag, link->conn, facts.peer_authenticated, facts.handshake_ms);
    }
    atomic_fetch_add_explicit(&link->worker->crew->connected, 1, memory_order_relaxed);
    kt_link_patience(link, 0);
    link->phase = KT_LINK_OPEN;
    link->app_open = true;
    if (!link->site->app->open(link)) {
        kt_link_drop(link, "not enough memory or descriptors", 0);
    }
    return true;
}

static bool run_open(struct kt_link *link)
{
    bool moved = link->site->app->run(link);

    if (link->phase == KT_LINK_OPEN && kt_link_ended(link) && kt_link_end_sent(link)) {
        start_closing(link);
        return true;
    }
    return moved;
}

static void shut_sending(struct kt_link *link)
{
    if (!link->shut) {
        link->shut = true;
        (void)shutdown(link->net.fd, SHUT_WR);
        kt_link_patience(link, CLOSING_MS);
    }
}

static bool discard_data(struct kt_link *link)
{
    size_t len;

    if (kt_link_peek(link, &len) == NULL) {
        return false;
    }
    kt_link_took(link, len);
    return true;
}

static bool run_closing(struct kt_link *link)
{
    bool moved = link->fault != NULL ? kt_link_drain_socket(link) : discard_data(link);

    if (link->phase == KT_LINK_CLOSING && kt_link_flushed(link)) {
        shut_sending(link);
        if (link->fault == NULL && ended_both_ways(link)) {
            link->phase = KT_LINK_OVER;
        }
    }
    return moved;
}

static bool run_phase(struct kt_link *link)
{
    switch (link->phase) {
    case KT_LINK_HANDSHAKE:
        return run_handshake(link);
    case KT_LINK_OPEN:
        return run_open(link);
    case KT_LINK_CLOSING:
        return run_closing(link);
    case KT_LINK_OVER:
        break;
    }
    return false;
}

/* What failed still has an alert to send; a socket that failed has nobody to send it to. */
static void take_fault(struct kt_link *link)
{
    kt_link_note(link, kt_conn_fault(link->conn));
    if (link->fault == NULL || link->phase >= KT_LINK_CLOSING) {
        return;
    }
    start_closing(link);
    if (link->fault->reason == KT_REASON_TRANSPORT_FAILED || link->unsendable) {
        link->phase = KT_LINK_OVER;
    }
}

static bool turn(struct kt_link *link)
{
    bool moved = kt_link_flush(link);

    if (link->fault == NULL) {
        moved = kt_link_answer(link) || moved;
        moved = kt_link_fill(link) || moved;
        take_fault(link);
    }
    moved = run_phase(link) || moved;
    take_fault(link);
    if (!moved && link->unsendable) {
        kt_link_note(link, &dropped);
        link->phase = KT_LINK_OVER;
    }
    return moved;
}

bool kt_link_run(struct kt_link *link)
{
    int turns = 0;

    while (link->phase != KT_LINK_OVER && turns < TURNS && turn(link)) {
        turns++;
    }
    if (link->phase == KT_LINK_OVER || turns == TURNS) {
        return link->phase != KT_LINK_OVER;
    }
    kt_conn_rest(link->conn, KT_RECEIVING);
    kt_conn_rest(link->conn, KT_SENDING);
    return false;
}

uint64_t kt_link_deadline(const struct kt_link *link)
{
    uint64_t now = kt_worker_now(link->worker);
    uint64_t due = link->fault != NULL ? UINT64_MAX : kt_conn_deadline(link->conn);

    if (due <= now) {
        due = now + TICK_MS;
    }
    return due < link->limit_ms ? due : link->limit_ms;
}

static void lose_patience(struct kt_link *link)
{
    switch (link->phase) {
    case KT_LINK_HANDSHAKE:
        link->subject = "not done within 10 s";
        kt_link_note(link, &handshake_late);
        link->phase = KT_LINK_OVER;
        break;
    case KT_LINK_OPEN:
        kt_link_finish(link);
        break;
    case KT_LINK_CLOSING:
    case KT_LINK_OVER:
        link->phase = KT_LINK_OVER;
        break;
    }
}

void kt_link_due(struct kt_link *link)
{
    uint64_t now = kt_worker_now(link->worker);

    if (link->limit_ms <= now) {
        lose_patience(link);
    } else if (link->fault == NULL) {
        kt_link_note(link, kt_conn_tick(link->conn));
    }
}

void kt_link_stop(struct kt_link *link)
{
    link->stopping = true;
    if (link->phase == KT_LINK_HANDSHAKE) {
        kt_link_cut(link);
    }
}

void kt_link_stop_now(struct kt_link *link)
{
    if (link->phase == KT_LINK_OPEN) {
        kt_link_finish(link);
    }
}

void kt_link_cut(struct kt_link *link)
{
    if (link->phase < KT_LINK_CLOSING) {
        kt_link_drop(link, "the server stops", 0);
    }
    link->phase = KT_LINK_OVER;
}

bool kt_link_rekey(struct kt_link *link, enum kt_rekey what)
{
    return link->phase == KT_LINK_OPEN && !kt_link_end_sent(link) && kt_conn_rekey(link->conn, what) == NULL;
}

bool kt_link_rehandshake(struct kt_link *link, enum kt_rehandshake kind)
{
    return link->phase == KT_LINK_OPEN && !kt_link_end_sent(link) && kt_conn_rehandshake(link->conn, kind) == NULL;
}

bool kt_link_request(struct kt_link *link, enum kt_client_auth mode)
{
    return link->phase == KT_LINK_OPEN && kt_conn_request_certificate(link->conn, mode) == NULL;
}

bool kt_link_tickets(struct kt_link *link, unsigned count)
{
    return link->phase == KT_LINK_OPEN && kt_conn_send_tickets(link->conn, count) == NULL;
}

bool kt_link_ended(const struct kt_link *link)
{
    return (kt_conn_status(link->conn) & (KT_IN_CLOSED | KT_HAS_DATA)) == KT_IN_CLOSED;
}

bool kt_link_end_sent(const struct kt_link *link)
{
    return (kt_conn_status(link->conn) & KT_OUT_CLOSED) != 0;
}

void kt_link_end(struct kt_link *link)
{
    kt_link_note(link, kt_conn_close(link->conn));
}

void kt_link_finish(struct kt_link *link)
{
    kt_link_end(link);
    start_closing(link);
}

void kt_link_drop(struct kt_link *link, const char *subject, int error)
{
    link->subject = subject;
    link->error = error;
    kt_link_note(link, &dropped);
    start_closing(link);
}

void kt_link_patience(struct kt_link *link, uint64_t ms)
{
    link->limit_ms = ms == 0 ? UINT64_MAX : kt_worker_now(link->worker) + ms;
}

bool kt_link_attach(struct kt_link *link, int fd)
{
    link->back.fd = fd;
    no_delay(fd);
    if (!kt_worker_watch(link->worker, &link->back)) {
        link->back.fd = -1;
        return false;
    }
    return true;
}
