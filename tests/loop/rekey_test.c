/* The key-lifetime contract between two connections: when keys change, why, and what never happens. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;
static struct kt_lifetime life[2];

/* What the observer saw of each side. */
static struct {
    unsigned epochs[2]; /* by direction */
    enum kt_birth birth[2];
    unsigned updates, requests; /* sent */
    unsigned closes;            /* close_notify sent */
    bool asked;
    bool asked_twice;
} seen[2];

static void watch_message(int role, enum kt_direction direction, struct kt_span body)
{
    if (body.p[0] != KT_MSG_KEY_UPDATE) {
        return;
    }
    if (direction == KT_RECEIVING) {
        seen[role].asked = false;
        return;
    }
    seen[role].updates++;
    if (body.p[4] == 1) {
        seen[role].requests++;
        seen[role].asked_twice |= seen[role].asked;
        seen[role].asked = true;
    }
}

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    int role = conn == l.client ? KT_CLIENT : KT_SERVER;

    (void)user;
    if (notice->kind == KT_NOTICE_EPOCH) {
        seen[role].epochs[notice->direction]++;
        seen[role].birth[notice->direction] = notice->u.epoch.birth;
    } else if (notice->kind == KT_NOTICE_MESSAGE) {
        watch_message(role, notice->direction, notice->u.message.body);
    } else if (notice->kind == KT_NOTICE_ALERT && notice->direction == KT_SENDING &&
               notice->u.alert.description == KT_ALERT_CLOSE_NOTIFY) {
        seen[role].closes++;
    }
}

static void client_life(struct kt_builder *b)
{
    assert_null(kt_builder_lifetime(b, &life[KT_CLIENT]));
}

static void server_life(struct kt_builder *b)
{
    assert_null(kt_builder_lifetime(b, &life[KT_SERVER]));
}

static const struct loop_setup setup = {.client = client_life, .server = server_life, .observer = watch};

/* Without pace and limits but those a test sets. */
static void lifetimes(void)
{
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < 2; i++) {
        life[i] = (struct kt_lifetime){.answer_seconds = 60, .peer_budget = 32};
    }
}

static void connect_both(void)
{
    loop_open(&l, &setup);
    loop_handshake(&l);
}

static void connect_tapped(void)
{
    tap_open(&tap, &l, &setup);
    loop_handshake(&l);
}

static void end(void)
{
    assert_false(seen[KT_CLIENT].asked_twice);
    assert_false(seen[KT_SERVER].asked_twice);
    loop_close(&l);
}

static void end_tapped(void)
{
    assert_false(seen[KT_CLIENT].asked_twice);
    assert_false(seen[KT_SERVER].asked_twice);
    tap_close(&tap);
}

static void send_records(enum kt_role from, unsigned count, size_t len)
{
    while (count-- > 0) {
        loop_transfer(&l, from, len);
    }
}

/* Reads what is there, to the end or to the fault. */
static void read_all(struct kt_conn *conn)
{
    uint8_t block[256];
    size_t got = 1;

    while (got > 0 && kt_conn_recv(conn, block, sizeof block, &got) == NULL) {
    }
}

static struct kt_epoch_info epoch(enum kt_role role, enum kt_direction direction)
{
    return kt_conn_epoch(loop_conn(&l, role), direction);
}

#define assert_epoch(role, direction, want_number, want_birth)                                                         \
    do {                                                                                                               \
        assert_int_equal(epoch(role, direction).number, want_number);                                                  \
        assert_string_equal(kt_birth_name(epoch(role, direction).birth), kt_birth_name(want_birth));                   \
    } while (0)

/* ---- each trigger ---- */

static void an_epoch_counts_what_passes_under_it(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_epoch(KT_CLIENT, KT_SENDING, 0, KT_BIRTH_INITIAL);
    send_records(KT_CLIENT, 3, 100);
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).records, 3);
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).bytes, 300);
    assert_int_equal(epoch(KT_SERVER, KT_RECEIVING).records, 3);
    assert_int_equal(epoch(KT_SERVER, KT_RECEIVING).bytes, 300);
    assert_int_equal(epoch(KT_SERVER, KT_SENDING).records, 0);
    end();
}

static void the_sending_key_changes_after_its_records(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].sending.max_records = 5;
    connect_both();
    send_records(KT_CLIENT, 5, 10);
    loop_run(&l);
    assert_epoch(KT_CLIENT, KT_SENDING, 1, KT_BIRTH_RECORDS);
    assert_epoch(KT_SERVER, KT_RECEIVING, 1, KT_BIRTH_PEER);
    assert_epoch(KT_SERVER, KT_SENDING, 0, KT_BIRTH_INITIAL);
    send_records(KT_CLIENT, 50, 10);
    assert_true(epoch(KT_CLIENT, KT_SENDING).number >= 10);
    end();
}

static void the_sending_key_changes_after_its_bytes(void **user)
{
    (void)user;
    lifetimes();
    life[KT_SERVER].sending.max_bytes = 1000;
    connect_both();
    send_records(KT_SERVER, 1, 999);
    loop_run(&l);
    assert_epoch(KT_SERVER, KT_SENDING, 0, KT_BIRTH_INITIAL);
    send_records(KT_SERVER, 1, 1);
    loop_run(&l);
    assert_epoch(KT_SERVER, KT_SENDING, 1, KT_BIRTH_BYTES);
    assert_epoch(KT_CLIENT, KT_RECEIVING, 1, KT_BIRTH_PEER);
    end();
}

static void the_sending_key_of_an_idle_connection_changes_after_its_seconds(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].sending.max_seconds = 100;
    connect_both();
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 100000);
    l.env.now_ms += 99999;
    assert_null(kt_conn_tick(l.client));
    loop_run(&l);
    assert_epoch(KT_CLIENT, KT_SENDING, 0, KT_BIRTH_INITIAL);
    l.env.now_ms += 1;
    assert_null(kt_conn_tick(l.client));
    loop_run(&l);
    assert_epoch(KT_CLIENT, KT_SENDING, 1, KT_BIRTH_SECONDS);
    assert_epoch(KT_SERVER, KT_RECEIVING, 1, KT_BIRTH_PEER);
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 100000);
    end();
}

static void stand_before_the_aead_limit(struct kt_conn *conn)
{
    conn->tx.epoch.records = conn->tx.suite->aead->max_records - KT_AEAD_MARGIN - 1;
}

static void the_sending_key_changes_before_the_limit_of_its_aead(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].min_gap_ms = 1000000;
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_SEND));
    loop_run(&l);
    stand_before_the_aead_limit(l.client);
    send_records(KT_CLIENT, 1, 10);
    loop_run(&l);
    assert_epoch(KT_CLIENT, KT_SENDING, 2, KT_BIRTH_AEAD_LIMIT); /* does not wait for the pace */
    assert_epoch(KT_SERVER, KT_RECEIVING, 2, KT_BIRTH_PEER);
    end();
}

static void the_caller_changes_the_sending_key(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        lifetimes();
        connect_both();
        assert_null(kt_conn_rekey(loop_conn(&l, (enum kt_role)role), KT_REKEY_SEND));
        assert_int_equal(kt_conn_pending_rekey(loop_conn(&l, (enum kt_role)role)), KT_PENDING_SEND);
        loop_run(&l);
        assert_int_equal(kt_conn_pending_rekey(loop_conn(&l, (enum kt_role)role)), KT_PENDING_NONE);
        assert_epoch((enum kt_role)role, KT_SENDING, 1, KT_BIRTH_CALLER);
        assert_epoch((enum kt_role)role, KT_RECEIVING, 0, KT_BIRTH_INITIAL);
        assert_epoch((enum kt_role)(1 - role), KT_RECEIVING, 1, KT_BIRTH_PEER);
        end();
    }
}

static void the_caller_changes_both_keys(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        struct kt_conn *conn;

        lifetimes();
        connect_both();
        conn = loop_conn(&l, (enum kt_role)role);
        assert_null(kt_conn_rekey(conn, KT_REKEY_BOTH));
        assert_int_equal(kt_conn_pending_rekey(conn), KT_PENDING_SEND | KT_PENDING_ASK);
        loop_flush(&l, (enum kt_role)role);
        assert_int_equal(kt_conn_pending_rekey(conn), KT_PENDING_ANSWER);
        loop_run(&l);
        assert_int_equal(kt_conn_pending_rekey(conn), KT_PENDING_NONE);
        assert_epoch((enum kt_role)role, KT_SENDING, 1, KT_BIRTH_CALLER);
        assert_epoch((enum kt_role)role, KT_RECEIVING, 1, KT_BIRTH_CALLER);
        assert_epoch((enum kt_role)(1 - role), KT_SENDING, 1, KT_BIRTH_PEER);
        assert_epoch((enum kt_role)(1 - role), KT_RECEIVING, 1, KT_BIRTH_PEER);
        end();
    }
}

/* The client's limit for what it receives; the server sends. */
static void receive_until_asked(enum kt_birth why)
{
    send_records(KT_SERVER, 5, 200);
    loop_run(&l);
    assert_int_equal(seen[KT_CLIENT].requests, 1);
    assert_epoch(KT_CLIENT, KT_RECEIVING, 1, why);
    assert_epoch(KT_CLIENT, KT_SENDING, 1, why);
    assert_epoch(KT_SERVER, KT_SENDING, 1, KT_BIRTH_PEER);
}

static void the_peer_is_asked_after_its_records(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].receiving.max_records = 5;
    connect_both();
    receive_until_asked(KT_BIRTH_RECORDS);
    end();
}

static void the_peer_is_asked_after_its_bytes(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].receiving.max_bytes = 1000;
    connect_both();
    receive_until_asked(KT_BIRTH_BYTES);
    end();
}

static void the_peer_is_asked_at_seven_eighths_of_the_aead_limit(void **user)
{
    uint64_t max;

    (void)user;
    lifetimes();
    connect_both();
    max = l.client->rx.suite->aead->max_records;
    l.client->rx.epoch.records = max - max / 8 - 5;
    receive_until_asked(KT_BIRTH_AEAD_LIMIT);
    end();
}

static void an_idle_peer_is_asked_after_its_seconds(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].receiving.max_seconds = 30;
    connect_both();
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 30000);
    l.env.now_ms += 30000;
    assert_null(kt_conn_tick(l.client));
    loop_run(&l);
    assert_epoch(KT_CLIENT, KT_RECEIVING, 1, KT_BIRTH_SECONDS);
    assert_epoch(KT_SERVER, KT_SENDING, 1, KT_BIRTH_PEER);
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 30000);
    end();
}

/* ---- pace, deadline, tick ---- */

static void changes_we_start_keep_their_distance(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].sending.max_records = 1;
    life[KT_CLIENT].min_gap_ms = 1000;
    connect_both();
    send_records(KT_CLIENT, 100, 10);
    loop_run(&l);
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).number, 1);
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 1000);
    l.env.now_ms += 999;
    assert_null(kt_conn_tick(l.client));
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).number, 1);
    l.env.now_ms += 1;
    assert_null(kt_conn_tick(l.client));
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).number, 2);
    end();
}

static void requests_we_start_keep_their_distance(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].receiving.max_records = 1;
    life[KT_CLIENT].min_gap_ms = 1000;
    connect_both();
    send_records(KT_SERVER, 20, 10);
    loop_run(&l);
    assert_int_equal(seen[KT_CLIENT].requests, 1);
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 1000);
    l.env.now_ms += 1000;
    assert_null(kt_conn_tick(l.client));
    loop_run(&l);
    assert_int_equal(seen[KT_CLIENT].requests, 2);
    end();
}

static void answers_and_the_caller_do_not_wait_for_the_pace(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].min_gap_ms = life[KT_SERVER].min_gap_ms = 100000;
    connect_both();
    for (unsigned i = 1; i <= 10; i++) {
        assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
        loop_run(&l);
        assert_int_equal(epoch(KT_CLIENT, KT_SENDING).number, i);
        assert_int_equal(epoch(KT_SERVER, KT_SENDING).number, i);
    }
    end();
}

static void ticking_too_often_is_harmless(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].sending.max_seconds = 10;
    connect_both();
    for (int i = 0; i < 10000; i++) {
        assert_null(kt_conn_tick(l.client));
    }
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).number, 0);
    end();
}

static void without_limits_there_is_no_deadline(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_int_equal(kt_conn_deadline(l.client), UINT64_MAX);
    end();
}

/* Nothing to be done before output was drained must not make an owner spin. */
static void no_deadline_passes_while_there_is_no_room_for_an_update(void **user)
{
    size_t len;

    (void)user;
    lifetimes();
    life[KT_CLIENT].sending.max_seconds = 1;
    connect_both();
    for (int i = 0; i < 2000 && kt_conn_deadline(l.client) > l.env.now_ms; i++) {
        l.env.now_ms += 1000;
        assert_null(kt_conn_tick(l.client));
    }
    assert_int_equal(kt_conn_deadline(l.client), UINT64_MAX);
    assert_non_null(kt_conn_out(l.client, &len));
    assert_null(kt_conn_out_done(l.client, len));
    assert_true(kt_conn_deadline(l.client) <= l.env.now_ms + 1000);
    loop_close(&l);
}

/* ---- one request at a time ---- */

static void both_while_a_request_is_out_changes_our_key_now_and_asks_later(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    assert_int_equal(seen[KT_CLIENT].requests, 1);
    assert_int_equal(seen[KT_CLIENT].updates, 2);
    assert_epoch(KT_CLIENT, KT_SENDING, 2, KT_BIRTH_CALLER);
    assert_true((kt_conn_pending_rekey(l.client) & KT_PENDING_ASK) != 0);
    loop_run(&l);
    assert_int_equal(seen[KT_CLIENT].requests, 2);
    assert_epoch(KT_CLIENT, KT_SENDING, 3, KT_BIRTH_CALLER);
    assert_epoch(KT_CLIENT, KT_RECEIVING, 2, KT_BIRTH_CALLER);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_NONE);
    end();
}

static void requests_before_the_change_are_one(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    for (int i = 0; i < 100; i++) {
        assert_null(kt_conn_rekey(l.client, i % 2 == 0 ? KT_REKEY_BOTH : KT_REKEY_SEND));
    }
    loop_run(&l);
    assert_int_equal(seen[KT_CLIENT].updates, 1);
    assert_int_equal(seen[KT_SERVER].updates, 1);
    end();
}

static void requests_that_cross_are_both_answered_and_end(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    assert_null(kt_conn_rekey(l.server, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    loop_flush(&l, KT_SERVER);
    loop_run(&l);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(kt_conn_pending_rekey(loop_conn(&l, (enum kt_role)i)), KT_PENDING_NONE);
        assert_int_equal(seen[i].requests, 1);
        assert_int_equal(seen[i].updates, 2);
    }
    send_records(KT_CLIENT, 3, 1000);
    send_records(KT_SERVER, 3, 1000);
    end();
}

/* What the sending thread might do while the reading one is inside an update of the peer: its request is made just
 * then. */
static bool ask_inside;

static void watch_and_ask_inside(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    watch(user, conn, notice);
    if (ask_inside && conn == l.client && notice->kind == KT_NOTICE_EPOCH && notice->direction == KT_RECEIVING) {
        ask_inside = false;
        kt_link_set(&l.client->link, KT_LINK_ASKED);
        l.client->asked_ms = l.env.now_ms;
    }
}

static void an_update_that_crosses_a_request_is_not_its_answer(void **user)
{
    struct loop_setup crossing = setup;

    (void)user;
    lifetimes();
    crossing.observer = watch_and_ask_inside;
    loop_open(&l, &crossing);
    loop_handshake(&l);
    ask_inside = true;
    assert_null(kt_conn_rekey(l.server, KT_REKEY_SEND));
    loop_run(&l);
    assert_false(ask_inside);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_ANSWER);
    assert_null(kt_conn_rekey(l.server, KT_REKEY_SEND));
    loop_run(&l);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_NONE);
    end();
}

static void a_limit_while_a_request_is_out_does_not_ask_again(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].receiving.max_records = 1;
    connect_tapped();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    for (int i = 0; i < 20; i++) { /* the server has not seen the request yet */
        tap_inject(&tap, KT_SERVER, KT_CONTENT_DATA, (const uint8_t *)"x", 1);
    }
    for (int i = 0; i < 20; i++) {
        loop_deliver(&l, KT_CLIENT);
        read_all(l.client);
    }
    loop_flush(&l, KT_CLIENT);
    assert_int_equal(epoch(KT_CLIENT, KT_RECEIVING).records, 20);
    assert_int_equal(seen[KT_CLIENT].requests, 1);
    end_tapped();
}

/* ---- many updates at once ---- */

static const uint8_t update[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 0};
static const uint8_t ask[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 1};

static void two_updates_in_one_record_are_refused(void **user)
{
    uint8_t two[10];

    (void)user;
    lifetimes();
    connect_tapped();
    memcpy(two, update, 5);
    memcpy(two + 5, update, 5);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, two, sizeof two);
    loop_run(&l);
    loop_assert_failed(l.client, MESSAGE_NOT_LAST, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

/* Seals for the client without looking inside. */
static void inject_raw(const uint8_t *bytes, size_t len)
{
    struct loop_wire *wire = &l.down;
    size_t record_len;

    assert_null(kt_protection_seal(&tap.lane[KT_SERVER].seal, KT_CONTENT_HANDSHAKE, bytes, len, 0,
                                   wire->bytes + wire->len, &record_len));
    wire->len += record_len;
}

/* A dummy record first, so that the tap has the application key. */
static void prime(void)
{
    tap_inject(&tap, KT_SERVER, KT_CONTENT_DATA, (const uint8_t *)"x", 1);
}

static void the_beginning_of_a_message_behind_an_update_is_refused(void **user)
{
    static const uint8_t bytes[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 0, KT_MSG_KEY_UPDATE, 0};

    (void)user;
    lifetimes();
    connect_tapped();
    prime();
    inject_raw(bytes, sizeof bytes);
    loop_run(&l);
    read_all(l.client);
    loop_assert_failed(l.client, MESSAGE_NOT_LAST, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void an_update_may_span_two_records(void **user)
{
    (void)user;
    lifetimes();
    connect_tapped();
    prime();
    inject_raw(update, 2);
    inject_raw(update + 2, 3);
    loop_run(&l);
    read_all(l.client);
    assert_null(kt_conn_fault(l.client));
    assert_epoch(KT_CLIENT, KT_RECEIVING, 1, KT_BIRTH_PEER);
    end_tapped();
}

static void updates_without_data_are_a_flood(void **user)
{
    (void)user;
    lifetimes();
    connect_tapped();
    for (int i = 0; i < 32; i++) {
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
    }
    loop_run(&l);
    assert_null(kt_conn_fault(l.client));
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
    loop_run(&l);
    loop_assert_failed(l.client, KEY_UPDATE_FLOOD, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void data_gives_one_update_back_and_nothing_else_does(void **user)
{
    static const uint8_t cancel[] = {1, KT_ALERT_USER_CANCELED};

    (void)user;
    lifetimes();
    connect_tapped();
    for (int i = 0; i < 32; i++) {
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
    }
    for (int i = 0; i < 100; i++) {
        tap_inject(&tap, KT_SERVER, KT_CONTENT_DATA, (const uint8_t *)"x", 1);
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
        loop_run(&l);
        read_all(l.client);
    }
    assert_null(kt_conn_fault(l.client));
    tap_inject(&tap, KT_SERVER, KT_CONTENT_DATA, (const uint8_t *)"", 0);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_ALERT, cancel, sizeof cancel);
    loop_run(&l);
    assert_null(kt_conn_fault(l.client));
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
    loop_run(&l);
    loop_assert_failed(l.client, KEY_UPDATE_FLOOD, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void each_second_gives_one_update_back_but_none_in_advance(void **user)
{
    (void)user;
    lifetimes();
    connect_tapped();
    for (int i = 0; i < 100; i++) {
        l.env.now_ms += 1000;
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
        loop_run(&l);
        assert_null(kt_conn_fault(l.client));
    }
    l.env.now_ms += 1000000;
    for (int i = 0; i < 32; i++) {
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
    }
    loop_run(&l);
    assert_null(kt_conn_fault(l.client));
    l.env.now_ms += 999;
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, update, sizeof update);
    loop_run(&l);
    loop_assert_failed(l.client, KEY_UPDATE_FLOOD, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

/* An upload to a server whose limits are for what it receives. */
static void who_only_receives_may_ask_as_often_as_the_limit_is_reached(void **user)
{
    (void)user;
    lifetimes();
    life[KT_SERVER].receiving.max_records = 2;
    connect_both();
    send_records(KT_CLIENT, 300, 100);
    assert_true(kt_conn_epoch(l.client, KT_SENDING).number > 90);
    assert_true(kt_conn_epoch(l.client, KT_RECEIVING).number > 90);
    end();
}

static void answers_to_our_own_requests_cost_the_peer_nothing(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    for (int i = 0; i < 100; i++) {
        assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
        loop_run(&l);
        assert_null(kt_conn_fault(l.client));
        loop_transfer(&l, KT_CLIENT, 1); /* which the server needs: it did not ask */
    }
    end();
}

static void two_silent_ends_change_keys_for_years(void **user)
{
    (void)user;
    lifetimes();
    for (int i = 0; i < 2; i++) {
        life[i].sending.max_seconds = life[i].receiving.max_seconds = 7200;
    }
    connect_both();
    for (int i = 0; i < 1000; i++) {
        l.env.now_ms += 7200 * 1000;
        assert_null(kt_conn_tick(l.client));
        assert_null(kt_conn_tick(l.server));
        loop_run(&l);
    }
    assert_true(kt_conn_epoch(l.client, KT_SENDING).number >= 1000);
    assert_null(kt_conn_fault(l.server));
    end();
}

static void tickets_draw_on_the_same_budget(void **user)
{
    static const uint8_t ticket[] = {4, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0, 1, 1, 7, 0, 2, 't', 'k', 0, 0};

    (void)user;
    lifetimes();
    connect_tapped();
    for (int i = 0; i < 33; i++) {
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, ticket, sizeof ticket);
    }
    loop_run(&l);
    loop_assert_failed(l.client, NO_PROGRESS, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void ten_thousand_requests_get_one_answer(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].peer_budget = 65535;
    connect_tapped();
    for (int i = 0; i < 10000; i++) {
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, ask, sizeof ask);
        loop_deliver(&l, KT_CLIENT);
    }
    assert_int_equal(epoch(KT_CLIENT, KT_RECEIVING).number, 10000);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_SEND);
    loop_flush(&l, KT_CLIENT);
    assert_int_equal(seen[KT_CLIENT].updates, 1);
    assert_int_equal(seen[KT_CLIENT].requests, 0);
    assert_epoch(KT_CLIENT, KT_SENDING, 1, KT_BIRTH_PEER);
    end_tapped();
}

static void the_answer_comes_before_the_next_data(void **user)
{
    size_t taken;

    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.server, KT_REKEY_BOTH));
    loop_flush(&l, KT_SERVER);
    loop_deliver(&l, KT_CLIENT);
    assert_null(kt_conn_send(l.client, (const uint8_t *)"x", 1, &taken));
    assert_epoch(KT_CLIENT, KT_SENDING, 1, KT_BIRTH_PEER);
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).records, 1);
    end();
}

static void an_unknown_request_value_is_refused(void **user)
{
    static const uint8_t bytes[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 2};
    static const uint8_t longer[] = {KT_MSG_KEY_UPDATE, 0, 0, 2, 0, 0};

    (void)user;
    lifetimes();
    connect_tapped();
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, bytes, sizeof bytes);
    loop_run(&l);
    loop_assert_failed(l.client, KEY_UPDATE_REQUEST_UNKNOWN, ILLEGAL_PARAMETER);
    tap_close(&tap);
    connect_tapped();
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, longer, sizeof longer);
    loop_run(&l);
    loop_assert_failed(l.client, KEY_UPDATE_MALFORMED, DECODE_ERROR);
    tap_close(&tap);
}

/* ---- closing ---- */

static void a_change_owed_when_the_sender_closes_is_not_made(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    assert_int_equal(seen[KT_CLIENT].updates, 0);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_NONE);
    assert_true((kt_conn_status(l.server) & KT_IN_CLOSED) != 0);
    send_records(KT_SERVER, 3, 100);
    end();
}

static void after_our_close_a_change_is_refused(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_close(l.client));
    assert_int_equal(kt_conn_rekey(l.client, KT_REKEY_SEND)->reason, KT_REASON_USAGE_AFTER_CLOSE);
    assert_int_equal(kt_conn_deadline(l.client), UINT64_MAX);
    end();
}

static void after_our_close_requests_of_the_peer_are_read_and_not_answered(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    assert_null(kt_conn_rekey(l.server, KT_REKEY_BOTH));
    send_records(KT_SERVER, 2, 100);
    assert_epoch(KT_CLIENT, KT_RECEIVING, 1, KT_BIRTH_PEER);
    assert_int_equal(seen[KT_CLIENT].updates, 0);
    assert_null(kt_conn_fault(l.client));
    end();
}

static void after_the_peers_close_both_changes_our_key_and_asks_nobody(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].receiving.max_seconds = 10;
    connect_both();
    assert_null(kt_conn_close(l.server));
    loop_run(&l);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_run(&l);
    assert_epoch(KT_CLIENT, KT_SENDING, 1, KT_BIRTH_CALLER);
    assert_int_equal(seen[KT_CLIENT].requests, 0);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_NONE);
    assert_int_equal(kt_conn_deadline(l.client), UINT64_MAX);
    l.env.now_ms += 1000000;
    assert_null(kt_conn_tick(l.client));
    send_records(KT_CLIENT, 2, 100);
    end();
}

static void a_peer_that_closes_owes_no_answer(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    assert_null(kt_conn_close(l.server));
    loop_run(&l);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_NONE);
    l.env.now_ms += 1000000;
    assert_null(kt_conn_tick(l.client));
    send_records(KT_CLIENT, 2, 100);
    end();
}

static void a_peer_that_never_answers_gets_a_clean_close(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    assert_int_equal(kt_conn_deadline(l.client), l.env.now_ms + 60000);
    l.env.now_ms += 59999;
    assert_null(kt_conn_tick(l.client));
    l.env.now_ms += 1;
    assert_int_equal(kt_conn_tick(l.client)->reason, KT_REASON_LIFETIME_NO_ANSWER);
    loop_assert_failed(l.client, LIFETIME_NO_ANSWER, CLOSE_NOTIFY);
    assert_int_equal(seen[KT_CLIENT].closes, 1);
    loop_run(&l);
    assert_true((kt_conn_status(l.server) & KT_IN_CLOSED) != 0);
    assert_null(kt_conn_fault(l.server));
    end();
}

static void a_late_answer_is_noticed_by_whoever_drains_output_first(void **user)
{
    size_t len;

    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    l.env.now_ms += 60000;
    assert_non_null(kt_conn_out(l.client, &len)); /* the close, at once */
    loop_assert_failed(l.client, LIFETIME_NO_ANSWER, CLOSE_NOTIFY);
    assert_int_equal(seen[KT_CLIENT].closes, 1);
    end();
}

static void an_answer_in_time_stops_the_clock(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_run(&l);
    assert_int_equal(kt_conn_deadline(l.client), UINT64_MAX);
    l.env.now_ms += 1000000;
    assert_null(kt_conn_tick(l.client));
    end();
}

static void without_answer_seconds_the_peer_may_take_for_ever(void **user)
{
    (void)user;
    lifetimes();
    life[KT_CLIENT].answer_seconds = 0;
    connect_both();
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_flush(&l, KT_CLIENT);
    assert_int_equal(kt_conn_deadline(l.client), UINT64_MAX);
    l.env.now_ms += UINT64_C(1) << 40;
    assert_null(kt_conn_tick(l.client));
    end();
}

/* ---- boundaries ---- */

static void a_change_asked_for_while_output_is_full_is_made_at_the_next_boundary(void **user)
{
    static uint8_t block[65536];
    static uint8_t got[65536 * 2];
    size_t taken, total, n = 1;

    (void)user;
    lifetimes();
    connect_both();
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] = (uint8_t)(i * 7);
    }
    assert_null(kt_conn_send(l.client, block, sizeof block, &taken));
    assert_true(taken < sizeof block);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_SEND));
    assert_null(kt_conn_send(l.client, block + taken, sizeof block - taken, &n));
    taken += n;
    for (total = 0; total < sizeof block;) {
        loop_flush(&l, KT_CLIENT);
        loop_deliver(&l, KT_SERVER);
        assert_null(kt_conn_recv(l.server, got + total, sizeof got - total, &n));
        total += n;
        if (taken < sizeof block) {
            assert_null(kt_conn_send(l.client, block + taken, sizeof block - taken, &n));
            taken += n;
        }
    }
    assert_int_equal(total, sizeof block);
    assert_memory_equal(got, block, sizeof block);
    assert_epoch(KT_CLIENT, KT_SENDING, 1, KT_BIRTH_CALLER);
    end();
}

static void bytes_once_shown_do_not_change_when_keys_do(void **user)
{
    static uint8_t copy[KT_TX_BUFFER];
    const uint8_t *out;
    size_t len, again, taken;

    (void)user;
    lifetimes();
    connect_both();
    assert_null(kt_conn_send(l.client, (const uint8_t *)"before", 6, &taken));
    out = kt_conn_out(l.client, &len);
    memcpy(copy, out, len);
    assert_null(kt_conn_out_done(l.client, 3)); /* a write suspended inside a record */
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    assert_null(kt_conn_send(l.client, (const uint8_t *)"after", 5, &taken));
    out = kt_conn_out(l.client, &again);
    assert_true(again > len - 3);
    assert_memory_equal(out, copy + 3, len - 3);
    assert_epoch(KT_CLIENT, KT_SENDING, 1, KT_BIRTH_CALLER);
    end();
}

static void a_change_waits_while_memory_is_lent(void **user)
{
    uint8_t *room;
    size_t len;

    (void)user;
    lifetimes();
    connect_both();
    room = kt_conn_write(l.client, &len);
    memcpy(room, "data", 4);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_SEND));
    assert_null(kt_conn_tick(l.client));
    assert_null(kt_conn_out(l.client, &len));
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).number, 0);
    assert_null(kt_conn_write_done(l.client, 4));
    loop_run(&l);
    assert_int_equal(epoch(KT_CLIENT, KT_SENDING).number, 1);
    assert_null(kt_conn_fault(l.server));
    end();
}

/* ---- the last epoch ---- */

static void the_last_epoch_ignores_requests_of_the_peer(void **user)
{
    (void)user;
    lifetimes();
    life[KT_SERVER].answer_seconds = 0;
    connect_both();
    l.client->tx.epoch.number = KT_EPOCH_LAST;
    assert_null(kt_conn_rekey(l.server, KT_REKEY_BOTH));
    loop_run(&l);
    assert_null(kt_conn_fault(l.client));
    assert_int_equal(seen[KT_CLIENT].updates, 0);
    assert_epoch(KT_CLIENT, KT_RECEIVING, 1, KT_BIRTH_PEER);
    assert_int_equal(kt_conn_pending_rekey(l.client), KT_PENDING_NONE);
    send_records(KT_CLIENT, 3, 100);
    end();
}

static void beyond_the_last_epoch_a_limit_closes_cleanly(void **user)
{
    size_t taken;

    (void)user;
    lifetimes();
    life[KT_CLIENT].sending.max_records = 1;
    connect_both();
    l.client->tx.epoch.number = KT_EPOCH_LAST - 1;
    send_records(KT_CLIENT, 1, 10);
    loop_run(&l);
    assert_epoch(KT_CLIENT, KT_SENDING, KT_EPOCH_LAST, KT_BIRTH_RECORDS);
    send_records(KT_CLIENT, 1, 10);
    assert_int_equal(kt_conn_send(l.client, (const uint8_t *)"x", 1, &taken)->reason, KT_REASON_LIFETIME_EPOCHS_SPENT);
    loop_run(&l);
    loop_assert_failed(l.client, LIFETIME_EPOCHS_SPENT, CLOSE_NOTIFY);
    assert_int_equal(seen[KT_CLIENT].closes, 1);
    assert_true((kt_conn_status(l.server) & KT_IN_CLOSED) != 0);
    end();
}

static void beyond_the_last_epoch_a_request_of_the_caller_closes_cleanly(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    l.client->tx.epoch.number = KT_EPOCH_LAST;
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_run(&l);
    loop_assert_failed(l.client, LIFETIME_EPOCHS_SPENT, CLOSE_NOTIFY);
    assert_int_equal(seen[KT_CLIENT].updates, 0);
    assert_int_equal(seen[KT_CLIENT].closes, 1);
    end();
}

static void a_receiver_does_not_count_the_peers_epochs(void **user)
{
    (void)user;
    lifetimes();
    connect_both();
    l.client->rx.epoch.number = KT_EPOCH_LAST;
    assert_null(kt_conn_rekey(l.server, KT_REKEY_SEND));
    loop_run(&l);
    assert_int_equal(epoch(KT_CLIENT, KT_RECEIVING).number, KT_EPOCH_LAST + 1);
    end();
}

/* ---- storm ---- */

enum { STORM_BYTES = 64 << 20, STORM_CHANGES = 10000, WINDOW = 3000 };

static uint32_t dice = 1;

static uint32_t roll(uint32_t sides)
{
    dice ^= dice << 13;
    dice ^= dice >> 17;
    dice ^= dice << 5;
    return dice % sides;
}

static uint8_t book[(1 << 16) + 4096];
static uint64_t sent[2], received[2];

/* What stands at this position of the stream: the two directions differ. */
static const uint8_t *page(int role, uint64_t at)
{
    return book + (at + (uint64_t)role * 1000) % (1 << 16);
}

static void storm_send(int role)
{
    size_t want = 1 + roll(4000);
    size_t taken;

    if (want > STORM_BYTES - sent[role]) {
        want = (size_t)(STORM_BYTES - sent[role]);
    }
    assert_null(kt_conn_send(loop_conn(&l, (enum kt_role)role), page(role, sent[role]), want, &taken));
    sent[role] += taken;
}

static void storm_move(int from)
{
    struct kt_conn *to = loop_conn(&l, (enum kt_role)(1 - from));
    const uint8_t *out;
    uint8_t *in;
    size_t have, room, n;

    out = kt_conn_out(loop_conn(&l, (enum kt_role)from), &have);
    in = out == NULL ? NULL : kt_conn_in(to, &room);
    if (in == NULL) {
        return;
    }
    n = 1 + roll(WINDOW);
    n = n < have ? n : have;
    n = n < room ? n : room;
    memcpy(in, out, n);
    assert_null(kt_conn_out_done(loop_conn(&l, (enum kt_role)from), n));
    assert_null(kt_conn_in_done(to, n));
}

static void storm_receive(int to)
{
    struct kt_conn *conn = loop_conn(&l, (enum kt_role)to);
    size_t len;
    const uint8_t *data;

    while ((data = kt_conn_read(conn, &len)) != NULL) {
        size_t n = 1 + roll(2048);
        int from = 1 - to;

        n = n < len ? n : len;
        for (size_t i = 0; i < n; i += 61) {
            assert_int_equal(data[i], *page(from, received[to] + i));
        }
        assert_int_equal(data[n - 1], *page(from, received[to] + n - 1));
        received[to] += n;
        assert_null(kt_conn_read_done(conn, n));
    }
}

static void fill_book(void)
{
    for (size_t i = 0; i < sizeof book; i++) {
        book[i] = (uint8_t)((i % (1 << 16)) * 2654435761u >> 13);
    }
}

static void storm_rekey(int role)
{
    if (roll(3) == 0) {
        assert_null(kt_conn_rekey(loop_conn(&l, (enum kt_role)role), roll(2) == 0 ? KT_REKEY_BOTH : KT_REKEY_SEND));
    }
}

static void ten_thousand_changes_of_keys_lose_no_byte(void **user)
{
    uint64_t still = 0;

    (void)user;
    lifetimes();
    for (int i = 0; i < 2; i++) {
        life[i].sending.max_records = 7;
        life[i].receiving.max_bytes = 100000;
    }
    fill_book();
    sent[0] = sent[1] = received[0] = received[1] = 0;
    connect_both();
    while (received[0] < STORM_BYTES || received[1] < STORM_BYTES) {
        uint64_t before = received[0] + received[1];
        int role = (int)roll(2);

        if (sent[role] < STORM_BYTES) {
            storm_send(role);
            storm_rekey(role);
        }
        storm_move((int)roll(2));
        storm_move((int)roll(2));
        storm_receive((int)roll(2));
        l.env.now_ms += roll(2);
        still = before == received[0] + received[1] ? still + 1 : 0;
        assert_true(still < 1000); /* no deadlock */
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(received[i], STORM_BYTES);
        assert_null(kt_conn_fault(loop_conn(&l, (enum kt_role)i)));
        assert_true(epoch((enum kt_role)i, KT_SENDING).number >= STORM_CHANGES);
        assert_true(seen[i].requests > 100);
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_epoch_counts_what_passes_under_it),
        cmocka_unit_test(the_sending_key_changes_after_its_records),
        cmocka_unit_test(the_sending_key_changes_after_its_bytes),
        cmocka_unit_test(the_sending_key_of_an_idle_connection_changes_after_its_seconds),
        cmocka_unit_test(the_sending_key_changes_before_the_limit_of_its_aead),
        cmocka_unit_test(the_caller_changes_the_sending_key),
        cmocka_unit_test(the_caller_changes_both_keys),
        cmocka_unit_test(the_peer_is_asked_after_its_records),
        cmocka_unit_test(the_peer_is_asked_after_its_bytes),
        cmocka_unit_test(the_peer_is_asked_at_seven_eighths_of_the_aead_limit),
        cmocka_unit_test(an_idle_peer_is_asked_after_its_seconds),
        cmocka_unit_test(changes_we_start_keep_their_distance),
        cmocka_unit_test(requests_we_start_keep_their_distance),
        cmocka_unit_test(answers_and_the_caller_do_not_wait_for_the_pace),
        cmocka_unit_test(ticking_too_often_is_harmless),
        cmocka_unit_test(without_limits_there_is_no_deadline),
        cmocka_unit_test(no_deadline_passes_while_there_is_no_room_for_an_update),
        cmocka_unit_test(both_while_a_request_is_out_changes_our_key_now_and_asks_later),
        cmocka_unit_test(requests_before_the_change_are_one),
        cmocka_unit_test(requests_that_cross_are_both_answered_and_end),
        cmocka_unit_test(an_update_that_crosses_a_request_is_not_its_answer),
        cmocka_unit_test(a_limit_while_a_request_is_out_does_not_ask_again),
        cmocka_unit_test(two_updates_in_one_record_are_refused),
        cmocka_unit_test(the_beginning_of_a_message_behind_an_update_is_refused),
        cmocka_unit_test(an_update_may_span_two_records),
        cmocka_unit_test(updates_without_data_are_a_flood),
        cmocka_unit_test(data_gives_one_update_back_and_nothing_else_does),
        cmocka_unit_test(each_second_gives_one_update_back_but_none_in_advance),
        cmocka_unit_test(who_only_receives_may_ask_as_often_as_the_limit_is_reached),
        cmocka_unit_test(answers_to_our_own_requests_cost_the_peer_nothing),
        cmocka_unit_test(two_silent_ends_change_keys_for_years),
        cmocka_unit_test(tickets_draw_on_the_same_budget),
        cmocka_unit_test(ten_thousand_requests_get_one_answer),
        cmocka_unit_test(the_answer_comes_before_the_next_data),
        cmocka_unit_test(an_unknown_request_value_is_refused),
        cmocka_unit_test(a_change_owed_when_the_sender_closes_is_not_made),
        cmocka_unit_test(after_our_close_a_change_is_refused),
        cmocka_unit_test(after_our_close_requests_of_the_peer_are_read_and_not_answered),
        cmocka_unit_test(after_the_peers_close_both_changes_our_key_and_asks_nobody),
        cmocka_unit_test(a_peer_that_closes_owes_no_answer),
        cmocka_unit_test(a_peer_that_never_answers_gets_a_clean_close),
        cmocka_unit_test(a_late_answer_is_noticed_by_whoever_drains_output_first),
        cmocka_unit_test(an_answer_in_time_stops_the_clock),
        cmocka_unit_test(without_answer_seconds_the_peer_may_take_for_ever),
        cmocka_unit_test(a_change_asked_for_while_output_is_full_is_made_at_the_next_boundary),
        cmocka_unit_test(bytes_once_shown_do_not_change_when_keys_do),
        cmocka_unit_test(a_change_waits_while_memory_is_lent),
        cmocka_unit_test(the_last_epoch_ignores_requests_of_the_peer),
        cmocka_unit_test(beyond_the_last_epoch_a_limit_closes_cleanly),
        cmocka_unit_test(beyond_the_last_epoch_a_request_of_the_caller_closes_cleanly),
        cmocka_unit_test(a_receiver_does_not_count_the_peers_epochs),
        cmocka_unit_test(ten_thousand_changes_of_keys_lose_no_byte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
