/*
 * certificate_status.c - the stapled OCSP response of TLS 1.2 and below (RFC 6066 section 8).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

enum { STATUS_OCSP = 1 };

const struct kt_fault *kt_certificate_status_decode(struct kt_span body, struct kt_certificate_status *out)
{
    struct kt_reader r = kt_reader_over(body);
    uint8_t type;

    if (!(kt_reader_u8(&r, &type) && type == STATUS_OCSP && kt_reader_vec24(&r, &out->ocsp_response) &&
          kt_reader_done(&r) && out->ocsp_response.len > 0)) {
        KT_FAIL_ALERT(CERTIFICATE_STATUS_MALFORMED, DECODE_ERROR);
    }
    return NULL;
}

void kt_certificate_status_encode(struct kt_writer *w, const struct kt_certificate_status *message)
{
    kt_message_open(w, KT_MSG_CERTIFICATE_STATUS);
    kt_put_u8(w, STATUS_OCSP);
    kt_put_vec(w, 3, message->ocsp_response);
    kt_writer_close(w);
}
