/*
 * fail.h - how a fault is raised and passed on.
 */
#ifndef KT_FAIL_H
#define KT_FAIL_H

#include <keyturn/fault.h>

#include "base/compiler.h"

enum kt_reason_default {
#define X(name, kind, alert, text) KT_ALERT_FOR_##name = KT_ALERT_##alert, KT_KIND_FOR_##name = KT_KIND_##kind,
#include <keyturn/reasons.def>
#undef X
};

/* The constant that describes failing here, for `name`, with that alert. */
#define KT_FAULT_ALERT(name, alert_number)                                                                             \
    (__extension__({                                                                                                   \
        static const struct kt_fault kt_fault_here = {KT_REASON_##name, (alert_number), KT_KIND_FOR_##name, __LINE__,  \
                                                      __FILE_NAME__};                                                  \
        &kt_fault_here;                                                                                                \
    }))
#define KT_FAULT(name) KT_FAULT_ALERT(name, KT_ALERT_FOR_##name)

/* Fails here, for `name`. A breakpoint on it is a breakpoint on one place. */
#define KT_FAIL(name) return KT_FAULT(name)

/* The same where an RFC demands another alert than the reason's own: KT_FAIL_ALERT(COOKIE_WRONG, DECODE_ERROR). */
#define KT_FAIL_ALERT(name, alert) return KT_FAULT_ALERT(name, KT_ALERT_##alert)

/* Passes the fault of `expr` up, if there is one. */
#define KT_TRY(expr)                                                                                                   \
    do {                                                                                                               \
        const struct kt_fault *kt_fault_up = (expr);                                                                   \
        if (KT_UNLIKELY(kt_fault_up != NULL)) {                                                                        \
            return kt_fault_up;                                                                                        \
        }                                                                                                              \
    } while (0)

#endif
