/*
 * serve_text.h - text that grows while it is written: the answers of the control socket.
 */
#ifndef KT_SERVE_TEXT_H
#define KT_SERVE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* All zero is empty. `spent`: memory ran out, and what did not fit is missing at the end. */
struct kt_text {
    char *p;
    size_t len, cap;
    bool spent;
};

void kt_text_add(struct kt_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Appends the content of `more`. */
void kt_text_join(struct kt_text *text, const struct kt_text *more);
void kt_text_free(struct kt_text *text);

#endif
