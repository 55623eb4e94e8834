#include "record/carrier_tls.h"

#include "support/record_kit.h"

/* Two ends in memory: what the one sends the other receives. */
struct end {
    struct kit_world world;
    struct kt_rx rx;
    struct kt_tx tx;
    struct kt_carrier_tls tls;
    struct kt_link link;
    struct kt_carrier carrier;
};

static struct end client, server;
static uint8_t message[100000];

static void end_init(struct end *end)
{
    struct kt_watch watch;

    memset(end, 0, sizeof *end);
    kit_world_init(&end->world);
    watch = kit_watch(&end->world);
    kt_rx_init(&end->rx, &watch, 1 << 17);
    kt_tx_init(&end->tx, &watch, 0);
    end->carrier = kt_carrier_tls(&end->tls, &end->rx, &end->tx, &end->link);
}

static void end_free(struct end *end)
{
    kt_rx_free(&end->rx);
    kt_tx_free(&end->tx);
    assert_int_equal(end->world.live, 0);
}

static void begin(void)
{
    end_init(&client);
    end_init(&server);
}

static void finish(void)
{
    end_free(&client);
    end_free(&server);
}

static const struct kt_fault *send_message(struct end *end, uint8_t type, size_t len)
{
    return end->carrier.ops->send(end->carrier.self, kt_span_of(message, kit_message(type, len, message)));
}

static bool busy(const struct end *end)
{
    return end->carrier.ops->busy(end->carrier.self);
}

static const struct kt_fault *flight_done(struct end *end)
{
    return end->carrier.ops->flight_done(end->carrier.self);
}

static const struct kt_fault *protect(struct end *end, enum kt_direction direction, uint8_t seed, bool application)
{
    struct kt_secret secret = kit_secret(kit_aes128(), seed);

    return end->carrier.ops->protect(end->carrier.self, direction, kit_aes128(), &secret, application);
}

/* Moves output as far as the other end has room. */
static void transfer(struct end *from, struct end *to)
{
    struct kt_span out;
    size_t room;
    uint8_t *at;

    assert_good(kt_tx_out(&from->tx, &out));
    at = kt_rx_room(&to->rx, &room);
    room = out.len < room ? out.len : room;
    if (at != NULL && room > 0) {
        memcpy(at, out.p, room);
        assert_good(kt_rx_filled(&to->rx, room));
        assert_good(kt_tx_out_done(&from->tx, room));
    }
}

static void expect_message(struct end *to, uint8_t type, size_t body_len, bool last)
{
    struct kt_incoming in;

    assert_good(kt_rx_next(&to->rx, &in));
    assert_int_equal(in.event, KT_RX_MESSAGE);
    assert_int_equal(in.message.type, type);
    assert_int_equal(in.message.body.len, body_len);
    assert_int_equal(in.message.last_in_record, last);
}

static void a_flight_shares_a_record(void **state)
{
    (void)state;
    begin();
    assert_good(send_message(&server, KT_MSG_SERVER_HELLO, 40));
    assert_false(busy(&server));
    assert_good(send_message(&server, KT_MSG_FINISHED, 32));
    assert_good(flight_done(&server));
    transfer(&server, &client);
    expect_message(&client, KT_MSG_SERVER_HELLO, 40, false);
    expect_message(&client, KT_MSG_FINISHED, 32, true);
    assert_false(kt_tx_has_output(&server.tx));
    finish();
}

/* A message longer than the output waits, and nothing overtakes it meanwhile. */
static void a_long_message_keeps_the_carrier_busy(void **state)
{
    struct kt_incoming in = {.event = KT_RX_NEED};

    (void)state;
    begin();
    assert_good(protect(&server, KT_SENDING, 1, false));
    assert_good(protect(&client, KT_RECEIVING, 1, false));
    assert_good(send_message(&server, KT_MSG_CERTIFICATE, 90000));
    assert_true(busy(&server));
    assert_fault(send_message(&server, KT_MSG_FINISHED, 32), USAGE_STATE);
    assert_fault(server.carrier.ops->send_ccs(server.carrier.self), USAGE_STATE);
    assert_good(flight_done(&server)); /* the end of the flight goes out with the rest */
    assert_fault(protect(&server, KT_SENDING, 2, true), USAGE_STATE);
    assert_good(protect(&server, KT_RECEIVING, 2, false));
    while (in.event == KT_RX_NEED) {
        transfer(&server, &client);
        assert_good(kt_carrier_tls_pump(&server.tls));
        assert_good(kt_rx_next(&client.rx, &in));
    }
    assert_false(busy(&server));
    assert_int_equal(in.event, KT_RX_MESSAGE);
    assert_int_equal(in.message.body.len, 90000);
    for (size_t i = 0; i < 90000; i++) {
        assert_int_equal(in.message.body.p[i], (uint8_t)(i * 7 + KT_MSG_CERTIFICATE));
    }
    assert_good(kt_carrier_tls_pump(&server.tls)); /* nothing to do */
    finish();
}

static void keys_change_behind_what_was_sent(void **state)
{
    struct kt_incoming in;

    (void)state;
    begin();
    server.world.now_ms = 5555;
    assert_good(send_message(&server, KT_MSG_SERVER_HELLO, 40));
    assert_good(protect(&server, KT_SENDING, 1, false));
    assert_good(server.carrier.ops->send_ccs(server.carrier.self));
    assert_good(send_message(&server, KT_MSG_FINISHED, 32));
    assert_good(flight_done(&server));
    assert_good(protect(&server, KT_SENDING, 2, true));
    assert_int_equal(server.tx.epoch.born_ms, 5555);
    assert_int_equal(server.tx.epoch.number, 0);
    transfer(&server, &client);
    expect_message(&client, KT_MSG_SERVER_HELLO, 40, true);
    assert_good(protect(&client, KT_RECEIVING, 1, false));
    assert_good(kt_rx_next(&client.rx, &in));
    assert_int_equal(in.event, KT_RX_CCS);
    expect_message(&client, KT_MSG_FINISHED, 32, true);
    finish();
}

static void receiving_keys_only_between_messages(void **state)
{
    (void)state;
    begin();
    assert_good(send_message(&server, KT_MSG_SERVER_HELLO, 40));
    assert_good(send_message(&server, KT_MSG_ENCRYPTED_EXTENSIONS, 2));
    assert_good(flight_done(&server));
    transfer(&server, &client);
    expect_message(&client, KT_MSG_SERVER_HELLO, 40, false);
    assert_fault(protect(&client, KT_RECEIVING, 1, false), KEY_CHANGE_INSIDE_MESSAGE);
    finish();
}

static void refused_early_data(void **state)
{
    (void)state;
    begin();
    server.carrier.ops->skip_early_data(server.carrier.self, false);
    assert_int_equal(server.rx.skip_early, KT_BUDGET_SKIPPED_EARLY);
    assert_false(server.rx.skip_all_data);
    server.carrier.ops->skip_early_data(server.carrier.self, true);
    assert_true(server.rx.skip_all_data);
    finish();
}

static void without_memory_it_is_told(void **state)
{
    (void)state;
    begin();
    server.world.fail_at = 1;
    assert_fault(send_message(&server, KT_MSG_SERVER_HELLO, 40), MEMORY_SPENT);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_flight_shares_a_record),
        cmocka_unit_test(a_long_message_keeps_the_carrier_busy),
        cmocka_unit_test(keys_change_behind_what_was_sent),
        cmocka_unit_test(receiving_keys_only_between_messages),
        cmocka_unit_test(refused_early_data),
        cmocka_unit_test(without_memory_it_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
