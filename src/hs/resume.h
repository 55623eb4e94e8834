/*
 * resume.h - sessions in the handshake of TLS 1.3: offering, finding, proving and making them (RFC 9846 sections
 * 4.3.11 and 4.7.1).
 */
#ifndef KT_RESUME_H
#define KT_RESUME_H

#include "hs/hs.h"

/* Client: the hash of the session, if the gate lets it be offered now; else NULL, and it is forgotten. */
KT_MUST_USE const struct kt_fault *kt_resume_offered(struct kt_hs *hs, const struct kt_hash **hash);
/* Client: its age in the ticket's disguise (section 4.3.11.1). */
uint32_t kt_resume_disguised_age(const struct kt_hs *hs);
/* The session is not resumed: nothing is left of it. */
void kt_resume_forget(struct kt_hs *hs);

/* Client: how many tickets it wants (RFC 9149), if the configuration says so. */
void kt_resume_request_tickets(const struct kt_config *config, struct kt_client_hello *hello);

/* Server: whether the hello offers sessions that we may look at. */
bool kt_resume_is_offered(const struct kt_hs *hs);
/* Server: hashes the hello as far as binders cover it; before the transcript takes the hello. */
void kt_resume_hash_hello(struct kt_hs *hs, const struct kt_client_hello *hello, struct kt_span message);
/* Server: the first session offered that opens and passes the gate, proven by its binder, is in work->session; or
 * none. PSK_BINDER_WRONG, MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_resume_find(struct kt_hs *hs);

/* Server whose tickets are handles: asks the owner for the session of the first one offered; false: there is none. What
 * the owner gave is in work->session, to be judged by kt_resume_find. */
bool kt_resume_fetch(struct kt_hs *hs);
/* Likewise: makes the sessions of all tickets to come, and asks the owner to keep them. */
KT_MUST_USE const struct kt_fault *kt_resume_ask_keep(struct kt_hs *hs);

/* Server: asks the owner about the session found; false: there is nobody to ask. */
bool kt_resume_ask(struct kt_hs *hs);
/* The session found, or accepted by the server, is the one of this handshake. */
void kt_resume_begin(struct kt_hs *hs);

/* Whether sessions come of this handshake: not of one with an external key. */
bool kt_resume_makes_sessions(const struct kt_hs *hs);

/* The wall clock of the environment. */
int64_t kt_resume_now(const struct kt_hs *hs);
/*
 * What a session is bound to beside what the gate compares field by field. Computed when it is used, from the
 * configuration of now (field survey, CVE-2025-68121): whom we demand a certificate of, from whom, and the context.
 */
KT_MUST_USE const struct kt_fault *kt_resume_policy(const struct kt_hs *hs, uint8_t out[KT_DIGEST_LEN]);
/* Whether this name is one of ours that may be agreed on. */
bool kt_resume_offers_alpn(const struct kt_config *config, struct kt_span wanted);
/* All of a session to come but its secret and lifetime, on either side. */
KT_MUST_USE const struct kt_fault *kt_resume_describe(const struct kt_hs *hs, struct kt_session_data *out);
/* A full handshake begins a lineage. */
KT_MUST_USE const struct kt_fault *kt_resume_begin_lineage(struct kt_hs *hs);
/* Seconds that a session issued now may live: `wanted`, what the protocol allows, what the lineage has left. */
uint32_t kt_resume_capped_seconds(const struct kt_hs *hs, uint32_t wanted);
/* Tells the observer of a session. */
void kt_resume_tell(const struct kt_hs *hs, enum kt_direction direction, struct kt_session *session);
/* Makes a session of it and tells the observer. */
KT_MUST_USE const struct kt_fault *kt_resume_publish(const struct kt_hs *hs, enum kt_direction direction,
                                                     const struct kt_session_data *data);

/* The PSK of this handshake, of a session or from outside; empty when there is none. */
struct kt_span kt_resume_psk(const struct kt_hs *hs);

/* Who the peer is, from the certificate that hs has proven, for the sessions to come: lineage, birth and end stay, for
 * their keys stem from the same full handshake. */
void kt_resume_identify(const struct kt_hs *hs, struct kt_origin *origin);
/* At the end, both sides: the resumption secret and the origin of the sessions to come. The transcript ends with the
 * client's Finished. */
KT_MUST_USE const struct kt_fault *kt_resume_prepare(struct kt_hs *hs);
/* Server: leaves this many further tickets to the sending half. USAGE_TICKETS, or what kt_resume_send_ticket fails for:
 * then none is left. */
KT_MUST_USE const struct kt_fault *kt_resume_leave_tickets(struct kt_hs *hs, unsigned count);
/* Server: how many seconds a ticket issued now may live; 0: none is worth issuing. */
uint32_t kt_resume_ticket_seconds(const struct kt_hs *hs);
/* Server: how many tickets are to follow this handshake: what the configuration allows, or fewer where the client asked
 * for fewer. */
unsigned kt_resume_ticket_count(const struct kt_hs *hs);

/* Server: answers a wish for tickets, before the handshake is done. */
void kt_resume_answer_request(const struct kt_hs *hs, struct kt_encrypted_extensions *out);

/* Server: writes the next NewSessionTicket. */
KT_MUST_USE const struct kt_fault *kt_resume_send_ticket(struct kt_hs *hs, uint32_t seconds);
/* Client: makes a session of a ticket and tells the observer. */
KT_MUST_USE const struct kt_fault *kt_resume_take_ticket(struct kt_hs *hs, const struct kt_new_session_ticket *ticket);

#endif
