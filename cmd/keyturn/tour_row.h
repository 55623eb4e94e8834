/*
 * tour_row.h - one connection of the tour: a client, a server, and what is tried between them.
 */
#ifndef KT_TOUR_ROW_H
#define KT_TOUR_ROW_H

#include "tour_peer.h"

enum kt_verb {
    KT_VERB_HANDSHAKE,
    KT_VERB_DATA,
    KT_VERB_UPDATE_SEND, /* our side changes its key */
    KT_VERB_UPDATE_BOTH, /* our side changes its key and asks for the other */
    KT_VERB_PEER_UPDATE, /* the other side does the same */
    KT_VERB_CLOSE,
    KT_VERB_LATER,                  /* what follows is tried on connections of its own (tour_feature.h) */
    KT_VERB_RESUME = KT_VERB_LATER, /* by a ticket */
    KT_VERB_PSK,                    /* an external key proves both sides; nobody shows a certificate */
    KT_VERB_CLIENT_AUTH,            /* the client shows a certificate */
    KT_VERB_POST_AUTH,              /* the same, asked for after the handshake */
    KT_VERB_OCSP,                   /* the server staples the status of its own */
    KT_VERB_RECORD_LIMIT,           /* records are short */
    KT_VERB_POLICY,                 /* our side allows little */
    KT_VERB_BINDING,                /* both have the same channel binding */
    KT_VERB_COUNT,
};

enum kt_result { KT_RESULT_NONE, KT_RESULT_PASS, KT_RESULT_FAIL };

struct kt_cell {
    bool wanted;
    enum kt_result result; /* NONE: not tried, or the peer has no way to do it */
    double ms;
    char note[256]; /* why it failed */
};

struct kt_row {
    const struct kt_peer *client, *server;
    bool tls12; /* instead of TLS 1.3 */
    char version[16];
    struct kt_cell cells[KT_VERB_COUNT];
};

/* "update-both" */
const char *kt_verb_name(enum kt_verb verb);
/* What the row is for, also when nothing came of it: "TLSv1.2" */
const char *kt_row_version(const struct kt_row *row);
/* Whether the version and these two have a way to do it; of the verbs before KT_VERB_LATER. */
bool kt_row_applies(const struct kt_row *row, enum kt_verb verb);

/* "keyturn/openssl/update-both", in TLS 1.2 "keyturn/openssl/tls12/resume": what --only is compared with. */
void kt_row_cell_name(const struct kt_row *row, enum kt_verb verb, char *out, size_t cap);

/* Tries what is wanted. Within place->deadline_ms, which is the row's own. */
void kt_row_run(struct kt_row *row, const struct kt_place *place);

/* One connection of ours with ours, drawn: writes the client's ladder to stdout. False with a note. */
bool kt_row_ladder(const struct kt_place *place, char *note, size_t cap);
/* Two in TLS 1.2: a full handshake, and another that resumes it. */
bool kt_row_ladder12(const struct kt_place *place, char *note, size_t cap);

#endif
