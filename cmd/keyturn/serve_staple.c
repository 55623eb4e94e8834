#include "serve_staple.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "report.h"
#include "serve_control.h"

enum {
    UNKNOWN_SECONDS = 3600, /* a response that does not say when it ends is good for a day */
    LONGEST_SECONDS = 86400,
    RETRY_SECONDS = 300,
};

/* The response of one credential. */
struct staple {
    struct kt_source source; /* of the job, first: found from it by a cast */
    struct kt_stapler *stapler;
    size_t index;
    const char *path;                     /* NULL: from the responder */
    struct kt_credential *bare, *stapled; /* as it came; with the response, or NULL */
    struct kt_ocsp_job *job;              /* or NULL */
    int64_t until;                        /* the end of the response; 0: not known */
    int64_t due;                          /* when to look again; 0: never */
    unsigned failures;
    struct stat seen; /* the file when it was read */
};

struct kt_stapler {
    struct kt_source timer, files;
    int epoll;
    const struct kt_options *options;
    struct kt_ocsp *ocsp;
    kt_stapled *stapled;
    void *user;
    struct staple *staples;
    size_t count;
};

#define STAPLER_OF(source, member) ((struct kt_stapler *)(void *)((char *)(source)-offsetof(struct kt_stapler, member)))

static int64_t wall_now(const struct kt_stapler *stapler)
{
    return stapler->options->env.wall_seconds(stapler->options->env.user);
}

int64_t kt_staple_wait(int64_t now, int64_t until, unsigned failures)
{
    int64_t wait = until == 0 ? UNKNOWN_SECONDS : (until - now) / 2;

    if (failures > 0) {
        wait = failures < 9 ? INT64_C(1) << (failures - 1) : RETRY_SECONDS;
    }
    if (wait < 1) {
        return 1;
    }
    return wait < LONGEST_SECONDS ? wait : LONGEST_SECONDS;
}

/* Time */

/* The timer goes off when the first is due. */
static void set_timer(struct kt_stapler *stapler)
{
    struct itimerspec at = {.it_value = {.tv_sec = 0}};
    int64_t first = 0;

    for (size_t i = 0; i < stapler->count; i++) {
        int64_t due = stapler->staples[i].due;

        first = due != 0 && (first == 0 || due < first) ? due : first;
    }
    at.it_value.tv_sec = (time_t)first;
    (void)timerfd_settime(stapler->timer.fd, TFD_TIMER_ABSTIME, &at, NULL);
}

/* After a failure the response must go when it ends, if that comes first. */
static void set_due(struct staple *staple)
{
    int64_t now = wall_now(staple->stapler);

    staple->due = now + kt_staple_wait(now, staple->until, staple->failures);
    if (staple->failures > 0 && staple->until > now && staple->until < staple->due) {
        staple->due = staple->until;
    }
    set_timer(staple->stapler);
}

/* Responses */

static const char *name_of(const struct staple *staple)
{
    const struct kt_option_credential *from = &staple->stapler->options->credentials[staple->index];

    return from->cert != NULL ? from->cert : from->pkcs12;
}

static void complain(const struct staple *staple, const char *what, const struct kt_fault *fault, int error)
{
    enum kt_reason reason = (enum kt_reason)fault->reason;

    kt_report_line("", "WARNING: %s: %s: %s%s%s (reason=%s)", name_of(staple), what, kt_reason_text(reason),
                   error != 0 ? ": " : "", error != 0 ? strerror(error) : "", kt_reason_name(reason));
}

static void show(struct staple *staple, struct kt_credential *credential)
{
    staple->stapler->stapled(staple->stapler->user, staple->index, credential);
}

/* Takes `stapled` over. */
static void take(struct staple *staple, struct kt_credential *stapled)
{
    kt_credential_unref(staple->stapled);
    staple->stapled = stapled;
    show(staple, stapled);
}

static void drop(struct staple *staple)
{
    kt_credential_unref(staple->stapled);
    staple->stapled = NULL;
    staple->until = 0;
    show(staple, staple->bare);
}

/* From the responder */

static void forget_job(struct staple *staple)
{
    if (staple->job != NULL) {
        (void)epoll_ctl(staple->stapler->epoll, EPOLL_CTL_DEL, staple->source.fd, NULL);
        kt_ocsp_job_free(staple->job);
        staple->job = NULL;
        staple->source.fd = -1;
    }
}

static void failed(struct staple *staple, const struct kt_fault *fault, int error)
{
    bool revoked = fault->reason == KT_REASON_CERTIFICATE_REVOKED;

    complain(staple, "no OCSP response to staple", fault, error);
    staple->failures++;
    if (staple->stapled != NULL && (revoked || (staple->until != 0 && staple->until <= wall_now(staple->stapler)))) {
        kt_report_line("", "WARNING: %s: nothing is stapled to it any more", name_of(staple));
        drop(staple);
    }
    set_due(staple);
}

static void answered(struct staple *staple)
{
    struct kt_ocsp_report report = {.error = 0};
    struct kt_credential *stapled = NULL;
    const struct kt_fault *fault = kt_ocsp_job_verdict(staple->job, &report);

    if (fault == NULL) {
        fault = kt_credential_staple(&staple->stapler->options->env, staple->bare, report.response, &stapled);
    }
    if (fault != NULL) {
        failed(staple, fault, report.error);
        return;
    }
    staple->until = report.until;
    staple->failures = 0;
    take(staple, stapled);
    if (!staple->stapler->options->quiet) {
        kt_report_line("", "%s: stapled the OCSP response of %s", name_of(staple), report.url);
    }
    set_due(staple);
}

static void job_ready(struct kt_source *source)
{
    struct staple *staple = (struct staple *)source;

    if (staple->job != NULL && kt_ocsp_job_done(staple->job)) {
        answered(staple);
        forget_job(staple);
    }
}

static void ask(struct staple *staple)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &staple->source};
    const struct kt_fault *fault;

    staple->due = 0;
    fault = kt_ocsp_begin_own(staple->stapler->ocsp, staple->bare, &staple->job);
    if (fault != NULL) {
        failed(staple, fault, 0);
        return;
    }
    staple->source = (struct kt_source){job_ready, kt_ocsp_job_fd(staple->job)};
    if (epoll_ctl(staple->stapler->epoll, EPOLL_CTL_ADD, staple->source.fd, &event) != 0) {
        kt_ocsp_job_free(staple->job);
        staple->job = NULL;
        staple->failures++;
        set_due(staple);
    }
}

static void timer_ready(struct kt_source *source)
{
    struct kt_stapler *stapler = STAPLER_OF(source, timer);
    int64_t now = wall_now(stapler);
    uint64_t times;

    (void)!read(source->fd, &times, sizeof times);
    for (size_t i = 0; i < stapler->count; i++) {
        if (stapler->staples[i].due != 0 && stapler->staples[i].due <= now) {
            ask(&stapler->staples[i]);
        }
    }
    set_timer(stapler);
}

/* From files */

static bool has_changed(struct staple *staple)
{
    struct stat now;

    if (stat(staple->path, &now) != 0) {
        return false; /* the response from before stays */
    }
    if (now.st_ino == staple->seen.st_ino && now.st_size == staple->seen.st_size &&
        now.st_mtim.tv_sec == staple->seen.st_mtim.tv_sec && now.st_mtim.tv_nsec == staple->seen.st_mtim.tv_nsec) {
        return false;
    }
    staple->seen = now;
    return true;
}

static void read_again(struct staple *staple)
{
    struct kt_credential *stapled;
    const struct kt_fault *fault =
        kt_credential_staple_file(&staple->stapler->options->env, staple->bare, staple->path, &stapled);

    if (fault != NULL) {
        complain(staple, "the OCSP response from before stays", fault, 0);
        return;
    }
    fault = kt_credential_staple_check(stapled, 0);
    if (fault != NULL) {
        complain(staple, "clients will refuse its new OCSP response", fault, 0);
    } else if (!staple->stapler->options->quiet) {
        kt_report_line("", "%s: stapled the new OCSP response of %s", name_of(staple), staple->path);
    }
    take(staple, stapled);
}

static void files_ready(struct kt_source *source)
{
    struct kt_stapler *stapler = STAPLER_OF(source, files);
    char events[4096];

    while (read(source->fd, events, sizeof events) > 0) {
    }
    for (size_t i = 0; i < stapler->count; i++) {
        if (stapler->staples[i].path != NULL && has_changed(&stapler->staples[i])) {
            read_again(&stapler->staples[i]);
        }
    }
}

/* The folder is watched, because a file is best replaced by renaming another to its name. */
static void watch_file(struct staple *staple)
{
    char path[PATH_MAX];
    size_t len = strlen(staple->path);

    (void)stat(staple->path, &staple->seen);
    if (len < sizeof path) {
        memcpy(path, staple->path, len + 1);
    }
    if (len >= sizeof path ||
        inotify_add_watch(staple->stapler->files.fd, dirname(path), IN_CLOSE_WRITE | IN_MOVED_TO | IN_ONLYDIR) < 0) {
        kt_report_line("", "WARNING: %s: it is read again by reload only: %s", staple->path, strerror(errno));
    }
}

/* Beginning and end */

/* What a responder said before a reload may still be about the certificate of now. */
static void keep(struct staple *staple, struct kt_credential *old)
{
    struct kt_span response = old != NULL ? kt_credential_ocsp_response(old) : (struct kt_span){NULL, 0};
    struct kt_credential *stapled;

    if (response.len > 0 &&
        kt_credential_staple(&staple->stapler->options->env, staple->bare, response, &stapled) == NULL) {
        take(staple, stapled);
    } else {
        staple->until = 0;
    }
}

static void clear(struct staple *staple)
{
    forget_job(staple);
    kt_credential_unref(staple->bare);
    kt_credential_unref(staple->stapled);
    staple->bare = NULL;
    staple->stapled = NULL;
}

static void begin_one(struct staple *staple, struct kt_credential *credential)
{
    const char *from = staple->stapler->options->credentials[staple->index].ocsp;
    struct kt_credential *old = staple->stapled;

    staple->stapled = NULL;
    clear(staple);
    staple->due = 0;
    staple->failures = 0;
    if (from != NULL) {
        staple->bare = kt_credential_ref(credential);
        staple->path = strcmp(from, KT_OPTION_FETCH) != 0 ? from : NULL;
        if (staple->path != NULL) {
            watch_file(staple);
        } else {
            keep(staple, old);
            ask(staple);
        }
    }
    kt_credential_unref(old);
}

void kt_stapler_begin(struct kt_stapler *stapler, struct kt_credential *const *credentials, size_t count)
{
    for (size_t i = 0; i < stapler->count && i < count; i++) {
        begin_one(&stapler->staples[i], credentials[i]);
    }
}

static bool open_source(struct kt_stapler *stapler, struct kt_source *source, void (*ready)(struct kt_source *), int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    *source = (struct kt_source){ready, fd};
    return fd >= 0 && epoll_ctl(stapler->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_all(struct kt_stapler *stapler)
{
    const struct kt_ocsp_options how = {.nonce = KT_OCSP_NONCE_NONE, .local = stapler->options->ocsp_local};

    stapler->staples = calloc(stapler->options->credential_count + 1, sizeof *stapler->staples);
    if (stapler->staples == NULL || kt_ocsp_new(&how, &stapler->ocsp) != NULL) {
        return false;
    }
    stapler->count = stapler->options->credential_count;
    for (size_t i = 0; i < stapler->count; i++) {
        stapler->staples[i] = (struct staple){.source.fd = -1, .stapler = stapler, .index = i};
    }
    return open_source(stapler, &stapler->timer, timer_ready,
                       timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK)) &&
           open_source(stapler, &stapler->files, files_ready, inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
}

struct kt_stapler *kt_stapler_new(int epoll, const struct kt_options *options, kt_stapled *stapled, void *user)
{
    struct kt_stapler *stapler = calloc(1, sizeof *stapler);

    if (stapler == NULL) {
        return NULL;
    }
    *stapler = (struct kt_stapler){.timer.fd = -1, .files.fd = -1, .epoll = epoll};
    stapler->options = options;
    stapler->stapled = stapled;
    stapler->user = user;
    if (!open_all(stapler)) {
        kt_stapler_free(stapler);
        return NULL;
    }
    return stapler;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

void kt_stapler_free(struct kt_stapler *stapler)
{
    if (stapler == NULL) {
        return;
    }
    for (size_t i = 0; i < stapler->count; i++) {
        clear(&stapler->staples[i]);
    }
    kt_ocsp_free(stapler->ocsp);
    close_fd(stapler->timer.fd);
    close_fd(stapler->files.fd);
    free(stapler->staples);
    free(stapler);
}
