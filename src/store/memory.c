/*
 * memory.c - the store of one process: a sharded table of things to remember until a time, and a shelf of sessions.
 *
 * An entry says "this key was used" or "what was made until then and has this key is revoked". The lock of a shard is
 * held for one lookup or insertion, never while anybody works with what was found: answers are values.
 */
#include <keyturn/store.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/span.h"
#include "registry/limits.h"
#include "store/shelf.h"

enum {
    SHARDS = 16,
    BUCKETS = 1024, /* of a shard */
    CAPACITY = 65536,
    CAPACITY_MIN = 16,
    CAPACITY_MAX = 1 << 24,
    KEY_MAX = 255,
    USED = KT_REVOKE_NAME + 1, /* a kind of entry beside those of enum kt_revoke */
};

struct entry {
    struct entry *next;
    int64_t at;    /* revoked: what was made until then */
    int64_t until; /* nobody has to know any more */
    uint8_t kind;
    uint8_t len;
    uint8_t key[];
};

struct shard {
    pthread_mutex_t lock;
    size_t count;
    size_t sweep; /* the bucket that is swept next */
    struct entry *buckets[BUCKETS];
};

struct kt_store {
    bool single_use;
    size_t shard_cap;
    atomic_uint_fast32_t least_generation;
    atomic_uint_fast64_t admitted, refused_used, refused_revoked, refused_full, entries;
    struct kt_shelf *shelf;
    struct shard shards[SHARDS];
};

/* What is looked for: a kind and a key. */
struct mark {
    uint8_t kind;
    struct kt_span key;
};

/* FNV-1a. Keys are random or digests but for names, of which the owner, not a peer, decides what is entered. */
static uint64_t hash_of(const struct mark *mark)
{
    uint64_t h = UINT64_C(0xcbf29ce484222325) ^ mark->kind;

    for (size_t i = 0; i < mark->key.len; i++) {
        h = (h ^ mark->key.p[i]) * UINT64_C(0x100000001b3);
    }
    return h ^ h >> 29;
}

static struct shard *shard_of(struct kt_store *store, uint64_t hash)
{
    return &store->shards[hash % SHARDS];
}

static struct entry **bucket_of(struct shard *shard, uint64_t hash)
{
    return &shard->buckets[hash / SHARDS % BUCKETS];
}

static bool is_for(const struct entry *entry, const struct mark *mark)
{
    return entry->kind == mark->kind && kt_span_same(kt_span_of(entry->key, entry->len), mark->key);
}

/* With the lock held, as all below. */
static struct entry *find(struct entry *entry, const struct mark *mark)
{
    while (entry != NULL && !is_for(entry, mark)) {
        entry = entry->next;
    }
    return entry;
}

static void drop_expired(struct kt_store *store, struct shard *shard, struct entry **link, int64_t now)
{
    while (*link != NULL) {
        struct entry *entry = *link;

        if (entry->until > now) {
            link = &entry->next;
            continue;
        }
        *link = entry->next;
        free(entry);
        shard->count--;
        atomic_fetch_sub(&store->entries, 1);
    }
}

/* Each insertion sweeps a few buckets, so that all are swept again and again; one that finds no room sweeps all. */
static bool make_room(struct kt_store *store, struct shard *shard, int64_t now)
{
    size_t n = shard->count < store->shard_cap ? 2 : BUCKETS;

    while (n-- > 0) {
        drop_expired(store, shard, &shard->buckets[shard->sweep++ % BUCKETS], now);
    }
    return shard->count < store->shard_cap;
}

static bool insert(struct kt_store *store, struct shard *shard, struct entry **bucket, const struct mark *mark,
                   int64_t now, int64_t until)
{
    struct entry *entry = make_room(store, shard, now) ? malloc(sizeof *entry + mark->key.len) : NULL;

    if (entry == NULL) {
        return false;
    }
    *entry =
        (struct entry){.next = *bucket, .at = now, .until = until, .kind = mark->kind, .len = (uint8_t)mark->key.len};
    kt_copy(entry->key, mark->key.p, mark->key.len);
    *bucket = entry;
    shard->count++;
    atomic_fetch_add(&store->entries, 1);
    return true;
}

static void free_entries(struct kt_store *store)
{
    for (size_t s = 0; s < SHARDS; s++) {
        for (size_t i = 0; i < BUCKETS; i++) {
            drop_expired(store, &store->shards[s], &store->shards[s].buckets[i], INT64_MAX);
        }
    }
}

/* 0: out of range. */
static size_t capacity_of(size_t wanted)
{
    if (wanted == 0) {
        return CAPACITY;
    }
    return wanted >= CAPACITY_MIN && wanted <= CAPACITY_MAX ? wanted : 0;
}

const struct kt_fault *kt_store_new(const struct kt_store_options *options, struct kt_store **out)
{
    size_t capacity = options != NULL ? capacity_of(options->capacity) : CAPACITY;
    size_t sessions = options != NULL ? capacity_of(options->sessions) : CAPACITY;
    struct kt_store *store;

    if (capacity == 0 || sessions == 0) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    store = calloc(1, sizeof *store);
    if (store != NULL) {
        store->shelf = kt_shelf_new(sessions);
    }
    if (store == NULL || store->shelf == NULL) {
        free(store);
        KT_FAIL(MEMORY_SPENT);
    }
    store->single_use = options != NULL && options->single_use;
    store->shard_cap = capacity / SHARDS;
    for (size_t s = 0; s < SHARDS; s++) {
        pthread_mutex_init(&store->shards[s].lock, NULL);
    }
    *out = store;
    return NULL;
}

void kt_store_free(struct kt_store *store)
{
    if (store == NULL) {
        return;
    }
    free_entries(store);
    kt_shelf_free(store->shelf);
    for (size_t s = 0; s < SHARDS; s++) {
        pthread_mutex_destroy(&store->shards[s].lock);
    }
    free(store);
}

/* Whether something that was made at `made` is revoked by this key. */
static bool is_revoked(struct kt_store *store, enum kt_revoke by, struct kt_span key, int64_t made)
{
    struct mark mark = {(uint8_t)by, key};
    uint64_t hash = hash_of(&mark);
    struct shard *shard = shard_of(store, hash);
    const struct entry *entry;
    bool revoked;

    pthread_mutex_lock(&shard->lock);
    entry = find(*bucket_of(shard, hash), &mark);
    revoked = entry != NULL && made <= entry->at;
    pthread_mutex_unlock(&shard->lock);
    return revoked;
}

static bool any_is_revoked(struct kt_store *store, const struct kt_session_facts *facts)
{
    int64_t origin = facts->full_handshake_at;

    return facts->generation < atomic_load(&store->least_generation) ||
           is_revoked(store, KT_REVOKE_SESSION, facts->id, facts->issued_at) ||
           is_revoked(store, KT_REVOKE_LINEAGE, facts->lineage, origin) ||
           is_revoked(store, KT_REVOKE_IDENTITY, facts->peer_sha256, origin) ||
           is_revoked(store, KT_REVOKE_NAME, facts->server_name, origin);
}

bool kt_store_is_revoked(struct kt_store *store, const struct kt_session_facts *facts)
{
    return facts->lineage.len > 0 && any_is_revoked(store, facts);
}

bool kt_store_keep(struct kt_store *store, struct kt_session *session)
{
    return kt_shelf_put(store->shelf, session);
}

/* What came from the shelf, if it may still be used; the reference goes on to the caller. */
static struct kt_session *judge(struct kt_store *store, struct kt_session *session, int64_t now)
{
    struct kt_session_facts facts;

    if (session == NULL) {
        return NULL;
    }
    facts = kt_session_facts(session);
    if (facts.expires_at > now && !any_is_revoked(store, &facts)) {
        return session;
    }
    if (facts.expires_at > now) {
        atomic_fetch_add(&store->refused_revoked, 1);
    }
    kt_session_unref(session);
    return NULL;
}

struct kt_session *kt_store_take(struct kt_store *store, struct kt_span id, int64_t now)
{
    struct kt_session *session = judge(store, kt_shelf_take(store->shelf, id), now);

    if (session != NULL) {
        atomic_fetch_add(&store->admitted, 1);
    }
    return session;
}

struct kt_session *kt_store_find(struct kt_store *store, struct kt_span id, int64_t now)
{
    return judge(store, kt_shelf_find(store->shelf, id), now);
}

/* Finding and marking are one step under one lock: of two who come at once, one is first. */
static bool use_once(struct kt_store *store, const struct kt_session_facts *facts, int64_t now)
{
    struct mark mark = {USED, facts->id};
    uint64_t hash = hash_of(&mark);
    struct shard *shard = shard_of(store, hash);
    struct entry **bucket = bucket_of(shard, hash);
    bool used, marked = false;

    pthread_mutex_lock(&shard->lock);
    used = find(*bucket, &mark) != NULL;
    if (!used) {
        marked = insert(store, shard, bucket, &mark, now, facts->expires_at);
    }
    pthread_mutex_unlock(&shard->lock);
    if (!marked) {
        atomic_fetch_add(used ? &store->refused_used : &store->refused_full, 1);
    }
    return marked;
}

bool kt_store_admit(struct kt_store *store, const struct kt_session *session, int64_t now)
{
    struct kt_session_facts facts = kt_session_facts(session);

    if (any_is_revoked(store, &facts)) {
        atomic_fetch_add(&store->refused_revoked, 1);
        return false;
    }
    if (store->single_use && !use_once(store, &facts, now)) {
        return false;
    }
    atomic_fetch_add(&store->admitted, 1);
    return true;
}

/* An entry of the same key is brought up to date: it needs no room. */
static bool revoke(struct kt_store *store, const struct mark *mark, int64_t now)
{
    int64_t until = now + KT_SESSION_SECONDS_MAX + 1; /* by then every lineage of now has ended */
    uint64_t hash = hash_of(mark);
    struct shard *shard = shard_of(store, hash);
    struct entry **bucket = bucket_of(shard, hash);
    struct entry *entry;
    bool done = true;

    pthread_mutex_lock(&shard->lock);
    entry = find(*bucket, mark);
    if (entry == NULL) {
        done = insert(store, shard, bucket, mark, now, until);
    } else if (entry->at < now) {
        entry->at = now;
        entry->until = until;
    }
    pthread_mutex_unlock(&shard->lock);
    return done;
}

const struct kt_fault *kt_session_revoke(struct kt_store *store, enum kt_revoke by, struct kt_span key, int64_t now)
{
    struct mark mark = {(uint8_t)by, key};

    if ((unsigned)by > KT_REVOKE_NAME || key.p == NULL || key.len == 0 || key.len > KEY_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (!revoke(store, &mark, now)) {
        KT_FAIL(MEMORY_SPENT);
    }
    return NULL;
}

void kt_session_revoke_generation(struct kt_store *store, uint32_t least)
{
    uint_fast32_t now = atomic_load(&store->least_generation);

    while (now < least && !atomic_compare_exchange_weak(&store->least_generation, &now, least)) {
    }
}

struct kt_store_counters kt_store_counters(const struct kt_store *store)
{
    return (struct kt_store_counters){
        .admitted = atomic_load(&store->admitted),
        .refused_used = atomic_load(&store->refused_used),
        .refused_revoked = atomic_load(&store->refused_revoked),
        .refused_full = atomic_load(&store->refused_full),
        .entries = atomic_load(&store->entries),
        .sessions = kt_shelf_count(store->shelf),
        .evicted = kt_shelf_evicted(store->shelf),
    };
}
