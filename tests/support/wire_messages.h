/*
 * wire_messages.h - all messages that can be decoded, behind one interface, for tests that say the same of
 * each.
 */
#ifndef KT_TEST_WIRE_MESSAGES_H
#define KT_TEST_WIRE_MESSAGES_H

#include "wire/messages12.h"

/* Those with extensions come first; 11: the form of TLS 1.1 and 1.0. */
enum wire_kind {
    WIRE_CLIENT_HELLO,
    WIRE_SERVER_HELLO,
    WIRE_SERVER_HELLO12,
    WIRE_RETRY,
    WIRE_ENCRYPTED_EXTENSIONS,
    WIRE_CERTIFICATE_REQUEST,
    WIRE_CERTIFICATE,
    WIRE_NEW_SESSION_TICKET,
    WIRE_CERTIFICATE_VERIFY,
    WIRE_KEY_UPDATE,
    WIRE_CERTIFICATE12,
    WIRE_CERTIFICATE_STATUS,
    WIRE_SERVER_KEY_EXCHANGE, /* ECDHE */
    WIRE_SERVER_KEY_EXCHANGE_DHE,
    WIRE_SERVER_KEY_EXCHANGE11, /* DHE of TLS 1.1 */
    WIRE_CERTIFICATE_REQUEST12,
    WIRE_CERTIFICATE_REQUEST11,
    WIRE_CLIENT_KEY_EXCHANGE, /* ECDHE */
    WIRE_CLIENT_KEY_EXCHANGE_RSA,
    WIRE_CERTIFICATE_VERIFY12,
    WIRE_CERTIFICATE_VERIFY11,
    WIRE_NEW_SESSION_TICKET12,
    WIRE_KINDS
};

union wire_message {
    struct kt_client_hello client_hello;
    struct kt_server_hello server_hello; /* and HelloRetryRequest */
    struct kt_encrypted_extensions encrypted_extensions;
    struct kt_certificate_request certificate_request;
    struct kt_certificate certificate;
    struct kt_new_session_ticket new_session_ticket;
    struct kt_certificate_verify certificate_verify;
    struct kt_key_update key_update;
    struct kt_certificate_status certificate_status;
    struct kt_server_key_exchange server_key_exchange;
    struct kt_certificate_request12 certificate_request12;
    struct kt_client_key_exchange client_key_exchange;
    struct kt_new_session_ticket12 new_session_ticket12;
};

/* What the codecs of TLS 1.2 and below are told for that kind. */
enum kt_kx wire_kx(enum wire_kind kind);
uint16_t wire_version(enum wire_kind kind);

const char *wire_name(enum wire_kind kind);
uint8_t wire_type(enum wire_kind kind);
/* The home of its extensions; 0: it has none. */
uint8_t wire_home(enum wire_kind kind);

KT_MUST_USE const struct kt_fault *wire_decode(enum wire_kind kind, struct kt_span body, uint32_t offered,
                                               union wire_message *out);
void wire_encode(enum wire_kind kind, struct kt_writer *w, const union wire_message *message);
/* Every field that both sides of a connection see is the same. */
bool wire_same(enum wire_kind kind, const union wire_message *a, const union wire_message *b);

/* The smallest body with these extensions (a block without its length) in the form they have on the wire;
 * those without which nothing is judged are added when they are not among them. The caller frees .p. */
struct kt_span wire_body_with(enum wire_kind kind, struct kt_span block);

/* A copy of exactly this length on the heap, so that the sanitizer sees each byte read too far. Free .p. */
uint8_t *exact_copy(struct kt_span bytes);

/* Deterministic numbers and messages. */
struct generator {
    uint64_t state;
    size_t used;
    uint8_t pool[1 << 17]; /* what the spans of the message point to */
};

void generator_begin(struct generator *g, uint64_t seed);
uint64_t generate_number(struct generator *g, uint64_t below);
/* A valid message. `canonical`: in the one order that encode chooses, without reserved values. */
void generate_message(struct generator *g, enum wire_kind kind, bool canonical, union wire_message *out);

/* For a fuzzer: decodes; what is accepted must encode to something that decodes to the same. Aborts
 * otherwise. */
void wire_fuzz(enum wire_kind kind, const uint8_t *data, size_t size);

#endif
