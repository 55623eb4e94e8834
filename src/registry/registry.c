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
    static const struct kt_scheme_facts schemes[] = {
#define X(symbol, number, text, kind, digest_kind, in_tls13)                                                           \
    {(number), KT_KEY_##kind, KT_DIGEST_##digest_kind, (in_tls13), (text)},
#include "registry/schemes.def"
#undef X
    };

    for (size_t i = 0; i < KT_COUNT_OF(schemes); i++) {
        if (schemes[i].id == id) {
            return &schemes[i];
        }
    }
    return NULL;
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
