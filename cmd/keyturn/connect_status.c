#include "connect_status.h"

#include <string.h>
#include <time.h>

#include "report.h"

const char *kt_asked_staple(struct kt_asked *asked, const char *value)
{
    static const char *const words[] = {
        [KT_STAPLE_IGNORE] = "ignore", [KT_STAPLE_CHECK] = "check", [KT_STAPLE_REQUIRE] = "require"};

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(value, words[i]) == 0) {
            asked->staple = (enum kt_staple)i;
            return NULL;
        }
    }
    return "it is ignore, check or require";
}

const char *kt_asked_fetch(struct kt_asked *asked, const char *value)
{
    static const char *const words[] = {[KT_OCSP_OFF] = "off", [KT_OCSP_SOFT] = "soft", [KT_OCSP_HARD] = "hard"};

    for (unsigned i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(value, words[i]) == 0) {
            asked->fetch = (enum kt_ocsp_policy)i;
            return NULL;
        }
    }
    return "it is off, soft or hard";
}

const char *kt_asked_tickets(struct kt_asked *asked, const char *value)
{
    const char *comma = strchr(value, ',');
    uint64_t full = 0, resumed = 0;
    char first[8] = "";

    if (comma == NULL || (size_t)(comma - value) >= sizeof first) {
        return "it is two numbers, as in 2,1";
    }
    memcpy(first, value, (size_t)(comma - value));
    if (!kt_options_number(first, UINT8_MAX, &full) || !kt_options_number(comma + 1, UINT8_MAX, &resumed)) {
        return "it is two numbers from 0 to 255, as in 2,1";
    }
    asked->tickets = true;
    asked->tickets_new = (unsigned)full;
    asked->tickets_resumed = (unsigned)resumed;
    return NULL;
}

enum kt_exit kt_asked_apply(const struct kt_asked *asked, struct kt_builder *builder)
{
    const struct kt_fault *fault = NULL;

    kt_builder_staple(builder, asked->staple != KT_STAPLE_IGNORE);
    kt_builder_sct(builder, asked->scts);
    if (asked->tickets) {
        fault = kt_builder_ticket_request(builder, asked->tickets_new, asked->tickets_resumed);
    }
    return fault == NULL ? KT_EXIT_NONE : kt_report_fault("", "--ticket-request", fault, NULL, 0);
}

enum kt_exit kt_asked_fetcher(const struct kt_asked *asked, const struct kt_options *options, struct kt_ocsp **out)
{
    const struct kt_ocsp_options how = {.policy = asked->fetch, .local = options->ocsp_local};
    const struct kt_fault *fault = asked->fetch == KT_OCSP_OFF ? NULL : kt_ocsp_new(&how, out);

    return fault == NULL ? KT_EXIT_NONE : kt_report_fault("", "--ocsp-fetch", fault, NULL, 0);
}

static void report_unknown(const struct kt_ocsp_report *report)
{
    enum kt_reason reason = (enum kt_reason)report->fault->reason;

    kt_report_line("", "WARNING: whether the certificate was revoked is not known: %s%s%s%s%s (reason=%s)",
                   kt_reason_text(reason), report->error != 0 ? ": " : "",
                   report->error != 0 ? strerror(report->error) : "", report->url != NULL ? ", " : "",
                   report->url != NULL ? report->url : "", kt_reason_name(reason));
}

static void report_good(const struct kt_ocsp_report *report)
{
    char date[32] = "";
    time_t until = (time_t)report->until;
    struct tm tm;

    if (report->until > 0 && gmtime_r(&until, &tm) != NULL) {
        (void)strftime(date, sizeof date, " until=%Y-%m-%dT%H:%M:%SZ", &tm);
    }
    switch (report->source) {
    case KT_OCSP_NOT_ASKED:
        kt_report_line("", "revocation: nobody can speak for a certificate that is trusted itself");
        break;
    case KT_OCSP_STAPLED:
        kt_report_line("", "revocation: good, stapled");
        break;
    case KT_OCSP_KEPT:
    case KT_OCSP_FETCHED:
        kt_report_line("", "revocation: good, said %s%s", report->url != NULL ? report->url : "a responder", date);
        break;
    }
}

void kt_asked_report(const struct kt_asked *asked, struct kt_drive *drive, bool quiet)
{
    struct kt_facts facts = kt_conn_facts(kt_drive_conn(drive));
    struct kt_ocsp_report report;
    bool told = kt_drive_ocsp(drive, &report);

    if (told && report.fault != NULL) {
        report_unknown(&report);
    } else if (told && !quiet) {
        report_good(&report);
    }
    if (asked->scts && !quiet) {
        kt_report_line("", "timestamps: %u, not checked", facts.peer_scts);
    }
    if (facts.tickets_told && !quiet) {
        kt_report_line("", "tickets: %u will come", facts.tickets_expected);
    }
}
