/* Two drives over a socket pair: blocking with threads, non-blocking with small buffers, and all the ways to
 * end. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fail.h"
#include "config/builder_impl.h"
#include "crypto/toy/toy.h"
#include "registry/limits.h"

#include <keyturn/keyturn.h>

enum { BULK = 1 << 20, CHUNK = 5000 };

/* How asks are answered: by the toy, with no, or not at all. */
enum manner { BY_TOY, BY_REFUSAL, BY_NOBODY };

struct end {
    struct kt_drive *drive;
    struct kt_config *config;
    struct kt_env env;
    enum manner manner;
    int fd;
    atomic_size_t large; /* record buffers alive */
    uint64_t to_send, to_receive;
};

struct pair {
    struct end client, server;
};

/* What a test may want otherwise. */
struct setup {
    const struct kt_lifetime *lifetime;
    enum manner client_manner;
    bool no_answers; /* the client has nobody to answer */
    bool post_auth;  /* the client shows a certificate after the handshake */
    bool pty;
};

/* The environment of Linux, with record buffers counted. */

static void *count_alloc(void *user, size_t len)
{
    struct end *end = user;

    if (len >= KT_PLAINTEXT_MAX) {
        atomic_fetch_add(&end->large, 1);
    }
    return malloc(len);
}

static void count_release(void *user, void *memory, size_t len)
{
    struct end *end = user;

    if (memory != NULL && len >= KT_PLAINTEXT_MAX) {
        atomic_fetch_sub(&end->large, 1);
    }
    free(memory);
}

/* Both ends */

static struct kt_credential *toy_credential(const struct kt_env *env)
{
    static const uint8_t certificate[] = {KT_KEY_P256, 'd', 'r', 'i', 'v', 'e'};
    struct kt_span chain = {certificate, sizeof certificate};
    uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    struct kt_credential_parts parts = {.chain = &chain, .chain_len = 1, .schemes = &scheme, .scheme_count = 1};
    struct kt_credential *credential = NULL;

    assert_null(kt_credential_new(env, &parts, &credential));
    return credential;
}

static void make_config(struct end *end, enum kt_role role, const struct setup *setup)
{
    struct kt_builder *b = NULL;

    end->env = *kt_env_linux();
    end->env.alloc = count_alloc;
    end->env.release = count_release;
    end->env.user = end;
    assert_null(kt_builder_new(role, &end->env, &b));
    kt_builder_crypto(b, kt_crypto_toy());
    kt_builder_post_handshake_auth(b, role == KT_CLIENT && setup->post_auth);
    if (role == KT_SERVER || setup->post_auth) {
        struct kt_credential *credential = toy_credential(&end->env);

        assert_null(kt_builder_credential(b, credential));
        kt_credential_unref(credential);
    }
    if (setup->lifetime != NULL) {
        assert_null(kt_builder_lifetime(b, setup->lifetime));
    }
    assert_null(kt_builder_build(b, &end->config));
    kt_builder_free(b);
}

static const struct kt_fault *toy_answer(void *user, struct kt_conn *conn, const struct kt_ask *ask)
{
    const struct end *end = user;
    uint8_t signature[KT_TOY_SIGNATURE_LEN];
    struct kt_span certificate;

    if (end->manner == BY_NOBODY) {
        return NULL;
    }
    if (ask->kind == KT_ASK_VERIFY) {
        return end->manner == BY_REFUSAL ? KT_FAULT(CERTIFICATE_UNTRUSTED) : kt_answer_verified(conn);
    }
    certificate = kt_credential_certificate(ask->u.sign.credential, 0);
    (void)kt_toy_sign(ask->u.sign.scheme, certificate, ask->u.sign.input, signature);
    return kt_answer_signature(conn, signature, sizeof signature);
}

static void end_open(struct end *end, enum kt_role role, const struct setup *setup)
{
    struct kt_drive_options options = {.answer = toy_answer, .user = end};

    if (role == KT_CLIENT && setup->no_answers) {
        options.answer = NULL;
    }
    make_config(end, role, setup);
    assert_null(kt_drive_new(end->config, end->fd, &options, &end->drive));
}

/* A bare chroot has no /dev/pts. */
static bool has_pty(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);
    bool has = fd >= 0 && grantpt(fd) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return has;
}

static void make_pty(int fds[2])
{
    struct termios raw;

    fds[0] = posix_openpt(O_RDWR | O_NOCTTY);
    assert_true(fds[0] >= 0 && grantpt(fds[0]) == 0 && unlockpt(fds[0]) == 0);
    fds[1] = open(ptsname(fds[0]), O_RDWR | O_NOCTTY);
    assert_true(fds[1] >= 0 && tcgetattr(fds[1], &raw) == 0);
    cfmakeraw(&raw);
    assert_int_equal(tcsetattr(fds[1], TCSANOW, &raw), 0);
}

static void pair_open(struct pair *p, const struct setup *setup)
{
    int fds[2];

    memset(p, 0, sizeof *p);
    if (setup->pty) {
        make_pty(fds);
    } else {
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    }
    p->client.manner = setup->client_manner;
    p->client.fd = fds[0];
    p->server.fd = fds[1];
    end_open(&p->client, KT_CLIENT, setup);
    end_open(&p->server, KT_SERVER, setup);
}

static void end_hang_up(struct end *end)
{
    if (end->fd >= 0) {
        close(end->fd);
        end->fd = -1;
    }
}

static void end_close(struct end *end)
{
    kt_drive_free(end->drive);
    kt_config_unref(end->config);
    end_hang_up(end);
    assert_int_equal(atomic_load(&end->large), 0);
}

static void pair_close(struct pair *p)
{
    end_close(&p->client);
    end_close(&p->server);
}

/* Threads: cmocka's assertions work only in the main one, so the others return what they found. */

static pthread_t start(void *(*run)(void *), struct end *end)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, run, end), 0);
    return thread;
}

static enum kt_io outcome(pthread_t thread)
{
    void *io = NULL;

    assert_int_equal(pthread_join(thread, &io), 0);
    return (enum kt_io)(uintptr_t)io;
}

static void *run_handshake(void *end)
{
    return (void *)(uintptr_t)kt_drive_handshake(((struct end *)end)->drive);
}

/* Byte `at` of the stream that every end sends. */
static uint8_t pattern(uint64_t at)
{
    return (uint8_t)(at * 31 + (at >> 8));
}

static size_t fill_chunk(uint8_t chunk[CHUNK], uint64_t at, uint64_t all)
{
    size_t len = all - at < CHUNK ? (size_t)(all - at) : CHUNK;

    for (size_t i = 0; i < len; i++) {
        chunk[i] = pattern(at + i);
    }
    return len;
}

static bool chunk_is_right(const uint8_t *chunk, size_t len, uint64_t at)
{
    for (size_t i = 0; i < len; i++) {
        if (chunk[i] != pattern(at + i)) {
            return false;
        }
    }
    return true;
}

/* Sends `to_send` bytes, changing keys now and then, and closes. */
static void *run_writer(void *arg)
{
    struct end *end = arg;
    uint8_t chunk[CHUNK];
    enum kt_io io = KT_IO_DONE;
    uint64_t at = 0;

    kt_toy_seed(2);
    for (unsigned i = 1; io == KT_IO_DONE && at < end->to_send; i++) {
        size_t len = fill_chunk(chunk, at, end->to_send);
        size_t done;

        if (i % 16 == 0 &&
            kt_conn_rekey(kt_drive_conn(end->drive), i % 32 == 0 ? KT_REKEY_BOTH : KT_REKEY_SEND) != NULL) {
            io = KT_IO_FAILED;
        }
        io = io == KT_IO_DONE ? kt_drive_write(end->drive, chunk, len, &done) : io;
        at += len;
    }
    io = io == KT_IO_DONE ? kt_drive_close(end->drive) : io;
    return (void *)(uintptr_t)io;
}

/* Reads to the end: CLOSED when all came, in order. */
static void *run_reader(void *arg)
{
    struct end *end = arg;
    uint8_t chunk[CHUNK];
    enum kt_io io;
    uint64_t at = 0;
    size_t got;

    kt_toy_seed(3);
    while ((io = kt_drive_read(end->drive, chunk, sizeof chunk, &got)) == KT_IO_DONE) {
        if (!chunk_is_right(chunk, got, at)) {
            return (void *)(uintptr_t)KT_IO_FAILED;
        }
        at += got;
    }
    return (void *)(uintptr_t)(at == end->to_receive ? io : KT_IO_FAILED);
}

static void handshake(struct pair *p)
{
    pthread_t server = start(run_handshake, &p->server);

    assert_int_equal(kt_drive_handshake(p->client.drive), KT_IO_DONE);
    assert_int_equal(outcome(server), KT_IO_DONE);
}

static void open_connected(struct pair *p, const struct setup *setup)
{
    pair_open(p, setup);
    handshake(p);
}

static void set_nonblocking(struct end *end)
{
    assert_int_equal(fcntl(end->fd, F_SETFL, O_NONBLOCK), 0);
}

static void assert_failed(const struct end *end, enum kt_reason reason, int error)
{
    assert_non_null(kt_drive_fault(end->drive));
    assert_string_equal(kt_reason_name(kt_drive_fault(end->drive)->reason), kt_reason_name(reason));
    assert_int_equal(kt_drive_errno(end->drive), error);
}

/* Blocking */

static void a_blocking_handshake_and_a_word_each_way(void **state)
{
    struct pair p;
    char word[8];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_write(p.client.drive, "ping", 4, &n), KT_IO_DONE);
    assert_int_equal(n, 4);
    assert_int_equal(kt_drive_read(p.server.drive, word, sizeof word, &n), KT_IO_DONE);
    assert_int_equal(n, 4);
    assert_memory_equal(word, "ping", 4);
    assert_int_equal(kt_drive_write(p.server.drive, "pong", 4, &n), KT_IO_DONE);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_DONE);
    assert_memory_equal(word, "pong", 4);
    assert_null(kt_drive_fault(p.client.drive));
    pair_close(&p);
}

static void reading_does_the_handshake_first(void **state)
{
    struct pair p;
    pthread_t server;

    (void)state;
    pair_open(&p, &(struct setup){0});
    p.server.to_receive = 1;
    server = start(run_reader, &p.server);
    p.client.to_send = 1;
    assert_int_equal((uintptr_t)run_writer(&p.client), KT_IO_DONE);
    assert_int_equal(outcome(server), KT_IO_CLOSED);
    pair_close(&p);
}

static void readers_and_writers_at_both_ends_while_keys_change(void **state)
{
    struct kt_lifetime lifetime = kt_lifetime_default();
    struct pair p;
    pthread_t threads[4];

    (void)state;
    lifetime.min_gap_ms = 0;
    lifetime.peer_budget = 1000;
    open_connected(&p, &(struct setup){.lifetime = &lifetime});
    p.client.to_send = p.server.to_receive = BULK;
    p.server.to_send = p.client.to_receive = BULK;
    threads[0] = start(run_reader, &p.client);
    threads[1] = start(run_reader, &p.server);
    threads[2] = start(run_writer, &p.client);
    threads[3] = start(run_writer, &p.server);
    assert_int_equal(outcome(threads[2]), KT_IO_DONE);
    assert_int_equal(outcome(threads[3]), KT_IO_DONE);
    assert_int_equal(outcome(threads[0]), KT_IO_CLOSED);
    assert_int_equal(outcome(threads[1]), KT_IO_CLOSED);
    assert_true(kt_conn_epoch(kt_drive_conn(p.client.drive), KT_SENDING).number >= BULK / CHUNK / 16);
    assert_int_equal(kt_conn_epoch(kt_drive_conn(p.client.drive), KT_SENDING).number,
                     kt_conn_epoch(kt_drive_conn(p.server.drive), KT_RECEIVING).number);
    pair_close(&p);
}

/* The other end only reads: its reader answers, since no writer does. */
static void a_reader_pays_what_is_owed(void **state)
{
    struct pair p;
    pthread_t server;
    size_t n;
    char byte;

    (void)state;
    open_connected(&p, &(struct setup){0});
    server = start(run_reader, &p.server);
    assert_null(kt_conn_rekey(kt_drive_conn(p.client.drive), KT_REKEY_BOTH));
    assert_int_equal(kt_drive_flush(p.client.drive), KT_IO_DONE);
    set_nonblocking(&p.client);
    assert_int_equal(poll(&(struct pollfd){.fd = p.client.fd, .events = POLLIN}, 1, 10000), 1);
    assert_int_equal(kt_drive_read(p.client.drive, &byte, 1, &n), KT_IO_WANT_READ);
    assert_int_equal(kt_conn_epoch(kt_drive_conn(p.client.drive), KT_RECEIVING).number, 1);
    assert_int_equal(kt_drive_close(p.client.drive), KT_IO_DONE);
    assert_int_equal(outcome(server), KT_IO_CLOSED);
    pair_close(&p);
}

/* A reader that waits for an idle peer still changes its own key in time. */
static void time_passes_while_a_reader_waits(void **state)
{
    struct kt_lifetime lifetime = kt_lifetime_default();
    struct pair p;
    pthread_t server;
    size_t n;
    char byte;

    (void)state;
    lifetime.sending.max_seconds = 1;
    lifetime.min_gap_ms = 0;
    open_connected(&p, &(struct setup){.lifetime = &lifetime});
    server = start(run_reader, &p.server);
    set_nonblocking(&p.client);
    assert_int_equal(poll(&(struct pollfd){.fd = p.client.fd, .events = POLLIN}, 1, 10000), 1);
    assert_int_equal(kt_drive_read(p.client.drive, &byte, 1, &n), KT_IO_WANT_READ);
    assert_int_equal(kt_conn_epoch(kt_drive_conn(p.client.drive), KT_RECEIVING).birth, KT_BIRTH_PEER);
    assert_int_equal(kt_drive_close(p.client.drive), KT_IO_DONE);
    assert_int_equal(outcome(server), KT_IO_CLOSED);
    assert_int_equal(kt_conn_epoch(kt_drive_conn(p.server.drive), KT_SENDING).birth, KT_BIRTH_SECONDS);
    pair_close(&p);
}

static void what_is_no_socket_works_as_well(void **state)
{
    struct pair p;
    pthread_t threads[2];

    (void)state;
    if (!has_pty()) {
        skip();
    }
    open_connected(&p, &(struct setup){.pty = true});
    p.client.to_send = p.server.to_receive = BULK / 8;
    threads[0] = start(run_reader, &p.server);
    threads[1] = start(run_writer, &p.client);
    assert_int_equal(outcome(threads[1]), KT_IO_DONE);
    assert_int_equal(outcome(threads[0]), KT_IO_CLOSED);
    pair_close(&p);
}

/* Non-blocking */

static void make_narrow(struct pair *p)
{
    int size = 1; /* the kernel raises it to its least */

    set_nonblocking(&p->client);
    set_nonblocking(&p->server);
    assert_int_equal(setsockopt(p->client.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
    assert_int_equal(setsockopt(p->server.fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size), 0);
}

static void handshake_in_turns(struct pair *p)
{
    enum kt_io client = KT_IO_WANT_READ;
    enum kt_io server = KT_IO_WANT_READ;

    while (client != KT_IO_DONE || server != KT_IO_DONE) {
        client = client == KT_IO_DONE ? client : kt_drive_handshake(p->client.drive);
        server = server == KT_IO_DONE ? server : kt_drive_handshake(p->server.drive);
        assert_true(client != KT_IO_FAILED && server != KT_IO_FAILED);
    }
}

/* Writes a piece and reads what came, as far as both go without waiting. True while there is more to do. */
static bool move(struct end *end, uint64_t *sent, uint64_t *received)
{
    uint8_t chunk[CHUNK];
    size_t len = fill_chunk(chunk, *sent, end->to_send);
    size_t done = 0;
    size_t got;
    enum kt_io io = kt_drive_write(end->drive, chunk, len, &done);

    assert_true(io == KT_IO_WANT_WRITE || (io == KT_IO_DONE && done == len));
    *sent += done;
    io = kt_drive_read(end->drive, chunk, sizeof chunk, &got);
    assert_true(io == KT_IO_DONE || io == KT_IO_WANT_READ);
    assert_true(chunk_is_right(chunk, got, *received));
    *received += got;
    return *sent < end->to_send || *received < end->to_receive;
}

static void no_byte_is_lost_through_a_narrow_pipe(void **state)
{
    uint64_t client_sent = 0, client_received = 0, server_sent = 0, server_received = 0;
    struct pair p;
    bool more = true;

    (void)state;
    pair_open(&p, &(struct setup){0});
    make_narrow(&p);
    handshake_in_turns(&p);
    p.client.to_send = p.server.to_receive = BULK;
    p.server.to_send = p.client.to_receive = BULK / 2;
    while (more) {
        more = move(&p.client, &client_sent, &client_received);
        more = move(&p.server, &server_sent, &server_received) || more;
    }
    pair_close(&p);
}

static void an_idle_connection_holds_no_record_buffer(void **state)
{
    struct pair p;
    char word[8];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    set_nonblocking(&p.client);
    set_nonblocking(&p.server);
    assert_int_equal(kt_drive_write(p.client.drive, "word", 4, &n), KT_IO_DONE);
    assert_int_equal(kt_drive_read(p.server.drive, word, sizeof word, &n), KT_IO_DONE);
    assert_int_equal(kt_drive_read(p.server.drive, word, sizeof word, &n), KT_IO_WANT_READ);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_WANT_READ);
    assert_int_equal(atomic_load(&p.client.large), 0);
    assert_int_equal(atomic_load(&p.server.large), 0);
    pair_close(&p);
}

static void reading_nothing_is_done_at_once(void **state)
{
    struct pair p;
    size_t n = 7;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_read(p.client.drive, NULL, 0, &n), KT_IO_DONE);
    assert_int_equal(n, 0);
    assert_int_equal(kt_drive_write(p.client.drive, "", 0, &n), KT_IO_DONE);
    assert_int_equal(kt_drive_tick(p.client.drive), KT_IO_DONE);
    pair_close(&p);
}

/* Ends */

static void half_close_leaves_the_other_direction_open(void **state)
{
    struct pair p;
    char word[8];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_close(p.client.drive), KT_IO_DONE);
    assert_int_equal(kt_drive_close(p.client.drive), KT_IO_DONE);
    assert_int_equal(kt_drive_read(p.server.drive, word, sizeof word, &n), KT_IO_CLOSED);
    assert_int_equal(kt_drive_write(p.server.drive, "late", 4, &n), KT_IO_DONE);
    assert_int_equal(kt_drive_close(p.server.drive), KT_IO_DONE);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_DONE);
    assert_memory_equal(word, "late", 4);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_CLOSED);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_CLOSED);
    pair_close(&p);
}

static void writing_after_close_is_the_callers_fault_alone(void **state)
{
    struct pair p;
    char word[8];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_close(p.client.drive), KT_IO_DONE);
    assert_int_equal(kt_drive_write(p.client.drive, "x", 1, &n), KT_IO_FAILED);
    assert_failed(&p.client, KT_REASON_USAGE_AFTER_CLOSE, 0);
    assert_int_equal(kt_drive_write(p.server.drive, "late", 4, &n), KT_IO_DONE);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_DONE);
    pair_close(&p);
}

static void an_end_without_close_notify_is_truncation(void **state)
{
    struct pair p;
    char word[8];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_write(p.client.drive, "last", 4, &n), KT_IO_DONE);
    end_hang_up(&p.client);
    assert_int_equal(kt_drive_read(p.server.drive, word, sizeof word, &n), KT_IO_DONE);
    assert_memory_equal(word, "last", 4);
    assert_int_equal(kt_drive_read(p.server.drive, word, sizeof word, &n), KT_IO_FAILED);
    assert_failed(&p.server, KT_REASON_TRUNCATED, 0);
    assert_int_equal(kt_drive_read(p.server.drive, word, sizeof word, &n), KT_IO_FAILED);
    assert_failed(&p.server, KT_REASON_TRUNCATED, 0);
    pair_close(&p);
}

static void an_end_in_the_handshake_says_so(void **state)
{
    struct pair p;

    (void)state;
    pair_open(&p, &(struct setup){0});
    end_hang_up(&p.client);
    assert_int_equal(kt_drive_handshake(p.server.drive), KT_IO_FAILED);
    assert_failed(&p.server, KT_REASON_HANDSHAKE_CUT, 0);
    pair_close(&p);
}

/* Closing a socket with unread bytes resets the connection. */
static void a_reset_is_told_with_its_errno(void **state)
{
    struct pair p;
    char word[8];
    char text[512];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_write(p.client.drive, "unread", 6, &n), KT_IO_DONE);
    end_hang_up(&p.server);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_FAILED);
    assert_failed(&p.client, KT_REASON_TRANSPORT_FAILED, ECONNRESET);
    kt_drive_explain(p.client.drive, text, sizeof text);
    assert_non_null(strstr(text, strerror(ECONNRESET)));
    assert_non_null(strstr(text, "(reason=TRANSPORT_FAILED alert=-); "));
    pair_close(&p);
}

/* SIGPIPE would end this process. */
static void a_write_that_nobody_takes_fails_without_a_signal(void **state)
{
    struct pair p;
    char word[8];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_write(p.server.drive, "said", 4, &n), KT_IO_DONE);
    end_hang_up(&p.server);
    assert_int_equal(kt_drive_write(p.client.drive, "x", 1, &n), KT_IO_FAILED);
    assert_failed(&p.client, KT_REASON_TRANSPORT_FAILED, EPIPE);
    assert_int_equal(kt_drive_write(p.client.drive, "x", 1, &n), KT_IO_FAILED);
    assert_int_equal(n, 0);
    /* What was said before can still be read. */
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_DONE);
    assert_memory_equal(word, "said", 4);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_FAILED);
    assert_failed(&p.client, KT_REASON_TRUNCATED, 0);
    pair_close(&p);
}

static void a_peer_that_closed_need_not_wait_for_us(void **state)
{
    struct pair p;
    char word[8];
    size_t n;

    (void)state;
    open_connected(&p, &(struct setup){0});
    assert_int_equal(kt_drive_close(p.server.drive), KT_IO_DONE);
    end_hang_up(&p.server);
    assert_int_equal(kt_drive_read(p.client.drive, word, sizeof word, &n), KT_IO_CLOSED);
    assert_int_equal(kt_drive_close(p.client.drive), KT_IO_DONE);
    assert_null(kt_drive_fault(p.client.drive));
    assert_int_equal(kt_conn_status(kt_drive_conn(p.client.drive)) & KT_HAS_OUTPUT, 0);
    assert_int_equal(kt_drive_write(p.client.drive, "x", 1, &n), KT_IO_FAILED);
    assert_failed(&p.client, KT_REASON_USAGE_AFTER_CLOSE, 0);
    pair_close(&p);
}

/* The server hangs up before it reads: the client can send no more, and hears why. */
static void the_last_words_of_the_peer_are_heard(void **state)
{
    static const uint8_t refusal[] = {21, 3, 3, 0, 2, 2, KT_ALERT_HANDSHAKE_FAILURE};
    struct pair p;

    (void)state;
    pair_open(&p, &(struct setup){0});
    assert_int_equal(write(p.server.fd, refusal, sizeof refusal), sizeof refusal);
    end_hang_up(&p.server);
    assert_int_equal(kt_drive_handshake(p.client.drive), KT_IO_FAILED);
    assert_failed(&p.client, KT_REASON_ALERT_RECEIVED, 0);
    assert_int_equal(kt_conn_alert_received(kt_drive_conn(p.client.drive)), KT_ALERT_HANDSHAKE_FAILURE);
    pair_close(&p);
}

static void a_hang_up_without_words_is_told_as_such(void **state)
{
    struct pair p;

    (void)state;
    pair_open(&p, &(struct setup){0});
    end_hang_up(&p.server);
    assert_int_equal(kt_drive_handshake(p.client.drive), KT_IO_FAILED);
    assert_failed(&p.client, KT_REASON_TRANSPORT_FAILED, EPIPE);
    pair_close(&p);
}

/* Asks */

static void assert_refused(struct pair *p, enum kt_alert alert)
{
    pthread_t server = start(run_handshake, &p->server);
    char text[512];

    assert_int_equal(kt_drive_handshake(p->client.drive), KT_IO_FAILED);
    assert_int_equal(outcome(server), KT_IO_FAILED);
    assert_failed(&p->client, KT_REASON_CERTIFICATE_UNTRUSTED, 0);
    assert_failed(&p->server, KT_REASON_ALERT_RECEIVED, 0);
    assert_int_equal(kt_conn_alert_received(kt_drive_conn(p->server.drive)), alert);
    kt_drive_explain(p->client.drive, text, sizeof text);
    assert_non_null(strstr(text, "alert=unknown_ca sent"));
    kt_drive_explain(p->server.drive, text, sizeof text);
    assert_non_null(strstr(text, "alert=unknown_ca received"));
}

static void a_refusal_reaches_the_peer(void **state)
{
    struct pair p;

    (void)state;
    pair_open(&p, &(struct setup){.client_manner = BY_REFUSAL});
    assert_refused(&p, KT_ALERT_UNKNOWN_CA);
    pair_close(&p);
}

static void without_trust_nobody_is_trusted(void **state)
{
    struct pair p;

    (void)state;
    pair_open(&p, &(struct setup){.no_answers = true});
    assert_refused(&p, KT_ALERT_UNKNOWN_CA);
    pair_close(&p);
}

static void an_ask_may_be_left_open(void **state)
{
    struct pair p;
    pthread_t server;

    (void)state;
    pair_open(&p, &(struct setup){.client_manner = BY_NOBODY});
    server = start(run_handshake, &p.server);
    assert_int_equal(kt_drive_handshake(p.client.drive), KT_IO_WANT_ANSWER);
    assert_int_equal(kt_drive_handshake(p.client.drive), KT_IO_WANT_ANSWER);
    assert_int_equal(kt_conn_ask(kt_drive_conn(p.client.drive))->kind, KT_ASK_VERIFY);
    assert_null(kt_answer_verified(kt_drive_conn(p.client.drive)));
    assert_int_equal(kt_drive_handshake(p.client.drive), KT_IO_DONE);
    assert_int_equal(outcome(server), KT_IO_DONE);
    pair_close(&p);
}

/* The server asks, and reads until it knows whom it talks to. */
static void ask_who_it_is(struct pair *p)
{
    struct kt_conn *conn = kt_drive_conn(p->server.drive);

    assert_null(kt_conn_request_certificate(conn, KT_CLIENT_AUTH_REQUIRE));
    assert_int_equal(kt_drive_flush(p->server.drive), KT_IO_DONE);
}

static void hear_who_it_is(struct pair *p)
{
    char byte;
    size_t n;

    set_nonblocking(&p->server);
    while (!kt_conn_facts(kt_drive_conn(p->server.drive)).peer_authenticated) {
        assert_int_equal(poll(&(struct pollfd){.fd = p->server.fd, .events = POLLIN}, 1, 10000), 1);
        assert_int_equal(kt_drive_read(p->server.drive, &byte, 1, &n), KT_IO_WANT_READ);
    }
}

static void a_reader_answers_a_request_after_the_handshake(void **state)
{
    struct pair p;
    pthread_t client;

    (void)state;
    open_connected(&p, &(struct setup){.post_auth = true});
    client = start(run_reader, &p.client);
    for (int i = 0; i < 3; i++) {
        ask_who_it_is(&p);
        hear_who_it_is(&p);
    }
    assert_int_equal(kt_drive_close(p.server.drive), KT_IO_DONE);
    assert_int_equal(outcome(client), KT_IO_CLOSED);
    pair_close(&p);
}

static void an_ask_left_open_after_the_handshake_keeps_nothing_from_flowing(void **state)
{
    struct pair p;
    size_t n;
    char byte;

    (void)state;
    open_connected(&p, &(struct setup){.post_auth = true});
    p.client.manner = BY_NOBODY;
    ask_who_it_is(&p);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(kt_drive_write(p.server.drive, "x", 1, &n), KT_IO_DONE);
        assert_int_equal(kt_drive_read(p.client.drive, &byte, 1, &n), KT_IO_DONE);
        assert_int_equal(kt_drive_write(p.client.drive, "y", 1, &n), KT_IO_DONE);
        assert_int_equal(kt_drive_read(p.server.drive, &byte, 1, &n), KT_IO_DONE);
    }
    assert_int_equal(kt_conn_ask(kt_drive_conn(p.client.drive))->kind, KT_ASK_SIGN);
    assert_int_equal(kt_drive_read(p.client.drive, &byte, 1, &n), KT_IO_WANT_ANSWER);
    p.client.manner = BY_TOY;
    set_nonblocking(&p.client);
    assert_int_equal(kt_drive_read(p.client.drive, &byte, 1, &n), KT_IO_WANT_READ);
    hear_who_it_is(&p);
    pair_close(&p);
}

static void what_is_no_descriptor_is_refused(void **state)
{
    struct pair p;
    struct kt_drive *drive = NULL;

    (void)state;
    pair_open(&p, &(struct setup){0});
    assert_int_equal(kt_drive_new(p.client.config, -1, NULL, &drive)->reason, KT_REASON_USAGE_ARGUMENT);
    assert_null(drive);
    kt_drive_free(NULL);
    pair_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_blocking_handshake_and_a_word_each_way),
        cmocka_unit_test(reading_does_the_handshake_first),
        cmocka_unit_test(readers_and_writers_at_both_ends_while_keys_change),
        cmocka_unit_test(a_reader_pays_what_is_owed),
        cmocka_unit_test(a_reader_answers_a_request_after_the_handshake),
        cmocka_unit_test(an_ask_left_open_after_the_handshake_keeps_nothing_from_flowing),
        cmocka_unit_test(time_passes_while_a_reader_waits),
        cmocka_unit_test(what_is_no_socket_works_as_well),
        cmocka_unit_test(no_byte_is_lost_through_a_narrow_pipe),
        cmocka_unit_test(an_idle_connection_holds_no_record_buffer),
        cmocka_unit_test(reading_nothing_is_done_at_once),
        cmocka_unit_test(half_close_leaves_the_other_direction_open),
        cmocka_unit_test(writing_after_close_is_the_callers_fault_alone),
        cmocka_unit_test(an_end_without_close_notify_is_truncation),
        cmocka_unit_test(an_end_in_the_handshake_says_so),
        cmocka_unit_test(a_reset_is_told_with_its_errno),
        cmocka_unit_test(a_write_that_nobody_takes_fails_without_a_signal),
        cmocka_unit_test(a_peer_that_closed_need_not_wait_for_us),
        cmocka_unit_test(the_last_words_of_the_peer_are_heard),
        cmocka_unit_test(a_hang_up_without_words_is_told_as_such),
        cmocka_unit_test(a_refusal_reaches_the_peer),
        cmocka_unit_test(without_trust_nobody_is_trusted),
        cmocka_unit_test(an_ask_may_be_left_open),
        cmocka_unit_test(what_is_no_descriptor_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
