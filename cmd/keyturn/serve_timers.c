#include "serve_timers.h"

#include <stdlib.h>

bool kt_timers_reserve(struct kt_timers *timers, size_t count)
{
    size_t cap = timers->cap == 0 ? 64 : timers->cap;
    struct kt_timer **heap;

    if (count <= timers->cap) {
        return true;
    }
    while (cap < count) {
        cap *= 2;
    }
    heap = reallocarray(timers->heap, cap, sizeof(void *));
    if (heap == NULL) {
        return false;
    }
    timers->heap = heap;
    timers->cap = cap;
    return true;
}

void kt_timers_free(struct kt_timers *timers)
{
    free(timers->heap);
    *timers = (struct kt_timers){0};
}

static void place(struct kt_timers *timers, size_t index, struct kt_timer *timer)
{
    timers->heap[index] = timer;
    timer->place = index + 1;
}

static void rise(struct kt_timers *timers, size_t index, struct kt_timer *timer)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (timers->heap[parent]->at_ms <= timer->at_ms) {
            break;
        }
        place(timers, index, timers->heap[parent]);
        index = parent;
    }
    place(timers, index, timer);
}

static void sink(struct kt_timers *timers, size_t index, struct kt_timer *timer)
{
    for (size_t child = 2 * index + 1; child < timers->count; child = 2 * index + 1) {
        if (child + 1 < timers->count && timers->heap[child + 1]->at_ms < timers->heap[child]->at_ms) {
            child++;
        }
        if (timer->at_ms <= timers->heap[child]->at_ms) {
            break;
        }
        place(timers, index, timers->heap[child]);
        index = child;
    }
    place(timers, index, timer);
}

static void settle(struct kt_timers *timers, size_t index, struct kt_timer *timer)
{
    sink(timers, index, timer);
    rise(timers, timer->place - 1, timer);
}

static void take_out(struct kt_timers *timers, struct kt_timer *timer)
{
    size_t index = timer->place - 1;
    struct kt_timer *last = timers->heap[--timers->count];

    timer->place = 0;
    if (last != timer) {
        settle(timers, index, last);
    }
}

void kt_timers_set(struct kt_timers *timers, struct kt_timer *timer, uint64_t at_ms)
{
    timer->at_ms = at_ms;
    if (at_ms == UINT64_MAX) {
        if (timer->place != 0) {
            take_out(timers, timer);
        }
    } else if (timer->place != 0) {
        settle(timers, timer->place - 1, timer);
    } else {
        rise(timers, timers->count++, timer);
    }
}

struct kt_timer *kt_timers_first(const struct kt_timers *timers)
{
    return timers->count == 0 ? NULL : timers->heap[0];
}
