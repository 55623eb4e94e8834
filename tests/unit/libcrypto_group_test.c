#include <setjmp.h>
#include <stdarg.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

static const struct kt_group *group_of(uint16_t id)
{
    const struct kt_group *group = kt_crypto_group(kt_crypto_libcrypto(), id);

    assert_non_null(group);
    return group;
}

/* The responder's share and secret, when its private key is this. */
static const struct kt_fault *respond_with(uint16_t id, const char *private_key, const char *peer_share, uint8_t *share,
                                           struct kt_shared_secret *secret)
{
    const struct kt_fault *fault;
    uint8_t key[66];
    uint8_t peer[133];
    struct kt_span peer_span = {peer, kit_hex(peer_share, peer)};

    kit_feed_random(key, kit_hex(private_key, key));
    fault = group_of(id)->respond(group_of(id), peer_span, share, secret);
    kit_feed_end();
    return fault;
}

/* ---- known answers: both sides of RFC 7748 section 6.1, and of RFC 5903 section 8.1 ---- */

#define ALICE_PRIVATE "77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a"
#define ALICE_PUBLIC  "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a"
#define BOB_PRIVATE   "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb"
#define BOB_PUBLIC    "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f"
#define THEIR_SECRET  "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742"

#define I_PRIVATE     "c88f01f510d9ac3f70a292daa2316de544e9aab8afe84049c62a9c57862d1433"
#define I_PUBLIC_X    "dad0b65394221cf9b051e1feca5787d098dfe637fc90b9ef945d0c3772581180"
#define I_PUBLIC_Y    "5271a0461cdb8252d61f1c456fa3e59ab1f45b33accf5f58389e0577b8990bb3"
#define R_PRIVATE     "c6ef9c5d78ae012a011164acb397ce2088685d8f06bf9be0b283ab46476bee53"
#define R_PUBLIC_X    "d12dfb5289c8d4f81208b70270398c342296970a0bccb74c736fc7554494bf63"
#define R_PUBLIC_Y    "56fbf3ca366cc23e8157854c13c58d6aac23f046ada30f8353e74f33039872ab"
#define IR_SECRET     "d6840f6b42f6edafd13116e0e12565202fef8e9ece7dce03812464d04b9442de"

static void rfc_7748_both_sides(void **state)
{
    struct kt_shared_secret secret;
    uint8_t share[32];

    (void)state;
    assert_null(respond_with(KT_GROUP_X25519, ALICE_PRIVATE, BOB_PUBLIC, share, &secret));
    kit_assert_hex(share, sizeof share, ALICE_PUBLIC);
    kit_assert_hex(secret.b, secret.len, THEIR_SECRET);
    assert_null(respond_with(KT_GROUP_X25519, BOB_PRIVATE, ALICE_PUBLIC, share, &secret));
    kit_assert_hex(share, sizeof share, BOB_PUBLIC);
    kit_assert_hex(secret.b, secret.len, THEIR_SECRET);
}

/* RFC 7748 section 5.2: the second has the unused bit of the coordinate set, which must be ignored. */
static void rfc_7748_scalars(void **state)
{
    struct kt_shared_secret secret;
    uint8_t share[32];

    (void)state;
    assert_null(respond_with(KT_GROUP_X25519, "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
                             "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c", share, &secret));
    kit_assert_hex(secret.b, secret.len, "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552");
    assert_null(respond_with(KT_GROUP_X25519, "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
                             "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493", share, &secret));
    kit_assert_hex(secret.b, secret.len, "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957");
}

static void rfc_5903_both_sides(void **state)
{
    struct kt_shared_secret secret;
    uint8_t share[65];

    (void)state;
    assert_null(respond_with(KT_GROUP_SECP256R1, I_PRIVATE, "04" R_PUBLIC_X R_PUBLIC_Y, share, &secret));
    kit_assert_hex(share, sizeof share, "04" I_PUBLIC_X I_PUBLIC_Y);
    kit_assert_hex(secret.b, secret.len, IR_SECRET);
    assert_null(respond_with(KT_GROUP_SECP256R1, R_PRIVATE, "04" I_PUBLIC_X I_PUBLIC_Y, share, &secret));
    kit_assert_hex(share, sizeof share, "04" R_PUBLIC_X R_PUBLIC_Y);
    kit_assert_hex(secret.b, secret.len, IR_SECRET);
}

/* ---- properties of every group ---- */

static void each_group(void (*check)(const struct kt_group *group))
{
    const struct kt_group *const *group = kt_crypto_libcrypto()->groups;

    for (; *group != NULL; group++) {
        check(*group);
    }
}

static void sides_agree(const struct kt_group *group)
{
    uint8_t mine[KT_SHARE_MAX];
    uint8_t theirs[KT_SHARE_MAX];
    struct kt_shared_secret mine_secret;
    struct kt_shared_secret their_secret;
    struct kt_kex *kex;

    assert_null(group->start(group, &kex, mine));
    assert_null(group->respond(group, kt_span_of(mine, group->initiator_share_len), theirs, &their_secret));
    assert_null(group->finish(kex, kt_span_of(theirs, group->responder_share_len), &mine_secret));
    group->release(kex);
    assert_int_equal(mine_secret.len, their_secret.len);
    assert_memory_equal(mine_secret.b, their_secret.b, mine_secret.len);
    kit_assert_no_errors();
}

static void both_sides_agree(void **state)
{
    (void)state;
    each_group(sides_agree);
}

static void shares_differ(const struct kt_group *group)
{
    uint8_t one[KT_SHARE_MAX];
    uint8_t two[KT_SHARE_MAX];
    uint8_t three[KT_SHARE_MAX];
    struct kt_shared_secret secret;
    struct kt_kex *kex;

    assert_null(group->start(group, &kex, one));
    group->release(kex);
    assert_null(group->start(group, &kex, two));
    group->release(kex);
    assert_memory_not_equal(one, two, group->initiator_share_len);
    assert_null(group->respond(group, kt_span_of(one, group->initiator_share_len), two, &secret));
    assert_null(group->respond(group, kt_span_of(one, group->initiator_share_len), three, &secret));
    assert_memory_not_equal(two, three, group->responder_share_len);
}

static void no_share_is_used_twice(void **state)
{
    (void)state;
    each_group(shares_differ);
}

/* Refused by both sides, and the next share is judged as if nothing had been. */
static void assert_malformed(const struct kt_group *group, struct kt_span share)
{
    uint8_t mine[KT_SHARE_MAX];
    struct kt_shared_secret secret;
    struct kt_kex *kex;

    kit_assert_fault(group->respond(group, share, mine, &secret), KT_REASON_KEY_SHARE_MALFORMED);
    assert_null(group->start(group, &kex, mine));
    kit_assert_fault(group->finish(kex, share, &secret), KT_REASON_KEY_SHARE_MALFORMED);
    group->release(kex);
}

static bool is_dh(const struct kt_group *group)
{
    return kt_group_facts(group->id)->kind == KT_GROUP_IS_DH;
}

static void wrong_lengths_are_malformed(const struct kt_group *group)
{
    uint8_t share[KT_SHARE_MAX + 1] = {0};
    struct kt_kex *kex;
    size_t right = group->initiator_share_len;

    assert_null(group->start(group, &kex, share));
    group->release(kex);
    assert_malformed(group, kt_span_of(NULL, 0));
    if (!is_dh(group)) { /* of a number the zeros in front may be missing */
        assert_malformed(group, kt_span_of(share, 1));
        assert_malformed(group, kt_span_of(share, right - 1));
    }
    assert_malformed(group, kt_span_of(share, right + 1));
}

static void a_share_has_one_length(void **state)
{
    (void)state;
    each_group(wrong_lengths_are_malformed);
}

static void bad_points_are_malformed(const struct kt_group *group)
{
    uint8_t share[KT_SHARE_MAX];
    uint8_t bad[KT_SHARE_MAX];
    size_t len = group->initiator_share_len;
    struct kt_kex *kex;

    if (is_dh(group)) {
        return;
    }
    if (group->id == KT_GROUP_X25519) {
        return; /* every 32 bytes are a point of the curve or of its twist */
    }
    assert_null(group->start(group, &kex, share));
    group->release(kex);
    for (size_t form = 0; form < 256; form++) {
        if (form != 4) { /* hybrid (6, 7) and compressed (2, 3) forms, infinity (0) */
            memcpy(bad, share, len);
            bad[0] = (uint8_t)form;
            assert_malformed(group, kt_span_of(bad, len));
        }
    }
    for (size_t bit = 8; bit < 24; bit++) { /* x changed: the point is on the curve no more */
        memcpy(bad, share, len);
        bad[len - bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_malformed(group, kt_span_of(bad, len));
    }
    memset(bad + 1, 0, len - 1);
    bad[0] = 4;
    assert_malformed(group, kt_span_of(bad, len));
    memset(bad + 1, 0xff, len - 1); /* coordinates beyond the field */
    assert_malformed(group, kt_span_of(bad, len));
    share[0] = (uint8_t)(2 + (share[len - 1] & 1)); /* a right compressed point */
    assert_malformed(group, kt_span_of(share, 1 + (len - 1) / 2));
}

static void points_off_the_curve_are_refused(void **state)
{
    (void)state;
    each_group(bad_points_are_malformed);
}

/* The points whose order divides 8, on the curve and its twist, also in their second encodings. */
static const char *const small_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b880",
};

static void an_all_zero_secret_is_refused(void **state)
{
    uint8_t share[32];

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(small_order); i++) {
        assert_malformed(group_of(KT_GROUP_X25519), kt_span_of(share, kit_hex(small_order[i], share)));
    }
}

/* ---- groups of a prime ---- */

static void each_prime(void (*check)(const struct kt_group *group, uint8_t *prime))
{
    const struct kt_group *const *group = kt_crypto_libcrypto()->groups;
    unsigned primes = 0;

    for (; *group != NULL; group++) {
        uint8_t prime[KT_SHARED_SECRET_MAX], generator = 0;

        assert_true(kt_crypto_libcrypto()->dh_numbers(*group, prime, &generator) == is_dh(*group));
        if (is_dh(*group)) {
            assert_int_equal(generator, 2);
            check(*group, prime);
            primes++;
        }
    }
    assert_int_equal(primes, 8);
}

/* 1 < share < p - 1 (RFC 7919 section 5.1). `prime` is odd, so its neighbours differ in the last byte alone. */
static void edges_are_malformed(const struct kt_group *group, uint8_t *prime)
{
    static const uint8_t small[] = {0, 1, 2};
    struct kt_shared_secret secret;
    uint8_t mine[KT_SHARE_MAX];
    size_t len = group->initiator_share_len;

    assert_malformed(group, kt_span_of(small, 1));
    assert_malformed(group, kt_span_of(small, 2));
    assert_malformed(group, kt_span_of(prime, len));
    prime[len - 1]--;
    assert_malformed(group, kt_span_of(prime, len));
    prime[len - 1]--;
    assert_null(group->respond(group, kt_span_of(prime, len), mine, &secret));
    assert_null(group->respond(group, kt_span_of(small, 3), mine, &secret));
    assert_int_equal(secret.len, len);
    memset(prime, 0xff, len);
    assert_malformed(group, kt_span_of(prime, len));
}

static void shares_at_the_edges_are_refused(void **state)
{
    (void)state;
    each_prime(edges_are_malformed);
}

static void found_by_its_numbers(const struct kt_group *group, uint8_t *prime)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    size_t len = group->initiator_share_len;
    struct kt_span two = KT_SPAN_TEXT("\2"), padded_two = KT_SPAN_TEXT("\0\2"), three = KT_SPAN_TEXT("\3");
    uint8_t padded[KT_SHARED_SECRET_MAX + 1] = {0};

    memcpy(padded + 1, prime, len);
    assert_ptr_equal(crypto->dh_group(kt_span_of(prime, len), two), group);
    assert_ptr_equal(crypto->dh_group(kt_span_of(padded, len + 1), padded_two), group);
    assert_null(crypto->dh_group(kt_span_of(prime, len), three));
    assert_null(crypto->dh_group(kt_span_of(prime, len - 1), two));
    assert_null(crypto->dh_group(kt_span_of(NULL, 0), two));
    assert_null(crypto->dh_group(kt_span_of(prime, len), kt_span_of(NULL, 0)));
    for (size_t at = 0; at < len; at += 7) {
        prime[at] ^= 0x04;
        assert_null(crypto->dh_group(kt_span_of(prime, len), two));
        prime[at] ^= 0x04;
    }
    kit_assert_no_errors();
}

static void a_prime_is_known_by_all_of_its_numbers(void **state)
{
    (void)state;
    each_prime(found_by_its_numbers);
}

/* RFC 7919 appendix A.1 and RFC 3526 section 3: both begin and end with 64 ones and are not the same. */
static void primes_are_those_of_the_rfcs(void **state)
{
    uint8_t prime[256], generator;

    (void)state;
    assert_true(kt_crypto_libcrypto()->dh_numbers(group_of(KT_GROUP_FFDHE2048), prime, &generator));
    kit_assert_hex(prime, 32, "ffffffffffffffffadf85458a2bb4a9aafdc5620273d3cf1d8b9c583ce2d3695");
    kit_assert_hex(prime + 248, 8, "ffffffffffffffff");
    assert_true(kt_crypto_libcrypto()->dh_numbers(group_of(KT_GROUP_MODP2048), prime, &generator));
    kit_assert_hex(prime, 32, "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74");
    kit_assert_hex(prime + 248, 8, "ffffffffffffffff");
}

static void lengths_are_those_of_the_rfc(void **state)
{
    (void)state;
    assert_int_equal(group_of(KT_GROUP_X25519)->initiator_share_len, 32);
    assert_int_equal(group_of(KT_GROUP_SECP256R1)->initiator_share_len, 65);
    assert_int_equal(group_of(KT_GROUP_SECP384R1)->initiator_share_len, 97);
    assert_int_equal(group_of(KT_GROUP_SECP521R1)->initiator_share_len, 133);
}

static void releases_nothing(const struct kt_group *group)
{
    group->release(NULL);
}

static void release_takes_null(void **state)
{
    (void)state;
    each_group(releases_nothing);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc_7748_both_sides),
        cmocka_unit_test(rfc_7748_scalars),
        cmocka_unit_test(rfc_5903_both_sides),
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(no_share_is_used_twice),
        cmocka_unit_test(a_share_has_one_length),
        cmocka_unit_test(points_off_the_curve_are_refused),
        cmocka_unit_test(an_all_zero_secret_is_refused),
        cmocka_unit_test(shares_at_the_edges_are_refused),
        cmocka_unit_test(a_prime_is_known_by_all_of_its_numbers),
        cmocka_unit_test(primes_are_those_of_the_rfcs),
        cmocka_unit_test(lengths_are_those_of_the_rfc),
        cmocka_unit_test(release_takes_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
