#include "serve_text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct kt_text *text, size_t more)
{
    size_t cap = text->cap == 0 ? 512 : text->cap;
    char *p;

    if (text->spent) {
        return false;
    }
    while (cap - text->len < more) {
        cap *= 2;
    }
    if (cap == text->cap) {
        return true;
    }
    p = realloc(text->p, cap);
    if (p == NULL) {
        text->spent = true;
        return false;
    }
    text->p = p;
    text->cap = cap;
    return true;
}

void kt_text_add(struct kt_text *text, const char *format, ...)
{
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (len < 0 || !reserve(text, (size_t)len + 1)) {
        return;
    }
    va_start(args, format);
    vsnprintf(text->p + text->len, (size_t)len + 1, format, args);
    va_end(args);
    text->len += (size_t)len;
}

void kt_text_join(struct kt_text *text, const struct kt_text *more)
{
    if (more->len > 0 && reserve(text, more->len)) {
        memcpy(text->p + text->len, more->p, more->len);
        text->len += more->len;
    }
    text->spent = text->spent || more->spent;
}

void kt_text_free(struct kt_text *text)
{
    free(text->p);
    *text = (struct kt_text){0};
}
