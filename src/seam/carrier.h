/*
 * carrier.h - how the handshake reaches the wire: whole messages and keys, whoever carries them.
 *
 * TLS records implement it (record/carrier_tls.c); DTLS flights and QUIC would be further ones.
 */
#ifndef KT_CARRIER_H
#define KT_CARRIER_H

#include "seam/crypto.h"

/* A whole handshake message that came in. Valid until the carrier is asked for the next one. */
struct kt_message {
    uint8_t type;
    bool last_in_record;  /* nothing follows it in its record: keys may change (field rule R3) */
    struct kt_span whole; /* with the four-byte header */
    struct kt_span body;
};

/* A flight in the making, of a handshake that runs after the first one: record/flight.h. */
struct kt_flight;

/* A change of the sending keys inside a flight: kt_flight_add_change. */
struct kt_flight_change {
    const struct kt_suite *suite;
    const struct kt_keys12 *keys;
    enum kt_birth birth;
    size_t content_max;
};

struct kt_carrier_ops {
    /* Queues a whole message; `message` must stay alive until busy() is false. */
    KT_MUST_USE const struct kt_fault *(*send)(void *self, struct kt_span message);
    /* True while a message is not yet wholly in the output: drain it first. */
    bool (*busy)(const void *self);
    /* The change_cipher_spec of middlebox compatibility mode (RFC 9846 appendix D.4). */
    KT_MUST_USE const struct kt_fault *(*send_ccs)(void *self);
    /* Everything sent until now goes out; the peer's turn. */
    KT_MUST_USE const struct kt_fault *(*flight_done)(void *self);
    /*
     * Installs keys derived from a traffic secret. Receiving: KEY_CHANGE_INSIDE_MESSAGE when any byte of a
     * handshake message is left over (R3). `application`: epoch 0 of the key-lifetime contract begins.
     */
    KT_MUST_USE const struct kt_fault *(*protect)(void *self, enum kt_direction direction, const struct kt_suite *suite,
                                                  const struct kt_secret *secret, bool application);
    /*
     * TLS 1.2 and below, the version is known: what we send says so from here on (RFC 5246 section 6.2.1), and
     * protected records of the peer must. With `change` for both directions after it. TLS 1.3 never calls it.
     */
    void (*speak)(void *self, uint16_t version);
    /*
     * TLS 1.2 and below: change_cipher_spec, and with it the keys. Sending: the open record is finished,
     * change_cipher_spec goes out under the keys there are, if any, and what follows is under the new ones. Receiving:
     * called by the step of the peer's change_cipher_spec (KT_ON_CCS); KEY_CHANGE_INSIDE_MESSAGE when any byte of a
     * handshake message is left over. The first is epoch 0 of the key-lifetime contract, born as KT_BIRTH_INITIAL;
     * each other one the next epoch. `keys` are not kept.
     */
    KT_MUST_USE const struct kt_fault *(*change)(void *self, enum kt_direction direction, const struct kt_suite *suite,
                                                 const struct kt_keys12 *keys, enum kt_birth birth);
    /*
     * The peer's KeyUpdate (RFC 9846 section 4.7.3): its next key is used from the next record on; `requested`: an
     * answer is owed by the sending half, never written from here (R4). KEY_CHANGE_INSIDE_MESSAGE as above.
     */
    KT_MUST_USE const struct kt_fault *(*peer_updated)(void *self, bool requested);
    /*
     * From the next record on, protected ones have at most this much content, padding included: we make no longer
     * ones, or with KT_RECEIVING refuse them.
     */
    KT_MUST_USE const struct kt_fault *(*limit)(void *self, enum kt_direction direction, size_t content_max);
    /* Server: early data was refused; skip what cannot be opened (protected records), or, after a
     * HelloRetryRequest, all application data records, within KT_BUDGET_SKIPPED_EARLY. */
    void (*skip_early_data)(void *self, bool retried);

    /*
     * After the handshake the output is the sending half's alone, and the handshake the receiving half's. What is to be
     * sent is made into a flight of its own (*flight is NULL before its first message; the messages are copied) and
     * then left: the sending half puts it out before its next record, in one piece.
     */
    KT_MUST_USE const struct kt_fault *(*flight_add)(void *self, struct kt_flight **flight, struct kt_span message);
    /* The same with a Finished over this transcript hash, under the sending key of the moment it goes out. */
    KT_MUST_USE const struct kt_fault *(*flight_add_finished)(void *self, struct kt_flight **flight,
                                                              struct kt_span transcript_hash);
    /* The same with a change_cipher_spec of TLS 1.2 and below, and the keys behind it, which are copied. */
    KT_MUST_USE const struct kt_fault *(*flight_add_change)(void *self, struct kt_flight **flight,
                                                            const struct kt_flight_change *change);
    void (*flight_leave)(void *self, struct kt_flight *flight); /* accepts NULL */
    void (*flight_drop)(void *self, struct kt_flight *flight);  /* likewise; it is not left */
    /* How many flights were left and are not wholly in the output. */
    unsigned (*flights_owed)(const void *self);
    /* Whether what is left can still go out. */
    bool (*sends)(const void *self);
    /* The traffic secret that the peer's record of now came under. */
    const struct kt_secret *(*peer_secret)(const void *self);
};

struct kt_carrier {
    const struct kt_carrier_ops *ops;
    void *self;
};

#endif
