#include "drive/ocsp_url.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char SCHEME[] = "http://";
static const char ALNUM[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/* No space, no control character, no fragment: the text goes into a request as it stands. */
static bool is_visible(const char *text)
{
    for (const char *p = text; *p != '\0'; p++) {
        if (*p <= ' ' || *p > '~' || *p == '#') {
            return false;
        }
    }
    return true;
}

static bool copy(char *to, size_t cap, const char *from, size_t len)
{
    if (len >= cap) {
        return false;
    }
    memcpy(to, from, len);
    to[len] = '\0';
    return true;
}

static bool take_host(const char **at, struct kt_ocsp_url *out)
{
    const char *from = *at;
    size_t len;

    out->bracketed = *from == '[';
    if (out->bracketed) {
        from++;
        len = strspn(from, "0123456789abcdefABCDEF:.");
        if (from[len] != ']') {
            return false;
        }
        *at = from + len + 1;
    } else {
        len = strspn(from, ALNUM);
        while (len > 0 && (from[len] == '-' || from[len] == '.' || from[len] == '_')) {
            len += 1 + strspn(from + len + 1, ALNUM);
        }
        *at = from + len;
    }
    return len > 0 && copy(out->host, sizeof out->host, from, len);
}

static bool take_port(const char **at, struct kt_ocsp_url *out)
{
    size_t len;
    long port;

    if (**at != ':') {
        return copy(out->port, sizeof out->port, "80", 2);
    }
    len = strspn(*at + 1, "0123456789");
    if (len == 0 || !copy(out->port, sizeof out->port, *at + 1, len)) {
        return false;
    }
    *at += 1 + len;
    port = strtol(out->port, NULL, 10);
    return port > 0 && port < 65536 && out->port[0] != '0';
}

static bool take_path(const char *at, struct kt_ocsp_url *out)
{
    if (*at == '\0') {
        return copy(out->path, sizeof out->path, "/", 1);
    }
    return *at == '/' && copy(out->path, sizeof out->path, at, strlen(at));
}

bool kt_ocsp_url_parse(const char *text, struct kt_ocsp_url *out)
{
    const char *at = text + strlen(SCHEME);

    return is_visible(text) && strncasecmp(text, SCHEME, strlen(SCHEME)) == 0 && take_host(&at, out) &&
           take_port(&at, out) && take_path(at, out);
}
