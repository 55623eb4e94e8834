/*
 * libcrypto.h - what the files of this room share.
 *
 * The objects that libcrypto looks up by name are looked up once, by the *_probe functions, which
 * kt_crypto_libcrypto runs before anyone has a descriptor; after that they are only read.
 */
#ifndef KT_LIBCRYPTO_H
#define KT_LIBCRYPTO_H

/* Stands before every header of OpenSSL. The calls on plain structs are deprecated and the fast ones:
 * docs/adr/0005. */
#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include "crypto/spki.h"
#include "seam/crypto.h"

extern const struct kt_hash kt_libcrypto_sha256;
extern const struct kt_hash kt_libcrypto_sha384;
extern const struct kt_hash kt_libcrypto_sha512;

/* The AEAD of a suite, the group: NULL when the library lacks it. */
const struct kt_aead *kt_libcrypto_aead_probe(uint16_t suite);
const struct kt_group *kt_libcrypto_ec_probe(uint16_t group);
const struct kt_group *kt_libcrypto_x25519_probe(void);
/* Whether signatures under this scheme can be verified. After kt_libcrypto_ec_probe. */
bool kt_libcrypto_verify_probe(const struct kt_scheme_facts *scheme);

/* The curve of a group that was probed, or NULL. */
const EC_GROUP *kt_libcrypto_curve(uint16_t group);

struct kt_peer_key {
    enum kt_key_kind kind;
    enum kt_digest pss_digest;
    union {
        RSA *rsa;
        EC_KEY *ec;
        EVP_PKEY *ed25519;
    } u;
};

KT_MUST_USE const struct kt_fault *kt_libcrypto_peer_key_new(struct kt_span certificate, struct kt_peer_key **out);
enum kt_key_kind kt_libcrypto_peer_key_kind(const struct kt_peer_key *key);
KT_MUST_USE bool kt_libcrypto_peer_key_verify(const struct kt_peer_key *key, uint16_t scheme, struct kt_span content,
                                              struct kt_span signature);
void kt_libcrypto_peer_key_release(void *key);

/*
 * Errors stop at this border: what libcrypto noted is dropped, the fault says enough. Also after success,
 * because it notes what it could do without, such as the memory for a cache. One note counts: when memory was
 * spent, whatever failed after it is no fault of the peer.
 */
static inline const struct kt_fault *kt_libcrypto_drained(const struct kt_fault *fault)
{
    bool memory_spent = ERR_GET_REASON(ERR_peek_error()) == ERR_R_MALLOC_FAILURE;

    ERR_clear_error();
    return fault != NULL && memory_spent ? KT_FAULT(MEMORY_SPENT) : fault;
}

#endif
