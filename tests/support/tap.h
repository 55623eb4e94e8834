/*
 * tap.h - somebody between two connections who has the keys of both (key log, toy crypto): sees what is inside
 * the records and may send something else instead, sealed as the receiver expects it.
 *
 * With `repair` signatures and Finished are made anew for what the receiver has seen, as a peer would who left
 * something out on purpose: then only the receiver's own rules can find it.
 *
 * TLS 1.2 and below, first handshake of a connection: the keys are those of the side that has them. What is changed
 * before the extended main secret exists gives both sides another one, which nobody can repair.
 */
#ifndef TEST_TAP_H
#define TEST_TAP_H

#include "record/protect.h"
#include "support/loop.h"
#include "wire/messages.h"

enum { TAP_SECRETS = 4, TAP_VIEW = 1 << 16 };

struct tap;

/* What one record held. Sends with tap_send what shall arrive instead; nothing: it is dropped. */
typedef void tap_edit(struct tap *tap, enum kt_role from, uint8_t type, const uint8_t *content, size_t len);

/* One direction, named after its sender. */
struct tap_lane {
    int open_stage, seal_stage; /* 0 plain, 1 handshake keys (TLS 1.2: those of the session), 2 application keys */
    struct kt_protection open, seal;
    struct kt_secret open_secret, seal_secret;
    unsigned updates, requests; /* KeyUpdates that passed, and those among them that ask */
    bool asked;                 /* a request passed, and no KeyUpdate of the other side since */
    unsigned records;
};

struct tap {
    struct loop *l;
    tap_edit *edit; /* NULL: everything passes */
    void *user;
    bool repair;
    unsigned edits; /* how often the test has meddled: for the test itself */

    struct tap_lane lane[2];
    struct kt_secret secrets[2][TAP_SECRETS]; /* as each role logged them */
    struct kt_secret main12[2];               /* the main secret of TLS 1.2, likewise */
    uint8_t randoms[2][32];                   /* of both hellos, by role */
    uint8_t view[2][TAP_VIEW];                /* the handshake messages each role has seen, as it saw them */
    size_t view_len[2];
    uint8_t leaf[2][64]; /* first bytes of the certificate each role showed */
    size_t leaf_len[2];

    enum kt_role from; /* whose record is being edited */
    uint8_t *out;
    size_t out_len, out_cap;
};

/* `setup` gets the observer and key log switch; then loop_open. One tap at a time. */
void tap_open(struct tap *tap, struct loop *l, const struct loop_setup *setup);
/* Another connection of the same configurations, tapped from its beginning; edit, user and repair stay. */
void tap_reconnect(struct tap *tap);
void tap_close(struct tap *tap);

/* From within an edit: this arrives. */
void tap_send(struct tap *tap, uint8_t type, const uint8_t *content, size_t len);
/* At any other time: this arrives at the other side of `from` behind all that is on the wire. */
void tap_inject(struct tap *tap, enum kt_role from, uint8_t type, const uint8_t *content, size_t len);

/* The next message of a handshake record; false at the end or when it is not whole. */
bool tap_next_message(struct kt_span *rest, struct kt_span *message);

/* The secret both ends need: which end logged it, of which sender, handshake (false) or application (true). */
const struct kt_secret *tap_secret(const struct tap *tap, enum kt_role logged_by, enum kt_role sender,
                                   bool application);

#endif
