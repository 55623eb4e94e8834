#include <limits.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/pkcs12.h>

#include "pki/pki_impl.h"

X509 *kt_pki_certificate(struct kt_span der)
{
    const unsigned char *at = der.p;
    X509 *x509 = der.len > 0 && der.len <= INT_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;

    if (x509 != NULL && at != der.p + der.len) {
        X509_free(x509);
        return NULL;
    }
    return x509;
}

const struct kt_fault *kt_pki_pem_next(BIO *bio, struct kt_pki_pem *out, bool *found)
{
    unsigned long error;
    long len = 0;

    *out = (struct kt_pki_pem){0};
    *found = PEM_read_bio(bio, &out->name, &out->header, &out->content.p, &len) == 1;
    out->content.len = *found ? (size_t)len : 0;
    error = ERR_peek_last_error();
    if (!*found && (ERR_GET_LIB(error) != ERR_LIB_PEM || ERR_GET_REASON(error) != PEM_R_NO_START_LINE)) {
        return kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    return kt_pki_drained(NULL);
}

void kt_pki_pem_free(struct kt_pki_pem *pem)
{
    OPENSSL_free(pem->name);
    OPENSSL_free(pem->header);
    kt_pki_bytes_free(&pem->content);
}

bool kt_pki_pem_is_certificate(const struct kt_pki_pem *pem)
{
    return strcmp(pem->name, PEM_STRING_X509) == 0 || strcmp(pem->name, PEM_STRING_X509_OLD) == 0;
}

/* private keys */

static bool is_private_key(const char *name)
{
    static const char tail[] = "PRIVATE KEY";
    size_t len = strlen(name);

    return len >= sizeof tail - 1 && strcmp(name + len - (sizeof tail - 1), tail) == 0;
}

static const struct kt_fault *from_pkcs8(PKCS8_PRIV_KEY_INFO *info, EVP_PKEY **out)
{
    *out = EVP_PKCS82PKEY(info);
    PKCS8_PRIV_KEY_INFO_free(info);
    return *out != NULL ? NULL : kt_pki_cause(KT_FAULT(KEY_UNSUPPORTED));
}

static const struct kt_fault *plain_key(struct kt_pki_bytes der, EVP_PKEY **out)
{
    const unsigned char *at = der.p;
    PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)der.len);

    if (info == NULL) {
        return kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    return from_pkcs8(info, out);
}

/* Whether the password or the text is wrong cannot be told apart: the padding is right once in 256 times. */
static const struct kt_fault *encrypted_key(struct kt_pki_bytes der, const char *password, EVP_PKEY **out)
{
    const unsigned char *at = der.p;
    X509_SIG *sealed = d2i_X509_SIG(NULL, &at, (long)der.len);
    PKCS8_PRIV_KEY_INFO *info = NULL;

    if (sealed == NULL) {
        return kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    if (password != NULL) {
        info = PKCS8_decrypt(sealed, password, (int)strlen(password));
    }
    X509_SIG_free(sealed);
    if (info == NULL) {
        return kt_pki_cause(KT_FAULT(KEY_PASSWORD_WRONG));
    }
    return from_pkcs8(info, out);
}

static int hand_over(char *to, int cap, int writing, void *password)
{
    size_t len = strlen(password);

    (void)writing;
    if (len > (size_t)cap) {
        return -1;
    }
    kt_copy(to, password, len); /* PEM_do_header wipes it */
    return (int)len;
}

/* Takes the traditional encryption (RFC 1421) off, in place. */
static const struct kt_fault *decrypt_traditional(struct kt_pki_pem *pem, const char *password, bool *encrypted)
{
    EVP_CIPHER_INFO cipher;
    long len = (long)pem->content.len;

    if (PEM_get_EVP_CIPHER_INFO(pem->header, &cipher) != 1) {
        return kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    *encrypted = cipher.cipher != NULL;
    if (*encrypted &&
        (password == NULL || PEM_do_header(&cipher, pem->content.p, &len, hand_over, (void *)password) != 1)) {
        return kt_pki_cause(KT_FAULT(KEY_PASSWORD_WRONG));
    }
    /* What was padding is left behind the shorter text, and is wiped with it. */
    return NULL;
}

static const struct kt_fault *traditional_key(struct kt_pki_pem *pem, int type, const char *password, EVP_PKEY **out)
{
    const unsigned char *at = pem->content.p;
    bool encrypted = false;

    KT_TRY(decrypt_traditional(pem, password, &encrypted));
    *out = d2i_PrivateKey(type, NULL, &at, (long)pem->content.len);
    if (*out == NULL) {
        return kt_pki_cause(encrypted ? KT_FAULT(KEY_PASSWORD_WRONG) : KT_FAULT(PEM_MALFORMED));
    }
    return NULL;
}

static const struct kt_fault *decode_key(struct kt_pki_pem *pem, const char *password, EVP_PKEY **out)
{
    if (strcmp(pem->name, PEM_STRING_PKCS8INF) == 0) {
        return plain_key(pem->content, out);
    }
    if (strcmp(pem->name, PEM_STRING_PKCS8) == 0) {
        return encrypted_key(pem->content, password, out);
    }
    if (strcmp(pem->name, PEM_STRING_RSA) == 0) {
        return traditional_key(pem, EVP_PKEY_RSA, password, out);
    }
    if (strcmp(pem->name, PEM_STRING_ECPRIVATEKEY) == 0) {
        return traditional_key(pem, EVP_PKEY_EC, password, out);
    }
    KT_FAIL(KEY_UNSUPPORTED);
}

static const struct kt_fault *first_key(BIO *bio, const char *password, EVP_PKEY **out)
{
    const struct kt_fault *fault;
    struct kt_pki_pem pem;
    bool found, is_key;

    do {
        fault = kt_pki_pem_next(bio, &pem, &found);
        is_key = found && is_private_key(pem.name);
        if (is_key) {
            fault = decode_key(&pem, password, out);
        } else if (!found && fault == NULL) {
            fault = KT_FAULT(PEM_MISSING);
        }
        kt_pki_pem_free(&pem);
    } while (fault == NULL && !is_key);
    return fault;
}

const struct kt_fault *kt_pki_key_from_pem(struct kt_span text, const char *password, EVP_PKEY **out)
{
    const struct kt_fault *fault;
    BIO *bio;

    if (text.len > KT_PKI_FILE_MAX) {
        KT_FAIL(PEM_MALFORMED);
    }
    bio = BIO_new_mem_buf(text.len > 0 ? (const void *)text.p : "", (int)text.len);
    if (bio == NULL) {
        return kt_pki_drained(KT_FAULT(MEMORY_SPENT));
    }
    fault = first_key(bio, password, out);
    BIO_free(bio);
    return kt_pki_drained(fault);
}
