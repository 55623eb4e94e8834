/* Both halves of a connection of TLS 1.2 and below, against a peer made of bare protection. */
#include "support/record_kit.h"

enum { CHAIN_LIMIT = 65536, VARIANTS = 7 };

/* Each form that protection has. */
static const struct variant {
    uint16_t suite;
    uint16_t version;
    bool encrypt_then_mac;
} variants[VARIANTS] = {
    {KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, KT_TLS_1_2, false},
    {KT_SUITE_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256, KT_TLS_1_2, false},
    {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CCM, KT_TLS_1_2, false},
    {KT_SUITE_RSA_WITH_AES_128_CBC_SHA, KT_TLS_1_0, false},
    {KT_SUITE_RSA_WITH_AES_256_CBC_SHA, KT_TLS_1_1, true},
    {KT_SUITE_RSA_WITH_AES_128_CBC_SHA256, KT_TLS_1_2, false},
    {KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA384, KT_TLS_1_2, true},
};

/* Both halves, their world, and the wire in each direction. Static: the wires are large. */
static struct {
    struct kit_world world;
    struct kt_rx rx;
    struct kt_tx tx;
    struct kt_link link;
    struct kt_carrier_tls carrier;
    struct kt_carrier ops;
    struct kit_wire in; /* what the peer sends */
    size_t fed;
    struct kt_protection peer; /* opens what we send */
    uint8_t out[1 << 17];
    size_t out_len, out_at;
} s;

static uint8_t src[KT_PLAINTEXT_MAX];

static const struct kt_suite *suite_of(const struct variant *v)
{
    return kit_suite(v->suite);
}

static void begin(void)
{
    struct kt_watch watch;

    memset(&s, 0, sizeof s);
    for (size_t i = 0; i < sizeof src; i++) {
        src[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    kit_world_init(&s.world);
    s.world.env.observer = kit_observe;
    watch = kit_watch(&s.world);
    kt_rx_init(&s.rx, &watch, CHAIN_LIMIT);
    kt_tx_init(&s.tx, &watch, 0);
    s.ops = kt_carrier_tls(&s.carrier, &s.rx, &s.tx, &s.link);
}

static void end(void)
{
    kt_rx_free(&s.rx);
    kt_tx_free(&s.tx);
    kt_protection_clear(&s.in.protection);
    kt_protection_clear(&s.peer);
    assert_int_equal(s.world.live, 0);
}

/* ---- what we send ---- */

static void drain(void)
{
    struct kt_span out;

    assert_good(kt_tx_out(&s.tx, &out));
    while (out.len > 0) {
        memcpy(s.out + s.out_len, out.p, out.len);
        s.out_len += out.len;
        assert_good(kt_tx_out_done(&s.tx, out.len));
        assert_good(kt_tx_out(&s.tx, &out));
    }
}

/* The next record, opened by the peer when it has keys; its length with the header. */
static size_t receive(uint8_t *type, struct kt_span *content)
{
    uint8_t *record = s.out + s.out_at;
    size_t len;

    assert_true(s.out_at + KT_RECORD_HEADER <= s.out_len);
    len = KT_RECORD_HEADER + ((size_t)record[3] << 8) + record[4];
    s.out_at += len;
    assert_true(s.out_at <= s.out_len);
    if (kt_protection_on(&s.peer)) {
        assert_int_equal(record[1] << 8 | record[2], s.peer.version);
        assert_good(kt_protection_open(&s.peer, record, len, type, content));
    } else {
        *type = record[0];
        *content = kt_span_of(record + KT_RECORD_HEADER, len - KT_RECORD_HEADER);
    }
    return len;
}

static size_t expect(uint8_t type, const void *bytes, size_t len)
{
    struct kt_span content;
    uint8_t got;
    size_t whole = receive(&got, &content);

    assert_int_equal(got, type);
    assert_int_equal(content.len, len);
    assert_memory_equal(content.p, bytes, len);
    return whole;
}

/* Our sending keys change, and the peer follows. */
static void change_sending(const struct variant *v, uint8_t seed, enum kt_birth birth)
{
    struct kt_keys12 keys = kit_keys12(v->version, v->encrypt_then_mac, seed);

    s.ops.ops->speak(s.ops.self, v->version);
    assert_good(s.ops.ops->change(s.ops.self, KT_SENDING, suite_of(v), &keys, birth));
    drain();
    (void)expect(KT_CONTENT_CCS, "\1", 1);
    assert_good(kt_protection_set12(&s.peer, KT_RECEIVING, suite_of(v), &keys));
}

static void send_data(const uint8_t *bytes, size_t len, bool lent)
{
    size_t room, taken;
    uint8_t *memory;

    if (!lent) {
        assert_good(kt_tx_data(&s.tx, bytes, len, &taken));
        assert_int_equal(taken, len);
        return;
    }
    memory = kt_tx_lend(&s.tx, &room);
    assert_non_null(memory);
    assert_true(room >= len);
    memcpy(memory, bytes, len);
    assert_good(kt_tx_lent_done(&s.tx, len));
}

/* TLS 1.0: the first byte goes before the others (1/n-1). */
static void expect_data(const struct variant *v, const uint8_t *bytes, size_t len)
{
    size_t first = v->version == KT_TLS_1_0 && len > 1 ? 1 : 0;

    if (first > 0) {
        (void)expect(KT_CONTENT_DATA, bytes, first);
    }
    (void)expect(KT_CONTENT_DATA, bytes + first, len - first);
}

static void data_goes_out_in_each_form(void **state)
{
    static const size_t lengths[] = {1, 2, 3, 16, 100, 5000, KT_PLAINTEXT_MAX};

    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        begin();
        change_sending(&variants[i], 1, KT_BIRTH_INITIAL);
        for (size_t k = 0; k < 2 * KT_COUNT_OF(lengths); k++) {
            send_data(src, lengths[k / 2], k % 2 != 0);
            drain();
            expect_data(&variants[i], src, lengths[k / 2]);
        }
        end();
    }
}

/* Two full records and what the reserve is for fit in the buffer, whatever the form. */
static void two_full_records_fit(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        begin();
        change_sending(&variants[i], 1, KT_BIRTH_INITIAL);
        send_data(src, sizeof src, false);
        assert_true(kt_tx_takes_data(&s.tx));
        send_data(src, sizeof src, true);
        assert_false(kt_tx_takes_data(&s.tx));
        assert_good(kt_tx_alert(&s.tx, 1, KT_ALERT_USER_CANCELED));
        assert_good(kt_tx_alert(&s.tx, 1, KT_ALERT_CLOSE_NOTIFY));
        drain();
        expect_data(&variants[i], src, sizeof src);
        expect_data(&variants[i], src, sizeof src);
        (void)expect(KT_CONTENT_ALERT, "\1\x5a", 2);
        (void)expect(KT_CONTENT_ALERT, "\1\0", 2);
        end();
    }
}

/* A handshake that fills the buffer is cut into records, and the change of keys finishes the open one. */
static void messages_are_fragmented_and_finished_before_a_change(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        size_t taken;

        begin();
        change_sending(&variants[i], 1, KT_BIRTH_INITIAL);
        assert_good(kt_tx_limit(&s.tx, 1000));
        assert_good(kt_tx_handshake(&s.tx, kt_span_of(src, 2500), &taken));
        assert_int_equal(taken, 2500);
        {
            struct kt_keys12 keys = kit_keys12(variants[i].version, variants[i].encrypt_then_mac, 9);

            assert_good(kt_tx_change(&s.tx, suite_of(&variants[i]), &keys, KT_BIRTH_CALLER, 2000));
            drain();
            (void)expect(KT_CONTENT_HANDSHAKE, src, 1000);
            (void)expect(KT_CONTENT_HANDSHAKE, src + 1000, 1000);
            (void)expect(KT_CONTENT_HANDSHAKE, src + 2000, 500);
            (void)expect(KT_CONTENT_CCS, "\1", 1);
            assert_good(kt_protection_set12(&s.peer, KT_RECEIVING, suite_of(&variants[i]), &keys));
        }
        send_data(src, 100, false);
        drain();
        expect_data(&variants[i], src, 100);
        end();
    }
}

static void the_first_change_is_epoch_0_and_each_other_the_next(void **state)
{
    struct kt_epoch_info info;

    (void)state;
    begin();
    change_sending(&variants[0], 1, KT_BIRTH_INITIAL);
    info = kt_epoch_info(&s.tx.epoch);
    assert_true(info.number == 0 && info.birth == KT_BIRTH_INITIAL);
    send_data(src, 10, false);
    assert_true(s.tx.epoch.records == 1 && s.tx.epoch.bytes == 10);
    drain();
    expect_data(&variants[0], src, 10);
    change_sending(&variants[5], 2, KT_BIRTH_SECONDS);
    info = kt_epoch_info(&s.tx.epoch);
    assert_true(info.number == 1 && info.birth == KT_BIRTH_SECONDS && s.tx.epoch.records == 0);
    change_sending(&variants[5], 3, KT_BIRTH_PEER);
    assert_true(s.tx.epoch.number == 2);
    s.tx.epoch.number = KT_EPOCH_LAST;
    {
        struct kt_keys12 keys = kit_keys12(KT_TLS_1_2, false, 4);

        assert_fault(kt_tx_change(&s.tx, suite_of(&variants[0]), &keys, KT_BIRTH_PEER, 0), LIFETIME_EPOCHS_SPENT);
    }
    end();
}

/* The part of a nonce that is sent is the sequence: it never repeats under one key (RFC 5288 section 3). */
static void explicit_nonces_count(void **state)
{
    (void)state;
    begin();
    change_sending(&variants[0], 1, KT_BIRTH_INITIAL);
    for (uint8_t i = 0; i < 200; i++) {
        const uint8_t right[8] = {[7] = i};

        send_data(src, 1, i % 2 != 0);
        drain();
        assert_memory_equal(s.out + s.out_at + KT_RECORD_HEADER, right, sizeof right);
        expect_data(&variants[0], src, 1);
    }
    end();
}

/* An explicit IV is drawn for each record; and where there is none to be had, no record is made. */
static void explicit_ivs_are_drawn(void **state)
{
    uint8_t before[KT_CBC_BLOCK] = {0};
    size_t taken;

    (void)state;
    begin();
    change_sending(&variants[5], 1, KT_BIRTH_INITIAL);
    for (unsigned i = 1; i < 50; i++) {
        send_data(src, 20, i % 2 != 0);
        drain();
        assert_true(s.world.randoms == i * KT_CBC_BLOCK);
        assert_memory_not_equal(s.out + s.out_at + KT_RECORD_HEADER, before, sizeof before);
        memcpy(before, s.out + s.out_at + KT_RECORD_HEADER, sizeof before);
        expect_data(&variants[5], src, 20);
    }
    s.world.no_random = true;
    assert_fault(kt_tx_data(&s.tx, src, 20, &taken), RANDOM_FAILED);
    assert_false(kt_tx_has_output(&s.tx));
    end();
}

/* Plain records say the version agreed on; the first ClientHello is older than all. */
static void records_say_their_version(void **state)
{
    static const uint16_t versions[] = {KT_TLS_1_0, KT_TLS_1_1, KT_TLS_1_2};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(versions); i++) {
        begin();
        assert_good(kt_tx_alert(&s.tx, 2, KT_ALERT_HANDSHAKE_FAILURE));
        s.ops.ops->speak(s.ops.self, versions[i]);
        assert_good(kt_tx_alert(&s.tx, 2, KT_ALERT_HANDSHAKE_FAILURE));
        drain();
        assert_int_equal(s.out[1] << 8 | s.out[2], KT_TLS_1_2);
        assert_int_equal(s.out[8] << 8 | s.out[9], versions[i]);
        end();
    }
}

static void no_key_update_and_no_padding(void **state)
{
    (void)state;
    begin();
    change_sending(&variants[0], 1, KT_BIRTH_INITIAL);
    s.tx.padding = 512;
    send_data(src, 10, false);
    drain();
    assert_int_equal(expect(KT_CONTENT_DATA, src, 10), KT_RECORD_HEADER + 8 + 10 + KT_TAG_LEN);
    assert_fault(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 0), USAGE_STATE);
    end();
}

static void limits_of_a_key_hold(void **state)
{
    size_t taken;

    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        begin();
        change_sending(&variants[i], 1, KT_BIRTH_INITIAL);
        s.tx.protection.sequence = kt_suite_max_records(suite_of(&variants[i]));
        if (s.tx.protection.sequence != UINT64_MAX) {
            assert_fault(kt_tx_data(&s.tx, src, 1, &taken), LIFETIME_AEAD_LIMIT);
        }
        s.tx.protection.sequence = UINT64_MAX;
        assert_fault(kt_tx_data(&s.tx, src, 1, &taken), RECORD_SEQUENCE_END);
        end();
    }
}

/* ---- what we receive ---- */

static void feed(void)
{
    size_t room;
    uint8_t *to = kt_rx_room(&s.rx, &room);
    size_t n = s.in.len - s.fed;

    assert_non_null(to);
    n = n < room ? n : room;
    memcpy(to, s.in.b + s.fed, n);
    s.fed += n;
    assert_good(kt_rx_filled(&s.rx, n));
}

static const struct kt_fault *next(struct kt_incoming *in)
{
    const struct kt_fault *fault = kt_rx_next(&s.rx, in);

    while (fault == NULL && in->event == KT_RX_NEED && s.fed < s.in.len) {
        feed();
        fault = kt_rx_next(&s.rx, in);
    }
    return fault;
}

static void expect_event(enum kt_rx_event event)
{
    struct kt_incoming in;

    assert_good(next(&in));
    assert_int_equal(in.event, event);
    if (event == KT_RX_DATA) {
        assert_good(kt_rx_data_done(&s.rx, in.data.len));
    }
}

static void peer_puts(uint8_t type, const void *bytes, size_t len)
{
    if (kt_protection_on(&s.in.protection)) {
        kit_put_sealed(&s.in, type, bytes, len, 0);
    } else {
        kit_put_plain(&s.in, type, bytes, len);
    }
}

/* The peer's keys change, and we follow. */
static void change_receiving(const struct variant *v, uint8_t seed, enum kt_birth birth)
{
    struct kt_keys12 keys = kit_keys12(v->version, v->encrypt_then_mac, seed);

    peer_puts(KT_CONTENT_CCS, "\1", 1);
    expect_event(KT_RX_CCS);
    s.ops.ops->speak(s.ops.self, v->version);
    assert_good(s.ops.ops->change(s.ops.self, KT_RECEIVING, suite_of(v), &keys, birth));
    assert_good(kt_protection_set12(&s.in.protection, KT_SENDING, suite_of(v), &keys));
}

static void all_types_come_in_in_each_form(void **state)
{
    static const size_t lengths[] = {1, 2, 16, 100, 5000, KT_PLAINTEXT_MAX};
    uint8_t message[100];
    size_t message_len = kit_message(KT_MSG_FINISHED, 12, message);

    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        begin();
        change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
        peer_puts(KT_CONTENT_HANDSHAKE, message, message_len);
        expect_event(KT_RX_MESSAGE);
        for (size_t k = 0; k < KT_COUNT_OF(lengths); k++) {
            struct kt_incoming in;

            peer_puts(KT_CONTENT_DATA, src, lengths[k]);
            assert_good(next(&in));
            assert_int_equal(in.event, KT_RX_DATA);
            assert_int_equal(in.data.len, lengths[k]);
            assert_memory_equal(in.data.p, src, lengths[k]);
            assert_good(kt_rx_data_done(&s.rx, lengths[k]));
        }
        peer_puts(KT_CONTENT_ALERT, "\1\0", 2);
        expect_event(KT_RX_ALERT);
        assert_true(s.rx.epoch.records == 2 + KT_COUNT_OF(lengths));
        end();
    }
}

/* A rehandshake: change_cipher_spec under the old keys, what follows under the new ones. */
static void keys_change_under_protection(void **state)
{
    (void)state;
    begin();
    for (size_t i = 0; i < 2 * VARIANTS; i++) {
        change_receiving(&variants[i % VARIANTS], (uint8_t)i, i == 0 ? KT_BIRTH_INITIAL : KT_BIRTH_PEER);
        assert_true(s.rx.epoch.number == i);
        peer_puts(KT_CONTENT_DATA, src, 100);
        expect_event(KT_RX_DATA);
    }
    s.rx.epoch.number = KT_EPOCH_LAST;
    {
        struct kt_keys12 keys = kit_keys12(KT_TLS_1_2, false, 4);

        assert_fault(kt_rx_change(&s.rx, suite_of(&variants[0]), &keys, KT_BIRTH_PEER, 0), LIFETIME_EPOCHS_SPENT);
    }
    end();
}

/* Not even the peer's version: what begins with another is no record of this connection. */
static void protected_records_say_the_version(void **state)
{
    struct kt_incoming in;

    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        begin();
        change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
        peer_puts(KT_CONTENT_DATA, src, 100);
        s.in.b[s.fed + 2] ^= 7;
        assert_fault(next(&in), RECORD_VERSION_BAD);
        end();
    }
}

/* What is wrong with a record shows in nothing: one fault, one alert, made in one line. */
static void all_wrong_records_are_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        const struct kt_fault *first = NULL;
        size_t len = 1;

        for (size_t at = 0; at < len; at++) {
            struct kt_incoming in;
            const struct kt_fault *fault;

            begin();
            change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
            peer_puts(KT_CONTENT_DATA, src, 60);
            len = s.in.len - s.fed - KT_RECORD_HEADER;
            s.in.b[s.fed + KT_RECORD_HEADER + at] ^= 0x20;
            fault = next(&in);
            assert_fault(fault, RECORD_BAD_MAC);
            assert_true(first == NULL || fault == first);
            first = fault;
            end();
        }
    }
}

static void cut_records_are_as_wrong(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        for (size_t n = 0; n < 80; n++) {
            struct kt_incoming in;

            begin();
            change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
            peer_puts(KT_CONTENT_DATA, src, 60);
            s.in.b[s.fed + 3] = 0;
            s.in.b[s.fed + 4] = (uint8_t)n;
            if (KT_RECORD_HEADER + n < s.in.len - s.fed) {
                s.in.len = s.fed + KT_RECORD_HEADER + n;
                assert_fault(next(&in), RECORD_BAD_MAC);
            }
            end();
        }
    }
}

/* Longer than any record of 2^14 bytes can be is refused by its header, before it is there. */
static void records_that_are_too_long(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        struct kt_incoming in;
        size_t most;

        begin();
        change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
        most = kt_protection_fragment_max(&s.rx.protection, KT_PLAINTEXT_MAX);
        assert_true(most <= KT_CIPHERTEXT12_MAX && KT_RECORD_HEADER + most <= KT_RX_BUFFER);
        kit_put_header(&s.in, KT_CONTENT_DATA, most);
        s.in.b[s.in.len - 3] = (uint8_t)variants[i].version;
        assert_good(next(&in));
        assert_int_equal(in.event, KT_RX_NEED);
        end();
        begin();
        change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
        kit_put_header(&s.in, KT_CONTENT_DATA, most + 1);
        s.in.b[s.in.len - 3] = (uint8_t)variants[i].version;
        assert_fault(next(&in), RECORD_TOO_LONG);
        end();
    }
}

/* What a record holds, not what it is wrapped in, is held against the limit (RFC 8449 section 4). */
static void content_is_held_against_its_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        struct kt_incoming in;

        begin();
        change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
        kt_rx_limit(&s.rx, 512);
        peer_puts(KT_CONTENT_DATA, src, 512);
        expect_event(KT_RX_DATA);
        peer_puts(KT_CONTENT_DATA, src, 513);
        assert_fault(next(&in), RECORD_TOO_LONG);
        end();
    }
}

/* A peer whose MAC is right but whose text is longer than any record may hold. */
static void more_than_2_to_the_14_is_too_long(void **state)
{
    static uint8_t text[KT_PLAINTEXT_MAX + 1];

    (void)state;
    for (size_t i = 3; i < VARIANTS; i++) {
        struct kt_incoming in;

        begin();
        change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
        peer_puts(KT_CONTENT_DATA, text, sizeof text);
        assert_fault(next(&in), RECORD_TOO_LONG);
        end();
    }
}

static void empty_records_spend_patience(void **state)
{
    struct kt_incoming in;
    const struct kt_fault *fault = NULL;
    unsigned taken = 0;

    (void)state;
    begin();
    change_receiving(&variants[3], 1, KT_BIRTH_INITIAL);
    for (unsigned i = 0; i <= KT_BUDGET_NO_PROGRESS; i++) {
        peer_puts(KT_CONTENT_DATA, "", 0);
    }
    while (fault == NULL && taken <= KT_BUDGET_NO_PROGRESS) {
        fault = next(&in);
        taken++;
    }
    assert_fault(fault, NO_PROGRESS);
    end();
}

static void a_ccs_inside_a_message_is_refused(void **state)
{
    (void)state;
    for (unsigned keys = 0; keys < 2; keys++) {
        uint8_t message[200];
        struct kt_incoming in;

        begin();
        if (keys != 0) {
            change_receiving(&variants[0], 1, KT_BIRTH_INITIAL);
        }
        (void)kit_message(KT_MSG_CERTIFICATE, 100, message);
        peer_puts(KT_CONTENT_HANDSHAKE, message, 50);
        peer_puts(KT_CONTENT_CCS, "\1", 1);
        assert_fault(next(&in), RECORD_INTERLEAVED);
        end();
    }
}

static void a_ccs_of_another_form_is_refused(void **state)
{
    static const char *const contents[] = {"\2", "\1\1", ""};

    (void)state;
    for (size_t i = 0; i < 2 * KT_COUNT_OF(contents); i++) {
        const char *content = contents[i / 2];
        struct kt_incoming in;

        begin();
        if (i % 2 != 0) {
            change_receiving(&variants[0], 1, KT_BIRTH_INITIAL);
        }
        peer_puts(KT_CONTENT_CCS, content, strlen(content));
        assert_fault(next(&in), CCS_MALFORMED);
        end();
    }
}

/* R3: with a byte of a message left over, whichever way the change would come about. */
static void keys_do_not_change_inside_a_message(void **state)
{
    struct kt_keys12 keys = kit_keys12(KT_TLS_1_2, false, 1);
    uint8_t messages[200];
    struct kt_incoming in;
    size_t len;

    (void)state;
    begin();
    len = kit_message(KT_MSG_FINISHED, 12, messages);
    len += kit_message(KT_MSG_FINISHED, 12, messages + len);
    peer_puts(KT_CONTENT_HANDSHAKE, messages, len);
    assert_good(next(&in));
    assert_fault(s.ops.ops->change(s.ops.self, KT_RECEIVING, suite_of(&variants[0]), &keys, KT_BIRTH_INITIAL),
                 KEY_CHANGE_INSIDE_MESSAGE);
    assert_false(kt_protection_on(&s.rx.protection));
    end();
}

static void a_pending_message_holds_our_change_back(void **state)
{
    struct kt_keys12 keys = kit_keys12(KT_TLS_1_2, false, 1);
    static uint8_t flight[1 << 16];

    (void)state;
    begin();
    assert_good(s.ops.ops->send(s.ops.self, kt_span_of(flight, sizeof flight)));
    assert_true(s.ops.ops->busy(s.ops.self));
    assert_fault(s.ops.ops->change(s.ops.self, KT_SENDING, suite_of(&variants[0]), &keys, KT_BIRTH_INITIAL),
                 USAGE_STATE);
    end();
}

static void there_is_no_key_update(void **state)
{
    (void)state;
    begin();
    change_receiving(&variants[0], 1, KT_BIRTH_INITIAL);
    assert_fault(kt_rx_next_epoch(&s.rx, KT_BIRTH_PEER, 0), USAGE_STATE);
    end();
}

/* Once keys are in, the buffers are all that is allocated. */
static void nothing_is_allocated_per_record(void **state)
{
    (void)state;
    for (size_t i = 0; i < VARIANTS; i++) {
        size_t allocs;

        begin();
        change_receiving(&variants[i], 1, KT_BIRTH_INITIAL);
        change_sending(&variants[i], 2, KT_BIRTH_INITIAL);
        send_data(src, 100, false);
        peer_puts(KT_CONTENT_DATA, src, 100);
        expect_event(KT_RX_DATA);
        allocs = s.world.allocs;
        for (unsigned k = 0; k < 50; k++) {
            send_data(src, 100, false);
            drain();
            peer_puts(KT_CONTENT_DATA, src, 100);
            expect_event(KT_RX_DATA);
        }
        assert_int_equal(s.world.allocs, allocs);
        end();
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(data_goes_out_in_each_form),
        cmocka_unit_test(two_full_records_fit),
        cmocka_unit_test(messages_are_fragmented_and_finished_before_a_change),
        cmocka_unit_test(the_first_change_is_epoch_0_and_each_other_the_next),
        cmocka_unit_test(explicit_nonces_count),
        cmocka_unit_test(explicit_ivs_are_drawn),
        cmocka_unit_test(records_say_their_version),
        cmocka_unit_test(no_key_update_and_no_padding),
        cmocka_unit_test(limits_of_a_key_hold),
        cmocka_unit_test(all_types_come_in_in_each_form),
        cmocka_unit_test(keys_change_under_protection),
        cmocka_unit_test(protected_records_say_the_version),
        cmocka_unit_test(all_wrong_records_are_alike),
        cmocka_unit_test(cut_records_are_as_wrong),
        cmocka_unit_test(records_that_are_too_long),
        cmocka_unit_test(content_is_held_against_its_limit),
        cmocka_unit_test(more_than_2_to_the_14_is_too_long),
        cmocka_unit_test(empty_records_spend_patience),
        cmocka_unit_test(a_ccs_inside_a_message_is_refused),
        cmocka_unit_test(a_ccs_of_another_form_is_refused),
        cmocka_unit_test(keys_do_not_change_inside_a_message),
        cmocka_unit_test(a_pending_message_holds_our_change_back),
        cmocka_unit_test(there_is_no_key_update),
        cmocka_unit_test(nothing_is_allocated_per_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
