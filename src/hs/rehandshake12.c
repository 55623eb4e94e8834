#include "hs/rehandshake12.h"

#include "hs/auth.h"
#include "keys/schedule12.h"

struct kt_rehandshake12 {
    struct kt_hs hs;
};

static struct kt_rehandshake12 *current(const struct kt_hs *hs)
{
    return atomic_load_explicit(&hs->rehandshake, memory_order_acquire);
}

bool kt_rehandshake12_is_safe(const struct kt_hs *hs)
{
    return hs->version < KT_TLS_1_3 && hs->kept12.secure && hs->kept12.extended_secret;
}

/* ---- beginning and end ---- */

static void release(const struct kt_env *env, struct kt_rehandshake12 *r)
{
    kt_hs_free(&r->hs);
    kt_wipe(r, sizeof *r);
    env->release(env->user, r, sizeof *r);
}

/* In the first state of its role; what may not change is there already. */
static const struct kt_fault *make(struct kt_hs *hs, enum kt_birth why, struct kt_rehandshake12 **out)
{
    const struct kt_env *env = &hs->config->env;
    struct kt_rehandshake12 *r = env->alloc(env->user, sizeof *r);
    const struct kt_fault *fault;

    if (r == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    *r = (struct kt_rehandshake12){.hs = {.watch = hs->watch}};
    r->hs.carrier = hs->carrier;
    r->hs.config = hs->config;
    r->hs.main = hs;
    r->hs.leaves = true;
    r->hs.version = hs->version;
    r->hs.server_name = hs->server_name;
    r->hs.alpn = hs->alpn;
    r->hs.birth = (uint8_t)why;
    fault = kt_hs_begin(&r->hs);
    if (fault != NULL) {
        release(env, r);
        return fault;
    }
    *out = r;
    return NULL;
}

/* The receiving half may finish it as soon as its hello is out: it is shown first, and not touched any more. */
static void hand_over(struct kt_hs *hs, struct kt_rehandshake12 *r)
{
    struct kt_carrier carrier = hs->carrier;
    struct kt_flight *flight = r->hs.flight;

    r->hs.flight = NULL;
    r->hs.keeps = false;
    atomic_store_explicit(&hs->rehandshake, r, memory_order_release);
    carrier.ops->flight_leave(carrier.self, flight);
}

const struct kt_fault *kt_rehandshake12_begin(struct kt_hs *hs, enum kt_birth why, bool full)
{
    const struct kt_env *env = &hs->config->env;
    struct kt_rehandshake12 *r = NULL;
    const struct kt_fault *fault;

    KT_TRY(make(hs, why, &r));
    r->hs.keeps = true;
    if (!full && hs->config->rehandshake.resume && hs->latest != NULL) {
        r->hs.work->session = kt_session_ref(hs->latest);
    }
    fault = kt_machine_run(&r->hs);
    if (fault != NULL) {
        release(env, r);
        return fault;
    }
    hand_over(hs, r);
    return NULL;
}

const struct kt_fault *kt_rehandshake12_accept(struct kt_hs *hs, const struct kt_message *hello, enum kt_birth why,
                                               bool full)
{
    const struct kt_env *env = &hs->config->env;
    struct kt_rehandshake12 *r = NULL;
    const struct kt_fault *fault;

    KT_TRY(make(hs, why, &r));
    r->hs.work->no_resumption = full || !hs->config->rehandshake.resume;
    fault = kt_machine_take(&r->hs, hello);
    if (fault != NULL) {
        release(env, r);
        return fault;
    }
    atomic_store_explicit(&hs->rehandshake, r, memory_order_release);
    return NULL;
}

struct kt_hs *kt_rehandshake12_running(const struct kt_hs *hs)
{
    struct kt_rehandshake12 *r = current(hs);

    return r != NULL ? &r->hs : NULL;
}

void kt_rehandshake12_drop(struct kt_hs *hs)
{
    struct kt_rehandshake12 *r = atomic_exchange_explicit(&hs->rehandshake, NULL, memory_order_acq_rel);

    if (r != NULL) {
        release(&hs->config->env, r);
    }
}

/* It has all proofs, or the connection gets none of them (R2). A session that was not renewed can be resumed again. */
static void take_over(struct kt_hs *hs, struct kt_hs *from)
{
    hs->suite = from->suite;
    hs->group = from->group;
    hs->own_scheme = from->own_scheme;
    hs->peer_scheme = from->peer_scheme;
    hs->resumed = from->resumed;
    kt_copy(hs->resumed_id, from->resumed_id, sizeof hs->resumed_id);
    hs->proofs = from->proofs;
    hs->origin = from->origin;
    hs->kept12 = from->kept12;
    hs->exporter_secret = from->exporter_secret;
    if (!from->resumed) {
        hs->peer_stapled = from->peer_stapled;
        hs->peer_scts = from->peer_scts;
        kt_copy(hs->end_point, from->end_point, sizeof hs->end_point);
        hs->end_point_len = from->end_point_len;
    }
    if (from->latest != NULL || !from->resumed) {
        kt_session_unref(hs->latest);
        hs->latest = from->latest;
        from->latest = NULL;
    }
}

const struct kt_fault *kt_rehandshake12_run(struct kt_hs *hs, bool *done)
{
    struct kt_hs *running = kt_rehandshake12_running(hs);

    *done = false;
    if (running == NULL) {
        return NULL;
    }
    KT_TRY(kt_machine_run(running));
    *done = kt_state_kind(running->state) == KT_STATE_IS_REST;
    if (*done) {
        take_over(hs, running);
        kt_rehandshake12_drop(hs);
    }
    return NULL;
}

bool kt_rehandshake12_takes_data(const struct kt_hs *running)
{
    return running->state != KT_STATE_C12_WAIT_FINISHED && running->state != KT_STATE_S12_WAIT_FINISHED;
}

bool kt_rehandshake12_is_unanswered(const struct kt_hs *running)
{
    return running->state == KT_STATE_C_WAIT_SH;
}

/* ---- what must be as it was ---- */

static bool same_name(const struct kt_name *a, const struct kt_name *b)
{
    return kt_span_same(kt_name_span(a), kt_name_span(b));
}

static bool accepts_version(const struct kt_client_hello *hello, uint16_t version)
{
    if ((hello->seen & KT_EXT_BIT(SUPPORTED_VERSIONS)) != 0) {
        return kt_id_list_has(hello->versions, version);
    }
    return hello->legacy_version >= version;
}

const struct kt_fault *kt_rehandshake12_check_hello(const struct kt_hs *hs)
{
    if (kt_hs_is_again(hs) && (!accepts_version(&hs->work->hello, hs->main->version) ||
                               !same_name(&hs->server_name, &hs->main->server_name))) {
        KT_FAIL(REHANDSHAKE_CHANGED);
    }
    return NULL;
}

/* Without the extended main secret somebody between two connections could make their handshakes the same, and be taken
 * for the peer in the next one (RFC 7627 section 1, the triple handshake). */
const struct kt_fault *kt_rehandshake12_check_agreed(const struct kt_hs *hs)
{
    if (!kt_hs_is_again(hs)) {
        return NULL;
    }
    if (!same_name(&hs->alpn, &hs->main->alpn)) {
        KT_FAIL(REHANDSHAKE_CHANGED);
    }
    if (!hs->kept12.extended_secret) {
        KT_FAIL(EXTENDED_SECRET_MISSING);
    }
    return NULL;
}

static bool is_pinned(const struct kt_hs *hs)
{
    return kt_hs_is_again(hs) && hs->config->rehandshake.same_peer && hs->main->origin.has_peer;
}

static bool is_before(const struct kt_hs *hs, struct kt_span certificate)
{
    const struct kt_hash *hash = kt_crypto_sha256(hs->config->crypto);
    uint8_t digest[KT_DIGEST_LEN];
    struct kt_hash_state state;

    if (hash == NULL) {
        return false;
    }
    hash->init(&state);
    hash->update(&state, certificate.p, certificate.len);
    hash->final(&state, digest);
    return kt_same_public(digest, hs->main->origin.peer, sizeof digest);
}

const struct kt_fault *kt_rehandshake12_check_certificate(const struct kt_hs *hs)
{
    const struct kt_certificate *peer = &hs->work->peer;

    if (is_pinned(hs) && (peer->chain_len == 0 || !is_before(hs, peer->chain[0]))) {
        KT_FAIL(REHANDSHAKE_PEER_CHANGED);
    }
    return NULL;
}

/* A session of somebody else is none; and one that proves nothing is none where a proof is asked for now. */
bool kt_rehandshake12_session_fits(const struct kt_hs *hs)
{
    const struct kt_origin *origin = &hs->work->session->data.origin;

    if (!kt_hs_is_again(hs)) {
        return true;
    }
    if (is_pinned(hs) &&
        (!origin->has_peer || !kt_same_public(origin->peer, hs->main->origin.peer, sizeof origin->peer))) {
        return false;
    }
    return hs->config->role == KT_CLIENT || origin->authenticated || kt_auth_client(hs) == KT_CLIENT_AUTH_NONE;
}

struct kt_span kt_rehandshake12_binding(const struct kt_hs *hs, enum kt_role from, uint8_t room[24])
{
    const struct kt_kept12 *before = kt_hs_is_again(hs) ? &hs->main->kept12 : NULL;

    if (before == NULL) {
        return kt_span_of(NULL, 0);
    }
    kt_copy(room, before->client_finished, KT_FINISHED12_LEN);
    kt_copy(room + KT_FINISHED12_LEN, before->server_finished, KT_FINISHED12_LEN);
    return kt_span_of(room, from == KT_CLIENT ? KT_FINISHED12_LEN : 2 * KT_FINISHED12_LEN);
}
