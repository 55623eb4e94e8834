/*
 * exchange12.h - ServerKeyExchange and ClientKeyExchange (RFC 5246 sections 7.4.3 and 7.4.7, RFC 8422, RFC 7919), for
 * both roles. The suite says which kind they are of; there is no other way to read them.
 */
#ifndef KT_EXCHANGE12_H
#define KT_EXCHANGE12_H

#include "hs/work12.h"

/* Server: a fresh key pair of choice.group, and asks for the signature over its share. */
KT_MUST_USE const struct kt_fault *kt_exchange12_ask_signature(struct kt_hs *hs);
/* Server: writes ServerKeyExchange from the answer. */
KT_MUST_USE const struct kt_fault *kt_exchange12_send_server(struct kt_hs *hs);
/* Client: the group must be one we allow, the signature right. GROUP_NOT_OFFERED, DH_GROUP_UNKNOWN. */
KT_MUST_USE const struct kt_fault *kt_exchange12_take_server(struct kt_hs *hs, struct kt_span body);

/* Client: our share, or what we encrypt for the server; work->shared or work->premaster is the secret. */
KT_MUST_USE const struct kt_fault *kt_exchange12_send_client(struct kt_hs *hs);
/* Server: likewise; for static RSA it asks to decrypt. */
KT_MUST_USE const struct kt_fault *kt_exchange12_take_client(struct kt_hs *hs, struct kt_span body);

#endif
