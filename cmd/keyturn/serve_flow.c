/* Sink and source: one direction each, to see what the other can do. */
#include "serve_link.h"

enum { PATTERN = 256 };

/* Byte i of a source is i mod 256, so that the receiver can tell whether one is missing. */
static const uint8_t pattern[] = {
#define ROW(n)                                                                                                         \
    n, n + 1, n + 2, n + 3, n + 4, n + 5, n + 6, n + 7, n + 8, n + 9, n + 10, n + 11, n + 12, n + 13, n + 14, n + 15
#define PAGE                                                                                                           \
    ROW(0), ROW(16), ROW(32), ROW(48), ROW(64), ROW(80), ROW(96), ROW(112), ROW(128), ROW(144), ROW(160), ROW(176),    \
        ROW(192), ROW(208), ROW(224), ROW(240)
#define BOOK PAGE, PAGE, PAGE, PAGE, PAGE, PAGE, PAGE, PAGE
    BOOK, BOOK, BOOK, BOOK, BOOK, BOOK, BOOK, BOOK, PAGE, /* 16 KiB and one turn: any record is one piece */
#undef BOOK
#undef PAGE
#undef ROW
};

static bool flow_open(struct kt_link *link)
{
    (void)link;
    return true;
}

static void flow_close(struct kt_link *link)
{
    (void)link;
}

static bool sink_run(struct kt_link *link)
{
    size_t len;

    if (kt_link_peek(link, &len) != NULL) {
        kt_link_took(link, len);
        return true;
    }
    if (!kt_link_end_sent(link) && (kt_link_ended(link) || (link->stopping && !link->net.readable))) {
        kt_link_finish(link);
        return true;
    }
    return false;
}

static bool source_run(struct kt_link *link)
{
    uint64_t left = link->site->source_bytes - link->sent;
    size_t start = (size_t)(link->sent % PATTERN);
    size_t most = sizeof pattern - PATTERN;

    if (left == 0 || link->stopping) {
        kt_link_finish(link);
        return true;
    }
    return kt_link_send(link, pattern + start, left < most ? (size_t)left : most) > 0;
}

const struct kt_app kt_app_sink = {"sink", 1, flow_open, sink_run, flow_close};
const struct kt_app kt_app_source = {"source", 1, flow_open, source_run, flow_close};
