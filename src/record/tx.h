/*
 * tx.h - the sending half: one serialised output queue (field rule R4).
 *
 * Layout of the buffer: [head, tail) are finished records, shown to the owner and never changed; behind tail
 * may stand one open record of handshake content that still grows. Keys change only between records: what is
 * open is finished under the old key first.
 */
#ifndef KT_TX_H
#define KT_TX_H

#include "lifetime/epoch.h"
#include "record/protect.h"
#include "seam/notify.h"

/* Kept free by handshake content and data, so that one KeyUpdate or change_cipher_spec and an alert always fit. */
enum { KT_TX_RESERVE = 192 };

struct kt_tx {
    struct kt_watch watch;
    uint8_t *buffer; /* KT_TX_BUFFER bytes or NULL */
    size_t head, tail;
    size_t open_len;    /* content of the open record, which begins at tail */
    size_t lent;        /* where the memory lent for content begins, 0: none is lent */
    size_t padding;     /* multiple, 0 or 1: none */
    size_t content_max; /* of one record, padding included: what the peer wants */
    bool sent_any;      /* the very first record has been made */
    uint16_t version;   /* that plain records say: KT_TLS_1_2, or what TLS 1.2 and below agreed on */

    struct kt_protection protection;
    const struct kt_suite *suite;
    struct kt_secret secret; /* of the application epochs, for the next one */
    struct kt_epoch epoch;
    bool application;
};

void kt_tx_init(struct kt_tx *tx, const struct kt_watch *watch, size_t padding);
void kt_tx_free(struct kt_tx *tx);
/* Gives the buffer back when nothing is in it. */
void kt_tx_rest(struct kt_tx *tx);

/* Records from the next one on have at most this much content, padding included (RFC 8449); not above
 * KT_PLAINTEXT_MAX. Finishes the open record. */
KT_MUST_USE const struct kt_fault *kt_tx_limit(struct kt_tx *tx, size_t content_max);

/* Finished records to be sent; finishes the open record when nothing else is there. */
KT_MUST_USE const struct kt_fault *kt_tx_out(struct kt_tx *tx, struct kt_span *out);
KT_MUST_USE const struct kt_fault *kt_tx_out_done(struct kt_tx *tx, size_t n);
/* Whether kt_tx_out would show anything. */
bool kt_tx_has_output(const struct kt_tx *tx);

/* Handshake content into the open record, finishing full ones: *taken may be less when out of room. */
KT_MUST_USE const struct kt_fault *kt_tx_handshake(struct kt_tx *tx, struct kt_span content, size_t *taken);
/* Whether a first byte of a message would be taken. */
bool kt_tx_takes_handshake(const struct kt_tx *tx);
/* Tells the observer of a message that goes out. */
void kt_tx_tell_message(const struct kt_tx *tx, struct kt_span message);
/* Finishes the open record, if there is one. */
KT_MUST_USE const struct kt_fault *kt_tx_finish_record(struct kt_tx *tx);

/*
 * Whether data is taken now: when a full record fits, so that a leftover of room never cuts data into small
 * records. The other two functions below agree with it.
 */
bool kt_tx_takes_data(const struct kt_tx *tx);
/* Application data sealed from src, one record at most content_max long: *taken is 0 when out of room.
 */
KT_MUST_USE const struct kt_fault *kt_tx_data(struct kt_tx *tx, const uint8_t *src, size_t len, size_t *taken);
/*
 * Room for the content of one record, to be filled and sealed in place; NULL when out of room or memory. Any
 * other record made meanwhile takes it back: pay what is owed before lending. kt_tx_lent_done makes a record
 * of the first n bytes; USAGE_TOO_MUCH when they were not lent, or taken back.
 */
uint8_t *kt_tx_lend(struct kt_tx *tx, size_t *len);
KT_MUST_USE const struct kt_fault *kt_tx_lent_done(struct kt_tx *tx, size_t n);

/* A record of its own; uses the reserve. BUFFER_TOO_SMALL when even that is spent. */
KT_MUST_USE const struct kt_fault *kt_tx_alert(struct kt_tx *tx, uint8_t level, uint8_t description);
KT_MUST_USE const struct kt_fault *kt_tx_ccs(struct kt_tx *tx);
/* TLS 1.2 and below: a HelloRequest, or BUFFER_TOO_SMALL as above; ask kt_tx_can_update first. */
KT_MUST_USE const struct kt_fault *kt_tx_hello_request(struct kt_tx *tx);
/* Whether a KeyUpdate fits, or in TLS 1.2 and below what changes keys there (with the reserve, an alert will still fit
 * behind it). */
bool kt_tx_can_update(const struct kt_tx *tx);

/* As in rx.h; finish the open record first. */
KT_MUST_USE const struct kt_fault *kt_tx_protect(struct kt_tx *tx, const struct kt_suite *suite,
                                                 const struct kt_secret *secret, bool application, uint64_t now_ms);
/*
 * TLS 1.2 and below: change_cipher_spec under the keys there are, then these. Epoch 0, or when there was one the next.
 * Uses the reserve: BUFFER_TOO_SMALL when even that is spent; LIFETIME_EPOCHS_SPENT.
 */
KT_MUST_USE const struct kt_fault *kt_tx_change(struct kt_tx *tx, const struct kt_suite *suite,
                                                const struct kt_keys12 *keys, enum kt_birth birth, uint64_t now_ms);
/*
 * A KeyUpdate message under the old key, then the next epoch. The caller has asked kt_tx_can_update;
 * otherwise BUFFER_TOO_SMALL. LIFETIME_EPOCHS_SPENT at KT_EPOCH_LAST.
 */
KT_MUST_USE const struct kt_fault *kt_tx_key_update(struct kt_tx *tx, bool request, enum kt_birth birth,
                                                    uint64_t now_ms);

#endif
