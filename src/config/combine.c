#include "config/combine.h"

#include "base/fail.h"

/* one suite in one version */

static bool group_serves(const struct kt_group *group, const struct kt_suite_facts *suite, uint16_t version)
{
    const struct kt_group_facts *facts = kt_group_facts(group->id);

    if (facts == NULL || !kt_group_is_for(group->id, version)) {
        return false;
    }
    switch ((enum kt_kx)suite->kx) {
    case KT_KX_TLS13:
        return true;
    case KT_KX_ECDHE:
        return facts->kind == KT_GROUP_IS_EC;
    case KT_KX_DHE:
        return facts->kind == KT_GROUP_IS_DH;
    case KT_KX_RSA:
        break;
    }
    return false;
}

static bool has_group(const struct kt_config *config, const struct kt_suite_facts *suite, uint16_t version)
{
    for (size_t i = 0; i < config->group_count; i++) {
        if (group_serves(config->groups[i], suite, version)) {
            return true;
        }
    }
    return suite->kx == KT_KX_RSA;
}

static bool has_scheme(const struct kt_config *config, const struct kt_suite_facts *suite, uint16_t version)
{
    for (size_t i = 0; i < config->scheme_count; i++) {
        if (kt_scheme_fits_suite(config->schemes[i], suite, version)) {
            return true;
        }
    }
    return suite->kx == KT_KX_RSA;
}

/* How far a suite gets in one version: each needs the one before. */
enum reach { NOWHERE, HAS_SUITE, HAS_GROUP, WORKS };

static enum reach reach_of(const struct kt_config *config, const struct kt_suite *suite, uint16_t version)
{
    const struct kt_suite_facts *facts = kt_suite_facts(suite->id);

    if (!kt_suite_is_for(suite->id, version)) {
        return NOWHERE;
    }
    if (!has_group(config, facts, version)) {
        return HAS_SUITE;
    }
    return has_scheme(config, facts, version) ? WORKS : HAS_GROUP;
}

static enum reach reach_of_version(const struct kt_config *config, uint16_t version)
{
    enum reach best = NOWHERE;

    for (size_t i = 0; i < config->suite_count; i++) {
        enum reach reach = reach_of(config, config->suites[i], version);

        best = reach > best ? reach : best;
    }
    return best;
}

/* what is of use */

static bool suite_is_of_use(const struct kt_config *config, const struct kt_suite *suite)
{
    for (size_t v = 0; v < config->version_count; v++) {
        if (reach_of(config, suite, config->versions[v]) == WORKS) {
            return true;
        }
    }
    return false;
}

static bool group_is_of_use(const struct kt_config *config, const struct kt_group *group)
{
    for (size_t v = 0; v < config->version_count; v++) {
        for (size_t i = 0; i < config->suite_count; i++) {
            const struct kt_suite *suite = config->suites[i];

            if (reach_of(config, suite, config->versions[v]) == WORKS &&
                group_serves(group, kt_suite_facts(suite->id), config->versions[v])) {
                return true;
            }
        }
    }
    return false;
}

/* Clients sign whatever the suite is. */
static bool scheme_is_of_use(const struct kt_config *config, uint16_t scheme)
{
    for (size_t v = 0; v < config->version_count; v++) {
        if (kt_scheme_is_for(scheme, config->versions[v])) {
            return true;
        }
    }
    return false;
}

/* the lists */

/* Nothing works: what lacks first. */
static const struct kt_fault *nothing_works(struct kt_builder *b, enum reach reach)
{
    if (reach == NOWHERE) {
        kt_builder_blame(b, "suites", b->suites.ordered);
        KT_FAIL(CONFIG_SUITES);
    }
    if (reach == HAS_SUITE) {
        kt_builder_blame(b, "groups", b->groups.ordered);
        KT_FAIL(CONFIG_GROUPS);
    }
    kt_builder_blame(b, "schemes", b->schemes.ordered);
    KT_FAIL(CONFIG_SCHEMES);
}

static size_t position_of(const struct kt_wanted *list, uint16_t id)
{
    size_t i = 0;

    while (i < list->count && list->ids[i] != id) {
        i++;
    }
    return i + 1;
}

/* Schemes and groups are of no version by themselves: who lists some, and does not say which versions, would not see
 * that the newest one went with the others. */
static bool is_taken_by_a_list(const struct kt_builder *b, enum reach reach)
{
    return (reach == HAS_SUITE && b->groups.ordered) || (reach == HAS_GROUP && b->schemes.ordered);
}

static const struct kt_fault *settle_versions(struct kt_builder *b, struct kt_config *config)
{
    enum reach best = NOWHERE, newest = NOWHERE;
    uint16_t dropped = 0;
    size_t n = 0;

    for (size_t i = 0; i < config->version_count; i++) {
        enum reach reach = reach_of_version(config, config->versions[i]);

        best = reach > best ? reach : best;
        newest = i == 0 ? reach : newest;
        if (reach == WORKS) {
            config->versions[n++] = config->versions[i];
        } else {
            dropped = config->versions[i];
        }
    }
    if (n == 0) {
        return nothing_works(b, best);
    }
    if ((dropped != 0 && b->versions.ordered) || config->versions[0] - config->versions[n - 1] + 1u != n) {
        kt_builder_blame(b, "versions", b->versions.ordered ? position_of(&b->versions, dropped) : 0);
        KT_FAIL(CONFIG_VERSIONS);
    }
    if (is_taken_by_a_list(b, newest)) {
        return nothing_works(b, newest);
    }
    config->version_count = n;
    return NULL;
}

static const struct kt_fault *settle_suites(struct kt_builder *b, struct kt_config *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->suite_count; i++) {
        if (suite_is_of_use(config, config->suites[i])) {
            config->suites[n++] = config->suites[i];
        } else if (b->suites.ordered) {
            kt_builder_blame(b, "suites", i + 1);
            KT_FAIL(CONFIG_SUITES);
        }
    }
    config->suite_count = n;
    return NULL;
}

static const struct kt_fault *settle_groups(struct kt_builder *b, struct kt_config *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->group_count; i++) {
        if (group_is_of_use(config, config->groups[i])) {
            config->groups[n++] = config->groups[i];
        } else if (b->groups.ordered) {
            kt_builder_blame(b, "groups", i + 1);
            KT_FAIL(CONFIG_GROUPS);
        }
    }
    config->group_count = n;
    return NULL;
}

static const struct kt_fault *settle_schemes(struct kt_builder *b, struct kt_config *config)
{
    size_t n = 0;

    for (size_t i = 0; i < config->scheme_count; i++) {
        if (scheme_is_of_use(config, config->schemes[i])) {
            config->schemes[n++] = config->schemes[i];
        } else if (b->schemes.ordered) {
            kt_builder_blame(b, "schemes", i + 1);
            KT_FAIL(CONFIG_SCHEMES);
        }
    }
    config->scheme_count = n;
    return NULL;
}

/* In this order: what works in a version does so with the schemes and groups of that version, so that nothing that
 * falls away later takes the ground from what was kept before. */
const struct kt_fault *kt_combine(struct kt_builder *b, struct kt_config *config)
{
    KT_TRY(settle_versions(b, config));
    KT_TRY(settle_suites(b, config));
    KT_TRY(settle_schemes(b, config));
    return settle_groups(b, config);
}

bool kt_combine_signs(const struct kt_config *config, const uint16_t *schemes, size_t index)
{
    for (size_t v = 0; v < config->version_count; v++) {
        for (size_t i = 0; i < config->suite_count; i++) {
            const struct kt_suite_facts *suite = kt_suite_facts(config->suites[i]->id);

            if (kt_suite_is_for(suite->id, config->versions[v]) &&
                kt_scheme_of_key(schemes, index, config->versions[v]) &&
                (config->role == KT_CLIENT || kt_scheme_fits_suite(schemes[index], suite, config->versions[v]))) {
                return true;
            }
        }
    }
    return false;
}

bool kt_combine_decrypts(const struct kt_config *config, uint16_t scheme)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(scheme);

    for (size_t i = 0; i < config->suite_count; i++) {
        if (kt_suite_facts(config->suites[i]->id)->kx == KT_KX_RSA) {
            return config->role == KT_SERVER && facts != NULL && facts->key == KT_KEY_RSA;
        }
    }
    return false;
}
