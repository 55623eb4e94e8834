/*
 * work12.h - what a handshake of TLS 1.2 or below needs while it runs, and the steps towards its keys that both roles
 * have in common (RFC 5246 section 8, RFC 7627).
 *
 * Versions 1.1 and 1.0 are parameters: the PRF, the hash of the transcript, how signatures are named.
 */
#ifndef KT_WORK12_H
#define KT_WORK12_H

#include "hs/hs.h"
#include "keys/schedule12.h"
#include "wire/messages12.h"

/* A message that a CertificateVerify will cover. */
struct kt_noted12 {
    struct kt_noted12 *next;
    struct kt_span message;
};

struct kt_work12 {
    const struct kt_suite_facts *facts; /* of the suite */
    struct kt_prf prf;
    const struct kt_hash *hash; /* of the transcript */
    uint8_t server_random[32];

    struct kt_server_hello hello; /* the server's, with its extensions; spans into the arena */
    struct kt_server_key_exchange exchange;
    struct kt_span certificate_types; /* of the CertificateRequest */
    struct kt_kex *kex;               /* server: until the client's share comes */
    struct kt_span share;             /* ours, or what we encrypted */
    struct kt_span peer_share;        /* client: the server's */

    struct kt_keys12 client_keys, server_keys;
    uint8_t binding[24]; /* server: what our renegotiation_info says */
    bool encrypt_then_mac;
    size_t limit[2]; /* rehandshake, by direction: of records, when the keys change; 0: as they were */

    /* CertificateVerify signs the messages themselves, by a hash of its own choice. */
    bool notes; /* it may come to one */
    struct kt_noted12 *first_note, *last_note;
    size_t noted_len;

    /* Sessions. */
    bool offered;             /* client: the session in the hello is one of these versions */
    bool sends_ticket;        /* server */
    struct kt_span ticket;    /* client: the one received, or empty */
    uint32_t ticket_lifetime; /* its hint */
    uint8_t session_id[KT_SESSION_ID_LEN];
    uint8_t session_id_len; /* server: of the id we give; 0: none */
};

/* Where the client's offer and the rest of the handshake begin; MEMORY_SPENT. Once more is harmless. */
KT_MUST_USE const struct kt_fault *kt_work12_begin(struct kt_hs *hs);
/* The version and the suite are known: PRF, transcript. CRYPTO_UNAVAILABLE. */
KT_MUST_USE const struct kt_fault *kt_work12_fix(struct kt_hs *hs, const struct kt_suite *suite);

/* Keeps a message for CertificateVerify while there may be one; all handshakes come here. */
KT_MUST_USE const struct kt_fault *kt_work12_note(struct kt_hs *hs, struct kt_span message);
/* All noted messages, one behind the other. */
KT_MUST_USE const struct kt_fault *kt_work12_noted(struct kt_hs *hs, struct kt_span *all);
/* No CertificateVerify will come. */
void kt_work12_stop_notes(struct kt_hs *hs);

/* The main secret from work->shared or, for static RSA, from work->premaster; both are wiped. The transcript ends with
 * ClientKeyExchange. Then the keys. */
void kt_work12_main_secret(struct kt_hs *hs);
/* The main secret of a session that is resumed; then the keys. */
void kt_work12_resume_secret(struct kt_hs *hs);

/* Our change_cipher_spec, and the peer's. */
KT_MUST_USE const struct kt_fault *kt_work12_change_sending(struct kt_hs *hs);
KT_MUST_USE const struct kt_fault *kt_work12_change_receiving(struct kt_hs *hs);

/* Finished of our role, written; and the peer's, checked: FINISHED_MALFORMED, FINISHED_WRONG. */
KT_MUST_USE const struct kt_fault *kt_work12_send_finished(struct kt_hs *hs);
KT_MUST_USE const struct kt_fault *kt_work12_take_finished(struct kt_hs *hs, struct kt_span body);

/* A copy in the arena. MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_work12_copy(struct kt_hs *hs, struct kt_span from, struct kt_span *out);

#endif
