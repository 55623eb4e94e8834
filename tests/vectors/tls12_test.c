/* Secrets, keys and records of TLS 1.2 and below against values computed elsewhere. */
#include "keys/schedule12.h"
#include "support/record_kit.h"
#include "vectors/tls12_data.h"

static const char TEXT[] = "The quick brown fox jumps over the lazy dog";

enum { TEXT_LEN = sizeof TEXT - 1 };

/* What both sides know. */
struct world {
    const struct kt_suite *suite;
    struct kt_prf prf;
    const struct kt_hash *transcript;
    uint8_t premaster[48], client_random[32], server_random[32], hashed[KT_HASH_MAX];
    struct kt_secret main_secret;
    struct kt_keys12 client, server;
};

static void count_up(uint8_t *out, size_t len, uint8_t from)
{
    for (size_t i = 0; i < len; i++) {
        out[i] = (uint8_t)(from + i);
    }
}

static void set_up(struct world *w, const struct tls12_fact *fact)
{
    w->suite = kit_suite(fact->suite);
    assert_true(kt_prf12_of(kt_crypto_libcrypto(), w->suite, fact->version, &w->prf, &w->transcript));
    count_up(w->premaster, sizeof w->premaster, 0xc0);
    count_up(w->client_random, sizeof w->client_random, 0x40);
    count_up(w->server_random, sizeof w->server_random, 0x80);
    count_up(w->hashed, sizeof w->hashed, 0);
    kt_main_secret12(&w->prf, kt_span_of(w->premaster, sizeof w->premaster), w->client_random, w->server_random,
                     &w->main_secret);
    kt_keys12_derive(&w->prf, w->suite, fact->version, fact->encrypt_then_mac, &w->main_secret, w->client_random,
                     w->server_random, &w->client, &w->server);
}

static void each_fact(void (*check)(struct world *w, const struct tls12_fact *fact))
{
    for (size_t i = 0; i < KT_COUNT_OF(tls12_facts); i++) {
        struct world w;

        set_up(&w, &tls12_facts[i]);
        check(&w, &tls12_facts[i]);
    }
}

static void check_secrets(struct world *w, const struct tls12_fact *fact)
{
    struct kt_span hashed = kt_span_of(w->hashed, w->transcript->len);
    struct kt_secret extended;
    uint8_t finished[KT_FINISHED12_LEN];

    kit_assert_hex(w->main_secret.b, w->main_secret.len, fact->main_secret);
    kt_main_secret12_extended(&w->prf, kt_span_of(w->premaster, sizeof w->premaster), hashed, &extended);
    kit_assert_hex(extended.b, extended.len, fact->extended);
    kt_finished12(&w->prf, &w->main_secret, KT_CLIENT, hashed, finished);
    kit_assert_hex(finished, sizeof finished, fact->client_finished);
    kt_finished12(&w->prf, &w->main_secret, KT_SERVER, hashed, finished);
    kit_assert_hex(finished, sizeof finished, fact->server_finished);
}

static void secrets_and_finished(void **state)
{
    (void)state;
    each_fact(check_secrets);
}

static void assert_keys(const struct kt_keys12 *keys, const struct tls12_fact *fact, const char *hex)
{
    const struct kt_suite *suite = kit_suite(fact->suite);
    uint8_t joined[96];
    size_t mac_len = suite->cbc != NULL ? suite->cbc->mac_len : 0;
    size_t key_len = suite->cbc != NULL ? suite->cbc->key_len : suite->aead->key_len;
    size_t iv_len = strlen(hex) / 2 - mac_len - key_len;

    assert_int_equal(keys->version, fact->version);
    assert_true(keys->encrypt_then_mac == fact->encrypt_then_mac);
    memcpy(joined, keys->mac_key, mac_len);
    memcpy(joined + mac_len, keys->key, key_len);
    memcpy(joined + mac_len + key_len, keys->iv, iv_len);
    kit_assert_hex(joined, mac_len + key_len + iv_len, hex);
}

static void check_keys(struct world *w, const struct tls12_fact *fact)
{
    assert_keys(&w->client, fact, fact->client_keys);
    assert_keys(&w->server, fact, fact->server_keys);
}

static void the_key_block(void **state)
{
    (void)state;
    each_fact(check_keys);
}

static void assert_exported(const struct world *w, const struct kt_span *context, const char *hex)
{
    uint8_t out[40];

    kt_exporter12(&w->prf, &w->main_secret, w->client_random, w->server_random, KT_SPAN_TEXT("EXPORTER-test"), context,
                  out, sizeof out);
    kit_assert_hex(out, sizeof out, hex);
}

static void check_exporter(struct world *w, const struct tls12_fact *fact)
{
    struct kt_span context = KT_SPAN_TEXT("context");
    struct kt_span empty = KT_SPAN_TEXT("");

    assert_exported(w, NULL, fact->exported);
    assert_exported(w, &empty, fact->exported_empty);
    assert_exported(w, &context, fact->exported_context);
}

static void the_exporter(void **state)
{
    (void)state;
    each_fact(check_exporter);
}

/* Makes a record as the sending half does, in place or from elsewhere. */
static size_t seal(struct kt_protection *p, uint8_t type, struct kt_span content, bool in_place, uint8_t *record)
{
    uint8_t *place = record + KT_RECORD_HEADER + p->lead;
    size_t len;

    if (kt_protection_wants_iv(p)) {
        count_up(record + KT_RECORD_HEADER, KT_CBC_BLOCK, 0x10);
    }
    if (in_place) {
        memcpy(place, content.p, content.len);
    }
    assert_good(kt_protection_seal(p, type, in_place ? place : content.p, content.len, 0, record, &len));
    assert_int_equal(len, kt_protection_record_len(p, content.len));
    assert_true(len <= content.len + kt_protection_overhead(p));
    return len;
}

static void assert_opens(struct kt_protection *p, uint8_t type, struct kt_span right, uint8_t *record, size_t len)
{
    struct kt_span content;
    uint8_t came;

    assert_good(kt_protection_open(p, record, len, &came, &content));
    assert_int_equal(came, type);
    assert_int_equal(content.len, right.len);
    assert_memory_equal(content.p, right.p, right.len);
}

static void assert_records(const struct world *w, const struct tls12_fact *fact, bool in_place)
{
    static const uint8_t close_notify[] = {1, 0};
    struct kt_span text = kt_span_of((const uint8_t *)TEXT, TEXT_LEN);
    struct kt_span bye = kt_span_of(close_notify, sizeof close_notify);
    struct kt_protection sealing = {.aead = NULL}, opening = {.aead = NULL};
    uint8_t record[512];
    size_t len;

    assert_good(kt_protection_set12(&sealing, KT_SENDING, w->suite, &w->client));
    assert_good(kt_protection_set12(&opening, KT_RECEIVING, w->suite, &w->client));
    len = seal(&sealing, KT_CONTENT_DATA, text, in_place, record);
    kit_assert_hex(record, len, fact->data);
    assert_opens(&opening, KT_CONTENT_DATA, text, record, len);
    len = seal(&sealing, KT_CONTENT_ALERT, bye, in_place, record);
    kit_assert_hex(record, len, fact->close);
    assert_opens(&opening, KT_CONTENT_ALERT, bye, record, len);
    kt_protection_clear(&sealing);
    kt_protection_clear(&opening);
}

static void check_records(struct world *w, const struct tls12_fact *fact)
{
    assert_records(w, fact, false);
    assert_records(w, fact, true);
}

static void records(void **state)
{
    (void)state;
    each_fact(check_records);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(secrets_and_finished),
        cmocka_unit_test(the_key_block),
        cmocka_unit_test(the_exporter),
        cmocka_unit_test(records),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
