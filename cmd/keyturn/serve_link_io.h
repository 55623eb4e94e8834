/*
 * serve_link_io.h - how bytes and answers move between a connection, its socket and its application.
 */
#ifndef KT_SERVE_LINK_IO_H
#define KT_SERVE_LINK_IO_H

#include "serve_link.h"

/* Each returns true when something moved. */
bool kt_link_flush(struct kt_link *link);
bool kt_link_fill(struct kt_link *link);
bool kt_link_answer(struct kt_link *link);

/* Reads and forgets what the socket still holds, so that closing it does not destroy what was sent last. */
bool kt_link_drain_socket(struct kt_link *link);

/* Nothing is queued for the socket. */
bool kt_link_flushed(struct kt_link *link);

/* Keeps the first fault as the reason why the connection ends; NULL is none. */
void kt_link_note(struct kt_link *link, const struct kt_fault *fault);

#endif
