/*
 * The command-line peers of GnuTLS. The client takes commands among its data, ^rekey1^ for its own key and ^rekey^ for
 * both; the server has none, it only answers, and asks for a certificate when its client sends it a line that says so.
 */
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tour_peer.h"

static const char package[] = "gnutls-bin";
/* Only for a client that has a key: others would ask for one. */
static const char keyed_priority[] = "NORMAL:-VERS-ALL:+VERS-TLS1.3:+ECDHE-PSK";

static const char *priority(const struct kt_side *side)
{
    return side->tls12 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2" : "NORMAL:-VERS-ALL:+VERS-TLS1.3";
}

static bool client_start(struct kt_side *side, const struct kt_side *server)
{
    struct kt_path authority = kt_side_authority(server);
    char port[16];
    const char *const argv[] = {
        "gnutls-cli",
        "--inline-commands",
        "--x509cafile",
        authority.text,
        "--sni-hostname=localhost",
        "--verify-hostname=localhost",
        "--priority",
        side->keyed ? keyed_priority : priority(side),
        "--port",
        port,
        "127.0.0.1",
        NULL,
    };

    (void)snprintf(port, sizeof port, "%u", server->port);
    return kt_side_start(side, argv, true, package);
}

static bool client_connected(struct kt_side *side)
{
    return kt_child_expect(&side->child, side->data, "- Simple Client Mode:\n\n", side->place->deadline_ms) != NULL ||
           kt_side_fail_saying(side, "no handshake");
}

static bool client_update(struct kt_side *side, bool both)
{
    return kt_side_send(side, both ? "^rekey^\n" : "^rekey1^\n") &&
           (kt_child_expect_line(&side->child, side->data, "- Rekey was completed", side->place->deadline_ms) != NULL ||
            kt_side_fail_saying(side, "does not change its key"));
}

static bool client_close(struct kt_side *side)
{
    kt_child_close_in(&side->child);
    return kt_child_wait(&side->child, side->place->deadline_ms) == 0 || kt_side_fail_saying(side, "does not end well");
}

/* Whether a process has the socket with this inode number. */
static bool has_socket(pid_t pid, unsigned long inode)
{
    char folder[32], wanted[40], name[PATH_MAX];
    bool found = false;
    struct dirent *entry;
    DIR *fds;

    (void)snprintf(folder, sizeof folder, "/proc/%d/fd", (int)pid);
    (void)snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
    fds = opendir(folder);
    while (fds != NULL && !found && (entry = readdir(fds)) != NULL) {
        ssize_t len = readlinkat(dirfd(fds), entry->d_name, name, sizeof name - 1);

        name[len > 0 ? len : 0] = '\0';
        found = strcmp(name, wanted) == 0;
    }
    if (fds != NULL) {
        closedir(fds);
    }
    return found;
}

/* The port of one line of /proc/net/tcp when it is of a listening socket of this process, else 0. */
static unsigned port_of(char *line, pid_t pid)
{
    enum { LOCAL = 1, STATE = 3, INODE = 9, WORDS };
    char *words[WORDS], *rest = NULL, *colon;
    size_t count = 0;

    for (char *word = strtok_r(line, " \n", &rest); word != NULL && count < WORDS;
         word = strtok_r(NULL, " \n", &rest)) {
        words[count++] = word;
    }
    if (count < WORDS || strcmp(words[STATE], "0A") != 0 || !has_socket(pid, strtoul(words[INODE], NULL, 10))) {
        return 0;
    }
    colon = strchr(words[LOCAL], ':');
    return colon == NULL ? 0 : (unsigned)strtoul(colon + 1, NULL, 16);
}

/* gnutls-serv takes any port when told 0, and does not say which; the kernel does. 0: none. */
static unsigned listening_port(pid_t pid)
{
    FILE *table = fopen("/proc/net/tcp", "re");
    unsigned found = 0;
    char line[512];

    while (table != NULL && found == 0 && fgets(line, sizeof line, table) != NULL) {
        found = port_of(line, pid);
    }
    if (table != NULL) {
        (void)fclose(table);
    }
    return found;
}

static bool server_start(struct kt_side *side, const struct kt_side *server)
{
    struct kt_path cert = kt_place_path(side->place, KT_TOUR_STOCK_CERT);
    struct kt_path key = kt_place_path(side->place, KT_TOUR_STOCK_KEY);
    const char *const argv[] = {
        "gnutls-serv",
        "--echo",
        side->demands ? "--require-client-cert" : "--disable-client-cert",
        "--priority",
        priority(side),
        "--port",
        "0",
        "--x509certfile",
        cert.text,
        "--x509keyfile",
        key.text,
        NULL,
    };

    (void)server;
    if (!kt_side_start(side, argv, true, package)) {
        return false;
    }
    if (kt_child_expect(&side->child, side->data, "IPv4 0.0.0.0 port 0...done", side->place->deadline_ms) == NULL) {
        return kt_side_fail_saying(side, "does not listen");
    }
    side->port = listening_port(side->child.pid);
    return side->port != 0 || kt_side_fail(side, "the port of gnutls-serv is not in /proc/net/tcp");
}

static bool server_connected(struct kt_side *side)
{
    const char *description = side->tls12 ? "- Description: (TLS1.2" : "- Description: (TLS1.3";

    return kt_child_expect_line(&side->child, side->data, description, side->place->deadline_ms) != NULL ||
           kt_side_fail_saying(side, "no handshake");
}

/* It tells its client, which shows what comes. */
static bool server_ask(struct kt_side *side, struct kt_side *client)
{
    return kt_side_send(client, "**REAUTH**\n") &&
           (kt_child_expect_line(&client->child, client->data, "Successfully executed command",
                                 side->place->deadline_ms) != NULL ||
            kt_side_fail_saying(side, "got no certificate"));
}

/* It serves on and says nothing about the end; that our side saw its close_notify is what can be known. */
static bool server_closed(struct kt_side *side)
{
    (void)side;
    return true;
}

static bool binding(struct kt_side *side, char hex[KT_TOUR_BINDING])
{
    return kt_side_take_binding(side, "'tls-exporter': ", hex);
}

const struct kt_peer kt_peer_client_gnutls = {
    .name = "gnutls",
    .start = client_start,
    .connected = client_connected,
    .update = client_update,
    .binding = binding,
    .close = client_close,
};

const struct kt_peer kt_peer_server_gnutls = {
    .name = "gnutls",
    .echoes = true,
    .start = server_start,
    .binding = binding,
    .ask = server_ask,
    .connected = server_connected,
    .closed = server_closed,
};
