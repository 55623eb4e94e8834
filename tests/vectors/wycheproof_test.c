/*
 * The crypto seam against Wycheproof's vectors: KEYTURN_WYCHEPROOF names the directory with the *.json files.
 * Without it every test is skipped. "acceptable" vectors are judged by what our contract says, not by the
 * file.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <jansson.h>

#include "support/crypto_kit.h"

#include <cmocka.h>

static uint8_t buffers[5][KIT_BYTES_MAX];

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    assert_non_null(text);
    return text;
}

static struct kt_span bytes_of(const json_t *object, const char *name, uint8_t *out)
{
    assert_true(strlen(text_of(object, name)) / 2 <= KIT_BYTES_MAX);
    return kt_span_of(out, kit_hex(text_of(object, name), out));
}

static bool is(const json_t *test, const char *result)
{
    return strcmp(text_of(test, "result"), result) == 0;
}

static bool has_flag(const json_t *test, const char *flag)
{
    const json_t *flags = json_object_get(test, "flags");
    size_t i;
    json_t *each;

    json_array_foreach(flags, i, each)
    {
        if (strcmp(json_string_value(each), flag) == 0) {
            return true;
        }
    }
    return false;
}

/* Returns whether the vector was of a kind that the seam can be asked about. */
typedef bool judge_function(const json_t *group, const json_t *test, const void *argument);

static json_t *load(const char *file)
{
    const char *directory = getenv("KEYTURN_WYCHEPROOF");
    char path[4096];
    json_error_t error;
    json_t *root;

    if (directory == NULL) {
        skip();
    }
    (void)snprintf(path, sizeof path, "%s/%s", directory, file);
    root = json_load_file(path, 0, &error);
    if (root == NULL) {
        fail_msg("%s: %s", path, error.text);
    }
    return root;
}

static void each_test(const char *file, judge_function *judge, const void *argument)
{
    json_t *root = load(file);
    size_t judged = 0;
    size_t all = 0;
    size_t i;
    size_t j;
    json_t *group;
    json_t *test;

    json_array_foreach(json_object_get(root, "testGroups"), i, group)
    {
        json_array_foreach(json_object_get(group, "tests"), j, test)
        {
            all++;
            judged += judge(group, test, argument);
        }
    }
    assert_int_equal(json_integer_value(json_object_get(root, "numberOfTests")), all);
    print_message("%s: %zu of %zu vectors judged\n", file, judged, all);
    assert_true(judged > 0);
    json_decref(root);
}

static void wrong(const json_t *test, const char *what)
{
    fail_msg("test %d (%s): %s", (int)json_integer_value(json_object_get(test, "tcId")), text_of(test, "comment"),
             what);
}

/* ---- AEAD ---- */

static bool judge_aead(const json_t *group, const json_t *test, const void *argument)
{
    const uint16_t *suites = argument; /* for keys of 128 and of 256 bits; 0: none */
    json_int_t key_bits = json_integer_value(json_object_get(group, "keySize"));
    uint16_t suite = key_bits == 128 ? suites[0] : key_bits == 256 ? suites[1] : 0;
    const struct kt_aead *aead;
    struct kt_span msg = bytes_of(test, "msg", buffers[0]);
    struct kt_span ct = bytes_of(test, "ct", buffers[1]);
    struct kt_span tag = bytes_of(test, "tag", buffers[1] + ct.len);
    struct kt_span ad = bytes_of(test, "aad", buffers[2]);
    uint8_t key[32];
    uint8_t nonce[KT_NONCE_LEN];
    struct kt_aead_key *out;
    struct kt_aead_key *in;
    bool opened;

    if (suite == 0 || json_integer_value(json_object_get(group, "ivSize")) != 8 * KT_NONCE_LEN ||
        json_integer_value(json_object_get(group, "tagSize")) != 8 * KT_TAG_LEN) {
        return false;
    }
    (void)bytes_of(test, "key", key);
    (void)bytes_of(test, "iv", nonce);
    aead = kt_crypto_suite(kt_crypto_libcrypto(), suite)->aead;
    out = aead->key_new(aead, KT_SENDING, key);
    in = aead->key_new(aead, KT_RECEIVING, key);
    assert_true(aead->seal(out, nonce, ad, msg.p, msg.len, buffers[3], 0));
    if (kt_same_public(buffers[3], ct.p, ct.len + tag.len) != is(test, "valid")) {
        wrong(test, "sealed");
    }
    opened = aead->open(in, nonce, ad, buffers[1], ct.len + tag.len);
    if (opened != is(test, "valid") || (opened && !kt_same_public(buffers[1], msg.p, msg.len))) {
        wrong(test, "opened");
    }
    aead->release(out);
    aead->release(in);
    kit_assert_no_errors();
    return true;
}

static void aes_gcm(void **state)
{
    static const uint16_t suites[] = {KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_AES_256_GCM_SHA384};

    (void)state;
    each_test("aes_gcm_test.json", judge_aead, suites);
}

static void chacha20_poly1305(void **state)
{
    static const uint16_t suites[] = {0, KT_SUITE_CHACHA20_POLY1305_SHA256};

    (void)state;
    each_test("chacha20_poly1305_test.json", judge_aead, suites);
}

/* ---- key exchange: the private key goes in as the responder's random number ---- */

/* Right-aligned, or with a sign byte cut off: a scalar as long as its field. */
static void feed_scalar(struct kt_span scalar, size_t len)
{
    uint8_t padded[66] = {0};

    while (scalar.len > len) {
        assert_int_equal(scalar.p[0], 0);
        scalar = kt_span_of(scalar.p + 1, scalar.len - 1);
    }
    kt_copy(padded + len - scalar.len, scalar.p, scalar.len);
    kit_feed_random(padded, len);
}

static bool is_zero(struct kt_span bytes)
{
    static const uint8_t zero[66];

    return bytes.len <= sizeof zero && kt_same_public(bytes.p, zero, bytes.len);
}

/* Refused: invalid points and, though "acceptable", compressed ones and the zero secret of X25519 (on the
 * other curves a coordinate may be zero). All else must agree. */
static bool judge_exchange(const json_t *group, const json_t *test, const void *argument)
{
    const struct kt_group *ours = kt_crypto_group(kt_crypto_libcrypto(), *(const uint16_t *)argument);
    struct kt_span peer = bytes_of(test, "public", buffers[0]);
    struct kt_span shared = bytes_of(test, "shared", buffers[1]);
    struct kt_span scalar = bytes_of(test, "private", buffers[2]);
    bool refuse =
        is(test, "invalid") || has_flag(test, "CompressedPoint") || (ours->id == KT_GROUP_X25519 && is_zero(shared));
    const struct kt_fault *fault;
    struct kt_shared_secret secret;

    (void)group;
    feed_scalar(scalar, ours->id == KT_GROUP_X25519 ? 32 : (size_t)(ours->initiator_share_len - 1) / 2);
    fault = ours->respond(ours, peer, buffers[3], &secret);
    kit_feed_end();
    if (refuse != (fault != NULL)) {
        wrong(test, "refused or not");
    }
    if (refuse) {
        kit_assert_fault(fault, KT_REASON_KEY_SHARE_MALFORMED);
    } else if (!kt_span_same(kt_shared_secret_span(&secret), shared)) {
        wrong(test, "secret");
    }
    return true;
}

static void exchange(const char *file, uint16_t group)
{
    each_test(file, judge_exchange, &group);
}

static void x25519(void **state)
{
    (void)state;
    exchange("x25519_test.json", KT_GROUP_X25519);
}

static void ecdh_p256(void **state)
{
    (void)state;
    exchange("ecdh_secp256r1_ecpoint_test.json", KT_GROUP_SECP256R1);
}

static void ecdh_p384(void **state)
{
    (void)state;
    exchange("ecdh_secp384r1_ecpoint_test.json", KT_GROUP_SECP384R1);
}

static void ecdh_p521(void **state)
{
    (void)state;
    exchange("ecdh_secp521r1_ecpoint_test.json", KT_GROUP_SECP521R1);
}

/* ---- signatures: the group's key in the shape of a certificate ---- */

static bool judge_signature(const json_t *group, const json_t *test, const void *argument)
{
    const struct kt_crypto *crypto = kt_crypto_libcrypto();
    uint16_t scheme = *(const uint16_t *)argument;
    struct kt_span msg = bytes_of(test, "msg", buffers[0]);
    struct kt_span sig = bytes_of(test, "sig", buffers[1]);
    static struct kit_bytes certificate;
    struct kt_peer_key *key;
    bool right;

    kit_wrap_spki(bytes_of(group, "publicKeyDer", buffers[2]), &certificate);
    assert_null(crypto->peer_key_new(kit_span(&certificate), &key));
    if (scheme == KT_SCHEME_RSA_PSS_PSS_SHA256 && crypto->peer_key_kind(key) == KT_KEY_RSA) {
        scheme = KT_SCHEME_RSA_PSS_RSAE_SHA256;
    }
    right = crypto->peer_key_verify(key, scheme, msg, sig);
    if (right != is(test, "valid")) {
        wrong(test, "verified");
    }
    crypto->peer_key_release(key);
    kit_assert_no_errors();
    return true;
}

static void signatures(const char *file, uint16_t scheme)
{
    each_test(file, judge_signature, &scheme);
}

static void ecdsa_p256(void **state)
{
    (void)state;
    signatures("ecdsa_secp256r1_sha256_test.json", KT_SCHEME_ECDSA_SECP256R1_SHA256);
}

static void ecdsa_p384(void **state)
{
    (void)state;
    signatures("ecdsa_secp384r1_sha384_test.json", KT_SCHEME_ECDSA_SECP384R1_SHA384);
}

static void ecdsa_p521(void **state)
{
    (void)state;
    signatures("ecdsa_secp521r1_sha512_test.json", KT_SCHEME_ECDSA_SECP521R1_SHA512);
}

static void ed25519(void **state)
{
    (void)state;
    signatures("ed25519_test.json", KT_SCHEME_ED25519);
}

static void rsa_pss(void **state)
{
    (void)state;
    signatures("rsa_pss_2048_sha256_mgf1_32_test.json", KT_SCHEME_RSA_PSS_PSS_SHA256);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(aes_gcm),    cmocka_unit_test(chacha20_poly1305), cmocka_unit_test(x25519),
        cmocka_unit_test(ecdh_p256),  cmocka_unit_test(ecdh_p384),         cmocka_unit_test(ecdh_p521),
        cmocka_unit_test(ecdsa_p256), cmocka_unit_test(ecdsa_p384),        cmocka_unit_test(ecdsa_p521),
        cmocka_unit_test(ed25519),    cmocka_unit_test(rsa_pss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
