/* Sessions of TLS 1.2 from handshake to handshake, by ticket and by id: what resumes, and all that must not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "session/session_impl.h"
#include "support/plain12.h"

static struct loop l;
static struct test_env ring_env;
static struct kt_ticket_ring *ring;
static struct kt_store *store;
static struct kt_session *kept; /* the client's last */
static struct plain12 p;

static bool by_id; /* else by ticket: each test runs twice */

static void keep(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind != KT_NOTICE_SESSION) {
        return;
    }
    assert_int_equal(kt_session_facts(notice->u.session).by_id, by_id);
    if (notice->direction == KT_SENDING) {
        assert_true(kt_store_keep(store, notice->u.session));
    } else {
        kt_session_unref(kept);
        kept = kt_session_ref(notice->u.session);
    }
}

static void with(struct kt_builder *b, struct kt_resumption r)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
    r.ring = ring;
    r.session_ids = by_id;
    r.tickets = by_id ? 0 : 1;
    assert_null(kt_builder_resumption(b, &r));
}

static void plain(struct kt_builder *b)
{
    with(b, kt_resumption_default());
}

static void off(struct kt_builder *b)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
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

static void other_suite(struct kt_builder *b)
{
    static const uint16_t id = KT_SUITE_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;

    plain(b);
    assert_null(kt_builder_suites(b, &id, 1));
}

static void both_versions(struct kt_builder *b)
{
    plain(b);
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_3));
}

static void with_alpn(struct kt_builder *b)
{
    const struct kt_span name = KT_SPAN_TEXT("h2");

    plain(b);
    assert_null(kt_builder_alpn(b, &name, 1));
}

static const struct loop_setup usual = {.client = plain, .server = plain, .observer = keep};

static void begin(const struct loop_setup *setup)
{
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    assert_null(kt_store_new(NULL, &store));
    loop_open(&l, setup);
    l.store = store;
    loop_handshake(&l);
    assert_false(kt_conn_facts(l.client).resumed);
}

static void end(void)
{
    loop_hang_up(&l);
    kt_session_unref(kept);
    kept = NULL;
    kt_store_free(store);
    loop_close(&l);
    kt_ticket_ring_unref(ring);
    assert_int_equal(ring_env.live, 0);
}

/* Configures one side anew. */
static void change(enum kt_role role, const struct loop_setup *setup)
{
    struct kt_config **config = role == KT_CLIENT ? &l.client_config : &l.server_config;
    struct kt_config *next = loop_build(&l, role, setup);

    kt_config_unref(*config);
    *config = next;
}

/* Once more, with the session of before. */
static void again(const struct loop_setup *setup)
{
    loop_hang_up(&l);
    l.session = kept;
    assert_null(loop_connect(&l, setup));
}

static bool resumes(const struct loop_setup *setup)
{
    bool resumed;

    again(setup);
    loop_handshake(&l);
    resumed = kt_conn_facts(l.client).resumed;
    assert_int_equal(kt_conn_facts(l.server).resumed, resumed);
    loop_transfer(&l, KT_CLIENT, 20000);
    loop_transfer(&l, KT_SERVER, 20000);
    return resumed;
}

static void twice(void (*run)(void))
{
    for (int i = 0; i < 2; i++) {
        by_id = i == 1;
        run();
    }
}

/* What comes back is the first session: certificates, names, bindings. */
static void run_resumes(void)
{
    const struct loop_setup setup = {.client = plain, .server = require, .client_credential = true, .observer = keep};
    uint8_t a[64], b[64];
    size_t a_len, b_len;

    begin(&setup);
    assert_int_equal(kt_session_facts(kept).version, KT_TLS_1_2);
    for (int i = 0; i < 3; i++) {
        assert_true(resumes(&setup));
        assert_true(kt_conn_facts(l.server).peer_authenticated && kt_conn_facts(l.client).peer_authenticated);
        assert_int_equal(kt_conn_facts(l.client).group, 0);
        assert_null(kt_conn_channel_binding(l.client, KT_BINDING_TLS_UNIQUE, a, sizeof a, &a_len));
        assert_null(kt_conn_channel_binding(l.server, KT_BINDING_TLS_UNIQUE, b, sizeof b, &b_len));
        assert_int_equal(a_len, 12);
        assert_memory_equal(a, b, a_len);
        assert_null(kt_conn_channel_binding(l.client, KT_BINDING_TLS_EXPORTER, a, sizeof a, &a_len));
        assert_null(kt_conn_channel_binding(l.server, KT_BINDING_TLS_EXPORTER, b, sizeof b, &b_len));
        assert_memory_equal(a, b, a_len);
    }
    end();
}

static void a_session_resumes(void **user)
{
    (void)user;
    twice(run_resumes);
}

/* One thing is another now, on one side: a full handshake. */
static void full_when(const struct loop_setup *before, enum kt_role role, const struct loop_setup *now)
{
    begin(before);
    change(role, now);
    assert_false(resumes(now));
    end();
}

static void run_settings(void)
{
    full_when(&usual, KT_SERVER, &(struct loop_setup){.server = off, .observer = keep});
    full_when(&usual, KT_CLIENT, &(struct loop_setup){.client = off, .observer = keep});
    full_when(&usual, KT_SERVER, &(struct loop_setup){.server = next_generation, .observer = keep});
    full_when(&usual, KT_SERVER, &(struct loop_setup){.server = other_context, .observer = keep});
    full_when(&usual, KT_CLIENT, &(struct loop_setup){.client = other_context, .observer = keep});
}

static void a_session_is_for_its_settings(void **user)
{
    (void)user;
    twice(run_settings);
}

static void run_client_rule(void)
{
    full_when(&usual, KT_SERVER, &(struct loop_setup){.server = request, .observer = keep});
    begin(&usual);
    change(KT_SERVER, &(struct loop_setup){.server = require, .observer = keep});
    again(&usual);
    loop_run(&l);
    loop_assert_failed(l.server, CERTIFICATE_REQUIRED, HANDSHAKE_FAILURE);
    end();
}

static void cve_2025_23048_a_session_without_certificate_is_none_where_one_is_required(void **user)
{
    (void)user;
    twice(run_client_rule);
}

static void run_other_name(void)
{
    struct loop_setup other = usual;

    other.server_name = "other.example";
    begin(&usual);
    assert_false(resumes(&other));
    end();
}

static void cve_2025_23419_a_session_is_for_one_virtual_host(void **user)
{
    (void)user;
    twice(run_other_name);
}

/* The client still offers it under the first name; the server sees another one. */
static void other_name(struct kt_client_hello *hello)
{
    hello->server_name = KT_SPAN_TEXT("other.example");
}

static void run_name_on_the_way(void)
{
    begin(&usual);
    again(&usual);
    p = (struct plain12){.client_hello = other_name};
    l.filter = plain12_filter;
    l.filter_user = &p;
    loop_run(&l);
    assert_int_equal(p.edits, 1);
    assert_false(kt_conn_facts(l.server).resumed);
    end();
}

static void cve_2026_11703_names_are_compared_whichever_way_a_session_comes(void **user)
{
    (void)user;
    twice(run_name_on_the_way);
}

static void run_suite(void)
{
    full_when(&usual, KT_SERVER, &(struct loop_setup){.server = other_suite, .observer = keep});
    full_when(&usual, KT_CLIENT, &(struct loop_setup){.client = other_suite, .observer = keep});
}

static void cve_2010_4180_a_session_keeps_its_suite(void **user)
{
    (void)user;
    twice(run_suite);
}

static void run_alpn(void)
{
    const struct loop_setup now = {.server = with_alpn, .client = with_alpn, .observer = keep};

    begin(&usual);
    change(KT_SERVER, &now);
    change(KT_CLIENT, &now);
    assert_false(resumes(&now));
    assert_true(resumes(&now));
    end();
}

static void a_session_is_for_its_application_protocol(void **user)
{
    (void)user;
    twice(run_alpn);
}

static void run_version(void)
{
    const struct loop_setup now = {.server = both_versions, .client = both_versions, .observer = NULL};

    begin(&usual);
    change(KT_SERVER, &now);
    change(KT_CLIENT, &now);
    assert_false(resumes(&now));
    assert_int_equal(kt_conn_facts(l.client).version, KT_TLS_1_3);
    end();
}

static void a_session_is_for_its_version(void **user)
{
    (void)user;
    twice(run_version);
}

static void run_time(void)
{
    begin(&usual);
    l.env.wall += 7199;
    ring_env.wall = l.env.wall;
    assert_true(resumes(&usual));
    end();
    begin(&usual);
    l.env.wall += 7201;
    ring_env.wall = l.env.wall;
    assert_false(resumes(&usual));
    end();
}

static void a_session_ends(void **user)
{
    (void)user;
    twice(run_time);
}

/* ---- the extended main secret ---- */

static void without_extended_secret(struct kt_client_hello *hello)
{
    hello->seen &= ~KT_EXT_BIT(EXTENDED_MAIN_SECRET);
}

static void server_without_extended_secret(struct kt_server_hello *hello)
{
    hello->seen &= ~KT_EXT_BIT(EXTENDED_MAIN_SECRET);
}

static void run_triple_handshake(void)
{
    begin(&usual);
    again(&usual);
    p = (struct plain12){.client_hello = without_extended_secret};
    l.filter = plain12_filter;
    l.filter_user = &p;
    loop_run(&l);
    loop_assert_failed(l.server, EXTENDED_SECRET_MISSING, HANDSHAKE_FAILURE);
    p = (struct plain12){.server_hello = server_without_extended_secret};
    again(&usual);
    loop_run(&l);
    loop_assert_failed(l.client, EXTENDED_SECRET_MISSING, HANDSHAKE_FAILURE);
    end();
}

static void cve_2014_1295_triple_handshake_a_resumption_keeps_its_binding(void **user)
{
    (void)user;
    twice(run_triple_handshake);
}

static void wrong_suite(struct kt_server_hello *hello)
{
    hello->suite = KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384;
}

static void run_changed_suite(void)
{
    begin(&usual);
    again(&usual);
    p = (struct plain12){.server_hello = wrong_suite};
    l.filter = plain12_filter;
    l.filter_user = &p;
    loop_run(&l);
    loop_assert_failed(l.client, SESSION_CHANGED, ILLEGAL_PARAMETER);
    end();
}

static void a_server_that_resumes_with_another_suite_is_refused(void **user)
{
    (void)user;
    twice(run_changed_suite);
}

/* A hello of TLS 1.3 holds an id for middleboxes: an echo of it is a resumption of nothing. */
static struct kt_span seen_id;

static void note_id(struct kt_client_hello *hello)
{
    static uint8_t copy[32];

    memcpy(copy, hello->session_id.p, hello->session_id.len);
    seen_id = (struct kt_span){copy, hello->session_id.len};
}

static void echo_id(struct kt_server_hello *hello)
{
    hello->session_id = seen_id;
}

static void a_session_that_was_not_offered_is_refused(void **user)
{
    const struct loop_setup setup = {.server = plain, .client = both_versions};

    (void)user;
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    p = (struct plain12){.client_hello = note_id, .server_hello = echo_id};
    loop_open(&l, &setup);
    l.filter = plain12_filter;
    l.filter_user = &p;
    loop_run(&l);
    loop_assert_failed(l.client, SESSION_NOT_OFFERED, ILLEGAL_PARAMETER);
    loop_close(&l);
    kt_ticket_ring_unref(ring);
}

/* ---- revocation ---- */

static void a_revoked_session_is_not_found(void **user)
{
    struct kt_session_facts facts;

    (void)user;
    by_id = true;
    begin(&usual);
    assert_true(resumes(&usual));
    facts = kt_session_facts(kept);
    assert_int_equal(kt_store_counters(store).sessions, 1);
    assert_null(kt_session_revoke(store, KT_REVOKE_NAME, facts.server_name, l.env.wall));
    assert_false(resumes(&usual));
    end();
}

static void an_id_that_nobody_keeps_is_a_full_handshake(void **user)
{
    (void)user;
    by_id = true;
    begin(&usual);
    l.store = NULL;
    assert_null(kt_store_new(NULL, &l.store));
    assert_false(resumes(&usual));
    kt_store_free(l.store);
    end();
}

/* Another's session is no answer to this id. */
static void another_session_is_no_answer(void **user)
{
    struct kt_session *first;

    (void)user;
    by_id = true;
    begin(&usual);
    first = kt_session_ref(kept);
    kt_session_unref(kept);
    kept = NULL;
    assert_false(resumes(&usual));
    again(&usual);
    l.hold_asks = true;
    loop_run(&l);
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_FETCH_SESSION);
    assert_int_equal(kt_answer_resume(l.server, true)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    /* the client's of the other one */
    assert_int_equal(kt_answer_session(l.server, first)->reason, KT_REASON_USAGE_ARGUMENT);
    assert_null(kt_answer_session(l.server, NULL));
    l.hold_asks = false;
    loop_handshake(&l);
    assert_false(kt_conn_facts(l.server).resumed);
    assert_int_equal(kt_answer_session(l.server, NULL)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    kt_session_unref(first);
    end();
}

/* Of other servers: Java's holds the client's chain. Up to what we offer it is the server's matter. */
static void a_ticket_of_any_length_hinders_nobody(void **user)
{
    static const size_t sizes[] = {2000, 20000, KT_TICKET_OFFERED_MAX, KT_TICKET_OFFERED_MAX + 1, 65535};
    static const uint8_t ticket[65535] = {1};
    struct kt_session_data data;
    struct kt_session *other;

    (void)user;
    by_id = false;
    begin(&usual);
    for (size_t i = 0; i < KT_COUNT_OF(sizes); i++) {
        data = kept->data;
        data.ticket = kt_span_of(ticket, sizes[i]);
        assert_null(kt_session_new(&l.env.env, &data, &other));
        kt_session_unref(kept);
        kept = other;
        assert_false(resumes(&usual));
        assert_true(resumes(&usual));
    }
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_resumes),
        cmocka_unit_test(a_session_is_for_its_settings),
        cmocka_unit_test(cve_2025_23048_a_session_without_certificate_is_none_where_one_is_required),
        cmocka_unit_test(cve_2025_23419_a_session_is_for_one_virtual_host),
        cmocka_unit_test(cve_2026_11703_names_are_compared_whichever_way_a_session_comes),
        cmocka_unit_test(cve_2010_4180_a_session_keeps_its_suite),
        cmocka_unit_test(a_session_is_for_its_application_protocol),
        cmocka_unit_test(a_session_is_for_its_version),
        cmocka_unit_test(a_session_ends),
        cmocka_unit_test(cve_2014_1295_triple_handshake_a_resumption_keeps_its_binding),
        cmocka_unit_test(a_server_that_resumes_with_another_suite_is_refused),
        cmocka_unit_test(a_session_that_was_not_offered_is_refused),
        cmocka_unit_test(a_revoked_session_is_not_found),
        cmocka_unit_test(an_id_that_nobody_keeps_is_a_full_handshake),
        cmocka_unit_test(another_session_is_no_answer),
        cmocka_unit_test(a_ticket_of_any_length_hinders_nobody),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
