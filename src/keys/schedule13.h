/*
 * schedule13.h - the key schedule of TLS 1.3 (RFC 9846 section 7.1).
 *
 * The stages can only be passed in order; each overwrites its parent. A call out of order is SCHEDULE_ORDER.
 */
#ifndef KT_SCHEDULE13_H
#define KT_SCHEDULE13_H

#include "seam/crypto.h"

enum kt_stage13 {
    KT_STAGE_NONE,
    KT_STAGE_EARLY,
    KT_STAGE_HANDSHAKE,
    KT_STAGE_MAIN,
};

struct kt_schedule13 {
    const struct kt_hash *hash;
    enum kt_stage13 stage;
    struct kt_secret secret;
};

/* Early Secret from a PSK, or from zeros when psk is empty. */
KT_MUST_USE const struct kt_fault *kt_schedule13_early(struct kt_schedule13 *s, const struct kt_hash *hash,
                                                       struct kt_span psk);
/* Handshake Secret from the shared secret, which must not be empty (psk_ke passes zeros of hash length). */
KT_MUST_USE const struct kt_fault *kt_schedule13_handshake(struct kt_schedule13 *s, struct kt_span shared);
KT_MUST_USE const struct kt_fault *kt_schedule13_main(struct kt_schedule13 *s);
void kt_schedule13_wipe(struct kt_schedule13 *s);

/* Derive-Secret of the present stage, which must be `stage`; `transcript` is a transcript hash. */
KT_MUST_USE const struct kt_fault *kt_schedule13_derive(const struct kt_schedule13 *s, enum kt_stage13 stage,
                                                        struct kt_span label, struct kt_span transcript,
                                                        struct kt_secret *out);

/* Key and IV from a traffic secret (section 7.3). */
struct kt_traffic_keys {
    uint8_t key[32];
    uint8_t iv[KT_NONCE_LEN];
};
void kt_traffic_keys_derive(const struct kt_hash *hash, const struct kt_aead *aead,
                            const struct kt_secret *secret, struct kt_traffic_keys *out);

/* application_traffic_secret_N+1 in place (section 7.2). */
void kt_traffic_secret_next(const struct kt_hash *hash, struct kt_secret *secret);

/* verify_data of Finished (section 4.5.3): hash->len bytes. */
void kt_finished_value(const struct kt_hash *hash, const struct kt_secret *base, struct kt_span transcript,
                       uint8_t *out);

/* Section 7.5. len at most KT_EXPORT_HASHES_MAX hash lengths; label at most 249 bytes: the
 * caller has checked. */
void kt_exporter13(const struct kt_hash *hash, const struct kt_secret *exporter_secret, struct kt_span label,
                   struct kt_span context, uint8_t *out, size_t len);

#endif
