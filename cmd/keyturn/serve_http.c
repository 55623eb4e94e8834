#include "serve_http.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

struct cut {
    const char *p;
    size_t len;
};

struct fields {
    unsigned hosts;
    bool says_close, says_keep_alive;
    bool has_body;
};

size_t kt_http_head_len(const char *bytes, size_t len, size_t seen)
{
    size_t from = seen < 3 ? 0 : seen - 3; /* the end may have begun in what was seen */
    const char *end = memmem(bytes + from, len - from, "\r\n\r\n", 4);

    return end == NULL ? 0 : (size_t)(end - bytes) + 4;
}

static bool equals(struct cut a, const char *word)
{
    return a.len == strlen(word) && memcmp(a.p, word, a.len) == 0;
}

static bool equals_any_case(struct cut a, const char *word)
{
    return a.len == strlen(word) && strncasecmp(a.p, word, a.len) == 0;
}

/* tchar of RFC 9110 section 5.6.2. */
static bool is_token_char(unsigned char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_token(struct cut a)
{
    for (size_t i = 0; i < a.len; i++) {
        if (!is_token_char((unsigned char)a.p[i])) {
            return false;
        }
    }
    return a.len > 0;
}

/* Cuts off what stands before `mark`, which is dropped; false when there is none. */
static bool cut_at(struct cut *rest, char mark, struct cut *out)
{
    const char *at = memchr(rest->p, mark, rest->len);

    if (at == NULL) {
        return false;
    }
    *out = (struct cut){rest->p, (size_t)(at - rest->p)};
    rest->p = at + 1;
    rest->len -= out->len + 1;
    return true;
}

/* A line without its CRLF. A CR or LF alone is no end of a line, and stays to be refused as a character. */
static bool cut_line(struct cut *rest, struct cut *out)
{
    const char *end = memmem(rest->p, rest->len, "\r\n", 2);

    if (end == NULL) {
        return false;
    }
    *out = (struct cut){rest->p, (size_t)(end - rest->p)};
    rest->p = end + 2;
    rest->len -= out->len + 2;
    return true;
}

static struct cut trim(struct cut a)
{
    while (a.len > 0 && (a.p[0] == ' ' || a.p[0] == '\t')) {
        a.p++;
        a.len--;
    }
    while (a.len > 0 && (a.p[a.len - 1] == ' ' || a.p[a.len - 1] == '\t')) {
        a.len--;
    }
    return a;
}

static bool is_field_value(struct cut a)
{
    for (size_t i = 0; i < a.len; i++) {
        unsigned char c = (unsigned char)a.p[i];

        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

static void take_connection(struct cut value, struct fields *fields)
{
    struct cut word;

    do {
        struct cut rest = value;

        if (!cut_at(&rest, ',', &word)) {
            word = value;
            rest.len = 0;
        }
        value = rest;
        word = trim(word);
        fields->says_close = fields->says_close || equals_any_case(word, "close");
        fields->says_keep_alive = fields->says_keep_alive || equals_any_case(word, "keep-alive");
    } while (value.len > 0);
}

static int take_field(struct cut line, struct fields *fields)
{
    struct cut name, value = line;

    if (!cut_at(&value, ':', &name) || !is_token(name) || !is_field_value(value)) {
        return 400;
    }
    value = trim(value);
    if (equals_any_case(name, "host")) {
        fields->hosts++;
    } else if (equals_any_case(name, "connection")) {
        take_connection(value, fields);
    } else if (equals_any_case(name, "transfer-encoding")) {
        fields->has_body = true;
    } else if (equals_any_case(name, "content-length")) {
        fields->has_body = fields->has_body || !equals(value, "0");
    }
    return 0;
}

static int take_fields(struct cut rest, struct fields *fields)
{
    struct cut line;

    for (unsigned count = 0; cut_line(&rest, &line) && line.len > 0; count++) {
        int status = count == KT_HTTP_FIELDS_MAX ? 431 : take_field(line, fields);

        if (status != 0) {
            return status;
        }
    }
    return 0;
}

/* The absolute form names a scheme and an authority first, which a server must understand (RFC 9112 section 3.2.2). */
static bool skip_authority(struct cut *target)
{
    static const char *const schemes[] = {"https://", "http://"};

    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        size_t len = strlen(schemes[i]);

        if (target->len > len && strncasecmp(target->p, schemes[i], len) == 0) {
            const char *slash = memchr(target->p + len, '/', target->len - len);

            if (slash == NULL) {
                return false;
            }
            target->len -= (size_t)(slash - target->p);
            target->p = slash;
        }
    }
    return target->len > 0 && target->p[0] == '/';
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at;
    char lower = (char)(c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c);

    at = lower == '\0' ? NULL : strchr(digits, lower);
    return at == NULL ? -1 : (int)(at - digits);
}

/* Decodes in one step what stands at *at; -1 when it is not allowed there. */
static int decode_char(const struct cut *target, size_t *at)
{
    int c = (unsigned char)target->p[*at], high, low;

    *at += 1;
    if (c == '%') {
        if (target->len - *at < 2) {
            return -1;
        }
        high = hex_digit(target->p[*at]);
        low = hex_digit(target->p[*at + 1]);
        *at += 2;
        c = high < 0 || low < 0 ? -1 : high * 16 + low;
    } else if (c <= ' ' || c >= 0x7f || c == '#') {
        return -1;
    }
    return c == 0 ? -1 : c;
}

static int decode(struct cut target, char out[KT_HTTP_PATH_MAX])
{
    size_t len = 0;

    for (size_t at = 0; at < target.len && target.p[at] != '?';) {
        int c = decode_char(&target, &at);

        if (c < 0) {
            return 400;
        }
        if (len + 2 > KT_HTTP_PATH_MAX) {
            return 414;
        }
        out[len++] = (char)c;
    }
    out[len] = '\0';
    return 0;
}

/* Names that begin with a dot are not published, ".." least of all; RFC 8615 makes one exception. */
static bool is_hidden(const char *name, size_t len)
{
    static const char well_known[] = ".well-known";

    return name[0] == '.' && !(len == sizeof well_known - 1 && memcmp(name, well_known, len) == 0);
}

/* "/a//b/./c" becomes "a/b/c", in place. */
static int normalise(struct kt_http_request *out)
{
    const char *at = out->path;
    size_t len = 0;

    out->wants_folder = out->path[strlen(out->path) - 1] == '/';
    while (*at != '\0') {
        size_t name = strcspn(at, "/");
        bool here = name == 0 || (name == 1 && at[0] == '.');

        if (!here && is_hidden(at, name)) {
            return 404;
        }
        if (!here) {
            if (len > 0) {
                out->path[len++] = '/';
            }
            memmove(out->path + len, at, name);
            len += name;
        }
        at += name + (at[name] == '/');
    }
    if (len == 0) {
        out->path[len++] = '.';
    }
    out->path[len] = '\0';
    return 0;
}

static enum kt_http_method method_named(struct cut name)
{
    if (equals(name, "GET")) {
        return KT_HTTP_GET;
    }
    return equals(name, "HEAD") ? KT_HTTP_HEAD : KT_HTTP_OTHER;
}

static int take_version(struct cut version, bool *is_1_0)
{
    if (version.len != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.') {
        return 400;
    }
    if (version.p[5] != '1' || version.p[7] < '0' || version.p[7] > '9') {
        return 505;
    }
    *is_1_0 = version.p[7] == '0';
    return 0;
}

static int take_target(struct cut target, struct kt_http_request *out)
{
    int status;

    if (!skip_authority(&target)) {
        return 400;
    }
    status = decode(target, out->path);
    return status != 0 ? status : normalise(out);
}

int kt_http_parse(const char *head, size_t len, struct kt_http_request *out)
{
    struct cut rest = {head, len}, line, method, target;
    struct fields fields = {0};
    bool is_1_0 = false;
    int status;

    *out = (struct kt_http_request){.method = KT_HTTP_OTHER};
    if (!cut_line(&rest, &line) || !cut_at(&line, ' ', &method) || !is_token(method) || !cut_at(&line, ' ', &target)) {
        return 400;
    }
    out->method = method_named(method);
    status = take_version(line, &is_1_0);
    if (status == 0) {
        status = take_fields(rest, &fields);
    }
    if (status == 0 && !(fields.hosts == 1 || (is_1_0 && fields.hosts == 0))) {
        status = 400;
    }
    if (status == 0) {
        status = take_target(target, out);
    }
    out->has_body = fields.has_body;
    out->keep_alive =
        (status == 0 || status == 404) && !fields.has_body && !fields.says_close && (!is_1_0 || fields.says_keep_alive);
    return status;
}

bool kt_http_encode(const char *path, char *out, size_t cap)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;

    for (; *path != '\0'; path++) {
        unsigned char c = (unsigned char)*path;

        if (len + 4 > cap) {
            return false;
        }
        if (c == '/' || (is_token_char(c) && c != '%')) {
            out[len++] = (char)c;
        } else {
            out[len++] = '%';
            out[len++] = digits[c >> 4];
            out[len++] = digits[c & 15];
        }
    }
    out[len] = '\0';
    return true;
}

const char *kt_http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } reasons[] = {
        {200, "OK"},
        {301, "Moved Permanently"},
        {400, "Bad Request"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {414, "URI Too Long"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {505, "HTTP Version Not Supported"},
    };

    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++) {
        if (reasons[i].status == status) {
            return reasons[i].reason;
        }
    }
    return "Unknown";
}

const char *kt_http_type(const char *path)
{
    static const char *const types[][2] = {
        {"html", "text/html; charset=utf-8"},
        {"htm", "text/html; charset=utf-8"},
        {"css", "text/css; charset=utf-8"},
        {"js", "text/javascript; charset=utf-8"},
        {"mjs", "text/javascript; charset=utf-8"},
        {"txt", "text/plain; charset=utf-8"},
        {"md", "text/markdown; charset=utf-8"},
        {"csv", "text/csv; charset=utf-8"},
        {"json", "application/json"},
        {"xml", "application/xml"},
        {"pdf", "application/pdf"},
        {"wasm", "application/wasm"},
        {"zip", "application/zip"},
        {"gz", "application/gzip"},
        {"svg", "image/svg+xml"},
        {"png", "image/png"},
        {"jpg", "image/jpeg"},
        {"jpeg", "image/jpeg"},
        {"gif", "image/gif"},
        {"webp", "image/webp"},
        {"ico", "image/x-icon"},
        {"woff2", "font/woff2"},
        {"mp3", "audio/mpeg"},
        {"mp4", "video/mp4"},
        {"webm", "video/webm"},
    };
    const char *slash = strrchr(path, '/'), *dot = strrchr(slash == NULL ? path : slash, '.');

    for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++) {
        if (strcasecmp(dot + 1, types[i][0]) == 0) {
            return types[i][1];
        }
    }
    return "application/octet-stream";
}
