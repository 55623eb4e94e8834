/*
 * libcrypto_mac.h - HMAC over records in CBC mode (RFC 5246 section 6.2.3.1), also where nobody may see how long the
 * record is. For libcrypto_cbc.c.
 */
#ifndef KT_LIBCRYPTO_MAC_H
#define KT_LIBCRYPTO_MAC_H

#include "crypto/libcrypto/libcrypto.h"

/* A hash, and its compression function for whoever builds the blocks himself. */
struct kt_mac_hash {
    const struct kt_hash *hash;
    uint8_t block_bits; /* block_len is 1 << block_bits */
    uint8_t length_len; /* bytes of the message length at the end of the last block */
    void (*compress)(struct kt_hash_state *state, const uint8_t *block);
    void (*chaining_value)(const struct kt_hash_state *state, uint8_t *out); /* as many bytes as hash->len */
};

extern const struct kt_mac_hash kt_libcrypto_mac_sha1;
extern const struct kt_mac_hash kt_libcrypto_mac_sha256;
extern const struct kt_mac_hash kt_libcrypto_mac_sha384;

/* A key of HMAC: what each computation starts from. */
struct kt_mac_key {
    const struct kt_mac_hash *mac_hash;
    struct kt_hash_state inner, outer;
};

void kt_mac_key_set(struct kt_mac_key *k, const struct kt_mac_hash *mac_hash, const uint8_t *key);

/* Over head, length (two bytes), text. */
void kt_mac_record(const struct kt_mac_key *k, const uint8_t head[KT_MAC_HEAD], struct kt_span text, uint8_t *out);

/*
 * The same over the first `len` bytes of `text`, of which only this may be seen: min_len <= len <= text.len, and that
 * min_len and text.len are not more than KT_CBC_PADDING_MAX apart.
 */
void kt_mac_record_hidden(const struct kt_mac_key *k, const uint8_t head[KT_MAC_HEAD], struct kt_span text,
                          size_t min_len, uint32_t len, uint8_t *out);

#endif
