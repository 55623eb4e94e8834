/*
 * reader.h - a cursor over bytes that came from a peer.
 *
 * Every getter checks the bounds, writes its result and moves only on success, and must be used. A codec
 * chains them with && in the order of the RFC's structure and ends with kt_reader_done.
 */
#ifndef KT_READER_H
#define KT_READER_H

#include "base/fail.h"
#include "base/span.h"

struct kt_reader {
    const uint8_t *at;
    const uint8_t *end;
};

static inline struct kt_reader kt_reader_over(struct kt_span bytes)
{
    return (struct kt_reader){bytes.p, bytes.len == 0 ? bytes.p : bytes.p + bytes.len};
}

static inline size_t kt_reader_left(const struct kt_reader *r)
{
    return r->at == NULL ? 0 : (size_t)(r->end - r->at);
}

/* What has not been read yet. */
static inline struct kt_span kt_reader_rest(const struct kt_reader *r)
{
    return kt_span_of(r->at, kt_reader_left(r));
}

/* True when every byte has been read: trailing bytes are an error in TLS. */
KT_MUST_USE static inline bool kt_reader_done(const struct kt_reader *r)
{
    return r->at == r->end;
}

/* The next len bytes, not copied. */
KT_MUST_USE static inline bool kt_reader_bytes(struct kt_reader *r, size_t len, struct kt_span *out)
{
    if (kt_reader_left(r) < len) {
        return false;
    }
    *out = kt_span_of(r->at, len);
    r->at = len == 0 ? r->at : r->at + len;
    return true;
}

KT_MUST_USE static inline bool kt_reader_skip(struct kt_reader *r, size_t len)
{
    struct kt_span skipped;

    return kt_reader_bytes(r, len, &skipped);
}

/* A number of `size` bytes in network order, 1 to 8. */
KT_MUST_USE static inline bool kt_reader_number(struct kt_reader *r, size_t size, uint64_t *out)
{
    struct kt_span bytes;
    uint64_t value = 0;

    if (!kt_reader_bytes(r, size, &bytes)) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes.p[i];
    }
    *out = value;
    return true;
}

KT_MUST_USE static inline bool kt_reader_u8(struct kt_reader *r, uint8_t *out)
{
    if (kt_reader_left(r) < 1) {
        return false;
    }
    *out = *r->at++;
    return true;
}

KT_MUST_USE static inline bool kt_reader_u16(struct kt_reader *r, uint16_t *out)
{
    uint64_t value;

    if (!kt_reader_number(r, 2, &value)) {
        return false;
    }
    *out = (uint16_t)value;
    return true;
}

KT_MUST_USE static inline bool kt_reader_u24(struct kt_reader *r, uint32_t *out)
{
    uint64_t value;

    if (!kt_reader_number(r, 3, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

KT_MUST_USE static inline bool kt_reader_u32(struct kt_reader *r, uint32_t *out)
{
    uint64_t value;

    if (!kt_reader_number(r, 4, &value)) {
        return false;
    }
    *out = (uint32_t)value;
    return true;
}

KT_MUST_USE static inline bool kt_reader_u64(struct kt_reader *r, uint64_t *out)
{
    return kt_reader_number(r, 8, out);
}

/* A vector with a length prefix of `size` bytes: `out` covers its content. */
KT_MUST_USE static inline bool kt_reader_vec(struct kt_reader *r, size_t size, struct kt_span *out)
{
    struct kt_reader ahead = *r;
    uint64_t len;

    if (!(kt_reader_number(&ahead, size, &len) && kt_reader_bytes(&ahead, (size_t)len, out))) {
        return false;
    }
    *r = ahead;
    return true;
}

KT_MUST_USE static inline bool kt_reader_vec8(struct kt_reader *r, struct kt_span *out)
{
    return kt_reader_vec(r, 1, out);
}

KT_MUST_USE static inline bool kt_reader_vec16(struct kt_reader *r, struct kt_span *out)
{
    return kt_reader_vec(r, 2, out);
}

KT_MUST_USE static inline bool kt_reader_vec24(struct kt_reader *r, struct kt_span *out)
{
    return kt_reader_vec(r, 3, out);
}

#endif
