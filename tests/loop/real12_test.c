/* TLS 1.2, 1.1 and 1.0 with libcrypto and real certificates: static RSA and who probes it, Diffie-Hellman, ECDSA. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <openssl/bn.h>
#include <openssl/rsa.h>

#include "base/span.h"
#include "config/builder_impl.h"
#include "registry/registry.h"
#include "support/loop.h"
#include <keyturn/pki.h>

#include "support/test_pki.h"

enum { MODULUS = 256 };

static struct loop l;
static struct test_cert *ca;
static struct kt_trust *trust;
static uint16_t lowest, highest, server_highest, suite, group, scheme;
static enum test_key key;
static enum kt_role one_scheme; /* who allows only `scheme` */
static bool mutual;

/* ---- connections ---- */

static struct kt_credential *credential_of(enum test_key kind)
{
    struct test_cert *leaf = test_leaf("server.example", kind, ca);
    const struct test_cert *certs[] = {leaf};
    struct test_bytes chain = test_pem_certs(certs, 1), pem = test_pem_key(leaf->key, TEST_FORM_PKCS8, NULL);
    struct kt_credential *credential = NULL;

    assert_null(kt_credential_from_pem(&l.env.env, test_bytes_span(&chain), test_bytes_span(&pem), NULL, &credential));
    test_bytes_free(&chain);
    test_bytes_free(&pem);
    test_cert_free(leaf);
    return credential;
}

static void settings(struct kt_builder *b, enum kt_role role)
{
    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    kt_builder_crypto(b, kt_crypto_libcrypto());
    assert_null(kt_builder_versions(b, lowest, role == KT_SERVER && server_highest != 0 ? server_highest : highest));
    if (suite != 0) {
        assert_null(kt_builder_suites(b, &suite, 1));
    }
    if (group != 0) {
        assert_null(kt_builder_groups(b, &group, 1));
    }
    if (scheme != 0 && one_scheme == role) {
        assert_null(kt_builder_schemes(b, &scheme, 1));
    }
    if (role == KT_SERVER || mutual) {
        struct kt_credential *credential = credential_of(key);

        assert_null(kt_builder_credential(b, credential));
        kt_credential_unref(credential);
    }
    if (role == KT_SERVER && mutual) {
        kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
    }
}

static void client_settings(struct kt_builder *b)
{
    settings(b, KT_CLIENT);
}

static void server_settings(struct kt_builder *b)
{
    settings(b, KT_SERVER);
}

static void prepare(void)
{
    loop_open(&l,
              &(struct loop_setup){.client = client_settings, .server = server_settings, .no_server_credential = true});
    l.hold_asks = true;
}

static bool answer(struct kt_conn *conn)
{
    const struct kt_ask *ask = kt_conn_ask(conn);
    struct kt_verify how = kt_verify_default();
    const struct kt_fault *fault;
    uint8_t out[1024];
    size_t len;

    if (ask == NULL) {
        return false;
    }
    if (ask->kind == KT_ASK_SIGN) {
        assert_null(kt_pki_sign(ask, out, sizeof out, &len));
        assert_null(kt_answer_signature(conn, out, len));
        return true;
    }
    if (ask->kind == KT_ASK_DECRYPT) {
        assert_null(kt_pki_decrypt(ask, out));
        /* What came behind is read at once: a fault of it is returned, too. */
        fault = kt_answer_decrypted(conn, out, KT_PREMASTER_LEN);
        assert_ptr_equal(fault, kt_conn_fault(conn));
        return true;
    }
    assert_int_equal(ask->kind, KT_ASK_VERIFY);
    how.at = l.env.wall;
    how.any_name = ask->u.verify.peer == KT_CLIENT;
    assert_null(kt_pki_verify(trust, &how, ask));
    assert_null(kt_answer_verified(conn));
    return true;
}

static void run(void)
{
    bool answered = true;

    while (answered) {
        loop_run(&l);
        answered = answer(l.client) || answer(l.server);
    }
}

static void transfer(void)
{
    loop_transfer(&l, KT_CLIENT, 20000);
    loop_transfer(&l, KT_SERVER, 20000);
}

static void connects(void)
{
    prepare();
    run();
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).version, highest);
    assert_true(suite == 0 || kt_conn_facts(l.server).suite == suite);
    transfer();
}

static int begin(void **user)
{
    (void)user;
    lowest = highest = KT_TLS_1_2;
    server_highest = suite = group = scheme = 0;
    mutual = false;
    key = TEST_KEY_RSA_2048;
    return 0;
}

static void only_version(uint16_t version)
{
    lowest = highest = version;
}

/* ---- static RSA ---- */

static void static_rsa_connects_with_every_suite_of_every_version(void **user)
{
    const struct kt_policy *policy = &kt_policy_2026_legacy;
    unsigned runs = 0;

    (void)user;
    for (uint16_t version = KT_TLS_1_0; version <= KT_TLS_1_2; version++) {
        for (size_t i = 0; i < policy->suite_count; i++) {
            suite = policy->suites[i];
            if (kt_suite_is_for(suite, version) && kt_suite_facts(suite)->kx == KT_KX_RSA) {
                only_version(version);
                connects();
                loop_close(&l);
                runs++;
            }
        }
    }
    assert_int_equal(runs, 2 + 2 + 8);
}

/* Until the server asks for the premaster secret. */
static void run_to_decrypt(void)
{
    suite = KT_SUITE_RSA_WITH_AES_128_CBC_SHA;
    prepare();
    do {
        loop_run(&l);
    } while (kt_conn_ask(l.server) == NULL && answer(l.client));
    assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_DECRYPT);
    assert_int_equal(kt_conn_ask(l.server)->u.decrypt.ciphertext.len, MODULUS);
}

static void the_secret_may_come_late(void **user)
{
    uint8_t premaster[KT_PREMASTER_LEN];
    const uint8_t *out;
    size_t len;

    (void)user;
    run_to_decrypt();
    for (int i = 0; i < 3; i++) {
        loop_run(&l);
        assert_int_equal(kt_conn_ask(l.server)->kind, KT_ASK_DECRYPT);
        out = kt_conn_out(l.server, &len);
        assert_true(out == NULL);
        assert_false(kt_conn_is_connected(l.client));
    }
    assert_null(kt_pki_decrypt(kt_conn_ask(l.server), premaster));
    assert_int_equal(kt_answer_decrypted(l.server, NULL, sizeof premaster)->reason, KT_REASON_USAGE_ARGUMENT);
    assert_int_equal(kt_answer_signature(l.server, premaster, sizeof premaster)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    assert_null(kt_answer_decrypted(l.server, premaster, sizeof premaster));
    assert_int_equal(kt_answer_decrypted(l.server, premaster, sizeof premaster)->reason, KT_REASON_USAGE_NOTHING_ASKED);
    run();
    loop_handshake(&l);
    transfer();
    loop_close(&l);
}

static void a_key_that_cannot_be_reached_ends_the_handshake(void **user)
{
    (void)user;
    run_to_decrypt();
    assert_null(kt_answer_refuse(l.server, NULL));
    run();
    assert_int_equal(kt_conn_fault(l.server)->reason, KT_REASON_ASK_REFUSED);
    assert_false(kt_conn_is_connected(l.client));
    loop_close(&l);
}

/* Whatever an owner answers, it is one failure. */
static void wrong_secrets_fail_at_finished_only(void **user)
{
    static const size_t lengths[] = {0, 1, 47, KT_PREMASTER_LEN, 49, 256, SIZE_MAX};
    uint8_t wrong[KT_PREMASTER_LEN] = {3, 3};

    (void)user;
    for (size_t i = 0; i < 2 * KT_COUNT_OF(lengths); i++) {
        wrong[1] = i % 2 == 0 ? 3 : 1;
        run_to_decrypt();
        assert_non_null(kt_answer_decrypted(l.server, wrong, lengths[i / 2]));
        run();
        loop_assert_failed(l.server, RECORD_BAD_MAC, BAD_RECORD_MAC);
        assert_int_equal(kt_conn_alert_received(l.client), KT_ALERT_BAD_RECORD_MAC);
        loop_close(&l);
    }
}

/* ---- static RSA: somebody probes ---- */

/* What the client encrypts, replaced by something else; and what the server says to it. */
static struct {
    uint8_t ciphertext[MODULUS + 1];
    size_t ciphertext_len;
    bool only_exchange; /* what comes behind it does not arrive */
    bool replaced;
    uint8_t said[64];
    size_t said_len;
} probe;

static size_t replace(uint8_t *record, size_t cap)
{
    size_t n = probe.ciphertext_len;
    uint8_t *at = record + 3;

    assert_true(cap > 11 + n);
    *at++ = (uint8_t)((n + 6) >> 8);
    *at++ = (uint8_t)(n + 6);
    *at++ = KT_MSG_CLIENT_KEY_EXCHANGE;
    *at++ = 0;
    *at++ = (uint8_t)((n + 2) >> 8);
    *at++ = (uint8_t)(n + 2);
    *at++ = (uint8_t)(n >> 8);
    *at++ = (uint8_t)n;
    memcpy(at, probe.ciphertext, n);
    probe.replaced = true;
    return 11 + n;
}

static size_t probing(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    (void)user;
    if (from == KT_CLIENT && !probe.replaced && record[5] == KT_MSG_CLIENT_KEY_EXCHANGE) {
        return replace(record, cap);
    }
    if (from == KT_SERVER && probe.replaced) {
        assert_true(probe.said_len + len <= sizeof probe.said);
        memcpy(probe.said + probe.said_len, record, len);
        probe.said_len += len;
    }
    return from == KT_CLIENT && probe.replaced && probe.only_exchange ? 0 : len;
}

/* The same handshake each time, up to the probe; the fault is the same each time, too. */
static void probe_with(bool only_exchange)
{
    static const uint8_t bad_record_mac[] = {KT_CONTENT_ALERT, 3, 0, 0, 2, 2, KT_ALERT_BAD_RECORD_MAC};
    uint8_t expected[sizeof bad_record_mac];

    memcpy(expected, bad_record_mac, sizeof expected);
    expected[2] = (uint8_t)highest;
    probe.only_exchange = only_exchange;
    probe.replaced = false;
    probe.said_len = 0;
    prepare();
    l.filter = probing;
    run();
    assert_true(probe.replaced);
    if (only_exchange) {
        assert_null(kt_conn_fault(l.server));
        assert_int_equal(probe.said_len, 0);
    } else {
        loop_assert_failed(l.server, RECORD_BAD_MAC, BAD_RECORD_MAC);
        assert_int_equal(probe.said_len, sizeof expected);
        assert_memory_equal(probe.said, expected, sizeof expected);
    }
    loop_close(&l);
}

static EVP_PKEY *public_key;

/* A text as long as the modulus, as it stands. */
static void encrypt(const uint8_t text[MODULUS])
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(public_key, NULL);
    size_t len = MODULUS;

    assert_int_equal(EVP_PKEY_encrypt_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_NO_PADDING), 1);
    assert_int_equal(EVP_PKEY_encrypt(ctx, probe.ciphertext, &len, text, MODULUS), 1);
    EVP_PKEY_CTX_free(ctx);
    probe.ciphertext_len = len;
}

/* PKCS#1 as it should be (RFC 8017 section 7.2.1) around a secret of that length, of which the first two are the
 * version. */
static void compose(uint8_t text[MODULUS], size_t secret_len)
{
    memset(text, 0x55, MODULUS);
    text[0] = 0;
    text[1] = 2;
    text[MODULUS - secret_len - 1] = 0;
    if (secret_len >= 2) {
        text[MODULUS - secret_len] = 3;
        text[MODULUS - secret_len + 1] = 3;
    }
}

static void probe_text(const uint8_t text[MODULUS])
{
    encrypt(text);
    probe_with(false);
    probe_with(true);
}

/* One byte of a right text is another. */
static void probe_byte(size_t at, uint8_t value)
{
    uint8_t text[MODULUS];

    compose(text, KT_PREMASTER_LEN);
    text[at] = value;
    probe_text(text);
}

static void probe_length(size_t secret_len)
{
    uint8_t text[MODULUS];

    compose(text, secret_len);
    probe_text(text);
}

static void probe_number(uint8_t fill, size_t len)
{
    memset(probe.ciphertext, fill, sizeof probe.ciphertext);
    probe.ciphertext_len = len;
    probe_with(false);
    probe_with(true);
}

static void all_probes(void)
{
    const size_t version_at = MODULUS - KT_PREMASTER_LEN;

    probe_length(KT_PREMASTER_LEN); /* nothing is wrong, but who sent it does not know it */
    probe_byte(version_at, 2);
    probe_byte(version_at + 1, 2);
    probe_byte(version_at - 1, 7); /* no zero */
    probe_byte(0, 1);
    probe_byte(1, 1);
    probe_byte(1, 0);
    probe_byte(2, 0); /* padding of 0 bytes */
    probe_byte(9, 0); /* of 7 */
    probe_byte(10, 0);
    probe_byte(version_at - 2, 0);
    probe_length(0);
    probe_length(1);
    probe_length(KT_PREMASTER_LEN - 1);
    probe_length(KT_PREMASTER_LEN + 1);
    probe_length(MODULUS - 11);
    probe_number(0, MODULUS);
    probe_number(0xff, MODULUS); /* not below the modulus */
    probe_number(1, MODULUS - 1);
    probe_number(1, MODULUS + 1);
    probe_number(1, 1);
}

static void remember_public_key(void)
{
    struct test_cert *leaf = test_leaf("server.example", TEST_KEY_RSA_2048, ca);

    public_key = leaf->key; /* RSA keys of one size are one key (test_pki.h) */
    EVP_PKEY_up_ref(public_key);
    test_cert_free(leaf);
}

static void cve_2017_13099_robot_every_probe_gets_the_same_answer(void **user)
{
    static const uint16_t suites[] = {KT_SUITE_RSA_WITH_AES_128_CBC_SHA, KT_SUITE_RSA_WITH_AES_128_GCM_SHA256};

    (void)user;
    remember_public_key();
    for (size_t i = 0; i < KT_COUNT_OF(suites); i++) {
        suite = suites[i];
        all_probes();
    }
    EVP_PKEY_free(public_key);
}

/* Not the one agreed on: a server that looked for that would refuse honest clients, or nobody (RFC 5246
 * section 7.4.7.1).
 */
static void bleichenbacher_the_version_inside_is_the_one_of_the_hello(void **user)
{
    (void)user;
    suite = KT_SUITE_RSA_WITH_AES_128_CBC_SHA;
    for (uint16_t version = KT_TLS_1_0; version <= KT_TLS_1_1; version++) {
        lowest = KT_TLS_1_0;
        highest = KT_TLS_1_2;
        server_highest = version;
        prepare();
        run();
        loop_handshake(&l);
        assert_int_equal(kt_conn_facts(l.server).version, version);
        loop_close(&l);
    }
}

/* ---- Diffie-Hellman ---- */

static void diffie_hellman_over_each_named_prime(void **user)
{
    static const uint16_t groups[] = {KT_GROUP_FFDHE2048, KT_GROUP_FFDHE3072, KT_GROUP_FFDHE4096,
                                      KT_GROUP_MODP2048,  KT_GROUP_MODP3072,  KT_GROUP_MODP4096};

    (void)user;
    suite = KT_SUITE_DHE_RSA_WITH_AES_128_CBC_SHA;
    for (size_t i = 0; i < KT_COUNT_OF(groups); i++) {
        group = groups[i];
        only_version((uint16_t)(KT_TLS_1_0 + i % 3));
        connects();
        assert_int_equal(kt_conn_facts(l.client).group, group);
        loop_close(&l);
    }
}

/* What the server says instead of its parameters. */
static struct {
    uint8_t message[2048];
    size_t len;
    bool replaced;
} params;

static size_t other_params(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    uint8_t kept[16384];
    size_t out = 5, kept_len = len - 5;

    (void)user;
    memcpy(kept, record + 5, kept_len);
    if (from != KT_SERVER || record[0] != KT_CONTENT_HANDSHAKE || params.replaced) {
        return len;
    }
    for (size_t at = 0; at < kept_len;) {
        size_t n = 4 + ((size_t)kept[at + 2] << 8 | kept[at + 3]);
        bool is_params = kept[at] == KT_MSG_SERVER_KEY_EXCHANGE;

        assert_true(at + n <= kept_len && out + n + params.len <= cap);
        memcpy(record + out, is_params ? params.message : kept + at, is_params ? params.len : n);
        out += is_params ? params.len : n;
        params.replaced |= is_params;
        at += n;
    }
    record[3] = (uint8_t)((out - 5) >> 8);
    record[4] = (uint8_t)(out - 5);
    return out;
}

static void put_number(const uint8_t *bytes, size_t len)
{
    params.message[params.len++] = (uint8_t)(len >> 8);
    params.message[params.len++] = (uint8_t)len;
    memcpy(params.message + params.len, bytes, len);
    params.len += len;
}

/* p, g and a share; the signature is never looked at. */
static void compose_params(const uint8_t *prime, size_t len, uint8_t generator)
{
    params.len = 4;
    put_number(prime, len);
    put_number(&generator, 1);
    put_number((const uint8_t *)"\x05", 1);
    memcpy(params.message + params.len, (const uint8_t[]){8, 4, 0, 4, 1, 2, 3, 4}, 8);
    params.len += 8;
    params.message[0] = KT_MSG_SERVER_KEY_EXCHANGE;
    params.message[1] = 0;
    params.message[2] = (uint8_t)((params.len - 4) >> 8);
    params.message[3] = (uint8_t)(params.len - 4);
    params.replaced = false;
}

static const struct kt_fault *fault_of_params(void)
{
    prepare();
    l.filter = other_params;
    run();
    assert_true(params.replaced);
    assert_non_null(kt_conn_fault(l.client));
    return kt_conn_fault(l.client);
}

#define refused_params(reason, alert)                                                                                  \
    do {                                                                                                               \
        loop_assert_fault(fault_of_params(), KT_REASON_##reason, KT_ALERT_##alert, __FILE__, __LINE__);                \
        loop_close(&l);                                                                                                \
    } while (0)

static void refused_prime(BIGNUM *prime, uint8_t generator)
{
    uint8_t bytes[512];

    assert_non_null(prime);
    assert_true(BN_num_bytes(prime) <= (int)sizeof bytes);
    compose_params(bytes, (size_t)BN_bn2bin(prime, bytes), generator);
    BN_free(prime);
    refused_params(DH_GROUP_UNKNOWN, HANDSHAKE_FAILURE);
}

static BIGNUM *beside(BIGNUM *prime)
{
    assert_int_equal(BN_add_word(prime, 2), 1);
    return prime;
}

static BIGNUM *prime_512(void)
{
    BIGNUM *prime = BN_new();

    assert_int_equal(BN_generate_prime_ex(prime, 512, 0, NULL, NULL, NULL), 1);
    return prime;
}

static void cve_2015_4000_logjam_primes_that_are_short_or_have_no_name_are_refused(void **user)
{
    (void)user;
    suite = KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256;
    group = KT_GROUP_MODP2048;
    refused_prime(prime_512(), 2);
    refused_prime(BN_get_rfc2409_prime_768(NULL), 2);
    refused_prime(BN_get_rfc2409_prime_1024(NULL), 2);
    refused_prime(BN_get_rfc3526_prime_1536(NULL), 2);
    refused_prime(beside(BN_get_rfc3526_prime_2048(NULL)), 2);
    refused_prime(BN_get_rfc3526_prime_2048(NULL), 3);
    refused_prime(BN_get_rfc3526_prime_3072(NULL), 2); /* it has a name, but the client does not allow it */
}

/* The named prime passes that rule: what is found then is the signature. */
static void the_prime_that_was_agreed_on_is_not_what_is_refused(void **user)
{
    uint8_t bytes[256];
    BIGNUM *prime = BN_get_rfc3526_prime_2048(NULL);

    (void)user;
    suite = KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256;
    group = KT_GROUP_MODP2048;
    compose_params(bytes, (size_t)BN_bn2bin(prime, bytes), 2);
    BN_free(prime);
    refused_params(SIGNATURE_WRONG, DECRYPT_ERROR);
}

/* Parameters are read as the suite says, never as they look. */
static void cve_2015_0204_freak_parameters_of_another_suite_are_not_understood(void **user)
{
    uint8_t bytes[256];
    BIGNUM *prime = BN_get_rfc3526_prime_2048(NULL);

    (void)user;
    suite = KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256;
    compose_params(bytes, (size_t)BN_bn2bin(prime, bytes), 2);
    BN_free(prime);
    assert_int_equal(fault_of_params()->kind, KT_KIND_PEER);
    loop_close(&l);
    suite = KT_SUITE_DHE_RSA_WITH_AES_128_GCM_SHA256;
    params.len = 4 + 4 + 32 + 8;
    memset(params.message, 7, params.len);
    memcpy(params.message, (const uint8_t[]){KT_MSG_SERVER_KEY_EXCHANGE, 0, 0, 44, 3, 0, 29, 32}, 8);
    memcpy(params.message + 40, (const uint8_t[]){8, 4, 0, 4}, 4);
    params.replaced = false;
    assert_int_equal(fault_of_params()->kind, KT_KIND_PEER);
    loop_close(&l);
}

/* ---- ECDSA: in TLS 1.2 a digest is no curve ---- */

static const struct {
    enum test_key key;
    uint16_t scheme;
} curves[] = {
    {TEST_KEY_P256, KT_SCHEME_ECDSA_SECP256R1_SHA256},
    {TEST_KEY_P384, KT_SCHEME_ECDSA_SECP384R1_SHA384},
    {TEST_KEY_P521, KT_SCHEME_ECDSA_SECP521R1_SHA512},
};

/* One side takes signatures of one scheme only: of the server's key, then of both. */
static void a_key_signs_with_the_digest_that_the_peer_takes(void **user)
{
    (void)user;
    for (size_t i = 0; i < 9; i++) {
        key = curves[i / 3].key;
        scheme = curves[i % 3].scheme;
        one_scheme = KT_CLIENT;
        mutual = false;
        connects();
        assert_int_equal(kt_conn_facts(l.client).peer_scheme, scheme);
        assert_int_equal(kt_conn_facts(l.server).own_scheme, scheme);
        loop_close(&l);
        mutual = true;
        one_scheme = KT_SERVER;
        connects();
        assert_int_equal(kt_conn_facts(l.server).peer_scheme, scheme);
        loop_close(&l);
    }
}

static void with_its_own_curve_where_it_can(void **user)
{
    (void)user;
    for (size_t i = 0; i < 3; i++) {
        key = curves[i].key;
        connects();
        assert_int_equal(kt_conn_facts(l.client).peer_scheme, curves[i].scheme);
        loop_close(&l);
    }
}

static void tls_1_3_ties_the_curve_to_the_scheme(void **user)
{
    (void)user;
    only_version(KT_TLS_1_3);
    for (size_t i = 0; i < 9; i++) {
        key = curves[i / 3].key;
        scheme = curves[i % 3].scheme;
        one_scheme = KT_CLIENT;
        prepare();
        run();
        if (i / 3 == i % 3) {
            loop_handshake(&l);
        } else {
            loop_assert_failed(l.server, SCHEME_NONE_IN_COMMON, HANDSHAKE_FAILURE);
        }
        loop_close(&l);
    }
}

static void only_p256(struct kt_builder *b)
{
    static const uint16_t groups[] = {KT_GROUP_SECP256R1};

    client_settings(b);
    assert_null(kt_builder_groups(b, groups, 1));
}

/* RFC 8422 section 5.3. */
static void a_certificate_of_a_curve_that_the_client_does_not_list_is_not_shown(void **user)
{
    const struct loop_setup setup = {.client = only_p256, .server = server_settings, .no_server_credential = true};

    (void)user;
    key = TEST_KEY_P384;
    loop_open(&l, &setup);
    run();
    loop_assert_failed(l.server, SUITE_NONE_IN_COMMON, HANDSHAKE_FAILURE);
    loop_close(&l);
    key = TEST_KEY_P256;
    loop_open(&l, &setup);
    l.hold_asks = true;
    run();
    loop_handshake(&l);
    loop_close(&l);
}

static int make_authority(void **user)
{
    struct test_bytes pem;
    const struct test_cert *certs[1];

    (void)user;
    ca = test_ca("authority");
    certs[0] = ca;
    pem = test_pem_certs(certs, 1);
    assert_null(kt_trust_new(&trust));
    assert_null(kt_trust_add_pem(trust, test_bytes_span(&pem)));
    test_bytes_free(&pem);
    return 0;
}

static int free_authority(void **user)
{
    (void)user;
    kt_trust_free(trust);
    test_cert_free(ca);
    return 0;
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(static_rsa_connects_with_every_suite_of_every_version),
        TEST(the_secret_may_come_late),
        TEST(a_key_that_cannot_be_reached_ends_the_handshake),
        TEST(wrong_secrets_fail_at_finished_only),
        TEST(cve_2017_13099_robot_every_probe_gets_the_same_answer),
        TEST(bleichenbacher_the_version_inside_is_the_one_of_the_hello),
        TEST(diffie_hellman_over_each_named_prime),
        TEST(cve_2015_4000_logjam_primes_that_are_short_or_have_no_name_are_refused),
        TEST(the_prime_that_was_agreed_on_is_not_what_is_refused),
        TEST(cve_2015_0204_freak_parameters_of_another_suite_are_not_understood),
        TEST(a_key_signs_with_the_digest_that_the_peer_takes),
        TEST(with_its_own_curve_where_it_can),
        TEST(tls_1_3_ties_the_curve_to_the_scheme),
        TEST(a_certificate_of_a_curve_that_the_client_does_not_list_is_not_shown),
    };

    return cmocka_run_group_tests(tests, make_authority, free_authority);
}
