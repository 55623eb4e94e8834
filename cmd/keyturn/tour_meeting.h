/*
 * tour_meeting.h - a client and a server of the tour while something is tried between them.
 */
#ifndef KT_TOUR_MEETING_H
#define KT_TOUR_MEETING_H

#include "tour_row.h"

struct kt_meeting {
    struct kt_side client, server;
    struct kt_side *ours, *other; /* the same two, by whose they are; where both are ours, ours is the client */
    unsigned lines;               /* sent until now: no two are the same */
};

double kt_meeting_now_ms(void);

/* Nobody is started yet. kt_meeting_end ends whoever was. */
void kt_meeting_begin(struct kt_meeting *m, const struct kt_row *row, const struct kt_place *place);
void kt_meeting_end(struct kt_meeting *m);
/* Removes the session that a client kept: what one row leaves behind is of no use to the next. */
void kt_meeting_forget(const struct kt_place *place);

/* The client comes to the server, which is there, and both are connected. */
bool kt_meeting_visit(struct kt_meeting *m);
/* One line each way, unchanged. */
bool kt_meeting_exchange(struct kt_meeting *m);

/* Why it failed, and on which side. */
void kt_meeting_note(const struct kt_meeting *m, struct kt_cell *cell);

#endif
