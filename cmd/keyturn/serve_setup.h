/*
 * serve_setup.h - what new connections are made from: configuration and trust, read from their files.
 *
 * Reload makes another setup; each connection keeps the one it began with until it ends.
 */
#ifndef KT_SERVE_SETUP_H
#define KT_SERVE_SETUP_H

#include "serve_options.h"

struct kt_setup {
    _Atomic size_t references;
    struct kt_config *config;
    struct kt_trust *trust;    /* for the certificates of clients, or NULL */
    struct kt_verify verify;   /* how they are checked */
    struct kt_store *sessions; /* that have an id, or NULL; not its own */
};

/*
 * A setup with one reference. `ephemeral` is shown when the options name no credential; may be NULL otherwise.
 * KT_EXIT_NONE, or the message was printed and *out is untouched.
 */
enum kt_exit kt_setup_load(const struct kt_options *common, const struct kt_serve_options *own,
                           struct kt_credential *ephemeral, struct kt_setup **out);
struct kt_setup *kt_setup_ref(struct kt_setup *setup);
void kt_setup_unref(struct kt_setup *setup);

/*
 * A credential for this host that lives as long as the process. Its fingerprint goes to stderr, and its certificate to
 * the file that the options name.
 */
enum kt_exit kt_setup_ephemeral(const struct kt_options *common, const struct kt_serve_options *own,
                                struct kt_credential **out);

#endif
