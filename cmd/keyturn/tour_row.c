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
    (void)snprintf(out, cap, "%s/%s/%s%s", row->client->name, row->server->name, row->tls12 ? "tls12/" : "",
                   kt_verb_name(verb));
}

const char *kt_row_version(const struct kt_row *row)
{
    return row->tls12 ? "TLSv1.2" : "TLSv1.3";
}

/* There is no KeyUpdate below TLS 1.3, and gnutls-serv has no command for it. */
bool kt_row_applies(const struct kt_row *row, enum kt_verb verb)
{
    bool is_update = verb == KT_VERB_UPDATE_SEND || verb == KT_VERB_UPDATE_BOTH || verb == KT_VERB_PEER_UPDATE;

    return !(row->tls12 && is_update) &&
           (verb != KT_VERB_PEER_UPDATE || row->server->is_ours || row->server->update != NULL);
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

    if ((!cell->wanted && verb != KT_VERB_HANDSHAKE) || !kt_row_applies(row, verb)) {
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
        if (row->cells[verb].wanted && kt_row_applies(row, (enum kt_verb)verb)) {
            row->cells[verb].result = KT_RESULT_FAIL;
            (void)snprintf(row->cells[verb].note, sizeof row->cells[verb].note, "not reached, %s failed: %.180s",
                           kt_verb_name(after), failed.note);
        }
    }
}

void kt_row_run(struct kt_row *row, const struct kt_place *place)
{
    struct kt_meeting m;

    kt_meeting_begin(&m, row, place);
    for (unsigned verb = 0; verb < KT_VERB_LATER; verb++) {
        if (!run_cell(row, &m, (enum kt_verb)verb)) {
            fail_rest(row, (enum kt_verb)verb);
            break;
        }
    }
    (void)snprintf(row->version, sizeof row->version, "%s",
                   m.ours->version[0] != '\0' ? m.ours->version : kt_row_version(row));
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

static bool end_ladder(struct kt_meeting *m, bool done, char *note, size_t cap)
{
    struct kt_cell cell;

    if (!done) {
        kt_meeting_note(m, &cell);
        (void)snprintf(note, cap, "%s", cell.note);
    }
    kt_meeting_end(m);
    return done;
}

bool kt_row_ladder(const struct kt_place *place, char *note, size_t cap)
{
    const struct kt_row row = {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_keyturn};
    struct kt_meeting m;
    bool done;

    kt_meeting_begin(&m, &row, place);
    done = try_handshake(&m) && kt_meeting_exchange(&m) && try_update_send(&m) && try_update_both(&m) && try_close(&m);
    print_ladder(m.client.child.err.text);
    return end_ladder(&m, done, note, cap);
}

/* One visit, drawn whether it comes to its end or not. */
static bool draw_visit(struct kt_meeting *m)
{
    bool done = kt_meeting_visit(m) && kt_meeting_exchange(m) && m->client.peer->close(&m->client);

    print_ladder(m->client.child.err.text);
    kt_side_stop(&m->client);
    return done;
}

bool kt_row_ladder12(const struct kt_place *place, char *note, size_t cap)
{
    static const struct kt_words keeps = {{"--session", "@session"}};
    const struct kt_row row = {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_keyturn, .tls12 = true};
    struct kt_meeting m;
    bool done;

    kt_meeting_begin(&m, &row, place);
    m.client.more = &keeps;
    done = m.server.peer->start(&m.server, NULL) && draw_visit(&m);
    printf("\n");
    done = done && draw_visit(&m);
    kt_meeting_forget(place);
    return end_ladder(&m, done, note, cap);
}
