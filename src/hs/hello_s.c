/*
 * The server before the version is known (RFC 9846 section 4.2.2).
 */
#include "hs/decide.h"
#include "hs/rehandshake12.h"

/* The hello is kept whole: the asks show it, and a second one is compared with it. */
static const struct kt_fault *keep_hello(struct kt_hs *hs, struct kt_span whole)
{
    struct kt_hs_work *work = hs->work;
    struct kt_span copy = kt_arena_copy(&hs->arena, whole);

    if (copy.p == NULL) {
        KT_FAIL(MEMORY_SPENT);
    }
    work->hello_message = copy;
    KT_TRY(kt_client_hello_decode(kt_span_of(copy.p + KT_MESSAGE_HEADER, copy.len - KT_MESSAGE_HEADER), &work->hello));
    kt_copy(work->client_random, work->hello.random.p, sizeof work->client_random);
    return kt_hs_keep_name(&hs->server_name, work->hello.server_name);
}

static void ask_config(struct kt_hs *hs)
{
    struct kt_ask ask = {.kind = KT_ASK_CHOOSE_CONFIG};

    kt_hs_describe_hello(hs, &ask);
    kt_hs_ask(hs, &ask);
}

static const struct kt_fault *s_on_client_hello(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    KT_TRY(keep_hello(hs, message->whole));
    *next = KT_STATE_S_NEGOTIATE;
    if (kt_config_asks(hs->config, KT_ASK_CHOOSE_CONFIG) && !kt_hs_is_again(hs)) {
        ask_config(hs);
        *next = KT_STATE_S_ASK_CONFIG;
    }
    return NULL;
}

/* The answer has put the configuration in place already. */
static const struct kt_fault *s_on_config(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)hs;
    (void)message;
    *next = KT_STATE_S_NEGOTIATE;
    return NULL;
}

static const struct kt_fault *s_negotiate(struct kt_hs *hs, const struct kt_message *message, uint8_t *next)
{
    (void)message;
    if (kt_hs_is_again(hs)) {
        *next = KT_STATE_S12_NEGOTIATE;
        return kt_rehandshake12_check_hello(hs);
    }
    KT_TRY(kt_decide_version(hs->config, &hs->work->hello, &hs->version));
    *next = hs->version == KT_TLS_1_3 ? KT_STATE_S13_NEGOTIATE : KT_STATE_S12_NEGOTIATE;
    return NULL;
}

static const struct kt_row rows[] = {
    {KT_STATE_S_START,
     KT_ROW_LAST_IN_RECORD | KT_ROW_HASH_SELF,
     KT_MSG_CLIENT_HELLO,
     {KT_STATE_S_NEGOTIATE, KT_STATE_S_ASK_CONFIG},
     s_on_client_hello},
    {KT_STATE_S_ASK_CONFIG, 0, KT_ON_ANSWER, {KT_STATE_S_NEGOTIATE}, s_on_config},
    {KT_STATE_S_NEGOTIATE, 0, KT_ON_GO, {KT_STATE_S13_NEGOTIATE, KT_STATE_S12_NEGOTIATE}, s_negotiate},
};
const struct kt_table kt_table_hello_server = {"hello_server", rows, KT_COUNT_OF(rows)};
