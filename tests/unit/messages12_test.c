/* The messages that only TLS 1.2 and below has, or has in another form. */
#include "support/expect_fault.h"
#include "support/wire_messages.h"

static void empty_messages_are_empty(void **state)
{
    uint8_t bytes[8];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

    (void)state;
    expect_success(kt_empty12_decode(kt_span_of(NULL, 0)));
    expect_fault(kt_empty12_decode(KT_SPAN_TEXT("\0")), MESSAGE_TRAILING_BYTES, DECODE_ERROR);
    kt_hello_request_encode(&w);
    kt_server_hello_done_encode(&w);
    assert_true(kt_writer_finish(&w));
    assert_int_equal(w.len, 8);
    assert_memory_equal(bytes, "\0\0\0\0\16\0\0\0", 8);
}

/* A text of up to 15 bytes that is one body each. */
struct body {
    const char *bytes;
    size_t len;
};
#define BODY(text)                                                                                                     \
    {                                                                                                                  \
        (text), sizeof(text) - 1                                                                                       \
    }

static struct kt_span span_of(const struct body *body)
{
    return kt_span_of((const uint8_t *)body->bytes, body->len);
}

static void a_chain_is_found(void **state)
{
    struct kt_certificate certificate;

    (void)state;
    expect_success(kt_certificate12_decode(KT_SPAN_TEXT("\0\0\14\0\0\4leaf\0\0\2ca"), &certificate));
    assert_int_equal(certificate.chain_len, 2);
    assert_true(kt_span_same(certificate.chain[0], KT_SPAN_TEXT("leaf")));
    assert_true(kt_span_same(certificate.chain[1], KT_SPAN_TEXT("ca")));
    expect_success(kt_certificate12_decode(KT_SPAN_TEXT("\0\0\0"), &certificate));
    assert_int_equal(certificate.chain_len, 0);
}

static void a_chain_has_one_form(void **state)
{
    static const struct body bad[] = {
        BODY(""), BODY("\0\0"), BODY("\0\0\1"), BODY("\0\0\0\0"), BODY("\0\0\3\0\0\0"), BODY("\0\0\4\0\0\2c"),
    };
    struct kt_certificate certificate;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_fault(kt_certificate12_decode(span_of(&bad[i]), &certificate), CERTIFICATE_MALFORMED, DECODE_ERROR);
    }
}

static void a_chain_is_not_endless(void **state)
{
    uint8_t bytes[128];
    struct kt_certificate certificate;

    (void)state;
    for (size_t count = KT_CHAIN_MAX; count <= KT_CHAIN_MAX + 1; count++) {
        struct kt_writer w = kt_writer_over(bytes, sizeof bytes);
        const struct kt_fault *fault;

        kt_writer_open(&w, 3);
        for (size_t i = 0; i < count; i++) {
            kt_put_vec(&w, 3, KT_SPAN_TEXT("c"));
        }
        kt_writer_close(&w);
        fault = kt_certificate12_decode(kt_writer_span(&w), &certificate);
        if (count == KT_CHAIN_MAX) {
            expect_success(fault);
        } else {
            expect_fault(fault, CERTIFICATE_CHAIN_TOO_LONG, BAD_CERTIFICATE);
        }
    }
}

static void a_status_is_an_ocsp_response(void **state)
{
    static const struct body bad[] = {
        BODY(""), BODY("\1"), BODY("\1\0\0\0"), BODY("\1\0\0\5ocsp"), BODY("\1\0\0\3ocsp"), BODY("\2\0\0\4ocsp"),
    };
    struct kt_certificate_status status;

    (void)state;
    expect_success(kt_certificate_status_decode(KT_SPAN_TEXT("\1\0\0\4ocsp"), &status));
    assert_true(kt_span_same(status.ocsp_response, KT_SPAN_TEXT("ocsp")));
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_fault(kt_certificate_status_decode(span_of(&bad[i]), &status), CERTIFICATE_STATUS_MALFORMED,
                     DECODE_ERROR);
    }
}

static void the_point_of_a_named_curve_is_found(void **state)
{
    struct kt_server_key_exchange m;

    (void)state;
    expect_success(
        kt_server_key_exchange_decode(KT_SPAN_TEXT("\3\0\x1d\5point\4\3\0\3sig"), KT_KX_ECDHE, KT_TLS_1_2, &m));
    assert_int_equal(m.group, KT_GROUP_X25519);
    assert_true(kt_span_same(m.point, KT_SPAN_TEXT("point")));
    assert_true(kt_span_same(m.params, KT_SPAN_TEXT("\3\0\x1d\5point")));
    assert_int_equal(m.scheme, KT_SCHEME_ECDSA_SECP256R1_SHA256);
    assert_true(kt_span_same(m.signature, KT_SPAN_TEXT("sig")));
    expect_success(kt_server_key_exchange_decode(KT_SPAN_TEXT("\3\0\x1d\5point\0\3sig"), KT_KX_ECDHE, KT_TLS_1_1, &m));
    assert_int_equal(m.scheme, 0);
    assert_true(kt_span_same(m.signature, KT_SPAN_TEXT("sig")));
}

static void the_values_of_a_prime_are_found(void **state)
{
    struct kt_server_key_exchange m;

    (void)state;
    expect_success(
        kt_server_key_exchange_decode(KT_SPAN_TEXT("\0\1p\0\2gg\0\3Ysv\4\1\0\1s"), KT_KX_DHE, KT_TLS_1_2, &m));
    assert_true(kt_span_same(m.p, KT_SPAN_TEXT("p")) && kt_span_same(m.g, KT_SPAN_TEXT("gg")));
    assert_true(kt_span_same(m.share, KT_SPAN_TEXT("Ysv")));
    assert_true(kt_span_same(m.params, KT_SPAN_TEXT("\0\1p\0\2gg\0\3Ysv")));
    assert_int_equal(m.scheme, KT_SCHEME_RSA_PKCS1_SHA256);
    assert_true(kt_span_same(m.signature, KT_SPAN_TEXT("s")));
}

/* RFC 8422 section 5.4: a described curve is nobody's choice any more. */
static void a_curve_is_named_and_never_described(void **state)
{
    struct kt_server_key_exchange m;

    (void)state;
    expect_fault(kt_server_key_exchange_decode(KT_SPAN_TEXT("\1\0\1p"), KT_KX_ECDHE, KT_TLS_1_2, &m), GROUP_NOT_NAMED,
                 ILLEGAL_PARAMETER);
    expect_fault(kt_server_key_exchange_decode(KT_SPAN_TEXT("\2\0\1m"), KT_KX_ECDHE, KT_TLS_1_2, &m), GROUP_NOT_NAMED,
                 ILLEGAL_PARAMETER);
}

static void a_server_key_exchange_has_one_form(void **state)
{
    static const struct {
        struct body body;
        enum kt_kx kx;
        uint16_t version;
    } bad[] = {
        {BODY(""), KT_KX_ECDHE, KT_TLS_1_2},
        {BODY("\0\0\x1d\1p\4\3\0\1s"), KT_KX_ECDHE, KT_TLS_1_2},  /* no type of a curve */
        {BODY("\4\0\x1d\1p\4\3\0\1s"), KT_KX_ECDHE, KT_TLS_1_2},  /* likewise */
        {BODY("\3\0\x1d\0\4\3\0\1s"), KT_KX_ECDHE, KT_TLS_1_2},   /* no point */
        {BODY("\3\0\x1d\1p"), KT_KX_ECDHE, KT_TLS_1_2},           /* not signed */
        {BODY("\3\0\x1d\1p\0\1s"), KT_KX_ECDHE, KT_TLS_1_2},      /* no scheme */
        {BODY("\3\0\x1d\1p\4\3\0\1s"), KT_KX_ECDHE, KT_TLS_1_1},  /* one where there is none */
        {BODY("\3\0\x1d\1p\4\3\0\1s!"), KT_KX_ECDHE, KT_TLS_1_2}, /* a byte behind */
        {BODY("\0\0\0\1g\0\1y\4\1\0\1s"), KT_KX_DHE, KT_TLS_1_2}, /* no prime */
        {BODY("\0\1p\0\0\0\1y\4\1\0\1s"), KT_KX_DHE, KT_TLS_1_2}, /* no generator */
        {BODY("\0\1p\0\1g\0\0\4\1\0\1s"), KT_KX_DHE, KT_TLS_1_2}, /* no value */
        {BODY("\0\1p\0\1g\0\1y"), KT_KX_DHE, KT_TLS_1_2},         /* not signed */
    };
    struct kt_server_key_exchange m;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_fault(kt_server_key_exchange_decode(span_of(&bad[i].body), bad[i].kx, bad[i].version, &m),
                     SERVER_KEY_EXCHANGE_MALFORMED, DECODE_ERROR);
    }
}

static void every_field_of_a_request_is_found(void **state)
{
    struct kt_certificate_request12 m;

    (void)state;
    expect_success(kt_certificate_request12_decode(KT_SPAN_TEXT("\2\1\x40\0\2\4\3\0\4\0\2dn"), KT_TLS_1_2, &m));
    assert_true(kt_span_same(m.types, KT_SPAN_TEXT("\1\x40")));
    assert_int_equal(kt_id_list_at(m.schemes, 0), KT_SCHEME_ECDSA_SECP256R1_SHA256);
    assert_true(kt_span_same(m.authorities, KT_SPAN_TEXT("\0\2dn")));
    expect_success(kt_certificate_request12_decode(KT_SPAN_TEXT("\1\1\0\0"), KT_TLS_1_1, &m));
    assert_int_equal(kt_id_list_count(m.schemes), 0);
    assert_int_equal(m.authorities.len, 0);
}

static void a_request_has_one_form(void **state)
{
    static const struct {
        struct body body;
        uint16_t version;
    } bad[] = {
        {BODY(""), KT_TLS_1_2},
        {BODY("\0\0\2\4\3\0\0"), KT_TLS_1_2},     /* no type */
        {BODY("\1\1\0\0\0\0"), KT_TLS_1_2},       /* no scheme */
        {BODY("\1\1\0\3\4\3\4\0\0"), KT_TLS_1_2}, /* half a scheme */
        {BODY("\1\1\0\2\4\3"), KT_TLS_1_2},       /* no list of authorities */
        {BODY("\1\1\0\2\0\0"), KT_TLS_1_1},       /* an empty authority */
        {BODY("\1\1\0\0\0"), KT_TLS_1_1},         /* a byte behind */
    };
    struct kt_certificate_request12 m;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_fault(kt_certificate_request12_decode(span_of(&bad[i].body), bad[i].version, &m),
                     CERTIFICATE_REQUEST_MALFORMED, DECODE_ERROR);
    }
}

static void a_clients_value_has_the_length_of_its_kind(void **state)
{
    static const struct {
        struct body body;
        enum kt_kx kx;
    } bad[] = {
        {BODY(""), KT_KX_ECDHE},     {BODY("\0"), KT_KX_ECDHE}, {BODY("\1pp"), KT_KX_ECDHE},
        {BODY("\2p"), KT_KX_ECDHE},  {BODY("\0\0"), KT_KX_DHE}, {BODY("\1y"), KT_KX_DHE},
        {BODY("\0\1yy"), KT_KX_DHE}, {BODY("\0\0"), KT_KX_RSA}, {BODY("\0\2c"), KT_KX_RSA},
        {BODY("cipher"), KT_KX_RSA},
    };
    struct kt_client_key_exchange m;

    (void)state;
    expect_success(kt_client_key_exchange_decode(KT_SPAN_TEXT("\5point"), KT_KX_ECDHE, &m));
    assert_true(kt_span_same(m.value, KT_SPAN_TEXT("point")));
    expect_success(kt_client_key_exchange_decode(KT_SPAN_TEXT("\0\2Yc"), KT_KX_DHE, &m));
    assert_true(kt_span_same(m.value, KT_SPAN_TEXT("Yc")));
    expect_success(kt_client_key_exchange_decode(KT_SPAN_TEXT("\0\6cipher"), KT_KX_RSA, &m));
    assert_true(kt_span_same(m.value, KT_SPAN_TEXT("cipher")));
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_fault(kt_client_key_exchange_decode(span_of(&bad[i].body), bad[i].kx, &m), CLIENT_KEY_EXCHANGE_MALFORMED,
                     DECODE_ERROR);
    }
}

static void a_signature_names_its_scheme_in_tls12_only(void **state)
{
    struct kt_certificate_verify m;

    (void)state;
    expect_success(kt_certificate_verify12_decode(KT_SPAN_TEXT("\4\1\0\3sig"), KT_TLS_1_2, &m));
    assert_int_equal(m.scheme, KT_SCHEME_RSA_PKCS1_SHA256);
    assert_true(kt_span_same(m.signature, KT_SPAN_TEXT("sig")));
    expect_success(kt_certificate_verify12_decode(KT_SPAN_TEXT("\0\3sig"), KT_TLS_1_0, &m));
    assert_int_equal(m.scheme, 0);
    expect_fault(kt_certificate_verify12_decode(KT_SPAN_TEXT("\4\1\0\3sig"), KT_TLS_1_0, &m),
                 CERTIFICATE_VERIFY_MALFORMED, DECODE_ERROR);
    expect_fault(kt_certificate_verify12_decode(KT_SPAN_TEXT("\4\1\0\2sig"), KT_TLS_1_2, &m),
                 CERTIFICATE_VERIFY_MALFORMED, DECODE_ERROR);
}

static void a_ticket_may_be_empty(void **state)
{
    static const struct body bad[] = {BODY(""), BODY("\0\0\0\1"), BODY("\0\0\0\1\0\2t"), BODY("\0\0\0\1\0\0t")};
    struct kt_new_session_ticket12 m;

    (void)state;
    expect_success(kt_new_session_ticket12_decode(KT_SPAN_TEXT("\0\0\x1c\x20\0\3tic"), &m));
    assert_int_equal(m.lifetime_hint, 7200);
    assert_true(kt_span_same(m.ticket, KT_SPAN_TEXT("tic")));
    expect_success(kt_new_session_ticket12_decode(KT_SPAN_TEXT("\0\0\0\0\0\0"), &m));
    assert_int_equal(m.ticket.len, 0);
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        expect_fault(kt_new_session_ticket12_decode(span_of(&bad[i]), &m), NEW_SESSION_TICKET_MALFORMED, DECODE_ERROR);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(empty_messages_are_empty),
        cmocka_unit_test(a_chain_is_found),
        cmocka_unit_test(a_chain_has_one_form),
        cmocka_unit_test(a_chain_is_not_endless),
        cmocka_unit_test(a_status_is_an_ocsp_response),
        cmocka_unit_test(the_point_of_a_named_curve_is_found),
        cmocka_unit_test(the_values_of_a_prime_are_found),
        cmocka_unit_test(a_curve_is_named_and_never_described),
        cmocka_unit_test(a_server_key_exchange_has_one_form),
        cmocka_unit_test(every_field_of_a_request_is_found),
        cmocka_unit_test(a_request_has_one_form),
        cmocka_unit_test(a_clients_value_has_the_length_of_its_kind),
        cmocka_unit_test(a_signature_names_its_scheme_in_tls12_only),
        cmocka_unit_test(a_ticket_may_be_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
