/*
 * Every allocation, every random call, every operation of the crypto, every read, every write and every question to the
 * store fails once, in every scenario.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "support/loop.h"

static struct loop l;

/* ---- what happens in a scenario ---- */

struct scenario {
    struct loop_setup setup;
    unsigned rekeys;
    unsigned requests; /* for a certificate, and tickets after each */
    bool closes;
    struct kt_store *store;     /* of the server: without it no session id is known */
    struct kt_session *session; /* that the client offers; what the crypto fails to open is a full handshake then */
};

/* What a call of the server's failed with that leaves the connection as it was. */
static const struct kt_fault *call_fault;

enum { BYTES = 20000 };

static bool alive(void)
{
    return kt_conn_fault(l.client) == NULL && kt_conn_fault(l.server) == NULL;
}

/* Up to BYTES one way; whatever arrives is the beginning of what was sent, in order. */
static bool transfer(enum kt_role from)
{
    enum kt_role to = from == KT_CLIENT ? KT_SERVER : KT_CLIENT;
    static uint8_t source[BYTES], target[BYTES + 1];
    size_t sent = 0, received = 0, n = 0;

    for (size_t i = 0; i < BYTES; i++) {
        source[i] = (uint8_t)(i * 13 + (i >> 8) + (size_t)from);
    }
    for (int turn = 0; turn < 20 && received < BYTES; turn++) {
        (void)!kt_conn_send(loop_conn(&l, from), source + sent, BYTES - sent, &n);
        sent += n;
        loop_flush(&l, from);
        loop_deliver(&l, to);
        do {
            (void)!kt_conn_recv(loop_conn(&l, to), target + received, sizeof target - received, &n);
            received += n;
            loop_deliver(&l, to);
        } while (n > 0);
        loop_flush(&l, to);
        loop_deliver(&l, from);
        assert_true(received <= sent);
        assert_memory_equal(source, target, received);
    }
    return received == BYTES;
}

static bool ask_after_the_handshake(void)
{
    call_fault = kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUIRE);
    loop_run(&l);
    if (call_fault == NULL && alive()) {
        call_fault = kt_conn_send_tickets(l.server, 2);
        loop_run(&l);
    }
    return call_fault == NULL && alive();
}

/* True when all went well. */
static bool play(const struct scenario *s)
{
    bool good;

    loop_run(&l);
    good = kt_conn_is_connected(l.client) && kt_conn_is_connected(l.server);
    for (unsigned i = 0; good && i < s->rekeys; i++) {
        good = kt_conn_rekey(loop_conn(&l, i % 2 == 0 ? KT_CLIENT : KT_SERVER),
                             i % 3 == 0 ? KT_REKEY_BOTH : KT_REKEY_SEND) == NULL;
        loop_run(&l);
    }
    for (unsigned i = 0; good && alive() && i < s->requests; i++) {
        good = ask_after_the_handshake();
    }
    if (call_fault != NULL) {
        assert_true(transfer(KT_CLIENT) && transfer(KT_SERVER));
        return false;
    }
    good = good && transfer(KT_CLIENT) && transfer(KT_SERVER);
    if (s->closes) {
        for (int i = 0; i < 2; i++) {
            (void)!kt_conn_close(loop_conn(&l, (enum kt_role)i));
            loop_run(&l);
        }
    }
    return good && alive();
}

/* ---- which faults are right ---- */

enum what { ALLOCATION, RANDOMNESS, CRYPTO, READ, WRITE, STORE };

static bool is_right(const struct kt_fault *fault, enum what what)
{
    switch (what) {
    case ALLOCATION:
        return fault->reason == KT_REASON_MEMORY_SPENT;
    case RANDOMNESS:
        return fault->reason == KT_REASON_RANDOM_FAILED;
    case READ:
    case WRITE:
        return fault->reason == KT_REASON_TRUNCATED || fault->reason == KT_REASON_HANDSHAKE_CUT;
    case STORE:
        return false; /* without a store there is a full handshake, or no ticket; no connection fails */
    case CRYPTO:
        break;
    }
    /* What cannot be opened or verified looks like what must not be. */
    return fault->reason == KT_REASON_CRYPTO_FAILED || fault->reason == KT_REASON_MEMORY_SPENT ||
           fault->reason == KT_REASON_RECORD_BAD_MAC || fault->reason == KT_REASON_SIGNATURE_WRONG;
}

static const char *reason_of(const struct kt_conn *conn)
{
    const struct kt_fault *fault = kt_conn_fault(conn);

    return fault == NULL ? "no fault" : kt_reason_name(fault->reason);
}

static void assert_right(const struct kt_fault *fault, enum what what, const char *who, size_t n)
{
    if (!is_right(fault, what)) {
        fail_msg("%s, call %zu: %s at %s:%u", who, n, kt_reason_name(fault->reason), fault->file, fault->line);
    }
}

/* One side failed for the right reason; the other heard of it, or nothing could be sent any more. */
static void assert_failed_well(enum what what, size_t n)
{
    const struct kt_fault *client = kt_conn_fault(l.client);
    const struct kt_fault *server = kt_conn_fault(l.server);

    assert_true(client != NULL || server != NULL);
    if (client == NULL || client->reason == KT_REASON_ALERT_RECEIVED) {
        assert_non_null(server);
        assert_right(server, what, "server", n);
    } else {
        assert_right(client, what, "client", n);
        assert_true(server == NULL || server->reason == KT_REASON_ALERT_RECEIVED || is_right(server, what));
    }
}

/* ---- the n-th of something fails ---- */

static void arm(enum what what, size_t n)
{
    test_env_restart(&l.env);
    l.env.alloc_fail = what == ALLOCATION ? n : 0;
    l.env.random_fail = what == RANDOMNESS ? n : 0;
    kt_toy_fail_at(what == CRYPTO ? n : 0);
    l.read_fail = what == READ ? n : 0;
    l.write_fail = what == WRITE ? n : 0;
    l.store_fail = what == STORE ? n : 0;
}

static bool was_hit(enum what what, size_t n, uint64_t calls_before)
{
    switch (what) {
    case ALLOCATION:
        return l.env.allocs >= n;
    case RANDOMNESS:
        return l.env.randoms >= n;
    case READ:
        return l.reads >= n;
    case WRITE:
        return l.writes >= n;
    case STORE:
        return l.store_calls >= n;
    case CRYPTO:
        break;
    }
    return kt_toy_calls() - calls_before >= n;
}

/* False when the run was over before the n-th. */
static bool run_with_failure(const struct scenario *s, enum what what, size_t n)
{
    uint64_t calls = kt_toy_calls();
    const struct kt_fault *fault;
    bool good, hit;

    call_fault = NULL;
    loop_configure(&l, &s->setup);
    l.session = s->session;
    l.store = s->store;
    arm(what, n);
    if (s->session != NULL) {
        l.env.seed++; /* other numbers than the run had that made the session: its id is not given again */
    }
    fault = loop_connect(&l, &s->setup);
    if (fault != NULL) {
        assert_right(fault, what, "new", n);
        kt_toy_fail_at(0);
        loop_close(&l);
        return true;
    }
    good = play(s);
    hit = was_hit(what, n, calls);
    if (good == (hit && what != STORE)) {
        fail_msg("%d, call %zu: client %s, server %s", (int)what, n, reason_of(l.client), reason_of(l.server));
    }
    if (call_fault != NULL) {
        assert_right(call_fault, what, "call", n);
        assert_true(alive());
    } else if (!good) {
        assert_failed_well(what, n);
    }
    kt_toy_fail_at(0);
    loop_close(&l);
    return hit;
}

static void torture(const struct scenario *s)
{
    static const enum what whats[] = {ALLOCATION, RANDOMNESS, CRYPTO, READ, WRITE, STORE};

    for (size_t i = 0; i < sizeof whats / sizeof whats[0]; i++) {
        size_t n = 1;

        if (whats[i] == CRYPTO && s->session != NULL) {
            continue;
        }
        while (run_with_failure(s, whats[i], n)) {
            n++;
            assert_true(n < 5000);
        }
        assert_true(n > 2 || whats[i] == STORE);
    }
}

/* ---- scenarios ---- */

static void keylog(struct kt_builder *b)
{
    kt_builder_danger_keylog(b, true);
}

static void no_share(struct kt_builder *b)
{
    assert_null(kt_builder_key_shares(b, 0));
}

static void four_shares(struct kt_builder *b)
{
    assert_null(kt_builder_key_shares(b, 4));
}

static void require(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void retry_and_require(struct kt_builder *b)
{
    static const uint16_t id = KT_GROUP_SECP384R1;

    require(b);
    assert_null(kt_builder_groups(b, &id, 1));
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CONFIG));
}

static void plain_handshake(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.client = keylog}});
}

static void many_shares(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.client = four_shares}});
}

static void hello_retry(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.client = no_share}});
}

static void client_certificate(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.server = require, .client_credential = true}});
}

static void retry_asks_and_client_certificate(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.server = retry_and_require, .client_credential = true}});
}

/* A chain of 60 KiB: more than the output holds. */
static void long_chain(struct kt_builder *b)
{
    static uint8_t certificates[4][15000];
    static const uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    struct kt_span chain[4];
    struct kt_credential *credential = NULL;

    for (size_t i = 0; i < 4; i++) {
        certificates[i][0] = KT_KEY_P256;
        chain[i] = (struct kt_span){certificates[i], sizeof certificates[i]};
    }
    assert_null(kt_credential_new(
        &l.env.env,
        &(struct kt_credential_parts){.chain = chain, .chain_len = 4, .schemes = &scheme, .scheme_count = 1},
        &credential));
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
}

static void long_chain_and_require(struct kt_builder *b)
{
    long_chain(b);
    require(b);
}

static void chains_longer_than_the_output(void **user)
{
    (void)user;
    torture(&(struct scenario){
        .setup = {.client = long_chain, .server = long_chain_and_require, .no_server_credential = true}});
}

/* Everything that is said beside the handshake proper. */
static void beside_client(struct kt_builder *b)
{
    kt_builder_sct(b, true);
    assert_null(kt_builder_ticket_request(b, 0, 0));
}

static void beside_server(struct kt_builder *b)
{
    static const uint8_t certificate[] = {KT_KEY_P256, 's'};
    static const uint8_t scts[] = {0, 3, 0, 1, 't'};
    static const uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    const struct kt_span chain = {certificate, sizeof certificate}, list = {scts, sizeof scts};
    struct kt_credential *credential = NULL;

    assert_null(kt_credential_new(
        &l.env.env,
        &(struct kt_credential_parts){
            .chain = &chain, .chain_len = 1, .schemes = &scheme, .scheme_count = 1, .sct_list = &list},
        &credential));
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
}

static void timestamps_and_wishes(void **user)
{
    (void)user;
    torture(
        &(struct scenario){.setup = {.client = beside_client, .server = beside_server, .no_server_credential = true}});
}

static void rekey_storm(void **user)
{
    static const struct kt_lifetime life = {.sending = {.max_bytes = 5000}, .answer_seconds = 60, .peer_budget = 64};

    (void)user;
    torture(&(struct scenario){.setup = {.lifetime = &life}, .rekeys = 20});
}

static struct test_env ring_env;
static struct kt_ticket_ring *ring;

static void resume(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = ring;
    assert_null(kt_builder_resumption(b, &r));
}

static void offer(struct kt_builder *b)
{
    resume(b);
    kt_builder_post_handshake_auth(b, true);
}

static void with_ring(const struct scenario *s)
{
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    torture(s);
    kt_ticket_ring_unref(ring);
    assert_int_equal(ring_env.live, 0);
}

static void certificates_after_the_handshake(void **user)
{
    (void)user;
    with_ring(&(struct scenario){
        .setup = {.client = offer, .server = resume, .client_credential = true}, .requests = 2, .rekeys = 2});
}

static void long_chain_and_offer(struct kt_builder *b)
{
    offer(b);
    long_chain(b);
}

static void a_long_chain_after_the_handshake(void **user)
{
    (void)user;
    with_ring(&(struct scenario){.setup = {.client = long_chain_and_offer, .server = resume}, .requests = 1});
}

/* ---- TLS 1.2 ---- */

static void only_12(struct kt_builder *b)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
    kt_builder_danger_keylog(b, true);
}

static void require_12(struct kt_builder *b)
{
    only_12(b);
    require(b);
}

static uint16_t suite12;

static void legacy_12(struct kt_builder *b)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    only_12(b);
    assert_null(kt_builder_suites(b, &suite12, 1));
}

static void full_handshakes_of_12(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.client = only_12, .server = only_12}, .closes = true});
    torture(&(struct scenario){.setup = {.client = only_12, .server = require_12, .client_credential = true}});
}

static void other_key_exchanges_of_12(void **user)
{
    static const uint16_t suites[] = {KT_SUITE_RSA_WITH_AES_128_CBC_SHA, KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256};

    (void)user;
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        suite12 = suites[i];
        torture(&(struct scenario){.setup = {.client = legacy_12, .server = legacy_12, .server_key = KT_KEY_RSA}});
    }
}

static bool ids;
static struct kt_session *kept, *kept_by_server;

static void resume_12(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    only_12(b);
    r.ring = ring;
    r.session_ids = ids;
    r.tickets = ids ? 0 : 1;
    assert_null(kt_builder_resumption(b, &r));
}

/* A copy that belongs to nothing of the loop, which is made anew for each attempt. */
static void keep(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct kt_session **copy = notice->direction == KT_RECEIVING ? &kept : &kept_by_server;
    uint8_t bytes[2048];

    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SESSION && *copy == NULL) {
        size_t len = kt_session_export(notice->u.session, bytes, sizeof bytes);

        assert_null(kt_session_import(&ring_env.env, (struct kt_span){bytes, len}, copy));
    }
}

static void sessions_of_12(void **user)
{
    struct scenario s = {.setup = {.client = resume_12, .server = resume_12, .observer = keep}};

    (void)user;
    for (int i = 0; i < 2; i++) {
        ids = i == 1;
        test_env_init(&ring_env);
        assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
        assert_null(kt_store_new(NULL, &s.store));
        s.session = NULL;
        torture(&s);
        assert_non_null(kept);
        assert_true(!ids || kt_store_keep(s.store, kept_by_server));
        s.session = kept;
        torture(&s);
        kt_store_free(s.store);
        kt_session_unref(kept);
        kt_session_unref(kept_by_server);
        kept = kept_by_server = NULL;
        kt_ticket_ring_unref(ring);
        assert_int_equal(ring_env.live, 0);
    }
}

static void closing(void **user)
{
    (void)user;
    torture(&(struct scenario){.closes = true});
}

/* External keys: made and imported anew in each run, so that this may fail, too. */
static void add_key(struct kt_builder *b, const char *name, bool import)
{
    static const uint8_t key[32] = {1};
    struct kt_psk_parts parts = {{(const uint8_t *)name, strlen(name)}, {key, sizeof key}, KT_PSK_SHA256, import, {0}};
    struct kt_psk *psk = NULL;

    assert_null(kt_psk_new(&l.env.env, &parts, &psk));
    assert_null(kt_builder_psk(b, psk));
    kt_psk_unref(psk);
}

static void with_keys(struct kt_builder *b)
{
    add_key(b, "one", true);
    add_key(b, "two", false);
}

static void with_keys_and_no_share(struct kt_builder *b)
{
    with_keys(b);
    no_share(b);
}

static void with_one_key(struct kt_builder *b)
{
    add_key(b, "two", false);
}

static void external_keys(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.client = with_keys, .server = with_one_key, .no_server_credential = true}});
}

static void imported_keys_and_a_retry(void **user)
{
    (void)user;
    torture(&(struct scenario){
        .setup = {.client = with_keys_and_no_share, .server = with_keys, .no_server_credential = true}});
}

static void handles(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.stateful = true;
    assert_null(kt_builder_resumption(b, &r));
}

/* Nobody keeps them: no ticket, and no other harm. */
static void tickets_that_are_handles(void **user)
{
    (void)user;
    torture(&(struct scenario){.setup = {.client = handles, .server = handles}});
}

static void fed_byte_by_byte(const struct scenario *s)
{
    for (size_t n = 1;; n++) {
        bool hit;

        loop_configure(&l, &s->setup);
        arm(ALLOCATION, n);
        if (loop_connect(&l, &s->setup) == NULL) {
            l.chunk = 1;
            if (!play(s)) {
                assert_failed_well(ALLOCATION, n);
            }
        }
        hit = was_hit(ALLOCATION, n, 0);
        loop_close(&l);
        if (!hit) {
            break;
        }
    }
}

static void one_byte_at_a_time(void **user)
{
    (void)user;
    fed_byte_by_byte(&(struct scenario){.setup = {.server = require, .client_credential = true}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_handshake),
        cmocka_unit_test(many_shares),
        cmocka_unit_test(hello_retry),
        cmocka_unit_test(client_certificate),
        cmocka_unit_test(certificates_after_the_handshake),
        cmocka_unit_test(a_long_chain_after_the_handshake),
        cmocka_unit_test(timestamps_and_wishes),
        cmocka_unit_test(rekey_storm),
        cmocka_unit_test(retry_asks_and_client_certificate),
        cmocka_unit_test(chains_longer_than_the_output),
        cmocka_unit_test(full_handshakes_of_12),
        cmocka_unit_test(other_key_exchanges_of_12),
        cmocka_unit_test(sessions_of_12),
        cmocka_unit_test(closing),
        cmocka_unit_test(external_keys),
        cmocka_unit_test(imported_keys_and_a_retry),
        cmocka_unit_test(tickets_that_are_handles),
        cmocka_unit_test(one_byte_at_a_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
