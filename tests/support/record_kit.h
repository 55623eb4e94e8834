/*
 * record_kit.h - what the tests of keys, lifetimes and records share: a world that counts, hex, a peer's
 * records.
 */
#ifndef KT_TEST_RECORD_KIT_H
#define KT_TEST_RECORD_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "record/carrier_tls.h"
#include "seam/crypto.h"

#include <cmocka.h>

/* Both the reason and the alert: the alert is a promise, the reason says that the right check fired. */
#define assert_fault(expr, name)                                                                                       \
    do {                                                                                                               \
        const struct kt_fault *kit_fault = (expr);                                                                     \
        assert_non_null(kit_fault);                                                                                    \
        assert_int_equal(kit_fault->reason, KT_REASON_##name);                                                         \
        assert_int_equal(kit_fault->alert, KT_ALERT_FOR_##name);                                                       \
    } while (0)
#define assert_good(expr) assert_null(expr)

/* ---- the world ---- */

enum { KIT_NOTICES = 64 };

struct kit_world {
    struct kt_env env;
    size_t allocs, live; /* calls until now; blocks not given back */
    size_t fail_at;      /* the call of alloc that fails; 0: none */
    uint64_t now_ms;
    uint64_t randoms; /* bytes drawn until now; each is another than the one before */
    bool no_random;   /* there are none */
    struct kt_notice notices[KIT_NOTICES];
    size_t notice_count;
};

static inline void *kit_alloc(void *user, size_t len)
{
    struct kit_world *world = user;
    void *memory = NULL;

    world->allocs++;
    if (world->allocs != world->fail_at) {
        memory = malloc(len);
        world->live++;
    }
    return memory;
}

static inline void kit_release(void *user, void *memory, size_t len)
{
    struct kit_world *world = user;

    (void)len;
    if (memory != NULL) {
        world->live--;
    }
    free(memory);
}

static inline uint64_t kit_now(void *user)
{
    return ((struct kit_world *)user)->now_ms;
}

static inline bool kit_random(void *user, uint8_t *out, size_t len)
{
    struct kit_world *world = user;

    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(world->randoms * 167 + (world->randoms >> 8) * 31);
        world->randoms++;
    }
    return !world->no_random;
}

static inline void kit_observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct kit_world *world = user;

    (void)conn;
    if (world->notice_count < KIT_NOTICES) {
        world->notices[world->notice_count++] = *notice;
    }
}

static inline void kit_world_init(struct kit_world *world)
{
    *world = (struct kit_world){.now_ms = 1000};
    world->env = (struct kt_env){
        .monotonic_ms = kit_now,
        .random = kit_random,
        .alloc = kit_alloc,
        .release = kit_release,
        .user = world,
    };
}

static inline struct kt_watch kit_watch(struct kit_world *world)
{
    return (struct kt_watch){&world->env, NULL};
}

/* ---- hex ---- */

static inline uint8_t kit_nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : (c | 32) - 'a' + 10);
}

/* The number of bytes; blanks are skipped. */
static inline size_t kit_unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;

    while (*hex != '\0') {
        if (*hex == ' ') {
            hex++;
            continue;
        }
        out[n++] = (uint8_t)(kit_nibble(hex[0]) << 4 | kit_nibble(hex[1]));
        hex += 2;
    }
    return n;
}

static inline void kit_assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    uint8_t *want = malloc(strlen(hex) / 2 + 1);

    assert_non_null(want);
    assert_int_equal(len, kit_unhex(hex, want));
    assert_memory_equal(bytes, want, len);
    free(want);
}

/* ---- suites and secrets ---- */

static inline const struct kt_suite *kit_suite(uint16_t id)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    const struct kt_suite *suite = NULL;

    if (crypto != NULL) {
        suite = kt_crypto_suite(crypto, id);
    }
    assert_non_null(suite);
    return suite;
}

static inline const struct kt_suite *kit_aes128(void)
{
    return kit_suite(KT_SUITE_AES_128_GCM_SHA256);
}

/* A secret of the hash's length, different for each seed. */
static inline struct kt_secret kit_secret(const struct kt_suite *suite, uint8_t seed)
{
    struct kt_secret secret = {.len = suite->hash->len};

    for (uint8_t i = 0; i < secret.len; i++) {
        secret.b[i] = (uint8_t)(seed + i);
    }
    return secret;
}

/* Keys of TLS 1.2 and below for one direction, different for each seed. */
static inline struct kt_keys12 kit_keys12(uint16_t version, bool encrypt_then_mac, uint8_t seed)
{
    struct kt_keys12 keys = {.version = version, .encrypt_then_mac = encrypt_then_mac};

    memset(keys.key, seed, sizeof keys.key);
    memset(keys.iv, seed + 1, sizeof keys.iv);
    memset(keys.mac_key, seed + 2, sizeof keys.mac_key);
    return keys;
}

/* ---- records of a peer ---- */

struct kit_wire {
    uint8_t b[1 << 18];
    size_t len;
    struct kt_protection protection;
};

static inline void kit_put_header(struct kit_wire *w, uint8_t type, size_t len)
{
    const uint8_t header[] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    memcpy(w->b + w->len, header, sizeof header);
    w->len += sizeof header;
}

static inline void kit_put_plain(struct kit_wire *w, uint8_t type, const void *bytes, size_t len)
{
    kit_put_header(w, type, len);
    if (len > 0) {
        memcpy(w->b + w->len, bytes, len);
    }
    w->len += len;
}

static inline void kit_put_sealed(struct kit_wire *w, uint8_t type, const void *bytes, size_t len, size_t padding)
{
    size_t record_len = 0;

    memset(w->b + w->len + KT_RECORD_HEADER, 0x77, w->protection.lead);
    assert_good(kt_protection_seal(&w->protection, type, bytes, len, padding, w->b + w->len, &record_len));
    w->len += record_len;
}

/* A handshake message of that type whose body is `len` counting bytes; returns its whole length. */
static inline size_t kit_message(uint8_t type, size_t len, uint8_t *out)
{
    const uint8_t header[] = {type, (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len};

    memcpy(out, header, sizeof header);
    for (size_t i = 0; i < len; i++) {
        out[sizeof header + i] = (uint8_t)(i * 7 + type);
    }
    return sizeof header + len;
}

#endif
