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

struct kt_suite {
    uint16_t id;
    const struct kt_aead *aead;
    const struct kt_hash *hash;
};

/* Key exchange in the shape of a KEM (RFC 9846 section 4.3.8), so that hybrids fit. */
struct kt_kex;

struct kt_group {
    uint16_t id;
    uint16_t initiator_share_len;
    uint16_t responder_share_len;
    /* The initiator's key pair; writes initiator_share_len bytes. */
    KT_MUST_USE const struct kt_fault *(*start)(const struct kt_group *group, struct kt_kex **out, uint8_t *share);
    /* The responder: its share and the secret. KEY_SHARE_MALFORMED for a share that is not valid. */
    KT_MUST_USE const struct kt_fault *(*respond)(const struct kt_group *group, struct kt_span peer_share,
                                                  uint8_t *share, struct kt_secret *secret);
    /* The initiator's secret. KEY_SHARE_MALFORMED likewise. The key pair is released by `release`. */
    KT_MUST_USE const struct kt_fault *(*finish)(struct kt_kex *kex, struct kt_span peer_share,
                                                 struct kt_secret *secret);
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
    /* True when `signature` over `content` is right for this key and scheme; false for anything else. */
    KT_MUST_USE bool (*peer_key_verify)(const struct kt_peer_key *key, uint16_t scheme, struct kt_span content,
                                        struct kt_span signature);
    void (*peer_key_release)(void *key); /* accepts NULL */
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
