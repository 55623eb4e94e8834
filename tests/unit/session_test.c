/* Sessions: as bytes, sealed, and before the gate. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "crypto/toy/toy.h"
#include "session/ticket_ring.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

static struct test_env t;
static uint8_t policy[KT_DIGEST_LEN];

static struct kt_session_data sample(void)
{
    struct kt_session_data data = {
        .role = KT_SERVER,
        .version = 0x0304,
        .suite = 0x1301,
        .secret = {.len = 32, .b = {1, 2, 3}},
        .server_name = {.len = 9, .b = "a.example"},
        .alpn = {.len = 2, .b = "h2"},
        .origin = {.lineage = {9},
                   .born = 1000,
                   .end = 5000,
                   .peer = {7},
                   .has_peer = true,
                   .authenticated = true,
                   .end_point_len = 32,
                   .end_point = {8, 8}},
        .generation = 4,
        .issued = 2000,
        .lifetime = 600,
        .age_add = 77,
        .ticket = {(const uint8_t *)"ticket", 6},
    };

    memset(policy, 5, sizeof policy);
    memcpy(data.policy, policy, sizeof policy);
    return data;
}

static size_t encode(const struct kt_session_data *data, uint8_t *out, size_t cap)
{
    struct kt_writer w = kt_writer_over(out, cap);

    kt_session_encode(&w, data);
    assert_true(kt_writer_finish(&w));
    return w.len;
}

static void what_is_encoded_decodes_to_the_same(void **user)
{
    struct kt_session_data data = sample();
    struct kt_session_data back;
    uint8_t bytes[512], again[512];
    size_t len = encode(&data, bytes, sizeof bytes);

    (void)user;
    assert_null(kt_session_decode(kt_span_of(bytes, len), &back));
    assert_int_equal(encode(&back, again, sizeof again), len);
    assert_memory_equal(again, bytes, len);
    assert_int_equal(kt_session_expiry(&back), 2600);
    assert_int_equal(back.origin.end_point_len, 32);
}

static void the_longest_session_fits(void **user)
{
    struct kt_session_data data = sample();
    uint8_t bytes[KT_SESSION_FIXED_MAX];

    (void)user;
    data.secret.len = KT_HASH_MAX;
    data.server_name.len = data.alpn.len = KT_NAME_MAX;
    data.origin.end_point_len = KT_HASH_MAX;
    data.ticket.len = 0;
    (void)encode(&data, bytes, sizeof bytes);
}

static void cve_2026_5507_nothing_of_a_blob_is_trusted(void **user)
{
    struct kt_session_data data = sample();
    struct kt_session *session = NULL;
    struct kt_session_data back;
    uint8_t bytes[512] = {0};
    size_t len = encode(&data, bytes, sizeof bytes);

    (void)user;
    test_env_init(&t);
    for (size_t i = 0; i <= len + 1; i++) {
        uint8_t *exact = malloc(i + 1);

        assert_non_null(exact);
        memcpy(exact, bytes, i);
        if (i != len) {
            expect_fault(kt_session_decode(kt_span_of(exact, i), &back), SESSION_MALFORMED, INTERNAL_ERROR);
        }
        free(exact);
    }
    bytes[0] = 1; /* of an earlier version */
    expect_fault(kt_session_import(&t.env, kt_span_of(bytes, len), &session), SESSION_MALFORMED, INTERNAL_ERROR);
    bytes[0] = 3;
    expect_fault(kt_session_import(&t.env, kt_span_of(bytes, len), &session), SESSION_MALFORMED, INTERNAL_ERROR);
    assert_null(session);
}

static void refused_after(void (*spoil)(struct kt_session_data *data))
{
    struct kt_session_data data = sample();
    struct kt_session_data back;
    uint8_t bytes[512];
    size_t len;

    spoil(&data);
    len = encode(&data, bytes, sizeof bytes);
    expect_fault(kt_session_decode(kt_span_of(bytes, len), &back), SESSION_MALFORMED, INTERNAL_ERROR);
}

static void odd_role(struct kt_session_data *data)
{
    data->role = 2;
}

static void no_secret(struct kt_session_data *data)
{
    data->secret.len = 0;
}

static void long_secret(struct kt_session_data *data)
{
    data->secret.len = KT_HASH_MAX + 1;
}

/* TLS 1.3 has neither: such a session would slip through the gate's own rule for them. */
static void extended_in_13(struct kt_session_data *data)
{
    data->extended_secret = true;
}

static void by_id_in_13(struct kt_session_data *data)
{
    data->by_id = true;
}

static void nobody_authenticated(struct kt_session_data *data)
{
    data->origin.has_peer = false;
}

static void backward_lineage(struct kt_session_data *data)
{
    data->origin.end = data->origin.born - 1;
}

static void endless_lineage(struct kt_session_data *data)
{
    data->origin.end = data->origin.born + KT_SESSION_SECONDS_MAX + 1;
}

static void endless_ticket(struct kt_session_data *data)
{
    data->lifetime = KT_SESSION_SECONDS_MAX + 1;
}

static void negative_time(struct kt_session_data *data)
{
    data->issued = -1;
}

static void impossible_values_are_refused(void **user)
{
    (void)user;
    refused_after(odd_role);
    refused_after(no_secret);
    refused_after(long_secret);
    refused_after(nobody_authenticated);
    refused_after(backward_lineage);
    refused_after(endless_lineage);
    refused_after(endless_ticket);
    refused_after(negative_time);
    refused_after(extended_in_13);
    refused_after(by_id_in_13);
}

/* The length of the hash stands behind version, role, id, numbers, kind, secret, two names, origin and flags. */
static void a_hash_longer_than_any_is_refused(void **user)
{
    struct kt_session_data data = sample();
    struct kt_session_data back;
    uint8_t bytes[512];
    size_t len = encode(&data, bytes, sizeof bytes);
    size_t at = 1 + 1 + 16 + 2 + 2 + 1 + 33 + 10 + 3 + 16 + 8 + 8 + 32 + 1;

    (void)user;
    assert_int_equal(bytes[at], 32);
    bytes[at] = KT_HASH_MAX + 1;
    expect_fault(kt_session_decode(kt_span_of(bytes, len), &back), SESSION_MALFORMED, INTERNAL_ERROR);
}

static void export_needs_room(void **user)
{
    struct kt_session_data data = sample();
    struct kt_session *session = NULL;
    uint8_t bytes[512];
    size_t len;

    (void)user;
    test_env_init(&t);
    assert_null(kt_session_new(&t.env, &data, &session));
    memset(bytes, 0xee, sizeof bytes);
    len = kt_session_export(session, bytes, 10);
    assert_int_equal(bytes[0], 0xee);
    assert_int_equal(kt_session_export(session, bytes, len), len);
    assert_int_equal(bytes[0], 2);
    kt_session_unref(session);
    t.alloc_fail = t.allocs + 1;
    expect_fault(kt_session_import(&t.env, kt_span_of(bytes, len), &session), MEMORY_SPENT, INTERNAL_ERROR);
    assert_int_equal(t.live, 0);
    kt_session_unref(NULL);
}

/* Each thread has a reference, and all read the same bytes to the end. */
static void *read_again_and_again(void *shared)
{
    uint8_t once[512], again[512];
    struct kt_session *session = shared;
    size_t len = kt_session_export(session, once, sizeof once);
    bool same = true;

    for (int i = 0; i < 2000; i++) {
        struct kt_session *mine = kt_session_ref(session);

        same &= kt_session_export(mine, again, sizeof again) == len && memcmp(once, again, len) == 0 &&
                kt_session_facts(mine).issued_at == 2000;
        kt_session_unref(mine);
    }
    kt_session_unref(session);
    return same ? shared : NULL;
}

static void cve_2010_3864_threads_share_a_session_that_never_changes(void **user)
{
    struct kt_session_data data = sample();
    struct kt_session *session = NULL;
    pthread_t threads[4];
    void *same[4];

    (void)user;
    test_env_init(&t);
    assert_null(kt_session_new(&t.env, &data, &session));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, read_again_and_again, kt_session_ref(session)), 0);
    }
    kt_session_unref(session);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &same[i]);
        assert_non_null(same[i]);
    }
    assert_int_equal(t.live, 0);
}

/* ---- sealing ---- */

static void a_sealed_session_opens_under_its_ring_only(void **user)
{
    struct kt_session_data data = sample();
    struct kt_session_data back;
    struct kt_ticket_ring *ring = NULL;
    struct kt_ticket_ring *other = NULL;
    uint8_t ticket[KT_TICKET_MAX];
    struct kt_writer w = kt_writer_over(ticket, sizeof ticket);

    (void)user;
    test_env_init(&t);
    assert_null(kt_ticket_ring_new(&t.env, NULL, &ring));
    assert_null(kt_ticket_ring_new(&t.env, NULL, &other));
    assert_null(kt_session_seal(kt_crypto_toy(), &t.env, ring, &data, &w));
    assert_true(kt_session_unseal(kt_crypto_toy(), ring, kt_writer_span(&w), &back));
    assert_memory_equal(back.secret.b, data.secret.b, 32);
    assert_false(kt_session_unseal(kt_crypto_toy(), other, kt_writer_span(&w), &back));
    for (size_t i = 0; i < w.len; i++) {
        ticket[i] ^= 1;
        assert_false(kt_session_unseal(kt_crypto_toy(), ring, kt_writer_span(&w), &back));
        ticket[i] ^= 1;
        assert_false(kt_session_unseal(kt_crypto_toy(), ring, kt_span_of(ticket, i), &back));
    }
    kt_ticket_ring_unref(ring);
    kt_ticket_ring_unref(other);
    assert_int_equal(t.live, 0);
}

static void sealing_fails_cleanly(void **user)
{
    struct kt_session_data data = sample();
    struct kt_ticket_ring *ring = NULL;
    uint8_t ticket[KT_TICKET_MAX];
    struct kt_writer w = kt_writer_over(ticket, 60);

    (void)user;
    test_env_init(&t);
    assert_null(kt_ticket_ring_new(&t.env, NULL, &ring));
    expect_fault(kt_session_seal(kt_crypto_toy(), &t.env, ring, &data, &w), BUFFER_TOO_SMALL, INTERNAL_ERROR);
    t.random_fail = t.randoms + 1;
    w = kt_writer_over(ticket, sizeof ticket);
    expect_fault(kt_session_seal(kt_crypto_toy(), &t.env, ring, &data, &w), RANDOM_FAILED, INTERNAL_ERROR);
    kt_toy_fail_at(1);
    w = kt_writer_over(ticket, sizeof ticket);
    expect_fault(kt_session_seal(kt_crypto_toy(), &t.env, ring, &data, &w), MEMORY_SPENT, INTERNAL_ERROR);
    kt_toy_fail_at(2);
    w = kt_writer_over(ticket, sizeof ticket);
    expect_fault(kt_session_seal(kt_crypto_toy(), &t.env, ring, &data, &w), CRYPTO_FAILED, INTERNAL_ERROR);
    kt_toy_fail_at(0);
    kt_ticket_ring_unref(ring);
}

/* ---- the gate ---- */

static struct kt_resume_facts now_facts(const struct kt_session_data *data)
{
    return (struct kt_resume_facts){
        .role = (enum kt_role)data->role,
        .version = data->version,
        .suite = data->suite,
        .server_name = kt_session_name_span(&data->server_name),
        .alpn = kt_session_name_span(&data->alpn),
        .policy = policy,
        .generation = data->generation,
        .must_be_authenticated = true,
        .now = 2300,
        .claimed_age_ms = 300000,
    };
}

#define expect_refusal(member, value, reason)                                                                          \
    do {                                                                                                               \
        struct kt_resume_facts facts = now_facts(&data);                                                               \
        facts.member = value;                                                                                          \
        assert_int_equal(kt_session_gate(&data, &facts), KT_REFUSAL_##reason);                                         \
    } while (0)

static void the_gate_names_what_differs(void **user)
{
    struct kt_session_data data = sample();
    const uint8_t other[KT_DIGEST_LEN] = {1};

    (void)user;
    expect_refusal(now, 2300, NONE);
    expect_refusal(role, KT_CLIENT, ROLE);
    expect_refusal(version, 0x0303, VERSION);
    expect_refusal(suite, 0x1302, SUITE);
    expect_refusal(server_name, KT_SPAN_TEXT("b.example"), SERVER_NAME);
    expect_refusal(server_name, KT_SPAN_TEXT(""), SERVER_NAME);
    expect_refusal(alpn, KT_SPAN_TEXT("h3"), ALPN);
    expect_refusal(alpn, KT_SPAN_TEXT(""), ALPN);
    expect_refusal(policy, other, POLICY);
    expect_refusal(generation, 5, GENERATION);
    expect_refusal(now, 1939, FUTURE);
    expect_refusal(now, 1940, NONE);
    expect_refusal(now, 2599, NONE);
    expect_refusal(now, 2600, EXPIRED);
    expect_refusal(now, 5000, LINEAGE_ENDED);
    expect_refusal(claimed_age_ms, 610001, AGE);
    data.origin.authenticated = false;
    expect_refusal(now, 2300, NOT_AUTHENTICATED);
    expect_refusal(must_be_authenticated, false, NONE);
}

static void what_is_encoded_of_tls12_decodes_to_the_same(void **user)
{
    struct kt_session_data data = sample();
    struct kt_session_data back;
    uint8_t bytes[512];

    (void)user;
    data.version = 0x0303;
    for (unsigned kinds = 0; kinds < 4; kinds++) {
        data.extended_secret = (kinds & 1) != 0;
        data.by_id = (kinds & 2) != 0;
        assert_null(kt_session_decode(kt_span_of(bytes, encode(&data, bytes, sizeof bytes)), &back));
        assert_int_equal(back.extended_secret, data.extended_secret);
        assert_int_equal(back.by_id, data.by_id);
    }
}

/* The triple handshake: a secret that two connections may share proves nothing about the certificates (RFC 7627). */
static void cve_2014_1295_a_secret_that_is_not_bound_to_its_handshake_does_not_pass(void **user)
{
    struct kt_session_data data = sample();

    (void)user;
    expect_refusal(unbound, false, NONE);
    data.version = 0x0303;
    expect_refusal(unbound, false, UNBOUND);
    expect_refusal(unbound, true, NONE);
    data.extended_secret = true;
    expect_refusal(unbound, false, NONE);
}

/* CVE-2026-42010: a name ends where it ends, not at a NUL. */
static void cve_2026_42010_names_are_counted_bytes(void **user)
{
    struct kt_session_data data = sample();

    (void)user;
    expect_refusal(server_name, KT_SPAN_TEXT("a.example\0evil"), SERVER_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_encoded_decodes_to_the_same),
        cmocka_unit_test(the_longest_session_fits),
        cmocka_unit_test(cve_2026_5507_nothing_of_a_blob_is_trusted),
        cmocka_unit_test(what_is_encoded_of_tls12_decodes_to_the_same),
        cmocka_unit_test(cve_2014_1295_a_secret_that_is_not_bound_to_its_handshake_does_not_pass),
        cmocka_unit_test(impossible_values_are_refused),
        cmocka_unit_test(a_hash_longer_than_any_is_refused),
        cmocka_unit_test(cve_2010_3864_threads_share_a_session_that_never_changes),
        cmocka_unit_test(export_needs_room),
        cmocka_unit_test(a_sealed_session_opens_under_its_ring_only),
        cmocka_unit_test(sealing_fails_cleanly),
        cmocka_unit_test(the_gate_names_what_differs),
        cmocka_unit_test(cve_2026_42010_names_are_counted_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
