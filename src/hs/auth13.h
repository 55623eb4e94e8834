/*
 * auth13.h - Certificate, CertificateVerify and Finished of TLS 1.3 (RFC 9846 section 4.5), for both roles.
 */
#ifndef KT_AUTH13_H
#define KT_AUTH13_H

#include "hs/hs.h"

/* Client: decodes CertificateRequest and keeps a copy. Its context is the caller's to judge. */
KT_MUST_USE const struct kt_fault *kt_auth13_take_request(struct kt_hs *hs, struct kt_span body);
/* Client: chooses which credential answers the request, if any; false: the owner is asked for it. */
bool kt_auth13_choose(struct kt_hs *hs);
/* Client: takes the owner's answer. SCHEME_NONE_IN_COMMON. */
KT_MUST_USE const struct kt_fault *kt_auth13_take_credential(struct kt_hs *hs);
/* Server: writes CertificateRequest. */
KT_MUST_USE const struct kt_fault *kt_auth13_send_request(struct kt_hs *hs, struct kt_span context);

/* Writes our Certificate from choice.credential, or an empty one when it is NULL; beside it what is in `asked`, a set
 * of KT_EXT_BIT, and at hand. */
KT_MUST_USE const struct kt_fault *kt_auth13_send_certificate(struct kt_hs *hs, struct kt_span context, uint32_t asked);
/* Asks the owner of choice.credential to sign the transcript with choice.scheme. */
KT_MUST_USE const struct kt_fault *kt_auth13_ask_signature(struct kt_hs *hs);
/* Writes CertificateVerify from the answer. */
KT_MUST_USE const struct kt_fault *kt_auth13_send_verify(struct kt_hs *hs);
/* Writes Finished under the base key of our role. */
KT_MUST_USE const struct kt_fault *kt_auth13_send_finished(struct kt_hs *hs);

/* Decodes the peer's Certificate and keeps a copy. An empty chain is left in work->peer for the caller to judge. */
KT_MUST_USE const struct kt_fault *kt_auth13_take_certificate(struct kt_hs *hs, struct kt_span body,
                                                              struct kt_span context, uint32_t offered);
/* Checks the peer's signature. */
KT_MUST_USE const struct kt_fault *kt_auth13_take_verify(struct kt_hs *hs, struct kt_span body);
/* Checks the peer's Finished. */
KT_MUST_USE const struct kt_fault *kt_auth13_take_finished(struct kt_hs *hs, struct kt_span body);

/* The shared secret of a handshake without key exchange: zeros of hash length (section 7.1). */
void kt_auth13_no_exchange(const struct kt_hs *hs, struct kt_shared_secret *shared);

/*
 * The secrets of the two stages, from the transcript as it stands, told to the key log. After ServerHello, with the
 * shared secret of the key exchange; after the server's Finished.
 */
KT_MUST_USE const struct kt_fault *kt_auth13_handshake_secrets(struct kt_hs *hs, struct kt_span shared);
KT_MUST_USE const struct kt_fault *kt_auth13_application_secrets(struct kt_hs *hs);

#endif
