/*
 * libssl_error.c - failures as text. libssl's reasons are words ("no shared cipher"); the runner looks for names.
 * config.json maps those that differ.
 */
#include <ctype.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "libssl_shim.h"

void explain(void)
{
    const char *function, *data;
    unsigned long code;
    int flags;

    while ((code = ERR_get_error_all(NULL, NULL, &function, &data, &flags)) != 0) {
        const char *reason = ERR_reason_error_string(code);
        char name[128];
        size_t len = 0;
        for (; reason != NULL && reason[len] != '\0' && len + 1 < sizeof name; len++) {
            name[len] = isalnum((unsigned char)reason[len]) ? (char)toupper((unsigned char)reason[len]) : '_';
        }
        name[len] = '\0';
        (void)fprintf(stderr, "error:%08lX:SSL routines:%s:%s:%s\n", code, function, name,
                      (flags & ERR_TXT_STRING) != 0 ? data : "");
    }
}

enum outcome missing(const char *what)
{
    const char *path = getenv("KEYTURN_SHIM_MISSING");
    FILE *file = path == NULL ? NULL : fopen(path, "a");

    (void)printf("not implemented: %s\n", what);
    if (file != NULL) {
        (void)fprintf(file, "%s\n", what);
        (void)fclose(file);
    }
    return UNIMPLEMENTED;
}

_Noreturn void broken(const char *what)
{
    (void)fprintf(stderr, "broken: %s\n", what);
    explain();
    exit(BROKEN);
}
