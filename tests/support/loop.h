/*
 * loop.h - two connections in memory, and somebody between them who may change what passes.
 */
#ifndef TEST_LOOP_H
#define TEST_LOOP_H

#include <keyturn/keyturn.h>

#include "support/test_env.h"

enum { LOOP_WIRE = 1 << 18 };

/* One direction of the wire: what was sent and not delivered yet. */
struct loop_wire {
    uint8_t bytes[LOOP_WIRE];
    size_t len;
    uint64_t total; /* bytes that ever passed */
};

struct loop;

/*
 * Sees each record as it passes (header and fragment) and may change it in place, make it longer (up to cap) or drop
 * it by length 0. `from`: who sent it.
 */
typedef size_t loop_filter(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap);

struct loop {
    struct test_env env;
    struct kt_config *client_config, *server_config;
    struct kt_conn *client, *server;
    struct kt_store *store;     /* answers asks about sessions; NULL: KT_ASK_RESUME yes, the others no */
    struct kt_psk *psk;         /* answers KT_ASK_FIND_PSK; NULL: none is known */
    struct kt_session *session; /* for the next client; the test's */
    struct loop_wire up, down;  /* to the server, to the client */
    loop_filter *filter;
    void *filter_user;
    size_t chunk;                                       /* deliver at most this many bytes at once; 0: all */
    bool hold_asks;                                     /* leave asks open */
    bool refuse_peer;                                   /* answer KT_ASK_VERIFY with no */
    const struct kt_fault *client_fault, *server_fault; /* the last one returned by a call */

    /* The world fails: the n-th write to the wire or read from it ends the transport for both, the n-th question to
     * the store is answered by no. 0: none. */
    size_t writes, write_fail;
    size_t reads, read_fail;
    size_t store_calls, store_fail;
    bool cut; /* the transport has ended */
};

/* What a test may want otherwise; all zero is the plain case: toy crypto, P-256, no client certificate. */
struct loop_setup {
    void (*client)(struct kt_builder *b); /* more settings */
    void (*server)(struct kt_builder *b);
    bool client_credential;             /* the client has a certificate */
    bool no_server_credential;          /* the server has none but what `server` gives it */
    uint8_t server_key, client_key;     /* enum kt_key_kind of these certificates; 0: P-256 */
    const struct kt_lifetime *lifetime; /* of both sides */
    const char *server_name;            /* NULL: "server.example" */
    kt_observer *observer;
    void (*environment)(struct test_env *t); /* may change the environment before anything is made in it */
};

/* Configurations and both connections. Aborts when something cannot work that the test did not ask for. */
void loop_open(struct loop *l, const struct loop_setup *setup);
/* Only the configurations: for tests in which making the connection may fail. */
void loop_configure(struct loop *l, const struct loop_setup *setup);
const struct kt_fault *loop_connect(struct loop *l, const struct loop_setup *setup);
void loop_close(struct loop *l);
/* A configuration more, for a test that changes l->client_config or l->server_config. */
struct kt_config *loop_build(struct loop *l, enum kt_role role, const struct loop_setup *setup);
/* Frees both connections: loop_connect may make others. */
void loop_hang_up(struct loop *l);

/* Answers the open ask of a connection, if there is one, with the toy's means. True when it did. */
bool loop_answer(struct loop *l, struct kt_conn *conn);

/* Moves what one side has to send to the wire, through the filter; then delivers the wire to the other. */
void loop_flush(struct loop *l, enum kt_role from);
void loop_deliver(struct loop *l, enum kt_role to);
/* All of it, both ways, answers included, until nothing moves. */
void loop_run(struct loop *l);
/* Until both are connected; asserts it. */
void loop_handshake(struct loop *l);

struct kt_conn *loop_conn(struct loop *l, enum kt_role role);

/* Sends len bytes of a pattern from one side and reads them on the other; asserts that they arrive in order. */
void loop_transfer(struct loop *l, enum kt_role from, size_t len);

/* Asserts that the connection failed for this reason and tells this alert. */
#define loop_assert_failed(conn, reason_name, alert_name)                                                              \
    loop_assert_fault(kt_conn_fault(conn), KT_REASON_##reason_name, KT_ALERT_##alert_name, __FILE__, __LINE__)
void loop_assert_fault(const struct kt_fault *fault, enum kt_reason reason, enum kt_alert alert, const char *file,
                       int line);

/* The toy's credential of a kind of key (its first byte), for a name or NULL. */
struct kt_credential *loop_credential(struct loop *l, uint8_t key_kind, const char *name);

#endif
