/* How long records are when the sides have agreed on it (RFC 8449, RFC 6066 section 4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/limits.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;

static size_t client_limit, server_limit, padding;
static size_t longest[2]; /* inner plaintext of the protected records each side sent */

static void limit_client(struct kt_builder *b)
{
    assert_null(kt_builder_record_limit(b, client_limit));
    assert_null(kt_builder_padding(b, padding));
}

static void limit_server(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
    assert_null(kt_builder_record_limit(b, server_limit));
    assert_null(kt_builder_padding(b, padding));
}

static const struct loop_setup limited = {.client = limit_client, .server = limit_server, .client_credential = true};

static size_t measure(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    (void)cap;
    if (record[0] == KT_CONTENT_DATA && len - KT_RECORD_HEADER - KT_TAG_LEN > longest[from]) {
        longest[from] = len - KT_RECORD_HEADER - KT_TAG_LEN;
    }
    return len;
}

static void open_limited(size_t client, size_t server, size_t multiple)
{
    client_limit = client;
    server_limit = server;
    padding = multiple;
    memset(longest, 0, sizeof longest);
    loop_open(&l, &limited);
    l.filter = measure;
}

static void expect_limits(struct kt_conn *conn, unsigned sending, unsigned receiving)
{
    struct kt_facts facts = kt_conn_facts(conn);

    assert_int_equal(facts.record_limit_sending, sending);
    assert_int_equal(facts.record_limit_receiving, receiving);
}

/* loop_transfer sends 4096 bytes at once: only padding makes more of them. */
static size_t expected(size_t limit)
{
    return (padding == 0 && limit > 4096 ? 4096 : limit) + 1;
}

/* Every protected record, from EncryptedExtensions to close_notify, has at most what the other side said. */
static void no_record_is_longer_than_agreed(void **user)
{
    static const size_t limits[][2] = {{64, 64}, {64, 16384}, {16384, 64}, {100, 65}, {511, 4096}, {16384, 16384}};

    (void)user;
    for (size_t i = 0; i < KT_COUNT_OF(limits); i++) {
        for (size_t multiple = 0; multiple <= 16384; multiple += 16384) {
            open_limited(limits[i][0], limits[i][1], multiple);
            loop_handshake(&l);
            expect_limits(l.client, (unsigned)limits[i][1], (unsigned)limits[i][0]);
            expect_limits(l.server, (unsigned)limits[i][0], (unsigned)limits[i][1]);
            loop_transfer(&l, KT_CLIENT, 20000);
            loop_transfer(&l, KT_SERVER, 20000);
            assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
            loop_run(&l);
            loop_transfer(&l, KT_CLIENT, 20000);
            assert_null(kt_conn_close(l.client));
            assert_null(kt_conn_close(l.server));
            loop_run(&l);
            assert_null(kt_conn_fault(l.client));
            assert_null(kt_conn_fault(l.server));
            assert_int_equal(longest[KT_CLIENT], expected(limits[i][1]));
            assert_int_equal(longest[KT_SERVER], expected(limits[i][0]));
            loop_close(&l);
        }
    }
}

/* Alerts and messages of a handshake that fails are no exception. */
static void a_failing_handshake_keeps_the_limit(void **user)
{
    (void)user;
    open_limited(64, 64, 0);
    l.refuse_peer = true;
    loop_run(&l);
    assert_non_null(kt_conn_fault(l.client));
    assert_int_equal(kt_conn_fault(l.server)->reason, KT_REASON_ALERT_RECEIVED);
    assert_int_equal(longest[KT_SERVER], 65);
    loop_close(&l);
}

static void lent_memory_is_as_long_as_a_record(void **user)
{
    size_t len;
    uint8_t *room;

    (void)user;
    open_limited(1000, 64, 0);
    loop_handshake(&l);
    room = kt_conn_write(l.server, &len);
    assert_non_null(room);
    assert_int_equal(len, 1000);
    memset(room, 'x', len);
    assert_int_equal(kt_conn_write_done(l.server, len + 1)->reason, KT_REASON_USAGE_TOO_MUCH);
    assert_null(kt_conn_write_done(l.server, len));
    loop_flush(&l, KT_SERVER);
    assert_int_equal(longest[KT_SERVER], 1001);
    loop_deliver(&l, KT_CLIENT);
    assert_int_equal(kt_conn_read(l.client, &len)[999], 'x');
    assert_int_equal(len, 1000);
    loop_close(&l);
}

/* A peer that agreed and does not keep to it. */
static void a_longer_record_is_refused(void **user)
{
    static const uint8_t content[501] = {1};

    (void)user;
    for (int role = 0; role < 2; role++) {
        enum kt_role from = (enum kt_role)role;
        struct kt_conn *receiver;
        size_t len;

        client_limit = 500;
        server_limit = 500;
        padding = 0;
        tap_open(&tap, &l, &limited);
        loop_handshake(&l);
        receiver = loop_conn(&l, from == KT_CLIENT ? KT_SERVER : KT_CLIENT);
        tap_inject(&tap, from, KT_CONTENT_DATA, content, 500);
        loop_run(&l);
        assert_non_null(kt_conn_read(receiver, &len));
        assert_int_equal(len, 500);
        assert_null(kt_conn_read_done(receiver, len));
        tap_inject(&tap, from, KT_CONTENT_DATA, content, 501);
        loop_run(&l);
        loop_assert_failed(receiver, RECORD_TOO_LONG, RECORD_OVERFLOW);
        assert_int_equal(kt_conn_alert_received(loop_conn(&l, from)), KT_ALERT_RECORD_OVERFLOW);
        tap_close(&tap);
    }
}

/* ---- max_fragment_length, by a client that knows nothing newer ---- */

/* A ClientHello with max_fragment_length of that code in the place of record_size_limit. */
static void make_older(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    static const uint8_t newer[] = {0, 28, 0, 2, 0x40, 1};
    static const uint8_t older[] = {0, 1, 0, 1, 1};
    uint8_t hello[4096];
    size_t at = 0;

    if (from != KT_CLIENT || type != KT_CONTENT_HANDSHAKE || content[0] != KT_MSG_CLIENT_HELLO) {
        tap_send(t, type, content, len);
        return;
    }
    while (at + sizeof newer <= len && memcmp(content + at, newer, sizeof newer) != 0) {
        at++;
    }
    assert_true(at + sizeof newer <= len && len < sizeof hello);
    memcpy(hello, content, at);
    memcpy(hello + at, older, sizeof older);
    memcpy(hello + at + sizeof older, content + at + sizeof newer, len - at - sizeof newer);
    len--;
    hello[3]--; /* both lengths: neither ends with a zero in these tests */
    at = 4 + 2 + 32 + 1 + hello[38];
    at += 2 + (size_t)(hello[at] << 8 | hello[at + 1]);
    at += 1 + (size_t)hello[at];
    assert_true(hello[at + 1] > 0);
    hello[at + 1]--;
    t->edits++;
    tap_send(t, type, hello, len);
}

static void a_server_keeps_to_the_fragment_length_asked_for(void **user)
{
    (void)user;
    tap_open(&tap, &l, &(struct loop_setup){0});
    tap.edit = make_older;
    tap.repair = true;
    loop_run(&l);
    assert_int_equal(tap.edits, 1);
    expect_limits(l.server, 511, 512);
    /* The two have not seen the same hello. */
    loop_assert_failed(l.client, RECORD_BAD_MAC, BAD_RECORD_MAC);
    tap_close(&tap);
}

static void ask_for_fragments(struct kt_builder *b)
{
    assert_null(kt_builder_max_fragment(b, 1024));
}

static void both_requests_of_a_client_say_the_same(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = ask_for_fragments});
    loop_handshake(&l);
    expect_limits(l.client, 16384, 1024);
    expect_limits(l.server, 1024, 16384);
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_record_is_longer_than_agreed),
        cmocka_unit_test(a_failing_handshake_keeps_the_limit),
        cmocka_unit_test(lent_memory_is_as_long_as_a_record),
        cmocka_unit_test(a_longer_record_is_refused),
        cmocka_unit_test(a_server_keeps_to_the_fragment_length_asked_for),
        cmocka_unit_test(both_requests_of_a_client_say_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
