/*
 * serve_path.h - opens what a request names, and nothing outside the folder that is published.
 */
#ifndef KT_SERVE_PATH_H
#define KT_SERVE_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "serve_http.h"

struct kt_path_file {
    int fd; /* a regular file */
    uint64_t size;
    char type_of[KT_HTTP_PATH_MAX + 16]; /* the name whose ending says what it is */
};

/* The folder to publish, or -1 with errno; ENOSYS when the kernel cannot keep requests inside (before Linux 5.6). */
int kt_path_root(const char *folder);

/* 200: *out is open. 301: a folder named without its slash. Else 403, 404 or 500. A folder means its index.html. */
int kt_path_open(int root, const char *path, bool wants_folder, struct kt_path_file *out);

#endif
