#include "session_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

enum { SESSION_BYTES_MAX = 70000 }; /* a ticket has at most 65535 */

static enum kt_exit complain(const char *path, const char *what, enum kt_reason reason)
{
    kt_report_line("", "error: %s: %s (reason=%s alert=-)", path, what, kt_reason_name(reason));
    kt_report_line("", "hint: a session file is a regular file that only its owner can read and write");
    return KT_EXIT_FILES;
}

static bool is_private(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static size_t read_all(int fd, uint8_t *bytes, size_t cap)
{
    size_t len = 0;
    ssize_t got = 1;

    while (len < cap && got > 0) {
        got = read(fd, bytes + len, cap - len);
        len += got > 0 ? (size_t)got : 0;
    }
    return len;
}

static enum kt_exit take(int fd, const char *path, const struct kt_env *env, struct kt_session **out)
{
    static uint8_t bytes[SESSION_BYTES_MAX];
    struct kt_span span = {bytes, read_all(fd, bytes, sizeof bytes)};
    const struct kt_fault *fault = kt_session_import(env, span, out);

    explicit_bzero(bytes, sizeof bytes);
    if (fault != NULL) {
        kt_report_line("", "the session in %s cannot be used: %s", path, kt_reason_text((enum kt_reason)fault->reason));
    }
    return KT_EXIT_NONE;
}

enum kt_exit kt_session_file_read(const char *path, const struct kt_env *env, struct kt_session **out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    enum kt_exit done;

    *out = NULL;
    if (fd < 0) {
        return errno == ENOENT ? KT_EXIT_NONE : complain(path, strerror(errno), KT_REASON_FILE_UNREADABLE);
    }
    if (is_private(fd)) {
        done = take(fd, path, env, out);
    } else {
        done = complain(path, "others can read it", KT_REASON_FILE_NOT_PRIVATE);
    }
    close(fd);
    return done;
}

static bool write_all(int fd, const uint8_t *bytes, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, bytes, len);

        if (put <= 0) {
            return false;
        }
        bytes += put;
        len -= (size_t)put;
    }
    return true;
}

/* mkstemp makes the file its owner's alone. */
static bool replace(const char *path, const uint8_t *bytes, size_t len)
{
    char beside[4096];
    bool done;
    int fd;

    if (snprintf(beside, sizeof beside, "%s.XXXXXX", path) >= (int)sizeof beside) {
        errno = ENAMETOOLONG;
        return false;
    }
    fd = mkstemp(beside);
    if (fd < 0) {
        return false;
    }
    done = write_all(fd, bytes, len);
    done = close(fd) == 0 && done;
    if (!done || rename(beside, path) != 0) {
        (void)unlink(beside);
        return false;
    }
    return true;
}

enum kt_exit kt_session_file_write(const char *path, const struct kt_session *session)
{
    static uint8_t bytes[SESSION_BYTES_MAX];
    size_t len = kt_session_export(session, bytes, sizeof bytes);
    bool done;

    errno = EFBIG;
    done = len <= sizeof bytes && replace(path, bytes, len);
    explicit_bzero(bytes, sizeof bytes);
    return done ? KT_EXIT_NONE : complain(path, strerror(errno), KT_REASON_FILE_UNWRITABLE);
}
