/* The stages and their order. RFC 8448 has the values for SHA-256; these for SHA-384 are from another
 * program. */
#include "keys/schedule13.h"

#include "support/record_kit.h"

static const struct kt_suite *aes256(void)
{
    return kit_suite(KT_SUITE_AES_256_GCM_SHA384);
}

/* Bytes 0, 1, 2 and so on, as long as the hash. */
static struct kt_secret counting(const struct kt_suite *suite)
{
    return kit_secret(suite, 0);
}

static void sha384_with_a_psk_and_a_long_shared_secret(void **state)
{
    struct kt_schedule13 s = {.hash = NULL};
    uint8_t psk[32], shared[66];

    (void)state;
    memset(psk, 0x42, sizeof psk);
    memset(shared, 0x17, sizeof shared);
    assert_good(kt_schedule13_early(&s, aes256()->hash, kt_span_of(psk, sizeof psk)));
    kit_assert_hex(s.secret.b, s.secret.len,
                   "bd6142ce0a85bf86d33d240d20c20056157d2a797243fd05907bc5124449ead4"
                   "0210bf10732f5ce3f83f0038a913da18");
    assert_good(kt_schedule13_handshake(&s, kt_span_of(shared, sizeof shared)));
    kit_assert_hex(s.secret.b, s.secret.len,
                   "1b23e72778bbb73a6928e2bfbca186dc82eae3c799ac4d1c12600a365419459e"
                   "b52edc97d0ffda382d810955ca16fc0f");
    assert_good(kt_schedule13_main(&s));
    kit_assert_hex(s.secret.b, s.secret.len,
                   "f79b16b85414f328731a76f2a81584bcf7fb01f2beb3bf5b5947b5ef879ad2b0"
                   "94460dcc087f5d9bf6574106a983cd92");
}

/* Brings the schedule to a stage. */
static void reach(struct kt_schedule13 *s, enum kt_stage13 stage)
{
    *s = (struct kt_schedule13){.hash = NULL};
    if (stage >= KT_STAGE_EARLY) {
        assert_good(kt_schedule13_early(s, kit_aes128()->hash, kt_span_of(NULL, 0)));
    }
    if (stage >= KT_STAGE_HANDSHAKE) {
        assert_good(kt_schedule13_handshake(s, KT_SPAN_TEXT("shared")));
    }
    if (stage >= KT_STAGE_MAIN) {
        assert_good(kt_schedule13_main(s));
    }
}

static const enum kt_stage13 stages[] = {KT_STAGE_NONE, KT_STAGE_EARLY, KT_STAGE_HANDSHAKE, KT_STAGE_MAIN};

static const struct kt_fault *advance_to(struct kt_schedule13 *s, enum kt_stage13 stage)
{
    if (stage == KT_STAGE_EARLY) {
        return kt_schedule13_early(s, kit_aes128()->hash, kt_span_of(NULL, 0));
    }
    return stage == KT_STAGE_HANDSHAKE ? kt_schedule13_handshake(s, KT_SPAN_TEXT("shared")) : kt_schedule13_main(s);
}

static void every_other_order_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t from = 0; from < KT_COUNT_OF(stages); from++) {
        for (size_t to = KT_STAGE_EARLY; to < KT_COUNT_OF(stages); to++) {
            struct kt_schedule13 s, before;

            reach(&s, stages[from]);
            before = s;
            if (to == from + 1) {
                assert_good(advance_to(&s, stages[to]));
                assert_int_equal(s.stage, stages[to]);
            } else {
                assert_fault(advance_to(&s, stages[to]), SCHEDULE_ORDER);
                assert_memory_equal(&s, &before, sizeof s);
            }
        }
    }
}

static void secrets_are_derived_only_from_the_stage_named(void **state)
{
    struct kt_secret secret;
    uint8_t hash[32] = {0};

    (void)state;
    for (size_t now = 0; now < KT_COUNT_OF(stages); now++) {
        for (size_t asked = 0; asked < KT_COUNT_OF(stages); asked++) {
            struct kt_schedule13 s;
            const struct kt_fault *fault;

            reach(&s, stages[now]);
            fault =
                kt_schedule13_derive(&s, stages[asked], KT_SPAN_TEXT("label"), kt_span_of(hash, sizeof hash), &secret);
            assert_int_equal(fault == NULL, now == asked && stages[now] != KT_STAGE_NONE);
        }
    }
}

static void an_empty_shared_secret_is_refused(void **state)
{
    struct kt_schedule13 s;

    (void)state;
    reach(&s, KT_STAGE_EARLY);
    assert_fault(kt_schedule13_handshake(&s, kt_span_of(NULL, 0)), SCHEDULE_ORDER);
}

static void nothing_is_left_after_wiping(void **state)
{
    const struct kt_schedule13 zero = {.hash = NULL};
    struct kt_schedule13 s;

    (void)state;
    reach(&s, KT_STAGE_MAIN);
    kt_schedule13_wipe(&s);
    assert_memory_equal(&s, &zero, sizeof s);
    assert_good(kt_schedule13_early(&s, aes256()->hash, kt_span_of(NULL, 0)));
}

static void the_next_traffic_secret(void **state)
{
    struct kt_secret short_one = counting(kit_aes128()), long_one = counting(aes256());

    (void)state;
    kt_traffic_secret_next(kit_aes128()->hash, &short_one);
    kit_assert_hex(short_one.b, short_one.len, "2cecd0a17506ef5fa73edc062d6e7b5397cf074ec1b4d8f99a120772932f0b45");
    kt_traffic_secret_next(aes256()->hash, &long_one);
    kit_assert_hex(long_one.b, long_one.len,
                   "401331b63e9d59f202e8f041042d9516f4cd7fa2e2ee14631d3b49fc340d7af3"
                   "7fc2c0c9f252d8036f81ec5b85cbe5db");
}

static void finished_with_sha384(void **state)
{
    struct kt_secret base = counting(aes256());
    uint8_t transcript[48] = {0}, value[48];

    (void)state;
    kt_finished_value(aes256()->hash, &base, kt_span_of(transcript, sizeof transcript), value);
    kit_assert_hex(value, sizeof value,
                   "6471718faff4b31442b2574aa832029cee7c8a2c57c07cd64aeabae415798b24"
                   "736aa3a2c6f3230a8aa66e34741acf71");
}

static void exported_values(void **state)
{
    struct kt_secret secret = counting(kit_aes128());
    uint8_t out[70];

    (void)state;
    kt_exporter13(kit_aes128()->hash, &secret, KT_SPAN_TEXT("EXPORTER-test"), KT_SPAN_TEXT("ctx"), out, 70);
    kit_assert_hex(out, 70,
                   "a2765a62d47d2265c4d2e10fd39763a730a50072665f5ad43a3e1024eec7516faf886422f10a16d7"
                   "74386fbde02e4b883839586d5d1b2acdd68da751bf4e1b4852afe1ba127b");
    kt_exporter13(kit_aes128()->hash, &secret, KT_SPAN_TEXT("EXPORTER-test"), kt_span_of(NULL, 0), out, 16);
    kit_assert_hex(out, 16, "c22779c1e368a57747511a468669ab54");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha384_with_a_psk_and_a_long_shared_secret),
        cmocka_unit_test(every_other_order_is_refused_and_changes_nothing),
        cmocka_unit_test(secrets_are_derived_only_from_the_stage_named),
        cmocka_unit_test(an_empty_shared_secret_is_refused),
        cmocka_unit_test(nothing_is_left_after_wiping),
        cmocka_unit_test(the_next_traffic_secret),
        cmocka_unit_test(finished_with_sha384),
        cmocka_unit_test(exported_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
