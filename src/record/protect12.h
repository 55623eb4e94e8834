/*
 * protect12.h - records of TLS 1.2 and below (RFC 5246 section 6.2.3), for protect.c alone.
 */
#ifndef KT_PROTECT12_H
#define KT_PROTECT12_H

#include "record/protect.h"

/* As kt_protection_seal and kt_protection_open, which have looked at the sequence and count it. */
KT_MUST_USE const struct kt_fault *kt_protection12_seal(struct kt_protection *p, uint8_t type, const uint8_t *src,
                                                        size_t src_len, uint8_t *record, size_t *record_len);
KT_MUST_USE const struct kt_fault *kt_protection12_open(struct kt_protection *p, uint8_t type, uint8_t *record,
                                                        size_t record_len, struct kt_span *content);

#endif
