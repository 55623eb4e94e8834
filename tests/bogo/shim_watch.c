/*
 * shim_watch.c - notices: the trace of messages as the runner writes it, and the traffic secrets.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"

__attribute__((format(printf, 2, 3))) static void note(struct shim *shim, const char *format, ...)
{
    size_t room = sizeof shim->trace - shim->trace_len;
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(shim->trace + shim->trace_len, room, format, arguments);
    va_end(arguments);
    if (len > 0 && (size_t)len < room) {
        shim->trace_len += (size_t)len;
    }
}

static void keep_secret(struct shim *shim, const struct kt_notice *notice)
{
    bool client = strcmp(notice->u.secret.label, "CLIENT_TRAFFIC_SECRET_0") == 0;
    uint8_t *copy = malloc(notice->u.secret.secret.len);

    if (copy == NULL || (!client && strcmp(notice->u.secret.label, "SERVER_TRAFFIC_SECRET_0") != 0)) {
        free(copy);
        return;
    }
    memcpy(copy, notice->u.secret.secret.p, notice->u.secret.secret.len);
    shim->secrets[client ? 0 : 1] = (struct kt_span){copy, notice->u.secret.secret.len};
}

/* Ours to be found by its id, or the server's to be offered. */
static void keep_session(struct shim *shim, const struct kt_notice *notice)
{
    shim->sessions++;
    if (notice->direction == KT_SENDING) {
        if (!kt_store_keep(shim->store, notice->u.session)) {
            shim_broken("out of memory");
        }
        return;
    }
    kt_session_unref(shim->session);
    shim->session = kt_session_ref(notice->u.session);
}

void shim_watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct shim *shim = user;
    const char *verb = notice->direction == KT_SENDING ? "write" : "read";

    (void)conn;
    switch (notice->kind) {
    case KT_NOTICE_MESSAGE:
        note(shim, "%s hs %u\n", verb, notice->u.message.type);
        break;
    case KT_NOTICE_RECORD:
        if (notice->u.record.type == 20) {
            note(shim, "%s ccs\n", verb);
        }
        break;
    case KT_NOTICE_ALERT:
        note(shim, "%s alert %u %u\n", verb, notice->u.alert.level, notice->u.alert.description);
        break;
    case KT_NOTICE_CONNECTED:
        if (shim->flags->handshake_never_done) {
            shim_broken("the handshake is done");
        }
        break;
    case KT_NOTICE_SECRET:
        keep_secret(shim, notice);
        break;
    case KT_NOTICE_SESSION:
        keep_session(shim, notice);
        break;
    case KT_NOTICE_POST_AUTH:
    case KT_NOTICE_STATE:
    case KT_NOTICE_EPOCH:
        break;
    }
}
