#include "crypto/toy/toy.h"

#include <stdlib.h>

#define GCM_RECORDS UINT64_C(23726566) /* RFC 9846 section 5.5; as the real ones */

static _Thread_local uint64_t seed_state;
static _Thread_local uint64_t calls;
static _Thread_local uint64_t calls_to_failure;

void kt_toy_seed(uint64_t seed)
{
    seed_state = seed;
}

void kt_toy_fail_at(uint64_t n)
{
    calls_to_failure = n;
}

uint64_t kt_toy_calls(void)
{
    return calls;
}

/* Every operation that may fail asks this first. */
static bool fails_now(void)
{
    calls++;
    return calls_to_failure > 0 && --calls_to_failure == 0;
}

/* ---- mixing ---- */

/* A bijection of 64-bit numbers in which every bit depends on every other. */
static uint64_t scramble(uint64_t x)
{
    x ^= x >> 32;
    x *= UINT64_C(0x9fb21c651e98df25);
    x ^= x >> 29;
    x *= UINT64_C(0xd6e8feb86659fd93);
    return x ^ x >> 32;
}

static uint64_t next_random(void)
{
    seed_state += UINT64_C(0x632be59bd9b4e019);
    return scramble(seed_state);
}

/*
 * Takes bytes into a sum. Each step is a bijection of the sum and, for a fixed sum, of the byte: two inputs
 * of one length that differ in one byte never give the same sum.
 */
static uint64_t sum(uint64_t start, const uint8_t *bytes, size_t len)
{
    uint64_t h = start;

    for (size_t i = 0; i < len; i++) {
        h = (h ^ bytes[i]) * UINT64_C(0x2545f4914f6cdd1d);
        h ^= h >> 31;
    }
    return h;
}

/* A sum in which the length counts, so that what follows cannot be taken for a part of it. */
static uint64_t sum_span(uint64_t start, struct kt_span bytes)
{
    return scramble(sum(start, bytes.p, bytes.len) + bytes.len);
}

static void put_u64(uint8_t *out, uint64_t x)
{
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(x >> (56 - 8 * i));
    }
}

static uint64_t take_u64(const uint8_t *p)
{
    uint64_t x = 0;

    for (size_t i = 0; i < 8; i++) {
        x = x << 8 | p[i];
    }
    return x;
}

/* Any number of bytes that follow from a number; the number itself can be had from the first 8 of them. */
static void expand(uint64_t from, uint8_t *out, size_t len)
{
    uint8_t block[8];

    for (size_t at = 0; at < len; at += sizeof block) {
        size_t n = len - at < sizeof block ? len - at : sizeof block;

        put_u64(block, scramble(from + at));
        kt_copy(out + at, block, n);
    }
}

/* ---- hash: four sums with different starts ---- */

enum { LANES = 4 };

static void hash_init(struct kt_hash_state *state)
{
    *state = (struct kt_hash_state){{0}};
    for (size_t i = 0; i < LANES; i++) {
        state->words[i] = scramble(i + 1);
    }
}

static void hash_update(struct kt_hash_state *state, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < LANES; i++) {
        state->words[i] = sum(state->words[i], bytes, len);
    }
    state->words[LANES] += len;
}

static void hash_final(struct kt_hash_state *state, uint8_t *out, size_t len)
{
    uint64_t all = state->words[LANES];

    for (size_t i = 0; i < LANES; i++) {
        all = scramble(all ^ state->words[i]);
    }
    expand(all, out, len);
}

static void hash_final_32(struct kt_hash_state *state, uint8_t *out)
{
    hash_final(state, out, 32);
}

static void hash_final_48(struct kt_hash_state *state, uint8_t *out)
{
    hash_final(state, out, 48);
}

static void hash_final_16(struct kt_hash_state *state, uint8_t *out)
{
    hash_final(state, out, 16);
}

static void hash_final_20(struct kt_hash_state *state, uint8_t *out)
{
    hash_final(state, out, 20);
}

static void hash_final_36(struct kt_hash_state *state, uint8_t *out)
{
    hash_final(state, out, 36);
}

static const struct kt_hash hash_16 = {"toy-128", 16, 64, hash_init, hash_update, hash_final_16};
static const struct kt_hash hash_20 = {"toy-160", 20, 64, hash_init, hash_update, hash_final_20};
static const struct kt_hash hash_36 = {"toy-288", 36, 64, hash_init, hash_update, hash_final_36};
static const struct kt_hash hash_32 = {"toy-256", 32, 64, hash_init, hash_update, hash_final_32};
static const struct kt_hash hash_48 = {"toy-384", 48, 128, hash_init, hash_update, hash_final_48};

/* ---- AEAD: bytes masked by a sequence, a keyed sum of 16 bytes ---- */

struct kt_aead_key {
    uint8_t key_len;
    enum kt_direction direction;
    uint64_t secret;
};

static struct kt_aead_key *aead_key_new(const struct kt_aead *aead, enum kt_direction direction, const uint8_t *key)
{
    struct kt_aead_key *k = fails_now() ? NULL : malloc(sizeof *k);

    if (k != NULL) {
        *k = (struct kt_aead_key){
            .key_len = aead->key_len,
            .direction = direction,
            .secret = sum(aead->key_len, key, aead->key_len),
        };
    }
    return k;
}

static bool aead_rekey(struct kt_aead_key *k, const uint8_t *key)
{
    if (fails_now()) {
        return false;
    }
    k->secret = sum(k->key_len, key, k->key_len);
    return true;
}

static uint64_t record_secret(const struct kt_aead_key *k, const uint8_t *nonce)
{
    return sum_span(k->secret, kt_span_of(nonce, KT_NONCE_LEN));
}

static void mask(uint64_t secret, const uint8_t *src, uint8_t *dst, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        dst[i] = src[i] ^ (uint8_t)(scramble(secret + i / 8) >> 8 * (i % 8));
    }
}

static void tag_of(uint64_t secret, struct kt_span ad, struct kt_span sealed, uint8_t out[KT_TAG_LEN])
{
    put_u64(out, sum_span(sum_span(secret, ad), sealed));
    put_u64(out + 8, sum_span(sum_span(~secret, ad), sealed));
}

static bool aead_seal(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, const uint8_t *src,
                      size_t src_len, uint8_t *dst, size_t tail_len)
{
    uint64_t secret = record_secret(k, nonce);
    size_t len = src_len + tail_len;

    if (fails_now() || k->direction != KT_SENDING) {
        return false;
    }
    if (src != dst) {
        kt_copy(dst, src, src_len);
    }
    mask(secret, dst, dst, len);
    tag_of(secret, ad, kt_span_of(dst, len), dst + len);
    return true;
}

static bool aead_open(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, uint8_t *bytes,
                      size_t len)
{
    uint64_t secret = record_secret(k, nonce);
    uint8_t tag[KT_TAG_LEN];

    if (fails_now() || k->direction != KT_RECEIVING || len < KT_TAG_LEN) {
        return false;
    }
    len -= KT_TAG_LEN;
    tag_of(secret, ad, kt_span_of(bytes, len), tag);
    mask(secret, bytes, bytes, len);
    return kt_ct_eq(tag, bytes + len, KT_TAG_LEN);
}

/* All objects of this provider are one block each. */
static void release(void *object)
{
    free(object);
}

#define AEAD(text, key_bytes, explicit_bytes, records)                                                                 \
    {                                                                                                                  \
        (text), (key_bytes), (explicit_bytes), (records), aead_key_new, aead_rekey, aead_seal, aead_open, release      \
    }

static const struct kt_aead aead_16 = AEAD("toy-16", 16, 8, GCM_RECORDS);
static const struct kt_aead aead_32 = AEAD("toy-32", 32, 8, GCM_RECORDS);
static const struct kt_aead aead_stream = AEAD("toy-stream", 32, 0, UINT64_MAX);

/* ---- CBC: blocks masked by what stands before them, a keyed sum, padding as on paper ---- */

struct kt_cbc_key {
    const struct kt_cbc *cbc;
    enum kt_direction direction;
    bool encrypt_then_mac;
    uint8_t iv_len;
    uint8_t last[KT_CBC_BLOCK]; /* of the record before, where there is no IV */
    uint64_t secret, mac_secret;
};

static void cbc_set(struct kt_cbc_key *k, const struct kt_keys12 *keys)
{
    k->encrypt_then_mac = keys->encrypt_then_mac;
    k->iv_len = keys->version == KT_TLS_1_0 ? 0 : KT_CBC_BLOCK;
    kt_copy(k->last, keys->iv, sizeof k->last);
    k->secret = sum(k->cbc->key_len, keys->key, k->cbc->key_len);
    k->mac_secret = sum(k->cbc->mac_len, keys->mac_key, k->cbc->mac_len);
}

static struct kt_cbc_key *cbc_key_new(const struct kt_cbc *cbc, enum kt_direction direction,
                                      const struct kt_keys12 *keys)
{
    struct kt_cbc_key *k = fails_now() ? NULL : malloc(sizeof *k);

    if (k != NULL) {
        *k = (struct kt_cbc_key){.cbc = cbc, .direction = direction};
        cbc_set(k, keys);
    }
    return k;
}

static bool cbc_rekey(struct kt_cbc_key *k, const struct kt_keys12 *keys)
{
    if (fails_now()) {
        return false;
    }
    cbc_set(k, keys);
    return true;
}

/* Each block is masked by a number that follows from the key and the masked block before it. */
static void cbc_crypt(struct kt_cbc_key *k, uint8_t *text, size_t len)
{
    uint8_t before[KT_CBC_BLOCK], masked[KT_CBC_BLOCK];

    kt_copy(before, k->iv_len > 0 ? text - k->iv_len : k->last, sizeof before);
    for (size_t at = 0; at < len; at += KT_CBC_BLOCK) {
        kt_copy(masked, text + at, sizeof masked);
        mask(sum(k->secret, before, sizeof before), text + at, text + at, KT_CBC_BLOCK);
        kt_copy(before, k->direction == KT_SENDING ? text + at : masked, sizeof before);
    }
    kt_copy(k->last, before, sizeof before);
}

static void cbc_mac(const struct kt_cbc_key *k, const uint8_t *head, struct kt_span text, uint8_t *out)
{
    uint64_t h = sum_span(sum(k->mac_secret, head, KT_MAC_HEAD), text);

    expand(h, out, k->cbc->mac_len);
}

static bool cbc_seal(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *text, size_t text_len,
                     size_t *sealed_len)
{
    size_t len = text_len + (k->encrypt_then_mac ? 0 : k->cbc->mac_len);
    size_t padding = KT_CBC_BLOCK - len % KT_CBC_BLOCK;

    if (fails_now() || k->direction != KT_SENDING) {
        return false;
    }
    if (!k->encrypt_then_mac) {
        cbc_mac(k, head, kt_span_of(text, text_len), text + text_len);
    }
    memset(text + len, (int)(padding - 1), padding);
    len += padding;
    cbc_crypt(k, text, len);
    if (k->encrypt_then_mac) {
        cbc_mac(k, head, kt_span_of(text - k->iv_len, k->iv_len + len), text + len);
        len += k->cbc->mac_len;
    }
    *sealed_len = len;
    return true;
}

static bool padding_is_right(const uint8_t *text, size_t len, size_t reserved)
{
    size_t last = text[len - 1];

    if (reserved + last + 1 > len) {
        return false;
    }
    for (size_t i = 0; i <= last; i++) {
        if (text[len - 1 - i] != last) {
            return false;
        }
    }
    return true;
}

static bool cbc_open(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *fragment, size_t len,
                     struct kt_span *text)
{
    size_t mac_len = k->cbc->mac_len;
    size_t outside = k->iv_len + (k->encrypt_then_mac ? mac_len : 0);
    size_t inside = k->encrypt_then_mac ? 0 : mac_len;
    uint8_t *p = fragment + k->iv_len;
    uint8_t mac[KT_MAC_MAX];

    if (fails_now() || k->direction != KT_RECEIVING || len < outside + inside + 1 ||
        (len - outside) % KT_CBC_BLOCK != 0) {
        return false;
    }
    cbc_mac(k, head, kt_span_of(fragment, len - mac_len), mac);
    if (k->encrypt_then_mac && !kt_ct_eq(mac, fragment + len - mac_len, mac_len)) {
        return false;
    }
    len -= outside;
    cbc_crypt(k, p, len);
    if (!padding_is_right(p, len, inside)) {
        return false;
    }
    *text = kt_span_of(p, len - inside - p[len - 1] - 1u);
    cbc_mac(k, head, *text, mac);
    return k->encrypt_then_mac || kt_ct_eq(mac, p + text->len, mac_len);
}

#define CBC(text, key_bytes, mac_bytes)                                                                                \
    {                                                                                                                  \
        (text), (key_bytes), (mac_bytes), GCM_RECORDS, cbc_key_new, cbc_rekey, cbc_seal, cbc_open, release             \
    }

static const struct kt_cbc cbc_16_sha1 = CBC("toy-cbc-16-160", 16, 20);
static const struct kt_cbc cbc_32_sha1 = CBC("toy-cbc-32-160", 32, 20);
static const struct kt_cbc cbc_16_sha256 = CBC("toy-cbc-16-256", 16, 32);
static const struct kt_cbc cbc_32_sha256 = CBC("toy-cbc-32-256", 32, 32);
static const struct kt_cbc cbc_32_sha384 = CBC("toy-cbc-32-384", 32, 48);

/* ---- suites ---- */

static const struct kt_suite suite_rows[] = {
    {KT_SUITE_AES_128_GCM_SHA256, &aead_16, NULL, &hash_32},
    {KT_SUITE_AES_256_GCM_SHA384, &aead_32, NULL, &hash_48},
    {KT_SUITE_CHACHA20_POLY1305_SHA256, &aead_stream, NULL, &hash_32},
    {KT_SUITE_AES_128_CCM_SHA256, &aead_16, NULL, &hash_32},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, &aead_16, NULL, &hash_32},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, &aead_32, NULL, &hash_48},
    {KT_SUITE_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, &aead_stream, NULL, &hash_32},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CCM, &aead_16, NULL, &hash_32},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CCM, &aead_32, NULL, &hash_32},
    {KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, &aead_16, NULL, &hash_32},
    {KT_SUITE_ECDHE_RSA_WITH_AES_256_GCM_SHA384, &aead_32, NULL, &hash_48},
    {KT_SUITE_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, &aead_stream, NULL, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256, &aead_16, NULL, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_256_GCM_SHA384, &aead_32, NULL, &hash_48},
    {KT_SUITE_DHE_RSA_WITH_CHACHA20_POLY1305_SHA256, &aead_stream, NULL, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_128_CCM, &aead_16, NULL, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_256_CCM, &aead_32, NULL, &hash_32},
    {KT_SUITE_RSA_WITH_AES_128_GCM_SHA256, &aead_16, NULL, &hash_32},
    {KT_SUITE_RSA_WITH_AES_256_GCM_SHA384, &aead_32, NULL, &hash_48},
    {KT_SUITE_RSA_WITH_AES_128_CCM, &aead_16, NULL, &hash_32},
    {KT_SUITE_RSA_WITH_AES_256_CCM, &aead_32, NULL, &hash_32},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, NULL, &cbc_16_sha256, &hash_32},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, NULL, &cbc_32_sha384, &hash_48},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, NULL, &cbc_16_sha1, &hash_32},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA, NULL, &cbc_32_sha1, &hash_32},
    {KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA256, NULL, &cbc_16_sha256, &hash_32},
    {KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA384, NULL, &cbc_32_sha384, &hash_48},
    {KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA, NULL, &cbc_16_sha1, &hash_32},
    {KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA, NULL, &cbc_32_sha1, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA256, NULL, &cbc_16_sha256, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA256, NULL, &cbc_32_sha256, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA, NULL, &cbc_16_sha1, &hash_32},
    {KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA, NULL, &cbc_32_sha1, &hash_32},
    {KT_SUITE_RSA_WITH_AES_128_CBC_SHA256, NULL, &cbc_16_sha256, &hash_32},
    {KT_SUITE_RSA_WITH_AES_256_CBC_SHA256, NULL, &cbc_32_sha256, &hash_32},
    {KT_SUITE_RSA_WITH_AES_128_CBC_SHA, NULL, &cbc_16_sha1, &hash_32},
    {KT_SUITE_RSA_WITH_AES_256_CBC_SHA, NULL, &cbc_32_sha1, &hash_32},
};
static const struct kt_suite *const suites[] = {
    &suite_rows[0],  &suite_rows[1],
    &suite_rows[2],  &suite_rows[3],
    &suite_rows[4],  &suite_rows[5],
    &suite_rows[6],  &suite_rows[7],
    &suite_rows[8],  &suite_rows[9],
    &suite_rows[10], &suite_rows[11],
    &suite_rows[12], &suite_rows[13],
    &suite_rows[14], &suite_rows[15],
    &suite_rows[16], &suite_rows[17],
    &suite_rows[18], &suite_rows[19],
    &suite_rows[20], &suite_rows[21],
    &suite_rows[22], &suite_rows[23],
    &suite_rows[24], &suite_rows[25],
    &suite_rows[26], &suite_rows[27],
    &suite_rows[28], &suite_rows[29],
    &suite_rows[30], &suite_rows[31],
    &suite_rows[32], &suite_rows[33],
    &suite_rows[34], &suite_rows[35],
    &suite_rows[36], NULL,
};

/* ---- key exchange: products of odd numbers modulo 2^64 ---- */

struct kt_kex {
    const struct kt_group *group;
    uint64_t exponent;
};

/* Odd numbers are closed under products, so that no secret is zero; even ones are the points of small order.
 */
#define GENERATOR UINT64_C(0xb5026f5aa96619e9)

enum { POINT_UNCOMPRESSED = 4 };

static bool is_curve(const struct kt_group *group)
{
    return group->id >= KT_GROUP_SECP256R1 && group->id <= KT_GROUP_SECP521R1;
}

/* The number stands at the end; what fills the front follows from it, so that a share can be malformed. */
static void write_share(const struct kt_group *group, uint64_t number, uint8_t *share)
{
    size_t fill = group->initiator_share_len - (size_t)8;

    expand(number ^ group->id, share, fill);
    put_u64(share + fill, number);
    if (is_curve(group)) {
        share[0] = POINT_UNCOMPRESSED;
    }
}

static bool read_share(const struct kt_group *group, struct kt_span share, uint64_t *number)
{
    uint8_t right[KT_SHARE_MAX];

    if (share.len != group->initiator_share_len) {
        return false;
    }
    *number = take_u64(share.p + share.len - 8);
    write_share(group, *number, right);
    return (*number & 1) == 1 && kt_same_public(right, share.p, share.len);
}

/* As long as the real one: a coordinate, or as the share. */
static uint16_t secret_len(const struct kt_group *group)
{
    return is_curve(group) ? (uint16_t)((group->initiator_share_len - 1) / 2) : group->initiator_share_len;
}

static const struct kt_fault *agree(const struct kt_group *group, uint64_t exponent, struct kt_span peer_share,
                                    struct kt_shared_secret *secret)
{
    uint64_t number;

    if (!read_share(group, peer_share, &number)) {
        KT_FAIL(KEY_SHARE_MALFORMED);
    }
    secret->len = secret_len(group);
    expand(number * exponent, secret->b, secret->len);
    return NULL;
}

static const struct kt_fault *kex_start(const struct kt_group *group, struct kt_kex **out, uint8_t *share)
{
    struct kt_kex *kex = fails_now() ? NULL : malloc(sizeof *kex);

    if (kex == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    *kex = (struct kt_kex){group, next_random() | 1};
    write_share(group, GENERATOR * kex->exponent, share);
    *out = kex;
    return NULL;
}

static const struct kt_fault *kex_respond(const struct kt_group *group, struct kt_span peer_share, uint8_t *share,
                                          struct kt_shared_secret *secret)
{
    uint64_t exponent = next_random() | 1;

    if (fails_now()) {
        KT_FAIL(CRYPTO_FAILED);
    }
    write_share(group, GENERATOR * exponent, share);
    return agree(group, exponent, peer_share, secret);
}

static const struct kt_fault *kex_finish(struct kt_kex *kex, struct kt_span peer_share, struct kt_shared_secret *secret)
{
    if (fails_now()) {
        KT_FAIL(CRYPTO_FAILED);
    }
    return agree(kex->group, kex->exponent, peer_share, secret);
}

#define GROUP(name, share_len)                                                                                         \
    {                                                                                                                  \
        KT_GROUP_##name, (share_len), (share_len), kex_start, kex_respond, kex_finish, release                         \
    }

static const struct kt_group group_rows[] = {
    GROUP(X25519, 32),     GROUP(SECP256R1, 65),  GROUP(SECP384R1, 97), GROUP(SECP521R1, 133),
    GROUP(FFDHE2048, 256), GROUP(FFDHE3072, 384), GROUP(MODP2048, 256),
};
static const struct kt_group *const groups[] = {
    &group_rows[0], &group_rows[1], &group_rows[2], &group_rows[3],
    &group_rows[4], &group_rows[5], &group_rows[6], NULL,
};

/* A "prime" is any odd number that follows from the number of its group. */
static bool dh_numbers(const struct kt_group *group, uint8_t *prime, uint8_t *generator)
{
    if (is_curve(group) || group->id == KT_GROUP_X25519) {
        return false;
    }
    expand(group->id, prime, group->initiator_share_len);
    prime[0] |= 0x80;
    *generator = 2;
    return true;
}

static const struct kt_group *dh_group(struct kt_span prime, struct kt_span generator)
{
    uint8_t right[KT_SHARED_SECRET_MAX], two;

    for (size_t i = 0; groups[i] != NULL; i++) {
        if (prime.len == groups[i]->initiator_share_len && dh_numbers(groups[i], right, &two) &&
            kt_same_public(right, prime.p, prime.len) && generator.len == 1 && generator.p[0] == two) {
            return groups[i];
        }
    }
    return NULL;
}

/* ---- signatures: a keyed sum, the key being the certificate ---- */

struct kt_peer_key {
    enum kt_key_kind kind;
    uint64_t sum;
};

static const uint16_t schemes[] = {
#define X(name, number, text, key, digest, legacy, first, last) (number),
#include "registry/schemes.def"
#undef X
    0,
};

static uint64_t certificate_sum(struct kt_span certificate)
{
    return sum_span(0, certificate);
}

static void signature_of(uint64_t certificate, uint16_t scheme, struct kt_span input, uint8_t *out)
{
    expand(sum_span(scramble(certificate) + scheme, input), out, KT_TOY_SIGNATURE_LEN);
}

size_t kt_toy_sign(uint16_t scheme, struct kt_span certificate, struct kt_span input, uint8_t *out)
{
    signature_of(certificate_sum(certificate), scheme, input, out);
    return KT_TOY_SIGNATURE_LEN;
}

static const struct kt_fault *peer_key_new(struct kt_span certificate, struct kt_peer_key **out)
{
    struct kt_peer_key *key;
    uint8_t kind;

    if (certificate.len == 0) {
        KT_FAIL(CERTIFICATE_UNPARSABLE);
    }
    key = fails_now() ? NULL : malloc(sizeof *key);
    if (key == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    kind = certificate.p[0];
    key->kind = kind > KT_KEY_NONE && kind <= KT_KEY_ED25519 ? (enum kt_key_kind)kind : KT_KEY_P256;
    key->sum = certificate_sum(certificate);
    *out = key;
    return NULL;
}

static enum kt_key_kind peer_key_kind(const struct kt_peer_key *key)
{
    return key->kind;
}

static bool peer_key_verify(const struct kt_peer_key *key, uint16_t scheme, struct kt_span content,
                            struct kt_span signature)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(scheme);
    uint8_t right[KT_TOY_SIGNATURE_LEN];

    if (fails_now() || facts == NULL || !kt_scheme_fits_key(facts, key->kind, KT_TLS_1_2) ||
        signature.len != sizeof right) {
        return false;
    }
    signature_of(key->sum, scheme, content, right);
    return kt_same_public(right, signature.p, sizeof right);
}

/* ---- encryption to the holder of a certificate: a mask and a sum, both keyed by the certificate ---- */

static void ciphertext_of(uint64_t certificate, const uint8_t *premaster, uint8_t *out)
{
    mask(certificate, premaster, out, KT_PREMASTER_LEN);
    tag_of(certificate, kt_span_of(NULL, 0), kt_span_of(out, KT_PREMASTER_LEN), out + KT_PREMASTER_LEN);
}

static const struct kt_fault *peer_key_encrypt(const struct kt_peer_key *key, const uint8_t premaster[KT_PREMASTER_LEN],
                                               uint8_t *out, size_t cap, size_t *len)
{
    if (key->kind != KT_KEY_RSA || cap < KT_TOY_CIPHERTEXT_LEN) {
        KT_FAIL(CERTIFICATE_KEY_UNSUPPORTED);
    }
    if (fails_now()) {
        KT_FAIL(CRYPTO_FAILED);
    }
    ciphertext_of(key->sum, premaster, out);
    *len = KT_TOY_CIPHERTEXT_LEN;
    return NULL;
}

size_t kt_toy_decrypt(struct kt_span certificate, struct kt_span ciphertext, uint8_t out[KT_PREMASTER_LEN])
{
    uint64_t secret = certificate_sum(certificate);
    uint8_t premaster[KT_PREMASTER_LEN], right[KT_TOY_CIPHERTEXT_LEN];

    if (ciphertext.len != sizeof right) {
        return 0;
    }
    mask(secret, ciphertext.p, premaster, sizeof premaster);
    ciphertext_of(secret, premaster, right);
    if (!kt_same_public(right, ciphertext.p, sizeof right)) {
        return 0;
    }
    kt_copy(out, premaster, sizeof premaster);
    return sizeof premaster;
}

static const struct kt_crypto provider = {
    .name = "toy",
    .suites = suites,
    .groups = groups,
    .schemes = schemes,
    .digests = {[KT_DIGEST_SHA256] = &hash_32,
                [KT_DIGEST_SHA384] = &hash_48,
                [KT_DIGEST_SHA512] = &hash_48,
                [KT_DIGEST_SHA1] = &hash_20,
                [KT_DIGEST_MD5] = &hash_16,
                [KT_DIGEST_MD5_SHA1] = &hash_36},
    .peer_key_new = peer_key_new,
    .peer_key_kind = peer_key_kind,
    .peer_key_verify = peer_key_verify,
    .peer_key_encrypt = peer_key_encrypt,
    .peer_key_release = release,
    .dh_group = dh_group,
    .dh_numbers = dh_numbers,
};

const struct kt_crypto *kt_crypto_toy(void)
{
    return &provider;
}
