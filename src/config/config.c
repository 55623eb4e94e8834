#include "base/span.h"
#include "config/builder_impl.h"

/* The whole block: the configuration, and behind it the bytes its lists point to. */
struct config_block {
    struct kt_config config; /* first: the one is found from the other by a cast */
    size_t len;
    uint8_t bytes[];
};

struct kt_config *kt_config_alloc(const struct kt_env *env, size_t extra, uint8_t **bytes)
{
    size_t len = sizeof(struct config_block) + extra;
    struct config_block *block = env->alloc(env->user, len);

    if (block == NULL) {
        return NULL;
    }
    memset(block, 0, len);
    block->len = len;
    block->config.env = *env;
    atomic_init(&block->config.refs, 1);
    *bytes = block->bytes;
    return &block->config;
}

struct kt_config *kt_config_ref(struct kt_config *config)
{
    /* Whoever takes a reference has one already, so nothing has to be ordered. */
    atomic_fetch_add_explicit(&config->refs, 1, memory_order_relaxed);
    return config;
}

void kt_config_unref(struct kt_config *config)
{
    struct config_block *block = (struct config_block *)config;
    struct kt_env env;

    /* What other threads did with it happens before it goes away. */
    if (config == NULL || atomic_fetch_sub_explicit(&config->refs, 1, memory_order_acq_rel) > 1) {
        return;
    }
    for (size_t i = 0; i < config->credential_count; i++) {
        kt_credential_unref(config->credentials[i]);
    }
    for (size_t i = 0; i < config->psk_count; i++) {
        kt_psk_unref(config->psks[i]);
    }
    kt_ticket_ring_unref(config->resumption.ring);
    env = config->env;
    env.release(env.user, block, block->len);
}
