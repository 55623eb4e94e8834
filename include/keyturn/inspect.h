/*
 * inspect.h - read-only facts of a connection.
 */
#ifndef KEYTURN_INSPECT_H
#define KEYTURN_INSPECT_H

#include <keyturn/conn.h>
#include <keyturn/lifetime.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What was negotiated; fields are 0 or empty until known. Spans stay valid as long as the connection. */
struct kt_facts {
    enum kt_role role;
    uint16_t version;
    uint16_t suite;
    uint16_t group;
    uint16_t own_scheme;       /* of our last CertificateVerify */
    uint16_t peer_scheme;      /* of the peer's last */
    bool hello_retried;        /* there was a HelloRetryRequest */
    bool resumed;              /* a session stands for the certificates: there are no schemes */
    bool extended_main_secret; /* TLS 1.2 and below: RFC 7627 is in use */
    bool secure_renegotiation; /* TLS 1.2 and below: RFC 5746 is in use */
    /* The peer proved a certificate that was accepted, now or in the session's origin; or that it has an external key.
     */
    bool peer_authenticated;
    struct kt_span psk_identity; /* of the external key that stands for certificates; empty: none */
    bool post_handshake_auth;    /* the client offered to authenticate after the handshake */
    bool peer_stapled;           /* an OCSP response came with the peer's certificate */
    uint16_t peer_scts;          /* signed certificate timestamps that came with it; nothing here checks them */
    bool tickets_told;           /* client: the server said how many tickets it will send (RFC 9149) ... */
    uint8_t tickets_expected;    /* ... and that it is so many */
    struct kt_span server_name;  /* client: the name given; server: the SNI received */
    struct kt_span alpn;
    /* The most content of one protected record, padding included: in ours as the peer wants it, in the peer's as we
     * do. 16384 until a lower one is agreed (config.h). */
    uint16_t record_limit_sending;
    uint16_t record_limit_receiving;
    uint32_t handshake_ms; /* from the first byte of output or input to connected */
};

/* After the handshake any thread; before, the owning one. In TLS 1.2 and below a rehandshake changes them: there the
 * thread of the receiving half. The same holds for the other functions of this file that say so. */
KT_API struct kt_facts kt_conn_facts(const struct kt_conn *conn);

/*
 * What a session of this connection would be bound to, for kt_store_is_revoked: lineage, identity, name, generation,
 * the time of the full handshake. `id` is that of the session that was resumed, or empty. Without lineage when no
 * session comes of it. After the handshake, for the thread of the receiving half.
 */
KT_API struct kt_session_facts kt_conn_session_facts(const struct kt_conn *conn);

/*
 * The current epoch of one direction, for the thread of that half. Before the handshake is done all is 0.
 */
KT_API struct kt_epoch_info kt_conn_epoch(const struct kt_conn *conn, enum kt_direction direction);

/*
 * Exported keying material (RFC 9846 section 7.5, RFC 5705): len bytes for label and context. In TLS 1.3 an empty
 * context is the same as none, below it is not: none is a span whose pointer is NULL. At most 255 hash lengths. Faults:
 * USAGE_EXPORT_EARLY, USAGE_ARGUMENT; BINDING_UNBOUND in TLS 1.2 and below without extended main secret.
 * After the handshake any thread.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_conn_export(const struct kt_conn *conn, struct kt_span label,
                                                         struct kt_span context, uint8_t *out, size_t len);

enum kt_binding {
    KT_BINDING_TLS_EXPORTER,     /* RFC 9266: 32 bytes, of this connection alone */
    KT_BINDING_TLS_UNIQUE,       /* RFC 5929 section 3, TLS 1.2 and below: 12 bytes, the first Finished */
    KT_BINDING_SERVER_END_POINT, /* RFC 5929 section 4: the hash of the server's certificate */
};

/*
 * Channel bindings, for authentication above TLS (SCRAM, GSS-API): the same bytes on both sides, *len of them, at most
 * 64. The hash of SERVER_END_POINT is that of the certificate's signature, SHA-256 instead of MD5 and SHA-1, and
 * SHA-256 for Ed25519, too, about which RFC 5929 is silent and implementations differ. On a resumed connection it is
 * the certificate of the full handshake: the session carries its hash. Faults: USAGE_EXPORT_EARLY; USAGE_ARGUMENT when
 * `cap` is too small; BINDING_UNDEFINED when no certificate was shown (an external PSK) or it is signed by other means,
 * and for TLS_UNIQUE in TLS 1.3; BINDING_UNBOUND in TLS 1.2 and below without extended main secret, where TLS_EXPORTER
 * and TLS_UNIQUE may be another connection's, too (RFC 7627 section 1). After the handshake any thread.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_conn_channel_binding(const struct kt_conn *conn, enum kt_binding kind,
                                                                  uint8_t *out, size_t cap, size_t *len);

/* The version of this library as "0.1.0". Static text. */
KT_API const char *kt_library_version(void);

#ifdef __cplusplus
}
#endif

#endif
