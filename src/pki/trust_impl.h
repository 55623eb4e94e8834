/*
 * trust_impl.h - a set of trusted authorities, as the room sees it.
 */
#ifndef KT_TRUST_IMPL_H
#define KT_TRUST_IMPL_H

#include "pki/pki_impl.h"

struct kt_trust {
    X509_STORE *store; /* all in memory, so that verifying only reads */
    struct kt_span *names;
    size_t name_count;
    bool has_crl; /* revocation is looked at where a list is known */
};

#endif
