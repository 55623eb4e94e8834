/*
 * crypto_kit.h - for tests of the crypto seam: bytes from hexadecimal text, keys, certificates and signatures made with
 * libcrypto, random numbers that a test chooses.
 */
#ifndef KT_CRYPTO_KIT_H
#define KT_CRYPTO_KIT_H

#include "seam/crypto.h"

#include <openssl/evp.h>

enum { KIT_BYTES_MAX = 70000, KIT_CERTIFICATE_MAX = 8192 };

/* Bytes with room: what the functions below write into. */
struct kit_bytes {
    size_t len;
    uint8_t b[KIT_CERTIFICATE_MAX];
};

static inline struct kt_span kit_span(const struct kit_bytes *bytes)
{
    return kt_span_of(bytes->b, bytes->len);
}

/* Decodes hexadecimal text; returns the number of bytes. */
size_t kit_hex(const char *hex, uint8_t *out);
/* Asserts that `bytes` are what the text says. */
void kit_assert_hex(const uint8_t *bytes, size_t len, const char *hex);
/* Asserts the reason of a fault, that it has an alert, and that libcrypto's error queue is empty. */
void kit_assert_fault(const struct kt_fault *fault, enum kt_reason reason);
void kit_assert_no_errors(void);

/* A new key pair. `bits` is for RSA kinds. RSA_PSS keys are without limits, or limited to a digest by name and a salt.
 */
EVP_PKEY *kit_key(enum kt_key_kind kind, int bits);
EVP_PKEY *kit_pss_key(const char *digest, const char *mask_digest, int salt_len);

/* A self-signed certificate of the key. */
void kit_certificate(EVP_PKEY *key, struct kit_bytes *out);
/* The shape of a certificate, not signed, around a SubjectPublicKeyInfo. */
void kit_wrap_spki(struct kt_span spki, struct kit_bytes *out);
/* The same around the public numbers of an RSA key, which may be nonsense. Big-endian hexadecimal. */
void kit_wrap_rsa(const char *modulus, const char *exponent, struct kit_bytes *out);

enum kit_padding { KIT_PLAIN, KIT_PKCS1, KIT_PSS };

/* Signs; `digest` is NULL for Ed25519, `salt_len` is for PSS. */
void kit_sign(EVP_PKEY *key, const char *digest, enum kit_padding padding, int salt_len, struct kt_span content,
              struct kit_bytes *out);

/* From now on libcrypto's random numbers of that length are these bytes, so that a private key can be chosen. */
void kit_feed_random(const uint8_t *bytes, size_t len);
void kit_feed_end(void);

#endif
