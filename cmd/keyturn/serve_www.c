/*
 * Www: the files of a folder by HTTP/1.1, with keep-alive. Between two requests a connection holds nothing.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "serve_http.h"
#include "serve_link.h"
#include "serve_path.h"

enum {
    IDLE_MS = 60000,  /* between requests */
    HEAD_MS = 15000,  /* from the first byte of a request to the end of its head */
    STALL_MS = 60000, /* for a client that does not read */
    ANSWER_MAX = 1024,
};

/* One request and its answer. */
struct exchange {
    char head[KT_HTTP_HEAD_MAX];
    size_t head_len;
    struct kt_http_request request;
    bool answering; /* the head of the answer is made */
    char answer[ANSWER_MAX];
    size_t answer_len, answer_sent;
    int file; /* -1: no body, or it stands in `answer` */
    uint64_t file_at, file_size;
    bool keep_alive;
};

/* Many clients end an idle connection without close_notify, which RFC 9112 section 9.8 wants servers to bear. */
static bool www_open(struct kt_link *link)
{
    link->at_rest = true;
    kt_link_patience(link, IDLE_MS);
    return true;
}

static void end_exchange(struct kt_link *link)
{
    struct exchange *x = link->state;

    if (x != NULL && x->file >= 0) {
        close(x->file);
    }
    free(x);
    link->state = NULL;
    link->at_rest = true;
}

static void format_date(char *out, size_t cap)
{
    time_t now = time(NULL);
    struct tm tm;

    gmtime_r(&now, &tm);
    strftime(out, cap, "%a, %d %b %Y %H:%M:%S GMT", &tm);
}

static void answer(struct exchange *x, int status, const char *type, uint64_t size, const char *field)
{
    char date[64];
    int len;

    format_date(date, sizeof date);
    len = snprintf(x->answer, sizeof x->answer,
                   "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %" PRIu64
                   "\r\n"
                   "X-Content-Type-Options: nosniff\r\nConnection: %s\r\n%s\r\n",
                   status, kt_http_reason(status), date, type, size, x->keep_alive ? "keep-alive" : "close", field);
    x->answer_len = (size_t)len;
    x->answering = true;
}

static void answer_refusal(struct exchange *x, int status, const char *field)
{
    char body[64];
    int len = snprintf(body, sizeof body, "%d %s\n", status, kt_http_reason(status));

    answer(x, status, "text/plain; charset=utf-8", (uint64_t)len, field);
    if (x->request.method != KT_HTTP_HEAD) {
        memcpy(x->answer + x->answer_len, body, (size_t)len);
        x->answer_len += (size_t)len;
    }
}

static void answer_moved(struct exchange *x)
{
    char field[ANSWER_MAX / 2] = "Location: /";
    size_t len = strlen(field);

    if (kt_http_encode(x->request.path, field + len, sizeof field - len - 3)) {
        memcpy(field + strlen(field), "/\r\n", 4);
        answer_refusal(x, 301, field);
    } else {
        answer_refusal(x, 404, "");
    }
}

static void answer_file(struct exchange *x, const struct kt_path_file *file)
{
    answer(x, 200, kt_http_type(file->type_of), file->size, "");
    if (x->request.method == KT_HTTP_HEAD) {
        close(file->fd);
    } else {
        x->file = file->fd;
        x->file_size = file->size;
    }
}

static void answer_path(struct kt_link *link, struct exchange *x)
{
    struct kt_path_file file;
    int status = kt_path_open(link->site->www_dir, x->request.path, x->request.wants_folder, &file);

    if (status == 200) {
        answer_file(x, &file);
    } else if (status == 301) {
        answer_moved(x);
    } else {
        answer_refusal(x, status, "");
    }
}

static void take_request(struct kt_link *link, struct exchange *x, size_t head_len)
{
    int status = kt_http_parse(x->head, head_len, &x->request);

    x->keep_alive = x->request.keep_alive && !link->stopping;
    if (status != 0) {
        answer_refusal(x, status, "");
    } else if (x->request.method == KT_HTTP_OTHER) {
        answer_refusal(x, 405, "Allow: GET, HEAD\r\n");
    } else {
        answer_path(link, x);
    }
    kt_link_patience(link, STALL_MS);
}

/* Takes no byte behind the head: what follows it is the next request. */
static bool read_head(struct kt_link *link, struct exchange *x)
{
    size_t len, seen = x->head_len, head_len;
    const uint8_t *data = kt_link_peek(link, &len);

    if (data == NULL) {
        return false;
    }
    if (len > sizeof x->head - seen) {
        len = sizeof x->head - seen;
    }
    memcpy(x->head + seen, data, len);
    x->head_len += len;
    head_len = kt_http_head_len(x->head, x->head_len, seen);
    kt_link_took(link, head_len > 0 ? head_len - seen : len);
    if (head_len > 0) {
        take_request(link, x, head_len);
    } else if (x->head_len == sizeof x->head) {
        answer_refusal(x, 431, "");
        kt_link_patience(link, STALL_MS);
    }
    return true;
}

static bool send_answer(struct kt_link *link, struct exchange *x)
{
    size_t n = kt_link_send(link, (const uint8_t *)x->answer + x->answer_sent, x->answer_len - x->answer_sent);

    x->answer_sent += n;
    return n > 0;
}

/* A file that became shorter cannot keep what Content-Length promised: no clean end, then. */
static bool send_file(struct kt_link *link, struct exchange *x)
{
    uint64_t left = x->file_size - x->file_at;
    size_t len;
    uint8_t *room = kt_link_lend(link, &len);
    ssize_t n;

    if (room == NULL) {
        return false;
    }
    n = pread(x->file, room, left < len ? (size_t)left : len, (off_t)x->file_at);
    if (n <= 0) {
        kt_link_drop(link, "a file changed while it was sent", 0);
        return true;
    }
    x->file_at += (uint64_t)n;
    kt_link_lent(link, (size_t)n);
    return true;
}

static bool finish_exchange(struct kt_link *link, bool keep_alive)
{
    end_exchange(link);
    if (keep_alive) {
        kt_link_patience(link, IDLE_MS);
    } else {
        kt_link_finish(link);
    }
    return true;
}

static bool run_answer(struct kt_link *link, struct exchange *x)
{
    bool moved = false;

    if (x->answer_sent < x->answer_len) {
        moved = send_answer(link, x);
    } else if (x->file >= 0 && x->file_at < x->file_size) {
        moved = send_file(link, x);
    } else {
        return finish_exchange(link, x->keep_alive);
    }
    if (moved) {
        kt_link_patience(link, STALL_MS);
    }
    return moved;
}

static bool run_idle(struct kt_link *link)
{
    size_t len;
    struct exchange *x;

    if (kt_link_peek(link, &len) == NULL) {
        if (!kt_link_ended(link) && (!link->stopping || link->net.readable)) {
            return false;
        }
        kt_link_finish(link);
        return true;
    }
    x = malloc(sizeof *x);
    if (x == NULL) {
        kt_link_drop(link, "not enough memory", 0);
        return true;
    }
    x->head_len = 0;
    x->answering = false;
    x->request.method = KT_HTTP_OTHER;
    x->answer_sent = 0;
    x->file = -1;
    x->file_at = x->file_size = 0;
    x->keep_alive = false;
    link->state = x;
    link->at_rest = false;
    kt_link_patience(link, HEAD_MS);
    return true;
}

static bool www_run(struct kt_link *link)
{
    struct exchange *x = link->state;

    if (x == NULL) {
        return run_idle(link);
    }
    if (x->answering) {
        return run_answer(link, x);
    }
    if (kt_link_ended(link)) {
        return finish_exchange(link, false); /* a request cut off in its head */
    }
    return read_head(link, x);
}

const struct kt_app kt_app_www = {"www", 2, www_open, www_run, end_exchange};
