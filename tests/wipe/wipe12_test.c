/* No secret of TLS 1.2 and below is left in memory that is given back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/builder_impl.h"
#include "crypto/toy/toy.h"
#include "keys/schedule12.h"
#include "registry/registry.h"
#include "session/session_impl.h"
#include "support/heap_watch.h"
#include "support/loop.h"

static struct loop l;
static uint16_t version, suite;
static struct kt_store *store;
static struct kt_ticket_ring *ring;
static struct kt_session *kept; /* the client's last */
static bool by_id;

/* ---- what must not be found ---- */

enum { SECRETS_MAX = 64 };

static struct {
    uint8_t bytes[KT_SHARE_MAX];
    size_t len;
} secrets[SECRETS_MAX];
static size_t secret_count;
static struct kt_secret main_secret;
static uint8_t client_random[KT_RANDOM_LEN], server_random[KT_RANDOM_LEN];

static void add(const uint8_t *bytes, size_t len)
{
    assert_true(secret_count < SECRETS_MAX && len <= sizeof secrets[0].bytes);
    memcpy(secrets[secret_count].bytes, bytes, len);
    secrets[secret_count++].len = len;
}

static void add_keys(const struct kt_suite *s, const struct kt_keys12 *keys)
{
    add(keys->key, s->aead != NULL ? s->aead->key_len : s->cbc->key_len);
    if (s->cbc != NULL) {
        add(keys->mac_key, s->cbc->mac_len);
    }
}

/* The key block; its orders and IVs are no secrets of their own. */
static void add_key_block(void)
{
    const struct kt_suite *s = kt_crypto_suite(kt_crypto_toy(), suite);
    const struct kt_hash *transcript;
    struct kt_keys12 client, server;
    struct kt_prf prf;

    assert_true(kt_prf12_of(kt_crypto_toy(), s, version, &prf, &transcript));
    kt_keys12_derive(&prf, s, version, s->cbc != NULL, &main_secret, client_random, server_random, &client, &server);
    add_keys(s, &client);
    add_keys(s, &server);
}

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_MESSAGE && notice->u.message.type == KT_MSG_SERVER_HELLO) {
        memcpy(server_random, notice->u.message.body.p + 6, sizeof server_random);
    }
    if (notice->kind == KT_NOTICE_SESSION) {
        add(notice->u.session->data.secret.b, notice->u.session->data.secret.len);
        if (notice->direction == KT_SENDING) {
            assert_true(kt_store_keep(store, notice->u.session));
        } else {
            kt_session_unref(kept);
            kept = kt_session_ref(notice->u.session);
        }
    }
    if (notice->kind == KT_NOTICE_SECRET) {
        assert_string_equal(notice->u.secret.label, "CLIENT_RANDOM");
        memcpy(client_random, notice->u.secret.client_random.p, sizeof client_random);
        main_secret.len = (uint8_t)notice->u.secret.secret.len;
        memcpy(main_secret.b, notice->u.secret.secret.p, main_secret.len);
        add(main_secret.b, main_secret.len);
        add_key_block();
    }
}

/* ---- a provider that tells what two agreed on ---- */

enum { GROUPS_MAX = 16 };

static struct kt_crypto telling;
static struct kt_group groups[GROUPS_MAX];
static const struct kt_group *group_list[GROUPS_MAX + 1];

static const struct kt_fault *respond_and_tell(const struct kt_group *group, struct kt_span peer_share, uint8_t *share,
                                               struct kt_shared_secret *shared)
{
    const struct kt_group *toys = kt_crypto_toy()->groups[group - groups];
    const struct kt_fault *fault = toys->respond(toys, peer_share, share, shared);

    add(shared->b, shared->len);
    return fault;
}

static void make_telling(void)
{
    size_t n = 0;

    telling = *kt_crypto_toy();
    for (; telling.groups[n] != NULL; n++) {
        assert_true(n < GROUPS_MAX);
        groups[n] = *telling.groups[n];
        groups[n].respond = respond_and_tell;
        group_list[n] = &groups[n];
    }
    group_list[n] = NULL;
    telling.groups = group_list;
}

/* ---- connections ---- */

static void settings(struct kt_builder *b)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    kt_builder_crypto(b, &telling);
    assert_null(kt_builder_versions(b, version, version));
    assert_null(kt_builder_suites(b, &suite, 1));
    kt_builder_danger_keylog(b, true);
}

static void resuming(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = ring;
    r.session_ids = by_id;
    r.tickets = by_id ? 0 : 1;
    settings(b);
    assert_null(kt_builder_resumption(b, &r));
}

static void open_with(void (*more)(struct kt_builder *b))
{
    const struct loop_setup setup = {
        .client = more, .server = more, .server_key = KT_KEY_RSA, .observer = watch, .environment = heap_watch};

    secret_count = 0;
    make_telling();
    loop_open(&l, &setup);
}

/* Runs, and keeps what the server is to decrypt. */
static void run(void)
{
    uint8_t premaster[KT_PREMASTER_LEN];
    bool answered = true;

    while (answered) {
        const struct kt_ask *ask;

        l.hold_asks = true;
        loop_run(&l);
        l.hold_asks = false;
        ask = kt_conn_ask(l.server);
        if (ask != NULL && ask->kind == KT_ASK_DECRYPT) {
            assert_int_equal(kt_toy_decrypt(kt_credential_certificate(ask->u.decrypt.credential, 0),
                                            ask->u.decrypt.ciphertext, premaster),
                             sizeof premaster);
            add(premaster + 2, sizeof premaster - 2);
        }
        answered = loop_answer(&l, l.client) || loop_answer(&l, l.server);
    }
}

static void assert_all_gone(void)
{
    assert_true(heap_seen());
    for (size_t i = 0; i < secret_count; i++) {
        assert_false(heap_has(secrets[i].bytes, secrets[i].len));
    }
}

static const struct {
    uint16_t version, suite;
} cases[] = {
    {KT_TLS_1_2, KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256}, {KT_TLS_1_2, KT_SUITE_DHE_RSA_WITH_AES_256_CBC_SHA256},
    {KT_TLS_1_2, KT_SUITE_RSA_WITH_AES_256_GCM_SHA384},       {KT_TLS_1_1, KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA},
    {KT_TLS_1_0, KT_SUITE_RSA_WITH_AES_128_CBC_SHA},
};
enum { CASES = sizeof cases / sizeof cases[0] };

static void choose(size_t i)
{
    version = cases[i].version;
    suite = cases[i].suite;
}

/* Premaster and main secret, the keys of both directions: two loggings of three or five, and what was agreed on. */
static size_t expected_count(void)
{
    bool cbc = kt_suite_facts(suite)->cbc;

    return 1 + 2 * (1 + (cbc ? 4 : 2));
}

static void the_search_would_find_something(void **user)
{
    uint8_t *memory;

    (void)user;
    for (size_t i = 0; i < CASES; i++) {
        choose(i);
        open_with(settings);
        run();
        loop_handshake(&l);
        assert_true(secret_count >= expected_count());
        memory = l.env.env.alloc(l.env.env.user, 100);
        memcpy(memory + 10, secrets[0].bytes, 46);
        l.env.env.release(l.env.env.user, memory, 100);
        assert_true(heap_has(secrets[0].bytes, 32));
        loop_close(&l);
    }
}

static void after_the_handshake_its_memory_holds_no_secret(void **user)
{
    (void)user;
    for (size_t i = 0; i < CASES; i++) {
        choose(i);
        open_with(settings);
        run();
        loop_handshake(&l);
        assert_all_gone();
        loop_transfer(&l, KT_CLIENT, 20000);
        loop_close(&l);
        assert_all_gone();
    }
}

/* Left when so many questions were answered; true when that was all of them. */
static bool drop_after(unsigned answers)
{
    bool connected;

    open_with(settings);
    for (unsigned n = 0; n <= answers; n++) {
        l.hold_asks = true;
        loop_run(&l);
        l.hold_asks = false;
        if (n < answers && !loop_answer(&l, l.server)) {
            (void)loop_answer(&l, l.client);
        }
    }
    connected = kt_conn_is_connected(l.client);
    loop_close(&l);
    assert_all_gone();
    return connected;
}

static void a_handshake_that_was_dropped_left_no_secret(void **user)
{
    (void)user;
    for (size_t i = 0; i < CASES; i++) {
        unsigned answers = 0;

        choose(i);
        while (!drop_after(answers)) {
            answers++;
        }
        assert_int_equal(answers, 2); /* the server's signature or decryption, and the client's verdict */
    }
}

static void a_handshake_that_failed_left_no_secret(void **user)
{
    (void)user;
    for (size_t i = 0; i < CASES; i++) {
        choose(i);
        open_with(settings);
        l.refuse_peer = true;
        run();
        assert_non_null(kt_conn_fault(l.client));
        loop_close(&l);
        assert_all_gone();
    }
}

/* The secret of a session, kept by nobody in the end; and the keys of the one that resumed it. */
static void resume_once(void)
{
    const struct loop_setup setup = {.client = resuming};

    assert_null(kt_store_new(NULL, &store));
    open_with(resuming);
    l.store = store;
    run();
    loop_handshake(&l);
    assert_true(secret_count > expected_count());
    assert_non_null(kept);
    loop_hang_up(&l);
    l.session = kept;
    assert_null(loop_connect(&l, &setup));
    run();
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
    kt_session_unref(kept);
    kept = NULL;
    kt_store_free(store);
    loop_close(&l);
    assert_all_gone();
}

static void sessions_and_tickets_are_gone_when_nobody_keeps_them(void **user)
{
    struct test_env ring_env;

    (void)user;
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    for (size_t i = 0; i < 2 * CASES; i++) {
        by_id = i % 2 != 0;
        choose(i / 2);
        resume_once();
    }
    kt_ticket_ring_unref(ring);
}

static int free_heap(void **user)
{
    (void)user;
    heap_forget();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_would_find_something),
        cmocka_unit_test(after_the_handshake_its_memory_holds_no_secret),
        cmocka_unit_test(a_handshake_that_was_dropped_left_no_secret),
        cmocka_unit_test(a_handshake_that_failed_left_no_secret),
        cmocka_unit_test(sessions_and_tickets_are_gone_when_nobody_keeps_them),
    };

    return cmocka_run_group_tests(tests, NULL, free_heap);
}
