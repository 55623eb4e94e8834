#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "pki/trust_impl.h"

const struct kt_fault *kt_trust_new(struct kt_trust **out)
{
    struct kt_trust *trust = OPENSSL_zalloc(sizeof *trust);

    if (trust == NULL || (trust->store = X509_STORE_new()) == NULL) {
        OPENSSL_free(trust);
        return kt_pki_drained(KT_FAULT(MEMORY_SPENT));
    }
    *out = trust;
    return NULL;
}

void kt_trust_free(struct kt_trust *trust)
{
    if (trust == NULL) {
        return;
    }
    for (size_t i = 0; i < trust->name_count; i++) {
        OPENSSL_free((void *)trust->names[i].p);
    }
    OPENSSL_free(trust->names);
    X509_STORE_free(trust->store);
    OPENSSL_free(trust);
}

const struct kt_span *kt_trust_names(const struct kt_trust *trust, size_t *count)
{
    *count = trust->name_count;
    return trust->names;
}

/* adding */

static bool knows_name(const struct kt_trust *trust, struct kt_span name)
{
    for (size_t i = 0; i < trust->name_count; i++) {
        if (kt_span_same(trust->names[i], name)) {
            return true;
        }
    }
    return false;
}

/* Takes `name` over, which is in libcrypto's memory. */
static bool add_name(struct kt_trust *trust, struct kt_span name)
{
    struct kt_span *more;

    if (knows_name(trust, name)) {
        OPENSSL_free((void *)name.p);
        return true;
    }
    more = OPENSSL_realloc(trust->names, (trust->name_count + 1) * sizeof *more);
    if (more == NULL) {
        OPENSSL_free((void *)name.p);
        return false;
    }
    trust->names = more;
    trust->names[trust->name_count++] = name;
    return true;
}

/*
 * X509_check_purpose makes libcrypto read the extensions now, so that later only reading happens and threads
 * that verify at the same time do not wait for each other.
 */
static const struct kt_fault *add_authority(struct kt_trust *trust, X509 *x509)
{
    uint8_t *name = NULL;
    int len = i2d_X509_NAME(X509_get_subject_name(x509), &name);

    (void)X509_check_purpose(x509, -1, 0);
    if (len <= 0 || !add_name(trust, kt_span_of(name, (size_t)len)) || X509_STORE_add_cert(trust->store, x509) != 1) {
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    return NULL;
}

static const struct kt_fault *add_crl(struct kt_trust *trust, X509_CRL *crl)
{
    if (X509_STORE_add_crl(trust->store, crl) != 1) {
        return kt_pki_cause(KT_FAULT(CRYPTO_FAILED));
    }
    trust->has_crl = true;
    return NULL;
}

static const struct kt_fault *add_block(struct kt_trust *trust, const struct kt_pki_pem *pem)
{
    const unsigned char *at = pem->content.p;
    bool is_crl = strcmp(pem->name, PEM_STRING_X509_CRL) == 0;
    X509_CRL *crl = is_crl ? d2i_X509_CRL(NULL, &at, (long)pem->content.len) : NULL;
    X509 *x509 = is_crl ? NULL : kt_pki_certificate(kt_span_of(pem->content.p, pem->content.len));
    const struct kt_fault *fault;

    if (crl != NULL) {
        fault = add_crl(trust, crl);
    } else if (x509 != NULL) {
        fault = add_authority(trust, x509);
    } else {
        fault = kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    X509_CRL_free(crl);
    X509_free(x509);
    return fault;
}

static bool is_wanted(const struct kt_pki_pem *pem, bool lists_only)
{
    return strcmp(pem->name, PEM_STRING_X509_CRL) == 0 || (!lists_only && kt_pki_pem_is_certificate(pem));
}

static const struct kt_fault *add_all(struct kt_trust *trust, BIO *bio, bool lists_only, size_t *added)
{
    const struct kt_fault *fault;
    struct kt_pki_pem pem;
    bool found;

    do {
        fault = kt_pki_pem_next(bio, &pem, &found);
        if (found && is_wanted(&pem, lists_only)) {
            fault = add_block(trust, &pem);
            *added += fault == NULL ? 1 : 0;
        }
        kt_pki_pem_free(&pem);
    } while (fault == NULL && found);
    return fault;
}

static const struct kt_fault *add_text(struct kt_trust *trust, struct kt_span pem, bool lists_only)
{
    const struct kt_fault *fault;
    size_t added = 0;
    BIO *bio;

    if (pem.len > KT_PKI_FILE_MAX) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    bio = BIO_new_mem_buf(pem.len > 0 ? (const void *)pem.p : "", (int)pem.len);
    if (bio == NULL) {
        return kt_pki_drained(KT_FAULT(MEMORY_SPENT));
    }
    fault = add_all(trust, bio, lists_only, &added);
    if (fault == NULL && added == 0) {
        fault = KT_FAULT(PEM_MISSING);
    }
    BIO_free(bio);
    return kt_pki_drained(fault);
}

const struct kt_fault *kt_trust_add_pem(struct kt_trust *trust, struct kt_span pem)
{
    return add_text(trust, pem, false);
}

const struct kt_fault *kt_trust_add_file(struct kt_trust *trust, const char *path)
{
    struct kt_pki_bytes bytes = {0};
    const struct kt_fault *fault;

    KT_TRY(kt_pki_file_read(path, &bytes));
    fault = kt_trust_add_pem(trust, kt_span_of(bytes.p, bytes.len));
    kt_pki_bytes_free(&bytes);
    return fault;
}

/* revocation lists */

static const struct kt_fault *add_der_crl(struct kt_trust *trust, const struct kt_pki_bytes *bytes)
{
    const unsigned char *at = bytes->p;
    X509_CRL *crl = d2i_X509_CRL(NULL, &at, (long)bytes->len);
    const struct kt_fault *fault;

    if (crl != NULL && at == bytes->p + bytes->len) {
        fault = add_crl(trust, crl);
    } else {
        fault = kt_pki_cause(KT_FAULT(PEM_MALFORMED));
    }
    X509_CRL_free(crl);
    return kt_pki_drained(fault);
}

const struct kt_fault *kt_trust_add_crl_file(struct kt_trust *trust, const char *path)
{
    struct kt_pki_bytes bytes = {0};
    const struct kt_fault *fault;

    KT_TRY(kt_pki_file_read(path, &bytes));
    if (bytes.len > 0 && bytes.p[0] == (V_ASN1_CONSTRUCTED | V_ASN1_SEQUENCE)) {
        fault = add_der_crl(trust, &bytes);
    } else {
        fault = add_text(trust, kt_span_of(bytes.p, bytes.len), true);
    }
    kt_pki_bytes_free(&bytes);
    return fault;
}

/* "name.crl", or the hash of a name, ".r" and a number. */
static bool is_crl_name(const char *name)
{
    size_t len = strlen(name);
    bool is_hash = len > 10 && strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] == 'r' &&
                   strspn(name + 10, "0123456789") == len - 10;

    return is_hash || (len > 4 && name[0] != '.' && strcmp(name + len - 4, ".crl") == 0);
}

static const struct kt_fault *add_crl_entries(struct kt_trust *trust, const char *folder, DIR *dir)
{
    const struct dirent *entry;
    bool found = false;
    char path[4096];

    while ((entry = readdir(dir)) != NULL) {
        int len = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);

        if (!is_crl_name(entry->d_name)) {
            continue;
        }
        if (len < 0 || (size_t)len >= sizeof path) {
            KT_FAIL(FILE_UNREADABLE);
        }
        KT_TRY(kt_trust_add_crl_file(trust, path));
        found = true;
    }
    return found ? NULL : KT_FAULT(PEM_MISSING);
}

const struct kt_fault *kt_trust_add_crl_dir(struct kt_trust *trust, const char *path)
{
    DIR *dir = path != NULL ? opendir(path) : NULL;
    const struct kt_fault *fault;

    if (path == NULL) {
        KT_FAIL(USAGE_ARGUMENT);
    }
    if (dir == NULL) {
        KT_FAIL(FILE_UNREADABLE);
    }
    fault = add_crl_entries(trust, path, dir);
    closedir(dir);
    return fault;
}

/* the system's */

/* Files that distributions keep with all authorities in one, first those of Debian. */
static const char *const bundles[] = {
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
};

static bool is_memory(const struct kt_fault *fault)
{
    return fault != NULL && fault->reason == KT_REASON_MEMORY_SPENT;
}

/* What cannot be read there is none of ours: the rest of the system's store still counts. */
static const struct kt_fault *try_file(struct kt_trust *trust, const char *path)
{
    const struct kt_fault *fault = kt_trust_add_file(trust, path);

    return is_memory(fault) ? fault : NULL;
}

/* SSL_CERT_FILE takes the place of the known bundles, as in OpenSSL; not in a set-user-ID program. */
static const struct kt_fault *try_bundles(struct kt_trust *trust)
{
    const char *given = secure_getenv("SSL_CERT_FILE");

    if (given != NULL) {
        return try_file(trust, given);
    }
    for (size_t i = 0; i < KT_COUNT_OF(bundles) && trust->name_count == 0; i++) {
        KT_TRY(try_file(trust, bundles[i]));
    }
    return NULL;
}

/* Folders in OpenSSL's form hold each authority under the hash of its name: eight hex digits, a dot, a
 * number. */
static bool is_hash_name(const char *name)
{
    return strlen(name) > 9 && strspn(name, "0123456789abcdef") == 8 && name[8] == '.' &&
           strspn(name + 9, "0123456789") == strlen(name + 9);
}

static const struct kt_fault *try_entries(struct kt_trust *trust, const char *folder, DIR *dir)
{
    const struct dirent *entry;
    char path[4096];

    while ((entry = readdir(dir)) != NULL) {
        int len = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);

        if (is_hash_name(entry->d_name) && len > 0 && (size_t)len < sizeof path) {
            KT_TRY(try_file(trust, path));
        }
    }
    return NULL;
}

static const struct kt_fault *try_folder(struct kt_trust *trust)
{
    const char *given = secure_getenv("SSL_CERT_DIR");
    const char *folder = given != NULL ? given : "/etc/ssl/certs";
    DIR *dir = opendir(folder);
    const struct kt_fault *fault;

    if (dir == NULL) {
        return NULL;
    }
    fault = try_entries(trust, folder, dir);
    closedir(dir);
    return fault;
}

const struct kt_fault *kt_trust_add_system(struct kt_trust *trust)
{
    size_t before = trust->name_count;

    KT_TRY(try_bundles(trust));
    if (trust->name_count == before) {
        KT_TRY(try_folder(trust));
    }
    if (trust->name_count == 0) {
        KT_FAIL(TRUST_EMPTY);
    }
    return NULL;
}
