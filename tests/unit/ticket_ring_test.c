/* The ring of ticket keys: rotation, overlap, import, and many threads at once. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "session/ticket_ring.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

static struct test_env t;

static struct kt_ticket_ring *make(uint32_t rotate, uint32_t keep)
{
    const struct kt_ticket_ring_options options = {rotate, keep};
    struct kt_ticket_ring *ring = NULL;

    assert_null(kt_ticket_ring_new(&t.env, &options, &ring));
    return ring;
}

static struct kt_ticket_key newest(struct kt_ticket_ring *ring)
{
    struct kt_ticket_key key;

    assert_null(kt_ticket_ring_newest(ring, &key));
    return key;
}

static void it_begins_with_a_random_key_and_finds_it(void **user)
{
    struct kt_ticket_ring *ring, *other;
    struct kt_ticket_key key, found;

    (void)user;
    test_env_init(&t);
    ring = make(100, 300);
    other = make(100, 300);
    key = newest(ring);
    assert_true(kt_ticket_ring_find(ring, key.name, &found));
    assert_memory_equal(&found, &key, sizeof key);
    assert_false(kt_ticket_ring_find(other, key.name, &found));
    assert_memory_not_equal(newest(other).secret, key.secret, sizeof key.secret);
    kt_ticket_ring_unref(ring);
    kt_ticket_ring_unref(other);
    assert_int_equal(t.live, 0);
}

static void it_rotates_by_time_and_old_keys_open_until_their_end(void **user)
{
    struct kt_ticket_ring *ring;
    struct kt_ticket_key first, found;

    (void)user;
    test_env_init(&t);
    ring = make(100, 300);
    first = newest(ring);
    t.wall += 99;
    assert_memory_equal(newest(ring).name, first.name, sizeof first.name);
    t.wall += 1;
    assert_memory_not_equal(newest(ring).name, first.name, sizeof first.name);
    t.wall += 199;
    assert_true(kt_ticket_ring_find(ring, first.name, &found));
    t.wall += 1;
    assert_false(kt_ticket_ring_find(ring, first.name, &found));
    kt_ticket_ring_unref(ring);
}

static void the_ninth_key_takes_the_place_of_the_first(void **user)
{
    struct kt_ticket_ring *ring;
    struct kt_ticket_key first, found;

    (void)user;
    test_env_init(&t);
    ring = make(0, 300);
    first = newest(ring);
    for (int i = 1; i < KT_TICKET_RING_KEYS; i++) {
        assert_null(kt_ticket_ring_rotate(ring));
        assert_true(kt_ticket_ring_find(ring, first.name, &found));
    }
    assert_null(kt_ticket_ring_rotate(ring));
    assert_false(kt_ticket_ring_find(ring, first.name, &found));
    kt_ticket_ring_unref(ring);
}

static void nothing_is_made_without_memory_randomness_or_sense(void **user)
{
    const struct kt_ticket_ring_options senseless = {300, 300};
    struct kt_ticket_ring *ring = NULL;
    struct kt_ticket_key key;
    struct kt_env empty = {0};

    (void)user;
    test_env_init(&t);
    expect_fault(kt_ticket_ring_new(&empty, NULL, &ring), CONFIG_ENV, INTERNAL_ERROR);
    expect_fault(kt_ticket_ring_new(&t.env, &senseless, &ring), USAGE_ARGUMENT, INTERNAL_ERROR);
    t.alloc_fail = 1;
    expect_fault(kt_ticket_ring_new(&t.env, NULL, &ring), MEMORY_SPENT, INTERNAL_ERROR);
    for (size_t i = 1; i <= 2; i++) {
        t.random_fail = t.randoms + i;
        expect_fault(kt_ticket_ring_new(&t.env, NULL, &ring), RANDOM_FAILED, INTERNAL_ERROR);
    }
    assert_null(ring);
    assert_int_equal(t.live, 0);
    ring = make(100, 300);
    t.wall += 100;
    t.random_fail = t.randoms + 1;
    expect_fault(kt_ticket_ring_newest(ring, &key), RANDOM_FAILED, INTERNAL_ERROR);
    kt_ticket_ring_unref(ring);
    kt_ticket_ring_unref(NULL);
}

static void what_is_imported_replaces_all(void **user)
{
    struct kt_ticket_ring *from, *to;
    struct kt_ticket_key key, found;
    uint8_t bytes[KT_TICKET_RING_BLOB];
    size_t len;

    (void)user;
    test_env_init(&t);
    from = make(0, 300);
    to = make(0, 300);
    assert_null(kt_ticket_ring_rotate(from));
    key = newest(to);
    len = kt_ticket_ring_export(from, bytes, sizeof bytes);
    assert_int_equal(kt_ticket_ring_export(from, NULL, 0), len);
    assert_null(kt_ticket_ring_import(to, (struct kt_span){bytes, len}));
    assert_memory_equal(newest(to).name, newest(from).name, KT_TICKET_NAME_LEN);
    assert_false(kt_ticket_ring_find(to, key.name, &found));
    kt_ticket_ring_unref(from);
    kt_ticket_ring_unref(to);
}

static void what_cannot_be_parsed_changes_nothing(void **user)
{
    struct kt_ticket_ring *ring;
    struct kt_ticket_key key;
    uint8_t bytes[KT_TICKET_RING_BLOB];
    size_t len;

    (void)user;
    test_env_init(&t);
    ring = make(0, 300);
    key = newest(ring);
    len = kt_ticket_ring_export(ring, bytes, sizeof bytes);
    for (size_t i = 0; i < len; i++) {
        expect_fault(kt_ticket_ring_import(ring, (struct kt_span){bytes, i}), TICKET_KEYS_MALFORMED, INTERNAL_ERROR);
    }
    expect_fault(kt_ticket_ring_import(ring, (struct kt_span){bytes, len + 1}), TICKET_KEYS_MALFORMED, INTERNAL_ERROR);
    memset(bytes + 2 + KT_TICKET_NAME_LEN, 0, 32);
    expect_fault(kt_ticket_ring_import(ring, (struct kt_span){bytes, len}), TICKET_KEYS_MALFORMED, INTERNAL_ERROR);
    bytes[0] = 2;
    expect_fault(kt_ticket_ring_import(ring, (struct kt_span){bytes, len}), TICKET_KEYS_MALFORMED, INTERNAL_ERROR);
    assert_memory_equal(newest(ring).name, key.name, sizeof key.name);
    kt_ticket_ring_unref(ring);
}

/* ---- threads: the environment of this test is not for them, so they have a random source of their own ---- */

static bool thread_random(void *user, uint8_t *out, size_t len)
{
    static _Thread_local uint8_t next;

    (void)user;
    for (size_t i = 0; i < len; i++) {
        out[i] = ++next;
    }
    return true;
}

static int64_t fixed_wall(void *user)
{
    (void)user;
    return 1800000000;
}

static void *plain_alloc(void *user, size_t len)
{
    (void)user;
    return malloc(len);
}

static void plain_release(void *user, void *memory, size_t len)
{
    (void)user;
    (void)len;
    free(memory);
}

enum { ROUNDS = 2000 };

static void *rotate_often(void *ring)
{
    for (int i = 0; i < ROUNDS; i++) {
        if (kt_ticket_ring_rotate(ring) != NULL) {
            return ring;
        }
    }
    return NULL;
}

/* Name and secret are drawn one behind the other, so a key made of two halves would show. */
static void *read_often(void *ring)
{
    for (int i = 0; i < ROUNDS; i++) {
        struct kt_ticket_key key;

        if (kt_ticket_ring_newest(ring, &key) != NULL ||
            key.secret[0] != (uint8_t)(key.name[KT_TICKET_NAME_LEN - 1] + 1)) {
            return ring;
        }
    }
    return NULL;
}

static void many_threads_read_and_rotate(void **user)
{
    const struct kt_env env = {
        .random = thread_random, .wall_seconds = fixed_wall, .alloc = plain_alloc, .release = plain_release};
    struct kt_ticket_ring *ring = NULL;
    pthread_t threads[4];

    (void)user;
    assert_null(kt_ticket_ring_new(&env, NULL, &ring));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i < 2 ? rotate_often : read_often, ring), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    kt_ticket_ring_unref(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_begins_with_a_random_key_and_finds_it),
        cmocka_unit_test(it_rotates_by_time_and_old_keys_open_until_their_end),
        cmocka_unit_test(the_ninth_key_takes_the_place_of_the_first),
        cmocka_unit_test(nothing_is_made_without_memory_randomness_or_sense),
        cmocka_unit_test(what_is_imported_replaces_all),
        cmocka_unit_test(what_cannot_be_parsed_changes_nothing),
        cmocka_unit_test(many_threads_read_and_rotate),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
