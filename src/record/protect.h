/*
 * protect.h - record protection of TLS 1.3 (RFC 9846 section 5.2): one key, one nonce sequence.
 */
#ifndef KT_PROTECT_H
#define KT_PROTECT_H

#include "seam/crypto.h"

/* All zero: no protection, records are plain text. */
struct kt_protection {
    const struct kt_aead *aead;
    struct kt_aead_key *key;
    uint64_t sequence;
    uint8_t iv[KT_NONCE_LEN];
};

static inline bool kt_protection_on(const struct kt_protection *p)
{
    return p->aead != NULL;
}

/*
 * New keys, sequence 0; the key object is kept when the AEAD stays the same. After CRYPTO_FAILED the
 * protection is as before or refuses all further records: it never falls back to plain text.
 */
KT_MUST_USE const struct kt_fault *kt_protection_set(struct kt_protection *p, enum kt_direction direction,
                                                     const struct kt_suite *suite,
                                                     const struct kt_secret *traffic_secret);
void kt_protection_clear(struct kt_protection *p);

/*
 * Makes a whole record at `record`: header, src sealed, inner type and `padding` zeros, tag. `src` may be
 * record + KT_RECORD_HEADER (then in place). Returns its length in *record_len; the caller has checked the
 * room: KT_RECORD_HEADER + src_len + 1 + padding + KT_TAG_LEN. Fault: RECORD_SEQUENCE_END, CRYPTO_FAILED, and
 * LIFETIME_AEAD_LIMIT beyond the usage limit of the AEAD, whoever forgot to change the key in time.
 */
KT_MUST_USE const struct kt_fault *kt_protection_seal(struct kt_protection *p, uint8_t inner_type, const uint8_t *src,
                                                      size_t src_len, size_t padding, uint8_t *record,
                                                      size_t *record_len);

/*
 * Opens the record (header and fragment) in place: *content covers the inner plaintext without type and
 * padding. RECORD_BAD_MAC (the sequence does not move), RECORD_TYPE_MISSING, RECORD_TOO_LONG,
 * RECORD_SEQUENCE_END.
 */
KT_MUST_USE const struct kt_fault *kt_protection_open(struct kt_protection *p, uint8_t *record, size_t record_len,
                                                      uint8_t *inner_type, struct kt_span *content);

#endif
