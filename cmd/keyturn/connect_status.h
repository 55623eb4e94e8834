/*
 * connect_status.h - what a client asks about the server's certificate beside the chain: revocation and timestamps; and
 * how many tickets it wants.
 */
#ifndef KT_CONNECT_STATUS_H
#define KT_CONNECT_STATUS_H

#include "options.h"

struct kt_asked {
    enum kt_staple staple;
    enum kt_ocsp_policy fetch;
    bool scts;
    bool tickets; /* says how many it wants */
    unsigned tickets_new, tickets_resumed;
};

/* For `set` functions: --ocsp, --ocsp-fetch and --ticket-request. NULL, or what is wrong. */
const char *kt_asked_staple(struct kt_asked *asked, const char *value);
const char *kt_asked_fetch(struct kt_asked *asked, const char *value);
const char *kt_asked_tickets(struct kt_asked *asked, const char *value);

/* KT_EXIT_NONE, or the message was printed. */
enum kt_exit kt_asked_apply(const struct kt_asked *asked, struct kt_builder *builder);

/* The fetcher that this needs; *out is NULL when it needs none. */
enum kt_exit kt_asked_fetcher(const struct kt_asked *asked, const struct kt_options *options, struct kt_ocsp **out);

/* The lines about what came. That a status is not known is said even when `quiet`. */
void kt_asked_report(const struct kt_asked *asked, struct kt_drive *drive, bool quiet);

#endif
