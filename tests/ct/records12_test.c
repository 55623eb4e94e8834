/*
 * What must not show in time does not decide about a jump or an address. The bytes that nobody may see are marked as
 * undefined for valgrind, which counts each use of them that could be seen.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <valgrind/memcheck.h>

#include "base/span.h"
#include "keys/schedule12.h"

#include <cmocka.h>

enum { FRAGMENT_MAX = 1024 };

static unsigned seen_before;

static void begin(void)
{
    assert_true(RUNNING_ON_VALGRIND);
    seen_before = VALGRIND_COUNT_ERRORS;
}

static unsigned seen(void)
{
    return VALGRIND_COUNT_ERRORS - seen_before;
}

static void hide(const void *p, size_t len)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, len);
}

static void show(const void *p, size_t len)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, len);
}

/* ---- the instrument ---- */

static volatile int sink;

__attribute__((noinline)) static void jump_on(const uint8_t *byte)
{
    if (*byte == 7) {
        sink = 1;
    }
}

__attribute__((noinline)) static void look_up(const uint8_t *byte)
{
    static const uint8_t table[256] = {1, 2, 3};

    sink = table[*byte];
}

static void the_instrument_sees_a_jump_and_a_look_up(void **state)
{
    uint8_t secret = (uint8_t)sink;

    (void)state;
    hide(&secret, 1);
    begin();
    jump_on(&secret);
    assert_int_equal(seen(), 1);
    begin();
    look_up(&secret);
    assert_true(seen() >= 1);
}

/* ---- compares ---- */

static void compares_show_nothing(void **state)
{
    uint8_t a[40] = {1, 2, 3}, b[40] = {1, 2, 4};
    uint32_t less;
    bool equal;

    (void)state;
    hide(a, sizeof a);
    hide(b, sizeof b);
    begin();
    equal = kt_ct_eq(a, b, sizeof a);
    less = kt_ct_lt(a[0], b[0]);
    a[0] = kt_ct_select((uint8_t)less, a[1], b[1]);
    assert_int_equal(seen(), 0);
    show(&equal, sizeof equal);
    assert_false(equal);
}

/* ---- records in CBC mode ---- */

static const uint8_t head[KT_MAC_HEAD] = {0, 0, 0, 0, 0, 0, 0, 9, 23, 3, 3};

struct ends {
    const struct kt_cbc *cbc;
    struct kt_cbc_key *out, *in;
    size_t iv_len;
};

static struct ends ends_new(uint16_t suite, uint16_t version)
{
    struct kt_keys12 keys = {.version = version, .key = {1}, .mac_key = {2}};
    struct ends e = {.iv_len = version == KT_TLS_1_0 ? 0 : KT_CBC_BLOCK};

    e.cbc = kt_crypto_suite(kt_crypto_libcrypto(), suite)->cbc;
    e.out = e.cbc->key_new(e.cbc, KT_SENDING, &keys);
    e.in = e.cbc->key_new(e.cbc, KT_RECEIVING, &keys);
    assert_non_null(e.out);
    assert_non_null(e.in);
    return e;
}

static void ends_free(struct ends *e)
{
    e->cbc->release(e->out);
    e->cbc->release(e->in);
}

/* Opens a fragment of which no byte may be seen, hence nothing of what it holds. */
static bool open_unseen(struct ends *e, uint8_t *fragment, size_t len)
{
    struct kt_span text;
    bool good;

    hide(fragment, len);
    begin();
    good = e->cbc->open(e->in, head, fragment, len, &text);
    assert_int_equal(seen(), 0);
    show(&good, sizeof good);
    show(&text, sizeof text);
    show(fragment, len);
    return good;
}

/*
 * The decrypted record is secret by what it was made of. A right one, and from one damaged in each of its blocks what
 * decrypts to nonsense there: wrong text, MAC, padding.
 */
static void opens_unseen(uint16_t suite, uint16_t version, size_t text_len)
{
    struct ends e = ends_new(suite, version);
    uint8_t record[FRAGMENT_MAX] = {0}, copy[FRAGMENT_MAX];
    size_t len;

    assert_true(e.cbc->seal(e.out, head, record + e.iv_len, text_len, &len));
    len += e.iv_len;
    memcpy(copy, record, len);
    assert_true(open_unseen(&e, copy, len));
    for (size_t at = 0; at < len; at += KT_CBC_BLOCK) {
        memcpy(copy, record, len);
        copy[at] ^= 0x10;
        (void)open_unseen(&e, copy, len);
    }
    ends_free(&e);
}

static void a_record_shows_nothing_until_it_is_judged(void **state)
{
    static const uint16_t suites[] = {
        KT_SUITE_RSA_WITH_AES_128_CBC_SHA,
        KT_SUITE_RSA_WITH_AES_256_CBC_SHA256,
        KT_SUITE_ECDHE_RSA_WITH_AES_256_CBC_SHA384,
    };
    static const size_t lengths[] = {0, 1, 15, 16, 31, 42, 43, 44, 51, 100, 260, 300, 600};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(suites); i++) {
        for (size_t k = 0; k < KT_COUNT_OF(lengths); k++) {
            for (uint16_t version = KT_TLS_1_0; version <= KT_TLS_1_2; version++) {
                opens_unseen(suites[i], version, lengths[k]);
            }
        }
    }
}

/* Keys must not show, either, when a record is made. */
static void sealing_shows_nothing(void **state)
{
    struct ends e = ends_new(KT_SUITE_RSA_WITH_AES_128_CBC_SHA, KT_TLS_1_2);
    uint8_t record[FRAGMENT_MAX] = {0};
    size_t len;
    bool good;

    (void)state;
    hide(record + KT_CBC_BLOCK, 300);
    begin();
    good = e.cbc->seal(e.out, head, record + KT_CBC_BLOCK, 300, &len);
    assert_int_equal(seen(), 0);
    assert_true(good);
    show(record, sizeof record);
    ends_free(&e);
}

/* ---- static RSA ---- */

static void take_unseen(uint8_t premaster[KT_PREMASTER_LEN], uint8_t first, size_t len)
{
    uint8_t decrypted[KT_PREMASTER_LEN] = {first, 3, 5};

    memset(premaster, 9, KT_PREMASTER_LEN);
    hide(premaster, KT_PREMASTER_LEN);
    hide(decrypted, sizeof decrypted);
    hide(&len, sizeof len);
    begin();
    kt_premaster12_take(premaster, decrypted, len, KT_TLS_1_2);
    assert_int_equal(seen(), 0);
}

static void whether_a_premaster_was_right_does_not_show(void **state)
{
    static const struct {
        uint8_t first;
        size_t len;
        uint8_t third;
    } cases[] = {{3, KT_PREMASTER_LEN, 5}, {2, KT_PREMASTER_LEN, 9}, {3, 0, 9}, {3, 47, 9}, {3, SIZE_MAX, 9}};
    uint8_t premaster[KT_PREMASTER_LEN];

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        take_unseen(premaster, cases[i].first, cases[i].len);
        show(premaster, sizeof premaster);
        assert_int_equal(premaster[2], cases[i].third);
    }
}

/* From the premaster secret to the keys and to Finished, by the PRF of the version. */
static void derive_unseen(uint16_t version, bool extended)
{
    const struct kt_suite *suite = kt_crypto_suite(kt_crypto_libcrypto(), KT_SUITE_RSA_WITH_AES_128_CBC_SHA);
    uint8_t premaster[KT_PREMASTER_LEN], random[KT_RANDOM_LEN] = {1}, digest[36] = {2};
    uint8_t finished[KT_FINISHED12_LEN], came[KT_FINISHED12_LEN] = {3};
    struct kt_keys12 client, server;
    const struct kt_hash *transcript;
    struct kt_secret secret;
    struct kt_prf prf;
    bool equal;

    assert_true(kt_prf12_of(kt_crypto_libcrypto(), suite, version, &prf, &transcript));
    take_unseen(premaster, 3, KT_PREMASTER_LEN);
    begin();
    if (extended) {
        kt_main_secret12_extended(&prf, kt_span_of(premaster, sizeof premaster), kt_span_of(digest, transcript->len),
                                  &secret);
    } else {
        kt_main_secret12(&prf, kt_span_of(premaster, sizeof premaster), random, random, &secret);
    }
    kt_keys12_derive(&prf, suite, version, false, &secret, random, random, &client, &server);
    kt_finished12(&prf, &secret, KT_CLIENT, kt_span_of(digest, transcript->len), finished);
    equal = kt_ct_eq(finished, came, sizeof came);
    assert_int_equal(seen(), 0);
    show(&equal, sizeof equal);
    assert_false(equal);
}

static void what_is_made_of_a_premaster_does_not_show(void **state)
{
    (void)state;
    for (uint16_t version = KT_TLS_1_0; version <= KT_TLS_1_2; version++) {
        derive_unseen(version, false);
        derive_unseen(version, true);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_instrument_sees_a_jump_and_a_look_up),
        cmocka_unit_test(compares_show_nothing),
        cmocka_unit_test(a_record_shows_nothing_until_it_is_judged),
        cmocka_unit_test(sealing_shows_nothing),
        cmocka_unit_test(whether_a_premaster_was_right_does_not_show),
        cmocka_unit_test(what_is_made_of_a_premaster_does_not_show),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
