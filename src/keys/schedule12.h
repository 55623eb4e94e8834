/*
 * schedule12.h - the secrets of TLS 1.2, 1.1 and 1.0 (RFC 5246 sections 5, 6.3 and 8.1, RFC 4346, RFC 2246).
 */
#ifndef KT_SCHEDULE12_H
#define KT_SCHEDULE12_H

#include "seam/crypto.h"

enum {
    KT_RANDOM_LEN = 32,
    KT_MAIN_SECRET12_LEN = 48,
    KT_FINISHED12_LEN = 12,
};

/* What a PRF is made of: P_hash, and before TLS 1.2 the XOR of P_MD5 and P_SHA1. */
struct kt_prf {
    const struct kt_hash *hash;
    const struct kt_hash *second; /* NULL in TLS 1.2 */
};

/* The PRF and the hash of the transcript of a version; false when the provider lacks what they need. */
KT_MUST_USE bool kt_prf12_of(const struct kt_crypto *crypto, const struct kt_suite *suite, uint16_t version,
                             struct kt_prf *prf, const struct kt_hash **transcript);

/* PRF(secret, label, seed_a + seed_b), len bytes. */
void kt_prf12(const struct kt_prf *prf, struct kt_span secret, struct kt_span label, struct kt_span seed_a,
              struct kt_span seed_b, uint8_t *out, size_t len);

/*
 * What came out of static RSA: `premaster` is random, and is replaced by the KT_PREMASTER_LEN bytes of `decrypted` when
 * len is that and they begin with the version of ClientHello. In constant time in all but the version (section
 * 7.4.7.1): nobody sees which it was.
 */
void kt_premaster12_take(uint8_t premaster[KT_PREMASTER_LEN], const uint8_t decrypted[KT_PREMASTER_LEN], size_t len,
                         uint16_t version);

/* The secret of a Diffie-Hellman over a prime as TLS 1.2 counts it: without leading zeros (RFC 5246 section 8.1.2). */
struct kt_span kt_dh_premaster12(const struct kt_shared_secret *shared);

/* The main secret, 48 bytes, from the randoms of both. */
void kt_main_secret12(const struct kt_prf *prf, struct kt_span premaster, const uint8_t client_random[KT_RANDOM_LEN],
                      const uint8_t server_random[KT_RANDOM_LEN], struct kt_secret *out);
/* The extended one (RFC 7627): `session_hash` is the transcript up to and with ClientKeyExchange. */
void kt_main_secret12_extended(const struct kt_prf *prf, struct kt_span premaster, struct kt_span session_hash,
                               struct kt_secret *out);

/* The keys of both directions, named after the sender (RFC 5246 section 6.3). */
void kt_keys12_derive(const struct kt_prf *prf, const struct kt_suite *suite, uint16_t version, bool encrypt_then_mac,
                      const struct kt_secret *main_secret, const uint8_t client_random[KT_RANDOM_LEN],
                      const uint8_t server_random[KT_RANDOM_LEN], struct kt_keys12 *client, struct kt_keys12 *server);

/* verify_data of the Finished of `sender` over a transcript hash (section 7.4.9). */
void kt_finished12(const struct kt_prf *prf, const struct kt_secret *main_secret, enum kt_role sender,
                   struct kt_span transcript, uint8_t out[KT_FINISHED12_LEN]);

/* RFC 5705; no context (NULL) is another value than an empty one. A context is at most 65535 bytes. */
void kt_exporter12(const struct kt_prf *prf, const struct kt_secret *main_secret,
                   const uint8_t client_random[KT_RANDOM_LEN], const uint8_t server_random[KT_RANDOM_LEN],
                   struct kt_span label, const struct kt_span *context, uint8_t *out, size_t len);

#endif
