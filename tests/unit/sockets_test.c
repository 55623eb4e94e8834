#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <keyturn/drive.h>

/* The port a listener got, as text. */
static void port_of(int fd, char port[8])
{
    struct sockaddr_storage address;
    socklen_t len = sizeof address;
    uint16_t number;

    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    number = address.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&address)->sin6_port
                                           : ((struct sockaddr_in *)&address)->sin_port;
    (void)snprintf(port, 8, "%u", ntohs(number));
}

static void assert_socket_is_usual(int fd)
{
    int nodelay = 0;
    socklen_t len = sizeof nodelay;

    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_true((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0);
    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &len), 0);
    assert_true(nodelay != 0);
}

static void assert_meets(const char *address, const char *host)
{
    int listener, caller, callee;
    char port[8];
    char word[4];

    assert_null(kt_listen(address, &listener));
    port_of(listener, port);
    assert_null(kt_dial(host, port, &caller));
    callee = accept(listener, NULL, NULL);
    assert_true(callee >= 0);
    assert_int_equal(write(caller, "word", 4), 4);
    assert_int_equal(read(callee, word, 4), 4);
    assert_memory_equal(word, "word", 4);
    assert_socket_is_usual(listener);
    assert_socket_is_usual(caller);
    close(callee);
    close(caller);
    close(listener);
}

static bool has_ipv6(void)
{
    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return has;
}

/* A bare chroot has no /etc/hosts. */
static bool has_localhost(void)
{
    struct addrinfo *found = NULL;
    bool has = getaddrinfo("localhost", NULL, NULL, &found) == 0;

    if (has) {
        freeaddrinfo(found);
    }
    return has;
}

static void who_dials_meets_who_listens(void **state)
{
    (void)state;
    assert_meets("127.0.0.1:0", "127.0.0.1");
    if (has_localhost()) {
        assert_meets("localhost:0", "localhost");
    }
    assert_meets(":0", "127.0.0.1");
    if (has_ipv6()) {
        assert_meets("[::1]:0", "::1");
        assert_meets(":0", "::1");
    }
}

static void an_address_of_the_wrong_form_is_unknown(void **state)
{
    static const char *const wrong[] = {"",
                                        "1",
                                        "localhost",
                                        "localhost:",
                                        "::1",
                                        "::1:443",
                                        "[::1]",
                                        "[::1]443",
                                        "[]:1",
                                        "[::1:443",
                                        "1.2.3.4:notaport",
                                        "127.0.0.1:65536",
                                        "127.0.0.1:99999",
                                        "127.0.0.1:100000"};
    char long_one[400];
    int fd = -1;

    (void)state;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct kt_fault *fault = kt_listen(wrong[i], &fd);

        assert_non_null(fault);
        assert_int_equal(fault->reason, KT_REASON_ADDRESS_UNKNOWN);
    }
    memset(long_one, 'a', sizeof long_one);
    memcpy(long_one + sizeof long_one - 3, ":1", 3);
    assert_int_equal(kt_listen(long_one, &fd)->reason, KT_REASON_ADDRESS_UNKNOWN);
    assert_int_equal(kt_dial("127.0.0.1", "notaport", &fd)->reason, KT_REASON_ADDRESS_UNKNOWN);
    assert_int_equal(fd, -1);
}

/* A port that is bound and not listened on is refused, and nobody else gets it meanwhile. */
static void a_port_nobody_listens_on_is_refused(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int keeper = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct kt_fault *fault;
    char port[8];
    int fd = -1;

    (void)state;
    assert_int_equal(bind(keeper, (struct sockaddr *)&address, sizeof address), 0);
    port_of(keeper, port);
    fault = kt_dial("127.0.0.1", port, &fd);
    assert_int_equal(errno, ECONNREFUSED);
    assert_int_equal(fault->reason, KT_REASON_CONNECT_FAILED);
    assert_int_equal(fd, -1);
    close(keeper);
}

static void a_port_that_is_taken_is_told(void **state)
{
    const struct kt_fault *fault;
    char address[32] = "127.0.0.1:";
    int first, second = -1;

    (void)state;
    assert_null(kt_listen("127.0.0.1:0", &first));
    port_of(first, address + strlen(address));
    fault = kt_listen(address, &second);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(fault->reason, KT_REASON_CONNECT_FAILED);
    assert_int_equal(second, -1);
    close(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_dials_meets_who_listens),
        cmocka_unit_test(an_address_of_the_wrong_form_is_unknown),
        cmocka_unit_test(a_port_nobody_listens_on_is_refused),
        cmocka_unit_test(a_port_that_is_taken_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
