#include "crypto/cert_issuer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_pki.h"

static bool contains(struct kt_span bytes, const char *text)
{
    return memmem(bytes.p, bytes.len, text, strlen(text)) != NULL;
}

static void the_issuer_is_named_whole(void **state)
{
    struct test_cert *ca = test_ca("The one above");
    struct test_cert *leaf = test_leaf("leaf.example", TEST_KEY_P256, ca);
    struct kt_span issuer;

    (void)state;
    assert_true(kt_cert_issuer(leaf->der, &issuer));
    assert_int_equal(issuer.p[0], 0x30);
    assert_int_equal(issuer.len, 2u + issuer.p[1]);
    assert_true(contains(issuer, "The one above"));
    assert_false(contains(issuer, "leaf.example"));
    test_cert_free(leaf);
    test_cert_free(ca);
}

/* A certificate of version 1 has no version. */
static void a_version_that_is_left_out_is_none(void **state)
{
    static const uint8_t certificate[] = {0x30, 10, 0x30, 8, 2, 1, 5, 0x30, 0, 0x30, 1, 7};
    struct kt_span issuer;

    (void)state;
    assert_true(kt_cert_issuer((struct kt_span){certificate, sizeof certificate}, &issuer));
    assert_int_equal(issuer.len, 3);
    assert_memory_equal(issuer.p, certificate + 9, 3);
}

/* Each in memory of its own, so that the sanitizer sees who reads behind the end. */
static void a_part_of_a_certificate_has_none(void **state)
{
    struct test_cert *cert = test_ca("The one above");
    struct kt_span issuer;

    (void)state;
    for (size_t len = 0; len < cert->der.len; len++) {
        uint8_t *part = malloc(len + 1);

        assert_non_null(part);
        memcpy(part + 1, cert->der.p, len);
        assert_false(kt_cert_issuer((struct kt_span){part + 1, len}, &issuer));
        free(part);
    }
    test_cert_free(cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_issuer_is_named_whole),
        cmocka_unit_test(a_version_that_is_left_out_is_none),
        cmocka_unit_test(a_part_of_a_certificate_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
