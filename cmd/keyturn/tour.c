/*
 * tour.c - the command that shows what Keyturn does: connections on loopback with itself and with stock programs.
 */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands.h"
#include "report.h"
#include "tour_show.h"

enum { ROW_MS = 10000 }; /* for all that is tried on one connection: five rows stay below a minute */

struct tour {
    const char *json;
    const char *only;
    struct kt_place place;
    bool colour;
};

static const char *set_json(void *target, const char *value)
{
    ((struct tour *)target)->json = value;
    return NULL;
}

static const char *set_only(void *target, const char *value)
{
    ((struct tour *)target)->only = value;
    return NULL;
}

static const struct kt_option table[] = {
    {"json", "FILE", "write the results to a file", set_json},
    {"only", "PATTERN", "only cells whose CLIENT/SERVER/VERB holds this; * and ? as in a shell", set_only},
    {NULL, NULL, NULL, NULL},
};

static void interrupt(int number)
{
    (void)number;
    kt_tour_interrupted = 1;
}

/* A signal ends the wait of the moment, and then the usual way out ends the children and removes the folder. */
static void catch_signals(void)
{
    const struct sigaction action = {.sa_handler = interrupt};

    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static bool make_folder(struct tour *tour)
{
    const char *base = getenv("TMPDIR");
    int len = snprintf(tour->place.folder, sizeof tour->place.folder, "%s/keyturn-tour-XXXXXX",
                       base == NULL || base[0] == '\0' ? "/tmp" : base);

    /* The control socket's path must fit into a socket address: a long TMPDIR is of no use. */
    if (len < 0 || (size_t)len >= sizeof tour->place.folder) {
        (void)snprintf(tour->place.folder, sizeof tour->place.folder, "/tmp/keyturn-tour-XXXXXX");
    }
    return mkdtemp(tour->place.folder) != NULL;
}

static void remove_folder(const struct tour *tour)
{
    DIR *folder = opendir(tour->place.folder);
    struct dirent *entry;

    while (folder != NULL && (entry = readdir(folder)) != NULL) {
        (void)unlinkat(dirfd(folder), entry->d_name, 0);
    }
    if (folder != NULL) {
        closedir(folder);
    }
    (void)rmdir(tour->place.folder);
}

static void choose_cells(struct kt_row *row, const char *only)
{
    char name[64], pattern[160];

    (void)snprintf(pattern, sizeof pattern, "*%s*", only == NULL ? "" : only);
    for (unsigned verb = 0; verb < KT_VERB_COUNT; verb++) {
        kt_row_cell_name(row, (enum kt_verb)verb, name, sizeof name);
        row->cells[verb].wanted = fnmatch(pattern, name, 0) == 0;
    }
}

static bool has_cells(const struct kt_row *row)
{
    for (unsigned verb = 0; verb < KT_VERB_COUNT; verb++) {
        if (row->cells[verb].wanted) {
            return true;
        }
    }
    return false;
}

static void show_ladder(struct tour *tour)
{
    char note[256];

    printf("One connection of keyturn with keyturn: data, a key changed by us, then both keys.\n\n");
    (void)fflush(stdout);
    tour->place.ladder = tour->colour ? "--trace=color" : "--trace=text";
    tour->place.deadline_ms = kt_tour_now_ms() + ROW_MS;
    if (!kt_row_ladder(&tour->place, note, sizeof note)) {
        printf("it failed: %s\n", note);
    }
    tour->place.ladder = NULL;
    printf("\n");
}

/* A stock server without a certificate cannot start; why there is none is what the cells must say. */
static void fail_row(struct kt_row *row, const char *why)
{
    (void)snprintf(row->version, sizeof row->version, "TLSv1.3");
    for (unsigned verb = 0; verb < KT_VERB_COUNT; verb++) {
        row->cells[verb].result = KT_RESULT_FAIL;
        (void)snprintf(row->cells[verb].note, sizeof row->cells[verb].note, "%s", why);
    }
}

static void run_row(struct tour *tour, struct kt_row *row)
{
    static bool made;
    char why[160] = "";

    tour->place.deadline_ms = kt_tour_now_ms() + ROW_MS;
    if (!row->server->is_ours && !made) {
        made = kt_peer_certificate(&tour->place, why, sizeof why);
    }
    if (why[0] != '\0') {
        fail_row(row, why);
    } else {
        kt_row_run(row, &tour->place);
    }
}

static void run_rows(struct tour *tour, struct kt_row *rows, size_t count)
{
    kt_show_head();
    for (size_t i = 0; i < count && !kt_tour_interrupted; i++) {
        if (has_cells(&rows[i])) {
            run_row(tour, &rows[i]);
            kt_show_row(&rows[i], tour->colour);
        }
    }
}

static bool choose_rows(struct kt_row *rows, size_t count, const char *only)
{
    bool any = false;

    for (size_t i = 0; i < count; i++) {
        choose_cells(&rows[i], only);
        any = has_cells(&rows[i]) || any;
    }
    return any;
}

static enum kt_exit run(struct tour *tour)
{
    struct kt_row rows[] = {
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_keyturn},
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_openssl},
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_gnutls},
        {.client = &kt_peer_client_openssl, .server = &kt_peer_server_keyturn},
        {.client = &kt_peer_client_gnutls, .server = &kt_peer_server_keyturn},
    };
    const size_t count = sizeof rows / sizeof rows[0];
    uint64_t began = kt_tour_now_ms();
    unsigned failed;

    if (!choose_rows(rows, count, tour->only)) {
        return kt_report_usage("tour", "no cell is called like \"%s\"", tour->only);
    }
    if (tour->only == NULL) {
        show_ladder(tour);
    }
    run_rows(tour, rows, count);
    failed = kt_show_end(rows, count, kt_tour_now_ms() - began);
    if (tour->json != NULL && !kt_show_json(rows, count, tour->json)) {
        kt_report_line("", "error: %s: %s (reason=FILE_UNWRITABLE alert=-)", tour->json, strerror(errno));
        return KT_EXIT_FILES;
    }
    return failed == 0 && !kt_tour_interrupted ? KT_EXIT_OK : KT_EXIT_CELL;
}

int kt_cmd_tour(int argc, char **argv)
{
    struct tour tour = {.colour = isatty(STDOUT_FILENO) != 0};
    const struct kt_option_command command = {
        .name = "tour",
        .usage = "",
        .summary = "Servers and clients on this host: handshakes, data, key changes and clean ends.",
        .own = table,
        .target = &tour,
    };
    struct kt_options common;
    int first;
    enum kt_exit exit = kt_options_parse(&common, &command, argc, argv, &first);

    if (exit == KT_EXIT_NONE && first < argc) {
        exit = kt_report_usage("tour", "\"%s\" is no option", argv[first]);
    }
    if (exit != KT_EXIT_NONE) {
        return exit;
    }
    if (!make_folder(&tour)) {
        kt_report_line("", "error: %s: %s (reason=FILE_UNWRITABLE alert=-)", tour.place.folder, strerror(errno));
        return KT_EXIT_FILES;
    }
    catch_signals();
    exit = run(&tour);
    remove_folder(&tour);
    return exit;
}
