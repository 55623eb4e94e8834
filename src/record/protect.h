/*
 * protect.h - record protection: one key, one sequence of records. TLS 1.3 (RFC 9846 section 5.2), AEADs and CBC of TLS
 * 1.2 and below (RFC 5246 section 6.2.3).
 */
#ifndef KT_PROTECT_H
#define KT_PROTECT_H

#include "seam/crypto.h"

enum kt_protection_form {
    KT_PLAIN,
    KT_AEAD13,
    KT_AEAD12,
    KT_MTE12, /* CBC, MAC then encrypt */
    KT_ETM12, /* CBC, encrypt then MAC */
};

/* All zero: no protection, records are plain text. */
struct kt_protection {
    union {
        const struct kt_aead *aead;
        const struct kt_cbc *cbc;
    };
    union {
        struct kt_aead_key *key;
        struct kt_cbc_key *cbc_key;
    };
    uint64_t sequence;
    uint8_t iv[KT_NONCE_LEN];
    uint8_t form;     /* enum kt_protection_form */
    uint8_t lead;     /* bytes of a fragment before its content: explicit nonce or IV */
    uint16_t version; /* that the record header says */
};

static inline bool kt_protection_on(const struct kt_protection *p)
{
    return p->form != KT_PLAIN;
}

/* Protection of TLS 1.2 and below: the type of a record is seen, and there is no padding of our choice. */
static inline bool kt_protection_is12(const struct kt_protection *p)
{
    return p->form >= KT_AEAD12;
}

/* CBC with an IV in each record, which the caller of kt_protection_seal puts there. */
static inline bool kt_protection_wants_iv(const struct kt_protection *p)
{
    return p->form >= KT_MTE12 && p->lead > 0;
}

/* CBC whose IV is the block before (TLS 1.0): what is sent next can be chosen by who sees it. */
static inline bool kt_protection_is_chained(const struct kt_protection *p)
{
    return p->form >= KT_MTE12 && p->lead == 0;
}

/*
 * What a record is longer than its content, at most; header included, padding of our choice not. Of plain text as much
 * as of TLS 1.3, so that nobody who counts on room is wrong once keys are in.
 */
size_t kt_protection_overhead(const struct kt_protection *p);
/* The whole length of a record of that content, without padding of our choice. */
size_t kt_protection_record_len(const struct kt_protection *p, size_t content_len);
/*
 * The longest fragment that a peer may send for `content_max` bytes of content. In CBC up to 256 bytes of padding
 * count; the 2^14 + 2048 of RFC 5246 section 6.2.3 are never needed, and what cannot be right need not be read.
 */
size_t kt_protection_fragment_max(const struct kt_protection *p, size_t content_max);

/*
 * New keys, sequence 0; the key object is kept when the AEAD stays the same. After CRYPTO_FAILED the
 * protection is as before or refuses all further records: it never falls back to plain text.
 */
KT_MUST_USE const struct kt_fault *kt_protection_set(struct kt_protection *p, enum kt_direction direction,
                                                     const struct kt_suite *suite,
                                                     const struct kt_secret *traffic_secret);
/* The same from the key block of TLS 1.2 and below. */
KT_MUST_USE const struct kt_fault *kt_protection_set12(struct kt_protection *p, enum kt_direction direction,
                                                       const struct kt_suite *suite, const struct kt_keys12 *keys);
void kt_protection_clear(struct kt_protection *p);

/*
 * Makes a whole record at `record`: header, src sealed, in TLS 1.3 inner type and `padding` zeros, tag. `src` may be
 * where its content stands, record + KT_RECORD_HEADER + p->lead (then in place). Of CBC the caller has put a random IV
 * into the p->lead bytes behind the header. Returns its length in *record_len; the caller has checked the room:
 * kt_protection_record_len and padding. Fault: RECORD_SEQUENCE_END, CRYPTO_FAILED, and LIFETIME_AEAD_LIMIT beyond the
 * usage limit of the key, whoever forgot to change it in time.
 */
KT_MUST_USE const struct kt_fault *kt_protection_seal(struct kt_protection *p, uint8_t inner_type, const uint8_t *src,
                                                      size_t src_len, size_t padding, uint8_t *record,
                                                      size_t *record_len);

/*
 * Opens the record (header and fragment) in place: *content covers the inner plaintext without type and
 * padding. RECORD_BAD_MAC (the sequence does not move), RECORD_TYPE_MISSING, RECORD_TOO_LONG,
 * RECORD_SEQUENCE_END. What a record of TLS 1.2 and below is not authentic for shows in nothing.
 */
KT_MUST_USE const struct kt_fault *kt_protection_open(struct kt_protection *p, uint8_t *record, size_t record_len,
                                                      uint8_t *inner_type, struct kt_span *content);

#endif
