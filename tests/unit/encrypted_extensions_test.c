/* EncryptedExtensions. */
#include "support/expect_fault.h"
#include "support/wire_messages.h"

#define DECODE(text, out) kt_encrypted_extensions_decode(KT_SPAN_TEXT(text), UINT32_MAX, (out))

static void every_field_is_found(void **state)
{
    struct kt_encrypted_extensions answer;

    (void)state;
    expect_success(
        DECODE("\0\33"
               "\0\0\0\0"
               "\0\12\0\4\0\2\0\x1d"
               "\0\20\0\5\0\3\2h2"
               "\0\34\0\2\x40\1",
               &answer));
    assert_int_equal(answer.seen, KT_EXT_BIT(SERVER_NAME) | KT_EXT_BIT(SUPPORTED_GROUPS) | KT_EXT_BIT(ALPN) |
                                      KT_EXT_BIT(RECORD_SIZE_LIMIT));
    assert_true(kt_span_same(answer.alpn, KT_SPAN_TEXT("h2")));
    assert_int_equal(kt_id_list_at(answer.groups, 0), 29);
    assert_int_equal(answer.record_size_limit, 16385);
}

static void it_may_be_empty(void **state)
{
    struct kt_encrypted_extensions answer;

    (void)state;
    expect_success(DECODE("\0\0", &answer));
    assert_int_equal(answer.seen, 0);
}

static void the_block_is_not_optional_and_nothing_follows_it(void **state)
{
    struct kt_encrypted_extensions answer;

    (void)state;
    expect_fault(DECODE("", &answer), ENCRYPTED_EXTENSIONS_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\0", &answer), ENCRYPTED_EXTENSIONS_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\0\0\0", &answer), ENCRYPTED_EXTENSIONS_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\0\1\0", &answer), ENCRYPTED_EXTENSIONS_MALFORMED, DECODE_ERROR);
}

/* RFC 8449 section 5. */
static void two_limits_of_records_contradict_each_other(void **state)
{
    struct kt_encrypted_extensions answer;

    (void)state;
    expect_fault(DECODE("\0\13"
                        "\0\1\0\1\1"
                        "\0\34\0\2\x40\1",
                        &answer),
                 EXTENSION_NOT_ALLOWED, ILLEGAL_PARAMETER);
    expect_success(
        DECODE("\0\5"
               "\0\1\0\1\4",
               &answer));
    assert_int_equal(answer.max_fragment_length, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_found),
        cmocka_unit_test(it_may_be_empty),
        cmocka_unit_test(the_block_is_not_optional_and_nothing_follows_it),
        cmocka_unit_test(two_limits_of_records_contradict_each_other),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
