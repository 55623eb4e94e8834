/* Credentials: copied, checked, counted. */
#include <pthread.h>
#include <string.h>

#include "base/span.h"
#include "seam/config_view.h"
#include "support/expect_fault.h"
#include "support/test_env.h"

static const uint16_t two_schemes[] = {KT_SCHEME_ECDSA_SECP256R1_SHA256, KT_SCHEME_ED25519};

struct fixture {
    struct test_env env;
    struct kt_span chain[20];
    struct kt_span names[3];
    struct kt_credential_parts parts;
    int released;
};

static void count_release(void *key)
{
    ((struct fixture *)key)->released++;
}

static struct kt_span text(const char *s)
{
    return kt_span_of((const uint8_t *)s, strlen(s));
}

static int set_up(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof f);
    test_env_init(&f.env);
    for (size_t i = 0; i < KT_COUNT_OF(f.chain); i++) {
        f.chain[i] = text("certificate");
    }
    f.chain[1] = text("another");
    f.names[0] = text("WWW.Example.ORG");
    f.names[1] = text("*.example.org");
    f.names[2] = text("z");
    f.parts = (struct kt_credential_parts){
        .chain = f.chain,
        .chain_len = 2,
        .schemes = two_schemes,
        .scheme_count = 2,
        .names = f.names,
        .name_count = 3,
        .key = &f,
        .release_key = count_release,
    };
    *state = &f;
    return 0;
}

static void assert_text(struct kt_span span, const char *expected)
{
    assert_int_equal(span.len, strlen(expected));
    assert_memory_equal(span.p, expected, span.len);
}

static void refused(struct fixture *f)
{
    struct kt_credential *c = (struct kt_credential *)f;
    int released = f->released;

    expect_fault(kt_credential_new(&f->env.env, &f->parts, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_ptr_equal(c, f);
    assert_int_equal(f->env.live, 0);
    assert_int_equal(f->released, released);
}

static void everything_is_copied(void **state)
{
    struct fixture *f = *state;
    struct kt_span ocsp = text("status");
    struct kt_credential *c;

    f->parts.ocsp_response = &ocsp;
    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    memset(f->chain, 0, sizeof f->chain);
    memset(f->names, 0, sizeof f->names);
    assert_int_equal(kt_credential_chain_len(c), 2);
    assert_text(kt_credential_certificate(c, 0), "certificate");
    assert_text(kt_credential_certificate(c, 1), "another");
    assert_int_equal(c->scheme_count, 2);
    assert_memory_equal(c->schemes, two_schemes, sizeof two_schemes);
    assert_text(c->ocsp_response, "status");
    assert_ptr_equal(kt_credential_key(c), f);
    assert_true(kt_credential_release(c) == count_release);
    kt_credential_unref(c);
    assert_int_equal(f->env.live, 0);
}

static void names_are_lower_case(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;

    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    assert_int_equal(c->name_count, 3);
    assert_text(c->names[0], "www.example.org");
    assert_text(c->names[1], "*.example.org");
    assert_text(c->names[2], "z");
    kt_credential_unref(c);
}

static void a_certificate_beyond_the_chain_is_empty(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;

    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    assert_null(kt_credential_certificate(c, 2).p);
    assert_int_equal(kt_credential_certificate(c, 2).len, 0);
    kt_credential_unref(c);
}

static void the_key_goes_with_the_last_reference(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;

    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    assert_ptr_equal(kt_credential_ref(c), c);
    kt_credential_unref(c);
    assert_int_equal(f->released, 0);
    kt_credential_unref(c);
    assert_int_equal(f->released, 1);
    kt_credential_unref(NULL);
}

static void a_key_may_need_no_release(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;

    f->parts.release_key = NULL;
    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    assert_null(kt_credential_release(c));
    kt_credential_unref(c);
    assert_int_equal(f->env.live, 0);
}

static void the_maker_s_environment_may_go(void **state)
{
    struct fixture *f = *state;
    struct kt_env gone = f->env.env;
    struct kt_credential *c;

    expect_success(kt_credential_new(&gone, &f->parts, &c));
    memset(&gone, 0, sizeof gone);
    kt_credential_unref(c);
    assert_int_equal(f->env.live, 0);
}

static void a_chain_has_1_to_16_certificates(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;

    f->parts.chain_len = 0;
    refused(f);
    f->parts.chain_len = 17;
    refused(f);
    f->parts.chain_len = 16;
    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    kt_credential_unref(c);
    f->parts.chain = NULL;
    refused(f);
}

static void an_empty_certificate_is_refused(void **state)
{
    struct fixture *f = *state;

    f->chain[1].len = 0;
    refused(f);
}

static void a_chain_that_no_flight_could_carry_is_refused(void **state)
{
    static const uint8_t big[256 * 1024];
    struct fixture *f = *state;
    struct kt_span ocsp = kt_span_of(big, sizeof big);

    f->chain[0] = kt_span_of(big, sizeof big);
    refused(f); /* with the second certificate it is too much */
    f->chain[0] = text("small");
    f->parts.ocsp_response = &ocsp;
    refused(f);
}

static void schemes_are_1_to_16(void **state)
{
    struct fixture *f = *state;

    f->parts.scheme_count = 0;
    refused(f);
    f->parts.scheme_count = 17;
    refused(f);
    f->parts.scheme_count = 1;
    f->parts.schemes = NULL;
    refused(f);
}

static void names_have_1_to_255_bytes(void **state)
{
    static uint8_t name[256] = {'a'};
    struct fixture *f = *state;
    struct kt_credential *c;

    f->names[1] = kt_span_of(name, 256);
    refused(f);
    f->names[1] = kt_span_of(name, 0);
    refused(f);
    f->names[1] = kt_span_of(name, 255);
    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    kt_credential_unref(c);
    f->parts.names = NULL;
    refused(f);
    f->parts.name_count = 0;
    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    kt_credential_unref(c);
}

static void no_parts_or_no_memory_to_ask_is_misuse(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;

    expect_fault(kt_credential_new(&f->env.env, NULL, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_credential_new(NULL, &f->parts, &c), USAGE_ARGUMENT, INTERNAL_ERROR);
    f->env.env.alloc = NULL;
    refused(f);
}

static void without_memory_the_key_stays_the_caller_s(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;

    f->env.alloc_fail = 1;
    expect_fault(kt_credential_new(&f->env.env, &f->parts, &c), MEMORY_SPENT, INTERNAL_ERROR);
    assert_int_equal(f->released, 0);
    assert_int_equal(f->env.live, 0);
}

static void *ref_and_unref(void *credential)
{
    for (int i = 0; i < 10000; i++) {
        kt_credential_unref(kt_credential_ref(credential));
    }
    kt_credential_unref(credential);
    return NULL;
}

static void threads_may_share_it(void **state)
{
    struct fixture *f = *state;
    struct kt_credential *c;
    pthread_t threads[4];

    expect_success(kt_credential_new(&f->env.env, &f->parts, &c));
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ref_and_unref, kt_credential_ref(c)), 0);
    }
    kt_credential_unref(c);
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    assert_int_equal(f->released, 1);
    assert_int_equal(f->env.live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(everything_is_copied, set_up),
        cmocka_unit_test_setup(names_are_lower_case, set_up),
        cmocka_unit_test_setup(a_certificate_beyond_the_chain_is_empty, set_up),
        cmocka_unit_test_setup(the_key_goes_with_the_last_reference, set_up),
        cmocka_unit_test_setup(a_key_may_need_no_release, set_up),
        cmocka_unit_test_setup(the_maker_s_environment_may_go, set_up),
        cmocka_unit_test_setup(a_chain_has_1_to_16_certificates, set_up),
        cmocka_unit_test_setup(an_empty_certificate_is_refused, set_up),
        cmocka_unit_test_setup(a_chain_that_no_flight_could_carry_is_refused, set_up),
        cmocka_unit_test_setup(schemes_are_1_to_16, set_up),
        cmocka_unit_test_setup(names_have_1_to_255_bytes, set_up),
        cmocka_unit_test_setup(no_parts_or_no_memory_to_ask_is_misuse, set_up),
        cmocka_unit_test_setup(without_memory_the_key_stays_the_caller_s, set_up),
        cmocka_unit_test_setup(threads_may_share_it, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
