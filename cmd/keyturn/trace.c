#include "trace.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The ladder has us on the left and the peer on the right:
 *
 *      0.412  |-- ClientHello 214 --------------------------------->|
 *      1.033  |<---------------------------------- ServerHello 90 --|
 *      1.034  |== receiving key 0: initial =========================|
 */
enum { LADDER = 56, EXTENSIONS = 40, TRACE_LINE = 4096 };

struct kt_trace {
    int fd;
    enum kt_trace_form form;
    uint64_t began_us;
    uint64_t (*id)(const struct kt_conn *conn);
};

/* A line in the making. What does not fit is cut off: it is for reading, not for acting on. */
struct line {
    char text[TRACE_LINE];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
    size_t room = sizeof line->text - line->len - 1; /* 1 for the newline */
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(line->text + line->len, room, format, args);
    va_end(args);
    if (len > 0) {
        line->len += (size_t)len < room ? (size_t)len : room - 1;
    }
}

static void write_line(const struct kt_trace *trace, struct line *line)
{
    ssize_t written;

    line->text[line->len++] = '\n';
    written = write(trace->fd, line->text, line->len);
    (void)written; /* a trace that cannot be written must not stop the connection */
}

/* Names of things */

const char *kt_trace_message_name(uint8_t type, struct kt_span message, char spare[16])
{
    const char *name = kt_message_is_retry(message) ? "HelloRetryRequest" : kt_message_name(type);

    if (name == NULL) {
        (void)snprintf(spare, 16, "message %u", type);
        return spare;
    }
    return name;
}

static const char *extension_name(uint16_t number, char spare[16])
{
    const char *name = kt_extension_name(number);

    if (name == NULL) {
        (void)snprintf(spare, 16, "ext %u", number);
        return spare;
    }
    return name;
}

static const char *content_name(uint8_t type)
{
    switch (type) {
    case 20:
        return "change_cipher_spec";
    case 21:
        return "alert";
    case 22:
        return "handshake";
    case 23:
        return "application_data";
    default:
        return "unknown";
    }
}

static const char *direction_name(enum kt_direction direction)
{
    return direction == KT_SENDING ? "sent" : "received";
}

static const char *truth(bool is)
{
    return is ? "true" : "false";
}

/* Names that may come from the peer: nothing that ends a JSON string or that a terminal acts on. */
static const char *harmless(struct kt_span name, char out[256])
{
    size_t len = name.len < 255 ? name.len : 255;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = name.p[i];

        out[i] = (char)(c > ' ' && c < 0x7f && c != '"' && c != '\\' ? c : '?');
    }
    out[len] = '\0';
    return out;
}

static uint16_t scheme_of(const struct kt_facts *facts)
{
    return facts->role == KT_CLIENT ? facts->peer_scheme : facts->own_scheme;
}

/* JSON lines */

static void json_record(struct line *line, const struct kt_notice *n)
{
    add(line,
        ",\"direction\":\"%s\",\"type\":\"%s\",\"protected\":%s,\"wire\":%zu,\"content\":%zu,\"epoch\":"
        "%" PRIu64,
        direction_name(n->direction), content_name(n->u.record.type), n->u.record.is_protected ? "true" : "false",
        n->u.record.wire_len, n->u.record.content_len, n->u.record.epoch);
}

/* All of EXTENSIONS have room in a line, so that it is never cut. */
static void json_message(struct line *line, const struct kt_notice *n)
{
    struct kt_extension_info extensions[EXTENSIONS];
    struct kt_span message = n->u.message.body;
    size_t count = kt_message_extensions(message, extensions, EXTENSIONS);
    char spare[16];

    add(line, ",\"direction\":\"%s\",\"name\":\"%s\",\"len\":%zu", direction_name(n->direction),
        kt_trace_message_name(n->u.message.type, message, spare), message.len);
    for (size_t i = 0; i < count && i < EXTENSIONS; i++) {
        add(line, "%s{\"name\":\"%s\",\"len\":%u}", i == 0 ? ",\"extensions\":[" : ",",
            extension_name(extensions[i].number, spare), extensions[i].len);
    }
    add(line, count > 0 ? "]" : "");
}

static void json_connected(struct line *line, const struct kt_facts *facts)
{
    char alpn[256];
    char sni[256];

    add(line, ",\"version\":\"%s\",\"suite\":\"%s\",\"group\":\"%s\",\"scheme\":\"%s\"",
        kt_version_name(facts->version), kt_suite_name(facts->suite), kt_group_name(facts->group),
        kt_scheme_name(scheme_of(facts)));
    add(line, ",\"alpn\":\"%s\",\"sni\":\"%s\",\"retried\":%s,\"resumed\":%s,\"authenticated\":%s",
        harmless(facts->alpn, alpn), harmless(facts->server_name, sni), truth(facts->hello_retried),
        truth(facts->resumed), truth(facts->peer_authenticated));
    add(line, ",\"limit_sent\":%u,\"limit_received\":%u", facts->record_limit_sending, facts->record_limit_receiving);
}

static const char *rehandshake_outcome(const struct kt_notice *n)
{
    switch (n->u.rehandshake.event) {
    case KT_REHANDSHAKE_BEGUN:
        return "begun";
    case KT_REHANDSHAKE_DONE:
        return n->u.rehandshake.resumed ? "resumed" : "full";
    case KT_REHANDSHAKE_DENIED:
        return "denied";
    case KT_REHANDSHAKE_REFUSED_BY_PEER:
        return "refused";
    }
    return "?";
}

/* The members that are the event's own. False for an event that is not drawn: secrets are for the key log. */
static bool json_event(struct line *line, const struct kt_facts *facts, const struct kt_notice *n)
{
    const char *direction = direction_name(n->direction);

    switch (n->kind) {
    case KT_NOTICE_STATE:
        add(line, "\"state\",\"from\":\"%s\",\"to\":\"%s\"", n->u.state.from, n->u.state.to);
        return true;
    case KT_NOTICE_MESSAGE:
        add(line, "\"message\"");
        json_message(line, n);
        return true;
    case KT_NOTICE_RECORD:
        add(line, "\"record\"");
        json_record(line, n);
        return true;
    case KT_NOTICE_ALERT:
        add(line, "\"alert\",\"direction\":\"%s\",\"level\":\"%s\",\"name\":\"%s\"", direction,
            n->u.alert.level == 1 ? "warning" : "fatal", kt_alert_name(n->u.alert.description));
        return true;
    case KT_NOTICE_EPOCH:
        add(line, "\"epoch\",\"direction\":\"%s\",\"number\":%" PRIu64 ",\"birth\":\"%s\"", direction,
            n->u.epoch.number, kt_birth_name(n->u.epoch.birth));
        return true;
    case KT_NOTICE_CONNECTED:
        add(line, "\"connected\"");
        json_connected(line, facts);
        return true;
    case KT_NOTICE_SESSION:
        add(line, "\"session\",\"seconds\":%lld",
            (long long)(kt_session_facts(n->u.session).expires_at - kt_session_facts(n->u.session).issued_at));
        return true;
    case KT_NOTICE_POST_AUTH:
        add(line, "\"post-auth\",\"direction\":\"%s\",\"certificates\":%zu", direction, n->u.post_auth.chain_len);
        return true;
    case KT_NOTICE_REHANDSHAKE:
        add(line, "\"rehandshake\",\"own\":%s,\"outcome\":\"%s\"", truth(n->direction == KT_SENDING),
            rehandshake_outcome(n));
        return true;
    case KT_NOTICE_SECRET:
        break;
    }
    return false;
}

static void draw_json(const struct kt_trace *trace, const struct kt_facts *facts, uint64_t id, uint64_t us,
                      const struct kt_notice *notice)
{
    struct line line = {.len = 0};

    add(&line, "{\"ms\":%" PRIu64 ".%03u,", us / 1000, (unsigned)(us % 1000));
    if (id != 0) {
        add(&line, "\"id\":%" PRIu64 ",", id);
    }
    add(&line, "\"side\":\"%s\",\"event\":", facts->role == KT_CLIENT ? "client" : "server");
    if (json_event(&line, facts, notice)) {
        add(&line, "}");
        write_line(trace, &line);
    }
}

/* The ladder */

/* How a rung looks: what it is filled with, whether it has a head, and its colour (SGR). */
struct rung {
    char fill;
    bool arrow;
    const char *colour;
    char label[LADDER];
};

static void rung_of_record(struct rung *rung, const struct kt_notice *n)
{
    rung->fill = '.';
    rung->colour = "2";
    (void)snprintf(rung->label, sizeof rung->label, "%s %zu, %s record %zu", content_name(n->u.record.type),
                   n->u.record.content_len, n->u.record.is_protected ? "protected" : "plain", n->u.record.wire_len);
}

static void rung_of_message(struct rung *rung, const struct kt_notice *n)
{
    char spare[16];

    rung->colour = n->direction == KT_SENDING ? "32" : "36";
    (void)snprintf(rung->label, sizeof rung->label, "%s %zu",
                   kt_trace_message_name(n->u.message.type, n->u.message.body, spare), n->u.message.body.len);
}

static void rung_of_epoch(struct rung *rung, const struct kt_notice *n)
{
    rung->fill = '=';
    rung->arrow = false;
    rung->colour = "1;33";
    (void)snprintf(rung->label, sizeof rung->label, "%s key %" PRIu64 ": %s",
                   n->direction == KT_SENDING ? "sending" : "receiving", n->u.epoch.number,
                   kt_birth_name(n->u.epoch.birth));
}

static void rung_of_connected(struct rung *rung, const struct kt_facts *facts)
{
    rung->fill = '=';
    rung->arrow = false;
    rung->colour = "1;32";
    (void)snprintf(rung->label, sizeof rung->label, "%s %s", facts->resumed ? "resumed" : "connected",
                   kt_version_name(facts->version));
}

static const char *post_auth_outcome(const struct kt_notice *n)
{
    if (n->u.post_auth.chain_len == 0) {
        return "no certificate to show";
    }
    return n->direction == KT_SENDING ? "certificate shown" : "certificate accepted";
}

static void rung_of_post_auth(struct rung *rung, const struct kt_notice *n)
{
    rung->fill = '=';
    rung->arrow = false;
    rung->colour = "1;32";
    (void)snprintf(rung->label, sizeof rung->label, "%s", post_auth_outcome(n));
}

static void rung_of_rehandshake(struct rung *rung, const struct kt_notice *n)
{
    rung->fill = '=';
    rung->arrow = false;
    rung->colour = "1;32";
    (void)snprintf(rung->label, sizeof rung->label, "rehandshake: %s", rehandshake_outcome(n));
}

/* False for events the ladder leaves out: secrets, and moves of the machine, which the messages show as well.
 */
static bool rung_of(struct rung *rung, const struct kt_facts *facts, const struct kt_notice *n)
{
    *rung = (struct rung){.fill = '-', .arrow = true};
    switch (n->kind) {
    case KT_NOTICE_MESSAGE:
        rung_of_message(rung, n);
        return true;
    case KT_NOTICE_RECORD:
        rung_of_record(rung, n);
        return true;
    case KT_NOTICE_ALERT:
        rung->fill = '!';
        rung->colour = "1;31";
        (void)snprintf(rung->label, sizeof rung->label, "alert %s", kt_alert_name(n->u.alert.description));
        return true;
    case KT_NOTICE_EPOCH:
        rung_of_epoch(rung, n);
        return true;
    case KT_NOTICE_CONNECTED:
        rung_of_connected(rung, facts);
        return true;
    case KT_NOTICE_POST_AUTH:
        rung_of_post_auth(rung, n);
        return true;
    case KT_NOTICE_REHANDSHAKE:
        rung_of_rehandshake(rung, n);
        return true;
    case KT_NOTICE_STATE:
    case KT_NOTICE_SECRET:
    case KT_NOTICE_SESSION: /* the message that brought it is drawn */
        break;
    }
    return false;
}

/* "|-- label ----->|", or "|<----- label --|" for what comes, always as wide. */
static void add_rung(struct line *line, const struct rung *rung, bool comes)
{
    char bar[LADDER + 1];
    size_t label = strlen(rung->label);
    size_t at = comes ? LADDER - 3 - label : 3;

    memset(bar, rung->fill, LADDER);
    bar[LADDER] = '\0';
    bar[at - 1] = ' ';
    memcpy(bar + at, rung->label, label);
    bar[at + label] = ' ';
    if (rung->arrow) {
        bar[comes ? 0 : LADDER - 1] = comes ? '<' : '>';
    }
    add(line, "|%s|", bar);
}

static void begin_line(struct line *line, uint64_t id)
{
    line->len = 0;
    if (id != 0) {
        add(line, "[%" PRIu64 "] ", id);
    }
}

/* Below a message, on the side that its name is on: between the posts, without a time. */
static void draw_words(const struct kt_trace *trace, uint64_t id, const char *words, bool comes)
{
    const int room = LADDER - 6;
    struct line line;

    begin_line(&line, id);
    add(&line, "            |   %*s   |", comes ? room : -room, words);
    write_line(trace, &line);
}

/* As many to a line as fit. */
static void draw_extensions(const struct kt_trace *trace, uint64_t id, const struct kt_notice *notice)
{
    struct kt_extension_info extensions[EXTENSIONS];
    size_t count = kt_message_extensions(notice->u.message.body, extensions, EXTENSIONS);
    bool comes = notice->direction == KT_RECEIVING;
    char words[LADDER] = "";
    char spare[16];

    for (size_t i = 0; i < count && i < EXTENSIONS; i++) {
        char word[LADDER];
        int len = snprintf(word, sizeof word, "%s %u%s", extension_name(extensions[i].number, spare), extensions[i].len,
                           i + 1 < count ? ", " : "");

        if (words[0] != '\0' && strlen(words) + (size_t)len > LADDER - 6) {
            draw_words(trace, id, words, comes);
            words[0] = '\0';
        }
        (void)snprintf(words + strlen(words), sizeof words - strlen(words), "%s", word);
    }
    if (words[0] != '\0') {
        draw_words(trace, id, words, comes);
    }
}

/* The longest names of suites fill a line. */
static void draw_choice(const struct kt_trace *trace, uint64_t id, const struct kt_facts *facts)
{
    draw_words(trace, id, kt_suite_name(facts->suite), false);
    if (facts->group != 0) {
        draw_words(trace, id, kt_group_name(facts->group), false);
    }
}

static void draw_ladder(const struct kt_trace *trace, const struct kt_facts *facts, uint64_t id, uint64_t us,
                        const struct kt_notice *notice)
{
    bool colour = trace->form == KT_TRACE_COLOR;
    struct line line;
    struct rung rung;

    if (!rung_of(&rung, facts, notice)) {
        return;
    }
    rung.label[LADDER - 8] = '\0'; /* leaves the bar a piece at each side */
    begin_line(&line, id);
    add(&line, "%6" PRIu64 ".%03u  ", us / 1000, (unsigned)(us % 1000));
    if (colour) {
        add(&line, "\033[%sm", rung.colour);
    }
    add_rung(&line, &rung, rung.arrow && notice->direction == KT_RECEIVING);
    if (colour) {
        add(&line, "\033[0m");
    }
    write_line(trace, &line);
    if (notice->kind == KT_NOTICE_MESSAGE) {
        draw_extensions(trace, id, notice);
    } else if (notice->kind == KT_NOTICE_CONNECTED) {
        draw_choice(trace, id, facts);
    }
}

struct kt_trace *kt_trace_new(int fd, enum kt_trace_form form)
{
    struct kt_trace *trace = calloc(1, sizeof *trace);

    if (trace != NULL) {
        trace->fd = fd;
        trace->form = form != KT_TRACE_AUTO ? form : isatty(fd) ? KT_TRACE_COLOR : KT_TRACE_TEXT;
        trace->began_us = kt_clock_us();
    }
    return trace;
}

void kt_trace_free(struct kt_trace *trace)
{
    free(trace);
}

void kt_trace_identify(struct kt_trace *trace, uint64_t (*id)(const struct kt_conn *conn))
{
    trace->id = id;
}

void kt_trace_draw(struct kt_trace *trace, const struct kt_facts *facts, uint64_t id, uint64_t us,
                   const struct kt_notice *notice)
{
    if (trace->form == KT_TRACE_JSON) {
        draw_json(trace, facts, id, us, notice);
    } else if (trace->form != KT_TRACE_NONE) {
        draw_ladder(trace, facts, id, us, notice);
    }
}

void kt_trace_notice(struct kt_trace *trace, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct kt_facts facts = kt_conn_facts(conn);
    uint64_t id = trace->id != NULL ? trace->id(conn) : 0;

    kt_trace_draw(trace, &facts, id, kt_clock_us() - trace->began_us, notice);
}
