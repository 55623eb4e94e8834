#include "fuzz/scene.h"

#include <stdio.h>
#include <stdlib.h>

#include "config/builder_impl.h"
#include "crypto/toy/toy.h"
#include "hs/machine.h"
#include "registry/limits.h"

static struct scene *now;

_Noreturn void fuzz_failed(const char *what, const char *file, int line)
{
    (void)fprintf(stderr, "%s:%d: not true: %s\n", file, line, what);
    abort();
}

static void must(const struct kt_fault *fault)
{
    if (fault != NULL) {
        (void)fprintf(stderr, "%s at %s:%u\n", kt_reason_name(fault->reason), fault->file, fault->line);
        abort();
    }
}

static bool wants(const struct scene *s, int byte, uint8_t bit)
{
    return (s->bytes[byte] & bit) != 0;
}

/* ---- what the bytes mean, made possible ---- */

static void clear_bits(struct scene *s, int byte, uint8_t bits)
{
    s->bytes[byte] = (uint8_t)(s->bytes[byte] & ~bits);
}

static bool has_key(const struct scene *s)
{
    return wants(s, 2, SCENE_PSK | SCENE_FIND_PSK);
}

/* Takes back what cannot be together, so that any bytes are a scene. */
static void reconcile(struct scene *s)
{
    unsigned count = KT_TLS_1_3 - KT_VERSION_OLDEST + 1;

    s->version = (uint16_t)(KT_TLS_1_3 - (s->bytes[0] & 7u) % count);
    if (s->version < KT_TLS_1_2) {
        s->bytes[0] |= SCENE_LEGACY;
        clear_bits(s, 0, SCENE_ED25519_SERVER);
    }
    if (s->version < KT_TLS_1_3) {
        clear_bits(s, 1, SCENE_NO_SHARE | SCENE_POST_AUTH | SCENE_STATEFUL);
        clear_bits(s, 2, SCENE_PSK | SCENE_PSK_KE | SCENE_FIND_PSK);
        clear_bits(s, 3, SCENE_TICKET_WISH);
    }
    if (wants(s, 0, SCENE_RSA_SERVER)) {
        clear_bits(s, 0, SCENE_ED25519_SERVER);
    }
    if (has_key(s)) {
        clear_bits(s, 1, SCENE_REQUIRE);
    }
    if (!wants(s, 1, SCENE_RESUMPTION)) {
        clear_bits(s, 1, SCENE_STATEFUL);
        clear_bits(s, 3, SCENE_TICKET_WISH | SCENE_ASK_RESUME | SCENE_SESSION_IDS);
    }
}

bool scene_may_fail(const struct scene *s)
{
    /* Below TLS 1.3 a key that has lived long enough may be the end of the connection. */
    return (wants(s, 1, SCENE_REQUIRE) && !wants(s, 1, SCENE_CLIENT_CREDENTIAL)) ||
           (s->version < KT_TLS_1_3 && wants(s, 3, SCENE_FEW_RECORDS | SCENE_FEW_BYTES | SCENE_FEW_SECONDS));
}

/* ---- configurations ---- */

static void set_suites(struct kt_builder *b)
{
    const bool rsa = wants(now, 0, SCENE_RSA_SERVER);
    uint16_t suite;

    if (now->version == KT_TLS_1_3) {
        suite = KT_SUITE_CHACHA20_POLY1305_SHA256;
    } else if (wants(now, 0, SCENE_LEGACY)) {
        suite = rsa ? KT_SUITE_RSA_WITH_AES_128_CBC_SHA : KT_SUITE_ECDHE_ECDSA_WITH_AES_128_CBC_SHA;
    } else {
        suite = rsa ? KT_SUITE_ECDHE_RSA_WITH_AES_256_GCM_SHA384 : KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
    }
    must(kt_builder_suites(b, &suite, 1));
}

static void set_resumption(struct kt_builder *b, enum kt_role role)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = role == KT_SERVER ? now->ring : NULL;
    r.stateful = role == KT_SERVER && wants(now, 1, SCENE_STATEFUL);
    r.session_ids = role == KT_SERVER && wants(now, 3, SCENE_SESSION_IDS);
    if (r.session_ids) {
        r.tickets = 0;
    }
    must(kt_builder_resumption(b, &r));
}

/* What both sides say. */
static void set_common(struct kt_builder *b, enum kt_role role)
{
    static const struct kt_span names[] = {{(const uint8_t *)"h2", 2}, {(const uint8_t *)"http/1.1", 8}};

    if (wants(now, 0, SCENE_LEGACY)) {
        must(kt_builder_policy(b, &kt_policy_2026_legacy));
    }
    must(kt_builder_versions(b, now->version, now->version));
    if (wants(now, 0, SCENE_LAST_SUITE)) {
        set_suites(b);
    }
    if (wants(now, 1, SCENE_RESUMPTION)) {
        set_resumption(b, role);
    }
    must(kt_builder_padding(b, wants(now, 2, SCENE_PADDING) ? 64 : 0));
    if (wants(now, 2, SCENE_RECORD_LIMIT)) {
        must(kt_builder_record_limit(b, 64));
    }
    if (wants(now, 2, SCENE_ALPN)) {
        must(kt_builder_alpn(b, names + (role == KT_SERVER ? 1 : 0), role == KT_SERVER ? 1 : 2));
    }
    kt_builder_danger_psk_ke(b, wants(now, 2, SCENE_PSK_KE));
    if (wants(now, 3, SCENE_ASK_CREDENTIAL)) {
        must(kt_builder_ask(b, KT_ASK_CHOOSE_CREDENTIAL));
    }
}

static void set_client(struct kt_builder *b)
{
    set_common(b, KT_CLIENT);
    if (wants(now, 1, SCENE_NO_SHARE)) {
        must(kt_builder_key_shares(b, 0));
    }
    kt_builder_post_handshake_auth(b, wants(now, 1, SCENE_POST_AUTH));
    if (has_key(now)) {
        must(kt_builder_psk(b, now->psk));
    }
    must(kt_builder_max_fragment(b, wants(now, 2, SCENE_MAX_FRAGMENT) ? 512 : 0));
    kt_builder_sct(b, wants(now, 2, SCENE_SCT));
    if (wants(now, 3, SCENE_TICKET_WISH)) {
        must(kt_builder_ticket_request(b, 3, 1));
    }
}

static void set_server(struct kt_builder *b)
{
    set_common(b, KT_SERVER);
    kt_builder_client_auth(b, wants(now, 1, SCENE_REQUIRE)   ? KT_CLIENT_AUTH_REQUIRE
                              : wants(now, 1, SCENE_REQUEST) ? KT_CLIENT_AUTH_REQUEST
                                                             : KT_CLIENT_AUTH_NONE);
    if (wants(now, 1, SCENE_ASK_CONFIG)) {
        must(kt_builder_ask(b, KT_ASK_CHOOSE_CONFIG));
    }
    if (wants(now, 2, SCENE_FIND_PSK)) {
        must(kt_builder_ask(b, KT_ASK_FIND_PSK));
    } else if (wants(now, 2, SCENE_PSK)) {
        must(kt_builder_psk(b, now->psk));
    }
    kt_builder_cookie(b, !wants(now, 3, SCENE_NO_COOKIE));
    if (wants(now, 3, SCENE_ASK_RESUME)) {
        must(kt_builder_ask(b, KT_ASK_RESUME));
    }
}

static const struct kt_lifetime *lifetime_of(const struct scene *s)
{
    static struct kt_lifetime life;

    life = kt_lifetime_default();
    /* As many key changes as the limits ask for, at once; strangers would call that a flood. */
    life.min_gap_ms = 0;
    life.peer_budget = wants(s, 3, SCENE_FEW_RECORDS | SCENE_FEW_BYTES | SCENE_FEW_SECONDS) ? 65535 : life.peer_budget;
    life.sending.max_records = life.receiving.max_records = wants(s, 3, SCENE_FEW_RECORDS) ? 3 : 0;
    life.sending.max_bytes = life.receiving.max_bytes = wants(s, 3, SCENE_FEW_BYTES) ? 100 : 0;
    life.sending.max_seconds = life.receiving.max_seconds = wants(s, 3, SCENE_FEW_SECONDS) ? 5 : 7200;
    return &life;
}

/* ---- what is seen ---- */

/* Names are told as pointers of one table. */
static uint8_t state_named(const char *name)
{
    uint8_t state = 0;

    while (kt_state_name(state) != name) {
        state++;
        FUZZ_ASSERT(state < KT_STATE_COUNT);
    }
    return state;
}

static bool is_declared(uint8_t from, uint8_t to)
{
    for (const struct kt_table *const *table = kt_all_tables; *table != NULL; table++) {
        for (size_t i = 0; i < (*table)->count; i++) {
            const struct kt_row *row = &(*table)->rows[i];

            for (size_t j = 0; row->state == from && j < KT_ROW_NEXT_MAX; j++) {
                if (row->next[j] == to) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* R1: the machine goes where a row leads and nowhere else. */
static void observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_STATE) {
        FUZZ_ASSERT(is_declared(state_named(notice->u.state.from), state_named(notice->u.state.to)));
    }
    if (notice->kind == KT_NOTICE_SESSION && kt_session_facts(notice->u.session).role == KT_CLIENT) {
        uint8_t bytes[4096];
        size_t len = kt_session_export(notice->u.session, bytes, sizeof bytes);

        kt_session_unref(now->kept);
        now->kept = NULL;
        /* A copy whose memory is not that of the run, which may be told to fail. */
        must(kt_session_import(&now->outside.env, (struct kt_span){bytes, len}, &now->kept));
    }
}

/* ---- answers ---- */

static void answer_with_credential(struct scene *s, struct kt_conn *conn, enum kt_role role)
{
    uint8_t kind = role == KT_SERVER ? s->setup.server_key : s->setup.client_key;
    struct kt_credential *credential = NULL;

    if (role == KT_SERVER || s->setup.client_credential) {
        size_t fails = s->l.env.alloc_fail;

        s->l.env.alloc_fail = 0;
        credential = loop_credential(&s->l, kind, role == KT_SERVER ? "server.example" : NULL);
        s->l.env.alloc_fail = fails;
    }
    (void)!kt_answer_credential(conn, credential);
    kt_credential_unref(credential);
}

/* What is still asked cannot be answered so: the key found is none of those the client was made to show. */
static void refuse_if_still_asked(struct kt_conn *conn, uint32_t number)
{
    const struct kt_ask *ask = kt_conn_ask(conn);

    if (ask != NULL && ask->number == number) {
        (void)!kt_answer_refuse(conn, NULL);
    }
}

bool scene_answer(struct scene *s, enum kt_role role)
{
    struct kt_conn *conn = loop_conn(&s->l, role);
    const struct kt_ask *ask = kt_conn_ask(conn);
    uint32_t number = ask != NULL ? ask->number : 0;
    bool answered;

    if (ask != NULL && ask->kind == KT_ASK_CHOOSE_CREDENTIAL) {
        answer_with_credential(s, conn, role);
        refuse_if_still_asked(conn, number);
        return true;
    }
    s->l.hold_asks = false;
    answered = loop_answer(&s->l, conn);
    s->l.hold_asks = true;
    if (answered) {
        refuse_if_still_asked(conn, number);
    }
    return answered;
}

void scene_run(struct scene *s)
{
    bool answered;

    s->l.hold_asks = true; /* loop_run answers otherwise than we do */
    do {
        loop_run(&s->l);
        answered = !s->held && scene_answer(s, KT_CLIENT);
        answered = (!s->held && scene_answer(s, KT_SERVER)) || answered;
    } while (answered);
}

/* ---- begin and end ---- */

void scene_begin(struct scene *s, const uint8_t bytes[SCENE_BYTES])
{
    static const uint8_t key[32] = {1, 2, 3};
    const struct kt_psk_parts parts = {{(const uint8_t *)"key", 3}, {key, sizeof key}, KT_PSK_SHA256, true, {NULL, 0}};
    const struct kt_store_options options = {.capacity = 16, .sessions = 16, .single_use = true};

    now = s;
    for (int i = 0; i < SCENE_BYTES; i++) {
        s->bytes[i] = bytes[i];
    }
    reconcile(s);
    test_env_init(&s->outside);
    s->kept = NULL;
    s->held = false;
    must(kt_ticket_ring_new(&s->outside.env, NULL, &s->ring));
    must(kt_psk_new(&s->outside.env, &parts, &s->psk));
    must(kt_store_new(&options, &s->store));
    s->setup = (struct loop_setup){
        .client = set_client,
        .server = set_server,
        .client_credential = wants(s, 1, SCENE_CLIENT_CREDENTIAL),
        .server_key = wants(s, 0, SCENE_RSA_SERVER)       ? KT_KEY_RSA
                      : wants(s, 0, SCENE_ED25519_SERVER) ? KT_KEY_ED25519
                                                          : KT_KEY_P256,
        .client_key = wants(s, 0, SCENE_RSA_CLIENT) ? KT_KEY_RSA : KT_KEY_P256,
        .lifetime = lifetime_of(s),
        .observer = observe,
    };
}

void scene_forget(struct scene *s)
{
    kt_store_free(s->store);
    s->store = NULL;
}

void scene_end(struct scene *s)
{
    kt_session_unref(s->kept);
    kt_psk_unref(s->psk);
    kt_ticket_ring_unref(s->ring);
    FUZZ_ASSERT(s->outside.live == 0);
}
