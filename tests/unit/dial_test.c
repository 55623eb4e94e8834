/* The short way of a client, when something is missing; that it works is shown by docs/examples/client.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include <keyturn/drive.h>

#include "support/expect_fault.h"

static int listen_somewhere(char port[16])
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int fd;

    expect_success(kt_listen("127.0.0.1:0", &fd));
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &len), 0);
    (void)snprintf(port, 16, "%u", (unsigned)ntohs(address.sin_port));
    return fd;
}

static void without_authorities_nothing_is_made(void **state)
{
    struct kt_drive *drive = NULL;
    char port[16];
    int fd = listen_somewhere(port);

    (void)state;
    assert_int_equal(setenv("SSL_CERT_FILE", "/nonexistent/file", 1), 0);
    assert_int_equal(setenv("SSL_CERT_DIR", "/nonexistent/folder", 1), 0);
    expect_fault(kt_drive_dial("127.0.0.1", port, &drive), TRUST_EMPTY, INTERNAL_ERROR);
    assert_null(drive);
    close(fd);
}

static void where_nobody_listens_nothing_is_made(void **state)
{
    struct kt_drive *drive = NULL;
    char port[16];

    (void)state;
    close(listen_somewhere(port));
    expect_fault(kt_drive_dial("127.0.0.1", port, &drive), CONNECT_FAILED, INTERNAL_ERROR);
    assert_null(drive);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_authorities_nothing_is_made),
        cmocka_unit_test(where_nobody_listens_nothing_is_made),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
