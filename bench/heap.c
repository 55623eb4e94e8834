/*
 * heap.c - what connections take from the heap.
 *
 *      heap SCENARIO CERTS     prints one JSON object
 *
 * The C library's allocator is wrapped in this program, so that every allocation counts, whoever makes it. Bytes are
 * what the allocator really handed out. What connections share is made before the counting begins.
 */
#include "pair.h"

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAIRS   64
#define RECORDS 1000

static struct {
    int64_t live, peak;
    uint64_t calls;
} heap;

extern void *__libc_malloc(size_t len);
extern void *__libc_calloc(size_t count, size_t len);
extern void *__libc_realloc(void *memory, size_t len);
extern void *__libc_memalign(size_t alignment, size_t len);
extern void __libc_free(void *memory);

static void *taken(void *memory)
{
    if (memory != NULL) {
        heap.calls++;
        heap.live += (int64_t)malloc_usable_size(memory);
        if (heap.live > heap.peak) {
            heap.peak = heap.live;
        }
    }
    return memory;
}

void *malloc(size_t len)
{
    return taken(__libc_malloc(len));
}

void *calloc(size_t count, size_t len)
{
    return taken(__libc_calloc(count, len));
}

void free(void *memory)
{
    heap.live -= (int64_t)malloc_usable_size(memory);
    __libc_free(memory);
}

void *realloc(void *memory, size_t len)
{
    int64_t before = (int64_t)malloc_usable_size(memory);
    void *moved = __libc_realloc(memory, len);
    if (moved != NULL || len == 0) {
        heap.live -= before;
    }
    return taken(moved);
}

void *memalign(size_t alignment, size_t len)
{
    return taken(__libc_memalign(alignment, len));
}

void *aligned_alloc(size_t alignment, size_t len)
{
    return memalign(alignment, len);
}

int posix_memalign(void **out, size_t alignment, size_t len)
{
    void *memory = memalign(alignment, len);
    if (memory == NULL) {
        return ENOMEM;
    }
    *out = memory;
    return 0;
}

/* What the connections of one role hold, and what they ever held at once. */
struct side {
    int64_t live, peak;
    uint64_t calls;
    int64_t base; /* of the heap, while code of this side runs */
    uint64_t base_calls;
};

static void enter(struct side *side)
{
    side->base = heap.peak = heap.live;
    side->base_calls = heap.calls;
}

static void leave(struct side *side)
{
    int64_t peak = side->live + heap.peak - side->base;
    side->peak = peak > side->peak ? peak : side->peak;
    side->live += heap.live - side->base;
    side->calls += heap.calls - side->base_calls;
}

static void open_pair(struct pair *pair, struct side *client, struct side *server)
{
    enter(client);
    pair->client = peer_new(false, &pair->to_client, &pair->to_server);
    leave(client);
    enter(server);
    pair->server = peer_new(true, &pair->to_server, &pair->to_client);
    leave(server);
    bool client_done = false, server_done = false;
    for (int turn = 0; !(client_done && server_done); turn++) {
        if (turn == 16) {
            die("the handshake is stuck");
        }
        enter(client);
        client_done = client_done || peer_handshake(pair->client);
        leave(client);
        enter(server);
        server_done = server_done || peer_handshake(pair->server);
        leave(server);
    }
}

/* A message each way, then silence. */
static void talk_and_rest(struct pair *pair, struct side *client, struct side *server)
{
    static const uint8_t message[100];
    enter(client);
    peer_send(pair->client, message, sizeof message);
    leave(client);
    enter(server);
    receive_all(pair->server, sizeof message);
    peer_send(pair->server, message, sizeof message);
    peer_rest(pair->server);
    leave(server);
    enter(client);
    receive_all(pair->client, sizeof message);
    peer_rest(pair->client);
    leave(client);
}

/* Allocations for RECORDS full records: written, and read. */
static void count_records(struct pair *pair, uint64_t *written, uint64_t *read)
{
    static const uint8_t record[RECORD_LEN];
    *written = *read = 0;
    for (int n = -20; n < RECORDS; n++) { /* the first ones may still make buffers */
        uint64_t start = heap.calls;
        peer_send(pair->client, record, sizeof record);
        uint64_t middle = heap.calls;
        receive_all(pair->server, sizeof record);
        if (n >= 0) {
            *written += middle - start;
            *read += heap.calls - middle;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        die("usage: SCENARIO CERTS");
    }
    struct options options = options_of(argv[1], argv[2]);
    options.rest = strstr(argv[1], "rest") != NULL;
    peer_setup(&options);

    static struct pair *pairs[PAIRS];
    struct side warm = {0}, client = {0}, server = {0};
    for (int n = 0; n < PAIRS; n++) {
        pairs[n] = pair_new();
        open_pair(pairs[n], &warm, &warm); /* what the library keeps for ever is made by now */
        pair_close(pairs[n]);
    }
    int64_t client_peak = 0, server_peak = 0;
    for (int n = 0; n < PAIRS; n++) {
        int64_t client_before = client.live, server_before = server.live;
        client.peak = client.live;
        server.peak = server.live;
        pairs[n]->to_client.head = pairs[n]->to_client.tail = 0;
        pairs[n]->to_server.head = pairs[n]->to_server.tail = 0;
        open_pair(pairs[n], &client, &server);
        client_peak += client.peak - client_before;
        server_peak += server.peak - server_before;
    }
    double client_calls = (double)client.calls / PAIRS, server_calls = (double)server.calls / PAIRS;
    for (int n = 0; n < PAIRS; n++) {
        talk_and_rest(pairs[n], &client, &server);
    }
    uint64_t written, read;
    double idle_client = (double)client.live / PAIRS, idle_server = (double)server.live / PAIRS;
    count_records(pairs[0], &written, &read);
    printf(
        "{\"idle client\": %.0f, \"idle server\": %.0f, \"peak client\": %.0f, \"peak server\": %.0f, "
        "\"mallocs client\": %.1f, \"mallocs server\": %.1f, \"mallocs a record written\": %.3f, "
        "\"mallocs a record read\": %.3f}\n",
        idle_client, idle_server, (double)client_peak / PAIRS, (double)server_peak / PAIRS, client_calls, server_calls,
        (double)written / RECORDS, (double)read / RECORDS);
    for (int n = 0; n < PAIRS; n++) {
        pair_close(pairs[n]);
        pair_free(pairs[n]);
    }
    return 0;
}
