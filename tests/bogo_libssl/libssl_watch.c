/*
 * libssl_watch.c - what the library tells while it works: messages, traffic secrets, sessions.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libssl_shim.h"

__attribute__((format(printf, 2, 3))) static void note(struct shim *shim, const char *format, ...)
{
    size_t room = sizeof shim->trace - shim->trace_len;
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(shim->trace + shim->trace_len, room, format, arguments);
    va_end(arguments);
    if (len > 0 && (size_t)len < room) {
        shim->trace_len += (size_t)len;
    }
}

static void on_message(int write, int version, int type, const void *bytes, size_t len, SSL *ssl, void *user)
{
    struct shim *shim = user;
    const uint8_t *p = bytes;
    const char *verb = write ? "write" : "read";

    (void)ssl;
    if (version == SSL2_VERSION) {
        note(shim, "%s v2clienthello\n", verb);
    } else if (type == SSL3_RT_HANDSHAKE && len > 0) {
        note(shim, "%s hs %u\n", verb, p[0]);
        shim->hellos += p[0] == SSL3_MT_CLIENT_HELLO;
    } else if (write ? type == SSL3_RT_CHANGE_CIPHER_SPEC
                     : type == SSL3_RT_HEADER && len > 0 && p[0] == SSL3_RT_CHANGE_CIPHER_SPEC) {
        /* One that was read is told as the header of its record only. */
        note(shim, "%s ccs\n", verb);
    } else if (type == SSL3_RT_ALERT && len == 2) {
        note(shim, "%s alert %u %u\n", verb, p[0], p[1]);
    }
}

static void on_info(const SSL *ssl, int where, int value)
{
    struct shim *shim = SSL_get_app_data(ssl);

    if ((where & SSL_CB_WRITE_ALERT) == SSL_CB_WRITE_ALERT && (value & 0xff) == SSL_AD_NO_RENEGOTIATION) {
        shim->refused = true;
    }
    if ((where & SSL_CB_HANDSHAKE_START) != 0 && shim->connected && shim->flags->renegotiate) {
        /* A new handshake is to be a full one: a session of a version that is never offered is not. */
        (void)SSL_SESSION_set_protocol_version(SSL_get_session(shim->ssl), SSL3_VERSION);
    }
    if ((where & SSL_CB_HANDSHAKE_DONE) != 0) {
        shim->connected = true;
        if (shim->flags->handshake_never_done) {
            broken("the handshake is done");
        }
    }
}

/* A line of the log: label, random in hexadecimal digits, secret likewise. */
static void on_key_log(const SSL *ssl, const char *line)
{
    struct shim *shim = SSL_get_app_data(ssl);
    const bool client = strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) == 0;
    const char *digits = strrchr(line, ' ');

    if (digits == NULL || (!client && strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24) != 0)) {
        return;
    }
    (void)OPENSSL_hexstr2buf_ex(shim->secrets[client ? 0 : 1], EVP_MAX_MD_SIZE, &shim->secret_len, digits + 1, '\0');
}

static int on_session(SSL *ssl, SSL_SESSION *session)
{
    struct shim *shim = SSL_get_app_data(ssl);

    shim->sessions++;
    if (shim->flags->server) {
        if (shim->store_len == STORE_MAX) {
            return 0;
        }
        shim->store[shim->store_len++] = session;
        return 1;
    }
    SSL_SESSION_free(shim->session);
    shim->session = SSL_SESSION_dup(session);
    return 0;
}

static SSL_SESSION *on_lookup(SSL *ssl, const unsigned char *id, int len, int *copy)
{
    const struct shim *shim = SSL_get_app_data(ssl);

    *copy = 1;
    for (size_t i = 0; i < shim->store_len; i++) {
        unsigned int its_len;
        const unsigned char *its = SSL_SESSION_get_id(shim->store[i], &its_len);
        if (its_len == (unsigned int)len && memcmp(its, id, its_len) == 0) {
            return shim->store[i];
        }
    }
    return NULL;
}

/* Below TLS 1.3 the library says nothing of a ticket that renews another. */
void take_renewed(struct shim *shim)
{
    SSL_SESSION *now = shim->flags->server || SSL_session_reused(shim->ssl) == 0 ? NULL : SSL_get1_session(shim->ssl);
    const unsigned char *ticket, *old_ticket;
    size_t len, old_len;

    if (now == NULL || SSL_SESSION_get_protocol_version(now) == TLS1_3_VERSION) {
        SSL_SESSION_free(now);
        return;
    }
    SSL_SESSION_get0_ticket(now, &ticket, &len);
    SSL_SESSION_get0_ticket(shim->session, &old_ticket, &old_len);
    if (len == 0 || (len == old_len && memcmp(ticket, old_ticket, len) == 0)) {
        SSL_SESSION_free(now);
        return;
    }
    shim->sessions++;
    SSL_SESSION_free(shim->session);
    shim->session = now;
}

void install_watch(struct shim *shim)
{
    SSL_set_msg_callback(shim->ssl, on_message);
    SSL_set_msg_callback_arg(shim->ssl, shim);
    SSL_set_info_callback(shim->ssl, on_info);
    SSL_CTX_set_keylog_callback(shim->ctx, on_key_log);
    SSL_CTX_sess_set_new_cb(shim->ctx, on_session);
    SSL_CTX_sess_set_get_cb(shim->ctx, on_lookup);
}
