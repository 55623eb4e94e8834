/*
 * What both roles share comes first, then the client's table, and the server's.
 */
#include "hs/post_auth13.h"

#include "hs/auth.h"
#include "hs/auth13.h"
#include "hs/resume.h"

enum { CONTEXT_LEN = 32 };

/* One request and its answer. */
struct exchange {
    struct exchange *next;
    struct kt_hs hs;
};

struct kt_post_auth {
    struct kt_transcript transcript; /* ClientHello to the client's Finished */
    struct exchange *first;          /* oldest first */
};

static bool was_offered(const struct kt_hs *hs)
{
    return (hs->work->hello.seen & KT_EXT_BIT(POST_HANDSHAKE_AUTH)) != 0;
}

const struct kt_fault *kt_post_auth_prepare(struct kt_hs *hs)
{
    const struct kt_env *env = &hs->config->env;

    if (!was_offered(hs)) {
        return NULL;
    }
    hs->post_auth = env->alloc(env->user, sizeof *hs->post_auth);
    if (hs->post_auth == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    *hs->post_auth = (struct kt_post_auth){.transcript = hs->work->transcript};
    hs->post_auth_offered = true;
    return NULL;
}

static void exchange_free(const struct kt_env *env, struct exchange *x)
{
    kt_hs_free(&x->hs);
    kt_wipe(x, sizeof *x);
    env->release(env->user, x, sizeof *x);
}

void kt_post_auth_free(struct kt_hs *hs)
{
    const struct kt_env *env;

    if (hs->post_auth == NULL) {
        return;
    }
    env = &hs->config->env;
    while (hs->post_auth->first != NULL) {
        struct exchange *x = hs->post_auth->first;

        hs->post_auth->first = x->next;
        exchange_free(env, x);
    }
    kt_transcript_wipe(&hs->post_auth->transcript);
    env->release(env->user, hs->post_auth, sizeof *hs->post_auth);
    hs->post_auth = NULL;
}

/* Those that wait, and the answers that wait for the transport: a peer that asks and does not read gets no further. */
static bool has_room(const struct kt_hs *hs)
{
    unsigned open = hs->config->role == KT_CLIENT ? hs->carrier.ops->flights_owed(hs->carrier.self) : 0;

    for (const struct exchange *x = hs->post_auth->first; x != NULL; x = x->next) {
        open++;
    }
    return open < KT_POST_AUTH_MAX;
}

/* An exchange in this state, behind the others. */
static const struct kt_fault *exchange_new(struct kt_hs *hs, uint8_t state, struct exchange **out)
{
    const struct kt_env *env = &hs->config->env;
    struct exchange *x = env->alloc(env->user, sizeof *x);
    const struct kt_fault *fault;

    if (x == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    *x = (struct exchange){.next = NULL};
    x->hs.watch = hs->watch;
    x->hs.carrier = hs->carrier;
    x->hs.config = hs->config;
    x->hs.main = hs;
    x->hs.leaves = true;
    x->hs.version = hs->version;
    x->hs.suite = hs->suite;
    x->hs.server_name = hs->server_name;
    fault = kt_hs_begin(&x->hs);
    if (fault != NULL) {
        exchange_free(env, x);
        return fault;
    }
    x->hs.state = state;
    x->hs.work->transcript = hs->post_auth->transcript;
    *out = x;
    return NULL;
}

static void append(struct kt_hs *hs, struct exchange *x)
{
    struct exchange **end = &hs->post_auth->first;

    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = x;
}

/* What came to rest is over. */
static void settle(struct kt_hs *hs)
{
    struct exchange **at = &hs->post_auth->first;

    while (*at != NULL) {
        struct exchange *x = *at;

        if (kt_state_kind(x->hs.state) == KT_STATE_IS_REST) {
            *at = x->next;
            exchange_free(&hs->config->env, x);
        } else {
            at = &x->next;
        }
    }
}

const struct kt_fault *kt_post_auth_run(struct kt_hs *hs)
{
    if (hs->post_auth == NULL) {
        return NULL;
    }
    for (struct exchange *x = hs->post_auth->first; x != NULL; x = x->next) {
        KT_TRY(kt_machine_run(&x->hs));
    }
    settle(hs);
    return NULL;
}

struct kt_hs *kt_post_auth_asking(const struct kt_hs *hs)
{
    for (struct exchange *x = hs->post_auth == NULL ? NULL : hs->post_auth->first; x != NULL; x = x->next) {
        if (kt_hs_has_ask(&x->hs)) {
            return &x->hs;
        }
    }
    return NULL;
}

static struct exchange *with_context(const struct kt_hs *hs, struct kt_span context)
{
    struct exchange *x = hs->post_auth->first;

    while (x != NULL && !kt_span_same(x->hs.work->request.context, context)) {
        x = x->next;
    }
    return x;
}

/* Told when it is certain, with what proves it. */
static void tell(const struct kt_hs *hs, enum kt_direction direction, const struct kt_span *chain, size_t chain_len)
{
    struct kt_notice notice = {.kind = KT_NOTICE_POST_AUTH, .direction = direction};

    notice.u.post_auth.chain = chain;
    notice.u.post_auth.chain_len = chain_len;
    kt_notify(&hs->watch, &notice);
}

/* ---- the client: from a request to a flight ---- */

/* Only an exchange takes it: a connection that did not invite requests has none, and refuses them (section 4.7.2). */
static const struct kt_fault *c13_post_on_request(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    if (hs->main == NULL) {
        KT_FAIL(MESSAGE_NOT_EXPECTED);
    }
    KT_TRY(kt_auth13_take_request(hs, message->body));
    if (with_context(hs->main, hs->work->request.context) != NULL) {
        KT_FAIL(CERTIFICATE_CONTEXT_WRONG);
    }
    *next = KT_STATE_C13_POST_CHOOSE;
    return NULL;
}

/* An answer that can never go out is not begun: nobody is asked for it. */
static const struct kt_fault *take_request(struct kt_hs *hs, const struct kt_message *message)
{
    const struct kt_env *env = &hs->config->env;
    const struct kt_fault *fault;
    struct exchange *x;

    if (!kt_budget_spend(&hs->post_messages) || !has_room(hs)) {
        KT_FAIL(CERTIFICATE_REQUEST_FLOOD);
    }
    KT_TRY(exchange_new(hs, KT_STATE_C13_CONNECTED, &x));
    fault = kt_machine_take(&x->hs, message);
    if (fault != NULL || !hs->carrier.ops->sends(hs->carrier.self)) {
        exchange_free(env, x);
        return fault;
    }
    append(hs, x);
    return NULL;
}

static const struct kt_fault *c13_post_choose(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = kt_auth13_choose(hs) ? KT_STATE_C13_POST_SEND_CERT : KT_STATE_C13_POST_ASK_CREDENTIAL;
    return NULL;
}

static const struct kt_fault *c13_post_on_credential(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C13_POST_SEND_CERT;
    return kt_auth13_take_credential(hs);
}

static const struct kt_fault *c13_post_send_certificate(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    (void)message;
    *next = hs->work->choice.credential == NULL ? KT_STATE_C13_POST_FINISH : KT_STATE_C13_POST_SIGN;
    return kt_auth13_send_certificate(hs, hs->work->request.context, 0);
}

static const struct kt_fault *c13_post_sign(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C13_POST_ASK_SIGN;
    return kt_auth13_ask_signature(hs);
}

static const struct kt_fault *c13_post_on_signature(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_C13_POST_SEND_CV;
    return NULL;
}

static const struct kt_fault *c13_post_send_verify(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C13_POST_FINISH;
    return kt_auth13_send_verify(hs);
}

/* Finished is keyed by the sending half, whose key may change before this goes out (section 4.5). */
static const struct kt_fault *c13_post_finish(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    const struct kt_credential *credential = hs->work->choice.credential;
    uint8_t hash[KT_HASH_MAX];

    (void)message;
    kt_transcript_hash(&hs->work->transcript, hash);
    KT_TRY(hs->carrier.ops->flight_add_finished(hs->carrier.self, &hs->flight, kt_span_of(hash, hs->suite->hash->len)));
    kt_hs_leave_flight(hs);
    if (credential != NULL) {
        hs->main->own_scheme = hs->own_scheme;
    }
    tell(hs, KT_SENDING, credential == NULL ? NULL : credential->chain, credential == NULL ? 0 : credential->chain_len);
    *next = KT_STATE_C13_CONNECTED;
    return NULL;
}

static const struct kt_row client_rows[] = {
    {KT_STATE_C13_CONNECTED, 0, KT_MSG_CERTIFICATE_REQUEST, {KT_STATE_C13_POST_CHOOSE}, c13_post_on_request},
    {KT_STATE_C13_POST_CHOOSE,
     0,
     KT_ON_GO,
     {KT_STATE_C13_POST_SEND_CERT, KT_STATE_C13_POST_ASK_CREDENTIAL},
     c13_post_choose},
    {KT_STATE_C13_POST_ASK_CREDENTIAL, 0, KT_ON_ANSWER, {KT_STATE_C13_POST_SEND_CERT}, c13_post_on_credential},
    {KT_STATE_C13_POST_SEND_CERT,
     0,
     KT_ON_GO,
     {KT_STATE_C13_POST_SIGN, KT_STATE_C13_POST_FINISH},
     c13_post_send_certificate},
    {KT_STATE_C13_POST_SIGN, 0, KT_ON_GO, {KT_STATE_C13_POST_ASK_SIGN}, c13_post_sign},
    {KT_STATE_C13_POST_ASK_SIGN, 0, KT_ON_ANSWER, {KT_STATE_C13_POST_SEND_CV}, c13_post_on_signature},
    {KT_STATE_C13_POST_SEND_CV, 0, KT_ON_GO, {KT_STATE_C13_POST_FINISH}, c13_post_send_verify},
    {KT_STATE_C13_POST_FINISH, 0, KT_ON_GO, {KT_STATE_C13_CONNECTED}, c13_post_finish},
};
const struct kt_table kt_table_post_auth_client = {"post_auth_client", client_rows, KT_COUNT_OF(client_rows)};

/* ---- the server: a request, and its answer in one piece ---- */

/* What the client sees of the request must not be guessed (section 4.4.2), nor stand for two. */
static const struct kt_fault *make_context(struct kt_hs *hs)
{
    uint8_t *context = kt_arena_take(&hs->arena, CONTEXT_LEN);

    if (context == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(kt_hs_random(hs, context, CONTEXT_LEN));
    hs->work->request.context = kt_span_of(context, CONTEXT_LEN);
    return NULL;
}

static const struct kt_fault *begin_request(struct exchange *x)
{
    KT_TRY(make_context(&x->hs));
    return kt_machine_run(&x->hs);
}

const struct kt_fault *kt_post_auth_request(struct kt_hs *hs, enum kt_client_auth mode)
{
    const struct kt_fault *fault;
    struct exchange *x;

    if (hs->post_auth == NULL) {
        KT_FAIL(USAGE_POST_AUTH);
    }
    if (!has_room(hs)) {
        KT_FAIL(USAGE_REQUESTS_OPEN);
    }
    KT_TRY(exchange_new(hs, KT_STATE_S13_POST_SEND_CR, &x));
    x->hs.work->must_authenticate = mode == KT_CLIENT_AUTH_REQUIRE;
    fault = begin_request(x);
    if (fault != NULL) {
        exchange_free(&hs->config->env, x);
        return fault;
    }
    append(hs, x);
    return NULL;
}

static const struct kt_fault *s13_post_send_request(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S13_POST_WAIT_CERT;
    return kt_auth13_send_request(hs, hs->work->request.context);
}

static const struct kt_fault *s13_post_on_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_auth13_take_certificate(hs, message->body, hs->work->request.context, 0));
    *next = KT_STATE_S13_POST_WAIT_CV;
    if (hs->work->peer.chain_len == 0) {
        if (hs->work->must_authenticate) {
            KT_FAIL(CERTIFICATE_REQUIRED);
        }
        *next = KT_STATE_S13_POST_WAIT_FINISHED;
    }
    return NULL;
}

/* The chain is asked about at the end: the answer stands in one piece, and must not wait for the owner in the middle.
 */
static const struct kt_fault *s13_post_on_certificate_verify(struct kt_hs *hs, const struct kt_message *message,
                                                             uint8_t *next)
{
    *next = KT_STATE_S13_POST_WAIT_FINISHED;
    return kt_auth13_take_verify(hs, message->body);
}

/* Keyed with what the record came under: the client's key may have changed since the handshake (section 4.5). */
static const struct kt_fault *s13_post_on_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    hs->work->client_handshake = *hs->carrier.ops->peer_secret(hs->carrier.self);
    KT_TRY(kt_auth13_take_finished(hs, message->body));
    if (hs->work->peer.chain_len == 0) {
        tell(hs, KT_RECEIVING, NULL, 0);
        *next = KT_STATE_S13_CONNECTED;
        return NULL;
    }
    kt_auth_ask_verify(hs);
    *next = KT_STATE_S13_POST_ASK_VERIFY;
    return NULL;
}

/* The exchange has all proofs, or the connection gets none of them (R2). */
static const struct kt_fault *s13_post_on_verified(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    const unsigned certificate = KT_PROOF_SIGNATURE | KT_PROOF_CHAIN;

    (void)message;
    kt_auth_accept_chain(hs);
    if (hs->proofs != (certificate | KT_PROOF_FINISHED)) {
        KT_FAIL(PROOF_MISSING);
    }
    hs->main->peer_scheme = hs->peer_scheme;
    hs->main->proofs |= certificate;
    kt_resume_identify(hs, &hs->main->origin);
    tell(hs, KT_RECEIVING, hs->work->peer.chain, hs->work->peer.chain_len);
    *next = KT_STATE_S13_CONNECTED;
    return NULL;
}

static const struct kt_row server_rows[] = {
    {KT_STATE_S13_POST_SEND_CR, KT_ROW_FLIGHT_ENDS, KT_ON_GO, {KT_STATE_S13_POST_WAIT_CERT}, s13_post_send_request},
    {KT_STATE_S13_POST_WAIT_CERT,
     0,
     KT_MSG_CERTIFICATE,
     {KT_STATE_S13_POST_WAIT_CV, KT_STATE_S13_POST_WAIT_FINISHED},
     s13_post_on_certificate},
    {KT_STATE_S13_POST_WAIT_CV,
     0,
     KT_MSG_CERTIFICATE_VERIFY,
     {KT_STATE_S13_POST_WAIT_FINISHED},
     s13_post_on_certificate_verify},
    {KT_STATE_S13_POST_WAIT_FINISHED,
     0,
     KT_MSG_FINISHED,
     {KT_STATE_S13_POST_ASK_VERIFY, KT_STATE_S13_CONNECTED},
     s13_post_on_finished},
    {KT_STATE_S13_POST_ASK_VERIFY, 0, KT_ON_ANSWER, {KT_STATE_S13_CONNECTED}, s13_post_on_verified},
};
const struct kt_table kt_table_post_auth_server = {"post_auth_server", server_rows, KT_COUNT_OF(server_rows)};

/* ---- whose message it is ---- */

static struct exchange *in_answer(const struct kt_hs *hs)
{
    struct exchange *x = hs->post_auth == NULL ? NULL : hs->post_auth->first;

    while (x != NULL && x->hs.state != KT_STATE_S13_POST_WAIT_CV && x->hs.state != KT_STATE_S13_POST_WAIT_FINISHED) {
        x = x->next;
    }
    return x;
}

bool kt_post_auth_is_answering(const struct kt_hs *hs)
{
    return in_answer(hs) != NULL;
}

/* The context says which request is answered (section 4.5.1): answers need not come in the order of the requests. */
static struct exchange *answered_by(const struct kt_hs *hs, const struct kt_message *message)
{
    struct kt_reader r = kt_reader_over(message->body);
    struct kt_span context;
    struct exchange *x;

    if (!kt_reader_vec8(&r, &context)) {
        context = kt_span_of(NULL, 0);
    }
    x = with_context(hs, context);
    /* None of them: the first one says what is wrong with it. */
    return x != NULL ? x : hs->post_auth->first;
}

const struct kt_fault *kt_post_auth_take(struct kt_hs *hs, const struct kt_message *message)
{
    struct exchange *x = in_answer(hs);

    if (hs->post_auth != NULL && hs->config->role == KT_CLIENT && message->type == KT_MSG_CERTIFICATE_REQUEST) {
        return take_request(hs, message);
    }
    if (x == NULL && hs->post_auth != NULL && hs->config->role == KT_SERVER && message->type == KT_MSG_CERTIFICATE &&
        hs->post_auth->first != NULL) {
        x = answered_by(hs, message);
    }
    return kt_machine_take(x != NULL ? &x->hs : hs, message);
}
