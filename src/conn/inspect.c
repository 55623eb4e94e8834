#include "conn/conn_impl.h"
#include "keys/schedule12.h"

#include "hs/resume.h"

struct kt_facts kt_conn_facts(const struct kt_conn *conn)
{
    const unsigned certificate = KT_PROOF_SIGNATURE | KT_PROOF_CHAIN;
    const struct kt_hs *hs = &conn->hs;
    const unsigned proofs = hs->proofs;

    return (struct kt_facts){
        .role = hs->config->role,
        .version = hs->version,
        .suite = hs->suite != NULL ? hs->suite->id : 0,
        .group = hs->group != NULL ? hs->group->id : 0,
        .own_scheme = hs->own_scheme,
        .peer_scheme = hs->peer_scheme,
        .hello_retried = hs->retried,
        .resumed = hs->resumed,
        .extended_main_secret = hs->kept12.extended_secret,
        .secure_renegotiation = hs->kept12.secure,
        .peer_authenticated = (proofs & certificate) == certificate || (proofs & (KT_PROOF_ORIGIN | KT_PROOF_PSK)) != 0,
        .psk_identity = hs->psk != NULL ? hs->psk->identity : kt_span_of(NULL, 0),
        .post_handshake_auth = hs->post_auth_offered,
        .server_name = kt_name_span(&hs->server_name),
        .alpn = kt_name_span(&hs->alpn),
        .peer_stapled = hs->peer_stapled,
        .peer_scts = hs->peer_scts,
        .tickets_told = hs->tickets_told,
        .tickets_expected = hs->tickets_expected,
        .record_limit_sending = (uint16_t)conn->tx.content_max,
        .record_limit_receiving = (uint16_t)conn->rx.content_max,
        .handshake_ms = conn->handshake_ms,
    };
}

struct kt_session_facts kt_conn_session_facts(const struct kt_conn *conn)
{
    const struct kt_hs *hs = &conn->hs;
    const struct kt_origin *origin = &hs->origin;
    struct kt_session_facts facts = {.role = hs->config->role};

    if (!kt_conn_is_connected(conn) || !kt_resume_makes_sessions(hs)) {
        return facts;
    }
    facts.id = kt_span_of(hs->resumed_id, hs->resumed ? sizeof hs->resumed_id : 0);
    facts.version = hs->version;
    facts.suite = hs->suite->id;
    facts.server_name = kt_name_span(&hs->server_name);
    facts.alpn = kt_name_span(&hs->alpn);
    facts.peer_authenticated = origin->authenticated;
    facts.peer_sha256 = kt_span_of(origin->peer, origin->has_peer ? sizeof origin->peer : 0);
    facts.lineage = kt_span_of(origin->lineage, sizeof origin->lineage);
    facts.generation = hs->config->resumption.generation;
    facts.full_handshake_at = facts.issued_at = origin->born;
    facts.lineage_ends_at = facts.expires_at = origin->end;
    return facts;
}

struct kt_epoch_info kt_conn_epoch(const struct kt_conn *conn, enum kt_direction direction)
{
    if (!kt_conn_is_connected(conn)) {
        return (struct kt_epoch_info){0};
    }
    return kt_epoch_info(direction == KT_SENDING ? &conn->tx.epoch : &conn->rx.epoch);
}

/*
 * RFC 5705. Without the extended main secret another connection may have the same one, and what is exported would say
 * nothing about this one (RFC 7627 section 7).
 */
static const struct kt_fault *export12(const struct kt_hs *hs, struct kt_span label, struct kt_span context,
                                       uint8_t *out, size_t len)
{
    const struct kt_hash *transcript;
    struct kt_prf prf;

    if (context.len > UINT16_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (!hs->kept12.extended_secret) {
        KT_FAIL(BINDING_UNBOUND);
    }
    if (!kt_prf12_of(hs->config->crypto, hs->suite, hs->version, &prf, &transcript)) {
        KT_FAIL(CRYPTO_UNAVAILABLE);
    }
    kt_exporter12(&prf, &hs->exporter_secret, hs->kept12.client_random, hs->kept12.server_random, label,
                  context.p != NULL ? &context : NULL, out, len);
    return NULL;
}

const struct kt_fault *kt_conn_export(const struct kt_conn *conn, struct kt_span label, struct kt_span context,
                                      uint8_t *out, size_t len)
{
    const struct kt_hs *hs = &conn->hs;

    if (!kt_conn_is_connected(conn)) {
        KT_FAIL(USAGE_EXPORT_EARLY);
    }
    if (label.len > 249 || len > (size_t)KT_EXPORT_HASHES_MAX * hs->suite->hash->len) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (hs->version < KT_TLS_1_3) {
        return export12(hs, label, context, out, len);
    }
    kt_exporter13(hs->suite->hash, &hs->exporter_secret, label, context, out, len);
    return NULL;
}

/* The first Finished of the handshake: a resumed one begins with the server's (RFC 5929 section 3). */
static const struct kt_fault *unique_binding(const struct kt_hs *hs, uint8_t *out, size_t cap, size_t *len)
{
    const uint8_t *first = hs->resumed ? hs->kept12.server_finished : hs->kept12.client_finished;

    if (cap < KT_FINISHED12_LEN) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (hs->version >= KT_TLS_1_3) {
        KT_FAIL(BINDING_UNDEFINED);
    }
    if (!hs->kept12.extended_secret) {
        KT_FAIL(BINDING_UNBOUND);
    }
    kt_copy(out, first, KT_FINISHED12_LEN);
    *len = KT_FINISHED12_LEN;
    return NULL;
}

const struct kt_fault *kt_conn_channel_binding(const struct kt_conn *conn, enum kt_binding kind, uint8_t *out,
                                               size_t cap, size_t *len)
{
    /* RFC 9266 section 2: a context of length zero, which below TLS 1.3 is not the same as none. */
    const struct kt_span label = KT_SPAN_TEXT("EXPORTER-Channel-Binding"), context = KT_SPAN_TEXT("");
    const struct kt_hs *hs = &conn->hs;
    bool exports = kind == KT_BINDING_TLS_EXPORTER;
    size_t need = exports ? 32 : hs->end_point_len;

    if (!kt_conn_is_connected(conn)) {
        KT_FAIL(USAGE_EXPORT_EARLY);
    }
    if (kind == KT_BINDING_TLS_UNIQUE) {
        return unique_binding(hs, out, cap, len);
    }
    if ((!exports && kind != KT_BINDING_SERVER_END_POINT) || cap < need) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (need == 0) {
        KT_FAIL(BINDING_UNDEFINED);
    }
    *len = need;
    if (exports) {
        return kt_conn_export(conn, label, context, out, need);
    }
    kt_copy(out, hs->end_point, need);
    return NULL;
}

const char *kt_library_version(void)
{
    return KT_VERSION;
}
