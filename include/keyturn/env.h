/*
 * env.h - all that the engine may use of the world: two clocks, randomness, memory, and somebody who watches.
 *
 * The engine does no I/O and has no global state: a run is a function of configuration, environment, the bytes
 * it is given and the answers to its asks.
 */
#ifndef KEYTURN_ENV_H
#define KEYTURN_ENV_H

#include <keyturn/lifetime.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kt_notice_kind {
    KT_NOTICE_STATE,     /* the handshake machine moved */
    KT_NOTICE_MESSAGE,   /* a handshake message was sent or received */
    KT_NOTICE_RECORD,    /* a record was sent or received */
    KT_NOTICE_ALERT,     /* an alert was sent or received */
    KT_NOTICE_SECRET,    /* a secret for the key log; only when the configuration asked for it */
    KT_NOTICE_EPOCH,     /* a direction changed its key */
    KT_NOTICE_CONNECTED, /* the handshake is done; application data may flow */
    /* May be resumed by a later connection. Received: a client's, to be offered; sent: a server's that has an id, to be
     * kept for KT_ASK_FETCH_SESSION (session.h). */
    KT_NOTICE_SESSION,
    KT_NOTICE_POST_AUTH,  /* post-handshake authentication: a request was answered */
    KT_NOTICE_REHANDSHAKE /* TLS 1.2 and below: a further handshake began, ended or was refused */
};

/* What became of a further handshake. One that fails is the end of the connection. */
enum kt_rehandshake_event {
    KT_REHANDSHAKE_BEGUN,           /* ours: ClientHello or HelloRequest goes out */
    KT_REHANDSHAKE_DONE,            /* both directions have new keys */
    KT_REHANDSHAKE_DENIED,          /* we refused a wish of the peer: no_renegotiation goes out */
    KT_REHANDSHAKE_REFUSED_BY_PEER, /* or did not answer HelloRequest in time; the connection goes on with its keys */
};

/* Something that happened. Valid only during the call of the observer. */
struct kt_notice {
    enum kt_notice_kind kind;
    enum kt_direction direction; /* message, record, alert, epoch, post_auth: sent or received */
    union {
        struct {
            const char *from, *to; /* names as in RFC 9846 Appendix A, with a prefix for role and version */
        } state;
        struct {
            uint8_t type;        /* handshake type (RFC 9846 section 4) */
            struct kt_span body; /* whole message with its four-byte header */
        } message;
        struct {
            uint8_t type; /* content type; of the inner plaintext where the record is protected */
            bool is_protected;
            size_t wire_len;    /* header included */
            size_t content_len; /* without padding */
            uint64_t epoch;     /* number of the application epoch; 0 for handshake keys and plain text, too */
        } record;
        struct {
            uint8_t level;       /* 1 warning, 2 fatal */
            uint8_t description; /* enum kt_alert */
        } alert;
        struct {
            const char *label; /* as in RFC 9850: "CLIENT_HANDSHAKE_TRAFFIC_SECRET" and so on */
            struct kt_span client_random;
            struct kt_span secret;
        } secret;
        struct kt_epoch_info epoch;
        /* Server, received: the answer is proven, and accepted by KT_ASK_VERIFY. Client, sending: ours is on its way.
         */
        struct {
            const struct kt_span *chain; /* DER, leaf first */
            size_t chain_len;            /* 0: the client has no certificate to show */
        } post_auth;
        struct {
            enum kt_rehandshake_event event;
            bool resumed;           /* DONE: it was abbreviated */
        } rehandshake;              /* the direction says whose it was: sending: ours */
        struct kt_session *session; /* who wants to keep it takes a reference (session.h) */
    } u;
};

/*
 * Must not call back into the connection except for the const functions of inspect.h; must not keep pointers.
 * A connection used by a reader and a writer thread calls it from both, possibly at once.
 */
typedef void kt_observer(void *user, const struct kt_conn *conn, const struct kt_notice *notice);

/* All functions but `observer` are required. `user` is handed to each. They must be callable by any thread. */
struct kt_env {
    uint64_t (*monotonic_ms)(void *user); /* never goes back */
    int64_t (*wall_seconds)(void *user);  /* Unix time */
    bool (*random)(void *user, uint8_t *out, size_t len);
    void *(*alloc)(void *user, size_t len);                /* NULL when there is none; aligned as malloc does */
    void (*release)(void *user, void *memory, size_t len); /* len as allocated; memory may be NULL */
    kt_observer *observer;                                 /* may be NULL */
    void *user;
};

#ifdef __cplusplus
}
#endif

#endif
