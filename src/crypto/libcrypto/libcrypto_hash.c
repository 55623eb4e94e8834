/* SHA-2, and SHA-1 and MD5 for what is old, on the plain structs: no allocation, no look-up, and a running hash is
 * copied by assignment. */
#include "crypto/libcrypto/libcrypto.h"

#include <openssl/md5.h>
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

static void sha1_init(struct kt_hash_state *state)
{
    (void)SHA1_Init((SHA_CTX *)(void *)state);
}

static void sha1_update(struct kt_hash_state *state, const uint8_t *bytes, size_t len)
{
    (void)SHA1_Update((SHA_CTX *)(void *)state, bytes, len);
}

static void sha1_final(struct kt_hash_state *state, uint8_t *out)
{
    (void)SHA1_Final(out, (SHA_CTX *)(void *)state);
}

static void md5_init(struct kt_hash_state *state)
{
    (void)MD5_Init((MD5_CTX *)(void *)state);
}

static void md5_update(struct kt_hash_state *state, const uint8_t *bytes, size_t len)
{
    (void)MD5_Update((MD5_CTX *)(void *)state, bytes, len);
}

static void md5_final(struct kt_hash_state *state, uint8_t *out)
{
    (void)MD5_Final(out, (MD5_CTX *)(void *)state);
}

/* Both at once, one behind the other: the transcript of TLS 1.1 and 1.0 (RFC 4346 section 7.4.9). */
struct md5_sha1 {
    MD5_CTX md5;
    SHA_CTX sha1;
};

_Static_assert(sizeof(struct md5_sha1) <= sizeof(struct kt_hash_state), "a running MD5 and SHA-1 fit");
_Static_assert(_Alignof(struct md5_sha1) <= _Alignof(struct kt_hash_state), "aligned for MD5 and SHA-1");

static struct md5_sha1 *both_in(struct kt_hash_state *state)
{
    return (struct md5_sha1 *)(void *)state;
}

static void md5_sha1_init(struct kt_hash_state *state)
{
    (void)MD5_Init(&both_in(state)->md5);
    (void)SHA1_Init(&both_in(state)->sha1);
}

static void md5_sha1_update(struct kt_hash_state *state, const uint8_t *bytes, size_t len)
{
    (void)MD5_Update(&both_in(state)->md5, bytes, len);
    (void)SHA1_Update(&both_in(state)->sha1, bytes, len);
}

static void md5_sha1_final(struct kt_hash_state *state, uint8_t *out)
{
    (void)MD5_Final(out, &both_in(state)->md5);
    (void)SHA1_Final(out + MD5_DIGEST_LENGTH, &both_in(state)->sha1);
}

const struct kt_hash kt_libcrypto_sha1 = {
    .name = "SHA-1",
    .len = SHA_DIGEST_LENGTH,
    .block_len = SHA_CBLOCK,
    .init = sha1_init,
    .update = sha1_update,
    .final = sha1_final,
};

const struct kt_hash kt_libcrypto_md5 = {
    .name = "MD5",
    .len = MD5_DIGEST_LENGTH,
    .block_len = MD5_CBLOCK,
    .init = md5_init,
    .update = md5_update,
    .final = md5_final,
};

const struct kt_hash kt_libcrypto_md5_sha1 = {
    .name = "MD5-SHA-1",
    .len = MD5_DIGEST_LENGTH + SHA_DIGEST_LENGTH,
    .block_len = MD5_CBLOCK,
    .init = md5_sha1_init,
    .update = md5_sha1_update,
    .final = md5_sha1_final,
};

/* The plain structs work whatever is configured; what the administrator switched off in libcrypto is off here, too. */
bool kt_libcrypto_digest_probe(const char *fetch_name)
{
    EVP_MD *fetched = EVP_MD_fetch(NULL, fetch_name, NULL);

    EVP_MD_free(fetched);
    return fetched != NULL;
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
