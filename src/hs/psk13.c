/*
 * What a key is under a hash comes first, then the server.
 */
#include "hs/psk13.h"

#include "hs/decide.h"
#include "keys/psk_import.h"
#include "session/ticket_ring.h"
#include "wire/imported_identity.h"
#include "wire/psk_offers.h"

uint16_t kt_psk13_kdf(const struct kt_hash *hash)
{
    switch (hash->len) {
    case 32:
        return KT_PSK_SHA256;
    case 48:
        return KT_PSK_SHA384;
    default:
        return 0;
    }
}

bool kt_psk13_usable(const struct kt_psk *psk, const struct kt_hash *hash)
{
    uint16_t kdf = kt_psk13_kdf(hash);

    return kdf != 0 && (psk->import || kdf == psk->hash);
}

static struct kt_imported_identity imported(const struct kt_psk *psk, const struct kt_hash *hash)
{
    return (struct kt_imported_identity){psk->identity, psk->context, KT_TLS_1_3, kt_psk13_kdf(hash)};
}

bool kt_psk13_fits(const struct kt_psk *psk, struct kt_span identity, const struct kt_hash *hash)
{
    struct kt_imported_identity parts;

    if (!kt_psk13_usable(psk, hash)) {
        return false;
    }
    if (!psk->import) {
        return kt_span_same(psk->identity, identity);
    }
    return kt_imported_identity_decode(identity, &parts) && kt_span_same(parts.identity, psk->identity) &&
           kt_span_same(parts.context, psk->context) && parts.protocol == KT_TLS_1_3 && parts.kdf == kt_psk13_kdf(hash);
}

size_t kt_psk13_identity_len(const struct kt_psk *psk)
{
    return psk->import ? KT_IMPORTED_IDENTITY_EXTRA + psk->identity.len + psk->context.len : psk->identity.len;
}

void kt_psk13_put_identity(struct kt_writer *w, const struct kt_psk *psk, const struct kt_hash *hash)
{
    struct kt_imported_identity parts = imported(psk, hash);

    if (psk->import) {
        kt_imported_identity_encode(w, &parts);
    } else {
        kt_put_bytes(w, psk->identity);
    }
}

const struct kt_fault *kt_psk13_secret(const struct kt_crypto *crypto, const struct kt_psk *psk,
                                       const struct kt_hash *hash, struct kt_secret *room, struct kt_span *out)
{
    const struct kt_hash *own = crypto->digests[psk->hash == KT_PSK_SHA256 ? KT_DIGEST_SHA256 : KT_DIGEST_SHA384];
    struct kt_imported_identity parts = imported(psk, hash);

    *out = psk->key;
    if (!psk->import) {
        return NULL;
    }
    if (own == NULL) {
        KT_FAIL(CRYPTO_UNAVAILABLE);
    }
    kt_psk_import(own, psk->key, &parts, hash, room);
    *out = kt_secret_span(room);
    return NULL;
}

struct kt_span kt_psk13_binder_label(const struct kt_psk *psk)
{
    return psk->import ? KT_SPAN_TEXT("imp binder") : KT_SPAN_TEXT("ext binder");
}

const struct kt_fault *kt_psk13_begin(struct kt_hs *hs, struct kt_psk *psk)
{
    KT_TRY(kt_psk13_secret(hs->config->crypto, psk, hs->suite->hash, &hs->work->psk_room, &hs->work->psk));
    hs->psk = kt_psk_ref(psk);
    hs->proofs |= KT_PROOF_PSK;
    return NULL;
}

/* server */

bool kt_psk13_is_all(const struct kt_config *config)
{
    return config->credential_count == 0 && !kt_config_asks(config, KT_ASK_CHOOSE_CREDENTIAL);
}

bool kt_psk13_is_offered(const struct kt_config *config, const struct kt_client_hello *hello)
{
    bool has_keys = config->psk_count > 0 || kt_config_asks(config, KT_ASK_FIND_PSK);

    return has_keys && (hello->seen & KT_EXT_BIT(PRE_SHARED_KEY)) != 0 &&
           (kt_psk_mode_listed(hello->psk_modes, KT_PSK_DHE_KE) ||
            (config->psk_ke && kt_psk_mode_listed(hello->psk_modes, KT_PSK_KE)));
}

/* What begins with the name of one of our keys is a ticket: nobody else knows it. */
static bool is_ticket(const struct kt_config *config, struct kt_span identity)
{
    struct kt_ticket_key key;
    bool found = config->resumes && config->resumption.ring != NULL && identity.len > KT_TICKET_NAME_LEN &&
                 kt_ticket_ring_find(config->resumption.ring, identity.p, &key);

    kt_wipe(&key, sizeof key);
    return found;
}

const struct kt_fault *kt_psk13_ask(struct kt_hs *hs, bool *asked)
{
    struct kt_psk_offers offers = kt_psk_offers_of(&hs->work->hello);
    struct kt_ask ask = {.kind = KT_ASK_FIND_PSK};
    struct kt_psk_offered offered;
    struct kt_choice found = {0};
    struct kt_span *identities;

    *asked = false;
    kt_decide_psk(hs->config, &hs->work->hello, NULL, &found);
    if (!kt_config_asks(hs->config, KT_ASK_FIND_PSK) || !kt_psk13_is_offered(hs->config, &hs->work->hello) ||
        found.psk != NULL) {
        return NULL;
    }
    identities = kt_arena_take(&hs->arena, KT_PSK_LOOKS * sizeof *identities);
    if (identities == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    for (size_t i = 0; i < KT_PSK_LOOKS && kt_psk_offers_next(&offers, &offered); i++) {
        if (!is_ticket(hs->config, offered.identity)) {
            identities[ask.u.find_psk.count++] = offered.identity;
        }
    }
    ask.u.find_psk.identities = identities;
    *asked = ask.u.find_psk.count > 0;
    if (*asked) {
        kt_hs_ask(hs, &ask);
    }
    return NULL;
}

static bool offered_at(const struct kt_hs *hs, uint16_t index, struct kt_psk_offered *out)
{
    struct kt_psk_offers offers = kt_psk_offers_of(&hs->work->hello);
    bool there = true;

    for (uint16_t i = 0; there && i <= index; i++) {
        there = kt_psk_offers_next(&offers, out);
    }
    return there;
}

static const struct kt_fault *check_binder(const struct kt_hs *hs, const struct kt_psk *psk, struct kt_span binder)
{
    const struct kt_hash *hash = hs->suite->hash;
    uint8_t right[KT_HASH_MAX];
    struct kt_secret room;
    struct kt_span secret;

    KT_TRY(kt_psk13_secret(hs->config->crypto, psk, hash, &room, &secret));
    kt_psk_binder(hash, secret, kt_psk13_binder_label(psk), kt_span_of(hs->work->binder_hash, hash->len), right);
    kt_secret_wipe(&room);
    if (binder.len != hash->len || !kt_ct_eq(right, binder.p, binder.len)) {
        KT_FAIL(PSK_BINDER_WRONG);
    }
    return NULL;
}

static const struct kt_fault *prove(struct kt_hs *hs)
{
    const struct kt_choice *choice = &hs->work->choice;
    struct kt_psk_offered offered;

    if (!offered_at(hs, choice->psk_index, &offered)) {
        KT_FAIL(PSK_BINDER_WRONG);
    }
    return check_binder(hs, choice->psk, offered.binder);
}

const struct kt_fault *kt_psk13_take(struct kt_hs *hs)
{
    if (hs->work->choice.psk == NULL) {
        return NULL;
    }
    KT_TRY(prove(hs));
    hs->work->psk_index = hs->work->choice.psk_index;
    return kt_psk13_begin(hs, hs->work->choice.psk);
}

const struct kt_fault *kt_psk13_before_retry(struct kt_hs *hs)
{
    if (!kt_psk13_is_all(hs->config)) {
        return NULL;
    }
    return hs->work->choice.psk != NULL ? prove(hs) : kt_psk13_refuse(hs);
}

/*
 * Where nothing but keys is had, an identity that is not known and a binder that is wrong must look the same, also to a
 * watch (RFC 9846 appendix E.6): so the binder is computed, with a key that nobody has agreed on.
 */
const struct kt_fault *kt_psk13_refuse(struct kt_hs *hs)
{
    static const uint8_t nobody[KT_PSK_KEY_MIN];
    const struct kt_fault *wrong;
    struct kt_psk dummy = {.key = kt_span_of(nobody, sizeof nobody), .hash = KT_PSK_SHA256};
    struct kt_imported_identity parts;
    struct kt_psk_offered offered;

    if (!kt_psk13_is_offered(hs->config, &hs->work->hello) || !offered_at(hs, 0, &offered)) {
        KT_FAIL(PSK_MISSING);
    }
    dummy.identity = offered.identity;
    if (kt_imported_identity_decode(offered.identity, &parts)) {
        dummy.import = true;
        dummy.identity = parts.identity;
        dummy.context = parts.context;
    }
    wrong = check_binder(hs, &dummy, offered.binder);
    (void)wrong;
    KT_FAIL(PSK_UNKNOWN);
}
