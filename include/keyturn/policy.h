/*
 * policy.h - algorithms by number, and named policies that list them.
 *
 * The numbers are those of the IANA TLS registries, so an application may also write them as such.
 */
#ifndef KEYTURN_POLICY_H
#define KEYTURN_POLICY_H

#include <keyturn/lifetime.h>

#ifdef __cplusplus
extern "C" {
#endif

enum kt_version {
    KT_TLS_1_2 = 0x0303,
    KT_TLS_1_3 = 0x0304,
};

enum kt_suite_id {
    KT_SUITE_AES_128_GCM_SHA256 = 0x1301,
    KT_SUITE_AES_256_GCM_SHA384 = 0x1302,
    KT_SUITE_CHACHA20_POLY1305_SHA256 = 0x1303,
};

enum kt_group_id {
    KT_GROUP_SECP256R1 = 23,
    KT_GROUP_SECP384R1 = 24,
    KT_GROUP_SECP521R1 = 25,
    KT_GROUP_X25519 = 29,
};

enum kt_scheme_id {
    KT_SCHEME_RSA_PKCS1_SHA256 = 0x0401,
    KT_SCHEME_RSA_PKCS1_SHA384 = 0x0501,
    KT_SCHEME_RSA_PKCS1_SHA512 = 0x0601,
    KT_SCHEME_ECDSA_SECP256R1_SHA256 = 0x0403,
    KT_SCHEME_ECDSA_SECP384R1_SHA384 = 0x0503,
    KT_SCHEME_ECDSA_SECP521R1_SHA512 = 0x0603,
    KT_SCHEME_RSA_PSS_RSAE_SHA256 = 0x0804,
    KT_SCHEME_RSA_PSS_RSAE_SHA384 = 0x0805,
    KT_SCHEME_RSA_PSS_RSAE_SHA512 = 0x0806,
    KT_SCHEME_ED25519 = 0x0807,
    KT_SCHEME_RSA_PSS_PSS_SHA256 = 0x0809,
    KT_SCHEME_RSA_PSS_PSS_SHA384 = 0x080a,
    KT_SCHEME_RSA_PSS_PSS_SHA512 = 0x080b,
};

/*
 * A policy: what is allowed, in order of preference. Policies of the library are dated constants and never
 * edited after release; a list of zero length is not allowed.
 */
struct kt_policy {
    const char *name;
    const uint16_t *versions;
    size_t version_count;
    const uint16_t *suites;
    size_t suite_count;
    const uint16_t *groups;
    size_t group_count;
    const uint16_t *schemes; /* for CertificateVerify */
    size_t scheme_count;
    const uint16_t *cert_schemes; /* for signatures inside certificate chains */
    size_t cert_scheme_count;
};

/* TLS 1.3; X25519, P-256, P-384, P-521; all schemes above except PKCS#1 in CertificateVerify. The default. */
KT_API extern const struct kt_policy kt_policy_2026_modern;

/*
 * The same algorithms in an order for partners with older software and certificates: the NIST curves before
 * X25519, RSA before ECDSA before Ed25519. Nothing in it is weaker than what the default allows.
 */
KT_API extern const struct kt_policy kt_policy_2026_compatible;

/*
 * A policy of the library by its name: "2026-modern" is that one for ever, "modern" the newest of that name. Case
 * does not matter. NULL when there is none. kt_policy_at counts them from 0, the newest of a name before older ones;
 * NULL behind the last. Constants. Any thread.
 */
KT_API const struct kt_policy *kt_policy_named(const char *name);
KT_API const struct kt_policy *kt_policy_at(size_t index);

enum { KT_POLICY_LIST_MAX = 32 };

/* Identifiers, most preferred first. */
struct kt_policy_ids {
    uint16_t ids[KT_POLICY_LIST_MAX];
    size_t count;
};

/*
 * A policy that a user wrote: a policy of the library and what differs from it. A list of zero length is that of
 * `based_on`. The least sizes of keys are for whoever verifies the peer (struct kt_verify of pki.h).
 */
struct kt_user_policy {
    const struct kt_policy *based_on;
    struct kt_policy_ids versions, suites, groups, schemes, cert_schemes;
    struct kt_lifetime lifetime;
    unsigned min_rsa_bits;   /* 2048 to 8192 */
    unsigned min_curve_bits; /* 256 to 521 */
};

/* `policy` and nothing else: the default lifetime, 2048 bits, 256 bits. NULL: the default policy. */
KT_API struct kt_user_policy kt_policy_user(const struct kt_policy *policy);

/* Where a text is wrong: the line from 1, the word in question as far as it fits (what is not printable as "?"), and
 * what is wrong with it (static text). */
struct kt_policy_error {
    unsigned line;
    char word[64];
    const char *problem;
};

/*
 * Reads the text of a user policy, lines "field = value, value" (keyturn-policy(5)). On a fault *out is untouched and
 * *error, which may be NULL, says where. Whether the values go together is found by kt_builder_build. Faults:
 * POLICY_MALFORMED, USAGE_ARGUMENT. Any thread.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_policy_parse(struct kt_span text, struct kt_user_policy *out,
                                                          struct kt_policy_error *error);

/*
 * The names people write in options and logs: the IANA names ("TLS_AES_128_GCM_SHA256", "x25519",
 * "ecdsa_secp256r1_sha256"). *_name never returns NULL ("unknown"); *_named returns 0 for a name it does not
 * know; case does not matter, and for suites "AES-128-GCM" style short forms are understood, for groups
 * "P-256" style ones. Static text. Any thread.
 */
KT_API const char *kt_version_name(uint16_t version);
KT_API const char *kt_suite_name(uint16_t suite);
KT_API const char *kt_group_name(uint16_t group);
KT_API const char *kt_scheme_name(uint16_t scheme);
KT_API uint16_t kt_version_named(const char *name);
KT_API uint16_t kt_suite_named(const char *name);
KT_API uint16_t kt_group_named(const char *name);
KT_API uint16_t kt_scheme_named(const char *name);

#ifdef __cplusplus
}
#endif

#endif
