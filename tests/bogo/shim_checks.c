/*
 * shim_checks.c - what the runner expects, compared with what the connection says of itself.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static bool complain(const char *what)
{
    (void)fprintf(stderr, "wrong %s\n", what);
    return false;
}

static bool is_text(struct kt_span span, const char *text)
{
    return span.len == strlen(text) && (span.len == 0 || memcmp(span.p, text, span.len) == 0);
}

static bool same(struct kt_span a, struct kt_span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.p, b.p, a.len) == 0);
}

static bool right_prefs(const struct shim_ids *expected, struct kt_id_list got)
{
    if (expected->count == 0) {
        return true;
    }
    for (size_t i = 0; i < expected->count && got.wire.len == 2 * expected->count; i++) {
        if ((got.wire.p[2 * i] << 8 | got.wire.p[2 * i + 1]) != expected->ids[i]) {
            return complain("signature schemes of the peer");
        }
    }
    return got.wire.len == 2 * expected->count || complain("number of signature schemes of the peer");
}

bool shim_check_hello(struct shim *shim, const struct kt_ask *ask)
{
    const struct shim_flags *flags = shim->flags;

    if (flags->expect_server_name != NULL && !is_text(ask->u.choose.server_name, flags->expect_server_name)) {
        return complain("server name in ClientHello");
    }
    if (flags->expect_advertised_alpn != NULL && !is_text(ask->u.choose.alpn, flags->expect_advertised_alpn)) {
        return complain("protocols in ClientHello");
    }
    return right_prefs(&flags->expect_verify_prefs, ask->u.choose.schemes);
}

static bool right_authorities(const char *expected, struct kt_span got)
{
    char text[4096] = "";
    size_t len = 0;

    if (expected == NULL) {
        return true;
    }
    for (size_t at = 0; at + 2 <= got.len && len + 4 < sizeof text;) {
        size_t end = at + 2 + (size_t)(got.p[at] << 8 | got.p[at + 1]);
        if (at > 0) {
            text[len++] = ',';
        }
        for (at += 2; at < end && at < got.len && len + 4 < sizeof text; at++) {
            len += (size_t)sprintf(text + len, "%02x", got.p[at]);
        }
    }
    text[len] = '\0';
    return strcmp(expected[0] == '<' ? "" : expected, text) == 0 || complain("authorities");
}

bool shim_check_request(struct shim *shim, const struct kt_ask *ask)
{
    return right_authorities(shim->flags->expect_client_ca_list, ask->u.choose.authorities) &&
           right_prefs(&shim->flags->expect_verify_prefs, ask->u.choose.schemes);
}

bool shim_check_chain(struct shim *shim, const struct kt_ask *ask)
{
    struct kt_span expected[SHIM_CHAIN_MAX];
    size_t count = 0;
    bool right = true;

    if (shim->flags->expect_ocsp_response.p != NULL &&
        !same(shim->flags->expect_ocsp_response, ask->u.verify.ocsp_response)) {
        return complain("OCSP response");
    }
    if (shim->flags->expect_scts.p != NULL && !same(shim->flags->expect_scts, ask->u.verify.sct_list)) {
        return complain("list of timestamps");
    }
    if (shim->flags->expect_peer_cert_file == NULL) {
        return true;
    }
    count = shim_certificates(shim->flags->expect_peer_cert_file, expected, SHIM_CHAIN_MAX);
    for (size_t i = 0; i < count; i++) {
        right = right && i < shim->chain_len && same(expected[i], shim->chain[i]);
        free((void *)expected[i].p);
    }
    return (right && count == shim->chain_len) || complain("certificates of the peer");
}

static bool right_names(const struct shim *shim, const struct kt_facts *facts)
{
    const struct shim_flags *flags = shim->flags;
    const char *alpn = flags->expect_alpn;

    if (flags->server && flags->select_alpn != NULL && !flags->decline_alpn) {
        alpn = flags->select_alpn;
    }
    if (!is_text(facts->alpn, alpn)) {
        return complain("application protocol");
    }
    if (flags->expect_server_name != NULL && !is_text(facts->server_name, flags->expect_server_name)) {
        return complain("server name");
    }
    return !flags->expect_no_server_name || facts->server_name.len == 0 || complain("server name where none is");
}

static bool right_algorithms(const struct shim_flags *flags, const struct kt_facts *facts)
{
    if (flags->expect_version != 0 && facts->version != flags->expect_version) {
        return complain("version");
    }
    if (flags->expect_cipher != 0 && facts->suite != flags->expect_cipher) {
        return complain("suite");
    }
    if (flags->expect_curve != 0 && facts->group != flags->expect_curve) {
        return complain("group");
    }
    if (flags->expect_peer_scheme != 0 && !facts->resumed && facts->peer_scheme != flags->expect_peer_scheme) {
        return complain("scheme of the peer");
    }
    if ((flags->expect_hrr && !facts->hello_retried) || (flags->expect_no_hrr && facts->hello_retried)) {
        return complain("number of hellos");
    }
    return true;
}

static bool right_peer(const struct shim *shim, const struct kt_facts *facts)
{
    const struct shim_flags *flags = shim->flags;

    if ((!flags->server || flags->require_certificate) && !flags->expect_no_peer_cert && !facts->peer_authenticated) {
        return complain("peer: it should be known");
    }
    if (flags->expect_no_peer_cert && facts->peer_authenticated) {
        return complain("peer: it should be unknown");
    }
    if (!facts->resumed && facts->peer_authenticated != (shim->chain_len > 0)) {
        return complain("peer: known without chain, or the other way round");
    }
    return !flags->expects_credential || shim->selected == flags->expect_credential || complain("credential");
}

static bool right_session(const struct shim *shim, const struct kt_facts *facts)
{
    if (facts->resumed != (shim->resuming && !shim->flags->expect_session_miss)) {
        return complain(facts->resumed ? "session: it should not be resumed" : "session: it should be resumed");
    }
    return true;
}

/* What TLS 1.3 has anyway, and older versions where both sides say so. */
static bool right_extensions(const struct shim_flags *flags, const struct kt_facts *facts)
{
    bool newest = facts->version == KT_TLS_1_3;

    if (flags->expect_extended_secret && !newest && !facts->extended_main_secret) {
        return complain("secret: it should be the extended one");
    }
    if (flags->expect_renegotiation_info && !newest && !facts->secure_renegotiation) {
        return complain("renegotiation: it should be secure");
    }
    return !flags->expect_no_renegotiation_info || newest || !facts->secure_renegotiation ||
           complain("renegotiation: it should not be secure");
}

bool shim_check_connected(struct shim *shim)
{
    struct kt_facts facts = kt_conn_facts(shim->conn);

    if (shim->flags->server && !shim->hello_seen) {
        return complain("order: connected and never asked for the configuration");
    }
    return right_names(shim, &facts) && right_algorithms(shim->flags, &facts) && right_peer(shim, &facts) &&
           right_session(shim, &facts) && right_extensions(shim->flags, &facts);
}

/* Client, at the end: TLS 1.3 sends tickets after the handshake, and always may. Below, who resumed has its session. */
static bool right_tickets(const struct shim *shim)
{
    const struct shim_flags *flags = shim->flags;
    struct kt_facts facts = kt_conn_facts(shim->conn);
    bool expected = facts.version == KT_TLS_1_3 || !facts.resumed || flags->expect_ticket_renewal;

    if (flags->server || flags->shuts_down) {
        return true;
    }
    return (shim->sessions > 0) == (expected && !flags->expect_no_session) || complain("number of new sessions");
}

bool shim_check_end(struct shim *shim)
{
    if (shim->flags->renegotiations > 0) {
        return complain("number of renegotiations");
    }
    if (shim->flags->expect_messages != NULL && strcmp(shim->flags->expect_messages, shim->trace) != 0) {
        (void)fprintf(stderr, "wrong trace, expected:\n%sgot:\n%s", shim->flags->expect_messages, shim->trace);
        return false;
    }
    if (!shim->resuming && ((shim->flags->expect_session_id && shim->sessions == 0) ||
                            (shim->flags->expect_no_session_id && shim->sessions > 0))) {
        return complain("number of sessions with an id");
    }
    return right_tickets(shim);
}
