#include "serve_path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The kernel resolves the name and refuses every step that would leave the folder, whoever renames what meanwhile.
 * O_NONBLOCK: a FIFO in the folder must not stop the server. */
static int open_beneath(int root, const char *path)
{
    const struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
    };
    long fd = -1;

    errno = EAGAIN;
    for (int tries = 0; fd < 0 && errno == EAGAIN && tries < 16; tries++) {
        fd = syscall(SYS_openat2, root, path, &how, sizeof how);
    }
    return (int)fd;
}

int kt_path_root(const char *folder)
{
    int root = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int probe;

    if (root < 0) {
        return -1;
    }
    probe = open_beneath(root, ".");
    if (probe < 0) {
        close(root);
        return -1;
    }
    close(probe);
    return root;
}

static int status_of(int error)
{
    switch (error) {
    case EACCES:
    case EPERM:
        return 403;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case EIO:
        return 500;
    default:
        return 404; /* also what leads outside: nobody learns that it is there */
    }
}

static int open_file(int root, const char *path, bool *is_folder, struct kt_path_file *out)
{
    struct stat stat;
    int fd = open_beneath(root, path);

    *is_folder = false;
    if (fd < 0) {
        return status_of(errno);
    }
    if (fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode)) {
        out->fd = fd;
        out->size = (uint64_t)stat.st_size;
        return 200;
    }
    *is_folder = S_ISDIR(stat.st_mode);
    close(fd);
    return 404;
}

int kt_path_open(int root, const char *path, bool wants_folder, struct kt_path_file *out)
{
    bool is_folder;
    int status;

    out->fd = -1;
    snprintf(out->type_of, sizeof out->type_of, wants_folder ? "%s/index.html" : "%s", path);
    status = open_file(root, out->type_of, &is_folder, out);
    return is_folder && !wants_folder ? 301 : status;
}
