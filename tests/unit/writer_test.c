/* The writer: right bytes, and what goes wrong stays wrong. */
#include "support/expect_fault.h"

#include "wire/writer.h"

static uint8_t buffer[512];

static void numbers_are_in_network_order(void **state)
{
    static const uint8_t expected[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 1, 2, 3, 4, 5, 6, 7, 8};
    struct kt_writer w = kt_writer_over(buffer, sizeof buffer);

    (void)state;
    kt_put_u8(&w, 1);
    kt_put_u16(&w, 0x0203);
    kt_put_u24(&w, 0x040506);
    kt_put_u32(&w, 0x0708090a);
    kt_put_u64(&w, UINT64_C(0x0102030405060708));
    assert_true(kt_writer_finish(&w));
    assert_int_equal(kt_writer_span(&w).len, sizeof expected);
    assert_memory_equal(buffer, expected, sizeof expected);
}

static void blocks_know_their_length(void **state)
{
    static const uint8_t expected[] = {0, 0, 6, 0, 3, 2, 'a', 'b', 'x'};
    struct kt_writer w = kt_writer_over(buffer, sizeof expected);

    (void)state;
    kt_writer_open(&w, 3);
    kt_writer_open(&w, 2);
    kt_put_vec(&w, 1, KT_SPAN_TEXT("ab"));
    kt_writer_close(&w);
    kt_put_bytes(&w, KT_SPAN_TEXT("x"));
    kt_writer_close(&w);
    assert_true(kt_writer_finish(&w));
    assert_memory_equal(buffer, expected, sizeof expected);
}

static void what_does_not_fit_is_bad_for_ever(void **state)
{
    struct kt_writer w = kt_writer_over(buffer, 3);

    (void)state;
    kt_put_u16(&w, 1);
    kt_put_u16(&w, 2);
    assert_int_equal(w.len, 2);
    kt_put_u8(&w, 3);
    assert_int_equal(w.len, 2);
    assert_false(kt_writer_finish(&w));
    w = kt_writer_over(buffer, 3);
    kt_put_bytes(&w, KT_SPAN_TEXT("four"));
    assert_false(kt_writer_finish(&w));
    assert_null(kt_writer_room(&w, 1));
}

static void an_open_block_is_not_finished(void **state)
{
    struct kt_writer w = kt_writer_over(buffer, sizeof buffer);

    (void)state;
    kt_writer_open(&w, 2);
    assert_false(kt_writer_finish(&w));
    kt_writer_close(&w);
    assert_true(kt_writer_finish(&w));
    kt_writer_close(&w);
    assert_false(kt_writer_finish(&w));
}

static void a_block_too_long_for_its_length_is_bad(void **state)
{
    struct kt_writer w = kt_writer_over(buffer, sizeof buffer);

    (void)state;
    kt_put_vec(&w, 1, kt_span_of(buffer + 256, 255));
    assert_true(kt_writer_finish(&w));
    w = kt_writer_over(buffer, sizeof buffer);
    kt_writer_open(&w, 1);
    assert_non_null(kt_writer_room(&w, 256));
    kt_writer_close(&w);
    assert_false(kt_writer_finish(&w));
}

static void blocks_nest_to_a_stated_depth(void **state)
{
    struct kt_writer w = kt_writer_over(buffer, sizeof buffer);

    (void)state;
    for (unsigned i = 0; i < KT_WRITER_DEPTH; i++) {
        kt_writer_open(&w, 1);
    }
    assert_false(w.bad);
    kt_writer_open(&w, 1);
    assert_true(w.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_in_network_order),           cmocka_unit_test(blocks_know_their_length),
        cmocka_unit_test(what_does_not_fit_is_bad_for_ever),      cmocka_unit_test(an_open_block_is_not_finished),
        cmocka_unit_test(a_block_too_long_for_its_length_is_bad), cmocka_unit_test(blocks_nest_to_a_stated_depth),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
