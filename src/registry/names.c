/*
 * names.c - the names people read and write, from the tables.
 */
#include <keyturn/fault.h>
#include <keyturn/lifetime.h>
#include <keyturn/policy.h>

#include "base/compiler.h"
#include "registry/registry.h"

/* policy.h writes its numbers out for the reader; here they are held against the tables. */
#define X(name, number, text, short_form, kx, auth, cbc, legacy, first, last)                                          \
    _Static_assert(KT_SUITE_##name == (number), "policy.h and suites.def differ");
#include "registry/suites.def"
#undef X
#define X(name, number, text, short_form, kind, last)                                                                  \
    _Static_assert(KT_GROUP_##name == (number), "policy.h and groups.def differ");
#include "registry/groups.def"
#undef X
#define X(name, number, text, kind, digest, legacy, first, last)                                                       \
    _Static_assert(KT_SCHEME_##name == (number), "policy.h and schemes.def differ");
#include "registry/schemes.def"
#undef X

/* A number with its name and, where people use one, a shorter form. */
struct named {
    uint16_t id;
    const char *name;
    const char *short_form; /* may be NULL */
};

static const struct named suites[] = {
#define X(name, number, text, short_form, kx, auth, cbc, legacy, first, last) {(number), (text), (short_form)},
#include "registry/suites.def"
#undef X
};

static const struct named groups[] = {
#define X(name, number, text, short_form, kind, last) {(number), (text), (short_form)},
#include "registry/groups.def"
#undef X
};

static const struct named schemes[] = {
#define X(name, number, text, kind, digest, legacy, first, last) {(number), (text), NULL},
#include "registry/schemes.def"
#undef X
};

static const struct named versions[] = {
    {KT_TLS_1_0, "TLSv1.0", "1.0"},
    {KT_TLS_1_1, "TLSv1.1", "1.1"},
    {KT_TLS_1_2, "TLSv1.2", "1.2"},
    {KT_TLS_1_3, "TLSv1.3", "1.3"},
};

/* Lower case of ASCII, whatever the locale is; usable in constants. */
#define LOWER(c) ((char)((c) >= 'A' && (c) <= 'Z' ? (c) + ('a' - 'A') : (c)))

bool kt_same_name(const char *a, const char *b)
{
    while (*a != '\0' && LOWER(*a) == LOWER(*b)) {
        a++;
        b++;
    }
    return LOWER(*a) == LOWER(*b);
}

static const char *name_of(const struct named *table, size_t count, uint16_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (table[i].id == id) {
            return table[i].name;
        }
    }
    return "unknown";
}

static uint16_t id_of(const struct named *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (kt_same_name(table[i].name, name) ||
            (table[i].short_form != NULL && kt_same_name(table[i].short_form, name))) {
            return table[i].id;
        }
    }
    return 0;
}

const char *kt_version_name(uint16_t version)
{
    return name_of(versions, KT_COUNT_OF(versions), version);
}

const char *kt_suite_name(uint16_t suite)
{
    return name_of(suites, KT_COUNT_OF(suites), suite);
}

const char *kt_group_name(uint16_t group)
{
    return name_of(groups, KT_COUNT_OF(groups), group);
}

const char *kt_scheme_name(uint16_t scheme)
{
    return name_of(schemes, KT_COUNT_OF(schemes), scheme);
}

uint16_t kt_version_named(const char *name)
{
    return id_of(versions, KT_COUNT_OF(versions), name);
}

uint16_t kt_suite_named(const char *name)
{
    return id_of(suites, KT_COUNT_OF(suites), name);
}

uint16_t kt_group_named(const char *name)
{
    return id_of(groups, KT_COUNT_OF(groups), name);
}

uint16_t kt_scheme_named(const char *name)
{
    return id_of(schemes, KT_COUNT_OF(schemes), name);
}

const char *kt_birth_name(enum kt_birth birth)
{
    switch (birth) {
    case KT_BIRTH_INITIAL:
        return "initial";
    case KT_BIRTH_PEER:
        return "peer";
    case KT_BIRTH_CALLER:
        return "caller";
    case KT_BIRTH_RECORDS:
        return "records";
    case KT_BIRTH_BYTES:
        return "bytes";
    case KT_BIRTH_SECONDS:
        return "seconds";
    case KT_BIRTH_AEAD_LIMIT:
        return "aead-limit";
    }
    return "?";
}

struct reason_words {
    const char *name;
    const char *text;
};

static const struct reason_words *reason_words(enum kt_reason reason)
{
    static const struct reason_words words[KT_REASON_COUNT] = {
        [KT_REASON_NONE] = {"NONE", "nothing failed"},
#define X(name, kind, alert, text) [KT_REASON_##name] = {#name, (text)},
#include <keyturn/reasons.def>
#undef X
    };
    static const struct reason_words none = {"?", "?"};

    return (unsigned)reason < KT_REASON_COUNT ? &words[reason] : &none;
}

const char *kt_reason_name(enum kt_reason reason)
{
    return reason_words(reason)->name;
}

const char *kt_reason_text(enum kt_reason reason)
{
    return reason_words(reason)->text;
}

/*
 * The RFCs write alerts and extensions in lower case: the compiler folds each letter of the table's name, so there is
 * no second list to keep and nothing to fill at run time. NULs make all names equally long.
 */
#define NULS16          "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
#define LETTER(s, i)    LOWER((s NULS16 NULS16 NULS16)[i])
#define LETTERS4(s, i)  LETTER(s, i), LETTER(s, (i) + 1), LETTER(s, (i) + 2), LETTER(s, (i) + 3)
#define LETTERS16(s, i) LETTERS4(s, i), LETTERS4(s, (i) + 4), LETTERS4(s, (i) + 8), LETTERS4(s, (i) + 12)

enum { LOWER_NAME_MAX = 48 };

#define RETURN_LOWER(name)                                                                                             \
    {                                                                                                                  \
        static const char lower[LOWER_NAME_MAX] = {LETTERS16(#name, 0), LETTERS16(#name, 16), LETTERS16(#name, 32)};   \
        _Static_assert(sizeof(#name) <= LOWER_NAME_MAX, "a name is too long");                                         \
        return lower;                                                                                                  \
    }

const char *kt_alert_name(uint8_t alert)
{
    switch (alert) {
#define X(name, number, text)                                                                                          \
    case (number):                                                                                                     \
        RETURN_LOWER(name)
#include <keyturn/alerts.def>
#undef X
    default:
        return "unknown_alert";
    }
}

const char *kt_extension_name(uint16_t number)
{
    switch (number) {
#define X(name, value, messages)                                                                                       \
    case (value):                                                                                                      \
        RETURN_LOWER(name)
#include "registry/exts.def"
#undef X
    default:
        return NULL;
    }
}

const char *kt_alert_text(uint8_t alert)
{
    switch (alert) {
#define X(name, number, text)                                                                                          \
    case (number):                                                                                                     \
        return (text);
#include <keyturn/alerts.def>
#undef X
    default:
        return "an alert that no RFC names";
    }
}
