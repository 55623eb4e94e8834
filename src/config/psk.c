#include <keyturn/psk.h>

#include "base/ct.h"
#include "base/fail.h"
#include "base/span.h"
#include "seam/config_view.h"
#include "wire/imported_identity.h"

enum { IDENTITY_MAX = 65535 /* on the wire: RFC 9846 section 4.3.11 */ };

/* The whole block: the key, the maker's environment, then the bytes. */
struct psk_block {
    struct kt_psk psk; /* first: the one is found from the other by a cast */
    struct kt_env env;
    size_t len;
    uint8_t bytes[];
};

static bool is_there(struct kt_span bytes)
{
    return bytes.p != NULL && bytes.len > 0;
}

static bool parts_are_sane(const struct kt_psk_parts *parts)
{
    size_t extra = parts->import ? KT_IMPORTED_IDENTITY_EXTRA : 0;

    return is_there(parts->identity) && parts->identity.len <= IDENTITY_MAX && parts->context.len <= IDENTITY_MAX &&
           parts->identity.len + parts->context.len + extra <= IDENTITY_MAX && is_there(parts->key) &&
           parts->key.len >= KT_PSK_KEY_MIN && parts->key.len <= KT_PSK_KEY_MAX &&
           (parts->hash == KT_PSK_SHA256 || parts->hash == KT_PSK_SHA384) &&
           (parts->context.len == 0 || (parts->import && parts->context.p != NULL));
}

static struct kt_span fill(uint8_t **at, struct kt_span from)
{
    struct kt_span copy = kt_span_of(*at, from.len);

    kt_copy(*at, from.p, from.len);
    *at += from.len;
    return copy;
}

const struct kt_fault *kt_psk_new(const struct kt_env *env, const struct kt_psk_parts *parts, struct kt_psk **out)
{
    struct psk_block *block;
    uint8_t *at;
    size_t len;

    if (env == NULL || parts == NULL || !parts_are_sane(parts)) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    len = sizeof *block + parts->identity.len + parts->context.len + parts->key.len;
    block = env->alloc(env->user, len);
    if (block == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    block->env = *env;
    block->len = len;
    at = block->bytes;
    block->psk.hash = parts->hash;
    block->psk.import = parts->import;
    block->psk.identity = fill(&at, parts->identity);
    block->psk.context = fill(&at, parts->context);
    block->psk.key = fill(&at, parts->key);
    atomic_init(&block->psk.refs, 1);
    *out = &block->psk;
    return NULL;
}

struct kt_psk *kt_psk_ref(struct kt_psk *psk)
{
    /* Whoever takes a reference has one already, so nothing has to be ordered. */
    atomic_fetch_add_explicit(&psk->refs, 1, memory_order_relaxed);
    return psk;
}

void kt_psk_unref(struct kt_psk *psk)
{
    struct psk_block *block = (struct psk_block *)psk;
    struct kt_env env;
    size_t len;

    /* What other threads did with it happens before it goes away. */
    if (psk == NULL || atomic_fetch_sub_explicit(&psk->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    env = block->env;
    len = block->len;
    kt_wipe(block, len);
    env.release(env.user, block, len);
}

struct kt_span kt_psk_identity(const struct kt_psk *psk)
{
    return psk->identity;
}

bool kt_psk_imported(struct kt_span wire, struct kt_imported_identity *out)
{
    return kt_imported_identity_decode(wire, out);
}
