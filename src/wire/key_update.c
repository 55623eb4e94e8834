/*
 * key_update.c - KeyUpdate (RFC 9846 section 4.7.3).
 */
#include "wire/ext.h"

enum { UPDATE_NOT_REQUESTED = 0, UPDATE_REQUESTED = 1 };

const struct kt_fault *kt_key_update_decode(struct kt_span body, struct kt_key_update *out)
{
    struct kt_reader r = kt_reader_over(body);
    uint8_t request;

    if (!(kt_reader_u8(&r, &request) && kt_reader_done(&r))) {
        KT_FAIL(KEY_UPDATE_MALFORMED);
    }
    if (request > UPDATE_REQUESTED) {
        KT_FAIL(KEY_UPDATE_REQUEST_UNKNOWN);
    }
    out->requested = request == UPDATE_REQUESTED;
    return NULL;
}

void kt_key_update_encode(struct kt_writer *w, const struct kt_key_update *message)
{
    kt_message_open(w, KT_MSG_KEY_UPDATE);
    kt_put_u8(w, message->requested ? UPDATE_REQUESTED : UPDATE_NOT_REQUESTED);
    kt_writer_close(w);
}
