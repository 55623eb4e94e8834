#include "report.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { REPORT_LINE = 1024 };

/* One write, so that lines do not mix. Where stderr goes wrong there is nobody left to tell. */
static void put_line(char *line, size_t len)
{
    ssize_t written;

    len = len < REPORT_LINE - 1 ? len : REPORT_LINE - 2;
    line[len] = '\n';
    written = write(STDERR_FILENO, line, len + 1);
    (void)written;
}

static void put_text(const char *tag, const char *kind, const char *text)
{
    char line[REPORT_LINE];
    int len = snprintf(line, sizeof line, "keyturn: %s%s%s", tag, kind, text);

    put_line(line, len > 0 ? (size_t)len : 0);
}

void kt_report_line(const char *tag, const char *format, ...)
{
    char text[REPORT_LINE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    put_text(tag, "", text);
}

/* Names can come from the peer: what a terminal might act on is not passed on. "-" when there is none. */
static const char *printable(struct kt_span name, char out[64])
{
    size_t len = name.len < 63 ? name.len : 63;

    for (size_t i = 0; i < len; i++) {
        bool harmless = name.p[i] > ' ' && name.p[i] < 0x7f;

        out[i] = (char)(harmless ? name.p[i] : '?');
    }
    out[len] = '\0';
    return len > 0 ? out : "-";
}

/* The name given to a client may be an address, which is verified but is not sent as SNI (RFC 6066). */
static struct kt_span sni_of(const struct kt_facts *facts)
{
    static const struct kt_span none;
    unsigned char address[16];
    char name[256];

    if (facts->role == KT_SERVER || facts->server_name.len >= sizeof name) {
        return facts->server_name;
    }
    if (facts->server_name.len > 0) {
        memcpy(name, facts->server_name.p, facts->server_name.len);
    }
    name[facts->server_name.len] = '\0';
    return inet_pton(AF_INET, name, address) == 1 || inet_pton(AF_INET6, name, address) == 1 ? none
                                                                                             : facts->server_name;
}

void kt_report_connected(const char *tag, const struct kt_conn *conn, bool verified, uint64_t ms)
{
    struct kt_facts facts = kt_conn_facts(conn);
    uint16_t scheme = facts.role == KT_CLIENT ? facts.peer_scheme : facts.own_scheme;
    bool certificates = !facts.resumed && facts.psk_identity.len == 0;
    char alpn[64];
    char sni[64];
    char psk[64];

    kt_report_line(tag, "connected %s suite=%s group=%s scheme=%s alpn=%s sni=%s verified=%s resumed=%s%s%s ms=%llu",
                   kt_version_name(facts.version), kt_suite_name(facts.suite),
                   facts.group != 0 ? kt_group_name(facts.group) : "-", certificates ? kt_scheme_name(scheme) : "-",
                   printable(facts.alpn, alpn), printable(sni_of(&facts), sni), verified ? "yes" : "no",
                   facts.resumed ? "yes" : "no", facts.psk_identity.len > 0 ? " psk=" : "",
                   facts.psk_identity.len > 0 ? printable(facts.psk_identity, psk) : "", (unsigned long long)ms);
}

void kt_report_closed(const char *tag, const struct kt_conn *conn, uint64_t sent, uint64_t received)
{
    kt_report_line(tag, "closed clean sent=%llu received=%llu epochs-sent=%llu epochs-received=%llu",
                   (unsigned long long)sent, (unsigned long long)received,
                   (unsigned long long)kt_conn_epoch(conn, KT_SENDING).number + 1,
                   (unsigned long long)kt_conn_epoch(conn, KT_RECEIVING).number + 1);
}

/* Alerts by which the peer says that it does not want us because of our certificate, or the lack of one. */
static bool is_about_certificates(int alert)
{
    static const int alerts[] = {
        KT_ALERT_BAD_CERTIFICATE,      KT_ALERT_UNSUPPORTED_CERTIFICATE,
        KT_ALERT_CERTIFICATE_REVOKED,  KT_ALERT_CERTIFICATE_EXPIRED,
        KT_ALERT_CERTIFICATE_UNKNOWN,  KT_ALERT_UNKNOWN_CA,
        KT_ALERT_ACCESS_DENIED,        KT_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE,
        KT_ALERT_CERTIFICATE_REQUIRED,
    };

    for (size_t i = 0; i < sizeof alerts / sizeof alerts[0]; i++) {
        if (alerts[i] == alert) {
            return true;
        }
    }
    return false;
}

enum kt_exit kt_report_exit(const struct kt_fault *fault, int alert)
{
    switch (fault->reason) {
    case KT_REASON_ADDRESS_UNKNOWN:
    case KT_REASON_CONNECT_FAILED:
        return KT_EXIT_CONNECT;
    case KT_REASON_TRUNCATED:
    case KT_REASON_TRANSPORT_FAILED:
        return KT_EXIT_TRUNCATED;
    case KT_REASON_ALERT_RECEIVED:
        return is_about_certificates(alert) ? KT_EXIT_REFUSED : KT_EXIT_PROTOCOL;
    default:
        break;
    }
    if (fault->kind == KT_KIND_USAGE) {
        return KT_EXIT_FILES;
    }
    /* What we say to the peer about its certificate is what we found wrong with it. */
    return is_about_certificates(fault->alert) ? KT_EXIT_REFUSED : KT_EXIT_PROTOCOL;
}

enum kt_exit kt_report_fault(const char *tag, const char *subject, const struct kt_fault *fault,
                             const struct kt_conn *conn, int error)
{
    char what[REPORT_LINE / 2];
    char line[REPORT_LINE];

    kt_explain(fault, conn, error, what, sizeof what);
    (void)snprintf(line, sizeof line, "%s%s%s", subject != NULL ? subject : "", subject != NULL ? ": " : "", what);
    put_text(tag, "error: ", line);
    put_text(tag, "hint: ", kt_explain_hint(fault, conn));
    return kt_report_exit(fault, conn != NULL ? kt_conn_alert_received(conn) : -1);
}

enum kt_exit kt_report_usage(const char *command, const char *format, ...)
{
    char text[REPORT_LINE];
    va_list args;

    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    kt_report_line("", "error: %s (reason=USAGE_ARGUMENT alert=-)", text);
    kt_report_line("", "hint: keyturn%s%s --help lists what there is", command[0] != '\0' ? " " : "", command);
    return KT_EXIT_USAGE;
}
