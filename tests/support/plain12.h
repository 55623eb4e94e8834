/*
 * plain12.h - somebody on the wire of a handshake of TLS 1.2, who sees and changes what is not protected: a
 * loop_filter.
 */
#ifndef TEST_PLAIN12_H
#define TEST_PLAIN12_H

#include "support/loop.h"
#include "wire/messages12.h"

struct plain12 {
    enum kt_role from;
    uint8_t type; /* the handshake message that is meddled with; 0: none, and what else is asked for */
    enum {
        PLAIN12_KEEP,
        PLAIN12_REMOVE,
        PLAIN12_TWICE,
        PLAIN12_BEFORE,     /* `other` goes before it */
        PLAIN12_AFTER,      /* and behind it, in the same record */
        PLAIN12_CCS_BEFORE, /* a change_cipher_spec does, in a record of its own */
        PLAIN12_XOR,        /* the byte at `at` of its body, counted from the end when negative, is changed */
    } how;
    uint8_t other[64];
    size_t other_len;
    int at;
    uint8_t with;
    void (*server_hello)(struct kt_server_hello *hello); /* changes it */
    void (*client_hello)(struct kt_client_hello *hello);
    uint32_t offered; /* what the client's hello had, seen on the way */
    bool drop_ccs;    /* of that side */
    unsigned edits;   /* how often it has meddled */
    bool protects[2]; /* that side has sent its change_cipher_spec */
};

size_t plain12_filter(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap);

#endif
