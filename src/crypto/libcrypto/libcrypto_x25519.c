/* X25519 (RFC 7748) by EVP: libcrypto 3.0 has no other way in. */
#include "crypto/libcrypto/libcrypto.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

enum { X25519_LEN = 32 };

/*
 * An unused context for X25519, never changed after the probe. A copy of it costs 1.2 us less than looking
 * the algorithm up by name, and so much is saved twice in each exchange.
 */
static EVP_PKEY_CTX *pattern;

static EVP_PKEY *pair_of(struct kt_kex *kex)
{
    return (EVP_PKEY *)(void *)kex;
}

static EVP_PKEY *generate(void)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(pattern);
    EVP_PKEY *pair = NULL;

    if (ctx == NULL || EVP_PKEY_keygen_init(ctx) != 1 || EVP_PKEY_generate(ctx, &pair) != 1) {
        pair = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return pair;
}

/* A fresh pair for each exchange: a share is never used twice. */
static const struct kt_fault *pair_new(EVP_PKEY **out, uint8_t *share)
{
    EVP_PKEY *pair = generate();
    size_t len = X25519_LEN;

    if (pair == NULL || EVP_PKEY_get_raw_public_key(pair, share, &len) != 1 || len != X25519_LEN) {
        EVP_PKEY_free(pair);
        KT_FAIL(CRYPTO_FAILED);
    }
    *out = pair;
    return NULL;
}

static EVP_PKEY *peer_of(struct kt_span share)
{
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)share.p, share.len),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_dup(pattern);
    EVP_PKEY *peer = NULL;

    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &peer, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        peer = NULL;
    }
    EVP_PKEY_CTX_free(ctx);
    return peer;
}

/* Every 32 bytes are a public key, so the peer's is not validated. */
static bool prepare(EVP_PKEY_CTX *ctx, EVP_PKEY *peer)
{
    return ctx != NULL && peer != NULL && EVP_PKEY_derive_init(ctx) == 1 &&
           EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1;
}

/*
 * A share of small order gives the all-zero secret, which must be refused (RFC 7748 section 6.1, RFC 9846
 * section 7.4.2). libcrypto fails then, and for no other reason; another provider may not, so we look too.
 */
static const struct kt_fault *derive(EVP_PKEY_CTX *ctx, struct kt_shared_secret *secret)
{
    static const uint8_t zero[X25519_LEN];
    size_t len = X25519_LEN;

    if (EVP_PKEY_derive(ctx, secret->b, &len) != 1 || len != X25519_LEN || kt_ct_eq(secret->b, zero, sizeof zero)) {
        KT_FAIL(KEY_SHARE_MALFORMED);
    }
    secret->len = X25519_LEN;
    return NULL;
}

static const struct kt_fault *agree(EVP_PKEY *pair, struct kt_span peer_share, struct kt_shared_secret *secret)
{
    const struct kt_fault *fault = KT_FAULT(CRYPTO_FAILED);
    EVP_PKEY_CTX *ctx;
    EVP_PKEY *peer;

    if (peer_share.len != X25519_LEN) {
        KT_FAIL(KEY_SHARE_MALFORMED);
    }
    peer = peer_of(peer_share);
    ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pair, NULL);
    if (prepare(ctx, peer)) {
        fault = derive(ctx, secret);
    }
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(peer);
    return fault;
}

static const struct kt_fault *start(const struct kt_group *group, struct kt_kex **out, uint8_t *share)
{
    EVP_PKEY *pair = NULL;

    (void)group;
    KT_TRY(kt_libcrypto_drained(pair_new(&pair, share)));
    *out = (struct kt_kex *)(void *)pair;
    return NULL;
}

static const struct kt_fault *respond(const struct kt_group *group, struct kt_span peer_share, uint8_t *share,
                                      struct kt_shared_secret *secret)
{
    const struct kt_fault *fault;
    EVP_PKEY *pair = NULL;

    (void)group;
    KT_TRY(kt_libcrypto_drained(pair_new(&pair, share)));
    fault = agree(pair, peer_share, secret);
    EVP_PKEY_free(pair);
    return kt_libcrypto_drained(fault);
}

static const struct kt_fault *finish(struct kt_kex *kex, struct kt_span peer_share, struct kt_shared_secret *secret)
{
    return kt_libcrypto_drained(agree(pair_of(kex), peer_share, secret));
}

static void release(void *kex)
{
    EVP_PKEY_free(kex);
}

static const struct kt_group x25519 = {
    .id = KT_GROUP_X25519,
    .initiator_share_len = X25519_LEN,
    .responder_share_len = X25519_LEN,
    .start = start,
    .respond = respond,
    .finish = finish,
    .release = release,
};

/* Making a pair is the proof: the name alone may be known and the algorithm be switched off. */
const struct kt_group *kt_libcrypto_x25519_probe(void)
{
    EVP_PKEY *pair = NULL;

    pattern = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    pair = pattern == NULL ? NULL : generate();
    EVP_PKEY_free(pair);
    return pair == NULL ? NULL : &x25519;
}
