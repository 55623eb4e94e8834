/* SHA-2 on the plain structs: no allocation, no look-up, and a running hash is copied by assignment. */
#include "crypto/libcrypto/libcrypto.h"

#include <openssl/sha.h>

_Static_assert(sizeof(SHA256_CTX) <= sizeof(struct kt_hash_state), "a running SHA-256 fits");
_Static_assert(sizeof(SHA512_CTX) <= sizeof(struct kt_hash_state), "a running SHA-384 fits");
_Static_assert(_Alignof(SHA256_CTX) <= _Alignof(struct kt_hash_state), "aligned for SHA-256");
_Static_assert(_Alignof(SHA512_CTX) <= _Alignof(struct kt_hash_state), "aligned for SHA-384");

/* Only libcrypto looks inside; the three calls cannot fail. */
static SHA256_CTX *sha256_in(struct kt_hash_state *state)
{
    return (SHA256_CTX *)(void *)state;
}

static void sha256_init(struct kt_hash_state *state)
{
    (void)SHA256_Init(sha256_in(state));
}

static void sha256_update(struct kt_hash_state *state, const uint8_t *bytes, size_t len)
{
    (void)SHA256_Update(sha256_in(state), bytes, len);
}

static void sha256_final(struct kt_hash_state *state, uint8_t *out)
{
    (void)SHA256_Final(out, sha256_in(state));
}

static SHA512_CTX *sha512_in(struct kt_hash_state *state)
{
    return (SHA512_CTX *)(void *)state;
}

static void sha384_init(struct kt_hash_state *state)
{
    (void)SHA384_Init(sha512_in(state));
}

static void sha384_update(struct kt_hash_state *state, const uint8_t *bytes, size_t len)
{
    (void)SHA384_Update(sha512_in(state), bytes, len);
}

static void sha384_final(struct kt_hash_state *state, uint8_t *out)
{
    (void)SHA384_Final(out, sha512_in(state));
}

static void sha512_init(struct kt_hash_state *state)
{
    (void)SHA512_Init(sha512_in(state));
}

static void sha512_update(struct kt_hash_state *state, const uint8_t *bytes, size_t len)
{
    (void)SHA512_Update(sha512_in(state), bytes, len);
}

static void sha512_final(struct kt_hash_state *state, uint8_t *out)
{
    (void)SHA512_Final(out, sha512_in(state));
}

const struct kt_hash kt_libcrypto_sha256 = {
    .name = "SHA-256",
    .len = SHA256_DIGEST_LENGTH,
    .block_len = SHA256_CBLOCK,
    .init = sha256_init,
    .update = sha256_update,
    .final = sha256_final,
};

const struct kt_hash kt_libcrypto_sha384 = {
    .name = "SHA-384",
    .len = SHA384_DIGEST_LENGTH,
    .block_len = SHA512_CBLOCK,
    .init = sha384_init,
    .update = sha384_update,
    .final = sha384_final,
};

const struct kt_hash kt_libcrypto_sha512 = {
    .name = "SHA-512",
    .len = SHA512_DIGEST_LENGTH,
    .block_len = SHA512_CBLOCK,
    .init = sha512_init,
    .update = sha512_update,
    .final = sha512_final,
};
