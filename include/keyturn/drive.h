/*
 * drive.h - a ready-made owner of a connection over a file descriptor: moves the bytes, answers the asks.
 *
 * The engine never does I/O; this file is the short way for programs that have a socket. Works with blocking
 * and non-blocking descriptors.
 */
#ifndef KEYTURN_DRIVE_H
#define KEYTURN_DRIVE_H

#include <keyturn/conn.h>
#include <keyturn/inspect.h>
#include <keyturn/pki.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Linux: monotonic and wall clock, getrandom, malloc; no observer. Copy it to add an observer. */
KT_API const struct kt_env *kt_env_linux(void);

struct kt_drive;

/*
 * Who answers KT_ASK_VERIFY and KT_ASK_SIGN. `trust` NULL with `danger_accept_any` false refuses every peer
 * that must be verified. Asks that this file cannot answer are handed to `answer` when it is set: it returns NULL
 * when it answered or left the ask open for later, or a fault to refuse with.
 */
struct kt_drive_options {
    const struct kt_trust *trust; /* must outlive the drive */
    struct kt_verify verify;      /* all zero: kt_verify_default() */
    bool danger_accept_any;       /* no check at all: the peer is whoever answers */
    struct kt_span server_name;   /* client: see kt_conn_options */
    const struct kt_fault *(*answer)(void *user, struct kt_conn *conn, const struct kt_ask *ask);
    void *user;                   /* also kt_conn_owner */
};

/* Takes over no ownership of `fd`: the caller closes it after kt_drive_free. */
KT_API KT_MUST_USE const struct kt_fault *kt_drive_new(struct kt_config *config, int fd,
                                                       const struct kt_drive_options *options,
                                                       struct kt_drive **out);
KT_API void kt_drive_free(struct kt_drive *drive);
KT_API struct kt_conn *kt_drive_conn(struct kt_drive *drive);

enum kt_io {
    KT_IO_DONE,       /* made progress as asked */
    KT_IO_WANT_READ,  /* non-blocking: call again when the descriptor is readable */
    KT_IO_WANT_WRITE, /* non-blocking: call again when the descriptor is writable */
    KT_IO_WANT_ANSWER, /* an ask was left open: answer it, then call again */
    KT_IO_CLOSED,     /* the peer closed cleanly: no more data will come */
    KT_IO_FAILED,     /* kt_drive_fault says why */
};

/*
 * kt_drive_handshake: until connected. kt_drive_read: at least one byte, or CLOSED. kt_drive_write: all of len
 * unless non-blocking; *done says how many bytes were accepted, and accepted bytes are sent by later calls
 * (kt_drive_flush) without being given again. kt_drive_close: close_notify, flushed; the other direction stays open.
 * kt_drive_tick: kt_conn_tick, flushed.
 *
 * Blocking calls return only when done or failed, and meanwhile do what is due by time. A call for one
 * direction never waits for the other: an answer owed to the peer's KeyUpdate is sent by whichever half moves next.
 *
 * Threads: after the handshake one thread may read while another writes.
 */
KT_API enum kt_io kt_drive_handshake(struct kt_drive *drive);
KT_API enum kt_io kt_drive_read(struct kt_drive *drive, void *buffer, size_t cap, size_t *got);
KT_API enum kt_io kt_drive_write(struct kt_drive *drive, const void *data, size_t len, size_t *done);
KT_API enum kt_io kt_drive_flush(struct kt_drive *drive);
KT_API enum kt_io kt_drive_close(struct kt_drive *drive);
KT_API enum kt_io kt_drive_tick(struct kt_drive *drive);

/* Why KT_IO_FAILED; and errno of the transport where the reason is TRANSPORT_FAILED, else 0. */
KT_API const struct kt_fault *kt_drive_fault(const struct kt_drive *drive);
KT_API int kt_drive_errno(const struct kt_drive *drive);

/* One line for people: what failed, the alert, what can be done about it. Always ended with NUL. */
KT_API void kt_drive_explain(const struct kt_drive *drive, char *out, size_t cap);

/*
 * Plain sockets for the common case. kt_dial connects to host and port (number or service name), trying all
 * addresses; kt_listen listens on "ADDR:PORT", "[V6]:PORT" or ":PORT" (port 0: any). Blocking descriptors with
 * close-on-exec. Faults: ADDRESS_UNKNOWN, CONNECT_FAILED, with errno kept.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_dial(const char *host, const char *port, int *fd);
KT_API KT_MUST_USE const struct kt_fault *kt_listen(const char *address, int *fd);

/*
 * A key log file in the format of RFC 9850, for kt_builder_danger_keylog: created for its owner only (0600);
 * an existing file that others can read is refused (FILE_NOT_PRIVATE). kt_keylog_line writes one notice of kind
 * SECRET as one line; any thread.
 */
struct kt_keylog;
KT_API KT_MUST_USE const struct kt_fault *kt_keylog_open(const char *path, struct kt_keylog **out);
KT_API void kt_keylog_line(struct kt_keylog *log, const struct kt_notice *notice);
KT_API void kt_keylog_close(struct kt_keylog *log);

#ifdef __cplusplus
}
#endif

#endif
