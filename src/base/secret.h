/*
 * secret.h - a secret by value, inside the block that dies with it.
 */
#ifndef KT_SECRET_H
#define KT_SECRET_H

#include "base/ct.h"
#include "base/span.h"

enum { KT_SECRET_MAX = 66 }; /* the shared secret of P-521 is the longest */

struct kt_secret {
    uint8_t len;
    uint8_t b[KT_SECRET_MAX];
};

enum { KT_SHARED_SECRET_MAX = 1024 }; /* of a prime of 8192 bits */

/* What a key exchange gives: longer than any secret that is kept, so it lives in the handshake's memory only. */
struct kt_shared_secret {
    uint16_t len;
    uint8_t b[KT_SHARED_SECRET_MAX];
};

static inline void kt_shared_secret_wipe(struct kt_shared_secret *secret)
{
    kt_wipe(secret, sizeof *secret);
}

static inline struct kt_span kt_shared_secret_span(const struct kt_shared_secret *secret)
{
    return kt_span_of(secret->b, secret->len);
}

static inline void kt_secret_wipe(struct kt_secret *secret)
{
    kt_wipe(secret, sizeof *secret);
}

/* Moves: the source is gone afterwards. */
static inline void kt_secret_move(struct kt_secret *to, struct kt_secret *from)
{
    *to = *from;
    kt_secret_wipe(from);
}

static inline struct kt_span kt_secret_span(const struct kt_secret *secret)
{
    return kt_span_of(secret->b, secret->len);
}

#endif
