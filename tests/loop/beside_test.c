/* What a client asks for beside the handshake proper: certificate timestamps (RFC 6962) and a number of tickets
 * (RFC 9149). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tap.h"

static struct loop l;
static struct tap tap;
static struct test_env ring_env;
static struct kt_ticket_ring *ring;
static struct kt_session *kept;
static unsigned tickets; /* that came */

/* Two timestamps, which nobody looks into. */
static const uint8_t scts[] = {0, 8, 0, 3, 'o', 'n', 'e', 0, 1, '2'};

static struct {
    struct kt_span sct_list; /* of the server's credential */
    bool wants_scts;
    unsigned issued;        /* tickets the server is set to */
    bool says;              /* the client says how many it wants ... */
    unsigned full, resumed; /* ... and that it is so many */
    bool client_resumes, server_resumes;
} plan;

static int begin(void **user)
{
    (void)user;
    memset(&plan, 0, sizeof plan);
    plan.issued = 4;
    plan.client_resumes = plan.server_resumes = true;
    plan.sct_list = (struct kt_span){scts, sizeof scts};
    tickets = 0;
    kept = NULL;
    test_env_init(&ring_env);
    return kt_ticket_ring_new(&ring_env.env, NULL, &ring) == NULL ? 0 : -1;
}

/* What the tap opened it has closed. */
static int end_tapped(void **user)
{
    (void)user;
    kt_ticket_ring_unref(ring);
    return ring_env.live == 0 ? 0 : -1;
}

static int end(void **user)
{
    kt_session_unref(kept);
    loop_close(&l);
    return end_tapped(user);
}

static void observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SESSION) {
        kt_session_unref(kept);
        kept = kt_session_ref(notice->u.session);
        tickets++;
    }
}

static void resume(struct kt_builder *b)
{
    struct kt_resumption r = kt_resumption_default();

    r.ring = ring;
    r.tickets = plan.issued;
    assert_null(kt_builder_resumption(b, &r));
}

static void client(struct kt_builder *b)
{
    kt_builder_sct(b, plan.wants_scts);
    if (plan.client_resumes) {
        resume(b);
    }
    if (plan.says) {
        assert_null(kt_builder_ticket_request(b, plan.full, plan.resumed));
    }
}

static void server(struct kt_builder *b)
{
    static const uint8_t certificate[] = {KT_KEY_P256, 's', 'c', 't'};
    static const uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    const struct kt_span chain = {certificate, sizeof certificate};
    struct kt_credential_parts parts = {.chain = &chain, .chain_len = 1, .schemes = &scheme, .scheme_count = 1};
    struct kt_credential *credential = NULL;

    parts.sct_list = plan.sct_list.len > 0 ? &plan.sct_list : NULL;
    assert_null(kt_credential_new(&l.env.env, &parts, &credential));
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
    if (plan.server_resumes) {
        resume(b);
    }
}

static const struct loop_setup setup = {
    .client = client, .server = server, .no_server_credential = true, .observer = observe};

/* ---- timestamps ---- */

/* The list as the client's owner is shown it. */
static struct kt_span shown(void)
{
    const struct kt_ask *ask;

    loop_open(&l, &setup);
    l.hold_asks = true;
    loop_run(&l);
    l.hold_asks = false;
    assert_true(loop_answer(&l, l.server));
    l.hold_asks = true;
    loop_run(&l);
    ask = kt_conn_ask(l.client);
    assert_true(ask != NULL && ask->kind == KT_ASK_VERIFY);
    return ask->u.verify.sct_list;
}

static void go_on(void)
{
    l.hold_asks = false;
    loop_run(&l);
    assert_true(kt_conn_is_connected(l.client) && kt_conn_is_connected(l.server));
}

static void timestamps_come_when_asked_for(void **user)
{
    struct kt_span list;

    (void)user;
    plan.wants_scts = true;
    list = shown();
    assert_int_equal(list.len, sizeof scts);
    assert_memory_equal(list.p, scts, sizeof scts);
    go_on();
    assert_int_equal(kt_conn_facts(l.client).peer_scts, 2);
    assert_int_equal(kt_conn_facts(l.server).peer_scts, 0);
}

static void timestamps_do_not_come_unasked(void **user)
{
    (void)user;
    assert_int_equal(shown().len, 0);
    go_on();
    assert_int_equal(kt_conn_facts(l.client).peer_scts, 0);
}

static void a_server_without_timestamps_sends_none(void **user)
{
    (void)user;
    plan.wants_scts = true;
    plan.sct_list.len = 0;
    assert_int_equal(shown().len, 0);
    go_on();
}

static void a_credential_takes_whole_lists_only(void **user)
{
    static const uint8_t certificate[] = {KT_KEY_P256};
    static const uint16_t scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256;
    static const uint8_t bad[][6] = {{0, 0}, {0, 2, 0, 0}, {0, 3, 0, 2, 1, 1}, {0, 3, 0, 1, 1, 0}, {0, 4, 0, 1, 1, 0}};
    static const size_t lens[] = {2, 4, 5, 6, 6};
    const struct kt_span chain = {certificate, sizeof certificate};
    struct kt_credential_parts parts = {.chain = &chain, .chain_len = 1, .schemes = &scheme, .scheme_count = 1};
    struct kt_credential *credential = NULL;

    (void)user;
    loop_open(&l, &setup);
    for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
        const struct kt_span list = {bad[i], lens[i]};

        parts.sct_list = &list;
        loop_assert_fault(kt_credential_new(&l.env.env, &parts, &credential), KT_REASON_USAGE_ARGUMENT,
                          KT_ALERT_INTERNAL_ERROR, __FILE__, __LINE__);
    }
}

/* ---- a server that breaks the rules ---- */

static struct {
    uint8_t type; /* of the message that is sent instead */
    struct kt_span body;
} instead;

static void replace(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    static uint8_t room[8192];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    struct kt_span rest = {content, len};
    struct kt_span message;

    while (from == KT_SERVER && type == KT_CONTENT_HANDSHAKE && tap_next_message(&rest, &message)) {
        if (message.p[0] != instead.type) {
            kt_put_bytes(&w, message);
            continue;
        }
        t->edits++;
        kt_put_u8(&w, instead.type);
        kt_put_vec(&w, 3, instead.body);
    }
    assert_true(kt_writer_finish(&w));
    tap_send(t, type, w.len > 0 ? room : content, w.len > 0 ? w.len : len);
}

/* The client's fault when the server's message of this type has that body. */
static const struct kt_fault *fault_of(uint8_t type, const char *body, size_t len)
{
    const struct kt_fault *fault;

    instead.type = type;
    instead.body = (struct kt_span){(const uint8_t *)body, len};
    tap_open(&tap, &l, &setup);
    tap.edit = replace;
    loop_run(&l);
    assert_int_equal(tap.edits, 1);
    fault = kt_conn_fault(l.client);
    tap_close(&tap);
    return fault;
}

#define CERTIFICATE(extensions, len) "\0\0\0" len "\0\0\2\1c" extensions
#define REFUSED(type, body, reason, alert)                                                                             \
    loop_assert_fault(fault_of(KT_MSG_##type, body, sizeof(body) - 1), KT_REASON_##reason, KT_ALERT_##alert, __FILE__, \
                      __LINE__)

static void a_malformed_list_is_a_decode_error(void **user)
{
    (void)user;
    plan.wants_scts = true;
    REFUSED(CERTIFICATE, CERTIFICATE("\0\6\0\22\0\2\0\0", "\15"), EXTENSION_MALFORMED, DECODE_ERROR);
    REFUSED(CERTIFICATE, CERTIFICATE("\0\10\0\22\0\4\0\2\0\0", "\17"), EXTENSION_MALFORMED, DECODE_ERROR);
    REFUSED(CERTIFICATE, CERTIFICATE("\0\11\0\22\0\5\0\3\0\2x", "\20"), EXTENSION_MALFORMED, DECODE_ERROR);
}

static void a_list_nobody_asked_for_is_refused(void **user)
{
    (void)user;
    REFUSED(CERTIFICATE, CERTIFICATE("\0\11\0\22\0\5\0\3\0\1x", "\20"), EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
}

static void a_promise_nobody_asked_for_is_refused(void **user)
{
    (void)user;
    REFUSED(ENCRYPTED_EXTENSIONS, "\0\5\0\72\0\1\2", EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
}

static void a_malformed_promise_is_a_decode_error(void **user)
{
    (void)user;
    plan.says = true;
    plan.full = 2;
    REFUSED(ENCRYPTED_EXTENSIONS, "\0\4\0\72\0\0", EXTENSION_MALFORMED, DECODE_ERROR);
    REFUSED(ENCRYPTED_EXTENSIONS, "\0\6\0\72\0\2\2\2", EXTENSION_MALFORMED, DECODE_ERROR);
}

/* ---- tickets ---- */

/* A handshake, in which so many come and so many were promised (-1: nothing was said). */
static void expect_tickets(unsigned come, int promised)
{
    struct kt_facts facts;

    tickets = 0;
    loop_handshake(&l);
    loop_run(&l);
    facts = kt_conn_facts(l.client);
    assert_int_equal(tickets, come);
    assert_int_equal(facts.tickets_told, promised >= 0);
    assert_int_equal(facts.tickets_expected, promised >= 0 ? promised : 0);
}

static void first(unsigned come, int promised)
{
    loop_open(&l, &setup);
    expect_tickets(come, promised);
}

static void again(unsigned come, int promised)
{
    l.session = kept;
    loop_hang_up(&l);
    assert_null(loop_connect(&l, &setup));
    expect_tickets(come, promised);
    assert_true(kt_conn_facts(l.client).resumed);
}

static void without_a_word_all_come(void **user)
{
    (void)user;
    first(4, -1);
}

static void as_many_come_as_are_wanted(void **user)
{
    (void)user;
    plan.says = true;
    plan.full = 3;
    plan.resumed = 1;
    first(3, 3);
    again(1, 1);
}

static void no_more_come_than_the_server_allows(void **user)
{
    (void)user;
    plan.says = true;
    plan.full = 32;
    plan.resumed = 5;
    first(4, 4);
    again(4, 4);
}

static void none_is_a_wish(void **user)
{
    (void)user;
    plan.says = true;
    plan.resumed = 2;
    first(0, 0);
}

static void a_client_that_resumes_nothing_may_say_so(void **user)
{
    (void)user;
    plan.says = true;
    plan.client_resumes = false;
    first(0, 0);
}

static void a_server_that_resumes_nothing_promises_nothing(void **user)
{
    (void)user;
    plan.says = true;
    plan.full = 2;
    plan.server_resumes = false;
    first(0, 0);
}

/* ---- what cannot be wished for ---- */

static struct kt_builder *builder(enum kt_role role)
{
    struct kt_builder *b = NULL;

    assert_null(kt_builder_new(role, &l.env.env, &b));
    return b;
}

static void expect_refused(const struct kt_fault *fault, enum kt_reason reason, struct kt_builder *b)
{
    loop_assert_fault(fault, reason, KT_ALERT_INTERNAL_ERROR, __FILE__, __LINE__);
    assert_string_equal(kt_builder_field(b), "ticket_request");
    kt_builder_free(b);
}

static void impossible_wishes_are_told(void **user)
{
    struct kt_config *config = NULL;
    struct kt_builder *b;

    (void)user;
    loop_open(&l, &setup);
    b = builder(KT_SERVER);
    expect_refused(kt_builder_ticket_request(b, 1, 1), KT_REASON_USAGE_ARGUMENT, b);
    b = builder(KT_CLIENT);
    expect_refused(kt_builder_ticket_request(b, 256, 0), KT_REASON_USAGE_ARGUMENT, b);
    b = builder(KT_CLIENT);
    expect_refused(kt_builder_ticket_request(b, 0, 256), KT_REASON_USAGE_ARGUMENT, b);
    b = builder(KT_CLIENT); /* nothing is resumed */
    assert_null(kt_builder_ticket_request(b, 0, 1));
    expect_refused(kt_builder_build(b, &config), KT_REASON_CONFIG_RESUMPTION, b);
    b = builder(KT_CLIENT); /* more than the budget of the peer allows */
    resume(b);
    assert_null(kt_builder_ticket_request(b, kt_lifetime_default().peer_budget + 1, 0));
    expect_refused(kt_builder_build(b, &config), KT_REASON_CONFIG_RESUMPTION, b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timestamps_come_when_asked_for, begin, end),
        cmocka_unit_test_setup_teardown(timestamps_do_not_come_unasked, begin, end),
        cmocka_unit_test_setup_teardown(a_server_without_timestamps_sends_none, begin, end),
        cmocka_unit_test_setup_teardown(a_credential_takes_whole_lists_only, begin, end),
        cmocka_unit_test_setup_teardown(a_malformed_list_is_a_decode_error, begin, end_tapped),
        cmocka_unit_test_setup_teardown(a_list_nobody_asked_for_is_refused, begin, end_tapped),
        cmocka_unit_test_setup_teardown(a_promise_nobody_asked_for_is_refused, begin, end_tapped),
        cmocka_unit_test_setup_teardown(a_malformed_promise_is_a_decode_error, begin, end_tapped),
        cmocka_unit_test_setup_teardown(without_a_word_all_come, begin, end),
        cmocka_unit_test_setup_teardown(as_many_come_as_are_wanted, begin, end),
        cmocka_unit_test_setup_teardown(no_more_come_than_the_server_allows, begin, end),
        cmocka_unit_test_setup_teardown(none_is_a_wish, begin, end),
        cmocka_unit_test_setup_teardown(a_client_that_resumes_nothing_may_say_so, begin, end),
        cmocka_unit_test_setup_teardown(a_server_that_resumes_nothing_promises_nothing, begin, end),
        cmocka_unit_test_setup_teardown(impossible_wishes_are_told, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
