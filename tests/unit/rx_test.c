#include "record/rx.h"

#include "crypto/toy/toy.h"
#include "keys/schedule13.h"
#include "support/record_kit.h"

enum { CHAIN_LIMIT = 65536 };

/* A receiving half, its world, and what the peer sends. Static: the wire is large. */
struct setup {
    struct kit_world world;
    struct kt_rx rx;
    struct kit_wire wire;
    size_t fed;
};

static struct setup s;

static void begin(void)
{
    struct kt_watch watch;

    memset(&s, 0, sizeof s);
    kit_world_init(&s.world);
    watch = kit_watch(&s.world);
    kt_rx_init(&s.rx, &watch, CHAIN_LIMIT);
}

static void end(void)
{
    kt_rx_free(&s.rx);
    kt_protection_clear(&s.wire.protection);
    assert_int_equal(s.world.live, 0);
}

/* Handshake keys, or application keys, on both sides. */
static void protect(bool application)
{
    struct kt_secret secret = kit_secret(kit_aes128(), application ? 100 : 1);

    assert_good(kt_protection_set(&s.wire.protection, KT_SENDING, kit_aes128(), &secret));
    assert_good(kt_rx_protect(&s.rx, kit_aes128(), &secret, application, s.world.now_ms));
}

/* Gives the half as much of the wire as it has room for, at most `most` bytes. */
static void feed(size_t most)
{
    size_t room, n = s.wire.len - s.fed;
    uint8_t *to = kt_rx_room(&s.rx, &room);

    assert_non_null(to);
    n = n < room ? n : room;
    n = n < most ? n : most;
    memcpy(to, s.wire.b + s.fed, n);
    s.fed += n;
    assert_good(kt_rx_filled(&s.rx, n));
}

/* The next event, all of the wire being at hand. */
static const struct kt_fault *next(struct kt_incoming *in)
{
    const struct kt_fault *fault = kt_rx_next(&s.rx, in);

    while (fault == NULL && in->event == KT_RX_NEED && s.fed < s.wire.len) {
        feed(SIZE_MAX);
        fault = kt_rx_next(&s.rx, in);
    }
    return fault;
}

static void expect_need(void)
{
    struct kt_incoming in;

    assert_good(next(&in));
    assert_int_equal(in.event, KT_RX_NEED);
}

static void expect_message(uint8_t type, size_t body_len, bool last)
{
    struct kt_incoming in;

    assert_good(next(&in));
    assert_int_equal(in.event, KT_RX_MESSAGE);
    assert_int_equal(in.message.type, type);
    assert_int_equal(in.message.body.len, body_len);
    assert_int_equal(in.message.whole.len, body_len + KT_MESSAGE_HEADER);
    assert_ptr_equal(in.message.body.p, in.message.whole.p + KT_MESSAGE_HEADER);
    assert_int_equal(in.message.last_in_record, last);
    for (size_t i = 0; i < body_len; i++) {
        assert_int_equal(in.message.body.p[i], (uint8_t)(i * 7 + type));
    }
}

static void expect_data(size_t len)
{
    struct kt_incoming in;

    assert_good(next(&in));
    assert_int_equal(in.event, KT_RX_DATA);
    assert_int_equal(in.data.len, len);
    assert_good(kt_rx_data_done(&s.rx, len));
}

#define expect_fault(name)                                                                                             \
    do {                                                                                                               \
        struct kt_incoming kit_in;                                                                                     \
        assert_fault(next(&kit_in), name);                                                                             \
    } while (0)

static void put_message(uint8_t type, size_t len)
{
    static uint8_t message[1 << 15];
    size_t whole = kit_message(type, len, message);

    if (kt_protection_on(&s.wire.protection)) {
        kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, message, whole, 0);
    } else {
        kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, message, whole);
    }
}

/* ---- what is not TLS ---- */

static void first_bytes_that_are_not_tls(void **state)
{
    static const char *const texts[] = {
        "GET / HTTP/1.1\r\n", "POST /",       "HEAD /",       "PUT /x",
        "CONNECT x",          "HTTP/1.1 400", "SSH-2.0-x",    "\x80\x2e\x01\x03\x01", /* ClientHello of SSLv2 */
        "\x16\x02\x01",       "\x18\x03\x03", "\x13\x03\x01", "\xff",
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(texts); i++) {
        begin();
        s.wire.len = strlen(texts[i]);
        memcpy(s.wire.b, texts[i], s.wire.len);
        expect_fault(RECORD_NOT_TLS);
        end();
    }
}

/* Plain text is recognised by its first byte, before a header is there. */
static void one_byte_is_enough_to_know(void **state)
{
    (void)state;
    begin();
    s.wire.b[0] = 'G';
    s.wire.len = 1;
    expect_fault(RECORD_NOT_TLS);
    end();
}

static void later_records_have_reasons_of_their_own(void **state)
{
    (void)state;
    begin();
    put_message(KT_MSG_CLIENT_HELLO, 10);
    memcpy(s.wire.b + s.wire.len, "\x18\x03\x03", 3);
    s.wire.len += 3;
    expect_message(KT_MSG_CLIENT_HELLO, 10, true);
    expect_fault(RECORD_TYPE_UNKNOWN);
    end();

    begin();
    put_message(KT_MSG_CLIENT_HELLO, 10);
    memcpy(s.wire.b + s.wire.len, "\x16\x04\x03", 3);
    s.wire.len += 3;
    expect_message(KT_MSG_CLIENT_HELLO, 10, true);
    expect_fault(RECORD_VERSION_BAD);
    end();
}

static void the_minor_version_says_nothing(void **state)
{
    static const uint8_t minors[] = {0, 1, 3, 4, 255};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(minors); i++) {
        begin();
        put_message(KT_MSG_CLIENT_HELLO, 10);
        s.wire.b[2] = minors[i];
        expect_message(KT_MSG_CLIENT_HELLO, 10, true);
        end();
    }
}

/* ---- lengths ---- */

static void a_length_is_judged_before_the_body_comes(void **state)
{
    (void)state;
    begin();
    kit_put_header(&s.wire, KT_CONTENT_HANDSHAKE, KT_PLAINTEXT_MAX + 1);
    expect_fault(RECORD_TOO_LONG);
    end();
    begin();
    kit_put_header(&s.wire, KT_CONTENT_HANDSHAKE, KT_PLAINTEXT_MAX);
    expect_need();
    end();
    begin();
    protect(false);
    kit_put_header(&s.wire, KT_CONTENT_DATA, KT_CIPHERTEXT_MAX + 1);
    expect_fault(RECORD_TOO_LONG);
    end();
    begin();
    protect(false);
    kit_put_header(&s.wire, KT_CONTENT_DATA, KT_CIPHERTEXT_MAX);
    expect_need();
    end();
}

static void the_longest_records_pass(void **state)
{
    static const uint8_t content[KT_PLAINTEXT_MAX] = {1};

    (void)state;
    begin();
    protect(true);
    for (int i = 0; i < 5; i++) {
        kit_put_sealed(&s.wire, KT_CONTENT_DATA, content, sizeof content, 0);
        kit_put_sealed(&s.wire, KT_CONTENT_DATA, content, 10, sizeof content - 10);
    }
    for (int i = 0; i < 5; i++) {
        expect_data(sizeof content);
        expect_data(10);
    }
    assert_int_equal(s.world.allocs, 1);
    end();
}

/* ---- outer types ---- */

static void data_before_there_are_keys(void **state)
{
    (void)state;
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_DATA, "x", 1);
    expect_fault(APPLICATION_DATA_EARLY);
    end();
}

static void unprotected_records_after_keys(void **state)
{
    (void)state;
    begin();
    protect(false);
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, "\x14\0\0\0", 4);
    expect_fault(RECORD_NOT_PROTECTED);
    end();
    begin();
    protect(true);
    kit_put_plain(&s.wire, KT_CONTENT_ALERT, "\x02\x28", 2);
    expect_fault(RECORD_NOT_PROTECTED);
    end();
}

/* A client that cannot use our ServerHello has no keys to protect its alert with. */
static void an_unprotected_alert_of_a_peer_without_keys(void **state)
{
    struct kt_incoming in;

    (void)state;
    begin();
    protect(false);
    kit_put_plain(&s.wire, KT_CONTENT_ALERT, "\x02\x28", 2);
    assert_good(next(&in));
    assert_int_equal(in.event, KT_RX_ALERT);
    assert_int_equal(in.alert_level, 2);
    assert_int_equal(in.alert, KT_ALERT_HANDSHAKE_FAILURE);
    end();
}

static void no_unprotected_alert_after_a_protected_record(void **state)
{
    (void)state;
    begin();
    protect(false);
    put_message(KT_MSG_ENCRYPTED_EXTENSIONS, 2);
    kit_put_plain(&s.wire, KT_CONTENT_ALERT, "\x02\x28", 2);
    expect_message(KT_MSG_ENCRYPTED_EXTENSIONS, 2, true);
    expect_fault(RECORD_NOT_PROTECTED);
    end();
}

static void inner_types(void **state)
{
    static const uint8_t unknown[] = {1, 19, 24, 26, 255};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(unknown); i++) {
        begin();
        protect(true);
        kit_put_sealed(&s.wire, unknown[i], "x", 1, 0);
        expect_fault(RECORD_TYPE_UNKNOWN);
        end();
    }
    begin();
    protect(true);
    kit_put_sealed(&s.wire, KT_CONTENT_CCS, "\1", 1, 0);
    expect_fault(CCS_NOT_EXPECTED);
    end();
    begin();
    protect(true);
    kit_put_sealed(&s.wire, 0, "", 0, 10);
    expect_fault(RECORD_TYPE_MISSING);
    end();
}

static void change_cipher_spec(void **state)
{
    struct kt_incoming in;

    (void)state;
    for (int keys = 0; keys < 3; keys++) {
        begin();
        if (keys > 0) {
            protect(keys == 2);
        }
        kit_put_plain(&s.wire, KT_CONTENT_CCS, "\1", 1);
        assert_good(next(&in));
        assert_int_equal(in.event, KT_RX_CCS);
        expect_need();
        kit_put_plain(&s.wire, KT_CONTENT_CCS, "\2", 1);
        expect_fault(CCS_MALFORMED);
        end();
    }
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_CCS, "\1\1", 2);
    expect_fault(CCS_MALFORMED);
    end();
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_CCS, "", 0);
    expect_fault(CCS_MALFORMED);
    end();
}

/* ---- empty records and budgets ---- */

static void empty_records(void **state)
{
    (void)state;
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, "", 0);
    expect_fault(RECORD_EMPTY);
    end();
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_ALERT, "", 0);
    expect_fault(RECORD_EMPTY);
    end();
    begin();
    protect(false);
    kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, "", 0, 0);
    expect_fault(RECORD_EMPTY);
    end();
    begin();
    protect(true);
    kit_put_sealed(&s.wire, KT_CONTENT_ALERT, "", 0, 3);
    expect_fault(RECORD_EMPTY);
    end();
}

static void put_empty_data(size_t count)
{
    for (size_t i = 0; i < count; i++) {
        kit_put_sealed(&s.wire, KT_CONTENT_DATA, "", 0, i % 3);
    }
}

static void empty_data_within_its_budget(void **state)
{
    (void)state;
    begin();
    protect(true);
    for (int i = 0; i < 3; i++) {
        put_empty_data(KT_BUDGET_NO_PROGRESS);
        kit_put_sealed(&s.wire, KT_CONTENT_DATA, "x", 1, 0);
        expect_data(1);
    }
    put_empty_data(KT_BUDGET_NO_PROGRESS);
    expect_need();
    put_empty_data(1);
    expect_fault(NO_PROGRESS);
    end();
}

static void messages_are_no_progress(void **state)
{
    (void)state;
    begin();
    protect(true);
    put_empty_data(KT_BUDGET_NO_PROGRESS);
    put_message(KT_MSG_KEY_UPDATE, 1);
    put_empty_data(1);
    expect_message(KT_MSG_KEY_UPDATE, 1, true);
    expect_fault(NO_PROGRESS);
    end();
}

static void warnings_that_may_be_ignored_come_to_an_end(void **state)
{
    static const char *const alerts[] = {"\x01\x5a", "\x02\x5a", "\x01\x64"}; /* user_canceled, no_renegotiation */
    struct kt_incoming in;

    (void)state;
    for (size_t a = 0; a < KT_COUNT_OF(alerts); a++) {
        begin();
        protect(true);
        for (int i = 0; i <= KT_BUDGET_NO_PROGRESS; i++) {
            kit_put_sealed(&s.wire, KT_CONTENT_ALERT, alerts[a], 2, 0);
        }
        for (int i = 0; i < KT_BUDGET_NO_PROGRESS; i++) {
            assert_good(next(&in));
            assert_int_equal(in.event, KT_RX_ALERT);
        }
        expect_fault(NO_PROGRESS);
        end();
    }
}

/* A peer that hides its traffic behind empty records may still close. */
static void closing_is_never_too_much(void **state)
{
    struct kt_incoming in;

    (void)state;
    begin();
    protect(true);
    put_empty_data(KT_BUDGET_NO_PROGRESS);
    kit_put_sealed(&s.wire, KT_CONTENT_ALERT, "\1\0", 2, 0);
    assert_good(next(&in));
    assert_int_equal(in.event, KT_RX_ALERT);
    assert_int_equal(in.alert, KT_ALERT_CLOSE_NOTIFY);
    end();
}

static void alerts_are_two_bytes(void **state)
{
    (void)state;
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_ALERT, "\2", 1);
    expect_fault(ALERT_MALFORMED);
    end();
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_ALERT, "\1\0\1\0", 4);
    expect_fault(ALERT_MALFORMED);
    end();
}

/* ---- messages ---- */

static void several_messages_of_one_record(void **state)
{
    uint8_t messages[256];
    size_t len = 0;

    (void)state;
    begin();
    len += kit_message(KT_MSG_ENCRYPTED_EXTENSIONS, 20, messages + len);
    len += kit_message(KT_MSG_END_OF_EARLY_DATA, 0, messages + len);
    len += kit_message(KT_MSG_FINISHED, 32, messages + len);
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, messages, len);
    expect_message(KT_MSG_ENCRYPTED_EXTENSIONS, 20, false);
    assert_false(kt_rx_at_boundary(&s.rx));
    expect_message(KT_MSG_END_OF_EARLY_DATA, 0, false);
    expect_message(KT_MSG_FINISHED, 32, true);
    assert_true(kt_rx_at_boundary(&s.rx));
    assert_int_equal(s.world.allocs, 1); /* the buffer: nothing was copied */
    end();
}

/* Splits two messages over records at every point. */
static void messages_split_over_two_records(void **state)
{
    uint8_t messages[128];
    size_t len = kit_message(KT_MSG_CERTIFICATE, 50, messages);

    (void)state;
    len += kit_message(KT_MSG_FINISHED, 32, messages + len);
    for (size_t at = 1; at < len; at++) {
        begin();
        kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, messages, at);
        kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, messages + at, len - at);
        expect_message(KT_MSG_CERTIFICATE, 50, at == 54);
        expect_message(KT_MSG_FINISHED, 32, true);
        expect_need();
        assert_true(kt_rx_at_boundary(&s.rx));
        end();
    }
}

static void a_message_of_one_byte_records(void **state)
{
    uint8_t message[64];
    size_t len = kit_message(KT_MSG_FINISHED, 32, message);

    (void)state;
    begin();
    protect(false);
    for (size_t i = 0; i < len; i++) {
        kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, message + i, 1, 0);
    }
    expect_message(KT_MSG_FINISHED, 32, true);
    expect_need();
    end();
}

static void an_assembled_message_is_followed_by_bytes(void **state)
{
    uint8_t messages[64];
    size_t len = kit_message(KT_MSG_KEY_UPDATE, 1, messages);

    (void)state;
    len += kit_message(KT_MSG_KEY_UPDATE, 1, messages + len);
    begin();
    protect(true);
    kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, messages, 3, 0);
    kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, messages + 3, len - 3, 0);
    expect_message(KT_MSG_KEY_UPDATE, 1, false);
    assert_fault(kt_rx_next_epoch(&s.rx, KT_BIRTH_PEER, 1), KEY_CHANGE_INSIDE_MESSAGE);
    end();
}

static void other_types_inside_a_message(void **state)
{
    static const struct {
        uint8_t type;
        const char *content;
        size_t len;
    } others[] = {
        {KT_CONTENT_ALERT, "\1\0", 2},
        {KT_CONTENT_DATA, "x", 1},
        {KT_CONTENT_DATA, "", 0},
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(others); i++) {
        begin();
        protect(true);
        kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, "\x04\0", 2, 0);
        kit_put_sealed(&s.wire, others[i].type, others[i].content, others[i].len, 0);
        expect_fault(RECORD_INTERLEAVED);
        end();
    }
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, "\x02\0\0\x09xyz", 7);
    kit_put_plain(&s.wire, KT_CONTENT_CCS, "\1", 1);
    expect_fault(RECORD_INTERLEAVED);
    end();
}

static void put_message_header(uint8_t type, size_t len)
{
    const uint8_t header[] = {type, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, header, sizeof header);
}

static void limits_by_type_hold_before_anything_is_assembled(void **state)
{
    static const struct {
        uint8_t type;
        size_t limit;
    } limits[] = {
        {KT_MSG_CLIENT_HELLO, 65535},
        {KT_MSG_SERVER_HELLO, 4096},
        {KT_MSG_ENCRYPTED_EXTENSIONS, 16384},
        {KT_MSG_CERTIFICATE, CHAIN_LIMIT},
        {KT_MSG_CERTIFICATE_STATUS, CHAIN_LIMIT},
        {KT_MSG_FINISHED, 256},
        {KT_MSG_KEY_UPDATE, 256},
        {KT_MSG_CERTIFICATE_REQUEST, 65535},
        {77, 65536},
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(limits); i++) {
        begin();
        put_message_header(limits[i].type, limits[i].limit);
        expect_need();
        end();
        begin();
        put_message_header(limits[i].type, limits[i].limit + 1);
        expect_fault(MESSAGE_TOO_LONG);
        assert_int_equal(s.world.allocs, 1);
        end();
    }
}

static void a_limit_holds_when_the_header_itself_is_split(void **state)
{
    (void)state;
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, "\x02\0", 2);
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, "\x10\x01", 2);
    expect_fault(MESSAGE_TOO_LONG);
    end();
}

/* A header that promises 64 KiB takes no more memory than what has come of it. */
static void memory_follows_what_arrives(void **state)
{
    static const uint8_t piece[1000] = {0};

    (void)state;
    begin();
    put_message_header(KT_MSG_CERTIFICATE, CHAIN_LIMIT);
    expect_need();
    assert_true(s.rx.assembly_cap <= 512);
    for (size_t got = KT_MESSAGE_HEADER; got < 60000; got += sizeof piece) {
        kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, piece, sizeof piece);
        expect_need();
        assert_true(s.rx.assembly_cap <= 2 * (got + sizeof piece));
    }
    end();
}

static void an_assembled_message_is_given_back(void **state)
{
    (void)state;
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, "\x08\0\0", 3);
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, "\0", 1);
    expect_message(KT_MSG_ENCRYPTED_EXTENSIONS, 0, true);
    assert_int_equal(s.world.live, 2);
    assert_true(kt_rx_at_boundary(&s.rx));
    expect_need();
    assert_int_equal(s.world.live, 1);
    end();
}

/* ---- keys ---- */

static void keys_change_only_between_messages(void **state)
{
    struct kt_secret secret = kit_secret(kit_aes128(), 1);
    uint8_t messages[64];
    size_t len = kit_message(KT_MSG_SERVER_HELLO, 4, messages);

    (void)state;
    begin();
    kit_put_plain(&s.wire, KT_CONTENT_HANDSHAKE, messages, len + 1);
    expect_message(KT_MSG_SERVER_HELLO, 4, false);
    assert_fault(kt_rx_protect(&s.rx, kit_aes128(), &secret, false, 1), KEY_CHANGE_INSIDE_MESSAGE);
    expect_need(); /* now the byte left over waits for the rest of its message */
    assert_false(kt_rx_at_boundary(&s.rx));
    assert_fault(kt_rx_protect(&s.rx, kit_aes128(), &secret, false, 1), KEY_CHANGE_INSIDE_MESSAGE);
    end();
}

static void the_next_epoch(void **state)
{
    struct kt_secret secret;
    size_t allocs;

    (void)state;
    begin();
    s.world.env.observer = kit_observe;
    protect(true);
    secret = s.rx.secret;
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "abc", 3, 5);
    put_message(KT_MSG_KEY_UPDATE, 1);
    kt_traffic_secret_next(kit_aes128()->hash, &secret);
    assert_good(kt_protection_set(&s.wire.protection, KT_SENDING, kit_aes128(), &secret));
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "de", 2, 0);
    expect_data(3);
    expect_message(KT_MSG_KEY_UPDATE, 1, true);
    assert_int_equal(s.rx.epoch.records, 2);
    assert_int_equal(s.rx.epoch.bytes, 3 + 5);
    allocs = s.world.allocs;
    assert_good(kt_rx_next_epoch(&s.rx, KT_BIRTH_PEER, 4321));
    assert_int_equal(s.world.allocs, allocs);
    expect_data(2);
    assert_int_equal(s.rx.epoch.number, 1);
    assert_int_equal(s.rx.epoch.born_ms, 4321);
    assert_int_equal(s.rx.epoch.records, 1);
    assert_int_equal(s.rx.epoch.bytes, 2);

    assert_int_equal(s.world.notice_count, 5); /* epoch, data, KeyUpdate, epoch, data */
    assert_int_equal(s.world.notices[0].kind, KT_NOTICE_EPOCH);
    assert_int_equal(s.world.notices[0].u.epoch.birth, KT_BIRTH_INITIAL);
    assert_int_equal(s.world.notices[3].kind, KT_NOTICE_EPOCH);
    assert_int_equal(s.world.notices[3].direction, KT_RECEIVING);
    assert_int_equal(s.world.notices[3].u.epoch.number, 1);
    assert_int_equal(s.world.notices[4].u.record.epoch, 1);
    end();
}

static void records_of_the_old_key_do_not_open_under_the_new(void **state)
{
    (void)state;
    begin();
    protect(true);
    put_message(KT_MSG_KEY_UPDATE, 1);
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "old", 3, 0);
    expect_message(KT_MSG_KEY_UPDATE, 1, true);
    assert_good(kt_rx_next_epoch(&s.rx, KT_BIRTH_PEER, 1));
    expect_fault(RECORD_BAD_MAC);
    end();
}

static void no_epoch_before_application_keys(void **state)
{
    (void)state;
    begin();
    protect(false);
    assert_fault(kt_rx_next_epoch(&s.rx, KT_BIRTH_PEER, 1), USAGE_STATE);
    put_message(KT_MSG_FINISHED, 32);
    expect_message(KT_MSG_FINISHED, 32, true);
    assert_int_equal(s.rx.epoch.records, 0);
    end();
}

static void a_key_that_cannot_be_set_is_told(void **state)
{
    const struct kt_suite *suite = kt_crypto_suite(kt_crypto_toy(), KT_SUITE_AES_128_GCM_SHA256);
    struct kt_secret secret = kit_secret(suite, 1);

    (void)state;
    begin();
    kt_toy_fail_at(1);
    assert_fault(kt_rx_protect(&s.rx, suite, &secret, true, 1), CRYPTO_FAILED);
    assert_false(s.rx.application);
    assert_good(kt_rx_protect(&s.rx, suite, &secret, true, 1));
    kt_toy_fail_at(1);
    assert_fault(kt_rx_next_epoch(&s.rx, KT_BIRTH_PEER, 1), CRYPTO_FAILED);
    kt_toy_fail_at(0);
    assert_int_equal(s.rx.epoch.number, 0);
    kit_put_header(&s.wire, KT_CONTENT_DATA, 0);
    expect_fault(RECORD_SEQUENCE_END); /* nothing is opened with a key that is not known */
    end();
}

/* ---- refused early data ---- */

/* Early data is sealed with a key the server does not use. */
static void put_early(size_t len)
{
    static const uint8_t zeros[KT_PLAINTEXT_MAX] = {0};
    struct kt_secret early = kit_secret(kit_aes128(), 77);
    struct kt_protection keep = s.wire.protection;

    s.wire.protection = (struct kt_protection){.aead = NULL};
    assert_good(kt_protection_set(&s.wire.protection, KT_SENDING, kit_aes128(), &early));
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, zeros, len, 0);
    kt_protection_clear(&s.wire.protection);
    s.wire.protection = keep;
}

static void refused_early_data_is_skipped_by_trial(void **state)
{
    (void)state;
    begin();
    protect(false);
    s.rx.skip_early = KT_BUDGET_SKIPPED_EARLY;
    put_early(10);
    put_early(KT_PLAINTEXT_MAX);
    kit_put_plain(&s.wire, KT_CONTENT_CCS, "\1", 1);
    put_early(0);
    put_message(KT_MSG_FINISHED, 32);
    put_early(10);
    {
        struct kt_incoming in;

        assert_good(next(&in));
        assert_int_equal(in.event, KT_RX_CCS);
    }
    expect_message(KT_MSG_FINISHED, 32, true);
    assert_int_equal(s.rx.skip_early, 0);
    expect_fault(RECORD_BAD_MAC); /* the first good record ends it */
    end();
}

static void refused_early_data_has_a_limit(void **state)
{
    (void)state;
    begin();
    protect(false);
    s.rx.skip_early = KT_BUDGET_SKIPPED_EARLY;
    for (int i = 0; i < 4; i++) {
        put_early(KT_PLAINTEXT_MAX);
    }
    expect_fault(EARLY_DATA_TOO_LONG);
    end();
    begin();
    protect(false);
    s.rx.skip_early = KT_BUDGET_SKIPPED_EARLY;
    for (int i = 0; i < KT_BUDGET_SKIPPED_EARLY / KT_RECORD_HEADER + 1; i++) {
        kit_put_header(&s.wire, KT_CONTENT_DATA, 0);
        if (s.wire.len > sizeof s.wire.b - 100) {
            break;
        }
    }
    expect_fault(EARLY_DATA_TOO_LONG);
    end();
}

static void without_refusal_nothing_is_skipped(void **state)
{
    (void)state;
    begin();
    protect(false);
    put_early(10);
    expect_fault(RECORD_BAD_MAC);
    end();
}

static void after_a_retry_data_is_skipped_by_type(void **state)
{
    (void)state;
    begin();
    put_message(KT_MSG_CLIENT_HELLO, 10);
    expect_message(KT_MSG_CLIENT_HELLO, 10, true);
    s.rx.skip_early = KT_BUDGET_SKIPPED_EARLY;
    s.rx.skip_all_data = true;
    put_early(10);
    put_early(KT_PLAINTEXT_MAX);
    put_message(KT_MSG_CLIENT_HELLO, 20);
    put_early(10);
    expect_message(KT_MSG_CLIENT_HELLO, 20, true);
    expect_fault(APPLICATION_DATA_EARLY);
    end();
}

static void after_a_retry_there_is_a_limit_as_well(void **state)
{
    (void)state;
    begin();
    s.rx.skip_early = KT_BUDGET_SKIPPED_EARLY;
    s.rx.skip_all_data = true;
    for (int i = 0; i < 4; i++) {
        put_early(KT_PLAINTEXT_MAX);
    }
    expect_fault(EARLY_DATA_TOO_LONG);
    end();
}

/* ---- the buffer ---- */

static void take_in_halves(void)
{
    struct kt_incoming in;

    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "abcdef", 6, 0);
    assert_good(next(&in));
    assert_int_equal(in.event, KT_RX_DATA);
    kt_rx_rest(&s.rx); /* unread data keeps it */
    assert_int_equal(s.world.live, 1);
    assert_good(kt_rx_data_done(&s.rx, 3));
    kt_rx_rest(&s.rx);
    assert_int_equal(s.world.live, 1);
    assert_good(kt_rx_data_done(&s.rx, 3));
    assert_int_equal(s.world.live, 1); /* not given back after each record */
    kt_rx_rest(&s.rx);
    assert_int_equal(s.world.live, 0);
    kt_rx_rest(&s.rx);
}

static void the_buffer_exists_only_when_needed(void **state)
{
    size_t room;

    (void)state;
    begin();
    protect(true);
    assert_int_equal(s.world.live, 0);
    take_in_halves();
    take_in_halves();
    assert_non_null(kt_rx_room(&s.rx, &room));
    assert_int_equal(room, KT_RX_BUFFER);
    end();
}

static void half_a_record_keeps_the_buffer(void **state)
{
    (void)state;
    begin();
    protect(true);
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "abcdef", 6, 0);
    s.wire.len -= 1;
    expect_need();
    kt_rx_rest(&s.rx);
    assert_int_equal(s.world.live, 1);
    s.wire.len += 1;
    expect_data(6);
    end();
}

static void more_than_was_lent(void **state)
{
    size_t room;

    (void)state;
    begin();
    assert_fault(kt_rx_filled(&s.rx, 1), USAGE_TOO_MUCH);
    assert_good(kt_rx_filled(&s.rx, 0));
    assert_non_null(kt_rx_room(&s.rx, &room));
    assert_fault(kt_rx_filled(&s.rx, room + 1), USAGE_TOO_MUCH);
    end();
    begin();
    protect(true);
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "abc", 3, 0);
    assert_fault(kt_rx_data_done(&s.rx, 1), USAGE_TOO_MUCH);
    {
        struct kt_incoming in;

        assert_good(next(&in));
    }
    assert_fault(kt_rx_data_done(&s.rx, 4), USAGE_TOO_MUCH);
    assert_good(kt_rx_data_done(&s.rx, 3));
    assert_fault(kt_rx_data_done(&s.rx, 1), USAGE_TOO_MUCH);
    end();
}

/* What was shown stays where it is, however much comes behind it. */
static void unread_data_does_not_move(void **state)
{
    static const uint8_t content[8000] = {1, 2, 3};
    struct kt_incoming in, again;
    size_t room;

    (void)state;
    begin();
    protect(true);
    for (int i = 0; i < 4; i++) {
        kit_put_sealed(&s.wire, KT_CONTENT_DATA, content, sizeof content, 0);
    }
    feed(9000);
    assert_good(next(&in));
    while (kt_rx_room(&s.rx, &room) != NULL) {
        feed(SIZE_MAX);
    }
    assert_int_equal(room, 0);
    assert_good(kt_rx_next(&s.rx, &again));
    assert_ptr_equal(in.data.p, again.data.p);
    assert_memory_equal(in.data.p, content, sizeof content);
    for (int i = 0; i < 4; i++) {
        expect_data(sizeof content);
    }
    end();
}

/* ---- notices ---- */

static void records_and_alerts_are_told(void **state)
{
    struct kt_incoming in;

    (void)state;
    begin();
    s.world.env.observer = kit_observe;
    put_message(KT_MSG_SERVER_HELLO, 4);
    expect_message(KT_MSG_SERVER_HELLO, 4, true);
    protect(false);
    kit_put_sealed(&s.wire, KT_CONTENT_ALERT, "\2\x28", 2, 30);
    assert_good(next(&in));
    assert_int_equal(s.world.notice_count, 3);
    assert_int_equal(s.world.notices[0].kind, KT_NOTICE_RECORD);
    assert_int_equal(s.world.notices[0].direction, KT_RECEIVING);
    assert_int_equal(s.world.notices[0].u.record.type, KT_CONTENT_HANDSHAKE);
    assert_false(s.world.notices[0].u.record.is_protected);
    assert_int_equal(s.world.notices[0].u.record.wire_len, 5 + 8);
    assert_int_equal(s.world.notices[0].u.record.content_len, 8);
    assert_true(s.world.notices[1].u.record.is_protected);
    assert_int_equal(s.world.notices[1].u.record.type, KT_CONTENT_ALERT);
    assert_int_equal(s.world.notices[1].u.record.wire_len, 5 + 2 + 1 + 30 + 16);
    assert_int_equal(s.world.notices[1].u.record.content_len, 2);
    assert_int_equal(s.world.notices[2].kind, KT_NOTICE_ALERT);
    assert_int_equal(s.world.notices[2].u.alert.level, 2);
    assert_int_equal(s.world.notices[2].u.alert.description, KT_ALERT_HANDSHAKE_FAILURE);
    end();
}

/* ---- a whole conversation, in all chunkings, damaged, and without memory ---- */

/* What happened, as bytes to compare. */
struct journal {
    uint8_t b[8192];
    size_t len;
    const struct kt_fault *fault;
};

static struct kt_secret own_secret(uint8_t seed)
{
    return kit_secret(kit_aes128(), seed);
}

static void wire_keys(uint8_t seed)
{
    struct kt_secret secret = own_secret(seed);

    assert_good(kt_protection_set(&s.wire.protection, KT_SENDING, kit_aes128(), &secret));
}

/* What a server sends; returns where the protected part begins. */
static size_t write_conversation(void)
{
    uint8_t flight[1200];
    size_t protected_at, len = kit_message(KT_MSG_ENCRYPTED_EXTENSIONS, 6, flight);
    struct kt_secret secret = own_secret(2);

    len += kit_message(KT_MSG_CERTIFICATE, 700, flight + len);
    len += kit_message(KT_MSG_FINISHED, 32, flight + len);
    put_message(KT_MSG_SERVER_HELLO, 90);
    kit_put_plain(&s.wire, KT_CONTENT_CCS, "\1", 1);
    protected_at = s.wire.len;
    wire_keys(1);
    kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, flight, 300, 0);
    kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, flight + 300, 1, 9);
    kit_put_sealed(&s.wire, KT_CONTENT_HANDSHAKE, flight + 301, len - 301, 0);
    wire_keys(2);
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "first", 5, 0);
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "", 0, 0);
    put_message(KT_MSG_NEW_SESSION_TICKET, 40);
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, flight, 500, 12);
    put_message(KT_MSG_KEY_UPDATE, 1);
    kt_traffic_secret_next(kit_aes128()->hash, &secret);
    assert_good(kt_protection_set(&s.wire.protection, KT_SENDING, kit_aes128(), &secret));
    kit_put_sealed(&s.wire, KT_CONTENT_DATA, "second", 6, 0);
    kit_put_sealed(&s.wire, KT_CONTENT_ALERT, "\1\0", 2, 0);
    return protected_at;
}

static void note(struct journal *j, const void *bytes, size_t len)
{
    assert_true(j->len + len <= sizeof j->b);
    memcpy(j->b + j->len, bytes, len);
    j->len += len;
}

static const struct kt_fault *on_message(const struct kt_message *message)
{
    struct kt_secret secret = own_secret(message->type == KT_MSG_SERVER_HELLO ? 1 : 2);

    if (message->type == KT_MSG_SERVER_HELLO || message->type == KT_MSG_FINISHED) {
        return kt_rx_protect(&s.rx, kit_aes128(), &secret, message->type == KT_MSG_FINISHED, 1);
    }
    return message->type == KT_MSG_KEY_UPDATE ? kt_rx_next_epoch(&s.rx, KT_BIRTH_PEER, 1) : NULL;
}

/* Takes one event as a client would; false when more bytes are needed or it failed. */
static bool take_event(struct journal *j)
{
    struct kt_incoming in;
    uint8_t head[2];

    j->fault = kt_rx_next(&s.rx, &in);
    if (j->fault != NULL || in.event == KT_RX_NEED) {
        return false;
    }
    head[0] = (uint8_t)in.event;
    head[1] = in.event == KT_RX_MESSAGE && in.message.last_in_record;
    note(j, head, sizeof head);
    if (in.event == KT_RX_MESSAGE) {
        note(j, in.message.whole.p, in.message.whole.len);
        j->fault = on_message(&in.message);
    } else if (in.event == KT_RX_DATA) {
        note(j, in.data.p, in.data.len);
        j->fault = kt_rx_data_done(&s.rx, in.data.len);
    } else if (in.event == KT_RX_ALERT) {
        note(j, (const uint8_t[]){in.alert_level, in.alert}, 2);
    }
    return j->fault == NULL;
}

/* Feeds the wire in pieces, the first of `first` bytes and the others of `rest`. */
static void converse(size_t first, size_t rest, struct journal *j)
{
    size_t piece = first, room;

    *j = (struct journal){.len = 0};
    while (s.fed < s.wire.len && j->fault == NULL) {
        if (kt_rx_room(&s.rx, &room) == NULL) {
            return;
        }
        feed(piece);
        piece = rest;
        while (take_event(j)) {
        }
    }
}

static struct journal whole_journal(void)
{
    struct journal j;

    begin();
    write_conversation();
    converse(SIZE_MAX, SIZE_MAX, &j);
    assert_good(j.fault);
    assert_int_equal(j.b[j.len - 2], 1); /* it ends with close_notify */
    end();
    return j;
}

static void all_chunkings_give_the_same_events(void **state)
{
    struct journal whole = whole_journal(), j;
    size_t wire_len;

    (void)state;
    begin();
    write_conversation();
    wire_len = s.wire.len;
    end();
    for (size_t chunk = 1; chunk < 70; chunk++) {
        begin();
        write_conversation();
        converse(chunk, chunk, &j);
        assert_good(j.fault);
        assert_int_equal(j.len, whole.len);
        assert_memory_equal(j.b, whole.b, j.len);
        end();
    }
    for (size_t split = 1; split < wire_len; split++) {
        begin();
        write_conversation();
        converse(split, SIZE_MAX, &j);
        assert_good(j.fault);
        assert_int_equal(j.len, whole.len);
        assert_memory_equal(j.b, whole.b, j.len);
        end();
    }
}

/* In clear, the second byte of the version is the only one that says nothing. */
static bool is_minor_version(size_t at, size_t ccs_at)
{
    return at == 2 || at == ccs_at + 2;
}

static void every_byte_changed_is_noticed(void **state)
{
    struct journal whole = whole_journal(), j;
    size_t wire_len = 1;

    (void)state;
    for (size_t at = 0; at < wire_len; at++) {
        for (unsigned bit = 0; bit < 8; bit += 3) {
            size_t protected_at;

            begin();
            protected_at = write_conversation();
            wire_len = s.wire.len;
            s.wire.b[at] ^= (uint8_t)(1u << bit);
            converse(SIZE_MAX, SIZE_MAX, &j);
            if (!is_minor_version(at, protected_at - 6)) {
                assert_true(j.fault != NULL || j.len != whole.len || memcmp(j.b, whole.b, j.len) != 0);
            }
            if (at >= protected_at + 5 && j.fault != NULL) {
                assert_true(j.len < whole.len && memcmp(j.b, whole.b, j.len) == 0);
            }
            end();
        }
    }
}

static void without_memory_it_fails_and_leaks_nothing(void **state)
{
    struct journal whole = whole_journal(), j;
    size_t failures = 0;

    (void)state;
    for (size_t n = 1; n < 100; n++) {
        begin();
        write_conversation();
        s.world.fail_at = n;
        converse(37, 37, &j);
        if (s.world.allocs < n) {
            assert_int_equal(j.len, whole.len);
            end();
            break;
        }
        failures++;
        if (j.fault != NULL) {
            assert_int_equal(j.fault->reason, KT_REASON_MEMORY_SPENT);
        } else {
            assert_int_equal(n, 1); /* the buffer: kt_rx_room has no other way to tell */
        }
        end();
    }
    assert_true(failures >= 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_bytes_that_are_not_tls),
        cmocka_unit_test(one_byte_is_enough_to_know),
        cmocka_unit_test(later_records_have_reasons_of_their_own),
        cmocka_unit_test(the_minor_version_says_nothing),
        cmocka_unit_test(a_length_is_judged_before_the_body_comes),
        cmocka_unit_test(the_longest_records_pass),
        cmocka_unit_test(data_before_there_are_keys),
        cmocka_unit_test(unprotected_records_after_keys),
        cmocka_unit_test(an_unprotected_alert_of_a_peer_without_keys),
        cmocka_unit_test(no_unprotected_alert_after_a_protected_record),
        cmocka_unit_test(inner_types),
        cmocka_unit_test(change_cipher_spec),
        cmocka_unit_test(empty_records),
        cmocka_unit_test(empty_data_within_its_budget),
        cmocka_unit_test(messages_are_no_progress),
        cmocka_unit_test(warnings_that_may_be_ignored_come_to_an_end),
        cmocka_unit_test(closing_is_never_too_much),
        cmocka_unit_test(alerts_are_two_bytes),
        cmocka_unit_test(several_messages_of_one_record),
        cmocka_unit_test(messages_split_over_two_records),
        cmocka_unit_test(a_message_of_one_byte_records),
        cmocka_unit_test(an_assembled_message_is_followed_by_bytes),
        cmocka_unit_test(other_types_inside_a_message),
        cmocka_unit_test(limits_by_type_hold_before_anything_is_assembled),
        cmocka_unit_test(a_limit_holds_when_the_header_itself_is_split),
        cmocka_unit_test(memory_follows_what_arrives),
        cmocka_unit_test(an_assembled_message_is_given_back),
        cmocka_unit_test(keys_change_only_between_messages),
        cmocka_unit_test(the_next_epoch),
        cmocka_unit_test(records_of_the_old_key_do_not_open_under_the_new),
        cmocka_unit_test(no_epoch_before_application_keys),
        cmocka_unit_test(a_key_that_cannot_be_set_is_told),
        cmocka_unit_test(refused_early_data_is_skipped_by_trial),
        cmocka_unit_test(refused_early_data_has_a_limit),
        cmocka_unit_test(without_refusal_nothing_is_skipped),
        cmocka_unit_test(after_a_retry_data_is_skipped_by_type),
        cmocka_unit_test(after_a_retry_there_is_a_limit_as_well),
        cmocka_unit_test(the_buffer_exists_only_when_needed),
        cmocka_unit_test(half_a_record_keeps_the_buffer),
        cmocka_unit_test(more_than_was_lent),
        cmocka_unit_test(unread_data_does_not_move),
        cmocka_unit_test(records_and_alerts_are_told),
        cmocka_unit_test(all_chunkings_give_the_same_events),
        cmocka_unit_test(every_byte_changed_is_noticed),
        cmocka_unit_test(without_memory_it_fails_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
