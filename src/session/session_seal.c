/*
 * session_seal.c - self-contained tickets: key name, nonce, the session under an AEAD.
 *
 * Key and name are drawn anew for each rotation and nonces at random, so one key seals far fewer tickets than the
 * 2^32 at which random nonces of 96 bits become unsafe.
 */
#include "session/ticket_ring.h"

#include "wire/reader.h"

/* One with keys of 32 bytes: AES-256-GCM, where there is none ChaCha20-Poly1305. */
static const struct kt_aead *sealing_aead(const struct kt_crypto *crypto)
{
    const struct kt_suite *suite = kt_crypto_suite(crypto, KT_SUITE_AES_256_GCM_SHA384);

    if (suite == NULL) {
        suite = kt_crypto_suite(crypto, KT_SUITE_CHACHA20_POLY1305_SHA256);
    }
    return suite == NULL ? NULL : suite->aead;
}

static const struct kt_fault *seal_bytes(const struct kt_aead *aead, const struct kt_ticket_key *key,
                                         const uint8_t *nonce, uint8_t *bytes, size_t len)
{
    struct kt_aead_key *k = aead->key_new(aead, KT_SENDING, key->secret);
    bool sealed;

    if (k == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    sealed = aead->seal(k, nonce, kt_span_of(key->name, sizeof key->name), bytes, len, bytes, 0);
    aead->release(k);
    if (!sealed) {
        KT_FAIL(CRYPTO_FAILED);
    }
    return NULL;
}

static const struct kt_fault *write_ticket(const struct kt_aead *aead, const struct kt_env *env,
                                           const struct kt_ticket_key *key, const struct kt_session_data *data,
                                           struct kt_writer *out)
{
    uint8_t *nonce;
    uint8_t *bytes;
    size_t begin;

    kt_put_bytes(out, kt_span_of(key->name, sizeof key->name));
    nonce = kt_writer_room(out, KT_NONCE_LEN);
    begin = out->len;
    kt_session_encode(out, data);
    bytes = out->buf + begin;
    begin = out->len - begin;
    if (kt_writer_room(out, KT_TAG_LEN) == NULL) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    if (!env->random(env->user, nonce, KT_NONCE_LEN)) {
        KT_FAIL(RANDOM_FAILED);
    }
    return seal_bytes(aead, key, nonce, bytes, begin);
}

const struct kt_fault *kt_session_seal(const struct kt_crypto *crypto, const struct kt_env *env,
                                       struct kt_ticket_ring *ring, const struct kt_session_data *data,
                                       struct kt_writer *out)
{
    const struct kt_aead *aead = sealing_aead(crypto);
    const struct kt_fault *fault;
    struct kt_ticket_key key;

    if (aead == NULL) {
        KT_FAIL(CRYPTO_UNAVAILABLE);
    }
    fault = kt_ticket_ring_newest(ring, &key);
    if (fault == NULL) {
        fault = write_ticket(aead, env, &key, data, out);
    }
    kt_wipe(&key, sizeof key);
    return fault;
}

static bool open_bytes(const struct kt_aead *aead, const struct kt_ticket_key *key, const uint8_t *nonce,
                       uint8_t *bytes, size_t len)
{
    struct kt_aead_key *k = aead->key_new(aead, KT_RECEIVING, key->secret);
    bool opened;

    if (k == NULL) {
        return false;
    }
    opened = aead->open(k, nonce, kt_span_of(key->name, sizeof key->name), bytes, len);
    aead->release(k);
    return opened;
}

bool kt_session_unseal(const struct kt_crypto *crypto, const struct kt_ticket_ring *ring, struct kt_span ticket,
                       struct kt_session_data *out)
{
    const struct kt_aead *aead = sealing_aead(crypto);
    struct kt_reader r = kt_reader_over(ticket);
    uint8_t bytes[KT_SESSION_FIXED_MAX + KT_TAG_LEN];
    struct kt_span name, nonce, sealed;
    struct kt_ticket_key key;
    bool opened;

    if (aead == NULL ||
        !(kt_reader_bytes(&r, KT_TICKET_NAME_LEN, &name) && kt_reader_bytes(&r, KT_NONCE_LEN, &nonce))) {
        return false;
    }
    sealed = kt_reader_rest(&r);
    if (sealed.len < KT_TAG_LEN || sealed.len > sizeof bytes || !kt_ticket_ring_find(ring, name.p, &key)) {
        return false;
    }
    kt_copy(bytes, sealed.p, sealed.len);
    opened = open_bytes(aead, &key, nonce.p, bytes, sealed.len) &&
             kt_session_decode(kt_span_of(bytes, sealed.len - KT_TAG_LEN), out) == NULL;
    if (opened) {
        out->ticket = kt_span_of(NULL, 0);
    }
    kt_wipe(&key, sizeof key);
    kt_wipe(bytes, sizeof bytes);
    return opened;
}
