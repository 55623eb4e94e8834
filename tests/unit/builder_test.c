/* The builder: what it keeps, what it refuses, and which field it names. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/span.h"
#include "config/builder_impl.h"
#include "crypto/toy/toy.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

struct fixture {
    struct test_env env;
    struct kt_builder *client, *server;
    struct kt_credential *p256, *rsa; /* by what they sign with */
};

static struct kt_credential *credential(struct fixture *f, uint16_t scheme)
{
    struct kt_span certificate = KT_SPAN_TEXT("certificate");
    struct kt_credential_parts parts = {.chain = &certificate, .chain_len = 1, .schemes = &scheme, .scheme_count = 1};
    struct kt_credential *c;

    expect_success(kt_credential_new(&f->env.env, &parts, &c));
    return c;
}

static int set_up(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof f);
    test_env_init(&f.env);
    expect_success(kt_builder_new(KT_CLIENT, &f.env.env, &f.client));
    expect_success(kt_builder_new(KT_SERVER, &f.env.env, &f.server));
    f.client->oldest = f.server->oldest = KT_TLS_1_3; /* combine_test.c has the other versions */
    kt_builder_crypto(f.client, kt_crypto_toy());
    kt_builder_crypto(f.server, kt_crypto_toy());
    f.p256 = credential(&f, KT_SCHEME_ECDSA_SECP256R1_SHA256);
    f.rsa = credential(&f, KT_SCHEME_RSA_PSS_RSAE_SHA256);
    expect_success(kt_builder_credential(f.server, f.p256));
    *state = &f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    kt_builder_free(f->client);
    kt_builder_free(f->server);
    kt_credential_unref(f->p256);
    kt_credential_unref(f->rsa);
    assert_int_equal(f->env.live, 0);
    return 0;
}

static struct kt_config *build(struct kt_builder *b)
{
    struct kt_config *config = NULL;

    expect_success(kt_builder_build(b, &config));
    assert_string_equal(kt_builder_field(b), "");
    return config;
}

/* Building fails for the reason, names the field and leaves *out alone. */
#define expect_refused(b, REASON, field)                                                                               \
    do {                                                                                                               \
        struct kt_config *untouched = (struct kt_config *)(b);                                                         \
        expect_fault(kt_builder_build(b, &untouched), REASON, INTERNAL_ERROR);                                         \
        assert_ptr_equal(untouched, b);                                                                                \
        assert_string_equal(kt_builder_field(b), field);                                                               \
    } while (0)

static void the_default_client_is_the_modern_policy(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config = build(f->client);

    assert_int_equal(config->role, KT_CLIENT);
    assert_int_equal(config->suite_count, 3);
    assert_int_equal(config->suites[0]->id, KT_SUITE_AES_128_GCM_SHA256);
    assert_int_equal(config->group_count, 4);
    assert_int_equal(config->groups[0]->id, KT_GROUP_X25519);
    assert_int_equal(config->scheme_count, kt_policy_2026_modern.scheme_count - 3); /* without PKCS#1 */
    assert_int_equal(config->cert_scheme_count, kt_policy_2026_modern.cert_scheme_count);
    assert_int_equal(config->key_shares, 1);
    assert_int_equal(config->padding, 0);
    assert_int_equal(config->chain_limit, 65536);
    assert_int_equal(config->record_limit, 16384);
    assert_int_equal(config->fragment_code, 0);
    assert_int_equal(config->lifetime.peer_budget, kt_lifetime_default().peer_budget);
    assert_true(config->grease && config->cookie && config->staple && !config->keylog && !config->strict_names);
    assert_true(kt_config_asks(config, KT_ASK_SIGN) && kt_config_asks(config, KT_ASK_VERIFY));
    assert_false(kt_config_asks(config, KT_ASK_CHOOSE_CONFIG));
    kt_config_unref(config);
}

/* The form in which ClientHello and KT_ASK_VERIFY show it. */
static void chain_schemes_are_kept_as_on_the_wire(void **state)
{
    static const uint16_t ids[] = {KT_SCHEME_ED25519, KT_SCHEME_RSA_PKCS1_SHA256};
    static const uint8_t wire[] = {0x08, 0x07, 0x04, 0x01};
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_cert_schemes(f->client, ids, 2));
    config = build(f->client);
    assert_int_equal(config->cert_schemes_wire.wire.len, sizeof wire);
    assert_memory_equal(config->cert_schemes_wire.wire.p, wire, sizeof wire);
    kt_config_unref(config);
}

static void all_switches_arrive(void **state)
{
    struct fixture *f = *state;
    struct kt_lifetime lifetime = kt_lifetime_default();
    struct kt_config *config;

    lifetime.sending.max_records = 7;
    kt_builder_strict_names(f->server, true);
    kt_builder_client_auth(f->server, KT_CLIENT_AUTH_REQUIRE);
    kt_builder_grease(f->server, false);
    kt_builder_cookie(f->server, false);
    kt_builder_staple(f->server, false);
    kt_builder_danger_keylog(f->server, true);
    expect_success(kt_builder_lifetime(f->server, &lifetime));
    expect_success(kt_builder_padding(f->server, 512));
    expect_success(kt_builder_chain_limit(f->server, 1 << 20));
    expect_success(kt_builder_key_shares(f->server, 0));
    expect_success(kt_builder_ask(f->server, KT_ASK_CHOOSE_CONFIG));
    config = build(f->server);
    assert_true(config->strict_names && config->keylog && !config->grease && !config->cookie && !config->staple);
    assert_int_equal(config->client_auth, KT_CLIENT_AUTH_REQUIRE);
    assert_int_equal(config->lifetime.sending.max_records, 7);
    assert_int_equal(config->padding, 512);
    assert_int_equal(config->chain_limit, 1 << 20);
    assert_int_equal(config->key_shares, 0);
    assert_true(kt_config_asks(config, KT_ASK_CHOOSE_CONFIG));
    kt_config_unref(config);
}

static void the_configuration_outlives_the_builder(void **state)
{
    struct fixture *f = *state;
    struct kt_span name = KT_SPAN_TEXT("h2");
    struct kt_config *config;

    expect_success(kt_builder_alpn(f->server, &name, 1));
    config = build(f->server);
    kt_builder_free(f->server);
    f->server = NULL;
    assert_memory_equal(config->alpn.p, "\2h2", 3);
    assert_ptr_equal(config->credentials[0], f->p256);
    kt_config_unref(config);
}

static void a_builder_builds_again(void **state)
{
    struct fixture *f = *state;
    const uint16_t unknown = 0x1399;
    struct kt_config *first = build(f->client), *second;

    expect_success(kt_builder_suites(f->client, &unknown, 1));
    expect_refused(f->client, CONFIG_SUITES, "suites 1");
    expect_success(kt_builder_policy(f->client, &kt_policy_2026_modern));
    second = build(f->client);
    assert_ptr_not_equal(first, second);
    kt_config_unref(first);
    kt_config_unref(second);
}

/* lists */

struct list_case {
    const struct kt_fault *(*set)(struct kt_builder *b, const uint16_t *ids, size_t n);
    const char *field;
    uint16_t known, other;
    enum kt_reason reason;
};

static const struct list_case lists[] = {
    {kt_builder_suites, "suites", KT_SUITE_AES_256_GCM_SHA384, KT_SUITE_AES_128_GCM_SHA256, KT_REASON_CONFIG_SUITES},
    {kt_builder_groups, "groups", KT_GROUP_SECP256R1, KT_GROUP_X25519, KT_REASON_CONFIG_GROUPS},
    {kt_builder_schemes, "schemes", KT_SCHEME_ED25519, KT_SCHEME_ECDSA_SECP256R1_SHA256, KT_REASON_CONFIG_SCHEMES},
    {kt_builder_cert_schemes, "cert_schemes", KT_SCHEME_RSA_PKCS1_SHA256, KT_SCHEME_ED25519, KT_REASON_CONFIG_SCHEMES},
};

static void expect_list_refused(struct kt_builder *b, const struct list_case *c, const uint16_t *ids, size_t n,
                                const char *position)
{
    struct kt_config *config;
    const struct kt_fault *fault;
    char field[32];

    expect_success(c->set(b, ids, n));
    fault = kt_builder_build(b, &config);
    assert_non_null(fault);
    assert_int_equal(fault->reason, c->reason);
    assert_int_equal(fault->alert, KT_ALERT_INTERNAL_ERROR);
    snprintf(field, sizeof field, "%s%s", c->field, position);
    assert_string_equal(kt_builder_field(b), field);
}

static void lists_must_be_of_known_numbers_each_once(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; i < KT_COUNT_OF(lists); i++) {
        const struct list_case *c = &lists[i];

        expect_success(kt_builder_policy(f->client, &kt_policy_2026_modern));
        expect_list_refused(f->client, c, NULL, 0, "");
        expect_list_refused(f->client, c, (const uint16_t[]){0xeeee}, 1, " 1");
        expect_list_refused(f->client, c, (const uint16_t[]){c->known, 0xeeee}, 2, " 2");
        expect_list_refused(f->client, c, (const uint16_t[]){c->known, c->other, c->known}, 3, " 3");
        expect_success(c->set(f->client, (const uint16_t[]){c->known, c->other}, 2));
        kt_config_unref(build(f->client));
    }
}

static void lists_have_at_most_64_entries(void **state)
{
    struct fixture *f = *state;
    uint16_t ids[KT_LIST_MAX + 1];

    for (uint16_t i = 0; i < KT_COUNT_OF(ids); i++) {
        ids[i] = i;
    }
    for (size_t i = 0; i < KT_COUNT_OF(lists); i++) {
        expect_fault(lists[i].set(f->client, ids, KT_COUNT_OF(ids)), USAGE_ARGUMENT, INTERNAL_ERROR);
        assert_string_equal(kt_builder_field(f->client), lists[i].field);
        expect_fault(lists[i].set(f->client, NULL, 1), USAGE_ARGUMENT, INTERNAL_ERROR);
    }
    kt_config_unref(build(f->client)); /* nothing has changed */
}

static void a_position_may_have_two_digits(void **state)
{
    struct fixture *f = *state;
    uint16_t ids[14];

    memcpy(ids, kt_policy_2026_modern.cert_schemes, 13 * sizeof ids[0]);
    ids[13] = ids[0];
    expect_success(kt_builder_cert_schemes(f->client, ids, 14));
    expect_refused(f->client, CONFIG_SCHEMES, "cert_schemes 14");
}

static void pkcs1_cannot_sign_handshakes(void **state)
{
    struct fixture *f = *state;
    const uint16_t pkcs1 = KT_SCHEME_RSA_PKCS1_SHA256;

    expect_success(kt_builder_schemes(f->client, &pkcs1, 1));
    expect_refused(f->client, CONFIG_SCHEMES, "schemes 1");
}

static const uint16_t tls13[] = {KT_TLS_1_3}, tls12[] = {KT_TLS_1_2}, some[] = {0xeeee, KT_GROUP_SECP256R1},
                      aes[] = {KT_SUITE_AES_128_GCM_SHA256}, ed25519[] = {KT_SCHEME_ED25519};

static struct kt_policy small_policy(void)
{
    return (struct kt_policy){"small", tls13, 1, aes, 1, some, 2, ed25519, 1, ed25519, 1, false};
}

static void what_a_policy_wishes_and_nobody_has_is_left_out(void **state)
{
    struct fixture *f = *state;
    struct kt_policy policy = small_policy();
    struct kt_config *config;

    expect_success(kt_builder_policy(f->client, &policy));
    config = build(f->client);
    assert_int_equal(config->group_count, 1);
    assert_int_equal(config->groups[0]->id, KT_GROUP_SECP256R1);
    kt_config_unref(config);

    policy.group_count = 1;
    expect_success(kt_builder_policy(f->client, &policy));
    expect_refused(f->client, CONFIG_GROUPS, "groups");
}

static void a_policy_needs_a_version_that_is_spoken(void **state)
{
    struct fixture *f = *state;
    struct kt_policy policy = small_policy();

    policy.versions = tls12;
    expect_success(kt_builder_policy(f->client, &policy));
    expect_refused(f->client, CONFIG_VERSIONS, "versions");
}

static void a_policy_that_cannot_be_kept_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct kt_policy policy = small_policy();
    struct kt_config *config;

    policy.cert_schemes = NULL;
    expect_fault(kt_builder_policy(f->client, &policy), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->client), "policy");
    expect_fault(kt_builder_policy(f->client, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    config = build(f->client);
    assert_int_equal(config->suite_count, 3);
    kt_config_unref(config);
}

static void a_user_policy_is_taken_at_its_word(void **state)
{
    struct fixture *f = *state;
    struct kt_user_policy policy = kt_policy_user(&kt_policy_2026_compatible);
    struct kt_config *config;

    policy.suites = (struct kt_policy_ids){{KT_SUITE_AES_256_GCM_SHA384}, 1};
    policy.lifetime.sending.max_records = 9;
    expect_success(kt_builder_user_policy(f->client, &policy));
    config = build(f->client);
    assert_int_equal(config->suite_count, 1);
    assert_int_equal(config->suites[0]->id, KT_SUITE_AES_256_GCM_SHA384);
    assert_int_equal(config->groups[0]->id, KT_GROUP_SECP256R1);
    assert_int_equal(config->lifetime.sending.max_records, 9);
    kt_config_unref(config);

    policy.groups = (struct kt_policy_ids){{KT_GROUP_X25519, 0xeeee}, 2};
    expect_success(kt_builder_user_policy(f->client, &policy));
    expect_refused(f->client, CONFIG_GROUPS, "groups 2");
    policy.versions = (struct kt_policy_ids){{KT_TLS_1_3, KT_TLS_1_2}, 2};
    expect_success(kt_builder_user_policy(f->client, &policy));
    expect_refused(f->client, CONFIG_VERSIONS, "versions 2");
}

static void a_user_policy_that_cannot_be_kept_changes_nothing(void **state)
{
    struct fixture *f = *state;
    struct kt_user_policy policy = kt_policy_user(NULL);

    assert_ptr_equal(policy.based_on, &kt_policy_2026_modern);
    policy.groups = (struct kt_policy_ids){{KT_GROUP_SECP384R1}, 1};
    policy.cert_schemes.count = KT_POLICY_LIST_MAX + 1;
    expect_fault(kt_builder_user_policy(f->client, &policy), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->client), "policy");
    policy.cert_schemes.count = 0;
    policy.based_on = NULL;
    expect_fault(kt_builder_user_policy(f->client, &policy), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_builder_user_policy(f->client, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_int_equal(f->client->groups.count, 4);
}

/* No peer could show a key that is long enough and can sign. */
static void some_scheme_must_have_keys_that_are_long_enough(void **state)
{
    static const struct {
        uint16_t scheme;
        unsigned longest;
    } cases[] = {{KT_SCHEME_ED25519, 256},
                 {KT_SCHEME_ECDSA_SECP256R1_SHA256, 256},
                 {KT_SCHEME_ECDSA_SECP384R1_SHA384, 384},
                 {KT_SCHEME_ECDSA_SECP521R1_SHA512, 521}};
    struct fixture *f = *state;
    struct kt_user_policy policy = kt_policy_user(NULL);

    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        policy.schemes = (struct kt_policy_ids){{cases[i].scheme}, 1};
        policy.min_curve_bits = cases[i].longest;
        expect_success(kt_builder_user_policy(f->client, &policy));
        kt_config_unref(build(f->client));
        policy.min_curve_bits++;
        expect_success(kt_builder_user_policy(f->client, &policy));
        expect_refused(f->client, CONFIG_SCHEMES, "min_curve_bits");
    }
    policy.schemes = (struct kt_policy_ids){{KT_SCHEME_ED25519, KT_SCHEME_RSA_PSS_PSS_SHA256}, 2};
    expect_success(kt_builder_user_policy(f->client, &policy));
    kt_config_unref(build(f->client));
    expect_success(kt_builder_schemes(f->client, &cases[0].scheme, 1));
    expect_refused(f->client, CONFIG_SCHEMES, "min_curve_bits");
    expect_success(kt_builder_policy(f->client, &kt_policy_2026_modern));
    expect_success(kt_builder_schemes(f->client, &cases[0].scheme, 1));
    kt_config_unref(build(f->client));
}

static void key_shares_are_of_listed_groups(void **state)
{
    struct fixture *f = *state;
    const uint16_t groups[] = {KT_GROUP_X25519, KT_GROUP_SECP256R1};

    expect_success(kt_builder_key_shares(f->client, 5));
    expect_refused(f->client, CONFIG_GROUPS, "key_shares");
    expect_success(kt_builder_key_shares(f->client, 4));
    kt_config_unref(build(f->client));
    expect_success(kt_builder_groups(f->client, groups, 2));
    expect_refused(f->client, CONFIG_GROUPS, "key_shares");
    expect_success(kt_builder_key_shares(f->client, 2));
    kt_config_unref(build(f->client));
}

/* names */

static void alpn_is_kept_as_on_the_wire(void **state)
{
    struct fixture *f = *state;
    const struct kt_span names[] = {KT_SPAN_TEXT("h2"), KT_SPAN_TEXT("http/1.1")};
    struct kt_config *config;

    expect_success(kt_builder_alpn(f->client, names, 2));
    config = build(f->client);
    assert_int_equal(config->alpn.len, 12);
    assert_memory_equal(config->alpn.p, "\2h2\10http/1.1", 12);
    kt_config_unref(config);
    expect_success(kt_builder_alpn(f->client, NULL, 0));
    config = build(f->client);
    assert_int_equal(config->alpn.len, 0);
    kt_config_unref(config);
}

static void expect_alpn_refused(struct kt_builder *b, struct kt_span second, const char *field)
{
    const struct kt_span names[] = {KT_SPAN_TEXT("h2"), second};

    expect_fault(kt_builder_alpn(b, names, 2), CONFIG_ALPN, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(b), field);
}

static void alpn_names_have_1_to_255_bytes_and_differ(void **state)
{
    static const uint8_t name[256];
    struct fixture *f = *state;
    struct kt_span many[17];

    expect_alpn_refused(f->client, kt_span_of(name, 0), "alpn 2");
    expect_alpn_refused(f->client, kt_span_of(name, 256), "alpn 2");
    expect_alpn_refused(f->client, kt_span_of(NULL, 1), "alpn 2");
    expect_alpn_refused(f->client, KT_SPAN_TEXT("h2"), "alpn 2");
    for (size_t i = 0; i < 17; i++) {
        many[i] = kt_span_of(name, 239 + i);
    }
    expect_fault(kt_builder_alpn(f->client, many, 17), CONFIG_ALPN, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->client), "alpn");
    expect_fault(kt_builder_alpn(f->client, NULL, 1), CONFIG_ALPN, INTERNAL_ERROR);
    expect_success(kt_builder_alpn(f->client, many + 1, 16)); /* the longest list there is */
}

static void authorities_are_kept_as_on_the_wire(void **state)
{
    struct fixture *f = *state;
    const struct kt_span names[] = {KT_SPAN_TEXT("one"), KT_SPAN_TEXT("three")};
    struct kt_config *config;

    expect_success(kt_builder_authorities(f->server, names, 2));
    expect_success(kt_builder_authorities(f->server, names, 2)); /* replaces */
    config = build(f->server);
    assert_int_equal(config->authorities.len, 12);
    assert_memory_equal(config->authorities.p, "\0\3one\0\5three", 12);
    kt_config_unref(config);
    expect_success(kt_builder_authorities(f->server, NULL, 0));
    config = build(f->server);
    assert_int_equal(config->authorities.len, 0);
    kt_config_unref(config);
}

static void authorities_that_no_message_could_carry_are_refused(void **state)
{
    static const uint8_t name[70000];
    struct fixture *f = *state;
    struct kt_span names[] = {kt_span_of(name, 32766), kt_span_of(name, 32766)};

    expect_fault(kt_builder_authorities(f->server, names, 2), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->server), "authorities");
    expect_fault(kt_builder_authorities(f->server, NULL, 1), USAGE_ARGUMENT, INTERNAL_ERROR);
    names[1].len = 0;
    expect_fault(kt_builder_authorities(f->server, names, 2), USAGE_ARGUMENT, INTERNAL_ERROR);
    names[1].len = 70000;
    expect_fault(kt_builder_authorities(f->server, names, 2), USAGE_ARGUMENT, INTERNAL_ERROR);
    names[1].len = 32765;
    expect_success(kt_builder_authorities(f->server, names, 2));
}

static void oid_filters_are_kept_as_on_the_wire(void **state)
{
    struct fixture *f = *state;
    const struct kt_oid_filter filters[] = {{KT_SPAN_TEXT("oid"), KT_SPAN_TEXT("value")},
                                            {KT_SPAN_TEXT("any"), {NULL, 0}}};
    struct kt_config *config;

    expect_success(kt_builder_authorities(f->server, &filters[0].oid, 1)); /* stands beside it */
    expect_success(kt_builder_oid_filters(f->server, filters, 2));
    expect_success(kt_builder_oid_filters(f->server, filters, 2)); /* replaces */
    config = build(f->server);
    assert_int_equal(config->oid_filters.len, 17);
    assert_memory_equal(config->oid_filters.p, "\3oid\0\5value\3any\0\0", 17);
    assert_memory_equal(config->authorities.p, "\0\3oid", 5);
    kt_config_unref(config);
    expect_success(kt_builder_oid_filters(f->server, NULL, 0));
    config = build(f->server);
    assert_int_equal(config->oid_filters.len, 0);
    kt_config_unref(config);
}

static void expect_no_oid_filters(struct kt_builder *b, const struct kt_oid_filter *filters, size_t n)
{
    expect_fault(kt_builder_oid_filters(b, filters, n), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(b), "oid_filters");
}

static void oid_filters_that_no_message_could_carry_are_refused(void **state)
{
    static const uint8_t bytes[70000];
    struct fixture *f = *state;
    struct kt_oid_filter filters[] = {{kt_span_of(bytes, 255), kt_span_of(bytes, 32000)},
                                      {kt_span_of(bytes, 254), kt_span_of(bytes, 33020)}};

    expect_success(kt_builder_oid_filters(f->server, filters, 2));
    filters[1].values.len++;
    expect_no_oid_filters(f->server, filters, 2);
    filters[1].values.len = 0;
    filters[1].oid.len = 256;
    expect_no_oid_filters(f->server, filters, 2);
    filters[1].oid.len = 255; /* twice the same */
    expect_no_oid_filters(f->server, filters, 2);
    filters[1].oid.len = 0;
    expect_no_oid_filters(f->server, filters, 2);
    filters[0].values.len = 70000;
    expect_no_oid_filters(f->server, filters, 1);
    filters[0].values = (struct kt_span){NULL, 1};
    expect_no_oid_filters(f->server, filters, 1);
    expect_no_oid_filters(f->server, NULL, 1);
}

/* roles */

static void only_a_client_offers_to_authenticate_later(void **state)
{
    struct fixture *f = *state;
    struct kt_oid_filter filter = {KT_SPAN_TEXT("oid"), {NULL, 0}};
    struct kt_config *config = build(f->client);

    assert_false(config->post_handshake_auth);
    kt_config_unref(config);
    kt_builder_post_handshake_auth(f->client, true);
    config = build(f->client);
    assert_true(config->post_handshake_auth);
    kt_config_unref(config);
    kt_builder_post_handshake_auth(f->server, true);
    expect_refused(f->server, CONFIG_CLIENT_AUTH, "post_handshake_auth");
    expect_success(kt_builder_oid_filters(f->client, &filter, 1));
    expect_refused(f->client, CONFIG_CLIENT_AUTH, "oid_filters");
}

static void client_authentication_is_the_server_s(void **state)
{
    struct fixture *f = *state;
    struct kt_span name = KT_SPAN_TEXT("name");

    kt_builder_client_auth(f->client, KT_CLIENT_AUTH_REQUEST);
    expect_refused(f->client, CONFIG_CLIENT_AUTH, "client_auth");
    kt_builder_client_auth(f->client, KT_CLIENT_AUTH_NONE);
    expect_success(kt_builder_authorities(f->client, &name, 1));
    expect_refused(f->client, CONFIG_CLIENT_AUTH, "authorities");
    kt_builder_client_auth(f->server, (enum kt_client_auth)7);
    expect_refused(f->server, CONFIG_CLIENT_AUTH, "client_auth");
}

static void only_the_two_optional_asks_can_be_switched_on(void **state)
{
    struct fixture *f = *state;

    expect_fault(kt_builder_ask(f->server, KT_ASK_SIGN), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_builder_ask(f->server, (enum kt_ask_kind)77), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->server), "ask");
    expect_success(kt_builder_ask(f->client, KT_ASK_CHOOSE_CREDENTIAL));
    kt_config_unref(build(f->client));
    expect_success(kt_builder_ask(f->client, KT_ASK_CHOOSE_CONFIG));
    expect_refused(f->client, USAGE_ARGUMENT, "ask");
}

static void a_role_is_client_or_server(void **state)
{
    struct fixture *f = *state;
    struct kt_builder *b;

    expect_fault(kt_builder_new((enum kt_role)2, &f->env.env, &b), USAGE_ARGUMENT, INTERNAL_ERROR);
}

/* credentials */

static void a_server_needs_a_credential_or_somebody_to_ask(void **state)
{
    struct fixture *f = *state;
    struct kt_builder *b;

    expect_success(kt_builder_new(KT_SERVER, &f->env.env, &b));
    kt_builder_crypto(b, kt_crypto_toy());
    expect_refused(b, CONFIG_CREDENTIAL_MISSING, "credential");
    expect_success(kt_builder_ask(b, KT_ASK_CHOOSE_CREDENTIAL));
    kt_config_unref(build(b));
    kt_builder_free(b);
}

static void a_credential_that_fits_no_scheme_is_named(void **state)
{
    struct fixture *f = *state;
    const uint16_t schemes[] = {KT_SCHEME_ED25519, KT_SCHEME_ECDSA_SECP256R1_SHA256};

    expect_success(kt_builder_credential(f->server, f->rsa));
    kt_config_unref(build(f->server));
    expect_success(kt_builder_schemes(f->server, schemes, 2));
    expect_refused(f->server, CONFIG_CREDENTIAL_UNUSABLE, "credential 2");
}

static void there_are_at_most_32_credentials(void **state)
{
    struct fixture *f = *state;

    expect_fault(kt_builder_credential(f->server, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->server), "credential 2");
    for (int i = 0; i < 31; i++) {
        expect_success(kt_builder_credential(f->server, f->rsa));
    }
    expect_fault(kt_builder_credential(f->server, f->rsa), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->server), "credential 33");
    kt_config_unref(build(f->server));
}

/* ranges */

static void the_peer_s_budget_is_1_to_65535(void **state)
{
    static const struct {
        uint32_t budget;
        bool good;
    } cases[] = {{0, false}, {1, true}, {65535, true}, {65536, false}};
    struct fixture *f = *state;
    struct kt_lifetime lifetime = kt_lifetime_default();

    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        lifetime.peer_budget = cases[i].budget;
        expect_success(kt_builder_lifetime(f->client, &lifetime));
        if (cases[i].good) {
            kt_config_unref(build(f->client));
        } else {
            expect_refused(f->client, CONFIG_LIFETIME, "lifetime.peer_budget");
        }
    }
    expect_fault(kt_builder_lifetime(f->client, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_string_equal(kt_builder_field(f->client), "lifetime");
}

static void the_gap_lets_every_limit_in_seconds_be_kept(void **state)
{
    struct fixture *f = *state;
    struct kt_lifetime lifetime = kt_lifetime_default();

    lifetime.min_gap_ms = 3000;
    lifetime.sending.max_seconds = 3;
    lifetime.receiving.max_seconds = 0;
    expect_success(kt_builder_lifetime(f->client, &lifetime));
    kt_config_unref(build(f->client));
    lifetime.min_gap_ms = 3001;
    expect_success(kt_builder_lifetime(f->client, &lifetime));
    expect_refused(f->client, CONFIG_LIFETIME, "lifetime.min_gap_ms");
    lifetime.sending.max_seconds = UINT32_MAX;
    lifetime.receiving.max_seconds = 3;
    expect_success(kt_builder_lifetime(f->client, &lifetime));
    expect_refused(f->client, CONFIG_LIFETIME, "lifetime.min_gap_ms");
}

static void padding_is_at_most_one_record(void **state)
{
    struct fixture *f = *state;

    expect_success(kt_builder_padding(f->client, 16385));
    expect_refused(f->client, CONFIG_PADDING, "padding");
    expect_success(kt_builder_padding(f->client, 16384));
    kt_config_unref(build(f->client));
}

static void the_chain_limit_is_1_kib_to_1_mib(void **state)
{
    struct fixture *f = *state;

    expect_success(kt_builder_chain_limit(f->client, 1023));
    expect_refused(f->client, USAGE_ARGUMENT, "chain_limit");
    expect_success(kt_builder_chain_limit(f->client, (1 << 20) + 1));
    expect_refused(f->client, USAGE_ARGUMENT, "chain_limit");
    expect_success(kt_builder_chain_limit(f->client, 1024));
    kt_config_unref(build(f->client));
}

static void the_record_limit_is_64_to_16384(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_record_limit(f->client, 63));
    expect_refused(f->client, USAGE_ARGUMENT, "record_limit");
    expect_success(kt_builder_record_limit(f->client, 16385));
    expect_refused(f->client, USAGE_ARGUMENT, "record_limit");
    expect_success(kt_builder_record_limit(f->client, 64));
    config = build(f->client);
    assert_int_equal(config->record_limit, 64);
    kt_config_unref(config);
}

static void fragments_are_asked_for_by_clients_in_four_lengths(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config;

    expect_success(kt_builder_max_fragment(f->server, 512));
    expect_refused(f->server, USAGE_ARGUMENT, "max_fragment");
    expect_success(kt_builder_max_fragment(f->client, 8192));
    expect_refused(f->client, USAGE_ARGUMENT, "max_fragment");
    for (uint8_t code = 1; code <= 4; code++) {
        expect_success(kt_builder_max_fragment(f->client, (size_t)256 << code));
        config = build(f->client);
        assert_int_equal(config->fragment_code, code);
        assert_int_equal(config->record_limit, 256 << code);
        kt_config_unref(config);
    }
    expect_success(kt_builder_record_limit(f->client, 100));
    config = build(f->client);
    assert_int_equal(config->record_limit, 100);
    kt_config_unref(config);
}

/* the world below */

static void an_environment_has_all_functions(void **state)
{
    struct fixture *f = *state;
    struct kt_builder *b = NULL;
    struct kt_env env;

    expect_fault(kt_builder_new(KT_CLIENT, NULL, &b), CONFIG_ENV, INTERNAL_ERROR);
    for (int i = 0; i < 5; i++) {
        env = f->env.env;
        env.monotonic_ms = i == 0 ? NULL : env.monotonic_ms;
        env.wall_seconds = i == 1 ? NULL : env.wall_seconds;
        env.random = i == 2 ? NULL : env.random;
        env.alloc = i == 3 ? NULL : env.alloc;
        env.release = i == 4 ? NULL : env.release;
        expect_fault(kt_builder_new(KT_CLIENT, &env, &b), CONFIG_ENV, INTERNAL_ERROR);
    }
    assert_null(b);
}

static void without_crypto_nothing_is_built(void **state)
{
    struct fixture *f = *state;

    kt_builder_crypto(f->client, NULL);
    expect_refused(f->client, CRYPTO_UNAVAILABLE, "");
}

static void libcrypto_is_the_default(void **state)
{
    struct fixture *f = *state;
    struct kt_builder *b;
    struct kt_config *config;

    expect_success(kt_builder_new(KT_CLIENT, &f->env.env, &b));
    config = build(b);
    assert_ptr_equal(config->crypto, kt_crypto_libcrypto());
    kt_config_unref(config);
    kt_builder_free(b);
    kt_builder_free(NULL);
}

/* Everything that allocates, once. */
static const struct kt_fault *whole_life(struct fixture *f)
{
    struct kt_span name = KT_SPAN_TEXT("name");
    struct kt_builder *b = NULL;
    struct kt_config *config = NULL;
    const struct kt_fault *fault = kt_builder_new(KT_SERVER, &f->env.env, &b);

    if (fault == NULL) {
        kt_builder_crypto(b, kt_crypto_toy());
        fault = kt_builder_authorities(b, &name, 1);
    }
    if (fault == NULL) {
        fault = kt_builder_credential(b, f->p256);
    }
    if (fault == NULL) {
        fault = kt_builder_build(b, &config);
    }
    kt_config_unref(config);
    kt_builder_free(b);
    return fault;
}

static void each_allocation_may_fail(void **state)
{
    struct fixture *f = *state;
    size_t live = f->env.live;
    size_t n = 1;

    for (;; n++) {
        test_env_restart(&f->env);
        f->env.live = live;
        f->env.alloc_fail = n;
        if (whole_life(f) == NULL) {
            break;
        }
        test_env_restart(&f->env);
        f->env.live = live;
        f->env.alloc_fail = n;
        expect_fault(whole_life(f), MEMORY_SPENT, INTERNAL_ERROR);
        assert_int_equal(f->env.live, live);
    }
    assert_int_equal(n, 4);
}

static void *ref_and_unref(void *config)
{
    for (int i = 0; i < 10000; i++) {
        kt_config_unref(kt_config_ref(config));
    }
    kt_config_unref(config);
    return NULL;
}

static void threads_may_share_a_configuration(void **state)
{
    struct fixture *f = *state;
    struct kt_config *config = build(f->server);
    pthread_t threads[4];

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, kt_config_ref(config)), 0);
    }
    kt_config_unref(config);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    kt_config_unref(NULL);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_default_client_is_the_modern_policy),
        TEST(chain_schemes_are_kept_as_on_the_wire),
        TEST(all_switches_arrive),
        TEST(the_configuration_outlives_the_builder),
        TEST(a_builder_builds_again),
        TEST(lists_must_be_of_known_numbers_each_once),
        TEST(lists_have_at_most_64_entries),
        TEST(a_position_may_have_two_digits),
        TEST(pkcs1_cannot_sign_handshakes),
        TEST(what_a_policy_wishes_and_nobody_has_is_left_out),
        TEST(a_policy_needs_a_version_that_is_spoken),
        TEST(a_policy_that_cannot_be_kept_changes_nothing),
        TEST(a_user_policy_is_taken_at_its_word),
        TEST(a_user_policy_that_cannot_be_kept_changes_nothing),
        TEST(some_scheme_must_have_keys_that_are_long_enough),
        TEST(key_shares_are_of_listed_groups),
        TEST(alpn_is_kept_as_on_the_wire),
        TEST(alpn_names_have_1_to_255_bytes_and_differ),
        TEST(authorities_are_kept_as_on_the_wire),
        TEST(authorities_that_no_message_could_carry_are_refused),
        TEST(oid_filters_that_no_message_could_carry_are_refused),
        TEST(oid_filters_are_kept_as_on_the_wire),
        TEST(only_a_client_offers_to_authenticate_later),
        TEST(client_authentication_is_the_server_s),
        TEST(only_the_two_optional_asks_can_be_switched_on),
        TEST(a_role_is_client_or_server),
        TEST(a_server_needs_a_credential_or_somebody_to_ask),
        TEST(a_credential_that_fits_no_scheme_is_named),
        TEST(there_are_at_most_32_credentials),
        TEST(the_peer_s_budget_is_1_to_65535),
        TEST(the_gap_lets_every_limit_in_seconds_be_kept),
        TEST(padding_is_at_most_one_record),
        TEST(the_chain_limit_is_1_kib_to_1_mib),
        TEST(the_record_limit_is_64_to_16384),
        TEST(fragments_are_asked_for_by_clients_in_four_lengths),
        TEST(an_environment_has_all_functions),
        TEST(without_crypto_nothing_is_built),
        TEST(libcrypto_is_the_default),
        TEST(each_allocation_may_fail),
        TEST(threads_may_share_a_configuration),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
