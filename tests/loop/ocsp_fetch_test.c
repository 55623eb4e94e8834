/* Questions to a responder over real sockets: alone, and while a drive waits for the answer. What a hostile responder
 * may do is tried in tests/interop/test_ocsp.py. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <keyturn/keyturn.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_pki.h"

#define DAY INT64_C(86400)

/* A responder: answers every request with the same bytes, or takes connections and says nothing. */
static struct {
    int listener;
    pthread_t thread;
    struct test_bytes response;
    atomic_bool silent;
    atomic_uint requests;
    sem_t taken;        /* posted for a request that gets no answer ... */
    atomic_int current; /* ... over this connection */
} responder;

static struct test_cert *root, *leaf;
static struct kt_trust *trust;
static struct kt_ocsp *ocsp;
static struct kt_ocsp_job *job;

/* ---- the responder ---- */

/* Reads to the end of the request, whose length its header tells. */
static bool read_request(int fd)
{
    char text[4096];
    size_t len = 0;
    const char *body = NULL;

    while (body == NULL || (size_t)(text + len - body) < strtoul(strstr(text, "Content-Length: ") + 16, NULL, 10)) {
        ssize_t got = recv(fd, text + len, sizeof text - 1 - len, 0);

        if (got <= 0) {
            return false;
        }
        len += (size_t)got;
        text[len] = '\0';
        body = strstr(text, "\r\n\r\n");
        body = body != NULL ? body + 4 : NULL;
    }
    return true;
}

static void answer(int fd)
{
    static const char header[] = "HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\n\r\n";

    (void)!send(fd, header, sizeof header - 1, MSG_NOSIGNAL);
    (void)!send(fd, responder.response.p, responder.response.len, MSG_NOSIGNAL);
}

static void *respond(void *user)
{
    int fd;

    (void)user;
    while ((fd = accept(responder.listener, NULL, NULL)) >= 0) {
        if (read_request(fd)) {
            atomic_fetch_add(&responder.requests, 1);
            if (atomic_load(&responder.silent)) {
                char byte;

                atomic_store(&responder.current, fd);
                sem_post(&responder.taken);
                (void)!recv(fd, &byte, 1, 0); /* until the other side has had enough */
            } else {
                answer(fd);
            }
        }
        close(fd);
    }
    return NULL;
}

/* A port of the loopback; as long as nobody listens on the socket, connections to it are refused. */
static uint16_t bound(int *fd)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t len = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&address, &len), 0);
    return ntohs(address.sin_port);
}

static uint16_t responder_start(void)
{
    uint16_t port = bound(&responder.listener);

    assert_int_equal(listen(responder.listener, 8), 0);
    assert_int_equal(sem_init(&responder.taken, 0, 0), 0);
    assert_int_equal(pthread_create(&responder.thread, NULL, respond, NULL), 0);
    return port;
}

static void responder_says(struct test_ocsp_options o)
{
    test_bytes_free(&responder.response);
    responder.response = test_ocsp(leaf, root, &o);
}

/* ---- before and after ---- */

static struct test_cert *leaf_naming(const char *urls)
{
    return test_cert_new(&(struct test_cert_options){.names = {"localhost"}, .more = {{"authorityInfoAccess", urls}}},
                         root);
}

static int set_up_all(void **state)
{
    const struct test_cert *anchor;
    struct test_bytes pem;
    char url[64];

    (void)state;
    root = test_ca("root");
    (void)snprintf(url, sizeof url, "OCSP;URI:http://127.0.0.1:%u/ocsp", responder_start());
    leaf = leaf_naming(url);
    anchor = root;
    pem = test_pem_certs(&anchor, 1);
    expect_success(kt_trust_new(&trust));
    expect_success(kt_trust_add_pem(trust, test_bytes_span(&pem)));
    test_bytes_free(&pem);
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    shutdown(responder.listener, SHUT_RDWR);
    pthread_join(responder.thread, NULL);
    close(responder.listener);
    sem_destroy(&responder.taken);
    test_bytes_free(&responder.response);
    kt_trust_free(trust);
    test_cert_free(leaf);
    test_cert_free(root);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    ocsp = NULL;
    job = NULL;
    atomic_store(&responder.silent, false);
    atomic_store(&responder.requests, 0);
    responder_says((struct test_ocsp_options){0});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    kt_ocsp_job_free(job);
    kt_ocsp_free(ocsp);
    return 0;
}

static void fetcher(enum kt_ocsp_policy policy)
{
    const struct kt_ocsp_options options = {.policy = policy, .local = true, .timeout_ms = 20000};

    kt_ocsp_free(ocsp);
    expect_success(kt_ocsp_new(&options, &ocsp));
}

static const struct kt_fault *begin_for(const struct test_cert *cert)
{
    static const uint8_t schemes[] = {0x04, 0x03};
    const struct kt_verify how = kt_verify_default();
    struct kt_ask ask = {.kind = KT_ASK_VERIFY};

    ask.u.verify.peer = KT_SERVER;
    ask.u.verify.chain = &cert->der;
    ask.u.verify.chain_len = 1;
    ask.u.verify.server_name = KT_SPAN_TEXT("localhost");
    ask.u.verify.cert_schemes.wire = kt_span_of(schemes, sizeof schemes);
    kt_ocsp_job_free(job);
    job = NULL;
    return kt_ocsp_begin(ocsp, trust, &how, &ask, &job);
}

/* The verdict on a certificate, waited for. */
static const struct kt_fault *verdict_on(const struct test_cert *cert, struct kt_ocsp_report *report)
{
    expect_success(begin_for(cert));
    kt_ocsp_job_wait(job);
    return kt_ocsp_job_verdict(job, report);
}

static void expect_report(const struct kt_ocsp_report *report, enum kt_ocsp_source source, enum kt_reason reason)
{
    assert_int_equal(report->source, source);
    assert_int_equal(report->fault != NULL ? report->fault->reason : KT_REASON_NONE, reason);
}

/* ---- alone ---- */

static void a_good_answer_is_fetched_once(void **state)
{
    struct kt_ocsp_report report;

    (void)state;
    fetcher(KT_OCSP_HARD);
    expect_success(verdict_on(leaf, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_NONE);
    assert_int_equal(report.until, TEST_PKI_UNTIL);
    assert_true(kt_span_same(report.response, test_bytes_span(&responder.response)));
    assert_non_null(strstr(report.url, "http://127.0.0.1:"));
    expect_success(verdict_on(leaf, &report));
    expect_report(&report, KT_OCSP_KEPT, KT_REASON_NONE);
    assert_true(kt_span_same(report.response, test_bytes_span(&responder.response)));
    assert_int_equal(atomic_load(&responder.requests), 1);
}

static void without_a_next_update_nothing_is_kept(void **state)
{
    struct kt_ocsp_report report;

    (void)state;
    responder_says((struct test_ocsp_options){.from = kt_env_linux()->wall_seconds(NULL), .until = -1});
    fetcher(KT_OCSP_HARD);
    expect_success(verdict_on(leaf, &report));
    expect_success(verdict_on(leaf, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_NONE);
    assert_int_equal(atomic_load(&responder.requests), 2);
}

static void revoked_is_refused_and_kept(void **state)
{
    struct kt_ocsp_report report;

    (void)state;
    responder_says((struct test_ocsp_options){.status = TEST_STATUS_REVOKED});
    fetcher(KT_OCSP_SOFT);
    expect_fault(verdict_on(leaf, &report), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    expect_fault(verdict_on(leaf, &report), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    expect_report(&report, KT_OCSP_KEPT, KT_REASON_CERTIFICATE_REVOKED);
    assert_int_equal(atomic_load(&responder.requests), 1);
}

static void what_is_no_answer_is_a_matter_of_policy(void **state)
{
    struct kt_ocsp_report report;

    (void)state;
    responder_says((struct test_ocsp_options){.bad_signature = true});
    fetcher(KT_OCSP_SOFT);
    expect_success(verdict_on(leaf, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_CERTIFICATE_STATUS_SIGNATURE_WRONG);
    assert_int_equal(report.response.len, 0);
    fetcher(KT_OCSP_HARD);
    expect_fault(verdict_on(leaf, &report), CERTIFICATE_STATUS_SIGNATURE_WRONG, CERTIFICATE_UNKNOWN);
    assert_int_equal(atomic_load(&responder.requests), 2); /* and is never kept */
}

static void nobody_is_asked_when_it_is_off(void **state)
{
    struct kt_ocsp_report report;

    (void)state;
    fetcher(KT_OCSP_OFF);
    expect_success(verdict_on(leaf, &report));
    expect_report(&report, KT_OCSP_NOT_ASKED, KT_REASON_NONE);
    assert_int_equal(atomic_load(&responder.requests), 0);
}

static void without_a_responder_there_is_no_answer(void **state)
{
    struct test_cert *silent = test_leaf("localhost", TEST_KEY_P256, root);
    struct kt_ocsp_report report;

    (void)state;
    fetcher(KT_OCSP_SOFT);
    expect_success(verdict_on(silent, &report));
    expect_report(&report, KT_OCSP_NOT_ASKED, KT_REASON_CERTIFICATE_STATUS_NO_RESPONDER);
    fetcher(KT_OCSP_HARD);
    expect_fault(verdict_on(silent, &report), CERTIFICATE_STATUS_NO_RESPONDER, CERTIFICATE_UNKNOWN);
    test_cert_free(silent);
}

/* Neither by its port nor by its address. */
static void a_certificate_does_not_send_us_to_our_own_host(void **state)
{
    const struct kt_ocsp_options options = {.policy = KT_OCSP_HARD};
    struct test_cert *near = leaf_naming("OCSP;URI:http://127.0.0.1/ocsp");
    struct kt_ocsp_report report;

    (void)state;
    expect_success(kt_ocsp_new(&options, &ocsp));
    expect_fault(verdict_on(leaf, &report), CERTIFICATE_STATUS_NO_RESPONDER, CERTIFICATE_UNKNOWN);
    expect_report(&report, KT_OCSP_NOT_ASKED, KT_REASON_CERTIFICATE_STATUS_NO_RESPONDER);
    expect_fault(verdict_on(near, &report), CERTIFICATE_STATUS_NO_RESPONDER, CERTIFICATE_UNKNOWN);
    assert_int_equal(atomic_load(&responder.requests), 0);
    test_cert_free(near);
}

static void the_next_responder_is_asked_where_one_fails(void **state)
{
    struct kt_ocsp_report report;
    struct test_cert *cert;
    struct test_bytes mine;
    char urls[160];
    int deaf;

    (void)state;
    fetcher(KT_OCSP_HARD);
    expect_success(verdict_on(leaf, &report));
    (void)snprintf(urls, sizeof urls, "OCSP;URI:https://127.0.0.1/,OCSP;URI:http://127.0.0.1:%u/,OCSP;URI:%s",
                   bound(&deaf), report.url);
    cert = leaf_naming(urls);
    mine = test_ocsp(cert, root, NULL);
    test_bytes_free(&responder.response);
    responder.response = mine;
    expect_success(verdict_on(cert, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_NONE);
    close(deaf);
    test_cert_free(cert);
}

static void a_bad_chain_asks_nobody(void **state)
{
    struct test_cert *stranger = test_ca("stranger");

    (void)state;
    fetcher(KT_OCSP_HARD);
    expect_fault(begin_for(stranger), CERTIFICATE_SELF_SIGNED, UNKNOWN_CA);
    assert_null(job);
    test_cert_free(stranger);
}

static void a_job_that_is_not_done_has_no_verdict(void **state)
{
    (void)state;
    while (sem_trywait(&responder.taken) == 0) { /* of a test before */
    }
    atomic_store(&responder.silent, true);
    fetcher(KT_OCSP_HARD);
    expect_success(begin_for(leaf));
    assert_false(kt_ocsp_job_done(job));
    expect_fault(kt_ocsp_job_verdict(job, NULL), USAGE_STATE, INTERNAL_ERROR);
    sem_wait(&responder.taken);
    /* and may be given up, fetcher and all, while its thread works */
    kt_ocsp_job_free(job);
    job = NULL;
    kt_ocsp_free(ocsp);
    ocsp = NULL;
    shutdown(atomic_load(&responder.current), SHUT_RDWR);
}

static void time_is_limited(void **state)
{
    const struct kt_ocsp_options options = {.policy = KT_OCSP_SOFT, .local = true, .timeout_ms = 50};
    struct kt_ocsp_report report;

    (void)state;
    atomic_store(&responder.silent, true);
    expect_success(kt_ocsp_new(&options, &ocsp));
    expect_success(verdict_on(leaf, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_CERTIFICATE_STATUS_UNREACHABLE);
    assert_int_equal(report.error, ETIMEDOUT);
}

static void size_is_limited(void **state)
{
    struct kt_ocsp_options options = {.policy = KT_OCSP_HARD, .local = true, .timeout_ms = 20000};
    struct kt_ocsp_report report;

    (void)state;
    options.max_bytes = responder.response.len - 1;
    expect_success(kt_ocsp_new(&options, &ocsp));
    expect_fault(verdict_on(leaf, &report), CERTIFICATE_STATUS_NO_ANSWER, CERTIFICATE_UNKNOWN);
    kt_ocsp_free(ocsp);
    options.max_bytes = responder.response.len;
    expect_success(kt_ocsp_new(&options, &ocsp));
    expect_success(verdict_on(leaf, &report));
}

static void misuse_is_told(void **state)
{
    static const struct kt_ocsp_options bad[] = {
        {.policy = KT_OCSP_HARD + 1}, {.nonce = KT_OCSP_NONCE_REQUIRE + 1},
        {.timeout_ms = 60001},        {.max_bytes = (1 << 20) + 1},
        {.cache_entries = 4097},
    };
    const struct kt_verify how = kt_verify_default();
    struct kt_ask ask = {.kind = KT_ASK_SIGN};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_fault(kt_ocsp_new(&bad[i], &ocsp), USAGE_ARGUMENT, INTERNAL_ERROR);
    }
    expect_fault(kt_ocsp_new(NULL, &ocsp), USAGE_ARGUMENT, INTERNAL_ERROR);
    fetcher(KT_OCSP_HARD);
    expect_fault(kt_ocsp_begin(ocsp, trust, &how, &ask, &job), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_ocsp_begin(NULL, trust, &how, &ask, &job), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_ocsp_begin_own(ocsp, NULL, &job), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_ocsp_begin_own(NULL, NULL, &job), USAGE_ARGUMENT, INTERNAL_ERROR);
    kt_ocsp_free(NULL);
    kt_ocsp_job_free(NULL);
}

/* ---- our own ---- */

static struct kt_credential *credential(void)
{
    const struct test_cert *const certs[] = {leaf, root};
    struct test_bytes chain = test_pem_certs(certs, 2);
    struct test_bytes key = test_pem_key(leaf->key, TEST_FORM_PKCS8, NULL);
    struct kt_credential *made = NULL;

    expect_success(kt_credential_from_pem(kt_env_linux(), test_bytes_span(&chain), test_bytes_span(&key), NULL, &made));
    test_bytes_free(&chain);
    test_bytes_free(&key);
    return made;
}

static void a_response_for_a_staple_is_always_fetched(void **state)
{
    struct kt_credential *own = credential();
    struct kt_credential *stapled = NULL;
    struct kt_ocsp_report report;

    (void)state;
    fetcher(KT_OCSP_OFF);
    for (unsigned i = 1; i <= 2; i++) {
        expect_success(kt_ocsp_begin_own(ocsp, own, &job));
        kt_ocsp_job_wait(job);
        expect_success(kt_ocsp_job_verdict(job, &report));
        expect_report(&report, KT_OCSP_FETCHED, KT_REASON_NONE);
        expect_success(kt_credential_staple(kt_env_linux(), own, report.response, &stapled));
        expect_success(kt_credential_staple_check(stapled, 0));
        kt_credential_unref(stapled);
        kt_ocsp_job_free(job);
        job = NULL;
        assert_int_equal(atomic_load(&responder.requests), i);
    }
    responder_says((struct test_ocsp_options){.status = TEST_STATUS_UNKNOWN});
    expect_success(kt_ocsp_begin_own(ocsp, own, &job));
    kt_ocsp_job_wait(job);
    expect_fault(kt_ocsp_job_verdict(job, &report), CERTIFICATE_STATUS_UNKNOWN, CERTIFICATE_UNKNOWN);
    kt_credential_unref(own);
}

/* ---- in a drive ---- */

static struct pair {
    struct kt_config *client_config, *server_config;
    struct kt_drive *client, *server;
    int fds[2];
} pair;

static struct kt_config *config(enum kt_role role)
{
    struct kt_builder *builder;
    struct kt_config *built = NULL;

    expect_success(kt_builder_new(role, kt_env_linux(), &builder));
    if (role == KT_SERVER) {
        struct kt_credential *own = credential();

        expect_success(kt_builder_credential(builder, own));
        kt_credential_unref(own);
    }
    expect_success(kt_builder_build(builder, &built));
    kt_builder_free(builder);
    return built;
}

static void pair_open(int flags)
{
    const struct kt_drive_options options = {.trust = trust, .ocsp = ocsp, .server_name = KT_SPAN_TEXT("localhost")};

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, pair.fds), 0);
    pair.client_config = config(KT_CLIENT);
    pair.server_config = config(KT_SERVER);
    expect_success(kt_drive_new(pair.client_config, pair.fds[0], &options, &pair.client));
    expect_success(kt_drive_new(pair.server_config, pair.fds[1], NULL, &pair.server));
}

static void pair_close(void)
{
    kt_drive_free(pair.client);
    kt_drive_free(pair.server);
    kt_config_unref(pair.client_config);
    kt_config_unref(pair.server_config);
    close(pair.fds[0]);
    close(pair.fds[1]);
}

static void *serve(void *user)
{
    (void)user;
    return (void *)(uintptr_t)kt_drive_handshake(pair.server);
}

static enum kt_io blocking_handshake(void)
{
    pthread_t thread;
    enum kt_io io;

    pair_open(0);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    io = kt_drive_handshake(pair.client);
    pthread_join(thread, NULL);
    return io;
}

static void a_blocking_handshake_waits_for_the_answer(void **state)
{
    struct kt_ocsp_report report;

    (void)state;
    fetcher(KT_OCSP_HARD);
    assert_int_equal(blocking_handshake(), KT_IO_DONE);
    assert_true(kt_drive_ocsp(pair.client, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_NONE);
    assert_false(kt_drive_ocsp(pair.server, &report));
    assert_int_equal(kt_drive_answer_fd(pair.client), -1);
    pair_close();
}

static void a_revoked_peer_is_told_so(void **state)
{
    (void)state;
    responder_says((struct test_ocsp_options){.status = TEST_STATUS_REVOKED});
    fetcher(KT_OCSP_SOFT);
    assert_int_equal(blocking_handshake(), KT_IO_FAILED);
    expect_fault(kt_drive_fault(pair.client), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    pair_close();
}

static void a_soft_failure_is_reported(void **state)
{
    struct kt_ocsp_report report;

    (void)state;
    responder_says((struct test_ocsp_options){.until = TEST_PKI_FROM + DAY});
    fetcher(KT_OCSP_SOFT);
    assert_int_equal(blocking_handshake(), KT_IO_DONE);
    assert_true(kt_drive_ocsp(pair.client, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_CERTIFICATE_STATUS_EXPIRED);
    pair_close();
    fetcher(KT_OCSP_HARD);
    assert_int_equal(blocking_handshake(), KT_IO_FAILED);
    expect_fault(kt_drive_fault(pair.client), CERTIFICATE_STATUS_EXPIRED, CERTIFICATE_UNKNOWN);
    pair_close();
}

/* One turn of an event loop over both. */
static enum kt_io turn(void)
{
    enum kt_io io = kt_drive_handshake(pair.client);

    (void)kt_drive_handshake(pair.server);
    return io;
}

static void a_nonblocking_handshake_never_waits(void **state)
{
    enum kt_io io = KT_IO_WANT_READ;
    struct pollfd ready = {.events = POLLIN};
    struct kt_ocsp_report report;
    unsigned waited = 0;

    (void)state;
    fetcher(KT_OCSP_HARD);
    pair_open(SOCK_NONBLOCK);
    while (io != KT_IO_DONE) {
        io = turn();
        assert_int_not_equal(io, KT_IO_FAILED);
        if (io == KT_IO_WANT_ANSWER) {
            assert_false(kt_drive_ocsp(pair.client, &report));
            ready.fd = kt_drive_answer_fd(pair.client);
            assert_true(ready.fd >= 0);
            assert_int_equal(poll(&ready, 1, -1), 1);
            waited++;
        }
    }
    assert_true(waited > 0);
    assert_int_equal(atomic_load(&responder.requests), 1);
    assert_true(kt_drive_ocsp(pair.client, &report));
    expect_report(&report, KT_OCSP_FETCHED, KT_REASON_NONE);
    pair_close();
}

static void a_drive_may_be_freed_while_it_asks(void **state)
{
    enum kt_io io = KT_IO_WANT_READ;

    (void)state;
    fetcher(KT_OCSP_HARD);
    pair_open(SOCK_NONBLOCK);
    while (io != KT_IO_WANT_ANSWER && io != KT_IO_DONE) {
        io = turn();
    }
    pair_close();
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_answer_is_fetched_once),
        TEST(without_a_next_update_nothing_is_kept),
        TEST(revoked_is_refused_and_kept),
        TEST(what_is_no_answer_is_a_matter_of_policy),
        TEST(nobody_is_asked_when_it_is_off),
        TEST(without_a_responder_there_is_no_answer),
        TEST(a_certificate_does_not_send_us_to_our_own_host),
        TEST(the_next_responder_is_asked_where_one_fails),
        TEST(a_bad_chain_asks_nobody),
        TEST(time_is_limited),
        TEST(size_is_limited),
        TEST(misuse_is_told),
        TEST(a_response_for_a_staple_is_always_fetched),
        TEST(a_blocking_handshake_waits_for_the_answer),
        TEST(a_revoked_peer_is_told_so),
        TEST(a_soft_failure_is_reported),
        TEST(a_nonblocking_handshake_never_waits),
        TEST(a_drive_may_be_freed_while_it_asks),
        TEST(a_job_that_is_not_done_has_no_verdict),
    };

    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
