/*
 * resume12.h - sessions in TLS 1.2 and below: by ticket (RFC 5077) and by session id (RFC 5246 appendix F.1.4). The
 * session, the gate and the ring are those of TLS 1.3.
 */
#ifndef KT_RESUME12_H
#define KT_RESUME12_H

#include "hs/work12.h"

/* Client: puts the session into the hello, if it is one of these versions and the gate allows it now; or says that
 * tickets are welcome. */
KT_MUST_USE const struct kt_fault *kt_resume12_offer(struct kt_hs *hs);
/* Client: whether ServerHello resumes the session: SESSION_NOT_OFFERED, SESSION_CHANGED, EXTENDED_SECRET_MISSING. */
KT_MUST_USE const struct kt_fault *kt_resume12_judge(struct kt_hs *hs);
/* Client: keeps a ticket until the handshake is proven. */
KT_MUST_USE const struct kt_fault *kt_resume12_take_ticket(struct kt_hs *hs, struct kt_span body);

/* Server: the session of the ticket offered, if it opens, is in work->session. MEMORY_SPENT. */
KT_MUST_USE const struct kt_fault *kt_resume12_open_ticket(struct kt_hs *hs);
/* Server: asks the owner for the session of the id offered, which the answer puts into work->session; false: there is
 * none, or nobody keeps any. */
bool kt_resume12_ask_session(struct kt_hs *hs);
/* Server: forgets the session if it does not pass the gate. EXTENDED_SECRET_MISSING. */
KT_MUST_USE const struct kt_fault *kt_resume12_gate(struct kt_hs *hs);

/* Server: what ServerHello says of the session to come: a ticket, an id, neither. */
KT_MUST_USE const struct kt_fault *kt_resume12_promise(struct kt_hs *hs, struct kt_server_hello *hello);
/* Server: writes NewSessionTicket. */
KT_MUST_USE const struct kt_fault *kt_resume12_send_ticket(struct kt_hs *hs);

/* Both, at the end: the session of this handshake is told. */
KT_MUST_USE const struct kt_fault *kt_resume12_end(struct kt_hs *hs);

#endif
