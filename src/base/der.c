#include "base/der.h"

enum { LONG_FORM = 0x80, LENGTH_BYTES_MAX = 3, TAG_CONTINUES = 0x1f };

/* Takes a length off the cursor. The long form is right only where the short one, or fewer bytes, would not
 * do. */
static bool take_length(struct kt_der *d, size_t *len)
{
    size_t size;
    size_t value = 0;

    if (d->left < 1) {
        return false;
    }
    if (d->at[0] < LONG_FORM) {
        *len = d->at[0];
        d->at++;
        d->left--;
        return true;
    }
    size = d->at[0] - (size_t)LONG_FORM;
    if (size < 1 || size > LENGTH_BYTES_MAX || d->left - 1 < size || d->at[1] == 0) {
        return false;
    }
    for (size_t i = 1; i <= size; i++) {
        value = value << 8 | d->at[i];
    }
    if (value < LONG_FORM) {
        return false;
    }
    d->at += size + 1;
    d->left -= size + 1;
    *len = value;
    return true;
}

bool kt_der_next(struct kt_der *d, uint8_t tag, struct kt_span *content)
{
    struct kt_der ahead = *d;
    size_t len;

    if ((tag & TAG_CONTINUES) == TAG_CONTINUES || !kt_der_is(d, tag)) {
        return false;
    }
    ahead.at++;
    ahead.left--;
    if (!take_length(&ahead, &len) || ahead.left < len) {
        return false;
    }
    *content = kt_span_of(ahead.at, len);
    *d = (struct kt_der){ahead.at + len, ahead.left - len};
    return true;
}

bool kt_der_skip(struct kt_der *d, uint8_t tag)
{
    struct kt_span content;

    return kt_der_next(d, tag, &content);
}

bool kt_der_enter(struct kt_der *d, uint8_t tag, struct kt_der *inner)
{
    struct kt_span content;

    if (!kt_der_next(d, tag, &content)) {
        return false;
    }
    *inner = kt_der_over(content);
    return true;
}

bool kt_der_unsigned(struct kt_der *d, struct kt_span *out)
{
    struct kt_der ahead = *d;
    struct kt_span value;

    if (!kt_der_next(&ahead, KT_DER_INTEGER, &value) || value.len == 0 || value.p[0] >= 0x80) {
        return false;
    }
    /* A leading zero only keeps the sign bit of the next byte from meaning a negative number. */
    if (value.p[0] == 0) {
        if (value.len > 1 && value.p[1] < 0x80) {
            return false;
        }
        value = kt_span_of(value.p + 1, value.len - 1);
    }
    *out = value;
    *d = ahead;
    return true;
}

bool kt_der_bits(struct kt_der *d, struct kt_span *out)
{
    struct kt_der ahead = *d;
    struct kt_span value;

    if (!kt_der_next(&ahead, KT_DER_BIT_STRING, &value) || value.len == 0 || value.p[0] != 0) {
        return false;
    }
    *out = kt_span_of(value.p + 1, value.len - 1);
    *d = ahead;
    return true;
}
