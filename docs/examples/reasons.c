/* reasons: all reasons for which something can fail, and all alerts. */
#include <keyturn/keyturn.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    for (int reason = KT_REASON_NONE + 1; reason < KT_REASON_COUNT; reason++) {
        printf("%-30s %s\n", kt_reason_name(reason), kt_reason_text(reason));
    }
    for (unsigned alert = 0; alert < 256; alert++) {
        if (strcmp(kt_alert_name((uint8_t)alert), "unknown_alert") != 0) {
            printf("%3u %-32s %s\n", alert, kt_alert_name((uint8_t)alert), kt_alert_text((uint8_t)alert));
        }
    }
    return 0;
}
