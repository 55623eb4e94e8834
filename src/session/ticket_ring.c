/*
 * ticket_ring.c - a small set of keys that all threads read and few change.
 *
 * The whole set is kept in atomic words under a version number, odd while somebody writes: a reader copies the words
 * and takes the copy only if the version stayed the same (a sequence lock). So no reader holds anything while it
 * works with a key, nothing has to be kept alive for it, and what is dropped is wiped at once.
 */
#include "session/ticket_ring.h"

#include "wire/reader.h"

enum { BLOB_VERSION = 1, DEFAULT_ROTATE = 43200, DEFAULT_KEEP = 129600 };

/* Newest first. A set without keys does not exist outside of kt_ticket_ring_new (CVE-2020-13777). */
struct key_set {
    uint64_t count;
    struct kt_ticket_key keys[KT_TICKET_RING_KEYS];
};

enum { SET_WORDS = sizeof(struct key_set) / sizeof(uint64_t) };
_Static_assert(sizeof(struct key_set) % sizeof(uint64_t) == 0, "copied by words");

struct kt_ticket_ring {
    atomic_uint refs;
    struct kt_env env;
    struct kt_ticket_ring_options options;
    _Atomic uint64_t version;
    _Atomic uint64_t words[SET_WORDS];
};

/* Returns the version that was read. */
static uint64_t read_set(const struct kt_ticket_ring *ring, struct key_set *out)
{
    uint64_t words[SET_WORDS];
    uint64_t before;

    do {
        before = atomic_load_explicit(&ring->version, memory_order_acquire);
        for (size_t i = 0; i < SET_WORDS; i++) {
            words[i] = atomic_load_explicit(&ring->words[i], memory_order_acquire);
        }
    } while (before % 2 != 0 || atomic_load_explicit(&ring->version, memory_order_relaxed) != before);
    memcpy(out, words, sizeof *out);
    kt_wipe(words, sizeof words);
    return before;
}

/* False when somebody else has changed the set since `version` was read. */
static bool write_set(struct kt_ticket_ring *ring, uint64_t version, const struct key_set *set)
{
    uint64_t words[SET_WORDS];

    if (!atomic_compare_exchange_strong_explicit(&ring->version, &version, version + 1, memory_order_acq_rel,
                                                 memory_order_relaxed)) {
        return false;
    }
    memcpy(words, set, sizeof words);
    for (size_t i = 0; i < SET_WORDS; i++) {
        atomic_store_explicit(&ring->words[i], words[i], memory_order_release);
    }
    atomic_store_explicit(&ring->version, version + 2, memory_order_release);
    kt_wipe(words, sizeof words);
    return true;
}

static int64_t wall_now(const struct kt_ticket_ring *ring)
{
    return ring->env.wall_seconds(ring->env.user);
}

static const struct kt_fault *make_key(const struct kt_ticket_ring *ring, struct kt_ticket_key *key)
{
    const struct kt_env *env = &ring->env;

    if (!env->random(env->user, key->name, sizeof key->name) ||
        !env->random(env->user, key->secret, sizeof key->secret)) {
        KT_FAIL(RANDOM_FAILED);
    }
    key->born = wall_now(ring);
    return NULL;
}

static void push(struct key_set *set, const struct kt_ticket_key *key)
{
    size_t kept = set->count < KT_TICKET_RING_KEYS ? (size_t)set->count : KT_TICKET_RING_KEYS - 1;

    memmove(set->keys + 1, set->keys, kept * sizeof set->keys[0]);
    set->keys[0] = *key;
    set->count = kept + 1;
}

/* Puts a new key in front, unless the set changed since `version`. */
static const struct kt_fault *rotate(struct kt_ticket_ring *ring, struct key_set *set, uint64_t version)
{
    struct kt_ticket_key key;
    const struct kt_fault *fault = make_key(ring, &key);

    if (fault == NULL) {
        push(set, &key);
        /* Who comes second keeps the key of who was first. */
        (void)write_set(ring, version, set);
    }
    kt_wipe(&key, sizeof key);
    return fault;
}

const struct kt_fault *kt_ticket_ring_rotate(struct kt_ticket_ring *ring)
{
    struct key_set set;
    uint64_t version = read_set(ring, &set);
    const struct kt_fault *fault = rotate(ring, &set, version);

    kt_wipe(&set, sizeof set);
    return fault;
}

const struct kt_fault *kt_ticket_ring_new(const struct kt_env *env, const struct kt_ticket_ring_options *options,
                                          struct kt_ticket_ring **out)
{
    static const struct kt_ticket_ring_options usual = {DEFAULT_ROTATE, DEFAULT_KEEP};
    const struct kt_fault *fault;
    struct kt_ticket_ring *ring;

    if (env == NULL || env->alloc == NULL || env->release == NULL || env->random == NULL || env->wall_seconds == NULL) {
        KT_FAIL(CONFIG_ENV);
    }
    options = options != NULL ? options : &usual;
    if (options->keep_seconds <= options->rotate_seconds) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    ring = env->alloc(env->user, sizeof *ring);
    if (ring == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    memset(ring, 0, sizeof *ring);
    atomic_init(&ring->refs, 1);
    ring->env = *env;
    ring->options = *options;
    fault = kt_ticket_ring_rotate(ring);
    if (fault != NULL) {
        kt_ticket_ring_unref(ring);
        return fault;
    }
    *out = ring;
    return NULL;
}

struct kt_ticket_ring *kt_ticket_ring_ref(struct kt_ticket_ring *ring)
{
    /* Whoever takes a reference has one already, so nothing has to be ordered. */
    atomic_fetch_add_explicit(&ring->refs, 1, memory_order_relaxed);
    return ring;
}

void kt_ticket_ring_unref(struct kt_ticket_ring *ring)
{
    struct kt_env env;

    /* What other threads did with it happens before it goes away. */
    if (ring == NULL || atomic_fetch_sub_explicit(&ring->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    env = ring->env;
    kt_wipe(ring, sizeof *ring);
    env.release(env.user, ring, sizeof *ring);
}

static bool is_due(const struct kt_ticket_ring *ring, const struct kt_ticket_key *newest)
{
    return ring->options.rotate_seconds != 0 && wall_now(ring) - newest->born >= ring->options.rotate_seconds;
}

const struct kt_fault *kt_ticket_ring_newest(struct kt_ticket_ring *ring, struct kt_ticket_key *out)
{
    const struct kt_fault *fault = NULL;
    struct key_set set;
    uint64_t version = read_set(ring, &set);

    if (is_due(ring, &set.keys[0])) {
        fault = rotate(ring, &set, version);
        (void)read_set(ring, &set);
    }
    *out = set.keys[0];
    kt_wipe(&set, sizeof set);
    return fault;
}

bool kt_ticket_ring_find(const struct kt_ticket_ring *ring, const uint8_t *name, struct kt_ticket_key *out)
{
    int64_t oldest = wall_now(ring) - ring->options.keep_seconds;
    struct key_set set;
    bool found = false;

    (void)read_set(ring, &set);
    for (size_t i = 0; i < set.count && !found; i++) {
        found = set.keys[i].born > oldest && kt_same_public(set.keys[i].name, name, KT_TICKET_NAME_LEN);
        if (found) {
            *out = set.keys[i];
        }
    }
    kt_wipe(&set, sizeof set);
    return found;
}

static void encode_set(struct kt_writer *w, const struct key_set *set)
{
    kt_put_u8(w, BLOB_VERSION);
    kt_put_u8(w, (uint8_t)set->count);
    for (size_t i = 0; i < set->count; i++) {
        const struct kt_ticket_key *key = &set->keys[i];

        kt_put_bytes(w, kt_span_of(key->name, sizeof key->name));
        kt_put_bytes(w, kt_span_of(key->secret, sizeof key->secret));
        kt_put_u64(w, (uint64_t)key->born);
    }
}

size_t kt_ticket_ring_export(const struct kt_ticket_ring *ring, uint8_t *out, size_t cap)
{
    uint8_t bytes[KT_TICKET_RING_BLOB];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);
    struct key_set set;

    _Static_assert(2 + sizeof set.keys <= sizeof bytes, "sized for it");
    (void)read_set(ring, &set);
    encode_set(&w, &set);
    if (w.len <= cap) {
        kt_copy(out, bytes, w.len);
    }
    kt_wipe(&set, sizeof set);
    kt_wipe(bytes, sizeof bytes);
    return w.len;
}

static bool decode_key(struct kt_reader *r, struct kt_ticket_key *key)
{
    struct kt_span name, secret;
    uint64_t born;

    if (!(kt_reader_bytes(r, sizeof key->name, &name) && kt_reader_bytes(r, sizeof key->secret, &secret) &&
          kt_reader_u64(r, &born) && born <= INT64_MAX / 2)) {
        return false;
    }
    kt_copy(key->name, name.p, name.len);
    kt_copy(key->secret, secret.p, secret.len);
    key->born = (int64_t)born;
    return true;
}

/* A key that nobody filled is no key. */
static bool is_filled(const struct kt_ticket_key *key)
{
    uint8_t any = 0;

    for (size_t i = 0; i < sizeof key->secret; i++) {
        any |= key->secret[i];
    }
    return any != 0;
}

static bool decode_set(struct kt_span bytes, struct key_set *set)
{
    struct kt_reader r = kt_reader_over(bytes);
    uint8_t version, count;

    *set = (struct key_set){0};
    if (!(kt_reader_u8(&r, &version) && version == BLOB_VERSION && kt_reader_u8(&r, &count) && count > 0 &&
          count <= KT_TICKET_RING_KEYS)) {
        return false;
    }
    for (set->count = 0; set->count < count; set->count++) {
        struct kt_ticket_key *key = &set->keys[set->count];

        if (!decode_key(&r, key) || !is_filled(key)) {
            return false;
        }
    }
    return kt_reader_done(&r);
}

const struct kt_fault *kt_ticket_ring_import(struct kt_ticket_ring *ring, struct kt_span bytes)
{
    struct key_set set, before;
    bool ok = decode_set(bytes, &set);

    while (ok && !write_set(ring, read_set(ring, &before), &set)) {
    }
    kt_wipe(&set, sizeof set);
    kt_wipe(&before, sizeof before);
    if (!ok) {
        KT_FAIL(TICKET_KEYS_MALFORMED);
    }
    return NULL;
}
