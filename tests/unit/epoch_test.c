#include "lifetime/epoch.h"

#include "support/record_kit.h"

#define NEVER UINT64_MAX

static const uint64_t AEAD = UINT64_C(1000000);

/* One decision: the epoch, its limits, the clock, and what is due. */
struct due_case {
    const char *name;
    struct kt_epoch epoch;
    struct kt_limits limits;
    uint64_t aead;
    uint64_t last_change_ms, now_ms;
    enum kt_due due;
    enum kt_birth why;
};

enum { GAP_MS = 1000 };

static const struct due_case sending[] = {
    {"fresh", {.born_ms = 5000}, {0}, NEVER, 0, 5000, KT_DUE_NOTHING, 0},
    {"no limit at all", {.records = NEVER - 1, .bytes = NEVER}, {0}, NEVER, 0, NEVER, KT_DUE_NOTHING, 0},

    {"one record short", {.records = 9}, {.max_records = 10}, AEAD, 0, 1, KT_DUE_NOTHING, 0},
    {"records", {.records = 10}, {.max_records = 10}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_RECORDS},
    {"one byte short", {.bytes = 99}, {.max_bytes = 100}, AEAD, 0, 1, KT_DUE_NOTHING, 0},
    {"bytes", {.bytes = 100}, {.max_bytes = 100}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_BYTES},
    {"bytes of a whole life", {.bytes = NEVER}, {.max_bytes = NEVER}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_BYTES},
    {"one ms short", {.born_ms = 500}, {.max_seconds = 2}, AEAD, 0, 2499, KT_DUE_NOTHING, 0},
    {"seconds", {.born_ms = 500}, {.max_seconds = 2}, AEAD, 0, 2500, KT_DUE_CHANGE, KT_BIRTH_SECONDS},
    {"records come first",
     {.records = 1, .bytes = 1},
     {.max_records = 1, .max_bytes = 1, .max_seconds = 1},
     AEAD,
     0,
     9999,
     KT_DUE_CHANGE,
     KT_BIRTH_RECORDS},

    {"before the margin", {.records = 991807}, {0}, AEAD, 0, 1, KT_DUE_NOTHING, 0},
    {"the margin", {.records = 991808}, {0}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_AEAD_LIMIT},
    {"beyond the limit", {.records = 1000001}, {0}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_AEAD_LIMIT},
    {"the AEAD before all others",
     {.records = 991808},
     {.max_records = 5},
     AEAD,
     0,
     1,
     KT_DUE_CHANGE,
     KT_BIRTH_AEAD_LIMIT},
    {"a tiny limit, below half", {.records = 4}, {0}, 10, 0, 1, KT_DUE_NOTHING, 0},
    {"a tiny limit, half", {.records = 5}, {0}, 10, 0, 1, KT_DUE_CHANGE, KT_BIRTH_AEAD_LIMIT},
    {"a limit of one, unused", {.records = 0}, {0}, 1, 0, 1, KT_DUE_NOTHING, 0},
    {"a limit of one, used", {.records = 1}, {0}, 1, 0, 1, KT_DUE_CHANGE, KT_BIRTH_AEAD_LIMIT},
    {"no AEAD limit", {.records = NEVER - 1}, {0}, NEVER, 0, 1, KT_DUE_NOTHING, 0},

    {"pace holds back", {.records = 10}, {.max_records = 10}, AEAD, 5000, 5999, KT_DUE_NOTHING, 0},
    {"pace is over", {.records = 10}, {.max_records = 10}, AEAD, 5000, 6000, KT_DUE_CHANGE, KT_BIRTH_RECORDS},
    {"pace and time", {.born_ms = 5000}, {.max_seconds = 1}, AEAD, 5500, 6499, KT_DUE_NOTHING, 0},
    {"the AEAD does not wait", {.records = 991808}, {0}, AEAD, 5000, 5000, KT_DUE_CHANGE, KT_BIRTH_AEAD_LIMIT},

    {"clock at 0", {.born_ms = 0}, {.max_seconds = 1}, AEAD, 0, 0, KT_DUE_NOTHING, 0},
    {"born at 0", {.born_ms = 0}, {.max_seconds = 1}, AEAD, 0, 1000, KT_DUE_CHANGE, KT_BIRTH_SECONDS},
    {"clock went back", {.born_ms = 9000}, {.max_seconds = 1}, AEAD, 0, 10, KT_DUE_NOTHING, 0},
    {"clock went back behind a change", {.records = 1}, {.max_records = 1}, AEAD, 9000, 10, KT_DUE_NOTHING, 0},
    {"the end of the clock",
     {.born_ms = NEVER - 1000},
     {.max_seconds = 1},
     AEAD,
     0,
     NEVER,
     KT_DUE_CHANGE,
     KT_BIRTH_SECONDS},
    {"just before the end", {.born_ms = NEVER - 999}, {.max_seconds = 1}, AEAD, 0, NEVER, KT_DUE_NOTHING, 0},
    {"the longest time", {.born_ms = 0}, {.max_seconds = UINT32_MAX}, AEAD, 0, 4294967294999, KT_DUE_NOTHING, 0},
    {"the longest time is over",
     {.born_ms = 0},
     {.max_seconds = UINT32_MAX},
     AEAD,
     0,
     4294967295000,
     KT_DUE_CHANGE,
     KT_BIRTH_SECONDS},

    {"the last epoch, nothing due", {.number = KT_EPOCH_LAST}, {.max_records = 9}, AEAD, 0, 1, KT_DUE_NOTHING, 0},
    {"the last epoch",
     {.number = KT_EPOCH_LAST, .records = 9},
     {.max_records = 9},
     AEAD,
     0,
     1,
     KT_DUE_CLOSE,
     KT_BIRTH_RECORDS},
    {"the last epoch and the AEAD",
     {.number = KT_EPOCH_LAST, .records = 991808},
     {0},
     AEAD,
     0,
     1,
     KT_DUE_CLOSE,
     KT_BIRTH_AEAD_LIMIT},
    {"the last but one",
     {.number = KT_EPOCH_LAST - 1, .records = 9},
     {.max_records = 9},
     AEAD,
     0,
     1,
     KT_DUE_CHANGE,
     KT_BIRTH_RECORDS},
};

static void what_a_sender_must_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(sending); i++) {
        const struct due_case *c = &sending[i];
        struct kt_lifetime lifetime = {.sending = c->limits, .min_gap_ms = GAP_MS};
        enum kt_birth why = KT_BIRTH_INITIAL;
        enum kt_due due = kt_epoch_due_sending(&c->epoch, &lifetime, c->aead, c->last_change_ms, c->now_ms, &why);

        if (due != c->due || (due != KT_DUE_NOTHING && why != c->why)) {
            fail_msg("%s: due %d, why %d", c->name, (int)due, (int)why);
        }
    }
}

static void a_sender_looks_at_its_own_limits_only(void **state)
{
    struct kt_epoch epoch = {.records = 100, .bytes = 100};
    struct kt_lifetime lifetime = {.receiving = {.max_records = 1, .max_bytes = 1, .max_seconds = 1}};
    enum kt_birth why;

    (void)state;
    assert_int_equal(kt_epoch_due_sending(&epoch, &lifetime, AEAD, 0, 99999, &why), KT_DUE_NOTHING);
    lifetime = (struct kt_lifetime){.sending = {.max_records = 1, .max_bytes = 1, .max_seconds = 1}};
    assert_false(kt_epoch_due_receiving(&epoch, &lifetime, AEAD, 0, 99999, &why));
}

static void no_pace_no_wait(void **state)
{
    struct kt_epoch epoch = {.records = 1};
    struct kt_lifetime lifetime = {.sending = {.max_records = 1}};
    enum kt_birth why;

    (void)state;
    assert_int_equal(kt_epoch_due_sending(&epoch, &lifetime, AEAD, 7, 7, &why), KT_DUE_CHANGE);
}

/* `due` is KT_DUE_CHANGE where the peer should be asked. */
static const struct due_case receiving[] = {
    {"fresh", {0}, {0}, AEAD, 0, 1, KT_DUE_NOTHING, 0},
    {"records", {.records = 10}, {.max_records = 10}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_RECORDS},
    {"bytes", {.bytes = 10}, {.max_bytes = 10}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_BYTES},
    {"seconds", {.born_ms = 10}, {.max_seconds = 1}, AEAD, 0, 1010, KT_DUE_CHANGE, KT_BIRTH_SECONDS},
    {"below 7/8", {.records = 874999}, {0}, AEAD, 0, 1, KT_DUE_NOTHING, 0},
    {"7/8", {.records = 875000}, {0}, AEAD, 0, 1, KT_DUE_CHANGE, KT_BIRTH_AEAD_LIMIT},
    {"beyond the limit is still only asked for",
     {.records = 2000000},
     {0},
     AEAD,
     0,
     1,
     KT_DUE_CHANGE,
     KT_BIRTH_AEAD_LIMIT},
    {"no AEAD limit", {.records = NEVER - 1}, {0}, NEVER, 0, 1, KT_DUE_NOTHING, 0},
    {"a limit of one, unused", {.records = 0}, {0}, 1, 0, 1, KT_DUE_NOTHING, 0},
    {"the pace holds back the AEAD limit, too", {.records = 875000}, {0}, AEAD, 500, 1499, KT_DUE_NOTHING, 0},
    {"pace is over", {.records = 875000}, {0}, AEAD, 500, 1500, KT_DUE_CHANGE, KT_BIRTH_AEAD_LIMIT},
    {"the peer's epochs are the peer's concern",
     {.number = KT_EPOCH_LAST, .records = 10},
     {.max_records = 10},
     AEAD,
     0,
     1,
     KT_DUE_CHANGE,
     KT_BIRTH_RECORDS},
};

static void when_the_peer_should_be_asked(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(receiving); i++) {
        const struct due_case *c = &receiving[i];
        struct kt_lifetime lifetime = {.receiving = c->limits, .min_gap_ms = GAP_MS};
        enum kt_birth why = KT_BIRTH_INITIAL;
        bool due = kt_epoch_due_receiving(&c->epoch, &lifetime, c->aead, c->last_change_ms, c->now_ms, &why);

        if (due != (c->due == KT_DUE_CHANGE) || (due && why != c->why)) {
            fail_msg("%s: due %d, why %d", c->name, (int)due, (int)why);
        }
    }
}

struct deadline_case {
    const char *name;
    struct kt_epoch epoch;
    struct kt_limits limits;
    uint32_t gap_ms;
    uint64_t last_change_ms;
    uint64_t deadline;
};

static const struct deadline_case deadlines[] = {
    {"no limit", {0}, {0}, 1000, 0, NEVER},
    {"counts alone are not a matter of time", {.records = 1}, {.max_records = 2}, 1000, 0, NEVER},
    {"seconds", {.born_ms = 700}, {.max_seconds = 3}, 1000, 0, 3700},
    {"pace is shorter", {.born_ms = 700}, {.max_seconds = 3}, 1000, 700, 3700},
    {"pace is longer", {.born_ms = 700}, {.max_seconds = 1}, 60000, 700, 60700},
    {"a count that waits for the pace", {.born_ms = 700, .records = 2}, {.max_records = 2}, 1000, 900, 1900},
    {"a count that waits for nothing", {.born_ms = 700, .records = 2}, {.max_records = 2}, 1000, 0, 700},
    {"the end of the clock", {.born_ms = NEVER - 10}, {.max_seconds = 1}, 1000, 0, NEVER},
    {"pace at the end of the clock", {.born_ms = 1, .bytes = 1}, {.max_bytes = 1}, 1000, NEVER - 10, NEVER},
};

static void when_time_alone_makes_it_due(void **state)
{
    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(deadlines); i++) {
        const struct deadline_case *c = &deadlines[i];
        uint64_t deadline = kt_epoch_deadline(&c->epoch, &c->limits, c->gap_ms, c->last_change_ms);

        if (deadline != c->deadline) {
            fail_msg("%s: %llu", c->name, (unsigned long long)deadline);
        }
    }
}

/* The deadline and the decision say the same: not due one ms before, due at it. */
static void the_deadline_agrees_with_the_decision(void **state)
{
    (void)state;
    for (uint32_t seconds = 1; seconds < 5; seconds++) {
        for (uint64_t last = 0; last < 6000; last += 500) {
            struct kt_epoch epoch = {.born_ms = 300};
            struct kt_lifetime lifetime = {.sending = {.max_seconds = seconds}, .min_gap_ms = GAP_MS};
            uint64_t at = kt_epoch_deadline(&epoch, &lifetime.sending, lifetime.min_gap_ms, last);
            enum kt_birth why;

            assert_int_equal(kt_epoch_due_sending(&epoch, &lifetime, AEAD, last, at - 1, &why), KT_DUE_NOTHING);
            assert_int_equal(kt_epoch_due_sending(&epoch, &lifetime, AEAD, last, at, &why), KT_DUE_CHANGE);
        }
    }
}

static void an_epoch_counts_from_its_birth(void **state)
{
    struct kt_epoch epoch;
    struct kt_epoch_info info;

    (void)state;
    kt_epoch_begin(&epoch, 7, KT_BIRTH_PEER, 42);
    kt_epoch_count(&epoch, 100);
    kt_epoch_count(&epoch, 0);
    info = kt_epoch_info(&epoch);
    assert_int_equal(info.number, 7);
    assert_int_equal(info.birth, KT_BIRTH_PEER);
    assert_int_equal(info.born_ms, 42);
    assert_int_equal(info.records, 2);
    assert_int_equal(info.bytes, 100);
    kt_epoch_begin(&epoch, 8, KT_BIRTH_CALLER, 43);
    info = kt_epoch_info(&epoch);
    assert_int_equal(info.records, 0);
    assert_int_equal(info.bytes, 0);
}

static void the_default_contract(void **state)
{
    struct kt_lifetime lifetime = kt_lifetime_default();

    (void)state;
    assert_int_equal(lifetime.sending.max_records, 0);
    assert_int_equal(lifetime.sending.max_bytes, 0);
    assert_int_equal(lifetime.sending.max_seconds, 7200);
    assert_int_equal(lifetime.receiving.max_seconds, 7200);
    assert_int_equal(lifetime.min_gap_ms, 1000);
    assert_int_equal(lifetime.answer_seconds, 60);
    assert_int_equal(lifetime.peer_budget, 32);
}

/*
 * The ceilings of peers (field survey 2.2) against what the default contract can do at its fastest: one
 * change each second, one each two hours by time alone.
 */
static void the_default_contract_stays_below_the_ceilings_of_peers(void **state)
{
    struct kt_lifetime lifetime = kt_lifetime_default();

    (void)state;
    assert_true(lifetime.min_gap_ms * 8 >= 1000);     /* GnuTLS: more than 8 in a second */
    assert_true(lifetime.min_gap_ms >= 100);          /* OpenSSL, proposed: two within 100 ms */
    assert_true(lifetime.sending.max_seconds > 3600); /* LibreSSL: its count is cleared by a quiet hour */
    assert_true(lifetime.peer_budget <= 32);          /* BoringSSL, rustls: as patient as they are */
}

static void a_budget_is_spent_and_refilled_one_by_one(void **state)
{
    struct kt_budget budget = kt_budget_of(2);

    (void)state;
    kt_budget_refill(&budget, 1);
    assert_int_equal(budget.left, 2);
    assert_true(kt_budget_spend(&budget));
    assert_true(kt_budget_spend(&budget));
    assert_false(kt_budget_spend(&budget));
    kt_budget_refill(&budget, 1);
    assert_true(kt_budget_spend(&budget));
    assert_false(kt_budget_spend(&budget));
    kt_budget_refill(&budget, 0);
    assert_false(kt_budget_spend(&budget));
    kt_budget_refill(&budget, UINT64_MAX);
    assert_int_equal(budget.left, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_sender_must_do),
        cmocka_unit_test(a_sender_looks_at_its_own_limits_only),
        cmocka_unit_test(no_pace_no_wait),
        cmocka_unit_test(when_the_peer_should_be_asked),
        cmocka_unit_test(when_time_alone_makes_it_due),
        cmocka_unit_test(the_deadline_agrees_with_the_decision),
        cmocka_unit_test(an_epoch_counts_from_its_birth),
        cmocka_unit_test(the_default_contract),
        cmocka_unit_test(the_default_contract_stays_below_the_ceilings_of_peers),
        cmocka_unit_test(a_budget_is_spent_and_refilled_one_by_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
