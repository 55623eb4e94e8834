/*
 * Forward: TLS outside, plain TCP to the backend inside. Bytes go from the engine's memory into the socket and
 * back without a buffer in between, so whoever is slow stops the other; each direction ends by itself.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "serve_link.h"

enum { CONNECT_MS = 10000 };

enum step {
    CONNECTING, /* the backend has not answered yet */
    JOINED,     /* both directions flow */
    ENDING,     /* the backend was told that the client's data ended */
    REFUSED,    /* the backend takes no more (link->error says why), but may have last words */
};

static bool forward_open(struct kt_link *link)
{
    const struct kt_site *site = link->site;
    int fd = socket(site->backend.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    link->step = CONNECTING;
    if (fd < 0) {
        return false;
    }
    if (connect(fd, (const struct sockaddr *)&site->backend, site->backend_len) != 0 && errno != EINPROGRESS) {
        kt_link_drop(link, "backend", errno);
        close(fd);
        return true;
    }
    if (!kt_link_attach(link, fd)) {
        close(fd);
        return false;
    }
    kt_link_patience(link, CONNECT_MS);
    return true;
}

static bool finish_connecting(struct kt_link *link)
{
    int error = 0;
    socklen_t len = sizeof error;

    if (!link->back.writable) {
        return false;
    }
    if (getsockopt(link->back.fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        error = errno;
    }
    if (error != 0) {
        kt_link_drop(link, "backend", error);
        return true;
    }
    kt_link_patience(link, 0);
    link->step = JOINED;
    return true;
}

/* When the engine holds no more after the client's end, all of it is with the backend. */
static bool end_inward(struct kt_link *link)
{
    if (!kt_link_ended(link)) {
        return false;
    }
    (void)shutdown(link->back.fd, SHUT_WR);
    link->step = ENDING;
    return true;
}

static bool move_inward(struct kt_link *link)
{
    size_t len;
    int error;
    const uint8_t *data = kt_link_peek(link, &len);
    ssize_t n;

    if (data == NULL) {
        return end_inward(link);
    }
    if (!link->back.writable) {
        return false;
    }
    n = send(link->back.fd, data, len, MSG_NOSIGNAL);
    if (kt_port_moved(&link->back.writable, n, &error)) {
        kt_link_took(link, (size_t)n);
        return true;
    }
    if (error == 0) {
        return false;
    }
    link->error = error;
    link->step = REFUSED;
    link->back.readable = true;
    return true;
}

/* The end of a backend that refused data is no clean end for the client either. */
static bool end_outward(struct kt_link *link, int error)
{
    if (error != 0 || link->step == REFUSED) {
        kt_link_drop(link, "backend", error != 0 ? error : link->error);
    } else {
        kt_link_end(link);
    }
    return true;
}

static bool move_outward(struct kt_link *link)
{
    size_t len;
    int error;
    uint8_t *room;
    ssize_t n;

    if (!link->back.readable || kt_link_end_sent(link) || (room = kt_link_lend(link, &len)) == NULL) {
        return false;
    }
    n = recv(link->back.fd, room, len, 0);
    if (kt_port_moved(&link->back.readable, n, &error)) {
        link->back.readable = (size_t)n == len || link->back.hung_up;
        kt_link_lent(link, (size_t)n);
        return true;
    }
    return n == 0 || error != 0 ? end_outward(link, error) : false;
}

static bool forward_run(struct kt_link *link)
{
    bool moved;

    if (link->step == CONNECTING) {
        return finish_connecting(link);
    }
    moved = link->step == JOINED && move_inward(link);
    moved = move_outward(link) || moved;
    if (!moved && link->stopping && !link->net.readable && !link->back.readable) {
        kt_link_finish(link);
        return true;
    }
    return moved;
}

static void forward_close(struct kt_link *link)
{
    (void)link;
}

const struct kt_app kt_app_forward = {"forward", 2, forward_open, forward_run, forward_close};
