/*
 * A shard is a hash table and, over the same entries, a queue from the oldest to the newest. Its lock is held for one
 * lookup or one change; sessions are given back, which may wipe and free them, after it.
 */
#include "store/shelf.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/span.h"

enum { SHARDS = 16, BUCKETS = 1024 /* of a shard */ };

struct item {
    struct item *next; /* in its bucket */
    struct item *older, *newer;
    struct kt_session *session;
};

struct shard {
    pthread_mutex_t lock;
    size_t count;
    struct item *oldest, *newest;
    struct item *buckets[BUCKETS];
};

struct kt_shelf {
    size_t shard_cap;
    atomic_size_t count;
    _Atomic uint64_t evicted;
    struct shard shards[SHARDS];
};

/* FNV-1a over what is random already. */
static uint64_t hash_of(struct kt_span id)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < id.len; i++) {
        h = (h ^ id.p[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 29;
}

static struct shard *shard_of(struct kt_shelf *shelf, uint64_t hash)
{
    return &shelf->shards[hash % SHARDS];
}

/* With the lock held, as the next ones: the link to the item, or to the end of its bucket. */
static struct item **find(struct shard *shard, struct kt_span id)
{
    struct item **link = &shard->buckets[hash_of(id) / SHARDS % BUCKETS];

    while (*link != NULL && !kt_span_same(kt_session_facts((*link)->session).id, id)) {
        link = &(*link)->next;
    }
    return link;
}

static struct item *remove_at(struct kt_shelf *shelf, struct shard *shard, struct item **link)
{
    struct item *item = *link;

    *link = item->next;
    *(item->older != NULL ? &item->older->newer : &shard->oldest) = item->newer;
    *(item->newer != NULL ? &item->newer->older : &shard->newest) = item->older;
    shard->count--;
    atomic_fetch_sub(&shelf->count, 1);
    return item;
}

static void append(struct kt_shelf *shelf, struct shard *shard, struct item *item)
{
    struct item **link = find(shard, kt_session_facts(item->session).id);

    item->next = *link;
    *link = item;
    item->older = shard->newest;
    item->newer = NULL;
    *(shard->newest != NULL ? &shard->newest->newer : &shard->oldest) = item;
    shard->newest = item;
    shard->count++;
    atomic_fetch_add(&shelf->count, 1);
}

static void drop(struct item *item)
{
    if (item != NULL) {
        kt_session_unref(item->session);
        free(item);
    }
}

struct kt_shelf *kt_shelf_new(size_t capacity)
{
    struct kt_shelf *shelf = calloc(1, sizeof *shelf);

    if (shelf == NULL) {
        return NULL;
    }
    shelf->shard_cap = capacity / SHARDS;
    for (size_t i = 0; i < SHARDS; i++) {
        pthread_mutex_init(&shelf->shards[i].lock, NULL);
    }
    return shelf;
}

void kt_shelf_free(struct kt_shelf *shelf)
{
    if (shelf == NULL) {
        return;
    }
    for (size_t i = 0; i < SHARDS; i++) {
        struct shard *shard = &shelf->shards[i];

        while (shard->oldest != NULL) {
            drop(remove_at(shelf, shard, find(shard, kt_session_facts(shard->oldest->session).id)));
        }
        pthread_mutex_destroy(&shard->lock);
    }
    free(shelf);
}

/* A cap at insertion, whether or not anybody ever resumes (CVE-2024-2511). */
bool kt_shelf_put(struct kt_shelf *shelf, struct kt_session *session)
{
    struct kt_span id = kt_session_facts(session).id;
    struct shard *shard = shard_of(shelf, hash_of(id));
    struct item *item = malloc(sizeof *item);
    struct item *gone = NULL;

    if (item == NULL) {
        return false;
    }
    item->session = kt_session_ref(session);
    pthread_mutex_lock(&shard->lock);
    if (shard->count >= shelf->shard_cap) {
        gone = remove_at(shelf, shard, find(shard, kt_session_facts(shard->oldest->session).id));
        atomic_fetch_add(&shelf->evicted, 1);
    }
    append(shelf, shard, item);
    pthread_mutex_unlock(&shard->lock);
    drop(gone);
    return true;
}

struct kt_session *kt_shelf_find(struct kt_shelf *shelf, struct kt_span id)
{
    struct shard *shard = shard_of(shelf, hash_of(id));
    struct kt_session *session = NULL;
    struct item **link;

    pthread_mutex_lock(&shard->lock);
    link = find(shard, id);
    if (*link != NULL) {
        session = kt_session_ref((*link)->session);
    }
    pthread_mutex_unlock(&shard->lock);
    return session;
}

struct kt_session *kt_shelf_take(struct kt_shelf *shelf, struct kt_span id)
{
    struct shard *shard = shard_of(shelf, hash_of(id));
    struct kt_session *session = NULL;
    struct item *item = NULL;
    struct item **link;

    pthread_mutex_lock(&shard->lock);
    link = find(shard, id);
    if (*link != NULL) {
        item = remove_at(shelf, shard, link);
    }
    pthread_mutex_unlock(&shard->lock);
    if (item != NULL) {
        session = item->session;
        free(item);
    }
    return session;
}

size_t kt_shelf_count(const struct kt_shelf *shelf)
{
    return atomic_load(&shelf->count);
}

uint64_t kt_shelf_evicted(const struct kt_shelf *shelf)
{
    return atomic_load(&shelf->evicted);
}
