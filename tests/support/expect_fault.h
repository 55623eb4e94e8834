/*
 * expect_fault.h - a fault is right when its reason and its alert are.
 */
#ifndef KT_TEST_EXPECT_FAULT_H
#define KT_TEST_EXPECT_FAULT_H

/* cmocka wants these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <keyturn/fault.h>

/* The reason's name is compared, so that a failure is readable. */
#define expect_fault(fault, REASON, ALERT)                                                                             \
    do {                                                                                                               \
        const struct kt_fault *expected_fault = (fault);                                                               \
        assert_non_null(expected_fault);                                                                               \
        assert_string_equal(kt_reason_name((enum kt_reason)expected_fault->reason), #REASON);                          \
        assert_string_equal(kt_alert_name(expected_fault->alert), kt_alert_name(KT_ALERT_##ALERT));                    \
    } while (0)

/* Names the reason when there is one. */
#define expect_success(fault)                                                                                          \
    do {                                                                                                               \
        const struct kt_fault *unexpected_fault = (fault);                                                             \
        if (unexpected_fault != NULL) {                                                                                \
            fail_msg("%s at %s:%u", kt_reason_name((enum kt_reason)unexpected_fault->reason), unexpected_fault->file,  \
                     (unsigned)unexpected_fault->line);                                                                \
        }                                                                                                              \
    } while (0)

#endif
