/*
 * wire_generate.c - valid messages from a seed. Lengths are short, so that each byte of many messages can be
 * tried.
 */
#include <stdlib.h>

#include "support/wire_messages.h"

void generator_begin(struct generator *g, uint64_t seed)
{
    g->state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    g->used = 0;
}

/* xorshift64* */
static uint64_t next(struct generator *g)
{
    g->state ^= g->state >> 12;
    g->state ^= g->state << 25;
    g->state ^= g->state >> 27;
    return g->state * UINT64_C(0x2545f4914f6cdd1d);
}

uint64_t generate_number(struct generator *g, uint64_t below)
{
    return (next(g) >> 11) % below;
}

static uint16_t any_u16(struct generator *g)
{
    return (uint16_t)generate_number(g, 65536);
}

static bool toss(struct generator *g)
{
    return generate_number(g, 2) == 0;
}

static size_t between(struct generator *g, size_t least, size_t most)
{
    return least + (size_t)generate_number(g, most - least + 1);
}

static uint8_t *room(struct generator *g, size_t len)
{
    uint8_t *at = g->pool + g->used;

    if (sizeof g->pool - g->used < len) {
        abort();
    }
    g->used += len;
    return at;
}

static struct kt_span any_bytes(struct generator *g, size_t least, size_t most)
{
    size_t len = between(g, least, most);
    uint8_t *at = room(g, len);

    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)next(g);
    }
    return kt_span_of(at, len);
}

/* What a writer over the pool has written becomes a span of the message. */
static struct kt_writer begin_list(struct generator *g)
{
    return kt_writer_over(g->pool + g->used, sizeof g->pool - g->used);
}

static struct kt_span end_list(struct generator *g, const struct kt_writer *w)
{
    if (!kt_writer_finish(w)) {
        abort();
    }
    g->used += w->len;
    return kt_writer_span(w);
}

/* The scratch of one entry: bytes that are copied by the writer at once. */
static struct kt_span scratch(struct generator *g, uint8_t *bytes, size_t least, size_t most)
{
    size_t len = between(g, least, most);

    for (size_t i = 0; i < len; i++) {
        bytes[i] = (uint8_t)next(g);
    }
    return kt_span_of(bytes, len);
}

/* Entries with a length of `size` bytes, none of them empty. */
static struct kt_span any_entries(struct generator *g, size_t size, size_t least, size_t most)
{
    size_t count = between(g, least, most);
    struct kt_writer w = begin_list(g);
    uint8_t bytes[16];

    for (size_t i = 0; i < count; i++) {
        kt_put_vec(&w, size, scratch(g, bytes, 1, sizeof bytes));
    }
    return end_list(g, &w);
}

static struct kt_id_list any_ids(struct generator *g, size_t most)
{
    size_t count = between(g, 1, most);
    uint8_t *at = room(g, 2 * count);

    for (size_t i = 0; i < 2 * count; i++) {
        at[i] = (uint8_t)next(g);
    }
    return (struct kt_id_list){kt_span_of(at, 2 * count)};
}

/* No zero inside. */
static struct kt_span any_name(struct generator *g)
{
    size_t len = between(g, 1, toss(g) ? 20 : KT_NAME_MAX);
    uint8_t *at = room(g, len);

    for (size_t i = 0; i < len; i++) {
        at[i] = (uint8_t)('a' + generate_number(g, 26));
    }
    return kt_span_of(at, len);
}

/* Different groups: consecutive numbers. */
static struct kt_id_list different_groups(struct generator *g, uint16_t first, size_t count)
{
    struct kt_writer w = begin_list(g);

    for (size_t i = 0; i < count; i++) {
        kt_put_u16(&w, (uint16_t)(first + i));
    }
    return (struct kt_id_list){end_list(g, &w)};
}

static struct kt_span any_shares(struct generator *g, uint16_t first_group, size_t group_count)
{
    struct kt_writer w = begin_list(g);
    uint8_t bytes[40];

    for (size_t i = 0; i < group_count; i++) {
        if (toss(g)) {
            kt_put_u16(&w, (uint16_t)(first_group + i));
            kt_put_vec(&w, 2, scratch(g, bytes, 1, sizeof bytes));
        }
    }
    return end_list(g, &w);
}

static void any_psk(struct generator *g, struct kt_client_hello *out)
{
    size_t count = between(g, 1, 3);
    uint8_t bytes[64];
    struct kt_writer w = begin_list(g);

    for (size_t i = 0; i < count; i++) {
        kt_put_vec(&w, 2, scratch(g, bytes, 1, 20));
        kt_put_u32(&w, (uint32_t)next(g));
    }
    out->psk_identities = end_list(g, &w);
    w = begin_list(g);
    for (size_t i = 0; i < count; i++) {
        kt_put_vec(&w, 1, scratch(g, bytes, 32, sizeof bytes));
    }
    out->psk_binders = end_list(g, &w);
}

static uint32_t allowed_in(uint8_t home)
{
    uint32_t allowed = 0;

    for (unsigned ext = 0; ext < KT_EXT_COUNT; ext++) {
        if ((kt_ext_messages((enum kt_ext)ext) & home) != 0) {
            allowed |= UINT32_C(1) << ext;
        }
    }
    return allowed;
}

static const uint8_t *any_order(struct generator *g)
{
    uint8_t *order = room(g, KT_EXT_COUNT);

    for (uint8_t i = 0; i < KT_EXT_COUNT; i++) {
        size_t at = (size_t)generate_number(g, i + 1u);

        order[i] = order[at];
        order[at] = i;
    }
    return order;
}

/* Fields are filled only for extensions that are there, as decode leaves them. */
static void fill_extensions(struct generator *g, struct kt_client_hello *out)
{
    uint16_t first_group = (uint16_t)generate_number(g, 60000);
    size_t group_count = between(g, 1, 4);

#define HAS(name) ((out->seen & KT_EXT_BIT(name)) != 0)
    out->server_name = HAS(SERVER_NAME) ? any_name(g) : out->server_name;
    out->max_fragment_length = HAS(MAX_FRAGMENT_LENGTH) ? (uint8_t)between(g, 1, 4) : 0;
    out->tickets_new = HAS(TICKET_REQUEST) ? (uint8_t)next(g) : 0;
    out->tickets_resumed = HAS(TICKET_REQUEST) ? (uint8_t)next(g) : 0;
    out->groups = HAS(SUPPORTED_GROUPS) ? different_groups(g, first_group, group_count) : out->groups;
    out->schemes = HAS(SIGNATURE_ALGORITHMS) ? any_ids(g, 10) : out->schemes;
    out->alpn = HAS(ALPN) ? any_entries(g, 1, 1, 3) : out->alpn;
    out->record_size_limit = HAS(RECORD_SIZE_LIMIT) ? (uint16_t)between(g, 64, 65535) : 0;
    out->session_ticket = HAS(SESSION_TICKET) ? any_bytes(g, 0, 20) : out->session_ticket;
    out->renegotiation_info = HAS(RENEGOTIATION_INFO) ? any_bytes(g, 0, 12) : out->renegotiation_info;
    out->versions = HAS(SUPPORTED_VERSIONS) ? any_ids(g, 6) : out->versions;
    out->cookie = HAS(COOKIE) ? any_bytes(g, 1, 40) : out->cookie;
    out->psk_modes = HAS(PSK_KEY_EXCHANGE_MODES) ? any_bytes(g, 1, 3) : out->psk_modes;
    out->authorities = HAS(CERTIFICATE_AUTHORITIES) ? any_entries(g, 2, 1, 3) : out->authorities;
    out->cert_schemes = HAS(SIGNATURE_ALGORITHMS_CERT) ? any_ids(g, 10) : out->cert_schemes;
    out->key_shares = HAS(KEY_SHARE) ? any_shares(g, first_group, group_count) : out->key_shares;
    if (HAS(PRE_SHARED_KEY)) {
        any_psk(g, out);
    }
#undef HAS
}

static void any_client_hello(struct generator *g, bool canonical, struct kt_client_hello *out)
{
    out->legacy_version = any_u16(g);
    out->random = any_bytes(g, 32, 32);
    out->session_id = any_bytes(g, 0, 32);
    out->suites = any_ids(g, 8);
    out->compression = any_bytes(g, 1, 2);
    out->seen = (uint32_t)next(g) & (uint32_t)next(g) & allowed_in(IN_CH);
    out->has_extensions = out->seen != 0 || toss(g);
    fill_extensions(g, out);
    if (!canonical && out->has_extensions) {
        out->order = toss(g) ? any_order(g) : NULL;
        out->grease_ext[0] = toss(g) ? kt_grease_value((uint8_t)between(g, 0, 7)) : 0;
        out->grease_ext[1] = toss(g) ? kt_grease_value((uint8_t)between(g, 8, 15)) : 0;
    }
}

static void any_server_hello(struct generator *g, bool retry, struct kt_server_hello *out)
{
    uint32_t extra = (uint32_t)next(g) & allowed_in(retry ? IN_HRR : IN_SH);

    out->legacy_version = any_u16(g);
    out->is_retry = retry;
    out->random = retry ? kt_span_of(kt_retry_random, sizeof kt_retry_random) : any_bytes(g, 32, 32);
    out->session_id = any_bytes(g, 0, 32);
    out->suite = any_u16(g);
    out->compression = (uint8_t)next(g);
    if (!retry && generate_number(g, 4) == 0) {
        return; /* TLS 1.2, of which the extensions are looked at in a second step */
    }
    out->seen = KT_EXT_BIT(SUPPORTED_VERSIONS) | extra;
    out->version = any_u16(g);
    if ((out->seen & KT_EXT_BIT(KEY_SHARE)) != 0) {
        out->key_share.group = any_u16(g);
        out->key_share.key = retry ? kt_span_of(NULL, 0) : any_bytes(g, 1, 70);
    }
    out->cookie = (out->seen & KT_EXT_BIT(COOKIE)) != 0 ? any_bytes(g, 1, 40) : out->cookie;
    out->psk_index = (out->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0 ? any_u16(g) : 0;
}

/* Entries behind a length of their own. */
static struct kt_span any_sct_list(struct generator *g)
{
    struct kt_span entries = any_entries(g, 2, 1, 3);
    struct kt_writer w = begin_list(g);

    kt_put_vec(&w, 2, entries);
    return end_list(g, &w);
}

static void any_server_hello12(struct generator *g, struct kt_server_hello *out)
{
    uint32_t one_limit = toss(g) ? KT_EXT_BIT(MAX_FRAGMENT_LENGTH) : KT_EXT_BIT(RECORD_SIZE_LIMIT);

    out->legacy_version = any_u16(g);
    out->random = any_bytes(g, 32, 32);
    out->session_id = any_bytes(g, 0, 32);
    out->suite = any_u16(g);
    out->compression = (uint8_t)next(g);
    out->seen = (uint32_t)next(g) & allowed_in(IN_SH12) & ~one_limit;
#define HAS(name) ((out->seen & KT_EXT_BIT(name)) != 0)
    out->max_fragment_length = HAS(MAX_FRAGMENT_LENGTH) ? (uint8_t)between(g, 1, 4) : 0;
    out->record_size_limit = HAS(RECORD_SIZE_LIMIT) ? (uint16_t)between(g, 64, 65535) : 0;
    out->alpn = HAS(ALPN) ? any_bytes(g, 1, 20) : out->alpn;
    out->sct_list = HAS(SCT) ? any_sct_list(g) : out->sct_list;
    out->renegotiation_info = HAS(RENEGOTIATION_INFO) ? any_bytes(g, 0, 24) : out->renegotiation_info;
#undef HAS
}

static void any_encrypted_extensions(struct generator *g, struct kt_encrypted_extensions *out)
{
    uint32_t one_limit = toss(g) ? KT_EXT_BIT(MAX_FRAGMENT_LENGTH) : KT_EXT_BIT(RECORD_SIZE_LIMIT);

    out->seen = (uint32_t)next(g) & allowed_in(IN_EE) & ~one_limit;
    out->alpn = (out->seen & KT_EXT_BIT(ALPN)) != 0 ? any_bytes(g, 1, 20) : out->alpn;
    out->groups = (out->seen & KT_EXT_BIT(SUPPORTED_GROUPS)) != 0 ? any_ids(g, 5) : out->groups;
    if ((out->seen & KT_EXT_BIT(RECORD_SIZE_LIMIT)) != 0) {
        out->record_size_limit = (uint16_t)between(g, 64, 65535);
    }
    if ((out->seen & KT_EXT_BIT(MAX_FRAGMENT_LENGTH)) != 0) {
        out->max_fragment_length = (uint8_t)between(g, 1, 4);
    }
    out->tickets_expected = (out->seen & KT_EXT_BIT(TICKET_REQUEST)) != 0 ? (uint8_t)next(g) : 0;
}

static struct kt_span any_filters(struct generator *g)
{
    size_t count = between(g, 0, 3);
    struct kt_writer w = begin_list(g);
    uint8_t bytes[16];

    for (size_t i = 0; i < count; i++) {
        kt_put_vec(&w, 1, scratch(g, bytes, 1, sizeof bytes));
        kt_put_vec(&w, 2, scratch(g, bytes, 0, sizeof bytes));
    }
    return end_list(g, &w);
}

static void any_certificate_request(struct generator *g, bool canonical, struct kt_certificate_request *out)
{
    out->context = any_bytes(g, 0, 20);
    out->seen = ((uint32_t)next(g) & allowed_in(IN_CR)) | KT_EXT_BIT(SIGNATURE_ALGORITHMS);
    out->schemes = any_ids(g, 10);
    if ((out->seen & KT_EXT_BIT(SIGNATURE_ALGORITHMS_CERT)) != 0) {
        out->cert_schemes = any_ids(g, 10);
    }
    if ((out->seen & KT_EXT_BIT(CERTIFICATE_AUTHORITIES)) != 0) {
        out->authorities = any_entries(g, 2, 1, 3);
    }
    if ((out->seen & KT_EXT_BIT(OID_FILTERS)) != 0) {
        out->oid_filters = any_filters(g);
    }
    out->grease_ext = canonical || toss(g) ? 0 : kt_grease_value((uint8_t)next(g));
}

static void any_certificate(struct generator *g, struct kt_certificate *out)
{
    out->context = any_bytes(g, 0, 20);
    out->chain_len = between(g, 0, toss(g) ? 3 : KT_CHAIN_MAX);
    for (size_t i = 0; i < out->chain_len; i++) {
        out->chain[i] = any_bytes(g, 1, 30);
    }
    if (out->chain_len > 0) {
        out->ocsp_response = toss(g) ? any_bytes(g, 1, 30) : out->ocsp_response;
        out->sct_list = toss(g) ? any_sct_list(g) : out->sct_list;
    }
}

static void any_new_session_ticket(struct generator *g, struct kt_new_session_ticket *out)
{
    out->lifetime_seconds = (uint32_t)next(g);
    out->age_add = (uint32_t)next(g);
    out->nonce = any_bytes(g, 0, 20);
    out->ticket = any_bytes(g, 1, 60);
    if (toss(g)) {
        out->seen = KT_EXT_BIT(EARLY_DATA);
        out->max_early_data = (uint32_t)next(g);
    }
}

static void any_server_key_exchange(struct generator *g, enum wire_kind kind, struct kt_server_key_exchange *out)
{
    struct kt_writer w;

    if (wire_kx(kind) == KT_KX_ECDHE) {
        out->group = any_u16(g);
        out->point = any_bytes(g, 1, 70);
    } else {
        out->p = any_bytes(g, 1, 40);
        out->g = any_bytes(g, 1, 2);
        out->share = any_bytes(g, 1, 40);
    }
    w = begin_list(g);
    kt_server_params_encode(&w, wire_kx(kind), out);
    out->params = end_list(g, &w);
    out->scheme = wire_version(kind) >= KT_TLS_1_2 ? any_u16(g) : 0;
    out->signature = any_bytes(g, 0, 80);
}

static void any_certificate_request12(struct generator *g, enum wire_kind kind, struct kt_certificate_request12 *out)
{
    out->types = any_bytes(g, 1, 4);
    if (wire_version(kind) >= KT_TLS_1_2) {
        out->schemes = any_ids(g, 10);
    }
    out->authorities = any_entries(g, 2, 0, 3);
}

/* Messages of TLS 1.2 and below. */
static void generate_message12(struct generator *g, enum wire_kind kind, union wire_message *out)
{
    switch ((unsigned)kind) {
    case WIRE_SERVER_HELLO12:
        any_server_hello12(g, &out->server_hello);
        return;
    case WIRE_CERTIFICATE12:
        any_certificate(g, &out->certificate);
        out->certificate.context = out->certificate.ocsp_response = out->certificate.sct_list = kt_span_of(NULL, 0);
        return;
    case WIRE_CERTIFICATE_STATUS:
        out->certificate_status.ocsp_response = any_bytes(g, 1, 40);
        return;
    case WIRE_SERVER_KEY_EXCHANGE:
    case WIRE_SERVER_KEY_EXCHANGE_DHE:
    case WIRE_SERVER_KEY_EXCHANGE11:
        any_server_key_exchange(g, kind, &out->server_key_exchange);
        return;
    case WIRE_CERTIFICATE_REQUEST12:
    case WIRE_CERTIFICATE_REQUEST11:
        any_certificate_request12(g, kind, &out->certificate_request12);
        return;
    case WIRE_CLIENT_KEY_EXCHANGE:
    case WIRE_CLIENT_KEY_EXCHANGE_RSA:
        out->client_key_exchange.value = any_bytes(g, 1, 80);
        return;
    case WIRE_CERTIFICATE_VERIFY12:
        out->certificate_verify.scheme = any_u16(g);
        out->certificate_verify.signature = any_bytes(g, 0, 80);
        return;
    case WIRE_CERTIFICATE_VERIFY11:
        out->certificate_verify.signature = any_bytes(g, 0, 80);
        return;
    case WIRE_NEW_SESSION_TICKET12:
        out->new_session_ticket12.lifetime_hint = (uint32_t)next(g);
        out->new_session_ticket12.ticket = any_bytes(g, 0, 60);
        return;
    default:
        abort();
    }
}

void generate_message(struct generator *g, enum wire_kind kind, bool canonical, union wire_message *out)
{
    memset(out, 0, sizeof *out);
    switch (kind) {
    case WIRE_CLIENT_HELLO:
        any_client_hello(g, canonical, &out->client_hello);
        return;
    case WIRE_SERVER_HELLO:
    case WIRE_RETRY:
        any_server_hello(g, kind == WIRE_RETRY, &out->server_hello);
        return;
    case WIRE_ENCRYPTED_EXTENSIONS:
        any_encrypted_extensions(g, &out->encrypted_extensions);
        return;
    case WIRE_CERTIFICATE_REQUEST:
        any_certificate_request(g, canonical, &out->certificate_request);
        return;
    case WIRE_CERTIFICATE:
        any_certificate(g, &out->certificate);
        return;
    case WIRE_NEW_SESSION_TICKET:
        any_new_session_ticket(g, &out->new_session_ticket);
        return;
    case WIRE_CERTIFICATE_VERIFY:
        out->certificate_verify.scheme = any_u16(g);
        out->certificate_verify.signature = any_bytes(g, 0, 80);
        return;
    case WIRE_KEY_UPDATE:
        out->key_update.requested = toss(g);
        return;
    case WIRE_SERVER_HELLO12:
    case WIRE_CERTIFICATE12:
    case WIRE_CERTIFICATE_STATUS:
    case WIRE_SERVER_KEY_EXCHANGE:
    case WIRE_SERVER_KEY_EXCHANGE_DHE:
    case WIRE_SERVER_KEY_EXCHANGE11:
    case WIRE_CERTIFICATE_REQUEST12:
    case WIRE_CERTIFICATE_REQUEST11:
    case WIRE_CLIENT_KEY_EXCHANGE:
    case WIRE_CLIENT_KEY_EXCHANGE_RSA:
    case WIRE_CERTIFICATE_VERIFY12:
    case WIRE_CERTIFICATE_VERIFY11:
    case WIRE_NEW_SESSION_TICKET12:
    case WIRE_KINDS:
        break;
    }
    generate_message12(g, kind, out);
}
