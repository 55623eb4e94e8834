/*
 * libssl_checks.c - what the runner expects, compared with what the library says of the connection.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libssl_shim.h"

bool complain(const char *what)
{
    (void)fprintf(stderr, "wrong %s\n", what);
    return false;
}

static bool same(const struct bytes *expected, const unsigned char *got, size_t len)
{
    return expected->p == NULL || (expected->len == len && (len == 0 || memcmp(expected->p, got, len) == 0));
}

static bool is_text(const char *text, const unsigned char *got, size_t len)
{
    return strlen(text) == len && (len == 0 || memcmp(text, got, len) == 0);
}

/* The extension as it came: a list of one name, kind and length before it (RFC 6066 section 3). */
bool check_hello(struct shim *shim, SSL *ssl)
{
    const char *expected = shim->flags->expect_server_name;
    const unsigned char *p;
    size_t len;

    if (expected == NULL) {
        return true;
    }
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &len) != 1 || len < 5 ||
        !is_text(expected, p + 5, len - 5)) {
        return complain("server name in ClientHello");
    }
    return true;
}

bool right_authorities(const struct shim *shim)
{
    const STACK_OF(X509_NAME) *got = SSL_get0_peer_CA_list(shim->ssl);
    const char *expected = shim->flags->expect_client_ca_list;
    char text[4096] = "";
    size_t len = 0;

    if (expected == NULL) {
        return true;
    }
    for (int i = 0; i < sk_X509_NAME_num(got); i++) {
        unsigned char *der = NULL;
        int der_len = i2d_X509_NAME(sk_X509_NAME_value(got, i), &der);
        for (int j = 0; j < der_len && len + 4 < sizeof text; j++) {
            len += (size_t)snprintf(text + len, 4, "%s%02x", i > 0 && j == 0 ? "," : "", der[j]);
        }
        OPENSSL_free(der);
    }
    return strcmp(expected[0] == '<' ? "" : expected, text) == 0 || complain("authorities");
}

static bool right_prefs(const struct shim *shim)
{
    const struct ids *expected = &shim->flags->expect_verify_prefs;
    int count = expected->count == 0 ? 0 : SSL_get_sigalgs(shim->ssl, 0, NULL, NULL, NULL, NULL, NULL);

    for (int i = 0; i < count && (size_t)i < expected->count; i++) {
        unsigned char low, high;
        (void)SSL_get_sigalgs(shim->ssl, i, NULL, NULL, NULL, &low, &high);
        if ((high << 8 | low) != expected->ids[i]) {
            return complain("signature schemes of the peer");
        }
    }
    return (size_t)count == expected->count || complain("number of signature schemes of the peer");
}

static bool right_names(const struct shim *shim)
{
    const struct flags *flags = shim->flags;
    const char *expected =
        flags->server && flags->select_alpn != NULL && !flags->decline_alpn ? flags->select_alpn : flags->expect_alpn;
    const char *name = SSL_get_servername(shim->ssl, TLSEXT_NAMETYPE_host_name);
    const unsigned char *got;
    unsigned int len;

    SSL_get0_alpn_selected(shim->ssl, &got, &len);
    if (!is_text(expected, got, len)) {
        return complain("application protocol");
    }
    SSL_get0_next_proto_negotiated(shim->ssl, &got, &len);
    if ((flags->expect_npn != NULL && !is_text(flags->expect_npn, got, len)) || (flags->expect_no_npn && len > 0)) {
        return complain("protocol of the older extension");
    }
    if (flags->expect_server_name != NULL && !flags->no_server_name_ack &&
        (name == NULL || strcmp(name, flags->expect_server_name) != 0)) {
        return complain("server name");
    }
    return !flags->expect_no_server_name || name == NULL || complain("server name where none is");
}

static bool right_peer_scheme(const struct shim *shim)
{
    int type = NID_undef, hash = NID_undef;

    if (shim->flags->expect_peer_scheme == 0 || SSL_session_reused(shim->ssl)) {
        return true;
    }
    (void)SSL_get_peer_signature_type_nid(shim->ssl, &type);
    (void)SSL_get_peer_signature_nid(shim->ssl, &hash);
    if (scheme_of(type, hash, SSL_version(shim->ssl)) != shim->flags->expect_peer_scheme) {
        (void)fprintf(stderr, "%d %d: ", type, hash);
        return complain("scheme of the peer");
    }
    return true;
}

static bool right_algorithms(const struct shim *shim)
{
    const struct flags *flags = shim->flags;
    int group = flags->expect_curve == 0 ? 0 : group_of_nid((int)SSL_get_negotiated_group(shim->ssl));
    bool retried = shim->hellos > 1 && !flags->dtls; /* there it is the cookie */

    if (flags->expect_version != 0 && SSL_version(shim->ssl) != flags->expect_version) {
        return complain("version");
    }
    if (flags->expect_cipher != 0 &&
        SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(shim->ssl)) != flags->expect_cipher) {
        return complain("suite");
    }
    if (group != flags->expect_curve) {
        return complain("group");
    }
    if ((flags->expect_hrr && !retried) || (flags->expect_no_hrr && retried)) {
        return complain("number of hellos");
    }
    return right_peer_scheme(shim) && right_prefs(shim);
}

static bool right_chain(const struct shim *shim)
{
    STACK_OF(X509) *got = SSL_get_peer_cert_chain(shim->ssl), *expected;
    X509 *leaf = SSL_get0_peer_certificate(shim->ssl);
    bool right;

    if (shim->flags->expect_peer_cert_file == NULL) {
        return true;
    }
    /* A server's view of the chain is without the leaf. */
    right = load_certificates(shim->flags->expect_peer_cert_file, &expected) && leaf != NULL &&
            sk_X509_num(got) == sk_X509_num(expected) - (shim->flags->server ? 1 : 0) &&
            X509_cmp(leaf, sk_X509_value(expected, 0)) == 0;
    for (int i = 0; right && i < sk_X509_num(got); i++) {
        right = X509_cmp(sk_X509_value(got, i), sk_X509_value(expected, i + (shim->flags->server ? 1 : 0))) == 0;
    }
    sk_X509_pop_free(expected, X509_free);
    return right || complain("certificates of the peer");
}

static bool right_peer(const struct shim *shim)
{
    const struct flags *flags = shim->flags;
    bool known = SSL_get0_peer_certificate(shim->ssl) != NULL;
    const unsigned char *types;
    long count = SSL_get0_certificate_types(shim->ssl, &types);
    long result = flags->verify_fail ? X509_V_ERR_APPLICATION_VERIFICATION : X509_V_OK;

    if ((flags->psk == NULL && !flags->server && !flags->expect_no_peer_cert && !known) ||
        (flags->require_certificate && !known)) {
        return complain("peer: it should be known");
    }
    if (flags->expect_no_peer_cert && known) {
        return complain("peer: it should be unknown");
    }
    if (!same(&flags->expect_certificate_types, types, (size_t)count)) {
        return complain("types of certificates");
    }
    if (flags->expect_verify_result && SSL_get_verify_result(shim->ssl) != result) {
        return complain("result of the check");
    }
    if (flags->expects_credential && flags->credential_count > 0 && shim->selected != flags->expect_credential) {
        return complain("credential");
    }
    return right_chain(shim);
}

static bool right_staples(const struct shim *shim)
{
    const unsigned char *response = NULL;
    long len = SSL_get_tlsext_status_ocsp_resp(shim->ssl, &response);

    /* They are of a full handshake: libssl keeps neither in the session. */
    if (SSL_session_reused(shim->ssl)) {
        return true;
    }
    if (!same(&shim->flags->expect_ocsp_response, response, len > 0 ? (size_t)len : 0)) {
        return complain("OCSP response");
    }
    return same(&shim->flags->expect_scts, shim->scts, shim->scts_len) || complain("list of timestamps");
}

static bool below_13(const struct shim *shim)
{
    return shim->flags->dtls || SSL_version(shim->ssl) < TLS1_3_VERSION;
}

static bool right_session(const struct shim *shim)
{
    const struct flags *flags = shim->flags;
    bool reused = SSL_session_reused(shim->ssl);
    bool fresh = (!reused || flags->expect_ticket_renewal) && !flags->expect_no_session;

    if (reused != (shim->resuming && !flags->expect_session_miss)) {
        return complain(reused ? "session: it should not be resumed" : "session: it should be resumed");
    }
    if (!flags->server && below_13(shim) && fresh != (shim->sessions > 0)) {
        return complain("number of new sessions");
    }
    if (flags->server && below_13(shim) && !shim->resuming &&
        ((flags->expect_session_id && shim->sessions == 0) || (flags->expect_no_session_id && shim->sessions > 0))) {
        return complain("number of sessions in the store");
    }
    return true;
}

static bool right_renegotiation(const struct shim *shim)
{
    const struct flags *flags = shim->flags;
    bool secure = SSL_get_secure_renegotiation_support(shim->ssl) == 1;

    if ((flags->expect_secure_renegotiation && !secure && below_13(shim)) ||
        (flags->expect_no_secure_renegotiation && secure)) {
        return complain("support of RFC 5746");
    }
    return !flags->expect_ems || !below_13(shim) || SSL_get_extms_support(shim->ssl) == 1 ||
           complain("extended main secret");
}

static bool right_early_data(const struct shim *shim)
{
    const struct flags *flags = shim->flags;
    int status = SSL_get_early_data_status(shim->ssl);

    if (flags->expect_early_accept && status != SSL_EARLY_DATA_ACCEPTED) {
        return complain("early data: they should be accepted");
    }
    if (flags->expect_early_reject && status == SSL_EARLY_DATA_ACCEPTED) {
        return complain("early data: they should be rejected");
    }
    return !flags->expect_no_early_offer || status == SSL_EARLY_DATA_NOT_SENT || complain("early data: none offered");
}

static bool right_srtp(const struct shim *shim)
{
    SRTP_PROTECTION_PROFILE *got = SSL_get_selected_srtp_profile(shim->ssl);
    const char *expected = shim->flags->srtp_profiles;

    return expected == NULL || got == NULL || strstr(expected, got->name) != NULL || complain("SRTP profile");
}

bool check_connected(struct shim *shim)
{
    if (shim->flags->server && !shim->hello_seen) {
        return complain("order: connected without a ClientHello");
    }
    return right_names(shim) && right_algorithms(shim) && right_peer(shim) && right_staples(shim) &&
           right_session(shim) && right_renegotiation(shim) && right_early_data(shim) && right_srtp(shim);
}

/* Client, at the end: TLS 1.3 sends tickets after the handshake. */
static bool right_tickets(const struct shim *shim)
{
    const struct flags *flags = shim->flags;

    if (flags->server || flags->shuts_down || below_13(shim)) {
        return true;
    }
    if ((shim->sessions > 0) == flags->expect_no_session) {
        return complain("number of new sessions");
    }
    return shim->sessions == 0 || !flags->expect_early_ticket || SSL_SESSION_get_max_early_data(shim->session) > 0 ||
           complain("session: it should allow early data");
}

bool check_end(struct shim *shim)
{
    if (below_13(shim) && SSL_total_renegotiations(shim->ssl) != shim->flags->renegotiations) {
        return complain("number of renegotiations");
    }
    if (shim->flags->expect_messages != NULL && strcmp(shim->flags->expect_messages, shim->trace) != 0) {
        (void)fprintf(stderr, "wrong trace, expected:\n%sgot:\n%s", shim->flags->expect_messages, shim->trace);
        return false;
    }
    return right_tickets(shim);
}
