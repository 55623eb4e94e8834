/*
 * hkdf.h - HMAC (RFC 2104) and HKDF (RFC 5869) over a hash of the crypto seam.
 */
#ifndef KT_HKDF_H
#define KT_HKDF_H

#include "seam/crypto.h"

/* All outputs are hash->len bytes unless a length is given. Intermediate states are wiped. */
void kt_hmac(const struct kt_hash *hash, struct kt_span key, struct kt_span data, uint8_t *out);
/* A key that has been hashed once: each HMAC under it starts from copies of these two states. To be wiped. */
struct kt_hmac_key {
    const struct kt_hash *hash;
    struct kt_hash_state inner, outer;
};

void kt_hmac_key_set(struct kt_hmac_key *k, const struct kt_hash *hash, struct kt_span key);
/* Over the parts one behind the other; `out` may be one of them. */
void kt_hmac_parts(const struct kt_hmac_key *k, const struct kt_span *parts, size_t count, uint8_t *out);

void kt_hkdf_extract(const struct kt_hash *hash, struct kt_span salt, struct kt_span ikm, uint8_t *out);
/* len at most 255 * hash->len. */
void kt_hkdf_expand(const struct kt_hash *hash, struct kt_span prk, struct kt_span info, uint8_t *out, size_t len);
/* HKDF-Expand-Label, RFC 9846 section 7.1: `label` without "tls13 ", at most 249 bytes; context at most 255.
 */
void kt_hkdf_expand_label(const struct kt_hash *hash, struct kt_span secret, struct kt_span label,
                          struct kt_span context, uint8_t *out, size_t len);

#endif
