/*
 * post_auth13.h - post-handshake authentication of TLS 1.3, both roles (RFC 9846 section 4.7.2).
 *
 * Each request is an exchange: a handshake of its own, with its own state, arena, transcript and proofs, that starts
 * from the transcript of the first handshake and moves through the same tables. The connection goes on meanwhile. All
 * of it belongs to the receiving half; what an exchange sends is left as a flight.
 */
#ifndef KT_POST_AUTH13_H
#define KT_POST_AUTH13_H

#include "hs/hs.h"

/* At the end of the first handshake, whose transcript ends with the client's Finished: keeps what requests will need,
 * if the client offered to answer them. MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_post_auth_prepare(struct kt_hs *hs);
/* All exchanges and the transcript. */
void kt_post_auth_free(struct kt_hs *hs);

/* Server: a new exchange, whose request is left to the sending half. USAGE_POST_AUTH, USAGE_REQUESTS_OPEN,
 * MEMORY_SPENT, RANDOM_FAILED: nothing was left. */
KT_MUST_USE const struct kt_fault *kt_post_auth_request(struct kt_hs *hs, enum kt_client_auth mode);

/* Takes a message after the first handshake, of an exchange or not; as kt_machine_take. */
KT_MUST_USE const struct kt_fault *kt_post_auth_take(struct kt_hs *hs, const struct kt_message *message);
/* Goes on with exchanges that were answered by their owner. */
KT_MUST_USE const struct kt_fault *kt_post_auth_run(struct kt_hs *hs);
/* The exchange that asks its owner, the oldest first, or NULL. */
struct kt_hs *kt_post_auth_asking(const struct kt_hs *hs);
/* Server: the client is in the middle of an answer, into which nothing may come. */
bool kt_post_auth_is_answering(const struct kt_hs *hs);

#endif
