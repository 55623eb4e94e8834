/*
 * serve_link.h - one connection of a server: the engine between a non-blocking socket and an application.
 *
 * The sockets are in the worker's epoll set, edge-triggered: the kernel tells once that a socket became readable or
 * writable, the port remembers it, and it is forgotten when a call finds nothing. So waiting for the other
 * side needs no system call, and neither does ending that wait.
 */
#ifndef KT_SERVE_LINK_H
#define KT_SERVE_LINK_H

#include <keyturn/keyturn.h>

#include "serve_app.h"
#include "serve_timers.h"

struct kt_setup;
struct kt_worker;

enum kt_link_phase {
    KT_LINK_HANDSHAKE,
    KT_LINK_OPEN,    /* the application has it */
    KT_LINK_CLOSING, /* what is queued goes out, what comes is thrown away */
    KT_LINK_OVER,    /* only to be freed */
};

struct kt_port {
    struct kt_link *link;
    int fd; /* -1: none */
    bool readable;
    bool writable;
    bool hung_up; /* the other end will send no more: a short read is not the last one */
};

struct kt_link {
    struct kt_worker *worker;
    const struct kt_site *site;
    struct kt_setup *setup;
    struct kt_conn *conn;
    uint64_t id;
    char tag[24]; /* "[7] " */

    struct kt_port net;  /* the TLS side */
    struct kt_port back; /* for the application */
    void *state;         /* of the application */
    unsigned step;       /* of the application, too */

    enum kt_link_phase phase;
    bool app_open;   /* app->open was called */
    bool at_rest;    /* of the application: nothing is under way, and an end without close_notify loses nothing */
    bool stopping;   /* the server ends: the application should, too */
    bool unsendable; /* the socket takes no more; what it still holds is read */
    bool shut;       /* no more will be sent: the peer was told by TCP */

    const struct kt_fault *fault; /* why it ended, or NULL */
    const char *subject;          /* what the fault was about, or NULL */
    int error;                    /* errno, or 0 */

    uint64_t sent, received; /* bytes of the application */
    uint64_t began_ms;
    uint64_t limit_ms; /* when patience ends */

    /* For the worker. */
    struct kt_timer timer;
    struct kt_link *next, *previous;
    struct kt_link *next_ready;
    bool is_ready;
};

/* Takes over the descriptor and a reference of the setup, whatever comes of it. NULL when memory is short. */
struct kt_link *kt_link_new(struct kt_worker *worker, int fd, uint64_t id, struct kt_setup *setup);
/* Writes the last line about the connection and closes it. */
void kt_link_free(struct kt_link *link);

/* Moves what can be moved, up to a budget. True: there is more to do at once. */
bool kt_link_run(struct kt_link *link);
/* When kt_link_due must be called. */
uint64_t kt_link_deadline(const struct kt_link *link);
void kt_link_due(struct kt_link *link);

/* The server stops: politely, then with close_notify now, then at once. */
void kt_link_stop(struct kt_link *link);
void kt_link_stop_now(struct kt_link *link);
void kt_link_cut(struct kt_link *link);

/* For the control socket: false when the connection is not one that can change keys. */
bool kt_link_rekey(struct kt_link *link, enum kt_rekey what);
bool kt_link_rehandshake(struct kt_link *link, enum kt_rehandshake kind);
/* Likewise: false when this client cannot be asked for a certificate, or takes no tickets. */
bool kt_link_request(struct kt_link *link, enum kt_client_auth mode);
bool kt_link_tickets(struct kt_link *link, unsigned count);

/*
 * What applications use. Data of the client: peek shows it, took says how much was consumed. Data for the client:
 * send copies what fits, lend shows memory to be filled, lent sends the first n bytes (n > 0) of it.
 */
const uint8_t *kt_link_peek(struct kt_link *link, size_t *len);
void kt_link_took(struct kt_link *link, size_t n);
size_t kt_link_send(struct kt_link *link, const uint8_t *data, size_t len);
uint8_t *kt_link_lend(struct kt_link *link, size_t *len);
void kt_link_lent(struct kt_link *link, size_t n);

/* The client sent close_notify, and all before it was consumed. */
bool kt_link_ended(const struct kt_link *link);
/* Whether close_notify was queued. */
bool kt_link_end_sent(const struct kt_link *link);
/* Sends close_notify after what was accepted; the client may go on sending. */
void kt_link_end(struct kt_link *link);
/* The same, and nothing that the client still sends is of interest. */
void kt_link_finish(struct kt_link *link);
/* What was accepted is sent, but no close_notify, so that the client knows that something is missing. */
void kt_link_drop(struct kt_link *link, const char *subject, int error);
/* The connection is finished when this much time passes without another call. 0: never. */
void kt_link_patience(struct kt_link *link, uint64_t ms);
/* Watches the application's own socket (link->back). Takes over the descriptor only when true. */
bool kt_link_attach(struct kt_link *link, int fd);

/* Takes the result of recv or send on a port: true when it is n > 0; else *error is 0 (nothing now, or the end of
 * what can be read) or an errno. */
bool kt_port_moved(bool *ready, ssize_t n, int *error);

#endif
