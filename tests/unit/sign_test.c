/* kt_pki_sign: signatures that the crypto seam verifies, and refusals; the ephemeral credential. */
#include <pthread.h>
#include <string.h>

#include <openssl/err.h>

#include <keyturn/pki.h>

#include "base/span.h"
#include "seam/config_view.h"
#include "seam/crypto.h"
#include "support/expect_fault.h"
#include "support/test_env.h"
#include "support/test_pki.h"

static struct test_env env;

static int set_up(void **state)
{
    (void)state;
    test_env_init(&env);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(env.live, 0);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

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

static struct kt_ask ask_for(const struct kt_credential *c, uint16_t scheme)
{
    return (struct kt_ask){
        .kind = KT_ASK_SIGN,
        .u.sign = {.credential = c, .scheme = scheme, .input = KT_SPAN_TEXT("TLS 1.3, server CertificateVerify")},
    };
}

/* Signs as the ask says; true when the peer would take it. */
static bool signs(const struct kt_ask *ask)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    uint8_t signature[KT_SIGNATURE_MAX];
    struct kt_peer_key *peer = NULL;
    size_t len = 0;
    bool right;

    if (kt_pki_sign(ask, signature, sizeof signature, &len) != NULL ||
        crypto->peer_key_new(kt_credential_certificate(ask->u.sign.credential, 0), &peer) != NULL) {
        return false;
    }
    right = crypto->peer_key_verify(peer, ask->u.sign.scheme, ask->u.sign.input, kt_span_of(signature, len));
    crypto->peer_key_release(peer);
    return right;
}

static void every_scheme_of_every_key_verifies(void **state)
{
    static const enum test_key kinds[] = {TEST_KEY_P256,     TEST_KEY_P384,     TEST_KEY_P521,        TEST_KEY_ED25519,
                                          TEST_KEY_RSA_2048, TEST_KEY_RSA_3072, TEST_KEY_RSA_PSS_2048};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        struct kt_credential *c = credential(kinds[i]);

        for (size_t k = 0; k < c->scheme_count; k++) {
            struct kt_ask ask = ask_for(c, c->schemes[k]);

            assert_true(signs(&ask));
        }
        kt_credential_unref(c);
    }
}

static void a_scheme_of_another_key_is_refused(void **state)
{
    struct kt_credential *c = credential(TEST_KEY_P256);
    static const uint16_t schemes[] = {KT_SCHEME_RSA_PKCS1_SHA256, KT_SCHEME_RSA_PSS_RSAE_SHA256, KT_SCHEME_ED25519,
                                       0xeeee};
    uint8_t out[KT_SIGNATURE_MAX];
    size_t len = 7;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(schemes); i++) {
        struct kt_ask ask = ask_for(c, schemes[i]);

        expect_fault(kt_pki_sign(&ask, out, sizeof out, &len), USAGE_ARGUMENT, INTERNAL_ERROR);
    }
    assert_int_equal(len, 7);
    kt_credential_unref(c);
}

static void foreign_keys_and_wrong_asks_are_refused(void **state)
{
    const uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    struct kt_span certificate = KT_SPAN_TEXT("certificate");
    struct kt_credential_parts parts = {.chain = &certificate, .chain_len = 1, .schemes = &scheme, .scheme_count = 1};
    struct kt_credential *foreign = NULL, *c = credential(TEST_KEY_P256);
    struct kt_ask ask = ask_for(c, scheme);
    uint8_t out[KT_SIGNATURE_MAX];
    size_t len;

    (void)state;
    expect_fault(kt_pki_sign(&ask, out, sizeof out - 1, &len), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_pki_sign(NULL, out, sizeof out, &len), USAGE_ARGUMENT, INTERNAL_ERROR);
    ask.kind = KT_ASK_VERIFY;
    expect_fault(kt_pki_sign(&ask, out, sizeof out, &len), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_success(kt_credential_new(&env.env, &parts, &foreign));
    ask = ask_for(foreign, scheme);
    expect_fault(kt_pki_sign(&ask, out, sizeof out, &len), USAGE_ARGUMENT, INTERNAL_ERROR);
    kt_credential_unref(foreign);
    kt_credential_unref(c);
}

static void each_allocation_of_libcrypto_may_fail(void **state)
{
    struct kt_credential *c = credential(TEST_KEY_RSA_2048);
    struct kt_ask ask = ask_for(c, c->schemes[0]);
    uint8_t out[KT_SIGNATURE_MAX];
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        const struct kt_fault *fault;
        size_t len = 0;

        test_crypto_memory_fail_at(n);
        fault = kt_pki_sign(&ask, out, sizeof out, &len);
        failed = test_crypto_memory_fail_at(0);
        if (failed) {
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        assert_int_equal(ERR_peek_error(), 0);
    }
    assert_true(signs(&ask));
    kt_credential_unref(c);
}

static void *sign_often(void *ask)
{
    bool good = true;

    for (int i = 0; i < 20; i++) {
        good &= signs(ask);
    }
    return good ? ask : NULL;
}

static void threads_may_sign_with_one_key(void **state)
{
    static const enum test_key kinds[] = {TEST_KEY_P256, TEST_KEY_RSA_2048, TEST_KEY_ED25519};

    (void)state;
    for (size_t k = 0; k < KT_COUNT_OF(kinds); k++) {
        struct kt_credential *c = credential(kinds[k]);
        struct kt_ask ask = ask_for(c, c->schemes[0]);
        pthread_t threads[4];
        void *good;

        for (size_t i = 0; i < 4; i++) {
            assert_int_equal(pthread_create(&threads[i], NULL, sign_often, &ask), 0);
        }
        for (size_t i = 0; i < 4; i++) {
            pthread_join(threads[i], &good);
            assert_non_null(good);
        }
        kt_credential_unref(c);
    }
}

/* the ephemeral credential */

static const char *const local_names[] = {"localhost", "127.0.0.1", "::1"};

static void an_ephemeral_credential_signs_and_has_its_names(void **state)
{
    struct kt_credential *c = NULL;
    struct kt_ask ask;

    (void)state;
    expect_success(kt_credential_ephemeral(&env.env, local_names, 3, 7, &c));
    assert_int_equal(kt_credential_chain_len(c), 1);
    assert_int_equal(c->name_count, 1);
    assert_memory_equal(c->names[0].p, "localhost", 9);
    ask = ask_for(c, KT_SCHEME_ECDSA_SECP256R1_SHA256);
    assert_true(signs(&ask));
    kt_credential_unref(c);
}

/* Trusted by its own certificate, it verifies for each of its names until its days are over. */
static const struct kt_fault *verify_ephemeral(struct kt_credential *c, const char *name, int64_t at)
{
    struct kt_span certificate = kt_credential_certificate(c, 0);
    struct test_cert as_test = {.der = certificate};
    const struct test_cert *certs[] = {&as_test};
    struct test_bytes pem = test_pem_certs(certs, 1);
    const uint8_t schemes[] = {0x04, 0x03};
    struct kt_ask ask = {.kind = KT_ASK_VERIFY,
                         .u.verify = {.peer = KT_SERVER,
                                      .chain = &certificate,
                                      .chain_len = 1,
                                      .server_name = kt_span_of((const uint8_t *)name, strlen(name)),
                                      .cert_schemes = {kt_span_of(schemes, sizeof schemes)}}};
    struct kt_verify how = kt_verify_default();
    struct kt_trust *trust = NULL;
    const struct kt_fault *fault;

    expect_success(kt_trust_new(&trust));
    expect_success(kt_trust_add_pem(trust, test_bytes_span(&pem)));
    how.at = at;
    fault = kt_pki_verify(trust, &how, &ask);
    kt_trust_free(trust);
    test_bytes_free(&pem);
    return fault;
}

static void an_ephemeral_certificate_can_be_trusted(void **state)
{
    struct kt_credential *c = NULL;
    int64_t now = env.wall;

    (void)state;
    expect_success(kt_credential_ephemeral(&env.env, local_names, 3, 7, &c));
    expect_success(verify_ephemeral(c, "localhost", now));
    expect_success(verify_ephemeral(c, "127.0.0.1", now));
    expect_success(verify_ephemeral(c, "::1", now));
    expect_success(verify_ephemeral(c, "localhost", now + 7 * 86400 - 1));
    expect_fault(verify_ephemeral(c, "example", now), CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
    expect_fault(verify_ephemeral(c, "localhost", now + 7 * 86400 + 1), CERTIFICATE_EXPIRED, CERTIFICATE_EXPIRED);
    expect_fault(verify_ephemeral(c, "localhost", now - 3601), CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED);
    kt_credential_unref(c);
}

static void two_ephemeral_certificates_differ(void **state)
{
    struct kt_credential *a = NULL, *b = NULL;

    (void)state;
    expect_success(kt_credential_ephemeral(&env.env, local_names, 1, 1, &a));
    expect_success(kt_credential_ephemeral(&env.env, local_names, 1, 1, &b));
    assert_false(kt_span_same(kt_credential_certificate(a, 0), kt_credential_certificate(b, 0)));
    kt_credential_unref(a);
    kt_credential_unref(b);
}

static void ephemeral_wishes_have_limits(void **state)
{
    static const char *const empty[] = {""}, *const missing[] = {NULL};
    char long_name[257];
    const char *const too_long[] = {long_name};
    struct kt_credential *c = NULL;

    (void)state;
    memset(long_name, 'a', 256);
    long_name[256] = '\0';
    expect_fault(kt_credential_ephemeral(&env.env, local_names, 0, 1, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(&env.env, local_names, 257, 1, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(&env.env, NULL, 1, 1, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(NULL, local_names, 1, 1, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(&env.env, local_names, 1, 0, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(&env.env, local_names, 1, 36501, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(&env.env, empty, 1, 1, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(&env.env, missing, 1, 1, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_ephemeral(&env.env, too_long, 1, 1, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_null(c);
}

static void an_ephemeral_credential_needs_randomness_and_memory(void **state)
{
    struct kt_credential *c = NULL;

    (void)state;
    env.random_fail = 1;
    expect_fault(kt_credential_ephemeral(&env.env, local_names, 1, 1, &c), RANDOM_FAILED, INTERNAL_ERROR);
    test_env_restart(&env);
    env.alloc_fail = 1;
    expect_fault(kt_credential_ephemeral(&env.env, local_names, 1, 1, &c), MEMORY_SPENT, INTERNAL_ERROR);
    assert_null(c);
}

static void each_allocation_for_an_ephemeral_one_may_fail(void **state)
{
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct kt_credential *c = NULL;
        const struct kt_fault *fault;

        test_crypto_memory_fail_at(n);
        fault = kt_credential_ephemeral(&env.env, local_names, 3, 1, &c);
        failed = test_crypto_memory_fail_at(0);
        if (failed) {
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        assert_true((fault == NULL) == (c != NULL));
        kt_credential_unref(c);
        assert_int_equal(env.live, 0);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_scheme_of_every_key_verifies),
        TEST(a_scheme_of_another_key_is_refused),
        TEST(foreign_keys_and_wrong_asks_are_refused),
        TEST(each_allocation_of_libcrypto_may_fail),
        TEST(threads_may_sign_with_one_key),
        TEST(an_ephemeral_credential_signs_and_has_its_names),
        TEST(an_ephemeral_certificate_can_be_trusted),
        TEST(two_ephemeral_certificates_differ),
        TEST(ephemeral_wishes_have_limits),
        TEST(an_ephemeral_credential_needs_randomness_and_memory),
        TEST(each_allocation_for_an_ephemeral_one_may_fail),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
