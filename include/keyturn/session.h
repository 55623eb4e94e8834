/*
 * session.h - sessions to be resumed, and the keys that seal them into tickets.
 *
 * A session is what is left of a handshake: a secret, and all that must be the same again before that secret may
 * stand for the certificates of the first handshake. It never changes once it exists. Sessions made from each other
 * by resumption form a lineage: all have the id, the beginning and the absolute end of the full handshake they
 * stem from, so that no chain of tickets outlives the check of the certificates (RFC 9846 section 4.7.1).
 *
 * Before a session is used, by whichever way it came, one gate compares it with the configuration and the peer's
 * hello of now. When anything differs the handshake is a full one; a session never makes a connection fail.
 */
#ifndef KEYTURN_SESSION_H
#define KEYTURN_SESSION_H

#include <keyturn/env.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Atomic reference count. Any thread; NULL is accepted by kt_session_unref. */
KT_API struct kt_session *kt_session_ref(struct kt_session *session);
KT_API void kt_session_unref(struct kt_session *session);

/* Unix time throughout. Spans stay valid as long as the session. Nothing here is secret. */
struct kt_session_facts {
    enum kt_role role; /* of the side that keeps it */
    struct kt_span id; /* 16 random bytes of this one session; each side has its own */
    uint16_t version;
    uint16_t suite;
    struct kt_span server_name;
    struct kt_span alpn;
    bool by_id;                 /* TLS 1.2 and below: asked for by its id, not by a ticket */
    bool peer_authenticated;    /* the peer proved a certificate in the full handshake, and it was accepted */
    struct kt_span peer_sha256; /* of that certificate; empty: it showed none */
    struct kt_span lineage;     /* 16 random bytes */
    uint32_t generation;        /* of kt_resumption, when it was made */
    int64_t full_handshake_at;
    int64_t lineage_ends_at;
    int64_t issued_at;
    int64_t expires_at; /* the ticket's or the lineage's end, whichever comes first */
};

KT_API struct kt_session_facts kt_session_facts(const struct kt_session *session);

/*
 * A session as bytes, to be kept in a file or elsewhere. DANGER: they hold the secret in the clear; whoever reads them
 * can resume the session. kt_session_export returns the length needed and writes only when cap is enough.
 * kt_session_import takes what export wrote and trusts none of it; faults: SESSION_MALFORMED, MEMORY_SPENT. `env` is
 * copied; its `user` must outlive the session. The caller owns one reference.
 */
KT_API size_t kt_session_export(const struct kt_session *session, uint8_t *out, size_t cap);
KT_API KT_MUST_USE const struct kt_fault *kt_session_import(const struct kt_env *env, struct kt_span bytes,
                                                            struct kt_session **out);

/*
 * Ticket keys: the newest seals, older ones still open. Shared by any number of configurations and threads; no thread
 * ever waits for another to finish with a key. A ring has a random key from the beginning, and drops and wipes
 * the oldest when a new one needs its place.
 */
struct kt_ticket_ring;

enum {
    KT_TICKET_RING_KEYS = 8,    /* keys a ring holds at most */
    KT_TICKET_RING_BLOB = 1024, /* enough for kt_ticket_ring_export */
};

struct kt_ticket_ring_options {
    uint32_t rotate_seconds; /* a new key when the newest is this old; 0: only by rotate and import */
    uint32_t keep_seconds;   /* a key opens tickets for this long after it was made; more than rotate_seconds */
};

/* `options` NULL: rotated every 12 hours, kept for 36. Faults: CONFIG_ENV, USAGE_ARGUMENT, RANDOM_FAILED,
 * MEMORY_SPENT. `env` is copied; its `user` must outlive the ring. The caller owns one reference. */
KT_API KT_MUST_USE const struct kt_fault *
kt_ticket_ring_new(const struct kt_env *env, const struct kt_ticket_ring_options *options, struct kt_ticket_ring **out);
KT_API struct kt_ticket_ring *kt_ticket_ring_ref(struct kt_ticket_ring *ring);
KT_API void kt_ticket_ring_unref(struct kt_ticket_ring *ring);

/* A new key now. RANDOM_FAILED. Any thread. */
KT_API KT_MUST_USE const struct kt_fault *kt_ticket_ring_rotate(struct kt_ticket_ring *ring);

/*
 * The keys of one host for the others of a fleet. DANGER: whoever has them reads all sessions sealed by them.
 * kt_ticket_ring_export returns the length needed and writes only when cap is enough. kt_ticket_ring_import replaces
 * all keys; TICKET_KEYS_MALFORMED: nothing has changed. Any thread.
 */
KT_API size_t kt_ticket_ring_export(const struct kt_ticket_ring *ring, uint8_t *out, size_t cap);
KT_API KT_MUST_USE const struct kt_fault *kt_ticket_ring_import(struct kt_ticket_ring *ring, struct kt_span bytes);

/*
 * What a configuration says about resumption; kt_builder_resumption. Always with a fresh key exchange (psk_dhe_ke),
 * never with early data.
 *
 * A server issues tickets and takes its own back. A client tells of each ticket by KT_NOTICE_SESSION and offers the
 * session of kt_conn_options.
 */
struct kt_resumption {
    struct kt_ticket_ring *ring; /* servers: required unless `stateful`; a reference is taken */
    unsigned tickets;            /* servers: how many after a handshake, 0 to 8; fewer when a client asks for fewer */
    uint32_t ticket_seconds;     /* lifetime of one, and of a session id, 1 to 604800 */
    uint32_t lineage_seconds;    /* from the full handshake to the end of all that stems from it, 1 to 604800 */
    /* Servers: a ticket is only a handle of 16 random bytes, the id of a session that stays with the owner, who is
     * asked to keep it and to fetch it (KT_ASK_KEEP_SESSIONS, KT_ASK_FETCH_SESSION; store.h answers both). It is good
     * once. */
    bool stateful;
    /*
     * Servers, TLS 1.2 and below: tickets (RFC 5077) come from the same ring, one for a handshake, unless `tickets` is
     * 0. With session_ids a client that takes no ticket gets a session id, and the session is kept by the owner of the
     * connection.
     */
    bool session_ids;
    /* Sessions made under another generation are not resumed: count it up when what was accepted before shall be
     * looked at again. */
    uint32_t generation;
    /* What else a session depends on, 0 to 255 bytes: the name of the trust store, of the virtual host, of the way
     * of verifying. Sessions made under another context are not resumed. */
    struct kt_span context;
};

/* 2 tickets of 2 hours, no session ids, a lineage of 7 days, generation 0, no context, no ring. */
KT_API struct kt_resumption kt_resumption_default(void);

#ifdef __cplusplus
}
#endif

#endif
