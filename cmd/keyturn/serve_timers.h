/*
 * serve_timers.h - the times at which something is due, the earliest first: a binary heap of one worker.
 *
 * The timers lie inside what they belong to; the heap knows where each one stands, so moving one costs as
 * much as its way up or down.
 */
#ifndef KT_SERVE_TIMERS_H
#define KT_SERVE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kt_timer {
    uint64_t at_ms;
    size_t place; /* in the heap, counted from 1; 0: not in it */
};

/* All zero is empty. */
struct kt_timers {
    struct kt_timer **heap; /* heap[0] is the earliest */
    size_t count, cap;
};

/* Makes room for `count` timers, so that setting one never fails. False when memory is short. */
bool kt_timers_reserve(struct kt_timers *timers, size_t count);
void kt_timers_free(struct kt_timers *timers);

/* Puts the timer in or moves it. UINT64_MAX takes it out. */
void kt_timers_set(struct kt_timers *timers, struct kt_timer *timer, uint64_t at_ms);
/* The earliest, or NULL. */
struct kt_timer *kt_timers_first(const struct kt_timers *timers);

#endif
