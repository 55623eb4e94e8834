/*
 * flight.h - flights: handshake messages made by the receiving half after the handshake, put out by the sending half.
 *
 * The receiving half may never write into the output (field rule R4). It makes a flight, which nobody else knows, part
 * by part, and leaves it whole on the link. The sending half takes it from there and pays it before its next record,
 * with nothing between its parts: no data, no KeyUpdate (RFC 9846 section 4.7.2 wants an answer in one piece). What
 * depends on the key that a part goes out under is made when the flight is paid: docs/adr/0012.
 */
#ifndef KT_FLIGHT_H
#define KT_FLIGHT_H

#include "record/link.h"
#include "record/tx.h"
#include "seam/carrier.h"

/* ---- the receiving half ---- */

/* Adds a copy of a whole message; begins the flight when *flight is NULL. On MEMORY_SPENT the flight is as it was. */
KT_MUST_USE const struct kt_fault *kt_flight_add(struct kt_flight **flight, const struct kt_env *env,
                                                 struct kt_span message);
/* Adds a Finished over this transcript hash, under the traffic secret that the flight goes out with. */
KT_MUST_USE const struct kt_fault *kt_flight_add_finished(struct kt_flight **flight, const struct kt_env *env,
                                                          struct kt_span transcript_hash);
/* TLS 1.2 and below: adds change_cipher_spec, behind which these keys are used. `content_max` is what the peer takes in
 * a record from there on, 0 for no change. */
KT_MUST_USE const struct kt_fault *kt_flight_add_change(struct kt_flight **flight, const struct kt_env *env,
                                                        const struct kt_flight_change *change);
/* Leaves the flight to the sending half: it is the maker's no more. Accepts NULL. */
void kt_flight_leave(struct kt_flight *flight, struct kt_link *link);
/* Accepts NULL. */
void kt_flight_free(struct kt_flight *flight);

/* ---- the sending half ---- */

/* The flights taken off the link and not wholly paid, oldest first. */
struct kt_flight_queue {
    struct kt_flight *first;
};

/* Whether there is a flight to pay. */
bool kt_flights_owed(const struct kt_flight_queue *queue, const struct kt_link *link);
/* Whether a part of a flight is out and the rest is not: nothing but an alert may come between. */
bool kt_flight_is_begun(const struct kt_flight_queue *queue);
/* Puts out the oldest flight, as far as there is room: *paid when it is wholly in the output, or there is none. */
KT_MUST_USE const struct kt_fault *kt_flight_pay(struct kt_flight_queue *queue, struct kt_link *link, struct kt_tx *tx,
                                                 bool *paid);
/* All that was not paid; when no other thread uses the link any more. */
void kt_flights_drop(struct kt_flight_queue *queue, struct kt_link *link);

#endif
