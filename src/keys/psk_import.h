/*
 * psk_import.h - the key that an external PSK becomes for one hash of TLS (RFC 9258 section 5.2).
 */
#ifndef KT_PSK_IMPORT_H
#define KT_PSK_IMPORT_H

#include <keyturn/psk.h>

#include "seam/crypto.h"

/* `own` is the hash that the external key is for; `out` gets as many bytes as the hash of `identity->kdf` has. */
void kt_psk_import(const struct kt_hash *own, struct kt_span key, const struct kt_imported_identity *identity,
                   const struct kt_hash *target, struct kt_secret *out);

#endif
