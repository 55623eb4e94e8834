/*
 * The client before the version is known: ClientHello, ServerHello, HelloRetryRequest (RFC 9846 sections 4.2.2
 * to 4.2.4).
 */
#include "hs/auth13.h"
#include "hs/decide12.h"
#include "hs/limit13.h"
#include "hs/offer13.h"
#include "hs/rehandshake12.h"
#include "hs/resume.h"
#include "hs/resume12.h"

/* Bytes of a ClientHello beside key shares, cookie and ALPN: generous, checked by the writer. */
enum { HELLO_ROOM = 2048 };

/* What may be offered: a rehandshake has one version (RFC 5246 section 7.4.1.2). */
static const uint16_t *offered_versions(const struct kt_hs *hs, size_t *count)
{
    if (kt_hs_is_again(hs)) {
        *count = 1;
        return &hs->main->version;
    }
    *count = hs->config->version_count;
    return hs->config->versions;
}

static uint16_t highest_version(const struct kt_hs *hs)
{
    size_t count;

    return offered_versions(hs, &count)[0];
}

static bool offers_13(const struct kt_hs *hs)
{
    return highest_version(hs) == KT_TLS_1_3;
}

/* Whether anything below TLS 1.3 is offered. */
static bool offers_12(const struct kt_hs *hs)
{
    size_t count;
    const uint16_t *versions = offered_versions(hs, &count);

    return versions[count - 1] < KT_TLS_1_3;
}

static bool offers_version(const struct kt_hs *hs, uint16_t version)
{
    size_t count;
    const uint16_t *versions = offered_versions(hs, &count);

    for (size_t i = 0; i < count; i++) {
        if (versions[i] == version) {
            return true;
        }
    }
    return false;
}

static bool suits_offer(const struct kt_hs *hs, uint16_t suite)
{
    return !kt_hs_is_again(hs) || kt_suite_is_for(suite, hs->main->version);
}

/* A list of ids in wire form in the arena, with an optional GREASE value in front; no bytes when memory is spent. */
static struct kt_id_list wire_list(struct kt_hs *hs, uint16_t grease, const uint16_t *ids, size_t count)
{
    size_t len = 2 * (count + (grease != 0));
    uint8_t *room = kt_arena_take(&hs->arena, len);
    struct kt_writer w = kt_writer_over(room, room == NULL ? 0 : len);

    if (grease != 0) {
        kt_put_u16(&w, grease);
    }
    for (size_t i = 0; i < count; i++) {
        kt_put_u16(&w, ids[i]);
    }
    return (struct kt_id_list){kt_writer_span(&w)};
}

static struct kt_id_list suite_list(struct kt_hs *hs)
{
    uint16_t ids[KT_LIST_MAX];
    size_t count = 0;

    for (size_t i = 0; i < hs->config->suite_count; i++) {
        if (suits_offer(hs, hs->config->suites[i]->id)) {
            ids[count++] = hs->config->suites[i]->id;
        }
    }
    return wire_list(hs, hs->work->grease[0], ids, count);
}

static struct kt_id_list group_list(struct kt_hs *hs)
{
    uint16_t ids[KT_LIST_MAX];
    size_t count = 0;

    for (size_t i = 0; i < hs->config->group_count; i++) {
        uint16_t id = hs->config->groups[i]->id;

        if (kt_group_is_sent(id)) {
            ids[count++] = id;
        }
    }
    return wire_list(hs, hs->work->grease[1], ids, count);
}

static struct kt_id_list scheme_list(struct kt_hs *hs)
{
    uint16_t ids[KT_LIST_MAX];
    size_t count = 0;

    for (size_t i = 0; i < hs->config->scheme_count; i++) {
        if (kt_scheme_is_sent(hs->config->schemes[i])) {
            ids[count++] = hs->config->schemes[i];
        }
    }
    return wire_list(hs, hs->work->grease[3], ids, count);
}

/* Values of RFC 8701, and a random order of extensions. */
static const struct kt_fault *choose_grease(struct kt_hs *hs)
{
    struct kt_hs_work *work = hs->work;
    struct kt_client_hello *hello = &work->hello;
    uint8_t seed[KT_EXT_COUNT + 8];
    uint8_t *order;

    if (!hs->config->grease) {
        return NULL;
    }
    order = kt_arena_take(&hs->arena, KT_EXT_COUNT);
    if (order == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(kt_hs_random(hs, seed, sizeof seed));
    for (size_t i = 0; i < KT_COUNT_OF(work->grease); i++) {
        work->grease[i] = kt_grease_value(seed[i]);
    }
    hello->grease_ext[0] = kt_grease_value(seed[4]);
    /* The second must be another one: an extension may occur only once. */
    hello->grease_ext[1] = kt_grease_value((uint8_t)(seed[4] + 1 + seed[5] % 15));
    for (size_t i = 0; i < KT_EXT_COUNT; i++) {
        size_t j = seed[8 + i] % (i + 1);

        order[i] = order[j];
        order[j] = (uint8_t)i;
    }
    hello->order = order;
    return NULL;
}

/* A fresh key pair for `group`, its share appended to the writer. */
static const struct kt_fault *offer_share(struct kt_hs *hs, const struct kt_group *group, struct kt_writer *w)
{
    struct kt_offered_share *offered = &hs->work->shares[hs->work->share_count];
    uint8_t *share;

    kt_put_u16(w, group->id);
    kt_put_u16(w, group->initiator_share_len);
    share = kt_writer_room(w, group->initiator_share_len);
    if (share == NULL) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    KT_TRY(group->start(group, &offered->kex, share));
    if (!kt_arena_adopt(&hs->arena, group->release, offered->kex)) {
        KT_FAIL(MEMORY_SPENT);
    }
    offered->group = group;
    hs->work->share_count++;
    return NULL;
}

/* Key shares for these groups replace those offered before. */
static const struct kt_fault *offer_shares(struct kt_hs *hs, const struct kt_group *const *groups, size_t count,
                                           uint16_t grease)
{
    size_t cap = 8;
    struct kt_writer w;
    uint8_t *room;

    for (size_t i = 0; i < count; i++) {
        cap += 4u + groups[i]->initiator_share_len;
    }
    room = kt_arena_take(&hs->arena, cap);
    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    w = kt_writer_over(room, cap);
    if (grease != 0) {
        kt_put_u16(&w, grease);
        kt_put_vec(&w, 2, kt_span_of((const uint8_t[]){0}, 1));
    }
    hs->work->share_count = 0;
    for (size_t i = 0; i < count; i++) {
        KT_TRY(offer_share(hs, groups[i], &w));
    }
    hs->work->hello.key_shares = kt_writer_span(&w);
    return NULL;
}

/* An address is verified but never sent as a name (RFC 6066 section 3). */
static bool is_address(struct kt_span name)
{
    bool digits_and_dots = name.len > 0;

    for (size_t i = 0; i < name.len; i++) {
        if (name.p[i] == ':') {
            return true;
        }
        digits_and_dots &= (name.p[i] >= '0' && name.p[i] <= '9') || name.p[i] == '.';
    }
    return digits_and_dots;
}

static bool same_schemes(const struct kt_config *config)
{
    return config->scheme_count == config->cert_scheme_count &&
           kt_same_public(config->schemes, config->cert_schemes, config->scheme_count * sizeof config->schemes[0]);
}

static bool offers_cbc(const struct kt_config *config)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        if (config->suites[i]->cbc != NULL) {
            return true;
        }
    }
    return false;
}

/* What has a meaning in TLS 1.2 and below only; a first handshake is tied to nothing, a further one to the one before
 * (RFC 5746 sections 3.4 and 3.5). */
static const struct kt_fault *offer_12(struct kt_hs *hs)
{
    struct kt_client_hello *hello = &hs->work->hello;

    KT_TRY(kt_work12_begin(hs));
    /* Whether a certificate will be asked for is not known yet. */
    hs->work->v12->notes = hs->config->credential_count > 0 || kt_config_asks(hs->config, KT_ASK_CHOOSE_CREDENTIAL);
    hello->seen |= KT_EXT_BIT(EC_POINT_FORMATS) | KT_EXT_BIT(EXTENDED_MAIN_SECRET) | KT_EXT_BIT(RENEGOTIATION_INFO);
    hello->renegotiation_info = kt_rehandshake12_binding(hs, KT_CLIENT, hs->work->v12->binding);
    hello->seen |= offers_cbc(hs->config) ? KT_EXT_BIT(ENCRYPT_THEN_MAC) : 0;
    return kt_resume12_offer(hs);
}

/* Below TLS 1.2 there is nothing to choose from (RFC 5246 section 7.4.1.4.1). */
static const struct kt_fault *offer_schemes(struct kt_hs *hs)
{
    struct kt_client_hello *hello = &hs->work->hello;

    hello->schemes = scheme_list(hs);
    hello->seen |= KT_EXT_BIT(SIGNATURE_ALGORITHMS);
    if (!same_schemes(hs->config)) {
        hello->cert_schemes = hs->config->cert_schemes_wire;
        hello->seen |= KT_EXT_BIT(SIGNATURE_ALGORITHMS_CERT);
    }
    if (hello->schemes.wire.p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    return NULL;
}

static const struct kt_fault *offer_lists(struct kt_hs *hs)
{
    const struct kt_config *config = hs->config;
    struct kt_client_hello *hello = &hs->work->hello;
    size_t version_count;
    const uint16_t *versions = offered_versions(hs, &version_count);

    hello->suites = suite_list(hs);
    hello->groups = group_list(hs);
    hello->versions = wire_list(hs, hs->work->grease[2], versions, version_count);
    hello->seen |= KT_EXT_BIT(SUPPORTED_GROUPS);
    hello->seen |= offers_13(hs) ? KT_EXT_BIT(KEY_SHARE) | KT_EXT_BIT(SUPPORTED_VERSIONS) : 0;
    if (versions[0] >= KT_TLS_1_2) {
        KT_TRY(offer_schemes(hs));
    }
    if (hs->server_name.len > 0 && !is_address(kt_name_span(&hs->server_name))) {
        hello->server_name = kt_name_span(&hs->server_name);
        hello->seen |= KT_EXT_BIT(SERVER_NAME);
    }
    if (config->alpn.len > 0) {
        hello->alpn = config->alpn;
        hello->seen |= KT_EXT_BIT(ALPN);
    }
    hello->seen |= config->post_handshake_auth && !kt_hs_is_again(hs) ? KT_EXT_BIT(POST_HANDSHAKE_AUTH) : 0;
    hello->seen |= config->staple ? KT_EXT_BIT(STATUS_REQUEST) : 0;
    hello->seen |= config->sct ? KT_EXT_BIT(SCT) : 0;
    if (!kt_hs_is_again(hs)) {
        kt_resume_request_tickets(config, hello);
    }
    kt_limit13_offer(config, offers_13(hs), hello);
    if (hello->suites.wire.p == NULL || hello->groups.wire.p == NULL || hello->versions.wire.p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    return NULL;
}

static const struct kt_fault *write_hello(struct kt_hs *hs)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    if (offers_13(hs)) {
        KT_TRY(kt_offer13_write(hs));
    }
    KT_TRY(kt_hs_writer(hs, HELLO_ROOM + hello->key_shares.len + hello->cookie.len + hello->alpn.len +
                                hello->session_ticket.len + hello->psk_identities.len + hello->psk_binders.len));
    kt_client_hello_encode(&hs->work->out, hello);
    return kt_offer13_bind(hs);
}

/*
 * With TLS 1.3 it looks like a resumption of TLS 1.2, for middleboxes (appendix D.4); with a ticket of TLS 1.2 its echo
 * tells that the ticket was taken (RFC 5077 section 3.4).
 */
static const struct kt_fault *choose_session_id(struct kt_hs *hs)
{
    struct kt_client_hello *hello = &hs->work->hello;
    uint8_t *id;

    if (hello->session_id.len > 0 || (!offers_13(hs) && hello->session_ticket.len == 0)) {
        return NULL;
    }
    id = kt_arena_take(&hs->arena, 32);
    if (id == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    hello->session_id = kt_span_of(id, 32);
    return kt_hs_random(hs, id, 32);
}

static const struct kt_fault *c_send_client_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    static const uint8_t null_compression[] = {0};
    struct kt_hs_work *work = hs->work;
    struct kt_client_hello *hello = &work->hello;
    uint16_t highest = highest_version(hs);

    (void)message;
    KT_TRY(kt_hs_random(hs, work->random, sizeof work->random));
    kt_copy(work->client_random, work->random, sizeof work->random);
    KT_TRY(choose_grease(hs));
    hello->legacy_version = highest < KT_TLS_1_2 ? highest : KT_TLS_1_2;
    hello->random = kt_span_of(work->random, sizeof work->random);
    hello->compression = kt_span_of(null_compression, sizeof null_compression);
    hello->has_extensions = true;
    KT_TRY(offer_lists(hs));
    if (offers_12(hs)) {
        KT_TRY(offer_12(hs));
    }
    KT_TRY(choose_session_id(hs));
    if (offers_13(hs)) {
        KT_TRY(offer_shares(hs, hs->config->share_groups, hs->config->key_shares, work->grease[1]));
    }
    *next = KT_STATE_C_WAIT_SH;
    return write_hello(hs);
}

static bool offered_suite(const struct kt_hs *hs, uint16_t id, uint16_t version, const struct kt_suite **suite)
{
    for (size_t i = 0; i < hs->config->suite_count; i++) {
        if (hs->config->suites[i]->id == id) {
            *suite = hs->config->suites[i];
            return kt_suite_is_for(id, version);
        }
    }
    return false;
}

static bool ends_with(struct kt_span random, const uint8_t *sentinel)
{
    return kt_same_public(random.p + random.len - 8, sentinel, 8);
}

/* A server that knows more than it chose says so, in what nobody on the way can change (section 4.2.3). */
static const struct kt_fault *check_downgrade(const struct kt_hs *hs, const struct kt_server_hello *hello)
{
    uint16_t highest = highest_version(hs);
    bool to_11 = ends_with(hello->random, kt_downgrade_11);

    if ((highest == KT_TLS_1_3 && (to_11 || ends_with(hello->random, kt_downgrade_12))) ||
        (highest == KT_TLS_1_2 && hello->legacy_version < KT_TLS_1_2 && to_11)) {
        KT_FAIL(DOWNGRADE_DETECTED);
    }
    return NULL;
}

/* After a HelloRetryRequest only TLS 1.3 can follow (field survey, CVE-2026-34873). */
static const struct kt_fault *take_hello12(struct kt_hs *hs, const struct kt_message *message)
{
    struct kt_server_hello *hello = &hs->work->v12->hello;
    const struct kt_suite *suite;
    struct kt_span copy;

    KT_TRY(kt_work12_copy(hs, message->body, &copy));
    KT_TRY(kt_server_hello_decode(copy, hs->work->hello.seen, hello));
    if (hello->compression != 0) {
        KT_FAIL(COMPRESSION_NOT_NULL);
    }
    if (!offered_suite(hs, hello->suite, hello->legacy_version, &suite)) {
        KT_FAIL(SUITE_NOT_OFFERED);
    }
    hs->version = hello->legacy_version;
    kt_copy(hs->work->v12->server_random, hello->random.p, hello->random.len);
    if (!kt_hs_is_again(hs)) {
        hs->carrier.ops->speak(hs->carrier.self, hs->version);
    }
    KT_TRY(kt_work12_fix(hs, suite));
    KT_TRY(kt_server_hello12_extensions(hello, hs->work->hello.seen));
    return kt_hs_hash(hs, message->whole);
}

static const struct kt_fault *check_version12(const struct kt_hs *hs, const struct kt_server_hello *hello)
{
    if (kt_hs_is_again(hs) && hello->legacy_version != hs->main->version) {
        KT_FAIL(REHANDSHAKE_CHANGED);
    }
    KT_TRY(check_downgrade(hs, hello));
    if (hello->legacy_version > KT_TLS_1_2 || !offers_version(hs, hello->legacy_version)) {
        KT_FAIL(VERSION_NOT_SUPPORTED);
    }
    if (hs->retried) {
        KT_FAIL(VERSION_CHANGED);
    }
    return NULL;
}

/* What ServerHello and HelloRetryRequest have in common (sections 4.2.3 and 4.2.4). */
static const struct kt_fault *check_hello(struct kt_hs *hs, const struct kt_server_hello *hello)
{
    const struct kt_client_hello *ours = &hs->work->hello;

    if (hello->version != KT_TLS_1_3 || hello->legacy_version != KT_TLS_1_2 || !offers_13(hs)) {
        KT_FAIL(VERSION_NOT_OFFERED);
    }
    if (!kt_span_same(hello->session_id, ours->session_id)) {
        KT_FAIL(SESSION_ID_NOT_ECHOED);
    }
    if (hello->compression != 0) {
        KT_FAIL(COMPRESSION_NOT_NULL);
    }
    if (!offered_suite(hs, hello->suite, KT_TLS_1_3, &hs->suite)) {
        KT_FAIL(SUITE_NOT_OFFERED);
    }
    if (hs->retried && hello->suite != hs->work->retry_suite) {
        KT_FAIL(SUITE_CHANGED);
    }
    hs->version = hello->version;
    return NULL;
}

static bool share_was_offered(const struct kt_hs *hs, uint16_t group)
{
    for (size_t i = 0; i < hs->work->share_count; i++) {
        if (hs->work->shares[i].group->id == group) {
            return true;
        }
    }
    return false;
}

static const struct kt_group *configured_group(const struct kt_config *config, uint16_t id)
{
    for (size_t i = 0; i < config->group_count; i++) {
        if (config->groups[i]->id == id) {
            return config->groups[i];
        }
    }
    return NULL;
}

/* The group asked for must be one we offered without a share, else the retry would change nothing. */
static const struct kt_fault *take_retry_group(struct kt_hs *hs, uint16_t id)
{
    const struct kt_group *group = configured_group(hs->config, id);

    if (group == NULL) {
        KT_FAIL(GROUP_NOT_OFFERED);
    }
    if (share_was_offered(hs, id)) {
        KT_FAIL(RETRY_WITHOUT_CHANGE);
    }
    hs->group = group;
    return NULL;
}

static const struct kt_fault *take_cookie(struct kt_hs *hs, struct kt_span cookie)
{
    hs->work->hello.cookie = kt_arena_copy(&hs->arena, cookie);
    if (hs->work->hello.cookie.p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    hs->work->hello.seen |= KT_EXT_BIT(COOKIE);
    return NULL;
}

static const struct kt_fault *take_retry(struct kt_hs *hs, const struct kt_server_hello *hello, struct kt_span whole)
{
    struct kt_hs_work *work = hs->work;

    if (hs->retried) {
        KT_FAIL(RETRY_TWICE);
    }
    if ((hello->seen & (KT_EXT_BIT(KEY_SHARE) | KT_EXT_BIT(COOKIE))) == 0) {
        KT_FAIL(RETRY_WITHOUT_CHANGE);
    }
    if ((hello->seen & KT_EXT_BIT(KEY_SHARE)) != 0) {
        KT_TRY(take_retry_group(hs, hello->key_share.group));
    }
    if ((hello->seen & KT_EXT_BIT(COOKIE)) != 0) {
        KT_TRY(take_cookie(hs, hello->cookie));
    }
    hs->retried = true;
    work->retry_suite = hello->suite;
    kt_transcript_begin(&work->transcript, hs->suite->hash);
    kt_transcript_retry(&work->transcript);
    kt_transcript_add(&work->transcript, whole);
    return NULL;
}

/* A server that does not resume says nothing, and the handshake is a full one. */
static const struct kt_fault *take_resumption(struct kt_hs *hs, const struct kt_server_hello *hello)
{
    if ((hello->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0) {
        return kt_offer13_accept(hs, hello->psk_index);
    }
    kt_resume_forget(hs);
    return NULL;
}

/* The shared secret, from the server's share and the key pair we offered for its group. */
static const struct kt_fault *finish_exchange(struct kt_hs *hs, const struct kt_server_hello *hello,
                                              struct kt_shared_secret *shared)
{
    const struct kt_key_share *share = &hello->key_share;

    if ((hello->seen & KT_EXT_BIT(KEY_SHARE)) == 0) {
        hs->group = NULL;
        kt_auth13_no_exchange(hs, shared);
        return NULL;
    }
    for (size_t i = 0; i < hs->work->share_count; i++) {
        const struct kt_offered_share *offered = &hs->work->shares[i];

        if (offered->group->id == share->group) {
            hs->group = offered->group;
            return offered->group->finish(offered->kex, share->key, shared);
        }
    }
    KT_FAIL(GROUP_NOT_OFFERED);
}

/* Both directions change to handshake keys; ours after the change_cipher_spec of compatibility mode. */
static const struct kt_fault *install_handshake_keys(struct kt_hs *hs)
{
    const struct kt_carrier *carrier = &hs->carrier;

    KT_TRY(carrier->ops->protect(carrier->self, KT_RECEIVING, hs->suite, &hs->work->server_handshake, false));
    if (!hs->retried) {
        KT_TRY(carrier->ops->send_ccs(carrier->self));
    }
    return carrier->ops->protect(carrier->self, KT_SENDING, hs->suite, &hs->work->client_handshake, false);
}

static const struct kt_fault *take_server_hello(struct kt_hs *hs, const struct kt_server_hello *hello,
                                                struct kt_span whole)
{
    struct kt_shared_secret shared = {0};
    const struct kt_fault *fault;

    KT_TRY(take_resumption(hs, hello));
    /* Missing input is never replaced by zeros (field survey, CVE-2026-3230), unless that was asked for: then with an
     * external key only. */
    if ((hello->seen & KT_EXT_BIT(KEY_SHARE)) == 0 && !(hs->config->psk_ke && hs->psk != NULL)) {
        KT_FAIL(KEY_SHARE_MISSING);
    }
    if (!hs->retried) {
        kt_transcript_begin(&hs->work->transcript, hs->suite->hash);
    }
    kt_transcript_add(&hs->work->transcript, whole);
    fault = finish_exchange(hs, hello, &shared);
    if (fault == NULL) {
        fault = kt_auth13_handshake_secrets(hs, kt_shared_secret_span(&shared));
    }
    kt_shared_secret_wipe(&shared);
    KT_TRY(fault);
    return install_handshake_keys(hs);
}

static const struct kt_fault *c_on_server_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_server_hello hello;

    KT_TRY(kt_server_hello_decode(message->body, hs->work->hello.seen, &hello));
    if (hello.version == 0) {
        *next = KT_STATE_C12_NEGOTIATE;
        KT_TRY(check_version12(hs, &hello));
        return take_hello12(hs, message);
    }
    /* Keys change after it; in TLS 1.2 more may follow in the record. */
    if (!message->last_in_record) {
        KT_FAIL(MESSAGE_NOT_LAST);
    }
    if (hs->work->v12 != NULL) {
        kt_work12_stop_notes(hs);
    }
    KT_TRY(check_hello(hs, &hello));
    if (hello.is_retry) {
        *next = KT_STATE_C_RETRY;
        return take_retry(hs, &hello, message->whole);
    }
    *next = KT_STATE_C13_WAIT_EE;
    return take_server_hello(hs, &hello, message->whole);
}

/* The same hello again but for what was asked: the key share, the cookie (section 4.2.2). */
static const struct kt_fault *c_send_second_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    KT_TRY(hs->carrier.ops->send_ccs(hs->carrier.self));
    if (hs->group != NULL) {
        KT_TRY(offer_shares(hs, &hs->group, 1, 0));
    }
    *next = KT_STATE_C_WAIT_SH;
    return write_hello(hs);
}

static const struct kt_row rows[] = {
    {KT_STATE_C_START, KT_ROW_FLIGHT_ENDS, KT_ON_GO, {KT_STATE_C_WAIT_SH}, c_send_client_hello},
    {KT_STATE_C_WAIT_SH,
     KT_ROW_HASH_SELF,
     KT_MSG_SERVER_HELLO,
     {KT_STATE_C13_WAIT_EE, KT_STATE_C_RETRY, KT_STATE_C12_NEGOTIATE},
     c_on_server_hello},
    {KT_STATE_C_RETRY, KT_ROW_FLIGHT_ENDS, KT_ON_GO, {KT_STATE_C_WAIT_SH}, c_send_second_hello},
};
const struct kt_table kt_table_hello_client = {"hello_client", rows, KT_COUNT_OF(rows)};
