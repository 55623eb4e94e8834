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

#define AEAD(text, key_bytes, explicit_bytes, records)                                                                                \
    {                                                                                                                  \
        (text), (key_bytes), (explicit_bytes), (records), aead_key_new, aead_rekey, aead_seal, aead_open, release                        \
    }

static const struct kt_aead aead_16 = AEAD("toy-16", 16, 8, GCM_RECORDS);
static const struct kt_aead aead_32 = AEAD("toy-32", 32, 8, GCM_RECORDS);
static const struct kt_aead aead_stream = AEAD("toy-stream", 32, 0, UINT64_MAX);

static const struct kt_suite suite_rows[] = {
    {KT_SUITE_AES_128_GCM_SHA256, &aead_16, NULL, &hash_32},
    {KT_SUITE_AES_256_GCM_SHA384, &aead_32, NULL, &hash_48},
    {KT_SUITE_CHACHA20_POLY1305_SHA256, &aead_stream, NULL, &hash_32},
};
static const struct kt_suite *const suites[] = {&suite_rows[0], &suite_rows[1], &suite_rows[2], NULL};

/* ---- key exchange: products of odd numbers modulo 2^64 ---- */

struct kt_kex {
    const struct kt_group *group;
    uint64_t exponent;
};

/* Odd numbers are closed under products, so that no secret is zero; even ones are the points of small order.
 */
#define GENERATOR UINT64_C(0xb5026f5aa96619e9)

enum { POINT_UNCOMPRESSED = 4 };

/* The number stands at the end; what fills the front follows from it, so that a share can be malformed. */
static void write_share(const struct kt_group *group, uint64_t number, uint8_t *share)
{
    size_t fill = group->initiator_share_len - (size_t)8;

    expand(number ^ group->id, share, fill);
    put_u64(share + fill, number);
    if (group->id != KT_GROUP_X25519) {
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

/* As long as the real one: a coordinate. */
static uint8_t secret_len(const struct kt_group *group)
{
    return group->id == KT_GROUP_X25519 ? 32 : (uint8_t)((group->initiator_share_len - 1) / 2);
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
    GROUP(X25519, 32),
    GROUP(SECP256R1, 65),
    GROUP(SECP384R1, 97),
    GROUP(SECP521R1, 133),
};
static const struct kt_group *const groups[] = {
    &group_rows[0], &group_rows[1], &group_rows[2], &group_rows[3], NULL,
};

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

    if (fails_now() || facts == NULL || facts->key != key->kind || signature.len != sizeof right) {
        return false;
    }
    signature_of(key->sum, scheme, content, right);
    return kt_same_public(right, signature.p, sizeof right);
}

static const struct kt_crypto provider = {
    .name = "toy",
    .suites = suites,
    .groups = groups,
    .schemes = schemes,
    .digests = {[KT_DIGEST_SHA256] = &hash_32, [KT_DIGEST_SHA384] = &hash_48, [KT_DIGEST_SHA512] = &hash_48},
    .peer_key_new = peer_key_new,
    .peer_key_kind = peer_key_kind,
    .peer_key_verify = peer_key_verify,
    .peer_key_release = release,
};

const struct kt_crypto *kt_crypto_toy(void)
{
    return &provider;
}
