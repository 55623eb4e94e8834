#include "tour_show.h"

#include <stdio.h>
#include <string.h>

enum { NAME_WIDTH = 9, CELL_WIDTH = 12 };

void kt_show_head(enum kt_verb first, enum kt_verb end)
{
    printf("%-*s%-*s%-*s", NAME_WIDTH, "client", NAME_WIDTH, "server", NAME_WIDTH, "version");
    for (unsigned verb = first; verb < end; verb++) {
        printf("%*s", CELL_WIDTH, kt_verb_name((enum kt_verb)verb));
    }
    printf("\n");
    (void)fflush(stdout);
}

static void show_cell(const struct kt_cell *cell, bool colour)
{
    static const char *const colours[] = {"", "\033[32m", "\033[1;31m"};
    char text[32] = "-";

    if (cell->wanted && cell->result == KT_RESULT_PASS) {
        (void)snprintf(text, sizeof text, "pass %.*f ms", cell->ms < 9.95 ? 1 : 0, cell->ms);
    } else if (cell->wanted && cell->result == KT_RESULT_FAIL) {
        (void)snprintf(text, sizeof text, "FAIL");
    }
    printf("%s%*s%s", colour ? colours[cell->wanted ? cell->result : KT_RESULT_NONE] : "", CELL_WIDTH, text,
           colour ? "\033[0m" : "");
}

void kt_show_row(const struct kt_row *row, enum kt_verb first, enum kt_verb end, bool colour)
{
    printf("%-*s%-*s%-*s", NAME_WIDTH, row->client->name, NAME_WIDTH, row->server->name, NAME_WIDTH, row->version);
    for (unsigned verb = first; verb < end; verb++) {
        show_cell(&row->cells[verb], colour);
    }
    printf("\n");
    (void)fflush(stdout);
}

static bool has_failed(const struct kt_cell *cell)
{
    return cell->wanted && cell->result == KT_RESULT_FAIL;
}

static void show_note(const struct kt_row *row, enum kt_verb verb)
{
    char name[64];

    kt_row_cell_name(row, verb, name, sizeof name);
    printf("\n%s failed:\n    %s\n", name, row->cells[verb].note);
}

/* On one connection: the first failure with its reason; what comes after it was not reached, and needs no more than its
 * name. The reason may stand in a cell that was not wanted: without a handshake there is nothing. */
static void show_reason(const struct kt_row *row)
{
    unsigned first = 0, count = 0;

    while (first < KT_VERB_LATER && row->cells[first].result != KT_RESULT_FAIL) {
        first++;
    }
    if (first == KT_VERB_LATER) {
        return;
    }
    show_note(row, (enum kt_verb)first);
    for (unsigned verb = first + 1u; verb < KT_VERB_LATER; verb++) {
        if (has_failed(&row->cells[verb])) {
            printf("%s %s", count++ == 0 ? "    so these were not reached:" : "", kt_verb_name((enum kt_verb)verb));
        }
    }
    printf(count > 0 ? "\n" : "");
}

static unsigned count_cells(const struct kt_row *row, unsigned first, unsigned end, enum kt_result result)
{
    unsigned count = 0;

    for (unsigned verb = first; verb < end; verb++) {
        count += row->cells[verb].wanted && row->cells[verb].result == result ? 1 : 0;
    }
    return count;
}

static unsigned count_row(const struct kt_row *row, unsigned *passed)
{
    *passed += count_cells(row, 0, KT_VERB_COUNT, KT_RESULT_PASS);
    if (count_cells(row, 0, KT_VERB_LATER, KT_RESULT_FAIL) > 0) {
        show_reason(row);
    }
    for (unsigned verb = KT_VERB_LATER; verb < KT_VERB_COUNT; verb++) {
        if (has_failed(&row->cells[verb])) {
            show_note(row, (enum kt_verb)verb);
        }
    }
    return count_cells(row, 0, KT_VERB_COUNT, KT_RESULT_FAIL);
}

unsigned kt_show_end(const struct kt_row *rows, size_t count, uint64_t ms)
{
    unsigned failed = 0, passed = 0;

    for (size_t i = 0; i < count; i++) {
        failed += count_row(&rows[i], &passed);
    }
    printf("\n%u passed, %u failed, in %.1f s\n", passed, failed, (double)ms / 1000);
    (void)fflush(stdout);
    return failed;
}

/* Names of programs, versions and verbs are plain words of ours; the version alone was read from a child. */
static void put_string(FILE *file, const char *name, const char *text)
{
    fprintf(file, "\"%s\":\"", name);
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            fprintf(file, "\\%c", c);
        } else if (c < ' ' || c >= 0x7f) {
            fprintf(file, "\\u%04x", c);
        } else {
            fputc(c, file);
        }
    }
    fputs("\",", file);
}

static void put_cell(FILE *file, const struct kt_row *row, enum kt_verb verb, bool first)
{
    const struct kt_cell *cell = &row->cells[verb];

    fputs(first ? "\n{" : ",\n{", file);
    put_string(file, "client", row->client->name);
    put_string(file, "server", row->server->name);
    put_string(file, "version", row->version);
    put_string(file, "verb", kt_verb_name(verb));
    put_string(file, "result", cell->result == KT_RESULT_PASS ? "pass" : "fail");
    put_string(file, "note", cell->note);
    fprintf(file, "\"ms\":%.3f}", cell->ms);
}

bool kt_show_json(const struct kt_row *rows, size_t count, const char *path)
{
    FILE *file = fopen(path, "we");
    bool first = true, failed;

    if (file == NULL) {
        return false;
    }
    fputs("{\"cells\":[", file);
    for (size_t i = 0; i < count; i++) {
        for (unsigned verb = 0; verb < KT_VERB_COUNT; verb++) {
            if (rows[i].cells[verb].wanted && rows[i].cells[verb].result != KT_RESULT_NONE) {
                put_cell(file, &rows[i], (enum kt_verb)verb, first);
                first = false;
            }
        }
    }
    fputs("\n]}\n", file);
    failed = ferror(file) != 0;
    return fclose(file) == 0 && !failed;
}
