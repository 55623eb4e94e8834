/*
 * cert_digest.h - the digest that stands for a certificate in channel bindings (RFC 5929 section 4.1).
 */
#ifndef KT_CERT_DIGEST_H
#define KT_CERT_DIGEST_H

#include "base/span.h"
#include "registry/registry.h"

/*
 * The digest of the certificate's signature; SHA-256 instead of MD5 and SHA-1, and for Ed25519, whose digest is not a
 * choice of its own. NONE when the certificate cannot be parsed or is signed by other means.
 */
enum kt_digest kt_cert_digest(struct kt_span certificate);

#endif
