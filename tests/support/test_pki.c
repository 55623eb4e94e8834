#include "support/test_pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define MUST(x)                                                                                                        \
    do {                                                                                                               \
        if (!(x)) {                                                                                                    \
            broken(__LINE__, #x);                                                                                      \
        }                                                                                                              \
    } while (0)

__attribute__((noreturn)) static void broken(int line, const char *what)
{
    fprintf(stderr, "test_pki.c:%d: %s\n", line, what);
    ERR_print_errors_fp(stderr);
    abort();
}

/* --- keys -------------------------------------------------------------------------------------------------
 */

static EVP_PKEY *ec_key(const char *curve)
{
    EVP_PKEY *key = EVP_EC_gen(curve);

    MUST(key != NULL);
    return key;
}

static EVP_PKEY *shared_rsa_key(enum test_key kind, const char *type, int bits)
{
    static EVP_PKEY *made[TEST_KEY_COUNT];

    if (made[kind] == NULL) {
        EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);

        MUST(ctx != NULL && EVP_PKEY_keygen_init(ctx) == 1);
        MUST(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, bits) == 1);
        MUST(EVP_PKEY_keygen(ctx, &made[kind]) == 1);
        EVP_PKEY_CTX_free(ctx);
    }
    MUST(EVP_PKEY_up_ref(made[kind]) == 1);
    return made[kind];
}

EVP_PKEY *test_key_new(enum test_key kind)
{
    switch (kind) {
    case TEST_KEY_P256:
        return ec_key("P-256");
    case TEST_KEY_P384:
        return ec_key("P-384");
    case TEST_KEY_P521:
        return ec_key("P-521");
    case TEST_KEY_P224:
        return ec_key("P-224");
    case TEST_KEY_SECP256K1:
        return ec_key("secp256k1");
    case TEST_KEY_ED25519:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    case TEST_KEY_ED448:
        return EVP_PKEY_Q_keygen(NULL, NULL, "ED448");
    case TEST_KEY_RSA_1024:
        return shared_rsa_key(kind, "RSA", 1024);
    case TEST_KEY_RSA_2048:
        return shared_rsa_key(kind, "RSA", 2048);
    case TEST_KEY_RSA_3072:
        return shared_rsa_key(kind, "RSA", 3072);
    case TEST_KEY_RSA_PSS_2048:
        return shared_rsa_key(kind, "RSA-PSS", 2048);
    case TEST_KEY_COUNT:
        break;
    }
    broken(__LINE__, "no such key");
}

/* --- certificates ------------------------------------------------------------------------------------------
 */

static void add_extension(X509 *x509, X509 *issuer, const char *name, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;

    if (value[0] == '\0') {
        return;
    }
    X509V3_set_ctx(&ctx, issuer, x509, NULL, NULL, 0);
    X509V3_set_ctx_nodb(&ctx);
    extension = X509V3_EXT_nconf(NULL, &ctx, name, value);
    MUST(extension != NULL && X509_add_ext(x509, extension, -1) == 1);
    X509_EXTENSION_free(extension);
}

static void push_name(GENERAL_NAMES *names, int type, const void *bytes, size_t len)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(type == GEN_DNS ? V_ASN1_IA5STRING : V_ASN1_OCTET_STRING);

    MUST(name != NULL && text != NULL && ASN1_STRING_set(text, bytes, (int)len) == 1);
    GENERAL_NAME_set0_value(name, type, text);
    MUST(sk_GENERAL_NAME_push(names, name) > 0);
}

static void add_names(X509 *x509, const struct test_cert_options *o)
{
    GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

    MUST(names != NULL);
    for (size_t i = 0; i < TEST_NAMES_MAX && o->names[i] != NULL; i++) {
        ASN1_OCTET_STRING *ip = a2i_IPADDRESS(o->names[i]);

        if (ip != NULL) {
            push_name(names, GEN_IPADD, ASN1_STRING_get0_data(ip), (size_t)ASN1_STRING_length(ip));
            ASN1_OCTET_STRING_free(ip);
        } else {
            push_name(names, GEN_DNS, o->names[i], strlen(o->names[i]));
        }
    }
    if (o->raw_name.len > 0) {
        push_name(names, GEN_DNS, o->raw_name.p, o->raw_name.len);
    }
    if (sk_GENERAL_NAME_num(names) > 0) {
        MUST(X509_add1_ext_i2d(x509, NID_subject_alt_name, names, 0, X509V3_ADD_APPEND) == 1);
    }
    sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
    ERR_clear_error(); /* a2i_IPADDRESS complains about host names */
}

static const char *given_or(const char *given, const char *usual)
{
    return given != NULL ? given : usual;
}

static void add_extensions(X509 *x509, X509 *issuer, const struct test_cert_options *o)
{
    add_extension(x509, issuer, "basicConstraints",
                  given_or(o->basic, o->ca ? "critical,CA:TRUE" : "critical,CA:FALSE"));
    add_extension(x509, issuer, "keyUsage",
                  given_or(o->key_usage, o->ca ? "critical,keyCertSign,cRLSign" : "critical,digitalSignature"));
    add_extension(x509, issuer, "extendedKeyUsage", given_or(o->purposes, o->ca ? "" : "serverAuth,clientAuth"));
    if (!o->no_key_ids) {
        add_extension(x509, issuer, "subjectKeyIdentifier", "hash");
        add_extension(x509, issuer, "authorityKeyIdentifier", issuer == x509 ? "" : "keyid");
    }
    add_names(x509, o);
    for (size_t i = 0; i < TEST_MORE_MAX && o->more[i].name != NULL; i++) {
        add_extension(x509, issuer, o->more[i].name, o->more[i].value);
    }
}

static void set_identity(X509 *x509, X509 *issuer, const struct test_cert_options *o)
{
    static long next_serial = 1;
    X509_NAME *name = X509_get_subject_name(x509);

    MUST(X509_set_version(x509, X509_VERSION_3) == 1);
    MUST(ASN1_INTEGER_set(X509_get_serialNumber(x509), o->serial != 0 ? o->serial : next_serial++) == 1);
    MUST(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)given_or(o->subject, "test"), -1,
                                    -1, 0) == 1);
    MUST(X509_set_issuer_name(x509, X509_get_subject_name(issuer)) == 1);
    MUST(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)(o->from != 0 ? o->from : TEST_PKI_FROM)) != NULL);
    MUST(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)(o->until != 0 ? o->until : TEST_PKI_UNTIL)) != NULL);
}

/* The digest that goes with a key: none for the Edwards curves, which hash on their own. */
static const EVP_MD *digest_for(EVP_PKEY *key, const char *name)
{
    const EVP_MD *digest;

    if (EVP_PKEY_is_a(key, "ED25519") || EVP_PKEY_is_a(key, "ED448")) {
        return NULL;
    }
    digest = EVP_get_digestbyname(given_or(name, "SHA256"));
    MUST(digest != NULL);
    return digest;
}

static void sign(X509 *x509, EVP_PKEY *key, const struct test_cert_options *o)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;

    MUST(ctx != NULL && EVP_DigestSignInit(ctx, &pctx, digest_for(key, o->digest), NULL, key) == 1);
    if (o->pss) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1);
    }
    if (o->pss || EVP_PKEY_is_a(key, "RSA-PSS")) {
        MUST(EVP_PKEY_CTX_set_rsa_pss_saltlen(pctx, RSA_PSS_SALTLEN_DIGEST) == 1);
    }
    MUST(X509_sign_ctx(x509, ctx) > 0);
    EVP_MD_CTX_free(ctx);
}

struct test_cert *test_cert_new(const struct test_cert_options *options, const struct test_cert *issuer)
{
    static const struct test_cert_options usual;
    const struct test_cert_options *o = options != NULL ? options : &usual;
    struct test_cert *cert = calloc(1, sizeof *cert);
    X509 *above;
    uint8_t *der = NULL;
    int len;

    MUST(cert != NULL && (cert->x509 = X509_new()) != NULL);
    if (o->use_key != NULL) {
        MUST(EVP_PKEY_up_ref(o->use_key) == 1);
    }
    cert->key = o->use_key != NULL ? o->use_key : test_key_new(o->key);
    MUST(cert->key != NULL && X509_set_pubkey(cert->x509, cert->key) == 1);
    above = issuer != NULL ? issuer->x509 : cert->x509;
    set_identity(cert->x509, above, o);
    add_extensions(cert->x509, above, o);
    sign(cert->x509, issuer != NULL ? issuer->key : cert->key, o);

    len = i2d_X509(cert->x509, &der);
    MUST(len > 0);
    der[len - 1] ^= o->bad_signature ? 1 : 0;
    cert->der = (struct kt_span){der, (size_t)len};
    ERR_clear_error();
    return cert;
}

void test_cert_free(struct test_cert *cert)
{
    if (cert != NULL) {
        X509_free(cert->x509);
        EVP_PKEY_free(cert->key);
        OPENSSL_free((void *)(uintptr_t)cert->der.p);
        free(cert);
    }
}

struct test_cert *test_ca(const char *subject)
{
    return test_cert_new(&(struct test_cert_options){.subject = subject, .ca = true}, NULL);
}

struct test_cert *test_intermediate(const char *subject, const struct test_cert *issuer)
{
    return test_cert_new(&(struct test_cert_options){.subject = subject, .ca = true}, issuer);
}

struct test_cert *test_leaf(const char *name, enum test_key key, const struct test_cert *issuer)
{
    return test_cert_new(&(struct test_cert_options){.key = key, .names = {name}}, issuer);
}

/* --- out of the process ------------------------------------------------------------------------------------
 */

static struct test_bytes drain(BIO *bio)
{
    char *data = NULL;
    long len = BIO_get_mem_data(bio, &data);
    struct test_bytes bytes = {malloc((size_t)len + 1), (size_t)len};

    MUST(bytes.p != NULL);
    memcpy(bytes.p, data, bytes.len);
    bytes.p[bytes.len] = '\0';
    BIO_free(bio);
    return bytes;
}

static BIO *memory(void)
{
    BIO *bio = BIO_new(BIO_s_mem());

    MUST(bio != NULL);
    return bio;
}

struct test_bytes test_pem_certs(const struct test_cert *const *certs, size_t count)
{
    BIO *bio = memory();

    for (size_t i = 0; i < count; i++) {
        MUST(PEM_write_bio(bio, PEM_STRING_X509, "", certs[i]->der.p, (long)certs[i]->der.len) > 0);
    }
    return drain(bio);
}

struct test_bytes test_pem_key(EVP_PKEY *key, enum test_key_form form, const char *password)
{
    const EVP_CIPHER *cipher = password != NULL ? EVP_aes_256_cbc() : NULL;
    const unsigned char *kstr = (const unsigned char *)password;
    int klen = password != NULL ? (int)strlen(password) : 0;
    BIO *bio = memory();

    if (form == TEST_FORM_PKCS8) {
        MUST(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, password, klen, NULL, NULL) == 1);
    } else {
        MUST(PEM_write_bio_PrivateKey_traditional(bio, key, cipher, kstr, klen, NULL, NULL) == 1);
    }
    return drain(bio);
}

static void revoke_one(X509_CRL *crl, X509 *x509, const ASN1_TIME *when)
{
    X509_REVOKED *entry = X509_REVOKED_new();

    MUST(entry != NULL && X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(x509)) == 1);
    MUST(X509_REVOKED_set_revocationDate(entry, (ASN1_TIME *)(uintptr_t)when) == 1);
    MUST(X509_CRL_add0_revoked(crl, entry) == 1);
}

struct test_bytes test_pem_crl(const struct test_cert *issuer, const struct test_cert *const *revoked, size_t n)
{
    return test_pem_crl_until(issuer, revoked, n, TEST_PKI_UNTIL);
}

struct test_bytes test_pem_crl_until(const struct test_cert *issuer, const struct test_cert *const *revoked, size_t n,
                                     int64_t end)
{
    X509_CRL *crl = X509_CRL_new();
    ASN1_TIME *from = ASN1_TIME_set(NULL, (time_t)TEST_PKI_FROM);
    ASN1_TIME *until = ASN1_TIME_set(NULL, (time_t)end);
    BIO *bio = memory();

    MUST(crl != NULL && from != NULL && until != NULL && X509_CRL_set_version(crl, X509_CRL_VERSION_2) == 1);
    MUST(X509_CRL_set_issuer_name(crl, X509_get_subject_name(issuer->x509)) == 1);
    MUST(X509_CRL_set1_lastUpdate(crl, from) == 1 && X509_CRL_set1_nextUpdate(crl, until) == 1);
    for (size_t i = 0; i < n; i++) {
        revoke_one(crl, revoked[i]->x509, from);
    }
    MUST(X509_CRL_sign(crl, issuer->key, digest_for(issuer->key, NULL)) > 0);
    MUST(PEM_write_bio_X509_CRL(bio, crl) == 1);
    ASN1_TIME_free(from);
    ASN1_TIME_free(until);
    X509_CRL_free(crl);
    return drain(bio);
}

struct test_bytes test_pkcs12(const struct test_cert *const *certs, size_t count, const char *password)
{
    STACK_OF(X509) *rest = sk_X509_new_null();
    BIO *bio = memory();
    PKCS12 *p12;

    MUST(rest != NULL);
    for (size_t i = 1; i < count; i++) {
        MUST(sk_X509_push(rest, certs[i]->x509) > 0);
    }
    p12 = PKCS12_create(password, "test", certs[0]->key, certs[0]->x509, rest, 0, 0, 0, 0, 0);
    MUST(p12 != NULL && i2d_PKCS12_bio(bio, p12) == 1);
    PKCS12_free(p12);
    sk_X509_free(rest);
    return drain(bio);
}

static ASN1_GENERALIZEDTIME *moment(int64_t given, int64_t usual)
{
    ASN1_GENERALIZEDTIME *t = ASN1_GENERALIZEDTIME_set(NULL, (time_t)(given != 0 ? given : usual));

    MUST(t != NULL);
    return t;
}

static void add_status(OCSP_BASICRESP *basic, const struct test_cert *cert, const struct test_cert *issuer,
                       const struct test_ocsp_options *o, enum test_status status)
{
    static const int codes[] = {V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED, V_OCSP_CERTSTATUS_UNKNOWN};
    OCSP_CERTID *id = OCSP_cert_to_id(EVP_get_digestbyname(given_or(o->id_digest, "SHA1")), cert->x509, issuer->x509);
    ASN1_GENERALIZEDTIME *from = moment(o->from, TEST_PKI_FROM);
    ASN1_GENERALIZEDTIME *until = o->until == -1 ? NULL : moment(o->until, TEST_PKI_UNTIL);

    MUST(id != NULL && OCSP_basic_add1_status(basic, id, codes[status], OCSP_REVOKED_STATUS_KEYCOMPROMISE,
                                              status == TEST_STATUS_REVOKED ? from : NULL, from, until) != NULL);
    OCSP_CERTID_free(id);
    ASN1_GENERALIZEDTIME_free(from);
    ASN1_GENERALIZEDTIME_free(until);
}

static void add_nonce(OCSP_BASICRESP *basic, const struct test_ocsp_options *o)
{
    const unsigned char *at = o->request.p;
    OCSP_REQUEST *request;

    if (o->other_nonce) {
        MUST(OCSP_basic_add1_nonce(basic, NULL, 32) == 1);
    }
    if (o->request.len > 0) {
        request = d2i_OCSP_REQUEST(NULL, &at, (long)o->request.len);
        MUST(request != NULL && OCSP_copy_nonce(basic, request) == 1);
        OCSP_REQUEST_free(request);
    }
}

static void sign_response(OCSP_BASICRESP *basic, const struct test_cert *signer, const struct test_ocsp_options *o)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *pctx = NULL;
    ASN1_STRING *signature;

    MUST(ctx != NULL && EVP_DigestSignInit(ctx, &pctx, digest_for(signer->key, o->digest), NULL, signer->key) == 1);
    if (o->pss) {
        MUST(EVP_PKEY_CTX_set_rsa_padding(pctx, RSA_PKCS1_PSS_PADDING) == 1);
    }
    MUST(OCSP_basic_sign_ctx(basic, signer->x509, ctx, NULL, OCSP_NOCERTS | (o->by_key ? OCSP_RESPID_KEY : 0)) == 1);
    EVP_MD_CTX_free(ctx);
    signature = (ASN1_STRING *)(uintptr_t)OCSP_resp_get0_signature(basic);
    if (o->unsigned_at_all) {
        MUST(ASN1_STRING_set(signature, "", 0) == 1);
    }
    if (o->bad_signature) {
        ((uint8_t *)(uintptr_t)ASN1_STRING_get0_data(signature))[ASN1_STRING_length(signature) - 1] ^= 1;
    }
}

struct test_bytes test_ocsp(const struct test_cert *cert, const struct test_cert *issuer,
                            const struct test_ocsp_options *options)
{
    static const struct test_ocsp_options usual;
    const struct test_ocsp_options *o = options != NULL ? options : &usual;
    OCSP_BASICRESP *basic = OCSP_BASICRESP_new();
    OCSP_RESPONSE *response;
    BIO *bio = memory();

    MUST(basic != NULL);
    if (o->second != NULL) {
        add_status(basic, o->second, issuer, o, TEST_STATUS_GOOD);
    }
    add_status(basic, cert, issuer, o, o->status);
    if (o->with != NULL) {
        MUST(OCSP_basic_add1_cert(basic, o->with->x509) == 1);
    }
    add_nonce(basic, o);
    sign_response(basic, o->signer != NULL ? o->signer : issuer, o);
    response = OCSP_response_create(o->response_status, basic);
    MUST(response != NULL && i2d_OCSP_RESPONSE_bio(bio, response) == 1);
    OCSP_RESPONSE_free(response);
    OCSP_BASICRESP_free(basic);
    ERR_clear_error();
    return drain(bio);
}

void test_bytes_free(struct test_bytes *bytes)
{
    free(bytes->p);
    *bytes = (struct test_bytes){NULL, 0};
}

struct kt_span test_bytes_span(const struct test_bytes *bytes)
{
    return (struct kt_span){bytes->p, bytes->len};
}

char *test_file(struct kt_span content)
{
    const char *folder = getenv("TMPDIR");
    char *name = malloc(4096);
    int fd;

    MUST(name != NULL && snprintf(name, 4096, "%s/keyturn-test-XXXXXX", given_or(folder, "/tmp")) < 4096);
    fd = mkstemp(name);
    MUST(fd >= 0 && write(fd, content.p, content.len) == (ssize_t)content.len && close(fd) == 0);
    return name;
}

void test_file_remove(char *name)
{
    unlink(name);
    free(name);
}

/* libcrypto's memory */

static size_t fails_at, asked;

static void *count_malloc(size_t len, const char *file, int line)
{
    (void)file, (void)line;
    return fails_at > 0 && ++asked >= fails_at ? NULL : malloc(len);
}

static void *count_realloc(void *memory, size_t len, const char *file, int line)
{
    (void)file, (void)line;
    return fails_at > 0 && ++asked >= fails_at ? NULL : realloc(memory, len);
}

static void count_free(void *memory, const char *file, int line)
{
    (void)file, (void)line;
    free(memory);
}

void test_crypto_memory_install(void)
{
    MUST(CRYPTO_set_mem_functions(count_malloc, count_realloc, count_free) == 1);
}

bool test_crypto_memory_fail_at(size_t n)
{
    bool failed = fails_at > 0 && asked >= fails_at;

    fails_at = n;
    asked = 0;
    return failed;
}
