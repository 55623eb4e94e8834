/*
 * finished.c - Finished (RFC 9846 section 4.5.3).
 */
#include "wire/ext.h"

void kt_finished_encode(struct kt_writer *w, struct kt_span verify_data)
{
    kt_message_open(w, KT_MSG_FINISHED);
    kt_put_bytes(w, verify_data);
    kt_writer_close(w);
}
