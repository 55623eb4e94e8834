/*
 * options_value.h - what a value of an option is read as: numbers, names, lists. What returns a text returns NULL, or
 * what is wrong with the value.
 */
#ifndef KT_OPTIONS_VALUE_H
#define KT_OPTIONS_VALUE_H

#include "options.h"

/* What a kind of names is called, and what they stand for. */
struct kt_value_names {
    const char *what;
    uint16_t (*named)(const char *name);
    const char *(*refusal)(const char *name);
};

/* What is wrong, with the part of the value that is. The text is good until the next call: options are parsed by one
 * thread, and the first complaint ends it. */
const char *kt_value_complaint(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A decimal number from 0 to max. */
const char *kt_value_number(const char *text, uint64_t max, uint64_t *out);
const char *kt_value_u32(const char *text, uint32_t max, uint32_t *out);

/* Takes the next item of a comma separated list; false at its end. */
bool kt_value_next(const char **list, struct kt_span *item);

/* One name; a list of them, which replaces what was in `out`. */
const char *kt_value_id(struct kt_span item, const struct kt_value_names *names, uint16_t *out);
const char *kt_value_ids(const char *list, const struct kt_value_names *names, struct kt_option_ids *out);

#endif
