/*
 * session_file.h - a session that waits in a file for the next connection.
 *
 * Whoever reads the file can resume the session, so it is its owner's alone: another one is refused.
 */
#ifndef KT_SESSION_FILE_H
#define KT_SESSION_FILE_H

#include "options.h"

/* No file: *out stays NULL. One that cannot be parsed: the same, with a line that says so. */
enum kt_exit kt_session_file_read(const char *path, const struct kt_env *env, struct kt_session **out);
/* Replaces the file at once; who reads meanwhile sees the old one. */
enum kt_exit kt_session_file_write(const char *path, const struct kt_session *session);

#endif
