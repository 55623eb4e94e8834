#include "hs/hs.h"

#include "hs/post_auth13.h"
#include "hs/rehandshake12.h"
#include "hs/work12.h"

const struct kt_fault *kt_hs_begin(struct kt_hs *hs)
{
    /* A chain as long as the configuration allows comes on top of what every handshake takes. */
    kt_arena_init(&hs->arena, &hs->config->env, KT_HS_ARENA_CAP + hs->config->chain_limit);
    hs->work = kt_arena_take(&hs->arena, sizeof *hs->work);
    if (hs->work == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    kt_transcript_init(&hs->work->transcript);
    hs->post_messages = kt_budget_of(hs->config->lifetime.peer_budget);
    hs->rehandshakes_left = hs->config->rehandshake.peer_budget;
    hs->state = hs->config->role == KT_CLIENT ? KT_STATE_C_START : KT_STATE_S_START;
    return NULL;
}

void kt_hs_end(struct kt_hs *hs)
{
    if (hs->work != NULL) {
        kt_credential_unref(hs->work->answer_credential);
        kt_psk_unref(hs->work->answer_psk);
        kt_session_unref(hs->work->session);
        for (size_t i = 0; i < hs->work->kept_count; i++) {
            kt_session_unref(hs->work->kept[i]);
        }
        hs->work = NULL;
        kt_arena_free(&hs->arena);
    }
    if (hs->flight != NULL) {
        hs->carrier.ops->flight_drop(hs->carrier.self, hs->flight);
        hs->flight = NULL;
    }
}

void kt_hs_abandon(struct kt_hs *hs)
{
    kt_hs_end(hs);
    kt_post_auth_free(hs);
    kt_rehandshake12_drop(hs);
}

void kt_hs_free(struct kt_hs *hs)
{
    kt_hs_abandon(hs);
    kt_psk_unref(hs->psk);
    hs->psk = NULL;
    kt_secret_wipe(&hs->exporter_secret);
    kt_secret_wipe(&hs->resumption_secret);
    kt_wipe(&hs->kept12, sizeof hs->kept12);
    kt_session_unref(hs->latest);
    hs->latest = NULL;
}

const struct kt_fault *kt_hs_writer(struct kt_hs *hs, size_t cap)
{
    uint8_t *room = kt_arena_take(&hs->arena, cap);

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    hs->work->out = kt_writer_over(room, cap);
    return NULL;
}

void kt_hs_describe_hello(const struct kt_hs *hs, struct kt_ask *ask)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    ask->u.choose.server_name = hello->server_name;
    ask->u.choose.alpn = hello->alpn;
    ask->u.choose.schemes = hello->schemes;
    ask->u.choose.cert_schemes =
        (hello->seen & KT_EXT_BIT(SIGNATURE_ALGORITHMS_CERT)) != 0 ? hello->cert_schemes : hello->schemes;
    ask->u.choose.authorities = hello->authorities;
    ask->u.choose.client_hello = hs->work->hello_message;
}

void kt_hs_leave_flight(struct kt_hs *hs)
{
    hs->carrier.ops->flight_leave(hs->carrier.self, hs->flight);
    hs->flight = NULL;
}

void kt_hs_ask(struct kt_hs *hs, const struct kt_ask *ask)
{
    struct kt_hs *main = hs->main != NULL ? hs->main : hs;

    hs->work->ask = *ask;
    hs->work->ask.number = ++main->asks;
    hs->work->answered = false;
}

const struct kt_fault *kt_hs_ask_decrypt(struct kt_hs *hs, const struct kt_credential *credential,
                                         struct kt_span ciphertext)
{
    struct kt_ask ask = {.kind = KT_ASK_DECRYPT};

    KT_TRY(kt_hs_random(hs, hs->work->premaster, sizeof hs->work->premaster));
    ask.u.decrypt.credential = credential;
    ask.u.decrypt.ciphertext = ciphertext;
    ask.u.decrypt.client_version = hs->work->hello.legacy_version;
    kt_hs_ask(hs, &ask);
    return NULL;
}

void kt_hs_decrypted(struct kt_hs *hs, const uint8_t *decrypted, size_t len)
{
    kt_premaster12_take(hs->work->premaster, decrypted, len, hs->work->hello.legacy_version);
}

const struct kt_fault *kt_hs_random(const struct kt_hs *hs, uint8_t *out, size_t len)
{
    const struct kt_env *env = &hs->config->env;

    if (!env->random(env->user, out, len)) {
        KT_FAIL(RANDOM_FAILED);
    }
    return NULL;
}

const struct kt_fault *kt_hs_hash(struct kt_hs *hs, struct kt_span message)
{
    kt_transcript_add(&hs->work->transcript, message);
    return kt_work12_note(hs, message);
}

void kt_hs_log_secret(const struct kt_hs *hs, const char *label, const struct kt_secret *secret)
{
    if (hs->config->keylog && kt_watched(&hs->watch)) {
        struct kt_notice notice = {.kind = KT_NOTICE_SECRET};

        notice.u.secret.label = label;
        notice.u.secret.client_random = kt_span_of(hs->work->client_random, sizeof hs->work->client_random);
        notice.u.secret.secret = kt_secret_span(secret);
        kt_notify(&hs->watch, &notice);
    }
}

const struct kt_fault *kt_hs_keep_name(struct kt_name *name, struct kt_span from)
{
    if (from.len > KT_NAME_MAX) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    name->len = (uint8_t)from.len;
    kt_copy(name->b, from.p, from.len);
    return NULL;
}
