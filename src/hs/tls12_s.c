/*
 * The server of TLS 1.2 and below from ClientHello on (RFC 5246 section 7.3).
 */
#include "hs/auth.h"
#include "hs/auth12.h"
#include "hs/decide12.h"
#include "hs/exchange12.h"
#include "hs/limit12.h"
#include "hs/rehandshake12.h"
#include "hs/resume.h"
#include "hs/resume12.h"

/* A rehandshake that does not speak of protocols keeps the one there is: some clients name them only once. */
static const struct kt_fault *negotiate_alpn(struct kt_hs *hs)
{
    const struct kt_client_hello *hello = &hs->work->hello;
    struct kt_choice *choice = &hs->work->choice;

    if (kt_hs_is_again(hs) && (hello->seen & KT_EXT_BIT(ALPN)) == 0) {
        return NULL;
    }
    KT_TRY(kt_decide_alpn(hs->config, hello, &choice->alpn));
    return kt_hs_keep_name(&hs->alpn, choice->alpn);
}

/* RFC 5746 sections 3.6 and 3.7. */
static const struct kt_fault *negotiate_renegotiation(struct kt_hs *hs)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    hs->kept12.secure = (hello->seen & KT_EXT_BIT(RENEGOTIATION_INFO)) != 0 || hello->has_renegotiation_scsv;
    return kt_decide_renegotiation12(hello, kt_rehandshake12_binding(hs, KT_CLIENT, hs->work->v12->binding));
}

/* What holds whatever is resumed or chosen. The transcript begins when the suite is known. */
static const struct kt_fault *s12_negotiate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    (void)message;
    KT_TRY(kt_work12_begin(hs));
    hs->work->v12->notes = kt_auth_client(hs) != KT_CLIENT_AUTH_NONE;
    KT_TRY(kt_decide_hello12(hs->config, hello));
    KT_TRY(negotiate_renegotiation(hs));
    KT_TRY(negotiate_alpn(hs));
    hs->kept12.extended_secret = (hello->seen & KT_EXT_BIT(EXTENDED_MAIN_SECRET)) != 0;
    KT_TRY(kt_rehandshake12_check_agreed(hs));
    if (!kt_hs_is_again(hs)) {
        hs->carrier.ops->speak(hs->carrier.self, hs->version);
    }
    KT_TRY(kt_resume12_open_ticket(hs));
    *next = KT_STATE_S12_RESUME;
    if (hello->session_ticket.len == 0 && kt_resume12_ask_session(hs)) {
        *next = KT_STATE_S12_ASK_SESSION;
    }
    return NULL;
}

static const struct kt_fault *s12_on_session(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_S12_RESUME;
    return NULL;
}

static void begin_resumption(struct kt_hs *hs)
{
    kt_resume_begin(hs);
    hs->work->choice.suite = kt_crypto_suite(hs->config->crypto, hs->work->session->data.suite);
    kt_work12_stop_notes(hs);
}

static const struct kt_fault *s12_resume(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    KT_TRY(kt_resume12_gate(hs));
    *next = KT_STATE_S12_CHOOSE;
    if (hs->work->session == NULL) {
        return NULL;
    }
    *next = KT_STATE_S12_ASK_RESUME;
    if (kt_resume_ask(hs)) {
        return NULL;
    }
    *next = KT_STATE_S12_SEND_SH;
    begin_resumption(hs);
    return NULL;
}

static const struct kt_fault *s12_on_resume(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (!hs->work->answer_resume) {
        kt_resume_forget(hs);
        *next = KT_STATE_S12_CHOOSE;
        return NULL;
    }
    *next = KT_STATE_S12_SEND_SH;
    begin_resumption(hs);
    return NULL;
}

static const struct kt_fault *s12_choose(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_ask ask = {.kind = KT_ASK_CHOOSE_CREDENTIAL};

    (void)message;
    if (kt_config_asks(hs->config, KT_ASK_CHOOSE_CREDENTIAL)) {
        kt_hs_describe_hello(hs, &ask);
        kt_hs_ask(hs, &ask);
        *next = KT_STATE_S12_ASK_CREDENTIAL;
        return NULL;
    }
    *next = KT_STATE_S12_SEND_SH;
    return kt_decide_suite12(hs->config, &hs->work->hello, hs->version, NULL, &hs->work->choice);
}

static const struct kt_fault *s12_on_credential(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (hs->work->answer_credential == NULL) {
        KT_FAIL(NAME_NOT_SERVED);
    }
    *next = KT_STATE_S12_SEND_SH;
    return kt_decide_suite12(hs->config, &hs->work->hello, hs->version, hs->work->answer_credential, &hs->work->choice);
}

/* The last eight bytes say that we know more than was negotiated (RFC 9846 section 4.2.3). */
static const struct kt_fault *make_random(struct kt_hs *hs)
{
    uint8_t *random = hs->work->v12->server_random;
    const size_t at = sizeof hs->work->v12->server_random - sizeof kt_downgrade_12;
    uint16_t highest = hs->config->versions[0];

    KT_TRY(kt_hs_random(hs, random, sizeof hs->work->v12->server_random));
    if (kt_hs_is_again(hs)) {
        return NULL; /* no version was chosen */
    }
    if (highest == KT_TLS_1_3 && hs->version == KT_TLS_1_2) {
        kt_copy(random + at, kt_downgrade_12, sizeof kt_downgrade_12);
    } else if (highest >= KT_TLS_1_2 && hs->version < KT_TLS_1_2) {
        kt_copy(random + at, kt_downgrade_11, sizeof kt_downgrade_11);
    }
    return NULL;
}

static bool has_ocsp(const struct kt_hs *hs)
{
    return hs->work->choice.credential->ocsp_response.len > 0;
}

/* Extensions about the certificate, which a resumption does not show. */
static void add_certificate_extensions(const struct kt_hs *hs, struct kt_server_hello *out)
{
    const struct kt_credential *credential = hs->work->choice.credential;
    uint32_t asked = hs->work->hello.seen;

    if ((asked & KT_EXT_BIT(STATUS_REQUEST)) != 0 && has_ocsp(hs)) {
        out->seen |= KT_EXT_BIT(STATUS_REQUEST);
    }
    if ((asked & KT_EXT_BIT(SCT)) != 0 && credential->sct_list.len > 0) {
        out->sct_list = credential->sct_list;
        out->seen |= KT_EXT_BIT(SCT);
    }
    if (hs->server_name.len > 0 && credential->name_count > 0 &&
        kt_credential_serves(credential, kt_name_span(&hs->server_name))) {
        out->seen |= KT_EXT_BIT(SERVER_NAME);
    }
}

static const struct kt_fault *add_extensions(struct kt_hs *hs, struct kt_server_hello *out)
{
    struct kt_work12 *work = hs->work->v12;
    uint32_t asked = hs->work->hello.seen;

    if (hs->alpn.len > 0 && (asked & KT_EXT_BIT(ALPN)) != 0) {
        out->alpn = kt_name_span(&hs->alpn);
        out->seen |= KT_EXT_BIT(ALPN);
    }
    work->encrypt_then_mac = hs->suite->cbc != NULL && (asked & KT_EXT_BIT(ENCRYPT_THEN_MAC)) != 0;
    out->seen |= work->encrypt_then_mac ? KT_EXT_BIT(ENCRYPT_THEN_MAC) : 0;
    out->seen |= hs->kept12.extended_secret ? KT_EXT_BIT(EXTENDED_MAIN_SECRET) : 0;
    out->seen |= hs->kept12.secure ? KT_EXT_BIT(RENEGOTIATION_INFO) : 0;
    out->renegotiation_info = kt_rehandshake12_binding(hs, KT_SERVER, work->binding);
    out->seen |= work->facts->kx == KT_KX_ECDHE ? asked & KT_EXT_BIT(EC_POINT_FORMATS) : 0;
    if (!hs->resumed) {
        add_certificate_extensions(hs, out);
    }
    return kt_limit12_answer(hs, out);
}

static const struct kt_fault *s12_send_server_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    struct kt_work12 *work = hs->work->v12;
    struct kt_server_hello *hello = &work->hello;

    (void)message;
    KT_TRY(kt_work12_fix(hs, hs->work->choice.suite));
    KT_TRY(kt_hs_hash(hs, hs->work->hello_message));
    KT_TRY(make_random(hs));
    *hello = (struct kt_server_hello){
        .legacy_version = hs->version,
        .random = kt_span_of(work->server_random, sizeof work->server_random),
        .suite = hs->suite->id,
    };
    KT_TRY(kt_resume12_promise(hs, hello));
    KT_TRY(add_extensions(hs, hello));
    KT_TRY(kt_hs_writer(hs, 256u + hs->alpn.len + hello->sct_list.len));
    kt_server_hello_encode(&hs->work->out, hello);
    *next = hs->resumed ? KT_STATE_S12_OWN_TURN : KT_STATE_S12_SEND_CERT;
    return NULL;
}

static const struct kt_fault *s12_send_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    bool staple = (hs->work->v12->hello.seen & KT_EXT_BIT(STATUS_REQUEST)) != 0;

    (void)message;
    *next = staple ? KT_STATE_S12_SEND_STATUS : KT_STATE_S12_KEY_EXCHANGE;
    return kt_auth12_send_certificate(hs);
}

static const struct kt_fault *s12_send_status(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S12_KEY_EXCHANGE;
    return kt_auth12_send_status(hs);
}

static uint8_t behind_key_exchange(const struct kt_hs *hs)
{
    return kt_auth_client(hs) == KT_CLIENT_AUTH_NONE ? KT_STATE_S12_SEND_DONE : KT_STATE_S12_SEND_CR;
}

/* With static RSA the certificate says it all. */
static const struct kt_fault *s12_key_exchange(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (hs->work->v12->facts->kx == KT_KX_RSA) {
        *next = behind_key_exchange(hs);
        return NULL;
    }
    *next = KT_STATE_S12_ASK_SIGN;
    return kt_exchange12_ask_signature(hs);
}

static const struct kt_fault *s12_on_signature(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_S12_SEND_SKE;
    return NULL;
}

static const struct kt_fault *s12_send_server_key_exchange(struct kt_hs *hs, const struct kt_message *message,
                                                           uint8_t *next)
{
    (void)message;
    *next = behind_key_exchange(hs);
    return kt_exchange12_send_server(hs);
}

static const struct kt_fault *s12_send_certificate_request(struct kt_hs *hs, const struct kt_message *message,
                                                           uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S12_SEND_DONE;
    return kt_auth12_send_request(hs);
}

static const struct kt_fault *s12_send_server_hello_done(struct kt_hs *hs, const struct kt_message *message,
                                                         uint8_t *next)
{
    (void)message;
    *next = hs->work->certificate_asked ? KT_STATE_S12_WAIT_CERT : KT_STATE_S12_WAIT_CKE;
    KT_TRY(kt_hs_writer(hs, KT_MESSAGE_HEADER));
    kt_server_hello_done_encode(&hs->work->out);
    return NULL;
}

static const struct kt_fault *s12_on_certificate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    *next = KT_STATE_S12_WAIT_CKE;
    KT_TRY(kt_auth12_take_certificate(hs, message->body));
    KT_TRY(kt_rehandshake12_check_certificate(hs));
    if (hs->work->peer.chain_len > 0) {
        return NULL;
    }
    /* No alert of its own before TLS 1.3 (RFC 5246 section 7.4.6). */
    if (kt_auth_client(hs) == KT_CLIENT_AUTH_REQUIRE) {
        KT_FAIL_ALERT(CERTIFICATE_REQUIRED, HANDSHAKE_FAILURE);
    }
    kt_work12_stop_notes(hs);
    return NULL;
}

static const struct kt_fault *s12_on_client_key_exchange(struct kt_hs *hs, const struct kt_message *message,
                                                         uint8_t *next)
{
    *next = hs->work->v12->facts->kx == KT_KX_RSA ? KT_STATE_S12_ASK_DECRYPT : KT_STATE_S12_MAIN_SECRET;
    return kt_exchange12_take_client(hs, message->body);
}

static const struct kt_fault *s12_on_decrypted(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_S12_MAIN_SECRET;
    return NULL;
}

/* A client that showed a certificate proves it before anything else. */
static const struct kt_fault *s12_main_secret(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    kt_work12_main_secret(hs);
    *next = hs->work->peer.chain_len > 0 ? KT_STATE_S12_WAIT_CV : KT_STATE_S12_WAIT_CCS;
    return NULL;
}

static const struct kt_fault *s12_on_certificate_verify(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    *next = KT_STATE_S12_ASK_VERIFY;
    return kt_auth12_take_verify(hs, message->body);
}

static const struct kt_fault *s12_on_verified(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    kt_auth_accept_chain(hs);
    *next = KT_STATE_S12_WAIT_CCS;
    return NULL;
}

static const struct kt_fault *s12_on_change_cipher_spec(struct kt_hs *hs, const struct kt_message *message,
                                                        uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S12_WAIT_FINISHED;
    return kt_work12_change_receiving(hs);
}

static const struct kt_fault *s12_on_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(kt_work12_take_finished(hs, message->body));
    if (!kt_auth_is_proven(hs)) {
        KT_FAIL(PROOF_MISSING);
    }
    *next = KT_STATE_S12_END;
    if (!hs->resumed) {
        KT_TRY(kt_resume_begin_lineage(hs));
        *next = KT_STATE_S12_OWN_TURN;
    }
    return kt_hs_hash(hs, message->whole);
}

/* Our Finished is the first in a resumption and the last in a full handshake; a ticket goes before it in both. */
static const struct kt_fault *s12_own_turn(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (hs->resumed) {
        kt_work12_resume_secret(hs);
    }
    *next = hs->work->v12->sends_ticket ? KT_STATE_S12_SEND_NST : KT_STATE_S12_CHANGE_KEYS;
    return NULL;
}

static const struct kt_fault *s12_send_ticket(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S12_CHANGE_KEYS;
    return kt_resume12_send_ticket(hs);
}

static const struct kt_fault *s12_change_keys(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S12_SEND_FINISHED;
    return kt_work12_change_sending(hs);
}

static const struct kt_fault *s12_send_finished(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = hs->resumed ? KT_STATE_S12_WAIT_CCS : KT_STATE_S12_END;
    return kt_work12_send_finished(hs);
}

/* The memory of the handshake must stay until its last message is out. */
static const struct kt_fault *s12_end(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    *next = KT_STATE_S12_CONNECTED;
    return kt_resume12_end(hs);
}

static const struct kt_row rows[] = {
    {KT_STATE_S12_NEGOTIATE, 0, KT_ON_GO, {KT_STATE_S12_RESUME, KT_STATE_S12_ASK_SESSION}, s12_negotiate},
    {KT_STATE_S12_ASK_SESSION, 0, KT_ON_ANSWER, {KT_STATE_S12_RESUME}, s12_on_session},
    {KT_STATE_S12_RESUME,
     0,
     KT_ON_GO,
     {KT_STATE_S12_SEND_SH, KT_STATE_S12_CHOOSE, KT_STATE_S12_ASK_RESUME},
     s12_resume},
    {KT_STATE_S12_ASK_RESUME, 0, KT_ON_ANSWER, {KT_STATE_S12_SEND_SH, KT_STATE_S12_CHOOSE}, s12_on_resume},
    {KT_STATE_S12_CHOOSE, 0, KT_ON_GO, {KT_STATE_S12_SEND_SH, KT_STATE_S12_ASK_CREDENTIAL}, s12_choose},
    {KT_STATE_S12_ASK_CREDENTIAL, 0, KT_ON_ANSWER, {KT_STATE_S12_SEND_SH}, s12_on_credential},
    {KT_STATE_S12_SEND_SH, 0, KT_ON_GO, {KT_STATE_S12_SEND_CERT, KT_STATE_S12_OWN_TURN}, s12_send_server_hello},
    {KT_STATE_S12_SEND_CERT, 0, KT_ON_GO, {KT_STATE_S12_KEY_EXCHANGE, KT_STATE_S12_SEND_STATUS}, s12_send_certificate},
    {KT_STATE_S12_SEND_STATUS, 0, KT_ON_GO, {KT_STATE_S12_KEY_EXCHANGE}, s12_send_status},
    {KT_STATE_S12_KEY_EXCHANGE,
     0,
     KT_ON_GO,
     {KT_STATE_S12_ASK_SIGN, KT_STATE_S12_SEND_CR, KT_STATE_S12_SEND_DONE},
     s12_key_exchange},
    {KT_STATE_S12_ASK_SIGN, 0, KT_ON_ANSWER, {KT_STATE_S12_SEND_SKE}, s12_on_signature},
    {KT_STATE_S12_SEND_SKE, 0, KT_ON_GO, {KT_STATE_S12_SEND_CR, KT_STATE_S12_SEND_DONE}, s12_send_server_key_exchange},
    {KT_STATE_S12_SEND_CR, 0, KT_ON_GO, {KT_STATE_S12_SEND_DONE}, s12_send_certificate_request},
    {KT_STATE_S12_SEND_DONE,
     KT_ROW_FLIGHT_ENDS,
     KT_ON_GO,
     {KT_STATE_S12_WAIT_CKE, KT_STATE_S12_WAIT_CERT},
     s12_send_server_hello_done},
    {KT_STATE_S12_WAIT_CERT, 0, KT_MSG_CERTIFICATE, {KT_STATE_S12_WAIT_CKE}, s12_on_certificate},
    {KT_STATE_S12_WAIT_CKE,
     0,
     KT_MSG_CLIENT_KEY_EXCHANGE,
     {KT_STATE_S12_MAIN_SECRET, KT_STATE_S12_ASK_DECRYPT},
     s12_on_client_key_exchange},
    {KT_STATE_S12_ASK_DECRYPT, 0, KT_ON_ANSWER, {KT_STATE_S12_MAIN_SECRET}, s12_on_decrypted},
    {KT_STATE_S12_MAIN_SECRET, 0, KT_ON_GO, {KT_STATE_S12_WAIT_CCS, KT_STATE_S12_WAIT_CV}, s12_main_secret},
    {KT_STATE_S12_WAIT_CV, 0, KT_MSG_CERTIFICATE_VERIFY, {KT_STATE_S12_ASK_VERIFY}, s12_on_certificate_verify},
    {KT_STATE_S12_ASK_VERIFY, 0, KT_ON_ANSWER, {KT_STATE_S12_WAIT_CCS}, s12_on_verified},
    {KT_STATE_S12_WAIT_CCS, 0, KT_ON_CCS, {KT_STATE_S12_WAIT_FINISHED}, s12_on_change_cipher_spec},
    {KT_STATE_S12_WAIT_FINISHED,
     KT_ROW_LAST_IN_RECORD | KT_ROW_HASH_SELF,
     KT_MSG_FINISHED,
     {KT_STATE_S12_OWN_TURN, KT_STATE_S12_END},
     s12_on_finished},
    {KT_STATE_S12_OWN_TURN, 0, KT_ON_GO, {KT_STATE_S12_CHANGE_KEYS, KT_STATE_S12_SEND_NST}, s12_own_turn},
    {KT_STATE_S12_SEND_NST, 0, KT_ON_GO, {KT_STATE_S12_CHANGE_KEYS}, s12_send_ticket},
    {KT_STATE_S12_CHANGE_KEYS, 0, KT_ON_GO, {KT_STATE_S12_SEND_FINISHED}, s12_change_keys},
    {KT_STATE_S12_SEND_FINISHED,
     KT_ROW_FLIGHT_ENDS,
     KT_ON_GO,
     {KT_STATE_S12_END, KT_STATE_S12_WAIT_CCS},
     s12_send_finished},
    {KT_STATE_S12_END, 0, KT_ON_GO, {KT_STATE_S12_CONNECTED}, s12_end},
};
const struct kt_table kt_table_tls12_server = {"tls12_server", rows, KT_COUNT_OF(rows)};
