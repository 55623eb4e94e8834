/*
 * speed.c - the timed scenarios.
 *
 *      speed SCENARIO CERTS --seconds S       prints {"value": rate, "unit": "..."}
 *      speed SCENARIO CERTS --iterations N    does it exactly N times, for callgrind
 *
 * The clock is the CPU time of this thread: what else runs on the machine counts only by what it does to caches.
 */
#include "pair.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define MESSAGE_LEN 100

static struct pair *pair;

static void handshake(void)
{
    pair_open(pair);
    pair_handshake(pair);
    pair_close(pair);
}

/* With the ticket of the one before, and on to the next ticket. */
static void resumed(void)
{
    pair_open(pair);
    pair_handshake(pair);
    if (!peer_resumed(pair->client) || !peer_resumed(pair->server)) {
        die("the session was not resumed");
    }
    peer_keep_session(pair->client);
    pair_close(pair);
}

static void first_session(void)
{
    pair_open(pair);
    pair_handshake(pair);
    peer_keep_session(pair->client);
    pair_close(pair);
}

static void bulk(void)
{
    pair_to_server(pair, RECORD_LEN);
    pair_to_client(pair, RECORD_LEN);
}

static void message(void)
{
    pair_to_server(pair, MESSAGE_LEN);
    pair_to_client(pair, MESSAGE_LEN);
}

/* Both sides change their keys: the client asks, the server answers before its next record. */
static void update(void)
{
    peer_update(pair->client);
    pair_to_server(pair, 1);
    pair_to_client(pair, 1);
}

static const struct scenario {
    const char *word; /* of the name */
    void (*once)(void);
    bool connected; /* on an open connection */
    double per_turn;
    const char *unit;
} scenarios[] = {
    {"handshake", handshake, false, 1, "handshakes/s"},
    {"resumed", resumed, false, 1, "handshakes/s"},
    {"bulk", bulk, true, 2.0 * RECORD_LEN / 1e6, "MB/s"},
    {"message", message, true, 2, "messages/s"},
    {"update", update, true, 1, "rounds/s"},
};

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t repeat(const struct scenario *scenario, uint64_t count)
{
    for (uint64_t n = 0; n < count; n++) {
        scenario->once();
    }
    return count;
}

/* Turns a second, from batches that are long against the clock and short against the time wanted. */
static double rate(const struct scenario *scenario, double seconds)
{
    uint64_t batch = repeat(scenario, 8), turns = 0;
    double start = cpu_seconds(), used = 0;
    while (used < seconds) {
        turns += repeat(scenario, batch);
        used = cpu_seconds() - start;
        if (used < seconds / 50) {
            batch *= 2;
        }
    }
    return (double)turns / used;
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        die("usage: SCENARIO CERTS --seconds S | --iterations N");
    }
    const struct scenario *scenario = scenarios;
    while (strstr(argv[1], scenario->word) == NULL) {
        if (++scenario == scenarios + sizeof scenarios / sizeof *scenarios) {
            die("no such scenario: %s", argv[1]);
        }
    }
    struct options options = options_of(argv[1], argv[2]);
    peer_setup(&options);
    pair = pair_new();
    if (scenario->connected) {
        pair_open(pair);
        pair_handshake(pair);
    }
    if (options.resume) {
        first_session();
    }
    uint64_t before = options.updates ? peer_updates(pair->client) : 0;
    if (strcmp(argv[3], "--iterations") == 0) {
        uint64_t turns = repeat(scenario, strtoull(argv[4], NULL, 10));
        if (options.updates && peer_updates(pair->client) - before != turns) {
            die("not every round changed the keys");
        }
    } else {
        printf("{\"value\": %.6g, \"unit\": \"%s\"}\n", rate(scenario, strtod(argv[4], NULL)) * scenario->per_turn,
               scenario->unit);
        if (options.updates && peer_updates(pair->client) == before) {
            die("the keys were not changed");
        }
    }
    if (scenario->connected) {
        pair_close(pair);
    }
    pair_free(pair);
    return 0;
}
