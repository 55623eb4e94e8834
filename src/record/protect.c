#include "record/protect.h"

#include "base/span.h"
#include "keys/schedule13.h"
#include "wire/writer.h"

/* The sequence of a key that must not be used: the last number, which is never reached by counting. */
static const uint64_t SPENT = UINT64_MAX;

const struct kt_fault *kt_protection_set(struct kt_protection *p, enum kt_direction direction,
                                         const struct kt_suite *suite, const struct kt_secret *traffic_secret)
{
    const struct kt_aead *aead = suite->aead;
    struct kt_aead_key *key = p->aead == aead ? p->key : NULL;
    struct kt_traffic_keys keys;
    bool good;

    kt_traffic_keys_derive(suite->hash, aead, traffic_secret, &keys);
    if (key != NULL) {
        good = aead->rekey(key, keys.key);
        p->sequence = good ? 0 : SPENT; /* which of the two keys it holds is not known: use neither */
    } else {
        key = aead->key_new(aead, direction, keys.key);
        good = key != NULL;
        if (good) {
            kt_protection_clear(p);
        }
    }
    if (good) {
        *p = (struct kt_protection){.aead = aead, .key = key};
        kt_copy(p->iv, keys.iv, sizeof p->iv);
    }
    kt_wipe(&keys, sizeof keys);
    if (!good) {
        KT_FAIL(CRYPTO_FAILED);
    }
    return NULL;
}

void kt_protection_clear(struct kt_protection *p)
{
    if (p->aead != NULL) {
        p->aead->release(p->key);
    }
    kt_wipe(p, sizeof *p);
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

const struct kt_fault *kt_protection_seal(struct kt_protection *p, uint8_t inner_type, const uint8_t *src,
                                          size_t src_len, size_t padding, uint8_t *record, size_t *record_len)
{
    uint8_t *fragment = record + KT_RECORD_HEADER;
    size_t tail_len = 1 + padding;
    size_t fragment_len = src_len + tail_len + KT_TAG_LEN;
    uint8_t nonce[KT_NONCE_LEN];

    if (p->sequence == SPENT) {
        KT_FAIL(RECORD_SEQUENCE_END);
    }
    /* The last line of defence: whoever forgot to ask kt_epoch_due_sending stops here, not beyond. */
    if (p->sequence >= p->aead->max_records) {
        KT_FAIL(LIFETIME_AEAD_LIMIT);
    }
    put_header(record, fragment_len);
    fragment[src_len] = inner_type;
    memset(fragment + src_len + 1, 0, padding);
    nonce_of(p, nonce);
    if (!p->aead->seal(p->key, nonce, kt_span_of(record, KT_RECORD_HEADER), src, src_len, fragment, tail_len)) {
        KT_FAIL(CRYPTO_FAILED);
    }
    p->sequence++;
    *record_len = KT_RECORD_HEADER + fragment_len;
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

const struct kt_fault *kt_protection_open(struct kt_protection *p, uint8_t *record, size_t record_len,
                                          uint8_t *inner_type, struct kt_span *content)
{
    uint8_t *inner = record + KT_RECORD_HEADER;
    uint8_t nonce[KT_NONCE_LEN];
    size_t len;

    if (p->sequence == SPENT) {
        KT_FAIL(RECORD_SEQUENCE_END);
    }
    if (record_len < KT_RECORD_HEADER + KT_TAG_LEN) {
        KT_FAIL(RECORD_BAD_MAC);
    }
    nonce_of(p, nonce);
    if (!p->aead->open(p->key, nonce, kt_span_of(record, KT_RECORD_HEADER), inner, record_len - KT_RECORD_HEADER)) {
        KT_FAIL(RECORD_BAD_MAC);
    }
    p->sequence++;
    len = record_len - KT_RECORD_HEADER - KT_TAG_LEN;
    if (len > KT_PLAINTEXT_MAX + 1) {
        KT_FAIL(RECORD_TOO_LONG);
    }
    len = without_padding(inner, len);
    if (len == 0) {
        KT_FAIL(RECORD_TYPE_MISSING);
    }
    *inner_type = inner[len - 1];
    *content = kt_span_of(inner, len - 1);
    return NULL;
}
