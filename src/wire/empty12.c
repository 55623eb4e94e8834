/*
 * empty12.c - HelloRequest and ServerHelloDone, which say all by their type (RFC 5246 sections 7.4.1.1 and 7.4.5).
 */
#include "wire/ext.h"
#include "wire/messages12.h"

const struct kt_fault *kt_empty12_decode(struct kt_span body)
{
    if (body.len != 0) {
        KT_FAIL(MESSAGE_TRAILING_BYTES);
    }
    return NULL;
}

void kt_hello_request_encode(struct kt_writer *w)
{
    kt_message_open(w, KT_MSG_HELLO_REQUEST);
    kt_writer_close(w);
}

void kt_server_hello_done_encode(struct kt_writer *w)
{
    kt_message_open(w, KT_MSG_SERVER_HELLO_DONE);
    kt_writer_close(w);
}
