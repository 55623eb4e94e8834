/*
 * crypto.h - what the protocol needs of a crypto library, in our words.
 *
 * A provider is a set of constant descriptors. Private keys are not part of it: signing is an ask. All functions may
 * be called by any thread; objects they make belong to one thread at a time. Faults are CRYPTO_FAILED or
 * MEMORY_SPENT unless said otherwise; the provider's own error queue is left empty.
 */
#ifndef KT_CRYPTO_H
#define KT_CRYPTO_H

#include "base/fail.h"
#include "base/secret.h"
#include "registry/limits.h"
#include "registry/registry.h"

/* A running hash, by value: may be copied, must be wiped when it has seen secrets. */
struct kt_hash_state {
    uint64_t words[28];
};

struct kt_hash {
    const char *name;
    uint8_t len;
    uint8_t block_len;
    void (*init)(struct kt_hash_state *state);
    void (*update)(struct kt_hash_state *state, const uint8_t *bytes, size_t len);
    void (*final)(struct kt_hash_state *state, uint8_t *out); /* len bytes; state is spent */
};

/* A key in use for one direction: the one foreign object that a connection keeps. */
struct kt_aead_key;

struct kt_aead {
    const char *name;
    uint8_t key_len;
    /*
     * Bytes of the nonce that stand in each record of TLS 1.2, behind as many less of the IV (RFC 5288, RFC 6655); 0:
     * the nonce is made as in TLS 1.3 (RFC 7905).
     */
    uint8_t explicit_nonce_len;
    /* Full-size records one key may protect (RFC 9846 section 5.5); UINT64_MAX: never reached. */
    uint64_t max_records;
    /* NULL when memory or the library fails. `key` is key_len bytes and is not kept. */
    struct kt_aead_key *(*key_new)(const struct kt_aead *aead, enum kt_direction direction, const uint8_t *key);
    /* A new key in the same object, without allocating. */
    KT_MUST_USE bool (*rekey)(struct kt_aead_key *k, const uint8_t *key);
    /*
     * Seals src_len bytes of src to dst (which may be src itself, but not overlap otherwise), then in place the
     * tail_len bytes that already stand behind them in dst, and writes the tag behind those. After false dst holds
     * nothing that may be sent.
     */
    KT_MUST_USE bool (*seal)(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad,
                             const uint8_t *src, size_t src_len, uint8_t *dst, size_t tail_len);
    /* Opens len bytes (tag included) in place; false when they are not authentic (also when they are shorter than a
     * tag), the bytes are then garbage. */
    KT_MUST_USE bool (*open)(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad,
                             uint8_t *bytes, size_t len);
    void (*release)(void *k); /* accepts NULL */
};

/* The keys of one direction as the key block of TLS 1.2 and below gives them (RFC 5246 section 6.3). To be wiped. */
struct kt_keys12 {
    uint16_t version;      /* KT_TLS_1_0 to KT_TLS_1_2 */
    bool encrypt_then_mac; /* RFC 7366; of no meaning for an AEAD */
    uint8_t key[32];
    uint8_t iv[KT_CBC_BLOCK]; /* an AEAD's; of CBC in TLS 1.0 the first one: later versions have none */
    uint8_t mac_key[48];
};

/* A key of CBC and one of HMAC in use for one direction. */
struct kt_cbc_key;

/*
 * AES in CBC mode with HMAC, as records of TLS 1.2 and below have them (RFC 5246 section 6.2.3.2). MAC then encrypt, or
 * encrypt then MAC (RFC 7366); an IV in each record, or in TLS 1.0 the last block of the one before.
 */
struct kt_cbc {
    const char *name;
    uint8_t key_len;
    uint8_t mac_len; /* of HMAC and of its key */
    /* Full-size records one key may protect: as for AES-GCM, by when two blocks are equal with 2^-60 only. */
    uint64_t max_records;
    /* NULL when memory or the library fails. */
    struct kt_cbc_key *(*key_new)(const struct kt_cbc *cbc, enum kt_direction direction, const struct kt_keys12 *keys);
    /* New keys in the same object; version and order of MAC and encryption may change, too. */
    KT_MUST_USE bool (*rekey)(struct kt_cbc_key *k, const struct kt_keys12 *keys);
    /*
     * Seals text_len bytes that stand at text. With explicit IVs its KT_CBC_BLOCK bytes, which nobody can foretell,
     * stand before them. `head` is sequence, type and version. MAC and padding are written behind the text: at most
     * mac_len + KT_CBC_BLOCK bytes. *sealed_len is all of it, without the IV. After false nothing may be sent.
     */
    KT_MUST_USE bool (*seal)(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *text, size_t text_len,
                             size_t *sealed_len);
    /*
     * Opens the fragment in place: *text covers what was sealed. False when it is not authentic; how long that took,
     * and all else that can be seen, does not depend on what is wrong: MAC, padding, or which byte of it.
     */
    KT_MUST_USE bool (*open)(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *fragment,
                             size_t fragment_len, struct kt_span *text);
    void (*release)(void *k); /* accepts NULL */
};

/* Of aead and cbc one is NULL. */
struct kt_suite {
    uint16_t id;
    const struct kt_aead *aead;
    const struct kt_cbc *cbc;
    const struct kt_hash *hash; /* of TLS 1.3's schedule, of the PRF of TLS 1.2; TLS 1.1 and 1.0 do not use it */
};

/* Records of full size that one key of the suite may protect. */
static inline uint64_t kt_suite_max_records(const struct kt_suite *suite)
{
    return suite->aead != NULL ? suite->aead->max_records : suite->cbc->max_records;
}

/*
 * Key exchange in the shape of a KEM (RFC 9846 section 4.3.8), so that hybrids fit. In TLS 1.2 and below the server is
 * the initiator. Groups of a prime fill secret and shares up to the length of the prime; shares of a peer may be
 * shorter.
 */
struct kt_kex;

struct kt_group {
    uint16_t id;
    uint16_t initiator_share_len;
    uint16_t responder_share_len;
    /* The initiator's key pair; writes initiator_share_len bytes. */
    KT_MUST_USE const struct kt_fault *(*start)(const struct kt_group *group, struct kt_kex **out, uint8_t *share);
    /* The responder: its share and the secret. KEY_SHARE_MALFORMED for a share that is not valid. */
    KT_MUST_USE const struct kt_fault *(*respond)(const struct kt_group *group, struct kt_span peer_share,
                                                  uint8_t *share, struct kt_shared_secret *secret);
    /* The initiator's secret. KEY_SHARE_MALFORMED likewise. The key pair is released by `release`. */
    KT_MUST_USE const struct kt_fault *(*finish)(struct kt_kex *kex, struct kt_span peer_share,
                                                 struct kt_shared_secret *secret);
    void (*release)(void *kex); /* accepts NULL */
};

/* The public key of a peer's certificate. */
struct kt_peer_key;

struct kt_crypto {
    const char *name;
    const struct kt_suite *const *suites;           /* what is available, NULL-ended */
    const struct kt_group *const *groups;           /* likewise */
    const uint16_t *schemes;                        /* what can be verified, 0-ended */
    const struct kt_hash *digests[KT_DIGEST_COUNT]; /* by enum kt_digest; NULL for NONE and what is not there */

    /* The key of a certificate (DER), which is not kept. CERTIFICATE_UNPARSABLE, CERTIFICATE_KEY_UNSUPPORTED. */
    KT_MUST_USE const struct kt_fault *(*peer_key_new)(struct kt_span certificate, struct kt_peer_key **out);
    enum kt_key_kind (*peer_key_kind)(const struct kt_peer_key *key);
    /*
     * True when `signature` over `content` is right for this key and scheme; false for anything else. ECDSA is checked
     * with any curve: that a scheme ties it to one in TLS 1.3 is for kt_scheme_fits_key.
     */
    KT_MUST_USE bool (*peer_key_verify)(const struct kt_peer_key *key, uint16_t scheme, struct kt_span content,
                                        struct kt_span signature);
    /*
     * The premaster secret for the holder of this key, which must be KT_KEY_RSA (RFC 5246 section 7.4.7.1): writes as
     * many bytes as the modulus has, at most cap. CERTIFICATE_KEY_UNSUPPORTED for other keys and longer ones.
     */
    KT_MUST_USE const struct kt_fault *(*peer_key_encrypt)(const struct kt_peer_key *key,
                                                           const uint8_t premaster[KT_PREMASTER_LEN], uint8_t *out,
                                                           size_t cap, size_t *len);
    void (*peer_key_release)(void *key); /* accepts NULL */

    /*
     * The group of a standard that has this prime and generator (RFC 7919, RFC 3526; numbers as on the wire, leading
     * zeros allowed), or NULL: there is no way to tell in time that a prime is good. It need not be in `groups`.
     */
    const struct kt_group *(*dh_group)(struct kt_span prime, struct kt_span generator);
    /* The other way: initiator_share_len bytes and one. False for what is no such group. */
    KT_MUST_USE bool (*dh_numbers)(const struct kt_group *group, uint8_t *prime, uint8_t *generator);
};

/* libcrypto's, probed and fetched at the first call; NULL when it cannot be used. */
const struct kt_crypto *kt_crypto_libcrypto(void);

static inline const struct kt_suite *kt_crypto_suite(const struct kt_crypto *crypto, uint16_t id)
{
    const struct kt_suite *const *suite = crypto->suites;

    while (*suite != NULL && (*suite)->id != id) {
        suite++;
    }
    return *suite;
}

/* For digests that are not of the protocol's choice; NULL when no suite brings it. */
static inline const struct kt_hash *kt_crypto_sha256(const struct kt_crypto *crypto)
{
    for (const struct kt_suite *const *suite = crypto->suites; *suite != NULL; suite++) {
        if ((*suite)->hash->len == 32) {
            return (*suite)->hash;
        }
    }
    return NULL;
}

static inline const struct kt_group *kt_crypto_group(const struct kt_crypto *crypto, uint16_t id)
{
    const struct kt_group *const *group = crypto->groups;

    while (*group != NULL && (*group)->id != id) {
        group++;
    }
    return *group;
}

#endif
