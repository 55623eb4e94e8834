/*
 * attack.c - what a peer that proved nothing can make a server spend.
 *
 *      budget_LIBRARY ATTACK       prints one JSON object
 *      budget_LIBRARY --list       prints the names
 *
 * The attacker is a client of ours whose records are made as it likes. Memory is that of the server's code alone, of
 * the whole heap; under callgrind, with --collect-atstart=no, so are the instructions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <keyturn/keyturn.h>
#include <valgrind/callgrind.h>
#include <cmocka.h>

#include "budget/victim.h"
#include "conn/conn_impl.h"
#include "mem/heap_count.h"

enum {
    FLOOD = 1000,      /* messages of a flood, at most */
    HELLO_CAP = 70000, /* of a ClientHello that is made to be long */
    SCRATCH = 1 << 17,
    RANDOM_AT = 4 + 2, /* in a ClientHello message */
    SESSION_AT = RANDOM_AT + 32,
};

/* ---- the server's share of memory and of instructions ---- */

static struct {
    int64_t live, peak, base;
    uint64_t calls, base_calls;
} share;

static void enter(void)
{
    share.base = heap.peak = heap.live;
    share.base_calls = heap.calls;
    CALLGRIND_TOGGLE_COLLECT;
}

static void leave(void)
{
    int64_t peak = share.live + heap.peak - share.base;

    CALLGRIND_TOGGLE_COLLECT;
    share.peak = peak > share.peak ? peak : share.peak;
    share.live += heap.live - share.base;
    share.calls += heap.calls - share.base_calls;
}

/* ---- the wire ---- */

static uint64_t bytes_sent;

static void give(const uint8_t *bytes, size_t len)
{
    bytes_sent += len;
    enter();
    victim_feed(bytes, len);
    leave();
}

static size_t take(uint8_t *bytes, size_t cap)
{
    size_t len;

    enter();
    len = victim_drain(bytes, cap);
    leave();
    return len;
}

static void ignore_answers(void)
{
    static uint8_t sink[SCRATCH];

    while (take(sink, sizeof sink) > 0) {
    }
}

static bool goes_on(void)
{
    return victim_verdict() == NULL;
}

/* One record in the clear. */
static void give_record(uint8_t type, const uint8_t *content, size_t len)
{
    static uint8_t record[KT_RECORD_HEADER + KT_PLAINTEXT_MAX];
    struct kt_writer w = kt_writer_over(record, sizeof record);

    kt_put_u8(&w, type);
    kt_put_u16(&w, 0x0301);
    kt_put_u16(&w, (uint16_t)len);
    kt_put_bytes(&w, kt_span_of(content, len));
    assert_true(kt_writer_finish(&w));
    give(record, w.len);
}

static void give_message(const uint8_t *message, size_t len, size_t fragment)
{
    for (size_t at = 0; at < len && goes_on(); at += fragment) {
        give_record(KT_CONTENT_HANDSHAKE, message + at, len - at < fragment ? len - at : fragment);
    }
}

/* ---- the attacker ---- */

static struct kt_config *config;
static struct kt_conn *attacker;

static void attacker_open(uint16_t version)
{
    const struct kt_conn_options options = {.server_name = {(const uint8_t *)"localhost", 9}};
    struct kt_builder *builder;

    assert_null(kt_builder_new(KT_CLIENT, kt_env_linux(), &builder));
    assert_null(kt_builder_versions(builder, version, version));
    kt_builder_grease(builder, false); /* the numbers of the attack's extensions are all its own */
    assert_null(kt_builder_build(builder, &config));
    kt_builder_free(builder);
    assert_null(kt_conn_new(config, &options, &attacker));
}

static void attacker_close(void)
{
    kt_conn_free(attacker);
    kt_config_unref(config);
    attacker = NULL;
    config = NULL;
}

static void flush(void)
{
    const uint8_t *out;
    size_t len;

    while ((out = kt_conn_out(attacker, &len)) != NULL) {
        give(out, len);
        assert_null(kt_conn_out_done(attacker, len));
    }
}

static bool leaves_asks;

static void hear(void)
{
    static uint8_t bytes[SCRATCH];
    size_t len = take(bytes, sizeof bytes);
    size_t room;
    uint8_t *in;

    for (size_t at = 0; at < len && (in = kt_conn_in(attacker, &room)) != NULL;) {
        size_t n = len - at < room ? len - at : room;

        memcpy(in, bytes + at, n);
        assert_null(kt_conn_in_done(attacker, n));
        at += n;
        if (!leaves_asks && kt_conn_ask(attacker) != NULL && kt_conn_ask(attacker)->kind == KT_ASK_VERIFY) {
            assert_null(kt_answer_verified(attacker));
        }
    }
}

static void connect_attacker(uint16_t version)
{
    attacker_open(version);
    for (int turn = 0; turn < 8 && !kt_conn_is_connected(attacker); turn++) {
        flush();
        hear();
    }
    flush();
    hear();
    assert_true(kt_conn_is_connected(attacker) && goes_on());
    assert_false(kt_tx_has_output(&attacker->tx));
}

/* Protected as the server expects it, whatever it holds. */
static void give_sealed(uint8_t type, const uint8_t *content, size_t len)
{
    static uint8_t record[KT_RECORD_MAX + 2048];
    size_t record_len;

    assert_null(kt_protection_seal(&attacker->tx.protection, type, content, len, 0, record, &record_len));
    give(record, record_len);
    ignore_answers();
}

/* A ClientHello as ours are, without its record header. */
static size_t make_hello(uint8_t *message)
{
    const uint8_t *out;
    size_t len;

    attacker_open(KT_TLS_1_3);
    out = kt_conn_out(attacker, &len);
    assert_true(out != NULL && len > KT_RECORD_HEADER);
    memcpy(message, out + KT_RECORD_HEADER, len - KT_RECORD_HEADER);
    attacker_close();
    return len - KT_RECORD_HEADER;
}

static void put_length(uint8_t *at, size_t bytes, size_t len)
{
    struct kt_writer w = kt_writer_over(at, bytes);

    if (bytes == 3) {
        kt_put_u24(&w, (uint32_t)len);
    } else {
        kt_put_u16(&w, (uint16_t)len);
    }
    assert_true(kt_writer_finish(&w));
}

/* Where the two bytes stand that say how long the extensions are: behind session id, suites and compression. */
static size_t extensions_at(const uint8_t *hello, size_t len)
{
    struct kt_reader r = kt_reader_over(kt_span_of(hello + SESSION_AT, len - SESSION_AT));
    struct kt_span skipped;

    assert_true(kt_reader_vec8(&r, &skipped) && kt_reader_vec16(&r, &skipped) && kt_reader_vec8(&r, &skipped));
    return len - kt_reader_left(&r);
}

/* ---- attacks before anything is protected ---- */

/* All but the last byte, one at a time, and then nothing more. */
static void slow_hello(void)
{
    static uint8_t message[HELLO_CAP], record[KT_RECORD_HEADER] = {KT_CONTENT_HANDSHAKE, 3, 1};
    size_t len = make_hello(message);

    put_length(record + 3, 2, len);
    for (size_t i = 0; i < sizeof record; i++) {
        give(record + i, 1);
    }
    for (size_t i = 0; i + 1 < len; i++) {
        give(message + i, 1);
    }
}

static void hello_in_records_of_one_byte(void)
{
    static uint8_t message[HELLO_CAP];

    give_message(message, make_hello(message), 1);
    ignore_answers();
}

/* It says that 16 MiB follow, and sends as many as are taken. */
static void hello_without_end(void)
{
    static uint8_t block[KT_PLAINTEXT_MAX] = {KT_MSG_CLIENT_HELLO, 0xff, 0xff, 0xff};

    for (int n = 0; n < 1024 && goes_on(); n++) {
        give_record(KT_CONTENT_HANDSHAKE, block, sizeof block);
        memset(block, 0, KT_MESSAGE_HEADER);
    }
}

static void hello_with_huge_session_id(void)
{
    static uint8_t message[HELLO_CAP];
    size_t len = make_hello(message);
    size_t old = message[SESSION_AT];

    memmove(message + SESSION_AT + 1 + 255, message + SESSION_AT + 1 + old, len - SESSION_AT - 1 - old);
    memset(message + SESSION_AT + 1, 's', 255);
    message[SESSION_AT] = 255;
    len += 255 - old;
    put_length(message + 1, 3, len - KT_MESSAGE_HEADER);
    give_message(message, len, KT_PLAINTEXT_MAX);
}

/* Behind those of a good hello `count` more, of numbers from `first` on, each with `size` bytes. */
static void hello_with_extensions(unsigned first, unsigned count, size_t size)
{
    static uint8_t message[HELLO_CAP];
    size_t len = make_hello(message);
    size_t at = extensions_at(message, len);

    for (unsigned n = 0; n < count; n++) {
        put_length(message + len, 2, first + n);
        put_length(message + len + 2, 2, size);
        memset(message + len + 4, 'x', size);
        len += 4 + size;
    }
    put_length(message + at, 2, len - at - 2);
    put_length(message + 1, 3, len - KT_MESSAGE_HEADER);
    give_message(message, len, KT_PLAINTEXT_MAX);
    ignore_answers();
}

static void hello_with_many_extensions(void)
{
    hello_with_extensions(0x8000, 3000, 0);
}

static void hello_with_long_extensions(void)
{
    hello_with_extensions(0x8000, 60, 1000);
}

/* Numbers 100 to 355 are known to few: a registry's worth, each empty. */
static void hello_with_each_extension(void)
{
    hello_with_extensions(100, 256, 0);
}

static void empty_records(void)
{
    for (int n = 0; n < FLOOD && goes_on(); n++) {
        give_record(KT_CONTENT_HANDSHAKE, NULL, 0);
    }
}

static void warnings(void)
{
    static const uint8_t user_canceled[] = {1, KT_ALERT_USER_CANCELED};

    for (int n = 0; n < FLOOD && goes_on(); n++) {
        give_record(KT_CONTENT_ALERT, user_canceled, sizeof user_canceled);
    }
}

static void change_cipher_specs(void)
{
    static uint8_t message[HELLO_CAP];

    give_message(message, make_hello(message), KT_PLAINTEXT_MAX);
    ignore_answers();
    for (int n = 0; n < FLOOD && goes_on(); n++) {
        give_record(KT_CONTENT_CCS, (const uint8_t[]){1}, 1);
    }
}

/* ---- attacks by who finished a handshake, and showed nobody's certificate ---- */

static void key_updates(void)
{
    connect_attacker(KT_TLS_1_3);
    for (int n = 0; n < FLOOD && goes_on(); n++) {
        assert_null(kt_tx_key_update(&attacker->tx, true, KT_BIRTH_CALLER, 0));
        flush();
        ignore_answers();
    }
}

static void flood_sealed(uint16_t version, uint8_t type, const uint8_t *content, size_t len)
{
    connect_attacker(version);
    for (int n = 0; n < FLOOD && goes_on(); n++) {
        give_sealed(type, content, len);
    }
}

static void empty_data(void)
{
    flood_sealed(KT_TLS_1_3, KT_CONTENT_DATA, NULL, 0);
}

static void empty_data_12(void)
{
    flood_sealed(KT_TLS_1_2, KT_CONTENT_DATA, NULL, 0);
}

static void protected_warnings(void)
{
    flood_sealed(KT_TLS_1_3, KT_CONTENT_ALERT, (const uint8_t[]){1, KT_ALERT_USER_CANCELED}, 2);
}

static void protected_warnings_12(void)
{
    flood_sealed(KT_TLS_1_2, KT_CONTENT_ALERT, (const uint8_t[]){1, KT_ALERT_NO_RENEGOTIATION}, 2);
}

static void rehandshakes_12(void)
{
    static uint8_t message[HELLO_CAP];
    size_t len = make_hello(message);

    flood_sealed(KT_TLS_1_2, KT_CONTENT_HANDSHAKE, message, len);
}

/* In the place of its certificate: a chain of a megabyte, as far as it is taken. */
static void long_chain(void)
{
    static uint8_t block[KT_PLAINTEXT_MAX] = {KT_MSG_CERTIFICATE, 0x10, 0, 0, 0, 0x0f, 0xff, 0xf0};

    leaves_asks = true;
    attacker_open(KT_TLS_1_3);
    flush();
    hear();
    assert_true(kt_protection_on(&attacker->tx.protection) && !kt_conn_is_connected(attacker));
    for (int n = 0; n < 64 && goes_on(); n++) {
        give_sealed(KT_CONTENT_HANDSHAKE, block, sizeof block);
        memset(block, 0x11, 16);
    }
}

/* ---- all of them ---- */

static const struct {
    const char *name;
    void (*run)(void);
    bool client_auth;
} attacks[] = {
    {"slow-hello", slow_hello, false},
    {"hello-byte-records", hello_in_records_of_one_byte, false},
    {"hello-endless", hello_without_end, false},
    {"hello-session-id", hello_with_huge_session_id, false},
    {"hello-many-extensions", hello_with_many_extensions, false},
    {"hello-long-extensions", hello_with_long_extensions, false},
    {"hello-each-extension", hello_with_each_extension, false},
    {"empty-records", empty_records, false},
    {"warnings", warnings, false},
    {"change-cipher-specs", change_cipher_specs, false},
    {"long-chain", long_chain, true},
    {"key-updates", key_updates, false},
    {"empty-data", empty_data, false},
    {"empty-data-1.2", empty_data_12, false},
    {"protected-warnings", protected_warnings, false},
    {"protected-warnings-1.2", protected_warnings_12, false},
    {"rehandshakes-1.2", rehandshakes_12, false},
};

static const char *wanted;

static void warm_up(void)
{
    victim_open();
    connect_attacker(KT_TLS_1_3);
    attacker_close();
    victim_close();
}

static void attack(void **user)
{
    (void)user;
    for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        if (strcmp(attacks[i].name, wanted) != 0) {
            continue;
        }
        victim_setup(attacks[i].client_auth);
        warm_up();
        CALLGRIND_ZERO_STATS;
        memset(&share, 0, sizeof share);
        bytes_sent = 0;
        int64_t engine = victim_engine_live();
        enter();
        victim_open();
        leave();
        attacks[i].run();
        ignore_answers();
        printf(
            "{\"library\": \"%s\", \"attack\": \"%s\", \"sent\": %llu, \"verdict\": \"%s\", \"peak\": %lld, "
            "\"held\": %lld, \"mallocs\": %llu, \"engine_peak\": %lld}\n",
            victim_name, wanted, (unsigned long long)bytes_sent, goes_on() ? "" : victim_verdict(),
            (long long)share.peak, (long long)share.live, (unsigned long long)share.calls,
            (long long)(victim_engine_peak() - engine));
        attacker_close();
        victim_close();
        assert_int_equal(victim_engine_live(), engine);
        victim_teardown();
        return;
    }
    fail_msg("no such attack: %s", wanted);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(attack)};

    wanted = argc > 1 ? argv[1] : "";
    if (strcmp(wanted, "--list") == 0) {
        for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
            printf("%s\n", attacks[i].name);
        }
        return 0;
    }
    heap_begin();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
