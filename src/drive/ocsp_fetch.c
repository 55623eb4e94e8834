/*
 * ocsp_fetch.c - questions to OCSP responders: each in a thread of its own, its answers kept for the next.
 *
 * The thread has an errand: bytes to carry and bytes to bring back. It shares nothing else with the job and calls
 * nothing of libcrypto, because it may outlive both the job and, when the program ends, libcrypto. Whoever comes second
 * to an end of the errand, an answer or the end of its time, finds that out under the lock and leaves it as it is; so
 * an owner never waits longer than its time, not even for a name service that does not answer.
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
    URLS_MAX = 4,       /* of a query */
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

/* What the thread works on. Two holders: the job and the thread. */
struct errand {
    atomic_uint refs;
    struct kt_http_limits limits;
    struct kt_ocsp_url urls[URLS_MAX];
    size_t url_count;
    int fd;               /* a timer: goes off when the time is over, or when it is set to now */
    pthread_mutex_t lock; /* for what follows */
    bool done;
    const struct kt_fault *fault;
    int error;
    size_t asked;    /* index of the responder asked last */
    uint8_t *answer; /* NULL: none */
    size_t answer_len;
    size_t request_len;
    uint8_t request[];
};

struct kt_ocsp_job {
    struct kt_ocsp *ocsp;
    struct kt_ocsp_query *query; /* NULL: nothing to ask */
    struct errand *errand;       /* which nobody may have been sent on */
    const char *urls[URLS_MAX];  /* of the query: those of the errand, as text */
    bool own;                    /* for a staple: the policy does not count */
    int fd;                      /* of the errand */
    bool done;
    struct outcome outcome; /* valid when done */
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

static uint64_t now_ms(void)
{
    return kt_env_linux()->monotonic_ms(NULL);
}

static int64_t wall_now(void)
{
    return kt_env_linux()->wall_seconds(NULL);
}

/* The errand */

static bool set_timer(int fd, uint64_t ms)
{
    struct itimerspec at = {.it_value = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000 + 1}};

    return timerfd_settime(fd, 0, &at, NULL) == 0;
}

static void errand_unref(struct errand *errand)
{
    if (errand == NULL || atomic_fetch_sub_explicit(&errand->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    free(errand->answer);
    pthread_mutex_destroy(&errand->lock);
    close(errand->fd);
    free(errand);
}

/* What the thread does: the responders in their order, until one answers. */
static void *run(void *arg)
{
    struct errand *errand = arg;
    struct kt_span request = kt_span_of(errand->request, errand->request_len);
    const struct kt_fault *fault = KT_FAULT(CERTIFICATE_STATUS_NO_RESPONDER);
    uint8_t *answer = NULL;
    size_t len = 0, at = 0;
    int error = 0;

    for (size_t i = 0; i < errand->url_count && fault != NULL; i++) {
        at = i;
        fault = kt_http_post(&errand->urls[i], request, &errand->limits, &answer, &len, &error);
    }
    pthread_mutex_lock(&errand->lock);
    if (errand->done) {
        free(answer); /* too late */
    } else {
        errand->done = true;
        errand->fault = fault;
        errand->error = error;
        errand->asked = at;
        errand->answer = answer;
        errand->answer_len = len;
        (void)set_timer(errand->fd, 0);
    }
    pthread_mutex_unlock(&errand->lock);
    errand_unref(errand);
    return NULL;
}

/* No signal of the program is delivered to the thread: it has no part in what they are for. */
static int start_thread(struct errand *errand)
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
    error = pthread_create(&thread, &attr, run, errand);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    return error;
}

static bool errand_is_done(struct errand *errand)
{
    bool late = now_ms() >= errand->limits.deadline_ms;
    bool done;

    pthread_mutex_lock(&errand->lock);
    if (!errand->done && late) {
        errand->done = true;
        errand->fault = KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE);
        errand->error = ETIMEDOUT;
    }
    done = errand->done;
    pthread_mutex_unlock(&errand->lock);
    return done;
}

static bool may_be_asked(const struct kt_ocsp *ocsp, const char *text, struct kt_ocsp_url *url)
{
    return kt_ocsp_url_parse(text, url) && (ocsp->options.local || strcmp(url->port, "80") == 0);
}

/* The responders of the query that may be asked. */
static void choose_urls(struct kt_ocsp_job *job)
{
    struct errand *errand = job->errand;
    const char *text;

    for (size_t i = 0; i < URLS_MAX && (text = kt_ocsp_query_url(job->query, i)) != NULL; i++) {
        if (may_be_asked(job->ocsp, text, &errand->urls[errand->url_count])) {
            job->urls[errand->url_count++] = text;
        }
    }
}

static struct errand *errand_new(const struct kt_ocsp *ocsp, struct kt_span request)
{
    struct errand *errand = calloc(1, sizeof *errand + request.len);

    if (errand == NULL) {
        return NULL;
    }
    errand->fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    if (errand->fd < 0 || !set_timer(errand->fd, ocsp->options.timeout_ms + CLOCK_STEP_MS)) {
        if (errand->fd >= 0) {
            close(errand->fd);
        }
        free(errand);
        return NULL;
    }
    atomic_init(&errand->refs, 1);
    pthread_mutex_init(&errand->lock, NULL);
    errand->limits = (struct kt_http_limits){
        .deadline_ms = now_ms() + ocsp->options.timeout_ms,
        .max_bytes = ocsp->options.max_bytes,
        .local = ocsp->options.local,
    };
    errand->request_len = request.len;
    kt_copy(errand->request, request.p, request.len);
    return errand;
}

/* The job */

static const struct kt_fault *job_new(struct kt_ocsp *ocsp, bool own, struct kt_ocsp_job **out)
{
    struct kt_ocsp_job *job = calloc(1, sizeof *job);

    if (job == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    job->ocsp = ocsp_ref(ocsp);
    job->own = own;
    job->fd = -1;
    *out = job;
    return NULL;
}

void kt_ocsp_job_free(struct kt_ocsp_job *job)
{
    if (job != NULL) {
        errand_unref(job->errand);
        free(job->outcome.response);
        kt_ocsp_query_unref(job->query);
        kt_ocsp_free(job->ocsp);
        free(job);
    }
}

static void finish(struct kt_ocsp_job *job, struct outcome outcome)
{
    job->outcome = outcome;
    job->done = true;
}

/* A right answer, good or bad. */
static bool is_final(const struct kt_fault *fault)
{
    return fault == NULL || fault->reason == KT_REASON_CERTIFICATE_REVOKED;
}

/* What the errand brought back, judged. Its answer is the job's from here on. */
static void take_errand(struct kt_ocsp_job *job)
{
    struct errand *errand = job->errand;
    struct outcome out = {.source = KT_OCSP_FETCHED, .fault = errand->fault, .error = errand->error};

    out.url = job->urls[errand->asked];
    if (errand->fault == NULL) {
        struct kt_span answer = kt_span_of(errand->answer, errand->answer_len);

        out.fault = kt_ocsp_query_judge(job->query, answer, false, &out.until);
        if (is_final(out.fault)) {
            out.response = errand->answer;
            out.len = errand->answer_len;
            errand->answer = NULL;
        }
        if (is_final(out.fault) && out.until > 0) {
            kt_ocsp_cache_put(job->ocsp->cache, kt_ocsp_query_id(job->query), answer, out.until);
        }
    }
    finish(job, out);
}

/* What was kept is judged again, by the rules and the time of now. */
static bool take_kept(struct kt_ocsp_job *job)
{
    struct kt_ocsp_cache *cache = job->ocsp->cache;
    struct kt_span id = kt_ocsp_query_id(job->query);
    struct outcome out = {.source = KT_OCSP_KEPT};

    out.response = kt_ocsp_cache_get(cache, id, wall_now(), &out.len);
    if (out.response == NULL) {
        return false;
    }
    out.fault = kt_ocsp_query_judge(job->query, kt_span_of(out.response, out.len), true, &out.until);
    if (is_final(out.fault)) {
        finish(job, out);
        return true;
    }
    kt_ocsp_cache_drop(cache, id);
    free(out.response);
    return false;
}

/* Sends somebody, or says why nobody can be sent. */
static void send_errand(struct kt_ocsp_job *job)
{
    struct outcome out = {.source = KT_OCSP_NOT_ASKED, .url = kt_ocsp_query_url(job->query, 0)};

    choose_urls(job);
    if (job->errand->url_count == 0) {
        out.fault = KT_FAULT(CERTIFICATE_STATUS_NO_RESPONDER);
        finish(job, out);
        return;
    }
    atomic_fetch_add_explicit(&job->errand->refs, 1, memory_order_relaxed);
    out.error = start_thread(job->errand);
    if (out.error != 0) {
        errand_unref(job->errand);
        out.fault = KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE);
        finish(job, out);
    }
}

/* Whatever can be said at once is said; for the rest there is a thread. */
static const struct kt_fault *begin(struct kt_ocsp_job *job)
{
    struct kt_span request = {NULL, 0};
    bool stapled = job->query != NULL && kt_ocsp_query_is_stapled(job->query);

    if (job->query == NULL || stapled) {
        finish(job, (struct outcome){.source = stapled ? KT_OCSP_STAPLED : KT_OCSP_NOT_ASKED});
    } else if (!job->own) {
        (void)take_kept(job);
    }
    if (!job->done) {
        request = kt_ocsp_query_request(job->query);
    }
    job->errand = errand_new(job->ocsp, request);
    if (job->errand == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    job->fd = job->errand->fd;
    if (!job->done) {
        send_errand(job);
    }
    if (job->done) {
        (void)set_timer(job->fd, 0);
    }
    return NULL;
}

/* Gives the job to the caller, if it began. */
static const struct kt_fault *hand_out(struct kt_ocsp_job *job, const struct kt_fault *fault, struct kt_ocsp_job **out)
{
    if (fault == NULL) {
        fault = begin(job);
    }
    if (fault != NULL) {
        kt_ocsp_job_free(job);
        return fault;
    }
    *out = job;
    return NULL;
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
    return hand_out(job, fault, out);
}

const struct kt_fault *kt_ocsp_begin_own(struct kt_ocsp *ocsp, const struct kt_credential *credential,
                                         struct kt_ocsp_job **out)
{
    struct kt_ocsp_job *job;

    if (ocsp == NULL || out == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    KT_TRY(job_new(ocsp, true, &job));
    return hand_out(job, kt_ocsp_query_own(credential, &job->query), out);
}

/* Ending */

int kt_ocsp_job_fd(const struct kt_ocsp_job *job)
{
    return job->fd;
}

bool kt_ocsp_job_done(struct kt_ocsp_job *job)
{
    if (!job->done && errand_is_done(job->errand)) {
        take_errand(job);
    }
    return job->done;
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
