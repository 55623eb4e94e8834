/*
 * ocsp_query.c - the question to an OCSP responder, and the judge of its answer (RFC 6960).
 */
#include <stdatomic.h>
#include <string.h>

#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include "pki/verify_impl.h"

enum {
    URLS_MAX = 4,
    URL_LEN_MAX = 2048,
    NONCE_LEN = 32, /* RFC 9654 section 2.1 */
    ID_LEN = 32,
};

struct kt_ocsp_query {
    atomic_uint refs;
    X509 *leaf, *issuer;
    OCSP_REQUEST *request;
    struct kt_pki_bytes der; /* of the request */
    char *urls[URLS_MAX];
    uint8_t id[ID_LEN];
    struct kt_verify how;
    uint8_t schemes[2 * KT_LIST_MAX];
    size_t schemes_len;
    enum kt_ocsp_nonce nonce;
    bool own;
    bool stapled; /* nothing is left to be asked */
};

struct kt_ocsp_query *kt_ocsp_query_ref(struct kt_ocsp_query *query)
{
    atomic_fetch_add_explicit(&query->refs, 1, memory_order_relaxed);
    return query;
}

void kt_ocsp_query_unref(struct kt_ocsp_query *query)
{
    if (query == NULL || atomic_fetch_sub_explicit(&query->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < URLS_MAX; i++) {
        OPENSSL_free(query->urls[i]);
    }
    kt_pki_bytes_free(&query->der);
    OCSP_REQUEST_free(query->request);
    X509_free(query->issuer);
    X509_free(query->leaf);
    OPENSSL_free(query);
}

struct kt_span kt_ocsp_query_request(const struct kt_ocsp_query *query)
{
    return kt_span_of(query->der.p, query->der.len);
}

const char *kt_ocsp_query_url(const struct kt_ocsp_query *query, size_t index)
{
    return index < URLS_MAX ? query->urls[index] : NULL;
}

struct kt_span kt_ocsp_query_id(const struct kt_ocsp_query *query)
{
    return kt_span_of(query->id, sizeof query->id);
}

bool kt_ocsp_query_is_stapled(const struct kt_ocsp_query *query)
{
    return query->stapled;
}

/* making one */

static const struct kt_fault *hash_id(const OCSP_CERTID *id, uint8_t out[ID_LEN])
{
    unsigned char *der = NULL;
    int len = i2d_OCSP_CERTID(id, &der);
    bool hashed = len > 0 && EVP_Digest(der, (size_t)len, out, NULL, EVP_sha256(), NULL) == 1;

    OPENSSL_free(der);
    return hashed ? NULL : kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
}

/* SHA-1 is what responders are sure to take (RFC 5019 section 2.1.1); nothing rests on it, since the answer is compared
 * in full. The request owns the id once it has it. */
static const struct kt_fault *add_id(struct kt_ocsp_query *query)
{
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_sha1(), query->leaf, query->issuer);
    const struct kt_fault *fault;

    if (id == NULL) {
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    fault = hash_id(id, query->id);
    if (fault == NULL && OCSP_request_add0_id(query->request, id) != NULL) {
        return NULL;
    }
    OCSP_CERTID_free(id);
    return fault != NULL ? fault : kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
}

static const struct kt_fault *write_request(struct kt_ocsp_query *query)
{
    int len;

    query->request = OCSP_REQUEST_new();
    if (query->request == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(add_id(query));
    if (query->nonce != KT_OCSP_NONCE_NONE && OCSP_request_add1_nonce(query->request, NULL, NONCE_LEN) != 1) {
        return kt_pki_cause(KT_FAULT(RANDOM_FAILED));
    }
    len = i2d_OCSP_REQUEST(query->request, &query->der.p);
    if (len <= 0) {
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    query->der.len = (size_t)len;
    return NULL;
}

static bool keep_urls(struct kt_ocsp_query *query, STACK_OF(OPENSSL_STRING) * urls)
{
    for (int i = 0; i < sk_OPENSSL_STRING_num(urls) && i < URLS_MAX; i++) {
        const char *url = sk_OPENSSL_STRING_value(urls, i);

        query->urls[i] = OPENSSL_strdup(strlen(url) <= URL_LEN_MAX ? url : ""); /* which is no address */
        if (query->urls[i] == NULL) {
            return false;
        }
    }
    return true;
}

static const struct kt_fault *take_urls(struct kt_ocsp_query *query)
{
    STACK_OF(OPENSSL_STRING) *urls = X509_get1_ocsp(query->leaf);
    bool kept = keep_urls(query, urls);

    X509_email_free(urls);
    return kept ? NULL : KT_FAULT(MEMORY_SPENT);
}

static const struct kt_fault *fill(struct kt_ocsp_query *query, const struct kt_pki_staple *about)
{
    size_t len = about->schemes.wire.len;

    query->schemes_len = len < sizeof query->schemes ? len : sizeof query->schemes;
    kt_copy(query->schemes, about->schemes.wire.p, query->schemes_len);
    query->how = *about->how;
    query->own = about->own;
    X509_up_ref(about->leaf);
    query->leaf = about->leaf;
    X509_up_ref(about->issuer);
    query->issuer = about->issuer;
    query->stapled = !about->own && about->response.len > 0 && about->how->staple != KT_STAPLE_IGNORE;
    if (query->stapled) {
        return NULL;
    }
    KT_TRY(write_request(query));
    return take_urls(query);
}

const struct kt_fault *kt_pki_query_new(const struct kt_pki_staple *about, enum kt_ocsp_nonce nonce,
                                        struct kt_ocsp_query **out)
{
    struct kt_ocsp_query *query = OPENSSL_zalloc(sizeof *query);
    const struct kt_fault *fault;

    if (query == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    atomic_init(&query->refs, 1);
    query->nonce = nonce;
    fault = fill(query, about);
    if (fault != NULL) {
        kt_ocsp_query_unref(query);
        return fault;
    }
    *out = query;
    return NULL;
}

/* judging an answer */

/* The peer did not send this: no alert may blame it for a bad stapled response. */
static const struct kt_fault *not_the_peer_s(const struct kt_fault *fault)
{
    switch (fault != NULL ? fault->reason : KT_REASON_NONE) {
    case KT_REASON_CERTIFICATE_STATUS_MALFORMED:
        return KT_FAULT_ALERT(CERTIFICATE_STATUS_MALFORMED, KT_ALERT_CERTIFICATE_UNKNOWN);
    case KT_REASON_CERTIFICATE_STATUS_FOREIGN:
        return KT_FAULT_ALERT(CERTIFICATE_STATUS_FOREIGN, KT_ALERT_CERTIFICATE_UNKNOWN);
    case KT_REASON_CERTIFICATE_STATUS_SIGNATURE_WRONG:
        return KT_FAULT_ALERT(CERTIFICATE_STATUS_SIGNATURE_WRONG, KT_ALERT_CERTIFICATE_UNKNOWN);
    case KT_REASON_CERTIFICATE_STATUS_EXPIRED:
        return KT_FAULT_ALERT(CERTIFICATE_STATUS_EXPIRED, KT_ALERT_CERTIFICATE_UNKNOWN);
    case KT_REASON_CERTIFICATE_STATUS_UNKNOWN:
        return KT_FAULT_ALERT(CERTIFICATE_STATUS_UNKNOWN, KT_ALERT_CERTIFICATE_UNKNOWN);
    default:
        return fault;
    }
}

const struct kt_fault *kt_ocsp_query_judge(const struct kt_ocsp_query *query, struct kt_span response, bool kept,
                                           int64_t *until)
{
    const struct kt_pki_staple staple = {
        .how = &query->how,
        .response = response,
        .schemes.wire = kt_span_of(query->schemes, query->schemes_len),
        .leaf = query->leaf,
        .issuer = query->issuer,
        .own = query->own,
        .request = kept ? NULL : query->request,
        .needs_nonce = query->nonce == KT_OCSP_NONCE_REQUIRE && !kept,
        .until = until,
    };

    *until = 0;
    if (response.len > KT_PKI_FILE_MAX) {
        KT_FAIL_ALERT(CERTIFICATE_STATUS_MALFORMED, CERTIFICATE_UNKNOWN);
    }
    return kt_pki_drained(not_the_peer_s(kt_pki_check_response(&staple, false)));
}
