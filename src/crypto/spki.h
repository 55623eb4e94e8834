/*
 * spki.h - finds the public key in a certificate (RFC 5280 section 4.1) and says of what kind it is.
 *
 * Only the walk to the key: whether the certificate is valid or trusted is not asked here. The walk is strict
 * DER, so the key found is the one that the chain's verifier sees.
 */
#ifndef KT_SPKI_H
#define KT_SPKI_H

#include "base/fail.h"
#include "base/span.h"
#include "registry/registry.h"

/* All spans lie in the certificate. */
struct kt_spki {
    enum kt_key_kind kind;
    enum kt_digest pss_digest; /* RSA_PSS: the one digest the key allows, or NONE for all */
    struct kt_span modulus;    /* RSA, RSA_PSS */
    struct kt_span exponent;
    struct kt_span point; /* P256, P384, P521: uncompressed point; ED25519: raw key */
};

/* CERTIFICATE_UNPARSABLE, CERTIFICATE_KEY_UNSUPPORTED. The numbers of the key are not checked. */
KT_MUST_USE const struct kt_fault *kt_spki_read(struct kt_span certificate, struct kt_spki *out);

#endif
