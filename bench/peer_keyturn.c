/*
 * peer_keyturn.c - Keyturn by its public API.
 */
#include "peer.h"

#include <keyturn/keyturn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char peer_name[] = "keyturn";

struct peer {
    struct kt_conn *conn;
    struct wire *in, *out;
    bool is_server;
};

static struct options options;
static struct kt_config *configs[2];
static struct kt_trust *trust;
static struct kt_verify verify[2];
static struct kt_ticket_ring *ring;
static struct kt_store *store;
static struct kt_session *newest;

/* Ends the program unless `fault` is none. */
static void must(const struct kt_fault *fault, const char *what)
{
    if (fault != NULL) {
        die("%s: %s: %s (%s:%u)", what, kt_reason_name(fault->reason), kt_reason_text(fault->reason), fault->file,
            (unsigned)fault->line);
    }
}

static const char *file_of(const char *who, const char *ending)
{
    static char paths[2][1024];
    static int turn;
    char *path = paths[turn++ % 2];
    snprintf(path, sizeof paths[0], "%s/%s-%s.%s", options.certs, options.kind, who, ending);
    return path;
}

static void keep_newest(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SESSION) {
        kt_session_unref(newest);
        newest = kt_session_ref(notice->u.session);
    }
}

static void keep_in_store(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_SESSION && !kt_store_keep(store, notice->u.session)) {
        die("out of memory");
    }
}

static struct kt_env env_of(bool is_server)
{
    struct kt_env env = *kt_env_linux();
    if (options.resume && !is_server) {
        env.observer = keep_newest;
    } else if (options.by_id) {
        env.observer = keep_in_store;
    }
    return env;
}

static void add_resumption(struct kt_builder *builder)
{
    struct kt_resumption resumption = kt_resumption_default();
    resumption.ring = ring;
    resumption.tickets = options.by_id ? 0 : 1;
    resumption.session_ids = options.by_id;
    must(kt_builder_resumption(builder, &resumption), "resumption");
}

static void add_credential(struct kt_builder *builder, const char *who)
{
    struct kt_credential *credential;
    must(kt_credential_from_files(kt_env_linux(), file_of(who, "pem"), file_of(who, "key"), NULL, &credential),
         "credential");
    must(kt_builder_credential(builder, credential), "credential");
    kt_credential_unref(credential);
}

static uint16_t suite_of(void)
{
    static const uint16_t tls13[] = {KT_SUITE_AES_128_GCM_SHA256, KT_SUITE_AES_256_GCM_SHA384,
                                     KT_SUITE_CHACHA20_POLY1305_SHA256};
    static const uint16_t ecdsa[] = {KT_SUITE_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
                                     KT_SUITE_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
                                     KT_SUITE_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256};
    static const uint16_t rsa[] = {KT_SUITE_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
                                   KT_SUITE_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
                                   KT_SUITE_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256};

    if (!options.tls12) {
        return tls13[options.suite];
    }
    return strcmp(options.kind, "rsa") == 0 ? rsa[options.suite] : ecdsa[options.suite];
}

static struct kt_config *config_of(bool is_server)
{
    static const uint16_t groups[] = {KT_GROUP_X25519, KT_GROUP_SECP256R1};
    const uint16_t version = options.tls12 ? KT_TLS_1_2 : KT_TLS_1_3, suite = suite_of();
    const struct kt_env env = env_of(is_server);
    struct kt_builder *builder;
    must(kt_builder_new(is_server ? KT_SERVER : KT_CLIENT, &env, &builder), "builder");
    must(kt_builder_versions(builder, version, version), "versions");
    must(kt_builder_suites(builder, &suite, 1), "suites");
    must(kt_builder_groups(builder, groups, options.tls12 ? 2 : 1), "groups"); /* the second for the certificate */
    if (is_server || options.mutual) {
        add_credential(builder, is_server ? "server" : "client");
    }
    if (is_server && options.mutual) {
        kt_builder_client_auth(builder, KT_CLIENT_AUTH_REQUIRE);
    }
    if (options.updates) {
        struct kt_lifetime lifetime = kt_lifetime_default();
        lifetime.min_gap_ms = 0;
        must(kt_builder_lifetime(builder, &lifetime), "lifetime");
    }
    if (options.resume) {
        add_resumption(builder);
    }
    struct kt_config *config;
    must(kt_builder_build(builder, &config), "configuration");
    kt_builder_free(builder);
    return config;
}

void peer_setup(const struct options *given)
{
    options = *given;
    must(kt_trust_new(&trust), "trust");
    must(kt_trust_add_file(trust, file_of("root", "pem")), "trust");
    verify[false] = verify[true] = kt_verify_default();
    verify[true].any_name = true; /* servers check no name of their clients */
    must(kt_ticket_ring_new(kt_env_linux(), NULL, &ring), "ticket ring");
    must(kt_store_new(NULL, &store), "store");
    configs[false] = config_of(false);
    configs[true] = config_of(true);
}

struct peer *peer_new(bool is_server, struct wire *in, struct wire *out)
{
    struct peer *peer = calloc(1, sizeof *peer);
    if (peer == NULL) {
        die("out of memory");
    }
    *peer = (struct peer){.in = in, .out = out, .is_server = is_server};
    struct kt_conn_options how = {
        .server_name = {(const uint8_t *)SERVER_NAME, strlen(SERVER_NAME)},
        .session = newest,
    };
    must(kt_conn_new(configs[is_server], is_server ? NULL : &how, &peer->conn), "kt_conn_new");
    return peer;
}

static void flush(struct peer *peer)
{
    const uint8_t *bytes;
    size_t len;
    while ((bytes = kt_conn_out(peer->conn, &len)) != NULL) {
        wire_put(peer->out, bytes, len);
        must(kt_conn_out_done(peer->conn, len), "output");
    }
}

/* False when the wire is empty or no input is wanted. */
static bool feed(struct peer *peer)
{
    size_t cap;
    uint8_t *bytes;
    if (wire_len(peer->in) == 0 || (bytes = kt_conn_in(peer->conn, &cap)) == NULL) {
        return false;
    }
    must(kt_conn_in_done(peer->conn, wire_get(peer->in, bytes, cap)), "input");
    return true;
}

static bool answer(struct peer *peer)
{
    const struct kt_ask *ask = kt_conn_ask(peer->conn);
    if (ask == NULL) {
        return false;
    }
    if (ask->kind == KT_ASK_SIGN) {
        uint8_t signature[1024];
        size_t len;
        must(kt_pki_sign(ask, signature, sizeof signature, &len), "signing");
        must(kt_answer_signature(peer->conn, signature, len), "signature");
    } else if (ask->kind == KT_ASK_FETCH_SESSION) {
        must(kt_store_answer(store, peer->conn), "session");
    } else {
        must(kt_pki_verify(trust, &verify[peer->is_server], ask), "verification");
        must(kt_answer_verified(peer->conn), "verified");
    }
    return true;
}

bool peer_handshake(struct peer *peer)
{
    while (!kt_conn_is_connected(peer->conn) && (answer(peer) || feed(peer))) {
    }
    flush(peer);
    return kt_conn_is_connected(peer->conn);
}

void peer_send(struct peer *peer, const uint8_t *data, size_t len)
{
    while (len > 0) {
        size_t taken;
        must(kt_conn_send(peer->conn, data, len, &taken), "sending");
        data += taken;
        len -= taken;
        flush(peer);
    }
}

size_t peer_receive(struct peer *peer, uint8_t *data, size_t cap)
{
    size_t got;
    do {
        must(kt_conn_recv(peer->conn, data, cap, &got), "receiving");
    } while (got == 0 && feed(peer));
    return got;
}

void peer_update(struct peer *peer)
{
    must(kt_conn_rekey(peer->conn, KT_REKEY_BOTH), "rekey");
}

uint64_t peer_updates(const struct peer *peer)
{
    return kt_conn_epoch(peer->conn, KT_RECEIVING).number;
}

bool peer_resumed(const struct peer *peer)
{
    return kt_conn_facts(peer->conn).resumed;
}

void peer_keep_session(struct peer *peer)
{
    uint8_t none[1];
    size_t got = peer_receive(peer, none, sizeof none);
    if (got != 0 || newest == NULL) {
        die("no session came");
    }
}

void peer_rest(struct peer *peer)
{
    if (options.rest) {
        kt_conn_rest(peer->conn, KT_RECEIVING);
        kt_conn_rest(peer->conn, KT_SENDING);
    }
}

void peer_free(struct peer *peer)
{
    kt_conn_free(peer->conn);
    free(peer);
}
