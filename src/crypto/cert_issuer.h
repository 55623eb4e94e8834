/*
 * cert_issuer.h - who issued a certificate.
 */
#ifndef KT_CERT_ISSUER_H
#define KT_CERT_ISSUER_H

#include "base/span.h"

/* The issuer's distinguished name, DER with its header, as certificate_authorities lists it; false when the certificate
 * cannot be parsed so far. */
KT_MUST_USE bool kt_cert_issuer(struct kt_span certificate, struct kt_span *issuer);

#endif
