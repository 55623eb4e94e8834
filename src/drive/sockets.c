#include <keyturn/drive.h>

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fail.h"

/* A name of a service, or a number that fits: getaddrinfo takes numbers modulo 65536. */
static bool is_port(const char *port)
{
    size_t zeros = strspn(port, "0");
    size_t digits = strspn(port + zeros, "0123456789");

    return port[zeros + digits] != '\0' || digits < 5 || (digits == 5 && strcmp(port + zeros, "65535") <= 0);
}

/* getaddrinfo has errors of its own; errno is set where one of them says the same. */
static const struct kt_fault *resolve(const char *host, const char *port, int family, int flags, struct addrinfo **out)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_flags = flags};
    int error = is_port(port) ? getaddrinfo(host, port, &hints, out) : EAI_SERVICE;

    if (error != 0) {
        if (error != EAI_SYSTEM) {
            errno = error == EAI_AGAIN ? EAGAIN : 0;
        }
        KT_FAIL(ADDRESS_UNKNOWN);
    }
    return NULL;
}

static int open_socket(const struct addrinfo *address)
{
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC, address->ai_protocol);

    if (fd >= 0) {
        /* Records are written whole, so holding back short ones only costs time. Where it cannot be set it is
         * no TCP socket, and nothing is lost. Accepted sockets inherit it. */
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    }
    return fd;
}

/* close that leaves errno to the reader of the first error. Returns -1. */
static int drop(int fd)
{
    int error = errno;

    close(fd);
    errno = error;
    return -1;
}

/* A connect interrupted by a signal goes on by itself and must not be called again: wait for its outcome. */
static int finish_connect(int fd)
{
    struct pollfd ready = {.fd = fd, .events = POLLOUT};
    int error = 0;
    socklen_t len = sizeof error;

    while (poll(&ready, 1, -1) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0) {
        return -1;
    }
    errno = error;
    return error == 0 ? 0 : -1;
}

static int dial_one(const struct addrinfo *address)
{
    int fd = open_socket(address);

    if (fd < 0) {
        return -1;
    }
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0) {
        return fd;
    }
    if (errno == EINTR && finish_connect(fd) == 0) {
        return fd;
    }
    return drop(fd);
}

static int listen_one(const struct addrinfo *address)
{
    int fd = open_socket(address);

    if (fd < 0) {
        return -1;
    }
    /* ":PORT" serves IPv4 by the same socket, whatever the system's default for that is. */
    if (address->ai_family == AF_INET6) {
        (void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
    }
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int)) == 0 &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) {
        return fd;
    }
    return drop(fd);
}

/* The first address that works; errno is that of the last one tried. */
static const struct kt_fault *first_of(struct addrinfo *list, int (*try_one)(const struct addrinfo *), int *fd)
{
    int found = -1;
    int error;

    for (const struct addrinfo *a = list; a != NULL && found < 0; a = a->ai_next) {
        found = try_one(a);
    }
    error = errno;
    freeaddrinfo(list);
    errno = error;
    if (found < 0) {
        KT_FAIL(CONNECT_FAILED);
    }
    *fd = found;
    return NULL;
}

const struct kt_fault *kt_dial(const char *host, const char *port, int *fd)
{
    struct addrinfo *list;

    KT_TRY(resolve(host, port, AF_UNSPEC, 0, &list));
    return first_of(list, dial_one, fd);
}

/* Takes "ADDR:PORT" apart into `copy`; brackets around an IPv6 address are required, since it has colons. */
static bool split(const char *address, char copy[256], const char **host, const char **port)
{
    size_t len = strlen(address);
    char *colon;

    if (len >= 256) {
        return false;
    }
    memcpy(copy, address, len + 1);
    colon = strrchr(copy, ':');
    if (colon == NULL || colon[1] == '\0') {
        return false;
    }
    *colon = '\0';
    *port = colon + 1;
    *host = copy;
    if (copy[0] != '[') {
        return strchr(copy, ':') == NULL;
    }
    if (colon - copy < 3 || colon[-1] != ']') {
        return false;
    }
    colon[-1] = '\0';
    *host = copy + 1;
    return true;
}

const struct kt_fault *kt_listen(const char *address, int *fd)
{
    struct addrinfo *list;
    const char *host;
    const char *port;
    char copy[256];

    if (!split(address, copy, &host, &port)) {
        errno = EINVAL;
        KT_FAIL(ADDRESS_UNKNOWN);
    }
    if (host[0] != '\0') {
        KT_TRY(resolve(host, port, AF_UNSPEC, AI_PASSIVE, &list));
        return first_of(list, listen_one, fd);
    }
    /* All addresses: one socket for both families, or IPv4 alone where the kernel has no IPv6. */
    KT_TRY(resolve(NULL, port, AF_INET6, AI_PASSIVE, &list));
    if (first_of(list, listen_one, fd) == NULL) {
        return NULL;
    }
    KT_TRY(resolve(NULL, port, AF_INET, AI_PASSIVE, &list));
    return first_of(list, listen_one, fd);
}
