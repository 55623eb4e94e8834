#include <setjmp.h>
#include <stdarg.h>

#include "base/der.h"

#include <cmocka.h>

#define DER(...) kt_der_over(kt_span_of((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})))

static void an_element_is_its_content(void **state)
{
    struct kt_der d = DER(0x30, 2, 7, 8, 0x05, 0);
    struct kt_span content;

    (void)state;
    assert_true(kt_der_is(&d, KT_DER_SEQUENCE));
    assert_true(kt_der_next(&d, KT_DER_SEQUENCE, &content));
    assert_int_equal(content.len, 2);
    assert_int_equal(content.p[1], 8);
    assert_false(kt_der_done(&d));
    assert_true(kt_der_skip(&d, KT_DER_NULL));
    assert_true(kt_der_done(&d));
}

static void an_inner_cursor_ends_with_its_element(void **state)
{
    struct kt_der d = DER(0x30, 2, 0x05, 0, 0x05, 0);
    struct kt_der inner;

    (void)state;
    assert_true(kt_der_enter(&d, KT_DER_SEQUENCE, &inner));
    assert_true(kt_der_skip(&inner, KT_DER_NULL));
    assert_false(kt_der_skip(&inner, KT_DER_NULL));
    assert_true(kt_der_skip(&d, KT_DER_NULL));
}

static void nothing_moves_on_failure(void **state)
{
    struct kt_der d = DER(0x02, 2, 0x00, 0x01);
    struct kt_der before = d;
    struct kt_span out = {NULL, 99};
    struct kt_der inner;

    (void)state;
    assert_false(kt_der_next(&d, KT_DER_SEQUENCE, &out));
    assert_false(kt_der_enter(&d, KT_DER_SEQUENCE, &inner));
    assert_false(kt_der_unsigned(&d, &out));
    assert_false(kt_der_bits(&d, &out));
    assert_ptr_equal(d.at, before.at);
    assert_int_equal(d.left, before.left);
    assert_int_equal(out.len, 99);
}

static bool length_is(struct kt_der d, size_t len)
{
    struct kt_span content;

    return kt_der_next(&d, 0x04, &content) && content.len == len;
}

static void lengths_have_one_form(void **state)
{
    uint8_t b[300] = {0x04, 0x81, 0x80};
    struct kt_span whole = {b, sizeof b};

    (void)state;
    assert_true(length_is(DER(0x04, 0), 0));
    assert_true(length_is(kt_der_over(whole), 128));
    b[2] = 0x7f; /* fits the short form */
    assert_false(length_is(kt_der_over(whole), 127));
    b[1] = 0x82;
    b[2] = 1;
    b[3] = 4;
    assert_true(length_is(kt_der_over(whole), 260));
    b[2] = 0; /* a leading zero */
    assert_false(length_is(kt_der_over(whole), 4));
    assert_false(length_is(DER(0x04, 0x80, 0, 0), 0)); /* indefinite: BER */
    assert_false(length_is(DER(0x04, 0x84, 1, 0, 0, 0), 1 << 24));
    assert_false(length_is(DER(0x04, 0xff), 0));
}

static void ends_are_kept(void **state)
{
    (void)state;
    assert_false(length_is(kt_der_over(kt_span_of(NULL, 0)), 0));
    assert_false(length_is(DER(0x04), 0));
    assert_false(length_is(DER(0x04, 1), 1));
    assert_false(length_is(DER(0x04, 0x81), 0));
    assert_false(length_is(DER(0x04, 0x82, 1), 256));
    assert_false(length_is(DER(0x04, 0x83, 0xff, 0xff, 0xff), 0xffffff));
}

static void tags_of_several_bytes_are_refused(void **state)
{
    struct kt_der d = DER(0x1f, 0x01, 0x00);

    (void)state;
    assert_false(kt_der_skip(&d, 0x1f));
}

static bool number_is(struct kt_der d, size_t len, uint8_t first)
{
    struct kt_span n;

    return kt_der_unsigned(&d, &n) && n.len == len && (len == 0 || n.p[0] == first);
}

static void numbers_are_minimal_and_not_negative(void **state)
{
    (void)state;
    assert_true(number_is(DER(0x02, 1, 0), 0, 0));
    assert_true(number_is(DER(0x02, 1, 0x7f), 1, 0x7f));
    assert_true(number_is(DER(0x02, 2, 0, 0x80), 1, 0x80));
    assert_false(number_is(DER(0x02, 1, 0x80), 1, 0x80));
    assert_false(number_is(DER(0x02, 2, 0, 0x7f), 1, 0x7f));
    assert_false(number_is(DER(0x02, 2, 0, 0), 0, 0));
    assert_false(number_is(DER(0x02, 0), 0, 0));
    assert_false(number_is(DER(0x03, 1, 1), 1, 1));
}

static void bit_strings_are_whole_bytes(void **state)
{
    struct kt_span out;
    struct kt_der whole = DER(0x03, 3, 0, 7, 8);
    struct kt_der empty = DER(0x03, 1, 0);
    struct kt_der unused = DER(0x03, 2, 1, 6);
    struct kt_der nothing = DER(0x03, 0);

    (void)state;
    assert_true(kt_der_bits(&whole, &out));
    assert_int_equal(out.len, 2);
    assert_true(kt_der_done(&whole));
    assert_true(kt_der_bits(&empty, &out));
    assert_int_equal(out.len, 0);
    assert_false(kt_der_bits(&unused, &out));
    assert_false(kt_der_bits(&nothing, &out));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_element_is_its_content),
        cmocka_unit_test(an_inner_cursor_ends_with_its_element),
        cmocka_unit_test(nothing_moves_on_failure),
        cmocka_unit_test(lengths_have_one_form),
        cmocka_unit_test(ends_are_kept),
        cmocka_unit_test(tags_of_several_bytes_are_refused),
        cmocka_unit_test(numbers_are_minimal_and_not_negative),
        cmocka_unit_test(bit_strings_are_whole_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
