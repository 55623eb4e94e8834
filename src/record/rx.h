/*
 * rx.h - the receiving half: bytes in, messages, data and alerts out.
 *
 * Records are opened in place in one buffer, which exists only while it holds something. Handshake messages
 * that lie in one record are shown where they are; others are assembled in memory of their own, bounded by
 * type.
 */
#ifndef KT_RX_H
#define KT_RX_H

#include "lifetime/epoch.h"
#include "record/protect.h"
#include "seam/carrier.h"
#include "seam/notify.h"

enum kt_rx_event {
    KT_RX_NEED,    /* more bytes */
    KT_RX_MESSAGE, /* a whole handshake message: .message */
    KT_RX_DATA,    /* application data: .data, until kt_rx_data_done consumed it */
    KT_RX_ALERT,   /* .alert_level, .alert */
    KT_RX_CCS,     /* a change_cipher_spec of the right form: unprotected, or under keys of TLS 1.2 and below */
};

struct kt_incoming {
    enum kt_rx_event event;
    struct kt_message message;
    struct kt_span data;
    uint8_t alert_level;
    uint8_t alert;
};

struct kt_rx {
    struct kt_watch watch;
    uint8_t *buffer;         /* KT_RX_BUFFER bytes or NULL */
    size_t head, tail;       /* bytes of the transport not yet opened */
    const uint8_t *at, *end; /* what is left of the record opened last: inside the buffer, before head */

    /* A message that spans records. */
    uint8_t *assembly;
    size_t assembly_len, assembly_cap;

    size_t chain_limit; /* for Certificate and CertificateStatus messages */
    size_t content_max; /* of protected records, padding included: what the peer agreed to */
    struct kt_protection protection;
    const struct kt_suite *suite;
    struct kt_epoch epoch;
    struct kt_budget no_progress;
    size_t skip_early; /* bytes of refused early data that may still be skipped; 0: none */

    /* The bytes stand together at the end: apart, each would cost seven of padding. */
    struct kt_secret secret; /* of the application epochs, for the next one */
    uint16_t version;        /* of TLS 1.2 and below, which protected records must say; 0: TLS 1.3 or not known */
    uint8_t content_type;    /* of the record opened last */
    bool assembly_shown;     /* it was returned by kt_rx_next and is given back at the next call */
    bool application;        /* application keys are in: epochs count */
    bool without_data;       /* the handshake goes on: no data comes, not even an empty record of it */
    bool skip_all_data;      /* after HelloRetryRequest: by record type, not by trial */
    bool seen_any;           /* the first record has been looked at: is it TLS at all */
};

void kt_rx_init(struct kt_rx *rx, const struct kt_watch *watch, size_t chain_limit);
void kt_rx_free(struct kt_rx *rx);
/* Gives the buffer back when nothing is in it. */
void kt_rx_rest(struct kt_rx *rx);

/* Protected records from the next one on may have at most this much content, padding included (RFC 8449). */
void kt_rx_limit(struct kt_rx *rx, size_t content_max);

/* Where to put bytes of the transport; NULL when out of memory or the buffer is full (consume first). */
uint8_t *kt_rx_room(struct kt_rx *rx, size_t *len);
/* n bytes were put there. USAGE_TOO_MUCH when more than the last room. */
KT_MUST_USE const struct kt_fault *kt_rx_filled(struct kt_rx *rx, size_t n);

/*
 * The next event. Messages, alerts and CCS are consumed by being returned; their spans are valid until the
 * next call. Enforces: lengths, types, no interleaving inside a fragmented message, no empty handshake or
 * alert records, the budget for records without progress, limits by message type. Data is returned whatever
 * the handshake state: the caller judges; without protection it is APPLICATION_DATA_EARLY here already. A
 * message too long for its type but not longer than 256 bytes is left to its codec, which knows the right
 * alert.
 */
KT_MUST_USE const struct kt_fault *kt_rx_next(struct kt_rx *rx, struct kt_incoming *out);
/* n bytes of the data returned last were consumed. */
KT_MUST_USE const struct kt_fault *kt_rx_data_done(struct kt_rx *rx, size_t n);
/* True when no byte of a handshake message is left over: keys may change (R3). */
bool kt_rx_at_boundary(const struct kt_rx *rx);

/* Installs handshake keys, or with `application` those of epoch 0 (the secret is kept for the next). */
KT_MUST_USE const struct kt_fault *kt_rx_protect(struct kt_rx *rx, const struct kt_suite *suite,
                                                 const struct kt_secret *secret, bool application, uint64_t now_ms);
/*
 * The peer's change_cipher_spec of TLS 1.2 and below: keys for what follows. Epoch 0, or when there was one the next.
 * KEY_CHANGE_INSIDE_MESSAGE when a byte of a handshake message is left over, LIFETIME_EPOCHS_SPENT.
 */
KT_MUST_USE const struct kt_fault *kt_rx_change(struct kt_rx *rx, const struct kt_suite *suite,
                                                const struct kt_keys12 *keys, enum kt_birth birth, uint64_t now_ms);
/* The peer's KeyUpdate: the next epoch. KEY_CHANGE_INSIDE_MESSAGE when it did not end its record. */
KT_MUST_USE const struct kt_fault *kt_rx_next_epoch(struct kt_rx *rx, enum kt_birth birth, uint64_t now_ms);

#endif
