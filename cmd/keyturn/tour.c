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
#include "tour_feature.h"
#include "tour_show.h"

enum {
    ROW_MS = 10000,    /* for all that is tried on one connection */
    FEATURE_MS = 5000, /* for each of what is tried on connections of its own */
};

struct tour {
    const char *json;
    const char *only;
    struct kt_place place;
    bool colour;
    bool files_tried, files_made;
    char no_files[160]; /* why */
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
    {"only", "PATTERN", "only cells whose CLIENT/SERVER/[tls12/]VERB holds this; * and ? as in a shell", set_only},
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

static bool has_cells(const struct kt_row *row, unsigned first, unsigned end)
{
    for (unsigned verb = first; verb < end; verb++) {
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
    printf("\nThe same in TLS 1.2, then another connection that resumes it.\n\n");
    (void)fflush(stdout);
    tour->place.deadline_ms = kt_tour_now_ms() + ROW_MS;
    if (!kt_tour_interrupted && !kt_row_ladder12(&tour->place, note, sizeof note)) {
        printf("it failed: %s\n", note);
    }
    tour->place.ladder = NULL;
    printf("\n");
}

static void fail_cell(struct kt_row *row, unsigned verb, const char *why)
{
    row->cells[verb].result = KT_RESULT_FAIL;
    (void)snprintf(row->cells[verb].note, sizeof row->cells[verb].note, "%s", why);
    (void)snprintf(row->version, sizeof row->version, "%s", kt_row_version(row));
}

/* Makes the files that others than ours need, once; why there are none is what the cells must say. */
static bool has_files(struct tour *tour)
{
    if (!tour->files_tried) {
        tour->files_tried = true;
        tour->files_made = kt_peer_files(&tour->place, tour->no_files, sizeof tour->no_files);
    }
    return tour->files_made;
}

static void run_row(struct tour *tour, struct kt_row *row)
{
    tour->place.deadline_ms = kt_tour_now_ms() + ROW_MS;
    if (row->server->is_ours || has_files(tour)) {
        kt_row_run(row, &tour->place);
        return;
    }
    for (unsigned verb = 0; verb < KT_VERB_LATER; verb++) {
        if (kt_row_applies(row, (enum kt_verb)verb)) {
            fail_cell(row, verb, tour->no_files);
        }
    }
}

static void run_rows(struct tour *tour, struct kt_row *rows, size_t count)
{
    kt_show_head(0, KT_VERB_LATER);
    for (size_t i = 0; i < count && !kt_tour_interrupted; i++) {
        if (has_cells(&rows[i], 0, KT_VERB_LATER)) {
            run_row(tour, &rows[i]);
            kt_show_row(&rows[i], 0, KT_VERB_LATER, tour->colour);
        }
    }
}

static void run_features(struct tour *tour, struct kt_row *row, unsigned first, unsigned end)
{
    for (unsigned verb = first; verb < end && !kt_tour_interrupted; verb++) {
        if (!row->cells[verb].wanted || !kt_feature_applies(row, (enum kt_verb)verb)) {
            continue;
        }
        tour->place.deadline_ms = kt_tour_now_ms() + FEATURE_MS;
        if ((row->server->is_ours && !kt_feature_needs_files((enum kt_verb)verb)) || has_files(tour)) {
            kt_feature_run(row, (enum kt_verb)verb, &tour->place);
        } else {
            fail_cell(row, verb, tour->no_files);
        }
    }
}

static bool any_cells(const struct kt_row *rows, size_t count, unsigned first, unsigned end)
{
    for (size_t i = 0; i < count; i++) {
        if (has_cells(&rows[i], first, end)) {
            return true;
        }
    }
    return false;
}

/* Another table below the first, of the verbs from `first` to before `end`. */
static void run_table(struct tour *tour, struct kt_row *rows, size_t count, enum kt_verb first, enum kt_verb end)
{
    if (kt_tour_interrupted || !any_cells(rows, count, first, end)) {
        return;
    }
    printf("\n");
    kt_show_head(first, end);
    for (size_t i = 0; i < count && !kt_tour_interrupted; i++) {
        if (has_cells(&rows[i], first, end)) {
            run_features(tour, &rows[i], first, end);
            kt_show_row(&rows[i], first, end, tour->colour);
        }
    }
}

static bool choose_rows(struct kt_row *rows, size_t count, const char *only)
{
    for (size_t i = 0; i < count; i++) {
        choose_cells(&rows[i], only);
    }
    return any_cells(rows, count, 0, KT_VERB_COUNT);
}

static enum kt_exit run(struct tour *tour)
{
    struct kt_row rows[] = {
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_keyturn},
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_openssl},
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_gnutls},
        {.client = &kt_peer_client_openssl, .server = &kt_peer_server_keyturn},
        {.client = &kt_peer_client_gnutls, .server = &kt_peer_server_keyturn},
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_keyturn, .tls12 = true},
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_openssl, .tls12 = true},
        {.client = &kt_peer_client_keyturn, .server = &kt_peer_server_gnutls, .tls12 = true},
        {.client = &kt_peer_client_openssl, .server = &kt_peer_server_keyturn, .tls12 = true},
        {.client = &kt_peer_client_gnutls, .server = &kt_peer_server_keyturn, .tls12 = true},
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
    if (any_cells(rows, count, 0, KT_VERB_LATER)) {
        run_rows(tour, rows, count);
    }
    run_table(tour, rows, count, KT_VERB_LATER, KT_VERB_RECORD_LIMIT); /* who proves itself by what */
    run_table(tour, rows, count, KT_VERB_RECORD_LIMIT, KT_VERB_COUNT); /* the rest: all in one were too wide */
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
