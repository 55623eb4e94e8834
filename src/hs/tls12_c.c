/*
 * The client of TLS 1.2 and below from ServerHello on (RFC 5246 section 7.3).
 */
#include "hs/auth.h"
#include "hs/auth12.h"
#include "hs/decide12.h"
#include "hs/exchange12.h"
#include "hs/limit12.h"
#include "hs/resume.h"
#include "hs/resume12.h"

/* A server that does not know RFC 5746 may take our handshake for the continuation of an attacker's connection. */
static const struct kt_fault *check_renegotiation(struct kt_hs *hs, const struct kt_server_hello *hello)
{
    if (hello->renegotiation_info.len > 0) {
        KT_FAIL(RENEGOTIATION_INFO_WRONG);
    }
    hs->kept12.secure = (hello->seen & KT_EXT_BIT(RENEGOTIATION_INFO)) != 0;
    if (!hs->kept12.secure && !hs->config->no_renegotiation_info) {
        KT_FAIL(RENEGOTIATION_INFO_MISSING);
    }
    return NULL;
}

static const struct kt_fault *check_extended_secret(struct kt_hs *hs, const struct kt_server_hello *hello)
{
    hs->kept12.extended_secret = (hello->seen & KT_EXT_BIT(EXTENDED_MAIN_SECRET)) != 0;
    if (!hs->kept12.extended_secret && hs->config->ems_required) {
        KT_FAIL(EXTENDED_SECRET_MISSING);
    }
    return NULL;
}

static const struct kt_fault *take_alpn(struct kt_hs *hs, const struct kt_server_hello *hello)
{
    if ((hello->seen & KT_EXT_BIT(ALPN)) == 0) {
        return NULL;
    }
    if (!kt_resume_offers_alpn(hs->config, hello->alpn)) {
        KT_FAIL(ALPN_NOT_OFFERED);
    }
    return kt_hs_keep_name(&hs->alpn, hello->alpn);
}

/* The order of encryption and MAC is only for CBC (RFC 7366 section 3). */
static const struct kt_fault *take_encrypt_then_mac(struct kt_hs *hs, const struct kt_server_hello *hello)
{
    hs->work->v12->encrypt_then_mac = (hello->seen & KT_EXT_BIT(ENCRYPT_THEN_MAC)) != 0;
    if (hs->work->v12->encrypt_then_mac && hs->suite->cbc == NULL) {
        KT_FAIL_ALERT(EXTENSION_NOT_ALLOWED, ILLEGAL_PARAMETER);
    }
    return NULL;
}

static const struct kt_fault *c12_negotiate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    const struct kt_server_hello *hello = &hs->work->v12->hello;

    (void)message;
    KT_TRY(check_renegotiation(hs, hello));
    KT_TRY(check_extended_secret(hs, hello));
    KT_TRY(take_encrypt_then_mac(hs, hello));
    KT_TRY(take_alpn(hs, hello));
    KT_TRY(kt_limit12_take(hs, hello));
    KT_TRY(kt_resume12_judge(hs));
    hs->work->peer.sct_list = hello->sct_list;
    *next = hs->work->v12->facts->kx == KT_KX_RSA ? KT_STATE_C12_WAIT_RSA_CERT : KT_STATE_C12_WAIT_CERT;
    if (hs->resumed) {
        kt_work12_stop_notes(hs);
        kt_work12_resume_secret(hs);
        *next = KT_STATE_C12_SERVER_TURN;
    }
    return NULL;
}

static const struct kt_fault *take_certificate(struct kt_hs *hs, const struct kt_message *message)
{
    KT_TRY(kt_auth12_take_certificate(hs, message->body));
    if (hs->work->peer.chain_len == 0) {
        KT_FAIL(CERTIFICATE_NONE);
    }
    return NULL;
}

/* A server that acknowledged status_request may still have nothing to send (RFC 6066 section 8). */
static bool status_may_come(const struct kt_hs *hs)
{
    return (hs->work->v12->hello.seen & KT_EXT_BIT(STATUS_REQUEST)) != 0;
}

static const struct kt_fault *c12_on_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    *next = status_may_come(hs) ? KT_STATE_C12_WAIT_STATUS : KT_STATE_C12_WAIT_SKE;
    return take_certificate(hs, message);
}

static const struct kt_fault *c12_on_status(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    *next = KT_STATE_C12_WAIT_SKE;
    return kt_auth12_take_status(hs, message->body);
}

static const struct kt_fault *c12_on_server_key_exchange(struct kt_hs *hs, const struct kt_message *message,
                                                         uint8_t *next)
{
    *next = KT_STATE_C12_WAIT_CR;
    return kt_exchange12_take_server(hs, message->body);
}

static const struct kt_fault *c12_on_rsa_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    *next = status_may_come(hs) ? KT_STATE_C12_WAIT_RSA_STATUS : KT_STATE_C12_WAIT_CR;
    return take_certificate(hs, message);
}

static const struct kt_fault *c12_on_rsa_status(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    *next = KT_STATE_C12_WAIT_CR;
    return kt_auth12_take_status(hs, message->body);
}

static const struct kt_fault *c12_on_certificate_request(struct kt_hs *hs, const struct kt_message *message,
                                                         uint8_t *next)
{
    *next = KT_STATE_C12_WAIT_DONE;
    return kt_auth12_take_request(hs, message->body);
}

static const struct kt_fault *c12_on_server_hello_done(struct kt_hs *hs, const struct kt_message *message,
                                                       uint8_t *next)
{
    KT_TRY(kt_empty12_decode(message->body));
    if (!hs->work->certificate_asked) {
        kt_work12_stop_notes(hs);
    }
    hs->peer_stapled = hs->work->peer.ocsp_response.len > 0;
    hs->peer_scts = (uint16_t)kt_sct_count(hs->work->peer.sct_list);
    kt_auth_ask_verify(hs);
    *next = KT_STATE_C12_ASK_VERIFY;
    return NULL;
}

static bool accepts_type(const struct kt_hs *hs, uint16_t scheme)
{
    struct kt_span types = hs->work->v12->certificate_types;
    uint8_t wanted =
        kt_scheme_auth(scheme) == KT_AUTH_RSA ? KT_CERTIFICATE_TYPE_RSA_SIGN : KT_CERTIFICATE_TYPE_ECDSA_SIGN;

    for (size_t i = 0; i < types.len; i++) {
        if (types.p[i] == wanted) {
            return true;
        }
    }
    return false;
}

/* 0: the server would not take a signature of this credential. */
static uint16_t scheme_for(const struct kt_hs *hs, const struct kt_credential *credential)
{
    uint16_t scheme = kt_decide_scheme12(hs->config, credential, NULL, hs->work->request.schemes, hs->version);

    return scheme != 0 && accepts_type(hs, scheme) ? scheme : 0;
}

/* Which of our own certificates answers the request, if any: as kt_decide_own_credential. */
static void choose_own_credential(struct kt_hs *hs)
{
    struct kt_choice *choice = &hs->work->choice;

    for (size_t i = 0; i < hs->config->credential_count; i++) {
        struct kt_credential *credential = hs->config->credentials[i];
        uint16_t scheme = scheme_for(hs, credential);
        bool wanted = scheme != 0 && kt_credential_is_of(credential, hs->work->request.authorities);

        if (scheme != 0 && (wanted || choice->credential == NULL)) {
            choice->credential = credential;
            choice->scheme = scheme;
        }
        if (wanted) {
            return;
        }
    }
}

static void ask_credential(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_CHOOSE_CREDENTIAL};
    const struct kt_certificate_request *request = &hs->work->request;

    ask.u.choose.server_name = kt_name_span(&hs->server_name);
    ask.u.choose.schemes = request->schemes;
    ask.u.choose.cert_schemes = request->schemes;
    ask.u.choose.authorities = request->authorities;
    kt_hs_ask(hs, &ask);
}

static const struct kt_fault *c12_on_verified(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    kt_auth_accept_chain(hs);
    *next = KT_STATE_C12_SEND_CKE;
    if (!hs->work->certificate_asked) {
        return NULL;
    }
    *next = KT_STATE_C12_SEND_CERT;
    if (kt_config_asks(hs->config, KT_ASK_CHOOSE_CREDENTIAL)) {
        ask_credential(hs);
        *next = KT_STATE_C12_ASK_CREDENTIAL;
    } else {
        choose_own_credential(hs);
    }
    return NULL;
}

static const struct kt_fault *c12_on_credential(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_choice *choice = &hs->work->choice;

    (void)message;
    choice->credential = hs->work->answer_credential;
    if (choice->credential != NULL) {
        choice->scheme = scheme_for(hs, choice->credential);
        if (choice->scheme == 0) {
            KT_FAIL(SCHEME_NONE_IN_COMMON);
        }
    }
    *next = KT_STATE_C12_SEND_CERT;
    return NULL;
}

static const struct kt_fault *c12_send_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C12_SEND_CKE;
    return kt_auth12_send_certificate(hs);
}

static const struct kt_fault *c12_send_client_key_exchange(struct kt_hs *hs, const struct kt_message *message,
                                                           uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C12_MAIN_SECRET;
    return kt_exchange12_send_client(hs);
}

/* Behind ClientKeyExchange, which the extended main secret covers. */
static const struct kt_fault *c12_main_secret(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    kt_work12_main_secret(hs);
    *next = KT_STATE_C12_CHANGE_KEYS;
    if (hs->work->choice.credential == NULL) {
        return NULL;
    }
    *next = KT_STATE_C12_ASK_SIGN;
    return kt_auth12_ask_verify_signature(hs);
}

static const struct kt_fault *c12_on_signature(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_C12_SEND_CV;
    return NULL;
}

static const struct kt_fault *c12_send_certificate_verify(struct kt_hs *hs, const struct kt_message *message,
                                                          uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C12_CHANGE_KEYS;
    return kt_auth12_send_verify(hs);
}

static const struct kt_fault *c12_change_keys(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C12_SEND_FINISHED;
    return kt_work12_change_sending(hs);
}

/* In a resumption ours is the last word. */
static const struct kt_fault *c12_send_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = hs->resumed ? KT_STATE_C12_END : KT_STATE_C12_SERVER_TURN;
    return kt_work12_send_finished(hs);
}

/* A server that promised a ticket sends one (RFC 5077 section 3.3). */
static const struct kt_fault *c12_server_turn(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    bool ticket = (hs->work->v12->hello.seen & KT_EXT_BIT(SESSION_TICKET)) != 0;

    (void)message;
    *next = ticket ? KT_STATE_C12_WAIT_NST : KT_STATE_C12_WAIT_CCS;
    return NULL;
}

static const struct kt_fault *c12_on_new_session_ticket(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    *next = KT_STATE_C12_WAIT_CCS;
    return kt_resume12_take_ticket(hs, message->body);
}

static const struct kt_fault *c12_on_change_cipher_spec(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C12_WAIT_FINISHED;
    return kt_work12_change_receiving(hs);
}

static const struct kt_fault *c12_on_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_work12_take_finished(hs, message->body));
    *next = hs->resumed ? KT_STATE_C12_CHANGE_KEYS : KT_STATE_C12_END;
    return kt_hs_hash(hs, message->whole);
}

static const struct kt_fault *c12_end(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (!kt_auth_is_proven(hs)) {
        KT_FAIL(PROOF_MISSING);
    }
    if (!hs->resumed) {
        KT_TRY(kt_resume_begin_lineage(hs));
    }
    *next = KT_STATE_C12_CONNECTED;
    return kt_resume12_end(hs);
}

static const struct kt_row rows[] = {
    {KT_STATE_C12_NEGOTIATE,
     0,
     KT_ON_GO,
     {KT_STATE_C12_WAIT_CERT, KT_STATE_C12_WAIT_RSA_CERT, KT_STATE_C12_SERVER_TURN},
     c12_negotiate},
    {KT_STATE_C12_WAIT_CERT,
     0,
     KT_MSG_CERTIFICATE,
     {KT_STATE_C12_WAIT_SKE, KT_STATE_C12_WAIT_STATUS},
     c12_on_certificate},
    {KT_STATE_C12_WAIT_STATUS, 0, KT_MSG_CERTIFICATE_STATUS, {KT_STATE_C12_WAIT_SKE}, c12_on_status},
    {KT_STATE_C12_WAIT_STATUS, 0, KT_MSG_SERVER_KEY_EXCHANGE, {KT_STATE_C12_WAIT_CR}, c12_on_server_key_exchange},
    {KT_STATE_C12_WAIT_SKE, 0, KT_MSG_SERVER_KEY_EXCHANGE, {KT_STATE_C12_WAIT_CR}, c12_on_server_key_exchange},
    {KT_STATE_C12_WAIT_RSA_CERT,
     0,
     KT_MSG_CERTIFICATE,
     {KT_STATE_C12_WAIT_CR, KT_STATE_C12_WAIT_RSA_STATUS},
     c12_on_rsa_certificate},
    {KT_STATE_C12_WAIT_RSA_STATUS, 0, KT_MSG_CERTIFICATE_STATUS, {KT_STATE_C12_WAIT_CR}, c12_on_rsa_status},
    {KT_STATE_C12_WAIT_RSA_STATUS, 0, KT_MSG_CERTIFICATE_REQUEST, {KT_STATE_C12_WAIT_DONE}, c12_on_certificate_request},
    {KT_STATE_C12_WAIT_RSA_STATUS,
     KT_ROW_LAST_IN_RECORD,
     KT_MSG_SERVER_HELLO_DONE,
     {KT_STATE_C12_ASK_VERIFY},
     c12_on_server_hello_done},
    {KT_STATE_C12_WAIT_CR, 0, KT_MSG_CERTIFICATE_REQUEST, {KT_STATE_C12_WAIT_DONE}, c12_on_certificate_request},
    {KT_STATE_C12_WAIT_CR,
     KT_ROW_LAST_IN_RECORD,
     KT_MSG_SERVER_HELLO_DONE,
     {KT_STATE_C12_ASK_VERIFY},
     c12_on_server_hello_done},
    {KT_STATE_C12_WAIT_DONE,
     KT_ROW_LAST_IN_RECORD,
     KT_MSG_SERVER_HELLO_DONE,
     {KT_STATE_C12_ASK_VERIFY},
     c12_on_server_hello_done},
    {KT_STATE_C12_ASK_VERIFY,
     0,
     KT_ON_ANSWER,
     {KT_STATE_C12_SEND_CKE, KT_STATE_C12_SEND_CERT, KT_STATE_C12_ASK_CREDENTIAL},
     c12_on_verified},
    {KT_STATE_C12_ASK_CREDENTIAL, 0, KT_ON_ANSWER, {KT_STATE_C12_SEND_CERT}, c12_on_credential},
    {KT_STATE_C12_SEND_CERT, 0, KT_ON_GO, {KT_STATE_C12_SEND_CKE}, c12_send_certificate},
    {KT_STATE_C12_SEND_CKE, 0, KT_ON_GO, {KT_STATE_C12_MAIN_SECRET}, c12_send_client_key_exchange},
    {KT_STATE_C12_MAIN_SECRET, 0, KT_ON_GO, {KT_STATE_C12_CHANGE_KEYS, KT_STATE_C12_ASK_SIGN}, c12_main_secret},
    {KT_STATE_C12_ASK_SIGN, 0, KT_ON_ANSWER, {KT_STATE_C12_SEND_CV}, c12_on_signature},
    {KT_STATE_C12_SEND_CV, 0, KT_ON_GO, {KT_STATE_C12_CHANGE_KEYS}, c12_send_certificate_verify},
    {KT_STATE_C12_CHANGE_KEYS, 0, KT_ON_GO, {KT_STATE_C12_SEND_FINISHED}, c12_change_keys},
    {KT_STATE_C12_SEND_FINISHED,
     KT_ROW_FLIGHT_ENDS,
     KT_ON_GO,
     {KT_STATE_C12_SERVER_TURN, KT_STATE_C12_END},
     c12_send_finished},
    {KT_STATE_C12_SERVER_TURN, 0, KT_ON_GO, {KT_STATE_C12_WAIT_CCS, KT_STATE_C12_WAIT_NST}, c12_server_turn},
    {KT_STATE_C12_WAIT_NST, 0, KT_MSG_NEW_SESSION_TICKET, {KT_STATE_C12_WAIT_CCS}, c12_on_new_session_ticket},
    {KT_STATE_C12_WAIT_CCS, 0, KT_ON_CCS, {KT_STATE_C12_WAIT_FINISHED}, c12_on_change_cipher_spec},
    {KT_STATE_C12_WAIT_FINISHED,
     KT_ROW_LAST_IN_RECORD | KT_ROW_HASH_SELF,
     KT_MSG_FINISHED,
     {KT_STATE_C12_END, KT_STATE_C12_CHANGE_KEYS},
     c12_on_finished},
    {KT_STATE_C12_END, 0, KT_ON_GO, {KT_STATE_C12_CONNECTED}, c12_end},
};
const struct kt_table kt_table_tls12_client = {"tls12_client", rows, KT_COUNT_OF(rows)};
