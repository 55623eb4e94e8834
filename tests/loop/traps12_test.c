/* Traps of TLS 1.2 that are found only by who has the keys, or the server's key: each test is named after what it keeps
 * out (the table of SECURITY.md). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "support/tap.h"

static struct loop l;
static struct tap tap;
static uint16_t version, suite, scheme;

static void settings(struct kt_builder *b)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    assert_null(kt_builder_versions(b, version, version));
    assert_null(kt_builder_suites(b, &suite, 1));
    if (scheme != 0) {
        assert_null(kt_builder_schemes(b, &scheme, 1));
    }
}

static void mutual_settings(struct kt_builder *b)
{
    settings(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static const struct loop_setup mutual = {.client = settings,
                                         .server = mutual_settings,
                                         .client_credential = true,
                                         .client_key = KT_KEY_RSA,
                                         .server_key = KT_KEY_RSA};

static int begin(void **user)
{
    (void)user;
    scheme = 0;
    version = KT_TLS_1_2;
    suite = KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    return 0;
}

static struct kt_conn *receiver(enum kt_role from)
{
    return loop_conn(&l, from == KT_CLIENT ? KT_SERVER : KT_CLIENT);
}

/* ---- one message, changed on its way ---- */

static struct {
    enum kt_role from;
    uint8_t type; /* of the handshake message */
    void (*change)(uint8_t *message, size_t *len);
    size_t at; /* for it */
    uint8_t with;
} plan;

static void change_messages(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    struct kt_span rest = {content, len};
    struct kt_span message;

    if (type != KT_CONTENT_HANDSHAKE || from != plan.from) {
        tap_send(t, type, content, len);
        return;
    }
    while (tap_next_message(&rest, &message)) {
        uint8_t copy[4096];
        size_t n = message.len;

        assert_true(n + 64 <= sizeof copy);
        memcpy(copy, message.p, n);
        if (message.p[0] == plan.type) {
            plan.change(copy, &n);
            t->edits++;
        }
        tap_send(t, type, copy, n);
    }
}

static void run_changed(const struct loop_setup *setup, bool repair)
{
    tap_open(&tap, &l, setup);
    tap.edit = change_messages;
    tap.repair = repair;
    loop_run(&l);
    assert_int_equal(tap.edits, 1);
}

#define expect_changed(repair, reason, alert)                                                                          \
    do {                                                                                                               \
        run_changed(&mutual, repair);                                                                                  \
        loop_assert_failed(receiver(plan.from), reason, alert);                                                        \
        assert_false(kt_conn_is_connected(receiver(plan.from)));                                                       \
        tap_close(&tap);                                                                                               \
    } while (0)

static void change_nothing(uint8_t *message, size_t *len)
{
    (void)message;
    (void)len;
}

static void change_byte(uint8_t *message, size_t *len)
{
    assert_true(plan.at < *len);
    message[plan.at] ^= plan.with;
}

static void the_tap_changes_nothing_by_itself(void **user)
{
    static const uint16_t suites[] = {KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                                      KT_SUITE_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
                                      KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA, KT_SUITE_RSA_WITH_AES_256_CBC_SHA};

    (void)user;
    for (size_t i = 0; i < 8; i++) {
        suite = suites[i / 2];
        version = i < 4 ? KT_TLS_1_2 : i % 2 == 0 ? KT_TLS_1_0 : KT_TLS_1_1;
        plan.from = (enum kt_role)(i % 2);
        plan.type = KT_MSG_FINISHED;
        plan.change = change_nothing;
        run_changed(&mutual, version == KT_TLS_1_2);
        loop_handshake(&l);
        tap.edit = NULL;
        loop_transfer(&l, KT_CLIENT, 20000);
        loop_transfer(&l, KT_SERVER, 20000);
        tap_close(&tap);
    }
}

/* ---- Finished ---- */

static void finished_is_compared_to_its_last_byte(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        for (plan.at = 4; plan.at < 16; plan.at++) {
            plan.from = (enum kt_role)role;
            plan.type = KT_MSG_FINISHED;
            plan.change = change_byte;
            plan.with = 0x80;
            expect_changed(false, FINISHED_WRONG, DECRYPT_ERROR);
        }
    }
}

static void cut(uint8_t *message, size_t *len)
{
    *len -= 1;
    message[3] -= 1;
}

static void lengthen(uint8_t *message, size_t *len)
{
    message[*len] = 0;
    *len += 1;
    message[3] += 1;
}

static void empty(uint8_t *message, size_t *len)
{
    *len = 4;
    message[3] = 0;
}

static void finished_of_another_length_is_refused(void **user)
{
    void (*const changes[])(uint8_t * message, size_t * len) = {cut, lengthen, empty};

    (void)user;
    for (size_t i = 0; i < 6; i++) {
        plan.from = (enum kt_role)(i % 2);
        plan.type = KT_MSG_FINISHED;
        plan.change = changes[i / 2];
        expect_changed(false, FINISHED_MALFORMED, DECODE_ERROR);
    }
}

/* Behind Finished in its record: HelloRequest to a client, a new hello to a server. */
static void more_behind(uint8_t *message, size_t *len)
{
    memcpy(message + *len, (const uint8_t[]){plan.with, 0, 0, 0}, 4);
    *len += 4;
}

static void cve_2023_6937_nothing_follows_finished_in_its_record(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        plan.from = (enum kt_role)role;
        plan.type = KT_MSG_FINISHED;
        plan.change = more_behind;
        plan.with = role == KT_CLIENT ? KT_MSG_CLIENT_HELLO : KT_MSG_HELLO_REQUEST;
        expect_changed(false, MESSAGE_NOT_LAST, UNEXPECTED_MESSAGE);
    }
}

/* ---- what the server signed, though it is wrong ---- */

static void cve_2015_4000_logjam_a_signed_prime_without_name_is_refused(void **user)
{
    (void)user;
    suite = KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256;
    plan.from = KT_SERVER;
    plan.type = KT_MSG_SERVER_KEY_EXCHANGE;
    plan.change = change_byte;
    plan.with = 2;
    plan.at = 4 + 2 + 100;
    expect_changed(true, DH_GROUP_UNKNOWN, HANDSHAKE_FAILURE);
}

static void a_signed_share_that_is_none_is_refused(void **user)
{
    (void)user;
    plan.from = KT_SERVER;
    plan.type = KT_MSG_SERVER_KEY_EXCHANGE;
    plan.change = change_byte;
    plan.with = 1;
    plan.at = 4 + 1 + 2 + 1 + 3;
    expect_changed(true, KEY_SHARE_MALFORMED, ILLEGAL_PARAMETER);
}

/* One that nobody knows; then one that fits the key, with a right signature. */
static void cve_2026_25834_a_signature_by_a_scheme_that_was_not_offered_is_refused(void **user)
{
    (void)user;
    scheme = KT_SCHEME_RSA_PSS_RSAE_SHA256;
    for (size_t i = 0; i < 2; i++) {
        plan.change = change_byte;
        plan.with = i == 0 ? 8 ^ 1 : 4 ^ 5; /* of the first byte; of the second: SHA-384 */
        plan.from = KT_SERVER;
        plan.type = KT_MSG_SERVER_KEY_EXCHANGE;
        plan.at = 4 + 1 + 2 + 1 + 32 + i;
        expect_changed(true, SCHEME_NOT_OFFERED, ILLEGAL_PARAMETER);
        plan.from = KT_CLIENT;
        plan.type = KT_MSG_CERTIFICATE_VERIFY;
        plan.at = 4 + i;
        expect_changed(true, SCHEME_NOT_OFFERED, ILLEGAL_PARAMETER);
    }
}

/* The signature of the client is over all that passed, in the order in which it passed. */
static void cve_2014_0092_a_signature_over_something_else_is_refused(void **user)
{
    (void)user;
    plan.from = KT_CLIENT;
    plan.type = KT_MSG_CERTIFICATE_VERIFY;
    plan.change = change_byte;
    plan.with = 1;
    plan.at = 4 + 4 + KT_TOY_SIGNATURE_LEN - 1;
    expect_changed(false, SIGNATURE_WRONG, DECRYPT_ERROR);
}

/* ---- records between change_cipher_spec and Finished, and behind ---- */

static uint8_t extra_type;
static uint8_t extra[64];
static size_t extra_len;
static enum kt_role extra_from;

/* Before the first protected record of that side. */
static void put_before_finished(struct tap *t, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    if (from == extra_from && t->lane[from].seal_stage == 1 && t->edits == 0) {
        t->edits++;
        tap_send(t, extra_type, extra, extra_len);
    }
    tap_send(t, type, content, len);
}

#define expect_before_finished(role, type, bytes, count, reason, alert)                                                \
    do {                                                                                                               \
        extra_from = (role);                                                                                           \
        extra_type = (type);                                                                                           \
        extra_len = (count);                                                                                           \
        memcpy(extra, bytes, extra_len);                                                                               \
        tap_open(&tap, &l, &mutual);                                                                                   \
        tap.edit = put_before_finished;                                                                                \
        loop_run(&l);                                                                                                  \
        assert_int_equal(tap.edits, 1);                                                                                \
        loop_assert_failed(receiver(extra_from), reason, alert);                                                       \
        tap_close(&tap);                                                                                               \
    } while (0)

static void botan_no_data_before_finished(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        expect_before_finished((enum kt_role)role, KT_CONTENT_DATA, "data", 4, APPLICATION_DATA_EARLY,
                               UNEXPECTED_MESSAGE);
    }
}

static void cve_2014_0224_change_cipher_spec_comes_once(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        expect_before_finished((enum kt_role)role, KT_CONTENT_CCS, "\x01", 1, CCS_NOT_EXPECTED, UNEXPECTED_MESSAGE);
    }
}

static void skip_tls_no_other_message_stands_for_finished(void **user)
{
    (void)user;
    for (int role = 0; role < 2; role++) {
        expect_before_finished((enum kt_role)role, KT_CONTENT_HANDSHAKE,
                               ((const uint8_t[]){KT_MSG_SERVER_HELLO_DONE, 0, 0, 0}), 4, MESSAGE_NOT_EXPECTED,
                               UNEXPECTED_MESSAGE);
    }
}

static void after_the_handshake(enum kt_role from, uint8_t type, const uint8_t *bytes, size_t len,
                                enum kt_reason reason)
{
    tap_open(&tap, &l, &mutual);
    loop_handshake(&l);
    tap_inject(&tap, from, type, bytes, len);
    loop_run(&l);
    loop_assert_fault(kt_conn_fault(receiver(from)), reason, KT_ALERT_UNEXPECTED_MESSAGE, __FILE__, __LINE__);
    tap_close(&tap);
}

static void finished_and_tickets_come_once(void **user)
{
    static const uint8_t ticket[] = {KT_MSG_NEW_SESSION_TICKET, 0, 0, 7, 0, 0, 0, 9, 0, 1, 7};
    static const uint8_t finished[16] = {KT_MSG_FINISHED, 0, 0, 12};

    (void)user;
    after_the_handshake(KT_SERVER, KT_CONTENT_HANDSHAKE, ticket, sizeof ticket, KT_REASON_MESSAGE_NOT_EXPECTED);
    for (int role = 0; role < 2; role++) {
        after_the_handshake((enum kt_role)role, KT_CONTENT_HANDSHAKE, finished, sizeof finished,
                            KT_REASON_MESSAGE_NOT_EXPECTED);
        after_the_handshake((enum kt_role)role, KT_CONTENT_CCS, (const uint8_t[]){1}, 1, KT_REASON_CCS_NOT_EXPECTED);
    }
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_tap_changes_nothing_by_itself),
        TEST(finished_is_compared_to_its_last_byte),
        TEST(finished_of_another_length_is_refused),
        TEST(cve_2023_6937_nothing_follows_finished_in_its_record),
        TEST(cve_2015_4000_logjam_a_signed_prime_without_name_is_refused),
        TEST(a_signed_share_that_is_none_is_refused),
        TEST(cve_2026_25834_a_signature_by_a_scheme_that_was_not_offered_is_refused),
        TEST(cve_2014_0092_a_signature_over_something_else_is_refused),
        TEST(botan_no_data_before_finished),
        TEST(cve_2014_0224_change_cipher_spec_comes_once),
        TEST(skip_tls_no_other_message_stands_for_finished),
        TEST(finished_and_tickets_come_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
