/*
 * The server of TLS 1.3 (RFC 9846 appendix A.2).
 */
#include "hs/auth.h"
#include "hs/auth13.h"
#include "hs/decide.h"
#include "hs/limit13.h"
#include "hs/post_auth13.h"
#include "hs/psk13.h"
#include "hs/resume.h"

/* The groups, schemes and everything else a hello must hold are decided; what is left is whom to show. */
static const struct kt_fault *s13_choose(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    const struct kt_client_hello *hello = &hs->work->hello;
    struct kt_ask ask = {.kind = KT_ASK_CHOOSE_CREDENTIAL};

    (void)message;
    if (kt_psk13_is_all(hs->config)) {
        return kt_psk13_refuse(hs);
    }
    if ((hello->seen & KT_EXT_BIT(SIGNATURE_ALGORITHMS)) == 0) {
        KT_FAIL(EXTENSION_MISSING);
    }
    if (kt_config_asks(hs->config, KT_ASK_CHOOSE_CREDENTIAL)) {
        kt_hs_describe_hello(hs, &ask);
        kt_hs_ask(hs, &ask);
        *next = KT_STATE_S13_ASK_CREDENTIAL;
        return NULL;
    }
    *next = KT_STATE_S13_SEND_SH;
    return kt_decide_credential(hs->config, hello->server_name, hello->schemes, &hs->work->choice);
}

/* The transcript begins once the hash is known (section 4.1). */
static const struct kt_fault *adopt_choice(struct kt_hs *hs)
{
    hs->suite = hs->work->choice.suite;
    hs->group = hs->work->choice.group;
    return kt_hs_keep_name(&hs->alpn, hs->work->choice.alpn);
}

/* A key that the owner alone knows must be found first: the suite depends on it. */
static const struct kt_fault *s13_negotiate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    bool asked;

    (void)message;
    KT_TRY(kt_psk13_ask(hs, &asked));
    *next = asked ? KT_STATE_S13_ASK_PSK : KT_STATE_S13_DECIDE;
    return NULL;
}

static const struct kt_fault *s13_on_psk(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_S13_DECIDE;
    return NULL;
}

static const struct kt_fault *s13_decide(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_hs_work *work = hs->work;

    (void)message;
    KT_TRY(kt_decide_server13(hs->config, &work->hello, work->answer_psk, &work->choice));
    KT_TRY(adopt_choice(hs));
    kt_transcript_begin(&work->transcript, hs->suite->hash);
    kt_resume_hash_hello(hs, &work->hello, work->hello_message);
    kt_transcript_add(&work->transcript, work->hello_message);
    if (work->choice.peer_share.len == 0 && !work->choice.no_exchange) {
        *next = KT_STATE_S13_SEND_RETRY;
        return kt_psk13_before_retry(hs);
    }
    if ((work->hello.seen & KT_EXT_BIT(EARLY_DATA)) != 0) {
        hs->carrier.ops->skip_early_data(hs->carrier.self, false);
    }
    *next = KT_STATE_S13_FETCH;
    return NULL;
}

/* Tickets that are only handles are looked up by the owner. */
static const struct kt_fault *s13_fetch(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = kt_resume_fetch(hs) ? KT_STATE_S13_ASK_FETCH : KT_STATE_S13_RESUME;
    return NULL;
}

static const struct kt_fault *s13_on_fetched(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_S13_RESUME;
    return NULL;
}

/* Without a session: an external key, else a certificate. */
static const struct kt_fault *without_session(struct kt_hs *hs, uint8_t *next)
{
    KT_TRY(kt_psk13_take(hs));
    *next = hs->psk != NULL ? KT_STATE_S13_SEND_SH : KT_STATE_S13_CHOOSE;
    return NULL;
}

/* With a session nobody has to be shown. */
static const struct kt_fault *s13_resume(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (kt_resume_is_offered(hs)) {
        KT_TRY(kt_resume_find(hs));
    }
    if (hs->work->session == NULL) {
        return without_session(hs, next);
    }
    *next = KT_STATE_S13_ASK_RESUME;
    if (!kt_resume_ask(hs)) {
        kt_resume_begin(hs);
        *next = KT_STATE_S13_SEND_SH;
    }
    return NULL;
}

static const struct kt_fault *s13_on_resume(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (!hs->work->answer_resume) {
        kt_resume_forget(hs);
        return without_session(hs, next);
    }
    kt_resume_begin(hs);
    *next = KT_STATE_S13_SEND_SH;
    return NULL;
}

static struct kt_server_hello hello_base(const struct kt_hs *hs)
{
    return (struct kt_server_hello){
        .legacy_version = KT_TLS_1_2,
        .session_id = hs->work->hello.session_id,
        .suite = hs->suite->id,
        .version = KT_TLS_1_3,
        .seen = KT_EXT_BIT(SUPPORTED_VERSIONS),
    };
}

static const struct kt_fault *add_cookie(struct kt_hs *hs, struct kt_server_hello *retry)
{
    if (!hs->config->cookie) {
        return NULL;
    }
    KT_TRY(kt_hs_random(hs, hs->work->cookie, sizeof hs->work->cookie));
    retry->cookie = kt_span_of(hs->work->cookie, sizeof hs->work->cookie);
    retry->seen |= KT_EXT_BIT(COOKIE);
    return NULL;
}

static const struct kt_fault *s13_send_retry(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_server_hello retry = hello_base(hs);

    (void)message;
    retry.is_retry = true;
    retry.key_share.group = hs->group->id;
    retry.seen |= KT_EXT_BIT(KEY_SHARE);
    KT_TRY(add_cookie(hs, &retry));
    kt_transcript_retry(&hs->work->transcript);
    hs->retried = true;
    if ((hs->work->hello.seen & KT_EXT_BIT(EARLY_DATA)) != 0) {
        hs->carrier.ops->skip_early_data(hs->carrier.self, true);
    }
    KT_TRY(kt_hs_writer(hs, 256));
    kt_server_hello_encode(&hs->work->out, &retry);
    *next = KT_STATE_S13_RETRY_CCS;
    return NULL;
}

/* Behind the first message of the server, for middleboxes (appendix D.4). */
static const struct kt_fault *s13_retry_ccs(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S13_WAIT_CH2;
    KT_TRY(hs->carrier.ops->send_ccs(hs->carrier.self));
    return hs->carrier.ops->flight_done(hs->carrier.self);
}

static const struct kt_fault *check_cookie(const struct kt_hs *hs, const struct kt_client_hello *hello)
{
    if (!hs->config->cookie) {
        return NULL;
    }
    if (!kt_span_same(hello->cookie, kt_span_of(hs->work->cookie, sizeof hs->work->cookie))) {
        KT_FAIL(COOKIE_WRONG);
    }
    return NULL;
}

/* Exactly one share, of the group asked for (section 4.3.8). */
static const struct kt_fault *check_second_share(const struct kt_hs *hs, const struct kt_choice *choice,
                                                 const struct kt_client_hello *hello)
{
    struct kt_span rest = hello->key_shares;
    struct kt_key_share share;

    if (!kt_key_share_next(&rest, &share) || share.group != hs->group->id || rest.len != 0 ||
        choice->group != hs->group) {
        KT_FAIL(KEY_SHARE_NOT_ASKED);
    }
    return NULL;
}

/* Judged from scratch, then compared with the first (field survey, CVE-2025-6395, CVE-2026-34873). */
static const struct kt_fault *s13_on_second_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_hs_work *work = hs->work;
    struct kt_span copy = kt_arena_copy(&hs->arena, message->whole);
    struct kt_client_hello second;
    uint16_t version;

    if (copy.p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(kt_client_hello_decode(kt_span_of(copy.p + KT_MESSAGE_HEADER, copy.len - KT_MESSAGE_HEADER), &second));
    if (!kt_hello_unchanged(&work->hello, &second) || (second.seen & KT_EXT_BIT(EARLY_DATA)) != 0) {
        KT_FAIL(RETRY_HELLO_CHANGED);
    }
    KT_TRY(check_cookie(hs, &second));
    KT_TRY(kt_decide_version(hs->config, &second, &version));
    KT_TRY(kt_decide_server13(hs->config, &second, work->answer_psk, &work->choice));
    KT_TRY(check_second_share(hs, &work->choice, &second));
    if (work->choice.suite != hs->suite) {
        KT_FAIL(SUITE_CHANGED);
    }
    work->hello = second;
    work->hello_message = copy;
    kt_resume_hash_hello(hs, &second, copy);
    kt_transcript_add(&work->transcript, copy);
    *next = KT_STATE_S13_FETCH;
    return kt_hs_keep_name(&hs->alpn, work->choice.alpn);
}

static const struct kt_fault *s13_on_credential(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_choice *choice = &hs->work->choice;

    (void)message;
    choice->credential = hs->work->answer_credential;
    if (choice->credential == NULL) {
        KT_FAIL(NAME_NOT_SERVED);
    }
    choice->scheme = kt_decide_scheme(hs->config, choice->credential, hs->work->hello.schemes);
    if (choice->scheme == 0) {
        KT_FAIL(SCHEME_NONE_IN_COMMON);
    }
    *next = KT_STATE_S13_SEND_SH;
    return NULL;
}

/* Our share, and the secret both have. */
static const struct kt_fault *exchange_keys(struct kt_hs *hs, struct kt_server_hello *hello)
{
    uint8_t *share = kt_arena_take(&hs->arena, hs->group->responder_share_len);

    if (share == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(hs->group->respond(hs->group, hs->work->choice.peer_share, share, &hs->work->shared));
    hello->key_share.group = hs->group->id;
    hello->key_share.key = kt_span_of(share, hs->group->responder_share_len);
    hello->seen |= KT_EXT_BIT(KEY_SHARE);
    return NULL;
}

static const struct kt_fault *s13_send_server_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_server_hello hello = hello_base(hs);

    (void)message;
    KT_TRY(kt_hs_random(hs, hs->work->random, sizeof hs->work->random));
    hello.random = kt_span_of(hs->work->random, sizeof hs->work->random);
    if (hs->work->choice.no_exchange) {
        kt_auth13_no_exchange(hs, &hs->work->shared);
    } else {
        KT_TRY(exchange_keys(hs, &hello));
    }
    if (kt_hs_has_psk(hs)) {
        hello.psk_index = hs->work->psk_index;
        hello.seen |= KT_EXT_BIT(PRE_SHARED_KEY);
    }
    KT_TRY(kt_hs_writer(hs, 256u + hello.key_share.key.len));
    kt_server_hello_encode(&hs->work->out, &hello);
    *next = KT_STATE_S13_HANDSHAKE_KEYS;
    return NULL;
}

static const struct kt_fault *s13_handshake_keys(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    const struct kt_carrier *carrier = &hs->carrier;
    struct kt_hs_work *work = hs->work;
    const struct kt_fault *fault = kt_auth13_handshake_secrets(hs, kt_shared_secret_span(&work->shared));

    (void)message;
    kt_shared_secret_wipe(&work->shared);
    KT_TRY(fault);
    if (!hs->retried) {
        KT_TRY(carrier->ops->send_ccs(carrier->self));
    }
    KT_TRY(carrier->ops->protect(carrier->self, KT_SENDING, hs->suite, &work->server_handshake, false));
    KT_TRY(carrier->ops->protect(carrier->self, KT_RECEIVING, hs->suite, &work->client_handshake, false));
    *next = KT_STATE_S13_SEND_EE;
    return NULL;
}

static const struct kt_fault *s13_send_encrypted_extensions(struct kt_hs *hs, const struct kt_message *message,
                                                            uint8_t *next)
{
    struct kt_encrypted_extensions extensions = {0};

    (void)message;
    if (hs->alpn.len > 0) {
        extensions.alpn = kt_name_span(&hs->alpn);
        extensions.seen |= KT_EXT_BIT(ALPN);
    }
    /* Says that the name was used, which is so with certificates only (RFC 6066 section 3). */
    if (!kt_hs_has_psk(hs) && hs->server_name.len > 0 && hs->work->choice.credential->name_count > 0 &&
        kt_credential_serves(hs->work->choice.credential, kt_name_span(&hs->server_name))) {
        extensions.seen |= KT_EXT_BIT(SERVER_NAME);
    }
    kt_resume_answer_request(hs, &extensions);
    KT_TRY(kt_limit13_answer(hs, &extensions));
    KT_TRY(kt_hs_writer(hs, 64u + hs->alpn.len));
    kt_encrypted_extensions_encode(&hs->work->out, &extensions);
    *next = hs->config->client_auth == KT_CLIENT_AUTH_NONE ? KT_STATE_S13_SEND_CERT : KT_STATE_S13_SEND_CR;
    if (kt_hs_has_psk(hs)) {
        *next = KT_STATE_S13_SEND_FINISHED;
    }
    return NULL;
}

static const struct kt_fault *s13_send_certificate_request(struct kt_hs *hs, const struct kt_message *message,
                                                           uint8_t *next)
{
    (void)message;
    hs->work->certificate_asked = true;
    *next = KT_STATE_S13_SEND_CERT;
    return kt_auth13_send_request(hs, kt_span_of(NULL, 0));
}

static const struct kt_fault *s13_send_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S13_SIGN;
    return kt_auth13_send_certificate(hs, (struct kt_span){NULL, 0}, hs->work->hello.seen);
}

static const struct kt_fault *s13_sign(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S13_ASK_SIGN;
    return kt_auth13_ask_signature(hs);
}

static const struct kt_fault *s13_on_signature(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_S13_SEND_CV;
    return NULL;
}

static const struct kt_fault *s13_send_certificate_verify(struct kt_hs *hs, const struct kt_message *message,
                                                          uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S13_SEND_FINISHED;
    return kt_auth13_send_verify(hs);
}

static const struct kt_fault *s13_send_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S13_APPLICATION_KEYS;
    return kt_auth13_send_finished(hs);
}

/* Our sending key changes now; what the client still sends comes under its handshake key. */
static const struct kt_fault *s13_application_keys(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    KT_TRY(kt_auth13_application_secrets(hs));
    *next = hs->work->certificate_asked ? KT_STATE_S13_WAIT_CERT : KT_STATE_S13_WAIT_FINISHED;
    return hs->carrier.ops->protect(hs->carrier.self, KT_SENDING, hs->suite, &hs->work->server_application, true);
}

static const struct kt_fault *s13_on_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_auth13_take_certificate(hs, message->body, (struct kt_span){NULL, 0}, 0));
    *next = KT_STATE_S13_WAIT_CV;
    if (hs->work->peer.chain_len == 0) {
        if (hs->config->client_auth == KT_CLIENT_AUTH_REQUIRE) {
            KT_FAIL(CERTIFICATE_REQUIRED);
        }
        *next = KT_STATE_S13_WAIT_FINISHED;
    }
    return NULL;
}

static const struct kt_fault *s13_on_certificate_verify(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    KT_TRY(kt_auth13_take_verify(hs, message->body));
    kt_auth_ask_verify(hs);
    *next = KT_STATE_S13_ASK_VERIFY;
    return NULL;
}

static const struct kt_fault *s13_on_verified(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    kt_auth_accept_chain(hs);
    *next = KT_STATE_S13_WAIT_FINISHED;
    return NULL;
}

static const struct kt_fault *s13_on_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_auth13_take_finished(hs, message->body));
    if (!kt_auth_is_proven(hs)) {
        KT_FAIL(PROOF_MISSING);
    }
    kt_transcript_add(&hs->work->transcript, message->whole);
    KT_TRY(kt_resume_prepare(hs));
    KT_TRY(kt_post_auth_prepare(hs));
    *next = KT_STATE_S13_TICKETS;
    return hs->carrier.ops->protect(hs->carrier.self, KT_RECEIVING, hs->suite, &hs->work->client_application, true);
}

static bool wants_ticket(const struct kt_hs *hs)
{
    return hs->resumption_secret.len > 0 && hs->tickets_sent < kt_resume_ticket_count(hs) &&
           kt_resume_ticket_seconds(hs) > 0;
}

/* The arena must stay until the last ticket is out, so the next is begun, and the rest is reached, from here. Tickets
 * that are handles are made all at once, for one question. */
static const struct kt_fault *s13_tickets(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (!wants_ticket(hs)) {
        *next = KT_STATE_S13_CONNECTED;
        return hs->carrier.ops->flight_done(hs->carrier.self);
    }
    *next = KT_STATE_S13_SEND_NST;
    if (hs->config->resumption.stateful && hs->work->kept_count == 0) {
        *next = KT_STATE_S13_ASK_KEEP;
        return kt_resume_ask_keep(hs);
    }
    return NULL;
}

/* What is not kept cannot be resumed: no ticket for it. */
static const struct kt_fault *s13_on_kept(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (!hs->work->answer_kept) {
        kt_secret_wipe(&hs->resumption_secret);
    }
    *next = KT_STATE_S13_TICKETS;
    return NULL;
}

static const struct kt_fault *s13_send_ticket(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S13_TICKETS;
    return kt_resume_send_ticket(hs, kt_resume_ticket_seconds(hs));
}

static const struct kt_row rows[] = {
    {KT_STATE_S13_NEGOTIATE, 0, KT_ON_GO, {KT_STATE_S13_DECIDE, KT_STATE_S13_ASK_PSK}, s13_negotiate},
    {KT_STATE_S13_ASK_PSK, 0, KT_ON_ANSWER, {KT_STATE_S13_DECIDE}, s13_on_psk},
    {KT_STATE_S13_DECIDE, 0, KT_ON_GO, {KT_STATE_S13_FETCH, KT_STATE_S13_SEND_RETRY}, s13_decide},
    {KT_STATE_S13_SEND_RETRY, 0, KT_ON_GO, {KT_STATE_S13_RETRY_CCS}, s13_send_retry},
    {KT_STATE_S13_RETRY_CCS, 0, KT_ON_GO, {KT_STATE_S13_WAIT_CH2}, s13_retry_ccs},
    {KT_STATE_S13_WAIT_CH2,
     KT_ROW_LAST_IN_RECORD | KT_ROW_HASH_SELF,
     KT_MSG_CLIENT_HELLO,
     {KT_STATE_S13_FETCH},
     s13_on_second_hello},
    {KT_STATE_S13_FETCH, 0, KT_ON_GO, {KT_STATE_S13_RESUME, KT_STATE_S13_ASK_FETCH}, s13_fetch},
    {KT_STATE_S13_ASK_FETCH, 0, KT_ON_ANSWER, {KT_STATE_S13_RESUME}, s13_on_fetched},
    {KT_STATE_S13_RESUME,
     0,
     KT_ON_GO,
     {KT_STATE_S13_SEND_SH, KT_STATE_S13_CHOOSE, KT_STATE_S13_ASK_RESUME},
     s13_resume},
    {KT_STATE_S13_ASK_RESUME, 0, KT_ON_ANSWER, {KT_STATE_S13_SEND_SH, KT_STATE_S13_CHOOSE}, s13_on_resume},
    {KT_STATE_S13_CHOOSE, 0, KT_ON_GO, {KT_STATE_S13_SEND_SH, KT_STATE_S13_ASK_CREDENTIAL}, s13_choose},
    {KT_STATE_S13_ASK_CREDENTIAL, 0, KT_ON_ANSWER, {KT_STATE_S13_SEND_SH}, s13_on_credential},
    {KT_STATE_S13_SEND_SH, 0, KT_ON_GO, {KT_STATE_S13_HANDSHAKE_KEYS}, s13_send_server_hello},
    {KT_STATE_S13_HANDSHAKE_KEYS, 0, KT_ON_GO, {KT_STATE_S13_SEND_EE}, s13_handshake_keys},
    {KT_STATE_S13_SEND_EE,
     0,
     KT_ON_GO,
     {KT_STATE_S13_SEND_CERT, KT_STATE_S13_SEND_CR, KT_STATE_S13_SEND_FINISHED},
     s13_send_encrypted_extensions},
    {KT_STATE_S13_SEND_CR, 0, KT_ON_GO, {KT_STATE_S13_SEND_CERT}, s13_send_certificate_request},
    {KT_STATE_S13_SEND_CERT, 0, KT_ON_GO, {KT_STATE_S13_SIGN}, s13_send_certificate},
    {KT_STATE_S13_SIGN, 0, KT_ON_GO, {KT_STATE_S13_ASK_SIGN}, s13_sign},
    {KT_STATE_S13_ASK_SIGN, 0, KT_ON_ANSWER, {KT_STATE_S13_SEND_CV}, s13_on_signature},
    {KT_STATE_S13_SEND_CV, 0, KT_ON_GO, {KT_STATE_S13_SEND_FINISHED}, s13_send_certificate_verify},
    {KT_STATE_S13_SEND_FINISHED, KT_ROW_FLIGHT_ENDS, KT_ON_GO, {KT_STATE_S13_APPLICATION_KEYS}, s13_send_finished},
    {KT_STATE_S13_APPLICATION_KEYS,
     0,
     KT_ON_GO,
     {KT_STATE_S13_WAIT_FINISHED, KT_STATE_S13_WAIT_CERT},
     s13_application_keys},
    {KT_STATE_S13_WAIT_CERT,
     0,
     KT_MSG_CERTIFICATE,
     {KT_STATE_S13_WAIT_CV, KT_STATE_S13_WAIT_FINISHED},
     s13_on_certificate},
    {KT_STATE_S13_WAIT_CV, 0, KT_MSG_CERTIFICATE_VERIFY, {KT_STATE_S13_ASK_VERIFY}, s13_on_certificate_verify},
    {KT_STATE_S13_ASK_VERIFY, 0, KT_ON_ANSWER, {KT_STATE_S13_WAIT_FINISHED}, s13_on_verified},
    {KT_STATE_S13_WAIT_FINISHED,
     KT_ROW_LAST_IN_RECORD | KT_ROW_HASH_SELF,
     KT_MSG_FINISHED,
     {KT_STATE_S13_TICKETS},
     s13_on_finished},
    {KT_STATE_S13_TICKETS,
     0,
     KT_ON_GO,
     {KT_STATE_S13_SEND_NST, KT_STATE_S13_CONNECTED, KT_STATE_S13_ASK_KEEP},
     s13_tickets},
    {KT_STATE_S13_ASK_KEEP, 0, KT_ON_ANSWER, {KT_STATE_S13_TICKETS}, s13_on_kept},
    {KT_STATE_S13_SEND_NST, KT_ROW_NO_HASH, KT_ON_GO, {KT_STATE_S13_TICKETS}, s13_send_ticket},
};
const struct kt_table kt_table_tls13_server = {"tls13_server", rows, KT_COUNT_OF(rows)};
