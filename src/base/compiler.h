/*
 * compiler.h - what we use of gcc and clang beyond C11.
 */
#ifndef KT_COMPILER_H
#define KT_COMPILER_H

#include <keyturn/base.h>

#define KT_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#define KT_LIKELY(x)       __builtin_expect(!!(x), 1)
#define KT_UNLIKELY(x)     __builtin_expect(!!(x), 0)

/* Defence that no test can reach: coverage leaves it out, and a debug build stops there. */
#ifdef NDEBUG
#define KT_NEVER(x) KT_UNLIKELY(x)
#else
#define KT_NEVER(x) (KT_UNLIKELY(x) ? (__builtin_trap(), true) : false)
#endif

#endif
