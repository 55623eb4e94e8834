/*
 * auth12.h - certificates and signatures of TLS 1.2 and below (RFC 5246 sections 7.4.2, 7.4.4 and 7.4.8, RFC 6066
 * section 8), for both roles.
 */
#ifndef KT_AUTH12_H
#define KT_AUTH12_H

#include "hs/work12.h"

/* Writes our Certificate from choice.credential, or an empty one when it is NULL. */
KT_MUST_USE const struct kt_fault *kt_auth12_send_certificate(struct kt_hs *hs);
/* Decodes the peer's Certificate and keeps a copy. An empty chain is left in work->peer for the caller to judge; else
 * the leaf's key is in work->peer_key. A server's must go with the suite: CERTIFICATE_KEY_UNFIT. */
KT_MUST_USE const struct kt_fault *kt_auth12_take_certificate(struct kt_hs *hs, struct kt_span body);

KT_MUST_USE const struct kt_fault *kt_auth12_send_status(struct kt_hs *hs);
KT_MUST_USE const struct kt_fault *kt_auth12_take_status(struct kt_hs *hs, struct kt_span body);

/* The server's, from the configuration; and the client's view of it. */
KT_MUST_USE const struct kt_fault *kt_auth12_send_request(struct kt_hs *hs);
KT_MUST_USE const struct kt_fault *kt_auth12_take_request(struct kt_hs *hs, struct kt_span body);

/* Asks the owner of choice.credential to sign this with choice.scheme. */
void kt_auth12_ask_signature(struct kt_hs *hs, struct kt_span content);
/* Checks a signature of the peer's. `scheme` is 0 where the message does not name it. SCHEME_NOT_OFFERED: not one that
 * we allow, or not one for its key; SIGNATURE_WRONG. */
KT_MUST_USE const struct kt_fault *kt_auth12_check_signature(struct kt_hs *hs, uint16_t scheme, struct kt_span content,
                                                             struct kt_span signature);

/* CertificateVerify: a client's signature over all that was said. */
KT_MUST_USE const struct kt_fault *kt_auth12_ask_verify_signature(struct kt_hs *hs);
KT_MUST_USE const struct kt_fault *kt_auth12_send_verify(struct kt_hs *hs);
KT_MUST_USE const struct kt_fault *kt_auth12_take_verify(struct kt_hs *hs, struct kt_span body);

#endif
