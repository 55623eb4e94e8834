/*
 * serve.c - the main thread of a server: accepts, hands out, and takes signals and commands.
 */
#include "commands.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netdb.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "report.h"
#include "serve_control.h"
#include "serve_facts.h"
#include "serve_path.h"
#include "serve_revoke.h"
#include "serve_setup.h"
#include "serve_staple.h"

enum {
    DESCRIPTORS_MAX = 1 << 20,
    DESCRIPTORS_KEPT = 64, /* for what is not a connection: epoll sets, files, the control socket */
    ACCEPTS = 64,          /* at once, before signals and commands have their turn */
    PAUSE_MS = 100,        /* without descriptors, when no connection of ours ends */
};

struct server {
    struct kt_options common; /* first: the observer finds the server by it */
    struct kt_serve_options own;
    struct kt_site site;
    struct kt_crew crew;
    struct kt_worker *workers;
    size_t worker_count;
    struct kt_setup *setup;
    struct kt_credential *ephemeral; /* or NULL */
    struct kt_control *control;      /* or NULL */
    struct kt_stapler *stapler;      /* or NULL */

    int epoll;
    struct kt_source listener, signals, wake;
    size_t open_max;
    uint64_t last_id;
    bool paused; /* not accepting for now */
    bool stopping;
};

/* The main thread has one server; a source finds it without a pointer of its own. */
#define SERVER_OF(source, member) ((struct server *)(void *)((char *)(source)-offsetof(struct server, member)))

static bool watch(struct server *server, struct kt_source *source)
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = source};

    return epoll_ctl(server->epoll, EPOLL_CTL_ADD, source->fd, &event) == 0;
}

static void pause_accepting(struct server *server)
{
    server->paused = true;
    (void)epoll_ctl(server->epoll, EPOLL_CTL_DEL, server->listener.fd, NULL);
}

static void resume_accepting(struct server *server)
{
    if (server->paused && !server->stopping && atomic_load(&server->crew.open) < server->open_max) {
        server->paused = !watch(server, &server->listener);
    }
}

static struct kt_worker *least_loaded(struct server *server)
{
    struct kt_worker *best = &server->workers[0];

    for (size_t i = 1; i < server->worker_count; i++) {
        if (atomic_load(&server->workers[i].load) < atomic_load(&best->load)) {
            best = &server->workers[i];
        }
    }
    return best;
}

static void listener_ready(struct kt_source *source)
{
    struct server *server = SERVER_OF(source, listener);

    for (int i = 0; i < ACCEPTS; i++) {
        int fd;

        if (atomic_load(&server->crew.open) >= server->open_max) {
            pause_accepting(server);
            return;
        }
        fd = accept4(source->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
                pause_accepting(server);
            }
            return;
        }
        atomic_fetch_add(&server->crew.accepted, 1);
        (void)kt_worker_give(least_loaded(server), fd, ++server->last_id, kt_setup_ref(server->setup));
    }
}

static void wake_ready(struct kt_source *source)
{
    uint64_t count;

    (void)!read(source->fd, &count, sizeof count);
    resume_accepting(SERVER_OF(source, wake));
}

/* New connections show what is stapled to a certificate now. */
static void on_stapled(void *user, size_t index, struct kt_credential *credential)
{
    struct server *server = user;
    struct kt_setup *setup;

    if (kt_setup_exchange(server->setup, &server->common, &server->own, index, credential, &setup) == KT_EXIT_NONE) {
        kt_setup_unref(server->setup);
        server->setup = setup;
    }
}

static void begin_stapling(struct server *server)
{
    struct kt_setup *setup = kt_setup_ref(server->setup); /* for each response found makes another */

    if (server->stapler != NULL) {
        kt_stapler_begin(server->stapler, setup->credentials, setup->credential_count);
    }
    kt_setup_unref(setup);
}

/* New connections get what the files say now; what goes wrong leaves all as it was. */
static bool reload(struct server *server)
{
    struct kt_setup *setup;

    /* What the file trusts now need not be what it trusted when a session was made. */
    server->own.generation += server->own.client_ca != NULL ? 1 : 0;
    if (kt_setup_load(&server->common, &server->own, server->ephemeral, &setup) != KT_EXIT_NONE) {
        kt_report_line("", "reload failed: serving on with the certificates from before");
        return false;
    }
    kt_setup_unref(server->setup);
    server->setup = setup;
    begin_stapling(server);
    kt_report_line("", "reloaded");
    return true;
}

static void stop(struct server *server)
{
    if (!server->stopping) {
        server->stopping = true;
        close(server->listener.fd);
        server->listener.fd = -1;
    }
    kt_crew_stop(server->workers, server->worker_count);
}

static size_t rekey(struct server *server, enum kt_rekey what)
{
    return kt_facts_rekey(server->workers, server->worker_count, what);
}

static void take_signal(struct server *server, unsigned number)
{
    if (number == SIGTERM || number == SIGINT) {
        stop(server);
    } else if (server->stopping) {
        return; /* workers may be gone: nobody to do it */
    } else if (number == SIGHUP) {
        (void)reload(server);
    } else {
        (void)rekey(server, number == SIGUSR1 ? KT_REKEY_SEND : KT_REKEY_BOTH);
    }
}

static void signals_ready(struct kt_source *source)
{
    struct signalfd_siginfo info;

    while (read(source->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        take_signal(SERVER_OF(source, signals), info.ssi_signo);
    }
}

static void command_status(struct server *server, struct kt_text *answer)
{
    kt_facts_status(&server->crew, server->workers, server->worker_count, answer);
    kt_facts_store(server->site.store, answer);
    kt_text_add(answer, "ok\n");
}

static void command_epochs(struct server *server, struct kt_text *answer)
{
    kt_facts_epochs(server->workers, server->worker_count, answer);
    kt_text_add(answer, "ok\n");
}

static void command_bindings(struct server *server, struct kt_text *answer)
{
    kt_facts_bindings(server->workers, server->worker_count, answer);
    kt_text_add(answer, "ok\n");
}

static void command_update(struct server *server, struct kt_text *answer)
{
    kt_text_add(answer, "connections=%zu\nok\n", rekey(server, KT_REKEY_SEND));
}

static void command_update_both(struct server *server, struct kt_text *answer)
{
    kt_text_add(answer, "connections=%zu\nok\n", rekey(server, KT_REKEY_BOTH));
}

static void rehandshake(struct server *server, enum kt_rehandshake kind, struct kt_text *answer)
{
    kt_text_add(answer, "connections=%zu\nok\n", kt_facts_rehandshake(server->workers, server->worker_count, kind));
}

static void command_rehandshake(struct server *server, struct kt_text *answer)
{
    rehandshake(server, KT_RESUME, answer);
}

static void command_rehandshake_full(struct server *server, struct kt_text *answer)
{
    rehandshake(server, KT_FULL, answer);
}

/* Whoever is asked for a certificate must be verifiable. */
static void request_certificate(struct server *server, enum kt_client_auth mode, struct kt_text *answer)
{
    if (server->own.client_ca == NULL) {
        kt_text_add(answer, "error: certificates of clients need --client-ca\n");
        return;
    }
    kt_text_add(answer, "connections=%zu\nok\n", kt_facts_request(server->workers, server->worker_count, mode));
}

static void command_request_certificate(struct server *server, struct kt_text *answer)
{
    request_certificate(server, KT_CLIENT_AUTH_REQUEST, answer);
}

static void command_require_certificate(struct server *server, struct kt_text *answer)
{
    request_certificate(server, KT_CLIENT_AUTH_REQUIRE, answer);
}

static void command_send_tickets(struct server *server, struct kt_text *answer)
{
    unsigned count = server->own.tickets > 0 ? (unsigned)server->own.tickets : 1;

    kt_text_add(answer, "connections=%zu\nok\n", kt_facts_tickets(server->workers, server->worker_count, count));
}

/* revoke session|lineage|identity HEX, revoke name NAME, revoke generation N; then perhaps "close". */
static void command_revoke(struct server *server, const char *words, struct kt_text *answer)
{
    kt_revoke_run(&(struct kt_revoke_site){server->site.store, server->workers, server->worker_count,
                                           server->common.env.wall_seconds(server->common.env.user)},
                  words, answer);
}

static void command_reload(struct server *server, struct kt_text *answer)
{
    kt_text_add(answer, reload(server) ? "ok\n" : "error: what the files hold is not usable; stderr says why\n");
}

static void command_stop(struct server *server, struct kt_text *answer)
{
    stop(server);
    kt_text_add(answer, "ok\n");
}

static const struct {
    const char *name;
    void (*run)(struct server *server, struct kt_text *answer);
} commands[] = {
    {"status", command_status},
    {"epochs", command_epochs},
    {"bindings", command_bindings},
    {"update", command_update},
    {"update-both", command_update_both},
    {"rehandshake", command_rehandshake},
    {"rehandshake-full", command_rehandshake_full},
    {"request-certificate", command_request_certificate},
    {"require-certificate", command_require_certificate},
    {"send-tickets", command_send_tickets},
    {"reload", command_reload},
    {"stop", command_stop},
};

static void refuse_command(struct kt_text *answer)
{
    kt_text_add(answer, "error: unknown command; there are");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        kt_text_add(answer, " %s", commands[i].name);
    }
    kt_text_add(answer, " revoke\n");
}

static void run_command(void *user, const char *command, struct kt_text *answer)
{
    struct server *server = user;

    if (server->stopping) {
        kt_text_add(answer, "error: stopping\n");
        return;
    }
    if (strncmp(command, "revoke ", 7) == 0) {
        command_revoke(server, command + 7, answer);
        return;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(command, commands[i].name) == 0) {
            commands[i].run(server, answer);
            return;
        }
    }
    refuse_command(answer);
}

static void loop(struct server *server)
{
    struct epoll_event events[16];

    while (atomic_load(&server->crew.working) > 0) {
        int count = epoll_wait(server->epoll, events, 16, server->paused ? PAUSE_MS : -1);

        for (int i = 0; i < count; i++) {
            struct kt_source *source = events[i].data.ptr;

            if (source->fd >= 0) {
                source->ready(source);
            }
        }
        resume_accepting(server);
    }
}

static const char RESOURCES[] = "memory, threads or descriptors have run out; give more or close something";

static enum kt_exit fail(const char *what, enum kt_reason reason, const char *hint, enum kt_exit exit)
{
    kt_report_line("", "error: %s: %s (reason=%s alert=-)", what, strerror(errno), kt_reason_name(reason));
    kt_report_line("", "hint: %s", hint);
    return exit;
}

static enum kt_exit open_backend(struct server *server)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *found;
    char host[256], port[32];
    int error;

    (void)kt_options_address(server->own.backend, host, port);
    error = getaddrinfo(host[0] == '\0' ? NULL : host, port, &hints, &found);
    if (error != 0) {
        kt_report_line("", "error: %s: %s (reason=%s alert=-)", server->own.backend, gai_strerror(error),
                       kt_reason_name(KT_REASON_ADDRESS_UNKNOWN));
        return KT_EXIT_CONNECT;
    }
    memcpy(&server->site.backend, found->ai_addr, found->ai_addrlen);
    server->site.backend_len = found->ai_addrlen;
    freeaddrinfo(found);
    return KT_EXIT_NONE;
}

static enum kt_exit open_site(struct server *server)
{
    server->site = (struct kt_site){
        .app = server->own.app,
        .www_dir = -1,
        .source_bytes = server->own.source_bytes,
    };
    if (server->own.www != NULL) {
        server->site.www_dir = kt_path_root(server->own.www);
        return server->site.www_dir >= 0
                   ? KT_EXIT_NONE
                   : fail(server->own.www, KT_REASON_FILE_UNREADABLE, "name a folder that may be read", KT_EXIT_FILES);
    }
    return server->own.backend != NULL ? open_backend(server) : KT_EXIT_NONE;
}

static enum kt_exit open_setup(struct server *server)
{
    enum kt_exit exit = KT_EXIT_NONE;

    /* Who has keys instead of certificates is not given one. */
    if (server->common.credential_count == 0 && server->common.psk_path == NULL) {
        exit = kt_setup_ephemeral(&server->common, &server->own, &server->ephemeral);
    }
    return exit != KT_EXIT_NONE ? exit
                                : kt_setup_load(&server->common, &server->own, server->ephemeral, &server->setup);
}

/* As many connections as there are descriptors for: one more would fail halfway. */
static void limit_open(struct server *server)
{
    struct rlimit limit = {1024, 1024};
    size_t kept = DESCRIPTORS_KEPT + 2 * server->worker_count, all;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
        (void)getrlimit(RLIMIT_NOFILE, &limit);
    }
    all = limit.rlim_cur < DESCRIPTORS_MAX ? (size_t)limit.rlim_cur : DESCRIPTORS_MAX;
    server->open_max = all > kept ? (all - kept) / server->site.app->descriptors : 1;
    server->open_max = server->open_max == 0 ? 1 : server->open_max;
}

/* Blocked before there are threads, so that signals reach nobody but the descriptor. */
static bool open_signals(struct server *server)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    sigaddset(&set, SIGUSR2);
    (void)signal(SIGPIPE, SIG_IGN);
    if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0) {
        return false;
    }
    server->signals = (struct kt_source){signals_ready, signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK)};
    return server->signals.fd >= 0 && watch(server, &server->signals);
}

static enum kt_exit open_events(struct server *server)
{
    server->epoll = epoll_create1(EPOLL_CLOEXEC);
    server->crew.wake_main = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    server->wake = (struct kt_source){wake_ready, server->crew.wake_main};
    if (server->epoll < 0 || server->wake.fd < 0 || !watch(server, &server->wake) || !open_signals(server)) {
        return fail("events", KT_REASON_TRANSPORT_FAILED, RESOURCES, KT_EXIT_FILES);
    }
    if (server->own.control != NULL) {
        server->control = kt_control_new(server->own.control, server->epoll, run_command, server);
        return server->control != NULL
                   ? KT_EXIT_NONE
                   : fail(server->own.control, KT_REASON_CONNECT_FAILED,
                          "the folder must exist; a file or a server that lives is not replaced", KT_EXIT_CONNECT);
    }
    return KT_EXIT_NONE;
}

static bool staples_anything(const struct kt_options *common)
{
    for (size_t i = 0; i < common->credential_count; i++) {
        if (common->credentials[i].ocsp != NULL) {
            return true;
        }
    }
    return false;
}

static enum kt_exit open_stapler(struct server *server)
{
    if (!staples_anything(&server->common)) {
        return KT_EXIT_NONE;
    }
    server->stapler = kt_stapler_new(server->epoll, &server->common, on_stapled, server);
    if (server->stapler == NULL) {
        return fail("--ocsp", KT_REASON_MEMORY_SPENT, RESOURCES, KT_EXIT_FILES);
    }
    begin_stapling(server);
    return KT_EXIT_NONE;
}

static enum kt_exit fail_to_listen(const struct server *server)
{
    return fail(server->own.listen, KT_REASON_CONNECT_FAILED,
                "the address must be one of this host, and the port free and allowed", KT_EXIT_CONNECT);
}

static enum kt_exit open_listener(struct server *server)
{
    int fd;
    const struct kt_fault *fault = kt_listen(server->own.listen, &fd);

    if (fault != NULL && fault->reason == KT_REASON_CONNECT_FAILED) {
        return fail_to_listen(server);
    }
    if (fault != NULL) {
        kt_report_fault("", server->own.listen, fault, NULL, errno);
        return KT_EXIT_CONNECT;
    }
    server->listener = (struct kt_source){listener_ready, fd};
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || !watch(server, &server->listener)) {
        return fail_to_listen(server);
    }
    return KT_EXIT_NONE;
}

static enum kt_exit start_workers(struct server *server, size_t count)
{
    server->workers = calloc(count, sizeof *server->workers);
    if (server->workers == NULL) {
        return fail("workers", KT_REASON_MEMORY_SPENT, RESOURCES, KT_EXIT_FILES);
    }
    while (server->worker_count < count) {
        if (!kt_worker_start(&server->workers[server->worker_count], &server->crew)) {
            return fail("workers", KT_REASON_MEMORY_SPENT, RESOURCES, KT_EXIT_FILES);
        }
        server->worker_count++;
    }
    return KT_EXIT_NONE;
}

static size_t worker_count(const struct server *server)
{
    long cores = sysconf(_SC_NPROCESSORS_ONLN);

    return server->own.workers != 0 ? (size_t)server->own.workers : cores > 0 ? (size_t)cores : 1;
}

static void announce(const struct server *server)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address = {.v6 = {0}};
    socklen_t len = sizeof address;
    char text[INET6_ADDRSTRLEN] = "?";

    (void)getsockname(server->listener.fd, &address.any, &len);
    if (address.any.sa_family == AF_INET6) {
        (void)inet_ntop(AF_INET6, &address.v6.sin6_addr, text, sizeof text);
        printf("listening on [%s]:%u\n", text, ntohs(address.v6.sin6_port));
    } else {
        (void)inet_ntop(AF_INET, &address.v4.sin_addr, text, sizeof text);
        printf("listening on %s:%u\n", text, ntohs(address.v4.sin_port));
    }
    fflush(stdout);
}

static uint64_t id_of(const struct kt_conn *conn)
{
    return ((const struct kt_link *)kt_conn_owner(conn))->id;
}

static enum kt_exit open_ring(struct server *server)
{
    const struct kt_fault *fault = NULL;

    if (server->own.tickets > 0) {
        fault = kt_ticket_ring_new(&server->common.env, NULL, &server->own.ring);
    }
    return fault == NULL ? KT_EXIT_NONE : kt_report_fault("", "ticket keys", fault, NULL, 0);
}

/* By any of the workers. What is not kept for want of memory is a full handshake. */
static void observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct server *server = user;

    kt_options_observe(&server->common, conn, notice);
    if (notice->kind == KT_NOTICE_SESSION) {
        (void)!kt_store_keep(server->site.store, notice->u.session);
    }
}

static enum kt_exit open_store(struct server *server)
{
    const struct kt_store_options options = {
        .capacity = (size_t)server->own.store_entries,
        .sessions = (size_t)server->own.store_entries,
        .single_use = server->own.single_use,
    };
    const struct kt_fault *fault = NULL;

    if (server->own.has_store) {
        fault = kt_store_new(&options, &server->site.store);
    }
    if (server->own.session_ids) {
        server->common.env.observer = observe;
    }
    return fault == NULL ? KT_EXIT_NONE : kt_report_fault("", "--session-store", fault, NULL, 0);
}

static enum kt_exit open_all(struct server *server)
{
    enum kt_exit exit = kt_options_open(&server->common);

    if (exit == KT_EXIT_NONE && server->common.trace != NULL) {
        kt_trace_identify(server->common.trace, id_of);
    }
    if (exit == KT_EXIT_NONE) {
        exit = open_site(server);
    }
    if (exit == KT_EXIT_NONE) {
        exit = open_store(server);
    }
    if (exit == KT_EXIT_NONE) {
        exit = open_ring(server);
    }
    if (exit == KT_EXIT_NONE) {
        exit = open_setup(server);
    }
    if (exit == KT_EXIT_NONE) {
        exit = open_events(server);
    }
    if (exit == KT_EXIT_NONE) {
        exit = open_listener(server);
    }
    if (exit == KT_EXIT_NONE) {
        exit = open_stapler(server);
    }
    return exit;
}

static void close_fd(int fd)
{
    if (fd >= 0) {
        close(fd);
    }
}

static void close_all(struct server *server)
{
    kt_control_free(server->control);
    kt_stapler_free(server->stapler);
    kt_setup_unref(server->setup);
    kt_credential_unref(server->ephemeral);
    kt_ticket_ring_unref(server->own.ring);
    kt_store_free(server->site.store);
    close_fd(server->listener.fd);
    close_fd(server->signals.fd);
    close_fd(server->wake.fd);
    close_fd(server->epoll);
    close_fd(server->site.www_dir);
    free(server->workers);
    kt_options_close(&server->common);
}

static enum kt_exit serve(struct server *server)
{
    enum kt_exit exit = start_workers(server, worker_count(server));

    limit_open(server);
    server->crew.began_ms = server->common.env.monotonic_ms(server->common.env.user);
    if (exit == KT_EXIT_NONE) {
        announce(server);
    } else {
        stop(server);
    }
    loop(server);
    for (size_t i = 0; i < server->worker_count; i++) {
        kt_worker_join(&server->workers[i]);
    }
    return exit == KT_EXIT_NONE ? KT_EXIT_OK : exit;
}

int kt_cmd_serve(int argc, char **argv)
{
    struct server server = {
        .epoll = -1,
        .listener.fd = -1,
        .signals.fd = -1,
        .wake.fd = -1,
        .site.www_dir = -1,
    };
    enum kt_exit exit = kt_serve_options_parse(&server.common, &server.own, argc, argv);

    if (exit != KT_EXIT_NONE) {
        return exit;
    }
    server.crew.options = &server.common;
    server.crew.site = &server.site;
    exit = open_all(&server);
    if (exit == KT_EXIT_NONE) {
        exit = serve(&server);
    }
    close_all(&server);
    return exit;
}
