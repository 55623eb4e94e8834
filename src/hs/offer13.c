#include "hs/offer13.h"

#include "hs/psk13.h"
#include "hs/resume.h"
#include "wire/psk_offers.h"

/* Once for each hash of the suites we offer; after a HelloRetryRequest the hash is fixed (section 4.2.2). */
static bool next_hash(const struct kt_hs *hs, size_t *at, const struct kt_hash **out)
{
    const struct kt_config *config = hs->config;

    for (; *at < config->suite_count; ++*at) {
        const struct kt_hash *hash = config->suites[*at]->hash;
        bool seen = hs->retried && hash != hs->suite->hash;

        for (size_t i = 0; i < *at; i++) {
            seen |= config->suites[i]->hash == hash;
        }
        if (!seen) {
            *out = hash;
            ++*at;
            return true;
        }
    }
    return false;
}

static void add_offer(struct kt_hs_work *work, struct kt_psk *psk, const struct kt_hash *hash)
{
    work->offers[work->offer_count++] = (struct kt_psk_offer){psk, hash};
}

/* A client that sends no share, and may do without, does (config.h). */
static bool without_exchange(const struct kt_config *config)
{
    return config->psk_ke && config->key_shares == 0;
}

static struct kt_span modes(const struct kt_config *config)
{
    static const uint8_t all[] = {KT_PSK_DHE_KE, KT_PSK_KE};

    if (without_exchange(config)) {
        return kt_span_of(all + 1, 1);
    }
    return kt_span_of(all, config->psk_ke ? 2 : 1);
}

static const struct kt_fault *collect(struct kt_hs *hs)
{
    struct kt_hs_work *work = hs->work;
    const struct kt_hash *hash = NULL;

    work->offer_count = 0;
    if (!without_exchange(hs->config)) {
        KT_TRY(kt_resume_offered(hs, &hash));
    }
    if (hash != NULL) {
        add_offer(work, NULL, hash);
    }
    for (size_t i = 0; i < hs->config->psk_count; i++) {
        size_t at = 0;

        while (next_hash(hs, &at, &hash)) {
            if (kt_psk13_usable(hs->config->psks[i], hash)) {
                add_offer(work, hs->config->psks[i], hash);
            }
        }
    }
    return NULL;
}

static size_t offers_len(const struct kt_hs *hs)
{
    const struct kt_hs_work *work = hs->work;
    size_t len = 0;

    for (size_t i = 0; i < work->offer_count; i++) {
        const struct kt_psk_offer *offer = &work->offers[i];

        len += 2 + 4 + 1u + offer->hash->len;
        len += offer->psk != NULL ? kt_psk13_identity_len(offer->psk) : work->session->data.ticket.len;
    }
    return len;
}

/* An external key has no age: 0 (section 4.3.11). */
static void put_identity(const struct kt_hs *hs, struct kt_writer *w, const struct kt_psk_offer *offer)
{
    kt_writer_open(w, 2);
    if (offer->psk != NULL) {
        kt_psk13_put_identity(w, offer->psk, offer->hash);
    } else {
        kt_put_bytes(w, hs->work->session->data.ticket);
    }
    kt_writer_close(w);
    kt_put_u32(w, offer->psk != NULL ? 0 : kt_resume_disguised_age(hs));
}

static const struct kt_fault *write_offers(struct kt_hs *hs)
{
    struct kt_client_hello *hello = &hs->work->hello;
    size_t len = offers_len(hs);
    uint8_t *room = kt_arena_take(&hs->arena, len);
    struct kt_writer w = kt_writer_over(room, len);

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    for (size_t i = 0; i < hs->work->offer_count; i++) {
        put_identity(hs, &w, &hs->work->offers[i]);
    }
    hello->psk_identities = kt_writer_span(&w);
    for (size_t i = 0; i < hs->work->offer_count; i++) {
        kt_put_u8(&w, hs->work->offers[i].hash->len);
        (void)kt_writer_room(&w, hs->work->offers[i].hash->len); /* the binder, when the hello is written */
    }
    if (!kt_writer_finish(&w)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    hello->psk_binders = kt_span_of(room + hello->psk_identities.len, w.len - hello->psk_identities.len);
    hello->seen |= KT_EXT_BIT(PRE_SHARED_KEY);
    return NULL;
}

const struct kt_fault *kt_offer13_write(struct kt_hs *hs)
{
    struct kt_client_hello *hello = &hs->work->hello;

    hello->seen &= ~KT_EXT_BIT(PRE_SHARED_KEY);
    if (!hs->config->resumes && hs->config->psk_count == 0) {
        return NULL;
    }
    hello->psk_modes = modes(hs->config);
    hello->seen |= KT_EXT_BIT(PSK_KEY_EXCHANGE_MODES);
    KT_TRY(collect(hs));
    return hs->work->offer_count > 0 ? write_offers(hs) : NULL;
}

/* What the binders sign: all before them, behind what was hashed before this hello (section 4.3.11.2). */
static void hash_partial(const struct kt_hs *hs, const struct kt_hash *hash, struct kt_span partial, uint8_t *out)
{
    struct kt_transcript first = {.hash = NULL};

    if (hs->retried) {
        kt_transcript_hash_with(&hs->work->transcript, partial, out);
        return;
    }
    kt_transcript_begin(&first, hash);
    kt_transcript_hash_with(&first, partial, out);
}

static const struct kt_fault *bind_one(const struct kt_hs *hs, const struct kt_psk_offer *offer, struct kt_span partial,
                                       uint8_t *out)
{
    struct kt_span label = KT_SPAN_TEXT("res binder");
    struct kt_span secret = kt_span_of(NULL, 0);
    struct kt_secret room = {0};
    uint8_t digest[KT_HASH_MAX];

    if (offer->psk != NULL) {
        label = kt_psk13_binder_label(offer->psk);
        KT_TRY(kt_psk13_secret(hs->config->crypto, offer->psk, offer->hash, &room, &secret));
    } else {
        secret = kt_secret_span(&hs->work->session->data.secret);
    }
    hash_partial(hs, offer->hash, partial, digest);
    kt_psk_binder(offer->hash, secret, label, kt_span_of(digest, offer->hash->len), out);
    kt_secret_wipe(&room);
    return NULL;
}

const struct kt_fault *kt_offer13_bind(struct kt_hs *hs)
{
    const struct kt_hs_work *work = hs->work;
    const struct kt_writer *out = &work->out;
    size_t covered;
    uint8_t *at;

    if ((work->hello.seen & KT_EXT_BIT(PRE_SHARED_KEY)) == 0 || !kt_writer_finish(out)) {
        return NULL;
    }
    covered = out->len - work->hello.psk_binders.len - sizeof(uint16_t);
    at = out->buf + covered + sizeof(uint16_t);
    for (size_t i = 0; i < work->offer_count; i++) {
        const struct kt_psk_offer *offer = &work->offers[i];

        KT_TRY(bind_one(hs, offer, kt_span_of(out->buf, covered), at + 1));
        at += 1 + offer->hash->len;
    }
    return NULL;
}

const struct kt_fault *kt_offer13_accept(struct kt_hs *hs, uint16_t index)
{
    const struct kt_psk_offer *offer = &hs->work->offers[index < hs->work->offer_count ? index : 0];

    if (index >= hs->work->offer_count) {
        KT_FAIL(PSK_INDEX_WRONG);
    }
    if (offer->hash != hs->suite->hash) {
        KT_FAIL(PSK_HASH_WRONG);
    }
    if (offer->psk != NULL) {
        kt_resume_forget(hs);
        return kt_psk13_begin(hs, offer->psk);
    }
    kt_resume_begin(hs);
    return NULL;
}
