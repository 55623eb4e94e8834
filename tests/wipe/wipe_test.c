/* No secret is left in memory that is given back: every block is looked at as it was when it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "keys/psk_import.h"
#include "keys/schedule13.h"
#include "session/session_impl.h"
#include "support/heap_watch.h"
#include "support/loop.h"

static struct loop l;

/* ---- what must not be found ---- */

enum { SECRETS_MAX = 64 };

static struct kt_secret secrets[SECRETS_MAX];
static size_t secret_count;

static void add_secret(struct kt_span secret)
{
    assert_true(secret_count < SECRETS_MAX);
    secrets[secret_count].len = (uint8_t)secret.len;
    memcpy(secrets[secret_count].b, secret.p, secret.len);
    secret_count++;
}

static void watch_secrets(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SECRET) {
        add_secret(notice->u.secret.secret);
    }
}

static void keylog(struct kt_builder *b)
{
    kt_builder_danger_keylog(b, true);
}

static void keylog_and_require(struct kt_builder *b)
{
    keylog(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static const struct loop_setup setup = {.client = keylog,
                                        .server = keylog_and_require,
                                        .client_credential = true,
                                        .observer = watch_secrets,
                                        .environment = heap_watch};

static void open_watched(void)
{
    secret_count = 0;
    loop_open(&l, &setup);
}

/* The keys made of a secret, and of the secrets that follow it. */
static void assert_secret_gone(struct kt_secret secret)
{
    const struct kt_suite *suite = kt_crypto_suite(kt_crypto_toy(), KT_SUITE_AES_128_GCM_SHA256);
    struct kt_traffic_keys keys;

    for (int epoch = 0; epoch < 5; epoch++) {
        assert_false(heap_has(secret.b, secret.len));
        kt_traffic_keys_derive(suite->hash, suite->aead, &secret, &keys);
        assert_false(heap_has(keys.key, suite->aead->key_len));
        assert_false(heap_has(keys.iv, sizeof keys.iv));
        kt_traffic_secret_next(suite->hash, &secret);
    }
}

static void assert_all_gone(void)
{
    assert_true(heap_seen());
    for (size_t i = 0; i < secret_count; i++) {
        assert_secret_gone(secrets[i]);
    }
}

static void first_suite_only(void)
{
    assert_int_equal(kt_conn_facts(l.server).suite, KT_SUITE_AES_128_GCM_SHA256);
}

static void the_search_would_find_something(void **user)
{
    uint8_t *memory;

    (void)user;
    open_watched();
    loop_handshake(&l);
    assert_int_equal(secret_count, 10);
    memory = l.env.env.alloc(l.env.env.user, 100);
    memcpy(memory + 30, secrets[3].b, secrets[3].len);
    l.env.env.release(l.env.env.user, memory, 100);
    assert_true(heap_has(secrets[3].b, secrets[3].len));
    loop_close(&l);
}

static void after_the_handshake_its_memory_holds_no_secret(void **user)
{
    (void)user;
    open_watched();
    loop_handshake(&l);
    first_suite_only();
    assert_all_gone();
    loop_close(&l);
}

static void a_connection_that_was_freed_left_no_secret(void **user)
{
    (void)user;
    open_watched();
    loop_handshake(&l);
    loop_transfer(&l, KT_CLIENT, 10000);
    for (int i = 0; i < 3; i++) {
        assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
        loop_run(&l);
    }
    loop_close(&l);
    assert_all_gone();
}

static void keylog_and_offer(struct kt_builder *b)
{
    keylog(b);
    kt_builder_post_handshake_auth(b, true);
}

/* Finished of the answer is made of the traffic secrets of the moment, by both sides. */
static void requests_after_the_handshake_left_no_secret(void **user)
{
    const struct loop_setup offering = {.client = keylog_and_offer,
                                        .server = keylog,
                                        .client_credential = true,
                                        .observer = watch_secrets,
                                        .environment = heap_watch};

    (void)user;
    secret_count = 0;
    loop_open(&l, &offering);
    loop_handshake(&l);
    for (int i = 0; i < 3; i++) {
        assert_null(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUIRE));
        assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
        loop_run(&l);
        assert_true(kt_conn_facts(l.server).peer_authenticated);
        assert_all_gone();
    }
    assert_null(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUIRE));
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_true(loop_answer(&l, l.client)); /* left, and never sent */
    loop_close(&l);
    assert_all_gone();
}

static void a_handshake_that_was_dropped_left_no_secret(void **user)
{
    (void)user;
    open_watched();
    l.hold_asks = true;
    loop_run(&l);
    assert_true(secret_count >= 2);
    loop_close(&l);
    assert_all_gone();
}

static void a_handshake_that_failed_left_no_secret(void **user)
{
    (void)user;
    open_watched();
    l.refuse_peer = true;
    loop_run(&l);
    assert_non_null(kt_conn_fault(l.client));
    assert_all_gone();
    loop_close(&l);
    assert_all_gone();
}

static void exported_material_is_not_kept(void **user)
{
    uint8_t material[48];

    (void)user;
    open_watched();
    loop_handshake(&l);
    assert_null(kt_conn_export(l.client, (struct kt_span){(const uint8_t *)"label", 5}, (struct kt_span){0}, material,
                               sizeof material));
    loop_close(&l);
    assert_false(heap_has(material, sizeof material));
    assert_all_gone();
}

static void data_of_the_application_is_not_left_either(void **user)
{
    static const uint8_t text[] = "the application's own secret, forty bytes";
    uint8_t got[100];
    size_t n;

    (void)user;
    open_watched();
    loop_handshake(&l);
    assert_null(kt_conn_send(l.client, text, sizeof text, &n));
    loop_run(&l);
    assert_null(kt_conn_recv(l.server, got, sizeof got, &n));
    assert_int_equal(n, sizeof text);
    loop_close(&l);
    assert_false(heap_has(text, sizeof text));
}

static void data_that_was_not_sent_after_all_is_not_left_either(void **user)
{
    static const uint8_t text[] = "written into lent memory, then given up";
    uint8_t *room;
    size_t n;

    (void)user;
    open_watched();
    loop_handshake(&l);
    room = kt_conn_write(l.client, &n);
    memcpy(room, text, sizeof text);
    assert_null(kt_conn_write_done(l.client, 0));
    loop_close(&l);
    assert_false(heap_has(text, sizeof text));
}

/* ---- external keys and sessions ---- */

static const uint8_t key_bytes[32] = {0xd1, 0x55, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static void keylog_and_key(struct kt_builder *b)
{
    struct kt_psk_parts parts = {KT_SPAN_TEXT("name"), {key_bytes, sizeof key_bytes}, KT_PSK_SHA256, true, {NULL, 0}};
    struct kt_psk *psk = NULL;

    keylog(b);
    assert_null(kt_psk_new(&l.env.env, &parts, &psk));
    assert_null(kt_builder_psk(b, psk));
    kt_psk_unref(psk);
}

static void add_imported(void)
{
    const struct kt_hash *hash = kt_crypto_suite(kt_crypto_toy(), KT_SUITE_AES_128_GCM_SHA256)->hash;
    struct kt_imported_identity identity = {KT_SPAN_TEXT("name"), {NULL, 0}, KT_TLS_1_3, KT_PSK_SHA256};
    struct kt_secret imported;

    kt_psk_import(hash, (struct kt_span){key_bytes, sizeof key_bytes}, &identity, hash, &imported);
    add_secret(kt_secret_span(&imported));
}

static const struct loop_setup by_key = {.client = keylog_and_key,
                                         .server = keylog_and_key,
                                         .no_server_credential = true,
                                         .observer = watch_secrets,
                                         .environment = heap_watch};

static void an_external_key_is_gone_with_its_last_reference(void **user)
{
    (void)user;
    secret_count = 0;
    loop_open(&l, &by_key);
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).psk_identity.len, 4);
    add_imported();
    assert_all_gone(); /* what was derived of it died with the handshake */
    loop_transfer(&l, KT_CLIENT, 1000);
    loop_close(&l);
    add_secret((struct kt_span){key_bytes, sizeof key_bytes});
    assert_all_gone();
}

static void a_handshake_with_a_key_that_was_dropped_left_nothing(void **user)
{
    (void)user;
    secret_count = 0;
    loop_open(&l, &by_key);
    loop_flush(&l, KT_CLIENT);
    loop_deliver(&l, KT_SERVER);
    loop_close(&l);
    add_imported();
    add_secret((struct kt_span){key_bytes, sizeof key_bytes});
    assert_all_gone();
}

static struct kt_store *store;

static void watch_sessions(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    watch_secrets(user, conn, notice);
    if (notice->kind == KT_NOTICE_SESSION) {
        add_secret(kt_secret_span(&notice->u.session->data.secret));
    }
}

static void resuming(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.stateful = true;
    keylog(b);
    assert_null(kt_builder_resumption(b, &r));
}

/* The client's observer keeps none, the store lets its own go. */
static void sessions_are_gone_when_nobody_keeps_them(void **user)
{
    const struct loop_setup handles = {
        .client = resuming, .server = resuming, .observer = watch_sessions, .environment = heap_watch};

    (void)user;
    secret_count = 0;
    assert_null(kt_store_new(NULL, &store));
    loop_open(&l, &handles);
    l.store = store;
    loop_handshake(&l);
    assert_int_equal(secret_count, 12);
    kt_store_free(store);
    loop_close(&l);
    assert_all_gone();
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
        cmocka_unit_test(a_connection_that_was_freed_left_no_secret),
        cmocka_unit_test(requests_after_the_handshake_left_no_secret),
        cmocka_unit_test(a_handshake_that_was_dropped_left_no_secret),
        cmocka_unit_test(a_handshake_that_failed_left_no_secret),
        cmocka_unit_test(exported_material_is_not_kept),
        cmocka_unit_test(data_of_the_application_is_not_left_either),
        cmocka_unit_test(data_that_was_not_sent_after_all_is_not_left_either),
        cmocka_unit_test(an_external_key_is_gone_with_its_last_reference),
        cmocka_unit_test(a_handshake_with_a_key_that_was_dropped_left_nothing),
        cmocka_unit_test(sessions_are_gone_when_nobody_keeps_them),
    };

    return cmocka_run_group_tests(tests, NULL, free_heap);
}
