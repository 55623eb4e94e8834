/* The question to a responder, and the judge of its answer. */
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ocsp.h>

#include <keyturn/drive.h>
#include <keyturn/ocsp.h>

#include "base/span.h"
#include "support/expect_fault.h"
#include "support/test_pki.h"

#define NOW INT64_C(1800000000)
#define DAY INT64_C(86400)

static struct test_cert *root, *leaf, *other;
static struct kt_trust *trust;
static struct kt_verify how;
static enum kt_ocsp_nonce nonce;
static struct kt_span staple;
static uint8_t schemes[64];

static struct test_cert *leaf_with(const char *urls)
{
    return test_cert_new(
        &(struct test_cert_options){.names = {"www.example.org"}, .more = {{"authorityInfoAccess", urls}}}, root);
}

static int set_up_all(void **state)
{
    const struct test_cert *anchor;
    struct test_bytes pem;

    (void)state;
    root = test_ca("root");
    leaf = leaf_with("OCSP;URI:http://one.example/ocsp,caIssuers;URI:http://ca.example/,OCSP;URI:http://two.example");
    other = test_leaf("www.example.org", TEST_KEY_P256, root);
    anchor = root;
    pem = test_pem_certs(&anchor, 1);
    expect_success(kt_trust_new(&trust));
    expect_success(kt_trust_add_pem(trust, test_bytes_span(&pem)));
    test_bytes_free(&pem);
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
    test_cert_free(other);
    test_cert_free(leaf);
    test_cert_free(root);
    return 0;
}

static int set_up(void **state)
{
    (void)state;
    how = kt_verify_default();
    how.at = NOW;
    nonce = KT_OCSP_NONCE_SEND;
    staple = kt_span_of(NULL, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    assert_int_equal(ERR_peek_error(), 0);
    return 0;
}

static const struct kt_fault *ask_about(const struct test_cert *cert, const struct kt_trust *in,
                                        struct kt_ocsp_query **out)
{
    struct kt_ask ask = {.kind = KT_ASK_VERIFY};

    ask.u.verify.peer = KT_SERVER;
    ask.u.verify.chain = &cert->der;
    ask.u.verify.chain_len = 1;
    ask.u.verify.server_name = KT_SPAN_TEXT("www.example.org");
    ask.u.verify.cert_schemes.wire = kt_span_of(schemes, 2 * kt_policy_2026_modern.cert_scheme_count);
    ask.u.verify.ocsp_response = staple;
    return kt_pki_verify_query(in, &how, &ask, nonce, out);
}

static struct kt_ocsp_query *query_for(const struct test_cert *cert)
{
    struct kt_ocsp_query *query = NULL;

    expect_success(ask_about(cert, trust, &query));
    assert_non_null(query);
    return query;
}

/* What the judge says to a response made to order, and until when. */
static const struct kt_fault *judged_until(struct kt_ocsp_query *query, struct test_ocsp_options o, bool kept,
                                           int64_t *until)
{
    struct test_bytes response = test_ocsp(leaf, root, &o);
    const struct kt_fault *fault = kt_ocsp_query_judge(query, test_bytes_span(&response), kept, until);

    test_bytes_free(&response);
    return fault;
}

static const struct kt_fault *judged(struct test_ocsp_options o)
{
    struct kt_ocsp_query *query = query_for(leaf);
    const struct kt_fault *fault;
    int64_t until;

    fault = judged_until(query, o, false, &until);
    kt_ocsp_query_unref(query);
    return fault;
}

#define expect_status(fault, REASON) expect_fault(fault, CERTIFICATE_STATUS_##REASON, CERTIFICATE_UNKNOWN)

/* the question */

static void it_names_the_responders_in_their_order(void **state)
{
    struct kt_ocsp_query *query = query_for(leaf);

    (void)state;
    assert_string_equal(kt_ocsp_query_url(query, 0), "http://one.example/ocsp");
    assert_string_equal(kt_ocsp_query_url(query, 1), "http://two.example");
    assert_null(kt_ocsp_query_url(query, 2));
    assert_null(kt_ocsp_query_url(query, 100));
    kt_ocsp_query_unref(query);
    query = query_for(other);
    assert_null(kt_ocsp_query_url(query, 0));
    kt_ocsp_query_unref(query);
    kt_ocsp_query_unref(NULL);
}

static void more_than_four_responders_are_not_asked(void **state)
{
    struct test_cert *cert = leaf_with(
        "OCSP;URI:http://1/,OCSP;URI:http://2/,OCSP;URI:http://3/,OCSP;URI:http://4/,"
        "OCSP;URI:http://5/");
    struct kt_ocsp_query *query = query_for(cert);

    (void)state;
    assert_string_equal(kt_ocsp_query_url(query, 3), "http://4/");
    assert_null(kt_ocsp_query_url(query, 4));
    kt_ocsp_query_unref(query);
    test_cert_free(cert);
}

static OCSP_REQUEST *parsed(const struct kt_ocsp_query *query)
{
    const unsigned char *at = kt_ocsp_query_request(query).p;

    return d2i_OCSP_REQUEST(NULL, &at, (long)kt_ocsp_query_request(query).len);
}

static void it_asks_about_the_leaf_with_a_fresh_nonce(void **state)
{
    struct kt_ocsp_query *query = query_for(leaf), *again = query_for(leaf);
    OCSP_REQUEST *request = parsed(query);
    OCSP_CERTID *right = OCSP_cert_to_id(EVP_sha1(), leaf->x509, root->x509);

    (void)state;
    assert_non_null(request);
    assert_int_equal(OCSP_request_onereq_count(request), 1);
    assert_int_equal(OCSP_id_cmp(OCSP_onereq_get0_id(OCSP_request_onereq_get0(request, 0)), right), 0);
    assert_true(OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1) >= 0);
    assert_false(kt_span_same(kt_ocsp_query_request(query), kt_ocsp_query_request(again)));
    assert_true(kt_span_same(kt_ocsp_query_id(query), kt_ocsp_query_id(again)));
    OCSP_REQUEST_free(request);
    OCSP_CERTID_free(right);
    kt_ocsp_query_unref(again);
    again = query_for(other);
    assert_false(kt_span_same(kt_ocsp_query_id(query), kt_ocsp_query_id(again)));
    kt_ocsp_query_unref(again);
    kt_ocsp_query_unref(query);
}

static void without_a_nonce_it_is_always_the_same(void **state)
{
    struct kt_ocsp_query *query, *again;

    (void)state;
    nonce = KT_OCSP_NONCE_NONE;
    query = query_for(leaf);
    again = query_for(leaf);
    assert_true(kt_span_same(kt_ocsp_query_request(query), kt_ocsp_query_request(again)));
    kt_ocsp_query_unref(again);
    kt_ocsp_query_unref(query);
}

static void a_chain_that_is_refused_asks_nothing(void **state)
{
    struct test_cert *stranger = test_ca("stranger");
    struct test_cert *cert = test_leaf("www.example.org", TEST_KEY_P256, stranger);
    struct kt_ocsp_query *query = NULL;

    (void)state;
    expect_fault(ask_about(cert, trust, &query), CERTIFICATE_UNTRUSTED, UNKNOWN_CA);
    assert_null(query);
    expect_fault(ask_about(leaf, trust, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    nonce = KT_OCSP_NONCE_REQUIRE + 1;
    expect_fault(ask_about(leaf, trust, &query), USAGE_ARGUMENT, INTERNAL_ERROR);
    test_cert_free(cert);
    test_cert_free(stranger);
}

static void a_staple_leaves_nothing_to_ask(void **state)
{
    struct test_bytes response = test_ocsp(leaf, root, NULL);
    struct kt_ocsp_query *query;

    (void)state;
    staple = test_bytes_span(&response);
    query = query_for(leaf);
    assert_true(kt_ocsp_query_is_stapled(query));
    assert_int_equal(kt_ocsp_query_request(query).len, 0);
    kt_ocsp_query_unref(query);
    how.staple = KT_STAPLE_IGNORE;
    query = query_for(leaf);
    assert_false(kt_ocsp_query_is_stapled(query));
    assert_int_not_equal(kt_ocsp_query_request(query).len, 0);
    kt_ocsp_query_unref(query);
    test_bytes_free(&response);
}

/* What the issuer demands of the server no question of ours can replace. */
static void a_must_staple_leaf_is_refused_before_anybody_is_asked(void **state)
{
    struct test_cert *cert =
        test_cert_new(&(struct test_cert_options){.names = {"www.example.org"},
                                                  .more = {{"tlsfeature", "status_request"},
                                                           {"authorityInfoAccess", "OCSP;URI:http://one.example/"}}},
                      root);
    struct kt_ocsp_query *query = NULL;

    (void)state;
    expect_fault(ask_about(cert, trust, &query), CERTIFICATE_STATUS_MISSING, BAD_CERTIFICATE_STATUS_RESPONSE);
    assert_null(query);
    test_cert_free(cert);
}

static void for_a_leaf_that_is_trusted_itself_nobody_can_speak(void **state)
{
    const struct test_cert *anchor = leaf;
    struct test_bytes pem = test_pem_certs(&anchor, 1);
    struct kt_ocsp_query *query = NULL;
    struct kt_trust *alone = NULL;

    (void)state;
    expect_success(kt_trust_new(&alone));
    expect_success(kt_trust_add_pem(alone, test_bytes_span(&pem)));
    expect_success(ask_about(leaf, alone, &query));
    assert_null(query);
    kt_trust_free(alone);
    test_bytes_free(&pem);
}

/* the answer */

static void a_good_answer_counts_until_its_end(void **state)
{
    struct kt_ocsp_query *query = query_for(leaf);
    int64_t until = -1;

    (void)state;
    expect_success(judged_until(query, (struct test_ocsp_options){.until = NOW + DAY}, false, &until));
    assert_int_equal(until, NOW + DAY);
    expect_success(judged_until(query, (struct test_ocsp_options){.from = NOW, .until = -1}, false, &until));
    assert_int_equal(until, 0); /* it does not say */
    expect_fault(judged_until(query, (struct test_ocsp_options){.status = TEST_STATUS_REVOKED, .until = NOW + DAY},
                              false, &until),
                 CERTIFICATE_REVOKED, CERTIFICATE_REVOKED);
    assert_int_equal(until, NOW + DAY);
    kt_ocsp_query_unref(query);
}

/* The server did not send these, so no alert says that it did. */
static void bad_answers_are_not_the_peer_s_fault(void **state)
{
    struct test_cert *stranger = test_ca("root");
    struct kt_ocsp_query *query = query_for(leaf);
    struct test_bytes response = test_ocsp(other, root, NULL);
    int64_t until;

    (void)state;
    expect_status(judged((struct test_ocsp_options){.until = NOW - DAY}), EXPIRED);
    expect_status(judged((struct test_ocsp_options){.status = TEST_STATUS_UNKNOWN}), UNKNOWN);
    expect_status(judged((struct test_ocsp_options){.bad_signature = true}), SIGNATURE_WRONG);
    expect_status(judged((struct test_ocsp_options){.signer = stranger, .with = stranger}), SIGNATURE_WRONG);
    expect_status(judged((struct test_ocsp_options){.response_status = OCSP_RESPONSE_STATUS_TRYLATER}), MALFORMED);
    expect_status(kt_ocsp_query_judge(query, test_bytes_span(&response), false, &until), FOREIGN);
    expect_status(kt_ocsp_query_judge(query, KT_SPAN_TEXT("rubbish"), false, &until), MALFORMED);
    expect_status(kt_ocsp_query_judge(query, kt_span_of(NULL, 0), false, &until), MALFORMED);
    expect_status(kt_ocsp_query_judge(query, kt_span_of(response.p, (1 << 20) + 1), false, &until), MALFORMED);
    test_bytes_free(&response);
    kt_ocsp_query_unref(query);
    test_cert_free(stranger);
}

static void a_nonce_must_be_ours(void **state)
{
    struct kt_ocsp_query *query = query_for(leaf);
    int64_t until;

    (void)state;
    expect_success(
        judged_until(query, (struct test_ocsp_options){.request = kt_ocsp_query_request(query)}, false, &until));
    expect_success(judged_until(query, (struct test_ocsp_options){0}, false, &until));
    expect_status(judged_until(query, (struct test_ocsp_options){.other_nonce = true}, false, &until), NONCE_WRONG);
    expect_success(judged_until(query, (struct test_ocsp_options){.other_nonce = true}, true, &until));
    kt_ocsp_query_unref(query);
}

static void a_nonce_may_be_required(void **state)
{
    struct kt_ocsp_query *query;
    int64_t until;

    (void)state;
    nonce = KT_OCSP_NONCE_REQUIRE;
    query = query_for(leaf);
    expect_success(
        judged_until(query, (struct test_ocsp_options){.request = kt_ocsp_query_request(query)}, false, &until));
    expect_status(judged_until(query, (struct test_ocsp_options){0}, false, &until), NONCE_WRONG);
    expect_success(judged_until(query, (struct test_ocsp_options){0}, true, &until));
    kt_ocsp_query_unref(query);
}

/* our own */

static struct kt_credential *credential_of(const struct test_cert *const *certs, size_t count)
{
    struct test_bytes chain = test_pem_certs(certs, count);
    struct test_bytes key = test_pem_key(certs[0]->key, TEST_FORM_PKCS8, NULL);
    struct kt_credential *credential = NULL;

    expect_success(
        kt_credential_from_pem(kt_env_linux(), test_bytes_span(&chain), test_bytes_span(&key), NULL, &credential));
    test_bytes_free(&chain);
    test_bytes_free(&key);
    return credential;
}

static void for_a_staple_there_is_no_nonce(void **state)
{
    struct kt_credential *credential = credential_of((const struct test_cert *[]){leaf, root}, 2);
    struct kt_ocsp_query *query = NULL, *peer = query_for(leaf);
    OCSP_REQUEST *request;
    int64_t until;

    (void)state;
    expect_success(kt_ocsp_query_own(credential, &query));
    assert_string_equal(kt_ocsp_query_url(query, 0), "http://one.example/ocsp");
    assert_true(kt_span_same(kt_ocsp_query_id(query), kt_ocsp_query_id(peer)));
    request = parsed(query);
    assert_int_equal(OCSP_REQUEST_get_ext_by_NID(request, NID_id_pkix_OCSP_Nonce, -1), -1);
    expect_success(judged_until(query, (struct test_ocsp_options){0}, false, &until));
    expect_status(judged_until(query, (struct test_ocsp_options){.bad_signature = true}, false, &until),
                  SIGNATURE_WRONG);
    OCSP_REQUEST_free(request);
    kt_ocsp_query_unref(peer);
    kt_ocsp_query_unref(query);
    kt_credential_unref(credential);
}

static void without_the_issuer_nothing_can_be_asked(void **state)
{
    struct kt_credential *credential = credential_of((const struct test_cert *[]){leaf}, 1);
    struct kt_ocsp_query *query = NULL;

    (void)state;
    expect_status(kt_ocsp_query_own(credential, &query), NO_RESPONDER);
    expect_fault(kt_ocsp_query_own(NULL, &query), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_ocsp_query_own(credential, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    kt_credential_unref(credential);
}

/* memory */

static void each_allocation_of_libcrypto_may_fail(void **state)
{
    struct kt_credential *credential = credential_of((const struct test_cert *[]){leaf, root}, 2);
    struct test_bytes response = test_ocsp(leaf, root, NULL);
    bool failed = true;

    (void)state;
    for (size_t n = 1; failed; n++) {
        struct kt_ocsp_query *query = NULL;
        const struct kt_fault *fault;
        int64_t until;

        test_crypto_memory_fail_at(n);
        fault = kt_ocsp_query_own(credential, &query);
        if (fault == NULL) {
            fault = kt_ocsp_query_judge(query, test_bytes_span(&response), false, &until);
        }
        failed = test_crypto_memory_fail_at(0);
        if (failed && fault != NULL) {
            expect_fault(fault, MEMORY_SPENT, INTERNAL_ERROR);
        }
        assert_true(failed || fault == NULL);
        kt_ocsp_query_unref(query);
        assert_int_equal(ERR_peek_error(), 0);
    }
    test_bytes_free(&response);
    kt_credential_unref(credential);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_names_the_responders_in_their_order),
        TEST(more_than_four_responders_are_not_asked),
        TEST(it_asks_about_the_leaf_with_a_fresh_nonce),
        TEST(without_a_nonce_it_is_always_the_same),
        TEST(a_chain_that_is_refused_asks_nothing),
        TEST(a_staple_leaves_nothing_to_ask),
        TEST(a_must_staple_leaf_is_refused_before_anybody_is_asked),
        TEST(for_a_leaf_that_is_trusted_itself_nobody_can_speak),
        TEST(a_good_answer_counts_until_its_end),
        TEST(bad_answers_are_not_the_peer_s_fault),
        TEST(a_nonce_must_be_ours),
        TEST(a_nonce_may_be_required),
        TEST(for_a_staple_there_is_no_nonce),
        TEST(without_the_issuer_nothing_can_be_asked),
        TEST(each_allocation_of_libcrypto_may_fail),
    };

    test_crypto_memory_install();
    return cmocka_run_group_tests(tests, set_up_all, tear_down_all);
}
