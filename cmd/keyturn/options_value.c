#include "options_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_ITEM = 64 }; /* longest name in a list */

const char *kt_value_complaint(const char *format, ...)
{
    static char text[160];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

bool kt_options_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(unsigned char)*text - '0';

        if (digit > 9 || digit > max || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

const char *kt_value_number(const char *text, uint64_t max, uint64_t *out)
{
    if (kt_options_number(text, max, out)) {
        return NULL;
    }
    return kt_value_complaint("\"%.40s\" is not a number from 0 to %llu", text, (unsigned long long)max);
}

const char *kt_value_u32(const char *text, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    const char *wrong = kt_value_number(text, max, &value);

    if (wrong == NULL) {
        *out = (uint32_t)value;
    }
    return wrong;
}

bool kt_value_next(const char **list, struct kt_span *item)
{
    const char *at = *list;
    size_t len;

    if (at == NULL) {
        return false;
    }
    len = strcspn(at, ",");
    *item = (struct kt_span){(const uint8_t *)at, len};
    *list = at[len] == ',' ? at + len + 1 : NULL;
    return true;
}

const char *kt_value_id(struct kt_span item, const struct kt_value_names *names, uint16_t *out)
{
    int len = (int)(item.len < OPTION_ITEM - 4 ? item.len : OPTION_ITEM - 4);
    char name[OPTION_ITEM] = "";
    const char *reason;

    if (item.len < sizeof name) {
        memcpy(name, item.p, item.len);
    }
    *out = names->named(name);
    if (*out != 0) {
        return NULL;
    }
    reason = names->refusal(name);
    if (reason != NULL) {
        return kt_value_complaint("%s \"%.*s\": %s", names->what, len, (const char *)item.p, reason);
    }
    return kt_value_complaint("no %s is called \"%.*s\"", names->what, len, (const char *)item.p);
}

const char *kt_value_ids(const char *list, const struct kt_value_names *names, struct kt_option_ids *out)
{
    struct kt_span item;

    out->n = 0;
    while (kt_value_next(&list, &item)) {
        uint16_t id;
        const char *wrong = kt_value_id(item, names, &id);

        if (wrong != NULL) {
            return wrong;
        }
        if (out->n == KT_OPTION_LIST) {
            return kt_value_complaint("more than %d names", KT_OPTION_LIST);
        }
        out->ids[out->n++] = id;
    }
    return NULL;
}

/* A name of a service, or a number that fits: getaddrinfo takes numbers modulo 65536. */
static bool is_port(const char *text)
{
    uint64_t number;

    return text[strspn(text, "0123456789")] != '\0' || kt_options_number(text, UINT16_MAX, &number);
}

bool kt_options_address(const char *text, char host[256], char port[32])
{
    const char *colon = strrchr(text, ':');
    const char *from = text;
    size_t len;

    if (colon == NULL || !is_port(colon + 1) || strlen(colon + 1) >= 32) {
        return false;
    }
    len = (size_t)(colon - text);
    if (text[0] == '[') {
        if (len < 3 || colon[-1] != ']') {
            return false;
        }
        from = text + 1;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) {
        return false;
    } else if (len > 1 && colon[-1] == '.') {
        len--;
    }
    if (len >= 256) {
        return false;
    }
    memcpy(host, from, len);
    host[len] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return true;
}
