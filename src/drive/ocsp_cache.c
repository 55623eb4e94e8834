#include "drive/ocsp_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    uint8_t id[KT_OCSP_ID_LEN];
    int64_t until;
    uint8_t *response; /* NULL: empty */
    size_t len;
};

struct kt_ocsp_cache {
    pthread_mutex_t lock;
    unsigned count;
    struct entry entries[];
};

struct kt_ocsp_cache *kt_ocsp_cache_new(unsigned entries)
{
    struct kt_ocsp_cache *cache = calloc(1, sizeof *cache + entries * sizeof cache->entries[0]);

    if (cache != NULL) {
        cache->count = entries;
        pthread_mutex_init(&cache->lock, NULL);
    }
    return cache;
}

static void empty(struct entry *entry)
{
    free(entry->response);
    *entry = (struct entry){.response = NULL};
}

void kt_ocsp_cache_free(struct kt_ocsp_cache *cache)
{
    if (cache != NULL) {
        for (unsigned i = 0; i < cache->count; i++) {
            empty(&cache->entries[i]);
        }
        pthread_mutex_destroy(&cache->lock);
        free(cache);
    }
}

static struct entry *find(struct kt_ocsp_cache *cache, struct kt_span id)
{
    for (unsigned i = 0; i < cache->count; i++) {
        struct entry *entry = &cache->entries[i];

        if (entry->response != NULL && kt_span_same(kt_span_of(entry->id, sizeof entry->id), id)) {
            return entry;
        }
    }
    return NULL;
}

/* An empty one has the end 0, which is the first of all. */
static struct entry *first_to_end(struct kt_ocsp_cache *cache)
{
    struct entry *best = &cache->entries[0];

    for (unsigned i = 1; i < cache->count; i++) {
        if (cache->entries[i].until < best->until) {
            best = &cache->entries[i];
        }
    }
    return best;
}

void kt_ocsp_cache_put(struct kt_ocsp_cache *cache, struct kt_span id, struct kt_span response, int64_t until)
{
    uint8_t *copy = malloc(response.len);
    struct entry *entry;

    if (copy == NULL || id.len != KT_OCSP_ID_LEN || cache->count == 0) {
        free(copy);
        return;
    }
    memcpy(copy, response.p, response.len);
    pthread_mutex_lock(&cache->lock);
    entry = find(cache, id);
    entry = entry != NULL ? entry : first_to_end(cache);
    free(entry->response);
    memcpy(entry->id, id.p, sizeof entry->id);
    entry->until = until;
    entry->response = copy;
    entry->len = response.len;
    pthread_mutex_unlock(&cache->lock);
}

uint8_t *kt_ocsp_cache_get(struct kt_ocsp_cache *cache, struct kt_span id, int64_t now, size_t *len)
{
    uint8_t *copy = NULL;
    struct entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = find(cache, id);
    if (entry != NULL && entry->until <= now) {
        empty(entry);
    } else if (entry != NULL && (copy = malloc(entry->len)) != NULL) {
        memcpy(copy, entry->response, entry->len);
        *len = entry->len;
    }
    pthread_mutex_unlock(&cache->lock);
    return copy;
}

void kt_ocsp_cache_drop(struct kt_ocsp_cache *cache, struct kt_span id)
{
    struct entry *entry;

    pthread_mutex_lock(&cache->lock);
    entry = find(cache, id);
    if (entry != NULL) {
        empty(entry);
    }
    pthread_mutex_unlock(&cache->lock);
}
