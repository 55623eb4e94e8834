/* Handshakes of TLS 1.2 and below: every path through both tables, and what comes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "registry/registry.h"
#include "support/loop.h"

static struct loop l;
static uint16_t lowest, highest, suite, group;

static void versions(struct kt_builder *b)
{
    assert_null(kt_builder_versions(b, lowest, highest));
}

static void only_12(struct kt_builder *b)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
}

static void transfer(void)
{
    loop_transfer(&l, KT_CLIENT, 40000);
    loop_transfer(&l, KT_SERVER, 40000);
}

/* Connects, looks at both ends, moves data. */
static void connects(const struct loop_setup *setup, uint16_t version)
{
    loop_open(&l, setup);
    loop_handshake(&l);
    for (int role = 0; role < 2; role++) {
        struct kt_facts facts = kt_conn_facts(loop_conn(&l, (enum kt_role)role));

        assert_int_equal(facts.version, version);
        assert_true(facts.extended_main_secret || version == KT_TLS_1_3);
        assert_true(facts.secure_renegotiation || version == KT_TLS_1_3);
        assert_false(facts.resumed);
    }
    transfer();
    loop_close(&l);
}

static void the_highest_version_in_common_is_negotiated(void **user)
{
    static const struct {
        uint16_t client_low, client_high, server_low, server_high, negotiated;
    } cases[] = {
        {KT_TLS_1_2, KT_TLS_1_3, KT_TLS_1_2, KT_TLS_1_3, KT_TLS_1_3},
        {KT_TLS_1_2, KT_TLS_1_3, KT_TLS_1_2, KT_TLS_1_2, KT_TLS_1_2},
        {KT_TLS_1_2, KT_TLS_1_2, KT_TLS_1_2, KT_TLS_1_3, KT_TLS_1_2},
        {KT_TLS_1_2, KT_TLS_1_2, KT_TLS_1_2, KT_TLS_1_2, KT_TLS_1_2},
    };

    (void)user;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        struct loop_setup setup = {.client = versions, .server = versions};
        struct kt_config *config;

        lowest = cases[i].server_low;
        highest = cases[i].server_high;
        loop_configure(&l, &setup);
        lowest = cases[i].client_low;
        highest = cases[i].client_high;
        config = loop_build(&l, KT_CLIENT, &setup);
        kt_config_unref(l.client_config);
        l.client_config = config;
        assert_null(loop_connect(&l, &setup));
        loop_handshake(&l);
        assert_int_equal(kt_conn_facts(l.client).version, cases[i].negotiated);
        assert_int_equal(kt_conn_facts(l.server).version, cases[i].negotiated);
        transfer();
        loop_close(&l);
    }
}

static void a_full_handshake(void **user)
{
    (void)user;
    connects(&(struct loop_setup){.client = only_12, .server = only_12}, KT_TLS_1_2);
}

static void request(struct kt_builder *b)
{
    only_12(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUEST);
}

static void require(struct kt_builder *b)
{
    only_12(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void with_a_client_certificate(void **user)
{
    static const uint8_t keys[] = {KT_KEY_P256, KT_KEY_P384, KT_KEY_RSA, KT_KEY_RSA_PSS, KT_KEY_ED25519};

    (void)user;
    for (size_t i = 0; i < KT_COUNT_OF(keys); i++) {
        loop_open(&l, &(struct loop_setup){.client = only_12,
                                           .server = require,
                                           .client_credential = true,
                                           .client_key = keys[i],
                                           .server_key = keys[i]});
        loop_handshake(&l);
        assert_true(kt_conn_facts(l.server).peer_authenticated);
        assert_int_equal(kt_conn_facts(l.server).peer_scheme, kt_conn_facts(l.client).own_scheme);
        assert_int_equal(kt_conn_facts(l.client).peer_scheme, kt_conn_facts(l.server).own_scheme);
        transfer();
        loop_close(&l);
    }
}

static void without_a_client_certificate(void **user)
{
    (void)user;
    connects(&(struct loop_setup){.client = only_12, .server = request}, KT_TLS_1_2);
    loop_open(&l, &(struct loop_setup){.client = only_12, .server = require});
    loop_run(&l);
    loop_assert_failed(l.server, CERTIFICATE_REQUIRED, HANDSHAKE_FAILURE);
    assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_HANDSHAKE_FAILURE);
    loop_close(&l);
}

/* ---- every suite of every version ---- */

static void one_suite(struct kt_builder *b)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    assert_null(kt_builder_versions(b, lowest, lowest));
    assert_null(kt_builder_suites(b, &suite, 1));
    if (group != 0) {
        assert_null(kt_builder_groups(b, &group, 1));
    }
}

static void run_suite(const struct kt_suite_facts *facts, uint16_t version)
{
    lowest = version;
    suite = facts->id;
    group = 0;
    connects(&(struct loop_setup){.client = one_suite,
                                  .server = one_suite,
                                  .server_key = facts->auth == KT_AUTH_RSA ? KT_KEY_RSA : KT_KEY_P256},
             version);
}

static void every_suite_in_every_version_it_is_for(void **user)
{
    const struct kt_policy *policy = &kt_policy_2026_legacy;
    unsigned runs = 0;

    (void)user;
    for (uint16_t version = KT_TLS_1_0; version <= KT_TLS_1_2; version++) {
        for (size_t i = 0; i < policy->suite_count; i++) {
            if (kt_suite_is_for(policy->suites[i], version)) {
                run_suite(kt_suite_facts(policy->suites[i]), version);
                runs++;
            }
        }
    }
    assert_true(runs > 40);
}

static void every_group(void **user)
{
    (void)user;
    lowest = KT_TLS_1_2;
    for (const struct kt_group *const *g = kt_crypto_toy()->groups; *g != NULL; g++) {
        bool prime = kt_group_facts((*g)->id)->kind == KT_GROUP_IS_DH;

        group = (*g)->id;
        suite = prime ? KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256 : KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
        loop_open(&l, &(struct loop_setup){.client = one_suite, .server = one_suite, .server_key = KT_KEY_RSA});
        loop_handshake(&l);
        assert_int_equal(kt_conn_facts(l.client).group, group);
        assert_int_equal(kt_conn_facts(l.server).group, group);
        transfer();
        loop_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_handshake),
        cmocka_unit_test(the_highest_version_in_common_is_negotiated),
        cmocka_unit_test(with_a_client_certificate),
        cmocka_unit_test(without_a_client_certificate),
        cmocka_unit_test(every_suite_in_every_version_it_is_for),
        cmocka_unit_test(every_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
