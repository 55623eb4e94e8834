/*
 * policy_file.c - a user policy from a file.
 */
#include <keyturn/drive.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fail.h"
#include "base/span.h"

enum { POLICY_FILE_MAX = 1 << 16 };

/* Reads to the end; false with errno. A file longer than `cap` is too long. */
static bool read_all(int fd, uint8_t *to, size_t cap, size_t *len)
{
    for (*len = 0; *len < cap;) {
        ssize_t n = read(fd, to + *len, cap - *len);

        if (n == 0) {
            return true;
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
        *len += n > 0 ? (size_t)n : 0;
    }
    errno = EFBIG;
    return false;
}

static const struct kt_fault *read_file(const char *path, uint8_t *to, size_t *len)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    bool good;
    int error;

    if (fd < 0) {
        KT_FAIL(FILE_UNREADABLE);
    }
    good = read_all(fd, to, POLICY_FILE_MAX + 1, len);
    error = errno;
    close(fd);
    errno = error;
    return good ? NULL : KT_FAULT(FILE_UNREADABLE);
}

const struct kt_fault *kt_policy_file(const char *path, struct kt_user_policy *out, struct kt_policy_error *error)
{
    const struct kt_fault *fault;
    uint8_t *text;
    size_t len = 0;
    int saved;

    if (error != NULL) {
        *error = (struct kt_policy_error){.problem = ""};
    }
    if (path == NULL || out == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    text = malloc(POLICY_FILE_MAX + 1);
    if (text == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    fault = read_file(path, text, &len);
    if (fault == NULL) {
        fault = kt_policy_parse(kt_span_of(text, len), out, error);
    }
    saved = errno;
    free(text);
    errno = saved;
    return fault;
}
