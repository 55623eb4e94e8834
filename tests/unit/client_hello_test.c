/* ClientHello: what every field becomes, what is refused, and in which order it is written. */
#include "support/expect_fault.h"
#include "support/wire_messages.h"

#define RANDOM "0123456789abcdef0123456789abcdef"
#define START                                                                                                          \
    "\3\3" RANDOM                                                                                                      \
    "\0"                                                                                                               \
    "\0\2\x13\1"                                                                                                       \
    "\1\0" /* version, random, session, suites, compression */

#define DECODE(text, out) kt_client_hello_decode(KT_SPAN_TEXT(text), (out))
#define REFUSED(text)     expect_fault(DECODE(text, &(struct kt_client_hello){0}), CLIENT_HELLO_MALFORMED, DECODE_ERROR)

static void every_field_is_found(void **state)
{
    struct kt_client_hello hello;
    struct kt_key_share share;
    struct kt_span rest, name;

    (void)state;
    expect_success(DECODE("\3\3" RANDOM "\4sess"
                          "\0\4\x13\1\x13\2"
                          "\1\0"
                          "\0\x3a"
                          "\0\0\0\x9\0\7\0\0\4host"
                          "\0\12\0\6\0\4\0\x1d\0\x17"
                          "\0\x10\0\x8\0\6\2h2\2h3"
                          "\0\53\0\3\2\3\4"
                          "\0\63\0\14\0\12\0\x1d\0\1k\0\x17\0\1l",
                          &hello));
    assert_int_equal(hello.legacy_version, 0x0303);
    assert_true(kt_span_same(hello.random, KT_SPAN_TEXT(RANDOM)));
    assert_true(kt_span_same(hello.session_id, KT_SPAN_TEXT("sess")));
    assert_int_equal(kt_id_list_at(hello.suites, 1), 0x1302);
    assert_true(kt_span_same(hello.compression, KT_SPAN_TEXT("\0")));
    assert_true(hello.has_extensions);
    assert_int_equal(hello.seen, KT_EXT_BIT(SERVER_NAME) | KT_EXT_BIT(SUPPORTED_GROUPS) | KT_EXT_BIT(ALPN) |
                                     KT_EXT_BIT(SUPPORTED_VERSIONS) | KT_EXT_BIT(KEY_SHARE));
    assert_true(kt_span_same(hello.server_name, KT_SPAN_TEXT("host")));
    assert_int_equal(kt_id_list_at(hello.groups, 0), 29);
    assert_int_equal(kt_id_list_at(hello.versions, 0), KT_TLS_1_3);

    rest = hello.alpn;
    assert_true(kt_alpn_next(&rest, &name) && kt_span_same(name, KT_SPAN_TEXT("h2")));
    assert_true(kt_alpn_next(&rest, &name) && kt_span_same(name, KT_SPAN_TEXT("h3")));
    assert_false(kt_alpn_next(&rest, &name));

    rest = hello.key_shares;
    assert_true(kt_key_share_next(&rest, &share) && share.group == 29);
    assert_true(kt_key_share_next(&rest, &share) && share.group == 23 && share.key.p[0] == 'l');
    assert_false(kt_key_share_next(&rest, &share));
}

static void a_hello_of_tls_12_may_have_no_extensions(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_success(DECODE(START, &hello));
    assert_false(hello.has_extensions);
    assert_int_equal(hello.seen, 0);
    expect_success(DECODE(START "\0\0", &hello));
    assert_true(hello.has_extensions);
    assert_int_equal(hello.seen, 0);
}

/* The extensions of a client that knows nothing newer than 2008. */
static void a_hello_of_tls_12_with_its_extensions_is_understood(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_success(DECODE("\3\3" RANDOM "\0"
                          "\0\4\xc0\x2f\0\xff"
                          "\2\1\0"
                          "\0\x2c"
                          "\0\0\0\x9\0\7\0\0\4host"
                          "\0\12\0\4\0\2\0\x17"
                          "\0\13\0\2\1\0"
                          "\0\15\0\4\0\2\4\1"
                          "\0\43\0\0"
                          "\xff\1\0\1\0",
                          &hello));
    assert_int_equal(hello.seen, KT_EXT_BIT(SERVER_NAME) | KT_EXT_BIT(SUPPORTED_GROUPS) | KT_EXT_BIT(EC_POINT_FORMATS) |
                                     KT_EXT_BIT(SIGNATURE_ALGORITHMS) | KT_EXT_BIT(SESSION_TICKET) |
                                     KT_EXT_BIT(RENEGOTIATION_INFO));
    assert_int_equal(hello.compression.len, 2);
    assert_int_equal(hello.versions.wire.len, 0);
    assert_true(hello.has_renegotiation_scsv && !hello.has_fallback_scsv && hello.point_uncompressed);
    assert_int_equal(hello.renegotiation_info.len, 0);
}

static void signals_of_tls12_are_found(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_success(DECODE("\3\3" RANDOM "\0"
                          "\0\4\xc0\x2f\x56\0"
                          "\1\0"
                          "\0\22"
                          "\0\13\0\3\2\1\2"
                          "\0\26\0\0"
                          "\xff\1\0\3\2xy",
                          &hello));
    assert_true(!hello.has_renegotiation_scsv && hello.has_fallback_scsv);
    assert_false(hello.point_uncompressed);
    assert_true(kt_span_same(hello.renegotiation_info, KT_SPAN_TEXT("xy")));
    assert_int_equal(hello.seen,
                     KT_EXT_BIT(EC_POINT_FORMATS) | KT_EXT_BIT(ENCRYPT_THEN_MAC) | KT_EXT_BIT(RENEGOTIATION_INFO));
    expect_success(DECODE("\3\3" RANDOM "\0"
                          "\0\2\xc0\x2f"
                          "\1\0",
                          &hello));
    assert_true(hello.point_uncompressed && !hello.has_renegotiation_scsv && !hello.has_fallback_scsv);
}

static void the_fixed_part_has_one_form(void **state)
{
    (void)state;
    REFUSED("");
    REFUSED("\3\3");
    REFUSED("\3\3" RANDOM);
    REFUSED("\3\3" RANDOM
            "\x21"
            "s23456789012345678901234567890123"
            "\0\2\x13\1"
            "\1\0"); /* session id of 33 */
    REFUSED("\3\3" RANDOM
            "\0"
            "\0\0"
            "\1\0"); /* no suite */
    REFUSED("\3\3" RANDOM
            "\0"
            "\0\3\x13\1\x13"
            "\1\0"); /* half a suite */
    REFUSED("\3\3" RANDOM
            "\0"
            "\0\2\x13\1"
            "\0"); /* no compression */
    REFUSED("\3\3" RANDOM
            "\0"
            "\0\2\x13\1"
            "\2\0");
    REFUSED(START "\0");
    REFUSED(START "\0\1");
    REFUSED(START "\0\0\0"); /* a byte behind */
}

static void a_session_id_of_32_bytes_is_accepted(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_success(DECODE("\3\3" RANDOM "\x20" RANDOM "\0\2\x13\1"
                          "\1\0",
                          &hello));
    assert_int_equal(hello.session_id.len, 32);
}

#define KEY_SHARE_X25519 "\0\63\0\7\0\5\0\x1d\0\1k"

static void a_share_must_be_of_a_group_listed(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_success(DECODE(START "\0\x13"
                                "\0\12\0\4\0\2\0\x1d" KEY_SHARE_X25519,
                          &hello));
    expect_fault(DECODE(START "\0\x13"
                              "\0\12\0\4\0\2\0\x17" KEY_SHARE_X25519,
                        &hello),
                 KEY_SHARE_DUPLICATE, ILLEGAL_PARAMETER);
}

static void the_order_of_groups_and_shares_does_not_matter_to_the_check(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_success(DECODE(START "\0\x13" KEY_SHARE_X25519 "\0\12\0\4\0\2\0\x1d", &hello));
    expect_fault(DECODE(START "\0\x13" KEY_SHARE_X25519 "\0\12\0\4\0\2\0\x17", &hello), KEY_SHARE_DUPLICATE,
                 ILLEGAL_PARAMETER);
}

/* A group listed twice is no licence for two shares. */
static void a_group_listed_twice_has_one_share(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_fault(DECODE(START "\0\x1a"
                              "\0\12\0\6\0\4\0\x1d\0\x1d"
                              "\0\63\0\14\0\12\0\x1d\0\1k\0\x1d\0\1l",
                        &hello),
                 KEY_SHARE_DUPLICATE, ILLEGAL_PARAMETER);
}

static void without_groups_shares_are_left_to_the_choice(void **state)
{
    struct kt_client_hello hello;

    (void)state;
    expect_success(DECODE(START "\0\13" KEY_SHARE_X25519, &hello));
    assert_int_equal(hello.seen, KT_EXT_BIT(KEY_SHARE));
}

#define PSK_LISTS                                                                                                      \
    "\0\7\0\1i\0\0\0\0"                                                                                                \
    "\0\x21\x20" RANDOM

static void the_place_of_the_binders_is_known(void **state)
{
    static const struct kt_span body = {(const uint8_t *)START
                                        "\0\x34"
                                        "\0\27\0\0"
                                        "\0\51\0\x2c" PSK_LISTS,
                                        sizeof(START "\0\x34"
                                                     "\0\27\0\0"
                                                     "\0\51\0\x2c" PSK_LISTS) -
                                            1};
    struct kt_client_hello hello;

    (void)state;
    expect_success(kt_client_hello_decode(body, &hello));
    assert_int_equal(hello.psk_identities.len, 7);
    assert_int_equal(hello.psk_binders.len, 33);
    assert_int_equal(hello.psk_binders_at, body.len - 35);
    assert_memory_equal(body.p + hello.psk_binders_at, "\0\x21\x20", 3);
}

static struct kt_client_hello hello_to_write(void)
{
    return (struct kt_client_hello){
        .legacy_version = KT_TLS_1_2,
        .random = KT_SPAN_TEXT(RANDOM),
        .suites = {KT_SPAN_TEXT("\x13\1")},
        .compression = KT_SPAN_TEXT("\0"),
        .seen = KT_EXT_BIT(SCT) | KT_EXT_BIT(EXTENDED_MAIN_SECRET) | KT_EXT_BIT(PRE_SHARED_KEY) |
                KT_EXT_BIT(POST_HANDSHAKE_AUTH),
        .psk_identities = KT_SPAN_TEXT("\0\1i\0\0\0\0"),
        .psk_binders = KT_SPAN_TEXT("\x20" RANDOM),
    };
}

/* The extension block of what is written must be this one. */
static void expect_block(const struct kt_client_hello *hello, struct kt_span expected)
{
    enum { FIXED = 4 + sizeof START - 1 + 2 };
    uint8_t bytes[256];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

    kt_client_hello_encode(&w, hello);
    assert_true(kt_writer_finish(&w));
    assert_int_equal(w.len, FIXED + expected.len);
    assert_memory_equal(bytes + 4, START, sizeof START - 1);
    assert_memory_equal(bytes + FIXED, expected.p, expected.len);
}

static void extensions_are_written_in_the_order_of_the_table(void **state)
{
    const struct kt_client_hello hello = hello_to_write();

    (void)state;
    expect_block(&hello, KT_SPAN_TEXT("\0\22\0\0"
                                      "\0\27\0\0"
                                      "\0\61\0\0"
                                      "\0\51\0\x2c" PSK_LISTS));
}

static void another_order_is_honoured_but_pre_shared_key_stays_last(void **state)
{
    struct kt_client_hello hello = hello_to_write();
    uint8_t backwards[KT_EXT_COUNT];

    (void)state;
    for (uint8_t i = 0; i < KT_EXT_COUNT; i++) {
        backwards[i] = (uint8_t)(KT_EXT_COUNT - 1 - i);
    }
    hello.order = backwards;
    expect_block(&hello, KT_SPAN_TEXT("\0\61\0\0"
                                      "\0\27\0\0"
                                      "\0\22\0\0"
                                      "\0\51\0\x2c" PSK_LISTS));
}

static void reserved_values_stand_around_the_extensions(void **state)
{
    struct kt_client_hello hello = hello_to_write();

    (void)state;
    hello.seen = KT_EXT_BIT(SCT) | KT_EXT_BIT(PRE_SHARED_KEY);
    hello.grease_ext[0] = 0x1a1a;
    hello.grease_ext[1] = 0x2a2a;
    expect_block(&hello, KT_SPAN_TEXT("\x1a\x1a\0\0"
                                      "\0\22\0\0"
                                      "\x2a\x2a\0\1\0"
                                      "\0\51\0\x2c" PSK_LISTS));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_of_tls12_are_found),
        cmocka_unit_test(every_field_is_found),
        cmocka_unit_test(a_hello_of_tls_12_may_have_no_extensions),
        cmocka_unit_test(a_hello_of_tls_12_with_its_extensions_is_understood),
        cmocka_unit_test(the_fixed_part_has_one_form),
        cmocka_unit_test(a_session_id_of_32_bytes_is_accepted),
        cmocka_unit_test(a_share_must_be_of_a_group_listed),
        cmocka_unit_test(the_order_of_groups_and_shares_does_not_matter_to_the_check),
        cmocka_unit_test(a_group_listed_twice_has_one_share),
        cmocka_unit_test(without_groups_shares_are_left_to_the_choice),
        cmocka_unit_test(the_place_of_the_binders_is_known),
        cmocka_unit_test(extensions_are_written_in_the_order_of_the_table),
        cmocka_unit_test(another_order_is_honoured_but_pre_shared_key_stays_last),
        cmocka_unit_test(reserved_values_stand_around_the_extensions),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
