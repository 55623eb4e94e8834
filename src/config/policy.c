#include <keyturn/policy.h>

#include "base/compiler.h"
#include "registry/registry.h"

/*
 * Dated, and never edited after release: a new opinion is a new policy. tests/policy holds its text.
 *
 * ECDSA and Ed25519 come before RSA because they cost a server less. PKCS#1 comes last: it cannot sign handshakes of
 * TLS 1.3 (RFC 9846 section 4.3.3), but there are peers of TLS 1.2 that know nothing else, and most chains of the web
 * still end in such signatures.
 */
static const uint16_t versions[] = {KT_TLS_1_3, KT_TLS_1_2};

#define TLS13_SUITES KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_AES_256_GCM_SHA384, KT_SUITE_CHACHA20_POLY1305_SHA256
#define TLS12_ECDSA_SUITES                                                                                             \
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,                        \
        KT_SUITE_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
#define TLS12_RSA_SUITES                                                                                               \
    KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, KT_SUITE_ECDHE_RSA_WITH_AES_256_GCM_SHA384,                            \
        KT_SUITE_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256

/* Of TLS 1.2 what RFC 9325 section 4.2 recommends. */
static const uint16_t suites[] = {TLS13_SUITES, TLS12_ECDSA_SUITES, TLS12_RSA_SUITES};

static const uint16_t groups[] = {
    KT_GROUP_X25519,
    KT_GROUP_SECP256R1,
    KT_GROUP_SECP384R1,
    KT_GROUP_SECP521R1,
};

#define MODERN_SCHEMES                                                                                                 \
    KT_SCHEME_ECDSA_SECP256R1_SHA256, KT_SCHEME_ED25519, KT_SCHEME_ECDSA_SECP384R1_SHA384,                             \
        KT_SCHEME_ECDSA_SECP521R1_SHA512, KT_SCHEME_RSA_PSS_RSAE_SHA256, KT_SCHEME_RSA_PSS_RSAE_SHA384,                \
        KT_SCHEME_RSA_PSS_RSAE_SHA512, KT_SCHEME_RSA_PSS_PSS_SHA256, KT_SCHEME_RSA_PSS_PSS_SHA384,                     \
        KT_SCHEME_RSA_PSS_PSS_SHA512

#define PKCS1_SCHEMES KT_SCHEME_RSA_PKCS1_SHA256, KT_SCHEME_RSA_PKCS1_SHA384, KT_SCHEME_RSA_PKCS1_SHA512

static const uint16_t schemes[] = {MODERN_SCHEMES, PKCS1_SCHEMES};

const struct kt_policy kt_policy_2026_modern = {
    .name = "2026-modern",
    .versions = versions,
    .version_count = KT_COUNT_OF(versions),
    .suites = suites,
    .suite_count = KT_COUNT_OF(suites),
    .groups = groups,
    .group_count = KT_COUNT_OF(groups),
    .schemes = schemes,
    .scheme_count = KT_COUNT_OF(schemes),
    .cert_schemes = schemes,
    .cert_scheme_count = KT_COUNT_OF(schemes),
};

/*
 * For partners whose software or certificates are older. The default already takes all their algorithms, PKCS#1
 * in chains included; what differs is what is tried and shown first:
 * - the NIST curves, which every TLS 1.3 stack and every certified module has, so that the first key share fits
 *   and no HelloRetryRequest is needed;
 * - RSA, then ECDSA, then Ed25519: older authorities and key stores hold RSA, and a partner that misjudges a newer
 *   scheme is not led to it.
 */
static const uint16_t compatible_groups[] = {
    KT_GROUP_SECP256R1,
    KT_GROUP_SECP384R1,
    KT_GROUP_SECP521R1,
    KT_GROUP_X25519,
};

#define COMPATIBLE_SCHEMES                                                                                             \
    KT_SCHEME_RSA_PSS_RSAE_SHA256, KT_SCHEME_RSA_PSS_RSAE_SHA384, KT_SCHEME_RSA_PSS_RSAE_SHA512,                       \
        KT_SCHEME_RSA_PSS_PSS_SHA256, KT_SCHEME_RSA_PSS_PSS_SHA384, KT_SCHEME_RSA_PSS_PSS_SHA512,                      \
        KT_SCHEME_ECDSA_SECP256R1_SHA256, KT_SCHEME_ECDSA_SECP384R1_SHA384, KT_SCHEME_ECDSA_SECP521R1_SHA512,          \
        KT_SCHEME_ED25519

static const uint16_t compatible_suites[] = {TLS13_SUITES, TLS12_RSA_SUITES, TLS12_ECDSA_SUITES};
static const uint16_t compatible_schemes[] = {COMPATIBLE_SCHEMES, PKCS1_SCHEMES};
static const uint16_t compatible_cert_schemes[] = {PKCS1_SCHEMES, COMPATIBLE_SCHEMES};

const struct kt_policy kt_policy_2026_compatible = {
    .name = "2026-compatible",
    .versions = versions,
    .version_count = KT_COUNT_OF(versions),
    .suites = compatible_suites,
    .suite_count = KT_COUNT_OF(compatible_suites),
    .groups = compatible_groups,
    .group_count = KT_COUNT_OF(compatible_groups),
    .schemes = compatible_schemes,
    .scheme_count = KT_COUNT_OF(compatible_schemes),
    .cert_schemes = compatible_cert_schemes,
    .cert_scheme_count = KT_COUNT_OF(compatible_cert_schemes),
};

/*
 * For partners that can do no better. What the default has comes first, then DHE, which is slow but has forward
 * secrecy, then the same two in CBC mode, and last of all RSA key exchange. Longer primes than 4096 bits are left to
 * who asks for them: they cost a server more than an attacker.
 */
static const uint16_t legacy_versions[] = {KT_TLS_1_3, KT_TLS_1_2, KT_TLS_1_1, KT_TLS_1_0};

static const uint16_t legacy_suites[] = {
    TLS13_SUITES,
    TLS12_ECDSA_SUITES,
    TLS12_RSA_SUITES,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CCM,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CCM,
    KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256,
    KT_SUITE_DHE_RSA_WITH_AES_256_GCM_SHA384,
    KT_SUITE_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    KT_SUITE_DHE_RSA_WITH_AES_128_CCM,
    KT_SUITE_DHE_RSA_WITH_AES_256_CCM,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA,
    KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA256,
    KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
    KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA,
    KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA,
    KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA256,
    KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA256,
    KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA,
    KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA,
    KT_SUITE_RSA_WITH_AES_128_GCM_SHA256,
    KT_SUITE_RSA_WITH_AES_256_GCM_SHA384,
    KT_SUITE_RSA_WITH_AES_128_CCM,
    KT_SUITE_RSA_WITH_AES_256_CCM,
    KT_SUITE_RSA_WITH_AES_128_CBC_SHA256,
    KT_SUITE_RSA_WITH_AES_256_CBC_SHA256,
    KT_SUITE_RSA_WITH_AES_128_CBC_SHA,
    KT_SUITE_RSA_WITH_AES_256_CBC_SHA,
};

static const uint16_t legacy_groups[] = {
    KT_GROUP_X25519,    KT_GROUP_SECP256R1, KT_GROUP_SECP384R1, KT_GROUP_SECP521R1, KT_GROUP_FFDHE2048,
    KT_GROUP_FFDHE3072, KT_GROUP_FFDHE4096, KT_GROUP_MODP2048,  KT_GROUP_MODP3072,  KT_GROUP_MODP4096,
};

static const uint16_t legacy_schemes[] = {
    MODERN_SCHEMES, PKCS1_SCHEMES, KT_SCHEME_RSA_PKCS1_SHA1, KT_SCHEME_ECDSA_SHA1, KT_SCHEME_RSA_PKCS1_MD5_SHA1,
};

static const uint16_t legacy_cert_schemes[] = {
    MODERN_SCHEMES,
    PKCS1_SCHEMES,
    KT_SCHEME_RSA_PKCS1_SHA1,
    KT_SCHEME_ECDSA_SHA1,
};

const struct kt_policy kt_policy_2026_legacy = {
    .name = "2026-legacy",
    .versions = legacy_versions,
    .version_count = KT_COUNT_OF(legacy_versions),
    .suites = legacy_suites,
    .suite_count = KT_COUNT_OF(legacy_suites),
    .groups = legacy_groups,
    .group_count = KT_COUNT_OF(legacy_groups),
    .schemes = legacy_schemes,
    .scheme_count = KT_COUNT_OF(legacy_schemes),
    .cert_schemes = legacy_cert_schemes,
    .cert_scheme_count = KT_COUNT_OF(legacy_cert_schemes),
    .legacy = true,
};

/* Of policies that share a name the newest comes first. */
static const struct kt_policy *const policies[] = {
    &kt_policy_2026_modern,
    &kt_policy_2026_compatible,
    &kt_policy_2026_legacy,
};

enum { DATE_LEN = 5 }; /* "2026-" */

const struct kt_policy *kt_policy_named(const char *name)
{
    for (size_t i = 0; i < KT_COUNT_OF(policies); i++) {
        if (kt_same_name(policies[i]->name, name) || kt_same_name(policies[i]->name + DATE_LEN, name)) {
            return policies[i];
        }
    }
    return NULL;
}

const struct kt_policy *kt_policy_at(size_t index)
{
    return index < KT_COUNT_OF(policies) ? policies[index] : NULL;
}
