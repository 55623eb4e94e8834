#include "hs/limit13.h"

static uint16_t own_limit(const struct kt_config *config)
{
    return (uint16_t)(config->record_limit + 1);
}

/* Below TLS 1.3 there is no type behind the content to be counted. */
void kt_limit13_offer(const struct kt_config *config, bool offers_13, struct kt_client_hello *hello)
{
    hello->record_size_limit = offers_13 ? own_limit(config) : (uint16_t)config->record_limit;
    hello->seen |= KT_EXT_BIT(RECORD_SIZE_LIMIT);
    if (config->fragment_code != 0) {
        hello->max_fragment_length = config->fragment_code;
        hello->seen |= KT_EXT_BIT(MAX_FRAGMENT_LENGTH);
    }
}

static const struct kt_fault *limit(struct kt_hs *hs, size_t sending, size_t receiving)
{
    const struct kt_carrier *carrier = &hs->carrier;

    KT_TRY(carrier->ops->limit(carrier->self, KT_SENDING, sending));
    return carrier->ops->limit(carrier->self, KT_RECEIVING, receiving);
}

/* A peer may name more than the protocol has, for an extension that we do not know (RFC 8449 section 4). */
static const struct kt_fault *by_record_size(struct kt_hs *hs, uint16_t peer_limit)
{
    size_t content = peer_limit - 1u;

    return limit(hs, content < KT_PLAINTEXT_MAX ? content : KT_PLAINTEXT_MAX, hs->config->record_limit);
}

static const struct kt_fault *by_fragment_length(struct kt_hs *hs, uint8_t code)
{
    size_t len = kt_fragment_length(code);

    return limit(hs, len - 1, len);
}

/* Who knows the newer extension passes over the older (RFC 8449 section 5). */
const struct kt_fault *kt_limit13_answer(struct kt_hs *hs, struct kt_encrypted_extensions *out)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    if ((hello->seen & KT_EXT_BIT(RECORD_SIZE_LIMIT)) != 0) {
        out->record_size_limit = own_limit(hs->config);
        out->seen |= KT_EXT_BIT(RECORD_SIZE_LIMIT);
        return by_record_size(hs, hello->record_size_limit);
    }
    if ((hello->seen & KT_EXT_BIT(MAX_FRAGMENT_LENGTH)) != 0) {
        out->max_fragment_length = hello->max_fragment_length;
        out->seen |= KT_EXT_BIT(MAX_FRAGMENT_LENGTH);
        return by_fragment_length(hs, hello->max_fragment_length);
    }
    return NULL;
}

const struct kt_fault *kt_limit13_take(struct kt_hs *hs, const struct kt_encrypted_extensions *answer)
{
    if ((answer->seen & KT_EXT_BIT(RECORD_SIZE_LIMIT)) != 0) {
        return by_record_size(hs, answer->record_size_limit);
    }
    if ((answer->seen & KT_EXT_BIT(MAX_FRAGMENT_LENGTH)) == 0) {
        return NULL;
    }
    if (answer->max_fragment_length != hs->work->hello.max_fragment_length) {
        KT_FAIL(FRAGMENT_LENGTH_NOT_OFFERED);
    }
    return by_fragment_length(hs, answer->max_fragment_length);
}
