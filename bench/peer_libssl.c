/*
 * peer_libssl.c - stock libssl, as it comes with its defaults.
 */
#include "peer.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

const char peer_name[] = "libssl";

struct peer {
    SSL *ssl;
    struct wire *in, *out;
    uint64_t updates;
};

static struct options options;
static SSL_CTX *contexts[2];
static BIO_METHOD *method;
static SSL_SESSION *newest;

__attribute__((noreturn)) static void fail(const char *what)
{
    ERR_print_errors_fp(stderr);
    die("%s failed", what);
}

static int wire_write(BIO *bio, const char *bytes, int len)
{
    struct peer *peer = BIO_get_data(bio);
    wire_put(peer->out, bytes, (size_t)len);
    return len;
}

static int wire_read(BIO *bio, char *bytes, int cap)
{
    struct peer *peer = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    int len = (int)wire_get(peer->in, bytes, (size_t)cap);
    if (len == 0) {
        BIO_set_retry_read(bio);
        return -1;
    }
    return len;
}

static long wire_control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio;
    (void)number;
    (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int wire_create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static const char *file_of(const char *who, const char *ending)
{
    static char path[1024];
    snprintf(path, sizeof path, "%s/%s-%s.%s", options.certs, options.kind, who, ending);
    return path;
}

static int keep_newest(SSL *ssl, SSL_SESSION *session)
{
    (void)ssl;
    SSL_SESSION_free(newest);
    newest = session;
    return 1; /* it is ours now */
}

static void set_tickets(SSL_CTX *context, bool is_server)
{
    if (!options.resume) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
    } else if (is_server && options.by_id) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_SERVER);
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
    } else if (is_server) {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_num_tickets(context, 1);
    } else {
        SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(context, keep_newest);
    }
}

/* In TLS 1.2 the name holds for the suites of both kinds of key, and the group of the certificate must be named, too.
 */
static bool limit(SSL_CTX *context)
{
    static const char *const tls13[] = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384",
                                        "TLS_CHACHA20_POLY1305_SHA256"};
    static const char *const tls12[] = {"ECDHE+AES128+AESGCM", "ECDHE+AES256+AESGCM", "ECDHE+CHACHA20"};
    int version = options.tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
    bool good = SSL_CTX_set_min_proto_version(context, version) && SSL_CTX_set_max_proto_version(context, version);

    if (options.tls12) {
        return good && SSL_CTX_set_cipher_list(context, tls12[options.suite]) &&
               SSL_CTX_set1_groups_list(context, "X25519:P-256");
    }
    return good && SSL_CTX_set_ciphersuites(context, tls13[options.suite]) &&
           SSL_CTX_set1_groups_list(context, "X25519");
}

static SSL_CTX *context_of(bool is_server)
{
    SSL_CTX *context = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    if (context == NULL || !limit(context)) {
        fail("SSL_CTX_new");
    }
    set_tickets(context, is_server);
    if (options.rest) {
        SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
    }
    if (is_server || options.mutual) {
        const char *who = is_server ? "server" : "client";
        if (SSL_CTX_use_certificate_chain_file(context, file_of(who, "pem")) != 1 ||
            SSL_CTX_use_PrivateKey_file(context, file_of(who, "key"), SSL_FILETYPE_PEM) != 1) {
            fail("loading the certificate");
        }
    }
    if (!is_server || options.mutual) {
        if (SSL_CTX_load_verify_locations(context, file_of("root", "pem"), NULL) != 1) {
            fail("loading the root");
        }
        SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    }
    return context;
}

void peer_setup(const struct options *given)
{
    options = *given;
    method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "wire");
    BIO_meth_set_write(method, wire_write);
    BIO_meth_set_read(method, wire_read);
    BIO_meth_set_ctrl(method, wire_control);
    BIO_meth_set_create(method, wire_create);
    contexts[false] = context_of(false);
    contexts[true] = context_of(true);
}

static void count_updates(int written, int version, int type, const void *bytes, size_t len, SSL *ssl, void *arg)
{
    (void)version;
    (void)ssl;
    struct peer *peer = arg;
    if (!written && type == SSL3_RT_HANDSHAKE && len > 0 && *(const uint8_t *)bytes == SSL3_MT_KEY_UPDATE) {
        peer->updates++;
    }
}

struct peer *peer_new(bool is_server, struct wire *in, struct wire *out)
{
    struct peer *peer = calloc(1, sizeof *peer);
    BIO *bio = BIO_new(method);
    if (peer == NULL || bio == NULL || (peer->ssl = SSL_new(contexts[is_server])) == NULL) {
        fail("SSL_new");
    }
    peer->in = in;
    peer->out = out;
    BIO_set_data(bio, peer);
    SSL_set_bio(peer->ssl, bio, bio);
    if (options.updates) {
        SSL_set_msg_callback(peer->ssl, count_updates);
        SSL_set_msg_callback_arg(peer->ssl, peer);
    }
    if (is_server) {
        SSL_set_accept_state(peer->ssl);
    } else {
        SSL_set_connect_state(peer->ssl);
        if (!SSL_set_tlsext_host_name(peer->ssl, SERVER_NAME) || !SSL_set1_host(peer->ssl, SERVER_NAME)) {
            fail("setting the name");
        }
        if (newest != NULL && !SSL_set_session(peer->ssl, newest)) {
            fail("SSL_set_session");
        }
    }
    return peer;
}

bool peer_handshake(struct peer *peer)
{
    int result = SSL_do_handshake(peer->ssl);
    if (result != 1 && SSL_get_error(peer->ssl, result) != SSL_ERROR_WANT_READ) {
        fail("SSL_do_handshake");
    }
    return result == 1;
}

void peer_send(struct peer *peer, const uint8_t *data, size_t len)
{
    if (SSL_write(peer->ssl, data, (int)len) != (int)len) {
        fail("SSL_write");
    }
}

size_t peer_receive(struct peer *peer, uint8_t *data, size_t cap)
{
    int result = SSL_read(peer->ssl, data, (int)cap);
    if (result <= 0 && SSL_get_error(peer->ssl, result) != SSL_ERROR_WANT_READ) {
        fail("SSL_read");
    }
    return result > 0 ? (size_t)result : 0;
}

void peer_update(struct peer *peer)
{
    if (SSL_key_update(peer->ssl, SSL_KEY_UPDATE_REQUESTED) != 1) {
        fail("SSL_key_update");
    }
}

uint64_t peer_updates(const struct peer *peer)
{
    return peer->updates;
}

bool peer_resumed(const struct peer *peer)
{
    return SSL_session_reused(peer->ssl) == 1;
}

void peer_keep_session(struct peer *peer)
{
    uint8_t none[1];
    size_t got = peer_receive(peer, none, sizeof none);
    if (got != 0 || newest == NULL) {
        die("no session came");
    }
}

/* SSL_MODE_RELEASE_BUFFERS does it by itself. */
void peer_rest(struct peer *peer)
{
    (void)peer;
}

void peer_free(struct peer *peer)
{
    if (options.resume) {
        SSL_set_shutdown(peer->ssl, SSL_SENT_SHUTDOWN); /* freed without it, it would take its session along */
    }
    SSL_free(peer->ssl);
    free(peer);
}
