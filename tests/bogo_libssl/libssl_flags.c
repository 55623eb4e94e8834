/*
 * libssl_flags.c - the table of the runner's flags, and its reader. A flag that is not in the table is one that cannot
 * be expressed by the public interface of libssl, version 3.0.
 */
#include "libssl_flags.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
    YES,        /* stands alone, sets a bool */
    NUMBER,     /* one number */
    TEXT,       /* any bytes but NUL */
    BYTES,      /* base64 */
    ID,         /* a number of a list, each time one more */
    NOTHING,    /* stands alone; nothing to do */
    UNUSED,     /* with a value; nothing to do */
    CREDENTIAL, /* begins the next credential */
};

struct row {
    const char *name;
    enum kind kind;
    bool of_credential; /* the offset is inside the newest credential */
    size_t offset;
};

#define AT(member) false, offsetof(struct flags, member)
#define IN(member) true, offsetof(struct credential_flags, member)

static const struct row table[] = {
    {"port", NUMBER, AT(port)},
    {"shim-id", TEXT, AT(shim_id)},
    {"ipv6", YES, AT(ipv6)},
    {"server", YES, AT(server)},
    {"dtls", YES, AT(dtls)},
    {"async", YES, AT(async)},
    {"implicit-handshake", YES, AT(implicit_handshake)},
    {"handshake-never-done", YES, AT(handshake_never_done)},
    {"handshake-twice", YES, AT(handshake_twice)},
    {"no-op-extra-handshake", YES, AT(no_op_extra_handshake)},
    {"is-handshaker-supported", YES, AT(handshaker_question)},
    {"resume-count", NUMBER, AT(resume_count)},
    {"resumption-delay", NUMBER, AT(resumption_delay)},
    {"mtu", NUMBER, AT(mtu)},
    {"initial-timeout-duration-ms", NUMBER, AT(first_timeout_ms)},

    {"shim-writes-first", YES, AT(writes_first)},
    {"shim-initial-write", TEXT, AT(initial_write)},
    {"repeat-shim-initial-write", NUMBER, AT(initial_write_count)},
    {"read-with-unfinished-write", YES, AT(unfinished_write)},
    {"read-size", NUMBER, AT(read_size)},
    {"peek-then-read", YES, AT(peek)},
    {"write-different-record-sizes", YES, AT(different_sizes)},
    {"shim-shuts-down", YES, AT(shuts_down)},
    {"check-close-notify", YES, AT(check_close_notify)},
    {"partial-write", YES, AT(partial_write)},
    {"max-send-fragment", NUMBER, AT(max_send_fragment)},

    {"min-version", NUMBER, AT(min_version)},
    {"max-version", NUMBER, AT(max_version)},
    {"no-tls1", YES, AT(no_tls10)},
    {"no-tls11", YES, AT(no_tls11)},
    {"no-tls12", YES, AT(no_tls12)},
    {"no-tls13", YES, AT(no_tls13)},
    {"expect-version", NUMBER, AT(expect_version)},
    {"fallback-scsv", YES, AT(fallback_scsv)},

    {"cert-file", TEXT, IN(cert_file)},
    {"key-file", TEXT, IN(key_file)},
    {"signing-prefs", ID, IN(signing_prefs)},
    {"ocsp-response", BYTES, IN(ocsp_response)},
    {"signed-cert-timestamps", BYTES, IN(scts)},
    {"must-match-issuer", YES, IN(must_match_issuer)},
    {"new-x509-credential", CREDENTIAL, false, 0},
    {"expect-selected-credential", NUMBER, AT(expect_credential)},

    {"verify-peer", YES, AT(verify_peer)},
    {"require-any-client-certificate", YES, AT(require_certificate)},
    {"use-custom-verify-callback", YES, AT(custom_verify)},
    {"verify-fail", YES, AT(verify_fail)},
    {"expect-verify-result", YES, AT(expect_verify_result)},
    {"fail-cert-callback", YES, AT(fail_cert_callback)},
    {"use-old-client-cert-callback", YES, AT(old_cert_callback)},
    {"use-early-callback", YES, AT(early_callback)},
    {"fail-early-callback", YES, AT(fail_early_callback)},
    {"install-ddos-callback", YES, AT(ddos_callback)},
    {"fail-ddos-callback", YES, AT(fail_ddos_callback)},
    {"expect-no-peer-cert", YES, AT(expect_no_peer_cert)},
    {"expect-peer-cert-file", TEXT, AT(expect_peer_cert_file)},
    {"use-client-ca-list", TEXT, AT(client_ca_list)},
    {"expect-client-ca-list", TEXT, AT(expect_client_ca_list)},
    {"expect-certificate-types", BYTES, AT(expect_certificate_types)},
    {"max-cert-list", NUMBER, AT(max_cert_list)},

    {"cipher", TEXT, AT(ciphers)},
    {"server-preference", YES, AT(server_preference)},
    {"curves", ID, AT(curves)},
    {"key-shares", ID, AT(key_shares)},
    {"verify-prefs", ID, AT(verify_prefs)},
    {"expect-peer-verify-pref", ID, AT(expect_verify_prefs)},
    {"expect-hrr", YES, AT(expect_hrr)},
    {"expect-no-hrr", YES, AT(expect_no_hrr)},
    {"expect-curve-id", NUMBER, AT(expect_curve)},
    {"expect-cipher", NUMBER, AT(expect_cipher)},
    {"expect-peer-signature-algorithm", NUMBER, AT(expect_peer_scheme)},

    {"no-ticket", YES, AT(no_ticket)},
    {"expect-session-miss", YES, AT(expect_session_miss)},
    {"expect-no-session", YES, AT(expect_no_session)},
    {"expect-session-id", YES, AT(expect_session_id)},
    {"expect-no-session-id", YES, AT(expect_no_session_id)},
    {"expect-ticket-renewal", YES, AT(expect_ticket_renewal)},
    {"use-ticket-callback", YES, AT(ticket_callback)},
    {"renew-ticket", YES, AT(renew_ticket)},
    {"skip-ticket", YES, AT(skip_ticket)},

    {"enable-early-data", YES, AT(early_data)},
    {"expect-ticket-supports-early-data", YES, AT(expect_early_ticket)},
    {"expect-accept-early-data", YES, AT(expect_early_accept)},
    {"expect-reject-early-data", YES, AT(expect_early_reject)},
    {"expect-no-offer-early-data", YES, AT(expect_no_early_offer)},

    {"renegotiate-freely", YES, AT(renegotiate)},
    {"expect-total-renegotiations", NUMBER, AT(renegotiations)},
    {"expect-secure-renegotiation", YES, AT(expect_secure_renegotiation)},
    {"expect-no-secure-renegotiation", YES, AT(expect_no_secure_renegotiation)},
    {"no-legacy-server-connect", YES, AT(no_legacy_connect)},

    {"host-name", TEXT, AT(host_name)},
    {"expect-server-name", TEXT, AT(expect_server_name)},
    {"expect-no-server-name", YES, AT(expect_no_server_name)},
    {"no-server-name-ack", YES, AT(no_server_name_ack)},
    {"advertise-alpn", TEXT, AT(advertise_alpn)},
    {"expect-alpn", TEXT, AT(expect_alpn)},
    {"select-alpn", TEXT, AT(select_alpn)},
    {"expect-advertised-alpn", TEXT, AT(expect_advertised_alpn)},
    {"decline-alpn", YES, AT(decline_alpn)},
    {"reject-alpn", YES, AT(reject_alpn)},
    {"select-empty-alpn", YES, AT(select_empty_alpn)},
    {"advertise-npn", TEXT, AT(advertise_npn)},
    {"advertise-empty-npn", YES, AT(advertise_empty_npn)},
    {"select-next-proto", TEXT, AT(select_npn)},
    {"select-empty-next-proto", YES, AT(select_empty_npn)},
    {"expect-next-proto", TEXT, AT(expect_npn)},
    {"expect-no-next-proto", YES, AT(expect_no_npn)},
    {"enable-ocsp-stapling", YES, AT(ocsp)},
    {"expect-ocsp-response", BYTES, AT(expect_ocsp_response)},
    {"use-ocsp-callback", YES, AT(ocsp_callback)},
    {"set-ocsp-in-callback", YES, AT(set_ocsp_in_callback)},
    {"decline-ocsp-callback", YES, AT(decline_ocsp)},
    {"fail-ocsp-callback", YES, AT(fail_ocsp)},
    {"enable-signed-cert-timestamps", YES, AT(ask_scts)},
    {"expect-signed-cert-timestamps", BYTES, AT(expect_scts)},
    {"srtp-profiles", TEXT, AT(srtp_profiles)},
    {"psk", TEXT, AT(psk)},
    {"psk-identity", TEXT, AT(psk_identity)},
    {"expect-extended-master-secret", YES, AT(expect_ems)},

    {"key-update", YES, AT(key_update)},
    {"key-update-before-read", YES, AT(key_update_before_read)},
    {"export-keying-material", NUMBER, AT(export_len)},
    {"export-label", TEXT, AT(export_label)},
    {"export-context", TEXT, AT(export_context)},
    {"use-export-context", YES, AT(use_export_context)},
    {"export-traffic-secrets", YES, AT(export_traffic_secrets)},
    {"use-exporter-between-reads", YES, AT(export_between_reads)},
    {"tls-unique", YES, AT(tls_unique)},
    {"expect-msg-callback", TEXT, AT(expect_messages)},

    /* The result of the check is scripted, so that the root is not needed. */
    {"trust-cert", UNUSED, false, 0},
    /* Why early data was refused is not told by the library; that it was is checked. */
    {"expect-early-data-reason", UNUSED, false, 0},
    /* Of other runs of the runner: QUIC, hints. */
    {"quic-use-legacy-codepoint", UNUSED, false, 0},
    {"allow-hint-mismatch", NOTHING, false, 0},
};

static const struct row *row_named(const char *name)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].name, name) == 0) {
            return &table[i];
        }
    }
    return NULL;
}

static bool takes_value(enum kind kind)
{
    return kind != YES && kind != NOTHING && kind != CREDENTIAL;
}

/* The bytes live as long as the process. */
static struct bytes base64(const char *text)
{
    struct bytes out = {malloc(strlen(text) + 1), 0};
    int len = out.p == NULL ? -1 : EVP_DecodeBlock(out.p, (const uint8_t *)text, (int)strlen(text));

    for (size_t i = strlen(text); len > 0 && i > 0 && text[i - 1] == '='; i--) {
        len--;
    }
    out.len = len > 0 ? (size_t)len : 0;
    return out;
}

static bool store(struct flags *flags, const struct row *row, const char *value)
{
    struct credential_flags *credential = &flags->credentials[flags->credential_count];
    void *at = (char *)(row->of_credential ? (void *)credential : (void *)flags) + row->offset;
    struct ids *list = at;

    switch (row->kind) {
    case YES:
        *(bool *)at = true;
        break;
    case NUMBER:
        *(int *)at = atoi(value);
        break;
    case TEXT:
        *(const char **)at = value;
        break;
    case BYTES:
        *(struct bytes *)at = base64(value);
        break;
    case ID:
        if (list->count == LIST_MAX) {
            return false;
        }
        list->ids[list->count++] = atoi(value);
        break;
    case CREDENTIAL:
        flags->credential_count++;
        return flags->credential_count < CREDENTIAL_MAX;
    case NOTHING:
    case UNUSED:
        break;
    }
    return true;
}

enum { FOR_ALL = 1 << INITIAL | 1 << RESUMING | 1 << RETRY };

/* The name without its prefixes; *sets says which sets of flags are meant. */
static const char *without_prefix(const char *name, unsigned *sets)
{
    static const struct {
        const char *prefix;
        unsigned sets;
    } prefixes[] = {
        {"on-shim-", FOR_ALL},         {"on-handshaker-", 0},     {"on-initial-", 1 << INITIAL},
        {"on-resume-", 1 << RESUMING}, {"on-retry-", 1 << RETRY},
    };

    for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++) {
        size_t len = strlen(prefixes[i].prefix);
        if (strncmp(name, prefixes[i].prefix, len) == 0) {
            *sets &= prefixes[i].sets;
            name += len;
        }
    }
    return name;
}

/* One flag with its value, if it takes one, for each set that is meant. */
static enum outcome read_flag(struct flags flags[SETS], char **argv, int left, int *used)
{
    unsigned sets = FOR_ALL;
    const char *name = argv[0][0] == '-' ? without_prefix(argv[0] + 1, &sets) : argv[0];
    const struct row *row = row_named(name);

    *used = 1;
    if (row == NULL) {
        return missing(argv[0]);
    }
    if (takes_value(row->kind)) {
        *used = 2;
        if (left < 2) {
            return missing("a flag without its value");
        }
    }
    for (size_t i = 0; i < SETS; i++) {
        if ((sets & 1U << i) == 0) {
            continue;
        }
        if (!store(&flags[i], row, *used == 2 ? argv[1] : NULL)) {
            return missing("a list as long as this");
        }
        flags[i].expects_credential |= strcmp(name, "expect-selected-credential") == 0;
    }
    return GOOD;
}

enum outcome flags_read(struct flags flags[SETS], int argc, char **argv)
{
    enum outcome outcome = GOOD;
    int used;

    for (size_t i = 0; i < SETS; i++) {
        flags[i] = (struct flags){
            .shim_id = "0",
            .initial_write = "hello",
            .initial_write_count = 1,
            .first_timeout_ms = 400,
            .expect_alpn = "",
            .expect_credential = -1,
            .export_label = "",
            .export_context = "",
        };
    }
    for (int i = 1; outcome == GOOD && i < argc; i += used) {
        outcome = read_flag(flags, argv + i, argc - i, &used);
    }
    return outcome;
}
