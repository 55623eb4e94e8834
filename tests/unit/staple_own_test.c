/* An OCSP response of our own: attached to a credential, and held against the time. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <keyturn/drive.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_pki.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static struct test_cert *ca, *leaf, *other;
static struct kt_credential *whole, *alone; /* with its issuer in the chain, and without */

static struct kt_credential *credential_of(const struct test_cert *const *certs, size_t count)
{
    struct test_bytes chain = test_pem_certs(certs, count);
    struct test_bytes key = test_pem_key(certs[0]->key, TEST_FORM_PKCS8, NULL);
    struct kt_credential *credential = NULL;

    expect_success(
        kt_credential_from_pem(kt_env_linux(), test_bytes_span(&chain), test_bytes_span(&key), NULL, &credential));
    test_bytes_free(&chain);
    test_bytes_free(&key);
    return credential;
}

static int set_up_all(void **state)
{
    (void)state;
    ca = test_ca("authority");
    leaf = test_leaf("www.example.org", TEST_KEY_P256, ca);
    other = test_leaf("www.example.org", TEST_KEY_P256, ca);
    whole = credential_of((const struct test_cert *[]){leaf, ca}, 2);
    alone = credential_of((const struct test_cert *[]){leaf}, 1);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    kt_credential_unref(whole);
    kt_credential_unref(alone);
    test_cert_free(other);
    test_cert_free(leaf);
    test_cert_free(ca);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* Attaches a response made to order and asks what a client would say to it at NOW. */
static const struct kt_fault *check(struct kt_credential *credential, struct test_ocsp_options o)
{
    struct test_bytes response = test_ocsp(leaf, ca, &o);
    struct kt_credential *stapled = NULL;
    const struct kt_fault *fault;

    expect_success(kt_credential_staple(kt_env_linux(), credential, test_bytes_span(&response), &stapled));
    assert_true(kt_span_same(kt_credential_ocsp_response(stapled), test_bytes_span(&response)));
    assert_int_equal(kt_credential_chain_len(stapled), kt_credential_chain_len(credential));
    assert_ptr_equal(kt_credential_key(stapled), kt_credential_key(credential));
    fault = kt_credential_staple_check(stapled, NOW);
    kt_credential_unref(stapled);
    test_bytes_free(&response);
    return fault;
}

static const struct kt_fault *attach(struct kt_credential *credential, struct kt_span response)
{
    struct kt_credential *stapled = NULL;
    const struct kt_fault *fault = kt_credential_staple(kt_env_linux(), credential, response, &stapled);

    assert_true(fault != NULL || stapled != NULL);
    kt_credential_unref(stapled);
    return fault;
}

#define expect_status(fault, REASON) expect_fault(fault, CERTIFICATE_STATUS_##REASON, BAD_CERTIFICATE_STATUS_RESPONSE)

static void a_good_response_is_good(void **state)
{
    (void)state;
    expect_success(check(whole, (struct test_ocsp_options){0}));
    expect_success(check(alone, (struct test_ocsp_options){.id_digest = "SHA256"}));
}

static void what_clients_will_refuse_is_told(void **state)
{
    struct kt_credential *const both[] = {whole, alone};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        expect_status(check(both[i], (struct test_ocsp_options){.until = NOW - DAY}), EXPIRED);
        expect_status(check(both[i], (struct test_ocsp_options){.status = TEST_STATUS_UNKNOWN}), UNKNOWN);
        expect_fault(check(both[i], (struct test_ocsp_options){.status = TEST_STATUS_REVOKED}), CERTIFICATE_REVOKED,
                     CERTIFICATE_REVOKED);
    }
    expect_status(check(whole, (struct test_ocsp_options){.bad_signature = true}), SIGNATURE_WRONG);
    expect_success(check(alone, (struct test_ocsp_options){.bad_signature = true})); /* by whom is not known */
}

static void without_a_response_there_is_none_to_check(void **state)
{
    (void)state;
    assert_int_equal(kt_credential_ocsp_response(whole).len, 0);
    expect_status(kt_credential_staple_check(whole, NOW), MISSING);
}

static void a_response_for_another_certificate_is_refused(void **state)
{
    struct test_cert *twin = test_ca("authority");
    struct test_bytes for_other = test_ocsp(other, ca, NULL);
    struct test_bytes by_twin = test_ocsp(leaf, twin, NULL);

    (void)state;
    expect_status(attach(whole, test_bytes_span(&for_other)), FOREIGN);
    expect_status(attach(alone, test_bytes_span(&for_other)), FOREIGN);
    expect_status(attach(whole, test_bytes_span(&by_twin)), FOREIGN);
    test_bytes_free(&by_twin);
    test_bytes_free(&for_other);
    test_cert_free(twin);
}

static void what_is_no_response_is_refused(void **state)
{
    (void)state;
    expect_status(attach(whole, KT_SPAN_TEXT("rubbish")), MALFORMED);
    expect_status(attach(whole, kt_span_of(NULL, 0)), MALFORMED);
}

static void a_file_will_do(void **state)
{
    struct test_bytes response = test_ocsp(leaf, ca, NULL);
    struct kt_credential *stapled = NULL;
    char *name = test_file(test_bytes_span(&response));

    (void)state;
    expect_success(kt_credential_staple_file(kt_env_linux(), whole, name, &stapled));
    assert_true(kt_span_same(kt_credential_ocsp_response(stapled), test_bytes_span(&response)));
    kt_credential_unref(stapled);
    test_file_remove(name);
    test_bytes_free(&response);
    expect_fault(kt_credential_staple_file(kt_env_linux(), whole, "/nowhere/at/all", &stapled), FILE_UNREADABLE,
                 INTERNAL_ERROR);
}

static void misuse_is_told(void **state)
{
    const uint16_t scheme = KT_SCHEME_ED25519;
    struct kt_credential_parts parts = {.chain = &leaf->der, .chain_len = 1, .schemes = &scheme, .scheme_count = 1};
    struct kt_credential *strange, *out = NULL;

    (void)state;
    expect_success(kt_credential_new(kt_env_linux(), &parts, &strange));
    expect_fault(attach(strange, KT_SPAN_TEXT("x")), USAGE_ARGUMENT, INTERNAL_ERROR);
    kt_credential_unref(strange);
    expect_fault(kt_credential_staple(NULL, whole, KT_SPAN_TEXT("x"), &out), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(attach(NULL, KT_SPAN_TEXT("x")), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_staple_check(NULL, NOW), USAGE_ARGUMENT, INTERNAL_ERROR);
}

static void each_allocation_of_libcrypto_may_fail(void **state)
{
    struct test_bytes response = test_ocsp(leaf, ca, NULL);
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        const struct kt_fault *fault;

        test_crypto_memory_fail_at(n);
        fault = attach(whole, test_bytes_span(&response));
        failed = test_crypto_memory_fail_at(0);
        if (failed) {
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        assert_int_equal(ERR_peek_error(), 0);
    }
    test_bytes_free(&response);
}

/* One timestamp of version 1 that nobody signed, and one of a version that nobody knows. */
#define V1                                                                                                             \
    "\0\60"                                                                                                            \
    "\0"                                                                                                               \
    "0123456789abcdef0123456789abcdef"                                                                                 \
    "\0\0\1\2\3\4\5\6"                                                                                                 \
    "\0\0"                                                                                                             \
    "\4\3\0\1s"
#define V9 "\0\3\11xy"

static const struct kt_fault *with_scts(struct kt_credential *credential, struct kt_span list,
                                        struct kt_credential **out)
{
    return kt_credential_scts(kt_env_linux(), credential, list, out);
}

static void timestamps_and_a_response_stay_together(void **state)
{
    const struct kt_span list = KT_SPAN_TEXT("\0\67" V1 V9);
    struct test_bytes response = test_ocsp(leaf, ca, NULL);
    struct kt_credential *stapled = NULL, *both = NULL, *again = NULL;

    (void)state;
    expect_success(kt_credential_staple(kt_env_linux(), whole, test_bytes_span(&response), &stapled));
    expect_success(with_scts(stapled, list, &both));
    expect_success(kt_credential_staple(kt_env_linux(), both, test_bytes_span(&response), &again));
    assert_true(kt_span_same(kt_credential_ocsp_response(both), test_bytes_span(&response)));
    assert_true(kt_span_same(kt_credential_sct_list(both), list));
    assert_true(kt_span_same(kt_credential_sct_list(again), list));
    assert_int_equal(kt_credential_sct_list(stapled).len, 0);
    kt_credential_unref(again);
    kt_credential_unref(both);
    kt_credential_unref(stapled);
    test_bytes_free(&response);
}

static void what_is_no_list_of_timestamps_is_refused(void **state)
{
    const struct kt_span lists[] = {
        {NULL, 0},
        KT_SPAN_TEXT("rubbish"),
        KT_SPAN_TEXT("\0\0"),
        KT_SPAN_TEXT("\0\63" V1 "!"),    /* a byte behind the timestamp */
        KT_SPAN_TEXT("\0\62" V1 "!"),    /* a byte behind the list */
        KT_SPAN_TEXT("\0\64" V1 "\0\0"), /* an empty one */
    };
    struct kt_credential *out = NULL;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(lists); i++) {
        expect_fault(with_scts(whole, lists[i], &out), SCT_LIST_MALFORMED, INTERNAL_ERROR);
    }
    expect_fault(with_scts(NULL, lists[1], &out), USAGE_ARGUMENT, INTERNAL_ERROR);
}

static void timestamps_may_be_in_a_file(void **state)
{
    const struct kt_span list = KT_SPAN_TEXT("\0\62" V1);
    struct kt_credential *out = NULL;
    char *name = test_file(list);

    (void)state;
    expect_success(kt_credential_scts_file(kt_env_linux(), whole, name, &out));
    assert_true(kt_span_same(kt_credential_sct_list(out), list));
    kt_credential_unref(out);
    test_file_remove(name);
    expect_fault(kt_credential_scts_file(kt_env_linux(), whole, "/nowhere/at/all", &out), FILE_UNREADABLE,
                 INTERNAL_ERROR);
}

#define TEST(function) cmocka_unit_test_teardown(function, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_response_is_good),
        TEST(what_clients_will_refuse_is_told),
        TEST(without_a_response_there_is_none_to_check),
        TEST(a_response_for_another_certificate_is_refused),
        TEST(what_is_no_response_is_refused),
        TEST(a_file_will_do),
        TEST(misuse_is_told),
        TEST(each_allocation_of_libcrypto_may_fail),
        TEST(timestamps_and_a_response_stay_together),
        TEST(what_is_no_list_of_timestamps_is_refused),
        TEST(timestamps_may_be_in_a_file),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
