#include "hs/exchange12.h"

#include "hs/auth12.h"
#include "hs/decide12.h"

static enum kt_kx kx_of(const struct kt_hs *hs)
{
    return (enum kt_kx)hs->work->v12->facts->kx;
}

/* What is signed: both randoms and the parameters. */
static const struct kt_fault *signed_params(struct kt_hs *hs, struct kt_span *out)
{
    const struct kt_work12 *work = hs->work->v12;
    size_t len = sizeof hs->work->client_random + sizeof work->server_random + work->exchange.params.len;
    uint8_t *room = kt_arena_take(&hs->arena, len);
    struct kt_writer w = kt_writer_over(room, len);

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    kt_put_bytes(&w, kt_span_of(hs->work->client_random, sizeof hs->work->client_random));
    kt_put_bytes(&w, kt_span_of(work->server_random, sizeof work->server_random));
    kt_put_bytes(&w, work->exchange.params);
    *out = kt_writer_span(&w);
    return NULL;
}

static const struct kt_fault *make_share(struct kt_hs *hs, const struct kt_group *group)
{
    struct kt_work12 *work = hs->work->v12;
    uint8_t *share = kt_arena_take(&hs->arena, group->initiator_share_len);

    if (share == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(group->start(group, &work->kex, share));
    if (!kt_arena_adopt(&hs->arena, group->release, work->kex)) {
        KT_FAIL(MEMORY_SPENT);
    }
    work->share = kt_span_of(share, group->initiator_share_len);
    return NULL;
}

/* A prime and its generator, of one byte, are written out: TLS 1.2 has no name for them. */
static const struct kt_fault *find_numbers(struct kt_hs *hs, const struct kt_group *group)
{
    struct kt_server_key_exchange *exchange = &hs->work->v12->exchange;
    size_t len = group->initiator_share_len;
    uint8_t *room = kt_arena_take(&hs->arena, len + 1);

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    if (!hs->config->crypto->dh_numbers(group, room, room + len)) {
        KT_FAIL(CRYPTO_FAILED);
    }
    exchange->p = kt_span_of(room, len);
    exchange->g = kt_span_of(room + len, 1);
    return NULL;
}

static const struct kt_fault *write_params(struct kt_hs *hs, const struct kt_group *group)
{
    struct kt_work12 *work = hs->work->v12;
    size_t cap = 64 + 2 * work->share.len;
    uint8_t *room = kt_arena_take(&hs->arena, cap);
    struct kt_writer w = kt_writer_over(room, cap);

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    work->exchange = (struct kt_server_key_exchange){.group = group->id, .point = work->share, .share = work->share};
    if (kx_of(hs) == KT_KX_DHE) {
        KT_TRY(find_numbers(hs, group));
    }
    kt_server_params_encode(&w, kx_of(hs), &work->exchange);
    work->exchange.params = kt_writer_span(&w);
    return NULL;
}

const struct kt_fault *kt_exchange12_ask_signature(struct kt_hs *hs)
{
    const struct kt_group *group = hs->work->choice.group;
    struct kt_span content;

    hs->group = group;
    KT_TRY(make_share(hs, group));
    KT_TRY(write_params(hs, group));
    KT_TRY(signed_params(hs, &content));
    kt_auth12_ask_signature(hs, content);
    return NULL;
}

const struct kt_fault *kt_exchange12_send_server(struct kt_hs *hs)
{
    struct kt_server_key_exchange *message = &hs->work->v12->exchange;

    message->scheme = hs->work->choice.scheme;
    message->signature = kt_span_of(hs->work->signature, hs->work->signature_len);
    hs->own_scheme = message->scheme;
    KT_TRY(kt_hs_writer(hs, 64 + message->params.len + message->signature.len));
    kt_server_key_exchange_encode(&hs->work->out, hs->version, message);
    return NULL;
}

static const struct kt_fault *take_group(struct kt_hs *hs, const struct kt_server_key_exchange *message)
{
    const struct kt_group *group;

    if (kx_of(hs) == KT_KX_ECDHE) {
        hs->group = kt_decide_group12(hs->config, message->group, KT_KX_ECDHE, hs->version);
        hs->work->v12->peer_share = message->point;
        if (hs->group == NULL) {
            KT_FAIL(GROUP_NOT_OFFERED);
        }
        return NULL;
    }
    group = hs->config->crypto->dh_group(message->p, message->g);
    hs->group = group == NULL ? NULL : kt_decide_group12(hs->config, group->id, KT_KX_DHE, hs->version);
    hs->work->v12->peer_share = message->share;
    if (hs->group == NULL) {
        KT_FAIL(DH_GROUP_UNKNOWN);
    }
    return NULL;
}

/* The scheme must fit the suite, too: a server of ECDHE_RSA does not sign with another key (RFC 5246 section 7.4.3). */
static const struct kt_fault *check_scheme(const struct kt_hs *hs, uint16_t scheme)
{
    if (hs->version >= KT_TLS_1_2 && !kt_scheme_fits_suite(scheme, hs->work->v12->facts, hs->version)) {
        KT_FAIL(SCHEME_NOT_OFFERED);
    }
    return NULL;
}

const struct kt_fault *kt_exchange12_take_server(struct kt_hs *hs, struct kt_span body)
{
    struct kt_server_key_exchange *message = &hs->work->v12->exchange;
    struct kt_span copy, content;

    KT_TRY(kt_work12_copy(hs, body, &copy));
    KT_TRY(kt_server_key_exchange_decode(copy, kx_of(hs), hs->version, message));
    KT_TRY(take_group(hs, message));
    KT_TRY(check_scheme(hs, message->scheme));
    KT_TRY(signed_params(hs, &content));
    return kt_auth12_check_signature(hs, message->scheme, content, message->signature);
}

/* The version is the one of the hello, not the one agreed on: so the server sees a downgrade (section 7.4.7.1). */
static const struct kt_fault *encrypt_premaster(struct kt_hs *hs, struct kt_span *out)
{
    uint8_t *premaster = hs->work->premaster;
    uint8_t *room = kt_arena_take(&hs->arena, KT_SIGNATURE_MAX);
    struct kt_writer version = kt_writer_over(premaster, 2);
    size_t len = 0;

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    kt_put_u16(&version, hs->work->hello.legacy_version);
    KT_TRY(kt_hs_random(hs, premaster + 2, KT_PREMASTER_LEN - 2));
    KT_TRY(hs->config->crypto->peer_key_encrypt(hs->work->peer_key, premaster, room, KT_SIGNATURE_MAX, &len));
    *out = kt_span_of(room, len);
    return NULL;
}

static const struct kt_fault *respond(struct kt_hs *hs, struct kt_span *out)
{
    uint8_t *share = kt_arena_take(&hs->arena, hs->group->responder_share_len);

    if (share == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(hs->group->respond(hs->group, hs->work->v12->peer_share, share, &hs->work->shared));
    *out = kt_span_of(share, hs->group->responder_share_len);
    return NULL;
}

const struct kt_fault *kt_exchange12_send_client(struct kt_hs *hs)
{
    struct kt_client_key_exchange message;

    KT_TRY(kx_of(hs) == KT_KX_RSA ? encrypt_premaster(hs, &message.value) : respond(hs, &message.value));
    KT_TRY(kt_hs_writer(hs, 16 + message.value.len));
    kt_client_key_exchange_encode(&hs->work->out, kx_of(hs), &message);
    return NULL;
}

const struct kt_fault *kt_exchange12_take_client(struct kt_hs *hs, struct kt_span body)
{
    struct kt_client_key_exchange message;
    struct kt_span copy;

    KT_TRY(kt_work12_copy(hs, body, &copy));
    KT_TRY(kt_client_key_exchange_decode(copy, kx_of(hs), &message));
    if (kx_of(hs) == KT_KX_RSA) {
        return kt_hs_ask_decrypt(hs, hs->work->choice.credential, message.value);
    }
    return hs->group->finish(hs->work->v12->kex, message.value, &hs->work->shared);
}
