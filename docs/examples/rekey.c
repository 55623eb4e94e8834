/* rekey: 1 MiB to an echo server and back, with a new key every 256 KiB and one on demand; prints each epoch. */
#include <keyturn/keyturn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char fingerprint[65]; /* of the only certificate that the client accepts */

/* The observer of the client: called for everything that happens, interested in new keys. */
static void tell(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    const struct kt_epoch_info *epoch = &notice->u.epoch;

    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_EPOCH) {
        printf("%s key %llu: %s\n", notice->direction == KT_SENDING ? "sending" : "receiving",
               (unsigned long long)epoch->number, kt_birth_name(epoch->birth));
    }
}

static const struct kt_fault *check(void *user, struct kt_conn *conn, const struct kt_ask *ask)
{
    char shown[65] = "";

    (void)user;
    if (ask->kind == KT_ASK_VERIFY) {
        kt_certificate_fingerprint(ask->u.verify.chain[0], shown);
    }
    return strcmp(shown, fingerprint) == 0 ? kt_answer_verified(conn) : kt_answer_refuse(conn, NULL);
}

static void *echo(void *drive)
{
    char text[16384];
    size_t n, sent;

    while (kt_drive_read(drive, text, sizeof text, &n) == KT_IO_DONE &&
           kt_drive_write(drive, text, n, &sent) == KT_IO_DONE) {
    }
    kt_drive_close(drive);
    return NULL;
}

/* 16 KiB there and back. */
static bool exchange(struct kt_drive *drive)
{
    static char text[16384];
    size_t n, got = 0;
    bool good = kt_drive_write(drive, text, sizeof text, &n) == KT_IO_DONE;

    while (good && got < sizeof text) {
        good = kt_drive_read(drive, text, sizeof text - got, &n) == KT_IO_DONE;
        got += n;
    }
    return good;
}

static bool run(struct kt_drive *drive)
{
    bool good = true;

    for (int i = 0; i < 64 && good; i++) {
        good = exchange(drive);
    }
    good = good && !kt_conn_rekey(kt_drive_conn(drive), KT_REKEY_BOTH); /* from any thread, at any time */
    return good && exchange(drive) && exchange(drive) && kt_drive_close(drive) == KT_IO_DONE;
}

int main(void)
{
    const char *names[] = {"localhost"};
    struct kt_drive_options checked = {.answer = check};
    struct kt_lifetime lifetime = kt_lifetime_default();
    struct kt_env env = *kt_env_linux();
    struct kt_credential *credential;
    struct kt_builder *client, *server;
    struct kt_config *ours, *theirs;
    struct kt_drive *here, *there;
    pthread_t thread;
    int fds[2];
    bool good;

    env.observer = tell;
    lifetime.sending.max_bytes = 256 << 10; /* our key ... */
    lifetime.min_gap_ms = 0;                /* ... as often as it takes: the peer is one of us */
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) || kt_credential_ephemeral(&env, names, 1, 1, &credential) ||
        kt_builder_new(KT_CLIENT, &env, &client) || kt_builder_lifetime(client, &lifetime) ||
        kt_builder_build(client, &ours) || kt_builder_new(KT_SERVER, kt_env_linux(), &server) ||
        kt_builder_credential(server, credential) || kt_builder_build(server, &theirs) ||
        kt_drive_new(ours, fds[0], &checked, &here) || kt_drive_new(theirs, fds[1], NULL, &there)) {
        return 1;
    }
    kt_certificate_fingerprint(kt_credential_certificate(credential, 0), fingerprint);
    if (pthread_create(&thread, NULL, echo, there)) {
        return 1;
    }
    good = run(here);
    shutdown(fds[0], SHUT_WR);
    pthread_join(thread, NULL);

    kt_drive_free(here);
    kt_drive_free(there);
    kt_config_unref(ours);
    kt_config_unref(theirs);
    kt_builder_free(client);
    kt_builder_free(server);
    kt_credential_unref(credential);
    close(fds[0]);
    close(fds[1]);
    return good ? 0 : 1;
}
