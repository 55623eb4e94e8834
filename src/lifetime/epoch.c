#include "lifetime/epoch.h"

struct kt_lifetime kt_lifetime_default(void)
{
    return (struct kt_lifetime){
        .sending = {.max_seconds = 7200},
        .receiving = {.max_seconds = 7200},
        .min_gap_ms = 1000,
        .answer_seconds = 60,
        .peer_budget = 32,
    };
}

void kt_epoch_begin(struct kt_epoch *e, uint64_t number, enum kt_birth birth, uint64_t now_ms)
{
    *e = (struct kt_epoch){.number = number, .birth = birth, .born_ms = now_ms};
}

struct kt_epoch_info kt_epoch_info(const struct kt_epoch *e)
{
    return (struct kt_epoch_info){
        .number = e->number,
        .birth = e->birth,
        .born_ms = e->born_ms,
        .records = e->records,
        .bytes = e->bytes,
    };
}

/* Time is never negative and never wraps: a clock at its end, or one that went back, delays a change at most.
 */
static uint64_t elapsed(uint64_t since_ms, uint64_t now_ms)
{
    return now_ms > since_ms ? now_ms - since_ms : 0;
}

static uint64_t later(uint64_t ms, uint64_t by)
{
    return by > UINT64_MAX - ms ? UINT64_MAX : ms + by;
}

static bool paced(uint32_t min_gap_ms, uint64_t last_change_ms, uint64_t now_ms)
{
    return last_change_ms != 0 && elapsed(last_change_ms, now_ms) < min_gap_ms;
}

static bool count_reached(const struct kt_epoch *e, const struct kt_limits *limits, enum kt_birth *why)
{
    if (limits->max_records != 0 && e->records >= limits->max_records) {
        *why = KT_BIRTH_RECORDS;
        return true;
    }
    if (limits->max_bytes != 0 && e->bytes >= limits->max_bytes) {
        *why = KT_BIRTH_BYTES;
        return true;
    }
    return false;
}

static bool reached(const struct kt_epoch *e, const struct kt_limits *limits, uint64_t now_ms, enum kt_birth *why)
{
    if (count_reached(e, limits, why)) {
        return true;
    }
    if (limits->max_seconds != 0 && elapsed(e->born_ms, now_ms) >= UINT64_C(1000) * limits->max_seconds) {
        *why = KT_BIRTH_SECONDS;
        return true;
    }
    return false;
}

/* The margin shrinks with limits so low that only tests have them; a fresh key is never due. */
static bool aead_spent(const struct kt_epoch *e, uint64_t max_records)
{
    uint64_t margin = max_records > UINT64_C(2) * KT_AEAD_MARGIN ? KT_AEAD_MARGIN : max_records / 2;

    return max_records != UINT64_MAX && e->records > 0 && e->records >= max_records - margin;
}

enum kt_due kt_epoch_due_sending(const struct kt_epoch *e, const struct kt_lifetime *lifetime,
                                 uint64_t aead_max_records, uint64_t last_change_ms, uint64_t now_ms,
                                 enum kt_birth *why)
{
    if (aead_spent(e, aead_max_records)) {
        *why = KT_BIRTH_AEAD_LIMIT;
    } else if (paced(lifetime->min_gap_ms, last_change_ms, now_ms) || !reached(e, &lifetime->sending, now_ms, why)) {
        return KT_DUE_NOTHING;
    }
    return e->number >= KT_EPOCH_LAST ? KT_DUE_CLOSE : KT_DUE_CHANGE;
}

bool kt_epoch_due_receiving(const struct kt_epoch *e, const struct kt_lifetime *lifetime, uint64_t aead_max_records,
                            uint64_t last_change_ms, uint64_t now_ms, enum kt_birth *why)
{
    if (paced(lifetime->min_gap_ms, last_change_ms, now_ms)) {
        return false;
    }
    if (aead_max_records != UINT64_MAX && e->records > 0 && e->records >= aead_max_records - aead_max_records / 8) {
        *why = KT_BIRTH_AEAD_LIMIT;
        return true;
    }
    return reached(e, &lifetime->receiving, now_ms, why);
}

uint64_t kt_epoch_deadline(const struct kt_epoch *e, const struct kt_limits *limits, uint32_t min_gap_ms,
                           uint64_t last_change_ms)
{
    uint64_t pace = last_change_ms == 0 ? 0 : later(last_change_ms, min_gap_ms);
    uint64_t due = e->born_ms;
    enum kt_birth why;

    if (!count_reached(e, limits, &why)) {
        if (limits->max_seconds == 0) {
            return UINT64_MAX;
        }
        due = later(e->born_ms, UINT64_C(1000) * limits->max_seconds);
    }
    return due > pace ? due : pace;
}
