#include <openssl/ec.h>
#include <openssl/obj_mac.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "pki/pki_impl.h"
#include "registry/limits.h"

enum {
    SCHEMES_MAX = 16,
    NAMES_MAX = 1024,
};

/* kinds and sizes */

static enum kt_key_kind curve_kind(const EVP_PKEY *key)
{
    char name[64];
    int nid;

    if (EVP_PKEY_get_group_name(key, name, sizeof name, NULL) != 1) {
        return KT_KEY_NONE;
    }
    nid = OBJ_txt2nid(name);
    switch (nid != NID_undef ? nid : EC_curve_nist2nid(name)) {
    case NID_X9_62_prime256v1:
        return KT_KEY_P256;
    case NID_secp384r1:
        return KT_KEY_P384;
    case NID_secp521r1:
        return KT_KEY_P521;
    default:
        return KT_KEY_NONE;
    }
}

enum kt_key_kind kt_pki_key_kind(const EVP_PKEY *key)
{
    switch (EVP_PKEY_get_base_id(key)) {
    case EVP_PKEY_RSA:
        return KT_KEY_RSA;
    case EVP_PKEY_RSA_PSS:
        return KT_KEY_RSA_PSS;
    case EVP_PKEY_EC:
        return curve_kind(key);
    case EVP_PKEY_ED25519:
        return KT_KEY_ED25519;
    default:
        return KT_KEY_NONE;
    }
}

unsigned kt_pki_key_bits(const EVP_PKEY *key)
{
    int bits = EVP_PKEY_get_bits(key);

    /* libcrypto counts what the numbers of Ed25519 really have: 253. */
    return EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? 256 : (bits > 0 ? (unsigned)bits : 0);
}

static const struct kt_fault *check_kind(const EVP_PKEY *key)
{
    enum kt_key_kind kind = kt_pki_key_kind(key);
    unsigned bits = kt_pki_key_bits(key);
    bool rsa = kind == KT_KEY_RSA || kind == KT_KEY_RSA_PSS;

    if ((rsa && bits < KT_RSA_BITS_MIN) || (EVP_PKEY_get_base_id(key) == EVP_PKEY_EC && bits < KT_CURVE_BITS_MIN)) {
        return kt_pki_cause(KT_FAULT(KEY_WEAK));
    }
    if (kind == KT_KEY_NONE || (rsa && bits > KT_RSA_BITS_MAX)) {
        return kt_pki_cause(KT_FAULT(KEY_UNSUPPORTED));
    }
    return NULL;
}

/* What is for every version goes first, and what is legacy last. */
static int rank(const struct kt_scheme_facts *scheme, enum kt_key_kind key)
{
    return scheme->legacy ? 2 : kt_scheme_fits_key(scheme, key, KT_TLS_1_3) ? 0 : 1;
}

/* Appends those of one rank. An RSASSA-PSS key may be bound to one digest: libcrypto knows, so it is tried. */
static size_t append(EVP_PKEY *key, EVP_MD_CTX *ctx, const uint16_t *known, size_t count, int wanted, uint16_t *ids,
                     size_t n)
{
    for (size_t i = 0; i < count; i++) {
        const struct kt_scheme_facts *facts = kt_scheme_facts(known[i]);

        if (rank(facts, kt_pki_key_kind(key)) == wanted && kt_pki_sign_init(ctx, key, facts)) {
            ids[n++] = known[i];
        }
        EVP_MD_CTX_reset(ctx);
    }
    return n;
}

/* What the key can sign with. */
static const struct kt_fault *list_schemes(EVP_PKEY *key, uint16_t ids[SCHEMES_MAX], size_t *count)
{
    static const uint16_t known[] = {
#define X(name, number, text, kind, digest, legacy, first, last) number,
#include "registry/schemes.def"
#undef X
    };
    _Static_assert(KT_COUNT_OF(known) <= SCHEMES_MAX, "all schemes fit a credential");
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t n = 0;

    if (ctx == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    for (int wanted = 0; wanted <= 2; wanted++) {
        n = append(key, ctx, known, KT_COUNT_OF(known), wanted, ids, n);
    }
    EVP_MD_CTX_free(ctx);
    *count = n;
    return kt_pki_cause(n > 0 ? NULL : KT_FAULT(KEY_UNSUPPORTED));
}

void kt_pki_key_release(void *key)
{
    EVP_PKEY_free(key);
}

/* names */

/* What a client may ask for: letters, digits, hyphen, underscore, dots; and the star of a wildcard. */
static bool is_host_name(const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bool letter = (p[i] >= 'a' && p[i] <= 'z') || (p[i] >= 'A' && p[i] <= 'Z');
        bool digit = p[i] >= '0' && p[i] <= '9';

        if (!letter && !digit && p[i] != '-' && p[i] != '_' && p[i] != '.' && !(p[i] == '*' && i == 0)) {
            return false;
        }
    }
    return len > 0 && len <= KT_NAME_MAX;
}

static size_t collect_names(const GENERAL_NAMES *all, struct kt_span *names)
{
    int total = all != NULL ? sk_GENERAL_NAME_num(all) : 0;
    size_t n = 0;

    for (int i = 0; i < total && n < NAMES_MAX; i++) {
        const GENERAL_NAME *name = sk_GENERAL_NAME_value(all, i);
        const ASN1_IA5STRING *text = name->type == GEN_DNS ? name->d.dNSName : NULL;
        size_t len = text != NULL ? (size_t)ASN1_STRING_length(text) : 0;

        if (text != NULL && is_host_name(ASN1_STRING_get0_data(text), len)) {
            names[n++] = kt_span_of(ASN1_STRING_get0_data(text), len);
        }
    }
    return n;
}

/* the credential */

static const struct kt_fault *check_match(X509 *leaf, const EVP_PKEY *key)
{
    const EVP_PKEY *public_key = X509_get0_pubkey(leaf);

    if (public_key == NULL) {
        return kt_pki_cause(KT_FAULT(KEY_UNSUPPORTED));
    }
    if (EVP_PKEY_eq(public_key, key) != 1) {
        return kt_pki_cause(KT_FAULT(KEY_MISMATCH));
    }
    return NULL;
}

static void free_chain_bytes(struct kt_span *chain, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        OPENSSL_free((void *)chain[i].p);
    }
}

static const struct kt_fault *encode_chain(STACK_OF(X509) * chain, struct kt_span *ders, size_t *count)
{
    size_t n = 0;

    for (int i = 0; i < sk_X509_num(chain); i++) {
        uint8_t *der = NULL;
        int len = i2d_X509(sk_X509_value(chain, i), &der);

        if (len <= 0) {
            free_chain_bytes(ders, n);
            return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
        }
        ders[n++] = kt_span_of(der, (size_t)len);
    }
    *count = n;
    return NULL;
}

static const struct kt_fault *assemble(const struct kt_env *env, STACK_OF(X509) * chain, EVP_PKEY *key,
                                       struct kt_credential_parts *parts, struct kt_credential **out)
{
    struct kt_span ders[KT_CHAIN_MAX];
    const struct kt_fault *fault;

    KT_TRY(encode_chain(chain, ders, &parts->chain_len));
    parts->chain = ders;
    parts->key = key;
    parts->release_key = kt_pki_key_release;
    fault = kt_credential_new(env, parts, out);
    if (fault == NULL) {
        EVP_PKEY_up_ref(key);
    }
    free_chain_bytes(ders, parts->chain_len);
    return fault;
}

const struct kt_fault *kt_pki_credential(const struct kt_env *env, STACK_OF(X509) * chain,
                                         const struct kt_pki_beside *beside, EVP_PKEY *key, struct kt_credential **out)
{
    struct kt_credential_parts parts = {0};
    const struct kt_fault *fault;
    uint16_t schemes[SCHEMES_MAX];
    struct kt_span names[NAMES_MAX];
    GENERAL_NAMES *all;
    int found;

    KT_TRY(check_kind(key));
    KT_TRY(check_match(sk_X509_value(chain, 0), key));
    KT_TRY(list_schemes(key, schemes, &parts.scheme_count));
    all = X509_get_ext_d2i(sk_X509_value(chain, 0), NID_subject_alt_name, &found, NULL);
    if (all == NULL && found != -1) {
        return kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    if (beside != NULL) {
        parts.ocsp_response = &beside->response;
        parts.sct_list = beside->sct_list.len > 0 ? &beside->sct_list : NULL;
    }
    parts.schemes = schemes;
    parts.names = names;
    parts.name_count = collect_names(all, names);
    fault = assemble(env, chain, key, &parts, out);
    GENERAL_NAMES_free(all);
    return fault;
}

/* from PEM */

static const struct kt_fault *add_certificate(STACK_OF(X509) * chain, struct kt_span der)
{
    X509 *x509 = kt_pki_certificate(der);

    if (x509 == NULL) {
        return kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    if (sk_X509_num(chain) == KT_CHAIN_MAX || sk_X509_push(chain, x509) == 0) {
        X509_free(x509);
        return kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    return NULL;
}

static const struct kt_fault *read_chain(BIO *bio, STACK_OF(X509) * chain)
{
    const struct kt_fault *fault;
    struct kt_pki_pem pem;
    bool found;

    do {
        fault = kt_pki_pem_next(bio, &pem, &found);
        if (found && kt_pki_pem_is_certificate(&pem)) {
            fault = add_certificate(chain, kt_span_of(pem.content.p, pem.content.len));
        }
        kt_pki_pem_free(&pem);
    } while (fault == NULL && found);
    if (fault == NULL && sk_X509_num(chain) == 0) {
        KT_FAIL(PEM_MISSING);
    }
    return fault;
}

static void free_certificates(STACK_OF(X509) * chain)
{
    sk_X509_pop_free(chain, X509_free);
}

static const struct kt_fault *from_pem(const struct kt_env *env, BIO *bio, STACK_OF(X509) * chain,
                                       struct kt_span key_text, const char *password, struct kt_credential **out)
{
    const struct kt_fault *fault;
    EVP_PKEY *key = NULL;

    if (bio == NULL || chain == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    KT_TRY(read_chain(bio, chain));
    KT_TRY(kt_pki_key_from_pem(key_text, password, &key));
    fault = kt_pki_credential(env, chain, NULL, key, out);
    EVP_PKEY_free(key);
    return fault;
}

const struct kt_fault *kt_credential_from_pem(const struct kt_env *env, struct kt_span chain, struct kt_span key,
                                              const char *password, struct kt_credential **out)
{
    const struct kt_fault *fault;
    STACK_OF(X509) * certificates;
    BIO *bio;

    if (env == NULL || chain.len > KT_PKI_FILE_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    certificates = sk_X509_new_null();
    bio = BIO_new_mem_buf(chain.len > 0 ? (const void *)chain.p : "", (int)chain.len);
    fault = from_pem(env, bio, certificates, key, password, out);
    BIO_free(bio);
    free_certificates(certificates);
    return kt_pki_drained(fault);
}

const struct kt_fault *kt_credential_from_files(const struct kt_env *env, const char *chain_path, const char *key_path,
                                                const char *password, struct kt_credential **out)
{
    struct kt_pki_bytes chain = {0}, key = {0};
    const struct kt_fault *fault = kt_pki_file_read(chain_path, &chain);

    if (fault == NULL) {
        fault = kt_pki_file_read(key_path, &key);
    }
    if (fault == NULL) {
        fault = kt_credential_from_pem(env, kt_span_of(chain.p, chain.len), kt_span_of(key.p, key.len), password, out);
    }
    kt_pki_bytes_free(&chain);
    kt_pki_bytes_free(&key);
    return fault;
}
