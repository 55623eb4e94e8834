/*
 * der.h - a cursor over DER (X.690), as strict as DER is: one way to write each thing, so that two parsers
 * cannot read two meanings.
 *
 * Every getter checks the bounds, writes its result and moves only on success, and must be used. Tags are one
 * byte and lengths have at most three: nothing in TLS is longer.
 */
#ifndef KT_DER_H
#define KT_DER_H

#include "base/span.h"

enum kt_der_tag {
    KT_DER_INTEGER = 0x02,
    KT_DER_BIT_STRING = 0x03,
    KT_DER_NULL = 0x05,
    KT_DER_OID = 0x06,
    KT_DER_SEQUENCE = 0x30,
    KT_DER_EXPLICIT = 0xa0, /* [0] EXPLICIT; add the number of the field */
};

struct kt_der {
    const uint8_t *at;
    size_t left;
};

static inline struct kt_der kt_der_over(struct kt_span bytes)
{
    return (struct kt_der){bytes.p, bytes.len};
}

KT_MUST_USE static inline bool kt_der_done(const struct kt_der *d)
{
    return d->left == 0;
}

/* Whether an element with this tag is next. */
static inline bool kt_der_is(const struct kt_der *d, uint8_t tag)
{
    return d->left > 0 && d->at[0] == tag;
}

/* The content of the next element, which must have this tag. */
KT_MUST_USE bool kt_der_next(struct kt_der *d, uint8_t tag, struct kt_span *content);
KT_MUST_USE bool kt_der_skip(struct kt_der *d, uint8_t tag);

/* The same, with a cursor over the content. */
KT_MUST_USE bool kt_der_enter(struct kt_der *d, uint8_t tag, struct kt_der *inner);

/* An INTEGER that is not negative: its big-endian bytes without leading zero; zero has none. */
KT_MUST_USE bool kt_der_unsigned(struct kt_der *d, struct kt_span *out);

/* A BIT STRING of whole bytes. */
KT_MUST_USE bool kt_der_bits(struct kt_der *d, struct kt_span *out);

#endif
