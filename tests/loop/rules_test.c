/* The rules of the field survey (R1 to R8) as far as a handshake and a connection are concerned: each test fails when
 * the code of its rule is taken away. R6 is of sessions, R9 of facades, R10 is this file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "hs/decide.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;

static void require(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static const struct loop_setup plain = {0};
static const struct loop_setup mutual = {.server = require, .client_credential = true};

static struct kt_conn *receiver(enum kt_role from)
{
    return loop_conn(&l, from == KT_CLIENT ? KT_SERVER : KT_CLIENT);
}

/* ---- R1: one state table; what has no row is fatal ---- */

/* How one message of one side is meddled with. */
static struct {
    enum kt_role from;
    uint8_t type; /* the message */
    enum { REMOVE, TWICE, BEFORE, INSTEAD, BEHIND } how;
    uint8_t other[64]; /* what is put before, instead or behind */
    size_t other_len;
} plan;

static void copy_message(struct kt_writer *w, struct kt_span message)
{
    struct kt_span other = {plan.other, plan.other_len};
    bool meant = message.p[0] == plan.type;

    tap.edits += meant;
    if (!meant) {
        kt_put_bytes(w, message);
        return;
    }
    switch (plan.how) {
    case REMOVE:
        break;
    case TWICE:
        kt_put_bytes(w, message);
        kt_put_bytes(w, message);
        break;
    case BEFORE:
        kt_put_bytes(w, other);
        kt_put_bytes(w, message);
        break;
    case INSTEAD:
        kt_put_bytes(w, other);
        break;
    case BEHIND:
        kt_put_bytes(w, message);
        kt_put_bytes(w, other);
        break;
    }
}

static void meddle(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    static uint8_t room[8192];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    struct kt_span rest = {content, len};
    struct kt_span message;

    if (from != plan.from || type != KT_CONTENT_HANDSHAKE) {
        tap_send(t, type, content, len);
        return;
    }
    while (tap_next_message(&rest, &message)) {
        copy_message(&w, message);
    }
    assert_true(kt_writer_finish(&w));
    if (w.len > 0) {
        tap_send(t, type, room, w.len);
    }
}

/* Runs a handshake meddled with; the receiver must not connect, and says why. */
static const struct kt_fault *run_plan(const struct loop_setup *setup)
{
    const struct kt_fault *fault;

    tap_open(&tap, &l, setup);
    tap.edit = meddle;
    tap.repair = true;
    loop_run(&l);
    assert_true(tap.edits > 0);
    assert_false(kt_conn_is_connected(receiver(plan.from)));
    fault = kt_conn_fault(receiver(plan.from));
    tap_close(&tap);
    return fault;
}

static void expect_unexpected(const struct loop_setup *setup)
{
    const struct kt_fault *fault = run_plan(setup);

    assert_non_null(fault);
    if (fault->alert != KT_ALERT_UNEXPECTED_MESSAGE) {
        fail_msg("message %u, how %d: %s", plan.type, (int)plan.how, kt_reason_name(fault->reason));
    }
}

static const uint8_t server_flight[] = {KT_MSG_ENCRYPTED_EXTENSIONS, KT_MSG_CERTIFICATE, KT_MSG_CERTIFICATE_VERIFY};
static const uint8_t client_flight[] = {KT_MSG_CERTIFICATE, KT_MSG_CERTIFICATE_VERIFY};

static void r1_a_server_that_leaves_out_a_message_is_refused(void **user)
{
    (void)user;
    for (size_t i = 0; i < sizeof server_flight; i++) {
        plan.from = KT_SERVER;
        plan.type = server_flight[i];
        plan.how = REMOVE;
        expect_unexpected(&plain);
        expect_unexpected(&mutual);
    }
}

static void r1_a_client_that_leaves_out_a_message_is_refused(void **user)
{
    (void)user;
    for (size_t i = 0; i < sizeof client_flight; i++) {
        plan.from = KT_CLIENT;
        plan.type = client_flight[i];
        plan.how = REMOVE;
        expect_unexpected(&mutual);
    }
}

static void without_finished_nobody_connects(enum kt_role from, const struct loop_setup *setup)
{
    plan.from = from;
    plan.type = KT_MSG_FINISHED;
    plan.how = REMOVE;
    assert_null(run_plan(setup)); /* it waits */
}

static void r1_without_finished_nobody_connects(void **user)
{
    (void)user;
    without_finished_nobody_connects(KT_SERVER, &plain);
    without_finished_nobody_connects(KT_CLIENT, &plain);
    without_finished_nobody_connects(KT_SERVER, &mutual);
    without_finished_nobody_connects(KT_CLIENT, &mutual);
}

/* CVE-2020-24613: a server that goes from its extensions to Finished, with a Finished that is right. */
static void only_finished(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    struct kt_span rest = {content, len};
    struct kt_span message;

    if (from != KT_SERVER || type != KT_CONTENT_HANDSHAKE) {
        tap_send(t, type, content, len);
        return;
    }
    while (tap_next_message(&rest, &message)) {
        if (message.p[0] != KT_MSG_CERTIFICATE && message.p[0] != KT_MSG_CERTIFICATE_VERIFY) {
            tap_send(t, type, message.p, message.len);
        }
    }
}

static void r1_a_server_without_certificate_is_refused_though_its_finished_is_right(void **user)
{
    (void)user;
    tap_open(&tap, &l, &plain);
    tap.edit = only_finished;
    tap.repair = true;
    loop_run(&l);
    loop_assert_failed(l.client, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    assert_int_equal(l.client->hs.proofs, 0);
    tap_close(&tap);
}

static void r1_no_message_comes_twice(void **user)
{
    (void)user;
    for (size_t i = 0; i < sizeof server_flight; i++) {
        plan.from = KT_SERVER;
        plan.type = server_flight[i];
        plan.how = TWICE;
        expect_unexpected(&plain);
    }
    for (size_t i = 0; i < sizeof client_flight; i++) {
        plan.from = KT_CLIENT;
        plan.type = client_flight[i];
        plan.how = TWICE;
        expect_unexpected(&mutual);
    }
}

static void put_other(uint8_t type, size_t len)
{
    memset(plan.other, 0, sizeof plan.other);
    plan.other[0] = type;
    plan.other[3] = (uint8_t)len;
    plan.other_len = 4 + len;
}

/* Whatever is put before a message, of any type: none of these forms is one that may stand there. */
static void r1_no_message_may_be_put_in_between(void **user)
{
    static const uint8_t before[] = {KT_MSG_ENCRYPTED_EXTENSIONS, KT_MSG_CERTIFICATE, KT_MSG_CERTIFICATE_VERIFY,
                                     KT_MSG_FINISHED};

    (void)user;
    for (size_t i = 0; i < sizeof before; i++) {
        for (unsigned type = 0; type < 256; type++) {
            plan.from = KT_SERVER;
            plan.type = before[i];
            plan.how = BEFORE;
            put_other((uint8_t)type, 1);
            assert_non_null(run_plan(&plain));
        }
    }
}

static void r1_the_keys_cannot_change_before_the_handshake_is_done(void **user)
{
    static const uint8_t before[] = {KT_MSG_CERTIFICATE, KT_MSG_FINISHED};

    (void)user;
    for (int from = 0; from < 2; from++) {
        for (size_t i = 0; i < sizeof before; i++) {
            plan.from = (enum kt_role)from;
            plan.type = before[i];
            plan.how = BEFORE;
            put_other(KT_MSG_KEY_UPDATE, 1);
            expect_unexpected(&mutual);
        }
    }
}

static void r1_an_unasked_certificate_request_after_the_handshake_is_refused(void **user)
{
    static const uint8_t request[] = {13, 0, 0, 15, 4, 'c', 't', 'x', 't', 0, 8, 0, 13, 0, 4, 0, 2, 4, 3};

    (void)user;
    tap_open(&tap, &l, &mutual);
    loop_handshake(&l);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, request, sizeof request);
    loop_run(&l);
    loop_assert_failed(l.client, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void r1_nothing_of_a_handshake_comes_after_it(void **user)
{
    (void)user;
    for (int from = 0; from < 2; from++) {
        for (unsigned type = 0; type < 256; type++) {
            uint8_t message[] = {(uint8_t)type, 0, 0, 1, 0};

            tap_open(&tap, &l, &plain);
            loop_handshake(&l);
            tap_inject(&tap, (enum kt_role)from, KT_CONTENT_HANDSHAKE, message, sizeof message);
            loop_run(&l);
            if (kt_row_find(from == KT_SERVER ? KT_STATE_C13_CONNECTED : KT_STATE_S13_CONNECTED, (uint16_t)type) ==
                NULL) {
                loop_assert_failed(receiver((enum kt_role)from), MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
            }
            tap_close(&tap);
        }
    }
}

/* Data is only for the connected (Botan before 3.11.1). */
static void early_data(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    if (from == plan.from && type == KT_CONTENT_HANDSHAKE && t->lane[from].open_stage > 0) {
        t->edits++;
        tap_send(t, KT_CONTENT_DATA, (const uint8_t *)"too early", 9);
    }
    tap_send(t, type, content, len);
}

static void r1_data_before_finished_is_refused(void **user)
{
    (void)user;
    for (int from = 0; from < 2; from++) {
        plan.from = (enum kt_role)from;
        tap_open(&tap, &l, &plain);
        tap.edit = early_data;
        loop_run(&l);
        assert_true(tap.edits > 0);
        loop_assert_failed(receiver((enum kt_role)from), APPLICATION_DATA_EARLY, UNEXPECTED_MESSAGE);
        tap_close(&tap);
    }
}

/* ---- R2: proof tokens ---- */

/* Runs until this side asks whether the chain is good, then takes its proofs away and says yes. */
static void lose_proofs(enum kt_role role, const struct loop_setup *setup, unsigned lost)
{
    struct kt_conn *conn;

    loop_open(&l, setup);
    conn = loop_conn(&l, role);
    l.hold_asks = true;
    for (int i = 0; i < 20 && !(kt_conn_ask(conn) != NULL && kt_conn_ask(conn)->kind == KT_ASK_VERIFY); i++) {
        l.hold_asks = false;
        (void)loop_answer(&l, l.client);
        (void)loop_answer(&l, l.server);
        l.hold_asks = true;
        loop_run(&l);
    }
    conn->hs.proofs &= (uint8_t)~lost;
    l.hold_asks = false;
    loop_run(&l);
    loop_assert_failed(conn, PROOF_MISSING, INTERNAL_ERROR);
    assert_false(kt_conn_is_connected(conn));
    loop_close(&l);
}

static void r2_a_client_without_proof_of_the_signature_does_not_connect(void **user)
{
    (void)user;
    lose_proofs(KT_CLIENT, &plain, KT_PROOF_SIGNATURE);
}

static void r2_a_server_without_proof_of_the_signature_does_not_connect(void **user)
{
    (void)user;
    lose_proofs(KT_SERVER, &mutual, KT_PROOF_SIGNATURE);
}

static void r2_a_chain_that_was_refused_ends_the_handshake(void **user)
{
    (void)user;
    loop_open(&l, &plain);
    l.refuse_peer = true;
    loop_run(&l);
    loop_assert_failed(l.client, ASK_REFUSED, HANDSHAKE_FAILURE);
    assert_int_equal(l.client->hs.proofs & KT_PROOF_CHAIN, 0);
    assert_int_equal(kt_conn_alert_received(l.server), KT_ALERT_HANDSHAKE_FAILURE);
    loop_close(&l);
}

static void r2_while_the_chain_is_judged_nothing_goes_on(void **user)
{
    (void)user;
    loop_open(&l, &plain);
    loop_run(&l);
    loop_close(&l);
    loop_open(&l, &plain);
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    (void)loop_answer(&l, l.server);
    l.hold_asks = true;
    loop_run(&l);
    assert_int_equal(kt_conn_ask(l.client)->kind, KT_ASK_VERIFY);
    assert_int_equal(kt_conn_status(l.client), KT_CAN_ANSWER);
    assert_int_equal(l.client->hs.proofs, KT_PROOF_SIGNATURE);
    assert_null(kt_conn_in_done(l.client, 0));
    assert_int_equal(kt_conn_ask(l.client)->kind, KT_ASK_VERIFY);
    l.hold_asks = false;
    loop_handshake(&l);
    loop_close(&l);
}

/* One bit of a message wrong, everything after it made good again. */
static void spoil(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    uint8_t room[8192];
    struct kt_span rest = {room, len};
    struct kt_span message;

    assert_true(len <= sizeof room);
    memcpy(room, content, len);
    while (from == plan.from && type == KT_CONTENT_HANDSHAKE && tap_next_message(&rest, &message)) {
        if (message.p[0] == plan.type) {
            room[message.p + message.len - 1 - room] ^= 1;
            t->edits++;
        }
    }
    tap_send(t, type, room, len);
}

static void expect_spoilt(enum kt_role from, uint8_t type, enum kt_reason reason)
{
    plan.from = from;
    plan.type = type;
    tap_open(&tap, &l, &mutual);
    tap.edit = spoil;
    loop_run(&l);
    assert_int_equal(tap.edits, 1);
    loop_assert_fault(kt_conn_fault(receiver(from)), reason, KT_ALERT_DECRYPT_ERROR, __FILE__, __LINE__);
    tap_close(&tap);
}

static void r2_a_wrong_signature_or_finished_is_found(void **user)
{
    (void)user;
    for (int from = 0; from < 2; from++) {
        expect_spoilt((enum kt_role)from, KT_MSG_CERTIFICATE_VERIFY, KT_REASON_SIGNATURE_WRONG);
        expect_spoilt((enum kt_role)from, KT_MSG_FINISHED, KT_REASON_FINISHED_WRONG);
    }
}

/* CVE-2026-25834, CVE-2026-5194: the scheme must have been offered and fit the key. */
static uint16_t wrong_scheme;

static void other_scheme(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    uint8_t room[8192];
    struct kt_span rest = {room, len};
    struct kt_span message;

    assert_true(len <= sizeof room);
    memcpy(room, content, len);
    while (from == plan.from && type == KT_CONTENT_HANDSHAKE && tap_next_message(&rest, &message)) {
        if (message.p[0] == KT_MSG_CERTIFICATE_VERIFY) {
            room[message.p + 4 - room] = (uint8_t)(wrong_scheme >> 8);
            room[message.p + 5 - room] = (uint8_t)wrong_scheme;
        }
    }
    tap_send(t, type, room, len);
}

static void r2_a_scheme_that_was_not_offered_or_is_for_another_key_is_refused(void **user)
{
    static const uint16_t wrong[] = {KT_SCHEME_RSA_PKCS1_SHA256,
                                     KT_SCHEME_ECDSA_SECP384R1_SHA384,
                                     KT_SCHEME_ED25519,
                                     KT_SCHEME_RSA_PSS_RSAE_SHA256,
                                     0x0203,
                                     0xfefe};

    (void)user;
    for (int from = 0; from < 2; from++) {
        for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
            plan.from = (enum kt_role)from;
            wrong_scheme = wrong[i];
            tap_open(&tap, &l, &mutual);
            tap.edit = other_scheme;
            tap.repair = true;
            loop_run(&l);
            loop_assert_failed(receiver((enum kt_role)from), SCHEME_NOT_OFFERED, ILLEGAL_PARAMETER);
            tap_close(&tap);
        }
    }
}

static void only_pss_sha256(struct kt_builder *b)
{
    static const uint16_t scheme = KT_SCHEME_RSA_PSS_RSAE_SHA256;

    assert_null(kt_builder_schemes(b, &scheme, 1));
}

static void r2_a_scheme_that_fits_the_key_but_was_not_offered_is_refused(void **user)
{
    static const struct loop_setup rsa = {.client = only_pss_sha256, .server_key = KT_KEY_RSA};
    static const uint16_t wrong[] = {KT_SCHEME_RSA_PKCS1_SHA256, KT_SCHEME_RSA_PSS_RSAE_SHA384};

    (void)user;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        plan.from = KT_SERVER;
        wrong_scheme = wrong[i];
        tap_open(&tap, &l, &rsa);
        tap.edit = other_scheme;
        tap.repair = true;
        loop_run(&l);
        loop_assert_failed(l.client, SCHEME_NOT_OFFERED, ILLEGAL_PARAMETER);
        tap_close(&tap);
    }
}

/* Every value that the peer selects is checked against what was offered. */
static void h2(struct kt_builder *b)
{
    const struct kt_span name = {(const uint8_t *)"h2", 2};

    assert_null(kt_builder_alpn(b, &name, 1));
}

static const struct kt_fault *select_protocol(const char *name)
{
    static const struct loop_setup offering = {.client = h2};
    const uint8_t message[] = {
        KT_MSG_ENCRYPTED_EXTENSIONS, 0, 0, 11, 0, 9, 0, 16, 0, 5, 0, 3, 2, (uint8_t)name[0], (uint8_t)name[1]};

    plan.from = KT_SERVER;
    plan.type = KT_MSG_ENCRYPTED_EXTENSIONS;
    plan.how = INSTEAD;
    memcpy(plan.other, message, sizeof message);
    plan.other_len = sizeof message;
    tap_open(&tap, &l, &offering);
    tap.edit = meddle;
    tap.repair = true;
    loop_run(&l);
    return kt_conn_fault(l.client);
}

static void r2_a_protocol_that_was_not_offered_is_refused(void **user)
{
    (void)user;
    assert_int_equal(select_protocol("h3")->reason, KT_REASON_ALPN_NOT_OFFERED);
    tap_close(&tap);
    assert_true(select_protocol("h2") == NULL || kt_conn_fault(l.client)->reason != KT_REASON_ALPN_NOT_OFFERED);
    tap_close(&tap);
}

/* ---- R3: nothing is left over when keys change ---- */

static void expect_left_over(enum kt_role from, uint8_t type, const struct loop_setup *setup)
{
    plan.from = from;
    plan.type = type;
    plan.how = BEHIND;
    assert_int_equal(run_plan(setup)->reason, KT_REASON_MESSAGE_NOT_LAST);
}

static void r3_nothing_follows_a_message_after_which_keys_change(void **user)
{
    static const size_t lens[] = {1, 3};

    (void)user;
    for (size_t i = 0; i < 2; i++) {
        put_other(KT_MSG_ENCRYPTED_EXTENSIONS, lens[i]);
        if (i == 1) {
            plan.other_len = 2; /* the beginning of a message is enough */
        }
        expect_left_over(KT_CLIENT, KT_MSG_CLIENT_HELLO, &plain);
        expect_left_over(KT_SERVER, KT_MSG_SERVER_HELLO, &plain);
        expect_left_over(KT_SERVER, KT_MSG_FINISHED, &plain);
        expect_left_over(KT_CLIENT, KT_MSG_FINISHED, &plain);
        expect_left_over(KT_CLIENT, KT_MSG_FINISHED, &mutual);
    }
}

/* ---- R4: reading never writes; what was shown stays ---- */

static void r4_an_answer_is_owed_and_not_written_by_the_reading_half(void **user)
{
    (void)user;
    loop_open(&l, &plain);
    loop_handshake(&l);
    assert_null(kt_conn_rekey(l.server, KT_REKEY_BOTH));
    loop_flush(&l, KT_SERVER);
    loop_deliver(&l, KT_CLIENT);
    assert_int_equal(l.client->tx.tail, l.client->tx.head);
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).number, 0);
    assert_true((kt_conn_half_status(l.client, KT_SENDING) & KT_HAS_OUTPUT) != 0);
    loop_run(&l);
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).number, 1);
    loop_close(&l);
}

static void r4_an_alert_is_owed_and_not_written_by_the_reading_half(void **user)
{
    size_t len;

    (void)user;
    tap_open(&tap, &l, &plain);
    loop_handshake(&l);
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, (const uint8_t[]){99, 0, 0, 0}, 4);
    loop_deliver(&l, KT_CLIENT);
    assert_int_equal(l.client->tx.tail, l.client->tx.head);
    assert_non_null(kt_conn_out(l.client, &len));
    assert_true((kt_conn_status(l.client) & KT_OUT_CLOSED) != 0);
    tap_close(&tap);
}

/* ---- R5: an epoch owns its key, its numbers and its limit ---- */

static void r5_record_numbers_begin_anew_with_each_key(void **user)
{
    (void)user;
    loop_open(&l, &plain);
    loop_handshake(&l);
    loop_transfer(&l, KT_CLIENT, 100);
    assert_int_equal(l.client->tx.protection.sequence, 1);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_SEND));
    loop_run(&l);
    assert_int_equal(l.client->tx.protection.sequence, 0);
    assert_int_equal(l.server->rx.protection.sequence, 0);
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).records, 0);
    loop_close(&l);
}

static void r5_no_record_is_made_beyond_the_limit_of_the_aead_whoever_forgot_to_count(void **user)
{
    size_t taken;

    (void)user;
    loop_open(&l, &plain);
    loop_handshake(&l);
    l.client->tx.protection.sequence = l.client->tx.suite->aead->max_records;
    assert_int_equal(kt_conn_send(l.client, (const uint8_t *)"x", 1, &taken)->reason, KT_REASON_LIFETIME_AEAD_LIMIT);
    assert_int_equal(taken, 0);
    assert_null(kt_conn_out(l.client, &taken)); /* not even an alert */
    loop_close(&l);
}

static void r5_each_epoch_says_why_it_was_born(void **user)
{
    (void)user;
    loop_open(&l, &plain);
    loop_handshake(&l);
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).birth, KT_BIRTH_INITIAL);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_run(&l);
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).birth, KT_BIRTH_CALLER);
    assert_int_equal(kt_conn_epoch(l.server, KT_SENDING).birth, KT_BIRTH_PEER);
    loop_close(&l);
}

/* ---- R7: budgets ---- */

static void flood(enum kt_role from, uint8_t type, const uint8_t *content, size_t len, unsigned allowed)
{
    tap_open(&tap, &l, &plain);
    loop_handshake(&l);
    for (unsigned i = 0; i < allowed; i++) {
        tap_inject(&tap, from, type, content, len);
    }
    loop_run(&l);
    assert_null(kt_conn_fault(receiver(from)));
    tap_inject(&tap, from, type, content, len);
    loop_run(&l);
    assert_non_null(kt_conn_fault(receiver(from)));
    assert_int_equal(kt_conn_fault(receiver(from))->alert, KT_ALERT_UNEXPECTED_MESSAGE);
    assert_int_equal(kt_conn_fault(receiver(from))->kind, KT_KIND_POLICY);
    tap_close(&tap);
}

static void r7_floods_of_what_carries_nothing_end_the_connection(void **user)
{
    static const uint8_t canceled[] = {1, KT_ALERT_USER_CANCELED};
    static const uint8_t update[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 0};

    (void)user;
    for (int from = 0; from < 2; from++) {
        flood((enum kt_role)from, KT_CONTENT_DATA, NULL, 0, KT_BUDGET_NO_PROGRESS);
        flood((enum kt_role)from, KT_CONTENT_ALERT, canceled, sizeof canceled, KT_BUDGET_NO_PROGRESS);
        flood((enum kt_role)from, KT_CONTENT_HANDSHAKE, update, sizeof update, 32);
    }
}

/* Bytes straight into a connection. */
static const struct kt_fault *feed(struct kt_conn *conn, const uint8_t *bytes, size_t len)
{
    size_t room;
    uint8_t *in = kt_conn_in(conn, &room);

    assert_true(in != NULL && room >= len);
    memcpy(in, bytes, len);
    return kt_conn_in_done(conn, len);
}

static void r7_change_cipher_spec_may_not_come_for_ever(void **user)
{
    static const uint8_t ccs[] = {KT_CONTENT_CCS, 3, 3, 0, 1, 1};

    (void)user;
    loop_open(&l, &plain);
    for (int i = 0; i < KT_BUDGET_CCS; i++) {
        assert_null(feed(l.client, ccs, sizeof ccs));
    }
    loop_assert_fault(feed(l.client, ccs, sizeof ccs), KT_REASON_CCS_NOT_EXPECTED, KT_ALERT_UNEXPECTED_MESSAGE,
                      __FILE__, __LINE__);
    loop_close(&l);
}

static void r7_a_promise_of_bytes_takes_no_memory(void **user)
{
    static const uint8_t promise[] = {KT_CONTENT_HANDSHAKE, 3, 1, 0, 4, KT_MSG_CLIENT_HELLO, 0xff, 0xff, 0xff};
    static const uint8_t shorter[] = {KT_CONTENT_HANDSHAKE, 3, 1, 0, 4, KT_MSG_CLIENT_HELLO, 0, 0xff, 0xff};
    size_t before;

    (void)user;
    loop_open(&l, &plain);
    loop_assert_fault(feed(l.server, promise, sizeof promise), KT_REASON_MESSAGE_TOO_LONG, KT_ALERT_ILLEGAL_PARAMETER,
                      __FILE__, __LINE__);
    loop_close(&l);
    loop_open(&l, &plain);
    before = l.env.live;
    assert_null(feed(l.server, shorter, sizeof shorter));
    assert_true(l.env.live - before <= KT_RX_BUFFER + 1024);
    loop_close(&l);
}

/* ---- R8: names are counted bytes ---- */

static bool serves(const char *pattern, size_t pattern_len, const char *name, size_t name_len)
{
    struct kt_span names = {(const uint8_t *)pattern, pattern_len};
    const struct kt_credential credential = {.names = &names, .name_count = 1};

    return kt_credential_serves(&credential, (struct kt_span){(const uint8_t *)name, name_len});
}

#define SERVES(pattern, name) serves(pattern, sizeof(pattern) - 1, name, sizeof(name) - 1)

static void r8_a_name_with_a_nul_is_no_shorter_name(void **user)
{
    (void)user;
    assert_true(SERVES("bank.example", "BANK.example"));
    assert_false(SERVES("bank.example\0.evil.example", "bank.example"));
    assert_false(SERVES("bank.example", "bank.example\0.evil.example"));
    assert_false(SERVES("bank.example", "bank.example\0"));
    assert_false(SERVES("bank.example", "bank.exampl"));
}

static void r8_a_wildcard_is_one_label(void **user)
{
    (void)user;
    assert_true(SERVES("*.example", "a.example"));
    assert_false(SERVES("*.example", "a.b.example"));
    assert_false(SERVES("*.example", ".example"));
    assert_false(SERVES("*.example", "example"));
    assert_false(SERVES("*", "example"));
    assert_false(SERVES("*.", "a."));
    assert_false(SERVES("a*.example", "ab.example"));
}

static void nul_in_name(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    uint8_t room[4096];

    assert_true(len <= sizeof room);
    memcpy(room, content, len);
    for (size_t i = 0; from == KT_CLIENT && type == KT_CONTENT_HANDSHAKE && i + 14 <= len; i++) {
        if (memcmp(room + i, "server.example", 14) == 0) {
            room[i + 6] = 0;
            t->edits++;
        }
    }
    tap_send(t, type, room, len);
}

static void r8_a_server_name_with_a_nul_is_refused(void **user)
{
    (void)user;
    tap_open(&tap, &l, &plain);
    tap.edit = nul_in_name;
    loop_run(&l);
    assert_int_equal(tap.edits, 1);
    loop_assert_failed(l.server, EXTENSION_MALFORMED, DECODE_ERROR);
    tap_close(&tap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(r1_a_server_that_leaves_out_a_message_is_refused),
        cmocka_unit_test(r1_a_client_that_leaves_out_a_message_is_refused),
        cmocka_unit_test(r1_without_finished_nobody_connects),
        cmocka_unit_test(r1_a_server_without_certificate_is_refused_though_its_finished_is_right),
        cmocka_unit_test(r1_no_message_comes_twice),
        cmocka_unit_test(r1_no_message_may_be_put_in_between),
        cmocka_unit_test(r1_the_keys_cannot_change_before_the_handshake_is_done),
        cmocka_unit_test(r1_an_unasked_certificate_request_after_the_handshake_is_refused),
        cmocka_unit_test(r1_nothing_of_a_handshake_comes_after_it),
        cmocka_unit_test(r1_data_before_finished_is_refused),
        cmocka_unit_test(r2_a_client_without_proof_of_the_signature_does_not_connect),
        cmocka_unit_test(r2_a_server_without_proof_of_the_signature_does_not_connect),
        cmocka_unit_test(r2_a_chain_that_was_refused_ends_the_handshake),
        cmocka_unit_test(r2_while_the_chain_is_judged_nothing_goes_on),
        cmocka_unit_test(r2_a_wrong_signature_or_finished_is_found),
        cmocka_unit_test(r2_a_scheme_that_was_not_offered_or_is_for_another_key_is_refused),
        cmocka_unit_test(r2_a_scheme_that_fits_the_key_but_was_not_offered_is_refused),
        cmocka_unit_test(r2_a_protocol_that_was_not_offered_is_refused),
        cmocka_unit_test(r3_nothing_follows_a_message_after_which_keys_change),
        cmocka_unit_test(r4_an_answer_is_owed_and_not_written_by_the_reading_half),
        cmocka_unit_test(r4_an_alert_is_owed_and_not_written_by_the_reading_half),
        cmocka_unit_test(r5_record_numbers_begin_anew_with_each_key),
        cmocka_unit_test(r5_no_record_is_made_beyond_the_limit_of_the_aead_whoever_forgot_to_count),
        cmocka_unit_test(r5_each_epoch_says_why_it_was_born),
        cmocka_unit_test(r7_floods_of_what_carries_nothing_end_the_connection),
        cmocka_unit_test(r7_change_cipher_spec_may_not_come_for_ever),
        cmocka_unit_test(r7_a_promise_of_bytes_takes_no_memory),
        cmocka_unit_test(r8_a_name_with_a_nul_is_no_shorter_name),
        cmocka_unit_test(r8_a_wildcard_is_one_label),
        cmocka_unit_test(r8_a_server_name_with_a_nul_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
