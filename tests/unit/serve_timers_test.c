/* The heap of timers: always the earliest first, whatever was moved or taken out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../cmd/keyturn/serve_timers.c"

enum { TIMERS = 200 };

static struct kt_timer timers[TIMERS];
static uint32_t seed = 1;

static uint32_t next(uint32_t below)
{
    seed = seed * 1664525u + 1013904223u;
    return (seed >> 8) % below;
}

static uint64_t earliest(void)
{
    uint64_t first = UINT64_MAX;

    for (size_t i = 0; i < TIMERS; i++) {
        if (timers[i].place != 0 && timers[i].at_ms < first) {
            first = timers[i].at_ms;
        }
    }
    return first;
}

static void an_empty_heap_has_no_first(void **state)
{
    struct kt_timers heap = {0};
    struct kt_timer timer = {0};

    (void)state;
    assert_null(kt_timers_first(&heap));
    kt_timers_set(&heap, &timer, UINT64_MAX); /* out of what it is not in */
    assert_null(kt_timers_first(&heap));
}

static void the_first_is_the_earliest_after_every_change(void **state)
{
    struct kt_timers heap = {0};

    (void)state;
    assert_true(kt_timers_reserve(&heap, TIMERS));
    for (int step = 0; step < 20000; step++) {
        struct kt_timer *timer = &timers[next(TIMERS)], *first;

        kt_timers_set(&heap, timer, next(4) == 0 ? UINT64_MAX : next(1000));
        first = kt_timers_first(&heap);
        assert_int_equal(first == NULL ? UINT64_MAX : first->at_ms, earliest());
    }
    kt_timers_free(&heap);
}

static void timers_come_out_in_order(void **state)
{
    struct kt_timers heap = {0};
    struct kt_timer *first;
    uint64_t last = 0;
    size_t count = 0;

    (void)state;
    assert_true(kt_timers_reserve(&heap, TIMERS));
    for (size_t i = 0; i < TIMERS; i++) {
        timers[i] = (struct kt_timer){0};
        kt_timers_set(&heap, &timers[i], next(50));
    }
    while ((first = kt_timers_first(&heap)) != NULL) {
        assert_true(first->at_ms >= last);
        last = first->at_ms;
        kt_timers_set(&heap, first, UINT64_MAX);
        assert_int_equal(first->place, 0);
        count++;
    }
    assert_int_equal(count, TIMERS);
    kt_timers_free(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_no_first),
        cmocka_unit_test(the_first_is_the_earliest_after_every_change),
        cmocka_unit_test(timers_come_out_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
