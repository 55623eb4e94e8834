#include "record/protect12.h"

#include "base/span.h"
#include "wire/writer.h"

enum { AEAD_DATA = KT_MAC_HEAD + 2 };

/* What is authenticated beside the content: sequence, type, version; for an AEAD the length of the content behind it.
 */
static void put_head(const struct kt_protection *p, uint8_t type, size_t len, uint8_t out[AEAD_DATA])
{
    struct kt_writer w = kt_writer_over(out, AEAD_DATA);

    kt_put_u32(&w, (uint32_t)(p->sequence >> 32));
    kt_put_u32(&w, (uint32_t)p->sequence);
    kt_put_u8(&w, type);
    kt_put_u16(&w, p->version);
    kt_put_u16(&w, (uint16_t)len);
}

static void put_header(const struct kt_protection *p, uint8_t type, size_t fragment_len, uint8_t *record)
{
    struct kt_writer w = kt_writer_over(record, KT_RECORD_HEADER);

    kt_put_u8(&w, type);
    kt_put_u16(&w, p->version);
    kt_put_u16(&w, (uint16_t)fragment_len);
}

static void put_sequence(const struct kt_protection *p, uint8_t out[8])
{
    struct kt_writer w = kt_writer_over(out, 8);

    kt_put_u32(&w, (uint32_t)(p->sequence >> 32));
    kt_put_u32(&w, (uint32_t)p->sequence);
}

/*
 * The rest of a nonce stands in the record (RFC 5288 section 3), and is what the sender chose: from us the sequence,
 * which never repeats. Without an explicit part the sequence is XORed in as in TLS 1.3 (RFC 7905 section 2).
 */
static void nonce_of(const struct kt_protection *p, const uint8_t *explicit_part, uint8_t nonce[KT_NONCE_LEN])
{
    uint8_t sequence[8];

    kt_copy(nonce, p->iv, KT_NONCE_LEN);
    if (p->lead > 0) {
        kt_copy(nonce + KT_NONCE_LEN - p->lead, explicit_part, p->lead);
        return;
    }
    put_sequence(p, sequence);
    for (size_t i = 0; i < sizeof sequence; i++) {
        nonce[KT_NONCE_LEN - sizeof sequence + i] ^= sequence[i];
    }
}

static const struct kt_fault *seal_aead(struct kt_protection *p, uint8_t type, const uint8_t *src, size_t src_len,
                                        uint8_t *record, size_t *record_len)
{
    uint8_t *fragment = record + KT_RECORD_HEADER;
    uint8_t nonce[KT_NONCE_LEN];
    uint8_t data[AEAD_DATA];
    size_t fragment_len = p->lead + src_len + KT_TAG_LEN;

    put_header(p, type, fragment_len, record);
    put_head(p, type, src_len, data);
    if (p->lead > 0) {
        put_sequence(p, fragment);
    }
    nonce_of(p, fragment, nonce);
    if (!p->aead->seal(p->key, nonce, kt_span_of(data, sizeof data), src, src_len, fragment + p->lead, 0)) {
        KT_FAIL(CRYPTO_FAILED);
    }
    *record_len = KT_RECORD_HEADER + fragment_len;
    return NULL;
}

static const struct kt_fault *seal_cbc(struct kt_protection *p, uint8_t type, const uint8_t *src, size_t src_len,
                                       uint8_t *record, size_t *record_len)
{
    uint8_t *text = record + KT_RECORD_HEADER + p->lead;
    uint8_t head[AEAD_DATA];
    size_t sealed_len;

    put_head(p, type, src_len, head);
    if (src != text) {
        kt_copy(text, src, src_len);
    }
    if (!p->cbc->seal(p->cbc_key, head, text, src_len, &sealed_len)) {
        KT_FAIL(CRYPTO_FAILED);
    }
    put_header(p, type, p->lead + sealed_len, record);
    *record_len = KT_RECORD_HEADER + p->lead + sealed_len;
    return NULL;
}

const struct kt_fault *kt_protection12_seal(struct kt_protection *p, uint8_t type, const uint8_t *src, size_t src_len,
                                            uint8_t *record, size_t *record_len)
{
    return p->form == KT_AEAD12 ? seal_aead(p, type, src, src_len, record, record_len)
                                : seal_cbc(p, type, src, src_len, record, record_len);
}

static bool open_aead(struct kt_protection *p, uint8_t type, uint8_t *fragment, size_t fragment_len,
                      struct kt_span *content)
{
    size_t text_len = fragment_len - p->lead - KT_TAG_LEN;
    uint8_t nonce[KT_NONCE_LEN];
    uint8_t data[AEAD_DATA];

    if (fragment_len < (size_t)p->lead + KT_TAG_LEN) {
        return false;
    }
    put_head(p, type, text_len, data);
    nonce_of(p, fragment, nonce);
    *content = kt_span_of(fragment + p->lead, text_len);
    return p->aead->open(p->key, nonce, kt_span_of(data, sizeof data), fragment + p->lead, text_len + KT_TAG_LEN);
}

static bool open_cbc(struct kt_protection *p, uint8_t type, uint8_t *fragment, size_t fragment_len,
                     struct kt_span *content)
{
    uint8_t head[AEAD_DATA];

    put_head(p, type, 0, head);
    return p->cbc->open(p->cbc_key, head, fragment, fragment_len, content);
}

const struct kt_fault *kt_protection12_open(struct kt_protection *p, uint8_t type, uint8_t *record, size_t record_len,
                                            struct kt_span *content)
{
    uint8_t *fragment = record + KT_RECORD_HEADER;
    size_t fragment_len = record_len - KT_RECORD_HEADER;
    bool good = p->form == KT_AEAD12 ? open_aead(p, type, fragment, fragment_len, content)
                                     : open_cbc(p, type, fragment, fragment_len, content);

    if (!good) {
        KT_FAIL(RECORD_BAD_MAC);
    }
    return NULL;
}
