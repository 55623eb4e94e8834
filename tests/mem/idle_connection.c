/*
 * idle_connection.c - what a connection takes from the heap: idle, in the handshake, for a record, in the end.
 *
 * By the public API. Two counters must agree: the allocator of the environment, which the engine uses, and the whole
 * heap, which shows what libcrypto keeps for it, too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <keyturn/keyturn.h>
#include <stdlib.h>
#include <string.h>

#include "heap_count.h"

#define PAIRS      16
#define RECORDS    200
#define FULL       16384
#define IDLE_LIMIT 8192
#define PEAK_LIMIT (80 * 1024)

/* The environment: that of Linux, and it counts. */
struct counts {
    int64_t live;
    uint64_t calls;
};

static struct counts engine;

static void *count_alloc(void *user, size_t len)
{
    struct counts *counts = user;
    void *memory = malloc(len);
    if (memory != NULL) {
        counts->live += (int64_t)len;
        counts->calls++;
    }
    return memory;
}

static void count_release(void *user, void *memory, size_t len)
{
    struct counts *counts = user;
    if (memory != NULL) {
        counts->live -= (int64_t)len;
    }
    free(memory);
}

/* Connections of one version and suite. Each test goes over all of them, or names its own. */
static struct kind {
    const char *name;
    uint16_t version, suite;
    const struct kt_policy *policy;
    struct kt_config *configs[2];
} kinds[] = {
    {"TLS 1.3, AES-GCM", KT_TLS_1_3, KT_SUITE_AES_256_GCM_SHA384, &kt_policy_2026_compatible, {NULL, NULL}},
    {"TLS 1.3, ChaCha20", KT_TLS_1_3, KT_SUITE_CHACHA20_POLY1305_SHA256, &kt_policy_2026_compatible, {NULL, NULL}},
    {"TLS 1.2, AES-GCM",
     KT_TLS_1_2,
     KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
     &kt_policy_2026_compatible,
     {NULL, NULL}},
    {"TLS 1.2, ChaCha20",
     KT_TLS_1_2,
     KT_SUITE_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
     &kt_policy_2026_compatible,
     {NULL, NULL}},
    {"TLS 1.2, CBC", KT_TLS_1_2, KT_SUITE_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384, &kt_policy_2026_legacy, {NULL, NULL}},
    {"TLS 1.0, CBC", KT_TLS_1_0, KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA, &kt_policy_2026_legacy, {NULL, NULL}},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static struct kt_env env;
static const struct kind *kind; /* of which connections are opened */

static void must(const struct kt_fault *fault)
{
    if (fault != NULL) {
        fail_msg("%s at %s:%u", kt_reason_name(fault->reason), fault->file, (unsigned)fault->line);
    }
}

static struct kt_config *config_of(const struct kind *of, enum kt_role role, struct kt_credential *credential)
{
    struct kt_lifetime lifetime = kt_lifetime_default();
    lifetime.min_gap_ms = 0;
    struct kt_builder *builder;
    must(kt_builder_new(role, &env, &builder));
    must(kt_builder_policy(builder, of->policy));
    must(kt_builder_versions(builder, of->version, of->version));
    must(kt_builder_suites(builder, &of->suite, 1));
    must(kt_builder_lifetime(builder, &lifetime));
    if (role == KT_SERVER) {
        must(kt_builder_credential(builder, credential));
    }
    struct kt_config *config;
    must(kt_builder_build(builder, &config));
    kt_builder_free(builder);
    return config;
}

static int set_up(void **state)
{
    (void)state;
    static const char *const names[] = {"localhost"};
    heap_begin();
    env = *kt_env_linux();
    env.alloc = count_alloc;
    env.release = count_release;
    env.user = &engine;
    struct kt_credential *credential;
    must(kt_credential_ephemeral(&env, names, 1, 1, &credential));
    for (size_t i = 0; i < KINDS; i++) {
        kinds[i].configs[KT_CLIENT] = config_of(&kinds[i], KT_CLIENT, NULL);
        kinds[i].configs[KT_SERVER] = config_of(&kinds[i], KT_SERVER, credential);
    }
    kt_credential_unref(credential);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < KINDS; i++) {
        kt_config_unref(kinds[i].configs[KT_CLIENT]);
        kt_config_unref(kinds[i].configs[KT_SERVER]);
    }
    return engine.live == 0 ? 0 : -1;
}

static struct kt_conn *open_conn(enum kt_role role)
{
    struct kt_conn_options options = {.server_name = {(const uint8_t *)"localhost", 9}};
    struct kt_conn *conn;
    must(kt_conn_new(kind->configs[role], role == KT_CLIENT ? &options : NULL, &conn));
    return conn;
}

/* Moves what one side has for the other, as long as that one takes it. */
static void move(struct kt_conn *from, struct kt_conn *to)
{
    const uint8_t *bytes;
    uint8_t *room;
    size_t len, cap;
    while ((bytes = kt_conn_out(from, &len)) != NULL && (room = kt_conn_in(to, &cap)) != NULL) {
        len = len < cap ? len : cap;
        memcpy(room, bytes, len);
        must(kt_conn_out_done(from, len));
        must(kt_conn_in_done(to, len));
    }
}

/* Whom to trust is not the matter here. */
static void answer(struct kt_conn *conn)
{
    const struct kt_ask *ask = kt_conn_ask(conn);
    if (ask != NULL && ask->kind == KT_ASK_SIGN) {
        uint8_t signature[1024];
        size_t len;
        must(kt_pki_sign(ask, signature, sizeof signature, &len));
        must(kt_answer_signature(conn, signature, len));
    } else if (ask != NULL) {
        must(kt_answer_verified(conn));
    }
}

static void handshake(struct kt_conn *client, struct kt_conn *server)
{
    for (int turn = 0; turn < 16; turn++) {
        move(client, server);
        answer(server);
        move(server, client);
        answer(client);
    }
    assert_true(kt_conn_is_connected(client));
    assert_true(kt_conn_is_connected(server));
    assert_int_equal(kt_conn_facts(client).version, kind->version);
    assert_int_equal(kt_conn_facts(client).suite, kind->suite);
}

static void transfer(struct kt_conn *from, struct kt_conn *to, size_t len)
{
    static const uint8_t data[FULL];
    static uint8_t sink[FULL];
    size_t sent = 0, got = 0;
    while (got < len) {
        size_t now;
        if (sent < len) {
            must(kt_conn_send(from, data + sent, len - sent, &now));
            sent += now;
        }
        move(from, to);
        must(kt_conn_recv(to, sink, sizeof sink, &now));
        got += now;
    }
}

static void rest(struct kt_conn *conn)
{
    kt_conn_rest(conn, KT_RECEIVING);
    kt_conn_rest(conn, KT_SENDING);
}

/* A pair that has spoken, so that all there ever is of it is there. */
static void open_pair(struct kt_conn **client, struct kt_conn **server)
{
    *client = open_conn(KT_CLIENT);
    *server = open_conn(KT_SERVER);
    handshake(*client, *server);
    transfer(*client, *server, 100);
    transfer(*server, *client, 100);
}

static void close_pair(struct kt_conn *client, struct kt_conn *server)
{
    kt_conn_free(client);
    kt_conn_free(server);
}

static void each_kind(void (*check)(void))
{
    for (kind = kinds; kind < kinds + KINDS; kind++) {
        check();
    }
}

static void check_idle(void)
{
    struct kt_conn *clients[PAIRS], *servers[PAIRS];
    open_pair(&clients[0], &servers[0]); /* what libcrypto makes once is made */
    close_pair(clients[0], servers[0]);

    int64_t start = heap.live;
    for (int n = 0; n < PAIRS; n++) {
        open_pair(&clients[n], &servers[n]);
        rest(clients[n]);
        rest(servers[n]);
    }
    int64_t both = heap.live - start;
    for (int n = 0; n < PAIRS; n++) {
        kt_conn_free(clients[n]);
    }
    int64_t server = (heap.live - start) / PAIRS;
    int64_t client = both / PAIRS - server;
    print_message("%s: idle: client %lld, server %lld bytes\n", kind->name, (long long)client, (long long)server);
    assert_in_range(client, 1, IDLE_LIMIT);
    assert_in_range(server, 1, IDLE_LIMIT);
    for (int n = 0; n < PAIRS; n++) {
        kt_conn_free(servers[n]);
    }
}

static void an_idle_connection_is_small(void **state)
{
    (void)state;
    each_kind(check_idle);
}

static void check_rested(void)
{
    struct kt_conn *client, *server;
    open_pair(&client, &server);
    int64_t before = engine.live;
    rest(client);
    rest(server);
    assert_true(engine.live < before);
    transfer(client, server, FULL);
    transfer(server, client, FULL);
    close_pair(client, server);
}

static void a_rested_connection_still_works(void **state)
{
    (void)state;
    each_kind(check_rested);
}

static void check_records(void)
{
    static const size_t sizes[] = {1, 100, FULL};
    struct kt_conn *client, *server;
    open_pair(&client, &server);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        transfer(client, server, sizes[i]);
        transfer(server, client, sizes[i]);
        uint64_t calls = heap.calls, own = engine.calls;
        for (int n = 0; n < RECORDS; n++) {
            transfer(client, server, sizes[i]);
            transfer(server, client, sizes[i]);
        }
        assert_int_equal(engine.calls - own, 0);
        assert_int_equal(heap.calls - calls, 0);
    }
    close_pair(client, server);
}

static void a_record_allocates_nothing(void **state)
{
    (void)state;
    each_kind(check_records);
}

static void key_changes_leave_nothing_behind(void **state)
{
    (void)state;
    kind = &kinds[0];
    struct kt_conn *client, *server;
    open_pair(&client, &server);
    int64_t live = 0;
    for (int n = 0; n < 2 * RECORDS; n++) {
        if (n == RECORDS) {
            live = heap.live;
        }
        must(kt_conn_rekey(client, KT_REKEY_BOTH));
        transfer(client, server, 1);
        transfer(server, client, 1);
    }
    assert_int_equal(kt_conn_epoch(client, KT_SENDING).number, 2 * RECORDS);
    assert_int_equal(kt_conn_epoch(client, KT_RECEIVING).number, 2 * RECORDS);
    assert_int_equal(heap.live, live);
    close_pair(client, server);
}

/* Of both sides together, with what libcrypto needs for a moment. */
static void check_peak(void)
{
    struct kt_conn *client, *server;
    open_pair(&client, &server);
    close_pair(client, server);
    int64_t start = heap.live;
    heap.peak = start;
    open_pair(&client, &server);
    print_message("%s: handshake: both sides %lld bytes at the peak\n", kind->name, (long long)(heap.peak - start));
    assert_in_range(heap.peak - start, 1, 2 * PEAK_LIMIT);
    close_pair(client, server);
}

static void a_handshake_is_bounded(void **state)
{
    (void)state;
    each_kind(check_peak);
}

static void check_end(void)
{
    struct kt_conn *client, *server;
    open_pair(&client, &server);
    close_pair(client, server);
    int64_t own = engine.live, all = heap.live;
    open_pair(&client, &server);
    close_pair(client, server);
    assert_int_equal(engine.live, own);
    assert_int_equal(heap.live, all);
    client = open_conn(KT_CLIENT); /* and in the middle of a handshake */
    server = open_conn(KT_SERVER);
    move(client, server);
    close_pair(client, server);
    assert_int_equal(engine.live, own);
    assert_int_equal(heap.live, all);
}

static void a_connection_gives_all_back(void **state)
{
    (void)state;
    each_kind(check_end);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_idle_connection_is_small), cmocka_unit_test(a_rested_connection_still_works),
        cmocka_unit_test(a_record_allocates_nothing),  cmocka_unit_test(key_changes_leave_nothing_behind),
        cmocka_unit_test(a_handshake_is_bounded),      cmocka_unit_test(a_connection_gives_all_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
