#include <setjmp.h>
#include <stdarg.h>

#include <pthread.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

static void *ask(void *unused)
{
    (void)unused;
    return (void *)(uintptr_t)kt_crypto_libcrypto();
}

/* The first test: nobody has probed before. */
static void threads_that_ask_first_get_the_same(void **state)
{
    pthread_t threads[8];
    void *answer;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ask, NULL), 0);
    }
    for (size_t i = 0; i < KT_COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &answer), 0);
        assert_non_null(answer);
        assert_ptr_equal(answer, kt_crypto_libcrypto());
    }
}

static void debian_has_everything(void **state)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    size_t schemes = 0;

    (void)state;
    for (size_t i = 0; i < 3; i++) {
        assert_non_null(crypto->suites[i]);
        assert_ptr_equal(kt_crypto_suite(crypto, crypto->suites[i]->id), crypto->suites[i]);
    }
    assert_null(crypto->suites[3]);
    for (size_t i = 0; i < 4; i++) {
        assert_non_null(crypto->groups[i]);
        assert_ptr_equal(kt_crypto_group(crypto, crypto->groups[i]->id), crypto->groups[i]);
    }
    assert_null(crypto->groups[4]);
    while (crypto->schemes[schemes] != 0) {
        assert_non_null(kt_scheme_facts(crypto->schemes[schemes++]));
    }
    assert_int_equal(schemes, 13);
    kit_assert_no_errors();
}

static void suites_have_their_parts(void **state)
{
    const struct kt_suite *const *suite = kt_crypto_libcrypto()->suites;

    (void)state;
    for (; *suite != NULL; suite++) {
        bool wide = (*suite)->id == KT_SUITE_AES_256_GCM_SHA384;
        bool gcm = (*suite)->id != KT_SUITE_CHACHA20_POLY1305_SHA256;

        assert_int_equal((*suite)->hash->len, wide ? 48 : 32);
        assert_int_equal((*suite)->aead->key_len, (*suite)->id == KT_SUITE_AES_128_GCM_SHA256 ? 16 : 32);
        assert_true((*suite)->aead->max_records == (gcm ? UINT64_C(23726566) : UINT64_MAX));
    }
}

static void what_is_not_there_is_null(void **state)
{
    (void)state;
    assert_null(kt_crypto_suite(kt_crypto_libcrypto(), 0x1304));
    assert_null(kt_crypto_group(kt_crypto_libcrypto(), 30));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_that_ask_first_get_the_same),
        cmocka_unit_test(debian_has_everything),
        cmocka_unit_test(suites_have_their_parts),
        cmocka_unit_test(what_is_not_there_is_null),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
