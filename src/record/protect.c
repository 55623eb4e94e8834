#include "record/protect.h"

#include "base/span.h"
#include "keys/schedule13.h"
#include "record/protect12.h"
#include "wire/writer.h"

/* The sequence of a key that must not be used: the last number, which is never reached by counting. */
static const uint64_t SPENT = UINT64_MAX;

static bool is_cbc(uint8_t form)
{
    return form == KT_MTE12 || form == KT_ETM12;
}

static size_t whole_blocks(size_t len)
{
    return (len + KT_CBC_BLOCK - 1) / KT_CBC_BLOCK * KT_CBC_BLOCK;
}

size_t kt_protection_record_len(const struct kt_protection *p, size_t content_len)
{
    switch ((enum kt_protection_form)p->form) {
    case KT_PLAIN:
        return KT_RECORD_HEADER + content_len;
    case KT_AEAD13:
        return KT_RECORD_HEADER + content_len + 1 + KT_TAG_LEN;
    case KT_AEAD12:
        return KT_RECORD_HEADER + p->lead + content_len + KT_TAG_LEN;
    case KT_MTE12:
        return KT_RECORD_HEADER + p->lead + whole_blocks(content_len + p->cbc->mac_len + 1);
    case KT_ETM12:
        break;
    }
    return KT_RECORD_HEADER + p->lead + whole_blocks(content_len + 1) + p->cbc->mac_len;
}

size_t kt_protection_overhead(const struct kt_protection *p)
{
    if (is_cbc(p->form)) {
        return KT_RECORD_HEADER + (size_t)p->lead + p->cbc->mac_len + KT_CBC_BLOCK;
    }
    return KT_RECORD_HEADER + (size_t)(p->form == KT_AEAD12 ? p->lead : 1) + KT_TAG_LEN;
}

size_t kt_protection_fragment_max(const struct kt_protection *p, size_t content_max)
{
    if (is_cbc(p->form)) {
        return p->lead + content_max + p->cbc->mac_len + KT_CBC_PADDING_MAX;
    }
    return content_max + kt_protection_overhead(p) - KT_RECORD_HEADER;
}

static void release_key(struct kt_protection *p)
{
    if (is_cbc(p->form)) {
        p->cbc->release(p->cbc_key);
    } else if (p->form != KT_PLAIN) {
        p->aead->release(p->key);
    }
}

void kt_protection_clear(struct kt_protection *p)
{
    release_key(p);
    kt_wipe(p, sizeof *p);
}

/* What a key of this suite and version is like, without the key. */
static struct kt_protection shape_of(const struct kt_suite *suite, const struct kt_keys12 *keys)
{
    struct kt_protection p = {.version = keys->version};

    if (keys->version == KT_TLS_1_3) {
        p.form = KT_AEAD13;
        p.version = KT_TLS_1_2; /* RFC 9846 section 5.2 */
        p.aead = suite->aead;
    } else if (suite->aead != NULL) {
        p.form = KT_AEAD12;
        p.lead = suite->aead->explicit_nonce_len;
        p.aead = suite->aead;
    } else {
        p.form = keys->encrypt_then_mac ? KT_ETM12 : KT_MTE12;
        p.lead = keys->version == KT_TLS_1_0 ? 0 : KT_CBC_BLOCK;
        p.cbc = suite->cbc;
    }
    if (suite->aead != NULL) {
        kt_copy(p.iv, keys->iv, sizeof p.iv);
    }
    return p;
}

/* The key object of the same cipher serves on, whatever version made it. */
static bool can_rekey(const struct kt_protection *p, const struct kt_protection *next)
{
    return p->form != KT_PLAIN && is_cbc(p->form) == is_cbc(next->form) &&
           (is_cbc(p->form) ? p->cbc == next->cbc : p->aead == next->aead);
}

static bool rekey(struct kt_protection *p, const struct kt_keys12 *keys)
{
    return is_cbc(p->form) ? p->cbc->rekey(p->cbc_key, keys) : p->aead->rekey(p->key, keys->key);
}

static bool make_key(struct kt_protection *next, enum kt_direction direction, const struct kt_keys12 *keys)
{
    if (is_cbc(next->form)) {
        next->cbc_key = next->cbc->key_new(next->cbc, direction, keys);
        return next->cbc_key != NULL;
    }
    next->key = next->aead->key_new(next->aead, direction, keys->key);
    return next->key != NULL;
}

const struct kt_fault *kt_protection_set12(struct kt_protection *p, enum kt_direction direction,
                                           const struct kt_suite *suite, const struct kt_keys12 *keys)
{
    struct kt_protection next = shape_of(suite, keys);
    bool good;

    if (can_rekey(p, &next)) {
        good = rekey(p, keys);
        next.key = p->key;              /* or the other member: they share their place */
        p->sequence = good ? 0 : SPENT; /* which of the two keys it holds is not known: use neither */
    } else {
        good = make_key(&next, direction, keys);
        if (good) {
            kt_protection_clear(p);
        }
    }
    if (good) {
        *p = next;
    }
    kt_wipe(&next, sizeof next);
    if (!good) {
        KT_FAIL(CRYPTO_FAILED);
    }
    return NULL;
}

const struct kt_fault *kt_protection_set(struct kt_protection *p, enum kt_direction direction,
                                         const struct kt_suite *suite, const struct kt_secret *traffic_secret)
{
    const struct kt_fault *fault;
    struct kt_traffic_keys traffic;
    struct kt_keys12 keys = {.version = KT_TLS_1_3};

    kt_traffic_keys_derive(suite->hash, suite->aead, traffic_secret, &traffic);
    kt_copy(keys.key, traffic.key, sizeof traffic.key);
    kt_copy(keys.iv, traffic.iv, sizeof traffic.iv);
    fault = kt_protection_set12(p, direction, suite, &keys);
    kt_wipe(&traffic, sizeof traffic);
    kt_wipe(&keys, sizeof keys);
    return fault;
}

/* RFC 9846 section 5.3: the sequence number, padded to the left, XORed with the IV. */
static void nonce_of(const struct kt_protection *p, uint8_t nonce[KT_NONCE_LEN])
{
    kt_copy(nonce, p->iv, KT_NONCE_LEN);
    for (unsigned i = 0; i < 8; i++) {
        nonce[KT_NONCE_LEN - 1 - i] ^= (uint8_t)(p->sequence >> (8 * i));
    }
}

static void put_header(uint8_t *record, size_t fragment_len)
{
    struct kt_writer w = kt_writer_over(record, KT_RECORD_HEADER);

    kt_put_u8(&w, KT_CONTENT_DATA);
    kt_put_u16(&w, KT_TLS_1_2);
    kt_put_u16(&w, (uint16_t)fragment_len);
}

static const struct kt_fault *seal13(struct kt_protection *p, uint8_t inner_type, const uint8_t *src, size_t src_len,
                                     size_t padding, uint8_t *record, size_t *record_len)
{
    uint8_t *fragment = record + KT_RECORD_HEADER;
    size_t tail_len = 1 + padding;
    size_t fragment_len = src_len + tail_len + KT_TAG_LEN;
    uint8_t nonce[KT_NONCE_LEN];

    put_header(record, fragment_len);
    fragment[src_len] = inner_type;
    memset(fragment + src_len + 1, 0, padding);
    nonce_of(p, nonce);
    if (!p->aead->seal(p->key, nonce, kt_span_of(record, KT_RECORD_HEADER), src, src_len, fragment, tail_len)) {
        KT_FAIL(CRYPTO_FAILED);
    }
    *record_len = KT_RECORD_HEADER + fragment_len;
    return NULL;
}

static uint64_t max_records(const struct kt_protection *p)
{
    return is_cbc(p->form) ? p->cbc->max_records : p->aead->max_records;
}

const struct kt_fault *kt_protection_seal(struct kt_protection *p, uint8_t inner_type, const uint8_t *src,
                                          size_t src_len, size_t padding, uint8_t *record, size_t *record_len)
{
    if (p->sequence == SPENT) {
        KT_FAIL(RECORD_SEQUENCE_END);
    }
    /* The last line of defence: whoever forgot to ask kt_epoch_due_sending stops here, not beyond. */
    if (p->sequence >= max_records(p)) {
        KT_FAIL(LIFETIME_AEAD_LIMIT);
    }
    if (kt_protection_is12(p)) {
        KT_TRY(kt_protection12_seal(p, inner_type, src, src_len, record, record_len));
    } else {
        KT_TRY(seal13(p, inner_type, src, src_len, padding, record, record_len));
    }
    p->sequence++;
    return NULL;
}

/* RFC 9846 section 5.4: the type is the last byte that is not zero. */
static size_t without_padding(const uint8_t *inner, size_t len)
{
    while (len > 0 && inner[len - 1] == 0) {
        len--;
    }
    return len;
}

static const struct kt_fault *open13(struct kt_protection *p, uint8_t *record, size_t record_len, struct kt_span *inner)
{
    uint8_t *fragment = record + KT_RECORD_HEADER;
    uint8_t nonce[KT_NONCE_LEN];

    if (record_len < KT_RECORD_HEADER + KT_TAG_LEN) {
        KT_FAIL(RECORD_BAD_MAC);
    }
    nonce_of(p, nonce);
    if (!p->aead->open(p->key, nonce, kt_span_of(record, KT_RECORD_HEADER), fragment, record_len - KT_RECORD_HEADER)) {
        KT_FAIL(RECORD_BAD_MAC);
    }
    *inner = kt_span_of(fragment, record_len - KT_RECORD_HEADER - KT_TAG_LEN);
    return NULL;
}

/* The inner plaintext of TLS 1.3: content, type, zeros. */
static const struct kt_fault *take_inner(struct kt_span inner, uint8_t *inner_type, struct kt_span *content)
{
    size_t len = without_padding(inner.p, inner.len);

    if (len == 0) {
        KT_FAIL(RECORD_TYPE_MISSING);
    }
    *inner_type = inner.p[len - 1];
    *content = kt_span_of(inner.p, len - 1);
    return NULL;
}

const struct kt_fault *kt_protection_open(struct kt_protection *p, uint8_t *record, size_t record_len,
                                          uint8_t *inner_type, struct kt_span *content)
{
    bool is12 = kt_protection_is12(p);
    struct kt_span inner;

    if (p->sequence == SPENT) {
        KT_FAIL(RECORD_SEQUENCE_END);
    }
    KT_TRY(is12 ? kt_protection12_open(p, record[0], record, record_len, &inner)
                : open13(p, record, record_len, &inner));
    p->sequence++;
    if (inner.len > KT_PLAINTEXT_MAX + (is12 ? 0u : 1u)) {
        KT_FAIL(RECORD_TOO_LONG);
    }
    if (!is12) {
        return take_inner(inner, inner_type, content);
    }
    *inner_type = record[0];
    *content = inner;
    return NULL;
}
