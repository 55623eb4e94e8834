/* kt_pki_verify: who is accepted, and for which reason the others are not. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/rsa.h>

#include <keyturn/pki.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_pki.h"

enum { CHAIN_MAX = 120 };

/* Any time between the default dates of test_pki.h. */
#define NOW INT64_C(1800000000)

static struct test_cert *root, *middle;
static struct kt_trust *trust; /* root */
static struct kt_verify how;
static uint8_t schemes[64]; /* the modern policy's, as on the wire */

static struct kt_trust *trust_in(const struct test_cert *const *certs, size_t count)
{
    struct test_bytes pem = test_pem_certs(certs, count);
    struct kt_trust *t = NULL;

    expect_success(kt_trust_new(&t));
    expect_success(kt_trust_add_pem(t, test_bytes_span(&pem)));
    test_bytes_free(&pem);
    return t;
}

static struct kt_trust *trust_one(const struct test_cert *cert)
{
    return trust_in(&cert, 1);
}

static int set_up_all(void **state)
{
    (void)state;
    root = test_ca("root");
    middle = test_intermediate("middle", root);
    trust = trust_one(root);
    for (size_t i = 0; i < kt_policy_2026_modern.cert_scheme_count; i++) {
        schemes[2 * i] = (uint8_t)(kt_policy_2026_modern.cert_schemes[i] >> 8);
        schemes[2 * i + 1] = (uint8_t)kt_policy_2026_modern.cert_schemes[i];
    }
    return 0;
}

static int tear_down_all(void **state)
{
    (void)state;
    kt_trust_free(trust);
    test_cert_free(middle);
    test_cert_free(root);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    how = kt_verify_default();
    how.at = NOW;
    return 0;
}

/* No error of libcrypto is left for whoever comes next. */
static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* A question that a test may change before it is put. */
struct question {
    struct kt_ask ask;
    struct kt_span chain[CHAIN_MAX];
};

static void ask_for(struct question *q, const struct test_cert *const *certs, size_t count)
{
    *q = (struct question){.ask = {.kind = KT_ASK_VERIFY}};
    for (size_t i = 0; i < count; i++) {
        q->chain[i] = certs[i]->der;
    }
    q->ask.u.verify.peer = KT_SERVER;
    q->ask.u.verify.chain = q->chain;
    q->ask.u.verify.chain_len = count;
    q->ask.u.verify.server_name = KT_SPAN_TEXT("www.example.org");
    q->ask.u.verify.cert_schemes.wire = kt_span_of(schemes, 2 * kt_policy_2026_modern.cert_scheme_count);
}

static const struct kt_fault *verify(const struct question *q)
{
    return kt_pki_verify(trust, &how, &q->ask);
}

static const struct kt_fault *verify_chain(const struct test_cert *const *certs, size_t count)
{
    struct question q;

    ask_for(&q, certs, count);
    return verify(&q);
}

/* A leaf made to order below middle; middle is sent, too. */
static const struct kt_fault *verify_leaf(struct test_cert_options o, enum kt_role peer)
{
    struct test_cert *leaf;
    struct question q;
    const struct kt_fault *fault;

    o.names[0] = o.names[0] != NULL || o.raw_name.len > 0 ? o.names[0] : "www.example.org";
    leaf = test_cert_new(&o, middle);
    ask_for(&q, (const struct test_cert *[]){leaf, middle}, 2);
    q.ask.u.verify.peer = peer;
    fault = verify(&q);
    test_cert_free(leaf);
    return fault;
}

static const struct kt_fault *verify_server(struct test_cert_options o)
{
    return verify_leaf(o, KT_SERVER);
}

/* good chains */

static void a_good_chain_is_accepted(void **state)
{
    (void)state;
    expect_success(verify_server((struct test_cert_options){0}));
}

static void leaves_of_all_kinds_are_accepted(void **state)
{
    static const enum test_key kinds[] = {TEST_KEY_P256,     TEST_KEY_P384,     TEST_KEY_P521,        TEST_KEY_ED25519,
                                          TEST_KEY_RSA_2048, TEST_KEY_RSA_3072, TEST_KEY_RSA_PSS_2048};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        expect_success(verify_server((struct test_cert_options){.key = kinds[i]}));
    }
}

static void authorities_of_all_kinds_are_accepted(void **state)
{
    static const struct {
        enum test_key key;
        const char *digest;
        bool pss;
    } cases[] = {
        {TEST_KEY_P256, "SHA256", false},     {TEST_KEY_P384, "SHA384", false},
        {TEST_KEY_P384, "SHA256", false}, /* not TLS's pair, but authorities do it */
        {TEST_KEY_P521, "SHA512", false},     {TEST_KEY_ED25519, NULL, false},
        {TEST_KEY_RSA_2048, "SHA256", false}, {TEST_KEY_RSA_3072, "SHA512", false},
        {TEST_KEY_RSA_2048, "SHA384", true},  {TEST_KEY_RSA_PSS_2048, "SHA256", false},
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        struct test_cert_options ca = {.key = cases[i].key, .subject = "authority", .ca = true};
        struct test_cert_options o = {.names = {"www.example.org"}, .digest = cases[i].digest, .pss = cases[i].pss};
        struct test_cert *authority = test_cert_new(&ca, root);
        struct test_cert *leaf = test_cert_new(&o, authority);

        expect_success(verify_chain((const struct test_cert *[]){leaf, authority}, 2));
        test_cert_free(leaf);
        test_cert_free(authority);
    }
}

static void extra_certificates_in_any_order_do_not_hurt(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    struct test_cert *stranger = test_ca("stranger");

    (void)state;
    expect_success(verify_chain((const struct test_cert *[]){leaf, stranger, root, middle, middle}, 5));
    test_cert_free(stranger);
    test_cert_free(leaf);
}

/* Whatever the owner put into the set is trusted, self-signed or not, authority or leaf. */
static void the_set_of_trust_decides(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    struct test_cert *self = test_leaf("www.example.org", TEST_KEY_P256, NULL);
    struct kt_trust *root_only = trust;

    (void)state;
    trust = trust_in((const struct test_cert *[]){middle, self}, 2);
    expect_success(verify_chain((const struct test_cert *[]){leaf}, 1));
    expect_success(verify_chain((const struct test_cert *[]){self}, 1));
    kt_trust_free(trust);
    trust = trust_one(leaf);
    expect_success(verify_chain((const struct test_cert *[]){leaf}, 1));
    kt_trust_free(trust);
    trust = root_only;
    test_cert_free(self);
    test_cert_free(leaf);
}

/* trust */

static void a_chain_to_nowhere_is_untrusted(void **state)
{
    struct test_cert *stranger = test_ca("stranger");
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, stranger);
    struct test_cert *orphan = test_leaf("www.example.org", TEST_KEY_P256, middle);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){leaf}, 1), CERTIFICATE_UNTRUSTED, UNKNOWN_CA);
    expect_fault(verify_chain((const struct test_cert *[]){leaf, stranger}, 2), CERTIFICATE_UNTRUSTED, UNKNOWN_CA);
    expect_fault(verify_chain((const struct test_cert *[]){orphan}, 1), CERTIFICATE_UNTRUSTED, UNKNOWN_CA);
    test_cert_free(orphan);
    test_cert_free(leaf);
    test_cert_free(stranger);
}

static void an_authority_of_the_same_name_is_not_the_same(void **state)
{
    struct test_cert_options o = {.subject = "root", .ca = true, .no_key_ids = true};
    struct test_cert *false_root = test_cert_new(&o, NULL);
    struct test_cert_options l = {.names = {"www.example.org"}, .no_key_ids = true};
    struct test_cert *leaf = test_cert_new(&l, false_root);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){leaf, false_root}, 2), CERTIFICATE_SIGNATURE_WRONG,
                 BAD_CERTIFICATE);
    test_cert_free(leaf);
    test_cert_free(false_root);
}

static void a_self_signed_leaf_is_told_apart(void **state)
{
    struct test_cert *self = test_leaf("www.example.org", TEST_KEY_P256, NULL);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){self}, 1), CERTIFICATE_SELF_SIGNED, UNKNOWN_CA);
    test_cert_free(self);
}

static void an_empty_trust_trusts_nobody(void **state)
{
    struct kt_trust *root_only = trust;

    (void)state;
    expect_success(kt_trust_new(&trust));
    expect_fault(verify_server((struct test_cert_options){0}), CERTIFICATE_UNTRUSTED, UNKNOWN_CA);
    kt_trust_free(trust);
    trust = root_only;
}

/* dates */

static void dates_are_of_the_time_given(void **state)
{
    struct test_cert_options o = {.from = NOW, .until = NOW + 100};

    (void)state;
    how.at = NOW - 1;
    expect_fault(verify_server(o), CERTIFICATE_NOT_YET_VALID, CERTIFICATE_EXPIRED);
    how.at = NOW;
    expect_success(verify_server(o));
    how.at = NOW + 99;
    expect_success(verify_server(o));
    how.at = NOW + 101;
    expect_fault(verify_server(o), CERTIFICATE_EXPIRED, CERTIFICATE_EXPIRED);
}

static void no_time_given_is_now(void **state)
{
    (void)state;
    how.at = 0;
    expect_success(verify_server((struct test_cert_options){0}));
    expect_fault(verify_server((struct test_cert_options){.until = 1000000000}), CERTIFICATE_EXPIRED,
                 CERTIFICATE_EXPIRED);
}

static void the_authority_s_dates_count(void **state)
{
    struct test_cert_options ca = {.subject = "old", .ca = true, .until = NOW - 1};
    struct test_cert *old = test_cert_new(&ca, root);
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, old);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){leaf, old}, 2), CERTIFICATE_EXPIRED, CERTIFICATE_EXPIRED);
    test_cert_free(leaf);
    test_cert_free(old);
}

/* purpose */

static void the_purpose_is_the_peer_s_role(void **state)
{
    struct test_cert_options server = {.purposes = "serverAuth"}, client = {.purposes = "clientAuth"};
    struct test_cert_options any = {.purposes = ""}, mail = {.purposes = "emailProtection"};

    (void)state;
    expect_success(verify_leaf(server, KT_SERVER));
    expect_success(verify_leaf(client, KT_CLIENT));
    expect_success(verify_leaf(any, KT_SERVER));
    expect_fault(verify_leaf(server, KT_CLIENT), CERTIFICATE_PURPOSE_WRONG, UNSUPPORTED_CERTIFICATE);
    expect_fault(verify_leaf(client, KT_SERVER), CERTIFICATE_PURPOSE_WRONG, UNSUPPORTED_CERTIFICATE);
    expect_fault(verify_leaf(mail, KT_SERVER), CERTIFICATE_PURPOSE_WRONG, UNSUPPORTED_CERTIFICATE);
}

/* A server of TLS 1.2 could do with keyEncipherment; here the key signs (RFC 9846 section 4.5.1). */
static void the_leaf_must_be_allowed_to_sign(void **state)
{
    struct test_cert_options encipher = {.key = TEST_KEY_RSA_2048, .key_usage = "critical,keyEncipherment"};
    struct test_cert_options silent = {.key_usage = ""};

    (void)state;
    expect_fault(verify_server(encipher), CERTIFICATE_PURPOSE_WRONG, UNSUPPORTED_CERTIFICATE);
    expect_success(verify_server(silent));
}

static void a_leaf_is_no_authority(void **state)
{
    struct test_cert *leaf = test_leaf("other.example", TEST_KEY_P256, middle);
    struct test_cert *below = test_leaf("www.example.org", TEST_KEY_P256, leaf);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){below, leaf, middle}, 3), CERTIFICATE_PURPOSE_WRONG,
                 UNSUPPORTED_CERTIFICATE);
    test_cert_free(below);
    test_cert_free(leaf);
}

static void an_authority_that_may_not_sign_certificates_is_none(void **state)
{
    struct test_cert_options ca = {.subject = "mute", .ca = true, .key_usage = "critical,digitalSignature"};
    struct test_cert *mute = test_cert_new(&ca, root);
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, mute);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){leaf, mute}, 2), CERTIFICATE_PURPOSE_WRONG,
                 UNSUPPORTED_CERTIFICATE);
    test_cert_free(leaf);
    test_cert_free(mute);
}

/* names */

static const struct kt_fault *verify_name(struct test_cert_options o, struct kt_span wanted)
{
    struct test_cert *leaf = test_cert_new(&o, middle);
    struct question q;
    const struct kt_fault *fault;

    ask_for(&q, (const struct test_cert *[]){leaf, middle}, 2);
    q.ask.u.verify.server_name = wanted;
    fault = verify(&q);
    test_cert_free(leaf);
    return fault;
}

static void names_are_compared_as_rfc9525_says(void **state)
{
    static const struct {
        const char *certificate, *wanted;
        bool match;
    } cases[] = {
        {"www.example.org", "www.example.org", true},
        {"www.example.org", "WWW.EXAMPLE.ORG", true},
        {"WWW.Example.org", "www.example.org", true},
        {"www.example.org", "example.org", false},
        {"example.org", "www.example.org", false},
        {"*.example.org", "www.example.org", true},
        {"*.example.org", "example.org", false},
        {"*.example.org", "a.b.example.org", false},
        {"w*.example.org", "www.example.org", false}, /* no partial wildcards */
        {"*w.example.org", "www.example.org", false},
        {"www.*.org", "www.example.org", false},
        {"*.*.org", "www.example.org", false},
        {"*", "localhost", false},
        {"*.org", "example.org", false},
        {"*.example.org", "*.example.org", false},  /* nobody is called so */
        {"www.example.org", ".example.org", false}, /* to libcrypto: any name below */
        {"www.example.org", "www.example.org.", false},
        {"www.example.org", "www example.org", false},
        {"192.0.2.1", "192.0.2.1", true},
        {"192.0.2.1", "192.0.2.2", false},
        {"2001:db8::1", "2001:db8:0::1", true},
        {"2001:db8::1", "2001:db8::2", false},
        {"www.example.org", "192.0.2.1", false},
        {"192.0.2.1", "www.example.org", false},
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        struct kt_span wanted = kt_span_of((const uint8_t *)cases[i].wanted, strlen(cases[i].wanted));
        const struct kt_fault *fault = verify_name((struct test_cert_options){.names = {cases[i].certificate}}, wanted);

        if ((fault == NULL) != cases[i].match) {
            fail_msg("%s for %s", cases[i].certificate, cases[i].wanted);
        }
        if (fault != NULL) {
            expect_fault(fault, CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
        }
    }
}

static void an_address_as_text_is_no_address(void **state)
{
    struct test_cert_options o = {.raw_name = KT_SPAN_TEXT("192.0.2.1")};

    (void)state;
    expect_fault(verify_name(o, KT_SPAN_TEXT("192.0.2.1")), CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
}

static void any_of_several_names_will_do(void **state)
{
    struct test_cert_options o = {.names = {"a.example", "b.example", "192.0.2.9"}};

    (void)state;
    expect_success(verify_name(o, KT_SPAN_TEXT("b.example")));
    expect_success(verify_name(o, KT_SPAN_TEXT("192.0.2.9")));
}

static void the_common_name_is_not_looked_at(void **state)
{
    struct test_cert_options o = {.subject = "www.example.org"};

    (void)state;
    expect_fault(verify_name(o, KT_SPAN_TEXT("www.example.org")), CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
}

static void names_are_counted_bytes(void **state)
{
    struct test_cert_options cut = {.raw_name = KT_SPAN_TEXT("www.example.org\0.evil.test")};
    struct test_cert_options ended = {.raw_name = KT_SPAN_TEXT("www.example.org\0")};
    struct test_cert_options good = {.names = {"www.example.org"}};

    (void)state;
    expect_fault(verify_name(cut, KT_SPAN_TEXT("www.example.org")), CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
    expect_fault(verify_name(ended, KT_SPAN_TEXT("www.example.org")), CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
    expect_fault(verify_name(good, KT_SPAN_TEXT("www.example.org\0.evil.test")), CERTIFICATE_NAME_MISMATCH,
                 CERTIFICATE_UNKNOWN);
    expect_fault(verify_name(good, KT_SPAN_TEXT("www.example.org\0")), CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
    expect_fault(verify_name(cut, KT_SPAN_TEXT("www.example.org\0.evil.test")), CERTIFICATE_NAME_MISMATCH,
                 CERTIFICATE_UNKNOWN);
}

static void a_name_too_long_is_nobody_s(void **state)
{
    static uint8_t name[256];

    (void)state;
    memset(name, 'a', sizeof name);
    expect_fault(verify_name((struct test_cert_options){.names = {"a.example"}}, kt_span_of(name, 256)),
                 CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
}

static void without_a_name_nobody_is_accepted_unless_any_will_do(void **state)
{
    struct test_cert_options o = {.names = {"www.example.org"}};

    (void)state;
    expect_fault(verify_name(o, kt_span_of(NULL, 0)), CERTIFICATE_NAME_MISMATCH, CERTIFICATE_UNKNOWN);
    how.any_name = true;
    expect_success(verify_name(o, kt_span_of(NULL, 0)));
    expect_success(verify_name(o, KT_SPAN_TEXT("other.example")));
}

static void a_client_has_no_name_to_compare(void **state)
{
    (void)state;
    expect_success(verify_leaf((struct test_cert_options){.names = {"somebody.example"}}, KT_CLIENT));
}

static void name_constraints_are_kept(void **state)
{
    struct test_cert_options ca = {
        .subject = "bound", .ca = true, .more = {{"nameConstraints", "critical,permitted;DNS:example.net"}}};
    struct test_cert *bound = test_cert_new(&ca, root);
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, bound);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){leaf, bound}, 2), CERTIFICATE_REFUSED, CERTIFICATE_UNKNOWN);
    test_cert_free(leaf);
    test_cert_free(bound);
}

static void an_unknown_critical_extension_is_refused(void **state)
{
    struct test_cert_options o = {.more = {{"1.2.3.4", "critical,DER:0500"}}};

    (void)state;
    expect_fault(verify_server(o), CERTIFICATE_REFUSED, CERTIFICATE_UNKNOWN);
}

/* keys */

static void weak_keys_are_refused_wherever_they_are(void **state)
{
    struct test_cert_options weak_ca = {.key = TEST_KEY_RSA_1024, .subject = "weak", .ca = true};
    struct test_cert *between = test_cert_new(&weak_ca, root), *anchor = test_cert_new(&weak_ca, NULL);
    struct test_cert *leaf1 = test_leaf("www.example.org", TEST_KEY_P256, between);
    struct test_cert *leaf2 = test_leaf("www.example.org", TEST_KEY_P256, anchor);
    struct kt_trust *root_only = trust;

    (void)state;
    expect_fault(verify_server((struct test_cert_options){.key = TEST_KEY_RSA_1024}), CERTIFICATE_KEY_WEAK,
                 BAD_CERTIFICATE);
    expect_fault(verify_server((struct test_cert_options){.key = TEST_KEY_P224}), CERTIFICATE_KEY_WEAK,
                 BAD_CERTIFICATE);
    expect_fault(verify_chain((const struct test_cert *[]){leaf1, between}, 2), CERTIFICATE_KEY_WEAK, BAD_CERTIFICATE);
    trust = trust_one(anchor);
    expect_fault(verify_chain((const struct test_cert *[]){leaf2}, 1), CERTIFICATE_KEY_WEAK, BAD_CERTIFICATE);
    kt_trust_free(trust);
    trust = root_only;
    test_cert_free(leaf1);
    test_cert_free(leaf2);
    test_cert_free(between);
    test_cert_free(anchor);
}

static void the_least_sizes_can_be_chosen(void **state)
{
    (void)state;
    how.min_rsa_bits = 3072;
    how.min_curve_bits = 256;
    expect_fault(verify_server((struct test_cert_options){.key = TEST_KEY_RSA_2048}), CERTIFICATE_KEY_WEAK,
                 BAD_CERTIFICATE);
    expect_success(verify_server((struct test_cert_options){.key = TEST_KEY_RSA_3072}));
    expect_success(verify_server((struct test_cert_options){.key = TEST_KEY_ED25519}));
    how.min_curve_bits = 257;
    expect_fault(verify_server((struct test_cert_options){.key = TEST_KEY_P384}), CERTIFICATE_KEY_WEAK,
                 BAD_CERTIFICATE); /* its authority has P-256 */
}

static void keys_without_scheme_are_unsupported(void **state)
{
    (void)state;
    expect_fault(verify_server((struct test_cert_options){.key = TEST_KEY_ED448}), CERTIFICATE_KEY_UNSUPPORTED,
                 UNSUPPORTED_CERTIFICATE);
}

/* An exponent as long as the modulus makes checking as slow as signing. */
static void a_long_exponent_is_unsupported(void **state)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
    BIGNUM *e = BN_new();
    EVP_PKEY *key = NULL;

    (void)state;
    assert_true(BN_set_bit(e, 100) == 1 && BN_add_word(e, 1) == 1);
    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
    assert_int_equal(EVP_PKEY_CTX_set1_rsa_keygen_pubexp(ctx, e), 1);
    assert_int_equal(EVP_PKEY_keygen(ctx, &key), 1);
    expect_fault(verify_server((struct test_cert_options){.use_key = key}), CERTIFICATE_KEY_UNSUPPORTED,
                 UNSUPPORTED_CERTIFICATE);
    EVP_PKEY_free(key);
    EVP_PKEY_CTX_free(ctx);
    BN_free(e);
}

/* signatures */

static void a_wrong_signature_is_refused(void **state)
{
    struct test_cert_options ca = {.subject = "false", .ca = true, .bad_signature = true};
    struct test_cert *between = test_cert_new(&ca, root);
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, between);

    (void)state;
    expect_fault(verify_server((struct test_cert_options){.bad_signature = true}), CERTIFICATE_SIGNATURE_WRONG,
                 BAD_CERTIFICATE);
    expect_fault(verify_chain((const struct test_cert *[]){leaf, between}, 2), CERTIFICATE_SIGNATURE_WRONG,
                 BAD_CERTIFICATE);
    test_cert_free(leaf);
    test_cert_free(between);
}

static void old_digests_are_refused(void **state)
{
    static const char *const digests[] = {"SHA1", "SHA224"};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(digests); i++) {
        expect_fault(verify_server((struct test_cert_options){.digest = digests[i]}), CERTIFICATE_SIGNATURE_WRONG,
                     BAD_CERTIFICATE);
    }
}

static void old_digests_of_rsa_are_refused(void **state)
{
    struct test_cert_options ca = {.key = TEST_KEY_RSA_2048, .subject = "rsa", .ca = true};
    struct test_cert *rsa = test_cert_new(&ca, root);
    static const struct {
        const char *digest;
        bool pss;
    } cases[] = {{"MD5", false}, {"SHA1", false}, {"SHA1", true}};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        struct test_cert_options o = {.names = {"www.example.org"}, .digest = cases[i].digest, .pss = cases[i].pss};
        struct test_cert *leaf = test_cert_new(&o, rsa);

        expect_fault(verify_chain((const struct test_cert *[]){leaf, rsa}, 2), CERTIFICATE_SIGNATURE_WRONG,
                     BAD_CERTIFICATE);
        test_cert_free(leaf);
    }
    test_cert_free(rsa);
}

static void how_the_authority_itself_is_signed_does_not_matter(void **state)
{
    struct test_cert_options ca = {.subject = "old root", .ca = true, .digest = "SHA1"};
    struct test_cert *old = test_cert_new(&ca, NULL);
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, old);
    struct kt_trust *root_only = trust;

    (void)state;
    trust = trust_one(old);
    expect_success(verify_chain((const struct test_cert *[]){leaf}, 1));
    kt_trust_free(trust);
    trust = root_only;
    test_cert_free(leaf);
    test_cert_free(old);
}

/* One scheme allowed, each signature: only its own passes. */
static void only_the_schemes_asked_for_are_accepted(void **state)
{
    static const struct {
        enum test_key key;
        const char *digest;
        bool pss;
        uint16_t scheme;
    } cases[] = {
        {TEST_KEY_RSA_2048, "SHA256", false, KT_SCHEME_RSA_PKCS1_SHA256},
        {TEST_KEY_RSA_2048, "SHA384", false, KT_SCHEME_RSA_PKCS1_SHA384},
        {TEST_KEY_RSA_2048, "SHA256", true, KT_SCHEME_RSA_PSS_RSAE_SHA256},
        {TEST_KEY_RSA_2048, "SHA512", true, KT_SCHEME_RSA_PSS_RSAE_SHA512},
        {TEST_KEY_RSA_PSS_2048, "SHA256", false, KT_SCHEME_RSA_PSS_PSS_SHA256},
        {TEST_KEY_P256, "SHA256", false, KT_SCHEME_ECDSA_SECP256R1_SHA256},
        {TEST_KEY_P384, "SHA384", false, KT_SCHEME_ECDSA_SECP384R1_SHA384},
        {TEST_KEY_ED25519, NULL, false, KT_SCHEME_ED25519},
        {TEST_KEY_RSA_2048, "SHA1", false, KT_SCHEME_RSA_PKCS1_SHA1},
        {TEST_KEY_P256, "SHA1", false, KT_SCHEME_ECDSA_SHA1},
    };
    struct kt_trust *root_only = trust;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(cases); i++) {
        struct test_cert_options ca = {.key = cases[i].key, .subject = "authority", .ca = true};
        struct test_cert_options o = {.names = {"www.example.org"}, .digest = cases[i].digest, .pss = cases[i].pss};
        struct test_cert *authority = test_cert_new(&ca, NULL), *leaf = test_cert_new(&o, authority);

        trust = trust_one(authority);
        for (size_t k = 0; k < KT_COUNT_OF(cases); k++) {
            /* A number nobody knows and a stray byte come along and are passed over. */
            const uint8_t allowed[] = {0xee, 0xee, (uint8_t)(cases[k].scheme >> 8), (uint8_t)cases[k].scheme, 0};
            const struct test_cert *certs[] = {leaf};
            struct question q;

            ask_for(&q, certs, 1);
            q.ask.u.verify.cert_schemes.wire = kt_span_of(allowed, sizeof allowed);
            if (k == i) {
                expect_success(verify(&q));
            } else {
                expect_fault(verify(&q), CERTIFICATE_SIGNATURE_WRONG, BAD_CERTIFICATE);
            }
        }
        kt_trust_free(trust);
        test_cert_free(leaf);
        test_cert_free(authority);
    }
    trust = root_only;
}

/* revocation */

static void a_revocation_list_is_used_where_there_is_one(void **state)
{
    struct test_cert *good = test_leaf("www.example.org", TEST_KEY_P256, middle);
    struct test_cert *bad = test_leaf("www.example.org", TEST_KEY_P256, middle);
    struct test_bytes crl = test_pem_crl(middle, (const struct test_cert *[]){bad}, 1);
    struct kt_trust *root_only = trust;

    (void)state;
    expect_success(verify_chain((const struct test_cert *[]){bad, middle}, 2));
    trust = trust_one(root);
    expect_success(kt_trust_add_pem(trust, test_bytes_span(&crl)));
    expect_success(verify_chain((const struct test_cert *[]){good, middle}, 2));
    expect_fault(verify_chain((const struct test_cert *[]){bad, middle}, 2), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    kt_trust_free(trust);
    trust = root_only;
    test_bytes_free(&crl);
    test_cert_free(good);
    test_cert_free(bad);
}

/* The chain of a leaf, checked with a trust of root and these lists. */
static const struct kt_fault *verify_with_lists(const struct test_cert *leaf, struct test_bytes *lists, size_t count)
{
    struct kt_trust *root_only = trust;
    const struct kt_fault *fault;

    trust = trust_one(root);
    for (size_t i = 0; i < count; i++) {
        expect_success(kt_trust_add_pem(trust, test_bytes_span(&lists[i])));
    }
    fault = verify_chain((const struct test_cert *[]){leaf, middle}, 2);
    kt_trust_free(trust);
    trust = root_only;
    return fault;
}

static void revocation_lists_may_be_off_or_needed(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    const struct test_cert *const revoked[] = {leaf};
    struct test_bytes empty[] = {test_pem_crl(middle, NULL, 0), test_pem_crl(root, NULL, 0)};
    struct test_bytes against[] = {test_pem_crl(middle, revoked, 1), test_pem_crl(root, NULL, 0)};

    (void)state;
    how.crl = KT_CRL_OFF;
    expect_success(verify_with_lists(leaf, against, 2));
    how.crl = KT_CRL_HARD;
    expect_success(verify_with_lists(leaf, empty, 2));
    expect_fault(verify_with_lists(leaf, against, 2), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    expect_fault(verify_with_lists(leaf, empty, 0), CERTIFICATE_CRL_MISSING, CERTIFICATE_UNKNOWN);
    expect_fault(verify_with_lists(leaf, empty, 1), CERTIFICATE_CRL_MISSING, CERTIFICATE_UNKNOWN);
    expect_fault(verify_with_lists(leaf, empty + 1, 1), CERTIFICATE_CRL_MISSING, CERTIFICATE_UNKNOWN);
    for (size_t i = 0; i < 2; i++) {
        test_bytes_free(&empty[i]);
        test_bytes_free(&against[i]);
    }
    test_cert_free(leaf);
}

static void a_revoked_authority_takes_its_leaves_along(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    const struct test_cert *const revoked[] = {middle};
    struct test_bytes list = test_pem_crl(root, revoked, 1);

    (void)state;
    expect_fault(verify_with_lists(leaf, &list, 1), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    test_bytes_free(&list);
    test_cert_free(leaf);
}

static void a_list_that_does_not_count_is_refused(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    struct test_cert *twin = test_intermediate("middle", root);
    struct test_bytes old = test_pem_crl_until(middle, NULL, 0, NOW - 1);
    struct test_bytes foreign = test_pem_crl(twin, NULL, 0);

    (void)state;
    expect_fault(verify_with_lists(leaf, &old, 1), CERTIFICATE_CRL_UNUSABLE, CERTIFICATE_UNKNOWN);
    expect_fault(verify_with_lists(leaf, &foreign, 1), CERTIFICATE_CRL_UNUSABLE, CERTIFICATE_UNKNOWN);
    how.crl = KT_CRL_OFF;
    expect_success(verify_with_lists(leaf, &old, 1));
    test_bytes_free(&foreign);
    test_bytes_free(&old);
    test_cert_free(twin);
    test_cert_free(leaf);
}

/* length and work */

/* certs[0] is the leaf, the last one is signed by root. */
static void make_chain(struct test_cert **certs, size_t count)
{
    const struct test_cert *issuer = root;

    for (size_t i = count; i-- > 1;) {
        char name[32];

        snprintf(name, sizeof name, "authority %zu", i);
        certs[i] = test_intermediate(name, issuer);
        issuer = certs[i];
    }
    certs[0] = test_leaf("www.example.org", TEST_KEY_P256, issuer);
}

static void free_certs(struct test_cert **certs, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        test_cert_free(certs[i]);
    }
}

static const struct kt_fault *verify_certs(struct test_cert *const *certs, size_t count)
{
    return verify_chain((const struct test_cert *const *)certs, count);
}

static void the_depth_is_limited(void **state)
{
    struct test_cert *certs[4];

    (void)state;
    make_chain(certs, 4);
    how.max_depth = 3;
    expect_success(verify_certs(certs, 4));
    how.max_depth = 2;
    expect_fault(verify_certs(certs, 4), CERTIFICATE_CHAIN_TOO_LONG, BAD_CERTIFICATE);
    how.max_depth = UINT32_MAX;
    expect_success(verify_certs(certs, 4));
    free_certs(certs, 4);
}

static void a_path_length_is_kept(void **state)
{
    struct test_cert_options last = {.subject = "last", .ca = true, .basic = "critical,CA:TRUE,pathlen:0"};
    struct test_cert *one = test_cert_new(&last, root);
    struct test_cert *two = test_intermediate("one too many", one);
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, two);

    (void)state;
    expect_fault(verify_chain((const struct test_cert *[]){leaf, two, one}, 3), CERTIFICATE_CHAIN_TOO_LONG,
                 BAD_CERTIFICATE);
    test_cert_free(leaf);
    test_cert_free(two);
    test_cert_free(one);
}

static void signature_checks_are_counted_before_they_are_made(void **state)
{
    struct test_cert *certs[3];

    (void)state;
    make_chain(certs, 3);
    how.max_checks = 3;
    expect_success(verify_certs(certs, 3));
    how.max_checks = 2;
    expect_fault(verify_certs(certs, 3), CERTIFICATE_BUDGET_SPENT, BAD_CERTIFICATE);
    free_certs(certs, 3);
}

/* More certificates than a chain can have are not even parsed: these could not be. */
static void too_many_certificates_are_not_looked_at(void **state)
{
    struct question q;

    (void)state;
    ask_for(&q, (const struct test_cert *[]){middle}, 1);
    for (size_t i = 0; i < CHAIN_MAX; i++) {
        q.chain[i] = KT_SPAN_TEXT("not a certificate");
    }
    q.ask.u.verify.chain_len = 13;
    expect_fault(verify(&q), CERTIFICATE_CHAIN_TOO_LONG, BAD_CERTIFICATE);
    q.ask.u.verify.chain_len = CHAIN_MAX;
    expect_fault(verify(&q), CERTIFICATE_CHAIN_TOO_LONG, BAD_CERTIFICATE);
    q.ask.u.verify.chain_len = 12;
    expect_fault(verify(&q), CERTIFICATE_UNPARSABLE, BAD_CERTIFICATE);
}

/*
 * Authorities that cannot be told apart by name and all seem to have issued each other: with n of them a
 * verifier that tries every path makes n! checks. Ours makes none, because no path is found that leads to
 * trust, and with a path it makes one for each step.
 */
static void make_look_alikes(struct test_cert **certs, size_t count)
{
    struct test_cert_options ca = {.subject = "alike", .ca = true, .no_key_ids = true};
    struct test_cert_options leaf = {.names = {"www.example.org"}, .no_key_ids = true};
    struct test_cert *first = test_cert_new(&ca, NULL);

    for (size_t i = 1; i < count; i++) {
        certs[i] = test_cert_new(&ca, i == 1 ? first : certs[i - 1]);
    }
    certs[0] = test_cert_new(&leaf, certs[count - 1]);
    test_cert_free(first);
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void look_alikes_cost_no_more_than_an_honest_chain(void **state)
{
    struct test_cert *certs[12], *honest[12];
    double start, middle_time, end;

    (void)state;
    make_look_alikes(certs, 12);
    make_chain(honest, 12);
    how.max_depth = 11;
    how.max_checks = 0; /* if it checked one signature it would say so */
    start = seconds();
    expect_fault(verify_certs(certs, 12), CERTIFICATE_UNTRUSTED, UNKNOWN_CA);
    middle_time = seconds();
    how.max_checks = 64;
    expect_success(verify_certs(honest, 12));
    end = seconds();
    /* Measured: 2 ms and 3 ms. Ten times as much would still be far from 11 factorial. */
    assert_true(middle_time - start < 10 * (end - middle_time));
    free_certs(certs, 12);
    free_certs(honest, 12);
}

/* what cannot be */

static void bytes_that_are_no_certificate_are_told(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    uint8_t *longer = malloc(leaf->der.len + 1);
    struct question q;

    (void)state;
    ask_for(&q, (const struct test_cert *[]){leaf, middle}, 2);
    memcpy(longer, leaf->der.p, leaf->der.len);
    longer[leaf->der.len] = 0;
    q.chain[0] = kt_span_of(longer, leaf->der.len + 1);
    expect_fault(verify(&q), CERTIFICATE_UNPARSABLE, BAD_CERTIFICATE);
    q.chain[0] = kt_span_of(longer, leaf->der.len - 1);
    expect_fault(verify(&q), CERTIFICATE_UNPARSABLE, BAD_CERTIFICATE);
    q.chain[0] = kt_span_of(longer, 0);
    expect_fault(verify(&q), CERTIFICATE_UNPARSABLE, BAD_CERTIFICATE);
    q.chain[0] = leaf->der;
    q.chain[1] = KT_SPAN_TEXT("rubbish");
    expect_fault(verify(&q), CERTIFICATE_UNPARSABLE, BAD_CERTIFICATE);
    free(longer);
    test_cert_free(leaf);
}

/* Each byte of a leaf changed in turn: it never passes and never crashes. */
static void a_changed_leaf_never_passes(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    uint8_t *changed = malloc(leaf->der.len);
    struct question q;

    (void)state;
    ask_for(&q, (const struct test_cert *[]){leaf, middle}, 2);
    q.chain[0] = kt_span_of(changed, leaf->der.len);
    for (size_t i = 0; i < leaf->der.len; i++) {
        memcpy(changed, leaf->der.p, leaf->der.len);
        changed[i] ^= (uint8_t)(1u << i % 8);
        assert_non_null(verify(&q));
    }
    free(changed);
    test_cert_free(leaf);
}

static void misuse_is_told(void **state)
{
    struct question q;

    (void)state;
    ask_for(&q, (const struct test_cert *[]){middle}, 1);
    expect_fault(kt_pki_verify(NULL, &how, &q.ask), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_pki_verify(trust, NULL, &q.ask), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_pki_verify(trust, &how, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    q.ask.u.verify.chain_len = 0;
    expect_fault(verify(&q), USAGE_ARGUMENT, INTERNAL_ERROR);
    q.ask.u.verify.chain_len = 1;
    q.ask.kind = KT_ASK_SIGN;
    expect_fault(verify(&q), USAGE_ARGUMENT, INTERNAL_ERROR);
}

/* Without memory the answer is no, whatever the reason: never yes because a check could not be made. */
static void each_allocation_of_libcrypto_may_fail(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    const struct kt_fault *fault;
    struct question good, bad;
    bool failed = true;

    (void)state;
    ask_for(&good, (const struct test_cert *[]){leaf, middle}, 2);
    bad = good;
    bad.ask.u.verify.chain = bad.chain;
    bad.ask.u.verify.server_name = KT_SPAN_TEXT("other.example");
    for (size_t n = 1; failed; n++) {
        test_crypto_memory_fail_at(n);
        fault = verify(&good);
        failed = test_crypto_memory_fail_at(0);
        if (failed) {
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        assert_int_equal(ERR_peek_error(), 0);
        test_crypto_memory_fail_at(n);
        assert_non_null(verify(&bad));
        failed |= test_crypto_memory_fail_at(0);
        assert_int_equal(ERR_peek_error(), 0);
    }
    expect_success(verify(&good));
    test_cert_free(leaf);
}

static void *verify_often(void *question)
{
    bool good = true;

    for (int i = 0; i < 20; i++) {
        good &= verify(question) == NULL;
    }
    return good ? question : NULL;
}

static void threads_may_share_the_trust(void **state)
{
    struct test_cert *leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
    struct question q;
    pthread_t threads[4];
    void *good;

    (void)state;
    ask_for(&q, (const struct test_cert *[]){leaf, middle}, 2);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, verify_often, &q), 0);
    }
    for (size_t i = 0; i < 4; i++) {
        pthread_join(threads[i], &good);
        assert_non_null(good);
    }
    test_cert_free(leaf);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_chain_is_accepted),
        TEST(leaves_of_all_kinds_are_accepted),
        TEST(authorities_of_all_kinds_are_accepted),
        TEST(extra_certificates_in_any_order_do_not_hurt),
        TEST(the_set_of_trust_decides),
        TEST(a_chain_to_nowhere_is_untrusted),
        TEST(an_authority_of_the_same_name_is_not_the_same),
        TEST(a_self_signed_leaf_is_told_apart),
        TEST(an_empty_trust_trusts_nobody),
        TEST(dates_are_of_the_time_given),
        TEST(no_time_given_is_now),
        TEST(the_authority_s_dates_count),
        TEST(the_purpose_is_the_peer_s_role),
        TEST(the_leaf_must_be_allowed_to_sign),
        TEST(a_leaf_is_no_authority),
        TEST(an_authority_that_may_not_sign_certificates_is_none),
        TEST(names_are_compared_as_rfc9525_says),
        TEST(an_address_as_text_is_no_address),
        TEST(any_of_several_names_will_do),
        TEST(the_common_name_is_not_looked_at),
        TEST(names_are_counted_bytes),
        TEST(a_name_too_long_is_nobody_s),
        TEST(without_a_name_nobody_is_accepted_unless_any_will_do),
        TEST(a_client_has_no_name_to_compare),
        TEST(name_constraints_are_kept),
        TEST(an_unknown_critical_extension_is_refused),
        TEST(weak_keys_are_refused_wherever_they_are),
        TEST(the_least_sizes_can_be_chosen),
        TEST(keys_without_scheme_are_unsupported),
        TEST(a_long_exponent_is_unsupported),
        TEST(a_wrong_signature_is_refused),
        TEST(old_digests_are_refused),
        TEST(old_digests_of_rsa_are_refused),
        TEST(how_the_authority_itself_is_signed_does_not_matter),
        TEST(only_the_schemes_asked_for_are_accepted),
        TEST(a_revocation_list_is_used_where_there_is_one),
        TEST(revocation_lists_may_be_off_or_needed),
        TEST(a_revoked_authority_takes_its_leaves_along),
        TEST(a_list_that_does_not_count_is_refused),
        TEST(the_depth_is_limited),
        TEST(a_path_length_is_kept),
        TEST(signature_checks_are_counted_before_they_are_made),
        TEST(too_many_certificates_are_not_looked_at),
        TEST(look_alikes_cost_no_more_than_an_honest_chain),
        TEST(bytes_that_are_no_certificate_are_told),
        TEST(a_changed_leaf_never_passes),
        TEST(misuse_is_told),
        TEST(each_allocation_of_libcrypto_may_fail),
        TEST(threads_may_share_the_trust),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
