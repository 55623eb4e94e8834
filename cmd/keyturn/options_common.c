#include "options_common.h"

#include <string.h>

#include "options_value.h"

static const char *set_suites(void *target, const char *value)
{
    static const struct kt_value_names suites = {"cipher suite", kt_suite_named, kt_suite_refusal};

    return kt_value_ids(value, &suites, &((struct kt_options *)target)->suites);
}

static const char *set_groups(void *target, const char *value)
{
    static const struct kt_value_names groups = {"group", kt_group_named, kt_group_refusal};

    return kt_value_ids(value, &groups, &((struct kt_options *)target)->groups);
}

static const char *set_schemes(void *target, const char *value)
{
    static const struct kt_value_names schemes = {"signature scheme", kt_scheme_named, kt_scheme_refusal};

    return kt_value_ids(value, &schemes, &((struct kt_options *)target)->schemes);
}

static const struct kt_value_names versions = {"version", kt_version_named, kt_version_refusal};

static struct kt_span word(const char *text)
{
    return (struct kt_span){(const uint8_t *)text, strlen(text)};
}

static const char *set_min_version(void *target, const char *value)
{
    return kt_value_id(word(value), &versions, &((struct kt_options *)target)->min_version);
}

static const char *set_max_version(void *target, const char *value)
{
    return kt_value_id(word(value), &versions, &((struct kt_options *)target)->max_version);
}

static const char *set_alpn(void *target, const char *value)
{
    struct kt_options *o = target;
    struct kt_span item;

    o->alpn_count = 0;
    while (kt_value_next(&value, &item)) {
        if (item.len == 0 || item.len > 255) {
            return "a protocol name has 1 to 255 characters";
        }
        if (o->alpn_count == KT_OPTION_ALPN) {
            return kt_value_complaint("more than %d protocols", KT_OPTION_ALPN);
        }
        o->alpn[o->alpn_count++] = item;
    }
    return NULL;
}

/* Key lifetimes: one limit for both directions */

static const char *set_rekey_records(void *target, const char *value)
{
    struct kt_lifetime *l = &((struct kt_options *)target)->lifetime;
    const char *wrong = kt_value_number(value, UINT64_MAX, &l->sending.max_records);

    l->receiving.max_records = l->sending.max_records;
    ((struct kt_options *)target)->rekey_given |= KT_OPTION_REKEY_RECORDS;
    return wrong;
}

static const char *set_rekey_bytes(void *target, const char *value)
{
    struct kt_lifetime *l = &((struct kt_options *)target)->lifetime;
    const char *wrong = kt_value_number(value, UINT64_MAX, &l->sending.max_bytes);

    l->receiving.max_bytes = l->sending.max_bytes;
    ((struct kt_options *)target)->rekey_given |= KT_OPTION_REKEY_BYTES;
    return wrong;
}

static const char *set_rekey_seconds(void *target, const char *value)
{
    struct kt_lifetime *l = &((struct kt_options *)target)->lifetime;
    const char *wrong = kt_value_u32(value, UINT32_MAX, &l->sending.max_seconds);

    l->receiving.max_seconds = l->sending.max_seconds;
    ((struct kt_options *)target)->rekey_given |= KT_OPTION_REKEY_SECONDS;
    return wrong;
}

static const char *set_rekey_gap(void *target, const char *value)
{
    ((struct kt_options *)target)->rekey_given |= KT_OPTION_REKEY_GAP;
    return kt_value_u32(value, UINT32_MAX, &((struct kt_options *)target)->lifetime.min_gap_ms);
}

/* Credentials: --cert and --pkcs12 begin one, --key and --password-file belong to the one before them */

static const char *new_credential(struct kt_options *o, struct kt_option_credential credential)
{
    if (o->credential_count == KT_OPTION_CREDENTIALS) {
        return kt_value_complaint("more than %d certificates", KT_OPTION_CREDENTIALS);
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
        return kt_value_complaint("more than %d files and folders", KT_OPTION_CRLS);
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
    const char *wrong = kt_value_number(value, 16384, &padding);

    ((struct kt_options *)target)->padding = (size_t)padding;
    return wrong;
}

static const char *set_record_limit(void *target, const char *value)
{
    uint64_t limit = 0;

    if (!kt_options_number(value, 16384, &limit) || limit < 64) {
        return kt_value_complaint("\"%.40s\" is not a number from 64 to 16384", value);
    }
    ((struct kt_options *)target)->record_limit = (size_t)limit;
    return NULL;
}

static const char *set_key_shares(void *target, const char *value)
{
    uint32_t count = 0;
    const char *wrong = kt_value_u32(value, 4, &count);

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

const struct kt_option kt_options_common[] = {
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
    {"padding", "N", "pad records to a multiple of N bytes", set_padding},
    {"record-limit", "N", "take records of at most N bytes, 64 to 16384, from the peer", set_record_limit},
    {"keylog", "FILE", "DANGER: append the secrets of all connections to FILE", set_keylog},
    {"trace", "[=FORM]", "draw what happens on stderr: text, json or color", set_trace},
    {"quiet", NULL, "no lines on stderr but errors", set_quiet},
    {NULL, NULL, NULL, NULL},
};
