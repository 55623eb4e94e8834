#include "record/tx.h"

#include "crypto/toy/toy.h"
#include "keys/schedule13.h"
#include "support/record_kit.h"

enum { OVERHEAD = KT_RECORD_HEADER + 1 + KT_TAG_LEN, KEY_UPDATE_RECORD = OVERHEAD + 5, ALERT_RECORD = OVERHEAD + 2 };

/* A sending half, its world, and the peer who opens what it sends. */
struct setup {
    struct kit_world world;
    struct kt_tx tx;
    struct kt_protection peer;
    struct kt_secret peer_secret;
    uint8_t wire[1 << 17];
    size_t wire_len, wire_at;
};

static struct setup s;

static uint8_t src[1 << 17];

static void begin(size_t padding)
{
    struct kt_watch watch;

    memset(&s, 0, sizeof s);
    for (size_t i = 0; i < sizeof src; i++) {
        src[i] = (uint8_t)(i * 31 + (i >> 8));
    }
    kit_world_init(&s.world);
    watch = kit_watch(&s.world);
    kt_tx_init(&s.tx, &watch, padding);
}

static void end(void)
{
    kt_tx_free(&s.tx);
    kt_protection_clear(&s.peer);
    assert_int_equal(s.world.live, 0);
}

static void protect(bool application)
{
    struct kt_secret secret = kit_secret(kit_aes128(), application ? 100 : 1);

    s.peer_secret = secret;
    assert_good(kt_tx_protect(&s.tx, kit_aes128(), &secret, application, s.world.now_ms));
}

/* The peer follows to the keys that were set last. */
static void peer_follows(void)
{
    assert_good(kt_protection_set(&s.peer, KT_RECEIVING, kit_aes128(), &s.peer_secret));
}

static void begin_connected(size_t padding)
{
    begin(padding);
    protect(true);
    peer_follows();
}

static struct kt_span shown(void)
{
    struct kt_span out;

    assert_good(kt_tx_out(&s.tx, &out));
    return out;
}

/* Sends at most n bytes of what is shown. */
static void drain(size_t n)
{
    struct kt_span out = shown();

    n = n < out.len ? n : out.len;
    if (n > 0) {
        memcpy(s.wire + s.wire_len, out.p, n);
    }
    s.wire_len += n;
    assert_good(kt_tx_out_done(&s.tx, n));
}

static void drain_all(void)
{
    while (kt_tx_has_output(&s.tx)) {
        drain(SIZE_MAX);
    }
}

/* The next record the peer got: its type and content; false when there is none. */
static bool receive(uint8_t *type, struct kt_span *content, size_t *record_len)
{
    uint8_t *record = s.wire + s.wire_at;

    if (s.wire_at == s.wire_len) {
        return false;
    }
    *record_len = KT_RECORD_HEADER + ((size_t)record[3] << 8) + record[4];
    assert_true(s.wire_at + *record_len <= s.wire_len);
    s.wire_at += *record_len;
    if (record[0] == KT_CONTENT_DATA) {
        assert_good(kt_protection_open(&s.peer, record, *record_len, type, content));
    } else {
        *type = record[0];
        *content = kt_span_of(record + KT_RECORD_HEADER, *record_len - KT_RECORD_HEADER);
    }
    return true;
}

static size_t expect_record(uint8_t type, const void *bytes, size_t len)
{
    uint8_t got;
    struct kt_span content;
    size_t record_len;

    assert_true(receive(&got, &content, &record_len));
    assert_int_equal(got, type);
    assert_int_equal(content.len, len);
    assert_memory_equal(content.p, bytes, len);
    return record_len;
}

static void expect_nothing(void)
{
    assert_int_equal(s.wire_at, s.wire_len);
    assert_false(kt_tx_has_output(&s.tx));
}

static void handshake(const void *bytes, size_t len)
{
    size_t taken;

    assert_good(kt_tx_handshake(&s.tx, kt_span_of(bytes, len), &taken));
    assert_int_equal(taken, len);
}

static size_t data(size_t len)
{
    size_t taken;

    assert_good(kt_tx_data(&s.tx, src, len, &taken));
    return taken;
}

/* ---- plain records ---- */

static void only_the_first_client_hello_looks_old(void **state)
{
    (void)state;
    begin(0);
    handshake("\x01\0\0\0", 4);
    drain_all();
    handshake("\x01\0\0\0", 4);
    drain_all();
    assert_memory_equal(s.wire, "\x16\x03\x01\0\x04\x01\0\0\0\x16\x03\x03\0\x04\x01\0\0\0", 18);
    end();
    begin(0);
    handshake("\x02\0\0\0", 4);
    drain_all();
    handshake("\x01\0\0\0", 4);
    drain_all();
    assert_memory_equal(s.wire, "\x16\x03\x03\0\x04\x02\0\0\0\x16\x03\x03\0\x04\x01\0\0\0", 18);
    end();
    begin(0);
    assert_good(kt_tx_alert(&s.tx, 2, 40));
    drain_all();
    assert_memory_equal(s.wire, "\x15\x03\x03\0\x02\x02\x28", 7);
    end();
}

/* A hello longer than a record: what follows its first record does not look old. */
static void a_hello_longer_than_a_record(void **state)
{
    size_t taken;

    (void)state;
    begin(0);
    src[0] = KT_MSG_CLIENT_HELLO;
    assert_good(kt_tx_handshake(&s.tx, kt_span_of(src, KT_PLAINTEXT_MAX + 10), &taken));
    assert_int_equal(taken, KT_PLAINTEXT_MAX + 10);
    drain_all();
    assert_int_equal(s.wire[2], 1);
    assert_int_equal(s.wire[KT_RECORD_HEADER + KT_PLAINTEXT_MAX + 2], 3);
    assert_int_equal(expect_record(KT_CONTENT_HANDSHAKE, src, KT_PLAINTEXT_MAX), 5 + KT_PLAINTEXT_MAX);
    expect_record(KT_CONTENT_HANDSHAKE, src + KT_PLAINTEXT_MAX, 10);
    expect_nothing();
    end();
}

static void the_compatibility_record_is_never_protected(void **state)
{
    (void)state;
    begin_connected(0);
    handshake("abcd", 4);
    assert_good(kt_tx_ccs(&s.tx));
    drain_all();
    expect_record(KT_CONTENT_HANDSHAKE, "abcd", 4);
    assert_memory_equal(s.wire + s.wire_at, "\x14\x03\x03\0\x01\x01", 6);
    expect_record(KT_CONTENT_CCS, "\1", 1);
    expect_nothing();
    end();
}

static void data_is_never_sent_in_clear(void **state)
{
    size_t taken = 7, len = 7;

    (void)state;
    begin(0);
    assert_fault(kt_tx_data(&s.tx, src, 10, &taken), USAGE_STATE);
    assert_int_equal(taken, 0);
    assert_null(kt_tx_lend(&s.tx, &len));
    assert_int_equal(len, 0);
    expect_nothing();
    end();
}

/* ---- handshake ---- */

static void messages_share_a_record_until_the_flight_ends(void **state)
{
    (void)state;
    begin(0);
    protect(false);
    peer_follows();
    handshake("one", 3);
    handshake("two", 3);
    assert_good(kt_tx_finish_record(&s.tx));
    handshake("three", 5);
    assert_good(kt_tx_finish_record(&s.tx));
    assert_good(kt_tx_finish_record(&s.tx));
    drain_all();
    expect_record(KT_CONTENT_HANDSHAKE, "onetwo", 6);
    expect_record(KT_CONTENT_HANDSHAKE, "three", 5);
    expect_nothing();
    end();
}

/* What is there is shown first; the open record goes on growing behind it. */
static void an_open_record_is_finished_when_nothing_else_is_there(void **state)
{
    struct kt_span out;

    (void)state;
    begin(0);
    protect(false);
    peer_follows();
    handshake("one", 3);
    assert_good(kt_tx_finish_record(&s.tx));
    handshake("two", 3);
    out = shown();
    assert_int_equal(out.len, OVERHEAD + 3);
    handshake("three", 5);
    drain_all();
    expect_record(KT_CONTENT_HANDSHAKE, "one", 3);
    expect_record(KT_CONTENT_HANDSHAKE, "twothree", 8);
    expect_nothing();
    end();
}

static void a_message_longer_than_the_room(void **state)
{
    size_t taken, sent = 0, rounds = 0;
    uint8_t type;
    struct kt_span content;
    size_t record_len;

    (void)state;
    begin(0);
    protect(false);
    peer_follows();
    while (sent < 100000) {
        assert_good(kt_tx_handshake(&s.tx, kt_span_of(src + sent, 100000 - sent), &taken));
        sent += taken;
        rounds++;
        assert_true(kt_tx_can_update(&s.tx)); /* the reserve is not for handshake content */
        drain_all();
    }
    assert_true(rounds <= 4);
    for (size_t got = 0; got < 100000; got += content.len) {
        assert_true(receive(&type, &content, &record_len));
        assert_memory_equal(content.p, src + got, content.len);
    }
    expect_nothing();
    end();
}

static void the_open_record_is_finished_under_its_key(void **state)
{
    (void)state;
    begin(0);
    protect(false);
    peer_follows();
    handshake("finished", 8);
    protect(true);
    assert_int_equal(data(4), 4);
    drain_all();
    expect_record(KT_CONTENT_HANDSHAKE, "finished", 8);
    peer_follows();
    expect_record(KT_CONTENT_DATA, src, 4);
    expect_nothing();
    end();
}

/* ---- data ---- */

static void data_of_all_kinds_of_length(void **state)
{
    static const size_t lengths[] = {1, 2, 100, 2047, 2048, 2049, KT_PLAINTEXT_MAX - 1, KT_PLAINTEXT_MAX};

    (void)state;
    begin_connected(0);
    for (size_t i = 0; i < KT_COUNT_OF(lengths); i++) {
        assert_int_equal(data(lengths[i]), lengths[i]);
        drain_all();
        expect_record(KT_CONTENT_DATA, src, lengths[i]);
        s.wire_len = s.wire_at = 0;
    }
    assert_int_equal(data(KT_PLAINTEXT_MAX + 1), KT_PLAINTEXT_MAX);
    assert_int_equal(data(0), 0);
    end();
}

static void two_full_records_fit_and_no_crumbs_behind(void **state)
{
    (void)state;
    begin_connected(0);
    assert_int_equal(data(KT_PLAINTEXT_MAX), KT_PLAINTEXT_MAX);
    assert_true(kt_tx_takes_data(&s.tx));
    assert_int_equal(data(KT_PLAINTEXT_MAX), KT_PLAINTEXT_MAX);
    assert_false(kt_tx_takes_data(&s.tx));
    assert_int_equal(data(10), 0);
    assert_true(kt_tx_can_update(&s.tx));
    drain(100);
    assert_int_equal(data(10), 0); /* what was shown does not move, so there is no room yet */
    drain_all();
    assert_true(kt_tx_takes_data(&s.tx));
    assert_int_equal(data(10), 10);
    end();
}

static void lent_memory_is_sealed_in_place(void **state)
{
    size_t len;
    uint8_t *lent;

    (void)state;
    begin_connected(0);
    for (int i = 0; i < 2; i++) {
        lent = kt_tx_lend(&s.tx, &len);
        assert_non_null(lent);
        assert_int_equal(len, KT_PLAINTEXT_MAX);
        memcpy(lent, src, len);
        assert_good(kt_tx_lent_done(&s.tx, i == 0 ? len : 5));
    }
    drain_all();
    expect_record(KT_CONTENT_DATA, src, KT_PLAINTEXT_MAX);
    expect_record(KT_CONTENT_DATA, src, 5);
    expect_nothing();
    end();
}

static void lending_when_there_is_no_room(void **state)
{
    size_t len;

    (void)state;
    begin_connected(0);
    while (data(KT_PLAINTEXT_MAX) > 0) {
    }
    assert_null(kt_tx_lend(&s.tx, &len));
    assert_int_equal(len, 0);
    assert_fault(kt_tx_lent_done(&s.tx, 1), USAGE_TOO_MUCH);
    assert_good(kt_tx_lent_done(&s.tx, 0));
    end();
}

static void too_much_of_what_was_lent(void **state)
{
    size_t len;

    (void)state;
    begin_connected(0);
    assert_non_null(kt_tx_lend(&s.tx, &len));
    assert_fault(kt_tx_lent_done(&s.tx, len + 1), USAGE_TOO_MUCH);
    assert_good(kt_tx_lent_done(&s.tx, len));
    assert_fault(kt_tx_lent_done(&s.tx, 1), USAGE_TOO_MUCH);
    end();
}

/* A record made meanwhile stands where the memory was: it must not be sent as data. */
static void another_record_takes_lent_memory_back(void **state)
{
    size_t len;

    (void)state;
    begin_connected(0);
    assert_non_null(kt_tx_lend(&s.tx, &len));
    assert_good(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 5));
    assert_fault(kt_tx_lent_done(&s.tx, 3), USAGE_TOO_MUCH);
    assert_non_null(kt_tx_lend(&s.tx, &len));
    handshake("x", 1);
    assert_fault(kt_tx_lent_done(&s.tx, 3), USAGE_TOO_MUCH);
    end();
}

/* Sending what was there before does not move the memory that is being filled. */
static void output_may_be_drained_while_memory_is_lent(void **state)
{
    size_t len;
    uint8_t *lent;

    (void)state;
    begin_connected(0);
    assert_int_equal(data(100), 100);
    lent = kt_tx_lend(&s.tx, &len);
    memcpy(lent, src, 50);
    drain_all();
    memcpy(lent + 50, src + 50, 50);
    assert_good(kt_tx_lent_done(&s.tx, 100));
    drain_all();
    expect_record(KT_CONTENT_DATA, src, 100);
    expect_record(KT_CONTENT_DATA, src, 100);
    expect_nothing();
    assert_non_null(kt_tx_lend(&s.tx, &len));
    drain_all();
    assert_good(kt_tx_lent_done(&s.tx, 0));
    assert_int_equal(s.tx.tail, 0);
    end();
}

/* ---- output ---- */

static void bytes_once_shown_never_change(void **state)
{
    static uint8_t before[KT_TX_BUFFER];
    struct kt_span first, again;

    (void)state;
    begin_connected(0);
    assert_int_equal(data(1000), 1000);
    drain(10);
    first = shown();
    memcpy(before, first.p, first.len);
    assert_int_equal(data(2000), 2000);
    handshake("ticket", 6);
    assert_good(kt_tx_key_update(&s.tx, true, KT_BIRTH_CALLER, 5));
    assert_good(kt_tx_alert(&s.tx, 1, 0));
    again = shown();
    assert_ptr_equal(first.p, again.p);
    assert_true(again.len > first.len);
    assert_memory_equal(again.p, before, first.len);
    end();
}

/* However the owner takes the bytes, they are the same. */
static void all_ways_to_drain_give_the_same_bytes(void **state)
{
    static uint8_t whole[8192];
    size_t whole_len = 0;

    (void)state;
    for (size_t chunk = 4096; chunk > 0; chunk = chunk > 40 ? chunk / 2 : chunk - 1) {
        begin_connected(0);
        assert_int_equal(data(700), 700);
        assert_good(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 5));
        assert_int_equal(data(300), 300);
        assert_good(kt_tx_alert(&s.tx, 1, 0));
        while (kt_tx_has_output(&s.tx)) {
            drain(chunk);
        }
        if (whole_len == 0) {
            whole_len = s.wire_len;
            memcpy(whole, s.wire, whole_len);
        }
        assert_int_equal(s.wire_len, whole_len);
        assert_memory_equal(s.wire, whole, whole_len);
        end();
    }
}

static void more_than_was_shown(void **state)
{
    (void)state;
    begin_connected(0);
    assert_fault(kt_tx_out_done(&s.tx, 1), USAGE_TOO_MUCH);
    assert_int_equal(data(10), 10);
    assert_fault(kt_tx_out_done(&s.tx, OVERHEAD + 11), USAGE_TOO_MUCH);
    assert_good(kt_tx_out_done(&s.tx, OVERHEAD + 10));
    expect_nothing();
    assert_int_equal(shown().len, 0);
    end();
}

static void the_buffer_exists_only_when_needed(void **state)
{
    (void)state;
    begin_connected(0);
    assert_int_equal(s.world.live, 0);
    assert_int_equal(data(10), 10);
    assert_int_equal(s.world.live, 1);
    kt_tx_rest(&s.tx);
    assert_int_equal(s.world.live, 1);
    drain_all();
    assert_int_equal(s.world.live, 1);
    kt_tx_rest(&s.tx);
    assert_int_equal(s.world.live, 0);
    handshake("x", 1);
    kt_tx_rest(&s.tx);
    assert_int_equal(s.world.live, 1);
    drain_all();
    kt_tx_rest(&s.tx);
    assert_int_equal(s.world.live, 0);
    end();
}

static void resting_takes_lent_memory_back(void **state)
{
    size_t len;

    (void)state;
    begin_connected(0);
    assert_non_null(kt_tx_lend(&s.tx, &len));
    kt_tx_rest(&s.tx);
    assert_int_equal(s.world.live, 0);
    assert_fault(kt_tx_lent_done(&s.tx, 1), USAGE_TOO_MUCH);
    end();
}

/* ---- padding ---- */

static void records_are_padded_to_a_multiple(void **state)
{
    static const size_t lengths[] = {1, 127, 128, 129, 1000, KT_PLAINTEXT_MAX - 1, KT_PLAINTEXT_MAX};

    (void)state;
    for (size_t multiple = 0; multiple <= 1024; multiple = multiple == 0 ? 1 : multiple * 4) {
        begin_connected(multiple);
        for (size_t i = 0; i < KT_COUNT_OF(lengths); i++) {
            size_t content, unit = multiple == 0 ? 1 : multiple;

            assert_int_equal(data(lengths[i]), lengths[i]);
            drain_all();
            content = expect_record(KT_CONTENT_DATA, src, lengths[i]) - OVERHEAD;
            assert_int_equal(content, (lengths[i] + unit - 1) / unit * unit);
            assert_int_equal(s.tx.epoch.bytes, lengths[i]); /* padding is not content */
            s.tx.epoch.bytes = 0;
            s.wire_len = s.wire_at = 0;
        }
        end();
    }
}

static void padding_ends_with_the_record(void **state)
{
    (void)state;
    begin_connected(10000);
    assert_int_equal(data(10001), 10001);
    drain_all();
    assert_int_equal(expect_record(KT_CONTENT_DATA, src, 10001), OVERHEAD + KT_PLAINTEXT_MAX);
    end();
}

/* Padding takes nothing of what control records need. */
static void padding_leaves_the_reserve(void **state)
{
    (void)state;
    begin_connected(KT_PLAINTEXT_MAX);
    while (data(1) > 0) {
    }
    assert_true(KT_TX_BUFFER - s.tx.tail >= KT_TX_RESERVE);
    assert_good(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1));
    assert_good(kt_tx_alert(&s.tx, 1, KT_ALERT_USER_CANCELED));
    assert_good(kt_tx_alert(&s.tx, 1, KT_ALERT_CLOSE_NOTIFY));
    end();
}

/* ---- the reserve ---- */

static void fill_handshake(void)
{
    size_t taken = 1;

    while (taken > 0) {
        assert_good(kt_tx_handshake(&s.tx, kt_span_of(src, sizeof src), &taken));
    }
}

static void the_reserve_holds_an_update_and_alerts(void **state)
{
    (void)state;
    begin_connected(0);
    fill_handshake();
    assert_true(kt_tx_can_update(&s.tx));
    assert_good(kt_tx_key_update(&s.tx, true, KT_BIRTH_CALLER, 1));
    assert_good(kt_tx_alert(&s.tx, 1, KT_ALERT_USER_CANCELED));
    assert_good(kt_tx_alert(&s.tx, 1, KT_ALERT_CLOSE_NOTIFY));
    end();
}

static void updates_stop_while_an_alert_still_fits(void **state)
{
    size_t updates = 0;

    (void)state;
    begin_connected(0);
    fill_handshake();
    while (kt_tx_can_update(&s.tx)) {
        assert_good(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1));
        updates++;
    }
    assert_true(updates >= 1);
    assert_fault(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1), BUFFER_TOO_SMALL);
    assert_int_equal(s.tx.epoch.number, updates);
    assert_good(kt_tx_alert(&s.tx, 2, 80));
    while (s.tx.tail + ALERT_RECORD <= KT_TX_BUFFER) {
        assert_good(kt_tx_alert(&s.tx, 2, 80));
    }
    assert_fault(kt_tx_alert(&s.tx, 2, 80), BUFFER_TOO_SMALL);
    while (s.tx.tail + OVERHEAD + 1 <= KT_TX_BUFFER) {
        assert_good(kt_tx_ccs(&s.tx));
    }
    assert_fault(kt_tx_ccs(&s.tx), BUFFER_TOO_SMALL);
    end();
}

/* ---- epochs ---- */

static void a_key_update_is_the_last_of_its_key(void **state)
{
    size_t allocs;

    (void)state;
    begin_connected(0);
    assert_int_equal(data(9), 9);
    handshake("ticket", 6);
    allocs = s.world.allocs;
    assert_good(kt_tx_key_update(&s.tx, true, KT_BIRTH_RECORDS, 777));
    assert_good(kt_tx_key_update(&s.tx, false, KT_BIRTH_PEER, 778));
    assert_int_equal(s.world.allocs, allocs);
    assert_int_equal(data(8), 8);
    drain_all();

    expect_record(KT_CONTENT_DATA, src, 9);
    expect_record(KT_CONTENT_HANDSHAKE, "ticket", 6);
    assert_int_equal(expect_record(KT_CONTENT_HANDSHAKE, "\x18\0\0\1\1", 5), KEY_UPDATE_RECORD);
    kt_traffic_secret_next(kit_aes128()->hash, &s.peer_secret);
    peer_follows();
    expect_record(KT_CONTENT_HANDSHAKE, "\x18\0\0\1\0", 5);
    kt_traffic_secret_next(kit_aes128()->hash, &s.peer_secret);
    peer_follows();
    expect_record(KT_CONTENT_DATA, src, 8);
    expect_nothing();
    assert_int_equal(s.tx.epoch.number, 2);
    assert_int_equal(s.tx.epoch.birth, KT_BIRTH_PEER);
    assert_int_equal(s.tx.epoch.born_ms, 778);
    assert_int_equal(s.tx.epoch.records, 1);
    assert_int_equal(s.tx.epoch.bytes, 8);
    end();
}

static void no_update_without_an_epoch_to_follow(void **state)
{
    (void)state;
    begin(0);
    assert_fault(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1), USAGE_STATE);
    protect(false);
    assert_fault(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1), USAGE_STATE);
    protect(true);
    s.tx.epoch.number = KT_EPOCH_LAST - 1;
    assert_good(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1));
    assert_fault(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1), LIFETIME_EPOCHS_SPENT);
    assert_good(kt_tx_alert(&s.tx, 1, 0));
    end();
}

static void handshake_keys_have_no_epoch(void **state)
{
    (void)state;
    begin(0);
    protect(false);
    handshake("x", 1);
    drain_all();
    assert_int_equal(s.tx.epoch.records, 0);
    end();
}

static void the_numbers_of_a_key_end(void **state)
{
    size_t taken;
    struct kt_span out;

    (void)state;
    begin_connected(0);
    s.tx.protection.sequence = kit_aes128()->aead->max_records;
    assert_fault(kt_tx_data(&s.tx, src, 1, &taken), LIFETIME_AEAD_LIMIT);
    assert_int_equal(taken, 0);
    s.tx.protection.sequence = UINT64_MAX;
    assert_fault(kt_tx_data(&s.tx, src, 1, &taken), RECORD_SEQUENCE_END);
    assert_fault(kt_tx_alert(&s.tx, 1, 0), RECORD_SEQUENCE_END);
    handshake("x", 1);
    assert_fault(kt_tx_out(&s.tx, &out), RECORD_SEQUENCE_END);
    assert_int_equal(out.len, 0);
    end();
}

/* ---- notices ---- */

static const struct kt_notice *notice(size_t index, enum kt_notice_kind kind)
{
    assert_true(index < s.world.notice_count);
    assert_int_equal(s.world.notices[index].kind, kind);
    assert_int_equal(s.world.notices[index].direction, KT_SENDING);
    return &s.world.notices[index];
}

static void what_is_sent_is_told(void **state)
{
    const struct kt_notice *n;

    (void)state;
    begin(100);
    s.world.env.observer = kit_observe;
    handshake("\2\0\0\0", 4);
    protect(true);
    assert_int_equal(data(10), 10);
    assert_good(kt_tx_key_update(&s.tx, true, KT_BIRTH_BYTES, 9));
    assert_good(kt_tx_alert(&s.tx, 1, 0));
    n = notice(0, KT_NOTICE_RECORD);
    assert_false(n->u.record.is_protected);
    assert_int_equal(n->u.record.wire_len, 9);
    assert_int_equal(notice(1, KT_NOTICE_EPOCH)->u.epoch.number, 0);
    n = notice(2, KT_NOTICE_RECORD);
    assert_true(n->u.record.is_protected);
    assert_int_equal(n->u.record.type, KT_CONTENT_DATA);
    assert_int_equal(n->u.record.content_len, 10);
    assert_int_equal(n->u.record.wire_len, OVERHEAD + 100);
    assert_int_equal(notice(3, KT_NOTICE_RECORD)->u.record.type, KT_CONTENT_HANDSHAKE);
    n = notice(4, KT_NOTICE_MESSAGE);
    assert_int_equal(n->u.message.type, KT_MSG_KEY_UPDATE);
    assert_int_equal(n->u.message.body.len, 5);
    n = notice(5, KT_NOTICE_EPOCH);
    assert_int_equal(n->u.epoch.number, 1);
    assert_int_equal(n->u.epoch.birth, KT_BIRTH_BYTES);
    assert_int_equal(n->u.epoch.born_ms, 9);
    assert_int_equal(notice(6, KT_NOTICE_RECORD)->u.record.epoch, 1);
    assert_int_equal(notice(7, KT_NOTICE_ALERT)->u.alert.description, 0);
    assert_int_equal(s.world.notice_count, 8);
    end();
}

/* ---- memory ---- */

static void without_memory_nothing_is_taken(void **state)
{
    size_t n = 7;

    (void)state;
    begin_connected(0);
    s.world.fail_at = 1;
    assert_fault(kt_tx_data(&s.tx, src, 10, &n), MEMORY_SPENT);
    assert_int_equal(n, 0);
    s.world.fail_at = 2;
    assert_fault(kt_tx_handshake(&s.tx, kt_span_of(src, 10), &n), MEMORY_SPENT);
    assert_int_equal(n, 0);
    s.world.fail_at = 3;
    assert_null(kt_tx_lend(&s.tx, &n));
    s.world.fail_at = 4;
    assert_fault(kt_tx_alert(&s.tx, 1, 0), MEMORY_SPENT);
    s.world.fail_at = 5;
    assert_fault(kt_tx_key_update(&s.tx, false, KT_BIRTH_CALLER, 1), MEMORY_SPENT);
    assert_int_equal(s.tx.epoch.number, 0);
    expect_nothing();
    assert_int_equal(data(10), 10);
    end();
}

/* All that can be done with a key; the fault of the first thing that fails. */
static const struct kt_fault *do_everything(const struct kt_suite *suite)
{
    struct kt_secret secret = kit_secret(suite, 1);
    struct kt_span out;
    size_t taken, len;

    KT_TRY(kt_tx_protect(&s.tx, suite, &secret, false, 1));
    KT_TRY(kt_tx_handshake(&s.tx, kt_span_of(src, KT_PLAINTEXT_MAX + 10), &taken));
    KT_TRY(kt_tx_protect(&s.tx, suite, &secret, true, 1));
    KT_TRY(kt_tx_handshake(&s.tx, kt_span_of(src, 10), &taken));
    KT_TRY(kt_tx_data(&s.tx, src, 10, &taken));
    KT_TRY(kt_tx_handshake(&s.tx, kt_span_of(src, 10), &taken));
    KT_TRY(kt_tx_key_update(&s.tx, true, KT_BIRTH_CALLER, 1));
    KT_TRY(kt_tx_out(&s.tx, &out));
    KT_TRY(kt_tx_out_done(&s.tx, out.len));
    if (kt_tx_lend(&s.tx, &len) != NULL) {
        KT_TRY(kt_tx_lent_done(&s.tx, 10));
    }
    KT_TRY(kt_tx_handshake(&s.tx, kt_span_of(src, 10), &taken));
    return kt_tx_alert(&s.tx, 1, 0);
}

/* Each primitive fails once: it is told, and an alert sent afterwards is protected or not sent at all. */
static void a_primitive_that_fails_is_told(void **state)
{
    const struct kt_suite *suite = kt_crypto_suite(kt_crypto_toy(), KT_SUITE_AES_128_GCM_SHA256);
    const struct kt_fault *fault = NULL;
    uint64_t n = 0;

    (void)state;
    do {
        begin(0);
        kt_toy_fail_at(++n);
        fault = do_everything(suite);
        kt_toy_fail_at(0);
        if (fault != NULL) {
            bool keys = kt_protection_on(&s.tx.protection);
            size_t tail = s.tx.tail;

            assert_int_equal(fault->reason, KT_REASON_CRYPTO_FAILED);
            assert_int_equal(s.tx.open_len, 0);
            assert_true(n == 1 || keys);
            if (kt_tx_alert(&s.tx, 2, 80) == NULL && keys) {
                assert_int_equal(s.tx.buffer[tail], KT_CONTENT_DATA);
            }
        }
        end();
    } while (fault != NULL);
    assert_true(n > 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_first_client_hello_looks_old),
        cmocka_unit_test(a_hello_longer_than_a_record),
        cmocka_unit_test(the_compatibility_record_is_never_protected),
        cmocka_unit_test(data_is_never_sent_in_clear),
        cmocka_unit_test(messages_share_a_record_until_the_flight_ends),
        cmocka_unit_test(an_open_record_is_finished_when_nothing_else_is_there),
        cmocka_unit_test(a_message_longer_than_the_room),
        cmocka_unit_test(the_open_record_is_finished_under_its_key),
        cmocka_unit_test(data_of_all_kinds_of_length),
        cmocka_unit_test(two_full_records_fit_and_no_crumbs_behind),
        cmocka_unit_test(lent_memory_is_sealed_in_place),
        cmocka_unit_test(lending_when_there_is_no_room),
        cmocka_unit_test(too_much_of_what_was_lent),
        cmocka_unit_test(another_record_takes_lent_memory_back),
        cmocka_unit_test(output_may_be_drained_while_memory_is_lent),
        cmocka_unit_test(bytes_once_shown_never_change),
        cmocka_unit_test(all_ways_to_drain_give_the_same_bytes),
        cmocka_unit_test(more_than_was_shown),
        cmocka_unit_test(the_buffer_exists_only_when_needed),
        cmocka_unit_test(resting_takes_lent_memory_back),
        cmocka_unit_test(records_are_padded_to_a_multiple),
        cmocka_unit_test(padding_ends_with_the_record),
        cmocka_unit_test(padding_leaves_the_reserve),
        cmocka_unit_test(the_reserve_holds_an_update_and_alerts),
        cmocka_unit_test(updates_stop_while_an_alert_still_fits),
        cmocka_unit_test(a_key_update_is_the_last_of_its_key),
        cmocka_unit_test(no_update_without_an_epoch_to_follow),
        cmocka_unit_test(handshake_keys_have_no_epoch),
        cmocka_unit_test(the_numbers_of_a_key_end),
        cmocka_unit_test(what_is_sent_is_told),
        cmocka_unit_test(without_memory_nothing_is_taken),
        cmocka_unit_test(a_primitive_that_fails_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
