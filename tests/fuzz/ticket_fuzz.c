/*
 * Ticket keys and tickets. The first byte chooses: any bytes as the keys of a ring; any bytes as a ticket; or a ticket
 * that the ring sealed, with the bytes laid over it. Nothing that a ring did not seal is ever opened, and keys that are
 * accepted are exported as they were.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/toy/toy.h"
#include "fuzz/scene.h"
#include "session/ticket_ring.h"
#include "wire/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct test_env env;

static struct kt_ticket_ring *new_ring(void)
{
    struct kt_ticket_ring *ring = NULL;

    FUZZ_ASSERT(kt_ticket_ring_new(&env.env, NULL, &ring) == NULL);
    return ring;
}

static void try_keys(struct kt_span bytes)
{
    struct kt_ticket_ring *ring = new_ring();
    uint8_t before[KT_TICKET_RING_BLOB], after[KT_TICKET_RING_BLOB];
    size_t len = kt_ticket_ring_export(ring, before, sizeof before);
    bool taken = kt_ticket_ring_import(ring, bytes) == NULL;
    size_t now = kt_ticket_ring_export(ring, after, sizeof after);

    FUZZ_ASSERT(now <= sizeof after);
    if (taken) {
        FUZZ_ASSERT(now == bytes.len && memcmp(after, bytes.p, now) == 0);
        FUZZ_ASSERT(kt_ticket_ring_rotate(ring) == NULL);
    } else {
        FUZZ_ASSERT(now == len && memcmp(after, before, len) == 0);
    }
    kt_ticket_ring_unref(ring);
}

static bool opens(const struct kt_crypto *crypto, const struct kt_ticket_ring *ring, struct kt_span ticket)
{
    struct kt_session_data out;
    bool good = kt_session_unseal(crypto, ring, ticket, &out);

    kt_wipe(&out, sizeof out);
    return good;
}

static void try_ticket(const struct kt_crypto *crypto, struct kt_span bytes)
{
    struct kt_ticket_ring *ring = new_ring();

    FUZZ_ASSERT(!opens(crypto, ring, bytes));
    kt_ticket_ring_unref(ring);
}

static size_t seal(const struct kt_crypto *crypto, struct kt_ticket_ring *ring, uint8_t out[KT_TICKET_MAX])
{
    const struct kt_session_data data = {.role = KT_SERVER,
                                         .version = KT_TLS_1_3,
                                         .suite = KT_SUITE_AES_128_GCM_SHA256,
                                         .secret = {.len = 32, .b = {1}},
                                         .origin = {.born = 10, .end = 20},
                                         .issued = 10,
                                         .lifetime = 5};
    struct kt_writer w = kt_writer_over(out, KT_TICKET_MAX);

    FUZZ_ASSERT(kt_session_seal(crypto, &env.env, ring, &data, &w) == NULL && kt_writer_finish(&w));
    return w.len;
}

/* An offset, how much is cut off the end, and what lies over the rest. */
static void try_damage(const struct kt_crypto *crypto, struct kt_span bytes)
{
    struct kt_ticket_ring *ring = new_ring();
    uint8_t ticket[KT_TICKET_MAX], damaged[KT_TICKET_MAX];
    size_t len = seal(crypto, ring, ticket);
    struct kt_reader r = kt_reader_over(bytes);
    uint16_t at, cut;

    if (kt_reader_u16(&r, &at) && kt_reader_u16(&r, &cut)) {
        size_t left = len - cut % len;
        struct kt_span over = kt_reader_rest(&r);

        memcpy(damaged, ticket, len);
        at = (uint16_t)(at % left);
        kt_copy(damaged + at, over.p, over.len < left - at ? over.len : left - at);
        FUZZ_ASSERT(opens(crypto, ring, kt_span_of(damaged, left)) ==
                    (left == len && memcmp(damaged, ticket, len) == 0));
    }
    kt_ticket_ring_unref(ring);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kt_crypto *crypto = kt_crypto_toy();

    if (size == 0) {
        return 0;
    }
    test_env_init(&env);
    switch (data[0] % 3) {
    case 0:
        try_keys(kt_span_of(data + 1, size - 1));
        break;
    case 1:
        try_ticket(crypto, kt_span_of(data + 1, size - 1));
        break;
    default:
        try_damage(crypto, kt_span_of(data + 1, size - 1));
        break;
    }
    FUZZ_ASSERT(env.live == 0);
    return 0;
}
