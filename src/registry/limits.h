/*
 * limits.h - every fixed size and budget, with where it comes from.
 */
#ifndef KT_LIMITS_H
#define KT_LIMITS_H

enum {
    KT_RECORD_HEADER = 5,
    KT_PLAINTEXT_MAX = 16384,                      /* RFC 9846 section 5.1 */
    KT_CIPHERTEXT_MAX = KT_PLAINTEXT_MAX + 256,    /* section 5.2 */
    KT_CIPHERTEXT12_MAX = KT_PLAINTEXT_MAX + 2048, /* RFC 5246 section 6.2.3; none of ours comes near: protect.h */
    KT_RECORD_MAX = KT_RECORD_HEADER + KT_CIPHERTEXT_MAX,
    KT_TAG_LEN = 16,
    KT_NONCE_LEN = 12,
    KT_CBC_BLOCK = 16,
    KT_MAC_HEAD = 8 + 1 + 2,  /* before the length in what a MAC covers, RFC 5246 section 6.2.3.1 */
    KT_MAC_MAX = 48,          /* HMAC-SHA384 */
    KT_CBC_PADDING_MAX = 256, /* its length included */
    KT_PREMASTER_LEN = 48,    /* of static RSA, RFC 5246 section 7.4.7.1 */
    KT_HASH_MAX = 64,
    KT_MESSAGE_HEADER = 4,

    /* The oldest version that the tables of hs/ speak: what is below it is left out of every configuration. */
    KT_VERSION_OLDEST = 0x0301,

    KT_NAME_MAX = 255,           /* host name, DNS */
    KT_LIST_MAX = 64,            /* entries of a configured list */
    KT_REHANDSHAKES_MAX = 65535, /* of a peer's wishes in one connection */
    KT_CREDENTIALS_MAX = 32,     /* of a configuration */
    KT_KEY_SHARES_MAX = 4,       /* shares a client sends */
    KT_SHARE_MAX = 1568,         /* longest key share: ML-KEM-1024, RFC 10024 */
    KT_CHAIN_MAX = 16,           /* certificates of a chain */
    KT_RSA_BITS_MIN = 2048,      /* of own keys, and of those of peers unless a policy asks for more */
    KT_RSA_BITS_MAX = 8192,      /* KT_SIGNATURE_MAX; and more costs an attacker less than us */
    KT_CURVE_BITS_MIN = 256,     /* likewise */
    KT_CURVE_BITS_MAX = 521,     /* P-521 */
    KT_SIGNATURE_MAX = 1024,     /* RSA-8192 */
    KT_VERSIONS_MAX = 4,         /* TLS 1.0 to 1.3 */
    KT_COOKIE_LEN = 32,          /* ours */
    KT_EXPORT_HASHES_MAX = 255,  /* RFC 5869 */

    KT_SESSION_SECONDS_MAX = 604800,         /* 7 days: RFC 9846 section 4.7.1, tickets and lineages alike */
    KT_TICKETS_MAX = 8,                      /* tickets after one handshake */
    KT_TICKET_OFFERED_MAX = 16384,           /* bytes of one that a client offers: a hello has 65535 for all */
    KT_POST_AUTH_MAX = 4,                    /* requests after the handshake that are not answered yet */
    KT_PSK_TRIES = 4,                        /* identities of a ClientHello that are opened as tickets */
    KT_PSKS_MAX = 16,                        /* external keys of a configuration */
    KT_PSK_OFFERS_MAX = 1 + 2 * KT_PSKS_MAX, /* a session, and each key for two hashes */
    KT_PSK_LOOKS = KT_PSK_OFFERS_MAX,        /* identities of a ClientHello that are compared with keys */
    KT_PSK_OFFER_BYTES = 32768,              /* of all identities of a client's keys: a hello has 65535 */

    KT_RX_BUFFER = 17408, /* one record of the longest kind, and room for short ones behind it */
    KT_TX_BUFFER = 33792, /* two full records */

    KT_HS_ARENA_CHUNK = 4096,
    KT_HS_ARENA_CAP = 1 << 20, /* a handshake never takes more, whatever the peer sends */

    KT_BUDGET_NO_PROGRESS = 32,        /* empty records and warnings in a row */
    KT_BUDGET_CCS = 2,                 /* change_cipher_spec records in one handshake, RFC 9846 appendix D.4 */
    KT_BUDGET_SKIPPED_EARLY = 1 << 16, /* bytes of early data refused and skipped */

    KT_FRAGMENT_CODE_MAX = 4, /* of max_fragment_length, RFC 6066 section 4 */
};

/* The bytes that a code of max_fragment_length, 1 to 4, stands for. */
static inline unsigned kt_fragment_length(unsigned code)
{
    return 256u << code;
}

#endif
