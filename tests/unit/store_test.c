/* The store of one process: single use, revocation, bounds, many threads. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <keyturn/store.h>

#include "session/session_impl.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

static struct test_env t;
static struct kt_store *store;

static int begin(void **user)
{
    (void)user;
    test_env_init(&t);
    store = NULL;
    return 0;
}

static int end(void **user)
{
    (void)user;
    kt_store_free(store);
    return t.live == 0 ? 0 : -1;
}

static void open_store(size_t capacity, bool single_use)
{
    const struct kt_store_options options = {.capacity = capacity, .single_use = single_use};

    assert_null(kt_store_new(&options, &store));
}

static struct kt_session *make(uint32_t number)
{
    struct kt_session_data data = {
        .role = KT_SERVER,
        .server_name = {.len = 9, .b = "a.example"},
        .origin = {.lineage = {7, 7}, .born = 1000, .end = 5000, .peer = {9}, .has_peer = true, .authenticated = true},
        .generation = 3,
        .issued = 2000,
        .lifetime = 600,
    };
    struct kt_session *session = NULL;

    memcpy(data.id, &number, sizeof number);
    assert_null(kt_session_new(&t.env, &data, &session));
    return session;
}

static bool admit(uint32_t number, int64_t now)
{
    struct kt_session *session = make(number);
    bool yes = kt_store_admit(store, session, now);

    kt_session_unref(session);
    return yes;
}

static void sessions_are_admitted_again_and_again(void **user)
{
    (void)user;
    open_store(0, false);
    assert_true(admit(1, 2000) && admit(1, 2000) && admit(2, 2000));
    assert_int_equal(kt_store_counters(store).admitted, 3);
    assert_int_equal(kt_store_counters(store).entries, 0);
}

static void single_use_is_once(void **user)
{
    (void)user;
    open_store(0, true);
    assert_true(admit(1, 2000));
    assert_false(admit(1, 2001));
    assert_true(admit(2, 2001));
    assert_int_equal(kt_store_counters(store).refused_used, 1);
    assert_int_equal(kt_store_counters(store).entries, 2);
}

static struct kt_span key_of(enum kt_revoke by, const struct kt_session_facts *facts)
{
    switch (by) {
    case KT_REVOKE_SESSION:
        return facts->id;
    case KT_REVOKE_LINEAGE:
        return facts->lineage;
    case KT_REVOKE_IDENTITY:
        return facts->peer_sha256;
    case KT_REVOKE_NAME:
        break;
    }
    return facts->server_name;
}

static void a_session_is_revoked_by_each_of_its_keys(void **user)
{
    (void)user;
    for (int by = KT_REVOKE_SESSION; by <= KT_REVOKE_NAME; by++) {
        struct kt_session *session = make(1);
        struct kt_session_facts facts = kt_session_facts(session);
        struct kt_span key = key_of((enum kt_revoke)by, &facts);

        open_store(0, false);
        assert_null(kt_session_revoke(store, (enum kt_revoke)by, key, 999));
        assert_true(kt_store_admit(store, session, 2000)); /* made later */
        assert_null(kt_session_revoke(store, (enum kt_revoke)by, key, 2000));
        assert_false(kt_store_admit(store, session, 2000));
        assert_null(kt_session_revoke(store, (enum kt_revoke)by, key, 1500)); /* does not take back */
        assert_false(kt_store_admit(store, session, 2000));
        assert_int_equal(admit(2, 2000), by == KT_REVOKE_SESSION);
        assert_int_equal(kt_store_counters(store).entries, 1);
        kt_store_free(store);
        store = NULL;
        kt_session_unref(session);
    }
}

static void a_generation_is_revoked_and_never_comes_back(void **user)
{
    (void)user;
    open_store(0, false);
    kt_session_revoke_generation(store, 3);
    assert_true(admit(1, 2000));
    kt_session_revoke_generation(store, 4);
    assert_false(admit(1, 2000));
    kt_session_revoke_generation(store, 1);
    assert_false(admit(1, 2000));
    assert_int_equal(kt_store_counters(store).refused_revoked, 2);
}

static void cve_2024_2511_the_capacity_is_never_passed(void **user)
{
    unsigned refused = 0;

    (void)user;
    open_store(64, true);
    for (uint32_t i = 0; i < 1000; i++) {
        refused += admit(i, 2000) ? 0 : 1;
        assert_true(kt_store_counters(store).entries <= 64);
    }
    assert_true(refused >= 936);
    assert_int_equal(kt_store_counters(store).refused_full, refused);
    /* What has expired makes room. */
    assert_true(admit(5000, 2600));
}

static void a_revocation_without_room_says_so(void **user)
{
    const struct kt_fault *fault = NULL;

    (void)user;
    open_store(16, false);
    for (uint8_t i = 0; i < 200 && fault == NULL; i++) {
        fault = kt_session_revoke(store, KT_REVOKE_NAME, (struct kt_span){&i, 1}, 2000);
    }
    expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
}

static void senseless_arguments_are_refused(void **user)
{
    const struct kt_store_options small = {.capacity = 15};
    const struct kt_store_options large = {.capacity = (1 << 24) + 1};
    uint8_t key[256] = {0};

    (void)user;
    expect_fault(kt_store_new(&small, &store), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_store_new(&large, &store), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_null(kt_store_new(NULL, &store));
    expect_fault(kt_session_revoke(store, KT_REVOKE_NAME, (struct kt_span){NULL, 0}, 1), USAGE_ARGUMENT,
                 INTERNAL_ERROR);
    expect_fault(kt_session_revoke(store, KT_REVOKE_NAME, (struct kt_span){key, 256}, 1), USAGE_ARGUMENT,
                 INTERNAL_ERROR);
    expect_fault(kt_session_revoke(store, (enum kt_revoke)(KT_REVOKE_NAME + 1), (struct kt_span){key, 1}, 1),
                 USAGE_ARGUMENT, INTERNAL_ERROR);
}

enum { THREADS = 4, SESSIONS = 300 };

static struct kt_session *shared[SESSIONS];

/* Counts how many it was allowed; meanwhile it revokes something else. */
static struct kt_session *take(uint32_t number, int64_t now)
{
    uint8_t id[KT_SESSION_ID_LEN] = {0};

    memcpy(id, &number, sizeof number);
    return kt_store_take(store, kt_span_of(id, sizeof id), now);
}

static void put(uint32_t number)
{
    struct kt_session *session = make(number);

    assert_true(kt_store_keep(store, session));
    kt_session_unref(session);
}

static void a_session_that_is_kept_is_taken_once(void **user)
{
    struct kt_session *session;

    (void)user;
    open_store(0, false);
    put(5);
    put(6);
    assert_null(take(7, 2000));
    session = take(5, 2000);
    assert_memory_equal(kt_session_facts(session).id.p, "\5", 1);
    kt_session_unref(session);
    assert_null(take(5, 2000));
    assert_int_equal(kt_store_counters(store).sessions, 1);
    assert_int_equal(kt_store_counters(store).admitted, 1);
}

static void what_has_expired_or_is_revoked_is_not_given_back(void **user)
{
    (void)user;
    open_store(0, false);
    put(5);
    put(6);
    assert_null(take(5, 2600));
    assert_null(kt_session_revoke(store, KT_REVOKE_NAME, KT_SPAN_TEXT("a.example"), 2000));
    assert_null(take(6, 2001));
    assert_int_equal(kt_store_counters(store).refused_revoked, 1);
    assert_int_equal(kt_store_counters(store).sessions, 0);
}

static void cve_2024_2511_sessions_that_nobody_takes_make_room(void **user)
{
    const struct kt_store_options options = {.sessions = 16};
    struct kt_session *newest;

    (void)user;
    assert_null(kt_store_new(&options, &store));
    for (uint32_t i = 0; i < 1000; i++) {
        put(i);
        assert_in_range(kt_store_counters(store).sessions, 1, 16);
    }
    assert_int_equal(kt_store_counters(store).evicted, 1000 - kt_store_counters(store).sessions);
    newest = take(999, 2000);
    assert_non_null(newest);
    kt_session_unref(newest);
    assert_null(take(0, 2000));
}

static void a_connection_is_revoked_as_its_sessions_are(void **user)
{
    struct kt_session *session = make(1);
    struct kt_session_facts facts = kt_session_facts(session);

    (void)user;
    open_store(0, true);
    assert_false(kt_store_is_revoked(store, &facts));
    assert_null(kt_session_revoke(store, KT_REVOKE_LINEAGE, facts.lineage, 2000));
    assert_true(kt_store_is_revoked(store, &facts));
    facts.lineage.len = 0;
    assert_false(kt_store_is_revoked(store, &facts));
    kt_session_unref(session);
}

static void *use_all(void *count)
{
    for (uint32_t i = 0; i < SESSIONS; i++) {
        uint8_t name = (uint8_t)i;

        *(unsigned *)count += kt_store_admit(store, shared[i], 2000) ? 1 : 0;
        if (i % 16 == 0 && kt_session_revoke(store, KT_REVOKE_NAME, (struct kt_span){&name, 1}, 2000) != NULL) {
            return count;
        }
    }
    return NULL;
}

static void of_many_threads_one_is_first(void **user)
{
    unsigned counts[THREADS] = {0};
    pthread_t threads[THREADS];
    unsigned sum = 0;

    (void)user;
    open_store(0, true);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        shared[i] = make(i);
    }
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, use_all, &counts[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;

        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
        sum += counts[i];
    }
    assert_int_equal(sum, SESSIONS);
    for (uint32_t i = 0; i < SESSIONS; i++) {
        kt_session_unref(shared[i]);
    }
}

#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STORE_TEST(sessions_are_admitted_again_and_again),
        STORE_TEST(single_use_is_once),
        STORE_TEST(a_session_is_revoked_by_each_of_its_keys),
        STORE_TEST(a_generation_is_revoked_and_never_comes_back),
        STORE_TEST(cve_2024_2511_the_capacity_is_never_passed),
        STORE_TEST(a_revocation_without_room_says_so),
        STORE_TEST(senseless_arguments_are_refused),
        STORE_TEST(a_session_that_is_kept_is_taken_once),
        STORE_TEST(what_has_expired_or_is_revoked_is_not_given_back),
        STORE_TEST(cve_2024_2511_sessions_that_nobody_takes_make_room),
        STORE_TEST(a_connection_is_revoked_as_its_sessions_are),
        STORE_TEST(of_many_threads_one_is_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
