#include "crypto/cert_digest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/test_pki.h"

static struct test_cert *signed_with(enum test_key key, const char *digest, bool pss)
{
    return test_cert_new(&(struct test_cert_options){.key = key, .digest = digest, .pss = pss}, NULL);
}

static void the_digest_is_that_of_the_signature(void **state)
{
    static const struct {
        enum test_key key;
        const char *digest;
        bool pss;
        enum kt_digest want;
    } cases[] = {
        {TEST_KEY_P256, "SHA1", false, KT_DIGEST_SHA256},       {TEST_KEY_P256, "SHA224", false, KT_DIGEST_NONE},
        {TEST_KEY_P256, "SHA256", false, KT_DIGEST_SHA256},     {TEST_KEY_P256, "SHA384", false, KT_DIGEST_SHA384},
        {TEST_KEY_P256, "SHA512", false, KT_DIGEST_SHA512},     {TEST_KEY_RSA_2048, "MD5", false, KT_DIGEST_SHA256},
        {TEST_KEY_RSA_2048, "SHA1", false, KT_DIGEST_SHA256},   {TEST_KEY_RSA_2048, "SHA256", false, KT_DIGEST_SHA256},
        {TEST_KEY_RSA_2048, "SHA384", false, KT_DIGEST_SHA384}, {TEST_KEY_RSA_2048, "SHA512", false, KT_DIGEST_SHA512},
        {TEST_KEY_RSA_2048, "SHA1", true, KT_DIGEST_SHA256},    {TEST_KEY_RSA_2048, "SHA256", true, KT_DIGEST_SHA256},
        {TEST_KEY_RSA_2048, "SHA384", true, KT_DIGEST_SHA384},  {TEST_KEY_RSA_2048, "SHA512", true, KT_DIGEST_SHA512},
        {TEST_KEY_ED25519, NULL, false, KT_DIGEST_SHA256},      {TEST_KEY_ED448, NULL, false, KT_DIGEST_NONE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct test_cert *cert = signed_with(cases[i].key, cases[i].digest, cases[i].pss);

        assert_int_equal(kt_cert_digest(cert->der), cases[i].want);
        test_cert_free(cert);
    }
}

/* Each in memory of its own, so that the sanitizer sees who reads behind the end. */
static void a_part_of_a_certificate_has_none(void **state)
{
    struct test_cert *cert = signed_with(TEST_KEY_RSA_2048, "SHA384", true);

    (void)state;
    for (size_t len = 0; len < cert->der.len; len++) {
        uint8_t *part = malloc(len + 1);

        assert_non_null(part);
        memcpy(part + 1, cert->der.p, len);
        assert_int_equal(kt_cert_digest((struct kt_span){part + 1, len}), KT_DIGEST_NONE);
        free(part);
    }
    test_cert_free(cert);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_digest_is_that_of_the_signature),
        cmocka_unit_test(a_part_of_a_certificate_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
