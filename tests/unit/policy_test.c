/* The policies of the library never change: their text is compared with tests/policy. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keyturn/config.h>

#include "registry/registry.h"
#include "seam/crypto.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

static void put_list(FILE *to, const char *what, const uint16_t *ids, size_t count, const char *(*name)(uint16_t id))
{
    for (size_t i = 0; i < count; i++) {
        fprintf(to, "%s %s\n", what, name(ids[i]));
    }
}

static char *text_of(const struct kt_policy *policy)
{
    char *text = NULL;
    size_t len;
    FILE *to = open_memstream(&text, &len);

    assert_non_null(to);
    fprintf(to, "policy %s\n", policy->name);
    put_list(to, "version", policy->versions, policy->version_count, kt_version_name);
    put_list(to, "suite", policy->suites, policy->suite_count, kt_suite_name);
    put_list(to, "group", policy->groups, policy->group_count, kt_group_name);
    put_list(to, "scheme", policy->schemes, policy->scheme_count, kt_scheme_name);
    put_list(to, "cert_scheme", policy->cert_schemes, policy->cert_scheme_count, kt_scheme_name);
    fclose(to);
    return text;
}

static void each_policy_is_as_it_was_released(void **state)
{
    const struct kt_policy *policy;

    (void)state;
    for (size_t i = 0; (policy = kt_policy_at(i)) != NULL; i++) {
        char path[64];
        char kept[8192];
        char *text = text_of(policy);
        size_t len;
        FILE *file;

        (void)snprintf(path, sizeof path, "tests/policy/%s.txt", policy->name);
        file = fopen(path, "re");
        assert_non_null(file);
        len = fread(kept, 1, sizeof kept - 1, file);
        kept[len] = '\0';
        fclose(file);
        assert_string_equal(text, kept);
        free(text);
    }
}

static bool has(const uint16_t *ids, size_t count, uint16_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* PKCS#1 signs in TLS 1.2, and never in TLS 1.3. */
static void a_policy_signs_handshakes_only_with_what_its_versions_allow(void **state)
{
    const struct kt_policy *policy;

    (void)state;
    for (size_t n = 0; (policy = kt_policy_at(n)) != NULL; n++) {
        for (size_t i = 0; i < policy->scheme_count; i++) {
            bool fits = false;

            for (size_t v = 0; v < policy->version_count; v++) {
                fits |= kt_scheme_is_for(policy->schemes[i], policy->versions[v]);
            }
            assert_true(fits);
        }
    }
}

/* Each version has a suite, and each suite a version. */
static void a_policy_has_suites_for_its_versions(void **state)
{
    const struct kt_policy *policy;

    (void)state;
    for (size_t n = 0; (policy = kt_policy_at(n)) != NULL; n++) {
        for (size_t i = 0; i < policy->suite_count; i++) {
            const struct kt_suite_facts *suite = kt_suite_facts(policy->suites[i]);

            assert_non_null(suite);
            assert_true(has(policy->versions, policy->version_count, suite->min_version));
            assert_true(has(policy->versions, policy->version_count, suite->max_version));
        }
        for (size_t v = 0; v < policy->version_count; v++) {
            bool any = false;

            for (size_t i = 0; i < policy->suite_count; i++) {
                any |= kt_suite_is_for(policy->suites[i], policy->versions[v]);
            }
            assert_true(any);
        }
    }
}

/* RFC 9325: ECDHE and AEAD, and nothing below TLS 1.2. */
static void only_the_legacy_policy_has_what_is_legacy(void **state)
{
    const struct kt_policy *policy;

    (void)state;
    for (size_t n = 0; (policy = kt_policy_at(n)) != NULL; n++) {
        bool legacy = false;

        for (size_t i = 0; i < policy->version_count; i++) {
            legacy |= policy->versions[i] < KT_TLS_1_2;
        }
        for (size_t i = 0; i < policy->suite_count; i++) {
            const struct kt_suite_facts *suite = kt_suite_facts(policy->suites[i]);

            legacy |= suite->legacy;
            assert_int_equal(suite->legacy, suite->cbc || suite->kx == KT_KX_DHE || suite->kx == KT_KX_RSA);
        }
        for (size_t i = 0; i < policy->cert_scheme_count; i++) {
            legacy |= kt_scheme_facts(policy->cert_schemes[i])->legacy;
            assert_true(kt_scheme_is_sent(policy->cert_schemes[i]));
        }
        assert_int_equal(policy->legacy, legacy);
        assert_int_equal(policy->legacy, strstr(policy->name, "legacy") != NULL);
    }
}

/* A policy is a wish, but of ours libcrypto grants all that the versions spoken have. */
static void a_policy_is_what_libcrypto_offers(void **state)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    const struct kt_policy *policy;

    (void)state;
    assert_non_null(crypto);
    for (size_t n = 0; (policy = kt_policy_at(n)) != NULL; n++) {
        for (size_t i = 0; i < policy->suite_count; i++) {
            if (kt_suite_facts(policy->suites[i])->max_version >= KT_VERSION_OLDEST) {
                assert_non_null(kt_crypto_suite(crypto, policy->suites[i]));
            }
        }
        for (size_t i = 0; i < policy->group_count; i++) {
            if (!policy->legacy || (unsigned)KT_VERSION_OLDEST < KT_TLS_1_3) {
                assert_non_null(kt_crypto_group(crypto, policy->groups[i]));
            }
        }
    }
}

static bool same_set(const uint16_t *a, size_t a_count, const uint16_t *b, size_t b_count)
{
    size_t found = 0;

    for (size_t i = 0; i < a_count; i++) {
        for (size_t k = 0; k < b_count; k++) {
            found += a[i] == b[k];
        }
    }
    return a_count == b_count && found == a_count;
}

/* Something weaker would need another name. */
static void compatible_differs_from_modern_in_order_only(void **state)
{
    const struct kt_policy *a = &kt_policy_2026_modern;
    const struct kt_policy *b = &kt_policy_2026_compatible;

    (void)state;
    assert_true(same_set(a->versions, a->version_count, b->versions, b->version_count));
    assert_true(same_set(a->suites, a->suite_count, b->suites, b->suite_count));
    assert_true(same_set(a->groups, a->group_count, b->groups, b->group_count));
    assert_true(same_set(a->schemes, a->scheme_count, b->schemes, b->scheme_count));
    assert_true(same_set(a->cert_schemes, a->cert_scheme_count, b->cert_schemes, b->cert_scheme_count));
    assert_int_equal(b->groups[0], KT_GROUP_SECP256R1);
    assert_int_equal(b->schemes[0], KT_SCHEME_RSA_PSS_RSAE_SHA256);
}

static void policies_are_found_by_name_with_and_without_date(void **state)
{
    static const char *const unknown[] = {"", "2026-", "026-modern", "legacy ", "modern ", "2025-modern"};

    (void)state;
    assert_ptr_equal(kt_policy_named("modern"), &kt_policy_2026_modern);
    assert_ptr_equal(kt_policy_named("2026-modern"), &kt_policy_2026_modern);
    assert_ptr_equal(kt_policy_named("Compatible"), &kt_policy_2026_compatible);
    assert_ptr_equal(kt_policy_named("2026-COMPATIBLE"), &kt_policy_2026_compatible);
    assert_ptr_equal(kt_policy_named("legacy"), &kt_policy_2026_legacy);
    for (size_t i = 0; i < KT_COUNT_OF(unknown); i++) {
        assert_null(kt_policy_named(unknown[i]));
    }
}

static void each_listed_policy_is_found_by_its_name_and_can_be_built(void **state)
{
    const struct kt_policy *policy;
    struct test_env env;
    size_t n = 0;

    (void)state;
    test_env_init(&env);
    for (; (policy = kt_policy_at(n)) != NULL; n++) {
        struct kt_builder *builder;
        struct kt_config *config;

        assert_ptr_equal(kt_policy_named(policy->name), policy);
        expect_success(kt_builder_new(KT_CLIENT, &env.env, &builder));
        expect_success(kt_builder_policy(builder, policy));
        expect_success(kt_builder_build(builder, &config));
        kt_config_unref(config);
        kt_builder_free(builder);
    }
    assert_int_equal(n, 3);
    assert_null(kt_policy_at(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_policy_is_as_it_was_released),
        cmocka_unit_test(a_policy_signs_handshakes_only_with_what_its_versions_allow),
        cmocka_unit_test(a_policy_has_suites_for_its_versions),
        cmocka_unit_test(only_the_legacy_policy_has_what_is_legacy),
        cmocka_unit_test(a_policy_is_what_libcrypto_offers),
        cmocka_unit_test(compatible_differs_from_modern_in_order_only),
        cmocka_unit_test(policies_are_found_by_name_with_and_without_date),
        cmocka_unit_test(each_listed_policy_is_found_by_its_name_and_can_be_built),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
