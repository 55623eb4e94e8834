#include <setjmp.h>
#include <stdarg.h>

#include "crypto/toy/toy.h"

#include <cmocka.h>

static const uint8_t key_one[32] = {1, 2, 3};
static const uint8_t key_two[32] = {4, 5, 6};
static const uint8_t nonce_one[KT_NONCE_LEN] = {7, 8, 9};

static int begin(void **state)
{
    (void)state;
    kt_toy_seed(1);
    kt_toy_fail_at(0);
    return 0;
}

static void it_lists_the_whole_registry(void **state)
{
    const struct kt_crypto *toy = kt_crypto_toy();
    size_t schemes = 0;

    (void)state;
    assert_int_equal(kt_crypto_suite(toy, KT_SUITE_AES_128_GCM_SHA256)->aead->key_len, 16);
    assert_int_equal(kt_crypto_suite(toy, KT_SUITE_AES_256_GCM_SHA384)->hash->len, 48);
    assert_true(kt_crypto_suite(toy, KT_SUITE_CHACHA20_POLY1305_SHA256)->aead->max_records == UINT64_MAX);
    assert_int_equal(kt_crypto_group(toy, KT_GROUP_X25519)->initiator_share_len, 32);
    assert_int_equal(kt_crypto_group(toy, KT_GROUP_SECP256R1)->initiator_share_len, 65);
    assert_int_equal(kt_crypto_group(toy, KT_GROUP_SECP384R1)->initiator_share_len, 97);
    assert_int_equal(kt_crypto_group(toy, KT_GROUP_SECP521R1)->initiator_share_len, 133);
    while (toy->schemes[schemes] != 0) {
        assert_non_null(kt_scheme_facts(toy->schemes[schemes++]));
    }
    assert_int_equal(schemes, 16);
}

/* ---- hash ---- */

static void digest(const struct kt_hash *hash, const uint8_t *text, size_t cut, size_t len, uint8_t *out)
{
    struct kt_hash_state running;

    hash->init(&running);
    hash->update(&running, text, cut);
    hash->update(&running, text + cut, len - cut);
    hash->final(&running, out);
}

static void hashes_depend_on_every_bit_and_not_on_pieces(void **state)
{
    const struct kt_suite *const *suite = kt_crypto_toy()->suites;
    uint8_t text[40] = "deterministic";
    uint8_t one[KT_HASH_MAX + 1];
    uint8_t two[KT_HASH_MAX + 1];

    (void)state;
    for (; *suite != NULL; suite++) {
        const struct kt_hash *hash = (*suite)->hash;

        one[hash->len] = 0x5a;
        digest(hash, text, 0, sizeof text, one);
        assert_int_equal(one[hash->len], 0x5a);
        for (size_t cut = 0; cut <= sizeof text; cut++) {
            digest(hash, text, cut, sizeof text, two);
            assert_memory_equal(one, two, hash->len);
        }
        for (size_t bit = 0; bit < 8 * sizeof text; bit++) {
            text[bit / 8] ^= (uint8_t)(1u << bit % 8);
            digest(hash, text, 5, sizeof text, two);
            assert_memory_not_equal(one, two, hash->len);
            text[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        digest(hash, text, 0, sizeof text - 1, two);
        assert_memory_not_equal(one, two, hash->len);
    }
}

/* ---- AEAD ---- */

static void each_aead(void (*check)(const struct kt_aead *aead))
{
    const struct kt_suite *const *suite = kt_crypto_toy()->suites;

    for (; *suite != NULL; suite++) {
        if ((*suite)->aead != NULL) {
            check((*suite)->aead);
        }
    }
}

static void opens_what_it_sealed(const struct kt_aead *aead)
{
    static const uint8_t text[] = "some content and a tail";
    struct kt_aead_key *out = aead->key_new(aead, KT_SENDING, key_one);
    struct kt_aead_key *in = aead->key_new(aead, KT_RECEIVING, key_one);
    uint8_t there[sizeof text + KT_TAG_LEN];
    uint8_t here[sizeof there];

    for (size_t cut = 0; cut <= sizeof text; cut++) {
        memcpy(here, text, sizeof text);
        memcpy(there + cut, text + cut, sizeof text - cut);
        assert_true(aead->seal(out, nonce_one, KT_SPAN_TEXT("ad"), text, cut, there, sizeof text - cut));
        assert_true(aead->seal(out, nonce_one, KT_SPAN_TEXT("ad"), here, cut, here, sizeof text - cut));
        assert_memory_equal(here, there, sizeof here);
        assert_memory_not_equal(here, text, sizeof text);
        assert_true(aead->open(in, nonce_one, KT_SPAN_TEXT("ad"), there, sizeof there));
        assert_memory_equal(there, text, sizeof text);
    }
    aead->release(out);
    aead->release(in);
}

static void records_open(void **state)
{
    (void)state;
    each_aead(opens_what_it_sealed);
}

static bool opens(const struct kt_aead *aead, struct kt_aead_key *in, const uint8_t *nonce, struct kt_span ad,
                  const uint8_t *record, size_t len)
{
    uint8_t copy[64];

    memcpy(copy, record, len);
    return aead->open(in, nonce, ad, copy, len);
}

static void notices_every_flip(const struct kt_aead *aead)
{
    static const uint8_t text[] = "a record";
    struct kt_aead_key *out = aead->key_new(aead, KT_SENDING, key_one);
    struct kt_aead_key *in = aead->key_new(aead, KT_RECEIVING, key_one);
    uint8_t record[sizeof text + KT_TAG_LEN];
    uint8_t nonce[KT_NONCE_LEN] = {7, 8, 9};
    uint8_t ad[5] = {23, 3, 3, 0, 25};
    struct kt_span ad_span = {ad, sizeof ad};

    assert_true(aead->seal(out, nonce, ad_span, text, sizeof text, record, 0));
    for (size_t bit = 0; bit < 8 * sizeof record; bit++) {
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(opens(aead, in, nonce, ad_span, record, sizeof record));
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof nonce; bit++) {
        nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(opens(aead, in, nonce, ad_span, record, sizeof record));
        nonce[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t bit = 0; bit < 8 * sizeof ad; bit++) {
        ad[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(opens(aead, in, nonce, ad_span, record, sizeof record));
        ad[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t len = 0; len < sizeof record; len++) {
        assert_false(opens(aead, in, nonce, ad_span, record, len));
    }
    assert_true(opens(aead, in, nonce, ad_span, record, sizeof record));
    aead->release(out);
    aead->release(in);
}

static void every_flipped_bit_is_noticed(void **state)
{
    (void)state;
    each_aead(notices_every_flip);
}

static void follows_its_key(const struct kt_aead *aead)
{
    struct kt_aead_key *out = aead->key_new(aead, KT_SENDING, key_one);
    struct kt_aead_key *in = aead->key_new(aead, KT_RECEIVING, key_one);
    uint8_t record[4 + KT_TAG_LEN] = "four";

    assert_true(aead->rekey(out, key_two));
    assert_true(aead->seal(out, nonce_one, KT_SPAN_TEXT(""), record, 4, record, 0));
    assert_false(opens(aead, in, nonce_one, KT_SPAN_TEXT(""), record, sizeof record));
    assert_true(aead->rekey(in, key_two));
    assert_true(opens(aead, in, nonce_one, KT_SPAN_TEXT(""), record, sizeof record));
    aead->release(out);
    aead->release(in);
}

static void rekey_changes_the_key(void **state)
{
    (void)state;
    each_aead(follows_its_key);
}

/* A half that holds the wrong direction's key must not go unnoticed only because both keys are equal here. */
static void minds_its_direction(const struct kt_aead *aead)
{
    struct kt_aead_key *out = aead->key_new(aead, KT_SENDING, key_one);
    struct kt_aead_key *in = aead->key_new(aead, KT_RECEIVING, key_one);
    uint8_t record[4 + KT_TAG_LEN] = "four";

    assert_false(aead->seal(in, nonce_one, KT_SPAN_TEXT(""), record, 4, record, 0));
    assert_true(aead->seal(out, nonce_one, KT_SPAN_TEXT(""), record, 4, record, 0));
    assert_false(aead->open(out, nonce_one, KT_SPAN_TEXT(""), record, sizeof record));
    aead->release(out);
    aead->release(in);
}

static void a_key_has_one_direction(void **state)
{
    (void)state;
    each_aead(minds_its_direction);
}

/* ---- key exchange ---- */

static void sides_agree(void **state)
{
    const struct kt_group *const *group = kt_crypto_toy()->groups;

    (void)state;
    for (; *group != NULL; group++) {
        uint8_t mine[KT_SHARE_MAX];
        uint8_t theirs[KT_SHARE_MAX];
        struct kt_shared_secret one;
        struct kt_shared_secret two;
        struct kt_kex *kex;
        struct kt_span share = {mine, (*group)->initiator_share_len};

        assert_null((*group)->start(*group, &kex, mine));
        assert_null((*group)->respond(*group, share, theirs, &two));
        assert_null((*group)->finish(kex, kt_span_of(theirs, (*group)->responder_share_len), &one));
        (*group)->release(kex);
        assert_true(kt_span_same(kt_shared_secret_span(&one), kt_shared_secret_span(&two)));
        assert_int_equal(one.len, share.len % 2 == 0 ? share.len : (share.len - 1) / 2);
        assert_memory_not_equal(mine, theirs, share.len);
    }
}

static void damaged_shares_are_malformed(void **state)
{
    const struct kt_group *const *group = kt_crypto_toy()->groups;

    (void)state;
    for (; *group != NULL; group++) {
        uint8_t share[KT_SHARE_MAX];
        uint8_t theirs[KT_SHARE_MAX];
        struct kt_shared_secret secret;
        struct kt_kex *kex;
        size_t len = (*group)->initiator_share_len;

        assert_null((*group)->start(*group, &kex, share));
        (*group)->release(kex);
        for (size_t bit = 0; bit < 8 * len; bit++) {
            share[bit / 8] ^= (uint8_t)(1u << bit % 8);
            assert_int_equal((*group)->respond(*group, kt_span_of(share, len), theirs, &secret)->reason,
                             KT_REASON_KEY_SHARE_MALFORMED);
            share[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        assert_int_equal((*group)->respond(*group, kt_span_of(share, len - 1), theirs, &secret)->reason,
                         KT_REASON_KEY_SHARE_MALFORMED);
        assert_int_equal((*group)->respond(*group, kt_span_of(NULL, 0), theirs, &secret)->reason,
                         KT_REASON_KEY_SHARE_MALFORMED);
    }
}

static void share_after_seed(uint64_t seed, uint8_t *first, uint8_t *second)
{
    const struct kt_group *group = kt_crypto_toy()->groups[0];
    struct kt_kex *kex;

    kt_toy_seed(seed);
    assert_null(group->start(group, &kex, first));
    group->release(kex);
    assert_null(group->start(group, &kex, second));
    group->release(kex);
}

static void the_seed_decides_the_shares(void **state)
{
    uint8_t a[2][32];
    uint8_t b[2][32];
    uint8_t c[2][32];

    (void)state;
    share_after_seed(7, a[0], a[1]);
    share_after_seed(7, b[0], b[1]);
    share_after_seed(8, c[0], c[1]);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a[0], a[1], 32);
    assert_memory_not_equal(a[0], c[0], 32);
}

/* ---- signatures ---- */

static struct kt_peer_key *key_of(struct kt_span certificate)
{
    struct kt_peer_key *key;

    assert_null(kt_crypto_toy()->peer_key_new(certificate, &key));
    return key;
}

static void the_first_byte_names_the_kind(void **state)
{
    const struct kt_crypto *toy = kt_crypto_toy();
    struct kt_peer_key *key;

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        const uint8_t certificate[] = {(uint8_t)first, 1};

        key = key_of(kt_span_of(certificate, sizeof certificate));
        assert_int_equal(toy->peer_key_kind(key), first >= KT_KEY_RSA && first <= KT_KEY_ED25519 ? first : KT_KEY_P256);
        toy->peer_key_release(key);
    }
    assert_int_equal(toy->peer_key_new(kt_span_of(NULL, 0), &key)->reason, KT_REASON_CERTIFICATE_UNPARSABLE);
}

static void a_signature_fits_one_key_one_scheme_one_content(void **state)
{
    const struct kt_crypto *toy = kt_crypto_toy();
    uint8_t certificate[] = {KT_KEY_RSA, 'a'};
    struct kt_span own = {certificate, sizeof certificate};
    struct kt_peer_key *key = key_of(own);
    uint8_t signature[KT_TOY_SIGNATURE_LEN];
    struct kt_span span = {signature, sizeof signature};
    uint16_t scheme = KT_SCHEME_RSA_PSS_RSAE_SHA256;
    struct kt_peer_key *other;

    (void)state;
    assert_int_equal(kt_toy_sign(scheme, own, KT_SPAN_TEXT("input"), signature), sizeof signature);
    assert_true(toy->peer_key_verify(key, scheme, KT_SPAN_TEXT("input"), span));
    assert_false(toy->peer_key_verify(key, KT_SCHEME_RSA_PSS_RSAE_SHA384, KT_SPAN_TEXT("input"), span));
    assert_false(toy->peer_key_verify(key, KT_SCHEME_ED25519, KT_SPAN_TEXT("input"), span));
    assert_false(toy->peer_key_verify(key, 0, KT_SPAN_TEXT("input"), span));
    assert_false(toy->peer_key_verify(key, scheme, KT_SPAN_TEXT("inpuT"), span));
    assert_false(toy->peer_key_verify(key, scheme, KT_SPAN_TEXT("inpu"), span));
    assert_false(toy->peer_key_verify(key, scheme, KT_SPAN_TEXT("input"), kt_span_of(signature, 63)));
    for (size_t bit = 0; bit < 8 * sizeof signature; bit++) {
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(toy->peer_key_verify(key, scheme, KT_SPAN_TEXT("input"), span));
        signature[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    certificate[1] = 'b';
    other = key_of(own);
    assert_false(toy->peer_key_verify(other, scheme, KT_SPAN_TEXT("input"), span));
    toy->peer_key_release(other);
    toy->peer_key_release(key);
}

/* The kind must fit the scheme, as with real keys, even when the sum is right. */
static void a_scheme_of_another_kind_fails(void **state)
{
    const struct kt_crypto *toy = kt_crypto_toy();
    struct kt_span p256 = KT_SPAN_TEXT("certificate");
    struct kt_peer_key *key = key_of(p256);
    uint8_t signature[KT_TOY_SIGNATURE_LEN];

    (void)state;
    (void)kt_toy_sign(KT_SCHEME_ED25519, p256, KT_SPAN_TEXT("x"), signature);
    assert_false(
        toy->peer_key_verify(key, KT_SCHEME_ED25519, KT_SPAN_TEXT("x"), kt_span_of(signature, sizeof signature)));
    toy->peer_key_release(key);
}

/* ---- failing on demand ---- */

/* Every fallible call once; returns how many succeeded before one failed. */
static unsigned run_until_failure(void)
{
    const struct kt_crypto *toy = kt_crypto_toy();
    const struct kt_aead *aead = toy->suites[0]->aead;
    const struct kt_group *group = toy->groups[0];
    struct kt_span certificate = KT_SPAN_TEXT("certificate");
    struct kt_aead_key *out = NULL;
    struct kt_aead_key *in = NULL;
    struct kt_kex *kex = NULL;
    struct kt_peer_key *key = NULL;
    struct kt_shared_secret secret;
    uint8_t record[4 + KT_TAG_LEN] = "four";
    uint8_t share[32];
    uint8_t answer[32];
    uint8_t signature[KT_TOY_SIGNATURE_LEN];
    unsigned done = 0;

    (void)kt_toy_sign(KT_SCHEME_ECDSA_SECP256R1_SHA256, certificate, certificate, signature);
    (void)((out = aead->key_new(aead, KT_SENDING, key_one)) != NULL && ++done > 0 &&
           (in = aead->key_new(aead, KT_RECEIVING, key_two)) != NULL && ++done > 0 && aead->rekey(in, key_one) &&
           ++done > 0 && aead->seal(out, nonce_one, certificate, record, 4, record, 0) && ++done > 0 &&
           aead->open(in, nonce_one, certificate, record, sizeof record) && ++done > 0 &&
           group->start(group, &kex, share) == NULL && ++done > 0 &&
           group->respond(group, kt_span_of(share, sizeof share), answer, &secret) == NULL && ++done > 0 &&
           group->finish(kex, kt_span_of(answer, sizeof answer), &secret) == NULL && ++done > 0 &&
           toy->peer_key_new(certificate, &key) == NULL && ++done > 0 &&
           toy->peer_key_verify(key, KT_SCHEME_ECDSA_SECP256R1_SHA256, certificate,
                                kt_span_of(signature, sizeof signature)) &&
           ++done > 0);
    aead->release(out);
    aead->release(in);
    group->release(kex);
    toy->peer_key_release(key);
    return done;
}

static void the_nth_call_fails_and_only_it(void **state)
{
    uint64_t before = kt_toy_calls();

    (void)state;
    assert_int_equal(run_until_failure(), 10);
    assert_int_equal(kt_toy_calls() - before, 10);
    for (unsigned n = 1; n <= 10; n++) {
        kt_toy_fail_at(n);
        assert_int_equal(run_until_failure(), n - 1);
        assert_int_equal(run_until_failure(), 10);
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(it_lists_the_whole_registry, begin),
        cmocka_unit_test_setup(hashes_depend_on_every_bit_and_not_on_pieces, begin),
        cmocka_unit_test_setup(records_open, begin),
        cmocka_unit_test_setup(every_flipped_bit_is_noticed, begin),
        cmocka_unit_test_setup(rekey_changes_the_key, begin),
        cmocka_unit_test_setup(a_key_has_one_direction, begin),
        cmocka_unit_test_setup(sides_agree, begin),
        cmocka_unit_test_setup(damaged_shares_are_malformed, begin),
        cmocka_unit_test_setup(the_seed_decides_the_shares, begin),
        cmocka_unit_test_setup(the_first_byte_names_the_kind, begin),
        cmocka_unit_test_setup(a_signature_fits_one_key_one_scheme_one_content, begin),
        cmocka_unit_test_setup(a_scheme_of_another_kind_fails, begin),
        cmocka_unit_test_setup(the_nth_call_fails_and_only_it, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
