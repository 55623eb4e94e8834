#include "hs/limit12.h"

#include "hs/work12.h"

static size_t at_most_full(size_t len)
{
    return len < KT_PLAINTEXT_MAX ? len : KT_PLAINTEXT_MAX;
}

/* In a rehandshake the limits change with the keys. */
static const struct kt_fault *limit(struct kt_hs *hs, size_t sending, size_t receiving)
{
    const struct kt_carrier *carrier = &hs->carrier;

    if (kt_hs_is_again(hs)) {
        hs->work->v12->limit[KT_SENDING] = at_most_full(sending);
        hs->work->v12->limit[KT_RECEIVING] = at_most_full(receiving);
        return NULL;
    }
    KT_TRY(carrier->ops->limit(carrier->self, KT_SENDING, at_most_full(sending)));
    return carrier->ops->limit(carrier->self, KT_RECEIVING, at_most_full(receiving));
}

const struct kt_fault *kt_limit12_answer(struct kt_hs *hs, struct kt_server_hello *out)
{
    const struct kt_client_hello *hello = &hs->work->hello;

    if ((hello->seen & KT_EXT_BIT(RECORD_SIZE_LIMIT)) != 0) {
        out->record_size_limit = (uint16_t)hs->config->record_limit;
        out->seen |= KT_EXT_BIT(RECORD_SIZE_LIMIT);
        return limit(hs, hello->record_size_limit, hs->config->record_limit);
    }
    if ((hello->seen & KT_EXT_BIT(MAX_FRAGMENT_LENGTH)) != 0) {
        size_t len = kt_fragment_length(hello->max_fragment_length);

        out->max_fragment_length = hello->max_fragment_length;
        out->seen |= KT_EXT_BIT(MAX_FRAGMENT_LENGTH);
        return limit(hs, len, len);
    }
    return NULL;
}

/* What our hello says is one more than we want where it counts the content type: the server could have chosen TLS 1.3.
 */
const struct kt_fault *kt_limit12_take(struct kt_hs *hs, const struct kt_server_hello *answer)
{
    const struct kt_client_hello *hello = &hs->work->hello;
    size_t len;

    if ((answer->seen & KT_EXT_BIT(RECORD_SIZE_LIMIT)) != 0) {
        return limit(hs, answer->record_size_limit, hello->record_size_limit);
    }
    if ((answer->seen & KT_EXT_BIT(MAX_FRAGMENT_LENGTH)) == 0) {
        return NULL;
    }
    if (answer->max_fragment_length != hello->max_fragment_length) {
        KT_FAIL(FRAGMENT_LENGTH_NOT_OFFERED);
    }
    len = kt_fragment_length(answer->max_fragment_length);
    return limit(hs, len, len);
}
