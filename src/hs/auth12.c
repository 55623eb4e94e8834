#include "hs/auth12.h"

#include "hs/auth.h"
#include "hs/decide12.h"

const struct kt_fault *kt_auth12_send_certificate(struct kt_hs *hs)
{
    const struct kt_credential *credential = hs->work->choice.credential;
    struct kt_certificate message = {0};

    if (credential != NULL && hs->config->role == KT_SERVER) {
        kt_auth_keep_end_point(hs, credential->chain[0]);
    }
    if (credential != NULL) {
        message.chain_len = credential->chain_len;
        for (size_t i = 0; i < credential->chain_len; i++) {
            message.chain[i] = credential->chain[i];
        }
    }
    KT_TRY(kt_hs_writer(hs, 64 + (credential == NULL ? 0 : kt_auth_chain_bytes(credential))));
    kt_certificate12_encode(&hs->work->out, &message);
    return NULL;
}

/* Static RSA takes keys that decrypt; what signs must be of the kind that the suite's name says (RFC 5246 section
 * 7.4.2). */
static bool goes_with_suite(const struct kt_suite_facts *suite, enum kt_key_kind key)
{
    if (suite->kx == KT_KX_RSA) {
        return key == KT_KEY_RSA;
    }
    return (suite->auth == KT_AUTH_RSA) == (key == KT_KEY_RSA || key == KT_KEY_RSA_PSS);
}

/* We listed the curves that it may be on (RFC 8422 section 5.3). */
static bool is_of_our_curves(const struct kt_config *config, enum kt_key_kind key)
{
    uint16_t curve = kt_key_curve(key);

    for (size_t i = 0; i < config->group_count; i++) {
        if (config->groups[i]->id == curve) {
            return true;
        }
    }
    return curve == 0;
}

static const struct kt_fault *take_leaf(struct kt_hs *hs)
{
    const struct kt_crypto *crypto = hs->config->crypto;
    struct kt_hs_work *work = hs->work;
    enum kt_key_kind key;

    KT_TRY(crypto->peer_key_new(work->peer.chain[0], &work->peer_key));
    if (!kt_arena_adopt(&hs->arena, crypto->peer_key_release, work->peer_key)) {
        KT_FAIL(MEMORY_SPENT);
    }
    key = crypto->peer_key_kind(work->peer_key);
    if (hs->config->role == KT_CLIENT &&
        (!goes_with_suite(work->v12->facts, key) || !is_of_our_curves(hs->config, key))) {
        KT_FAIL(CERTIFICATE_KEY_UNFIT);
    }
    return NULL;
}

const struct kt_fault *kt_auth12_take_certificate(struct kt_hs *hs, struct kt_span body)
{
    struct kt_span scts = hs->work->peer.sct_list; /* of ServerHello */
    struct kt_span copy;

    KT_TRY(kt_work12_copy(hs, body, &copy));
    KT_TRY(kt_certificate12_decode(copy, &hs->work->peer));
    hs->work->peer.sct_list = scts;
    return hs->work->peer.chain_len > 0 ? take_leaf(hs) : NULL;
}

const struct kt_fault *kt_auth12_send_status(struct kt_hs *hs)
{
    const struct kt_certificate_status message = {hs->work->choice.credential->ocsp_response};

    KT_TRY(kt_hs_writer(hs, 16 + message.ocsp_response.len));
    kt_certificate_status_encode(&hs->work->out, &message);
    return NULL;
}

const struct kt_fault *kt_auth12_take_status(struct kt_hs *hs, struct kt_span body)
{
    struct kt_certificate_status message;
    struct kt_span copy;

    KT_TRY(kt_work12_copy(hs, body, &copy));
    KT_TRY(kt_certificate_status_decode(copy, &message));
    hs->work->peer.ocsp_response = message.ocsp_response;
    return NULL;
}

/* Each kind of certificate that one of our schemes goes with. */
static void put_types(const struct kt_hs *hs, struct kt_writer *w)
{
    bool rsa = false;
    bool ecdsa = false;

    for (size_t i = 0; i < hs->config->scheme_count; i++) {
        uint16_t scheme = hs->config->schemes[i];

        if (kt_scheme_is_for(scheme, hs->version)) {
            rsa |= kt_scheme_auth(scheme) == KT_AUTH_RSA;
            ecdsa |= kt_scheme_auth(scheme) == KT_AUTH_ECDSA;
        }
    }
    if (ecdsa) {
        kt_put_u8(w, KT_CERTIFICATE_TYPE_ECDSA_SIGN);
    }
    if (rsa) {
        kt_put_u8(w, KT_CERTIFICATE_TYPE_RSA_SIGN);
    }
}

static void put_schemes(const struct kt_hs *hs, struct kt_writer *w)
{
    for (size_t i = 0; i < hs->config->scheme_count; i++) {
        uint16_t scheme = hs->config->schemes[i];

        if (kt_scheme_is_for(scheme, hs->version) && kt_scheme_is_sent(scheme)) {
            kt_put_u16(w, scheme);
        }
    }
}

const struct kt_fault *kt_auth12_send_request(struct kt_hs *hs)
{
    uint8_t type_room[2];
    uint8_t scheme_room[2 * KT_LIST_MAX];
    struct kt_writer types = kt_writer_over(type_room, sizeof type_room);
    struct kt_writer schemes = kt_writer_over(scheme_room, sizeof scheme_room);
    struct kt_certificate_request12 request = {.authorities = hs->config->authorities};

    put_types(hs, &types);
    put_schemes(hs, &schemes);
    request.types = kt_writer_span(&types);
    request.schemes.wire = kt_writer_span(&schemes);
    hs->work->certificate_asked = true;
    KT_TRY(kt_hs_writer(hs, 64 + sizeof scheme_room + request.authorities.len));
    kt_certificate_request12_encode(&hs->work->out, hs->version, &request);
    return NULL;
}

const struct kt_fault *kt_auth12_take_request(struct kt_hs *hs, struct kt_span body)
{
    struct kt_certificate_request12 request;
    struct kt_span copy;

    KT_TRY(kt_work12_copy(hs, body, &copy));
    KT_TRY(kt_certificate_request12_decode(copy, hs->version, &request));
    hs->work->v12->certificate_types = request.types;
    hs->work->request.schemes = request.schemes;
    hs->work->request.authorities = request.authorities;
    hs->work->certificate_asked = true;
    return NULL;
}

void kt_auth12_ask_signature(struct kt_hs *hs, struct kt_span content)
{
    struct kt_ask ask = {.kind = KT_ASK_SIGN};

    ask.u.sign.credential = hs->work->choice.credential;
    ask.u.sign.scheme = hs->work->choice.scheme;
    ask.u.sign.input = content;
    kt_hs_ask(hs, &ask);
}

/* Before TLS 1.2 each kind of key has one way to sign (RFC 4346 section 7.4.3, RFC 8422 section 5.10). */
static uint16_t implied_scheme(enum kt_key_kind key)
{
    return key == KT_KEY_RSA ? KT_SCHEME_RSA_PKCS1_MD5_SHA1 : KT_SCHEME_ECDSA_SHA1;
}

const struct kt_fault *kt_auth12_check_signature(struct kt_hs *hs, uint16_t scheme, struct kt_span content,
                                                 struct kt_span signature)
{
    const struct kt_crypto *crypto = hs->config->crypto;
    struct kt_peer_key *key = hs->work->peer_key;
    enum kt_key_kind kind = crypto->peer_key_kind(key);
    const struct kt_scheme_facts *facts;

    if (hs->version < KT_TLS_1_2) {
        scheme = implied_scheme(kind);
    }
    facts = kt_scheme_facts(scheme);
    if (facts == NULL || !kt_config_allows_scheme12(hs->config, scheme, hs->version) ||
        !kt_scheme_fits_key(facts, kind, hs->version)) {
        KT_FAIL(SCHEME_NOT_OFFERED);
    }
    if (!crypto->peer_key_verify(key, scheme, content, signature)) {
        KT_FAIL(SIGNATURE_WRONG);
    }
    hs->peer_scheme = scheme;
    hs->proofs |= KT_PROOF_SIGNATURE;
    return NULL;
}

const struct kt_fault *kt_auth12_ask_verify_signature(struct kt_hs *hs)
{
    struct kt_span all;

    KT_TRY(kt_work12_noted(hs, &all));
    kt_auth12_ask_signature(hs, all);
    return NULL;
}

const struct kt_fault *kt_auth12_send_verify(struct kt_hs *hs)
{
    struct kt_certificate_verify message = {
        .scheme = hs->work->choice.scheme,
        .signature = kt_span_of(hs->work->signature, hs->work->signature_len),
    };

    hs->own_scheme = message.scheme;
    KT_TRY(kt_hs_writer(hs, 16 + message.signature.len));
    kt_certificate_verify12_encode(&hs->work->out, hs->version, &message);
    kt_work12_stop_notes(hs);
    return NULL;
}

const struct kt_fault *kt_auth12_take_verify(struct kt_hs *hs, struct kt_span body)
{
    struct kt_certificate_verify message;
    struct kt_span all;

    KT_TRY(kt_certificate_verify12_decode(body, hs->version, &message));
    KT_TRY(kt_work12_noted(hs, &all));
    KT_TRY(kt_auth12_check_signature(hs, message.scheme, all, message.signature));
    kt_work12_stop_notes(hs);
    kt_auth_ask_verify(hs);
    return NULL;
}
