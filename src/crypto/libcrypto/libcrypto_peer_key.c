/*
 * The public key of a certificate as an object of libcrypto. Never by its decoders, which need 85 us for what
 * a point and a modulus give in one: the numbers go in as they stand in the certificate.
 */
#include "crypto/libcrypto/libcrypto.h"

/* Sizes beyond which arithmetic on a hostile key is a way to keep us busy. What is too weak is the policy's
 * word. */
enum { MODULUS_BITS_MIN = 1024, MODULUS_BITS_MAX = 16384, EXPONENT_BITS_MAX = 64 };

/* Odd both, or they are no RSA key; the exponent above one, or the signature is the message. */
static bool rsa_is_sane(const BIGNUM *modulus, const BIGNUM *exponent)
{
    int bits = BN_num_bits(modulus);

    return bits >= MODULUS_BITS_MIN && bits <= MODULUS_BITS_MAX && BN_is_odd(modulus) && BN_is_odd(exponent) &&
           !BN_is_one(exponent) && BN_num_bits(exponent) <= EXPONENT_BITS_MAX;
}

static BIGNUM *number_of(struct kt_span bytes)
{
    return bytes.len > MODULUS_BITS_MAX / 8 ? NULL : BN_bin2bn(bytes.p, (int)bytes.len, NULL);
}

static RSA *rsa_new(const struct kt_spki *spki)
{
    BIGNUM *modulus = number_of(spki->modulus);
    BIGNUM *exponent = number_of(spki->exponent);
    RSA *rsa = RSA_new();

    if (rsa == NULL || modulus == NULL || exponent == NULL || !rsa_is_sane(modulus, exponent) ||
        RSA_set0_key(rsa, modulus, exponent, NULL) != 1) {
        BN_free(modulus);
        BN_free(exponent);
        RSA_free(rsa);
        return NULL;
    }
    return rsa;
}

static uint16_t group_of(enum kt_key_kind kind)
{
    return kind == KT_KEY_P256 ? KT_GROUP_SECP256R1 : kind == KT_KEY_P384 ? KT_GROUP_SECP384R1 : KT_GROUP_SECP521R1;
}

/* EC_POINT_oct2point refuses what is not on the curve; the cofactor is 1, so on the curve is enough. */
static EC_KEY *ec_new(const struct kt_spki *spki)
{
    const EC_GROUP *curve = kt_libcrypto_curve(group_of(spki->kind));
    EC_POINT *point = curve == NULL ? NULL : EC_POINT_new(curve);
    EC_KEY *ec = EC_KEY_new();

    if (point == NULL || ec == NULL || EC_POINT_oct2point(curve, point, spki->point.p, spki->point.len, NULL) != 1 ||
        EC_KEY_set_group(ec, curve) != 1 || EC_KEY_set_public_key(ec, point) != 1) {
        EC_KEY_free(ec);
        ec = NULL;
    }
    EC_POINT_free(point);
    return ec;
}

static const struct kt_fault *fill(struct kt_peer_key *key, const struct kt_spki *spki)
{
    key->kind = spki->kind;
    key->pss_digest = spki->pss_digest;
    switch (spki->kind) {
    case KT_KEY_RSA:
    case KT_KEY_RSA_PSS:
        key->u.rsa = rsa_new(spki);
        return key->u.rsa == NULL ? KT_FAULT(CERTIFICATE_KEY_UNSUPPORTED) : NULL;
    case KT_KEY_P256:
    case KT_KEY_P384:
    case KT_KEY_P521:
        key->u.ec = ec_new(spki);
        return key->u.ec == NULL ? KT_FAULT(CERTIFICATE_KEY_UNSUPPORTED) : NULL;
    case KT_KEY_ED25519:
        /* Any 32 bytes are taken here, and no signature fits those that are no point. */
        key->u.ed25519 = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, spki->point.p, spki->point.len);
        return key->u.ed25519 == NULL ? KT_FAULT(CRYPTO_FAILED) : NULL;
    case KT_KEY_NONE:
        break;
    }
    KT_FAIL(CERTIFICATE_KEY_UNSUPPORTED);
}

static const struct kt_fault *key_new(const struct kt_spki *spki, struct kt_peer_key **out)
{
    struct kt_peer_key *key = OPENSSL_zalloc(sizeof *key);
    const struct kt_fault *fault;

    if (key == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    fault = fill(key, spki);
    if (fault != NULL) {
        OPENSSL_free(key);
        return fault;
    }
    *out = key;
    return NULL;
}

const struct kt_fault *kt_libcrypto_peer_key_new(struct kt_span certificate, struct kt_peer_key **out)
{
    struct kt_spki spki;

    KT_TRY(kt_spki_read(certificate, &spki));
    return kt_libcrypto_drained(key_new(&spki, out));
}

enum kt_key_kind kt_libcrypto_peer_key_kind(const struct kt_peer_key *key)
{
    return key->kind;
}

const struct kt_fault *kt_libcrypto_peer_key_encrypt(const struct kt_peer_key *key,
                                                     const uint8_t premaster[KT_PREMASTER_LEN], uint8_t *out,
                                                     size_t cap, size_t *len)
{
    int n;

    if (key->kind != KT_KEY_RSA || (size_t)RSA_size(key->u.rsa) > cap) {
        KT_FAIL(CERTIFICATE_KEY_UNSUPPORTED);
    }
    n = RSA_public_encrypt(KT_PREMASTER_LEN, premaster, out, key->u.rsa, RSA_PKCS1_PADDING);
    if (n <= 0) {
        return kt_libcrypto_drained(KT_FAULT(CRYPTO_FAILED));
    }
    *len = (size_t)n;
    return kt_libcrypto_drained(NULL);
}

static void drop(struct kt_peer_key *key)
{
    switch (key->kind) {
    case KT_KEY_RSA:
    case KT_KEY_RSA_PSS:
        RSA_free(key->u.rsa);
        break;
    case KT_KEY_P256:
    case KT_KEY_P384:
    case KT_KEY_P521:
        EC_KEY_free(key->u.ec);
        break;
    case KT_KEY_ED25519:
        EVP_PKEY_free(key->u.ed25519);
        break;
    case KT_KEY_NONE:
        break;
    }
}

void kt_libcrypto_peer_key_release(void *key)
{
    if (key != NULL) {
        drop(key);
        OPENSSL_free(key);
    }
}
