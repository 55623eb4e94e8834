/*
 * Nothing we do with a secret takes a way, or looks at a place, that depends on it. Secrets are marked as undefined
 * memory, which valgrind follows through all that is computed from them; a branch or an address that depends on one
 * counts as an error.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <valgrind/memcheck.h>
#include <cmocka.h>

#include <keyturn/keyturn.h>

#include "keys/psk_import.h"
#include "keys/schedule13.h"
#include "session/session_impl.h"
#include "support/test_env.h"
#include "wire/psk_offers.h"

static unsigned long errors_before;

static int begin(void **user)
{
    (void)user;
    errors_before = VALGRIND_COUNT_ERRORS;
    return 0;
}

static void no_branch_was_seen(void)
{
    assert_int_equal(VALGRIND_COUNT_ERRORS, errors_before);
}

static void hide(const void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(bytes, len);
}

static void show(const void *bytes, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(bytes, len);
}

static bool is_hidden(const void *bytes, size_t len)
{
    uint8_t bits[64];

    assert_true(len <= sizeof bits);
    assert_int_equal(VALGRIND_GET_VBITS(bytes, bits, len), 1);
    for (size_t i = 0; i < len; i++) {
        if (bits[i] != 0) {
            return true;
        }
    }
    return false;
}

static const struct kt_suite *suite(uint16_t id)
{
    return kt_crypto_suite(kt_crypto_libcrypto(), id);
}

/* ---- the room itself ---- */

/* What memcmp may do: the first difference ends it. */
static bool leaky_equal(const volatile uint8_t *a, const volatile uint8_t *b, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (a[i] != b[i]) {
            return false;
        }
    }
    return true;
}

static void a_comparison_that_leaks_would_be_seen(void **user)
{
    uint8_t a[32] = {1}, b[32] = {2};
    bool equal;

    (void)user;
    hide(a, sizeof a);
    equal = leaky_equal(a, b, sizeof a);
    show(&equal, sizeof equal);
    assert_false(equal);
    assert_true(VALGRIND_COUNT_ERRORS > errors_before);
}

/* ---- comparing and choosing ---- */

static bool compare(const uint8_t *a, const uint8_t *b, size_t len)
{
    bool equal = kt_ct_eq(a, b, len);

    show(&equal, sizeof equal);
    return equal;
}

static void secrets_are_compared_in_constant_time(void **user)
{
    uint8_t a[48] = {1}, b[48] = {1};

    (void)user;
    for (size_t i = 0; i < sizeof a; i += 5) {
        hide(a, sizeof a);
        hide(b, sizeof b);
        assert_true(compare(a, b, sizeof a));
        b[i] ^= 0x80;
        assert_false(compare(a, b, sizeof a));
        b[i] ^= 0x80;
    }
    no_branch_was_seen();
}

static void secrets_are_ordered_and_chosen_in_constant_time(void **user)
{
    uint32_t a = 5, b = 7, less;
    uint8_t chosen;

    (void)user;
    hide(&a, sizeof a);
    hide(&b, sizeof b);
    less = kt_ct_lt(a, b);
    chosen = kt_ct_select((uint8_t)less, 3, 4);
    show(&chosen, sizeof chosen);
    assert_int_equal(chosen, 3);
    no_branch_was_seen();
}

/* ---- binders and the key schedule ---- */

static void binder_of(uint16_t id, const uint8_t *wire, size_t wire_len)
{
    const struct kt_hash *hash = suite(id)->hash;
    uint8_t psk[48] = {9}, digest[KT_HASH_MAX] = {3}, binder[KT_HASH_MAX];

    hide(psk, sizeof psk);
    kt_psk_binder(hash, kt_span_of(psk, hash->len), KT_SPAN_TEXT("res binder"), kt_span_of(digest, hash->len), binder);
    assert_true(is_hidden(binder, hash->len));
    assert_false(compare(binder, wire, wire_len));
}

static void a_binder_is_computed_and_compared_in_constant_time(void **user)
{
    static const uint8_t wire[48];

    (void)user;
    binder_of(KT_SUITE_AES_128_GCM_SHA256, wire, 32);
    binder_of(KT_SUITE_AES_256_GCM_SHA384, wire, 48);
    no_branch_was_seen();
}

static void a_key_is_imported_in_constant_time(void **user)
{
    const struct kt_imported_identity identity = {KT_SPAN_TEXT("name"), KT_SPAN_TEXT("context"), KT_TLS_1_3,
                                                  KT_PSK_SHA384};
    struct kt_secret out;
    uint8_t key[100] = {7};

    (void)user;
    hide(key, sizeof key);
    kt_psk_import(suite(KT_SUITE_AES_128_GCM_SHA256)->hash, kt_span_of(key, sizeof key), &identity,
                  suite(KT_SUITE_AES_256_GCM_SHA384)->hash, &out);
    assert_int_equal(out.len, 48);
    assert_true(is_hidden(out.b, out.len));
    no_branch_was_seen();
}

static void the_schedule_runs_in_constant_time(void **user)
{
    const struct kt_suite *s = suite(KT_SUITE_AES_128_GCM_SHA256);
    struct kt_schedule13 schedule = {0};
    struct kt_traffic_keys keys;
    struct kt_secret traffic;
    uint8_t psk[32] = {1}, shared[32] = {2}, transcript[32] = {3}, finished[KT_HASH_MAX];

    (void)user;
    hide(psk, sizeof psk);
    hide(shared, sizeof shared);
    assert_null(kt_schedule13_early(&schedule, s->hash, kt_span_of(psk, sizeof psk)));
    assert_null(kt_schedule13_handshake(&schedule, kt_span_of(shared, sizeof shared)));
    assert_null(kt_schedule13_derive(&schedule, KT_STAGE_HANDSHAKE, KT_SPAN_TEXT("c hs traffic"),
                                     kt_span_of(transcript, 32), &traffic));
    kt_finished_value(s->hash, &traffic, kt_span_of(transcript, 32), finished);
    assert_null(kt_schedule13_main(&schedule));
    kt_traffic_secret_next(s->hash, &traffic);
    kt_traffic_keys_derive(s->hash, s->aead, &traffic, &keys);
    assert_true(is_hidden(keys.key, 16) && is_hidden(keys.iv, 12) && is_hidden(finished, 32));
    assert_false(compare(finished, transcript, 32));
    no_branch_was_seen();
}

/* ---- sessions ---- */

static struct kt_session_data session(void)
{
    return (struct kt_session_data){
        .role = KT_SERVER,
        .version = KT_TLS_1_3,
        .suite = KT_SUITE_AES_128_GCM_SHA256,
        .secret = {.len = 32, .b = {4}},
        .server_name = {.len = 4, .b = "name"},
        .origin = {.born = 100, .end = 5000},
        .issued = 200,
        .lifetime = 600,
    };
}

static void a_session_is_written_read_and_judged_in_constant_time(void **user)
{
    struct kt_session_data data = session(), back;
    uint8_t policy[KT_DIGEST_LEN] = {0}, room[KT_SESSION_FIXED_MAX];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    struct kt_resume_facts facts = {
        .role = KT_SERVER,
        .version = KT_TLS_1_3,
        .suite = KT_SUITE_AES_128_GCM_SHA256,
        .server_name = KT_SPAN_TEXT("name"),
        .policy = policy,
        .now = 300,
    };

    (void)user;
    hide(data.secret.b, data.secret.len);
    kt_session_encode(&w, &data);
    assert_null(kt_session_decode(kt_writer_span(&w), &back));
    assert_true(is_hidden(back.secret.b, back.secret.len));
    assert_int_equal(kt_session_gate(&back, &facts), KT_REFUSAL_NONE);
    facts.now = 5000;
    assert_int_equal(kt_session_gate(&back, &facts), KT_REFUSAL_LINEAGE_ENDED);
    no_branch_was_seen();
}

/* ---- a client with all its proofs ---- */

static void offer_key(const struct kt_env *env, struct kt_builder *b, bool import, bool hidden)
{
    uint8_t key[32] = {6};
    const struct kt_psk_parts parts = {
        {(const uint8_t *)(import ? "one" : "two"), 3}, {key, sizeof key}, KT_PSK_SHA256, import, {NULL, 0}};
    struct kt_psk *psk = NULL;

    if (hidden) {
        hide(key, sizeof key);
    }
    assert_null(kt_psk_new(env, &parts, &psk));
    assert_null(kt_builder_psk(b, psk));
    kt_psk_unref(psk);
}

static struct kt_config *config_of(enum kt_role role, const struct kt_env *env, bool hidden)
{
    struct kt_resumption resumption = kt_resumption_default();
    struct kt_builder *b = NULL;
    struct kt_config *config = NULL;

    resumption.stateful = true;
    assert_null(kt_builder_new(role, env, &b));
    assert_null(kt_builder_resumption(b, &resumption));
    offer_key(env, b, true, hidden);
    offer_key(env, b, false, hidden);
    assert_null(kt_builder_build(b, &config));
    kt_builder_free(b);
    return config;
}

/* The bytes of the binders are in the hello; what comes before them is not secret, and nothing but lengths decides. */
static void a_hello_with_keys_is_written_in_constant_time(void **user)
{
    static struct test_env t;
    struct kt_config *config;
    struct kt_conn *conn = NULL;
    const uint8_t *out;
    size_t len;

    (void)user;
    test_env_init(&t);
    config = config_of(KT_CLIENT, &t.env, true);
    assert_null(kt_conn_new(config, NULL, &conn));
    out = kt_conn_out(conn, &len);
    assert_true(len > 300);
    assert_true(is_hidden(out + len - 32, 32));
    assert_false(is_hidden(out, 64));
    kt_conn_free(conn);
    kt_config_unref(config);
    assert_int_equal(t.live, 0);
    no_branch_was_seen();
}

static void damage_binders(uint8_t *record, size_t len)
{
    struct kt_client_hello hello;
    struct kt_psk_offers offers;
    struct kt_psk_offered offered;

    assert_null(kt_client_hello_decode(kt_span_of(record + 9, len - 9), &hello));
    offers = kt_psk_offers_of(&hello);
    while (kt_psk_offers_next(&offers, &offered)) {
        record[offered.binder.p - record] ^= 1;
    }
}

/* Up to the server's Finished: what only the server holds is the key, so that the hello is as public as any. The one
 * branch that depends on it is the verdict (ct.supp). */
static void serve_hidden(const struct kt_env *env, bool damage, struct kt_conn **server)
{
    struct kt_config *client_side = config_of(KT_CLIENT, env, false);
    struct kt_config *server_side = config_of(KT_SERVER, env, true);
    const struct kt_fault *fault;
    struct kt_conn *client = NULL;
    const uint8_t *out;
    size_t len, room;
    uint8_t *in;

    assert_null(kt_conn_new(client_side, NULL, &client));
    assert_null(kt_conn_new(server_side, NULL, server));
    out = kt_conn_out(client, &len);
    in = kt_conn_in(*server, &room);
    assert_true(len <= room);
    memcpy(in, out, len);
    if (damage) {
        damage_binders(in, len);
    }
    fault = kt_conn_in_done(*server, len);
    show(&fault, sizeof fault);
    assert_int_equal(fault != NULL ? (int)fault->reason : -1, damage ? (int)KT_REASON_PSK_BINDER_WRONG : -1);
    kt_conn_free(client);
    kt_config_unref(client_side);
    kt_config_unref(server_side);
}

static void a_server_proves_and_uses_a_key_in_constant_time(void **user)
{
    static struct test_env t;
    struct kt_conn *server = NULL;
    size_t len;

    (void)user;
    test_env_init(&t);
    serve_hidden(&t.env, false, &server);
    assert_non_null(kt_conn_out(server, &len));
    assert_true(len > 150);
    kt_conn_free(server);
    serve_hidden(&t.env, true, &server);
    kt_conn_free(server);
    assert_int_equal(t.live, 0);
    no_branch_was_seen();
}

#define CT_TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CT_TEST(a_comparison_that_leaks_would_be_seen),
        CT_TEST(secrets_are_compared_in_constant_time),
        CT_TEST(secrets_are_ordered_and_chosen_in_constant_time),
        CT_TEST(a_binder_is_computed_and_compared_in_constant_time),
        CT_TEST(a_key_is_imported_in_constant_time),
        CT_TEST(the_schedule_runs_in_constant_time),
        CT_TEST(a_session_is_written_read_and_judged_in_constant_time),
        CT_TEST(a_hello_with_keys_is_written_in_constant_time),
        CT_TEST(a_server_proves_and_uses_a_key_in_constant_time),
    };

    if (RUNNING_ON_VALGRIND == 0) {
        print_error("this program is to be run by valgrind\n");
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
