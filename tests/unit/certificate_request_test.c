/* CertificateRequest. */
#include "support/expect_fault.h"
#include "support/wire_messages.h"

#define SCHEMES           "\0\15\0\4\0\2\x08\x07"

#define DECODE(text, out) kt_certificate_request_decode(KT_SPAN_TEXT(text), (out))

static void every_field_is_found(void **state)
{
    struct kt_certificate_request request;

    (void)state;
    expect_success(
        DECODE("\3ctx"
               "\0\45" SCHEMES "\0\57\0\6\0\4\0\2dn"
               "\0\60\0\7\0\5\1o\0\1v"
               "\0\62\0\4\0\2\4\3",
               &request));
    assert_true(kt_span_same(request.context, KT_SPAN_TEXT("ctx")));
    assert_int_equal(kt_id_list_at(request.schemes, 0), KT_SCHEME_ED25519);
    assert_int_equal(kt_id_list_at(request.cert_schemes, 0), KT_SCHEME_ECDSA_SECP256R1_SHA256);
    assert_true(kt_span_same(request.authorities, KT_SPAN_TEXT("\0\2dn")));
    assert_true(kt_span_same(request.oid_filters, KT_SPAN_TEXT("\1o\0\1v")));
}

/* RFC 9846 section 4.4.2: all other extensions are optional. */
static void schemes_must_be_there(void **state)
{
    struct kt_certificate_request request;

    (void)state;
    expect_success(DECODE("\0\0\x8" SCHEMES, &request));
    expect_fault(DECODE("\0\0\0", &request), EXTENSION_MISSING, MISSING_EXTENSION);
    expect_fault(DECODE("\0\0\4\0\5\0\0", &request), EXTENSION_MISSING, MISSING_EXTENSION);
}

static void the_fixed_part_has_one_form(void **state)
{
    struct kt_certificate_request request;

    (void)state;
    expect_fault(DECODE("", &request), CERTIFICATE_REQUEST_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\1", &request), CERTIFICATE_REQUEST_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\0", &request), CERTIFICATE_REQUEST_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\0\0\x8" SCHEMES "!", &request), CERTIFICATE_REQUEST_MALFORMED, DECODE_ERROR);
    expect_fault(DECODE("\0\0\x9" SCHEMES "!", &request), CERTIFICATE_REQUEST_MALFORMED, DECODE_ERROR);
}

static void a_reserved_extension_is_written_first(void **state)
{
    const struct kt_certificate_request request = {
        .seen = KT_EXT_BIT(SIGNATURE_ALGORITHMS),
        .schemes = {KT_SPAN_TEXT("\x08\x07")},
        .grease_ext = 0x3a3a,
    };
    static const char expected[] =
        "\15\0\0\17"
        "\0\0\14"
        "\x3a\x3a\0\0" SCHEMES;
    uint8_t bytes[64];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

    (void)state;
    kt_certificate_request_encode(&w, &request);
    assert_true(kt_writer_finish(&w));
    assert_int_equal(w.len, sizeof expected - 1);
    assert_memory_equal(bytes, expected, sizeof expected - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_found),
        cmocka_unit_test(schemes_must_be_there),
        cmocka_unit_test(the_fixed_part_has_one_form),
        cmocka_unit_test(a_reserved_extension_is_written_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
