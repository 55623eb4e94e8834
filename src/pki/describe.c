#include <limits.h>
#include <string.h>

#include <openssl/bio.h>
#include <openssl/x509v3.h>

#include "pki/pki_impl.h"

/* Certificates come from strangers and end up on terminals: every byte that is not plain is escaped. */

void kt_certificate_fingerprint(struct kt_span certificate, char out[65])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char digest[EVP_MAX_MD_SIZE];

    out[0] = '\0';
    if (EVP_Digest(certificate.p, certificate.len, digest, NULL, EVP_sha256(), NULL) == 1) {
        for (size_t i = 0; i < 32; i++) {
            out[2 * i] = digits[digest[i] >> 4];
            out[2 * i + 1] = digits[digest[i] & 15];
        }
        out[64] = '\0';
    }
    ERR_clear_error();
}

static void put_escaped(BIO *to, const uint8_t *p, int len)
{
    for (int i = 0; i < len; i++) {
        bool plain = p[i] > ' ' && p[i] < 0x7f && p[i] != '\\' && p[i] != ',';

        BIO_printf(to, plain ? "%c" : "\\x%02x", p[i]);
    }
}

static void put_address(BIO *to, const ASN1_OCTET_STRING *address)
{
    const uint8_t *p = ASN1_STRING_get0_data(address);
    int len = ASN1_STRING_length(address);

    BIO_puts(to, "IP:");
    if (len == 4) {
        BIO_printf(to, "%u.%u.%u.%u", p[0], p[1], p[2], p[3]);
        return;
    }
    for (int i = 0; i < len; i += 2) {
        BIO_printf(to, i == 0 ? "%x" : ":%x", i + 1 < len ? p[i] << 8 | p[i + 1] : p[i]);
    }
}

static void put_alternative(BIO *to, const GENERAL_NAME *name)
{
    if (name->type == GEN_DNS) {
        BIO_puts(to, "DNS:");
        put_escaped(to, ASN1_STRING_get0_data(name->d.dNSName), ASN1_STRING_length(name->d.dNSName));
    } else if (name->type == GEN_IPADD) {
        put_address(to, name->d.iPAddress);
    } else {
        BIO_puts(to, "other");
    }
}

static void put_alternatives(BIO *to, const X509 *x509)
{
    GENERAL_NAMES *all = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
    int count = all != NULL ? sk_GENERAL_NAME_num(all) : 0;

    BIO_puts(to, count > 0 ? "names: " : "names: none");
    for (int i = 0; i < count; i++) {
        BIO_puts(to, i > 0 ? ", " : "");
        put_alternative(to, sk_GENERAL_NAME_value(all, i));
    }
    BIO_puts(to, "\n");
    GENERAL_NAMES_free(all);
}

static void put_name(BIO *to, const char *what, const X509_NAME *name)
{
    BIO_puts(to, what);
    X509_NAME_print_ex(to, name, 0, XN_FLAG_RFC2253 & ~(unsigned long)XN_FLAG_DN_REV);
    BIO_puts(to, "\n");
}

static void put_date(BIO *to, const char *what, const ASN1_TIME *date)
{
    BIO_puts(to, what);
    ASN1_TIME_print_ex(to, date, ASN1_DTFLGS_ISO8601);
    BIO_puts(to, "\n");
}

static void put_certificate(BIO *to, struct kt_span der)
{
    X509 *x509 = kt_pki_certificate(der);
    char fingerprint[65];

    if (x509 == NULL) {
        BIO_puts(to, "not a certificate\n");
    } else {
        put_name(to, "subject: ", X509_get_subject_name(x509));
        put_name(to, "issuer: ", X509_get_issuer_name(x509));
        put_alternatives(to, x509);
        put_date(to, "not before: ", X509_get0_notBefore(x509));
        put_date(to, "not after: ", X509_get0_notAfter(x509));
        X509_free(x509);
    }
    kt_certificate_fingerprint(der, fingerprint);
    BIO_printf(to, "sha256: %s\n", fingerprint);
}

size_t kt_certificate_text(struct kt_span certificate, char *out, size_t cap)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text = NULL;
    size_t len = 0;

    if (bio != NULL) {
        put_certificate(bio, certificate);
        len = (size_t)BIO_get_mem_data(bio, &text);
    }
    if (cap > 0) {
        size_t fits = len < cap ? len : cap - 1;

        kt_copy(out, text, fits);
        out[fits] = '\0';
    }
    BIO_free(bio);
    ERR_clear_error();
    return len;
}
