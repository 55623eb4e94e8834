/*
 * ticket_ring.h - ticket keys as the engine uses them, and sessions sealed under them.
 */
#ifndef KT_TICKET_RING_H
#define KT_TICKET_RING_H

#include "session/session_impl.h"

struct kt_ticket_key {
    uint8_t name[KT_TICKET_NAME_LEN];
    uint8_t secret[32];
    int64_t born;
};

/* A copy of the key that seals now; makes a new one first when it is due. RANDOM_FAILED. Wipe the copy. */
KT_MUST_USE const struct kt_fault *kt_ticket_ring_newest(struct kt_ticket_ring *ring, struct kt_ticket_key *out);
/* A copy of the key with this name that may still open. False: there is none. Wipe the copy. */
KT_MUST_USE bool kt_ticket_ring_find(const struct kt_ticket_ring *ring, const uint8_t *name, struct kt_ticket_key *out);

/* session_seal.c: a ticket of at most KT_TICKET_MAX bytes. CRYPTO_FAILED, CRYPTO_UNAVAILABLE, RANDOM_FAILED. */
KT_MUST_USE const struct kt_fault *kt_session_seal(const struct kt_crypto *crypto, const struct kt_env *env,
                                                   struct kt_ticket_ring *ring, const struct kt_session_data *data,
                                                   struct kt_writer *out);
/* False for anything that the ring did not seal: damaged, foreign, too old. `out` holds no ticket. Wipe it. */
KT_MUST_USE bool kt_session_unseal(const struct kt_crypto *crypto, const struct kt_ticket_ring *ring,
                                   struct kt_span ticket, struct kt_session_data *out);

#endif
