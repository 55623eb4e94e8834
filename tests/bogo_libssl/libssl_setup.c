/*
 * libssl_setup.c - from flags to a context and a connection. Each connection has a context of its own; ticket keys and
 * stored sessions go over from one to the next.
 */
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libssl_shim.h"

/* Comma-separated names in hexadecimal digits. */
static bool set_authorities(SSL *ssl, const char *list)
{
    STACK_OF(X509_NAME) *names = sk_X509_NAME_new_null();

    while (names != NULL && list[0] != '<' && *list != '\0') {
        size_t digits = strcspn(list, ",");
        uint8_t der[1024];
        const uint8_t *at = der;
        X509_NAME *name;
        for (size_t i = 0; i + 1 < digits && i / 2 < sizeof der; i += 2) {
            char pair[3] = {list[i], list[i + 1], '\0'};
            der[i / 2] = (uint8_t)strtoul(pair, NULL, 16);
        }
        name = d2i_X509_NAME(NULL, &at, (long)(digits / 2));
        if (name == NULL || sk_X509_NAME_push(names, name) == 0) {
            X509_NAME_free(name);
            sk_X509_NAME_pop_free(names, X509_NAME_free);
            return false;
        }
        list += digits + (list[digits] == ',');
    }
    SSL_set_client_CA_list(ssl, names);
    return names != NULL;
}

/* What the runner takes for granted: old versions and short keys, servers without RFC 5746, no renegotiation. */
static void set_options(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    uint64_t on = SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS | SSL_OP_NO_ANTI_REPLAY;

    on |= flags->renegotiate ? 0 : SSL_OP_NO_RENEGOTIATION;
    on |= flags->no_legacy_connect ? 0 : SSL_OP_LEGACY_SERVER_CONNECT;
    on |= flags->renegotiate && !flags->no_legacy_connect ? SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION : 0;
    on |= flags->no_ticket ? SSL_OP_NO_TICKET : 0;
    on |= flags->dtls ? SSL_OP_NO_QUERY_MTU : 0;
    on |= flags->server ? 0 : SSL_OP_CIPHER_SERVER_PREFERENCE; /* of schemes, too, the own order counts */
    (void)SSL_CTX_set_options(shim->ctx, on);
    if (flags->no_legacy_connect) {
        (void)SSL_CTX_clear_options(shim->ctx, SSL_OP_LEGACY_SERVER_CONNECT);
    }
    (void)SSL_CTX_set_mode(shim->ctx, SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_security_level(shim->ctx, 0);
    SSL_CTX_set_quiet_shutdown(shim->ctx, !flags->check_close_notify);
}

static void set_sessions(struct shim *shim)
{
    static const unsigned char context[] = "runner";

    (void)SSL_CTX_set_session_cache_mode(shim->ctx, SSL_SESS_CACHE_BOTH | SSL_SESS_CACHE_NO_INTERNAL);
    (void)SSL_CTX_set_session_id_context(shim->ctx, context, sizeof context - 1);
    if (shim->have_ticket_keys) {
        (void)SSL_CTX_set_tlsext_ticket_keys(shim->ctx, shim->ticket_keys, TICKET_KEYS_LEN);
    }
    if (shim->flags->server && (shim->flags->no_ticket || shim->flags->skip_ticket)) {
        (void)SSL_CTX_set_num_tickets(shim->ctx, 0);
    }
    if (shim->flags->server && shim->flags->early_data) {
        (void)SSL_CTX_set_max_early_data(shim->ctx, 14336);
        (void)SSL_CTX_set_recv_max_early_data(shim->ctx, 14336);
    }
}

static uint32_t on_timer(SSL *ssl, unsigned int last_us)
{
    const struct shim *shim = SSL_get_app_data(ssl);
    const uint32_t first = (uint32_t)shim->first_timeout_ms * 1000, longest = 60000000;

    return last_us == 0 ? first : last_us > longest / 2 ? longest : last_us * 2;
}

static bool set_names(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    const char *alpn = flags->advertise_alpn;

    if (flags->host_name != NULL && SSL_set_tlsext_host_name(shim->ssl, flags->host_name) != 1) {
        return false;
    }
    if (alpn != NULL && SSL_set_alpn_protos(shim->ssl, (const uint8_t *)alpn, (unsigned)strlen(alpn)) != 0) {
        return false;
    }
    if (flags->srtp_profiles != NULL && SSL_set_tlsext_use_srtp(shim->ssl, flags->srtp_profiles) != 0) {
        return false;
    }
    if (flags->server && flags->psk_identity != NULL &&
        SSL_use_psk_identity_hint(shim->ssl, flags->psk_identity) != 1) {
        return false;
    }
    return flags->client_ca_list == NULL || set_authorities(shim->ssl, flags->client_ca_list);
}

static void set_verify(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    int mode = flags->verify_peer || flags->require_certificate ? SSL_VERIFY_PEER : SSL_VERIFY_NONE;

    mode |= flags->require_certificate ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_set_verify(shim->ssl, mode, NULL);
}

static bool set_connection(struct shim *shim)
{
    const struct flags *flags = shim->flags;

    SSL_set_app_data(shim->ssl, shim);
    install_watch(shim);
    set_verify(shim);
    (void)SSL_set_tlsext_status_type(shim->ssl, flags->ocsp && !flags->server ? TLSEXT_STATUSTYPE_ocsp : -1);
    (void)SSL_set_mode(shim->ssl, (flags->partial_write ? SSL_MODE_ENABLE_PARTIAL_WRITE : 0) |
                                      (flags->fallback_scsv ? SSL_MODE_SEND_FALLBACK_SCSV : 0));
    if (flags->max_cert_list != 0) {
        (void)SSL_set_max_cert_list(shim->ssl, flags->max_cert_list);
    }
    if (flags->max_send_fragment != 0 && SSL_set_max_send_fragment(shim->ssl, flags->max_send_fragment) != 1) {
        return false;
    }
    if (flags->dtls) {
        DTLS_set_timer_cb(shim->ssl, on_timer);
        (void)SSL_set_mtu(shim->ssl, flags->mtu != 0 ? flags->mtu : 1472);
    }
    if (flags->server) {
        SSL_set_accept_state(shim->ssl);
    } else {
        SSL_set_connect_state(shim->ssl);
    }
    return set_names(shim);
}

static enum outcome check_flags(const struct flags *flags)
{
    if (flags->max_version == 0xfefc) {
        return missing("DTLS 1.3");
    }
    if (flags->server && flags->renegotiate) {
        return missing("a server that renegotiates");
    }
    return GOOD;
}

enum outcome configure(struct shim *shim)
{
    enum outcome outcome = check_flags(shim->flags);

    if (outcome != GOOD) {
        return outcome;
    }
    shim->selected = -1;
    shim->first_timeout_ms = shim->flags->first_timeout_ms;
    shim->link.fd = -1;
    shim->ctx = SSL_CTX_new(shim->flags->dtls ? DTLS_method() : TLS_method());
    if (shim->ctx == NULL) {
        broken("no context");
    }
    set_options(shim);
    set_sessions(shim);
    install_callbacks(shim);
    shim->ssl = SSL_new(shim->ctx);
    if (shim->ssl == NULL) {
        broken("no connection object");
    }
    outcome = set_algorithms(shim);
    if (outcome == GOOD) {
        outcome = install_credentials(shim);
    }
    if (outcome == GOOD && !set_connection(shim)) {
        explain();
        outcome = FAILURE;
    }
    return outcome;
}

void release(struct shim *shim)
{
    if (shim->ctx != NULL) {
        shim->have_ticket_keys = SSL_CTX_get_tlsext_ticket_keys(shim->ctx, shim->ticket_keys, TICKET_KEYS_LEN) == 1;
    }
    SSL_free(shim->ssl);
    SSL_CTX_free(shim->ctx);
    sk_X509_NAME_pop_free(shim->authorities, X509_NAME_free);
    /* All that is of the connection begins anew. */
    memset((char *)shim + offsetof(struct shim, flags), 0, sizeof *shim - offsetof(struct shim, flags));
}
