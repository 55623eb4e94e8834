/*
 * span.h - counted bytes: making and comparing them. For public bytes only; secrets go through ct.h.
 */
#ifndef KT_SPAN_H
#define KT_SPAN_H

#include <string.h>

#include "base/compiler.h"

static inline struct kt_span kt_span_of(const uint8_t *p, size_t len)
{
    return (struct kt_span){p, len};
}

/* The bytes of a string literal, without its NUL. */
#define KT_SPAN_TEXT(literal) ((struct kt_span){(const uint8_t *)("" literal), sizeof(literal) - 1})

/* Copies `len` bytes; both may be NULL when len is 0. */
static inline void kt_copy(void *to, const void *from, size_t len)
{
    if (len > 0) {
        memcpy(to, from, len);
    }
}

/* Not constant time. */
bool kt_same_public(const void *a, const void *b, size_t len);

static inline bool kt_span_same(struct kt_span a, struct kt_span b)
{
    return a.len == b.len && kt_same_public(a.p, b.p, a.len);
}

#endif
