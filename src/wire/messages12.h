/*
 * messages12.h - the handshake messages that only TLS 1.2 and below has, or has in another form. As in messages.h:
 * decode consumes the whole body or is a fault, and yields spans into it; encode writes the whole message.
 *
 * `version` is the one negotiated: TLS 1.1 and 1.0 do not name the scheme of a signature. `kx` is that of the suite.
 * ClientHello and ServerHello are those of messages.h; Finished has the same form, with 12 bytes.
 */
#ifndef KT_MESSAGES12_H
#define KT_MESSAGES12_H

#include "wire/messages.h"

/* HelloRequest and ServerHelloDone, RFC 5246 sections 7.4.1.1 and 7.4.5: nothing. MESSAGE_TRAILING_BYTES. */
KT_MUST_USE const struct kt_fault *kt_empty12_decode(struct kt_span body);
void kt_hello_request_encode(struct kt_writer *w);
void kt_server_hello_done_encode(struct kt_writer *w);

/*
 * Certificate, RFC 5246 section 7.4.2: a chain alone, which may be empty. Of the structure of TLS 1.3 the context, the
 * OCSP response and the timestamps stay empty: CertificateStatus and ServerHello bring the last two.
 */
KT_MUST_USE const struct kt_fault *kt_certificate12_decode(struct kt_span body, struct kt_certificate *out);
void kt_certificate12_encode(struct kt_writer *w, const struct kt_certificate *message);

/* CertificateStatus, RFC 6066 section 8: an OCSP response, never empty. CERTIFICATE_STATUS_MALFORMED (decode_error). */
struct kt_certificate_status {
    struct kt_span ocsp_response;
};

KT_MUST_USE const struct kt_fault *kt_certificate_status_decode(struct kt_span body, struct kt_certificate_status *out);
void kt_certificate_status_encode(struct kt_writer *w, const struct kt_certificate_status *message);

/*
 * ServerKeyExchange, RFC 8422 section 5.4 (ECDHE) and RFC 5246 section 7.4.3 (DHE). Whether group and values are any
 * good is not looked at. A curve that is described and not named is GROUP_NOT_NAMED.
 */
struct kt_server_key_exchange {
    uint16_t group;        /* ECDHE */
    struct kt_span point;  /* ECDHE; never empty */
    struct kt_span p, g;   /* DHE; never empty */
    struct kt_span share;  /* DHE, the server's public value; never empty */
    struct kt_span params; /* the bytes of the above: signed, behind both randoms */
    uint16_t scheme;       /* 0 before TLS 1.2 */
    struct kt_span signature;
};

/* `kx` is KT_KX_ECDHE or KT_KX_DHE. SERVER_KEY_EXCHANGE_MALFORMED. */
KT_MUST_USE const struct kt_fault *kt_server_key_exchange_decode(struct kt_span body, enum kt_kx kx, uint16_t version,
                                                                 struct kt_server_key_exchange *out);
/* The parameters alone, to be signed; what is written is then `params` of the message. */
void kt_server_params_encode(struct kt_writer *w, enum kt_kx kx, const struct kt_server_key_exchange *message);
/* Of `message` params, scheme and signature are looked at. */
void kt_server_key_exchange_encode(struct kt_writer *w, uint16_t version, const struct kt_server_key_exchange *message);

/* Kinds of client certificates (RFC 5246 section 7.4.4, RFC 8422 section 5.5). */
enum {
    KT_CERTIFICATE_TYPE_RSA_SIGN = 1,
    KT_CERTIFICATE_TYPE_ECDSA_SIGN = 64, /* Ed25519, too */
};

/* CertificateRequest, RFC 5246 section 7.4.4. CERTIFICATE_REQUEST_MALFORMED. */
struct kt_certificate_request12 {
    struct kt_span types;       /* a byte each; never empty */
    struct kt_id_list schemes;  /* never empty; absent before TLS 1.2 */
    struct kt_span authorities; /* content of the DistinguishedName list, checked; may be empty */
};

KT_MUST_USE const struct kt_fault *kt_certificate_request12_decode(struct kt_span body, uint16_t version,
                                                                   struct kt_certificate_request12 *out);
void kt_certificate_request12_encode(struct kt_writer *w, uint16_t version,
                                     const struct kt_certificate_request12 *message);

/*
 * ClientKeyExchange, RFC 8422 section 5.7 and RFC 5246 section 7.4.7: the client's point, its public value, or what it
 * encrypted for the server, never empty. CLIENT_KEY_EXCHANGE_MALFORMED.
 */
struct kt_client_key_exchange {
    struct kt_span value;
};

/* `kx` is KT_KX_ECDHE, KT_KX_DHE or KT_KX_RSA. */
KT_MUST_USE const struct kt_fault *kt_client_key_exchange_decode(struct kt_span body, enum kt_kx kx,
                                                                 struct kt_client_key_exchange *out);
void kt_client_key_exchange_encode(struct kt_writer *w, enum kt_kx kx, const struct kt_client_key_exchange *message);

/* CertificateVerify, RFC 5246 section 7.4.8; `scheme` is 0 before TLS 1.2. */
KT_MUST_USE const struct kt_fault *kt_certificate_verify12_decode(struct kt_span body, uint16_t version,
                                                                  struct kt_certificate_verify *out);
void kt_certificate_verify12_encode(struct kt_writer *w, uint16_t version, const struct kt_certificate_verify *message);

/* NewSessionTicket, RFC 5077 section 3.3. An empty ticket: the server has none after all. */
struct kt_new_session_ticket12 {
    uint32_t lifetime_hint; /* seconds; 0: the server does not say */
    struct kt_span ticket;
};

KT_MUST_USE const struct kt_fault *kt_new_session_ticket12_decode(struct kt_span body,
                                                                  struct kt_new_session_ticket12 *out);
void kt_new_session_ticket12_encode(struct kt_writer *w, const struct kt_new_session_ticket12 *message);

#endif
