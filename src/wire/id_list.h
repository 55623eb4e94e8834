/*
 * id_list.h - walking a list of 16-bit numbers as it stands on the wire (struct kt_id_list).
 */
#ifndef KT_ID_LIST_H
#define KT_ID_LIST_H

#include <keyturn/ask.h>

#include "base/compiler.h"

static inline size_t kt_id_list_count(struct kt_id_list list)
{
    return list.wire.len / 2;
}

static inline uint16_t kt_id_list_at(struct kt_id_list list, size_t index)
{
    return (uint16_t)(list.wire.p[2 * index] << 8 | list.wire.p[2 * index + 1]);
}

static inline bool kt_id_list_has(struct kt_id_list list, uint16_t id)
{
    for (size_t i = 0; i < kt_id_list_count(list); i++) {
        if (kt_id_list_at(list, i) == id) {
            return true;
        }
    }
    return false;
}

#endif
