/*
 * connect.c - the client: stdin goes to the peer, what the peer sends goes to stdout.
 *
 * One thread and one poll loop. What was read from stdin stays in `up` until the connection accepted it, what
 * was read from the connection stays in `down` until stdout took it; nothing more is read before there is
 * room. So a slow side slows down the other, and no byte is lost.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "connect_status.h"
#include "options.h"
#include "report.h"
#include "session_file.h"

enum {
    CONNECT_BUFFER = 32768,
    CONNECT_ROUNDS = 16, /* reads in a row before the other direction gets its turn */
    CONNECT_LINGER_MS = 500,
};

/* The command line */
struct request {
    struct kt_options options; /* first: the observer finds the request by it */
    char host[256];
    char port[32];
    const char *address; /* both, as given */
    const char *ca;
    const char *server_name;
    const char *session_path;
    struct kt_session *offered;
    struct kt_session *latest; /* of the last ticket that came */
    const char *prefix;        /* of live commands; "": none */
    bool post_handshake;       /* the server may ask for a certificate at any time */
    bool insecure;
    struct kt_asked asked;
    struct kt_ocsp *ocsp; /* or NULL */
};

/* Bytes on their way: [head, tail) of the memory. */
struct queue {
    uint8_t bytes[CONNECT_BUFFER];
    size_t head, tail;
};

struct session {
    const struct request *request;
    struct kt_drive *drive;
    int fd;
    struct queue up, down;
    size_t ready;      /* bytes of `up` that are data; what follows may be a live command */
    bool line_begins;  /* the byte behind them is the first of a line */
    bool stdin_ended;  /* no more is read from it */
    bool out_closed;   /* close_notify was given to the connection, or it takes nothing any more */
    bool in_closed;    /* the peer has closed */
    bool dry;          /* the connection had nothing to read when asked last */
    bool held;         /* it takes nothing until more was read: a rehandshake is on its way */
    bool whole_writes; /* stdout is a file: a write does not wait for anybody */
    bool failed;
    uint64_t sent, received;
};

/* Options */

static const char *set_ca(void *target, const char *value)
{
    ((struct request *)target)->ca = value;
    return NULL;
}

static const char *set_server_name(void *target, const char *value)
{
    ((struct request *)target)->server_name = value;
    return value[0] != '\0' ? NULL : "a name has at least one character";
}

static const char *set_insecure(void *target, const char *value)
{
    (void)value;
    ((struct request *)target)->insecure = true;
    return NULL;
}

static const char *set_ocsp(void *target, const char *value)
{
    return kt_asked_staple(&((struct request *)target)->asked, value);
}

static const char *set_ocsp_fetch(void *target, const char *value)
{
    return kt_asked_fetch(&((struct request *)target)->asked, value);
}

static const char *set_sct(void *target, const char *value)
{
    (void)value;
    ((struct request *)target)->asked.scts = true;
    return NULL;
}

static const char *set_ticket_request(void *target, const char *value)
{
    return kt_asked_tickets(&((struct request *)target)->asked, value);
}

static const char *set_commands(void *target, const char *value)
{
    ((struct request *)target)->prefix = value;
    return strlen(value) <= 16 && strchr(value, '\n') == NULL ? NULL : "it is at most 16 characters of one line";
}

static const char *set_session(void *target, const char *value)
{
    ((struct request *)target)->session_path = value;
    return NULL;
}

static const char *set_post_handshake(void *target, const char *value)
{
    (void)value;
    ((struct request *)target)->post_handshake = true;
    return NULL;
}

static const char *set_half_close(void *target, const char *value)
{
    (void)target; /* it is what we do; the option exists so that scripts can say that they count on it */
    (void)value;
    return NULL;
}

static const struct kt_option own_options[] = {
    {"ca", "FILE", "trust the authorities of FILE (PEM) instead of the system's", set_ca},
    {"servername", "NAME", "the name to ask for and to verify; default: HOST", set_server_name},
    {"insecure", NULL, "DANGER: do not verify the peer", set_insecure},
    {"ocsp", "ignore|check|require", "what a stapled OCSP response counts; default check", set_ocsp},
    {"ocsp-fetch", "off|soft|hard", "ask the responder of the server's certificate; default off", set_ocsp_fetch},
    {"sct", NULL, "ask for certificate timestamps and say how many came", set_sct},
    {"ticket-request", "NEW,RESUMED", "how many tickets are wanted; above 0 with --session", set_ticket_request},
    {"commands", "PREFIX", "lines of stdin that begin so are commands; default ~ on a terminal", set_commands},
    {"session", "FILE", "resume the session in FILE, and put the newest one there", set_session},
    {"post-handshake-auth", NULL, "let the server ask for a certificate after the handshake, too", set_post_handshake},
    {"half-close", NULL, "at the end of stdin close our side and go on reading; always so", set_half_close},
    {NULL, NULL, NULL, NULL},
};

static enum kt_exit parse(struct request *request, int argc, char **argv)
{
    struct kt_option_command command = {
        .name = "connect",
        .usage = "HOST:PORT | [V6]:PORT",
        .summary =
            "Connects to a TLS server. stdin is sent, what comes is written to stdout. Lines on stdin that "
            "begin\n"
            "with the prefix of --commands: u change our key, U both keys, r rehandshake (TLS 1.2), R a full one, "
            "s status, e exporter, b channel "
            "bindings, q close, ? "
            "help.",
        .own = own_options,
        .target = request,
    };
    enum kt_exit done;
    int first;

    done = kt_options_parse(&request->options, &command, argc, argv, &first);
    if (done != KT_EXIT_NONE) {
        return done;
    }
    if (first + 1 != argc) {
        return kt_report_usage("connect", first == argc ? "HOST:PORT is missing" : "one HOST:PORT is enough");
    }
    request->address = argv[first];
    if (!kt_options_address(request->address, request->host, request->port) || request->host[0] == '\0') {
        return kt_report_usage("connect", "\"%.80s\" is not HOST:PORT or [V6]:PORT", request->address);
    }
    if (request->insecure && request->ca != NULL) {
        return kt_report_usage("connect", "--insecure and --ca exclude each other");
    }
    if (request->insecure && (request->options.crl_count > 0 || request->asked.fetch != KT_OCSP_OFF)) {
        return kt_report_usage("connect", "--insecure excludes --crl and --ocsp-fetch");
    }
    request->server_name = request->server_name != NULL ? request->server_name : request->host;
    if (request->prefix == NULL) {
        request->prefix = isatty(STDIN_FILENO) ? "~" : "";
    }
    return KT_EXIT_NONE;
}

/* Queues */

static size_t queued(const struct queue *q)
{
    return q->tail - q->head;
}

/* Room behind the bytes; they are moved to the front when that gains something. */
static size_t room(struct queue *q)
{
    if (q->head > 0) {
        memmove(q->bytes, q->bytes + q->head, queued(q));
        q->tail = queued(q);
        q->head = 0;
    }
    return sizeof q->bytes - q->tail;
}

/* Live commands */

static void show_epoch(const struct session *s, enum kt_direction direction)
{
    struct kt_epoch_info e = kt_conn_epoch(kt_drive_conn(s->drive), direction);

    kt_report_line("", "%s key %llu (%s): %llu records, %llu bytes", direction == KT_SENDING ? "sending" : "receiving",
                   (unsigned long long)e.number, kt_birth_name(e.birth), (unsigned long long)e.records,
                   (unsigned long long)e.bytes);
}

static void show_status(const struct session *s)
{
    unsigned pending = kt_conn_pending_rekey(kt_drive_conn(s->drive));

    show_epoch(s, KT_SENDING);
    show_epoch(s, KT_RECEIVING);
    kt_report_line("", "sent=%llu received=%llu%s%s%s", (unsigned long long)s->sent, (unsigned long long)s->received,
                   (pending & KT_PENDING_SEND) != 0 ? ", our key is about to change" : "",
                   (pending & KT_PENDING_ANSWER) != 0 ? ", the peer was asked to change its key" : "",
                   (pending & KT_PENDING_REHANDSHAKE) != 0 ? ", a rehandshake is on its way" : "");
}

static void show_exporter(const struct session *s)
{
    static const char label[] = "EXPERIMENTAL keyturn";
    struct kt_span label_span = {(const uint8_t *)label, sizeof label - 1};
    struct kt_span context = {NULL, 0};
    uint8_t value[32];
    char hex[2 * sizeof value + 1];
    const struct kt_fault *fault;

    fault = kt_conn_export(kt_drive_conn(s->drive), label_span, context, value, sizeof value);
    if (fault != NULL) {
        kt_report_line("", "no exporter: %s", kt_reason_text((enum kt_reason)fault->reason));
        return;
    }
    for (size_t i = 0; i < sizeof value; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", value[i]);
    }
    kt_report_line("", "exporter \"%s\" %s", label, hex);
}

static void show_binding(const struct session *s, const char *name, enum kt_binding kind)
{
    uint8_t value[64];
    char hex[2 * sizeof value + 1] = "";
    size_t len = 0;
    const struct kt_fault *fault;

    fault = kt_conn_channel_binding(kt_drive_conn(s->drive), kind, value, sizeof value, &len);
    if (fault != NULL) {
        kt_report_line("", "no binding %s: %s", name, kt_reason_text((enum kt_reason)fault->reason));
        return;
    }
    for (size_t i = 0; i < len; i++) {
        (void)snprintf(hex + 2 * i, 3, "%02x", value[i]);
    }
    kt_report_line("", "binding %s %s", name, hex);
}

static void show_bindings(const struct session *s)
{
    show_binding(s, "tls-exporter", KT_BINDING_TLS_EXPORTER);
    if (kt_conn_facts(kt_drive_conn(s->drive)).version < KT_TLS_1_3) {
        show_binding(s, "tls-unique", KT_BINDING_TLS_UNIQUE);
    }
    show_binding(s, "tls-server-end-point", KT_BINDING_SERVER_END_POINT);
}

static void change_key(const struct session *s, enum kt_rekey what)
{
    const struct kt_fault *fault = kt_conn_rekey(kt_drive_conn(s->drive), what);

    if (fault != NULL) {
        kt_report_line("", "no key change: %s", kt_reason_text((enum kt_reason)fault->reason));
    }
}

static void rehandshake(const struct session *s, enum kt_rehandshake kind)
{
    const struct kt_fault *fault = kt_conn_rehandshake(kt_drive_conn(s->drive), kind);

    if (fault != NULL) {
        kt_report_line("", "no rehandshake: %s", kt_reason_text((enum kt_reason)fault->reason));
    }
}

static void run_command(struct session *s, char letter)
{
    switch (letter) {
    case 'u':
        change_key(s, KT_REKEY_SEND);
        break;
    case 'U':
        change_key(s, KT_REKEY_BOTH);
        break;
    case 'r':
        rehandshake(s, KT_RESUME);
        break;
    case 'R':
        rehandshake(s, KT_FULL);
        break;
    case 's':
        show_status(s);
        break;
    case 'e':
        show_exporter(s);
        break;
    case 'b':
        show_bindings(s);
        break;
    case 'q':
        s->stdin_ended = true;
        break;
    default:
        kt_report_line(
            "",
            "commands: u change our key, U change both, r rehandshake, R full rehandshake, s status, e exporter, "
            "b channel bindings, q close, "
            "? this help");
        break;
    }
}

/* stdin to the connection */

/* Whether the line at `at` is a command, as far as its `len` bytes tell. */
enum verdict { IS_DATA, IS_COMMAND, IS_UNDECIDED };

static enum verdict judge(const struct session *s, const uint8_t *at, size_t len)
{
    const char *prefix = s->request->prefix;
    size_t prefix_len = strlen(prefix);
    bool more_may_come = !s->stdin_ended && len < CONNECT_BUFFER;

    if (prefix_len == 0 || !s->line_begins) {
        return IS_DATA;
    }
    if (memcmp(at, prefix, len < prefix_len ? len : prefix_len) != 0) {
        return IS_DATA;
    }
    if (len > prefix_len && memchr(at, '\n', len) != NULL) {
        return IS_COMMAND;
    }
    if (more_may_come) {
        return IS_UNDECIDED;
    }
    return s->stdin_ended && len > prefix_len ? IS_COMMAND : IS_DATA;
}

/* Takes the command line at the head of `up` out and runs it. */
static void take_command(struct session *s)
{
    const uint8_t *at = s->up.bytes + s->up.head;
    const uint8_t *newline = memchr(at, '\n', queued(&s->up));
    size_t len = newline != NULL ? (size_t)(newline - at) + 1 : queued(&s->up);
    char letter = (char)at[strlen(s->request->prefix)];

    s->up.head += len;
    run_command(s, letter);
    if (s->stdin_ended && letter == 'q') {
        s->up.head = s->up.tail; /* what follows the command that closes is not for the peer */
    }
}

/* Finds out what is data. Stops before a command until the data before it was accepted, so that it acts in
 * its place. */
static void sort_input(struct session *s)
{
    while (s->ready < queued(&s->up)) {
        const uint8_t *at = s->up.bytes + s->up.head + s->ready;
        size_t len = queued(&s->up) - s->ready;
        enum verdict verdict = judge(s, at, len);
        const uint8_t *newline;

        if (verdict == IS_UNDECIDED || (verdict == IS_COMMAND && s->ready > 0)) {
            return;
        }
        if (verdict == IS_COMMAND) {
            take_command(s);
            continue;
        }
        newline = s->request->prefix[0] != '\0' ? memchr(at, '\n', len) : NULL;
        s->ready += newline != NULL ? (size_t)(newline - at) + 1 : len;
        s->line_begins = newline != NULL;
    }
}

static void read_stdin(struct session *s)
{
    size_t len = room(&s->up);
    ssize_t got = read(STDIN_FILENO, s->up.bytes + s->up.tail, len);

    if (got > 0) {
        s->up.tail += (size_t)got;
    } else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
        s->stdin_ended = true; /* an input that cannot be read has nothing more to say */
    }
}

/*
 * The connection takes no more. What the peer said last may still be there to be read, and is the better
 * message; so only the sending half stops, and what failed is told at the end if nothing else was found.
 */
static void stop_sending(struct session *s)
{
    s->stdin_ended = true;
    s->out_closed = true;
    s->up.head = s->up.tail;
    s->ready = 0;
}

static void send_up(struct session *s)
{
    do {
        enum kt_io io;
        size_t done = 0;

        sort_input(s);
        if (s->ready == 0) {
            break;
        }
        io = kt_drive_write(s->drive, s->up.bytes + s->up.head, s->ready, &done);
        s->up.head += done;
        s->ready -= done;
        s->sent += done;
        s->held = io == KT_IO_WANT_READ;
        if (io == KT_IO_FAILED) {
            stop_sending(s);
        }
        if (io != KT_IO_DONE) {
            return;
        }
    } while (queued(&s->up) > 0);
    if (s->stdin_ended && queued(&s->up) == 0 && !s->out_closed) {
        s->out_closed = true;
        (void)kt_drive_close(s->drive); /* a failure is found when reading, or at the end */
    }
}

/* The connection to stdout */

static void write_down(struct session *s)
{
    /* A pipe or terminal that poll calls writable has room for this much: our loop never waits in here. */
    size_t most = s->whole_writes ? CONNECT_BUFFER : PIPE_BUF;
    size_t len = queued(&s->down) < most ? queued(&s->down) : most;
    ssize_t written = len > 0 ? write(STDOUT_FILENO, s->down.bytes + s->down.head, len) : 0;

    if (written >= 0) {
        s->down.head += (size_t)written;
    } else if (errno != EINTR && errno != EAGAIN) {
        kt_report_line("", "error: stdout: %s (reason=FILE_UNWRITABLE alert=-)", strerror(errno));
        kt_report_line("", "hint: what the peer sent was not written completely");
        s->failed = true;
    }
}

/* One read, when all that was read before is written. */
static void read_down(struct session *s)
{
    size_t got = 0;
    size_t len = room(&s->down);
    enum kt_io io = kt_drive_read(s->drive, s->down.bytes, len, &got);

    s->down.tail += got;
    s->received += got;
    s->dry = io == KT_IO_WANT_READ;
    if (io == KT_IO_CLOSED) {
        /* The peer is done. What we have taken from stdin is still sent, but we do not wait for more: nobody
         * may be there to read it. */
        s->in_closed = true;
        s->stdin_ended = true;
    }
    if (io == KT_IO_FAILED) {
        s->failed = true;
    }
}

static bool stdout_is_ready(const struct session *s)
{
    struct pollfd ready = {.fd = STDOUT_FILENO, .events = POLLOUT};

    return s->whole_writes || poll(&ready, 1, 0) > 0;
}

static void move_down(struct session *s)
{
    for (int i = 0; i < CONNECT_ROUNDS && !s->failed; i++) {
        if (queued(&s->down) > 0) {
            if (!stdout_is_ready(s)) {
                return;
            }
            write_down(s);
        } else if (!s->in_closed && !s->dry) {
            read_down(s);
        } else {
            return;
        }
    }
}

/* The loop */

static int time_left(const struct session *s)
{
    uint64_t deadline = kt_conn_deadline(kt_drive_conn(s->drive));
    uint64_t now = s->request->options.env.monotonic_ms(s->request->options.env.user);

    if (deadline == UINT64_MAX) {
        return -1;
    }
    if (deadline <= now) {
        return 1; /* what is due and cannot be done yet must not make us spin */
    }
    return deadline - now < INT_MAX ? (int)(deadline - now) : INT_MAX;
}

static bool has_output(const struct session *s)
{
    return (kt_conn_status(kt_drive_conn(s->drive)) & KT_HAS_OUTPUT) != 0;
}

/* A descriptor of -1 is left out by poll. */
static void wait_for_work(struct session *s)
{
    bool wants_input = !s->stdin_ended && queued(&s->up) < CONNECT_BUFFER && s->ready == 0;
    bool wants_data = !s->in_closed && queued(&s->down) == 0;
    short wire = (short)((wants_data ? POLLIN : 0) | (has_output(s) || (s->ready > 0 && !s->held) ? POLLOUT : 0));
    struct pollfd work[] = {
        {.fd = wants_input ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = queued(&s->down) > 0 ? STDOUT_FILENO : -1, .events = POLLOUT},
        {.fd = wire != 0 ? s->fd : -1, .events = wire},
    };
    int timeout = wants_data && !s->dry ? 0 : time_left(s);

    if (poll(work, 3, timeout) <= 0) {
        return;
    }
    if (work[0].revents != 0) {
        read_stdin(s);
    }
    if ((work[2].revents & ~POLLOUT) != 0) {
        s->dry = false;
    }
}

static bool is_over(const struct session *s)
{
    bool all_sent = s->out_closed && !has_output(s);

    return s->failed || (s->in_closed && queued(&s->down) == 0 && all_sent);
}

static void run(struct session *s)
{
    while (!is_over(s)) {
        move_down(s); /* first, since the end of what comes ends what we send */
        send_up(s);
        if (kt_drive_tick(s->drive) == KT_IO_FAILED) {
            stop_sending(s);
            s->dry = false; /* reading tells whether the rest of the connection has failed, too */
        }
        if (!is_over(s)) {
            wait_for_work(s);
        }
    }
}

/* After a failure: a socket closed with unread bytes is reset, and a reset can destroy our alert before the
 * peer reads it. So read on for a moment until the peer has hung up. */
static void linger(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    uint64_t end = kt_clock_us() + UINT64_C(1000) * CONNECT_LINGER_MS;
    char waste[4096];

    if (shutdown(fd, SHUT_WR) != 0) {
        return;
    }
    while (kt_clock_us() < end && poll(&ready, 1, CONNECT_LINGER_MS) > 0) {
        if (recv(fd, waste, sizeof waste, MSG_DONTWAIT) <= 0) {
            return;
        }
    }
}

static enum kt_exit report_failure(const struct request *request, struct kt_drive *drive)
{
    return kt_report_fault("", request->address, kt_drive_fault(drive), kt_drive_conn(drive), kt_drive_errno(drive));
}

/* Handshake, then data until the end. */
static enum kt_exit converse(const struct request *request, struct kt_drive *drive, int fd)
{
    static struct session s; /* one, and too large for a small stack */
    uint64_t began = kt_clock_us();
    struct stat out;

    if (kt_drive_handshake(drive) != KT_IO_DONE) {
        enum kt_exit exit = report_failure(request, drive);

        /* Cut off before there was anything to truncate: the handshake failed. */
        return exit == KT_EXIT_TRUNCATED ? KT_EXIT_PROTOCOL : exit;
    }
    if (request->insecure && kt_conn_facts(kt_drive_conn(drive)).psk_identity.len == 0) {
        kt_report_line("", "WARNING: the peer is not verified; anybody may be there and read along");
    }
    if (!request->options.quiet) {
        const struct kt_conn *conn = kt_drive_conn(drive);
        struct kt_facts facts = kt_conn_facts(conn);
        bool verified = facts.peer_authenticated && (!request->insecure || facts.psk_identity.len > 0);

        kt_report_connected("", conn, verified, (kt_clock_us() - began) / 1000);
    }
    kt_asked_report(&request->asked, drive, request->options.quiet);
    s = (struct session){.request = request, .drive = drive, .fd = fd, .line_begins = true};
    s.whole_writes = fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode);
    (void)fcntl(fd, F_SETFL, O_NONBLOCK);
    run(&s);
    if (kt_drive_fault(drive) != NULL) {
        return report_failure(request, drive);
    }
    if (s.failed) {
        return KT_EXIT_FILES;
    }
    if (!request->options.quiet) {
        kt_report_closed("", kt_drive_conn(drive), s.sent, s.received);
    }
    return KT_EXIT_OK;
}

static enum kt_exit connect_with(const struct request *request, struct kt_config *config, const struct kt_trust *trust)
{
    struct kt_drive_options options = {
        .trust = trust,
        .verify = kt_options_verify(&request->options),
        .ocsp = request->ocsp,
        .danger_accept_any = request->insecure,
        .server_name = {(const uint8_t *)request->server_name, strlen(request->server_name)},
        .session = request->offered,
    };
    const struct kt_fault *fault;
    struct kt_drive *drive;
    enum kt_exit done;
    int fd;

    options.verify.staple = request->asked.staple;
    errno = 0;
    fault = kt_dial(request->host, request->port, &fd);
    if (fault != NULL) {
        return kt_report_fault("", request->address, fault, NULL, errno);
    }
    fault = kt_drive_new(config, fd, &options, &drive);
    if (fault != NULL) {
        done = kt_report_fault("", request->server_name, fault, NULL, 0);
    } else {
        done = converse(request, drive, fd);
        if (done != KT_EXIT_OK) {
            linger(fd);
        }
        kt_drive_free(drive);
    }
    close(fd);
    return done;
}

static enum kt_exit load_trust(const struct request *request, struct kt_trust **out)
{
    struct kt_trust *trust = NULL;
    const struct kt_fault *fault;

    if (request->insecure) {
        return KT_EXIT_NONE;
    }
    fault = kt_trust_new(&trust);
    if (fault == NULL) {
        fault = request->ca != NULL ? kt_trust_add_file(trust, request->ca) : kt_trust_add_system(trust);
    }
    if (fault != NULL) {
        kt_trust_free(trust);
        return kt_report_fault("", request->ca != NULL ? request->ca : "trust", fault, NULL, 0);
    }
    *out = trust;
    return kt_options_crls(&request->options, trust);
}

static void observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct request *request = user;

    kt_options_observe(&request->options, conn, notice);
    if (notice->kind == KT_NOTICE_SESSION && request->session_path != NULL) {
        kt_session_unref(request->latest);
        request->latest = kt_session_ref(notice->u.session);
    }
    if (notice->kind == KT_NOTICE_POST_AUTH && !request->options.quiet) {
        kt_report_line("", notice->u.post_auth.chain_len > 0 ? "asked for a certificate and showed it"
                                                             : "asked for a certificate and had none to show");
    }
}

/* Before the builder is made, for it copies the environment. */
static void watch(struct request *request)
{
    if (request->session_path != NULL || request->post_handshake) {
        request->options.env.observer = observe;
        request->options.env.user = request;
    }
}

static enum kt_exit open_session(struct request *request)
{
    watch(request);
    if (request->session_path == NULL) {
        return KT_EXIT_NONE;
    }
    return kt_session_file_read(request->session_path, &request->options.env, &request->offered);
}

/* A session is as good as the check of its certificates: another way of checking is another context. */
static enum kt_exit add_resumption(const struct request *request, struct kt_builder *builder)
{
    struct kt_resumption resumption = kt_resumption_default();
    const struct kt_options *options = &request->options;
    const struct kt_fault *fault;
    char context[256];

    (void)snprintf(context, sizeof context, "%d%d%d%zu %s %s", (int)request->asked.staple, (int)request->asked.fetch,
                   options->crl_hard, options->crl_count, options->crl_count > 0 ? options->crls[0] : "",
                   request->insecure     ? "insecure"
                   : request->ca != NULL ? request->ca
                                         : "system");
    resumption.context = (struct kt_span){(const uint8_t *)context, strlen(context)};
    fault = request->session_path == NULL ? NULL : kt_builder_resumption(builder, &resumption);
    return fault == NULL ? KT_EXIT_NONE : kt_report_fault("", "--session", fault, NULL, 0);
}

/* What went wrong before is worse than a session that is not kept. */
static enum kt_exit close_session(struct request *request, enum kt_exit done)
{
    enum kt_exit kept = KT_EXIT_NONE;

    if (request->latest != NULL) {
        kept = kt_session_file_write(request->session_path, request->latest);
    }
    kt_session_unref(request->latest);
    kt_session_unref(request->offered);
    return done == KT_EXIT_OK && kept != KT_EXIT_NONE ? kept : done;
}

static enum kt_exit build_config(const struct request *request, struct kt_config **out)
{
    struct kt_builder *builder;
    enum kt_exit done = kt_options_builder(&request->options, KT_CLIENT, &builder);

    if (done != KT_EXIT_NONE) {
        return done;
    }
    done = add_resumption(request, builder);
    if (done == KT_EXIT_NONE) {
        done = kt_asked_apply(&request->asked, builder);
    }
    if (done != KT_EXIT_NONE) {
        kt_builder_free(builder);
        return done;
    }
    kt_builder_post_handshake_auth(builder, request->post_handshake);
    return kt_options_build(builder, out);
}

static enum kt_exit connect_by(struct request *request)
{
    struct kt_config *config = NULL;
    struct kt_trust *trust = NULL;
    enum kt_exit done = load_trust(request, &trust);

    if (done == KT_EXIT_NONE) {
        done = open_session(request);
    }
    if (done == KT_EXIT_NONE) {
        done = build_config(request, &config);
    }
    if (done == KT_EXIT_NONE) {
        done = kt_asked_fetcher(&request->asked, &request->options, &request->ocsp);
    }
    if (done == KT_EXIT_NONE) {
        done = connect_with(request, config, trust);
    }
    done = close_session(request, done);
    kt_ocsp_free(request->ocsp);
    kt_config_unref(config);
    kt_trust_free(trust);
    return done;
}

int kt_cmd_connect(int argc, char **argv)
{
    static struct request request;
    enum kt_exit done = parse(&request, argc, argv);

    if (done == KT_EXIT_NONE) {
        done = kt_options_open(&request.options);
    }
    if (done == KT_EXIT_NONE) {
        done = connect_by(&request);
    }
    kt_options_close(&request.options);
    return done;
}
