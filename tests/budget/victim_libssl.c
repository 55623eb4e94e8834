/*
 * victim_libssl.c - the server of stock libssl, as it comes with its defaults.
 */
#include "budget/victim.h"

#include <setjmp.h>
#include <stdarg.h>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <cmocka.h>

const char victim_name[] = "libssl";

static SSL_CTX *context;
static SSL *ssl;
static const char *verdict;

static X509 *self_signed(EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);

    assert_true(X509_set_version(certificate, X509_VERSION_3));
    assert_true(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(certificate), 0));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400));
    assert_true(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0));
    assert_true(X509_set_issuer_name(certificate, name));
    assert_true(X509_set_pubkey(certificate, key));
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    return certificate;
}

void victim_setup(bool client_auth)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = self_signed(key);

    context = SSL_CTX_new(TLS_server_method());
    assert_non_null(context);
    assert_true(SSL_CTX_use_certificate(context, certificate));
    assert_true(SSL_CTX_use_PrivateKey(context, key));
    assert_true(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION));
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    SSL_CTX_set_num_tickets(context, 0);
    if (client_auth) {
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
    }
    X509_free(certificate);
    EVP_PKEY_free(key);
}

void victim_teardown(void)
{
    SSL_CTX_free(context);
}

void victim_open(void)
{
    ssl = SSL_new(context);
    assert_non_null(ssl);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
    SSL_set_accept_state(ssl);
    verdict = NULL;
}

void victim_close(void)
{
    SSL_free(ssl);
    ssl = NULL;
}

static void work(void)
{
    static char data[16384];
    int result;

    ERR_clear_error();
    do {
        result = SSL_read(ssl, data, sizeof data);
    } while (result > 0);
    switch (SSL_get_error(ssl, result)) {
    case SSL_ERROR_WANT_READ:
    case SSL_ERROR_WANT_WRITE:
        break;
    case SSL_ERROR_ZERO_RETURN:
        verdict = "closed";
        break;
    default:
        verdict = ERR_reason_error_string(ERR_peek_error());
        verdict = verdict == NULL ? "unknown" : verdict;
    }
}

/* In pieces: what waits in the pipe is the transport's, not the library's. */
void victim_feed(const uint8_t *bytes, size_t len)
{
    while (len > 0 && verdict == NULL) {
        int n = len < 16384 ? (int)len : 16384;

        assert_int_equal(BIO_write(SSL_get_rbio(ssl), bytes, n), n);
        work();
        bytes += n;
        len -= (size_t)n;
    }
}

size_t victim_drain(uint8_t *bytes, size_t cap)
{
    int n = BIO_read(SSL_get_wbio(ssl), bytes, cap < 1 << 30 ? (int)cap : 1 << 30);

    return n > 0 ? (size_t)n : 0;
}

const char *victim_verdict(void)
{
    return verdict;
}

int64_t victim_engine_live(void)
{
    return 0;
}

int64_t victim_engine_peak(void)
{
    return 0;
}
