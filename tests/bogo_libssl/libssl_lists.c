/*
 * libssl_lists.c - versions, suites, groups and schemes: from the runner's numbers to libssl's names, and back.
 */
#include <openssl/obj_mac.h>
#include <string.h>

#include "libssl_shim.h"

static const struct {
    int id, nid;
    const char *name;
} groups[] = {
    {23, NID_X9_62_prime256v1, "P-256"},
    {24, NID_secp384r1, "P-384"},
    {25, NID_secp521r1, "P-521"},
    {29, NID_X25519, "X25519"},
};

static const struct {
    int id, type, hash;
    const char *name;
} schemes[] = {
    {0x0201, NID_rsaEncryption, NID_sha1, "RSA+SHA1"},
    {0x0401, NID_rsaEncryption, NID_sha256, "RSA+SHA256"},
    {0x0501, NID_rsaEncryption, NID_sha384, "RSA+SHA384"},
    {0x0601, NID_rsaEncryption, NID_sha512, "RSA+SHA512"},
    {0x0203, NID_X9_62_id_ecPublicKey, NID_sha1, "ECDSA+SHA1"},
    {0x0403, NID_X9_62_id_ecPublicKey, NID_sha256, "ECDSA+SHA256"},
    {0x0503, NID_X9_62_id_ecPublicKey, NID_sha384, "ECDSA+SHA384"},
    {0x0603, NID_X9_62_id_ecPublicKey, NID_sha512, "ECDSA+SHA512"},
    {0x0804, NID_rsassaPss, NID_sha256, "rsa_pss_rsae_sha256"},
    {0x0805, NID_rsassaPss, NID_sha384, "rsa_pss_rsae_sha384"},
    {0x0806, NID_rsassaPss, NID_sha512, "rsa_pss_rsae_sha512"},
    {0x0807, NID_ED25519, NID_undef, "ed25519"},
    {0xff01, NID_rsaEncryption, NID_md5_sha1, NULL},
};

int group_of_nid(int nid)
{
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
        if (groups[i].nid == nid) {
            return groups[i].id;
        }
    }
    return 0;
}

/* Before TLS 1.2 there is one scheme for each key. */
int scheme_of(int type_nid, int hash_nid, int version)
{
    for (size_t i = 0; i < sizeof schemes / sizeof schemes[0]; i++) {
        if (schemes[i].type == type_nid && (schemes[i].hash == hash_nid || schemes[i].hash == NID_undef)) {
            return schemes[i].id;
        }
    }
    return version < TLS1_2_VERSION ? 0xff01 : 0;
}

static bool append(char *list, size_t size, const char *name)
{
    size_t len = strlen(list);

    if (len + strlen(name) + 2 > size) {
        return false;
    }
    if (len > 0) {
        list[len++] = ':';
    }
    strcpy(list + len, name);
    return true;
}

static bool schemes_text(const struct ids *ids, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < ids->count; i++) {
        const char *name = NULL;
        for (size_t j = 0; j < sizeof schemes / sizeof schemes[0]; j++) {
            name = schemes[j].id == ids->ids[i] ? schemes[j].name : name;
        }
        if (name == NULL || !append(out, size, name)) {
            return false;
        }
    }
    return true;
}

/* libssl has one list for what a peer may sign with and one for its own signatures: which is which goes by the role. */
static enum outcome set_schemes(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    const struct ids *own = &flags->credentials[0].signing_prefs;
    const struct ids *first = flags->server ? own : &flags->verify_prefs;
    const struct ids *second = flags->server ? &flags->verify_prefs : own;
    char text[512];

    if (first->count > 0 && (!schemes_text(first, text, sizeof text) || SSL_set1_sigalgs_list(shim->ssl, text) != 1)) {
        return missing("a signature scheme");
    }
    if (second->count > 0 &&
        (!schemes_text(second, text, sizeof text) || SSL_set1_client_sigalgs_list(shim->ssl, text) != 1)) {
        return missing("a signature scheme");
    }
    if (own->count > 0) {
        (void)SSL_set_options(shim->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    return GOOD;
}

static enum outcome set_groups(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    char text[512] = "";

    for (size_t i = 0; i < flags->curves.count; i++) {
        const char *name = NULL;
        for (size_t j = 0; j < sizeof groups / sizeof groups[0]; j++) {
            name = groups[j].id == flags->curves.ids[i] ? groups[j].name : name;
        }
        if (name == NULL || !append(text, sizeof text, name)) {
            return missing("a group");
        }
    }
    if (flags->key_shares.count > 1 ||
        (flags->key_shares.count == 1 &&
         (flags->curves.count == 0 || flags->key_shares.ids[0] != flags->curves.ids[0]))) {
        return missing("key shares other than one for the first group");
    }
    return text[0] == '\0' || SSL_set1_groups_list(shim->ssl, text) == 1 ? GOOD : missing("a group");
}

static bool is_dtls_13(int version)
{
    return version == 0xfefc;
}

static enum outcome set_versions(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    int lowest = flags->min_version != 0 ? flags->min_version : flags->dtls ? DTLS1_VERSION : TLS1_VERSION;
    uint64_t off = 0;

    if (is_dtls_13(flags->min_version) || is_dtls_13(flags->max_version)) {
        return missing("DTLS 1.3");
    }
    if (SSL_set_min_proto_version(shim->ssl, lowest) != 1 ||
        SSL_set_max_proto_version(shim->ssl, flags->max_version) != 1) {
        return missing("a version");
    }
    off |= flags->no_tls10 ? SSL_OP_NO_TLSv1 | (flags->dtls ? SSL_OP_NO_DTLSv1 : 0) : 0;
    off |= flags->no_tls11 ? SSL_OP_NO_TLSv1_1 : 0;
    off |= flags->no_tls12 ? SSL_OP_NO_TLSv1_2 | (flags->dtls ? SSL_OP_NO_DTLSv1_2 : 0) : 0;
    off |= flags->no_tls13 ? SSL_OP_NO_TLSv1_3 : 0;
    (void)SSL_set_options(shim->ssl, off);
    return GOOD;
}

static enum outcome set_suites(struct shim *shim)
{
    const char *list = shim->flags->ciphers != NULL ? shim->flags->ciphers : "DEFAULT";

    if (strchr(list, '[') != NULL || SSL_set_cipher_list(shim->ssl, list) != 1) {
        return missing("a list of suites with groups of equals, or with none that the library has");
    }
    if (shim->flags->ciphers != NULL || shim->flags->server_preference) {
        (void)SSL_set_options(shim->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    return GOOD;
}

enum outcome set_algorithms(struct shim *shim)
{
    enum outcome outcome = set_versions(shim);

    if (outcome == GOOD) {
        outcome = set_suites(shim);
    }
    if (outcome == GOOD) {
        outcome = set_groups(shim);
    }
    return outcome == GOOD ? set_schemes(shim) : outcome;
}
