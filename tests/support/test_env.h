/*
 * test_env.h - an environment that a test holds in its hand: clock, randomness and memory that fails when told to.
 */
#ifndef TEST_ENV_H
#define TEST_ENV_H

#include <stdatomic.h>

#include <keyturn/env.h>

struct test_env {
    struct kt_env env; /* env.user is this struct; set env.observer as you like */
    uint64_t now_ms;
    int64_t wall;
    uint64_t seed;

    /* Memory may be used by several threads at once. */
    atomic_size_t live;   /* bytes allocated and not released */
    atomic_size_t allocs; /* allocations asked for */
    size_t alloc_fail;    /* the n-th allocation from the start fails; 0: none */
    size_t randoms;
    size_t random_fail; /* likewise */

    void *observed; /* for the observer of the test */
};

/* Seed and clock at fixed values; no failures. */
void test_env_init(struct test_env *t);

/* Counters to zero and no failures: the beginning of a new run. */
void test_env_restart(struct test_env *t);

#endif
