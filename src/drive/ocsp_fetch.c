/*
 * ocsp_fetch.c - questions to OCSP responders: each in a thread of its own, its answers kept for the next.
 *
 * A job has two holders, who asked and the thread that works. Whoever comes second to an end of it, an answer or the
 * end of its time, finds that out under the lock and leaves it as it is; so an owner never waits longer than its time,
 * not even for a name service that does not answer.
 */
#include <keyturn/ocsp.h>

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <keyturn/drive.h>

#include "base/fail.h"
#include "drive/http_post.h"
#include "drive/ocsp_cache.h"

enum {
    TIMEOUT_MS = 5000,
    TIMEOUT_MS_MAX = 60000,
    BYTES = 65536,
    BYTES_MAX = 1 << 20,
    ENTRIES = 64,
    ENTRIES_MAX = 4096,
    CLOCK_STEP_MS = 10, /* our clock may be behind the timer's by so much */
};

struct kt_ocsp {
    atomic_uint refs;
    struct kt_ocsp_options options;
    struct kt_ocsp_cache *cache;
};

struct outcome {
    enum kt_ocsp_source source;
    const struct kt_fault *fault;
    int error;
    const char *url; /* of the query */
    int64_t until;
    uint8_t *response; /* NULL: none that is right */
    size_t len;
};

struct kt_ocsp_job {
    atomic_uint refs;
    struct kt_ocsp *ocsp;
    struct kt_ocsp_query *query; /* NULL: nothing to ask */
    bool own;                    /* for a staple: the policy does not count */
    int fd;                      /* a timer: goes off when the time is over, or when it is set to now */
    uint64_t deadline_ms;
    pthread_mutex_t lock; /* for what follows */
    bool done;
    struct outcome outcome; /* valid and not changed any more when done */
};

/* The fetcher */

const struct kt_fault *kt_ocsp_new(const struct kt_ocsp_options *options, struct kt_ocsp **out)
{
    struct kt_ocsp *ocsp;

    if (options == NULL || out == NULL || options->policy > KT_OCSP_HARD || options->nonce > KT_OCSP_NONCE_REQUIRE ||
        options->timeout_ms > TIMEOUT_MS_MAX || options->max_bytes > BYTES_MAX ||
        options->cache_entries > ENTRIES_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    ocsp = calloc(1, sizeof *ocsp);
    if (ocsp == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    ocsp->options = *options;
    ocsp->options.timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : TIMEOUT_MS;
    ocsp->options.max_bytes = options->max_bytes != 0 ? options->max_bytes : BYTES;
    ocsp->cache = kt_ocsp_cache_new(options->cache_entries != 0 ? options->cache_entries : ENTRIES);
    if (ocsp->cache == NULL) {
        free(ocsp);
        KT_FAIL(MEMORY_SPENT);
    }
    atomic_init(&ocsp->refs, 1);
    *out = ocsp;
    return NULL;
}

void kt_ocsp_free(struct kt_ocsp *ocsp)
{
    if (ocsp != NULL && atomic_fetch_sub_explicit(&ocsp->refs, 1, memory_order_acq_rel) == 1) {
        kt_ocsp_cache_free(ocsp->cache);
        free(ocsp);
    }
}

static struct kt_ocsp *ocsp_ref(struct kt_ocsp *ocsp)
{
    atomic_fetch_add_explicit(&ocsp->refs, 1, memory_order_relaxed);
    return ocsp;
}

/* The job */

static uint64_t now_ms(void)
{
    return kt_env_linux()->monotonic_ms(NULL);
}

static int64_t wall_now(void)
{
    return kt_env_linux()->wall_seconds(NULL);
}

static bool set_timer(int fd, uint64_t ms)
{
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 + 1}};

    return timerfd_settime(fd, 0, &at, NULL) == 0;
}

static const struct kt_fault *job_new(struct kt_ocsp *ocsp, bool own, struct kt_ocsp_job **out)
{
    struct kt_ocsp_job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    job->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    job->deadline_ms = now_ms() + ocsp->options.timeout_ms;
    if (job->fd < 0 || !set_timer(job->fd, ocsp->options.timeout_ms + CLOCK_STEP_MS)) {
        if (job->fd >= 0) {
            close(job->fd);
        }
        free(job);
        KT_FAIL(MEMORY_SPENT); /* descriptors are what is short */
    }
    atomic_init(&job->refs, 1);
    pthread_mutex_init(&job->lock, NULL);
    job->ocsp = ocsp_ref(ocsp);
    job->own = own;
    *out = job;
    return NULL;
}

void kt_ocsp_job_free(struct kt_ocsp_job *job)
{
    if (job == NULL || atomic_fetch_sub_explicit(&job->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    free(job->outcome.response);
    kt_ocsp_query_unref(job->query);
    kt_ocsp_free(job->ocsp);
    pthread_mutex_destroy(&job->lock);
    close(job->fd);
    free(job);
}

/* The first outcome is the one that counts; of another the response goes. */
static void finish(struct kt_ocsp_job *job, struct outcome *outcome)
{
    pthread_mutex_lock(&job->lock);
    if (job->done) {
        free(outcome->response);
    } else {
        job->outcome = *outcome;
        job->done = true;
        (void)set_timer(job->fd, 0);
    }
    pthread_mutex_unlock(&job->lock);
}

/* A right answer, good or bad. */
static bool is_final(const struct kt_fault *fault)
{
    return fault == NULL || fault->reason == KT_REASON_CERTIFICATE_REVOKED;
}

/* The work of the thread */

static bool may_be_asked(const struct kt_ocsp_job *job, const char *text, struct kt_ocsp_url *url)
{
    return kt_ocsp_url_parse(text, url) && (job->ocsp->options.local || strcmp(url->port, "80") == 0);
}

static void ask_one(const struct kt_ocsp_job *job, const struct kt_ocsp_url *url, struct outcome *out)
{
    const struct kt_http_limits limits = {
        .deadline_ms = job->deadline_ms,
        .max_bytes = job->ocsp->options.max_bytes,
        .local = job->ocsp->options.local,
    };

    out->fault = kt_http_post(url, kt_ocsp_query_request(job->query), &limits, &out->response, &out->len, &out->error);
    if (out->fault != NULL) {
        return;
    }
    out->fault = kt_ocsp_query_judge(job->query, kt_span_of(out->response, out->len), false, &out->until);
    if (!is_final(out->fault)) {
        free(out->response);
        out->response = NULL;
        out->len = 0;
    }
}

/* The responders in the order of the certificate, until one has an answer. */
static struct outcome ask_all(const struct kt_ocsp_job *job)
{
    struct outcome out = {.source = KT_OCSP_FETCHED, .fault = KT_FAULT(CERTIFICATE_STATUS_NO_RESPONDER)};
    struct kt_ocsp_url url;
    const char *text;

    for (size_t i = 0; (text = kt_ocsp_query_url(job->query, i)) != NULL; i++) {
        if (may_be_asked(job, text, &url)) {
            out.url = text;
            ask_one(job, &url, &out);
            if (is_final(out.fault)) {
                break;
            }
        }
    }
    return out;
}

static void *work(void *arg)
{
    struct kt_ocsp_job *job = arg;
    struct outcome out = ask_all(job);

    if (is_final(out.fault) && out.until > 0) {
        kt_ocsp_cache_put(job->ocsp->cache, kt_ocsp_query_id(job->query), kt_span_of(out.response, out.len), out.until);
    }
    finish(job, &out);
    kt_ocsp_job_free(job);
    return NULL;
}

/* No signal of the program is delivered to the thread: it has no part in what they are for. */
static int start_thread(struct kt_ocsp_job *job)
{
    sigset_t all, before;
    pthread_attr_t attr;
    pthread_t thread;
    int error;

    if (pthread_attr_init(&attr) != 0) {
        return ENOMEM;
    }
    sigfillset(&all);
    (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&thread, &attr, work, job);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

static void start(struct kt_ocsp_job *job)
{
    int error;

    atomic_fetch_add_explicit(&job->refs, 1, memory_order_relaxed);
    error = start_thread(job);
    if (error != 0) {
        struct outcome out = {.fault = KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE), .error = error};

        finish(job, &out);
        kt_ocsp_job_free(job);
    }
}

/* Beginning */

static bool has_responder(const struct kt_ocsp_job *job)
{
    struct kt_ocsp_url url;
    const char *text;

    for (size_t i = 0; (text = kt_ocsp_query_url(job->query, i)) != NULL; i++) {
        if (may_be_asked(job, text, &url)) {
            return true;
        }
    }
    return false;
}

/* What was kept is judged again, by the rules and the time of now. */
static bool take_kept(const struct kt_ocsp_job *job, struct outcome *out)
{
    struct kt_ocsp_cache *cache = job->ocsp->cache;
    struct kt_span id = kt_ocsp_query_id(job->query);

    *out = (struct outcome){.source = KT_OCSP_KEPT};
    out->response = kt_ocsp_cache_get(cache, id, wall_now(), &out->len);
    if (out->response == NULL) {
        return false;
    }
    out->fault = kt_ocsp_query_judge(job->query, kt_span_of(out->response, out->len), true, &out->until);
    if (is_final(out->fault)) {
        return true;
    }
    kt_ocsp_cache_drop(cache, id);
    free(out->response);
    return false;
}

/* Whatever can be said at once is said; for the rest there is a thread. */
static void begin(struct kt_ocsp_job *job)
{
    struct outcome out = {.source = KT_OCSP_NOT_ASKED};

    if (job->query == NULL) {
        finish(job, &out);
    } else if (kt_ocsp_query_is_stapled(job->query)) {
        out.source = KT_OCSP_STAPLED;
        finish(job, &out);
    } else if (!job->own && take_kept(job, &out)) {
        finish(job, &out);
    } else if (!has_responder(job)) {
        out = (struct outcome){.fault = KT_FAULT(CERTIFICATE_STATUS_NO_RESPONDER)};
        out.url = kt_ocsp_query_url(job->query, 0);
        finish(job, &out);
    } else {
        start(job);
    }
}

const struct kt_fault *kt_ocsp_begin(struct kt_ocsp *ocsp, const struct kt_trust *trust, const struct kt_verify *how,
                                     const struct kt_ask *ask, struct kt_ocsp_job **out)
{
    const struct kt_fault *fault;
    struct kt_ocsp_job *job;

    if (ocsp == NULL || out == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    KT_TRY(job_new(ocsp, false, &job));
    fault = ocsp->options.policy == KT_OCSP_OFF
                ? kt_pki_verify(trust, how, ask)
                : kt_pki_verify_query(trust, how, ask, ocsp->options.nonce, &job->query);
    if (fault != NULL) {
        kt_ocsp_job_free(job);
        return fault;
    }
    begin(job);
    *out = job;
    return NULL;
}

const struct kt_fault *kt_ocsp_begin_own(struct kt_ocsp *ocsp, const struct kt_credential *credential,
                                         struct kt_ocsp_job **out)
{
    const struct kt_fault *fault;
    struct kt_ocsp_job *job;

    if (ocsp == NULL || out == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    KT_TRY(job_new(ocsp, true, &job));
    fault = kt_ocsp_query_own(credential, &job->query);
    if (fault != NULL) {
        kt_ocsp_job_free(job);
        return fault;
    }
    begin(job);
    *out = job;
    return NULL;
}

/* Ending */

int kt_ocsp_job_fd(const struct kt_ocsp_job *job)
{
    return job->fd;
}

bool kt_ocsp_job_done(struct kt_ocsp_job *job)
{
    struct outcome late = {.source = KT_OCSP_FETCHED, .error = ETIMEDOUT};
    bool done;

    pthread_mutex_lock(&job->lock);
    done = job->done;
    pthread_mutex_unlock(&job->lock);
    if (!done && now_ms() >= job->deadline_ms) {
        late.fault = KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE);
        late.url = kt_ocsp_query_url(job->query, 0);
        finish(job, &late);
        done = true;
    }
    return done;
}

void kt_ocsp_job_wait(struct kt_ocsp_job *job)
{
    struct pollfd ready = {.fd = job->fd, .events = POLLIN};

    while (!kt_ocsp_job_done(job)) {
        (void)poll(&ready, 1, TIMEOUT_MS_MAX);
    }
}

/* No memory means that nothing was found out, whatever the policy. */
static bool refuses(const struct kt_ocsp_job *job)
{
    const struct kt_fault *fault = job->outcome.fault;

    if (fault == NULL) {
        return false;
    }
    return job->own || job->ocsp->options.policy == KT_OCSP_HARD || fault->reason == KT_REASON_CERTIFICATE_REVOKED ||
           fault->reason == KT_REASON_MEMORY_SPENT;
}

const struct kt_fault *kt_ocsp_job_verdict(struct kt_ocsp_job *job, struct kt_ocsp_report *report)
{
    if (!kt_ocsp_job_done(job)) {
        KT_FAIL(USAGE_STATE);
    }
    if (report != NULL) {
        *report = (struct kt_ocsp_report){
            .source = job->outcome.source,
            .fault = job->outcome.fault,
            .error = job->outcome.error,
            .url = job->outcome.url,
            .until = job->outcome.until,
            .response = kt_span_of(job->outcome.response, job->outcome.len),
        };
    }
    return refuses(job) ? job->outcome.fault : NULL;
}
