/* What the options become: policy, observers, builder, configuration. */
#include <errno.h>
#include <unistd.h>

#include "options.h"
#include "psk_file.h"
#include "report.h"

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

    if ((o->rekey_given & KT_OPTION_REKEY_RECORDS) != 0) {
        l.sending.max_records = l.receiving.max_records = o->lifetime.sending.max_records;
    }
    if ((o->rekey_given & KT_OPTION_REKEY_BYTES) != 0) {
        l.sending.max_bytes = l.receiving.max_bytes = o->lifetime.sending.max_bytes;
    }
    if ((o->rekey_given & KT_OPTION_REKEY_SECONDS) != 0) {
        l.sending.max_seconds = l.receiving.max_seconds = o->lifetime.sending.max_seconds;
    }
    if ((o->rekey_given & KT_OPTION_REKEY_GAP) != 0) {
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
