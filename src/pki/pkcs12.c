#include <openssl/pkcs12.h>
#include <openssl/x509v3.h>

#include "pki/pki_impl.h"
#include "registry/limits.h"

/* What a PKCS#12 file holds: a key, its certificate, and others in no order that could be relied on. */
struct box {
    EVP_PKEY *key;
    X509 *leaf;
    STACK_OF(X509) * others;
};

static void box_free(struct box *box)
{
    EVP_PKEY_free(box->key);
    X509_free(box->leaf);
    sk_X509_pop_free(box->others, X509_free);
}

static X509 *issuer_of(const struct box *box, X509 *of)
{
    for (int i = 0; box->others != NULL && i < sk_X509_num(box->others); i++) {
        X509 *candidate = sk_X509_value(box->others, i);

        if (X509_check_issued(candidate, of) == X509_V_OK) {
            return candidate;
        }
    }
    return NULL;
}

static bool is_self_issued(X509 *x509)
{
    return X509_NAME_cmp(X509_get_subject_name(x509), X509_get_issuer_name(x509)) == 0;
}

/*
 * Follows the issuers from the leaf up. The root is left out: the peer has it or will not trust it (RFC 9846
 * section 4.5.1), and these files usually hold it.
 */
static bool order_chain(const struct box *box, STACK_OF(X509) * chain)
{
    X509 *at = box->leaf;

    if (sk_X509_push(chain, at) == 0) {
        return false;
    }
    while (!is_self_issued(at) && sk_X509_num(chain) < KT_CHAIN_MAX) {
        at = issuer_of(box, at);
        if (at == NULL || is_self_issued(at)) {
            break;
        }
        if (sk_X509_push(chain, at) == 0) {
            return false;
        }
    }
    return true;
}

static const struct kt_fault *open_box(struct kt_span bytes, const char *password, struct box *box)
{
    const unsigned char *at = bytes.p;
    PKCS12 *p12 = d2i_PKCS12(NULL, &at, (long)bytes.len);
    bool ok = p12 != NULL && PKCS12_parse(p12, password, &box->key, &box->leaf, &box->others) == 1;

    PKCS12_free(p12);
    if (!ok || box->key == NULL || box->leaf == NULL) {
        return kt_pki_cause(KT_FAULT(PKCS12_MALFORMED));
    }
    return NULL;
}

static const struct kt_fault *from_box(const struct kt_env *env, const struct box *box, struct kt_credential **out)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    const struct kt_fault *fault;

    if (chain == NULL || !order_chain(box, chain)) {
        sk_X509_free(chain);
        KT_FAIL(MEMORY_SPENT);
    }
    fault = kt_pki_credential(env, chain, NULL, box->key, out);
    sk_X509_free(chain);
    return fault;
}

const struct kt_fault *kt_credential_from_pkcs12(const struct kt_env *env, const char *path, const char *password,
                                                 struct kt_credential **out)
{
    struct kt_pki_bytes bytes = {0};
    const struct kt_fault *fault;
    struct box box = {0};

    if (env == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    KT_TRY(kt_pki_file_read(path, &bytes));
    fault = open_box(kt_span_of(bytes.p, bytes.len), password, &box);
    if (fault == NULL) {
        fault = from_box(env, &box, out);
    }
    box_free(&box);
    kt_pki_bytes_free(&bytes);
    return kt_pki_drained(fault);
}
