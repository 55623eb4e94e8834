/*
 * refused.c - names of what is never negotiated, and why.
 */
#include "registry/registry.h"

enum field { VERSIONS, SUITES, GROUPS, SCHEMES };

static const struct {
    enum field field;
    const char *word;
    const char *reason;
} refused[] = {
#define X(field, word, reason) {field, (word), (reason)},
#include "registry/refused.def"
#undef X
};

static bool is_separator(char c)
{
    return c == '_' || c == '-';
}

static bool same_letter(char a, char b)
{
    return kt_same_name((const char[]){a, '\0'}, (const char[]){b, '\0'}) || (is_separator(a) && is_separator(b));
}

/* What follows `word` at the beginning of `name`; NULL: it does not begin so. */
static const char *behind(const char *name, const char *word)
{
    while (*word != '\0' && *name != '\0' && same_letter(*name, *word)) {
        name++;
        word++;
    }
    return *word == '\0' ? name : NULL;
}

/* "DES40" and "CAMELLIA128" have the word, "DHE" has not "DH". */
static bool begins_with_word(const char *name, const char *word)
{
    const char *rest = behind(name, word);

    while (rest != NULL && *rest >= '0' && *rest <= '9') {
        rest++;
    }
    return rest != NULL && (*rest == '\0' || is_separator(*rest));
}

static bool has_word(const char *name, const char *word)
{
    for (const char *at = name; *at != '\0'; at++) {
        if ((at == name || is_separator(at[-1])) && begins_with_word(at, word)) {
            return true;
        }
    }
    return false;
}

static bool means(const char *name, size_t row)
{
    switch (refused[row].field) {
    case VERSIONS:
        return kt_same_name(name, refused[row].word);
    case SUITES:
        return has_word(name, refused[row].word);
    case GROUPS:
    case SCHEMES:
        break;
    }
    return behind(name, refused[row].word) != NULL;
}

static const char *refusal(enum field field, const char *name)
{
    for (size_t i = 0; i < KT_COUNT_OF(refused); i++) {
        if (refused[i].field == field && means(name, i)) {
            return refused[i].reason;
        }
    }
    return NULL;
}

const char *kt_version_refusal(const char *name)
{
    return kt_version_named(name) != 0 ? NULL : refusal(VERSIONS, name);
}

const char *kt_suite_refusal(const char *name)
{
    return kt_suite_named(name) != 0 ? NULL : refusal(SUITES, name);
}

const char *kt_group_refusal(const char *name)
{
    return kt_group_named(name) != 0 ? NULL : refusal(GROUPS, name);
}

const char *kt_scheme_refusal(const char *name)
{
    return kt_scheme_named(name) != 0 ? NULL : refusal(SCHEMES, name);
}

struct kt_refused kt_refused_at(size_t index)
{
    static const char *const fields[] = {"versions", "suites", "groups", "schemes"};

    if (index >= KT_COUNT_OF(refused)) {
        return (struct kt_refused){NULL, NULL, NULL};
    }
    return (struct kt_refused){fields[refused[index].field], refused[index].word, refused[index].reason};
}
