/*
 * tour_peer.h - the programs that meet in the tour, each in both roles, behind one set of verbs.
 */
#ifndef KT_TOUR_PEER_H
#define KT_TOUR_PEER_H

#include "tour_child.h"

/* Where the tour keeps its files, and how long it waits. */
struct kt_place {
    char folder[64];
    const char *ladder; /* the option of our client that draws one, or NULL */
    uint64_t deadline_ms;
};

/* "FOLDER/NAME" */
struct kt_path {
    char text[96];
};

struct kt_epochs {
    unsigned long sending, receiving;
};

struct kt_side {
    const struct kt_peer *peer;
    const struct kt_place *place;
    struct kt_child child;
    struct kt_stream *data; /* of child: what came through the connection */
    unsigned port;          /* of a server */
    char version[16];       /* what our side says was negotiated */
    char wrong[160];        /* why the last call failed */
};

/* All return false with side->wrong set. NULL: the program cannot do it. */
struct kt_peer {
    const char *name;
    bool is_ours;
    bool echoes; /* a server that sends back what it gets; the others are told what to send */
    bool (*start)(struct kt_side *side, const struct kt_side *server); /* NULL: is the server itself */
    bool (*connected)(struct kt_side *side);
    bool (*update)(struct kt_side *side, bool both);
    bool (*epochs)(struct kt_side *side, struct kt_epochs *out); /* only ours can tell */
    bool (*close)(struct kt_side *side);                         /* a client: closes and ends well */
    bool (*closed)(struct kt_side *side);                        /* a server: has seen a clean end */
};

extern const struct kt_peer kt_peer_client_keyturn, kt_peer_client_openssl, kt_peer_client_gnutls;
extern const struct kt_peer kt_peer_server_keyturn, kt_peer_server_openssl, kt_peer_server_gnutls;

/* Sends a line, or waits until exactly this line comes. */
bool kt_side_send(struct kt_side *side, const char *line);
bool kt_side_receive(struct kt_side *side, const char *line);
void kt_side_stop(struct kt_side *side);

/* The file with the certificate that a server shows. */
struct kt_path kt_side_authority(const struct kt_side *server);

/* Makes the certificate that the stock servers show, by openssl. */
bool kt_peer_certificate(const struct kt_place *place, char *wrong, size_t cap);

/* For the files of the peers: sets side->wrong and returns false. */
bool kt_side_fail(struct kt_side *side, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the last words of the child. */
bool kt_side_fail_saying(struct kt_side *side, const char *what);
/* Starts a program; a missing one is named with what installs it. */
bool kt_side_start(struct kt_side *side, const char *const *argv, bool joined, const char *package);

struct kt_path kt_place_path(const struct kt_place *place, const char *name);

/* Files in the folder: what our servers show, and what the stock servers do. */
#define KT_TOUR_OUR_CERT   "keyturn.pem"
#define KT_TOUR_STOCK_CERT "stock.pem"
#define KT_TOUR_STOCK_KEY  "stock.key"

#endif
