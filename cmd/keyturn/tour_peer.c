/* What all programs of the tour have in common. */
#include "tour_peer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool kt_side_fail(struct kt_side *side, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    (void)vsnprintf(side->wrong, sizeof side->wrong, format, args);
    va_end(args);
    return false;
}

bool kt_side_fail_saying(struct kt_side *side, const char *what)
{
    char words[100];

    kt_child_last_words(&side->child, words, sizeof words);
    return kt_side_fail(side, "%s; %s said: %s", what, side->peer->name, words[0] == '\0' ? "nothing" : words);
}

enum { ARGV_MAX = 64, FIXED = 2 };

/* The words of a call with the options more behind the first two, which name the program and what it shall be. */
struct call {
    const char *argv[ARGV_MAX];
    struct kt_path paths[KT_WORDS_MAX];
};

static void make_call(struct call *call, const struct kt_side *side, const char *const *argv)
{
    size_t n = 0;

    for (; n < FIXED; n++) {
        call->argv[n] = argv[n];
    }
    for (size_t i = 0; side->more != NULL && i < KT_WORDS_MAX && side->more->word[i] != NULL; i++) {
        const char *word = side->more->word[i];

        if (word[0] == '@') {
            call->paths[i] = kt_place_path(side->place, word);
            word = call->paths[i].text;
        }
        call->argv[n++] = word;
    }
    for (size_t i = FIXED; argv[i] != NULL && n + 1 < ARGV_MAX; i++) {
        if (argv[i][0] != '\0') {
            call->argv[n++] = argv[i];
        }
    }
    call->argv[n] = NULL;
}

bool kt_side_start(struct kt_side *side, const char *const *argv, bool joined, const char *package)
{
    struct call call;
    int error;

    make_call(&call, side, argv);
    error = kt_child_start(&side->child, call.argv, joined);
    side->data = &side->child.out;
    if (error == ENOENT) {
        return kt_side_fail(side, "%s is not installed (Debian: apt install %s)", argv[0], package);
    }
    return error == 0 || kt_side_fail(side, "%s does not start: %s", argv[0], strerror(error));
}

void kt_side_stop(struct kt_side *side)
{
    kt_child_stop(&side->child);
}

bool kt_side_send(struct kt_side *side, const char *line)
{
    return kt_child_write(&side->child, line, side->place->deadline_ms) || kt_side_fail_saying(side, "takes no data");
}

bool kt_side_receive(struct kt_side *side, const char *line)
{
    return kt_child_expect(&side->child, side->data, line, side->place->deadline_ms) != NULL ||
           kt_side_fail_saying(side, "the data did not arrive");
}

struct kt_path kt_place_path(const struct kt_place *place, const char *name)
{
    struct kt_path path;

    (void)snprintf(path.text, sizeof path.text, "%s/%s", place->folder, name[0] == '@' ? name + 1 : name);
    return path;
}

struct kt_path kt_side_authority(const struct kt_side *server)
{
    bool is_own = server->peer->is_ours && !server->certified;

    return kt_place_path(server->place, is_own ? KT_TOUR_OUR_CERT : KT_TOUR_AUTHORITY);
}

const char *kt_side_said(struct kt_side *side, struct kt_stream *stream, const char *text)
{
    const char *at = stream->text == NULL ? NULL : strstr(stream->text, text);

    if (at != NULL && strchr(at, '\n') != NULL) {
        return at + strlen(text);
    }
    return kt_child_expect_line(&side->child, stream, text, side->place->deadline_ms);
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool kt_side_take_binding(struct kt_side *side, const char *behind, char hex[KT_TOUR_BINDING])
{
    struct kt_stream *stream = side->peer->is_ours ? &side->child.err : side->data;
    const char *line = kt_side_said(side, stream, behind);
    size_t len = 0;

    while (line != NULL && len < KT_TOUR_BINDING - 1) {
        char c = line[len];

        hex[len] = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);
        if (!is_hex(hex[len])) {
            break;
        }
        len++;
    }
    hex[len] = '\0';
    return len == KT_TOUR_BINDING - 1 || kt_side_fail_saying(side, "no channel binding");
}
