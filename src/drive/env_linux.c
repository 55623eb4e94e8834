#include <keyturn/drive.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#include "base/compiler.h"

/*
 * The engine asks once for each record, and its limits are in seconds and its pace in tenths of them. So the
 * coarse clock serves: it is read from memory on every machine, while the exact one is a system call where
 * the kernel's time source cannot be read by programs (many virtual machines). Its steps are those of the
 * scheduler, 1 to 10 ms.
 */
static uint64_t linux_monotonic_ms(void *user)
{
    struct timespec now;

    (void)user;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int64_t linux_wall_seconds(void *user)
{
    struct timespec now;

    (void)user;
    clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return (int64_t)now.tv_sec;
}

/* Waits for the kernel's generator to be seeded at boot, never falls back to anything else. */
static bool linux_random(void *user, uint8_t *out, size_t len)
{
    (void)user;
    while (len > 0) {
        ssize_t got = getrandom(out, len, 0);

        if (got < 0 && errno != EINTR) {
            return false;
        }
        if (got > 0) {
            out += got;
            len -= (size_t)got;
        }
    }
    return true;
}

static void *linux_alloc(void *user, size_t len)
{
    (void)user;
    return malloc(len);
}

static void linux_release(void *user, void *memory, size_t len)
{
    (void)user;
    (void)len;
    free(memory);
}

const struct kt_env *kt_env_linux(void)
{
    static const struct kt_env env = {
        .monotonic_ms = linux_monotonic_ms,
        .wall_seconds = linux_wall_seconds,
        .random = linux_random,
        .alloc = linux_alloc,
        .release = linux_release,
    };

    return &env;
}

uint64_t kt_clock_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
