/*
 * limit12.h - how long a record may be, as limit13.h, in TLS 1.2 and below: record_size_limit (RFC 8449) counts content
 * alone there, and the answers stand in ServerHello.
 */
#ifndef KT_LIMIT12_H
#define KT_LIMIT12_H

#include "hs/hs.h"

/* Server: answers the client. */
KT_MUST_USE const struct kt_fault *kt_limit12_answer(struct kt_hs *hs, struct kt_server_hello *out);
/* Client: takes the server's answer. FRAGMENT_LENGTH_NOT_OFFERED. */
KT_MUST_USE const struct kt_fault *kt_limit12_take(struct kt_hs *hs, const struct kt_server_hello *answer);

#endif
