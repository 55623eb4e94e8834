#include "hs/decide12.h"

/* What a client of TLS 1.2 accepts that does not say (RFC 5246 section 7.4.1.4.1). */
static const uint8_t silent_schemes[] = {0x02, 0x01, 0x02, 0x03};

static bool has_byte(struct kt_span bytes, uint8_t wanted)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.p[i] == wanted) {
            return true;
        }
    }
    return false;
}

const struct kt_fault *kt_decide_hello12(const struct kt_config *config, const struct kt_client_hello *hello)
{
    if (!has_byte(hello->compression, 0)) {
        KT_FAIL(COMPRESSION_NOT_NULL);
    }
    if (!hello->point_uncompressed) {
        KT_FAIL(POINT_FORMAT_MISSING);
    }
    if (config->ems_required && (hello->seen & KT_EXT_BIT(EXTENDED_MAIN_SECRET)) == 0) {
        KT_FAIL(EXTENDED_SECRET_MISSING);
    }
    return NULL;
}

const struct kt_fault *kt_decide_renegotiation12(const struct kt_client_hello *hello, struct kt_span client_finished)
{
    struct kt_span info = hello->renegotiation_info;
    bool again = client_finished.len > 0;

    if (again && ((hello->seen & KT_EXT_BIT(RENEGOTIATION_INFO)) == 0 || hello->has_renegotiation_scsv)) {
        KT_FAIL_ALERT(RENEGOTIATION_INFO_MISSING, HANDSHAKE_FAILURE);
    }
    if (info.len != client_finished.len || (again && !kt_ct_eq(info.p, client_finished.p, info.len))) {
        KT_FAIL(RENEGOTIATION_INFO_WRONG);
    }
    return NULL;
}

bool kt_config_allows_suite(const struct kt_config *config, uint16_t suite, uint16_t version)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        if (config->suites[i]->id == suite) {
            return kt_suite_is_for(suite, version);
        }
    }
    return false;
}

static bool group_fits(uint16_t id, enum kt_kx kx, uint16_t version)
{
    enum kt_group_kind wanted = kx == KT_KX_DHE ? KT_GROUP_IS_DH : KT_GROUP_IS_EC;

    return kt_group_is_for(id, version) && kt_group_facts(id)->kind == wanted;
}

const struct kt_group *kt_decide_group12(const struct kt_config *config, uint16_t id, enum kt_kx kx, uint16_t version)
{
    for (size_t i = 0; i < config->group_count; i++) {
        if (config->groups[i]->id == id) {
            return group_fits(id, kx, version) ? config->groups[i] : NULL;
        }
    }
    return NULL;
}

/* The numbers of RFC 7919: a client that lists one wants no other prime (section 4). */
static bool lists_prime(const struct kt_client_hello *hello)
{
    const uint8_t *p = hello->groups.wire.p;

    for (size_t i = 0; i + 1 < hello->groups.wire.len; i += 2) {
        if (p[i] == 1) {
            return true;
        }
    }
    return false;
}

/* A client that lists no groups of a kind takes any (RFC 8422 section 4, RFC 7919 section 3). */
static bool client_takes(const struct kt_client_hello *hello, enum kt_kx kx, uint16_t group)
{
    bool says = kx == KT_KX_DHE ? lists_prime(hello) : (hello->seen & KT_EXT_BIT(SUPPORTED_GROUPS)) != 0;

    return !says || kt_id_list_has(hello->groups, group);
}

static const struct kt_group *decide_group(const struct kt_config *config, const struct kt_client_hello *hello,
                                           enum kt_kx kx, uint16_t version)
{
    for (size_t i = 0; i < config->group_count; i++) {
        uint16_t id = config->groups[i]->id;

        if (group_fits(id, kx, version) && client_takes(hello, kx, id)) {
            return config->groups[i];
        }
    }
    return NULL;
}

bool kt_config_allows_scheme12(const struct kt_config *config, uint16_t scheme, uint16_t version)
{
    for (size_t i = 0; i < config->scheme_count; i++) {
        if (config->schemes[i] == scheme) {
            return kt_scheme_is_for(scheme, version);
        }
    }
    return false;
}

uint16_t kt_decide_scheme12(const struct kt_config *config, const struct kt_credential *credential,
                            const struct kt_suite_facts *suite, struct kt_id_list offered, uint16_t version)
{
    for (size_t i = 0; i < credential->scheme_count; i++) {
        uint16_t scheme = credential->schemes[i];
        bool fits = suite == NULL || kt_scheme_fits_suite(scheme, suite, version);

        if (fits && kt_config_allows_scheme12(config, scheme, version) &&
            (version < KT_TLS_1_2 || kt_id_list_has(offered, scheme))) {
            return scheme;
        }
    }
    return 0;
}

/* For static RSA the key must decrypt, which no scheme says but those of plain RSA keys. */
static bool holds_rsa(const struct kt_credential *credential)
{
    for (size_t i = 0; i < credential->scheme_count; i++) {
        const struct kt_scheme_facts *facts = kt_scheme_facts(credential->schemes[i]);

        if (facts != NULL && facts->key == KT_KEY_RSA) {
            return true;
        }
    }
    return false;
}

/* What a client lists is for certificates, too (RFC 8422 section 5.3). */
static bool knows_curve(const struct kt_client_hello *hello, const struct kt_credential *credential)
{
    uint16_t curve = kt_scheme_curve(credential->schemes, credential->scheme_count);

    return curve == 0 || client_takes(hello, KT_KX_ECDHE, curve);
}

/* One attempt: these credentials, that suite. */
static bool try_credential(const struct kt_config *config, const struct kt_client_hello *hello, uint16_t version,
                           struct kt_credential *credential, struct kt_choice *choice)
{
    const struct kt_suite_facts *facts = kt_suite_facts(choice->suite->id);
    struct kt_id_list schemes = {kt_span_of(silent_schemes, sizeof silent_schemes)};

    if ((hello->seen & KT_EXT_BIT(SIGNATURE_ALGORITHMS)) != 0) {
        schemes = hello->schemes;
    }
    choice->scheme = facts->kx == KT_KX_RSA ? 0 : kt_decide_scheme12(config, credential, facts, schemes, version);
    if (choice->scheme == 0 ? !(facts->kx == KT_KX_RSA && holds_rsa(credential)) : !knows_curve(hello, credential)) {
        return false;
    }
    choice->credential = credential;
    return true;
}

/* Which credentials a pass over the suites looks at. */
struct candidates {
    struct kt_credential *const *list;
    size_t count;
    struct kt_span serving; /* only those for this name; empty: all */
};

static bool try_suite(const struct kt_config *config, const struct kt_client_hello *hello, uint16_t version,
                      const struct candidates *from, struct kt_choice *choice)
{
    enum kt_kx kx = (enum kt_kx)kt_suite_facts(choice->suite->id)->kx;

    choice->group = kx == KT_KX_RSA ? NULL : decide_group(config, hello, kx, version);
    if (choice->group == NULL && kx != KT_KX_RSA) {
        return false;
    }
    for (size_t i = 0; i < from->count; i++) {
        if ((from->serving.len == 0 || kt_credential_serves(from->list[i], from->serving)) &&
            try_credential(config, hello, version, from->list[i], choice)) {
            return true;
        }
    }
    return false;
}

static bool try_all(const struct kt_config *config, const struct kt_client_hello *hello, uint16_t version,
                    const struct candidates *from, struct kt_choice *choice)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        choice->suite = config->suites[i];
        if (kt_suite_is_for(choice->suite->id, version) && kt_id_list_has(hello->suites, choice->suite->id) &&
            try_suite(config, hello, version, from, choice)) {
            return true;
        }
    }
    return false;
}

static bool any_serves(const struct candidates *from, struct kt_span name)
{
    for (size_t i = 0; i < from->count; i++) {
        if (kt_credential_serves(from->list[i], name)) {
            return true;
        }
    }
    return false;
}

const struct kt_fault *kt_decide_suite12(const struct kt_config *config, const struct kt_client_hello *hello,
                                         uint16_t version, struct kt_credential *only, struct kt_choice *choice)
{
    struct candidates from = {&only, 1, hello->server_name};
    bool strict = only == NULL && config->strict_names && hello->server_name.len > 0;

    if (only == NULL) {
        from.list = config->credentials;
        from.count = config->credential_count;
    }
    if (strict && !any_serves(&from, hello->server_name)) {
        KT_FAIL(NAME_NOT_SERVED);
    }
    if (hello->server_name.len > 0 && try_all(config, hello, version, &from, choice)) {
        return NULL;
    }
    from.serving = kt_span_of(NULL, 0);
    if (!try_all(config, hello, version, &from, choice)) {
        KT_FAIL(SUITE_NONE_IN_COMMON);
    }
    return NULL;
}
