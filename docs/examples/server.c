/* server ADDR:PORT CERT.PEM KEY.PEM: sends back what it gets, one connection after the other. */
#include <keyturn/keyturn.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void echo(struct kt_drive *drive)
{
    char text[4096];
    size_t n, sent;

    while (kt_drive_read(drive, text, sizeof text, &n) == KT_IO_DONE &&
           kt_drive_write(drive, text, n, &sent) == KT_IO_DONE) {
    }
    if (kt_drive_fault(drive) || kt_drive_close(drive) != KT_IO_DONE) {
        kt_drive_explain(drive, text, sizeof text);
        fprintf(stderr, "%s\n", text);
    }
}

int main(int argc, char **argv)
{
    struct kt_credential *credential;
    struct kt_builder *builder;
    struct kt_config *config;
    struct kt_drive *drive;
    int listener, fd;

    if (argc != 4 || kt_credential_from_files(kt_env_linux(), argv[2], argv[3], NULL, &credential) ||
        kt_builder_new(KT_SERVER, kt_env_linux(), &builder) || kt_builder_credential(builder, credential) ||
        kt_builder_build(builder, &config) || kt_listen(argv[1], &listener)) {
        return fprintf(stderr, "usage: server ADDR:PORT CERT.PEM KEY.PEM\n"), 2;
    }
    while ((fd = accept(listener, NULL, NULL)) >= 0) {
        if (!kt_drive_new(config, fd, NULL, &drive)) {
            echo(drive);
            kt_drive_free(drive);
        }
        close(fd);
    }
    return 1;
}
