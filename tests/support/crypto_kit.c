#define OPENSSL_SUPPRESS_DEPRECATED
#include "support/crypto_kit.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

static uint8_t nibble(char c)
{
    if (c >= '0' && c <= '9') {
        return (uint8_t)(c - '0');
    }
    assert_true(c >= 'a' && c <= 'f');
    return (uint8_t)(c - 'a' + 10);
}

size_t kit_hex(const char *hex, uint8_t *out)
{
    size_t len = strlen(hex) / 2;

    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
    }
    return len;
}

void kit_assert_hex(const uint8_t *bytes, size_t len, const char *hex)
{
    static _Thread_local uint8_t right[KIT_BYTES_MAX];

    assert_int_equal(kit_hex(hex, right), len);
    assert_memory_equal(bytes, right, len);
}

void kit_assert_no_errors(void)
{
    assert_int_equal(ERR_peek_error(), 0);
}

void kit_assert_fault(const struct kt_fault *fault, enum kt_reason reason)
{
    assert_non_null(fault);
    assert_int_equal(fault->reason, reason);
    assert_true(fault->alert > 0);
    kit_assert_no_errors();
}

EVP_PKEY *kit_key(enum kt_key_kind kind, int bits)
{
    EVP_PKEY *key = NULL;

    switch (kind) {
    case KT_KEY_RSA:
        key = EVP_RSA_gen((unsigned)bits);
        break;
    case KT_KEY_RSA_PSS:
        return kit_pss_key(NULL, NULL, 0);
    case KT_KEY_P256:
        key = EVP_EC_gen("P-256");
        break;
    case KT_KEY_P384:
        key = EVP_EC_gen("P-384");
        break;
    case KT_KEY_P521:
        key = EVP_EC_gen("P-521");
        break;
    case KT_KEY_ED25519:
        key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        break;
    case KT_KEY_NONE:
        break;
    }
    assert_non_null(key);
    return key;
}

EVP_PKEY *kit_pss_key(const char *digest, const char *mask_digest, int salt_len)
{
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "RSA-PSS", NULL);
    EVP_PKEY *key = NULL;

    assert_int_equal(EVP_PKEY_keygen_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_keygen_bits(ctx, 2048), 1);
    if (digest != NULL) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_md_name(ctx, digest, NULL), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_mgf1_md_name(ctx, mask_digest), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_keygen_saltlen(ctx, salt_len), 1);
    }
    assert_int_equal(EVP_PKEY_generate(ctx, &key), 1);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Signing never matters here, so the digest is whatever the key allows. */
static void sign_certificate(X509 *x, EVP_PKEY *key)
{
    static const char *const digests[] = {"SHA256", "SHA384", "SHA512", "SHA224", "SHA1"};

    if (EVP_PKEY_is_a(key, "ED25519")) {
        assert_true(X509_sign(x, key, NULL) > 0);
        return;
    }
    for (size_t i = 0; i < KT_COUNT_OF(digests); i++) {
        if (X509_sign(x, key, EVP_get_digestbyname(digests[i])) > 0) {
            ERR_clear_error();
            return;
        }
    }
    fail_msg("no digest signs this certificate");
}

void kit_certificate(EVP_PKEY *key, struct kit_bytes *out)
{
    X509 *x = X509_new();
    X509_NAME *name = X509_get_subject_name(x);
    uint8_t *at = out->b;
    int len;

    assert_int_equal(X509_set_version(x, X509_VERSION_3), 1);
    assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x), 0x1234567), 1);
    assert_int_equal(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const uint8_t *)"kit.example", -1, -1, 0),
                     1);
    assert_int_equal(X509_set_issuer_name(x, name), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 3600));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    sign_certificate(x, key);
    len = i2d_X509(x, NULL);
    assert_in_range(len, 1, sizeof out->b);
    out->len = (size_t)i2d_X509(x, &at);
    X509_free(x);
    ERR_clear_error();
}

/* Appends one DER element. */
static void put(struct kit_bytes *out, uint8_t tag, struct kt_span content)
{
    assert_true(out->len + 4 + content.len <= sizeof out->b);
    out->b[out->len++] = tag;
    if (content.len >= 256) {
        out->b[out->len++] = 0x82;
        out->b[out->len++] = (uint8_t)(content.len >> 8);
    } else if (content.len >= 128) {
        out->b[out->len++] = 0x81;
    }
    out->b[out->len++] = (uint8_t)content.len;
    kt_copy(out->b + out->len, content.p, content.len);
    out->len += content.len;
}

void kit_wrap_spki(struct kt_span spki, struct kit_bytes *out)
{
    static const uint8_t one[] = {1};
    static const uint8_t signature[] = {0, 1, 2, 3};
    static _Thread_local struct kit_bytes fields;
    static _Thread_local struct kit_bytes body;

    fields.len = 0;
    body.len = 0;
    out->len = 0;
    put(&fields, 0x02, kt_span_of(one, sizeof one));
    for (int i = 0; i < 4; i++) { /* signature, issuer, validity, subject */
        put(&fields, 0x30, kt_span_of(one, 0));
    }
    assert_true(fields.len + spki.len <= sizeof fields.b);
    kt_copy(fields.b + fields.len, spki.p, spki.len);
    fields.len += spki.len;
    put(&body, 0x30, kit_span(&fields));
    put(&body, 0x30, kt_span_of(one, 0));
    put(&body, 0x03, kt_span_of(signature, sizeof signature));
    put(out, 0x30, kit_span(&body));
}

void kit_wrap_rsa(const char *modulus, const char *exponent, struct kit_bytes *out)
{
    RSA *rsa = RSA_new();
    BIGNUM *n = NULL;
    BIGNUM *e = NULL;
    uint8_t *der = NULL;
    int len;

    assert_true(BN_hex2bn(&n, modulus) > 0 && BN_hex2bn(&e, exponent) > 0);
    assert_int_equal(RSA_set0_key(rsa, n, e, NULL), 1);
    len = i2d_RSA_PUBKEY(rsa, &der);
    assert_true(len > 0);
    kit_wrap_spki(kt_span_of(der, (size_t)len), out);
    OPENSSL_free(der);
    RSA_free(rsa);
}

void kit_sign(EVP_PKEY *key, const char *digest, enum kit_padding padding, int salt_len, struct kt_span content,
              struct kit_bytes *out)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    EVP_PKEY_CTX *options;

    out->len = sizeof out->b;
    assert_int_equal(EVP_DigestSignInit_ex(ctx, &options, digest, NULL, NULL, key, NULL), 1);
    if (padding == KIT_PKCS1) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PADDING), 1);
    }
    if (padding == KIT_PSS) {
        assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING), 1);
        assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(options, salt_len), 1);
    }
    assert_int_equal(EVP_DigestSign(ctx, out->b, &out->len, content.p, content.len), 1);
    EVP_MD_CTX_free(ctx);
}

static uint8_t fed[128];
static size_t fed_len;

static int fed_bytes(unsigned char *out, int len)
{
    for (size_t i = 0; i < (size_t)len; i++) {
        out[i] = (size_t)len == fed_len ? fed[i] : (uint8_t)(i + 1);
    }
    return 1;
}

static int fed_status(void)
{
    return 1;
}

void kit_feed_random(const uint8_t *bytes, size_t len)
{
    static const RAND_METHOD method = {.bytes = fed_bytes, .pseudorand = fed_bytes, .status = fed_status};

    assert_true(len <= sizeof fed);
    kt_copy(fed, bytes, len);
    fed_len = len;
    assert_int_equal(RAND_set_rand_method(&method), 1);
}

void kit_feed_end(void)
{
    assert_int_equal(RAND_set_rand_method(NULL), 1);
}
