/*
 * libssl_clock.c - the clock of the process stands still but for what the runner asks: the library has no clock of its
 * own to be set, and finds these functions before those of the C library.
 */
#include <sys/time.h>
#include <time.h>

#include "libssl_shim.h"

static struct timespec now;
static uint64_t advanced;

static void begin(void)
{
    if (now.tv_sec == 0) {
        (void)timespec_get(&now, TIME_UTC);
    }
}

void clock_advance(uint64_t microseconds)
{
    advanced += microseconds;
}

#pragma GCC visibility push(default)

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
    uint64_t micro;

    (void)zone;
    begin();
    micro = (uint64_t)now.tv_nsec / 1000 + advanced;
    out->tv_sec = now.tv_sec + (time_t)(micro / 1000000);
    out->tv_usec = (suseconds_t)(micro % 1000000);
    return 0;
}

time_t time(time_t *out)
{
    struct timeval at;

    (void)gettimeofday(&at, NULL);
    if (out != NULL) {
        *out = at.tv_sec;
    }
    return at.tv_sec;
}

#pragma GCC visibility pop
