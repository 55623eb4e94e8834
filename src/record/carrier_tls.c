#include "record/carrier_tls.h"

#include "record/flight.h"

const struct kt_fault *kt_carrier_tls_pump(struct kt_carrier_tls *self)
{
    size_t taken;

    if (self->pending.len == 0) {
        return NULL;
    }
    KT_TRY(kt_tx_handshake(self->tx, self->pending, &taken));
    self->pending.p += taken;
    self->pending.len -= taken;
    return NULL;
}

static bool carrier_busy(const void *carrier)
{
    const struct kt_carrier_tls *self = carrier;

    return self->pending.len > 0;
}

/* Nothing overtakes a message of which a part may be out already, and no key changes inside it (R3, R4). */
static const struct kt_fault *not_busy(const struct kt_carrier_tls *self)
{
    if (carrier_busy(self)) {
        KT_FAIL(USAGE_STATE);
    }
    return NULL;
}

static const struct kt_fault *carrier_send(void *carrier, struct kt_span message)
{
    struct kt_carrier_tls *self = carrier;

    KT_TRY(not_busy(self));
    self->pending = message;
    return kt_carrier_tls_pump(self);
}

static const struct kt_fault *carrier_send_ccs(void *carrier)
{
    struct kt_carrier_tls *self = carrier;

    KT_TRY(not_busy(self));
    return kt_tx_ccs(self->tx);
}

static const struct kt_fault *carrier_flight_done(void *carrier)
{
    struct kt_carrier_tls *self = carrier;

    /* What is pending ends its record when it is out: kt_tx_out finishes what is open. */
    return carrier_busy(self) ? NULL : kt_tx_finish_record(self->tx);
}

static const struct kt_fault *carrier_protect(void *carrier, enum kt_direction direction, const struct kt_suite *suite,
                                              const struct kt_secret *secret, bool application)
{
    struct kt_carrier_tls *self = carrier;
    const struct kt_env *env = self->tx->watch.env;
    uint64_t now_ms = env->monotonic_ms(env->user);

    if (direction == KT_RECEIVING) {
        atomic_store(&self->link->peer_key_born_ms, now_ms);
        return kt_rx_protect(self->rx, suite, secret, application, now_ms);
    }
    KT_TRY(not_busy(self));
    return kt_tx_protect(self->tx, suite, secret, application, now_ms);
}

static void carrier_speak(void *carrier, uint16_t version)
{
    struct kt_carrier_tls *self = carrier;

    self->tx->version = version;
    self->rx->version = version;
}

static const struct kt_fault *carrier_change(void *carrier, enum kt_direction direction, const struct kt_suite *suite,
                                             const struct kt_keys12 *keys, enum kt_birth birth)
{
    struct kt_carrier_tls *self = carrier;
    const struct kt_env *env = self->tx->watch.env;
    uint64_t now_ms = env->monotonic_ms(env->user);

    if (direction == KT_RECEIVING) {
        KT_TRY(kt_rx_change(self->rx, suite, keys, birth, now_ms));
        atomic_store(&self->link->peer_key_born_ms, now_ms);
        return NULL;
    }
    KT_TRY(not_busy(self));
    return kt_tx_change(self->tx, suite, keys, birth, now_ms);
}

/*
 * An update that comes after a request of ours is taken for its answer: the epoch is born for our reason then. A
 * request that the sending half makes meanwhile stays open.
 */
static const struct kt_fault *carrier_peer_updated(void *carrier, bool requested)
{
    struct kt_carrier_tls *self = carrier;
    const struct kt_env *env = self->rx->watch.env;
    unsigned bits = kt_link_bits(self->link);
    enum kt_birth why = (bits & KT_LINK_ASKED) != 0 ? kt_link_why(bits) : KT_BIRTH_PEER;
    uint64_t now_ms = env->monotonic_ms(env->user);

    KT_TRY(kt_rx_next_epoch(self->rx, why, now_ms));
    atomic_store(&self->link->peer_key_born_ms, now_ms);
    kt_link_clear(self->link, bits & KT_LINK_ASKED);
    if (requested) {
        kt_link_set(self->link, KT_LINK_ANSWER);
    }
    return NULL;
}

static const struct kt_fault *carrier_limit(void *carrier, enum kt_direction direction, size_t content_max)
{
    struct kt_carrier_tls *self = carrier;

    if (direction == KT_RECEIVING) {
        kt_rx_limit(self->rx, content_max);
        return NULL;
    }
    KT_TRY(not_busy(self));
    return kt_tx_limit(self->tx, content_max);
}

static void carrier_skip_early_data(void *carrier, bool retried)
{
    struct kt_carrier_tls *self = carrier;

    self->rx->skip_early = KT_BUDGET_SKIPPED_EARLY;
    self->rx->skip_all_data = retried;
}

static const struct kt_fault *carrier_flight_add(void *carrier, struct kt_flight **flight, struct kt_span message)
{
    const struct kt_carrier_tls *self = carrier;

    return kt_flight_add(flight, self->rx->watch.env, message);
}

static const struct kt_fault *carrier_flight_add_finished(void *carrier, struct kt_flight **flight,
                                                          struct kt_span transcript_hash)
{
    const struct kt_carrier_tls *self = carrier;

    return kt_flight_add_finished(flight, self->rx->watch.env, transcript_hash);
}

static const struct kt_fault *carrier_flight_add_change(void *carrier, struct kt_flight **flight,
                                                        const struct kt_flight_change *change)
{
    const struct kt_carrier_tls *self = carrier;

    return kt_flight_add_change(flight, self->rx->watch.env, change);
}

static void carrier_flight_leave(void *carrier, struct kt_flight *flight)
{
    const struct kt_carrier_tls *self = carrier;

    kt_flight_leave(flight, self->link);
}

static void carrier_flight_drop(void *carrier, struct kt_flight *flight)
{
    (void)carrier;
    kt_flight_free(flight);
}

static unsigned carrier_flights_owed(const void *carrier)
{
    const struct kt_carrier_tls *self = carrier;

    return atomic_load(&self->link->flights);
}

static bool carrier_sends(const void *carrier)
{
    const struct kt_carrier_tls *self = carrier;

    return (kt_link_bits(self->link) & KT_LINK_OUT_CLOSED) == 0;
}

static const struct kt_secret *carrier_peer_secret(const void *carrier)
{
    const struct kt_carrier_tls *self = carrier;

    return &self->rx->secret;
}

struct kt_carrier kt_carrier_tls(struct kt_carrier_tls *self, struct kt_rx *rx, struct kt_tx *tx, struct kt_link *link)
{
    static const struct kt_carrier_ops ops = {
        .send = carrier_send,
        .busy = carrier_busy,
        .send_ccs = carrier_send_ccs,
        .flight_done = carrier_flight_done,
        .protect = carrier_protect,
        .speak = carrier_speak,
        .change = carrier_change,
        .peer_updated = carrier_peer_updated,
        .limit = carrier_limit,
        .skip_early_data = carrier_skip_early_data,
        .flight_add = carrier_flight_add,
        .flight_add_finished = carrier_flight_add_finished,
        .flight_add_change = carrier_flight_add_change,
        .flight_leave = carrier_flight_leave,
        .flight_drop = carrier_flight_drop,
        .flights_owed = carrier_flights_owed,
        .sends = carrier_sends,
        .peer_secret = carrier_peer_secret,
    };

    *self = (struct kt_carrier_tls){.rx = rx, .tx = tx, .link = link};
    return (struct kt_carrier){&ops, self};
}
