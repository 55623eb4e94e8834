/*
 * writer.h - bytes for a peer: numbers and length-prefixed blocks into a buffer of fixed size.
 *
 * Sticky: what does not fit sets `bad`, later calls do nothing, and kt_writer_finish must be asked in the
 * end. So emission reads like the RFC's structure, without a check on each line.
 */
#ifndef KT_WRITER_H
#define KT_WRITER_H

#include "base/span.h"

enum { KT_WRITER_DEPTH = 8 };

struct kt_writer {
    uint8_t *buf;
    size_t len, cap;
    size_t mark[KT_WRITER_DEPTH];  /* where the length of an open block stands */
    uint8_t size[KT_WRITER_DEPTH]; /* and of how many bytes it is */
    uint8_t depth;
    bool bad;
};

static inline struct kt_writer kt_writer_over(uint8_t *buf, size_t cap)
{
    return (struct kt_writer){.buf = buf, .cap = cap};
}

/* Room for len bytes that the caller fills, or NULL when they do not fit. */
static inline uint8_t *kt_writer_room(struct kt_writer *w, size_t len)
{
    uint8_t *at;

    if (w->bad || w->cap - w->len < len) {
        w->bad = true;
        return NULL;
    }
    at = w->buf + w->len;
    w->len += len;
    return at;
}

static inline void kt_put_bytes(struct kt_writer *w, struct kt_span bytes)
{
    uint8_t *at = kt_writer_room(w, bytes.len);

    if (at != NULL) {
        kt_copy(at, bytes.p, bytes.len);
    }
}

/* A number of `size` bytes in network order, 1 to 8. */
static inline void kt_put_number(struct kt_writer *w, size_t size, uint64_t value)
{
    uint8_t *at = kt_writer_room(w, size);

    if (at == NULL) {
        return;
    }
    for (size_t i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * (size - 1 - i)));
    }
}

static inline void kt_put_u8(struct kt_writer *w, uint8_t value)
{
    kt_put_number(w, 1, value);
}

static inline void kt_put_u16(struct kt_writer *w, uint16_t value)
{
    kt_put_number(w, 2, value);
}

static inline void kt_put_u24(struct kt_writer *w, uint32_t value)
{
    kt_put_number(w, 3, value);
}

static inline void kt_put_u32(struct kt_writer *w, uint32_t value)
{
    kt_put_number(w, 4, value);
}

static inline void kt_put_u64(struct kt_writer *w, uint64_t value)
{
    kt_put_number(w, 8, value);
}

/* Opens a block whose length of `size` bytes is filled in by kt_writer_close. */
static inline void kt_writer_open(struct kt_writer *w, size_t size)
{
    if (w->depth == KT_WRITER_DEPTH) {
        w->bad = true;
        return;
    }
    w->mark[w->depth] = w->len;
    w->size[w->depth] = (uint8_t)size;
    w->depth++;
    (void)kt_writer_room(w, size);
}

static inline void kt_writer_close(struct kt_writer *w)
{
    size_t at, size, len;

    if (w->bad || w->depth == 0) {
        w->bad = true;
        return;
    }
    w->depth--;
    at = w->mark[w->depth];
    size = w->size[w->depth];
    len = w->len - at - size;
    if (size < sizeof len && len >> (8 * size) != 0) {
        w->bad = true;
        return;
    }
    for (size_t i = 0; i < size; i++) {
        w->buf[at + i] = (uint8_t)(len >> (8 * (size - 1 - i)));
    }
}

static inline void kt_put_vec(struct kt_writer *w, size_t size, struct kt_span bytes)
{
    kt_writer_open(w, size);
    kt_put_bytes(w, bytes);
    kt_writer_close(w);
}

/* True when all fitted and every block was closed. */
KT_MUST_USE static inline bool kt_writer_finish(const struct kt_writer *w)
{
    return !w->bad && w->depth == 0;
}

static inline struct kt_span kt_writer_span(const struct kt_writer *w)
{
    return kt_span_of(w->buf, w->len);
}

#endif
