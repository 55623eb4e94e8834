/* No secret is left in memory that is given back: every block is looked at as it was when it came. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "keys/schedule13.h"
#include "support/loop.h"

static struct loop l;

/* ---- what was given back ---- */

static uint8_t *heap;
static size_t heap_len, heap_cap;
static void (*real_release)(void *user, void *memory, size_t len);

static void keep(const void *memory, size_t len)
{
    while (heap_len + len > heap_cap) {
        heap_cap = heap_cap * 2 + (1 << 20);
        heap = realloc(heap, heap_cap);
        assert_non_null(heap);
    }
    memcpy(heap + heap_len, memory, len);
    heap_len += len;
}

static void release_and_keep(void *user, void *memory, size_t len)
{
    if (memory != NULL) {
        keep(memory, len);
    }
    real_release(user, memory, len);
}

static void watch_memory(struct test_env *t)
{
    heap_len = 0;
    real_release = t->env.release;
    t->env.release = release_and_keep;
}

static bool in_heap(const uint8_t *bytes, size_t len)
{
    return memmem(heap, heap_len, bytes, len) != NULL;
}

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
                                        .environment = watch_memory};

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
        assert_false(in_heap(secret.b, secret.len));
        kt_traffic_keys_derive(suite->hash, suite->aead, &secret, &keys);
        assert_false(in_heap(keys.key, suite->aead->key_len));
        assert_false(in_heap(keys.iv, sizeof keys.iv));
        kt_traffic_secret_next(suite->hash, &secret);
    }
}

static void assert_all_gone(void)
{
    assert_true(heap_len > 0);
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
    assert_true(in_heap(secrets[3].b, secrets[3].len));
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
                                        .environment = watch_memory};

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
    assert_false(in_heap(material, sizeof material));
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
    assert_false(in_heap(text, sizeof text));
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
    assert_false(in_heap(text, sizeof text));
}

static int free_heap(void **user)
{
    (void)user;
    free(heap);
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
    };

    return cmocka_run_group_tests(tests, NULL, free_heap);
}
