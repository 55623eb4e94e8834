/* The client's cache: found by key, name and protocol; bounded; out and in again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <keyturn/session_cache.h>

#include "session/session_impl.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

static struct test_env t;
static struct kt_session_cache *cache;

static const struct kt_span key = {(const uint8_t *)"a:443", 5};
static const struct kt_span other_key = {(const uint8_t *)"a:444", 5};
static const struct kt_span name = {(const uint8_t *)"a.example", 9};
static const struct kt_span other_name = {(const uint8_t *)"b.example", 9};
static const struct kt_span h2 = {(const uint8_t *)"h2", 2};

static int begin(void **user)
{
    (void)user;
    test_env_init(&t);
    return kt_session_cache_new(3, &cache) == NULL ? 0 : -1;
}

static int end(void **user)
{
    (void)user;
    kt_session_cache_free(cache);
    return t.live == 0 ? 0 : -1;
}

static struct kt_session *make(uint8_t role, uint8_t number, const char *alpn)
{
    struct kt_session_data data = {
        .role = role,
        .id = {number},
        .secret = {.len = 32, .b = {number}},
        .server_name = {.len = 9, .b = "a.example"},
        .origin = {.born = 1000, .end = 5000},
        .issued = 2000,
        .lifetime = 600,
        .ticket = {(const uint8_t *)"ticket", 6},
    };
    struct kt_session *session = NULL;

    data.alpn.len = (uint8_t)strlen(alpn);
    memcpy(data.alpn.b, alpn, data.alpn.len);
    assert_null(kt_session_new(&t.env, &data, &session));
    return session;
}

static void put(struct kt_span under, uint8_t number, const char *alpn)
{
    struct kt_session *session = make(KT_CLIENT, number, alpn);

    assert_null(kt_session_cache_put(cache, under, session));
    kt_session_unref(session);
}

/* The number of the session taken; 0: none. */
static uint8_t take(struct kt_span under, struct kt_span for_name, int64_t now)
{
    struct kt_session *session = kt_session_cache_take(cache, under, for_name, &h2, 1, now);
    uint8_t number = session == NULL ? 0 : kt_session_facts(session).id.p[0];

    kt_session_unref(session);
    return number;
}

static void the_newest_comes_first_and_each_once(void **user)
{
    (void)user;
    put(key, 1, "h2");
    put(key, 2, "");
    assert_int_equal(take(key, name, 2000), 2);
    assert_int_equal(take(key, name, 2000), 1);
    assert_int_equal(take(key, name, 2000), 0);
}

static void only_what_fits_is_found(void **user)
{
    (void)user;
    put(key, 1, "h3");
    put(other_key, 2, "h2");
    assert_int_equal(take(key, name, 2000), 0);
    assert_int_equal(take(other_key, other_name, 2000), 0);
    assert_int_equal(take(other_key, name, 2000), 2);
}

static void what_has_expired_is_gone(void **user)
{
    (void)user;
    put(key, 1, "h2");
    assert_int_equal(take(key, name, 2600), 0);
    assert_int_equal(take(key, name, 2000), 0);
}

static void the_oldest_makes_room(void **user)
{
    (void)user;
    for (uint8_t i = 1; i <= 5; i++) {
        put(key, i, "h2");
    }
    for (uint8_t i = 5; i >= 3; i--) {
        assert_int_equal(take(key, name, 2000), i);
    }
    assert_int_equal(take(key, name, 2000), 0);
}

static void it_goes_out_and_comes_in_again(void **user)
{
    uint8_t bytes[2048];
    size_t len;

    (void)user;
    put(key, 1, "h2");
    put(other_key, 2, "");
    len = kt_session_cache_export(cache, bytes, sizeof bytes);
    assert_int_equal(kt_session_cache_export(cache, NULL, 0), len);
    kt_session_cache_free(cache);
    assert_null(kt_session_cache_new(0, &cache));
    assert_null(kt_session_cache_import(cache, &t.env, kt_span_of(bytes, len)));
    assert_int_equal(take(other_key, name, 2000), 2);
    assert_int_equal(take(key, name, 2000), 1);
}

static void a_bad_import_changes_nothing(void **user)
{
    uint8_t bytes[2048];
    size_t len;

    (void)user;
    put(key, 1, "h2");
    put(key, 2, "h2");
    len = kt_session_cache_export(cache, bytes, sizeof bytes);
    assert_int_equal(take(key, name, 2000) + take(key, name, 2000), 3);
    for (size_t i = 0; i < len; i++) {
        if (i != 1 && i != (len - 1) / 2 + 1) { /* nothing, and exactly one, are whole */
            expect_fault(kt_session_cache_import(cache, &t.env, kt_span_of(bytes, i)), SESSION_MALFORMED,
                         INTERNAL_ERROR);
        }
    }
    assert_int_equal(take(key, name, 2000), 0);
    bytes[0] = 2;
    expect_fault(kt_session_cache_import(cache, &t.env, kt_span_of(bytes, len)), SESSION_MALFORMED, INTERNAL_ERROR);
    bytes[0] = 1;
    t.alloc_fail = t.allocs + 2;
    expect_fault(kt_session_cache_import(cache, &t.env, kt_span_of(bytes, len)), MEMORY_SPENT, INTERNAL_ERROR);
    assert_int_equal(take(key, name, 2000), 0);
}

static void senseless_arguments_are_refused(void **user)
{
    struct kt_session *server = make(KT_SERVER, 1, "");
    struct kt_session_cache *none = NULL;
    uint8_t long_key[256] = {0};

    (void)user;
    expect_fault(kt_session_cache_new(65537, &none), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_session_cache_put(cache, key, server), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_session_cache_put(cache, kt_span_of(long_key, 256), server), USAGE_ARGUMENT, INTERNAL_ERROR);
    kt_session_unref(server);
    kt_session_cache_free(NULL);
}

#define CACHE_TEST(test_name) cmocka_unit_test_setup_teardown(test_name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CACHE_TEST(the_newest_comes_first_and_each_once),
        CACHE_TEST(only_what_fits_is_found),
        CACHE_TEST(what_has_expired_is_gone),
        CACHE_TEST(the_oldest_makes_room),
        CACHE_TEST(it_goes_out_and_comes_in_again),
        CACHE_TEST(a_bad_import_changes_nothing),
        CACHE_TEST(senseless_arguments_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
