/*
 * serve_worker.h - a thread with an epoll set of its own and the connections it was given.
 *
 * Whoever accepts hands each connection to the worker with the fewest. From then on it belongs to that thread alone;
 * others reach it only by errands, which the worker runs between two events.
 */
#ifndef KT_SERVE_WORKER_H
#define KT_SERVE_WORKER_H

#include <pthread.h>

#include "options.h"
#include "serve_link.h"
#include "serve_text.h"

/* What all workers share. */
struct kt_crew {
    const struct kt_options *options;
    const struct kt_site *site;
    int wake_main; /* eventfd: a connection ended, or a worker did */
    uint64_t began_ms;
    _Atomic uint64_t accepted, connected, failed;
    _Atomic uint64_t sent, received; /* by connections that are gone */
    _Atomic size_t open;             /* connections now */
    _Atomic size_t working;          /* workers now */
};

struct kt_worker;

/* Something to do in a worker's thread. */
struct kt_errand {
    struct kt_errand *next;
    void (*run)(struct kt_worker *worker, struct kt_errand *errand);
};

struct kt_worker {
    struct kt_crew *crew;
    pthread_t thread;
    int epoll;
    int wake; /* eventfd: there are errands */
    _Atomic size_t load;

    pthread_mutex_t lock; /* of the errands */
    struct kt_errand *errands, **last_errand;

    /* Of the thread alone. */
    uint64_t now_ms;
    struct kt_link *links;
    struct kt_link *ready, **last_ready;
    struct kt_timers timers;
    uint64_t stop_ms; /* when stopping began, or 0 */
    bool stopped_now; /* the second step of stopping was done */
};

/* False with errno when there are no resources for it. A started worker ends by kt_worker_stop alone. */
bool kt_worker_start(struct kt_worker *worker, struct kt_crew *crew);
/* Waits for the thread and frees what the worker had. */
void kt_worker_join(struct kt_worker *worker);

/* Takes over the descriptor and one reference of the setup. Any thread. */
bool kt_worker_give(struct kt_worker *worker, int fd, uint64_t id, struct kt_setup *setup);

/*
 * Has every worker do something with each of its connections that is connected, and waits for all. `visit` may write to
 * the worker's own text; the texts are joined into `text`, when there is one. Returns the sum of what visit returned.
 */
typedef size_t kt_visit(struct kt_link *link, struct kt_text *text, const void *how);
size_t kt_crew_visit(struct kt_worker *workers, size_t count, kt_visit *visit, const void *how, struct kt_text *text);

/* Politely: connections end by themselves or, in steps, by force. A second call cuts what is left. */
void kt_crew_stop(struct kt_worker *workers, size_t count);

/* For links, in the worker's thread. */
bool kt_worker_watch(struct kt_worker *worker, struct kt_port *port);
uint64_t kt_worker_now(const struct kt_worker *worker);

#endif
