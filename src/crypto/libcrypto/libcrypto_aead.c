/* AEADs by EVP: one context per key, and as few calls per record as EVP allows. */
#include "crypto/libcrypto/libcrypto.h"

#include <limits.h>

#include <openssl/core_names.h>
#include <openssl/params.h>

/* 2^24.5 full-size records under one AES-GCM key (RFC 9846 section 5.5). */
#define GCM_RECORDS UINT64_C(23726566)
/* 2^23 under one of AES-CCM (RFC 9147 section 4.5.3). */
#define CCM_RECORDS UINT64_C(8388608)

/*
 * A tail behind a source elsewhere costs a second call of the cipher: 30 ns with AES-GCM, 180 ns with
 * ChaCha20. Copying a source up to this size to its destination first is cheaper; above it the copy is what
 * costs.
 */
enum { COPY_MAX = 2048 };

struct cipher {
    struct kt_aead aead; /* first: a kt_aead of this file is a cipher */
    enum kt_libcrypto_aead id;
    bool is_ccm;
    const char *fetch_name;
    EVP_CIPHER *fetched;
};

/* The key is nothing but libcrypto's context, so it is that context under our name. */
static EVP_CIPHER_CTX *context_of(struct kt_aead_key *k)
{
    return (EVP_CIPHER_CTX *)(void *)k;
}

/* Not after success: once a record, and nothing there has anything to note. */
static bool drained(bool ok)
{
    if (KT_UNLIKELY(!ok)) {
        ERR_clear_error();
    }
    return ok;
}

/* CCM wants to know both lengths before the key; to the others they are what they have. */
static bool set_lengths(EVP_CIPHER_CTX *ctx)
{
    size_t nonce_len = KT_NONCE_LEN;
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_size_t(OSSL_CIPHER_PARAM_AEAD_IVLEN, &nonce_len),
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, NULL, KT_TAG_LEN),
        OSSL_PARAM_construct_end(),
    };

    return EVP_CIPHER_CTX_set_params(ctx, params) == 1;
}

static bool begin(EVP_CIPHER_CTX *ctx, const struct cipher *cipher, int enc, const uint8_t *key)
{
    if (!cipher->is_ccm) {
        return EVP_CipherInit_ex2(ctx, cipher->fetched, key, NULL, enc, NULL) == 1;
    }
    return EVP_CipherInit_ex2(ctx, cipher->fetched, NULL, NULL, enc, NULL) == 1 && set_lengths(ctx) &&
           EVP_CipherInit_ex2(ctx, NULL, key, NULL, -1, NULL) == 1;
}

static struct kt_aead_key *key_new(const struct kt_aead *aead, enum kt_direction direction, const uint8_t *key)
{
    const struct cipher *cipher = (const struct cipher *)(const void *)aead;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();

    if (ctx == NULL || !begin(ctx, cipher, direction == KT_SENDING, key)) {
        EVP_CIPHER_CTX_free(ctx);
        ERR_clear_error();
        return NULL;
    }
    return (struct kt_aead_key *)(void *)ctx;
}

/* No cipher and no direction (-1): both stay, and nothing is allocated. */
static bool rekey(struct kt_aead_key *k, const uint8_t *key)
{
    return drained(EVP_CipherInit_ex2(context_of(k), NULL, key, NULL, -1, NULL) == 1);
}

/* The only parameter is named once here: EVP's own helpers for the tag would look up more names. */
static void name_tag(OSSL_PARAM params[2], uint8_t *tag)
{
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag, KT_TAG_LEN);
    params[1] = OSSL_PARAM_construct_end();
}

static bool add_data(EVP_CIPHER_CTX *ctx, struct kt_span ad)
{
    int n;

    return ad.len == 0 || (ad.len <= INT_MAX && EVP_CipherUpdate(ctx, NULL, &n, ad.p, (int)ad.len) == 1);
}

static bool seal_part(EVP_CIPHER_CTX *ctx, uint8_t *dst, const uint8_t *src, size_t len)
{
    int n;

    return len == 0 || (len <= INT_MAX && EVP_EncryptUpdate(ctx, dst, &n, src, (int)len) == 1);
}

static bool seal_body(EVP_CIPHER_CTX *ctx, const uint8_t *src, size_t src_len, uint8_t *dst, size_t tail_len)
{
    if (src != dst && tail_len > 0 && src_len <= COPY_MAX) {
        kt_copy(dst, src, src_len);
        src = dst;
    }
    if (src == dst) {
        return seal_part(ctx, dst, dst, src_len + tail_len);
    }
    return seal_part(ctx, dst, src, src_len) && seal_part(ctx, dst + src_len, dst + src_len, tail_len);
}

static bool seal_aead(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, const uint8_t *src,
                      size_t src_len, uint8_t *dst, size_t tail_len)
{
    EVP_CIPHER_CTX *ctx = context_of(k);
    uint8_t *tag = dst + src_len + tail_len;
    OSSL_PARAM params[2];
    int n;

    name_tag(params, tag);
    return drained(EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 && add_data(ctx, ad) &&
                   seal_body(ctx, src, src_len, dst, tail_len) && EVP_EncryptFinal_ex(ctx, tag, &n) == 1 &&
                   EVP_CIPHER_CTX_get_params(ctx, params) == 1);
}

static bool open_aead(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, uint8_t *bytes,
                      size_t len)
{
    EVP_CIPHER_CTX *ctx = context_of(k);
    OSSL_PARAM params[2];
    size_t text_len;
    int n;

    if (len < KT_TAG_LEN || len > INT_MAX) {
        return false;
    }
    text_len = len - KT_TAG_LEN;
    name_tag(params, bytes + text_len);
    return drained(EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, params) == 1 && add_data(ctx, ad) &&
                   (text_len == 0 || EVP_DecryptUpdate(ctx, bytes, &n, bytes, (int)text_len) == 1) &&
                   EVP_DecryptFinal_ex(ctx, bytes + text_len, &n) == 1);
}

/* CCM must be told the length first, and takes all of it in one call (RFC 3610). */
static bool tell_length(EVP_CIPHER_CTX *ctx, size_t len)
{
    int n;

    return len <= INT_MAX && EVP_CipherUpdate(ctx, NULL, &n, NULL, (int)len) == 1;
}

static bool seal_ccm(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, const uint8_t *src,
                     size_t src_len, uint8_t *dst, size_t tail_len)
{
    EVP_CIPHER_CTX *ctx = context_of(k);
    size_t len = src_len + tail_len;
    OSSL_PARAM params[2];
    int n;

    if (src != dst && tail_len > 0) {
        kt_copy(dst, src, src_len);
        src = dst;
    }
    name_tag(params, dst + len);
    return drained(EVP_EncryptInit_ex2(ctx, NULL, NULL, nonce, NULL) == 1 && tell_length(ctx, len) &&
                   add_data(ctx, ad) && EVP_EncryptUpdate(ctx, dst, &n, src, (int)len) == 1 &&
                   EVP_CIPHER_CTX_get_params(ctx, params) == 1);
}

static bool open_ccm(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, uint8_t *bytes,
                     size_t len)
{
    EVP_CIPHER_CTX *ctx = context_of(k);
    OSSL_PARAM params[2];
    size_t text_len;
    int n;

    if (len < KT_TAG_LEN || len > INT_MAX) {
        return false;
    }
    text_len = len - KT_TAG_LEN;
    name_tag(params, bytes + text_len);
    return drained(EVP_DecryptInit_ex2(ctx, NULL, NULL, nonce, params) == 1 && tell_length(ctx, text_len) &&
                   add_data(ctx, ad) && EVP_DecryptUpdate(ctx, bytes, &n, bytes, (int)text_len) == 1);
}

/*
 * Data that is authenticated with a record of TLS 1.2 begins with the sequence and ends with the length of the text
 * (RFC 5246 section 6.2.3.3). libcrypto knows that form, and seals or opens a short record in one pass of ChaCha20
 * where several calls need two: a third of the time of a message of 100 bytes.
 */
enum { RECORD_DATA = 13, SEQUENCE = 8 };

static bool is_of_record(struct kt_span ad, size_t text_len)
{
    return ad.len == RECORD_DATA && text_len <= UINT16_MAX - KT_TAG_LEN &&
           ad.p[RECORD_DATA - 2] == (uint8_t)(text_len >> 8) && ad.p[RECORD_DATA - 1] == (uint8_t)text_len;
}

/* It XORs the sequence of the data to a fixed IV, so that is told which makes the nonce of them (RFC 7905). */
static bool tell_record(EVP_CIPHER_CTX *ctx, const uint8_t nonce[KT_NONCE_LEN], const uint8_t *ad, size_t len)
{
    uint8_t fixed[KT_NONCE_LEN], data[RECORD_DATA];
    OSSL_PARAM params[2] = {
        OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_IV_FIXED, fixed, sizeof fixed),
        OSSL_PARAM_construct_end(),
    };

    kt_copy(fixed, nonce, sizeof fixed);
    for (size_t i = 0; i < SEQUENCE; i++) {
        fixed[KT_NONCE_LEN - SEQUENCE + i] ^= ad[i];
    }
    kt_copy(data, ad, RECORD_DATA - 2);
    data[RECORD_DATA - 2] = (uint8_t)(len >> 8);
    data[RECORD_DATA - 1] = (uint8_t)len;
    if (EVP_CIPHER_CTX_set_params(ctx, params) != 1) {
        return false;
    }
    params[0] = OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TLS1_AAD, data, sizeof data);
    return EVP_CIPHER_CTX_set_params(ctx, params) == 1;
}

/* In place only. */
static bool seal_chacha(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, const uint8_t *src,
                        size_t src_len, uint8_t *dst, size_t tail_len)
{
    EVP_CIPHER_CTX *ctx = context_of(k);
    size_t len = src_len + tail_len;
    int n;

    if (!is_of_record(ad, len) || (src != dst && src_len > COPY_MAX)) {
        return seal_aead(k, nonce, ad, src, src_len, dst, tail_len);
    }
    if (src != dst) {
        kt_copy(dst, src, src_len);
    }
    return drained(tell_record(ctx, nonce, ad.p, len) &&
                   EVP_EncryptUpdate(ctx, dst, &n, dst, (int)(len + KT_TAG_LEN)) == 1);
}

/* With the length that stands in the record, the tag's included. */
static bool open_chacha(struct kt_aead_key *k, const uint8_t nonce[KT_NONCE_LEN], struct kt_span ad, uint8_t *bytes,
                        size_t len)
{
    EVP_CIPHER_CTX *ctx = context_of(k);
    int n;

    if (len < KT_TAG_LEN || !is_of_record(ad, len - KT_TAG_LEN)) {
        return open_aead(k, nonce, ad, bytes, len);
    }
    return drained(tell_record(ctx, nonce, ad.p, len) && EVP_DecryptUpdate(ctx, bytes, &n, bytes, (int)len) == 1);
}

static void release(void *k)
{
    EVP_CIPHER_CTX_free(k);
}

#define CIPHER(cipher_id, text, key_bytes, explicit_bytes, records, ccm, seal_function, open_function)                 \
    {                                                                                                                  \
        .aead = {.name = (text),                                                                                       \
                 .key_len = (key_bytes),                                                                               \
                 .explicit_nonce_len = (explicit_bytes),                                                               \
                 .max_records = (records),                                                                             \
                 .key_new = key_new,                                                                                   \
                 .rekey = rekey,                                                                                       \
                 .seal = (seal_function),                                                                              \
                 .open = (open_function),                                                                              \
                 .release = release},                                                                                  \
        .id = (cipher_id), .is_ccm = (ccm), .fetch_name = (text)                                                       \
    }

static struct cipher ciphers[] = {
    CIPHER(KT_LIBCRYPTO_AES128_GCM, "AES-128-GCM", 16, 8, GCM_RECORDS, false, seal_aead, open_aead),
    CIPHER(KT_LIBCRYPTO_AES256_GCM, "AES-256-GCM", 32, 8, GCM_RECORDS, false, seal_aead, open_aead),
    CIPHER(KT_LIBCRYPTO_CHACHA20_POLY1305, "ChaCha20-Poly1305", 32, 0, UINT64_MAX, false, seal_chacha, open_chacha),
    CIPHER(KT_LIBCRYPTO_AES128_CCM, "AES-128-CCM", 16, 8, CCM_RECORDS, true, seal_ccm, open_ccm),
    CIPHER(KT_LIBCRYPTO_AES256_CCM, "AES-256-CCM", 32, 8, CCM_RECORDS, true, seal_ccm, open_ccm),
};

const struct kt_aead *kt_libcrypto_aead_probe(enum kt_libcrypto_aead id)
{
    for (size_t i = 0; i < KT_COUNT_OF(ciphers); i++) {
        if (ciphers[i].id == id) {
            if (ciphers[i].fetched == NULL) {
                ciphers[i].fetched = EVP_CIPHER_fetch(NULL, ciphers[i].fetch_name, NULL);
            }
            return ciphers[i].fetched == NULL ? NULL : &ciphers[i].aead;
        }
    }
    return NULL;
}
