/*
 * Any bytes as a session: what is accepted has one form, is exported as it was, and keeps its promises. The gate then
 * judges it at several times; one that it lets pass is neither before its beginning nor behind any of its ends.
 */
#include <stdlib.h>
#include <string.h>

#include "fuzz/scene.h"
#include "session/session_impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void judge(const struct kt_session_data *session, int64_t at)
{
    const struct kt_resume_facts facts = {
        .role = (enum kt_role)session->role,
        .version = session->version,
        .suite = session->suite,
        .server_name = kt_session_name_span(&session->server_name),
        .alpn = kt_session_name_span(&session->alpn),
        .policy = session->policy,
        .generation = session->generation,
        .must_be_authenticated = session->origin.authenticated,
        .now = at,
    };

    if (kt_session_gate(session, &facts) == KT_REFUSAL_NONE) {
        FUZZ_ASSERT(at < kt_session_expiry(session));
        FUZZ_ASSERT(at < session->origin.end);
        FUZZ_ASSERT(at - session->issued < (int64_t)session->lifetime);
    }
}

static void judge_at_its_edges(const struct kt_session_data *session)
{
    const int64_t edges[] = {session->issued, session->issued + session->lifetime, session->origin.born,
                             session->origin.end, kt_session_expiry(session)};

    for (size_t i = 0; i < sizeof edges / sizeof edges[0]; i++) {
        for (int64_t d = -2; d <= 2; d++) {
            judge(session, edges[i] + d);
        }
    }
}

static void check_facts(const struct kt_session *session)
{
    struct kt_session_facts facts = kt_session_facts(session);

    FUZZ_ASSERT(facts.role == KT_CLIENT || facts.role == KT_SERVER);
    FUZZ_ASSERT(!facts.peer_authenticated || facts.peer_sha256.len == KT_DIGEST_LEN);
    FUZZ_ASSERT(facts.full_handshake_at <= facts.lineage_ends_at);
    FUZZ_ASSERT(facts.expires_at <= facts.lineage_ends_at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t back[1 << 17];
    struct test_env env;
    struct kt_session *session = NULL;

    test_env_init(&env);
    if (size <= sizeof back && kt_session_import(&env.env, (struct kt_span){data, size}, &session) == NULL) {
        FUZZ_ASSERT(kt_session_export(session, back, sizeof back) == size);
        /* Flags and ranges have one form, the bytes of an identity that is not there may be any. */
        FUZZ_ASSERT(memcmp(back, data, size) == 0);
        check_facts(session);
        judge_at_its_edges(&session->data);
        kt_session_unref(session);
    }
    FUZZ_ASSERT(env.live == 0);
    return 0;
}
