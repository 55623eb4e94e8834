#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <keyturn/drive.h>

static void the_clocks_do_not_go_back(void **state)
{
    const struct kt_env *env = kt_env_linux();
    uint64_t ms = env->monotonic_ms(env->user);
    uint64_t us = kt_clock_us();

    (void)state;
    for (int i = 0; i < 10000; i++) {
        uint64_t ms_now = env->monotonic_ms(env->user);
        uint64_t us_now = kt_clock_us();

        assert_true(ms_now >= ms && us_now >= us);
        ms = ms_now;
        us = us_now;
    }
    /* One clock, read coarsely and exactly: apart by a step of the coarse one, never ahead. */
    assert_true(ms <= kt_clock_us() / 1000);
    assert_true(kt_clock_us() / 1000 - env->monotonic_ms(env->user) < 1000);
}

static void the_wall_clock_is_that_of_the_system(void **state)
{
    const struct kt_env *env = kt_env_linux();
    int64_t now = (int64_t)time(NULL);

    (void)state;
    assert_true(env->wall_seconds(env->user) >= now - 1);
    assert_true(env->wall_seconds(env->user) <= now + 60);
}

static void random_bytes_fill_all_of_it_and_no_more(void **state)
{
    const struct kt_env *env = kt_env_linux();
    uint8_t first[1000] = {0};
    uint8_t second[1000] = {0};

    (void)state;
    assert_true(env->random(env->user, first, sizeof first - 1));
    assert_true(env->random(env->user, second, sizeof second - 1));
    assert_memory_not_equal(first, second, sizeof first);
    assert_memory_not_equal(first + 900, second + 900, 99);
    assert_int_equal(first[999], 0);
    assert_true(env->random(env->user, NULL, 0));
}

static void memory_is_given_and_taken(void **state)
{
    const struct kt_env *env = kt_env_linux();
    char *memory = env->alloc(env->user, 100);

    (void)state;
    assert_non_null(memory);
    memset(memory, 1, 100);
    env->release(env->user, memory, 100);
    env->release(env->user, NULL, 0);
    assert_null(env->observer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_clocks_do_not_go_back),
        cmocka_unit_test(the_wall_clock_is_that_of_the_system),
        cmocka_unit_test(random_bytes_fill_all_of_it_and_no_more),
        cmocka_unit_test(memory_is_given_and_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
