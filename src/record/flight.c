#include "record/flight.h"

#include "base/span.h"
#include "keys/schedule13.h"
#include "wire/messages.h"

/* A part is one message, or a change of keys between two. */
enum part_kind {
    PART_MESSAGE,
    PART_FINISHED, /* room for the message; where its value will stand there is the transcript hash */
    PART_CHANGE,   /* struct change */
};

/* Keys by value: they are wiped with the part. */
struct change {
    const struct kt_suite *suite;
    struct kt_keys12 keys;
    enum kt_birth birth;
    size_t content_max;
};

struct part {
    struct part *next;
    enum part_kind kind;
    size_t len;
    uint8_t bytes[];
};

struct kt_flight {
    struct kt_flight *next; /* on the link the one left before, in the queue the one to be paid after */
    const struct kt_env *env;
    struct part *first, *last;
    size_t at; /* bytes of the first part that are out */
    bool begun;
};

/* ---- making ---- */

static const struct kt_fault *begin_flight(struct kt_flight **flight, const struct kt_env *env)
{
    struct kt_flight *made;

    if (*flight != NULL) {
        return NULL;
    }
    made = env->alloc(env->user, sizeof *made);
    if (made == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    *made = (struct kt_flight){.env = env};
    *flight = made;
    return NULL;
}

/* A part of this length behind the others. */
static const struct kt_fault *add_part(struct kt_flight **flight, const struct kt_env *env, enum part_kind kind,
                                       size_t len, struct part **out)
{
    struct part *part;

    KT_TRY(begin_flight(flight, env));
    part = env->alloc(env->user, sizeof *part + len);
    if (part == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    part->next = NULL;
    part->kind = kind;
    part->len = len;
    if ((*flight)->last == NULL) {
        (*flight)->first = part;
    } else {
        (*flight)->last->next = part;
    }
    (*flight)->last = part;
    *out = part;
    return NULL;
}

const struct kt_fault *kt_flight_add(struct kt_flight **flight, const struct kt_env *env, struct kt_span message)
{
    struct part *part;

    KT_TRY(add_part(flight, env, PART_MESSAGE, message.len, &part));
    kt_copy(part->bytes, message.p, message.len);
    return NULL;
}

const struct kt_fault *kt_flight_add_finished(struct kt_flight **flight, const struct kt_env *env,
                                              struct kt_span transcript_hash)
{
    struct part *part;

    KT_TRY(add_part(flight, env, PART_FINISHED, KT_MESSAGE_HEADER + transcript_hash.len, &part));
    kt_copy(part->bytes + KT_MESSAGE_HEADER, transcript_hash.p, transcript_hash.len);
    return NULL;
}

const struct kt_fault *kt_flight_add_change(struct kt_flight **flight, const struct kt_env *env,
                                            const struct kt_flight_change *change)
{
    const struct change kept = {change->suite, *change->keys, change->birth, change->content_max};
    struct part *part;

    KT_TRY(add_part(flight, env, PART_CHANGE, sizeof kept, &part));
    kt_copy(part->bytes, &kept, sizeof kept);
    return NULL;
}

static void drop_first_part(struct kt_flight *flight)
{
    const struct kt_env *env = flight->env;
    struct part *part = flight->first;
    size_t size = sizeof *part + part->len;

    flight->first = part->next;
    flight->at = 0;
    kt_wipe(part, size);
    env->release(env->user, part, size);
}

void kt_flight_free(struct kt_flight *flight)
{
    const struct kt_env *env;

    if (flight == NULL) {
        return;
    }
    env = flight->env;
    while (flight->first != NULL) {
        drop_first_part(flight);
    }
    env->release(env->user, flight, sizeof *flight);
}

/* ---- handing over ---- */

/* Counted before it can be seen: whoever takes it off counts it down. */
void kt_flight_leave(struct kt_flight *flight, struct kt_link *link)
{
    struct kt_flight *newest = atomic_load_explicit(&link->newest_flight, memory_order_relaxed);

    if (flight == NULL) {
        return;
    }
    atomic_fetch_add(&link->flights, 1);
    do {
        flight->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&link->newest_flight, &newest, flight, memory_order_release,
                                                    memory_order_relaxed));
}

/* All that was left meanwhile, in the order in which it was left, behind what the queue has. */
static void take_flights(struct kt_flight_queue *queue, struct kt_link *link)
{
    struct kt_flight *newest = atomic_exchange_explicit(&link->newest_flight, NULL, memory_order_acquire);
    struct kt_flight *oldest = NULL;
    struct kt_flight **end = &queue->first;

    while (newest != NULL) {
        struct kt_flight *older = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = older;
    }
    while (*end != NULL) {
        end = &(*end)->next;
    }
    *end = oldest;
}

static void drop_first_flight(struct kt_flight_queue *queue, struct kt_link *link)
{
    struct kt_flight *flight = queue->first;

    queue->first = flight->next;
    kt_flight_free(flight);
    atomic_fetch_sub(&link->flights, 1);
}

void kt_flights_drop(struct kt_flight_queue *queue, struct kt_link *link)
{
    take_flights(queue, link);
    while (queue->first != NULL) {
        drop_first_flight(queue, link);
    }
}

/* ---- paying ---- */

bool kt_flights_owed(const struct kt_flight_queue *queue, const struct kt_link *link)
{
    return queue->first != NULL || atomic_load_explicit(&link->newest_flight, memory_order_acquire) != NULL;
}

bool kt_flight_is_begun(const struct kt_flight_queue *queue)
{
    return queue->first != NULL && queue->first->begun;
}

/* The key of the output does not change before the flight is out: this is the secret the message goes out under. */
static const struct kt_fault *make_finished(const struct kt_tx *tx, struct part *part)
{
    uint8_t value[KT_HASH_MAX];
    size_t len = part->len - KT_MESSAGE_HEADER;
    struct kt_writer w = kt_writer_over(part->bytes, part->len);

    if (!tx->application || len != tx->suite->hash->len) {
        KT_FAIL(USAGE_STATE);
    }
    kt_finished_value(tx->suite->hash, &tx->secret, kt_span_of(part->bytes + KT_MESSAGE_HEADER, len), value);
    kt_finished_encode(&w, kt_span_of(value, len));
    if (KT_NEVER(!kt_writer_finish(&w))) {
        KT_FAIL(BUFFER_TOO_SMALL);
    }
    part->kind = PART_MESSAGE;
    return NULL;
}

static const struct kt_fault *begin_part(struct kt_tx *tx, struct part *part)
{
    if (part->kind == PART_FINISHED) {
        KT_TRY(make_finished(tx, part));
    }
    kt_tx_tell_message(tx, kt_span_of(part->bytes, part->len));
    return NULL;
}

static const struct kt_fault *pay_message(struct kt_flight *flight, struct kt_tx *tx, size_t *taken)
{
    struct part *part = flight->first;

    if (flight->at == 0) {
        KT_TRY(begin_part(tx, part));
    }
    KT_TRY(kt_tx_handshake(tx, kt_span_of(part->bytes + flight->at, part->len - flight->at), taken));
    flight->at += *taken;
    return NULL;
}

/* In one piece, where an alert still fits behind it. */
static const struct kt_fault *pay_change(struct kt_flight *flight, struct kt_tx *tx, size_t *taken)
{
    const struct kt_fault *fault;
    struct change change;

    *taken = kt_tx_can_update(tx) ? flight->first->len : 0;
    if (*taken == 0) {
        return NULL;
    }
    kt_copy(&change, flight->first->bytes, sizeof change);
    fault = kt_tx_change(tx, change.suite, &change.keys, change.birth, flight->env->monotonic_ms(flight->env->user));
    if (fault == NULL && change.content_max != 0) {
        fault = kt_tx_limit(tx, change.content_max);
    }
    kt_wipe(&change, sizeof change);
    flight->at += *taken;
    return fault;
}

static const struct kt_fault *pay_parts(struct kt_flight *flight, struct kt_tx *tx)
{
    size_t taken = 1;

    while (flight->first != NULL && taken > 0) {
        KT_TRY(flight->first->kind == PART_CHANGE ? pay_change(flight, tx, &taken) : pay_message(flight, tx, &taken));
        if (flight->at == flight->first->len) {
            drop_first_part(flight);
        }
    }
    return NULL;
}

const struct kt_fault *kt_flight_pay(struct kt_flight_queue *queue, struct kt_link *link, struct kt_tx *tx, bool *paid)
{
    take_flights(queue, link);
    *paid = queue->first == NULL;
    if (*paid || !kt_tx_takes_handshake(tx)) {
        return NULL;
    }
    queue->first->begun = true;
    KT_TRY(pay_parts(queue->first, tx));
    *paid = queue->first->first == NULL;
    if (*paid) {
        drop_first_flight(queue, link);
        return kt_tx_finish_record(tx);
    }
    return NULL;
}
