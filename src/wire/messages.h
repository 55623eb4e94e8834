/*
 * messages.h - the handshake messages of TLS 1.3 as structures, and their codecs; ClientHello and ServerHello are those
 * of all versions, what else TLS 1.2 has is in messages12.h.
 *
 * decode: the body (without the four-byte header) becomes a complete structure of spans into it, or a fault;
 * nothing is allocated and nothing is chosen. The whole body is consumed or it is a fault. Extensions that
 * are known but not allowed in the message are EXTENSION_NOT_ALLOWED, a second one of any number is
 * EXTENSION_DUPLICATE, content of the wrong form is EXTENSION_MALFORMED. Unknown extensions are ignored in
 * ClientHello, CertificateRequest and NewSessionTicket; in the answers (ServerHello, HelloRetryRequest,
 * EncryptedExtensions, Certificate) they and any that `offered` does not hold are EXTENSION_NOT_OFFERED.
 * After a fault the structure is not to be used.
 *
 * encode: writes the whole message with its header and the extensions in `seen`; the writer says in the end
 * whether it fitted (and is bad when `seen` holds one that the message may not have).
 */
#ifndef KT_MESSAGES_H
#define KT_MESSAGES_H

#include "registry/limits.h"
#include "registry/registry.h"
#include "wire/id_list.h"
#include "wire/reader.h"
#include "wire/writer.h"

/* The random that makes a ServerHello a HelloRetryRequest (RFC 9846 section 4.2.3). */
extern const uint8_t kt_retry_random[32];
/* The last eight bytes of a server's random that tell of a downgrade to 1.2, and to 1.1 or below. */
extern const uint8_t kt_downgrade_12[8];
extern const uint8_t kt_downgrade_11[8];

struct kt_key_share {
    uint16_t group;
    struct kt_span key;
};

/* ClientHello, RFC 9846 section 4.2.2. Lists are checked for form and not empty where the RFC says so. */
struct kt_client_hello {
    uint16_t legacy_version;
    struct kt_span random; /* 32 bytes */
    struct kt_span session_id;
    struct kt_id_list suites;
    struct kt_span compression;
    /* Extensions present: set of KT_EXT_BIT. A status_request of another kind than OCSP does not count. */
    uint32_t seen;
    bool has_extensions; /* a TLS 1.2 hello may have no block at all; encode writes one for `seen`, too */

    struct kt_span server_name; /* host_name, without the list around it; never empty when present */
    struct kt_id_list groups;
    struct kt_id_list schemes;
    struct kt_id_list cert_schemes;
    struct kt_id_list versions;
    /* Content of client_shares, each entry checked; may be empty. No group twice, and only those of `groups`
     * when that extension is there; whether it must be is the business of who chooses the version. */
    struct kt_span key_shares;
    struct kt_span alpn; /* content of ProtocolNameList, each name checked */
    struct kt_span cookie;
    struct kt_span psk_modes;
    struct kt_span psk_identities, psk_binders; /* content of both lists, each entry checked */
    size_t psk_binders_at;                      /* offset in the body where the binders begin, length included */
    struct kt_span authorities;                 /* content of the DistinguishedName list */
    /* TLS 1.2 and below */
    struct kt_span session_ticket;
    struct kt_span renegotiation_info; /* renegotiated_connection: empty in a first handshake */
    bool point_uncompressed;           /* decode: ec_point_formats has the one form in use, or is not there */
    bool has_renegotiation_scsv;       /* decode: among the suites (RFC 5746 section 3.3) */
    bool has_fallback_scsv;            /* likewise (RFC 7507 section 2) */
    uint16_t record_size_limit;
    uint8_t max_fragment_length;
    uint8_t tickets_new, tickets_resumed; /* wanted after a full handshake, and after a resumed one */

    /* encode only: GREASE values to add, different ones, 0: none; the first stands in front of all
     * extensions, the second behind them. And the order of extensions, NULL: as in exts.def. `order` has
     * KT_EXT_COUNT entries; pre_shared_key stays last whatever it says. */
    uint16_t grease_ext[2];
    const uint8_t *order;
};

KT_MUST_USE const struct kt_fault *kt_client_hello_decode(struct kt_span body, struct kt_client_hello *out);
void kt_client_hello_encode(struct kt_writer *w, const struct kt_client_hello *hello);

/* Walks key_shares (checked by the decoder): false at the end. `rest` starts as the whole. */
KT_MUST_USE bool kt_key_share_next(struct kt_span *rest, struct kt_key_share *out);
/* Likewise for the names of an ALPN list. */
KT_MUST_USE bool kt_alpn_next(struct kt_span *rest, struct kt_span *name);

/* ServerHello and HelloRetryRequest, RFC 9846 sections 4.2.3 and 4.2.4. */
struct kt_server_hello {
    uint16_t legacy_version;
    struct kt_span random;
    struct kt_span session_id;
    uint16_t suite;
    uint8_t compression;
    bool is_retry; /* by its random; decode sets it, encode writes kt_retry_random when it is set */
    uint32_t seen;
    uint16_t version;              /* supported_versions; 0 when absent */
    struct kt_key_share key_share; /* retry: group only */
    struct kt_span cookie;         /* retry */
    uint16_t psk_index;

    /* TLS 1.2 and below: the block of extensions, which divides; and what kt_server_hello12_extensions finds in it.
     * server_name, status_request, encrypt_then_mac, extended_main_secret and session_ticket are only there or not;
     * ec_point_formats is only checked. */
    struct kt_span block12;
    struct kt_span renegotiation_info; /* renegotiated_connection: empty in a first handshake */
    struct kt_span alpn;               /* the one name chosen */
    struct kt_span sct_list;           /* as in struct kt_certificate */
    uint16_t record_size_limit;
    uint8_t max_fragment_length;
};

/* `offered`: the extensions of our ClientHello. A cookie may come without being offered. A ServerHello
 * without supported_versions is one of TLS 1.2 or below: its extensions are not looked at, `seen` is empty. A
 * HelloRetryRequest without it is EXTENSION_MISSING. Encode writes the form of TLS 1.2 when `seen` has no
 * supported_versions. */
KT_MUST_USE const struct kt_fault *kt_server_hello_decode(struct kt_span body, uint32_t offered,
                                                          struct kt_server_hello *out);
void kt_server_hello_encode(struct kt_writer *w, const struct kt_server_hello *hello);
/* The second half for TLS 1.2 and below, when the version has been found good: fills `seen` and the members above
 * from block12. A client that sent the signalling suite instead of renegotiation_info has offered that, too. */
KT_MUST_USE const struct kt_fault *kt_server_hello12_extensions(struct kt_server_hello *hello, uint32_t offered);

/* EncryptedExtensions, section 4.4.1. */
struct kt_encrypted_extensions {
    uint32_t seen;
    struct kt_span alpn; /* the one name chosen */
    struct kt_id_list groups;
    uint16_t record_size_limit;
    uint8_t max_fragment_length;
    uint8_t tickets_expected;
};

KT_MUST_USE const struct kt_fault *kt_encrypted_extensions_decode(struct kt_span body, uint32_t offered,
                                                                  struct kt_encrypted_extensions *out);
void kt_encrypted_extensions_encode(struct kt_writer *w, const struct kt_encrypted_extensions *message);

/* CertificateRequest, section 4.4.2. */
struct kt_certificate_request {
    struct kt_span context;
    uint32_t seen;
    struct kt_id_list schemes; /* always there: else EXTENSION_MISSING (section 4.4.2) */
    struct kt_id_list cert_schemes;
    struct kt_span authorities; /* content of the DistinguishedName list */
    struct kt_span oid_filters; /* content of the list, checked */
    uint16_t grease_ext;        /* encode only; 0: none */
};

KT_MUST_USE const struct kt_fault *kt_certificate_request_decode(struct kt_span body,
                                                                 struct kt_certificate_request *out);
void kt_certificate_request_encode(struct kt_writer *w, const struct kt_certificate_request *message);

/* Certificate, section 4.5.1; the chain may be empty, which says "none". A chain longer than KT_CHAIN_MAX is
 * CERTIFICATE_CHAIN_TOO_LONG. */
struct kt_certificate {
    struct kt_span context;
    struct kt_span chain[KT_CHAIN_MAX]; /* DER, never empty */
    size_t chain_len;
    /* Of the leaf; the others' are checked and dropped. Never empty when present. */
    struct kt_span ocsp_response;
    struct kt_span sct_list; /* SignedCertificateTimestampList, its length included; each entry checked */
};

/* Whether the bytes are a SignedCertificateTimestampList (RFC 6962 section 3.3); and how many entries one has. */
KT_MUST_USE bool kt_sct_list_is_whole(struct kt_span list);
unsigned kt_sct_count(struct kt_span list);

KT_MUST_USE const struct kt_fault *kt_certificate_decode(struct kt_span body, uint32_t offered,
                                                         struct kt_certificate *out);
void kt_certificate_encode(struct kt_writer *w, const struct kt_certificate *message);

/* CertificateVerify, section 4.5.2. */
struct kt_certificate_verify {
    uint16_t scheme;
    struct kt_span signature;
};

KT_MUST_USE const struct kt_fault *kt_certificate_verify_decode(struct kt_span body, struct kt_certificate_verify *out);
void kt_certificate_verify_encode(struct kt_writer *w, const struct kt_certificate_verify *message);

/* Finished, section 4.5.3: nothing but the value, whose length the caller knows. */
void kt_finished_encode(struct kt_writer *w, struct kt_span verify_data);

/* NewSessionTicket, section 4.7.1. */
struct kt_new_session_ticket {
    uint32_t lifetime_seconds;
    uint32_t age_add;
    struct kt_span nonce;
    struct kt_span ticket; /* not empty */
    uint32_t seen;
    uint32_t max_early_data;
    uint16_t grease_ext; /* encode only; 0: none */
};

KT_MUST_USE const struct kt_fault *kt_new_session_ticket_decode(struct kt_span body, struct kt_new_session_ticket *out);
void kt_new_session_ticket_encode(struct kt_writer *w, const struct kt_new_session_ticket *message);

/* KeyUpdate, section 4.7.3. */
struct kt_key_update {
    bool requested;
};

KT_MUST_USE const struct kt_fault *kt_key_update_decode(struct kt_span body, struct kt_key_update *out);
void kt_key_update_encode(struct kt_writer *w, const struct kt_key_update *message);

#endif
