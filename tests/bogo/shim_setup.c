/*
 * shim_setup.c - from flags to a configuration.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seam/config_view.h" /* which schemes a credential of a file has */

#include "shim.h"

static void must(const struct kt_fault *fault)
{
    if (fault != NULL) {
        shim_broken(kt_reason_name((enum kt_reason)fault->reason));
    }
}

static bool in(const uint16_t *ids, size_t count, uint16_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

size_t shim_certificates(const char *path, struct kt_span *out, size_t cap)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    char *at = text;
    size_t count = 0;

    if (file == NULL) {
        return 0;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    while (count < cap && (at = strstr(at, "-----BEGIN CERTIFICATE-----")) != NULL) {
        uint8_t *der = malloc(sizeof text);
        uint32_t bits = 0;
        unsigned have = 0;
        size_t len = 0;
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (at = strchr(at, '\n'); der != NULL && at != NULL && *at != '-' && *at != '\0'; at++) {
            const char *digit = strchr(digits, *at);
            if (digit == NULL) {
                continue;
            }
            bits = bits << 6 | (uint32_t)(digit - digits);
            have += 6;
            if (have >= 8) {
                have -= 8;
                der[len++] = (uint8_t)(bits >> have);
            }
        }
        out[count++] = (struct kt_span){der, len};
        if (at == NULL) {
            break;
        }
    }
    return count;
}

/* The credential as the flags want it shown: fewer schemes, a stapled response. The key stays with `owner`. */
static struct kt_credential *dress(struct shim *shim, struct kt_credential *owner,
                                   const struct shim_credential_flags *flags)
{
    uint16_t schemes[16];
    size_t count = 0;
    const char *name = shim->flags->expect_server_name != NULL ? shim->flags->expect_server_name : "";
    struct kt_span names[] = {{(const uint8_t *)name, strlen(name)}};
    const bool staples = flags->ocsp_response.len > 0 && !shim->flags->decline_ocsp;
    struct kt_credential *shown;

    for (size_t i = 0; i < flags->signing_prefs.count; i++) {
        if (in(owner->schemes, owner->scheme_count, flags->signing_prefs.ids[i])) {
            schemes[count++] = flags->signing_prefs.ids[i];
        }
    }
    struct kt_credential_parts parts = {
        .chain = owner->chain,
        .chain_len = owner->chain_len,
        .schemes = flags->signing_prefs.count > 0 ? schemes : owner->schemes,
        .scheme_count = flags->signing_prefs.count > 0 ? count : owner->scheme_count,
        .names = names,
        .name_count = names[0].len > 0, /* a server says that it used the name only where it did */
        .ocsp_response = staples ? &flags->ocsp_response : NULL,
    };
    if (parts.scheme_count == 0) {
        return NULL;
    }
    must(kt_credential_new(&shim->env, &parts, &shown));
    return shown;
}

static enum shim_exit load_credential(struct shim *shim, struct kt_builder *builder, size_t index)
{
    const struct shim_credential_flags *flags = &shim->flags->credentials[index];
    const char *cert = flags->cert_file;
    const struct kt_fault *fault;

    if (cert == NULL && flags->key_file == NULL) {
        return SHIM_GOOD;
    }
    if (cert == NULL || flags->key_file == NULL) {
        return shim_missing("a key without certificate");
    }
    fault = kt_credential_from_files(&shim->env, cert, flags->key_file, NULL, &shim->owner[index]);
    if (fault != NULL) {
        return shim_missing(kt_reason_name((enum kt_reason)fault->reason));
    }
    shim->shown[index] = dress(shim, shim->owner[index], flags);
    if (shim->shown[index] == NULL) {
        return shim_missing("a key that may not sign");
    }
    must(kt_builder_credential(builder, shim->shown[index]));
    return SHIM_GOOD;
}

/* The default one comes last: the runner's order of preference. */
static enum shim_exit load_credentials(struct shim *shim, struct kt_builder *builder)
{
    for (size_t i = 1; i <= shim->flags->credential_count; i++) {
        enum shim_exit outcome = load_credential(shim, builder, i);
        if (outcome != SHIM_GOOD) {
            return outcome;
        }
    }
    return load_credential(shim, builder, 0);
}

/* What the engine offers at all, when nothing is said: the widest of its policies. */
static const struct kt_policy *widest_policy(void)
{
    const struct kt_policy *legacy = kt_policy_named("legacy");

    return legacy != NULL ? legacy : &kt_policy_2026_modern;
}

/* The list of the runner is for TLS 1.2 and below; the suites of TLS 1.3 stay as they are. */
static enum shim_exit set_suites(const struct shim_flags *flags, const struct kt_policy *policy,
                                 struct kt_builder *builder)
{
    uint16_t suites[SHIM_LIST_MAX];
    char list[1024];
    size_t count = 0;

    if (flags->ciphers == NULL) {
        return SHIM_GOOD;
    }
    for (size_t i = 0; i < policy->suite_count; i++) {
        if (policy->suites[i] >> 8 == 0x13) {
            suites[count++] = policy->suites[i];
        }
    }
    (void)snprintf(list, sizeof list, "%s", flags->ciphers);
    for (char *rest = list, *name; (name = strtok_r(rest, ":", &rest)) != NULL;) {
        uint16_t suite = kt_suite_named(name);
        if (suite == 0 || count == SHIM_LIST_MAX) {
            return shim_missing("a list of suites with an expression of OpenSSL or a suite that we do not have");
        }
        suites[count++] = suite;
    }
    must(kt_builder_suites(builder, suites, count));
    return SHIM_GOOD;
}

static size_t narrowed(const uint16_t *all, size_t all_count, const uint16_t *allowed, size_t allowed_count,
                       uint16_t out[SHIM_LIST_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < all_count && count < SHIM_LIST_MAX; i++) {
        if (in(allowed, allowed_count, all[i])) {
            out[count++] = all[i];
        }
    }
    return count;
}

/* SP 800-52 revision 2, as the runner reads it, and the 192-bit mode of WPA3. */
static const uint16_t fips_suites[] = {0x1301, 0x1302, 0xc02b, 0xc02c, 0xc02f, 0xc030};
static const uint16_t fips_groups[] = {KT_GROUP_SECP256R1, KT_GROUP_SECP384R1};
static const uint16_t fips_schemes[] = {
    KT_SCHEME_RSA_PSS_RSAE_SHA256,    KT_SCHEME_RSA_PSS_RSAE_SHA384,    KT_SCHEME_RSA_PSS_RSAE_SHA512,
    KT_SCHEME_ECDSA_SECP256R1_SHA256, KT_SCHEME_ECDSA_SECP384R1_SHA384, KT_SCHEME_RSA_PKCS1_SHA256,
    KT_SCHEME_RSA_PKCS1_SHA384,       KT_SCHEME_RSA_PKCS1_SHA512,
};
static const uint16_t wpa_suites[] = {0x1302, 0xc02c, 0xc030};
static const uint16_t wpa_groups[] = {KT_GROUP_SECP384R1};
static const uint16_t wpa_schemes[] = {
    KT_SCHEME_RSA_PSS_RSAE_SHA384, KT_SCHEME_RSA_PSS_RSAE_SHA512, KT_SCHEME_ECDSA_SECP384R1_SHA384,
    KT_SCHEME_RSA_PKCS1_SHA384,    KT_SCHEME_RSA_PKCS1_SHA512,
};
static const struct kt_policy fips_rule = {
    .suites = fips_suites,
    .suite_count = sizeof fips_suites / 2,
    .groups = fips_groups,
    .group_count = sizeof fips_groups / 2,
    .schemes = fips_schemes,
    .scheme_count = sizeof fips_schemes / 2,
};
static const struct kt_policy wpa_rule = {
    .suites = wpa_suites,
    .suite_count = sizeof wpa_suites / 2,
    .groups = wpa_groups,
    .group_count = sizeof wpa_groups / 2,
    .schemes = wpa_schemes,
    .scheme_count = sizeof wpa_schemes / 2,
};

static void set_rule(const struct kt_policy *all, const struct kt_policy *rule, struct kt_builder *builder)
{
    uint16_t ids[SHIM_LIST_MAX];
    size_t count = narrowed(all->suites, all->suite_count, rule->suites, rule->suite_count, ids);

    must(kt_builder_suites(builder, ids, count));
    count = narrowed(all->groups, all->group_count, rule->groups, rule->group_count, ids);
    must(kt_builder_groups(builder, ids, count));
    count = narrowed(all->schemes, all->scheme_count, rule->schemes, rule->scheme_count, ids);
    must(kt_builder_schemes(builder, ids, count));
}

static enum shim_exit set_policy(const struct shim_flags *flags, struct kt_builder *builder)
{
    struct kt_policy policy = *widest_policy();
    uint16_t versions[4];

    policy.version_count = shim_versions(flags, versions);
    policy.versions = versions;
    must(kt_builder_policy(builder, &policy));
    if (flags->fips_202205 || flags->wpa_202304) {
        set_rule(&policy, flags->fips_202205 ? &fips_rule : &wpa_rule, builder);
    }
    return set_suites(flags, &policy, builder);
}

static enum shim_exit set_groups(const struct shim_flags *flags, struct kt_builder *builder)
{
    const uint16_t *groups = flags->curves.count > 0 ? flags->curves.ids : widest_policy()->groups;
    size_t count = flags->curves.count > 0 ? flags->curves.count : widest_policy()->group_count;

    for (size_t i = 0; i < flags->curves.count; i++) {
        if (!in(widest_policy()->groups, widest_policy()->group_count, groups[i])) {
            return shim_missing("a group");
        }
    }
    if (flags->curves.count > 0) {
        must(kt_builder_groups(builder, groups, count));
    }
    for (size_t i = 0; i < flags->key_shares.count; i++) {
        if (i >= count || flags->key_shares.ids[i] != groups[i]) {
            return shim_missing("key shares that are not the first groups");
        }
    }
    if (flags->key_shares.count > 0 || flags->no_key_shares) {
        must(kt_builder_key_shares(builder, (unsigned)flags->key_shares.count));
    }
    return SHIM_GOOD;
}

static enum shim_exit set_schemes(const struct shim_flags *flags, struct kt_builder *builder)
{
    for (size_t i = 0; i < flags->verify_prefs.count; i++) {
        if (!in(widest_policy()->schemes, widest_policy()->scheme_count, flags->verify_prefs.ids[i])) {
            return shim_missing("a signature scheme");
        }
    }
    if (flags->verify_prefs.count > 0) {
        must(kt_builder_schemes(builder, flags->verify_prefs.ids, flags->verify_prefs.count));
        must(kt_builder_cert_schemes(builder, flags->verify_prefs.ids, flags->verify_prefs.count));
    }
    return SHIM_GOOD;
}

static struct kt_span text_span(const char *text)
{
    return (struct kt_span){(const uint8_t *)text, strlen(text)};
}

static void set_alpn(const struct shim_flags *flags, struct kt_builder *builder)
{
    struct kt_span names[16];
    size_t count = 0;

    if (flags->server && flags->reject_alpn) {
        names[count++] = text_span("no client offers this");
    } else if (flags->server && flags->select_alpn != NULL && !flags->decline_alpn) {
        names[count++] = text_span(flags->select_alpn);
    } else if (!flags->server && flags->advertise_alpn != NULL) {
        const uint8_t *p = (const uint8_t *)flags->advertise_alpn;
        for (; *p != 0 && count < 16; p += 1 + *p) {
            names[count++] = (struct kt_span){p + 1, *p};
        }
    }
    must(kt_builder_alpn(builder, names, count));
}

/* Comma-separated names in hexadecimal digits. */
static void set_authorities(const char *list, struct kt_builder *builder)
{
    static uint8_t bytes[4096];
    struct kt_span names[16];
    size_t used = 0, count = 0;

    if (list == NULL || list[0] == '<') {
        return;
    }
    while (*list != '\0' && count < 16) {
        names[count].p = bytes + used;
        for (; list[0] != '\0' && list[0] != ',' && used < sizeof bytes; list += 2) {
            char digits[3] = {list[0], list[1], '\0'};
            bytes[used++] = (uint8_t)strtoul(digits, NULL, 16);
        }
        names[count].len = (size_t)(bytes + used - names[count].p);
        count++;
        list += *list == ',';
    }
    must(kt_builder_authorities(builder, names, count));
}

static void set_asks(const struct shim_flags *flags, struct kt_builder *builder)
{
    if (flags->server) {
        must(kt_builder_ask(builder, KT_ASK_CHOOSE_CONFIG));
    }
    if (flags->server && (flags->async || flags->ask_resume || flags->expect_peer_sha256)) {
        must(kt_builder_ask(builder, KT_ASK_RESUME));
    }
    if ((flags->server && flags->fail_ocsp) || flags->fail_cert_callback || flags->old_cert_callback ||
        flags->expect_client_ca_list != NULL || (!flags->server && flags->expect_verify_prefs.count > 0)) {
        must(kt_builder_ask(builder, KT_ASK_CHOOSE_CREDENTIAL));
    }
}

static void set_resumption(struct shim *shim, struct kt_builder *builder)
{
    struct kt_resumption resumption = kt_resumption_default();

    resumption.ring = shim->ring;
    resumption.tickets = shim->flags->skip_ticket ? 0 : resumption.tickets;
    must(kt_builder_resumption(builder, shim->flags->no_ticket ? NULL : &resumption));
}

static void set_rest(struct shim *shim, struct kt_builder *builder)
{
    const struct shim_flags *flags = shim->flags;
    struct kt_lifetime lifetime = kt_lifetime_default();

    lifetime.min_gap_ms = 0; /* the runner wants its updates now */
    must(kt_builder_lifetime(builder, &lifetime));
    set_alpn(flags, builder);
    set_authorities(flags->client_ca_list, builder);
    set_asks(flags, builder);
    set_resumption(shim, builder);
    kt_builder_staple(builder, flags->ocsp);
    /* On servers it is on by default, with BoringSSL and with us. */
    kt_builder_grease(builder, flags->server || flags->grease || flags->permute);
    kt_builder_danger_keylog(builder, flags->export_traffic_secrets);
    if (flags->server && (flags->require_certificate || flags->verify_peer)) {
        kt_builder_client_auth(builder, flags->require_certificate ? KT_CLIENT_AUTH_REQUIRE : KT_CLIENT_AUTH_REQUEST);
    }
    if (flags->max_cert_list != 0) {
        must(kt_builder_chain_limit(builder, flags->max_cert_list));
    }
}

enum shim_exit shim_configure(struct shim *shim)
{
    struct kt_builder *builder;
    enum shim_exit outcome;

    must(kt_builder_new(shim->flags->server ? KT_SERVER : KT_CLIENT, &shim->env, &builder));
    outcome = set_policy(shim->flags, builder);
    if (outcome == SHIM_GOOD) {
        outcome = load_credentials(shim, builder);
    }
    if (outcome == SHIM_GOOD) {
        outcome = set_groups(shim->flags, builder);
    }
    if (outcome == SHIM_GOOD) {
        outcome = set_schemes(shim->flags, builder);
    }
    if (outcome == SHIM_GOOD) {
        set_rest(shim, builder);
        const struct kt_fault *fault = kt_builder_build(builder, &shim->config);
        if (fault != NULL) {
            printf("%s\n", kt_builder_field(builder));
            outcome = shim_missing(kt_reason_name((enum kt_reason)fault->reason));
        }
    }
    kt_builder_free(builder);
    return outcome;
}

void shim_release(struct shim *shim)
{
    kt_conn_free(shim->conn);
    kt_config_unref(shim->config);
    for (size_t i = 0; i < SHIM_CREDENTIALS_MAX; i++) {
        kt_credential_unref(shim->shown[i]);
        kt_credential_unref(shim->owner[i]);
    }
    for (size_t i = 0; i < shim->chain_len; i++) {
        free((void *)shim->chain[i].p);
    }
    free((void *)shim->secrets[0].p);
    free((void *)shim->secrets[1].p);
    *shim = (struct shim){.env = shim->env, .now = shim->now, .ring = shim->ring, .session = shim->session};
}

static uint64_t monotonic_ms(void *user)
{
    return (uint64_t)((struct shim *)user)->now * 1000;
}

static int64_t wall_seconds(void *user)
{
    return ((struct shim *)user)->now;
}

void shim_begin(struct shim *shim)
{
    shim->now = 1700000000;
    shim->env = *kt_env_linux();
    shim->env.monotonic_ms = monotonic_ms;
    shim->env.wall_seconds = wall_seconds;
    shim->env.observer = shim_watch;
    shim->env.user = shim;
    must(kt_ticket_ring_new(&shim->env, NULL, &shim->ring));
}

void shim_end(struct shim *shim)
{
    kt_session_unref(shim->session);
    kt_ticket_ring_unref(shim->ring);
}
