#include "base/span.h"

bool kt_same_public(const void *a, const void *b, size_t len)
{
    const uint8_t *x = a;
    const uint8_t *y = b;

    for (size_t i = 0; i < len; i++) {
        if (x[i] != y[i]) {
            return false;
        }
    }
    return true;
}
