/*
 * drive.h - a ready-made owner of a connection over a file descriptor: moves the bytes, answers the asks.
 *
 * The engine never does I/O; this file is the short way for programs that have a socket. Works with blocking
 * and non-blocking descriptors. The configuration must be of kt_env_linux or of a copy with its clock, because
 * deadlines become time-outs of poll.
 */
#ifndef KEYTURN_DRIVE_H
#define KEYTURN_DRIVE_H

#include <keyturn/conn.h>
#include <keyturn/inspect.h>
#include <keyturn/ocsp.h>
#include <keyturn/pki.h>
#include <keyturn/store.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Linux: monotonic and wall clock, getrandom, malloc; no observer. Copy it to add an observer. Its monotonic clock
 * moves in steps of some milliseconds; kt_clock_us is the exact one, for traces and measurements: microseconds since
 * some moment in the past, never going back.
 */
KT_API const struct kt_env *kt_env_linux(void);
KT_API uint64_t kt_clock_us(void);

struct kt_drive;

/*
 * Who answers KT_ASK_VERIFY, KT_ASK_SIGN and KT_ASK_DECRYPT. Asks that this file cannot answer (VERIFY without `trust`,
 * SIGN and DECRYPT for a key that pki.h did not make, the two choices) are handed to `answer` when it is set: it
 * returns NULL when it answered or left the ask open for later, or a fault to refuse with. Without `answer` they are
 * refused; so `trust` NULL with `danger_accept_any` false refuses every peer that must be verified. Asks about sessions
 * (KT_ASK_RESUME, KT_ASK_FETCH_SESSION, KT_ASK_KEEP_SESSIONS) are answered by `store`, without one by `answer`, without
 * either by no; KT_ASK_FIND_PSK by `answer`, without it by no.
 */
struct kt_drive_options {
    const struct kt_trust *trust; /* must outlive the drive */
    struct kt_verify verify;      /* a number that is 0 is that of kt_verify_default() */
    struct kt_ocsp *ocsp;         /* asks responders about the peer's certificate (below); must outlive the drive */
    bool danger_accept_any;       /* no check at all: the peer is whoever answers */
    struct kt_span server_name;   /* client: see kt_conn_options */
    struct kt_session *session;   /* likewise */
    struct kt_store *store;       /* server: answers asks about sessions; must outlive the drive */
    const struct kt_fault *(*answer)(void *user, struct kt_conn *conn, const struct kt_ask *ask);
    void *user;                 /* also kt_conn_owner */
    bool own_fd;                /* the drive, once made, closes `fd` in kt_drive_free */
    struct kt_trust *own_trust; /* in place of `trust`: the drive, once made, frees it in kt_drive_free */
};

/*
 * `fd` stays the caller's, to be closed after kt_drive_free, unless the options say otherwise. `options` may be NULL.
 * Whether the descriptor blocks may be changed at any time; it is looked at when a call would have to wait.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_drive_new(struct kt_config *config, int fd,
                                                       const struct kt_drive_options *options, struct kt_drive **out);

/*
 * The short way for a client: connects to host and port (kt_dial) with the default configuration, trusting the
 * authorities of the system, and expects a certificate for `host`. All of it belongs to the drive. The handshake is
 * done by the first call that needs it. Faults: those of kt_dial, kt_trust_add_system and kt_drive_new.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_drive_dial(const char *host, const char *port, struct kt_drive **out);

KT_API void kt_drive_free(struct kt_drive *drive);
KT_API struct kt_conn *kt_drive_conn(struct kt_drive *drive);

enum kt_io {
    KT_IO_DONE,        /* made progress as asked */
    KT_IO_WANT_READ,   /* non-blocking: call again when the descriptor is readable */
    KT_IO_WANT_WRITE,  /* non-blocking: call again when the descriptor is writable */
    KT_IO_WANT_ANSWER, /* an ask was left open (after the handshake: and nothing can be read): answer it, then call
                          again */
    KT_IO_CLOSED,      /* the peer closed cleanly: no more data will come */
    KT_IO_FAILED,      /* kt_drive_fault says why */
};

/*
 * kt_drive_handshake: until connected. kt_drive_read: at least one byte, or CLOSED. kt_drive_write: all of len
 * unless non-blocking; *done says how many bytes were accepted (all of them when DONE), and accepted bytes are sent
 * by later calls (kt_drive_flush) without being given again. kt_drive_flush: until nothing is left to be
 * sent. kt_drive_close: close_notify, flushed; the other direction stays open. kt_drive_tick: kt_conn_tick,
 * flushed. Reading and writing do the handshake first where it is not done.
 *
 * Blocking calls return only when done or failed, and meanwhile do what is due by time. A call for one
 * direction never waits for the other: an answer owed to the peer's KeyUpdate is sent by whichever half moves next.
 * With a non-blocking descriptor, KT_HAS_OUTPUT in kt_conn_half_status(KT_SENDING) after any call says that
 * kt_drive_flush should be called when the descriptor is writable, and kt_conn_deadline when kt_drive_tick should.
 *
 * Asks after the handshake (post-handshake authentication) are answered while reading, as those of the handshake are.
 * One left open by `answer` keeps nothing from flowing; only a blocking kt_drive_read that would have to wait returns
 * WANT_ANSWER instead.
 *
 * A rehandshake (kt_conn_rehandshake) is transparent: kt_drive_read goes on with it, and kt_drive_write, whose data is
 * held between our change of keys and its end, does so itself where no other thread has read, and otherwise waits for
 * that thread. If data of the peer is in the way, or the descriptor does not block, it returns WANT_READ: read first,
 * then go on writing. An ask of a rehandshake that `answer` leaves open stops reading: WANT_ANSWER.
 *
 * A write that fails in the transport leaves the receiving half alone: what the peer said last (an alert that
 * tells why, perhaps) can still be read. No call raises SIGPIPE on a socket.
 *
 * Threads: after the handshake one thread may read while another does the rest (write, flush, close, tick).
 * kt_drive_fault, _errno and _explain: any thread. Who uses kt_drive_conn beside a drive keeps to the reading
 * half in the reading thread, and sends by the drive only.
 */
KT_API enum kt_io kt_drive_handshake(struct kt_drive *drive);
KT_API enum kt_io kt_drive_read(struct kt_drive *drive, void *buffer, size_t cap, size_t *got);
KT_API enum kt_io kt_drive_write(struct kt_drive *drive, const void *data, size_t len, size_t *done);
KT_API enum kt_io kt_drive_flush(struct kt_drive *drive);
KT_API enum kt_io kt_drive_close(struct kt_drive *drive);
KT_API enum kt_io kt_drive_tick(struct kt_drive *drive);

/*
 * With `ocsp` and `trust` the responder that the peer's certificate names is asked before the peer is accepted
 * (ocsp.h). A handshake over a blocking descriptor waits for it, no longer than the fetcher's timeout. Over a
 * non-blocking one it gives KT_IO_WANT_ANSWER: call again when kt_drive_answer_fd is readable (-1: there is no such
 * thing to wait for). kt_drive_ocsp tells what came of it, from then on until the drive is freed; false: nothing was
 * asked of the fetcher.
 */
KT_API int kt_drive_answer_fd(const struct kt_drive *drive);
KT_API bool kt_drive_ocsp(struct kt_drive *drive, struct kt_ocsp_report *report);

/* Why KT_IO_FAILED, or NULL; and errno of the transport where the reason is TRANSPORT_FAILED, else 0. */
KT_API const struct kt_fault *kt_drive_fault(const struct kt_drive *drive);
KT_API int kt_drive_errno(const struct kt_drive *drive);

/*
 * One line for people, always ended with NUL: what failed, the alert, what can be done about it. kt_explain is the
 * first part for a fault of any origin, as "MEANING (reason=NAME alert=NAME sent|received)": `conn` is the connection
 * that failed, NULL where there was none; `error` an errno or 0. kt_explain_hint is the second part; static text.
 */
KT_API void kt_drive_explain(const struct kt_drive *drive, char *out, size_t cap);
KT_API void kt_explain(const struct kt_fault *fault, const struct kt_conn *conn, int error, char *out, size_t cap);
KT_API const char *kt_explain_hint(const struct kt_fault *fault, const struct kt_conn *conn);

/*
 * Plain sockets for the common case. kt_dial connects to host and port (number or service name), trying all
 * addresses; kt_listen listens on "ADDR:PORT", "[V6]:PORT" or ":PORT" (port 0: any). Blocking descriptors with
 * close-on-exec and TCP_NODELAY. Faults: ADDRESS_UNKNOWN, CONNECT_FAILED; errno says more where it is not 0.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_dial(const char *host, const char *port, int *fd);
KT_API KT_MUST_USE const struct kt_fault *kt_listen(const char *address, int *fd);

/*
 * A key log file in the format of RFC 9850, for kt_builder_danger_keylog: created for its owner only (0600);
 * an existing file that others can read or that is another user's is refused (FILE_NOT_PRIVATE), and so is
 * what is no regular file or a symbolic link (FILE_UNWRITABLE). Lines are appended. kt_keylog_line writes one notice
 * of kind SECRET as one line and ignores others; any thread. It accepts NULL for the log, and so does kt_keylog_close.
 */
struct kt_keylog;
KT_API KT_MUST_USE const struct kt_fault *kt_keylog_open(const char *path, struct kt_keylog **out);
KT_API void kt_keylog_line(struct kt_keylog *log, const struct kt_notice *notice);
KT_API void kt_keylog_close(struct kt_keylog *log);

/*
 * Reads a user policy from a file of at most 64 KiB, see kt_policy_parse: on a fault *out is untouched, and *error,
 * which may be NULL, has line 0 where the file is at fault and not its text. Faults: FILE_UNREADABLE (errno says more),
 * POLICY_MALFORMED, USAGE_ARGUMENT, MEMORY_SPENT.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_policy_file(const char *path, struct kt_user_policy *out,
                                                         struct kt_policy_error *error);

#ifdef __cplusplus
}
#endif

#endif
