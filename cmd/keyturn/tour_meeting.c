#include "tour_meeting.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_DIGITS = 1000 };

struct kt_line {
    char text[LINE_DIGITS + 32];
};

double kt_meeting_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

void kt_meeting_begin(struct kt_meeting *m, const struct kt_row *row, const struct kt_place *place)
{
    bool client_is_ours = row->client->is_ours;

    *m = (struct kt_meeting){
        .client = {.peer = row->client, .place = place, .child = KT_CHILD_NONE, .tls12 = row->tls12},
        .server = {.peer = row->server, .place = place, .child = KT_CHILD_NONE, .tls12 = row->tls12},
    };
    m->client.child.along = &m->server.child;
    m->server.child.along = &m->client.child;
    m->ours = client_is_ours ? &m->client : &m->server;
    m->other = client_is_ours ? &m->server : &m->client;
}

void kt_meeting_end(struct kt_meeting *m)
{
    kt_side_stop(&m->client);
    kt_side_stop(&m->server);
}

bool kt_meeting_visit(struct kt_meeting *m)
{
    return m->client.peer->start(&m->client, &m->server) && m->client.peer->connected(&m->client) &&
           m->server.peer->connected(&m->server);
}

void kt_meeting_forget(const struct kt_place *place)
{
    struct kt_path path = kt_place_path(place, "session");

    (void)remove(path.text);
}

/* Digits only: no peer takes them for a command. The number makes it unlike every other line. */
static struct kt_line next_line(struct kt_meeting *m)
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

static bool pass_line(struct kt_meeting *m, struct kt_side *from, struct kt_side *to)
{
    struct kt_line line = next_line(m);

    return kt_side_send(from, line.text) && kt_side_receive(to, line.text);
}

bool kt_meeting_exchange(struct kt_meeting *m)
{
    if (m->server.peer->echoes) {
        return pass_line(m, &m->client, &m->client);
    }
    return pass_line(m, &m->client, &m->server) && pass_line(m, &m->server, &m->client);
}

void kt_meeting_note(const struct kt_meeting *m, struct kt_cell *cell)
{
    const struct kt_side *side = m->client.wrong[0] != '\0' ? &m->client : &m->server;

    (void)snprintf(cell->note, sizeof cell->note, "%s (%s)", side->wrong, side == &m->client ? "client" : "server");
}
