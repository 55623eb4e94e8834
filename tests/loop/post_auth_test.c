/* Post-handshake authentication: what both sides do, whatever else goes on, and what they refuse (RFC 9846
 * section 4.7.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "conn/conn_impl.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;

/* What the observer was told of each side. */
static struct {
    unsigned answers; /* notices of a finished request */
    size_t chain_len; /* of the last one */
    bool was_known;   /* the facts say so while it is told */
    char order[64];   /* messages and data received after the handshake: r request, c certificate, v verify, f finished,
                         u update, t ticket, d data */
} seen[2];

static struct kt_session *kept;
static unsigned tickets;

static void note(int role, char what)
{
    size_t len = strlen(seen[role].order);

    if (len + 1 < sizeof seen[role].order) {
        seen[role].order[len] = what;
    }
}

static char letter(uint8_t type)
{
    switch (type) {
    case KT_MSG_CERTIFICATE_REQUEST:
        return 'r';
    case KT_MSG_CERTIFICATE:
        return 'c';
    case KT_MSG_CERTIFICATE_VERIFY:
        return 'v';
    case KT_MSG_FINISHED:
        return 'f';
    case KT_MSG_KEY_UPDATE:
        return 'u';
    default:
        return 't';
    }
}

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    int role = conn == l.client ? KT_CLIENT : KT_SERVER;

    (void)user;
    if (notice->kind == KT_NOTICE_POST_AUTH) {
        assert_int_equal(notice->direction, role == KT_CLIENT ? KT_SENDING : KT_RECEIVING);
        seen[role].answers++;
        seen[role].chain_len = notice->u.post_auth.chain_len;
        seen[role].was_known = kt_conn_facts(conn).peer_authenticated;
    } else if (notice->kind == KT_NOTICE_SESSION) {
        kt_session_unref(kept);
        kept = kt_session_ref(notice->u.session);
        tickets++;
    } else if (notice->direction == KT_RECEIVING && kt_conn_is_connected(conn)) {
        if (notice->kind == KT_NOTICE_MESSAGE) {
            note(role, letter(notice->u.message.type));
        } else if (notice->kind == KT_NOTICE_RECORD && notice->u.record.type == KT_CONTENT_DATA) {
            note(role, 'd');
        }
    }
}

static void offer(struct kt_builder *b)
{
    kt_builder_post_handshake_auth(b, true);
}

static void offer_and_ask(struct kt_builder *b)
{
    offer(b);
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CREDENTIAL));
}

static const struct loop_setup willing = {.client = offer, .client_credential = true, .observer = watch};
static const struct loop_setup without = {.client = offer, .observer = watch};
static const struct loop_setup choosing = {.client = offer_and_ask, .client_credential = true, .observer = watch};

static void open_with(const struct loop_setup *setup)
{
    memset(seen, 0, sizeof seen);
    loop_open(&l, setup);
    loop_handshake(&l);
}

static void open_tapped(const struct loop_setup *setup, tap_edit *edit)
{
    memset(seen, 0, sizeof seen);
    tap_open(&tap, &l, setup);
    loop_handshake(&l);
    tap.edit = edit;
    tap.edits = 0;
}

static void request(void)
{
    assert_null(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUIRE));
}

static void assert_healthy(void)
{
    assert_null(kt_conn_fault(l.client));
    assert_null(kt_conn_fault(l.server));
    loop_transfer(&l, KT_CLIENT, 100);
    loop_transfer(&l, KT_SERVER, 100);
}

static void assert_refused_here(const struct kt_fault *fault, enum kt_reason reason)
{
    assert_non_null(fault);
    assert_int_equal(fault->kind, KT_KIND_USAGE);
    assert_int_equal(fault->reason, reason);
}

#define assert_usage(call, name) assert_refused_here((call), KT_REASON_##name)

/* ---- what works ---- */

static void a_client_shows_its_certificate_when_asked(void **user)
{
    (void)user;
    open_with(&willing);
    assert_true(kt_conn_facts(l.server).post_handshake_auth);
    assert_true(kt_conn_facts(l.client).post_handshake_auth);
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    assert_int_equal(kt_conn_facts(l.server).peer_scheme, 0);
    request();
    loop_run(&l);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    assert_int_equal(kt_conn_facts(l.server).peer_scheme, KT_SCHEME_ECDSA_SECP256R1_SHA256);
    assert_int_equal(kt_conn_facts(l.client).own_scheme, KT_SCHEME_ECDSA_SECP256R1_SHA256);
    for (int role = 0; role < 2; role++) {
        assert_int_equal(seen[role].answers, 1);
        assert_int_equal(seen[role].chain_len, 1);
        assert_true(seen[role].was_known);
    }
    assert_string_equal(seen[KT_CLIENT].order, "r");
    assert_string_equal(seen[KT_SERVER].order, "cvf");
    assert_healthy();
    loop_close(&l);
}

static void no_share(struct kt_builder *b)
{
    offer(b);
    assert_null(kt_builder_key_shares(b, 0));
}

static void ask_in_the_handshake(struct kt_builder *b)
{
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUEST);
}

/* The transcript it builds on holds all there was: a retry, a request of the handshake. */
static void it_builds_on_every_kind_of_handshake(void **user)
{
    const struct loop_setup retried = {.client = no_share, .client_credential = true, .observer = watch};
    const struct loop_setup asked = {
        .client = offer, .server = ask_in_the_handshake, .client_credential = true, .observer = watch};

    (void)user;
    open_with(&retried);
    assert_true(kt_conn_facts(l.client).hello_retried);
    request();
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, 1);
    loop_close(&l);

    open_with(&asked);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    request();
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, 1);
    assert_healthy();
    loop_close(&l);
}

static void it_comes_byte_by_byte(void **user)
{
    (void)user;
    open_with(&willing);
    l.chunk = 1;
    request();
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, 1);
    loop_close(&l);
}

static void who_has_none_says_so(void **user)
{
    (void)user;
    open_with(&without);
    assert_null(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUEST));
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, 1);
    assert_int_equal(seen[KT_SERVER].chain_len, 0);
    assert_int_equal(seen[KT_CLIENT].chain_len, 0);
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    assert_string_equal(seen[KT_SERVER].order, "cf");
    assert_healthy();
    loop_close(&l);
}

static void who_must_have_one_and_has_none_is_refused(void **user)
{
    (void)user;
    open_with(&without);
    request();
    loop_run(&l);
    loop_assert_failed(l.server, CERTIFICATE_REQUIRED, CERTIFICATE_REQUIRED);
    assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_CERTIFICATE_REQUIRED);
    assert_int_equal(seen[KT_SERVER].answers, 0);
    loop_close(&l);
}

/* An empty answer to a later request takes nothing back. */
static void an_identity_once_proven_stays(void **user)
{
    (void)user;
    open_with(&choosing);
    for (int i = 0; i < 2; i++) {
        struct kt_credential *credential = i == 0 ? loop_credential(&l, KT_KEY_P256, NULL) : NULL;

        assert_null(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUEST));
        l.hold_asks = true;
        loop_run(&l);
        l.hold_asks = false;
        assert_int_equal(kt_conn_ask(l.client)->kind, KT_ASK_CHOOSE_CREDENTIAL);
        assert_true(kt_conn_ask(l.client)->u.choose.post_handshake);
        assert_null(kt_answer_credential(l.client, credential));
        loop_run(&l);
        kt_credential_unref(credential);
    }
    assert_int_equal(seen[KT_SERVER].answers, 2);
    assert_int_equal(seen[KT_SERVER].chain_len, 0);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    loop_close(&l);
}

/* ---- in the middle of everything ---- */

/* A key change before the request, between request and answer, in both directions, and behind the answer: Finished
 * is keyed with the secret of its moment (tlsfuzzer #547, openssl #31227: stacks differ in the order). */
static void keys_change_at_any_moment_of_it(void **user)
{
    (void)user;
    open_with(&willing);
    for (int who = 0; who < 2; who++) {
        assert_null(kt_conn_rekey(loop_conn(&l, (enum kt_role)who), KT_REKEY_BOTH));
        request();
        assert_null(kt_conn_rekey(l.server, KT_REKEY_SEND));
        l.hold_asks = true;
        loop_run(&l);
        assert_non_null(kt_conn_ask(l.client));
        assert_null(kt_conn_rekey(l.client, KT_REKEY_SEND));
        loop_run(&l);
        l.hold_asks = false;
        assert_true(loop_answer(&l, l.client)); /* the flight is left */
        assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
        loop_run(&l);
        assert_int_equal(seen[KT_SERVER].answers, who + 1);
        assert_healthy();
    }
    assert_true(kt_conn_epoch(l.client, KT_SENDING).number >= 4);
    loop_close(&l);
}

static void data_flows_while_the_owner_thinks(void **user)
{
    (void)user;
    open_with(&choosing);
    request();
    l.hold_asks = true;
    for (int asks = 0; asks < 20 && seen[KT_SERVER].answers == 0; asks++) {
        struct kt_credential *credential = loop_credential(&l, KT_KEY_P256, NULL);

        loop_run(&l);
        assert_healthy();
        assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
        loop_run(&l);
        assert_true(((kt_conn_status(l.client) | kt_conn_status(l.server)) & KT_CAN_ANSWER) != 0);
        l.hold_asks = false;
        if (kt_conn_ask(l.client) != NULL && kt_conn_ask(l.client)->kind == KT_ASK_CHOOSE_CREDENTIAL) {
            assert_null(kt_answer_credential(l.client, credential));
        } else if (!loop_answer(&l, l.client)) {
            assert_true(loop_answer(&l, l.server));
        }
        l.hold_asks = true;
        kt_credential_unref(credential);
    }
    assert_int_equal(seen[KT_SERVER].answers, 1);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    assert_healthy();
    loop_close(&l);
}

/* The answer waits for room, whole, and nothing comes into it. */
static void the_answer_waits_for_a_full_output(void **user)
{
    static uint8_t block[1 << 15];
    size_t taken = 1;
    size_t total = 0;

    (void)user;
    open_with(&willing);
    request();
    l.hold_asks = true;
    loop_run(&l);
    while (taken > 0) {
        assert_null(kt_conn_send(l.client, block, sizeof block, &taken));
        total += taken;
    }
    l.hold_asks = false;
    assert_true(loop_answer(&l, l.client));
    assert_null(kt_conn_send(l.client, block, 10, &taken));
    assert_int_equal(taken, 0);
    loop_run(&l);
    while (total > 0) {
        assert_null(kt_conn_recv(l.server, block, sizeof block, &taken));
        assert_true(taken > 0);
        total -= taken;
        loop_run(&l);
    }
    assert_string_equal(seen[KT_SERVER].order, "ddcvf");
    assert_int_equal(seen[KT_SERVER].answers, 1);
    loop_close(&l);
}

static void several_requests_are_answered_each(void **user)
{
    (void)user;
    open_with(&willing);
    for (int i = 0; i < KT_POST_AUTH_MAX; i++) {
        request();
    }
    assert_usage(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUIRE), USAGE_REQUESTS_OPEN);
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, KT_POST_AUTH_MAX);
    assert_string_equal(seen[KT_SERVER].order, "cvfcvfcvfcvf");
    request();
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, KT_POST_AUTH_MAX + 1);
    assert_healthy();
    loop_close(&l);
}

static uint8_t held[8192];
static size_t held_len;

/* The first answer is kept until the second has passed. */
static void swap_answers(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    if (from == KT_CLIENT && content[0] == KT_MSG_CERTIFICATE && t->edits++ == 0) {
        assert_true(len <= sizeof held);
        memcpy(held, content, len);
        held_len = len;
        return;
    }
    tap_send(t, type, content, len);
    if (from == KT_CLIENT && held_len > 0) {
        tap_send(t, KT_CONTENT_HANDSHAKE, held, held_len);
        held_len = 0;
    }
}

static void answers_come_in_any_order(void **user)
{
    (void)user;
    open_tapped(&willing, swap_answers);
    request();
    request();
    loop_run(&l);
    assert_int_equal(tap.edits, 2);
    assert_int_equal(seen[KT_SERVER].answers, 2);
    tap_close(&tap);
}

/* Nothing stays but what the next request needs. */
static void an_answered_request_leaves_no_memory_behind(void **user)
{
    size_t live;

    (void)user;
    open_with(&willing);
    for (int i = 0; i < 3; i++) {
        for (int role = 0; role < 2; role++) {
            kt_conn_rest(loop_conn(&l, (enum kt_role)role), KT_RECEIVING);
            kt_conn_rest(loop_conn(&l, (enum kt_role)role), KT_SENDING);
        }
        if (i == 0) {
            live = l.env.live;
        }
        assert_int_equal(l.env.live, live);
        request();
        loop_run(&l);
    }
    assert_int_equal(seen[KT_SERVER].answers, 3);
    loop_close(&l);
}

/* ---- who may be asked, and when ---- */

static void a_client_that_did_not_offer_is_not_asked(void **user)
{
    (void)user;
    open_with(&(struct loop_setup){.client_credential = true, .observer = watch});
    assert_false(kt_conn_facts(l.server).post_handshake_auth);
    assert_usage(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUEST), USAGE_POST_AUTH);
    assert_int_equal(kt_conn_status(l.server) & KT_HAS_OUTPUT, 0);
    assert_healthy();
    loop_close(&l);
}

static void only_a_connected_server_asks_and_for_something(void **user)
{
    (void)user;
    loop_open(&l, &willing);
    assert_usage(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUEST), USAGE_STATE);
    assert_usage(kt_conn_send_tickets(l.server, 1), USAGE_STATE);
    loop_handshake(&l);
    assert_usage(kt_conn_request_certificate(l.client, KT_CLIENT_AUTH_REQUEST), USAGE_STATE);
    assert_usage(kt_conn_send_tickets(l.client, 1), USAGE_STATE);
    assert_usage(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_NONE), USAGE_ARGUMENT);
    assert_healthy();
    loop_close(&l);
}

static void after_a_close_nobody_is_asked(void **user)
{
    (void)user;
    open_with(&willing);
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    assert_usage(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUEST), USAGE_AFTER_CLOSE);
    loop_close(&l);

    open_with(&willing);
    assert_null(kt_conn_close(l.server));
    loop_run(&l);
    assert_usage(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUEST), USAGE_AFTER_CLOSE);
    loop_close(&l);
}

/* A client that has closed its side can still be asked, by a server that does not know yet: it reads on. */
static void who_cannot_answer_any_more_passes_over_requests(void **user)
{
    (void)user;
    open_with(&willing);
    for (int i = 0; i < 4; i++) {
        request();
    }
    assert_null(kt_conn_close(l.client));
    loop_flush(&l, KT_SERVER);
    loop_deliver(&l, KT_CLIENT);
    assert_null(kt_conn_ask(l.client));
    assert_null(kt_conn_fault(l.client));
    assert_string_equal(seen[KT_CLIENT].order, "rrrr");
    loop_run(&l);
    assert_null(kt_conn_fault(l.server));
    loop_transfer(&l, KT_SERVER, 100);
    loop_close(&l);
}

/* The close goes behind an answer that was finished before it; one that was not is not given. */
static void a_close_while_requests_are_open(void **user)
{
    (void)user;
    open_with(&willing);
    request();
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_true(loop_answer(&l, l.client));
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, 1);
    loop_close(&l);

    open_with(&willing);
    request();
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_non_null(kt_conn_ask(l.client));
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    assert_null(kt_conn_ask(l.client));
    assert_int_equal(seen[KT_SERVER].answers, 0);
    assert_null(kt_conn_fault(l.server));
    loop_close(&l);
}

/* ---- what the client refuses ---- */

static const uint8_t plain_request[] = {13, 0, 0, 12, 1, 'x', 0, 8, 0, 13, 0, 4, 0, 2, 4, 3};

static void inject(const uint8_t *message, size_t len)
{
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, message, len);
    loop_run(&l);
}

static void a_request_that_was_not_invited_is_unexpected(void **user)
{
    (void)user;
    open_tapped(&(struct loop_setup){.client_credential = true, .observer = watch}, NULL);
    inject(plain_request, sizeof plain_request);
    loop_assert_failed(l.client, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void a_context_that_is_outstanding_is_refused(void **user)
{
    (void)user;
    open_tapped(&willing, NULL);
    l.hold_asks = true;
    inject(plain_request, sizeof plain_request);
    assert_null(kt_conn_fault(l.client));
    inject(plain_request, sizeof plain_request);
    loop_assert_failed(l.client, CERTIFICATE_CONTEXT_WRONG, ILLEGAL_PARAMETER);
    l.hold_asks = false;
    tap_close(&tap);
}

static void a_malformed_request_is_refused(void **user)
{
    uint8_t short_one[] = {13, 0, 0, 4, 1, 'x', 0, 1};
    uint8_t no_schemes[] = {13, 0, 0, 4, 1, 'x', 0, 0};

    (void)user;
    open_tapped(&willing, NULL);
    inject(short_one, sizeof short_one);
    loop_assert_failed(l.client, CERTIFICATE_REQUEST_MALFORMED, DECODE_ERROR);
    tap_close(&tap);
    open_tapped(&willing, NULL);
    inject(no_schemes, sizeof no_schemes);
    loop_assert_failed(l.client, EXTENSION_MISSING, MISSING_EXTENSION);
    tap_close(&tap);
}

static void inject_numbered(uint8_t number)
{
    uint8_t message[sizeof plain_request];

    memcpy(message, plain_request, sizeof message);
    message[5] = number;
    inject(message, sizeof message);
}

static void more_requests_than_may_wait_are_a_flood(void **user)
{
    (void)user;
    open_tapped(&willing, NULL);
    l.hold_asks = true;
    for (uint8_t i = 0; i < KT_POST_AUTH_MAX; i++) {
        inject_numbered(i);
        assert_null(kt_conn_fault(l.client));
    }
    inject_numbered(99);
    loop_assert_failed(l.client, CERTIFICATE_REQUEST_FLOOD, UNEXPECTED_MESSAGE);
    l.hold_asks = false;
    tap_close(&tap);
}

/* Answers that the peer does not take count, too. */
static void requests_of_a_peer_that_does_not_read_are_a_flood(void **user)
{
    (void)user;
    open_tapped(&without, NULL);
    for (uint8_t i = 0; i <= KT_POST_AUTH_MAX; i++) {
        uint8_t message[sizeof plain_request];

        memcpy(message, plain_request, sizeof message);
        message[5] = i;
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, message, sizeof message);
        loop_deliver(&l, KT_CLIENT);
    }
    loop_assert_failed(l.client, CERTIFICATE_REQUEST_FLOOD, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void small_budget(struct kt_builder *b)
{
    struct kt_lifetime life = kt_lifetime_default();

    life.peer_budget = 3;
    offer(b);
    assert_null(kt_builder_lifetime(b, &life));
}

/* An answer drained is no progress: only data and time give the budget back (docs/adr/0011). */
static void requests_draw_on_the_budget_of_the_peer(void **user)
{
    const struct loop_setup setup = {.client = small_budget, .observer = watch};

    (void)user;
    open_tapped(&setup, NULL);
    for (uint8_t i = 0; i < 3; i++) {
        tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE,
                   (const uint8_t[]){13, 0, 0, 12, 1, i, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3}, sizeof plain_request);
        loop_deliver(&l, KT_CLIENT);
        loop_flush(&l, KT_CLIENT);
        l.up.len = 0; /* the server did not ask */
        assert_null(kt_conn_fault(l.client));
    }
    tap_inject(&tap, KT_SERVER, KT_CONTENT_HANDSHAKE, plain_request, sizeof plain_request);
    loop_deliver(&l, KT_CLIENT);
    loop_assert_failed(l.client, CERTIFICATE_REQUEST_FLOOD, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

/* None of them waits for anything: it is no flood. */
static void requests_to_who_has_closed_do_not_pile_up(void **user)
{
    (void)user;
    open_tapped(&willing, NULL);
    assert_null(kt_conn_close(l.client));
    loop_run(&l);
    for (uint8_t i = 0; i < 2 * KT_POST_AUTH_MAX; i++) {
        inject_numbered(i);
        assert_null(kt_conn_fault(l.client));
        assert_null(kt_conn_ask(l.client));
    }
    tap_close(&tap);
}

/* ---- what the server refuses ---- */

enum meddling {
    NO_CERTIFICATE,
    NO_VERIFY,
    TWO_CERTIFICATES,
    OTHER_CONTEXT,
    NO_CONTEXT,
    BROKEN_SIGNATURE,
    BROKEN_FINISHED,
    SHORT_FINISHED,
    UPDATE_INSIDE,
    DATA_INSIDE,
    ANSWER_TWICE,
    CUT_CERTIFICATE,
};

static enum meddling meddling;

static void send_content(struct tap *t, const uint8_t *content, size_t len)
{
    tap_send(t, KT_CONTENT_HANDSHAKE, content, len);
}

static void meddle_certificate(struct tap *t, struct kt_span message)
{
    static const uint8_t update[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 0};
    uint8_t copy[1024];

    assert_true(message.len <= sizeof copy);
    memcpy(copy, message.p, message.len);
    switch ((int)meddling) {
    case NO_CERTIFICATE:
        return;
    case OTHER_CONTEXT:
        copy[5] ^= 1;
        break;
    case NO_CONTEXT:
        copy[3] = (uint8_t)(copy[3] - copy[4]);
        memmove(copy + 5, copy + 5 + copy[4], message.len - 5 - copy[4]);
        message.len -= copy[4];
        copy[4] = 0;
        break;
    case CUT_CERTIFICATE:
        copy[3]--;
        message.len--;
        break;
    case TWO_CERTIFICATES:
        send_content(t, copy, message.len);
        break;
    case UPDATE_INSIDE:
        send_content(t, copy, message.len);
        send_content(t, update, sizeof update);
        return;
    case DATA_INSIDE:
        send_content(t, copy, message.len);
        tap_send(t, KT_CONTENT_DATA, update, sizeof update);
        return;
    default:
        break;
    }
    send_content(t, copy, message.len);
}

static void meddle_message(struct tap *t, struct kt_span message)
{
    uint8_t copy[1024];

    assert_true(message.len <= sizeof copy);
    memcpy(copy, message.p, message.len);
    if (message.p[0] == KT_MSG_CERTIFICATE) {
        meddle_certificate(t, message);
        return;
    }
    if (message.p[0] == KT_MSG_CERTIFICATE_VERIFY && (meddling == NO_VERIFY || meddling == NO_CERTIFICATE)) {
        return;
    }
    if ((message.p[0] == KT_MSG_CERTIFICATE_VERIFY && meddling == BROKEN_SIGNATURE) ||
        (message.p[0] == KT_MSG_FINISHED && meddling == BROKEN_FINISHED)) {
        copy[message.len - 1] ^= 1;
    }
    if (message.p[0] == KT_MSG_FINISHED && meddling == SHORT_FINISHED) {
        copy[3]--;
        message.len--;
    }
    send_content(t, copy, message.len);
}

static void meddle(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    struct kt_span rest = kt_span_of(content, len);
    struct kt_span message;

    if (from != KT_CLIENT || type != KT_CONTENT_HANDSHAKE || content[0] != KT_MSG_CERTIFICATE) {
        tap_send(t, type, content, len);
        return;
    }
    t->edits++;
    while (tap_next_message(&rest, &message)) {
        meddle_message(t, message);
    }
    if (meddling == ANSWER_TWICE) {
        send_content(t, content, len);
    }
}

static void meddled(enum meddling how, const struct loop_setup *setup)
{
    meddling = how;
    open_tapped(setup, meddle);
    assert_null(kt_conn_request_certificate(l.server, KT_CLIENT_AUTH_REQUIRE));
    loop_run(&l);
    assert_int_equal(tap.edits, 1);
}

#define refuses(how, reason, alert)                                                                                    \
    do {                                                                                                               \
        meddled((how), &willing);                                                                                      \
        loop_assert_failed(l.server, reason, alert);                                                                   \
        assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_##alert);                                          \
        assert_int_equal(seen[KT_SERVER].answers, 0);                                                                  \
        assert_false(kt_conn_facts(l.server).peer_authenticated);                                                      \
        tap_close(&tap);                                                                                               \
    } while (0)

static void an_answer_out_of_order_is_refused(void **user)
{
    (void)user;
    refuses(NO_VERIFY, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    refuses(TWO_CERTIFICATES, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    refuses(NO_CERTIFICATE, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
}

static void an_answer_to_another_request_is_refused(void **user)
{
    (void)user;
    refuses(OTHER_CONTEXT, CERTIFICATE_CONTEXT_WRONG, ILLEGAL_PARAMETER);
    refuses(NO_CONTEXT, CERTIFICATE_CONTEXT_WRONG, ILLEGAL_PARAMETER);
    refuses(CUT_CERTIFICATE, CERTIFICATE_MALFORMED, DECODE_ERROR);
}

static void an_answer_that_proves_nothing_is_refused(void **user)
{
    (void)user;
    refuses(BROKEN_SIGNATURE, SIGNATURE_WRONG, DECRYPT_ERROR);
    refuses(BROKEN_FINISHED, FINISHED_WRONG, DECRYPT_ERROR);
    refuses(SHORT_FINISHED, FINISHED_MALFORMED, DECODE_ERROR);
}

static void nothing_stands_inside_an_answer(void **user)
{
    (void)user;
    refuses(UPDATE_INSIDE, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    refuses(DATA_INSIDE, CERTIFICATE_ANSWER_INTERRUPTED, UNEXPECTED_MESSAGE);
}

/* The owner is still thinking about the first one. */
static void an_answer_given_twice_is_refused(void **user)
{
    (void)user;
    meddled(ANSWER_TWICE, &willing);
    loop_assert_failed(l.server, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    tap_close(&tap);
}

static void an_answer_to_nothing_is_refused(void **user)
{
    static const uint8_t certificate[] = {KT_MSG_CERTIFICATE, 0, 0, 4, 0, 0, 0, 0};

    (void)user;
    for (int offered = 0; offered < 2; offered++) {
        open_tapped(offered == 0 ? &(struct loop_setup){.observer = watch} : &willing, NULL);
        tap_inject(&tap, KT_CLIENT, KT_CONTENT_HANDSHAKE, certificate, sizeof certificate);
        loop_run(&l);
        loop_assert_failed(l.server, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
        tap_close(&tap);
    }
}

/* What was proven in the handshake excuses nothing after it: Finished alone is no answer, though it is a right one. */
static void cve_2026_55962_finished_without_certificate(void **user)
{
    const struct loop_setup setup = {
        .client = offer, .server = ask_in_the_handshake, .client_credential = true, .observer = watch};

    (void)user;
    meddled(NO_CERTIFICATE, &setup);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    loop_assert_failed(l.server, MESSAGE_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    assert_int_equal(seen[KT_SERVER].answers, 0);
    tap_close(&tap);
}

static void a_chain_that_the_owner_refuses_ends_the_connection(void **user)
{
    (void)user;
    open_with(&willing);
    request();
    l.refuse_peer = true;
    loop_run(&l);
    l.refuse_peer = false;
    loop_assert_failed(l.server, ASK_REFUSED, HANDSHAKE_FAILURE);
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    assert_null(kt_conn_ask(l.server));
    loop_close(&l);
}

static void a_client_whose_owner_refuses_ends_the_connection(void **user)
{
    (void)user;
    open_with(&willing);
    request();
    request();
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_int_equal(kt_conn_ask(l.client)->kind, KT_ASK_SIGN);
    assert_null(kt_answer_refuse(l.client, NULL));
    assert_usage(kt_answer_refuse(l.client, NULL), USAGE_NOTHING_ASKED);
    loop_run(&l);
    loop_assert_failed(l.client, ASK_REFUSED, HANDSHAKE_FAILURE);
    loop_close(&l);
}

/* Authenticated is who has all proofs, not who has sent all bytes. */
static void until_the_owner_accepts_nothing_is_known(void **user)
{
    (void)user;
    open_with(&willing);
    request();
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_true(loop_answer(&l, l.client));
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_VERIFY);
    assert_int_equal(kt_conn_ask(l.server)->u.verify.peer, KT_CLIENT);
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    assert_int_equal(kt_conn_facts(l.server).peer_scheme, 0);
    assert_null(kt_answer_verified(l.server));
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    loop_close(&l);
}

/* Whatever path may lead there: an exchange that lacks a proof gives the connection none. */
static void an_exchange_without_all_proofs_proves_nothing(void **user)
{
    (void)user;
    for (unsigned proof = KT_PROOF_SIGNATURE; proof <= KT_PROOF_FINISHED; proof *= 4) {
        struct kt_hs *exchange;

        open_with(&willing);
        request();
        l.hold_asks = true;
        loop_run(&l);
        l.hold_asks = false;
        assert_true(loop_answer(&l, l.client));
        l.hold_asks = true;
        loop_run(&l);
        l.hold_asks = false;
        exchange = kt_post_auth_asking(&l.server->hs);
        exchange->proofs &= (uint8_t)~proof;
        assert_int_equal(kt_answer_verified(l.server)->reason, KT_REASON_PROOF_MISSING);
        assert_false(kt_conn_facts(l.server).peer_authenticated);
        assert_int_equal(seen[KT_SERVER].answers, 0);
        loop_close(&l);
    }
}

/* ---- whom a client shows ---- */

#define NAME(letter)                                                                                                   \
    {                                                                                                                  \
        0x30, 13, 0x31, 11, 0x30, 9, 6, 3, 0x55, 4, 3, 0x0c, 2, (letter), (letter)                                     \
    }

/* As much of a certificate as names its issuer; the toy takes the first byte for the kind of key. */
static struct kt_credential *issued_by(char letter, uint8_t version)
{
    const uint8_t certificate[] = {0x30,
                                   29,
                                   0x30,
                                   27,
                                   0xa0,
                                   version,
                                   2,
                                   1,
                                   2,
                                   2,
                                   1,
                                   9,
                                   0x30,
                                   0,
                                   0x30,
                                   13,
                                   0x31,
                                   11,
                                   0x30,
                                   9,
                                   6,
                                   3,
                                   0x55,
                                   4,
                                   3,
                                   0x0c,
                                   2,
                                   (uint8_t)letter,
                                   (uint8_t)letter,
                                   0x30,
                                   0};
    const struct kt_span chain = kt_span_of(certificate, sizeof certificate);
    const uint16_t schemes[] = {KT_SCHEME_ECDSA_SECP256R1_SHA256};
    struct kt_credential *credential = NULL;

    assert_null(kt_credential_new(
        &l.env.env,
        &(struct kt_credential_parts){.chain = &chain, .chain_len = 1, .schemes = schemes, .scheme_count = 1},
        &credential));
    return credential;
}

static void three_credentials(struct kt_builder *b)
{
    offer(b);
    for (char letter = 'a'; letter <= 'c'; letter++) {
        struct kt_credential *credential = issued_by(letter, 3);

        assert_null(kt_builder_credential(b, credential));
        kt_credential_unref(credential);
    }
}

static struct kt_span wanted[2];
static size_t wanted_count;
static const uint8_t oid[] = {0x55, 0x1d, 0x25};

static void wants(struct kt_builder *b)
{
    const struct kt_oid_filter filter = {kt_span_of(oid, sizeof oid), kt_span_of((const uint8_t *)"\x30\x00", 2)};

    assert_null(kt_builder_authorities(b, wanted, wanted_count));
    assert_null(kt_builder_oid_filters(b, &filter, 1));
}

static char chosen_letter(void)
{
    char letter;

    open_with(&(struct loop_setup){.client = three_credentials, .server = wants, .observer = watch});
    request();
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_int_equal(kt_conn_ask(l.client)->kind, KT_ASK_SIGN);
    letter = (char)kt_credential_certificate(kt_conn_ask(l.client)->u.sign.credential, 0).p[27];
    loop_close(&l);
    return letter;
}

static void a_credential_of_an_authority_named_is_preferred(void **user)
{
    static const uint8_t c[] = NAME('c');
    static const uint8_t d[] = NAME('d');

    (void)user;
    wanted_count = 0;
    assert_int_equal(chosen_letter(), 'a');
    wanted[0] = kt_span_of(d, sizeof d);
    wanted_count = 1;
    assert_int_equal(chosen_letter(), 'a');
    wanted[1] = kt_span_of(c, sizeof c);
    wanted_count = 2;
    assert_int_equal(chosen_letter(), 'c');
}

static void who_chooses_sees_authorities_and_filters(void **user)
{
    static const uint8_t c[] = NAME('c');
    const uint8_t filters[] = {3, 0x55, 0x1d, 0x25, 0, 2, 0x30, 0};
    const struct kt_ask *ask;

    (void)user;
    wanted[0] = kt_span_of(c, sizeof c);
    wanted_count = 1;
    open_with(&(struct loop_setup){.client = offer_and_ask, .server = wants, .observer = watch});
    request();
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    ask = kt_conn_ask(l.client);
    assert_int_equal(ask->kind, KT_ASK_CHOOSE_CREDENTIAL);
    assert_int_equal(ask->u.choose.authorities.len, 2 + sizeof c);
    assert_memory_equal(ask->u.choose.authorities.p + 2, c, sizeof c);
    assert_int_equal(ask->u.choose.oid_filters.len, sizeof filters);
    assert_memory_equal(ask->u.choose.oid_filters.p, filters, sizeof filters);
    assert_int_equal(ask->u.choose.client_hello.len, 0);
    assert_true(ask->u.choose.schemes.wire.len > 0);
    loop_close(&l);
}

/* ---- sessions ---- */

static struct test_env ring_env;
static struct kt_ticket_ring *ring;

static void resumption(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = ring;
    assert_null(kt_builder_resumption(b, &r));
}

static void offer_and_resume(struct kt_builder *b)
{
    offer(b);
    resumption(b);
}

static const struct loop_setup resuming = {
    .client = offer_and_resume, .server = resumption, .client_credential = true, .observer = watch};

static void open_resuming(void)
{
    test_env_init(&ring_env);
    assert_null(kt_ticket_ring_new(&ring_env.env, NULL, &ring));
    tickets = 0;
    open_with(&resuming);
}

static void close_resuming(void)
{
    kt_session_unref(kept);
    kept = NULL;
    l.session = NULL;
    loop_close(&l);
    kt_ticket_ring_unref(ring);
    assert_int_equal(ring_env.live, 0);
}

static void resume_kept(void)
{
    l.session = kept;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, &resuming));
    loop_handshake(&l);
    assert_true(kt_conn_facts(l.server).resumed);
}

/* The identity is that of the moment of the ticket. The lineage is that of the handshake, and so is its end. */
static void tickets_issued_afterwards_carry_the_identity(void **user)
{
    struct kt_origin before, after;

    (void)user;
    open_resuming();
    assert_int_equal(tickets, 2);
    before = l.server->hs.origin;
    assert_false(before.authenticated);
    request();
    loop_run(&l);
    assert_int_equal(seen[KT_SERVER].answers, 1);
    after = l.server->hs.origin;
    assert_true(after.authenticated);
    assert_true(after.has_peer);
    assert_memory_equal(after.lineage, before.lineage, sizeof after.lineage);
    assert_int_equal(after.born, before.born);
    assert_int_equal(after.end, before.end);
    assert_null(kt_conn_send_tickets(l.server, 3));
    loop_run(&l);
    assert_int_equal(tickets, 5);
    resume_kept();
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    assert_memory_equal(l.server->hs.origin.peer, after.peer, sizeof after.peer);
    close_resuming();
}

static void tickets_issued_before_do_not(void **user)
{
    struct kt_session *early;

    (void)user;
    open_resuming();
    early = kt_session_ref(kept);
    request();
    loop_run(&l);
    kt_session_unref(kept);
    kept = early;
    resume_kept();
    assert_false(kt_conn_facts(l.server).peer_authenticated);
    request();
    loop_run(&l);
    assert_true(kt_conn_facts(l.server).peer_authenticated);
    close_resuming();
}

static void every_ticket_is_one_of_a_kind(void **user)
{
    struct kt_session *one;
    struct kt_secret secret;

    (void)user;
    open_resuming();
    one = kt_session_ref(kept);
    secret = one->data.secret;
    assert_null(kt_conn_send_tickets(l.server, KT_TICKETS_MAX));
    loop_run(&l);
    assert_int_equal(tickets, 2 + KT_TICKETS_MAX);
    assert_memory_not_equal(kept->data.secret.b, secret.b, secret.len);
    assert_healthy();
    kt_session_unref(one);
    close_resuming();
}

static void who_has_no_use_for_tickets_gets_none(void **user)
{
    (void)user;
    open_with(&willing);
    assert_usage(kt_conn_send_tickets(l.server, 1), USAGE_TICKETS);
    loop_close(&l);

    open_resuming();
    assert_usage(kt_conn_send_tickets(l.server, 0), USAGE_ARGUMENT);
    assert_usage(kt_conn_send_tickets(l.server, KT_TICKETS_MAX + 1), USAGE_ARGUMENT);
    l.server->hs.tickets_sent = UINT16_MAX - 1;
    assert_usage(kt_conn_send_tickets(l.server, 2), USAGE_TICKETS);
    l.server->hs.origin.end = 0;
    assert_usage(kt_conn_send_tickets(l.server, 1), USAGE_TICKETS);
    assert_healthy();
    assert_null(kt_conn_close(l.server));
    loop_run(&l);
    assert_usage(kt_conn_send_tickets(l.server, 1), USAGE_AFTER_CLOSE);
    close_resuming();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_shows_its_certificate_when_asked),
        cmocka_unit_test(it_builds_on_every_kind_of_handshake),
        cmocka_unit_test(it_comes_byte_by_byte),
        cmocka_unit_test(who_has_none_says_so),
        cmocka_unit_test(who_must_have_one_and_has_none_is_refused),
        cmocka_unit_test(an_identity_once_proven_stays),
        cmocka_unit_test(keys_change_at_any_moment_of_it),
        cmocka_unit_test(data_flows_while_the_owner_thinks),
        cmocka_unit_test(the_answer_waits_for_a_full_output),
        cmocka_unit_test(several_requests_are_answered_each),
        cmocka_unit_test(answers_come_in_any_order),
        cmocka_unit_test(an_answered_request_leaves_no_memory_behind),
        cmocka_unit_test(a_client_that_did_not_offer_is_not_asked),
        cmocka_unit_test(only_a_connected_server_asks_and_for_something),
        cmocka_unit_test(after_a_close_nobody_is_asked),
        cmocka_unit_test(who_cannot_answer_any_more_passes_over_requests),
        cmocka_unit_test(a_close_while_requests_are_open),
        cmocka_unit_test(a_request_that_was_not_invited_is_unexpected),
        cmocka_unit_test(a_context_that_is_outstanding_is_refused),
        cmocka_unit_test(a_malformed_request_is_refused),
        cmocka_unit_test(more_requests_than_may_wait_are_a_flood),
        cmocka_unit_test(requests_of_a_peer_that_does_not_read_are_a_flood),
        cmocka_unit_test(requests_draw_on_the_budget_of_the_peer),
        cmocka_unit_test(requests_to_who_has_closed_do_not_pile_up),
        cmocka_unit_test(an_answer_out_of_order_is_refused),
        cmocka_unit_test(an_answer_to_another_request_is_refused),
        cmocka_unit_test(an_answer_that_proves_nothing_is_refused),
        cmocka_unit_test(nothing_stands_inside_an_answer),
        cmocka_unit_test(an_answer_given_twice_is_refused),
        cmocka_unit_test(an_answer_to_nothing_is_refused),
        cmocka_unit_test(cve_2026_55962_finished_without_certificate),
        cmocka_unit_test(a_chain_that_the_owner_refuses_ends_the_connection),
        cmocka_unit_test(a_client_whose_owner_refuses_ends_the_connection),
        cmocka_unit_test(until_the_owner_accepts_nothing_is_known),
        cmocka_unit_test(an_exchange_without_all_proofs_proves_nothing),
        cmocka_unit_test(a_credential_of_an_authority_named_is_preferred),
        cmocka_unit_test(who_chooses_sees_authorities_and_filters),
        cmocka_unit_test(tickets_issued_afterwards_carry_the_identity),
        cmocka_unit_test(tickets_issued_before_do_not),
        cmocka_unit_test(every_ticket_is_one_of_a_kind),
        cmocka_unit_test(who_has_no_use_for_tickets_gets_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
