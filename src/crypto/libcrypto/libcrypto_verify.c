/* Signatures over the handshake (RFC 9846 section 4.3.3): a scheme names the key, the padding and the digest.
 */
#include "crypto/libcrypto/libcrypto.h"

#include <limits.h>

#include <openssl/ecdsa.h>
#include <openssl/md5.h>
#include <openssl/objects.h>
#include <openssl/sha.h>

enum { MODULUS_LEN_MAX = 2048 };

/* EVP's digests are for the mask of PSS, which takes them only in that shape. */
static struct {
    const char *fetch_name;
    int nid;
    int len;
    EVP_MD *fetched;
} digests[KT_DIGEST_COUNT] = {
    [KT_DIGEST_SHA256] = {"SHA2-256", NID_sha256, SHA256_DIGEST_LENGTH, NULL},
    [KT_DIGEST_SHA384] = {"SHA2-384", NID_sha384, SHA384_DIGEST_LENGTH, NULL},
    [KT_DIGEST_SHA512] = {"SHA2-512", NID_sha512, SHA512_DIGEST_LENGTH, NULL},
    [KT_DIGEST_SHA1] = {"SHA1", NID_sha1, SHA_DIGEST_LENGTH, NULL},
    [KT_DIGEST_MD5_SHA1] = {"MD5-SHA1", NID_md5_sha1, MD5_DIGEST_LENGTH + SHA_DIGEST_LENGTH, NULL},
};

static const struct kt_hash *hash_of(uint8_t digest)
{
    switch ((enum kt_digest)digest) {
    case KT_DIGEST_SHA256:
        return &kt_libcrypto_sha256;
    case KT_DIGEST_SHA384:
        return &kt_libcrypto_sha384;
    case KT_DIGEST_SHA512:
        return &kt_libcrypto_sha512;
    case KT_DIGEST_SHA1:
        return &kt_libcrypto_sha1;
    case KT_DIGEST_MD5_SHA1:
        return &kt_libcrypto_md5_sha1;
    case KT_DIGEST_NONE:
    case KT_DIGEST_MD5:
    case KT_DIGEST_COUNT:
        break;
    }
    return NULL;
}

static void digest_of(uint8_t digest, struct kt_span content, uint8_t out[KT_HASH_MAX])
{
    const struct kt_hash *hash = hash_of(digest);
    struct kt_hash_state state;

    hash->init(&state);
    hash->update(&state, content.p, content.len);
    hash->final(&state, out);
}

/* The numbers of the RSASSA-PKCS1-v1_5 schemes, ours for MD5 and SHA-1 included, still are a hash and, below it, 1 for
 * RSA (RFC 5246 7.4.1.4.1). */
static bool is_pkcs1(uint16_t scheme)
{
    return (scheme & 0xff) == 1;
}

/* RSASSA-PSS with a salt as long as the digest and MGF1 over the same digest. */
static bool verify_pss(RSA *rsa, uint8_t digest, const uint8_t *value, struct kt_span signature)
{
    uint8_t encoded[MODULUS_LEN_MAX];
    const EVP_MD *md = digests[digest].fetched;

    return RSA_public_decrypt((int)signature.len, signature.p, encoded, rsa, RSA_NO_PADDING) == RSA_size(rsa) &&
           RSA_verify_PKCS1_PSS_mgf1(rsa, value, md, md, encoded, digests[digest].len) == 1;
}

static bool verify_rsa(const struct kt_peer_key *key, const struct kt_scheme_facts *facts, struct kt_span content,
                       struct kt_span signature)
{
    uint8_t value[KT_HASH_MAX];
    RSA *rsa = key->u.rsa;

    /* RFC 8017 sections 8.1.2 and 8.2.2, step 1: neither shorter nor longer than the modulus. */
    if (signature.len != (size_t)RSA_size(rsa)) {
        return false;
    }
    digest_of(facts->digest, content, value);
    if (is_pkcs1(facts->id)) {
        return RSA_verify(digests[facts->digest].nid, value, (unsigned)digests[facts->digest].len, signature.p,
                          (unsigned)signature.len, rsa) == 1;
    }
    if (key->pss_digest != KT_DIGEST_NONE && key->pss_digest != facts->digest) {
        return false;
    }
    return verify_pss(rsa, facts->digest, value, signature);
}

static bool verify_ec(EC_KEY *ec, uint8_t digest, struct kt_span content, struct kt_span signature)
{
    uint8_t value[KT_HASH_MAX];

    digest_of(digest, content, value);
    return ECDSA_verify(0, value, digests[digest].len, signature.p, (int)signature.len, ec) == 1;
}

static bool verify_ed25519(EVP_PKEY *key, struct kt_span content, struct kt_span signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx != NULL && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, signature.p, signature.len, content.p, content.len) == 1;

    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool verify(const struct kt_peer_key *key, const struct kt_scheme_facts *facts, struct kt_span content,
                   struct kt_span signature)
{
    switch (key->kind) {
    case KT_KEY_RSA:
    case KT_KEY_RSA_PSS:
        return verify_rsa(key, facts, content, signature);
    case KT_KEY_P256:
    case KT_KEY_P384:
    case KT_KEY_P521:
        return verify_ec(key->u.ec, facts->digest, content, signature);
    case KT_KEY_ED25519:
        return verify_ed25519(key->u.ed25519, content, signature);
    case KT_KEY_NONE:
        break;
    }
    return false;
}

bool kt_libcrypto_peer_key_verify(const struct kt_peer_key *key, uint16_t scheme, struct kt_span content,
                                  struct kt_span signature)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(scheme);
    bool right;

    if (facts == NULL || !kt_scheme_fits_key(facts, key->kind, KT_TLS_1_2) || signature.len == 0 ||
        signature.len > INT_MAX) {
        return false;
    }
    right = verify(key, facts, content, signature);
    ERR_clear_error();
    return right;
}

static bool can_digest(uint8_t digest)
{
    if (digests[digest].fetched == NULL && digests[digest].fetch_name != NULL) {
        digests[digest].fetched = EVP_MD_fetch(NULL, digests[digest].fetch_name, NULL);
    }
    return digests[digest].fetched != NULL;
}

static bool can_ed25519(void)
{
    EVP_SIGNATURE *signature = EVP_SIGNATURE_fetch(NULL, "ED25519", NULL);

    EVP_SIGNATURE_free(signature);
    return signature != NULL;
}

bool kt_libcrypto_verify_probe(const struct kt_scheme_facts *scheme)
{
    switch ((enum kt_key_kind)scheme->key) {
    case KT_KEY_RSA:
    case KT_KEY_RSA_PSS:
        return can_digest(scheme->digest);
    case KT_KEY_P256:
        return can_digest(scheme->digest) && kt_libcrypto_curve(KT_GROUP_SECP256R1) != NULL;
    case KT_KEY_P384:
        return kt_libcrypto_curve(KT_GROUP_SECP384R1) != NULL && can_digest(scheme->digest);
    case KT_KEY_P521:
        return kt_libcrypto_curve(KT_GROUP_SECP521R1) != NULL && can_digest(scheme->digest);
    case KT_KEY_ED25519:
        return can_ed25519();
    case KT_KEY_NONE:
        break;
    }
    return false;
}
