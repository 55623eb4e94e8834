/*
 * fault.h - why something failed, and what the peer is told.
 *
 * A fallible function returns `const struct kt_fault *`: NULL is success, anything else points to a constant
 * made where the failure was found. It is never freed, may be kept for ever and shared by threads.
 */
#ifndef KEYTURN_FAULT_H
#define KEYTURN_FAULT_H

#include <keyturn/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* TLS alert descriptions (RFC 9846 section 6): KT_ALERT_CLOSE_NOTIFY and so on. */
enum kt_alert {
#define X(name, number, text) KT_ALERT_##name = (number),
#include <keyturn/alerts.def>
#undef X
};

/* Who has to look into it. Stable: new kinds come only with a new major version. */
enum kt_kind {
    KT_KIND_PEER,      /* the peer broke the protocol */
    KT_KIND_POLICY,    /* the peer did what the protocol allows and our configuration refuses */
    KT_KIND_USAGE,     /* this library was called in a way it does not allow */
    KT_KIND_CRYPTO,    /* a proof or a primitive failed */
    KT_KIND_MEMORY,    /* an allocation failed */
    KT_KIND_TRANSPORT, /* the bytes stopped coming */
    KT_KIND_INTERNAL,  /* a defect of this library */
};

/* KT_REASON_RECORD_BAD_MAC and so on; reasons.def has the list. For logs: it may grow finer in any release. */
enum kt_reason {
    KT_REASON_NONE,
#define X(name, kind, alert, text) KT_REASON_##name,
#include <keyturn/reasons.def>
#undef X
    KT_REASON_COUNT
};

struct kt_fault {
    uint16_t reason;  /* enum kt_reason */
    uint8_t alert;    /* enum kt_alert: what the peer is sent, if anything is */
    uint8_t kind;     /* enum kt_kind */
    uint32_t line;    /* where in the source; for reports */
    const char *file; /* file name without path */
};

/*
 * The name of a reason ("RECORD_BAD_MAC") and its meaning in one sentence. Never NULL; "?" for a number that
 * is none. Static text. Any thread.
 */
KT_API const char *kt_reason_name(enum kt_reason reason);
KT_API const char *kt_reason_text(enum kt_reason reason);

/*
 * The RFC's name of an alert ("bad_record_mac") and its meaning. Never NULL; "unknown_alert" for a number that
 * no RFC names. Static text. Any thread.
 */
KT_API const char *kt_alert_name(uint8_t alert);
KT_API const char *kt_alert_text(uint8_t alert);

#ifdef __cplusplus
}
#endif

#endif
