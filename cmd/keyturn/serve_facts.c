#include "serve_facts.h"

#include <inttypes.h>
#include <stdatomic.h>

/* Names come from the client: what is no plain character does not reach a terminal. "-" when there is none. */
static const char *plain(struct kt_span name, char out[64])
{
    size_t len = name.len < 63 ? name.len : 63;

    for (size_t i = 0; i < len; i++) {
        out[i] = (char)(name.p[i] > ' ' && name.p[i] < 0x7f ? name.p[i] : '?');
    }
    out[len] = '\0';
    return len == 0 ? "-" : out;
}

static void add_hex(struct kt_text *text, const char *name, struct kt_span bytes)
{
    if (bytes.len > 0) {
        kt_text_add(text, " %s=", name);
    }
    for (size_t i = 0; i < bytes.len; i++) {
        kt_text_add(text, "%02x", bytes.p[i]);
    }
}

/* By what its sessions, and with them the connection, can be revoked. */
static void add_session(struct kt_text *text, const struct kt_link *link)
{
    struct kt_session_facts facts = kt_conn_session_facts(link->conn);

    if (link->site->store != NULL && facts.lineage.len > 0) {
        add_hex(text, "session", facts.id);
        add_hex(text, "lineage", facts.lineage);
        add_hex(text, "identity", facts.peer_sha256);
        kt_text_add(text, " generation=%" PRIu32, facts.generation);
    }
}

static size_t visit_status(struct kt_link *link, struct kt_text *text, const void *how)
{
    struct kt_facts facts = kt_conn_facts(link->conn);
    bool certificates = !facts.resumed && facts.psk_identity.len == 0;
    char alpn[64], sni[64], psk[64];

    (void)how;
    kt_text_add(text, "%sconnected %s suite=%s group=%s scheme=%s alpn=%s sni=%s verified=%s resumed=%s", link->tag,
                kt_version_name(facts.version), kt_suite_name(facts.suite),
                facts.group != 0 ? kt_group_name(facts.group) : "-",
                certificates ? kt_scheme_name(facts.own_scheme) : "-", plain(facts.alpn, alpn),
                plain(facts.server_name, sni), facts.peer_authenticated ? "yes" : "no", facts.resumed ? "yes" : "no");
    if (facts.psk_identity.len > 0) {
        kt_text_add(text, " psk=%s", plain(facts.psk_identity, psk));
    }
    add_session(text, link);
    kt_text_add(text, " sent=%" PRIu64 " received=%" PRIu64 " age-ms=%" PRIu64 "\n", link->sent, link->received,
                kt_worker_now(link->worker) - link->began_ms);
    return 1;
}

void kt_facts_status(struct kt_crew *crew, struct kt_worker *workers, size_t count, struct kt_text *out)
{
    const struct kt_env *env = &crew->options->env;
    struct kt_text each = {0};
    size_t connected = kt_crew_visit(workers, count, visit_status, NULL, &each);

    kt_text_add(out, "%s open=%zu connected=%zu accepted=%" PRIu64 " failed=%" PRIu64, crew->site->app->name,
                atomic_load(&crew->open), connected, atomic_load(&crew->accepted), atomic_load(&crew->failed));
    kt_text_add(out, " gone-sent=%" PRIu64 " gone-received=%" PRIu64 " workers=%zu age-ms=%" PRIu64 "\n",
                atomic_load(&crew->sent), atomic_load(&crew->received), count,
                env->monotonic_ms(env->user) - crew->began_ms);
    kt_text_join(out, &each);
    kt_text_free(&each);
}

void kt_facts_store(struct kt_store *store, struct kt_text *out)
{
    struct kt_store_counters c;

    if (store == NULL) {
        return;
    }
    c = kt_store_counters(store);
    kt_text_add(out, "store admitted=%" PRIu64 " used=%" PRIu64 " revoked=%" PRIu64 " full=%" PRIu64, c.admitted,
                c.refused_used, c.refused_revoked, c.refused_full);
    kt_text_add(out, " entries=%" PRIu64 " sessions=%" PRIu64 " evicted=%" PRIu64 "\n", c.entries, c.sessions,
                c.evicted);
}

static void add_epoch(struct kt_text *text, const char *name, const struct kt_epoch_info *epoch, uint64_t now_ms)
{
    kt_text_add(text, " %s=%" PRIu64 " birth=%s age-ms=%" PRIu64 " records=%" PRIu64 " bytes=%" PRIu64, name,
                epoch->number, kt_birth_name(epoch->birth), now_ms - epoch->born_ms, epoch->records, epoch->bytes);
}

static size_t visit_epochs(struct kt_link *link, struct kt_text *text, const void *how)
{
    struct kt_epoch_info sending = kt_conn_epoch(link->conn, KT_SENDING);
    struct kt_epoch_info receiving = kt_conn_epoch(link->conn, KT_RECEIVING);
    const struct kt_env *env = &link->worker->crew->options->env;
    uint64_t now_ms = env->monotonic_ms(env->user);

    (void)how;
    kt_text_add(text, "[%" PRIu64 "]", link->id);
    add_epoch(text, "sending", &sending, now_ms);
    add_epoch(text, "receiving", &receiving, now_ms);
    kt_text_add(text, "\n");
    return 1;
}

void kt_facts_epochs(struct kt_worker *workers, size_t count, struct kt_text *out)
{
    (void)kt_crew_visit(workers, count, visit_epochs, NULL, out);
}

static void add_binding(struct kt_text *text, const struct kt_conn *conn, const char *name, enum kt_binding kind)
{
    uint8_t value[64];
    size_t len = 0;

    kt_text_add(text, " %s=", name);
    if (kt_conn_channel_binding(conn, kind, value, sizeof value, &len) != NULL) {
        kt_text_add(text, "-");
        return;
    }
    for (size_t i = 0; i < len; i++) {
        kt_text_add(text, "%02x", value[i]);
    }
}

static size_t visit_bindings(struct kt_link *link, struct kt_text *text, const void *how)
{
    (void)how;
    kt_text_add(text, "[%" PRIu64 "]", link->id);
    add_binding(text, link->conn, "tls-exporter", KT_BINDING_TLS_EXPORTER);
    if (kt_conn_facts(link->conn).version < KT_TLS_1_3) {
        add_binding(text, link->conn, "tls-unique", KT_BINDING_TLS_UNIQUE);
    }
    add_binding(text, link->conn, "tls-server-end-point", KT_BINDING_SERVER_END_POINT);
    kt_text_add(text, "\n");
    return 1;
}

void kt_facts_bindings(struct kt_worker *workers, size_t count, struct kt_text *out)
{
    (void)kt_crew_visit(workers, count, visit_bindings, NULL, out);
}

static size_t visit_rekey(struct kt_link *link, struct kt_text *text, const void *how)
{
    (void)text;
    return kt_link_rekey(link, *(const enum kt_rekey *)how) ? 1 : 0;
}

static size_t visit_request(struct kt_link *link, struct kt_text *text, const void *how)
{
    (void)text;
    return kt_link_request(link, *(const enum kt_client_auth *)how) ? 1 : 0;
}

size_t kt_facts_request(struct kt_worker *workers, size_t count, enum kt_client_auth mode)
{
    return kt_crew_visit(workers, count, visit_request, &mode, NULL);
}

static size_t visit_tickets(struct kt_link *link, struct kt_text *text, const void *how)
{
    (void)text;
    return kt_link_tickets(link, *(const unsigned *)how) ? 1 : 0;
}

size_t kt_facts_tickets(struct kt_worker *workers, size_t count, unsigned tickets)
{
    return kt_crew_visit(workers, count, visit_tickets, &tickets, NULL);
}

static size_t visit_rehandshake(struct kt_link *link, struct kt_text *text, const void *how)
{
    (void)text;
    return kt_link_rehandshake(link, *(const enum kt_rehandshake *)how) ? 1 : 0;
}

size_t kt_facts_rehandshake(struct kt_worker *workers, size_t count, enum kt_rehandshake kind)
{
    return kt_crew_visit(workers, count, visit_rehandshake, &kind, NULL);
}

size_t kt_facts_rekey(struct kt_worker *workers, size_t count, enum kt_rekey what)
{
    return kt_crew_visit(workers, count, visit_rekey, &what, NULL);
}
