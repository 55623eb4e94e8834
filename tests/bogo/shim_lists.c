/*
 * shim_lists.c - versions, suites, groups and schemes: from flags to the lists of a configuration.
 */
#include <stdio.h>
#include <string.h>

#include "shim.h"

bool shim_in(const uint16_t *ids, size_t count, uint16_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

/* What is offered when nothing is said: all that the engine has for these versions. */
static const struct kt_policy *widest_policy(const struct shim_flags *flags)
{
    uint16_t versions[4];
    size_t count = shim_versions(flags, versions);

    return versions[count - 1] < KT_TLS_1_3 ? &kt_policy_2026_legacy : &kt_policy_2026_modern;
}

/* The suites that can be used with one of the versions. */
static size_t usable_suites(const struct kt_policy *policy, uint16_t out[SHIM_LIST_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < policy->suite_count && count < SHIM_LIST_MAX; i++) {
        bool of_13 = policy->suites[i] >> 8 == 0x13;
        if (of_13 ? policy->versions[0] == KT_TLS_1_3 : policy->versions[policy->version_count - 1] < KT_TLS_1_3) {
            out[count++] = policy->suites[i];
        }
    }
    return count;
}

static size_t add_suites(const struct kt_policy *policy, bool of_13, uint16_t out[SHIM_LIST_MAX], size_t count)
{
    for (size_t i = 0; i < policy->suite_count && count < SHIM_LIST_MAX; i++) {
        if ((policy->suites[i] >> 8 == 0x13) == of_13) {
            out[count++] = policy->suites[i];
        }
    }
    return count;
}

/* The list of the runner is for TLS 1.2 and below; the suites of TLS 1.3 stay as they are. Of its expressions only the
 * one for all suites is known, and that 3DES never is one of them. */
static enum shim_exit set_suites(const struct shim_flags *flags, const struct kt_policy *policy,
                                 struct kt_builder *builder)
{
    uint16_t suites[SHIM_LIST_MAX];
    char list[1024];
    size_t count = add_suites(policy, true, suites, 0);

    if (flags->ciphers == NULL) {
        return SHIM_GOOD;
    }
    (void)snprintf(list, sizeof list, "%s", flags->ciphers);
    for (char *rest = list, *name; (name = strtok_r(rest, ":", &rest)) != NULL;) {
        uint16_t suite = kt_suite_named(name);
        if (strcmp(name, "ALL") == 0) {
            count = add_suites(policy, false, suites, count);
        } else if (suite != 0 && count < SHIM_LIST_MAX) {
            suites[count++] = suite;
        } else if (strcmp(name, "3DES") != 0) {
            return shim_missing("a list of suites with an expression or a suite that we do not have");
        }
    }
    if (count == add_suites(policy, true, suites, 0)) {
        return shim_missing("a list of suites with nothing that we have");
    }
    shim_must(kt_builder_suites(builder, suites, count));
    return SHIM_GOOD;
}

static size_t narrowed(const uint16_t *all, size_t all_count, const uint16_t *allowed, size_t allowed_count,
                       uint16_t out[SHIM_LIST_MAX])
{
    size_t count = 0;

    for (size_t i = 0; i < all_count && count < SHIM_LIST_MAX; i++) {
        if (shim_in(allowed, allowed_count, all[i])) {
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

    shim_must(kt_builder_suites(builder, ids, count));
    count = narrowed(all->groups, all->group_count, rule->groups, rule->group_count, ids);
    shim_must(kt_builder_groups(builder, ids, count));
    count = narrowed(all->schemes, all->scheme_count, rule->schemes, rule->scheme_count, ids);
    shim_must(kt_builder_schemes(builder, ids, count));
}

static enum shim_exit set_policy(const struct shim_flags *flags, struct kt_builder *builder)
{
    struct kt_policy policy = *widest_policy(flags);
    uint16_t versions[4], suites[SHIM_LIST_MAX];

    policy.version_count = shim_versions(flags, versions);
    policy.versions = versions;
    policy.suite_count = usable_suites(&policy, suites);
    policy.suites = suites;
    shim_must(kt_builder_policy(builder, &policy));
    if (flags->fips_202205 || flags->wpa_202304) {
        set_rule(&policy, flags->fips_202205 ? &fips_rule : &wpa_rule, builder);
    }
    return set_suites(flags, &policy, builder);
}

static enum shim_exit set_groups(const struct shim_flags *flags, struct kt_builder *builder)
{
    const uint16_t *groups = flags->curves.count > 0 ? flags->curves.ids : widest_policy(flags)->groups;
    size_t count = flags->curves.count > 0 ? flags->curves.count : widest_policy(flags)->group_count;

    for (size_t i = 0; i < flags->curves.count; i++) {
        if (!shim_in(widest_policy(flags)->groups, widest_policy(flags)->group_count, groups[i])) {
            return shim_missing("a group");
        }
    }
    if (flags->curves.count > 0) {
        shim_must(kt_builder_groups(builder, groups, count));
    }
    for (size_t i = 0; i < flags->key_shares.count; i++) {
        if (i >= count || flags->key_shares.ids[i] != groups[i]) {
            return shim_missing("key shares that are not the first groups");
        }
    }
    if (flags->key_shares.count > 0 || flags->no_key_shares) {
        shim_must(kt_builder_key_shares(builder, (unsigned)flags->key_shares.count));
    }
    return SHIM_GOOD;
}

/* The runner's list is for checking; ours for both, so that a server signs by what stands behind it. */
static size_t add_own_schemes(const struct shim_flags *flags, uint16_t ids[SHIM_LIST_MAX])
{
    const struct kt_policy *policy = widest_policy(flags);
    size_t count = flags->verify_prefs.count;

    memcpy(ids, flags->verify_prefs.ids, count * sizeof ids[0]);
    for (size_t i = 0; flags->server && i < policy->scheme_count && count < SHIM_LIST_MAX; i++) {
        if (!shim_in(ids, count, policy->schemes[i])) {
            ids[count++] = policy->schemes[i];
        }
    }
    return count;
}

static enum shim_exit set_schemes(const struct shim_flags *flags, struct kt_builder *builder)
{
    uint16_t ids[SHIM_LIST_MAX];

    for (size_t i = 0; i < flags->verify_prefs.count; i++) {
        if (!shim_in(widest_policy(flags)->schemes, widest_policy(flags)->scheme_count, flags->verify_prefs.ids[i])) {
            return shim_missing("a signature scheme");
        }
    }
    if (flags->verify_prefs.count > 0) {
        shim_must(kt_builder_schemes(builder, ids, add_own_schemes(flags, ids)));
        shim_must(kt_builder_cert_schemes(builder, flags->verify_prefs.ids, flags->verify_prefs.count));
    }
    return SHIM_GOOD;
}

enum shim_exit shim_set_algorithms(const struct shim_flags *flags, struct kt_builder *builder)
{
    enum shim_exit outcome = set_policy(flags, builder);

    if (outcome == SHIM_GOOD) {
        outcome = set_groups(flags, builder);
    }
    return outcome != SHIM_GOOD ? outcome : set_schemes(flags, builder);
}
