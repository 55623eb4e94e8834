#include "support/plain12.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

enum { ROOM = 32768 };

/* What leaves, record by record. */
struct out {
    uint8_t bytes[ROOM];
    size_t len;
    size_t open; /* where the content of the open handshake record begins; 0: none is open */
};

static void close_record(struct out *out)
{
    if (out->open != 0) {
        size_t len = out->len - out->open;

        out->bytes[out->open - 2] = (uint8_t)(len >> 8);
        out->bytes[out->open - 1] = (uint8_t)len;
        out->open = 0;
    }
}

static void put(struct out *out, const uint8_t *version, struct kt_span bytes)
{
    if (out->open == 0) {
        const uint8_t header[] = {KT_CONTENT_HANDSHAKE, version[0], version[1], 0, 0};

        memcpy(out->bytes + out->len, header, sizeof header);
        out->len += sizeof header;
        out->open = out->len;
    }
    assert_true(out->len + bytes.len <= ROOM);
    memcpy(out->bytes + out->len, bytes.p, bytes.len);
    out->len += bytes.len;
}

static void put_ccs(struct out *out, const uint8_t *version)
{
    const uint8_t ccs[] = {KT_CONTENT_CCS, version[0], version[1], 0, 1, 1};

    close_record(out);
    memcpy(out->bytes + out->len, ccs, sizeof ccs);
    out->len += sizeof ccs;
}

static void edit_server_hello(struct plain12 *p, struct kt_span body, struct kt_writer *w)
{
    struct kt_server_hello hello;

    assert_null(kt_server_hello_decode(body, p->offered, &hello));
    assert_null(kt_server_hello12_extensions(&hello, p->offered));
    p->server_hello(&hello);
    kt_server_hello_encode(w, &hello);
}

static void edit_client_hello(struct plain12 *p, struct kt_span body, struct kt_writer *w)
{
    struct kt_client_hello hello;

    assert_null(kt_client_hello_decode(body, &hello));
    p->client_hello(&hello);
    kt_client_hello_encode(w, &hello);
}

/* True when the message was written by `w` instead. */
static bool edit_hello(struct plain12 *p, enum kt_role from, struct kt_span message, struct kt_writer *w)
{
    struct kt_span body = {message.p + 4, message.len - 4};

    if (message.p[0] == KT_MSG_CLIENT_HELLO) {
        struct kt_client_hello hello;

        assert_null(kt_client_hello_decode(body, &hello));
        p->offered = hello.seen;
    }
    if (from == KT_SERVER && message.p[0] == KT_MSG_SERVER_HELLO && p->server_hello != NULL) {
        edit_server_hello(p, body, w);
        return true;
    }
    if (from == KT_CLIENT && message.p[0] == KT_MSG_CLIENT_HELLO && p->client_hello != NULL) {
        edit_client_hello(p, body, w);
        return true;
    }
    return false;
}

static void meddle(struct plain12 *p, struct out *out, const uint8_t *version, struct kt_span message)
{
    static uint8_t copy[ROOM];

    p->edits++;
    switch (p->how) {
    case PLAIN12_REMOVE:
        return;
    case PLAIN12_TWICE:
        put(out, version, message);
        break;
    case PLAIN12_BEFORE:
        put(out, version, (struct kt_span){p->other, p->other_len});
        break;
    case PLAIN12_AFTER:
        put(out, version, message);
        put(out, version, (struct kt_span){p->other, p->other_len});
        return;
    case PLAIN12_CCS_BEFORE:
        put_ccs(out, version);
        break;
    case PLAIN12_XOR:
        memcpy(copy, message.p, message.len);
        copy[p->at >= 0 ? 4 + (size_t)p->at : message.len - (size_t)-p->at] ^= p->with;
        message.p = copy;
        break;
    case PLAIN12_KEEP:
        break;
    }
    put(out, version, message);
}

static void pass_messages(struct plain12 *p, enum kt_role from, struct out *out, const uint8_t *version,
                          struct kt_span rest)
{
    static uint8_t room[ROOM];

    while (rest.len >= 4) {
        size_t len = 4 + ((size_t)rest.p[1] << 16 | (size_t)rest.p[2] << 8 | rest.p[3]);
        struct kt_span message = {rest.p, len};
        struct kt_writer w = kt_writer_over(room, sizeof room);

        assert_true(len <= rest.len);
        rest = (struct kt_span){rest.p + len, rest.len - len};
        if (edit_hello(p, from, message, &w)) {
            assert_true(kt_writer_finish(&w));
            p->edits++;
            put(out, version, kt_writer_span(&w));
        } else if (from == p->from && p->how != PLAIN12_KEEP && message.p[0] == p->type) {
            meddle(p, out, version, message);
        } else {
            put(out, version, message);
        }
    }
    close_record(out);
}

size_t plain12_filter(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    static struct out out;
    struct plain12 *p = user;
    uint8_t version[] = {record[1], record[2]};

    out.len = out.open = 0;
    if (record[0] == KT_CONTENT_CCS) {
        p->protects[from] = true;
        if (p->drop_ccs && from == p->from) {
            p->edits++;
            return 0;
        }
        return len;
    }
    if (record[0] != KT_CONTENT_HANDSHAKE || p->protects[from]) {
        return len;
    }
    pass_messages(p, from, &out, version, (struct kt_span){record + 5, len - 5});
    assert_true(out.len <= cap);
    memcpy(record, out.bytes, out.len);
    return out.len;
}
