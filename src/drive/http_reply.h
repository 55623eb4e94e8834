/*
 * http_reply.h - what a responder sends back, as far as one question by HTTP/1.0 needs it (RFC 9112).
 */
#ifndef KT_HTTP_REPLY_H
#define KT_HTTP_REPLY_H

#include "base/compiler.h"
#include "base/span.h"

enum kt_http_state {
    KT_HTTP_MORE, /* not all is there yet */
    KT_HTTP_DONE,
    KT_HTTP_BAD, /* not what was asked for: another status or type, a form that HTTP/1.0 does not have, too long */
};

enum { KT_HTTP_HEADER_MAX = 8192 };

/*
 * Looks at all bytes that came until now; `ended`: no more will. DONE: *body lies within them and is of that media
 * type. A pure function, to be called again with more.
 */
KT_MUST_USE enum kt_http_state kt_http_reply(struct kt_span bytes, bool ended, const char *type, struct kt_span *body);

#endif
