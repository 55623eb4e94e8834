/*
 * shelf.h - sessions by their id, until they are taken, expire or make room for newer ones.
 */
#ifndef KT_SHELF_H
#define KT_SHELF_H

#include <keyturn/session.h>

struct kt_shelf;

/* At most `capacity` sessions. NULL when there is no memory. kt_shelf_free accepts NULL. */
struct kt_shelf *kt_shelf_new(size_t capacity);
void kt_shelf_free(struct kt_shelf *shelf);

/* Takes a reference; where there is no room the oldest goes. False: no memory, and nothing has changed. */
bool kt_shelf_put(struct kt_shelf *shelf, struct kt_session *session);
/* A reference to it; it stays. NULL: it is not there. */
struct kt_session *kt_shelf_find(struct kt_shelf *shelf, struct kt_span id);
/* Takes it out: of two who come at once, one gets it. The reference is the caller's. NULL: it is not there. */
struct kt_session *kt_shelf_take(struct kt_shelf *shelf, struct kt_span id);

size_t kt_shelf_count(const struct kt_shelf *shelf);
uint64_t kt_shelf_evicted(const struct kt_shelf *shelf);

#endif
