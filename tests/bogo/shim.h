/*
 * shim.h - one run of the shim: its connections one after the other, how each was configured, what was seen of it.
 */
#ifndef SHIM_H
#define SHIM_H

#include "shim_flags.h"

#define SHIM_CHAIN_MAX 16

struct shim {
    /* of the whole run */
    struct kt_env env;
    int64_t now; /* seconds of a clock that moves only where the runner says so */
    struct kt_ticket_ring *ring;
    struct kt_store *store;     /* server: sessions with an id */
    struct kt_session *session; /* client: the newest one, to be offered by the next connection */

    /* of this connection */
    const struct shim_flags *flags;
    bool resuming;
    struct kt_config *config;
    struct kt_conn *conn;

    /* What the engine shows, and who really holds its key: the same unless the flags narrow or staple something. */
    struct kt_credential *shown[SHIM_CREDENTIALS_MAX];
    struct kt_credential *owner[SHIM_CREDENTIALS_MAX];

    int fd;
    bool sends;                /* the transport still takes bytes */
    bool held;                 /* output waits until something was read */
    bool ended;                /* the transport has ended */
    const struct kt_ask *seen; /* an ask that was let wait once */

    /* remembered for the checks */
    int64_t selected; /* which credential signed: its number, -1 for the default one or none */
    bool hello_seen;
    unsigned sessions; /* client: how many came; server: how many it keeps by an id */
    struct kt_span chain[SHIM_CHAIN_MAX];
    size_t chain_len;
    struct kt_span secrets[2]; /* of application traffic: the client's, the server's */
    char trace[4096];
    size_t trace_len;
};

/* shim_setup.c: the configuration that the flags describe. SHIM_UNIMPLEMENTED for keys that we refuse. */
enum shim_exit shim_configure(struct shim *shim);
/* shim_lists.c */
enum shim_exit shim_set_algorithms(const struct shim_flags *flags, struct kt_builder *builder);
bool shim_in(const uint16_t *ids, size_t count, uint16_t id);
/* Gives back what belongs to the connection and leaves what belongs to the run. */
void shim_release(struct shim *shim);
/* The environment and the ring of the run, and their end. */
void shim_begin(struct shim *shim);
void shim_end(struct shim *shim);
/* PEM certificates of a file as DER; the caller frees each. */
size_t shim_certificates(const char *path, struct kt_span *out, size_t cap);

/* shim_ask.c: answers the open ask, if there is one; with -async not when it is seen for the first time. */
const struct kt_fault *shim_answer(struct shim *shim);

/* shim_choose.c: the first credential that the peer's lists allow; NULL: none. */
struct kt_credential *shim_choose(const struct shim *shim, const struct kt_ask *ask);

/* shim_link.c: the socket, and the bytes between it and the connection. */
bool shim_connect(struct shim *shim);
/* Sends what there is to be sent, answers what is asked, reads once when nothing else can be done. */
const struct kt_fault *shim_turn(struct shim *shim);
const struct kt_fault *shim_flush(struct shim *shim);
void shim_hang_up(struct shim *shim);

/* shim_checks.c: what the runner expects of the connection. They say on stderr what is wrong. */
bool shim_check_hello(struct shim *shim, const struct kt_ask *ask);
bool shim_check_request(struct shim *shim, const struct kt_ask *ask);
bool shim_check_chain(struct shim *shim, const struct kt_ask *ask);
bool shim_check_connected(struct shim *shim);
bool shim_check_end(struct shim *shim);

/* shim_watch.c: the observer. */
void shim_watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice);

/* shim_error.c: the fault as the runner looks for it, ":REASON:", and what the peer said. */
void shim_explain(const struct shim *shim, const struct kt_fault *fault);
/* An invariant of ours does not hold: ends the process with SHIM_BROKEN. */
_Noreturn void shim_broken(const char *what);
/* Ends it so when there is a fault. */
void shim_must(const struct kt_fault *fault);

#endif
