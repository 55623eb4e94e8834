/*
 * libssl_callbacks.c - questions of the library, answered by the flags. With -async each that can wait waits once.
 */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <string.h>

#include "libssl_shim.h"

/* Good unless -verify-fail, whatever the chain. Two ways to fail, with the alerts that the runner has for them. */
static int on_verify(X509_STORE_CTX *store, void *user)
{
    struct shim *shim = user;
    const struct flags *flags = shim->flags;

    if (flags->async && flags->custom_verify && !flags->server && !shim->verify_waited) {
        shim->verify_waited = true;
        (void)SSL_set_retry_verify(shim->ssl);
        return 1;
    }
    if (flags->expect_ocsp_response.p != NULL && !flags->server && !SSL_session_reused(shim->ssl)) {
        const unsigned char *response;
        long len = SSL_get_tlsext_status_ocsp_resp(shim->ssl, &response);
        /* Below TLS 1.3 it comes after the certificate and cannot be there yet. */
        if (SSL_version(shim->ssl) == TLS1_3_VERSION && len > 0 &&
            ((size_t)len != flags->expect_ocsp_response.len ||
             memcmp(response, flags->expect_ocsp_response.p, (size_t)len) != 0)) {
            return complain("OCSP response");
        }
    }
    X509_STORE_CTX_set_error(store, !flags->verify_fail    ? X509_V_OK
                                    : flags->custom_verify ? X509_V_ERR_UNNESTED_RESOURCE
                                                           : X509_V_ERR_APPLICATION_VERIFICATION);
    return !flags->verify_fail;
}

static void remember_ciphers(struct shim *shim, SSL *ssl)
{
    const unsigned char *p;
    size_t len = SSL_client_hello_get0_ciphers(ssl, &p);

    shim->cipher_count = 0;
    for (size_t i = 0; i + 2 <= len && shim->cipher_count < 256; i += 2) {
        shim->ciphers[shim->cipher_count++] = (uint16_t)(p[i] << 8 | p[i + 1]);
    }
}

/* libssl reads them in TLS 1.3 only; the extension (RFC 9846 section 4.3.4) may come to any server. */
static void remember_authorities(struct shim *shim, SSL *ssl)
{
    const unsigned char *p;
    size_t len;

    sk_X509_NAME_pop_free(shim->authorities, X509_NAME_free);
    shim->authorities = sk_X509_NAME_new_null();
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_certificate_authorities, &p, &len) != 1) {
        return;
    }
    for (size_t at = 2; at + 2 <= len;) {
        size_t name_len = (size_t)(p[at] << 8 | p[at + 1]);
        const unsigned char *der = p + at + 2;
        X509_NAME *name = at + 2 + name_len > len ? NULL : d2i_X509_NAME(NULL, &der, (long)name_len);
        if (name == NULL || sk_X509_NAME_push(shim->authorities, name) == 0) {
            X509_NAME_free(name);
            return;
        }
        at += 2 + name_len;
    }
}

static int on_client_hello(SSL *ssl, int *alert, void *user)
{
    struct shim *shim = user;
    const struct flags *flags = shim->flags;

    if (flags->async && flags->early_callback && !shim->hello_waited) {
        shim->hello_waited = true;
        return SSL_CLIENT_HELLO_RETRY;
    }
    shim->hello_seen = true;
    remember_ciphers(shim, ssl);
    remember_authorities(shim, ssl);
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    if (flags->fail_ddos_callback || flags->fail_early_callback) {
        *alert = flags->fail_ddos_callback ? SSL_AD_INTERNAL_ERROR : SSL_AD_HANDSHAKE_FAILURE;
        return SSL_CLIENT_HELLO_ERROR;
    }
    if (!check_hello(shim, ssl) ||
        (flags->early_callback && flags->credentials[0].key_file != NULL && !use_credential(shim, 0))) {
        return SSL_CLIENT_HELLO_ERROR;
    }
    return SSL_CLIENT_HELLO_SUCCESS;
}

static int on_server_name(SSL *ssl, int *alert, void *user)
{
    const struct shim *shim = user;

    (void)alert;
    return shim->flags->no_server_name_ack || SSL_session_reused(ssl) ? SSL_TLSEXT_ERR_NOACK : SSL_TLSEXT_ERR_OK;
}

static int on_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
                   unsigned int in_len, void *user)
{
    const struct flags *flags = ((struct shim *)user)->flags;

    (void)ssl;
    if (flags->reject_alpn) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (flags->decline_alpn) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    if (flags->expect_advertised_alpn != NULL &&
        (strlen(flags->expect_advertised_alpn) != in_len || memcmp(flags->expect_advertised_alpn, in, in_len) != 0)) {
        (void)complain("protocols in ClientHello");
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = (const unsigned char *)(flags->select_empty_alpn ? "" : flags->select_alpn);
    *out_len = (unsigned char)strlen((const char *)*out);
    return SSL_TLSEXT_ERR_OK;
}

static int on_npn_list(SSL *ssl, const unsigned char **out, unsigned int *out_len, void *user)
{
    const struct flags *flags = ((struct shim *)user)->flags;

    (void)ssl;
    *out = (const unsigned char *)(flags->advertise_npn != NULL ? flags->advertise_npn : "");
    *out_len = (unsigned int)strlen((const char *)*out);
    return SSL_TLSEXT_ERR_OK;
}

static int on_npn_select(SSL *ssl, unsigned char **out, unsigned char *out_len, const unsigned char *in,
                         unsigned int in_len, void *user)
{
    const struct flags *flags = ((struct shim *)user)->flags;
    const char *name = flags->select_empty_npn ? "" : flags->select_npn;

    (void)ssl;
    (void)in;
    (void)in_len;
    *out = (unsigned char *)(uintptr_t)name; /* the callback's type has no const; nothing writes there */
    *out_len = (unsigned char)strlen(name);
    return SSL_TLSEXT_ERR_OK;
}

static bool staple(SSL *ssl, const struct bytes *response)
{
    unsigned char *copy = OPENSSL_memdup(response->p, response->len);

    return copy != NULL && SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)response->len) == 1;
}

static int on_status(SSL *ssl, void *user)
{
    const struct shim *shim = user;
    const struct flags *flags = shim->flags;
    const struct credential_flags *credential = &flags->credentials[shim->selected + 1];

    if (!flags->server) {
        return !flags->fail_ocsp;
    }
    if (flags->fail_ocsp) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    if (flags->decline_ocsp || credential->ocsp_response.len == 0 || !staple(ssl, &credential->ocsp_response)) {
        return SSL_TLSEXT_ERR_NOACK;
    }
    return SSL_TLSEXT_ERR_OK;
}

static unsigned int on_psk_client(SSL *ssl, const char *hint, char *identity, unsigned int identity_cap,
                                  unsigned char *key, unsigned int key_cap)
{
    const struct flags *flags = ((struct shim *)SSL_get_app_data(ssl))->flags;
    const char *own = flags->psk_identity != NULL ? flags->psk_identity : "";
    const size_t len = strlen(flags->psk);

    if (SSL_get_state(ssl) == TLS_ST_CW_CLNT_HELLO) {
        return 0; /* asked for TLS 1.3, where the runner has other keys */
    }
    if (strcmp(hint != NULL ? hint : "", own) != 0 || strlen(own) >= identity_cap || len > key_cap) {
        (void)complain("identity hint");
        return 0;
    }
    strcpy(identity, own);
    memcpy(key, flags->psk, len);
    return (unsigned int)len;
}

static unsigned int on_psk_server(SSL *ssl, const char *identity, unsigned char *key, unsigned int key_cap)
{
    const struct flags *flags = ((struct shim *)SSL_get_app_data(ssl))->flags;
    const size_t len = strlen(flags->psk);

    if (strcmp(identity, flags->psk_identity != NULL ? flags->psk_identity : "") != 0 || len > key_cap) {
        (void)complain("identity");
        return 0;
    }
    memcpy(key, flags->psk, len);
    return (unsigned int)len;
}

static int on_ticket_key(SSL *ssl, unsigned char name[16], unsigned char *iv, EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac,
                         int sealing)
{
    static const unsigned char zero[32];
    static char digest[] = "SHA256";
    const struct flags *flags = ((struct shim *)SSL_get_app_data(ssl))->flags;
    const OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)zero, sizeof zero),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };

    if (sealing) {
        if (flags->skip_ticket) {
            return 0;
        }
        memset(name, 0, 16);
        if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_128_cbc())) != 1) {
            return -1;
        }
    } else if (memcmp(name, zero, 16) != 0) {
        return 0;
    }
    if (EVP_MAC_CTX_set_params(mac, parameters) != 1 ||
        EVP_CipherInit_ex(cipher, EVP_aes_128_cbc(), NULL, zero, iv, sealing) != 1) {
        return -1;
    }
    return !sealing && flags->renew_ticket ? 2 : 1;
}

/* The classic way of a client: leaf and key when they are asked for. */
static int on_client_certificate(SSL *ssl, X509 **leaf, EVP_PKEY **key)
{
    struct shim *shim = SSL_get_app_data(ssl);

    if (shim->flags->async && !shim->cert_waited) {
        shim->cert_waited = true;
        return -1;
    }
    if (shim->flags->credentials[0].key_file == NULL || !use_credential(shim, 0)) {
        return 0;
    }
    *leaf = SSL_get_certificate(ssl);
    *key = SSL_get_privatekey(ssl);
    return X509_up_ref(*leaf) == 1 && EVP_PKEY_up_ref(*key) == 1;
}

static int add_scts(SSL *ssl, unsigned type, unsigned context, const unsigned char **out, size_t *out_len, X509 *leaf,
                    size_t place, int *alert, void *user)
{
    const struct shim *shim = user;
    const struct bytes *scts = &shim->flags->credentials[shim->selected + 1].scts;

    (void)type;
    (void)leaf;
    (void)alert;
    *out = scts->p;
    *out_len = shim->flags->server ? scts->len : 0;
    if (!shim->flags->server) {
        return context == SSL_EXT_CLIENT_HELLO && shim->flags->ask_scts;
    }
    return scts->len > 0 && place == 0 && !SSL_session_reused(ssl);
}

static int parse_scts(SSL *ssl, unsigned type, unsigned context, const unsigned char *in, size_t len, X509 *leaf,
                      size_t place, int *alert, void *user)
{
    struct shim *shim = user;

    (void)ssl;
    (void)type;
    (void)context;
    (void)leaf;
    *alert = SSL_AD_DECODE_ERROR;
    if (shim->flags->server) {
        return len == 0;
    }
    if (len < 4 || len > sizeof shim->scts || (size_t)(in[0] << 8 | in[1]) != len - 2) {
        return 0;
    }
    if (place == 0) {
        memcpy(shim->scts, in, len);
        shim->scts_len = len;
    }
    return 1;
}

/* libssl's own interface for timestamps insists on checking them; the one for extensions of applications does not. */
void install_scts(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    bool any = flags->ask_scts;

    for (size_t i = 0; flags->server && i <= flags->credential_count; i++) {
        any |= flags->credentials[i].scts.len > 0;
    }
    if (any && SSL_CTX_add_custom_ext(shim->ctx, TLSEXT_TYPE_signed_certificate_timestamp,
                                      SSL_EXT_CLIENT_HELLO | SSL_EXT_TLS1_2_SERVER_HELLO | SSL_EXT_TLS1_3_CERTIFICATE,
                                      add_scts, NULL, shim, parse_scts, shim) != 1) {
        broken("the extension for timestamps is refused");
    }
}

void install_callbacks(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    SSL_CTX *ctx = shim->ctx;

    SSL_CTX_set_cert_verify_callback(ctx, on_verify, shim);
    if (flags->server) {
        SSL_CTX_set_client_hello_cb(ctx, on_client_hello, shim);
        (void)SSL_CTX_set_tlsext_servername_callback(ctx, on_server_name);
        (void)SSL_CTX_set_tlsext_servername_arg(ctx, shim);
    }
    if (flags->select_alpn != NULL || flags->decline_alpn || flags->reject_alpn || flags->select_empty_alpn) {
        SSL_CTX_set_alpn_select_cb(ctx, on_alpn, shim);
    }
    if (flags->advertise_npn != NULL || flags->advertise_empty_npn) {
        SSL_CTX_set_next_protos_advertised_cb(ctx, on_npn_list, shim);
    }
    if (flags->select_npn != NULL || flags->select_empty_npn) {
        SSL_CTX_set_next_proto_select_cb(ctx, on_npn_select, shim);
    }
    if (flags->server || flags->ocsp_callback) {
        (void)SSL_CTX_set_tlsext_status_cb(ctx, on_status);
        (void)SSL_CTX_set_tlsext_status_arg(ctx, shim);
    }
    if (flags->psk != NULL) {
        SSL_CTX_set_psk_client_callback(ctx, on_psk_client);
        SSL_CTX_set_psk_server_callback(ctx, on_psk_server);
    }
    if (flags->ticket_callback) {
        (void)SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, on_ticket_key);
    }
    if (flags->old_cert_callback) {
        SSL_CTX_set_client_cert_cb(ctx, on_client_certificate);
    }
    install_scts(shim);
}
