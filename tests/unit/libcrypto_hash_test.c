#include <setjmp.h>
#include <stdarg.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

/* FIPS 180-4 and its example values. */
static const struct {
    uint16_t suite;
    const char *text;
    const char *digest;
} facts[] = {
    {KT_SUITE_AES_128_GCM_SHA256, "", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {KT_SUITE_AES_128_GCM_SHA256, "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {KT_SUITE_CHACHA20_POLY1305_SHA256, "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    {KT_SUITE_AES_256_GCM_SHA384, "",
     "38b060a751ac96384cd9327eb1b1e36a21fdb71114be07434c0cc7bf63f6e1da274edebfe76f65fbd51ad2f14898b95b"},
    {KT_SUITE_AES_256_GCM_SHA384, "abc",
     "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7"},
};

static const struct kt_hash *hash_of(uint16_t suite)
{
    return kt_crypto_suite(kt_crypto_libcrypto(), suite)->hash;
}

static void known_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(facts); i++) {
        const struct kt_hash *hash = hash_of(facts[i].suite);
        struct kt_hash_state running;
        uint8_t out[KT_HASH_MAX];

        hash->init(&running);
        hash->update(&running, (const uint8_t *)facts[i].text, strlen(facts[i].text));
        hash->final(&running, out);
        kit_assert_hex(out, hash->len, facts[i].digest);
    }
}

static void pieces_and_wholes_agree(const struct kt_hash *hash)
{
    uint8_t text[300];
    uint8_t whole[KT_HASH_MAX];
    uint8_t pieces[KT_HASH_MAX];
    struct kt_hash_state running;

    for (size_t i = 0; i < sizeof text; i++) {
        text[i] = (uint8_t)(i * 7);
    }
    hash->init(&running);
    hash->update(&running, text, sizeof text);
    hash->final(&running, whole);
    for (size_t cut = 0; cut <= sizeof text; cut++) {
        hash->init(&running);
        hash->update(&running, text, cut);
        hash->update(&running, text + cut, sizeof text - cut);
        hash->final(&running, pieces);
        assert_memory_equal(whole, pieces, hash->len);
    }
}

static void pieces_do_not_matter(void **state)
{
    (void)state;
    pieces_and_wholes_agree(hash_of(KT_SUITE_AES_128_GCM_SHA256));
    pieces_and_wholes_agree(hash_of(KT_SUITE_AES_256_GCM_SHA384));
}

/* What the transcript needs: the hash up to here, and going on. */
static void a_copy_goes_its_own_way(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(facts); i++) {
        const struct kt_hash *hash = hash_of(facts[i].suite);
        struct kt_hash_state running;
        struct kt_hash_state copy;
        uint8_t out[KT_HASH_MAX];

        hash->init(&running);
        hash->update(&running, (const uint8_t *)facts[i].text, strlen(facts[i].text));
        copy = running;
        hash->update(&running, (const uint8_t *)"more", 4);
        hash->final(&running, out);
        hash->final(&copy, out);
        kit_assert_hex(out, hash->len, facts[i].digest);
    }
}

static void blocks_are_those_of_hmac(void **state)
{
    (void)state;
    assert_int_equal(hash_of(KT_SUITE_AES_128_GCM_SHA256)->block_len, 64);
    assert_int_equal(hash_of(KT_SUITE_AES_256_GCM_SHA384)->block_len, 128);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pieces_do_not_matter),
        cmocka_unit_test(a_copy_goes_its_own_way),
        cmocka_unit_test(blocks_are_those_of_hmac),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
