/*
 * Whole connections as scripts (script.h): two ends with toy crypto, an attacker on the wire, and a world that fails.
 *
 * Whatever happens: what arrives is the beginning of what was accepted, in order; a connection that failed stays failed
 * with the same fault; bytes once shown to the transport do not change; two that are connected agree on everything;
 * nothing leaks. And where neither attacker nor world meddled, nothing fails and every byte arrives.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/toy/toy.h"
#include "fuzz/scene.h"
#include "fuzz/script.h"
#include "wire/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ACTIONS_MAX = 400, COSTLY_MAX = 12, SENT_MAX = 1 << 18, SHOWN = 64 };

struct end {
    size_t sent, received; /* bytes of data accepted from it; bytes that the other's owner got of it */
    const struct kt_fault *fault;
    bool connected;
    uint8_t shown[SHOWN]; /* the beginning of what kt_conn_out showed last */
    size_t shown_len;
    size_t skew; /* on the wire, of what it sent: bytes of a record whose beginning has arrived */
};

static struct scene s;
static struct end ends[2];
static bool meddled;    /* an attacker, the world or an owner gave a reason to fail */
static uint64_t moved;  /* bytes, by whatever way */
static unsigned costly; /* key changes and the like: of these the peer's budget is not for ever */

static enum kt_role other(enum kt_role role)
{
    return role == KT_CLIENT ? KT_SERVER : KT_CLIENT;
}

static struct kt_conn *conn_of(enum kt_role role)
{
    return loop_conn(&s.l, role);
}

/* What `from` sent. */
static struct loop_wire *wire_of(enum kt_role from)
{
    return from == KT_CLIENT ? &s.l.up : &s.l.down;
}

/* ---- what always holds ---- */

static void check_end(enum kt_role role)
{
    const struct kt_conn *conn = conn_of(role);
    const struct kt_fault *fault = kt_conn_fault(conn);
    unsigned status = kt_conn_status(conn);
    struct end *end = &ends[role];

    FUZZ_ASSERT(end->fault == NULL || fault == end->fault);
    FUZZ_ASSERT(!end->connected || kt_conn_is_connected(conn));
    FUZZ_ASSERT((fault != NULL) == ((status & KT_FAILED) != 0));
    FUZZ_ASSERT(((status & KT_CAN_ANSWER) != 0) == (kt_conn_ask(conn) != NULL));
    end->fault = fault;
    end->connected = kt_conn_is_connected(conn);
}

static void check_agreement(void)
{
    struct kt_facts c = kt_conn_facts(s.l.client), d = kt_conn_facts(s.l.server);
    uint8_t ours[32], theirs[32];
    struct kt_span label = {(const uint8_t *)"EXPORTER-fuzz", 13};

    FUZZ_ASSERT(c.version == d.version && c.suite == d.suite && c.group == d.group);
    FUZZ_ASSERT(c.resumed == d.resumed && c.hello_retried == d.hello_retried);
    FUZZ_ASSERT(c.peer_authenticated);
    FUZZ_ASSERT(c.record_limit_sending == d.record_limit_receiving);
    FUZZ_ASSERT(c.record_limit_receiving == d.record_limit_sending);
    FUZZ_ASSERT(c.alpn.len == d.alpn.len && (c.alpn.len == 0 || memcmp(c.alpn.p, d.alpn.p, c.alpn.len) == 0));
    if (kt_conn_export(s.l.client, label, (struct kt_span){NULL, 0}, ours, sizeof ours) == NULL &&
        kt_conn_export(s.l.server, label, (struct kt_span){NULL, 0}, theirs, sizeof theirs) == NULL) {
        FUZZ_ASSERT(memcmp(ours, theirs, sizeof ours) == 0);
    }
}

static void check(void)
{
    check_end(KT_CLIENT);
    check_end(KT_SERVER);
    if (!meddled && (ends[0].fault != NULL || ends[1].fault != NULL)) {
        const struct kt_fault *fault = ends[0].fault != NULL ? ends[0].fault : ends[1].fault;

        (void)fprintf(stderr, "%s and %s\n", ends[0].fault != NULL ? kt_reason_name(ends[0].fault->reason) : "-",
                      ends[1].fault != NULL ? kt_reason_name(ends[1].fault->reason) : "-");
        fuzz_failed("nothing fails where nobody meddled", fault->file, (int)fault->line);
    }
    if (ends[0].connected && ends[1].connected) {
        check_agreement();
    }
}

/* ---- data ---- */

static uint8_t pattern(enum kt_role from, size_t at)
{
    return (uint8_t)(at * 31 + (at >> 8) + (from == KT_SERVER ? 77 : 0));
}

static void make_data(enum kt_role from, uint8_t *out, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = pattern(from, ends[from].sent + i);
    }
}

static void send_data(enum kt_role role, size_t len)
{
    static uint8_t bytes[SENT_MAX];
    size_t taken = 0;

    if (len > SENT_MAX - ends[role].sent) {
        return;
    }
    make_data(role, bytes, len);
    (void)!kt_conn_send(conn_of(role), bytes, len, &taken);
    FUZZ_ASSERT(taken <= len);
    ends[role].sent += taken;
}

static void write_data(enum kt_role role, size_t len)
{
    size_t room;
    uint8_t *lent = kt_conn_write(conn_of(role), &room);

    FUZZ_ASSERT((lent != NULL) == (room > 0));
    if (lent == NULL) {
        return;
    }
    len = len < room ? len : room;
    make_data(role, lent, len);
    if (kt_conn_write_done(conn_of(role), len) == NULL) {
        ends[role].sent += len;
    }
}

/* The owner of `role` takes what the other sent. */
static void receive(enum kt_role role, size_t most)
{
    struct end *from = &ends[other(role)];
    size_t len;
    const uint8_t *bytes = kt_conn_read(conn_of(role), &len);

    FUZZ_ASSERT((bytes != NULL) == (len > 0));
    if (bytes == NULL) {
        return;
    }
    len = most > 0 && most < len ? most : len;
    FUZZ_ASSERT(len <= from->sent - from->received);
    for (size_t i = 0; i < len; i++) {
        FUZZ_ASSERT(bytes[i] == pattern(other(role), from->received + i));
    }
    from->received += len;
    moved += len;
    (void)!kt_conn_read_done(conn_of(role), len);
}

/* ---- the transport ---- */

static void flush(enum kt_role role, size_t most)
{
    struct loop_wire *wire = wire_of(role);
    struct end *end = &ends[role];
    const uint8_t *out;
    size_t len, left = most > 0 ? most : SIZE_MAX;

    while (left > 0 && (out = kt_conn_out(conn_of(role), &len)) != NULL) {
        size_t known = end->shown_len < len ? end->shown_len : len;

        FUZZ_ASSERT(end->shown_len <= len && memcmp(out, end->shown, known) == 0);
        len = len < left ? len : left;
        len = len < LOOP_WIRE - wire->len ? len : LOOP_WIRE - wire->len;
        if (len == 0) {
            return;
        }
        memcpy(wire->bytes + wire->len, out, len);
        wire->len += len;
        moved += len;
        left -= len;
        end->shown_len = 0;
        (void)!kt_conn_out_done(conn_of(role), len);
    }
    out = kt_conn_out(conn_of(role), &len);
    FUZZ_ASSERT((out != NULL) == (len > 0));
    end->shown_len = len < SHOWN ? len : SHOWN;
    if (out != NULL) {
        memcpy(end->shown, out, end->shown_len);
    }
}

/* How much of the record that begins there is on the wire; 0: not even a header. */
static size_t record_at(const struct loop_wire *wire, size_t at)
{
    size_t len;

    if (at + 5 > wire->len) {
        return 0;
    }
    len = 5u + (size_t)(wire->bytes[at + 3] << 8 | wire->bytes[at + 4]);
    return len <= wire->len - at ? len : 0;
}

static void pass_over(struct end *from, const struct loop_wire *wire, size_t n)
{
    size_t at = from->skew;

    while (at < n) {
        size_t len = record_at(wire, at);

        at += len > 0 ? len : n - at;
    }
    from->skew = at - n;
}

static void deliver(enum kt_role from, size_t most)
{
    struct loop_wire *wire = wire_of(from);
    struct kt_conn *to = conn_of(other(from));
    size_t left = most > 0 ? most : SIZE_MAX;
    size_t room;
    uint8_t *in;

    while (left > 0 && wire->len > 0 && (in = kt_conn_in(to, &room)) != NULL) {
        size_t n = wire->len < room ? wire->len : room;

        n = n < left ? n : left;
        pass_over(&ends[from], wire, n);
        memcpy(in, wire->bytes, n);
        memmove(wire->bytes, wire->bytes + n, wire->len - n);
        wire->len -= n;
        moved += n;
        left -= n;
        (void)!kt_conn_in_done(to, n);
    }
}

/* Until nothing moves any more. */
static void run(void)
{
    uint64_t before;
    bool answered;

    do {
        before = moved;
        answered = false;
        for (int i = 0; i < 2; i++) {
            enum kt_role role = (enum kt_role)i;

            flush(role, 0);
            deliver(role, 0);
            receive(other(role), 0);
            answered |= scene_answer(&s, other(role));
        }
    } while (answered || before != moved);
}

/* ---- what an attacker does ---- */

/* The index-th whole record that has not begun to arrive, or the last of them; false: there is none. */
static bool find_record(enum kt_role from, unsigned index, size_t *at, size_t *len)
{
    const struct loop_wire *wire = wire_of(from);
    size_t here = ends[from].skew;
    bool found = false;

    while (here <= wire->len && record_at(wire, here) > 0) {
        *at = here;
        *len = record_at(wire, here);
        here += *len;
        found = true;
        if (index-- == 0) {
            break;
        }
    }
    return found;
}

/* Makes the bytes from `at` on, `gone` of them, into these. */
static void replace(struct loop_wire *wire, size_t at, size_t gone, const uint8_t *bytes, size_t len)
{
    if (wire->len - gone + len > LOOP_WIRE) {
        return;
    }
    memmove(wire->bytes + at + len, wire->bytes + at + gone, wire->len - at - gone);
    if (len > 0) {
        memcpy(wire->bytes + at, bytes, len);
    }
    wire->len = wire->len - gone + len;
}

static void inject(enum kt_role from, uint8_t a, uint8_t b, struct kt_reader *r)
{
    uint8_t record[5 + 255] = {(uint8_t)(20 + (b >> 4)), 3, 3};
    struct kt_span content;
    size_t at = ends[from].skew, len;

    if (!kt_reader_vec8(r, &content) || at > wire_of(from)->len) {
        return;
    }
    (void)find_record(from, a, &at, &len);
    record[4] = (uint8_t)content.len;
    kt_copy(record + 5, content.p, content.len);
    replace(wire_of(from), at, 0, record, 5 + content.len);
}

static void attack(enum kt_role from, uint8_t action, uint8_t a, uint8_t b)
{
    struct loop_wire *wire = wire_of(from);
    static uint8_t copy[LOOP_WIRE];
    size_t at, len;

    if (!find_record(from, a, &at, &len)) {
        return;
    }
    memcpy(copy, wire->bytes + at, len);
    switch (action) {
    case SCRIPT_FLIP:
        wire->bytes[at + b % len] ^= (uint8_t)(1u << (b >> 5));
        break;
    case SCRIPT_DROP:
        replace(wire, at, len, NULL, 0);
        break;
    case SCRIPT_DOUBLE:
        replace(wire, at, 0, copy, len);
        break;
    case SCRIPT_SWAP:
        replace(wire, at, len, NULL, 0);
        replace(wire, at + record_at(wire, at), 0, copy, len);
        break;
    default:
        replace(wire, at + b % len, len - b % len, NULL, 0);
        break;
    }
}

/* ---- what owners do ---- */

static void refuse(enum kt_role role)
{
    if (kt_conn_ask(conn_of(role)) != NULL) {
        meddled = true;
        (void)!kt_answer_refuse(conn_of(role), NULL);
    }
}

static void pass_time(size_t tenths)
{
    s.l.env.now_ms += tenths * 100;
    s.l.env.wall += (int64_t)(tenths / 10);
    meddled = meddled || tenths > 100; /* answers are due, and sessions end */
    (void)!kt_conn_tick(s.l.client);
    (void)!kt_conn_tick(s.l.server);
}

static void forget_ends(void)
{
    memset(ends, 0, sizeof ends);
    costly = 0;
}

static void reconnect(bool resume)
{
    s.l.env.alloc_fail = s.l.env.random_fail = 0;
    kt_toy_fail_at(0);
    loop_hang_up(&s.l);
    s.l.session = resume ? s.kept : NULL;
    FUZZ_ASSERT(loop_connect(&s.l, &s.setup) == NULL);
    forget_ends();
}

/* Closing in the middle of a handshake is a reason for the other to fail. */
static void close_end(enum kt_role role)
{
    meddled = meddled || !ends[0].connected || !ends[1].connected;
    (void)!kt_conn_close(conn_of(role));
}

static void request(enum kt_role role, uint8_t mode)
{
    if (mode % 3 == KT_CLIENT_AUTH_REQUIRE && (s.bytes[1] & SCENE_CLIENT_CREDENTIAL) == 0) {
        meddled = true;
    }
    (void)!kt_conn_request_certificate(conn_of(role), (enum kt_client_auth)(mode % 3));
}

static void look(enum kt_role role)
{
    struct kt_conn *conn = conn_of(role);
    uint8_t binding[64];
    size_t len;

    (void)kt_conn_session_facts(conn);
    (void)kt_conn_epoch(conn, KT_SENDING);
    (void)kt_conn_epoch(conn, KT_RECEIVING);
    (void)kt_conn_half_status(conn, KT_SENDING);
    (void)kt_conn_half_status(conn, KT_RECEIVING);
    (void)kt_conn_pending_rekey(conn);
    (void)kt_conn_deadline(conn);
    (void)kt_conn_alert_received(conn);
    (void)!kt_conn_channel_binding(conn, KT_BINDING_TLS_EXPORTER, binding, sizeof binding, &len);
    (void)!kt_conn_channel_binding(conn, KT_BINDING_SERVER_END_POINT, binding, sizeof binding, &len);
}

/* Whatever is asked, at most one of these answers it; the others change nothing. */
static void misuse(enum kt_role role, uint8_t which)
{
    static const uint8_t bytes[KT_TOY_SIGNATURE_LEN] = {1};
    struct kt_conn *conn = conn_of(role);

    meddled = meddled || kt_conn_ask(conn) != NULL;
    switch (which % 8) {
    case 0:
        (void)!kt_answer_verified(conn);
        break;
    case 1:
        (void)!kt_answer_signature(conn, bytes, sizeof bytes);
        break;
    case 2:
        (void)!kt_answer_resume(conn, (which & 8) != 0);
        break;
    case 3:
        (void)!kt_answer_session(conn, s.kept);
        break;
    case 4:
        (void)!kt_answer_psk(conn, s.psk);
        break;
    case 5:
        (void)!kt_answer_kept(conn, (which & 8) != 0);
        break;
    case 6:
        (void)!kt_answer_config(conn, role == KT_CLIENT ? s.l.client_config : s.l.server_config);
        break;
    default:
        (void)!kt_answer_decrypted(conn, bytes, which);
        break;
    }
}

static bool costs_too_much(void)
{
    return ++costly > COSTLY_MAX;
}

static void act(enum kt_role role, uint8_t action, uint8_t a, uint8_t b, struct kt_reader *r)
{
    size_t n = (size_t)b << 8 | a;

    switch ((enum script_action)action) {
    case SCRIPT_FLUSH:
        flush(role, n);
        return;
    case SCRIPT_DELIVER:
        deliver(role, n);
        return;
    case SCRIPT_ANSWER:
        if ((a & 1) != 0) {
            refuse(role);
        } else {
            (void)scene_answer(&s, role);
        }
        return;
    case SCRIPT_RUN:
        run();
        return;
    case SCRIPT_SEND:
        send_data(role, n);
        return;
    case SCRIPT_WRITE:
        write_data(role, n);
        return;
    case SCRIPT_RECEIVE:
        receive(role, n);
        return;
    case SCRIPT_REKEY:
        if (!costs_too_much()) {
            (void)!kt_conn_rekey(conn_of(role), (a & 1) != 0 ? KT_REKEY_BOTH : KT_REKEY_SEND);
        }
        return;
    case SCRIPT_REQUEST:
        if (!costs_too_much()) {
            request(role, a);
        }
        return;
    case SCRIPT_TICKETS:
        if (!costs_too_much()) {
            (void)!kt_conn_send_tickets(conn_of(role), a % 3);
        }
        return;
    case SCRIPT_CLOSE:
        close_end(role);
        return;
    case SCRIPT_TIME:
        pass_time(n);
        return;
    case SCRIPT_REST:
        kt_conn_rest(conn_of(role), (a & 1) != 0 ? KT_RECEIVING : KT_SENDING);
        return;
    case SCRIPT_RECONNECT:
        reconnect((a & 1) != 0);
        return;
    case SCRIPT_LOOK:
        look(role);
        return;
    case SCRIPT_MISUSE:
        misuse(role, a);
        return;
    case SCRIPT_FLIP:
    case SCRIPT_DROP:
    case SCRIPT_DOUBLE:
    case SCRIPT_SWAP:
    case SCRIPT_CUT:
        meddled = true;
        attack(role, action, a, b);
        return;
    case SCRIPT_INJECT:
        meddled = true;
        inject(role, a, b, r);
        return;
    case SCRIPT_END:
        meddled = true;
        (void)!kt_conn_in_end(conn_of(other(role)));
        return;
    case SCRIPT_NO_MEMORY:
        meddled = true;
        s.l.env.alloc_fail = s.l.env.allocs + a + 1;
        return;
    case SCRIPT_NO_RANDOM:
        meddled = true;
        s.l.env.random_fail = s.l.env.randoms + a + 1;
        return;
    case SCRIPT_NO_CRYPTO:
        meddled = true;
        kt_toy_fail_at(a + 1u);
        return;
    case SCRIPT_ACTIONS:
        return;
    }
}

/* ---- a script ---- */

static void play(struct kt_reader *r)
{
    uint8_t head, a, b;

    for (unsigned i = 0; i < ACTIONS_MAX && kt_reader_u8(r, &head) && kt_reader_u8(r, &a) && kt_reader_u8(r, &b); i++) {
        act((head & 1) != 0 ? KT_SERVER : KT_CLIENT, (uint8_t)((head >> 1) % SCRIPT_ACTIONS), a, b, r);
        check();
    }
}

/* Nobody meddled: everything arrives. */
static void finish(void)
{
    run();
    check();
    if (!meddled) {
        FUZZ_ASSERT(ends[0].connected && ends[1].connected);
        FUZZ_ASSERT(ends[0].received == ends[0].sent && ends[1].received == ends[1].sent);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct kt_reader r;

    if (size < SCENE_BYTES) {
        return 0;
    }
    scene_begin(&s, data);
    loop_open(&s.l, &s.setup);
    s.l.store = s.store;
    s.l.psk = s.psk;
    forget_ends();
    meddled = scene_may_fail(&s);
    r = kt_reader_over(kt_span_of(data + SCENE_BYTES, size - SCENE_BYTES));
    play(&r);
    finish();
    kt_toy_fail_at(0);
    loop_hang_up(&s.l);
    scene_forget(&s);
    loop_close(&s.l);
    scene_end(&s);
    return 0;
}
