/*
 * auth.h - what all versions have in common when a peer proves who it is.
 */
#ifndef KT_AUTH_H
#define KT_AUTH_H

#include "hs/hs.h"

/* The role of the other side. */
enum kt_role kt_auth_peer(const struct kt_hs *hs);
/* Room for the certificates of a credential in a message, and for its OCSP response. */
size_t kt_auth_chain_bytes(const struct kt_credential *credential);
/* RFC 5929 section 4: what the channel binding takes of the server's certificate. */
void kt_auth_keep_end_point(struct kt_hs *hs, struct kt_span certificate);
/* Asks whether the chain in work->peer is acceptable. */
void kt_auth_ask_verify(struct kt_hs *hs);
/* The owner accepted the chain. */
void kt_auth_accept_chain(struct kt_hs *hs);
/* Whether all that connected needs is proven about the peer (R2). */
bool kt_auth_is_proven(const struct kt_hs *hs);
/* Server: whether the client of this handshake must, may or need not show a certificate. */
enum kt_client_auth kt_auth_client(const struct kt_hs *hs);

#endif
