/* certificate: a credential for tests, and its certificate for people. */
#include <keyturn/keyturn.h>
#include <stdio.h>

int main(void)
{
    const char *names[] = {"localhost", "127.0.0.1", "::1"};
    struct kt_credential *credential;
    struct kt_span certificate;
    char text[1024], fingerprint[65];

    if (kt_credential_ephemeral(kt_env_linux(), names, 3, 30, &credential)) {
        return 1;
    }
    certificate = kt_credential_certificate(credential, 0);
    if (kt_certificate_text(certificate, text, sizeof text) < sizeof text) {
        puts(text);
    }
    kt_certificate_fingerprint(certificate, fingerprint);
    printf("sha256=%s\n", fingerprint);
    kt_credential_unref(credential);
    return 0;
}
