/*
 * toy.h - the crypto seam without cryptography, for fuzzers and tests of everything above it.
 *
 * The same suites, groups and schemes with the same lengths, trivial arithmetic below, no other library, and
 * every run the same for the same seed. It keeps the promises that tests rely on and no other: both sides of
 * an exchange agree, a changed byte of a record, its nonce or its additional data is noticed, and so is one
 * of a signature, of what it signs, of its scheme or of the certificate. Anybody can forge all of it. Never
 * installed.
 *
 * A "certificate" is any non-empty string of bytes. Its first byte names the kind of its key, if it is the
 * number of an enum kt_key_kind; every other byte means P-256.
 */
#ifndef KT_TOY_H
#define KT_TOY_H

#include "seam/crypto.h"

enum { KT_TOY_SIGNATURE_LEN = 64 };

const struct kt_crypto *kt_crypto_toy(void);

/* What the holder of the certificate's key would sign: KT_TOY_SIGNATURE_LEN bytes, which is also returned. */
size_t kt_toy_sign(uint16_t scheme, struct kt_span certificate, struct kt_span input, uint8_t *out);

/*
 * The premaster secret that was encrypted for the certificate; returns KT_PREMASTER_LEN, or 0 when it is not for it,
 * and `out` is then as it was.
 */
enum { KT_TOY_CIPHERTEXT_LEN = KT_PREMASTER_LEN + 16 };
size_t kt_toy_decrypt(struct kt_span certificate, struct kt_span ciphertext, uint8_t out[KT_PREMASTER_LEN]);

/* Key pairs of this thread follow from the seed; a thread that names none begins with 0. */
void kt_toy_seed(uint64_t seed);

/*
 * The n-th call from now that may fail fails in this thread, the next being 1; later ones do not. 0: none.
 * What may fail is key_new, rekey, seal, open, start, respond, finish, peer_key_new and peer_key_verify.
 */
void kt_toy_fail_at(uint64_t n);

/* How many of the calls just named this thread has made: the range for kt_toy_fail_at. */
uint64_t kt_toy_calls(void);

#endif
