/* client HOST PORT TEXT: sends TEXT to a server whose certificate the system trusts, prints the answer. */
#include <err.h>
#include <keyturn/keyturn.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    const struct kt_fault *fault = NULL;
    struct kt_drive *drive;
    char text[512];
    size_t n;

    if (argc != 4 || (fault = kt_drive_dial(argv[1], argv[2], &drive)) != NULL) {
        errx(2, "%s", fault != NULL ? kt_reason_text(fault->reason) : "usage: client HOST PORT TEXT");
    }
    kt_drive_write(drive, argv[3], strlen(argv[3]), &n); /* after the handshake with a verified server */
    kt_drive_close(drive);
    while (kt_drive_read(drive, text, sizeof text, &n) == KT_IO_DONE) {
        fwrite(text, 1, n, stdout);
    }
    kt_drive_explain(drive, text, sizeof text);
    fault = kt_drive_fault(drive);
    kt_drive_free(drive);
    if (fault != NULL) {
        errx(1, "%s", text);
    }
    return 0;
}
