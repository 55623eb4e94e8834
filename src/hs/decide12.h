/*
 * decide12.h - what a server of TLS 1.2 and below chooses from a ClientHello; pure, as decide.h.
 */
#ifndef KT_DECIDE12_H
#define KT_DECIDE12_H

#include "hs/decide.h"

/* What every hello of these versions must hold, whatever is resumed or chosen: COMPRESSION_NOT_NULL,
 * POINT_FORMAT_MISSING, EXTENDED_SECRET_MISSING. */
KT_MUST_USE const struct kt_fault *kt_decide_hello12(const struct kt_config *config,
                                                     const struct kt_client_hello *hello);

/*
 * Whether the hello is tied to what was before it (RFC 5746 sections 3.6 and 3.7): the client's Finished of the last
 * handshake, empty for a first one. RENEGOTIATION_INFO_WRONG, RENEGOTIATION_INFO_MISSING.
 */
KT_MUST_USE const struct kt_fault *kt_decide_renegotiation12(const struct kt_client_hello *hello,
                                                             struct kt_span client_finished);

/*
 * The suite, and the group, credential and scheme that go with it, by our order of suites. A credential for the name
 * comes before any suite. `only`: this credential and no other; NULL: one of the configuration's. NAME_NOT_SERVED,
 * SUITE_NONE_IN_COMMON.
 */
KT_MUST_USE const struct kt_fault *kt_decide_suite12(const struct kt_config *config,
                                                     const struct kt_client_hello *hello, uint16_t version,
                                                     struct kt_credential *only, struct kt_choice *choice);

/* Whether the suite may be negotiated in this version. */
bool kt_config_allows_suite(const struct kt_config *config, uint16_t suite, uint16_t version);

/* The group, if the configuration allows it in this version for this way of agreeing on keys; else NULL. */
const struct kt_group *kt_decide_group12(const struct kt_config *config, uint16_t id, enum kt_kx kx, uint16_t version);

/*
 * The first scheme of the credential's that we allow, the peer accepts and `suite` fits, whose certificate it is; a
 * client passes NULL, for its certificate goes with every suite. 0: none. Before TLS 1.2 nobody names schemes:
 * `offered` is not looked at.
 */
uint16_t kt_decide_scheme12(const struct kt_config *config, const struct kt_credential *credential,
                            const struct kt_suite_facts *suite, struct kt_id_list offered, uint16_t version);

/* Whether we allow the peer to sign so. */
bool kt_config_allows_scheme12(const struct kt_config *config, uint16_t scheme, uint16_t version);

#endif
