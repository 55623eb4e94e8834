/*
 * serve_app.h - what a server does with its connections: each application is one table of three functions.
 *
 * They run in the thread of the connection's worker and never wait. An application takes data from its connection
 * only when it can pass it on, so that a slow side slows the fast one down and no buffer grows.
 */
#ifndef KT_SERVE_APP_H
#define KT_SERVE_APP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct kt_link;

struct kt_app {
    const char *name;
    unsigned descriptors; /* that one connection may hold, its own socket included */

    /* The handshake is done. False: memory or descriptors are short, and the connection is dropped. */
    bool (*open)(struct kt_link *link);
    /* Moves what can be moved now. True: something moved, so that it is worth calling again. */
    bool (*run)(struct kt_link *link);
    /* Gives back what open took; called once after open, whatever came of that. */
    void (*close)(struct kt_link *link);
};

extern const struct kt_app kt_app_echo;
extern const struct kt_app kt_app_sink;
extern const struct kt_app kt_app_source;
extern const struct kt_app kt_app_www;
extern const struct kt_app kt_app_forward;

/* What the command line says about the application; the same for all connections, and never changed. */
struct kt_site {
    const struct kt_app *app;
    int www_dir;                     /* www: the folder, or -1 */
    struct sockaddr_storage backend; /* forward: where to */
    socklen_t backend_len;
    uint64_t source_bytes;  /* source: how many */
    struct kt_store *store; /* of sessions; NULL: none */
};

#endif
