/* The provider: asks libcrypto once what it has, and lists that. */
#include "crypto/libcrypto/libcrypto.h"

#include <openssl/crypto.h>

/* Every suite, group and scheme of the registry, each with room for what ends the list. */
static struct kt_suite suite_rows[] = {
    {KT_SUITE_AES_128_GCM_SHA256, NULL, NULL, &kt_libcrypto_sha256},
    {KT_SUITE_AES_256_GCM_SHA384, NULL, NULL, &kt_libcrypto_sha384},
    {KT_SUITE_CHACHA20_POLY1305_SHA256, NULL, NULL, &kt_libcrypto_sha256},
};
static const uint16_t ec_ids[] = {KT_GROUP_SECP256R1, KT_GROUP_SECP384R1, KT_GROUP_SECP521R1};
static const uint16_t scheme_ids[] = {
#define X(name, number, text, key, digest, legacy, first, last) (number),
#include "registry/schemes.def"
#undef X
};

static const struct kt_suite *suites[KT_COUNT_OF(suite_rows) + 1];
static const struct kt_group *groups[1 + KT_COUNT_OF(ec_ids) + 1];
static uint16_t schemes[KT_COUNT_OF(scheme_ids) + 1];

static const struct kt_crypto provider = {
    .name = "libcrypto",
    .suites = suites,
    .groups = groups,
    .schemes = schemes,
    .digests = {[KT_DIGEST_SHA256] = &kt_libcrypto_sha256,
                [KT_DIGEST_SHA384] = &kt_libcrypto_sha384,
                [KT_DIGEST_SHA512] = &kt_libcrypto_sha512},
    .peer_key_new = kt_libcrypto_peer_key_new,
    .peer_key_kind = kt_libcrypto_peer_key_kind,
    .peer_key_verify = kt_libcrypto_peer_key_verify,
    .peer_key_release = kt_libcrypto_peer_key_release,
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void list_suites(void)
{
    size_t n = 0;

    for (size_t i = 0; i < KT_COUNT_OF(suite_rows); i++) {
        suite_rows[i].aead = kt_libcrypto_aead_probe(suite_rows[i].id);
        if (suite_rows[i].aead != NULL) {
            suites[n++] = &suite_rows[i];
        }
    }
}

static void list_groups(void)
{
    size_t n = 0;

    groups[n] = kt_libcrypto_x25519_probe();
    n += groups[n] != NULL;
    for (size_t i = 0; i < KT_COUNT_OF(ec_ids); i++) {
        groups[n] = kt_libcrypto_ec_probe(ec_ids[i]);
        n += groups[n] != NULL;
    }
}

static void list_schemes(void)
{
    size_t n = 0;

    for (size_t i = 0; i < KT_COUNT_OF(scheme_ids); i++) {
        if (kt_libcrypto_verify_probe(kt_scheme_facts(scheme_ids[i]))) {
            schemes[n++] = scheme_ids[i];
        }
    }
}

/* What is missing leaves errors behind, which are no errors to us. */
static void probe(void)
{
    list_suites();
    list_groups();
    list_schemes();
    ERR_clear_error();
}

const struct kt_crypto *kt_crypto_libcrypto(void)
{
    if (CRYPTO_THREAD_run_once(&once, probe) != 1 || suites[0] == NULL || groups[0] == NULL || schemes[0] == 0) {
        return NULL;
    }
    return &provider;
}
