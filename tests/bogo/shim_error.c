/*
 * shim_error.c - failures as text. config.json maps the runner's names to those printed here.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shim.h"

void shim_explain(const struct shim *shim, const struct kt_fault *fault)
{
    int alert = shim->conn == NULL ? -1 : kt_conn_alert_received(shim->conn);

    (void)fprintf(stderr, "keyturn :%s: alert %s, %s:%u\n", kt_reason_name((enum kt_reason)fault->reason),
                  kt_alert_name(fault->alert), fault->file, (unsigned)fault->line);
    if (fault->reason == KT_REASON_ALERT_RECEIVED && alert >= 0) {
        (void)fprintf(stderr, "received :%s:\n", kt_alert_name((uint8_t)alert));
    }
}

enum shim_exit shim_missing(const char *what)
{
    const char *path = getenv("KEYTURN_SHIM_MISSING");
    FILE *file = path == NULL ? NULL : fopen(path, "a");

    (void)printf("not implemented: %s\n", what);
    if (file != NULL) {
        (void)fprintf(file, "%s\n", what);
        (void)fclose(file);
    }
    return SHIM_UNIMPLEMENTED;
}

_Noreturn void shim_broken(const char *what)
{
    (void)fprintf(stderr, "broken: %s\n", what);
    exit(SHIM_BROKEN);
}

void shim_must(const struct kt_fault *fault)
{
    if (fault != NULL) {
        shim_broken(kt_reason_name((enum kt_reason)fault->reason));
    }
}
