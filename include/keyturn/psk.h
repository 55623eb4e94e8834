/*
 * psk.h - external pre-shared keys: keys that both sides have from elsewhere (RFC 9257), imported as RFC 9258 says or
 * used as they are.
 *
 * Whoever holds the key is authenticated by it, in both directions; no certificate is shown and none is asked for. A
 * fresh key exchange goes with it always (psk_dhe_ke), unless kt_builder_danger_psk_ke says otherwise. Identities pass
 * in the clear: put nothing into one that outsiders may not read.
 *
 * A key shared by more than two, or by two that are client and server in turn, lets an attacker send a client's own
 * messages back to it (the Selfie attack, RFC 9257 section 4.1). Import it, and name who is client and who is server in
 * `context`, each side in the same words.
 */
#ifndef KEYTURN_PSK_H
#define KEYTURN_PSK_H

#include <keyturn/env.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The hash that a key is for; the numbers are those of IANA's TLS KDF identifiers. */
enum kt_psk_hash {
    KT_PSK_SHA256 = 1,
    KT_PSK_SHA384 = 2,
};

enum {
    KT_PSK_KEY_MIN = 16, /* RFC 9257 section 6 */
    KT_PSK_KEY_MAX = 256,
};

struct kt_psk;

struct kt_psk_parts {
    struct kt_span identity; /* any bytes, zeros too: at least one, and with all around it at most 65535 on the wire */
    struct kt_span key;      /* 16 to 256 random bytes; a password is none, for it can be guessed off line */
    enum kt_psk_hash hash;   /* as agreed with the key; SHA-256 where nothing was */
    /* RFC 9258: keys for each hash of TLS are derived from this one, bound to `context`. Both sides must do it. A key
     * that is not imported fits only suites of its own hash. */
    bool import;
    struct kt_span context; /* only with import; may be empty */
};

/*
 * Copies all. The key is wiped with the last reference. Faults: USAGE_ARGUMENT, MEMORY_SPENT. `env` is copied; its
 * `user` must outlive the key. The reference count is atomic; any thread; NULL is accepted by kt_psk_unref.
 */
KT_API KT_MUST_USE const struct kt_fault *kt_psk_new(const struct kt_env *env, const struct kt_psk_parts *parts,
                                                     struct kt_psk **out);
KT_API struct kt_psk *kt_psk_ref(struct kt_psk *psk);
KT_API void kt_psk_unref(struct kt_psk *psk);

/* As given; valid as long as the key. */
KT_API struct kt_span kt_psk_identity(const struct kt_psk *psk);

/* An identity on the wire taken apart (ImportedIdentity, RFC 9258 section 5.1). */
struct kt_imported_identity {
    struct kt_span identity;
    struct kt_span context;
    uint16_t protocol; /* the version it is for */
    uint16_t kdf;      /* enum kt_psk_hash, or another */
};

/* For answers to KT_ASK_FIND_PSK. False: `wire` has not that form, so the key is not an imported one. Any identity
 * might have it by chance. */
KT_API bool kt_psk_imported(struct kt_span wire, struct kt_imported_identity *out);

#ifdef __cplusplus
}
#endif

#endif
