/*
 * ext_server_name.c - the host a client wants (RFC 6066 section 3). The server's acknowledgement is empty.
 */
#include "wire/ext.h"

enum { HOST_NAME = 0 };

/* DNS allows 255 bytes; a NUL would let one part of a program see another name than the next. */
static bool is_host_name(struct kt_span name)
{
    return name.len > 0 && name.len <= KT_NAME_MAX && memchr(name.p, 0, name.len) == NULL;
}

/* The list may hold one name of each type, and no other type than host_name was ever defined: so it has one
 * entry. */
static const struct kt_fault *hello_decode(struct kt_span content, void *message)
{
    struct kt_client_hello *hello = message;
    struct kt_reader list;
    struct kt_span names;
    uint8_t type;

    if (!kt_form_vec(content, 2, &names)) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    list = kt_reader_over(names);
    if (!(kt_reader_u8(&list, &type) && type == HOST_NAME && kt_reader_vec16(&list, &hello->server_name) &&
          kt_reader_done(&list) && is_host_name(hello->server_name))) {
        KT_FAIL(EXTENSION_MALFORMED);
    }
    return NULL;
}

static void hello_encode(struct kt_writer *w, const void *message)
{
    const struct kt_client_hello *hello = message;

    kt_writer_open(w, 2);
    kt_put_u8(w, HOST_NAME);
    kt_put_vec(w, 2, hello->server_name);
    kt_writer_close(w);
}

const struct kt_ext_codec kt_ext_server_name_ch = {hello_decode, hello_encode};
