/* ServerHello and HelloRetryRequest. */
#include "support/expect_fault.h"
#include "support/wire_messages.h"

#define RANDOM "0123456789abcdef0123456789abcdef"
#define RETRY                                                                                                          \
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"                                                 \
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
#define REST                                                                                                           \
    "\0"                                                                                                               \
    "\x13\1"                                                                                                           \
    "\0" /* session id, suite, compression */
#define VERSION                    "\0\53\0\2\3\4"
#define SHARE                      "\0\63\0\5\0\x1d\0\1k"
#define GROUP                      "\0\63\0\2\0\x1d"
#define COOKIE                     "\0\54\0\3\0\1c"

#define DECODE(text, offered, out) kt_server_hello_decode(KT_SPAN_TEXT(text), (offered), (out))
#define REFUSED(text)                                                                                                  \
    expect_fault(DECODE(text, UINT32_MAX, &(struct kt_server_hello){0}), SERVER_HELLO_MALFORMED, DECODE_ERROR)

static const uint32_t usual_offer = KT_EXT_BIT(SUPPORTED_VERSIONS) | KT_EXT_BIT(KEY_SHARE);

static void every_field_is_found(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_success(DECODE("\3\3" RANDOM "\4sess\x13\2\0"
                          "\0\25" VERSION SHARE "\0\51\0\2\0\1",
                          UINT32_MAX, &hello));
    assert_int_equal(hello.legacy_version, KT_TLS_1_2);
    assert_true(kt_span_same(hello.random, KT_SPAN_TEXT(RANDOM)));
    assert_true(kt_span_same(hello.session_id, KT_SPAN_TEXT("sess")));
    assert_int_equal(hello.suite, KT_SUITE_AES_256_GCM_SHA384);
    assert_int_equal(hello.compression, 0);
    assert_false(hello.is_retry);
    assert_int_equal(hello.version, KT_TLS_1_3);
    assert_int_equal(hello.key_share.group, 29);
    assert_true(kt_span_same(hello.key_share.key, KT_SPAN_TEXT("k")));
    assert_int_equal(hello.psk_index, 1);
    assert_int_equal(hello.seen, KT_EXT_BIT(SUPPORTED_VERSIONS) | KT_EXT_BIT(KEY_SHARE) | KT_EXT_BIT(PRE_SHARED_KEY));
}

static void a_retry_is_known_by_its_random(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_success(DECODE("\3\3" RETRY REST "\0\23" VERSION GROUP COOKIE, usual_offer, &hello));
    assert_true(hello.is_retry);
    assert_int_equal(hello.key_share.group, 29);
    assert_int_equal(hello.key_share.key.len, 0);
    assert_true(kt_span_same(hello.cookie, KT_SPAN_TEXT("c")));
}

static void a_cookie_needs_no_offer_but_a_retry(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_success(DECODE("\3\3" RETRY REST "\0\15" VERSION COOKIE, usual_offer, &hello));
    expect_fault(DECODE("\3\3" RANDOM REST "\0\15" VERSION COOKIE, usual_offer, &hello), EXTENSION_NOT_ALLOWED,
                 ILLEGAL_PARAMETER);
}

/* RFC 9846 section 4.3: supported_versions alone says that this is TLS 1.3. */
static void a_hello_of_tls_12_is_not_judged(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_success(DECODE("\3\3" RANDOM "\0\xc0\x2f\0", 0, &hello));
    assert_int_equal(hello.version, 0);
    expect_success(DECODE("\3\3" RANDOM "\0\xc0\x2f\0"
                          "\0\22"
                          "\xff\1\0\1\0"
                          "\0\27\0\0"
                          "\0\27\0\0"
                          "\x12\x34\0\1!",
                          0, &hello));
    assert_int_equal(hello.version, 0);
    assert_int_equal(hello.seen, 0);
    assert_int_equal(hello.suite, 0xc02f);
}

#define TLS12(extensions) KT_SPAN_TEXT("\3\3" RANDOM "\0\xc0\x2f\0" extensions)

static const struct kt_fault *decode12(struct kt_span body, uint32_t offered, struct kt_server_hello *hello)
{
    expect_success(kt_server_hello_decode(body, offered, hello));
    assert_int_equal(hello->version, 0);
    return kt_server_hello12_extensions(hello, offered);
}

static void a_hello_of_tls_12_is_judged_when_that_is_the_version(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_success(decode12(TLS12("\0\44"
                                  "\0\0\0\0"
                                  "\0\5\0\0"
                                  "\0\20\0\5\0\3\2h2"
                                  "\0\22\0\5\0\3\0\1t"
                                  "\0\27\0\0"
                                  "\0\34\0\2\1\0"),
                            UINT32_MAX, &hello));
    assert_int_equal(hello.seen, KT_EXT_BIT(SERVER_NAME) | KT_EXT_BIT(STATUS_REQUEST) | KT_EXT_BIT(ALPN) |
                                     KT_EXT_BIT(SCT) | KT_EXT_BIT(EXTENDED_MAIN_SECRET) |
                                     KT_EXT_BIT(RECORD_SIZE_LIMIT));
    assert_true(kt_span_same(hello.alpn, KT_SPAN_TEXT("h2")));
    assert_true(kt_span_same(hello.sct_list, KT_SPAN_TEXT("\0\3\0\1t")));
    assert_int_equal(hello.record_size_limit, 256);
    expect_success(decode12(TLS12("\0\12\0\1\0\1\2\xff\1\0\1\0"), UINT32_MAX, &hello));
    assert_int_equal(hello.max_fragment_length, 2);
    assert_int_equal(hello.seen, KT_EXT_BIT(MAX_FRAGMENT_LENGTH) | KT_EXT_BIT(RENEGOTIATION_INFO));
    expect_success(decode12(TLS12(""), 0, &hello));
    assert_int_equal(hello.seen, 0);
}

static void what_tls_12_may_not_answer_is_refused(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_fault(decode12(TLS12("\0\4\0\27\0\0"), 0, &hello), EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
    expect_fault(decode12(TLS12("\0\10\0\27\0\0\0\27\0\0"), UINT32_MAX, &hello), EXTENSION_DUPLICATE,
                 ILLEGAL_PARAMETER);
    expect_fault(decode12(TLS12("\0\10\0\12\0\4\0\2\0\27"), UINT32_MAX, &hello), EXTENSION_NOT_ALLOWED,
                 ILLEGAL_PARAMETER);
    expect_fault(decode12(TLS12("\0\13\0\1\0\1\2\0\34\0\2\1\0"), UINT32_MAX, &hello), EXTENSION_NOT_ALLOWED,
                 ILLEGAL_PARAMETER); /* both ways to say how long records may be */
}

static void a_retry_is_always_of_tls_13(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_fault(DECODE("\3\3" RETRY REST, usual_offer, &hello), EXTENSION_MISSING, MISSING_EXTENSION);
    expect_fault(DECODE("\3\3" RETRY REST "\0\6" GROUP, usual_offer, &hello), EXTENSION_MISSING, MISSING_EXTENSION);
}

static void the_fixed_part_has_one_form(void **state)
{
    (void)state;
    REFUSED("");
    REFUSED("\3\3" RANDOM);
    REFUSED("\3\3" RANDOM "\0\x13\1");
    REFUSED("\3\3" RANDOM
            "\x21"
            "s23456789012345678901234567890123"
            "\x13\1\0");
    REFUSED("\3\3" RANDOM REST "\0");
    REFUSED("\3\3" RANDOM REST "\0\6" VERSION "\0");
    REFUSED("\3\3" RANDOM REST "\0\7" VERSION "\0");
}

static void nothing_comes_that_was_not_offered(void **state)
{
    struct kt_server_hello hello;

    (void)state;
    expect_fault(DECODE("\3\3" RANDOM REST "\0\6" VERSION, KT_EXT_BIT(KEY_SHARE), &hello), EXTENSION_NOT_OFFERED,
                 UNSUPPORTED_EXTENSION);
    expect_fault(DECODE("\3\3" RANDOM REST "\0\14" VERSION "\0\51\0\2\0\0", usual_offer, &hello), EXTENSION_NOT_OFFERED,
                 UNSUPPORTED_EXTENSION);
    expect_fault(DECODE("\3\3" RETRY REST "\0\14" VERSION GROUP, KT_EXT_BIT(SUPPORTED_VERSIONS), &hello),
                 EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
}

static void the_signs_of_a_downgrade_are_those_of_the_rfc(void **state)
{
    (void)state;
    assert_memory_equal(kt_downgrade_12, "DOWNGRD\1", 8);
    assert_memory_equal(kt_downgrade_11, "DOWNGRD\0", 8);
    assert_memory_equal(kt_retry_random, RETRY, 32);
}

static void a_retry_is_written_with_its_random(void **state)
{
    const struct kt_server_hello retry = {
        .legacy_version = KT_TLS_1_2,
        .is_retry = true,
        .suite = KT_SUITE_AES_128_GCM_SHA256,
        .seen = KT_EXT_BIT(SUPPORTED_VERSIONS) | KT_EXT_BIT(KEY_SHARE),
        .version = KT_TLS_1_3,
        .key_share.group = KT_GROUP_X25519,
    };
    static const char expected[] = "\2\0\0\64\3\3" RETRY REST "\0\14" VERSION GROUP;
    uint8_t bytes[128];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

    (void)state;
    kt_server_hello_encode(&w, &retry);
    assert_true(kt_writer_finish(&w));
    assert_int_equal(w.len, sizeof expected - 1);
    assert_memory_equal(bytes, expected, sizeof expected - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hello_of_tls_12_is_judged_when_that_is_the_version),
        cmocka_unit_test(what_tls_12_may_not_answer_is_refused),
        cmocka_unit_test(every_field_is_found),
        cmocka_unit_test(a_retry_is_known_by_its_random),
        cmocka_unit_test(a_cookie_needs_no_offer_but_a_retry),
        cmocka_unit_test(a_hello_of_tls_12_is_not_judged),
        cmocka_unit_test(a_retry_is_always_of_tls_13),
        cmocka_unit_test(the_fixed_part_has_one_form),
        cmocka_unit_test(nothing_comes_that_was_not_offered),
        cmocka_unit_test(the_signs_of_a_downgrade_are_those_of_the_rfc),
        cmocka_unit_test(a_retry_is_written_with_its_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
