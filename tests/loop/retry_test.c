/* HelloRetryRequest: what a server may ask, and what the second hello may change (RFC 9846 sections 4.2.2, 4.2.4). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/tap.h"

static struct loop l;
static struct tap tap;

static void no_share(struct kt_builder *b)
{
    assert_null(kt_builder_key_shares(b, 0));
}

static void no_cookie(struct kt_builder *b)
{
    kt_builder_cookie(b, false);
}

static void p521_only(struct kt_builder *b)
{
    static const uint16_t id = KT_GROUP_SECP521R1;

    assert_null(kt_builder_groups(b, &id, 1));
}

static void assert_retried(uint16_t group)
{
    for (int i = 0; i < 2; i++) {
        struct kt_facts facts = kt_conn_facts(loop_conn(&l, (enum kt_role)i));

        assert_true(facts.hello_retried);
        assert_int_equal(facts.group, group);
    }
    loop_transfer(&l, KT_CLIENT, 1000);
    loop_transfer(&l, KT_SERVER, 1000);
}

static void connect_retried(const struct loop_setup *setup, uint16_t group)
{
    loop_open(&l, setup);
    loop_handshake(&l);
    assert_retried(group);
    loop_close(&l);
}

static void a_client_without_shares_is_asked_for_one(void **user)
{
    (void)user;
    connect_retried(&(struct loop_setup){.client = no_share}, KT_GROUP_X25519);
}

static void a_client_with_the_wrong_share_is_asked_for_another(void **user)
{
    (void)user;
    connect_retried(&(struct loop_setup){.server = p521_only}, KT_GROUP_SECP521R1);
}

static void works_without_cookie(void **user)
{
    (void)user;
    connect_retried(&(struct loop_setup){.client = no_share, .server = no_cookie}, KT_GROUP_X25519);
}

static const struct kt_ask *asked;

static void ask_config(struct kt_builder *b)
{
    assert_null(kt_builder_ask(b, KT_ASK_CHOOSE_CONFIG));
}

static void the_configuration_is_asked_for_once(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){.client = no_share, .server = ask_config});
    l.hold_asks = true;
    loop_run(&l);
    asked = kt_conn_ask(l.server);
    assert_int_equal(asked->kind, KT_ASK_CHOOSE_CONFIG);
    assert_null(kt_answer_config(l.server, NULL));
    loop_run(&l);
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_SIGN);
    l.hold_asks = false;
    loop_handshake(&l);
    assert_retried(KT_GROUP_X25519);
    loop_close(&l);
}

/* ---- the second hello, changed on its way ---- */

/* A whole ClientHello message. */
struct hello {
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

/* Offsets in a whole ClientHello message. */
enum { AT_VERSION = 4, AT_RANDOM = 6, AT_SESSION = 38 };

static size_t suites_at(const struct hello *h)
{
    return AT_SESSION + 1u + h->bytes[AT_SESSION];
}

static size_t compression_at(const struct hello *h)
{
    return suites_at(h) + 2 + u16_at(h->bytes + suites_at(h));
}

static size_t extensions_at(const struct hello *h)
{
    return compression_at(h) + 1 + h->bytes[compression_at(h)];
}

/* Where the four-byte header of the extension stands; 0: it is not there. */
static size_t extension_at(const struct hello *h, uint16_t number)
{
    size_t at = extensions_at(h) + 2;

    while (at < h->len) {
        if (u16_at(h->bytes + at) == number) {
            return at;
        }
        at += 4 + u16_at(h->bytes + at + 2);
    }
    return 0;
}

static void fix_lengths(struct hello *h)
{
    put_u16_at(h->bytes + extensions_at(h), h->len - extensions_at(h) - 2);
    put_u16_at(h->bytes + 2, h->len - 4);
}

static void cut(struct hello *h, size_t at, size_t len)
{
    memmove(h->bytes + at, h->bytes + at + len, h->len - at - len);
    h->len -= len;
}

static void remove_extension(struct hello *h, uint16_t number)
{
    size_t at = extension_at(h, number);

    assert_int_not_equal(at, 0);
    cut(h, at, 4 + u16_at(h->bytes + at + 2));
    fix_lengths(h);
}

static void add_extension(struct hello *h, uint16_t number, const uint8_t *content, size_t len)
{
    put_u16_at(h->bytes + h->len, number);
    put_u16_at(h->bytes + h->len + 2, len);
    if (len > 0) {
        memcpy(h->bytes + h->len + 4, content, len);
    }
    h->len += 4 + len;
    fix_lengths(h);
}

/* Changes the last bit of an extension's content: in all of ours that leaves the form as it is. */
static void change_extension(struct hello *h, uint16_t number)
{
    size_t at = extension_at(h, number);

    assert_int_not_equal(at, 0);
    h->bytes[at + 3 + u16_at(h->bytes + at + 2)] ^= 1;
}

static void (*meddle)(struct hello *h);
static int hellos;

static void edit_second_hello(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    struct hello h;

    if (from != KT_CLIENT || type != KT_CONTENT_HANDSHAKE || content[0] != KT_MSG_CLIENT_HELLO || ++hellos != 2) {
        tap_send(t, type, content, len);
        return;
    }
    assert_true(len + 256 < sizeof h.bytes);
    memcpy(h.bytes, content, len);
    h.len = len;
    meddle(&h);
    tap_send(t, type, h.bytes, h.len);
}

static void names_and_protocols(struct kt_builder *b)
{
    const struct kt_span alpn = {(const uint8_t *)"h2", 2};
    static const uint16_t cert_schemes[] = {KT_SCHEME_ECDSA_SECP256R1_SHA256, KT_SCHEME_RSA_PKCS1_SHA256};

    no_share(b);
    assert_null(kt_builder_alpn(b, &alpn, 1));
    assert_null(kt_builder_ticket_request(b, 0, 0));
    assert_null(kt_builder_cert_schemes(b, cert_schemes, 2));
}

static void open_meddled(void (*how)(struct hello *h))
{
    static struct loop_setup setup = {.client = names_and_protocols};

    tap_open(&tap, &l, &setup);
    tap.edit = edit_second_hello;
    meddle = how;
    hellos = 0;
    loop_run(&l);
    assert_int_equal(hellos, 2);
}

#define expect_second_hello_refused(how, reason, alert)                                                                \
    do {                                                                                                               \
        open_meddled(how);                                                                                             \
        loop_assert_failed(l.server, reason, alert);                                                                   \
        assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_##alert);                                          \
        tap_close(&tap);                                                                                               \
    } while (0)

static void change_nothing(struct hello *h)
{
    (void)h;
}

static void an_unchanged_second_hello_connects(void **user)
{
    (void)user;
    open_meddled(change_nothing);
    loop_handshake(&l);
    tap_close(&tap);
}

static void change_version(struct hello *h)
{
    h->bytes[AT_VERSION + 1] = 2;
}
static void change_random(struct hello *h)
{
    h->bytes[AT_RANDOM] ^= 1;
}
static void change_session_id(struct hello *h)
{
    h->bytes[AT_SESSION + 1] ^= 1;
}
static void shorten_session_id(struct hello *h)
{
    cut(h, AT_SESSION + 1, 32);
    h->bytes[AT_SESSION] = 0;
    fix_lengths(h);
}
static void swap_suites(struct hello *h)
{
    uint8_t *first = h->bytes + suites_at(h) + 4;
    uint8_t two[2];

    memcpy(two, first, 2);
    memmove(first, first + 2, 2);
    memcpy(first + 2, two, 2);
}
static void drop_suite(struct hello *h)
{
    size_t at = suites_at(h);

    put_u16_at(h->bytes + at, u16_at(h->bytes + at) - 2);
    cut(h, at + 2, 2);
    fix_lengths(h);
}
static void more_compression(struct hello *h)
{
    size_t at = compression_at(h);

    memmove(h->bytes + at + 2, h->bytes + at + 1, h->len - at - 1);
    h->bytes[at] = 2;
    h->bytes[at + 1] = 1;
    h->len++;
    fix_lengths(h);
}
static void change_name(struct hello *h)
{
    change_extension(h, 0);
}
static void change_groups(struct hello *h)
{
    change_extension(h, 10);
}
static void change_schemes(struct hello *h)
{
    change_extension(h, 13);
}
static void change_alpn(struct hello *h)
{
    change_extension(h, 16);
}
static void change_cert_schemes(struct hello *h)
{
    change_extension(h, 50);
}
static void change_record_limit(struct hello *h)
{
    change_extension(h, 28);
}
static void change_new_tickets(struct hello *h)
{
    h->bytes[extension_at(h, 58) + 4] ^= 1;
}
static void change_resumed_tickets(struct hello *h)
{
    h->bytes[extension_at(h, 58) + 5] ^= 1;
}
static void change_versions(struct hello *h)
{
    size_t at = extension_at(h, 43);

    h->bytes[at + 5] ^= 0x10; /* the GREASE value in front */
}

static void the_second_hello_must_be_the_first_again(void **user)
{
    static void (*const changes[])(struct hello * h) = {
        change_version,      change_random,   change_session_id,  shorten_session_id,
        swap_suites,         drop_suite,      more_compression,   change_name,
        change_groups,       change_schemes,  change_alpn,        change_cert_schemes,
        change_record_limit, change_versions, change_new_tickets, change_resumed_tickets,
    };

    (void)user;
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        expect_second_hello_refused(changes[i], RETRY_HELLO_CHANGED, ILLEGAL_PARAMETER);
    }
}

static uint16_t removed;

static void remove_one(struct hello *h)
{
    remove_extension(h, removed);
}

static void no_extension_may_go(void **user)
{
    static const uint16_t numbers[] = {0, 10, 13, 16, 28, 43, 50, 58};

    (void)user;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        removed = numbers[i];
        expect_second_hello_refused(remove_one, RETRY_HELLO_CHANGED, ILLEGAL_PARAMETER);
    }
}

static void add_ticket(struct hello *h)
{
    add_extension(h, 35, NULL, 0);
}
static void add_authorities(struct hello *h)
{
    add_extension(h, 47, (const uint8_t[]){0, 3, 0, 1, 9}, 5);
}
static void add_early_data(struct hello *h)
{
    add_extension(h, 42, NULL, 0);
}

static void no_extension_may_come(void **user)
{
    (void)user;
    expect_second_hello_refused(add_ticket, RETRY_HELLO_CHANGED, ILLEGAL_PARAMETER);
    expect_second_hello_refused(add_authorities, RETRY_HELLO_CHANGED, ILLEGAL_PARAMETER);
    expect_second_hello_refused(add_early_data, RETRY_HELLO_CHANGED, ILLEGAL_PARAMETER);
}

static void add_padding(struct hello *h)
{
    add_extension(h, 21, (const uint8_t[]){0, 0, 0}, 3);
}

/* The transcripts differ then, of course, and the client cannot read on: but the server has not refused the hello. */
static void padding_may_come(void **user)
{
    (void)user;
    open_meddled(add_padding);
    loop_assert_failed(l.client, RECORD_BAD_MAC, BAD_RECORD_MAC);
    assert_int_not_equal(kt_conn_fault(l.server)->reason, KT_REASON_RETRY_HELLO_CHANGED);
    tap_close(&tap);
}

static void remove_cookie(struct hello *h)
{
    remove_extension(h, 44);
}
static void change_cookie(struct hello *h)
{
    change_extension(h, 44);
}
static void shorten_cookie(struct hello *h)
{
    size_t at = extension_at(h, 44);

    put_u16_at(h->bytes + at + 2, u16_at(h->bytes + at + 2) - 1);
    put_u16_at(h->bytes + at + 4, u16_at(h->bytes + at + 4) - 1);
    cut(h, at + 6, 1);
    fix_lengths(h);
}

static void the_cookie_must_come_back(void **user)
{
    (void)user;
    expect_second_hello_refused(remove_cookie, COOKIE_WRONG, ILLEGAL_PARAMETER);
    expect_second_hello_refused(change_cookie, COOKIE_WRONG, ILLEGAL_PARAMETER);
    expect_second_hello_refused(shorten_cookie, COOKIE_WRONG, ILLEGAL_PARAMETER);
}

static void remove_shares(struct hello *h)
{
    remove_extension(h, 51);
}
static void empty_shares(struct hello *h)
{
    remove_extension(h, 51);
    add_extension(h, 51, (const uint8_t[]){0, 0}, 2);
}

/* A toy share of another group, which is well formed: 1 is a number like any other to the toy. */
static void other_share(struct hello *h)
{
    uint8_t content[2 + 4 + 65] = {0, 4 + 65, 0, KT_GROUP_SECP256R1, 0, 65, 4, 1};

    remove_extension(h, 51);
    add_extension(h, 51, content, sizeof content);
}

static void one_share_more(struct hello *h)
{
    size_t at = extension_at(h, 51);
    size_t len = u16_at(h->bytes + at + 2);
    uint8_t content[256] = {0};

    memcpy(content, h->bytes + at + 4, len);
    memcpy(content + len, (const uint8_t[]){0, KT_GROUP_SECP256R1, 0, 65, 4}, 5);
    put_u16_at(content, len - 2 + 69);
    remove_extension(h, 51);
    add_extension(h, 51, content, len + 69);
}

static void the_second_hello_must_hold_the_share_asked_for_and_no_other(void **user)
{
    (void)user;
    expect_second_hello_refused(remove_shares, EXTENSION_MISSING, MISSING_EXTENSION);
    expect_second_hello_refused(empty_shares, KEY_SHARE_NOT_ASKED, ILLEGAL_PARAMETER);
    expect_second_hello_refused(other_share, KEY_SHARE_NOT_ASKED, ILLEGAL_PARAMETER);
    expect_second_hello_refused(one_share_more, KEY_SHARE_NOT_ASKED, ILLEGAL_PARAMETER);
}

static void spoil_share(struct hello *h)
{
    change_extension(h, 51); /* an even number is no point */
}

static void a_malformed_share_is_found_when_it_is_used(void **user)
{
    (void)user;
    expect_second_hello_refused(spoil_share, KEY_SHARE_MALFORMED, ILLEGAL_PARAMETER);
}

/* ---- what a server may ask: a client alone, and hellos made by hand ---- */

static struct kt_conn *client;
static uint8_t sent[8192];
static size_t sent_len;
static struct kt_client_hello hello;

static void take_output(void)
{
    const uint8_t *out;
    size_t len;

    sent_len = 0;
    while ((out = kt_conn_out(client, &len)) != NULL) {
        assert_true(sent_len + len <= sizeof sent);
        memcpy(sent + sent_len, out, len);
        sent_len += len;
        (void)!kt_conn_out_done(client, len);
    }
}

/* The last record sent is a ClientHello. */
static void read_hello(void)
{
    size_t at = 0;

    take_output();
    while (at + 5 + u16_at(sent + at + 3) < sent_len) {
        at += 5 + u16_at(sent + at + 3);
    }
    assert_int_equal(sent[at], KT_CONTENT_HANDSHAKE);
    assert_int_equal(sent[at + 5], KT_MSG_CLIENT_HELLO);
    assert_null(kt_client_hello_decode(kt_span_of(sent + at + 9, sent_len - at - 9), &hello));
}

static void open_client(void (*settings)(struct kt_builder *b))
{
    struct loop_setup setup = {.client = settings};

    loop_open(&l, &setup);
    client = l.client;
    read_hello();
}

static struct kt_server_hello answer(bool retry)
{
    static uint8_t random[32];
    static uint8_t share[32];
    struct kt_server_hello sh = {.is_retry = retry,
                                 .legacy_version = KT_TLS_1_2,
                                 .random = {random, sizeof random},
                                 .session_id = hello.session_id,
                                 .suite = KT_SUITE_AES_128_GCM_SHA256,
                                 .version = KT_TLS_1_3,
                                 .seen = KT_EXT_BIT(SUPPORTED_VERSIONS) | KT_EXT_BIT(KEY_SHARE),
                                 .key_share = {KT_GROUP_X25519, {NULL, 0}}};

    if (retry) {
        sh.key_share.group = KT_GROUP_SECP384R1;
    } else {
        sh.key_share.key = kt_span_of(share, sizeof share);
    }
    return sh;
}

static const struct kt_fault *feed(const struct kt_server_hello *sh)
{
    uint8_t record[4096] = {KT_CONTENT_HANDSHAKE, 3, 3};
    struct kt_writer w = kt_writer_over(record + 5, sizeof record - 5);
    uint8_t *in;
    size_t room;

    kt_server_hello_encode(&w, sh);
    assert_true(kt_writer_finish(&w));
    put_u16_at(record + 3, w.len);
    in = kt_conn_in(client, &room);
    assert_true(in != NULL && room >= w.len + 5);
    memcpy(in, record, w.len + 5);
    return kt_conn_in_done(client, w.len + 5);
}

#define expect_answer_refused(sh, reason, alert)                                                                       \
    loop_assert_fault(feed(sh), KT_REASON_##reason, KT_ALERT_##alert, __FILE__, __LINE__)

static void a_second_retry_is_refused(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    assert_null(feed(&sh));
    read_hello();
    sh = answer(true);
    sh.key_share.group = KT_GROUP_SECP521R1;
    expect_answer_refused(&sh, RETRY_TWICE, UNEXPECTED_MESSAGE);
    loop_close(&l);
}

static void a_retry_that_asks_for_nothing_is_refused(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    sh.seen = KT_EXT_BIT(SUPPORTED_VERSIONS);
    expect_answer_refused(&sh, RETRY_WITHOUT_CHANGE, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void a_retry_for_a_share_that_was_sent_is_refused(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    sh.key_share.group = KT_GROUP_X25519;
    expect_answer_refused(&sh, RETRY_WITHOUT_CHANGE, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void a_retry_for_a_group_that_was_not_offered_is_refused(void **user)
{
    static const uint16_t ids[] = {0, 30, 0x11ec, 0x0a0a};

    (void)user;
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        struct kt_server_hello sh;

        open_client(NULL);
        sh = answer(true);
        sh.key_share.group = ids[i];
        expect_answer_refused(&sh, GROUP_NOT_OFFERED, ILLEGAL_PARAMETER);
        loop_close(&l);
    }
}

static void a_cookie_alone_is_reason_enough_and_comes_back(void **user)
{
    static const uint8_t cookie[] = "a cookie of the server";
    struct kt_server_hello sh;
    struct kt_client_hello first;

    (void)user;
    open_client(no_cookie);
    first = hello;
    sh = answer(true);
    sh.seen = KT_EXT_BIT(SUPPORTED_VERSIONS) | KT_EXT_BIT(COOKIE);
    sh.cookie = kt_span_of(cookie, sizeof cookie);
    assert_null(feed(&sh));
    read_hello();
    assert_int_equal(hello.seen, first.seen | KT_EXT_BIT(COOKIE));
    assert_true(kt_span_same(hello.cookie, sh.cookie));
    loop_close(&l);
}

static void the_second_hello_holds_just_the_share_asked_for(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    assert_null(feed(&sh));
    read_hello();
    assert_int_equal(hello.key_shares.len, 4 + 97);
    assert_int_equal(u16_at(hello.key_shares.p), KT_GROUP_SECP384R1);
    loop_close(&l);
}

static void a_long_cookie_fits(void **user)
{
    static uint8_t cookie[3800];
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    sh.seen |= KT_EXT_BIT(COOKIE);
    sh.cookie = kt_span_of(cookie, sizeof cookie);
    assert_null(feed(&sh));
    read_hello();
    assert_int_equal(hello.cookie.len, sizeof cookie);
    loop_close(&l);
}

static void the_retry_fixes_the_suite(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    assert_null(feed(&sh));
    read_hello();
    sh = answer(false);
    sh.suite = KT_SUITE_AES_256_GCM_SHA384;
    expect_answer_refused(&sh, SUITE_CHANGED, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void the_retry_fixes_the_group(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    assert_null(feed(&sh));
    read_hello();
    sh = answer(false); /* X25519 again */
    expect_answer_refused(&sh, GROUP_NOT_OFFERED, ILLEGAL_PARAMETER);
    loop_close(&l);
}

/* ---- both answers of a server have these in common ---- */

static void bad_legacy_version(struct kt_server_hello *sh)
{
    sh->legacy_version = KT_TLS_1_3;
}
static void bad_version(struct kt_server_hello *sh)
{
    sh->version = KT_TLS_1_2;
}
static void bad_suite(struct kt_server_hello *sh)
{
    sh->suite = 0x1304;
}
static void bad_session_id(struct kt_server_hello *sh)
{
    sh->session_id.len--;
}
static void bad_compression(struct kt_server_hello *sh)
{
    sh->compression = 1;
}

#define expect_both_refused(change, reason, alert)                                                                     \
    for (int retry = 0; retry < 2; retry++) {                                                                          \
        struct kt_server_hello sh;                                                                                     \
                                                                                                                       \
        open_client(NULL);                                                                                             \
        sh = answer(retry == 1);                                                                                       \
        change(&sh);                                                                                                   \
        expect_answer_refused(&sh, reason, alert);                                                                     \
        loop_close(&l);                                                                                                \
    }

static void what_the_server_chooses_must_have_been_offered(void **user)
{
    (void)user;
    expect_both_refused(bad_legacy_version, VERSION_NOT_OFFERED, ILLEGAL_PARAMETER);
    expect_both_refused(bad_version, VERSION_NOT_OFFERED, ILLEGAL_PARAMETER);
    expect_both_refused(bad_suite, SUITE_NOT_OFFERED, ILLEGAL_PARAMETER);
    expect_both_refused(bad_session_id, SESSION_ID_NOT_ECHOED, ILLEGAL_PARAMETER);
    expect_both_refused(bad_compression, COMPRESSION_NOT_NULL, ILLEGAL_PARAMETER);
}

static void a_server_without_key_share_is_refused(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(false);
    sh.seen = KT_EXT_BIT(SUPPORTED_VERSIONS);
    expect_answer_refused(&sh, KEY_SHARE_MISSING, MISSING_EXTENSION);
    loop_close(&l);
}

static void a_share_of_another_group_or_of_no_value_is_refused(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(false);
    sh.key_share.group = KT_GROUP_SECP256R1;
    expect_answer_refused(&sh, GROUP_NOT_OFFERED, ILLEGAL_PARAMETER);
    loop_close(&l);
    open_client(NULL);
    sh = answer(false); /* zeros: no odd number */
    expect_answer_refused(&sh, KEY_SHARE_MALFORMED, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void only_13(struct kt_builder *b)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_3, KT_TLS_1_3));
}

/* After a HelloRetryRequest nothing but TLS 1.3 can follow (field survey, CVE-2026-34873). */
static void cve_2026_34873_an_older_version_behind_a_retry_is_refused(void **user)
{
    struct kt_server_hello sh;

    (void)user;
    open_client(NULL);
    sh = answer(true);
    assert_null(feed(&sh));
    read_hello();
    sh = answer(false);
    sh.seen = 0;
    sh.version = 0;
    expect_answer_refused(&sh, VERSION_CHANGED, ILLEGAL_PARAMETER);
    loop_close(&l);
}

static void an_older_server_is_refused_and_a_lowered_one_is_found_out(void **user)
{
    uint8_t random[32] = {0};
    struct kt_server_hello sh;

    (void)user;
    for (int i = 0; i < 3; i++) {
        open_client(i == 0 ? only_13 : NULL);
        sh = answer(false);
        sh.seen = 0;
        sh.version = 0;
        sh.random = kt_span_of(random, sizeof random);
        if (i == 0) {
            expect_answer_refused(&sh, VERSION_NOT_SUPPORTED, PROTOCOL_VERSION);
        } else {
            memcpy(random + 24, i == 1 ? kt_downgrade_12 : kt_downgrade_11, 8);
            expect_answer_refused(&sh, DOWNGRADE_DETECTED, ILLEGAL_PARAMETER);
        }
        loop_close(&l);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_without_shares_is_asked_for_one),
        cmocka_unit_test(a_client_with_the_wrong_share_is_asked_for_another),
        cmocka_unit_test(works_without_cookie),
        cmocka_unit_test(the_configuration_is_asked_for_once),
        cmocka_unit_test(an_unchanged_second_hello_connects),
        cmocka_unit_test(the_second_hello_must_be_the_first_again),
        cmocka_unit_test(no_extension_may_go),
        cmocka_unit_test(no_extension_may_come),
        cmocka_unit_test(padding_may_come),
        cmocka_unit_test(the_cookie_must_come_back),
        cmocka_unit_test(the_second_hello_must_hold_the_share_asked_for_and_no_other),
        cmocka_unit_test(a_malformed_share_is_found_when_it_is_used),
        cmocka_unit_test(a_second_retry_is_refused),
        cmocka_unit_test(a_retry_that_asks_for_nothing_is_refused),
        cmocka_unit_test(a_retry_for_a_share_that_was_sent_is_refused),
        cmocka_unit_test(a_retry_for_a_group_that_was_not_offered_is_refused),
        cmocka_unit_test(a_cookie_alone_is_reason_enough_and_comes_back),
        cmocka_unit_test(the_second_hello_holds_just_the_share_asked_for),
        cmocka_unit_test(a_long_cookie_fits),
        cmocka_unit_test(the_retry_fixes_the_suite),
        cmocka_unit_test(the_retry_fixes_the_group),
        cmocka_unit_test(what_the_server_chooses_must_have_been_offered),
        cmocka_unit_test(a_server_without_key_share_is_refused),
        cmocka_unit_test(a_share_of_another_group_or_of_no_value_is_refused),
        cmocka_unit_test(cve_2026_34873_an_older_version_behind_a_retry_is_refused),
        cmocka_unit_test(an_older_server_is_refused_and_a_lowered_one_is_found_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
