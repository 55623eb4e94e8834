/* Certificates as text: for people, and safe on a terminal. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include <keyturn/pki.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_pki.h"

static char text[4096];

static const char *describe(const struct test_cert *cert)
{
    size_t len = kt_certificate_text(cert->der, text, sizeof text);

    assert_int_equal(len, strlen(text));
    assert_int_equal(ERR_peek_error(), 0);
    return text;
}

static void assert_line(const char *line)
{
    const char *at = strstr(text, line);

    if (at == NULL || (at != text && at[-1] != '\n')) {
        fail_msg("no line \"%s\" in:\n%s", line, text);
    }
}

static void all_that_matters_is_there(void **state)
{
    struct test_cert_options o = {.subject = "www", .names = {"www.example", "192.0.2.7", "2001:db8::1"}};
    struct test_cert *root = test_ca("root"), *leaf = test_cert_new(&o, root);
    char fingerprint[65], line[80] = "sha256: ";

    (void)state;
    describe(leaf);
    assert_line("subject: CN=www\n");
    assert_line("issuer: CN=root\n");
    assert_line("names: DNS:www.example, IP:192.0.2.7, IP:2001:db8:0:0:0:0:0:1\n");
    assert_line("not before: 2000-01-01 00:00:00Z\n");
    assert_line("not after: 2049-12-31 00:00:00Z\n");
    kt_certificate_fingerprint(leaf->der, fingerprint);
    strcat(line, fingerprint);
    assert_line(line);
    test_cert_free(leaf);
    test_cert_free(root);
}

static void a_certificate_without_names_says_so(void **state)
{
    struct test_cert *leaf = test_cert_new(NULL, NULL);

    (void)state;
    describe(leaf);
    assert_line("names: none\n");
    test_cert_free(leaf);
}

static void other_kinds_of_names_are_counted_only(void **state)
{
    struct test_cert_options o = {.more = {{"subjectAltName", "email:a@b.example,DNS:c.example"}}};
    struct test_cert *leaf = test_cert_new(&o, NULL);

    (void)state;
    describe(leaf);
    assert_line("names: other, DNS:c.example\n");
    test_cert_free(leaf);
}

/* Escape sequences, NULs and line ends in names stay text. */
static void nothing_reaches_the_terminal_as_it_is(void **state)
{
    struct test_cert_options o = {.subject = "a\x1b[2J\nb", .raw_name = KT_SPAN_TEXT("x\0y\x1b[1m\n,z\xff")};
    struct test_cert *leaf = test_cert_new(&o, NULL);

    (void)state;
    describe(leaf);
    assert_line("names: DNS:x\\x00y\\x1b[1m\\x0a\\x2cz\\xff\n");
    assert_line("subject: CN=a\\1B[2J\\0Ab\n");
    assert_null(strchr(text, '\x1b'));
    test_cert_free(leaf);
}

static void what_is_no_certificate_has_a_fingerprint(void **state)
{
    size_t len = kt_certificate_text(KT_SPAN_TEXT("abc"), text, sizeof text);

    (void)state;
    assert_int_equal(len, strlen(text));
    assert_string_equal(text,
                        "not a certificate\n"
                        "sha256: ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n");
}

static void text_is_cut_and_ended_at_every_length(void **state)
{
    struct test_cert *leaf = test_leaf("www.example", TEST_KEY_P256, NULL);
    size_t len = strlen(describe(leaf));
    char *whole = strdup(text);

    (void)state;
    assert_int_equal(kt_certificate_text(leaf->der, NULL, 0), len);
    for (size_t cap = 1; cap <= len + 1; cap++) {
        char *small = malloc(cap);

        assert_int_equal(kt_certificate_text(leaf->der, small, cap), len);
        assert_int_equal(strlen(small), cap - 1);
        assert_memory_equal(small, whole, cap - 1);
        free(small);
    }
    free(whole);
    test_cert_free(leaf);
}

static void a_fingerprint_is_sha256_in_hex(void **state)
{
    char fingerprint[65];

    (void)state;
    kt_certificate_fingerprint(KT_SPAN_TEXT("abc"), fingerprint);
    assert_string_equal(fingerprint, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void without_memory_there_is_less_text_and_no_harm(void **state)
{
    struct test_cert *leaf = test_leaf("www.example", TEST_KEY_P256, NULL);
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        size_t len;

        test_crypto_memory_fail_at(n);
        len = kt_certificate_text(leaf->der, text, sizeof text);
        failed = test_crypto_memory_fail_at(0);
        assert_int_equal(len, strlen(text));
        assert_int_equal(ERR_peek_error(), 0);
    }
    test_cert_free(leaf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_that_matters_is_there),
        cmocka_unit_test(a_certificate_without_names_says_so),
        cmocka_unit_test(other_kinds_of_names_are_counted_only),
        cmocka_unit_test(nothing_reaches_the_terminal_as_it_is),
        cmocka_unit_test(what_is_no_certificate_has_a_fingerprint),
        cmocka_unit_test(text_is_cut_and_ended_at_every_length),
        cmocka_unit_test(a_fingerprint_is_sha256_in_hex),
        cmocka_unit_test(without_memory_there_is_less_text_and_no_harm),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
