/*
 * serve_control.h - a Unix socket that takes commands, one a line, and answers each with lines.
 */
#ifndef KT_SERVE_CONTROL_H
#define KT_SERVE_CONTROL_H

#include "serve_text.h"

/* What the main thread waits for: the epoll set points to these. */
struct kt_source {
    void (*ready)(struct kt_source *source);
    int fd;
};

struct kt_control;

/* Carries out a command and writes its answer, the final "ok" or "error: ..." included. */
typedef void kt_control_command(void *user, const char *command, struct kt_text *answer);

/* Listens at `path`, for its owner only; a socket that nobody listens on any more is replaced. NULL with errno. */
struct kt_control *kt_control_new(const char *path, int epoll, kt_control_command *command, void *user);
/* Accepts NULL. Removes the socket. */
void kt_control_free(struct kt_control *control);

#endif
