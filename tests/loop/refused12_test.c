/*
 * What can never be negotiated, by its number and whatever the policy: each is offered to our server, and each is
 * chosen by a server that was not asked for it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/registry.h"
#include "support/plain12.h"

static struct loop l;
static struct plain12 p;

/* All that can be allowed is. */
static void everything(struct kt_builder *b)
{
    static const uint16_t keys[] = {KT_KEY_RSA, KT_KEY_RSA_PSS, KT_KEY_ED25519};

    assert_null(kt_builder_policy(b, &kt_policy_2026_legacy));
    assert_null(kt_builder_versions(b, KT_TLS_1_0, KT_TLS_1_2));
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct kt_credential *credential = loop_credential(&l, (uint8_t)keys[i], "server.example");

        assert_null(kt_builder_credential(b, credential));
        kt_credential_unref(credential);
    }
}

static const struct loop_setup legacy = {.client = everything, .server = everything};

static void run(struct plain12 how)
{
    p = how;
    loop_open(&l, &legacy);
    l.filter = plain12_filter;
    l.filter_user = &p;
    loop_run(&l);
    assert_true(p.edits > 0);
}

static void end_refused(struct kt_conn *conn, enum kt_reason reason, enum kt_alert alert)
{
    loop_assert_fault(kt_conn_fault(conn), reason, alert, __FILE__, __LINE__);
    assert_false(kt_conn_is_connected(l.client) || kt_conn_is_connected(l.server));
    loop_close(&l);
}

/* ---- suites ---- */

static const struct {
    uint16_t id;
    const char *name;
} suites[] = {
    {0x0000, "NULL_WITH_NULL_NULL"},
    {0x0001, "RSA_WITH_NULL_MD5"},
    {0x0002, "RSA_WITH_NULL_SHA"},
    {0x003b, "RSA_WITH_NULL_SHA256"},
    {0x002d, "DHE_PSK_WITH_NULL_SHA"},
    {0xc006, "ECDHE_ECDSA_WITH_NULL_SHA"},
    {0xc010, "ECDHE_RSA_WITH_NULL_SHA"},
    {0xc0b4, "SHA256_SHA256"},
    {0x0003, "RSA_EXPORT_WITH_RC4_40_MD5"},
    {0x0006, "RSA_EXPORT_WITH_RC2_CBC_40_MD5"},
    {0x0008, "RSA_EXPORT_WITH_DES40_CBC_SHA"},
    {0x000b, "DH_DSS_EXPORT_WITH_DES40_CBC_SHA"},
    {0x000e, "DH_RSA_EXPORT_WITH_DES40_CBC_SHA"},
    {0x0011, "DHE_DSS_EXPORT_WITH_DES40_CBC_SHA"},
    {0x0014, "DHE_RSA_EXPORT_WITH_DES40_CBC_SHA"},
    {0x0017, "DH_anon_EXPORT_WITH_RC4_40_MD5"},
    {0x0019, "DH_anon_EXPORT_WITH_DES40_CBC_SHA"},
    {0x0062, "RSA_EXPORT1024_WITH_DES_CBC_SHA"},
    {0x0064, "RSA_EXPORT1024_WITH_RC4_56_SHA"},
    {0x0004, "RSA_WITH_RC4_128_MD5"},
    {0x0005, "RSA_WITH_RC4_128_SHA"},
    {0xc007, "ECDHE_ECDSA_WITH_RC4_128_SHA"},
    {0xc011, "ECDHE_RSA_WITH_RC4_128_SHA"},
    {0x0007, "RSA_WITH_IDEA_CBC_SHA"},
    {0x0009, "RSA_WITH_DES_CBC_SHA"},
    {0x000c, "DH_DSS_WITH_DES_CBC_SHA"},
    {0x000f, "DH_RSA_WITH_DES_CBC_SHA"},
    {0x0012, "DHE_DSS_WITH_DES_CBC_SHA"},
    {0x0015, "DHE_RSA_WITH_DES_CBC_SHA"},
    {0x000a, "RSA_WITH_3DES_EDE_CBC_SHA"},
    {0x0016, "DHE_RSA_WITH_3DES_EDE_CBC_SHA"},
    {0xc008, "ECDHE_ECDSA_WITH_3DES_EDE_CBC_SHA"},
    {0xc012, "ECDHE_RSA_WITH_3DES_EDE_CBC_SHA"},
    {0x0018, "DH_anon_WITH_RC4_128_MD5"},
    {0x001a, "DH_anon_WITH_DES_CBC_SHA"},
    {0x001b, "DH_anon_WITH_3DES_EDE_CBC_SHA"},
    {0x0034, "DH_anon_WITH_AES_128_CBC_SHA"},
    {0x003a, "DH_anon_WITH_AES_256_CBC_SHA"},
    {0x00a6, "DH_anon_WITH_AES_128_GCM_SHA256"},
    {0xc015, "ECDH_anon_WITH_NULL_SHA"},
    {0xc018, "ECDH_anon_WITH_AES_128_CBC_SHA"},
    {0x001c, "SSL_FORTEZZA_KEA_WITH_NULL_SHA"},
    {0x001d, "SSL_FORTEZZA_KEA_WITH_FORTEZZA_CBC_SHA"},
    {0x001e, "KRB5_WITH_DES_CBC_SHA"},
    {0x0096, "RSA_WITH_SEED_CBC_SHA"},
    {0x009a, "DHE_RSA_WITH_SEED_CBC_SHA"},
    {0x009b, "DH_anon_WITH_SEED_CBC_SHA"},
    {0x0031, "DH_RSA_WITH_AES_128_CBC_SHA"},
    {0x0032, "DHE_DSS_WITH_AES_128_CBC_SHA"},
    {0xc004, "ECDH_ECDSA_WITH_AES_128_CBC_SHA"},
    {0xc00e, "ECDH_RSA_WITH_AES_128_CBC_SHA"},
    {0x008c, "PSK_WITH_AES_128_CBC_SHA"},
    {0xc01d, "SRP_SHA_WITH_AES_128_CBC_SHA"},
    {0xc0a0, "RSA_WITH_AES_128_CCM_8"},
    {0xc0ae, "ECDHE_ECDSA_WITH_AES_128_CCM_8"},
    {0x0041, "RSA_WITH_CAMELLIA_128_CBC_SHA"},
    {0xc03c, "RSA_WITH_ARIA_128_CBC_SHA256"},
    {0x0081, "GOSTR341001_WITH_28147_CNT_IMIT"},
    {0x00ff, "EMPTY_RENEGOTIATION_INFO_SCSV"},
    {0x5600, "FALLBACK_SCSV"},
};
enum { SUITES = sizeof suites / sizeof suites[0] };

static uint8_t offered[32768];
static size_t offered_len;
static uint16_t chosen;

static void offer(struct kt_client_hello *hello)
{
    hello->suites.wire = (struct kt_span){offered, offered_len};
}

static void put_offer(unsigned id)
{
    offered[offered_len++] = (uint8_t)(id >> 8);
    offered[offered_len++] = (uint8_t)id;
}

static void a_server_takes_no_refused_suite(void **user)
{
    (void)user;
    for (size_t i = 0; i < SUITES; i++) {
        offered_len = 0;
        put_offer(suites[i].id);
        if (suites[i].id == KT_SCSV_FALLBACK) {
            continue; /* no suite, and of its own effect: rules12_test.c */
        }
        run((struct plain12){.client_hello = offer});
        end_refused(l.server, KT_REASON_SUITE_NONE_IN_COMMON, KT_ALERT_HANDSHAKE_FAILURE);
    }
}

/* All numbers that we have no name for, some thousands at once. */
static void a_server_takes_no_suite_that_it_does_not_know(void **user)
{
    unsigned unknown = 0;

    (void)user;
    for (unsigned first = 0; first < 0x10000; first += 0x1000) {
        offered_len = 0;
        for (unsigned id = first; id < first + 0x1000; id++) {
            if (kt_suite_facts((uint16_t)id) == NULL && id != KT_SCSV_FALLBACK) {
                put_offer(id);
                unknown++;
            }
        }
        run((struct plain12){.client_hello = offer});
        end_refused(l.server, KT_REASON_SUITE_NONE_IN_COMMON, KT_ALERT_HANDSHAKE_FAILURE);
    }
    assert_true(unknown > 65000);
}

static void choose(struct kt_server_hello *hello)
{
    hello->suite = chosen;
}

static void a_client_takes_no_refused_suite(void **user)
{
    (void)user;
    for (size_t i = 0; i < SUITES; i++) {
        assert_null(kt_suite_facts(suites[i].id));
        chosen = suites[i].id;
        run((struct plain12){.from = KT_SERVER, .server_hello = choose});
        end_refused(l.client, KT_REASON_SUITE_NOT_OFFERED, KT_ALERT_ILLEGAL_PARAMETER);
    }
}

/* ---- versions ---- */

static const uint16_t versions[] = {0x0000, 0x0002, 0x0200, 0x02ff, 0x0300, 0x0305, 0x7f1c, 0xfeff, 0xffff};
static uint16_t version;

static void offer_version(struct kt_client_hello *hello)
{
    static uint8_t wire[2];

    wire[0] = (uint8_t)(version >> 8);
    wire[1] = (uint8_t)version;
    hello->versions.wire = (struct kt_span){wire, sizeof wire};
    hello->seen |= KT_EXT_BIT(SUPPORTED_VERSIONS);
}

static void offer_old_version(struct kt_client_hello *hello)
{
    hello->legacy_version = version;
    hello->seen &= ~KT_EXT_BIT(SUPPORTED_VERSIONS);
}

static void choose_version(struct kt_server_hello *hello)
{
    hello->legacy_version = version;
}

static void no_refused_version_is_spoken(void **user)
{
    (void)user;
    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        version = versions[i];
        run((struct plain12){.client_hello = offer_version});
        end_refused(l.server, KT_REASON_VERSION_NOT_SUPPORTED, KT_ALERT_PROTOCOL_VERSION);
        run((struct plain12){.from = KT_SERVER, .server_hello = choose_version});
        end_refused(l.client, KT_REASON_VERSION_NOT_SUPPORTED, KT_ALERT_PROTOCOL_VERSION);
    }
}

static void cve_2014_3566_poodle_there_is_no_sslv3(void **user)
{
    (void)user;
    for (version = 0x0200; version <= 0x0300; version++) {
        run((struct plain12){.client_hello = offer_old_version});
        end_refused(l.server, KT_REASON_VERSION_NOT_SUPPORTED, KT_ALERT_PROTOCOL_VERSION);
    }
    version = 0x0300;
    run((struct plain12){.from = KT_SERVER, .server_hello = choose_version});
    end_refused(l.client, KT_REASON_VERSION_NOT_SUPPORTED, KT_ALERT_PROTOCOL_VERSION);
}

/* A hello of SSL 2.0 that offers TLS 1.2 (RFC 5246 appendix E.2): not even looked at. */
static void cve_2016_0800_drown_a_hello_of_sslv2_is_no_record(void **user)
{
    static const uint8_t hello[] = {0x80, 0x1c, 1, 3, 3, 0, 3, 0, 0,  0,  16, 0,  0,  0x2f, 1,
                                    2,    3,    4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,   16};
    size_t room;

    (void)user;
    loop_open(&l, &legacy);
    memcpy(kt_conn_in(l.server, &room), hello, sizeof hello);
    assert_non_null(kt_conn_in_done(l.server, sizeof hello));
    assert_int_equal(kt_conn_fault(l.server)->kind, KT_KIND_PEER);
    assert_int_equal(kt_conn_facts(l.server).version, 0);
    loop_close(&l);
}

/* ---- signatures ---- */

static bool is_allowed(uint16_t id)
{
    const struct kt_policy *policy = &kt_policy_2026_legacy;

    for (size_t i = 0; i < policy->scheme_count; i++) {
        if (policy->schemes[i] == id) {
            return kt_scheme_is_for(id, KT_TLS_1_2);
        }
    }
    return false;
}

/* The scheme in ServerKeyExchange: each digest, and each kind of signature (MD5, SHA-224, DSA, anonymous among them).
 */
static void a_client_takes_no_refused_signature(void **user)
{
    const int scheme_at = 1 + 2 + 1 + 32; /* behind the parameters of X25519 */
    unsigned refused = 0;

    (void)user;
    for (unsigned i = 0; i < 512; i++) {
        uint16_t id = (uint16_t)(i < 256 ? i << 8 | 3 : 0x0400 | (i - 256));

        if (!is_allowed(id)) {
            run((struct plain12){.from = KT_SERVER,
                                 .type = KT_MSG_SERVER_KEY_EXCHANGE,
                                 .how = PLAIN12_XOR,
                                 .at = i < 256 ? scheme_at : scheme_at + 1,
                                 .with = (uint8_t)(i < 256 ? i ^ 4 : (i - 256) ^ 3)});
            end_refused(l.client, KT_REASON_SCHEME_NOT_OFFERED, KT_ALERT_ILLEGAL_PARAMETER);
            refused++;
        }
    }
    assert_true(refused > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_takes_no_refused_suite),
        cmocka_unit_test(a_server_takes_no_suite_that_it_does_not_know),
        cmocka_unit_test(a_client_takes_no_refused_suite),
        cmocka_unit_test(no_refused_version_is_spoken),
        cmocka_unit_test(cve_2014_3566_poodle_there_is_no_sslv3),
        cmocka_unit_test(cve_2016_0800_drown_a_hello_of_sslv2_is_no_record),
        cmocka_unit_test(a_client_takes_no_refused_signature),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
