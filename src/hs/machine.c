#include "hs/machine.h"

#include "hs/hs.h"
#include "registry/registry.h"

const struct kt_table *const kt_all_tables[] = {
    &kt_table_hello_client,
    &kt_table_hello_server,
    &kt_table_tls13_client,
    &kt_table_tls13_server,
    &kt_table_post13,
    &kt_table_post_auth_client,
    &kt_table_post_auth_server,
    &kt_table_tls12_client,
    &kt_table_tls12_server,
    &kt_table_post12,
    NULL,
};

static const struct {
    const char *name;
    uint8_t kind;
    bool ignores_ccs;
} states[KT_STATE_COUNT] = {
#define X(name, kind, ccs) {#name, KT_STATE_IS_##kind, ccs},
#include "hs/states.def"
#undef X
};

enum kt_state_kind kt_state_kind(uint8_t state)
{
    return state < KT_STATE_COUNT ? states[state].kind : KT_STATE_IS_DEAD;
}

const char *kt_state_name(uint8_t state)
{
    return state < KT_STATE_COUNT ? states[state].name : "?";
}

bool kt_state_ignores_ccs(uint8_t state)
{
    return state < KT_STATE_COUNT && states[state].ignores_ccs;
}

const char *kt_on_name(uint16_t on)
{
    const char *name = on < KT_ON_GO ? kt_message_name((uint8_t)on) : NULL;

    if (on == KT_ON_GO) {
        return "go";
    }
    if (on == KT_ON_ANSWER) {
        return "answer";
    }
    if (on == KT_ON_CCS) {
        return "change_cipher_spec";
    }
    return name != NULL ? name : "?";
}

const struct kt_row *kt_row_find(uint8_t state, uint16_t on)
{
    for (const struct kt_table *const *table = kt_all_tables; *table != NULL; table++) {
        for (size_t i = 0; i < (*table)->count; i++) {
            const struct kt_row *row = &(*table)->rows[i];

            if (row->state == state && row->on == on) {
                return row;
            }
        }
    }
    return NULL;
}

static bool row_declares(const struct kt_row *row, uint8_t next)
{
    for (size_t i = 0; i < KT_ROW_NEXT_MAX && row->next[i] != KT_STATE_NONE; i++) {
        if (row->next[i] == next) {
            return true;
        }
    }
    return false;
}

static void tell_state(const struct kt_hs *hs, uint8_t from, uint8_t to)
{
    if (kt_watched(&hs->watch) && from != to) {
        struct kt_notice notice = {.kind = KT_NOTICE_STATE};

        notice.u.state.from = kt_state_name(from);
        notice.u.state.to = kt_state_name(to);
        kt_notify(&hs->watch, &notice);
    }
}

static void tell_message(const struct kt_hs *hs, enum kt_direction direction, struct kt_span whole)
{
    if (kt_watched(&hs->watch)) {
        struct kt_notice notice = {.kind = KT_NOTICE_MESSAGE, .direction = direction};

        notice.u.message.type = whole.p[0];
        notice.u.message.body = whole;
        kt_notify(&hs->watch, &notice);
    }
}

/* The one place that assigns a state. A handshake that comes to rest leaves nothing behind. */
static const struct kt_fault *move(struct kt_hs *hs, const struct kt_row *row, uint8_t next)
{
    uint8_t from = hs->state;

    if (!row_declares(row, next)) {
        KT_FAIL(STATE_NOT_DECLARED);
    }
    hs->state = next;
    tell_state(hs, from, next);
    if (kt_state_kind(next) == KT_STATE_IS_REST) {
        kt_hs_end(hs);
    }
    return NULL;
}

static bool driver_hashes(const struct kt_row *row)
{
    return (row->flags & (KT_ROW_HASH_SELF | KT_ROW_NO_HASH)) == 0;
}

const struct kt_fault *kt_machine_take_row(struct kt_hs *hs, const struct kt_row *row, const struct kt_message *message)
{
    uint8_t next = KT_STATE_NONE;

    if ((row->flags & KT_ROW_LAST_IN_RECORD) != 0 && !message->last_in_record) {
        KT_FAIL(MESSAGE_NOT_LAST);
    }
    KT_TRY(row->step(hs, message, &next));
    if (driver_hashes(row)) {
        KT_TRY(kt_hs_hash(hs, message->whole));
    }
    return move(hs, row, next);
}

const struct kt_fault *kt_machine_take(struct kt_hs *hs, const struct kt_message *message)
{
    const struct kt_row *row = kt_row_find(hs->state, message->type);

    tell_message(hs, KT_RECEIVING, message->whole);
    if (row == NULL) {
        KT_FAIL(MESSAGE_NOT_EXPECTED);
    }
    return kt_machine_take_row(hs, row, message);
}

/* A change_cipher_spec is no handshake message: it is in no transcript. */
const struct kt_fault *kt_machine_take_ccs(struct kt_hs *hs, bool *taken)
{
    const struct kt_row *row = kt_row_find(hs->state, KT_ON_CCS);
    uint8_t next = KT_STATE_NONE;

    *taken = row != NULL;
    if (row == NULL) {
        return NULL;
    }
    KT_TRY(row->step(hs, NULL, &next));
    return move(hs, row, next);
}

/* What the first handshake sends goes out now, in its own records. */
static const struct kt_fault *send_now(struct kt_hs *hs, const struct kt_row *row, struct kt_span whole)
{
    const struct kt_carrier *carrier = &hs->carrier;

    tell_message(hs, KT_SENDING, whole);
    KT_TRY(carrier->ops->send(carrier->self, whole));
    if ((row->flags & KT_ROW_FLIGHT_ENDS) != 0) {
        return carrier->ops->flight_done(carrier->self);
    }
    return NULL;
}

/* What a later one sends is the sending half's to put out, and to tell of, when its flight is whole (docs/adr/0012). */
static const struct kt_fault *send_later(struct kt_hs *hs, const struct kt_row *row, struct kt_span whole)
{
    const struct kt_carrier *carrier = &hs->carrier;

    KT_TRY(carrier->ops->flight_add(carrier->self, &hs->flight, whole));
    if ((row->flags & KT_ROW_FLIGHT_ENDS) != 0 && !hs->keeps) {
        kt_hs_leave_flight(hs);
    }
    return NULL;
}

/* Sends what the step wrote. */
static const struct kt_fault *emit(struct kt_hs *hs, const struct kt_row *row)
{
    struct kt_span whole;

    if (!kt_writer_finish(&hs->work->out)) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    whole = kt_writer_span(&hs->work->out);
    if (whole.len == 0) {
        return NULL;
    }
    if (driver_hashes(row)) {
        KT_TRY(kt_hs_hash(hs, whole));
    }
    return hs->leaves ? send_later(hs, row, whole) : send_now(hs, row, whole);
}

static const struct kt_fault *go(struct kt_hs *hs, uint16_t on)
{
    const struct kt_row *row = kt_row_find(hs->state, on);
    uint8_t next = KT_STATE_NONE;

    if (row == NULL) {
        KT_FAIL(STATE_NOT_DECLARED);
    }
    hs->work->out = kt_writer_over(NULL, 0);
    KT_TRY(row->step(hs, NULL, &next));
    KT_TRY(emit(hs, row));
    return move(hs, row, next);
}

const struct kt_fault *kt_machine_run(struct kt_hs *hs)
{
    while (!hs->carrier.ops->busy(hs->carrier.self)) {
        enum kt_state_kind kind = kt_state_kind(hs->state);

        if (kind == KT_STATE_IS_SEND || kind == KT_STATE_IS_DO) {
            KT_TRY(go(hs, KT_ON_GO));
        } else if (kind == KT_STATE_IS_ASK && hs->work->answered) {
            /* The ask is over once its step has run, but the step still reads the answer. */
            KT_TRY(go(hs, KT_ON_ANSWER));
        } else {
            break;
        }
    }
    return NULL;
}
