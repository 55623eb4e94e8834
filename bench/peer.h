/*
 * peer.h - what the benchmark asks of a TLS library. One adapter file for each; pair.c connects two of them.
 *
 * All adapters use their library alike: one version, X25519, one suite, no tickets (resuming: one, sealed by the
 * server and kept by nobody; in TLS 1.2 also an id, of a session kept by the server), a verified server whose name is
 * checked, and a verified client when asked for. Data is copied from and into the caller's memory.
 */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum suite {
    SUITE_AES_128_GCM,
    SUITE_AES_256_GCM,
    SUITE_CHACHA20_POLY1305,
};

struct options {
    const char *certs; /* folder with {ecdsa,rsa}-{root,server,client}.pem and .key, made by bench/run */
    const char *kind;  /* "ecdsa" or "rsa" */
    enum suite suite;
    bool tls12; /* instead of TLS 1.3; always with extended main secret */
    bool mutual;
    bool updates; /* KeyUpdates will be asked for without a pause, and counted */
    bool rest;    /* give buffers back while idle, where the library can */
    bool resume;  /* clients offer the newest session, in TLS 1.3 with a key exchange; servers issue one ticket */
    bool by_id;   /* or, in TLS 1.2, keep the sessions */
};

#define SERVER_NAME "server.test"

/* One direction of the connection: bytes go in at the end and out at the front. */
struct wire {
    size_t head, tail;
    uint8_t bytes[128 * 1024];
};

void wire_put(struct wire *wire, const void *data, size_t len);
/* Takes up to `cap` bytes; 0 when there are none. */
size_t wire_get(struct wire *wire, void *data, size_t cap);
size_t wire_len(const struct wire *wire);

struct peer;

extern const char peer_name[];

/* Makes what connections share. Like all functions here it ends the program when the library fails. */
void peer_setup(const struct options *options);
struct peer *peer_new(bool is_server, struct wire *in, struct wire *out);
/* As far as the bytes on the wire allow. True when done. */
bool peer_handshake(struct peer *peer);
void peer_send(struct peer *peer, const uint8_t *data, size_t len);
/* Up to `cap` bytes of what is on the wire, 0 when it holds no more. */
size_t peer_receive(struct peer *peer, uint8_t *data, size_t cap);
/* Changes the own key before the next data and asks the other side to do so. */
void peer_update(struct peer *peer);
/* How often the other side changed its key; only with options.updates. */
uint64_t peer_updates(const struct peer *peer);
/* Whether a session stood for the certificates. */
bool peer_resumed(const struct peer *peer);
/* Takes the session that came, in TLS 1.3 by the ticket that is still on the wire; later clients offer it. */
void peer_keep_session(struct peer *peer);
/* The connection will be idle. */
void peer_rest(struct peer *peer);
void peer_free(struct peer *peer);

/* Says what failed and exits. */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

#endif
