/*
 * The client of TLS 1.3 from EncryptedExtensions on (RFC 9846 appendix A.1).
 */
#include "hs/auth.h"
#include "hs/auth13.h"
#include "hs/limit13.h"
#include "hs/post_auth13.h"
#include "hs/resume.h"

static const struct kt_fault *c13_on_encrypted_extensions(struct kt_hs *hs, const struct kt_message *message,
                                                          uint8_t *next)
{
    struct kt_encrypted_extensions extensions;
    struct kt_span rest = hs->config->alpn;
    struct kt_span name;

    KT_TRY(kt_encrypted_extensions_decode(message->body, hs->work->hello.seen, &extensions));
    KT_TRY(kt_limit13_take(hs, &extensions));
    hs->tickets_told = (extensions.seen & KT_EXT_BIT(TICKET_REQUEST)) != 0;
    hs->tickets_expected = extensions.tickets_expected;
    *next = kt_hs_has_psk(hs) ? KT_STATE_C13_WAIT_FINISHED : KT_STATE_C13_WAIT_CERT_CR;
    if ((extensions.seen & KT_EXT_BIT(ALPN)) == 0) {
        return NULL;
    }
    while (kt_alpn_next(&rest, &name)) {
        if (kt_span_same(name, extensions.alpn)) {
            return kt_hs_keep_name(&hs->alpn, name);
        }
    }
    KT_FAIL(ALPN_NOT_OFFERED);
}

/* In the handshake the context is empty (section 4.4.2). */
static const struct kt_fault *c13_on_certificate_request(struct kt_hs *hs, const struct kt_message *message,
                                                         uint8_t *next)
{
    KT_TRY(kt_auth13_take_request(hs, message->body));
    if (hs->work->request.context.len != 0) {
        KT_FAIL(CERTIFICATE_CONTEXT_WRONG);
    }
    hs->work->certificate_asked = true;
    *next = KT_STATE_C13_WAIT_CERT;
    return NULL;
}

static const struct kt_fault *c13_on_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_auth13_take_certificate(hs, message->body, (struct kt_span){NULL, 0}, hs->work->hello.seen));
    if (hs->work->peer.chain_len == 0) {
        KT_FAIL(CERTIFICATE_NONE);
    }
    *next = KT_STATE_C13_WAIT_CV;
    return NULL;
}

static const struct kt_fault *c13_on_certificate_verify(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    KT_TRY(kt_auth13_take_verify(hs, message->body));
    kt_auth_ask_verify(hs);
    *next = KT_STATE_C13_ASK_VERIFY;
    return NULL;
}

static const struct kt_fault *c13_on_verified(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    kt_auth_accept_chain(hs);
    *next = KT_STATE_C13_WAIT_FINISHED;
    return NULL;
}

static uint8_t after_server_finished(struct kt_hs *hs)
{
    if (!hs->work->certificate_asked) {
        return KT_STATE_C13_SEND_FINISHED;
    }
    return kt_auth13_choose(hs) ? KT_STATE_C13_SEND_CERT : KT_STATE_C13_ASK_CREDENTIAL;
}

/* The server sends under its application key from here on; we change ours after our own Finished. */
static const struct kt_fault *c13_on_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_auth13_take_finished(hs, message->body));
    kt_transcript_add(&hs->work->transcript, message->whole);
    KT_TRY(kt_auth13_application_secrets(hs));
    KT_TRY(hs->carrier.ops->protect(hs->carrier.self, KT_RECEIVING, hs->suite, &hs->work->server_application, true));
    *next = after_server_finished(hs);
    return NULL;
}

static const struct kt_fault *c13_on_credential(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C13_SEND_CERT;
    return kt_auth13_take_credential(hs);
}

static const struct kt_fault *c13_send_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = hs->work->choice.credential == NULL ? KT_STATE_C13_SEND_FINISHED : KT_STATE_C13_SIGN;
    return kt_auth13_send_certificate(hs, hs->work->request.context, 0);
}

static const struct kt_fault *c13_sign(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C13_ASK_SIGN;
    return kt_auth13_ask_signature(hs);
}

static const struct kt_fault *c13_on_signature(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_C13_SEND_CV;
    return NULL;
}

static const struct kt_fault *c13_send_certificate_verify(struct kt_hs *hs, const struct kt_message *message,
                                                          uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C13_SEND_FINISHED;
    return kt_auth13_send_verify(hs);
}

static const struct kt_fault *c13_send_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_C13_APPLICATION_KEYS;
    return kt_auth13_send_finished(hs);
}

static const struct kt_fault *c13_application_keys(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (!kt_auth_is_proven(hs)) {
        KT_FAIL(PROOF_MISSING);
    }
    *next = KT_STATE_C13_CONNECTED;
    /* Before anything else can fail: the server reads what follows our Finished, an alert too, under this key. */
    KT_TRY(hs->carrier.ops->protect(hs->carrier.self, KT_SENDING, hs->suite, &hs->work->client_application, true));
    KT_TRY(kt_resume_prepare(hs));
    return kt_post_auth_prepare(hs);
}

static const struct kt_row rows[] = {
    {KT_STATE_C13_WAIT_EE,
     0,
     KT_MSG_ENCRYPTED_EXTENSIONS,
     {KT_STATE_C13_WAIT_CERT_CR, KT_STATE_C13_WAIT_FINISHED},
     c13_on_encrypted_extensions},
    {KT_STATE_C13_WAIT_CERT_CR, 0, KT_MSG_CERTIFICATE_REQUEST, {KT_STATE_C13_WAIT_CERT}, c13_on_certificate_request},
    {KT_STATE_C13_WAIT_CERT_CR, 0, KT_MSG_CERTIFICATE, {KT_STATE_C13_WAIT_CV}, c13_on_certificate},
    {KT_STATE_C13_WAIT_CERT, 0, KT_MSG_CERTIFICATE, {KT_STATE_C13_WAIT_CV}, c13_on_certificate},
    {KT_STATE_C13_WAIT_CV, 0, KT_MSG_CERTIFICATE_VERIFY, {KT_STATE_C13_ASK_VERIFY}, c13_on_certificate_verify},
    {KT_STATE_C13_ASK_VERIFY, 0, KT_ON_ANSWER, {KT_STATE_C13_WAIT_FINISHED}, c13_on_verified},
    {KT_STATE_C13_WAIT_FINISHED,
     KT_ROW_LAST_IN_RECORD | KT_ROW_HASH_SELF,
     KT_MSG_FINISHED,
     {KT_STATE_C13_SEND_FINISHED, KT_STATE_C13_SEND_CERT, KT_STATE_C13_ASK_CREDENTIAL},
     c13_on_finished},
    {KT_STATE_C13_ASK_CREDENTIAL, 0, KT_ON_ANSWER, {KT_STATE_C13_SEND_CERT}, c13_on_credential},
    {KT_STATE_C13_SEND_CERT, 0, KT_ON_GO, {KT_STATE_C13_SIGN, KT_STATE_C13_SEND_FINISHED}, c13_send_certificate},
    {KT_STATE_C13_SIGN, 0, KT_ON_GO, {KT_STATE_C13_ASK_SIGN}, c13_sign},
    {KT_STATE_C13_ASK_SIGN, 0, KT_ON_ANSWER, {KT_STATE_C13_SEND_CV}, c13_on_signature},
    {KT_STATE_C13_SEND_CV, 0, KT_ON_GO, {KT_STATE_C13_SEND_FINISHED}, c13_send_certificate_verify},
    {KT_STATE_C13_SEND_FINISHED, KT_ROW_FLIGHT_ENDS, KT_ON_GO, {KT_STATE_C13_APPLICATION_KEYS}, c13_send_finished},
    {KT_STATE_C13_APPLICATION_KEYS, 0, KT_ON_GO, {KT_STATE_C13_CONNECTED}, c13_application_keys},
};
const struct kt_table kt_table_tls13_client = {"tls13_client", rows, KT_COUNT_OF(rows)};
