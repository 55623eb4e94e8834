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
    KT_TLS_1_0 = 0x0301,
    KT_TLS_1_1 = 0x0302,
    KT_TLS_1_2 = 0x0303,
    KT_TLS_1_3 = 0x0304,
};

/* Without WITH: TLS 1.3. The others are for TLS 1.2, those in CBC mode with SHA for TLS 1.0 and 1.1, too. */
enum kt_suite_id {
    KT_SUITE_AES_128_GCM_SHA256 = 0x1301,
    KT_SUITE_AES_256_GCM_SHA384 = 0x1302,
    KT_SUITE_CHACHA20_POLY1305_SHA256 = 0x1303,
    KT_SUITE_AES_128_CCM_SHA256 = 0x1304,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 = 0xc02b,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384 = 0xc02c,
    KT_SUITE_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca9,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CCM = 0xc0ac,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CCM = 0xc0ad,
    KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256 = 0xc02f,
    KT_SUITE_ECDHE_RSA_WITH_AES_256_GCM_SHA384 = 0xc030,
    KT_SUITE_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xcca8,
    KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256 = 0x009e,
    KT_SUITE_DHE_RSA_WITH_AES_256_GCM_SHA384 = 0x009f,
    KT_SUITE_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256 = 0xccaa,
    KT_SUITE_DHE_RSA_WITH_AES_128_CCM = 0xc09e,
    KT_SUITE_DHE_RSA_WITH_AES_256_CCM = 0xc09f,
    KT_SUITE_RSA_WITH_AES_128_GCM_SHA256 = 0x009c,
    KT_SUITE_RSA_WITH_AES_256_GCM_SHA384 = 0x009d,
    KT_SUITE_RSA_WITH_AES_128_CCM = 0xc09c,
    KT_SUITE_RSA_WITH_AES_256_CCM = 0xc09d,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256 = 0xc023,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384 = 0xc024,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA = 0xc009,
    KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA = 0xc00a,
    KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA256 = 0xc027,
    KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA384 = 0xc028,
    KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA = 0xc013,
    KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA = 0xc014,
    KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA256 = 0x0067,
    KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA256 = 0x006b,
    KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA = 0x0033,
    KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA = 0x0039,
    KT_SUITE_RSA_WITH_AES_128_CBC_SHA256 = 0x003c,
    KT_SUITE_RSA_WITH_AES_256_CBC_SHA256 = 0x003d,
    KT_SUITE_RSA_WITH_AES_128_CBC_SHA = 0x002f,
    KT_SUITE_RSA_WITH_AES_256_CBC_SHA = 0x0035,
};

enum kt_group_id {
    KT_GROUP_SECP256R1 = 23,
    KT_GROUP_SECP384R1 = 24,
    KT_GROUP_SECP521R1 = 25,
    KT_GROUP_X25519 = 29,
    /* RFC 7919 */
    KT_GROUP_FFDHE2048 = 256,
    KT_GROUP_FFDHE3072 = 257,
    KT_GROUP_FFDHE4096 = 258,
    KT_GROUP_FFDHE6144 = 259,
    KT_GROUP_FFDHE8192 = 260,
    /* RFC 3526, for DHE of TLS 1.2 and below. TLS has no numbers for them: these are never sent. */
    KT_GROUP_MODP2048 = 0x01fc,
    KT_GROUP_MODP3072 = 0x01fd,
    KT_GROUP_MODP4096 = 0x01fe,
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
    /* Legacy. The last one is what RSA keys sign with in TLS 1.0 and 1.1; it has no number in TLS and is never sent. */
    KT_SCHEME_RSA_PKCS1_SHA1 = 0x0201,
    KT_SCHEME_ECDSA_SHA1 = 0x0203,
    KT_SCHEME_RSA_PKCS1_MD5_SHA1 = 0xfe01,
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
    const uint16_t *schemes; /* for signatures of a handshake */
    size_t scheme_count;
    const uint16_t *cert_schemes; /* for signatures inside certificate chains */
    size_t cert_scheme_count;
    /* Its lists, and those of a configuration based on it, may hold what is weaker than any default: TLS 1.1 and 1.0,
     * suites in CBC mode, with DHE or without forward secrecy, SHA-1. */
    bool legacy;
};

/*
 * TLS 1.3, and TLS 1.2 with ECDHE and AEAD (RFC 9325); X25519, P-256, P-384, P-521; all schemes above that are not
 * legacy, PKCS#1 in TLS 1.2 and in chains only. The default.
 */
KT_API extern const struct kt_policy kt_policy_2026_modern;

/*
 * The same algorithms in an order for partners with older software and certificates: the NIST curves before
 * X25519, RSA before ECDSA before Ed25519. Nothing in it is weaker than what the default allows.
 */
KT_API extern const struct kt_policy kt_policy_2026_compatible;

/*
 * For partners that can do no better, and never a default: additionally TLS 1.1 and 1.0, suites in CBC mode, RSA key
 * exchange (no forward secrecy), DHE in the groups above, SHA-1 in signatures. What is stronger is still preferred.
 */
KT_API extern const struct kt_policy kt_policy_2026_legacy;

/*
 * A policy of the library by its name: "2026-modern" is that one for ever, "modern" the newest of that name. Case
 * does not matter. NULL when there is none. kt_policy_at counts them from 0, the newest of a name before older ones;
 * NULL behind the last. Constants. Any thread.
 */
KT_API const struct kt_policy *kt_policy_named(const char *name);
KT_API const struct kt_policy *kt_policy_at(size_t index);

enum { KT_POLICY_LIST_MAX = 64 };

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

/*
 * What Keyturn knows by name and never negotiates, under no policy, and why: broken, obsolete, or simply not offered.
 * *_refusal: the reason if the name means such a thing, in the words of IANA ("TLS_RSA_WITH_RC4_128_SHA") or as
 * ciphers are commonly abbreviated ("RC4-SHA", "EXP-DES-CBC-SHA"); NULL when it does not. kt_refused_at counts what it
 * is recognised by from 0; NULL name behind the last. Static text. Any thread.
 */
KT_API const char *kt_version_refusal(const char *name);
KT_API const char *kt_suite_refusal(const char *name);
KT_API const char *kt_group_refusal(const char *name);
KT_API const char *kt_scheme_refusal(const char *name);

struct kt_refused {
    const char *field; /* "versions", "suites", "groups" or "schemes": where it might be asked for */
    const char *name;  /* for suites the part of the name that tells: "RC4" */
    const char *reason;
};

KT_API struct kt_refused kt_refused_at(size_t index);

#ifdef __cplusplus
}
#endif

#endif
