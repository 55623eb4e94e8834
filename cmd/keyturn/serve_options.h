/*
 * serve_options.h - what the command line of serve says beyond the common options.
 */
#ifndef KT_SERVE_OPTIONS_H
#define KT_SERVE_OPTIONS_H

#include "options.h"
#include "serve_app.h"

struct kt_serve_options {
    struct kt_options *common;
    const char *listen;
    const struct kt_app *app; /* NULL: none was named */
    unsigned apps;            /* how many were named: one is right */
    const char *www;          /* the folder */
    const char *backend;      /* ADDR:PORT */
    uint64_t source_bytes;
    const char *ephemeral_out;
    const char *client_ca;
    bool client_auth_given;
    enum kt_client_auth client_auth;
    uint64_t tickets; /* after each handshake; 0: nothing is resumed */
    uint64_t ticket_seconds;
    bool session_ids;            /* TLS 1.2 and below: for clients that take no ticket */
    struct kt_ticket_ring *ring; /* made by serve.c: it outlives a reload, so that tickets do */
    uint32_t generation;         /* of the sessions: counted up when the authorities of clients are read anew */
    bool has_store;
    uint64_t store_entries; /* 0: the store's default */
    bool single_use;        /* a session is resumed once */
    bool stateful;          /* tickets are handles into the store */
    uint64_t workers;       /* 0: as many as there are cores */
    const char *control;
};

/* As kt_options_parse, for both halves, with the rules between options. */
enum kt_exit kt_serve_options_parse(struct kt_options *common, struct kt_serve_options *own, int argc, char **argv);

#endif
