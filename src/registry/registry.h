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
};

struct kt_scheme_facts {
    uint16_t id;
    uint8_t key;    /* enum kt_key_kind */
    uint8_t digest; /* enum kt_digest */
    bool tls13;     /* may sign CertificateVerify */
    const char *name;
};

/* Number of an extension, and the small id of a number (KT_EXT_COUNT when we do not know it). */
uint16_t kt_ext_number(enum kt_ext ext);
enum kt_ext kt_ext_of(uint16_t number);
uint8_t kt_ext_messages(enum kt_ext ext);

/* Whether two names are the same to people: case of ASCII letters does not matter. */
bool kt_same_name(const char *a, const char *b);

/* NULL when we do not know the scheme. */
const struct kt_scheme_facts *kt_scheme_facts(uint16_t id);

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
