/*
 * shim_flags.h - what the runner asks for on the command line (the table is in shim_flags.c).
 */
#ifndef SHIM_FLAGS_H
#define SHIM_FLAGS_H

#include <keyturn/keyturn.h>

#define SHIM_LIST_MAX        64
#define SHIM_CREDENTIALS_MAX 8

/* The exit codes that the runner understands. */
enum shim_exit {
    SHIM_GOOD = 0,
    SHIM_FAILURE = 1,
    SHIM_UNIMPLEMENTED = 89,
    SHIM_BROKEN = 90, /* an invariant of shim or library: fails also where a failure is expected */
};

struct shim_ids {
    uint16_t ids[SHIM_LIST_MAX];
    size_t count;
};

struct shim_credential_flags {
    const char *cert_file;
    const char *key_file;
    struct shim_ids signing_prefs;
    struct kt_span ocsp_response, scts;
    bool must_match_issuer; /* only for a peer that names who issued it */
};

struct shim_flags {
    /* transport and sequence */
    uint64_t port, shim_id;
    bool ipv6, server, async, implicit_handshake, handshake_never_done, handshaker_question;
    uint64_t resume_count, resumption_delay; /* connections after the first; seconds that pass after each */

    /* application data and shutdown */
    bool writes_first, unfinished_write, peek, different_sizes, shuts_down, check_close_notify;
    const char *initial_write;
    uint64_t initial_write_count, read_size;

    /* versions */
    uint64_t min_version, max_version, expect_version;
    const char *older; /* the last flag about renegotiation, which there is only below TLS 1.3, or NULL */
    bool no_tls10, no_tls11, no_tls12, no_tls13;

    /* sessions */
    bool no_ticket, skip_ticket, ask_resume, expect_session_miss, expect_no_session;
    bool expect_session_id, expect_no_session_id;
    bool expect_ticket_renewal, expect_peer_sha256;

    /* credentials; [0] is the default one, others follow -new-x509-credential */
    struct shim_credential_flags credentials[SHIM_CREDENTIALS_MAX];
    size_t credential_count;
    bool expects_credential;
    int64_t expect_credential;

    /* authentication */
    bool verify_peer, require_certificate, custom_verify, verify_fail, fail_cert_callback, old_cert_callback;
    bool early_callback, fail_early_callback, ddos_callback, fail_ddos_callback;
    bool expect_no_peer_cert;
    const char *expect_peer_cert_file, *client_ca_list, *expect_client_ca_list;
    uint64_t max_cert_list;

    /* algorithms */
    const char *ciphers;
    bool fips_202205, wpa_202304; /* the runner's names of two rules about which algorithms may be used */
    struct shim_ids curves, key_shares, verify_prefs, expect_verify_prefs;
    bool no_key_shares, expect_hrr, expect_no_hrr;
    uint64_t expect_curve, expect_cipher, expect_peer_scheme;

    /* extensions */
    const char *host_name, *expect_server_name;
    bool expect_no_server_name;
    const char *advertise_alpn, *expect_alpn, *select_alpn, *expect_advertised_alpn;
    bool decline_alpn, reject_alpn, grease, permute, ocsp;
    struct kt_span expect_ocsp_response, expect_scts;
    bool ask_scts;
    bool ocsp_callback, set_ocsp_in_callback, decline_ocsp, fail_ocsp;

    /* after the handshake */
    bool key_update, key_update_before_read;
    uint64_t renegotiations;
    uint64_t export_len;
    const char *export_label, *export_context;
    bool use_export_context;
    bool export_traffic_secrets, export_between_reads, tls_unique;
    bool no_legacy_server, expect_renegotiation_info, expect_no_renegotiation_info, expect_extended_secret;
    const char *expect_messages;
};

/* One set of flags is for the first connection of a run, the other for all that resume. */
enum { SHIM_INITIAL, SHIM_RESUMING, SHIM_SETS };

/* SHIM_GOOD, or what shim_missing says. */
enum shim_exit shim_flags_read(struct shim_flags flags[SHIM_SETS], int argc, char **argv);

/*
 * The versions that the flags leave, most preferred first: how many.
 */
size_t shim_versions(const struct shim_flags *flags, uint16_t out[4]);

/* What we do not have: says so on stdout, and in the file that KEYTURN_SHIM_MISSING names. SHIM_UNIMPLEMENTED. */
enum shim_exit shim_missing(const char *what);

#endif
