#include <keyturn/drive.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/ct.h"
#include "base/fail.h"
#include "base/span.h"

enum { KEYLOG_LINE = 512 }; /* label, 32 and at most 64 bytes in hex, two blanks, newline: well below */

struct kt_keylog {
    int fd;
};

/* The file holds what opens connections: nobody but its owner may have it. */
static const struct kt_fault *check_private(int fd)
{
    struct stat st;

    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        KT_FAIL(FILE_UNWRITABLE);
    }
    if (st.st_uid != geteuid() || (st.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        KT_FAIL(FILE_NOT_PRIVATE);
    }
    return NULL;
}

const struct kt_fault *kt_keylog_open(const char *path, struct kt_keylog **out)
{
    /* O_NONBLOCK: opening a FIFO nobody reads must fail, not wait. It means nothing for regular files. */
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, S_IRUSR | S_IWUSR);
    const struct kt_fault *fault;
    struct kt_keylog *log;

    if (fd < 0) {
        KT_FAIL(FILE_UNWRITABLE);
    }
    fault = check_private(fd);
    log = fault == NULL ? malloc(sizeof *log) : NULL;
    if (log == NULL) {
        close(fd);
        return fault != NULL ? fault : KT_FAULT(MEMORY_SPENT);
    }
    log->fd = fd;
    *out = log;
    return NULL;
}

/* A line in the making; what does not fit makes it unusable. */
struct line {
    char text[KEYLOG_LINE];
    size_t len;
    bool full;
};

static void put_char(struct line *line, char c)
{
    if (line->len == sizeof line->text) {
        line->full = true;
        return;
    }
    line->text[line->len++] = c;
}

static void put_text(struct line *line, const char *text)
{
    while (*text != '\0') {
        put_char(line, *text++);
    }
}

static void put_hex(struct line *line, struct kt_span bytes)
{
    for (size_t i = 0; i < bytes.len; i++) {
        put_char(line, "0123456789abcdef"[bytes.p[i] >> 4]);
        put_char(line, "0123456789abcdef"[bytes.p[i] & 15]);
    }
}

void kt_keylog_line(struct kt_keylog *log, const struct kt_notice *notice)
{
    struct line line = {.len = 0};

    if (log == NULL || notice->kind != KT_NOTICE_SECRET) {
        return;
    }
    put_text(&line, notice->u.secret.label);
    put_char(&line, ' ');
    put_hex(&line, notice->u.secret.client_random);
    put_char(&line, ' ');
    put_hex(&line, notice->u.secret.secret);
    put_char(&line, '\n');

    /* One write to a file opened for appending: lines of several threads and processes do not mix (RFC 9850
     * asks for no more). A log that cannot be written must not stop the connection, so failure is not told.
     */
    while (!line.full && write(log->fd, line.text, line.len) < 0 && errno == EINTR) {
    }
    kt_wipe(&line, sizeof line);
}

void kt_keylog_close(struct kt_keylog *log)
{
    if (log != NULL) {
        close(log->fd);
        free(log);
    }
}
