/*
 * Any message in any state: a handshake between two ends with toy crypto runs until a certain record passes, and then
 * the receiver gets something else, sealed under the keys that it expects. What is asked may be left open meanwhile.
 *
 * After SCENE_BYTES (scene.h): which record, how, and the bytes. With `repair` signatures and Finished are made good
 * again behind it, as by a peer that is malicious itself; without, a handshake in which a message was changed must not
 * be completed by both.
 *
 * Below TLS 1.3 there is no tap: what is not protected is changed as it stands on the wire.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/machine_input.h"
#include "support/tap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONTENT_MAX = 16000 };

static struct scene s;
static struct tap tap;
static struct {
    uint8_t at, how;
    uint16_t offset;
    struct kt_span bytes;
} input;
static unsigned passed;       /* records in both directions */
static bool must_not_succeed; /* a message of the handshake was changed, and nobody made it good */
static bool sealed[2];        /* below TLS 1.3: what this role sends is protected by now */

static bool has(uint8_t bit)
{
    return (input.how & bit) != 0;
}

static uint8_t type_of_bytes(void)
{
    return has(MACHINE_OTHER_TYPE) ? (uint8_t)(20 + input.offset % 5) : KT_CONTENT_HANDSHAKE;
}

/* ---- what arrives instead ---- */

typedef void put(uint8_t type, const uint8_t *content, size_t len);

static void put_in_two(put *out, uint8_t type, const uint8_t *content, size_t len)
{
    size_t half = has(MACHINE_SPLIT) ? len / 2 : 0;

    if (half > 0) {
        out(type, content, half);
    }
    out(type, content + half, len - half);
}

/* The content with the bytes laid over it from the offset on. */
static size_t patched(const uint8_t *content, size_t len, uint8_t *out)
{
    size_t at = len > 0 ? input.offset % len : 0;
    size_t n = input.bytes.len < CONTENT_MAX - at ? input.bytes.len : CONTENT_MAX - at;

    memcpy(out, content, len);
    memcpy(out + at, input.bytes.p, n);
    return at + n > len ? at + n : len;
}

static void meddle(put *out, uint8_t type, const uint8_t *content, size_t len)
{
    static uint8_t other[CONTENT_MAX + KT_PLAINTEXT_MAX];
    size_t other_len;

    switch (input.how & MACHINE_WAYS) {
    case MACHINE_REPLACE:
        put_in_two(out, type_of_bytes(), input.bytes.p, input.bytes.len);
        return;
    case MACHINE_BEFORE:
        put_in_two(out, type_of_bytes(), input.bytes.p, input.bytes.len);
        out(type, content, len);
        return;
    case MACHINE_BEHIND:
        out(type, content, len);
        put_in_two(out, type_of_bytes(), input.bytes.p, input.bytes.len);
        return;
    default:
        other_len = patched(content, len, other);
        put_in_two(out, type, other, other_len);
        return;
    }
}

/* Whether what happens at this record is a change that the receiver's Finished would show. */
static bool is_told_by_finished(enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    static uint8_t other[CONTENT_MAX + KT_PLAINTEXT_MAX];
    bool early = !kt_conn_is_connected(loop_conn(&s.l, from == KT_CLIENT ? KT_SERVER : KT_CLIENT));

    if (has(MACHINE_REPAIR) || !early || type != KT_CONTENT_HANDSHAKE || input.bytes.len == 0) {
        return false;
    }
    switch (input.how & MACHINE_WAYS) {
    case MACHINE_REPLACE:
        return type_of_bytes() != type || input.bytes.len != len || memcmp(input.bytes.p, content, len) != 0;
    case MACHINE_BEFORE:
    case MACHINE_BEHIND:
        return false; /* behind the last message it is no part of the handshake; nor is what another type holds */
    default:
        return patched(content, len, other) != len || memcmp(other, content, len) != 0;
    }
}

static void pass(put *out, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    if (passed++ != input.at || len > CONTENT_MAX) {
        out(type, content, len);
        return;
    }
    s.held = has(MACHINE_HOLD);
    must_not_succeed = is_told_by_finished(from, type, content, len);
    meddle(out, type, content, len);
}

/* ---- with the tap ---- */

static void put_by_tap(uint8_t type, const uint8_t *content, size_t len)
{
    if (len > 0 || type == KT_CONTENT_DATA) {
        tap_send(&tap, type, content, len);
    }
}

static void edit(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    (void)t;
    pass(put_by_tap, from, type, content, len);
}

/* ---- without ---- */

static uint8_t *plain_out;
static size_t plain_len, plain_cap;

static void put_plain(uint8_t type, const uint8_t *content, size_t len)
{
    uint8_t header[KT_RECORD_HEADER] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    if (plain_len + sizeof header + len > plain_cap) {
        return;
    }
    memcpy(plain_out + plain_len, header, sizeof header);
    kt_copy(plain_out + plain_len + sizeof header, content, len);
    plain_len += sizeof header + len;
}

static size_t filter_plain(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    static uint8_t copy[KT_RECORD_HEADER + KT_CIPHERTEXT12_MAX];

    (void)user;
    if (sealed[from]) {
        passed++;
        return len;
    }
    memcpy(copy, record, len);
    sealed[from] = copy[0] == KT_CONTENT_CCS;
    plain_out = record;
    plain_len = 0;
    plain_cap = cap;
    pass(put_plain, from, copy[0], copy + KT_RECORD_HEADER, len - KT_RECORD_HEADER);
    return plain_len;
}

/* ---- the run ---- */

static void run(void)
{
    scene_run(&s);
    s.held = false;
    scene_run(&s);
    for (int i = 0; i < 2 && s.version == KT_TLS_1_3; i++) {
        /* Both are at rest, or one has failed: what comes now belongs to no handshake. */
        if (passed <= input.at && kt_conn_is_connected(s.l.client) && kt_conn_is_connected(s.l.server)) {
            tap_inject(&tap, (enum kt_role)i, type_of_bytes(), input.bytes.p, input.bytes.len);
            scene_run(&s);
        }
    }
}

static bool read_input(const uint8_t *data, size_t size)
{
    struct kt_reader r = kt_reader_over(kt_span_of(data, size));
    struct kt_span scene;

    return kt_reader_bytes(&r, SCENE_BYTES, &scene) && kt_reader_u8(&r, &input.at) && kt_reader_u8(&r, &input.how) &&
           kt_reader_u16(&r, &input.offset) && kt_reader_bytes(&r, kt_reader_left(&r), &input.bytes) &&
           input.bytes.len > 0 && input.bytes.len <= CONTENT_MAX;
}

static void begin(void)
{
    passed = 0;
    must_not_succeed = false;
    sealed[0] = sealed[1] = false;
    if (s.version == KT_TLS_1_3) {
        tap_open(&tap, &s.l, &s.setup);
        tap.edit = edit;
        tap.repair = has(MACHINE_REPAIR);
    } else {
        loop_open(&s.l, &s.setup);
        s.l.filter = filter_plain;
    }
    s.l.store = s.store;
    s.l.psk = s.psk;
}

/* The tap follows messages that are whole in their record. */
static void begin_scene(const uint8_t *bytes)
{
    uint8_t whole[SCENE_BYTES];

    memcpy(whole, bytes, sizeof whole);
    whole[2] &= (uint8_t) ~(SCENE_RECORD_LIMIT | SCENE_MAX_FRAGMENT);
    scene_begin(&s, whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!read_input(data, size)) {
        return 0;
    }
    begin_scene(data);
    begin();
    run();
    FUZZ_ASSERT(!must_not_succeed || !kt_conn_is_connected(s.l.client) || !kt_conn_is_connected(s.l.server));
    loop_hang_up(&s.l);
    scene_forget(&s);
    if (s.version == KT_TLS_1_3) {
        tap_close(&tap);
    } else {
        loop_close(&s.l);
    }
    scene_end(&s);
    return 0;
}
