/* Lists and sets of 16-bit numbers. */
#include "support/expect_fault.h"

#include "wire/id_list.h"
#include "wire/number_set.h"

static void a_list_is_read_as_it_stands_on_the_wire(void **state)
{
    const struct kt_id_list list = {{(const uint8_t *)"\x13\x01\x00\x1d", 4}};

    (void)state;
    assert_int_equal(kt_id_list_count(list), 2);
    assert_int_equal(kt_id_list_at(list, 0), 0x1301);
    assert_int_equal(kt_id_list_at(list, 1), 0x001d);
    assert_true(kt_id_list_has(list, 29));
    assert_false(kt_id_list_has(list, 0x0100));
    assert_false(kt_id_list_has((struct kt_id_list){{NULL, 0}}, 0));
}

static void a_set_takes_each_number_once(void **state)
{
    struct kt_number_set set;

    (void)state;
    kt_number_set_fill(&set, false);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned number = 0; number < 65536; number++) {
            assert_int_equal(kt_number_set_add(&set, (uint16_t)number), round == 0);
        }
    }
}

static void a_set_gives_each_number_once(void **state)
{
    struct kt_number_set set;

    (void)state;
    kt_number_set_fill(&set, true);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned number = 0; number < 65536; number++) {
            assert_int_equal(kt_number_set_take(&set, (uint16_t)number), round == 0);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_is_read_as_it_stands_on_the_wire),
        cmocka_unit_test(a_set_takes_each_number_once),
        cmocka_unit_test(a_set_gives_each_number_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
