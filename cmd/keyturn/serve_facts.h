/*
 * serve_facts.h - what status, epochs and bindings answer: the server in one line, then each connection in one.
 */
#ifndef KT_SERVE_FACTS_H
#define KT_SERVE_FACTS_H

#include "serve_worker.h"

/* One line about the store, when there is one. */
void kt_facts_store(struct kt_store *store, struct kt_text *out);
void kt_facts_status(struct kt_crew *crew, struct kt_worker *workers, size_t count, struct kt_text *out);
void kt_facts_epochs(struct kt_worker *workers, size_t count, struct kt_text *out);
/* Each connection's channel bindings in hex; "-" where there is none. */
void kt_facts_bindings(struct kt_worker *workers, size_t count, struct kt_text *out);
/* Returns how many connections will change their keys. */
size_t kt_facts_rekey(struct kt_worker *workers, size_t count, enum kt_rekey what);
/* Likewise for connections of TLS 1.2 and below. */
size_t kt_facts_rehandshake(struct kt_worker *workers, size_t count, enum kt_rehandshake kind);

/* Likewise: how many clients were asked for a certificate; how many get further tickets. */
size_t kt_facts_request(struct kt_worker *workers, size_t count, enum kt_client_auth mode);
size_t kt_facts_tickets(struct kt_worker *workers, size_t count, unsigned tickets);

#endif
