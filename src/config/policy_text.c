/*
 * policy_text.c - the text of a user policy: "field = value, value", one a line, # begins a comment.
 *
 * Spans in, a struct out. A word of the text becomes a C string only by copy_word, which lets no NUL and nothing
 * unprintable through, so that no name ends early.
 */
#include <stddef.h>

#include "base/fail.h"
#include "base/span.h"
#include "registry/limits.h"
#include "registry/registry.h"

enum { WORD_MAX = sizeof((struct kt_policy_error *)NULL)->word };

struct parse;

/* One field: how a line of it is taken, and where the result goes. */
struct field {
    const char *name;
    bool (*take)(struct parse *p, const struct field *field, struct kt_span value);
    size_t offset; /* in struct kt_user_policy */
    uint16_t (*named)(const char *name);
    const char *(*refusal)(const char *name);
    uint64_t min, max;
};

struct parse {
    struct kt_user_policy policy;
    struct kt_policy_error error;
    uint32_t seen; /* 1u << index of the field */
};

/* words */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct kt_span trimmed(struct kt_span s)
{
    while (s.len > 0 && is_blank(s.p[0])) {
        s = kt_span_of(s.p + 1, s.len - 1);
    }
    while (s.len > 0 && is_blank(s.p[s.len - 1])) {
        s.len--;
    }
    return s;
}

/* Takes what stands before `end` off the front of *rest, and `end` itself; all of it where there is none. */
static struct kt_span cut(struct kt_span *rest, uint8_t end)
{
    struct kt_span taken = *rest;
    size_t at = 0;

    while (at < rest->len && rest->p[at] != end) {
        at++;
    }
    taken.len = at;
    *rest = at < rest->len ? kt_span_of(rest->p + at + 1, rest->len - at - 1) : kt_span_of(NULL, 0);
    return taken;
}

/* What does not fit is left out; every name that we know is shorter. */
static void copy_word(char to[WORD_MAX], struct kt_span word)
{
    size_t len = word.len < WORD_MAX ? word.len : WORD_MAX - 1;

    for (size_t i = 0; i < len; i++) {
        to[i] = '?';
        if (word.p[i] >= ' ' && word.p[i] < 0x7f) {
            to[i] = (char)word.p[i];
        }
    }
    to[len] = '\0';
}

static bool wrong(struct parse *p, struct kt_span word, const char *problem)
{
    copy_word(p->error.word, word);
    p->error.problem = problem;
    return false;
}

/* values */

static bool contains(const struct kt_policy_ids *list, uint16_t id)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->ids[i] == id) {
            return true;
        }
    }
    return false;
}

static bool take_ids(struct parse *p, const struct field *field, struct kt_span value)
{
    struct kt_policy_ids *list = (struct kt_policy_ids *)(void *)((char *)&p->policy + field->offset);

    while (value.p != NULL) {
        struct kt_span item = trimmed(cut(&value, ','));
        char name[WORD_MAX];
        uint16_t id;

        copy_word(name, item);
        id = field->named(name);
        if (item.len == 0) {
            return wrong(p, kt_span_of((const uint8_t *)field->name, strlen(field->name)),
                         "a value of the list is missing");
        }
        if (id == 0) {
            const char *reason = field->refusal(name);

            return wrong(p, item, reason != NULL ? reason : "no value of this field is called so");
        }
        if (contains(list, id)) {
            return wrong(p, item, "the value stands in the list twice");
        }
        if (list->count == KT_POLICY_LIST_MAX) {
            return wrong(p, item, "the list is too long");
        }
        list->ids[list->count++] = id;
    }
    return true;
}

static bool number_of(struct kt_span digits, uint64_t *out)
{
    *out = 0;
    for (size_t i = 0; i < digits.len; i++) {
        uint64_t digit = (uint64_t)digits.p[i] - '0';

        if (digits.p[i] < '0' || digit > 9 || *out > (UINT64_MAX - digit) / 10) {
            return false;
        }
        *out = *out * 10 + digit;
    }
    return digits.len > 0;
}

static bool in_range(struct parse *p, const struct field *field, struct kt_span value, uint64_t *out)
{
    if (!number_of(value, out)) {
        return wrong(p, value, "it is not a number");
    }
    if (*out < field->min || *out > field->max) {
        return wrong(p, value, "the number is out of range");
    }
    return true;
}

static bool take_u64(struct parse *p, const struct field *field, struct kt_span value)
{
    return in_range(p, field, value, (uint64_t *)(void *)((char *)&p->policy + field->offset));
}

static bool take_u32(struct parse *p, const struct field *field, struct kt_span value)
{
    uint64_t number;

    if (!in_range(p, field, value, &number)) {
        return false;
    }
    *(uint32_t *)(void *)((char *)&p->policy + field->offset) = (uint32_t)number;
    return true;
}

static bool take_base(struct parse *p, const struct field *field, struct kt_span value)
{
    const struct kt_policy *base;
    char name[WORD_MAX];

    (void)field;
    copy_word(name, value);
    base = kt_policy_named(name);
    if (base == NULL) {
        return wrong(p, value, "no policy is called so");
    }
    p->policy.based_on = base;
    return true;
}

/* lines */

#define AT(member) offsetof(struct kt_user_policy, member)
_Static_assert(sizeof(unsigned) == sizeof(uint32_t), "sizes of keys are taken as uint32_t");

static const struct field fields[] = {
    {"based-on", take_base, AT(based_on), NULL, NULL, 0, 0},
    {"versions", take_ids, AT(versions), kt_version_named, kt_version_refusal, 0, 0},
    {"suites", take_ids, AT(suites), kt_suite_named, kt_suite_refusal, 0, 0},
    {"groups", take_ids, AT(groups), kt_group_named, kt_group_refusal, 0, 0},
    {"schemes", take_ids, AT(schemes), kt_scheme_named, kt_scheme_refusal, 0, 0},
    {"cert-schemes", take_ids, AT(cert_schemes), kt_scheme_named, kt_scheme_refusal, 0, 0},
    {"min-rsa-bits", take_u32, AT(min_rsa_bits), NULL, NULL, KT_RSA_BITS_MIN, KT_RSA_BITS_MAX},
    {"min-curve-bits", take_u32, AT(min_curve_bits), NULL, NULL, KT_CURVE_BITS_MIN, KT_CURVE_BITS_MAX},
    {"sending-records", take_u64, AT(lifetime.sending.max_records), NULL, NULL, 0, UINT64_MAX},
    {"sending-bytes", take_u64, AT(lifetime.sending.max_bytes), NULL, NULL, 0, UINT64_MAX},
    {"sending-seconds", take_u32, AT(lifetime.sending.max_seconds), NULL, NULL, 0, UINT32_MAX},
    {"receiving-records", take_u64, AT(lifetime.receiving.max_records), NULL, NULL, 0, UINT64_MAX},
    {"receiving-bytes", take_u64, AT(lifetime.receiving.max_bytes), NULL, NULL, 0, UINT64_MAX},
    {"receiving-seconds", take_u32, AT(lifetime.receiving.max_seconds), NULL, NULL, 0, UINT32_MAX},
    {"min-gap-ms", take_u32, AT(lifetime.min_gap_ms), NULL, NULL, 0, UINT32_MAX},
    {"answer-seconds", take_u32, AT(lifetime.answer_seconds), NULL, NULL, 0, UINT32_MAX},
    {"peer-budget", take_u32, AT(lifetime.peer_budget), NULL, NULL, 1, 65535},
};

static const struct field *find_field(struct kt_span name)
{
    for (size_t i = 0; i < KT_COUNT_OF(fields); i++) {
        if (kt_span_same(name, kt_span_of((const uint8_t *)fields[i].name, strlen(fields[i].name)))) {
            return &fields[i];
        }
    }
    return NULL;
}

static bool take_line(struct parse *p, struct kt_span line)
{
    struct kt_span value = trimmed(cut(&line, '#'));
    struct kt_span whole = value;
    struct kt_span name = trimmed(cut(&value, '='));
    const struct field *field;
    uint32_t bit;

    if (whole.len == 0) {
        return true;
    }
    field = find_field(name);
    if (name.len == whole.len) {
        return wrong(p, whole, "there is no = in the line");
    }
    if (field == NULL) {
        return wrong(p, name, "no field is called so");
    }
    bit = UINT32_C(1) << (field - fields);
    if ((p->seen & bit) != 0) {
        return wrong(p, name, "the field stands there twice");
    }
    p->seen |= bit;
    value = trimmed(value);
    if (value.len == 0) {
        return wrong(p, name, "the field has no value");
    }
    return field->take(p, field, value);
}

struct kt_user_policy kt_policy_user(const struct kt_policy *policy)
{
    return (struct kt_user_policy){
        .based_on = policy != NULL ? policy : &kt_policy_2026_modern,
        .lifetime = kt_lifetime_default(),
        .min_rsa_bits = KT_RSA_BITS_MIN,
        .min_curve_bits = KT_CURVE_BITS_MIN,
    };
}

const struct kt_fault *kt_policy_parse(struct kt_span text, struct kt_user_policy *out, struct kt_policy_error *error)
{
    struct parse p = {.policy = kt_policy_user(NULL)};

    if (out == NULL || (text.p == NULL && text.len > 0)) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    while (text.len > 0) {
        p.error.line++;
        if (!take_line(&p, cut(&text, '\n'))) {
            if (error != NULL) {
                *error = p.error;
            }
            KT_FAIL(POLICY_MALFORMED);
        }
    }
    *out = p.policy;
    return NULL;
}
