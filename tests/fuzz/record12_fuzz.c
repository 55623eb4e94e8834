#include <stdlib.h>

#include "crypto/toy/toy.h"
#include "record/protect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct kt_crypto *crypto_of(uint8_t choice)
{
    return (choice & 1) != 0 ? kt_crypto_toy() : kt_crypto_libcrypto();
}

static const struct kt_suite *suite_of(const struct kt_crypto *crypto, uint8_t choice)
{
    size_t count = 0;

    while (crypto->suites[count] != NULL) {
        count++;
    }
    return crypto->suites[choice % count];
}

/*
 * Any bytes as a protected record, opened with any suite of any version: what opens lies inside the record, and a
 * sequence moves only then. The first three bytes choose; with the toy crypto a fuzzer can learn to forge.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t versions[] = {KT_TLS_1_0, KT_TLS_1_1, KT_TLS_1_2, KT_TLS_1_3};
    static uint8_t record[KT_RECORD_HEADER + KT_CIPHERTEXT12_MAX];
    struct kt_protection p = {.aead = NULL};
    struct kt_keys12 keys = {.key = {1}, .iv = {2}, .mac_key = {3}};
    const struct kt_suite *suite;
    struct kt_span content;
    uint8_t type;

    if (size < 3 + KT_RECORD_HEADER || size - 3 > sizeof record) {
        return 0;
    }
    suite = suite_of(crypto_of(data[0]), data[1]);
    keys.version = suite->cbc != NULL ? versions[data[2] % 3] : versions[2 + data[2] % 2];
    keys.encrypt_then_mac = (data[2] & 4) != 0;
    kt_copy(record, data + 3, size - 3);
    if (kt_protection_set12(&p, KT_RECEIVING, suite, &keys) != NULL) {
        abort();
    }
    if (kt_protection_open(&p, record, size - 3, &type, &content) == NULL &&
        (p.sequence != 1 || content.len > KT_PLAINTEXT_MAX || content.p < record ||
         content.p + content.len > record + size - 3)) {
        abort();
    }
    kt_protection_clear(&p);
    return 0;
}
