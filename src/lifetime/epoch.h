/*
 * epoch.h - the life of one traffic key, and the pure decision whether it must be changed now.
 *
 * Nothing secret is here. An epoch is owned by one half of the connection.
 */
#ifndef KT_EPOCH_H
#define KT_EPOCH_H

#include <keyturn/lifetime.h>

#include "base/fail.h"

struct kt_epoch {
    uint64_t number;
    uint64_t born_ms;
    uint64_t records;
    uint64_t bytes;
    enum kt_birth birth;
};

/* RFC 9846 section 4.7.3: no epoch beyond this one. */
#define KT_EPOCH_LAST ((UINT64_C(1) << 48) - 1)

void kt_epoch_begin(struct kt_epoch *e, uint64_t number, enum kt_birth birth, uint64_t now_ms);

/* Counts a protected record with this much content. Inline: once per record. */
static inline void kt_epoch_count(struct kt_epoch *e, size_t content_len)
{
    e->records++;
    e->bytes += content_len;
}

struct kt_epoch_info kt_epoch_info(const struct kt_epoch *e);

/* What the sending half must do before its next record. */
enum kt_due {
    KT_DUE_NOTHING,
    KT_DUE_CHANGE, /* change the key; *why tells the reason */
    KT_DUE_CLOSE,  /* it cannot be changed any more: close before the limit */
};

/*
 * Decides for the epoch of our sending key. `aead_max_records` is the AEAD's limit (UINT64_MAX: none); it is
 * acted on KT_AEAD_MARGIN records early, so that a flight, which is never interrupted, a KeyUpdate and an alert still
 * fit. `last_change_ms` is when we last started a change (0: never), for the pace; the AEAD limit does not wait for the
 * pace.
 */
enum { KT_AEAD_MARGIN = 8192 }; /* the longest chain of a credential, in the shortest records: 4096 */
enum kt_due kt_epoch_due_sending(const struct kt_epoch *e, const struct kt_lifetime *lifetime,
                                 uint64_t aead_max_records, uint64_t last_change_ms, uint64_t now_ms,
                                 enum kt_birth *why);

/*
 * Decides for the peer's key: true when the peer should be asked to change it, with the reason. The AEAD
 * limit is asked for at 7/8 of it and never enforced (a receiver should not, section 5.5). The pace applies.
 */
bool kt_epoch_due_receiving(const struct kt_epoch *e, const struct kt_lifetime *lifetime, uint64_t aead_max_records,
                            uint64_t last_change_ms, uint64_t now_ms, enum kt_birth *why);

/*
 * When, at the earliest, time alone will make one of the above true; UINT64_MAX for never, and a time gone by
 * when it is true already. The AEAD limit is not a matter of time.
 */
uint64_t kt_epoch_deadline(const struct kt_epoch *e, const struct kt_limits *limits, uint32_t min_gap_ms,
                           uint64_t last_change_ms);

/* What the peer may still send without application data: a token bucket (field rule R7). */
struct kt_budget {
    uint32_t left;
    uint32_t cap;
};

static inline struct kt_budget kt_budget_of(uint32_t cap)
{
    return (struct kt_budget){cap, cap};
}

/* Takes one token; false when none is left. */
KT_MUST_USE static inline bool kt_budget_spend(struct kt_budget *b)
{
    if (b->left == 0) {
        return false;
    }
    b->left--;
    return true;
}

static inline void kt_budget_refill(struct kt_budget *b, uint64_t tokens)
{
    b->left = tokens < b->cap - b->left ? b->left + (uint32_t)tokens : b->cap;
}

#endif
