/*
 * Diffie-Hellman over the primes of RFC 7919 and RFC 3526. All are safe primes that somebody named has made, which is
 * why only these are taken: no other prime can be told from a bad one in time (RFC 7919 section 1).
 */
#include "crypto/libcrypto/libcrypto.h"

#include <openssl/dh.h>
#include <openssl/objects.h>

struct prime {
    struct kt_group group; /* first: a kt_group of this file is a prime */
    int nid;
    DH *named; /* prime and generator; never a key */
};

/* The key pair is nothing but libcrypto's object, so it is that object under our name. */
static DH *pair_of(struct kt_kex *kex)
{
    return (DH *)(void *)kex;
}

/* A fresh pair for each exchange: a share is never used twice. */
static const struct kt_fault *pair_new(const struct kt_group *group, DH **out, uint8_t *share)
{
    DH *pair = DH_new_by_nid(((const struct prime *)(const void *)group)->nid);
    int len = group->initiator_share_len;

    if (pair == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    if (DH_generate_key(pair) != 1 || BN_bn2binpad(DH_get0_pub_key(pair), share, len) != len) {
        DH_free(pair);
        KT_FAIL(CRYPTO_FAILED);
    }
    *out = pair;
    return NULL;
}

/*
 * 1 < share < p - 1 (RFC 7919 section 5.1): of a safe prime nothing else has a small order, and a pair is used once, so
 * the order of the share is not looked at.
 */
static const struct kt_fault *check_share(const DH *pair, const BIGNUM *share)
{
    BIGNUM *last = BN_dup(DH_get0_p(pair));
    bool inside;

    if (last == NULL || BN_sub_word(last, 1) != 1) {
        BN_free(last);
        KT_FAIL(MEMORY_SPENT);
    }
    inside = !BN_is_negative(share) && !BN_is_zero(share) && !BN_is_one(share) && BN_cmp(share, last) < 0;
    BN_free(last);
    if (!inside) {
        KT_FAIL(KEY_SHARE_MALFORMED);
    }
    return NULL;
}

static const struct kt_fault *agree_on(DH *pair, const BIGNUM *share, struct kt_shared_secret *secret)
{
    int len = DH_size(pair);

    KT_TRY(check_share(pair, share));
    if (DH_compute_key_padded(secret->b, share, pair) != len) {
        KT_FAIL(CRYPTO_FAILED);
    }
    secret->len = (uint16_t)len;
    return NULL;
}

static const struct kt_fault *agree(DH *pair, struct kt_span peer_share, struct kt_shared_secret *secret)
{
    const struct kt_fault *fault;
    BIGNUM *share;

    if (peer_share.len == 0 || peer_share.len > (size_t)DH_size(pair)) {
        KT_FAIL(KEY_SHARE_MALFORMED);
    }
    share = BN_bin2bn(peer_share.p, (int)peer_share.len, NULL);
    if (share == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    fault = agree_on(pair, share, secret);
    BN_free(share);
    return fault;
}

static const struct kt_fault *start(const struct kt_group *group, struct kt_kex **out, uint8_t *share)
{
    DH *pair = NULL;

    KT_TRY(kt_libcrypto_drained(pair_new(group, &pair, share)));
    *out = (struct kt_kex *)(void *)pair;
    return NULL;
}

static const struct kt_fault *respond(const struct kt_group *group, struct kt_span peer_share, uint8_t *share,
                                      struct kt_shared_secret *secret)
{
    const struct kt_fault *fault;
    DH *pair = NULL;

    KT_TRY(kt_libcrypto_drained(pair_new(group, &pair, share)));
    fault = agree(pair, peer_share, secret);
    DH_free(pair);
    return kt_libcrypto_drained(fault);
}

static const struct kt_fault *finish(struct kt_kex *kex, struct kt_span peer_share, struct kt_shared_secret *secret)
{
    return kt_libcrypto_drained(agree(pair_of(kex), peer_share, secret));
}

static void release(void *kex)
{
    DH_free(kex);
}

#define PRIME(name, bits, prime_nid)                                                                                   \
    {                                                                                                                  \
        .group = {.id = KT_GROUP_##name,                                                                               \
                  .initiator_share_len = (bits) / 8,                                                                   \
                  .responder_share_len = (bits) / 8,                                                                   \
                  .start = start,                                                                                      \
                  .respond = respond,                                                                                  \
                  .finish = finish,                                                                                    \
                  .release = release},                                                                                 \
        .nid = (prime_nid)                                                                                             \
    }

static struct prime primes[] = {
    PRIME(FFDHE2048, 2048, NID_ffdhe2048), PRIME(FFDHE3072, 3072, NID_ffdhe3072), PRIME(FFDHE4096, 4096, NID_ffdhe4096),
    PRIME(FFDHE6144, 6144, NID_ffdhe6144), PRIME(FFDHE8192, 8192, NID_ffdhe8192), PRIME(MODP2048, 2048, NID_modp_2048),
    PRIME(MODP3072, 3072, NID_modp_3072),  PRIME(MODP4096, 4096, NID_modp_4096),
};

const struct kt_group *kt_libcrypto_dh_probe(uint16_t group)
{
    for (size_t i = 0; i < KT_COUNT_OF(primes); i++) {
        if (primes[i].group.id == group) {
            primes[i].named = DH_new_by_nid(primes[i].nid);
            return primes[i].named == NULL ? NULL : &primes[i].group;
        }
    }
    return NULL;
}

static bool is_number(const BIGNUM *number, struct kt_span bytes)
{
    uint8_t right[KT_SHARED_SECRET_MAX];

    while (bytes.len > 0 && bytes.p[0] == 0) {
        bytes = kt_span_of(bytes.p + 1, bytes.len - 1);
    }
    return bytes.len == (size_t)BN_num_bytes(number) && bytes.len <= sizeof right &&
           BN_bn2bin(number, right) == (int)bytes.len && kt_same_public(right, bytes.p, bytes.len);
}

/* The descriptions were made by the probe and are only read. */
const struct kt_group *kt_libcrypto_dh_group(struct kt_span prime, struct kt_span generator)
{
    for (size_t i = 0; i < KT_COUNT_OF(primes); i++) {
        const DH *named = primes[i].named;

        if (named != NULL && is_number(DH_get0_p(named), prime) && is_number(DH_get0_g(named), generator)) {
            return &primes[i].group;
        }
    }
    return NULL;
}

bool kt_libcrypto_dh_numbers(const struct kt_group *group, uint8_t *prime, uint8_t *generator)
{
    for (size_t i = 0; i < KT_COUNT_OF(primes); i++) {
        if (group == &primes[i].group && primes[i].named != NULL) {
            return BN_bn2binpad(DH_get0_p(primes[i].named), prime, group->initiator_share_len) > 0 &&
                   BN_bn2binpad(DH_get0_g(primes[i].named), generator, 1) == 1;
        }
    }
    return false;
}
