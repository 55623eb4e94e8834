/* CBC records: what a peer may send opens, all else does not, and for the whole truth a check that hides nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <openssl/hmac.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

enum { FRAGMENT_MAX = 2048 };

static const uint8_t head[KT_MAC_HEAD] = {0, 0, 0, 0, 0, 0, 0, 9, 23, 3, 3};

static struct kt_keys12 keys_of(uint16_t version, bool encrypt_then_mac)
{
    struct kt_keys12 keys = {.version = version, .encrypt_then_mac = encrypt_then_mac};

    memset(keys.key, 0x11, sizeof keys.key);
    memset(keys.iv, 0x22, sizeof keys.iv);
    memset(keys.mac_key, 0x33, sizeof keys.mac_key);
    return keys;
}

/* ---- a peer that writes what it likes: by libcrypto's plain calls ---- */

static const EVP_CIPHER *cipher_of(const struct kt_cbc *cbc)
{
    return cbc->key_len == 16 ? EVP_aes_128_cbc() : EVP_aes_256_cbc();
}

static const EVP_MD *digest_of(const struct kt_cbc *cbc)
{
    return cbc->mac_len == 20 ? EVP_sha1() : cbc->mac_len == 32 ? EVP_sha256() : EVP_sha384();
}

static void mac_of(const struct kt_cbc *cbc, const struct kt_keys12 *keys, const uint8_t *text, size_t len,
                   uint8_t *out)
{
    uint8_t data[KT_MAC_HEAD + 2 + FRAGMENT_MAX];
    unsigned out_len;

    memcpy(data, head, sizeof head);
    data[KT_MAC_HEAD] = (uint8_t)(len >> 8);
    data[KT_MAC_HEAD + 1] = (uint8_t)len;
    memcpy(data + KT_MAC_HEAD + 2, text, len);
    assert_non_null(HMAC(digest_of(cbc), keys->mac_key, cbc->mac_len, data, KT_MAC_HEAD + 2 + len, out, &out_len));
}

/* Encrypts whole blocks behind an IV, which stands in the record or, in TLS 1.0, in the keys. Returns the length. */
static size_t encrypt(const struct kt_cbc *cbc, const struct kt_keys12 *keys, const uint8_t *blocks, size_t len,
                      uint8_t *fragment)
{
    size_t iv_len = keys->version == KT_TLS_1_0 ? 0 : KT_CBC_BLOCK;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    memcpy(fragment, keys->iv, iv_len);
    assert_int_equal(EVP_EncryptInit_ex(ctx, cipher_of(cbc), NULL, keys->key, keys->iv), 1);
    (void)EVP_CIPHER_CTX_set_padding(ctx, 0);
    assert_int_equal(EVP_EncryptUpdate(ctx, fragment + iv_len, &n, blocks, (int)len), 1);
    EVP_CIPHER_CTX_free(ctx);
    return iv_len + len;
}

/* Opens the fragment with a key of its own. */
static bool opens(const struct kt_cbc *cbc, const struct kt_keys12 *keys, const uint8_t *fragment, size_t len,
                  struct kt_span *text)
{
    static uint8_t copy[FRAGMENT_MAX];
    struct kt_cbc_key *k = cbc->key_new(cbc, KT_RECEIVING, keys);
    bool good;

    assert_non_null(k);
    memcpy(copy, fragment, len);
    good = cbc->open(k, head, copy, len, text);
    cbc->release(k);
    return good;
}

/* ---- each of them ---- */

static void each_cbc(void (*check)(const struct kt_cbc *cbc))
{
    static const uint16_t suites[] = {
        KT_SUITE_RSA_WITH_AES_128_CBC_SHA,          KT_SUITE_RSA_WITH_AES_256_CBC_SHA,
        KT_SUITE_RSA_WITH_AES_128_CBC_SHA256,       KT_SUITE_RSA_WITH_AES_256_CBC_SHA256,
        KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
    };

    for (size_t i = 0; i < KT_COUNT_OF(suites); i++) {
        check(kt_crypto_suite(kt_crypto_libcrypto(), suites[i])->cbc);
    }
}

static void every_length_opens(const struct kt_cbc *cbc)
{
    static const uint16_t versions[] = {KT_TLS_1_0, KT_TLS_1_1, KT_TLS_1_2};
    static uint8_t record[FRAGMENT_MAX];

    for (size_t i = 0; i < 2 * KT_COUNT_OF(versions); i++) {
        struct kt_keys12 keys = keys_of(versions[i / 2], i % 2 != 0);
        size_t iv_len = keys.version == KT_TLS_1_0 ? 0 : KT_CBC_BLOCK;
        struct kt_cbc_key *out = cbc->key_new(cbc, KT_SENDING, &keys);
        struct kt_cbc_key *in = cbc->key_new(cbc, KT_RECEIVING, &keys);

        for (size_t len = 0; len <= 700; len++) {
            struct kt_span text;
            size_t sealed_len;

            memset(record, 0x5a, iv_len);
            memset(record + iv_len, (int)(len & 0xff), len);
            assert_true(cbc->seal(out, head, record + iv_len, len, &sealed_len));
            assert_true(sealed_len <= len + cbc->mac_len + KT_CBC_BLOCK);
            assert_true(cbc->open(in, head, record, iv_len + sealed_len, &text));
            assert_ptr_equal(text.p, record + iv_len);
            assert_int_equal(text.len, len);
            for (size_t at = 0; at < len; at++) {
                assert_int_equal(text.p[at], len & 0xff);
            }
        }
        cbc->release(out);
        cbc->release(in);
    }
}

static void records_of_every_length_open(void **state)
{
    (void)state;
    each_cbc(every_length_opens);
}

/* Text, MAC and as much padding as the peer likes, then one byte changed; 0 changes nothing. Returns the length. */
static size_t compose(const struct kt_cbc *cbc, const struct kt_keys12 *keys, size_t text_len, size_t padding,
                      uint8_t *blocks)
{
    memset(blocks, 0x41, text_len);
    mac_of(cbc, keys, blocks, text_len, blocks + text_len);
    memset(blocks + text_len + cbc->mac_len, (int)(padding - 1), padding);
    return text_len + cbc->mac_len + padding;
}

static void any_padding(const struct kt_cbc *cbc)
{
    struct kt_keys12 keys = keys_of(KT_TLS_1_2, false);
    uint8_t blocks[FRAGMENT_MAX], fragment[FRAGMENT_MAX];
    struct kt_span text;

    for (size_t padding = 1; padding <= KT_CBC_PADDING_MAX; padding++) {
        size_t text_len = (2 * KT_CBC_PADDING_MAX - cbc->mac_len - padding) % KT_CBC_BLOCK;
        size_t len = compose(cbc, &keys, text_len, padding, blocks);

        assert_true(opens(cbc, &keys, fragment, encrypt(cbc, &keys, blocks, len, fragment), &text));
        assert_int_equal(text.len, text_len);
        for (size_t at = 0; at < len; at++) {
            blocks[at] ^= 0x01;
            assert_false(opens(cbc, &keys, fragment, encrypt(cbc, &keys, blocks, len, fragment), &text));
            blocks[at] ^= 0x01;
        }
    }
}

static void each_byte_of_text_mac_and_padding_counts(void **state)
{
    (void)state;
    each_cbc(any_padding);
}

enum { BLOCKS_MAX = 28 };

/* One object for all records: each begins with its IV. */
static bool opens_by(const struct kt_cbc *cbc, struct kt_cbc_key *k, const uint8_t *fragment, size_t len,
                     struct kt_span *text)
{
    static uint8_t copy[FRAGMENT_MAX];

    memcpy(copy, fragment, len);
    return cbc->open(k, head, copy, len, text);
}

/* Every number of blocks with every padding that it has room for, right and with a wrong bit in MAC and in padding. */
static void all_places(const struct kt_cbc *cbc)
{
    struct kt_keys12 keys = keys_of(KT_TLS_1_1, false);
    struct kt_cbc_key *in = cbc->key_new(cbc, KT_RECEIVING, &keys);
    uint8_t blocks[BLOCKS_MAX * KT_CBC_BLOCK], fragment[FRAGMENT_MAX];
    struct kt_span text;

    for (size_t len = KT_CBC_BLOCK; len <= sizeof blocks; len += KT_CBC_BLOCK) {
        for (size_t padding = 1; padding <= KT_CBC_PADDING_MAX && padding + cbc->mac_len <= len; padding++) {
            size_t text_len = len - cbc->mac_len - padding;

            assert_int_equal(compose(cbc, &keys, text_len, padding, blocks), len);
            assert_true(opens_by(cbc, in, fragment, encrypt(cbc, &keys, blocks, len, fragment), &text));
            assert_int_equal(text.len, text_len);
            blocks[text_len + padding % cbc->mac_len] ^= 0x40;
            assert_false(opens_by(cbc, in, fragment, encrypt(cbc, &keys, blocks, len, fragment), &text));
            blocks[text_len + padding % cbc->mac_len] ^= 0x40;
            blocks[len - 1 - (padding > 1 ? len / KT_CBC_BLOCK % padding : 0)] ^= 0x04;
            assert_false(opens_by(cbc, in, fragment, encrypt(cbc, &keys, blocks, len, fragment), &text));
        }
    }
    cbc->release(in);
}

static void lucky_13_the_mac_is_found_at_every_place_it_can_have(void **state)
{
    (void)state;
    each_cbc(all_places);
}

/* What is padded with whatever stands there, and its last byte right, is POODLE's: all bytes count. */
static void any_bytes(const struct kt_cbc *cbc)
{
    struct kt_keys12 keys = keys_of(KT_TLS_1_2, false);
    uint8_t blocks[BLOCKS_MAX * KT_CBC_BLOCK], fragment[FRAGMENT_MAX];
    struct kt_span text;

    for (size_t padding = 2; padding <= KT_CBC_PADDING_MAX; padding++) {
        size_t text_len = (2 * KT_CBC_PADDING_MAX - cbc->mac_len - padding) % KT_CBC_BLOCK;
        size_t len = compose(cbc, &keys, text_len, padding, blocks);

        memset(blocks + text_len + cbc->mac_len, 0xee, padding - 1);
        assert_int_equal(padding - 1 == 0xee,
                         opens(cbc, &keys, fragment, encrypt(cbc, &keys, blocks, len, fragment), &text));
    }
}

static void cve_2014_3566_poodle_all_bytes_of_the_padding_count(void **state)
{
    (void)state;
    each_cbc(any_bytes);
}

/* RFC 5246 section 6.2.3.2, step by step and with branches. */
static bool is_right(const struct kt_cbc *cbc, const struct kt_keys12 *keys, const uint8_t *blocks, size_t len,
                     size_t *text_len)
{
    size_t padding = blocks[len - 1] + (size_t)1;
    uint8_t mac[KT_HASH_MAX];

    if (padding + cbc->mac_len > len) {
        return false;
    }
    for (size_t i = 1; i <= padding; i++) {
        if (blocks[len - i] != padding - 1) {
            return false;
        }
    }
    *text_len = len - padding - cbc->mac_len;
    mac_of(cbc, keys, blocks, *text_len, mac);
    return memcmp(mac, blocks + *text_len, cbc->mac_len) == 0;
}

static uint32_t next(uint32_t *random)
{
    *random = *random * 1664525u + 1013904223u;
    return *random >> 8;
}

/* All sorts of wrong ones, and right ones among them: both ways of looking agree on each. */
static void as_with_branches(const struct kt_cbc *cbc)
{
    struct kt_keys12 keys = keys_of(KT_TLS_1_2, false);
    uint8_t blocks[FRAGMENT_MAX] = {0}, fragment[FRAGMENT_MAX];
    uint32_t random = cbc->mac_len;
    unsigned right = 0, wrong = 0;

    for (unsigned i = 0; i < 3000; i++) {
        size_t padding = 1 + next(&random) % KT_CBC_PADDING_MAX;
        size_t text_len = next(&random) % 600;
        size_t len, right_len = 0;
        struct kt_span text;
        bool good;

        text_len += (2 * KT_CBC_PADDING_MAX + 1024 - cbc->mac_len - padding - text_len) % KT_CBC_BLOCK;
        len = compose(cbc, &keys, text_len, padding, blocks);
        if (next(&random) % 3 != 0) {
            blocks[len - 1 - next(&random) % len] ^= (uint8_t)(1u << next(&random) % 8);
        }
        if (next(&random) % 4 == 0) {
            blocks[len - 1] = (uint8_t)next(&random);
        }
        good = is_right(cbc, &keys, blocks, len, &right_len);
        assert_true(good == opens(cbc, &keys, fragment, encrypt(cbc, &keys, blocks, len, fragment), &text));
        assert_true(!good || text.len == right_len);
        right += good;
        wrong += !good;
    }
    assert_true(right > 300 && wrong > 300);
}

static void the_check_agrees_with_one_that_branches(void **state)
{
    (void)state;
    each_cbc(as_with_branches);
}

static void odd_lengths(const struct kt_cbc *cbc)
{
    for (unsigned i = 0; i < 2; i++) {
        struct kt_keys12 keys = keys_of(KT_TLS_1_2, i != 0);
        struct kt_cbc_key *out = cbc->key_new(cbc, KT_SENDING, &keys);
        uint8_t record[512] = {0};
        struct kt_span text;
        size_t sealed_len;

        assert_true(cbc->seal(out, head, record + KT_CBC_BLOCK, 3, &sealed_len));
        for (size_t len = 0; len < KT_CBC_BLOCK + sealed_len; len++) {
            assert_false(opens(cbc, &keys, record, len, &text));
        }
        assert_true(opens(cbc, &keys, record, KT_CBC_BLOCK + sealed_len, &text));
        assert_false(opens(cbc, &keys, record, KT_CBC_BLOCK + sealed_len + 1, &text));
        assert_false(opens(cbc, &keys, record, KT_CBC_BLOCK + sealed_len + KT_CBC_BLOCK, &text));
        cbc->release(out);
    }
}

static void other_lengths_do_not_open(void **state)
{
    (void)state;
    each_cbc(odd_lengths);
}

/* RFC 7366: each byte that is sent is under the MAC, the IV, too; and a sender that pads wrongly is refused. */
static void under_the_mac(const struct kt_cbc *cbc)
{
    struct kt_keys12 keys = keys_of(KT_TLS_1_2, true);
    uint8_t blocks[3 * KT_CBC_BLOCK], fragment[FRAGMENT_MAX];
    struct kt_span text;
    size_t len;

    memset(blocks, 2, sizeof blocks);
    len = encrypt(cbc, &keys, blocks, sizeof blocks, fragment);
    mac_of(cbc, &keys, fragment, len, fragment + len);
    len += cbc->mac_len;
    assert_true(opens(cbc, &keys, fragment, len, &text));
    assert_int_equal(text.len, sizeof blocks - 3);
    for (size_t at = 0; at < len; at++) {
        fragment[at] ^= 0x80;
        assert_false(opens(cbc, &keys, fragment, len, &text));
        fragment[at] ^= 0x80;
    }
    blocks[sizeof blocks - 3] = 1;
    len = encrypt(cbc, &keys, blocks, sizeof blocks, fragment);
    mac_of(cbc, &keys, fragment, len, fragment + len);
    assert_false(opens(cbc, &keys, fragment, len + cbc->mac_len, &text));
    memset(blocks, sizeof blocks, sizeof blocks);
    len = encrypt(cbc, &keys, blocks, sizeof blocks, fragment);
    mac_of(cbc, &keys, fragment, len, fragment + len);
    assert_false(opens(cbc, &keys, fragment, len + cbc->mac_len, &text));
}

static void encrypt_then_mac_covers_all(void **state)
{
    (void)state;
    each_cbc(under_the_mac);
}

static void head_counts(const struct kt_cbc *cbc)
{
    for (unsigned i = 0; i < 2; i++) {
        struct kt_keys12 keys = keys_of(KT_TLS_1_2, i != 0);
        struct kt_cbc_key *out = cbc->key_new(cbc, KT_SENDING, &keys);
        struct kt_cbc_key *in = cbc->key_new(cbc, KT_RECEIVING, &keys);
        uint8_t record[256] = {0}, copy[256];
        struct kt_span text;
        size_t sealed_len;

        assert_true(cbc->seal(out, head, record + KT_CBC_BLOCK, 40, &sealed_len));
        for (size_t bit = 0; bit < 8 * sizeof head; bit++) {
            uint8_t other[KT_MAC_HEAD];

            memcpy(other, head, sizeof other);
            other[bit / 8] ^= (uint8_t)(1u << bit % 8);
            memcpy(copy, record, sizeof copy);
            assert_false(cbc->open(in, other, copy, KT_CBC_BLOCK + sealed_len, &text));
        }
        assert_true(cbc->open(in, head, record, KT_CBC_BLOCK + sealed_len, &text));
        cbc->release(out);
        cbc->release(in);
    }
}

static void sequence_type_and_version_count(void **state)
{
    (void)state;
    each_cbc(head_counts);
}

/* New keys in the same objects, also of another version and another order. */
static void rekey_follows(const struct kt_cbc *cbc)
{
    struct kt_keys12 old = keys_of(KT_TLS_1_0, false), new = keys_of(KT_TLS_1_2, true);
    struct kt_cbc_key *out = cbc->key_new(cbc, KT_SENDING, &old);
    struct kt_cbc_key *in = cbc->key_new(cbc, KT_RECEIVING, &old);
    uint8_t record[256] = {0};
    struct kt_span text;
    size_t sealed_len;

    new.key[0] ^= 1;
    assert_true(cbc->rekey(out, &new));
    assert_true(cbc->seal(out, head, record + KT_CBC_BLOCK, 40, &sealed_len));
    assert_false(opens(cbc, &old, record, KT_CBC_BLOCK + sealed_len, &text));
    assert_true(cbc->rekey(in, &new));
    assert_true(cbc->open(in, head, record, KT_CBC_BLOCK + sealed_len, &text));
    assert_int_equal(text.len, 40);
    cbc->release(out);
    cbc->release(in);
    cbc->release(NULL);
}

static void rekey_changes_all(void **state)
{
    (void)state;
    each_cbc(rekey_follows);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_of_every_length_open),
        cmocka_unit_test(each_byte_of_text_mac_and_padding_counts),
        cmocka_unit_test(lucky_13_the_mac_is_found_at_every_place_it_can_have),
        cmocka_unit_test(cve_2014_3566_poodle_all_bytes_of_the_padding_count),
        cmocka_unit_test(the_check_agrees_with_one_that_branches),
        cmocka_unit_test(other_lengths_do_not_open),
        cmocka_unit_test(encrypt_then_mac_covers_all),
        cmocka_unit_test(sequence_type_and_version_count),
        cmocka_unit_test(rekey_changes_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
