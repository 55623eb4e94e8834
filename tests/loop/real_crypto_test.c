/* Handshakes with libcrypto and real certificates: every suite, group and kind of key; rekeys and data on top. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/builder_impl.h"
#include "support/loop.h"
#include <keyturn/pki.h>

#include "support/test_pki.h"

static struct loop l;
static struct test_cert *ca;
static struct kt_trust *trust;
static struct test_bytes chain, key, status;
static bool staple; /* the client asks for one */
static uint16_t suite, group;

/* The credential with `status` stapled to it. */
static struct kt_credential *add_status(struct kt_credential *plain)
{
    const uint16_t schemes[] = {KT_SCHEME_ECDSA_SECP256R1_SHA256};
    struct kt_span leaf = kt_credential_certificate(plain, 0);
    struct kt_span response = test_bytes_span(&status);
    struct kt_credential_parts parts = {.chain = &leaf, .chain_len = 1, .schemes = schemes, .scheme_count = 1};
    struct kt_credential *stapled = NULL;

    EVP_PKEY_up_ref(kt_credential_key(plain));
    parts.ocsp_response = &response;
    parts.key = kt_credential_key(plain);
    parts.release_key = kt_credential_release(plain);
    assert_null(kt_credential_new(&l.env.env, &parts, &stapled));
    kt_credential_unref(plain);
    return stapled;
}

static void common(struct kt_builder *b)
{
    struct kt_credential *credential = NULL;

    kt_builder_crypto(b, kt_crypto_libcrypto());
    assert_null(kt_builder_suites(b, &suite, 1));
    assert_null(kt_builder_groups(b, &group, 1));
    assert_null(kt_credential_from_pem(&l.env.env, test_bytes_span(&chain), test_bytes_span(&key), NULL, &credential));
    credential = status.len > 0 ? add_status(credential) : credential;
    kt_builder_staple(b, staple);
    assert_null(kt_builder_credential(b, credential));
    kt_credential_unref(credential);
}

static void mutual(struct kt_builder *b)
{
    common(b);
    kt_builder_client_auth(b, KT_CLIENT_AUTH_REQUIRE);
}

static bool answer(struct kt_conn *conn)
{
    const struct kt_ask *ask = kt_conn_ask(conn);
    struct kt_verify how = kt_verify_default();
    uint8_t signature[1024];
    size_t len;

    if (ask == NULL) {
        return false;
    }
    if (ask->kind == KT_ASK_SIGN) {
        assert_null(kt_pki_sign(ask, signature, sizeof signature, &len));
        assert_null(kt_answer_signature(conn, signature, len));
        return true;
    }
    assert_int_equal(ask->kind, KT_ASK_VERIFY);
    how.at = l.env.wall;
    how.any_name = ask->u.verify.peer == KT_CLIENT;
    if (ask->u.verify.peer == KT_SERVER && staple) {
        how.staple = KT_STAPLE_REQUIRE;
        assert_int_equal(ask->u.verify.ocsp_response.len, status.len);
        assert_memory_equal(ask->u.verify.ocsp_response.p, status.p, status.len);
    } else {
        assert_int_equal(ask->u.verify.ocsp_response.len, 0);
    }
    assert_null(kt_pki_verify(trust, &how, ask));
    assert_null(kt_answer_verified(conn));
    return true;
}

static void connect_real(void)
{
    bool answered = true;

    loop_open(&l, &(struct loop_setup){.client = common, .server = mutual, .no_server_credential = true});
    l.hold_asks = true;
    while (answered) {
        loop_run(&l);
        answered = answer(l.client) || answer(l.server);
    }
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).suite, suite);
    assert_int_equal(kt_conn_facts(l.server).group, group);
    assert_true(kt_conn_facts(l.client).peer_authenticated && kt_conn_facts(l.server).peer_authenticated);
}

static void exchange(void)
{
    for (int i = 0; i < 3; i++) {
        loop_transfer(&l, KT_CLIENT, 20000);
        loop_transfer(&l, KT_SERVER, 20000);
        assert_null(kt_conn_rekey(loop_conn(&l, i % 2 == 0 ? KT_CLIENT : KT_SERVER), KT_REKEY_BOTH));
        loop_run(&l);
    }
    assert_int_equal(kt_conn_epoch(l.client, KT_SENDING).number, 3);
    assert_int_equal(kt_conn_epoch(l.client, KT_RECEIVING).number, 3);
}

static void bindings_are_equal(void)
{
    static const enum kt_binding kinds[] = {KT_BINDING_TLS_EXPORTER, KT_BINDING_SERVER_END_POINT};
    uint8_t a[64], b[64];
    size_t a_len = 0, b_len = 0;

    for (size_t i = 0; i < 2; i++) {
        assert_null(kt_conn_channel_binding(l.client, kinds[i], a, sizeof a, &a_len));
        assert_null(kt_conn_channel_binding(l.server, kinds[i], b, 32, &b_len));
        assert_int_equal(a_len, 32);
        assert_int_equal(b_len, 32);
        assert_memory_equal(a, b, 32);
        assert_int_equal(kt_conn_channel_binding(l.client, kinds[i], a, 31, &a_len)->reason, KT_REASON_USAGE_ARGUMENT);
    }
}

static void with_key(enum test_key kind)
{
    static const uint16_t suites[] = {KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_AES_256_GCM_SHA384,
                                      KT_SUITE_CHACHA20_POLY1305_SHA256};
    static const uint16_t groups[] = {KT_GROUP_X25519, KT_GROUP_SECP256R1, KT_GROUP_SECP384R1, KT_GROUP_SECP521R1};
    struct test_cert *leaf = test_leaf("server.example", kind, ca);
    const struct test_cert *certs[] = {leaf};

    chain = test_pem_certs(certs, 1);
    key = test_pem_key(leaf->key, TEST_FORM_PKCS8, NULL);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < 4; j++) {
            suite = suites[i];
            group = groups[j];
            connect_real();
            exchange();
            bindings_are_equal();
            loop_close(&l);
        }
    }
    test_bytes_free(&chain);
    test_bytes_free(&key);
    test_cert_free(leaf);
}

static void p256(void **user)
{
    (void)user;
    with_key(TEST_KEY_P256);
}

static void p384(void **user)
{
    (void)user;
    with_key(TEST_KEY_P384);
}

static void p521(void **user)
{
    (void)user;
    with_key(TEST_KEY_P521);
}

static void ed25519(void **user)
{
    (void)user;
    with_key(TEST_KEY_ED25519);
}

static void rsa(void **user)
{
    (void)user;
    with_key(TEST_KEY_RSA_2048);
}

static void rsa_pss(void **user)
{
    (void)user;
    with_key(TEST_KEY_RSA_PSS_2048);
}

/* From the server to the client that asked; to one that did not ask none is sent, and none by the client. */
static void a_staple_travels_when_it_is_asked_for(void **user)
{
    struct test_cert *leaf = test_leaf("server.example", TEST_KEY_P256, ca);
    const struct test_cert *certs[] = {leaf};

    (void)user;
    suite = KT_SUITE_AES_128_GCM_SHA256;
    group = KT_GROUP_X25519;
    chain = test_pem_certs(certs, 1);
    key = test_pem_key(leaf->key, TEST_FORM_PKCS8, NULL);
    status = test_ocsp(leaf, ca, NULL);
    staple = true;
    connect_real();
    loop_close(&l);
    staple = false;
    connect_real();
    loop_close(&l);
    test_bytes_free(&status);
    test_bytes_free(&chain);
    test_bytes_free(&key);
    test_cert_free(leaf);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(p256),
        cmocka_unit_test(p384),
        cmocka_unit_test(p521),
        cmocka_unit_test(ed25519),
        cmocka_unit_test(rsa),
        cmocka_unit_test(rsa_pss),
        cmocka_unit_test(a_staple_travels_when_it_is_asked_for),
    };

    return cmocka_run_group_tests(tests, make_authority, free_authority);
}
