#include "crypto/libcrypto/libcrypto_mac.h"

#include <openssl/sha.h>

enum {
    DATA_HEAD = KT_MAC_HEAD + 2, /* before the text: head and length */
    BLOCK_MAX = SHA512_CBLOCK,
    INNER_PAD = 0x36,
    OUTER_PAD = 0x5c,
};

/* ---- the hashes ---- */

static void sha1_compress(struct kt_hash_state *state, const uint8_t *block)
{
    SHA1_Transform((SHA_CTX *)(void *)state, block);
}

static void sha256_compress(struct kt_hash_state *state, const uint8_t *block)
{
    SHA256_Transform((SHA256_CTX *)(void *)state, block);
}

static void sha512_compress(struct kt_hash_state *state, const uint8_t *block)
{
    SHA512_Transform((SHA512_CTX *)(void *)state, block);
}

static void put_word(uint8_t *out, uint64_t word, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(word >> (8 * (len - 1 - i)));
    }
}

static void sha1_value(const struct kt_hash_state *state, uint8_t *out)
{
    const SHA_CTX *c = (const SHA_CTX *)(const void *)state;
    const SHA_LONG words[] = {c->h0, c->h1, c->h2, c->h3, c->h4};

    for (size_t i = 0; i < KT_COUNT_OF(words); i++) {
        put_word(out + 4 * i, words[i], 4);
    }
}

static void sha256_value(const struct kt_hash_state *state, uint8_t *out)
{
    const SHA256_CTX *c = (const SHA256_CTX *)(const void *)state;

    for (size_t i = 0; i < SHA256_DIGEST_LENGTH / 4; i++) {
        put_word(out + 4 * i, c->h[i], 4);
    }
}

static void sha384_value(const struct kt_hash_state *state, uint8_t *out)
{
    const SHA512_CTX *c = (const SHA512_CTX *)(const void *)state;

    for (size_t i = 0; i < SHA384_DIGEST_LENGTH / 8; i++) {
        put_word(out + 8 * i, c->h[i], 8);
    }
}

const struct kt_mac_hash kt_libcrypto_mac_sha1 = {&kt_libcrypto_sha1, 6, 8, sha1_compress, sha1_value};
const struct kt_mac_hash kt_libcrypto_mac_sha256 = {&kt_libcrypto_sha256, 6, 8, sha256_compress, sha256_value};
const struct kt_mac_hash kt_libcrypto_mac_sha384 = {&kt_libcrypto_sha384, 7, 16, sha512_compress, sha384_value};

/* ---- HMAC (RFC 2104) ---- */

static void start_padded(const struct kt_hash *hash, struct kt_hash_state *state, const uint8_t *key, uint8_t pad)
{
    uint8_t block[BLOCK_MAX];

    for (size_t i = 0; i < hash->block_len; i++) {
        block[i] = (uint8_t)((i < hash->len ? key[i] : 0) ^ pad);
    }
    hash->init(state);
    hash->update(state, block, hash->block_len);
    kt_wipe(block, sizeof block);
}

/* A MAC key of TLS is as long as the hash, so never longer than a block. */
void kt_mac_key_set(struct kt_mac_key *k, const struct kt_mac_hash *mac_hash, const uint8_t *key)
{
    k->mac_hash = mac_hash;
    start_padded(mac_hash->hash, &k->inner, key, INNER_PAD);
    start_padded(mac_hash->hash, &k->outer, key, OUTER_PAD);
}

static void put_data_head(const uint8_t head[KT_MAC_HEAD], uint32_t len, uint8_t out[DATA_HEAD])
{
    kt_copy(out, head, KT_MAC_HEAD);
    put_word(out + KT_MAC_HEAD, len, 2);
}

static void end_outer(const struct kt_mac_key *k, const uint8_t *digest, uint8_t *out)
{
    const struct kt_hash *hash = k->mac_hash->hash;
    struct kt_hash_state state = k->outer;

    hash->update(&state, digest, hash->len);
    hash->final(&state, out);
    kt_wipe(&state, sizeof state);
}

void kt_mac_record(const struct kt_mac_key *k, const uint8_t head[KT_MAC_HEAD], struct kt_span text, uint8_t *out)
{
    const struct kt_hash *hash = k->mac_hash->hash;
    struct kt_hash_state state = k->inner;
    uint8_t data_head[DATA_HEAD];
    uint8_t digest[KT_HASH_MAX];

    put_data_head(head, (uint32_t)text.len, data_head);
    hash->update(&state, data_head, sizeof data_head);
    hash->update(&state, text.p, text.len);
    hash->final(&state, digest);
    end_outer(k, digest, out);
    kt_wipe(&state, sizeof state);
    kt_wipe(digest, sizeof digest);
}

/* ---- the same, of hidden length ---- */

static uint32_t equal_mask(uint32_t a, uint32_t b)
{
    return kt_ct_lt(a ^ b, 1);
}

/* The message that the inner hash gets behind the key, and what closes it. */
struct hidden {
    const struct kt_mac_hash *mac_hash;
    uint8_t head[DATA_HEAD];
    struct kt_span text;
    uint32_t end;        /* secret: how much of head and text is hashed */
    uint32_t last_block; /* secret: the block in which the length stands */
    uint8_t length[16];  /* secret: in bits, big-endian, right-aligned */
};

/* The places are public and so are the bytes read; what counts of them is decided by masks. */
static uint8_t byte_at(const struct hidden *h, uint32_t block, uint32_t i)
{
    uint32_t block_len = h->mac_hash->hash->block_len;
    uint32_t length_at = block_len - h->mac_hash->length_len;
    uint32_t at = (block << h->mac_hash->block_bits) + i;
    uint32_t byte = 0;

    if (at < DATA_HEAD) {
        byte = h->head[at];
    } else if (at - DATA_HEAD < h->text.len) {
        byte = h->text.p[at - DATA_HEAD];
    }
    byte &= kt_ct_lt(at, h->end);
    byte |= 0x80 & equal_mask(at, h->end);
    if (i >= length_at) {
        byte |= h->length[sizeof h->length + i - block_len] & equal_mask(block, h->last_block);
    }
    return (uint8_t)byte;
}

/* All blocks that could be the last one are compressed, and the value behind the right one is taken. */
static void digest_hidden(const struct hidden *h, struct kt_hash_state *state, uint32_t first, uint32_t count,
                          uint8_t *digest)
{
    const struct kt_hash *hash = h->mac_hash->hash;
    uint8_t block[BLOCK_MAX];
    uint8_t value[KT_HASH_MAX];

    memset(digest, 0, hash->len);
    for (uint32_t b = first; b < count; b++) {
        uint8_t is_last = (uint8_t)equal_mask(b, h->last_block);

        for (uint32_t i = 0; i < hash->block_len; i++) {
            block[i] = byte_at(h, b, i);
        }
        h->mac_hash->compress(state, block);
        h->mac_hash->chaining_value(state, value);
        for (size_t i = 0; i < hash->len; i++) {
            digest[i] |= (uint8_t)(value[i] & is_last);
        }
    }
    kt_wipe(block, sizeof block);
    kt_wipe(value, sizeof value);
}

/* Lucky Thirteen: as many compressions for each length that the padding could stand for (RFC 5246 section 6.2.3.2). */
void kt_mac_record_hidden(const struct kt_mac_key *k, const uint8_t head[KT_MAC_HEAD], struct kt_span text,
                          size_t min_len, uint32_t len, uint8_t *out)
{
    const struct kt_mac_hash *m = k->mac_hash;
    struct kt_hash_state state = k->inner;
    struct hidden h = {.mac_hash = m, .text = text, .end = DATA_HEAD + len};
    uint32_t first = (uint32_t)(DATA_HEAD + min_len) >> m->block_bits; /* the blocks before are text for sure */
    uint32_t count = ((uint32_t)(DATA_HEAD + text.len + m->length_len) >> m->block_bits) + 1;
    uint8_t digest[KT_HASH_MAX];

    h.last_block = (h.end + m->length_len) >> m->block_bits;
    put_data_head(head, len, h.head);
    put_word(h.length + 8, (uint64_t)(m->hash->block_len + h.end) << 3, 8);
    if (first > 0) {
        m->hash->update(&state, h.head, sizeof h.head);
        m->hash->update(&state, text.p, ((size_t)first << m->block_bits) - DATA_HEAD);
    }
    digest_hidden(&h, &state, first, count, digest);
    end_outer(k, digest, out);
    kt_wipe(&state, sizeof state);
    kt_wipe(&h, sizeof h);
    kt_wipe(digest, sizeof digest);
}
