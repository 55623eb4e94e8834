/* Every operation with each of libcrypto's allocations failing: a fault of the contract, no crash, no leak
 * (ASan). */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <openssl/crypto.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

/* Which allocation fails, counted from when it was set; 0: none. */
static size_t fail_at;

/* How many there were. */
static size_t used;

static bool fails_now(void)
{
    used++;
    return fail_at > 0 && --fail_at == 0;
}

static void *failing_malloc(size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails_now() ? NULL : malloc(len);
}

static void *failing_realloc(void *p, size_t len, const char *file, int line)
{
    (void)file;
    (void)line;
    return fails_now() ? NULL : realloc(p, len);
}

static void plain_free(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    free(p);
}

static const struct kt_crypto *crypto;

/* The peer is not to blame. Verifying has only yes and no to say. */
static bool is_ours(const struct kt_fault *fault)
{
    return fault->reason == KT_REASON_MEMORY_SPENT || fault->reason == KT_REASON_CRYPTO_FAILED ||
           fault->reason == KT_REASON_SIGNATURE_WRONG;
}

typedef const struct kt_fault *operation(const void *argument);

/*
 * Repeats with the 1st, 2nd, ... allocation failing until one run had no more to fail. libcrypto may go on
 * without the memory (a cache, an error's text), so success is allowed on the way.
 */
static void each_allocation(operation *run, const void *argument)
{
    bool all_used = false;

    for (size_t n = 1; !all_used; n++) {
        const struct kt_fault *fault;

        assert_true(n < 5000);
        fail_at = n;
        fault = run(argument);
        all_used = fail_at > 0;
        fail_at = 0;
        assert_true(!all_used || fault == NULL);
        assert_true(fault == NULL || is_ours(fault));
        kit_assert_no_errors();
    }
}

static const struct kt_fault *run_aead(const void *argument)
{
    static const uint8_t key[32] = {1};
    const struct kt_aead *aead = argument;
    struct kt_aead_key *k = aead->key_new(aead, KT_SENDING, key);

    aead->release(k);
    return k == NULL ? KT_FAULT(CRYPTO_FAILED) : NULL;
}

static const struct kt_fault *run_cbc(const void *argument)
{
    const struct kt_keys12 keys = {.version = KT_TLS_1_2};
    const struct kt_cbc *cbc = argument;
    struct kt_cbc_key *k = cbc->key_new(cbc, KT_SENDING, &keys);

    cbc->release(k);
    return k == NULL ? KT_FAULT(CRYPTO_FAILED) : NULL;
}

/* Once there is a key, neither records nor new keys allocate, and so none of them can fail for it. */
static void check_aead_records(const struct kt_aead *aead)
{
    static const uint8_t key[32] = {1}, nonce[KT_NONCE_LEN] = {2};
    struct kt_aead_key *out = aead->key_new(aead, KT_SENDING, key);
    struct kt_aead_key *in = aead->key_new(aead, KT_RECEIVING, key);
    uint8_t record[100 + KT_TAG_LEN] = {3};

    used = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(aead->seal(out, nonce, KT_SPAN_TEXT("ad"), record, 100, record, 0));
        assert_true(aead->open(in, nonce, KT_SPAN_TEXT("ad"), record, sizeof record));
        assert_true(aead->rekey(out, key) && aead->rekey(in, key));
    }
    assert_int_equal(used, 0);
    aead->release(out);
    aead->release(in);
}

static void check_cbc_records(const struct kt_cbc *cbc, uint16_t version, bool encrypt_then_mac)
{
    const struct kt_keys12 keys = {.version = version, .encrypt_then_mac = encrypt_then_mac};
    struct kt_cbc_key *out = cbc->key_new(cbc, KT_SENDING, &keys);
    struct kt_cbc_key *in = cbc->key_new(cbc, KT_RECEIVING, &keys);
    size_t iv_len = version == KT_TLS_1_0 ? 0 : KT_CBC_BLOCK;
    static const uint8_t head[KT_MAC_HEAD] = {1};
    uint8_t record[200] = {3};
    struct kt_span text;
    size_t len;

    used = 0;
    for (unsigned i = 0; i < 3; i++) {
        assert_true(cbc->seal(out, head, record + iv_len, 100, &len));
        assert_true(cbc->rekey(out, &keys));
        assert_true(cbc->open(in, head, record, iv_len + len, &text));
        assert_true(cbc->rekey(in, &keys));
    }
    assert_int_equal(used, 0);
    cbc->release(out);
    cbc->release(in);
}

static void records_allocate_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; crypto->suites[i] != NULL; i++) {
        if (crypto->suites[i]->aead != NULL) {
            check_aead_records(crypto->suites[i]->aead);
        } else {
            check_cbc_records(crypto->suites[i]->cbc, KT_TLS_1_0, false);
            check_cbc_records(crypto->suites[i]->cbc, KT_TLS_1_2, false);
            check_cbc_records(crypto->suites[i]->cbc, KT_TLS_1_2, true);
        }
    }
}

static void aead_keys(void **state)
{
    (void)state;
    for (size_t i = 0; crypto->suites[i] != NULL; i++) {
        if (crypto->suites[i]->aead != NULL) {
            each_allocation(run_aead, crypto->suites[i]->aead);
        } else {
            each_allocation(run_cbc, crypto->suites[i]->cbc);
        }
    }
}

static const struct kt_fault *run_initiator(const void *argument)
{
    const struct kt_group *group = argument;
    const struct kt_fault *fault;
    uint8_t share[KT_SHARE_MAX];
    struct kt_shared_secret secret;
    struct kt_kex *kex;

    KT_TRY(group->start(group, &kex, share));
    /* Its own share is as good a peer's as any. */
    fault = group->finish(kex, kt_span_of(share, group->initiator_share_len), &secret);
    group->release(kex);
    return fault;
}

static uint8_t peer_share[KT_SHARE_MAX];

static const struct kt_fault *run_responder(const void *argument)
{
    const struct kt_group *group = argument;
    uint8_t share[KT_SHARE_MAX];
    struct kt_shared_secret secret;

    return group->respond(group, kt_span_of(peer_share, group->initiator_share_len), share, &secret);
}

static void exchanges(void **state)
{
    struct kt_kex *kex;

    (void)state;
    for (size_t i = 0; crypto->groups[i] != NULL; i++) {
        if (crypto->groups[i]->initiator_share_len > 256) {
            continue; /* longer primes, the same code, seconds */
        }
        each_allocation(run_initiator, crypto->groups[i]);
        assert_null(crypto->groups[i]->start(crypto->groups[i], &kex, peer_share));
        crypto->groups[i]->release(kex);
        each_allocation(run_responder, crypto->groups[i]);
    }
}

struct signed_content {
    struct kit_bytes certificate;
    struct kit_bytes signature;
    uint16_t scheme;
};

static const struct kt_fault *run_verify(const void *argument)
{
    const struct signed_content *s = argument;
    struct kt_peer_key *key;
    bool right;

    KT_TRY(crypto->peer_key_new(kit_span(&s->certificate), &key));
    right = crypto->peer_key_verify(key, s->scheme, KT_SPAN_TEXT("content"), kit_span(&s->signature));
    crypto->peer_key_release(key);
    return right ? NULL : KT_FAULT(SIGNATURE_WRONG);
}

static void verify_kind(enum kt_key_kind kind, uint16_t scheme, const char *digest, enum kit_padding padding, int salt)
{
    static struct signed_content s;
    EVP_PKEY *key = kit_key(kind, 2048);

    s.scheme = scheme;
    kit_certificate(key, &s.certificate);
    kit_sign(key, digest, padding, salt, KT_SPAN_TEXT("content"), &s.signature);
    EVP_PKEY_free(key);
    assert_null(run_verify(&s));
    each_allocation(run_verify, &s);
}

static void keys_and_signatures(void **state)
{
    (void)state;
    verify_kind(KT_KEY_P256, KT_SCHEME_ECDSA_SECP256R1_SHA256, "SHA2-256", KIT_PLAIN, 0);
    verify_kind(KT_KEY_P384, KT_SCHEME_ECDSA_SECP384R1_SHA384, "SHA2-384", KIT_PLAIN, 0);
    verify_kind(KT_KEY_RSA, KT_SCHEME_RSA_PSS_RSAE_SHA256, "SHA2-256", KIT_PSS, 32);
    verify_kind(KT_KEY_RSA, KT_SCHEME_RSA_PKCS1_SHA256, "SHA2-256", KIT_PKCS1, 0);
    verify_kind(KT_KEY_RSA_PSS, KT_SCHEME_RSA_PSS_PSS_SHA384, "SHA2-384", KIT_PSS, 48);
    verify_kind(KT_KEY_ED25519, KT_SCHEME_ED25519, NULL, KIT_PLAIN, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(aead_keys),
        cmocka_unit_test(records_allocate_nothing),
        cmocka_unit_test(exchanges),
        cmocka_unit_test(keys_and_signatures),
    };

    if (CRYPTO_set_mem_functions(failing_malloc, failing_realloc, plain_free) != 1) {
        return 1;
    }
    crypto = kt_crypto_libcrypto();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
