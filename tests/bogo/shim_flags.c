/*
 * shim_flags.c - the table of the runner's flags, and its reader.
 *
 * What is meant for a second try after refused early data is read and forgotten: there is no early data. A flag that is
 * not in the table is one we do not implement.
 */
#include "shim_flags.h"

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
    OLDER,      /* stands alone, about further handshakes; holds anyway in TLS 1.3, not implemented below */
    UNUSED,     /* with a value; nothing to do */
    CREDENTIAL, /* begins the next credential */
};

struct row {
    const char *name;
    enum kind kind;
    bool of_credential; /* the offset is inside the newest credential */
    size_t offset;
};

#define AT(member) offsetof(struct shim_flags, member)
#define IN(member) true, offsetof(struct shim_credential_flags, member)

static const struct row table[] = {
    {"port", NUMBER, false, AT(port)},
    {"shim-id", NUMBER, false, AT(shim_id)},
    {"ipv6", YES, false, AT(ipv6)},
    {"server", YES, false, AT(server)},
    {"async", YES, false, AT(async)},
    {"implicit-handshake", YES, false, AT(implicit_handshake)},
    {"handshake-never-done", YES, false, AT(handshake_never_done)},
    {"is-handshaker-supported", YES, false, AT(handshaker_question)},
    {"resume-count", NUMBER, false, AT(resume_count)},
    {"resumption-delay", NUMBER, false, AT(resumption_delay)},

    {"shim-writes-first", YES, false, AT(writes_first)},
    {"shim-initial-write", TEXT, false, AT(initial_write)},
    {"repeat-shim-initial-write", NUMBER, false, AT(initial_write_count)},
    {"read-with-unfinished-write", YES, false, AT(unfinished_write)},
    {"read-size", NUMBER, false, AT(read_size)},
    {"peek-then-read", YES, false, AT(peek)},
    {"write-different-record-sizes", YES, false, AT(different_sizes)},
    {"shim-shuts-down", YES, false, AT(shuts_down)},
    {"check-close-notify", YES, false, AT(check_close_notify)},

    {"min-version", NUMBER, false, AT(min_version)},
    {"max-version", NUMBER, false, AT(max_version)},
    {"no-tls1", YES, false, AT(no_tls10)},
    {"no-tls11", YES, false, AT(no_tls11)},
    {"no-tls12", YES, false, AT(no_tls12)},
    {"no-tls13", YES, false, AT(no_tls13)},
    {"expect-version", NUMBER, false, AT(expect_version)},

    {"no-ticket", YES, false, AT(no_ticket)},
    {"skip-ticket", YES, false, AT(skip_ticket)},
    {"use-ticket-aead-callback", YES, false, AT(ask_resume)},
    {"expect-session-miss", YES, false, AT(expect_session_miss)},
    {"expect-no-session", YES, false, AT(expect_no_session)},
    {"expect-session-id", YES, false, AT(expect_session_id)},
    {"expect-no-session-id", YES, false, AT(expect_no_session_id)},
    {"expect-ticket-renewal", YES, false, AT(expect_ticket_renewal)},
    {"expect-sha256-client-cert", YES, false, AT(expect_peer_sha256)},

    {"cert-file", TEXT, IN(cert_file)},
    {"key-file", TEXT, IN(key_file)},
    {"signing-prefs", ID, IN(signing_prefs)},
    {"ocsp-response", BYTES, IN(ocsp_response)},
    {"signed-cert-timestamps", BYTES, IN(scts)},
    {"must-match-issuer", YES, IN(must_match_issuer)},
    {"new-x509-credential", CREDENTIAL, false, 0},
    {"expect-selected-credential", NUMBER, false, AT(expect_credential)},

    {"verify-peer", YES, false, AT(verify_peer)},
    {"require-any-client-certificate", YES, false, AT(require_certificate)},
    {"use-custom-verify-callback", YES, false, AT(custom_verify)},
    {"verify-fail", YES, false, AT(verify_fail)},
    {"fail-cert-callback", YES, false, AT(fail_cert_callback)},
    {"use-old-client-cert-callback", YES, false, AT(old_cert_callback)},
    {"use-early-callback", YES, false, AT(early_callback)},
    {"fail-early-callback", YES, false, AT(fail_early_callback)},
    {"install-ddos-callback", YES, false, AT(ddos_callback)},
    {"fail-ddos-callback", YES, false, AT(fail_ddos_callback)},
    {"expect-no-peer-cert", YES, false, AT(expect_no_peer_cert)},
    {"expect-peer-cert-file", TEXT, false, AT(expect_peer_cert_file)},
    {"use-client-ca-list", TEXT, false, AT(client_ca_list)},
    {"expect-client-ca-list", TEXT, false, AT(expect_client_ca_list)},
    {"max-cert-list", NUMBER, false, AT(max_cert_list)},

    {"cipher", TEXT, false, AT(ciphers)},
    {"fips-202205", YES, false, AT(fips_202205)},
    {"wpa-202304", YES, false, AT(wpa_202304)},
    {"curves", ID, false, AT(curves)},
    {"key-shares", ID, false, AT(key_shares)},
    {"no-key-shares", YES, false, AT(no_key_shares)},
    {"verify-prefs", ID, false, AT(verify_prefs)},
    {"expect-peer-verify-pref", ID, false, AT(expect_verify_prefs)},
    {"expect-hrr", YES, false, AT(expect_hrr)},
    {"expect-no-hrr", YES, false, AT(expect_no_hrr)},
    {"expect-curve-id", NUMBER, false, AT(expect_curve)},
    {"expect-cipher", NUMBER, false, AT(expect_cipher)},
    {"expect-peer-signature-algorithm", NUMBER, false, AT(expect_peer_scheme)},

    {"host-name", TEXT, false, AT(host_name)},
    {"expect-server-name", TEXT, false, AT(expect_server_name)},
    {"expect-no-server-name", YES, false, AT(expect_no_server_name)},
    {"advertise-alpn", TEXT, false, AT(advertise_alpn)},
    {"expect-alpn", TEXT, false, AT(expect_alpn)},
    {"select-alpn", TEXT, false, AT(select_alpn)},
    {"expect-advertised-alpn", TEXT, false, AT(expect_advertised_alpn)},
    {"decline-alpn", YES, false, AT(decline_alpn)},
    {"reject-alpn", YES, false, AT(reject_alpn)},
    {"enable-grease", YES, false, AT(grease)},
    {"permute-extensions", YES, false, AT(permute)},
    {"enable-ocsp-stapling", YES, false, AT(ocsp)},
    {"expect-ocsp-response", BYTES, false, AT(expect_ocsp_response)},
    {"enable-signed-cert-timestamps", YES, false, AT(ask_scts)},
    {"expect-signed-cert-timestamps", BYTES, false, AT(expect_scts)},
    {"use-ocsp-callback", YES, false, AT(ocsp_callback)},
    {"set-ocsp-in-callback", YES, false, AT(set_ocsp_in_callback)},
    {"decline-ocsp-callback", YES, false, AT(decline_ocsp)},
    {"fail-ocsp-callback", YES, false, AT(fail_ocsp)},

    {"key-update", YES, false, AT(key_update)},
    {"key-update-before-read", YES, false, AT(key_update_before_read)},
    {"expect-total-renegotiations", NUMBER, false, AT(renegotiations)},
    {"export-keying-material", NUMBER, false, AT(export_len)},
    {"export-label", TEXT, false, AT(export_label)},
    {"export-context", TEXT, false, AT(export_context)},
    {"use-export-context", YES, false, AT(use_export_context)},
    {"export-traffic-secrets", YES, false, AT(export_traffic_secrets)},
    {"use-exporter-between-reads", YES, false, AT(export_between_reads)},
    {"tls-unique", YES, false, AT(tls_unique)},
    {"no-legacy-server-connect", YES, false, AT(no_legacy_server)},
    {"expect-secure-renegotiation", YES, false, AT(expect_renegotiation_info)},
    {"expect-no-secure-renegotiation", YES, false, AT(expect_no_renegotiation_info)},
    {"expect-extended-master-secret", YES, false, AT(expect_extended_secret)},
    {"expect-msg-callback", TEXT, false, AT(expect_messages)},

    /* The result of the check is scripted, so that the root is not needed. */
    {"trust-cert", UNUSED, false, 0},
    /* Tickets are ours to make: sealed by a ring, new ones after each handshake; a session holds only a hash of the
     * certificate. The first byte of what a record of TLS 1.0 holds goes alone, always. */
    {"use-ticket-callback", NOTHING, false, 0},
    {"renew-ticket", NOTHING, false, 0},
    {"cbc-record-splitting", NOTHING, false, 0},
    {"retain-only-sha256-client-cert", NOTHING, false, 0},
    /* What holds anyway: a handshake more does nothing, there is no renegotiation. */
    {"handshake-twice", NOTHING, false, 0},
    {"no-op-extra-handshake", NOTHING, false, 0},
    {"expect-verify-result", NOTHING, false, 0},
    {"renegotiate-freely", OLDER, false, AT(older)},
    {"renegotiate-once", OLDER, false, AT(older)},
    {"renegotiate-ignore", OLDER, false, AT(older)},
    {"forbid-renegotiation-after-handshake", OLDER, false, AT(older)},
    {"partial-write", NOTHING, false, 0},
    {"server-preference", NOTHING, false, 0},
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
    return kind != YES && kind != NOTHING && kind != OLDER && kind != CREDENTIAL;
}

static int digit_of(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = c == '\0' ? NULL : strchr(digits, c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* The bytes live as long as the process. */
static struct kt_span base64(const char *text)
{
    uint8_t *out = malloc(strlen(text) + 1);
    uint32_t bits = 0;
    unsigned count = 0;
    size_t len = 0;

    for (; out != NULL && digit_of(*text) >= 0; text++) {
        bits = bits << 6 | (uint32_t)digit_of(*text);
        count += 6;
        if (count >= 8) {
            count -= 8;
            out[len++] = (uint8_t)(bits >> count);
        }
    }
    return (struct kt_span){out, len};
}

static bool store(struct shim_flags *flags, const struct row *row, const char *value)
{
    struct shim_credential_flags *credential = &flags->credentials[flags->credential_count];
    void *at = (char *)(row->of_credential ? (void *)credential : (void *)flags) + row->offset;
    struct shim_ids *list = at;

    switch (row->kind) {
    case YES:
        *(bool *)at = true;
        break;
    case NUMBER: /* of "-1" the largest one, which as a signed number is -1 again */
        *(uint64_t *)at = strtoull(value, NULL, 10);
        break;
    case TEXT:
        *(const char **)at = value;
        break;
    case BYTES:
        *(struct kt_span *)at = base64(value);
        break;
    case ID:
        if (list->count == SHIM_LIST_MAX) {
            return false;
        }
        list->ids[list->count++] = (uint16_t)strtoul(value, NULL, 10);
        break;
    case OLDER:
        *(const char **)at = row->name;
        break;
    case CREDENTIAL:
        flags->credential_count++;
        return flags->credential_count < SHIM_CREDENTIALS_MAX;
    case NOTHING:
    case UNUSED:
        break;
    }
    return true;
}

enum { FOR_INITIAL = 1 << SHIM_INITIAL, FOR_RESUMING = 1 << SHIM_RESUMING, FOR_ALL = FOR_INITIAL | FOR_RESUMING };

/* The name without its prefixes; *sets says which sets of flags are meant. */
static const char *without_prefix(const char *name, unsigned *sets)
{
    static const struct {
        const char *prefix;
        unsigned sets;
    } prefixes[] = {
        {"on-shim-", FOR_ALL},        {"on-handshaker-", 0}, {"on-initial-", FOR_INITIAL},
        {"on-resume-", FOR_RESUMING}, {"on-retry-", 0},
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

size_t shim_versions(const struct shim_flags *flags, uint16_t out[4])
{
    const struct {
        uint16_t version;
        bool off;
    } versions[] = {
        {KT_TLS_1_3, flags->no_tls13},
        {KT_TLS_1_2, flags->no_tls12},
        {KT_TLS_1_1, flags->no_tls11},
        {KT_TLS_1_0, flags->no_tls10},
    };
    size_t count = 0;

    for (size_t i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        if (!versions[i].off && versions[i].version >= flags->min_version &&
            versions[i].version <= flags->max_version) {
            out[count++] = versions[i].version;
        }
    }
    return count;
}

static enum shim_exit check(const struct shim_flags *flags)
{
    uint16_t versions[4];

    return shim_versions(flags, versions) > 0 ? SHIM_GOOD : shim_missing("no version at all");
}

/* One flag with its value, if it takes one, for each set that is meant. */
static enum shim_exit read_flag(struct shim_flags flags[SHIM_SETS], char **argv, int left, int *used)
{
    unsigned sets = FOR_ALL;
    const char *name = argv[0][0] == '-' ? without_prefix(argv[0] + 1, &sets) : argv[0];
    const struct row *row = row_named(name);

    *used = 1;
    if (row == NULL) {
        return shim_missing(argv[0]);
    }
    if (takes_value(row->kind)) {
        *used = 2;
        if (left < 2) {
            return shim_missing("a flag without its value");
        }
    }
    for (size_t i = 0; i < SHIM_SETS; i++) {
        if ((sets & 1U << i) == 0) {
            continue;
        }
        if (!store(&flags[i], row, *used == 2 ? argv[1] : NULL)) {
            return shim_missing("a list as long as this");
        }
        flags[i].expects_credential |= strcmp(name, "expect-selected-credential") == 0;
    }
    return SHIM_GOOD;
}

enum shim_exit shim_flags_read(struct shim_flags flags[SHIM_SETS], int argc, char **argv)
{
    enum shim_exit outcome = SHIM_GOOD;
    int used;

    for (size_t i = 0; i < SHIM_SETS; i++) {
        flags[i] = (struct shim_flags){
            .initial_write = "hello",
            .initial_write_count = 1,
            .read_size = 512,
            .max_version = KT_TLS_1_3,
            .expect_alpn = "",
            .expect_credential = -1,
            .export_label = "",
            .export_context = "",
        };
    }
    for (int i = 1; outcome == SHIM_GOOD && i < argc; i += used) {
        outcome = read_flag(flags, argv + i, argc - i, &used);
    }
    if (outcome == SHIM_GOOD) {
        outcome = check(&flags[SHIM_INITIAL]);
    }
    if (outcome == SHIM_GOOD && flags[SHIM_INITIAL].resume_count > 0) {
        outcome = check(&flags[SHIM_RESUMING]);
    }
    return outcome;
}
