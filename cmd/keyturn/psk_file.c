#include "psk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "report.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static enum kt_exit refuse_file(const char *path, const char *what, enum kt_reason reason)
{
    kt_report_line("", "error: %s: %s (reason=%s alert=-)", path, what, kt_reason_name(reason));
    kt_report_line("", "hint: lines of IDENTITY:HEXKEY, in a regular file that only its owner can read");
    return KT_EXIT_FILES;
}

static enum kt_exit refuse_line(const char *path, unsigned line, const char *what)
{
    kt_report_line("", "error: %s:%u: %s (reason=%s alert=-)", path, line, what, kt_reason_name(KT_REASON_CONFIG_PSK));
    kt_report_line("", "hint: a line is IDENTITY:HEXKEY, with a key of %d to %d bytes", KT_PSK_KEY_MIN, KT_PSK_KEY_MAX);
    return KT_EXIT_FILES;
}

static int digit(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c == '\0' ? NULL : strchr(digits, c >= 'A' && c <= 'F' ? c + ('a' - 'A') : c);

    return at == NULL ? -1 : (int)(at - digits);
}

/* Decodes in place. False when it is not hexadecimal, or nothing. */
static bool decode_hex(char *text, size_t len, struct kt_span *out)
{
    uint8_t *bytes = (uint8_t *)text;

    for (size_t i = 0; i + 1 < len; i += 2) {
        int high = digit(text[i]);
        int low = digit(text[i + 1]);

        if (high < 0 || low < 0) {
            return false;
        }
        bytes[i / 2] = (uint8_t)(high << 4 | low);
    }
    *out = (struct kt_span){bytes, len / 2};
    return len > 0 && len % 2 == 0;
}

static bool decode_identity(char *text, size_t len, struct kt_span *out)
{
    if (len >= 2 && text[0] == '0' && text[1] == 'x') {
        return decode_hex(text + 2, len - 2, out);
    }
    *out = (struct kt_span){(const uint8_t *)text, len};
    return len > 0;
}

/* The line is taken apart where it stands. NULL, or what is wrong with it. */
static const char *add_line(const struct kt_options *o, struct kt_builder *builder, char *line, size_t len)
{
    char *colon = memrchr(line, ':', len);
    struct kt_psk_parts parts = {.hash = o->psk_hash, .import = o->psk_context != NULL};
    const struct kt_fault *fault;
    struct kt_psk *psk;

    if (colon == NULL || !decode_identity(line, (size_t)(colon - line), &parts.identity)) {
        return "there is no identity";
    }
    if (!decode_hex(colon + 1, len - (size_t)(colon + 1 - line), &parts.key)) {
        return "the key is not hexadecimal";
    }
    if (o->psk_context != NULL) {
        parts.context = (struct kt_span){(const uint8_t *)o->psk_context, strlen(o->psk_context)};
    }
    fault = kt_psk_new(&o->env, &parts, &psk);
    if (fault == NULL) {
        fault = kt_builder_psk(builder, psk);
        kt_psk_unref(psk);
    }
    return fault == NULL                               ? NULL
           : fault->reason == KT_REASON_USAGE_ARGUMENT ? "too long, too short or too many"
                                                       : kt_reason_text((enum kt_reason)fault->reason);
}

static enum kt_exit add_lines(const struct kt_options *o, struct kt_builder *builder, char *text, size_t len)
{
    unsigned number = 0;

    while (len > 0) {
        char *end = memchr(text, '\n', len);
        size_t line = end != NULL ? (size_t)(end - text) : len;
        size_t bare = line > 0 && text[line - 1] == '\r' ? line - 1 : line;
        const char *wrong = NULL;

        number++;
        if (bare > 0 && text[0] != '#') {
            wrong = add_line(o, builder, text, bare);
        }
        if (wrong != NULL) {
            return refuse_line(o->psk_path, number, wrong);
        }
        line += end != NULL ? 1 : 0;
        text += line;
        len -= line;
    }
    return KT_EXIT_NONE;
}

static bool is_private(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
           (st.st_mode & (S_IRWXG | S_IRWXO)) == 0;
}

static enum kt_exit read_keys(const struct kt_options *o, struct kt_builder *builder, int fd)
{
    char *text = malloc(FILE_BYTES_MAX);
    enum kt_exit done;
    size_t len = 0;
    ssize_t got = 1;

    if (text == NULL) {
        return refuse_file(o->psk_path, "not enough memory", KT_REASON_MEMORY_SPENT);
    }
    while (len < FILE_BYTES_MAX && got > 0) {
        got = read(fd, text + len, FILE_BYTES_MAX - len);
        len += got > 0 ? (size_t)got : 0;
    }
    done = got == 0 ? add_lines(o, builder, text, len)
                    : refuse_file(o->psk_path, got < 0 ? strerror(errno) : "it is too long", KT_REASON_FILE_UNREADABLE);
    explicit_bzero(text, FILE_BYTES_MAX);
    free(text);
    return done;
}

enum kt_exit kt_psk_file_load(const struct kt_options *options, struct kt_builder *builder)
{
    enum kt_exit done;
    int fd;

    if (options->psk_path == NULL) {
        return KT_EXIT_NONE;
    }
    fd = open(options->psk_path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0) {
        return refuse_file(options->psk_path, strerror(errno), KT_REASON_FILE_UNREADABLE);
    }
    done = is_private(fd) ? read_keys(options, builder, fd)
                          : refuse_file(options->psk_path, "others can read it", KT_REASON_FILE_NOT_PRIVATE);
    close(fd);
    kt_builder_danger_psk_ke(builder, options->psk_ke);
    return done;
}
