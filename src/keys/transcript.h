/*
 * transcript.h - the hash over all handshake messages (RFC 9846 section 4.1).
 *
 * A client does not know the hash before ServerHello: until kt_transcript_begin the first message is held as
 * a span, which the caller keeps alive.
 */
#ifndef KT_TRANSCRIPT_H
#define KT_TRANSCRIPT_H

#include "seam/crypto.h"

struct kt_transcript {
    const struct kt_hash *hash; /* NULL before begin */
    struct kt_hash_state state;
    struct kt_span held;
};

void kt_transcript_init(struct kt_transcript *t);
/* Adds a whole message, header included. At most one before begin. */
void kt_transcript_add(struct kt_transcript *t, struct kt_span message);
void kt_transcript_begin(struct kt_transcript *t, const struct kt_hash *hash);
/* Replaces ClientHello1 by its message_hash, when a HelloRetryRequest follows. After begin, before any other
 * add. */
void kt_transcript_retry(struct kt_transcript *t);
/* The hash of all messages until now: hash->len bytes. */
void kt_transcript_hash(const struct kt_transcript *t, uint8_t *out);
/* The same as if `more` had been added; nothing is. After begin. */
void kt_transcript_hash_with(const struct kt_transcript *t, struct kt_span more, uint8_t *out);
void kt_transcript_wipe(struct kt_transcript *t);

#endif
