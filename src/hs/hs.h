/*
 * hs.h - the handshake: what lives with the connection, and what lives only while it runs.
 */
#ifndef KT_HS_H
#define KT_HS_H

#include "base/arena.h"
#include "hs/machine.h"
#include "keys/schedule13.h"
#include "keys/transcript.h"
#include "lifetime/epoch.h"
#include "seam/config_view.h"
#include "seam/notify.h"
#include "session/session_impl.h"
#include "wire/messages.h"

/* What has been proven about the peer (field rule R2): each bit is set in one place, by the function that checked. */
enum kt_proof {
    KT_PROOF_SIGNATURE = 1, /* CertificateVerify: it holds the key of its leaf */
    KT_PROOF_CHAIN = 2,     /* the owner accepted the chain */
    KT_PROOF_FINISHED = 4,  /* Finished: it saw the same handshake */
    KT_PROOF_RESUMED = 8,   /* it holds the secret of a session that the gate let pass, with all that proves */
    KT_PROOF_ORIGIN = 16,   /* and that session began with the first two */
    KT_PROOF_PSK = 32,      /* it holds an external pre-shared key */
};

/* A name of at most 255 bytes by value. */
struct kt_name {
    uint8_t len;
    uint8_t b[KT_NAME_MAX];
};

static inline struct kt_span kt_name_span(const struct kt_name *name)
{
    return kt_span_of(name->b, name->len);
}

/* What one ClientHello leads to: made by decide.c from the configuration and the hello alone. */
struct kt_choice {
    const struct kt_suite *suite;
    const struct kt_group *group;
    struct kt_span peer_share; /* empty: a HelloRetryRequest must ask for it */
    struct kt_span alpn;       /* empty: none */
    struct kt_credential *credential;
    uint16_t scheme;
    struct kt_psk *psk; /* external, to be proven by its binder; NULL: none fits */
    uint16_t psk_index; /* of its identity in the hello */
    bool no_exchange;   /* psk_ke: neither group nor share */
};

/* What a connection of TLS 1.2 and below keeps of its last handshake. */
struct kt_kept12 {
    uint8_t client_random[32], server_random[32]; /* for exporters (RFC 5705) */
    /* verify_data of both Finished: what a further handshake is tied to (RFC 5746), and tls-unique (RFC 5929). */
    uint8_t client_finished[12], server_finished[12];
    bool extended_secret; /* RFC 7627 */
    bool secure;          /* RFC 5746: the peer ties its handshakes to the connection */
};

/* An offered key share of ours, until the server has chosen. */
struct kt_offered_share {
    const struct kt_group *group;
    struct kt_kex *kex;
};

/* One entry of pre_shared_key, in a client. */
struct kt_psk_offer {
    struct kt_psk *psk; /* NULL: the session */
    const struct kt_hash *hash;
};
struct kt_work12;

/* The part that dies with the handshake; lives in its arena. */
struct kt_hs_work {
    struct kt_transcript transcript;
    struct kt_schedule13 schedule;
    struct kt_shared_secret shared;                      /* of the key exchange, between ServerHello and the keys */
    struct kt_secret client_handshake, server_handshake; /* traffic secrets of the handshake */
    struct kt_secret client_application, server_application;
    uint8_t random[32]; /* ours */
    uint8_t client_random[32];

    /* ClientHello: ours as sent, or the client's (spans into a copy in the arena). */
    struct kt_client_hello hello;
    struct kt_span hello_message; /* server: the whole message */
    struct kt_choice choice;
    struct kt_offered_share shares[KT_KEY_SHARES_MAX];
    size_t share_count;
    uint16_t grease[4];            /* client: suite, group, version, scheme */
    uint8_t cookie[KT_COOKIE_LEN]; /* server: the one sent */
    uint16_t retry_suite;          /* client: what HelloRetryRequest fixed */

    /* Resumption: the session offered (client) or found (server); holds a reference. */
    struct kt_session *session;
    uint8_t binder_hash[KT_HASH_MAX];              /* server: what the binders of the hello sign */
    struct kt_secret psk_room;                     /* of an external key that was imported */
    uint16_t psk_index;                            /* server: of the session or the key in the hello */
    struct kt_psk_offer offers[KT_PSK_OFFERS_MAX]; /* client: in the order of the hello */
    size_t offer_count;
    struct kt_span psk;                      /* the external key in use, in psk_room or in hs->psk */
    struct kt_session *kept[KT_TICKETS_MAX]; /* server: those that tickets will be handles of; each holds a reference */
    size_t kept_count;

    /* CertificateRequest: the client's view of the server's, and whether we sent one. */
    bool certificate_asked;
    bool must_authenticate; /* post-handshake: an empty answer is refused */
    struct kt_certificate_request request;

    /* The peer's certificate. */
    struct kt_certificate peer;
    struct kt_peer_key *peer_key;

    struct kt_work12 *v12; /* TLS 1.2 and below: work12.h */

    struct kt_writer out; /* the message being sent */

    struct kt_ask ask; /* kind NONE: nothing is asked */
    bool answered;
    bool answer_resume;
    bool no_resumption; /* server, rehandshake: a full one is wanted */
    bool answer_kept;
    struct kt_credential *answer_credential; /* holds a reference */
    struct kt_psk *answer_psk;               /* likewise */
    uint8_t signature[KT_SIGNATURE_MAX];
    size_t signature_len;
    uint8_t premaster[KT_PREMASTER_LEN]; /* of KT_ASK_DECRYPT: random until a right one is answered */
    uint8_t signed_content[64 + 34 + KT_HASH_MAX];
};

struct kt_rehandshake12;

struct kt_hs {
    struct kt_watch watch;
    struct kt_carrier carrier;
    struct kt_config *config;       /* the connection's reference */
    uint8_t state;                  /* assigned by the driver only */
    _Atomic(uint8_t) proofs;        /* may grow after the handshake, while others read it */
    bool leaves;                    /* it runs after the handshake: what it sends is left to the sending half */
    struct kt_flight *flight;       /* being made; the carrier's */
    bool keeps;                     /* and it is not left at its end, but by who began the handshake */
    struct kt_hs *main;             /* of an exchange after the handshake: the connection's; else NULL */
    struct kt_post_auth *post_auth; /* NULL: not negotiated, or the connection has failed */
    /* A further handshake of TLS 1.2 or below: rehandshake12.h. Made by either half, then the receiving half's. */
    _Atomic(struct kt_rehandshake12 *) rehandshake;
    struct kt_arena arena;
    struct kt_hs_work *work;        /* NULL when no handshake runs */
    struct kt_budget post_messages; /* key updates and tickets the peer may still send */

    /* What was negotiated. */
    uint16_t version;
    const struct kt_suite *suite;
    const struct kt_group *group;
    _Atomic(uint16_t) own_scheme;
    _Atomic(uint16_t) peer_scheme;
    bool retried;
    bool resumed;
    bool post_auth_offered;
    struct kt_psk *psk;       /* external, that stands for certificates; holds a reference; NULL: none */
    bool peer_stapled;        /* the peer's certificate came with an OCSP response */
    uint16_t peer_scts;       /* and with so many timestamps */
    bool tickets_told;        /* client: the server said how many tickets will come */
    uint8_t tickets_expected; /* and that it is so many */
    struct kt_name server_name;
    struct kt_name alpn;
    struct kt_secret exporter_secret; /* the main secret of TLS 1.2 and below */
    struct kt_kept12 kept12;
    struct kt_session *latest;  /* client of TLS 1.2 and below: what a rehandshake may resume; a reference, or NULL */
    uint32_t rehandshakes_left; /* that the peer may still begin */
    uint8_t birth;              /* enum kt_birth of the keys that this handshake makes */
    uint8_t end_point[KT_HASH_MAX]; /* of the server's certificate, for the channel binding */
    uint8_t end_point_len;          /* 0: there is none */

    /* Of the sessions to come; filled when the configuration resumes. */
    struct kt_origin origin;
    uint8_t resumed_id[KT_SESSION_ID_LEN]; /* of the session that was resumed */
    struct kt_secret resumption_secret;    /* server: until no more tickets can be issued */
    uint16_t tickets_sent;
    uint32_t asks; /* put until now, by exchanges, too */
};

/* Prepares a handshake in the role of the configuration: allocates the work part, stands in the first state. */
KT_MUST_USE const struct kt_fault *kt_hs_begin(struct kt_hs *hs);
/* Wipes and frees the work part. */
void kt_hs_end(struct kt_hs *hs);
/* Ends whatever runs, exchanges after the handshake, too: the connection has failed. */
void kt_hs_abandon(struct kt_hs *hs);
/* abandon, and wipes what lives with the connection. */
void kt_hs_free(struct kt_hs *hs);

/* A further handshake on a connection of TLS 1.2 or below: what it continues is in hs->main. */
static inline bool kt_hs_is_again(const struct kt_hs *hs)
{
    return hs->main != NULL && hs->main->version < KT_TLS_1_3;
}

static inline bool kt_hs_is_connected(const struct kt_hs *hs)
{
    return kt_state_kind(hs->state) == KT_STATE_IS_REST;
}

/* A session or an external key stands for certificates. */
static inline bool kt_hs_has_psk(const struct kt_hs *hs)
{
    return hs->resumed || hs->psk != NULL;
}

/* True when an ask is open and not answered yet. */
static inline bool kt_hs_has_ask(const struct kt_hs *hs)
{
    return hs->work != NULL && hs->work->ask.kind != KT_ASK_NONE && !hs->work->answered;
}

/* --- for the steps --- */

/* Begins the message of a SEND step: a writer over `cap` bytes of the arena. */
KT_MUST_USE const struct kt_fault *kt_hs_writer(struct kt_hs *hs, size_t cap);
/* Fills `choose` of an ask from the client's hello. */
void kt_hs_describe_hello(const struct kt_hs *hs, struct kt_ask *ask);
/* Leaves the flight made until now to the sending half. */
void kt_hs_leave_flight(struct kt_hs *hs);
/* Puts a question; the step then chooses an ASK state. */
void kt_hs_ask(struct kt_hs *hs, const struct kt_ask *ask);
/* Asks to decrypt the premaster secret; once answered it stands in work->premaster, right or random. */
KT_MUST_USE const struct kt_fault *kt_hs_ask_decrypt(struct kt_hs *hs, const struct kt_credential *credential,
                                                     struct kt_span ciphertext);
/* The answer: `decrypted` has KT_PREMASTER_LEN bytes whatever len is. Constant time in both. */
void kt_hs_decrypted(struct kt_hs *hs, const uint8_t *decrypted, size_t len);
KT_MUST_USE const struct kt_fault *kt_hs_random(const struct kt_hs *hs, uint8_t *out, size_t len);
/* A message joins the transcript, and what a signature of TLS 1.2 will cover. MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_hs_hash(struct kt_hs *hs, struct kt_span message);
/* Tells the key log, when the configuration asked for it. */
void kt_hs_log_secret(const struct kt_hs *hs, const char *label, const struct kt_secret *secret);
KT_MUST_USE const struct kt_fault *kt_hs_keep_name(struct kt_name *name, struct kt_span from);

#endif
