#include <arpa/inet.h>
#include <limits.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include "pki/trust_impl.h"
#include "pki/verify_impl.h"
#include "registry/limits.h"
#include "wire/reader.h"

/*
 * libcrypto builds a chain and checks it; this file decides what it is asked, and looks at what it does not
 * look at. Nothing costs more than a stranger may cost us (field rule R7): the certificates are counted
 * before any is parsed, keys are measured and signature checks counted before the first one is made, and
 * libcrypto 3.0 does not go back to try another path: each certificate gets at most one issuer.
 */
struct job {
    const struct kt_verify *how;
    const struct kt_ask *ask;
    const struct kt_fault *fault; /* found by us while libcrypto was at work */
    X509_STORE_CTX_verify_fn check_signatures;
};

struct kt_verify kt_verify_default(void)
{
    return (struct kt_verify){
        .min_rsa_bits = KT_RSA_BITS_MIN,
        .min_curve_bits = KT_CURVE_BITS_MIN,
        .max_depth = 10,
        .max_checks = 64,
    };
}

/* keys */

/* RFC 8017 allows any exponent; a long one only makes us work. */
static bool exponent_is_short(const EVP_PKEY *key)
{
    BIGNUM *e = NULL;
    bool is_short = EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) <= 64;

    BN_free(e);
    return is_short;
}

const struct kt_fault *kt_pki_check_key(const struct kt_verify *how, const X509 *x509)
{
    const EVP_PKEY *key = X509_get0_pubkey(x509);
    unsigned bits = key != NULL ? kt_pki_key_bits(key) : 0;

    switch (key != NULL ? EVP_PKEY_get_base_id(key) : EVP_PKEY_NONE) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
        if (bits < how->min_rsa_bits) {
            return kt_pki_cause(KT_FAULT(CERTIFICATE_KEY_WEAK));
        }
        if (bits > KT_RSA_BITS_MAX || !exponent_is_short(key)) {
            return kt_pki_cause(KT_FAULT(CERTIFICATE_KEY_UNSUPPORTED));
        }
        return NULL;
    case EVP_PKEY_EC:
    case EVP_PKEY_ED25519:
        if (bits < how->min_curve_bits) {
            return kt_pki_cause(KT_FAULT(CERTIFICATE_KEY_WEAK));
        }
        return NULL;
    default:
        return kt_pki_cause(KT_FAULT(CERTIFICATE_KEY_UNSUPPORTED));
    }
}

/* signature schemes */

static enum kt_digest digest_of(int nid)
{
    switch (nid) {
    case NID_sha1:
        return KT_DIGEST_SHA1;
    case NID_sha256:
        return KT_DIGEST_SHA256;
    case NID_sha384:
        return KT_DIGEST_SHA384;
    case NID_sha512:
        return KT_DIGEST_SHA512;
    default:
        return KT_DIGEST_NONE;
    }
}

/* How something is signed. */
struct signature {
    int algorithm;
    enum kt_digest digest;
    const EVP_PKEY *signer;
};

static bool is_pkcs1(const struct kt_scheme_facts *scheme)
{
    return scheme->key == KT_KEY_RSA && scheme->max_version < KT_TLS_1_3;
}

static bool is_curve(const struct kt_scheme_facts *scheme)
{
    return scheme->key == KT_KEY_P256 || scheme->key == KT_KEY_P384 || scheme->key == KT_KEY_P521;
}

/*
 * Whether the scheme covers the signature. For ECDSA it is the digest that has to fit: TLS 1.3 ties a curve
 * to each digest, but authorities with P-384 keys sign with SHA-256, and the curve is judged on its own.
 */
static bool covers(const struct kt_scheme_facts *scheme, const struct signature *signature)
{
    bool digest = (enum kt_digest)scheme->digest == signature->digest;

    switch (signature->algorithm) {
    case NID_rsaEncryption:
        return is_pkcs1(scheme) && digest;
    case NID_rsassaPss:
        return !is_pkcs1(scheme) && (enum kt_key_kind)scheme->key == kt_pki_key_kind(signature->signer) && digest;
    case NID_X9_62_id_ecPublicKey:
        return is_curve(scheme) && digest;
    case NID_ED25519:
        return scheme->key == KT_KEY_ED25519;
    default:
        return false;
    }
}

static bool is_allowed(struct kt_id_list allowed, const struct signature *signature)
{
    struct kt_reader r = kt_reader_over(allowed.wire);
    uint16_t id;

    while (kt_reader_u16(&r, &id)) {
        const struct kt_scheme_facts *scheme = kt_scheme_facts(id);

        if (scheme != NULL && covers(scheme, signature)) {
            return true;
        }
    }
    return false;
}

bool kt_pki_scheme_is_allowed(struct kt_id_list allowed, int algorithm, int digest, const EVP_PKEY *signer)
{
    struct signature signature = {algorithm, digest_of(digest), signer};

    return is_allowed(allowed, &signature);
}

const struct kt_fault *kt_pki_check_scheme(struct kt_id_list allowed, X509 *x509, const X509 *issuer)
{
    int digest = NID_undef;
    int algorithm = NID_undef;

    if (X509_get_signature_info(x509, &digest, &algorithm, NULL, NULL) != 1 ||
        !kt_pki_scheme_is_allowed(allowed, algorithm, digest, X509_get0_pubkey(issuer))) {
        return kt_pki_cause(KT_FAULT(CERTIFICATE_SIGNATURE_WRONG));
    }
    return NULL;
}

/* between building and checking */

static const struct kt_fault *judge(const struct job *job, STACK_OF(X509) * chain)
{
    int count = sk_X509_num(chain);

    if ((unsigned)(count - 1) > job->how->max_checks) {
        KT_FAIL(CERTIFICATE_BUDGET_SPENT);
    }
    for (int i = 0; i < count; i++) {
        KT_TRY(kt_pki_check_key(job->how, sk_X509_value(chain, i)));
    }
    /* The signature of the authority itself proves nothing and is not checked. */
    for (int i = 0; i + 1 < count; i++) {
        KT_TRY(
            kt_pki_check_scheme(job->ask->u.verify.cert_schemes, sk_X509_value(chain, i), sk_X509_value(chain, i + 1)));
    }
    return NULL;
}

/* Called by libcrypto when the chain is built, in place of its own check of signatures and dates. */
static int judge_then_check(X509_STORE_CTX *ctx)
{
    struct job *job = X509_STORE_CTX_get_app_data(ctx);

    job->fault = judge(job, X509_STORE_CTX_get0_chain(ctx));
    if (job->fault != NULL) {
        X509_STORE_CTX_set_error(ctx, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    return job->check_signatures(ctx);
}

/* A list may be missing: of the authority that is trusted always, of the others unless all are wanted. */
static int on_result(int ok, X509_STORE_CTX *ctx)
{
    const struct job *job = X509_STORE_CTX_get_app_data(ctx);
    int last = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

    if (ok == 0 && X509_STORE_CTX_get_error(ctx) == X509_V_ERR_UNABLE_TO_GET_CRL &&
        (job->how->crl != KT_CRL_HARD || X509_STORE_CTX_get_error_depth(ctx) == last)) {
        X509_STORE_CTX_set_error(ctx, X509_V_OK);
        return 1;
    }
    return ok;
}

static bool wants_lists(const struct job *job, const struct kt_trust *trust)
{
    return job->how->crl == KT_CRL_HARD || (job->how->crl == KT_CRL_SOFT && trust->has_crl);
}

/* names */

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* A host name proper. libcrypto would read a leading dot as "any name below", and an empty name as "any". */
static bool is_host_name(const char *name)
{
    for (const char *p = name; *p != '\0'; p++) {
        if (!is_label_byte(*p) && (*p != '.' || p == name)) {
            return false;
        }
    }
    return name[0] != '\0';
}

/* The text of the span; false when it is too long or holds a NUL, and then it is nobody's name. */
static bool as_text(struct kt_span from, char to[KT_NAME_MAX + 1])
{
    if (from.len > KT_NAME_MAX || (from.len > 0 && memchr(from.p, '\0', from.len) != NULL)) {
        return false;
    }
    kt_copy(to, from.p, from.len);
    to[from.len] = '\0';
    return true;
}

static const struct kt_fault *expect_name(X509_VERIFY_PARAM *param, struct kt_span wanted)
{
    unsigned char address[16];
    char name[KT_NAME_MAX + 1];
    int set;

    if (!as_text(wanted, name)) {
        KT_FAIL(CERTIFICATE_NAME_MISMATCH);
    }
    if (inet_pton(AF_INET, name, address) == 1) {
        set = X509_VERIFY_PARAM_set1_ip(param, address, 4);
    } else if (inet_pton(AF_INET6, name, address) == 1) {
        set = X509_VERIFY_PARAM_set1_ip(param, address, 16);
    } else if (is_host_name(name)) {
        /* RFC 9525: no common name (section 6.4), the star is a whole label (section 6.3). */
        X509_VERIFY_PARAM_set_hostflags(param,
                                        X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
        set = X509_VERIFY_PARAM_set1_host(param, name, wanted.len);
    } else {
        KT_FAIL(CERTIFICATE_NAME_MISMATCH);
    }
    return set == 1 ? NULL : KT_FAULT(MEMORY_SPENT);
}

/* results */

static const struct kt_fault *fault_of(int error)
{
    switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return KT_FAULT(CERTIFICATE_EXPIRED);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return KT_FAULT(CERTIFICATE_NOT_YET_VALID);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        return KT_FAULT(CERTIFICATE_SELF_SIGNED);
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        return KT_FAULT(CERTIFICATE_UNTRUSTED);
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_SIGNATURE_ALGORITHM_MISMATCH:
        return KT_FAULT(CERTIFICATE_SIGNATURE_WRONG);
    case X509_V_ERR_CERT_REVOKED:
        return KT_FAULT(CERTIFICATE_REVOKED);
    case X509_V_ERR_UNABLE_TO_GET_CRL:
        return KT_FAULT(CERTIFICATE_CRL_MISSING);
    case X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
    case X509_V_ERR_CRL_NOT_YET_VALID:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD:
    case X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD:
    case X509_V_ERR_KEYUSAGE_NO_CRL_SIGN:
    case X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION:
    case X509_V_ERR_CRL_PATH_VALIDATION_ERROR:
    case X509_V_ERR_DIFFERENT_CRL_SCOPE:
        return KT_FAULT(CERTIFICATE_CRL_UNUSABLE);
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return KT_FAULT(CERTIFICATE_NAME_MISMATCH);
    case X509_V_ERR_INVALID_PURPOSE:
    case X509_V_ERR_INVALID_CA:
    case X509_V_ERR_KEYUSAGE_NO_CERTSIGN:
    case X509_V_ERR_CERT_REJECTED:
        return KT_FAULT(CERTIFICATE_PURPOSE_WRONG);
    case X509_V_ERR_PATH_LENGTH_EXCEEDED:
    case X509_V_ERR_CERT_CHAIN_TOO_LONG:
        return KT_FAULT(CERTIFICATE_CHAIN_TOO_LONG);
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
    case X509_V_ERR_EC_KEY_EXPLICIT_PARAMS:
        return KT_FAULT(CERTIFICATE_KEY_UNSUPPORTED);
    case X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD:
    case X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD:
        return KT_FAULT(CERTIFICATE_UNPARSABLE);
    case X509_V_ERR_OUT_OF_MEM:
        return KT_FAULT(MEMORY_SPENT);
    default:
        return KT_FAULT(CERTIFICATE_REFUSED);
    }
}

/* the whole */

static const struct kt_fault *set_up(X509_STORE_CTX *ctx, const struct kt_trust *trust, struct job *job)
{
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    bool server = job->ask->u.verify.peer == KT_SERVER;
    unsigned long flags = X509_V_FLAG_PARTIAL_CHAIN | /* whatever is in the set is trusted, self-signed or not */
                          X509_V_FLAG_TRUSTED_FIRST | X509_V_FLAG_NO_ALT_CHAINS;

    /* Purpose and trust setting of that name. */
    if (X509_STORE_CTX_set_default(ctx, server ? "ssl_server" : "ssl_client") != 1) {
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    flags |= wants_lists(job, trust) ? X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL : 0;
    X509_VERIFY_PARAM_set_flags(param, flags);
    X509_VERIFY_PARAM_set_depth(param, job->how->max_depth < INT_MAX ? (int)job->how->max_depth : INT_MAX);
    X509_VERIFY_PARAM_set_auth_level(param, 0); /* judge() decides on strength */
    if (job->how->at != 0) {
        X509_VERIFY_PARAM_set_time(param, (time_t)job->how->at);
    }
    job->check_signatures = X509_STORE_CTX_get_verify(ctx);
    X509_STORE_CTX_set_app_data(ctx, job);
    X509_STORE_CTX_set_verify(ctx, judge_then_check);
    X509_STORE_CTX_set_verify_cb(ctx, on_result);
    if (server && !job->how->any_name) {
        return expect_name(param, job->ask->u.verify.server_name);
    }
    return NULL;
}

/* The leaf signs the handshake: a key usage, where there is one, must say so (RFC 9846 section 4.5.1). */
static const struct kt_fault *check_leaf(X509 *leaf)
{
    if ((X509_get_key_usage(leaf) & X509v3_KU_DIGITAL_SIGNATURE) == 0) {
        return kt_pki_cause(KT_FAULT(CERTIFICATE_PURPOSE_WRONG));
    }
    return NULL;
}

/* The revocation state of the leaf, as its issuer in the chain found tells it. */
static const struct kt_fault *check_staple(const struct job *job, STACK_OF(X509) * chain)
{
    struct kt_pki_staple staple = {
        .how = job->how,
        .response = job->ask->u.verify.ocsp_response,
        .schemes = job->ask->u.verify.cert_schemes,
        .leaf = sk_X509_value(chain, 0),
        .issuer = sk_X509_num(chain) > 1 ? sk_X509_value(chain, 1) : NULL,
        .asked = job->ask->u.verify.peer == KT_SERVER,
    };

    return kt_pki_check_staple(&staple);
}

static const struct kt_fault *run(X509_STORE_CTX *ctx, const struct kt_trust *trust, struct job *job, X509 *leaf,
                                  STACK_OF(X509) * rest)
{
    if (X509_STORE_CTX_init(ctx, trust->store, leaf, rest) != 1) {
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    KT_TRY(set_up(ctx, trust, job));
    if (X509_verify_cert(ctx) != 1) {
        return kt_pki_cause(job->fault != NULL ? job->fault : fault_of(X509_STORE_CTX_get_error(ctx)));
    }
    KT_TRY(check_leaf(leaf));
    return check_staple(job, X509_STORE_CTX_get0_chain(ctx));
}

static const struct kt_fault *parse(const struct kt_ask *ask, STACK_OF(X509) * chain)
{
    for (size_t i = 0; i < ask->u.verify.chain_len; i++) {
        X509 *x509 = kt_pki_certificate(ask->u.verify.chain[i]);

        if (x509 == NULL) {
            return kt_pki_cause(KT_FAULT(CERTIFICATE_UNPARSABLE));
        }
        if (sk_X509_push(chain, x509) == 0) {
            X509_free(x509);
            KT_FAIL(MEMORY_SPENT);
        }
    }
    return NULL;
}

static const struct kt_fault *verify(const struct kt_trust *trust, struct job *job)
{
    STACK_OF(X509) *rest = sk_X509_new_null();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    const struct kt_fault *fault;
    X509 *leaf = NULL;

    fault = rest != NULL && ctx != NULL ? parse(job->ask, rest) : KT_FAULT(MEMORY_SPENT);
    if (fault == NULL) {
        leaf = sk_X509_shift(rest);
        fault = run(ctx, trust, job, leaf, rest);
    }
    X509_STORE_CTX_free(ctx);
    sk_X509_pop_free(rest, X509_free);
    X509_free(leaf);
    return fault;
}

const struct kt_fault *kt_pki_verify(const struct kt_trust *trust, const struct kt_verify *how,
                                     const struct kt_ask *ask)
{
    struct job job = {.how = how, .ask = ask};

    if (trust == NULL || how == NULL || ask == NULL || ask->kind != KT_ASK_VERIFY || ask->u.verify.chain_len == 0) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    /* Parsing one certificate costs as much as three signature checks, so what cannot belong to a chain that
     * is short enough (leaf, those between, and the authority) is not looked at. */
    if (ask->u.verify.chain_len > (size_t)how->max_depth + 2) {
        KT_FAIL(CERTIFICATE_CHAIN_TOO_LONG);
    }
    return kt_pki_drained(verify(trust, &job));
}
