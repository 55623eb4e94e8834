/* External pre-shared keys from hello to connection, imported and not, and all that must not pass. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "keys/schedule13.h"
#include "keys/transcript.h"
#include "session/session_impl.h"
#include "support/tap.h"
#include "wire/imported_identity.h"

static struct loop l;
static struct tap tap;
static struct test_env key_env;
static struct kt_ticket_ring *ring;
static struct kt_session *kept;
static unsigned tickets, requests, certificates, finds;

enum { KEYS = 8 };
static struct kt_psk *keys[KEYS]; /* of the test */
static size_t key_count;

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SESSION) {
        kt_session_unref(kept);
        kept = kt_session_ref(notice->u.session);
        tickets++;
    }
    if (notice->kind == KT_NOTICE_MESSAGE && notice->direction == KT_SENDING) {
        requests += notice->u.message.type == KT_MSG_CERTIFICATE_REQUEST;
        certificates += notice->u.message.type == KT_MSG_CERTIFICATE;
    }
    if (notice->kind == KT_NOTICE_STATE && strcmp(notice->u.state.to, "S13_ASK_PSK") == 0) {
        finds++;
    }
}

static int begin(void **user)
{
    (void)user;
    memset(&l, 0, sizeof l);
    test_env_init(&key_env);
    kept = NULL;
    key_count = 0;
    tickets = requests = certificates = finds = 0;
    return kt_ticket_ring_new(&key_env.env, NULL, &ring) == NULL ? 0 : -1;
}

static int end(void **user)
{
    (void)user;
    kt_session_unref(kept);
    kt_session_unref(NULL);
    loop_close(&l);
    for (size_t i = 0; i < key_count; i++) {
        kt_psk_unref(keys[i]);
    }
    kt_ticket_ring_unref(ring);
    return key_env.live == 0 ? 0 : -1;
}

/* ---- keys ---- */

static const uint8_t secret[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const uint8_t other_secret[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17};

static struct kt_span text(const char *bytes)
{
    return kt_span_of((const uint8_t *)bytes, strlen(bytes));
}

static struct kt_psk *make(struct kt_psk_parts parts)
{
    struct kt_psk *psk = NULL;

    parts.hash = parts.hash != 0 ? parts.hash : KT_PSK_SHA256;
    parts.key = parts.key.p != NULL ? parts.key : kt_span_of(secret, sizeof secret);
    parts.identity = parts.identity.p != NULL ? parts.identity : text("client one");
    assert_null(kt_psk_new(&key_env.env, &parts, &psk));
    assert_true(key_count < KEYS);
    keys[key_count++] = psk;
    return psk;
}

static void add(struct kt_builder *b, struct kt_psk_parts parts)
{
    assert_null(kt_builder_psk(b, make(parts)));
}

static void plain(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){0});
}

static void imported(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.import = true, .context = text("a to b")});
}

static void imported_otherwise(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.import = true, .context = text("b to a")});
}

static void of_sha384(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.hash = KT_PSK_SHA384});
}

static void imported_of_sha384(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.hash = KT_PSK_SHA384, .import = true});
}

static void of_another_secret(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.key = kt_span_of(other_secret, sizeof other_secret)});
}

static void imported_of_another_secret(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){
               .key = kt_span_of(other_secret, sizeof other_secret), .import = true, .context = text("a to b")});
}

static void of_a_stranger(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.identity = text("client two")});
}

static void zeros_of(struct kt_builder *b, const char *name)
{
    add(b, (struct kt_psk_parts){.identity = kt_span_of((const uint8_t *)name, 4)});
}

static void zeros_ab(struct kt_builder *b)
{
    zeros_of(b, "a\0\0b");
}

static void zeros_ac(struct kt_builder *b)
{
    zeros_of(b, "a\0\0c");
}

static void only_a(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.identity = text("a")});
}

static void with_no_share(struct kt_builder *b)
{
    plain(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static void imported_with_no_share(struct kt_builder *b)
{
    imported(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static void stranger_with_no_share(struct kt_builder *b)
{
    of_a_stranger(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static void wrong_with_no_share(struct kt_builder *b)
{
    of_another_secret(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static void no_share(struct kt_builder *b)
{
    assert_null(kt_builder_key_shares(b, 0));
}

static void suites(struct kt_builder *b, uint16_t one, uint16_t two)
{
    const uint16_t ids[] = {one, two};

    assert_null(kt_builder_suites(b, ids, two != 0 ? 2 : 1));
}

static void imported_sha384_first(struct kt_builder *b)
{
    imported(b);
    suites(b, KT_SUITE_AES_256_GCM_SHA384, KT_SUITE_AES_128_GCM_SHA256);
}

static void of_sha384_last(struct kt_builder *b)
{
    of_sha384(b);
    suites(b, KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_AES_256_GCM_SHA384);
}

static void plain_sha256_only(struct kt_builder *b)
{
    plain(b);
    suites(b, KT_SUITE_AES_128_GCM_SHA256, 0);
}

static void asking_for_certificates(struct kt_builder *b)
{
    plain(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUEST);
}

static void resuming(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = ring;
    assert_null(kt_builder_resumption(b, &r));
}

static void plain_and_resuming(struct kt_builder *b)
{
    plain(b);
    resuming(b);
}

static void plain_and_asking_to_resume(struct kt_builder *b)
{
    plain_and_resuming(b);
    assert_null(kt_builder_ask(b, KT_ASK_RESUME));
}

static void finding(struct kt_builder *b)
{
    assert_null(kt_builder_ask(b, KT_ASK_FIND_PSK));
}

static void plain_without_exchange(struct kt_builder *b)
{
    plain(b);
    kt_builder_danger_psk_ke(b, true);
}

static void without_exchange_and_resuming(struct kt_builder *b)
{
    plain_and_resuming(b);
    kt_builder_danger_psk_ke(b, true);
}

/* ---- steps ---- */

static struct loop_setup setup_of(void (*client)(struct kt_builder *b), void (*server)(struct kt_builder *b))
{
    return (struct loop_setup){.client = client, .server = server, .observer = watch};
}

static struct loop_setup keys_only(void (*client)(struct kt_builder *b), void (*server)(struct kt_builder *b))
{
    struct loop_setup setup = setup_of(client, server);

    setup.no_server_credential = true;
    return setup;
}

static void expect_key(bool used)
{
    loop_handshake(&l);
    for (int role = 0; role < 2; role++) {
        struct kt_facts facts = kt_conn_facts(loop_conn(&l, (enum kt_role)role));

        assert_int_equal(facts.psk_identity.len > 0, used);
        assert_false(facts.resumed);
        assert_int_equal(facts.peer_authenticated, used || role == KT_CLIENT);
        if (used) {
            assert_int_equal(facts.own_scheme, 0);
            assert_int_equal(facts.peer_scheme, 0);
        }
    }
    loop_transfer(&l, KT_CLIENT, 1000);
    loop_transfer(&l, KT_SERVER, 20000);
}

static void connects(struct loop_setup setup, bool by_key)
{
    loop_open(&l, &setup);
    expect_key(by_key);
}

static void refused(struct loop_setup setup)
{
    loop_open(&l, &setup);
    loop_run(&l);
    assert_false(kt_conn_is_connected(l.client));
    assert_false(kt_conn_is_connected(l.server));
}

/* ---- what works ---- */

static void an_external_key_stands_for_certificates(void **user)
{
    struct kt_facts facts;

    (void)user;
    connects(keys_only(plain, plain), true);
    assert_int_equal(certificates, 0);
    facts = kt_conn_facts(l.server);
    assert_true(kt_span_same(facts.psk_identity, text("client one")));
    assert_true(facts.group != 0);
    assert_int_equal(facts.suite, KT_SUITE_AES_128_GCM_SHA256);
}

static void a_server_with_certificates_takes_a_key_that_it_knows(void **user)
{
    (void)user;
    connects(setup_of(plain, plain), true);
    assert_int_equal(certificates, 0);
}

static void an_imported_key_stands_for_certificates(void **user)
{
    (void)user;
    connects(keys_only(imported, imported), true);
    assert_true(kt_span_same(kt_conn_facts(l.server).psk_identity, text("client one")));
}

static void an_imported_key_is_for_each_hash(void **user)
{
    (void)user;
    connects(keys_only(imported, imported_sha384_first), true);
    assert_int_equal(kt_conn_facts(l.server).suite, KT_SUITE_AES_256_GCM_SHA384);
}

static void an_imported_key_of_sha384_is_for_each_hash(void **user)
{
    (void)user;
    connects(keys_only(imported_of_sha384, imported_of_sha384), true);
    assert_int_equal(kt_conn_facts(l.server).suite, KT_SUITE_AES_128_GCM_SHA256);
}

static void the_suite_is_one_of_the_key(void **user)
{
    (void)user;
    connects(keys_only(of_sha384, of_sha384_last), true);
    assert_int_equal(kt_conn_facts(l.server).suite, KT_SUITE_AES_256_GCM_SHA384);
}

static void a_key_passes_through_a_retry(void **user)
{
    (void)user;
    connects(keys_only(with_no_share, plain), true);
    assert_true(kt_conn_facts(l.server).hello_retried);
}

static void an_imported_key_passes_through_a_retry(void **user)
{
    (void)user;
    connects(keys_only(imported_with_no_share, imported_sha384_first), true);
    assert_true(kt_conn_facts(l.client).hello_retried);
}

static void a_key_with_certificates_behind_it_passes_through_a_retry(void **user)
{
    (void)user;
    connects(setup_of(with_no_share, plain), true);
}

static void nobody_asks_who_has_a_key_for_a_certificate(void **user)
{
    struct loop_setup setup = setup_of(plain, asking_for_certificates);

    (void)user;
    setup.client_credential = true;
    connects(setup, true);
    assert_int_equal(requests, 0);
    assert_int_equal(certificates, 0);
}

static void bytes_come_one_by_one(void **user)
{
    const struct loop_setup setup = keys_only(imported_with_no_share, imported);

    (void)user;
    loop_open(&l, &setup);
    l.chunk = 1;
    expect_key(true);
}

static void identities_may_hold_zeros(void **user)
{
    (void)user;
    connects(keys_only(zeros_ab, zeros_ab), true);
    assert_int_equal(kt_conn_facts(l.server).psk_identity.len, 4);
}

static void sixteen_keys(struct kt_builder *b)
{
    struct kt_psk_parts parts = {.key = kt_span_of(secret, sizeof secret), .hash = KT_PSK_SHA256, .import = true};
    char name[] = "key a";

    for (int i = 0; i < KT_PSKS_MAX; i++) {
        struct kt_psk *psk = NULL;

        name[4] = (char)('a' + i);
        parts.identity = text(name);
        assert_null(kt_psk_new(&l.env.env, &parts, &psk));
        assert_null(kt_builder_psk(b, psk));
        kt_psk_unref(psk);
    }
}

static void the_last_of_sixteen(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.identity = text("key p"), .import = true});
}

static void the_last_of_many_keys_is_found(void **user)
{
    (void)user;
    connects(keys_only(sixteen_keys, the_last_of_sixteen), true);
    assert_true(kt_span_same(kt_conn_facts(l.client).psk_identity, text("key p")));
}

/* The longest identities that a client may have: a hello of 32 KiB. */
static void long_identity(struct kt_builder *b)
{
    static uint8_t name[KT_PSK_OFFER_BYTES];

    memset(name, 'n', sizeof name);
    add(b, (struct kt_psk_parts){.identity = kt_span_of(name, sizeof name)});
}

static void an_identity_may_be_long(void **user)
{
    (void)user;
    connects(keys_only(long_identity, long_identity), true);
    assert_int_equal(kt_conn_facts(l.server).psk_identity.len, KT_PSK_OFFER_BYTES);
}

static void no_session_comes_of_an_external_key(void **user)
{
    (void)user;
    connects(keys_only(plain_and_resuming, plain_and_resuming), true);
    assert_int_equal(tickets, 0);
    assert_int_equal(kt_conn_session_facts(l.server).lineage.len, 0);
}

static void a_ticket_after_an_external_key_is_passed_over(void **user)
{
    static const uint8_t ticket[] = {4, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0, 1, 1, 7, 0, 2, 't', 'k', 0, 0};
    const struct loop_setup setup = keys_only(plain_and_resuming, plain);

    (void)user;
    tap_open(&tap, &l, &setup);
    loop_handshake(&l);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, ticket, sizeof ticket);
    loop_run(&l);
    loop_transfer(&l, KT_SERVER, 100);
    assert_int_equal(tickets, 0);
}

/* ---- sessions beside keys ---- */

/* A session from a handshake with certificates: the first server knows no key. */
static void have_session(const struct loop_setup *setup)
{
    const struct loop_setup none = {.client = plain_and_resuming, .server = resuming, .observer = watch};

    loop_open(&l, &none);
    expect_key(false);
    assert_int_equal(tickets, 2);
    kt_config_unref(l.server_config);
    l.server_config = loop_build(&l, KT_SERVER, setup);
    l.session = kept;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, setup));
}

static void of_a_session_and_a_key_the_session_is_taken(void **user)
{
    const struct loop_setup setup = setup_of(plain_and_resuming, plain_and_resuming);

    (void)user;
    have_session(&setup);
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
    assert_int_equal(kt_conn_facts(l.server).psk_identity.len, 0);
    assert_true(kt_conn_facts(l.client).resumed);
}

static void a_ticket_that_does_not_open_leaves_the_key(void **user)
{
    const struct loop_setup setup = setup_of(plain_and_resuming, plain_and_resuming);

    (void)user;
    have_session(&setup);
    for (int i = 0; i < KT_TICKET_RING_KEYS; i++) {
        assert_null(kt_ticket_ring_rotate(ring));
    }
    expect_key(true);
}

static void a_session_that_was_revoked_leaves_the_key(void **user)
{
    const struct loop_setup setup = setup_of(plain_and_resuming, plain_and_asking_to_resume);
    struct kt_store *store = NULL;

    (void)user;
    assert_null(kt_store_new(NULL, &store));
    have_session(&setup);
    assert_null(kt_session_revoke(store, KT_REVOKE_NAME, text("server.example"), l.env.wall));
    l.store = store;
    expect_key(true);
    kt_store_free(store);
}

static void a_session_and_a_key_pass_through_a_retry(void **user)
{
    const struct loop_setup setup = setup_of(with_no_share, plain_and_resuming);

    (void)user;
    have_session(&setup);
    kt_config_unref(l.client_config);
    l.client_config = loop_build(&l, KT_CLIENT, &setup);
    loop_hang_up(&l);
    assert_null(loop_connect(&l, &setup));
    expect_key(true); /* this client resumes nothing */
    assert_true(kt_conn_facts(l.client).hello_retried);
}

/* ---- what must not pass ---- */

static void an_unknown_identity_is_a_handshake_with_certificates(void **user)
{
    (void)user;
    connects(setup_of(of_a_stranger, plain), false);
    assert_int_equal(certificates, 1);
}

static void an_unknown_identity_without_certificates_is_refused(void **user)
{
    (void)user;
    refused(keys_only(of_a_stranger, plain));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR);
    assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_DECRYPT_ERROR);
}

static void who_offers_no_key_where_one_is_needed_is_told(void **user)
{
    (void)user;
    refused(keys_only(NULL, plain));
    loop_assert_failed(l.server, PSK_MISSING, UNKNOWN_PSK_IDENTITY);
}

static void who_offers_no_key_is_told_before_a_retry(void **user)
{
    (void)user;
    refused(keys_only(no_share, plain));
    loop_assert_failed(l.server, PSK_MISSING, UNKNOWN_PSK_IDENTITY);
}

static void a_wrong_binder_is_fatal(void **user)
{
    (void)user;
    refused(setup_of(of_another_secret, plain));
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

static void a_wrong_binder_of_an_imported_key_is_fatal(void **user)
{
    (void)user;
    refused(setup_of(imported_of_another_secret, imported));
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

/* All that the server ever sends, and what it sends it behind. */
static size_t answer_to(struct loop_setup setup, uint8_t *out)
{
    size_t len;

    loop_open(&l, &setup);
    loop_flush(&l, KT_CLIENT);
    loop_deliver(&l, KT_SERVER);
    loop_flush(&l, KT_SERVER);
    len = l.down.len;
    memcpy(out, l.down.bytes, len);
    assert_non_null(kt_conn_fault(l.server));
    loop_close(&l);
    return len;
}

static void look_the_same(struct loop_setup unknown, struct loop_setup wrong)
{
    static uint8_t a[LOOP_WIRE], b[LOOP_WIRE];
    size_t len = answer_to(unknown, a);

    assert_int_equal(answer_to(wrong, b), len);
    assert_memory_equal(a, b, len);
    loop_open(&l, &(struct loop_setup){0});
}

static void an_unknown_identity_and_a_wrong_binder_look_the_same(void **user)
{
    (void)user;
    look_the_same(keys_only(of_a_stranger, plain), keys_only(of_another_secret, plain));
}

static void they_look_the_same_where_a_retry_would_come(void **user)
{
    (void)user;
    look_the_same(keys_only(stranger_with_no_share, plain), keys_only(wrong_with_no_share, plain));
}

static void cve_2026_42010_an_identity_does_not_end_at_a_zero(void **user)
{
    (void)user;
    refused(keys_only(zeros_ac, zeros_ab));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR);
}

static void cve_2026_42010_the_beginning_of_an_identity_is_another(void **user)
{
    (void)user;
    refused(keys_only(only_a, zeros_ab));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR);
}

static void a_key_of_another_hash_is_another_key(void **user)
{
    (void)user;
    refused(keys_only(of_sha384, plain_sha256_only));
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

/* Both name the key alike, and take it for another hash: the proofs differ. */
static void an_imported_key_of_another_hash_is_another_key(void **user)
{
    (void)user;
    refused(keys_only(imported_of_sha384, imported));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR); /* the contexts differ, too */
}

static void imported_of_sha384_with_context(struct kt_builder *b)
{
    add(b, (struct kt_psk_parts){.hash = KT_PSK_SHA384, .import = true, .context = text("a to b")});
}

static void an_imported_key_depends_on_its_own_hash(void **user)
{
    (void)user;
    refused(keys_only(imported_of_sha384_with_context, imported));
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

static void an_imported_key_is_not_one_that_is_not(void **user)
{
    (void)user;
    refused(keys_only(imported, plain));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR);
}

static void a_key_that_is_not_imported_is_not_one_that_is(void **user)
{
    (void)user;
    refused(keys_only(plain, imported));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR);
}

/* The identity of an imported key used as it is, with the key as it is: only the label of the binder is left. */
static void by_the_imported_name(struct kt_builder *b)
{
    uint8_t room[64];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    const struct kt_imported_identity parts = {text("client one"), text("a to b"), KT_TLS_1_3, KT_PSK_SHA256};

    kt_imported_identity_encode(&w, &parts);
    add(b, (struct kt_psk_parts){.identity = kt_writer_span(&w)});
}

static void the_binder_says_whether_a_key_was_imported(void **user)
{
    (void)user;
    refused(keys_only(by_the_imported_name, imported));
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

/* A node that is client "a to b" and server "b to a" gets its own hello back (RFC 9257 section 4.1). */
static void selfie_a_hello_sent_back_finds_no_key(void **user)
{
    (void)user;
    refused(keys_only(imported, imported_otherwise));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR);
}

/* What changes the hello in flight. The one key's extension is the last of the hello. */
enum { NAME = 10, CONTENT = 2 + 2 + NAME + 4 + 2 + 1 + 32 };

static size_t at_byte;

static size_t flip(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    (void)cap;
    if (from == KT_CLIENT && record[0] == KT_CONTENT_HANDSHAKE && record[5] == KT_MSG_CLIENT_HELLO) {
        record[len - 1 - at_byte] ^= 0x40;
    }
    return len;
}

static void every_flipped_bit_of_a_binder_is_fatal(void **user)
{
    const struct loop_setup setup = setup_of(plain, plain);

    (void)user;
    for (at_byte = 0; at_byte < 32; at_byte++) {
        loop_open(&l, &setup);
        l.filter = flip;
        loop_run(&l);
        loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
        loop_close(&l);
        for (; key_count > 0; key_count--) {
            kt_psk_unref(keys[key_count - 1]);
        }
    }
    loop_open(&l, &(struct loop_setup){0});
}

/* Makes the numbers at these places, counted from the end of the record, greater. */
static void enlarge(uint8_t *record, size_t len, size_t from_end, unsigned more)
{
    uint8_t *at = record + len - from_end;
    unsigned value = (unsigned)at[0] << 8 | at[1];

    at[0] = (uint8_t)((value + more) >> 8);
    at[1] = (uint8_t)(value + more);
}

/* A binder longer than the hash, in a hello that is well formed. */
static size_t lengthen_binder(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    size_t extensions = 5 + 4 + 2 + 32;

    (void)user;
    assert_true(len + 16 <= cap);
    if (from != KT_CLIENT || record[0] != KT_CONTENT_HANDSHAKE) {
        return len;
    }
    extensions += 1u + record[extensions];
    extensions += 2u + (size_t)(record[extensions] << 8 | record[extensions + 1]);
    extensions += 1u + record[extensions];
    enlarge(record, 5, 2, 16);
    enlarge(record, 9, 2, 16);
    enlarge(record, extensions + 2, 2, 16);
    enlarge(record, len, CONTENT + 2, 16);
    enlarge(record, len, 2 + 1 + 32, 16);
    record[len - 33] = (uint8_t)(record[len - 33] + 16);
    memset(record + len, 0, 16);
    return len + 16;
}

static void a_binder_longer_than_the_hash_is_fatal(void **user)
{
    const struct loop_setup setup = setup_of(plain, plain);

    (void)user;
    loop_open(&l, &setup);
    l.filter = lengthen_binder;
    loop_run(&l);
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

/* A number of the extension, by its place from the end, is one too low or too high. */
static size_t at_number;

static size_t shrink_number(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    (void)cap;
    if (from == KT_CLIENT && record[0] == KT_CONTENT_HANDSHAKE) {
        record[len - at_number]--;
    }
    return len;
}

static size_t grow_number(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    (void)cap;
    if (from == KT_CLIENT && record[0] == KT_CONTENT_HANDSHAKE) {
        record[len - at_number]++;
    }
    return len;
}

static void lists_that_are_cut_or_too_long_are_malformed(void **user)
{
    /* of the extension, the identities, the identity, the binders, the binder */
    static const size_t numbers[] = {CONTENT + 1, CONTENT - 1, CONTENT - 3, 34, 33};
    const struct loop_setup setup = setup_of(plain, plain);

    (void)user;
    for (size_t i = 0; i < 2 * sizeof numbers / sizeof numbers[0]; i++) {
        loop_open(&l, &setup);
        at_number = numbers[i / 2];
        l.filter = i % 2 == 0 ? shrink_number : grow_number;
        loop_run(&l);
        assert_non_null(kt_conn_fault(l.server));
        assert_int_equal(kt_conn_fault(l.server)->alert, KT_ALERT_DECODE_ERROR);
        loop_close(&l);
        for (; key_count > 0; key_count--) {
            kt_psk_unref(keys[key_count - 1]);
        }
    }
    loop_open(&l, &(struct loop_setup){0});
}

/* What the client is told: the index of the ServerHello's pre_shared_key. */
static uint8_t told_index;

static size_t choose_another(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    static const uint8_t psk[] = {0, 41, 0, 2, 0};

    (void)user;
    (void)cap;
    for (size_t i = 0; from == KT_SERVER && record[0] == 22 && i + sizeof psk < len; i++) {
        if (memcmp(record + i, psk, sizeof psk) == 0) {
            record[i + 5] = told_index;
        }
    }
    return len;
}

static void choosing(struct loop_setup setup, uint8_t index)
{
    loop_open(&l, &setup);
    told_index = index;
    l.filter = choose_another;
    loop_run(&l);
}

static void an_index_that_was_not_offered_is_refused(void **user)
{
    (void)user;
    choosing(keys_only(plain, plain), 1);
    loop_assert_failed(l.client, PSK_INDEX_WRONG, ILLEGAL_PARAMETER);
}

static void a_key_of_another_hash_than_the_suite_is_refused(void **user)
{
    (void)user;
    choosing(keys_only(imported, imported), 1);
    loop_assert_failed(l.client, PSK_HASH_WRONG, ILLEGAL_PARAMETER);
}

/* ---- the owner finds the key ---- */

static struct loop_setup found_by_owner(void (*client)(struct kt_builder *b))
{
    return keys_only(client, finding);
}

static void the_owner_finds_the_key(void **user)
{
    const struct loop_setup setup = found_by_owner(plain);

    (void)user;
    loop_open(&l, &setup);
    l.psk = make((struct kt_psk_parts){0});
    expect_key(true);
    assert_int_equal(finds, 1);
}

static void the_owner_is_asked_once_whatever_is_retried(void **user)
{
    const struct loop_setup setup = found_by_owner(imported_with_no_share);

    (void)user;
    loop_open(&l, &setup);
    l.psk = make((struct kt_psk_parts){.import = true, .context = text("a to b")});
    expect_key(true);
    assert_true(kt_conn_facts(l.server).hello_retried);
    assert_int_equal(finds, 1);
}

static void the_owner_may_take_its_time(void **user)
{
    const struct loop_setup setup = found_by_owner(imported);
    struct kt_imported_identity parts;
    const struct kt_ask *ask;

    (void)user;
    loop_open(&l, &setup);
    l.hold_asks = true;
    loop_run(&l);
    loop_run(&l);
    ask = kt_conn_ask(l.server);
    assert_int_equal(ask->kind, KT_ASK_FIND_PSK);
    assert_int_equal(ask->u.find_psk.count, 2);
    assert_true(kt_psk_imported(ask->u.find_psk.identities[0], &parts));
    assert_true(kt_span_same(parts.identity, text("client one")));
    assert_true(kt_span_same(parts.context, text("a to b")));
    assert_int_equal(parts.protocol, KT_TLS_1_3);
    assert_int_equal(kt_answer_psk(l.server, make((struct kt_psk_parts){0}))->reason, KT_REASON_USAGE_ARGUMENT);
    assert_int_equal(kt_answer_resume(l.server, true)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    assert_null(kt_answer_psk(l.server, make((struct kt_psk_parts){.import = true, .context = text("a to b")})));
    assert_int_equal(kt_answer_psk(l.server, NULL)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    l.hold_asks = false;
    expect_key(true);
}

static void a_key_that_the_owner_does_not_know_is_refused(void **user)
{
    (void)user;
    refused(found_by_owner(plain));
    loop_assert_failed(l.server, PSK_UNKNOWN, DECRYPT_ERROR);
}

static void the_owner_may_fall_back_to_certificates(void **user)
{
    (void)user;
    connects(setup_of(plain, finding), false);
    assert_int_equal(finds, 1);
}

static void the_binder_of_a_key_that_was_found_must_be_right(void **user)
{
    const struct loop_setup setup = setup_of(of_another_secret, finding);

    (void)user;
    loop_open(&l, &setup);
    l.psk = make((struct kt_psk_parts){0});
    loop_run(&l);
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
}

static void known_and_finding(struct kt_builder *b)
{
    plain(b);
    finding(b);
}

static void nobody_is_asked_for_a_key_that_is_configured(void **user)
{
    (void)user;
    connects(keys_only(plain, known_and_finding), true);
    assert_int_equal(finds, 0);
}

static void resuming_and_finding(struct kt_builder *b)
{
    resuming(b);
    finding(b);
}

/* The client offers its ticket and a key: the ticket is not shown to the owner. */
static void tickets_are_not_shown_as_identities(void **user)
{
    const struct loop_setup setup = setup_of(plain_and_resuming, resuming_and_finding);

    (void)user;
    have_session(&setup);
    l.hold_asks = true;
    loop_run(&l);
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_FIND_PSK);
    assert_int_equal(kt_conn_ask(l.server)->u.find_psk.count, 1);
    l.hold_asks = false;
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
}

/* ---- without a key exchange ---- */

/* The modes of a hello as psk_ke alone, with the binder that belongs to it. */
static size_t only_psk_ke(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    const struct kt_suite *suite = kt_crypto_suite(kt_crypto_toy(), KT_SUITE_AES_128_GCM_SHA256);
    struct kt_transcript before = {.hash = NULL};
    uint8_t digest[KT_HASH_MAX];
    struct kt_client_hello parsed;

    (void)user;
    (void)cap;
    if (from != KT_CLIENT || record[0] != KT_CONTENT_HANDSHAKE) {
        return len;
    }
    assert_null(kt_client_hello_decode(kt_span_of(record + 9, len - 9), &parsed));
    memset(record + (parsed.psk_modes.p - record), 0, parsed.psk_modes.len);
    kt_transcript_begin(&before, suite->hash);
    kt_transcript_hash_with(&before, kt_span_of(record + 5, 4 + parsed.psk_binders_at), digest);
    kt_psk_binder(suite->hash, kt_span_of(secret, sizeof secret), KT_SPAN_TEXT("ext binder"),
                  kt_span_of(digest, suite->hash->len), record + len - suite->hash->len);
    return len;
}

static void without_share_or_exchange(struct kt_builder *b)
{
    plain_without_exchange(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static void a_key_without_exchange_where_both_say_so(void **user)
{
    (void)user;
    connects(keys_only(without_share_or_exchange, plain_without_exchange), true);
    assert_int_equal(kt_conn_facts(l.server).group, 0);
    assert_int_equal(kt_conn_facts(l.client).group, 0);
    assert_false(kt_conn_facts(l.client).hello_retried);
}

static void an_unknown_key_without_exchange_falls_back_to_certificates(void **user)
{
    (void)user;
    connects(setup_of(without_share_or_exchange, of_a_stranger), false);
    assert_true(kt_conn_facts(l.server).group != 0);
}

static void the_exchange_is_kept_wherever_it_can_be(void **user)
{
    (void)user;
    connects(keys_only(plain_without_exchange, plain_without_exchange), true);
    assert_true(kt_conn_facts(l.server).group != 0);
}

static void without_danger_a_server_takes_no_key_without_exchange(void **user)
{
    (void)user;
    refused(keys_only(without_share_or_exchange, plain));
    loop_assert_failed(l.server, PSK_MISSING, UNKNOWN_PSK_IDENTITY);
}

static void without_danger_a_client_takes_no_server_without_share(void **user)
{
    const struct loop_setup setup = keys_only(plain, plain_without_exchange);

    (void)user;
    loop_open(&l, &setup);
    l.filter = only_psk_ke;
    loop_run(&l);
    loop_assert_failed(l.client, KEY_SHARE_MISSING, MISSING_EXTENSION);
}

/* ServerHello without its key share. */
static size_t drop_share(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    uint8_t room[512];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    struct kt_server_hello hello;

    (void)user;
    assert_true(len <= cap);
    if (from != KT_SERVER || record[0] != KT_CONTENT_HANDSHAKE) {
        return len;
    }
    assert_null(kt_server_hello_decode(kt_span_of(record + 9, len - 9), UINT32_MAX, &hello));
    hello.seen &= ~KT_EXT_BIT(KEY_SHARE);
    kt_server_hello_encode(&w, &hello);
    memcpy(record + 5, room, w.len);
    record[3] = 0;
    record[4] = (uint8_t)w.len;
    return 5 + w.len;
}

static void a_session_is_never_resumed_without_exchange(void **user)
{
    const struct loop_setup setup = setup_of(without_exchange_and_resuming, without_exchange_and_resuming);
    const struct loop_setup none = {.client = resuming, .server = resuming, .observer = watch};

    (void)user;
    loop_open(&l, &none);
    loop_handshake(&l);
    loop_hang_up(&l);
    kt_config_unref(l.client_config);
    l.client_config = loop_build(&l, KT_CLIENT, &setup);
    l.session = kept;
    assert_null(loop_connect(&l, &setup));
    l.filter = drop_share;
    loop_run(&l);
    loop_assert_failed(l.client, KEY_SHARE_MISSING, MISSING_EXTENSION);
}

/* ---- shortages ---- */

static void every_failure_of(struct loop_setup setup, bool allocations)
{
    bool done = false;

    for (size_t n = 1; !done; n++) {
        assert_true(n < 200);
        loop_configure(&l, &setup);
        l.psk = keys[key_count - 1];
        *(allocations ? &l.env.alloc_fail : &l.env.random_fail) = (allocations ? l.env.allocs : l.env.randoms) + n;
        if (loop_connect(&l, &setup) == NULL) {
            loop_run(&l);
            done = kt_conn_is_connected(l.client) && kt_conn_is_connected(l.server);
        }
        if (!done) {
            const struct kt_fault *fault = l.server != NULL ? kt_conn_fault(l.server) : NULL;

            if (fault == NULL || fault->reason == KT_REASON_ALERT_RECEIVED) {
                fault = l.client != NULL ? kt_conn_fault(l.client) : NULL;
            }
            assert_true(fault == NULL || fault->reason == KT_REASON_MEMORY_SPENT ||
                        fault->reason == KT_REASON_RANDOM_FAILED);
        }
        l.env.alloc_fail = l.env.random_fail = 0;
        loop_close(&l);
        for (; key_count > 1; key_count--) {
            kt_psk_unref(keys[key_count - 1]);
        }
    }
}

static void every_failing_call_fails_cleanly(void **user)
{
    (void)user;
    (void)make((struct kt_psk_parts){.import = true, .context = text("a to b")});
    every_failure_of(found_by_owner(imported_with_no_share), true);
    every_failure_of(found_by_owner(imported_with_no_share), false);
    loop_open(&l, &(struct loop_setup){0});
}

#define PSK_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PSK_TEST(an_external_key_stands_for_certificates),
        PSK_TEST(a_server_with_certificates_takes_a_key_that_it_knows),
        PSK_TEST(an_imported_key_stands_for_certificates),
        PSK_TEST(an_imported_key_is_for_each_hash),
        PSK_TEST(an_imported_key_of_sha384_is_for_each_hash),
        PSK_TEST(the_suite_is_one_of_the_key),
        PSK_TEST(a_key_passes_through_a_retry),
        PSK_TEST(an_imported_key_passes_through_a_retry),
        PSK_TEST(a_key_with_certificates_behind_it_passes_through_a_retry),
        PSK_TEST(nobody_asks_who_has_a_key_for_a_certificate),
        PSK_TEST(bytes_come_one_by_one),
        PSK_TEST(identities_may_hold_zeros),
        PSK_TEST(the_last_of_many_keys_is_found),
        PSK_TEST(an_identity_may_be_long),
        PSK_TEST(no_session_comes_of_an_external_key),
        PSK_TEST(a_ticket_after_an_external_key_is_passed_over),
        PSK_TEST(of_a_session_and_a_key_the_session_is_taken),
        PSK_TEST(a_ticket_that_does_not_open_leaves_the_key),
        PSK_TEST(a_session_that_was_revoked_leaves_the_key),
        PSK_TEST(a_session_and_a_key_pass_through_a_retry),
        PSK_TEST(an_unknown_identity_is_a_handshake_with_certificates),
        PSK_TEST(an_unknown_identity_without_certificates_is_refused),
        PSK_TEST(who_offers_no_key_where_one_is_needed_is_told),
        PSK_TEST(who_offers_no_key_is_told_before_a_retry),
        PSK_TEST(a_wrong_binder_is_fatal),
        PSK_TEST(a_wrong_binder_of_an_imported_key_is_fatal),
        PSK_TEST(an_unknown_identity_and_a_wrong_binder_look_the_same),
        PSK_TEST(they_look_the_same_where_a_retry_would_come),
        PSK_TEST(cve_2026_42010_an_identity_does_not_end_at_a_zero),
        PSK_TEST(cve_2026_42010_the_beginning_of_an_identity_is_another),
        PSK_TEST(a_key_of_another_hash_is_another_key),
        PSK_TEST(an_imported_key_of_another_hash_is_another_key),
        PSK_TEST(an_imported_key_depends_on_its_own_hash),
        PSK_TEST(an_imported_key_is_not_one_that_is_not),
        PSK_TEST(a_key_that_is_not_imported_is_not_one_that_is),
        PSK_TEST(the_binder_says_whether_a_key_was_imported),
        PSK_TEST(selfie_a_hello_sent_back_finds_no_key),
        PSK_TEST(every_flipped_bit_of_a_binder_is_fatal),
        PSK_TEST(a_binder_longer_than_the_hash_is_fatal),
        PSK_TEST(lists_that_are_cut_or_too_long_are_malformed),
        PSK_TEST(an_index_that_was_not_offered_is_refused),
        PSK_TEST(a_key_of_another_hash_than_the_suite_is_refused),
        PSK_TEST(the_owner_finds_the_key),
        PSK_TEST(the_owner_is_asked_once_whatever_is_retried),
        PSK_TEST(the_owner_may_take_its_time),
        PSK_TEST(a_key_that_the_owner_does_not_know_is_refused),
        PSK_TEST(the_owner_may_fall_back_to_certificates),
        PSK_TEST(the_binder_of_a_key_that_was_found_must_be_right),
        PSK_TEST(nobody_is_asked_for_a_key_that_is_configured),
        PSK_TEST(tickets_are_not_shown_as_identities),
        PSK_TEST(a_key_without_exchange_where_both_say_so),
        PSK_TEST(an_unknown_key_without_exchange_falls_back_to_certificates),
        PSK_TEST(the_exchange_is_kept_wherever_it_can_be),
        PSK_TEST(without_danger_a_server_takes_no_key_without_exchange),
        PSK_TEST(without_danger_a_client_takes_no_server_without_share),
        PSK_TEST(a_session_is_never_resumed_without_exchange),
        PSK_TEST(every_failing_call_fails_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
