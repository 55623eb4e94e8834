/*
 * What both roles share comes first, then the client, the server, and the tickets after the handshake.
 */
#include "hs/resume.h"

#include "keys/hkdf.h"
#include "session/ticket_ring.h"
#include "wire/reader.h"

enum { PSK_DHE_KE = 1, BINDER_LEN_BYTES = 3 /* of the list and of its one entry */ };

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
    return hs->resumed ? secret_of(hs->work->session) : kt_span_of(NULL, 0);
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

/* The age in the ticket's disguise (section 4.3.11.1). */
static uint32_t disguised_age(const struct kt_session_data *session, int64_t now)
{
    uint64_t age_ms = now > session->issued ? (uint64_t)(now - session->issued) * 1000 : 0;

    return (uint32_t)age_ms + session->age_add;
}

static const struct kt_fault *write_identity(struct kt_hs *hs, const struct kt_session_data *session)
{
    size_t hash_len = session->secret.len;
    size_t len = 2 + session->ticket.len + 4 + 1 + hash_len;
    uint8_t *room = kt_arena_take(&hs->arena, len);
    struct kt_client_hello *hello = &hs->work->hello;
    struct kt_writer w = kt_writer_over(room, len);

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    kt_put_vec(&w, 2, session->ticket);
    kt_put_u32(&w, disguised_age(session, kt_resume_now(hs)));
    hello->psk_identities = kt_writer_span(&w);
    kt_put_u8(&w, (uint8_t)hash_len);
    (void)kt_writer_room(&w, hash_len); /* the binder, when the hello is written */
    hello->psk_binders = kt_span_of(room + hello->psk_identities.len, w.len - hello->psk_identities.len);
    hello->seen |= KT_EXT_BIT(PRE_SHARED_KEY);
    return NULL;
}

const struct kt_fault *kt_resume_offer(struct kt_hs *hs)
{
    static const uint8_t modes[] = {PSK_DHE_KE};
    struct kt_hs_work *work = hs->work;
    bool allowed = false;

    work->hello.seen &= ~KT_EXT_BIT(PRE_SHARED_KEY);
    if (!hs->config->resumes || !kt_config_speaks(hs->config, KT_TLS_1_3)) {
        return NULL;
    }
    work->hello.psk_modes = kt_span_of(modes, sizeof modes);
    work->hello.seen |= KT_EXT_BIT(PSK_KEY_EXCHANGE_MODES);
    if (work->session == NULL || work->session->data.ticket.len == 0 || work->session->data.version < KT_TLS_1_3) {
        return NULL;
    }
    KT_TRY(client_gate(hs, &allowed));
    if (!allowed || !hash_is_right(hs)) {
        drop_session(hs);
        return NULL;
    }
    return write_identity(hs, &work->session->data);
}

/* What the binder signs: all before the binders, behind what was hashed before this hello. */
static void hash_partial(const struct kt_hs *hs, const struct kt_hash *hash, struct kt_span partial, uint8_t *out)
{
    struct kt_transcript first = {.hash = NULL};

    if (hs->retried) {
        kt_transcript_hash_with(&hs->work->transcript, partial, out);
        return;
    }
    kt_transcript_begin(&first, hash);
    kt_transcript_hash_with(&first, partial, out);
}

void kt_resume_bind(struct kt_hs *hs)
{
    struct kt_writer *out = &hs->work->out;
    const struct kt_session *session = hs->work->session;
    const struct kt_hash *hash;
    uint8_t digest[KT_HASH_MAX];
    size_t covered;

    if ((hs->work->hello.seen & KT_EXT_BIT(PRE_SHARED_KEY)) == 0 || !kt_writer_finish(out)) {
        return;
    }
    hash = kt_crypto_suite(hs->config->crypto, session->data.suite)->hash;
    covered = out->len - (size_t)BINDER_LEN_BYTES - hash->len;
    hash_partial(hs, hash, kt_span_of(out->buf, covered), digest);
    kt_psk_binder(hash, secret_of(session), KT_SPAN_TEXT("res binder"), kt_span_of(digest, hash->len),
                  out->buf + out->len - hash->len);
}

const struct kt_fault *kt_resume_accept(struct kt_hs *hs, uint16_t index)
{
    const struct kt_suite *suite = kt_crypto_suite(hs->config->crypto, hs->work->session->data.suite);

    if (index != 0) {
        KT_FAIL(PSK_INDEX_WRONG);
    }
    if (suite->hash != hs->suite->hash) {
        KT_FAIL(PSK_HASH_WRONG);
    }
    resume(hs);
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

static bool lists_mode(struct kt_span modes, uint8_t mode)
{
    for (size_t i = 0; i < modes.len; i++) {
        if (modes.p[i] == mode) {
            return true;
        }
    }
    return false;
}

/* Disabled means not looked at (field survey, CVE-2014-7189). */
bool kt_resume_is_offered(const struct kt_hs *hs)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    return hs->config->resumes && (hello->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0 &&
           lists_mode(hello->psk_modes, PSK_DHE_KE);
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

/* One identity of the hello with its binder. */
struct offer {
    struct kt_span ticket;
    uint32_t disguised_age;
    struct kt_span binder;
};

static bool next_offer(struct kt_reader *identities, struct kt_reader *binders, struct offer *out)
{
    return kt_reader_vec16(identities, &out->ticket) && kt_reader_u32(identities, &out->disguised_age) &&
           kt_reader_vec8(binders, &out->binder);
}

/* What does not open or does not pass is passed over; what passes must be proven (section 4.3.11). */
static const struct kt_fault *try_offer(struct kt_hs *hs, const struct offer *offer, const uint8_t *policy)
{
    const struct kt_config *config = hs->config;
    const struct kt_fault *fault = NULL;
    struct kt_session_data session;

    if (!kt_session_unseal(config->crypto, config->resumption.ring, offer->ticket, &session)) {
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

const struct kt_fault *kt_resume_find(struct kt_hs *hs)
{
    struct kt_reader identities = kt_reader_over(hs->work->hello.psk_identities);
    struct kt_reader binders = kt_reader_over(hs->work->hello.psk_binders);
    uint8_t policy[KT_DIGEST_LEN];
    struct offer offer;

    KT_TRY(kt_resume_policy(hs, policy));
    for (uint16_t i = 0; i < KT_PSK_TRIES && next_offer(&identities, &binders, &offer); i++) {
        KT_TRY(try_offer(hs, &offer, policy));
        if (hs->work->session != NULL) {
            hs->work->psk_index = i;
            return NULL;
        }
    }
    return NULL;
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
    kt_resume_identify(hs, origin);
    return kt_hs_random(hs, origin->lineage, sizeof origin->lineage);
}

/* Tickets are useless to a client that does not resume by psk_dhe_ke (section 4.3.9). */
static bool has_use_for_tickets(const struct kt_hs *hs)
{
    return hs->config->role == KT_CLIENT || lists_mode(hs->work->hello.psk_modes, PSK_DHE_KE);
}

const struct kt_fault *kt_resume_prepare(struct kt_hs *hs)
{
    uint8_t hash[KT_HASH_MAX];

    if (!hs->config->resumes || !has_use_for_tickets(hs)) {
        return NULL;
    }
    if (!hs->resumed) {
        KT_TRY(kt_resume_begin_lineage(hs));
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
    unsigned most = hs->config->resumes && has_use_for_tickets(hs) ? hs->config->resumption.tickets : 0;
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

static const struct kt_fault *seal_ticket(struct kt_hs *hs, struct kt_span nonce, uint32_t seconds,
                                          struct kt_new_session_ticket *message, struct kt_writer *ticket)
{
    const struct kt_config *config = hs->config;
    struct kt_session_data session;
    uint8_t age_add[4];
    const struct kt_fault *fault = kt_hs_random(hs, age_add, sizeof age_add);
    struct kt_reader r = kt_reader_over(kt_span_of(age_add, sizeof age_add));

    if (fault == NULL) {
        fault = describe(hs, nonce, &session);
    }
    if (fault == NULL && kt_reader_u32(&r, &message->age_add)) {
        session.lifetime = seconds;
        session.age_add = message->age_add;
        fault = kt_session_seal(config->crypto, &config->env, config->resumption.ring, &session, ticket);
    }
    kt_wipe(&session, sizeof session);
    return fault;
}

/* The next ticket into `room`; its number makes its nonce, and with it its secret, one of a kind. */
static const struct kt_fault *make_ticket(struct kt_hs *hs, uint32_t seconds, uint8_t nonce[2],
                                          struct kt_writer *ticket, struct kt_new_session_ticket *out)
{
    uint8_t seed = 0;

    nonce[0] = (uint8_t)(hs->tickets_sent >> 8);
    nonce[1] = (uint8_t)hs->tickets_sent;
    *out = (struct kt_new_session_ticket){.lifetime_seconds = seconds, .nonce = kt_span_of(nonce, 2)};
    KT_TRY(seal_ticket(hs, out->nonce, seconds, out, ticket));
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

    if (seconds == 0 || count > (unsigned)(UINT16_MAX - hs->tickets_sent)) {
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
    uint32_t seconds = hs->config->resumes ? kt_resume_capped_seconds(hs, ticket->lifetime_seconds) : 0;
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
