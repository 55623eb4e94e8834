/*
 * link.h - what the two halves of a connection share: one atomic word of what one owes and the other pays, how old
 * the peer's key is, and the flights that the one leaves to the other (flight.h).
 *
 * Any thread may owe; only the sending half pays, before its next record (field rule R4).
 */
#ifndef KT_LINK_H
#define KT_LINK_H

#include <stdatomic.h>

#include <keyturn/lifetime.h>

#include "base/compiler.h"

enum kt_link_bit {
    KT_LINK_ANSWER = 1,      /* the peer asked us to change our key */
    KT_LINK_SEND = 2,        /* the caller wants our key changed */
    KT_LINK_ASK = 4,         /* the caller wants the peer's key changed, too */
    KT_LINK_ASK_DUE = 8,     /* a limit of the receiving side wants the peer's key changed; reason in KT_LINK_WHY */
    KT_LINK_ASKED = 16,      /* a request of ours is outstanding */
    KT_LINK_ALERT = 32,      /* an alert is owed; number in KT_LINK_ALERT_AT */
    KT_LINK_OUT_CLOSED = 64, /* nothing more may be sent */
    KT_LINK_IN_CLOSED = 128, /* the peer sends nothing more: no use asking it */
};

enum {
    KT_LINK_WHY_AT = 8, /* three bits: enum kt_birth of a request that is due or outstanding */
    KT_LINK_WHY = 7 << KT_LINK_WHY_AT,
    KT_LINK_SENT = 1 << 11, /* data, or a request, was sent since the peer's last message after the handshake */
    KT_LINK_ALERT_AT = 16,  /* eight bits */

    /* Rehandshakes of TLS 1.2 and below (docs/adr/0018). KT_LINK_ASKED means here that one was begun by us. */
    KT_LINK_RUNS = 1 << 12,    /* one is on its way: its ClientHello was made, or received */
    KT_LINK_FULL = 1 << 13,    /* the next one is not to be abbreviated */
    KT_LINK_HELD = 1 << 14,    /* no data of ours until it is done */
    KT_LINK_REFUSE = 1 << 15,  /* the warning no_renegotiation is owed */
    KT_LINK_REFUSED = 1 << 24, /* the peer refused: the key-lifetime contract does not try again */
    KT_LINK_OWN = 1 << 25,     /* the last one was begun by us */

    /* What a rehandshake leaves behind at its end. */
    KT_LINK_REHANDSHAKE = KT_LINK_RUNS | KT_LINK_FULL | KT_LINK_HELD | KT_LINK_ASK | KT_LINK_ASK_DUE | KT_LINK_ASKED,
};

struct kt_flight;

struct kt_link {
    atomic_uint bits;
    atomic_uint flights;                   /* left and not wholly in the output yet */
    atomic_uint_fast64_t peer_key_born_ms; /* told by the receiving half before it takes KT_LINK_ASKED away */
    _Atomic(struct kt_flight *) newest_flight;
};

static inline unsigned kt_link_bits(const struct kt_link *link)
{
    return atomic_load_explicit(&link->bits, memory_order_acquire);
}

static inline void kt_link_set(struct kt_link *link, unsigned bits)
{
    atomic_fetch_or_explicit(&link->bits, bits, memory_order_acq_rel);
}

static inline void kt_link_clear(struct kt_link *link, unsigned bits)
{
    atomic_fetch_and_explicit(&link->bits, ~bits, memory_order_acq_rel);
}

static inline enum kt_birth kt_link_why(unsigned bits)
{
    return (enum kt_birth)((bits & KT_LINK_WHY) >> KT_LINK_WHY_AT);
}

/* Once per record, so only where it is news. */
static inline void kt_link_note_sent(struct kt_link *link)
{
    if ((kt_link_bits(link) & KT_LINK_SENT) == 0) {
        kt_link_set(link, KT_LINK_SENT);
    }
}

/* Both in one step: nobody sees, or adds to, what is between. */
static inline void kt_link_swap(struct kt_link *link, unsigned clear, unsigned set)
{
    unsigned bits = kt_link_bits(link);

    while (!atomic_compare_exchange_weak_explicit(&link->bits, &bits, (bits & ~clear) | set, memory_order_acq_rel,
                                                  memory_order_acquire)) {
    }
}

/* Sets `set` if all of `when` are set and none of `unless` is; whether it did. */
static inline bool kt_link_set_if(struct kt_link *link, unsigned when, unsigned unless, unsigned set)
{
    unsigned bits = kt_link_bits(link);

    while ((bits & when) == when && (bits & unless) == 0) {
        if (atomic_compare_exchange_weak_explicit(&link->bits, &bits, bits | set, memory_order_acq_rel,
                                                  memory_order_acquire)) {
            return true;
        }
    }
    return false;
}

/* Owes an alert; the first one counts. */
static inline void kt_link_owe_alert(struct kt_link *link, uint8_t alert)
{
    unsigned bits = kt_link_bits(link);

    while ((bits & KT_LINK_ALERT) == 0 &&
           !atomic_compare_exchange_weak_explicit(&link->bits, &bits,
                                                  bits | KT_LINK_ALERT | (unsigned)alert << KT_LINK_ALERT_AT,
                                                  memory_order_acq_rel, memory_order_acquire)) {
    }
}

/* Owes a request to the peer for this reason, unless one is due or outstanding, or a rehandshake runs. */
static inline void kt_link_owe_request(struct kt_link *link, enum kt_birth why)
{
    unsigned bits = kt_link_bits(link);

    while ((bits & (KT_LINK_ASK_DUE | KT_LINK_ASKED | KT_LINK_IN_CLOSED | KT_LINK_RUNS)) == 0 &&
           !atomic_compare_exchange_weak_explicit(
               &link->bits, &bits, (bits & ~(unsigned)KT_LINK_WHY) | KT_LINK_ASK_DUE | (unsigned)why << KT_LINK_WHY_AT,
               memory_order_acq_rel, memory_order_acquire)) {
    }
}

#endif
