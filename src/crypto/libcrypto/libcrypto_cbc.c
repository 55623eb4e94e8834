/*
 * AES-CBC with HMAC. The cipher is EVP's; MAC and padding are checked here, in constant time: libcrypto's own way for
 * records allocates fifteen times per record, and its HMAC of hidden length cannot be used twice (docs/adr/0012).
 */
#include "crypto/libcrypto/libcrypto.h"

#include <limits.h>

#include "crypto/libcrypto/libcrypto_mac.h"

/* 2^24.5 records of 2^10 blocks: two of 2^34.5 blocks are equal with a probability of 2^-60. */
#define CBC_RECORDS UINT64_C(23726566)

struct cbc {
    struct kt_cbc cbc; /* first: a kt_cbc of this file is a cbc */
    enum kt_libcrypto_cbc id;
    const char *fetch_name;
    const struct kt_mac_hash *mac_hash;
    EVP_CIPHER *fetched;
};

struct kt_cbc_key {
    const struct cbc *cbc;
    EVP_CIPHER_CTX *ctx;
    struct kt_mac_key mac;
    bool encrypt_then_mac;
    uint8_t iv_len; /* in each record; 0: the cipher goes on from the last block */
};

/* ---- keys ---- */

/* No padding of EVP's: TLS has its own, and what is handed over is whole blocks. */
static bool set_keys(struct kt_cbc_key *k, int enc, const struct kt_keys12 *keys)
{
    const EVP_CIPHER *cipher = enc < 0 ? NULL : k->cbc->fetched;

    kt_mac_key_set(&k->mac, k->cbc->mac_hash, keys->mac_key);
    k->encrypt_then_mac = keys->encrypt_then_mac;
    k->iv_len = keys->version == KT_TLS_1_0 ? 0 : KT_CBC_BLOCK;
    return EVP_CipherInit_ex2(k->ctx, cipher, keys->key, keys->iv, enc, NULL) == 1 &&
           EVP_CIPHER_CTX_set_padding(k->ctx, 0) == 1;
}

static void release(void *key)
{
    struct kt_cbc_key *k = key;

    if (k != NULL) {
        EVP_CIPHER_CTX_free(k->ctx);
        OPENSSL_clear_free(k, sizeof *k);
    }
}

static struct kt_cbc_key *key_new(const struct kt_cbc *cbc, enum kt_direction direction, const struct kt_keys12 *keys)
{
    struct kt_cbc_key *k = OPENSSL_zalloc(sizeof *k);

    if (k != NULL) {
        k->cbc = (const struct cbc *)(const void *)cbc;
        k->ctx = EVP_CIPHER_CTX_new();
    }
    if (k == NULL || k->ctx == NULL || !set_keys(k, direction == KT_SENDING, keys)) {
        release(k);
        ERR_clear_error();
        return NULL;
    }
    return k;
}

static bool drained(bool ok)
{
    if (KT_UNLIKELY(!ok)) {
        ERR_clear_error();
    }
    return ok;
}

static bool rekey(struct kt_cbc_key *k, const struct kt_keys12 *keys)
{
    return drained(set_keys(k, -1, keys));
}

/* Whole blocks in place, from the IV before them or from the last block. */
static bool crypt(struct kt_cbc_key *k, uint8_t *text, size_t len)
{
    int n;

    if (k->iv_len > 0 && EVP_CipherInit_ex2(k->ctx, NULL, NULL, text - k->iv_len, -1, NULL) != 1) {
        return false;
    }
    return len <= INT_MAX && EVP_CipherUpdate(k->ctx, text, &n, text, (int)len) == 1 && n == (int)len;
}

/* ---- sealing ---- */

/* RFC 5246 section 6.2.3.2: to whole blocks, each byte the number of those before the last. Returns the new length. */
static size_t pad(uint8_t *text, size_t len)
{
    size_t n = KT_CBC_BLOCK - len % KT_CBC_BLOCK;

    memset(text + len, (int)(n - 1), n);
    return len + n;
}

static bool seal(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *text, size_t text_len,
                 size_t *sealed_len)
{
    size_t len = text_len;

    if (!k->encrypt_then_mac) {
        kt_mac_record(&k->mac, head, kt_span_of(text, text_len), text + text_len);
        len += k->cbc->cbc.mac_len;
    }
    len = pad(text, len);
    if (!drained(crypt(k, text, len))) {
        return false;
    }
    if (k->encrypt_then_mac) {
        kt_mac_record(&k->mac, head, kt_span_of(text - k->iv_len, k->iv_len + len), text + len);
        len += k->cbc->cbc.mac_len;
    }
    *sealed_len = len;
    return true;
}

/* ---- opening ---- */

static uint32_t equal_mask(uint32_t a, uint32_t b)
{
    return kt_ct_lt(a ^ b, 1);
}

/*
 * How many bytes of padding stand at the end, its length included: 0 and a zero *good when it is not right, which
 * includes that `reserved` bytes have no room before it. Of the text only len can be seen. All bytes of the padding
 * count (POODLE).
 */
static uint32_t padding_len(const uint8_t *text, size_t len, size_t reserved, uint32_t *good)
{
    uint32_t last = text[len - 1];
    uint32_t differ = 0;
    size_t most = len < KT_CBC_PADDING_MAX ? len : KT_CBC_PADDING_MAX;

    for (uint32_t i = 0; i < most; i++) {
        differ |= ~kt_ct_lt(last, i) & (text[len - 1 - i] ^ last);
    }
    *good = equal_mask(differ, 0) & ~kt_ct_lt((uint32_t)len, (uint32_t)reserved + last + 1);
    return *good & (last + 1);
}

/* Turned to the left by a secret number of bytes below 64, one bit of it at a time. */
static void turn(uint8_t *bytes, size_t len, uint32_t by)
{
    uint8_t turned[KT_MAC_MAX];

    for (uint32_t bit = 0; bit < 6; bit++) {
        uint8_t mask = (uint8_t)(0u - (by >> bit & 1));

        for (size_t i = 0; i < len; i++) {
            turned[i] = kt_ct_select(mask, bytes[(i + ((size_t)1 << bit)) % len], bytes[i]);
        }
        kt_copy(bytes, turned, len);
    }
    kt_wipe(turned, sizeof turned);
}

/*
 * The mac_len bytes at a secret place, not before min_at: each byte of the text from there on is read once, and lands
 * at its number modulo mac_len.
 */
static void take_mac(struct kt_span text, size_t min_at, uint32_t at, size_t mac_len, uint8_t *out)
{
    uint32_t turned_by = 0;
    uint32_t slot = 0;

    memset(out, 0, mac_len);
    for (size_t i = min_at; i < text.len; i++) {
        uint32_t offset = (uint32_t)i - at; /* above every mac_len where i is below at */

        out[slot] |= (uint8_t)(text.p[i] & kt_ct_lt(offset, (uint32_t)mac_len));
        turned_by |= slot & equal_mask((uint32_t)i, at);
        slot = slot + 1 == mac_len ? 0 : slot + 1;
    }
    turn(out, mac_len, turned_by);
}

/* MAC, then encrypt: text, MAC and padding are decrypted, and nothing of them may be seen until all are right. */
static bool check_hidden(const struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], struct kt_span decrypted,
                         struct kt_span *text)
{
    size_t mac_len = k->cbc->cbc.mac_len;
    size_t most = decrypted.len - mac_len;
    size_t least = most > KT_CBC_PADDING_MAX ? most - KT_CBC_PADDING_MAX : 0;
    uint8_t came[KT_MAC_MAX], right[KT_HASH_MAX];
    uint32_t good;
    uint32_t len = (uint32_t)most - padding_len(decrypted.p, decrypted.len, mac_len, &good);

    take_mac(decrypted, least, len, mac_len, came);
    kt_mac_record_hidden(&k->mac, head, kt_span_of(decrypted.p, most), least, len, right);
    good &= (uint32_t)kt_ct_eq(came, right, mac_len);
    kt_wipe(right, sizeof right);
    *text = kt_span_of(decrypted.p, len);
    return good != 0;
}

static bool open_mte(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *fragment, size_t len,
                     struct kt_span *text)
{
    uint8_t *cipher = fragment + k->iv_len;

    if (len < k->iv_len || (len - k->iv_len) % KT_CBC_BLOCK != 0 || len - k->iv_len < (size_t)k->cbc->cbc.mac_len + 1 ||
        !drained(crypt(k, cipher, len - k->iv_len))) {
        return false;
    }
    return check_hidden(k, head, kt_span_of(cipher, len - k->iv_len), text);
}

/* Nothing is decrypted that is not authentic; and what the sender padded wrongly is refused in the same way. */
static bool open_etm(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *fragment, size_t len,
                     struct kt_span *text)
{
    size_t mac_len = k->cbc->cbc.mac_len;
    uint8_t right[KT_HASH_MAX];
    uint32_t good;

    if (len < mac_len + k->iv_len + KT_CBC_BLOCK || (len - mac_len) % KT_CBC_BLOCK != 0) {
        return false;
    }
    len -= mac_len;
    kt_mac_record(&k->mac, head, kt_span_of(fragment, len), right);
    if (!kt_ct_eq(right, fragment + len, mac_len) || !drained(crypt(k, fragment + k->iv_len, len - k->iv_len))) {
        return false;
    }
    len -= k->iv_len;
    *text = kt_span_of(fragment + k->iv_len, len - padding_len(fragment + k->iv_len, len, 0, &good));
    return good != 0;
}

static bool open(struct kt_cbc_key *k, const uint8_t head[KT_MAC_HEAD], uint8_t *fragment, size_t fragment_len,
                 struct kt_span *text)
{
    return k->encrypt_then_mac ? open_etm(k, head, fragment, fragment_len, text)
                               : open_mte(k, head, fragment, fragment_len, text);
}

/* ---- what there is ---- */

#define CBC(cbc_id, text, key_bytes, mac_bytes, cipher_name, hash)                                                     \
    {                                                                                                                  \
        .cbc = {.name = (text),                                                                                        \
                .key_len = (key_bytes),                                                                                \
                .mac_len = (mac_bytes),                                                                                \
                .max_records = CBC_RECORDS,                                                                            \
                .key_new = key_new,                                                                                    \
                .rekey = rekey,                                                                                        \
                .seal = seal,                                                                                          \
                .open = open,                                                                                          \
                .release = release},                                                                                   \
        .id = (cbc_id), .fetch_name = (cipher_name), .mac_hash = (hash)                                                \
    }

static struct cbc all[] = {
    CBC(KT_LIBCRYPTO_AES128_SHA1, "AES-128-CBC-HMAC-SHA1", 16, 20, "AES-128-CBC", &kt_libcrypto_mac_sha1),
    CBC(KT_LIBCRYPTO_AES256_SHA1, "AES-256-CBC-HMAC-SHA1", 32, 20, "AES-256-CBC", &kt_libcrypto_mac_sha1),
    CBC(KT_LIBCRYPTO_AES128_SHA256, "AES-128-CBC-HMAC-SHA256", 16, 32, "AES-128-CBC", &kt_libcrypto_mac_sha256),
    CBC(KT_LIBCRYPTO_AES256_SHA256, "AES-256-CBC-HMAC-SHA256", 32, 32, "AES-256-CBC", &kt_libcrypto_mac_sha256),
    CBC(KT_LIBCRYPTO_AES256_SHA384, "AES-256-CBC-HMAC-SHA384", 32, 48, "AES-256-CBC", &kt_libcrypto_mac_sha384),
};

const struct kt_cbc *kt_libcrypto_cbc_probe(enum kt_libcrypto_cbc id)
{
    for (size_t i = 0; i < KT_COUNT_OF(all); i++) {
        if (all[i].id == id) {
            if (all[i].fetched == NULL) {
                all[i].fetched = EVP_CIPHER_fetch(NULL, all[i].fetch_name, NULL);
            }
            return all[i].fetched == NULL ? NULL : &all[i].cbc;
        }
    }
    return NULL;
}
