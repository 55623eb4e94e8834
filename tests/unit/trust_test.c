/* Trusted authorities: added, named, and the system's own. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include <keyturn/pki.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_pki.h"

static struct test_cert *root, *other;
static struct test_bytes both; /* PEM of root and other */
static struct kt_trust *trust;

static int set_up_all(void **state)
{
    const struct test_cert *certs[2];

    (void)state;
    certs[0] = root = test_ca("root");
    certs[1] = other = test_ca("other");
    both = test_pem_certs(certs, 2);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    test_bytes_free(&both);
    test_cert_free(root);
    test_cert_free(other);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    expect_success(kt_trust_new(&trust));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kt_trust_free(trust);
    unsetenv("SSL_CERT_FILE");
    unsetenv("SSL_CERT_DIR");
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static size_t name_count(void)
{
    size_t count = 99;

    (void)kt_trust_names(trust, &count);
    return count;
}

static void a_new_trust_is_empty(void **state)
{
    (void)state;
    assert_int_equal(name_count(), 0);
    kt_trust_free(NULL);
}

static void all_certificates_of_a_text_are_added_and_named(void **state)
{
    const struct kt_span *names;
    uint8_t *der = NULL;
    size_t count;
    int len = i2d_X509_NAME(X509_get_subject_name(root->x509), &der);

    (void)state;
    expect_success(kt_trust_add_pem(trust, test_bytes_span(&both)));
    names = kt_trust_names(trust, &count);
    assert_int_equal(count, 2);
    assert_true(kt_span_same(names[0], kt_span_of(der, (size_t)len)));
    OPENSSL_free(der);
}

static void the_same_twice_is_once(void **state)
{
    (void)state;
    expect_success(kt_trust_add_pem(trust, test_bytes_span(&both)));
    expect_success(kt_trust_add_pem(trust, test_bytes_span(&both)));
    assert_int_equal(name_count(), 2);
}

static void a_file_is_as_good_as_a_text(void **state)
{
    char *name = test_file(test_bytes_span(&both));

    (void)state;
    expect_success(kt_trust_add_file(trust, name));
    assert_int_equal(name_count(), 2);
    test_file_remove(name);
}

static void nothing_to_add_is_told(void **state)
{
    struct test_bytes key = test_pem_key(root->key, TEST_FORM_PKCS8, NULL);

    (void)state;
    expect_fault(kt_trust_add_pem(trust, kt_span_of(NULL, 0)), PEM_MISSING, INTERNAL_ERROR);
    expect_fault(kt_trust_add_pem(trust, KT_SPAN_TEXT("text")), PEM_MISSING, INTERNAL_ERROR);
    expect_fault(kt_trust_add_pem(trust, test_bytes_span(&key)), PEM_MISSING, INTERNAL_ERROR);
    expect_fault(kt_trust_add_file(trust, "/nowhere"), FILE_UNREADABLE, INTERNAL_ERROR);
    test_bytes_free(&key);
}

static void broken_blocks_are_malformed(void **state)
{
    (void)state;
    expect_fault(
        kt_trust_add_pem(trust, KT_SPAN_TEXT("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n")),
        PEM_MALFORMED, INTERNAL_ERROR);
    expect_fault(kt_trust_add_pem(trust, KT_SPAN_TEXT("-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n")),
                 PEM_MALFORMED, INTERNAL_ERROR);
    expect_fault(kt_trust_add_pem(trust, KT_SPAN_TEXT("-----BEGIN CERTIFICATE-----\nMAA=\n")), PEM_MALFORMED,
                 INTERNAL_ERROR);
}

static void more_than_a_mebibyte_is_refused(void **state)
{
    struct kt_span big = {calloc(1, (1 << 20) + 1), (1 << 20) + 1};

    (void)state;
    expect_fault(kt_trust_add_pem(trust, big), USAGE_ARGUMENT, INTERNAL_ERROR);
    free((void *)(uintptr_t)big.p);
}

/* revocation lists */

static struct test_bytes der_of(const struct test_bytes *pem)
{
    struct test_bytes der = {NULL, 0};
    BIO *bio = BIO_new_mem_buf(pem->p, (int)pem->len);
    X509_CRL *crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL);
    uint8_t *at;

    assert_non_null(crl);
    der.len = (size_t)i2d_X509_CRL(crl, NULL);
    der.p = at = malloc(der.len);
    assert_non_null(at);
    assert_int_equal(i2d_X509_CRL(crl, &at), der.len);
    X509_CRL_free(crl);
    BIO_free(bio);
    return der;
}

static void lists_come_from_files_in_both_forms(void **state)
{
    struct test_bytes pem = test_pem_crl(root, NULL, 0);
    struct test_bytes der = der_of(&pem);
    char *as_pem = test_file(test_bytes_span(&pem)), *as_der = test_file(test_bytes_span(&der));
    char *cut = test_file(kt_span_of(der.p, der.len - 1));

    (void)state;
    expect_success(kt_trust_add_crl_file(trust, as_pem));
    expect_success(kt_trust_add_crl_file(trust, as_der));
    expect_fault(kt_trust_add_crl_file(trust, cut), PEM_MALFORMED, INTERNAL_ERROR);
    expect_fault(kt_trust_add_crl_file(trust, "/nowhere"), FILE_UNREADABLE, INTERNAL_ERROR);
    assert_int_equal(name_count(), 0);
    test_file_remove(cut);
    test_file_remove(as_der);
    test_file_remove(as_pem);
    test_bytes_free(&der);
    test_bytes_free(&pem);
}

static void certificates_beside_lists_are_not_trusted(void **state)
{
    char *name = test_file(test_bytes_span(&both));

    (void)state;
    expect_fault(kt_trust_add_crl_file(trust, name), PEM_MISSING, INTERNAL_ERROR);
    assert_int_equal(name_count(), 0);
    test_file_remove(name);
}

static void put_into(const char *folder, const char *name, struct kt_span content)
{
    char *from = test_file(content);
    char to[4200];

    snprintf(to, sizeof to, "%s/%s", folder, name);
    assert_int_equal(rename(from, to), 0);
    test_file_remove(from);
}

static void take_from(const char *folder, const char *name)
{
    char path[4200];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_int_equal(unlink(path), 0);
}

static void lists_come_from_a_folder(void **state)
{
    struct test_bytes pem = test_pem_crl(root, NULL, 0);
    char *folder = test_file(kt_span_of(NULL, 0));

    (void)state;
    assert_int_equal(unlink(folder), 0);
    expect_fault(kt_trust_add_crl_dir(trust, folder), FILE_UNREADABLE, INTERNAL_ERROR);
    expect_fault(kt_trust_add_crl_dir(trust, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_int_equal(mkdir(folder, 0700), 0);
    put_into(folder, "README", KT_SPAN_TEXT("no list"));
    put_into(folder, ".crl", KT_SPAN_TEXT("no list"));
    expect_fault(kt_trust_add_crl_dir(trust, folder), PEM_MISSING, INTERNAL_ERROR);
    put_into(folder, "one.crl", test_bytes_span(&pem));
    expect_success(kt_trust_add_crl_dir(trust, folder));
    take_from(folder, "one.crl");
    put_into(folder, "01234567.r0", test_bytes_span(&pem));
    expect_success(kt_trust_add_crl_dir(trust, folder));
    put_into(folder, "bad.crl", KT_SPAN_TEXT("no list"));
    expect_fault(kt_trust_add_crl_dir(trust, folder), PEM_MISSING, INTERNAL_ERROR);
    take_from(folder, "bad.crl");
    take_from(folder, "01234567.r0");
    take_from(folder, ".crl");
    take_from(folder, "README");
    assert_int_equal(rmdir(folder), 0);
    test_file_remove(folder);
    test_bytes_free(&pem);
}

/* the system's */

static void the_system_s_store_is_found(void **state)
{
    (void)state;
    if (access("/etc/ssl/certs/ca-certificates.crt", R_OK) != 0) {
        skip();
    }
    expect_success(kt_trust_add_system(trust));
    assert_true(name_count() > 10);
}

static void a_file_may_be_named_instead(void **state)
{
    char *name = test_file(test_bytes_span(&both));

    (void)state;
    setenv("SSL_CERT_FILE", name, 1);
    expect_success(kt_trust_add_system(trust));
    assert_int_equal(name_count(), 2);
    test_file_remove(name);
}

static void put_file(const char *folder, const char *name, struct kt_span content)
{
    char path[4200];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fwrite(content.p, 1, content.len, file), content.len);
    fclose(file);
}

static void a_folder_of_hashes_is_read(void **state)
{
    static const char *const names[] = {"0123abcd.0", "0123abcd.pem", "README", "89abcdef.1", "89abcdef.r0"};
    char *folder = test_file(KT_SPAN_TEXT("")); /* a free name */
    char path[4200];

    (void)state;
    assert_int_equal(unlink(folder), 0);
    assert_int_equal(mkdir(folder, 0700), 0);
    put_file(folder, names[0], test_bytes_span(&both));
    put_file(folder, names[1], KT_SPAN_TEXT("-----BEGIN CERTIFICATE-----\n")); /* not by hash: not looked at */
    put_file(folder, names[2], KT_SPAN_TEXT("text"));
    put_file(folder, names[3], KT_SPAN_TEXT("unreadable for us, and no reason to give up"));
    put_file(folder, names[4], KT_SPAN_TEXT("a revocation list"));
    setenv("SSL_CERT_FILE", "/nowhere", 1);
    setenv("SSL_CERT_DIR", folder, 1);
    expect_success(kt_trust_add_system(trust));
    assert_int_equal(name_count(), 2);
    for (size_t i = 0; i < KT_COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    assert_int_equal(rmdir(folder), 0);
    free(folder);
}

static void a_system_without_store_is_told(void **state)
{
    (void)state;
    setenv("SSL_CERT_FILE", "/nowhere", 1);
    setenv("SSL_CERT_DIR", "/nowhere", 1);
    expect_fault(kt_trust_add_system(trust), TRUST_EMPTY, INTERNAL_ERROR);
}

/* memory */

static void each_allocation_may_fail(void **state)
{
    struct test_bytes crl = test_pem_crl(root, NULL, 0);
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct kt_trust *t = NULL;
        const struct kt_fault *fault;

        test_crypto_memory_fail_at(n);
        fault = kt_trust_new(&t);
        if (fault == NULL) {
            fault = kt_trust_add_pem(t, test_bytes_span(&both));
        }
        if (fault == NULL) {
            fault = kt_trust_add_pem(t, test_bytes_span(&crl));
        }
        failed = test_crypto_memory_fail_at(0);
        if (fault != NULL) { /* reading extensions ahead may fail: it is done again when needed */
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        kt_trust_free(t);
        assert_int_equal(ERR_peek_error(), 0);
    }
    test_bytes_free(&crl);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_new_trust_is_empty),
        TEST(all_certificates_of_a_text_are_added_and_named),
        TEST(the_same_twice_is_once),
        TEST(a_file_is_as_good_as_a_text),
        TEST(nothing_to_add_is_told),
        TEST(broken_blocks_are_malformed),
        TEST(more_than_a_mebibyte_is_refused),
        TEST(lists_come_from_files_in_both_forms),
        TEST(certificates_beside_lists_are_not_trusted),
        TEST(lists_come_from_a_folder),
        TEST(the_system_s_store_is_found),
        TEST(a_file_may_be_named_instead),
        TEST(a_folder_of_hashes_is_read),
        TEST(a_system_without_store_is_told),
        TEST(each_allocation_may_fail),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
