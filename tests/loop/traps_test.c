/* Traps that others have fallen into and that no other file is about: each test is named after what happened (the table
 * of SECURITY.md lists all) and fails when the rule that keeps us out is taken away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <pthread.h>

#include "crypto/toy/toy.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;
static struct test_env ring_env;
static struct kt_ticket_ring *ring;
static struct kt_session *kept;    /* the last ticket's */
static struct kt_session *offered; /* what the client under test offers */

static unsigned offers; /* ClientHellos sent that offer a session */

static bool has_extension(struct kt_span message, uint16_t number)
{
    struct kt_extension_info all[32];
    size_t count = kt_message_extensions(message, all, 32);
    bool found = false;

    for (size_t i = 0; i < count; i++) {
        found = found || all[i].number == number;
    }
    return found;
}

static void keep(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_MESSAGE && notice->direction == KT_SENDING &&
        notice->u.message.type == KT_MSG_CLIENT_HELLO) {
        offers += has_extension(notice->u.message.body, 41);
    }
    if (notice->kind == KT_NOTICE_SESSION) {
        kt_session_unref(kept);
        kept = kt_session_ref(notice->u.session);
    }
}

static int begin(void **user)
{
    (void)user;
    kept = offered = NULL;
    offers = 0;
    memset(&l, 0, sizeof l);
    memset(&tap, 0, sizeof tap);
    test_env_init(&ring_env);
    return kt_ticket_ring_new(&ring_env.env, NULL, &ring) == NULL ? 0 : -1;
}

static int end(void **user)
{
    (void)user;
    kt_session_unref(kept);
    kt_session_unref(offered);
    if (tap.l != NULL) {
        tap_close(&tap);
    } else {
        loop_close(&l);
    }
    kt_ticket_ring_unref(ring);
    return ring_env.live == 0 ? 0 : -1;
}

static void resuming(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = ring;
    assert_null(kt_builder_resumption(b, &r));
}

static void resuming_with_retry(struct kt_builder *b)
{
    resuming(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static const struct loop_setup plain = {0};
static const struct loop_setup usual = {.client = resuming, .server = resuming, .observer = keep};
static const struct loop_setup retried = {.client = resuming_with_retry, .server = resuming, .observer = keep};

static struct kt_conn *receiver(enum kt_role from)
{
    return loop_conn(&l, from == KT_CLIENT ? KT_SERVER : KT_CLIENT);
}

/* The first connection brings a session; the second offers it, and `edit` is between them. */
static void run_resumption(const struct loop_setup *setup, tap_edit *edit)
{
    tap_open(&tap, &l, setup);
    loop_handshake(&l);
    offered = kt_session_ref(kept);
    l.session = offered;
    tap_reconnect(&tap);
    tap.edit = edit;
    tap.repair = true;
    loop_run(&l);
}

static void again(void)
{
    assert_int_equal(end(NULL), 0);
    assert_int_equal(begin(NULL), 0);
}

/* ---- messages and their extensions, changed on their way ---- */

struct message {
    uint8_t bytes[4096];
    size_t len;
};

static size_t u16_at(const uint8_t *p)
{
    return (size_t)(p[0] << 8 | p[1]);
}

static void put_u16_at(uint8_t *p, size_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

/* Where the length of the extensions stands. */
static size_t block_at(const struct message *m)
{
    size_t at = KT_MESSAGE_HEADER + 2u + 32u;

    if (m->bytes[0] == KT_MSG_ENCRYPTED_EXTENSIONS) {
        return KT_MESSAGE_HEADER;
    }
    at += 1u + m->bytes[at];
    if (m->bytes[0] == KT_MSG_SERVER_HELLO) {
        return at + 3;
    }
    at += 2 + u16_at(m->bytes + at);
    return at + 1u + m->bytes[at];
}

/* Where the four-byte header of the extension stands; 0: it is not there. */
static size_t extension_at(const struct message *m, uint16_t number)
{
    size_t at = block_at(m) + 2;

    while (at < m->len) {
        if (u16_at(m->bytes + at) == number) {
            return at;
        }
        at += 4 + u16_at(m->bytes + at + 2);
    }
    return 0;
}

static void fix_lengths(struct message *m)
{
    put_u16_at(m->bytes + block_at(m), m->len - block_at(m) - 2);
    put_u16_at(m->bytes + 2, m->len - KT_MESSAGE_HEADER);
}

static void remove_extension(struct message *m, uint16_t number)
{
    size_t at = extension_at(m, number);
    size_t len = 4 + u16_at(m->bytes + at + 2);

    assert_int_not_equal(at, 0);
    memmove(m->bytes + at, m->bytes + at + len, m->len - at - len);
    m->len -= len;
    fix_lengths(m);
}

static void add_extension(struct message *m, uint16_t number, const uint8_t *content, size_t len)
{
    assert_true(m->len + 4 + len <= sizeof m->bytes);
    put_u16_at(m->bytes + m->len, number);
    put_u16_at(m->bytes + m->len + 2, len);
    memcpy(m->bytes + m->len + 4, content, len);
    m->len += 4 + len;
    fix_lengths(m);
}

/* What is done to the messages of one side: each passes through `change`, which may make its length 0. */
static struct {
    enum kt_role from;
    void (*change)(struct message *m);
    unsigned hellos; /* ClientHellos that passed */
} plan;

static void change_messages(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    static uint8_t room[16384];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    struct kt_span rest = {content, len};
    struct kt_span whole;

    if (from != plan.from || type != KT_CONTENT_HANDSHAKE || t->lane[from].open_stage == 2) {
        tap_send(t, type, content, len);
        return;
    }
    while (tap_next_message(&rest, &whole)) {
        struct message m = {.len = whole.len};

        assert_true(whole.len <= sizeof m.bytes);
        memcpy(m.bytes, whole.p, whole.len);
        plan.hellos += m.bytes[0] == KT_MSG_CLIENT_HELLO;
        plan.change(&m);
        kt_put_bytes(&w, (struct kt_span){m.bytes, m.len});
    }
    assert_true(kt_writer_finish(&w));
    if (w.len > 0) {
        tap_send(t, type, room, w.len);
    }
}

static void change_resumption(const struct loop_setup *setup, enum kt_role from, void (*change)(struct message *m))
{
    plan.from = from;
    plan.change = change;
    plan.hellos = 0;
    run_resumption(setup, change_messages);
    assert_false(kt_conn_is_connected(receiver(from)));
}

/* ---- messages that are skipped, or that nobody asked for (SKIP-TLS: CVE-2014-6593, CVE-2015-0205) ---- */

static void leave_out_extensions(struct message *m)
{
    m->len = m->bytes[0] == KT_MSG_ENCRYPTED_EXTENSIONS ? 0 : m->len;
}

static void leave_out_finished(struct message *m)
{
    m->len = m->bytes[0] == KT_MSG_FINISHED ? 0 : m->len;
}

static void skip_tls_a_resumed_handshake_needs_all_its_messages(void **user)
{
    (void)user;
    change_resumption(&usual, KT_SERVER, leave_out_extensions);
    loop_assert_failed(l.client, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    again();
    change_resumption(&usual, KT_SERVER, leave_out_finished);
    assert_null(kt_conn_fault(l.client)); /* it waits */
    again();
    change_resumption(&usual, KT_CLIENT, leave_out_finished);
    assert_null(kt_conn_fault(l.server));
}

static uint8_t uncalled;

/* An empty one of this type, before Finished. */
static void put_uncalled(struct message *m)
{
    if (m->bytes[0] == KT_MSG_FINISHED) {
        memmove(m->bytes + 8, m->bytes, m->len);
        memcpy(m->bytes, (const uint8_t[]){uncalled, 0, 0, 4, 0, 0, 0, 0}, 8);
        m->len += 8;
    }
}

static void skip_tls_a_resumed_handshake_has_no_certificates(void **user)
{
    static const uint8_t types[] = {KT_MSG_CERTIFICATE, KT_MSG_CERTIFICATE_REQUEST, KT_MSG_CERTIFICATE_VERIFY};

    (void)user;
    for (int from = 0; from < 2; from++) {
        for (size_t i = 0; i < sizeof types; i++) {
            uncalled = types[i];
            change_resumption(&usual, (enum kt_role)from, put_uncalled);
            loop_assert_failed(receiver((enum kt_role)from), MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
            again();
        }
    }
}

/* Before whatever message of this type, and expects that it is refused for that and for nothing later. */
static struct {
    uint8_t type, other;
} between;

static void put_between(struct message *m)
{
    if (m->bytes[0] == between.type) {
        memmove(m->bytes + 8, m->bytes, m->len);
        memcpy(m->bytes, (const uint8_t[]){between.other, 0, 0, 4, 0, 0, 0, 0}, 8);
        m->len += 8;
    }
}

static void expect_no_place(const struct loop_setup *setup, enum kt_role from, uint8_t before, uint8_t type)
{
    between.type = before;
    between.other = type;
    plan.from = from;
    plan.change = put_between;
    tap_open(&tap, &l, setup);
    tap.edit = change_messages;
    tap.repair = true;
    loop_run(&l);
    loop_assert_failed(receiver(from), MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    again();
}

/* FREAK: an exchange of keys that is none of this version: ServerKeyExchange, ServerHelloDone, ClientKeyExchange. */
static void cve_2015_0204_other_key_exchanges_have_no_place(void **user)
{
    static const uint8_t of_server[] = {KT_MSG_ENCRYPTED_EXTENSIONS, KT_MSG_CERTIFICATE, KT_MSG_CERTIFICATE_VERIFY,
                                        KT_MSG_FINISHED};
    static const uint8_t types[] = {12, 14, 16};

    (void)user;
    for (size_t t = 0; t < sizeof types; t++) {
        for (size_t i = 0; i < sizeof of_server; i++) {
            expect_no_place(&plain, KT_SERVER, of_server[i], types[t]);
        }
        expect_no_place(&plain, KT_CLIENT, KT_MSG_FINISHED, types[t]);
    }
    loop_open(&l, &plain);
}

static void require(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void cve_2026_2645_a_signature_comes_in_its_place_only(void **user)
{
    static const struct loop_setup mutual = {.server = require, .client_credential = true};

    (void)user;
    for (int from = 0; from < 2; from++) {
        expect_no_place(&mutual, (enum kt_role)from, KT_MSG_CERTIFICATE, KT_MSG_CERTIFICATE_VERIFY);
        expect_no_place(&mutual, (enum kt_role)from, KT_MSG_FINISHED, KT_MSG_CERTIFICATE_VERIFY);
    }
    loop_open(&l, &plain);
}

/* A server without a certificate says that it resumes. */
static void pretend_to_resume(struct message *m)
{
    if (m->bytes[0] == KT_MSG_SERVER_HELLO) {
        add_extension(m, 41, (const uint8_t[]){0, 0}, 2);
    } else if (m->bytes[0] == KT_MSG_CERTIFICATE || m->bytes[0] == KT_MSG_CERTIFICATE_VERIFY) {
        m->len = 0;
    }
}

static void skip_tls_what_was_not_offered_is_not_resumed(void **user)
{
    (void)user;
    plan.from = KT_SERVER;
    plan.change = pretend_to_resume;
    tap_open(&tap, &l, &usual);
    tap.edit = change_messages;
    tap.repair = true;
    loop_run(&l);
    loop_assert_failed(l.client, EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
    assert_false(kt_conn_is_connected(l.client));
}

/* ---- verification ---- */

static bool sign_wrongly(struct loop *loop)
{
    const struct kt_ask *ask = kt_conn_ask(loop->server);
    uint8_t signature[KT_TOY_SIGNATURE_LEN] = {0};

    return ask != NULL && ask->kind == KT_ASK_SIGN &&
           kt_answer_signature(loop->server, signature, sizeof signature) == NULL;
}

/* goto fail (CVE-2014-1266) and its relative: an error on the way to the verdict became the verdict "good". */
static void cve_2014_0092_what_fails_while_verifying_is_no_success(void **user)
{
    bool reached = true;

    (void)user;
    for (uint64_t n = 1; reached; n++) {
        uint64_t before;

        loop_open(&l, &plain);
        l.hold_asks = true;
        loop_run(&l);
        assert_true(sign_wrongly(&l));
        before = kt_toy_calls();
        kt_toy_fail_at(n);
        l.hold_asks = false;
        loop_run(&l);
        assert_false(kt_conn_is_connected(l.client));
        assert_true(kt_conn_fault(l.client) != NULL || kt_conn_fault(l.server) != NULL);
        reached = kt_toy_calls() - before >= n;
        assert_true(n > 3 || reached);
        kt_toy_fail_at(0);
        if (reached) {
            loop_close(&l);
        }
    }
    loop_assert_failed(l.client, SIGNATURE_WRONG, DECRYPT_ERROR);
}

static uint16_t scheme;

static void name_scheme(struct message *m)
{
    if (m->bytes[0] == KT_MSG_CERTIFICATE_VERIFY) {
        put_u16_at(m->bytes + KT_MESSAGE_HEADER, scheme);
    }
}

/* SHA-256 is offered, and P-384 is; but not together. */
static void cve_2026_5194_a_digest_too_short_for_the_key_is_refused(void **user)
{
    static const struct {
        uint8_t key;
        uint16_t scheme;
    } wrong[] = {
        {KT_KEY_P384, KT_SCHEME_ECDSA_SECP256R1_SHA256},
        {KT_KEY_P521, KT_SCHEME_ECDSA_SECP256R1_SHA256},
        {KT_KEY_P521, KT_SCHEME_ECDSA_SECP384R1_SHA384},
    };

    (void)user;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        const struct loop_setup setup = {.server_key = wrong[i].key};

        scheme = wrong[i].scheme;
        plan.from = KT_SERVER;
        plan.change = name_scheme;
        tap_open(&tap, &l, &setup);
        tap.edit = change_messages;
        tap.repair = true;
        loop_run(&l);
        loop_assert_failed(l.client, SCHEME_NOT_OFFERED, ILLEGAL_PARAMETER);
        again();
    }
    loop_open(&l, &plain);
}

/* server_certificate_type (RFC 7250), and the same for clients: a raw public key. */
static uint16_t certificate_type;

static void agree_on_raw_keys(struct message *m)
{
    if (m->bytes[0] == KT_MSG_ENCRYPTED_EXTENSIONS) {
        add_extension(m, certificate_type, (const uint8_t[]){2}, 1);
    }
}

static void cve_2024_12797_a_raw_public_key_is_never_agreed_on(void **user)
{
    (void)user;
    for (certificate_type = 19; certificate_type <= 20; certificate_type++) {
        plan.from = KT_SERVER;
        plan.change = agree_on_raw_keys;
        tap_open(&tap, &l, &plain);
        tap.edit = change_messages;
        tap.repair = true;
        loop_run(&l);
        loop_assert_failed(l.client, EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
        again();
    }
    loop_open(&l, &plain);
}

/* ---- keys ---- */

static struct {
    enum kt_role from;
    int before, records;
    const uint8_t *extra;
    size_t len;
} insertion;

/* Puts a record before one of those of a side. */
static size_t insert(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    (void)cap;
    if (from == insertion.from && insertion.records++ == insertion.before) {
        memmove(record + insertion.len, record, len);
        memcpy(record, insertion.extra, insertion.len);
        return len + insertion.len;
    }
    return len;
}

static void run_with(enum kt_role from, int before, const uint8_t *extra, size_t len)
{
    insertion.from = from;
    insertion.before = before;
    insertion.records = 0;
    insertion.extra = extra;
    insertion.len = len;
    loop_open(&l, &plain);
    l.filter = insert;
    loop_run(&l);
}

enum { RECORDS_OF_CLIENT = 3, RECORDS_OF_SERVER = 3 }; /* of a handshake, change_cipher_spec among them */

/* EarlyCCS: whenever it comes, the keys are those of the handshake; and it may not come at all times. */
static void cve_2014_0224_change_cipher_spec_changes_nothing(void **user)
{
    static const uint8_t ccs[] = {KT_CONTENT_CCS, 3, 3, 0, 1, 1};

    (void)user;
    run_with(KT_CLIENT, 0, ccs, sizeof ccs);
    loop_assert_failed(l.server, CCS_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    for (int from = 0; from < 2; from++) {
        for (int at = from == KT_CLIENT ? 1 : 0; at < RECORDS_OF_CLIENT; at++) {
            loop_close(&l);
            run_with((enum kt_role)from, at, ccs, sizeof ccs);
            assert_true(insertion.records > at);
            loop_handshake(&l);
            loop_transfer(&l, KT_CLIENT, 1000);
            loop_transfer(&l, KT_SERVER, 1000);
        }
    }
}

/* Messages that belong under keys, in a record without protection. */
static void cve_2023_6937_no_message_passes_without_its_protection(void **user)
{
    static const uint8_t extensions[] = {KT_CONTENT_HANDSHAKE, 3, 3, 0, 6, KT_MSG_ENCRYPTED_EXTENSIONS, 0, 0, 2, 0, 0};
    uint8_t finished[5 + 4 + 32] = {KT_CONTENT_HANDSHAKE, 3, 3, 0, 36, KT_MSG_FINISHED, 0, 0, 32};

    (void)user;
    for (int at = 1; at < RECORDS_OF_SERVER; at++) {
        run_with(KT_SERVER, at, extensions, sizeof extensions);
        assert_true(insertion.records > at);
        loop_assert_failed(l.client, RECORD_NOT_PROTECTED, UNEXPECTED_MESSAGE);
        loop_close(&l);
    }
    for (int at = 1; at < RECORDS_OF_CLIENT; at++) {
        run_with(KT_CLIENT, at, finished, sizeof finished);
        assert_true(insertion.records > at);
        loop_assert_failed(l.server, RECORD_NOT_PROTECTED, UNEXPECTED_MESSAGE);
        loop_close(&l);
    }
    loop_open(&l, &plain);
}

static void take_share(struct message *m)
{
    if (m->bytes[0] == KT_MSG_SERVER_HELLO) {
        remove_extension(m, 51);
    }
}

/* The session's secret alone would do for keys; we always want an exchange, too (and CVE-2023-3724). */
static void cve_2026_3230_a_resumption_without_key_share_is_refused(void **user)
{
    (void)user;
    change_resumption(&usual, KT_SERVER, take_share);
    loop_assert_failed(l.client, KEY_SHARE_MISSING, MISSING_EXTENSION);
}

/* ---- retries ---- */

static bool is_retry(const struct message *m)
{
    return kt_message_is_retry((struct kt_span){m->bytes, m->len});
}

static void lower_version(struct message *m)
{
    if (m->bytes[0] == KT_MSG_SERVER_HELLO && !is_retry(m)) {
        m->bytes[extension_at(m, 43) + 5] = 3;
    }
}

static void without_version(struct message *m)
{
    if (m->bytes[0] == KT_MSG_SERVER_HELLO && !is_retry(m)) {
        remove_extension(m, 43);
        remove_extension(m, 51);
        remove_extension(m, 41);
    }
}

/* A ticket, a retry, and then an older version: what was prepared for the session must be used for nothing. */
static void cve_2026_34873_a_lower_version_after_a_retry_is_refused(void **user)
{
    (void)user;
    change_resumption(&retried, KT_SERVER, lower_version);
    loop_assert_failed(l.client, VERSION_NOT_OFFERED, ILLEGAL_PARAMETER);
    assert_false(kt_conn_facts(l.client).resumed);
    again();
    change_resumption(&retried, KT_SERVER, without_version);
    assert_non_null(kt_conn_fault(l.client));
    assert_false(kt_conn_facts(l.client).resumed);
}

static void sha384_only(struct kt_builder *b)
{
    static const uint16_t suite = KT_SUITE_AES_256_GCM_SHA384;

    resuming(b);
    assert_null(kt_builder_suites(b, &suite, 1));
}

/* The session has another hash than the retry asks for: its binder could not even be made. */
static void cve_2026_34873_after_a_retry_for_another_hash_nothing_is_offered(void **user)
{
    const struct loop_setup other = {.server = sha384_only, .observer = keep};

    (void)user;
    loop_open(&l, &retried);
    loop_handshake(&l);
    offered = kt_session_ref(kept);
    l.session = offered;
    kt_config_unref(l.server_config);
    l.server_config = loop_build(&l, KT_SERVER, &other);
    loop_hang_up(&l);
    offers = 0;
    assert_null(loop_connect(&l, &retried));
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.client).hello_retried);
    assert_int_equal(offers, 1);
}

static void lose_session(struct message *m)
{
    if (m->bytes[0] == KT_MSG_CLIENT_HELLO && plan.hellos == 2) {
        remove_extension(m, 41);
    }
}

static void spoil_binder(struct message *m)
{
    if (m->bytes[0] == KT_MSG_CLIENT_HELLO && plan.hellos == 2) {
        m->bytes[m->len - 1] ^= 1;
    }
}

/* And CVE-2026-1584. Without its session it is a full handshake, of which the client knows nothing. */
static void cve_2025_6395_the_second_hello_is_judged_anew(void **user)
{
    (void)user;
    change_resumption(&retried, KT_CLIENT, lose_session);
    assert_int_equal(plan.hellos, 2);
    assert_false(kt_conn_facts(l.server).resumed);
    loop_assert_failed(l.client, RECORD_BAD_MAC, BAD_RECORD_MAC);
    again();
    change_resumption(&retried, KT_CLIENT, spoil_binder);
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

/* ---- threads ---- */

enum { THREADS = 4, TURNS = 20 };

/* Clients of their own, a session in common; also the next tickets are made and dropped meanwhile. */
static void *resume_often(void *user)
{
    struct loop *own = calloc(1, sizeof *own);
    const struct loop_setup setup = {.client = resuming, .server = resuming};
    uintptr_t resumed = 0;

    (void)user;
    if (own == NULL) {
        return NULL;
    }
    loop_configure(own, &setup);
    for (int i = 0; i < TURNS; i++) {
        own->session = offered;
        assert_null(loop_connect(own, &setup));
        loop_run(own);
        resumed += kt_conn_facts(own->client).resumed && kt_conn_facts(own->server).resumed;
        loop_hang_up(own);
    }
    loop_close(own);
    free(own);
    return (void *)resumed;
}

/* And CVE-2010-3864: a session does not change, so nothing can be raced for. */
static void cve_2015_1791_threads_share_a_session(void **user)
{
    pthread_t threads[THREADS];
    uint8_t before[4096], after[4096];
    size_t len;

    (void)user;
    loop_open(&l, &usual);
    loop_handshake(&l);
    offered = kt_session_ref(kept);
    len = kt_session_export(offered, before, sizeof before);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, resume_often, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        void *resumed;

        assert_int_equal(pthread_join(threads[i], &resumed), 0);
        assert_int_equal((uintptr_t)resumed, TURNS);
    }
    assert_in_range(len, 1, sizeof before);
    assert_int_equal(kt_session_export(offered, after, sizeof after), len);
    assert_memory_equal(before, after, len);
}

#define TRAP(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TRAP(skip_tls_a_resumed_handshake_needs_all_its_messages),
        TRAP(skip_tls_a_resumed_handshake_has_no_certificates),
        TRAP(cve_2015_0204_other_key_exchanges_have_no_place),
        TRAP(cve_2026_2645_a_signature_comes_in_its_place_only),
        TRAP(skip_tls_what_was_not_offered_is_not_resumed),
        TRAP(cve_2014_0092_what_fails_while_verifying_is_no_success),
        TRAP(cve_2026_5194_a_digest_too_short_for_the_key_is_refused),
        TRAP(cve_2024_12797_a_raw_public_key_is_never_agreed_on),
        TRAP(cve_2014_0224_change_cipher_spec_changes_nothing),
        TRAP(cve_2023_6937_no_message_passes_without_its_protection),
        TRAP(cve_2026_3230_a_resumption_without_key_share_is_refused),
        TRAP(cve_2026_34873_a_lower_version_after_a_retry_is_refused),
        TRAP(cve_2026_34873_after_a_retry_for_another_hash_nothing_is_offered),
        TRAP(cve_2025_6395_the_second_hello_is_judged_anew),
        TRAP(cve_2015_1791_threads_share_a_session),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
