#include "keys/psk_import.h"

#include "keys/hkdf.h"
#include "wire/writer.h"

static void hash_u16(const struct kt_hash *hash, struct kt_hash_state *state, uint16_t number)
{
    uint8_t room[2];
    struct kt_writer w = kt_writer_over(room, sizeof room);

    kt_put_u16(&w, number);
    hash->update(state, room, sizeof room);
}

static void hash_vector(const struct kt_hash *hash, struct kt_hash_state *state, struct kt_span bytes)
{
    hash_u16(hash, state, (uint16_t)bytes.len);
    if (bytes.len > 0) {
        hash->update(state, bytes.p, bytes.len);
    }
}

/* Hash(ImportedIdentity), without putting its bytes together. */
static void hash_identity(const struct kt_hash *hash, const struct kt_imported_identity *identity, uint8_t *out)
{
    struct kt_hash_state state;

    hash->init(&state);
    hash_vector(hash, &state, identity->identity);
    hash_vector(hash, &state, identity->context);
    hash_u16(hash, &state, identity->protocol);
    hash_u16(hash, &state, identity->kdf);
    hash->final(&state, out);
}

void kt_psk_import(const struct kt_hash *own, struct kt_span key, const struct kt_imported_identity *identity,
                   const struct kt_hash *target, struct kt_secret *out)
{
    struct kt_secret extracted = {.len = own->len};
    uint8_t digest[KT_HASH_MAX];

    kt_hkdf_extract(own, kt_span_of(NULL, 0), key, extracted.b);
    hash_identity(own, identity, digest);
    out->len = target->len;
    kt_hkdf_expand_label(own, kt_secret_span(&extracted), KT_SPAN_TEXT("derived psk"), kt_span_of(digest, own->len),
                         out->b, out->len);
    kt_secret_wipe(&extracted);
}
