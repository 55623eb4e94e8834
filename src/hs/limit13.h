/*
 * limit13.h - how long a record may be: record_size_limit (RFC 8449) and max_fragment_length (RFC 6066 section 4).
 *
 * A record_size_limit is what its sender receives, and counts the whole inner plaintext: content, type and padding. A
 * max_fragment_length holds for both sides. RFC 9846 section 5.4 counts type and padding under it, too, while common
 * peers count content alone: we send by the one and receive by the other.
 */
#ifndef KT_LIMIT13_H
#define KT_LIMIT13_H

#include "hs/hs.h"

/* Client: what the hello says of it, be it for TLS 1.3 or not. */
void kt_limit13_offer(const struct kt_config *config, bool offers_13, struct kt_client_hello *hello);
/* Server: answers the client, before the first protected record, whose limit it is already. */
KT_MUST_USE const struct kt_fault *kt_limit13_answer(struct kt_hs *hs, struct kt_encrypted_extensions *out);
/* Client: takes the server's answer. FRAGMENT_LENGTH_NOT_OFFERED. */
KT_MUST_USE const struct kt_fault *kt_limit13_take(struct kt_hs *hs, const struct kt_encrypted_extensions *answer);

#endif
