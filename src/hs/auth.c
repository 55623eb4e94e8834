#include "hs/auth.h"

#include "crypto/cert_digest.h"

enum kt_role kt_auth_peer(const struct kt_hs *hs)
{
    return hs->config->role == KT_CLIENT ? KT_SERVER : KT_CLIENT;
}

/* A rehandshake may ask for more than the first handshake did. */
enum kt_client_auth kt_auth_client(const struct kt_hs *hs)
{
    enum kt_client_auth usual = hs->config->client_auth;
    enum kt_client_auth now = hs->config->rehandshake.client_auth;

    return kt_hs_is_again(hs) && now > usual ? now : usual;
}

size_t kt_auth_chain_bytes(const struct kt_credential *credential)
{
    size_t bytes = credential->ocsp_response.len + credential->sct_list.len;

    for (size_t i = 0; i < credential->chain_len; i++) {
        bytes += credential->chain[i].len + 16;
    }
    return bytes;
}

/* RFC 5929 section 4: kept as a hash, for the certificate does not outlive the handshake. */
void kt_auth_keep_end_point(struct kt_hs *hs, struct kt_span certificate)
{
    const struct kt_hash *hash = hs->config->crypto->digests[kt_cert_digest(certificate)];
    struct kt_hash_state state;

    if (hash != NULL) {
        hash->init(&state);
        hash->update(&state, certificate.p, certificate.len);
        hash->final(&state, hs->end_point);
        hs->end_point_len = hash->len;
    }
}

void kt_auth_ask_verify(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_VERIFY};

    ask.u.verify.peer = kt_auth_peer(hs);
    ask.u.verify.chain = hs->work->peer.chain;
    ask.u.verify.chain_len = hs->work->peer.chain_len;
    if (hs->config->role == KT_CLIENT) {
        ask.u.verify.server_name = kt_name_span(&hs->server_name);
    }
    ask.u.verify.ocsp_response = hs->work->peer.ocsp_response;
    ask.u.verify.sct_list = hs->work->peer.sct_list;
    ask.u.verify.cert_schemes = hs->config->cert_schemes_wire;
    kt_hs_ask(hs, &ask);
}

void kt_auth_accept_chain(struct kt_hs *hs)
{
    hs->proofs |= KT_PROOF_CHAIN;
    if (hs->config->role == KT_CLIENT) {
        kt_auth_keep_end_point(hs, hs->work->peer.chain[0]);
    }
}

/* Connected needs every proof of the server (R2): of a session, of an external key, or of certificates; and always
 * Finished. */
static bool server_is_proven(const struct kt_hs *hs)
{
    const unsigned certificate = KT_PROOF_SIGNATURE | KT_PROOF_CHAIN;
    const unsigned who = hs->resumed ? KT_PROOF_RESUMED : hs->psk != NULL ? KT_PROOF_PSK : certificate;
    const unsigned needed = KT_PROOF_FINISHED | who;

    return (hs->proofs & needed) == needed;
}

/* A client is proven by Finished, and by its certificate where it showed one or had to, now or when the session began
 * (R2). */
static bool client_is_proven(const struct kt_hs *hs)
{
    const unsigned certificate = KT_PROOF_SIGNATURE | KT_PROOF_CHAIN;
    bool must = kt_auth_client(hs) == KT_CLIENT_AUTH_REQUIRE || hs->work->peer.chain_len > 0;

    if ((hs->proofs & KT_PROOF_FINISHED) == 0) {
        return false;
    }
    if (hs->resumed) {
        return (hs->proofs & KT_PROOF_RESUMED) != 0 && (!must || hs->origin.authenticated);
    }
    if (hs->psk != NULL) {
        return (hs->proofs & KT_PROOF_PSK) != 0 && !must;
    }
    return !must || (hs->proofs & certificate) == certificate;
}

bool kt_auth_is_proven(const struct kt_hs *hs)
{
    return hs->config->role == KT_CLIENT ? server_is_proven(hs) : client_is_proven(hs);
}
