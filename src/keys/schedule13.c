#include "keys/schedule13.h"

#include "keys/hkdf.h"

static const uint8_t zeros[KT_HASH_MAX];

static void hash_of(const struct kt_hash *hash, struct kt_span bytes, uint8_t *out)
{
    struct kt_hash_state state;

    hash->init(&state);
    if (bytes.len > 0) {
        hash->update(&state, bytes.p, bytes.len);
    }
    hash->final(&state, out);
    kt_wipe(&state, sizeof state);
}

static void derive(const struct kt_hash *hash, const struct kt_secret *secret, struct kt_span label,
                   struct kt_span transcript, struct kt_secret *out)
{
    out->len = hash->len;
    kt_hkdf_expand_label(hash, kt_secret_span(secret), label, transcript, out->b, out->len);
}

/* The next stage takes the place of its parent: salt from Derive-Secret(parent, "derived", ""). */
static void advance(struct kt_schedule13 *s, struct kt_span ikm)
{
    uint8_t nothing[KT_HASH_MAX];
    struct kt_secret salt;

    hash_of(s->hash, kt_span_of(NULL, 0), nothing);
    derive(s->hash, &s->secret, KT_SPAN_TEXT("derived"), kt_span_of(nothing, s->hash->len), &salt);
    kt_hkdf_extract(s->hash, kt_secret_span(&salt), ikm, s->secret.b);
    kt_secret_wipe(&salt);
}

const struct kt_fault *kt_schedule13_early(struct kt_schedule13 *s, const struct kt_hash *hash, struct kt_span psk)
{
    struct kt_span ikm = psk.len > 0 ? psk : kt_span_of(zeros, hash->len);

    if (s->stage != KT_STAGE_NONE) {
        KT_FAIL(SCHEDULE_ORDER);
    }
    s->hash = hash;
    s->stage = KT_STAGE_EARLY;
    s->secret.len = hash->len;
    kt_hkdf_extract(hash, kt_span_of(NULL, 0), ikm, s->secret.b);
    return NULL;
}

const struct kt_fault *kt_schedule13_handshake(struct kt_schedule13 *s, struct kt_span shared)
{
    if (s->stage != KT_STAGE_EARLY || shared.len == 0) {
        KT_FAIL(SCHEDULE_ORDER);
    }
    advance(s, shared);
    s->stage = KT_STAGE_HANDSHAKE;
    return NULL;
}

const struct kt_fault *kt_schedule13_main(struct kt_schedule13 *s)
{
    if (s->stage != KT_STAGE_HANDSHAKE) {
        KT_FAIL(SCHEDULE_ORDER);
    }
    advance(s, kt_span_of(zeros, s->hash->len));
    s->stage = KT_STAGE_MAIN;
    return NULL;
}

void kt_schedule13_wipe(struct kt_schedule13 *s)
{
    kt_wipe(s, sizeof *s);
}

const struct kt_fault *kt_schedule13_derive(const struct kt_schedule13 *s, enum kt_stage13 stage, struct kt_span label,
                                            struct kt_span transcript, struct kt_secret *out)
{
    if (s->stage == KT_STAGE_NONE || s->stage != stage) {
        KT_FAIL(SCHEDULE_ORDER);
    }
    derive(s->hash, &s->secret, label, transcript, out);
    return NULL;
}

void kt_traffic_keys_derive(const struct kt_hash *hash, const struct kt_aead *aead, const struct kt_secret *secret,
                            struct kt_traffic_keys *out)
{
    struct kt_span from = kt_secret_span(secret);
    struct kt_span none = kt_span_of(NULL, 0);

    kt_hkdf_expand_label(hash, from, KT_SPAN_TEXT("key"), none, out->key, aead->key_len);
    kt_hkdf_expand_label(hash, from, KT_SPAN_TEXT("iv"), none, out->iv, sizeof out->iv);
}

void kt_traffic_secret_next(const struct kt_hash *hash, struct kt_secret *secret)
{
    struct kt_secret next;

    derive(hash, secret, KT_SPAN_TEXT("traffic upd"), kt_span_of(NULL, 0), &next);
    kt_secret_move(secret, &next);
}

void kt_finished_value(const struct kt_hash *hash, const struct kt_secret *base, struct kt_span transcript,
                       uint8_t *out)
{
    struct kt_secret key;

    derive(hash, base, KT_SPAN_TEXT("finished"), kt_span_of(NULL, 0), &key);
    kt_hmac(hash, kt_secret_span(&key), transcript, out);
    kt_secret_wipe(&key);
}

void kt_psk_binder(const struct kt_hash *hash, struct kt_span psk, struct kt_span label, struct kt_span transcript,
                   uint8_t *out)
{
    uint8_t nothing[KT_HASH_MAX];
    struct kt_secret early = {.len = hash->len};
    struct kt_secret base;

    kt_hkdf_extract(hash, kt_span_of(NULL, 0), psk, early.b);
    hash_of(hash, kt_span_of(NULL, 0), nothing);
    derive(hash, &early, label, kt_span_of(nothing, hash->len), &base);
    kt_finished_value(hash, &base, transcript, out);
    kt_secret_wipe(&early);
    kt_secret_wipe(&base);
}

void kt_exporter13(const struct kt_hash *hash, const struct kt_secret *exporter_secret, struct kt_span label,
                   struct kt_span context, uint8_t *out, size_t len)
{
    uint8_t digest[KT_HASH_MAX];
    struct kt_secret secret;

    hash_of(hash, kt_span_of(NULL, 0), digest);
    derive(hash, exporter_secret, label, kt_span_of(digest, hash->len), &secret);
    hash_of(hash, context, digest);
    kt_hkdf_expand_label(hash, kt_secret_span(&secret), KT_SPAN_TEXT("exporter"), kt_span_of(digest, hash->len), out,
                         len);
    kt_secret_wipe(&secret);
}
