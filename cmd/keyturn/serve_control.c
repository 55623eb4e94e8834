#include "serve_control.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { LINE_MAX_LEN = 256, CLIENTS_MAX = 16 };

/* Whoever asks. While an answer is not read to its end no further command is. */
struct client {
    struct kt_source source;
    struct kt_control *control;
    struct client *next;
    char line[LINE_MAX_LEN];
    size_t line_len;
    struct kt_text answer;
    size_t answered;
};

struct kt_control {
    struct kt_source source;
    struct sockaddr_un address;
    int epoll;
    kt_control_command *command;
    void *user;
    struct client *clients;
    size_t client_count;
};

static void free_client(struct client *client)
{
    close(client->source.fd);
    kt_text_free(&client->answer);
    free(client);
}

static void dismiss(struct client *client)
{
    struct client **at = &client->control->clients;

    while (*at != client) {
        at = &(*at)->next;
    }
    *at = client->next;
    client->control->client_count--;
    free_client(client);
}

static bool has_answer(const struct client *client)
{
    return client->answered < client->answer.len;
}

static bool watch(const struct client *client, int operation)
{
    struct epoll_event event = {
        .events = has_answer(client) ? EPOLLOUT : EPOLLIN,
        .data.ptr = (void *)&client->source,
    };

    return epoll_ctl(client->control->epoll, operation, client->source.fd, &event) == 0;
}

/* False when the client is gone. */
static bool send_answer(struct client *client)
{
    while (has_answer(client)) {
        ssize_t n = send(client->source.fd, client->answer.p + client->answered, client->answer.len - client->answered,
                         MSG_NOSIGNAL);

        if (n < 0 && errno == EAGAIN) {
            return true;
        }
        if (n < 0 && errno != EINTR) {
            return false;
        }
        client->answered += n < 0 ? 0 : (size_t)n;
    }
    kt_text_free(&client->answer);
    client->answered = 0;
    return true;
}

/* Takes the first line out of what was read and carries it out. False when there is no whole line. */
static bool run_line(struct client *client)
{
    char *end = memchr(client->line, '\n', client->line_len);
    char command[LINE_MAX_LEN];
    size_t len;

    if (end == NULL) {
        return false;
    }
    len = (size_t)(end - client->line);
    memcpy(command, client->line, len);
    command[len > 0 && command[len - 1] == '\r' ? len - 1 : len] = '\0';
    client->line_len -= len + 1;
    memmove(client->line, end + 1, client->line_len);
    if (command[0] != '\0') {
        client->control->command(client->control->user, command, &client->answer);
    }
    return true;
}

/* False when the client ended, or sends what is no command. */
static bool read_more(struct client *client)
{
    size_t room = sizeof client->line - client->line_len;
    ssize_t n = room == 0 ? 0 : recv(client->source.fd, client->line + client->line_len, room, 0);

    if (n < 0) {
        return errno == EAGAIN || errno == EINTR;
    }
    client->line_len += (size_t)n;
    return n > 0;
}

static void client_ready(struct kt_source *source)
{
    struct client *client = (struct client *)source;
    bool alive = has_answer(client) ? true : read_more(client);

    do {
        alive = alive && send_answer(client);
    } while (alive && !has_answer(client) && run_line(client));
    if (!alive || !watch(client, EPOLL_CTL_MOD)) {
        dismiss(client);
    }
}

static void control_ready(struct kt_source *source)
{
    struct kt_control *control = (struct kt_control *)source;
    int fd = accept4(control->source.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    struct client *client;

    if (fd < 0) {
        return;
    }
    client = control->client_count < CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
    if (client == NULL) {
        close(fd);
        return;
    }
    client->source = (struct kt_source){client_ready, fd};
    client->control = control;
    client->next = control->clients;
    control->clients = client;
    control->client_count++;
    if (!watch(client, EPOLL_CTL_ADD)) {
        dismiss(client);
    }
}

/* A server that was killed leaves its socket behind; one that lives answers. A file that is no socket refuses, too,
 * and is somebody's. */
static void remove_stale(const struct sockaddr_un *address)
{
    struct stat status;
    int fd;

    if (lstat(address->sun_path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        return;
    }
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0) {
        return;
    }
    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 && errno == ECONNREFUSED) {
        (void)unlink(address->sun_path);
    }
    close(fd);
}

static bool listen_at(struct kt_control *control)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &control->source};
    mode_t mask;
    bool bound;

    if (fd < 0) {
        return false;
    }
    control->source = (struct kt_source){control_ready, fd};
    remove_stale(&control->address);
    mask = umask(0177); /* from the first moment on, not by a chmod that comes after it */
    bound = bind(fd, (const struct sockaddr *)&control->address, sizeof control->address) == 0;
    umask(mask);
    return bound && listen(fd, CLIENTS_MAX) == 0 && epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct kt_control *kt_control_new(const char *path, int epoll, kt_control_command *command, void *user)
{
    struct kt_control *control = calloc(1, sizeof *control);

    if (control == NULL) {
        return NULL;
    }
    control->epoll = epoll;
    control->command = command;
    control->user = user;
    control->source.fd = -1;
    control->address.sun_family = AF_UNIX;
    if (strlen(path) < sizeof control->address.sun_path) {
        memcpy(control->address.sun_path, path, strlen(path) + 1);
        if (listen_at(control)) {
            return control;
        }
    } else {
        errno = ENAMETOOLONG;
    }
    if (control->source.fd >= 0) {
        int error = errno;

        close(control->source.fd);
        errno = error;
    }
    free(control);
    return NULL;
}

void kt_control_free(struct kt_control *control)
{
    if (control == NULL) {
        return;
    }
    for (struct client *client = control->clients, *next; client != NULL; client = next) {
        next = client->next;
        free_client(client);
    }
    close(control->source.fd);
    (void)unlink(control->address.sun_path);
    free(control);
}
