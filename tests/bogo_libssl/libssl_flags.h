/*
 * libssl_flags.h - what the runner asks for on the command line (the table is in libssl_flags.c).
 */
#ifndef LIBSSL_FLAGS_H
#define LIBSSL_FLAGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LIST_MAX       64
#define CREDENTIAL_MAX 8

/* The exit codes that the runner understands. */
enum outcome {
    GOOD = 0,
    FAILURE = 1,
    UNIMPLEMENTED = 89,
    BROKEN = 90, /* an invariant of shim or library: fails also where a failure is expected */
};

struct ids {
    int ids[LIST_MAX];
    size_t count;
};

struct bytes {
    uint8_t *p;
    size_t len;
};

struct credential_flags {
    const char *cert_file, *key_file;
    struct ids signing_prefs;
    struct bytes ocsp_response, scts;
    bool must_match_issuer; /* only for a peer that names who issued it */
};

struct flags {
    /* transport and sequence */
    int port;
    const char *shim_id;
    bool ipv6, server, dtls, async, implicit_handshake, handshake_never_done, handshaker_question;
    bool handshake_twice, no_op_extra_handshake;
    int resume_count, resumption_delay; /* connections after the first; seconds that pass after each */
    int mtu, first_timeout_ms;

    /* application data and shutdown */
    bool writes_first, unfinished_write, peek, different_sizes, shuts_down, check_close_notify, partial_write;
    const char *initial_write;
    int initial_write_count, read_size, max_send_fragment;

    /* versions */
    int min_version, max_version, expect_version;
    bool no_tls10, no_tls11, no_tls12, no_tls13, fallback_scsv;

    /* credentials; [0] is the default one, others follow -new-x509-credential */
    struct credential_flags credentials[CREDENTIAL_MAX];
    size_t credential_count;
    bool expects_credential;
    int expect_credential;

    /* authentication */
    bool verify_peer, require_certificate, custom_verify, verify_fail, expect_verify_result;
    bool fail_cert_callback, old_cert_callback, early_callback, fail_early_callback;
    bool ddos_callback, fail_ddos_callback, expect_no_peer_cert;
    const char *expect_peer_cert_file, *client_ca_list, *expect_client_ca_list;
    struct bytes expect_certificate_types;
    int max_cert_list;

    /* algorithms */
    const char *ciphers;
    bool server_preference;
    struct ids curves, key_shares, verify_prefs, expect_verify_prefs;
    bool expect_hrr, expect_no_hrr;
    int expect_curve, expect_cipher, expect_peer_scheme;

    /* sessions */
    bool no_ticket, expect_session_miss, expect_no_session, expect_session_id, expect_no_session_id;
    bool expect_ticket_renewal, ticket_callback, renew_ticket, skip_ticket;

    /* early data */
    bool early_data, expect_early_ticket, expect_early_accept, expect_early_reject, expect_no_early_offer;

    /* renegotiation */
    bool renegotiate, expect_secure_renegotiation, expect_no_secure_renegotiation, no_legacy_connect;
    int renegotiations;

    /* extensions */
    const char *host_name, *expect_server_name;
    bool expect_no_server_name, no_server_name_ack;
    const char *advertise_alpn, *expect_alpn, *select_alpn, *expect_advertised_alpn;
    bool decline_alpn, reject_alpn, select_empty_alpn;
    const char *advertise_npn, *select_npn, *expect_npn;
    bool advertise_empty_npn, select_empty_npn, expect_no_npn;
    bool ocsp, ocsp_callback, set_ocsp_in_callback, decline_ocsp, fail_ocsp;
    struct bytes expect_ocsp_response, expect_scts;
    bool ask_scts;
    const char *srtp_profiles;
    const char *psk, *psk_identity;
    bool expect_ems;

    /* after the handshake */
    bool key_update, key_update_before_read;
    int export_len;
    const char *export_label, *export_context;
    bool use_export_context, export_traffic_secrets, export_between_reads, tls_unique;
    const char *expect_messages;
};

/* One set of flags for the first connection of a run, one for all that resume, one for after refused early data. */
enum { INITIAL, RESUMING, RETRY, SETS };

/* GOOD, or what missing() says. */
enum outcome flags_read(struct flags flags[SETS], int argc, char **argv);

/* What the public interface cannot express: says so on stdout, and in the file that KEYTURN_SHIM_MISSING names. */
enum outcome missing(const char *what);

#endif
