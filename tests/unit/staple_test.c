/* What kt_pki_verify makes of a stapled OCSP response. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <keyturn/pki.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_pki.h"

/* Any time between the default dates of test_pki.h. */
#define NOW  INT64_C(1800000000)
#define DAY  INT64_C(86400)
#define HOUR INT64_C(3600)

static struct test_cert *root, *middle, *leaf;
static struct kt_trust *trust; /* root */
static struct kt_verify how;
static uint8_t schemes[64];
static size_t sent; /* certificates of the chain */

static struct kt_trust *trust_one(const struct test_cert *cert)
{
    struct test_bytes pem = test_pem_certs(&cert, 1);
    struct kt_trust *t = NULL;

    expect_success(kt_trust_new(&t));
    expect_success(kt_trust_add_pem(t, test_bytes_span(&pem)));
    test_bytes_free(&pem);
    return t;
}

static int set_up_all(void **state)
{
    (void)state;
    root = test_ca("root");
    middle = test_intermediate("middle", root);
    leaf = test_leaf("www.example.org", TEST_KEY_P256, middle);
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
    test_cert_free(leaf);
    test_cert_free(middle);
    test_cert_free(root);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    how = kt_verify_default();
    how.at = NOW;
    sent = 2;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

/* The chain of `cert` below middle, shown by `peer` with these bytes stapled. */
static const struct kt_fault *verify_as(enum kt_role peer, const struct test_cert *cert, struct kt_span response)
{
    struct kt_span chain[] = {cert->der, middle->der};
    struct kt_ask ask = {.kind = KT_ASK_VERIFY};

    ask.u.verify.peer = peer;
    ask.u.verify.chain = chain;
    ask.u.verify.chain_len = sent;
    ask.u.verify.server_name = KT_SPAN_TEXT("www.example.org");
    ask.u.verify.cert_schemes.wire = kt_span_of(schemes, 2 * kt_policy_2026_modern.cert_scheme_count);
    ask.u.verify.ocsp_response = response;
    return kt_pki_verify(trust, &how, &ask);
}

static const struct kt_fault *verify(struct kt_span response)
{
    return verify_as(KT_SERVER, leaf, response);
}

static const struct kt_fault *with_response(const struct test_cert *cert, const struct test_cert *issuer,
                                            struct test_ocsp_options o)
{
    struct test_bytes response = test_ocsp(cert, issuer, &o);
    const struct kt_fault *fault = verify(test_bytes_span(&response));

    test_bytes_free(&response);
    return fault;
}

static const struct kt_fault *stapled(struct test_ocsp_options o)
{
    return with_response(leaf, middle, o);
}

#define expect_status(fault, REASON) expect_fault(fault, CERTIFICATE_STATUS_##REASON, BAD_CERTIFICATE_STATUS_RESPONSE)

/* good ones */

static void a_good_response_is_accepted(void **state)
{
    static const char *const digests[] = {"SHA1", "SHA256", "SHA384", "SHA512"};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(digests); i++) {
        expect_success(stapled((struct test_ocsp_options){.id_digest = digests[i], .by_key = i % 2 == 0}));
    }
    how.staple = KT_STAPLE_REQUIRE;
    expect_success(stapled((struct test_ocsp_options){0}));
}

static void what_it_says_of_others_does_not_matter(void **state)
{
    struct test_cert *other = test_leaf("other.example", TEST_KEY_P256, middle);

    (void)state;
    expect_success(stapled((struct test_ocsp_options){.second = other}));
    test_cert_free(other);
}

static void none_is_fine_unless_required(void **state)
{
    (void)state;
    expect_success(verify(kt_span_of(NULL, 0)));
    how.staple = KT_STAPLE_REQUIRE;
    expect_status(verify(kt_span_of(NULL, 0)), MISSING);
}

/* bad ones */

static void a_revoked_certificate_is_refused(void **state)
{
    const struct test_ocsp_options revoked = {.status = TEST_STATUS_REVOKED};
    const struct test_ocsp_options long_ago = {.status = TEST_STATUS_REVOKED, .until = NOW - DAY};

    (void)state;
    expect_fault(stapled(revoked), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    expect_fault(stapled(long_ago), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    how.staple = KT_STAPLE_REQUIRE;
    expect_fault(stapled(revoked), CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
}

/* Good and revoked at once: the response is not believed by halves. */
static void one_good_word_does_not_outweigh_a_bad_one(void **state)
{
    (void)state;
    expect_fault(stapled((struct test_ocsp_options){.second = leaf, .status = TEST_STATUS_REVOKED}),
                 CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
}

static void a_certificate_unknown_to_its_responder_is_refused(void **state)
{
    (void)state;
    expect_status(stapled((struct test_ocsp_options){.status = TEST_STATUS_UNKNOWN}), UNKNOWN);
}

static void a_response_is_looked_at_only_when_it_is_to_be(void **state)
{
    (void)state;
    how.staple = KT_STAPLE_IGNORE;
    expect_success(stapled((struct test_ocsp_options){.status = TEST_STATUS_REVOKED}));
    expect_success(verify(KT_SPAN_TEXT("rubbish")));
}

/* the certificate meant */

static void a_response_for_another_serial_number_is_foreign(void **state)
{
    struct test_cert *other = test_leaf("www.example.org", TEST_KEY_P256, middle);

    (void)state;
    expect_status(with_response(other, middle, (struct test_ocsp_options){0}), FOREIGN);
    test_cert_free(other);
}

/* Same name of the issuer, same serial number; the key is another one. Signed by the right issuer all the same. */
static void a_response_for_another_issuer_key_is_foreign(void **state)
{
    struct test_cert *twin = test_intermediate("middle", root);

    (void)state;
    expect_status(with_response(leaf, twin, (struct test_ocsp_options){.signer = middle}), FOREIGN);
    expect_status(with_response(leaf, twin, (struct test_ocsp_options){0}), FOREIGN);
    test_cert_free(twin);
}

/* Same key and serial number, another name. */
static void a_response_for_another_issuer_name_is_foreign(void **state)
{
    struct test_cert_options o = {.subject = "other", .ca = true, .use_key = middle->key};
    struct test_cert *other = test_cert_new(&o, root);
    struct test_cert_options same = {.serial = ASN1_INTEGER_get(X509_get0_serialNumber(leaf->x509))};
    struct test_cert *namesake = test_cert_new(&same, other);

    (void)state;
    expect_status(with_response(namesake, other, (struct test_ocsp_options){.signer = middle}), FOREIGN);
    test_cert_free(namesake);
    test_cert_free(other);
}

static void a_digest_that_is_not_known_names_nobody(void **state)
{
    (void)state;
    expect_status(stapled((struct test_ocsp_options){.id_digest = "MD5"}), FOREIGN);
}

/* who signed */

static void an_unsigned_response_is_refused(void **state)
{
    (void)state;
    expect_status(stapled((struct test_ocsp_options){.unsigned_at_all = true}), SIGNATURE_WRONG);
}

static void a_wrong_signature_is_refused(void **state)
{
    (void)state;
    expect_status(stapled((struct test_ocsp_options){.bad_signature = true}), SIGNATURE_WRONG);
    expect_status(stapled((struct test_ocsp_options){.bad_signature = true, .status = TEST_STATUS_REVOKED}),
                  SIGNATURE_WRONG);
}

static void old_digests_are_refused(void **state)
{
    (void)state;
    expect_status(stapled((struct test_ocsp_options){.digest = "SHA1"}), SIGNATURE_WRONG);
}

/* Neither the leaf, nor the authority above the issuer, nor a stranger; with their certificates or without. */
static void others_may_not_speak(void **state)
{
    struct test_cert *stranger = test_ca("stranger");
    const struct test_cert *const others[] = {leaf, root, stranger};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(others); i++) {
        expect_status(stapled((struct test_ocsp_options){.signer = others[i]}), SIGNATURE_WRONG);
        expect_status(stapled((struct test_ocsp_options){.signer = others[i], .with = others[i]}), SIGNATURE_WRONG);
    }
    test_cert_free(stranger);
}

/* The response of a delegate made to order; `issuer` certified it. */
static const struct kt_fault *by_delegate(struct test_cert_options o, const struct test_cert *issuer,
                                          struct test_ocsp_options r)
{
    struct test_cert *delegate;
    const struct kt_fault *fault;

    o.subject = "responder";
    o.purposes = o.purposes != NULL ? o.purposes : "OCSPSigning";
    delegate = test_cert_new(&o, issuer);
    r.signer = r.with = delegate;
    fault = stapled(r);
    test_cert_free(delegate);
    return fault;
}

static void a_delegate_may_speak_for_its_issuer(void **state)
{
    static const enum test_key kinds[] = {TEST_KEY_P256, TEST_KEY_P384, TEST_KEY_ED25519, TEST_KEY_RSA_2048};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(kinds); i++) {
        const struct test_cert_options o = {.key = kinds[i]};

        expect_success(by_delegate(o, middle, (struct test_ocsp_options){0}));
        expect_success(by_delegate(o, middle, (struct test_ocsp_options){.by_key = true}));
        expect_status(by_delegate(o, middle, (struct test_ocsp_options){.bad_signature = true}), SIGNATURE_WRONG);
    }
    expect_success(by_delegate((struct test_cert_options){.key = TEST_KEY_RSA_2048}, middle,
                               (struct test_ocsp_options){.pss = true}));
    expect_fault(
        by_delegate((struct test_cert_options){0}, middle, (struct test_ocsp_options){.status = TEST_STATUS_REVOKED}),
        CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
}

static void a_delegate_without_the_purpose_may_not(void **state)
{
    static const char *const purposes[] = {"", "serverAuth,clientAuth", "anyExtendedKeyUsage"};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(purposes); i++) {
        expect_status(
            by_delegate((struct test_cert_options){.purposes = purposes[i]}, middle, (struct test_ocsp_options){0}),
            SIGNATURE_WRONG);
    }
}

static void a_delegate_of_another_may_not(void **state)
{
    struct test_cert *twin = test_intermediate("middle", root);
    const struct test_cert_options plain = {.no_key_ids = true};

    (void)state;
    expect_status(by_delegate(plain, root, (struct test_ocsp_options){0}), SIGNATURE_WRONG);
    expect_status(by_delegate(plain, twin, (struct test_ocsp_options){0}), SIGNATURE_WRONG);
    expect_status(by_delegate(plain, NULL, (struct test_ocsp_options){0}), SIGNATURE_WRONG);
    test_cert_free(twin);
}

static void a_delegate_out_of_its_time_or_use_may_not(void **state)
{
    const struct test_cert_options wrong[] = {
        {.until = NOW - DAY},       {.from = NOW + DAY}, {.key_usage = "critical,keyAgreement"},
        {.key = TEST_KEY_RSA_1024}, {.digest = "SHA1"},  {.more = {{"1.2.3.4", "critical,DER:0500"}}},
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(wrong); i++) {
        expect_status(by_delegate(wrong[i], middle, (struct test_ocsp_options){0}), SIGNATURE_WRONG);
    }
}

/* time */

static void the_response_has_its_time(void **state)
{
    (void)state;
    expect_success(stapled((struct test_ocsp_options){.from = NOW - DAY, .until = NOW + DAY}));
    expect_status(stapled((struct test_ocsp_options){.from = NOW - 2 * DAY, .until = NOW - DAY}), EXPIRED);
    expect_status(stapled((struct test_ocsp_options){.from = NOW + DAY, .until = NOW + 2 * DAY}), EXPIRED);
}

static void clocks_may_differ_by_minutes(void **state)
{
    (void)state;
    expect_success(stapled((struct test_ocsp_options){.from = NOW - DAY, .until = NOW - 240}));
    expect_success(stapled((struct test_ocsp_options){.from = NOW + 240, .until = NOW + DAY}));
    expect_status(stapled((struct test_ocsp_options){.from = NOW - DAY, .until = NOW - 360}), EXPIRED);
    expect_status(stapled((struct test_ocsp_options){.from = NOW + 360, .until = NOW + DAY}), EXPIRED);
}

static void without_an_end_it_counts_for_a_day(void **state)
{
    (void)state;
    expect_success(stapled((struct test_ocsp_options){.from = NOW - 23 * HOUR, .until = -1}));
    expect_status(stapled((struct test_ocsp_options){.from = NOW - 25 * HOUR, .until = -1}), EXPIRED);
}

static void no_time_given_is_now(void **state)
{
    (void)state;
    how.at = 0;
    expect_success(stapled((struct test_ocsp_options){0}));
    expect_status(stapled((struct test_ocsp_options){.until = TEST_PKI_FROM + DAY}), EXPIRED);
}

/* bytes */

static void what_is_no_response_is_malformed(void **state)
{
    struct test_bytes response = test_ocsp(leaf, middle, NULL);

    (void)state;
    expect_status(verify(KT_SPAN_TEXT("rubbish")), MALFORMED);
    for (size_t len = 1; len < response.len; len++) {
        expect_status(verify(kt_span_of(response.p, len)), MALFORMED);
    }
    expect_status(verify(kt_span_of(response.p, response.len + 1)), MALFORMED); /* the NUL behind */
    test_bytes_free(&response);
}

static void a_responder_s_excuse_is_no_status(void **state)
{
    (void)state;
    expect_status(stapled((struct test_ocsp_options){.response_status = OCSP_RESPONSE_STATUS_TRYLATER}), MALFORMED);
    expect_status(verify(kt_span_of((const uint8_t *)"\x30\x03\x0a\x01\x06", 5)), MALFORMED);
    expect_status(verify(kt_span_of((const uint8_t *)"\x30\x03\x0a\x01\x00", 5)), MALFORMED);
}

/* Outside of the signed part a changed bit may be harmless only where it is not looked at: the certificates. */
static void a_changed_response_never_passes(void **state)
{
    struct test_bytes response = test_ocsp(leaf, middle, NULL);

    (void)state;
    for (size_t i = 0; i < response.len; i++) {
        for (int bit = 0; bit < 8; bit += 7) {
            response.p[i] ^= (uint8_t)(1 << bit);
            assert_non_null(verify(test_bytes_span(&response)));
            assert_int_equal(ERR_peek_error(), 0);
            response.p[i] ^= (uint8_t)(1 << bit);
        }
    }
    expect_success(verify(test_bytes_span(&response)));
    test_bytes_free(&response);
}

/* must-staple */

static struct test_cert *feature_leaf(const char *features)
{
    struct test_cert_options o = {.names = {"www.example.org"}, .more = {{"tlsfeature", features}}};

    return test_cert_new(&o, middle);
}

static void a_leaf_may_say_that_it_needs_a_staple(void **state)
{
    struct test_cert *must = feature_leaf("status_request");
    struct test_bytes response = test_ocsp(must, middle, NULL);

    (void)state;
    expect_status(verify_as(KT_SERVER, must, kt_span_of(NULL, 0)), MISSING);
    expect_success(verify_as(KT_SERVER, must, test_bytes_span(&response)));
    how.staple = KT_STAPLE_REQUIRE;
    expect_status(verify_as(KT_SERVER, must, kt_span_of(NULL, 0)), MISSING);
    how.staple = KT_STAPLE_IGNORE;
    expect_success(verify_as(KT_SERVER, must, kt_span_of(NULL, 0)));
    test_bytes_free(&response);
    test_cert_free(must);
}

static void other_features_ask_for_nothing(void **state)
{
    struct test_cert *other = feature_leaf("17,1");

    (void)state;
    expect_success(verify_as(KT_SERVER, other, kt_span_of(NULL, 0)));
    test_cert_free(other);
}

static void a_feature_that_cannot_be_read_is_told(void **state)
{
    struct test_cert_options o = {.names = {"www.example.org"}, .more = {{"1.3.6.1.5.5.7.1.24", "DER:0500"}}};
    struct test_cert *odd = test_cert_new(&o, middle);

    (void)state;
    expect_fault(verify_as(KT_SERVER, odd, kt_span_of(NULL, 0)), CERTIFICATE_UNPARSABLE, BAD_CERTIFICATE);
    test_cert_free(odd);
}

/* No client is asked for a staple, so none can be missed. */
static void a_client_need_not_staple(void **state)
{
    struct test_cert *must = feature_leaf("status_request");

    (void)state;
    expect_success(verify_as(KT_CLIENT, must, kt_span_of(NULL, 0)));
    test_cert_free(must);
}

static void who_signed_a_leaf_that_is_trusted_itself_must_be_known(void **state)
{
    struct kt_trust *root_only = trust;

    (void)state;
    trust = trust_one(leaf);
    expect_fault(stapled((struct test_ocsp_options){.status = TEST_STATUS_REVOKED}), CERTIFICATE_REVOKED,
                 CERTIFICATE_REVOKED);
    sent = 1;
    expect_success(verify(KT_SPAN_TEXT("rubbish")));
    how.staple = KT_STAPLE_REQUIRE;
    expect_status(stapled((struct test_ocsp_options){0}), MISSING);
    kt_trust_free(trust);
    trust = root_only;
}

/* memory */

static void each_allocation_of_libcrypto_may_fail(void **state)
{
    struct test_cert *delegate = test_cert_new(&(struct test_cert_options){.purposes = "OCSPSigning"}, middle);
    struct test_ocsp_options o = {.signer = delegate, .with = delegate};
    struct test_bytes response = test_ocsp(leaf, middle, &o);
    const struct kt_fault *fault;
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        test_crypto_memory_fail_at(n);
        fault = verify(test_bytes_span(&response));
        failed = test_crypto_memory_fail_at(0);
        if (failed) {
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        assert_int_equal(ERR_peek_error(), 0);
    }
    expect_success(verify(test_bytes_span(&response)));
    test_bytes_free(&response);
    test_cert_free(delegate);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_good_response_is_accepted),
        TEST(what_it_says_of_others_does_not_matter),
        TEST(none_is_fine_unless_required),
        TEST(a_revoked_certificate_is_refused),
        TEST(one_good_word_does_not_outweigh_a_bad_one),
        TEST(a_certificate_unknown_to_its_responder_is_refused),
        TEST(a_response_is_looked_at_only_when_it_is_to_be),
        TEST(a_response_for_another_serial_number_is_foreign),
        TEST(a_response_for_another_issuer_key_is_foreign),
        TEST(a_response_for_another_issuer_name_is_foreign),
        TEST(a_digest_that_is_not_known_names_nobody),
        TEST(an_unsigned_response_is_refused),
        TEST(a_wrong_signature_is_refused),
        TEST(old_digests_are_refused),
        TEST(others_may_not_speak),
        TEST(a_delegate_may_speak_for_its_issuer),
        TEST(a_delegate_without_the_purpose_may_not),
        TEST(a_delegate_of_another_may_not),
        TEST(a_delegate_out_of_its_time_or_use_may_not),
        TEST(the_response_has_its_time),
        TEST(clocks_may_differ_by_minutes),
        TEST(without_an_end_it_counts_for_a_day),
        TEST(no_time_given_is_now),
        TEST(what_is_no_response_is_malformed),
        TEST(a_responder_s_excuse_is_no_status),
        TEST(a_changed_response_never_passes),
        TEST(a_leaf_may_say_that_it_needs_a_staple),
        TEST(other_features_ask_for_nothing),
        TEST(a_feature_that_cannot_be_read_is_told),
        TEST(a_client_need_not_staple),
        TEST(who_signed_a_leaf_that_is_trusted_itself_must_be_known),
        TEST(each_allocation_of_libcrypto_may_fail),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
