#include <string.h>

#include <openssl/ec.h>
#include <openssl/x509v3.h>

#include "pki/pki_impl.h"

enum {
    DAYS_MAX = 36500,
    NAMES_MAX = 256,
    SERIAL_LEN = 16,
    SKEW_SECONDS = 3600, /* a peer's clock may be late */
    DAY_SECONDS = 86400,
};

/* One alternative name: an iPAddress when the text is one, else a dNSName. */
static GENERAL_NAME *alternative_name(const char *text)
{
    GENERAL_NAME *name = GENERAL_NAME_new();
    ASN1_OCTET_STRING *address = a2i_IPADDRESS(text);
    ASN1_STRING *value = address != NULL ? address : ASN1_IA5STRING_new();

    if (name == NULL || value == NULL || (address == NULL && ASN1_STRING_set(value, text, -1) != 1)) {
        GENERAL_NAME_free(name);
        ASN1_STRING_free(value);
        return NULL;
    }
    GENERAL_NAME_set0_value(name, address != NULL ? GEN_IPADD : GEN_DNS, value);
    return name;
}

static bool fill_names(GENERAL_NAMES *all, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        GENERAL_NAME *name = alternative_name(names[i]);

        if (name == NULL || sk_GENERAL_NAME_push(all, name) == 0) {
            GENERAL_NAME_free(name);
            return false;
        }
    }
    return true;
}

static bool add_names(X509 *x509, const char *const *names, size_t count)
{
    GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
    bool ok = all != NULL && fill_names(all, names, count) &&
              X509_add1_ext_i2d(x509, NID_subject_alt_name, all, 0, X509V3_ADD_APPEND) == 1;

    sk_GENERAL_NAME_pop_free(all, GENERAL_NAME_free);
    return ok;
}

static bool add_text(X509 *x509, int nid, const char *value)
{
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
    bool ok = extension != NULL && X509_add_ext(x509, extension, -1) == 1;

    X509_EXTENSION_free(extension);
    return ok;
}

static bool set_serial(X509 *x509, const uint8_t *bytes, int len)
{
    BIGNUM *number = BN_bin2bn(bytes, len, NULL);
    bool ok = number != NULL && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(x509)) != NULL;

    BN_free(number);
    return ok;
}

static bool set_dates(X509 *x509, int64_t now, unsigned days)
{
    time_t from = (time_t)(now - SKEW_SECONDS);
    time_t until = (time_t)(now + (int64_t)days * DAY_SECONDS);

    return ASN1_TIME_set(X509_getm_notBefore(x509), from) != NULL &&
           ASN1_TIME_set(X509_getm_notAfter(x509), until) != NULL;
}

/* Its own issuer; the name is for people, peers look at the alternative names (RFC 9525). */
static bool set_issuer(X509 *x509)
{
    static const unsigned char name[] = "keyturn ephemeral";
    X509_NAME *subject = X509_get_subject_name(x509);

    return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(x509, subject) == 1;
}

struct wish {
    const char *const *names;
    size_t name_count;
    unsigned days;
    int64_t now;
    uint8_t serial[SERIAL_LEN];
};

static bool make(X509 *x509, EVP_PKEY *key, const struct wish *wish)
{
    return X509_set_version(x509, X509_VERSION_3) == 1 && set_serial(x509, wish->serial, SERIAL_LEN) &&
           set_dates(x509, wish->now, wish->days) && set_issuer(x509) && X509_set_pubkey(x509, key) == 1 &&
           add_text(x509, NID_basic_constraints, "critical,CA:FALSE") &&
           add_text(x509, NID_key_usage, "critical,digitalSignature") &&
           add_text(x509, NID_ext_key_usage, "serverAuth,clientAuth") &&
           add_names(x509, wish->names, wish->name_count) && X509_sign(x509, key, EVP_sha256()) > 0;
}

static const struct kt_fault *make_credential(const struct kt_env *env, const struct wish *wish,
                                              struct kt_credential **out)
{
    STACK_OF(X509) *chain = sk_X509_new_null();
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x509 = X509_new();
    const struct kt_fault *fault;

    if (chain == NULL || key == NULL || x509 == NULL || !make(x509, key, wish) || sk_X509_push(chain, x509) == 0) {
        fault = kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    } else {
        fault = kt_pki_credential(env, chain, NULL, key, out);
    }
    sk_X509_free(chain);
    EVP_PKEY_free(key);
    X509_free(x509);
    return fault;
}

static bool names_are_sane(const char *const *names, size_t count)
{
    if (count < 1 || count > NAMES_MAX) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (names[i] == NULL || names[i][0] == '\0' || strlen(names[i]) > 255) {
            return false;
        }
    }
    return true;
}

const struct kt_fault *kt_credential_ephemeral(const struct kt_env *env, const char *const *names, size_t name_count,
                                               unsigned days, struct kt_credential **out)
{
    struct wish wish = {.names = names, .name_count = name_count, .days = days};

    if (env == NULL || names == NULL || days == 0 || days > DAYS_MAX || !names_are_sane(names, name_count)) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (!env->random(env->user, wish.serial, sizeof wish.serial)) {
        KT_FAIL(RANDOM_FAILED);
    }
    wish.serial[0] = (uint8_t)((wish.serial[0] & 0x7f) | 0x40); /* positive, and of full length */
    wish.now = env->wall_seconds(env->user);
    return kt_pki_drained(make_credential(env, &wish, out));
}
