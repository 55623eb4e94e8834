#include "hs/decide.h"

#include "crypto/cert_issuer.h"
#include "hs/psk13.h"
#include "wire/psk_offers.h"
#include "wire/reader.h"
/* Without supported_versions the client means all versions up to one, which is never TLS 1.3 (RFC 9846 appendix D). */
static bool offers_version(const struct kt_client_hello *hello, uint16_t version)
{
    if ((hello->seen & KT_EXT_BIT(SUPPORTED_VERSIONS)) != 0) {
        return kt_id_list_has(hello->versions, version);
    }
    return version <= KT_TLS_1_2 && version <= hello->legacy_version;
}

const struct kt_fault *kt_decide_version(const struct kt_config *config, const struct kt_client_hello *hello,
                                         uint16_t *version)
{
    size_t i = 0;

    while (i < config->version_count && !offers_version(hello, config->versions[i])) {
        i++;
    }
    if (i == config->version_count) {
        KT_FAIL(VERSION_NOT_SUPPORTED);
    }
    if (i > 0 && hello->has_fallback_scsv) {
        KT_FAIL(FALLBACK_DETECTED);
    }
    *version = config->versions[i];
    return NULL;
}

static const struct kt_suite *decide_suite(const struct kt_config *config, const struct kt_client_hello *hello)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        uint16_t id = config->suites[i]->id;

        if (kt_suite_is_for(id, KT_TLS_1_3) && kt_id_list_has(hello->suites, id)) {
            return config->suites[i];
        }
    }
    return NULL;
}

/* The share for a group in the hello, or an empty span. */
static struct kt_span share_of(const struct kt_client_hello *hello, uint16_t group)
{
    struct kt_span rest = hello->key_shares;
    struct kt_key_share share;

    while (kt_key_share_next(&rest, &share)) {
        if (share.group == group) {
            return share.key;
        }
    }
    return (struct kt_span){NULL, 0};
}

/* A group that needs no second round trip is preferred; else the first in common, to be asked for. */
static const struct kt_fault *decide_group(const struct kt_config *config, const struct kt_client_hello *hello,
                                           struct kt_choice *choice)
{
    for (size_t i = 0; i < config->group_count; i++) {
        const struct kt_group *group = config->groups[i];
        struct kt_span share;

        if (!kt_group_is_for(group->id, KT_TLS_1_3) || !kt_id_list_has(hello->groups, group->id)) {
            continue;
        }
        share = share_of(hello, group->id);
        if (share.len > 0) {
            choice->group = group;
            choice->peer_share = share;
            return NULL;
        }
        if (choice->group == NULL) {
            choice->group = group;
        }
    }
    if (choice->group == NULL) {
        KT_FAIL(GROUP_NONE_IN_COMMON);
    }
    return NULL;
}

static bool alpn_has(struct kt_span list, struct kt_span wanted)
{
    struct kt_span name;

    while (kt_alpn_next(&list, &name)) {
        if (kt_span_same(name, wanted)) {
            return true;
        }
    }
    return false;
}

/* Strict (RFC 7301 section 3.2): with a list of ours, an offer without match is refused. */
const struct kt_fault *kt_decide_alpn(const struct kt_config *config, const struct kt_client_hello *hello,
                                      struct kt_span *alpn)
{
    struct kt_span ours = config->alpn;
    struct kt_span name;

    if (ours.len == 0 || (hello->seen & KT_EXT_BIT(ALPN)) == 0) {
        return NULL;
    }
    while (kt_alpn_next(&ours, &name)) {
        if (alpn_has(hello->alpn, name)) {
            *alpn = name;
            return NULL;
        }
    }
    KT_FAIL(ALPN_NONE_IN_COMMON);
}

/* The key of the configuration, or the one asked for, that goes by this identity. */
static struct kt_psk *psk_for(const struct kt_config *config, struct kt_psk *asked, struct kt_span identity,
                              const struct kt_hash *hash)
{
    for (size_t i = 0; i < config->psk_count; i++) {
        if (kt_psk13_fits(config->psks[i], identity, hash)) {
            return config->psks[i];
        }
    }
    return asked != NULL && kt_psk13_fits(asked, identity, hash) ? asked : NULL;
}

static bool decide_psk_of(const struct kt_config *config, const struct kt_client_hello *hello, struct kt_psk *asked,
                          const struct kt_suite *suite, struct kt_choice *choice)
{
    struct kt_psk_offers offers = kt_psk_offers_of(hello);
    struct kt_psk_offered offered;

    for (uint16_t i = 0; i < KT_PSK_LOOKS && kt_psk_offers_next(&offers, &offered); i++) {
        choice->psk = psk_for(config, asked, offered.identity, suite->hash);
        if (choice->psk != NULL) {
            choice->psk_index = i;
            choice->suite = suite;
            return true;
        }
    }
    return false;
}

void kt_decide_psk(const struct kt_config *config, const struct kt_client_hello *hello, struct kt_psk *asked,
                   struct kt_choice *choice)
{
    bool found = false;

    choice->psk = NULL;
    for (size_t i = 0; !found && i < config->suite_count && kt_psk13_is_offered(config, hello); i++) {
        found = kt_id_list_has(hello->suites, config->suites[i]->id) &&
                decide_psk_of(config, hello, asked, config->suites[i], choice);
    }
    /* A fresh exchange wherever the client can. */
    choice->no_exchange = found && !kt_psk_mode_listed(hello->psk_modes, KT_PSK_DHE_KE);
}

/* What must be there for a key exchange, and what for certificates (RFC 9846 section 9.2). Schemes are needed only
 * when a certificate is to be shown, which s13_choose finds out. */
static bool has_mandatory(const struct kt_client_hello *hello, const struct kt_choice *choice)
{
    const uint32_t exchange = KT_EXT_BIT(SUPPORTED_GROUPS) | KT_EXT_BIT(KEY_SHARE);
    const uint32_t schemes = (hello->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0 ? 0 : KT_EXT_BIT(SIGNATURE_ALGORITHMS);
    uint32_t has = hello->seen & (exchange | schemes);

    return has == (exchange | schemes) || (choice->no_exchange && has == 0);
}

/* And section 4.2.2 for the compression methods. */
static const struct kt_fault *check_mandatory(const struct kt_client_hello *hello, const struct kt_choice *choice)
{
    if (hello->compression.len != 1 || hello->compression.p[0] != 0) {
        KT_FAIL(COMPRESSION_NOT_NULL);
    }
    if (!has_mandatory(hello, choice)) {
        KT_FAIL(EXTENSION_MISSING);
    }
    /* Sessions without a word on how to use them (section 4.3.9). */
    if ((hello->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0 && (hello->seen & KT_EXT_BIT(PSK_KEY_EXCHANGE_MODES)) == 0) {
        KT_FAIL(EXTENSION_MISSING);
    }
    return NULL;
}

const struct kt_fault *kt_decide_server13(const struct kt_config *config, const struct kt_client_hello *hello,
                                          struct kt_psk *asked, struct kt_choice *choice)
{
    *choice = (struct kt_choice){0};
    kt_decide_psk(config, hello, asked, choice);
    KT_TRY(check_mandatory(hello, choice));
    if (choice->psk == NULL) {
        choice->suite = decide_suite(config, hello);
    }
    if (choice->suite == NULL) {
        KT_FAIL(SUITE_NONE_IN_COMMON);
    }
    if (!choice->no_exchange) {
        KT_TRY(decide_group(config, hello, choice));
    }
    return kt_decide_alpn(config, hello, &choice->alpn);
}

static bool listed(const uint16_t *ids, size_t count, uint16_t id)
{
    for (size_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

uint16_t kt_decide_scheme(const struct kt_config *config, const struct kt_credential *credential,
                          struct kt_id_list offered)
{
    for (size_t i = 0; i < credential->scheme_count; i++) {
        uint16_t scheme = credential->schemes[i];

        if (kt_scheme_of_key(credential->schemes, i, KT_TLS_1_3) &&
            listed(config->schemes, config->scheme_count, scheme) && kt_id_list_has(offered, scheme)) {
            return scheme;
        }
    }
    return 0;
}

static bool names_issuer(struct kt_span authorities, struct kt_span issuer)
{
    struct kt_reader r = kt_reader_over(authorities);
    struct kt_span name;

    while (kt_reader_vec16(&r, &name)) {
        if (kt_span_same(name, issuer)) {
            return true;
        }
    }
    return false;
}

bool kt_credential_is_of(const struct kt_credential *credential, struct kt_span authorities)
{
    struct kt_span issuer;

    for (size_t i = 0; i < credential->chain_len; i++) {
        if (kt_cert_issuer(credential->chain[i], &issuer) && names_issuer(authorities, issuer)) {
            return true;
        }
    }
    return false;
}

void kt_decide_own_credential(const struct kt_config *config, const struct kt_certificate_request *request,
                              struct kt_choice *choice)
{
    for (size_t i = 0; i < config->credential_count; i++) {
        struct kt_credential *credential = config->credentials[i];
        uint16_t scheme = kt_decide_scheme(config, credential, request->schemes);
        bool wanted = scheme != 0 && kt_credential_is_of(credential, request->authorities);

        if (scheme != 0 && (wanted || choice->credential == NULL)) {
            choice->credential = credential;
            choice->scheme = scheme;
        }
        if (wanted) {
            return;
        }
    }
}

const struct kt_fault *kt_decide_credential(const struct kt_config *config, struct kt_span server_name,
                                            struct kt_id_list schemes, struct kt_choice *choice)
{
    bool named = false;

    for (size_t i = 0; i < config->credential_count; i++) {
        struct kt_credential *credential = config->credentials[i];
        bool serves = server_name.len > 0 && kt_credential_serves(credential, server_name);
        uint16_t scheme = kt_decide_scheme(config, credential, schemes);

        named |= serves;
        if (scheme != 0 && (serves || choice->credential == NULL)) {
            choice->credential = credential;
            choice->scheme = scheme;
        }
        if (scheme != 0 && serves) {
            return NULL;
        }
    }
    if (config->strict_names && server_name.len > 0 && !named) {
        choice->credential = NULL;
        KT_FAIL(NAME_NOT_SERVED);
    }
    if (choice->credential == NULL) {
        KT_FAIL(SCHEME_NONE_IN_COMMON);
    }
    return NULL;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* `pattern` is in lower case already. */
static bool same_name(struct kt_span pattern, struct kt_span name)
{
    if (pattern.len != name.len) {
        return false;
    }
    for (size_t i = 0; i < name.len; i++) {
        if (pattern.p[i] != lower(name.p[i])) {
            return false;
        }
    }
    return true;
}

/* "*.example.org" is for exactly one label more than "example.org" (RFC 9525 section 6.3). */
static bool wildcard_serves(struct kt_span pattern, struct kt_span name)
{
    size_t label = 0;

    if (pattern.len < 3 || pattern.p[0] != '*' || pattern.p[1] != '.') {
        return false;
    }
    while (label < name.len && name.p[label] != '.') {
        label++;
    }
    return label > 0 && label < name.len &&
           same_name(kt_span_of(pattern.p + 1, pattern.len - 1), kt_span_of(name.p + label, name.len - label));
}

bool kt_credential_serves(const struct kt_credential *credential, struct kt_span name)
{
    for (size_t i = 0; i < credential->name_count; i++) {
        if (same_name(credential->names[i], name) || wildcard_serves(credential->names[i], name)) {
            return true;
        }
    }
    return false;
}

static bool same_list(struct kt_id_list a, struct kt_id_list b)
{
    return kt_span_same(a.wire, b.wire);
}

bool kt_hello_unchanged(const struct kt_client_hello *first, const struct kt_client_hello *second)
{
    /* What the second one may add, drop or change. */
    const uint32_t free_to_change = KT_EXT_BIT(KEY_SHARE) | KT_EXT_BIT(EARLY_DATA) | KT_EXT_BIT(COOKIE) |
                                    KT_EXT_BIT(PRE_SHARED_KEY) | KT_EXT_BIT(PADDING);

    return first->legacy_version == second->legacy_version && kt_span_same(first->random, second->random) &&
           kt_span_same(first->session_id, second->session_id) && same_list(first->suites, second->suites) &&
           kt_span_same(first->compression, second->compression) &&
           ((first->seen ^ second->seen) & ~free_to_change) == 0 &&
           kt_span_same(first->server_name, second->server_name) && same_list(first->groups, second->groups) &&
           same_list(first->schemes, second->schemes) && same_list(first->cert_schemes, second->cert_schemes) &&
           same_list(first->versions, second->versions) && kt_span_same(first->psk_modes, second->psk_modes) &&
           kt_span_same(first->alpn, second->alpn) && first->record_size_limit == second->record_size_limit &&
           first->max_fragment_length == second->max_fragment_length && first->tickets_new == second->tickets_new &&
           first->tickets_resumed == second->tickets_resumed;
}
