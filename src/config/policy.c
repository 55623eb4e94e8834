#include <keyturn/policy.h>

#include "base/compiler.h"

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
