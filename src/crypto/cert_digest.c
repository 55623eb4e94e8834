#include "crypto/cert_digest.h"

#include "base/der.h"

#define OID(...)                                                                                                       \
    {                                                                                                                  \
        ((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__})                                       \
    }
#define PKCS1(last) OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, last)

struct known {
    struct kt_span oid;
    enum kt_digest digest;
};

/* RFC 8017 appendix C, RFC 5758 section 3.2, RFC 8410 section 3. */
static const struct known signatures[] = {
    {PKCS1(4), KT_DIGEST_SHA256}, /* MD5 */
    {PKCS1(5), KT_DIGEST_SHA256}, /* SHA-1 */
    {PKCS1(11), KT_DIGEST_SHA256},
    {PKCS1(12), KT_DIGEST_SHA384},
    {PKCS1(13), KT_DIGEST_SHA512},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1), KT_DIGEST_SHA256}, /* SHA-1 */
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2), KT_DIGEST_SHA256},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 3), KT_DIGEST_SHA384},
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 4), KT_DIGEST_SHA512},
    {OID(0x2b, 0x65, 0x70), KT_DIGEST_SHA256},
};

static const struct known hashes[] = {
    {OID(0x2b, 0x0e, 3, 2, 26), KT_DIGEST_SHA256}, /* SHA-1 */
    {OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1), KT_DIGEST_SHA256},
    {OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2), KT_DIGEST_SHA384},
    {OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3), KT_DIGEST_SHA512},
};

static const struct kt_span oid_rsa_pss = PKCS1(10);

static enum kt_digest lookup(const struct known *list, size_t count, struct kt_span oid)
{
    for (size_t i = 0; i < count; i++) {
        if (kt_span_same(list[i].oid, oid)) {
            return list[i].digest;
        }
    }
    return KT_DIGEST_NONE;
}

/* RSASSA-PSS-params (RFC 4055 section 3.1): the hash comes first; left out it is SHA-1. */
static enum kt_digest pss_digest(struct kt_der parameters)
{
    struct kt_der d, field, algorithm;
    struct kt_span oid;

    if (!(kt_der_enter(&parameters, KT_DER_SEQUENCE, &d) && kt_der_done(&parameters))) {
        return KT_DIGEST_NONE;
    }
    if (!kt_der_is(&d, KT_DER_EXPLICIT)) {
        return KT_DIGEST_SHA256;
    }
    if (!(kt_der_enter(&d, KT_DER_EXPLICIT, &field) && kt_der_enter(&field, KT_DER_SEQUENCE, &algorithm) &&
          kt_der_done(&field) && kt_der_next(&algorithm, KT_DER_OID, &oid))) {
        return KT_DIGEST_NONE;
    }
    return lookup(hashes, KT_COUNT_OF(hashes), oid);
}

enum kt_digest kt_cert_digest(struct kt_span certificate)
{
    struct kt_der d = kt_der_over(certificate);
    struct kt_der body, algorithm;
    struct kt_span oid, signature;

    if (!(kt_der_enter(&d, KT_DER_SEQUENCE, &body) && kt_der_done(&d) && kt_der_skip(&body, KT_DER_SEQUENCE) &&
          kt_der_enter(&body, KT_DER_SEQUENCE, &algorithm) && kt_der_bits(&body, &signature) && kt_der_done(&body) &&
          kt_der_next(&algorithm, KT_DER_OID, &oid))) {
        return KT_DIGEST_NONE;
    }
    return kt_span_same(oid, oid_rsa_pss) ? pss_digest(algorithm) : lookup(signatures, KT_COUNT_OF(signatures), oid);
}
