#include "config/builder_impl.h"

#include "base/fail.h"
#include "base/span.h"
#include "wire/writer.h"

/* Setters copy, and refuse only what cannot be kept. kt_builder_build judges. */

void kt_builder_blame(struct kt_builder *b, const char *field, size_t position)
{
    size_t at = 0;

    while (field[at] != '\0' && at < sizeof b->field - 4) {
        b->field[at] = field[at];
        at++;
    }
    if (position > 0) {
        b->field[at++] = ' ';
        if (position >= 10) {
            b->field[at++] = (char)('0' + position / 10 % 10);
        }
        b->field[at++] = (char)('0' + position % 10);
    }
    b->field[at] = '\0';
}

static bool env_is_complete(const struct kt_env *env)
{
    return env != NULL && env->monotonic_ms != NULL && env->wall_seconds != NULL && env->random != NULL &&
           env->alloc != NULL && env->release != NULL;
}

const struct kt_fault *kt_builder_new(enum kt_role role, const struct kt_env *env, struct kt_builder **out)
{
    struct kt_builder *b;

    if (!env_is_complete(env)) {
        KT_FAIL(CONFIG_ENV);
    }
    if (role != KT_CLIENT && role != KT_SERVER) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    b = env->alloc(env->user, sizeof *b);
    if (b == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    *b = (struct kt_builder){
        .env = *env,
        .crypto = kt_crypto_libcrypto(),
        .role = role,
        .lifetime = kt_lifetime_default(),
        .chain_limit = 65536,
        .record_limit = KT_PLAINTEXT_MAX,
        .key_shares = 1,
        .oldest = KT_VERSION_OLDEST,
        .rehandshake = kt_rehandshake_default(),
        .grease = true,
        .cookie = true,
        .staple = true,
    };
    *out = b;
    return kt_builder_policy(b, &kt_policy_2026_modern);
}

void kt_builder_free(struct kt_builder *b)
{
    struct kt_env env;

    if (b == NULL) {
        return;
    }
    for (size_t i = 0; i < b->credential_count; i++) {
        kt_credential_unref(b->credentials[i]);
    }
    kt_ticket_ring_unref(b->resumption.ring);
    env = b->env;
    env.release(env.user, b->authorities, b->authorities_len);
    env.release(env.user, b->oid_filters, b->oid_filters_len);
    env.release(env.user, b, sizeof *b);
}

void kt_builder_crypto(struct kt_builder *b, const struct kt_crypto *crypto)
{
    b->crypto = crypto;
}

const char *kt_builder_field(const struct kt_builder *b)
{
    return b->field;
}

/* lists of numbers */

static bool keep(struct kt_wanted *list, const uint16_t *ids, size_t n, bool ordered)
{
    if (n > KT_LIST_MAX || (n > 0 && ids == NULL)) {
        return false;
    }
    kt_copy(list->ids, ids, n * sizeof ids[0]);
    list->count = n;
    list->ordered = ordered;
    return true;
}

static const struct kt_fault *keep_order(struct kt_builder *b, const char *field, struct kt_wanted *list,
                                         const uint16_t *ids, size_t n)
{
    if (!keep(list, ids, n, true)) {
        kt_builder_blame(b, field, 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    return NULL;
}

const struct kt_fault *kt_builder_policy(struct kt_builder *b, const struct kt_policy *policy)
{
    struct kt_builder next = *b;

    if (policy == NULL || !keep(&next.versions, policy->versions, policy->version_count, false) ||
        !keep(&next.suites, policy->suites, policy->suite_count, false) ||
        !keep(&next.groups, policy->groups, policy->group_count, false) ||
        !keep(&next.schemes, policy->schemes, policy->scheme_count, false) ||
        !keep(&next.cert_schemes, policy->cert_schemes, policy->cert_scheme_count, false)) {
        kt_builder_blame(b, "policy", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    next.min_curve_bits = 0;
    next.legacy = policy->legacy;
    *b = next;
    return NULL;
}

static bool keep_own(struct kt_wanted *list, const struct kt_policy_ids *own)
{
    return own->count == 0 || keep(list, own->ids, own->count, true);
}

const struct kt_fault *kt_builder_user_policy(struct kt_builder *b, const struct kt_user_policy *policy)
{
    struct kt_builder next = *b;

    if (policy == NULL || kt_builder_policy(&next, policy->based_on) != NULL ||
        !keep_own(&next.versions, &policy->versions) || !keep_own(&next.suites, &policy->suites) ||
        !keep_own(&next.groups, &policy->groups) || !keep_own(&next.schemes, &policy->schemes) ||
        !keep_own(&next.cert_schemes, &policy->cert_schemes)) {
        kt_builder_blame(b, "policy", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    next.lifetime = policy->lifetime;
    next.min_curve_bits = policy->min_curve_bits;
    *b = next;
    return NULL;
}

/* Highest first. What is no range of versions becomes an empty list, which kt_builder_build refuses. */
const struct kt_fault *kt_builder_versions(struct kt_builder *b, uint16_t min, uint16_t max)
{
    uint16_t ids[KT_VERSIONS_MAX];
    size_t n = 0;

    if (min >= KT_TLS_1_0 && max <= KT_TLS_1_3) {
        for (uint16_t version = max; version >= min; version--) {
            ids[n++] = version;
        }
    }
    return keep_order(b, "versions", &b->versions, ids, n);
}

const struct kt_fault *kt_builder_suites(struct kt_builder *b, const uint16_t *ids, size_t n)
{
    return keep_order(b, "suites", &b->suites, ids, n);
}

const struct kt_fault *kt_builder_groups(struct kt_builder *b, const uint16_t *ids, size_t n)
{
    return keep_order(b, "groups", &b->groups, ids, n);
}

const struct kt_fault *kt_builder_schemes(struct kt_builder *b, const uint16_t *ids, size_t n)
{
    return keep_order(b, "schemes", &b->schemes, ids, n);
}

const struct kt_fault *kt_builder_cert_schemes(struct kt_builder *b, const uint16_t *ids, size_t n)
{
    return keep_order(b, "cert_schemes", &b->cert_schemes, ids, n);
}

const struct kt_fault *kt_builder_key_shares(struct kt_builder *b, unsigned count)
{
    b->key_shares = count;
    return NULL;
}

/* lists of names */

static bool contains(const struct kt_span *names, size_t n, struct kt_span name)
{
    for (size_t i = 0; i < n; i++) {
        if (kt_span_same(names[i], name)) {
            return true;
        }
    }
    return false;
}

/* ProtocolName lengths are one byte and never 0 (RFC 7301 section 3.1). */
const struct kt_fault *kt_builder_alpn(struct kt_builder *b, const struct kt_span *names, size_t n)
{
    uint8_t list[KT_ALPN_BYTES_MAX];
    struct kt_writer w = kt_writer_over(list, sizeof list);

    if (n > KT_ALPN_NAMES_MAX || (n > 0 && names == NULL)) {
        kt_builder_blame(b, "alpn", 0);
        KT_FAIL(CONFIG_ALPN);
    }
    for (size_t i = 0; i < n; i++) {
        if (names[i].p == NULL || names[i].len == 0 || names[i].len > 255 || contains(names, i, names[i])) {
            kt_builder_blame(b, "alpn", i + 1);
            KT_FAIL(CONFIG_ALPN);
        }
        kt_put_vec(&w, 1, names[i]);
    }
    kt_copy(b->alpn, list, w.len);
    b->alpn_len = w.len;
    return NULL;
}

/* The length of the list on the wire; more than the maximum when a name is impossible. */
static size_t authorities_len(const struct kt_span *names, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < n && len <= KT_AUTHORITIES_BYTES_MAX; i++) {
        bool possible = names[i].p != NULL && names[i].len > 0 && names[i].len < KT_AUTHORITIES_BYTES_MAX;

        len += possible ? 2 + names[i].len : KT_AUTHORITIES_BYTES_MAX + 1;
    }
    return len;
}

static void write_authorities(struct kt_writer w, const struct kt_span *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kt_put_vec(&w, 2, names[i]);
    }
}

const struct kt_fault *kt_builder_authorities(struct kt_builder *b, const struct kt_span *names, size_t n)
{
    size_t len = n == 0 || names != NULL ? authorities_len(names, n) : SIZE_MAX;
    uint8_t *list = NULL;

    if (len > KT_AUTHORITIES_BYTES_MAX) {
        kt_builder_blame(b, "authorities", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (len > 0) {
        list = b->env.alloc(b->env.user, len);
        if (list == NULL) {
            KT_FAIL(MEMORY_SPENT);
        }
        write_authorities(kt_writer_over(list, len), names, n);
    }
    b->env.release(b->env.user, b->authorities, b->authorities_len);
    b->authorities = list;
    b->authorities_len = len;
    return NULL;
}

static bool oid_stands_before(const struct kt_oid_filter *filters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (kt_span_same(filters[i].oid, filters[n].oid)) {
            return true;
        }
    }
    return false;
}

/* As above; SIZE_MAX when a filter is impossible. */
static size_t oid_filters_len(const struct kt_oid_filter *filters, size_t n)
{
    size_t len = 0;

    for (size_t i = 0; i < n && len <= KT_OID_FILTERS_BYTES_MAX; i++) {
        const struct kt_oid_filter *filter = &filters[i];

        if (filter->oid.p == NULL || filter->oid.len == 0 || filter->oid.len > 255 ||
            filter->values.len > KT_OID_FILTERS_BYTES_MAX || (filter->values.len > 0 && filter->values.p == NULL) ||
            oid_stands_before(filters, i)) {
            return SIZE_MAX;
        }
        len += 1 + filter->oid.len + 2 + filter->values.len;
    }
    return len;
}

static void write_oid_filters(struct kt_writer w, const struct kt_oid_filter *filters, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        kt_put_vec(&w, 1, filters[i].oid);
        kt_put_vec(&w, 2, filters[i].values);
    }
}

const struct kt_fault *kt_builder_oid_filters(struct kt_builder *b, const struct kt_oid_filter *filters, size_t n)
{
    size_t len = n == 0 || filters != NULL ? oid_filters_len(filters, n) : SIZE_MAX;
    uint8_t *list = NULL;

    if (len > KT_OID_FILTERS_BYTES_MAX) {
        kt_builder_blame(b, "oid_filters", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (len > 0) {
        list = b->env.alloc(b->env.user, len);
        if (list == NULL) {
            KT_FAIL(MEMORY_SPENT);
        }
        write_oid_filters(kt_writer_over(list, len), filters, n);
    }
    b->env.release(b->env.user, b->oid_filters, b->oid_filters_len);
    b->oid_filters = list;
    b->oid_filters_len = len;
    return NULL;
}

/* one by one */

const struct kt_fault *kt_builder_credential(struct kt_builder *b, struct kt_credential *credential)
{
    if (credential == NULL || b->credential_count == KT_CREDENTIALS_MAX) {
        kt_builder_blame(b, "credential", b->credential_count + 1);
        KT_FAIL(USAGE_ARGUMENT);
    }
    b->credentials[b->credential_count++] = kt_credential_ref(credential);
    return NULL;
}

void kt_builder_strict_names(struct kt_builder *b, bool strict)
{
    b->strict_names = strict;
}

void kt_builder_client_auth(struct kt_builder *b, enum kt_client_auth mode)
{
    b->client_auth = mode;
}

const struct kt_fault *kt_builder_lifetime(struct kt_builder *b, const struct kt_lifetime *lifetime)
{
    if (lifetime == NULL) {
        kt_builder_blame(b, "lifetime", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    b->lifetime = *lifetime;
    return NULL;
}

const struct kt_fault *kt_builder_padding(struct kt_builder *b, size_t multiple)
{
    b->padding = multiple;
    return NULL;
}

const struct kt_fault *kt_builder_record_limit(struct kt_builder *b, size_t bytes)
{
    b->record_limit = bytes;
    return NULL;
}

const struct kt_fault *kt_builder_max_fragment(struct kt_builder *b, size_t bytes)
{
    b->max_fragment = bytes;
    return NULL;
}

void kt_builder_grease(struct kt_builder *b, bool on)
{
    b->grease = on;
}

void kt_builder_staple(struct kt_builder *b, bool on)
{
    b->staple = on;
}

void kt_builder_post_handshake_auth(struct kt_builder *b, bool on)
{
    b->post_handshake_auth = on;
}

void kt_builder_sct(struct kt_builder *b, bool on)
{
    b->sct = on;
}

const struct kt_fault *kt_builder_ticket_request(struct kt_builder *b, unsigned after_full, unsigned after_resumed)
{
    if (b->role != KT_CLIENT || after_full > UINT8_MAX || after_resumed > UINT8_MAX) {
        kt_builder_blame(b, "ticket_request", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    b->requests_tickets = true;
    b->tickets_new = after_full;
    b->tickets_resumed = after_resumed;
    return NULL;
}

void kt_builder_danger_keylog(struct kt_builder *b, bool on)
{
    b->keylog = on;
}

struct kt_rehandshake_policy kt_rehandshake_default(void)
{
    return (struct kt_rehandshake_policy){
        .peer = KT_REHANDSHAKE_REFUSED,
        .peer_budget = 16,
        .own = true,
        .resume = true,
        .same_peer = true,
    };
}

const struct kt_fault *kt_builder_rehandshake(struct kt_builder *b, const struct kt_rehandshake_policy *policy)
{
    if (policy == NULL) {
        kt_builder_blame(b, "rehandshake", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    b->rehandshake = *policy;
    return NULL;
}

void kt_builder_require_extended_main_secret(struct kt_builder *b, bool required)
{
    b->ems_required = required;
}

void kt_builder_danger_unbound_resumption(struct kt_builder *b, bool allowed)
{
    b->unbound_resumption = allowed;
}

void kt_builder_danger_no_renegotiation_info(struct kt_builder *b, bool allowed)
{
    b->no_renegotiation_info = allowed;
}

void kt_builder_cookie(struct kt_builder *b, bool on)
{
    b->cookie = on;
}

const struct kt_fault *kt_builder_resumption(struct kt_builder *b, const struct kt_resumption *resumption)
{
    static const struct kt_resumption none = {0};
    struct kt_resumption next = resumption != NULL ? *resumption : none;

    if (next.context.len > sizeof b->session_context || (next.context.len > 0 && next.context.p == NULL)) {
        kt_builder_blame(b, "resumption.context", 0);
        KT_FAIL(CONFIG_RESUMPTION);
    }
    if (next.ring != NULL) {
        (void)kt_ticket_ring_ref(next.ring);
    }
    kt_ticket_ring_unref(b->resumption.ring);
    if (next.context.len > 0) {
        memmove(b->session_context, next.context.p, next.context.len);
    }
    next.context.p = b->session_context;
    b->resumption = next;
    b->resumes = resumption != NULL;
    return NULL;
}

const struct kt_fault *kt_builder_chain_limit(struct kt_builder *b, size_t bytes)
{
    b->chain_limit = bytes;
    return NULL;
}

const struct kt_fault *kt_builder_ask(struct kt_builder *b, enum kt_ask_kind kind)
{
    if (kind != KT_ASK_CHOOSE_CONFIG && kind != KT_ASK_CHOOSE_CREDENTIAL && kind != KT_ASK_RESUME) {
        kt_builder_blame(b, "ask", 0);
        KT_FAIL(USAGE_ARGUMENT);
    }
    b->asks |= 1u << kind;
    return NULL;
}
