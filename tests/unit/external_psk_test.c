/* External pre-shared keys as objects: what one may be made of, and identities taken apart. */
#include <stdlib.h>
#include <string.h>

#include "base/span.h"
#include "config/builder_impl.h"
#include "support/expect_fault.h"
#include "support/test_env.h"
#include "wire/imported_identity.h"

static struct test_env t;

static int begin(void **user)
{
    (void)user;
    test_env_init(&t);
    return 0;
}

static uint8_t bytes[65537];

static struct kt_psk_parts good(void)
{
    return (struct kt_psk_parts){{bytes, 5}, {bytes, 32}, KT_PSK_SHA256, false, {NULL, 0}};
}

static void accepts(struct kt_psk_parts parts)
{
    struct kt_psk *psk = NULL;

    expect_success(kt_psk_new(&t.env, &parts, &psk));
    assert_true(kt_span_same(kt_psk_identity(psk), parts.identity));
    assert_true(kt_psk_identity(psk).p != parts.identity.p);
    kt_psk_unref(kt_psk_ref(psk));
    kt_psk_unref(psk);
    assert_int_equal(t.live, 0);
}

static void refuses(struct kt_psk_parts parts)
{
    struct kt_psk *psk = NULL;

    expect_fault(kt_psk_new(&t.env, &parts, &psk), USAGE_ARGUMENT, INTERNAL_ERROR);
    assert_null(psk);
    assert_int_equal(t.live, 0);
}

static void keys_have_16_to_256_bytes(void **user)
{
    struct kt_psk_parts parts = good();

    (void)user;
    parts.key.len = KT_PSK_KEY_MIN;
    accepts(parts);
    parts.key.len--;
    refuses(parts);
    parts.key.len = KT_PSK_KEY_MAX;
    accepts(parts);
    parts.key.len++;
    refuses(parts);
    parts.key = kt_span_of(NULL, 32);
    refuses(parts);
}

static void identities_have_1_to_65535_bytes(void **user)
{
    struct kt_psk_parts parts = good();

    (void)user;
    parts.identity.len = 1;
    accepts(parts);
    parts.identity.len = 0;
    refuses(parts);
    parts.identity.len = 65535;
    accepts(parts);
    parts.identity.len = 65536;
    refuses(parts);
    parts.identity = kt_span_of(NULL, 4);
    refuses(parts);
}

static void imported_identities_count_with_all_around_them(void **user)
{
    struct kt_psk_parts parts = good();

    (void)user;
    parts.import = true;
    parts.identity.len = 65535 - KT_IMPORTED_IDENTITY_EXTRA;
    accepts(parts);
    parts.identity.len++;
    refuses(parts);
    parts.identity.len = 60000;
    parts.context = kt_span_of(bytes, 65535 - KT_IMPORTED_IDENTITY_EXTRA - 60000);
    accepts(parts);
    parts.context.len++;
    refuses(parts);
    parts.context.len = SIZE_MAX;
    refuses(parts);
}

static void a_context_is_for_imported_keys_only(void **user)
{
    struct kt_psk_parts parts = good();

    (void)user;
    parts.context = kt_span_of(bytes, 1);
    refuses(parts);
    parts.import = true;
    accepts(parts);
    parts.context.p = NULL;
    refuses(parts);
}

static void the_hash_is_one_of_two(void **user)
{
    struct kt_psk_parts parts = good();

    (void)user;
    parts.hash = KT_PSK_SHA384;
    accepts(parts);
    parts.hash = (enum kt_psk_hash)0;
    refuses(parts);
    parts.hash = (enum kt_psk_hash)3;
    refuses(parts);
}

static void without_memory_nothing_is_made(void **user)
{
    struct kt_psk_parts parts = good();
    struct kt_psk *psk = NULL;

    (void)user;
    t.alloc_fail = t.allocs + 1;
    expect_fault(kt_psk_new(&t.env, &parts, &psk), MEMORY_SPENT, INTERNAL_ERROR);
    kt_psk_unref(NULL);
    expect_fault(kt_psk_new(NULL, &parts, &psk), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_psk_new(&t.env, NULL, &psk), USAGE_ARGUMENT, INTERNAL_ERROR);
}

static size_t encode(struct kt_span identity, struct kt_span context, uint8_t *out, size_t cap)
{
    const struct kt_imported_identity parts = {identity, context, 0x0304, KT_PSK_SHA384};
    struct kt_writer w = kt_writer_over(out, cap);

    kt_imported_identity_encode(&w, &parts);
    assert_true(kt_writer_finish(&w));
    return w.len;
}

static void what_is_encoded_decodes_to_the_same(void **user)
{
    struct kt_imported_identity parts;
    uint8_t wire[64];
    size_t len = encode(KT_SPAN_TEXT("na\0me"), KT_SPAN_TEXT("con\0text"), wire, sizeof wire);

    (void)user;
    assert_int_equal(len, 8 + 5 + 8);
    assert_true(kt_psk_imported(kt_span_of(wire, len), &parts));
    assert_true(kt_span_same(parts.identity, KT_SPAN_TEXT("na\0me")));
    assert_true(kt_span_same(parts.context, KT_SPAN_TEXT("con\0text")));
    assert_int_equal(parts.protocol, 0x0304);
    assert_int_equal(parts.kdf, 2);
}

static void what_is_cut_or_has_more_is_no_imported_identity(void **user)
{
    struct kt_imported_identity parts;
    uint8_t wire[64];
    size_t len = encode(KT_SPAN_TEXT("name"), KT_SPAN_TEXT("context"), wire, sizeof wire);

    (void)user;
    for (size_t i = 0; i <= len + 1; i++) {
        uint8_t *exact = malloc(i + 1);

        assert_non_null(exact);
        memcpy(exact, wire, i);
        assert_int_equal(kt_psk_imported(kt_span_of(exact, i), &parts), i == len);
        free(exact);
    }
    assert_false(kt_psk_imported(KT_SPAN_TEXT("\0\0\0\0\3\4\0\1"), &parts)); /* nobody */
}

#define PSK_TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PSK_TEST(keys_have_16_to_256_bytes),
        PSK_TEST(identities_have_1_to_65535_bytes),
        PSK_TEST(imported_identities_count_with_all_around_them),
        PSK_TEST(a_context_is_for_imported_keys_only),
        PSK_TEST(the_hash_is_one_of_two),
        PSK_TEST(without_memory_nothing_is_made),
        PSK_TEST(what_is_encoded_decodes_to_the_same),
        PSK_TEST(what_is_cut_or_has_more_is_no_imported_identity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
