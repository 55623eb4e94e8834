/*
 * libssl_credentials.c - certificates and keys. Several of them are chosen from as an application does: in the callback
 * for certificates, by what libssl says of a chain and by the authorities that the peer names.
 */
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

#include "libssl_shim.h"

bool load_certificates(const char *path, STACK_OF(X509) * *out)
{
    BIO *file = BIO_new_file(path, "r");
    X509 *certificate;

    *out = sk_X509_new_null();
    while (file != NULL && *out != NULL && (certificate = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL) {
        if (sk_X509_push(*out, certificate) == 0) {
            X509_free(certificate);
            break;
        }
    }
    ERR_clear_error(); /* the end of the file */
    BIO_free(file);
    return *out != NULL && sk_X509_num(*out) > 0;
}

static EVP_PKEY *load_key(const char *path)
{
    BIO *file = BIO_new_file(path, "r");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_bio_PrivateKey(file, NULL, NULL, NULL);

    BIO_free(file);
    return key;
}

/* The leaf is taken out of the chain. */
static bool load(const struct credential_flags *flags, X509 **leaf, STACK_OF(X509) * *chain, EVP_PKEY **key)
{
    *leaf = NULL;
    *chain = NULL;
    *key = flags->key_file == NULL ? NULL : load_key(flags->key_file);
    if (*key == NULL || flags->cert_file == NULL || !load_certificates(flags->cert_file, chain)) {
        return false;
    }
    *leaf = sk_X509_shift(*chain);
    return true;
}

static void drop(X509 *leaf, STACK_OF(X509) * chain, EVP_PKEY *key)
{
    X509_free(leaf);
    sk_X509_pop_free(chain, X509_free);
    EVP_PKEY_free(key);
}

bool use_credential(struct shim *shim, size_t index)
{
    const struct credential_flags *flags = &shim->flags->credentials[index];
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    bool good = load(flags, &leaf, &chain, &key) && SSL_use_cert_and_key(shim->ssl, leaf, key, chain, 1) == 1;

    drop(leaf, chain, key);
    return good;
}

static bool issued_by_one_of(const STACK_OF(X509_NAME) * authorities, const X509 *certificate)
{
    for (int i = 0; i < sk_X509_NAME_num(authorities); i++) {
        if (X509_NAME_cmp(sk_X509_NAME_value(authorities, i), X509_get_issuer_name(certificate)) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_issuer(const struct shim *shim, const X509 *leaf, const STACK_OF(X509) * chain)
{
    const STACK_OF(X509_NAME) *authorities = shim->flags->server ? shim->authorities : SSL_get0_peer_CA_list(shim->ssl);

    if (issued_by_one_of(authorities, leaf)) {
        return true;
    }
    for (int i = 0; i < sk_X509_num(chain); i++) {
        if (issued_by_one_of(authorities, sk_X509_value(chain, i))) {
            return true;
        }
    }
    return false;
}

/* Whether the client has a suite that this key can sign for; those of TLS 1.3 go with every key. */
static bool has_suite(const struct shim *shim, const EVP_PKEY *key)
{
    const bool rsa = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA;

    for (size_t i = 0; i < shim->cipher_count; i++) {
        const uint8_t id[2] = {(uint8_t)(shim->ciphers[i] >> 8), (uint8_t)shim->ciphers[i]};
        const SSL_CIPHER *cipher = SSL_CIPHER_find(shim->ssl, id);
        int auth = cipher == NULL ? NID_undef : SSL_CIPHER_get_auth_nid(cipher);
        if (cipher != NULL && SSL_version(shim->ssl) == TLS1_3_VERSION && id[0] == 0x13) {
            return true;
        }
        if (SSL_version(shim->ssl) != TLS1_3_VERSION && auth == (rsa ? NID_auth_rsa : NID_auth_ecdsa)) {
            return true;
        }
    }
    return false;
}

static const struct {
    int scheme, key, hash;
} key_schemes[] = {
    {0x0201, EVP_PKEY_RSA, NID_sha1},   {0x0401, EVP_PKEY_RSA, NID_sha256}, {0x0501, EVP_PKEY_RSA, NID_sha384},
    {0x0601, EVP_PKEY_RSA, NID_sha512}, {0x0804, EVP_PKEY_RSA, NID_sha256}, {0x0805, EVP_PKEY_RSA, NID_sha384},
    {0x0806, EVP_PKEY_RSA, NID_sha512}, {0x0203, EVP_PKEY_EC, NID_sha1},    {0x0403, EVP_PKEY_EC, NID_sha256},
    {0x0503, EVP_PKEY_EC, NID_sha384},  {0x0603, EVP_PKEY_EC, NID_sha512},  {0x0807, EVP_PKEY_ED25519, NID_undef},
};

static bool is_curve_of(int scheme, const EVP_PKEY *key)
{
    char name[32] = "";

    (void)EVP_PKEY_get_group_name(key, name, sizeof name, NULL);
    return strcmp(name, scheme == 0x0403   ? "prime256v1"
                        : scheme == 0x0503 ? "secp384r1"
                        : scheme == 0x0603 ? "secp521r1"
                                           : "") == 0;
}

/* Whether the key can make a signature of the scheme in this version. */
static bool key_can(const SSL *ssl, const EVP_PKEY *key, int scheme)
{
    const bool tls13 = SSL_version(ssl) == TLS1_3_VERSION;

    for (size_t i = 0; i < sizeof key_schemes / sizeof key_schemes[0]; i++) {
        if (key_schemes[i].scheme != scheme || key_schemes[i].key != EVP_PKEY_get_base_id(key)) {
            continue;
        }
        if (tls13 && key_schemes[i].key == EVP_PKEY_RSA) {
            return scheme >= 0x0804;
        }
        return !tls13 || key_schemes[i].key != EVP_PKEY_EC || is_curve_of(scheme, key);
    }
    return false;
}

static bool peer_takes(SSL *ssl, int scheme)
{
    int count = SSL_get_sigalgs(ssl, 0, NULL, NULL, NULL, NULL, NULL);

    for (int i = 0; i < count; i++) {
        unsigned char low, high;
        (void)SSL_get_sigalgs(ssl, i, NULL, NULL, NULL, &low, &high);
        if ((high << 8 | low) == scheme) {
            return true;
        }
    }
    return false;
}

static bool has_scheme(struct shim *shim, const struct credential_flags *flags, const EVP_PKEY *key)
{
    if (SSL_version(shim->ssl) < TLS1_2_VERSION || SSL_version(shim->ssl) == DTLS1_VERSION) {
        return true;
    }
    for (size_t i = 0; i < sizeof key_schemes / sizeof key_schemes[0]; i++) {
        int scheme = key_schemes[i].scheme;
        bool wanted = flags->signing_prefs.count == 0;
        for (size_t j = 0; j < flags->signing_prefs.count; j++) {
            wanted |= flags->signing_prefs.ids[j] == scheme;
        }
        if (wanted && key_can(shim->ssl, key, scheme) && peer_takes(shim->ssl, scheme)) {
            return true;
        }
    }
    return false;
}

/* Client, below TLS 1.3: the kind of key must be one that the server names. */
static bool has_type(SSL *ssl, const EVP_PKEY *key)
{
    const unsigned char *types;
    const size_t count = (size_t)SSL_get0_certificate_types(ssl, &types);
    const int wanted = EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA ? TLS_CT_RSA_SIGN : TLS_CT_ECDSA_SIGN;

    for (size_t i = 0; i < count; i++) {
        if (types[i] == wanted) {
            return true;
        }
    }
    return SSL_version(ssl) == TLS1_3_VERSION;
}

static bool fits(struct shim *shim, size_t index)
{
    const struct credential_flags *flags = &shim->flags->credentials[index];
    X509 *leaf;
    STACK_OF(X509) * chain;
    EVP_PKEY *key;
    bool good = load(flags, &leaf, &chain, &key) &&
                (shim->flags->server ? has_suite(shim, key) : has_type(shim->ssl, key)) &&
                has_scheme(shim, flags, key) && (!flags->must_match_issuer || has_issuer(shim, leaf, chain)) &&
                (SSL_check_chain(shim->ssl, leaf, key, chain) & CERT_PKEY_EE_PARAM) != 0;

    drop(leaf, chain, key);
    return good;
}

/* In the order of the flags; the default one is the last. */
static bool choose(struct shim *shim, size_t *out)
{
    size_t count = shim->flags->credential_count;

    for (size_t i = 0; i <= count; i++) {
        *out = i < count ? i + 1 : 0;
        if (shim->flags->credentials[*out].key_file != NULL && fits(shim, *out)) {
            return true;
        }
    }
    return false;
}

int on_certificate(SSL *ssl, void *user)
{
    struct shim *shim = user;
    size_t chosen = 0;

    (void)ssl;
    if (shim->flags->async && !shim->cert_waited) {
        shim->cert_waited = true;
        return -1;
    }
    if (shim->flags->fail_cert_callback || (shim->flags->expect_client_ca_list != NULL && !right_authorities(shim))) {
        return 0;
    }
    if (shim->flags->credential_count == 0) {
        return shim->flags->credentials[0].cert_file == NULL || use_credential(shim, 0);
    }
    SSL_certs_clear(shim->ssl);
    if (!choose(shim, &chosen)) {
        return 1; /* the library says what is missing */
    }
    shim->selected = (int)chosen - 1;
    return use_credential(shim, chosen);
}

enum outcome install_credentials(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    bool late = flags->async || flags->fail_cert_callback || flags->credential_count > 0 ||
                flags->expect_client_ca_list != NULL;
    size_t first = flags->credentials[0].key_file != NULL || flags->credential_count == 0 ? 0 : 1;

    for (size_t i = first; i <= flags->credential_count; i++) {
        const struct credential_flags *credential = &flags->credentials[i];
        if ((credential->key_file != NULL) != (credential->cert_file != NULL)) {
            return missing("a key without certificate");
        }
        /* A key that libssl cannot read or use is found out before the runner waits for us. */
        if (credential->key_file != NULL && !use_credential(shim, i)) {
            ERR_clear_error();
            return missing("a kind of key");
        }
    }
    if (late || flags->old_cert_callback || flags->early_callback) {
        SSL_certs_clear(shim->ssl);
    }
    if (late && !flags->old_cert_callback && !flags->early_callback) {
        SSL_set_cert_cb(shim->ssl, on_certificate, shim);
    }
    return GOOD;
}
