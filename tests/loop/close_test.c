/* How connections end: cleanly, half by half, broken off, cut, and with alerts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/limits.h"
#include "registry/registry.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;

static bool closed_in(const struct kt_conn *conn)
{
    return (kt_conn_status(conn) & KT_IN_CLOSED) != 0;
}

static bool closed_out(const struct kt_conn *conn)
{
    return (kt_conn_status(conn) & KT_OUT_CLOSED) != 0;
}

static void connect_plain(void)
{
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
}

static void each_side_may_close_first(void **user)
{
    (void)user;
    for (int first = 0; first < 2; first++) {
        struct kt_conn *a, *b;

        connect_plain();
        a = loop_conn(&l, (enum kt_role)first);
        b = loop_conn(&l, (enum kt_role)(1 - first));
        assert_null(kt_conn_close(a));
        assert_true(closed_out(a) && !closed_in(a));
        loop_run(&l);
        assert_true(closed_in(b) && !closed_out(b));
        assert_null(kt_conn_close(b));
        loop_run(&l);
        assert_true(closed_in(a));
        assert_null(kt_conn_fault(a));
        assert_null(kt_conn_fault(b));
        assert_null(kt_conn_in_end(a));
        assert_null(kt_conn_in_end(b));
        loop_close(&l);
    }
}

static void both_may_close_at_once(void **user)
{
    (void)user;
    connect_plain();
    assert_null(kt_conn_close(l.client));
    assert_null(kt_conn_close(l.server));
    loop_run(&l);
    assert_true(closed_in(l.client) && closed_in(l.server));
    loop_close(&l);
}

static void the_other_half_goes_on(void **user)
{
    (void)user;
    connect_plain();
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    loop_transfer(&l, KT_SERVER, 100000);
    assert_null(kt_conn_fault(l.client));
    loop_close(&l);
}

static void what_was_accepted_comes_before_the_close(void **user)
{
    uint8_t got[8];
    size_t n;

    (void)user;
    connect_plain();
    assert_null(kt_conn_send(l.client, (const uint8_t *)"last", 4, &n));
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    assert_false(closed_in(l.server)); /* data first */
    assert_null(kt_conn_recv(l.server, got, sizeof got, &n));
    assert_int_equal(n, 4);
    assert_true(closed_in(l.server));
    loop_close(&l);
}

static void nothing_is_sent_after_the_close(void **user)
{
    size_t n;

    (void)user;
    connect_plain();
    assert_null(kt_conn_close(l.client));
    assert_int_equal(kt_conn_send(l.client, (const uint8_t *)"x", 1, &n)->reason, KT_REASON_USAGE_AFTER_CLOSE);
    assert_null(kt_conn_write(l.client, &n));
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    assert_int_equal(l.down.total > 0, 1);
    assert_null(kt_conn_out(l.client, &n));
    assert_null(kt_conn_fault(l.client));
    loop_close(&l);
}

static void closing_finds_room_when_output_is_full(void **user)
{
    static uint8_t block[65536];
    size_t n;

    (void)user;
    connect_plain();
    assert_null(kt_conn_send(l.client, block, sizeof block, &n));
    assert_true(n < sizeof block);
    for (int i = 0; i < 10; i++) {
        assert_null(kt_conn_rekey(l.client, KT_REKEY_SEND));
        assert_null(kt_conn_tick(l.client));
    }
    assert_null(kt_conn_close(l.client));
    for (int i = 0; i < 20; i++) {
        size_t got = 1;

        loop_run(&l);
        while (got > 0) {
            assert_null(kt_conn_recv(l.server, block, sizeof block, &got));
        }
    }
    assert_true(closed_in(l.server));
    assert_null(kt_conn_fault(l.server));
    loop_close(&l);
}

static void whatever_comes_after_the_peers_close_is_ignored(void **user)
{
    static const uint8_t notify[] = {1, KT_ALERT_CLOSE_NOTIFY};
    size_t n;

    (void)user;
    tap_open(&tap, &l, &(struct loop_setup){0});
    loop_handshake(&l);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_ALERT, notify, sizeof notify);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_DATA, (const uint8_t *)"too late", 8);
    loop_deliver(&l, KT_CLIENT);
    assert_true(closed_in(l.client));
    assert_null(kt_conn_read(l.client, &n));
    assert_null(kt_conn_in(l.client, &n));
    assert_null(kt_conn_fault(l.client));
    tap_close(&tap);
}

/* ---- cut ---- */

static void a_transport_that_ends_without_close_is_truncation(void **user)
{
    (void)user;
    connect_plain();
    assert_int_equal(kt_conn_in_end(l.client)->reason, KT_REASON_TRUNCATED);
    loop_assert_failed(l.client, TRUNCATED, CLOSE_NOTIFY);
    loop_run(&l);
    assert_int_equal(kt_conn_alert_received(l.server), -1); /* no alert for nobody */
    loop_close(&l);
}

static void a_transport_that_ends_in_the_handshake_cuts_it(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        loop_open(&l, &(struct loop_setup){0});
        assert_int_equal(kt_conn_in_end(loop_conn(&l, (enum kt_role)i))->reason, KT_REASON_HANDSHAKE_CUT);
        loop_close(&l);
    }
}

/* ---- broken off ---- */

static void a_handshake_that_is_broken_off_says_so(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        struct kt_conn *a, *b;

        loop_open(&l, &(struct loop_setup){0});
        l.hold_asks = true;
        loop_run(&l);
        a = loop_conn(&l, (enum kt_role)i);
        b = loop_conn(&l, (enum kt_role)(1 - i));
        assert_null(kt_conn_close(a));
        l.hold_asks = false;
        loop_run(&l);
        assert_false(kt_conn_is_connected(a) || kt_conn_is_connected(b));
        assert_int_equal(kt_conn_alert_received(b), KT_ALERT_CLOSE_NOTIFY);
        assert_null(kt_conn_ask(a));
        assert_null(kt_conn_fault(a));
        loop_close(&l);
    }
}

/* A chain longer than the output: the server is broken off in the middle of its Certificate. */
static void long_chain(struct kt_builder *b)
{
    static uint8_t certificates[4][15000];
    static const uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    struct kt_span chain[4];
    struct kt_credential *credential = NULL;

    for (size_t i = 0; i < 4; i++) {
        certificates[i][0] = KT_KEY_P256;
        chain[i] = (struct kt_span){certificates[i], sizeof certificates[i]};
    }
    assert_null(kt_credential_new(
        &l.env.env,
        &(struct kt_credential_parts){.chain = chain, .chain_len = 4, .schemes = &scheme, .scheme_count = 1},
        &credential));
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
}

static const struct loop_setup longer = {.server = long_chain, .no_server_credential = true};

static void a_chain_longer_than_the_output_passes_in_pieces(void **user)
{
    (void)user;
    loop_open(&l, &longer);
    loop_flush(&l, KT_CLIENT);
    loop_deliver(&l, KT_SERVER);
    assert_null(kt_conn_ask(l.server)); /* the signature waits for room */
    loop_handshake(&l);
    loop_transfer(&l, KT_CLIENT, 1000);
    loop_close(&l);
}

static void small_chains(struct kt_builder *b)
{
    assert_null(kt_builder_chain_limit(b, 59999));
}

static void a_chain_longer_than_the_client_takes_is_refused(void **user)
{
    struct loop_setup setup = longer;

    (void)user;
    setup.client = small_chains;
    loop_open(&l, &setup);
    loop_run(&l);
    loop_assert_failed(l.client, MESSAGE_TOO_LONG, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static unsigned alerts, behind_alerts;

static void count_behind_alerts(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    if (from == KT_SERVER) {
        alerts += type == KT_CONTENT_ALERT;
        behind_alerts += alerts > 0 && type != KT_CONTENT_ALERT;
    }
    tap_send(t, type, content, len);
}

static void a_broken_off_handshake_sends_nothing_behind_its_close(void **user)
{
    (void)user;
    alerts = behind_alerts = 0;
    tap_open(&tap, &l, &longer);
    tap.edit = count_behind_alerts;
    loop_flush(&l, KT_CLIENT);
    loop_deliver(&l, KT_SERVER);
    assert_null(kt_conn_close(l.server));
    loop_flush(&l, KT_SERVER);
    assert_false(kt_conn_is_connected(l.server));
    assert_null(kt_conn_fault(l.server));
    assert_int_equal(kt_conn_status(l.server), KT_OUT_CLOSED);
    loop_run(&l);
    assert_false(kt_conn_is_connected(l.client));
    assert_non_null(kt_conn_fault(l.client));
    assert_int_equal(alerts, 2);
    assert_int_equal(behind_alerts, 0);
    tap_close(&tap);
}

/* ---- alerts ---- */

static void every_alert_but_two_is_fatal(void **user)
{
    (void)user;
    for (unsigned level = 1; level <= 2; level++) {
        for (unsigned number = 0; number < 256; number++) {
            uint8_t alert[] = {(uint8_t)level, (uint8_t)number};
            const struct kt_fault *fault;

            tap_open(&tap, &l, &(struct loop_setup){0});
            loop_handshake(&l);
            tap_inject(&tap, KT_CLIENT, KT_CONTENT_ALERT, alert, sizeof alert);
            loop_run(&l);
            fault = kt_conn_fault(l.server);
            if (number == KT_ALERT_CLOSE_NOTIFY) {
                assert_true(fault == NULL && closed_in(l.server));
            } else if (number == KT_ALERT_USER_CANCELED) {
                assert_true(fault == NULL && !closed_in(l.server));
            } else {
                assert_int_equal(fault->reason, KT_REASON_ALERT_RECEIVED);
                assert_int_equal(kt_conn_alert_received(l.server), number);
                assert_int_equal(kt_conn_alert_received(l.client), -1); /* no alert answers an alert */
            }
            tap_close(&tap);
        }
    }
}

static void malformed_alerts_are_refused(void **user)
{
    static const uint8_t bytes[] = {1, 0, 1};
    static const size_t lens[] = {0, 1, 3};

    (void)user;
    for (size_t i = 0; i < 3; i++) {
        tap_open(&tap, &l, &(struct loop_setup){0});
        loop_handshake(&l);
        tap_inject(&tap, KT_CLIENT, KT_CONTENT_ALERT, bytes, lens[i]);
        loop_run(&l);
        assert_non_null(kt_conn_fault(l.server));
        assert_int_equal(kt_conn_fault(l.server)->kind, KT_KIND_PEER);
        assert_int_equal(kt_conn_alert_received(l.client), kt_conn_fault(l.server)->alert);
        tap_close(&tap);
    }
}

static void a_failed_connection_stays_failed_with_the_same_fault(void **user)
{
    const struct kt_fault *fault;
    size_t n;

    (void)user;
    tap_open(&tap, &l, &(struct loop_setup){0});
    loop_handshake(&l);
    tap_inject(&tap, KT_CLIENT, KT_CONTENT_HANDSHAKE, (const uint8_t[]){99, 0, 0, 0}, 4);
    loop_run(&l);
    fault = kt_conn_fault(l.server);
    assert_non_null(fault);
    assert_ptr_equal(kt_conn_in_done(l.server, 0), fault);
    assert_ptr_equal(kt_conn_in_end(l.server), fault);
    assert_ptr_equal(kt_conn_tick(l.server), fault);
    assert_ptr_equal(kt_conn_send(l.server, (const uint8_t *)"x", 1, &n), fault);
    assert_null(kt_conn_in(l.server, &n));
    assert_int_equal(kt_conn_deadline(l.server), UINT64_MAX);
    assert_int_equal(kt_conn_status(l.server), KT_FAILED | KT_OUT_CLOSED);
    tap_close(&tap);
}

static void the_last_word_of_a_peer_that_cannot_finish_its_message_is_heard(void **user)
{
    static const uint8_t alert[] = {2, KT_ALERT_INTERNAL_ERROR};

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_flush(&l, KT_CLIENT);
    assert_true(l.up.len > 50);
    l.up.bytes[3] = 0;
    l.up.bytes[4] = 40;
    l.up.len = 45;
    memcpy(l.up.bytes + 45, (const uint8_t[]){KT_CONTENT_ALERT, 3, 3, 0, 2, alert[0], alert[1]}, 7);
    l.up.len += 7;
    loop_deliver(&l, KT_SERVER);
    loop_assert_failed(l.server, ALERT_RECEIVED, CLOSE_NOTIFY);
    assert_int_equal(kt_conn_alert_received(l.server), KT_ALERT_INTERNAL_ERROR);
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_side_may_close_first),
        cmocka_unit_test(both_may_close_at_once),
        cmocka_unit_test(the_other_half_goes_on),
        cmocka_unit_test(what_was_accepted_comes_before_the_close),
        cmocka_unit_test(nothing_is_sent_after_the_close),
        cmocka_unit_test(closing_finds_room_when_output_is_full),
        cmocka_unit_test(whatever_comes_after_the_peers_close_is_ignored),
        cmocka_unit_test(a_transport_that_ends_without_close_is_truncation),
        cmocka_unit_test(a_transport_that_ends_in_the_handshake_cuts_it),
        cmocka_unit_test(a_handshake_that_is_broken_off_says_so),
        cmocka_unit_test(a_chain_longer_than_the_output_passes_in_pieces),
        cmocka_unit_test(a_chain_longer_than_the_client_takes_is_refused),
        cmocka_unit_test(a_broken_off_handshake_sends_nothing_behind_its_close),
        cmocka_unit_test(every_alert_but_two_is_fatal),
        cmocka_unit_test(malformed_alerts_are_refused),
        cmocka_unit_test(a_failed_connection_stays_failed_with_the_same_fault),
        cmocka_unit_test(the_last_word_of_a_peer_that_cannot_finish_its_message_is_heard),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
