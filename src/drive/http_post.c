#include "drive/http_post.h"

#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <keyturn/drive.h>

#include "base/fail.h"
#include "drive/http_reply.h"

static const char ANSWER_TYPE[] = "application/ocsp-response";

/* addresses */

/* This network, loopback, link-local (where clouds keep their secrets), multicast, reserved (RFC 6890). */
static bool is_elsewhere_v4(uint32_t address)
{
    return address >> 24 != 0 && address >> 24 != 127 && address >> 16 != 0xa9fe && address >> 28 < 0xe;
}

static bool is_elsewhere_v6(const struct in6_addr *address)
{
    static const uint8_t nat64[12] = {0, 0x64, 0xff, 0x9b};
    uint32_t inner;

    memcpy(&inner, address->s6_addr + 12, sizeof inner);
    if (IN6_IS_ADDR_V4MAPPED(address) || memcmp(address->s6_addr, nat64, sizeof nat64) == 0) {
        return is_elsewhere_v4(ntohl(inner));
    }
    return !IN6_IS_ADDR_UNSPECIFIED(address) && !IN6_IS_ADDR_LOOPBACK(address) && !IN6_IS_ADDR_LINKLOCAL(address) &&
           !IN6_IS_ADDR_MULTICAST(address) && !IN6_IS_ADDR_V4COMPAT(address);
}

bool kt_http_is_elsewhere(const struct sockaddr *address)
{
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } a;

    switch (address->sa_family) {
    case AF_INET:
        memcpy(&a.v4, address, sizeof a.v4);
        return is_elsewhere_v4(ntohl(a.v4.sin_addr.s_addr));
    case AF_INET6:
        memcpy(&a.v6, address, sizeof a.v6);
        return is_elsewhere_v6(&a.v6.sin6_addr);
    default:
        return false;
    }
}

/* One exchange: everything waits here, and nowhere longer than the deadline. */
struct exchange {
    int fd;
    const struct kt_http_limits *limits;
    int error;
};

static bool wait_for(struct exchange *x, short events)
{
    for (;;) {
        uint64_t now = kt_env_linux()->monotonic_ms(NULL);
        uint64_t left = now < x->limits->deadline_ms ? x->limits->deadline_ms - now : 0;
        struct pollfd ready = {.fd = x->fd, .events = events};
        int count = left > 0 ? poll(&ready, 1, left < INT_MAX ? (int)left : INT_MAX) : 0;

        if (count > 0) {
            return true;
        }
        if (count == 0 || errno != EINTR) {
            x->error = count == 0 ? ETIMEDOUT : errno;
            return false;
        }
    }
}

static bool would_wait(int error)
{
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

static bool reach(struct exchange *x, const struct addrinfo *address)
{
    socklen_t len = sizeof x->error;

    x->fd = socket(address->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (x->fd < 0) {
        x->error = errno;
        return false;
    }
    if (connect(x->fd, address->ai_addr, address->ai_addrlen) == 0) {
        return true;
    }
    if (errno != EINPROGRESS && errno != EINTR) {
        x->error = errno;
        return false;
    }
    if (!wait_for(x, POLLOUT)) {
        return false;
    }
    return getsockopt(x->fd, SOL_SOCKET, SO_ERROR, &x->error, &len) == 0 && x->error == 0;
}

static bool put(struct exchange *x, const void *bytes, size_t len)
{
    const uint8_t *at = bytes;

    while (len > 0) {
        ssize_t sent = send(x->fd, at, len, MSG_NOSIGNAL);

        if (sent > 0) {
            at += sent;
            len -= (size_t)sent;
        } else if (sent == 0 || !would_wait(errno)) {
            x->error = errno;
            return false;
        } else if (!wait_for(x, POLLOUT)) {
            return false;
        }
    }
    return true;
}

static bool put_request(struct exchange *x, const struct kt_ocsp_url *url, struct kt_span request)
{
    char header[sizeof url->path + sizeof url->host + 256];
    bool usual = strcmp(url->port, "80") == 0;
    int len = snprintf(header, sizeof header,
                       "POST %s HTTP/1.0\r\nHost: %s%s%s%s%s\r\nContent-Type: application/ocsp-request\r\n"
                       "Content-Length: %zu\r\nAccept: %s\r\nConnection: close\r\n\r\n",
                       url->path, url->bracketed ? "[" : "", url->host, url->bracketed ? "]" : "", usual ? "" : ":",
                       usual ? "" : url->port, request.len, ANSWER_TYPE);

    return len > 0 && (size_t)len < sizeof header && put(x, header, (size_t)len) && put(x, request.p, request.len);
}

/* A reply of at most `cap` bytes, and one more to know that there are more. */
static enum kt_http_state take_reply(struct exchange *x, uint8_t *room, size_t cap, struct kt_span *body)
{
    enum kt_http_state state = KT_HTTP_MORE;
    size_t len = 0;

    while (state == KT_HTTP_MORE) {
        ssize_t got = len < cap ? recv(x->fd, room + len, cap - len, 0) : 0;

        if (got < 0 && would_wait(errno)) {
            if (!wait_for(x, POLLIN)) {
                break;
            }
            continue;
        }
        if (got < 0) {
            x->error = errno;
            break;
        }
        if (len == cap) {
            return KT_HTTP_BAD;
        }
        len += (size_t)got;
        state = kt_http_reply(kt_span_of(room, len), got == 0, ANSWER_TYPE, body);
    }
    return state;
}

static const struct kt_fault *receive(struct exchange *x, uint8_t **answer, size_t *len)
{
    size_t cap = x->limits->max_bytes + KT_HTTP_HEADER_MAX;
    struct kt_span body = {NULL, 0};
    uint8_t *room = malloc(cap);
    enum kt_http_state state;

    if (room == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    state = take_reply(x, room, cap, &body);
    if (state != KT_HTTP_DONE || body.len > x->limits->max_bytes) {
        free(room);
        return state == KT_HTTP_MORE ? KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE)
                                     : KT_FAULT(CERTIFICATE_STATUS_NO_ANSWER);
    }
    memmove(room, body.p, body.len);
    *answer = room;
    *len = body.len;
    return NULL;
}

static const struct kt_fault *resolve(const struct kt_ocsp_url *url, struct addrinfo **out, int *error)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV};
    int failed = getaddrinfo(url->host, url->port, &hints, out);

    if (failed == 0) {
        return NULL;
    }
    *error = failed == EAI_SYSTEM ? errno : 0;
    return failed == EAI_MEMORY ? KT_FAULT(MEMORY_SPENT) : KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE);
}

/* The first address that takes a connection is the one asked. */
static const struct kt_fault *reach_any(struct exchange *x, const struct addrinfo *list)
{
    const struct kt_fault *fault = KT_FAULT(CERTIFICATE_STATUS_NO_RESPONDER);

    for (const struct addrinfo *a = list; a != NULL; a = a->ai_next) {
        if (!x->limits->local && !kt_http_is_elsewhere(a->ai_addr)) {
            continue;
        }
        if (reach(x, a)) {
            x->error = 0;
            return NULL;
        }
        if (x->fd >= 0) {
            close(x->fd);
            x->fd = -1;
        }
        fault = KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE);
    }
    return fault;
}

const struct kt_fault *kt_http_post(const struct kt_ocsp_url *url, struct kt_span request,
                                    const struct kt_http_limits *limits, uint8_t **answer, size_t *len, int *error)
{
    struct exchange x = {.fd = -1, .limits = limits};
    const struct kt_fault *fault;
    struct addrinfo *list;

    *error = 0;
    KT_TRY(resolve(url, &list, error));
    fault = reach_any(&x, list);
    freeaddrinfo(list);
    if (fault == NULL) {
        fault = put_request(&x, url, request) ? receive(&x, answer, len) : KT_FAULT(CERTIFICATE_STATUS_UNREACHABLE);
    }
    if (x.fd >= 0) {
        close(x.fd);
    }
    *error = fault != NULL ? x.error : 0;
    return fault;
}
