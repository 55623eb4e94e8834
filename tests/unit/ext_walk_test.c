/* The rules that hold for every extension, in every message. */
#include <stdlib.h>

#include "support/expect_fault.h"
#include "support/wire_messages.h"
#include "wire/ext.h"

enum { HOMES = WIRE_CERTIFICATE_VERIFY, UNKNOWN = 0x1234 };

static bool is_answer(enum wire_kind in)
{
    return (wire_home(in) & (IN_SH | IN_SH12 | IN_HRR | IN_EE | IN_CT)) != 0;
}

static const struct kt_fault *decode_block(enum wire_kind in, struct kt_span block, uint32_t offered)
{
    struct kt_span body = wire_body_with(in, block);
    union wire_message out;
    const struct kt_fault *fault = wire_decode(in, body, offered, &out);

    free((void *)(uintptr_t)body.p);
    return fault;
}

/* Extensions without content. */
static struct kt_span block_of(uint8_t *bytes, size_t cap, const uint16_t *numbers, size_t count)
{
    struct kt_writer w = kt_writer_over(bytes, cap);

    for (size_t i = 0; i < count; i++) {
        kt_put_u16(&w, numbers[i]);
        kt_put_u16(&w, 0);
    }
    assert_true(kt_writer_finish(&w));
    return kt_writer_span(&w);
}

#define BLOCK(...)                                                                                                     \
    block_of((uint8_t[64]){0}, 64, (const uint16_t[]){__VA_ARGS__},                                                    \
             sizeof((const uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static void unknown_extensions_are_ignored_in_offers_only(void **state)
{
    (void)state;
    for (unsigned in = 0; in < HOMES; in++) {
        const struct kt_fault *fault = decode_block((enum wire_kind)in, BLOCK(UNKNOWN, 0x1a1a), UINT32_MAX);

        if (is_answer((enum wire_kind)in)) {
            expect_fault(fault, EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
        } else {
            expect_success(fault);
        }
    }
}

static void a_second_one_is_refused_also_when_unknown(void **state)
{
    (void)state;
    expect_fault(decode_block(WIRE_CLIENT_HELLO, BLOCK(UNKNOWN, 1 + UNKNOWN, UNKNOWN), 0), EXTENSION_DUPLICATE,
                 ILLEGAL_PARAMETER);
    expect_fault(decode_block(WIRE_CERTIFICATE_REQUEST, BLOCK(65535, 65535), 0), EXTENSION_DUPLICATE,
                 ILLEGAL_PARAMETER);
    expect_fault(decode_block(WIRE_NEW_SESSION_TICKET, BLOCK(2, 2), 0), EXTENSION_DUPLICATE, ILLEGAL_PARAMETER);
    expect_fault(decode_block(WIRE_CLIENT_HELLO, BLOCK(23, UNKNOWN, 23), 0), EXTENSION_DUPLICATE, ILLEGAL_PARAMETER);
    expect_fault(decode_block(WIRE_ENCRYPTED_EXTENSIONS, BLOCK(0, 0), UINT32_MAX), EXTENSION_DUPLICATE,
                 ILLEGAL_PARAMETER);
}

/* Its bit is taken out of `seen`, but that must not hide a second one. */
static void a_second_status_request_of_unknown_type_is_refused(void **state)
{
    static const uint8_t twice[] = {0, 5, 0, 1, 2, 0, 5, 0, 1, 2};

    (void)state;
    expect_fault(decode_block(WIRE_CLIENT_HELLO, kt_span_of(twice, sizeof twice), 0), EXTENSION_DUPLICATE,
                 ILLEGAL_PARAMETER);
}

static void known_extensions_stand_only_where_they_may(void **state)
{
    (void)state;
    for (unsigned in = 0; in < HOMES; in++) {
        for (unsigned ext = 0; ext < KT_EXT_COUNT; ext++) {
            const struct kt_fault *fault =
                decode_block((enum wire_kind)in, BLOCK(kt_ext_number((enum kt_ext)ext)), UINT32_MAX);

            if (in == WIRE_SERVER_HELLO12 && ext == KT_EXT_SUPPORTED_VERSIONS) {
                continue; /* then it is one of TLS 1.3 */
            }
            if ((kt_ext_messages((enum kt_ext)ext) & wire_home((enum wire_kind)in)) == 0) {
                expect_fault(fault, EXTENSION_NOT_ALLOWED, ILLEGAL_PARAMETER);
            } else {
                assert_true(fault == NULL || fault->reason != KT_REASON_EXTENSION_NOT_ALLOWED);
            }
        }
    }
}

/* Each message has a codec for just those: encode says so. */
static void codecs_and_registry_agree(void **state)
{
    (void)state;
    for (unsigned ext = 0; ext < KT_EXT_COUNT; ext++) {
        uint32_t bit = UINT32_C(1) << ext;
        uint8_t homes = kt_ext_messages((enum kt_ext)ext);
        const struct {
            union wire_message message;
            enum wire_kind in;
        } cases[] = {
            {{.client_hello.seen = bit}, WIRE_CLIENT_HELLO},
            {{.server_hello.seen = bit | KT_EXT_BIT(SUPPORTED_VERSIONS)}, WIRE_SERVER_HELLO},
            {{.server_hello.seen = bit & ~KT_EXT_BIT(SUPPORTED_VERSIONS)}, WIRE_SERVER_HELLO12},
            {{.server_hello = {.seen = bit, .is_retry = true}}, WIRE_RETRY},
            {{.encrypted_extensions.seen = bit}, WIRE_ENCRYPTED_EXTENSIONS},
            {{.certificate_request.seen = bit}, WIRE_CERTIFICATE_REQUEST},
            {{.new_session_ticket.seen = bit}, WIRE_NEW_SESSION_TICKET},
        };

        for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
            uint8_t bytes[256];
            struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

            if (cases[i].in == WIRE_SERVER_HELLO12 && ext == KT_EXT_SUPPORTED_VERSIONS) {
                continue; /* then it is one of TLS 1.3 */
            }
            wire_encode(cases[i].in, &w, &cases[i].message);
            assert_int_equal(kt_writer_finish(&w), (homes & wire_home(cases[i].in)) != 0);
        }
    }
}

static void an_answer_needs_an_offer(void **state)
{
    (void)state;
    expect_fault(decode_block(WIRE_ENCRYPTED_EXTENSIONS, BLOCK(0), 0), EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
    expect_success(decode_block(WIRE_ENCRYPTED_EXTENSIONS, BLOCK(0), KT_EXT_BIT(SERVER_NAME)));
}

/* RFC 9846 section 4.3: the kind of mistake that can be told is told, not that it was not offered. */
static void not_allowed_is_told_before_not_offered(void **state)
{
    (void)state;
    expect_fault(decode_block(WIRE_ENCRYPTED_EXTENSIONS, BLOCK(51), 0), EXTENSION_NOT_ALLOWED, ILLEGAL_PARAMETER);
}

static void nothing_stands_behind_the_binders(void **state)
{
    uint8_t bytes[64];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);
    struct kt_span psk;

    (void)state;
    kt_put_u16(&w, 41);
    kt_writer_open(&w, 2);
    kt_put_vec(&w, 2, KT_SPAN_TEXT("\0\1i\0\0\0\0"));
    kt_put_vec(&w, 2,
               KT_SPAN_TEXT("\x20"
                            "0123456789abcdef0123456789abcdef"));
    kt_writer_close(&w);
    psk = kt_writer_span(&w);
    expect_success(decode_block(WIRE_CLIENT_HELLO, psk, 0));
    kt_put_u16(&w, UNKNOWN);
    kt_put_u16(&w, 0);
    expect_fault(decode_block(WIRE_CLIENT_HELLO, kt_writer_span(&w), 0), PSK_NOT_LAST, ILLEGAL_PARAMETER);
    w.len = psk.len;
    kt_put_u16(&w, 23);
    kt_put_u16(&w, 0);
    expect_fault(decode_block(WIRE_CLIENT_HELLO, kt_writer_span(&w), 0), PSK_NOT_LAST, ILLEGAL_PARAMETER);
}

/* In ServerHello its place does not matter. */
static void the_index_of_a_server_may_stand_anywhere(void **state)
{
    static const uint8_t block[] = {0, 41, 0, 2, 0, 0, 0, 43, 0, 2, 3, 4};

    (void)state;
    expect_success(decode_block(WIRE_SERVER_HELLO, kt_span_of(block, sizeof block), UINT32_MAX));
}

static void a_block_that_does_not_divide_is_the_message_s_fault(void **state)
{
    static const uint8_t cut[] = {0x12, 0x34, 0, 1};

    (void)state;
    expect_fault(decode_block(WIRE_CLIENT_HELLO, kt_span_of(cut, 4), 0), CLIENT_HELLO_MALFORMED, DECODE_ERROR);
    expect_fault(decode_block(WIRE_ENCRYPTED_EXTENSIONS, kt_span_of(cut, 3), 0), ENCRYPTED_EXTENSIONS_MALFORMED,
                 DECODE_ERROR);
    expect_fault(decode_block(WIRE_NEW_SESSION_TICKET, kt_span_of(cut, 1), 0), NEW_SESSION_TICKET_MALFORMED,
                 DECODE_ERROR);
    expect_fault(decode_block(WIRE_CERTIFICATE, kt_span_of(cut, 4), 0), CERTIFICATE_MALFORMED, DECODE_ERROR);
}

static void the_longest_block_of_unknown_extensions_is_walked(void **state)
{
    static uint8_t bytes[65532];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

    (void)state;
    for (unsigned i = 0; i < sizeof bytes / 4; i++) {
        kt_put_u16(&w, (uint16_t)(0x4000 + i));
        kt_put_u16(&w, 0);
    }
    assert_true(kt_writer_finish(&w));
    expect_success(decode_block(WIRE_CLIENT_HELLO, kt_writer_span(&w), 0));
    bytes[sizeof bytes - 4] = 0x40;
    bytes[sizeof bytes - 3] = 0x00;
    expect_fault(decode_block(WIRE_CLIENT_HELLO, kt_writer_span(&w), 0), EXTENSION_DUPLICATE, ILLEGAL_PARAMETER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(unknown_extensions_are_ignored_in_offers_only),
        cmocka_unit_test(a_second_one_is_refused_also_when_unknown),
        cmocka_unit_test(a_second_status_request_of_unknown_type_is_refused),
        cmocka_unit_test(known_extensions_stand_only_where_they_may),
        cmocka_unit_test(codecs_and_registry_agree),
        cmocka_unit_test(an_answer_needs_an_offer),
        cmocka_unit_test(not_allowed_is_told_before_not_offered),
        cmocka_unit_test(nothing_stands_behind_the_binders),
        cmocka_unit_test(the_index_of_a_server_may_stand_anywhere),
        cmocka_unit_test(a_block_that_does_not_divide_is_the_message_s_fault),
        cmocka_unit_test(the_longest_block_of_unknown_extensions_is_walked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
