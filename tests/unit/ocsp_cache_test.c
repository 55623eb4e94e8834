/* Responses are kept until their end, and no more of them than there is room for. */
#include <stdlib.h>
#include <string.h>

#include "drive/ocsp_cache.h"
#include "support/expect_fault.h"

static struct kt_ocsp_cache *cache;
static uint8_t ids[4][KT_OCSP_ID_LEN];

static int set_up(void **state)
{
    (void)state;
    for (uint8_t i = 0; i < 4; i++) {
        memset(ids[i], i, sizeof ids[i]);
    }
    cache = kt_ocsp_cache_new(2);
    return cache != NULL ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    kt_ocsp_cache_free(cache);
    kt_ocsp_cache_free(NULL);
    return 0;
}

static struct kt_span id(size_t i)
{
    return kt_span_of(ids[i], sizeof ids[i]);
}

static void put(size_t i, const char *text, int64_t until)
{
    kt_ocsp_cache_put(cache, id(i), kt_span_of((const uint8_t *)text, strlen(text)), until);
}

/* NULL: it must not be there. */
static void expect(size_t i, int64_t now, const char *text)
{
    size_t len = 0;
    uint8_t *found = kt_ocsp_cache_get(cache, id(i), now, &len);

    assert_int_equal(found != NULL, text != NULL);
    if (found != NULL) {
        assert_true(kt_span_same(kt_span_of(found, len), kt_span_of((const uint8_t *)text, strlen(text))));
    }
    free(found);
}

static void what_is_put_is_found_by_its_id(void **state)
{
    (void)state;
    expect(0, 1, NULL);
    put(0, "zero", 10);
    put(1, "one", 20);
    expect(0, 1, "zero");
    expect(1, 1, "one");
    expect(2, 1, NULL);
}

static void it_ends(void **state)
{
    (void)state;
    put(0, "zero", 10);
    expect(0, 9, "zero");
    expect(0, 10, NULL);
    expect(0, 9, NULL); /* it is gone */
}

static void the_newer_takes_the_place_of_the_older(void **state)
{
    (void)state;
    put(0, "zero", 10);
    put(1, "one", 20);
    put(0, "another", 30);
    expect(0, 15, "another");
    expect(1, 15, "one");
}

static void what_ends_first_makes_room(void **state)
{
    (void)state;
    put(0, "zero", 30);
    put(1, "one", 20);
    put(2, "two", 40);
    expect(1, 1, NULL);
    expect(0, 1, "zero");
    expect(2, 1, "two");
}

static void what_is_dropped_is_gone(void **state)
{
    (void)state;
    put(0, "zero", 30);
    put(1, "one", 30);
    kt_ocsp_cache_drop(cache, id(0));
    kt_ocsp_cache_drop(cache, id(3));
    expect(0, 1, NULL);
    expect(1, 1, "one");
}

static void an_id_of_another_length_is_no_id(void **state)
{
    (void)state;
    kt_ocsp_cache_put(cache, kt_span_of(ids[0], 4), KT_SPAN_TEXT("short"), 10);
    expect(0, 1, NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_put_is_found_by_its_id),
        TEST(it_ends),
        TEST(the_newer_takes_the_place_of_the_older),
        TEST(what_ends_first_makes_room),
        TEST(what_is_dropped_is_gone),
        TEST(an_id_of_another_length_is_no_id),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
