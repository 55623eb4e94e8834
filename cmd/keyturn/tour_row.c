#include "tour_row.h"

#include <stdio.h>
#include <string.h>

#include "tour_meeting.h"

enum {
    DATA_LINES = 64,
    UPDATE_LINES = 2, /* a request to change keys is read before the second, and answered before its reply */
};

const char *kt_verb_name(enum kt_verb verb)
{
    static const char *const names[] = {"handshake", "data",   "update-send", "update-both", "peer-update",
                                        "close",     "resume", "psk",         "client-auth", "post-auth",
                                        "ocsp",      "limit",  "policy",      "binding"};

    return names[verb];
}

void kt_row_cell_name(const struct kt_row *row, enum kt_verb verb, char *out, size_t cap)
{
    (void)snprintf(out, cap, "%s/%s/%s", row->client->name, row->server->name, kt_verb_name(verb));
}

static bool exchange_times(struct kt_meeting *m, unsigned times)
{
    bool passed = true;

    for (unsigned i = 0; i < times && passed; i++) {
        passed = kt_meeting_exchange(m);
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
static bool try_update(struct kt_meeting *m, struct kt_side *who, bool both)
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

static bool try_handshake(struct kt_meeting *m)
{
    return m->server.peer->start(&m->server, NULL) && kt_meeting_visit(m);
}

static bool try_data(struct kt_meeting *m)
{
    return exchange_times(m, DATA_LINES);
}

static bool try_update_send(struct kt_meeting *m)
{
    return try_update(m, m->ours, false);
}

static bool try_update_both(struct kt_meeting *m)
{
    return try_update(m, m->ours, true);
}

static bool try_peer_update(struct kt_meeting *m)
{
    return try_update(m, m->other, false) && try_update(m, m->other, true);
}

static bool try_close(struct kt_meeting *m)
{
    return m->client.peer->close(&m->client) && m->server.peer->closed(&m->server);
}

static bool (*const tries[KT_VERB_LATER])(struct kt_meeting *m) = {
    try_handshake, try_data, try_update_send, try_update_both, try_peer_update, try_close,
};

/* A verb that is not wanted is not tried, except the handshake, without which there is nothing to try. */
static bool run_cell(struct kt_row *row, struct kt_meeting *m, enum kt_verb verb)
{
    struct kt_cell *cell = &row->cells[verb];
    double began = kt_meeting_now_ms();
    bool passed;

    if ((!cell->wanted && verb != KT_VERB_HANDSHAKE) ||
        (verb == KT_VERB_PEER_UPDATE && m->other->peer->update == NULL)) {
        return true;
    }
    passed = tries[verb](m);
    cell->ms = kt_meeting_now_ms() - began;
    cell->result = passed ? KT_RESULT_PASS : KT_RESULT_FAIL;
    if (!passed) {
        kt_meeting_note(m, cell);
    }
    return passed;
}

/* What could not be tried any more has failed, too: nobody saw it work. */
static void fail_rest(struct kt_row *row, enum kt_verb after)
{
    const struct kt_cell failed = row->cells[after];

    for (unsigned verb = after + 1u; verb < KT_VERB_LATER; verb++) {
        bool applies = verb != KT_VERB_PEER_UPDATE || row->server->update != NULL || row->server->is_ours;

        if (row->cells[verb].wanted && applies) {
            row->cells[verb].result = KT_RESULT_FAIL;
            (void)snprintf(row->cells[verb].note, sizeof row->cells[verb].note, "not reached, %s failed: %.180s",
                           kt_verb_name(after), failed.note);
        }
    }
}

void kt_row_run(struct kt_row *row, const struct kt_place *place)
{
    struct kt_meeting m;

    kt_meeting_begin(&m, row->client, row->server, place);
    for (unsigned verb = 0; verb < KT_VERB_LATER; verb++) {
        if (!run_cell(row, &m, (enum kt_verb)verb)) {
            fail_rest(row, (enum kt_verb)verb);
            break;
        }
    }
    (void)snprintf(row->version, sizeof row->version, "%s", m.ours->version[0] != '\0' ? m.ours->version : "TLSv1.3");
    kt_meeting_end(&m);
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
    struct kt_meeting m;
    bool done;

    kt_meeting_begin(&m, row.client, row.server, place);
    done = try_handshake(&m) && kt_meeting_exchange(&m) && try_update_send(&m) && try_update_both(&m) && try_close(&m);
    print_ladder(m.client.child.err.text);
    if (!done) {
        kt_meeting_note(&m, cell);
        (void)snprintf(note, cap, "%s", cell->note);
    }
    kt_meeting_end(&m);
    return done;
}
