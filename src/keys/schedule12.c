#include "keys/schedule12.h"

#include "keys/hkdf.h"
#include "wire/writer.h"

enum { PARTS = 4 }; /* of what P_hash is over: A(i), label, two seeds */

bool kt_prf12_of(const struct kt_crypto *crypto, const struct kt_suite *suite, uint16_t version, struct kt_prf *prf,
                 const struct kt_hash **transcript)
{
    if (version >= KT_TLS_1_2) {
        *prf = (struct kt_prf){suite->hash, NULL};
        *transcript = suite->hash;
        return true;
    }
    *prf = (struct kt_prf){crypto->digests[KT_DIGEST_MD5], crypto->digests[KT_DIGEST_SHA1]};
    *transcript = crypto->digests[KT_DIGEST_MD5_SHA1];
    return prf->hash != NULL && prf->second != NULL && *transcript != NULL;
}

/* P_hash (RFC 5246 section 5), XORed to what stands in out. parts[0] is A(i), the others label and seed. */
static void p_hash(const struct kt_hash *hash, struct kt_span secret, struct kt_span parts[PARTS], uint8_t *out,
                   size_t len)
{
    struct kt_hmac_key key;
    uint8_t a[KT_HASH_MAX];
    uint8_t block[KT_HASH_MAX];

    kt_hmac_key_set(&key, hash, secret);
    kt_hmac_parts(&key, parts + 1, PARTS - 1, a);
    parts[0] = kt_span_of(a, hash->len);
    while (len > 0) {
        size_t n = len < hash->len ? len : hash->len;

        kt_hmac_parts(&key, parts, PARTS, block);
        for (size_t i = 0; i < n; i++) {
            out[i] ^= block[i];
        }
        out += n;
        len -= n;
        kt_hmac_parts(&key, parts, 1, a);
    }
    parts[0] = kt_span_of(NULL, 0); /* a ends with this call */
    kt_wipe(&key, sizeof key);
    kt_wipe(a, sizeof a);
    kt_wipe(block, sizeof block);
}

static void prf_parts(const struct kt_prf *prf, struct kt_span secret, struct kt_span parts[PARTS], uint8_t *out,
                      size_t len)
{
    /* The halves of RFC 2246 section 5: of an odd number of bytes the middle one is in both. */
    size_t half = prf->second == NULL ? secret.len : (secret.len + 1) / 2;

    memset(out, 0, len);
    p_hash(prf->hash, kt_span_of(secret.p, half), parts, out, len);
    if (prf->second != NULL) {
        p_hash(prf->second, kt_span_of(secret.p + secret.len - half, half), parts, out, len);
    }
}

void kt_prf12(const struct kt_prf *prf, struct kt_span secret, struct kt_span label, struct kt_span seed_a,
              struct kt_span seed_b, uint8_t *out, size_t len)
{
    struct kt_span parts[PARTS] = {[1] = label, seed_a, seed_b};

    prf_parts(prf, secret, parts, out, len);
}

void kt_premaster12_take(uint8_t premaster[KT_PREMASTER_LEN], const uint8_t decrypted[KT_PREMASTER_LEN], size_t len,
                         uint16_t version)
{
    uint64_t wrong_len = (uint64_t)len ^ KT_PREMASTER_LEN;
    uint32_t differ = (uint32_t)wrong_len | (uint32_t)(wrong_len >> 32) | (uint32_t)(decrypted[0] ^ (version >> 8)) |
                      (uint32_t)(decrypted[1] ^ (version & 0xff));
    uint8_t right = (uint8_t)kt_ct_lt(differ, 1);

    for (size_t i = 0; i < KT_PREMASTER_LEN; i++) {
        premaster[i] = kt_ct_select(right, decrypted[i], premaster[i]);
    }
}

struct kt_span kt_dh_premaster12(const struct kt_shared_secret *shared)
{
    size_t zeros = 0;

    while (zeros < shared->len && shared->b[zeros] == 0) {
        zeros++;
    }
    return kt_span_of(shared->b + zeros, shared->len - zeros);
}

static struct kt_span random_span(const uint8_t random[KT_RANDOM_LEN])
{
    return kt_span_of(random, KT_RANDOM_LEN);
}

void kt_main_secret12(const struct kt_prf *prf, struct kt_span premaster, const uint8_t client_random[KT_RANDOM_LEN],
                      const uint8_t server_random[KT_RANDOM_LEN], struct kt_secret *out)
{
    out->len = KT_MAIN_SECRET12_LEN;
    kt_prf12(prf, premaster, KT_SPAN_TEXT("master secret"), random_span(client_random), random_span(server_random),
             out->b, out->len);
}

void kt_main_secret12_extended(const struct kt_prf *prf, struct kt_span premaster, struct kt_span session_hash,
                               struct kt_secret *out)
{
    out->len = KT_MAIN_SECRET12_LEN;
    kt_prf12(prf, premaster, KT_SPAN_TEXT("extended master secret"), session_hash, kt_span_of(NULL, 0), out->b,
             out->len);
}

/* The lengths that a suite takes from the key block (RFC 5246 section 6.3; RFC 4346: no IV of CBC any more). */
struct lengths {
    size_t mac, key, iv;
};

static struct lengths lengths_of(const struct kt_suite *suite, uint16_t version)
{
    if (suite->aead != NULL) {
        return (struct lengths){0, suite->aead->key_len, (size_t)KT_NONCE_LEN - suite->aead->explicit_nonce_len};
    }
    return (struct lengths){suite->cbc->mac_len, suite->cbc->key_len, version == KT_TLS_1_0 ? KT_CBC_BLOCK : 0};
}

static const uint8_t *take(const uint8_t *at, uint8_t *to, size_t len)
{
    kt_copy(to, at, len);
    return at + len;
}

void kt_keys12_derive(const struct kt_prf *prf, const struct kt_suite *suite, uint16_t version, bool encrypt_then_mac,
                      const struct kt_secret *main_secret, const uint8_t client_random[KT_RANDOM_LEN],
                      const uint8_t server_random[KT_RANDOM_LEN], struct kt_keys12 *client, struct kt_keys12 *server)
{
    struct lengths n = lengths_of(suite, version);
    uint8_t block[2 * (sizeof client->mac_key + sizeof client->key + sizeof client->iv)];
    const uint8_t *at = block;

    kt_prf12(prf, kt_secret_span(main_secret), KT_SPAN_TEXT("key expansion"), random_span(server_random),
             random_span(client_random), block, 2 * (n.mac + n.key + n.iv));
    *client = (struct kt_keys12){.version = version, .encrypt_then_mac = encrypt_then_mac};
    *server = *client;
    at = take(at, client->mac_key, n.mac);
    at = take(at, server->mac_key, n.mac);
    at = take(at, client->key, n.key);
    at = take(at, server->key, n.key);
    at = take(at, client->iv, n.iv);
    (void)take(at, server->iv, n.iv);
    kt_wipe(block, sizeof block);
}

void kt_finished12(const struct kt_prf *prf, const struct kt_secret *main_secret, enum kt_role sender,
                   struct kt_span transcript, uint8_t out[KT_FINISHED12_LEN])
{
    struct kt_span label = sender == KT_CLIENT ? KT_SPAN_TEXT("client finished") : KT_SPAN_TEXT("server finished");

    kt_prf12(prf, kt_secret_span(main_secret), label, transcript, kt_span_of(NULL, 0), out, KT_FINISHED12_LEN);
}

void kt_exporter12(const struct kt_prf *prf, const struct kt_secret *main_secret,
                   const uint8_t client_random[KT_RANDOM_LEN], const uint8_t server_random[KT_RANDOM_LEN],
                   struct kt_span label, const struct kt_span *context, uint8_t *out, size_t len)
{
    uint8_t prefix[2 * KT_RANDOM_LEN + 2];
    struct kt_writer w = kt_writer_over(prefix, sizeof prefix);
    struct kt_span parts[PARTS] = {[1] = label};

    kt_put_bytes(&w, random_span(client_random));
    kt_put_bytes(&w, random_span(server_random));
    if (context != NULL) {
        kt_put_u16(&w, (uint16_t)context->len);
        parts[3] = *context;
    }
    parts[2] = kt_writer_span(&w);
    prf_parts(prf, kt_secret_span(main_secret), parts, out, len);
}
