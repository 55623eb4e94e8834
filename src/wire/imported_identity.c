#include "wire/imported_identity.h"

bool kt_imported_identity_decode(struct kt_span wire, struct kt_imported_identity *out)
{
    struct kt_reader r = kt_reader_over(wire);

    return kt_reader_vec16(&r, &out->identity) && out->identity.len > 0 && kt_reader_vec16(&r, &out->context) &&
           kt_reader_u16(&r, &out->protocol) && kt_reader_u16(&r, &out->kdf) && kt_reader_done(&r);
}

void kt_imported_identity_encode(struct kt_writer *w, const struct kt_imported_identity *identity)
{
    kt_put_vec(w, 2, identity->identity);
    kt_put_vec(w, 2, identity->context);
    kt_put_u16(w, identity->protocol);
    kt_put_u16(w, identity->kdf);
}
