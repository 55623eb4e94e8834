/*
 * arena.h - memory of one lifetime: taken in chunks, given back and wiped in one go.
 *
 * Foreign objects (cipher contexts, key exchange states) register a cleanup and are released with the arena, last
 * registered first. In builds with AddressSanitizer a poisoned gap follows each object.
 */
#ifndef KT_ARENA_H
#define KT_ARENA_H

#include <keyturn/env.h>

#include "base/span.h"

struct kt_arena_chunk;
struct kt_arena_cleanup;

struct kt_arena {
    const struct kt_env *env;
    struct kt_arena_chunk *chunks;
    struct kt_arena_cleanup *cleanups;
    size_t taken; /* bytes of all chunks, held against `cap` */
    size_t cap;
};

/* Empty; nothing is allocated yet. `env` must outlive it. At most `cap` bytes will be taken. */
void kt_arena_init(struct kt_arena *arena, const struct kt_env *env, size_t cap);

/* Zeroed and aligned for any type, or NULL when memory or cap is spent. */
void *kt_arena_take(struct kt_arena *arena, size_t len);

/* A copy in the arena; .p is NULL when memory is spent (also for len 0 it is not NULL on success). */
struct kt_span kt_arena_copy(struct kt_arena *arena, struct kt_span bytes);

/* Calls release(object) when the arena is freed. False when memory is spent: then it was called already. */
KT_MUST_USE bool kt_arena_adopt(struct kt_arena *arena, void (*release)(void *object), void *object);

/* Runs the cleanups, wipes and frees all chunks; the arena is empty again. */
void kt_arena_free(struct kt_arena *arena);

#endif
