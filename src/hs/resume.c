/*
 * What both roles share comes first, then the client, the server, and the tickets after the handshake.
 */
#include "hs/resume.h"

#include "keys/hkdf.h"
#include "session/ticket_ring.h"
#include "wire/psk_offers.h"

int64_t kt_resume_now(const struct kt_hs *hs)
{
    const struct kt_env *env = &hs->config->env;

    return env->wall_seconds(env->user);
}

static void digest_span(const struct kt_hash *hash, struct kt_hash_state *state, struct kt_span bytes)
{
    uint8_t room[4];
    struct kt_writer w = kt_writer_over(room, sizeof room);

    kt_put_u32(&w, (uint32_t)bytes.len);
    hash->update(state, room, sizeof room);
    if (bytes.len > 0) {
        hash->update(state, bytes.p, bytes.len);
    }
}

const struct kt_fault *kt_resume_policy(const struct kt_hs *hs, uint8_t out[KT_DIGEST_LEN])
{
    const struct kt_config *config = hs->config;
    const struct kt_hash *hash = kt_crypto_sha256(config->crypto);
    const uint8_t modes[] = {(uint8_t)config->role, (uint8_t)config->client_auth};
    struct kt_hash_state state;

    if (hash == NULL) {
        KT_FAIL(CRYPTO_UNAVAILABLE);
    }
    hash->init(&state);
    digest_span(hash, &state, kt_span_of(modes, sizeof modes));
    digest_span(hash, &state, config->authorities);
    digest_span(hash, &state, config->oid_filters);
    digest_span(hash, &state, config->resumption.context);
    digest_span(hash, &state, kt_name_span(&hs->server_name));
    hash->final(&state, out);
    return NULL;
}

static struct kt_span secret_of(const struct kt_session *session)
{
    return kt_secret_span(&session->data.secret);
}

struct kt_span kt_resume_psk(const struct kt_hs *hs)
{
    return hs->resumed ? secret_of(hs->work->session) : hs->work->psk;
}

static void drop_session(struct kt_hs *hs)
{
    kt_session_unref(hs->work->session);
    hs->work->session = NULL;
}

/* From here on the session stands for the certificates of its full handshake: the gate and the proof are passed. */
static void resume(struct kt_hs *hs)
{
    hs->resumed = true;
    hs->origin = hs->work->session->data.origin;
    hs->proofs |= hs->origin.authenticated ? KT_PROOF_RESUMED | KT_PROOF_ORIGIN : KT_PROOF_RESUMED;
    kt_copy(hs->resumed_id, hs->work->session->data.id, sizeof hs->resumed_id);
    hs->end_point_len = hs->origin.end_point_len;
    kt_copy(hs->end_point, hs->origin.end_point, hs->origin.end_point_len);
}

/* client: offering */

static bool offers_suite(const struct kt_config *config, uint16_t id)
{
    for (size_t i = 0; i < config->suite_count; i++) {
        if (config->suites[i]->id == id) {
            return true;
        }
    }
    return false;
}

bool kt_resume_offers_alpn(const struct kt_config *config, struct kt_span wanted)
{
    struct kt_span rest = config->alpn;
    struct kt_span name;

    while (kt_alpn_next(&rest, &name)) {
        if (kt_span_same(name, wanted)) {
            return true;
        }
    }
    return false;
}

static const struct kt_fault *client_gate(const struct kt_hs *hs, bool *allowed)
{
    const struct kt_session_data *session = &hs->work->session->data;
    struct kt_span alpn = kt_session_name_span(&session->alpn);
    uint8_t policy[KT_DIGEST_LEN];
    struct kt_resume_facts facts = {
        .role = KT_CLIENT,
        .version = KT_TLS_1_3,
        .suite = offers_suite(hs->config, session->suite) ? session->suite : 0,
        .server_name = kt_name_span(&hs->server_name),
        .alpn = kt_resume_offers_alpn(hs->config, alpn) ? alpn : kt_span_of(NULL, 0),
        .policy = policy,
        .generation = hs->config->resumption.generation,
        .must_be_authenticated = true,
        .now = kt_resume_now(hs),
    };

    KT_TRY(kt_resume_policy(hs, policy));
    *allowed = kt_session_gate(session, &facts) == KT_REFUSAL_NONE;
    return NULL;
}

/* After a HelloRetryRequest the hash is fixed, and a session of another one cannot be used (section 4.2.2). */
static bool hash_is_right(const struct kt_hs *hs)
{
    const struct kt_suite *suite = kt_crypto_suite(hs->config->crypto, hs->work->session->data.suite);

    return suite != NULL && (!hs->retried || suite->hash == hs->suite->hash) &&
           hs->work->session->data.secret.len == suite->hash->len;
}

uint32_t kt_resume_disguised_age(const struct kt_hs *hs)
{
    const struct kt_session_data *session = &hs->work->session->data;
    int64_t now = kt_resume_now(hs);
    uint64_t age_ms = now > session->issued ? (uint64_t)(now - session->issued) * 1000 : 0;

    return (uint32_t)age_ms + session->age_add;
}

const struct kt_fault *kt_resume_offered(struct kt_hs *hs, const struct kt_hash **hash)
{
    const struct kt_session *session = hs->work->session;
    bool allowed = false;

    *hash = NULL;
    if (!hs->config->resumes || session == NULL || session->data.ticket.len == 0 ||
        session->data.version < KT_TLS_1_3) {
        return NULL;
    }
    KT_TRY(client_gate(hs, &allowed));
    if (!allowed || !hash_is_right(hs) || session->data.ticket.len > KT_TICKET_OFFERED_MAX) {
        drop_session(hs);
        return NULL;
    }
    *hash = kt_crypto_suite(hs->config->crypto, session->data.suite)->hash;
    return NULL;
}

void kt_resume_forget(struct kt_hs *hs)
{
    drop_session(hs);
}

void kt_resume_request_tickets(const struct kt_config *config, struct kt_client_hello *hello)
{
    if (config->requests_tickets) {
        hello->tickets_new = config->tickets_new;
        hello->tickets_resumed = config->tickets_resumed;
        hello->seen |= KT_EXT_BIT(TICKET_REQUEST);
    }
}

/* server: finding */

/* Disabled means not looked at (field survey, CVE-2014-7189). */
bool kt_resume_is_offered(const struct kt_hs *hs)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    return hs->config->resumes && (hello->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0 &&
           kt_psk_mode_listed(hello->psk_modes, KT_PSK_DHE_KE);
}

void kt_resume_hash_hello(struct kt_hs *hs, const struct kt_client_hello *hello, struct kt_span message)
{
    if ((hello->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0) {
        kt_transcript_hash_with(&hs->work->transcript, kt_span_of(message.p, KT_MESSAGE_HEADER + hello->psk_binders_at),
                                hs->work->binder_hash);
    }
}

static enum kt_refusal server_gate(const struct kt_hs *hs, const struct kt_session_data *session, const uint8_t *policy,
                                   uint32_t disguised)
{
    const struct kt_resume_facts facts = {
        .role = KT_SERVER,
        .version = hs->version,
        .suite = hs->suite->id,
        .server_name = kt_name_span(&hs->server_name),
        .alpn = kt_name_span(&hs->alpn),
        .policy = policy,
        .generation = hs->config->resumption.generation,
        .must_be_authenticated = hs->config->client_auth == KT_CLIENT_AUTH_REQUIRE,
        .now = kt_resume_now(hs),
        .claimed_age_ms = disguised - session->age_add,
    };

    return kt_session_gate(session, &facts);
}

static const struct kt_fault *check_binder(const struct kt_hs *hs, const struct kt_session_data *session,
                                           struct kt_span binder)
{
    const struct kt_hash *hash = hs->suite->hash;
    uint8_t right[KT_HASH_MAX];

    kt_psk_binder(hash, kt_secret_span(&session->secret), KT_SPAN_TEXT("res binder"),
                  kt_span_of(hs->work->binder_hash, hash->len), right);
    if (binder.len != hash->len || !kt_ct_eq(right, binder.p, binder.len)) {
        KT_FAIL(PSK_BINDER_WRONG);
    }
    return NULL;
}

/* What does not open or does not pass is passed over; what passes must be proven (section 4.3.11). */
static const struct kt_fault *try_offer(struct kt_hs *hs, const struct kt_psk_offered *offer, const uint8_t *policy)
{
    const struct kt_config *config = hs->config;
    const struct kt_fault *fault = NULL;
    struct kt_session_data session;

    if (config->resumption.ring == NULL ||
        !kt_session_unseal(config->crypto, config->resumption.ring, offer->identity, &session)) {
        return NULL;
    }
    if (server_gate(hs, &session, policy, offer->disguised_age) == KT_REFUSAL_NONE) {
        fault = check_binder(hs, &session, offer->binder);
        if (fault == NULL) {
            fault = kt_session_new(&config->env, &session, &hs->work->session);
        }
    }
    kt_wipe(&session, sizeof session);
    return fault;
}

bool kt_resume_ask(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_RESUME};

    if (!kt_config_asks(hs->config, KT_ASK_RESUME)) {
        return false;
    }
    ask.u.resume.session = hs->work->session;
    ask.u.resume.now = kt_resume_now(hs);
    kt_hs_ask(hs, &ask);
    return true;
}

void kt_resume_begin(struct kt_hs *hs)
{
    resume(hs);
}

static const struct kt_fault *find_ticket(struct kt_hs *hs, const uint8_t *policy)
{
    struct kt_psk_offers offers = kt_psk_offers_of(&hs->work->hello);
    struct kt_psk_offered offered;

    for (uint16_t i = 0; i < KT_PSK_TRIES && kt_psk_offers_next(&offers, &offered); i++) {
        KT_TRY(try_offer(hs, &offered, policy));
        if (hs->work->session != NULL) {
            hs->work->psk_index = i;
            return NULL;
        }
    }
    return NULL;
}

/* The first identity that has the length of a handle. */
static bool find_handle(const struct kt_hs *hs, struct kt_psk_offered *offered, uint16_t *index)
{
    struct kt_psk_offers offers = kt_psk_offers_of(&hs->work->hello);

    for (*index = 0; *index < KT_PSK_TRIES && kt_psk_offers_next(&offers, offered); ++*index) {
        if (offered->identity.len == KT_SESSION_ID_LEN) {
            return true;
        }
    }
    return false;
}

bool kt_resume_fetch(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_FETCH_SESSION};
    struct kt_psk_offered offered;
    uint16_t index;

    if (!hs->config->resumption.stateful || !kt_resume_is_offered(hs) || !find_handle(hs, &offered, &index)) {
        return false;
    }
    ask.u.fetch.id = offered.identity;
    ask.u.fetch.once = true;
    ask.u.fetch.now = kt_resume_now(hs);
    kt_hs_ask(hs, &ask);
    return true;
}

/* The same gate and the same proof as for a session out of a ticket. */
static const struct kt_fault *judge_fetched(struct kt_hs *hs, const uint8_t *policy)
{
    const struct kt_session_data *session = &hs->work->session->data;
    struct kt_psk_offered offered;

    if (!find_handle(hs, &offered, &hs->work->psk_index) ||
        server_gate(hs, session, policy, offered.disguised_age) != KT_REFUSAL_NONE) {
        drop_session(hs);
        return NULL;
    }
    return check_binder(hs, session, offered.binder);
}

const struct kt_fault *kt_resume_find(struct kt_hs *hs)
{
    uint8_t policy[KT_DIGEST_LEN];

    KT_TRY(kt_resume_policy(hs, policy));
    return hs->work->session != NULL ? judge_fetched(hs, policy) : find_ticket(hs, policy);
}

/* after the handshake */

void kt_resume_identify(const struct kt_hs *hs, struct kt_origin *origin)
{
    const unsigned certificate = KT_PROOF_SIGNATURE | KT_PROOF_CHAIN;
    const struct kt_hash *hash = kt_crypto_sha256(hs->config->crypto);
    struct kt_hash_state state;

    origin->authenticated = (hs->proofs & certificate) == certificate;
    origin->has_peer = origin->authenticated && hash != NULL;
    if (origin->has_peer) {
        hash->init(&state);
        hash->update(&state, hs->work->peer.chain[0].p, hs->work->peer.chain[0].len);
        hash->final(&state, origin->peer);
    }
}

const struct kt_fault *kt_resume_begin_lineage(struct kt_hs *hs)
{
    struct kt_origin *origin = &hs->origin;

    *origin = (struct kt_origin){.born = kt_resume_now(hs)};
    origin->end = origin->born + hs->config->resumption.lineage_seconds;
    origin->end_point_len = hs->end_point_len;
    kt_copy(origin->end_point, hs->end_point, hs->end_point_len);
    kt_resume_identify(hs, origin);
    return kt_hs_random(hs, origin->lineage, sizeof origin->lineage);
}

/* Who has an external key needs no ticket, and a ticket would outlive the key's withdrawal (ADR 13). */
bool kt_resume_makes_sessions(const struct kt_hs *hs)
{
    return hs->config->resumes && hs->psk == NULL;
}

/* Tickets are useless to a client that does not resume by psk_dhe_ke (section 4.3.9). */
static bool has_use_for_tickets(const struct kt_hs *hs)
{
    return hs->config->role == KT_CLIENT || kt_psk_mode_listed(hs->work->hello.psk_modes, KT_PSK_DHE_KE);
}

const struct kt_fault *kt_resume_prepare(struct kt_hs *hs)
{
    uint8_t hash[KT_HASH_MAX];

    if (!kt_resume_makes_sessions(hs)) {
        return NULL;
    }
    /* Also of a client that takes no tickets: its connection can be revoked all the same. */
    if (!hs->resumed) {
        KT_TRY(kt_resume_begin_lineage(hs));
    }
    if (!has_use_for_tickets(hs)) {
        return NULL;
    }
    kt_transcript_hash(&hs->work->transcript, hash);
    return kt_schedule13_derive(&hs->work->schedule, KT_STAGE_MAIN, KT_SPAN_TEXT("res master"),
                                kt_span_of(hash, hs->suite->hash->len), &hs->resumption_secret);
}

uint32_t kt_resume_capped_seconds(const struct kt_hs *hs, uint32_t wanted)
{
    int64_t left = hs->origin.end - kt_resume_now(hs);
    uint32_t most = wanted < KT_SESSION_SECONDS_MAX ? wanted : KT_SESSION_SECONDS_MAX;

    if (left <= 0) {
        return 0;
    }
    return left < most ? (uint32_t)left : most;
}

uint32_t kt_resume_ticket_seconds(const struct kt_hs *hs)
{
    return kt_resume_capped_seconds(hs, hs->config->resumption.ticket_seconds);
}

unsigned kt_resume_ticket_count(const struct kt_hs *hs)
{
    const struct kt_client_hello *hello = &hs->work->hello;
    unsigned most = kt_resume_makes_sessions(hs) && has_use_for_tickets(hs) ? hs->config->resumption.tickets : 0;
    unsigned wanted = hs->resumed ? hello->tickets_resumed : hello->tickets_new;

    return (hello->seen & KT_EXT_BIT(TICKET_REQUEST)) != 0 && wanted < most ? wanted : most;
}

/* A full handshake begins a lineage, which has all its time before it. */
void kt_resume_answer_request(const struct kt_hs *hs, struct kt_encrypted_extensions *out)
{
    if ((hs->work->hello.seen & KT_EXT_BIT(TICKET_REQUEST)) != 0) {
        out->tickets_expected =
            hs->resumed && kt_resume_ticket_seconds(hs) == 0 ? 0 : (uint8_t)kt_resume_ticket_count(hs);
        out->seen |= KT_EXT_BIT(TICKET_REQUEST);
    }
}

const struct kt_fault *kt_resume_describe(const struct kt_hs *hs, struct kt_session_data *out)
{
    *out = (struct kt_session_data){
        .role = (uint8_t)hs->config->role,
        .version = hs->version,
        .suite = hs->suite->id,
        .origin = hs->origin,
        .generation = hs->config->resumption.generation,
        .issued = kt_resume_now(hs),
    };
    if (!kt_session_name_set(&out->server_name, kt_name_span(&hs->server_name)) ||
        !kt_session_name_set(&out->alpn, kt_name_span(&hs->alpn))) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    KT_TRY(kt_hs_random(hs, out->id, sizeof out->id));
    return kt_resume_policy(hs, out->policy);
}

/* The session that a ticket with this nonce stands for, on either side. */
static const struct kt_fault *describe(const struct kt_hs *hs, struct kt_span nonce, struct kt_session_data *out)
{
    KT_TRY(kt_resume_describe(hs, out));
    out->secret.len = hs->suite->hash->len;
    kt_hkdf_expand_label(hs->suite->hash, kt_secret_span(&hs->resumption_secret), KT_SPAN_TEXT("resumption"), nonce,
                         out->secret.b, out->secret.len);
    return NULL;
}

/* The session of the ticket with this number, with what only its issuer decides. */
static const struct kt_fault *make_session(const struct kt_hs *hs, size_t number, uint32_t seconds,
                                           struct kt_session_data *out)
{
    const uint8_t nonce[] = {(uint8_t)(number >> 8), (uint8_t)number};
    uint8_t age_add[4] = {0};
    struct kt_reader r = kt_reader_over(kt_span_of(age_add, sizeof age_add));

    KT_TRY(kt_hs_random(hs, age_add, sizeof age_add));
    KT_TRY(describe(hs, kt_span_of(nonce, sizeof nonce), out));
    if (!kt_reader_u32(&r, &out->age_add)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    out->lifetime = seconds;
    return NULL;
}

static const struct kt_fault *seal_ticket(const struct kt_hs *hs, uint32_t seconds, uint32_t *age_add,
                                          struct kt_writer *ticket)
{
    const struct kt_config *config = hs->config;
    struct kt_session_data session;
    const struct kt_fault *fault = make_session(hs, hs->tickets_sent, seconds, &session);

    if (fault == NULL) {
        *age_add = session.age_add;
        fault = kt_session_seal(config->crypto, &config->env, config->resumption.ring, &session, ticket);
    }
    kt_wipe(&session, sizeof session);
    return fault;
}

static const struct kt_fault *keep_one(struct kt_hs *hs, uint32_t seconds)
{
    struct kt_hs_work *work = hs->work;
    struct kt_session_data session;
    const struct kt_fault *fault = make_session(hs, work->kept_count, seconds, &session);

    if (fault == NULL) {
        fault = kt_session_new(&hs->config->env, &session, &work->kept[work->kept_count]);
    }
    if (fault == NULL) {
        work->kept_count++;
    }
    kt_wipe(&session, sizeof session);
    return fault;
}

const struct kt_fault *kt_resume_ask_keep(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_KEEP_SESSIONS};
    uint32_t seconds = kt_resume_ticket_seconds(hs);

    while (hs->work->kept_count < kt_resume_ticket_count(hs)) {
        KT_TRY(keep_one(hs, seconds));
    }
    ask.u.keep.sessions = hs->work->kept;
    ask.u.keep.count = hs->work->kept_count;
    ask.u.keep.now = kt_resume_now(hs);
    kt_hs_ask(hs, &ask);
    return NULL;
}

/* What stands in the ticket: a handle, or the session sealed. */
static const struct kt_fault *fill_ticket(const struct kt_hs *hs, struct kt_new_session_ticket *message,
                                          struct kt_writer *ticket)
{
    const struct kt_session_data *kept;

    if (!hs->config->resumption.stateful) {
        return seal_ticket(hs, message->lifetime_seconds, &message->age_add, ticket);
    }
    kept = &hs->work->kept[hs->tickets_sent]->data;
    message->age_add = kept->age_add;
    kt_put_bytes(ticket, kt_span_of(kept->id, sizeof kept->id));
    return NULL;
}

/* The next ticket into `room`; its number makes its nonce, and with it its secret, one of a kind. */
static const struct kt_fault *make_ticket(struct kt_hs *hs, uint32_t seconds, uint8_t nonce[2],
                                          struct kt_writer *ticket, struct kt_new_session_ticket *out)
{
    uint8_t seed = 0;

    nonce[0] = (uint8_t)(hs->tickets_sent >> 8);
    nonce[1] = (uint8_t)hs->tickets_sent;
    *out = (struct kt_new_session_ticket){.lifetime_seconds = seconds, .nonce = kt_span_of(nonce, 2)};
    KT_TRY(fill_ticket(hs, out, ticket));
    if (!kt_writer_finish(ticket)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    out->ticket = kt_writer_span(ticket);
    if (hs->config->grease) {
        KT_TRY(kt_hs_random(hs, &seed, 1));
        out->grease_ext = kt_grease_value(seed);
    }
    hs->tickets_sent++;
    return NULL;
}

const struct kt_fault *kt_resume_send_ticket(struct kt_hs *hs, uint32_t seconds)
{
    uint8_t nonce[2];
    uint8_t room[KT_TICKET_MAX];
    struct kt_writer ticket = kt_writer_over(room, sizeof room);
    struct kt_new_session_ticket message;

    KT_TRY(make_ticket(hs, seconds, nonce, &ticket, &message));
    KT_TRY(kt_hs_writer(hs, 64 + message.ticket.len));
    kt_new_session_ticket_encode(&hs->work->out, &message);
    return NULL;
}

static const struct kt_fault *add_ticket(struct kt_hs *hs, uint32_t seconds)
{
    uint8_t nonce[2];
    uint8_t room[KT_TICKET_MAX];
    uint8_t whole[64 + KT_TICKET_MAX];
    struct kt_writer ticket = kt_writer_over(room, sizeof room);
    struct kt_writer w = kt_writer_over(whole, sizeof whole);
    struct kt_new_session_ticket message;

    KT_TRY(make_ticket(hs, seconds, nonce, &ticket, &message));
    kt_new_session_ticket_encode(&w, &message);
    if (!kt_writer_finish(&w)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    return hs->carrier.ops->flight_add(hs->carrier.self, &hs->flight, kt_writer_span(&w));
}

const struct kt_fault *kt_resume_leave_tickets(struct kt_hs *hs, unsigned count)
{
    uint32_t seconds = hs->resumption_secret.len > 0 ? kt_resume_ticket_seconds(hs) : 0;
    const struct kt_fault *fault = NULL;

    /* Handles are asked to be kept while the handshake can wait for the answer, not later. */
    if (seconds == 0 || hs->config->resumption.stateful || count > (unsigned)(UINT16_MAX - hs->tickets_sent)) {
        KT_FAIL(USAGE_TICKETS);
    }
    for (unsigned i = 0; i < count && fault == NULL; i++) {
        fault = add_ticket(hs, seconds);
    }
    if (fault != NULL) {
        kt_hs_end(hs);
        return fault;
    }
    kt_hs_leave_flight(hs);
    return NULL;
}

const struct kt_fault *kt_resume_publish(const struct kt_hs *hs, enum kt_direction direction,
                                         const struct kt_session_data *data)
{
    struct kt_notice notice = {.kind = KT_NOTICE_SESSION, .direction = direction};
    struct kt_session *session = NULL;

    KT_TRY(kt_session_new(&hs->config->env, data, &session));
    notice.u.session = session;
    kt_notify(&hs->watch, &notice);
    kt_session_unref(session);
    return NULL;
}

/* A lifetime of 0 means: discard at once (section 4.7.1). Nobody who listens means the same. */
const struct kt_fault *kt_resume_take_ticket(struct kt_hs *hs, const struct kt_new_session_ticket *ticket)
{
    uint32_t seconds = kt_resume_makes_sessions(hs) ? kt_resume_capped_seconds(hs, ticket->lifetime_seconds) : 0;
    const struct kt_fault *fault;
    struct kt_session_data data;

    if (seconds == 0 || !kt_watched(&hs->watch)) {
        return NULL;
    }
    fault = describe(hs, ticket->nonce, &data);
    if (fault == NULL) {
        data.lifetime = seconds;
        data.age_add = ticket->age_add;
        data.ticket = ticket->ticket;
        fault = kt_resume_publish(hs, KT_RECEIVING, &data);
    }
    kt_wipe(&data, sizeof data);
    return fault;
}
