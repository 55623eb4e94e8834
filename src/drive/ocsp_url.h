/*
 * ocsp_url.h - the address of a responder: http, and nothing that could be read in two ways.
 */
#ifndef KT_OCSP_URL_H
#define KT_OCSP_URL_H

#include <stdbool.h>

#include "base/compiler.h"

struct kt_ocsp_url {
    char host[256];  /* without brackets */
    char port[6];    /* "80" when the URL has none */
    char path[2048]; /* from the first slash on, query included; "/" when there is none */
    bool bracketed;  /* an IPv6 address */
};

/* "http://HOST[:PORT][/PATH]" in visible ASCII, without user, password and fragment; false when it is not that. */
KT_MUST_USE bool kt_ocsp_url_parse(const char *text, struct kt_ocsp_url *out);

#endif
