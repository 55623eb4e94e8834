#include "record/protect.h"

#include "crypto/toy/toy.h"
#include "support/record_kit.h"

enum { RECORD_ROOM = KT_RECORD_MAX + 64 };

struct pair {
    struct kt_protection sealing, opening;
};

static const uint16_t suites[] = {
    KT_SUITE_AES_128_GCM_SHA256,
    KT_SUITE_AES_256_GCM_SHA384,
    KT_SUITE_CHACHA20_POLY1305_SHA256,
};

static void pair_set(struct pair *pair, const struct kt_suite *suite, uint8_t seed)
{
    struct kt_secret secret = kit_secret(suite, seed);

    assert_good(kt_protection_set(&pair->sealing, KT_SENDING, suite, &secret));
    assert_good(kt_protection_set(&pair->opening, KT_RECEIVING, suite, &secret));
}

static void pair_clear(struct pair *pair)
{
    kt_protection_clear(&pair->sealing);
    kt_protection_clear(&pair->opening);
    assert_false(kt_protection_on(&pair->sealing));
}

static void assert_round(struct pair *pair, const uint8_t *src, size_t len, size_t padding)
{
    static uint8_t record[RECORD_ROOM];
    size_t record_len = 0;
    uint8_t type = 0;
    struct kt_span content;

    assert_good(kt_protection_seal(&pair->sealing, KT_CONTENT_DATA, src, len, padding, record, &record_len));
    assert_int_equal(record_len, KT_RECORD_HEADER + len + 1 + padding + KT_TAG_LEN);
    assert_good(kt_protection_open(&pair->opening, record, record_len, &type, &content));
    assert_int_equal(type, KT_CONTENT_DATA);
    assert_int_equal(content.len, len);
    assert_memory_equal(content.p, src, len);
}

static void lengths_and_paddings_come_back(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 15, 16, 17, 2047, 2048, 2049, 16383, 16384};
    static uint8_t src[KT_PLAINTEXT_MAX];

    (void)state;
    memset(src, 0xa5, sizeof src);
    for (size_t s = 0; s < KT_COUNT_OF(suites); s++) {
        struct pair pair = {0};

        pair_set(&pair, kit_suite(suites[s]), (uint8_t)s);
        for (size_t i = 0; i < KT_COUNT_OF(lengths); i++) {
            size_t most = KT_PLAINTEXT_MAX - lengths[i];

            assert_round(&pair, src, lengths[i], 0);
            assert_round(&pair, src, lengths[i], most < 100 ? most : 100);
            assert_round(&pair, src, lengths[i], most);
        }
        pair_clear(&pair);
    }
}

static void zeros_at_the_end_of_content_are_content(void **state)
{
    const uint8_t zeros[20] = {0};
    struct pair pair = {0};

    (void)state;
    pair_set(&pair, kit_aes128(), 1);
    assert_round(&pair, zeros, sizeof zeros, 0);
    assert_round(&pair, zeros, sizeof zeros, 7);
    pair_clear(&pair);
}

static void in_place_is_the_same_as_from_elsewhere(void **state)
{
    uint8_t apart[128], in_place[128], src[50];
    struct pair one = {0}, two = {0};
    size_t apart_len, in_place_len;

    (void)state;
    memset(src, 7, sizeof src);
    pair_set(&one, kit_aes128(), 1);
    pair_set(&two, kit_aes128(), 1);
    memcpy(in_place + KT_RECORD_HEADER, src, sizeof src);
    assert_good(kt_protection_seal(&one.sealing, KT_CONTENT_DATA, src, sizeof src, 9, apart, &apart_len));
    assert_good(kt_protection_seal(&two.sealing, KT_CONTENT_DATA, in_place + KT_RECORD_HEADER, sizeof src, 9, in_place,
                                   &in_place_len));
    assert_int_equal(apart_len, in_place_len);
    assert_memory_equal(apart, in_place, apart_len);
    pair_clear(&one);
    pair_clear(&two);
}

static void every_bit_flipped_is_noticed(void **state)
{
    uint8_t record[128], damaged[128];
    struct pair pair = {0};
    size_t len;
    uint8_t type;
    struct kt_span content;

    (void)state;
    pair_set(&pair, kit_aes128(), 1);
    assert_good(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"secret", 6, 3, record, &len));
    for (size_t bit = 0; bit < 8 * len; bit++) {
        memcpy(damaged, record, len);
        damaged[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_fault(kt_protection_open(&pair.opening, damaged, len, &type, &content), RECORD_BAD_MAC);
        assert_int_equal(pair.opening.sequence, 0);
    }
    assert_good(kt_protection_open(&pair.opening, record, len, &type, &content));
    pair_clear(&pair);
}

static void a_record_cut_short_is_not_authentic(void **state)
{
    uint8_t record[128], cut[128];
    struct pair pair = {0};
    size_t len;
    uint8_t type;
    struct kt_span content;

    (void)state;
    pair_set(&pair, kit_aes128(), 1);
    assert_good(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"secret", 6, 3, record, &len));
    for (size_t n = KT_RECORD_HEADER; n < len; n++) {
        memcpy(cut, record, len);
        assert_fault(kt_protection_open(&pair.opening, cut, n, &type, &content), RECORD_BAD_MAC);
    }
    pair_clear(&pair);
}

static void records_open_only_in_their_order(void **state)
{
    uint8_t first[64], second[64], copy[64];
    struct pair pair = {0};
    size_t len;
    uint8_t type;
    struct kt_span content;

    (void)state;
    pair_set(&pair, kit_aes128(), 1);
    assert_good(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"1", 1, 0, first, &len));
    assert_good(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"2", 1, 0, second, &len));
    memcpy(copy, second, len);
    assert_fault(kt_protection_open(&pair.opening, copy, len, &type, &content), RECORD_BAD_MAC);
    memcpy(copy, first, len);
    assert_good(kt_protection_open(&pair.opening, copy, len, &type, &content));
    memcpy(copy, first, len);
    assert_fault(kt_protection_open(&pair.opening, copy, len, &type, &content), RECORD_BAD_MAC);
    assert_good(kt_protection_open(&pair.opening, second, len, &type, &content));
    pair_clear(&pair);
}

/* The number of a record reaches all eight bytes of the nonce. */
static void far_sequence_numbers_differ(void **state)
{
    struct pair pair = {0};
    uint8_t record[64];
    size_t len;
    uint8_t type;
    struct kt_span content;

    (void)state;
    pair_set(&pair, kit_suite(KT_SUITE_CHACHA20_POLY1305_SHA256), 1);
    for (unsigned shift = 0; shift < 64; shift += 8) {
        pair.sealing.sequence = UINT64_C(1) << shift;
        pair.opening.sequence = 0;
        assert_good(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"x", 1, 0, record, &len));
        assert_fault(kt_protection_open(&pair.opening, record, len, &type, &content), RECORD_BAD_MAC);
        pair.sealing.sequence = pair.opening.sequence = UINT64_C(1) << shift;
        assert_round(&pair, (const uint8_t *)"x", 1, 0);
    }
    pair_clear(&pair);
}

/* Seals an inner plaintext that no honest sender makes: the tail of `inner` stands for type and padding. */
static size_t seal_raw(struct kt_protection *p, const uint8_t *inner, size_t len, uint8_t *record)
{
    const uint8_t header[] = {23, 3, 3, (uint8_t)((len + KT_TAG_LEN) >> 8), (uint8_t)(len + KT_TAG_LEN)};

    memcpy(record, header, sizeof header);
    assert_true(p->aead->seal(p->key, p->iv, kt_span_of(record, sizeof header), inner, len, record + 5, 0));
    return sizeof header + len + KT_TAG_LEN;
}

static void only_padding_has_no_type(void **state)
{
    static const size_t lengths[] = {0, 1, 2, 1000};
    const uint8_t zeros[1000] = {0};
    uint8_t record[1100], type;
    struct kt_span content;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(lengths); i++) {
        struct pair pair = {0};
        size_t len;

        pair_set(&pair, kit_aes128(), 1);
        len = seal_raw(&pair.sealing, zeros, lengths[i], record);
        assert_fault(kt_protection_open(&pair.opening, record, len, &type, &content), RECORD_TYPE_MISSING);
        pair_clear(&pair);
    }
}

static void inner_plaintext_beyond_the_limit(void **state)
{
    static uint8_t inner[KT_PLAINTEXT_MAX + 2], record[RECORD_ROOM];
    struct pair pair = {0};
    size_t len;
    uint8_t type;
    struct kt_span content;

    (void)state;
    memset(inner, 23, sizeof inner);
    pair_set(&pair, kit_aes128(), 1);
    len = seal_raw(&pair.sealing, inner, KT_PLAINTEXT_MAX + 1, record);
    assert_good(kt_protection_open(&pair.opening, record, len, &type, &content));
    assert_int_equal(content.len, KT_PLAINTEXT_MAX);
    pair_set(&pair, kit_aes128(), 1);
    len = seal_raw(&pair.sealing, inner, KT_PLAINTEXT_MAX + 2, record);
    assert_fault(kt_protection_open(&pair.opening, record, len, &type, &content), RECORD_TOO_LONG);
    pair_clear(&pair);
}

static void numbers_end_before_they_wrap(void **state)
{
    struct pair pair = {0};
    uint8_t record[64];
    size_t len;
    uint8_t type;
    struct kt_span content;

    (void)state;
    pair_set(&pair, kit_suite(KT_SUITE_CHACHA20_POLY1305_SHA256), 1);
    pair.sealing.sequence = pair.opening.sequence = UINT64_MAX - 1;
    assert_round(&pair, (const uint8_t *)"x", 1, 0);
    assert_fault(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"x", 1, 0, record, &len),
                 RECORD_SEQUENCE_END);
    assert_fault(kt_protection_open(&pair.opening, record, sizeof record, &type, &content), RECORD_SEQUENCE_END);
    pair_clear(&pair);
}

/* A sender never passes the AEAD's limit; a receiver does not enforce it (RFC 9846 section 5.5). */
static void the_limit_of_the_aead_binds_the_sender(void **state)
{
    struct pair pair = {0};
    uint8_t record[64];
    size_t len;

    (void)state;
    pair_set(&pair, kit_aes128(), 1);
    pair.sealing.sequence = pair.opening.sequence = kit_aes128()->aead->max_records - 1;
    assert_round(&pair, (const uint8_t *)"x", 1, 0);
    assert_fault(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"x", 1, 0, record, &len),
                 LIFETIME_AEAD_LIMIT);
    pair.sealing.sequence = 5;
    pair.opening.sequence = kit_aes128()->aead->max_records + 5;
    assert_good(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"x", 1, 0, record, &len));
    pair_clear(&pair);
}

static void new_keys_begin_at_zero_in_the_same_object(void **state)
{
    struct pair pair = {0};
    struct kt_aead_key *key;

    (void)state;
    pair_set(&pair, kit_aes128(), 1);
    key = pair.sealing.key;
    assert_round(&pair, (const uint8_t *)"x", 1, 0);
    pair_set(&pair, kit_aes128(), 2);
    assert_ptr_equal(pair.sealing.key, key);
    assert_int_equal(pair.sealing.sequence, 0);
    assert_round(&pair, (const uint8_t *)"x", 1, 0);
    pair_set(&pair, kit_suite(KT_SUITE_AES_256_GCM_SHA384), 2);
    assert_round(&pair, (const uint8_t *)"x", 1, 0);
    pair_clear(&pair);
}

static const struct kt_suite *toy(uint16_t id)
{
    return kt_crypto_suite(kt_crypto_toy(), id);
}

/* Never a record in clear because a key could not be set. */
static void a_key_that_cannot_be_set_leaves_no_hole(void **state)
{
    const struct kt_suite *suite = toy(KT_SUITE_AES_128_GCM_SHA256);
    const struct kt_suite *other = toy(KT_SUITE_AES_256_GCM_SHA384);
    struct kt_secret secret = kit_secret(suite, 1), other_secret = kit_secret(other, 1);
    struct pair pair = {0};
    uint8_t record[64];
    size_t len;

    (void)state;
    kt_toy_fail_at(1);
    assert_fault(kt_protection_set(&pair.sealing, KT_SENDING, suite, &secret), CRYPTO_FAILED);
    assert_false(kt_protection_on(&pair.sealing));

    pair_set(&pair, suite, 1);
    kt_toy_fail_at(1);
    assert_fault(kt_protection_set(&pair.sealing, KT_SENDING, other, &other_secret), CRYPTO_FAILED);
    assert_round(&pair, (const uint8_t *)"x", 1, 0);

    kt_toy_fail_at(1);
    assert_fault(kt_protection_set(&pair.sealing, KT_SENDING, suite, &secret), CRYPTO_FAILED);
    assert_fault(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"x", 1, 0, record, &len),
                 RECORD_SEQUENCE_END);
    assert_true(kt_protection_on(&pair.sealing));
    kt_toy_fail_at(0);
    pair_clear(&pair);
}

static void a_primitive_that_fails_is_told(void **state)
{
    struct pair pair = {0};
    uint8_t record[64];
    size_t len;

    (void)state;
    pair_set(&pair, toy(KT_SUITE_AES_128_GCM_SHA256), 1);
    kt_toy_fail_at(1);
    assert_fault(kt_protection_seal(&pair.sealing, KT_CONTENT_DATA, (const uint8_t *)"x", 1, 0, record, &len),
                 CRYPTO_FAILED);
    kt_toy_fail_at(0);
    pair_clear(&pair);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lengths_and_paddings_come_back),
        cmocka_unit_test(zeros_at_the_end_of_content_are_content),
        cmocka_unit_test(in_place_is_the_same_as_from_elsewhere),
        cmocka_unit_test(every_bit_flipped_is_noticed),
        cmocka_unit_test(a_record_cut_short_is_not_authentic),
        cmocka_unit_test(records_open_only_in_their_order),
        cmocka_unit_test(far_sequence_numbers_differ),
        cmocka_unit_test(only_padding_has_no_type),
        cmocka_unit_test(inner_plaintext_beyond_the_limit),
        cmocka_unit_test(numbers_end_before_they_wrap),
        cmocka_unit_test(the_limit_of_the_aead_binds_the_sender),
        cmocka_unit_test(new_keys_begin_at_zero_in_the_same_object),
        cmocka_unit_test(a_key_that_cannot_be_set_leaves_no_hole),
        cmocka_unit_test(a_primitive_that_fails_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
