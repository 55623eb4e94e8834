/*
 * imported_identity.h - ImportedIdentity (RFC 9258 section 5.1): an external identity with what its key is derived for.
 */
#ifndef KT_IMPORTED_IDENTITY_H
#define KT_IMPORTED_IDENTITY_H

#include <keyturn/psk.h>

#include "wire/reader.h"
#include "wire/writer.h"

enum { KT_IMPORTED_IDENTITY_EXTRA = 2 + 2 + 2 + 2 /* bytes beside identity and context */ };

KT_MUST_USE bool kt_imported_identity_decode(struct kt_span wire, struct kt_imported_identity *out);
void kt_imported_identity_encode(struct kt_writer *w, const struct kt_imported_identity *identity);

#endif
