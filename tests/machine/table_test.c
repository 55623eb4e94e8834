/* The tables of the handshake as data: what is in them is well formed, what is not in them is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hs/hs.h"
#include "support/test_env.h"

/* Calls f for every row of every table. */
static void each_row(void (*f)(const struct kt_row *row))
{
    for (const struct kt_table *const *table = kt_all_tables; *table != NULL; table++) {
        for (size_t i = 0; i < (*table)->count; i++) {
            f(&(*table)->rows[i]);
        }
    }
}

/* ---- absent pairs ---- */

static void assert_refused(uint8_t state, uint8_t type)
{
    uint8_t bytes[KT_MESSAGE_HEADER] = {type, 0, 0, 0};
    struct kt_message message = {type, true, {bytes, sizeof bytes}, {bytes + sizeof bytes, 0}};
    struct test_env t;
    struct kt_hs hs, before;
    const struct kt_fault *fault;

    test_env_init(&t);
    memset(&hs, 0, sizeof hs);
    hs.watch.env = &t.env;
    hs.state = state;
    before = hs;
    fault = kt_machine_take(&hs, &message);
    assert_non_null(fault);
    assert_int_equal(fault->reason, KT_REASON_MESSAGE_NOT_EXPECTED);
    assert_int_equal(fault->alert, KT_ALERT_UNEXPECTED_MESSAGE);
    assert_memory_equal(&hs, &before, sizeof hs);
    assert_int_equal(t.allocs, 0);
}

static void every_message_without_a_row_is_refused_and_changes_nothing(void **user)
{
    unsigned refused = 0;

    (void)user;
    for (uint8_t state = 0; state < KT_STATE_COUNT; state++) {
        for (unsigned type = 0; type < 256; type++) {
            if (kt_row_find(state, (uint16_t)type) == NULL) {
                assert_refused(state, (uint8_t)type);
                refused++;
            }
        }
    }
    assert_true(refused > (KT_STATE_COUNT - 1) * 250u);
}

/* ---- rows ---- */

/* States of an exchange after the handshake, which changes no keys. */
static bool is_post(uint8_t state)
{
    return strstr(kt_state_name(state), "_POST_") != NULL;
}

static void assert_well_formed(const struct kt_row *row)
{
    enum kt_state_kind kind = kt_state_kind(row->state);
    bool on_message = row->on < KT_ON_GO;

    assert_non_null(row->step);
    assert_int_not_equal(kind, KT_STATE_IS_DEAD);
    assert_int_equal(on_message || row->on == KT_ON_CCS, kind == KT_STATE_IS_READ || kind == KT_STATE_IS_REST);
    assert_int_equal(row->on == KT_ON_GO, kind == KT_STATE_IS_SEND || kind == KT_STATE_IS_DO);
    assert_int_equal(row->on == KT_ON_ANSWER, kind == KT_STATE_IS_ASK);
    assert_int_not_equal(row->next[0], KT_STATE_NONE);
    for (size_t i = 0; i < KT_ROW_NEXT_MAX; i++) {
        assert_true(row->next[i] < KT_STATE_COUNT);
        for (size_t j = 0; j < i; j++) {
            assert_true(row->next[i] == KT_STATE_NONE || row->next[i] != row->next[j]);
        }
    }
}

static void every_row_fits_the_kind_of_its_state(void **user)
{
    (void)user;
    each_row(assert_well_formed);
}

static void assert_found_as_itself(const struct kt_row *row)
{
    assert_ptr_equal(kt_row_find(row->state, row->on), row);
}

static void no_state_has_two_rows_for_one_event(void **user)
{
    (void)user;
    each_row(assert_found_as_itself);
}

static void assert_message_is_known(const struct kt_row *row)
{
    assert_string_not_equal(kt_on_name(row->on), "?");
}

static void every_event_has_a_name(void **user)
{
    (void)user;
    each_row(assert_message_is_known);
    assert_string_equal(kt_on_name(KT_ON_GO), "go");
    assert_string_equal(kt_on_name(KT_ON_ANSWER), "answer");
    assert_string_equal(kt_on_name(KT_ON_CCS), "change_cipher_spec");
    assert_string_equal(kt_on_name(99), "?");
    assert_string_equal(kt_on_name(KT_ON_COUNT), "?");
}

/* But for ServerHello: its step looks, for only in TLS 1.3 keys change behind it. Behind ServerHelloDone it is the
 * client's turn, and with that the keys. */
static bool is_key_change(const struct kt_row *row)
{
    return row->on == KT_MSG_CLIENT_HELLO || (row->on == KT_MSG_FINISHED && !is_post(row->state)) ||
           row->on == KT_MSG_KEY_UPDATE || row->on == KT_MSG_SERVER_HELLO_DONE;
}

static void assert_ends_its_record(const struct kt_row *row)
{
    assert_int_equal((row->flags & KT_ROW_LAST_IN_RECORD) != 0, is_key_change(row));
}

static void exactly_the_messages_before_a_change_of_keys_must_end_their_record(void **user)
{
    (void)user;
    each_row(assert_ends_its_record);
}

static void assert_transcript_only_in_a_handshake(const struct kt_row *row)
{
    bool after = kt_state_kind(row->state) == KT_STATE_IS_REST || row->state == KT_STATE_S13_SEND_NST;

    if (row->on == KT_MSG_CERTIFICATE_REQUEST) {
        after = false; /* begins an exchange, which has a transcript of its own */
    }
    assert_int_equal((row->flags & KT_ROW_NO_HASH) != 0, after);
}

static void only_messages_after_the_handshake_are_in_no_transcript(void **user)
{
    (void)user;
    each_row(assert_transcript_only_in_a_handshake);
}

static bool reached[KT_STATE_COUNT];
static bool grew;

static void reach_from(const struct kt_row *row)
{
    for (size_t i = 0; i < KT_ROW_NEXT_MAX && row->next[i] != KT_STATE_NONE; i++) {
        if (reached[row->state] && !reached[row->next[i]]) {
            reached[row->next[i]] = true;
            grew = true;
        }
    }
}

static void every_state_can_be_reached_from_a_start(void **user)
{
    (void)user;
    reached[KT_STATE_C_START] = reached[KT_STATE_S_START] = true;
    reached[KT_STATE_S13_POST_SEND_CR] = true; /* the owner's call begins it */
    do {
        grew = false;
        each_row(reach_from);
    } while (grew);
    for (uint8_t state = 1; state < KT_STATE_COUNT; state++) {
        if (!reached[state]) {
            fail_msg("%s cannot be reached", kt_state_name(state));
        }
    }
    assert_false(reached[KT_STATE_NONE]);
}

static bool has_row[KT_STATE_COUNT];

static void note_row(const struct kt_row *row)
{
    has_row[row->state] = true;
}

static void every_state_can_be_left_or_is_rest(void **user)
{
    (void)user;
    each_row(note_row);
    for (uint8_t state = 1; state < KT_STATE_COUNT; state++) {
        assert_true(has_row[state]);
    }
}

/* A client never gets into a state of a server, nor the other way round. */
static void assert_keeps_its_role(const struct kt_row *row)
{
    for (size_t i = 0; i < KT_ROW_NEXT_MAX && row->next[i] != KT_STATE_NONE; i++) {
        assert_int_equal(kt_state_name(row->next[i])[0], kt_state_name(row->state)[0]);
    }
}

static void no_row_changes_the_role(void **user)
{
    (void)user;
    each_row(assert_keeps_its_role);
}

static void names_beyond_the_end_are_harmless(void **user)
{
    (void)user;
    assert_string_equal(kt_state_name(KT_STATE_COUNT), "?");
    assert_int_equal(kt_state_kind(KT_STATE_COUNT), KT_STATE_IS_DEAD);
    assert_false(kt_state_ignores_ccs(KT_STATE_COUNT));
}

/* In TLS 1.2 and below a change_cipher_spec is awaited or an error. */
static bool is_12(uint8_t state)
{
    return kt_state_name(state)[1] == '1' && kt_state_name(state)[2] == '2';
}

/* CVE-2014-0224, "EarlyCCS": exactly where Finished is next, and where keys are. */
static void cve_2014_0224_a_change_cipher_spec_has_one_place(void **user)
{
    (void)user;
    for (uint8_t state = 0; state < KT_STATE_COUNT; state++) {
        const struct kt_row *row = kt_row_find(state, KT_ON_CCS);

        assert_int_equal(row != NULL, state == KT_STATE_C12_WAIT_CCS || state == KT_STATE_S12_WAIT_CCS);
        if (row != NULL) {
            assert_int_equal(row->next[0],
                             state == KT_STATE_C12_WAIT_CCS ? KT_STATE_C12_WAIT_FINISHED : KT_STATE_S12_WAIT_FINISHED);
            assert_int_equal(row->next[1], KT_STATE_NONE);
        }
    }
}

static void a_change_cipher_spec_without_a_row_changes_nothing(void **user)
{
    struct test_env t;

    (void)user;
    test_env_init(&t);
    for (uint8_t state = 0; state < KT_STATE_COUNT; state++) {
        struct kt_hs hs = {.watch = {&t.env, NULL}, .state = state};
        bool taken = true;

        if (kt_row_find(state, KT_ON_CCS) == NULL) {
            assert_null(kt_machine_take_ccs(&hs, &taken));
            assert_false(taken);
            assert_int_equal(hs.state, state);
        }
    }
    assert_int_equal(t.allocs, 0);
}

/* Finished is accepted in one state only, which only a change_cipher_spec leads to: never "Finished before CCS". */
static void finished_of_tls12_comes_behind_a_change_cipher_spec(void **user)
{
    (void)user;
    for (const struct kt_table *const *table = kt_all_tables; *table != NULL; table++) {
        for (size_t i = 0; i < (*table)->count; i++) {
            const struct kt_row *row = &(*table)->rows[i];

            for (size_t n = 0; n < KT_ROW_NEXT_MAX; n++) {
                if (row->next[n] == KT_STATE_C12_WAIT_FINISHED || row->next[n] == KT_STATE_S12_WAIT_FINISHED) {
                    assert_int_equal(row->on, KT_ON_CCS);
                }
            }
        }
    }
}

static void no_table_is_longer_than_a_reader_can_hold(void **user)
{
    (void)user;
    for (const struct kt_table *const *table = kt_all_tables; *table != NULL; table++) {
        assert_in_range((*table)->count, 1, 30);
    }
}

/* RFC 9846 section 5: from the first ClientHello to the peer's Finished; never in rest. */
static void change_cipher_spec_is_ignored_only_while_the_peer_may_send_it(void **user)
{
    (void)user;
    for (uint8_t state = 0; state < KT_STATE_COUNT; state++) {
        if (kt_state_kind(state) == KT_STATE_IS_REST || state == KT_STATE_S_START || state == KT_STATE_NONE ||
            is_12(state)) {
            assert_false(kt_state_ignores_ccs(state));
        } else if (is_post(state)) {
            assert_false(kt_state_ignores_ccs(state));
        } else if (kt_state_kind(state) == KT_STATE_IS_READ) {
            assert_true(kt_state_ignores_ccs(state));
        }
    }
}

/* ---- the driver ---- */

static uint8_t chosen;

static const struct kt_fault *step_that_chooses(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = chosen;
    return NULL;
}

static const struct kt_row wild = {
    KT_STATE_C13_CONNECTED, KT_ROW_NO_HASH, KT_MSG_KEY_UPDATE, {KT_STATE_C13_CONNECTED}, step_that_chooses};

static const struct kt_fault *take_wild(struct kt_hs *hs, uint8_t next, bool last, const struct kt_row *row)
{
    static const uint8_t bytes[] = {KT_MSG_KEY_UPDATE, 0, 0, 1, 0};
    static struct test_env t;
    struct kt_message message = {KT_MSG_KEY_UPDATE, last, {bytes, sizeof bytes}, {bytes + 4, 1}};

    test_env_init(&t);
    *hs = (struct kt_hs){.watch = {&t.env, NULL}, .state = KT_STATE_C13_CONNECTED};
    chosen = next;
    return kt_machine_take_row(hs, row, &message);
}

static void a_step_that_chooses_a_state_its_row_does_not_declare_is_refused(void **user)
{
    (void)user;
    for (uint8_t next = 0; next < KT_STATE_COUNT; next++) {
        struct kt_hs hs;
        const struct kt_fault *fault = take_wild(&hs, next, true, &wild);

        assert_int_equal(hs.state, KT_STATE_C13_CONNECTED);
        if (next == KT_STATE_C13_CONNECTED) {
            assert_null(fault);
        } else {
            assert_int_equal(fault->reason, KT_REASON_STATE_NOT_DECLARED);
            assert_int_equal(fault->alert, KT_ALERT_INTERNAL_ERROR);
        }
    }
}

static void a_message_that_must_end_its_record_and_does_not_never_reaches_its_step(void **user)
{
    struct kt_row strict = wild;
    struct kt_hs hs;

    (void)user;
    strict.flags |= KT_ROW_LAST_IN_RECORD;
    assert_null(take_wild(&hs, KT_STATE_C13_CONNECTED, true, &strict));
    assert_int_equal(take_wild(&hs, KT_STATE_NONE, false, &strict)->reason, KT_REASON_MESSAGE_NOT_LAST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_without_a_row_is_refused_and_changes_nothing),
        cmocka_unit_test(every_row_fits_the_kind_of_its_state),
        cmocka_unit_test(no_state_has_two_rows_for_one_event),
        cmocka_unit_test(every_event_has_a_name),
        cmocka_unit_test(exactly_the_messages_before_a_change_of_keys_must_end_their_record),
        cmocka_unit_test(only_messages_after_the_handshake_are_in_no_transcript),
        cmocka_unit_test(every_state_can_be_reached_from_a_start),
        cmocka_unit_test(every_state_can_be_left_or_is_rest),
        cmocka_unit_test(no_row_changes_the_role),
        cmocka_unit_test(names_beyond_the_end_are_harmless),
        cmocka_unit_test(change_cipher_spec_is_ignored_only_while_the_peer_may_send_it),
        cmocka_unit_test(cve_2014_0224_a_change_cipher_spec_has_one_place),
        cmocka_unit_test(a_change_cipher_spec_without_a_row_changes_nothing),
        cmocka_unit_test(finished_of_tls12_comes_behind_a_change_cipher_spec),
        cmocka_unit_test(no_table_is_longer_than_a_reader_can_hold),
        cmocka_unit_test(a_step_that_chooses_a_state_its_row_does_not_declare_is_refused),
        cmocka_unit_test(a_message_that_must_end_its_record_and_does_not_never_reaches_its_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
