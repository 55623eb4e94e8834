/* Further handshakes on a connection of TLS 1.2: who begins, what stays, what is refused, and that no byte is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "hs/rehandshake12.h"
#include "support/loop.h"

static struct loop l;
static struct kt_lifetime life[2];
static struct kt_rehandshake_policy policy[2];
static enum kt_client_auth client_auth;
static bool no_ems;

static struct {
    unsigned begun, done, resumed, denied, refused, closes, hello_requests, hellos;
    unsigned epochs[2];
    enum kt_birth birth[2];
} seen[2];

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    int role = conn == l.client ? KT_CLIENT : KT_SERVER;

    (void)user;
    if (notice->kind == KT_NOTICE_EPOCH) {
        seen[role].epochs[notice->direction]++;
        seen[role].birth[notice->direction] = notice->u.epoch.birth;
    } else if (notice->kind == KT_NOTICE_MESSAGE && notice->direction == KT_SENDING) {
        seen[role].hello_requests += notice->u.message.type == KT_MSG_HELLO_REQUEST;
        seen[role].hellos += notice->u.message.type == KT_MSG_CLIENT_HELLO;
    } else if (notice->kind == KT_NOTICE_ALERT && notice->direction == KT_SENDING &&
               notice->u.alert.description == KT_ALERT_CLOSE_NOTIFY) {
        seen[role].closes++;
    } else if (notice->kind == KT_NOTICE_REHANDSHAKE) {
        seen[role].begun += notice->u.rehandshake.event == KT_REHANDSHAKE_BEGUN;
        seen[role].done += notice->u.rehandshake.event == KT_REHANDSHAKE_DONE;
        seen[role].resumed += notice->u.rehandshake.resumed;
        seen[role].denied += notice->u.rehandshake.event == KT_REHANDSHAKE_DENIED;
        seen[role].refused += notice->u.rehandshake.event == KT_REHANDSHAKE_REFUSED_BY_PEER;
    }
}

static void common(struct kt_builder *b, enum kt_role role)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
    assert_null(kt_builder_lifetime(b, &life[role]));
    assert_null(kt_builder_rehandshake(b, &policy[role]));
}

static void client(struct kt_builder *b)
{
    common(b, KT_CLIENT);
}

static void server(struct kt_builder *b)
{
    common(b, KT_SERVER);
    kt_builder_client_auth(b, client_auth);
}

static const struct loop_setup plain = {.client = client, .server = server, .observer = watch};
static const struct loop_setup mutual = {
    .client = client, .server = server, .observer = watch, .client_credential = true};

/* Everything allowed, no pace, no limits. */
static void usual(void)
{
    memset(seen, 0, sizeof seen);
    client_auth = KT_CLIENT_AUTH_NONE;
    no_ems = false;
    for (int i = 0; i < 2; i++) {
        life[i] = (struct kt_lifetime){.answer_seconds = 60, .peer_budget = 32};
        policy[i] = kt_rehandshake_default();
        policy[i].peer = KT_REHANDSHAKE_ALLOWED;
    }
}

static void connect_with(const struct loop_setup *setup)
{
    loop_open(&l, setup);
    loop_handshake(&l);
    memset(seen, 0, sizeof seen);
}

static void transfer(void)
{
    loop_transfer(&l, KT_CLIENT, 40000);
    loop_transfer(&l, KT_SERVER, 40000);
}

static struct kt_epoch_info epoch(enum kt_role role, enum kt_direction direction)
{
    return kt_conn_epoch(loop_conn(&l, role), direction);
}

static void expect_keys(uint64_t number)
{
    for (int i = 0; i < 4; i++) {
        assert_int_equal(epoch((enum kt_role)(i / 2), (enum kt_direction)(i % 2)).number, number);
    }
}

static void expect_done(unsigned count, bool resumed)
{
    for (int i = 0; i < 2; i++) {
        assert_null(kt_conn_fault(loop_conn(&l, (enum kt_role)i)));
        assert_int_equal(seen[i].done, count);
        assert_int_equal(seen[i].resumed, resumed ? count : 0);
        assert_int_equal(kt_conn_pending_rekey(loop_conn(&l, (enum kt_role)i)), KT_PENDING_NONE);
        assert_int_equal(kt_conn_facts(loop_conn(&l, (enum kt_role)i)).resumed, resumed);
    }
    expect_keys(count);
}

/* ---- who begins, and how ---- */

static void each_side_begins_each_kind(void **user)
{
    (void)user;
    for (int i = 0; i < 4; i++) {
        enum kt_role who = (enum kt_role)(i / 2);
        enum kt_rehandshake kind = i % 2 == 0 ? KT_RESUME : KT_FULL;

        usual();
        connect_with(&plain);
        transfer();
        assert_null(kt_conn_rehandshake(loop_conn(&l, who), kind));
        assert_int_equal(kt_conn_pending_rekey(loop_conn(&l, who)), KT_PENDING_REHANDSHAKE);
        loop_run(&l);
        expect_done(1, kind == KT_RESUME);
        assert_int_equal(seen[who].begun, 1);
        assert_int_equal(seen[1 - who].begun, who == KT_SERVER);
        assert_int_equal(seen[who].birth[KT_SENDING], KT_BIRTH_CALLER);
        transfer();
        loop_close(&l);
    }
}

static void the_certificate_of_a_client_is_asked_for_only_then(void **user)
{
    (void)user;
    usual();
    policy[KT_SERVER].client_auth = KT_CLIENT_AUTH_REQUIRE;
    connect_with(&mutual);
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    /* The session of a client that showed nothing is none now. */
    assert_null(kt_conn_rehandshake(l.server, KT_RESUME));
    loop_run(&l);
    expect_done(1, false);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    assert_null(kt_conn_rehandshake(l.server, KT_RESUME));
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].done, 2);
    assert_int_equal(seen[KT_SERVER].resumed, 1);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    transfer();
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_side_begins_each_kind),
        cmocka_unit_test(the_certificate_of_a_client_is_asked_for_only_then),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
