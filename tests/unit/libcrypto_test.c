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

static const uint16_t suite_ids[] = {
#define X(name, number, text, short_form, kx, auth, cbc, legacy, first, last) (number),
#include "registry/suites.def"
#undef X
};
static const uint16_t group_ids[] = {
#define X(name, number, text, short_form, kind, last) (number),
#include "registry/groups.def"
#undef X
};

static void debian_has_everything(void **state)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    size_t schemes = 0;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(suite_ids); i++) {
        assert_non_null(kt_crypto_suite(crypto, suite_ids[i]));
    }
    for (size_t i = 0; i < KT_COUNT_OF(group_ids); i++) {
        assert_non_null(kt_crypto_group(crypto, group_ids[i]));
    }
    for (int digest = KT_DIGEST_SHA256; digest < KT_DIGEST_COUNT; digest++) {
        assert_non_null(crypto->digests[digest]);
    }
    while (crypto->schemes[schemes] != 0) {
        assert_non_null(kt_scheme_facts(crypto->schemes[schemes++]));
    }
    assert_int_equal(schemes, 16);
    kit_assert_no_errors();
}

static void suites_have_their_parts(void **state)
{
    const struct kt_suite *const *suite = kt_crypto_libcrypto()->suites;

    (void)state;
    for (; *suite != NULL; suite++) {
        const struct kt_suite_facts *facts = kt_suite_facts((*suite)->id);
        size_t name_len = strlen(facts->name);
        bool wide = strcmp(facts->name + name_len - 6, "SHA384") == 0;
        bool aes_128 = strstr(facts->name, "AES_128") != NULL;

        assert_true(((*suite)->cbc != NULL) == facts->cbc);
        assert_true(((*suite)->aead == NULL) == facts->cbc);
        assert_int_equal((*suite)->hash->len, wide ? 48 : 32);
        if (facts->cbc) {
            bool sha1 = strcmp(facts->name + name_len - 3, "SHA") == 0;

            assert_int_equal((*suite)->cbc->key_len, aes_128 ? 16 : 32);
            assert_int_equal((*suite)->cbc->mac_len, sha1 ? 20 : wide ? 48 : 32);
            assert_true(kt_suite_max_records(*suite) == UINT64_C(23726566));
        } else {
            bool chacha = strstr(facts->name, "CHACHA20") != NULL, ccm = strstr(facts->name, "CCM") != NULL;

            assert_int_equal((*suite)->aead->key_len, aes_128 ? 16 : 32);
            assert_int_equal((*suite)->aead->explicit_nonce_len, chacha ? 0 : 8);
            assert_true(kt_suite_max_records(*suite) == (chacha ? UINT64_MAX : ccm ? 8388608 : UINT64_C(23726566)));
        }
    }
}

static void what_is_not_there_is_null(void **state)
{
    (void)state;
    assert_null(kt_crypto_suite(kt_crypto_libcrypto(), 0x1305));
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
