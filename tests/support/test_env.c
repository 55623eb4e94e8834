#include "support/test_env.h"

#include <stdlib.h>

static uint64_t monotonic_ms(void *user)
{
    return ((struct test_env *)user)->now_ms;
}

static int64_t wall_seconds(void *user)
{
    return ((struct test_env *)user)->wall;
}

static bool random_bytes(void *user, uint8_t *out, size_t len)
{
    struct test_env *t = user;

    if (++t->randoms == t->random_fail) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        t->seed ^= t->seed << 13;
        t->seed ^= t->seed >> 7;
        t->seed ^= t->seed << 17;
        out[i] = (uint8_t)(t->seed >> 32);
    }
    return true;
}

static void *alloc(void *user, size_t len)
{
    struct test_env *t = user;
    void *memory;

    if (++t->allocs == t->alloc_fail) {
        return NULL;
    }
    memory = malloc(len);
    if (memory != NULL) {
        t->live += len;
    }
    return memory;
}

static void release(void *user, void *memory, size_t len)
{
    struct test_env *t = user;

    if (memory != NULL) {
        t->live -= len;
        free(memory);
    }
}

void test_env_init(struct test_env *t)
{
    *t = (struct test_env){.now_ms = 1000000, .wall = 1800000000, .seed = UINT64_C(0x9e3779b97f4a7c15)};
    t->env = (struct kt_env){
        .monotonic_ms = monotonic_ms,
        .wall_seconds = wall_seconds,
        .random = random_bytes,
        .alloc = alloc,
        .release = release,
        .user = t,
    };
}

void test_env_restart(struct test_env *t)
{
    t->allocs = t->alloc_fail = 0;
    t->randoms = t->random_fail = 0;
    t->seed = UINT64_C(0x9e3779b97f4a7c15);
}
