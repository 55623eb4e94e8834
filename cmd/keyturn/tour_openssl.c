/*
 * The command-line peers of OpenSSL. Both take a line that begins with k as "change your key" and with K as "change
 * both"; what they write tells when that was done. They look at the beginning of what one read gives them, so the tour
 * waits for the effect of each line before it writes the next.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tour_peer.h"

static const char package[] = "openssl";

static bool client_start(struct kt_side *side, const struct kt_side *server)
{
    struct kt_path authority = kt_side_authority(server);
    char address[32];
    const char *const argv[] = {
        "openssl",
        "s_client",
        "-connect",
        address,
        "-servername",
        "localhost",
        "-verify_hostname",
        "localhost",
        "-CAfile",
        authority.text,
        "-verify_return_error",
        side->tls12 ? "-tls1_2" : "-tls1_3",
        NULL,
    };

    (void)snprintf(address, sizeof address, "127.0.0.1:%u", server->port);
    return kt_side_start(side, argv, true, package);
}

static bool client_connected(struct kt_side *side)
{
    return kt_child_expect_line(&side->child, side->data, "Verify return code: 0 (ok)", side->place->deadline_ms) !=
               NULL ||
           kt_side_fail_saying(side, "no handshake");
}

static bool client_update(struct kt_side *side, bool both)
{
    return kt_side_send(side, both ? "K\n" : "k\n") &&
           (kt_child_expect_line(&side->child, side->data, "KEYUPDATE", side->place->deadline_ms) != NULL ||
            kt_side_fail_saying(side, "does not change its key"));
}

static bool client_close(struct kt_side *side)
{
    return kt_side_send(side, "Q\n") && (kt_child_wait(&side->child, side->place->deadline_ms) == 0 ||
                                         kt_side_fail_saying(side, "does not end well"));
}

static bool server_start(struct kt_side *side, const struct kt_side *server)
{
    struct kt_path cert = kt_place_path(side->place, KT_TOUR_STOCK_CERT);
    struct kt_path key = kt_place_path(side->place, KT_TOUR_STOCK_KEY);
    char visits[16];
    const char *const argv[] = {
        "openssl", "s_server", "-accept", "127.0.0.1:0", "-naccept", visits, side->tls12 ? "-tls1_2" : "-tls1_3",
        "-cert",   cert.text,  "-key",    key.text,      NULL,
    };
    const char *line;

    (void)server;
    (void)snprintf(visits, sizeof visits, "%u", side->visits > 0 ? side->visits : 1);
    if (!kt_side_start(side, argv, true, package)) {
        return false;
    }
    line = kt_child_expect_line(&side->child, side->data, "ACCEPT 127.0.0.1:", side->place->deadline_ms);
    if (line == NULL) {
        return kt_side_fail_saying(side, "does not listen");
    }
    side->port = (unsigned)strtoul(line, NULL, 10);
    return true;
}

static bool server_connected(struct kt_side *side)
{
    return kt_child_expect_line(&side->child, side->data, "CIPHER is ", side->place->deadline_ms) != NULL ||
           kt_side_fail_saying(side, "no handshake");
}

/* It says nothing in time. But it looks at its input before it looks at the connection: when the client's next line has
 * come out, this one has been read. */
static bool server_update(struct kt_side *side, bool both)
{
    return kt_side_send(side, both ? "K\n" : "k\n");
}

/* What it says of the chain comes from its authority down. */
static bool server_ask(struct kt_side *side, struct kt_side *client)
{
    const uint64_t deadline_ms = side->place->deadline_ms;

    (void)client;
    return kt_side_send(side, "c\n") &&
           ((kt_child_expect(&side->child, side->data, "depth=0 ", deadline_ms) != NULL &&
             kt_child_expect_line(&side->child, side->data, "verify return:1", deadline_ms) != NULL) ||
            kt_side_fail_saying(side, "got no certificate"));
}

static bool server_closed(struct kt_side *side)
{
    return (kt_child_expect(&side->child, side->data, "CONNECTION CLOSED", side->place->deadline_ms) != NULL &&
            kt_child_wait(&side->child, side->place->deadline_ms) == 0) ||
           kt_side_fail_saying(side, "does not end well");
}

/* Either role, where it was told to export the keying material of that name. */
static bool binding(struct kt_side *side, char hex[KT_TOUR_BINDING])
{
    return kt_side_take_binding(side, "Keying material: ", hex);
}

const struct kt_peer kt_peer_client_openssl = {
    .name = "openssl",
    .start = client_start,
    .connected = client_connected,
    .update = client_update,
    .binding = binding,
    .close = client_close,
};

const struct kt_peer kt_peer_server_openssl = {
    .name = "openssl",
    .start = server_start,
    .connected = server_connected,
    .update = server_update,
    .binding = binding,
    .ask = server_ask,
    .closed = server_closed,
};
