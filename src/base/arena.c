#include "base/arena.h"

#include <stdalign.h>

#include "base/ct.h"
#include "registry/limits.h"

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#endif
#endif

#ifdef ASAN_POISON_MEMORY_REGION
enum { ARENA_GAP = 16 };
#else
#define ASAN_POISON_MEMORY_REGION(p, len)   ((void)(p), (void)(len))
#define ASAN_UNPOISON_MEMORY_REGION(p, len) ((void)(p), (void)(len))
enum { ARENA_GAP = 0 };
#endif

struct kt_arena_chunk {
    struct kt_arena_chunk *next;
    size_t size; /* of the whole allocation */
    size_t used; /* this header included */
};

struct kt_arena_cleanup {
    struct kt_arena_cleanup *next;
    void (*release)(void *object);
    void *object;
};

static size_t align_up(size_t len)
{
    const size_t step = alignof(max_align_t);

    return (len + step - 1) / step * step;
}

void kt_arena_init(struct kt_arena *arena, const struct kt_env *env, size_t cap)
{
    *arena = (struct kt_arena){.env = env, .cap = cap};
}

static struct kt_arena_chunk *chunk_new(struct kt_arena *arena, size_t need)
{
    size_t header = align_up(sizeof(struct kt_arena_chunk));
    size_t size = header + need > KT_HS_ARENA_CHUNK ? header + need : KT_HS_ARENA_CHUNK;
    struct kt_arena_chunk *chunk;

    if (need > arena->cap || arena->cap - arena->taken < size) {
        return NULL;
    }
    chunk = arena->env->alloc(arena->env->user, size);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (struct kt_arena_chunk){.next = arena->chunks, .size = size, .used = header};
    ASAN_POISON_MEMORY_REGION((uint8_t *)chunk + header, size - header);
    arena->chunks = chunk;
    arena->taken += size;
    return chunk;
}

void *kt_arena_take(struct kt_arena *arena, size_t len)
{
    size_t need = align_up(len == 0 ? 1 : len) + ARENA_GAP;
    struct kt_arena_chunk *chunk = arena->chunks;
    uint8_t *at;

    if (need < len) {
        return NULL;
    }
    if (chunk == NULL || chunk->size - chunk->used < need) {
        chunk = chunk_new(arena, need);
        if (chunk == NULL) {
            return NULL;
        }
    }
    at = (uint8_t *)chunk + chunk->used;
    chunk->used += need;
    ASAN_UNPOISON_MEMORY_REGION(at, len);
    if (len > 0) {
        memset(at, 0, len);
    }
    return at;
}

struct kt_span kt_arena_copy(struct kt_arena *arena, struct kt_span bytes)
{
    uint8_t *copy = kt_arena_take(arena, bytes.len);

    if (copy == NULL) {
        return (struct kt_span){NULL, 0};
    }
    kt_copy(copy, bytes.p, bytes.len);
    return kt_span_of(copy, bytes.len);
}

bool kt_arena_adopt(struct kt_arena *arena, void (*release)(void *object), void *object)
{
    struct kt_arena_cleanup *cleanup = kt_arena_take(arena, sizeof *cleanup);

    if (cleanup == NULL) {
        release(object);
        return false;
    }
    *cleanup = (struct kt_arena_cleanup){arena->cleanups, release, object};
    arena->cleanups = cleanup;
    return true;
}

void kt_arena_free(struct kt_arena *arena)
{
    for (struct kt_arena_cleanup *c = arena->cleanups; c != NULL; c = c->next) {
        c->release(c->object);
    }
    for (struct kt_arena_chunk *chunk = arena->chunks, *next; chunk != NULL; chunk = next) {
        size_t size = chunk->size;

        next = chunk->next;
        ASAN_UNPOISON_MEMORY_REGION(chunk, size);
        kt_wipe(chunk, size);
        arena->env->release(arena->env->user, chunk, size);
    }
    kt_arena_init(arena, arena->env, arena->cap);
}
