/*
 * ocsp_cache.h - responses kept until their next update is due. Any thread; no lock is held while anybody waits.
 */
#ifndef KT_OCSP_CACHE_H
#define KT_OCSP_CACHE_H

#include "base/compiler.h"
#include "base/span.h"

enum { KT_OCSP_ID_LEN = 32 };

struct kt_ocsp_cache;

/* NULL: out of memory. free accepts NULL. */
struct kt_ocsp_cache *kt_ocsp_cache_new(unsigned entries);
void kt_ocsp_cache_free(struct kt_ocsp_cache *cache);

/* Keeps a copy until that Unix time, in place of what was kept for the id; where there is no room, in place of what
 * ends first. Without memory nothing is kept. */
void kt_ocsp_cache_put(struct kt_ocsp_cache *cache, struct kt_span id, struct kt_span response, int64_t until);

/* A copy of what is kept for the id at `now`, to be freed by the caller; NULL: nothing. */
KT_MUST_USE uint8_t *kt_ocsp_cache_get(struct kt_ocsp_cache *cache, struct kt_span id, int64_t now, size_t *len);
void kt_ocsp_cache_drop(struct kt_ocsp_cache *cache, struct kt_span id);

#endif
