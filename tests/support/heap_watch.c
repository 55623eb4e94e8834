#include "support/heap_watch.h"

#include <stdlib.h>
#include <string.h>

static uint8_t *heap;
static size_t heap_len, heap_cap;
static void (*real_release)(void *user, void *memory, size_t len);

static void keep(const void *memory, size_t len)
{
    while (heap_len + len > heap_cap) {
        heap_cap = heap_cap * 2 + (1 << 20);
        heap = realloc(heap, heap_cap);
        if (heap == NULL) {
            abort();
        }
    }
    memcpy(heap + heap_len, memory, len);
    heap_len += len;
}

static void release_and_keep(void *user, void *memory, size_t len)
{
    if (memory != NULL) {
        keep(memory, len);
    }
    real_release(user, memory, len);
}

void heap_watch(struct test_env *t)
{
    heap_len = 0;
    real_release = t->env.release;
    t->env.release = release_and_keep;
}

bool heap_has(const uint8_t *bytes, size_t len)
{
    return heap_len > 0 && memmem(heap, heap_len, bytes, len) != NULL;
}

bool heap_seen(void)
{
    return heap_len > 0;
}

void heap_forget(void)
{
    free(heap);
    heap = NULL;
    heap_len = heap_cap = 0;
}
