/* The files that the tour needs beside its own: made anew each time, by openssl, good for two days. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tour_peer.h"

#define NEW_KEY "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"

/* What openssl calls a database of certificates: this one of serial 0x1000 is valid. */
static const char database[] = "V\t491231235959Z\t\t1000\tunknown\t/CN=localhost\n";

static const struct kt_words authority = {{
    NEW_KEY,
    "-subj",
    "/CN=Keyturn tour",
    "-addext",
    "keyUsage=critical,keyCertSign,digitalSignature",
    "-keyout",
    "@authority.key",
    "-out",
    KT_TOUR_AUTHORITY,
}};

/* No purpose is named, so it is good for servers and for clients. */
static const struct kt_words leaf = {{
    NEW_KEY,
    "-CA",
    KT_TOUR_AUTHORITY,
    "-CAkey",
    "@authority.key",
    "-set_serial",
    "4096",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=DNS:localhost,IP:127.0.0.1",
    "-addext",
    "basicConstraints=critical,CA:false",
    "-addext",
    "keyUsage=critical,digitalSignature",
    "-keyout",
    KT_TOUR_STOCK_KEY,
    "-out",
    KT_TOUR_STOCK_CERT,
}};

static const struct kt_words staple = {{
    "-index",
    "@database",
    "-rsigner",
    KT_TOUR_AUTHORITY,
    "-rkey",
    "@authority.key",
    "-CA",
    KT_TOUR_AUTHORITY,
    "-issuer",
    KT_TOUR_AUTHORITY,
    "-cert",
    KT_TOUR_STOCK_CERT,
    "-ndays",
    "2",
    "-respout",
    KT_TOUR_STAPLE,
}};

static bool run(struct kt_side *side, const char *what, const struct kt_words *words)
{
    const char *const argv[] = {"openssl", what, NULL};
    bool made;

    side->more = words;
    made = kt_side_start(side, argv, true, "openssl") &&
           (kt_child_wait(&side->child, side->place->deadline_ms) == 0 ||
            kt_side_fail_saying(side, "no certificate for the stock servers"));
    kt_side_stop(side);
    return made;
}

static bool write_database(struct kt_side *side)
{
    struct kt_path path = kt_place_path(side->place, "database");
    FILE *file = fopen(path.text, "we");
    bool written = file != NULL && fputs(database, file) >= 0;

    written = file != NULL && fclose(file) == 0 && written;
    return written || kt_side_fail(side, "%s: %s", path.text, strerror(errno));
}

bool kt_peer_files(const struct kt_place *place, char *wrong, size_t cap)
{
    static const struct kt_peer maker = {.name = "openssl"};
    struct kt_side side = {.peer = &maker, .place = place, .child = KT_CHILD_NONE};
    bool made = run(&side, "req", &authority) && run(&side, "req", &leaf) && write_database(&side) &&
                run(&side, "ocsp", &staple);

    (void)snprintf(wrong, cap, "%s", side.wrong);
    return made;
}
