/* Static RSA: what a client encrypts, what kt_pki_decrypt makes of it, and what becomes the premaster secret. */
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <keyturn/pki.h>

#include "base/span.h"
#include "keys/schedule12.h"
#include "seam/config_view.h"
#include "support/expect_fault.h"
#include "support/test_env.h"
#include "support/test_pki.h"

static struct test_env env;
static struct kt_credential *rsa, *p256;
static const uint8_t premaster[KT_PREMASTER_LEN] = {3, 3, 1, 2, 3, 4, 5};

static struct kt_credential *credential(enum test_key kind)
{
    struct test_cert *leaf = test_leaf("www.example", kind, NULL);
    const struct test_cert *certs[] = {leaf};
    struct test_bytes chain = test_pem_certs(certs, 1), key = test_pem_key(leaf->key, TEST_FORM_PKCS8, NULL);
    struct kt_credential *c = NULL;

    expect_success(kt_credential_from_pem(&env.env, test_bytes_span(&chain), test_bytes_span(&key), NULL, &c));
    test_bytes_free(&chain);
    test_bytes_free(&key);
    test_cert_free(leaf);
    return c;
}

static int set_up(void **state)
{
    (void)state;
    test_env_init(&env);
    rsa = credential(TEST_KEY_RSA_2048);
    p256 = credential(TEST_KEY_P256);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kt_credential_unref(rsa);
    kt_credential_unref(p256);
    assert_int_equal(env.live, 0);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static struct kt_peer_key *peer_of(const struct kt_credential *c)
{
    struct kt_peer_key *peer = NULL;

    expect_success(kt_crypto_libcrypto()->peer_key_new(kt_credential_certificate(c, 0), &peer));
    return peer;
}

static size_t encrypt(const uint8_t secret[KT_PREMASTER_LEN], uint8_t *out)
{
    struct kt_peer_key *peer = peer_of(rsa);
    size_t len = 0;

    expect_success(kt_crypto_libcrypto()->peer_key_encrypt(peer, secret, out, 256, &len));
    kt_crypto_libcrypto()->peer_key_release(peer);
    return len;
}

static struct kt_ask ask_for(const struct kt_credential *c, const uint8_t *ciphertext, size_t len)
{
    return (struct kt_ask){
        .kind = KT_ASK_DECRYPT,
        .u.decrypt = {.credential = c, .ciphertext = {ciphertext, len}, .client_version = KT_TLS_1_2},
    };
}

static void what_was_encrypted_is_decrypted(void **state)
{
    uint8_t one[256], two[256], out[KT_PREMASTER_LEN];
    struct kt_ask ask = ask_for(rsa, one, encrypt(premaster, one));

    (void)state;
    assert_int_equal(encrypt(premaster, two), 256);
    assert_memory_not_equal(one, two, 256);
    expect_success(kt_pki_decrypt(&ask, out));
    assert_memory_equal(out, premaster, sizeof out);
}

/* Never a fault, never what was sent, and never the same again. */
static void expect_made_up(const uint8_t *ciphertext, size_t len, const uint8_t *sent)
{
    struct kt_ask ask = ask_for(rsa, ciphertext, len);
    uint8_t one[KT_PREMASTER_LEN], two[KT_PREMASTER_LEN];

    expect_success(kt_pki_decrypt(&ask, one));
    expect_success(kt_pki_decrypt(&ask, two));
    assert_memory_not_equal(one, two, sizeof one);
    assert_memory_not_equal(one + 2, sent + 2, sizeof one - 2);
    assert_int_equal(ERR_peek_error(), 0);
}

/* A text of our own making: padding as it stands, or PKCS#1 around a secret of any length. */
static void encrypt_raw(const uint8_t *text, size_t len, int padding, uint8_t out[256])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(rsa->key, NULL);
    size_t out_len = 256;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, padding), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, out, &out_len, text, len), 1);
    EVP_PKEY_CTX_free(ctx);
}

static void what_is_wrong_is_replaced(void **state)
{
    uint8_t ciphertext[257] = {0}, text[256] = {0, 2}, longer[49] = {3, 3};

    (void)state;
    (void)encrypt(premaster, ciphertext);
    ciphertext[100] ^= 1;
    expect_made_up(ciphertext, 256, premaster);
    encrypt_raw(longer, 49, RSA_PKCS1_PADDING, ciphertext);
    expect_made_up(ciphertext, 256, longer);
    encrypt_raw(premaster, 47, RSA_PKCS1_PADDING, ciphertext);
    expect_made_up(ciphertext, 256, premaster);
    memset(text + 2, 0x55, sizeof text - 2);
    memcpy(text + 256 - KT_PREMASTER_LEN, premaster, KT_PREMASTER_LEN); /* no zero before the secret */
    encrypt_raw(text, sizeof text, RSA_NO_PADDING, ciphertext);
    expect_made_up(ciphertext, 256, premaster);
    text[256 - KT_PREMASTER_LEN - 1] = 0;
    text[1] = 1; /* a signature's kind of padding */
    encrypt_raw(text, sizeof text, RSA_NO_PADDING, ciphertext);
    expect_made_up(ciphertext, 256, premaster);
    text[1] = 2;
    text[5] = 0; /* padding shorter than eight bytes, which gives another length, too */
    encrypt_raw(text, sizeof text, RSA_NO_PADDING, ciphertext);
    expect_made_up(ciphertext, 256, premaster);
    expect_made_up(ciphertext, 0, premaster);
    expect_made_up(ciphertext, 255, premaster);
    expect_made_up(ciphertext, 257, premaster);
    memset(ciphertext, 0xff, sizeof ciphertext); /* not below the modulus */
    expect_made_up(ciphertext, 256, premaster);
}

/* Protection from rollback: the version of ClientHello, whatever was agreed on. */
static void another_version_is_replaced(void **state)
{
    uint8_t other[KT_PREMASTER_LEN], ciphertext[256];

    (void)state;
    memcpy(other, premaster, sizeof other);
    other[1] = 1;
    expect_made_up(ciphertext, encrypt(other, ciphertext), other);
}

static void only_rsa_keys_of_ours_decrypt(void **state)
{
    uint8_t ciphertext[256], out[KT_PREMASTER_LEN];
    struct kt_ask ask = ask_for(p256, ciphertext, encrypt(premaster, ciphertext));
    struct kt_credential foreign = *rsa;

    (void)state;
    expect_fault(kt_pki_decrypt(&ask, out), USAGE_ARGUMENT, INTERNAL_ERROR);
    foreign.release_key = free;
    ask.u.decrypt.credential = &foreign;
    expect_fault(kt_pki_decrypt(&ask, out), USAGE_ARGUMENT, INTERNAL_ERROR);
    ask = ask_for(rsa, ciphertext, sizeof ciphertext);
    ask.kind = KT_ASK_SIGN;
    expect_fault(kt_pki_decrypt(&ask, out), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_pki_decrypt(NULL, out), USAGE_ARGUMENT, INTERNAL_ERROR);
}

static void only_rsa_keys_encrypt(void **state)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    struct kt_peer_key *ec = peer_of(p256), *own = peer_of(rsa);
    uint8_t out[256];
    size_t len = 7;

    (void)state;
    expect_fault(crypto->peer_key_encrypt(ec, premaster, out, sizeof out, &len), CERTIFICATE_KEY_UNSUPPORTED,
                 UNSUPPORTED_CERTIFICATE);
    expect_fault(crypto->peer_key_encrypt(own, premaster, out, 255, &len), CERTIFICATE_KEY_UNSUPPORTED,
                 UNSUPPORTED_CERTIFICATE);
    assert_int_equal(len, 7);
    crypto->peer_key_release(ec);
    crypto->peer_key_release(own);
}

/* ---- what the engine does with an answer ---- */

static bool is_taken(const uint8_t *decrypted, size_t len, uint16_t version)
{
    uint8_t random[KT_PREMASTER_LEN], now[KT_PREMASTER_LEN];

    memset(random, 0xee, sizeof random);
    memcpy(now, random, sizeof now);
    kt_premaster12_take(now, decrypted, len, version);
    if (memcmp(now, decrypted, sizeof now) == 0) {
        return true;
    }
    assert_memory_equal(now, random, sizeof now); /* all of one or all of the other */
    return false;
}

static void only_48_bytes_of_the_version_are_taken(void **state)
{
    (void)state;
    assert_true(is_taken(premaster, KT_PREMASTER_LEN, KT_TLS_1_2));
    assert_false(is_taken(premaster, 0, KT_TLS_1_2));
    assert_false(is_taken(premaster, 47, KT_TLS_1_2));
    assert_false(is_taken(premaster, 49, KT_TLS_1_2));
    assert_false(is_taken(premaster, ((size_t)1 << 32) + 48, KT_TLS_1_2));
    assert_false(is_taken(premaster, (size_t)-1, KT_TLS_1_2));
    assert_false(is_taken(premaster, KT_PREMASTER_LEN, KT_TLS_1_1));
    assert_false(is_taken(premaster, KT_PREMASTER_LEN, 0x0203));
}

static void zeros_in_front_of_a_dh_secret_do_not_count(void **state)
{
    struct kt_shared_secret shared = {.len = 5, .b = {0, 0, 7, 0, 9}};
    struct kt_span span = kt_dh_premaster12(&shared);

    (void)state;
    assert_ptr_equal(span.p, shared.b + 2);
    assert_int_equal(span.len, 3);
    shared.b[0] = 1;
    assert_int_equal(kt_dh_premaster12(&shared).len, 5);
    shared = (struct kt_shared_secret){.len = 5};
    assert_int_equal(kt_dh_premaster12(&shared).len, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_encrypted_is_decrypted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_version_is_replaced, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_rsa_keys_of_ours_decrypt, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_rsa_keys_encrypt, set_up, tear_down),
        cmocka_unit_test(only_48_bytes_of_the_version_are_taken),
        cmocka_unit_test(zeros_in_front_of_a_dh_secret_do_not_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
