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
static struct test_env ring_env;
static struct kt_ticket_ring *ring;
static struct kt_lifetime life[2];
static struct kt_rehandshake_policy policy[2];
static enum kt_client_auth client_auth;

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
    struct kt_resumption r = kt_resumption_default();

    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
    assert_null(kt_builder_lifetime(b, &life[role]));
    assert_null(kt_builder_rehandshake(b, &policy[role]));
    r.ring = ring;
    r.tickets = 1;
    assert_null(kt_builder_resumption(b, &r));
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

/* ---- who may ---- */

static void a_refused_wish_leaves_the_connection_as_it_was(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        enum kt_role who = (enum kt_role)i;

        usual();
        policy[1 - i].peer = KT_REHANDSHAKE_REFUSED;
        connect_with(&plain);
        assert_null(kt_conn_rehandshake(loop_conn(&l, who), KT_RESUME));
        loop_run(&l);
        assert_int_equal(seen[i].refused, 1);
        assert_int_equal(seen[1 - i].denied, 1);
        assert_int_equal(seen[i].done + seen[1 - i].done, 0);
        assert_int_equal(kt_conn_pending_rekey(loop_conn(&l, who)), KT_PENDING_NONE);
        expect_keys(0);
        transfer();
        loop_close(&l);
    }
}

static void a_refusal_is_fatal_where_the_policy_says_so(void **user)
{
    (void)user;
    usual();
    policy[KT_SERVER].peer = KT_REHANDSHAKE_REFUSED;
    policy[KT_CLIENT].must_succeed = true;
    connect_with(&plain);
    assert_null(kt_conn_rehandshake(l.client, KT_RESUME));
    loop_run(&l);
    loop_assert_failed(l.client, REHANDSHAKE_REFUSED, CLOSE_NOTIFY);
    loop_close(&l);
}

static void usage_says_what_cannot_be(void **user)
{
    (void)user;
    usual();
    policy[KT_CLIENT].own = false;
    connect_with(&plain);
    assert_int_equal(kt_conn_rehandshake(l.client, KT_RESUME)->reason, KT_REASON_USAGE_REHANDSHAKE);
    assert_int_equal(kt_conn_rekey(l.client, KT_REKEY_BOTH)->reason, KT_REASON_USAGE_STATE);
    assert_int_equal(kt_conn_rehandshake(l.server, (enum kt_rehandshake)7)->reason, KT_REASON_USAGE_ARGUMENT);
    l.server->hs.kept12.extended_secret = false;
    assert_int_equal(kt_conn_rehandshake(l.server, KT_RESUME)->reason, KT_REASON_USAGE_REHANDSHAKE);
    l.server->hs.kept12.extended_secret = true;
    l.server->hs.kept12.secure = false;
    assert_int_equal(kt_conn_rehandshake(l.server, KT_RESUME)->reason, KT_REASON_USAGE_REHANDSHAKE);
    assert_null(kt_conn_close(l.client));
    assert_int_equal(kt_conn_rehandshake(l.client, KT_RESUME)->reason, KT_REASON_USAGE_AFTER_CLOSE);
    loop_run(&l);
    assert_int_equal(kt_conn_rehandshake(l.server, KT_RESUME)->reason, KT_REASON_USAGE_AFTER_CLOSE);
    loop_close(&l);
    loop_open(&l, &(struct loop_setup){.observer = watch});
    assert_int_equal(kt_conn_rehandshake(l.client, KT_RESUME)->reason, KT_REASON_USAGE_STATE);
    loop_handshake(&l);
    assert_int_equal(kt_conn_rehandshake(l.client, KT_RESUME)->reason, KT_REASON_USAGE_STATE);
    loop_close(&l);
}

static void the_peers_budget_is_for_the_whole_connection(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        enum kt_role who = (enum kt_role)i;

        usual();
        policy[1 - i].peer_budget = 3;
        connect_with(&plain);
        for (int n = 0; n < 5; n++) {
            assert_null(kt_conn_rehandshake(loop_conn(&l, who), KT_RESUME));
            loop_run(&l);
            transfer();
        }
        assert_int_equal(seen[i].done, 3);
        assert_int_equal(seen[i].refused, 2);
        /* Ours draw on no budget of the peer's. */
        if (who == KT_CLIENT) {
            assert_null(kt_conn_rehandshake(l.server, KT_RESUME));
            loop_run(&l);
            assert_int_equal(seen[i].done, 4);
        }
        loop_close(&l);
    }
}

/* ---- traps ---- */

static void say(struct kt_conn *conn, struct kt_span message)
{
    size_t taken;

    assert_null(kt_tx_handshake(&conn->tx, message, &taken));
    assert_int_equal(taken, message.len);
    assert_null(kt_tx_finish_record(&conn->tx));
}

static const uint8_t hello_request[] = {KT_MSG_HELLO_REQUEST, 0, 0, 0};

/* A whole plain ClientHello of a first handshake, with its record header. */
static uint8_t stranger[4096];
static size_t stranger_len;

static void meet_a_stranger(void)
{
    struct kt_conn_options options = {.server_name = KT_SPAN_TEXT("server.example")};
    struct kt_conn *other;
    const uint8_t *out;

    assert_null(kt_conn_new(l.client_config, &options, &other));
    out = kt_conn_out(other, &stranger_len);
    assert_in_range(stranger_len, 10, sizeof stranger);
    memcpy(stranger, out, stranger_len);
    kt_conn_free(other);
}

static void cve_2009_3555_no_prefix_is_put_before_the_handshake_of_another(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    meet_a_stranger();
    say(l.client, kt_span_of(stranger + 5, stranger_len - 5));
    loop_run(&l);
    loop_assert_failed(l.server, RENEGOTIATION_INFO_WRONG, HANDSHAKE_FAILURE);
    assert_int_equal(seen[KT_SERVER].done, 0);
    loop_close(&l);
}

static void each_finished_ties_the_next_handshake(void **user)
{
    (void)user;
    for (int i = 0; i < 3; i++) {
        usual();
        connect_with(&plain);
        if (i == 0) {
            l.server->hs.kept12.client_finished[11] ^= 1; /* what the server expects of the hello */
        } else if (i == 1) {
            l.server->hs.kept12.server_finished[0] ^= 1; /* what the client expects of the answer */
        } else {
            l.client->hs.kept12.server_finished[11] ^= 1;
        }
        assert_null(kt_conn_rehandshake(l.client, KT_RESUME));
        loop_run(&l);
        loop_assert_failed(i == 0 ? l.server : l.client, RENEGOTIATION_INFO_WRONG, HANDSHAKE_FAILURE);
        loop_close(&l);
    }
}

static void triple_handshake_no_rehandshake_without_extended_secret(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    l.server->hs.kept12.extended_secret = false;
    assert_null(kt_conn_rehandshake(l.client, KT_FULL));
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].denied, 1);
    assert_int_equal(seen[KT_CLIENT].refused, 1);
    transfer();
    loop_close(&l);
}

static void cve_2011_1473_wishes_without_end_are_a_flood(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        struct kt_conn *asked;

        usual();
        policy[0].peer = policy[1].peer = KT_REHANDSHAKE_REFUSED;
        connect_with(&plain);
        meet_a_stranger();
        asked = loop_conn(&l, (enum kt_role)(1 - i));
        for (int n = 0; n < 34 && kt_conn_fault(asked) == NULL; n++) {
            if (i == KT_CLIENT) {
                say(l.client, kt_span_of(stranger + 5, stranger_len - 5));
            } else {
                say(l.server, kt_span_of(hello_request, sizeof hello_request));
            }
            loop_run(&l);
        }
        loop_assert_failed(asked, REHANDSHAKE_FLOOD, NO_RENEGOTIATION);
        loop_close(&l);
    }
}

static void the_version_cannot_go_down(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    l.client->hs.version = KT_TLS_1_1; /* what it offers */
    assert_null(kt_conn_rehandshake(l.client, KT_FULL));
    loop_run(&l);
    loop_assert_failed(l.server, REHANDSHAKE_CHANGED, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void the_name_cannot_change(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    l.client->hs.server_name.b[0] = 'x';
    assert_null(kt_conn_rehandshake(l.client, KT_FULL));
    loop_run(&l);
    loop_assert_failed(l.server, REHANDSHAKE_CHANGED, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void protocols(struct kt_builder *b, enum kt_role role)
{
    const struct kt_span names[] = {KT_SPAN_TEXT("h2")};

    common(b, role);
    assert_null(kt_builder_alpn(b, names, 1));
}

static void client_protocols(struct kt_builder *b)
{
    protocols(b, KT_CLIENT);
}

static void server_protocols(struct kt_builder *b)
{
    protocols(b, KT_SERVER);
}

static void the_protocol_cannot_change(void **user)
{
    const struct loop_setup setup = {.client = client_protocols, .server = server_protocols, .observer = watch};

    (void)user;
    for (int i = 0; i < 3; i++) {
        usual();
        connect_with(&setup);
        assert_int_equal(kt_conn_facts(l.client).alpn.len, 2);
        if (i > 0) {
            loop_conn(&l, i == 1 ? KT_SERVER : KT_CLIENT)->hs.alpn.b[0] = 'x';
        }
        assert_null(kt_conn_rehandshake(l.client, KT_FULL));
        loop_run(&l);
        if (i == 0) {
            expect_done(1, false);
        } else {
            loop_assert_failed(i == 1 ? l.server : l.client, REHANDSHAKE_CHANGED, ILLEGAL_PARAMETER);
        }
        loop_close(&l);
    }
}

static void the_certificate_cannot_be_swapped(void **user)
{
    (void)user;
    for (int i = 0; i < 4; i++) {
        bool pinned = i < 2;
        struct kt_conn *checks;

        usual();
        client_auth = KT_CLIENT_AUTH_REQUIRE;
        policy[0].same_peer = policy[1].same_peer = pinned;
        connect_with(&mutual);
        checks = loop_conn(&l, (enum kt_role)(i % 2));
        checks->hs.origin.peer[0] ^= 1; /* it remembers another */
        assert_null(kt_conn_rehandshake(l.client, KT_FULL));
        loop_run(&l);
        if (pinned) {
            loop_assert_failed(checks, REHANDSHAKE_PEER_CHANGED, ACCESS_DENIED);
        } else {
            expect_done(1, false);
        }
        loop_close(&l);
    }
}

static void a_session_of_somebody_else_is_not_resumed(void **user)
{
    (void)user;
    usual();
    client_auth = KT_CLIENT_AUTH_REQUIRE;
    connect_with(&mutual);
    l.server->hs.origin.peer[0] ^= 1;
    assert_null(kt_conn_rehandshake(l.client, KT_RESUME));
    loop_run(&l);
    loop_assert_failed(l.server, REHANDSHAKE_PEER_CHANGED, ACCESS_DENIED);
    assert_int_equal(seen[KT_SERVER].resumed, 0);
    loop_close(&l);
}

static void a_client_that_hides_its_certificate_later_is_refused(void **user)
{
    (void)user;
    usual();
    client_auth = KT_CLIENT_AUTH_REQUEST;
    connect_with(&mutual);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    l.client->hs.config->credential_count = 0;
    assert_null(kt_conn_rehandshake(l.client, KT_FULL));
    loop_run(&l);
    l.client->hs.config->credential_count = 1;
    loop_assert_failed(l.server, REHANDSHAKE_PEER_CHANGED, ACCESS_DENIED);
    loop_close(&l);
}

static void data_is_held_from_our_hello_to_the_end_and_is_no_error(void **user)
{
    uint8_t some[100] = {0};
    size_t taken = 1;

    (void)user;
    for (int i = 0; i < 2; i++) {
        enum kt_role first = i == 0 ? KT_CLIENT : KT_SERVER;
        struct kt_conn *conn;
        unsigned rounds = 0;

        usual();
        connect_with(&plain);
        conn = loop_conn(&l, first);
        assert_null(kt_conn_rehandshake(l.client, i == 0 ? KT_FULL : KT_RESUME));
        while (!kt_conn_holds_data(conn)) {
            assert_true((kt_conn_status(conn) & KT_TAKES_DATA) != 0 || (kt_conn_status(conn) & KT_CAN_ANSWER) != 0);
            loop_flush(&l, KT_CLIENT);
            loop_deliver(&l, KT_SERVER);
            while (!kt_conn_holds_data(conn) && loop_answer(&l, l.server)) {
            }
            loop_flush(&l, KT_SERVER);
            if (!kt_conn_holds_data(conn)) {
                loop_deliver(&l, KT_CLIENT);
                while (loop_answer(&l, l.client)) {
                }
            }
            assert_true(++rounds < 20);
        }
        assert_false((kt_conn_status(conn) & KT_TAKES_DATA) != 0);
        assert_null(kt_conn_send(conn, some, sizeof some, &taken));
        assert_int_equal(taken, 0);
        assert_null(kt_conn_write(conn, &taken));
        assert_null(kt_conn_fault(conn));
        loop_run(&l);
        expect_done(1, i == 1);
        transfer();
        loop_close(&l);
    }
}

static void hello_request_and_client_hello_may_cross(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    assert_null(kt_conn_rehandshake(l.client, KT_RESUME));
    assert_null(kt_conn_rehandshake(l.server, KT_RESUME));
    loop_flush(&l, KT_CLIENT);
    loop_flush(&l, KT_SERVER);
    loop_run(&l);
    expect_done(1, true);
    assert_int_equal(seen[KT_CLIENT].hellos, 1);
    assert_int_equal(seen[KT_SERVER].hello_requests, 1);
    transfer();
    loop_close(&l);
}

static void wishes_before_it_is_done_are_one(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    for (int i = 0; i < 1000; i++) {
        assert_null(kt_conn_rehandshake(l.server, KT_RESUME));
        (void)kt_conn_out(l.server, &(size_t){0});
    }
    loop_run(&l);
    expect_done(1, true);
    assert_int_equal(seen[KT_SERVER].hello_requests, 1);
    loop_close(&l);
}

static void a_change_of_keys_out_of_nothing_is_refused(void **user)
{
    static const uint8_t ccs[] = {1};

    (void)user;
    usual();
    connect_with(&plain);
    (void)ccs;
    /* The same keys again, by a change_cipher_spec that nobody announced. */
    assert_null(kt_conn_rehandshake_check_data(l.server));
    assert_null(kt_tx_change(&l.client->tx, l.client->tx.suite, &(struct kt_keys12){.version = KT_TLS_1_2},
                             KT_BIRTH_CALLER, 0));
    loop_run(&l);
    loop_assert_failed(l.server, CCS_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    loop_close(&l);
}

/* ---- ends in the middle ---- */

static void closing_during_a_rehandshake_is_a_clean_end(void **user)
{
    (void)user;
    for (int closer = 0; closer < 2; closer++) {
        for (unsigned step = 0; step < 12; step++) {
            unsigned moved = 0;

            usual();
            connect_with(&plain);
            assert_null(kt_conn_rehandshake(l.client, step % 2 == 0 ? KT_FULL : KT_RESUME));
            while (moved++ < step / 2) {
                loop_flush(&l, KT_CLIENT);
                loop_deliver(&l, KT_SERVER);
                (void)loop_answer(&l, l.server);
                loop_flush(&l, KT_SERVER);
                loop_deliver(&l, KT_CLIENT);
                (void)loop_answer(&l, l.client);
            }
            assert_null(kt_conn_close(loop_conn(&l, (enum kt_role)closer)));
            loop_run(&l);
            assert_null(kt_conn_fault(l.client));
            assert_null(kt_conn_fault(l.server));
            assert_true((kt_conn_status(loop_conn(&l, (enum kt_role)(1 - closer))) & KT_IN_CLOSED) != 0);
            assert_null(kt_conn_close(loop_conn(&l, (enum kt_role)(1 - closer))));
            loop_run(&l);
            assert_null(kt_conn_fault(l.client));
            assert_null(kt_conn_fault(l.server));
            assert_true((kt_conn_status(loop_conn(&l, (enum kt_role)closer)) & KT_IN_CLOSED) != 0);
            loop_close(&l);
        }
    }
}

static void a_fatal_alert_in_the_middle_ends_it(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    assert_null(kt_conn_rehandshake(l.client, KT_FULL));
    loop_flush(&l, KT_CLIENT);
    assert_null(kt_tx_alert(&l.server->tx, 2, KT_ALERT_HANDSHAKE_FAILURE));
    loop_flush(&l, KT_SERVER);
    loop_deliver(&l, KT_CLIENT);
    loop_assert_failed(l.client, ALERT_RECEIVED, CLOSE_NOTIFY);
    assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_HANDSHAKE_FAILURE);
    loop_close(&l);
}

static void a_refused_certificate_ends_it(void **user)
{
    (void)user;
    usual();
    connect_with(&plain);
    l.refuse_peer = true;
    assert_null(kt_conn_rehandshake(l.client, KT_FULL));
    loop_run(&l);
    assert_non_null(kt_conn_fault(l.client));
    assert_non_null(kt_conn_fault(l.server));
    loop_close(&l);
}

static void a_peer_that_never_answers_is_left(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        struct kt_conn *conn;

        usual();
        connect_with(&plain);
        conn = loop_conn(&l, (enum kt_role)i);
        assert_null(kt_conn_rehandshake(conn, KT_RESUME));
        assert_null(kt_conn_tick(conn));
        assert_int_equal(kt_conn_deadline(conn), l.env.now_ms + 60000);
        l.env.now_ms += 60000;
        if (i == KT_CLIENT) {
            assert_non_null(kt_conn_tick(conn));
            loop_assert_failed(conn, LIFETIME_NO_ANSWER, CLOSE_NOTIFY);
        } else {
            assert_null(kt_conn_tick(conn));
            assert_int_equal(seen[i].refused, 1); /* a client may pass over HelloRequest */
        }
        loop_close(&l);
    }
}

/* ---- the key-lifetime contract ---- */

static void keys_change_before_their_limits(void **user)
{
    (void)user;
    for (int i = 0; i < 4; i++) {
        enum kt_role who = (enum kt_role)(i / 2);
        bool sends = i % 2 == 0;

        usual();
        if (sends) {
            life[who].sending.max_records = 80;
        } else {
            life[who].receiving.max_records = 80;
        }
        connect_with(&plain);
        for (int n = 0; n < 400; n++) {
            loop_transfer(&l, sends ? who : (enum kt_role)(1 - who), 10);
            loop_run(&l);
            assert_true(epoch(who, sends ? KT_SENDING : KT_RECEIVING).records <= 82);
        }
        assert_in_range(seen[who].done, 4, 6);
        assert_int_equal(seen[who].resumed, seen[who].done);
        assert_int_equal(seen[who].birth[KT_SENDING], KT_BIRTH_RECORDS);
        assert_null(kt_conn_fault(l.client));
        loop_close(&l);
    }
}

static void keys_change_by_time_also_when_nobody_speaks(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        struct kt_conn *conn;

        usual();
        life[i].sending.max_seconds = 800;
        connect_with(&plain);
        conn = loop_conn(&l, (enum kt_role)i);
        assert_int_equal(kt_conn_deadline(conn), l.env.now_ms + 700000);
        l.env.now_ms += 700000;
        assert_null(kt_conn_tick(conn));
        loop_run(&l);
        expect_done(1, true);
        assert_int_equal(seen[i].birth[KT_RECEIVING], KT_BIRTH_SECONDS);
        loop_close(&l);
    }
}

static void a_limit_is_never_passed(void **user)
{
    uint8_t byte = 1;
    size_t taken = 1;
    unsigned sent = 0;

    (void)user;
    usual();
    life[KT_CLIENT].sending.max_records = 16;
    connect_with(&plain);
    while (taken == 1) {
        assert_null(kt_conn_send(l.client, &byte, 1, &taken));
        sent += (unsigned)taken;
        assert_true(sent <= 16);
    }
    assert_in_range(sent, 12, 16);
    while (seen[KT_SERVER].done == 0) {
        loop_run(&l);
        assert_null(kt_conn_recv(l.server, &byte, 1, &taken));
        assert_true(taken == 1 || seen[KT_SERVER].done == 1);
    }
    loop_run(&l);
    expect_done(1, true);
    assert_null(kt_conn_send(l.client, &byte, 1, &taken));
    assert_int_equal(taken, 1);
    loop_close(&l);
}

static void a_peer_that_refuses_gets_a_clean_close_at_the_limit(void **user)
{
    uint8_t byte = 1;
    size_t taken = 1;

    (void)user;
    for (int i = 0; i < 2; i++) {
        struct kt_conn *conn;
        unsigned sent = 0;

        usual();
        life[i].sending.max_records = 80;
        policy[1 - i].peer = KT_REHANDSHAKE_REFUSED;
        connect_with(&plain);
        conn = loop_conn(&l, (enum kt_role)i);
        while (kt_conn_fault(conn) == NULL) {
            (void)!kt_conn_send(conn, &byte, 1, &taken);
            sent += (unsigned)taken;
            loop_run(&l);
            (void)!kt_conn_recv(loop_conn(&l, (enum kt_role)(1 - i)), &byte, 1, &taken);
            loop_run(&l);
            assert_true(sent <= 80);
        }
        assert_true(sent > 70);
        loop_assert_failed(conn, LIFETIME_NO_MEANS, CLOSE_NOTIFY);
        assert_int_equal(seen[i].refused, 1);
        assert_int_equal(seen[i].closes, 1);
        loop_close(&l);
    }
}

static void what_we_start_for_limits_keeps_its_distance(void **user)
{
    (void)user;
    usual();
    life[KT_CLIENT].sending.max_bytes = 80;
    life[KT_CLIENT].min_gap_ms = 1000;
    connect_with(&plain);
    loop_transfer(&l, KT_CLIENT, 75);
    loop_run(&l);
    expect_done(1, true);
    loop_transfer(&l, KT_CLIENT, 75);
    loop_run(&l);
    expect_done(1, true);
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 1000);
    l.env.now_ms += 1000;
    assert_null(kt_conn_tick(l.client));
    loop_run(&l);
    expect_done(2, true);
    loop_close(&l);
}

/* ---- storm ---- */

enum { STORM_BYTES = 4 << 20, WINDOW = 3000, PAGE = 1 << 16 };

static uint32_t dice = 1;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return dice % sides;
}

static uint8_t book[PAGE + 4096];
static uint64_t sent[2], received[2];

/* What stands at this position of the stream: the two directions differ. */
static const uint8_t *page(int role, uint64_t at)
{
    return book + (at + (uint64_t)role * 1000) % PAGE;
}

static void fill_book(void)
{
    for (size_t i = 0; i < sizeof book; i++) {
        book[i] = (uint8_t)((i % PAGE) * 2654435761u >> 13);
    }
    sent[0] = sent[1] = received[0] = received[1] = 0;
}

static void storm_send(int role, uint64_t most)
{
    size_t want = 1 + roll(4000);
    size_t taken;

    want = want < most - sent[role] ? want : (size_t)(most - sent[role]);
    assert_null(kt_conn_send(loop_conn(&l, (enum kt_role)role), page(role, sent[role]), want, &taken));
    sent[role] += taken;
}

static void storm_move(int from)
{
    struct kt_conn *sender = loop_conn(&l, (enum kt_role)from);
    struct kt_conn *to = loop_conn(&l, (enum kt_role)(1 - from));
    const uint8_t *out;
    uint8_t *in;
    size_t have, room, n;

    while (loop_answer(&l, to)) {
    }
    out = kt_conn_out(sender, &have);
    in = out == NULL ? NULL : kt_conn_in(to, &room);
    if (in == NULL) {
        return;
    }
    n = 1 + roll(WINDOW);
    n = n < have ? n : have;
    n = n < room ? n : room;
    memcpy(in, out, n);
    assert_null(kt_conn_out_done(sender, n));
    assert_null(kt_conn_in_done(to, n));
}

static void storm_receive(int to)
{
    struct kt_conn *conn = loop_conn(&l, (enum kt_role)to);
    const uint8_t *data;
    size_t len;

    while ((data = kt_conn_read(conn, &len)) != NULL) {
        size_t n = 1 + roll(2048);

        n = n < len ? n : len;
        for (size_t i = 0; i < n; i += 61) {
            assert_int_equal(data[i], *page(1 - to, received[to] + i));
        }
        assert_int_equal(data[n - 1], *page(1 - to, received[to] + n - 1));
        received[to] += n;
        assert_null(kt_conn_read_done(conn, n));
    }
}

static void storm_rehandshake(int role)
{
    if (roll(4) == 0) {
        assert_null(kt_conn_rehandshake(loop_conn(&l, (enum kt_role)role), roll(3) == 0 ? KT_FULL : KT_RESUME));
    }
}

/* Bytes that are alive when nothing is going on. */
static size_t at_rest(void)
{
    loop_run(&l);
    for (int i = 0; i < 2; i++) {
        storm_receive(i);
        kt_conn_rest(loop_conn(&l, (enum kt_role)i), KT_SENDING);
        kt_conn_rest(loop_conn(&l, (enum kt_role)i), KT_RECEIVING);
    }
    return l.env.live;
}

static void storm(uint64_t bytes)
{
    uint64_t still = 0;

    while (received[0] < bytes || received[1] < bytes) {
        uint64_t before = received[0] + received[1];
        int role = (int)roll(2);

        if (sent[role] < bytes) {
            storm_send(role, bytes);
            storm_rehandshake(role);
        }
        storm_move((int)roll(2));
        storm_move((int)roll(2));
        storm_receive((int)roll(2));
        still = before == received[0] + received[1] ? still + 1 : 0;
        assert_true(still < 3000); /* no deadlock */
    }
}

static void a_storm_of_rehandshakes_loses_no_byte(void **user)
{
    (void)user;
    usual();
    policy[0].peer_budget = policy[1].peer_budget = 65535;
    connect_with(&plain);
    fill_book();
    storm(STORM_BYTES);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(received[i], STORM_BYTES);
        assert_null(kt_conn_fault(loop_conn(&l, (enum kt_role)i)));
        assert_true(seen[i].done > 300);
        assert_true(seen[i].resumed > 50);
    }
    loop_close(&l);
}

static void ten_thousand_rehandshakes_leave_nothing_behind(void **user)
{
    size_t live;

    (void)user;
    usual();
    policy[0].peer_budget = policy[1].peer_budget = 65535;
    connect_with(&plain);
    for (unsigned i = 0; i < 4; i++) {
        assert_null(kt_conn_rehandshake(loop_conn(&l, (enum kt_role)(i % 2)), i < 2 ? KT_FULL : KT_RESUME));
        loop_run(&l);
    }
    live = at_rest();
    for (unsigned i = 0; i < 10000; i++) {
        assert_null(kt_conn_rehandshake(loop_conn(&l, (enum kt_role)(i % 2)), i % 8 == 0 ? KT_FULL : KT_RESUME));
        loop_run(&l);
    }
    assert_int_equal(at_rest(), live);
    expect_keys(10004);
    transfer();
    loop_close(&l);
}

static int make_ring(void **user)
{
    (void)user;
    test_env_init(&ring_env);
    return kt_ticket_ring_new(&ring_env.env, NULL, &ring) != NULL;
}

static int drop_ring(void **user)
{
    (void)user;
    kt_ticket_ring_unref(ring);
    return ring_env.live != 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_side_begins_each_kind),
        cmocka_unit_test(the_certificate_of_a_client_is_asked_for_only_then),
        cmocka_unit_test(a_refused_wish_leaves_the_connection_as_it_was),
        cmocka_unit_test(a_refusal_is_fatal_where_the_policy_says_so),
        cmocka_unit_test(usage_says_what_cannot_be),
        cmocka_unit_test(the_peers_budget_is_for_the_whole_connection),
        cmocka_unit_test(cve_2009_3555_no_prefix_is_put_before_the_handshake_of_another),
        cmocka_unit_test(each_finished_ties_the_next_handshake),
        cmocka_unit_test(triple_handshake_no_rehandshake_without_extended_secret),
        cmocka_unit_test(cve_2011_1473_wishes_without_end_are_a_flood),
        cmocka_unit_test(the_version_cannot_go_down),
        cmocka_unit_test(the_name_cannot_change),
        cmocka_unit_test(the_protocol_cannot_change),
        cmocka_unit_test(the_certificate_cannot_be_swapped),
        cmocka_unit_test(a_session_of_somebody_else_is_not_resumed),
        cmocka_unit_test(a_client_that_hides_its_certificate_later_is_refused),
        cmocka_unit_test(data_is_held_from_our_hello_to_the_end_and_is_no_error),
        cmocka_unit_test(hello_request_and_client_hello_may_cross),
        cmocka_unit_test(wishes_before_it_is_done_are_one),
        cmocka_unit_test(a_change_of_keys_out_of_nothing_is_refused),
        cmocka_unit_test(closing_during_a_rehandshake_is_a_clean_end),
        cmocka_unit_test(a_fatal_alert_in_the_middle_ends_it),
        cmocka_unit_test(a_refused_certificate_ends_it),
        cmocka_unit_test(a_peer_that_never_answers_is_left),
        cmocka_unit_test(keys_change_before_their_limits),
        cmocka_unit_test(keys_change_by_time_also_when_nobody_speaks),
        cmocka_unit_test(a_limit_is_never_passed),
        cmocka_unit_test(a_peer_that_refuses_gets_a_clean_close_at_the_limit),
        cmocka_unit_test(what_we_start_for_limits_keeps_its_distance),
        cmocka_unit_test(a_storm_of_rehandshakes_loses_no_byte),
        cmocka_unit_test(ten_thousand_rehandshakes_leave_nothing_behind),
    };

    return cmocka_run_group_tests(tests, make_ring, drop_ring);
}
