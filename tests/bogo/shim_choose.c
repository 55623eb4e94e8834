/*
 * shim_choose.c - an application's choice of a credential: by the authorities that the peer names.
 */
#include <string.h>

#include "seam/config_view.h" /* the schemes of a credential */

#include "shim.h"

/* The element of DER at the front of *from, header included where `whole`; *from goes on behind it. */
static struct kt_span take_der(struct kt_span *from, bool whole)
{
    size_t header = 2, len;
    struct kt_span out = {NULL, 0};

    if (from->len < 2) {
        return out;
    }
    len = from->p[1];
    if (len >= 0x80) {
        header += len & 0x7f;
        len = 0;
        for (size_t i = 2; i < header && i < from->len; i++) {
            len = len << 8 | from->p[i];
        }
    }
    if (header > 6 || header + len > from->len) {
        return out;
    }
    out = whole ? (struct kt_span){from->p, header + len} : (struct kt_span){from->p + header, len};
    from->p += header + len;
    from->len -= header + len;
    return out;
}

/* Version, serial number and algorithm come before it (RFC 5280 section 4.1); the version may be missing. */
static struct kt_span issuer_of(struct kt_span certificate)
{
    struct kt_span content = take_der(&certificate, false);
    struct kt_span fields = take_der(&content, false);

    if (fields.len > 0 && fields.p[0] == 0xa0) {
        (void)take_der(&fields, false);
    }
    (void)take_der(&fields, false);
    (void)take_der(&fields, false);
    return take_der(&fields, true);
}

static bool names(struct kt_span authorities, struct kt_span issuer)
{
    for (size_t at = 0; at + 2 <= authorities.len;) {
        size_t len = (size_t)(authorities.p[at] << 8 | authorities.p[at + 1]);
        at += 2;
        if (len == issuer.len && at + len <= authorities.len && memcmp(authorities.p + at, issuer.p, len) == 0) {
            return true;
        }
        at += len;
    }
    return false;
}

static bool issued_by_one_of(const struct kt_credential *credential, struct kt_span authorities)
{
    for (size_t i = 0; i < credential->chain_len; i++) {
        if (names(authorities, issuer_of(credential->chain[i]))) {
            return true;
        }
    }
    return false;
}

static bool can_sign(const struct kt_credential *credential, struct kt_id_list schemes)
{
    /* A peer of TLS 1.1 and below does not say: what every peer of it knows. */
    if (schemes.wire.len == 0) {
        return shim_in(credential->schemes, credential->scheme_count, KT_SCHEME_RSA_PKCS1_MD5_SHA1) ||
               shim_in(credential->schemes, credential->scheme_count, KT_SCHEME_ECDSA_SHA1);
    }
    for (size_t i = 0; i + 2 <= schemes.wire.len; i += 2) {
        uint16_t scheme = (uint16_t)(schemes.wire.p[i] << 8 | schemes.wire.p[i + 1]);
        if (shim_in(credential->schemes, credential->scheme_count, scheme)) {
            return true;
        }
    }
    return false;
}

/* In the order in which the configuration has them: the default one is the last. */
struct kt_credential *shim_choose(const struct shim *shim, const struct kt_ask *ask)
{
    size_t count = shim->flags->credential_count;

    for (size_t i = 0; i <= count; i++) {
        size_t index = i < count ? i + 1 : 0;
        struct kt_credential *credential = shim->shown[index];
        if (credential != NULL && can_sign(credential, ask->u.choose.schemes) &&
            (!shim->flags->credentials[index].must_match_issuer ||
             issued_by_one_of(credential, ask->u.choose.authorities))) {
            return credential;
        }
    }
    return NULL;
}
