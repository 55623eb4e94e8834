/*
 * graph.c - draws the handshake tables.
 *
 *   graph                 prints each edge: table, state, event, next states
 *   graph --write FILE    writes the diagrams into FILE, each between <!-- graph:NAME --> and <!-- /graph -->
 *   graph --check FILE    fails when --write would change FILE
 *
 * A marker that names no table, and a table without a marker, are errors.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hs/machine.h"

enum { NEXT_MAX = 3, TABLES_MAX = 32 };

static const char BEGIN[] = "<!-- graph:";
static const char END[] = "<!-- /graph -->";

static void print_edges(const struct kt_table *table)
{
    for (size_t i = 0; i < table->count; i++) {
        const struct kt_row *row = &table->rows[i];

        printf("%s: %s %s ->", table->name, kt_state_name(row->state), kt_on_name(row->on));
        for (size_t n = 0; n < NEXT_MAX && row->next[n] != 0; n++) {
            printf(" %s", kt_state_name(row->next[n]));
        }
        putchar('\n');
    }
}

static void draw(FILE *out, const struct kt_table *table)
{
    fprintf(out, "```mermaid\nstateDiagram-v2\n");
    for (size_t i = 0; i < table->count; i++) {
        const struct kt_row *row = &table->rows[i];

        for (size_t n = 0; n < NEXT_MAX && row->next[n] != 0; n++) {
            fprintf(out, "    %s --> %s: %s\n", kt_state_name(row->state), kt_state_name(row->next[n]),
                    kt_on_name(row->on));
        }
    }
    fprintf(out, "```\n");
}

/* The whole file and a NUL; the process ends when it cannot be read. */
static char *slurp(const char *path)
{
    FILE *in = fopen(path, "rb");
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (in == NULL || out == NULL) {
        perror(path);
        exit(2);
    }
    for (int c = getc(in); c != EOF; c = getc(in)) {
        putc(c, out);
    }
    fclose(in);
    fclose(out);
    return text;
}

/* The index of the table whose name is the `len` bytes at `name`, or -1. */
static int find_table(const char *name, size_t len)
{
    for (int i = 0; kt_all_tables[i] != NULL; i++) {
        if (strlen(kt_all_tables[i]->name) == len && memcmp(kt_all_tables[i]->name, name, len) == 0) {
            return i;
        }
    }
    return -1;
}

/* `text` with every diagram drawn anew, or NULL after telling what is wrong with the markers. */
static char *redraw(const char *text)
{
    bool drawn[TABLES_MAX] = {false};
    char *result = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&result, &len);
    const char *begin;

    while ((begin = strstr(text, BEGIN)) != NULL) {
        const char *name = begin + strlen(BEGIN);
        size_t name_len = strcspn(name, " \n");
        const char *line_end = strchr(name, '\n');
        const char *end = strstr(name, END);
        int index = find_table(name, name_len);

        if (line_end == NULL || end == NULL || index < 0 || index >= TABLES_MAX) {
            fprintf(stderr, "graph: marker of \"%.*s\": no such table, or no end\n", (int)name_len, name);
            fclose(out);
            free(result);
            return NULL;
        }
        fwrite(text, 1, (size_t)(line_end + 1 - text), out);
        draw(out, kt_all_tables[index]);
        drawn[index] = true;
        text = end;
    }
    fputs(text, out);
    fclose(out);
    for (int i = 0; kt_all_tables[i] != NULL; i++) {
        if (i >= TABLES_MAX || !drawn[i]) {
            fprintf(stderr, "graph: no marker for the table \"%s\"\n", kt_all_tables[i]->name);
            free(result);
            return NULL;
        }
    }
    return result;
}

static int check(const char *path, const char *before, const char *after)
{
    if (strcmp(before, after) == 0) {
        return 0;
    }
    fprintf(stderr, "graph: the diagrams in %s are not those of the tables; see graph --write\n", path);
    return 1;
}

static int write_back(const char *path, const char *after)
{
    FILE *out = fopen(path, "wb");

    if (out == NULL || fputs(after, out) == EOF || fclose(out) != 0) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    bool checking = argc == 3 && strcmp(argv[1], "--check") == 0;
    bool writing = argc == 3 && strcmp(argv[1], "--write") == 0;
    int code;

    if (argc == 1) {
        for (size_t i = 0; kt_all_tables[i] != NULL; i++) {
            print_edges(kt_all_tables[i]);
        }
        return 0;
    }
    if (!checking && !writing) {
        bool helping = strcmp(argv[1], "--help") == 0;

        fprintf(helping ? stdout : stderr, "usage: graph [--write FILE | --check FILE]\n");
        return helping ? 0 : 2;
    }

    char *before = slurp(argv[2]);
    char *after = redraw(before);

    if (after == NULL) {
        code = 1;
    } else if (checking) {
        code = check(argv[2], before, after);
    } else {
        code = write_back(argv[2], after);
    }
    free(before);
    free(after);
    return code;
}
