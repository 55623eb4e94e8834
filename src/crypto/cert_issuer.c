#include "crypto/cert_issuer.h"

#include "base/der.h"

/* TBSCertificate (RFC 5280 section 4.1): version where it is not 1, serial number, signature algorithm, issuer. */
bool kt_cert_issuer(struct kt_span certificate, struct kt_span *issuer)
{
    struct kt_der d = kt_der_over(certificate);
    struct kt_der whole, body;
    const uint8_t *begin;

    if (!(kt_der_enter(&d, KT_DER_SEQUENCE, &whole) && kt_der_done(&d) &&
          kt_der_enter(&whole, KT_DER_SEQUENCE, &body) &&
          (!kt_der_is(&body, KT_DER_EXPLICIT) || kt_der_skip(&body, KT_DER_EXPLICIT)) &&
          kt_der_skip(&body, KT_DER_INTEGER) && kt_der_skip(&body, KT_DER_SEQUENCE))) {
        return false;
    }
    begin = body.at;
    if (!kt_der_skip(&body, KT_DER_SEQUENCE)) {
        return false;
    }
    *issuer = kt_span_of(begin, (size_t)(body.at - begin));
    return true;
}
