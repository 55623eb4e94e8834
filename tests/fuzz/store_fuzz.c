/*
 * The store as a script of actions of three bytes (what, which session, how much), played beside a model that forgets
 * nothing: the store may say no where the model says yes, when it has no room; never yes where the model says no.
 */
#include <stdlib.h>
#include <string.h>

#include <keyturn/store.h>

#include "fuzz/scene.h"
#include "session/session_impl.h"
#include "wire/reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SESSIONS = 64, LINEAGES = 8, NAMES = 4, ROOM = 16, LIFE = 1000, ACTIONS_MAX = 2000 };

enum action {
    ADMIT,
    KEEP,
    TAKE,
    REVOKE_SESSION,
    REVOKE_LINEAGE,
    REVOKE_IDENTITY,
    REVOKE_NAME,
    GENERATION,
    TIME,
    ACTIONS
};

struct model {
    struct kt_session *session;
    bool used, kept;
    bool revoked; /* at a time at or behind its making */
};

static struct test_env env;
static struct model models[SESSIONS];
static struct kt_store *store;
static int64_t now;
static uint32_t least_generation;

/* The n-th session of the test: everything of it follows from its number. */
static void make(size_t n)
{
    struct kt_session_data data = {
        .role = KT_SERVER,
        .id = {1, (uint8_t)n},
        .version = KT_TLS_1_3,
        .suite = KT_SUITE_AES_128_GCM_SHA256,
        .secret = {.len = 32, .b = {(uint8_t)n}},
        .server_name = {.len = 1, .b = {(uint8_t)('a' + n % NAMES)}},
        .origin = {.lineage = {2, (uint8_t)(n % LINEAGES)},
                   .born = now,
                   .end = now + LIFE,
                   .peer = {3, (uint8_t)(n / LINEAGES)},
                   .has_peer = true,
                   .authenticated = true},
        .generation = (uint32_t)(n % 5),
        .issued = now,
        .lifetime = LIFE / 2,
    };

    models[n] = (struct model){.session = NULL};
    FUZZ_ASSERT(kt_session_new(&env.env, &data, &models[n].session) == NULL);
}

static bool alive(const struct model *m)
{
    struct kt_session_facts facts = kt_session_facts(m->session);

    return now < facts.expires_at;
}

static bool allowed(const struct model *m)
{
    return !m->revoked && kt_session_facts(m->session).generation >= least_generation;
}

static void admit(struct model *m)
{
    /* Whether it lives is for the gate to say: the store only remembers what is asked in time. */
    if (alive(m) && kt_store_admit(store, m->session, now)) {
        FUZZ_ASSERT(allowed(m) && !m->used);
        m->used = true;
    }
}

static void take(struct model *m)
{
    struct kt_session *got = kt_store_take(store, kt_session_facts(m->session).id, now);

    if (got != NULL) {
        FUZZ_ASSERT(got == m->session && m->kept && alive(m) && allowed(m));
        kt_session_unref(got);
    }
    m->kept = false;
}

static struct kt_span key_of(const struct kt_session_facts *facts, enum kt_revoke by)
{
    switch (by) {
    case KT_REVOKE_SESSION:
        return facts->id;
    case KT_REVOKE_LINEAGE:
        return facts->lineage;
    case KT_REVOKE_IDENTITY:
        return facts->peer_sha256;
    case KT_REVOKE_NAME:
        break;
    }
    return facts->server_name;
}

static bool same(struct kt_span a, struct kt_span b)
{
    return a.len == b.len && memcmp(a.p, b.p, a.len) == 0;
}

static void revoke(const struct model *m, enum kt_revoke by)
{
    struct kt_session_facts facts = kt_session_facts(m->session);
    struct kt_span key = key_of(&facts, by);

    if (kt_session_revoke(store, by, key, now) != NULL) {
        return; /* no room: nothing is revoked */
    }
    for (size_t i = 0; i < SESSIONS; i++) {
        struct kt_session_facts other = kt_session_facts(models[i].session);

        models[i].revoked = models[i].revoked || same(key_of(&other, by), key);
    }
    FUZZ_ASSERT(kt_store_is_revoked(store, &facts));
}

/* One that has expired makes place for a new one of its number. */
static void pass_time(uint8_t much)
{
    now += much;
    for (size_t i = 0; i < SESSIONS; i++) {
        if (now >= kt_session_facts(models[i].session).lineage_ends_at) {
            take(&models[i]);
            kt_session_unref(models[i].session);
            make(i);
        }
    }
}

static void act(uint8_t action, struct model *m, uint8_t much)
{
    switch ((enum action)(action % ACTIONS)) {
    case ADMIT:
        admit(m);
        return;
    case KEEP:
        if (!m->kept) {
            m->kept = kt_store_keep(store, m->session);
        }
        return;
    case TAKE:
        take(m);
        return;
    case REVOKE_SESSION:
    case REVOKE_LINEAGE:
    case REVOKE_IDENTITY:
    case REVOKE_NAME:
        revoke(m, (enum kt_revoke)(action % ACTIONS - REVOKE_SESSION));
        return;
    case GENERATION:
        kt_session_revoke_generation(store, much % 6);
        least_generation = much % 6 > least_generation ? much % 6 : least_generation;
        return;
    case TIME:
        pass_time(much);
        return;
    case ACTIONS:
        return;
    }
}

static void check_counters(void)
{
    struct kt_store_counters c = kt_store_counters(store);

    FUZZ_ASSERT(c.entries <= ROOM && c.sessions <= ROOM);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct kt_store_options options = {.capacity = ROOM, .sessions = ROOM, .single_use = true};
    struct kt_reader r = kt_reader_over(kt_span_of(data, size));
    uint8_t action, which, much;

    test_env_init(&env);
    now = 1000000;
    least_generation = 0;
    FUZZ_ASSERT(kt_store_new(&options, &store) == NULL);
    for (size_t i = 0; i < SESSIONS; i++) {
        make(i);
    }
    for (int i = 0; i < ACTIONS_MAX && kt_reader_u8(&r, &action) && kt_reader_u8(&r, &which) && kt_reader_u8(&r, &much);
         i++) {
        act(action, &models[which % SESSIONS], much);
        check_counters();
    }
    kt_store_free(store);
    for (size_t i = 0; i < SESSIONS; i++) {
        kt_session_unref(models[i].session);
    }
    FUZZ_ASSERT(env.live == 0);
    return 0;
}
