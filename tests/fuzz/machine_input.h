/*
 * machine_input.h - the input of machine_fuzz: SCENE_BYTES of scene.h, which record (counted from 0 over both
 * directions), how, an offset of two bytes, and the bytes. A record that never comes means the end of the handshake:
 * then both get the bytes.
 */
#ifndef FUZZ_MACHINE_INPUT_H
#define FUZZ_MACHINE_INPUT_H

#include "fuzz/scene.h"

enum machine_how {
    MACHINE_REPLACE, /* the bytes arrive, and the record does not */
    MACHINE_BEFORE,
    MACHINE_BEHIND,
    MACHINE_PATCH,             /* the bytes lie over its content from the offset on */
    MACHINE_WAYS = 0x03,       /* one of these */
    MACHINE_REPAIR = 0x04,     /* signatures and Finished are made good */
    MACHINE_HOLD = 0x08,       /* asks stay open while it arrives */
    MACHINE_SPLIT = 0x10,      /* in two records */
    MACHINE_OTHER_TYPE = 0x20, /* the offset says which content type the bytes have */
};

#endif
