/* sans_io: a client and a server in one process, joined by memory alone: no socket, no thread, no waiting. */
#include <keyturn/keyturn.h>
#include <stdio.h>
#include <string.h>

/* Takes what one side has for its transport into the other, as far as there is room. */
static bool carry(struct kt_conn *from, struct kt_conn *to)
{
    size_t have, room;
    const uint8_t *out = kt_conn_out(from, &have);
    uint8_t *in = have > 0 ? kt_conn_in(to, &room) : NULL;
    size_t n = in == NULL ? 0 : have < room ? have : room;

    if (n == 0) {
        return false;
    }
    memcpy(in, out, n);
    return !kt_conn_in_done(to, n) && !kt_conn_out_done(from, n);
}

/* The server signs with a key of pki.h; the client knows the one certificate it wants to see. */
static bool answer(struct kt_conn *conn, struct kt_span known)
{
    const struct kt_ask *ask = kt_conn_ask(conn);
    uint8_t signature[1024];
    size_t len;

    if (ask == NULL) {
        return false;
    }
    if (ask->kind == KT_ASK_SIGN && !kt_pki_sign(ask, signature, sizeof signature, &len)) {
        return !kt_answer_signature(conn, signature, len);
    }
    if (ask->kind == KT_ASK_VERIFY && ask->u.verify.chain[0].len == known.len &&
        memcmp(ask->u.verify.chain[0].p, known.p, known.len) == 0) {
        return !kt_answer_verified(conn);
    }
    return !kt_answer_refuse(conn, NULL);
}

static void settle(struct kt_conn *client, struct kt_conn *server, struct kt_span known)
{
    while (carry(client, server) || carry(server, client) || answer(client, known) || answer(server, known)) {
    }
}

static bool make(enum kt_role role, struct kt_credential *credential, struct kt_conn **out)
{
    struct kt_builder *builder;
    struct kt_config *config;
    bool made;

    if (kt_builder_new(role, kt_env_linux(), &builder)) {
        return false;
    }
    made = (role == KT_CLIENT || !kt_builder_credential(builder, credential)) && !kt_builder_build(builder, &config);
    kt_builder_free(builder);
    if (made) {
        made = !kt_conn_new(config, NULL, out);
        kt_config_unref(config); /* the connection holds a reference of its own */
    }
    return made;
}

int main(void)
{
    static const char hello[] = "hello";
    const char *names[] = {"localhost"};
    struct kt_conn *client = NULL, *server = NULL;
    struct kt_credential *credential;
    struct kt_span certificate;
    uint8_t text[64];
    size_t n = 0;

    if (kt_credential_ephemeral(kt_env_linux(), names, 1, 1, &credential)) {
        return 1;
    }
    certificate = kt_credential_certificate(credential, 0);
    if (make(KT_CLIENT, NULL, &client) && make(KT_SERVER, credential, &server)) {
        settle(client, server, certificate); /* the handshake */
        if (kt_conn_send(client, (const uint8_t *)hello, sizeof hello, &n)) {
            n = 0;
        }
        settle(client, server, certificate); /* the data */
        if (kt_conn_recv(server, text, sizeof text, &n) || kt_conn_rekey(client, KT_REKEY_BOTH)) {
            n = 0;
        }
        settle(client, server, certificate); /* new keys in both directions */
        printf("%.*s; sending key %d, receiving key %d\n", (int)n, (const char *)text,
               (int)kt_conn_epoch(client, KT_SENDING).number, (int)kt_conn_epoch(client, KT_RECEIVING).number);
    }
    kt_conn_free(client);
    kt_conn_free(server);
    kt_credential_unref(credential);
    return n == sizeof hello ? 0 : 1;
}
