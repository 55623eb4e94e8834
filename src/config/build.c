#include <limits.h>

#include "base/fail.h"
#include "base/span.h"
#include "config/builder_impl.h"
#include "config/combine.h"
#include "registry/registry.h"
#include "wire/writer.h"

/* lists of numbers */

static bool has_version(const struct kt_builder *b, uint16_t id)
{
    return id >= b->oldest && id <= KT_TLS_1_3 && (b->legacy || id >= KT_TLS_1_2);
}

static bool has_suite(const struct kt_builder *b, uint16_t id)
{
    const struct kt_suite_facts *facts = kt_suite_facts(id);

    return facts != NULL && (b->legacy || !facts->legacy) && kt_crypto_suite(b->crypto, id) != NULL;
}

static bool has_group(const struct kt_builder *b, uint16_t id)
{
    return kt_crypto_group(b->crypto, id) != NULL;
}

static bool has_scheme(const struct kt_builder *b, uint16_t id)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(id);
    const uint16_t *known = b->crypto->schemes;

    while (*known != 0 && *known != id) {
        known++;
    }
    return *known != 0 && facts != NULL && (b->legacy || !facts->legacy);
}

/* No certificate is signed with what has no name on the wire. */
static bool has_cert_scheme(const struct kt_builder *b, uint16_t id)
{
    return kt_scheme_is_sent(id) && has_scheme(b, id);
}

static bool contains(const uint16_t *ids, size_t n, uint16_t id)
{
    size_t i = 0;

    while (i < n && ids[i] != id) {
        i++;
    }
    return i < n;
}

/*
 * Copies what is usable of the list; false when it names something that is not, something twice or nothing at
 * all. Twice the same is a mistake of whoever wrote the list, so it is shown.
 */
static bool usable(struct kt_builder *b, const char *field, const struct kt_wanted *list,
                   bool (*has)(const struct kt_builder *b, uint16_t id), uint16_t *ids, size_t *count)
{
    size_t n = 0;

    for (size_t i = 0; i < list->count; i++) {
        bool known = has(b, list->ids[i]);

        if (contains(list->ids, i, list->ids[i]) || (list->ordered && !known)) {
            kt_builder_blame(b, field, i + 1);
            return false;
        }
        if (known) {
            ids[n++] = list->ids[i];
        }
    }
    if (n == 0) {
        kt_builder_blame(b, field, 0);
    }
    *count = n;
    return n > 0;
}

/* The highest in common is always the one, so the order is not the caller's; and a hole would be one that peers without
 * supported_versions cannot be told of. */
static bool take_versions(struct kt_builder *b, struct kt_config *config, const uint16_t *ids)
{
    size_t n = 0;

    for (uint16_t version = KT_TLS_1_3; version >= KT_TLS_1_0; version--) {
        if (contains(ids, config->version_count, version)) {
            config->versions[n++] = version;
        }
    }
    if (config->versions[0] - config->versions[n - 1] + 1u != n) {
        kt_builder_blame(b, "versions", 0);
        return false;
    }
    return true;
}

/* Takes what may be used alone out of the lists; config/combine.c then sees what goes together. */
static const struct kt_fault *take_lists(struct kt_builder *b, struct kt_config *config)
{
    uint16_t ids[KT_LIST_MAX] = {0};

    if (!usable(b, "versions", &b->versions, has_version, ids, &config->version_count) ||
        !take_versions(b, config, ids)) {
        KT_FAIL(CONFIG_VERSIONS);
    }
    if (!usable(b, "suites", &b->suites, has_suite, ids, &config->suite_count)) {
        KT_FAIL(CONFIG_SUITES);
    }
    for (size_t i = 0; i < config->suite_count; i++) {
        config->suites[i] = kt_crypto_suite(b->crypto, ids[i]);
    }
    if (!usable(b, "groups", &b->groups, has_group, ids, &config->group_count)) {
        KT_FAIL(CONFIG_GROUPS);
    }
    for (size_t i = 0; i < config->group_count; i++) {
        config->groups[i] = kt_crypto_group(b->crypto, ids[i]);
    }
    if (!usable(b, "schemes", &b->schemes, has_scheme, config->schemes, &config->scheme_count) ||
        !usable(b, "cert_schemes", &b->cert_schemes, has_cert_scheme, config->cert_schemes,
                &config->cert_scheme_count)) {
        KT_FAIL(CONFIG_SCHEMES);
    }
    return NULL;
}

/* The longest key that can sign so; no end to RSA. Below TLS 1.3 no scheme is tied to a curve. */
static unsigned longest_key(uint16_t scheme, uint16_t oldest)
{
    const struct kt_scheme_facts *facts = kt_scheme_facts(scheme);

    switch (facts != NULL ? (enum kt_key_kind)facts->key : KT_KEY_NONE) {
    case KT_KEY_RSA:
    case KT_KEY_RSA_PSS:
        return UINT_MAX;
    case KT_KEY_P521:
        return 521;
    case KT_KEY_P384:
        return oldest < KT_TLS_1_3 ? 521 : 384;
    case KT_KEY_P256:
        return oldest < KT_TLS_1_3 ? 521 : 256;
    case KT_KEY_ED25519:
        return 256;
    case KT_KEY_NONE:
        break;
    }
    return 0;
}

/* Where every scheme is for keys that are too short, no peer could ever be verified. */
static bool has_long_key(const struct kt_config *config, unsigned bits)
{
    uint16_t oldest = config->versions[config->version_count - 1];

    for (size_t i = 0; i < config->scheme_count; i++) {
        if (longest_key(config->schemes[i], oldest) >= bits) {
            return true;
        }
    }
    return false;
}

static const struct kt_fault *take_schemes(struct kt_builder *b, struct kt_config *config)
{
    struct kt_writer w = kt_writer_over(config->cert_schemes_bytes, sizeof config->cert_schemes_bytes);

    /* Nothing is signed where only RSA key exchange is left. */
    if (config->scheme_count > 0 && !has_long_key(config, b->min_curve_bits)) {
        kt_builder_blame(b, "min_curve_bits", 0);
        KT_FAIL(CONFIG_SCHEMES);
    }
    for (size_t i = 0; i < config->cert_scheme_count; i++) {
        kt_put_u16(&w, config->cert_schemes[i]);
    }
    config->cert_schemes_wire.wire = kt_writer_span(&w);
    return NULL;
}

/* Shares are of TLS 1.3. */
static const struct kt_fault *take_key_shares(struct kt_builder *b, struct kt_config *config)
{
    if (b->key_shares > KT_KEY_SHARES_MAX) {
        kt_builder_blame(b, "key_shares", 0);
        KT_FAIL(CONFIG_GROUPS);
    }
    if (!kt_config_speaks(config, KT_TLS_1_3)) {
        return NULL;
    }
    for (size_t i = 0; i < config->group_count && config->key_shares < b->key_shares; i++) {
        if (kt_group_is_for(config->groups[i]->id, KT_TLS_1_3)) {
            config->share_groups[config->key_shares++] = config->groups[i];
        }
    }
    if (config->key_shares < b->key_shares) {
        kt_builder_blame(b, "key_shares", 0);
        KT_FAIL(CONFIG_GROUPS);
    }
    return NULL;
}

/* roles */

static const struct kt_fault *take_client_auth(struct kt_builder *b, struct kt_config *config)
{
    bool known = b->client_auth == KT_CLIENT_AUTH_NONE || b->client_auth == KT_CLIENT_AUTH_REQUEST ||
                 b->client_auth == KT_CLIENT_AUTH_REQUIRE;

    if (!known || (b->role == KT_CLIENT && b->client_auth != KT_CLIENT_AUTH_NONE)) {
        kt_builder_blame(b, "client_auth", 0);
        KT_FAIL(CONFIG_CLIENT_AUTH);
    }
    if (b->role == KT_CLIENT && b->authorities_len > 0) {
        kt_builder_blame(b, "authorities", 0);
        KT_FAIL(CONFIG_CLIENT_AUTH);
    }
    if (b->role == KT_CLIENT && b->oid_filters_len > 0) {
        kt_builder_blame(b, "oid_filters", 0);
        KT_FAIL(CONFIG_CLIENT_AUTH);
    }
    if (b->role == KT_SERVER && b->post_handshake_auth) {
        kt_builder_blame(b, "post_handshake_auth", 0);
        KT_FAIL(CONFIG_CLIENT_AUTH);
    }
    config->client_auth = b->client_auth;
    config->post_handshake_auth = b->post_handshake_auth;
    return NULL;
}

static const struct kt_fault *take_asks(struct kt_builder *b, struct kt_config *config)
{
    /* A client knows its configuration before it speaks. */
    const unsigned of_servers = 1u << KT_ASK_CHOOSE_CONFIG | 1u << KT_ASK_RESUME | 1u << KT_ASK_FIND_PSK;

    if (b->role == KT_CLIENT && (b->asks & of_servers) != 0) {
        kt_builder_blame(b, "ask", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    config->asks = b->asks | 1u << KT_ASK_SIGN | 1u << KT_ASK_VERIFY | 1u << KT_ASK_DECRYPT;
    return NULL;
}

/* credentials */

/* Or decrypt, where that is what the suites ask of it. */
static bool can_serve(const struct kt_credential *credential, const struct kt_config *config)
{
    for (size_t i = 0; i < credential->scheme_count; i++) {
        uint16_t scheme = credential->schemes[i];

        if (kt_combine_decrypts(config, scheme) || (contains(config->schemes, config->scheme_count, scheme) &&
                                                    kt_combine_signs(config, credential->schemes, i))) {
            return true;
        }
    }
    return false;
}

/* The references are taken last of all, when nothing can fail any more. */
static const struct kt_fault *check_credentials(struct kt_builder *b, const struct kt_config *config)
{
    for (size_t i = 0; i < b->credential_count; i++) {
        if (!can_serve(b->credentials[i], config)) {
            kt_builder_blame(b, "credential", i + 1);
            KT_FAIL(CONFIG_CREDENTIAL_UNUSABLE);
        }
    }
    if (b->role == KT_SERVER && b->credential_count == 0 && b->psk_count == 0 &&
        !kt_config_asks(config, KT_ASK_CHOOSE_CREDENTIAL) && !kt_config_asks(config, KT_ASK_FIND_PSK)) {
        kt_builder_blame(b, "credential", 0);
        KT_FAIL(CONFIG_CREDENTIAL_MISSING);
    }
    return NULL;
}

static void take_credentials(const struct kt_builder *b, struct kt_config *config)
{
    for (size_t i = 0; i < b->credential_count; i++) {
        config->credentials[i] = kt_credential_ref(b->credentials[i]);
    }
    config->credential_count = b->credential_count;
}

/* external keys */

static bool same_psk_name(const struct kt_psk *a, const struct kt_psk *b)
{
    return a->import == b->import && kt_span_same(a->identity, b->identity) && kt_span_same(a->context, b->context);
}

static bool is_doubled(const struct kt_builder *b, size_t at)
{
    for (size_t i = 0; i < at; i++) {
        if (same_psk_name(b->psks[i], b->psks[at])) {
            return true;
        }
    }
    return false;
}

/* Hashes of 32 and of 48 bytes are the two that keys can be for. */
static bool fits_a_suite(const struct kt_psk *psk, const struct kt_config *config)
{
    uint8_t len = psk->hash == KT_PSK_SHA256 ? 32 : 48;

    for (size_t i = 0; i < config->suite_count; i++) {
        if (psk->import || config->suites[i]->hash->len == len) {
            return true;
        }
    }
    return false;
}

static const struct kt_fault *check_psks(struct kt_builder *b, const struct kt_config *config)
{
    bool used = b->psk_count > 0 || kt_config_asks(config, KT_ASK_FIND_PSK);
    size_t bytes = 0;

    for (size_t i = 0; i < b->psk_count; i++) {
        bytes += (b->psks[i]->import ? 2 : 1) * (b->psks[i]->identity.len + b->psks[i]->context.len);
        if (is_doubled(b, i) || !fits_a_suite(b->psks[i], config) ||
            (b->role == KT_CLIENT && bytes > KT_PSK_OFFER_BYTES)) {
            kt_builder_blame(b, "psk", i + 1);
            KT_FAIL(CONFIG_PSK);
        }
    }
    /* A key would stand for the certificate that is demanded of each client. */
    if (used && b->client_auth == KT_CLIENT_AUTH_REQUIRE) {
        kt_builder_blame(b, "psk", 0);
        KT_FAIL(CONFIG_PSK);
    }
    return NULL;
}

static void take_psks(const struct kt_builder *b, struct kt_config *config)
{
    for (size_t i = 0; i < b->psk_count; i++) {
        config->psks[i] = kt_psk_ref(b->psks[i]);
    }
    config->psk_count = b->psk_count;
    config->psk_ke = b->psk_ke;
}

/* numbers */

/* A gap longer than a limit in seconds would keep it from ever being held. */
static bool gap_exceeds(const struct kt_limits *limits, uint32_t gap_ms)
{
    return limits->max_seconds != 0 && gap_ms > (uint64_t)limits->max_seconds * 1000;
}

/* A request for short records says the same in both extensions, whichever of them the server knows. */
static const struct kt_fault *take_record_limits(struct kt_builder *b, struct kt_config *config)
{
    uint8_t code = 1;

    if (b->record_limit < KT_RECORD_LIMIT_MIN || b->record_limit > KT_PLAINTEXT_MAX) {
        kt_builder_blame(b, "record_limit", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    config->record_limit = b->record_limit;
    if (b->max_fragment == 0) {
        return NULL;
    }
    while (code <= KT_FRAGMENT_CODE_MAX && b->max_fragment != kt_fragment_length(code)) {
        code++;
    }
    if (b->role != KT_CLIENT || code > KT_FRAGMENT_CODE_MAX) {
        kt_builder_blame(b, "max_fragment", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    config->fragment_code = code;
    if (config->record_limit > b->max_fragment) {
        config->record_limit = b->max_fragment;
    }
    return NULL;
}

static const struct kt_fault *take_ranges(struct kt_builder *b, struct kt_config *config)
{
    if (b->lifetime.peer_budget < 1 || b->lifetime.peer_budget > 65535) {
        kt_builder_blame(b, "lifetime.peer_budget", 0);
        KT_FAIL(CONFIG_LIFETIME);
    }
    if (gap_exceeds(&b->lifetime.sending, b->lifetime.min_gap_ms) ||
        gap_exceeds(&b->lifetime.receiving, b->lifetime.min_gap_ms)) {
        kt_builder_blame(b, "lifetime.min_gap_ms", 0);
        KT_FAIL(CONFIG_LIFETIME);
    }
    if (b->padding > KT_PLAINTEXT_MAX) {
        kt_builder_blame(b, "padding", 0);
        KT_FAIL(CONFIG_PADDING);
    }
    if (b->chain_limit < KT_CHAIN_LIMIT_MIN || b->chain_limit > KT_CHAIN_LIMIT_MAX) {
        kt_builder_blame(b, "chain_limit", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    KT_TRY(take_record_limits(b, config));
    config->lifetime = b->lifetime;
    config->padding = b->padding;
    config->chain_limit = b->chain_limit;
    return NULL;
}

static const struct kt_fault *take_rehandshake(struct kt_builder *b, struct kt_config *config)
{
    const struct kt_rehandshake_policy *r = &b->rehandshake;

    if (r->peer != KT_REHANDSHAKE_REFUSED && r->peer != KT_REHANDSHAKE_ALLOWED) {
        kt_builder_blame(b, "rehandshake.peer", 0);
        KT_FAIL(CONFIG_REHANDSHAKE);
    }
    if (r->peer_budget < 1 || r->peer_budget > KT_REHANDSHAKES_MAX) {
        kt_builder_blame(b, "rehandshake.peer_budget", 0);
        KT_FAIL(CONFIG_REHANDSHAKE);
    }
    config->rehandshake = *r;
    return NULL;
}

static bool resumption_is_sane(const struct kt_builder *b)
{
    const struct kt_resumption *r = &b->resumption;

    return r->tickets <= KT_TICKETS_MAX && r->ticket_seconds >= 1 && r->ticket_seconds <= KT_SESSION_SECONDS_MAX &&
           r->lineage_seconds >= 1 && r->lineage_seconds <= KT_SESSION_SECONDS_MAX &&
           (b->role == KT_CLIENT || r->stateful || r->ring != NULL);
}

/* The ring's reference is taken with those of the credentials. */
static const struct kt_fault *check_resumption(struct kt_builder *b)
{
    if (b->resumes && !resumption_is_sane(b)) {
        kt_builder_blame(b, "resumption", 0);
        KT_FAIL(CONFIG_RESUMPTION);
    }
    return NULL;
}

/* Who asks must be able to take what comes: each ticket is paid for by the peer's budget. */
static const struct kt_fault *take_ticket_request(struct kt_builder *b, struct kt_config *config)
{
    unsigned most = b->tickets_new > b->tickets_resumed ? b->tickets_new : b->tickets_resumed;

    if (most > (b->resumes ? b->lifetime.peer_budget : 0)) {
        kt_builder_blame(b, "ticket_request", 0);
        KT_FAIL(CONFIG_RESUMPTION);
    }
    config->requests_tickets = b->requests_tickets;
    config->tickets_new = (uint8_t)b->tickets_new;
    config->tickets_resumed = (uint8_t)b->tickets_resumed;
    return NULL;
}

static void take_resumption(const struct kt_builder *b, struct kt_config *config)
{
    struct kt_span context = config->resumption.context;

    config->resumption = b->resumption;
    config->resumption.context = context;
    config->resumes = b->resumes;
    if (b->resumption.ring != NULL) {
        (void)kt_ticket_ring_ref(b->resumption.ring);
    }
}

static void take_bytes(const struct kt_builder *b, struct kt_config *config, uint8_t *bytes)
{
    kt_copy(bytes, b->alpn, b->alpn_len);
    config->alpn = kt_span_of(bytes, b->alpn_len);
    kt_copy(bytes + b->alpn_len, b->authorities, b->authorities_len);
    config->authorities = kt_span_of(bytes + b->alpn_len, b->authorities_len);
    bytes += b->alpn_len + b->authorities_len;
    kt_copy(bytes, b->oid_filters, b->oid_filters_len);
    config->oid_filters = kt_span_of(bytes, b->oid_filters_len);
    bytes += b->oid_filters_len;
    kt_copy(bytes, b->session_context, b->resumption.context.len);
    config->resumption.context = kt_span_of(bytes, b->resumption.context.len);
}

static const struct kt_fault *fill(struct kt_builder *b, struct kt_config *config)
{
    config->role = b->role;
    config->crypto = b->crypto;
    config->strict_names = b->strict_names;
    config->grease = b->grease;
    config->keylog = b->keylog;
    config->cookie = b->cookie;
    config->staple = b->staple;
    config->sct = b->sct;
    config->ems_required = b->ems_required;
    config->unbound_resumption = b->unbound_resumption;
    config->no_renegotiation_info = b->no_renegotiation_info;
    KT_TRY(take_lists(b, config));
    KT_TRY(kt_combine(b, config));
    KT_TRY(take_schemes(b, config));
    KT_TRY(take_key_shares(b, config));
    KT_TRY(take_client_auth(b, config));
    KT_TRY(take_asks(b, config));
    KT_TRY(check_credentials(b, config));
    KT_TRY(check_psks(b, config));
    KT_TRY(take_ranges(b, config));
    KT_TRY(take_rehandshake(b, config));
    KT_TRY(check_resumption(b));
    KT_TRY(take_ticket_request(b, config));
    take_resumption(b, config);
    take_credentials(b, config);
    take_psks(b, config);
    return NULL;
}

const struct kt_fault *kt_builder_build(struct kt_builder *b, struct kt_config **out)
{
    const struct kt_fault *fault;
    struct kt_config *config;
    uint8_t *bytes;

    b->field[0] = '\0';
    if (b->crypto == NULL) {
        KT_FAIL(CRYPTO_UNAVAILABLE);
    }
    config = kt_config_alloc(&b->env, b->alpn_len + b->authorities_len + b->oid_filters_len + b->resumption.context.len,
                             &bytes);
    if (config == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    take_bytes(b, config, bytes);
    fault = fill(b, config);
    if (fault != NULL) {
        kt_config_unref(config);
        return fault;
    }
    *out = config;
    return NULL;
}
