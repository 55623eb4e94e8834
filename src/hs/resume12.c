/*
 * What both roles share comes first, then the client, the server, and the end of the handshake.
 */
#include "hs/resume12.h"

#include "hs/decide12.h"
#include "hs/resume.h"
#include "session/ticket_ring.h"

/* Once resumed the session stands for the certificates of its full handshake. */
static bool gate_passes(const struct kt_hs *hs, const struct kt_session_data *session,
                        const struct kt_resume_facts *facts)
{
    return session->version < KT_TLS_1_3 && session->secret.len == KT_MAIN_SECRET12_LEN &&
           kt_session_gate(session, facts) == KT_REFUSAL_NONE && hs->config->resumes;
}

/* client */

static const struct kt_fault *client_gate(const struct kt_hs *hs, bool *allowed)
{
    const struct kt_session_data *session = &hs->work->session->data;
    struct kt_span alpn = kt_session_name_span(&session->alpn);
    uint8_t policy[KT_DIGEST_LEN];
    struct kt_resume_facts facts = {
        .role = KT_CLIENT,
        .version = kt_config_speaks(hs->config, session->version) ? session->version : 0,
        .suite = kt_config_allows_suite(hs->config, session->suite, session->version) ? session->suite : 0,
        .server_name = kt_name_span(&hs->server_name),
        .alpn = kt_resume_offers_alpn(hs->config, alpn) ? alpn : kt_span_of(NULL, 0),
        .policy = policy,
        .generation = hs->config->resumption.generation,
        .must_be_authenticated = true,
        .unbound = hs->config->unbound_resumption,
        .now = kt_resume_now(hs),
    };

    KT_TRY(kt_resume_policy(hs, policy));
    *allowed = gate_passes(hs, session, &facts);
    return NULL;
}

static const struct kt_fault *offer_session(struct kt_hs *hs)
{
    const struct kt_session_data *session = &hs->work->session->data;
    struct kt_client_hello *hello = &hs->work->hello;
    bool allowed = false;

    KT_TRY(client_gate(hs, &allowed));
    if (!allowed || session->ticket.len == 0 || session->ticket.len > KT_TICKET_OFFERED_MAX) {
        kt_resume_forget(hs);
        return NULL;
    }
    hs->work->v12->offered = true;
    if (session->by_id) {
        hello->session_id = session->ticket;
    } else {
        hello->session_ticket = session->ticket;
    }
    return NULL;
}

/* Only the first hello: after a HelloRetryRequest the server speaks TLS 1.3. */
const struct kt_fault *kt_resume12_offer(struct kt_hs *hs)
{
    if (!hs->config->resumes) {
        return NULL;
    }
    hs->work->hello.seen |= KT_EXT_BIT(SESSION_TICKET);
    if (hs->work->session != NULL && hs->work->session->data.version < KT_TLS_1_3) {
        return offer_session(hs);
    }
    return NULL;
}

/* A server that echoes our id resumes (RFC 5246 section 7.4.1.3, RFC 5077 section 3.4): all must be as it was. */
const struct kt_fault *kt_resume12_judge(struct kt_hs *hs)
{
    const struct kt_server_hello *hello = &hs->work->v12->hello;
    struct kt_span ours = hs->work->hello.session_id;

    if (ours.len == 0 || !kt_span_same(hello->session_id, ours)) {
        kt_resume_forget(hs);
        return NULL;
    }
    if (!hs->work->v12->offered) {
        KT_FAIL(SESSION_NOT_OFFERED);
    }
    if (hs->work->session->data.version != hs->version || hs->work->session->data.suite != hs->suite->id) {
        KT_FAIL(SESSION_CHANGED);
    }
    if (hs->work->session->data.extended_secret != hs->kept12.extended_secret) {
        KT_FAIL(EXTENDED_SECRET_MISSING);
    }
    kt_resume_begin(hs);
    return NULL;
}

const struct kt_fault *kt_resume12_take_ticket(struct kt_hs *hs, struct kt_span body)
{
    struct kt_new_session_ticket12 message;

    KT_TRY(kt_new_session_ticket12_decode(body, &message));
    hs->work->v12->ticket_lifetime = message.lifetime_hint;
    return kt_work12_copy(hs, message.ticket, &hs->work->v12->ticket);
}

/* server: finding */

/* Handles are of TLS 1.3: a server that has only those has no ring, and neither gives nor takes a ticket here. */
static bool has_tickets(const struct kt_hs *hs)
{
    return hs->config->resumes && !hs->config->resumption.stateful;
}

/* Disabled means not looked at (field survey, CVE-2014-7189). */
const struct kt_fault *kt_resume12_open_ticket(struct kt_hs *hs)
{
    const struct kt_config *config = hs->config;
    const struct kt_fault *fault;
    struct kt_session_data session;

    if (!has_tickets(hs) || hs->work->hello.session_ticket.len == 0 ||
        !kt_session_unseal(config->crypto, config->resumption.ring, hs->work->hello.session_ticket, &session)) {
        return NULL;
    }
    fault = kt_session_new(&config->env, &session, &hs->work->session);
    kt_wipe(&session, sizeof session);
    return fault;
}

bool kt_resume12_ask_session(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_FETCH_SESSION};
    struct kt_span id = hs->work->hello.session_id;

    if (!hs->config->resumes || !hs->config->resumption.session_ids || id.len != KT_SESSION_ID_LEN) {
        return false;
    }
    ask.u.fetch.id = id;
    ask.u.fetch.now = kt_resume_now(hs);
    kt_hs_ask(hs, &ask);
    return true;
}

/* The suite of a session is used again: the client must still offer it, and we must still allow it (CVE-2010-4180). */
static uint16_t resumed_suite(const struct kt_hs *hs, uint16_t suite)
{
    bool allowed =
        kt_config_allows_suite(hs->config, suite, hs->version) && kt_id_list_has(hs->work->hello.suites, suite);

    return allowed ? suite : 0;
}

const struct kt_fault *kt_resume12_gate(struct kt_hs *hs)
{
    const struct kt_config *config = hs->config;
    uint8_t policy[KT_DIGEST_LEN];
    struct kt_resume_facts facts = {
        .role = KT_SERVER,
        .version = hs->version,
        .server_name = kt_name_span(&hs->server_name),
        .alpn = kt_name_span(&hs->alpn),
        .policy = policy,
        .generation = config->resumption.generation,
        .must_be_authenticated = config->client_auth == KT_CLIENT_AUTH_REQUIRE,
        .unbound = config->unbound_resumption,
        .now = kt_resume_now(hs),
    };

    if (hs->work->session == NULL) {
        return NULL;
    }
    facts.suite = resumed_suite(hs, hs->work->session->data.suite);
    KT_TRY(kt_resume_policy(hs, policy));
    if (!gate_passes(hs, &hs->work->session->data, &facts)) {
        kt_resume_forget(hs);
        return NULL;
    }
    /* RFC 7627 section 5.3: refused when the client takes it back, a full handshake when it adds it. */
    if (hs->work->session->data.extended_secret && !hs->kept12.extended_secret) {
        KT_FAIL(EXTENDED_SECRET_MISSING);
    }
    if (hs->work->session->data.extended_secret != hs->kept12.extended_secret) {
        kt_resume_forget(hs);
    }
    return NULL;
}

/* server: the session to come */

/* Whether a session of this handshake could be resumed at all. */
static bool is_worth_keeping(const struct kt_hs *hs)
{
    return hs->config->resumes && (hs->kept12.extended_secret || hs->config->unbound_resumption);
}

static bool gives_ticket(const struct kt_hs *hs)
{
    return is_worth_keeping(hs) && has_tickets(hs) && hs->config->resumption.tickets > 0 &&
           (hs->work->hello.seen & KT_EXT_BIT(SESSION_TICKET)) != 0 &&
           (!hs->resumed || kt_resume_ticket_seconds(hs) > 0);
}

const struct kt_fault *kt_resume12_promise(struct kt_hs *hs, struct kt_server_hello *hello)
{
    struct kt_work12 *work = hs->work->v12;

    work->sends_ticket = gives_ticket(hs);
    hello->seen |= work->sends_ticket ? KT_EXT_BIT(SESSION_TICKET) : 0;
    if (hs->resumed) {
        hello->session_id = hs->work->hello.session_id;
        return NULL;
    }
    if (work->sends_ticket || !is_worth_keeping(hs) || !hs->config->resumption.session_ids) {
        return NULL;
    }
    KT_TRY(kt_hs_random(hs, work->session_id, sizeof work->session_id));
    work->session_id_len = sizeof work->session_id;
    hello->session_id = kt_span_of(work->session_id, work->session_id_len);
    return NULL;
}

/* The session of this handshake, on either side. */
static const struct kt_fault *describe(const struct kt_hs *hs, uint32_t seconds, struct kt_session_data *out)
{
    KT_TRY(kt_resume_describe(hs, out));
    out->secret = hs->exporter_secret;
    out->extended_secret = hs->kept12.extended_secret;
    out->lifetime = seconds;
    return NULL;
}

const struct kt_fault *kt_resume12_send_ticket(struct kt_hs *hs)
{
    const struct kt_config *config = hs->config;
    struct kt_new_session_ticket12 message = {.lifetime_hint = kt_resume_ticket_seconds(hs)};
    uint8_t room[KT_TICKET_MAX];
    struct kt_writer ticket = kt_writer_over(room, sizeof room);
    struct kt_session_data session;
    const struct kt_fault *fault = describe(hs, message.lifetime_hint, &session);

    if (fault == NULL) {
        fault = kt_session_seal(config->crypto, &config->env, config->resumption.ring, &session, &ticket);
    }
    kt_wipe(&session, sizeof session);
    KT_TRY(fault);
    if (!kt_writer_finish(&ticket)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    message.ticket = kt_writer_span(&ticket);
    KT_TRY(kt_hs_writer(hs, 64 + message.ticket.len));
    kt_new_session_ticket12_encode(&hs->work->out, &message);
    return NULL;
}

/* the end */

/* The owner keeps it, to give it back when the client asks for the id. */
static const struct kt_fault *tell_own(struct kt_hs *hs)
{
    const struct kt_work12 *work = hs->work->v12;
    const struct kt_fault *fault;
    struct kt_session_data data;

    if (work->session_id_len == 0) {
        return NULL;
    }
    fault = describe(hs, kt_resume_ticket_seconds(hs), &data);
    if (fault == NULL) {
        data.by_id = true;
        kt_copy(data.id, work->session_id, work->session_id_len);
        fault = kt_resume_publish(hs, KT_SENDING, &data);
    }
    kt_wipe(&data, sizeof data);
    return fault;
}

/* What the server gave us to ask for: a ticket, or else, in a full handshake, its session id. */
static struct kt_span identity(const struct kt_hs *hs)
{
    const struct kt_work12 *work = hs->work->v12;

    if (work->ticket.len > 0 || hs->resumed) {
        return work->ticket;
    }
    return work->hello.session_id;
}

static const struct kt_fault *tell_received(struct kt_hs *hs)
{
    const struct kt_work12 *work = hs->work->v12;
    uint32_t hint = work->ticket_lifetime != 0 ? work->ticket_lifetime : hs->config->resumption.ticket_seconds;
    uint32_t seconds = kt_resume_capped_seconds(hs, hint);
    const struct kt_fault *fault;
    struct kt_session_data data;

    if (identity(hs).len == 0 || seconds == 0) {
        return NULL;
    }
    fault = describe(hs, seconds, &data);
    if (fault == NULL) {
        data.by_id = work->ticket.len == 0;
        data.ticket = identity(hs);
        fault = kt_resume_publish(hs, KT_RECEIVING, &data);
    }
    kt_wipe(&data, sizeof data);
    return fault;
}

const struct kt_fault *kt_resume12_end(struct kt_hs *hs)
{
    if (!is_worth_keeping(hs) || !kt_watched(&hs->watch)) {
        return NULL;
    }
    return hs->config->role == KT_SERVER ? tell_own(hs) : tell_received(hs);
}
