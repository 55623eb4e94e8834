/*
 * serve_revoke.h - the command that takes sessions back, and the connections that came of them if that is wanted.
 */
#ifndef KT_SERVE_REVOKE_H
#define KT_SERVE_REVOKE_H

#include "serve_worker.h"

struct kt_revoke_site {
    struct kt_store *store; /* NULL: there is none */
    struct kt_worker *workers;
    size_t worker_count;
    int64_t now; /* Unix time */
};

/* `words`: "session HEX", "lineage HEX", "identity HEX", "name NAME" or "generation N", and perhaps "close" behind it.
 * Answers with lines and a final "ok" or "error: ...". */
void kt_revoke_run(const struct kt_revoke_site *site, const char *words, struct kt_text *answer);

#endif
