/*
 * machine.h - what may happen in a handshake, as data, and the driver that alone moves the state.
 *
 * A row says: in this state, on this event, run this step, which may choose one of these next states. What has no
 * row is unexpected_message. No step assigns the state.
 */
#ifndef KT_MACHINE_H
#define KT_MACHINE_H

#include "seam/carrier.h"
#include "wire/reader.h"

enum kt_state {
#define X(name, kind, ccs) KT_STATE_##name,
#include "hs/states.def"
#undef X
    KT_STATE_COUNT
};

enum kt_state_kind {
    KT_STATE_IS_READ,
    KT_STATE_IS_SEND,
    KT_STATE_IS_DO,
    KT_STATE_IS_ASK,
    KT_STATE_IS_REST,
    KT_STATE_IS_DEAD,
};

/* Events beside the 256 handshake message types. */
enum kt_on {
    KT_ON_GO = 256, /* a SEND or DO state: go on by itself */
    KT_ON_ANSWER,   /* an ASK state: the answer is there */
    KT_ON_CCS,      /* a READ state of TLS 1.2: the peer's change_cipher_spec */
    KT_ON_COUNT
};

/* What the driver checks or does around the step. */
enum kt_row_flag {
    KT_ROW_LAST_IN_RECORD = 1, /* keys change after it: nothing may follow it in its record (R3) */
    KT_ROW_HASH_SELF = 2,      /* the step itself adds the message to the transcript, in between */
    KT_ROW_NO_HASH = 4,        /* not part of any transcript: post-handshake messages */
    KT_ROW_FLIGHT_ENDS = 8,    /* the last message of our flight */
};

enum { KT_ROW_NEXT_MAX = 3 };

struct kt_hs;

/*
 * One step; sets *next to one of the row's next states. READ: takes `message`, whose body the codec reads to its
 * end. SEND: writes one message through kt_hs_writer. ASK: applies the answer. `message` is NULL but for READ, and
 * there for a change_cipher_spec.
 */
typedef const struct kt_fault *kt_step(struct kt_hs *hs, const struct kt_message *message, uint8_t *next);

struct kt_row {
    uint8_t state;                 /* enum kt_state */
    uint8_t flags;                 /* enum kt_row_flag */
    uint16_t on;                   /* handshake message type or enum kt_on */
    uint8_t next[KT_ROW_NEXT_MAX]; /* the only states the step may choose; 0 ends the list */
    kt_step *step;
};
_Static_assert(sizeof(struct kt_row) == 16, "a row is 16 bytes");

struct kt_table {
    const char *name;
    const struct kt_row *rows;
    size_t count;
};

extern const struct kt_table kt_table_hello_client;
extern const struct kt_table kt_table_hello_server;
extern const struct kt_table kt_table_tls13_client;
extern const struct kt_table kt_table_tls13_server;
extern const struct kt_table kt_table_post13;
extern const struct kt_table kt_table_post_auth_client;
extern const struct kt_table kt_table_post_auth_server;
extern const struct kt_table kt_table_tls12_client;
extern const struct kt_table kt_table_tls12_server;
extern const struct kt_table kt_table_post12;
/* All of them, NULL-ended: for the driver, the tests that enumerate and the tool that draws. */
extern const struct kt_table *const kt_all_tables[];

enum kt_state_kind kt_state_kind(uint8_t state);
const char *kt_state_name(uint8_t state);
bool kt_state_ignores_ccs(uint8_t state);
/* "ClientHello", "go", "answer", "change_cipher_spec", or "?" */
const char *kt_on_name(uint16_t on);

const struct kt_row *kt_row_find(uint8_t state, uint16_t on);

/*
 * Takes one whole message in a READ or REST state. Without a row: MESSAGE_NOT_EXPECTED, and nothing has changed.
 */
KT_MUST_USE const struct kt_fault *kt_machine_take(struct kt_hs *hs, const struct kt_message *message);

/* The same with the row found already: checks its flags, runs its step, moves to a state it declares. */
KT_MUST_USE const struct kt_fault *kt_machine_take_row(struct kt_hs *hs, const struct kt_row *row,
                                                       const struct kt_message *message);

/*
 * The peer's change_cipher_spec, where it is awaited: the receiving key changes. False in *taken: no row, and nothing
 * has changed.
 */
KT_MUST_USE const struct kt_fault *kt_machine_take_ccs(struct kt_hs *hs, bool *taken);

/* Runs SEND and DO states and answered ASK states until the machine waits for a message, an answer or room. */
KT_MUST_USE const struct kt_fault *kt_machine_run(struct kt_hs *hs);

#endif
