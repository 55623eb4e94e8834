/*
 * config_view.h - the frozen configuration. Only config/ writes it; everybody else sees it const.
 */
#ifndef KT_CONFIG_VIEW_H
#define KT_CONFIG_VIEW_H

#include <stdatomic.h>

#include <keyturn/config.h>

#include "seam/crypto.h"

struct kt_credential {
    atomic_uint refs;
    const struct kt_env *env; /* a copy of the maker's, in the block */
    struct kt_span *chain;
    size_t chain_len;
    uint16_t *schemes;
    size_t scheme_count;
    struct kt_span *names; /* lower case */
    size_t name_count;
    struct kt_span ocsp_response;
    struct kt_span sct_list;
    void *key;
    void (*release_key)(void *key);
};

struct kt_config {
    atomic_uint refs;
    struct kt_env env;
    enum kt_role role;
    const struct kt_crypto *crypto;

    uint16_t versions[KT_VERSIONS_MAX]; /* highest first, without gaps */
    size_t version_count;

    /* One list for all versions, in order of preference: kt_suite_is_for, kt_group_is_for and kt_scheme_is_for say
     * which are for one. Whatever is here can be used in some version of the list together with some of the others. */
    const struct kt_suite *suites[KT_LIST_MAX];
    size_t suite_count;
    const struct kt_group *groups[KT_LIST_MAX];
    size_t group_count;
    uint16_t schemes[KT_LIST_MAX]; /* those that may sign a handshake */
    size_t scheme_count;
    uint16_t cert_schemes[KT_LIST_MAX];
    size_t cert_scheme_count;
    uint8_t cert_schemes_bytes[2 * KT_LIST_MAX];
    struct kt_id_list cert_schemes_wire;                    /* the same list as it is sent, in cert_schemes_bytes */
    const struct kt_group *share_groups[KT_KEY_SHARES_MAX]; /* client: what shares of TLS 1.3 are sent for */
    unsigned key_shares;

    struct kt_span alpn;        /* ProtocolNameList without its outer length, in order; empty: no ALPN */
    struct kt_span authorities; /* DistinguishedName list without its outer length; empty: none */
    struct kt_span oid_filters; /* likewise */

    struct kt_credential *credentials[KT_CREDENTIALS_MAX];
    size_t credential_count;

    struct kt_lifetime lifetime;
    size_t padding;
    size_t chain_limit;
    size_t record_limit;   /* content of a record, without its type */
    uint8_t fragment_code; /* client: of max_fragment_length; 0: not asked */
    enum kt_client_auth client_auth;
    struct kt_rehandshake_policy rehandshake;
    bool ems_required;               /* else a handshake without extended main secret goes on */
    bool unbound_resumption;         /* sessions without it may be resumed */
    bool no_renegotiation_info;      /* client: servers that do not know RFC 5746 are spoken to */
    unsigned asks;                   /* 1u << enum kt_ask_kind */
    struct kt_resumption resumption; /* its context lies behind the configuration; holds a reference of the ring */
    bool resumes;
    bool strict_names;
    bool grease;
    bool keylog;
    bool cookie;
    bool staple;
    bool post_handshake_auth;
    bool sct;
    bool requests_tickets;
    uint8_t tickets_new, tickets_resumed; /* wanted after a full handshake, and after a resumed one */
};

/* Whether the version may be negotiated. */
static inline bool kt_config_speaks(const struct kt_config *config, uint16_t version)
{
    return version <= config->versions[0] && version >= config->versions[config->version_count - 1];
}

static inline bool kt_config_asks(const struct kt_config *config, enum kt_ask_kind kind)
{
    return (config->asks >> kind & 1u) != 0;
}

#endif
