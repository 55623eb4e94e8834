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

bool kt_side_start(struct kt_side *side, const char *const *argv, bool joined, const char *package)
{
    int error = kt_child_start(&side->child, argv, joined);

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

    (void)snprintf(path.text, sizeof path.text, "%s/%s", place->folder, name);
    return path;
}

struct kt_path kt_side_authority(const struct kt_side *server)
{
    return kt_place_path(server->place, server->peer->is_ours ? KT_TOUR_OUR_CERT : KT_TOUR_STOCK_CERT);
}

bool kt_peer_certificate(const struct kt_place *place, char *wrong, size_t cap)
{
    struct kt_path cert = kt_place_path(place, KT_TOUR_STOCK_CERT), key = kt_place_path(place, KT_TOUR_STOCK_KEY);
    const char *const argv[] = {
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=localhost",
        "-addext",
        "subjectAltName=DNS:localhost,IP:127.0.0.1",
        "-keyout",
        key.text,
        "-out",
        cert.text,
        NULL,
    };
    static const struct kt_peer maker = {.name = "openssl"};
    struct kt_side side = {.peer = &maker, .place = place, .child = KT_CHILD_NONE};
    bool made = kt_side_start(&side, argv, true, "openssl");

    if (made && kt_child_wait(&side.child, place->deadline_ms) != 0) {
        made = kt_side_fail_saying(&side, "no certificate for the stock servers");
    }
    kt_side_stop(&side);
    (void)snprintf(wrong, cap, "%s", side.wrong);
    return made;
}
