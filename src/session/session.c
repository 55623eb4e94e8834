#include "base/span.h"
#include "session/session_impl.h"

const struct kt_fault *kt_session_new(const struct kt_env *env, const struct kt_session_data *data,
                                      struct kt_session **out)
{
    size_t len = sizeof(struct kt_session) + data->ticket.len;
    struct kt_session *session = env->alloc(env->user, len);

    if (session == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    atomic_init(&session->refs, 1);
    session->env = *env;
    session->len = len;
    session->data = *data;
    kt_copy(session->ticket, data->ticket.p, data->ticket.len);
    session->data.ticket = kt_span_of(session->ticket, data->ticket.len);
    *out = session;
    return NULL;
}

struct kt_session *kt_session_ref(struct kt_session *session)
{
    /* Whoever takes a reference has one already, so nothing has to be ordered. */
    atomic_fetch_add_explicit(&session->refs, 1, memory_order_relaxed);
    return session;
}

void kt_session_unref(struct kt_session *session)
{
    struct kt_env env;
    size_t len;

    /* What other threads did with it happens before it goes away. */
    if (session == NULL || atomic_fetch_sub_explicit(&session->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    env = session->env;
    len = session->len;
    kt_wipe(session, len);
    env.release(env.user, session, len);
}

bool kt_session_name_set(struct kt_session_name *name, struct kt_span from)
{
    if (from.len > KT_NAME_MAX) {
        return false;
    }
    name->len = (uint8_t)from.len;
    kt_copy(name->b, from.p, from.len);
    return true;
}

int64_t kt_session_expiry(const struct kt_session_data *data)
{
    int64_t ticket_end = data->issued + data->lifetime;

    return ticket_end < data->origin.end ? ticket_end : data->origin.end;
}

struct kt_session_facts kt_session_facts(const struct kt_session *session)
{
    const struct kt_session_data *data = &session->data;
    const struct kt_origin *origin = &data->origin;

    return (struct kt_session_facts){
        .role = (enum kt_role)data->role,
        .id = kt_span_of(data->id, sizeof data->id),
        .version = data->version,
        .suite = data->suite,
        .server_name = kt_session_name_span(&data->server_name),
        .alpn = kt_session_name_span(&data->alpn),
        .by_id = data->by_id,
        .peer_authenticated = origin->authenticated,
        .peer_sha256 = kt_span_of(origin->peer, origin->has_peer ? sizeof origin->peer : 0),
        .lineage = kt_span_of(origin->lineage, sizeof origin->lineage),
        .generation = data->generation,
        .full_handshake_at = origin->born,
        .lineage_ends_at = origin->end,
        .issued_at = data->issued,
        .expires_at = kt_session_expiry(data),
    };
}

size_t kt_session_export(const struct kt_session *session, uint8_t *out, size_t cap)
{
    uint8_t fixed[KT_SESSION_FIXED_MAX];
    struct kt_session_data bare = session->data;
    struct kt_writer w = kt_writer_over(fixed, sizeof fixed);
    size_t needed;

    bare.ticket = kt_span_of(NULL, 0);
    kt_session_encode(&w, &bare);
    needed = w.len + session->data.ticket.len;
    kt_wipe(&bare, sizeof bare);
    kt_wipe(fixed, sizeof fixed);
    if (needed <= cap) {
        w = kt_writer_over(out, cap);
        kt_session_encode(&w, &session->data);
    }
    return needed;
}

const struct kt_fault *kt_session_import(const struct kt_env *env, struct kt_span bytes, struct kt_session **out)
{
    struct kt_session_data data;
    const struct kt_fault *fault = kt_session_decode(bytes, &data);

    if (fault == NULL) {
        fault = kt_session_new(env, &data, out);
    }
    kt_wipe(&data, sizeof data);
    return fault;
}

struct kt_resumption kt_resumption_default(void)
{
    return (struct kt_resumption){
        .tickets = 2,
        .ticket_seconds = 7200,
        .lineage_seconds = KT_SESSION_SECONDS_MAX,
    };
}
