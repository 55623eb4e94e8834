/*
 * rehandshake12.h - a further handshake on a connection of TLS 1.2 or below, both roles (RFC 5246 section 7.4.1,
 * RFC 5746).
 *
 * It is a handshake of its own: own state, arena, transcript and proofs, through the same tables. What it continues is
 * the connection's `struct kt_hs`, which stays as it is until the further one has all proofs; then the facts move over
 * and the rest is freed. What it sends is left as flights (docs/adr/0012, 0017).
 *
 * Threads: a client's is begun by the sending half, which makes ClientHello and shows the handshake to the receiving
 * half only then. From there on, and a server's from its ClientHello on, it belongs to the receiving half.
 */
#ifndef KT_REHANDSHAKE12_H
#define KT_REHANDSHAKE12_H

#include "hs/hs.h"

/* Whether the connection is one that may have further handshakes: RFC 5746 and RFC 7627 are in use. */
bool kt_rehandshake12_is_safe(const struct kt_hs *hs);

/*
 * Client, sending half: a handshake whose ClientHello is left as a flight. `full`: no session is offered. MEMORY_SPENT,
 * RANDOM_FAILED, CRYPTO_FAILED: nothing was begun. When it returns, it may be over already.
 */
KT_MUST_USE const struct kt_fault *kt_rehandshake12_begin(struct kt_hs *hs, enum kt_birth why, bool full);

/* Server, receiving half: a handshake that begins with this ClientHello. `full`: no session is resumed. */
KT_MUST_USE const struct kt_fault *kt_rehandshake12_accept(struct kt_hs *hs, const struct kt_message *hello,
                                                           enum kt_birth why, bool full);

/* Receiving half: the one that runs, or NULL. */
struct kt_hs *kt_rehandshake12_running(const struct kt_hs *hs);
/* Receiving half: goes on as far as it can. *done: it came to its end, and the connection is what it made of it. */
KT_MUST_USE const struct kt_fault *kt_rehandshake12_run(struct kt_hs *hs, bool *done);
/* Receiving half, or when nobody else uses the connection: what runs is given up. */
void kt_rehandshake12_drop(struct kt_hs *hs);

/* Whether the peer may send data now: until its change_cipher_spec, behind which there is Finished and nothing else. */
bool kt_rehandshake12_takes_data(const struct kt_hs *running);
/* Client: ClientHello is out and not answered; a refusal can come now and no later. */
bool kt_rehandshake12_is_unanswered(const struct kt_hs *running);

/* --- for the steps; each does nothing in a first handshake --- */

/* Server: version and name are those of the connection. REHANDSHAKE_CHANGED. */
KT_MUST_USE const struct kt_fault *kt_rehandshake12_check_hello(const struct kt_hs *hs);
/* Both: what was agreed on, once it is known. REHANDSHAKE_CHANGED, EXTENDED_SECRET_MISSING. */
KT_MUST_USE const struct kt_fault *kt_rehandshake12_check_agreed(const struct kt_hs *hs);
/* Both: the certificate in work->peer, if any, is that of the handshake before. REHANDSHAKE_PEER_CHANGED. */
KT_MUST_USE const struct kt_fault *kt_rehandshake12_check_certificate(const struct kt_hs *hs);
/* Both: the session in work->session stands for the same peer. */
bool kt_rehandshake12_session_fits(const struct kt_hs *hs);
/* What the peer's renegotiation_info must say: `room` holds 24 bytes. Empty in a first handshake. */
struct kt_span kt_rehandshake12_binding(const struct kt_hs *hs, enum kt_role from, uint8_t room[24]);

#endif
