/*
 * tour_show.h - the results of the tour for people and for programs.
 */
#ifndef KT_TOUR_SHOW_H
#define KT_TOUR_SHOW_H

#include "tour_row.h"

/* Of the verbs from `first` to before `end`: a line for each row as it is done; `colour` for a terminal. */
void kt_show_head(enum kt_verb first, enum kt_verb end);
void kt_show_row(const struct kt_row *row, enum kt_verb first, enum kt_verb end, bool colour);

/* What failed and why, and one line about all. Returns how many cells failed. */
unsigned kt_show_end(const struct kt_row *rows, size_t count, uint64_t ms);

/* {"cells":[...]}; false with errno. */
bool kt_show_json(const struct kt_row *rows, size_t count, const char *path);

#endif
