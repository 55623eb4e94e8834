#include "hs/auth13.h"

#include "hs/auth.h"
#include "hs/decide.h"
#include "hs/resume.h"

static const struct kt_secret *base_secret(const struct kt_hs *hs, enum kt_role role)
{
    return role == KT_CLIENT ? &hs->work->client_handshake : &hs->work->server_handshake;
}

const struct kt_fault *kt_auth13_send_certificate(struct kt_hs *hs, struct kt_span context, uint32_t asked)
{
    const struct kt_credential *credential = hs->work->choice.credential;
    struct kt_certificate message = {.context = context};

    if (credential != NULL && hs->config->role == KT_SERVER) {
        kt_auth_keep_end_point(hs, credential->chain[0]);
    }
    if (credential != NULL) {
        message.chain_len = credential->chain_len;
        for (size_t i = 0; i < credential->chain_len; i++) {
            message.chain[i] = credential->chain[i];
        }
        if ((asked & KT_EXT_BIT(STATUS_REQUEST)) != 0) {
            message.ocsp_response = credential->ocsp_response;
        }
        if ((asked & KT_EXT_BIT(SCT)) != 0) {
            message.sct_list = credential->sct_list;
        }
    }
    KT_TRY(kt_hs_writer(hs, 64 + context.len + (credential == NULL ? 0 : kt_auth_chain_bytes(credential))));
    kt_certificate_encode(&hs->work->out, &message);
    return NULL;
}

const struct kt_fault *kt_auth13_take_request(struct kt_hs *hs, struct kt_span body)
{
    struct kt_span copy = kt_arena_copy(&hs->arena, body);

    if (copy.p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    return kt_certificate_request_decode(copy, &hs->work->request);
}

static struct kt_id_list scheme_list(const struct kt_config *config, struct kt_writer *w)
{
    for (size_t i = 0; i < config->scheme_count; i++) {
        if (kt_scheme_is_for(config->schemes[i], KT_TLS_1_3)) {
            kt_put_u16(w, config->schemes[i]);
        }
    }
    return (struct kt_id_list){kt_writer_span(w)};
}

const struct kt_fault *kt_auth13_send_request(struct kt_hs *hs, struct kt_span context)
{
    uint8_t room[2 * KT_LIST_MAX];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    struct kt_certificate_request request = {.context = context};
    uint8_t seed = 0;

    request.schemes = scheme_list(hs->config, &w);
    request.cert_schemes = hs->config->cert_schemes_wire;
    request.authorities = hs->config->authorities;
    request.oid_filters = hs->config->oid_filters;
    request.seen = KT_EXT_BIT(SIGNATURE_ALGORITHMS);
    if (!kt_span_same(request.schemes.wire, request.cert_schemes.wire)) {
        request.seen |= KT_EXT_BIT(SIGNATURE_ALGORITHMS_CERT);
    }
    if (request.authorities.len > 0) {
        request.seen |= KT_EXT_BIT(CERTIFICATE_AUTHORITIES);
    }
    if (request.oid_filters.len > 0) {
        request.seen |= KT_EXT_BIT(OID_FILTERS);
    }
    if (hs->config->grease) {
        KT_TRY(kt_hs_random(hs, &seed, 1));
        request.grease_ext = kt_grease_value(seed);
    }
    KT_TRY(kt_hs_writer(hs, 512 + context.len + request.authorities.len + request.oid_filters.len));
    kt_certificate_request_encode(&hs->work->out, &request);
    return NULL;
}

bool kt_auth13_choose(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_CHOOSE_CREDENTIAL};
    const struct kt_certificate_request *request = &hs->work->request;

    if (!kt_config_asks(hs->config, KT_ASK_CHOOSE_CREDENTIAL)) {
        kt_decide_own_credential(hs->config, request, &hs->work->choice);
        return true;
    }
    ask.u.choose.server_name = kt_name_span(&hs->server_name);
    ask.u.choose.schemes = request->schemes;
    ask.u.choose.cert_schemes =
        (request->seen & KT_EXT_BIT(SIGNATURE_ALGORITHMS_CERT)) != 0 ? request->cert_schemes : request->schemes;
    ask.u.choose.authorities = request->authorities;
    ask.u.choose.oid_filters = request->oid_filters;
    ask.u.choose.post_handshake = hs->main != NULL;
    kt_hs_ask(hs, &ask);
    return false;
}

const struct kt_fault *kt_auth13_take_credential(struct kt_hs *hs)
{
    struct kt_choice *choice = &hs->work->choice;

    choice->credential = hs->work->answer_credential;
    if (choice->credential != NULL) {
        choice->scheme = kt_decide_scheme(hs->config, choice->credential, hs->work->request.schemes);
        if (choice->scheme == 0) {
            KT_FAIL(SCHEME_NONE_IN_COMMON);
        }
    }
    return NULL;
}

/* What CertificateVerify signs: 64 spaces, a context string, a zero, the transcript hash (section 4.5.2). */
static struct kt_span signed_content(struct kt_hs *hs, enum kt_role signer)
{
    static const char client_text[] = "TLS 1.3, client CertificateVerify";
    static const char server_text[] = "TLS 1.3, server CertificateVerify";
    const size_t text_len = sizeof server_text; /* with its NUL, which is the zero */
    struct kt_hs_work *work = hs->work;

    _Static_assert(sizeof client_text == sizeof server_text, "one layout for both");
    _Static_assert(sizeof work->signed_content == 64 + sizeof server_text + KT_HASH_MAX, "sized for it");
    memset(work->signed_content, ' ', 64);
    kt_copy(work->signed_content + 64, signer == KT_CLIENT ? client_text : server_text, text_len);
    kt_transcript_hash(&work->transcript, work->signed_content + 64 + text_len);
    return kt_span_of(work->signed_content, 64 + text_len + hs->suite->hash->len);
}

const struct kt_fault *kt_auth13_ask_signature(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_SIGN};

    ask.u.sign.credential = hs->work->choice.credential;
    ask.u.sign.scheme = hs->work->choice.scheme;
    ask.u.sign.input = signed_content(hs, hs->config->role);
    kt_hs_ask(hs, &ask);
    return NULL;
}

const struct kt_fault *kt_auth13_send_verify(struct kt_hs *hs)
{
    struct kt_certificate_verify message = {
        .scheme = hs->work->choice.scheme,
        .signature = kt_span_of(hs->work->signature, hs->work->signature_len),
    };

    hs->own_scheme = message.scheme;
    KT_TRY(kt_hs_writer(hs, 16 + message.signature.len));
    kt_certificate_verify_encode(&hs->work->out, &message);
    return NULL;
}

/* The hash of the transcript as it stands; `room` holds KT_HASH_MAX bytes. */
static struct kt_span transcript_now(const struct kt_hs *hs, uint8_t *room)
{
    kt_transcript_hash(&hs->work->transcript, room);
    return kt_span_of(room, hs->suite->hash->len);
}

static void finished_value(const struct kt_hs *hs, enum kt_role of, uint8_t *out)
{
    uint8_t hash[KT_HASH_MAX];

    kt_finished_value(hs->suite->hash, base_secret(hs, of), transcript_now(hs, hash), out);
}

const struct kt_fault *kt_auth13_send_finished(struct kt_hs *hs)
{
    uint8_t value[KT_HASH_MAX];

    finished_value(hs, hs->config->role, value);
    KT_TRY(kt_hs_writer(hs, KT_MESSAGE_HEADER + KT_HASH_MAX));
    kt_finished_encode(&hs->work->out, kt_span_of(value, hs->suite->hash->len));
    return NULL;
}

const struct kt_fault *kt_auth13_take_certificate(struct kt_hs *hs, struct kt_span body, struct kt_span context,
                                                  uint32_t offered)
{
    struct kt_span copy = kt_arena_copy(&hs->arena, body);

    if (copy.p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(kt_certificate_decode(copy, offered, &hs->work->peer));
    if (!kt_span_same(hs->work->peer.context, context)) {
        KT_FAIL(CERTIFICATE_CONTEXT_WRONG);
    }
    hs->peer_stapled = hs->work->peer.ocsp_response.len > 0;
    hs->peer_scts = (uint16_t)kt_sct_count(hs->work->peer.sct_list);
    return NULL;
}

static bool allowed_scheme(const struct kt_config *config, uint16_t scheme)
{
    for (size_t i = 0; i < config->scheme_count; i++) {
        if (config->schemes[i] == scheme) {
            return kt_scheme_is_for(scheme, KT_TLS_1_3);
        }
    }
    return false;
}

/* The scheme must be one we offered and one for the kind of key the leaf holds (field survey, CVE-2026-25834, -5194).
 */
static const struct kt_fault *check_signature(struct kt_hs *hs, const struct kt_certificate_verify *message)
{
    const struct kt_crypto *crypto = hs->config->crypto;
    const struct kt_scheme_facts *facts = kt_scheme_facts(message->scheme);
    struct kt_hs_work *work = hs->work;

    if (facts == NULL || !allowed_scheme(hs->config, message->scheme)) {
        KT_FAIL(SCHEME_NOT_OFFERED);
    }
    KT_TRY(crypto->peer_key_new(work->peer.chain[0], &work->peer_key));
    if (!kt_arena_adopt(&hs->arena, crypto->peer_key_release, work->peer_key)) {
        KT_FAIL(MEMORY_SPENT);
    }
    if (crypto->peer_key_kind(work->peer_key) != (enum kt_key_kind)facts->key) {
        KT_FAIL(SCHEME_NOT_OFFERED);
    }
    if (!crypto->peer_key_verify(work->peer_key, message->scheme, signed_content(hs, kt_auth_peer(hs)),
                                 message->signature)) {
        KT_FAIL(SIGNATURE_WRONG);
    }
    return NULL;
}

const struct kt_fault *kt_auth13_take_verify(struct kt_hs *hs, struct kt_span body)
{
    struct kt_certificate_verify message;

    KT_TRY(kt_certificate_verify_decode(body, &message));
    KT_TRY(check_signature(hs, &message));
    hs->peer_scheme = message.scheme;
    hs->proofs |= KT_PROOF_SIGNATURE;
    return NULL;
}

const struct kt_fault *kt_auth13_take_finished(struct kt_hs *hs, struct kt_span body)
{
    uint8_t value[KT_HASH_MAX];

    if (body.len != hs->suite->hash->len) {
        KT_FAIL(FINISHED_MALFORMED);
    }
    finished_value(hs, kt_auth_peer(hs), value);
    if (!kt_ct_eq(value, body.p, body.len)) {
        KT_FAIL(FINISHED_WRONG);
    }
    hs->proofs |= KT_PROOF_FINISHED;
    return NULL;
}

void kt_auth13_no_exchange(const struct kt_hs *hs, struct kt_shared_secret *shared)
{
    *shared = (struct kt_shared_secret){.len = hs->suite->hash->len};
}

const struct kt_fault *kt_auth13_handshake_secrets(struct kt_hs *hs, struct kt_span shared)
{
    uint8_t hash[KT_HASH_MAX];
    struct kt_span transcript = transcript_now(hs, hash);
    struct kt_hs_work *work = hs->work;

    KT_TRY(kt_schedule13_early(&work->schedule, hs->suite->hash, kt_resume_psk(hs)));
    KT_TRY(kt_schedule13_handshake(&work->schedule, shared));
    KT_TRY(kt_schedule13_derive(&work->schedule, KT_STAGE_HANDSHAKE, KT_SPAN_TEXT("c hs traffic"), transcript,
                                &work->client_handshake));
    KT_TRY(kt_schedule13_derive(&work->schedule, KT_STAGE_HANDSHAKE, KT_SPAN_TEXT("s hs traffic"), transcript,
                                &work->server_handshake));
    kt_hs_log_secret(hs, "CLIENT_HANDSHAKE_TRAFFIC_SECRET", &work->client_handshake);
    kt_hs_log_secret(hs, "SERVER_HANDSHAKE_TRAFFIC_SECRET", &work->server_handshake);
    return NULL;
}

const struct kt_fault *kt_auth13_application_secrets(struct kt_hs *hs)
{
    uint8_t hash[KT_HASH_MAX];
    struct kt_span transcript = transcript_now(hs, hash);
    struct kt_hs_work *work = hs->work;

    KT_TRY(kt_schedule13_main(&work->schedule));
    KT_TRY(kt_schedule13_derive(&work->schedule, KT_STAGE_MAIN, KT_SPAN_TEXT("c ap traffic"), transcript,
                                &work->client_application));
    KT_TRY(kt_schedule13_derive(&work->schedule, KT_STAGE_MAIN, KT_SPAN_TEXT("s ap traffic"), transcript,
                                &work->server_application));
    KT_TRY(kt_schedule13_derive(&work->schedule, KT_STAGE_MAIN, KT_SPAN_TEXT("exp master"), transcript,
                                &hs->exporter_secret));
    kt_hs_log_secret(hs, "CLIENT_TRAFFIC_SECRET_0", &work->client_application);
    kt_hs_log_secret(hs, "SERVER_TRAFFIC_SECRET_0", &work->server_application);
    kt_hs_log_secret(hs, "EXPORTER_SECRET", &hs->exporter_secret);
    return NULL;
}
