/*
 * tour_feature.h - the verbs from KT_VERB_LATER on: what a connection can have. Each is tried on connections of its
 * own, with options more than usual on either side.
 */
#ifndef KT_TOUR_FEATURE_H
#define KT_TOUR_FEATURE_H

#include "tour_row.h"

/* Whether these two can do it, as far as the programs have options for it. */
bool kt_feature_applies(const struct kt_row *row, enum kt_verb verb);
/* Whether it needs the files of kt_peer_files even where both sides are ours. */
bool kt_feature_needs_files(enum kt_verb verb);

/* Tries it. Within place->deadline_ms. */
void kt_feature_run(struct kt_row *row, enum kt_verb verb, const struct kt_place *place);

#endif
