#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

#define SUNSCREEN                                                                                                      \
    "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a20496620492063"                 \
    "6f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73"                 \
    "637265656e20776f756c642062652069742e"
#define GCM_TEXT                                                                                                       \
    "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"                 \
    "b16aedf5aa0de657ba637b39"

/* Cases 1, 2, 4 and 16 of the GCM specification (McGrew, Viega); RFC 8439 section 2.8.2. */
static const struct {
    uint16_t suite;
    const char *key;
    const char *nonce;
    const char *ad;
    const char *text;
    const char *sealed;
} facts[] = {
    {KT_SUITE_AES_128_GCM_SHA256, "00000000000000000000000000000000", "000000000000000000000000", "", "",
     "58e2fccefa7e3061367f1d57a4e7455a"},
    {KT_SUITE_AES_128_GCM_SHA256, "00000000000000000000000000000000", "000000000000000000000000", "",
     "00000000000000000000000000000000", "0388dace60b6a392f328c2b971b2fe78ab6e47d42cec13bdf53a67b21257bddf"},
    {KT_SUITE_AES_128_GCM_SHA256, "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2", GCM_TEXT,
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa05"
     "1ba30b396a0aac973d58e0915bc94fbc3221a5db94fae95ae7121a47"},
    {KT_SUITE_AES_256_GCM_SHA384, "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
     "cafebabefacedbaddecaf888", "feedfacedeadbeeffeedfacedeadbeefabaddad2", GCM_TEXT,
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
     "c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
    {KT_SUITE_CHACHA20_POLY1305_SHA256, "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
     "070000004041424344454647", "50515253c0c1c2c3c4c5c6c7", SUNSCREEN,
     "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b"
     "1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc"
     "3ff4def08e4b7a9de576d26586cec64b61161ae10b594f09e26a7e902ecbd0600691"},
};

enum { RECORD_MAX = 20000 };

static const uint8_t key_one[32] = {1, 2, 3};
static const uint8_t key_two[32] = {4, 5, 6};
static const uint8_t nonce_one[KT_NONCE_LEN] = {7, 8, 9};
static const uint8_t ad_one[5] = {23, 3, 3, 0, 40};

/* Both directions of one AEAD under one key. */
struct ends {
    const struct kt_aead *aead;
    struct kt_aead_key *out;
    struct kt_aead_key *in;
};

static struct ends ends_new(uint16_t suite, const uint8_t *key)
{
    struct ends e = {.aead = kt_crypto_suite(kt_crypto_libcrypto(), suite)->aead};

    e.out = e.aead->key_new(e.aead, KT_SENDING, key);
    e.in = e.aead->key_new(e.aead, KT_RECEIVING, key);
    assert_non_null(e.out);
    assert_non_null(e.in);
    return e;
}

static void ends_free(struct ends *e)
{
    e->aead->release(e->out);
    e->aead->release(e->in);
}

static struct kt_span ad_span(void)
{
    return kt_span_of(ad_one, sizeof ad_one);
}

static bool seal(struct ends *e, const uint8_t *src, size_t src_len, uint8_t *dst, size_t tail_len)
{
    return e->aead->seal(e->out, nonce_one, ad_span(), src, src_len, dst, tail_len);
}

static bool open(struct ends *e, uint8_t *bytes, size_t len)
{
    return e->aead->open(e->in, nonce_one, ad_span(), bytes, len);
}

/* The first `cut` bytes come from elsewhere, the rest stands in place as the tail. */
static void check_answer(size_t fact, size_t cut)
{
    uint8_t key[32];
    uint8_t nonce[KT_NONCE_LEN];
    uint8_t ad[64];
    uint8_t text[256];
    uint8_t record[256 + KT_TAG_LEN];
    struct kt_span data = {ad, kit_hex(facts[fact].ad, ad)};
    size_t len = kit_hex(facts[fact].text, text);
    struct ends e;

    assert_int_equal(kit_hex(facts[fact].nonce, nonce), KT_NONCE_LEN);
    (void)kit_hex(facts[fact].key, key);
    e = ends_new(facts[fact].suite, key);
    kt_copy(record + cut, text + cut, len - cut);
    assert_true(e.aead->seal(e.out, nonce, data, text, cut, record, len - cut));
    kit_assert_hex(record, len + KT_TAG_LEN, facts[fact].sealed);
    assert_true(e.aead->open(e.in, nonce, data, record, len + KT_TAG_LEN));
    assert_memory_equal(record, text, len);
    ends_free(&e);
}

static void known_answers_with_every_tail(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(facts); i++) {
        for (size_t cut = 0; cut <= strlen(facts[i].text) / 2; cut++) {
            check_answer(i, cut);
        }
    }
}

static void known_answers_in_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(facts); i++) {
        struct ends e;
        uint8_t key[32];
        uint8_t nonce[KT_NONCE_LEN];
        uint8_t ad[64];
        uint8_t record[256 + KT_TAG_LEN];
        struct kt_span data = {ad, kit_hex(facts[i].ad, ad)};
        size_t len = kit_hex(facts[i].text, record);

        (void)kit_hex(facts[i].key, key);
        (void)kit_hex(facts[i].nonce, nonce);
        e = ends_new(facts[i].suite, key);
        assert_true(e.aead->seal(e.out, nonce, data, record, len / 2, record, len - len / 2));
        kit_assert_hex(record, len + KT_TAG_LEN, facts[i].sealed);
        ends_free(&e);
    }
}

static void each_suite(void (*check)(uint16_t suite))
{
    const struct kt_suite *const *suite = kt_crypto_libcrypto()->suites;

    for (; *suite != NULL; suite++) {
        if ((*suite)->aead != NULL) {
            check((*suite)->id);
        }
    }
}

/* Across the size up to which a source is copied first. */
static void places_agree(uint16_t suite)
{
    static const size_t sizes[] = {0, 1, 15, 16, 17, 1024, 2047, 2048, 2049, 16384};
    static uint8_t text[RECORD_MAX];
    static uint8_t there[RECORD_MAX];
    static uint8_t here[RECORD_MAX];
    struct ends e = ends_new(suite, key_one);

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 31);
    }
    for (size_t i = 0; i < KT_COUNT_OF(sizes); i++) {
        size_t n = sizes[i];

        for (size_t tail = 0; tail < 40; tail += 13) {
            memcpy(here, text, n + tail);
            memcpy(there + n, text + n, tail);
            assert_true(seal(&e, here, n, here, tail));
            assert_true(seal(&e, text, n, there, tail));
            assert_memory_equal(here, there, n + tail + KT_TAG_LEN);
            assert_true(open(&e, there, n + tail + KT_TAG_LEN));
            assert_memory_equal(there, text, n + tail);
        }
    }
    ends_free(&e);
}

static void in_place_and_elsewhere_agree(void **state)
{
    (void)state;
    each_suite(places_agree);
}

static void flips_fail(uint16_t suite)
{
    static const uint8_t text[] = "a short record to flip";
    struct ends e = ends_new(suite, key_one);
    uint8_t sealed[sizeof text + KT_TAG_LEN];
    uint8_t damaged[sizeof sealed];

    assert_true(seal(&e, text, sizeof text, sealed, 0));
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        memcpy(damaged, sealed, sizeof sealed);
        damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(open(&e, damaged, sizeof damaged));
        kit_assert_no_errors();
    }
    assert_true(open(&e, sealed, sizeof sealed));
    ends_free(&e);
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    each_suite(flips_fail);
}

static void others_fail(uint16_t suite)
{
    static const uint8_t text[] = "contents";
    struct ends e = ends_new(suite, key_one);
    uint8_t other[KT_NONCE_LEN] = {7, 8, 9};
    uint8_t sealed[sizeof text + KT_TAG_LEN];
    uint8_t copy[sizeof sealed];

    other[11] = 1;
    assert_true(seal(&e, text, sizeof text, sealed, 0));
    memcpy(copy, sealed, sizeof copy);
    assert_false(e.aead->open(e.in, other, ad_span(), copy, sizeof copy));
    memcpy(copy, sealed, sizeof copy);
    assert_false(e.aead->open(e.in, nonce_one, kt_span_of(ad_one, 4), copy, sizeof copy));
    for (size_t len = 0; len < sizeof sealed; len++) {
        memcpy(copy, sealed, sizeof copy);
        assert_false(open(&e, copy, len));
    }
    kit_assert_no_errors();
    ends_free(&e);
}

static void another_nonce_data_or_length_fails(void **state)
{
    (void)state;
    each_suite(others_fail);
}

static void rekey_changes_the_key(uint16_t suite)
{
    static const uint8_t text[] = "contents";
    struct ends e = ends_new(suite, key_one);
    struct ends fresh = ends_new(suite, key_two);
    uint8_t record[sizeof text + KT_TAG_LEN];

    assert_true(seal(&e, text, sizeof text, record, 0));
    assert_true(e.aead->rekey(e.out, key_two));
    assert_true(seal(&e, text, sizeof text, record, 0));
    assert_false(open(&e, record, sizeof record));
    assert_true(e.aead->rekey(e.in, key_two));
    assert_true(seal(&e, text, sizeof text, record, 0));
    assert_true(open(&e, record, sizeof record));
    assert_true(seal(&e, text, sizeof text, record, 0));
    assert_true(open(&fresh, record, sizeof record));
    assert_memory_equal(record, text, sizeof text);
    ends_free(&fresh);
    ends_free(&e);
}

static void a_new_key_in_the_same_object(void **state)
{
    (void)state;
    each_suite(rekey_changes_the_key);
}

/* ---- the data of TLS 1.2, which ChaCha20-Poly1305 has its own way for: all must be as EVP has it without ---- */

enum { RECORD_DATA = 13 };

/* Sequence, type, version and length. */
static struct kt_span record_data(uint8_t data[RECORD_DATA], size_t len)
{
    static const uint8_t head[RECORD_DATA] = {0, 1, 2, 3, 4, 5, 6, 7, 23, 3, 3};

    memcpy(data, head, sizeof head);
    data[11] = (uint8_t)(len >> 8);
    data[12] = (uint8_t)len;
    return kt_span_of(data, RECORD_DATA);
}

static void seal_by_evp(const uint8_t *key, struct kt_span ad, const uint8_t *text, size_t len, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    assert_non_null(ctx);
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_chacha20_poly1305(), NULL, key, nonce_one), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &n, ad.p, (int)ad.len), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &n, text, (int)len), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + len, &n), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, KT_TAG_LEN, out + len), 1);
    EVP_CIPHER_CTX_free(ctx);
}

/* In place, with a tail, from elsewhere; and opened. */
static void check_record(struct ends *e, struct kt_span ad, const uint8_t *text, size_t len)
{
    static uint8_t expected[RECORD_MAX], record[RECORD_MAX];

    seal_by_evp(key_one, ad, text, len, expected);
    memcpy(record, text, len);
    assert_true(e->aead->seal(e->out, nonce_one, ad, record, len, record, 0));
    assert_memory_equal(record, expected, len + KT_TAG_LEN);
    memset(record, 0, sizeof record);
    memcpy(record + len / 2, text + len / 2, len - len / 2);
    assert_true(e->aead->seal(e->out, nonce_one, ad, text, len / 2, record, len - len / 2));
    assert_memory_equal(record, expected, len + KT_TAG_LEN);
    memset(record, 0, sizeof record);
    assert_true(e->aead->seal(e->out, nonce_one, ad, text, len, record, 0));
    assert_memory_equal(record, expected, len + KT_TAG_LEN);
    assert_true(e->aead->open(e->in, nonce_one, ad, record, len + KT_TAG_LEN));
    assert_memory_equal(record, text, len);
}

/* Data of another form between them, and data that names another length, change nothing. */
static void records_are_as_evp_seals_them(void **state)
{
    static const size_t sizes[] = {0, 1, 16, 64, 100, 191, 192, 193, 1000, 2048, 2049, 5000, 16384};
    static uint8_t text[16384];
    struct ends e = ends_new(KT_SUITE_CHACHA20_POLY1305_SHA256, key_one);
    uint8_t data[RECORD_DATA];

    (void)state;
    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 7);
    }
    for (size_t i = 0; i < KT_COUNT_OF(sizes); i++) {
        check_record(&e, record_data(data, sizes[i]), text, sizes[i]);
        check_record(&e, record_data(data, sizes[i] + 1), text, sizes[i]);
        check_record(&e, ad_span(), text, sizes[i]);
    }
    ends_free(&e);
}

static void damaged_records_fail(uint16_t suite)
{
    static const uint8_t text[] = "a short record to flip";
    struct ends e = ends_new(suite, key_one);
    uint8_t sealed[sizeof text + KT_TAG_LEN], damaged[sizeof sealed], data[RECORD_DATA], nonce[KT_NONCE_LEN];
    struct kt_span ad = record_data(data, sizeof text);

    assert_true(e.aead->seal(e.out, nonce_one, ad, text, sizeof text, sealed, 0));
    for (size_t bit = 0; bit < 8 * sizeof sealed; bit++) {
        memcpy(damaged, sealed, sizeof sealed);
        damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(e.aead->open(e.in, nonce_one, ad, damaged, sizeof damaged));
    }
    for (size_t bit = 0; bit < 8 * sizeof data; bit++) {
        memcpy(damaged, sealed, sizeof sealed);
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(e.aead->open(e.in, nonce_one, ad, damaged, sizeof damaged));
        data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof nonce; bit++) {
        memcpy(damaged, sealed, sizeof sealed);
        memcpy(nonce, nonce_one, sizeof nonce);
        nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(e.aead->open(e.in, nonce, ad, damaged, sizeof damaged));
    }
    kit_assert_no_errors();
    assert_true(e.aead->open(e.in, nonce_one, ad, sealed, sizeof sealed));
    ends_free(&e);
}

static void every_flipped_bit_of_a_record_is_noticed(void **state)
{
    (void)state;
    each_suite(damaged_records_fail);
}

/* ---- libcrypto's allocations, counted: set before its first one ---- */

static size_t allocations;

static void *counted_malloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    allocations++;
    return malloc(len);
}

static void *counted_realloc(void *p, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    allocations++;
    return realloc(p, len);
}

static void counted_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static void allocates_nothing(uint16_t suite)
{
    static uint8_t record[4096];
    static uint8_t text[3000];
    struct ends e = ends_new(suite, key_one);
    uint8_t data[RECORD_DATA];
    size_t before = allocations;

    for (size_t n = 0; n < sizeof text; n += 500) {
        assert_true(seal(&e, text, n, record, 1));
        assert_true(open(&e, record, n + 1 + KT_TAG_LEN));
        assert_true(e.aead->seal(e.out, nonce_one, record_data(data, n + 1), text, n, record, 1));
        assert_true(e.aead->open(e.in, nonce_one, record_data(data, n + 1), record, n + 1 + KT_TAG_LEN));
        assert_true(e.aead->rekey(e.out, key_two));
        assert_true(e.aead->rekey(e.in, key_two));
    }
    assert_int_equal(allocations, before);
    ends_free(&e);
}

static void records_and_rekeying_allocate_nothing(void **state)
{
    (void)state;
    assert_true(allocations > 0);
    each_suite(allocates_nothing);
}

static void release_takes_null(void **state)
{
    (void)state;
    kt_crypto_libcrypto()->suites[0]->aead->release(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers_with_every_tail),
        cmocka_unit_test(known_answers_in_place),
        cmocka_unit_test(in_place_and_elsewhere_agree),
        cmocka_unit_test(every_flipped_bit_is_noticed),
        cmocka_unit_test(another_nonce_data_or_length_fails),
        cmocka_unit_test(a_new_key_in_the_same_object),
        cmocka_unit_test(records_and_rekeying_allocate_nothing),
        cmocka_unit_test(release_takes_null),
        cmocka_unit_test(records_are_as_evp_seals_them),
        cmocka_unit_test(every_flipped_bit_of_a_record_is_noticed),
    };

    if (CRYPTO_set_mem_functions(counted_malloc, counted_realloc, counted_free) != 1) {
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
