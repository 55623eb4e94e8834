/*
 * banned.h - words that the engine does not use.
 *
 * The build includes this file before every source of levels 0 to 7. The headers that declare the words come
 * first; after them each use, also as the name of a member, is a compile error.
 */
#ifndef KT_BASE_BANNED_H
#define KT_BASE_BANNED_H

#include <alloca.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

/* Some C libraries wrap these in macros, which must go before the words are banned. */
#undef alloca
#undef fprintf
#undef printf
#undef snprintf
#undef sprintf
#undef vsnprintf
#undef vsprintf

/* Comparing: kt_ct_eq for what is secret, kt_same_public for the rest. A name is counted bytes, not text. */
#pragma GCC poison memcmp bcmp strcmp strncmp strcasecmp strncasecmp

/* Copying: memcpy with a length that was checked. */
#pragma GCC poison strcpy strncpy stpcpy strcat strncat strtok

/* Memory comes from the environment or an arena; the stack is not a buffer. */
#pragma GCC poison malloc calloc realloc free strdup strndup alloca

/* So do time and randomness: a run is a function of its inputs. */
#pragma GCC poison time clock clock_gettime gettimeofday rand srand getrandom

/* The engine reads no file and no variable, and has names, not texts. */
#pragma GCC poison getenv fopen printf fprintf sprintf snprintf vsprintf vsnprintf

#endif
