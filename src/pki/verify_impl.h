/*
 * verify_impl.h - what the check of a chain and the check of an OCSP response share.
 */
#ifndef KT_VERIFY_IMPL_H
#define KT_VERIFY_IMPL_H

#include <openssl/ocsp.h>

#include <keyturn/ocsp.h>

#include "pki/pki_impl.h"

/* Kind and size of a key: CERTIFICATE_KEY_WEAK, CERTIFICATE_KEY_UNSUPPORTED. */
KT_MUST_USE const struct kt_fault *kt_pki_check_key(const struct kt_verify *how, const X509 *x509);

/* Whether a scheme of the list covers a signature by `signer`; algorithm (of the key) and digest are NIDs. */
KT_MUST_USE bool kt_pki_scheme_is_allowed(struct kt_id_list allowed, int algorithm, int digest, const EVP_PKEY *signer);
/* The same for the signature of a certificate: CERTIFICATE_SIGNATURE_WRONG. */
KT_MUST_USE const struct kt_fault *kt_pki_check_scheme(struct kt_id_list allowed, X509 *x509, const X509 *issuer);

struct kt_pki_staple {
    const struct kt_verify *how;
    struct kt_span response;   /* DER, or empty */
    struct kt_id_list schemes; /* allowed in signatures */
    X509 *leaf, *issuer;       /* of a verified chain; issuer NULL: the leaf is trusted as it stands, alone */
    bool asked;                /* of whom a staple can be wanted: a server */
    bool own;                  /* our own response: where the issuer is not at hand, what it signed is believed */
    OCSP_REQUEST *request;     /* whose nonce a response must have, if it has one; or NULL */
    bool needs_nonce;          /* it must have one */
    int64_t *until;            /* when the next update is due, when it says so; or NULL */
};

/* What how->staple wants: CERTIFICATE_STATUS_*, CERTIFICATE_REVOKED, MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_pki_check_staple(const struct kt_pki_staple *staple);

/* The question about a leaf certified by `issuer`; schemes and how are copied. */
KT_MUST_USE const struct kt_fault *kt_pki_query_new(const struct kt_pki_staple *about, enum kt_ocsp_nonce nonce,
                                                    struct kt_ocsp_query **out);

/* The check of the response itself, whatever how->staple says; `belongs_only`: is it one, and for this leaf. */
KT_MUST_USE const struct kt_fault *kt_pki_check_response(const struct kt_pki_staple *staple, bool belongs_only);

#endif
