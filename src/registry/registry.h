/*
 * registry.h - the facts of the *.def tables as constants and look-ups.
 */
#ifndef KT_REGISTRY_H
#define KT_REGISTRY_H

#include <keyturn/message.h>
#include <keyturn/policy.h>

#include "base/compiler.h"

/* Record content types (RFC 9846 section 5.1). */
enum kt_content {
    KT_CONTENT_CCS = 20,
    KT_CONTENT_ALERT = 21,
    KT_CONTENT_HANDSHAKE = 22,
    KT_CONTENT_DATA = 23,
};

/* Handshake types: KT_MSG_CLIENT_HELLO and so on. */
enum kt_message_type {
#define X(name, number, text, limit) KT_MSG_##name = (number),
#include "registry/messages.def"
#undef X
};

/* Small consecutive ids of the extensions we know: KT_EXT_SERVER_NAME and so on. */
enum kt_ext {
#define X(name, number, messages) KT_EXT_##name,
#include "registry/exts.def"
#undef X
    KT_EXT_COUNT
};
_Static_assert(KT_EXT_COUNT <= 32, "a set of extensions is a uint32_t");

/* A set of extensions. */
#define KT_EXT_BIT(name) (UINT32_C(1) << KT_EXT_##name)

/* Messages an extension may stand in: bits of kt_ext_messages. */
enum kt_ext_home {
    IN_CH = 1,
    IN_SH = 2,
    IN_HRR = 4,
    IN_EE = 8,
    IN_CR = 16,
    IN_CT = 32,
    IN_NST = 64,
    IN_SH12 = 128, /* ServerHello of TLS 1.2 and below */
};

/* Kinds of public keys and digests that schemes.def names. */
enum kt_key_kind {
    KT_KEY_NONE,
    KT_KEY_RSA,
    KT_KEY_RSA_PSS,
    KT_KEY_P256,
    KT_KEY_P384,
    KT_KEY_P521,
    KT_KEY_ED25519,
};
enum kt_digest {
    KT_DIGEST_NONE,
    KT_DIGEST_SHA256,
    KT_DIGEST_SHA384,
    KT_DIGEST_SHA512,
    /* legacy */
    KT_DIGEST_SHA1,
    KT_DIGEST_MD5,
    KT_DIGEST_MD5_SHA1, /* one behind the other, 36 bytes: RFC 4346 section 7.4.3 */
    KT_DIGEST_COUNT
};

struct kt_scheme_facts {
    uint16_t id;
    uint8_t key;                       /* enum kt_key_kind; ECDSA is tied to the curve in TLS 1.3 only */
    uint8_t digest;                    /* enum kt_digest */
    bool legacy;                       /* only under a policy that allows it */
    uint16_t min_version, max_version; /* in which it may sign a handshake */
    const char *name;
};

/* How a suite agrees on keys. */
enum kt_kx {
    KT_KX_TLS13, /* as groups and sessions say */
    KT_KX_ECDHE,
    KT_KX_DHE,
    KT_KX_RSA, /* the client encrypts: no forward secrecy, nothing is signed */
};

/* The certificate that a suite needs. */
enum kt_suite_auth {
    KT_AUTH_ANY,   /* TLS 1.3 */
    KT_AUTH_ECDSA, /* and Ed25519 (RFC 8422 section 2.2) */
    KT_AUTH_RSA,   /* and RSASSA-PSS, but for KT_KX_RSA */
};

struct kt_suite_facts {
    uint16_t id;
    uint8_t kx;   /* enum kt_kx */
    uint8_t auth; /* enum kt_suite_auth */
    bool cbc;
    bool legacy; /* only under a policy that allows it */
    uint16_t min_version, max_version;
    const char *name;
    const char *short_name;
};

enum kt_group_kind {
    KT_GROUP_IS_EC,
    KT_GROUP_IS_DH,
};

struct kt_group_facts {
    uint16_t id;
    uint8_t kind; /* enum kt_group_kind */
    uint16_t max_version;
    const char *name;
};

/* Signalling values among the suites of a ClientHello (RFC 5746 section 3.3, RFC 7507 section 2). */
enum {
    KT_SCSV_RENEGOTIATION = 0x00ff,
    KT_SCSV_FALLBACK = 0x5600,
};

/* Number of an extension, and the small id of a number (KT_EXT_COUNT when we do not know it). */
uint16_t kt_ext_number(enum kt_ext ext);
enum kt_ext kt_ext_of(uint16_t number);
uint8_t kt_ext_messages(enum kt_ext ext);

/* Whether two names are the same to people: case of ASCII letters does not matter. */
bool kt_same_name(const char *a, const char *b);

/* NULL when we do not know it. */
const struct kt_scheme_facts *kt_scheme_facts(uint16_t id);
const struct kt_suite_facts *kt_suite_facts(uint16_t id);
const struct kt_group_facts *kt_group_facts(uint16_t id);

/* Whether it may be used in that version; false for what we do not know. */
bool kt_suite_is_for(uint16_t id, uint16_t version);
bool kt_scheme_is_for(uint16_t id, uint16_t version);
/* In TLS 1.2 and below the suite says further which kind of group it takes. */
bool kt_group_is_for(uint16_t id, uint16_t version);
/* Whether its number may stand in a message: those that IANA has given. */
bool kt_group_is_sent(uint16_t id);
bool kt_scheme_is_sent(uint16_t id);

/* The certificate that goes with a scheme: KT_AUTH_ECDSA or KT_AUTH_RSA; KT_AUTH_ANY for what we do not know. */
enum kt_suite_auth kt_scheme_auth(uint16_t id);
/* Whether a handshake of that version, with that suite, may be signed so. Never with KT_KX_RSA. */
bool kt_scheme_fits_suite(uint16_t scheme, const struct kt_suite_facts *suite, uint16_t version);
/* Whether a key of that kind may sign so in that version: below TLS 1.3 any curve goes with any ECDSA scheme. */
bool kt_scheme_fits_key(const struct kt_scheme_facts *scheme, enum kt_key_kind key, uint16_t version);
/* The group of a key's curve; 0 when it is on none. */
uint16_t kt_key_curve(enum kt_key_kind key);
/* Of the list of what one key signs with (kt_credential_parts): whether its scheme at `index` may sign in that version.
 * The first that TLS 1.3 has for ECDSA names the key's curve, and TLS 1.3 takes none of another. */
bool kt_scheme_of_key(const uint16_t *schemes, size_t index, uint16_t version);
/* The group of that curve; 0 when no scheme of the list names one. */
uint16_t kt_scheme_curve(const uint16_t *schemes, size_t count);

/* Longest body accepted; 0 for unknown types and for those whose limit the configuration sets. */
size_t kt_message_limit(uint8_t type);

/* Reserved GREASE values (RFC 8701): 0x0a0a, 0x1a1a, ... for 16-bit lists. `seed` picks one of the 16. */
static inline uint16_t kt_grease_value(uint8_t seed)
{
    return (uint16_t)((seed & 15u) * 0x1010u + 0x0a0au);
}
static inline bool kt_is_grease(uint16_t value)
{
    return (value & 0x0f0fu) == 0x0a0au && (value >> 8) == (value & 0xffu);
}

#endif
