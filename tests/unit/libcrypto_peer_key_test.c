#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

static const enum kt_key_kind kinds[] = {
    KT_KEY_RSA, KT_KEY_P256, KT_KEY_P384, KT_KEY_P521, KT_KEY_ED25519, KT_KEY_RSA_PSS, KT_KEY_RSA_PSS,
};

static struct kit_bytes certificates[KT_COUNT_OF(kinds)];

/* The last one is the longest to read: an RSASSA-PSS key with limits. */
static int make_certificates(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        bool last = i == KT_COUNT_OF(kinds) - 1;
        EVP_PKEY *key = last ? kit_pss_key("SHA2-256", "SHA2-256", 32) : kit_key(kinds[i], 2048);

        kit_certificate(key, &certificates[i]);
        EVP_PKEY_free(key);
    }
    return 0;
}

/* The bytes in a block of exactly their size, so that a read behind them is seen. */
static const struct kt_fault *key_new(struct kt_span certificate, struct kt_peer_key **out)
{
    uint8_t *exact = malloc(certificate.len > 0 ? certificate.len : 1);
    const struct kt_fault *fault;

    kt_copy(exact, certificate.p, certificate.len);
    fault = kt_crypto_libcrypto()->peer_key_new(kt_span_of(exact, certificate.len), out);
    free(exact);
    return fault;
}

static void assert_refused(struct kt_span certificate, enum kt_reason reason)
{
    struct kt_peer_key *key;

    kit_assert_fault(key_new(certificate, &key), reason);
}

static void assert_accepted(struct kt_span certificate, enum kt_key_kind kind)
{
    struct kt_peer_key *key;

    assert_null(key_new(certificate, &key));
    assert_int_equal(kt_crypto_libcrypto()->peer_key_kind(key), kind);
    kt_crypto_libcrypto()->peer_key_release(key);
    kit_assert_no_errors();
}

static void every_kind_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        assert_accepted(kit_span(&certificates[i]), kinds[i]);
    }
}

static void every_truncation_is_unparsable(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        for (size_t len = 0; len < certificates[i].len; len++) {
            assert_refused(kt_span_of(certificates[i].b, len), KT_REASON_CERTIFICATE_UNPARSABLE);
        }
    }
}

static void a_byte_behind_the_certificate_is_unparsable(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        struct kit_bytes longer = certificates[i];

        longer.b[longer.len++] = 0;
        assert_refused(kit_span(&longer), KT_REASON_CERTIFICATE_UNPARSABLE);
    }
}

/* Whatever comes out: no crash, no leak, a reason of the two, nothing in the queue. */
static void judge(struct kt_span certificate)
{
    struct kt_peer_key *key;
    const struct kt_fault *fault = key_new(certificate, &key);

    if (fault == NULL) {
        kt_crypto_libcrypto()->peer_key_release(key);
    } else {
        assert_true(fault->reason == KT_REASON_CERTIFICATE_UNPARSABLE ||
                    fault->reason == KT_REASON_CERTIFICATE_KEY_UNSUPPORTED);
    }
    kit_assert_no_errors();
}

static void every_mutation_is_survived(void **state)
{
    static const uint8_t flips[] = {0x01, 0x02, 0x20, 0x80, 0xff};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        for (size_t at = 0; at < certificates[i].len; at++) {
            for (size_t f = 0; f < KT_COUNT_OF(flips); f++) {
                certificates[i].b[at] ^= flips[f];
                judge(kit_span(&certificates[i]));
                certificates[i].b[at] ^= flips[f];
            }
        }
    }
}

/* ---- RSA numbers ---- */

/* An odd number of so many bits. */
static const char *modulus_of(size_t bits, char last)
{
    static char hex[4200];
    static const char tops[] = "8124"; /* the top digit for bits % 4 */

    memset(hex, '0', bits / 4 + (bits % 4 != 0));
    hex[0] = tops[bits % 4];
    hex[bits / 4 + (bits % 4 != 0) - 1] = last;
    hex[bits / 4 + (bits % 4 != 0)] = '\0';
    return hex;
}

static void check_rsa(const char *modulus, const char *exponent, bool good)
{
    static struct kit_bytes certificate;

    kit_wrap_rsa(modulus, exponent, &certificate);
    if (good) {
        assert_accepted(kit_span(&certificate), KT_KEY_RSA);
    } else {
        assert_refused(kit_span(&certificate), KT_REASON_CERTIFICATE_KEY_UNSUPPORTED);
    }
}

static void rsa_sizes_are_sane(void **state)
{
    (void)state;
    check_rsa(modulus_of(1023, '1'), "010001", false);
    check_rsa(modulus_of(1024, '1'), "010001", true);
    check_rsa(modulus_of(2049, '1'), "010001", true);
    check_rsa(modulus_of(16384, '1'), "010001", true);
    check_rsa(modulus_of(16385, '1'), "010001", false);
    check_rsa(modulus_of(2048, '0'), "010001", false);
}

static void rsa_exponents_are_sane(void **state)
{
    (void)state;
    check_rsa(modulus_of(2048, '1'), "00", false);
    check_rsa(modulus_of(2048, '1'), "01", false);
    check_rsa(modulus_of(2048, '1'), "02", false);
    check_rsa(modulus_of(2048, '1'), "03", true);
    check_rsa(modulus_of(2048, '1'), "8000000000000001", true);
    check_rsa(modulus_of(2048, '1'), "010000000000000001", false);
}

/* ---- RSASSA-PSS keys with limits ---- */

static void check_pss(const char *digest, const char *mask, int salt_len, bool good)
{
    static struct kit_bytes certificate;
    EVP_PKEY *key = kit_pss_key(digest, mask, salt_len);

    kit_certificate(key, &certificate);
    EVP_PKEY_free(key);
    if (good) {
        assert_accepted(kit_span(&certificate), KT_KEY_RSA_PSS);
    } else {
        assert_refused(kit_span(&certificate), KT_REASON_CERTIFICATE_KEY_UNSUPPORTED);
    }
}

static void pss_limits_that_tls_can_meet_are_read(void **state)
{
    (void)state;
    check_pss("SHA2-256", "SHA2-256", 32, true);
    check_pss("SHA2-384", "SHA2-384", 20, true);
    check_pss("SHA2-512", "SHA2-512", 0, true);
}

static void pss_limits_that_tls_cannot_meet_are_refused(void **state)
{
    (void)state;
    check_pss("SHA2-256", "SHA2-384", 32, false);
    check_pss("SHA2-256", "SHA2-256", 33, false);
    check_pss("SHA1", "SHA1", 20, false);
    check_pss("SHA2-224", "SHA2-224", 20, false);
}

/* ---- SubjectPublicKeyInfo by hand ---- */

static struct kt_span wrap(const char *spki)
{
    static struct kit_bytes certificate;
    uint8_t der[512];

    kit_wrap_spki(kt_span_of(der, kit_hex(spki, der)), &certificate);
    return kit_span(&certificate);
}

#define P256_POINT                                                                                                     \
    "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"                                                 \
    "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"
#define ED25519_POINT "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

static void the_shape_alone_is_enough(void **state)
{
    (void)state;
    assert_accepted(wrap("3059301306072a8648ce3d020106082a8648ce3d03010703420004" P256_POINT), KT_KEY_P256);
    assert_accepted(wrap("302a300506032b6570032100" ED25519_POINT), KT_KEY_ED25519);
}

static void keys_of_another_shape_are_unsupported(void **state)
{
    static const char *const spkis[] = {
        /* a point in hybrid form, a point off the curve, an unknown curve, no curve, a NULL for a curve */
        "3059301306072a8648ce3d020106082a8648ce3d03010703420006" P256_POINT,
        "3059301306072a8648ce3d020106082a8648ce3d03010703420004" ED25519_POINT ED25519_POINT,
        "3056301006072a8648ce3d020106052b8104000a03420004" P256_POINT,
        "304f300906072a8648ce3d020103420004" P256_POINT,
        "3051300b06072a8648ce3d0201050003420004" P256_POINT,
        /* compressed, infinity, no byte at all */
        "3039301306072a8648ce3d020106082a8648ce3d030107032200036b17d1f2e12c4247f8bce6e563a440f277037d812deb"
        "33a0f4a13945d898c296",
        "3019301306072a8648ce3d020106082a8648ce3d03010703020000",
        "3018301306072a8648ce3d020106082a8648ce3d030107030100",
        /* Ed25519 with parameters, or a byte short; Ed448's name; RSA without NULL */
        "302c300706032b65700500032100" ED25519_POINT,
        "3029300506032b6570032000d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f70751",
        "302a300506032b6571032100" ED25519_POINT,
        "3018300b06092a864886f70d01010103090030060201030201"
        "03",
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(spkis); i++) {
        assert_refused(wrap(spkis[i]), KT_REASON_CERTIFICATE_KEY_UNSUPPORTED);
    }
}

static void release_takes_null(void **state)
{
    (void)state;
    kt_crypto_libcrypto()->peer_key_release(NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_is_read),
        cmocka_unit_test(every_truncation_is_unparsable),
        cmocka_unit_test(a_byte_behind_the_certificate_is_unparsable),
        cmocka_unit_test(every_mutation_is_survived),
        cmocka_unit_test(rsa_sizes_are_sane),
        cmocka_unit_test(rsa_exponents_are_sane),
        cmocka_unit_test(pss_limits_that_tls_can_meet_are_read),
        cmocka_unit_test(pss_limits_that_tls_cannot_meet_are_refused),
        cmocka_unit_test(the_shape_alone_is_enough),
        cmocka_unit_test(keys_of_another_shape_are_unsupported),
        cmocka_unit_test(release_takes_null),
    };

    return cmocka_run_group_tests(tests, make_certificates, NULL);
}
