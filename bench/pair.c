/*
 * pair.c - a client and a server of one library, connected by memory.
 */
#include "pair.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A handshake takes three flights; what needs more than this many turns is stuck. */
#define MAX_TURNS 16

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "%s: ", peer_name);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

size_t wire_len(const struct wire *wire)
{
    return wire->tail - wire->head;
}

void wire_put(struct wire *wire, const void *data, size_t len)
{
    if (len > sizeof wire->bytes - wire->tail) {
        die("the wire is full");
    }
    memcpy(wire->bytes + wire->tail, data, len);
    wire->tail += len;
}

size_t wire_get(struct wire *wire, void *data, size_t cap)
{
    size_t len = wire_len(wire) < cap ? wire_len(wire) : cap;
    memcpy(data, wire->bytes + wire->head, len);
    wire->head += len;
    if (wire->head == wire->tail) {
        wire->head = wire->tail = 0;
    }
    return len;
}

struct pair *pair_new(void)
{
    struct pair *pair = calloc(1, sizeof *pair);
    if (pair == NULL) {
        die("out of memory");
    }
    memset(pair, 1, sizeof *pair); /* touched now, not inside a measurement */
    memset(pair, 0, sizeof *pair);
    return pair;
}

void pair_open(struct pair *pair)
{
    pair->to_server.head = pair->to_server.tail = 0;
    pair->to_client.head = pair->to_client.tail = 0;
    pair->client = peer_new(false, &pair->to_client, &pair->to_server);
    pair->server = peer_new(true, &pair->to_server, &pair->to_client);
}

void pair_handshake(struct pair *pair)
{
    bool client_done = false, server_done = false;
    for (int turn = 0; turn < MAX_TURNS; turn++) {
        client_done = client_done || peer_handshake(pair->client);
        server_done = server_done || peer_handshake(pair->server);
        if (client_done && server_done) {
            return;
        }
    }
    die("the handshake is stuck (client %s, server %s)", client_done ? "done" : "waits",
        server_done ? "done" : "waits");
}

void pair_close(struct pair *pair)
{
    peer_free(pair->client);
    peer_free(pair->server);
}

void pair_free(struct pair *pair)
{
    free(pair);
}

static const uint8_t data[RECORD_LEN];
static uint8_t sink[RECORD_LEN];

void receive_all(struct peer *peer, size_t len)
{
    size_t got = 0;
    while (got < len) {
        size_t now = peer_receive(peer, sink, sizeof sink);
        if (now == 0) {
            die("%zu of %zu bytes arrived", got, len);
        }
        got += now;
    }
}

void pair_to_server(struct pair *pair, size_t len)
{
    peer_send(pair->client, data, len);
    receive_all(pair->server, len);
}

void pair_to_client(struct pair *pair, size_t len)
{
    peer_send(pair->server, data, len);
    receive_all(pair->client, len);
}

struct options options_of(const char *scenario, const char *certs)
{
    struct options options = {.certs = certs, .kind = strstr(scenario, "rsa") ? "rsa" : "ecdsa"};
    options.mutual = strstr(scenario, "mutual") != NULL;
    options.updates = strstr(scenario, "update") != NULL;
    options.resume = strstr(scenario, "resumed") != NULL;
    options.by_id = strstr(scenario, "resumed-id") != NULL;
    options.tls12 = strstr(scenario, "tls12") != NULL;
    if (strstr(scenario, "aes256")) {
        options.suite = SUITE_AES_256_GCM;
    } else if (strstr(scenario, "chacha")) {
        options.suite = SUITE_CHACHA20_POLY1305;
    }
    return options;
}
