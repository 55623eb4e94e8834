/* Flights: made by one half, left on the link, put out by the other in one piece. */
#include "record/flight.h"

#include "keys/schedule13.h"
#include "support/record_kit.h"

static struct kit_world world;
static struct kt_tx tx;
static struct kt_rx rx;
static struct kt_link link;
static struct kt_flight_queue queue;
static uint8_t message[100000];

static void begin(void)
{
    struct kt_watch watch;
    struct kt_secret secret = kit_secret(kit_aes128(), 1);

    kit_world_init(&world);
    memset(&link, 0, sizeof link);
    queue = (struct kt_flight_queue){NULL};
    watch = kit_watch(&world);
    kt_tx_init(&tx, &watch, 0);
    kt_rx_init(&rx, &watch, 1 << 17);
    assert_good(kt_tx_protect(&tx, kit_aes128(), &secret, true, 1000));
    assert_good(kt_rx_protect(&rx, kit_aes128(), &secret, true, 1000));
}

static void finish(void)
{
    kt_flights_drop(&queue, &link);
    assert_int_equal(atomic_load(&link.flights), 0);
    kt_tx_free(&tx);
    kt_rx_free(&rx);
    assert_int_equal(world.live, 0);
}

static void add(struct kt_flight **flight, uint8_t type, size_t len)
{
    assert_good(kt_flight_add(flight, &world.env, kt_span_of(message, kit_message(type, len, message))));
}

static void leave_one(uint8_t type, size_t len)
{
    struct kt_flight *flight = NULL;

    add(&flight, type, len);
    kt_flight_leave(flight, &link);
}

static bool pay(void)
{
    bool paid;

    assert_good(kt_flight_pay(&queue, &link, &tx, &paid));
    return paid;
}

static void deliver(void)
{
    struct kt_span out;
    size_t room;
    uint8_t *at;

    assert_good(kt_tx_out(&tx, &out));
    at = kt_rx_room(&rx, &room);
    room = out.len < room ? out.len : room;
    if (room > 0) {
        memcpy(at, out.p, room);
        assert_good(kt_rx_filled(&rx, room));
        assert_good(kt_tx_out_done(&tx, room));
    }
}

static void expect(uint8_t type, size_t len, bool last)
{
    struct kt_incoming in = {.event = KT_RX_NEED};

    for (int i = 0; i < 100 && in.event == KT_RX_NEED; i++) {
        assert_good(kt_rx_next(&rx, &in));
        if (in.event == KT_RX_NEED) {
            deliver();
            (void)pay();
        }
    }
    assert_int_equal(in.event, KT_RX_MESSAGE);
    assert_int_equal(in.message.type, type);
    assert_int_equal(in.message.body.len, len);
    assert_int_equal(in.message.last_in_record, last);
}

static void nothing_owed_is_paid(void **state)
{
    (void)state;
    begin();
    assert_false(kt_flights_owed(&queue, &link));
    assert_true(pay());
    assert_false(kt_tx_has_output(&tx));
    kt_flight_leave(NULL, &link);
    assert_false(kt_flights_owed(&queue, &link));
    finish();
}

static void a_flight_shares_a_record_and_flights_do_not(void **state)
{
    struct kt_flight *flight = NULL;

    (void)state;
    begin();
    add(&flight, KT_MSG_CERTIFICATE, 40);
    add(&flight, KT_MSG_CERTIFICATE_VERIFY, 30);
    assert_false(kt_flights_owed(&queue, &link));
    kt_flight_leave(flight, &link);
    leave_one(KT_MSG_FINISHED, 20);
    assert_int_equal(atomic_load(&link.flights), 2);
    assert_true(kt_flights_owed(&queue, &link));
    assert_true(pay());
    assert_int_equal(atomic_load(&link.flights), 1);
    assert_true(pay());
    expect(KT_MSG_CERTIFICATE, 40, false);
    expect(KT_MSG_CERTIFICATE_VERIFY, 30, true);
    expect(KT_MSG_FINISHED, 20, true);
    finish();
}

/* Those left while others are being paid come behind them. */
static void flights_go_out_in_the_order_in_which_they_were_left(void **state)
{
    (void)state;
    begin();
    for (uint8_t i = 1; i <= 3; i++) {
        leave_one(i, 10u * i);
    }
    assert_true(pay());
    for (uint8_t i = 4; i <= 6; i++) {
        leave_one(i, 10u * i);
    }
    for (int i = 0; i < 5; i++) {
        assert_true(kt_flights_owed(&queue, &link));
        assert_true(pay());
    }
    assert_false(kt_flights_owed(&queue, &link));
    for (uint8_t i = 1; i <= 6; i++) {
        expect(i, 10u * i, true);
    }
    finish();
}

static void a_flight_longer_than_the_output_is_begun_until_it_is_out(void **state)
{
    struct kt_flight *flight = NULL;

    (void)state;
    begin();
    add(&flight, KT_MSG_CERTIFICATE, 90000);
    add(&flight, KT_MSG_FINISHED, 32);
    kt_flight_leave(flight, &link);
    assert_false(kt_flight_is_begun(&queue));
    assert_false(pay());
    assert_true(kt_flight_is_begun(&queue));
    assert_false(kt_tx_takes_data(&tx));
    assert_false(pay());
    expect(KT_MSG_CERTIFICATE, 90000, false);
    expect(KT_MSG_FINISHED, 32, true);
    assert_false(kt_flight_is_begun(&queue));
    finish();
}

static void without_room_a_flight_is_not_begun(void **state)
{
    static const uint8_t data[KT_PLAINTEXT_MAX];
    size_t taken = 1;

    (void)state;
    begin();
    leave_one(KT_MSG_FINISHED, 32);
    while (taken > 0) {
        assert_good(kt_tx_data(&tx, data, sizeof data, &taken));
    }
    /* What is left takes no data, but handshake content. */
    assert_good(kt_tx_handshake(&tx, kt_span_of(message, sizeof message), &taken));
    assert_good(kt_tx_finish_record(&tx));
    assert_false(pay());
    assert_false(kt_flight_is_begun(&queue));
    assert_true(kt_tx_can_update(&tx));
    finish();
}

/* What it is made with is the key of the moment it goes out, not that of the moment it was left. */
static void finished_is_made_under_the_key_it_goes_out_with(void **state)
{
    const struct kt_hash *hash = kit_aes128()->hash;
    struct kt_secret secret = kit_secret(kit_aes128(), 1);
    struct kt_flight *flight = NULL;
    struct kt_incoming in;
    uint8_t transcript[32] = {7, 8, 9};
    uint8_t want[KT_HASH_MAX];

    (void)state;
    begin();
    add(&flight, KT_MSG_CERTIFICATE, 4);
    assert_good(kt_flight_add_finished(&flight, &world.env, kt_span_of(transcript, sizeof transcript)));
    kt_flight_leave(flight, &link);
    assert_good(kt_tx_key_update(&tx, false, KT_BIRTH_CALLER, 2000));
    kt_traffic_secret_next(hash, &secret);
    kt_finished_value(hash, &secret, kt_span_of(transcript, sizeof transcript), want);

    assert_true(pay());
    expect(KT_MSG_KEY_UPDATE, 1, true);
    assert_good(kt_rx_next_epoch(&rx, KT_BIRTH_PEER, 2000));
    expect(KT_MSG_CERTIFICATE, 4, false);
    assert_good(kt_rx_next(&rx, &in));
    assert_int_equal(in.message.type, KT_MSG_FINISHED);
    assert_int_equal(in.message.body.len, 32);
    assert_memory_equal(in.message.body.p, want, 32);
    finish();
}

static void a_transcript_of_another_hash_is_refused(void **state)
{
    struct kt_flight *flight = NULL;
    uint8_t transcript[48] = {0};
    bool paid;

    (void)state;
    begin();
    assert_good(kt_flight_add_finished(&flight, &world.env, kt_span_of(transcript, sizeof transcript)));
    kt_flight_leave(flight, &link);
    assert_fault(kt_flight_pay(&queue, &link, &tx, &paid), USAGE_STATE);
    finish();
}

static void observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    if (notice->kind == KT_NOTICE_MESSAGE) {
        kit_observe(user, conn, notice);
    }
}

static void a_message_is_told_when_it_goes_out(void **state)
{
    (void)state;
    begin();
    world.env.observer = observe;
    leave_one(KT_MSG_CERTIFICATE, 90000);
    assert_int_equal(world.notice_count, 0);
    assert_false(pay());
    assert_int_equal(world.notice_count, 1);
    expect(KT_MSG_CERTIFICATE, 90000, true);
    assert_int_equal(world.notice_count, 1);
    assert_int_equal(world.notices[0].direction, KT_SENDING);
    assert_int_equal(world.notices[0].u.message.type, KT_MSG_CERTIFICATE);
    world.env.observer = NULL;
    finish();
}

static void without_memory_the_flight_is_as_it_was(void **state)
{
    struct kt_flight *flight = NULL;
    uint8_t byte = 0;

    (void)state;
    begin();
    for (size_t nth = 1; nth <= 2; nth++) {
        world.fail_at = world.allocs + nth;
        assert_fault(kt_flight_add(&flight, &world.env, kt_span_of(&byte, 1)), MEMORY_SPENT);
    }
    world.fail_at = world.allocs + 1;
    assert_fault(kt_flight_add_finished(&flight, &world.env, kt_span_of(&byte, 1)), MEMORY_SPENT);
    add(&flight, KT_MSG_CERTIFICATE, 5);
    kt_flight_leave(flight, &link);
    assert_true(pay());
    expect(KT_MSG_CERTIFICATE, 5, true);
    finish();
}

static void what_is_not_paid_or_not_left_is_freed(void **state)
{
    struct kt_flight *flight = NULL;

    (void)state;
    begin();
    leave_one(KT_MSG_CERTIFICATE, 90000);
    assert_false(pay());
    leave_one(KT_MSG_FINISHED, 32);
    add(&flight, KT_MSG_CERTIFICATE, 10);
    kt_flight_free(flight);
    kt_flight_free(NULL);
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_owed_is_paid),
        cmocka_unit_test(a_flight_shares_a_record_and_flights_do_not),
        cmocka_unit_test(flights_go_out_in_the_order_in_which_they_were_left),
        cmocka_unit_test(a_flight_longer_than_the_output_is_begun_until_it_is_out),
        cmocka_unit_test(without_room_a_flight_is_not_begun),
        cmocka_unit_test(finished_is_made_under_the_key_it_goes_out_with),
        cmocka_unit_test(a_transcript_of_another_hash_is_refused),
        cmocka_unit_test(a_message_is_told_when_it_goes_out),
        cmocka_unit_test(without_memory_the_flight_is_as_it_was),
        cmocka_unit_test(what_is_not_paid_or_not_left_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
