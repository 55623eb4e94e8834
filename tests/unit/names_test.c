/* Names for people: what they are, and that each can be read back. */
#include <string.h>

#include "support/expect_fault.h"

#include <keyturn/lifetime.h>
#include <keyturn/policy.h>

static void versions_have_names(void **state)
{
    (void)state;
    assert_string_equal(kt_version_name(KT_TLS_1_0), "TLSv1.0");
    assert_string_equal(kt_version_name(KT_TLS_1_1), "TLSv1.1");
    assert_string_equal(kt_version_name(KT_TLS_1_2), "TLSv1.2");
    assert_string_equal(kt_version_name(KT_TLS_1_3), "TLSv1.3");
    assert_string_equal(kt_version_name(0x0305), "unknown");
}

static void every_number_is_read_back_from_its_name(void **state)
{
    unsigned suites = 0, groups = 0, schemes = 0;

    (void)state;
    assert_int_equal(kt_suite_named("unknown"), 0);
    assert_int_equal(kt_version_named("tlsv1.3"), KT_TLS_1_3);
    assert_int_equal(kt_version_named("1.1"), KT_TLS_1_1);
    assert_int_equal(kt_version_named("SSLv3"), 0);
    assert_int_equal(kt_version_named("TLSv1.4"), 0);
    for (unsigned id = 1; id < 65536; id++) {
        uint16_t suite = kt_suite_named(kt_suite_name((uint16_t)id));
        uint16_t group = kt_group_named(kt_group_name((uint16_t)id));
        uint16_t scheme = kt_scheme_named(kt_scheme_name((uint16_t)id));

        assert_true(suite == 0 || suite == id);
        assert_true(group == 0 || group == id);
        assert_true(scheme == 0 || scheme == id);
        suites += suite != 0;
        groups += group != 0;
        schemes += scheme != 0;
    }
    assert_int_equal(suites, 37);
    assert_int_equal(groups, 12);
    assert_int_equal(schemes, 16);
}

static void names_are_those_of_the_registry(void **state)
{
    (void)state;
    assert_string_equal(kt_suite_name(0x1302), "TLS_AES_256_GCM_SHA384");
    assert_string_equal(kt_suite_name(0x1306), "unknown");
    assert_string_equal(kt_group_name(29), "x25519");
    assert_string_equal(kt_group_name(0), "unknown");
    assert_string_equal(kt_scheme_name(0x0807), "ed25519");
    assert_string_equal(kt_scheme_name(0xfe00), "unknown");
}

static void case_does_not_matter_and_short_forms_are_understood(void **state)
{
    (void)state;
    assert_int_equal(kt_suite_named("tls_aes_128_gcm_sha256"), 0x1301);
    assert_int_equal(kt_suite_named("aes-256-gcm"), 0x1302);
    assert_int_equal(kt_suite_named("CHACHA20-POLY1305"), 0x1303);
    assert_int_equal(kt_suite_named("ECDHE-RSA-AES128-GCM-SHA256"), 0xc02f);
    assert_int_equal(kt_suite_named("AES128-SHA"), 0x002f);
    assert_int_equal(kt_group_named("p-256"), 23);
    assert_int_equal(kt_group_named("SECP521R1"), 25);
    assert_int_equal(kt_scheme_named("RSA_PSS_RSAE_SHA256"), 0x0804);
}

static void a_part_of_a_name_is_no_name(void **state)
{
    (void)state;
    assert_int_equal(kt_suite_named(""), 0);
    assert_int_equal(kt_suite_named("AES-128"), 0);
    assert_int_equal(kt_group_named("x25519 "), 0);
    assert_int_equal(kt_scheme_named("ed2551"), 0);
    assert_int_equal(kt_scheme_named("ed25519x"), 0);
}

static void reasons_have_a_name_and_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(kt_reason_name(KT_REASON_NONE), "NONE");
    assert_string_equal(kt_reason_name(KT_REASON_RECORD_BAD_MAC), "RECORD_BAD_MAC");
    assert_string_equal(kt_reason_text(KT_REASON_PSK_NOT_LAST), "pre_shared_key is not the last extension");
    for (unsigned reason = 0; reason < KT_REASON_COUNT; reason++) {
        assert_string_not_equal(kt_reason_name((enum kt_reason)reason), "?");
        assert_string_not_equal(kt_reason_text((enum kt_reason)reason), "?");
    }
}

static void a_number_that_is_no_reason_has_a_name_nevertheless(void **state)
{
    (void)state;
    assert_string_equal(kt_reason_name(KT_REASON_COUNT), "?");
    assert_string_equal(kt_reason_text((enum kt_reason)60000), "?");
}

static void alerts_are_written_as_in_the_rfc(void **state)
{
    (void)state;
    assert_string_equal(kt_alert_name(0), "close_notify");
    assert_string_equal(kt_alert_name(20), "bad_record_mac");
    assert_string_equal(kt_alert_name(48), "unknown_ca");
    assert_string_equal(kt_alert_name(113), "bad_certificate_status_response");
    assert_string_equal(kt_alert_name(120), "no_application_protocol");
    assert_string_equal(kt_alert_text(20), "a record could not be authenticated");
}

static void an_alert_nobody_knows_is_said_to_be_one(void **state)
{
    unsigned known = 0;

    (void)state;
    assert_string_equal(kt_alert_name(255), "unknown_alert");
    assert_string_equal(kt_alert_text(255), "an alert that no RFC names");
    for (unsigned alert = 0; alert < 256; alert++) {
        const char *name = kt_alert_name((uint8_t)alert);

        known += strcmp(name, "unknown_alert") != 0;
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz_"), strlen(name));
    }
    assert_int_equal(known, 29);
}

static void births_have_names(void **state)
{
    (void)state;
    assert_string_equal(kt_birth_name(KT_BIRTH_INITIAL), "initial");
    assert_string_equal(kt_birth_name(KT_BIRTH_PEER), "peer");
    assert_string_equal(kt_birth_name(KT_BIRTH_CALLER), "caller");
    assert_string_equal(kt_birth_name(KT_BIRTH_RECORDS), "records");
    assert_string_equal(kt_birth_name(KT_BIRTH_BYTES), "bytes");
    assert_string_equal(kt_birth_name(KT_BIRTH_SECONDS), "seconds");
    assert_string_equal(kt_birth_name(KT_BIRTH_AEAD_LIMIT), "aead-limit");
    assert_string_equal(kt_birth_name((enum kt_birth)7), "?");
}

/* A reason for each, from the names of IANA and from what ciphers are commonly called. */
static void what_is_never_negotiated_is_known_with_its_reason(void **state)
{
    static const struct {
        const char *name, *part; /* of the reason */
    } suites[] = {
        {"TLS_RSA_WITH_RC4_128_SHA", "RC4"},
        {"RC4-MD5", "RC4"},
        {"EXP-DES-CBC-SHA", "export"},
        {"TLS_RSA_EXPORT1024_WITH_DES_CBC_SHA", "export"},
        {"tls_rsa_with_null_sha", "does not encrypt"},
        {"TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "nobody"},
        {"ADH-AES128-SHA", "nobody"},
        {"TLS_RSA_WITH_DES_CBC_SHA", "DES is withdrawn"},
        {"TLS_RSA_WITH_3DES_EDE_CBC_SHA", "3DES"},
        {"DES-CBC3-SHA", "3DES"},
        {"TLS_RSA_WITH_IDEA_CBC_SHA", "IDEA"},
        {"TLS_RSA_EXPORT_WITH_RC2_CBC_40_MD5", "export"},
        {"TLS_RSA_WITH_SEED_CBC_SHA", "SEED"},
        {"CAMELLIA128-SHA", "CAMELLIA"},
        {"TLS_ECDHE_RSA_WITH_ARIA_128_GCM_SHA256", "ARIA"},
        {"TLS_KRB5_WITH_3DES_EDE_CBC_SHA", "3DES"},
        {"TLS_KRB5_WITH_AES_128_CBC_SHA", "Kerberos"},
        {"SSL_FORTEZZA_KEA_WITH_RC4_128_SHA", "RC4"},
        {"TLS_FORTEZZA_KEA_WITH_FORTEZZA_CBC_SHA", "FORTEZZA"},
        {"TLS_ECDH_RSA_WITH_AES_128_GCM_SHA256", "static key"},
        {"DH-RSA-AES128-SHA", "static key"},
        {"TLS_DHE_DSS_WITH_AES_128_CBC_SHA", "DSA"},
        {"TLS_PSK_WITH_AES_128_GCM_SHA256", "pre-shared"},
        {"TLS_SRP_SHA_WITH_AES_128_CBC_SHA", "SRP"},
        {"TLS_AES_128_CCM_8_SHA256", "8 bytes"},
        {"ECDHE-ECDSA-AES128-CCM8", "8 bytes"},
    };
    static const char *const not_refused[] = {
        "", "TLS_AES_128_GCM_SHA256", "DHE-RSA-AES128-SHA", "AES128-CCM", "DHEX", "nonsense"};

    (void)state;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        const char *reason = kt_suite_refusal(suites[i].name);

        assert_int_equal(kt_suite_named(suites[i].name), 0);
        assert_non_null(reason);
        assert_non_null(strstr(reason, suites[i].part));
    }
    for (size_t i = 0; i < sizeof not_refused / sizeof not_refused[0]; i++) {
        assert_null(kt_suite_refusal(not_refused[i]));
    }
    assert_non_null(kt_version_refusal("sslv3"));
    assert_non_null(kt_version_refusal("SSLv2"));
    assert_null(kt_version_refusal("SSLv4"));
    assert_null(kt_version_refusal("TLSv1.0"));
    assert_non_null(kt_group_refusal("sect233k1"));
    assert_null(kt_group_refusal("secp256r1"));
    assert_null(kt_group_refusal("modp2048"));
    assert_non_null(kt_scheme_refusal("dsa_sha1"));
    assert_null(kt_scheme_refusal("rsa_pkcs1_sha1"));
    assert_null(kt_scheme_refusal("dsa"));
}

/* No name that can be used is hidden, and every line of the list is one that is found. */
static void each_refusal_is_listed(void **state)
{
    struct kt_refused refused;
    size_t n = 0;

    (void)state;
    for (; (refused = kt_refused_at(n)).name != NULL; n++) {
        const char *reason = strcmp(refused.field, "versions") == 0 ? kt_version_refusal(refused.name)
                             : strcmp(refused.field, "suites") == 0 ? kt_suite_refusal(refused.name)
                             : strcmp(refused.field, "groups") == 0 ? kt_group_refusal(refused.name)
                                                                    : kt_scheme_refusal(refused.name);

        assert_non_null(reason);
        assert_string_equal(reason, refused.reason);
    }
    assert_true(n > 40);
    assert_null(kt_refused_at(SIZE_MAX).name);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_never_negotiated_is_known_with_its_reason),
        cmocka_unit_test(each_refusal_is_listed),
        cmocka_unit_test(versions_have_names),
        cmocka_unit_test(every_number_is_read_back_from_its_name),
        cmocka_unit_test(names_are_those_of_the_registry),
        cmocka_unit_test(case_does_not_matter_and_short_forms_are_understood),
        cmocka_unit_test(a_part_of_a_name_is_no_name),
        cmocka_unit_test(reasons_have_a_name_and_a_sentence),
        cmocka_unit_test(a_number_that_is_no_reason_has_a_name_nevertheless),
        cmocka_unit_test(alerts_are_written_as_in_the_rfc),
        cmocka_unit_test(an_alert_nobody_knows_is_said_to_be_one),
        cmocka_unit_test(births_have_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
