/* heap_watch.h - what an environment's memory held when it was given back. */
#ifndef TEST_HEAP_WATCH_H
#define TEST_HEAP_WATCH_H

#include "support/test_env.h"

/* From now on every block is kept as it comes back; what was kept before is dropped. For loop_setup.environment. */
void heap_watch(struct test_env *t);
/* Whether these bytes stand in a block that came back, and whether any did. */
bool heap_has(const uint8_t *bytes, size_t len);
bool heap_seen(void);
/* At the end of the program. */
void heap_forget(void);

#endif
