/*
 * dial.c - the short way to a verified server.
 */
#include <keyturn/drive.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/span.h"

static const struct kt_fault *default_config(struct kt_config **out)
{
    struct kt_builder *builder;
    const struct kt_fault *fault;

    KT_TRY(kt_builder_new(KT_CLIENT, kt_env_linux(), &builder));
    fault = kt_builder_build(builder, out);
    kt_builder_free(builder);
    return fault;
}

static const struct kt_fault *system_trust(struct kt_trust **out)
{
    const struct kt_fault *fault;

    KT_TRY(kt_trust_new(out));
    fault = kt_trust_add_system(*out);
    if (fault != NULL) {
        kt_trust_free(*out);
    }
    return fault;
}

/* Takes `fd` over only when it succeeds. */
static const struct kt_fault *drive_over(int fd, const char *host, struct kt_drive **out)
{
    struct kt_drive_options options = {.own_fd = true};
    const struct kt_fault *fault;
    struct kt_config *config;

    options.server_name = kt_span_of((const uint8_t *)host, strlen(host));
    KT_TRY(default_config(&config));
    fault = system_trust(&options.own_trust);
    if (fault == NULL) {
        fault = kt_drive_new(config, fd, &options, out);
        if (fault != NULL) {
            kt_trust_free(options.own_trust);
        }
    }
    kt_config_unref(config);
    return fault;
}

const struct kt_fault *kt_drive_dial(const char *host, const char *port, struct kt_drive **out)
{
    const struct kt_fault *fault;
    int fd;

    KT_TRY(kt_dial(host, port, &fd));
    fault = drive_over(fd, host, out);
    if (fault != NULL) {
        int error = errno;

        close(fd);
        errno = error;
    }
    return fault;
}
