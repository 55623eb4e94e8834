/* Keyturn in the tour: this command itself as a child, told what to do by live commands and the control socket. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "tour_peer.h"

/* The file that we are, also when it was moved or replaced since. */
static const char self[] = "/proc/self/exe";

static const char control_name[] = "control";

/* "TLSv1.3 suite=..." */
static void take_facts(struct kt_side *side, const char *line)
{
    (void)snprintf(side->facts, sizeof side->facts, "%.*s", (int)strcspn(line, "\n"), line);
    (void)snprintf(side->version, sizeof side->version, "%.*s", (int)strcspn(line, " \n"), line);
}

/* The client */

static bool client_start(struct kt_side *side, const struct kt_side *server)
{
    struct kt_path authority = kt_side_authority(server);
    char address[32];
    const char *const argv[] = {
        self,
        "connect",
        address,
        "--ca",
        authority.text,
        "--servername",
        "localhost",
        "--commands",
        "~",
        "--rekey-gap-ms",
        "0",
        side->tls12 ? "--max-version=TLSv1.2" : "",
        side->place->ladder,
        NULL,
    };

    (void)snprintf(address, sizeof address, "127.0.0.1:%u", server->port);
    return kt_side_start(side, argv, false, "keyturn");
}

static bool client_connected(struct kt_side *side)
{
    const char *line =
        kt_child_expect_line(&side->child, &side->child.err, "keyturn: connected ", side->place->deadline_ms);

    if (line == NULL) {
        return kt_side_fail_saying(side, "no handshake");
    }
    take_facts(side, line);
    return true;
}

static bool client_update(struct kt_side *side, bool both)
{
    return kt_side_send(side, both ? "~U\n" : "~u\n");
}

static bool take_epoch(struct kt_side *side, const char *name, unsigned long *out)
{
    const char *line = kt_child_expect_line(&side->child, &side->child.err, name, side->place->deadline_ms);

    if (line == NULL) {
        return kt_side_fail_saying(side, "no status");
    }
    *out = strtoul(line, NULL, 10);
    return true;
}

static bool client_epochs(struct kt_side *side, struct kt_epochs *out)
{
    return kt_side_send(side, "~s\n") && take_epoch(side, "keyturn: sending key ", &out->sending) &&
           take_epoch(side, "keyturn: receiving key ", &out->receiving);
}

static bool client_binding(struct kt_side *side, char hex[KT_TOUR_BINDING])
{
    return kt_side_send(side, "~b\n") && kt_side_take_binding(side, "keyturn: binding tls-exporter ", hex);
}

static bool client_close(struct kt_side *side)
{
    int code;

    kt_child_close_in(&side->child);
    code = kt_child_wait(&side->child, side->place->deadline_ms);
    if (code != 0) {
        return kt_side_fail_saying(side, code < 0 ? "does not end" : "ends with an error");
    }
    return kt_child_expect(&side->child, &side->child.err, "keyturn: closed clean", 0) != NULL ||
           kt_side_fail_saying(side, "was not closed cleanly");
}

/* The server */

static bool server_start(struct kt_side *side, const struct kt_side *server)
{
    struct kt_path cert = kt_place_path(side->place, KT_TOUR_OUR_CERT);
    struct kt_path control = kt_place_path(side->place, control_name);
    const char *const argv[] = {
        self,
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--echo",
        "--control",
        control.text,
        "--workers",
        "1",
        "--rekey-gap-ms",
        "0",
        side->tls12 ? "--max-version=TLSv1.2" : "",
        side->certified ? NULL : "--ephemeral-out",
        cert.text,
        NULL,
    };
    const char *line;

    (void)server;
    if (!kt_side_start(side, argv, false, "keyturn")) {
        return false;
    }
    line = kt_child_expect_line(&side->child, &side->child.out, "listening on 127.0.0.1:", side->place->deadline_ms);
    if (line == NULL) {
        return kt_side_fail_saying(side, "does not listen");
    }
    side->port = (unsigned)strtoul(line, NULL, 10);
    return true;
}

static bool server_connected(struct kt_side *side)
{
    const char *line = kt_child_expect_line(&side->child, &side->child.err, "] connected ", side->place->deadline_ms);

    if (line == NULL) {
        return kt_side_fail_saying(side, "no handshake");
    }
    take_facts(side, line);
    return true;
}

static int open_control(struct kt_side *side)
{
    struct kt_path path = kt_place_path(side->place, control_name);
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = 5};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return -1;
    }
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path.text);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* One command, and its answer up to the final line. */
static bool command(struct kt_side *side, const char *line, char *answer, size_t cap)
{
    int fd = open_control(side);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : send(fd, line, strlen(line), MSG_NOSIGNAL);

    answer[0] = '\0';
    while (n > 0 && len + 1 < cap && (len < 3 || strcmp(answer + len - 3, "ok\n") != 0) &&
           strncmp(answer, "error", 5) != 0) {
        n = recv(fd, answer + len, cap - 1 - len, 0);
        len += n > 0 ? (size_t)n : 0;
        answer[len] = '\0';
    }
    if (fd >= 0) {
        close(fd);
    }
    return (len >= 3 && strcmp(answer + len - 3, "ok\n") == 0) ||
           kt_side_fail(side, "the control socket does not answer \"ok\" to %.*s", (int)strlen(line) - 1, line);
}

static bool server_update(struct kt_side *side, bool both)
{
    char answer[256];

    return command(side, both ? "update-both\n" : "update\n", answer, sizeof answer) &&
           (strstr(answer, "connections=1\n") != NULL || kt_side_fail(side, "no connection changes its keys"));
}

static bool server_epochs(struct kt_side *side, struct kt_epochs *out)
{
    char answer[1024];
    const char *sending, *receiving;

    if (!command(side, "epochs\n", answer, sizeof answer)) {
        return false;
    }
    sending = strstr(answer, " sending=");
    receiving = strstr(answer, " receiving=");
    if (sending == NULL || receiving == NULL) {
        return kt_side_fail(side, "the server has no connection");
    }
    out->sending = strtoul(sending + strlen(" sending="), NULL, 10);
    out->receiving = strtoul(receiving + strlen(" receiving="), NULL, 10);
    return true;
}

static bool server_binding(struct kt_side *side, char hex[KT_TOUR_BINDING])
{
    char answer[1024];
    const char *value;

    if (!command(side, "bindings\n", answer, sizeof answer)) {
        return false;
    }
    value = strstr(answer, " tls-exporter=");
    if (value == NULL || strcspn(value + strlen(" tls-exporter="), " ") != KT_TOUR_BINDING - 1) {
        return kt_side_fail(side, "the server has no binding");
    }
    (void)snprintf(hex, KT_TOUR_BINDING, "%s", value + strlen(" tls-exporter="));
    return true;
}

static bool server_ask(struct kt_side *side, struct kt_side *client)
{
    char answer[256];

    (void)client;
    if (!command(side, "request-certificate\n", answer, sizeof answer)) {
        return false;
    }
    if (strstr(answer, "connections=1\n") == NULL) {
        return kt_side_fail(side, "the client did not offer to be asked");
    }
    return kt_child_expect(&side->child, &side->child.err, "] client authenticated ", side->place->deadline_ms) !=
               NULL ||
           kt_side_fail_saying(side, "got no certificate");
}

static bool server_closed(struct kt_side *side)
{
    if (kt_child_expect(&side->child, &side->child.err, "] closed clean", side->place->deadline_ms) == NULL) {
        return kt_side_fail_saying(side, "the connection was not closed cleanly");
    }
    if (side->child.pid <= 0 || kill(side->child.pid, SIGTERM) != 0 ||
        kt_child_wait(&side->child, side->place->deadline_ms) != 0) {
        return kt_side_fail_saying(side, "the server does not stop by SIGTERM");
    }
    return true;
}

const struct kt_peer kt_peer_client_keyturn = {
    .name = "keyturn",
    .is_ours = true,
    .start = client_start,
    .connected = client_connected,
    .update = client_update,
    .epochs = client_epochs,
    .binding = client_binding,
    .close = client_close,
};

const struct kt_peer kt_peer_server_keyturn = {
    .name = "keyturn",
    .is_ours = true,
    .echoes = true,
    .start = server_start,
    .connected = server_connected,
    .update = server_update,
    .epochs = server_epochs,
    .binding = server_binding,
    .ask = server_ask,
    .closed = server_closed,
};
