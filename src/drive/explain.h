/*
 * explain.h - the words for a fault, apart from where its facts come from.
 */
#ifndef KT_EXPLAIN_H
#define KT_EXPLAIN_H

#include <keyturn/fault.h>

/* `alert`: of the peer, or -1. `told`: the peer was sent the fault's alert. */
void kt_explain_write(const struct kt_fault *fault, int alert, bool told, int error, char *out, size_t cap);
const char *kt_explain_advice(const struct kt_fault *fault, int alert);

#endif
