/* The traces of RFC 8448 sections 3 and 5: key schedule, transcript and records, byte for byte. */
#include "keys/hkdf.h"
#include "keys/schedule13.h"
#include "keys/transcript.h"
#include "rfc8448_data.h"
#include "support/record_kit.h"

enum { HASH_LEN = 32, BYTES_MAX = 1024 };

/* Bytes of the trace. */
struct bytes {
    uint8_t b[BYTES_MAX];
    size_t len;
};

static struct bytes unhex(const char *hex)
{
    struct bytes bytes;

    assert_true(strlen(hex) / 2 <= sizeof bytes.b);
    bytes.len = kit_unhex(hex, bytes.b);
    return bytes;
}

static struct kt_span span_of(const struct bytes *bytes)
{
    return kt_span_of(bytes->b, bytes->len);
}

static struct kt_secret secret_of(const char *hex)
{
    struct kt_secret secret = {.len = HASH_LEN};

    assert_int_equal(kit_unhex(hex, secret.b), HASH_LEN);
    return secret;
}

/* Adds the message that a plain record holds. */
static void add_record(struct kt_transcript *t, const char *hex)
{
    struct bytes record = unhex(hex);

    kt_transcript_add(t, kt_span_of(record.b + KT_RECORD_HEADER, record.len - KT_RECORD_HEADER));
}

static void add_messages(struct kt_transcript *t, const char *hex)
{
    struct bytes messages = unhex(hex);

    kt_transcript_add(t, span_of(&messages));
}

static void assert_hash(const struct kt_transcript *t, const char *hex)
{
    uint8_t hash[HASH_LEN];

    kt_transcript_hash(t, hash);
    kit_assert_hex(hash, sizeof hash, hex);
}

static void assert_derived(const struct kt_schedule13 *s, enum kt_stage13 stage, const char *label,
                           const struct kt_transcript *t, const char *hex)
{
    uint8_t hash[HASH_LEN];
    struct kt_secret secret;

    kt_transcript_hash(t, hash);
    assert_good(kt_schedule13_derive(s, stage, kt_span_of((const uint8_t *)label, strlen(label)),
                                     kt_span_of(hash, sizeof hash), &secret));
    kit_assert_hex(secret.b, secret.len, hex);
}

static void assert_traffic_keys(const char *secret_hex, const char *key_hex, const char *iv_hex)
{
    struct kt_secret secret = secret_of(secret_hex);
    struct kt_traffic_keys keys;

    kt_traffic_keys_derive(kit_aes128()->hash, kit_aes128()->aead, &secret, &keys);
    kit_assert_hex(keys.key, 16, key_hex);
    kit_assert_hex(keys.iv, sizeof keys.iv, iv_hex);
}

/* Seals the content and compares with the trace; then opens what the trace has. */
static void assert_record(struct kt_protection *sealing, struct kt_protection *opening, uint8_t type,
                          struct kt_span content, const char *record_hex)
{
    uint8_t record[BYTES_MAX];
    size_t len;
    uint8_t inner;
    struct kt_span opened;

    assert_good(kt_protection_seal(sealing, type, content.p, content.len, 0, record, &len));
    kit_assert_hex(record, len, record_hex);
    assert_good(kt_protection_open(opening, record, len, &inner, &opened));
    assert_int_equal(inner, type);
    assert_int_equal(opened.len, content.len);
    assert_memory_equal(opened.p, content.p, content.len);
}

static void protect(struct kt_protection *sealing, struct kt_protection *opening, const char *secret_hex)
{
    struct kt_secret secret = secret_of(secret_hex);

    assert_good(kt_protection_set(sealing, KT_SENDING, kit_aes128(), &secret));
    assert_good(kt_protection_set(opening, KT_RECEIVING, kit_aes128(), &secret));
}

static void schedule_until_handshake(struct kt_schedule13 *s, const char *shared_hex)
{
    struct bytes shared = unhex(shared_hex);

    *s = (struct kt_schedule13){.hash = NULL};
    assert_good(kt_schedule13_early(s, kit_aes128()->hash, kt_span_of(NULL, 0)));
    kit_assert_hex(s->secret.b, s->secret.len, PLAIN_EARLY_SECRET);
    assert_good(kt_schedule13_handshake(s, span_of(&shared)));
}

static void section_3_key_schedule(void **state)
{
    struct kt_schedule13 s;
    struct kt_transcript t;
    struct bytes hello = unhex(PLAIN_CLIENT_HELLO_RECORD);

    (void)state;
    kt_transcript_init(&t);
    kt_transcript_add(&t, kt_span_of(hello.b + KT_RECORD_HEADER, hello.len - KT_RECORD_HEADER));
    kt_transcript_begin(&t, kit_aes128()->hash);
    add_record(&t, PLAIN_SERVER_HELLO_RECORD);
    assert_hash(&t, PLAIN_HELLO_HASH);

    schedule_until_handshake(&s, PLAIN_SHARED);
    kit_assert_hex(s.secret.b, s.secret.len, PLAIN_HANDSHAKE_SECRET);
    assert_derived(&s, KT_STAGE_HANDSHAKE, "c hs traffic", &t, PLAIN_CLIENT_HANDSHAKE);
    assert_derived(&s, KT_STAGE_HANDSHAKE, "s hs traffic", &t, PLAIN_SERVER_HANDSHAKE);

    assert_good(kt_schedule13_main(&s));
    kit_assert_hex(s.secret.b, s.secret.len, PLAIN_MAIN_SECRET);
    add_messages(&t, PLAIN_FLIGHT);
    assert_hash(&t, PLAIN_FLIGHT_HASH);
    assert_derived(&s, KT_STAGE_MAIN, "c ap traffic", &t, PLAIN_CLIENT_APPLICATION);
    assert_derived(&s, KT_STAGE_MAIN, "s ap traffic", &t, PLAIN_SERVER_APPLICATION);
    assert_derived(&s, KT_STAGE_MAIN, "exp master", &t, PLAIN_EXPORTER);
    add_messages(&t, PLAIN_CLIENT_FINISHED);
    assert_derived(&s, KT_STAGE_MAIN, "res master", &t, PLAIN_RESUMPTION);
    kt_schedule13_wipe(&s);
    kt_transcript_wipe(&t);
}

static void section_3_traffic_keys(void **state)
{
    (void)state;
    assert_traffic_keys(PLAIN_SERVER_HANDSHAKE, PLAIN_SERVER_HANDSHAKE_KEY, PLAIN_SERVER_HANDSHAKE_IV);
    assert_traffic_keys(PLAIN_CLIENT_HANDSHAKE, PLAIN_CLIENT_HANDSHAKE_KEY, PLAIN_CLIENT_HANDSHAKE_IV);
    assert_traffic_keys(PLAIN_SERVER_APPLICATION, PLAIN_SERVER_APPLICATION_KEY, PLAIN_SERVER_APPLICATION_IV);
    assert_traffic_keys(PLAIN_CLIENT_APPLICATION, PLAIN_CLIENT_APPLICATION_KEY, PLAIN_CLIENT_APPLICATION_IV);
}

static void section_3_ticket_psk(void **state)
{
    struct kt_secret resumption = secret_of(PLAIN_RESUMPTION);
    const uint8_t nonce[2] = {0};
    uint8_t psk[HASH_LEN];

    (void)state;
    kt_hkdf_expand_label(kit_aes128()->hash, kt_secret_span(&resumption), KT_SPAN_TEXT("resumption"),
                         kt_span_of(nonce, sizeof nonce), psk, sizeof psk);
    kit_assert_hex(psk, sizeof psk, PLAIN_TICKET_PSK);
}

/* Both Finished messages, each over all that was before it. */
static void assert_both_finished(struct kt_transcript *t, const char *flight_hex, const char *server_hex,
                                 const char *client_hex, const char *client_message_hex)
{
    struct bytes flight = unhex(flight_hex);
    struct bytes client_message = unhex(client_message_hex);
    struct kt_secret server = secret_of(server_hex), client = secret_of(client_hex);
    uint8_t hash[HASH_LEN], value[HASH_LEN];
    size_t finished_at = flight.len - KT_MESSAGE_HEADER - HASH_LEN;

    kt_transcript_add(t, kt_span_of(flight.b, finished_at));
    kt_transcript_hash(t, hash);
    kt_finished_value(kit_aes128()->hash, &server, kt_span_of(hash, sizeof hash), value);
    assert_memory_equal(value, flight.b + finished_at + KT_MESSAGE_HEADER, HASH_LEN);

    kt_transcript_add(t, kt_span_of(flight.b + finished_at, flight.len - finished_at));
    kt_transcript_hash(t, hash);
    kt_finished_value(kit_aes128()->hash, &client, kt_span_of(hash, sizeof hash), value);
    assert_memory_equal(value, client_message.b + KT_MESSAGE_HEADER, HASH_LEN);
}

static void section_3_finished(void **state)
{
    struct kt_transcript t;

    (void)state;
    kt_transcript_init(&t);
    kt_transcript_begin(&t, kit_aes128()->hash);
    add_record(&t, PLAIN_CLIENT_HELLO_RECORD);
    add_record(&t, PLAIN_SERVER_HELLO_RECORD);
    assert_both_finished(&t, PLAIN_FLIGHT, PLAIN_SERVER_HANDSHAKE, PLAIN_CLIENT_HANDSHAKE, PLAIN_CLIENT_FINISHED);
}

static void section_3_records(void **state)
{
    struct kt_protection sealing = {.aead = NULL}, opening = {.aead = NULL};
    struct bytes flight = unhex(PLAIN_FLIGHT), finished = unhex(PLAIN_CLIENT_FINISHED);
    struct bytes ticket = unhex(PLAIN_TICKET);
    const uint8_t close[] = {1, KT_ALERT_CLOSE_NOTIFY};
    struct kt_span close_notify = kt_span_of(close, sizeof close);
    uint8_t data[50];

    (void)state;
    for (uint8_t i = 0; i < sizeof data; i++) {
        data[i] = i;
    }
    protect(&sealing, &opening, PLAIN_SERVER_HANDSHAKE);
    assert_record(&sealing, &opening, KT_CONTENT_HANDSHAKE, span_of(&flight), PLAIN_FLIGHT_RECORD);
    protect(&sealing, &opening, PLAIN_CLIENT_HANDSHAKE);
    assert_record(&sealing, &opening, KT_CONTENT_HANDSHAKE, span_of(&finished), PLAIN_CLIENT_FINISHED_RECORD);

    protect(&sealing, &opening, PLAIN_SERVER_APPLICATION);
    assert_record(&sealing, &opening, KT_CONTENT_HANDSHAKE, span_of(&ticket), PLAIN_TICKET_RECORD);
    assert_record(&sealing, &opening, KT_CONTENT_DATA, kt_span_of(data, sizeof data), PLAIN_SERVER_DATA_RECORD);
    assert_record(&sealing, &opening, KT_CONTENT_ALERT, close_notify, PLAIN_SERVER_CLOSE_RECORD);

    protect(&sealing, &opening, PLAIN_CLIENT_APPLICATION);
    assert_record(&sealing, &opening, KT_CONTENT_DATA, kt_span_of(data, sizeof data), PLAIN_CLIENT_DATA_RECORD);
    assert_record(&sealing, &opening, KT_CONTENT_ALERT, close_notify, PLAIN_CLIENT_CLOSE_RECORD);
    kt_protection_clear(&sealing);
    kt_protection_clear(&opening);
}

static void begin_retry_transcript(struct kt_transcript *t, struct bytes *hello)
{
    *hello = unhex(RETRY_CLIENT_HELLO_RECORD);
    kt_transcript_init(t);
    kt_transcript_add(t, kt_span_of(hello->b + KT_RECORD_HEADER, hello->len - KT_RECORD_HEADER));
    kt_transcript_begin(t, kit_aes128()->hash);
    kt_transcript_retry(t);
    add_record(t, RETRY_RETRY_REQUEST_RECORD);
    add_record(t, RETRY_CLIENT_HELLO_2_RECORD);
    add_record(t, RETRY_SERVER_HELLO_RECORD);
}

static void section_5_key_schedule(void **state)
{
    struct kt_schedule13 s;
    struct kt_transcript t;
    struct bytes hello;

    (void)state;
    begin_retry_transcript(&t, &hello);
    assert_hash(&t, RETRY_HELLO_HASH);
    schedule_until_handshake(&s, RETRY_SHARED);
    kit_assert_hex(s.secret.b, s.secret.len, RETRY_HANDSHAKE_SECRET);
    assert_derived(&s, KT_STAGE_HANDSHAKE, "c hs traffic", &t, RETRY_CLIENT_HANDSHAKE);
    assert_derived(&s, KT_STAGE_HANDSHAKE, "s hs traffic", &t, RETRY_SERVER_HANDSHAKE);
    assert_good(kt_schedule13_main(&s));
    kit_assert_hex(s.secret.b, s.secret.len, RETRY_MAIN_SECRET);
    add_messages(&t, RETRY_FLIGHT);
    assert_hash(&t, RETRY_FLIGHT_HASH);
    assert_derived(&s, KT_STAGE_MAIN, "c ap traffic", &t, RETRY_CLIENT_APPLICATION);
    assert_derived(&s, KT_STAGE_MAIN, "s ap traffic", &t, RETRY_SERVER_APPLICATION);
    assert_derived(&s, KT_STAGE_MAIN, "exp master", &t, RETRY_EXPORTER);
    add_messages(&t, RETRY_CLIENT_FINISHED);
    assert_derived(&s, KT_STAGE_MAIN, "res master", &t, RETRY_RESUMPTION);
}

static void section_5_finished(void **state)
{
    struct kt_transcript t;
    struct bytes hello;

    (void)state;
    begin_retry_transcript(&t, &hello);
    assert_both_finished(&t, RETRY_FLIGHT, RETRY_SERVER_HANDSHAKE, RETRY_CLIENT_HANDSHAKE, RETRY_CLIENT_FINISHED);
}

static void section_5_records(void **state)
{
    struct kt_protection sealing = {.aead = NULL}, opening = {.aead = NULL};
    struct bytes flight = unhex(RETRY_FLIGHT), finished = unhex(RETRY_CLIENT_FINISHED);
    const uint8_t close[] = {1, KT_ALERT_CLOSE_NOTIFY};
    struct kt_span close_notify = kt_span_of(close, sizeof close);

    (void)state;
    protect(&sealing, &opening, RETRY_SERVER_HANDSHAKE);
    assert_record(&sealing, &opening, KT_CONTENT_HANDSHAKE, span_of(&flight), RETRY_FLIGHT_RECORD);
    protect(&sealing, &opening, RETRY_CLIENT_HANDSHAKE);
    assert_record(&sealing, &opening, KT_CONTENT_HANDSHAKE, span_of(&finished), RETRY_CLIENT_FINISHED_RECORD);
    protect(&sealing, &opening, RETRY_CLIENT_APPLICATION);
    assert_record(&sealing, &opening, KT_CONTENT_ALERT, close_notify, RETRY_CLIENT_CLOSE_RECORD);
    protect(&sealing, &opening, RETRY_SERVER_APPLICATION);
    assert_record(&sealing, &opening, KT_CONTENT_ALERT, close_notify, RETRY_SERVER_CLOSE_RECORD);
    kt_protection_clear(&sealing);
    kt_protection_clear(&opening);
}

/* ---- the halves over the same bytes ---- */

static void feed(struct kt_rx *rx, const char *record_hex)
{
    struct bytes record = unhex(record_hex);
    size_t room;
    uint8_t *to = kt_rx_room(rx, &room);

    assert_true(to != NULL && room >= record.len);
    memcpy(to, record.b, record.len);
    assert_good(kt_rx_filled(rx, record.len));
}

static void expect_message(struct kt_rx *rx, uint8_t type, bool last)
{
    struct kt_incoming in;

    assert_good(kt_rx_next(rx, &in));
    assert_int_equal(in.event, KT_RX_MESSAGE);
    assert_int_equal(in.message.type, type);
    assert_int_equal(in.message.last_in_record, last);
}

/* What the client of section 3 receives. */
static void section_3_received(void **state)
{
    struct kit_world world;
    struct kt_watch watch;
    struct kt_rx rx;
    struct kt_incoming in;
    struct kt_secret secret = secret_of(PLAIN_SERVER_HANDSHAKE);

    (void)state;
    kit_world_init(&world);
    watch = kit_watch(&world);
    kt_rx_init(&rx, &watch, 65536);
    feed(&rx, PLAIN_SERVER_HELLO_RECORD);
    feed(&rx, PLAIN_FLIGHT_RECORD);
    expect_message(&rx, KT_MSG_SERVER_HELLO, true);
    assert_good(kt_rx_protect(&rx, kit_aes128(), &secret, false, 0));
    expect_message(&rx, KT_MSG_ENCRYPTED_EXTENSIONS, false);
    expect_message(&rx, KT_MSG_CERTIFICATE, false);
    expect_message(&rx, KT_MSG_CERTIFICATE_VERIFY, false);
    expect_message(&rx, KT_MSG_FINISHED, true);
    secret = secret_of(PLAIN_SERVER_APPLICATION);
    assert_good(kt_rx_protect(&rx, kit_aes128(), &secret, true, 0));
    feed(&rx, PLAIN_TICKET_RECORD);
    feed(&rx, PLAIN_SERVER_DATA_RECORD);
    feed(&rx, PLAIN_SERVER_CLOSE_RECORD);
    expect_message(&rx, KT_MSG_NEW_SESSION_TICKET, true);
    assert_good(kt_rx_next(&rx, &in));
    assert_int_equal(in.event, KT_RX_DATA);
    assert_int_equal(in.data.len, 50);
    assert_good(kt_rx_data_done(&rx, 50));
    assert_good(kt_rx_next(&rx, &in));
    assert_int_equal(in.event, KT_RX_ALERT);
    assert_int_equal(in.alert, KT_ALERT_CLOSE_NOTIFY);
    kt_rx_free(&rx);
    assert_int_equal(world.live, 0);
}

static void send_messages(struct kt_tx *tx, const char *messages_hex)
{
    struct bytes messages = unhex(messages_hex);
    size_t taken;

    assert_good(kt_tx_handshake(tx, span_of(&messages), &taken));
    assert_int_equal(taken, messages.len);
}

static void expect_output(struct kt_tx *tx, const char *record_hex)
{
    struct kt_span out;

    assert_good(kt_tx_out(tx, &out));
    kit_assert_hex(out.p, out.len, record_hex);
    assert_good(kt_tx_out_done(tx, out.len));
}

static void send_plain_record(struct kt_tx *tx, const char *record_hex)
{
    struct bytes record = unhex(record_hex);
    size_t taken;

    assert_good(kt_tx_handshake(tx, kt_span_of(record.b + KT_RECORD_HEADER, record.len - KT_RECORD_HEADER), &taken));
    expect_output(tx, record_hex);
}

/* What the client of section 5 sends: the first hello says 0x0301, the second 0x0303. */
static void section_5_client_sent(void **state)
{
    struct kit_world world;
    struct kt_watch watch;
    struct kt_tx tx;
    struct kt_secret secret = secret_of(RETRY_CLIENT_HANDSHAKE);

    (void)state;
    kit_world_init(&world);
    watch = kit_watch(&world);
    kt_tx_init(&tx, &watch, 0);
    send_plain_record(&tx, RETRY_CLIENT_HELLO_RECORD);
    send_plain_record(&tx, RETRY_CLIENT_HELLO_2_RECORD);
    assert_good(kt_tx_protect(&tx, kit_aes128(), &secret, false, 0));
    send_messages(&tx, RETRY_CLIENT_FINISHED);
    expect_output(&tx, RETRY_CLIENT_FINISHED_RECORD);
    secret = secret_of(RETRY_CLIENT_APPLICATION);
    assert_good(kt_tx_protect(&tx, kit_aes128(), &secret, true, 0));
    assert_good(kt_tx_alert(&tx, 1, KT_ALERT_CLOSE_NOTIFY));
    expect_output(&tx, RETRY_CLIENT_CLOSE_RECORD);
    kt_tx_free(&tx);
    assert_int_equal(world.live, 0);
}

/* What the server of section 3 sends: four messages in one record. */
static void section_3_server_sent(void **state)
{
    struct kit_world world;
    struct kt_watch watch;
    struct kt_tx tx;
    struct kt_secret secret = secret_of(PLAIN_SERVER_HANDSHAKE);
    uint8_t data[50];
    size_t taken;

    (void)state;
    for (uint8_t i = 0; i < sizeof data; i++) {
        data[i] = i;
    }
    kit_world_init(&world);
    watch = kit_watch(&world);
    kt_tx_init(&tx, &watch, 0);
    send_plain_record(&tx, PLAIN_SERVER_HELLO_RECORD);
    assert_good(kt_tx_protect(&tx, kit_aes128(), &secret, false, 0));
    send_messages(&tx, PLAIN_FLIGHT);
    expect_output(&tx, PLAIN_FLIGHT_RECORD);
    secret = secret_of(PLAIN_SERVER_APPLICATION);
    assert_good(kt_tx_protect(&tx, kit_aes128(), &secret, true, 0));
    send_messages(&tx, PLAIN_TICKET);
    expect_output(&tx, PLAIN_TICKET_RECORD);
    assert_good(kt_tx_data(&tx, data, sizeof data, &taken));
    expect_output(&tx, PLAIN_SERVER_DATA_RECORD);
    assert_good(kt_tx_alert(&tx, 1, KT_ALERT_CLOSE_NOTIFY));
    expect_output(&tx, PLAIN_SERVER_CLOSE_RECORD);
    kt_tx_free(&tx);
    assert_int_equal(world.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(section_3_key_schedule), cmocka_unit_test(section_3_traffic_keys),
        cmocka_unit_test(section_3_ticket_psk),   cmocka_unit_test(section_3_finished),
        cmocka_unit_test(section_3_records),      cmocka_unit_test(section_3_received),
        cmocka_unit_test(section_3_server_sent),  cmocka_unit_test(section_5_key_schedule),
        cmocka_unit_test(section_5_finished),     cmocka_unit_test(section_5_records),
        cmocka_unit_test(section_5_client_sent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
