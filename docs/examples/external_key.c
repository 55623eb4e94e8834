/* external_key: a server whose private key is with somebody else, who answers in a thread of its own. */
#include <keyturn/keyturn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Stands for a device or another process: the only one that can use the key. */
struct device {
    struct kt_credential *inside;
    const struct kt_ask *job;
    uint8_t signature[1024];
    size_t len;
};

static void *work(void *user)
{
    struct device *device = user;
    struct kt_ask own = *device->job; /* scheme and input as asked, the key is ours */

    own.u.sign.credential = device->inside;
    if (kt_pki_sign(&own, device->signature, sizeof device->signature, &device->len)) {
        device->len = 0;
    }
    return NULL;
}

/* Asks that the drive cannot answer come here. NULL without an answer: left open for later. */
static const struct kt_fault *leave_open(void *user, struct kt_conn *conn, const struct kt_ask *ask)
{
    struct device *device = user;

    device->job = ask->kind == KT_ASK_SIGN && kt_credential_key(ask->u.sign.credential) == device ? ask : NULL;
    return device->job != NULL ? NULL : kt_answer_refuse(conn, NULL);
}

/* The certificate is public; of the key only the place is known. */
static bool make_credential(struct device *device, struct kt_credential **out)
{
    const char *names[] = {"localhost"};
    const uint16_t schemes[] = {KT_SCHEME_ECDSA_SECP256R1_SHA256};
    struct kt_credential_parts parts = {.chain_len = 1, .schemes = schemes, .scheme_count = 1, .key = device};
    struct kt_span chain;

    if (kt_credential_ephemeral(kt_env_linux(), names, 1, 1, &device->inside)) {
        return false;
    }
    chain = kt_credential_certificate(device->inside, 0);
    parts.chain = &chain;
    return !kt_credential_new(kt_env_linux(), &parts, out);
}

static bool serve(struct kt_drive *drive, struct device *device)
{
    enum kt_io io = kt_drive_handshake(drive);

    while (io == KT_IO_WANT_ANSWER) {
        pthread_t thread;

        if (pthread_create(&thread, NULL, work, device)) {
            return false;
        }
        puts("the key is asked, the connection waits"); /* a server with more to do would do it now */
        pthread_join(thread, NULL);
        if (kt_answer_signature(kt_drive_conn(drive), device->signature, device->len)) {
            return false;
        }
        io = kt_drive_handshake(drive);
    }
    return io == KT_IO_DONE && kt_drive_close(drive) == KT_IO_DONE;
}

static const struct kt_fault *pin(void *user, struct kt_conn *conn, const struct kt_ask *ask)
{
    struct kt_span known = kt_credential_certificate(user, 0);
    bool same = ask->kind == KT_ASK_VERIFY && ask->u.verify.chain[0].len == known.len &&
                memcmp(ask->u.verify.chain[0].p, known.p, known.len) == 0;

    return same ? kt_answer_verified(conn) : kt_answer_refuse(conn, NULL);
}

static void *connect_to(void *drive)
{
    char text[16];
    size_t n;

    puts(kt_drive_read(drive, text, sizeof text, &n) == KT_IO_CLOSED ? "connected and closed" : "failed");
    kt_drive_close(drive);
    return NULL;
}

int main(void)
{
    struct device device = {.len = 0};
    struct kt_drive_options serving = {.answer = leave_open, .user = &device};
    struct kt_drive_options connecting = {.answer = pin};
    struct kt_credential *credential;
    struct kt_builder *client, *server;
    struct kt_config *configs[2];
    struct kt_drive *here, *there;
    pthread_t thread;
    int fds[2];
    bool good;

    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || !make_credential(&device, &credential) ||
        kt_builder_new(KT_SERVER, kt_env_linux(), &server) || kt_builder_credential(server, credential) ||
        kt_builder_build(server, &configs[0]) || kt_builder_new(KT_CLIENT, kt_env_linux(), &client) ||
        kt_builder_build(client, &configs[1])) {
        return 1;
    }
    connecting.user = credential;
    if (kt_drive_new(configs[0], fds[0], &serving, &here) || kt_drive_new(configs[1], fds[1], &connecting, &there) ||
        pthread_create(&thread, NULL, connect_to, there)) {
        return 1;
    }
    good = serve(here, &device);
    shutdown(fds[0], SHUT_WR);
    pthread_join(thread, NULL);

    kt_drive_free(here);
    kt_drive_free(there);
    kt_config_unref(configs[0]);
    kt_config_unref(configs[1]);
    kt_builder_free(server);
    kt_builder_free(client);
    kt_credential_unref(credential);
    kt_credential_unref(device.inside);
    close(fds[0]);
    close(fds[1]);
    return good ? 0 : 1;
}
