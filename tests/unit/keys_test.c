/* Credentials from PEM, files and PKCS#12: what is taken, what is refused and why. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <keyturn/pki.h>

#include "base/span.h"
#include "seam/config_view.h"
#include "support/expect_fault.h"
#include "support/test_env.h"
#include "support/test_pki.h"

static struct test_env env;
static struct test_cert *root, *middle;

static int set_up_all(void **state)
{
    (void)state;
    root = test_ca("root");
    middle = test_intermediate("middle", root);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    test_cert_free(middle);
    test_cert_free(root);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    test_env_init(&env);
    return 0;
}

/* Nothing is left behind: no memory, no error of libcrypto. */
static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(env.live, 0);
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* A leaf below middle, its chain as PEM and its key as PEM. */
struct material {
    struct test_cert *leaf;
    struct test_bytes chain, key;
};

static struct material material_of(struct test_cert *leaf, enum test_key_form form, const char *password)
{
    const struct test_cert *certs[] = {leaf, middle};

    return (struct material){leaf, test_pem_certs(certs, 2), test_pem_key(leaf->key, form, password)};
}

static struct material material(enum test_key kind, enum test_key_form form, const char *password)
{
    return material_of(test_leaf("www.example", kind, middle), form, password);
}

static void material_free(struct material *m)
{
    test_cert_free(m->leaf);
    test_bytes_free(&m->chain);
    test_bytes_free(&m->key);
}

static const struct kt_fault *load(const struct material *m, const char *password, struct kt_credential **out)
{
    return kt_credential_from_pem(&env.env, test_bytes_span(&m->chain), test_bytes_span(&m->key), password, out);
}

#define expect_load_refused(m, password, REASON)                                                                       \
    do {                                                                                                               \
        struct kt_credential *untouched = NULL;                                                                        \
        expect_fault(load(m, password, &untouched), REASON, INTERNAL_ERROR);                                           \
        assert_null(untouched);                                                                                        \
        assert_int_equal(env.live, 0);                                                                                 \
        assert_int_equal(ERR_peek_error(), 0);                                                                         \
    } while (0)

static void assert_schemes(const struct kt_credential *c, const uint16_t *ids, size_t count)
{
    assert_int_equal(c->scheme_count, count);
    assert_memory_equal(c->schemes, ids, count * sizeof ids[0]);
}

#define RSA_SCHEMES                                                                                                    \
    KT_SCHEME_RSA_PSS_RSAE_SHA256, KT_SCHEME_RSA_PSS_RSAE_SHA384, KT_SCHEME_RSA_PSS_RSAE_SHA512,                       \
        KT_SCHEME_RSA_PKCS1_SHA256, KT_SCHEME_RSA_PKCS1_SHA384, KT_SCHEME_RSA_PKCS1_SHA512, KT_SCHEME_RSA_PKCS1_SHA1,  \
        KT_SCHEME_RSA_PKCS1_MD5_SHA1

#define OF_P256 KT_SCHEME_ECDSA_SECP256R1_SHA256
#define OF_P384 KT_SCHEME_ECDSA_SECP384R1_SHA384
#define OF_P521 KT_SCHEME_ECDSA_SECP521R1_SHA512

/* Those of older versions behind those of TLS 1.3: the configuration says which may be used. */
static void each_kind_of_key_has_its_schemes(void **state)
{
    static const struct {
        enum test_key key;
        uint16_t schemes[8];
        size_t count;
    } cases[] = {
        {TEST_KEY_P256, {OF_P256, OF_P384, OF_P521, KT_SCHEME_ECDSA_SHA1}, 4},
        {TEST_KEY_P384, {OF_P384, OF_P256, OF_P521, KT_SCHEME_ECDSA_SHA1}, 4},
        {TEST_KEY_P521, {OF_P521, OF_P256, OF_P384, KT_SCHEME_ECDSA_SHA1}, 4},
        {TEST_KEY_ED25519, {KT_SCHEME_ED25519}, 1},
        {TEST_KEY_RSA_2048, {RSA_SCHEMES}, 8},
        {TEST_KEY_RSA_3072, {RSA_SCHEMES}, 8},
        {TEST_KEY_RSA_PSS_2048,
         {KT_SCHEME_RSA_PSS_PSS_SHA256, KT_SCHEME_RSA_PSS_PSS_SHA384, KT_SCHEME_RSA_PSS_PSS_SHA512},
         3},
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        struct material m = material(cases[i].key, TEST_FORM_PKCS8, NULL);
        struct kt_credential *c = NULL;

        expect_success(load(&m, NULL, &c));
        assert_schemes(c, cases[i].schemes, cases[i].count);
        kt_credential_unref(c);
        material_free(&m);
    }
}

static void a_pss_key_bound_to_one_digest_has_one_scheme(void **state)
{
    static const uint16_t one[] = {KT_SCHEME_RSA_PSS_PSS_SHA384};
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;
    struct kt_credential *c = NULL;
    struct material m;

    (void)state;
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_md(ctx, EVP_sha384()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md(ctx, EVP_sha384()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, 48), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
    m = material_of(test_cert_new(&(struct test_cert_options){.use_key = key}, middle), TEST_FORM_PKCS8, NULL);
    expect_success(load(&m, NULL, &c));
    assert_schemes(c, one, 1);
    kt_credential_unref(c);
    material_free(&m);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
}

static void the_chain_is_kept_in_order(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    struct kt_credential *c = NULL;

    (void)state;
    expect_success(load(&m, NULL, &c));
    assert_int_equal(kt_credential_chain_len(c), 2);
    assert_true(kt_span_same(kt_credential_certificate(c, 0), m.leaf->der));
    assert_true(kt_span_same(kt_credential_certificate(c, 1), middle->der));
    kt_credential_unref(c);
    material_free(&m);
}

static void all_forms_of_keys_are_read(void **state)
{
    static const struct {
        enum test_key key;
        enum test_key_form form;
        const char *password;
    } cases[] = {
        {TEST_KEY_P256, TEST_FORM_TRADITIONAL, NULL},       {TEST_KEY_RSA_2048, TEST_FORM_TRADITIONAL, NULL},
        {TEST_KEY_P256, TEST_FORM_TRADITIONAL, "secret"},   {TEST_KEY_RSA_2048, TEST_FORM_TRADITIONAL, "secret"},
        {TEST_KEY_P256, TEST_FORM_PKCS8, "secret"},         {TEST_KEY_RSA_2048, TEST_FORM_PKCS8, "secret"},
        {TEST_KEY_RSA_PSS_2048, TEST_FORM_PKCS8, "secret"}, {TEST_KEY_ED25519, TEST_FORM_PKCS8, "secret"},
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        struct material m = material(cases[i].key, cases[i].form, cases[i].password);
        struct kt_credential *c = NULL;

        expect_success(load(&m, cases[i].password, &c));
        kt_credential_unref(c);
        if (cases[i].password != NULL) {
            expect_load_refused(&m, NULL, KEY_PASSWORD_WRONG);
            expect_load_refused(&m, "wrong", KEY_PASSWORD_WRONG);
        }
        material_free(&m);
    }
}

static void a_password_nobody_could_type_is_wrong(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_TRADITIONAL, "secret");
    char *long_one = malloc(3001);

    (void)state;
    memset(long_one, 'x', 3000);
    long_one[3000] = '\0';
    expect_load_refused(&m, long_one, KEY_PASSWORD_WRONG);
    free(long_one);
    material_free(&m);
}

static void a_password_too_many_does_not_hurt(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    struct kt_credential *c = NULL;

    (void)state;
    expect_success(load(&m, "not needed", &c));
    kt_credential_unref(c);
    material_free(&m);
}

static void names_are_those_a_client_may_ask_for(void **state)
{
    struct test_cert_options o = {
        .names = {"WWW.Example", "*.example", "192.0.2.1", "bad*.example", "under_score.example"},
        .raw_name = KT_SPAN_TEXT("www.example\0.evil.test"),
    };
    struct material m = material_of(test_cert_new(&o, middle), TEST_FORM_PKCS8, NULL);
    struct kt_credential *c = NULL;

    (void)state;
    expect_success(load(&m, NULL, &c));
    assert_int_equal(c->name_count, 3);
    assert_memory_equal(c->names[0].p, "www.example", 11);
    assert_memory_equal(c->names[1].p, "*.example", 9);
    assert_memory_equal(c->names[2].p, "under_score.example", 19);
    kt_credential_unref(c);
    material_free(&m);
}

static void without_names_there_are_none(void **state)
{
    struct material m = material_of(test_cert_new(NULL, middle), TEST_FORM_PKCS8, NULL);
    struct kt_credential *c = NULL;

    (void)state;
    expect_success(load(&m, NULL, &c));
    assert_int_equal(c->name_count, 0);
    kt_credential_unref(c);
    material_free(&m);
}

static void names_that_cannot_be_parsed_are_refused(void **state)
{
    struct test_cert_options o = {.more = {{"subjectAltName", "DER:0500"}}};
    struct material m = material_of(test_cert_new(&o, middle), TEST_FORM_PKCS8, NULL);

    (void)state;
    expect_load_refused(&m, NULL, PEM_MALFORMED);
    material_free(&m);
}

static void weak_and_foreign_keys_are_refused(void **state)
{
    struct material rsa = material(TEST_KEY_RSA_1024, TEST_FORM_PKCS8, NULL);
    struct material p224 = material(TEST_KEY_P224, TEST_FORM_PKCS8, NULL);
    struct material k1 = material(TEST_KEY_SECP256K1, TEST_FORM_PKCS8, NULL);
    struct material ed448 = material(TEST_KEY_ED448, TEST_FORM_PKCS8, NULL);

    (void)state;
    expect_load_refused(&rsa, NULL, KEY_WEAK);
    expect_load_refused(&p224, NULL, KEY_WEAK);
    expect_load_refused(&k1, NULL, KEY_UNSUPPORTED);
    expect_load_refused(&ed448, NULL, KEY_UNSUPPORTED);
    material_free(&rsa);
    material_free(&p224);
    material_free(&k1);
    material_free(&ed448);
}

static void a_key_must_belong_to_the_leaf(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    struct material other = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    struct material rsa = material(TEST_KEY_RSA_2048, TEST_FORM_PKCS8, NULL);
    struct test_bytes own = m.key;

    (void)state;
    m.key = other.key;
    expect_load_refused(&m, NULL, KEY_MISMATCH);
    m.key = rsa.key;
    expect_load_refused(&m, NULL, KEY_MISMATCH);
    m.key = own;
    material_free(&m);
    material_free(&other);
    material_free(&rsa);
}

static const struct kt_fault *load_texts(const char *chain, const char *key)
{
    struct kt_credential *c = NULL;

    return kt_credential_from_pem(&env.env, kt_span_of((const uint8_t *)chain, strlen(chain)),
                                  kt_span_of((const uint8_t *)key, strlen(key)), NULL, &c);
}

static void texts_without_blocks_are_missing(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    const char *chain = (const char *)m.chain.p, *key = (const char *)m.key.p;

    (void)state;
    expect_fault(load_texts("", key), PEM_MISSING, INTERNAL_ERROR);
    expect_fault(load_texts("just text\n", key), PEM_MISSING, INTERNAL_ERROR);
    expect_fault(load_texts(key, key), PEM_MISSING, INTERNAL_ERROR);
    expect_fault(load_texts(chain, ""), PEM_MISSING, INTERNAL_ERROR);
    expect_fault(load_texts(chain, chain), PEM_MISSING, INTERNAL_ERROR);
    material_free(&m);
}

static void broken_blocks_are_malformed(void **state)
{
    static const char *const chains[] = {
        "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\nMAA=\n",
    };
    static const char *const keys[] = {
        "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----\n",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMAA=\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nMAA=\n-----END RSA PRIVATE KEY-----\n",
        ("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: NO-SUCH,00\n\nMAA=\n"
         "-----END RSA PRIVATE KEY-----\n"),
        "-----BEGIN PRIVATE KEY-----\n!!!!\n-----END PRIVATE KEY-----\n",
    };
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(chains); i++) {
        expect_fault(load_texts(chains[i], (const char *)m.key.p), PEM_MALFORMED, INTERNAL_ERROR);
    }
    for (size_t i = 0; i < KT_COUNT_OF(keys); i++) {
        expect_fault(load_texts((const char *)m.chain.p, keys[i]), PEM_MALFORMED, INTERNAL_ERROR);
    }
    material_free(&m);
}

static void a_key_of_an_unknown_form_is_unsupported(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);

    (void)state;
    expect_fault(
        load_texts((const char *)m.chain.p, "-----BEGIN DSA PRIVATE KEY-----\nMAA=\n-----END DSA PRIVATE KEY-----\n"),
        KEY_UNSUPPORTED, INTERNAL_ERROR);
    material_free(&m);
}

static void a_chain_has_at_most_16_certificates(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    const struct test_cert *certs[17] = {m.leaf};
    struct kt_credential *c = NULL;

    (void)state;
    for (size_t i = 1; i < 17; i++) {
        certs[i] = middle;
    }
    test_bytes_free(&m.chain);
    m.chain = test_pem_certs(certs, 17);
    expect_load_refused(&m, NULL, PEM_MALFORMED);
    test_bytes_free(&m.chain);
    m.chain = test_pem_certs(certs, 16);
    expect_success(load(&m, NULL, &c));
    kt_credential_unref(c);
    material_free(&m);
}

static void more_than_a_mebibyte_of_text_is_refused(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    struct kt_span big = {calloc(1, (1 << 20) + 1), (1 << 20) + 1};
    struct kt_credential *c = NULL;

    (void)state;
    expect_fault(kt_credential_from_pem(&env.env, big, test_bytes_span(&m.key), NULL, &c), USAGE_ARGUMENT,
                 INTERNAL_ERROR);
    expect_fault(kt_credential_from_pem(&env.env, test_bytes_span(&m.chain), big, NULL, &c), PEM_MALFORMED,
                 INTERNAL_ERROR);
    expect_fault(kt_credential_from_pem(NULL, test_bytes_span(&m.chain), test_bytes_span(&m.key), NULL, &c),
                 USAGE_ARGUMENT, INTERNAL_ERROR);
    free((void *)(uintptr_t)big.p);
    material_free(&m);
}

/* files */

static void files_are_read_two_or_one_for_both(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    size_t len = m.chain.len + m.key.len;
    uint8_t *both = malloc(len);
    char *chain, *key, *one;
    struct kt_credential *c = NULL;

    (void)state;
    memcpy(both, m.key.p, m.key.len); /* key first: the order in the file does not matter */
    memcpy(both + m.key.len, m.chain.p, m.chain.len);
    chain = test_file(test_bytes_span(&m.chain));
    key = test_file(test_bytes_span(&m.key));
    one = test_file(kt_span_of(both, len));
    expect_success(kt_credential_from_files(&env.env, chain, key, NULL, &c));
    kt_credential_unref(c);
    expect_success(kt_credential_from_files(&env.env, one, one, NULL, &c));
    kt_credential_unref(c);
    free(both);
    test_file_remove(chain);
    test_file_remove(key);
    test_file_remove(one);
    material_free(&m);
}

static void files_that_cannot_be_read_are_told(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    struct kt_span big = {calloc(1, (1 << 20) + 1), (1 << 20) + 1};
    char *chain = test_file(test_bytes_span(&m.chain));
    char *too_long = test_file(big);
    struct kt_credential *c = NULL;

    (void)state;
    expect_fault(kt_credential_from_files(&env.env, "/nowhere", chain, NULL, &c), FILE_UNREADABLE, INTERNAL_ERROR);
    expect_fault(kt_credential_from_files(&env.env, chain, "/nowhere", NULL, &c), FILE_UNREADABLE, INTERNAL_ERROR);
    expect_fault(kt_credential_from_files(&env.env, "/tmp", chain, NULL, &c), FILE_UNREADABLE, INTERNAL_ERROR);
    expect_fault(kt_credential_from_files(&env.env, too_long, chain, NULL, &c), FILE_UNREADABLE, INTERNAL_ERROR);
    expect_fault(kt_credential_from_files(&env.env, NULL, chain, NULL, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    free((void *)(uintptr_t)big.p);
    test_file_remove(chain);
    test_file_remove(too_long);
    material_free(&m);
}

/* PKCS#12 */

static char *pkcs12_file(const struct test_cert *const *certs, size_t count, const char *password)
{
    struct test_bytes bytes = test_pkcs12(certs, count, password);
    char *name = test_file(test_bytes_span(&bytes));

    test_bytes_free(&bytes);
    return name;
}

static void pkcs12_is_put_in_order_without_the_root(void **state)
{
    struct test_cert *leaf = test_leaf("www.example", TEST_KEY_RSA_2048, middle);
    struct test_cert *stranger = test_ca("stranger");
    const struct test_cert *certs[] = {leaf, stranger, root, middle};
    char *name = pkcs12_file(certs, 4, "secret");
    struct kt_credential *c = NULL;

    (void)state;
    expect_success(kt_credential_from_pkcs12(&env.env, name, "secret", &c));
    assert_int_equal(kt_credential_chain_len(c), 2);
    assert_true(kt_span_same(kt_credential_certificate(c, 0), leaf->der));
    assert_true(kt_span_same(kt_credential_certificate(c, 1), middle->der));
    kt_credential_unref(c);
    test_file_remove(name);
    test_cert_free(stranger);
    test_cert_free(leaf);
}

static void pkcs12_with_one_certificate_is_enough(void **state)
{
    struct test_cert *leaf = test_leaf("www.example", TEST_KEY_P256, NULL);
    const struct test_cert *certs[] = {leaf};
    char *name = pkcs12_file(certs, 1, "secret");
    struct kt_credential *c = NULL;

    (void)state;
    expect_success(kt_credential_from_pkcs12(&env.env, name, "secret", &c));
    assert_int_equal(kt_credential_chain_len(c), 1);
    kt_credential_unref(c);
    test_file_remove(name);
    test_cert_free(leaf);
}

static void pkcs12_that_cannot_be_opened_is_refused(void **state)
{
    struct test_cert *leaf = test_leaf("www.example", TEST_KEY_P256, middle);
    struct test_cert *weak = test_leaf("www.example", TEST_KEY_RSA_1024, middle);
    const struct test_cert *certs[] = {leaf}, *weak_certs[] = {weak};
    char *name = pkcs12_file(certs, 1, "secret");
    char *weak_name = pkcs12_file(weak_certs, 1, "secret");
    char *text = test_file(KT_SPAN_TEXT("not PKCS#12"));
    struct kt_credential *c = NULL;

    (void)state;
    expect_fault(kt_credential_from_pkcs12(&env.env, name, "wrong", &c), PKCS12_MALFORMED, INTERNAL_ERROR);
    expect_fault(kt_credential_from_pkcs12(&env.env, name, NULL, &c), PKCS12_MALFORMED, INTERNAL_ERROR);
    expect_fault(kt_credential_from_pkcs12(&env.env, text, "secret", &c), PKCS12_MALFORMED, INTERNAL_ERROR);
    expect_fault(kt_credential_from_pkcs12(&env.env, "/nowhere", "secret", &c), FILE_UNREADABLE, INTERNAL_ERROR);
    expect_fault(kt_credential_from_pkcs12(&env.env, weak_name, "secret", &c), KEY_WEAK, INTERNAL_ERROR);
    expect_fault(kt_credential_from_pkcs12(NULL, name, "secret", &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    test_file_remove(name);
    test_file_remove(weak_name);
    test_file_remove(text);
    test_cert_free(leaf);
    test_cert_free(weak);
}

/* memory */

static void without_memory_of_ours_nothing_leaks(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_PKCS8, NULL);
    struct kt_credential *c = NULL;

    (void)state;
    env.alloc_fail = 1;
    expect_load_refused(&m, NULL, MEMORY_SPENT);
    test_env_restart(&env);
    expect_success(load(&m, NULL, &c));
    kt_credential_unref(c);
    material_free(&m);
}

static void each_allocation_of_libcrypto_may_fail(void **state)
{
    struct material m = material(TEST_KEY_P256, TEST_FORM_TRADITIONAL, "secret");
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct kt_credential *c = NULL;
        const struct kt_fault *fault;

        test_crypto_memory_fail_at(n);
        fault = load(&m, "secret", &c);
        failed = test_crypto_memory_fail_at(0);
        if (failed) {
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        assert_true((fault == NULL) == (c != NULL));
        kt_credential_unref(c);
        assert_int_equal(env.live, 0);
        assert_int_equal(ERR_peek_error(), 0);
    }
    material_free(&m);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(each_kind_of_key_has_its_schemes),
        TEST(a_pss_key_bound_to_one_digest_has_one_scheme),
        TEST(the_chain_is_kept_in_order),
        TEST(all_forms_of_keys_are_read),
        TEST(a_password_nobody_could_type_is_wrong),
        TEST(a_password_too_many_does_not_hurt),
        TEST(names_are_those_a_client_may_ask_for),
        TEST(without_names_there_are_none),
        TEST(names_that_cannot_be_parsed_are_refused),
        TEST(weak_and_foreign_keys_are_refused),
        TEST(a_key_must_belong_to_the_leaf),
        TEST(texts_without_blocks_are_missing),
        TEST(broken_blocks_are_malformed),
        TEST(a_key_of_an_unknown_form_is_unsupported),
        TEST(a_chain_has_at_most_16_certificates),
        TEST(more_than_a_mebibyte_of_text_is_refused),
        TEST(files_are_read_two_or_one_for_both),
        TEST(files_that_cannot_be_read_are_told),
        TEST(pkcs12_is_put_in_order_without_the_root),
        TEST(pkcs12_with_one_certificate_is_enough),
        TEST(pkcs12_that_cannot_be_opened_is_refused),
        TEST(without_memory_of_ours_nothing_leaks),
        TEST(each_allocation_of_libcrypto_may_fail),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
