#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "psk_file.h"
#include "report.h"

enum {
    OPTION_COUNT = 64,  /* common and own ones together */
    OPTION_FIRST = 256, /* `val` of the first one for getopt: above all characters */
    OPTION_ITEM = 64,   /* longest name in a list */
    PASSWORD_MAX = 1024,
};

enum { PEER_REHANDSHAKES_MAX = 65535 };

/* Bits of rekey_given. */
enum {
    GIVEN_RECORDS = 1,
    GIVEN_BYTES = 2,
    GIVEN_SECONDS = 4,
    GIVEN_GAP = 8,
};

/* What is wrong with a value, with the part of it that is. Options are parsed by one thread, once. */
__attribute__((format(printf, 1, 2))) static const char *complaint(const char *format, ...)
{
    static char text[160];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return text;
}

bool kt_options_number(const char *text, uint64_t max, uint64_t *out)
{
    uint64_t value = 0;

    if (*text == '\0') {
        return false;
    }
    for (; *text != '\0'; text++) {
        uint64_t digit = (uint64_t)(unsigned char)*text - '0';

        if (digit > 9 || digit > max || value > (max - digit) / 10) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static const char *set_number(const char *text, uint64_t max, uint64_t *out)
{
    if (kt_options_number(text, max, out)) {
        return NULL;
    }
    return complaint("\"%.40s\" is not a number from 0 to %llu", text, (unsigned long long)max);
}

static const char *set_u32(const char *text, uint32_t max, uint32_t *out)
{
    uint64_t value = 0;
    const char *wrong = set_number(text, max, &value);

    if (wrong == NULL) {
        *out = (uint32_t)value;
    }
    return wrong;
}

/* Lists */

/* Takes the next item of a comma separated list; false at its end. */
static bool next_item(const char **list, struct kt_span *item)
{
    const char *at = *list;
    size_t len;

    if (at == NULL) {
        return false;
    }
    len = strcspn(at, ",");
    *item = (struct kt_span){(const uint8_t *)at, len};
    *list = at[len] == ',' ? at + len + 1 : NULL;
    return true;
}

/* What a kind of names is called, and what they stand for. */
struct names {
    const char *what;
    uint16_t (*named)(const char *name);
    const char *(*refusal)(const char *name);
};

static const char *set_id(struct kt_span item, const struct names *names, uint16_t *out)
{
    int len = (int)(item.len < OPTION_ITEM - 4 ? item.len : OPTION_ITEM - 4);
    char name[OPTION_ITEM] = "";
    const char *reason;

    if (item.len < sizeof name) {
        memcpy(name, item.p, item.len);
    }
    *out = names->named(name);
    if (*out != 0) {
        return NULL;
    }
    reason = names->refusal(name);
    if (reason != NULL) {
        return complaint("%s \"%.*s\": %s", names->what, len, (const char *)item.p, reason);
    }
    return complaint("no %s is called \"%.*s\"", names->what, len, (const char *)item.p);
}

static const char *set_ids(const char *list, const struct names *names, struct kt_option_ids *out)
{
    struct kt_span item;

    out->n = 0;
    while (next_item(&list, &item)) {
        uint16_t id;
        const char *wrong = set_id(item, names, &id);

        if (wrong != NULL) {
            return wrong;
        }
        if (out->n == KT_OPTION_LIST) {
            return complaint("more than %d names", KT_OPTION_LIST);
        }
        out->ids[out->n++] = id;
    }
    return NULL;
}

static const char *set_suites(void *target, const char *value)
{
    static const struct names suites = {"cipher suite", kt_suite_named, kt_suite_refusal};

    return set_ids(value, &suites, &((struct kt_options *)target)->suites);
}

static const char *set_groups(void *target, const char *value)
{
    static const struct names groups = {"group", kt_group_named, kt_group_refusal};

    return set_ids(value, &groups, &((struct kt_options *)target)->groups);
}

static const char *set_schemes(void *target, const char *value)
{
    static const struct names schemes = {"signature scheme", kt_scheme_named, kt_scheme_refusal};

    return set_ids(value, &schemes, &((struct kt_options *)target)->schemes);
}

static const struct names versions = {"version", kt_version_named, kt_version_refusal};

static struct kt_span word(const char *text)
{
    return (struct kt_span){(const uint8_t *)text, strlen(text)};
}

static const char *set_min_version(void *target, const char *value)
{
    return set_id(word(value), &versions, &((struct kt_options *)target)->min_version);
}

static const char *set_max_version(void *target, const char *value)
{
    return set_id(word(value), &versions, &((struct kt_options *)target)->max_version);
}

static const char *set_alpn(void *target, const char *value)
{
    struct kt_options *o = target;
    struct kt_span item;

    o->alpn_count = 0;
    while (next_item(&value, &item)) {
        if (item.len == 0 || item.len > 255) {
            return "a protocol name has 1 to 255 characters";
        }
        if (o->alpn_count == KT_OPTION_ALPN) {
            return complaint("more than %d protocols", KT_OPTION_ALPN);
        }
        o->alpn[o->alpn_count++] = item;
    }
    return NULL;
}

/* Key lifetimes: one limit for both directions */

static const char *set_peer_rehandshake(void *target, const char *value)
{
    struct kt_options *o = target;

    if (strcmp(value, "refuse") == 0) {
        o->peer_rehandshakes = 0;
        return NULL;
    }
    if (strcmp(value, "allow") == 0) {
        o->peer_rehandshakes = PEER_REHANDSHAKES_MAX;
        return NULL;
    }
    return kt_options_number(value, PEER_REHANDSHAKES_MAX, &o->peer_rehandshakes) && o->peer_rehandshakes > 0
               ? NULL
               : "is not refuse, allow or a number from 1 to 65535";
}

static const char *set_rekey_records(void *target, const char *value)
{
    struct kt_lifetime *l = &((struct kt_options *)target)->lifetime;
    const char *wrong = set_number(value, UINT64_MAX, &l->sending.max_records);

    l->receiving.max_records = l->sending.max_records;
    ((struct kt_options *)target)->rekey_given |= GIVEN_RECORDS;
    return wrong;
}

static const char *set_rekey_bytes(void *target, const char *value)
{
    struct kt_lifetime *l = &((struct kt_options *)target)->lifetime;
    const char *wrong = set_number(value, UINT64_MAX, &l->sending.max_bytes);

    l->receiving.max_bytes = l->sending.max_bytes;
    ((struct kt_options *)target)->rekey_given |= GIVEN_BYTES;
    return wrong;
}

static const char *set_rekey_seconds(void *target, const char *value)
{
    struct kt_lifetime *l = &((struct kt_options *)target)->lifetime;
    const char *wrong = set_u32(value, UINT32_MAX, &l->sending.max_seconds);

    l->receiving.max_seconds = l->sending.max_seconds;
    ((struct kt_options *)target)->rekey_given |= GIVEN_SECONDS;
    return wrong;
}

static const char *set_rekey_gap(void *target, const char *value)
{
    ((struct kt_options *)target)->rekey_given |= GIVEN_GAP;
    return set_u32(value, UINT32_MAX, &((struct kt_options *)target)->lifetime.min_gap_ms);
}

/* Credentials: --cert and --pkcs12 begin one, --key and --password-file belong to the one before them */

static const char *new_credential(struct kt_options *o, struct kt_option_credential credential)
{
    if (o->credential_count == KT_OPTION_CREDENTIALS) {
        return complaint("more than %d certificates", KT_OPTION_CREDENTIALS);
    }
    o->credentials[o->credential_count++] = credential;
    return NULL;
}

static const char *set_cert(void *target, const char *value)
{
    return new_credential(target, (struct kt_option_credential){.cert = value});
}

static const char *set_pkcs12(void *target, const char *value)
{
    return new_credential(target, (struct kt_option_credential){.pkcs12 = value});
}

static const char *set_key(void *target, const char *value)
{
    struct kt_options *o = target;
    struct kt_option_credential *last = o->credential_count > 0 ? &o->credentials[o->credential_count - 1] : NULL;

    if (last == NULL || last->cert == NULL || last->key != NULL) {
        return "the --cert it belongs to must stand before it";
    }
    last->key = value;
    return NULL;
}

static const char *set_password_file(void *target, const char *value)
{
    struct kt_options *o = target;

    if (o->credential_count == 0) {
        return "the --cert or --pkcs12 it belongs to must stand before it";
    }
    o->credentials[o->credential_count - 1].password_file = value;
    return NULL;
}

const char *kt_options_ocsp(struct kt_options *options, const char *path)
{
    if (options->credential_count == 0) {
        return "the --cert or --pkcs12 it belongs to must stand before it";
    }
    options->credentials[options->credential_count - 1].ocsp = path;
    return NULL;
}

const char *kt_options_sct(struct kt_options *options, const char *path)
{
    if (options->credential_count == 0) {
        return "the --cert or --pkcs12 it belongs to must stand before it";
    }
    options->credentials[options->credential_count - 1].sct = path;
    return NULL;
}

/* Revocation */

static const char *set_crl(void *target, const char *value)
{
    struct kt_options *o = target;

    if (o->crl_count == KT_OPTION_CRLS) {
        return complaint("more than %d files and folders", KT_OPTION_CRLS);
    }
    o->crls[o->crl_count++] = value;
    return NULL;
}

static const char *set_crl_check(void *target, const char *value)
{
    ((struct kt_options *)target)->crl_hard = strcmp(value, "hard") == 0;
    return strcmp(value, "hard") == 0 || strcmp(value, "soft") == 0 ? NULL : "it is soft or hard";
}

static const char *set_ocsp_local(void *target, const char *value)
{
    (void)value;
    ((struct kt_options *)target)->ocsp_local = true;
    return NULL;
}

/* The rest */

static const char *set_policy(void *target, const char *value)
{
    ((struct kt_options *)target)->policy_name = value;
    return NULL;
}

static const char *set_keylog(void *target, const char *value)
{
    ((struct kt_options *)target)->keylog_path = value;
    return NULL;
}

static const char *set_padding(void *target, const char *value)
{
    uint64_t padding = 0;
    const char *wrong = set_number(value, 16384, &padding);

    ((struct kt_options *)target)->padding = (size_t)padding;
    return wrong;
}

static const char *set_record_limit(void *target, const char *value)
{
    uint64_t limit = 0;

    if (!kt_options_number(value, 16384, &limit) || limit < 64) {
        return complaint("\"%.40s\" is not a number from 64 to 16384", value);
    }
    ((struct kt_options *)target)->record_limit = (size_t)limit;
    return NULL;
}

static const char *set_key_shares(void *target, const char *value)
{
    uint32_t count = 0;
    const char *wrong = set_u32(value, 4, &count);

    ((struct kt_options *)target)->key_shares = (int)count;
    return wrong;
}

static const char *set_psk(void *target, const char *value)
{
    ((struct kt_options *)target)->psk_path = value;
    return NULL;
}

static const char *set_psk_hash(void *target, const char *value)
{
    ((struct kt_options *)target)->psk_hash = strcmp(value, "sha384") == 0 ? KT_PSK_SHA384 : KT_PSK_SHA256;
    return strcmp(value, "sha384") == 0 || strcmp(value, "sha256") == 0 ? NULL : "it is sha256 or sha384";
}

static const char *set_psk_import(void *target, const char *value)
{
    ((struct kt_options *)target)->psk_context = value;
    return NULL;
}

static const char *set_psk_ke(void *target, const char *value)
{
    (void)value;
    ((struct kt_options *)target)->psk_ke = true;
    return NULL;
}

static const char *set_trace(void *target, const char *value)
{
    static const struct {
        const char *name;
        enum kt_trace_form form;
    } forms[] = {{"text", KT_TRACE_TEXT}, {"json", KT_TRACE_JSON}, {"color", KT_TRACE_COLOR}};
    struct kt_options *o = target;

    o->trace_form = KT_TRACE_AUTO;
    if (value == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
        if (strcmp(forms[i].name, value) == 0) {
            o->trace_form = forms[i].form;
            return NULL;
        }
    }
    return "it is text, json or color";
}

static const char *set_quiet(void *target, const char *value)
{
    (void)value;
    ((struct kt_options *)target)->quiet = true;
    return NULL;
}

static const struct kt_option common[] = {
    {"cert", "FILE", "certificate chain in PEM, own certificate first", set_cert},
    {"key", "FILE", "its private key in PEM; default: in the file of --cert", set_key},
    {"pkcs12", "FILE", "certificate and key in PKCS#12", set_pkcs12},
    {"password-file", "FILE", "the first line is the password of the key before it", set_password_file},
    {"crl", "FILE|DIR", "revocation lists, PEM or DER, or a folder of them; may be repeated", set_crl},
    {"crl-check", "soft|hard", "hard: each certificate of a chain must be covered by a list; default soft",
     set_crl_check},
    {"ocsp-local", NULL, "ask responders on this host and at any port, too", set_ocsp_local},
    {"psk", "FILE", "external pre-shared keys: lines of IDENTITY:HEXKEY, in a file of one's own", set_psk},
    {"psk-hash", "sha256|sha384", "the hash that these keys are for; default sha256", set_psk_hash},
    {"psk-import", "CONTEXT", "import these keys (RFC 9258), bound to CONTEXT", set_psk_import},
    {"danger-psk-ke", NULL, "DANGER: these keys also without a fresh key exchange", set_psk_ke},
    {"alpn", "LIST", "application protocols, most preferred first, as in h2,http/1.1", set_alpn},
    {"policy", "NAME|FILE", "what is allowed, as modern, 2026-modern or a file; the options override it", set_policy},
    {"min-version", "VERSION", "refuse older versions than this, as in TLSv1.2", set_min_version},
    {"max-version", "VERSION", "speak no newer version than this", set_max_version},
    {"groups", "LIST", "key exchange groups, as in x25519,P-256", set_groups},
    {"suites", "LIST", "cipher suites, as in TLS_AES_128_GCM_SHA256", set_suites},
    {"schemes", "LIST", "signature schemes, as in ed25519,rsa_pss_rsae_sha256", set_schemes},
    {"key-shares", "N", "groups a client sends key shares for, 0 to 4; default 1", set_key_shares},
    {"rekey-records", "N", "change a key after this many records", set_rekey_records},
    {"rekey-bytes", "N", "... bytes", set_rekey_bytes},
    {"rekey-seconds", "N", "... seconds", set_rekey_seconds},
    {"rekey-gap-ms", "N", "least time between two changes we start; default 1000", set_rekey_gap},
    {"peer-rehandshake", "refuse|allow|N", "TLS 1.2: the peer may begin none (default), or N, further handshakes",
     set_peer_rehandshake},
    {"padding", "N", "pad records to a multiple of N bytes", set_padding},
    {"record-limit", "N", "take records of at most N bytes, 64 to 16384, from the peer", set_record_limit},
    {"keylog", "FILE", "DANGER: append the secrets of all connections to FILE", set_keylog},
    {"trace", "[=FORM]", "draw what happens on stderr: text, json or color", set_trace},
    {"quiet", NULL, "no lines on stderr but errors", set_quiet},
    {NULL, NULL, NULL, NULL},
};

/* Parsing */

/* Common and own options in one list, as getopt wants them. */
struct known {
    struct option list[OPTION_COUNT + 2]; /* and help, and the end */
    const struct kt_option *options[OPTION_COUNT];
    void *targets[OPTION_COUNT];
    int count;
};

static void add_known(struct known *known, const struct kt_option *options, void *target)
{
    for (; options != NULL && options->name != NULL && known->count < OPTION_COUNT; options++) {
        int arguments = options->value == NULL     ? no_argument
                        : options->value[0] == '[' ? optional_argument
                                                   : required_argument;

        known->list[known->count] = (struct option){options->name, arguments, NULL, OPTION_FIRST + known->count};
        known->options[known->count] = options;
        known->targets[known->count] = target;
        known->count++;
    }
}

static void print_options(const struct kt_option *options)
{
    for (; options != NULL && options->name != NULL; options++) {
        char left[40];

        (void)snprintf(left, sizeof left, "--%s%s%s", options->name,
                       options->value == NULL || options->value[0] == '[' ? "" : " ",
                       options->value == NULL ? "" : options->value);
        printf("  %-24s %s\n", left, options->help);
    }
}

static enum kt_exit print_help(const struct kt_option_command *command)
{
    printf("usage: keyturn %s [OPTION...] %s\n\n%s\n\n", command->name, command->usage, command->summary);
    print_options(command->own);
    printf("\nCommon options:\n");
    print_options(common);
    printf("  %-24s %s\n", "--help", "this text");
    return fflush(stdout) == 0 ? KT_EXIT_OK : KT_EXIT_FILES;
}

/* One result of getopt_long. */
static enum kt_exit take_option(const struct known *known, const struct kt_option_command *command, int value,
                                const char *argument, const char *word)
{
    int index = value - OPTION_FIRST;
    const char *wrong;

    if (value == 'h') {
        return print_help(command);
    }
    if (value == ':') {
        return kt_report_usage(command->name, "option %s needs a value", word);
    }
    if (index < 0 || index >= known->count) {
        return kt_report_usage(command->name, "option %s is unknown, ambiguous or takes no value", word);
    }
    wrong = known->options[index]->set(known->targets[index], argument);
    if (wrong != NULL) {
        return kt_report_usage(command->name, "option --%s: %s", known->options[index]->name, wrong);
    }
    return KT_EXIT_NONE;
}

enum kt_exit kt_options_parse(struct kt_options *options, const struct kt_option_command *command, int argc,
                              char **argv, int *first)
{
    struct known known = {.count = 0};
    enum kt_exit done = KT_EXIT_NONE;

    *options = (struct kt_options){
        .command = command->name, .lifetime = kt_lifetime_default(), .key_shares = -1, .psk_hash = KT_PSK_SHA256};
    add_known(&known, common, options);
    add_known(&known, command->own, command->target);
    known.list[known.count] = (struct option){"help", no_argument, NULL, 'h'};

    opterr = 0;
    optind = 0; /* GNU: begin anew */
    while (done == KT_EXIT_NONE) {
        int at = optind > 0 ? optind : 1;
        int value = getopt_long(argc, argv, ":", known.list, NULL);

        if (value == -1) {
            break;
        }
        /* The word in question stands before optind; where getopt reorders operands, `at` may point to one of
         * them. */
        done = take_option(&known, command, value, optarg, argv[optind > at ? optind - 1 : at]);
    }
    *first = optind;
    return done;
}

/* A name of a service, or a number that fits: getaddrinfo takes numbers modulo 65536. */
static bool is_port(const char *text)
{
    uint64_t number;

    return text[strspn(text, "0123456789")] != '\0' || kt_options_number(text, UINT16_MAX, &number);
}

bool kt_options_address(const char *text, char host[256], char port[32])
{
    const char *colon = strrchr(text, ':');
    const char *from = text;
    size_t len;

    if (colon == NULL || !is_port(colon + 1) || strlen(colon + 1) >= 32) {
        return false;
    }
    len = (size_t)(colon - text);
    if (text[0] == '[') {
        if (len < 3 || colon[-1] != ']') {
            return false;
        }
        from = text + 1;
        len -= 2;
    } else if (memchr(text, ':', len) != NULL) {
        return false;
    } else if (len > 1 && colon[-1] == '.') {
        len--;
    }
    if (len >= 256) {
        return false;
    }
    memcpy(host, from, len);
    host[len] = '\0';
    memcpy(port, colon + 1, strlen(colon + 1) + 1);
    return true;
}

/* What the options become */

void kt_options_observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct kt_options *o = user;

    kt_keylog_line(o->keylog, notice);
    if (o->trace != NULL) {
        kt_trace_notice(o->trace, conn, notice);
    }
}

enum kt_exit kt_options_policy(const char *name, struct kt_user_policy *policy)
{
    const struct kt_policy *ours = kt_policy_named(name);
    struct kt_policy_error error;
    const struct kt_fault *fault;

    if (ours != NULL) {
        *policy = kt_policy_user(ours);
        return KT_EXIT_NONE;
    }
    errno = 0;
    fault = kt_policy_file(name, policy, &error);
    if (fault == NULL) {
        return KT_EXIT_NONE;
    }
    if (error.line == 0) {
        return kt_report_fault("", name, fault, NULL, errno);
    }
    kt_report_line("", "error: %s:%u: \"%s\": %s (reason=%s alert=-)", name, error.line, error.word, error.problem,
                   kt_reason_name((enum kt_reason)fault->reason));
    kt_report_line("", "hint: %s", kt_explain_hint(fault, NULL));
    return kt_report_exit(fault, -1);
}

/* The policy's lifetime, but for what the options said. */
static void merge_lifetime(struct kt_options *o)
{
    struct kt_lifetime l = o->policy.lifetime;

    if ((o->rekey_given & GIVEN_RECORDS) != 0) {
        l.sending.max_records = l.receiving.max_records = o->lifetime.sending.max_records;
    }
    if ((o->rekey_given & GIVEN_BYTES) != 0) {
        l.sending.max_bytes = l.receiving.max_bytes = o->lifetime.sending.max_bytes;
    }
    if ((o->rekey_given & GIVEN_SECONDS) != 0) {
        l.sending.max_seconds = l.receiving.max_seconds = o->lifetime.sending.max_seconds;
    }
    if ((o->rekey_given & GIVEN_GAP) != 0) {
        l.min_gap_ms = o->lifetime.min_gap_ms;
    }
    o->lifetime = l;
}

struct kt_verify kt_options_verify(const struct kt_options *options)
{
    struct kt_verify how = kt_verify_default();

    how.min_rsa_bits = options->policy.min_rsa_bits;
    how.min_curve_bits = options->policy.min_curve_bits;
    how.crl = options->crl_hard ? KT_CRL_HARD : KT_CRL_SOFT;
    return how;
}

enum kt_exit kt_options_open(struct kt_options *options)
{
    options->policy = kt_policy_user(NULL);
    if (options->policy_name != NULL) {
        enum kt_exit done = kt_options_policy(options->policy_name, &options->policy);

        if (done != KT_EXIT_NONE) {
            return done;
        }
    }
    merge_lifetime(options);
    options->env = *kt_env_linux();
    options->env.user = options;
    if (options->keylog_path != NULL) {
        const struct kt_fault *fault;

        errno = 0;
        fault = kt_keylog_open(options->keylog_path, &options->keylog);
        if (fault != NULL) {
            return kt_report_fault("", options->keylog_path, fault, NULL, errno);
        }
    }
    if (options->trace_form != KT_TRACE_NONE) {
        options->trace = kt_trace_new(STDERR_FILENO, options->trace_form);
    }
    if (options->trace != NULL || options->keylog != NULL) {
        options->env.observer = kt_options_observe;
    }
    return KT_EXIT_NONE;
}

void kt_options_close(struct kt_options *options)
{
    kt_trace_free(options->trace);
    kt_keylog_close(options->keylog);
    options->trace = NULL;
    options->keylog = NULL;
}

/* The first line of the file, without its end. False when it cannot be read or is too long. */
static bool read_password(const char *path, char password[PASSWORD_MAX])
{
    FILE *file = fopen(path, "re");
    bool good;

    if (file == NULL) {
        return false;
    }
    setvbuf(file, NULL, _IONBF, 0); /* no copy of it in a buffer that nobody wipes */
    good = fgets(password, PASSWORD_MAX, file) != NULL && strlen(password) < PASSWORD_MAX - 1;
    (void)fclose(file);
    password[strcspn(password, "\r\n")] = '\0';
    return good;
}

static const struct kt_fault *load(const struct kt_options *o, const struct kt_option_credential *from,
                                   const char *password, struct kt_credential **out)
{
    const char *key = from->key != NULL ? from->key : from->cert;

    if (from->pkcs12 != NULL) {
        return kt_credential_from_pkcs12(&o->env, from->pkcs12, password, out);
    }
    return kt_credential_from_files(&o->env, from->cert, key, password, out);
}

static bool is_folder(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

enum kt_exit kt_options_crls(const struct kt_options *options, struct kt_trust *trust)
{
    for (size_t i = 0; i < options->crl_count; i++) {
        const char *path = options->crls[i];
        const struct kt_fault *fault =
            is_folder(path) ? kt_trust_add_crl_dir(trust, path) : kt_trust_add_crl_file(trust, path);

        if (fault != NULL) {
            (void)kt_report_fault("", path, fault, NULL, 0);
            return KT_EXIT_FILES;
        }
    }
    return KT_EXIT_NONE;
}

static enum kt_exit add_scts(const struct kt_options *o, const char *path, struct kt_credential **credential)
{
    struct kt_credential *with;
    const struct kt_fault *fault = kt_credential_scts_file(&o->env, *credential, path, &with);

    if (fault != NULL) {
        (void)kt_report_fault("", path, fault, NULL, 0);
        return KT_EXIT_FILES;
    }
    kt_credential_unref(*credential);
    *credential = with;
    return KT_EXIT_NONE;
}

/* A response that no client will take is served all the same, as the owner says so; but not silently. */
static enum kt_exit staple(const struct kt_options *o, const char *path, struct kt_credential **credential)
{
    struct kt_credential *stapled;
    const struct kt_fault *fault = kt_credential_staple_file(&o->env, *credential, path, &stapled);

    if (fault != NULL) {
        (void)kt_report_fault("", path, fault, NULL, 0);
        return KT_EXIT_FILES;
    }
    kt_credential_unref(*credential);
    *credential = stapled;
    fault = kt_credential_staple_check(stapled, 0);
    if (fault != NULL) {
        kt_report_line("", "WARNING: %s: clients will refuse this: %s (reason=%s)", path,
                       kt_reason_text((enum kt_reason)fault->reason), kt_reason_name((enum kt_reason)fault->reason));
    }
    return KT_EXIT_NONE;
}

/* Which of two files it was the fault does not say. */
static enum kt_exit blame_files(const struct kt_option_credential *from, const struct kt_fault *fault)
{
    bool two = from->pkcs12 == NULL && from->key != NULL;
    char files[512];

    (void)snprintf(files, sizeof files, "%s%s%s", from->pkcs12 != NULL ? from->pkcs12 : from->cert, two ? " with " : "",
                   two ? from->key : "");
    return kt_report_fault("", files, fault, NULL, 0);
}

enum kt_exit kt_options_credential(const struct kt_options *o, size_t index, struct kt_credential **out)
{
    const struct kt_option_credential *from = &o->credentials[index];
    struct kt_credential *credential = NULL;
    char password[PASSWORD_MAX] = "";
    enum kt_exit done = KT_EXIT_NONE;
    const struct kt_fault *fault;

    if (from->password_file != NULL && !read_password(from->password_file, password)) {
        kt_report_line("", "error: the password cannot be read from %s (reason=FILE_UNREADABLE alert=-)",
                       from->password_file);
        kt_report_line("", "hint: its first line is the password, at most %d characters", PASSWORD_MAX - 2);
        return KT_EXIT_FILES;
    }
    fault = load(o, from, from->password_file != NULL ? password : NULL, &credential);
    explicit_bzero(password, sizeof password);
    if (fault != NULL) {
        return blame_files(from, fault);
    }
    if (from->ocsp != NULL && strcmp(from->ocsp, KT_OPTION_FETCH) != 0) {
        done = staple(o, from->ocsp, &credential);
    }
    if (done == KT_EXIT_NONE && from->sct != NULL) {
        done = add_scts(o, from->sct, &credential);
    }
    if (done != KT_EXIT_NONE) {
        kt_credential_unref(credential);
        return done;
    }
    *out = credential;
    return KT_EXIT_NONE;
}

static enum kt_exit add_credential(const struct kt_options *o, size_t index, struct kt_builder *builder)
{
    struct kt_credential *credential;
    enum kt_exit done = kt_options_credential(o, index, &credential);
    const struct kt_fault *fault;

    if (done != KT_EXIT_NONE) {
        return done;
    }
    fault = kt_builder_credential(builder, credential);
    kt_credential_unref(credential);
    return fault == NULL ? KT_EXIT_NONE : blame_files(&o->credentials[index], fault);
}

typedef const struct kt_fault *id_setter(struct kt_builder *b, const uint16_t *ids, size_t n);

static const struct kt_fault *apply_ids(struct kt_builder *b, const struct kt_option_ids *ids, id_setter *setter)
{
    return ids->n > 0 ? setter(b, ids->ids, ids->n) : NULL;
}

/* Where an option is missing the policy says how far it goes. */
static const struct kt_fault *apply_versions(const struct kt_options *o, struct kt_builder *b)
{
    const struct kt_policy_ids *own = &o->policy.versions;
    const uint16_t *ids = own->count > 0 ? own->ids : o->policy.based_on->versions;
    size_t count = own->count > 0 ? own->count : o->policy.based_on->version_count;
    uint16_t min = ids[0], max = ids[0];

    if (o->min_version == 0 && o->max_version == 0) {
        return NULL;
    }
    for (size_t i = 1; i < count; i++) {
        min = ids[i] < min ? ids[i] : min;
        max = ids[i] > max ? ids[i] : max;
    }
    return kt_builder_versions(b, o->min_version != 0 ? o->min_version : min,
                               o->max_version != 0 ? o->max_version : max);
}

static const struct kt_fault *apply_rehandshake(struct kt_builder *b, const struct kt_options *o)
{
    struct kt_rehandshake_policy policy = kt_rehandshake_default();

    if (o->peer_rehandshakes > 0) {
        policy.peer = KT_REHANDSHAKE_ALLOWED;
        policy.peer_budget = (uint32_t)o->peer_rehandshakes;
    }
    return kt_builder_rehandshake(b, &policy);
}

/* All but the credentials. *field names the option at fault. */
static const struct kt_fault *apply(const struct kt_options *o, struct kt_builder *b, const char **field)
{
    const struct kt_fault *fault;

    *field = "--policy";
    fault = kt_builder_user_policy(b, &o->policy);
    if (fault == NULL) {
        *field = "--min-version, --max-version";
        fault = apply_versions(o, b);
    }
    if (fault == NULL) {
        *field = "--suites";
        fault = apply_ids(b, &o->suites, kt_builder_suites);
    }
    if (fault == NULL) {
        *field = "--groups";
        fault = apply_ids(b, &o->groups, kt_builder_groups);
    }
    if (fault == NULL) {
        *field = "--schemes";
        fault = apply_ids(b, &o->schemes, kt_builder_schemes);
    }
    if (fault == NULL && o->alpn_count > 0) {
        *field = "--alpn";
        fault = kt_builder_alpn(b, o->alpn, o->alpn_count);
    }
    if (fault == NULL) {
        *field = "--rekey-*";
        fault = kt_builder_lifetime(b, &o->lifetime);
    }
    if (fault == NULL) {
        *field = "--peer-rehandshake";
        fault = apply_rehandshake(b, o);
    }
    if (fault == NULL) {
        *field = "--padding";
        fault = kt_builder_padding(b, o->padding);
    }
    if (fault == NULL && o->record_limit > 0) {
        *field = "--record-limit";
        fault = kt_builder_record_limit(b, o->record_limit);
    }
    if (fault == NULL && o->key_shares >= 0) {
        *field = "--key-shares";
        fault = kt_builder_key_shares(b, (unsigned)o->key_shares);
    }
    return fault;
}

enum kt_exit kt_options_bare_builder(const struct kt_options *options, enum kt_role role, struct kt_builder **out)
{
    const char *field = "configuration";
    struct kt_builder *builder = NULL;
    const struct kt_fault *fault = kt_builder_new(role, &options->env, &builder);
    enum kt_exit done;

    if (fault == NULL) {
        fault = apply(options, builder, &field);
    }
    if (fault != NULL) {
        kt_builder_free(builder);
        return kt_report_fault("", field, fault, NULL, 0);
    }
    kt_builder_danger_keylog(builder, options->keylog != NULL);
    done = kt_psk_file_load(options, builder);
    if (done != KT_EXIT_NONE) {
        kt_builder_free(builder);
        return done;
    }
    *out = builder;
    return KT_EXIT_NONE;
}

enum kt_exit kt_options_builder(const struct kt_options *options, enum kt_role role, struct kt_builder **out)
{
    struct kt_builder *builder;
    enum kt_exit done = kt_options_bare_builder(options, role, &builder);

    if (done != KT_EXIT_NONE) {
        return done;
    }
    for (size_t i = 0; i < options->credential_count && done == KT_EXIT_NONE; i++) {
        done = add_credential(options, i, builder);
    }
    if (done != KT_EXIT_NONE) {
        kt_builder_free(builder);
        return done;
    }
    *out = builder;
    return KT_EXIT_NONE;
}

enum kt_exit kt_options_build(struct kt_builder *builder, struct kt_config **out)
{
    const struct kt_fault *fault = kt_builder_build(builder, out);
    enum kt_exit done = KT_EXIT_NONE;

    if (fault != NULL) {
        done = kt_report_fault("", kt_builder_field(builder), fault, NULL, 0);
    }
    kt_builder_free(builder);
    return done;
}
