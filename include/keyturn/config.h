/*
 * config.h - a builder that collects and checks, and the immutable configuration it builds.
 *
 * Everything that can be wrong with a configuration is found by kt_builder_build, not at handshake time.
 * Setters copy what they are given and refuse only what they cannot keep (USAGE_ARGUMENT, CONFIG_ALPN,
 * MEMORY_SPENT): then nothing has changed. A builder belongs to one thread; a configuration may be shared by all.
 */
#ifndef KEYTURN_CONFIG_H
#define KEYTURN_CONFIG_H

#include <keyturn/ask.h>
#include <keyturn/env.h>
#include <keyturn/lifetime.h>
#include <keyturn/policy.h>
#include <keyturn/psk.h>
#include <keyturn/session.h>

#ifdef __cplusplus
extern "C" {
#endif

struct kt_builder;

/*
 * A new builder for one role, with the default policy and lifetime. `env` is copied; its `user` must outlive
 * all configurations and connections made from it. Faults: CONFIG_ENV, USAGE_ARGUMENT, MEMORY_SPENT.
 * kt_builder_free accepts NULL.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_new(enum kt_role role, const struct kt_env *env,
                                                         struct kt_builder **out);
KT_API void kt_builder_free(struct kt_builder *b);

/* Replaces all lists by those of the policy. Of these, what the crypto library does not offer is left out. */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_policy(struct kt_builder *b, const struct kt_policy *policy);

/*
 * Replaces all lists and the lifetime by those of a user policy (kt_policy_parse). The lists that it has itself are
 * taken at their word, as by the calls below; those of the policy it is based on as by kt_builder_policy.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_user_policy(struct kt_builder *b,
                                                                 const struct kt_user_policy *policy);

/*
 * The versions from `min` to `max` (enum kt_version), and nothing else. The highest that both sides speak is always the
 * one negotiated. CONFIG_VERSIONS by kt_builder_build: unknown, the wrong way round, or nothing in the other lists can
 * be used with one of them.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_versions(struct kt_builder *b, uint16_t min, uint16_t max);

/*
 * Replace one list, most preferred first. Numbers of policy.h; at most 64 each. kt_builder_build refuses an
 * empty list, a number twice and a number that cannot be used: CONFIG_SUITES, CONFIG_GROUPS, CONFIG_SCHEMES. Unusable
 * is what the crypto library does not offer, what no version and no other list has a use for (a suite for ECDSA and no
 * scheme for it), and what is legacy unless the policy given before is (kt_policy.legacy). Groups or schemes that leave
 * the newest version of the policy without any are refused, too, where kt_builder_versions does not say which versions
 * are meant; older ones fall away. One list of suites serves all versions. `schemes` is for signatures of the
 * handshake, `cert_schemes` for signatures in chains.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_suites(struct kt_builder *b, const uint16_t *ids, size_t n);
KT_API KT_MUST_USE const struct kt_fault *kt_builder_groups(struct kt_builder *b, const uint16_t *ids, size_t n);
KT_API KT_MUST_USE const struct kt_fault *kt_builder_schemes(struct kt_builder *b, const uint16_t *ids, size_t n);
KT_API KT_MUST_USE const struct kt_fault *kt_builder_cert_schemes(struct kt_builder *b, const uint16_t *ids, size_t n);

/* How many groups a client sends key shares for, from the front of its list. 1 to 4 and no more than there are
 * groups (CONFIG_GROUPS), or 0 to send none and let the server ask (HelloRetryRequest). Default 1. */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_key_shares(struct kt_builder *b, unsigned count);

/*
 * Application protocols, most preferred first (RFC 7301): counted names of 1 to 255 bytes, at most 16, none twice. The
 * server's order decides. A server with a list refuses a client that offers ALPN with nothing in common
 * (no_application_protocol); a client that offers no ALPN is served without. A client refuses a choice it did
 * not offer.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_alpn(struct kt_builder *b, const struct kt_span *names, size_t n);

/*
 * Adds a credential (config.h below); the builder and what it builds hold references. A server tries them in
 * the order added: one whose name fits the server_name asked for and that can sign with a scheme of the
 * client's offer wins; else the first whose scheme fits (unless kt_builder_strict_names). A client answers a
 * CertificateRequest with the first that fits and is of an authority that the server names; else with the first
 * that fits, or with none. At most 32.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_credential(struct kt_builder *b, struct kt_credential *credential);

/* Server: a client that asks for a name no credential has is refused with unrecognized_name. Default false. */
KT_API void kt_builder_strict_names(struct kt_builder *b, bool strict);

enum kt_client_auth {
    KT_CLIENT_AUTH_NONE,
    KT_CLIENT_AUTH_REQUEST, /* a client without certificate is served */
    KT_CLIENT_AUTH_REQUIRE, /* a client without certificate is refused: certificate_required */
};

KT_API void kt_builder_client_auth(struct kt_builder *b, enum kt_client_auth mode);

/* Server: the distinguished names (DER) sent as certificate_authorities in CertificateRequest, at most 65535
 * bytes with two of length each. Default none. */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_authorities(struct kt_builder *b, const struct kt_span *names,
                                                                 size_t n);

/*
 * Server: the certificate extensions (object identifier and its values, both DER) that a client's certificate must
 * have, sent as oid_filters in CertificateRequest (RFC 9846 section 4.3.5). Clients pass over those they do not know:
 * whether a certificate fits is for KT_ASK_VERIFY to see. An identifier has 1 to 255 bytes and stands once; together at
 * most 65535 bytes with three of length each. Default none.
 */
struct kt_oid_filter {
    struct kt_span oid;    /* content of the OBJECT IDENTIFIER, without tag and length */
    struct kt_span values; /* may be empty: any */
};

KT_API KT_MUST_USE const struct kt_fault *kt_builder_oid_filters(struct kt_builder *b,
                                                                 const struct kt_oid_filter *filters, size_t n);

/*
 * Client: tells the server that it may ask for a certificate after the handshake, too (RFC 9846 section 4.3.6). Then a
 * CertificateRequest is answered as one of the handshake, whenever it comes: KT_ASK_CHOOSE_CREDENTIAL where switched
 * on, else a configured credential, else none. Off, such a request ends the connection. HTTP/2 forbids it (RFC 8740).
 * Default false. kt_builder_build refuses it on a server (CONFIG_CLIENT_AUTH).
 */
KT_API void kt_builder_post_handshake_auth(struct kt_builder *b, bool on);

/* The key-lifetime contract of all connections. Refused by kt_builder_build (CONFIG_LIFETIME): a limit in seconds that
 * min_gap_ms would never let be kept, and a peer_budget out of range. */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_lifetime(struct kt_builder *b, const struct kt_lifetime *lifetime);

/* Pads the content of each protected record to a multiple of this many bytes (RFC 9846 section 5.4), as far as
 * the record allows. 0 or 1: none (the default). At most 16384. */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_padding(struct kt_builder *b, size_t multiple);

/*
 * The most content one record from the peer may carry, 64 to 16384 bytes (kt_builder_build: USAGE_ARGUMENT), by
 * record_size_limit (RFC 8449). It holds when the peer takes part; on the wire stands one more, for TLS 1.3 counts the
 * content type, and padding counts as content. Default 16384. The extension is sent always, as RFC 8449 section 4
 * advises, also when it asks for nothing: peers that do not know it pass over it, browsers have sent it for years, and
 * only thus can a peer whose memory is small have its own limit respected, which we do always.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_record_limit(struct kt_builder *b, size_t bytes);

/*
 * Client: asks servers that do not know record_size_limit for short records in both directions, too, by
 * max_fragment_length (RFC 6066 section 4): 512, 1024, 2048 or 4096 bytes, 0: not asked (kt_builder_build:
 * USAGE_ARGUMENT). Those that know both take the record limit, which is lowered to this. Default 0. A server always
 * grants what a client asks in this way.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_max_fragment(struct kt_builder *b, size_t bytes);

/* Random reserved values in lists and extensions (RFC 8701) and a random order of extensions, so that servers stay
 * tolerant. Default true. */
KT_API void kt_builder_grease(struct kt_builder *b, bool on);

/* Client: asks the server to staple an OCSP response to its certificate (RFC 6066 section 8); what comes is shown
 * by KT_ASK_VERIFY. Default true. */
KT_API void kt_builder_staple(struct kt_builder *b, bool on);

/* Client: asks for signed certificate timestamps beside the server's certificate (RFC 6962 section 3.3). What comes is
 * shown by KT_ASK_VERIFY, well-formed and otherwise unchecked. Default false. */
KT_API void kt_builder_sct(struct kt_builder *b, bool on);

/*
 * Client: says how many tickets it wants, after a full handshake and after a resumed one (RFC 9149), 0 to 255 and at
 * most the lifetime's peer_budget. Without resumption both must be 0, which asks for none (kt_builder_build:
 * CONFIG_RESUMPTION). Default: nothing is said. What the server promises is in kt_facts. A server heeds such a wish
 * always: it sends as many as `tickets` of its kt_resumption or, where that is less, as the client wants.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_ticket_request(struct kt_builder *b, unsigned after_full,
                                                                    unsigned after_resumed);

/* The observer gets KT_NOTICE_SECRET. DANGER: whoever has these secrets reads the connections. Default false. */
KT_API void kt_builder_danger_keylog(struct kt_builder *b, bool on);

/* Server: asks for a cookie in every HelloRetryRequest and checks that the client returns it. Default true. */
KT_API void kt_builder_cookie(struct kt_builder *b, bool on);

/*
 * Switches resumption on (session.h); NULL: off, the default. Off, a server issues no tickets and does not look at
 * those it is shown; a client neither offers a session nor tells of tickets. CONFIG_RESUMPTION: out of range, or a
 * server without a ring.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_resumption(struct kt_builder *b,
                                                                const struct kt_resumption *resumption);

/*
 * Adds an external pre-shared key (psk.h); the builder and what it builds hold references. At most 16. A client offers
 * them in the order added, behind its session; a server takes one whose identity it is shown, under the first of its
 * suites that goes with one. Where none is taken certificates are used as ever; a server without credentials then
 * refuses (PSK_UNKNOWN, PSK_MISSING), and lets nobody see whether it was the identity or the proof that was wrong. With
 * credentials that can be seen: by whether a certificate comes. No session comes of a connection with an external key.
 * kt_builder_build refuses with CONFIG_PSK: the same identity twice, a key that fits no suite, more than 32768 bytes of
 * identities in a client, and keys beside KT_CLIENT_AUTH_REQUIRE, because a key is no certificate.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_psk(struct kt_builder *b, struct kt_psk *psk);

/*
 * Also offers and takes external keys without a fresh key exchange (psk_ke), where the peer will not have it
 * otherwise; a client without key shares (kt_builder_key_shares) offers them in no other way, and no sessions. DANGER:
 * whoever learns the key, however much later, reads all connections that were recorded. Sessions are never resumed so.
 * Default false.
 */
KT_API void kt_builder_danger_psk_ke(struct kt_builder *b, bool on);

/*
 * TLS 1.2 and below. The extended main secret (RFC 7627) and secure renegotiation (RFC 5746) are always offered and
 * accepted; the three calls say what happens without them. Default: a handshake without the first goes on, but its
 * session is never resumed and its connection never handshakes again; a client refuses servers without the second.
 */

/* The handshake is refused without the extended main secret. Default false. */
KT_API void kt_builder_require_extended_main_secret(struct kt_builder *b, bool required);

/* Sessions without the extended main secret may be resumed. DANGER: an attacker between two connections can make them
 * share a session (RFC 7627 section 1). Default false. */
KT_API void kt_builder_danger_unbound_resumption(struct kt_builder *b, bool allowed);

/* Client: goes on with servers that do not answer renegotiation_info. DANGER: the server may take our handshake for the
 * continuation of an attacker's connection (RFC 5746 section 4.1). Default false. */
KT_API void kt_builder_danger_no_renegotiation_info(struct kt_builder *b, bool allowed);

/* What the wish of a peer for a further handshake meets. */
enum kt_rehandshake_answer {
    KT_REHANDSHAKE_REFUSED, /* the warning no_renegotiation */
    KT_REHANDSHAKE_ALLOWED, /* as often as the budget says; one more is refused like the above */
};

/*
 * Further handshakes on a connection of TLS 1.2 or below, with which its keys change. Never on one without secure
 * renegotiation or without the extended main secret. TLS 1.3 has none; its keys change by KeyUpdate.
 */
struct kt_rehandshake_policy {
    enum kt_rehandshake_answer peer;
    uint32_t peer_budget; /* of the peer's wishes in a connection, 1 to 65535; looked at with ALLOWED only */
    bool own;             /* the caller and the key-lifetime contract may begin one; else keys that are due end it */
    bool resume;          /* it may be abbreviated, by the session of the connection itself */
    /* The peer's certificate must be that of the handshake before (RFC 7627 section 6.2 tells why). */
    bool same_peer;
};

/* Refused to the peer (a budget of 16, should that be changed alone), own ones allowed, abbreviated where possible,
 * always the same peer. */
KT_API struct kt_rehandshake_policy kt_rehandshake_default(void);

/* CONFIG_REHANDSHAKE by kt_builder_build: out of range. USAGE_ARGUMENT: NULL. */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_rehandshake(struct kt_builder *b,
                                                                 const struct kt_rehandshake_policy *policy);

/* The limit of what the peer's certificate message may hold, in bytes: 1024 to 1048576 (kt_builder_build:
 * USAGE_ARGUMENT). Default 65536. */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_chain_limit(struct kt_builder *b, size_t bytes);

/*
 * Switches on an optional ask (ask.h): KT_ASK_CHOOSE_CONFIG, KT_ASK_RESUME and KT_ASK_FIND_PSK (servers),
 * KT_ASK_CHOOSE_CREDENTIAL. With one of the last two a server needs no credential of its own. KT_ASK_SIGN,
 * KT_ASK_VERIFY and KT_ASK_DECRYPT are always asked, KT_ASK_FETCH_SESSION and KT_ASK_KEEP_SESSIONS where tickets are
 * handles (session.h).
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_ask(struct kt_builder *b, enum kt_ask_kind kind);

/*
 * Checks all and builds. On a fault *out is untouched and kt_builder_field names the field at fault ("suites",
 * "credential 2", counted from 1), as it does after a fault of a setter. The builder stays usable and may build
 * again. The caller owns one reference. Faults: CONFIG_*, CRYPTO_UNAVAILABLE, USAGE_ARGUMENT, MEMORY_SPENT.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_builder_build(struct kt_builder *b, struct kt_config **out);
KT_API const char *kt_builder_field(const struct kt_builder *b);

/* Atomic reference count; a connection holds one. Any thread; NULL is accepted by kt_config_unref. */
KT_API struct kt_config *kt_config_ref(struct kt_config *config);
KT_API void kt_config_unref(struct kt_config *config);

/*
 * A credential: a certificate chain and what its private key can do. The key itself stays with its owner: the
 * engine asks for signatures (KT_ASK_SIGN) and shows the credential. pki.h makes credentials from files.
 */
struct kt_credential_parts {
    const struct kt_span *chain; /* DER, leaf first, without the root if the peer has it; 1 to 16, 256 KiB */
    size_t chain_len;
    /* What the key can sign with, most preferred first; at most 16. Of ECDSA the first one names the key's curve, and
     * TLS 1.3 uses no other; behind it may stand those of other curves, of which TLS 1.2 takes the digest only (RFC
     * 9846 section 4.3.3). */
    const uint16_t *schemes;
    size_t scheme_count;
    const struct kt_span *names; /* host names the leaf is for, "*.example.org" as in RFC 9525; 0 to 1024 */
    size_t name_count;
    const struct kt_span *ocsp_response; /* NULL, or a DER OCSP response to staple to the leaf */
    const struct kt_span *sct_list; /* NULL, or a SignedCertificateTimestampList of the leaf (RFC 6962 section 3.3) */
    void *key;                      /* for its owner; the engine never looks */
    void (*release_key)(void *key); /* called with the last reference; may be NULL */
};

/* Copies all but `key`, which on a fault stays the caller's. Faults: USAGE_ARGUMENT, MEMORY_SPENT. */
KT_API KT_MUST_USE const struct kt_fault *
kt_credential_new(const struct kt_env *env, const struct kt_credential_parts *parts, struct kt_credential **out);
KT_API struct kt_credential *kt_credential_ref(struct kt_credential *credential);
KT_API void kt_credential_unref(struct kt_credential *credential);
KT_API void *kt_credential_key(const struct kt_credential *credential);
/* Which owner made it: tells keys of different owners apart. */
KT_API void (*kt_credential_release(const struct kt_credential *credential))(void *key);
KT_API size_t kt_credential_chain_len(const struct kt_credential *credential);
KT_API struct kt_span kt_credential_certificate(const struct kt_credential *credential, size_t index);
/* What is stapled to the leaf, or empty. */
KT_API struct kt_span kt_credential_ocsp_response(const struct kt_credential *credential);
/* The list of timestamps sent to clients that ask for it, or empty. */
KT_API struct kt_span kt_credential_sct_list(const struct kt_credential *credential);

#ifdef __cplusplus
}
#endif

#endif
