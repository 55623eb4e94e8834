/*
 * lifetime.h - the key-lifetime contract: how long a key may live, and how it is changed.
 *
 * Every traffic key belongs to an epoch. The engine counts records, bytes and seconds under it and changes it
 * before a limit is passed; nobody has to ask. The usage limit of the AEAD (RFC 9846 section 5.5) always
 * applies, on top of what is configured here.
 */
#ifndef KEYTURN_LIFETIME_H
#define KEYTURN_LIFETIME_H

#include <keyturn/fault.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Limits of one key. 0 means: no limit of this kind (the limit of the AEAD remains). */
struct kt_limits {
    uint64_t max_records;
    uint64_t max_bytes; /* of plaintext content, padding not counted */
    uint32_t max_seconds;
};

/*
 * The contract of a connection. kt_lifetime_default() gives the safe one: no record or byte limit below the
 * AEAD's, 2 hours, 1 s pace, an answer within 60 s, 32 tokens.
 *
 * Sending: when a limit is reached our key is changed at the next record boundary (KeyUpdate, RFC 9846 section
 * 4.7.3). Receiving: when a limit is reached the peer is asked to change its key; if it does not within
 * `answer_seconds`, the connection is closed cleanly with KT_REASON_LIFETIME_NO_ANSWER. There is at most one
 * outstanding request (RFC 9846 section 4.7.3).
 */
struct kt_lifetime {
    struct kt_limits sending;
    struct kt_limits receiving;

    /* Least time between a change that we start and the next one for a limit: a limit reached earlier waits for it. The
     * AEAD limit and kt_conn_rekey do not wait. 0: no pace. Peers refuse updates that come in bursts, so keep 1000
     * towards strangers. */
    uint32_t min_gap_ms;

    /* How long the peer may take to answer a request of ours. 0: for ever. */
    uint32_t answer_seconds;

    /* How many KeyUpdates and tickets the peer may send at once, 1 to 65535. Each record of application data received
     * gives one back, each second one, and one that we sent data, or a request, since the last of them. */
    uint32_t peer_budget;
};

KT_API struct kt_lifetime kt_lifetime_default(void);

/* Why a key was changed. */
enum kt_birth {
    KT_BIRTH_INITIAL,    /* the handshake */
    KT_BIRTH_PEER,       /* receiving: the peer changed its key; sending: the peer asked us to */
    KT_BIRTH_CALLER,     /* kt_conn_rekey */
    KT_BIRTH_RECORDS,    /* max_records */
    KT_BIRTH_BYTES,      /* max_bytes */
    KT_BIRTH_SECONDS,    /* max_seconds */
    KT_BIRTH_AEAD_LIMIT, /* the usage limit of the AEAD */
};

/* "initial", "peer", "caller", "records", "bytes", "seconds", "aead-limit". Static text. Any thread. */
KT_API const char *kt_birth_name(enum kt_birth birth);

/* What is known of the epoch of one direction. Holds nothing secret. */
struct kt_epoch_info {
    uint64_t number;     /* 0 for the first application key, one more with each change */
    enum kt_birth birth; /* why this epoch began */
    uint64_t born_ms;    /* monotonic clock of the environment */
    uint64_t records;    /* under this key, until now */
    uint64_t bytes;      /* plaintext content under this key, until now */
};

/* What kt_conn_rekey changes. */
enum kt_rekey {
    KT_REKEY_SEND, /* our sending key */
    KT_REKEY_BOTH, /* our sending key, and the peer is asked to change its own */
};

/* What kt_conn_pending_rekey answers: bits. */
enum kt_pending {
    KT_PENDING_NONE = 0,
    KT_PENDING_SEND = 1,   /* a change of our sending key waits for the next record boundary */
    KT_PENDING_ASK = 2,    /* that change will ask the peer to change its key, too */
    KT_PENDING_ANSWER = 4, /* the peer was asked and has not changed its key yet */
    /* TLS 1.2 and below, and no other bit there: a rehandshake is wished for, asked for or on its way, begun by either
     * side; with its end the keys of both directions have changed. */
    KT_PENDING_REHANDSHAKE = 8,
};

/* What kt_conn_rehandshake begins. */
enum kt_rehandshake {
    KT_RESUME, /* abbreviated, by the session of the connection; a full one where that cannot be */
    KT_FULL,   /* with certificates and a key exchange */
};

#ifdef __cplusplus
}
#endif

#endif
