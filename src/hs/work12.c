#include "hs/work12.h"

const struct kt_fault *kt_work12_begin(struct kt_hs *hs)
{
    if (hs->work->v12 != NULL) {
        return NULL;
    }
    hs->work->v12 = kt_arena_take(&hs->arena, sizeof *hs->work->v12);
    if (hs->work->v12 == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    return NULL;
}

const struct kt_fault *kt_work12_fix(struct kt_hs *hs, const struct kt_suite *suite)
{
    struct kt_work12 *work = hs->work->v12;

    hs->suite = suite;
    work->facts = kt_suite_facts(suite->id);
    if (!kt_prf12_of(hs->config->crypto, suite, hs->version, &work->prf, &work->hash)) {
        KT_FAIL(CRYPTO_UNAVAILABLE);
    }
    kt_transcript_begin(&hs->work->transcript, work->hash);
    return NULL;
}

const struct kt_fault *kt_work12_copy(struct kt_hs *hs, struct kt_span from, struct kt_span *out)
{
    *out = kt_arena_copy(&hs->arena, from);
    if (out->p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    return NULL;
}

const struct kt_fault *kt_work12_note(struct kt_hs *hs, struct kt_span message)
{
    struct kt_work12 *work = hs->work->v12;
    struct kt_noted12 *note;

    if (work == NULL || !work->notes) {
        return NULL;
    }
    note = kt_arena_take(&hs->arena, sizeof *note);
    if (note == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(kt_work12_copy(hs, message, &note->message));
    if (work->last_note == NULL) {
        work->first_note = note;
    } else {
        work->last_note->next = note;
    }
    work->last_note = note;
    work->noted_len += message.len;
    return NULL;
}

const struct kt_fault *kt_work12_noted(struct kt_hs *hs, struct kt_span *all)
{
    struct kt_work12 *work = hs->work->v12;
    uint8_t *room = kt_arena_take(&hs->arena, work->noted_len);
    struct kt_writer w = kt_writer_over(room, work->noted_len);

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    for (const struct kt_noted12 *note = work->first_note; note != NULL; note = note->next) {
        kt_put_bytes(&w, note->message);
    }
    *all = kt_writer_span(&w);
    return NULL;
}

void kt_work12_stop_notes(struct kt_hs *hs)
{
    hs->work->v12->notes = false;
}

/* The hash of the transcript as it stands; `room` holds KT_HASH_MAX bytes. */
static struct kt_span transcript_now(const struct kt_hs *hs, uint8_t *room)
{
    kt_transcript_hash(&hs->work->transcript, room);
    return kt_span_of(room, hs->work->v12->hash->len);
}

/* Both directions at once: the peer's are needed no later than its change_cipher_spec. */
static void derive_keys(struct kt_hs *hs)
{
    struct kt_work12 *work = hs->work->v12;

    kt_copy(hs->kept12.client_random, hs->work->client_random, sizeof hs->kept12.client_random);
    kt_copy(hs->kept12.server_random, work->server_random, sizeof hs->kept12.server_random);
    kt_hs_log_secret(hs, "CLIENT_RANDOM", &hs->exporter_secret);
    kt_keys12_derive(&work->prf, hs->suite, hs->version, work->encrypt_then_mac, &hs->exporter_secret,
                     hs->work->client_random, work->server_random, &work->client_keys, &work->server_keys);
}

static struct kt_span premaster(const struct kt_hs *hs)
{
    switch (hs->work->v12->facts->kx) {
    case KT_KX_RSA:
        return kt_span_of(hs->work->premaster, sizeof hs->work->premaster);
    case KT_KX_DHE:
        return kt_dh_premaster12(&hs->work->shared);
    default:
        return kt_shared_secret_span(&hs->work->shared);
    }
}

void kt_work12_main_secret(struct kt_hs *hs)
{
    struct kt_work12 *work = hs->work->v12;
    uint8_t hash[KT_HASH_MAX];

    if (hs->kept12.extended_secret) {
        kt_main_secret12_extended(&work->prf, premaster(hs), transcript_now(hs, hash), &hs->exporter_secret);
    } else {
        kt_main_secret12(&work->prf, premaster(hs), hs->work->client_random, work->server_random, &hs->exporter_secret);
    }
    kt_shared_secret_wipe(&hs->work->shared);
    kt_wipe(hs->work->premaster, sizeof hs->work->premaster);
    derive_keys(hs);
}

void kt_work12_resume_secret(struct kt_hs *hs)
{
    hs->exporter_secret = hs->work->session->data.secret;
    derive_keys(hs);
}

static const struct kt_fault *change(struct kt_hs *hs, enum kt_direction direction, struct kt_keys12 *keys)
{
    const struct kt_carrier *carrier = &hs->carrier;
    const struct kt_fault *fault =
        carrier->ops->change(carrier->self, direction, hs->suite, keys, (enum kt_birth)hs->birth);

    kt_wipe(keys, sizeof *keys);
    return fault;
}

/* The output is the sending half's: keys and limit change when the flight goes out. */
static const struct kt_fault *change_later(struct kt_hs *hs, struct kt_keys12 *keys)
{
    const struct kt_carrier *carrier = &hs->carrier;
    const struct kt_flight_change part = {
        .suite = hs->suite,
        .keys = keys,
        .birth = (enum kt_birth)hs->birth,
        .content_max = hs->work->v12->limit[KT_SENDING],
    };
    const struct kt_fault *fault = carrier->ops->flight_add_change(carrier->self, &hs->flight, &part);

    kt_wipe(keys, sizeof *keys);
    return fault;
}

const struct kt_fault *kt_work12_change_sending(struct kt_hs *hs)
{
    struct kt_work12 *work = hs->work->v12;
    struct kt_keys12 *keys = hs->config->role == KT_CLIENT ? &work->client_keys : &work->server_keys;

    return hs->leaves ? change_later(hs, keys) : change(hs, KT_SENDING, keys);
}

const struct kt_fault *kt_work12_change_receiving(struct kt_hs *hs)
{
    struct kt_work12 *work = hs->work->v12;

    KT_TRY(change(hs, KT_RECEIVING, hs->config->role == KT_CLIENT ? &work->server_keys : &work->client_keys));
    if (work->limit[KT_RECEIVING] != 0) {
        return hs->carrier.ops->limit(hs->carrier.self, KT_RECEIVING, work->limit[KT_RECEIVING]);
    }
    return NULL;
}

static uint8_t *finished_of(struct kt_hs *hs, enum kt_role role)
{
    return role == KT_CLIENT ? hs->kept12.client_finished : hs->kept12.server_finished;
}

/* verify_data of a role over the transcript as it stands; kept, for it ties the next handshake to this one. */
static struct kt_span finished_value(struct kt_hs *hs, enum kt_role role)
{
    uint8_t hash[KT_HASH_MAX];

    kt_finished12(&hs->work->v12->prf, &hs->exporter_secret, role, transcript_now(hs, hash), finished_of(hs, role));
    return kt_span_of(finished_of(hs, role), KT_FINISHED12_LEN);
}

const struct kt_fault *kt_work12_send_finished(struct kt_hs *hs)
{
    KT_TRY(kt_hs_writer(hs, KT_MESSAGE_HEADER + KT_FINISHED12_LEN));
    kt_finished_encode(&hs->work->out, finished_value(hs, hs->config->role));
    return NULL;
}

const struct kt_fault *kt_work12_take_finished(struct kt_hs *hs, struct kt_span body)
{
    enum kt_role peer = hs->config->role == KT_CLIENT ? KT_SERVER : KT_CLIENT;

    if (body.len != KT_FINISHED12_LEN) {
        KT_FAIL(FINISHED_MALFORMED);
    }
    if (!kt_ct_eq(finished_value(hs, peer).p, body.p, body.len)) {
        KT_FAIL(FINISHED_WRONG);
    }
    hs->proofs |= KT_PROOF_FINISHED;
    /* With static RSA who knows the keys has decrypted: there is no other proof of the server's key. */
    if (peer == KT_SERVER && !hs->resumed && hs->work->v12->facts->kx == KT_KX_RSA) {
        hs->proofs |= KT_PROOF_SIGNATURE;
    }
    return NULL;
}
