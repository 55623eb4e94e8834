/* The text of user policies: what is read, and for each error the line, the word and the problem. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keyturn/config.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

/* From memory of exactly that size, so that the sanitizer sees what is read beyond it. */
static const struct kt_fault *parse_bytes(const char *text, size_t len, struct kt_user_policy *policy,
                                          struct kt_policy_error *error)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    const struct kt_fault *fault;

    assert_non_null(copy);
    kt_copy(copy, text, len);
    fault = kt_policy_parse(kt_span_of(copy, len), policy, error);
    free(copy);
    return fault;
}

static struct kt_user_policy parse(const char *text)
{
    struct kt_user_policy policy;

    expect_success(parse_bytes(text, strlen(text), &policy, NULL));
    return policy;
}

static void expect_wrong_bytes(const char *text, size_t len, unsigned line, const char *word, const char *problem)
{
    struct kt_policy_error error;
    struct kt_user_policy policy;
    struct kt_user_policy before;

    memset(&policy, 0x5a, sizeof policy);
    before = policy;
    expect_fault(parse_bytes(text, len, &policy, &error), POLICY_MALFORMED, INTERNAL_ERROR);
    assert_int_equal(error.line, line);
    assert_string_equal(error.word, word);
    assert_string_equal(error.problem, problem);
    assert_memory_equal(&policy, &before, sizeof policy);
}

static void expect_wrong(const char *text, unsigned line, const char *word, const char *problem)
{
    expect_wrong_bytes(text, strlen(text), line, word, problem);
}

static void nothing_written_is_the_default(void **state)
{
    static const char *const texts[] = {"", "\n", "\n\n", "# only a comment", "  \t\r\n#\n", "   "};
    struct kt_user_policy usual = kt_policy_user(NULL);

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(texts); i++) {
        struct kt_user_policy policy = parse(texts[i]);

        assert_ptr_equal(policy.based_on, &kt_policy_2026_modern);
        assert_int_equal(policy.versions.count + policy.suites.count + policy.groups.count + policy.schemes.count +
                             policy.cert_schemes.count,
                         0);
        assert_int_equal(policy.lifetime.sending.max_seconds, usual.lifetime.sending.max_seconds);
        assert_int_equal(policy.lifetime.peer_budget, usual.lifetime.peer_budget);
        assert_int_equal(policy.min_rsa_bits, 2048);
        assert_int_equal(policy.min_curve_bits, 256);
    }
}

static void every_field_arrives(void **state)
{
    struct kt_user_policy p = parse(
        "# ours\r\n"
        "based-on = compatible # the newest\r\n"
        "versions = TLSv1.3\n"
        "suites=AES-256-GCM,tls_aes_128_gcm_sha256\n"
        "\tgroups\t=\tP-521 , x25519\t\n"
        "schemes = ed25519\n"
        "cert-schemes = rsa_pkcs1_sha256, ed25519\n"
        "min-rsa-bits = 3072\n"
        "min-curve-bits = 0384\n"
        "sending-records = 1\n"
        "sending-bytes = 18446744073709551615\n"
        "sending-seconds = 4294967295\n"
        "receiving-records = 4\n"
        "receiving-bytes = 5\n"
        "receiving-seconds = 6\n"
        "min-gap-ms = 7\n"
        "answer-seconds = 8\n"
        "peer-budget = 65535");

    (void)state;
    assert_ptr_equal(p.based_on, &kt_policy_2026_compatible);
    assert_true(p.versions.count == 1 && p.versions.ids[0] == KT_TLS_1_3);
    assert_true(p.suites.count == 2 && p.suites.ids[0] == KT_SUITE_AES_256_GCM_SHA384 &&
                p.suites.ids[1] == KT_SUITE_AES_128_GCM_SHA256);
    assert_true(p.groups.count == 2 && p.groups.ids[0] == KT_GROUP_SECP521R1 && p.groups.ids[1] == KT_GROUP_X25519);
    assert_true(p.schemes.count == 1 && p.schemes.ids[0] == KT_SCHEME_ED25519);
    assert_true(p.cert_schemes.count == 2 && p.cert_schemes.ids[0] == KT_SCHEME_RSA_PKCS1_SHA256);
    assert_true(p.min_rsa_bits == 3072 && p.min_curve_bits == 384);
    assert_true(p.lifetime.sending.max_records == 1 && p.lifetime.sending.max_bytes == UINT64_MAX &&
                p.lifetime.sending.max_seconds == UINT32_MAX);
    assert_true(p.lifetime.receiving.max_records == 4 && p.lifetime.receiving.max_bytes == 5 &&
                p.lifetime.receiving.max_seconds == 6);
    assert_true(p.lifetime.min_gap_ms == 7 && p.lifetime.answer_seconds == 8 && p.lifetime.peer_budget == 65535);
}

static void lines_are_fields_with_values(void **state)
{
    (void)state;
    expect_wrong("\nsuits = AES-128-GCM", 2, "suits", "no field is called so");
    expect_wrong("Suites = AES-128-GCM", 1, "Suites", "no field is called so");
    expect_wrong("= AES-128-GCM", 1, "", "no field is called so");
    expect_wrong("groups", 1, "groups", "there is no = in the line");
    expect_wrong("groups x25519 # =", 1, "groups x25519", "there is no = in the line");
    expect_wrong("\n\ngroups =\nsuites =", 3, "groups", "the field has no value");
    expect_wrong("groups = # x25519", 1, "groups", "the field has no value");
    expect_wrong("groups = x25519\nsuites = AES-128-GCM\ngroups = x25519\n", 3, "groups",
                 "the field stands there twice");
}

static void values_of_lists_are_known_and_differ(void **state)
{
    (void)state;
    expect_wrong("groups = x25519, P-257", 1, "P-257", "no value of this field is called so");
    expect_wrong("groups = x25519 P-256", 1, "x25519 P-256", "no value of this field is called so");
    expect_wrong("suites = x25519", 1, "x25519", "no value of this field is called so");
    expect_wrong("versions = TLSv1.4", 1, "TLSv1.4", "no value of this field is called so");
    expect_wrong("schemes = ed25519 = ed25519", 1, "ed25519 = ed25519", "no value of this field is called so");
    expect_wrong("cert-schemes = ed25519, ED25519", 1, "ED25519", "the value stands in the list twice");
    expect_wrong("groups = secp256r1, P-256", 1, "P-256", "the value stands in the list twice");
    expect_wrong("groups = x25519,", 1, "groups", "a value of the list is missing");
    expect_wrong("groups = ,x25519", 1, "groups", "a value of the list is missing");
    expect_wrong("groups = x25519, ,P-256", 1, "groups", "a value of the list is missing");
    expect_wrong("based-on = ancient", 1, "ancient", "no policy is called so");
    expect_wrong("based-on = modern, compatible", 1, "modern, compatible", "no policy is called so");
}

static void a_value_that_is_never_negotiated_is_told_why(void **state)
{
    (void)state;
    expect_wrong("versions = TLSv1.2, SSLv3", 1, "SSLv3", "SSL 3.0 is broken (RFC 7568)");
    expect_wrong("\nsuites = AES-128-GCM, RC4-SHA", 2, "RC4-SHA", "RC4 is broken (RFC 7465)");
    expect_wrong("suites = TLS_RSA_WITH_3DES_EDE_CBC_SHA", 1, "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
                 "the blocks of 3DES are too short (RFC 9325, SWEET32)");
    expect_wrong("groups = secp224r1", 1, "secp224r1", "the curve is too short");
    expect_wrong("schemes = dsa_sha1", 1, "dsa_sha1", "DSA certificates are not offered (RFC 9325)");
    expect_wrong("cert-schemes = rsa_pkcs1_md5", 1, "rsa_pkcs1_md5", "MD5 is broken");
}

static void all_versions_and_suites_have_names(void **state)
{
    struct kt_user_policy p = parse(
        "based-on = legacy\nversions = TLSv1.2, 1.1, TLSv1.0\n"
        "suites = TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA, AES256-SHA\n"
        "groups = ffdhe2048, modp3072\nschemes = rsa_pkcs1_md5_sha1, ecdsa_sha1");

    (void)state;
    assert_ptr_equal(p.based_on, &kt_policy_2026_legacy);
    assert_int_equal(p.versions.count, 3);
    assert_int_equal(p.versions.ids[2], KT_TLS_1_0);
    assert_int_equal(p.suites.ids[1], KT_SUITE_RSA_WITH_AES_256_CBC_SHA);
    assert_int_equal(p.groups.ids[1], KT_GROUP_MODP3072);
    assert_int_equal(p.schemes.ids[0], KT_SCHEME_RSA_PKCS1_MD5_SHA1);
}

static void numbers_are_decimal_and_in_range(void **state)
{
    static const char *const far[] = {"min-rsa-bits = 2047",
                                      "min-rsa-bits = 8193",
                                      "min-curve-bits = 255",
                                      "min-curve-bits = 522",
                                      "peer-budget = 0",
                                      "peer-budget = 65536",
                                      "min-gap-ms = 4294967296",
                                      "answer-seconds = 4294967296",
                                      "sending-seconds = 4294967296"};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(far); i++) {
        expect_wrong(far[i], 1, strchr(far[i], '=') + 2, "the number is out of range");
    }
    expect_wrong("sending-bytes = 18446744073709551616", 1, "18446744073709551616", "it is not a number");
    expect_wrong("sending-bytes = -1", 1, "-1", "it is not a number");
    expect_wrong("sending-bytes = 1 000", 1, "1 000", "it is not a number");
    expect_wrong("sending-bytes = 1k", 1, "1k", "it is not a number");
    expect_wrong("sending-bytes = 0x10", 1, "0x10", "it is not a number");
    expect_wrong("sending-bytes = 1, 2", 1, "1, 2", "it is not a number");
}

/* Rule R8: nothing ends at a NUL. And what a terminal might act on is not passed on. */
static void words_are_counted_bytes(void **state)
{
    static const char nul[] = "groups = x25519\0, P-256";
    static const char base[] = "based-on = modern\0";
    static const char field[] = "groups\0 = x25519";

    (void)state;
    expect_wrong_bytes(nul, sizeof nul - 1, 1, "x25519?", "no value of this field is called so");
    expect_wrong_bytes(base, sizeof base - 1, 1, "modern?", "no policy is called so");
    expect_wrong_bytes(field, sizeof field - 1, 1, "groups?", "no field is called so");
    expect_wrong("groups = \033[2J\377", 1, "?[2J?", "no value of this field is called so");
    expect_wrong("a-name-that-is-longer-than-any-word-that-fits-into-an-error-of-this-kind = 1", 1,
                 "a-name-that-is-longer-than-any-word-that-fits-into-an-error-of-", "no field is called so");
}

static void arguments_are_checked(void **state)
{
    struct kt_user_policy policy;

    (void)state;
    expect_fault(kt_policy_parse(KT_SPAN_TEXT(""), NULL, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_policy_parse(kt_span_of(NULL, 1), &policy, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_policy_parse(KT_SPAN_TEXT("x"), &policy, NULL), POLICY_MALFORMED, INTERNAL_ERROR);
    expect_success(kt_policy_parse(kt_span_of(NULL, 0), &policy, NULL));
}

/* Properties */

static const char *const pieces[] = {
    "based-on",
    "versions",
    "suites",
    "groups",
    "schemes",
    "cert-schemes",
    "min-rsa-bits",
    "sending-bytes",
    " = ",
    "=",
    ", ",
    ",",
    "\n",
    "\n",
    "#",
    "TLSv1.3",
    "x25519",
    "P-256",
    "AES-128-GCM",
    "ed25519",
    "modern",
    "4096",
    "0",
    "\r\n",
    "\t",
    "\1",
    "min-curve-bits",
    "384",
};

static uint32_t next(uint32_t *seed)
{
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 8;
}

/* Whatever the text: it is read, and then a builder keeps it, or a line that it has is blamed. */
static void any_text_is_read_or_blamed(void **state)
{
    struct kt_builder *builder;
    struct test_env env;
    unsigned read = 0;

    (void)state;
    test_env_init(&env);
    expect_success(kt_builder_new(KT_CLIENT, &env.env, &builder));
    for (uint32_t run = 1; run <= 30000; run++) {
        struct kt_policy_error error = {.line = 0};
        struct kt_user_policy policy;
        uint32_t seed = run;
        char text[400] = "";
        unsigned lines = 1;

        for (uint32_t n = next(&seed) % 12; n > 0; n--) {
            strcat(text, pieces[next(&seed) % KT_COUNT_OF(pieces)]);
        }
        for (const char *c = text; *c != '\0'; c++) {
            lines += *c == '\n';
        }
        if (parse_bytes(text, strlen(text), &policy, &error) == NULL) {
            expect_success(kt_builder_user_policy(builder, &policy));
            read++;
            continue;
        }
        assert_true(error.line >= 1 && error.line <= lines);
        assert_true(error.problem != NULL && strlen(error.word) < sizeof error.word);
    }
    assert_true(read > 1000);
    kt_builder_free(builder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_written_is_the_default),
        cmocka_unit_test(every_field_arrives),
        cmocka_unit_test(lines_are_fields_with_values),
        cmocka_unit_test(values_of_lists_are_known_and_differ),
        cmocka_unit_test(a_value_that_is_never_negotiated_is_told_why),
        cmocka_unit_test(all_versions_and_suites_have_names),
        cmocka_unit_test(numbers_are_decimal_and_in_range),
        cmocka_unit_test(words_are_counted_bytes),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(any_text_is_read_or_blamed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
