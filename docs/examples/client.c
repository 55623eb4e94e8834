/* client HOST PORT TEXT: sends TEXT to a server whose certificate the system trusts, prints the answer. */
#include <err.h>
#include <keyturn/keyturn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    struct kt_drive_options peer = {.server_name = {(uint8_t *)argv[1], argc == 4 ? strlen(argv[1]) : 0}};
    const struct kt_fault *f = NULL;
    struct kt_builder *builder;
    struct kt_config *config;
    struct kt_trust *trust;
    struct kt_drive *drive;
    char text[512];
    size_t n;
    int fd;

    if (argc != 4 || (f = kt_trust_new(&trust)) || (f = kt_trust_add_system(trust)) ||
        (f = kt_builder_new(KT_CLIENT, kt_env_linux(), &builder)) || (f = kt_builder_build(builder, &config)) ||
        (f = kt_dial(argv[1], argv[2], &fd)) || (peer.trust = trust, f = kt_drive_new(config, fd, &peer, &drive))) {
        errx(2, "%s", f ? kt_reason_text(f->reason) : "usage: client HOST PORT TEXT");
    }
    kt_drive_write(drive, argv[3], strlen(argv[3]), &n); /* after the handshake with a verified server */
    kt_drive_close(drive);
    while (kt_drive_read(drive, text, sizeof text, &n) == KT_IO_DONE) {
        fwrite(text, 1, n, stdout);
    }
    kt_drive_explain(drive, text, sizeof text);
    exit(kt_drive_fault(drive) ? warnx("%s", text), 1 : 0); /* the memory goes with the process */
}
