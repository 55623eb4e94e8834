/* Echo: what comes goes back, at the pace at which the client takes it. */
#include "serve_link.h"

static bool echo_open(struct kt_link *link)
{
    (void)link;
    return true;
}

static bool pass_on(struct kt_link *link)
{
    size_t len, taken;
    const uint8_t *data = kt_link_peek(link, &len);

    if (data == NULL) {
        return false;
    }
    taken = kt_link_send(link, data, len);
    kt_link_took(link, taken);
    return taken > 0;
}

static bool echo_run(struct kt_link *link)
{
    bool moved = pass_on(link);

    if (kt_link_ended(link) && !kt_link_end_sent(link)) {
        kt_link_end(link);
        return true;
    }
    if (!moved && link->stopping && !link->net.readable) {
        kt_link_finish(link);
        return true;
    }
    return moved;
}

static void echo_close(struct kt_link *link)
{
    (void)link;
}

const struct kt_app kt_app_echo = {"echo", 1, echo_open, echo_run, echo_close};
