#include "support/wire_messages.h"

#include <stdlib.h>

#include "wire/ext.h"

static const struct {
    const char *name;
    uint8_t type, home;
    uint16_t version;
    enum kt_kx kx;
} facts[WIRE_KINDS] = {
    [WIRE_CLIENT_HELLO] = {"ClientHello", KT_MSG_CLIENT_HELLO, IN_CH, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_SERVER_HELLO] = {"ServerHello", KT_MSG_SERVER_HELLO, IN_SH, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_SERVER_HELLO12] = {"ServerHello of TLS 1.2", KT_MSG_SERVER_HELLO, IN_SH12, KT_TLS_1_2, KT_KX_ECDHE},
    [WIRE_RETRY] = {"HelloRetryRequest", KT_MSG_SERVER_HELLO, IN_HRR, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_ENCRYPTED_EXTENSIONS] = {"EncryptedExtensions", KT_MSG_ENCRYPTED_EXTENSIONS, IN_EE, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_CERTIFICATE_REQUEST] = {"CertificateRequest", KT_MSG_CERTIFICATE_REQUEST, IN_CR, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_CERTIFICATE] = {"Certificate", KT_MSG_CERTIFICATE, IN_CT, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_NEW_SESSION_TICKET] = {"NewSessionTicket", KT_MSG_NEW_SESSION_TICKET, IN_NST, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_CERTIFICATE_VERIFY] = {"CertificateVerify", KT_MSG_CERTIFICATE_VERIFY, 0, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_KEY_UPDATE] = {"KeyUpdate", KT_MSG_KEY_UPDATE, 0, KT_TLS_1_3, KT_KX_TLS13},
    [WIRE_CERTIFICATE12] = {"Certificate of TLS 1.2", KT_MSG_CERTIFICATE, 0, KT_TLS_1_2, KT_KX_ECDHE},
    [WIRE_CERTIFICATE_STATUS] = {"CertificateStatus", KT_MSG_CERTIFICATE_STATUS, 0, KT_TLS_1_2, KT_KX_ECDHE},
    [WIRE_SERVER_KEY_EXCHANGE] = {"ServerKeyExchange", KT_MSG_SERVER_KEY_EXCHANGE, 0, KT_TLS_1_2, KT_KX_ECDHE},
    [WIRE_SERVER_KEY_EXCHANGE_DHE] = {"ServerKeyExchange, DHE", KT_MSG_SERVER_KEY_EXCHANGE, 0, KT_TLS_1_2, KT_KX_DHE},
    [WIRE_SERVER_KEY_EXCHANGE11] = {"ServerKeyExchange of TLS 1.1", KT_MSG_SERVER_KEY_EXCHANGE, 0, KT_TLS_1_1,
                                    KT_KX_DHE},
    [WIRE_CERTIFICATE_REQUEST12] = {"CertificateRequest of TLS 1.2", KT_MSG_CERTIFICATE_REQUEST, 0, KT_TLS_1_2,
                                    KT_KX_ECDHE},
    [WIRE_CERTIFICATE_REQUEST11] = {"CertificateRequest of TLS 1.1", KT_MSG_CERTIFICATE_REQUEST, 0, KT_TLS_1_1,
                                    KT_KX_ECDHE},
    [WIRE_CLIENT_KEY_EXCHANGE] = {"ClientKeyExchange", KT_MSG_CLIENT_KEY_EXCHANGE, 0, KT_TLS_1_2, KT_KX_ECDHE},
    [WIRE_CLIENT_KEY_EXCHANGE_RSA] = {"ClientKeyExchange, RSA", KT_MSG_CLIENT_KEY_EXCHANGE, 0, KT_TLS_1_2, KT_KX_RSA},
    [WIRE_CERTIFICATE_VERIFY12] = {"CertificateVerify of TLS 1.2", KT_MSG_CERTIFICATE_VERIFY, 0, KT_TLS_1_2,
                                   KT_KX_ECDHE},
    [WIRE_CERTIFICATE_VERIFY11] = {"CertificateVerify of TLS 1.1", KT_MSG_CERTIFICATE_VERIFY, 0, KT_TLS_1_1,
                                   KT_KX_ECDHE},
    [WIRE_NEW_SESSION_TICKET12] = {"NewSessionTicket of TLS 1.2", KT_MSG_NEW_SESSION_TICKET, 0, KT_TLS_1_2,
                                   KT_KX_ECDHE},
};

enum kt_kx wire_kx(enum wire_kind kind)
{
    return facts[kind].kx;
}

uint16_t wire_version(enum wire_kind kind)
{
    return facts[kind].version;
}

const char *wire_name(enum wire_kind kind)
{
    return facts[kind].name;
}

uint8_t wire_type(enum wire_kind kind)
{
    return facts[kind].type;
}

uint8_t wire_home(enum wire_kind kind)
{
    return facts[kind].home;
}

/* Both halves; of TLS 1.3 it is another message. */
static const struct kt_fault *decode_server_hello12(struct kt_span body, uint32_t offered, struct kt_server_hello *out)
{
    KT_TRY(kt_server_hello_decode(body, offered, out));
    if (out->seen != 0) {
        KT_FAIL(VERSION_NOT_SUPPORTED);
    }
    return kt_server_hello12_extensions(out, offered);
}

const struct kt_fault *wire_decode(enum wire_kind kind, struct kt_span body, uint32_t offered, union wire_message *out)
{
    switch (kind) {
    case WIRE_CLIENT_HELLO:
        return kt_client_hello_decode(body, &out->client_hello);
    case WIRE_SERVER_HELLO:
    case WIRE_RETRY:
        return kt_server_hello_decode(body, offered, &out->server_hello);
    case WIRE_ENCRYPTED_EXTENSIONS:
        return kt_encrypted_extensions_decode(body, offered, &out->encrypted_extensions);
    case WIRE_CERTIFICATE_REQUEST:
        return kt_certificate_request_decode(body, &out->certificate_request);
    case WIRE_CERTIFICATE:
        return kt_certificate_decode(body, offered, &out->certificate);
    case WIRE_NEW_SESSION_TICKET:
        return kt_new_session_ticket_decode(body, &out->new_session_ticket);
    case WIRE_CERTIFICATE_VERIFY:
        return kt_certificate_verify_decode(body, &out->certificate_verify);
    case WIRE_KEY_UPDATE:
        return kt_key_update_decode(body, &out->key_update);
    case WIRE_SERVER_HELLO12:
        return decode_server_hello12(body, offered, &out->server_hello);
    case WIRE_CERTIFICATE12:
        return kt_certificate12_decode(body, &out->certificate);
    case WIRE_CERTIFICATE_STATUS:
        return kt_certificate_status_decode(body, &out->certificate_status);
    case WIRE_SERVER_KEY_EXCHANGE:
    case WIRE_SERVER_KEY_EXCHANGE_DHE:
    case WIRE_SERVER_KEY_EXCHANGE11:
        return kt_server_key_exchange_decode(body, wire_kx(kind), wire_version(kind), &out->server_key_exchange);
    case WIRE_CERTIFICATE_REQUEST12:
    case WIRE_CERTIFICATE_REQUEST11:
        return kt_certificate_request12_decode(body, wire_version(kind), &out->certificate_request12);
    case WIRE_CLIENT_KEY_EXCHANGE:
    case WIRE_CLIENT_KEY_EXCHANGE_RSA:
        return kt_client_key_exchange_decode(body, wire_kx(kind), &out->client_key_exchange);
    case WIRE_CERTIFICATE_VERIFY12:
    case WIRE_CERTIFICATE_VERIFY11:
        return kt_certificate_verify12_decode(body, wire_version(kind), &out->certificate_verify);
    case WIRE_NEW_SESSION_TICKET12:
        return kt_new_session_ticket12_decode(body, &out->new_session_ticket12);
    case WIRE_KINDS:
        break;
    }
    abort();
}

void wire_encode(enum wire_kind kind, struct kt_writer *w, const union wire_message *message)
{
    switch (kind) {
    case WIRE_CLIENT_HELLO:
        kt_client_hello_encode(w, &message->client_hello);
        return;
    case WIRE_SERVER_HELLO:
    case WIRE_RETRY:
        kt_server_hello_encode(w, &message->server_hello);
        return;
    case WIRE_ENCRYPTED_EXTENSIONS:
        kt_encrypted_extensions_encode(w, &message->encrypted_extensions);
        return;
    case WIRE_CERTIFICATE_REQUEST:
        kt_certificate_request_encode(w, &message->certificate_request);
        return;
    case WIRE_CERTIFICATE:
        kt_certificate_encode(w, &message->certificate);
        return;
    case WIRE_NEW_SESSION_TICKET:
        kt_new_session_ticket_encode(w, &message->new_session_ticket);
        return;
    case WIRE_CERTIFICATE_VERIFY:
        kt_certificate_verify_encode(w, &message->certificate_verify);
        return;
    case WIRE_KEY_UPDATE:
        kt_key_update_encode(w, &message->key_update);
        return;
    case WIRE_SERVER_HELLO12:
        kt_server_hello_encode(w, &message->server_hello);
        return;
    case WIRE_CERTIFICATE12:
        kt_certificate12_encode(w, &message->certificate);
        return;
    case WIRE_CERTIFICATE_STATUS:
        kt_certificate_status_encode(w, &message->certificate_status);
        return;
    case WIRE_SERVER_KEY_EXCHANGE:
    case WIRE_SERVER_KEY_EXCHANGE_DHE:
    case WIRE_SERVER_KEY_EXCHANGE11:
        kt_server_key_exchange_encode(w, wire_version(kind), &message->server_key_exchange);
        return;
    case WIRE_CERTIFICATE_REQUEST12:
    case WIRE_CERTIFICATE_REQUEST11:
        kt_certificate_request12_encode(w, wire_version(kind), &message->certificate_request12);
        return;
    case WIRE_CLIENT_KEY_EXCHANGE:
    case WIRE_CLIENT_KEY_EXCHANGE_RSA:
        kt_client_key_exchange_encode(w, wire_kx(kind), &message->client_key_exchange);
        return;
    case WIRE_CERTIFICATE_VERIFY12:
    case WIRE_CERTIFICATE_VERIFY11:
        kt_certificate_verify12_encode(w, wire_version(kind), &message->certificate_verify);
        return;
    case WIRE_NEW_SESSION_TICKET12:
        kt_new_session_ticket12_encode(w, &message->new_session_ticket12);
        return;
    case WIRE_KINDS:
        break;
    }
    abort();
}

static bool same_client_hello(const struct kt_client_hello *a, const struct kt_client_hello *b)
{
    return a->legacy_version == b->legacy_version && kt_span_same(a->random, b->random) &&
           kt_span_same(a->session_id, b->session_id) && kt_span_same(a->suites.wire, b->suites.wire) &&
           kt_span_same(a->compression, b->compression) && a->seen == b->seen &&
           kt_span_same(a->server_name, b->server_name) && kt_span_same(a->groups.wire, b->groups.wire) &&
           kt_span_same(a->schemes.wire, b->schemes.wire) && kt_span_same(a->cert_schemes.wire, b->cert_schemes.wire) &&
           kt_span_same(a->versions.wire, b->versions.wire) && kt_span_same(a->key_shares, b->key_shares) &&
           kt_span_same(a->alpn, b->alpn) && kt_span_same(a->cookie, b->cookie) &&
           kt_span_same(a->psk_modes, b->psk_modes) && kt_span_same(a->psk_identities, b->psk_identities) &&
           kt_span_same(a->psk_binders, b->psk_binders) && kt_span_same(a->authorities, b->authorities) &&
           kt_span_same(a->session_ticket, b->session_ticket) &&
           kt_span_same(a->renegotiation_info, b->renegotiation_info) && a->record_size_limit == b->record_size_limit &&
           a->max_fragment_length == b->max_fragment_length && a->tickets_new == b->tickets_new &&
           a->tickets_resumed == b->tickets_resumed;
}

static bool same_server_hello(const struct kt_server_hello *a, const struct kt_server_hello *b)
{
    return a->legacy_version == b->legacy_version && kt_span_same(a->random, b->random) &&
           kt_span_same(a->session_id, b->session_id) && a->suite == b->suite && a->compression == b->compression &&
           a->is_retry == b->is_retry && a->seen == b->seen && a->version == b->version &&
           a->key_share.group == b->key_share.group && kt_span_same(a->key_share.key, b->key_share.key) &&
           kt_span_same(a->cookie, b->cookie) && a->psk_index == b->psk_index &&
           kt_span_same(a->renegotiation_info, b->renegotiation_info) && kt_span_same(a->alpn, b->alpn) &&
           kt_span_same(a->sct_list, b->sct_list) && a->record_size_limit == b->record_size_limit &&
           a->max_fragment_length == b->max_fragment_length;
}

static bool same_encrypted_extensions(const struct kt_encrypted_extensions *a, const struct kt_encrypted_extensions *b)
{
    return a->seen == b->seen && kt_span_same(a->alpn, b->alpn) && kt_span_same(a->groups.wire, b->groups.wire) &&
           a->record_size_limit == b->record_size_limit && a->max_fragment_length == b->max_fragment_length &&
           a->tickets_expected == b->tickets_expected;
}

static bool same_certificate_request(const struct kt_certificate_request *a, const struct kt_certificate_request *b)
{
    return kt_span_same(a->context, b->context) && a->seen == b->seen &&
           kt_span_same(a->schemes.wire, b->schemes.wire) && kt_span_same(a->cert_schemes.wire, b->cert_schemes.wire) &&
           kt_span_same(a->authorities, b->authorities) && kt_span_same(a->oid_filters, b->oid_filters);
}

static bool same_certificate(const struct kt_certificate *a, const struct kt_certificate *b)
{
    if (a->chain_len != b->chain_len) {
        return false;
    }
    for (size_t i = 0; i < a->chain_len; i++) {
        if (!kt_span_same(a->chain[i], b->chain[i])) {
            return false;
        }
    }
    return kt_span_same(a->context, b->context) && kt_span_same(a->ocsp_response, b->ocsp_response) &&
           kt_span_same(a->sct_list, b->sct_list);
}

static bool same_new_session_ticket(const struct kt_new_session_ticket *a, const struct kt_new_session_ticket *b)
{
    return a->lifetime_seconds == b->lifetime_seconds && a->age_add == b->age_add && kt_span_same(a->nonce, b->nonce) &&
           kt_span_same(a->ticket, b->ticket) && a->seen == b->seen && a->max_early_data == b->max_early_data;
}

static bool same_server_key_exchange(const struct kt_server_key_exchange *a, const struct kt_server_key_exchange *b)
{
    return a->group == b->group && kt_span_same(a->point, b->point) && kt_span_same(a->p, b->p) &&
           kt_span_same(a->g, b->g) && kt_span_same(a->share, b->share) && kt_span_same(a->params, b->params) &&
           a->scheme == b->scheme && kt_span_same(a->signature, b->signature);
}

static bool same_certificate_request12(const struct kt_certificate_request12 *a,
                                       const struct kt_certificate_request12 *b)
{
    return kt_span_same(a->types, b->types) && kt_span_same(a->schemes.wire, b->schemes.wire) &&
           kt_span_same(a->authorities, b->authorities);
}

bool wire_same(enum wire_kind kind, const union wire_message *a, const union wire_message *b)
{
    switch (kind) {
    case WIRE_CLIENT_HELLO:
        return same_client_hello(&a->client_hello, &b->client_hello);
    case WIRE_SERVER_HELLO:
    case WIRE_SERVER_HELLO12:
    case WIRE_RETRY:
        return same_server_hello(&a->server_hello, &b->server_hello);
    case WIRE_ENCRYPTED_EXTENSIONS:
        return same_encrypted_extensions(&a->encrypted_extensions, &b->encrypted_extensions);
    case WIRE_CERTIFICATE_REQUEST:
        return same_certificate_request(&a->certificate_request, &b->certificate_request);
    case WIRE_CERTIFICATE:
    case WIRE_CERTIFICATE12:
        return same_certificate(&a->certificate, &b->certificate);
    case WIRE_NEW_SESSION_TICKET:
        return same_new_session_ticket(&a->new_session_ticket, &b->new_session_ticket);
    case WIRE_CERTIFICATE_VERIFY:
    case WIRE_CERTIFICATE_VERIFY12:
    case WIRE_CERTIFICATE_VERIFY11:
        return a->certificate_verify.scheme == b->certificate_verify.scheme &&
               kt_span_same(a->certificate_verify.signature, b->certificate_verify.signature);
    case WIRE_KEY_UPDATE:
        return a->key_update.requested == b->key_update.requested;
    case WIRE_CERTIFICATE_STATUS:
        return kt_span_same(a->certificate_status.ocsp_response, b->certificate_status.ocsp_response);
    case WIRE_SERVER_KEY_EXCHANGE:
    case WIRE_SERVER_KEY_EXCHANGE_DHE:
    case WIRE_SERVER_KEY_EXCHANGE11:
        return same_server_key_exchange(&a->server_key_exchange, &b->server_key_exchange);
    case WIRE_CERTIFICATE_REQUEST12:
    case WIRE_CERTIFICATE_REQUEST11:
        return same_certificate_request12(&a->certificate_request12, &b->certificate_request12);
    case WIRE_CLIENT_KEY_EXCHANGE:
    case WIRE_CLIENT_KEY_EXCHANGE_RSA:
        return kt_span_same(a->client_key_exchange.value, b->client_key_exchange.value);
    case WIRE_NEW_SESSION_TICKET12:
        return a->new_session_ticket12.lifetime_hint == b->new_session_ticket12.lifetime_hint &&
               kt_span_same(a->new_session_ticket12.ticket, b->new_session_ticket12.ticket);
    case WIRE_KINDS:
        break;
    }
    abort();
}

uint8_t *exact_copy(struct kt_span bytes)
{
    uint8_t *copy = malloc(bytes.len);

    if (copy == NULL && bytes.len > 0) {
        abort();
    }
    kt_copy(copy, bytes.p, bytes.len);
    return copy;
}

/* Extension `ext` with this content, unless the block has it. */
static void add_unless(struct kt_writer *w, struct kt_span block, enum kt_ext ext, struct kt_span content)
{
    if (!kt_exts_have(block, ext)) {
        kt_put_u16(w, kt_ext_number(ext));
        kt_put_vec(w, 2, content);
    }
}

static void put_block(struct kt_writer *w, enum wire_kind kind, struct kt_span block)
{
    kt_writer_open(w, 2);
    kt_put_bytes(w, block);
    if (kind == WIRE_SERVER_HELLO || kind == WIRE_RETRY) {
        add_unless(w, block, KT_EXT_SUPPORTED_VERSIONS, KT_SPAN_TEXT("\x03\x04"));
    }
    if (kind == WIRE_CERTIFICATE_REQUEST) {
        add_unless(w, block, KT_EXT_SIGNATURE_ALGORITHMS, KT_SPAN_TEXT("\0\2\x08\x07"));
    }
    kt_writer_close(w);
}

static void put_hello_start(struct kt_writer *w, struct kt_span random)
{
    kt_put_u16(w, KT_TLS_1_2);
    kt_put_bytes(w, random);
    kt_put_u8(w, 0);
}

struct kt_span wire_body_with(enum wire_kind kind, struct kt_span block)
{
    static const uint8_t random[32] = {1, 2, 3};
    size_t cap = block.len + 128;
    uint8_t *bytes = malloc(cap);
    struct kt_writer w = kt_writer_over(bytes, cap);

    switch (kind) {
    case WIRE_CLIENT_HELLO:
        put_hello_start(&w, kt_span_of(random, sizeof random));
        kt_put_vec(&w, 2, KT_SPAN_TEXT("\x13\x01"));
        kt_put_vec(&w, 1, KT_SPAN_TEXT("\0"));
        break;
    case WIRE_SERVER_HELLO:
    case WIRE_SERVER_HELLO12:
    case WIRE_RETRY:
        put_hello_start(&w, kt_span_of(kind == WIRE_RETRY ? kt_retry_random : random, sizeof random));
        kt_put_u16(&w, KT_SUITE_AES_128_GCM_SHA256);
        kt_put_u8(&w, 0);
        break;
    case WIRE_CERTIFICATE_REQUEST:
        kt_put_u8(&w, 0);
        break;
    case WIRE_CERTIFICATE:
        kt_put_u8(&w, 0);
        kt_writer_open(&w, 3);
        kt_put_vec(&w, 3, KT_SPAN_TEXT("leaf"));
        break;
    case WIRE_NEW_SESSION_TICKET:
        kt_put_u32(&w, 7200);
        kt_put_u32(&w, 1);
        kt_put_u8(&w, 0);
        kt_put_vec(&w, 2, KT_SPAN_TEXT("ticket"));
        break;
    case WIRE_ENCRYPTED_EXTENSIONS:
        break;
    case WIRE_CERTIFICATE_VERIFY:
    case WIRE_KEY_UPDATE:
    case WIRE_CERTIFICATE12:
    case WIRE_CERTIFICATE_STATUS:
    case WIRE_SERVER_KEY_EXCHANGE:
    case WIRE_SERVER_KEY_EXCHANGE_DHE:
    case WIRE_SERVER_KEY_EXCHANGE11:
    case WIRE_CERTIFICATE_REQUEST12:
    case WIRE_CERTIFICATE_REQUEST11:
    case WIRE_CLIENT_KEY_EXCHANGE:
    case WIRE_CLIENT_KEY_EXCHANGE_RSA:
    case WIRE_CERTIFICATE_VERIFY12:
    case WIRE_CERTIFICATE_VERIFY11:
    case WIRE_NEW_SESSION_TICKET12:
    case WIRE_KINDS:
        abort();
    }
    put_block(&w, kind, block);
    if (kind == WIRE_CERTIFICATE) {
        kt_writer_close(&w);
    }
    if (!kt_writer_finish(&w)) {
        abort();
    }
    return kt_writer_span(&w);
}

void wire_fuzz(enum wire_kind kind, const uint8_t *data, size_t size)
{
    union wire_message first, second;
    size_t cap = size + KT_MESSAGE_HEADER; /* encode leaves things out, but adds nothing */
    struct kt_writer w;
    struct kt_span whole;
    uint8_t *bytes;

    if (wire_decode(kind, kt_span_of(data, size), UINT32_MAX, &first) != NULL) {
        return;
    }
    bytes = malloc(cap);
    w = kt_writer_over(bytes, cap);
    wire_encode(kind, &w, &first);
    whole = kt_writer_span(&w);
    if (!kt_writer_finish(&w) ||
        wire_decode(kind, kt_span_of(whole.p + KT_MESSAGE_HEADER, whole.len - KT_MESSAGE_HEADER), UINT32_MAX,
                    &second) != NULL ||
        !wire_same(kind, &first, &second)) {
        abort();
    }
    free(bytes);
}
