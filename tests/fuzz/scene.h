/*
 * scene.h - the two ends that a fuzzer lets talk, chosen by the first bytes of its input: version, credentials,
 * resumption, keys from elsewhere, limits. Toy crypto throughout. Whatever the bytes are, both configurations can be
 * built, and without meddling the handshake succeeds unless scene_may_fail says otherwise.
 */
#ifndef FUZZ_SCENE_H
#define FUZZ_SCENE_H

#include "support/loop.h"

enum { SCENE_BYTES = 4 };

/* Byte 0, above the version in its lowest three bits. */
enum scene_key {
    SCENE_RSA_SERVER = 0x08,
    SCENE_ED25519_SERVER = 0x10,
    SCENE_RSA_CLIENT = 0x20,
    SCENE_LEGACY = 0x40,     /* a legacy policy; below TLS 1.3, CBC and static RSA among it */
    SCENE_LAST_SUITE = 0x80, /* the last of the policy's suites alone */
};

/* Byte 1. */
enum scene_handshake {
    SCENE_NO_SHARE = 0x01, /* HelloRetryRequest */
    SCENE_REQUEST = 0x02,
    SCENE_REQUIRE = 0x04,
    SCENE_CLIENT_CREDENTIAL = 0x08,
    SCENE_POST_AUTH = 0x10,
    SCENE_RESUMPTION = 0x20,
    SCENE_STATEFUL = 0x40,
    SCENE_ASK_CONFIG = 0x80,
};

/* Byte 2. */
enum scene_beside {
    SCENE_PSK = 0x01,
    SCENE_PSK_KE = 0x02,
    SCENE_FIND_PSK = 0x04,
    SCENE_PADDING = 0x08,
    SCENE_RECORD_LIMIT = 0x10,
    SCENE_MAX_FRAGMENT = 0x20,
    SCENE_SCT = 0x40,
    SCENE_ALPN = 0x80,
};

/* Byte 3. */
enum scene_life {
    SCENE_FEW_RECORDS = 0x01,
    SCENE_FEW_SECONDS = 0x02,
    SCENE_FEW_BYTES = 0x04,
    SCENE_NO_COOKIE = 0x08,
    SCENE_TICKET_WISH = 0x10,
    SCENE_ASK_RESUME = 0x20, /* and each session is good once */
    SCENE_ASK_CREDENTIAL = 0x40,
    SCENE_SESSION_IDS = 0x80,
};

struct scene {
    struct loop l;
    uint8_t bytes[SCENE_BYTES];
    uint16_t version;
    struct loop_setup setup;
    struct test_env outside; /* of what outlives a configuration: ring, key, sessions */
    struct kt_ticket_ring *ring;
    struct kt_store *store;
    struct kt_psk *psk;
    bool held;               /* asks stay open */
    struct kt_session *kept; /* the last that a client was told of */
};

/* Everything but the connections; `l` is ready for loop_open. One scene at a time. */
void scene_begin(struct scene *s, const uint8_t bytes[SCENE_BYTES]);
/* Frees what is kept of sessions: before loop_close or tap_close, whose memory it is. */
void scene_forget(struct scene *s);
/* Frees the rest, behind those; aborts when memory leaked. */
void scene_end(struct scene *s);

/* The owner's answer to the open ask: whatever lets the handshake succeed. True when there was one. */
bool scene_answer(struct scene *s, enum kt_role role);
/* Everything passes and is answered, until nothing moves any more; nothing is answered while `held`. */
void scene_run(struct scene *s);

/* A handshake that nobody meddles with fails all the same: the client has nothing to show and must. */
bool scene_may_fail(const struct scene *s);

/* For a fuzzer: stops with a word about what was found. */
#define FUZZ_ASSERT(condition) ((condition) ? (void)0 : fuzz_failed(#condition, __FILE__, __LINE__))
_Noreturn void fuzz_failed(const char *what, const char *file, int line);

#endif
