/*
 * psk13.h - external pre-shared keys in the handshake of TLS 1.3, both roles (RFC 9846 section 4.3.11, RFC 9258).
 */
#ifndef KT_PSK13_H
#define KT_PSK13_H

#include "hs/hs.h"

/* What a hash is called where PSKs are concerned (enum kt_psk_hash); 0: it has no name there. */
uint16_t kt_psk13_kdf(const struct kt_hash *hash);

/* Whether a key, under this hash of the handshake, goes by an identity of a ClientHello. */
bool kt_psk13_fits(const struct kt_psk *psk, struct kt_span identity, const struct kt_hash *hash);

/* What `psk` is offered as under a hash it can be used with. */
size_t kt_psk13_identity_len(const struct kt_psk *psk);
void kt_psk13_put_identity(struct kt_writer *w, const struct kt_psk *psk, const struct kt_hash *hash);
/* Whether it can be used with suites of this hash at all. */
bool kt_psk13_usable(const struct kt_psk *psk, const struct kt_hash *hash);

/* The key itself under this hash: in `room` when it must be derived. Wipe `room`. CRYPTO_UNAVAILABLE. */
KT_MUST_USE const struct kt_fault *kt_psk13_secret(const struct kt_crypto *crypto, const struct kt_psk *psk,
                                                   const struct kt_hash *hash, struct kt_secret *room,
                                                   struct kt_span *out);
struct kt_span kt_psk13_binder_label(const struct kt_psk *psk);

/* The key stands for certificates from here on: it is proven, or will be by Finished (client). CRYPTO_UNAVAILABLE. */
KT_MUST_USE const struct kt_fault *kt_psk13_begin(struct kt_hs *hs, struct kt_psk *psk);

/* Server: whether the hello offers PSKs in a mode that we use external ones with. */
bool kt_psk13_is_offered(const struct kt_config *config, const struct kt_client_hello *hello);
/* Server: asks the owner for a key, when no key of the configuration fits; false: nothing to ask. */
KT_MUST_USE const struct kt_fault *kt_psk13_ask(struct kt_hs *hs, bool *asked);
/* Server: takes the key that was decided on, if there is one, when its binder is right. PSK_BINDER_WRONG. */
KT_MUST_USE const struct kt_fault *kt_psk13_take(struct kt_hs *hs);
/* Server without certificates: the end, in the same way as for a wrong binder. PSK_UNKNOWN, PSK_MISSING. */
KT_MUST_USE const struct kt_fault *kt_psk13_refuse(struct kt_hs *hs);
/* Server: where keys are all it has, a HelloRetryRequest must not tell by its suite, or by coming at all, that an
 * identity is known: the first binder is checked, too. */
KT_MUST_USE const struct kt_fault *kt_psk13_before_retry(struct kt_hs *hs);
/* Server: whether external keys are all it has to show. */
bool kt_psk13_is_all(const struct kt_config *config);

#endif
