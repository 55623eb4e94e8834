#include <openssl/rsa.h>

#include "pki/pki_impl.h"
#include "seam/config_view.h"

static const EVP_MD *digest_of(const struct kt_scheme_facts *scheme)
{
    switch ((enum kt_digest)scheme->digest) {
    case KT_DIGEST_SHA256:
        return EVP_sha256();
    case KT_DIGEST_SHA384:
        return EVP_sha384();
    case KT_DIGEST_SHA512:
        return EVP_sha512();
    case KT_DIGEST_SHA1:
        return EVP_sha1();
    case KT_DIGEST_MD5_SHA1:
        return EVP_md5_sha1();
    case KT_DIGEST_NONE:
    case KT_DIGEST_MD5:
    case KT_DIGEST_COUNT:
        break;
    }
    return NULL;
}

bool kt_pki_sign_init(EVP_MD_CTX *ctx, EVP_PKEY *key, const struct kt_scheme_facts *scheme)
{
    bool rsa = scheme->key == KT_KEY_RSA || scheme->key == KT_KEY_RSA_PSS;
    EVP_PKEY_CTX *options = NULL;

    /* What TLS 1.3 forbids, the engine does not ask for. */
    if (!kt_scheme_fits_key(scheme, kt_pki_key_kind(key), KT_TLS_1_2) ||
        EVP_DigestSignInit(ctx, &options, digest_of(scheme), NULL, key) != 1) {
        return false;
    }
    /* PKCS#1 ended with TLS 1.2. */
    if (rsa && scheme->max_version < KT_TLS_1_3) {
        return EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PADDING) == 1;
    }
    /* The salt is as long as the digest, and MGF1 uses the same (RFC 9846 section 4.3.3). */
    return !rsa || (EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(options, RSA_PSS_SALTLEN_DIGEST) == 1);
}

static bool can_sign(const struct kt_credential *credential, uint16_t scheme)
{
    size_t i = 0;

    while (i < credential->scheme_count && credential->schemes[i] != scheme) {
        i++;
    }
    return i < credential->scheme_count;
}

/* The key is only read, so threads may sign with it at the same time. */
static const struct kt_fault *sign(EVP_PKEY *key, const struct kt_scheme_facts *scheme, struct kt_span input,
                                   uint8_t *out, size_t *len)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok;

    if (ctx == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    ok = kt_pki_sign_init(ctx, key, scheme) && EVP_DigestSign(ctx, out, len, input.p, input.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok ? NULL : kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
}

const struct kt_fault *kt_pki_sign(const struct kt_ask *ask, uint8_t *out, size_t cap, size_t *len)
{
    const struct kt_credential *credential = NULL;
    const struct kt_scheme_facts *facts = NULL;
    size_t got = cap;

    if (ask != NULL && ask->kind == KT_ASK_SIGN) {
        credential = ask->u.sign.credential;
        facts = kt_scheme_facts(ask->u.sign.scheme);
    }
    if (credential == NULL || credential->release_key != kt_pki_key_release || facts == NULL ||
        !can_sign(credential, ask->u.sign.scheme) || cap < KT_SIGNATURE_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    KT_TRY(kt_pki_drained(sign(credential->key, facts, ask->u.sign.input, out, &got)));
    *len = got;
    return NULL;
}
