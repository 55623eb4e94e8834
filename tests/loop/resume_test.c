/* Sessions from handshake to handshake: what resumes, and all that must not (field survey, section 3.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/registry.h"
#include "session/session_impl.h"
#include "support/loop.h"
#include "wire/reader.h"

static struct loop l;
static struct test_env ring_env;
static struct kt_ticket_ring *ring;
static struct kt_session *kept; /* the last ticket's */
static unsigned tickets;

static void keep(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SESSION) {
        kt_session_unref(kept);
        kept = kt_session_ref(notice->u.session);
        tickets++;
    }
}

static int begin(void **user)
{
    (void)user;
    test_env_init(&ring_env);
    kept = NULL;
    tickets = 0;
    return kt_ticket_ring_new(&ring_env.env, NULL, &ring) == NULL ? 0 : -1;
}

static int end(void **user)
{
    (void)user;
    kt_session_unref(kept);
    loop_close(&l);
    kt_ticket_ring_unref(ring);
    return ring_env.live == 0 ? 0 : -1;
}

/* ---- configurations ---- */

static void with(struct kt_builder *b, struct kt_resumption r)
{
    r.ring = ring;
    assert_null(kt_builder_resumption(b, &r));
}

static void plain(struct kt_builder *b)
{
    with(b, kt_resumption_default());
}

static void off(struct kt_builder *b)
{
    assert_null(kt_builder_resumption(b, NULL));
}

static void no_tickets(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.tickets = 0;
    with(b, r);
}

static void long_tickets(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ticket_seconds = 604800;
    with(b, r);
}

static void next_generation(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.generation = 1;
    with(b, r);
}

static void other_context(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.context = (struct kt_span){(const uint8_t *)"other", 5};
    with(b, r);
}

static void other_authorities(struct kt_builder *b)
{
    struct kt_span name = {(const uint8_t *)"\x30\x00", 2};

    plain(b);
    assert_null(kt_builder_authorities(b, &name, 1));
}

static void no_share(struct kt_builder *b)
{
    plain(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static void require(struct kt_builder *b)
{
    plain(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static void request(struct kt_builder *b)
{
    plain(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUEST);
}

static void asking_for_certificates(struct kt_builder *b)
{
    require(b);
    assert_null(kt_builder_ask(b, KT_ASK_RESUME));
}

static void alpn_of(struct kt_builder *b, const char *first, const char *second)
{
    struct kt_span names[] = {{(const uint8_t *)first, strlen(first)}, {(const uint8_t *)second, strlen(second)}};

    plain(b);
    assert_null(kt_builder_alpn(b, names, 2));
}

static void alpn_ab(struct kt_builder *b)
{
    alpn_of(b, "a", "b");
}

static void alpn_ba(struct kt_builder *b)
{
    alpn_of(b, "b", "a");
}

static void sha384_first(struct kt_builder *b)
{
    static const uint16_t ids[] = {KT_SUITE_AES_256_GCM_SHA384, KT_SUITE_AES_128_GCM_SHA256};

    plain(b);
    assert_null(kt_builder_suites(b, ids, 2));
}

static void chacha_first(struct kt_builder *b)
{
    static const uint16_t ids[] = {KT_SUITE_CHACHA20_POLY1305_SHA256, KT_SUITE_AES_128_GCM_SHA256};

    plain(b);
    assert_null(kt_builder_suites(b, ids, 2));
}

static const struct loop_setup usual = {.client = plain, .server = plain, .observer = keep};

/* ---- steps ---- */

static void first(const struct loop_setup *setup)
{
    loop_open(&l, setup);
    loop_handshake(&l);
    assert_false(kt_conn_facts(l.client).resumed);
    assert_false(kt_conn_facts(l.server).resumed);
}

/* Another connection with the session; no new tickets replace it meanwhile. */
static void connect_again(const struct loop_setup *setup, struct kt_session *session)
{
    l.session = session;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, setup));
}

static void expect_resumed(bool resumed)
{
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).resumed, resumed);
    assert_int_equal(kt_conn_facts(l.server).resumed, resumed);
    assert_true(kt_conn_facts(l.client).peer_authenticated);
    loop_transfer(&l, KT_CLIENT, 1000);
    loop_transfer(&l, KT_SERVER, 20000);
}

static void again(const struct loop_setup *setup, bool resumed)
{
    struct kt_session *session = kt_session_ref(kept);

    connect_again(setup, session);
    expect_resumed(resumed);
    kt_session_unref(session);
}

static void new_server(void (*more)(struct kt_builder *b))
{
    const struct loop_setup setup = {.server = more, .observer = keep};

    kt_config_unref(l.server_config);
    l.server_config = loop_build(&l, KT_SERVER, &setup);
}

/* The first connection with one server, the second with another, or one that has changed its mind. */
static void refused_by(void (*one)(struct kt_builder *b), void (*other)(struct kt_builder *b))
{
    const struct loop_setup setup = {.client = plain, .server = one, .observer = keep};

    first(&setup);
    new_server(other);
    again(&setup, false);
}

/* ---- what works ---- */

static void a_session_is_resumed(void **user)
{
    struct kt_session_facts facts;

    (void)user;
    first(&usual);
    assert_int_equal(tickets, 2);
    facts = kt_session_facts(kept);
    assert_int_equal(facts.role, KT_CLIENT);
    assert_int_equal(facts.version, KT_TLS_1_3);
    assert_int_equal(facts.peer_sha256.len, 32);
    assert_int_equal(facts.lineage.len, 16);
    assert_int_equal(facts.full_handshake_at, l.env.wall);
    assert_int_equal(facts.lineage_ends_at, l.env.wall + 604800);
    assert_int_equal(facts.expires_at, l.env.wall + 7200);
    again(&usual, true);
    assert_int_equal(tickets, 4);
}

static void a_resumed_connection_has_tickets_of_its_own(void **user)
{
    (void)user;
    first(&usual);
    for (int i = 0; i < 5; i++) {
        again(&usual, true);
    }
    assert_int_equal(tickets, 12);
}

static void a_session_is_resumed_over_a_retry(void **user)
{
    const struct loop_setup setup = {.client = no_share, .server = plain, .observer = keep};

    (void)user;
    first(&setup);
    again(&setup, true);
    assert_true(kt_conn_facts(l.client).hello_retried);
}

static void a_session_of_sha384_is_resumed(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = sha384_first, .observer = keep};

    (void)user;
    first(&setup);
    assert_int_equal(kt_session_facts(kept).suite, KT_SUITE_AES_256_GCM_SHA384);
    again(&setup, true);
}

static void a_session_with_alpn_is_resumed(void **user)
{
    const struct loop_setup setup = {.client = alpn_ab, .server = alpn_ba, .observer = keep};

    (void)user;
    first(&setup);
    again(&setup, true);
    assert_int_equal(kt_conn_facts(l.client).alpn.p[0], 'b');
}

static void a_session_survives_export_and_import(void **user)
{
    struct kt_session *copy = NULL;
    uint8_t bytes[4096];
    size_t len;

    (void)user;
    first(&usual);
    len = kt_session_export(kept, bytes, sizeof bytes);
    assert_in_range(len, 100, sizeof bytes);
    assert_null(kt_session_import(&l.env.env, (struct kt_span){bytes, len}, &copy));
    connect_again(&usual, copy);
    expect_resumed(true);
    kt_session_unref(copy);
}

static void bytes_come_one_by_one(void **user)
{
    (void)user;
    first(&usual);
    l.chunk = 1;
    again(&usual, true);
}

static void the_client_of_a_certificate_stays_authenticated(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = require, .client_credential = true, .observer = keep};

    (void)user;
    first(&setup);
    again(&setup, true);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    again(&setup, true);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
}

static void a_client_without_certificate_stays_without(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = request, .observer = keep};

    (void)user;
    first(&setup);
    again(&setup, true);
    assert_false(kt_conn_facts(l.server).peer_authenticated);
}

/* What comes meanwhile is another session, not a change of this one. */
static void cve_2015_1791_new_tickets_leave_a_session_alone(void **user)
{
    uint8_t before[4096], after[4096];
    struct kt_session *offered;
    size_t len;

    (void)user;
    first(&usual);
    offered = kt_session_ref(kept);
    len = kt_session_export(offered, before, sizeof before);
    connect_again(&usual, offered);
    expect_resumed(true);
    assert_int_equal(tickets, 4);
    assert_ptr_not_equal(kept, offered);
    assert_int_equal(kt_session_export(offered, after, sizeof after), len);
    assert_memory_equal(before, after, len);
    connect_again(&usual, offered);
    expect_resumed(true);
    kt_session_unref(offered);
}

static void the_number_of_tickets_is_configured(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = no_tickets, .observer = keep};

    (void)user;
    first(&setup);
    assert_int_equal(tickets, 0);
}

/* What the client saw after it was connected. */
static struct {
    bool connected;
    unsigned messages, records;
} after;

static void count_after(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    if (conn != l.client) {
        return;
    }
    after.connected |= notice->kind == KT_NOTICE_CONNECTED;
    if (after.connected && notice->direction == KT_RECEIVING) {
        after.messages += notice->kind == KT_NOTICE_MESSAGE;
        after.records += notice->kind == KT_NOTICE_RECORD && notice->u.record.type == 22;
    }
}

static void the_tickets_share_a_record(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = plain, .observer = count_after};

    (void)user;
    memset(&after, 0, sizeof after);
    first(&setup);
    assert_int_equal(after.messages, 2);
    assert_int_equal(after.records, 1);
    loop_transfer(&l, KT_SERVER, 100);
}

/* How many reserved numbers (RFC 8701) stood as extensions in the tickets the client got. */
static unsigned greased;

static unsigned grease_in(struct kt_span whole)
{
    struct kt_reader r = kt_reader_over(kt_span_of(whole.p + 4, whole.len - 4));
    struct kt_reader exts;
    struct kt_span nonce, ticket, content, block = {NULL, 0};
    uint16_t number = 0;
    uint32_t skipped;
    unsigned count = 0;

    assert_true(kt_reader_u32(&r, &skipped) && kt_reader_u32(&r, &skipped) && kt_reader_vec8(&r, &nonce) &&
                kt_reader_vec16(&r, &ticket) && kt_reader_vec16(&r, &block) && kt_reader_done(&r));
    exts = kt_reader_over(block);
    while (!kt_reader_done(&exts)) {
        assert_true(kt_reader_u16(&exts, &number) && kt_reader_vec16(&exts, &content));
        count += kt_is_grease(number);
    }
    return count;
}

static void count_grease(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    if (conn == l.client && notice->kind == KT_NOTICE_MESSAGE && notice->u.message.type == KT_MSG_NEW_SESSION_TICKET) {
        greased += grease_in(notice->u.message.body);
    }
}

static void without_grease(struct kt_builder *b)
{
    plain(b);
    kt_builder_grease(b, false);
}

static void tickets_have_a_reserved_extension(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = plain, .observer = count_grease};

    (void)user;
    greased = 0;
    first(&setup);
    assert_int_equal(greased, 2);
}

static void tickets_have_no_reserved_extension_without_grease(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = without_grease, .observer = count_grease};

    (void)user;
    greased = 0;
    first(&setup);
    assert_int_equal(greased, 0);
}

static void a_client_that_does_not_resume_gets_no_tickets(void **user)
{
    const struct loop_setup setup = {.client = off, .server = plain, .observer = keep};

    (void)user;
    first(&setup);
    assert_int_equal(tickets, 0);
}

static void a_client_that_does_not_resume_offers_nothing(void **user)
{
    const struct loop_setup client_off = {.client = off, .observer = keep};

    (void)user;
    first(&usual);
    kt_config_unref(l.client_config);
    l.client_config = loop_build(&l, KT_CLIENT, &client_off);
    again(&usual, false);
}

static void tickets_of_older_keys_still_open(void **user)
{
    (void)user;
    first(&usual);
    assert_null(kt_ticket_ring_rotate(ring));
    again(&usual, true);
}

static void two_hosts_share_their_keys(void **user)
{
    struct kt_ticket_ring *own = ring;
    uint8_t keys[KT_TICKET_RING_BLOB];
    size_t len;

    (void)user;
    first(&usual);
    len = kt_ticket_ring_export(ring, keys, sizeof keys);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    assert_null(kt_ticket_ring_import(ring, (struct kt_span){keys, len}));
    new_server(plain);
    again(&usual, true);
    kt_ticket_ring_unref(own);
}

/* ---- what must not ---- */

static void cve_2020_13777_a_ring_never_begins_without_a_key(void **user)
{
    struct kt_ticket_ring *own = ring;

    (void)user;
    first(&usual);
    ring_env.seed++;
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    new_server(plain);
    again(&usual, false);
    kt_ticket_ring_unref(own);
}

static void tickets_of_dropped_keys_are_a_full_handshake(void **user)
{
    (void)user;
    first(&usual);
    for (int i = 0; i < KT_TICKET_RING_KEYS; i++) {
        assert_null(kt_ticket_ring_rotate(ring));
    }
    again(&usual, false);
}

static void cve_2025_23419_a_ticket_is_no_client_certificate(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = plain, .client_credential = true, .observer = keep};

    (void)user;
    first(&setup);
    new_server(require);
    again(&setup, false);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
}

static void cve_2025_23419_a_requested_certificate_is_no_required_one(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = request, .observer = keep};
    struct kt_session *session;

    (void)user;
    first(&setup);
    new_server(require);
    session = kt_session_ref(kept);
    connect_again(&setup, session);
    loop_run(&l);
    loop_assert_failed(l.server, CERTIFICATE_REQUIRED, CERTIFICATE_REQUIRED);
    kt_session_unref(session);
}

static void cve_2025_68121_other_authorities_are_another_policy(void **user)
{
    (void)user;
    refused_by(plain, other_authorities);
}

static void cve_2025_68121_another_context_is_another_policy(void **user)
{
    (void)user;
    refused_by(plain, other_context);
}

static void botan_5818_another_generation_is_another_policy(void **user)
{
    (void)user;
    refused_by(plain, next_generation);
}

static void cve_2014_7189_disabled_means_not_looked_at(void **user)
{
    (void)user;
    refused_by(plain, off);
}

static void cve_2010_4180_the_suite_is_the_same_or_the_handshake_full(void **user)
{
    (void)user;
    refused_by(plain, chacha_first);
}

static void another_hash_is_a_full_handshake(void **user)
{
    (void)user;
    refused_by(plain, sha384_first);
}

static void cve_2026_34873_a_retry_that_fixes_another_hash_drops_the_session(void **user)
{
    const struct loop_setup setup = {.client = no_share, .server = plain, .observer = keep};

    (void)user;
    first(&setup);
    new_server(sha384_first);
    again(&setup, false);
    assert_true(kt_conn_facts(l.client).hello_retried);
}

static void cve_2026_11703_another_alpn_is_a_full_handshake(void **user)
{
    const struct loop_setup setup = {.client = alpn_ab, .server = alpn_ab, .observer = keep};

    (void)user;
    first(&setup);
    new_server(alpn_ba);
    again(&setup, false);
    assert_int_equal(kt_conn_facts(l.client).alpn.p[0], 'b');
}

static void the_client_offers_a_session_to_its_own_server_only(void **user)
{
    const struct loop_setup elsewhere = {
        .client = plain, .server = plain, .observer = keep, .server_name = "b.example"};

    (void)user;
    first(&usual);
    again(&elsewhere, false);
}

/* A session for one name with the ticket and the secret of another: what a client without scruples would offer. */
static struct kt_session *forge(const struct kt_session *outside, const struct kt_session *inside)
{
    struct kt_session_data data = outside->data;
    struct kt_session *forged = NULL;

    data.secret = inside->data.secret;
    data.ticket = inside->data.ticket;
    data.age_add = inside->data.age_add;
    assert_null(kt_session_new(&l.env.env, &data, &forged));
    return forged;
}

static void cve_2026_11703_another_name_is_a_full_handshake(void **user)
{
    const struct loop_setup elsewhere = {
        .client = plain, .server = plain, .observer = keep, .server_name = "b.example"};
    struct kt_session *here, *forged;

    (void)user;
    first(&usual);
    here = kt_session_ref(kept);
    connect_again(&elsewhere, NULL);
    expect_resumed(false);
    forged = forge(kept, here);
    connect_again(&elsewhere, forged);
    expect_resumed(false);
    kt_session_unref(here);
    kt_session_unref(forged);
}

static void a_binder_of_another_secret_is_fatal(void **user)
{
    struct kt_session *other;
    struct kt_session_data data;

    (void)user;
    first(&usual);
    data = kept->data;
    data.secret.b[3] ^= 1;
    assert_null(kt_session_new(&l.env.env, &data, &other));
    connect_again(&usual, other);
    loop_run(&l);
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
    loop_assert_failed(l.client, ALERT_RECEIVED, CLOSE_NOTIFY);
    assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_DECRYPT_ERROR);
    kt_session_unref(other);
}

static void a_wrong_binder_after_a_retry_is_fatal(void **user)
{
    const struct loop_setup setup = {.client = no_share, .server = plain, .observer = keep};
    struct kt_session *other;
    struct kt_session_data data;

    (void)user;
    first(&setup);
    data = kept->data;
    data.secret.b[31] ^= 0x80;
    assert_null(kt_session_new(&l.env.env, &data, &other));
    connect_again(&setup, other);
    loop_run(&l);
    loop_assert_failed(l.server, PSK_BINDER_WRONG, DECRYPT_ERROR);
    kt_session_unref(other);
}

static void every_damaged_byte_of_a_ticket_is_a_full_handshake(void **user)
{
    struct kt_session_data data;
    struct kt_session *damaged;
    uint8_t ticket[KT_TICKET_MAX];

    (void)user;
    first(&usual);
    data = kept->data;
    assert_in_range(data.ticket.len, 100, sizeof ticket);
    for (size_t i = 0; i < data.ticket.len; i += 7) {
        memcpy(ticket, kept->data.ticket.p, data.ticket.len);
        ticket[i] ^= 0x10;
        data.ticket.p = ticket;
        assert_null(kt_session_new(&l.env.env, &data, &damaged));
        l.session = damaged;
        {
            struct kt_session *good = kt_session_ref(kept);

            connect_again(&usual, damaged);
            expect_resumed(false);
            kt_session_unref(kept);
            kept = good;
        }
        kt_session_unref(damaged);
    }
}

static void a_ticket_cut_short_is_a_full_handshake(void **user)
{
    struct kt_session_data data;
    struct kt_session *cut, *good;

    (void)user;
    first(&usual);
    good = kt_session_ref(kept);
    data = good->data;
    for (size_t len = 1; len < good->data.ticket.len; len += 13) {
        data.ticket.len = len;
        assert_null(kt_session_new(&l.env.env, &data, &cut));
        connect_again(&usual, cut);
        expect_resumed(false);
        kt_session_unref(cut);
    }
    kt_session_unref(good);
}

/* Up to what we offer it is the server's matter; above it, no hello of ours could hold all else, too. */
static void a_ticket_of_any_length_hinders_nobody(void **user)
{
    static const size_t sizes[] = {2000, 20000, KT_TICKET_OFFERED_MAX, KT_TICKET_OFFERED_MAX + 1, 65535};
    static const uint8_t ticket[65535] = {1};
    struct kt_session_data data;
    struct kt_session *other, *good;

    (void)user;
    first(&usual);
    good = kt_session_ref(kept);
    data = good->data;
    for (size_t i = 0; i < KT_COUNT_OF(sizes); i++) {
        data.ticket = kt_span_of(ticket, sizes[i]);
        assert_null(kt_session_new(&l.env.env, &data, &other));
        connect_again(&usual, other);
        expect_resumed(false);
        kt_session_unref(other);
    }
    kt_session_unref(good);
}

static void an_expired_session_is_not_offered(void **user)
{
    (void)user;
    first(&usual);
    l.env.wall += 7199;
    ring_env.wall = l.env.wall;
    again(&usual, true);
    l.env.wall += 7200;
    ring_env.wall = l.env.wall;
    again(&usual, false);
}

static void a_server_looks_at_the_clock_itself(void **user)
{
    struct kt_session_data data;
    struct kt_session *young;

    (void)user;
    first(&usual);
    data = kept->data;
    l.env.wall += 7200;
    data.issued = l.env.wall;
    assert_null(kt_session_new(&l.env.env, &data, &young));
    connect_again(&usual, young);
    expect_resumed(false);
    kt_session_unref(young);
}

static void no_chain_of_tickets_outlives_its_lineage(void **user)
{
    const struct loop_setup setup = {.client = plain, .server = long_tickets, .observer = keep};
    uint8_t lineage[16];
    int64_t lineage_end;

    (void)user;
    first(&setup);
    memcpy(lineage, kt_session_facts(kept).lineage.p, sizeof lineage);
    lineage_end = kt_session_facts(kept).lineage_ends_at;
    for (int day = 1; day < 7; day++) {
        l.env.wall += 86400;
        ring_env.wall = l.env.wall;
        again(&setup, true);
        assert_memory_equal(kt_session_facts(kept).lineage.p, lineage, sizeof lineage);
        assert_int_equal(kt_session_facts(kept).lineage_ends_at, lineage_end);
        assert_true(kt_session_facts(kept).expires_at <= lineage_end);
    }
    l.env.wall += 86400;
    ring_env.wall = l.env.wall;
    again(&setup, false);
    assert_memory_not_equal(kt_session_facts(kept).lineage.p, lineage, sizeof lineage);
}

/* ---- revocation ---- */

static void asking(struct kt_builder *b)
{
    plain(b);
    assert_null(kt_builder_ask(b, KT_ASK_RESUME));
}

static const struct loop_setup asked = {.client = plain, .server = asking, .observer = keep};

/* The full handshake that follows is a second later, so that what comes of it is resumed again. */
static void revoked_by(enum kt_revoke by, struct kt_span key)
{
    assert_null(kt_store_new(NULL, &l.store));
    again(&asked, true);
    assert_null(kt_session_revoke(l.store, by, key, l.env.wall));
    l.env.wall++;
    again(&asked, false);
    again(&asked, true);
    kt_store_free(l.store);
}

static void a_name_is_revoked(void **user)
{
    (void)user;
    first(&asked);
    revoked_by(KT_REVOKE_NAME, (struct kt_span){(const uint8_t *)"server.example", 14});
}

static void the_session_of_an_ask_is_revoked(void **user)
{
    struct kt_session *session;
    uint8_t lineage[16];

    (void)user;
    first(&asked);
    session = kt_session_ref(kept);
    assert_null(kt_store_new(NULL, &l.store));
    connect_again(&asked, session);
    l.hold_asks = true;
    loop_run(&l);
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_RESUME);
    memcpy(lineage, kt_session_facts(kt_conn_ask(l.server)->u.resume.session).lineage.p, sizeof lineage);
    assert_null(kt_session_revoke(l.store, KT_REVOKE_LINEAGE, (struct kt_span){lineage, 16}, l.env.wall));
    l.hold_asks = false;
    expect_resumed(false);
    kt_session_unref(session);
    kt_store_free(l.store);
}

static void a_client_identity_is_revoked(void **user)
{
    const struct loop_setup setup = {
        .client = plain, .server = asking_for_certificates, .client_credential = true, .observer = keep};
    struct kt_session *session;
    uint8_t identity[32];

    (void)user;
    first(&setup);
    session = kt_session_ref(kept);
    assert_null(kt_store_new(NULL, &l.store));
    connect_again(&setup, session);
    l.hold_asks = true;
    loop_run(&l);
    assert_int_equal(kt_session_facts(kt_conn_ask(l.server)->u.resume.session).peer_sha256.len, 32);
    memcpy(identity, kt_session_facts(kt_conn_ask(l.server)->u.resume.session).peer_sha256.p, 32);
    assert_null(kt_session_revoke(l.store, KT_REVOKE_IDENTITY, (struct kt_span){identity, 32}, l.env.wall));
    l.hold_asks = false;
    expect_resumed(false);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    kt_session_unref(session);
    kt_store_free(l.store);
}

static void a_generation_is_revoked(void **user)
{
    (void)user;
    first(&asked);
    assert_null(kt_store_new(NULL, &l.store));
    again(&asked, true);
    kt_session_revoke_generation(l.store, 1);
    again(&asked, false);
    kt_store_free(l.store);
}

static void a_session_of_single_use_is_resumed_once(void **user)
{
    const struct kt_store_options once = {.single_use = true};
    struct kt_session *session;

    (void)user;
    first(&asked);
    session = kt_session_ref(kept);
    assert_null(kt_store_new(&once, &l.store));
    connect_again(&asked, session);
    expect_resumed(true);
    connect_again(&asked, session);
    expect_resumed(false);
    connect_again(&asked, kept);
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
    kt_session_unref(session);
    kt_store_free(l.store);
}

static void the_answer_must_fit_the_question(void **user)
{
    (void)user;
    first(&asked);
    connect_again(&asked, kept);
    assert_int_equal(kt_answer_resume(l.server, true)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    l.hold_asks = true;
    loop_run(&l);
    assert_int_equal(kt_answer_verified(l.server)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    l.hold_asks = false;
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
}

/* ---- a server that does not keep to it ---- */

/* pre_shared_key in a ServerHello: type 41, two bytes, the index. */
static size_t choose_another(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    static const uint8_t psk[] = {0, 41, 0, 2, 0, 0};

    (void)user;
    (void)cap;
    for (size_t i = 0; from == KT_SERVER && record[0] == 22 && i + sizeof psk <= len; i++) {
        if (memcmp(record + i, psk, sizeof psk) == 0) {
            record[i + 5] = 1;
        }
    }
    return len;
}

static void an_index_that_was_not_offered_is_refused(void **user)
{
    (void)user;
    first(&usual);
    l.filter = choose_another;
    connect_again(&usual, kept);
    loop_run(&l);
    loop_assert_failed(l.client, PSK_INDEX_WRONG, ILLEGAL_PARAMETER);
}

/* The suite of a ServerHello, behind version, random and a session id of 32 bytes. */
static size_t choose_sha384(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    (void)cap;
    if (from == KT_SERVER && record[0] == 22 && record[5] == 2) {
        record[5 + 4 + 2 + 32 + 33 + 1] = KT_SUITE_AES_256_GCM_SHA384 & 0xff;
    }
    return len;
}

static void a_suite_of_another_hash_is_refused(void **user)
{
    (void)user;
    first(&usual);
    l.filter = choose_sha384;
    connect_again(&usual, kept);
    loop_run(&l);
    loop_assert_failed(l.client, PSK_HASH_WRONG, ILLEGAL_PARAMETER);
}

/* ---- shortages ---- */

static void eight_tickets_behind_a_long_chain(struct kt_builder *b)
{
    static uint8_t certificates[2][15900];
    static const uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    struct kt_credential *credential = NULL;
    struct kt_resumption r = kt_resumption_default();
    struct kt_span chain[2];

    for (size_t i = 0; i < 2; i++) {
        certificates[i][0] = KT_KEY_P256;
        chain[i] = (struct kt_span){certificates[i], sizeof certificates[i]};
    }
    assert_null(kt_credential_new(
        &l.env.env,
        &(struct kt_credential_parts){.chain = chain, .chain_len = 2, .schemes = &scheme, .scheme_count = 1},
        &credential));
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
    r.tickets = 8;
    with(b, r);
}

/* The client gets the server's bytes, but the server is not told that they were sent. */
static size_t show_without_sending(size_t shown)
{
    const uint8_t *out;
    size_t len, room;
    uint8_t *in;

    out = kt_conn_out(l.server, &len);
    assert_non_null(out);
    while (shown < len && (in = kt_conn_in(l.client, &room)) != NULL) {
        size_t n = len - shown < room ? len - shown : room;

        memcpy(in, out + shown, n);
        assert_null(kt_conn_in_done(l.client, n));
        shown += n;
    }
    return shown;
}

static void tickets_wait_for_room_in_the_output(void **user)
{
    const struct loop_setup setup = {
        .client = plain, .server = eight_tickets_behind_a_long_chain, .no_server_credential = true, .observer = keep};
    size_t shown = 0;

    (void)user;
    loop_open(&l, &setup);
    loop_flush(&l, KT_CLIENT);
    loop_deliver(&l, KT_SERVER);
    (void)loop_answer(&l, l.server);
    for (int i = 0; i < 4; i++) {
        shown = show_without_sending(shown);
        (void)loop_answer(&l, l.client);
    }
    assert_true(shown > 30000);
    assert_true(kt_conn_is_connected(l.client));
    loop_flush(&l, KT_CLIENT);
    loop_deliver(&l, KT_SERVER); /* the client's Finished: some tickets fit, the rest waits */
    assert_false(kt_conn_is_connected(l.server));
    shown = show_without_sending(shown);
    assert_in_range(tickets, 0, 7);
    assert_null(kt_conn_out_done(l.server, shown));
    loop_run(&l);
    assert_true(kt_conn_is_connected(l.server));
    assert_int_equal(tickets, 8);
    loop_transfer(&l, KT_SERVER, 40000);
    loop_transfer(&l, KT_CLIENT, 40000);
    again(&setup, true);
}

static void every_failing_allocation_fails_cleanly(void **user)
{
    struct kt_session *session;
    size_t n = 0;
    bool done = false;

    (void)user;
    first(&usual);
    session = kt_session_ref(kept);
    while (!done) {
        l.session = session;
        loop_hang_up(&l);
        l.env.alloc_fail = l.env.allocs + ++n;
        if (loop_connect(&l, &usual) == NULL) {
            loop_run(&l);
            done = kt_conn_is_connected(l.client) && kt_conn_is_connected(l.server) &&
                   kt_conn_fault(l.client) == NULL && l.env.allocs < l.env.alloc_fail;
        }
        assert_true(n < 200);
    }
    l.env.alloc_fail = 0;
    assert_true(n > 5);
    kt_session_unref(session);
}

static void every_failing_random_number_fails_cleanly(void **user)
{
    struct kt_session *session;
    size_t n = 0;
    bool done = false;

    (void)user;
    first(&usual);
    session = kt_session_ref(kept);
    while (!done) {
        l.session = session;
        loop_hang_up(&l);
        l.env.random_fail = l.env.randoms + ++n;
        if (loop_connect(&l, &usual) == NULL) {
            loop_run(&l);
            done = l.env.randoms < l.env.random_fail;
        }
        assert_true(n < 100);
    }
    l.env.random_fail = 0;
    assert_true(n > 5);
    kt_session_unref(session);
}

#define RESUME_TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESUME_TEST(a_session_is_resumed),
        RESUME_TEST(a_resumed_connection_has_tickets_of_its_own),
        RESUME_TEST(a_session_is_resumed_over_a_retry),
        RESUME_TEST(a_session_of_sha384_is_resumed),
        RESUME_TEST(a_session_with_alpn_is_resumed),
        RESUME_TEST(a_session_survives_export_and_import),
        RESUME_TEST(bytes_come_one_by_one),
        RESUME_TEST(the_client_of_a_certificate_stays_authenticated),
        RESUME_TEST(a_client_without_certificate_stays_without),
        RESUME_TEST(cve_2015_1791_new_tickets_leave_a_session_alone),
        RESUME_TEST(the_number_of_tickets_is_configured),
        RESUME_TEST(the_tickets_share_a_record),
        RESUME_TEST(tickets_have_a_reserved_extension),
        RESUME_TEST(tickets_have_no_reserved_extension_without_grease),
        RESUME_TEST(a_client_that_does_not_resume_gets_no_tickets),
        RESUME_TEST(a_client_that_does_not_resume_offers_nothing),
        RESUME_TEST(tickets_of_older_keys_still_open),
        RESUME_TEST(two_hosts_share_their_keys),
        RESUME_TEST(cve_2020_13777_a_ring_never_begins_without_a_key),
        RESUME_TEST(tickets_of_dropped_keys_are_a_full_handshake),
        RESUME_TEST(cve_2025_23419_a_ticket_is_no_client_certificate),
        RESUME_TEST(cve_2025_23419_a_requested_certificate_is_no_required_one),
        RESUME_TEST(cve_2025_68121_other_authorities_are_another_policy),
        RESUME_TEST(cve_2025_68121_another_context_is_another_policy),
        RESUME_TEST(botan_5818_another_generation_is_another_policy),
        RESUME_TEST(cve_2014_7189_disabled_means_not_looked_at),
        RESUME_TEST(cve_2010_4180_the_suite_is_the_same_or_the_handshake_full),
        RESUME_TEST(another_hash_is_a_full_handshake),
        RESUME_TEST(cve_2026_34873_a_retry_that_fixes_another_hash_drops_the_session),
        RESUME_TEST(cve_2026_11703_another_alpn_is_a_full_handshake),
        RESUME_TEST(the_client_offers_a_session_to_its_own_server_only),
        RESUME_TEST(cve_2026_11703_another_name_is_a_full_handshake),
        RESUME_TEST(a_binder_of_another_secret_is_fatal),
        RESUME_TEST(a_wrong_binder_after_a_retry_is_fatal),
        RESUME_TEST(every_damaged_byte_of_a_ticket_is_a_full_handshake),
        RESUME_TEST(a_ticket_cut_short_is_a_full_handshake),
        RESUME_TEST(a_ticket_of_any_length_hinders_nobody),
        RESUME_TEST(an_expired_session_is_not_offered),
        RESUME_TEST(a_server_looks_at_the_clock_itself),
        RESUME_TEST(no_chain_of_tickets_outlives_its_lineage),
        RESUME_TEST(a_name_is_revoked),
        RESUME_TEST(the_session_of_an_ask_is_revoked),
        RESUME_TEST(a_client_identity_is_revoked),
        RESUME_TEST(a_generation_is_revoked),
        RESUME_TEST(a_session_of_single_use_is_resumed_once),
        RESUME_TEST(the_answer_must_fit_the_question),
        RESUME_TEST(an_index_that_was_not_offered_is_refused),
        RESUME_TEST(a_suite_of_another_hash_is_refused),
        RESUME_TEST(tickets_wait_for_room_in_the_output),
        RESUME_TEST(every_failing_allocation_fails_cleanly),
        RESUME_TEST(every_failing_random_number_fails_cleanly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
