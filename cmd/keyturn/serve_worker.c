#include "serve_worker.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "serve_setup.h"

enum {
    EVENTS = 128,
    POLITE_MS = 5000, /* of stopping: connections may end what they are at */
    STOP_MS = 10000,  /* of stopping, in all */
};

/* Accepted connections wait in this form for their worker. */
struct delivery {
    struct kt_errand errand;
    int fd;
    uint64_t id;
    struct kt_setup *setup;
};

/* One errand for each worker, and one counter for the one who waits. */
struct round {
    pthread_mutex_t lock;
    pthread_cond_t done;
    size_t left;
    size_t sum;
    kt_visit *visit;
    const void *how;
    struct kt_text *text;
};

struct round_errand {
    struct kt_errand errand;
    struct round *round;
};

static void wake(int eventfd)
{
    /* It fails only when the counter is full, and then the reader is awake. */
    (void)!write(eventfd, &(uint64_t){1}, sizeof(uint64_t));
}

static void post(struct kt_worker *worker, struct kt_errand *errand)
{
    errand->next = NULL;
    pthread_mutex_lock(&worker->lock);
    *worker->last_errand = errand;
    worker->last_errand = &errand->next;
    pthread_mutex_unlock(&worker->lock);
    wake(worker->wake);
}

static struct kt_errand *take_errands(struct kt_worker *worker)
{
    struct kt_errand *first;

    pthread_mutex_lock(&worker->lock);
    first = worker->errands;
    worker->errands = NULL;
    worker->last_errand = &worker->errands;
    pthread_mutex_unlock(&worker->lock);
    return first;
}

static void run_errands(struct kt_worker *worker)
{
    struct kt_errand *errand;
    uint64_t count;

    (void)!read(worker->wake, &count, sizeof count);
    for (errand = take_errands(worker); errand != NULL;) {
        struct kt_errand *next = errand->next;

        errand->run(worker, errand); /* it may free the errand */
        errand = next;
    }
}

static void make_ready(struct kt_worker *worker, struct kt_link *link)
{
    if (!link->is_ready) {
        link->is_ready = true;
        link->next_ready = NULL;
        *worker->last_ready = link;
        worker->last_ready = &link->next_ready;
    }
}

static void enlist(struct kt_worker *worker, struct kt_link *link)
{
    link->next = worker->links;
    if (link->next != NULL) {
        link->next->previous = link;
    }
    worker->links = link;
}

static void count_out(struct kt_worker *worker)
{
    atomic_fetch_sub(&worker->load, 1);
    atomic_fetch_sub(&worker->crew->open, 1);
    wake(worker->crew->wake_main);
}

static void dismiss(struct kt_worker *worker, struct kt_link *link)
{
    kt_timers_set(&worker->timers, &link->timer, UINT64_MAX);
    if (link->previous != NULL) {
        link->previous->next = link->next;
    } else {
        worker->links = link->next;
    }
    if (link->next != NULL) {
        link->next->previous = link->previous;
    }
    kt_link_free(link);
    count_out(worker);
}

static void run_delivery(struct kt_worker *worker, struct kt_errand *errand)
{
    struct delivery *delivery = (struct delivery *)errand;
    struct kt_link *link = NULL;

    if (worker->stop_ms == 0 && kt_timers_reserve(&worker->timers, atomic_load(&worker->load))) {
        link = kt_link_new(worker, delivery->fd, delivery->id, delivery->setup);
    } else {
        close(delivery->fd);
        kt_setup_unref(delivery->setup);
    }
    if (link != NULL) {
        enlist(worker, link);
        make_ready(worker, link);
    } else {
        count_out(worker);
    }
    free(delivery);
}

bool kt_worker_give(struct kt_worker *worker, int fd, uint64_t id, struct kt_setup *setup)
{
    struct delivery *delivery = malloc(sizeof *delivery);

    if (delivery == NULL) {
        close(fd);
        kt_setup_unref(setup);
        return false;
    }
    *delivery = (struct delivery){.errand.run = run_delivery, .fd = fd, .id = id, .setup = setup};
    atomic_fetch_add(&worker->load, 1);
    atomic_fetch_add(&worker->crew->open, 1);
    post(worker, &delivery->errand);
    return true;
}

static size_t visit_links(struct kt_worker *worker, const struct round *round, struct kt_text *text)
{
    size_t sum = 0;

    for (struct kt_link *link = worker->links; link != NULL; link = link->next) {
        if (link->phase == KT_LINK_OPEN) {
            sum += round->visit(link, text, round->how);
            make_ready(worker, link);
        }
    }
    return sum;
}

static void run_round(struct kt_worker *worker, struct kt_errand *errand)
{
    struct round *round = ((struct round_errand *)errand)->round;
    struct kt_text text = {0};
    size_t sum = visit_links(worker, round, &text);

    pthread_mutex_lock(&round->lock);
    round->sum += sum;
    if (round->text != NULL) {
        kt_text_join(round->text, &text);
    }
    if (--round->left == 0) {
        pthread_cond_signal(&round->done);
    }
    pthread_mutex_unlock(&round->lock);
    kt_text_free(&text);
}

size_t kt_crew_visit(struct kt_worker *workers, size_t count, kt_visit *visit, const void *how, struct kt_text *text)
{
    struct round round = {.left = count, .visit = visit, .how = how, .text = text};
    struct round_errand *errands = calloc(count, sizeof *errands);

    if (errands == NULL) {
        return 0;
    }
    pthread_mutex_init(&round.lock, NULL);
    pthread_cond_init(&round.done, NULL);
    for (size_t i = 0; i < count; i++) {
        errands[i] = (struct round_errand){.errand.run = run_round, .round = &round};
        post(&workers[i], &errands[i].errand);
    }
    pthread_mutex_lock(&round.lock);
    while (round.left > 0) {
        pthread_cond_wait(&round.done, &round.lock);
    }
    pthread_mutex_unlock(&round.lock);
    pthread_cond_destroy(&round.done);
    pthread_mutex_destroy(&round.lock);
    free(errands);
    return round.sum;
}

static void for_all(struct kt_worker *worker, void (*act)(struct kt_link *link))
{
    for (struct kt_link *link = worker->links; link != NULL; link = link->next) {
        act(link);
        make_ready(worker, link);
    }
}

static void run_stop(struct kt_worker *worker, struct kt_errand *errand)
{
    free(errand);
    if (worker->stop_ms == 0) {
        worker->stop_ms = worker->now_ms;
        for_all(worker, kt_link_stop);
    } else {
        for_all(worker, kt_link_cut);
    }
}

void kt_crew_stop(struct kt_worker *workers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct kt_errand *errand = malloc(sizeof *errand);

        if (errand == NULL) {
            abort(); /* there is no other way to end a thread that waits */
        }
        errand->run = run_stop;
        post(&workers[i], errand);
    }
}

/* The later steps of stopping, when their time has come. */
static void press_on(struct kt_worker *worker)
{
    if (worker->stop_ms == 0) {
        return;
    }
    if (worker->now_ms >= worker->stop_ms + STOP_MS) {
        for_all(worker, kt_link_cut);
    } else if (worker->now_ms >= worker->stop_ms + POLITE_MS && !worker->stopped_now) {
        worker->stopped_now = true;
        for_all(worker, kt_link_stop_now);
    }
}

static void run_ready(struct kt_worker *worker)
{
    struct kt_link *link = worker->ready;

    worker->ready = NULL;
    worker->last_ready = &worker->ready;
    while (link != NULL) {
        struct kt_link *next = link->next_ready;

        link->is_ready = false;
        if (kt_link_run(link)) {
            make_ready(worker, link);
        }
        if (link->phase == KT_LINK_OVER) {
            dismiss(worker, link);
        } else {
            kt_timers_set(&worker->timers, &link->timer, kt_link_deadline(link));
        }
        link = next;
    }
}

static struct kt_link *link_of(struct kt_timer *timer)
{
    return (struct kt_link *)(void *)((char *)timer - offsetof(struct kt_link, timer));
}

static void run_timers(struct kt_worker *worker)
{
    struct kt_timer *timer;

    while ((timer = kt_timers_first(&worker->timers)) != NULL && timer->at_ms <= worker->now_ms) {
        struct kt_link *link = link_of(timer);

        kt_timers_set(&worker->timers, timer, UINT64_MAX);
        kt_link_due(link);
        make_ready(worker, link);
    }
}

static uint64_t next_due(const struct kt_worker *worker)
{
    const struct kt_timer *timer = kt_timers_first(&worker->timers);
    uint64_t due = timer == NULL ? UINT64_MAX : timer->at_ms;

    if (worker->stop_ms != 0) {
        uint64_t step = worker->stop_ms + (worker->stopped_now ? STOP_MS : POLITE_MS);

        due = step < due ? step : due;
    }
    return due;
}

static int wait_ms(const struct kt_worker *worker)
{
    uint64_t due = next_due(worker);

    if (worker->ready != NULL || due <= worker->now_ms) {
        return 0;
    }
    if (due == UINT64_MAX) {
        return -1;
    }
    return due - worker->now_ms > 60000 ? 60000 : (int)(due - worker->now_ms);
}

static void take_event(struct kt_worker *worker, const struct epoll_event *event)
{
    struct kt_port *port = event->data.ptr;

    if (port == NULL) {
        run_errands(worker);
        return;
    }
    if (event->events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        port->readable = true;
    }
    if (event->events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
        port->writable = true;
    }
    if (event->events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
        port->hung_up = true;
    }
    make_ready(worker, port->link);
}

static void read_clock(struct kt_worker *worker)
{
    const struct kt_env *env = &worker->crew->options->env;

    worker->now_ms = env->monotonic_ms(env->user);
}

/* Links are freed only by run_ready, after all events of a batch: none of them can point to one that is gone. */
static void *work(void *user)
{
    struct kt_worker *worker = user;
    struct epoll_event events[EVENTS];

    read_clock(worker);
    while (worker->stop_ms == 0 || worker->links != NULL) {
        int count = epoll_wait(worker->epoll, events, EVENTS, wait_ms(worker));

        read_clock(worker);
        for (int i = 0; i < count; i++) {
            take_event(worker, &events[i]);
        }
        run_timers(worker);
        press_on(worker);
        run_ready(worker);
    }
    atomic_fetch_sub(&worker->crew->working, 1);
    wake(worker->crew->wake_main);
    return NULL;
}

bool kt_worker_watch(struct kt_worker *worker, struct kt_port *port)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data.ptr = port};

    return epoll_ctl(worker->epoll, EPOLL_CTL_ADD, port->fd, &event) == 0;
}

uint64_t kt_worker_now(const struct kt_worker *worker)
{
    return worker->now_ms;
}

static void close_both(struct kt_worker *worker)
{
    if (worker->epoll >= 0) {
        close(worker->epoll);
    }
    if (worker->wake >= 0) {
        close(worker->wake);
    }
}

bool kt_worker_start(struct kt_worker *worker, struct kt_crew *crew)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    int error;

    *worker = (struct kt_worker){.crew = crew};
    worker->last_errand = &worker->errands;
    worker->last_ready = &worker->ready;
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->epoll < 0 || worker->wake < 0 || epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->wake, &event) != 0) {
        close_both(worker);
        return false;
    }
    pthread_mutex_init(&worker->lock, NULL);
    atomic_fetch_add(&crew->working, 1);
    error = pthread_create(&worker->thread, NULL, work, worker);
    if (error != 0) {
        atomic_fetch_sub(&crew->working, 1);
        pthread_mutex_destroy(&worker->lock);
        close_both(worker);
        errno = error;
        return false;
    }
    return true;
}

/* Errands that came after the last loop: connections that nobody will serve any more. */
void kt_worker_join(struct kt_worker *worker)
{
    pthread_join(worker->thread, NULL);
    run_errands(worker);
    pthread_mutex_destroy(&worker->lock);
    kt_timers_free(&worker->timers);
    close_both(worker);
}
