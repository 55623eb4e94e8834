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
extern const struct kt_hash kt_libcrypto_sha1;
extern const struct kt_hash kt_libcrypto_md5;
extern const struct kt_hash kt_libcrypto_md5_sha1;
/* Whether libcrypto offers the digest of that name. */
bool kt_libcrypto_digest_probe(const char *fetch_name);

enum kt_libcrypto_aead {
    KT_LIBCRYPTO_AES128_GCM,
    KT_LIBCRYPTO_AES256_GCM,
    KT_LIBCRYPTO_CHACHA20_POLY1305,
    KT_LIBCRYPTO_AES128_CCM,
    KT_LIBCRYPTO_AES256_CCM,
};
enum kt_libcrypto_cbc {
    KT_LIBCRYPTO_AES128_SHA1,
    KT_LIBCRYPTO_AES256_SHA1,
    KT_LIBCRYPTO_AES128_SHA256,
    KT_LIBCRYPTO_AES256_SHA256,
    KT_LIBCRYPTO_AES256_SHA384,
};

/* The cipher, the group: NULL when the library lacks it. */
const struct kt_aead *kt_libcrypto_aead_probe(enum kt_libcrypto_aead id);
const struct kt_cbc *kt_libcrypto_cbc_probe(enum kt_libcrypto_cbc id);
const struct kt_group *kt_libcrypto_dh_probe(uint16_t group);
/* After kt_libcrypto_dh_probe of all. */
const struct kt_group *kt_libcrypto_dh_group(struct kt_span prime, struct kt_span generator);
KT_MUST_USE bool kt_libcrypto_dh_numbers(const struct kt_group *group, uint8_t *prime, uint8_t *generator);
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
KT_MUST_USE const struct kt_fault *kt_libcrypto_peer_key_encrypt(const struct kt_peer_key *key,
                                                                 const uint8_t premaster[KT_PREMASTER_LEN],
                                                                 uint8_t *out, size_t cap, size_t *len);
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
