/*
 * message_facts.c - what observers are told about messages: which it is, and which extensions it holds. Nothing is
 * decided by it: what a message means is found by its codec.
 */
#include <keyturn/message.h>

#include "wire/ext.h"

enum { RANDOM_LEN = 32 };

/* Extensions as they are found. */
struct found {
    struct kt_extension_info *out;
    size_t cap, count;
};

static bool read_header(struct kt_reader *r, uint8_t *type, struct kt_span *body)
{
    return kt_reader_u8(r, type) && kt_reader_vec24(r, body) && kt_reader_done(r);
}

bool kt_message_is_retry(struct kt_span message)
{
    struct kt_reader r = kt_reader_over(message);
    struct kt_span body, random;
    uint16_t version;
    uint8_t type;

    if (!(read_header(&r, &type, &body) && type == KT_MSG_SERVER_HELLO)) {
        return false;
    }
    r = kt_reader_over(body);
    return kt_reader_u16(&r, &version) && kt_reader_bytes(&r, RANDOM_LEN, &random) &&
           kt_same_public(random.p, kt_retry_random, RANDOM_LEN);
}

/* All up to the extensions. */

static bool pass_client_hello(struct kt_reader *r)
{
    struct kt_span skipped;

    return kt_reader_skip(r, 2 + RANDOM_LEN) && kt_reader_vec8(r, &skipped) && kt_reader_vec16(r, &skipped) &&
           kt_reader_vec8(r, &skipped);
}

static bool pass_server_hello(struct kt_reader *r)
{
    struct kt_span skipped;

    return kt_reader_skip(r, 2 + RANDOM_LEN) && kt_reader_vec8(r, &skipped) && kt_reader_skip(r, 2 + 1);
}

static bool pass_ticket(struct kt_reader *r)
{
    struct kt_span skipped;

    return kt_reader_skip(r, 4 + 4) && kt_reader_vec8(r, &skipped) && kt_reader_vec16(r, &skipped);
}

static bool pass_context(struct kt_reader *r)
{
    struct kt_span skipped;

    return kt_reader_vec8(r, &skipped);
}

static void find(struct found *found, struct kt_span block)
{
    struct kt_reader r = kt_reader_over(block);
    struct kt_span content;
    uint16_t number;

    while (kt_reader_u16(&r, &number) && kt_reader_vec16(&r, &content)) {
        if (found->count < found->cap) {
            found->out[found->count] = (struct kt_extension_info){number, (uint16_t)content.len};
        }
        found->count++;
    }
}

static bool find_in_entries(struct found *found, struct kt_reader *r)
{
    struct kt_span list, certificate, block;
    struct kt_reader entries;

    if (!(pass_context(r) && kt_reader_vec24(r, &list) && kt_reader_done(r))) {
        return false;
    }
    entries = kt_reader_over(list);
    while (kt_reader_vec24(&entries, &certificate) && kt_reader_vec16(&entries, &block) && kt_exts_divide(block)) {
        find(found, block);
    }
    return kt_reader_done(&entries);
}

static bool find_in_body(struct found *found, uint8_t type, struct kt_reader *r)
{
    struct kt_span block;
    bool passed;

    switch (type) {
    case KT_MSG_CERTIFICATE:
        return find_in_entries(found, r);
    case KT_MSG_CLIENT_HELLO:
        passed = pass_client_hello(r);
        break;
    case KT_MSG_SERVER_HELLO:
        passed = pass_server_hello(r);
        break;
    case KT_MSG_NEW_SESSION_TICKET:
        passed = pass_ticket(r);
        break;
    case KT_MSG_CERTIFICATE_REQUEST:
        passed = pass_context(r);
        break;
    default:
        passed = type == KT_MSG_ENCRYPTED_EXTENSIONS;
        break;
    }
    if (!(passed && kt_exts_read(r, &block))) {
        return false;
    }
    find(found, block);
    return true;
}

size_t kt_message_extensions(struct kt_span message, struct kt_extension_info *out, size_t cap)
{
    struct found found = {.out = out, .cap = cap};
    struct kt_reader r = kt_reader_over(message);
    struct kt_span body;
    uint8_t type;

    if (!read_header(&r, &type, &body)) {
        return 0;
    }
    r = kt_reader_over(body);
    return find_in_body(&found, type, &r) ? found.count : 0;
}
