/* Tickets that are only handles of sessions in a store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/session_impl.h"
#include "support/loop.h"

static struct loop l;
static struct kt_store *store;
static struct kt_session *kept;
static unsigned tickets;
static bool denied; /* the owner keeps nothing */

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SESSION) {
        kt_session_unref(kept);
        kept = kt_session_ref(notice->u.session);
        tickets++;
    }
}

static int begin(void **user)
{
    (void)user;
    kept = NULL;
    tickets = 0;
    denied = false;
    return kt_store_new(NULL, &store) == NULL ? 0 : -1;
}

/* Sessions in the store are the environment's memory. */
static int end(void **user)
{
    (void)user;
    kt_store_free(store);
    kt_session_unref(kept);
    loop_close(&l);
    return 0;
}

static void resume(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    assert_null(kt_builder_resumption(b, &r));
}

static void handles(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.stateful = true;
    assert_null(kt_builder_resumption(b, &r));
}

static void handles_of_another_generation(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.stateful = true;
    r.generation = 1;
    assert_null(kt_builder_resumption(b, &r));
}

static void no_share(struct kt_builder *b)
{
    resume(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static struct kt_ticket_ring *ring;

static void ring_12(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    assert_null(kt_ticket_ring_new(&l.env.env, NULL, &ring));
    r.ring = ring;
    assert_null(kt_builder_resumption(b, &r));
}

static const struct loop_setup usual = {.client = resume, .server = handles, .observer = watch};

static void first(const struct loop_setup *setup)
{
    loop_open(&l, setup);
    l.store = denied ? NULL : store;
    loop_handshake(&l);
    loop_transfer(&l, KT_SERVER, 100);
    assert_false(kt_conn_facts(l.server).resumed);
}

static void again(const struct loop_setup *setup, struct kt_session *session, bool resumed)
{
    struct kt_session *offered = kt_session_ref(session);

    l.session = offered;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, setup));
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).resumed, resumed);
    assert_int_equal(kt_conn_facts(l.server).resumed, resumed);
    loop_transfer(&l, KT_CLIENT, 1000);
    loop_transfer(&l, KT_SERVER, 20000);
    kt_session_unref(offered);
}

static void new_server(void (*more)(struct kt_builder *b))
{
    const struct loop_setup setup = {.server = more, .observer = watch};

    kt_config_unref(l.server_config);
    l.server_config = loop_build(&l, KT_SERVER, &setup);
}

static void a_ticket_is_a_handle(void **user)
{
    (void)user;
    first(&usual);
    assert_int_equal(tickets, 2);
    assert_int_equal(kept->data.ticket.len, KT_SESSION_ID_LEN);
    assert_int_equal(kt_store_counters(store).sessions, 2);
    again(&usual, kept, true);
    assert_int_equal(kt_store_counters(store).sessions, 3);
    assert_true(kt_conn_session_facts(l.server).id.len == 16);
    again(&usual, kept, true);
}

static void a_handle_passes_through_a_retry(void **user)
{
    const struct loop_setup setup = {.client = no_share, .server = handles, .observer = watch};

    (void)user;
    first(&setup);
    again(&setup, kept, true);
    assert_true(kt_conn_facts(l.client).hello_retried);
}

static void a_handle_is_good_once(void **user)
{
    struct kt_session *used;

    (void)user;
    first(&usual);
    used = kt_session_ref(kept);
    again(&usual, used, true);
    again(&usual, used, false);
    kt_session_unref(used);
}

static void an_unknown_handle_is_a_full_handshake(void **user)
{
    struct kt_session *unknown;
    struct kt_session_data data;

    (void)user;
    first(&usual);
    data = kept->data;
    data.ticket = kt_span_of((const uint8_t *)"nobody has these", 16);
    assert_null(kt_session_new(&l.env.env, &data, &unknown));
    again(&usual, unknown, false);
    kt_session_unref(unknown);
}

static void a_handle_of_another_length_is_a_full_handshake(void **user)
{
    struct kt_session *longer;
    struct kt_session_data data;
    uint8_t bytes[17] = {0};

    (void)user;
    first(&usual);
    data = kept->data;
    memcpy(bytes, data.ticket.p, 16);
    data.ticket = kt_span_of(bytes, sizeof bytes);
    assert_null(kt_session_new(&l.env.env, &data, &longer));
    again(&usual, longer, false);
    kt_session_unref(longer);
}

static void a_wrong_binder_is_fatal(void **user)
{
    struct kt_session *other;
    struct kt_session_data data;

    (void)user;
    first(&usual);
    data = kept->data;
    data.secret.b[5] ^= 1;
    assert_null(kt_session_new(&l.env.env, &data, &other));
    l.session = other;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, &usual));
    loop_run(&l);
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
    kt_session_unref(other);
}

static void the_gate_judges_what_was_fetched(void **user)
{
    (void)user;
    first(&usual);
    new_server(handles_of_another_generation);
    again(&usual, kept, false);
}

static void a_session_that_was_revoked_is_gone(void **user)
{
    (void)user;
    first(&usual);
    assert_null(kt_session_revoke(store, KT_REVOKE_NAME, KT_SPAN_TEXT("server.example"), l.env.wall));
    again(&usual, kept, false);
    assert_int_equal(kt_store_counters(store).refused_revoked, 1);
}

static void a_session_that_expired_is_gone(void **user)
{
    struct kt_session *young;
    struct kt_session_data data;

    (void)user;
    first(&usual);
    data = kept->data;
    l.env.wall += 7200;
    data.issued = l.env.wall; /* so that the client offers it */
    assert_null(kt_session_new(&l.env.env, &data, &young));
    again(&usual, young, false);
    kt_session_unref(young);
}

static void what_is_not_kept_has_no_ticket(void **user)
{
    (void)user;
    denied = true;
    first(&usual);
    assert_int_equal(tickets, 0);
}

static void the_owner_may_take_its_time(void **user)
{
    struct kt_session *wrong, *right;

    (void)user;
    loop_open(&l, &usual);
    l.store = store;
    for (int i = 0; i < 20; i++) {
        loop_run(&l);
        l.hold_asks = kt_conn_ask(l.server) != NULL && kt_conn_ask(l.server)->kind == KT_ASK_KEEP_SESSIONS;
    }
    loop_handshake(&l);
    l.hold_asks = true;
    l.session = kept;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, &usual));
    loop_run(&l);
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_FETCH_SESSION);
    right = kt_store_take(store, kt_conn_ask(l.server)->u.fetch.id, kt_conn_ask(l.server)->u.fetch.now);
    assert_non_null(right);
    wrong = kept; /* the client's has an id of its own */
    assert_int_equal(kt_answer_session(l.server, wrong)->reason, KT_REASON_USAGE_ARGUMENT);
    assert_int_equal(kt_answer_kept(l.server, true)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    assert_int_equal(kt_store_answer(store, l.client)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    assert_null(kt_answer_session(l.server, right));
    kt_session_unref(right);
    loop_run(&l);
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_KEEP_SESSIONS);
    assert_int_equal(kt_conn_ask(l.server)->u.keep.count, 2);
    assert_int_equal(kt_answer_session(l.server, NULL)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    l.hold_asks = false;
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
}

static void every_failing_call(bool allocations)
{
    bool done = false;

    for (size_t n = 1; !done; n++) {
        struct kt_session *offered = kt_session_ref(kept);

        assert_true(n < 200);
        l.session = offered;
        loop_hang_up(&l);
        *(allocations ? &l.env.alloc_fail : &l.env.random_fail) = (allocations ? l.env.allocs : l.env.randoms) + n;
        if (loop_connect(&l, &usual) == NULL) {
            loop_run(&l);
            done = kt_conn_is_connected(l.client) && kt_conn_is_connected(l.server) && kt_conn_fault(l.client) == NULL;
        }
        l.env.alloc_fail = l.env.random_fail = 0;
        kt_session_unref(offered);
    }
}

static void every_failing_call_fails_cleanly(void **user)
{
    (void)user;
    first(&usual);
    every_failing_call(true);
    every_failing_call(false);
}

static void resume_12(struct kt_builder *b)
{
    resume(b);
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
}

/* TLS 1.2 has no handles: without a ring there are no tickets, and those of others are not looked at. */
static void in_tls12_there_are_no_handles(void **user)
{
    const struct loop_setup setup = {.client = resume_12, .server = handles, .observer = watch};

    (void)user;
    first(&setup);
    assert_int_equal(tickets, 0);
    assert_null(kept);
}

static void a_ticket_of_tls12_is_not_looked_at_without_a_ring(void **user)
{
    const struct loop_setup setup = {.client = resume_12, .server = ring_12, .observer = watch};

    (void)user;
    first(&setup);
    assert_int_equal(tickets, 1);
    new_server(handles);
    again(&setup, kept, false);
    kt_ticket_ring_unref(ring);
    ring = NULL;
}

#define STATEFUL_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STATEFUL_TEST(a_ticket_is_a_handle),
        STATEFUL_TEST(a_handle_passes_through_a_retry),
        STATEFUL_TEST(in_tls12_there_are_no_handles),
        STATEFUL_TEST(a_ticket_of_tls12_is_not_looked_at_without_a_ring),
        STATEFUL_TEST(a_handle_is_good_once),
        STATEFUL_TEST(an_unknown_handle_is_a_full_handshake),
        STATEFUL_TEST(a_handle_of_another_length_is_a_full_handshake),
        STATEFUL_TEST(a_wrong_binder_is_fatal),
        STATEFUL_TEST(the_gate_judges_what_was_fetched),
        STATEFUL_TEST(a_session_that_was_revoked_is_gone),
        STATEFUL_TEST(a_session_that_expired_is_gone),
        STATEFUL_TEST(what_is_not_kept_has_no_ticket),
        STATEFUL_TEST(the_owner_may_take_its_time),
        STATEFUL_TEST(every_failing_call_fails_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
