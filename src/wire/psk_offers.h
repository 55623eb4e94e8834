/*
 * psk_offers.h - walks the identities and binders of a ClientHello side by side (RFC 9846 section 4.3.11).
 */
#ifndef KT_PSK_OFFERS_H
#define KT_PSK_OFFERS_H

#include "wire/messages.h"
#include "wire/reader.h"

/* psk_key_exchange_modes, section 4.3.9 */
enum { KT_PSK_KE = 0, KT_PSK_DHE_KE = 1 };

static inline bool kt_psk_mode_listed(struct kt_span modes, uint8_t mode)
{
    for (size_t i = 0; i < modes.len; i++) {
        if (modes.p[i] == mode) {
            return true;
        }
    }
    return false;
}

struct kt_psk_offers {
    struct kt_reader identities, binders;
};

/* One identity with its binder. */
struct kt_psk_offered {
    struct kt_span identity;
    uint32_t disguised_age;
    struct kt_span binder;
};

static inline struct kt_psk_offers kt_psk_offers_of(const struct kt_client_hello *hello)
{
    return (struct kt_psk_offers){kt_reader_over(hello->psk_identities), kt_reader_over(hello->psk_binders)};
}

/* False at the end. The decoder has checked the form, and that there are as many of the one as of the other. */
KT_MUST_USE static inline bool kt_psk_offers_next(struct kt_psk_offers *offers, struct kt_psk_offered *out)
{
    return kt_reader_vec16(&offers->identities, &out->identity) &&
           kt_reader_u32(&offers->identities, &out->disguised_age) && kt_reader_vec8(&offers->binders, &out->binder);
}

#endif
