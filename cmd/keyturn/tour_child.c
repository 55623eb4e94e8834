#include "tour_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { STREAM_MAX = 4 << 20 };

volatile sig_atomic_t kt_tour_interrupted;

uint64_t kt_tour_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* The ends of three pipes: [0] is read from. `report` closes itself when exec succeeds, else it carries the errno. */
struct pipes {
    int in[2], out[2], err[2], report[2];
};

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

static void close_pipes(struct pipes *pipes)
{
    int *ends[] = {pipes->in, pipes->out, pipes->err, pipes->report};

    for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
        close_fd(&ends[i][0]);
        close_fd(&ends[i][1]);
    }
}

static bool open_pipes(struct pipes *pipes)
{
    *pipes = (struct pipes){{-1, -1}, {-1, -1}, {-1, -1}, {-1, -1}};
    return pipe2(pipes->in, O_CLOEXEC) == 0 && pipe2(pipes->out, O_CLOEXEC) == 0 && pipe2(pipes->err, O_CLOEXEC) == 0 &&
           pipe2(pipes->report, O_CLOEXEC) == 0;
}

/* What is ignored by us would be ignored by the program, too, which counts on dying of a broken pipe. */
static void restore_signals(void)
{
    sigset_t none;

    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGINT, SIG_DFL);
    (void)signal(SIGTERM, SIG_DFL);
}

_Noreturn static void become(const struct pipes *pipes, const char *const *argv, bool joined, pid_t parent)
{
    char *const *words; /* which execvp does not write to either */
    int error;

    memcpy(&words, &argv, sizeof words);
    restore_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent && dup2(pipes->in[0], 0) >= 0 &&
        dup2(pipes->out[1], 1) >= 0 && dup2(joined ? pipes->out[1] : pipes->err[1], 2) >= 0) {
        execvp(argv[0], words);
    }
    error = errno;
    (void)!write(pipes->report[1], &error, sizeof error);
    _exit(127);
}

/* 0 when the program runs, else why it does not. */
static int read_report(struct pipes *pipes)
{
    int error = 0;

    close_fd(&pipes->report[1]);
    while (read(pipes->report[0], &error, sizeof error) < 0 && errno == EINTR) {
    }
    return error;
}

static void take_end(int *from, int *to)
{
    *to = *from;
    *from = -1;
    (void)fcntl(*to, F_SETFL, O_NONBLOCK);
}

static int adopt(struct kt_child *child, struct pipes *pipes, bool joined)
{
    int error = read_report(pipes);

    child->pidfd = (int)syscall(SYS_pidfd_open, child->pid, 0);
    if (error == 0 && child->pidfd < 0) {
        error = errno;
    }
    take_end(&pipes->in[1], &child->in);
    take_end(&pipes->out[0], &child->out.fd);
    if (!joined) {
        take_end(&pipes->err[0], &child->err.fd);
    }
    return error;
}

int kt_child_start(struct kt_child *child, const char *const *argv, bool joined)
{
    struct pipes pipes;
    pid_t parent = getpid();
    int error;

    *child = (struct kt_child){.pidfd = -1, .in = -1, .out.fd = -1, .err.fd = -1, .along = child->along};
    if (!open_pipes(&pipes) || (child->pid = fork()) < 0) {
        error = errno;
        child->pid = 0;
        close_pipes(&pipes);
        return error;
    }
    if (child->pid == 0) {
        become(&pipes, argv, joined, parent);
    }
    error = adopt(child, &pipes, joined);
    close_pipes(&pipes);
    if (error != 0) {
        kt_child_stop(child);
    }
    return error;
}

static bool make_room(struct kt_stream *stream)
{
    size_t cap = stream->cap == 0 ? 4096 : stream->cap * 2;
    char *text;

    if (stream->cap - stream->len > 1024) {
        return true;
    }
    text = cap > STREAM_MAX ? NULL : realloc(stream->text, cap);
    if (text == NULL) {
        return false;
    }
    stream->text = text;
    stream->text[stream->len] = '\0';
    stream->cap = cap;
    return true;
}

/* Takes what is there. A stream that is longer than anybody should write is as good as ended. */
static void read_stream(struct kt_stream *stream)
{
    while (stream->fd >= 0) {
        ssize_t n = make_room(stream) ? read(stream->fd, stream->text + stream->len, stream->cap - stream->len - 1) : 0;

        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            return;
        }
        if (n <= 0) {
            close_fd(&stream->fd);
            return;
        }
        stream->len += (size_t)n;
        stream->text[stream->len] = '\0';
    }
}

static void read_child(struct kt_child *child)
{
    read_stream(&child->out);
    read_stream(&child->err);
}

static int left_ms(uint64_t deadline_ms)
{
    uint64_t now = kt_tour_now_ms();

    return deadline_ms > now ? (int)(deadline_ms - now) : 0;
}

/* Waits until something happens to the child, and takes what it wrote. False: time ran out. */
static bool step(struct kt_child *child, bool wants_to_write, bool wants_end, uint64_t deadline_ms)
{
    struct kt_child *along = child->along;
    struct pollfd polls[] = {
        {.fd = child->out.fd, .events = POLLIN},
        {.fd = child->err.fd, .events = POLLIN},
        {.fd = along == NULL ? -1 : along->out.fd, .events = POLLIN},
        {.fd = along == NULL ? -1 : along->err.fd, .events = POLLIN},
        {.fd = wants_to_write ? child->in : -1, .events = POLLOUT},
        {.fd = wants_end ? child->pidfd : -1, .events = POLLIN},
    };

    if (kt_tour_interrupted || poll(polls, sizeof polls / sizeof polls[0], left_ms(deadline_ms)) == 0) {
        return false;
    }
    read_child(child);
    if (along != NULL) {
        read_child(along);
    }
    return !kt_tour_interrupted;
}

bool kt_child_write(struct kt_child *child, const char *text, uint64_t deadline_ms)
{
    size_t len = strlen(text);

    while (len > 0) {
        ssize_t n = child->in < 0 ? -1 : write(child->in, text, len);

        if (n > 0) {
            text += n;
            len -= (size_t)n;
        } else if (child->in < 0 || (errno != EAGAIN && errno != EINTR) || !step(child, true, false, deadline_ms)) {
            return false;
        }
    }
    return true;
}

void kt_child_close_in(struct kt_child *child)
{
    close_fd(&child->in);
}

static const char *find(struct kt_stream *stream, const char *text)
{
    const char *at = stream->text == NULL ? NULL : strstr(stream->text + stream->seen, text);

    if (at == NULL) {
        return NULL;
    }
    at += strlen(text);
    stream->seen = (size_t)(at - stream->text);
    return at;
}

const char *kt_child_expect(struct kt_child *child, struct kt_stream *stream, const char *text, uint64_t deadline_ms)
{
    const char *at;

    while ((at = find(stream, text)) == NULL) {
        if (stream->fd < 0 || !step(child, false, false, deadline_ms)) {
            return NULL;
        }
    }
    return at;
}

const char *kt_child_expect_line(struct kt_child *child, struct kt_stream *stream, const char *text,
                                 uint64_t deadline_ms)
{
    const char *at = kt_child_expect(child, stream, text, deadline_ms);
    size_t start;

    if (at == NULL) {
        return NULL;
    }
    start = (size_t)(at - stream->text); /* the text may move while it grows */
    return kt_child_expect(child, stream, "\n", deadline_ms) == NULL ? NULL : stream->text + start;
}

static bool has_ended(const struct kt_child *child)
{
    struct pollfd end = {.fd = child->pidfd, .events = POLLIN};

    return child->out.fd < 0 && child->err.fd < 0 && poll(&end, 1, 0) == 1;
}

int kt_child_wait(struct kt_child *child, uint64_t deadline_ms)
{
    int status;

    while (!has_ended(child)) {
        /* A process that has ended is always ready: then it is only the streams that are waited for. */
        bool streams_left = child->out.fd >= 0 || child->err.fd >= 0;

        if (!step(child, false, !streams_left, deadline_ms)) {
            return -1;
        }
    }
    while (waitpid(child->pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    child->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void kt_child_stop(struct kt_child *child)
{
    if (child->pid > 0) {
        (void)kill(child->pid, SIGKILL);
        while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    close_fd(&child->pidfd);
    close_fd(&child->in);
    close_fd(&child->out.fd);
    close_fd(&child->err.fd);
    free(child->out.text);
    free(child->err.text);
    *child = (struct kt_child)KT_CHILD_NONE;
}

/* The hint comes after the error, which says more. */
static const char *last_line(const struct kt_stream *stream, size_t *len)
{
    const char *at = stream->text, *best = NULL;

    while (at != NULL && *at != '\0') {
        size_t line = strcspn(at, "\n");

        if (line > 0 && strncmp(at, "keyturn: hint:", 14) != 0) {
            best = at;
            *len = line;
        }
        at += line + (at[line] == '\n');
    }
    return best;
}

void kt_child_last_words(const struct kt_child *child, char *out, size_t cap)
{
    size_t len = 0;
    const char *line = last_line(&child->err, &len);

    if (line == NULL) {
        line = last_line(&child->out, &len);
    }
    len = line == NULL ? 0 : len < cap - 1 ? len : cap - 1;
    for (size_t i = 0; i < len; i++) {
        out[i] = (char)((unsigned char)line[i] >= ' ' && (unsigned char)line[i] < 0x7f ? line[i] : '?');
    }
    out[len] = '\0';
}
