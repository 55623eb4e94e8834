/*
 * store.h - what a process remembers about the sessions it gave away: which were used, and which were revoked.
 *
 * A ticket holds its session itself, so nobody can take it back; but before it is resumed the engine asks
 * (KT_ASK_RESUME, switched on by kt_builder_ask), and a store is the ready-made answer: drive.h gives it where one is
 * named. A session that is not admitted is a full handshake. Any thread may use a store at any time.
 */
#ifndef KEYTURN_STORE_H
#define KEYTURN_STORE_H

#include <keyturn/session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kt_store;

struct kt_store_options {
    size_t capacity; /* entries at most, 16 to 16777216; 0: 65536 */
    bool single_use; /* each session is resumed once */
};

/*
 * `options` may be NULL. The store allocates an entry for each revocation and, with single_use, for each session
 * resumed, until that session would have expired anyway; never more than `capacity`. Faults: USAGE_ARGUMENT,
 * MEMORY_SPENT. kt_store_free accepts NULL; nobody may use the store any more.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_store_new(const struct kt_store_options *options, struct kt_store **out);
KT_API void kt_store_free(struct kt_store *store);

/*
 * Whether a session may be resumed at `now` (Unix time). With single_use yes is said once, to whoever asks first; and
 * no when there is no room to remember it, for who forgets would say yes twice.
 */
KT_API KT_MUST_USE bool kt_store_admit(struct kt_store *store, const struct kt_session *session, int64_t now);

/* By what sessions are revoked. */
enum kt_revoke {
    KT_REVOKE_SESSION,  /* its id: this one ticket */
    KT_REVOKE_LINEAGE,  /* its lineage: it and all that stems from the same full handshake */
    KT_REVOKE_IDENTITY, /* SHA-256 of the peer's certificate, 32 bytes */
    KT_REVOKE_NAME,     /* the server name */
};

/*
 * Revokes what was made until `now`: the next attempt is a full handshake, and what comes of that may be resumed
 * again, except a second that both share. `key` has 1 to 255 bytes. MEMORY_SPENT: no memory or capacity; then nothing
 * is revoked, and raising the generation needs neither. USAGE_ARGUMENT: no key.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_session_revoke(struct kt_store *store, enum kt_revoke by,
                                                            struct kt_span key, int64_t now);
/* Revokes all sessions of a generation (kt_resumption) below this one. It only ever rises. */
KT_API void kt_session_revoke_generation(struct kt_store *store, uint32_t least);

/*
 * Sessions with an id (TLS 1.2 and below, `session_ids` of kt_resumption) are kept by the server itself. kt_store_keep
 * takes a reference until the session expires; they never take more than half of `capacity`: false when there is no
 * room or memory, and the client's next handshake is a full one. What the observer is told by KT_NOTICE_SESSION as sent
 * is to be kept. kt_store_find gives the caller a reference, or NULL, also for what was revoked; the session stays.
 * drive.h answers KT_ASK_FETCH_SESSION by it where a store is named.
 */
KT_API bool kt_store_keep(struct kt_store *store, struct kt_session *session, int64_t now);
KT_API struct kt_session *kt_store_find(struct kt_store *store, struct kt_span id, int64_t now);

struct kt_store_counters {
    uint64_t admitted;
    uint64_t refused_used;    /* single_use, and it was */
    uint64_t refused_revoked; /* by any key, or the generation */
    uint64_t refused_full;    /* no room to remember */
    uint64_t kept;            /* sessions with an id, now */
    uint64_t entries;         /* now, those included */
};

KT_API struct kt_store_counters kt_store_counters(const struct kt_store *store);

#ifdef __cplusplus
}
#endif

#endif
