#include "tour_feature.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "tour_meeting.h"

static const char policy_text[] = "based-on = 2026-modern\nsuites = AES-256-GCM\ngroups = P-384\n";

/* It protects nothing: whoever can read this can have it. */
#define PSK_NAME "tour"
#define PSK_KEY  "6b657974757261206b6579207475726e73206f6e63652070657220746f757221"

static const char psk_text[] = PSK_NAME ":" PSK_KEY "\n";

/* The options of one program for one verb. No entry: it needs none, or cannot do it. */
struct entry {
    enum kt_verb verb;
    const struct kt_peer *peer;
    struct kt_words words;
};

#define STOCK(cert, key) cert, KT_TOUR_STOCK_CERT, key, KT_TOUR_STOCK_KEY
#define OPENSSL_EXPORTS                                                                                                \
    {                                                                                                                  \
        "-keymatexport", "EXPORTER-Channel-Binding", "-keymatexportlen", "32"                                          \
    }
#define OPENSSL_PSK                                                                                                    \
    {                                                                                                                  \
        "-psk", PSK_KEY, "-psk_identity", PSK_NAME                                                                     \
    }

static const struct entry entries[] = {
    {KT_VERB_RESUME, &kt_peer_client_keyturn, {{"--session", "@session"}}},
    {KT_VERB_RESUME, &kt_peer_client_openssl, {{"-sess_out", "@session"}}},
    {KT_VERB_RESUME, &kt_peer_client_gnutls, {{"--resume", "--waitresumption"}}},
    {KT_VERB_PSK, &kt_peer_client_keyturn, {{"--psk", "@psk"}}},
    {KT_VERB_PSK, &kt_peer_client_openssl, {OPENSSL_PSK}},
    {KT_VERB_PSK, &kt_peer_client_gnutls, {{"--pskusername", PSK_NAME, "--pskkey", PSK_KEY}}},
    {KT_VERB_PSK, &kt_peer_server_keyturn, {{"--psk", "@psk"}}},
    {KT_VERB_PSK, &kt_peer_server_openssl, {OPENSSL_PSK}},
    {KT_VERB_PSK, &kt_peer_server_gnutls, {{"--pskpasswd", "@psk"}}},
    {KT_VERB_CLIENT_AUTH, &kt_peer_client_keyturn, {{STOCK("--cert", "--key"), "--trace=json"}}},
    {KT_VERB_CLIENT_AUTH, &kt_peer_client_openssl, {{STOCK("-cert", "-key")}}},
    {KT_VERB_CLIENT_AUTH, &kt_peer_client_gnutls, {{STOCK("--x509certfile", "--x509keyfile")}}},
    {KT_VERB_CLIENT_AUTH, &kt_peer_server_keyturn, {{"--client-ca", KT_TOUR_AUTHORITY}}},
    {KT_VERB_CLIENT_AUTH,
     &kt_peer_server_openssl,
     {{"-Verify", "1", "-verify_return_error", "-CAfile", KT_TOUR_AUTHORITY}}},
    {KT_VERB_CLIENT_AUTH, &kt_peer_server_gnutls, {{"--x509cafile", KT_TOUR_AUTHORITY}}},
    {KT_VERB_POST_AUTH, &kt_peer_client_keyturn, {{"--post-handshake-auth", STOCK("--cert", "--key")}}},
    {KT_VERB_POST_AUTH, &kt_peer_client_openssl, {{"-enable_pha", STOCK("-cert", "-key")}}},
    {KT_VERB_POST_AUTH, &kt_peer_client_gnutls, {{"--post-handshake-auth", STOCK("--x509certfile", "--x509keyfile")}}},
    {KT_VERB_POST_AUTH,
     &kt_peer_server_keyturn,
     {{"--client-ca", KT_TOUR_AUTHORITY, "--client-auth", "post-handshake"}}},
    {KT_VERB_POST_AUTH, &kt_peer_server_openssl, {{"-verify_return_error", "-CAfile", KT_TOUR_AUTHORITY}}},
    {KT_VERB_POST_AUTH, &kt_peer_server_gnutls, {{"--x509cafile", KT_TOUR_AUTHORITY}}},
    {KT_VERB_OCSP, &kt_peer_client_keyturn, {{"--ocsp", "require"}}},
    {KT_VERB_OCSP, &kt_peer_client_openssl, {{"-status"}}},
    {KT_VERB_OCSP, &kt_peer_server_keyturn, {{STOCK("--cert", "--key"), "--ocsp", KT_TOUR_STAPLE}}},
    {KT_VERB_OCSP, &kt_peer_server_openssl, {{"-status_file", KT_TOUR_STAPLE}}},
    {KT_VERB_OCSP, &kt_peer_server_gnutls, {{"--ocsp-response", KT_TOUR_STAPLE}}},
    {KT_VERB_RECORD_LIMIT, &kt_peer_client_keyturn, {{"--record-limit", "700", "--trace=json"}}},
    {KT_VERB_RECORD_LIMIT, &kt_peer_client_openssl, {{"-maxfraglen", "512"}}},
    {KT_VERB_RECORD_LIMIT, &kt_peer_server_keyturn, {{"--record-limit", "1100", "--trace=json"}}},
    {KT_VERB_POLICY, &kt_peer_client_keyturn, {{"--policy", "@policy"}}},
    {KT_VERB_POLICY, &kt_peer_server_keyturn, {{"--policy", "@policy"}}},
    {KT_VERB_BINDING, &kt_peer_client_openssl, {OPENSSL_EXPORTS}},
    {KT_VERB_BINDING, &kt_peer_server_openssl, {OPENSSL_EXPORTS}},
    {KT_VERB_BINDING, &kt_peer_client_gnutls, {{"--verbose"}}},
};

static const struct kt_words openssl_resumes = {{"-sess_in", "@session"}};

static const struct kt_words *words_of(enum kt_verb verb, const struct kt_peer *peer)
{
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        if (entries[i].verb == verb && entries[i].peer == peer) {
            return &entries[i].words;
        }
    }
    return NULL;
}

/* External keys and requests after the handshake came with TLS 1.3, and the file of the policy names its suites. The
 * exporter of openssl can have no empty context, which in TLS 1.2 is not the same as none. */
static bool applies12(const struct kt_row *row, enum kt_verb verb)
{
    bool has_openssl = row->client == &kt_peer_client_openssl || row->server == &kt_peer_server_openssl;

    return verb != KT_VERB_PSK && verb != KT_VERB_POST_AUTH && verb != KT_VERB_POLICY &&
           (verb != KT_VERB_BINDING || !has_openssl);
}

/* s_server knows neither record_size_limit nor, as a server, a limit that it would ask for. */
bool kt_feature_applies(const struct kt_row *row, enum kt_verb verb)
{
    if (row->tls12 && !applies12(row, verb)) {
        return false;
    }
    return verb != KT_VERB_RECORD_LIMIT || row->server != &kt_peer_server_openssl;
}

bool kt_feature_needs_files(enum kt_verb verb)
{
    return verb == KT_VERB_PSK || verb == KT_VERB_CLIENT_AUTH || verb == KT_VERB_POST_AUTH || verb == KT_VERB_OCSP;
}

/* Whether a side of ours said this of the connection. */
static bool side_has_fact(struct kt_side *side, const char *fact)
{
    return strstr(side->facts, fact) != NULL || kt_side_fail(side, "not %s but %.100s", fact, side->facts);
}

static bool has_fact(struct kt_meeting *m, const char *fact)
{
    return side_has_fact(m->ours, fact);
}

static bool said(struct kt_side *side, struct kt_stream *stream, const char *text)
{
    return kt_side_said(side, stream, text) != NULL || kt_side_fail(side, "%s did not say: %s", side->peer->name, text);
}

static bool visit_and_leave(struct kt_meeting *m)
{
    return kt_meeting_visit(m) && kt_meeting_exchange(m) && m->client.peer->close(&m->client);
}

/* gnutls-cli does by itself what the others are called twice for. */
static bool try_resume(struct kt_meeting *m)
{
    if (m->client.peer == &kt_peer_client_gnutls) {
        return kt_meeting_visit(m) && m->server.peer->connected(&m->server) && kt_meeting_exchange(m) &&
               has_fact(m, "resumed=yes");
    }
    if (!visit_and_leave(m) || !has_fact(m, "resumed=no")) {
        return false;
    }
    kt_side_stop(&m->client);
    if (m->client.peer == &kt_peer_client_openssl) {
        m->client.more = &openssl_resumes;
    }
    return visit_and_leave(m) && has_fact(m, "resumed=yes");
}

static bool try_psk(struct kt_meeting *m)
{
    return kt_meeting_visit(m) && kt_meeting_exchange(m) && has_fact(m, " psk=" PSK_NAME);
}

/* Whoever of us says that a certificate was proven: the client that it signed, the server that it verified. */
static bool try_client_auth(struct kt_meeting *m)
{
    if (!kt_meeting_visit(m) || !kt_meeting_exchange(m)) {
        return false;
    }
    return m->ours == &m->client
               ? said(m->ours, &m->ours->child.err, "\"direction\":\"sent\",\"name\":\"CertificateVerify\"")
               : has_fact(m, "verified=yes");
}

/* Data moves before and after, and the certificate was not there before. */
static bool try_post_auth(struct kt_meeting *m)
{
    if (!kt_meeting_visit(m) || !kt_meeting_exchange(m) ||
        (m->server.peer->is_ours && !side_has_fact(&m->server, "verified=no"))) {
        return false;
    }
    return m->server.peer->ask(&m->server, &m->client) &&
           (!m->client.peer->is_ours ||
            said(&m->client, &m->client.child.err, "asked for a certificate and showed it")) &&
           kt_meeting_exchange(m);
}

static bool try_ocsp(struct kt_meeting *m)
{
    if (!kt_meeting_visit(m)) {
        return false;
    }
    if (m->client.peer == &kt_peer_client_openssl && !said(&m->client, m->client.data, "Cert Status: good")) {
        return false;
    }
    if (m->client.peer == &kt_peer_client_gnutls && !said(&m->client, m->client.data, "OCSP status request,")) {
        return false;
    }
    return kt_meeting_exchange(m);
}

/* A line of ours is longer than the records that a client of ours, or s_client, takes; gnutls-cli could not send it in
 * pieces. */
static bool try_record_limit(struct kt_meeting *m)
{
    const char *fact = m->ours == &m->client ? "\"limit_received\":700" : "\"limit_received\":1100";

    if (m->client.peer == &kt_peer_client_openssl) {
        fact = "\"limit_received\":512";
    }
    return kt_meeting_visit(m) && kt_meeting_exchange(m) && said(m->ours, &m->ours->child.err, fact);
}

static bool try_policy(struct kt_meeting *m)
{
    return visit_and_leave(m) && has_fact(m, "suite=TLS_AES_256_GCM_SHA384 group=secp384r1");
}

static bool try_binding(struct kt_meeting *m)
{
    char client[KT_TOUR_BINDING], server[KT_TOUR_BINDING];

    if (!kt_meeting_visit(m) || !kt_meeting_exchange(m) || !m->client.peer->binding(&m->client, client) ||
        !m->server.peer->binding(&m->server, server)) {
        return false;
    }
    return strcmp(client, server) == 0 || kt_side_fail(m->ours, "%.16s... is not %.16s...", client, server);
}

static bool (*const tries[KT_VERB_COUNT])(struct kt_meeting *m) = {
    [KT_VERB_RESUME] = try_resume,       [KT_VERB_PSK] = try_psk,         [KT_VERB_CLIENT_AUTH] = try_client_auth,
    [KT_VERB_POST_AUTH] = try_post_auth, [KT_VERB_OCSP] = try_ocsp,       [KT_VERB_RECORD_LIMIT] = try_record_limit,
    [KT_VERB_POLICY] = try_policy,       [KT_VERB_BINDING] = try_binding,
};

/* Keys are taken only from a file that nobody else can read. */
static bool write_file(struct kt_meeting *m, const char *name, const char *text)
{
    struct kt_path path = kt_place_path(m->ours->place, name);
    FILE *file = fopen(path.text, "we");
    bool written = file != NULL && fchmod(fileno(file), S_IRUSR | S_IWUSR) == 0 && fputs(text, file) >= 0;

    written = file != NULL && fclose(file) == 0 && written;
    return written || kt_side_fail(m->ours, "%s cannot be written", path.text);
}

void kt_feature_run(struct kt_row *row, enum kt_verb verb, const struct kt_place *place)
{
    struct kt_cell *cell = &row->cells[verb];
    double began = kt_meeting_now_ms();
    struct kt_meeting m;
    bool passed;

    kt_meeting_begin(&m, row, place);
    m.client.more = words_of(verb, row->client);
    m.server.more = words_of(verb, row->server);
    m.server.visits = verb == KT_VERB_RESUME ? 2 : 1;
    m.server.demands = verb == KT_VERB_CLIENT_AUTH;
    m.client.keyed = verb == KT_VERB_PSK;
    m.server.certified = verb == KT_VERB_OCSP || verb == KT_VERB_PSK;
    passed = write_file(&m, "policy", policy_text) && write_file(&m, "psk", psk_text) &&
             m.server.peer->start(&m.server, NULL) && tries[verb](&m);
    cell->ms = kt_meeting_now_ms() - began;
    cell->result = passed ? KT_RESULT_PASS : KT_RESULT_FAIL;
    if (!passed) {
        kt_meeting_note(&m, cell);
    }
    if (row->version[0] == '\0') {
        (void)snprintf(row->version, sizeof row->version, "%s",
                       m.ours->version[0] != '\0' ? m.ours->version : kt_row_version(row));
    }
    kt_meeting_end(&m);
    kt_meeting_forget(place);
}
