/* What observers are told about messages: the forms of all that hold extensions, and that nothing else has any. */
#include <keyturn/message.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire/messages.h"

enum { CAP = 4 };

#define RANDOM "0123456789abcdef0123456789abcdef"
#define RETRY                                                                                                          \
    "\xcf\x21\xad\x74\xe5\x9a\x61\x11\xbe\x1d\x8c\x02\x1e\x65\xb8\x91"                                                 \
    "\xc2\xa2\x11\x16\x7a\xbb\x8c\x5e\x07\x9e\x09\xe2\xc8\xa8\x33\x9c"
#define BODY(literal) ((struct kt_span){(const uint8_t *)("" literal), sizeof(literal) - 1})
/* supported_versions of two bytes, then one without a name and without content. */
#define BLOCK "\x00\x0a\x00\x2b\x00\x02\x03\x04\x7f\x7f\x00\x00"

struct message {
    uint8_t bytes[512];
    size_t len;
};

static struct message message_of(uint8_t type, struct kt_span body)
{
    struct message m = {.bytes = {type, 0, (uint8_t)(body.len >> 8), (uint8_t)body.len}, .len = 4 + body.len};

    assert_true(m.len <= sizeof m.bytes);
    memcpy(m.bytes + 4, body.p, body.len);
    return m;
}

static size_t count_of(const struct message *m, size_t len, struct kt_extension_info out[CAP])
{
    return kt_message_extensions((struct kt_span){m->bytes, len}, out, CAP);
}

/* Every message with BLOCK in it has those two; cut anywhere, or with a byte too many, it has none. */
static void assert_has_block(uint8_t type, struct kt_span body)
{
    struct kt_extension_info out[CAP];
    struct message m = message_of(type, body);

    assert_int_equal(count_of(&m, m.len, out), 2);
    assert_int_equal(out[0].number, 43);
    assert_int_equal(out[0].len, 2);
    assert_int_equal(out[1].number, 0x7f7f);
    assert_int_equal(out[1].len, 0);
    assert_int_equal(count_of(&m, m.len + 1, out), 0);
    for (size_t len = 0; len < m.len; len++) {
        assert_int_equal(count_of(&m, len, out), 0);
    }
}

static void hellos(void **state)
{
    (void)state;
    assert_has_block(KT_MSG_CLIENT_HELLO, BODY("\x03\x03" RANDOM "\x01s\x00\x02\x13\x01\x01\x00" BLOCK));
    assert_has_block(KT_MSG_SERVER_HELLO, BODY("\x03\x03" RANDOM "\x01s\x13\x01\x00" BLOCK));
    assert_has_block(KT_MSG_SERVER_HELLO, BODY("\x03\x03" RETRY "\x00\x13\x01\x00" BLOCK));
}

static void the_protected_messages(void **state)
{
    (void)state;
    assert_has_block(KT_MSG_ENCRYPTED_EXTENSIONS, BODY(BLOCK));
    assert_has_block(KT_MSG_CERTIFICATE_REQUEST, BODY("\x01x" BLOCK));
    assert_has_block(KT_MSG_NEW_SESSION_TICKET, BODY("\x00\x00\x1c\x20lots\x01n\x00\x02ti" BLOCK));
    assert_has_block(KT_MSG_CERTIFICATE, BODY("\x00\x00\x00\x13\x00\x00\x04leaf" BLOCK));
}

static void those_of_a_chain_are_one_list(void **state)
{
    struct kt_extension_info out[CAP];
    struct message m = message_of(
        KT_MSG_CERTIFICATE, BODY("\x00\x00\x00\x1c\x00\x00\x04leaf" BLOCK "\x00\x00\x00\x00\x04\x00\x12\x00\x00"));

    (void)state;
    assert_int_equal(count_of(&m, m.len, out), 3);
    assert_int_equal(out[2].number, 18);
}

static void what_does_not_fit_is_counted(void **state)
{
    struct kt_extension_info out[CAP] = {{0, 0}};
    struct message m = message_of(KT_MSG_ENCRYPTED_EXTENSIONS, BODY(BLOCK));

    (void)state;
    assert_int_equal(kt_message_extensions((struct kt_span){m.bytes, m.len}, out, 1), 2);
    assert_int_equal(out[0].number, 43);
    assert_int_equal(out[1].number, 0);
    assert_int_equal(kt_message_extensions((struct kt_span){m.bytes, m.len}, NULL, 0), 2);
}

static void a_block_that_does_not_divide_is_none(void **state)
{
    struct kt_extension_info out[CAP];
    struct message m = message_of(KT_MSG_ENCRYPTED_EXTENSIONS, BODY("\x00\x05\x00\x2b\x00\x02\x03"));

    (void)state;
    assert_int_equal(count_of(&m, m.len, out), 0);
}

static void other_messages_have_none(void **state)
{
    struct kt_extension_info out[CAP];

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct message m = message_of((uint8_t)type, BODY(BLOCK));

        assert_int_equal(count_of(&m, m.len, out), type == KT_MSG_ENCRYPTED_EXTENSIONS ? 2 : 0);
    }
}

static bool is_retry(uint8_t type, struct kt_span body)
{
    struct message m = message_of(type, body);

    return kt_message_is_retry((struct kt_span){m.bytes, m.len});
}

static void a_retry_is_known_by_its_random(void **state)
{
    (void)state;
    assert_true(is_retry(KT_MSG_SERVER_HELLO, BODY("\x03\x03" RETRY "\x00\x13\x01\x00" BLOCK)));
    assert_false(is_retry(KT_MSG_SERVER_HELLO, BODY("\x03\x03" RANDOM "\x00\x13\x01\x00" BLOCK)));
    assert_false(is_retry(KT_MSG_CLIENT_HELLO, BODY("\x03\x03" RETRY "\x00\x13\x01\x00" BLOCK)));
    assert_false(is_retry(KT_MSG_SERVER_HELLO, BODY("\x03\x03\xcf\x21\xad")));
    assert_false(kt_message_is_retry((struct kt_span){NULL, 0}));
}

static void names_are_those_of_the_rfcs(void **state)
{
    (void)state;
    assert_string_equal(kt_extension_name(0), "server_name");
    assert_string_equal(kt_extension_name(16), "alpn");
    assert_string_equal(kt_extension_name(41), "pre_shared_key");
    assert_string_equal(kt_extension_name(65281), "renegotiation_info");
    assert_null(kt_extension_name(0x7f7f));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hellos),
        cmocka_unit_test(the_protected_messages),
        cmocka_unit_test(those_of_a_chain_are_one_list),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(a_block_that_does_not_divide_is_none),
        cmocka_unit_test(other_messages_have_none),
        cmocka_unit_test(a_retry_is_known_by_its_random),
        cmocka_unit_test(names_are_those_of_the_rfcs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
