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

enum { KT_WORDS_MAX = 32 };

/* Options more than usual for one program. A word "@NAME" is the path of the file NAME of the tour. */
struct kt_words {
    const char *word[KT_WORDS_MAX + 1];
};

struct kt_side {
    const struct kt_peer *peer;
    const struct kt_place *place;
    struct kt_child child;
    struct kt_stream *data;      /* of child: what came through the connection */
    unsigned port;               /* of a server */
    char version[16];            /* what our side says was negotiated */
    char facts[256];             /* the same in full: "TLSv1.3 suite=..." */
    bool tls12;                  /* nothing newer than TLS 1.2 is spoken; otherwise TLS 1.3 */
    const struct kt_words *more; /* or NULL */
    bool certified;              /* a server of ours shows what the stock servers do, if anything; `more` says so */
    bool demands;                /* a server demands a certificate; `more` says whose */
    bool keyed;                  /* a client has an external key; `more` says which */
    unsigned visits;             /* clients a server takes; 0: one */
    char wrong[160];             /* why the last call failed */
};

enum { KT_TOUR_BINDING = 65 };

/* All return false with side->wrong set. NULL: the program cannot do it. */
struct kt_peer {
    const char *name;
    bool is_ours;
    bool echoes; /* a server that sends back what it gets; the others are told what to send */
    bool (*start)(struct kt_side *side, const struct kt_side *server); /* NULL: is the server itself */
    bool (*connected)(struct kt_side *side);
    bool (*update)(struct kt_side *side, bool both);
    bool (*epochs)(struct kt_side *side, struct kt_epochs *out);      /* only ours can tell */
    bool (*binding)(struct kt_side *side, char hex[KT_TOUR_BINDING]); /* tls-exporter, in hex of lower case */
    /* A server: asks this client for a certificate, and has verified it. */
    bool (*ask)(struct kt_side *side, struct kt_side *client);
    bool (*close)(struct kt_side *side);  /* a client: closes and ends well */
    bool (*closed)(struct kt_side *side); /* a server: has seen a clean end */
};

extern const struct kt_peer kt_peer_client_keyturn, kt_peer_client_openssl, kt_peer_client_gnutls;
extern const struct kt_peer kt_peer_server_keyturn, kt_peer_server_openssl, kt_peer_server_gnutls;

/* Sends a line, or waits until exactly this line comes. */
bool kt_side_send(struct kt_side *side, const char *line);
bool kt_side_receive(struct kt_side *side, const char *line);
void kt_side_stop(struct kt_side *side);

/* Waits for this text anywhere in what came, seen or not, and returns what follows it, with the end of its line. */
const char *kt_side_said(struct kt_side *side, struct kt_stream *stream, const char *text);

/* The file with the authority of the certificate that a server shows. */
struct kt_path kt_side_authority(const struct kt_side *server);

/* For `binding`: the 32 bytes in hex that follow this text. */
bool kt_side_take_binding(struct kt_side *side, const char *behind, char hex[KT_TOUR_BINDING]);

/* Makes an authority, the certificate that the stock servers (and clients that must) show, and its OCSP response, by
 * openssl. */
bool kt_peer_files(const struct kt_place *place, char *wrong, size_t cap);

/* For the files of the peers: sets side->wrong and returns false. */
bool kt_side_fail(struct kt_side *side, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The same with the last words of the child. */
bool kt_side_fail_saying(struct kt_side *side, const char *what);
/* Starts a program; an empty word is none, and a missing program is named with what installs it. */
bool kt_side_start(struct kt_side *side, const char *const *argv, bool joined, const char *package);

/* A file of the tour; its name may be written as a word "@NAME". */
struct kt_path kt_place_path(const struct kt_place *place, const char *name);

/* Files in the folder: what our servers show, and what the stock servers do. */
#define KT_TOUR_OUR_CERT   "keyturn.pem"
#define KT_TOUR_AUTHORITY  "@authority.pem"
#define KT_TOUR_STOCK_CERT "@stock.pem"
#define KT_TOUR_STOCK_KEY  "@stock.key"
#define KT_TOUR_STAPLE     "@stock.ocsp"

#endif
