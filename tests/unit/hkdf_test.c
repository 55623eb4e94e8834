#include "keys/hkdf.h"

#include "support/record_kit.h"

static const struct kt_hash *sha256(void)
{
    return kit_aes128()->hash;
}

static const struct kt_hash *sha384(void)
{
    return kit_suite(KT_SUITE_AES_256_GCM_SHA384)->hash;
}

/* Bytes 0, 1, 2 and so on. */
static struct kt_span counting(size_t len)
{
    static uint8_t bytes[256];

    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)i;
    }
    return kt_span_of(bytes, len);
}

static void the_longest_expansion_ends_in_block_255(void **state)
{
    static uint8_t out[255 * 48 + 1];

    (void)state;
    out[255 * 32] = 0xee;
    kt_hkdf_expand(sha256(), counting(32), kt_span_of(NULL, 0), out, 255 * 32);
    kit_assert_hex(out + 254 * 32, 32, "8517e05640cbaa5e49060cf74ca938e3303847de700b32d0bf304a79c1eadf8e");
    assert_int_equal(out[255 * 32], 0xee);
    kt_hkdf_expand(sha384(), counting(48), kt_span_of(NULL, 0), out, 255 * 48);
    kit_assert_hex(out + 254 * 48, 48,
                   "1974c6a08774a7d6b6fb58249eab21d88ce9610a74d6d87a7d8088438b14141d"
                   "b8388acdb8f1cf2f840358cd5209c65c");
}

static void a_shorter_expansion_is_a_prefix_of_a_longer_one(void **state)
{
    uint8_t all[100], some[100];

    (void)state;
    kt_hkdf_expand(sha256(), counting(32), KT_SPAN_TEXT("info"), all, sizeof all);
    for (size_t len = 0; len <= sizeof all; len++) {
        memset(some, 0xee, sizeof some);
        kt_hkdf_expand(sha256(), counting(32), KT_SPAN_TEXT("info"), some, len);
        assert_memory_equal(some, all, len);
        assert_true(len == sizeof some || some[len] == 0xee);
    }
}

static void labels_and_contexts_of_the_longest_kind(void **state)
{
    uint8_t label[249], out[40];

    (void)state;
    memset(label, 'x', sizeof label);
    kt_hkdf_expand_label(sha384(), counting(48), kt_span_of(label, sizeof label), counting(255), out, sizeof out);
    kit_assert_hex(out, sizeof out, "4f2dd49f825b609202169703c1f7846d979efe767c241407fc3224e256f259a6980bff105955ec3b");
}

static void an_empty_salt_is_as_good_as_zeros(void **state)
{
    const uint8_t zeros[32] = {0};
    uint8_t a[32], b[32];

    (void)state;
    kt_hkdf_extract(sha256(), kt_span_of(NULL, 0), counting(20), a);
    kt_hkdf_extract(sha256(), kt_span_of(zeros, sizeof zeros), counting(20), b);
    assert_memory_equal(a, b, sizeof a);
}

static void empty_key_and_empty_data(void **state)
{
    uint8_t mac[32];

    (void)state;
    kt_hmac(sha256(), kt_span_of(NULL, 0), kt_span_of(NULL, 0), mac);
    kit_assert_hex(mac, sizeof mac, "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}

/* A key of exactly one block is used as it is; one byte more and it is hashed. */
static void keys_around_the_length_of_a_block(void **state)
{
    struct kt_hash_state hash_state;
    uint8_t key_hash[32], direct[32], hashed[32];

    (void)state;
    kt_hmac(sha256(), counting(65), KT_SPAN_TEXT("data"), direct);
    sha256()->init(&hash_state);
    sha256()->update(&hash_state, counting(65).p, 65);
    sha256()->final(&hash_state, key_hash);
    kt_hmac(sha256(), kt_span_of(key_hash, sizeof key_hash), KT_SPAN_TEXT("data"), hashed);
    assert_memory_equal(direct, hashed, sizeof direct);
    kt_hmac(sha256(), counting(64), KT_SPAN_TEXT("data"), direct);
    kit_assert_hex(direct, sizeof direct, "d042969c6684ddec29a78c05155503a21efcad1d70b07e22febe55216365c67c");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_longest_expansion_ends_in_block_255),
        cmocka_unit_test(a_shorter_expansion_is_a_prefix_of_a_longer_one),
        cmocka_unit_test(labels_and_contexts_of_the_longest_kind),
        cmocka_unit_test(an_empty_salt_is_as_good_as_zeros),
        cmocka_unit_test(empty_key_and_empty_data),
        cmocka_unit_test(keys_around_the_length_of_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
