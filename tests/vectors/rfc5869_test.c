/* HKDF with SHA-256: RFC 5869 appendix A.1 to A.3. HMAC: RFC 4231 cases 2 and 6. */
#include "keys/hkdf.h"
#include "support/record_kit.h"

struct hkdf_case {
    const char *ikm, *salt, *info, *prk, *okm;
};

static const struct hkdf_case cases[] = {
    {
        .ikm = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        .salt = "000102030405060708090a0b0c",
        .info = "f0f1f2f3f4f5f6f7f8f9",
        .prk = "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        .okm = "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    },
    {
        .ikm = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
               "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f404142434445464748494a4b4c4d4"
               "e4f",
        .salt = "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
                "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9fa0a1a2a3a4a5a6a7a8a9aaabacad"
                "aeaf",
        .info = "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
                "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfd"
                "feff",
        .prk = "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        .okm = "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
               "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    },
    {
        .ikm = "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
        .salt = "",
        .info = "",
        .prk = "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        .okm = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    },
};

static void run_case(const struct hkdf_case *c)
{
    const struct kt_hash *hash = kit_aes128()->hash;
    uint8_t ikm[128], salt[128], info[128], prk[KT_HASH_MAX], okm[128];
    size_t okm_len = strlen(c->okm) / 2;
    struct kt_span salt_span = kt_span_of(salt, kit_unhex(c->salt, salt));
    struct kt_span info_span = kt_span_of(info, kit_unhex(c->info, info));

    kt_hkdf_extract(hash, salt_span, kt_span_of(ikm, kit_unhex(c->ikm, ikm)), prk);
    kit_assert_hex(prk, hash->len, c->prk);
    kt_hkdf_expand(hash, kt_span_of(prk, hash->len), info_span, okm, okm_len);
    kit_assert_hex(okm, okm_len, c->okm);
}

static void rfc5869_appendix_a1(void **state)
{
    (void)state;
    run_case(&cases[0]);
}

static void rfc5869_appendix_a2(void **state)
{
    (void)state;
    run_case(&cases[1]);
}

static void rfc5869_appendix_a3(void **state)
{
    (void)state;
    run_case(&cases[2]);
}

static void assert_mac(const struct kt_hash *hash, struct kt_span key, struct kt_span data, const char *hex)
{
    uint8_t mac[KT_HASH_MAX];

    kt_hmac(hash, key, data, mac);
    kit_assert_hex(mac, hash->len, hex);
}

static void rfc4231_short_key(void **state)
{
    const struct kt_hash *sha384 = kit_suite(KT_SUITE_AES_256_GCM_SHA384)->hash;
    struct kt_span data = KT_SPAN_TEXT("what do ya want for nothing?");

    (void)state;
    assert_mac(kit_aes128()->hash, KT_SPAN_TEXT("Jefe"), data,
               "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_mac(sha384, KT_SPAN_TEXT("Jefe"), data,
               "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649");
}

static void rfc4231_key_longer_than_a_block(void **state)
{
    const struct kt_hash *sha384 = kit_suite(KT_SUITE_AES_256_GCM_SHA384)->hash;
    struct kt_span data = KT_SPAN_TEXT("Test Using Larger Than Block-Size Key - Hash Key First");
    uint8_t key[131];

    (void)state;
    memset(key, 0xaa, sizeof key);
    assert_mac(kit_aes128()->hash, kt_span_of(key, sizeof key), data,
               "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    assert_mac(sha384, kt_span_of(key, sizeof key), data,
               "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rfc5869_appendix_a1),
        cmocka_unit_test(rfc5869_appendix_a2),
        cmocka_unit_test(rfc5869_appendix_a3),
        cmocka_unit_test(rfc4231_short_key),
        cmocka_unit_test(rfc4231_key_longer_than_a_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
