/*
 * session_gate.c - whether a session may stand for a full handshake now.
 */
#include "session/session_impl.h"

enum {
    CLOCK_SKEW_SECONDS = 60, /* between the hosts of a fleet */
    AGE_SLACK_MS = 10000,    /* a ticket's way to the client and the hello's way back */
};

static enum kt_refusal judge_time(const struct kt_session_data *session, const struct kt_resume_facts *facts)
{
    if (facts->now < session->issued - CLOCK_SKEW_SECONDS) {
        return KT_REFUSAL_FUTURE;
    }
    if (facts->now >= session->origin.end) {
        return KT_REFUSAL_LINEAGE_ENDED;
    }
    if (facts->now >= kt_session_expiry(session)) {
        return KT_REFUSAL_EXPIRED;
    }
    /* The client knows it to be older than it may be (RFC 9846 section 4.3.11.1). */
    if (facts->claimed_age_ms > (uint64_t)session->lifetime * 1000 + AGE_SLACK_MS) {
        return KT_REFUSAL_AGE;
    }
    return KT_REFUSAL_NONE;
}

/* What was negotiated must be what is negotiated now (field survey, CVE-2010-4180, CVE-2026-11703). */
static enum kt_refusal judge_names(const struct kt_session_data *session, const struct kt_resume_facts *facts)
{
    if (session->role != facts->role) {
        return KT_REFUSAL_ROLE;
    }
    if (session->version != facts->version) {
        return KT_REFUSAL_VERSION;
    }
    if (session->suite != facts->suite) {
        return KT_REFUSAL_SUITE;
    }
    if (!kt_span_same(kt_session_name_span(&session->server_name), facts->server_name)) {
        return KT_REFUSAL_SERVER_NAME;
    }
    if (!kt_span_same(kt_session_name_span(&session->alpn), facts->alpn)) {
        return KT_REFUSAL_ALPN;
    }
    return KT_REFUSAL_NONE;
}

/* CVE-2025-23419, CVE-2025-23048, CVE-2025-68121. */
static enum kt_refusal judge_policy(const struct kt_session_data *session, const struct kt_resume_facts *facts)
{
    if (session->generation != facts->generation) {
        return KT_REFUSAL_GENERATION;
    }
    if (!kt_same_public(session->policy, facts->policy, sizeof session->policy)) {
        return KT_REFUSAL_POLICY;
    }
    if (facts->must_be_authenticated && !session->origin.authenticated) {
        return KT_REFUSAL_NOT_AUTHENTICATED;
    }
    return KT_REFUSAL_NONE;
}

/* Without it the secret may be another connection's, too: the triple handshake (RFC 7627 section 5.3). */
static enum kt_refusal judge_secret(const struct kt_session_data *session, const struct kt_resume_facts *facts)
{
    bool bound = session->version >= KT_TLS_1_3 || session->extended_secret;

    return bound || facts->unbound ? KT_REFUSAL_NONE : KT_REFUSAL_UNBOUND;
}

enum kt_refusal kt_session_gate(const struct kt_session_data *session, const struct kt_resume_facts *facts)
{
    enum kt_refusal refusal = judge_names(session, facts);

    if (refusal == KT_REFUSAL_NONE) {
        refusal = judge_time(session, facts);
    }
    if (refusal == KT_REFUSAL_NONE) {
        refusal = judge_policy(session, facts);
    }
    return refusal == KT_REFUSAL_NONE ? judge_secret(session, facts) : refusal;
}
