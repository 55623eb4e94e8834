/*
 * store.h - what a process remembers about the sessions it gave away: which were used, and which were revoked; and the
 * sessions themselves, where tickets are only handles of them (kt_resumption.stateful).
 *
 * A ticket that is no handle holds its session itself, so nobody can take it back; but before it is resumed the engine
 * asks (KT_ASK_RESUME, switched on by kt_builder_ask), and a store is the ready-made answer: drive.h gives it where one
 * is named. A session that is not admitted is a full handshake. Any thread may use a store at any time.
 */
#ifndef KEYTURN_STORE_H
#define KEYTURN_STORE_H

#include <keyturn/ask.h>
#include <keyturn/session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kt_store;

struct kt_store_options {
    size_t capacity; /* entries at most, 16 to 16777216; 0: 65536 */
    bool single_use; /* each session is resumed once */
    size_t sessions; /* kept for tickets that are handles, at most; 16 to 16777216; 0: 65536 */
};

/*
 * `options` may be NULL. The store allocates an entry for each revocation and, with single_use, for each session
 * resumed, until that session would have expired anyway; never more than `capacity`. Of sessions kept the oldest makes
 * room. Faults: USAGE_ARGUMENT, MEMORY_SPENT. kt_store_free accepts NULL; nobody may use the store any more.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_store_new(const struct kt_store_options *options, struct kt_store **out);
KT_API void kt_store_free(struct kt_store *store);

/*
 * Whether a session may be resumed at `now` (Unix time). With single_use yes is said once, to whoever asks first; and
 * no when there is no room to remember it, for who forgets would say yes twice.
 */
KT_API KT_MUST_USE bool kt_store_admit(struct kt_store *store, const struct kt_session *session, int64_t now);

/*
 * Sessions by their id: those that tickets are handles of, and those of TLS 1.2 and below with session_ids, which the
 * observer is told as sent by KT_NOTICE_SESSION. keep takes a reference, so that the environment of the session must
 * live as long as the store; false: no memory. take gives the session of this id back, to whoever asks first, unless it
 * has expired at `now` or is revoked; the reference is the caller's; NULL: there is none. find does the same, and the
 * session stays.
 */
KT_API KT_MUST_USE bool kt_store_keep(struct kt_store *store, struct kt_session *session);
KT_API KT_MUST_USE struct kt_session *kt_store_take(struct kt_store *store, struct kt_span id, int64_t now);
KT_API KT_MUST_USE struct kt_session *kt_store_find(struct kt_store *store, struct kt_span id, int64_t now);

/*
 * Answers the open ask of a connection by the calls above, when it is one about sessions: KT_ASK_RESUME,
 * KT_ASK_FETCH_SESSION, KT_ASK_KEEP_SESSIONS. Without a store (NULL) the answer is no. USAGE_NOTHING_ASKED: the ask is
 * another; else the fault of the answer.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_store_answer(struct kt_store *store, struct kt_conn *conn);

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
 * Whether a session, or a connection (kt_conn_session_facts), is revoked now. A connection that is goes on all the
 * same: who wants it to end asks this of its connections after a revocation, and closes those that it is true of. False
 * for facts without lineage.
 */
KT_API KT_MUST_USE bool kt_store_is_revoked(struct kt_store *store, const struct kt_session_facts *facts);

struct kt_store_counters {
    uint64_t admitted;
    uint64_t refused_used;    /* single_use, and it was */
    uint64_t refused_revoked; /* by any key, or the generation */
    uint64_t refused_full;    /* no room to remember */
    uint64_t entries;         /* now */
    uint64_t sessions;        /* kept now */
    uint64_t evicted;         /* sessions that made room for others */
};

KT_API struct kt_store_counters kt_store_counters(const struct kt_store *store);

#ifdef __cplusplus
}
#endif

#endif
