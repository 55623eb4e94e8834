/*
 * codec_property_test.c - what holds of every codec, whatever the message: decode undoes encode, encode
 * undoes decode where there is one encoding, and nothing is read outside the bytes given.
 */
#include <stdio.h>
#include <stdlib.h>

#include "support/expect_fault.h"
#include "support/wire_messages.h"

enum { SEEDS = 3000, SEEDS_MUTATED = 60, SEEDS_EVERY_VALUE = 4, BUFFER = 1 << 16 };

static struct generator generator;
static uint8_t encoded[BUFFER];

/* The body of an encoded message, of which the header is checked. */
static struct kt_span encode_body(enum wire_kind kind, const union wire_message *message, uint8_t *buffer)
{
    struct kt_writer w = kt_writer_over(buffer, BUFFER);
    struct kt_span body;
    struct kt_reader r;
    uint8_t type;

    wire_encode(kind, &w, message);
    assert_true(kt_writer_finish(&w));
    r = kt_reader_over(kt_writer_span(&w));
    assert_true(kt_reader_u8(&r, &type) && type == wire_type(kind));
    assert_true(kt_reader_vec24(&r, &body) && kt_reader_done(&r));
    return body;
}

static struct kt_span generate_body(enum wire_kind kind, uint64_t seed, bool canonical, union wire_message *message)
{
    generator_begin(&generator, seed);
    generate_message(&generator, kind, canonical, message);
    return encode_body(kind, message, encoded);
}

static void decode_undoes_encode(enum wire_kind kind)
{
    union wire_message message, again;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct kt_span body = generate_body(kind, seed, false, &message);

        expect_success(wire_decode(kind, body, UINT32_MAX, &again));
        assert_true(wire_same(kind, &message, &again));
    }
}

static void encode_undoes_decode(enum wire_kind kind)
{
    static uint8_t second[BUFFER];
    union wire_message message, again;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct kt_span body = generate_body(kind, seed, true, &message);
        struct kt_span body_again;

        expect_success(wire_decode(kind, body, UINT32_MAX, &again));
        body_again = encode_body(kind, &again, second);
        assert_int_equal(body.len, body_again.len);
        assert_memory_equal(body.p, body_again.p, body.len);
    }
}

/* A shorter message is only accepted where the block of extensions may be missing. */
static void truncations_are_refused(enum wire_kind kind)
{
    union wire_message message, out;

    for (uint64_t seed = 1; seed <= SEEDS_MUTATED; seed++) {
        struct kt_span body = generate_body(kind, seed, false, &message);

        for (size_t len = 0; len < body.len; len++) {
            uint8_t *copy = exact_copy(kt_span_of(body.p, len));
            bool accepted = wire_decode(kind, kt_span_of(copy, len), UINT32_MAX, &out) == NULL;

            if (accepted) {
                assert_true((kind == WIRE_CLIENT_HELLO && !out.client_hello.has_extensions) ||
                            ((kind == WIRE_SERVER_HELLO || kind == WIRE_SERVER_HELLO12) && out.server_hello.seen == 0));
            }
            free(copy);
        }
    }
}

static void trailing_bytes_are_refused(enum wire_kind kind)
{
    union wire_message message, out;

    for (uint64_t seed = 1; seed <= SEEDS_MUTATED; seed++) {
        struct kt_span body = generate_body(kind, seed, false, &message);
        uint8_t *longer = malloc(body.len + 1);

        memcpy(longer, body.p, body.len);
        longer[body.len] = 0;
        assert_non_null(wire_decode(kind, kt_span_of(longer, body.len + 1), UINT32_MAX, &out));
        free(longer);
    }
}

/* What is accepted must be a message: it can be encoded, and that means the same. wire_fuzz aborts if not. */
static void try_byte(enum wire_kind kind, uint8_t *copy, size_t len, size_t at, uint8_t value)
{
    uint8_t before = copy[at];

    copy[at] = value;
    wire_fuzz(kind, copy, len);
    copy[at] = before;
}

static void mutated_bytes_do_no_harm(enum wire_kind kind)
{
    union wire_message message;

    for (uint64_t seed = 1; seed <= SEEDS_MUTATED; seed++) {
        struct kt_span body = generate_body(kind, seed, false, &message);
        uint8_t *copy = exact_copy(body);

        for (size_t at = 0; at < body.len; at++) {
            for (unsigned bit = 0; bit < 8; bit++) {
                try_byte(kind, copy, body.len, at, (uint8_t)(copy[at] ^ 1u << bit));
            }
            try_byte(kind, copy, body.len, at, (uint8_t)(copy[at] + 1));
            try_byte(kind, copy, body.len, at, (uint8_t)(copy[at] - 1));
            try_byte(kind, copy, body.len, at, 0);
            try_byte(kind, copy, body.len, at, 0xff);
        }
        free(copy);
    }
}

static void every_value_of_every_byte_does_no_harm(enum wire_kind kind)
{
    union wire_message message;

    for (uint64_t seed = 1; seed <= SEEDS_EVERY_VALUE; seed++) {
        struct kt_span body = generate_body(kind, seed, false, &message);
        uint8_t *copy = exact_copy(body);

        for (size_t at = 0; at < body.len; at++) {
            for (unsigned value = 0; value < 256; value++) {
                try_byte(kind, copy, body.len, at, (uint8_t)value);
            }
        }
        free(copy);
    }
}

/* A buffer that is too small is noticed, whatever its size. */
static void no_encoding_passes_the_end_of_its_buffer(enum wire_kind kind)
{
    union wire_message message;

    for (uint64_t seed = 1; seed <= SEEDS_EVERY_VALUE; seed++) {
        size_t whole = generate_body(kind, seed, false, &message).len + KT_MESSAGE_HEADER;

        for (size_t cap = 0; cap <= whole; cap++) {
            uint8_t *buffer = malloc(cap == 0 ? 1 : cap);
            struct kt_writer w = kt_writer_over(buffer, cap);

            wire_encode(kind, &w, &message);
            assert_int_equal(kt_writer_finish(&w), cap == whole);
            free(buffer);
        }
    }
}

/* An answer may hold just what was offered, a cookie excepted; the others do not look at the offer. */
static void answers_need_an_offer(enum wire_kind kind)
{
    union wire_message message, out;

    for (uint64_t seed = 1; seed <= SEEDS_MUTATED; seed++) {
        struct kt_span body = generate_body(kind, seed, false, &message);
        bool judged = (wire_home(kind) & (IN_SH | IN_SH12 | IN_HRR | IN_EE | IN_CT)) != 0;

        for (unsigned ext = 0; ext < KT_EXT_COUNT; ext++) {
            uint32_t bit = UINT32_C(1) << ext;
            bool there = ((kind == WIRE_SERVER_HELLO || kind == WIRE_SERVER_HELLO12) &&
                          (message.server_hello.seen & bit) != 0) ||
                         (kind == WIRE_RETRY && (message.server_hello.seen & bit) != 0 && ext != KT_EXT_COOKIE) ||
                         (kind == WIRE_ENCRYPTED_EXTENSIONS && (message.encrypted_extensions.seen & bit) != 0) ||
                         (kind == WIRE_CERTIFICATE && ext == KT_EXT_STATUS_REQUEST &&
                          message.certificate.ocsp_response.len > 0) ||
                         (kind == WIRE_CERTIFICATE && ext == KT_EXT_SCT && message.certificate.sct_list.len > 0);
            const struct kt_fault *fault = wire_decode(kind, body, ~bit, &out);

            if (judged && there) {
                expect_fault(fault, EXTENSION_NOT_OFFERED, UNSUPPORTED_EXTENSION);
            } else {
                expect_success(fault);
            }
        }
    }
}

/* Each property as one test per message. */
#define PROPERTY(property)                                                                                             \
    static void test_##property(void **state)                                                                          \
    {                                                                                                                  \
        property(*(const enum wire_kind *)*state);                                                                     \
    }
PROPERTY(decode_undoes_encode)
PROPERTY(encode_undoes_decode)
PROPERTY(truncations_are_refused)
PROPERTY(trailing_bytes_are_refused)
PROPERTY(mutated_bytes_do_no_harm)
PROPERTY(every_value_of_every_byte_does_no_harm)
PROPERTY(no_encoding_passes_the_end_of_its_buffer)
PROPERTY(answers_need_an_offer)

int main(void)
{
    static const struct CMUnitTest properties[] = {
        cmocka_unit_test(test_decode_undoes_encode),
        cmocka_unit_test(test_encode_undoes_decode),
        cmocka_unit_test(test_truncations_are_refused),
        cmocka_unit_test(test_trailing_bytes_are_refused),
        cmocka_unit_test(test_mutated_bytes_do_no_harm),
        cmocka_unit_test(test_every_value_of_every_byte_does_no_harm),
        cmocka_unit_test(test_no_encoding_passes_the_end_of_its_buffer),
        cmocka_unit_test(test_answers_need_an_offer),
    };
    static enum wire_kind kinds[WIRE_KINDS];
    static struct CMUnitTest tests[KT_COUNT_OF(properties) * WIRE_KINDS];
    static char names[KT_COUNT_OF(tests)][96];
    size_t count = 0;

    for (unsigned kind = 0; kind < WIRE_KINDS; kind++) {
        kinds[kind] = (enum wire_kind)kind;
        for (size_t i = 0; i < KT_COUNT_OF(properties); i++, count++) {
            (void)snprintf(names[count], sizeof names[count], "%s: %s", wire_name(kinds[kind]), properties[i].name);
            tests[count] = properties[i];
            tests[count].name = names[count];
            tests[count].initial_state = &kinds[kind];
        }
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
