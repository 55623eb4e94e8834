/*
 * ask.h - the closed list of questions the engine stops for, and their answers.
 *
 * The engine calls nobody. When it needs something from outside, kt_conn_status has KT_CAN_ANSWER,
 * kt_conn_ask shows the question, and nothing moves until it is answered: at once, later, or after another
 * thread has worked on it (the connection itself still belongs to one thread at a time). What the ask points
 * to stays valid until it is answered or the connection is freed. After the handshake (post-handshake authentication)
 * asks and answers belong to the receiving half, and only the answer to the request waits for them: data flows on, both
 * ways. Several requests may be open: their asks are shown one after the other. An answer to nothing, a second answer
 * or one of another kind is KT_REASON_USAGE_NOTHING_ASKED and changes nothing.
 */
#ifndef KEYTURN_ASK_H
#define KEYTURN_ASK_H

#include <keyturn/fault.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kt_ask_kind {
    KT_ASK_NONE,
    KT_ASK_CHOOSE_CONFIG,     /* server, optional: which configuration serves this ClientHello */
    KT_ASK_CHOOSE_CREDENTIAL, /* optional: which credential to show */
    KT_ASK_SIGN,              /* sign the handshake with the credential's key */
    KT_ASK_VERIFY,            /* is this chain the peer we want */
    KT_ASK_RESUME,            /* server, optional: may this session be resumed */
    KT_ASK_FIND_PSK,          /* server, optional: which key goes with one of these identities */
    KT_ASK_FETCH_SESSION,     /* server whose tickets are handles, or with session ids: which session is this */
    KT_ASK_KEEP_SESSIONS,     /* server whose tickets are handles: keep these until they are fetched */
    KT_ASK_DECRYPT,           /* server, TLS 1.2 and below with static RSA: the premaster secret */
};

/* Counted list of 16-bit numbers in network order, as it stands on the wire: at most len / 2 of them. */
struct kt_id_list {
    struct kt_span wire;
};

struct kt_ask {
    enum kt_ask_kind kind;
    uint32_t number; /* counts the asks of a connection: another number is another question */
    union {
        /* CHOOSE_CONFIG and CHOOSE_CREDENTIAL: what the peer's message offers. */
        struct {
            struct kt_span server_name;     /* host name of SNI, or empty; client's choice: own name */
            struct kt_span alpn;            /* ProtocolNameList as on the wire (RFC 7301), or empty */
            struct kt_id_list schemes;      /* signature_algorithms */
            struct kt_id_list cert_schemes; /* signature_algorithms_cert, or the same as schemes */
            struct kt_span authorities;     /* certificate_authorities list as on the wire, or empty */
            struct kt_span oid_filters;     /* client only: oid_filters list as on the wire, or empty */
            struct kt_span client_hello;    /* server only: the whole message */
            bool post_handshake;            /* client: the server asks after the handshake */
        } choose;

        /* SIGN: `input` under `scheme` (for ECDSA the DER form). */
        struct {
            const struct kt_credential *credential;
            uint16_t scheme;
            struct kt_span input; /* the content itself, not a digest (RFC 9846 section 4.5.2) */
        } sign;

        /* VERIFY: the signature over the handshake is already checked with the leaf's key; what remains is
         * whether the chain is trusted, for whom, and for what. */
        struct {
            enum kt_role peer;           /* the purpose to check for */
            const struct kt_span *chain; /* DER, leaf first, in the order received; at least one */
            size_t chain_len;
            struct kt_span server_name;     /* client: the name given to kt_conn_new, or empty */
            struct kt_span ocsp_response;   /* stapled to the leaf, or empty */
            struct kt_span sct_list;        /* RFC 6962: SignedCertificateTimestampList of the leaf as sent, or empty */
            struct kt_id_list cert_schemes; /* the schemes allowed in chain signatures */
        } verify;

        /* RESUME: the gate let the session pass and the client has proven that it holds the secret. What remains is
         * whether it was revoked, or used before. store.h has an answer. */
        struct {
            const struct kt_session *session; /* not yours: valid until answered */
            int64_t now;                      /* Unix time */
        } resume;

        /* FIND_PSK: none of the configuration's keys fits. The identities as they stand on the wire, which nobody has
         * proven yet; kt_psk_imported takes one apart. At most 33, in the client's order, without what is known to be a
         * ticket. */
        struct {
            const struct kt_span *identities;
            size_t count;
        } find_psk;

        /* FETCH_SESSION: the id of a session that was kept, or a session id of TLS 1.2 and below (RFC 5246 section
         * 7.4.1.2). */
        struct {
            struct kt_span id; /* `id` of kt_session_facts */
            int64_t now;       /* Unix time */
            bool once;         /* take it out: a handle is good once, a session id until it expires */
        } fetch;

        /* KEEP_SESSIONS: one for each ticket that will be sent, to be found by its id (kt_session_facts) until it
         * expires. Take references. */
        struct {
            struct kt_session *const *sessions;
            size_t count;
            int64_t now; /* Unix time */
        } keep;

        /*
         * DECRYPT: `ciphertext` with the credential's RSA key, RSAES-PKCS1-v1_5 (RFC 5246 section 7.4.7.1). Whether it
         * was well formed must show in nothing, time included: keyturn compares and replaces what is wrong itself.
         */
        struct {
            const struct kt_credential *credential;
            struct kt_span ciphertext;
            uint16_t client_version; /* of ClientHello: what a right premaster secret begins with */
        } decrypt;
    } u;
};

/* The open ask, or NULL. */
KT_API const struct kt_ask *kt_conn_ask(const struct kt_conn *conn);

/*
 * CHOOSE_CONFIG: serve with this configuration (a reference is taken) or, with NULL, with the one the connection has.
 * It must be of a server. CHOOSE_CREDENTIAL: show this credential (a reference is taken); NULL: none, which
 * a client may and a server may not.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_config(struct kt_conn *conn, struct kt_config *config);
KT_API KT_MUST_USE const struct kt_fault *kt_answer_credential(struct kt_conn *conn, struct kt_credential *credential);

/* SIGN: the signature, copied; at most 1024 bytes. */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_signature(struct kt_conn *conn, const uint8_t *signature,
                                                              size_t len);

/* VERIFY: the peer is who we want. There is no other way to accept a certificate. */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_verified(struct kt_conn *conn);

/* RESUME: yes, or a full handshake. */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_resume(struct kt_conn *conn, bool yes);

/*
 * FIND_PSK: the key (a reference is taken), whose identity must be one of those shown (USAGE_ARGUMENT). NULL: none is
 * known, as with kt_builder_psk. The connection holds the reference until it is freed.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_psk(struct kt_conn *conn, struct kt_psk *psk);

/* FETCH_SESSION: the session of this id (a reference is taken; another one is USAGE_ARGUMENT), or NULL for a full
 * handshake. It is still judged, and the client must prove that it has it. */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_session(struct kt_conn *conn, struct kt_session *session);

/* KEEP_SESSIONS: yes, all of them are kept; or no tickets are sent. */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_kept(struct kt_conn *conn, bool yes);

/*
 * DECRYPT: what came out, copied; a right one has 48 bytes. Whatever `len` says, also 0 for "could not be decrypted",
 * `premaster` must have 48 readable bytes: length and content are only used in constant time, and a premaster secret
 * that is wrong gives a handshake that fails at Finished, as one made up does (RFC 5246 section 7.4.7.1). For a key
 * that cannot be reached there is kt_answer_refuse.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_decrypted(struct kt_conn *conn, const uint8_t premaster[48],
                                                              size_t len);

/*
 * Any ask: the answer is no. `fault` says why and which alert the peer is sent; it becomes the fault of the
 * connection. NULL means KT_REASON_ASK_REFUSED.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_answer_refuse(struct kt_conn *conn, const struct kt_fault *fault);

#ifdef __cplusplus
}
#endif

#endif
