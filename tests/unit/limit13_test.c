#include "hs/limit13.h"

#include "support/record_kit.h"

/* A handshake with nothing but its hello and a carrier that remembers the limits. */
static struct {
    struct kt_hs hs;
    struct kt_hs_work work;
    struct kt_config config;
    size_t limits[2];
    int fail_at; /* the call that fails; 0: none */
} s;

static const struct kt_fault *remember(void *self, enum kt_direction direction, size_t content_max)
{
    (void)self;
    if (s.fail_at > 0 && --s.fail_at == 0) {
        KT_FAIL(USAGE_STATE);
    }
    s.limits[direction] = content_max;
    return NULL;
}

static void begin(size_t record_limit, uint8_t fragment_code)
{
    static const struct kt_carrier_ops ops = {.limit = remember};

    memset(&s, 0, sizeof s);
    s.config.record_limit = record_limit;
    s.config.fragment_code = fragment_code;
    s.hs.config = &s.config;
    s.hs.work = &s.work;
    s.hs.carrier.ops = &ops;
}

static void expect_limits(size_t sending, size_t receiving)
{
    assert_int_equal(s.limits[KT_SENDING], sending);
    assert_int_equal(s.limits[KT_RECEIVING], receiving);
}

static void offered(uint16_t record_size_limit, uint8_t fragment_code)
{
    s.work.hello.record_size_limit = record_size_limit;
    s.work.hello.max_fragment_length = fragment_code;
    s.work.hello.seen = (record_size_limit != 0 ? KT_EXT_BIT(RECORD_SIZE_LIMIT) : 0) |
                        (fragment_code != 0 ? KT_EXT_BIT(MAX_FRAGMENT_LENGTH) : 0);
}

static struct kt_encrypted_extensions answer(void)
{
    struct kt_encrypted_extensions out = {0};

    assert_good(kt_limit13_answer(&s.hs, &out));
    return out;
}

static void a_client_tells_one_more_than_the_content(void **state)
{
    (void)state;
    begin(KT_PLAINTEXT_MAX, 0);
    kt_limit13_offer(&s.config, true, &s.work.hello);
    assert_int_equal(s.work.hello.record_size_limit, 16385);
    assert_int_equal(s.work.hello.seen, KT_EXT_BIT(RECORD_SIZE_LIMIT));
    begin(64, 2);
    kt_limit13_offer(&s.config, true, &s.work.hello);
    assert_int_equal(s.work.hello.record_size_limit, 65);
    assert_int_equal(s.work.hello.max_fragment_length, 2);
    assert_int_equal(s.work.hello.seen, KT_EXT_BIT(RECORD_SIZE_LIMIT) | KT_EXT_BIT(MAX_FRAGMENT_LENGTH));
    kt_limit13_offer(&s.config, false, &s.work.hello); /* without a byte for the type */
    assert_int_equal(s.work.hello.record_size_limit, s.config.record_limit);
}

static void a_server_answers_with_its_own_limit(void **state)
{
    struct kt_encrypted_extensions out;

    (void)state;
    begin(1000, 0);
    offered(64, 0);
    out = answer();
    assert_int_equal(out.seen, KT_EXT_BIT(RECORD_SIZE_LIMIT));
    assert_int_equal(out.record_size_limit, 1001);
    expect_limits(63, 1000); /* 64 with the type */
}

static void a_server_says_nothing_unasked(void **state)
{
    (void)state;
    begin(1000, 0);
    offered(0, 0);
    assert_int_equal(answer().seen, 0);
    expect_limits(0, 0);
}

/* RFC 8449 section 4: who names more may know an extension that we do not. */
static void more_than_a_record_has_is_what_a_record_has(void **state)
{
    static const uint16_t limits[] = {16384, 16385, 16386, 65535};
    static const size_t contents[] = {16383, 16384, 16384, 16384};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(limits); i++) {
        begin(KT_PLAINTEXT_MAX, 0);
        offered(limits[i], 0);
        (void)answer();
        expect_limits(contents[i], KT_PLAINTEXT_MAX);
    }
}

/* Sent by the strict reading, received by the lenient one (limit13.h). */
static void a_server_grants_a_fragment_length(void **state)
{
    (void)state;
    for (uint8_t code = 1; code <= KT_FRAGMENT_CODE_MAX; code++) {
        struct kt_encrypted_extensions out;

        begin(KT_PLAINTEXT_MAX, 0);
        offered(0, code);
        out = answer();
        assert_int_equal(out.seen, KT_EXT_BIT(MAX_FRAGMENT_LENGTH));
        assert_int_equal(out.max_fragment_length, code);
        expect_limits((256u << code) - 1, 256u << code);
    }
}

/* RFC 8449 section 5. */
static void the_newer_extension_replaces_the_older(void **state)
{
    struct kt_encrypted_extensions out;

    (void)state;
    begin(2000, 0);
    offered(301, 4);
    out = answer();
    assert_int_equal(out.seen, KT_EXT_BIT(RECORD_SIZE_LIMIT));
    expect_limits(300, 2000);
}

static void a_client_takes_the_answer(void **state)
{
    struct kt_encrypted_extensions by_record = {.seen = KT_EXT_BIT(RECORD_SIZE_LIMIT), .record_size_limit = 101};
    struct kt_encrypted_extensions by_fragment = {.seen = KT_EXT_BIT(MAX_FRAGMENT_LENGTH), .max_fragment_length = 3};
    const struct kt_encrypted_extensions nothing = {0};

    (void)state;
    begin(500, 0);
    offered(501, 3);
    assert_good(kt_limit13_take(&s.hs, &nothing));
    expect_limits(0, 0);
    assert_good(kt_limit13_take(&s.hs, &by_record));
    expect_limits(100, 500);
    assert_good(kt_limit13_take(&s.hs, &by_fragment));
    expect_limits(2047, 2048);
    by_fragment.max_fragment_length = 2;
    assert_fault(kt_limit13_take(&s.hs, &by_fragment), FRAGMENT_LENGTH_NOT_OFFERED);
    expect_limits(2047, 2048);
}

static void a_carrier_that_fails_is_told(void **state)
{
    struct kt_encrypted_extensions out = {0};

    (void)state;
    for (int i = 1; i <= 2; i++) {
        begin(500, 0);
        offered(501, 0);
        s.fail_at = i;
        assert_fault(kt_limit13_answer(&s.hs, &out), USAGE_STATE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_tells_one_more_than_the_content),
        cmocka_unit_test(a_server_answers_with_its_own_limit),
        cmocka_unit_test(a_server_says_nothing_unasked),
        cmocka_unit_test(more_than_a_record_has_is_what_a_record_has),
        cmocka_unit_test(a_server_grants_a_fragment_length),
        cmocka_unit_test(the_newer_extension_replaces_the_older),
        cmocka_unit_test(a_client_takes_the_answer),
        cmocka_unit_test(a_carrier_that_fails_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
