/* The reader: right values, and no step and no output where there is too little. */
#include "support/expect_fault.h"

#include "wire/reader.h"

static const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static struct kt_reader over(size_t len)
{
    return kt_reader_over(kt_span_of(bytes, len));
}

static void numbers_are_in_network_order(void **state)
{
    struct kt_reader r = over(sizeof bytes);
    uint8_t a;
    uint16_t b;
    uint32_t c;
    uint64_t d;

    (void)state;
    assert_true(kt_reader_u8(&r, &a) && a == 1);
    assert_true(kt_reader_u16(&r, &b) && b == 0x0203);
    assert_true(kt_reader_u24(&r, &c) && c == 0x040506);
    r = over(sizeof bytes);
    assert_true(kt_reader_u32(&r, &c) && c == 0x01020304);
    assert_int_equal(kt_reader_left(&r), 5);
    r = over(sizeof bytes);
    assert_true(kt_reader_u64(&r, &d) && d == UINT64_C(0x0102030405060708));
    assert_false(kt_reader_done(&r));
    assert_true(kt_reader_skip(&r, 1) && kt_reader_done(&r));
}

static void a_getter_that_fails_changes_nothing(void **state)
{
    uint8_t a = 99;
    uint16_t b = 99;
    uint32_t c = 99;
    uint64_t d = 99;
    struct kt_span span = {NULL, 99};
    struct kt_reader r = over(0);

    (void)state;
    assert_false(kt_reader_u8(&r, &a));
    r = over(1);
    assert_false(kt_reader_u16(&r, &b));
    r = over(2);
    assert_false(kt_reader_u24(&r, &c));
    r = over(3);
    assert_false(kt_reader_u32(&r, &c));
    r = over(7);
    assert_false(kt_reader_u64(&r, &d));
    assert_false(kt_reader_bytes(&r, 8, &span));
    assert_false(kt_reader_skip(&r, SIZE_MAX));
    assert_false(kt_reader_vec24(&r, &span));
    assert_false(kt_reader_vec16(&r, &span));
    assert_int_equal(kt_reader_left(&r), 7);
    assert_true(a == 99 && b == 99 && c == 99 && d == 99 && span.len == 99);
}

static void vectors_cover_their_content(void **state)
{
    static const uint8_t vectors[] = {1, 'a', 0, 2, 'b', 'c', 0, 0, 1, 'd', 0};
    struct kt_reader r = kt_reader_over(kt_span_of(vectors, sizeof vectors));
    struct kt_span a, b, c, empty;

    (void)state;
    assert_true(kt_reader_vec8(&r, &a) && a.len == 1 && a.p[0] == 'a');
    assert_true(kt_reader_vec16(&r, &b) && b.len == 2 && b.p[1] == 'c');
    assert_true(kt_reader_vec24(&r, &c) && c.len == 1 && c.p[0] == 'd');
    assert_int_equal(kt_reader_rest(&r).len, 1);
    assert_true(kt_reader_vec8(&r, &empty) && empty.len == 0 && kt_reader_done(&r));
}

static void nothing_can_be_read(void **state)
{
    struct kt_reader r = kt_reader_over(kt_span_of(NULL, 0));
    struct kt_span span;
    uint8_t a;

    (void)state;
    assert_true(kt_reader_done(&r));
    assert_int_equal(kt_reader_left(&r), 0);
    assert_false(kt_reader_u8(&r, &a));
    assert_true(kt_reader_bytes(&r, 0, &span) && span.len == 0);
    assert_int_equal(kt_reader_rest(&r).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_in_network_order),
        cmocka_unit_test(a_getter_that_fails_changes_nothing),
        cmocka_unit_test(vectors_cover_their_content),
        cmocka_unit_test(nothing_can_be_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
