#include "registry/registry.h"

uint16_t kt_ext_number(enum kt_ext ext)
{
    static const uint16_t numbers[KT_EXT_COUNT] = {
#define X(name, number, messages) [KT_EXT_##name] = (number),
#include "registry/exts.def"
#undef X
    };

    return numbers[ext];
}

enum kt_ext kt_ext_of(uint16_t number)
{
    switch (number) {
#define X(name, number, messages)                                                                                      \
    case (number):                                                                                                     \
        return KT_EXT_##name;
#include "registry/exts.def"
#undef X
    default:
        return KT_EXT_COUNT;
    }
}

uint8_t kt_ext_messages(enum kt_ext ext)
{
    static const uint8_t homes[KT_EXT_COUNT] = {
#define X(name, number, messages) [KT_EXT_##name] = (messages),
#include "registry/exts.def"
#undef X
    };

    return homes[ext];
}

const struct kt_scheme_facts *kt_scheme_facts(uint16_t id)
{
    switch (id) {
#define X(symbol, number, text, kind, digest_kind, is_legacy, first, last)                                             \
    case (number): {                                                                                                   \
        static const struct kt_scheme_facts facts = {                                                                  \
            (number), KT_KEY_##kind, KT_DIGEST_##digest_kind, (is_legacy), (first), (last), (text)};                   \
        return &facts;                                                                                                 \
    }
#include "registry/schemes.def"
#undef X
    default:
        return NULL;
    }
}

const struct kt_suite_facts *kt_suite_facts(uint16_t id)
{
    switch (id) {
#define X(symbol, number, text, short_form, exchange, certificate, is_cbc, is_legacy, first, last)                     \
    case (number): {                                                                                                   \
        static const struct kt_suite_facts facts = {(number), KT_KX_##exchange, KT_AUTH_##certificate,                 \
                                                    (is_cbc), (is_legacy),      (first),                               \
                                                    (last),   (text),           (short_form)};                         \
        return &facts;                                                                                                 \
    }
#include "registry/suites.def"
#undef X
    default:
        return NULL;
    }
}

const struct kt_group_facts *kt_group_facts(uint16_t id)
{
    switch (id) {
#define X(symbol, number, text, short_form, is, last)                                                                  \
    case (number): {                                                                                                   \
        static const struct kt_group_facts facts = {(number), KT_GROUP_IS_##is, (last), (text)};                       \
        return &facts;                                                                                                 \
    }
#include "registry/groups.def"
#undef X
    default:
        return NULL;
    }
}

static bool within(uint16_t version, uint16_t first, uint16_t last)
{
    return version >= first && version <= last;
}

bool kt_suite_is_for(uint16_t id, uint16_t version)
{
    const struct kt_suite_facts *facts = kt_suite_facts(id);

    return facts != NULL && within(version, facts->min_version, facts->max_version);
}

bool kt_scheme_is_for(uint16_t id, uint16_t version)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(id);

    return facts != NULL && within(version, facts->min_version, facts->max_version);
}

bool kt_group_is_for(uint16_t id, uint16_t version)
{
    const struct kt_group_facts *facts = kt_group_facts(id);

    return facts != NULL && within(version, KT_TLS_1_0, facts->max_version);
}

bool kt_group_is_sent(uint16_t id)
{
    return (id & 0xfffcu) != 0x01fc; /* ffdhe_private_use, RFC 7919 section 2 */
}

bool kt_scheme_is_sent(uint16_t id)
{
    return id < 0xfe00; /* private use, RFC 9846 section 4.3.3 */
}

enum kt_suite_auth kt_scheme_auth(uint16_t id)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(id);

    switch (facts == NULL ? KT_KEY_NONE : (enum kt_key_kind)facts->key) {
    case KT_KEY_RSA:
    case KT_KEY_RSA_PSS:
        return KT_AUTH_RSA;
    case KT_KEY_P256:
    case KT_KEY_P384:
    case KT_KEY_P521:
    case KT_KEY_ED25519:
        return KT_AUTH_ECDSA;
    case KT_KEY_NONE:
        break;
    }
    return KT_AUTH_ANY;
}

bool kt_scheme_fits_suite(uint16_t scheme, const struct kt_suite_facts *suite, uint16_t version)
{
    if (suite->kx == KT_KX_RSA || !kt_scheme_is_for(scheme, version)) {
        return false;
    }
    return suite->auth == KT_AUTH_ANY || kt_scheme_auth(scheme) == (enum kt_suite_auth)suite->auth;
}

static bool is_curve(enum kt_key_kind key)
{
    return key == KT_KEY_P256 || key == KT_KEY_P384 || key == KT_KEY_P521;
}

uint16_t kt_key_curve(enum kt_key_kind key)
{
    switch (key) {
    case KT_KEY_P256:
        return KT_GROUP_SECP256R1;
    case KT_KEY_P384:
        return KT_GROUP_SECP384R1;
    case KT_KEY_P521:
        return KT_GROUP_SECP521R1;
    case KT_KEY_NONE:
    case KT_KEY_RSA:
    case KT_KEY_RSA_PSS:
    case KT_KEY_ED25519:
        break;
    }
    return 0;
}

bool kt_scheme_fits_key(const struct kt_scheme_facts *scheme, enum kt_key_kind key, uint16_t version)
{
    enum kt_key_kind wanted = (enum kt_key_kind)scheme->key;

    return key == wanted || (version < KT_TLS_1_3 && is_curve(key) && is_curve(wanted));
}

/* The curve of the key, by the first scheme that says it. */
static enum kt_key_kind curve_of(const uint16_t *schemes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct kt_scheme_facts *facts = kt_scheme_facts(schemes[i]);

        if (kt_scheme_is_for(schemes[i], KT_TLS_1_3) && is_curve((enum kt_key_kind)facts->key)) {
            return (enum kt_key_kind)facts->key;
        }
    }
    return KT_KEY_NONE;
}

bool kt_scheme_of_key(const uint16_t *schemes, size_t index, uint16_t version)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(schemes[index]);

    if (!kt_scheme_is_for(schemes[index], version)) {
        return false;
    }
    return !is_curve((enum kt_key_kind)facts->key) ||
           kt_scheme_fits_key(facts, curve_of(schemes, index + 1), version) || version < KT_TLS_1_3;
}

uint16_t kt_scheme_curve(const uint16_t *schemes, size_t count)
{
    return kt_key_curve(curve_of(schemes, count));
}

const char *kt_message_name(uint8_t type)
{
    switch (type) {
#define X(name, number, text, limit)                                                                                   \
    case (number):                                                                                                     \
        return (text);
#include "registry/messages.def"
#undef X
    default:
        return NULL;
    }
}

size_t kt_message_limit(uint8_t type)
{
    switch (type) {
#define X(name, number, text, limit)                                                                                   \
    case (number):                                                                                                     \
        return (limit);
#include "registry/messages.def"
#undef X
    default:
        return 0;
    }
}
