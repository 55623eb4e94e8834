/* Versions, suites, groups and schemes of a configuration: what goes together, and what does not is named. */
#include <string.h>

#include "config/builder_impl.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

/* A provider that has everything the registry knows. Nothing is ever computed with it. */
static struct kt_suite suite_rows[] = {
#define X(name, number, text, short_form, kx, auth, cbc, legacy, first, last) {.id = (number)},
#include "registry/suites.def"
#undef X
};
static struct kt_group group_rows[] = {
#define X(name, number, text, short_form, kind, last) {.id = (number)},
#include "registry/groups.def"
#undef X
};
static const uint16_t schemes[] = {
#define X(name, number, text, key, digest, legacy, first, last) (number),
#include "registry/schemes.def"
#undef X
    0,
};
static const struct kt_suite *suites[KT_COUNT_OF(suite_rows) + 1];
static const struct kt_group *groups[KT_COUNT_OF(group_rows) + 1];
static const struct kt_crypto everything = {
    .name = "everything", .suites = suites, .groups = groups, .schemes = schemes};

struct fixture {
    struct test_env env;
    struct kt_builder *client, *server;
};

static struct kt_builder *new_builder(struct fixture *f, enum kt_role role)
{
    struct kt_builder *b;

    expect_success(kt_builder_new(role, &f->env.env, &b));
    kt_builder_crypto(b, &everything);
    b->oldest = KT_TLS_1_0;
    return b;
}

static int set_up(void **state)
{
    static struct fixture f;

    for (size_t i = 0; i < KT_COUNT_OF(suite_rows); i++) {
        suites[i] = &suite_rows[i];
    }
    for (size_t i = 0; i < KT_COUNT_OF(group_rows); i++) {
        groups[i] = &group_rows[i];
    }
    memset(&f, 0, sizeof f);
    test_env_init(&f.env);
    f.client = new_builder(&f, KT_CLIENT);
    f.server = new_builder(&f, KT_SERVER);
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    kt_builder_free(f->client);
    kt_builder_free(f->server);
    assert_int_equal(f->env.live, 0);
    return 0;
}

static struct kt_config *build(struct kt_builder *b)
{
    struct kt_config *config = NULL;

    expect_success(kt_builder_build(b, &config));
    return config;
}

#define expect_refused(b, REASON, field)                                                                               \
    do {                                                                                                               \
        struct kt_config *none = NULL;                                                                                 \
        expect_fault(kt_builder_build(b, &none), REASON, INTERNAL_ERROR);                                              \
        assert_string_equal(kt_builder_field(b), field);                                                               \
    } while (0)

#define IDS(...) (const uint16_t[]){__VA_ARGS__}, KT_COUNT_OF(((const uint16_t[]){__VA_ARGS__}))

static void add_credential(struct fixture *f, struct kt_builder *b, const uint16_t *ids, size_t n)
{
    struct kt_span certificate = KT_SPAN_TEXT("certificate");
    struct kt_credential_parts parts = {.chain = &certificate, .chain_len = 1, .schemes = ids, .scheme_count = n};
    struct kt_credential *c;

    expect_success(kt_credential_new(&f->env.env, &parts, &c));
    expect_success(kt_builder_credential(b, c));
    kt_credential_unref(c);
}

/* versions */

static void the_default_speaks_tls13_and_tls12(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config = build(f->client);

    assert_int_equal(config->version_count, 2);
    assert_int_equal(config->versions[0], KT_TLS_1_3);
    assert_int_equal(config->versions[1], KT_TLS_1_2);
    assert_true(kt_config_speaks(config, KT_TLS_1_2) && kt_config_speaks(config, KT_TLS_1_3));
    assert_false(kt_config_speaks(config, KT_TLS_1_1));
    assert_int_equal(config->suite_count, kt_policy_2026_modern.suite_count);
    assert_int_equal(config->scheme_count, kt_policy_2026_modern.scheme_count);
    assert_int_equal(config->group_count, kt_policy_2026_modern.group_count);
    kt_config_unref(config);
}

/* The switch: what the tables do not speak is in no configuration, and whoever insists is told. */
static void a_version_that_is_not_spoken_is_left_out_with_all_that_is_its(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    f->client->oldest = KT_TLS_1_3;
    config = build(f->client);
    assert_int_equal(config->version_count, 1);
    assert_int_equal(config->suite_count, 3);
    assert_int_equal(config->scheme_count, kt_policy_2026_modern.scheme_count - 3);
    assert_int_equal(config->cert_scheme_count, kt_policy_2026_modern.cert_scheme_count);
    kt_config_unref(config);
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_3));
    expect_refused(f->client, CONFIG_VERSIONS, "versions 2");
}

static void a_range_of_versions_is_kept_highest_first(void **state)
{
    struct fixture *f = *state;
    struct kt_user_policy policy = kt_policy_user(NULL);
    struct kt_config *config;

    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2));
    config = build(f->client);
    assert_int_equal(config->version_count, 1);
    assert_int_equal(config->versions[0], KT_TLS_1_2);
    assert_int_equal(config->suite_count, 6);
    assert_int_equal(config->key_shares, 0);
    kt_config_unref(config);
    policy.versions = (struct kt_policy_ids){{KT_TLS_1_2, KT_TLS_1_3}, 2};
    expect_success(kt_builder_user_policy(f->client, &policy));
    config = build(f->client);
    assert_int_equal(config->versions[0], KT_TLS_1_3);
    kt_config_unref(config);
}

static void what_is_no_range_is_refused(void **state)
{
    static const uint16_t bad[][2] = {
        {KT_TLS_1_3, KT_TLS_1_2}, {KT_TLS_1_2, 0x0305}, {0x0300, KT_TLS_1_2}, {0, 0}, {0x0305, 0x0305}};
    struct fixture *f = *state;

    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_success(kt_builder_versions(f->client, bad[i][0], bad[i][1]));
        expect_refused(f->client, CONFIG_VERSIONS, "versions");
    }
}

static void versions_have_no_hole(void **state)
{
    struct fixture *f = *state;
    struct kt_user_policy policy = kt_policy_user(&kt_policy_2026_legacy);

    policy.versions = (struct kt_policy_ids){{KT_TLS_1_3, KT_TLS_1_1}, 2};
    expect_success(kt_builder_user_policy(f->client, &policy));
    expect_refused(f->client, CONFIG_VERSIONS, "versions");
}

static void a_version_needs_a_suite_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_suites(f->client, IDS(KT_SUITE_AES_128_GCM_SHA256)));
    config = build(f->client); /* TLS 1.2 was a wish of the policy */
    assert_int_equal(config->version_count, 1);
    kt_config_unref(config);
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_3));
    expect_refused(f->client, CONFIG_VERSIONS, "versions 2");
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2));
    expect_refused(f->client, CONFIG_SUITES, "suites 1");
}

/* suites */

static void a_suite_needs_a_version_of_its_own(void **state)
{
    struct fixture *f = *state;

    expect_success(kt_builder_versions(f->client, KT_TLS_1_3, KT_TLS_1_3));
    expect_success(
        kt_builder_suites(f->client, IDS(KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256)));
    expect_refused(f->client, CONFIG_SUITES, "suites 2");
}

static void a_suite_needs_a_scheme_of_its_certificate(void **state)
{
    struct fixture *f = *state;

    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2));
    expect_success(kt_builder_schemes(f->client, IDS(KT_SCHEME_RSA_PKCS1_SHA256)));
    expect_success(kt_builder_suites(f->client, IDS(KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256)));
    kt_config_unref(build(f->client));
    expect_success(kt_builder_suites(
        f->client, IDS(KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)));
    expect_refused(f->client, CONFIG_SUITES, "suites 2");
    expect_success(kt_builder_suites(f->client, IDS(KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)));
    expect_refused(f->client, CONFIG_SCHEMES, "schemes 1");
    expect_success(kt_builder_schemes(f->client, IDS(KT_SCHEME_ED25519)));
    kt_config_unref(build(f->client));
}

static void a_suite_needs_a_group_of_its_kind(void **state)
{
    struct fixture *f = *state;
    const uint16_t ecdhe = KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, dhe = KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256;

    expect_success(kt_builder_policy(f->client, &kt_policy_2026_legacy));
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2));
    expect_success(kt_builder_groups(f->client, IDS(KT_GROUP_FFDHE2048)));
    expect_success(kt_builder_suites(f->client, &ecdhe, 1));
    expect_refused(f->client, CONFIG_GROUPS, "groups 1");
    expect_success(kt_builder_suites(f->client, IDS(dhe, ecdhe)));
    expect_refused(f->client, CONFIG_SUITES, "suites 2");
    expect_success(kt_builder_suites(f->client, &dhe, 1));
    kt_config_unref(build(f->client));
    expect_success(kt_builder_groups(f->client, IDS(KT_GROUP_X25519)));
    expect_refused(f->client, CONFIG_GROUPS, "groups 1");
}

static void what_is_legacy_needs_a_policy_that_says_so(void **state)
{
    static const uint16_t weak[] = {
        KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA256, KT_SUITE_ECDHE_RSA_WITH_AES_128_CBC_SHA,
        KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256,   KT_SUITE_RSA_WITH_AES_128_GCM_SHA256,
        KT_SUITE_RSA_WITH_AES_128_CBC_SHA,
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < KT_COUNT_OF(weak); i++) {
        expect_success(kt_builder_policy(f->client, &kt_policy_2026_modern));
        expect_success(kt_builder_suites(f->client, &weak[i], 1));
        expect_refused(f->client, CONFIG_SUITES, "suites 1");
        expect_success(kt_builder_policy(f->client, &kt_policy_2026_legacy));
        expect_success(kt_builder_suites(f->client, &weak[i], 1));
        kt_config_unref(build(f->client));
    }
    expect_success(kt_builder_policy(f->client, &kt_policy_2026_modern));
    expect_success(kt_builder_versions(f->client, KT_TLS_1_1, KT_TLS_1_3));
    expect_refused(f->client, CONFIG_VERSIONS, "versions 3");
    expect_success(kt_builder_policy(f->client, &kt_policy_2026_modern));
    expect_success(kt_builder_schemes(f->client, IDS(KT_SCHEME_ED25519, KT_SCHEME_RSA_PKCS1_SHA1)));
    expect_refused(f->client, CONFIG_SCHEMES, "schemes 2");
    expect_success(kt_builder_policy(f->client, &kt_policy_2026_modern));
    expect_success(kt_builder_cert_schemes(f->client, IDS(KT_SCHEME_ED25519, KT_SCHEME_RSA_PKCS1_SHA1)));
    expect_refused(f->client, CONFIG_SCHEMES, "cert_schemes 2");
}

static void the_legacy_policy_is_kept_whole(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_policy(f->client, &kt_policy_2026_legacy));
    config = build(f->client);
    assert_int_equal(config->version_count, 4);
    assert_int_equal(config->suite_count, kt_policy_2026_legacy.suite_count);
    assert_int_equal(config->group_count, kt_policy_2026_legacy.group_count);
    assert_int_equal(config->scheme_count, kt_policy_2026_legacy.scheme_count);
    kt_config_unref(config);
    expect_success(kt_builder_versions(f->client, KT_TLS_1_0, KT_TLS_1_0));
    config = build(f->client);
    assert_int_equal(config->suite_count, 8); /* CBC with SHA */
    assert_int_equal(config->scheme_count, 2);
    for (size_t i = 0; i < config->suite_count; i++) {
        assert_true(kt_suite_is_for(config->suites[i]->id, KT_TLS_1_0));
    }
    kt_config_unref(config);
}

/* schemes and groups */

static void a_scheme_needs_a_version_of_its_own(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_schemes(f->client, IDS(KT_SCHEME_ED25519, KT_SCHEME_RSA_PKCS1_SHA256)));
    config = build(f->client); /* for TLS 1.2 */
    assert_int_equal(config->scheme_count, 2);
    kt_config_unref(config);
    expect_success(kt_builder_versions(f->client, KT_TLS_1_3, KT_TLS_1_3));
    expect_refused(f->client, CONFIG_SCHEMES, "schemes 2");
    expect_success(kt_builder_schemes(f->client, IDS(KT_SCHEME_RSA_PKCS1_SHA256)));
    expect_refused(f->client, CONFIG_SCHEMES, "schemes 1");
}

/* Older versions may fall away: nothing gets weaker by it. */
static void a_list_does_not_take_the_newest_version_away(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_schemes(f->client, IDS(KT_SCHEME_RSA_PKCS1_SHA256)));
    expect_refused(f->client, CONFIG_SCHEMES, "schemes 1");
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2)); /* said so */
    kt_config_unref(build(f->client));
    expect_success(kt_builder_policy(f->server, &kt_policy_2026_legacy));
    expect_success(kt_builder_groups(f->server, IDS(KT_GROUP_MODP2048)));
    expect_refused(f->server, CONFIG_GROUPS, "groups 1");
    expect_success(kt_builder_policy(f->client, &kt_policy_2026_legacy));
    expect_success(kt_builder_schemes(f->client, IDS(KT_SCHEME_ED25519)));
    expect_success(
        kt_builder_suites(f->client, IDS(KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)));
    config = build(f->client);
    assert_int_equal(config->version_count, 2);
    kt_config_unref(config);
}

static void a_scheme_without_number_signs_no_certificate(void **state)
{
    struct fixture *f = *state;

    expect_success(kt_builder_policy(f->client, &kt_policy_2026_legacy));
    expect_success(kt_builder_cert_schemes(f->client, IDS(KT_SCHEME_RSA_PKCS1_MD5_SHA1)));
    expect_refused(f->client, CONFIG_SCHEMES, "cert_schemes 1");
}

static void a_group_needs_a_suite_of_its_kind(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_groups(f->client, IDS(KT_GROUP_X25519, KT_GROUP_FFDHE2048)));
    config = build(f->client); /* TLS 1.3 takes both */
    assert_int_equal(config->group_count, 2);
    kt_config_unref(config);
    expect_success(kt_builder_groups(f->client, IDS(KT_GROUP_X25519, KT_GROUP_MODP2048)));
    expect_refused(f->client, CONFIG_GROUPS, "groups 2");
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2));
    expect_success(kt_builder_groups(f->client, IDS(KT_GROUP_X25519, KT_GROUP_FFDHE2048)));
    expect_refused(f->client, CONFIG_GROUPS, "groups 2");
}

/* Groups without a number of TLS 1.3 may stand in front. */
static void shares_are_sent_for_groups_of_tls13(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_policy(f->client, &kt_policy_2026_legacy));
    expect_success(kt_builder_groups(f->client, IDS(KT_GROUP_MODP2048, KT_GROUP_SECP256R1, KT_GROUP_X25519)));
    expect_success(kt_builder_key_shares(f->client, 2));
    config = build(f->client);
    assert_int_equal(config->key_shares, 2);
    assert_int_equal(config->share_groups[0]->id, KT_GROUP_SECP256R1);
    assert_int_equal(config->share_groups[1]->id, KT_GROUP_X25519);
    kt_config_unref(config);
    expect_success(kt_builder_key_shares(f->client, 3));
    expect_refused(f->client, CONFIG_GROUPS, "key_shares");
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2));
    config = build(f->client); /* no shares at all */
    assert_int_equal(config->key_shares, 0);
    kt_config_unref(config);
}

/* Below TLS 1.3 no scheme is tied to a curve. */
static void a_long_curve_signs_with_any_scheme_of_tls12(void **state)
{
    struct fixture *f = *state;
    struct kt_user_policy policy = kt_policy_user(NULL);

    policy.schemes = (struct kt_policy_ids){{KT_SCHEME_ECDSA_SECP256R1_SHA256}, 1};
    policy.min_curve_bits = 384;
    expect_success(kt_builder_user_policy(f->client, &policy));
    kt_config_unref(build(f->client));
    expect_success(kt_builder_versions(f->client, KT_TLS_1_3, KT_TLS_1_3));
    expect_refused(f->client, CONFIG_SCHEMES, "min_curve_bits");
}

/* credentials */

static void a_servers_credential_must_fit_a_suite(void **state)
{
    struct fixture *f = *state;

    add_credential(f, f->server, IDS(KT_SCHEME_RSA_PSS_RSAE_SHA256));
    kt_config_unref(build(f->server));
    expect_success(kt_builder_versions(f->server, KT_TLS_1_2, KT_TLS_1_2));
    kt_config_unref(build(f->server));
    expect_success(kt_builder_suites(f->server, IDS(KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)));
    expect_refused(f->server, CONFIG_CREDENTIAL_UNUSABLE, "credential 1");
}

static void a_clients_credential_signs_with_any_suite(void **state)
{
    struct fixture *f = *state;

    add_credential(f, f->client, IDS(KT_SCHEME_RSA_PSS_RSAE_SHA256));
    expect_success(kt_builder_versions(f->client, KT_TLS_1_2, KT_TLS_1_2));
    expect_success(kt_builder_suites(f->client, IDS(KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256)));
    kt_config_unref(build(f->client));
}

static void rsa_key_exchange_takes_an_rsa_key_that_signs_nothing(void **state)
{
    struct fixture *f = *state;

    expect_success(kt_builder_policy(f->server, &kt_policy_2026_legacy));
    expect_success(kt_builder_versions(f->server, KT_TLS_1_2, KT_TLS_1_2));
    expect_success(kt_builder_schemes(f->server, IDS(KT_SCHEME_ED25519)));
    expect_success(kt_builder_suites(f->server, IDS(KT_SUITE_RSA_WITH_AES_128_CBC_SHA)));
    add_credential(f, f->server, IDS(KT_SCHEME_RSA_PKCS1_SHA256));
    kt_config_unref(build(f->server));
    add_credential(f, f->server, IDS(KT_SCHEME_RSA_PSS_PSS_SHA256));
    expect_refused(f->server, CONFIG_CREDENTIAL_UNUSABLE, "credential 2");
}

/* further handshakes, and what is required of the first */

static void further_handshakes_have_limits(void **state)
{
    static const uint32_t budgets[] = {0, 65536};
    struct fixture *f = *state;
    struct kt_rehandshake_policy policy = kt_rehandshake_default();
    struct kt_config *config = build(f->client);

    assert_int_equal(config->rehandshake.peer, KT_REHANDSHAKE_REFUSED);
    assert_true(config->rehandshake.own && config->rehandshake.resume && config->rehandshake.same_peer);
    kt_config_unref(config);
    expect_fault(kt_builder_rehandshake(f->client, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->client), "rehandshake");
    for (size_t i = 0; i < KT_COUNT_OF(budgets); i++) {
        policy.peer_budget = budgets[i];
        expect_success(kt_builder_rehandshake(f->client, &policy));
        expect_refused(f->client, CONFIG_REHANDSHAKE, "rehandshake.peer_budget");
    }
    policy.peer_budget = 65535;
    policy.peer = (enum kt_rehandshake_answer)2;
    expect_success(kt_builder_rehandshake(f->client, &policy));
    expect_refused(f->client, CONFIG_REHANDSHAKE, "rehandshake.peer");
    policy.peer = KT_REHANDSHAKE_ALLOWED;
    expect_success(kt_builder_rehandshake(f->client, &policy));
    config = build(f->client);
    assert_int_equal(config->rehandshake.peer_budget, 65535);
    kt_config_unref(config);
}

static void what_is_loosened_was_said(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config = build(f->client);

    assert_true(!config->ems_required && !config->unbound_resumption && !config->no_renegotiation_info);
    kt_config_unref(config);
    kt_builder_require_extended_main_secret(f->client, true);
    kt_builder_danger_unbound_resumption(f->client, true);
    kt_builder_danger_no_renegotiation_info(f->client, true);
    config = build(f->client);
    assert_true(config->ems_required && config->unbound_resumption && config->no_renegotiation_info);
    kt_config_unref(config);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_default_speaks_tls13_and_tls12),
        TEST(a_version_that_is_not_spoken_is_left_out_with_all_that_is_its),
        TEST(a_range_of_versions_is_kept_highest_first),
        TEST(what_is_no_range_is_refused),
        TEST(versions_have_no_hole),
        TEST(a_version_needs_a_suite_of_its_own),
        TEST(a_suite_needs_a_version_of_its_own),
        TEST(a_suite_needs_a_scheme_of_its_certificate),
        TEST(a_suite_needs_a_group_of_its_kind),
        TEST(what_is_legacy_needs_a_policy_that_says_so),
        TEST(the_legacy_policy_is_kept_whole),
        TEST(a_scheme_needs_a_version_of_its_own),
        TEST(a_list_does_not_take_the_newest_version_away),
        TEST(a_scheme_without_number_signs_no_certificate),
        TEST(a_group_needs_a_suite_of_its_kind),
        TEST(shares_are_sent_for_groups_of_tls13),
        TEST(a_long_curve_signs_with_any_scheme_of_tls12),
        TEST(a_servers_credential_must_fit_a_suite),
        TEST(a_clients_credential_signs_with_any_suite),
        TEST(rsa_key_exchange_takes_an_rsa_key_that_signs_nothing),
        TEST(further_handshakes_have_limits),
        TEST(what_is_loosened_was_said),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
