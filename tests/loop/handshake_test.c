/* Handshakes that succeed: everything two sides can agree on, and what they know of it afterwards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/limits.h"
#include "registry/registry.h"
#include "support/loop.h"

static struct loop l;

static const uint16_t suites[] = {KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_AES_256_GCM_SHA384,
                                  KT_SUITE_CHACHA20_POLY1305_SHA256};
static const uint16_t groups[] = {KT_GROUP_X25519, KT_GROUP_SECP256R1, KT_GROUP_SECP384R1, KT_GROUP_SECP521R1};
static const uint16_t schemes[] = {
#define X(name, number, text, key, digest, legacy, first, last) (last) == KT_TLS_1_3 ? (number) : 0,
#include "registry/schemes.def"
#undef X
};

/* What the settings of both sides use. */
static uint16_t suite, group, scheme;

static void only(struct kt_builder *b)
{
    assert_null(kt_builder_suites(b, &suite, 1));
    assert_null(kt_builder_groups(b, &group, 1));
    assert_null(kt_builder_schemes(b, &scheme, 1));
}

static void only_and_mutual(struct kt_builder *b)
{
    only(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void assert_facts(const struct kt_conn *conn, bool own_certificate, bool peer_certificate)
{
    struct kt_facts facts = kt_conn_facts(conn);

    assert_int_equal(facts.version, KT_TLS_1_3);
    assert_int_equal(facts.suite, suite);
    assert_int_equal(facts.group, group);
    assert_int_equal(facts.own_scheme, own_certificate ? scheme : 0);
    assert_int_equal(facts.peer_scheme, peer_certificate ? scheme : 0);
    assert_int_equal(facts.peer_authenticated, peer_certificate);
    assert_false(facts.hello_retried);
}

static void connect_with(bool mutual)
{
    uint8_t key = kt_scheme_facts(scheme)->key;
    struct loop_setup setup = {.client = only,
                               .server = mutual ? only_and_mutual : only,
                               .client_credential = mutual,
                               .server_key = key,
                               .client_key = key};

    loop_open(&l, &setup);
    loop_handshake(&l);
    assert_facts(l.client, mutual, true);
    assert_facts(l.server, true, mutual);
    loop_transfer(&l, KT_CLIENT, 100);
    loop_transfer(&l, KT_SERVER, 100);
    loop_close(&l);
}

static void every_combination(bool mutual)
{
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++) {
        for (size_t j = 0; j < sizeof groups / sizeof groups[0]; j++) {
            for (size_t k = 0; k < sizeof schemes / sizeof schemes[0]; k++) {
                suite = suites[i];
                group = groups[j];
                scheme = schemes[k];
                if (scheme != 0) {
                    connect_with(mutual);
                }
            }
        }
    }
}

static void every_suite_group_and_scheme_connects(void **user)
{
    (void)user;
    every_combination(false);
}

static void every_suite_group_and_scheme_connects_with_client_certificates(void **user)
{
    (void)user;
    every_combination(true);
}

static void data_of_all_sizes_arrives_both_ways(void **user)
{
    static const size_t sizes[] = {1, 2, 16383, 16384, 16385, 32768, 33792, 100000};

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        loop_transfer(&l, KT_CLIENT, sizes[i]);
        loop_transfer(&l, KT_SERVER, sizes[i]);
    }
    loop_close(&l);
}

static void padded(struct kt_builder *b)
{
    assert_null(kt_builder_padding(b, 512));
}

static void padding_changes_nothing_for_the_application(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = padded, .server = padded});
    loop_handshake(&l);
    for (size_t n = 1; n < 40000; n = n * 3 + 1) {
        loop_transfer(&l, KT_CLIENT, n);
        loop_transfer(&l, KT_SERVER, n);
    }
    loop_close(&l);
}

static void no_grease(struct kt_builder *b)
{
    kt_builder_grease(b, false);
}

static void connects_without_grease(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = no_grease, .server = no_grease});
    loop_handshake(&l);
    loop_close(&l);
}

static void asks_for_its_config(struct kt_builder *b)
{
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CONFIG));
}

/* How many reserved values (RFC 8701) are among the signature schemes that the server is shown. */
static size_t greased_schemes(void (*client)(struct kt_builder *b))
{
    size_t count = 0;
    struct kt_span wire;

    loop_open(&l, &(struct loop_setup){.client = client, .server = asks_for_its_config});
    l.hold_asks = true;
    loop_run(&l);
    assert_non_null(kt_conn_ask(l.server));
    wire = kt_conn_ask(l.server)->u.choose.schemes.wire;
    for (size_t i = 0; i + 2 <= wire.len; i += 2) {
        count += kt_is_grease((uint16_t)(wire.p[i] << 8 | wire.p[i + 1]));
    }
    loop_close(&l);
    return count;
}

static void one_signature_scheme_is_a_reserved_one(void **user)
{
    (void)user;
    assert_int_equal(greased_schemes(NULL), 1);
    assert_int_equal(greased_schemes(no_grease), 0);
}

/* GREASE and the order of extensions come from randomness: no value of it may break a handshake. */
static void connects_whatever_the_random_bytes_are(void **user)
{
    (void)user;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        loop_configure(&l, &(struct loop_setup){0});
        l.env.seed = seed * UINT64_C(0x9e3779b97f4a7c15);
        assert_null(loop_connect(&l, &(struct loop_setup){0}));
        loop_handshake(&l);
        loop_close(&l);
    }
}

static void four_shares(struct kt_builder *b)
{
    assert_null(kt_builder_key_shares(b, 4));
}

static void p384_first(struct kt_builder *b)
{
    static const uint16_t ids[] = {KT_GROUP_SECP384R1, KT_GROUP_X25519};

    assert_null(kt_builder_groups(b, ids, 2));
}

static void the_server_takes_the_share_it_likes_best(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = four_shares, .server = p384_first});
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).group, KT_GROUP_SECP384R1);
    assert_false(kt_conn_facts(l.client).hello_retried);
    loop_close(&l);
}

static void a_share_that_is_there_is_better_than_a_retry(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.server = p384_first});
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.server).group, KT_GROUP_X25519);
    assert_false(kt_conn_facts(l.server).hello_retried);
    loop_close(&l);
}

static void a_connection_is_of_no_use_before_the_handshake(void **user)
{
    uint8_t byte = 0;
    size_t n;

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_assert_fault(kt_conn_send(l.client, &byte, 1, &n), KT_REASON_USAGE_STATE, KT_ALERT_INTERNAL_ERROR, __FILE__,
                      __LINE__);
    assert_null(kt_conn_write(l.client, &n));
    loop_assert_fault(kt_conn_rekey(l.client, KT_REKEY_SEND), KT_REASON_USAGE_STATE, KT_ALERT_INTERNAL_ERROR, __FILE__,
                      __LINE__);
    loop_assert_fault(kt_conn_export(l.client, (struct kt_span){0}, (struct kt_span){0}, &byte, 1),
                      KT_REASON_USAGE_EXPORT_EARLY, KT_ALERT_INTERNAL_ERROR, __FILE__, __LINE__);
    assert_int_equal(kt_conn_deadline(l.client), UINT64_MAX);
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).records, 0);
    assert_null(kt_conn_tick(l.client));
    assert_null(kt_conn_fault(l.client));
    loop_handshake(&l);
    loop_close(&l);
}

static void status_tells_what_can_be_done(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    assert_int_equal(kt_conn_status(l.client), KT_WANTS_INPUT | KT_HAS_OUTPUT);
    assert_int_equal(kt_conn_status(l.server), KT_WANTS_INPUT);
    l.hold_asks = true;
    loop_run(&l);
    assert_int_equal(kt_conn_status(l.server), KT_CAN_ANSWER);
    assert_true(loop_answer(&l, l.server) == false);
    l.hold_asks = false;
    loop_handshake(&l);
    assert_int_equal(kt_conn_status(l.client), KT_WANTS_INPUT | KT_TAKES_DATA);
    assert_int_equal(kt_conn_status(l.server), KT_WANTS_INPUT | KT_TAKES_DATA);
    loop_close(&l);
}

static void lent_memory_makes_one_record(void **user)
{
    uint8_t got[8];
    uint8_t *room;
    size_t len;

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
    room = kt_conn_write(l.client, &len);
    assert_non_null(room);
    assert_int_equal(len, 16384);
    memcpy(room, "lent", 4);
    assert_int_equal(kt_conn_write_done(l.client, len + 1)->reason, KT_REASON_USAGE_TOO_MUCH);
    assert_null(kt_conn_write_done(l.client, 4));
    assert_int_equal(kt_conn_write_done(l.client, 1)->reason, KT_REASON_USAGE_STATE);
    loop_flush(&l, KT_CLIENT);
    loop_deliver(&l, KT_SERVER);
    assert_null(kt_conn_recv(l.server, got, sizeof got, &len));
    assert_int_equal(len, 4);
    assert_memory_equal(got, "lent", 4);
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).records, 1);
    loop_close(&l);
}

static void lent_memory_may_be_given_back_unused(void **user)
{
    size_t len;

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
    assert_non_null(kt_conn_write(l.client, &len));
    assert_null(kt_conn_write_done(l.client, 0));
    assert_null(kt_conn_out(l.client, &len));
    loop_transfer(&l, KT_CLIENT, 50000);
    loop_close(&l);
}

static void more_than_was_lent_or_shown_is_misuse_and_changes_nothing(void **user)
{
    size_t len;

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    assert_non_null(kt_conn_out(l.client, &len));
    assert_int_equal(kt_conn_out_done(l.client, len + 1)->reason, KT_REASON_USAGE_TOO_MUCH);
    assert_non_null(kt_conn_in(l.client, &len));
    assert_int_equal(kt_conn_in_done(l.client, len + 1)->reason, KT_REASON_USAGE_TOO_MUCH);
    assert_int_equal(kt_conn_read_done(l.client, 1)->reason, KT_REASON_USAGE_TOO_MUCH);
    loop_handshake(&l);
    loop_close(&l);
}

static void an_idle_connection_gives_its_buffers_back(void **user)
{
    size_t before;

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
    before = l.env.live;
    for (int i = 0; i < 2; i++) {
        kt_conn_rest(loop_conn(&l, (enum kt_role)i), KT_SENDING);
        kt_conn_rest(loop_conn(&l, (enum kt_role)i), KT_RECEIVING);
    }
    assert_true(before - l.env.live >= (size_t)2 * (KT_RX_BUFFER + KT_TX_BUFFER));
    loop_transfer(&l, KT_CLIENT, 40000);
    loop_transfer(&l, KT_SERVER, 40000);
    loop_close(&l);
}

static void nothing_of_the_handshake_stays_in_memory(void **user)
{
    size_t idle;

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
    kt_conn_rest(l.client, KT_SENDING);
    kt_conn_rest(l.client, KT_RECEIVING);
    idle = l.env.live;
    kt_conn_free(l.client);
    l.client = NULL;
    assert_true(idle - l.env.live < 2048); /* the block of the connection and nothing else */
    loop_close(&l);
}

static void bad_names_are_refused_at_once(void **user)
{
    static const char *const bad[] = {"with space.example", "dot.at.end.", "t\xc3\xb6r.example", "nul\x01.example"};
    char longer[255];
    struct kt_conn_options options = {0};
    struct kt_conn *conn = NULL;

    (void)user;
    loop_configure(&l, &(struct loop_setup){0});
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        options.server_name = (struct kt_span){(const uint8_t *)bad[i], strlen(bad[i])};
        assert_int_equal(kt_conn_new(l.client_config, &options, &conn)->reason, KT_REASON_CONFIG_SERVER_NAME);
    }
    memset(longer, 'a', sizeof longer);
    options.server_name = (struct kt_span){(const uint8_t *)longer, 254};
    assert_int_equal(kt_conn_new(l.client_config, &options, &conn)->reason, KT_REASON_CONFIG_SERVER_NAME);
    options.server_name.len = 253;
    assert_null(kt_conn_new(l.client_config, &options, &conn));
    kt_conn_free(conn);
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_suite_group_and_scheme_connects),
        cmocka_unit_test(every_suite_group_and_scheme_connects_with_client_certificates),
        cmocka_unit_test(data_of_all_sizes_arrives_both_ways),
        cmocka_unit_test(padding_changes_nothing_for_the_application),
        cmocka_unit_test(connects_without_grease),
        cmocka_unit_test(one_signature_scheme_is_a_reserved_one),
        cmocka_unit_test(connects_whatever_the_random_bytes_are),
        cmocka_unit_test(the_server_takes_the_share_it_likes_best),
        cmocka_unit_test(a_share_that_is_there_is_better_than_a_retry),
        cmocka_unit_test(a_connection_is_of_no_use_before_the_handshake),
        cmocka_unit_test(status_tells_what_can_be_done),
        cmocka_unit_test(lent_memory_makes_one_record),
        cmocka_unit_test(lent_memory_may_be_given_back_unused),
        cmocka_unit_test(more_than_was_lent_or_shown_is_misuse_and_changes_nothing),
        cmocka_unit_test(an_idle_connection_gives_its_buffers_back),
        cmocka_unit_test(nothing_of_the_handshake_stays_in_memory),
        cmocka_unit_test(bad_names_are_refused_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
