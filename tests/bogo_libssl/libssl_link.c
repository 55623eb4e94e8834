/*
 * libssl_link.c - the socket to the runner as a BIO. With -async each try lets one byte through, or one datagram.
 * Datagrams are framed, one letter before each; other letters are requests, seen by the library as "would block".
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "libssl_shim.h"

static bool send_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;

    while (len > 0) {
        ssize_t sent = send(fd, at, len, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        at += sent;
        len -= (size_t)sent;
    }
    return true;
}

static bool receive_all(int fd, void *out, size_t len)
{
    return len == 0 || recv(fd, out, len, MSG_WAITALL) == (ssize_t)len;
}

static uint64_t big_endian(const uint8_t *p, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++) {
        value = value << 8 | p[i];
    }
    return value;
}

static int write_datagram(struct link *link, const char *bytes, int len)
{
    const uint8_t head[5] = {'P', (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

    return send_all(link->fd, head, sizeof head) && send_all(link->fd, bytes, (size_t)len) ? len : -1;
}

static int on_write(BIO *bio, const char *bytes, int len)
{
    struct link *link = BIO_get_data(bio);
    int sent;

    BIO_clear_retry_flags(bio);
    if (link->paced && !link->may_write) {
        BIO_set_retry_write(bio);
        return -1;
    }
    if (link->datagrams) {
        sent = write_datagram(link, bytes, len);
    } else {
        sent = (int)send(link->fd, bytes, link->paced ? 1 : (size_t)len, MSG_NOSIGNAL);
    }
    link->may_write = false;
    return sent;
}

/* The rest of a datagram that is larger than the caller's buffer is lost. */
static int read_payload(struct link *link, char *out, int cap)
{
    static uint8_t datagram[1 << 17];
    uint8_t head[4];
    size_t len;

    if (!receive_all(link->fd, head, sizeof head) || (len = (size_t)big_endian(head, 4)) > sizeof datagram ||
        !receive_all(link->fd, datagram, len)) {
        return -1;
    }
    len = len > (size_t)cap ? (size_t)cap : len;
    memcpy(out, datagram, len);
    return (int)len;
}

static int read_datagram(BIO *bio, struct link *link, char *out, int cap)
{
    uint8_t letter, value[8];
    size_t width;

    if (recv(link->fd, &letter, 1, 0) != 1) {
        link->ended = true;
        return 0;
    }
    if (letter == 'P') {
        return read_payload(link, out, cap);
    }
    width = letter == 'T' || letter == 'E' ? 8 : 4;
    if (!receive_all(link->fd, value, width)) {
        return -1;
    }
    link->event = (char)letter;
    link->event_value = big_endian(value, width);
    if (letter == 'T' && !send_all(link->fd, "t", 1)) {
        return -1;
    }
    BIO_set_retry_read(bio);
    return -1;
}

static int on_read(BIO *bio, char *out, int cap)
{
    struct link *link = BIO_get_data(bio);
    ssize_t got;

    BIO_clear_retry_flags(bio);
    if (link->event != 0 || (link->paced && !link->may_read)) {
        BIO_set_retry_read(bio);
        return -1;
    }
    link->may_read = false;
    if (link->datagrams) {
        return read_datagram(bio, link, out, cap);
    }
    got = recv(link->fd, out, link->paced ? 1 : (size_t)cap, 0);
    link->ended = got <= 0;
    return (int)got;
}

static long on_control(BIO *bio, int command, long number, void *pointer)
{
    const struct link *link = BIO_get_data(bio);

    (void)number;
    (void)pointer;
    switch (command) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_EOF:
        return link->ended;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return 1500;
    default:
        return 0;
    }
}

static bool connect_to_runner(struct link *link, const struct flags *flags)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)flags->port)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)flags->port)};
    const uint64_t number = strtoull(flags->shim_id, NULL, 10);
    const int on = 1;
    uint8_t id[8];

    v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    v6.sin6_addr = in6addr_loopback;
    for (size_t i = 0; i < sizeof id; i++) {
        id[i] = (uint8_t)(number >> 8 * i);
    }
    link->fd = socket(flags->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    return link->fd >= 0 && setsockopt(link->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0 &&
           (flags->ipv6 ? connect(link->fd, (const struct sockaddr *)&v6, sizeof v6)
                        : connect(link->fd, (const struct sockaddr *)&v4, sizeof v4)) == 0 &&
           send_all(link->fd, id, sizeof id);
}

BIO *link_open(struct link *link, const struct flags *flags)
{
    static BIO_METHOD *method;
    BIO *bio;

    if (method == NULL) {
        method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "runner");
        if (method == NULL || !BIO_meth_set_write(method, on_write) || !BIO_meth_set_read(method, on_read) ||
            !BIO_meth_set_ctrl(method, on_control)) {
            broken("no BIO");
        }
    }
    *link = (struct link){.fd = -1, .paced = flags->async, .datagrams = flags->dtls};
    if (!connect_to_runner(link, flags)) {
        return NULL;
    }
    bio = BIO_new(method);
    if (bio == NULL) {
        broken("no BIO");
    }
    BIO_set_data(bio, link);
    BIO_set_init(bio, 1);
    return bio;
}

/* The timeout that the library has must be the one that the runner counts with, to the microsecond. */
static void check_timeout(struct shim *shim, uint64_t expected)
{
    struct timeval left = {0, 0};
    bool running = DTLSv1_get_timeout(shim->ssl, &left) > 0;
    uint64_t micro = (uint64_t)left.tv_sec * 1000000 + (uint64_t)left.tv_usec;

    if (running ? micro != expected / 1000 : expected != UINT64_MAX) {
        (void)fprintf(stderr, "wrong timeout: %s%llu us\n", running ? "" : "none, not ", (unsigned long long)micro);
        exit(FAILURE);
    }
}

static bool handle_event(struct shim *shim)
{
    struct link *link = &shim->link;
    char event = link->event;
    bool good;

    link->event = 0;
    switch (event) {
    case 'T':
        clock_advance(link->event_value / 1000);
        link->paced = false; /* a flight goes out at once */
        good = DTLSv1_handle_timeout(shim->ssl) >= 0;
        link->paced = shim->flags->async;
        return good;
    case 'M':
        (void)SSL_set_mtu(shim->ssl, (long)link->event_value);
        return true;
    case 'E':
        check_timeout(shim, link->event_value);
        return true;
    case 'U':
        shim->first_timeout_ms = (int)link->event_value;
        return true;
    default:
        (void)fprintf(stderr, "the runner asks for '%c'\n", event);
        return false;
    }
}

bool link_retry(struct shim *shim, int result)
{
    if (shim->refused) {
        (void)fputs(":NO_RENEGOTIATION:\n", stderr);
        return false;
    }
    switch (SSL_get_error(shim->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        shim->link.may_read = true;
        return shim->link.event == 0 || handle_event(shim);
    case SSL_ERROR_WANT_WRITE:
        shim->link.may_write = true;
        return true;
    case SSL_ERROR_WANT_X509_LOOKUP:
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
    case SSL_ERROR_WANT_RETRY_VERIFY:
        return true;
    default:
        return false;
    }
}

/* Reads to the end before closing, so that the runner gets our last bytes and no reset. */
void link_hang_up(struct shim *shim)
{
    uint8_t rest[4096];

    if (shim->link.fd >= 0) {
        (void)shutdown(shim->link.fd, SHUT_WR);
        while (recv(shim->link.fd, rest, sizeof rest, 0) > 0) {
        }
        (void)close(shim->link.fd);
        shim->link.fd = -1;
    }
}
