/*
 * ext_forms_test.c - each extension in each message: forms that are accepted and forms that are not, with
 * their alert. A test at the end holds the table against the registry, so that no extension is left out.
 */
#include <stdlib.h>

#include "support/expect_fault.h"
#include "support/wire_messages.h"

struct form {
    const char *what;
    enum wire_kind in;
    enum kt_ext ext;
    struct kt_span content;
    enum kt_reason reason; /* KT_REASON_NONE: accepted */
    enum kt_alert alert;
};

#define GOOD(in, ext, content, what)                                                                                   \
    {                                                                                                                  \
        (what), WIRE_##in, KT_EXT_##ext, {(const uint8_t *)(content), sizeof(content) - 1}, KT_REASON_NONE, 0          \
    }
#define BAD(in, ext, content, what)                                                                                    \
    {                                                                                                                  \
        (what), WIRE_##in, KT_EXT_##ext, {(const uint8_t *)(content), sizeof(content) - 1},                            \
            KT_REASON_EXTENSION_MALFORMED, KT_ALERT_DECODE_ERROR                                                       \
    }
#define ILLEGAL(in, ext, content, what, why)                                                                           \
    {                                                                                                                  \
        (what), WIRE_##in, KT_EXT_##ext, {(const uint8_t *)(content), sizeof(content) - 1}, KT_REASON_##why,           \
            KT_ALERT_ILLEGAL_PARAMETER                                                                                 \
    }

#define X16(s)  s s s s s s s s s s s s s s s s
#define BINDER  "\x20" X16("bb")
#define NAME255 X16("abcdefghijklmno") "123456789012345"

static const struct form forms[] = {
    GOOD(CLIENT_HELLO, SERVER_NAME,
         "\0\7\0\0\4"
         "host",
         "one host name"),
    GOOD(CLIENT_HELLO, SERVER_NAME, "\1\2\0\0\xff" NAME255, "a host name of 255 bytes"),
    BAD(CLIENT_HELLO, SERVER_NAME, "", "no list"),
    BAD(CLIENT_HELLO, SERVER_NAME, "\0\0", "an empty list"),
    BAD(CLIENT_HELLO, SERVER_NAME, "\0\3\0\0\0", "an empty name"),
    BAD(CLIENT_HELLO, SERVER_NAME, "\1\3\0\1\0" NAME255 "x", "a name of 256 bytes"),
    BAD(CLIENT_HELLO, SERVER_NAME,
        "\0\7\0\0\4"
        "ho\0t",
        "a NUL in the name"),
    BAD(CLIENT_HELLO, SERVER_NAME,
        "\0\7\1\0\4"
        "host",
        "another type of name"),
    BAD(CLIENT_HELLO, SERVER_NAME,
        "\0\16\0\0\4"
        "host"
        "\0\0\4"
        "more",
        "two names"),
    BAD(CLIENT_HELLO, SERVER_NAME,
        "\0\16\0\0\4"
        "host"
        "\1\0\4"
        "more",
        "a second name of another type"),
    BAD(CLIENT_HELLO, SERVER_NAME,
        "\0\7\0\0\4"
        "host"
        "!",
        "a byte behind the list"),
    BAD(CLIENT_HELLO, SERVER_NAME,
        "\0\7\0\0\5"
        "host",
        "a name longer than the list"),
    BAD(CLIENT_HELLO, SERVER_NAME,
        "\0\x9\0\0\4"
        "host",
        "a list longer than the extension"),
    GOOD(ENCRYPTED_EXTENSIONS, SERVER_NAME, "", "the acknowledgement is empty"),
    BAD(ENCRYPTED_EXTENSIONS, SERVER_NAME, "\0", "an acknowledgement with content"),

    GOOD(CLIENT_HELLO, MAX_FRAGMENT_LENGTH, "\1", "512 bytes"),
    GOOD(CLIENT_HELLO, MAX_FRAGMENT_LENGTH, "\4", "4096 bytes"),
    BAD(CLIENT_HELLO, MAX_FRAGMENT_LENGTH, "", "no code"),
    BAD(CLIENT_HELLO, MAX_FRAGMENT_LENGTH, "\1\1", "two codes"),
    ILLEGAL(CLIENT_HELLO, MAX_FRAGMENT_LENGTH, "\0", "code 0", EXTENSION_MALFORMED),
    ILLEGAL(CLIENT_HELLO, MAX_FRAGMENT_LENGTH, "\5", "code 5", EXTENSION_MALFORMED),
    GOOD(ENCRYPTED_EXTENSIONS, MAX_FRAGMENT_LENGTH, "\2", "1024 bytes"),
    BAD(ENCRYPTED_EXTENSIONS, MAX_FRAGMENT_LENGTH, "", "no code"),
    ILLEGAL(ENCRYPTED_EXTENSIONS, MAX_FRAGMENT_LENGTH, "\5", "code 5", EXTENSION_MALFORMED),

    GOOD(CLIENT_HELLO, STATUS_REQUEST, "\1\0\0\0\0", "OCSP, from anybody"),
    GOOD(CLIENT_HELLO, STATUS_REQUEST, "\1\0\3\0\1r\0\1x", "OCSP, a responder and an extension"),
    GOOD(CLIENT_HELLO, STATUS_REQUEST,
         "\2"
         "what",
         "a type nobody knows"),
    BAD(CLIENT_HELLO, STATUS_REQUEST, "", "no type"),
    BAD(CLIENT_HELLO, STATUS_REQUEST, "\1\0\0\0", "half a request"),
    BAD(CLIENT_HELLO, STATUS_REQUEST, "\1\0\0\0\0\0", "a byte behind"),
    BAD(CLIENT_HELLO, STATUS_REQUEST, "\1\0\2\0\0\0\0", "an empty responder"),
    GOOD(CERTIFICATE_REQUEST, STATUS_REQUEST, "", "the wish is empty"),
    BAD(CERTIFICATE_REQUEST, STATUS_REQUEST, "\1\0\0\0\0", "a wish with content"),
    GOOD(CERTIFICATE, STATUS_REQUEST, "\1\0\0\4ocsp", "a response"),
    BAD(CERTIFICATE, STATUS_REQUEST, "", "no response"),
    BAD(CERTIFICATE, STATUS_REQUEST, "\1\0\0\0", "an empty response"),
    BAD(CERTIFICATE, STATUS_REQUEST, "\2\0\0\4ocsp", "a response of another type"),
    BAD(CERTIFICATE, STATUS_REQUEST, "\1\0\0\4ocsp!", "a byte behind"),
    BAD(CERTIFICATE, STATUS_REQUEST, "\1\0\0\5ocsp", "a response cut short"),

    GOOD(CLIENT_HELLO, SUPPORTED_GROUPS, "\0\2\0\x1d", "one group"),
    BAD(CLIENT_HELLO, SUPPORTED_GROUPS, "", "no list"),
    BAD(CLIENT_HELLO, SUPPORTED_GROUPS, "\0\0", "an empty list"),
    BAD(CLIENT_HELLO, SUPPORTED_GROUPS, "\0\3\0\x1d\0", "half a group"),
    BAD(CLIENT_HELLO, SUPPORTED_GROUPS, "\0\2\0\x1d\0", "a byte behind"),
    GOOD(ENCRYPTED_EXTENSIONS, SUPPORTED_GROUPS, "\0\4\0\x1d\0\x17", "two groups"),
    BAD(ENCRYPTED_EXTENSIONS, SUPPORTED_GROUPS, "\0\0", "an empty list"),

    GOOD(CLIENT_HELLO, EC_POINT_FORMATS, "\1\0", "uncompressed"),
    BAD(CLIENT_HELLO, EC_POINT_FORMATS, "", "no list"),
    BAD(CLIENT_HELLO, EC_POINT_FORMATS, "\0", "an empty list"),
    BAD(CLIENT_HELLO, EC_POINT_FORMATS, "\1\0\0", "a byte behind"),

    GOOD(CLIENT_HELLO, SIGNATURE_ALGORITHMS, "\0\2\4\3", "one scheme"),
    BAD(CLIENT_HELLO, SIGNATURE_ALGORITHMS, "\0\0", "an empty list"),
    BAD(CLIENT_HELLO, SIGNATURE_ALGORITHMS, "\0\1\4", "half a scheme"),
    GOOD(CERTIFICATE_REQUEST, SIGNATURE_ALGORITHMS, "\0\2\4\3", "one scheme"),
    BAD(CERTIFICATE_REQUEST, SIGNATURE_ALGORITHMS, "\0\0", "an empty list"),
    BAD(CERTIFICATE_REQUEST, SIGNATURE_ALGORITHMS, "\0\2\4\3\0", "a byte behind"),
    GOOD(CLIENT_HELLO, SIGNATURE_ALGORITHMS_CERT, "\0\2\4\3", "one scheme"),
    BAD(CLIENT_HELLO, SIGNATURE_ALGORITHMS_CERT, "\0\0", "an empty list"),
    BAD(CLIENT_HELLO, SIGNATURE_ALGORITHMS_CERT, "\0\3\4\3\0", "half a scheme"),
    GOOD(CERTIFICATE_REQUEST, SIGNATURE_ALGORITHMS_CERT, "\0\2\4\3", "one scheme"),
    BAD(CERTIFICATE_REQUEST, SIGNATURE_ALGORITHMS_CERT, "\0\0", "an empty list"),

    GOOD(CLIENT_HELLO, ALPN,
         "\0\x9\2h2\5"
         "spdy1",
         "two names"),
    BAD(CLIENT_HELLO, ALPN, "", "no list"),
    BAD(CLIENT_HELLO, ALPN, "\0\0", "an empty list"),
    BAD(CLIENT_HELLO, ALPN, "\0\1\0", "an empty name"),
    BAD(CLIENT_HELLO, ALPN, "\0\4\2h2\0", "an empty name behind another"),
    BAD(CLIENT_HELLO, ALPN, "\0\3\3h2", "a name longer than the list"),
    BAD(CLIENT_HELLO, ALPN, "\0\3\2h2!", "a byte behind"),
    GOOD(ENCRYPTED_EXTENSIONS, ALPN, "\0\3\2h2", "one name"),
    BAD(ENCRYPTED_EXTENSIONS, ALPN, "\0\0", "an empty list"),
    BAD(ENCRYPTED_EXTENSIONS, ALPN, "\0\1\0", "an empty name"),
    BAD(ENCRYPTED_EXTENSIONS, ALPN, "\0\6\2h2\2h3", "two names"),
    BAD(ENCRYPTED_EXTENSIONS, ALPN, "\0\3\2h2!", "a byte behind"),

    GOOD(CLIENT_HELLO, SCT, "", "the wish is empty"),
    BAD(CLIENT_HELLO, SCT, "\0", "a wish with content"),
    GOOD(CERTIFICATE_REQUEST, SCT, "", "the wish is empty"),
    BAD(CERTIFICATE_REQUEST, SCT, "\0", "a wish with content"),
    GOOD(CERTIFICATE, SCT, "\0\5\0\3sct", "one timestamp"),
    BAD(CERTIFICATE, SCT, "", "no list"),
    BAD(CERTIFICATE, SCT, "\0\0", "an empty list"),
    BAD(CERTIFICATE, SCT, "\0\2\0\0", "an empty timestamp"),
    BAD(CERTIFICATE, SCT, "\0\7\0\3sct\0\0", "an empty timestamp behind another"),
    BAD(CERTIFICATE, SCT, "\0\5\0\3sct!", "a byte behind"),

    GOOD(CLIENT_HELLO, PADDING, "", "no padding"),
    GOOD(CLIENT_HELLO, PADDING, "\0\0\0", "zeros"),
    BAD(CLIENT_HELLO, PADDING, "\0\0\1", "something else than zeros"),

    GOOD(CLIENT_HELLO, EXTENDED_MAIN_SECRET, "", "it is empty"),
    BAD(CLIENT_HELLO, EXTENDED_MAIN_SECRET, "\0", "it has content"),

    GOOD(CLIENT_HELLO, RECORD_SIZE_LIMIT, "\0\x40", "64 bytes"),
    GOOD(CLIENT_HELLO, RECORD_SIZE_LIMIT, "\xff\xff", "more than any record has"),
    BAD(CLIENT_HELLO, RECORD_SIZE_LIMIT, "\1", "one byte"),
    BAD(CLIENT_HELLO, RECORD_SIZE_LIMIT, "\0\x40\0", "three bytes"),
    ILLEGAL(CLIENT_HELLO, RECORD_SIZE_LIMIT, "\0\x3f", "63 bytes", EXTENSION_MALFORMED),
    GOOD(ENCRYPTED_EXTENSIONS, RECORD_SIZE_LIMIT, "\x40\1", "16385 bytes"),
    BAD(ENCRYPTED_EXTENSIONS, RECORD_SIZE_LIMIT, "", "no limit"),
    GOOD(CLIENT_HELLO, TICKET_REQUEST, "\2\1", "two, or one"),
    BAD(CLIENT_HELLO, TICKET_REQUEST, "\2", "one count"),
    BAD(CLIENT_HELLO, TICKET_REQUEST, "\2\1\0", "three counts"),
    GOOD(ENCRYPTED_EXTENSIONS, TICKET_REQUEST, "\2", "two"),
    BAD(ENCRYPTED_EXTENSIONS, TICKET_REQUEST, "", "no count"),
    BAD(ENCRYPTED_EXTENSIONS, TICKET_REQUEST, "\2\1", "two counts"),
    ILLEGAL(ENCRYPTED_EXTENSIONS, RECORD_SIZE_LIMIT, "\0\x3f", "63 bytes", EXTENSION_MALFORMED),

    GOOD(CLIENT_HELLO, SESSION_TICKET, "", "a wish for a ticket"),
    GOOD(CLIENT_HELLO, SESSION_TICKET, "any bytes", "a ticket"),

    GOOD(CLIENT_HELLO, PRE_SHARED_KEY,
         "\0\7\0\1i\0\0\0\0"
         "\0\x21" BINDER,
         "one identity"),
    GOOD(CLIENT_HELLO, PRE_SHARED_KEY,
         "\0\16\0\1i\0\0\0\0\0\1j\0\0\0\0"
         "\0\x42" BINDER BINDER,
         "two identities"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY, "", "no lists"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY, "\0\7\0\1i\0\0\0\0", "no binders"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY,
        "\0\0"
        "\0\x21" BINDER,
        "no identity"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY,
        "\0\7\0\1i\0\0\0\0"
        "\0\0",
        "an empty list of binders"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY,
        "\0\6\0\0\0\0\0\0"
        "\0\x21" BINDER,
        "an empty identity"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY,
        "\0\6\0\1i\0\0\0"
        "\0\x21" BINDER,
        "an age of three bytes"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY,
        "\0\7\0\1i\0\0\0\0"
        "\0\x20\x1f" X16("b") "fifteen bytes..",
        "a binder of 31 bytes"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY,
        "\0\7\0\1i\0\0\0\0"
        "\0\x22" BINDER "\1",
        "a binder longer than the list"),
    BAD(CLIENT_HELLO, PRE_SHARED_KEY,
        "\0\7\0\1i\0\0\0\0"
        "\0\x21" BINDER "!",
        "a byte behind"),
    ILLEGAL(CLIENT_HELLO, PRE_SHARED_KEY,
            "\0\7\0\1i\0\0\0\0"
            "\0\x42" BINDER BINDER,
            "a binder too many", PSK_BINDER_COUNT),
    ILLEGAL(CLIENT_HELLO, PRE_SHARED_KEY,
            "\0\16\0\1i\0\0\0\0\0\1j\0\0\0\0"
            "\0\x21" BINDER,
            "a binder too few", PSK_BINDER_COUNT),
    GOOD(SERVER_HELLO, PRE_SHARED_KEY, "\0\1", "an index"),
    BAD(SERVER_HELLO, PRE_SHARED_KEY, "\0", "half an index"),
    BAD(SERVER_HELLO, PRE_SHARED_KEY, "\0\1\0", "a byte behind"),

    GOOD(CLIENT_HELLO, EARLY_DATA, "", "it is empty"),
    BAD(CLIENT_HELLO, EARLY_DATA, "\0", "it has content"),
    GOOD(ENCRYPTED_EXTENSIONS, EARLY_DATA, "", "it is empty"),
    BAD(ENCRYPTED_EXTENSIONS, EARLY_DATA, "\0", "it has content"),
    GOOD(NEW_SESSION_TICKET, EARLY_DATA, "\0\0\x40\0", "a size"),
    BAD(NEW_SESSION_TICKET, EARLY_DATA, "", "no size"),
    BAD(NEW_SESSION_TICKET, EARLY_DATA, "\0\0\x40\0\0", "a byte behind"),

    GOOD(CLIENT_HELLO, SUPPORTED_VERSIONS, "\4\3\4\3\3", "two versions"),
    BAD(CLIENT_HELLO, SUPPORTED_VERSIONS, "", "no list"),
    BAD(CLIENT_HELLO, SUPPORTED_VERSIONS, "\0", "an empty list"),
    BAD(CLIENT_HELLO, SUPPORTED_VERSIONS, "\3\3\4\3", "half a version"),
    BAD(CLIENT_HELLO, SUPPORTED_VERSIONS, "\2\3\4\3", "a byte behind"),
    GOOD(SERVER_HELLO, SUPPORTED_VERSIONS, "\3\4", "a version"),
    BAD(SERVER_HELLO, SUPPORTED_VERSIONS, "\3", "half a version"),
    BAD(SERVER_HELLO, SUPPORTED_VERSIONS, "\2\3\4", "a list"),
    GOOD(RETRY, SUPPORTED_VERSIONS, "\3\4", "a version"),
    BAD(RETRY, SUPPORTED_VERSIONS, "", "no version"),

    GOOD(CLIENT_HELLO, COOKIE, "\0\1c", "a cookie"),
    BAD(CLIENT_HELLO, COOKIE, "\0\0", "an empty cookie"),
    BAD(CLIENT_HELLO, COOKIE, "\0\1c!", "a byte behind"),
    GOOD(RETRY, COOKIE, "\0\1c", "a cookie"),
    BAD(RETRY, COOKIE, "\0\0", "an empty cookie"),
    BAD(RETRY, COOKIE, "\0\2c", "a cookie cut short"),

    GOOD(CLIENT_HELLO, PSK_KEY_EXCHANGE_MODES, "\1\1", "with a key exchange"),
    BAD(CLIENT_HELLO, PSK_KEY_EXCHANGE_MODES, "", "no list"),
    BAD(CLIENT_HELLO, PSK_KEY_EXCHANGE_MODES, "\0", "an empty list"),
    BAD(CLIENT_HELLO, PSK_KEY_EXCHANGE_MODES, "\1\1\1", "a byte behind"),

    GOOD(CLIENT_HELLO, CERTIFICATE_AUTHORITIES, "\0\4\0\2dn", "a name"),
    BAD(CLIENT_HELLO, CERTIFICATE_AUTHORITIES, "\0\0", "an empty list"),
    BAD(CLIENT_HELLO, CERTIFICATE_AUTHORITIES, "\0\2\0\0", "an empty name"),
    BAD(CLIENT_HELLO, CERTIFICATE_AUTHORITIES, "\0\4\0\2dn!", "a byte behind"),
    GOOD(CERTIFICATE_REQUEST, CERTIFICATE_AUTHORITIES, "\0\x8\0\2dn\0\2dm", "two names"),
    BAD(CERTIFICATE_REQUEST, CERTIFICATE_AUTHORITIES, "\0\0", "an empty list"),
    BAD(CERTIFICATE_REQUEST, CERTIFICATE_AUTHORITIES, "\0\6\0\2dn\0\0", "an empty name behind another"),

    GOOD(CERTIFICATE_REQUEST, OID_FILTERS, "\0\0", "an empty list"),
    GOOD(CERTIFICATE_REQUEST, OID_FILTERS, "\0\4\1o\0\0", "a filter without values"),
    GOOD(CERTIFICATE_REQUEST, OID_FILTERS, "\0\5\1o\0\1v", "a filter"),
    BAD(CERTIFICATE_REQUEST, OID_FILTERS, "", "no list"),
    BAD(CERTIFICATE_REQUEST, OID_FILTERS, "\0\3\0\0\0", "an empty identifier"),
    BAD(CERTIFICATE_REQUEST, OID_FILTERS, "\0\2\1o", "no values"),
    BAD(CERTIFICATE_REQUEST, OID_FILTERS, "\0\1\2", "an identifier longer than the list"),
    BAD(CERTIFICATE_REQUEST, OID_FILTERS, "\0\5\1o\0\1v!", "a byte behind"),

    GOOD(CLIENT_HELLO, POST_HANDSHAKE_AUTH, "", "it is empty"),
    BAD(CLIENT_HELLO, POST_HANDSHAKE_AUTH, "\0", "it has content"),

    GOOD(CLIENT_HELLO, KEY_SHARE, "\0\0", "no share: a wish for a HelloRetryRequest"),
    GOOD(CLIENT_HELLO, KEY_SHARE, "\0\5\0\x1d\0\1k", "a share"),
    GOOD(CLIENT_HELLO, KEY_SHARE, "\0\12\0\x1d\0\1k\0\x17\0\1k", "two shares"),
    BAD(CLIENT_HELLO, KEY_SHARE, "", "no list"),
    BAD(CLIENT_HELLO, KEY_SHARE, "\0\4\0\x1d\0\0", "an empty share"),
    BAD(CLIENT_HELLO, KEY_SHARE, "\0\11\0\x1d\0\1k\0\x17\0\0", "an empty share behind another"),
    BAD(CLIENT_HELLO, KEY_SHARE, "\0\6\0\x1d\0\1k\0", "a byte in the list"),
    BAD(CLIENT_HELLO, KEY_SHARE, "\0\5\0\x1d\0\1k\0", "a byte behind"),
    ILLEGAL(CLIENT_HELLO, KEY_SHARE, "\0\12\0\x1d\0\1k\0\x1d\0\1l", "two shares of a group", KEY_SHARE_DUPLICATE),
    GOOD(SERVER_HELLO, KEY_SHARE, "\0\x1d\0\1k", "a share"),
    BAD(SERVER_HELLO, KEY_SHARE, "\0\x1d", "a group without share"),
    BAD(SERVER_HELLO, KEY_SHARE, "\0\x1d\0\0", "an empty share"),
    BAD(SERVER_HELLO, KEY_SHARE, "\0\x1d\0\1k!", "a byte behind"),
    GOOD(RETRY, KEY_SHARE, "\0\x1d", "a group"),
    BAD(RETRY, KEY_SHARE, "\0", "half a group"),
    BAD(RETRY, KEY_SHARE, "\0\x1d\0\1k", "a share"),

    GOOD(CLIENT_HELLO, RENEGOTIATION_INFO, "\0", "the first handshake"),
    GOOD(CLIENT_HELLO, RENEGOTIATION_INFO, "\1x", "a binding"),
    BAD(CLIENT_HELLO, RENEGOTIATION_INFO, "", "no binding"),
    BAD(CLIENT_HELLO, RENEGOTIATION_INFO, "\0\0", "a byte behind"),

    GOOD(CLIENT_HELLO, ENCRYPT_THEN_MAC, "", "there"),
    BAD(CLIENT_HELLO, ENCRYPT_THEN_MAC, "\0", "not empty"),

    GOOD(SERVER_HELLO12, SERVER_NAME, "", "the name was used"),
    BAD(SERVER_HELLO12, SERVER_NAME, "\0", "not empty"),
    GOOD(SERVER_HELLO12, MAX_FRAGMENT_LENGTH, "\4", "4096"),
    BAD(SERVER_HELLO12, MAX_FRAGMENT_LENGTH, "", "no code"),
    BAD(SERVER_HELLO12, MAX_FRAGMENT_LENGTH, "\4\4", "a byte behind"),
    ILLEGAL(SERVER_HELLO12, MAX_FRAGMENT_LENGTH, "\5", "an unknown code", EXTENSION_MALFORMED),
    GOOD(SERVER_HELLO12, STATUS_REQUEST, "", "a CertificateStatus will come"),
    BAD(SERVER_HELLO12, STATUS_REQUEST, "\1", "not empty"),
    GOOD(SERVER_HELLO12, EC_POINT_FORMATS, "\1\0", "uncompressed"),
    GOOD(SERVER_HELLO12, EC_POINT_FORMATS, "\3\1\2\0", "uncompressed among others"),
    BAD(SERVER_HELLO12, EC_POINT_FORMATS, "\0", "an empty list"),
    BAD(SERVER_HELLO12, EC_POINT_FORMATS, "\1\0\0", "a byte behind"),
    ILLEGAL(SERVER_HELLO12, EC_POINT_FORMATS, "\2\1\2", "others only", EXTENSION_MALFORMED),
    GOOD(SERVER_HELLO12, ALPN, "\0\3\2h2", "one name"),
    BAD(SERVER_HELLO12, ALPN, "\0\0", "none"),
    BAD(SERVER_HELLO12, ALPN, "\0\1\0", "an empty name"),
    BAD(SERVER_HELLO12, ALPN, "\0\6\2h2\2h3", "two names"),
    GOOD(SERVER_HELLO12, SCT, "\0\4\0\2st", "one timestamp"),
    BAD(SERVER_HELLO12, SCT, "\0\0", "none"),
    BAD(SERVER_HELLO12, SCT, "\0\2\0\0", "an empty timestamp"),
    GOOD(SERVER_HELLO12, ENCRYPT_THEN_MAC, "", "there"),
    BAD(SERVER_HELLO12, ENCRYPT_THEN_MAC, "\0", "not empty"),
    GOOD(SERVER_HELLO12, EXTENDED_MAIN_SECRET, "", "there"),
    BAD(SERVER_HELLO12, EXTENDED_MAIN_SECRET, "\0", "not empty"),
    GOOD(SERVER_HELLO12, RECORD_SIZE_LIMIT, "\0\x40", "the least"),
    BAD(SERVER_HELLO12, RECORD_SIZE_LIMIT, "\x40", "half a limit"),
    ILLEGAL(SERVER_HELLO12, RECORD_SIZE_LIMIT, "\0\x3f", "less than 64", EXTENSION_MALFORMED),
    GOOD(SERVER_HELLO12, SESSION_TICKET, "", "a ticket will come"),
    BAD(SERVER_HELLO12, SESSION_TICKET, "t", "not empty"),
    GOOD(SERVER_HELLO12, RENEGOTIATION_INFO, "\0", "the first handshake"),
    GOOD(SERVER_HELLO12, RENEGOTIATION_INFO, "\2xy", "a binding"),
    BAD(SERVER_HELLO12, RENEGOTIATION_INFO, "", "no binding"),
    BAD(SERVER_HELLO12, RENEGOTIATION_INFO, "\1xy", "a byte behind"),
};

static const struct kt_fault *decode_form(const struct form *form, union wire_message *out)
{
    uint8_t bytes[512];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);
    const struct kt_fault *fault;
    struct kt_span body;

    kt_put_u16(&w, kt_ext_number(form->ext));
    kt_put_vec(&w, 2, form->content);
    assert_true(kt_writer_finish(&w));
    body = wire_body_with(form->in, kt_writer_span(&w));
    fault = wire_decode(form->in, body, UINT32_MAX, out);
    free((void *)(uintptr_t)body.p);
    return fault;
}

static void each_form_is_judged(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(forms); i++) {
        union wire_message out;
        const struct kt_fault *fault = decode_form(&forms[i], &out);
        enum kt_reason reason = fault == NULL ? KT_REASON_NONE : (enum kt_reason)fault->reason;

        if (reason != forms[i].reason || (fault != NULL && fault->alert != forms[i].alert)) {
            fail_msg("%s, extension %u, %s: %s", wire_name(forms[i].in), (unsigned)kt_ext_number(forms[i].ext),
                     forms[i].what, kt_reason_name(reason));
        }
    }
}

static bool has_row(enum wire_kind in, enum kt_ext ext, bool accepted)
{
    for (size_t i = 0; i < KT_COUNT_OF(forms); i++) {
        if (forms[i].in == in && forms[i].ext == ext && (forms[i].reason == KT_REASON_NONE) == accepted) {
            return true;
        }
    }
    return false;
}

static void the_table_above_leaves_nothing_out(void **state)
{
    (void)state;
    for (unsigned in = 0; in < WIRE_CERTIFICATE_VERIFY; in++) {
        for (unsigned ext = 0; ext < KT_EXT_COUNT; ext++) {
            bool allowed = (kt_ext_messages((enum kt_ext)ext) & wire_home((enum wire_kind)in)) != 0;
            bool any_content_will_do = ext == KT_EXT_SESSION_TICKET && in == WIRE_CLIENT_HELLO;

            assert_int_equal(has_row((enum wire_kind)in, (enum kt_ext)ext, true), allowed);
            assert_int_equal(has_row((enum wire_kind)in, (enum kt_ext)ext, false), allowed && !any_content_will_do);
        }
    }
}

static void a_wish_for_another_status_is_none(void **state)
{
    const struct form other = GOOD(CLIENT_HELLO, STATUS_REQUEST,
                                   "\2"
                                   "what",
                                   "");
    const struct form ocsp = GOOD(CLIENT_HELLO, STATUS_REQUEST, "\1\0\0\0\0", "");
    union wire_message out;

    (void)state;
    expect_success(decode_form(&other, &out));
    assert_int_equal(out.client_hello.seen, 0);
    expect_success(decode_form(&ocsp, &out));
    assert_int_equal(out.client_hello.seen, KT_EXT_BIT(STATUS_REQUEST));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_form_is_judged),
        cmocka_unit_test(the_table_above_leaves_nothing_out),
        cmocka_unit_test(a_wish_for_another_status_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
