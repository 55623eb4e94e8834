#include "keys/hkdf.h"

#include "wire/writer.h"

enum {
    INNER_PAD = 0x36,
    OUTER_PAD = 0x5c,
    BLOCK_MAX = 128, /* of SHA-384 and SHA-512 */
    LABEL_INFO_MAX = 2 + 1 + 255 + 1 + 255,
};

static void start_padded(const struct kt_hash *hash, struct kt_hash_state *state, const uint8_t *key, uint8_t pad)
{
    uint8_t block[BLOCK_MAX];

    for (size_t i = 0; i < hash->block_len; i++) {
        block[i] = key[i] ^ pad;
    }
    hash->init(state);
    hash->update(state, block, hash->block_len);
    kt_wipe(block, sizeof block);
}

/* A key longer than a block stands for its hash (RFC 2104 section 2). */
void kt_hmac_key_set(struct kt_hmac_key *k, const struct kt_hash *hash, struct kt_span key)
{
    uint8_t block[BLOCK_MAX] = {0};

    if (key.len > hash->block_len) {
        hash->init(&k->inner);
        hash->update(&k->inner, key.p, key.len);
        hash->final(&k->inner, block);
    } else {
        kt_copy(block, key.p, key.len);
    }
    k->hash = hash;
    start_padded(hash, &k->inner, block, INNER_PAD);
    start_padded(hash, &k->outer, block, OUTER_PAD);
    kt_wipe(block, sizeof block);
}

static void add(const struct kt_hash *hash, struct kt_hash_state *state, struct kt_span bytes)
{
    if (bytes.len > 0) {
        hash->update(state, bytes.p, bytes.len);
    }
}

/* `state` is a copy of the inner state that has taken the data. */
static void end_mac(const struct kt_hmac_key *k, struct kt_hash_state *state, uint8_t *out)
{
    uint8_t digest[KT_HASH_MAX];

    k->hash->final(state, digest);
    *state = k->outer;
    k->hash->update(state, digest, k->hash->len);
    k->hash->final(state, out);
    kt_wipe(state, sizeof *state);
    kt_wipe(digest, sizeof digest);
}

void kt_hmac_parts(const struct kt_hmac_key *k, const struct kt_span *parts, size_t count, uint8_t *out)
{
    struct kt_hash_state state = k->inner;

    for (size_t i = 0; i < count; i++) {
        add(k->hash, &state, parts[i]);
    }
    end_mac(k, &state, out);
}

void kt_hmac(const struct kt_hash *hash, struct kt_span key, struct kt_span data, uint8_t *out)
{
    struct kt_hmac_key k;

    kt_hmac_key_set(&k, hash, key);
    kt_hmac_parts(&k, &data, 1, out);
    kt_wipe(&k, sizeof k);
}

/* An empty salt needs no zeros of its own: HMAC fills its key up with them. */
void kt_hkdf_extract(const struct kt_hash *hash, struct kt_span salt, struct kt_span ikm, uint8_t *out)
{
    kt_hmac(hash, salt, ikm, out);
}

void kt_hkdf_expand(const struct kt_hash *hash, struct kt_span prk, struct kt_span info, uint8_t *out, size_t len)
{
    struct kt_hmac_key k;
    struct kt_hash_state state;
    uint8_t block[KT_HASH_MAX];
    uint8_t counter = 0;

    kt_hmac_key_set(&k, hash, prk);
    while (len > 0) {
        size_t n = len < hash->len ? len : hash->len;

        state = k.inner;
        add(hash, &state, kt_span_of(block, counter == 0 ? 0 : hash->len));
        add(hash, &state, info);
        counter++;
        hash->update(&state, &counter, 1);
        end_mac(&k, &state, block);
        kt_copy(out, block, n);
        out += n;
        len -= n;
    }
    kt_wipe(block, sizeof block);
    kt_wipe(&k, sizeof k);
}

void kt_hkdf_expand_label(const struct kt_hash *hash, struct kt_span secret, struct kt_span label,
                          struct kt_span context, uint8_t *out, size_t len)
{
    uint8_t info[LABEL_INFO_MAX];
    struct kt_writer w = kt_writer_over(info, sizeof info);

    kt_put_u16(&w, (uint16_t)len);
    kt_writer_open(&w, 1);
    kt_put_bytes(&w, KT_SPAN_TEXT("tls13 "));
    kt_put_bytes(&w, label);
    kt_writer_close(&w);
    kt_put_vec(&w, 1, context);
    /* Two different inputs must never give one output: what cannot be encoded gives nothing usable. */
    if (KT_NEVER(!kt_writer_finish(&w))) {
        kt_wipe(out, len);
        return;
    }
    kt_hkdf_expand(hash, secret, kt_writer_span(&w), out, len);
}
