/*
 * session_cache.c - a list, oldest first: caches of clients are small, and connecting takes longer than looking.
 */
#include <keyturn/session_cache.h>

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/span.h"
#include "wire/reader.h"
#include "wire/writer.h"

enum { CAPACITY = 256, CAPACITY_MAX = 65536, KEY_MAX = 255, CACHE_VERSION = 1 };

struct item {
    struct kt_session *session;
    uint8_t key_len;
    uint8_t key[KEY_MAX];
};

struct kt_session_cache {
    pthread_mutex_t lock;
    size_t capacity;
    size_t count;
    struct item **items; /* `capacity` places; oldest first */
};

const struct kt_fault *kt_session_cache_new(size_t capacity, struct kt_session_cache **out)
{
    struct kt_session_cache *cache;

    if (capacity > CAPACITY_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    cache = calloc(1, sizeof *cache);
    if (cache == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    cache->capacity = capacity != 0 ? capacity : CAPACITY;
    cache->items = calloc(cache->capacity, sizeof(struct item *));
    if (cache->items == NULL) {
        free(cache);
        KT_FAIL(MEMORY_SPENT);
    }
    pthread_mutex_init(&cache->lock, NULL);
    *out = cache;
    return NULL;
}

static void free_item(struct item *item)
{
    if (item != NULL) {
        kt_session_unref(item->session);
        free(item);
    }
}

void kt_session_cache_free(struct kt_session_cache *cache)
{
    if (cache == NULL) {
        return;
    }
    for (size_t i = 0; i < cache->count; i++) {
        free_item(cache->items[i]);
    }
    pthread_mutex_destroy(&cache->lock);
    free(cache->items);
    free(cache);
}

/* Takes the session's reference, also when it fails. */
static struct item *make_item(struct kt_span key, struct kt_session *session)
{
    struct item *item = malloc(sizeof *item);

    if (item == NULL) {
        kt_session_unref(session);
        return NULL;
    }
    item->session = session;
    item->key_len = (uint8_t)key.len;
    kt_copy(item->key, key.p, key.len);
    return item;
}

/* With the lock held. */
static struct item *remove_at(struct kt_session_cache *cache, size_t i)
{
    struct item *item = cache->items[i];

    cache->count--;
    memmove(cache->items + i, cache->items + i + 1, (cache->count - i) * sizeof(struct item *));
    return item;
}

static void add(struct kt_session_cache *cache, struct item *item)
{
    struct item *oldest = NULL;

    pthread_mutex_lock(&cache->lock);
    if (cache->count == cache->capacity) {
        oldest = remove_at(cache, 0);
    }
    cache->items[cache->count++] = item;
    pthread_mutex_unlock(&cache->lock);
    free_item(oldest);
}

const struct kt_fault *kt_session_cache_put(struct kt_session_cache *cache, struct kt_span key,
                                            struct kt_session *session)
{
    struct item *item;

    if (key.len > KEY_MAX || (key.len > 0 && key.p == NULL) || kt_session_facts(session).role != KT_CLIENT) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    item = make_item(key, kt_session_ref(session));
    if (item == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    add(cache, item);
    return NULL;
}

static bool alpn_fits(struct kt_span name, const struct kt_span *alpn, size_t n)
{
    bool fits = name.len == 0;

    for (size_t i = 0; i < n && !fits; i++) {
        fits = kt_span_same(name, alpn[i]);
    }
    return fits;
}

/* What is looked for. */
struct wanted {
    struct kt_span key, server_name;
    const struct kt_span *alpn;
    size_t alpn_count;
};

static bool fits(const struct item *item, const struct wanted *wanted)
{
    struct kt_session_facts facts = kt_session_facts(item->session);

    return kt_span_same(kt_span_of(item->key, item->key_len), wanted->key) &&
           kt_span_same(facts.server_name, wanted->server_name) &&
           alpn_fits(facts.alpn, wanted->alpn, wanted->alpn_count);
}

/* Drops what has expired on the way. With the lock held. */
static struct item *find(struct kt_session_cache *cache, const struct wanted *wanted, int64_t now)
{
    for (size_t i = cache->count; i-- > 0;) {
        if (kt_session_facts(cache->items[i]->session).expires_at <= now) {
            free_item(remove_at(cache, i));
        } else if (fits(cache->items[i], wanted)) {
            return remove_at(cache, i);
        }
    }
    return NULL;
}

struct kt_session *kt_session_cache_take(struct kt_session_cache *cache, struct kt_span key, struct kt_span server_name,
                                         const struct kt_span *alpn, size_t n, int64_t now)
{
    const struct wanted wanted = {key, server_name, alpn, n};
    struct kt_session *session = NULL;
    struct item *item;

    pthread_mutex_lock(&cache->lock);
    item = find(cache, &wanted, now);
    pthread_mutex_unlock(&cache->lock);
    if (item != NULL) {
        session = item->session;
        free(item);
    }
    return session;
}

/* As bytes: a version, then for each session key and session, each behind its length. */

static size_t export_size(const struct kt_session_cache *cache)
{
    size_t size = 1;

    for (size_t i = 0; i < cache->count; i++) {
        size += 1u + cache->items[i]->key_len + 3u + kt_session_export(cache->items[i]->session, NULL, 0);
    }
    return size;
}

static void export_all(const struct kt_session_cache *cache, struct kt_writer *w)
{
    kt_put_u8(w, CACHE_VERSION);
    for (size_t i = 0; i < cache->count; i++) {
        const struct item *item = cache->items[i];
        size_t len = kt_session_export(item->session, NULL, 0);
        uint8_t *room;

        kt_put_vec(w, 1, kt_span_of(item->key, item->key_len));
        kt_put_u24(w, (uint32_t)len);
        room = kt_writer_room(w, len);
        if (room != NULL) {
            (void)kt_session_export(item->session, room, len);
        }
    }
}

size_t kt_session_cache_export(struct kt_session_cache *cache, uint8_t *out, size_t cap)
{
    struct kt_writer w = kt_writer_over(out, cap);
    size_t needed;

    pthread_mutex_lock(&cache->lock);
    needed = export_size(cache);
    if (needed <= cap) {
        export_all(cache, &w);
    }
    pthread_mutex_unlock(&cache->lock);
    return needed;
}

static const struct kt_fault *import_one(struct kt_reader *r, const struct kt_env *env, struct item **out)
{
    struct kt_span key, bytes;
    struct kt_session *session;

    if (!(kt_reader_vec8(r, &key) && kt_reader_vec24(r, &bytes))) {
        KT_FAIL(SESSION_MALFORMED);
    }
    KT_TRY(kt_session_import(env, bytes, &session));
    *out = make_item(key, session);
    if (*out == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    return NULL;
}

/* First into a list of their own, so that nothing has happened when one of them is bad. */
static const struct kt_fault *import_all(struct kt_session_cache *fresh, const struct kt_env *env, struct kt_span bytes)
{
    struct kt_reader r = kt_reader_over(bytes);
    uint8_t version;

    if (!kt_reader_u8(&r, &version) || version != CACHE_VERSION) {
        KT_FAIL(SESSION_MALFORMED);
    }
    while (!kt_reader_done(&r)) {
        struct item *item;

        KT_TRY(import_one(&r, env, &item));
        add(fresh, item);
    }
    return NULL;
}

const struct kt_fault *kt_session_cache_import(struct kt_session_cache *cache, const struct kt_env *env,
                                               struct kt_span bytes)
{
    struct kt_session_cache *fresh = NULL;
    const struct kt_fault *fault;

    KT_TRY(kt_session_cache_new(cache->capacity, &fresh));
    fault = import_all(fresh, env, bytes);
    if (fault == NULL) {
        for (size_t i = 0; i < fresh->count; i++) {
            add(cache, fresh->items[i]);
        }
        fresh->count = 0;
    }
    kt_session_cache_free(fresh);
    return fault;
}
