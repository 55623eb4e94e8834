/*
 * report.h - the lines on stderr that say what happened: "keyturn: connected ...", closed, error, hint.
 *
 * Each call is one write, so that lines of several threads do not mix. `tag` stands before the text, "[7] "
 * for connection 7, "" where there is only one.
 */
#ifndef KT_REPORT_H
#define KT_REPORT_H

#include "options.h"

/* "keyturn: " tag text newline. */
void kt_report_line(const char *tag, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* connected TLSv1.3 suite=... `verified`: the peer's certificate was checked; `ms`: how long it took. */
void kt_report_connected(const char *tag, const struct kt_conn *conn, bool verified, uint64_t ms);

/* closed clean sent=N received=N (bytes of the application) epochs-sent=N epochs-received=N (how many there
 * were, the first one too) */
void kt_report_closed(const char *tag, const struct kt_conn *conn, uint64_t sent, uint64_t received);

/*
 * error: and hint: lines for a fault; returns the exit code that fits it. `subject` says what it was about
 * ("localhost:443", a file name) or is NULL. `conn` is the connection that failed, or NULL; `error` an errno
 * or 0.
 */
enum kt_exit kt_report_fault(const char *tag, const char *subject, const struct kt_fault *fault,
                             const struct kt_conn *conn, int error);

/* The exit code alone. `alert` is the alert received, or -1. */
enum kt_exit kt_report_exit(const struct kt_fault *fault, int alert);

/* error: and a hint to --help of the command; returns KT_EXIT_USAGE. */
enum kt_exit kt_report_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
