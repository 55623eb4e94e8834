/*
 * The builder as a script of setters with any values: a first byte for the role, then for each call one byte, its
 * numbers and counted bytes. What the builder refuses names a field; what it builds can open a connection, and a client
 * of it says a ClientHello that our own codec takes and that keeps to the configuration.
 */
#include <stdlib.h>
#include <string.h>

#include "config/builder_impl.h"
#include "crypto/toy/toy.h"
#include "fuzz/scene.h"
#include "wire/messages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CALLS_MAX = 64, IDS_MAX = 80 };

static struct loop l; /* for its environment and credentials */
static struct kt_builder *b;
static struct kt_ticket_ring *ring;

/* ---- arguments ---- */

static uint32_t number(struct kt_reader *r)
{
    uint16_t n = 0;

    (void)!kt_reader_u16(r, &n);
    /* All sizes within reach of two bytes. */
    return n >= 0xf000 ? (uint32_t)(n & 0xfff) << 20 : n;
}

static uint8_t small(struct kt_reader *r)
{
    uint8_t n = 0;

    (void)!kt_reader_u8(r, &n);
    return n;
}

static struct kt_span bytes(struct kt_reader *r)
{
    struct kt_span span = {NULL, 0};

    (void)!kt_reader_vec8(r, &span);
    return span;
}

static size_t ids(struct kt_reader *r, uint16_t out[IDS_MAX])
{
    struct kt_reader list = kt_reader_over(bytes(r));
    size_t n = 0;

    while (n < IDS_MAX && kt_reader_u16(&list, &out[n])) {
        n++;
    }
    return n;
}

/* ---- calls ---- */

typedef const struct kt_fault *set_list(struct kt_builder *builder, const uint16_t *ids, size_t n);

static const struct kt_fault *call_list(struct kt_reader *r)
{
    static set_list *const setters[] = {kt_builder_suites, kt_builder_groups, kt_builder_schemes,
                                        kt_builder_cert_schemes};
    set_list *set = setters[small(r) % 4];
    uint16_t list[IDS_MAX];
    size_t n = ids(r, list);

    return set(b, list, n);
}

static const struct kt_fault *call_policy(struct kt_reader *r)
{
    const struct kt_policy *policy = kt_policy_at(small(r) % 4u);

    return policy == NULL ? NULL : kt_builder_policy(b, policy);
}

static const struct kt_fault *call_user_policy(struct kt_reader *r)
{
    struct kt_user_policy policy;
    struct kt_policy_error error;
    struct kt_span text = bytes(r);

    return kt_policy_parse(text, &policy, &error) != NULL ? NULL : kt_builder_user_policy(b, &policy);
}

static const struct kt_fault *call_versions(struct kt_reader *r)
{
    uint16_t least = (uint16_t)(KT_TLS_1_0 - 1 + small(r) % 6);

    return kt_builder_versions(b, least, (uint16_t)(KT_TLS_1_0 - 1 + small(r) % 6));
}

static const struct kt_fault *call_alpn(struct kt_reader *r)
{
    struct kt_span names[20];
    size_t n = small(r) % 20u;

    for (size_t i = 0; i < n; i++) {
        names[i] = bytes(r);
    }
    return kt_builder_alpn(b, names, n);
}

static const struct kt_fault *call_credential(struct kt_reader *r)
{
    uint8_t leaf[4] = {small(r), small(r)};
    const struct kt_span chain = {leaf, sizeof leaf};
    const struct kt_span name = bytes(r);
    uint16_t schemes[IDS_MAX];
    size_t n = ids(r, schemes);
    struct kt_credential *credential = NULL;
    const struct kt_fault *fault = kt_credential_new(&l.env.env,
                                                     &(struct kt_credential_parts){.chain = &chain,
                                                                                   .chain_len = 1,
                                                                                   .schemes = schemes,
                                                                                   .scheme_count = n,
                                                                                   .names = &name,
                                                                                   .name_count = name.len > 0 ? 1 : 0},
                                                     &credential);

    if (fault == NULL) {
        fault = kt_builder_credential(b, credential);
    }
    kt_credential_unref(credential);
    return fault;
}

static const struct kt_fault *call_good_credential(struct kt_reader *r)
{
    static const uint8_t kinds[] = {KT_KEY_P256, KT_KEY_RSA, KT_KEY_ED25519};
    struct kt_credential *credential = loop_credential(&l, kinds[small(r) % 3], "server.example");
    const struct kt_fault *fault = kt_builder_credential(b, credential);

    kt_credential_unref(credential);
    return fault;
}

static const struct kt_fault *call_names(struct kt_reader *r)
{
    struct kt_span names[4];
    struct kt_oid_filter filters[4];
    size_t n = small(r);

    for (size_t i = 0; i < n % 4; i++) {
        names[i] = bytes(r);
        filters[i] = (struct kt_oid_filter){names[i], {NULL, 0}};
    }
    return (n & 4) != 0 ? kt_builder_authorities(b, names, n % 4) : kt_builder_oid_filters(b, filters, n % 4);
}

static const struct kt_fault *call_lifetime(struct kt_reader *r)
{
    struct kt_lifetime life = kt_lifetime_default();

    life.sending = (struct kt_limits){number(r), number(r), number(r)};
    life.receiving = (struct kt_limits){number(r), number(r), number(r)};
    life.min_gap_ms = number(r);
    life.answer_seconds = number(r);
    life.peer_budget = number(r);
    return kt_builder_lifetime(b, &life);
}

static const struct kt_fault *call_size(struct kt_reader *r)
{
    uint8_t which = small(r);
    uint32_t n = number(r);

    switch (which % 5) {
    case 0:
        return kt_builder_padding(b, n);
    case 1:
        return kt_builder_record_limit(b, n);
    case 2:
        return kt_builder_max_fragment(b, n);
    case 3:
        return kt_builder_chain_limit(b, n);
    default:
        return kt_builder_key_shares(b, n);
    }
}

static const struct kt_fault *call_flag(struct kt_reader *r)
{
    static void (*const flags[])(struct kt_builder *, bool) = {
        kt_builder_strict_names,
        kt_builder_post_handshake_auth,
        kt_builder_grease,
        kt_builder_staple,
        kt_builder_sct,
        kt_builder_danger_keylog,
        kt_builder_cookie,
        kt_builder_danger_psk_ke,
        kt_builder_require_extended_main_secret,
        kt_builder_danger_unbound_resumption,
        kt_builder_danger_no_renegotiation_info,
    };
    uint8_t which = small(r);

    flags[which % (sizeof flags / sizeof flags[0])](b, (which & 128) != 0);
    return NULL;
}

static const struct kt_fault *call_resumption(struct kt_reader *r)
{
    struct kt_resumption resumption = kt_resumption_default();
    uint8_t how = small(r);

    resumption.ring = (how & 1) != 0 ? ring : NULL;
    resumption.stateful = (how & 2) != 0;
    resumption.session_ids = (how & 4) != 0;
    resumption.tickets = how >> 4;
    resumption.ticket_seconds = number(r);
    resumption.lineage_seconds = number(r);
    resumption.context = bytes(r);
    return kt_builder_resumption(b, (how & 8) != 0 ? NULL : &resumption);
}

static const struct kt_fault *call_psk(struct kt_reader *r)
{
    struct kt_psk_parts parts = {.hash = (enum kt_psk_hash)(small(r) % 4)};
    struct kt_psk *psk = NULL;
    const struct kt_fault *fault;

    parts.identity = bytes(r);
    parts.key = bytes(r);
    parts.context = bytes(r);
    parts.import = parts.context.len > 0;
    fault = kt_psk_new(&l.env.env, &parts, &psk);
    if (fault == NULL) {
        fault = kt_builder_psk(b, psk);
    }
    kt_psk_unref(psk);
    return fault;
}

static const struct kt_fault *call_rehandshake(struct kt_reader *r)
{
    struct kt_rehandshake_policy policy = kt_rehandshake_default();
    uint8_t how = small(r);

    policy.peer = (enum kt_rehandshake_answer)(how % 3);
    policy.own = (how & 4) != 0;
    policy.resume = (how & 8) != 0;
    policy.same_peer = (how & 16) != 0;
    policy.peer_budget = number(r);
    return kt_builder_rehandshake(b, &policy);
}

static const struct kt_fault *call_rest(struct kt_reader *r)
{
    uint8_t which = small(r);

    switch (which % 3) {
    case 0:
        kt_builder_client_auth(b, (enum kt_client_auth)(which / 3 % 4));
        return NULL;
    case 1:
        return kt_builder_ask(b, (enum kt_ask_kind)(which / 3 % 12));
    default:
        return kt_builder_ticket_request(b, which, number(r));
    }
}

static const struct kt_fault *call(uint8_t which, struct kt_reader *r)
{
    static const struct kt_fault *(*const calls[])(struct kt_reader *) = {
        call_list,  call_policy,          call_user_policy, call_versions, call_alpn, call_credential,
        call_names, call_good_credential, call_lifetime,    call_size,     call_flag, call_resumption,
        call_psk,   call_rehandshake,     call_rest,
    };

    return calls[which % (sizeof calls / sizeof calls[0])](r);
}

/* ---- what was built ---- */

static bool offers_only(const struct kt_config *config, const struct kt_client_hello *hello)
{
    struct kt_reader r = kt_reader_over(hello->suites.wire);
    uint16_t id;

    while (kt_reader_u16(&r, &id)) {
        bool known = kt_is_grease(id) || kt_suite_facts(id) == NULL; /* signalling values are no suites */

        for (size_t i = 0; i < config->suite_count; i++) {
            known = known || config->suites[i]->id == id;
        }
        if (!known) {
            return false;
        }
    }
    return true;
}

/* The hello may be in several records. */
static size_t join(const uint8_t *out, size_t len, uint8_t *message)
{
    size_t at = 0, total = 0;

    while (at + KT_RECORD_HEADER <= len) {
        size_t n = (size_t)(out[at + 3] << 8 | out[at + 4]);

        FUZZ_ASSERT(out[at] == KT_CONTENT_HANDSHAKE && at + KT_RECORD_HEADER + n <= len);
        memcpy(message + total, out + at + KT_RECORD_HEADER, n);
        total += n;
        at += KT_RECORD_HEADER + n;
    }
    return total;
}

static void check_hello(struct kt_conn *conn, const struct kt_config *config)
{
    static uint8_t message[1 << 17];
    struct kt_client_hello hello;
    size_t len;
    const uint8_t *out = kt_conn_out(conn, &len);

    FUZZ_ASSERT(out != NULL && len <= sizeof message);
    len = join(out, len, message);
    FUZZ_ASSERT(len > KT_MESSAGE_HEADER && message[0] == KT_MSG_CLIENT_HELLO);
    FUZZ_ASSERT(kt_client_hello_decode(kt_span_of(message + KT_MESSAGE_HEADER, len - KT_MESSAGE_HEADER), &hello) ==
                NULL);
    FUZZ_ASSERT(offers_only(config, &hello));
}

static void use(struct kt_config *config, enum kt_role role)
{
    const struct kt_conn_options options = {.server_name = {(const uint8_t *)"server.example", 14}};
    struct kt_conn *conn = NULL;

    FUZZ_ASSERT(kt_conn_new(config, role == KT_CLIENT ? &options : NULL, &conn) == NULL);
    if (role == KT_CLIENT) {
        check_hello(conn, config);
    }
    kt_conn_free(conn);
}

static void build(enum kt_role role)
{
    struct kt_config *config = NULL;
    const struct kt_fault *fault = kt_builder_build(b, &config);

    FUZZ_ASSERT((fault == NULL) == (config != NULL));
    FUZZ_ASSERT(fault == NULL || kt_builder_field(b) != NULL);
    /* A fault of the combination is one of ours, not of chance. */
    FUZZ_ASSERT(fault == NULL || fault->alert == KT_ALERT_INTERNAL_ERROR);
    if (config != NULL) {
        use(config, role);
    }
    kt_config_unref(config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_reader r = kt_reader_over(kt_span_of(data, size));
    uint8_t head, which;

    if (!kt_reader_u8(&r, &head)) {
        return 0;
    }
    test_env_init(&l.env);
    kt_toy_seed(1);
    FUZZ_ASSERT(kt_ticket_ring_new(&l.env.env, NULL, &ring) == NULL);
    FUZZ_ASSERT(kt_builder_new((head & 1) != 0 ? KT_SERVER : KT_CLIENT, &l.env.env, &b) == NULL);
    kt_builder_crypto(b, kt_crypto_toy());
    for (int i = 0; i < CALLS_MAX && kt_reader_u8(&r, &which); i++) {
        (void)!call(which, &r);
        if ((head & 2) != 0) {
            build((head & 1) != 0 ? KT_SERVER : KT_CLIENT);
        }
    }
    build((head & 1) != 0 ? KT_SERVER : KT_CLIENT);
    kt_builder_free(b);
    kt_ticket_ring_unref(ring);
    FUZZ_ASSERT(l.env.live == 0);
    return 0;
}
