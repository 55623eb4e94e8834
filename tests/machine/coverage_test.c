/* Scenarios that together take every row of every table to every state it declares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "hs/machine.h"
#include "support/plain12.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;
static bool moved[KT_STATE_COUNT][KT_STATE_COUNT];
static bool post[2][256];

static uint8_t state_named(const char *name)
{
    for (uint8_t state = 0; state < KT_STATE_COUNT; state++) {
        if (strcmp(kt_state_name(state), name) == 0) {
            return state;
        }
    }
    fail();
    return 0;
}

static void record(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    if (notice->kind == KT_NOTICE_STATE) {
        moved[state_named(notice->u.state.from)][state_named(notice->u.state.to)] = true;
    }
    if (notice->kind == KT_NOTICE_MESSAGE && notice->direction == KT_RECEIVING && kt_conn_is_connected(conn)) {
        post[kt_conn_facts(conn).role][notice->u.message.type] = true;
    }
}

static void run(struct loop_setup setup)
{
    setup.observer = record;
    tap_open(&tap, &l, &setup);
    loop_handshake(&l);
    tap_close(&tap);
}

static void plain(void **user)
{
    (void)user;
    run((struct loop_setup){0});
}

static void no_share(struct kt_builder *b)
{
    assert_null(kt_builder_key_shares(b, 0));
}

static void retry(void **user)
{
    (void)user;
    run((struct loop_setup){.client = no_share});
}

static void request(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUEST);
}

static void client_certificate(void **user)
{
    (void)user;
    run((struct loop_setup){.server = request, .client_credential = true});
}

static void no_client_certificate(void **user)
{
    (void)user;
    run((struct loop_setup){.server = request});
}

static void ask_config(struct kt_builder *b)
{
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CONFIG));
}

static void asked_for_the_configuration(void **user)
{
    (void)user;
    run((struct loop_setup){.server = ask_config});
}

static void ask_credential(struct kt_builder *b)
{
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CREDENTIAL));
}

/* loop_run answers with no credential, which a server may not: so this answers itself. */
static void run_choosing(const struct loop_setup *setup)
{
    struct kt_credential *credential;

    loop_open(&l, setup);
    credential = loop_credential(&l, KT_KEY_P256, "server.example");
    l.hold_asks = true;
    for (int i = 0; i < 20; i++) {
        loop_run(&l);
        for (int role = 0; role < 2; role++) {
            struct kt_conn *conn = loop_conn(&l, (enum kt_role)role);

            if (kt_conn_ask(conn) != NULL && kt_conn_ask(conn)->kind == KT_ASK_CHOOSE_CREDENTIAL) {
                assert_null(kt_answer_credential(conn, credential));
            }
            l.hold_asks = false;
            (void)loop_answer(&l, conn);
            l.hold_asks = true;
        }
    }
    loop_handshake(&l);
    kt_credential_unref(credential);
    loop_close(&l);
}

static void request_and_ask(struct kt_builder *b)
{
    request(b);
    ask_credential(b);
}

static void asked_for_the_credential(void **user)
{
    (void)user;
    run_choosing(&(struct loop_setup){.observer = record, .server = request_and_ask, .client = ask_credential});
}

static void no_share_and_ask(struct kt_builder *b)
{
    no_share(b);
    ask_credential(b);
}

static void asked_for_the_credential_after_a_retry(void **user)
{
    (void)user;
    run_choosing(&(struct loop_setup){.observer = record, .server = request_and_ask, .client = no_share_and_ask});
}

static void key_updates_and_a_ticket(void **user)
{
    static const uint8_t ticket[] = {4, 0, 0, 16, 0, 0, 0, 9, 0, 0, 0, 1, 1, 7, 0, 2, 't', 'k', 0, 0};
    const struct loop_setup setup = {.observer = record};

    (void)user;
    tap_open(&tap, &l, &setup);
    loop_handshake(&l);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, ticket, sizeof ticket);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_run(&l);
    loop_transfer(&l, KT_CLIENT, 100);
    loop_transfer(&l, KT_SERVER, 100);
    tap_close(&tap);
}

static void post_handshake(struct kt_builder *b)
{
    kt_builder_post_handshake_auth(b, true);
}

static void post_handshake_and_ask(struct kt_builder *b)
{
    post_handshake(b);
    ask_credential(b);
}

static void ask_after_the_handshake(const struct loop_setup *setup, enum kt_client_auth mode)
{
    tap_open(&tap, &l, setup);
    loop_handshake(&l);
    assert_null(kt_conn_request_certificate(l.server, mode));
    loop_run(&l);
    assert_null(kt_conn_fault(l.client));
    assert_null(kt_conn_fault(l.server));
    tap_close(&tap);
}

static void a_certificate_after_the_handshake(void **user)
{
    (void)user;
    ask_after_the_handshake(
        &(struct loop_setup){.observer = record, .client = post_handshake, .client_credential = true},
        KT_CLIENT_AUTH_REQUIRE);
}

static void no_certificate_after_the_handshake(void **user)
{
    (void)user;
    ask_after_the_handshake(&(struct loop_setup){.observer = record, .client = post_handshake_and_ask},
                            KT_CLIENT_AUTH_REQUEST);
}

static struct test_env ring_env;
static struct kt_ticket_ring *ring;
static struct kt_session *kept;

static void resumption(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = ring;
    assert_null(kt_builder_resumption(b, &r));
}

static void resumption_with_ask(struct kt_builder *b)
{
    resumption(b);
    assert_null(kt_builder_ask(b, KT_ASK_RESUME));
}

static void keep(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    record(user, conn, notice);
    if (notice->kind == KT_NOTICE_SESSION && kept == NULL) {
        kept = kt_session_ref(notice->u.session);
    }
}

/* Resumes twice; with the store the second time is one too many. */
static void resume_twice(const struct loop_setup *setup, struct kt_store *store)
{
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    loop_open(&l, setup);
    loop_handshake(&l);
    l.session = kept;
    l.store = store;
    for (int i = 0; i < 2; i++) {
        loop_hang_up(&l);
        assert_null(loop_connect(&l, setup));
        loop_handshake(&l);
        assert_int_equal(kt_conn_facts(l.server).resumed, i == 0 || store == NULL);
    }
    kt_session_unref(kept);
    kept = NULL;
    loop_close(&l);
    kt_ticket_ring_unref(ring);
}

static void tickets_and_a_resumption(void **user)
{
    (void)user;
    resume_twice(&(struct loop_setup){.observer = keep, .client = resumption, .server = resumption}, NULL);
}

static void asked_for_the_session(void **user)
{
    const struct kt_store_options once = {.single_use = true};
    struct kt_store *store = NULL;

    (void)user;
    assert_null(kt_store_new(&once, &store));
    resume_twice(&(struct loop_setup){.observer = keep, .client = resumption, .server = resumption_with_ask}, store);
    kt_store_free(store);
}

static void handles(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.stateful = true;
    assert_null(kt_builder_resumption(b, &r));
}

static void tickets_that_are_handles(void **user)
{
    struct kt_store *store = NULL;
    const struct loop_setup setup = {.observer = keep, .client = resumption, .server = handles};

    (void)user;
    assert_null(kt_store_new(NULL, &store));
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    loop_open(&l, &setup);
    l.store = store;
    loop_handshake(&l);
    l.session = kept;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, &setup));
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
    kt_session_unref(kept);
    kept = NULL;
    kt_store_free(store);
    loop_close(&l);
    kt_ticket_ring_unref(ring);
}

static struct kt_psk *psk;

static void with_key(struct kt_builder *b)
{
    assert_null(kt_builder_psk(b, psk));
}

static void finding(struct kt_builder *b)
{
    assert_null(kt_builder_ask(b, KT_ASK_FIND_PSK));
}

static void external_keys(void **user)
{
    static const uint8_t bytes[16] = {1};
    const struct kt_psk_parts parts = {{bytes, 4}, {bytes, 16}, KT_PSK_SHA256, false, {NULL, 0}};

    (void)user;
    test_env_init(&ring_env);
    assert_null(kt_psk_new(&ring_env.env, &parts, &psk));
    loop_open(&l, &(struct loop_setup){.observer = record, .client = with_key, .server = finding});
    l.psk = psk;
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.server).psk_identity.len, 4);
    loop_close(&l);
    kt_psk_unref(psk);
}

/* ---- TLS 1.2 ---- */

static uint16_t suite12;

static void only_12(struct kt_builder *b)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
    assert_null(kt_builder_suites(b, &suite12, 1));
}

/* The server's credential, with an OCSP response. */
static void stapled(struct kt_builder *b)
{
    struct kt_credential *plain = loop_credential(&l, KT_KEY_RSA, NULL);
    const uint16_t schemes[] = {KT_SCHEME_RSA_PSS_RSAE_SHA256};
    struct kt_span leaf = kt_credential_certificate(plain, 0);
    const struct kt_span response = {(const uint8_t *)"good", 4};
    struct kt_credential *credential = NULL;
    const struct kt_credential_parts parts = {
        .chain = &leaf, .chain_len = 1, .schemes = schemes, .scheme_count = 1, .ocsp_response = &response};

    only_12(b);
    assert_null(kt_credential_new(&l.env.env, &parts, &credential));
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
    kt_credential_unref(plain);
}

static void stapled_request(struct kt_builder *b)
{
    stapled(b);
    request(b);
}

static void request_12(struct kt_builder *b)
{
    only_12(b);
    request(b);
}

static void request_and_ask_12(struct kt_builder *b)
{
    request_12(b);
    ask_credential(b);
}

static void ask_credential_12(struct kt_builder *b)
{
    only_12(b);
    ask_credential(b);
}

static void run_12(struct loop_setup setup, struct plain12 *meddler)
{
    setup.observer = record;
    setup.server_key = setup.client_key = KT_KEY_RSA;
    loop_open(&l, &setup);
    if (meddler != NULL) {
        l.filter = plain12_filter;
        l.filter_user = meddler;
        loop_run(&l);
    } else {
        loop_handshake(&l);
    }
    loop_close(&l);
}

/* Each way of agreeing on keys: both with and without status, request and certificate. */
static void full_handshakes_of_12(void **user)
{
    static const uint16_t suites[] = {KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, KT_SUITE_RSA_WITH_AES_128_GCM_SHA256};

    (void)user;
    for (size_t i = 0; i < KT_COUNT_OF(suites); i++) {
        suite12 = suites[i];
        run_12((struct loop_setup){.client = only_12, .server = only_12}, NULL);
        run_12((struct loop_setup){.client = only_12, .server = request_12}, NULL);
        run_12((struct loop_setup){.client = only_12, .server = request_12, .client_credential = true}, NULL);
        run_12((struct loop_setup){.client = only_12, .server = stapled, .no_server_credential = true}, NULL);
        run_12((struct loop_setup){.client = only_12, .server = stapled_request, .no_server_credential = true}, NULL);
    }
}

/* A server may have no status after all; ours always has, so somebody takes it away. */
static void a_status_that_does_not_come(void **user)
{
    static const uint16_t suites[] = {KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256, KT_SUITE_RSA_WITH_AES_128_GCM_SHA256};

    (void)user;
    for (size_t i = 0; i < 2 * KT_COUNT_OF(suites); i++) {
        struct plain12 meddler = {.from = KT_SERVER, .type = KT_MSG_CERTIFICATE_STATUS, .how = PLAIN12_REMOVE};

        suite12 = suites[i / 2];
        run_12((struct loop_setup){.client = only_12,
                                   .server = i % 2 == 0 ? stapled : stapled_request,
                                   .no_server_credential = true},
               &meddler);
        assert_int_equal(meddler.edits, 1);
    }
}

static void credentials_of_12_are_asked_for(void **user)
{
    const struct loop_setup setup = {.observer = record, .server = request_and_ask_12, .client = ask_credential_12};

    (void)user;
    suite12 = KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    run_choosing(&setup);
}

static bool session_ids;

static void resumption_12(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    only_12(b);
    r.ring = ring;
    r.session_ids = session_ids;
    r.tickets = session_ids ? 0 : 1;
    assert_null(kt_builder_resumption(b, &r));
}

static void resumption_12_with_ask(struct kt_builder *b)
{
    resumption_12(b);
    assert_null(kt_builder_ask(b, KT_ASK_RESUME));
}

/* The client's goes to the next client, the server's into the store. */
static void keep_12(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    if (notice->kind == KT_NOTICE_SESSION && notice->direction == KT_SENDING) {
        assert_true(kt_store_keep(l.store, notice->u.session));
        return;
    }
    keep(user, conn, notice);
}

static void resume_12(bool ids, bool ask)
{
    const struct loop_setup setup = {
        .observer = keep_12, .client = resumption_12, .server = ask ? resumption_12_with_ask : resumption_12};
    struct kt_store *store = NULL;

    session_ids = ids;
    suite12 = KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    assert_null(kt_store_new(&(struct kt_store_options){.single_use = ask}, &store));
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    loop_open(&l, &setup);
    l.store = store;
    loop_handshake(&l);
    l.session = kept;
    for (int i = 0; i < 2; i++) {
        loop_hang_up(&l);
        assert_null(loop_connect(&l, &setup));
        loop_handshake(&l);
        assert_int_equal(kt_conn_facts(l.server).resumed, i == 0 || !ask);
        assert_int_equal(kt_conn_facts(l.client).resumed, i == 0 || !ask);
    }
    loop_hang_up(&l);
    kt_session_unref(kept);
    kept = NULL;
    kt_store_free(store);
    loop_close(&l);
    kt_ticket_ring_unref(ring);
}

static void sessions_of_12(void **user)
{
    (void)user;
    for (int ids = 0; ids < 2; ids++) {
        resume_12(ids != 0, false);
        resume_12(ids != 0, true);
    }
}

static void send_message(struct kt_conn *conn, uint8_t type)
{
    const uint8_t bytes[] = {type, 0, 0, 0};
    size_t taken;

    assert_null(kt_tx_handshake(&conn->tx, (struct kt_span){bytes, sizeof bytes}, &taken));
    assert_null(kt_tx_finish_record(&conn->tx));
    loop_run(&l);
}

/* The one of the server does not go anywhere: it is refused. */
static void wishes_for_a_further_handshake(void **user)
{
    const struct loop_setup setup = {.observer = record, .client = only_12, .server = only_12};

    (void)user;
    loop_open(&l, &setup);
    loop_handshake(&l);
    send_message(l.server, KT_MSG_HELLO_REQUEST);
    assert_null(kt_conn_fault(l.client));
    send_message(l.client, KT_MSG_CLIENT_HELLO);
    assert_null(kt_conn_fault(l.server));
    loop_close(&l);
}

static bool taken(const struct kt_row *row, uint8_t next)
{
    if (kt_state_kind(row->state) == KT_STATE_IS_REST) {
        return post[kt_state_name(row->state)[0] == 'C' ? KT_CLIENT : KT_SERVER][row->on];
    }
    return moved[row->state][next];
}

static void every_row_was_taken_to_every_state_it_declares(void **user)
{
    (void)user;
    for (const struct kt_table *const *table = kt_all_tables; *table != NULL; table++) {
        for (size_t i = 0; i < (*table)->count; i++) {
            const struct kt_row *row = &(*table)->rows[i];

            for (size_t j = 0; j < KT_ROW_NEXT_MAX && row->next[j] != KT_STATE_NONE; j++) {
                if (!taken(row, row->next[j])) {
                    fail_msg("%s: %s on %s never went to %s", (*table)->name, kt_state_name(row->state),
                             kt_on_name(row->on), kt_state_name(row->next[j]));
                }
            }
        }
    }
}

static bool declared(uint8_t from, uint8_t to)
{
    for (uint16_t on = 0; on < KT_ON_COUNT; on++) {
        const struct kt_row *row = kt_row_find(from, on);

        for (size_t i = 0; row != NULL && i < KT_ROW_NEXT_MAX; i++) {
            if (row->next[i] == to) {
                return true;
            }
        }
    }
    return false;
}

static void nothing_moved_where_no_row_leads(void **user)
{
    (void)user;
    for (uint8_t from = 0; from < KT_STATE_COUNT; from++) {
        for (uint8_t to = 0; to < KT_STATE_COUNT; to++) {
            assert_true(!moved[from][to] || declared(from, to));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(retry),
        cmocka_unit_test(client_certificate),
        cmocka_unit_test(no_client_certificate),
        cmocka_unit_test(asked_for_the_configuration),
        cmocka_unit_test(asked_for_the_credential),
        cmocka_unit_test(asked_for_the_credential_after_a_retry),
        cmocka_unit_test(key_updates_and_a_ticket),
        cmocka_unit_test(tickets_and_a_resumption),
        cmocka_unit_test(asked_for_the_session),
        cmocka_unit_test(tickets_that_are_handles),
        cmocka_unit_test(external_keys),
        cmocka_unit_test(a_certificate_after_the_handshake),
        cmocka_unit_test(no_certificate_after_the_handshake),
        cmocka_unit_test(full_handshakes_of_12),
        cmocka_unit_test(a_status_that_does_not_come),
        cmocka_unit_test(credentials_of_12_are_asked_for),
        cmocka_unit_test(sessions_of_12),
        cmocka_unit_test(wishes_for_a_further_handshake),
        cmocka_unit_test(every_row_was_taken_to_every_state_it_declares),
        cmocka_unit_test(nothing_moved_where_no_row_leads),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
