#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/fail.h"
#include "drive/explain.h"

#include <keyturn/drive.h>

static void a_fault_that_was_sent(void **state)
{
    char text[256];

    (void)state;
    kt_explain_write(KT_FAULT(CERTIFICATE_NAME_MISMATCH), -1, true, 0, text, sizeof text);
    assert_string_equal(text,
                        "the certificate is for another name "
                        "(reason=CERTIFICATE_NAME_MISMATCH alert=certificate_unknown sent)");
}

static void an_alert_that_was_received(void **state)
{
    char text[256];

    (void)state;
    kt_explain_write(KT_FAULT(ALERT_RECEIVED), KT_ALERT_UNKNOWN_CA, false, 0, text, sizeof text);
    assert_string_equal(text,
                        "the peer sent a fatal alert: the certificate chain does not end at a trusted "
                        "authority (reason=ALERT_RECEIVED alert=unknown_ca received)");
}

static void an_error_of_the_system(void **state)
{
    char text[256];

    (void)state;
    kt_explain_write(KT_FAULT(CONNECT_FAILED), -1, false, ECONNREFUSED, text, sizeof text);
    assert_string_equal(text,
                        "the connection was refused or timed out: Connection refused "
                        "(reason=CONNECT_FAILED alert=-)");
}

static void no_fault_and_no_room(void **state)
{
    char text[8];

    (void)state;
    kt_explain(NULL, NULL, 0, text, sizeof text);
    assert_string_equal(text, "nothing");
    kt_explain(KT_FAULT(TRUNCATED), NULL, 0, text, sizeof text);
    assert_string_equal(text, "the tra");
    assert_non_null(strstr(kt_explain_hint(NULL, NULL), "nothing"));
}

/* A fault without connection was told to nobody. */
static void without_connection_no_alert(void **state)
{
    char text[256];

    (void)state;
    kt_explain(KT_FAULT(KEY_MISMATCH), NULL, 0, text, sizeof text);
    assert_non_null(strstr(text, "(reason=KEY_MISMATCH alert=-)"));
}

static void every_reason_has_a_hint(void **state)
{
    static const struct kt_fault faults[] = {
#define X(name, kind, alert, text) {KT_REASON_##name, KT_ALERT_##alert, KT_KIND_##kind, 0, ""},
#include <keyturn/reasons.def>
#undef X
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(faults); i++) {
        const char *hint = kt_explain_advice(&faults[i], -1);

        assert_non_null(hint);
        assert_true(strlen(hint) > 10 && strchr(hint, '\n') == NULL);
    }
}

static void every_alert_has_a_hint(void **state)
{
    (void)state;
    for (int alert = 0; alert < 256; alert++) {
        const char *hint = kt_explain_advice(KT_FAULT(ALERT_RECEIVED), alert);

        assert_true(strlen(hint) > 10 && strchr(hint, '\n') == NULL);
    }
    assert_non_null(strstr(kt_explain_advice(KT_FAULT(ALERT_RECEIVED), KT_ALERT_CERTIFICATE_REQUIRED), "client"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fault_that_was_sent),       cmocka_unit_test(an_alert_that_was_received),
        cmocka_unit_test(an_error_of_the_system),      cmocka_unit_test(no_fault_and_no_room),
        cmocka_unit_test(without_connection_no_alert), cmocka_unit_test(every_reason_has_a_hint),
        cmocka_unit_test(every_alert_has_a_hint),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
