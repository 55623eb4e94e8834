/*
 * One reader and one writer thread per side, no lock, both directions full, both sides changing keys all the time, and
 * the server's reader leaving flights.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "registry/registry.h"
#include "support/loop.h"

enum { BYTES = 8 << 20, BLOCK = 4000 };

static struct loop l;
static bool old; /* TLS 1.2: keys change by rehandshakes */
static uint64_t bytes = BYTES;

struct side {
    struct kt_conn *conn;
    int in, out;
    uint8_t salt; /* what it sends */
    uint64_t received;
    bool closed;
    const struct kt_fault *fault; /* first of any call */
    atomic_bool asked;
    atomic_bool asked_twice;
    atomic_uint updates;
    atomic_uint proven; /* answers to requests after the handshake */
    atomic_uint rehandshakes;
    atomic_bool has_all;
};

static struct side sides[2];

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct side *side = &sides[conn == l.client ? KT_CLIENT : KT_SERVER];

    (void)user;
    if (notice->kind == KT_NOTICE_EPOCH && notice->direction == KT_RECEIVING) {
        atomic_store(&side->asked, false);
    }
    if (notice->kind == KT_NOTICE_REHANDSHAKE && notice->u.rehandshake.event == KT_REHANDSHAKE_DONE) {
        atomic_fetch_add(&side->rehandshakes, 1);
    }
    if (notice->kind == KT_NOTICE_POST_AUTH) {
        atomic_fetch_add(&side->proven, 1);
    }
    if (notice->kind != KT_NOTICE_MESSAGE || notice->direction != KT_SENDING ||
        notice->u.message.type != KT_MSG_KEY_UPDATE) {
        return;
    }
    atomic_fetch_add(&side->updates, 1);
    if (notice->u.message.body.p[4] == 1 && atomic_exchange(&side->asked, true)) {
        atomic_store(&side->asked_twice, true);
    }
}

static uint8_t letter(uint8_t salt, uint64_t at)
{
    return (uint8_t)(salt + at * 7 + (at >> 9));
}

static bool write_all(struct side *side)
{
    const uint8_t *out;
    size_t len;

    while ((out = kt_conn_out(side->conn, &len)) != NULL) {
        ssize_t n = write(side->out, out, len < 1500 ? len : 1500);

        if (n <= 0 || kt_conn_out_done(side->conn, (size_t)n) != NULL) {
            return false;
        }
    }
    return true;
}

static void *writer(void *user)
{
    struct side *side = user;
    uint8_t block[BLOCK];
    uint64_t sent = 0;
    bool good = true;

    for (unsigned turn = 0; good && sent < bytes; turn++) {
        size_t want = bytes - sent < BLOCK ? (size_t)(bytes - sent) : BLOCK;
        size_t taken = 0;

        for (size_t i = 0; i < want; i++) {
            block[i] = letter(side->salt, sent + i);
        }
        if (old && turn % 8 == 0) {
            good = kt_conn_rehandshake(side->conn, turn % 3 == 0 ? KT_FULL : KT_RESUME) == NULL;
        } else if (!old && turn % 2 == 0) {
            good = kt_conn_rekey(side->conn, turn % 4 == 0 ? KT_REKEY_BOTH : KT_REKEY_SEND) == NULL;
        }
        good = good && kt_conn_send(side->conn, block, want, &taken) == NULL && write_all(side);
        sent += taken;
        if (taken == 0) {
            sched_yield(); /* held: the reader goes on with the handshake */
        }
        (void)kt_conn_half_status(side->conn, KT_SENDING);
        (void)kt_conn_deadline(side->conn);
        (void)kt_conn_epoch(side->conn, KT_SENDING);
        if (!old) {
            (void)kt_conn_facts(side->conn);
        }
    }
    /* Who closes in the middle of a rehandshake ends the peer's data, too. */
    while (old && good && !atomic_load(&side->has_all) && kt_conn_fault(side->conn) == NULL) {
        good = write_all(side);
        sched_yield();
    }
    good = good && kt_conn_tick(side->conn) == NULL && kt_conn_close(side->conn) == NULL && write_all(side);
    if (!good) {
        side->fault = kt_conn_fault(side->conn);
    }
    (void)shutdown(side->out, SHUT_WR);
    return NULL;
}

static bool check_data(struct side *side)
{
    uint8_t other = sides[side == &sides[0] ? 1 : 0].salt;
    const uint8_t *data;
    size_t len;

    while ((data = kt_conn_read(side->conn, &len)) != NULL) {
        for (size_t i = 0; i < len; i++) {
            if (data[i] != letter(other, side->received + i)) {
                return false;
            }
        }
        side->received += len;
        atomic_store(&side->has_all, side->received == bytes);
        if (kt_conn_read_done(side->conn, len) != NULL) {
            return false;
        }
    }
    return true;
}

/* The server's reader asks for certificates and sends tickets; both readers answer what they are asked. */
static bool authenticate(struct side *side, unsigned turn)
{
    const struct kt_fault *fault = NULL;

    if (!old && side->conn == l.server && turn % 20 == 0 &&
        (kt_conn_half_status(side->conn, KT_RECEIVING) & KT_IN_CLOSED) == 0) {
        fault = kt_conn_request_certificate(side->conn, KT_CLIENT_AUTH_REQUIRE);
    }
    while (loop_answer(&l, side->conn)) {
    }
    /* Our own writer may have closed; requests may be open. */
    return fault == NULL || fault->reason == KT_REASON_USAGE_REQUESTS_OPEN ||
           fault->reason == KT_REASON_USAGE_AFTER_CLOSE;
}

static void *reader(void *user)
{
    struct side *side = user;
    bool good = true;

    for (unsigned turn = 0; good; turn++) {
        size_t room;
        uint8_t *in = kt_conn_in(side->conn, &room);
        ssize_t n = in == NULL ? 0 : read(side->in, in, room < 3000 ? room : 3000);

        if (n <= 0) {
            break;
        }
        good = kt_conn_in_done(side->conn, (size_t)n) == NULL && check_data(side);
        if (turn % 50 == 0 && !old) {
            (void)!kt_conn_rekey(side->conn, KT_REKEY_BOTH); /* may come after the close of our own writer */
        }
        good = good && authenticate(side, turn);
        (void)kt_conn_pending_rekey(side->conn);
        (void)kt_conn_epoch(side->conn, KT_RECEIVING);
        (void)kt_conn_facts(side->conn);
    }
    side->closed = (kt_conn_half_status(side->conn, KT_RECEIVING) & KT_IN_CLOSED) != 0;
    return NULL;
}

static struct kt_lifetime life;

static void offer(struct kt_builder *b)
{
    kt_builder_post_handshake_auth(b, true);
}

static void run_threads(void)
{
    pthread_t threads[4];
    int up[2], down[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, up), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, down), 0);
    sides[KT_CLIENT] = (struct side){.conn = l.client, .in = down[1], .out = up[0], .salt = 1};
    sides[KT_SERVER] = (struct side){.conn = l.server, .in = up[1], .out = down[0], .salt = 2};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, i % 2 == 0 ? reader : writer, &sides[i / 2]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < 2; i++) {
        close(up[i]);
        close(down[i]);
    }
}

static void both_halves_of_both_sides_run_at_once(void **user)
{
    (void)user;
    life = (struct kt_lifetime){
        .sending = {.max_records = 9}, .receiving = {.max_records = 11}, .answer_seconds = 60, .peer_budget = 1000};
    loop_open(&l,
              &(struct loop_setup){.client = offer, .client_credential = true, .lifetime = &life, .observer = watch});
    loop_handshake(&l);
    run_threads();
    for (int i = 0; i < 2; i++) {
        assert_null(kt_conn_fault(sides[i].conn));
        assert_null(sides[i].fault);
        assert_int_equal(sides[i].received, BYTES);
        assert_true(sides[i].closed);
        assert_false(atomic_load(&sides[i].asked_twice));
        assert_true(atomic_load(&sides[i].updates) > 500);
        assert_true(kt_conn_epoch(sides[i].conn, KT_SENDING).number > 500);
    }
    assert_true(atomic_load(&sides[KT_SERVER].proven) > 20);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    loop_close(&l);
}

static void rehandshakes(struct kt_builder *b)
{
    struct kt_rehandshake_policy policy = kt_rehandshake_default();

    policy.peer = KT_REHANDSHAKE_ALLOWED;
    policy.peer_budget = 65535;
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
    assert_null(kt_builder_rehandshake(b, &policy));
}

/* Both writers begin, both readers finish. */
static void rehandshakes_run_through_both_halves(void **user)
{
    (void)user;
    old = true;
    bytes = BYTES / 4;
    life = (struct kt_lifetime){
        .sending = {.max_records = 90}, .receiving = {.max_records = 110}, .answer_seconds = 60, .peer_budget = 1000};
    loop_open(
        &l, &(struct loop_setup){.client = rehandshakes, .server = rehandshakes, .lifetime = &life, .observer = watch});
    loop_handshake(&l);
    run_threads();
    for (int i = 0; i < 2; i++) {
        assert_null(kt_conn_fault(sides[i].conn));
        assert_null(sides[i].fault);
        assert_int_equal(sides[i].received, bytes);
        assert_true(sides[i].closed);
        assert_true(atomic_load(&sides[i].rehandshakes) > 20);
    }
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_halves_of_both_sides_run_at_once),
        cmocka_unit_test(rehandshakes_run_through_both_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
