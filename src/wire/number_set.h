/*
 * number_set.h - a set of 16-bit numbers, to find repeated ones in one pass: a peer's list of thousands must
 * not cost a comparison of each with each.
 */
#ifndef KT_NUMBER_SET_H
#define KT_NUMBER_SET_H

#include "base/span.h"

struct kt_number_set {
    uint64_t words[1024];
};

static inline void kt_number_set_fill(struct kt_number_set *set, bool with_all)
{
    memset(set->words, with_all ? 0xff : 0, sizeof set->words);
}

/* False when it was there already. */
KT_MUST_USE static inline bool kt_number_set_add(struct kt_number_set *set, uint16_t number)
{
    uint64_t bit = UINT64_C(1) << (number & 63u);
    uint64_t *word = &set->words[number >> 6];
    bool added = (*word & bit) == 0;

    *word |= bit;
    return added;
}

/* Takes it out. False when it was not there. */
KT_MUST_USE static inline bool kt_number_set_take(struct kt_number_set *set, uint16_t number)
{
    uint64_t bit = UINT64_C(1) << (number & 63u);
    uint64_t *word = &set->words[number >> 6];
    bool taken = (*word & bit) != 0;

    *word &= ~bit;
    return taken;
}

#endif
