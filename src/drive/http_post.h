/*
 * http_post.h - one request to a responder over a connection of its own. It waits, so it runs in a thread of its own.
 */
#ifndef KT_HTTP_POST_H
#define KT_HTTP_POST_H

#include <sys/socket.h>

#include <keyturn/fault.h>

#include "base/span.h"
#include "drive/ocsp_url.h"

struct kt_http_limits {
    uint64_t deadline_ms; /* of the monotonic clock of kt_env_linux */
    size_t max_bytes;     /* of the answer's body */
    bool local;           /* addresses of this host and its links, too */
};

/*
 * Sends `request` and receives the answer into *answer, to be freed by the caller. No redirect, no proxy, no second
 * try but at the other addresses of the host. CERTIFICATE_STATUS_UNREACHABLE with *error (an errno),
 * CERTIFICATE_STATUS_NO_ANSWER, CERTIFICATE_STATUS_NO_RESPONDER where no address may be asked, MEMORY_SPENT.
 */
KT_MUST_USE const struct kt_fault *kt_http_post(const struct kt_ocsp_url *url, struct kt_span request,
                                                const struct kt_http_limits *limits, uint8_t **answer, size_t *len,
                                                int *error);

/* Whether a stranger may make us connect to this address. */
KT_MUST_USE bool kt_http_is_elsewhere(const struct sockaddr *address);

#endif
