/*
 * shim_ask.c - the answers, scripted as the runner wants them: who is to be trusted is never looked at.
 */
#include <stdlib.h>
#include <string.h>

#include "shim.h"

static const struct kt_fault wrong_expectation = {
    .reason = KT_REASON_ASK_REFUSED,
    .alert = KT_ALERT_INTERNAL_ERROR,
    .kind = KT_KIND_POLICY,
    .file = "shim_ask.c",
};
static const struct kt_fault refused_chain = {
    .reason = KT_REASON_CERTIFICATE_REFUSED,
    .alert = KT_ALERT_HANDSHAKE_FAILURE,
    .kind = KT_KIND_POLICY,
    .file = "shim_ask.c",
};
static const struct kt_fault refused_chain_custom = {
    .reason = KT_REASON_CERTIFICATE_REFUSED,
    .alert = KT_ALERT_CERTIFICATE_UNKNOWN,
    .kind = KT_KIND_POLICY,
    .file = "shim_ask.c",
};

static const struct kt_fault refused_status = {
    .reason = KT_REASON_CERTIFICATE_STATUS_UNKNOWN,
    .alert = KT_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE,
    .kind = KT_KIND_POLICY,
    .file = "shim_ask.c",
};

static const struct kt_fault *refuse(struct shim *shim, const struct kt_fault *fault)
{
    return kt_answer_refuse(shim->conn, fault);
}

static const struct kt_fault *choose_config(struct shim *shim, const struct kt_ask *ask)
{
    const struct shim_flags *flags = shim->flags;

    shim->hello_seen = true;
    if (!shim_check_hello(shim, ask)) {
        return refuse(shim, &wrong_expectation);
    }
    if (flags->fail_early_callback) {
        return refuse(shim, NULL);
    }
    if (flags->fail_ddos_callback) {
        return refuse(shim, &wrong_expectation);
    }
    return kt_answer_config(shim->conn, flags->early_callback ? shim->config : NULL);
}

static const struct kt_fault *choose_credential(struct shim *shim, const struct kt_ask *ask)
{
    struct kt_credential *chosen;

    if (!shim_check_request(shim, ask) || shim->flags->fail_cert_callback ||
        (shim->flags->server && shim->flags->fail_ocsp)) {
        return refuse(shim, &wrong_expectation);
    }
    chosen = shim_choose(shim, ask);
    if (chosen == NULL && shim->flags->server) {
        return refuse(shim, NULL);
    }
    return kt_answer_credential(shim->conn, chosen);
}

/* The key of what is shown lies with its owner. Remembers which one was used. */
static const struct kt_credential *use_key(struct shim *shim, const struct kt_credential *shown)
{
    for (size_t i = 0; i < SHIM_CREDENTIALS_MAX; i++) {
        if (shim->shown[i] != NULL && shim->shown[i] == shown) {
            shim->selected = (int64_t)i - 1;
            return shim->owner[i];
        }
    }
    shim_broken("a key of nobody is asked for");
}

static const struct kt_fault *sign(struct shim *shim, const struct kt_ask *ask)
{
    struct kt_ask to_owner = *ask;
    uint8_t signature[1024];
    size_t len;
    const struct kt_fault *fault;

    to_owner.u.sign.credential = use_key(shim, ask->u.sign.credential);
    fault = kt_pki_sign(&to_owner, signature, sizeof signature, &len);
    return fault != NULL ? refuse(shim, fault) : kt_answer_signature(shim->conn, signature, len);
}

static const struct kt_fault *verify(struct shim *shim, const struct kt_ask *ask)
{
    const struct shim_flags *flags = shim->flags;

    for (size_t i = 0; i < ask->u.verify.chain_len && i < SHIM_CHAIN_MAX; i++) {
        uint8_t *copy = malloc(ask->u.verify.chain[i].len);
        if (copy == NULL) {
            shim_broken("out of memory");
        }
        memcpy(copy, ask->u.verify.chain[i].p, ask->u.verify.chain[i].len);
        shim->chain[i] = (struct kt_span){copy, ask->u.verify.chain[i].len};
        shim->chain_len = i + 1;
    }
    if (!shim_check_chain(shim, ask)) {
        return refuse(shim, &wrong_expectation);
    }
    if (!flags->server && flags->ocsp_callback && flags->fail_ocsp) {
        return refuse(shim, &refused_status);
    }
    /* A client that was not told to check the peer only takes note of the result. */
    if (flags->verify_fail && (flags->verify_peer || flags->require_certificate || flags->custom_verify)) {
        return refuse(shim, flags->custom_verify ? &refused_chain_custom : &refused_chain);
    }
    return kt_answer_verified(shim->conn);
}

static const struct kt_fault *decrypt(struct shim *shim, const struct kt_ask *ask)
{
    struct kt_ask to_owner = *ask;
    uint8_t premaster[48];
    const struct kt_fault *fault;

    to_owner.u.decrypt.credential = use_key(shim, ask->u.decrypt.credential);
    fault = kt_pki_decrypt(&to_owner, premaster);
    return fault != NULL ? refuse(shim, fault) : kt_answer_decrypted(shim->conn, premaster, sizeof premaster);
}

static const struct kt_fault *resume(struct shim *shim, const struct kt_ask *ask)
{
    struct kt_session_facts facts = kt_session_facts(ask->u.resume.session);

    if (shim->flags->expect_peer_sha256 && facts.peer_sha256.len != 32) {
        return refuse(shim, &wrong_expectation);
    }
    return kt_answer_resume(shim->conn, true);
}

/* While a question is open nothing moves, and only its own answer is taken. */
static void check_waiting(struct shim *shim, const struct kt_ask *ask)
{
    size_t len;

    if (kt_conn_in(shim->conn, &len) != NULL || kt_conn_is_connected(shim->conn)) {
        shim_broken("moves while a question is open");
    }
    if (ask->kind != KT_ASK_VERIFY && kt_answer_verified(shim->conn) == NULL) {
        shim_broken("takes an answer to another question");
    }
    if (ask->kind != KT_ASK_RESUME && kt_answer_resume(shim->conn, true) == NULL) {
        shim_broken("takes an answer to another question");
    }
    if (ask->kind != KT_ASK_SIGN && kt_answer_signature(shim->conn, (const uint8_t *)"x", 1) == NULL) {
        shim_broken("takes an answer to another question");
    }
    if (kt_conn_ask(shim->conn) != ask) {
        shim_broken("the question went away");
    }
}

const struct kt_fault *shim_answer(struct shim *shim)
{
    const struct kt_ask *ask = kt_conn_ask(shim->conn);

    if (ask == NULL) {
        return NULL;
    }
    if (shim->flags->async && shim->seen == NULL) {
        shim->seen = ask;
        check_waiting(shim, ask);
        return NULL;
    }
    shim->seen = NULL;
    switch (ask->kind) {
    case KT_ASK_CHOOSE_CONFIG:
        return choose_config(shim, ask);
    case KT_ASK_CHOOSE_CREDENTIAL:
        return choose_credential(shim, ask);
    case KT_ASK_SIGN:
        return sign(shim, ask);
    case KT_ASK_DECRYPT:
        return decrypt(shim, ask);
    case KT_ASK_VERIFY:
        return verify(shim, ask);
    case KT_ASK_RESUME:
        return resume(shim, ask);
    case KT_ASK_FETCH_SESSION:
        return kt_store_answer(shim->store, shim->conn);
    case KT_ASK_FIND_PSK: /* not switched on, as the next one */
    case KT_ASK_KEEP_SESSIONS:
    case KT_ASK_NONE:
        break;
    }
    shim_broken("a question of no kind");
}
