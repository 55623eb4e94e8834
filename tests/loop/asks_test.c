/* The questions of the engine and their answers; who is chosen by name, protocol and certificate. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/fail.h"
#include "registry/registry.h"
#include "support/loop.h"

static struct loop l;

#define TEXT(s)                                                                                                        \
    {                                                                                                                  \
        (const uint8_t *)(s), sizeof(s) - 1                                                                            \
    }

static bool is(struct kt_span span, const char *text)
{
    return span.len == strlen(text) && memcmp(span.p, text, span.len) == 0;
}

static void require(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void request(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUEST);
}

static void ask_all(struct kt_builder *b)
{
    require(b);
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CONFIG));
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CREDENTIAL));
}

static void ask_credential(struct kt_builder *b)
{
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CREDENTIAL));
}

static const struct loop_setup asking = {.client = ask_credential, .server = ask_all, .client_credential = true};

/* ---- each ask, one after the other ---- */

static struct kt_credential *shown;
static struct kt_conn *asker;

/* Runs to the next question of anybody; NULL when there is none any more. */
static const struct kt_ask *next_ask(void)
{
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    for (int i = 0; i < 2; i++) {
        asker = loop_conn(&l, (enum kt_role)i);
        if (kt_conn_ask(asker) != NULL) {
            return kt_conn_ask(asker);
        }
    }
    return NULL;
}

static void answer_well(void)
{
    if (kt_conn_ask(asker)->kind == KT_ASK_CHOOSE_CREDENTIAL) {
        assert_null(kt_answer_credential(asker, shown));
    } else {
        assert_true(loop_answer(&l, asker));
    }
}

static void open_asking(void)
{
    loop_open(&l, &asking);
    shown = loop_credential(&l, KT_KEY_P256, "server.example");
}

static void close_asking(void)
{
    kt_credential_unref(shown);
    loop_close(&l);
}

enum { ASKS = 7 };

static void the_asks_come_in_this_order(void **user)
{
    static const struct {
        enum kt_role who;
        enum kt_ask_kind kind;
    } order[ASKS] = {
        {KT_SERVER, KT_ASK_CHOOSE_CONFIG}, {KT_SERVER, KT_ASK_CHOOSE_CREDENTIAL}, {KT_SERVER, KT_ASK_SIGN},
        {KT_CLIENT, KT_ASK_VERIFY},        {KT_CLIENT, KT_ASK_CHOOSE_CREDENTIAL}, {KT_CLIENT, KT_ASK_SIGN},
        {KT_SERVER, KT_ASK_VERIFY},
    };

    (void)user;
    open_asking();
    for (int i = 0; i < ASKS; i++) {
        const struct kt_ask *ask = next_ask();

        assert_non_null(ask);
        assert_int_equal(ask->kind, order[i].kind);
        assert_ptr_equal(asker, loop_conn(&l, order[i].who));
        answer_well();
    }
    assert_null(next_ask());
    loop_handshake(&l);
    close_asking();
}

static const struct kt_fault *give_wrong_answer(int which)
{
    const enum kt_ask_kind kind = kt_conn_ask(asker) == NULL ? KT_ASK_NONE : kt_conn_ask(asker)->kind;

    if (which == 0) {
        return kind == KT_ASK_CHOOSE_CONFIG ? KT_FAULT(USAGE_NOTHING_ASKED) : kt_answer_config(asker, NULL);
    }
    if (which == 1) {
        return kind == KT_ASK_CHOOSE_CREDENTIAL ? KT_FAULT(USAGE_NOTHING_ASKED) : kt_answer_credential(asker, shown);
    }
    if (which == 2) {
        return kind == KT_ASK_SIGN ? KT_FAULT(USAGE_NOTHING_ASKED)
                                   : kt_answer_signature(asker, (const uint8_t *)"x", 1);
    }
    return kind == KT_ASK_VERIFY ? KT_FAULT(USAGE_NOTHING_ASKED) : kt_answer_verified(asker);
}

static void a_wrong_answer_is_refused_and_changes_nothing(void **user)
{
    (void)user;
    open_asking();
    for (int i = 0; i < ASKS; i++) {
        const struct kt_ask *ask = next_ask();

        for (int which = 0; which < 4; which++) {
            assert_int_equal(give_wrong_answer(which)->reason, KT_REASON_USAGE_NOTHING_ASKED);
            assert_ptr_equal(kt_conn_ask(asker), ask);
        }
        answer_well();
    }
    loop_handshake(&l);
    close_asking();
}

static void a_second_answer_is_refused(void **user)
{
    (void)user;
    open_asking();
    for (int i = 0; i < ASKS; i++) {
        enum kt_ask_kind kind = next_ask()->kind;

        answer_well();
        if (kt_conn_ask(asker) == NULL || kt_conn_ask(asker)->kind != kind) {
            for (int which = 0; which < 4; which++) {
                if (kt_conn_ask(asker) == NULL) {
                    assert_int_equal(give_wrong_answer(which)->reason, KT_REASON_USAGE_NOTHING_ASKED);
                }
            }
        }
    }
    assert_null(next_ask());
    assert_int_equal(kt_answer_refuse(l.client, NULL)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    loop_handshake(&l);
    close_asking();
}

static void every_ask_may_stay_open_for_any_time(void **user)
{
    (void)user;
    open_asking();
    for (int i = 0; i < ASKS; i++) {
        const struct kt_ask *ask = next_ask();
        size_t n;

        /* At the last one the client is connected, and its keys would grow old. */
        l.env.now_ms += i < ASKS - 1 ? UINT64_C(1) << 33 : 1;
        for (int again = 0; again < 5; again++) {
            assert_ptr_equal(next_ask(), ask);
            assert_null(kt_conn_in(asker, &n));
            assert_null(kt_conn_tick(asker));
            assert_int_equal(kt_conn_deadline(asker), UINT64_MAX);
            assert_true((kt_conn_status(asker) & KT_CAN_ANSWER) != 0);
        }
        answer_well();
    }
    loop_handshake(&l);
    close_asking();
}

/* Refuses the n-th ask with this fault. */
static void refuse(int n, const struct kt_fault *fault, enum kt_reason reason, uint8_t alert)
{
    struct kt_conn *other;

    open_asking();
    for (int i = 0; i < n; i++) {
        assert_non_null(next_ask());
        answer_well();
    }
    assert_non_null(next_ask());
    assert_null(kt_answer_refuse(asker, fault));
    assert_null(kt_conn_ask(asker));
    assert_int_equal(kt_conn_fault(asker)->reason, reason);
    other = asker == l.client ? l.server : l.client;
    loop_run(&l);
    assert_int_equal(kt_conn_fault(asker)->reason, reason);
    assert_int_equal(kt_conn_alert_received(other), alert);
    assert_int_equal(kt_conn_fault(other)->reason, KT_REASON_ALERT_RECEIVED);
    assert_false(kt_conn_is_connected(asker));
    close_asking();
}

static void every_ask_may_be_refused_and_the_peer_is_told(void **user)
{
    (void)user;
    for (int n = 0; n < ASKS; n++) {
        refuse(n, NULL, KT_REASON_ASK_REFUSED, KT_ALERT_HANDSHAKE_FAILURE);
        refuse(n, KT_FAULT(CERTIFICATE_UNTRUSTED), KT_REASON_CERTIFICATE_UNTRUSTED, KT_ALERT_UNKNOWN_CA);
    }
}

/* Whatever says no, its alert is what the peer hears. */
static void each_fault_carries_its_alert_to_the_peer(void **user)
{
    static const struct kt_fault faults[] = {
#define X(name, kind, alert, text) {KT_REASON_##name, KT_ALERT_##alert, KT_KIND_##kind, __LINE__, __FILE_NAME__},
#include <keyturn/reasons.def>
#undef X
    };

    (void)user;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        if (faults[i].kind != KT_KIND_TRANSPORT && faults[i].reason != KT_REASON_ALERT_RECEIVED) {
            refuse(3, &faults[i], (enum kt_reason)faults[i].reason, faults[i].alert);
        }
    }
}

static void a_connection_may_be_freed_with_an_open_ask(void **user)
{
    (void)user;
    for (int n = 0; n < ASKS; n++) {
        open_asking();
        for (int i = 0; i < n; i++) {
            assert_non_null(next_ask());
            answer_well();
        }
        assert_non_null(next_ask());
        close_asking();
    }
}

static void *sign_elsewhere(void *user)
{
    struct kt_conn *conn = user;

    l.hold_asks = false;
    assert_true(loop_answer(&l, conn));
    return NULL;
}

static void an_answer_may_come_from_another_thread(void **user)
{
    (void)user;
    open_asking();
    for (int i = 0; i < ASKS; i++) {
        pthread_t thread;

        if (next_ask()->kind == KT_ASK_CHOOSE_CREDENTIAL) {
            answer_well();
            continue;
        }
        assert_int_equal(pthread_create(&thread, NULL, sign_elsewhere, asker), 0);
        pthread_join(thread, NULL);
    }
    loop_handshake(&l);
    close_asking();
}

static void a_signature_has_a_length(void **user)
{
    static const uint8_t longer[1025];

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    assert_int_equal(next_ask()->kind, KT_ASK_SIGN);
    assert_int_equal(kt_answer_signature(asker, longer, 0)->reason, KT_REASON_USAGE_ARGUMENT);
    assert_int_equal(kt_answer_signature(asker, longer, 1025)->reason, KT_REASON_USAGE_ARGUMENT);
    assert_non_null(kt_conn_ask(asker));
    assert_null(kt_answer_signature(asker, longer, 1024));
    loop_run(&l);
    loop_assert_failed(l.client, SIGNATURE_WRONG, DECRYPT_ERROR);
    loop_close(&l);
}

static void a_client_configuration_is_no_answer(void **user)
{
    (void)user;
    open_asking();
    assert_int_equal(next_ask()->kind, KT_ASK_CHOOSE_CONFIG);
    assert_int_equal(kt_answer_config(asker, l.client_config)->reason, KT_REASON_USAGE_ARGUMENT);
    assert_non_null(kt_conn_ask(asker));
    assert_null(kt_answer_config(asker, l.server_config));
    for (int i = 1; i < ASKS; i++) {
        assert_non_null(next_ask());
        answer_well();
    }
    loop_handshake(&l);
    close_asking();
}

static void a_server_must_show_a_credential(void **user)
{
    (void)user;
    open_asking();
    assert_int_equal(next_ask()->kind, KT_ASK_CHOOSE_CONFIG);
    answer_well();
    assert_int_equal(next_ask()->kind, KT_ASK_CHOOSE_CREDENTIAL);
    assert_int_equal(kt_answer_credential(asker, NULL)->reason, KT_REASON_NAME_NOT_SERVED);
    loop_run(&l);
    assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_UNRECOGNIZED_NAME);
    close_asking();
}

static void a_client_may_show_none(void **user)
{
    static const struct loop_setup setup = {.client = ask_credential, .server = request};

    (void)user;
    loop_open(&l, &setup);
    loop_handshake(&l); /* the loop answers with none */
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    loop_close(&l);
}

static void the_asks_show_what_the_peer_offers(void **user)
{
    const struct kt_ask *ask;

    (void)user;
    open_asking();
    ask = next_ask();
    assert_true(is(ask->u.choose.server_name, "server.example"));
    assert_int_equal(ask->u.choose.client_hello.p[0], KT_MSG_CLIENT_HELLO);
    assert_true(ask->u.choose.schemes.wire.len > 0);
    answer_well();
    assert_true(is(next_ask()->u.choose.server_name, "server.example"));
    answer_well();
    ask = next_ask();
    assert_ptr_equal(ask->u.sign.credential, shown);
    assert_int_equal(ask->u.sign.scheme, KT_SCHEME_ECDSA_SECP256R1_SHA256);
    assert_int_equal(ask->u.sign.input.p[0], ' ');
    answer_well();
    ask = next_ask();
    assert_int_equal(ask->u.verify.peer, KT_SERVER);
    assert_int_equal(ask->u.verify.chain_len, 1);
    assert_true(is(ask->u.verify.server_name, "server.example"));
    close_asking();
}

/* ---- client certificates ---- */

static void a_client_without_certificate(void (*server)(struct kt_builder *b), bool serves)
{
    loop_open(&l, &(struct loop_setup){.server = server});
    loop_run(&l);
    assert_int_equal(kt_conn_is_connected(l.server), serves);
    if (!serves) {
        loop_assert_failed(l.server, CERTIFICATE_REQUIRED, CERTIFICATE_REQUIRED);
        assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_CERTIFICATE_REQUIRED);
    } else {
        assert_false(kt_conn_facts(l.server).peer_authenticated);
    }
    loop_close(&l);
}

static void a_client_without_certificate_is_served_unless_it_must_have_one(void **user)
{
    (void)user;
    a_client_without_certificate(NULL, true);
    a_client_without_certificate(request, true);
    a_client_without_certificate(require, false);
}

static void a_client_certificate_is_proven(void **user)
{
    void (*const modes[])(struct kt_builder * b) = {request, require};

    (void)user;
    for (int i = 0; i < 2; i++) {
        loop_open(&l, &(struct loop_setup){.server = modes[i], .client_credential = true});
        loop_handshake(&l);
        assert_true(kt_conn_facts(l.server).peer_authenticated);
        assert_int_equal(kt_conn_facts(l.server).peer_scheme, KT_SCHEME_ECDSA_SECP256R1_SHA256);
        loop_close(&l);
    }
}

static void a_client_certificate_that_is_refused_ends_it_even_if_none_was_required(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.server = request, .client_credential = true});
    for (int i = 0; i < 3; i++) {
        assert_non_null(next_ask());
        assert_true(loop_answer(&l, asker));
    }
    assert_int_equal(next_ask()->kind, KT_ASK_VERIFY);
    assert_ptr_equal(asker, l.server);
    assert_null(kt_answer_refuse(l.server, NULL));
    loop_run(&l);
    assert_true(kt_conn_is_connected(l.client)); /* it cannot know yet */
    loop_assert_failed(l.client, ALERT_RECEIVED, CLOSE_NOTIFY);
    loop_close(&l);
}

static void a_client_shows_nothing_unasked(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client_credential = true});
    loop_handshake(&l);
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    assert_int_equal(kt_conn_facts(l.client).own_scheme, 0);
    loop_close(&l);
}

/* ---- protocols ---- */

static void alpn_a(struct kt_builder *b)
{
    static const struct kt_span names[] = {TEXT("http/1.1"), TEXT("h2")};

    assert_null(kt_builder_alpn(b, names, 2));
}

static void alpn_b(struct kt_builder *b)
{
    static const struct kt_span names[] = {TEXT("h3"), TEXT("h2"), TEXT("http/1.1")};

    assert_null(kt_builder_alpn(b, names, 3));
}

static void alpn_c(struct kt_builder *b)
{
    static const struct kt_span names[] = {TEXT("smtp"), TEXT("h2c"), TEXT("h")};

    assert_null(kt_builder_alpn(b, names, 3));
}

static void the_order_of_the_server_decides_the_protocol(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = alpn_a, .server = alpn_b});
    loop_handshake(&l);
    assert_true(is(kt_conn_facts(l.client).alpn, "h2"));
    assert_true(is(kt_conn_facts(l.server).alpn, "h2"));
    loop_close(&l);
}

static void no_protocol_in_common_is_refused(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = alpn_a, .server = alpn_c});
    loop_run(&l);
    loop_assert_failed(l.server, ALPN_NONE_IN_COMMON, NO_APPLICATION_PROTOCOL);
    loop_close(&l);
}

static void one_side_without_protocols_is_served_without(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = alpn_a});
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).alpn.len, 0);
    loop_close(&l);
    loop_open(&l, &(struct loop_setup){.server = alpn_a});
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.server).alpn.len, 0);
    loop_close(&l);
}

/* ---- names and credentials ---- */

static void strict(struct kt_builder *b)
{
    kt_builder_strict_names(b, true);
}

static void an_unknown_name_gets_the_first_certificate_unless_names_are_strict(void **user)
{
    struct loop_setup setup = {.server_name = "other.example"};

    (void)user;
    loop_open(&l, &setup);
    loop_handshake(&l);
    assert_true(is(kt_conn_facts(l.server).server_name, "other.example"));
    loop_close(&l);
    setup.server = strict;
    loop_open(&l, &setup);
    loop_run(&l);
    loop_assert_failed(l.server, NAME_NOT_SERVED, UNRECOGNIZED_NAME);
    loop_close(&l);
}

static void strict_names_serve_who_asks_for_none_and_who_asks_right(void **user)
{
    static const char *const names[] = {"server.example", "SERVER.Example", "192.0.2.1", "2001:db8::1"};

    (void)user;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        loop_open(&l, &(struct loop_setup){.server = strict, .server_name = names[i]});
        loop_handshake(&l);
        assert_int_equal(kt_conn_facts(l.server).server_name.len, i < 2 ? 14 : 0); /* addresses are not sent */
        assert_true(is(kt_conn_facts(l.client).server_name, names[i]));
        loop_close(&l);
    }
}

/* Two certificates: the wildcard has an RSA key. */
static void second_certificate(struct kt_builder *b)
{
    struct kt_credential *credential = loop_credential(&l, KT_KEY_RSA, "*.wild.example");

    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
}

static void the_name_chooses_the_certificate(void **user)
{
    static const struct {
        const char *name;
        uint16_t scheme;
    } cases[] = {
        {"server.example", KT_SCHEME_ECDSA_SECP256R1_SHA256}, {"a.wild.example", KT_SCHEME_RSA_PSS_RSAE_SHA256},
        {"A.WILD.EXAMPLE", KT_SCHEME_RSA_PSS_RSAE_SHA256},    {"a.b.wild.example", KT_SCHEME_ECDSA_SECP256R1_SHA256},
        {"wild.example", KT_SCHEME_ECDSA_SECP256R1_SHA256},
    };

    (void)user;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        loop_open(&l, &(struct loop_setup){.server = second_certificate, .server_name = cases[i].name});
        loop_handshake(&l);
        assert_int_equal(kt_conn_facts(l.client).peer_scheme, cases[i].scheme);
        loop_close(&l);
    }
}

static void rsa_only(struct kt_builder *b)
{
    static const uint16_t scheme = KT_SCHEME_RSA_PSS_RSAE_SHA256;

    assert_null(kt_builder_schemes(b, &scheme, 1));
}

static void the_schemes_of_the_client_choose_the_certificate(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = rsa_only, .server = second_certificate});
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).peer_scheme, KT_SCHEME_RSA_PSS_RSAE_SHA256);
    loop_close(&l);
    loop_open(&l, &(struct loop_setup){.client = rsa_only});
    loop_run(&l);
    loop_assert_failed(l.server, SCHEME_NONE_IN_COMMON, HANDSHAKE_FAILURE);
    loop_close(&l);
}

static void only_aes_256(struct kt_builder *b)
{
    static const uint16_t suite = KT_SUITE_AES_256_GCM_SHA384;

    assert_null(kt_builder_suites(b, &suite, 1));
}

static void only_chacha(struct kt_builder *b)
{
    static const uint16_t suite = KT_SUITE_CHACHA20_POLY1305_SHA256;

    assert_null(kt_builder_suites(b, &suite, 1));
}

static void only_p256(struct kt_builder *b)
{
    static const uint16_t group = KT_GROUP_SECP256R1;

    assert_null(kt_builder_groups(b, &group, 1));
}

static void only_x25519(struct kt_builder *b)
{
    static const uint16_t group = KT_GROUP_X25519;

    assert_null(kt_builder_groups(b, &group, 1));
}

static void nothing_in_common_is_refused(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = only_aes_256, .server = only_chacha});
    loop_run(&l);
    loop_assert_failed(l.server, SUITE_NONE_IN_COMMON, HANDSHAKE_FAILURE);
    loop_close(&l);
    loop_open(&l, &(struct loop_setup){.client = only_x25519, .server = only_p256});
    loop_run(&l);
    loop_assert_failed(l.server, GROUP_NONE_IN_COMMON, HANDSHAKE_FAILURE);
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_asks_come_in_this_order),
        cmocka_unit_test(a_wrong_answer_is_refused_and_changes_nothing),
        cmocka_unit_test(a_second_answer_is_refused),
        cmocka_unit_test(every_ask_may_stay_open_for_any_time),
        cmocka_unit_test(every_ask_may_be_refused_and_the_peer_is_told),
        cmocka_unit_test(each_fault_carries_its_alert_to_the_peer),
        cmocka_unit_test(a_connection_may_be_freed_with_an_open_ask),
        cmocka_unit_test(an_answer_may_come_from_another_thread),
        cmocka_unit_test(a_signature_has_a_length),
        cmocka_unit_test(a_client_configuration_is_no_answer),
        cmocka_unit_test(a_server_must_show_a_credential),
        cmocka_unit_test(a_client_may_show_none),
        cmocka_unit_test(the_asks_show_what_the_peer_offers),
        cmocka_unit_test(a_client_without_certificate_is_served_unless_it_must_have_one),
        cmocka_unit_test(a_client_certificate_is_proven),
        cmocka_unit_test(a_client_certificate_that_is_refused_ends_it_even_if_none_was_required),
        cmocka_unit_test(a_client_shows_nothing_unasked),
        cmocka_unit_test(the_order_of_the_server_decides_the_protocol),
        cmocka_unit_test(no_protocol_in_common_is_refused),
        cmocka_unit_test(one_side_without_protocols_is_served_without),
        cmocka_unit_test(an_unknown_name_gets_the_first_certificate_unless_names_are_strict),
        cmocka_unit_test(strict_names_serve_who_asks_for_none_and_who_asks_right),
        cmocka_unit_test(the_name_chooses_the_certificate),
        cmocka_unit_test(the_schemes_of_the_client_choose_the_certificate),
        cmocka_unit_test(nothing_in_common_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
