#include "base/fail.h"
#include "base/span.h"
#include "seam/config_view.h"
#include "wire/messages.h"

enum {
    SCHEMES_MAX = 16,
    NAMES_MAX = 1024,       /* certificates with some hundred names exist */
    BYTES_MAX = 256 * 1024, /* chain, OCSP response and timestamps: a flight that a handshake's memory can hold */
};

/* The whole block: credential, the maker's environment, then arrays, then the bytes they point to. */
struct credential_block {
    struct kt_credential credential; /* first: the one is found from the other by a cast */
    struct kt_env env;
    size_t len;
    struct kt_span spans[];
};

/* Where the next bytes of the block go. */
struct filler {
    uint8_t *at;
};

static size_t total(const struct kt_span *spans, size_t count)
{
    size_t sum = 0;

    for (size_t i = 0; i < count; i++) {
        sum += spans[i].len;
    }
    return sum;
}

/* Each between 1 and `max` bytes. */
static bool lengths_are_within(const struct kt_span *spans, size_t count, size_t max)
{
    for (size_t i = 0; i < count; i++) {
        if (spans[i].p == NULL || spans[i].len == 0 || spans[i].len > max) {
            return false;
        }
    }
    return true;
}

static struct kt_span ocsp_of(const struct kt_credential_parts *parts)
{
    return parts->ocsp_response != NULL ? *parts->ocsp_response : (struct kt_span){NULL, 0};
}

static struct kt_span scts_of(const struct kt_credential_parts *parts)
{
    return parts->sct_list != NULL ? *parts->sct_list : (struct kt_span){NULL, 0};
}

static bool parts_are_sane(const struct kt_credential_parts *parts)
{
    bool counts = parts->chain != NULL && parts->chain_len >= 1 && parts->chain_len <= KT_CHAIN_MAX &&
                  parts->schemes != NULL && parts->scheme_count >= 1 && parts->scheme_count <= SCHEMES_MAX &&
                  parts->name_count <= NAMES_MAX && (parts->name_count == 0 || parts->names != NULL);

    return counts && lengths_are_within(parts->chain, parts->chain_len, BYTES_MAX) &&
           lengths_are_within(parts->names, parts->name_count, KT_NAME_MAX) && ocsp_of(parts).len <= BYTES_MAX &&
           (parts->sct_list == NULL || kt_sct_list_is_whole(*parts->sct_list)) &&
           total(parts->chain, parts->chain_len) + ocsp_of(parts).len + scts_of(parts).len <= BYTES_MAX;
}

static size_t block_len(const struct kt_credential_parts *parts)
{
    return sizeof(struct credential_block) + (parts->chain_len + parts->name_count) * sizeof(struct kt_span) +
           parts->scheme_count * sizeof(uint16_t) + total(parts->chain, parts->chain_len) +
           total(parts->names, parts->name_count) + ocsp_of(parts).len + scts_of(parts).len;
}

static struct kt_span fill(struct filler *f, struct kt_span from)
{
    struct kt_span copy = kt_span_of(f->at, from.len);

    kt_copy(f->at, from.p, from.len);
    f->at += from.len;
    return copy;
}

static struct kt_span fill_lower(struct filler *f, struct kt_span from)
{
    struct kt_span copy = kt_span_of(f->at, from.len);

    for (size_t i = 0; i < from.len; i++) {
        bool upper = from.p[i] >= 'A' && from.p[i] <= 'Z';

        *f->at++ = upper ? (uint8_t)(from.p[i] + ('a' - 'A')) : from.p[i];
    }
    return copy;
}

static void fill_block(struct credential_block *block, const struct kt_credential_parts *parts)
{
    struct kt_credential *c = &block->credential;
    struct filler f;

    c->chain = block->spans;
    c->chain_len = parts->chain_len;
    c->names = c->chain + c->chain_len;
    c->name_count = parts->name_count;
    c->schemes = (uint16_t *)(c->names + c->name_count);
    c->scheme_count = parts->scheme_count;
    kt_copy(c->schemes, parts->schemes, c->scheme_count * sizeof c->schemes[0]);

    f.at = (uint8_t *)(c->schemes + c->scheme_count);
    for (size_t i = 0; i < c->chain_len; i++) {
        c->chain[i] = fill(&f, parts->chain[i]);
    }
    for (size_t i = 0; i < c->name_count; i++) {
        c->names[i] = fill_lower(&f, parts->names[i]);
    }
    c->ocsp_response = fill(&f, ocsp_of(parts));
    c->sct_list = fill(&f, scts_of(parts));
}

const struct kt_fault *kt_credential_new(const struct kt_env *env, const struct kt_credential_parts *parts,
                                         struct kt_credential **out)
{
    struct credential_block *block;
    size_t len;

    if (env == NULL || env->alloc == NULL || env->release == NULL || parts == NULL || !parts_are_sane(parts)) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    len = block_len(parts);
    block = env->alloc(env->user, len);
    if (block == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    memset(block, 0, sizeof *block);
    block->len = len;
    block->env = *env;
    fill_block(block, parts);
    block->credential.env = &block->env;
    block->credential.key = parts->key;
    block->credential.release_key = parts->release_key;
    atomic_init(&block->credential.refs, 1);
    *out = &block->credential;
    return NULL;
}

struct kt_credential *kt_credential_ref(struct kt_credential *credential)
{
    /* Whoever takes a reference has one already, so nothing has to be ordered. */
    atomic_fetch_add_explicit(&credential->refs, 1, memory_order_relaxed);
    return credential;
}

void kt_credential_unref(struct kt_credential *credential)
{
    struct credential_block *block = (struct credential_block *)credential;
    struct kt_env env;

    /* What other threads did with it happens before it goes away. */
    if (credential == NULL || atomic_fetch_sub_explicit(&credential->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    if (credential->release_key != NULL) {
        credential->release_key(credential->key);
    }
    env = block->env;
    env.release(env.user, block, block->len);
}

void *kt_credential_key(const struct kt_credential *credential)
{
    return credential->key;
}

void (*kt_credential_release(const struct kt_credential *credential))(void *key)
{
    return credential->release_key;
}

size_t kt_credential_chain_len(const struct kt_credential *credential)
{
    return credential->chain_len;
}

struct kt_span kt_credential_certificate(const struct kt_credential *credential, size_t index)
{
    return index < credential->chain_len ? credential->chain[index] : (struct kt_span){NULL, 0};
}

struct kt_span kt_credential_ocsp_response(const struct kt_credential *credential)
{
    return credential->ocsp_response;
}

struct kt_span kt_credential_sct_list(const struct kt_credential *credential)
{
    return credential->sct_list;
}
