/*
 * serve_http.h - the head of an HTTP/1.1 request, read strictly (RFC 9112), and the path it names.
 *
 * Nothing here does I/O. What is not understood is refused: a request that two programs read differently is how one
 * is smuggled past the other.
 */
#ifndef KT_SERVE_HTTP_H
#define KT_SERVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

enum {
    KT_HTTP_HEAD_MAX = 8192, /* request line and fields */
    KT_HTTP_PATH_MAX = 2048,
    KT_HTTP_FIELDS_MAX = 100,
};

enum kt_http_method { KT_HTTP_GET, KT_HTTP_HEAD, KT_HTTP_OTHER };

struct kt_http_request {
    enum kt_http_method method;
    bool keep_alive;
    bool has_body;               /* a body follows, which nobody reads */
    bool wants_folder;           /* the path ended with a slash */
    char path[KT_HTTP_PATH_MAX]; /* decoded, relative ("." for the root), without "." and "..", ends with NUL */
};

/* The length of the head at the beginning of `bytes` with its empty line, or 0 when its end is not there yet. `seen`
 * bytes were looked at before. */
size_t kt_http_head_len(const char *bytes, size_t len, size_t seen);

/* Reads a whole head. Returns 0, or the status to refuse it with: 400, 404, 414, 431 or 505. The method is known
 * and keep_alive false after a refusal. */
int kt_http_parse(const char *head, size_t len, struct kt_http_request *out);

/* Writes a decoded path as it stands in a URL. False when it does not fit. */
bool kt_http_encode(const char *path, char *out, size_t cap);

/* The reason phrase of a status ("Not Found"). */
const char *kt_http_reason(int status);

/* The media type for the ending of a file name. */
const char *kt_http_type(const char *path);

#endif
