/* Flights between two connections: what they go before, what they go behind, and what never comes between. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "support/loop.h"

/* What came to the client: one letter a record of data (d), message (t ticket, u update) or alert (a). */
static char order[64];
static struct loop l;

static void note(char what)
{
    size_t len = strlen(order);

    assert_true(len + 1 < sizeof order);
    order[len] = what;
}

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    if (conn != l.client || notice->direction != KT_RECEIVING || !kt_conn_is_connected(conn)) {
        return;
    }
    if (notice->kind == KT_NOTICE_MESSAGE) {
        note(notice->u.message.type == KT_MSG_KEY_UPDATE ? 'u' : 't');
    } else if (notice->kind == KT_NOTICE_ALERT) {
        note('a');
    } else if (notice->kind == KT_NOTICE_RECORD && notice->u.record.type == 23) {
        note('d');
    }
}

static void open_both(void)
{
    memset(order, 0, sizeof order);
    loop_open(&l, &(struct loop_setup){.observer = watch});
    loop_handshake(&l);
}

static void add_ticket(struct kt_flight **flight, uint16_t ticket_len)
{
    static uint8_t message[70000];
    size_t body = 4 + 4 + 1 + 2 + (size_t)ticket_len + 2;
    struct kt_writer w = kt_writer_over(message, sizeof message);
    const struct kt_carrier *carrier = &l.server->hs.carrier;

    kt_put_u8(&w, KT_MSG_NEW_SESSION_TICKET);
    kt_put_u24(&w, (uint32_t)body);
    kt_put_u32(&w, 60);
    kt_put_u32(&w, 0);
    kt_put_u8(&w, 0);
    kt_put_u16(&w, ticket_len);
    memset(kt_writer_room(&w, ticket_len), 't', ticket_len);
    kt_put_u16(&w, 0);
    assert_true(kt_writer_finish(&w));
    assert_null(carrier->ops->flight_add(carrier->self, flight, kt_writer_span(&w)));
}

static void leave(struct kt_flight *flight)
{
    l.server->hs.carrier.ops->flight_leave(l.server->hs.carrier.self, flight);
}

static void leave_ticket(uint16_t ticket_len)
{
    struct kt_flight *flight = NULL;

    add_ticket(&flight, ticket_len);
    leave(flight);
}

static void send_data(size_t len)
{
    static uint8_t data[1 << 16];
    size_t taken;

    assert_null(kt_conn_send(l.server, data, len, &taken));
    assert_int_equal(taken, len);
}

/* All that is on its way, read and thrown away. */
static void settle(void)
{
    const uint8_t *data;
    size_t len;

    loop_run(&l);
    while ((data = kt_conn_read(l.client, &len)) != NULL) {
        assert_null(kt_conn_read_done(l.client, len));
        loop_run(&l);
    }
}

static void an_idle_connection_has_output_for_a_flight(void **user)
{
    (void)user;
    open_both();
    assert_int_equal(kt_conn_status(l.server) & KT_HAS_OUTPUT, 0);
    leave_ticket(100);
    assert_int_equal(l.server->hs.carrier.ops->flights_owed(l.server->hs.carrier.self), 1);
    assert_int_equal(kt_conn_status(l.server) & KT_HAS_OUTPUT, KT_HAS_OUTPUT);
    settle();
    assert_int_equal(l.server->hs.carrier.ops->flights_owed(l.server->hs.carrier.self), 0);
    assert_string_equal(order, "t");
    loop_close(&l);
}

static void a_flight_is_paid_before_the_next_record_of_data(void **user)
{
    (void)user;
    open_both();
    send_data(10);
    leave_ticket(100);
    send_data(10);
    settle();
    assert_string_equal(order, "dtd");
    loop_close(&l);
}

/* A key change that is due goes before the flight, and never into it. */
static void a_key_change_comes_before_a_flight_or_behind_it(void **user)
{
    struct kt_flight *flight = NULL;
    size_t len;

    (void)user;
    open_both();
    assert_null(kt_conn_rekey(l.server, KT_REKEY_SEND));
    add_ticket(&flight, 60000);
    add_ticket(&flight, 100);
    leave(flight);
    assert_non_null(kt_conn_out(l.server, &len));
    assert_true(kt_flight_is_begun(&l.server->flights));
    assert_null(kt_conn_rekey(l.server, KT_REKEY_SEND));
    settle();
    assert_string_equal(order, "uttu");
    assert_null(kt_conn_fault(l.client));
    loop_close(&l);
}

static void no_data_is_taken_while_a_flight_is_begun(void **user)
{
    uint8_t data[100] = {0};
    size_t taken, len;

    (void)user;
    open_both();
    leave_ticket(60000);
    assert_non_null(kt_conn_out(l.server, &len));
    assert_int_equal(kt_conn_half_status(l.server, KT_SENDING) & KT_TAKES_DATA, 0);
    assert_null(kt_conn_send(l.server, data, sizeof data, &taken));
    assert_int_equal(taken, 0);
    assert_null(kt_conn_write(l.server, &len));
    settle();
    send_data(10);
    settle();
    assert_string_equal(order, "td");
    loop_close(&l);
}

static void a_flight_waits_for_memory_that_is_lent(void **user)
{
    size_t len;
    uint8_t *room;

    (void)user;
    open_both();
    room = kt_conn_write(l.server, &len);
    assert_non_null(room);
    leave_ticket(100);
    assert_null(kt_conn_out(l.server, &len));
    memset(room, 'x', 50);
    assert_null(kt_conn_write_done(l.server, 50));
    settle();
    assert_string_equal(order, "dt");
    loop_close(&l);
}

static void an_alert_goes_before_the_rest_of_a_flight(void **user)
{
    size_t len;

    (void)user;
    open_both();
    leave_ticket(60000);
    assert_non_null(kt_conn_out(l.server, &len));
    (void)kt_conn_fail(l.server, KT_FAULT(ASK_REFUSED));
    settle();
    assert_string_equal(order, "a");
    loop_assert_failed(l.client, ALERT_RECEIVED, CLOSE_NOTIFY);
    loop_close(&l);
}

static void the_close_goes_behind_the_flights(void **user)
{
    size_t len;

    (void)user;
    open_both();
    leave_ticket(60000);
    leave_ticket(100);
    assert_non_null(kt_conn_out(l.server, &len));
    assert_null(kt_conn_close(l.server));
    assert_int_equal(kt_conn_half_status(l.server, KT_SENDING) & KT_TAKES_DATA, 0);
    settle();
    assert_string_equal(order, "tta");
    assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_CLOSE_NOTIFY);
    loop_close(&l);
}

/* Nothing goes out after the close, and the memory comes back with the connection. */
static void a_flight_left_after_the_close_stays_here(void **user)
{
    (void)user;
    open_both();
    assert_null(kt_conn_close(l.server));
    settle();
    assert_false(l.server->hs.carrier.ops->sends(l.server->hs.carrier.self));
    leave_ticket(100);
    settle();
    assert_string_equal(order, "a");
    assert_int_equal(kt_conn_status(l.server) & KT_HAS_OUTPUT, 0);
    loop_close(&l);
}

/* What was lent when the close came is nobody's to give back: neither the flight nor the close may wait for it. */
static void a_close_takes_back_what_was_lent(void **user)
{
    size_t len;

    (void)user;
    open_both();
    assert_non_null(kt_conn_write(l.server, &len));
    leave_ticket(60000);
    assert_null(kt_conn_close(l.server));
    assert_int_equal(kt_conn_write_done(l.server, 10)->reason, KT_REASON_USAGE_STATE);
    settle();
    assert_string_equal(order, "ta");
    assert_int_equal(kt_conn_status(l.client) & KT_IN_CLOSED, KT_IN_CLOSED);
    assert_int_equal(kt_conn_status(l.server) & KT_HAS_OUTPUT, 0);
    loop_close(&l);
}

/* The receiving half fails while an application fills memory: the alert goes out all the same. */
static void an_alert_does_not_wait_for_memory_that_is_lent(void **user)
{
    uint8_t *in;
    size_t len;

    (void)user;
    open_both();
    assert_non_null(kt_conn_write(l.server, &len));
    in = kt_conn_in(l.server, &len);
    memcpy(in, "GET / HTTP/1.1\r\n", 16);
    assert_non_null(kt_conn_in_done(l.server, 16));
    settle();
    assert_string_equal(order, "a");
    assert_ptr_equal(kt_conn_write_done(l.server, 10), kt_conn_fault(l.server));
    assert_int_equal(kt_conn_status(l.server) & KT_HAS_OUTPUT, 0);
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_has_output_for_a_flight),
        cmocka_unit_test(a_flight_is_paid_before_the_next_record_of_data),
        cmocka_unit_test(a_key_change_comes_before_a_flight_or_behind_it),
        cmocka_unit_test(no_data_is_taken_while_a_flight_is_begun),
        cmocka_unit_test(a_flight_waits_for_memory_that_is_lent),
        cmocka_unit_test(an_alert_goes_before_the_rest_of_a_flight),
        cmocka_unit_test(the_close_goes_behind_the_flights),
        cmocka_unit_test(a_flight_left_after_the_close_stays_here),
        cmocka_unit_test(a_close_takes_back_what_was_lent),
        cmocka_unit_test(an_alert_does_not_wait_for_memory_that_is_lent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
