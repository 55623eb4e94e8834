/*
 * session_impl.h - the immutable session: what it holds, how it becomes bytes, and when it may be resumed.
 */
#ifndef KT_SESSION_IMPL_H
#define KT_SESSION_IMPL_H

#include <stdatomic.h>

#include <keyturn/session.h>

#include "seam/crypto.h"
#include "wire/writer.h"

enum {
    KT_SESSION_ID_LEN = 16,
    KT_LINEAGE_LEN = 16,
    KT_DIGEST_LEN = 32, /* SHA-256: peer identity and policy digest */
    KT_TICKET_NAME_LEN = 16,
    KT_SESSION_FIXED_MAX = 1024, /* a serialised session without its ticket */
    KT_TICKET_MAX = KT_TICKET_NAME_LEN + KT_NONCE_LEN + KT_SESSION_FIXED_MAX + KT_TAG_LEN, /* one that we seal */
};

struct kt_session_name {
    uint8_t len;
    uint8_t b[KT_NAME_MAX];
};

/* Where a session comes from: every descendant inherits it whole. */
struct kt_origin {
    uint8_t lineage[KT_LINEAGE_LEN];
    int64_t born; /* the full handshake */
    int64_t end;
    uint8_t peer[KT_DIGEST_LEN]; /* of the peer's leaf */
    bool has_peer;
    bool authenticated;
    uint8_t end_point_len;          /* 0: the server's certificate has no such hash */
    uint8_t end_point[KT_HASH_MAX]; /* of the server's certificate, for the channel binding (RFC 5929 section 4) */
};

struct kt_session_data {
    uint8_t role; /* enum kt_role */
    uint8_t id[KT_SESSION_ID_LEN];
    uint16_t version;
    uint16_t suite;
    struct kt_secret secret; /* the PSK itself; the main secret of TLS 1.2 */
    bool extended_secret;    /* TLS 1.2: the secret is bound to its handshake (RFC 7627) */
    bool by_id;              /* TLS 1.2: the identity is a session id, not a ticket */
    struct kt_session_name server_name;
    struct kt_session_name alpn;
    struct kt_origin origin;
    uint32_t generation;
    uint8_t policy[KT_DIGEST_LEN];
    int64_t issued;
    uint32_t lifetime;
    uint32_t age_add;
    struct kt_span ticket; /* client: the identity to offer, a ticket or a session id */
};

struct kt_session {
    atomic_uint refs;
    struct kt_env env;
    size_t len; /* of the block */
    struct kt_session_data data;
    uint8_t ticket[];
};

/* Publishes a copy of `data`, ticket included. MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_session_new(const struct kt_env *env, const struct kt_session_data *data,
                                                  struct kt_session **out);

static inline struct kt_span kt_session_name_span(const struct kt_session_name *name)
{
    return kt_span_of(name->b, name->len);
}

/* False when it is too long. */
KT_MUST_USE bool kt_session_name_set(struct kt_session_name *name, struct kt_span from);

/* When neither ticket nor lineage is alive any more. */
int64_t kt_session_expiry(const struct kt_session_data *data);

/* session_blob.c: the versioned form. decode trusts nothing; its ticket is a span into `bytes`. */
void kt_session_encode(struct kt_writer *w, const struct kt_session_data *data);
KT_MUST_USE const struct kt_fault *kt_session_decode(struct kt_span bytes, struct kt_session_data *out);

/* session_gate.c */

/* Why a session is not resumed; NONE: it may be. */
enum kt_refusal {
    KT_REFUSAL_NONE,
    KT_REFUSAL_ROLE,
    KT_REFUSAL_VERSION,
    KT_REFUSAL_SUITE,
    KT_REFUSAL_EXPIRED,
    KT_REFUSAL_LINEAGE_ENDED,
    KT_REFUSAL_FUTURE,
    KT_REFUSAL_AGE,
    KT_REFUSAL_GENERATION,
    KT_REFUSAL_SERVER_NAME,
    KT_REFUSAL_ALPN,
    KT_REFUSAL_POLICY,
    KT_REFUSAL_NOT_AUTHENTICATED,
    KT_REFUSAL_UNBOUND,
};

/* What holds now, when a session would be used. */
struct kt_resume_facts {
    enum kt_role role;
    uint16_t version;
    uint16_t suite; /* server: the one chosen; client: the session's if it is still offered, else 0 */
    struct kt_span server_name;
    struct kt_span alpn;   /* likewise */
    const uint8_t *policy; /* digest computed now, never remembered */
    uint32_t generation;
    bool must_be_authenticated;
    bool unbound; /* sessions of TLS 1.2 without extended main secret are let pass */
    int64_t now;
    uint32_t claimed_age_ms; /* server: by the client; 0 on the client */
};

/* The one gate (field rules of section 3.4): pure, and used by every path that resumes. */
enum kt_refusal kt_session_gate(const struct kt_session_data *session, const struct kt_resume_facts *facts);

#endif
