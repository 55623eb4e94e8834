/*
 * heap_count.h - counts every allocation of a test program, whoever makes it.
 *
 * Without a sanitizer the allocator of the C library is wrapped here; under the address and the thread sanitizer, which
 * bring their own, by the hooks they offer. To be included once.
 */
#ifndef TESTS_HEAP_COUNT_H
#define TESTS_HEAP_COUNT_H

#include <stddef.h>
#include <stdint.h>

static struct {
    int64_t live; /* bytes */
    int64_t peak; /* of live, since it was last set */
    uint64_t calls;
} heap;

static void heap_taken(size_t len)
{
    heap.calls++;
    heap.live += (int64_t)len;
    if (heap.live > heap.peak) {
        heap.peak = heap.live;
    }
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HEAP_HOOKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) /* clang says it so */
#define HEAP_HOOKS 1
#endif
#endif

#if defined(HEAP_HOOKS)

/* Of sanitizer/allocator_interface.h, which gcc does not bring along. */
int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void *, size_t),
                                              void (*on_free)(const volatile void *));
size_t __sanitizer_get_allocated_size(const volatile void *memory);

static void on_malloc(const volatile void *memory, size_t len)
{
    (void)memory;
    heap_taken(len);
}

static void on_free(const volatile void *memory)
{
    heap.live -= (int64_t)__sanitizer_get_allocated_size(memory);
}

static void heap_begin(void)
{
    assert_true(__sanitizer_install_malloc_and_free_hooks(on_malloc, on_free));
}

#else

#include <errno.h>
#include <malloc.h>

extern void *__libc_malloc(size_t len);
extern void *__libc_calloc(size_t count, size_t len);
extern void *__libc_realloc(void *memory, size_t len);
extern void *__libc_memalign(size_t alignment, size_t len);
extern void __libc_free(void *memory);

static void *counted(void *memory)
{
    if (memory != NULL) {
        heap_taken(malloc_usable_size(memory));
    }
    return memory;
}

void *malloc(size_t len)
{
    return counted(__libc_malloc(len));
}

void *calloc(size_t count, size_t len)
{
    return counted(__libc_calloc(count, len));
}

void *realloc(void *memory, size_t len)
{
    int64_t before = (int64_t)malloc_usable_size(memory);
    void *moved = __libc_realloc(memory, len);
    if (moved != NULL || len == 0) {
        heap.live -= before;
    }
    return counted(moved);
}

void *memalign(size_t alignment, size_t len)
{
    return counted(__libc_memalign(alignment, len));
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

void free(void *memory)
{
    heap.live -= (int64_t)malloc_usable_size(memory);
    __libc_free(memory);
}

static void heap_begin(void)
{
}

#endif

#endif
