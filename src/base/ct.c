#include "base/ct.h"

#include <string.h>

/* Hides a value from the optimiser, so that it cannot turn masks back into branches. */
static inline uint32_t hidden(uint32_t x)
{
    __asm__("" : "+r"(x));
    return x;
}

bool kt_ct_eq(const uint8_t *a, const uint8_t *b, size_t len)
{
    uint32_t differ = 0;

    for (size_t i = 0; i < len; i++) {
        differ |= (uint32_t)(a[i] ^ b[i]);
        differ = hidden(differ);
    }
    return differ == 0;
}

uint32_t kt_ct_lt(uint32_t a, uint32_t b)
{
    uint64_t difference = (uint64_t)a - (uint64_t)b;

    return hidden((uint32_t)(difference >> 32));
}

uint8_t kt_ct_select(uint8_t mask, uint8_t a, uint8_t b)
{
    uint32_t m = hidden(mask);

    return (uint8_t)((m & a) | (~m & b));
}

void kt_wipe(void *p, size_t len)
{
    if (len > 0) {
        memset(p, 0, len);
        __asm__ __volatile__("" : : "r"(p) : "memory");
    }
}
