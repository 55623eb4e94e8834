/*
 * staple.c - the check of a stapled OCSP response (RFC 6960, RFC 6066 section 8).
 *
 * libcrypto parses and checks signatures; whose word counts is decided here. The response must name leaf and
 * issuer in full (CVE-2026-3832, CVE-2026-10098): name and key of the issuer, and the serial number. Signed is it by
 * the issuer that the verified chain found, or by a certificate that this issuer signed for the purpose, so two
 * signature checks are the most that a response can cost. Whether a delegate is revoked itself is not asked.
 */
#include <time.h>

#include <openssl/ocsp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "pki/verify_impl.h"

enum {
    SKEW_SECONDS = 300,      /* clocks differ */
    UNDATED_SECONDS = 86400, /* how long a response counts that does not say when the next is due */
    FEATURE_STATUS_REQUEST = 5,
};

static time_t time_of(const struct kt_verify *how)
{
    return how->at != 0 ? (time_t)how->at : time(NULL);
}

static bool is_before(const ASN1_TIME *date, time_t limit)
{
    return X509_cmp_time(date, &limit) < 0;
}

static bool is_after(const ASN1_TIME *date, time_t limit)
{
    return X509_cmp_time(date, &limit) > 0;
}

/* who signed */

/* The digest that the parameters of RSASSA-PSS name; without one it is SHA-1 (RFC 8017 appendix A.2.3). */
static int pss_digest(const X509_ALGOR *algorithm)
{
    RSA_PSS_PARAMS *params = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
    int digest = NID_undef;

    if (params != NULL && params->hashAlgorithm != NULL) {
        digest = OBJ_obj2nid(params->hashAlgorithm->algorithm);
    }
    RSA_PSS_PARAMS_free(params);
    return digest;
}

static bool scheme_is_allowed(const struct kt_pki_staple *staple, const OCSP_BASICRESP *basic, X509 *signer)
{
    const X509_ALGOR *algorithm = OCSP_resp_get0_tbs_sigalg(basic);
    int digest = NID_undef;
    int key = NID_undef;

    if (OBJ_find_sigid_algs(OBJ_obj2nid(algorithm->algorithm), &digest, &key) != 1) {
        return false;
    }
    digest = key == NID_rsassaPss ? pss_digest(algorithm) : digest;
    return kt_pki_scheme_is_allowed(staple->schemes, key, digest, X509_get0_pubkey(signer));
}

/* Certified by the issuer itself, for signing OCSP responses and now. */
static bool is_delegate(const struct kt_pki_staple *staple, X509 *signer)
{
    time_t at = time_of(staple->how);
    uint32_t flags = X509_get_extension_flags(signer); /* reads the extensions, which the calls below rely on */

    return (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) == 0 && (flags & EXFLAG_XKUSAGE) != 0 &&
           (X509_get_extended_key_usage(signer) & XKU_OCSP_SIGN) != 0 &&
           (X509_get_key_usage(signer) & X509v3_KU_DIGITAL_SIGNATURE) != 0 &&
           is_before(X509_get0_notBefore(signer), at) && is_after(X509_get0_notAfter(signer), at) &&
           X509_check_issued(staple->issuer, signer) == X509_V_OK && kt_pki_check_key(staple->how, signer) == NULL &&
           kt_pki_check_scheme(staple->schemes, signer, staple->issuer) == NULL &&
           X509_verify(signer, X509_get0_pubkey(staple->issuer)) == 1;
}

/* `own` holds the issuer alone, which comes before the certificates of the response. */
static bool is_signed(const struct kt_pki_staple *staple, OCSP_BASICRESP *basic, STACK_OF(X509) * own)
{
    X509 *signer = NULL;

    return OCSP_resp_get0_signer(basic, &signer, own) == 1 &&
           (signer == staple->issuer || is_delegate(staple, signer)) && scheme_is_allowed(staple, basic, signer) &&
           OCSP_basic_verify(basic, own, NULL, OCSP_NOVERIFY) == 1; /* the signature and nothing else */
}

static const struct kt_fault *check_signature(const struct kt_pki_staple *staple, OCSP_BASICRESP *basic)
{
    STACK_OF(X509) *own = sk_X509_new_null();
    bool right =
        own != NULL && staple->issuer != NULL && sk_X509_push(own, staple->issuer) > 0 && is_signed(staple, basic, own);

    sk_X509_free(own);
    return right ? NULL : kt_pki_cause(KT_FAULT(CERTIFICATE_STATUS_SIGNATURE_WRONG));
}

/* what it says */

/* The responder chooses the digest by which names and keys are told apart; SHA-1 is what most take. */
static const EVP_MD *digest_of_id(const OCSP_CERTID *id)
{
    ASN1_OBJECT *digest = NULL;

    if (OCSP_id_get0_info(NULL, &digest, NULL, NULL, (OCSP_CERTID *)id) != 1) {
        return NULL;
    }
    switch (OBJ_obj2nid(digest)) {
    case NID_sha1:
        return EVP_sha1();
    case NID_sha256:
        return EVP_sha256();
    case NID_sha384:
        return EVP_sha384();
    case NID_sha512:
        return EVP_sha512();
    default:
        return NULL;
    }
}

/* Without the issuer's certificate its key is not known, and the rest has to do. */
static bool names_leaf(X509 *leaf, const OCSP_CERTID *id, const EVP_MD *digest)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    unsigned int len;
    ASN1_OCTET_STRING *name = NULL;
    ASN1_INTEGER *serial = NULL;

    return OCSP_id_get0_info(&name, NULL, NULL, &serial, (OCSP_CERTID *)id) == 1 &&
           X509_NAME_digest(X509_get_issuer_name(leaf), digest, hash, &len) == 1 &&
           kt_span_same(kt_span_of(hash, len),
                        kt_span_of(ASN1_STRING_get0_data(name), (size_t)ASN1_STRING_length(name))) &&
           ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) == 0;
}

static const struct kt_fault *match(const struct kt_pki_staple *staple, const OCSP_SINGLERESP *single, bool *same)
{
    const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
    const EVP_MD *digest = digest_of_id(id);
    OCSP_CERTID *ours;

    *same = false;
    if (digest == NULL) {
        return NULL;
    }
    if (staple->issuer == NULL && staple->own) {
        *same = names_leaf(staple->leaf, id, digest);
        return NULL;
    }
    ours = OCSP_cert_to_id(digest, staple->leaf, staple->issuer);
    if (ours == NULL) {
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    *same = OCSP_id_cmp(ours, id) == 0;
    OCSP_CERTID_free(ours);
    return NULL;
}

static bool is_current(const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *until, time_t at)
{
    if (from == NULL || !is_before(from, at + SKEW_SECONDS)) {
        return false;
    }
    return until != NULL ? is_after(until, at - SKEW_SECONDS) : is_after(from, at - UNDATED_SECONDS);
}

/* The earliest of all entries counts. */
static void note_end(const struct kt_pki_staple *staple, const ASN1_GENERALIZEDTIME *end)
{
    struct tm tm;
    int64_t at;

    if (staple->until == NULL || end == NULL || ASN1_TIME_to_tm(end, &tm) != 1) {
        return;
    }
    at = (int64_t)timegm(&tm);
    if (*staple->until == 0 || at < *staple->until) {
        *staple->until = at;
    }
}

static const struct kt_fault *judge(const struct kt_pki_staple *staple, OCSP_SINGLERESP *single)
{
    ASN1_GENERALIZEDTIME *from = NULL, *until = NULL;
    int status = OCSP_single_get0_status(single, NULL, NULL, &from, &until);

    note_end(staple, until);
    /* A revocation does not wear off. */
    if (status == V_OCSP_CERTSTATUS_REVOKED) {
        KT_FAIL(CERTIFICATE_REVOKED);
    }
    if (!is_current(from, until, time_of(staple->how))) {
        return kt_pki_cause(KT_FAULT(CERTIFICATE_STATUS_EXPIRED));
    }
    if (status != V_OCSP_CERTSTATUS_GOOD) {
        KT_FAIL(CERTIFICATE_STATUS_UNKNOWN);
    }
    return NULL;
}

/* A response may speak of several certificates, and of ours more than once: then all of it must be good. */
static const struct kt_fault *check_entries(const struct kt_pki_staple *staple, OCSP_BASICRESP *basic, bool judged)
{
    bool found = false;

    for (int i = 0; i < OCSP_resp_count(basic); i++) {
        OCSP_SINGLERESP *single = OCSP_resp_get0(basic, i);
        bool same;

        KT_TRY(match(staple, single, &same));
        if (same && judged) {
            KT_TRY(judge(staple, single));
        }
        found |= same;
    }
    return found ? NULL : KT_FAULT(CERTIFICATE_STATUS_FOREIGN);
}

/* A response made beforehand has no nonce; one that has another's was made for somebody else (RFC 9654 section 2.1). */
static const struct kt_fault *check_nonce(const struct kt_pki_staple *staple, OCSP_BASICRESP *basic)
{
    enum { ABSENT = -1, DIFFERENT = 0 };
    int outcome = staple->request != NULL ? OCSP_check_nonce(staple->request, basic) : ABSENT;

    if (outcome == DIFFERENT || (outcome == ABSENT && staple->needs_nonce)) {
        return kt_pki_cause(KT_FAULT(CERTIFICATE_STATUS_NONCE_WRONG));
    }
    return NULL;
}

/* Entries are compared before a signature is worth its work, and believed after it. */
static const struct kt_fault *check_basic(const struct kt_pki_staple *staple, OCSP_BASICRESP *basic, bool belongs_only)
{
    KT_TRY(check_entries(staple, basic, false));
    if (belongs_only) {
        return NULL;
    }
    if (staple->issuer != NULL || !staple->own) {
        KT_TRY(check_signature(staple, basic));
    }
    KT_TRY(check_nonce(staple, basic));
    return check_entries(staple, basic, true);
}

const struct kt_fault *kt_pki_check_response(const struct kt_pki_staple *staple, bool belongs_only)
{
    const unsigned char *at = staple->response.p;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &at, (long)staple->response.len);
    bool whole = response != NULL && at == staple->response.p + staple->response.len;
    OCSP_BASICRESP *basic = NULL;
    const struct kt_fault *fault;

    if (whole && OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL) {
        basic = OCSP_response_get1_basic(response);
    }
    fault =
        basic != NULL ? check_basic(staple, basic, belongs_only) : kt_pki_cause(KT_FAULT(CERTIFICATE_STATUS_MALFORMED));
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    return fault;
}

/* whether one is needed */

/* RFC 7633: the issuer wants the certificate to be used with a staple only. */
static const struct kt_fault *read_must_staple(X509 *leaf, bool *must)
{
    int found;
    TLS_FEATURE *features = X509_get_ext_d2i(leaf, NID_tlsfeature, &found, NULL);

    *must = false;
    if (features == NULL) {
        return found == -1 ? NULL : kt_pki_cause(KT_FAULT(CERTIFICATE_UNPARSABLE));
    }
    for (int i = 0; i < sk_ASN1_INTEGER_num(features); i++) {
        *must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == FEATURE_STATUS_REQUEST;
    }
    TLS_FEATURE_free(features);
    return NULL;
}

const struct kt_fault *kt_pki_check_staple(const struct kt_pki_staple *staple)
{
    bool must = staple->how->staple == KT_STAPLE_REQUIRE;

    if (staple->how->staple == KT_STAPLE_IGNORE) {
        return NULL;
    }
    if (!must && staple->asked) {
        KT_TRY(read_must_staple(staple->leaf, &must));
    }
    /* Who could speak for a leaf that is trusted as it stands is not known. */
    if (staple->response.len == 0 || staple->issuer == NULL) {
        return must ? KT_FAULT(CERTIFICATE_STATUS_MISSING) : NULL;
    }
    return kt_pki_check_response(staple, false);
}
