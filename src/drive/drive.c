#include <keyturn/drive.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/ct.h"
#include "base/fail.h"
#include "registry/limits.h"

/* How long a blocking call tries to get the alert of a failed connection out to a peer that does not read. */
enum { ALERT_TRIES = 10, ALERT_TRY_MS = 100 };

/* Set by one thread, read by all. `error` is stored first, so who sees the fault sees its errno. */
struct failure {
    _Atomic(const struct kt_fault *) fault;
    atomic_int error;
};

/*
 * The engine's halves need no lock. The mutex is for the two threads of the *owner*: it makes whoever comes
 * first send what the sending half owes, so that a reader can answer a KeyUpdate while the writer has nothing
 * to say. It is never held while waiting.
 */
struct kt_drive {
    struct kt_conn *conn;
    int fd;
    bool is_socket;
    struct kt_drive_options options;
    struct failure failed;   /* the connection, or the transport while receiving: nothing goes any more */
    struct failure unsent;   /* the sending half alone */
    atomic_bool peer_closed; /* the reader has seen close_notify */
    pthread_mutex_t sending;
    bool broken; /* under `sending`: the transport takes no more bytes */

    /* For a writer whose data is held by a rehandshake: who reads, and word that something was read. */
    atomic_bool has_reader;
    _Atomic(pthread_t) reader;
    atomic_uint waiting;
    pthread_cond_t moved;
    struct kt_ocsp_job *status; /* of the certificate asked about last; NULL: none was */
    bool asking;                /* and the question whose answer it belongs to is open */
};

/* What must not be known any more stays with the first who said it: what follows is mostly its consequence.
 */
static bool note_first(struct failure *failure, const struct kt_fault *fault, int error)
{
    const struct kt_fault *none = NULL;

    if (atomic_load(&failure->fault) != NULL) {
        return false;
    }
    atomic_store(&failure->error, error);
    return atomic_compare_exchange_strong(&failure->fault, &none, fault);
}

static void note_last(struct failure *failure, const struct kt_fault *fault, int error)
{
    atomic_store(&failure->error, error);
    atomic_store(&failure->fault, fault);
}

/* The transport */

static bool is_nonblocking(const struct kt_drive *d)
{
    int flags = fcntl(d->fd, F_GETFL);

    return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

/* For descriptors that know no MSG_DONTWAIT: false and EAGAIN when a call would wait. */
static bool is_ready(const struct kt_drive *d, short events)
{
    struct pollfd ready = {.fd = d->fd, .events = events};

    if (poll(&ready, 1, 0) == 0) {
        errno = EAGAIN;
        return false;
    }
    return true;
}

/* Never waits, whatever the mode of the descriptor. */
static ssize_t put_bytes(const struct kt_drive *d, const uint8_t *bytes, size_t len)
{
    if (d->is_socket) {
        return send(d->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    /* A pipe that is writable has room for this much, so that the write does not wait. */
    return is_ready(d, POLLOUT) ? write(d->fd, bytes, len < PIPE_BUF ? len : PIPE_BUF) : -1;
}

static ssize_t take_bytes(const struct kt_drive *d, uint8_t *room, size_t len)
{
    if (d->is_socket) {
        return recv(d->fd, room, len, MSG_DONTWAIT);
    }
    return is_ready(d, POLLIN) ? read(d->fd, room, len) : -1;
}

static bool would_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK;
}

/* The sending half: these are called with `sending` held. */

/* What cannot be sent any more goes, so that the status does not promise output and no buffer is kept for it.
 */
static enum kt_io discard(struct kt_drive *d)
{
    const struct kt_fault *fault = NULL;
    size_t len;

    while (fault == NULL && kt_conn_out(d->conn, &len) != NULL) {
        fault = kt_conn_out_done(d->conn, len);
    }
    kt_conn_rest(d->conn, KT_SENDING);
    return KT_IO_FAILED;
}

/* Sends what there is: DONE when nothing is left, WANT_WRITE, or FAILED. */
static enum kt_io drain(struct kt_drive *d)
{
    const uint8_t *bytes;
    size_t len;

    while (!d->broken && (bytes = kt_conn_out(d->conn, &len)) != NULL) {
        ssize_t sent = put_bytes(d, bytes, len);
        const struct kt_fault *fault;

        if (sent < 0 && would_wait(errno)) {
            return KT_IO_WANT_WRITE;
        }
        if (sent < 0 && errno != EINTR) {
            d->broken = true;
            note_last(&d->unsent, KT_FAULT(TRANSPORT_FAILED), errno);
        }
        fault = sent > 0 ? kt_conn_out_done(d->conn, (size_t)sent) : NULL;
        if (fault != NULL) {
            note_first(&d->failed, fault, 0);
            return KT_IO_FAILED;
        }
    }
    return d->broken ? discard(d) : KT_IO_DONE;
}

/* Nothing is going on: no buffer is kept for it. Not after each write, so that a stream allocates nothing. */
static void rest(struct kt_drive *d)
{
    kt_conn_rest(d->conn, KT_RECEIVING);
    if (pthread_mutex_trylock(&d->sending) == 0) {
        kt_conn_rest(d->conn, KT_SENDING);
        pthread_mutex_unlock(&d->sending);
    }
}

static uint64_t now_ms(void)
{
    return kt_env_linux()->monotonic_ms(NULL);
}

/* What is due by time, and what is owed. A fault of the tick is the connection's, and found there. */
static enum kt_io tick_and_drain(struct kt_drive *d)
{
    if (kt_conn_deadline(d->conn) <= now_ms()) {
        const struct kt_fault *fault = kt_conn_tick(d->conn);

        (void)fault;
    }
    return drain(d);
}

/* The sending half, from any thread. */

static enum kt_io pay(struct kt_drive *d)
{
    enum kt_io io;

    pthread_mutex_lock(&d->sending);
    io = tick_and_drain(d);
    pthread_mutex_unlock(&d->sending);
    return io;
}

/* While another thread has the sending half, it pays; and who is about to wait for input pays by pay() first.
 */
static void pay_if_free(struct kt_drive *d)
{
    if (pthread_mutex_trylock(&d->sending) == 0) {
        (void)tick_and_drain(d);
        pthread_mutex_unlock(&d->sending);
    }
}

static void wait_writable(struct kt_drive *d, int timeout_ms)
{
    struct pollfd ready = {.fd = d->fd, .events = POLLOUT};

    (void)poll(&ready, 1, timeout_ms);
}

/* The connection has failed: the peer should hear of it, if it listens. */
static enum kt_io fail(struct kt_drive *d, const struct kt_fault *fault)
{
    if (note_first(&d->failed, fault, 0)) {
        for (int i = 0; i < ALERT_TRIES && pay(d) == KT_IO_WANT_WRITE && !is_nonblocking(d); i++) {
            wait_writable(d, ALERT_TRY_MS);
        }
    }
    return KT_IO_FAILED;
}

/* The fault of an engine call as a result of ours. */
static enum kt_io result(struct kt_drive *d, const struct kt_fault *fault)
{
    return fault == NULL ? KT_IO_DONE : fail(d, fault);
}

/* The transport has failed: the connection learns it as an end, and keeps no keys. */
static enum kt_io lose(struct kt_drive *d, int error)
{
    const struct kt_fault *end;

    note_first(&d->failed, KT_FAULT(TRANSPORT_FAILED), error);
    end = kt_conn_in_end(d->conn);
    (void)end;
    return KT_IO_FAILED;
}

/* Waiting */

/* Until the next deadline. At least 1 ms: what is due and cannot be done yet must not make us spin. */
static int patience_ms(struct kt_drive *d)
{
    uint64_t deadline;
    uint64_t now = now_ms();

    pthread_mutex_lock(&d->sending);
    deadline = kt_conn_deadline(d->conn);
    pthread_mutex_unlock(&d->sending);
    if (deadline == UINT64_MAX) {
        return -1;
    }
    if (deadline <= now) {
        return 1;
    }
    return deadline - now < INT_MAX ? (int)(deadline - now) : INT_MAX;
}

/* DONE: something may have changed, look again. */
static enum kt_io wait_ready(struct kt_drive *d, short events)
{
    struct pollfd ready = {.fd = d->fd, .events = events};

    if (is_nonblocking(d)) {
        return (events & POLLIN) != 0 ? KT_IO_WANT_READ : KT_IO_WANT_WRITE;
    }
    if (poll(&ready, 1, patience_ms(d)) < 0 && errno != EINTR) {
        note_first(&d->failed, KT_FAULT(TRANSPORT_FAILED), errno);
        return KT_IO_FAILED;
    }
    return KT_IO_DONE;
}

/* The buffer goes back while nothing comes: an idle connection holds none. */
static enum kt_io wait_input(struct kt_drive *d)
{
    short events = POLLIN;

    if (pay(d) == KT_IO_WANT_WRITE) {
        events |= POLLOUT;
    }
    rest(d);
    if (kt_conn_fault(d->conn) != NULL) {
        return fail(d, kt_conn_fault(d->conn));
    }
    /* Whoever left the question open is this thread: it would wait for itself. */
    if (kt_conn_ask(d->conn) != NULL && !is_nonblocking(d)) {
        return KT_IO_WANT_ANSWER;
    }
    return wait_ready(d, events);
}

/* The receiving half */

/* Takes what the transport has into the engine, once. */
static enum kt_io fill(struct kt_drive *d)
{
    size_t len;
    uint8_t *room = kt_conn_in(d->conn, &len);
    ssize_t got;

    /* A question of a rehandshake, which is in the way of what comes behind it. */
    if (room == NULL && kt_conn_ask(d->conn) != NULL) {
        return KT_IO_WANT_ANSWER;
    }
    if (room == NULL) {
        /* An engine that wants nothing and says nothing would keep the caller in a loop. */
        const struct kt_fault *fault = kt_conn_fault(d->conn);

        return fail(d, fault != NULL ? fault : KT_FAULT(USAGE_STATE));
    }
    got = take_bytes(d, room, len);
    if (got > 0) {
        return result(d, kt_conn_in_done(d->conn, (size_t)got));
    }
    if (got == 0) {
        return result(d, kt_conn_in_end(d->conn));
    }
    if (errno == EINTR) {
        return KT_IO_DONE;
    }
    return would_wait(errno) ? wait_input(d) : lose(d, errno);
}

/*
 * The transport takes no more bytes. The peer may have said why before it hung up, and that explains more
 * than EPIPE: read as long as there is something.
 */
static enum kt_io hear_last_words(struct kt_drive *d)
{
    uint8_t *room;
    size_t len;

    while ((room = kt_conn_in(d->conn, &len)) != NULL) {
        ssize_t got = take_bytes(d, room, len);
        const struct kt_fault *fault = got > 0 ? kt_conn_in_done(d->conn, (size_t)got) : NULL;

        if (fault != NULL) {
            return fail(d, fault);
        }
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
    }
    return lose(d, atomic_load(&d->unsent.error));
}

/* Asks */

static const struct kt_fault *sign(const struct kt_drive *d, const struct kt_ask *ask)
{
    uint8_t signature[KT_SIGNATURE_MAX];
    const struct kt_fault *fault;
    size_t len = 0;

    fault = kt_pki_sign(ask, signature, sizeof signature, &len);
    if (fault == NULL) {
        return kt_answer_signature(d->conn, signature, len);
    }
    if (fault->reason == KT_REASON_USAGE_ARGUMENT && d->options.answer != NULL) {
        fault = d->options.answer(d->options.user, d->conn, ask);
    }
    return fault == NULL ? NULL : kt_answer_refuse(d->conn, fault);
}

static const struct kt_fault *decrypt(const struct kt_drive *d, const struct kt_ask *ask)
{
    uint8_t premaster[KT_PREMASTER_LEN];
    const struct kt_fault *fault = kt_pki_decrypt(ask, premaster);

    if (fault == NULL) {
        fault = kt_answer_decrypted(d->conn, premaster, sizeof premaster);
        kt_wipe(premaster, sizeof premaster);
        return fault;
    }
    if (fault->reason == KT_REASON_USAGE_ARGUMENT && d->options.answer != NULL) {
        fault = d->options.answer(d->options.user, d->conn, ask);
    }
    return fault == NULL ? NULL : kt_answer_refuse(d->conn, fault);
}

/* The chain is judged at once; while a responder is asked, the question stays open. */
static const struct kt_fault *verify_and_ask(struct kt_drive *d, const struct kt_ask *ask)
{
    const struct kt_fault *fault = NULL;

    if (!d->asking) {
        kt_ocsp_job_free(d->status); /* of another certificate, perhaps */
        d->status = NULL;
        fault = kt_ocsp_begin(d->options.ocsp, d->options.trust, &d->options.verify, ask, &d->status);
        d->asking = fault == NULL;
    }
    if (d->asking && !is_nonblocking(d)) {
        kt_ocsp_job_wait(d->status);
    }
    if (d->asking && !kt_ocsp_job_done(d->status)) {
        return NULL;
    }
    if (d->asking) {
        fault = kt_ocsp_job_verdict(d->status, NULL);
        d->asking = false;
    }
    return fault == NULL ? kt_answer_verified(d->conn) : kt_answer_refuse(d->conn, fault);
}

static const struct kt_fault *verify(struct kt_drive *d, const struct kt_ask *ask)
{
    const struct kt_fault *fault;

    if (d->options.danger_accept_any) {
        return kt_answer_verified(d->conn);
    }
    if (d->options.trust != NULL && d->options.ocsp != NULL) {
        return verify_and_ask(d, ask);
    }
    fault = d->options.trust != NULL ? kt_pki_verify(d->options.trust, &d->options.verify, ask)
                                     : KT_FAULT(CERTIFICATE_UNTRUSTED);
    return fault == NULL ? kt_answer_verified(d->conn) : kt_answer_refuse(d->conn, fault);
}

static const struct kt_fault *hand_over(const struct kt_drive *d, const struct kt_ask *ask)
{
    const struct kt_fault *fault = KT_FAULT(ASK_REFUSED);

    if (d->options.answer != NULL) {
        fault = d->options.answer(d->options.user, d->conn, ask);
    }
    return fault == NULL ? NULL : kt_answer_refuse(d->conn, fault);
}

static bool is_about_sessions(enum kt_ask_kind kind)
{
    return kind == KT_ASK_RESUME || kind == KT_ASK_FETCH_SESSION || kind == KT_ASK_KEEP_SESSIONS;
}

static const struct kt_fault *answer_one(struct kt_drive *d, const struct kt_ask *ask)
{
    bool own_check = d->options.danger_accept_any || d->options.trust != NULL || d->options.answer == NULL;

    if (ask->kind == KT_ASK_SIGN) {
        return sign(d, ask);
    }
    if (is_about_sessions(ask->kind) && (d->options.store != NULL || d->options.answer == NULL)) {
        return kt_store_answer(d->options.store, d->conn);
    }
    if (ask->kind == KT_ASK_FIND_PSK && d->options.answer == NULL) {
        return kt_answer_psk(d->conn, NULL);
    }
    if (ask->kind == KT_ASK_DECRYPT) {
        return decrypt(d, ask);
    }
    if (ask->kind == KT_ASK_VERIFY && own_check) {
        return verify(d, ask);
    }
    return hand_over(d, ask);
}

static bool is_open(const struct kt_drive *d, uint32_t number)
{
    const struct kt_ask *ask = kt_conn_ask(d->conn);

    return ask != NULL && ask->number == number;
}

/* DONE when no ask is open. */
static enum kt_io answer(struct kt_drive *d)
{
    const struct kt_ask *ask;

    while ((ask = kt_conn_ask(d->conn)) != NULL) {
        uint32_t number = ask->number;
        const struct kt_fault *fault = answer_one(d, ask);

        if (kt_conn_fault(d->conn) != NULL) {
            return fail(d, kt_conn_fault(d->conn));
        }
        if (fault != NULL) {
            return fail(d, fault);
        }
        if (is_open(d, number)) {
            return KT_IO_WANT_ANSWER;
        }
    }
    return KT_IO_DONE;
}

/* The calls */

/* What was left out is not weaker, but the default. */
static void fill_verify(struct kt_verify *verify)
{
    struct kt_verify usual = kt_verify_default();

    verify->min_rsa_bits = verify->min_rsa_bits != 0 ? verify->min_rsa_bits : usual.min_rsa_bits;
    verify->min_curve_bits = verify->min_curve_bits != 0 ? verify->min_curve_bits : usual.min_curve_bits;
    verify->max_depth = verify->max_depth != 0 ? verify->max_depth : usual.max_depth;
    verify->max_checks = verify->max_checks != 0 ? verify->max_checks : usual.max_checks;
}

const struct kt_fault *kt_drive_new(struct kt_config *config, int fd, const struct kt_drive_options *options,
                                    struct kt_drive **out)
{
    static const struct kt_drive_options none;
    struct kt_conn_options conn_options = {.owner = NULL};
    const struct kt_fault *fault;
    struct kt_drive *d;
    struct stat st;

    options = options != NULL ? options : &none;
    if (fstat(fd, &st) != 0) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    d = calloc(1, sizeof *d);
    if (d == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    conn_options.server_name = options->server_name;
    conn_options.session = options->session;
    conn_options.owner = options->user;
    fault = kt_conn_new(config, &conn_options, &d->conn);
    if (fault != NULL) {
        free(d);
        return fault;
    }
    d->fd = fd;
    d->is_socket = S_ISSOCK(st.st_mode);
    d->options = *options;
    if (options->own_trust != NULL) {
        d->options.trust = options->own_trust;
    }
    fill_verify(&d->options.verify);
    pthread_mutex_init(&d->sending, NULL);
    pthread_cond_init(&d->moved, NULL);
    *out = d;
    return NULL;
}

void kt_drive_free(struct kt_drive *drive)
{
    if (drive != NULL) {
        kt_conn_free(drive->conn);
        if (drive->options.own_fd) {
            close(drive->fd);
        }
        kt_ocsp_job_free(drive->status);
        kt_trust_free(drive->options.own_trust);
        pthread_cond_destroy(&drive->moved);
        pthread_mutex_destroy(&drive->sending);
        free(drive);
    }
}

int kt_drive_answer_fd(const struct kt_drive *drive)
{
    return drive->asking ? kt_ocsp_job_fd(drive->status) : -1;
}

bool kt_drive_ocsp(struct kt_drive *drive, struct kt_ocsp_report *report)
{
    const struct kt_fault *verdict;

    if (drive->status == NULL || drive->asking) {
        return false;
    }
    verdict = kt_ocsp_job_verdict(drive->status, report);
    (void)verdict;
    return true;
}

struct kt_conn *kt_drive_conn(struct kt_drive *drive)
{
    return drive->conn;
}

/* Our flight goes out before the peer's is waited for. */
static enum kt_io handshake_step(struct kt_drive *d, bool *done)
{
    enum kt_io io = answer(d);

    if (io != KT_IO_DONE) {
        return io;
    }
    io = pay(d);
    if (kt_conn_fault(d->conn) != NULL) {
        return fail(d, kt_conn_fault(d->conn));
    }
    if (io == KT_IO_FAILED) {
        return hear_last_words(d);
    }
    if (io == KT_IO_WANT_WRITE) {
        return wait_ready(d, POLLOUT);
    }
    *done = kt_conn_is_connected(d->conn);
    return *done || kt_conn_ask(d->conn) != NULL ? KT_IO_DONE : fill(d);
}

enum kt_io kt_drive_handshake(struct kt_drive *drive)
{
    enum kt_io io = KT_IO_DONE;
    bool done = false;

    while (io == KT_IO_DONE && !done) {
        io = handshake_step(drive, &done);
    }
    return io;
}

static enum kt_io connect_first(struct kt_drive *d)
{
    return kt_conn_is_connected(d->conn) ? KT_IO_DONE : kt_drive_handshake(d);
}

/* After the handshake nothing waits for an answer but the request that it belongs to. */
static enum kt_io answer_some(struct kt_drive *d)
{
    enum kt_io io = answer(d);

    return io == KT_IO_WANT_ANSWER ? KT_IO_DONE : io;
}

/* A writer may wait for what was just read: the end of a rehandshake. */
static void tell_writer(struct kt_drive *d)
{
    if (atomic_load(&d->waiting) > 0) {
        pthread_mutex_lock(&d->sending);
        pthread_cond_broadcast(&d->moved);
        pthread_mutex_unlock(&d->sending);
    }
}

static enum kt_io read_some(struct kt_drive *drive, void *buffer, size_t cap, size_t *got)
{
    enum kt_io io;

    *got = 0;
    io = connect_first(drive);
    while (io == KT_IO_DONE) {
        const struct kt_fault *fault = kt_conn_recv(drive->conn, buffer, cap, got);

        io = answer_some(drive);
        if (*got > 0 || (cap == 0 && fault == NULL)) {
            pay_if_free(drive);
            return KT_IO_DONE;
        }
        fault = fault != NULL ? fault : kt_conn_fault(drive->conn);
        if (fault != NULL) {
            return fail(drive, fault);
        }
        if ((kt_conn_half_status(drive->conn, KT_RECEIVING) & KT_IN_CLOSED) != 0) {
            atomic_store(&drive->peer_closed, true);
            return KT_IO_CLOSED;
        }
        io = io == KT_IO_DONE ? fill(drive) : io;
        tell_writer(drive);
    }
    return io;
}

enum kt_io kt_drive_read(struct kt_drive *drive, void *buffer, size_t cap, size_t *got)
{
    enum kt_io io;

    atomic_store(&drive->reader, pthread_self());
    atomic_store(&drive->has_reader, true);
    io = read_some(drive, buffer, cap, got);
    tell_writer(drive);
    return io;
}

/* Until all is sent. */
static enum kt_io flush(struct kt_drive *d)
{
    enum kt_io io;

    do {
        io = pay(d);
        if (kt_conn_fault(d->conn) != NULL) {
            return fail(d, kt_conn_fault(d->conn));
        }
        if (io != KT_IO_WANT_WRITE) {
            return io;
        }
        io = wait_ready(d, POLLOUT);
    } while (io == KT_IO_DONE);
    return io;
}

enum kt_io kt_drive_flush(struct kt_drive *drive)
{
    return flush(drive);
}

/* New keys are on their way: no data until the handshake is done. */
static bool is_held(const struct kt_drive *d)
{
    return (kt_conn_pending_rekey(d->conn) & KT_PENDING_REHANDSHAKE) != 0;
}

/* With `sending` held: makes room, gives the engine what it takes, and sends that. */
static const struct kt_fault *send_some(struct kt_drive *d, const uint8_t *data, size_t len, size_t *taken,
                                        enum kt_io *io)
{
    enum kt_io before = tick_and_drain(d);
    const struct kt_fault *fault;

    *io = KT_IO_FAILED;
    if (d->broken) {
        fault = atomic_load(&d->unsent.fault);
        return fault != NULL ? fault : KT_FAULT(USAGE_AFTER_CLOSE);
    }
    KT_TRY(kt_conn_send(d->conn, data, len, taken));
    *io = drain(d);
    if (*taken == 0 && *io == KT_IO_DONE && is_held(d)) {
        *io = KT_IO_WANT_READ;
    } else if (*taken == 0 && before == KT_IO_DONE) {
        KT_FAIL(USAGE_STATE); /* as in fill: nothing to wait for */
    }
    return NULL;
}

/* WANT_WRITE: the engine took nothing, since its output is full. WANT_READ: since a rehandshake must end first. */
static enum kt_io push(struct kt_drive *d, const uint8_t *data, size_t len, size_t *taken)
{
    const struct kt_fault *fault;
    enum kt_io io;

    *taken = 0;
    pthread_mutex_lock(&d->sending);
    fault = send_some(d, data, len, taken, &io);
    pthread_mutex_unlock(&d->sending);

    if (kt_conn_fault(d->conn) != NULL) {
        return fail(d, kt_conn_fault(d->conn));
    }
    if (fault != NULL) {
        if (fault != atomic_load(&d->unsent.fault)) {
            note_last(&d->unsent, fault, 0); /* not again, or its errno would be lost */
        }
        return KT_IO_FAILED;
    }
    return *taken > 0 && io == KT_IO_WANT_WRITE ? KT_IO_DONE : io;
}

/* Another thread reads: it tells when it has. The deadlines are looked at meanwhile. */
static enum kt_io await_reader(struct kt_drive *d)
{
    struct timespec until;
    int patience = patience_ms(d);

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += patience < 0 || patience > 1000 ? 1 : 0;
    until.tv_nsec += patience < 0 || patience > 1000 ? 0 : patience * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    pthread_mutex_lock(&d->sending);
    atomic_fetch_add(&d->waiting, 1);
    if (is_held(d) && kt_conn_fault(d->conn) == NULL) {
        (void)pthread_cond_timedwait(&d->moved, &d->sending, &until);
    }
    atomic_fetch_sub(&d->waiting, 1);
    pthread_mutex_unlock(&d->sending);
    return kt_conn_fault(d->conn) != NULL ? fail(d, kt_conn_fault(d->conn)) : KT_IO_DONE;
}

/*
 * Data is held until the peer has said the rest of a rehandshake. Who alone uses the drive reads it here; data of the
 * peer that comes before must be taken by the caller, who gets WANT_READ.
 */
static enum kt_io await_rehandshake(struct kt_drive *d)
{
    enum kt_io io;

    if (atomic_load(&d->has_reader) && !pthread_equal(atomic_load(&d->reader), pthread_self())) {
        return is_nonblocking(d) ? KT_IO_WANT_READ : await_reader(d);
    }
    if ((kt_conn_half_status(d->conn, KT_RECEIVING) & (KT_HAS_DATA | KT_IN_CLOSED)) != 0) {
        return KT_IO_WANT_READ;
    }
    io = fill(d);
    return io == KT_IO_DONE || io == KT_IO_WANT_ANSWER ? answer(d) : io;
}

enum kt_io kt_drive_write(struct kt_drive *drive, const void *data, size_t len, size_t *done)
{
    const uint8_t *bytes = data;
    enum kt_io io;

    *done = 0;
    io = connect_first(drive);
    while (io == KT_IO_DONE && *done < len) {
        size_t taken;

        io = push(drive, bytes + *done, len - *done, &taken);
        *done += taken;
        if (io == KT_IO_WANT_WRITE) {
            io = wait_ready(drive, POLLOUT);
        } else if (io == KT_IO_WANT_READ) {
            io = await_rehandshake(drive);
        }
    }
    if (io == KT_IO_DONE) {
        io = flush(drive);
    }
    /* All accepted is all the caller has to know: the rest goes with the next call. */
    return io == KT_IO_WANT_WRITE && *done == len ? KT_IO_DONE : io;
}

enum kt_io kt_drive_close(struct kt_drive *drive)
{
    const struct kt_fault *fault;
    bool all_sent;
    enum kt_io io;

    pthread_mutex_lock(&drive->sending);
    all_sent = drain(drive) == KT_IO_DONE;
    fault = kt_conn_close(drive->conn);
    pthread_mutex_unlock(&drive->sending);
    if (fault != NULL) {
        return fail(drive, fault);
    }
    io = flush(drive);
    /* A peer that has closed need not wait for our close_notify (RFC 9846 section 6.1): when it is all that
     * did not arrive, nothing is missing. */
    if (io == KT_IO_FAILED && all_sent && kt_conn_fault(drive->conn) == NULL && atomic_load(&drive->peer_closed)) {
        note_last(&drive->unsent, NULL, 0);
        return KT_IO_DONE;
    }
    return io;
}

enum kt_io kt_drive_tick(struct kt_drive *drive)
{
    const struct kt_fault *fault;

    pthread_mutex_lock(&drive->sending);
    fault = kt_conn_tick(drive->conn);
    pthread_mutex_unlock(&drive->sending);
    if (fault != NULL) {
        return fail(drive, fault);
    }
    return flush(drive);
}

/* The failure to speak of: that of the whole connection before that of the sending half. */
static const struct failure *failure_of(const struct kt_drive *d)
{
    return atomic_load(&d->failed.fault) != NULL ? &d->failed : &d->unsent;
}

const struct kt_fault *kt_drive_fault(const struct kt_drive *drive)
{
    return atomic_load(&failure_of(drive)->fault);
}

int kt_drive_errno(const struct kt_drive *drive)
{
    const struct failure *failure = failure_of(drive);
    const struct kt_fault *fault = atomic_load(&failure->fault);

    return fault != NULL && fault->reason == KT_REASON_TRANSPORT_FAILED ? atomic_load(&failure->error) : 0;
}

void kt_drive_explain(const struct kt_drive *drive, char *out, size_t cap)
{
    const struct kt_fault *fault = kt_drive_fault(drive);
    char what[512];

    kt_explain(fault, drive->conn, kt_drive_errno(drive), what, sizeof what);
    (void)snprintf(out, cap, "%s; %s", what, kt_explain_hint(fault, drive->conn));
}
