/*
 * builder_impl.h - the builder as its two files see it, and what tests need beyond the public API.
 */
#ifndef KT_BUILDER_IMPL_H
#define KT_BUILDER_IMPL_H

#include "seam/config_view.h"

enum {
    KT_ALPN_NAMES_MAX = 16,
    KT_ALPN_BYTES_MAX = KT_ALPN_NAMES_MAX * 256,
    KT_AUTHORITIES_BYTES_MAX = 65535, /* RFC 9846 section 4.3.4 */
    KT_OID_FILTERS_BYTES_MAX = 65535, /* section 4.3.5 */
    KT_RECORD_LIMIT_MIN = 64,         /* RFC 8449 section 4 */
    KT_CHAIN_LIMIT_MIN = 1024,
    KT_CHAIN_LIMIT_MAX = 1 << 20,
};

/*
 * Numbers as given. Those of a policy are a wish: what the crypto provider does not have is left out. Those
 * the caller wrote down are an order: each must be there.
 */
struct kt_wanted {
    uint16_t ids[KT_LIST_MAX];
    size_t count;
    bool ordered;
};

struct kt_builder {
    struct kt_env env;
    const struct kt_crypto *crypto; /* NULL: libcrypto cannot be used */
    struct kt_wanted versions, suites, groups, schemes, cert_schemes;

    uint8_t *authorities; /* as on the wire, without the outer length */
    size_t authorities_len;
    uint8_t *oid_filters; /* likewise */
    size_t oid_filters_len;
    uint8_t alpn[KT_ALPN_BYTES_MAX]; /* likewise */
    size_t alpn_len;

    struct kt_credential *credentials[KT_CREDENTIALS_MAX];
    size_t credential_count;

    struct kt_lifetime lifetime;
    size_t padding;
    size_t chain_limit;
    size_t record_limit;
    size_t max_fragment;
    unsigned min_curve_bits; /* of a user policy; 0: none */
    uint16_t oldest;         /* version that the engine speaks: KT_VERSION_OLDEST, but for tests */
    bool legacy;             /* of the policy: what is legacy may be listed */
    struct kt_rehandshake_policy rehandshake;
    bool ems_required;
    bool unbound_resumption;
    bool no_renegotiation_info;
    unsigned key_shares;
    struct kt_resumption resumption; /* its context is session_context; holds a reference of the ring */
    uint8_t session_context[KT_NAME_MAX];
    bool resumes;
    unsigned asks;
    enum kt_role role;
    enum kt_client_auth client_auth;
    bool strict_names;
    bool grease;
    bool keylog;
    bool cookie;
    bool staple;
    bool post_handshake_auth;
    bool sct;
    bool requests_tickets;
    unsigned tickets_new, tickets_resumed;

    char field[32]; /* what the last fault was about */
};

/* Remembers the field at fault: "suites", or with a position (from 1) "suites 3". */
void kt_builder_blame(struct kt_builder *b, const char *field, size_t position);

/* Uses another provider instead of libcrypto: the toy. */
void kt_builder_crypto(struct kt_builder *b, const struct kt_crypto *crypto);

/* Memory for a configuration with `extra` bytes behind it; one reference. NULL when there is none. */
struct kt_config *kt_config_alloc(const struct kt_env *env, size_t extra, uint8_t **bytes);

#endif
