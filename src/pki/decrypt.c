/* The premaster secret of static RSA (RFC 5246 section 7.4.7.1), so that nobody learns which ciphertexts are right. */
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>

#include "pki/pki_impl.h"
#include "seam/config_view.h"

/*
 * libcrypto looks at padding, length and version in constant time and gives random bytes when one of them is wrong.
 * What makes this fail is seen in the ciphertext by anybody: its length, or that it is no number below the modulus.
 */
static bool decrypt(EVP_PKEY_CTX *ctx, const struct kt_ask *ask, uint8_t out[KT_PREMASTER_LEN])
{
    unsigned version = ask->u.decrypt.client_version;
    struct kt_span ciphertext = ask->u.decrypt.ciphertext;
    size_t len = KT_PREMASTER_LEN;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_uint(OSSL_ASYM_CIPHER_PARAM_TLS_CLIENT_VERSION, &version),
        OSSL_PARAM_construct_end(),
    };

    return EVP_PKEY_CTX_set_params(ctx, params) == 1 &&
           EVP_PKEY_decrypt(ctx, out, &len, ciphertext.p, ciphertext.len) == 1 && len == KT_PREMASTER_LEN;
}

static const struct kt_fault *begin(EVP_PKEY *key, EVP_PKEY_CTX **out)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);

    if (ctx == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    if (EVP_PKEY_decrypt_init(ctx) != 1 || EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_WITH_TLS_PADDING) != 1) {
        EVP_PKEY_CTX_free(ctx);
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    *out = ctx;
    return NULL;
}

static const struct kt_fault *decrypt_or_make_up(EVP_PKEY *key, const struct kt_ask *ask, uint8_t out[KT_PREMASTER_LEN])
{
    uint8_t made_up[KT_PREMASTER_LEN];
    EVP_PKEY_CTX *ctx = NULL;

    if (RAND_priv_bytes(made_up, sizeof made_up) != 1) {
        KT_FAIL(RANDOM_FAILED);
    }
    KT_TRY(begin(key, &ctx));
    if (!decrypt(ctx, ask, out)) {
        kt_copy(out, made_up, sizeof made_up);
    }
    kt_wipe(made_up, sizeof made_up);
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

const struct kt_fault *kt_pki_decrypt(const struct kt_ask *ask, uint8_t out[KT_PREMASTER_LEN])
{
    const struct kt_credential *credential = NULL;

    if (ask != NULL && ask->kind == KT_ASK_DECRYPT) {
        credential = ask->u.decrypt.credential;
    }
    if (credential == NULL || credential->release_key != kt_pki_key_release ||
        kt_pki_key_kind(credential->key) != KT_KEY_RSA) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    return kt_pki_drained(decrypt_or_make_up(credential->key, ask, out));
}
