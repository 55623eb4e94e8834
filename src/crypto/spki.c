#include "crypto/spki.h"

#include "base/der.h"

/* AlgorithmIdentifier: the parameters are read by whoever knows the algorithm. */
struct algorithm {
    struct kt_span oid;
    struct kt_der parameters;
};

#define OID(...) KT_OID_SPAN(((const uint8_t[]){__VA_ARGS__}))
#define KT_OID_SPAN(bytes)                                                                                             \
    {                                                                                                                  \
        (bytes), sizeof(bytes)                                                                                         \
    }

/* RFC 8017 appendix A, RFC 5480 section 2.1.1, RFC 8410 section 3. */
static const struct kt_span oid_rsa = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1);
static const struct kt_span oid_mgf1 = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 8);
static const struct kt_span oid_rsa_pss = OID(0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 10);
static const struct kt_span oid_ec = OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1);
static const struct kt_span oid_ed25519 = OID(0x2b, 0x65, 0x70);

static const struct {
    struct kt_span oid;
    enum kt_key_kind kind;
    uint8_t field_len;
} curves[] = {
    {OID(0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7), KT_KEY_P256, 32},
    {OID(0x2b, 0x81, 0x04, 0, 34), KT_KEY_P384, 48},
    {OID(0x2b, 0x81, 0x04, 0, 35), KT_KEY_P521, 66},
};

static const struct {
    struct kt_span oid;
    enum kt_digest digest;
    uint8_t len;
} digests[] = {
    {OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1), KT_DIGEST_SHA256, 32},
    {OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 2), KT_DIGEST_SHA384, 48},
    {OID(0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 3), KT_DIGEST_SHA512, 64},
};

enum { ED25519_KEY_LEN = 32, POINT_UNCOMPRESSED = 4 };

static bool read_algorithm(struct kt_der *d, struct algorithm *out)
{
    struct kt_der inner;

    if (!(kt_der_enter(d, KT_DER_SEQUENCE, &inner) && kt_der_next(&inner, KT_DER_OID, &out->oid))) {
        return false;
    }
    out->parameters = inner;
    return true;
}

static bool is_null(struct kt_der parameters)
{
    struct kt_span content;

    return kt_der_next(&parameters, KT_DER_NULL, &content) && content.len == 0 && kt_der_done(&parameters);
}

static bool read_rsa(struct kt_span key, struct kt_spki *out)
{
    struct kt_der d = kt_der_over(key);
    struct kt_der inner;

    return kt_der_enter(&d, KT_DER_SEQUENCE, &inner) && kt_der_done(&d) && kt_der_unsigned(&inner, &out->modulus) &&
           kt_der_unsigned(&inner, &out->exponent) && kt_der_done(&inner);
}

/* The index in `digests`, or their count. RFC 4055 section 2.1: parameters are NULL or absent, and both are
 * met. */
static size_t digest_index(const struct algorithm *a)
{
    size_t i = 0;

    if (!kt_der_done(&a->parameters) && !is_null(a->parameters)) {
        return KT_COUNT_OF(digests);
    }
    while (i < KT_COUNT_OF(digests) && !kt_span_same(digests[i].oid, a->oid)) {
        i++;
    }
    return i;
}

static bool read_pss_digest(struct kt_der *d, size_t *index)
{
    struct kt_der field;
    struct algorithm hash;

    if (!(kt_der_enter(d, KT_DER_EXPLICIT, &field) && read_algorithm(&field, &hash) && kt_der_done(&field))) {
        return false;
    }
    *index = digest_index(&hash);
    return *index < KT_COUNT_OF(digests);
}

static bool read_pss_mask(struct kt_der *d, size_t *index)
{
    struct kt_der field;
    struct algorithm mask;
    struct algorithm hash;

    if (!(kt_der_enter(d, KT_DER_EXPLICIT + 1, &field) && read_algorithm(&field, &mask) && kt_der_done(&field) &&
          kt_span_same(mask.oid, oid_mgf1) && read_algorithm(&mask.parameters, &hash) &&
          kt_der_done(&mask.parameters))) {
        return false;
    }
    *index = digest_index(&hash);
    return *index < KT_COUNT_OF(digests);
}

/* The key may ask for a longer salt than it is sent; the default of 20 is never too long. */
static bool salt_allows(struct kt_der *d, uint8_t salt_len)
{
    struct kt_der field;
    struct kt_span least;

    if (!kt_der_is(d, KT_DER_EXPLICIT + 2)) {
        return true;
    }
    return kt_der_enter(d, KT_DER_EXPLICIT + 2, &field) && kt_der_unsigned(&field, &least) && kt_der_done(&field) &&
           (least.len == 0 || (least.len == 1 && least.p[0] <= salt_len));
}

/*
 * RSASSA-PSS-params (RFC 4055 section 3.1). Absent: all digests. Present: the one that both the hash and the
 * mask name; TLS has no scheme for a mixture, nor for the SHA-1 that stands where a field is left out.
 */
static bool read_pss_limits(struct kt_der parameters, struct kt_spki *out)
{
    struct kt_der d;
    size_t hash;
    size_t mask;

    if (kt_der_done(&parameters)) {
        out->pss_digest = KT_DIGEST_NONE;
        return true;
    }
    if (!(kt_der_enter(&parameters, KT_DER_SEQUENCE, &d) && kt_der_done(&parameters) && read_pss_digest(&d, &hash) &&
          read_pss_mask(&d, &mask) && hash == mask && salt_allows(&d, digests[hash].len) && kt_der_done(&d))) {
        return false;
    }
    out->pss_digest = digests[hash].digest;
    return true;
}

/* Named curves and uncompressed points only (RFC 5480 sections 2.1.1 and 2.2). */
static bool read_ec(struct kt_der parameters, struct kt_span key, struct kt_spki *out)
{
    struct kt_span curve;

    if (!(kt_der_next(&parameters, KT_DER_OID, &curve) && kt_der_done(&parameters))) {
        return false;
    }
    for (size_t i = 0; i < KT_COUNT_OF(curves); i++) {
        if (kt_span_same(curve, curves[i].oid)) {
            out->kind = curves[i].kind;
            out->point = key;
            return key.len == 1u + 2u * curves[i].field_len && key.p[0] == POINT_UNCOMPRESSED;
        }
    }
    return false;
}

static bool read_key(const struct algorithm *a, struct kt_span key, struct kt_spki *out)
{
    if (kt_span_same(a->oid, oid_rsa)) {
        out->kind = KT_KEY_RSA;
        return is_null(a->parameters) && read_rsa(key, out);
    }
    if (kt_span_same(a->oid, oid_rsa_pss)) {
        out->kind = KT_KEY_RSA_PSS;
        return read_pss_limits(a->parameters, out) && read_rsa(key, out);
    }
    if (kt_span_same(a->oid, oid_ec)) {
        return read_ec(a->parameters, key, out);
    }
    if (kt_span_same(a->oid, oid_ed25519)) {
        out->kind = KT_KEY_ED25519;
        out->point = key;
        return kt_der_done(&a->parameters) && key.len == ED25519_KEY_LEN;
    }
    return false;
}

/* TBSCertificate as far as the key: version, serial number, signature, issuer, validity, subject. */
static bool skip_to_key(struct kt_der *tbs)
{
    if (kt_der_is(tbs, KT_DER_EXPLICIT) && !kt_der_skip(tbs, KT_DER_EXPLICIT)) {
        return false;
    }
    return kt_der_skip(tbs, KT_DER_INTEGER) && kt_der_skip(tbs, KT_DER_SEQUENCE) && kt_der_skip(tbs, KT_DER_SEQUENCE) &&
           kt_der_skip(tbs, KT_DER_SEQUENCE) && kt_der_skip(tbs, KT_DER_SEQUENCE);
}

const struct kt_fault *kt_spki_read(struct kt_span certificate, struct kt_spki *out)
{
    struct kt_der d = kt_der_over(certificate);
    struct kt_der body;
    struct kt_der tbs;
    struct kt_der info;
    struct kt_span key;
    struct kt_span signature;
    struct algorithm a;

    if (!(kt_der_enter(&d, KT_DER_SEQUENCE, &body) && kt_der_done(&d) && kt_der_enter(&body, KT_DER_SEQUENCE, &tbs) &&
          kt_der_skip(&body, KT_DER_SEQUENCE) && kt_der_bits(&body, &signature) && kt_der_done(&body) &&
          skip_to_key(&tbs) && kt_der_enter(&tbs, KT_DER_SEQUENCE, &info) && read_algorithm(&info, &a) &&
          kt_der_bits(&info, &key) && kt_der_done(&info))) {
        KT_FAIL(CERTIFICATE_UNPARSABLE);
    }
    *out = (struct kt_spki){.kind = KT_KEY_NONE};
    if (!read_key(&a, key, out)) {
        KT_FAIL(CERTIFICATE_KEY_UNSUPPORTED);
    }
    return NULL;
}
