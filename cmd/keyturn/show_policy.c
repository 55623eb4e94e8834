/*
 * show_policy.c - the command policy: prints a policy in the form in which policy files are written.
 */
#include <getopt.h>
#include <stdio.h>

#include "commands.h"
#include "options.h"
#include "report.h"

/* The list of the user, or that of the policy below. */
static void put_ids(FILE *to, const char *field, const struct kt_policy_ids *own, const uint16_t *base,
                    size_t base_count, const char *(*name)(uint16_t id))
{
    const uint16_t *ids = own->count > 0 ? own->ids : base;
    size_t count = own->count > 0 ? own->count : base_count;

    fprintf(to, "%s = ", field);
    for (size_t i = 0; i < count; i++) {
        fprintf(to, "%s%s", i > 0 ? ", " : "", name(ids[i]));
    }
    fprintf(to, "\n");
}

static void put_limits(FILE *to, const char *direction, const struct kt_limits *limits)
{
    fprintf(to, "%s-records = %llu\n", direction, (unsigned long long)limits->max_records);
    fprintf(to, "%s-bytes = %llu\n", direction, (unsigned long long)limits->max_bytes);
    fprintf(to, "%s-seconds = %lu\n", direction, (unsigned long)limits->max_seconds);
}

/* Every field, also those that are inherited: the text says the same whatever a later library thinks. */
static void put_policy(FILE *to, const struct kt_user_policy *p)
{
    const struct kt_policy *base = p->based_on;

    fprintf(to, "based-on = %s\n", base->name);
    put_ids(to, "versions", &p->versions, base->versions, base->version_count, kt_version_name);
    put_ids(to, "suites", &p->suites, base->suites, base->suite_count, kt_suite_name);
    put_ids(to, "groups", &p->groups, base->groups, base->group_count, kt_group_name);
    put_ids(to, "schemes", &p->schemes, base->schemes, base->scheme_count, kt_scheme_name);
    put_ids(to, "cert-schemes", &p->cert_schemes, base->cert_schemes, base->cert_scheme_count, kt_scheme_name);
    fprintf(to, "min-rsa-bits = %u\n", p->min_rsa_bits);
    fprintf(to, "min-curve-bits = %u\n", p->min_curve_bits);
    put_limits(to, "sending", &p->lifetime.sending);
    put_limits(to, "receiving", &p->lifetime.receiving);
    fprintf(to, "min-gap-ms = %lu\n", (unsigned long)p->lifetime.min_gap_ms);
    fprintf(to, "answer-seconds = %lu\n", (unsigned long)p->lifetime.answer_seconds);
    fprintf(to, "peer-budget = %lu\n", (unsigned long)p->lifetime.peer_budget);
}

static int finish(void)
{
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? KT_EXIT_OK : KT_EXIT_FILES;
}

static int list_policies(void)
{
    const struct kt_policy *policy;

    for (size_t i = 0; (policy = kt_policy_at(i)) != NULL; i++) {
        printf("%s\n", policy->name);
    }
    return finish();
}

/* In the order in which names are compared. */
static int list_refused(void)
{
    struct kt_refused refused;

    for (size_t i = 0; (refused = kt_refused_at(i)).name != NULL; i++) {
        printf("%s: %s: %s\n", refused.field, refused.name, refused.reason);
    }
    return finish();
}

static int print_help(void)
{
    printf(
        "usage: keyturn policy [NAME|FILE]\n       keyturn policy --list | --refused\n\n"
        "Prints a policy of the library or of a file, the default one if none is named, in the form of a policy "
        "file.\n\n"
        "  --list                   the names of the policies of the library\n"
        "  --refused                what is known by name and never negotiated, and why\n"
        "  --help                   this text\n");
    return finish();
}

int kt_cmd_policy(int argc, char **argv)
{
    static const struct option known[] = {
        {"list", no_argument, NULL, 'l'},
        {"refused", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct kt_user_policy policy = kt_policy_user(NULL);
    enum kt_exit done = KT_EXIT_NONE;

    opterr = 0;
    switch (getopt_long(argc, argv, "", known, NULL)) {
    case -1:
        break;
    case 'l':
        return list_policies();
    case 'r':
        return list_refused();
    case 'h':
        return print_help();
    default:
        return kt_report_usage("policy", "option %s is unknown, ambiguous or takes no value", argv[optind - 1]);
    }
    if (optind + 1 < argc) {
        return kt_report_usage("policy", "one NAME or FILE is enough");
    }
    if (optind < argc) {
        done = kt_options_policy(argv[optind], &policy);
    }
    if (done != KT_EXIT_NONE) {
        return done;
    }
    put_policy(stdout, &policy);
    return finish();
}
