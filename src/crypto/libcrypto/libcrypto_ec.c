/*
 * P-256, P-384 and P-521. On EC_KEY rather than EVP_PKEY: a group built once, a point read in one call that
 * also checks that it is on the curve, and half the time of EVP for a P-256 exchange.
 */
#include "crypto/libcrypto/libcrypto.h"

#include <openssl/ecdh.h>
#include <openssl/objects.h>

enum { POINT_UNCOMPRESSED = 4 };

struct curve {
    struct kt_group group; /* first: a kt_group of this file is a curve */
    int nid;
    EC_GROUP *built;
};

/* The key pair is nothing but libcrypto's object, so it is that object under our name. */
static EC_KEY *pair_of(struct kt_kex *kex)
{
    return (EC_KEY *)(void *)kex;
}

static size_t field_len(const EC_GROUP *group)
{
    return ((size_t)EC_GROUP_get_degree(group) + 7) / 8;
}

static size_t share_len(const EC_GROUP *group)
{
    return 1 + 2 * field_len(group);
}

/* A fresh pair for each exchange: a share is never used twice. */
static const struct kt_fault *pair_new(const struct kt_group *group, EC_KEY **out, uint8_t *share)
{
    const EC_GROUP *built = ((const struct curve *)(const void *)group)->built;
    EC_KEY *pair = EC_KEY_new();
    size_t len = share_len(built);

    if (pair == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    if (EC_KEY_set_group(pair, built) != 1 || EC_KEY_generate_key(pair) != 1 ||
        EC_POINT_point2oct(built, EC_KEY_get0_public_key(pair), POINT_CONVERSION_UNCOMPRESSED, share, len, NULL) !=
            len) {
        EC_KEY_free(pair);
        KT_FAIL(CRYPTO_FAILED);
    }
    *out = pair;
    return NULL;
}

/* Uncompressed form only, RFC 9846 section 4.3.8.2; EC_POINT_oct2point refuses what is not on the curve. */
static bool point_read(const EC_GROUP *group, EC_POINT *point, struct kt_span share)
{
    return share.len == share_len(group) && share.p[0] == POINT_UNCOMPRESSED &&
           EC_POINT_oct2point(group, point, share.p, share.len, NULL) == 1;
}

static const struct kt_fault *agree_on(EC_KEY *pair, EC_POINT *point, struct kt_span peer_share,
                                       struct kt_shared_secret *secret)
{
    const EC_GROUP *group = EC_KEY_get0_group(pair);
    size_t len = field_len(group);

    if (!point_read(group, point, peer_share)) {
        KT_FAIL(KEY_SHARE_MALFORMED);
    }
    if (ECDH_compute_key(secret->b, len, point, pair, NULL) != (int)len) {
        KT_FAIL(CRYPTO_FAILED);
    }
    secret->len = (uint16_t)len;
    return NULL;
}

static const struct kt_fault *agree(EC_KEY *pair, struct kt_span peer_share, struct kt_shared_secret *secret)
{
    EC_POINT *point = EC_POINT_new(EC_KEY_get0_group(pair));
    const struct kt_fault *fault;

    if (point == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    fault = agree_on(pair, point, peer_share, secret);
    EC_POINT_free(point);
    return fault;
}

static const struct kt_fault *start(const struct kt_group *group, struct kt_kex **out, uint8_t *share)
{
    EC_KEY *pair = NULL;

    KT_TRY(kt_libcrypto_drained(pair_new(group, &pair, share)));
    *out = (struct kt_kex *)(void *)pair;
    return NULL;
}

static const struct kt_fault *respond(const struct kt_group *group, struct kt_span peer_share, uint8_t *share,
                                      struct kt_shared_secret *secret)
{
    const struct kt_fault *fault;
    EC_KEY *pair = NULL;

    KT_TRY(kt_libcrypto_drained(pair_new(group, &pair, share)));
    fault = agree(pair, peer_share, secret);
    EC_KEY_free(pair);
    return kt_libcrypto_drained(fault);
}

static const struct kt_fault *finish(struct kt_kex *kex, struct kt_span peer_share, struct kt_shared_secret *secret)
{
    return kt_libcrypto_drained(agree(pair_of(kex), peer_share, secret));
}

static void release(void *kex)
{
    EC_KEY_free(kex);
}

#define CURVE(name, share_bytes, curve_nid)                                                                            \
    {                                                                                                                  \
        .group = {.id = KT_GROUP_##name,                                                                               \
                  .initiator_share_len = (share_bytes),                                                                \
                  .responder_share_len = (share_bytes),                                                                \
                  .start = start,                                                                                      \
                  .respond = respond,                                                                                  \
                  .finish = finish,                                                                                    \
                  .release = release},                                                                                 \
        .nid = (curve_nid)                                                                                             \
    }

static struct curve curves[] = {
    CURVE(SECP256R1, 65, NID_X9_62_prime256v1),
    CURVE(SECP384R1, 97, NID_secp384r1),
    CURVE(SECP521R1, 133, NID_secp521r1),
};

const EC_GROUP *kt_libcrypto_curve(uint16_t group)
{
    for (size_t i = 0; i < KT_COUNT_OF(curves); i++) {
        if (curves[i].group.id == group) {
            return curves[i].built;
        }
    }
    return NULL;
}

const struct kt_group *kt_libcrypto_ec_probe(uint16_t group)
{
    for (size_t i = 0; i < KT_COUNT_OF(curves); i++) {
        if (curves[i].group.id == group) {
            curves[i].built = EC_GROUP_new_by_curve_name(curves[i].nid);
            return curves[i].built == NULL ? NULL : &curves[i].group;
        }
    }
    return NULL;
}
