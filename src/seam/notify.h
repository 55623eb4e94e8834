/*
 * notify.h - how the rooms tell the observer what happened.
 */
#ifndef KT_NOTIFY_H
#define KT_NOTIFY_H

#include <keyturn/env.h>

#include "base/compiler.h"

/* Whom to tell, and about which connection. Each half and the handshake hold one. */
struct kt_watch {
    const struct kt_env *env;
    const struct kt_conn *conn;
};

static inline bool kt_watched(const struct kt_watch *watch)
{
    return KT_UNLIKELY(watch->env->observer != NULL);
}

static inline void kt_notify(const struct kt_watch *watch, const struct kt_notice *notice)
{
    if (kt_watched(watch)) {
        watch->env->observer(watch->env->user, watch->conn, notice);
    }
}

#endif
