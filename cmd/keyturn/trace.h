/*
 * trace.h - draws what a connection does, as a ladder for people or as JSON lines for programs.
 *
 *      0.412  |-- ClientHello 214 ------------------------------->|
 *      1.033  |<-------------------------------- ServerHello 90 --|
 *      1.034  |== receiving key 0: initial =======================|
 *
 * We are on the left, the peer on the right; the number behind a message is its length in bytes. The extensions of a
 * message stand below it. A trace is
 * not changed by drawing, and each line is one write, so any number of threads may draw.
 */
#ifndef KT_TRACE_H
#define KT_TRACE_H

#include <keyturn/keyturn.h>

enum kt_trace_form {
    KT_TRACE_NONE,
    KT_TRACE_AUTO, /* colour on a terminal, else text */
    KT_TRACE_TEXT,
    KT_TRACE_COLOR,
    KT_TRACE_JSON,
};

struct kt_trace;

/* Draws to `fd`, each line in one write. NULL when out of memory. The time begins now. */
struct kt_trace *kt_trace_new(int fd, enum kt_trace_form form);
void kt_trace_free(struct kt_trace *trace);

/*
 * For commands with several connections: lines carry this number of the connection ("[7] ", "id":7). It is
 * called inside the observer, so it may use kt_conn_owner and no more.
 */
void kt_trace_identify(struct kt_trace *trace, uint64_t (*id)(const struct kt_conn *conn));

/* An event of `conn`, whose side kt_conn_facts knows. Any thread. */
void kt_trace_notice(struct kt_trace *trace, const struct kt_conn *conn, const struct kt_notice *notice);

/* The same for a known side, id (0: none) and time: for tests. `facts` is used by KT_NOTICE_CONNECTED. */
void kt_trace_draw(struct kt_trace *trace, const struct kt_facts *facts, uint64_t id, uint64_t us,
                   const struct kt_notice *notice);

/* "ClientHello" and so on; "message 99" is made in `spare` for a type without name. */
const char *kt_trace_message_name(uint8_t type, struct kt_span message, char spare[16]);

#endif
