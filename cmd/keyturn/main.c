#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "options.h"
#include "report.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
} commands[] = {
    {"connect", kt_cmd_connect, "connect to a TLS server; stdin and stdout are the data"},
    {"serve", kt_cmd_serve, "serve TLS: echo, files, or forwarding to a plain service"},
    {"policy", kt_cmd_policy, "print a policy: what is allowed, in the form of a policy file"},
    {"tour", kt_cmd_tour, "see it work: handshakes, data and key changes against stock peers"},
};

static int print_help(void)
{
    printf(
        "usage: keyturn COMMAND [OPTION...]\n\nTLS 1.3 with keys that are changed before they are used too "
        "long.\n\n");
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        printf("  %-10s %s\n", commands[i].name, commands[i].summary);
    }
    printf("\nkeyturn COMMAND --help says more. keyturn --version prints the version.\n");
    return fflush(stdout) == 0 ? KT_EXIT_OK : KT_EXIT_FILES;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";

    /* A reader of our output that goes away is an error to be told, not a reason to die without a word. */
    (void)signal(SIGPIPE, SIG_IGN);

    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, word) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (strcmp(word, "--help") == 0 || strcmp(word, "help") == 0) {
        return print_help();
    }
    if (strcmp(word, "--version") == 0) {
        printf("keyturn %s\n", kt_library_version());
        return fflush(stdout) == 0 ? KT_EXIT_OK : KT_EXIT_FILES;
    }
    if (word[0] == '\0') {
        return kt_report_usage("", "a command is missing: connect, serve, policy or tour");
    }
    return kt_report_usage("", "no command is called \"%.40s\"", word);
}
