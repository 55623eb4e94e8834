/*
 * pair.h - a client and a server of one library, connected by memory.
 */
#ifndef BENCH_PAIR_H
#define BENCH_PAIR_H

#include "peer.h"

struct pair {
    struct wire to_server, to_client;
    struct peer *client, *server;
};

/* The wires outlive many connections, so that they cost nothing inside a measurement. */
struct pair *pair_new(void);
void pair_open(struct pair *pair);
/* Handshakes until both sides are done. */
void pair_handshake(struct pair *pair);
void pair_close(struct pair *pair);
void pair_free(struct pair *pair);

/* Receives exactly `len` bytes. */
void receive_all(struct peer *peer, size_t len);
/* One record of `len` bytes from one side to the other. */
void pair_to_server(struct pair *pair, size_t len);
void pair_to_client(struct pair *pair, size_t len);

/* The largest `len` above: a full record. */
#define RECORD_LEN 16384

/* Options from the words of a scenario's name: "tls12", "rsa", "mutual", "aes256", "chacha", "update", "resumed", "id".
 */
struct options options_of(const char *scenario, const char *certs);

#endif
