/*
 * shim_link.c - the socket to the runner. With -async one byte at a time, which is what the smallest reads and writes
 * of a non-blocking transport would give.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shim.h"

static bool send_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t sent = send(fd, bytes, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes += sent;
        len -= (size_t)sent;
    }
    return true;
}

bool shim_connect(struct shim *shim)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)shim->flags->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)shim->flags->port)};
    const bool six = shim->flags->ipv6;
    const int on = 1;
    uint8_t id[8];

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)(shim->flags->shim_id >> 8 * i);
    }
    shim->fd = socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    shim->sends = true;
    return shim->fd >= 0 && setsockopt(shim->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           (six ? connect(shim->fd, (const struct sockaddr *)&v6, sizeof v6)
                : connect(shim->fd, (const struct sockaddr *)&v4, sizeof v4)) == 0 &&
           send_all(shim->fd, id, sizeof id);
}

/* A transport that takes nothing any more does not end the reading: the peer may have said why. */
const struct kt_fault *shim_flush(struct shim *shim)
{
    const uint8_t *bytes;
    size_t len;

    while (!shim->held && (bytes = kt_conn_out(shim->conn, &len)) != NULL) {
        const struct kt_fault *fault;
        len = shim->flags->async ? 1 : len;
        if (shim->sends && !send_all(shim->fd, bytes, len)) {
            shim->sends = false;
        }
        fault = kt_conn_out_done(shim->conn, len);
        if (fault != NULL) {
            return fault;
        }
    }
    return NULL;
}

static const struct kt_fault *take_input(struct shim *shim)
{
    size_t room;
    uint8_t *in = kt_conn_in(shim->conn, &room);
    ssize_t got;

    if (in == NULL) {
        if (kt_conn_fault(shim->conn) != NULL) {
            return kt_conn_fault(shim->conn);
        }
        shim_broken("neither output nor question, and no input is wanted");
    }
    got = recv(shim->fd, in, shim->flags->async ? 1 : room, 0);
    if (got > 0) {
        return kt_conn_in_done(shim->conn, (size_t)got);
    }
    shim->ended = true;
    return kt_conn_in_end(shim->conn);
}

const struct kt_fault *shim_turn(struct shim *shim)
{
    const struct kt_fault *fault = shim_flush(shim);
    const unsigned idle = KT_HAS_DATA | KT_IN_CLOSED | KT_CAN_ANSWER;

    if (fault == NULL && (kt_conn_status(shim->conn) & KT_CAN_ANSWER) != 0) {
        fault = shim_answer(shim);
    } else if (fault == NULL && (kt_conn_status(shim->conn) & idle) == 0) {
        fault = take_input(shim);
    }
    return fault != NULL ? fault : kt_conn_fault(shim->conn);
}

/* Reads to the end before closing, so that the runner gets our last bytes and no reset. */
void shim_hang_up(struct shim *shim)
{
    uint8_t rest[4096];

    shim->held = false;
    (void)shim_flush(shim);
    (void)shutdown(shim->fd, SHUT_WR);
    while (recv(shim->fd, rest, sizeof rest, 0) > 0) {
    }
    (void)close(shim->fd);
}
