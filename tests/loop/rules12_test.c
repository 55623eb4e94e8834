/* What the field survey (sections 3.1, 3.2, 3.4, 3.6) says of TLS 1.2: each test is named after what it keeps out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "support/plain12.h"

static struct loop l;
static struct plain12 p;
static uint16_t suite;

static void only_12(struct kt_builder *b)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
}

static void mutual_12(struct kt_builder *b)
{
    only_12(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void one_suite(struct kt_builder *b)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    only_12(b);
    assert_null(kt_builder_suites(b, &suite, 1));
}

static const struct loop_setup plain = {.client = only_12, .server = only_12};
static const struct loop_setup mutual = {.client = only_12, .server = mutual_12, .client_credential = true};
static const struct loop_setup legacy = {.client = one_suite, .server = one_suite, .server_key = KT_KEY_RSA};

/* Somebody meddles; the connection does not come about. */
static void run(const struct loop_setup *setup, struct plain12 how)
{
    p = how;
    loop_open(&l, setup);
    l.filter = plain12_filter;
    l.filter_user = &p;
    loop_run(&l);
    assert_true(p.edits > 0);
}

static struct kt_conn *receiver(void)
{
    return p.from == KT_CLIENT ? l.server : l.client;
}

#define expect(setup, reason, alert, ...)                                                                              \
    do {                                                                                                               \
        run(setup, (struct plain12){__VA_ARGS__});                                                                     \
        loop_assert_failed(receiver(), reason, alert);                                                                 \
        assert_false(kt_conn_is_connected(receiver()));                                                                \
        loop_close(&l);                                                                                                \
    } while (0)

static const struct {
    enum kt_role from;
    uint8_t type;
} messages[] = {
    {KT_SERVER, KT_MSG_SERVER_HELLO},        {KT_SERVER, KT_MSG_CERTIFICATE},
    {KT_SERVER, KT_MSG_SERVER_KEY_EXCHANGE}, {KT_SERVER, KT_MSG_CERTIFICATE_REQUEST},
    {KT_SERVER, KT_MSG_SERVER_HELLO_DONE},   {KT_CLIENT, KT_MSG_CERTIFICATE},
    {KT_CLIENT, KT_MSG_CLIENT_KEY_EXCHANGE}, {KT_CLIENT, KT_MSG_CERTIFICATE_VERIFY},
};

/* ---- 3.1 state machine ---- */

static void cve_2014_0224_no_early_change_cipher_spec(void **user)
{
    (void)user;
    for (size_t i = 1; i < KT_COUNT_OF(messages); i++) {
        expect(&mutual, CCS_NOT_EXPECTED, UNEXPECTED_MESSAGE, .from = messages[i].from, .type = messages[i].type,
               .how = PLAIN12_CCS_BEFORE);
    }
}

static void cve_2014_6593_skip_tls_no_message_can_be_left_out(void **user)
{
    (void)user;
    for (size_t i = 0; i < KT_COUNT_OF(messages); i++) {
        run(&mutual, (struct plain12){.from = messages[i].from, .type = messages[i].type, .how = PLAIN12_REMOVE});
        assert_false(kt_conn_is_connected(l.client) && kt_conn_is_connected(l.server));
        assert_true(kt_conn_fault(l.client) != NULL || kt_conn_fault(l.server) != NULL ||
                    messages[i].type == KT_MSG_SERVER_HELLO_DONE);
        loop_close(&l);
    }
}

static void cve_2015_0205_a_certificate_must_be_proven(void **user)
{
    (void)user;
    expect(&mutual, CCS_NOT_EXPECTED, UNEXPECTED_MESSAGE, .from = KT_CLIENT, .type = KT_MSG_CERTIFICATE_VERIFY,
           .how = PLAIN12_REMOVE);
}

static void no_message_comes_twice(void **user)
{
    (void)user;
    for (size_t i = 0; i < KT_COUNT_OF(messages); i++) {
        if (messages[i].type == KT_MSG_SERVER_HELLO_DONE) {
            continue; /* the second stands in a state of asking, and is refused when that is over */
        }
        expect(&mutual, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE, .from = messages[i].from, .type = messages[i].type,
               .how = PLAIN12_TWICE);
    }
}

static void cve_2026_2645_verify_comes_behind_the_key_exchange(void **user)
{
    (void)user;
    expect(&mutual, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE, .from = KT_CLIENT, .type = KT_MSG_CLIENT_KEY_EXCHANGE,
           .how = PLAIN12_BEFORE, .other = {KT_MSG_CERTIFICATE_VERIFY, 0, 0, 4, 4, 3, 0, 0}, .other_len = 8);
}

static void cve_2015_0204_freak_no_key_exchange_that_the_suite_does_not_ask_for(void **user)
{
    (void)user;
    suite = KT_SUITE_RSA_WITH_AES_128_GCM_SHA256;
    expect(&legacy, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE, .from = KT_SERVER, .type = KT_MSG_SERVER_HELLO_DONE,
           .how = PLAIN12_BEFORE, .other = {KT_MSG_SERVER_KEY_EXCHANGE, 0, 0, 4, 0, 1, 3, 0}, .other_len = 8);
}

static void finished_does_not_come_before_change_cipher_spec(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        run(&plain, (struct plain12){.from = (enum kt_role)role, .drop_ccs = true});
        assert_non_null(kt_conn_fault(receiver()));
        assert_int_not_equal(kt_conn_fault(receiver())->kind, KT_KIND_INTERNAL);
        assert_false(kt_conn_is_connected(receiver()));
        loop_close(&l);
    }
}

static void an_unsolicited_status_is_refused(void **user)
{
    (void)user;
    expect(&plain, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE, .from = KT_SERVER, .type = KT_MSG_SERVER_KEY_EXCHANGE,
           .how = PLAIN12_BEFORE, .other = {KT_MSG_CERTIFICATE_STATUS, 0, 0, 5, 1, 0, 0, 1, 9}, .other_len = 9);
}

/* What goes before the client's turn must not be read as if it had come behind it. */
static void nothing_stands_behind_server_hello_done(void **user)
{
    (void)user;
    expect(&plain, MESSAGE_NOT_LAST, UNEXPECTED_MESSAGE, .from = KT_SERVER, .type = KT_MSG_SERVER_HELLO_DONE,
           .how = PLAIN12_AFTER, .other = {KT_MSG_NEW_SESSION_TICKET}, .other_len = 1);
    suite = KT_SUITE_RSA_WITH_AES_128_GCM_SHA256;
    expect(&legacy, MESSAGE_NOT_LAST, UNEXPECTED_MESSAGE, .from = KT_SERVER, .type = KT_MSG_SERVER_HELLO_DONE,
           .how = PLAIN12_AFTER, .other = {KT_MSG_NEW_SESSION_TICKET}, .other_len = 1);
}

/* What the server says under its keys is lost. */
static size_t lose_finished(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    bool *under_keys = user;

    (void)cap;
    if (from == KT_CLIENT) {
        return len;
    }
    if (*under_keys) {
        return 0;
    }
    *under_keys = record[0] == KT_CONTENT_CCS;
    return len;
}

static void no_data_comes_before_finished_not_even_an_empty_record(void **user)
{
    bool under_keys = false;
    uint8_t record[128], *in;
    size_t len, room;

    (void)user;
    loop_open(&l, &plain);
    l.filter = lose_finished;
    l.filter_user = &under_keys;
    loop_run(&l);
    assert_true(kt_conn_is_connected(l.server) && !kt_conn_is_connected(l.client));
    l.server->tx.protection.sequence = 0;
    assert_null(kt_protection_seal(&l.server->tx.protection, KT_CONTENT_DATA, NULL, 0, 0, record, &len));
    in = kt_conn_in(l.client, &room);
    assert_true(room >= len);
    memcpy(in, record, len);
    assert_non_null(kt_conn_in_done(l.client, len));
    loop_assert_failed(l.client, APPLICATION_DATA_EARLY, UNEXPECTED_MESSAGE);
    loop_close(&l);
}

/* ---- 3.1: what is chosen was offered ---- */

static void a_curve_that_was_not_offered_is_refused(void **user)
{
    (void)user; /* X25519 is 29, 29 ^ 3 is 30 */
    expect(&plain, GROUP_NOT_OFFERED, ILLEGAL_PARAMETER, .from = KT_SERVER, .type = KT_MSG_SERVER_KEY_EXCHANGE,
           .how = PLAIN12_XOR, .at = 2, .with = 3);
}

static void cve_2015_4000_logjam_a_prime_nobody_knows_is_refused(void **user)
{
    (void)user;
    suite = KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256;
    expect(&legacy, DH_GROUP_UNKNOWN, HANDSHAKE_FAILURE, .from = KT_SERVER, .type = KT_MSG_SERVER_KEY_EXCHANGE,
           .how = PLAIN12_XOR, .at = 20, .with = 1);
}

static void cve_2026_25834_a_scheme_of_another_key_is_refused(void **user)
{
    const int scheme_at = 1 + 2 + 1 + 32; /* behind the parameters of X25519 */

    (void)user; /* 0x0403 becomes 0x0804 by its two bytes: one is enough to be another */
    expect(&plain, SCHEME_NOT_OFFERED, ILLEGAL_PARAMETER, .from = KT_SERVER, .type = KT_MSG_SERVER_KEY_EXCHANGE,
           .how = PLAIN12_XOR, .at = scheme_at, .with = 4 ^ 8);
    expect(&plain, SCHEME_NOT_OFFERED, ILLEGAL_PARAMETER, .from = KT_SERVER, .type = KT_MSG_SERVER_KEY_EXCHANGE,
           .how = PLAIN12_XOR, .at = scheme_at + 1, .with = 3 ^ 1);
}

static void cve_2014_1266_goto_fail_a_wrong_signature_is_refused(void **user)
{
    (void)user;
    expect(&plain, SIGNATURE_WRONG, DECRYPT_ERROR, .from = KT_SERVER, .type = KT_MSG_SERVER_KEY_EXCHANGE,
           .how = PLAIN12_XOR, .at = -1, .with = 1);
    expect(&mutual, SIGNATURE_WRONG, DECRYPT_ERROR, .from = KT_CLIENT, .type = KT_MSG_CERTIFICATE_VERIFY,
           .how = PLAIN12_XOR, .at = -1, .with = 1);
}

static void other_certificate(struct kt_builder *b)
{
    struct kt_credential *credential = loop_credential(&l, KT_KEY_P256, "server.example");

    only_12(b);
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
}

/* The first byte of the toy's certificate is the kind of its key. */
static void a_certificate_that_does_not_go_with_the_suite_is_refused(void **user)
{
    const struct loop_setup setup = {.client = only_12, .server = other_certificate, .no_server_credential = true};

    (void)user;
    expect(&setup, CERTIFICATE_KEY_UNFIT, ILLEGAL_PARAMETER, .from = KT_SERVER, .type = KT_MSG_CERTIFICATE,
           .how = PLAIN12_XOR, .at = 6, .with = KT_KEY_P256 ^ KT_KEY_RSA);
}

/* ---- ServerHello ---- */

static void no_renegotiation_info(struct kt_server_hello *hello)
{
    hello->seen &= ~KT_EXT_BIT(RENEGOTIATION_INFO);
}

static void foreign_renegotiation_info(struct kt_server_hello *hello)
{
    hello->renegotiation_info = KT_SPAN_TEXT("twenty-four bytes of both");
}

static void no_extended_secret(struct kt_server_hello *hello)
{
    hello->seen &= ~KT_EXT_BIT(EXTENDED_MAIN_SECRET);
}

static void other_suite(struct kt_server_hello *hello)
{
    hello->suite = KT_SUITE_RSA_WITH_AES_128_CBC_SHA;
}

static void suite_of_13(struct kt_server_hello *hello)
{
    hello->suite = KT_SUITE_AES_128_GCM_SHA256;
}

static void compressed(struct kt_server_hello *hello)
{
    hello->compression = 1;
}

static void older(struct kt_server_hello *hello)
{
    hello->legacy_version = KT_TLS_1_1;
}

static void mac_order(struct kt_server_hello *hello)
{
    hello->seen |= KT_EXT_BIT(ENCRYPT_THEN_MAC);
}

static void resumes_nothing(struct kt_server_hello *hello)
{
    hello->session_id = KT_SPAN_TEXT("an id of the server");
}

static void require_extended(struct kt_builder *b)
{
    only_12(b);
    kt_builder_require_extended_main_secret(b, true);
}

static void cve_2009_3555_a_server_without_secure_renegotiation_is_refused(void **user)
{
    (void)user;
    expect(&plain, RENEGOTIATION_INFO_MISSING, HANDSHAKE_FAILURE, .from = KT_SERVER,
           .server_hello = no_renegotiation_info);
    expect(&plain, RENEGOTIATION_INFO_WRONG, HANDSHAKE_FAILURE, .from = KT_SERVER,
           .server_hello = foreign_renegotiation_info);
}

static void the_extended_main_secret_can_be_required(void **user)
{
    const struct loop_setup setup = {.client = require_extended, .server = only_12};

    (void)user;
    expect(&setup, EXTENDED_SECRET_MISSING, HANDSHAKE_FAILURE, .from = KT_SERVER, .server_hello = no_extended_secret);
}

static void what_the_server_chooses_must_have_been_offered(void **user)
{
    (void)user;
    expect(&plain, SUITE_NOT_OFFERED, ILLEGAL_PARAMETER, .from = KT_SERVER, .server_hello = other_suite);
    expect(&plain, SUITE_NOT_OFFERED, ILLEGAL_PARAMETER, .from = KT_SERVER, .server_hello = suite_of_13);
    expect(&plain, COMPRESSION_NOT_NULL, ILLEGAL_PARAMETER, .from = KT_SERVER, .server_hello = compressed);
    expect(&plain, VERSION_NOT_SUPPORTED, PROTOCOL_VERSION, .from = KT_SERVER, .server_hello = older);
    expect(&plain, EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION, .from = KT_SERVER, .server_hello = mac_order);
}

/* A new id is none of ours; it takes part in nothing but the transcript. */
static void a_new_session_id_is_no_resumption(void **user)
{
    (void)user;
    run(&plain, (struct plain12){.from = KT_SERVER, .server_hello = resumes_nothing});
    assert_false(kt_conn_facts(l.client).resumed);
    /* The transcripts differ, and with them the extended main secrets. */
    loop_assert_failed(l.server, RECORD_BAD_MAC, BAD_RECORD_MAC);
    loop_close(&l);
}

static void only_x25519(struct kt_builder *b)
{
    const uint16_t group = KT_GROUP_X25519;

    only_12(b);
    assert_null(kt_builder_groups(b, &group, 1));
}

static void lists_a_curve(struct kt_client_hello *hello)
{
    static const uint8_t groups[] = {0, KT_GROUP_X25519, 0, KT_GROUP_SECP256R1};

    hello->groups.wire = (struct kt_span){groups, sizeof groups};
}

/* The certificate is for P-256 (RFC 8422 section 5.3). */
static void a_certificate_is_of_a_curve_that_the_client_lists(void **user)
{
    const struct loop_setup setup = {.client = only_x25519, .server = only_12};

    (void)user;
    loop_open(&l, &setup);
    loop_run(&l);
    loop_assert_failed(l.server, SUITE_NONE_IN_COMMON, HANDSHAKE_FAILURE);
    loop_close(&l);
    run(&setup, (struct plain12){.client_hello = lists_a_curve});
    loop_assert_failed(l.client, CERTIFICATE_KEY_UNFIT, ILLEGAL_PARAMETER);
    loop_close(&l);
}

/* ---- downgrades ---- */

static void lower_versions(struct kt_client_hello *hello)
{
    static const uint8_t only[] = {3, 3};

    hello->versions.wire = (struct kt_span){only, sizeof only};
}

static void a_lowered_version_is_found_out_by_the_servers_random(void **user)
{
    (void)user;
    run(&(struct loop_setup){0}, (struct plain12){.client_hello = lower_versions});
    loop_assert_failed(l.client, DOWNGRADE_DETECTED, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void fall_back(struct kt_client_hello *hello)
{
    static uint8_t suites[256];
    size_t len = hello->suites.wire.len;

    lower_versions(hello);
    memcpy(suites, hello->suites.wire.p, len);
    suites[len] = 0x56;
    suites[len + 1] = 0x00;
    hello->suites.wire = (struct kt_span){suites, len + 2};
}

static void a_fallback_is_refused_and_one_to_the_highest_is_none(void **user)
{
    (void)user;
    run(&(struct loop_setup){0}, (struct plain12){.client_hello = fall_back});
    loop_assert_failed(l.server, FALLBACK_DETECTED, INAPPROPRIATE_FALLBACK);
    loop_close(&l);
    run(&plain, (struct plain12){.client_hello = fall_back});
    assert_int_not_equal(kt_conn_fault(l.server)->reason, KT_REASON_FALLBACK_DETECTED);
    loop_close(&l);
}

/* ---- ClientHello ---- */

static void only_11(struct kt_builder *b)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    assert_null(kt_builder_versions(b, KT_TLS_1_0, KT_TLS_1_1));
}

static void keep_hello(struct kt_client_hello *hello)
{
    (void)hello;
}

static void schemes_are_not_listed_below_tls12(void **user)
{
    const uint32_t schemes = KT_EXT_BIT(SIGNATURE_ALGORITHMS) | KT_EXT_BIT(SIGNATURE_ALGORITHMS_CERT);

    (void)user; /* RFC 5246 section 7.4.1.4.1 */
    run(&(struct loop_setup){.client = only_11, .server = only_11, .server_key = KT_KEY_RSA},
        (struct plain12){.client_hello = keep_hello});
    assert_int_equal(p.offered & schemes, 0);
    loop_close(&l);
    run(&plain, (struct plain12){.client_hello = keep_hello});
    assert_int_not_equal(p.offered & schemes, 0);
    loop_close(&l);
}

static void foreign_info(struct kt_client_hello *hello)
{
    hello->renegotiation_info = KT_SPAN_TEXT("twelve bytes");
}

static void only_deflate(struct kt_client_hello *hello)
{
    hello->compression = KT_SPAN_TEXT("\x01");
}

static void a_first_hello_that_continues_something_is_refused(void **user)
{
    (void)user;
    expect(&plain, RENEGOTIATION_INFO_WRONG, HANDSHAKE_FAILURE, .client_hello = foreign_info);
}

static void cve_2012_4929_crime_there_is_no_compression(void **user)
{
    (void)user;
    expect(&plain, COMPRESSION_NOT_NULL, ILLEGAL_PARAMETER, .client_hello = only_deflate);
}

/* ---- after the handshake ---- */

static void send_message(struct kt_conn *conn, const uint8_t *bytes, size_t len)
{
    size_t taken;

    assert_null(kt_tx_handshake(&conn->tx, (struct kt_span){bytes, len}, &taken));
    assert_null(kt_tx_finish_record(&conn->tx));
    loop_run(&l);
}

static void a_wish_for_another_handshake_is_refused_and_not_fatal(void **user)
{
    static const uint8_t hello[] = {KT_MSG_CLIENT_HELLO, 0, 0, 1, 0};

    (void)user;
    loop_open(&l, &plain);
    loop_handshake(&l);
    send_message(l.client, hello, sizeof hello);
    loop_run(&l);
    assert_null(kt_conn_fault(l.server));
    assert_null(kt_conn_fault(l.client));
    loop_transfer(&l, KT_CLIENT, 100);
    loop_close(&l);
}

static void hello_requests_are_passed_over_but_not_without_end(void **user)
{
    static const uint8_t wish[] = {KT_MSG_HELLO_REQUEST, 0, 0, 0};
    unsigned n = 0;

    (void)user;
    loop_open(&l, &plain);
    loop_handshake(&l);
    send_message(l.server, wish, sizeof wish);
    loop_transfer(&l, KT_CLIENT, 100);
    loop_transfer(&l, KT_SERVER, 100);
    while (kt_conn_fault(l.client) == NULL && n < 1000) {
        send_message(l.server, wish, sizeof wish);
        n++;
    }
    loop_assert_failed(l.client, REHANDSHAKE_FLOOD, NO_RENEGOTIATION);
    loop_close(&l);
}

static void messages_of_tls13_have_no_row(void **user)
{
    static const uint8_t update[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 1};

    (void)user;
    loop_open(&l, &plain);
    loop_handshake(&l);
    assert_int_equal(kt_conn_rekey(l.client, KT_REKEY_BOTH)->reason, KT_REASON_USAGE_STATE);
    send_message(l.client, update, sizeof update);
    loop_assert_failed(l.server, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    loop_close(&l);
}

static void begins_nothing(struct kt_builder *b)
{
    struct kt_rehandshake_policy policy = kt_rehandshake_default();

    only_12(b);
    policy.own = false;
    assert_null(kt_builder_rehandshake(b, &policy));
}

/* The contract is kept: what cannot be changed is closed, cleanly, before the limit. */
static void a_key_that_cannot_be_changed_ends_the_connection(void **user)
{
    struct kt_lifetime life = kt_lifetime_default();
    const struct loop_setup setup = {.client = begins_nothing, .server = only_12, .lifetime = &life};
    uint8_t got[16];
    size_t taken;

    (void)user;
    life.sending.max_records = 4;
    life.receiving.max_records = 0;
    loop_open(&l, &setup);
    loop_handshake(&l);
    for (int i = 0; i < 8 && kt_conn_fault(l.client) == NULL; i++) {
        (void)!kt_conn_send(l.client, (const uint8_t *)"x", 1, &taken);
        loop_flush(&l, KT_CLIENT);
        loop_deliver(&l, KT_SERVER);
        (void)!kt_conn_recv(l.server, got, sizeof got, &taken);
    }
    loop_assert_failed(l.client, LIFETIME_NO_MEANS, CLOSE_NOTIFY);
    loop_run(&l);
    assert_int_equal(kt_conn_alert_received(l.server), KT_ALERT_CLOSE_NOTIFY);
    assert_null(kt_conn_fault(l.server));
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cve_2014_0224_no_early_change_cipher_spec),
        cmocka_unit_test(cve_2014_6593_skip_tls_no_message_can_be_left_out),
        cmocka_unit_test(cve_2015_0205_a_certificate_must_be_proven),
        cmocka_unit_test(no_message_comes_twice),
        cmocka_unit_test(cve_2026_2645_verify_comes_behind_the_key_exchange),
        cmocka_unit_test(cve_2015_0204_freak_no_key_exchange_that_the_suite_does_not_ask_for),
        cmocka_unit_test(finished_does_not_come_before_change_cipher_spec),
        cmocka_unit_test(an_unsolicited_status_is_refused),
        cmocka_unit_test(nothing_stands_behind_server_hello_done),
        cmocka_unit_test(no_data_comes_before_finished_not_even_an_empty_record),
        cmocka_unit_test(a_curve_that_was_not_offered_is_refused),
        cmocka_unit_test(a_certificate_is_of_a_curve_that_the_client_lists),
        cmocka_unit_test(schemes_are_not_listed_below_tls12),
        cmocka_unit_test(cve_2015_4000_logjam_a_prime_nobody_knows_is_refused),
        cmocka_unit_test(cve_2026_25834_a_scheme_of_another_key_is_refused),
        cmocka_unit_test(cve_2014_1266_goto_fail_a_wrong_signature_is_refused),
        cmocka_unit_test(a_certificate_that_does_not_go_with_the_suite_is_refused),
        cmocka_unit_test(cve_2009_3555_a_server_without_secure_renegotiation_is_refused),
        cmocka_unit_test(the_extended_main_secret_can_be_required),
        cmocka_unit_test(what_the_server_chooses_must_have_been_offered),
        cmocka_unit_test(a_new_session_id_is_no_resumption),
        cmocka_unit_test(a_lowered_version_is_found_out_by_the_servers_random),
        cmocka_unit_test(a_fallback_is_refused_and_one_to_the_highest_is_none),
        cmocka_unit_test(a_first_hello_that_continues_something_is_refused),
        cmocka_unit_test(cve_2012_4929_crime_there_is_no_compression),
        cmocka_unit_test(a_wish_for_another_handshake_is_refused_and_not_fatal),
        cmocka_unit_test(hello_requests_are_passed_over_but_not_without_end),
        cmocka_unit_test(messages_of_tls13_have_no_row),
        cmocka_unit_test(a_key_that_cannot_be_changed_ends_the_connection),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
