/*
 * tour_child.h - a child process to talk to: write a line, wait until it says something, never longer than until a
 * deadline. Nothing here sleeps.
 */
#ifndef KT_TOUR_CHILD_H
#define KT_TOUR_CHILD_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a child wrote so far; `seen` of it was taken by kt_child_expect. */
struct kt_stream {
    int fd;     /* -1: ended */
    char *text; /* ends with NUL; NULL when there is none */
    size_t len, cap, seen;
};

struct kt_child {
    pid_t pid; /* 0: none, or it has ended */
    int pidfd;
    int in; /* -1: closed */
    struct kt_stream out, err;
    struct kt_child *along; /* read, too, whenever this one is waited for, so that it does not wait for us; or NULL */
};

#define KT_CHILD_NONE                                                                                                  \
    {                                                                                                                  \
        .pidfd = -1, .in = -1, .out.fd = -1, .err.fd = -1                                                              \
    }

/* Set by a signal that ends the tour: all waits end at once. */
extern volatile sig_atomic_t kt_tour_interrupted;

uint64_t kt_tour_now_ms(void);

/*
 * Starts argv[0] (found on the PATH) with pipes; `along` is kept. `joined`: its stderr comes with its stdout in `out`.
 * 0, or the errno of what failed, ENOENT when there is no such program. The child dies with us.
 */
int kt_child_start(struct kt_child *child, const char *const *argv, bool joined);

/* False when the child does not take it in time. */
bool kt_child_write(struct kt_child *child, const char *text, uint64_t deadline_ms);
void kt_child_close_in(struct kt_child *child);

/*
 * Waits until `text` appears behind what was seen of the stream, and returns what follows it; all that is then seen.
 * NULL when the stream ended or time ran out. The rest of the line may not have come yet: wait for '\n' to parse it.
 */
const char *kt_child_expect(struct kt_child *child, struct kt_stream *stream, const char *text, uint64_t deadline_ms);
/* The same, and then for the end of that line; returns the line's rest, which ends with '\n'. */
const char *kt_child_expect_line(struct kt_child *child, struct kt_stream *stream, const char *text,
                                 uint64_t deadline_ms);

/* Waits for its end, with both streams complete. The exit code; 128 + the signal that killed it; -1: too late. */
int kt_child_wait(struct kt_child *child, uint64_t deadline_ms);

/* Ends it whatever it does, and frees all. Accepts KT_CHILD_NONE. */
void kt_child_stop(struct kt_child *child);

/* The last line it wrote, without control characters, to be shown to people. */
void kt_child_last_words(const struct kt_child *child, char *out, size_t cap);

#endif
