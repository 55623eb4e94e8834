#include "serve_options.h"

#include <string.h>

#include "report.h"

enum { WORKERS_MAX = 256 };

static void name_app(struct kt_serve_options *own, const struct kt_app *app)
{
    own->app = app;
    own->apps++;
}

static const char *set_listen(void *target, const char *value)
{
    char host[256], port[32];

    ((struct kt_serve_options *)target)->listen = value;
    return kt_options_address(value, host, port) ? NULL : "is not ADDR:PORT, [V6]:PORT or :PORT";
}

static const char *set_echo(void *target, const char *value)
{
    (void)value;
    name_app(target, &kt_app_echo);
    return NULL;
}

static const char *set_sink(void *target, const char *value)
{
    (void)value;
    name_app(target, &kt_app_sink);
    return NULL;
}

static const char *set_source(void *target, const char *value)
{
    struct kt_serve_options *own = target;

    name_app(own, &kt_app_source);
    return kt_options_number(value, UINT64_MAX, &own->source_bytes) ? NULL : "is not a number of bytes";
}

static const char *set_www(void *target, const char *value)
{
    struct kt_serve_options *own = target;

    name_app(own, &kt_app_www);
    own->www = value;
    return NULL;
}

static const char *set_forward(void *target, const char *value)
{
    struct kt_serve_options *own = target;
    char host[256], port[32];

    name_app(own, &kt_app_forward);
    own->backend = value;
    return kt_options_address(value, host, port) ? NULL : "is not ADDR:PORT or [V6]:PORT";
}

static const char *set_ephemeral_out(void *target, const char *value)
{
    ((struct kt_serve_options *)target)->ephemeral_out = value;
    return NULL;
}

static const char *set_ocsp(void *target, const char *value)
{
    return kt_options_ocsp(((struct kt_serve_options *)target)->common, value);
}

static const char *set_sct(void *target, const char *value)
{
    return kt_options_sct(((struct kt_serve_options *)target)->common, value);
}

static const char *set_client_ca(void *target, const char *value)
{
    ((struct kt_serve_options *)target)->client_ca = value;
    return NULL;
}

static const struct {
    const char *name;
    enum kt_client_auth mode; /* in the handshake */
} client_auths[] = {
    {"request", KT_CLIENT_AUTH_REQUEST},
    {"require", KT_CLIENT_AUTH_REQUIRE},
    {"post-handshake", KT_CLIENT_AUTH_NONE},
};

static const char *set_client_auth(void *target, const char *value)
{
    struct kt_serve_options *own = target;

    own->client_auth_given = true;
    for (size_t i = 0; i < sizeof client_auths / sizeof client_auths[0]; i++) {
        if (strcmp(value, client_auths[i].name) == 0) {
            own->client_auth = client_auths[i].mode;
            return NULL;
        }
    }
    return "is not request, require or post-handshake";
}

static const char *set_tickets(void *target, const char *value)
{
    return kt_options_number(value, 8, &((struct kt_serve_options *)target)->tickets) ? NULL
                                                                                      : "is not a number from 0 to 8";
}

static const char *set_ticket_lifetime(void *target, const char *value)
{
    struct kt_serve_options *own = target;

    return kt_options_number(value, 604800, &own->ticket_seconds) && own->ticket_seconds > 0
               ? NULL
               : "is not a number of seconds from 1 to 604800";
}

/* memory[:N] */
static const char *set_session_store(void *target, const char *value)
{
    struct kt_serve_options *own = target;

    own->has_store = true;
    if (strcmp(value, "memory") == 0) {
        return NULL;
    }
    return strncmp(value, "memory:", 7) == 0 && kt_options_number(value + 7, 1 << 24, &own->store_entries) &&
                   own->store_entries >= 16
               ? NULL
               : "is not memory or memory:N, with N from 16 to 16777216";
}

static const char *set_single_use(void *target, const char *value)
{
    (void)value;
    ((struct kt_serve_options *)target)->single_use = true;
    return NULL;
}

static const char *set_stateful_tickets(void *target, const char *value)
{
    (void)value;
    ((struct kt_serve_options *)target)->stateful = true;
    return NULL;
}

static const char *set_session_ids(void *target, const char *value)
{
    (void)value;
    ((struct kt_serve_options *)target)->session_ids = true;
    return NULL;
}

static const char *set_workers(void *target, const char *value)
{
    struct kt_serve_options *own = target;

    return kt_options_number(value, WORKERS_MAX, &own->workers) && own->workers > 0 ? NULL
                                                                                    : "is not a number from 1 to 256";
}

static const char *set_control(void *target, const char *value)
{
    ((struct kt_serve_options *)target)->control = value;
    return NULL;
}

static const struct kt_option table[] = {
    {"listen", "ADDR:PORT", "where to accept connections; port 0 takes any and says which", set_listen},
    {"echo", NULL, "send back what comes", set_echo},
    {"www", "DIR", "serve the files of a folder by HTTP/1.1", set_www},
    {"forward", "ADDR:PORT", "pass the data on to a plain TCP server, and its answers back", set_forward},
    {"sink", NULL, "read and discard", set_sink},
    {"source", "BYTES", "send that many bytes (byte i is i mod 256), then close", set_source},
    {"ephemeral-out", "FILE", "write the certificate made when none was given, as PEM", set_ephemeral_out},
    {"ocsp", "FILE|fetch", "OCSP response (DER) to staple to the certificate before it; fetch: from its responder",
     set_ocsp},
    {"sct", "FILE", "certificate timestamps (SignedCertificateTimestampList) of the certificate before it", set_sct},
    {"client-ca", "FILE", "verify the certificates of clients with these authorities", set_client_ca},
    {"client-auth", "request|require|post-handshake", "whether a client needs one, or is asked later (require)",
     set_client_auth},
    {"tickets", "N", "tickets after each handshake, 0 to 8 (2); 0: nothing is resumed", set_tickets},
    {"ticket-lifetime", "S", "seconds for which a ticket is good (7200)", set_ticket_lifetime},
    {"session-store", "memory[:N]", "remember what was used and revoked, and at most N sessions", set_session_store},
    {"single-use", NULL, "each session is resumed once; needs --session-store", set_single_use},
    {"stateful-tickets", NULL, "sessions stay in the store; tickets are handles, good once", set_stateful_tickets},
    {"session-ids", NULL, "TLS 1.2: keep the sessions of clients that take no ticket; needs --session-store",
     set_session_ids},
    {"workers", "N", "threads (as many as there are cores)", set_workers},
    {"control", "PATH", "a socket for commands, as status and update; the manual has all", set_control},
    {NULL, NULL, NULL, NULL},
};

static enum kt_exit check(const struct kt_options *common, const struct kt_serve_options *own)
{
    if (own->listen == NULL) {
        return kt_report_usage("serve", "--listen ADDR:PORT is needed");
    }
    if (own->apps != 1) {
        return kt_report_usage("serve", "exactly one of --echo, --www, --forward, --sink and --source is needed");
    }
    if (own->client_auth_given && own->client_ca == NULL) {
        return kt_report_usage("serve", "--client-auth needs --client-ca");
    }
    if ((common->crl_count > 0 || common->crl_hard) && own->client_ca == NULL) {
        return kt_report_usage("serve", "--crl and --crl-check are about certificates of clients and need --client-ca");
    }
    if (own->ephemeral_out != NULL && (common->credential_count > 0 || common->psk_path != NULL)) {
        return kt_report_usage("serve", "--ephemeral-out makes no sense with a certificate or keys of one's own");
    }
    if ((own->single_use || own->stateful || own->session_ids) && (!own->has_store || own->tickets == 0)) {
        return kt_report_usage("serve",
                               "--single-use, --stateful-tickets and --session-ids need --session-store and --tickets");
    }
    return KT_EXIT_NONE;
}

enum kt_exit kt_serve_options_parse(struct kt_options *common, struct kt_serve_options *own, int argc, char **argv)
{
    const struct kt_option_command command = {
        .name = "serve",
        .usage = "--listen ADDR:PORT --echo|--www DIR|--forward ADDR:PORT|--sink|--source BYTES",
        .summary = "Serves TLS on many connections at once.",
        .own = table,
        .target = own,
    };
    int first;
    enum kt_exit exit;

    *own = (struct kt_serve_options){
        .common = common, .client_auth = KT_CLIENT_AUTH_REQUIRE, .tickets = 2, .ticket_seconds = 7200};
    exit = kt_options_parse(common, &command, argc, argv, &first);
    if (exit == KT_EXIT_NONE && first < argc) {
        exit = kt_report_usage("serve", "\"%s\" is no option", argv[first]);
    }
    return exit == KT_EXIT_NONE ? check(common, own) : exit;
}
