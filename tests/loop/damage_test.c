/* Bytes in all sizes of pieces, records damaged in all places, and what is no TLS at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/limits.h"
#include "registry/registry.h"
#include "support/loop.h"

static struct loop l;

static void require(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void no_share(struct kt_builder *b)
{
    assert_null(kt_builder_key_shares(b, 0));
}

/* The longest handshake there is: retry, client certificate. */
static const struct loop_setup longest = {.client = no_share, .server = require, .client_credential = true};
static const struct loop_setup plain = {0};

/* ---- pieces ---- */

static void any_piece_size_will_do(void **user)
{
    static const size_t sizes[] = {1, 2, 3, 4, 5, 6, 7, 21, 22, 23, 63, 64, 500};

    (void)user;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        loop_open(&l, &longest);
        l.chunk = sizes[i];
        loop_handshake(&l);
        loop_transfer(&l, KT_CLIENT, 5000);
        loop_transfer(&l, KT_SERVER, 5000);
        loop_close(&l);
    }
}

/* Gives the first `split` bytes that ever go to `to`, lets everything settle, then the rest. */
static size_t given[2];

static void give(enum kt_role to, size_t n)
{
    struct kt_conn *conn = loop_conn(&l, to);
    struct loop_wire *wire = to == KT_CLIENT ? &l.down : &l.up;

    while (n > 0 && wire->len > 0) {
        size_t room;
        uint8_t *in = kt_conn_in(conn, &room);
        size_t now = n < wire->len ? n : wire->len;

        if (in == NULL) {
            return;
        }
        now = now < room ? now : room;
        memcpy(in, wire->bytes, now);
        memmove(wire->bytes, wire->bytes + now, wire->len - now);
        wire->len -= now;
        given[to] += now;
        n -= now;
        assert_null(kt_conn_in_done(conn, now));
    }
}

static void split_at(enum kt_role to, size_t split)
{
    loop_open(&l, &longest);
    given[0] = given[1] = 0;
    for (int turn = 0; turn < 40; turn++) {
        for (int i = 0; i < 2; i++) {
            loop_flush(&l, (enum kt_role)i);
            give((enum kt_role)(1 - i), (int)to == 1 - i && given[to] < split ? split - given[to] : SIZE_MAX);
            (void)loop_answer(&l, loop_conn(&l, (enum kt_role)(1 - i)));
        }
    }
    loop_handshake(&l);
    loop_close(&l);
}

static void every_split_of_every_flight_will_do(void **user)
{
    uint64_t up, down;

    (void)user;
    loop_open(&l, &longest);
    loop_handshake(&l);
    up = l.up.total;
    down = l.down.total;
    loop_close(&l);
    for (size_t n = 1; n < up; n++) {
        split_at(KT_SERVER, n);
    }
    for (size_t n = 1; n < down; n++) {
        split_at(KT_CLIENT, n);
    }
}

/* ---- records meddled with by somebody without keys ---- */

enum how { FLIP, CUT_OFF, DROP, TWICE, EMPTY_BEFORE, OTHER_TYPE };

static struct {
    enum how how;
    size_t record; /* which one, from both sides together */
    size_t byte;
    size_t seen;
    size_t len; /* of that record */
    uint8_t type;
    enum kt_role from;
    uint8_t arg;
} plan;

static size_t meddle(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    if (plan.seen++ != plan.record) {
        return len;
    }
    plan.len = len;
    plan.type = record[0];
    plan.from = from;
    switch (plan.how) {
    case FLIP:
        record[plan.byte] ^= plan.arg;
        return len;
    case CUT_OFF:
        record[3] = 0;
        record[4] = (uint8_t)(len - 6 > 255 ? 255 : len - 6);
        return 5u + record[4];
    case DROP:
        return 0;
    case TWICE:
        assert_true(2 * len <= cap);
        memcpy(record + len, record, len);
        return 2 * len;
    case EMPTY_BEFORE:
        memmove(record + 5, record, len);
        record[3] = record[4] = 0;
        return len + 5;
    case OTHER_TYPE:
        record[0] = plan.arg;
        return len;
    }
    return len;
}

/* The same export on both sides means the same keys. */
static bool same_secrets(void)
{
    uint8_t a[32], b[32];
    const struct kt_span label = {(const uint8_t *)"test", 4};

    assert_null(kt_conn_export(l.client, label, (struct kt_span){0}, a, sizeof a));
    assert_null(kt_conn_export(l.server, label, (struct kt_span){0}, b, sizeof b));
    return memcmp(a, b, sizeof a) == 0;
}

/* Runs with the plan; at the end the transport is cut. True when both connected. */
static bool run_plan(const struct loop_setup *setup)
{
    bool both;

    plan.seen = 0;
    plan.len = 0;
    loop_open(&l, setup);
    l.filter = meddle;
    loop_run(&l);
    both = kt_conn_is_connected(l.client) && kt_conn_is_connected(l.server);
    if (both) {
        assert_true(same_secrets());
    }
    return both && kt_conn_fault(l.client) == NULL && kt_conn_fault(l.server) == NULL;
}

/* Nobody failed silently: who failed of itself tells an alert. */
static void assert_somebody_noticed(void)
{
    const struct kt_fault *client = kt_conn_fault(l.client);
    const struct kt_fault *server = kt_conn_fault(l.server);

    assert_true(client != NULL || server != NULL);
    assert_true(client == NULL || client->kind != KT_KIND_INTERNAL);
    assert_true(server == NULL || server->kind != KT_KIND_INTERNAL);
}

static size_t record_count(const struct loop_setup *setup)
{
    plan.record = SIZE_MAX;
    assert_true(run_plan(setup));
    loop_close(&l);
    return plan.seen;
}

static size_t record_len(size_t record)
{
    plan.how = FLIP;
    plan.arg = 0;
    plan.record = record;
    plan.byte = 0;
    assert_true(run_plan(&longest));
    loop_close(&l);
    return plan.len;
}

/* A length that grew waits for bytes that never come: of a record, or of a message that is not protected. */
static bool may_wait(void)
{
    return plan.byte == 3 || plan.byte == 4 || (plan.type == KT_CONTENT_HANDSHAKE && plan.byte >= 6 && plan.byte <= 8);
}

/* The minor version of a record says nothing, unless it is protected. */
static bool means_nothing(void)
{
    return plan.byte == 2 && plan.type != KT_CONTENT_DATA;
}

static void every_byte_of_every_record_matters(void **user)
{
    size_t records = record_count(&longest);

    (void)user;
    for (size_t record = 0; record < records; record++) {
        size_t len = record_len(record);

        plan.how = FLIP;
        plan.record = record;
        for (plan.byte = 0; plan.byte < len; plan.byte++) {
            bool good;

            plan.arg = (uint8_t)(1u << (plan.byte % 8));
            good = run_plan(&longest);
            assert_int_equal(good, means_nothing());
            if (!good && !may_wait()) {
                assert_somebody_noticed();
            }
            loop_close(&l);
        }
    }
}

static void a_lost_record_is_never_overlooked(void **user)
{
    size_t records = record_count(&longest);

    (void)user;
    for (plan.record = 0; plan.record < records; plan.record++) {
        static const enum how hows[] = {DROP, TWICE, CUT_OFF, EMPTY_BEFORE};
        size_t record = plan.record;

        for (size_t i = 0; i < 4; i++) {
            bool good;

            plan.how = hows[i];
            plan.record = record;
            good = run_plan(&longest);
            /* A change_cipher_spec says nothing: it may be lost, and may come twice. */
            if (plan.type == KT_CONTENT_CCS && (plan.how == DROP || plan.how == TWICE)) {
                assert_true(good);
            } else {
                assert_false(good);
            }
            loop_close(&l);
        }
    }
}

static void no_record_passes_as_one_of_another_type(void **user)
{
    size_t records = record_count(&longest);

    (void)user;
    plan.how = OTHER_TYPE;
    for (plan.record = 0; plan.record < records; plan.record++) {
        for (unsigned type = 0; type < 256; type++) {
            plan.arg = (uint8_t)type;
            if (!run_plan(&longest)) {
                assert_int_not_equal(type, plan.type);
                assert_somebody_noticed();
            } else {
                assert_int_equal(type, plan.type);
            }
            loop_close(&l);
        }
    }
}

/* ---- no TLS ---- */

static const struct kt_fault *feed(struct kt_conn *conn, const void *bytes, size_t len)
{
    size_t room;
    uint8_t *in = kt_conn_in(conn, &room);

    assert_true(in != NULL && room >= len);
    memcpy(in, bytes, len);
    return kt_conn_in_done(conn, len);
}

#define expect_refused(bytes, len, reason, alert)                                                                      \
    do {                                                                                                               \
        loop_open(&l, &plain);                                                                                         \
        loop_assert_fault(feed(l.server, bytes, len), KT_REASON_##reason, KT_ALERT_##alert, __FILE__, __LINE__);       \
        assert_true((kt_conn_status(l.server) & KT_HAS_OUTPUT) != 0);                                                  \
        loop_close(&l);                                                                                                \
    } while (0)

static void who_does_not_speak_tls_is_told_so(void **user)
{
    (void)user;
    expect_refused("GET / HTTP/1.0\r\n\r\n", 18, RECORD_NOT_TLS, PROTOCOL_VERSION);
    expect_refused("G", 1, RECORD_NOT_TLS, PROTOCOL_VERSION);
    expect_refused("SSH-2.0-x\r\n", 11, RECORD_NOT_TLS, PROTOCOL_VERSION);
    expect_refused("\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10", 11, RECORD_NOT_TLS, PROTOCOL_VERSION); /* SSLv2 */
    expect_refused("\x16\x02\x00\x00\x05", 5, RECORD_NOT_TLS, PROTOCOL_VERSION);
    expect_refused("\x16\x04\x00\x00\x05", 5, RECORD_NOT_TLS, PROTOCOL_VERSION);
}

static void a_hello_must_come_first(void **user)
{
    (void)user;
    expect_refused("\x17\x03\x03\x00\x01x", 6, APPLICATION_DATA_EARLY, UNEXPECTED_MESSAGE);
    expect_refused("\x14\x03\x03\x00\x01\x01", 6, CCS_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    expect_refused("\x16\x03\x03\x00\x00", 5, RECORD_EMPTY, UNEXPECTED_MESSAGE);
    expect_refused("\x16\x03\x03\x40\x01", 5, RECORD_TOO_LONG, RECORD_OVERFLOW);
    expect_refused("\x16\x03\x01\x00\x04\x14\x00\x00\x00", 9, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    expect_refused("\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, CLIENT_HELLO_MALFORMED, DECODE_ERROR);
}

static void change_cipher_spec_is_one_byte_of_one(void **user)
{
    static const char *const bad[] = {"\x14\x03\x03\x00\x01\x02", "\x14\x03\x03\x00\x02\x01\x01"};

    (void)user;
    for (int i = 0; i < 2; i++) {
        loop_open(&l, &plain);
        loop_assert_fault(feed(l.client, bad[i], (size_t)(6 + i)), KT_REASON_CCS_MALFORMED, KT_ALERT_UNEXPECTED_MESSAGE,
                          __FILE__, __LINE__);
        loop_close(&l);
    }
}

static void change_cipher_spec_after_the_handshake_is_refused(void **user)
{
    (void)user;
    for (int i = 0; i < 2; i++) {
        struct kt_conn *conn;

        loop_open(&l, &plain);
        loop_handshake(&l);
        conn = loop_conn(&l, (enum kt_role)i);
        loop_assert_fault(feed(conn, "\x14\x03\x03\x00\x01\x01", 6), KT_REASON_CCS_NOT_EXPECTED,
                          KT_ALERT_UNEXPECTED_MESSAGE, __FILE__, __LINE__);
        loop_close(&l);
    }
}

static void plain_text_after_the_handshake_is_refused(void **user)
{
    static const uint8_t types[] = {KT_CONTENT_HANDSHAKE, KT_CONTENT_ALERT};

    (void)user;
    for (size_t i = 0; i < sizeof types; i++) {
        uint8_t record[] = {types[i], 3, 3, 0, 2, 1, 0};

        loop_open(&l, &plain);
        loop_handshake(&l);
        loop_assert_fault(feed(l.client, record, sizeof record), KT_REASON_RECORD_NOT_PROTECTED,
                          KT_ALERT_UNEXPECTED_MESSAGE, __FILE__, __LINE__);
        loop_close(&l);
    }
}

/* ---- early data that is refused ---- */

static size_t early_records, early_len;

/* Puts the early_data extension into the first hello, and data behind it that nobody can open. */
static size_t add_early_data(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    static bool added;
    size_t extensions;

    (void)user;
    if (from != KT_CLIENT || plan.seen++ > 0) {
        return len;
    }
    added = true;
    /* record 5, header 4, version 2, random 32, session id 1 + 32; the suites and the compression */
    extensions = 5 + 4 + 2 + 32 + 33;
    extensions += 2 + (size_t)(record[extensions] << 8 | record[extensions + 1]);
    extensions += 1u + record[extensions];
    memcpy(record + len, (const uint8_t[]){0, 42, 0, 0}, 4);
    len += 4;
    record[extensions] = (uint8_t)((len - extensions - 2) >> 8);
    record[extensions + 1] = (uint8_t)(len - extensions - 2);
    record[7] = (uint8_t)((len - 9) >> 8);
    record[8] = (uint8_t)(len - 9);
    record[3] = (uint8_t)((len - 5) >> 8);
    record[4] = (uint8_t)(len - 5);
    for (size_t i = 0; i < early_records; i++) {
        assert_true(len + 5 + early_len <= cap);
        memcpy(record + len, (const uint8_t[]){KT_CONTENT_DATA, 3, 3, (uint8_t)(early_len >> 8), (uint8_t)early_len},
               5);
        memset(record + len + 5, 0xee, early_len);
        len += 5 + early_len;
    }
    return added ? len : 0;
}

/* The transcripts differ, for the client knows nothing of it: so the server's part ends at the client's Finished. */
static const struct kt_fault *run_early(const struct loop_setup *setup, size_t records, size_t len)
{
    plan.seen = 0;
    early_records = records;
    early_len = len;
    loop_open(&l, setup);
    l.filter = add_early_data;
    loop_run(&l);
    return kt_conn_fault(l.server);
}

static bool is_about_early_data(const struct kt_fault *fault)
{
    return fault->reason == KT_REASON_EARLY_DATA_TOO_LONG || fault->reason == KT_REASON_APPLICATION_DATA_EARLY;
}

static void refused_early_data_is_skipped_up_to_a_limit(void **user)
{
    static const struct loop_setup retried = {.client = no_share};

    (void)user;
    for (int i = 0; i < 2; i++) {
        const struct loop_setup *setup = i == 0 ? &plain : &retried;
        const struct kt_fault *fault = run_early(setup, 6, 10000);

        assert_true(fault == NULL || !is_about_early_data(fault));
        loop_close(&l);
        fault = run_early(setup, 7, 10000);
        assert_int_equal(fault->reason, KT_REASON_EARLY_DATA_TOO_LONG);
        loop_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_piece_size_will_do),
        cmocka_unit_test(every_split_of_every_flight_will_do),
        cmocka_unit_test(every_byte_of_every_record_matters),
        cmocka_unit_test(a_lost_record_is_never_overlooked),
        cmocka_unit_test(no_record_passes_as_one_of_another_type),
        cmocka_unit_test(who_does_not_speak_tls_is_told_so),
        cmocka_unit_test(a_hello_must_come_first),
        cmocka_unit_test(change_cipher_spec_is_one_byte_of_one),
        cmocka_unit_test(change_cipher_spec_after_the_handshake_is_refused),
        cmocka_unit_test(plain_text_after_the_handshake_is_refused),
        cmocka_unit_test(refused_early_data_is_skipped_up_to_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
