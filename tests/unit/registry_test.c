/* The look-ups say what the tables say. */
#include "support/expect_fault.h"

#include "registry/limits.h"
#include "registry/registry.h"

static void extensions_have_their_numbers(void **state)
{
    (void)state;
    assert_int_equal(kt_ext_number(KT_EXT_SERVER_NAME), 0);
    assert_int_equal(kt_ext_number(KT_EXT_KEY_SHARE), 51);
    assert_int_equal(kt_ext_number(KT_EXT_RENEGOTIATION_INFO), 65281);
}

static void numbers_lead_back_to_extensions(void **state)
{
    unsigned known = 0;

    (void)state;
    for (unsigned number = 0; number < 65536; number++) {
        enum kt_ext ext = kt_ext_of((uint16_t)number);

        if (ext != KT_EXT_COUNT) {
            assert_int_equal(kt_ext_number(ext), number);
            known++;
        }
    }
    assert_int_equal(known, KT_EXT_COUNT);
}

static void every_extension_is_at_home_somewhere(void **state)
{
    (void)state;
    for (unsigned ext = 0; ext < KT_EXT_COUNT; ext++) {
        assert_int_not_equal(kt_ext_messages((enum kt_ext)ext), 0);
    }
    assert_int_equal(kt_ext_messages(KT_EXT_KEY_SHARE), IN_CH | IN_SH | IN_HRR);
    assert_int_equal(kt_ext_messages(KT_EXT_OID_FILTERS), IN_CR);
}

static void schemes_have_their_facts(void **state)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(KT_SCHEME_ECDSA_SECP384R1_SHA384);

    (void)state;
    assert_non_null(facts);
    assert_int_equal(facts->id, 0x0503);
    assert_int_equal(facts->key, KT_KEY_P384);
    assert_int_equal(facts->digest, KT_DIGEST_SHA384);
    assert_true(kt_scheme_is_for(facts->id, KT_TLS_1_3));
    assert_string_equal(facts->name, "ecdsa_secp384r1_sha384");
    assert_false(kt_scheme_is_for(KT_SCHEME_RSA_PKCS1_SHA256, KT_TLS_1_3));
    assert_null(kt_scheme_facts(0));
    assert_null(kt_scheme_facts(0x0202));
}

/* Of ECDSA the first that TLS 1.3 has names the curve, wherever the others stand. */
static void the_schemes_of_a_key_say_its_curve(void **state)
{
    static const uint16_t p384[] = {KT_SCHEME_ECDSA_SHA1, KT_SCHEME_ECDSA_SECP384R1_SHA384,
                                    KT_SCHEME_ECDSA_SECP256R1_SHA256};
    static const uint16_t rsa[] = {KT_SCHEME_RSA_PSS_RSAE_SHA256, KT_SCHEME_RSA_PKCS1_SHA256};

    (void)state;
    assert_int_equal(kt_scheme_curve(p384, 3), KT_GROUP_SECP384R1);
    assert_int_equal(kt_scheme_curve(p384, 1), 0);
    assert_int_equal(kt_scheme_curve(rsa, 2), 0);
    for (size_t i = 0; i < 3; i++) {
        assert_true(kt_scheme_of_key(p384, i, KT_TLS_1_2));
        assert_int_equal(kt_scheme_of_key(p384, i, KT_TLS_1_3), i == 1);
    }
    assert_true(kt_scheme_of_key(rsa, 0, KT_TLS_1_3));
    assert_false(kt_scheme_of_key(rsa, 1, KT_TLS_1_3));
    assert_false(kt_scheme_of_key((const uint16_t[]){0xeeee}, 0, KT_TLS_1_2));
}

static void messages_have_names_and_limits(void **state)
{
    (void)state;
    assert_string_equal(kt_message_name(KT_MSG_CLIENT_HELLO), "ClientHello");
    assert_string_equal(kt_message_name(KT_MSG_MESSAGE_HASH), "message_hash");
#define X(name, number, text, limit)                                                                                   \
    assert_string_equal(kt_message_name(KT_MSG_##name), (text));                                                       \
    assert_int_equal(kt_message_limit(KT_MSG_##name), (limit));
#include "registry/messages.def"
#undef X
    assert_null(kt_message_name(3));
    assert_null(kt_message_name(255));
    assert_int_equal(kt_message_limit(KT_MSG_KEY_UPDATE), 1);
    assert_int_equal(kt_message_limit(KT_MSG_CERTIFICATE), 0);
    assert_int_equal(kt_message_limit(255), 0);
    assert_true(kt_message_limit(KT_MSG_FINISHED) == KT_HASH_MAX);
}

static void reserved_values_are_the_sixteen_of_rfc_8701(void **state)
{
    unsigned count = 0;

    (void)state;
    for (unsigned value = 0; value < 65536; value++) {
        count += kt_is_grease((uint16_t)value);
    }
    assert_int_equal(count, 16);
    assert_int_equal(kt_grease_value(0), 0x0a0a);
    assert_int_equal(kt_grease_value(15), 0xfafa);
    for (unsigned seed = 0; seed < 256; seed++) {
        assert_true(kt_is_grease(kt_grease_value((uint8_t)seed)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extensions_have_their_numbers),
        cmocka_unit_test(numbers_lead_back_to_extensions),
        cmocka_unit_test(every_extension_is_at_home_somewhere),
        cmocka_unit_test(schemes_have_their_facts),
        cmocka_unit_test(the_schemes_of_a_key_say_its_curve),
        cmocka_unit_test(messages_have_names_and_limits),
        cmocka_unit_test(reserved_values_are_the_sixteen_of_rfc_8701),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
