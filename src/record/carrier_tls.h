/*
 * carrier_tls.h - the carrier seam over TLS records.
 */
#ifndef KT_CARRIER_TLS_H
#define KT_CARRIER_TLS_H

#include "record/link.h"
#include "record/rx.h"
#include "record/tx.h"

struct kt_carrier_tls {
    struct kt_rx *rx;
    struct kt_tx *tx;
    struct kt_link *link;
    struct kt_span pending; /* the rest of a message that does not fit the output yet */
};

struct kt_carrier kt_carrier_tls(struct kt_carrier_tls *self, struct kt_rx *rx, struct kt_tx *tx, struct kt_link *link);
/* Moves pending bytes to the output as far as there is room. Call after output was drained. */
KT_MUST_USE const struct kt_fault *kt_carrier_tls_pump(struct kt_carrier_tls *self);

#endif
