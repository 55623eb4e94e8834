/*
 * test_pki.h - certificates made to order, in the process of the test: authorities, intermediates, leaves.
 *
 * What cannot happen aborts with a message, so tests need not check. Not for several threads at once: RSA
 * keys are slow to make, so those of one size are made once per process and shared by all certificates that
 * ask.
 */
#ifndef TEST_PKI_H
#define TEST_PKI_H

#include <keyturn/base.h>

#include <openssl/evp.h>
#include <openssl/x509.h>

enum test_key {
    TEST_KEY_P256,
    TEST_KEY_P384,
    TEST_KEY_P521,
    TEST_KEY_ED25519,
    TEST_KEY_RSA_2048,
    TEST_KEY_RSA_3072,
    TEST_KEY_RSA_1024,     /* too short */
    TEST_KEY_RSA_PSS_2048, /* RSASSA-PSS key without restrictions */
    TEST_KEY_P224,         /* too short */
    TEST_KEY_SECP256K1,    /* of a curve TLS does not know */
    TEST_KEY_ED448,        /* no scheme of ours */
    TEST_KEY_COUNT
};

enum {
    TEST_NAMES_MAX = 8,
    TEST_MORE_MAX = 4,
};

/* The default dates: 2000-01-01 to 2049-12-31, good for any clock a test may have. */
#define TEST_PKI_FROM  INT64_C(946684800)
#define TEST_PKI_UNTIL INT64_C(2524521600)

/* All zero: a P-256 leaf named "test" without alternative names, serverAuth and clientAuth, SHA-256. */
struct test_cert_options {
    enum test_key key;
    EVP_PKEY *use_key;                 /* instead of a new key; a reference is taken */
    const char *subject;               /* common name */
    const char *names[TEST_NAMES_MAX]; /* alternative names: IP addresses become iPAddress, others dNSName */
    struct kt_span raw_name;           /* a dNSName of any bytes */
    int64_t from, until;               /* Unix time; 0: the defaults */
    bool ca;                           /* CA:TRUE and keyCertSign */
    const char *basic;     /* basicConstraints in OpenSSL's words, instead of what `ca` gives; "" for none */
    const char *key_usage; /* keyUsage in OpenSSL's words, instead of the usual; "" for none */
    const char *purposes;  /* extendedKeyUsage, likewise */
    const char *digest;    /* of the issuer's signature: "SHA256" */
    bool pss;              /* the issuer's RSA key signs with RSASSA-PSS */
    bool no_key_ids;       /* neither subject nor authority key identifier: candidates cannot be told apart */
    bool bad_signature;    /* one bit of the signature is wrong */
    long serial;           /* 0: the next of a counter */
    struct {
        const char *name, *value; /* in OpenSSL's words: {"nameConstraints", "permitted;DNS:.example"} */
    } more[TEST_MORE_MAX];
};

struct test_cert {
    X509 *x509;
    EVP_PKEY *key;
    struct kt_span der; /* with the wrong bit of bad_signature */
};

/* Bytes that the caller frees with test_bytes_free; there is a NUL behind them. */
struct test_bytes {
    uint8_t *p;
    size_t len;
};

/* `options` NULL: all zero. `issuer` NULL: self-signed. */
struct test_cert *test_cert_new(const struct test_cert_options *options, const struct test_cert *issuer);
void test_cert_free(struct test_cert *cert);

/* The usual ones: an authority; one below another; a leaf for `name` (NULL: none), key of that kind. */
struct test_cert *test_ca(const char *subject);
struct test_cert *test_intermediate(const char *subject, const struct test_cert *issuer);
struct test_cert *test_leaf(const char *name, enum test_key key, const struct test_cert *issuer);

/* A key alone. */
EVP_PKEY *test_key_new(enum test_key kind);

enum test_key_form {
    TEST_FORM_PKCS8,       /* BEGIN PRIVATE KEY; encrypted with AES-256 when there is a password */
    TEST_FORM_TRADITIONAL, /* BEGIN EC PRIVATE KEY, BEGIN RSA PRIVATE KEY; likewise */
};

struct test_bytes test_pem_certs(const struct test_cert *const *certs, size_t count);
struct test_bytes test_pem_key(EVP_PKEY *key, enum test_key_form form, const char *password);
struct test_bytes test_pem_crl(const struct test_cert *issuer, const struct test_cert *const *revoked, size_t n);
/* The same with a time of its own. */
struct test_bytes test_pem_crl_until(const struct test_cert *issuer, const struct test_cert *const *revoked, size_t n,
                                     int64_t until);
/* certs[0] is the leaf with its key; the rest is its chain. */
struct test_bytes test_pkcs12(const struct test_cert *const *certs, size_t count, const char *password);

enum test_status { TEST_STATUS_GOOD, TEST_STATUS_REVOKED, TEST_STATUS_UNKNOWN };

/* All zero: "good", from the default dates, SHA-1 names, signed by the issuer of the certificate. */
struct test_ocsp_options {
    enum test_status status;
    const struct test_cert *signer; /* instead of the issuer */
    const struct test_cert *with;   /* a certificate that the response carries; NULL: none */
    const struct test_cert *second; /* another certificate of the issuer that the response calls good, named first */
    int64_t from, until;            /* 0: the defaults; until -1: does not say */
    const char *id_digest;          /* by which issuer and key are named: "SHA1" */
    const char *digest;             /* of the signature: "SHA256" */
    bool pss;                       /* an RSA key signs with RSASSA-PSS */
    bool by_key;                    /* the responder is named by its key */
    bool unsigned_at_all;           /* the signature is empty */
    bool bad_signature;             /* one bit of it is wrong */
    int response_status;            /* OCSP_RESPONSE_STATUS_...; 0: successful */
    struct kt_span request;         /* whose nonce is repeated (DER); empty: none */
    bool other_nonce;               /* a nonce that nobody asked for */
};

/* A DER response on `cert` as certified by `issuer`; whether it was is not checked. `options` may be NULL. */
struct test_bytes test_ocsp(const struct test_cert *cert, const struct test_cert *issuer,
                            const struct test_ocsp_options *options);
void test_bytes_free(struct test_bytes *bytes);
struct kt_span test_bytes_span(const struct test_bytes *bytes);

/*
 * libcrypto's own memory, for tests that let it run out. Install before anything else is asked of libcrypto.
 * The n-th allocation from the call of fail_at fails, and all after it until fail_at(0). Whether there was
 * one to fail is told by fail_at, which resets it. One thread.
 */
void test_crypto_memory_install(void);
bool test_crypto_memory_fail_at(size_t n);

/* A new file under $TMPDIR or /tmp; the name is to be freed by test_file_remove, which deletes the file. */
char *test_file(struct kt_span content);
void test_file_remove(char *name);

#endif
