/*
 * base.h - the few words every public header uses.
 */
#ifndef KEYTURN_BASE_H
#define KEYTURN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks what the shared library exports; keyturn.map lists the same names. */
#define KT_API      __attribute__((visibility("default")))
#define KT_MUST_USE __attribute__((warn_unused_result))

/* Counted bytes that somebody else owns. Never ends at a NUL: a name may contain one, and then is no match. */
struct kt_span {
    const uint8_t *p;
    size_t len;
};

enum kt_role {
    KT_CLIENT,
    KT_SERVER,
};

/* The direction of a half as its owner sees it. */
enum kt_direction {
    KT_RECEIVING,
    KT_SENDING,
};

struct kt_conn;
struct kt_config;
struct kt_credential;
struct kt_psk;
struct kt_session;

#ifdef __cplusplus
}
#endif

#endif
