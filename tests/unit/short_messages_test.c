/* CertificateVerify, Finished, NewSessionTicket and KeyUpdate. */
#include "support/expect_fault.h"
#include "support/wire_messages.h"

static void a_signature_is_found(void **state)
{
    struct kt_certificate_verify verify;

    (void)state;
    expect_success(kt_certificate_verify_decode(KT_SPAN_TEXT("\x08\x07\0\3sig"), &verify));
    assert_int_equal(verify.scheme, KT_SCHEME_ED25519);
    assert_true(kt_span_same(verify.signature, KT_SPAN_TEXT("sig")));
    expect_success(kt_certificate_verify_decode(KT_SPAN_TEXT("\x08\x07\0\0"), &verify));
}

static void certificate_verify_has_one_form(void **state)
{
    struct kt_certificate_verify verify;

    (void)state;
    expect_fault(kt_certificate_verify_decode(KT_SPAN_TEXT(""), &verify), CERTIFICATE_VERIFY_MALFORMED, DECODE_ERROR);
    expect_fault(kt_certificate_verify_decode(KT_SPAN_TEXT("\x08\x07\0\4sig"), &verify), CERTIFICATE_VERIFY_MALFORMED,
                 DECODE_ERROR);
    expect_fault(kt_certificate_verify_decode(KT_SPAN_TEXT("\x08\x07\0\2sig"), &verify), CERTIFICATE_VERIFY_MALFORMED,
                 DECODE_ERROR);
}

static void finished_is_its_value_with_a_header(void **state)
{
    uint8_t bytes[16];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

    (void)state;
    kt_finished_encode(&w, KT_SPAN_TEXT("value"));
    assert_true(kt_writer_finish(&w));
    assert_int_equal(w.len, 9);
    assert_memory_equal(bytes, "\24\0\0\5value", 9);
}

static void every_field_of_a_ticket_is_found(void **state)
{
    struct kt_new_session_ticket ticket;

    (void)state;
    expect_success(
        kt_new_session_ticket_decode(KT_SPAN_TEXT("\0\0\x1c\x20\1\2\3\4\2no\0\3tic\0\x8\0\52\0\4\0\0\x40\0"), &ticket));
    assert_int_equal(ticket.lifetime_seconds, 7200);
    assert_int_equal(ticket.age_add, 0x01020304);
    assert_true(kt_span_same(ticket.nonce, KT_SPAN_TEXT("no")));
    assert_true(kt_span_same(ticket.ticket, KT_SPAN_TEXT("tic")));
    assert_int_equal(ticket.seen, KT_EXT_BIT(EARLY_DATA));
    assert_int_equal(ticket.max_early_data, 16384);
}

static void new_session_ticket_has_one_form(void **state)
{
    static const struct kt_span refused[] = {
        {(const uint8_t *)"", 0},
        {(const uint8_t *)"\0\0\0\1\0\0\0\1\0\0\1t", 12},       /* no extensions */
        {(const uint8_t *)"\0\0\0\1\0\0\0\1\0\0\0\0\0", 13},    /* an empty ticket */
        {(const uint8_t *)"\0\0\0\1\0\0\0\1\1\0\1t\0\0", 14},   /* the nonce takes what is not its own */
        {(const uint8_t *)"\0\0\0\1\0\0\0\1\0\0\1t\0\0\0", 15}, /* a byte behind */
        {(const uint8_t *)"\0\0\0\1\0\0\0\1\0\0\1t\0\1\0", 15}, /* extensions that do not divide */
    };
    struct kt_new_session_ticket ticket;

    (void)state;
    expect_success(kt_new_session_ticket_decode(KT_SPAN_TEXT("\0\0\0\1\0\0\0\1\0\0\1t\0\0"), &ticket));
    for (size_t i = 0; i < KT_COUNT_OF(refused); i++) {
        expect_fault(kt_new_session_ticket_decode(refused[i], &ticket), NEW_SESSION_TICKET_MALFORMED, DECODE_ERROR);
    }
}

static void key_update_is_one_byte_of_two_values(void **state)
{
    struct kt_key_update update;

    (void)state;
    expect_success(kt_key_update_decode(KT_SPAN_TEXT("\0"), &update));
    assert_false(update.requested);
    expect_success(kt_key_update_decode(KT_SPAN_TEXT("\1"), &update));
    assert_true(update.requested);
    expect_fault(kt_key_update_decode(KT_SPAN_TEXT("\2"), &update), KEY_UPDATE_REQUEST_UNKNOWN, ILLEGAL_PARAMETER);
    expect_fault(kt_key_update_decode(KT_SPAN_TEXT(""), &update), KEY_UPDATE_MALFORMED, DECODE_ERROR);
    expect_fault(kt_key_update_decode(KT_SPAN_TEXT("\0\0"), &update), KEY_UPDATE_MALFORMED, DECODE_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signature_is_found),
        cmocka_unit_test(certificate_verify_has_one_form),
        cmocka_unit_test(finished_is_its_value_with_a_header),
        cmocka_unit_test(every_field_of_a_ticket_is_found),
        cmocka_unit_test(new_session_ticket_has_one_form),
        cmocka_unit_test(key_update_is_one_byte_of_two_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
