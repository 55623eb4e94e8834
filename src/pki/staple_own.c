/*
 * staple_own.c - an OCSP response of our own: attached to a credential, and looked at as a client will. And the other
 * thing that is sent beside a certificate, its list of timestamps.
 */
#include <openssl/ct.h>
#include <openssl/x509v3.h>

#include "pki/verify_impl.h"
#include "registry/limits.h"
#include "wire/writer.h"

static const struct kt_fault *parse_chain(const struct kt_credential *credential, STACK_OF(X509) * chain)
{
    for (size_t i = 0; i < kt_credential_chain_len(credential); i++) {
        X509 *x509 = kt_pki_certificate(kt_credential_certificate(credential, i));

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

/* The one that signed the leaf by name and key identifier: the next of the chain, or the leaf itself. */
static X509 *issuer_in(STACK_OF(X509) * chain)
{
    X509 *leaf = sk_X509_value(chain, 0);

    for (int i = 0; i < sk_X509_num(chain) && i < 2; i++) {
        if (X509_check_issued(sk_X509_value(chain, i), leaf) == X509_V_OK) {
            return sk_X509_value(chain, i);
        }
    }
    return NULL;
}

static const struct kt_fault *look(STACK_OF(X509) * chain, struct kt_span response, int64_t at, bool belongs_only)
{
    const struct kt_policy *policy = &kt_policy_2026_modern;
    struct kt_verify how = kt_verify_default();
    uint8_t room[2 * KT_LIST_MAX];
    struct kt_writer w = kt_writer_over(room, sizeof room);
    struct kt_pki_staple staple = {.how = &how, .response = response, .own = true};

    for (size_t i = 0; i < policy->cert_scheme_count; i++) {
        kt_put_u16(&w, policy->cert_schemes[i]);
    }
    how.at = at;
    staple.schemes.wire = kt_writer_span(&w);
    staple.leaf = sk_X509_value(chain, 0);
    staple.issuer = issuer_in(chain);
    return kt_pki_check_response(&staple, belongs_only);
}

static const struct kt_fault *attach(const struct kt_env *env, const struct kt_credential *credential,
                                     STACK_OF(X509) * chain, struct kt_span response, struct kt_credential **out)
{
    const struct kt_pki_beside beside = {response, kt_credential_sct_list(credential)};

    KT_TRY(parse_chain(credential, chain));
    KT_TRY(look(chain, response, 0, true));
    return kt_pki_credential(env, chain, &beside, kt_credential_key(credential), out);
}

const struct kt_fault *kt_credential_staple(const struct kt_env *env, const struct kt_credential *credential,
                                            struct kt_span response, struct kt_credential **out)
{
    const struct kt_fault *fault = KT_FAULT(MEMORY_SPENT);
    STACK_OF(X509) * chain;

    if (env == NULL || credential == NULL || kt_credential_release(credential) != kt_pki_key_release ||
        response.len > KT_PKI_FILE_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    chain = sk_X509_new_null();
    if (chain != NULL) {
        fault = attach(env, credential, chain, response, out);
    }
    sk_X509_pop_free(chain, X509_free);
    return kt_pki_drained(fault);
}

const struct kt_fault *kt_credential_staple_file(const struct kt_env *env, const struct kt_credential *credential,
                                                 const char *path, struct kt_credential **out)
{
    struct kt_pki_bytes bytes = {0};
    const struct kt_fault *fault;

    KT_TRY(kt_pki_file_read(path, &bytes));
    fault = kt_credential_staple(env, credential, kt_span_of(bytes.p, bytes.len), out);
    kt_pki_bytes_free(&bytes);
    return fault;
}

const struct kt_fault *kt_credential_staple_check(const struct kt_credential *credential, int64_t at)
{
    const struct kt_fault *fault = KT_FAULT(MEMORY_SPENT);
    STACK_OF(X509) * chain;

    if (credential == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (kt_credential_ocsp_response(credential).len == 0) {
        KT_FAIL(CERTIFICATE_STATUS_MISSING);
    }
    chain = sk_X509_new_null();
    if (chain != NULL) {
        fault = parse_chain(credential, chain);
    }
    if (fault == NULL) {
        fault = look(chain, kt_credential_ocsp_response(credential), at, false);
    }
    sk_X509_pop_free(chain, X509_free);
    return kt_pki_drained(fault);
}

/* certificate timestamps */

static const struct kt_fault *check_scts(struct kt_span list)
{
    const unsigned char *at = list.p;
    STACK_OF(SCT) *scts = list.len > 0 ? o2i_SCT_LIST(NULL, &at, list.len) : NULL;
    bool whole = scts != NULL && at == list.p + list.len && sk_SCT_num(scts) > 0;

    SCT_LIST_free(scts);
    return whole ? NULL : kt_pki_cause(KT_FAULT(SCT_LIST_MALFORMED));
}

static const struct kt_fault *attach_scts(const struct kt_env *env, const struct kt_credential *credential,
                                          STACK_OF(X509) * chain, struct kt_span list, struct kt_credential **out)
{
    const struct kt_pki_beside beside = {kt_credential_ocsp_response(credential), list};

    KT_TRY(check_scts(list));
    KT_TRY(parse_chain(credential, chain));
    return kt_pki_credential(env, chain, &beside, kt_credential_key(credential), out);
}

const struct kt_fault *kt_credential_scts(const struct kt_env *env, const struct kt_credential *credential,
                                          struct kt_span list, struct kt_credential **out)
{
    const struct kt_fault *fault = KT_FAULT(MEMORY_SPENT);
    STACK_OF(X509) * chain;

    if (env == NULL || credential == NULL || kt_credential_release(credential) != kt_pki_key_release) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    chain = sk_X509_new_null();
    if (chain != NULL) {
        fault = attach_scts(env, credential, chain, list, out);
    }
    sk_X509_pop_free(chain, X509_free);
    return kt_pki_drained(fault);
}

const struct kt_fault *kt_credential_scts_file(const struct kt_env *env, const struct kt_credential *credential,
                                               const char *path, struct kt_credential **out)
{
    struct kt_pki_bytes bytes = {0};
    const struct kt_fault *fault;

    KT_TRY(kt_pki_file_read(path, &bytes));
    fault = kt_credential_scts(env, credential, kt_span_of(bytes.p, bytes.len), out);
    kt_pki_bytes_free(&bytes);
    return fault;
}
