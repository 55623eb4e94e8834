/*
 * ct.h - work on secret bytes: in constant time, and gone when done.
 */
#ifndef KT_CT_H
#define KT_CT_H

#include "base/compiler.h"

/* Whether len bytes are equal; the time depends on len alone. */
bool kt_ct_eq(const uint8_t *a, const uint8_t *b, size_t len);

/* All ones when a < b, else zero. */
uint32_t kt_ct_lt(uint32_t a, uint32_t b);

/* a where mask is all ones, b where it is zero. */
uint8_t kt_ct_select(uint8_t mask, uint8_t a, uint8_t b);

/* Overwrites with zeros; never left out by the compiler. p may be NULL when len is 0. */
void kt_wipe(void *p, size_t len);

#endif
