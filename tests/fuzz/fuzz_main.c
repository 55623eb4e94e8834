/*
 * fuzz_main.c - a fuzzer without a fuzzer's engine: the same entry, driven by a cmocka program.
 *
 *      NAME_fuzz CORPUS RUNS       the files of a directory, then RUNS inputs made from them (the smoke run of make
 * test) NAME_fuzz --run N CORPUS    the N-th of those alone, for a debugger NAME_fuzz FILE...           these files: to
 * see a crash again, or under afl-fuzz
 *
 * The inputs follow from their number alone, so that a run that fails can be repeated. When the program dies the number
 * is told.
 */
#include <dirent.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FILES_MAX = 4096, INPUT_MAX = 1 << 16, GROWTH = 64, EDITS = 6 };

struct input {
    char *name;
    uint8_t *bytes;
    size_t len;
};

static struct input corpus[FILES_MAX];
static size_t corpus_count;
static unsigned long runs;

/* ---- what is being tried ---- */

static char trying[512];

static void say_what_was_tried(void)
{
    if (write(STDERR_FILENO, trying, strlen(trying)) < 0) {
        _exit(3);
    }
}

static void on_abort(int number)
{
    say_what_was_tried();
    (void)signal(number, SIG_DFL);
    (void)raise(number);
}

/* Of the sanitizers, where the program has one. */
extern void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

static void watch_for_death(void)
{
    (void)signal(SIGABRT, on_abort);
    if (__sanitizer_set_death_callback != NULL) {
        __sanitizer_set_death_callback(say_what_was_tried);
    }
}

/* Exactly as much memory as there are bytes: the sanitizer sees each byte read too far. */
static void try_bytes(const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);

    if (exact == NULL) {
        abort();
    }
    if (len > 0) {
        memcpy(exact, bytes, len);
    }
    (void)LLVMFuzzerTestOneInput(exact, len);
    free(exact);
}

static void try_input(const struct input *input)
{
    (void)snprintf(trying, sizeof trying, "\ninput: %s\n", input->name);
    try_bytes(input->bytes, input->len);
}

/* ---- files ---- */

static void read_file(const char *name, struct input *out)
{
    FILE *file = fopen(name, "rb");

    *out = (struct input){strdup(name), malloc(INPUT_MAX), 0};
    if (file == NULL || out->bytes == NULL || out->name == NULL) {
        perror(name);
        exit(2);
    }
    out->len = fread(out->bytes, 1, INPUT_MAX, file);
    (void)fclose(file);
}

static void free_input(struct input *input)
{
    free(input->name);
    free(input->bytes);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void read_corpus(const char *directory)
{
    struct dirent **names;
    int count = scandir(directory, &names, not_hidden, alphasort);

    for (int i = 0; i < count; i++) {
        char path[1024];

        (void)snprintf(path, sizeof path, "%s/%s", directory, names[i]->d_name);
        if (corpus_count < FILES_MAX) {
            read_file(path, &corpus[corpus_count++]);
        }
        free(names[i]);
    }
    if (count >= 0) {
        free(names);
    }
    if (corpus_count == 0) {
        (void)fprintf(stderr, "%s: no inputs\n", directory);
        exit(2);
    }
}

static void forget_corpus(void)
{
    while (corpus_count > 0) {
        free_input(&corpus[--corpus_count]);
    }
}

/* ---- inputs made from others ---- */

static uint64_t state;

/* xorshift64* */
static size_t number_below(size_t limit)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (size_t)((state * UINT64_C(0x2545f4914f6cdd1d)) >> 20) % limit;
}

static size_t erase(uint8_t *bytes, size_t len)
{
    size_t at = number_below(len);
    size_t n = 1 + number_below(len - at < 16 ? len - at : 16);

    memmove(bytes + at, bytes + at + n, len - at - n);
    return len - n;
}

/* A piece of another input, or of this one: between, or in place of, what is there. */
static size_t splice(uint8_t *bytes, size_t len, size_t cap)
{
    const struct input *from = &corpus[number_below(corpus_count)];
    size_t at = number_below(len + 1);
    size_t n, start;

    if (from->len == 0) {
        return len;
    }
    start = number_below(from->len);
    n = 1 + number_below(from->len - start < GROWTH ? from->len - start : GROWTH);
    if (number_below(2) == 0) {
        n = n < len - at ? n : len - at;
    } else if (len + n > cap) {
        return len;
    } else {
        memmove(bytes + at + n, bytes + at, len - at);
        len += n;
    }
    memcpy(bytes + at, from->bytes + start, n);
    return len;
}

static size_t edit(uint8_t *bytes, size_t len, size_t cap)
{
    static const uint8_t telling[] = {0, 1, 2, 3, 4, 5, 0x16, 0x17, 0x7f, 0x80, 0xfe, 0xff};
    size_t at = len > 0 ? number_below(len) : 0;

    if (len == 0) {
        return splice(bytes, len, cap);
    }
    switch (number_below(5)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << number_below(8));
        return len;
    case 1:
        bytes[at] = (uint8_t)number_below(256);
        return len;
    case 2:
        bytes[at] = telling[number_below(sizeof telling)];
        return len;
    case 3:
        return erase(bytes, len);
    default:
        return splice(bytes, len, cap);
    }
}

static void try_number(unsigned long n)
{
    static uint8_t bytes[INPUT_MAX];
    const struct input *from;
    size_t len, edits;

    state = (n + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    from = &corpus[number_below(corpus_count)];
    len = from->len;
    memcpy(bytes, from->bytes, len);
    for (edits = 1 + number_below(EDITS); edits > 0; edits--) {
        len = edit(bytes, len, sizeof bytes);
    }
    (void)snprintf(trying, sizeof trying, "\ninput: --run %lu (from %s)\n", n, from->name);
    try_bytes(bytes, len);
}

/* ---- the smoke run ---- */

static void the_corpus_does_no_harm(void **user)
{
    (void)user;
    for (size_t i = 0; i < corpus_count; i++) {
        try_input(&corpus[i]);
    }
}

static void what_resembles_the_corpus_does_no_harm(void **user)
{
    (void)user;
    for (unsigned long n = 0; n < runs; n++) {
        try_number(n);
    }
}

static bool is_directory(const char *path)
{
    DIR *opened = opendir(path);

    return opened != NULL && closedir(opened) == 0;
}

static int replay(int count, char **files)
{
    for (int i = 0; i < count; i++) {
        struct input input;

        read_file(files[i], &input);
        try_input(&input);
        free_input(&input);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_corpus_does_no_harm),
        cmocka_unit_test(what_resembles_the_corpus_does_no_harm),
    };
    int result = 0;

    watch_for_death();
    if (argc == 4 && strcmp(argv[1], "--run") == 0) {
        read_corpus(argv[3]);
        try_number(strtoul(argv[2], NULL, 10));
    } else if (argc == 3 && is_directory(argv[1])) {
        read_corpus(argv[1]);
        runs = strtoul(argv[2], NULL, 10);
        result = cmocka_run_group_tests(tests, NULL, NULL);
    } else {
        result = replay(argc - 1, argv + 1);
    }
    forget_corpus();
    return result;
}
