/*
 * decide.h - the choices between what a peer offers: pure functions of configuration and message, no I/O, no
 * clock, no state.
 */
#ifndef KT_DECIDE_H
#define KT_DECIDE_H

#include "hs/hs.h"

/* The highest version that this ClientHello and we have in common: VERSION_NOT_SUPPORTED, and FALLBACK_DETECTED when
 * the client says that it knows higher ones than it offers, and we do, too (RFC 7507). */
KT_MUST_USE const struct kt_fault *kt_decide_version(const struct kt_config *config,
                                                     const struct kt_client_hello *hello, uint16_t *version);

/* All of TLS 1.3 that does not need the application: suite, group and share, ALPN. Checks what RFC 9846 section 9.2
 * demands of the hello; `asked` as below. The credential is a decision of its own, for it may be an ask. */
KT_MUST_USE const struct kt_fault *kt_decide_server13(const struct kt_config *config,
                                                      const struct kt_client_hello *hello, struct kt_psk *asked,
                                                      struct kt_choice *choice);

/* The first suite for which an external key fits that the hello offers in a mode of ours, with that key: of the
 * configuration, or `asked` (may be NULL). Without one only choice->psk is written, NULL. */
void kt_decide_psk(const struct kt_config *config, const struct kt_client_hello *hello, struct kt_psk *asked,
                   struct kt_choice *choice);

/* The first scheme of the credential's that both sides allow in TLS 1.3; 0: none. */
uint16_t kt_decide_scheme(const struct kt_config *config, const struct kt_credential *credential,
                          struct kt_id_list offered);

/* The name of ours that the client offers, too; empty: there is no ALPN. ALPN_NONE_IN_COMMON. */
KT_MUST_USE const struct kt_fault *kt_decide_alpn(const struct kt_config *config, const struct kt_client_hello *hello,
                                                  struct kt_span *alpn);
/*
 * The client's credential for this request, with its scheme: the first that fits and is issued by one of the
 * authorities that the server names, at any link of its chain (RFC 9846 section 4.5.1); else the first that fits; else
 * none.
 */
void kt_decide_own_credential(const struct kt_config *config, const struct kt_certificate_request *request,
                              struct kt_choice *choice);

/* Whether a link of its chain is issued by one of these authorities, as CertificateRequest names them. */
bool kt_credential_is_of(const struct kt_credential *credential, struct kt_span authorities);

/* The server's credential for this name (may be empty) and these schemes. NAME_NOT_SERVED, SCHEME_NONE_IN_COMMON. */
KT_MUST_USE const struct kt_fault *kt_decide_credential(const struct kt_config *config, struct kt_span server_name,
                                                        struct kt_id_list schemes, struct kt_choice *choice);

/* Whether a host name, without regard to case, is one of the credential's (RFC 9525 wildcards). */
bool kt_credential_serves(const struct kt_credential *credential, struct kt_span name);

/* Whether the second ClientHello keeps all that it must keep (RFC 9846 section 4.2.2). */
bool kt_hello_unchanged(const struct kt_client_hello *first, const struct kt_client_hello *second);

#endif
