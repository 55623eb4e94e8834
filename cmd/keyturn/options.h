/*
 * options.h - the options that connect and serve share: one table for parsing and help, one struct for the
 * result, and the way from there to a configuration. options.c parses by the table in options_common.c, whose values
 * options_value.c reads; options_apply.c and options_credential.c make of them what connections need.
 *
 * A command describes its own options by a table like the common one and calls, in this order,
 * kt_options_parse, kt_options_open, kt_options_builder (adds to the builder what is its own),
 * kt_options_build, kt_options_close. To read certificates again it calls kt_options_builder and
 * kt_options_build again.
 */
#ifndef KT_OPTIONS_H
#define KT_OPTIONS_H

#include <keyturn/keyturn.h>

#include "trace.h"

enum kt_exit {
    KT_EXIT_OK = 0,        /* done and closed cleanly */
    KT_EXIT_USAGE = 1,     /* the command line is wrong */
    KT_EXIT_CONNECT = 2,   /* cannot resolve, connect or listen */
    KT_EXIT_REFUSED = 3,   /* the peer was not verified, or refused our certificate */
    KT_EXIT_PROTOCOL = 4,  /* protocol or handshake failure */
    KT_EXIT_TRUNCATED = 5, /* the transport ended without close_notify */
    KT_EXIT_FILES = 6,     /* files, keys or configuration */
    KT_EXIT_CELL = 7,      /* tour: a cell failed */
    KT_EXIT_NONE = -1,     /* go on */
};

/* In place of a file: the response is asked for. A file of that name is "./fetch". */
#define KT_OPTION_FETCH "fetch"

enum {
    KT_OPTION_LIST = 64,
    KT_OPTION_CREDENTIALS = 32,
    KT_OPTION_ALPN = 16,
    KT_OPTION_CRLS = 16,
};

/* Bits of rekey_given. */
enum {
    KT_OPTION_REKEY_RECORDS = 1,
    KT_OPTION_REKEY_BYTES = 2,
    KT_OPTION_REKEY_SECONDS = 4,
    KT_OPTION_REKEY_GAP = 8,
};

/* Identifiers in order of preference; n 0: not given. */
struct kt_option_ids {
    uint16_t ids[KT_OPTION_LIST];
    size_t n;
};

/* One --cert/--key or --pkcs12, with the --password-file and --ocsp that follow it. */
struct kt_option_credential {
    const char *cert;
    const char *key; /* NULL: in the same file as cert */
    const char *pkcs12;
    const char *password_file;
    const char *ocsp; /* of serve: a response to staple, DER, or KT_OPTION_FETCH */
    const char *sct;  /* of serve: timestamps */
};

/* Strings point into argv. */
struct kt_options {
    const char *command; /* "connect" */
    struct kt_option_ids suites, groups, schemes;
    uint16_t min_version, max_version; /* 0: not given */
    struct kt_span alpn[KT_OPTION_ALPN];
    size_t alpn_count;
    const char *policy_name;      /* of the library, or a file; NULL: the default */
    struct kt_user_policy policy; /* from kt_options_open */
    struct kt_lifetime lifetime;  /* from kt_options_open that of the policy, but for what was given */
    unsigned rekey_given;         /* bits: which of its limits */
    size_t padding;
    size_t record_limit; /* 0: not given */
    int key_shares;      /* -1: not given */
    struct kt_option_credential credentials[KT_OPTION_CREDENTIALS];
    size_t credential_count;
    const char *crls[KT_OPTION_CRLS]; /* files and folders */
    size_t crl_count;
    bool crl_hard;
    bool ocsp_local;      /* responders may be on this host and at any port */
    const char *psk_path; /* external keys; NULL: none */
    enum kt_psk_hash psk_hash;
    bool psk_ke;             /* also without a fresh key exchange */
    const char *psk_context; /* they are imported with it; NULL: not imported */
    const char *keylog_path;
    enum kt_trace_form trace_form;
    bool quiet;

    /* From kt_options_open. Builders and credentials are made with `env`, whose observer draws the trace and
     * writes the key log; a command with an observer of its own sets env.observer and env.user to that, and
     * calls kt_options_observe from it. */
    struct kt_env env;
    struct kt_keylog *keylog;
    struct kt_trace *trace;
};

/* One option. The table ends with a NULL name. */
struct kt_option {
    const char *name;  /* without the dashes */
    const char *value; /* what stands for its value in the help; NULL: takes none; "[=X]": optional */
    const char *help;
    /* Takes the value (NULL when there is none) into `target`; returns NULL, or what is wrong with it. */
    const char *(*set)(void *target, const char *value);
};

/* A command: its options and the texts around them in its help. */
struct kt_option_command {
    const char *name;    /* "connect" */
    const char *usage;   /* "HOST:PORT" */
    const char *summary; /* one sentence */
    const struct kt_option *own;
    void *target; /* for `set` of `own` */
};

/*
 * Parses argv (argv[0] is the command's name) into `options`, which is reset, and into the command's target.
 * KT_EXIT_NONE: go on, argv[*first] is the first operand (operands may stand between options). Otherwise help
 * or a message was printed and the command returns what this returned.
 */
enum kt_exit kt_options_parse(struct kt_options *options, const struct kt_option_command *command, int argc,
                              char **argv, int *first);

/* Reads the policy, opens trace and key log and fills env. KT_EXIT_NONE, or the message was printed. close accepts what
 * open left. */
enum kt_exit kt_options_open(struct kt_options *options);
void kt_options_close(struct kt_options *options);

/*
 * A policy of the library by its name, or a user policy by that of its file, for `policy`. KT_EXIT_NONE, or the message
 * was printed.
 */
enum kt_exit kt_options_policy(const char *name, struct kt_user_policy *policy);

/* How to verify a peer as the policy demands. */
struct kt_verify kt_options_verify(const struct kt_options *options);

/* The observer of `env`; user is the kt_options. */
void kt_options_observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice);

/*
 * A builder with all that the common options say, the credentials read from their files. KT_EXIT_NONE, or the
 * message was printed and *out is untouched.
 */
enum kt_exit kt_options_builder(const struct kt_options *options, enum kt_role role, struct kt_builder **out);

/* The same without certificates; and one of those, by its index in the options. */
enum kt_exit kt_options_bare_builder(const struct kt_options *options, enum kt_role role, struct kt_builder **out);
enum kt_exit kt_options_credential(const struct kt_options *options, size_t index, struct kt_credential **out);

/* Adds the revocation lists that the options name. KT_EXIT_NONE, or the message was printed. */
enum kt_exit kt_options_crls(const struct kt_options *options, struct kt_trust *trust);

/* Builds and frees the builder, whatever comes of it. KT_EXIT_NONE, or the message named the field. */
enum kt_exit kt_options_build(struct kt_builder *builder, struct kt_config **out);

/* For `set` functions: OCSP response and timestamps of the credential named last. NULL, or what is wrong. */
const char *kt_options_ocsp(struct kt_options *options, const char *path);
const char *kt_options_sct(struct kt_options *options, const char *path);

/* For `set` functions. False when the text is not a decimal number from 0 to max. */
bool kt_options_number(const char *text, uint64_t max, uint64_t *out);

/*
 * "HOST:PORT", "[V6]:PORT" or ":PORT" taken apart; false when it is none of them or does not fit. Without
 * brackets there may be only one colon. A name's trailing dot is taken off.
 */
bool kt_options_address(const char *text, char host[256], char port[32]);

#endif
