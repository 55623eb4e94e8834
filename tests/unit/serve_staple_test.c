/* When a server asks its responder again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../cmd/keyturn/options.c"
#include "../../cmd/keyturn/options_apply.c"
#include "../../cmd/keyturn/options_common.c"
#include "../../cmd/keyturn/options_credential.c"
#include "../../cmd/keyturn/options_value.c"
#include "../../cmd/keyturn/psk_file.c"
#include "../../cmd/keyturn/report.c"
#include "../../cmd/keyturn/serve_staple.c"
#include "../../cmd/keyturn/trace.c"

enum { NOW = 1000000 };

static void halfway_to_the_end(void **state)
{
    (void)state;
    assert_int_equal(kt_staple_wait(NOW, NOW + 3600, 0), 1800);
    assert_int_equal(kt_staple_wait(NOW, NOW + 10, 0), 5);
}

static void a_day_at_most_and_a_second_at_least(void **state)
{
    (void)state;
    assert_int_equal(kt_staple_wait(NOW, NOW + 604800, 0), 86400);
    assert_int_equal(kt_staple_wait(NOW, NOW + 1, 0), 1);
    assert_int_equal(kt_staple_wait(NOW, NOW, 0), 1);
    assert_int_equal(kt_staple_wait(NOW, NOW - 100, 0), 1);
}

static void an_end_that_is_not_known_is_an_hour(void **state)
{
    (void)state;
    assert_int_equal(kt_staple_wait(NOW, 0, 0), 3600);
}

static void failures_wait_longer_and_longer(void **state)
{
    static const int64_t waits[] = {1, 2, 4, 8, 16, 32, 64, 128, 300, 300};

    (void)state;
    for (unsigned i = 0; i < sizeof waits / sizeof waits[0]; i++) {
        assert_int_equal(kt_staple_wait(NOW, NOW + 604800, i + 1), waits[i]);
    }
    assert_int_equal(kt_staple_wait(NOW, 0, UINT32_MAX), 300);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(halfway_to_the_end),
        cmocka_unit_test(a_day_at_most_and_a_second_at_least),
        cmocka_unit_test(an_end_that_is_not_known_is_an_hour),
        cmocka_unit_test(failures_wait_longer_and_longer),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
