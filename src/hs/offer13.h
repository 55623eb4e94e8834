/*
 * offer13.h - pre_shared_key as a client writes it: its session first, then its external keys (RFC 9846 section
 * 4.3.11).
 */
#ifndef KT_OFFER13_H
#define KT_OFFER13_H

#include "hs/hs.h"

/* Puts what may be offered now into the hello (again, after a HelloRetryRequest). */
KT_MUST_USE const struct kt_fault *kt_offer13_write(struct kt_hs *hs);
/* Computes the binders of the hello just written and puts them in their places. CRYPTO_UNAVAILABLE. */
KT_MUST_USE const struct kt_fault *kt_offer13_bind(struct kt_hs *hs);
/* Takes the server's word which of them it chose. PSK_INDEX_WRONG, PSK_HASH_WRONG. */
KT_MUST_USE const struct kt_fault *kt_offer13_accept(struct kt_hs *hs, uint16_t index);

#endif
