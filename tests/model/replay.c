/*
 * replay.c - takes the steps that spin printed of the model, with two real connections, and compares what they say
 * after each one.
 *
 *      replay < STEPS      prints how many traces and steps were taken
 *
 * "trace NAME" begins anew; "step CALL SIDE [KIND] | STATE | STATE" is one step of the model, with the kind of the
 * record that arrived and the states of client and server behind it. The first difference ends the program.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "support/loop.h"

enum {
    BUDGET = 2,             /* as the model says */
    LIMIT = 2,              /* likewise */
    QUEUE = 32,             /* records in the output at once */
    MINUTE = 60000,         /* the time to answer, in milliseconds */
    FLIGHT_TICKET = 60000,  /* a message that does not fit into the output, and does when it was drained once */
    FLIGHT_RECORD = 4096,   /* records of which behind the second part of the flight there is room for data */
    FLIGHT_PIECE_MIN = 100, /* a record that is longer belongs to a flight */
    ALERT_ROOM = 40,        /* an alert fits, a KeyUpdate with an alert behind it does not */
    DATA = 10,
    LINE = 256,
};

/* A record of the model: one of ours, or all that a part of a flight takes. */
struct record {
    const char *kind;
    size_t left; /* bytes that are not out */
};

/* What waits in the output of one side. */
struct output {
    struct record records[QUEUE];
    unsigned count;
    bool flight_begun; /* the next part of a flight is its end */
};

static struct loop l;
static struct output outputs[2];
static char arrived[32]; /* kind of the record that the last step delivered */

/* ---- what is in the output ---- */

static struct record *last_record(struct output *output)
{
    return output->count == 0 ? NULL : &output->records[output->count - 1];
}

static void add_record(struct output *output, const char *kind, size_t len)
{
    assert_true(output->count < QUEUE);
    output->records[output->count++] = (struct record){kind, len};
}

static bool is_flight(const struct record *record)
{
    return record != NULL && strncmp(record->kind, "flight", 6) == 0;
}

static void add_flight_piece(struct output *output, size_t len)
{
    struct record *last = last_record(output);

    if (is_flight(last)) {
        last->left += len;
        return;
    }
    add_record(output, output->flight_begun ? "flight_ends" : "flight_begins", len);
    output->flight_begun = !output->flight_begun;
}

static void note_record(struct output *output, uint8_t type, size_t len)
{
    if (type == KT_CONTENT_DATA) {
        add_record(output, "data", len);
    } else if (type == KT_CONTENT_ALERT) {
        add_record(output, "alert", len);
    } else if (len > FLIGHT_PIECE_MIN) {
        add_flight_piece(output, len);
    } else {
        add_record(output, "update", len);
    }
}

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct output *output = &outputs[conn == l.client ? KT_CLIENT : KT_SERVER];

    (void)user;
    if (notice->direction != KT_SENDING || !kt_conn_is_connected(conn)) {
        return;
    }
    if (notice->kind == KT_NOTICE_RECORD) {
        note_record(output, notice->u.record.type, notice->u.record.wire_len);
    } else if (notice->kind == KT_NOTICE_ALERT) {
        last_record(output)->kind = notice->u.alert.description == KT_ALERT_CLOSE_NOTIFY ? "close_notify" : "fatal";
    } else if (notice->kind == KT_NOTICE_MESSAGE && notice->u.message.type == KT_MSG_KEY_UPDATE) {
        last_record(output)->kind = notice->u.message.body.p[KT_MESSAGE_HEADER] == 1 ? "request" : "update";
    }
}

/* ---- the connections ---- */

static void client_life(struct kt_builder *b)
{
    assert_null(kt_builder_lifetime(b, &(struct kt_lifetime){.receiving = {.max_records = LIMIT},
                                                             .answer_seconds = MINUTE / 1000,
                                                             .peer_budget = BUDGET}));
}

static void server_life(struct kt_builder *b)
{
    assert_null(kt_builder_lifetime(b, &(struct kt_lifetime){.answer_seconds = MINUTE / 1000, .peer_budget = BUDGET}));
}

static void connect_both(void)
{
    memset(outputs, 0, sizeof outputs);
    loop_open(&l, &(struct loop_setup){.client = client_life, .server = server_life, .observer = watch});
    loop_handshake(&l);
    l.server->tx.content_max = FLIGHT_RECORD;
    memset(outputs, 0, sizeof outputs);
}

/* ---- steps: the transport ---- */

static void take_data(struct kt_conn *conn)
{
    const uint8_t *data;
    size_t len;

    while ((data = kt_conn_read(conn, &len)) != NULL) {
        (void)!kt_conn_read_done(conn, len);
    }
}

/* A side that takes nothing more lets it lie. Its fault shows in its state. */
static void deliver(int to, const uint8_t *bytes, size_t len)
{
    struct kt_conn *conn = loop_conn(&l, (enum kt_role)to);
    size_t room;
    uint8_t *in;

    while (len > 0 && (in = kt_conn_in(conn, &room)) != NULL) {
        size_t n = len < room ? len : room;

        memcpy(in, bytes, n);
        (void)!kt_conn_in_done(conn, n);
        take_data(conn);
        bytes += n;
        len -= n;
    }
}

/* Moves at most this much of the first record. */
static void move_bytes(int from, size_t most)
{
    struct kt_conn *conn = loop_conn(&l, (enum kt_role)from);
    struct record *first = &outputs[from].records[0];
    static uint8_t copy[KT_TX_BUFFER];
    size_t len;
    const uint8_t *shown = kt_conn_out(conn, &len);

    assert_non_null(shown);
    len = len < first->left ? len : first->left;
    len = len < most ? len : most;
    assert_true(len > 0);
    memcpy(copy, shown, len); /* in one piece: what it causes comes when it has left */
    assert_null(kt_conn_out_done(conn, len));
    first->left -= len;
    deliver(1 - from, copy, len);
}

static void step_half(int side)
{
    size_t len;

    (void)kt_conn_out(loop_conn(&l, (enum kt_role)side), &len);
    assert_true(outputs[side].count > 0);
    move_bytes(side, outputs[side].records[0].left / 2);
}

/* The last piece of a part of a flight is still open when all before it is out. */
static void step_move(int side)
{
    struct kt_conn *conn = loop_conn(&l, (enum kt_role)side);
    struct output *output = &outputs[side];
    size_t len;

    (void)kt_conn_out(conn, &len);
    if (output->count == 0) {
        return;
    }
    while (output->records[0].left > 0 || (is_flight(&output->records[0]) && conn->tx.open_len > 0)) {
        move_bytes(side, SIZE_MAX);
    }
    snprintf(arrived, sizeof arrived, "%s", output->records[0].kind);
    output->count--;
    memmove(output->records, output->records + 1, output->count * sizeof output->records[0]);
}

/* As if as much had been sent before as leaves no room but for an alert: room comes back when all is drained. */
static void step_fill(int side)
{
    struct kt_tx *tx = &loop_conn(&l, (enum kt_role)side)->tx;
    size_t len = tx->tail - tx->head;

    assert_true(tx->open_len == 0 && len > 0);
    memmove(tx->buffer + KT_TX_BUFFER - ALERT_ROOM - len, tx->buffer + tx->head, len);
    tx->tail = KT_TX_BUFFER - ALERT_ROOM;
    tx->head = tx->tail - len;
}

/* ---- steps: the applications. What a call answers shows in the states. ---- */

static void step_write(int side)
{
    static const uint8_t data[DATA];
    size_t taken;

    (void)!kt_conn_send(loop_conn(&l, (enum kt_role)side), data, sizeof data, &taken);
}

static void step_lend(int side)
{
    size_t len;
    uint8_t *room = kt_conn_write(loop_conn(&l, (enum kt_role)side), &len);

    if (room != NULL) {
        memset(room, 0, DATA);
    }
}

static void step_give_back(int side)
{
    assert_null(kt_conn_write_done(loop_conn(&l, (enum kt_role)side), DATA));
}

static void step_rekey(int side)
{
    assert_null(kt_conn_rekey(loop_conn(&l, (enum kt_role)side), KT_REKEY_SEND));
}

static void step_rekey_both(int side)
{
    assert_null(kt_conn_rekey(loop_conn(&l, (enum kt_role)side), KT_REKEY_BOTH));
}

static void step_close(int side)
{
    (void)!kt_conn_close(loop_conn(&l, (enum kt_role)side));
}

static void step_tick(int side)
{
    size_t len;

    (void)kt_conn_out(loop_conn(&l, (enum kt_role)side), &len);
}

static void step_wait(int side)
{
    (void)side;
    l.env.now_ms += MINUTE;
}

/* A ticket is the longest message that comes after a handshake. */
static void step_leave(int side)
{
    static uint8_t message[FLIGHT_TICKET + 64];
    const struct kt_carrier *carrier = &loop_conn(&l, (enum kt_role)side)->hs.carrier;
    struct kt_writer w = kt_writer_over(message, sizeof message);
    struct kt_flight *flight = NULL;

    kt_put_u8(&w, KT_MSG_NEW_SESSION_TICKET);
    kt_put_u24(&w, 4 + 4 + 1 + 2 + FLIGHT_TICKET + 2);
    kt_put_u32(&w, 60);
    kt_put_u32(&w, 0);
    kt_put_u8(&w, 0);
    kt_put_u16(&w, FLIGHT_TICKET);
    memset(kt_writer_room(&w, FLIGHT_TICKET), 't', FLIGHT_TICKET);
    kt_put_u16(&w, 0);
    assert_true(kt_writer_finish(&w));
    assert_null(carrier->ops->flight_add(carrier->self, &flight, kt_writer_span(&w)));
    carrier->ops->flight_leave(carrier->self, flight);
}

static const struct {
    const char *name;
    void (*take)(int side);
} steps[] = {
    {"write", step_write},           {"lend", step_lend},   {"give-back", step_give_back}, {"rekey", step_rekey},
    {"rekey-both", step_rekey_both}, {"close", step_close}, {"tick", step_tick},           {"wait", step_wait},
    {"leave", step_leave},           {"fill", step_fill},   {"half", step_half},           {"move", step_move},
};

/* ---- comparing ---- */

/* In the order in which the model prints it. */
static void show(int side, char *out, size_t cap)
{
    const struct kt_conn *conn = loop_conn(&l, (enum kt_role)side);
    unsigned bits = kt_link_bits(&conn->link);
    unsigned flights = atomic_load(&conn->link.flights);

    snprintf(out, cap, " | %u %u %d%d%d%d%d%d%d%d %d%d%d%u%d %u %u", (unsigned)conn->tx.epoch.number,
             (unsigned)conn->rx.epoch.number, (bits & KT_LINK_ANSWER) != 0, (bits & KT_LINK_SEND) != 0,
             (bits & KT_LINK_ASK) != 0, (bits & KT_LINK_ASK_DUE) != 0, (bits & KT_LINK_ASKED) != 0,
             (bits & KT_LINK_IN_CLOSED) != 0, (bits & KT_LINK_OUT_CLOSED) != 0, (bits & KT_LINK_SENT) != 0,
             kt_conn_fault(conn) != NULL, conn->close_owed, conn->lent, flights, kt_flight_is_begun(&conn->flights),
             conn->hs.post_messages.left, outputs[side].count);
}

static void take_step(const char *name, int side)
{
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        if (strcmp(steps[i].name, name) == 0) {
            steps[i].take(side);
            return;
        }
    }
    fail_msg("no such step: %s", name);
}

/* spin indents what a process prints: single spaces, none at the ends. */
static void squeeze(char *line)
{
    char *to = line;

    for (const char *from = line; *from != '\0'; from++) {
        bool again = *from == ' ' && (to == line || to[-1] == ' ');

        if (*from != '\n' && !again) {
            *to++ = *from;
        }
    }
    *(to > line && to[-1] == ' ' ? to - 1 : to) = '\0';
}

static void replay_step(const char *trace, unsigned long number, const char *line)
{
    char name[32], now[LINE], client[LINE / 3], server[LINE / 3];
    int side;

    assert_int_equal(sscanf(line, "step %31s %d", name, &side), 2);
    assert_in_range(side, 0, 1);
    arrived[0] = '\0';
    take_step(name, side);
    show(KT_CLIENT, client, sizeof client);
    show(KT_SERVER, server, sizeof server);
    snprintf(now, sizeof now, "step %s %d%s%s%s%s", name, side, arrived[0] == '\0' ? "" : " ", arrived, client, server);
    if (strcmp(now, line) != 0) {
        fail_msg("trace %s, line %lu\nmodel: %s\nours:  %s", trace, number, line, now);
    }
}

static void the_library_moves_as_the_model_does(void **user)
{
    static char line[LINE];
    char trace[32] = "";
    unsigned long traces = 0, taken = 0;

    (void)user;
    for (unsigned long number = 1; fgets(line, sizeof line, stdin) != NULL; number++) {
        squeeze(line);
        if (sscanf(line, "trace %31s", trace) == 1) {
            if (traces++ > 0) {
                loop_close(&l);
            }
            connect_both();
        } else {
            assert_true(traces > 0);
            replay_step(trace, number, line);
            taken++;
        }
    }
    if (traces > 0) {
        loop_close(&l);
    }
    print_message("%lu traces, %lu steps\n", traces, taken);
    assert_true(taken > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_library_moves_as_the_model_does)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
