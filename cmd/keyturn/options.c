#include "options.h"

#include <getopt.h>
#include <stdio.h>

#include "options_common.h"
#include "report.h"

enum {
    OPTION_COUNT = 64,  /* common and own ones together */
    OPTION_FIRST = 256, /* `val` of the first one for getopt: above all characters */
};

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
    print_options(kt_options_common);
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
    add_known(&known, kt_options_common, options);
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
