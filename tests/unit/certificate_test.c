/* Certificate: the chain, and what is stapled to its leaf. */
#include "support/expect_fault.h"
#include "support/wire_messages.h"

#define DECODE(text, out) kt_certificate_decode(KT_SPAN_TEXT(text), UINT32_MAX, (out))
#define REFUSED(text)     expect_fault(DECODE(text, &(struct kt_certificate){0}), CERTIFICATE_MALFORMED, DECODE_ERROR)

#define OCSP(letter)      "\0\5\0\5\1\0\0\1" letter
#define SCT(letter)       "\0\22\0\5\0\3\0\1" letter
#define ENTRY(letter)     "\0\0\1" letter "\0\0"

static void every_field_is_found(void **state)
{
    struct kt_certificate message;

    (void)state;
    expect_success(
        DECODE("\3ctx"
               "\0\0\36"
               "\0\0\1l"
               "\0\22" OCSP("o") SCT("s") ENTRY("i"),
               &message));
    assert_true(kt_span_same(message.context, KT_SPAN_TEXT("ctx")));
    assert_int_equal(message.chain_len, 2);
    assert_true(kt_span_same(message.chain[0], KT_SPAN_TEXT("l")));
    assert_true(kt_span_same(message.chain[1], KT_SPAN_TEXT("i")));
    assert_true(kt_span_same(message.ocsp_response, KT_SPAN_TEXT("o")));
    assert_true(kt_span_same(message.sct_list, KT_SPAN_TEXT("\0\3\0\1s")));
}

static void only_the_leaf_s_extensions_are_kept(void **state)
{
    struct kt_certificate message;

    (void)state;
    expect_success(
        DECODE("\0"
               "\0\0\47"
               "\0\0\1l"
               "\0\11" OCSP("o") "\0\0\1i"
                                 "\0\22" OCSP("x") SCT("y"),
               &message));
    assert_true(kt_span_same(message.ocsp_response, KT_SPAN_TEXT("o")));
    assert_int_equal(message.sct_list.len, 0);
}

static void the_extensions_of_others_are_checked(void **state)
{
    struct kt_certificate message;

    (void)state;
    expect_fault(DECODE("\0"
                        "\0\0\22" ENTRY("l") "\0\0\1i"
                                             "\0\6\0\5\0\2\1\0",
                        &message),
                 EXTENSION_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\0"
                        "\0\0\20" ENTRY("l") "\0\0\1i"
                                             "\0\4\x12\x34\0\0",
                        &message),
                 EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
}

/* Each entry has a block of its own: the same extension beside two certificates is no repetition. */
static void repetition_counts_per_certificate(void **state)
{
    struct kt_certificate message;

    (void)state;
    expect_success(
        DECODE("\0"
               "\0\0\36"
               "\0\0\1l"
               "\0\11" OCSP("o") "\0\0\1i"
                                 "\0\11" OCSP("x"),
               &message));
    expect_fault(DECODE("\0"
                        "\0\0\30"
                        "\0\0\1l"
                        "\0\22" OCSP("o") OCSP("o"),
                        &message),
                 EXTENSION_DUPLICATE, ILLEGAL_PARAMETER);
}

static void a_chain_may_be_empty(void **state)
{
    struct kt_certificate message;

    (void)state;
    expect_success(DECODE("\0\0\0\0", &message));
    assert_int_equal(message.chain_len, 0);
}

static void the_form_is_kept(void **state)
{
    (void)state;
    REFUSED("");
    REFUSED("\0");
    REFUSED("\0\0\0");
    REFUSED("\0\0\0\0\0");
    REFUSED(
        "\0"
        "\0\0\5"
        "\0\0\0"
        "\0\0"); /* an empty certificate */
    REFUSED(
        "\0"
        "\0\0\4"
        "\0\0\1l"); /* no extensions */
    REFUSED(
        "\0"
        "\0\0\7" ENTRY("l") "\0"); /* the start of another */
    REFUSED(
        "\0"
        "\0\0\7"
        "\0\0\1l"
        "\0\1\0"); /* extensions that do not divide */
    REFUSED(
        "\0"
        "\0\0\7"
        "\0\0\2l"
        "\0\0"); /* the list is longer than the message */
}

static void a_chain_longer_than_the_limit_is_refused(void **state)
{
    uint8_t bytes[6 * (KT_CHAIN_MAX + 1) + 4];
    struct kt_certificate message;

    (void)state;
    for (size_t count = KT_CHAIN_MAX; count <= KT_CHAIN_MAX + 1; count++) {
        struct kt_writer w = kt_writer_over(bytes, sizeof bytes);
        const struct kt_fault *fault;

        kt_put_u8(&w, 0);
        kt_writer_open(&w, 3);
        for (size_t i = 0; i < count; i++) {
            kt_put_bytes(&w, KT_SPAN_TEXT(ENTRY("c")));
        }
        kt_writer_close(&w);
        assert_true(kt_writer_finish(&w));
        fault = kt_certificate_decode(kt_writer_span(&w), 0, &message);
        if (count == KT_CHAIN_MAX) {
            expect_success(fault);
            assert_int_equal(message.chain_len, KT_CHAIN_MAX);
        } else {
            expect_fault(fault, CERTIFICATE_CHAIN_TOO_LONG, BAD_CERTIFICATE);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_found),
        cmocka_unit_test(only_the_leaf_s_extensions_are_kept),
        cmocka_unit_test(the_extensions_of_others_are_checked),
        cmocka_unit_test(repetition_counts_per_certificate),
        cmocka_unit_test(a_chain_may_be_empty),
        cmocka_unit_test(the_form_is_kept),
        cmocka_unit_test(a_chain_longer_than_the_limit_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
