#include <setjmp.h>
#include <stdarg.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

/* How libcrypto signs under each scheme. */
static const struct {
    uint16_t scheme;
    const char *digest;
    enum kit_padding padding;
    int salt_len;
} ways[] = {
    {KT_SCHEME_RSA_PKCS1_SHA256, "SHA2-256", KIT_PKCS1, 0},
    {KT_SCHEME_RSA_PKCS1_SHA384, "SHA2-384", KIT_PKCS1, 0},
    {KT_SCHEME_RSA_PKCS1_SHA512, "SHA2-512", KIT_PKCS1, 0},
    {KT_SCHEME_ECDSA_SECP256R1_SHA256, "SHA2-256", KIT_PLAIN, 0},
    {KT_SCHEME_ECDSA_SECP384R1_SHA384, "SHA2-384", KIT_PLAIN, 0},
    {KT_SCHEME_ECDSA_SECP521R1_SHA512, "SHA2-512", KIT_PLAIN, 0},
    {KT_SCHEME_RSA_PSS_RSAE_SHA256, "SHA2-256", KIT_PSS, 32},
    {KT_SCHEME_RSA_PSS_RSAE_SHA384, "SHA2-384", KIT_PSS, 48},
    {KT_SCHEME_RSA_PSS_RSAE_SHA512, "SHA2-512", KIT_PSS, 64},
    {KT_SCHEME_ED25519, NULL, KIT_PLAIN, 0},
    {KT_SCHEME_RSA_PSS_PSS_SHA256, "SHA2-256", KIT_PSS, 32},
    {KT_SCHEME_RSA_PSS_PSS_SHA384, "SHA2-384", KIT_PSS, 48},
    {KT_SCHEME_RSA_PSS_PSS_SHA512, "SHA2-512", KIT_PSS, 64},
};

static EVP_PKEY *privates[KT_KEY_ED25519 + 1];
static struct kt_peer_key *publics[KT_KEY_ED25519 + 1];

static struct kt_peer_key *public_of(EVP_PKEY *key)
{
    static struct kit_bytes certificate;
    struct kt_peer_key *out;

    kit_certificate(key, &certificate);
    assert_null(kt_crypto_libcrypto()->peer_key_new(kit_span(&certificate), &out));
    return out;
}

static int make_keys(void **state)
{
    (void)state;
    for (int kind = KT_KEY_RSA; kind <= KT_KEY_ED25519; kind++) {
        privates[kind] = kit_key((enum kt_key_kind)kind, 2048);
        publics[kind] = public_of(privates[kind]);
    }
    return 0;
}

static int free_keys(void **state)
{
    (void)state;
    for (int kind = KT_KEY_RSA; kind <= KT_KEY_ED25519; kind++) {
        EVP_PKEY_free(privates[kind]);
        kt_crypto_libcrypto()->peer_key_release(publics[kind]);
    }
    return 0;
}

static struct kt_span content(void)
{
    return KT_SPAN_TEXT("TLS 1.3, server CertificateVerify");
}

static bool verify(int kind, uint16_t scheme, struct kt_span what, struct kt_span signature)
{
    bool right = kt_crypto_libcrypto()->peer_key_verify(publics[kind], scheme, what, signature);

    kit_assert_no_errors();
    return right;
}

/* Signs in the way of a scheme with the key it belongs to; returns the kind of that key. */
static int sign(size_t way, struct kit_bytes *signature)
{
    int kind = kt_scheme_facts(ways[way].scheme)->key;

    kit_sign(privates[kind], ways[way].digest, ways[way].padding, ways[way].salt_len, content(), signature);
    return kind;
}

/* Each signature is right for its own key under its own scheme, and for nothing else. */
static void a_signature_fits_one_key_and_one_scheme(void **state)
{
    static struct kit_bytes signature;

    (void)state;
    for (size_t way = 0; way < KT_COUNT_OF(ways); way++) {
        int own = sign(way, &signature);

        for (int kind = KT_KEY_RSA; kind <= KT_KEY_ED25519; kind++) {
            for (size_t other = 0; other < KT_COUNT_OF(ways); other++) {
                bool right = verify(kind, ways[other].scheme, content(), kit_span(&signature));

                assert_true(right == (kind == own && other == way));
            }
        }
    }
}

/* Below TLS 1.3 ECDSA names a digest and any curve goes with it (RFC 8422 section 5.10). */
static void any_curve_goes_with_any_digest(void **state)
{
    static struct kit_bytes signature;

    (void)state;
    for (int kind = KT_KEY_P256; kind <= KT_KEY_P521; kind++) {
        kit_sign(privates[kind], "SHA2-256", KIT_PLAIN, 0, content(), &signature);
        assert_true(verify(kind, KT_SCHEME_ECDSA_SECP256R1_SHA256, content(), kit_span(&signature)));
        assert_false(verify(kind, KT_SCHEME_ECDSA_SECP384R1_SHA384, content(), kit_span(&signature)));
        kit_sign(privates[kind], "SHA1", KIT_PLAIN, 0, content(), &signature);
        assert_true(verify(kind, KT_SCHEME_ECDSA_SHA1, content(), kit_span(&signature)));
        assert_false(verify(kind, KT_SCHEME_ECDSA_SECP256R1_SHA256, content(), kit_span(&signature)));
    }
}

/* What TLS 1.2 has for old peers, and TLS 1.1 for all. */
static void old_digests_verify(void **state)
{
    static struct kit_bytes signature;

    (void)state;
    kit_sign(privates[KT_KEY_RSA], "SHA1", KIT_PKCS1, 0, content(), &signature);
    assert_true(verify(KT_KEY_RSA, KT_SCHEME_RSA_PKCS1_SHA1, content(), kit_span(&signature)));
    assert_false(verify(KT_KEY_RSA, KT_SCHEME_RSA_PKCS1_MD5_SHA1, content(), kit_span(&signature)));
    assert_false(verify(KT_KEY_RSA, KT_SCHEME_RSA_PKCS1_SHA256, content(), kit_span(&signature)));
    kit_sign(privates[KT_KEY_RSA], "MD5-SHA1", KIT_PKCS1, 0, content(), &signature);
    assert_true(verify(KT_KEY_RSA, KT_SCHEME_RSA_PKCS1_MD5_SHA1, content(), kit_span(&signature)));
    assert_false(verify(KT_KEY_RSA, KT_SCHEME_RSA_PKCS1_SHA1, content(), kit_span(&signature)));
    signature.b[9] ^= 1;
    assert_false(verify(KT_KEY_RSA, KT_SCHEME_RSA_PKCS1_MD5_SHA1, content(), kit_span(&signature)));
}

static void unknown_schemes_fail(void **state)
{
    static struct kit_bytes signature;
    int kind = sign(0, &signature);

    (void)state;
    assert_false(verify(kind, 0, content(), kit_span(&signature)));
    assert_false(verify(kind, 0x0201, content(), kit_span(&signature))); /* rsa_pkcs1_sha1 */
    assert_false(verify(kind, 0x0808, content(), kit_span(&signature))); /* ed448 */
}

/* Every bit of every kind of signature; the RSA ones by the byte, they are long. */
static void a_damaged_signature_fails(void **state)
{
    static struct kit_bytes signature;

    (void)state;
    for (size_t way = 0; way < KT_COUNT_OF(ways); way++) {
        int kind = sign(way, &signature);
        size_t step = signature.len > 200 ? 7 : 1;

        for (size_t bit = 0; bit < 8 * signature.len; bit += step) {
            signature.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_false(verify(kind, ways[way].scheme, content(), kit_span(&signature)));
            signature.b[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_true(verify(kind, ways[way].scheme, content(), kit_span(&signature)));
    }
}

static void a_signature_of_another_length_fails(void **state)
{
    static struct kit_bytes signature;

    (void)state;
    for (size_t way = 0; way < KT_COUNT_OF(ways); way++) {
        int kind = sign(way, &signature);

        signature.b[signature.len] = 0;
        assert_false(verify(kind, ways[way].scheme, content(), kt_span_of(NULL, 0)));
        assert_false(verify(kind, ways[way].scheme, content(), kt_span_of(signature.b, 1)));
        assert_false(verify(kind, ways[way].scheme, content(), kt_span_of(signature.b, signature.len - 1)));
        assert_false(verify(kind, ways[way].scheme, content(), kt_span_of(signature.b, signature.len + 1)));
        assert_false(verify(kind, ways[way].scheme, content(), kt_span_of(signature.b, sizeof signature.b)));
    }
}

static void other_content_fails(void **state)
{
    static struct kit_bytes signature;

    (void)state;
    for (size_t way = 0; way < KT_COUNT_OF(ways); way++) {
        int kind = sign(way, &signature);

        assert_false(
            verify(kind, ways[way].scheme, KT_SPAN_TEXT("TLS 1.3, client CertificateVerify"), kit_span(&signature)));
        assert_false(verify(kind, ways[way].scheme, kt_span_of(NULL, 0), kit_span(&signature)));
    }
}

/* RFC 9846 section 4.3.3: the salt is as long as the digest. */
static void another_salt_fails(void **state)
{
    static struct kit_bytes signature;
    static const int salts[] = {0, 20, 31, 33, 48};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(salts); i++) {
        kit_sign(privates[KT_KEY_RSA], "SHA2-256", KIT_PSS, salts[i], content(), &signature);
        assert_false(verify(KT_KEY_RSA, KT_SCHEME_RSA_PSS_RSAE_SHA256, content(), kit_span(&signature)));
    }
}

/* A key limited to one digest says no to the others, though the mathematics would say yes. */
static void a_limited_pss_key_keeps_its_limit(void **state)
{
    static struct kit_bytes signature;
    EVP_PKEY *key = kit_pss_key("SHA2-384", "SHA2-384", 48);
    struct kt_peer_key *limited = public_of(key);
    const struct kt_crypto *crypto = kt_crypto_libcrypto();

    (void)state;
    kit_sign(key, "SHA2-384", KIT_PSS, 48, content(), &signature);
    assert_true(crypto->peer_key_verify(limited, KT_SCHEME_RSA_PSS_PSS_SHA384, content(), kit_span(&signature)));
    assert_false(crypto->peer_key_verify(limited, KT_SCHEME_RSA_PSS_PSS_SHA256, content(), kit_span(&signature)));
    assert_false(crypto->peer_key_verify(limited, KT_SCHEME_RSA_PSS_RSAE_SHA384, content(), kit_span(&signature)));
    crypto->peer_key_release(limited);
    EVP_PKEY_free(key);
}

/* A modulus of 8n + 1 bits: the encoded message is a byte shorter than the signature. */
static void odd_modulus_sizes_verify(void **state)
{
    static struct kit_bytes signature;
    static const int sizes[] = {1024, 1025, 1031, 3072};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(sizes); i++) {
        EVP_PKEY *key = kit_key(KT_KEY_RSA, sizes[i]);
        struct kt_peer_key *peer = public_of(key);
        const struct kt_crypto *crypto = kt_crypto_libcrypto();

        kit_sign(key, "SHA2-256", KIT_PSS, 32, content(), &signature);
        assert_true(crypto->peer_key_verify(peer, KT_SCHEME_RSA_PSS_RSAE_SHA256, content(), kit_span(&signature)));
        kit_sign(key, "SHA2-256", KIT_PKCS1, 0, content(), &signature);
        assert_true(crypto->peer_key_verify(peer, KT_SCHEME_RSA_PKCS1_SHA256, content(), kit_span(&signature)));
        crypto->peer_key_release(peer);
        EVP_PKEY_free(key);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_fits_one_key_and_one_scheme),
        cmocka_unit_test(any_curve_goes_with_any_digest),
        cmocka_unit_test(old_digests_verify),
        cmocka_unit_test(unknown_schemes_fail),
        cmocka_unit_test(a_damaged_signature_fails),
        cmocka_unit_test(a_signature_of_another_length_fails),
        cmocka_unit_test(other_content_fails),
        cmocka_unit_test(another_salt_fails),
        cmocka_unit_test(a_limited_pss_key_keeps_its_limit),
        cmocka_unit_test(odd_modulus_sizes_verify),
    };

    return cmocka_run_group_tests(tests, make_keys, free_keys);
}
