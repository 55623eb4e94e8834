#include "drive/http_reply.h"

#include <string.h>
#include <strings.h>

/* The header as its lines tell it. */
struct header {
    bool has_type;
    bool has_length;
    size_t length;
};

/* Up to the next CRLF, which is passed over. False: there is none. */
static bool take_line(struct kt_span *rest, struct kt_span *line)
{
    for (size_t i = 0; i + 1 < rest->len; i++) {
        if (rest->p[i] == '\r' && rest->p[i + 1] == '\n') {
            *line = kt_span_of(rest->p, i);
            *rest = kt_span_of(rest->p + i + 2, rest->len - i - 2);
            return true;
        }
    }
    return false;
}

static bool is_clean(struct kt_span line)
{
    for (size_t i = 0; i < line.len; i++) {
        if ((line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static bool begins(struct kt_span text, const char *with)
{
    size_t len = strlen(with);

    return text.len >= len && strncasecmp((const char *)text.p, with, len) == 0;
}

/* "HTTP/1.x 200" and a reason that nobody needs. */
static bool is_success(struct kt_span line)
{
    return line.len >= 12 && begins(line, "HTTP/1.") && line.p[7] >= '0' && line.p[7] <= '9' &&
           memcmp(line.p + 8, " 200", 4) == 0 && (line.len == 12 || line.p[12] == ' ');
}

static struct kt_span trimmed(struct kt_span text)
{
    while (text.len > 0 && (text.p[0] == ' ' || text.p[0] == '\t')) {
        text = kt_span_of(text.p + 1, text.len - 1);
    }
    while (text.len > 0 && (text.p[text.len - 1] == ' ' || text.p[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static bool take_length(struct kt_span value, struct header *header)
{
    size_t length = 0;

    if (header->has_length || value.len == 0 || value.len > 7) { /* more than any response is allowed to be */
        return false;
    }
    for (size_t i = 0; i < value.len; i++) {
        if (value.p[i] < '0' || value.p[i] > '9') {
            return false;
        }
        length = length * 10 + (value.p[i] - '0');
    }
    header->has_length = true;
    header->length = length;
    return true;
}

static bool take_type(struct kt_span value, const char *type, struct header *header)
{
    size_t len = strlen(type);

    header->has_type = begins(value, type) && (value.len == len || value.p[len] == ';' || value.p[len] == ' ');
    return header->has_type;
}

/* One field. A body in another coding was not asked for. */
static bool take_field(struct kt_span line, const char *type, struct header *header)
{
    const uint8_t *colon = line.len > 0 ? memchr(line.p, ':', line.len) : NULL;
    struct kt_span name, value;

    if (colon == NULL || colon == line.p || !is_clean(line) || line.p[0] == ' ' || line.p[0] == '\t') {
        return false;
    }
    name = kt_span_of(line.p, (size_t)(colon - line.p));
    value = trimmed(kt_span_of(colon + 1, line.len - name.len - 1));
    if (name.len == 12 && begins(name, "content-type")) {
        return !header->has_type && take_type(value, type, header);
    }
    if (name.len == 14 && begins(name, "content-length")) {
        return take_length(value, header);
    }
    return !(name.len == 17 && begins(name, "transfer-encoding")) &&
           !(name.len == 16 && begins(name, "content-encoding"));
}

static enum kt_http_state take_body(struct kt_span rest, bool ended, const struct header *header, struct kt_span *body)
{
    if (!header->has_type || (header->has_length && rest.len > header->length)) {
        return KT_HTTP_BAD;
    }
    if (header->has_length ? rest.len == header->length : ended) {
        *body = rest;
        return KT_HTTP_DONE;
    }
    return ended ? KT_HTTP_BAD : KT_HTTP_MORE;
}

enum kt_http_state kt_http_reply(struct kt_span bytes, bool ended, const char *type, struct kt_span *body)
{
    struct header header = {0};
    struct kt_span rest = bytes;
    struct kt_span line;

    if (!take_line(&rest, &line)) {
        return ended || bytes.len > KT_HTTP_HEADER_MAX ? KT_HTTP_BAD : KT_HTTP_MORE;
    }
    if (!is_success(line) || !is_clean(line)) {
        return KT_HTTP_BAD;
    }
    while (take_line(&rest, &line)) {
        if ((size_t)(rest.p - bytes.p) > KT_HTTP_HEADER_MAX) {
            return KT_HTTP_BAD;
        }
        if (line.len == 0) {
            return take_body(rest, ended, &header, body);
        }
        if (!take_field(line, type, &header)) {
            return KT_HTTP_BAD;
        }
    }
    return ended || bytes.len > KT_HTTP_HEADER_MAX ? KT_HTTP_BAD : KT_HTTP_MORE;
}
