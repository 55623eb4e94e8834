/* The provider: asks libcrypto once what it has, and lists that. */
#include "crypto/libcrypto/libcrypto.h"

#include <openssl/crypto.h>

/* Every suite, group and scheme of the registry, each with room for what ends the list. */
struct suite_parts {
    uint16_t id;
    enum kt_libcrypto_aead aead;
    const struct kt_hash *hash;
};
struct cbc_parts {
    uint16_t id;
    enum kt_libcrypto_cbc cbc;
    const struct kt_hash *hash;
};

static const struct suite_parts aead_parts[] = {
    {KT_SUITE_AES_128_GCM_SHA256, KT_LIBCRYPTO_AES128_GCM, &kt_libcrypto_sha256},
    {KT_SUITE_AES_256_GCM_SHA384, KT_LIBCRYPTO_AES256_GCM, &kt_libcrypto_sha384},
    {KT_SUITE_CHACHA20_POLY1305_SHA256, KT_LIBCRYPTO_CHACHA20_POLY1305, &kt_libcrypto_sha256},
    {KT_SUITE_AES_128_CCM_SHA256, KT_LIBCRYPTO_AES128_CCM, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, KT_LIBCRYPTO_AES128_GCM, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, KT_LIBCRYPTO_AES256_GCM, &kt_libcrypto_sha384},
    {KT_SUITE_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, KT_LIBCRYPTO_CHACHA20_POLY1305, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CCM, KT_LIBCRYPTO_AES128_CCM, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CCM, KT_LIBCRYPTO_AES256_CCM, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, KT_LIBCRYPTO_AES128_GCM, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_RSA_WITH_AES_256_GCM_SHA384, KT_LIBCRYPTO_AES256_GCM, &kt_libcrypto_sha384},
    {KT_SUITE_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, KT_LIBCRYPTO_CHACHA20_POLY1305, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256, KT_LIBCRYPTO_AES128_GCM, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_256_GCM_SHA384, KT_LIBCRYPTO_AES256_GCM, &kt_libcrypto_sha384},
    {KT_SUITE_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256, KT_LIBCRYPTO_CHACHA20_POLY1305, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_128_CCM, KT_LIBCRYPTO_AES128_CCM, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_256_CCM, KT_LIBCRYPTO_AES256_CCM, &kt_libcrypto_sha256},
    {KT_SUITE_RSA_WITH_AES_128_GCM_SHA256, KT_LIBCRYPTO_AES128_GCM, &kt_libcrypto_sha256},
    {KT_SUITE_RSA_WITH_AES_256_GCM_SHA384, KT_LIBCRYPTO_AES256_GCM, &kt_libcrypto_sha384},
    {KT_SUITE_RSA_WITH_AES_128_CCM, KT_LIBCRYPTO_AES128_CCM, &kt_libcrypto_sha256},
    {KT_SUITE_RSA_WITH_AES_256_CCM, KT_LIBCRYPTO_AES256_CCM, &kt_libcrypto_sha256},
};
static const struct cbc_parts cbc_parts[] = {
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, KT_LIBCRYPTO_AES128_SHA256, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, KT_LIBCRYPTO_AES256_SHA384, &kt_libcrypto_sha384},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, KT_LIBCRYPTO_AES128_SHA1, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, KT_LIBCRYPTO_AES256_SHA1, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA256, KT_LIBCRYPTO_AES128_SHA256, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA384, KT_LIBCRYPTO_AES256_SHA384, &kt_libcrypto_sha384},
    {KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA, KT_LIBCRYPTO_AES128_SHA1, &kt_libcrypto_sha256},
    {KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA, KT_LIBCRYPTO_AES256_SHA1, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA256, KT_LIBCRYPTO_AES128_SHA256, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA256, KT_LIBCRYPTO_AES256_SHA256, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA, KT_LIBCRYPTO_AES128_SHA1, &kt_libcrypto_sha256},
    {KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA, KT_LIBCRYPTO_AES256_SHA1, &kt_libcrypto_sha256},
    {KT_SUITE_RSA_WITH_AES_128_CBC_SHA256, KT_LIBCRYPTO_AES128_SHA256, &kt_libcrypto_sha256},
    {KT_SUITE_RSA_WITH_AES_256_CBC_SHA256, KT_LIBCRYPTO_AES256_SHA256, &kt_libcrypto_sha256},
    {KT_SUITE_RSA_WITH_AES_128_CBC_SHA, KT_LIBCRYPTO_AES128_SHA1, &kt_libcrypto_sha256},
    {KT_SUITE_RSA_WITH_AES_256_CBC_SHA, KT_LIBCRYPTO_AES256_SHA1, &kt_libcrypto_sha256},
};
static const uint16_t ec_ids[] = {KT_GROUP_SECP256R1, KT_GROUP_SECP384R1, KT_GROUP_SECP521R1};
static const uint16_t dh_ids[] = {
    KT_GROUP_FFDHE2048, KT_GROUP_FFDHE3072, KT_GROUP_FFDHE4096, KT_GROUP_FFDHE6144,
    KT_GROUP_FFDHE8192, KT_GROUP_MODP2048,  KT_GROUP_MODP3072,  KT_GROUP_MODP4096,
};
static const uint16_t scheme_ids[] = {
#define X(name, number, text, key, digest, legacy, first, last) (number),
#include "registry/schemes.def"
#undef X
};

static struct kt_suite suite_rows[KT_COUNT_OF(aead_parts) + KT_COUNT_OF(cbc_parts)];
static const struct kt_suite *suites[KT_COUNT_OF(suite_rows) + 1];
static const struct kt_group *groups[1 + KT_COUNT_OF(ec_ids) + KT_COUNT_OF(dh_ids) + 1];
static uint16_t schemes[KT_COUNT_OF(scheme_ids) + 1];

static struct kt_crypto provider = {
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
    .peer_key_encrypt = kt_libcrypto_peer_key_encrypt,
    .peer_key_release = kt_libcrypto_peer_key_release,
    .dh_group = kt_libcrypto_dh_group,
    .dh_numbers = kt_libcrypto_dh_numbers,
};

static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

static void list_suites(void)
{
    size_t n = 0;

    for (size_t i = 0; i < KT_COUNT_OF(aead_parts); i++) {
        const struct suite_parts *parts = &aead_parts[i];

        suite_rows[n] = (struct kt_suite){parts->id, kt_libcrypto_aead_probe(parts->aead), NULL, parts->hash};
        suites[n] = suite_rows[n].aead == NULL ? NULL : &suite_rows[n];
        n += suites[n] != NULL;
    }
    for (size_t i = 0; i < KT_COUNT_OF(cbc_parts) && provider.digests[KT_DIGEST_SHA1] != NULL; i++) {
        const struct cbc_parts *parts = &cbc_parts[i];

        suite_rows[n] = (struct kt_suite){parts->id, NULL, kt_libcrypto_cbc_probe(parts->cbc), parts->hash};
        suites[n] = suite_rows[n].cbc == NULL ? NULL : &suite_rows[n];
        n += suites[n] != NULL;
    }
}

/* What is legacy may be switched off in libcrypto, and then is with us. */
static void list_digests(void)
{
    if (kt_libcrypto_digest_probe("SHA1")) {
        provider.digests[KT_DIGEST_SHA1] = &kt_libcrypto_sha1;
    }
    if (kt_libcrypto_digest_probe("MD5")) {
        provider.digests[KT_DIGEST_MD5] = &kt_libcrypto_md5;
    }
    if (provider.digests[KT_DIGEST_SHA1] != NULL && provider.digests[KT_DIGEST_MD5] != NULL) {
        provider.digests[KT_DIGEST_MD5_SHA1] = &kt_libcrypto_md5_sha1;
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
    for (size_t i = 0; i < KT_COUNT_OF(dh_ids); i++) {
        groups[n] = kt_libcrypto_dh_probe(dh_ids[i]);
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
    list_digests();
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
