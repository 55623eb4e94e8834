#include <keyturn/policy.h>

#include "base/compiler.h"
#include "registry/registry.h"

/*
 * Dated, and never edited after release: a new opinion is a new policy. tests/policy holds its text.
 *
 * ECDSA and Ed25519 come before RSA because they cost a server less; PKCS#1 cannot sign CertificateVerify
 * (RFC 9846 section 4.3.3) but most chains of the web still end in such signatures.
 */
static const uint16_t versions[] = {KT_TLS_1_3};

static const uint16_t suites[] = {
    KT_SUITE_AES_128_GCM_SHA256,
    KT_SUITE_AES_256_GCM_SHA384,
    KT_SUITE_CHACHA20_POLY1305_SHA256,
};

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

static const uint16_t schemes[] = {MODERN_SCHEMES};

static const uint16_t cert_schemes[] = {
    MODERN_SCHEMES,
    KT_SCHEME_RSA_PKCS1_SHA256,
    KT_SCHEME_RSA_PKCS1_SHA384,
    KT_SCHEME_RSA_PKCS1_SHA512,
};

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
    .cert_schemes = cert_schemes,
    .cert_scheme_count = KT_COUNT_OF(cert_schemes),
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

static const uint16_t compatible_schemes[] = {COMPATIBLE_SCHEMES};

static const uint16_t compatible_cert_schemes[] = {
    KT_SCHEME_RSA_PKCS1_SHA256,
    KT_SCHEME_RSA_PKCS1_SHA384,
    KT_SCHEME_RSA_PKCS1_SHA512,
    COMPATIBLE_SCHEMES,
};

const struct kt_policy kt_policy_2026_compatible = {
    .name = "2026-compatible",
    .versions = versions,
    .version_count = KT_COUNT_OF(versions),
    .suites = suites,
    .suite_count = KT_COUNT_OF(suites),
    .groups = compatible_groups,
    .group_count = KT_COUNT_OF(compatible_groups),
    .schemes = compatible_schemes,
    .scheme_count = KT_COUNT_OF(compatible_schemes),
    .cert_schemes = compatible_cert_schemes,
    .cert_scheme_count = KT_COUNT_OF(compatible_cert_schemes),
};

/* Of policies that share a name the newest comes first. */
static const struct kt_policy *const policies[] = {&kt_policy_2026_modern, &kt_policy_2026_compatible};

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
