/*
 * pki_impl.h - what the files of this room share.
 *
 * libcrypto notes errors in a queue of the thread. Whoever comes after us in this thread must not find ours,
 * so each public function leaves by kt_pki_drained, or empties the queue itself.
 */
#ifndef KT_PKI_IMPL_H
#define KT_PKI_IMPL_H

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <keyturn/pki.h>

#include "base/fail.h"
#include "base/span.h"
#include "registry/limits.h"
#include "registry/registry.h"

enum {
    KT_PKI_FILE_MAX = 1 << 20, /* longest file read */
};

/* MEMORY_SPENT when that is what libcrypto lacked, else `fault`; the queue is empty afterwards. */
const struct kt_fault *kt_pki_cause(const struct kt_fault *fault);

/* Empties the queue and passes `fault` on, which may be NULL. */
static inline const struct kt_fault *kt_pki_drained(const struct kt_fault *fault)
{
    ERR_clear_error();
    return fault;
}

/* Bytes in libcrypto's memory, wiped when freed. */
struct kt_pki_bytes {
    uint8_t *p;
    size_t len;
};
void kt_pki_bytes_free(struct kt_pki_bytes *bytes);

/* The whole file, not more than KT_PKI_FILE_MAX. FILE_UNREADABLE, MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_pki_file_read(const char *path, struct kt_pki_bytes *out);

/* A certificate of exactly these bytes, or NULL. */
X509 *kt_pki_certificate(struct kt_span der);

/* One block of PEM text. */
struct kt_pki_pem {
    char *name;   /* "CERTIFICATE" */
    char *header; /* of the traditional encryption; else empty */
    struct kt_pki_bytes content;
};

/*
 * The next block from the bio; *found is false at the end of the text. PEM_MALFORMED, MEMORY_SPENT. To be
 * freed in any case.
 */
KT_MUST_USE const struct kt_fault *kt_pki_pem_next(BIO *bio, struct kt_pki_pem *out, bool *found);
void kt_pki_pem_free(struct kt_pki_pem *pem);
bool kt_pki_pem_is_certificate(const struct kt_pki_pem *pem);

/* The first private key of the text. PEM_MISSING, PEM_MALFORMED, KEY_PASSWORD_WRONG, KEY_UNSUPPORTED. */
KT_MUST_USE const struct kt_fault *kt_pki_key_from_pem(struct kt_span text, const char *password, EVP_PKEY **out);

/* The kind of a key, KT_KEY_NONE when TLS has no scheme for it; and its size in bits. */
enum kt_key_kind kt_pki_key_kind(const EVP_PKEY *key);
unsigned kt_pki_key_bits(const EVP_PKEY *key);

/* Makes `ctx` ready to sign under the scheme; false when the key cannot, in TLS 1.2 at least. */
KT_MUST_USE bool kt_pki_sign_init(EVP_MD_CTX *ctx, EVP_PKEY *key, const struct kt_scheme_facts *scheme);

/* What the release function of our credentials is: by it kt_pki_sign knows them. */
void kt_pki_key_release(void *key);

/* What is sent beside a certificate; empty: none. */
struct kt_pki_beside {
    struct kt_span response;
    struct kt_span sct_list;
};

/* A credential of leaf-first chain, what goes with it (NULL: nothing) and its key, of which it takes a reference. */
KT_MUST_USE const struct kt_fault *kt_pki_credential(const struct kt_env *env, STACK_OF(X509) * chain,
                                                     const struct kt_pki_beside *beside, EVP_PKEY *key,
                                                     struct kt_credential **out);

#endif
