/*
 * victim.h - a TLS server under attack, whichever library it is made of. One adapter file for each.
 *
 * Both have a self-signed P-256 certificate, speak TLS 1.2 and 1.3 and are else as their library's defaults make them.
 */
#ifndef BUDGET_VICTIM_H
#define BUDGET_VICTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char victim_name[];

/* Once. With `client_auth` clients are asked for a certificate, which nobody verifies before its end. */
void victim_setup(bool client_auth);
void victim_teardown(void);

/* The server's end of a connection that begins, or begins anew. */
void victim_open(void);
void victim_close(void);

/* Takes bytes from the attacker and works until it wants more; data is read and thrown away. */
void victim_feed(const uint8_t *bytes, size_t len);
/* What it has to send, at most cap bytes at once. */
size_t victim_drain(uint8_t *bytes, size_t cap);
/* NULL while it goes on, otherwise why it gave up. */
const char *victim_verdict(void);

/* Bytes that the engine itself holds, where that is known apart from the heap: what is live, and the most so far. */
int64_t victim_engine_live(void);
int64_t victim_engine_peak(void);

#endif
