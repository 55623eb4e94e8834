/*
 * pki.h - keys and certificates by libcrypto: credentials from files, trust, and the check of a peer's chain.
 */
#ifndef KEYTURN_PKI_H
#define KEYTURN_PKI_H

#include <keyturn/ask.h>
#include <keyturn/config.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * A credential from PEM text: the chain (leaf first, at most 16) and the private key (PKCS#8, encrypted PKCS#8 or
 * the traditional forms); other blocks are passed over. `password` may be NULL. The key must belong to the leaf and
 * be RSA (2048 to 8192 bits, also RSASSA-PSS), ECDSA P-256/P-384/P-521 or Ed25519. Names are taken from the leaf's
 * dNSName entries. Faults: PEM_MISSING, PEM_MALFORMED, KEY_PASSWORD_WRONG, KEY_MISMATCH, KEY_UNSUPPORTED, KEY_WEAK,
 * MEMORY_SPENT, USAGE_ARGUMENT. The caller owns one reference.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_credential_from_pem(const struct kt_env *env, struct kt_span chain,
                                                                 struct kt_span key, const char *password,
                                                                 struct kt_credential **out);
/* The same from files of at most 1 MiB; FILE_UNREADABLE. Both names may be the same file. */
KT_API KT_MUST_USE const struct kt_fault *kt_credential_from_files(const struct kt_env *env, const char *chain_path,
                                                                   const char *key_path, const char *password,
                                                                   struct kt_credential **out);
/* From a PKCS#12 file; the chain is put in order and the root left out. Faults: FILE_UNREADABLE, PKCS12_MALFORMED
 * and those above. */
KT_API KT_MUST_USE const struct kt_fault *kt_credential_from_pkcs12(const struct kt_env *env, const char *path,
                                                                    const char *password, struct kt_credential **out);
/*
 * A fresh P-256 key and a self-signed certificate for `names` (1 to 256 DNS names or IP addresses as text), valid
 * for `days` days (1 to 36500) by the clock of `env`, for tests and first steps. Faults: USAGE_ARGUMENT,
 * RANDOM_FAILED, CRYPTO_FAILED, MEMORY_SPENT.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_credential_ephemeral(const struct kt_env *env, const char *const *names,
                                                                  size_t name_count, unsigned days,
                                                                  struct kt_credential **out);

/*
 * A copy of a credential that this file made, with a DER OCSP response to staple to its leaf in place of what it had.
 * The response must be one for the leaf: CERTIFICATE_STATUS_MALFORMED, CERTIFICATE_STATUS_FOREIGN; USAGE_ARGUMENT when
 * the key has another owner, MEMORY_SPENT; from a file of at most 1 MiB FILE_UNREADABLE. The caller owns one reference
 * to the copy, and still one to `credential`.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_credential_staple(const struct kt_env *env,
                                                               const struct kt_credential *credential,
                                                               struct kt_span response, struct kt_credential **out);
KT_API KT_MUST_USE const struct kt_fault *kt_credential_staple_file(const struct kt_env *env,
                                                                    const struct kt_credential *credential,
                                                                    const char *path, struct kt_credential **out);
/*
 * What a client would say to the response of a credential at a Unix time (0: now): NULL when it is good, or the fault
 * that kt_pki_verify would have (CERTIFICATE_STATUS_MISSING without a response). The signature is checked when the
 * chain has the issuer.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_credential_staple_check(const struct kt_credential *credential,
                                                                     int64_t at);

/*
 * The same for certificate timestamps: a SignedCertificateTimestampList as on the wire (RFC 6962 section 3.3), its two
 * bytes of length included, sent to clients that ask for it. SCT_LIST_MALFORMED when it is none; whose timestamps these
 * are is not checked.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_credential_scts(const struct kt_env *env,
                                                             const struct kt_credential *credential,
                                                             struct kt_span list, struct kt_credential **out);
KT_API KT_MUST_USE const struct kt_fault *kt_credential_scts_file(const struct kt_env *env,
                                                                  const struct kt_credential *credential,
                                                                  const char *path, struct kt_credential **out);

/*
 * Answers a KT_ASK_SIGN for a credential that this file made: writes the signature to `out` (cap at least
 * 1024) and its length to *len. Any thread. USAGE_ARGUMENT when the key has another owner or the credential does
 * not list the scheme; CRYPTO_FAILED, MEMORY_SPENT.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_pki_sign(const struct kt_ask *ask, uint8_t *out, size_t cap, size_t *len);

/*
 * Answers a KT_ASK_DECRYPT for a credential that this file made: `out` for kt_answer_decrypted, always 48 bytes; what
 * was not well formed is replaced by random ones, and the time does not tell. Any thread. USAGE_ARGUMENT when the key
 * has another owner or is not RSA; CRYPTO_FAILED, MEMORY_SPENT for what the ciphertext has no part in.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_pki_decrypt(const struct kt_ask *ask, uint8_t out[48]);

/* A set of trusted authorities. Fill it, then share it: after the first use it must not be changed. */
struct kt_trust;

KT_API KT_MUST_USE const struct kt_fault *kt_trust_new(struct kt_trust **out);
KT_API void kt_trust_free(struct kt_trust *trust);
/* The store of the system (/etc/ssl/certs and where other distributions keep it; the environment variables
 * SSL_CERT_FILE and SSL_CERT_DIR of OpenSSL name others). TRUST_EMPTY when there is none. */
KT_API KT_MUST_USE const struct kt_fault *kt_trust_add_system(struct kt_trust *trust);
/*
 * All certificates of the text, each trusted as it stands, self-signed or not; and its revocation lists (X509
 * CRL), which are used for the certificates of the authorities that signed them. PEM_MISSING, PEM_MALFORMED (those
 * before the bad one are kept), USAGE_ARGUMENT for more than 1 MiB, MEMORY_SPENT; from files FILE_UNREADABLE.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_trust_add_pem(struct kt_trust *trust, struct kt_span pem);
KT_API KT_MUST_USE const struct kt_fault *kt_trust_add_file(struct kt_trust *trust, const char *path);
/*
 * The revocation lists of a file (PEM, or one in DER), or of the files of a folder named *.crl or as OpenSSL does
 * (1a2b3c4d.r0). Certificates beside them are passed over. Faults as above; FILE_UNREADABLE for a folder, too, and
 * PEM_MISSING when it has none: a list that could not be read is not silently left out.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_trust_add_crl_file(struct kt_trust *trust, const char *path);
KT_API KT_MUST_USE const struct kt_fault *kt_trust_add_crl_dir(struct kt_trust *trust, const char *path);
/* The distinguished names (DER) of all authorities, for kt_builder_authorities. Valid as long as the trust. */
KT_API const struct kt_span *kt_trust_names(const struct kt_trust *trust, size_t *count);

/*
 * What a stapled OCSP response counts (RFC 6960). It must be for the leaf and its issuer as found in the chain,
 * signed by that issuer or by a delegate that the issuer certified for it (id-kp-OCSPSigning), current, and say "good".
 */
enum kt_staple {
    KT_STAPLE_CHECK,   /* one that came must be right; none is fine unless the leaf says "must staple" (RFC 7633) */
    KT_STAPLE_IGNORE,  /* not looked at, whatever the leaf says */
    KT_STAPLE_REQUIRE, /* one must come and be right */
};

/* What the revocation lists of the trust count. */
enum kt_crl {
    KT_CRL_SOFT, /* one is used where it is known; it must be current */
    KT_CRL_OFF,  /* none is used */
    KT_CRL_HARD, /* each certificate of the chain but the trusted one must be covered */
};

/* How a chain is checked. kt_verify_default(): names checked, 2048-bit RSA and 256-bit curves or more,
 * 10 certificates, a budget of 64 signature checks, the time now, revocation lists and a stapled OCSP response checked
 * where one comes. */
struct kt_verify {
    bool any_name; /* do not compare the name; servers set it for clients */
    unsigned min_rsa_bits;
    unsigned min_curve_bits;
    unsigned max_depth;  /* certificates between leaf and authority; a peer may send two more than that */
    unsigned max_checks; /* signature checks, the work budget of a chain: more is refused before the first */
    int64_t at;          /* Unix time to check for; 0: now */
    enum kt_staple staple;
    enum kt_crl crl;
};

KT_API struct kt_verify kt_verify_default(void);

/*
 * Checks the chain of a KT_ASK_VERIFY: signatures, dates, purpose, key sizes, trust and, towards a server, the name
 * (RFC 9525: dNSName or iPAddress entries only; no common name; without a name to compare nobody is accepted unless
 * any_name). NULL means: call kt_answer_verified. Any thread. The fault is one of KT_REASON_CERTIFICATE_*,
 * USAGE_ARGUMENT or MEMORY_SPENT, to be handed to kt_answer_refuse.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_pki_verify(const struct kt_trust *trust, const struct kt_verify *how,
                                                        const struct kt_ask *ask);

/*
 * For people: subject, issuer and alternative names, dates and SHA-256 fingerprint of a certificate (DER) as one text
 * line each. Written as far as cap allows, always ended with NUL; returns the length needed.
 */
KT_API size_t kt_certificate_text(struct kt_span certificate, char *out, size_t cap);
/* SHA-256 of a certificate as 64 lower-case hex digits and NUL. */
KT_API void kt_certificate_fingerprint(struct kt_span certificate, char out[65]);

#ifdef __cplusplus
}
#endif

#endif
