#include "tour_row.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    LINE_DIGITS = 1000,
    DATA_LINES = 64,
    UPDATE_LINES = 2, /* a request to change keys is read before the second, and answered before its reply */
};

/* A connection while it is tried. */
struct meeting {
    struct kt_row *row;
    struct kt_side client, server;
    struct kt_side *ours, *other; /* the same two, by whose they are; where both are ours, ours is the client */
    unsigned lines;               /* sent until now: no two are the same */
};

struct kt_line {
    char text[LINE_DIGITS + 32];
};

const char *kt_verb_name(enum kt_verb verb)
{
    static const char *const names[] = {"handshake", "data", "update-send", "update-both", "peer-update", "close"};

    return names[verb];
}

void kt_row_cell_name(const struct kt_row *row, enum kt_verb verb, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s/%s/%s", row->client->name, row->server->name, kt_verb_name(verb));
}

/* Digits only: no peer takes them for a command. The number makes it unlike every other line. */
static struct kt_line next_line(struct meeting *m)
{
    struct kt_line line;
    unsigned x = ++m->lines;
    int at = snprintf(line.text, sizeof line.text, "%010u", x);

    while (at < LINE_DIGITS) {
        x = x * 1103515245u + 12345u;
        line.text[at++] = (char)('0' + (x >> 16) % 10);
    }
    memcpy(line.text + at, "\n", 2);
    return line;
}

static bool pass_line(struct meeting *m, struct kt_side *from, struct kt_side *to)
{
    struct kt_line line = next_line(m);

    return kt_side_send(from, line.text) && kt_side_receive(to, line.text);
}

/* One line each way, unchanged. */
static bool exchange(struct meeting *m)
{
    if (m->server.peer->echoes) {
        return pass_line(m, &m->client, &m->client);
    }
    return pass_line(m, &m->client, &m->server) && pass_line(m, &m->server, &m->client);
}

static bool exchange_times(struct meeting *m, unsigned times)
{
    bool passed = true;

    for (unsigned i = 0; i < times && passed; i++) {
        passed = exchange(m);
    }
    return passed;
}

static bool advanced(struct kt_side *side, struct kt_epochs before, unsigned long sending, unsigned long receiving)
{
    struct kt_epochs now;

    if (!side->peer->epochs(side, &now)) {
        return false;
    }
    if (now.sending != before.sending + sending || now.receiving != before.receiving + receiving) {
        return kt_side_fail(side, "keys went from %lu/%lu to %lu/%lu (sending/receiving), not by %lu/%lu",
                            before.sending, before.receiving, now.sending, now.receiving, sending, receiving);
    }
    return true;
}

/* `who` changes its key, or both keys. Passes when data moved afterwards and our numbers of epochs are as they must be.
 */
static bool try_update(struct meeting *m, struct kt_side *who, bool both)
{
    struct kt_epochs before, mirror = {0, 0};
    bool by_us = who == m->ours, two_of_ours = m->other->peer->is_ours;

    if (!m->ours->peer->epochs(m->ours, &before) || (two_of_ours && !m->other->peer->epochs(m->other, &mirror))) {
        return false;
    }
    return who->peer->update(who, both) && exchange_times(m, UPDATE_LINES) &&
           advanced(m->ours, before, by_us || both, !by_us || both) &&
           (!two_of_ours || advanced(m->other, mirror, !by_us || both, by_us || both));
}

static bool try_handshake(struct meeting *m)
{
    return m->server.peer->start(&m->server, NULL) && m->client.peer->start(&m->client, &m->server) &&
           m->client.peer->connected(&m->client) && m->server.peer->connected(&m->server);
}

static bool try_data(struct meeting *m)
{
    return exchange_times(m, DATA_LINES);
}

static bool try_update_send(struct meeting *m)
{
    return try_update(m, m->ours, false);
}

static bool try_update_both(struct meeting *m)
{
    return try_update(m, m->ours, true);
}

static bool try_peer_update(struct meeting *m)
{
    return try_update(m, m->other, false) && try_update(m, m->other, true);
}

static bool try_close(struct meeting *m)
{
    return m->client.peer->close(&m->client) && m->server.peer->closed(&m->server);
}

static bool (*const tries[KT_VERB_COUNT])(struct meeting *m) = {
    try_handshake, try_data, try_update_send, try_update_both, try_peer_update, try_close,
};

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void note_failure(struct meeting *m, struct kt_cell *cell)
{
    struct kt_side *side = m->client.wrong[0] != '\0' ? &m->client : &m->server;

    (void)snprintf(cell->note, sizeof cell->note, "%s (%s)", side->wrong, side == &m->client ? "client" : "server");
}

/* A verb that is not wanted is not tried, except the handshake, without which there is nothing to try. */
static bool run_cell(struct meeting *m, enum kt_verb verb)
{
    struct kt_cell *cell = &m->row->cells[verb];
    double began = now_ms();
    bool passed;

    if ((!cell->wanted && verb != KT_VERB_HANDSHAKE) ||
        (verb == KT_VERB_PEER_UPDATE && m->other->peer->update == NULL)) {
        return true;
    }
    passed = tries[verb](m);
    cell->ms = now_ms() - began;
    cell->result = passed ? KT_RESULT_PASS : KT_RESULT_FAIL;
    if (!passed) {
        note_failure(m, cell);
    }
    return passed;
}

/* What could not be tried any more has failed, too: nobody saw it work. */
static void fail_rest(struct kt_row *row, enum kt_verb after)
{
    const struct kt_cell failed = row->cells[after];

    for (unsigned verb = after + 1u; verb < KT_VERB_COUNT; verb++) {
        bool applies = verb != KT_VERB_PEER_UPDATE || row->server->update != NULL || row->server->is_ours;

        if (row->cells[verb].wanted && applies) {
            row->cells[verb].result = KT_RESULT_FAIL;
            (void)snprintf(row->cells[verb].note, sizeof row->cells[verb].note, "not reached, %s failed: %.180s",
                           kt_verb_name(after), failed.note);
        }
    }
}

static void prepare(struct meeting *m, struct kt_row *row, const struct kt_place *place)
{
    *m = (struct meeting){
        .row = row,
        .client = {.peer = row->client, .place = place, .child = KT_CHILD_NONE},
        .server = {.peer = row->server, .place = place, .child = KT_CHILD_NONE},
    };
    m->client.child.along = &m->server.child;
    m->server.child.along = &m->client.child;
    m->ours = row->client->is_ours ? &m->client : &m->server;
    m->other = row->client->is_ours ? &m->server : &m->client;
}

void kt_row_run(struct kt_row *row, const struct kt_place *place)
{
    struct meeting m;

    prepare(&m, row, place);
    for (unsigned verb = 0; verb < KT_VERB_COUNT; verb++) {
        if (!run_cell(&m, (enum kt_verb)verb)) {
            fail_rest(row, (enum kt_verb)verb);
            break;
        }
    }
    (void)snprintf(row->version, sizeof row->version, "%s", m.ours->version[0] != '\0' ? m.ours->version : "TLSv1.3");
    kt_side_stop(&m.client);
    kt_side_stop(&m.server);
}

static void print_ladder(const char *text)
{
    while (text != NULL && *text != '\0') {
        size_t len = strcspn(text, "\n");

        if (strncmp(text, "keyturn:", 8) != 0) {
            printf("%.*s\n", (int)len, text);
        }
        text += len + (text[len] == '\n');
    }
}

bool kt_row_ladder(const struct kt_place *place, char *note, size_t cap)
{
    struct kt_row row = {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_keyturn};
    struct kt_cell *cell = &row.cells[KT_VERB_HANDSHAKE];
    struct meeting m;
    bool done;

    prepare(&m, &row, place);
    done = try_handshake(&m) && exchange(&m) && try_update_send(&m) && try_update_both(&m) && try_close(&m);
    print_ladder(m.client.child.err.text);
    if (!done) {
        note_failure(&m, cell);
        (void)snprintf(note, cap, "%s", cell->note);
    }
    kt_side_stop(&m.client);
    kt_side_stop(&m.server);
    return done;
}
