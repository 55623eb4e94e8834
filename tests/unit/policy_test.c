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

static void modern_is_as_it_was_released(void **state)
{
    char kept[8192];
    char *text = text_of(&kt_policy_2026_modern);
    FILE *file = fopen("tests/policy/2026-modern.txt", "re");
    size_t len;

    (void)state;
    assert_non_null(file);
    len = fread(kept, 1, sizeof kept - 1, file);
    kept[len] = '\0';
    fclose(file);
    assert_string_equal(text, kept);
    free(text);
}

static void modern_signs_handshakes_only_with_what_tls13_allows(void **state)
{
    (void)state;
    for (size_t i = 0; i < kt_policy_2026_modern.scheme_count; i++) {
        assert_true(kt_scheme_facts(kt_policy_2026_modern.schemes[i])->tls13);
    }
}

/* A policy is a wish, but of this one libcrypto grants all. */
static void modern_is_what_libcrypto_offers(void **state)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();

    (void)state;
    assert_non_null(crypto);
    for (size_t i = 0; i < kt_policy_2026_modern.suite_count; i++) {
        assert_non_null(kt_crypto_suite(crypto, kt_policy_2026_modern.suites[i]));
    }
    for (size_t i = 0; i < kt_policy_2026_modern.group_count; i++) {
        assert_non_null(kt_crypto_group(crypto, kt_policy_2026_modern.groups[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(modern_is_as_it_was_released),
        cmocka_unit_test(modern_signs_handshakes_only_with_what_tls13_allows),
        cmocka_unit_test(modern_is_what_libcrypto_offers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
