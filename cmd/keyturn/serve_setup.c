#include "serve_setup.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

enum { EPHEMERAL_DAYS = 30 };

static enum kt_exit refuse(const char *subject, const struct kt_fault *fault)
{
    kt_report_fault("", subject, fault, NULL, 0);
    return KT_EXIT_FILES;
}

static enum kt_exit load_trust(const struct kt_serve_options *own, struct kt_trust **out)
{
    const struct kt_fault *fault;

    if (own->client_ca == NULL) {
        return KT_EXIT_NONE;
    }
    fault = kt_trust_new(out);
    if (fault == NULL) {
        fault = kt_trust_add_file(*out, own->client_ca);
    }
    return fault == NULL ? kt_options_crls(own->common, *out) : refuse(own->client_ca, fault);
}

static enum kt_exit add_client_auth(struct kt_builder *builder, const struct kt_serve_options *own,
                                    const struct kt_trust *trust)
{
    size_t count;
    const struct kt_span *names;
    const struct kt_fault *fault;

    if (trust == NULL) {
        return KT_EXIT_NONE;
    }
    kt_builder_client_auth(builder, own->client_auth);
    names = kt_trust_names(trust, &count);
    fault = kt_builder_authorities(builder, names, count);
    return fault == NULL ? KT_EXIT_NONE : refuse(own->client_ca, fault);
}

static enum kt_exit add_credentials(struct kt_builder *builder, const struct kt_setup *setup,
                                    struct kt_credential *ephemeral)
{
    const struct kt_fault *fault = ephemeral == NULL ? NULL : kt_builder_credential(builder, ephemeral);

    for (size_t i = 0; i < setup->credential_count && fault == NULL; i++) {
        fault = kt_builder_credential(builder, setup->credentials[i]);
    }
    return fault == NULL ? KT_EXIT_NONE : refuse("the certificates", fault);
}

/* Whom we trust is told by the name of the file: a session of one file's authorities is none of another's. */
static enum kt_exit add_resumption(struct kt_builder *builder, const struct kt_serve_options *own)
{
    struct kt_resumption resumption = kt_resumption_default();
    const struct kt_options *common = own->common;
    const struct kt_fault *fault;
    char context[256] = "";

    if (own->ring == NULL) {
        return KT_EXIT_NONE;
    }
    resumption.ring = own->ring;
    resumption.stateful = own->stateful;
    resumption.generation = own->generation;
    resumption.tickets = (unsigned)own->tickets;
    resumption.session_ids = own->session_ids;
    resumption.ticket_seconds = (uint32_t)own->ticket_seconds;
    if (own->client_ca != NULL) {
        (void)snprintf(context, sizeof context, "%d%zu %s %s", common->crl_hard, common->crl_count,
                       common->crl_count > 0 ? common->crls[0] : "", own->client_ca);
    }
    resumption.context = (struct kt_span){(const uint8_t *)context, strlen(context)};
    fault = kt_builder_resumption(builder, &resumption);
    if (fault == NULL && own->has_store) {
        fault = kt_builder_ask(builder, KT_ASK_RESUME);
    }
    return fault == NULL ? KT_EXIT_NONE : refuse("--tickets", fault);
}

static enum kt_exit build_config(const struct kt_options *common, const struct kt_serve_options *own,
                                 struct kt_credential *ephemeral, struct kt_setup *setup)
{
    struct kt_builder *builder;
    enum kt_exit exit = kt_options_bare_builder(common, KT_SERVER, &builder);

    if (exit != KT_EXIT_NONE) {
        return exit;
    }
    exit = add_client_auth(builder, own, setup->trust);
    if (exit == KT_EXIT_NONE) {
        exit = add_resumption(builder, own);
    }
    if (exit == KT_EXIT_NONE) {
        exit = add_credentials(builder, setup, ephemeral);
    }
    if (exit != KT_EXIT_NONE) {
        kt_builder_free(builder);
        return exit;
    }
    return kt_options_build(builder, &setup->config);
}

static enum kt_exit load_credentials(const struct kt_options *common, struct kt_setup *setup)
{
    enum kt_exit exit = KT_EXIT_NONE;

    for (size_t i = 0; i < common->credential_count && exit == KT_EXIT_NONE; i++) {
        exit = kt_options_credential(common, i, &setup->credentials[i]);
        setup->credential_count += exit == KT_EXIT_NONE ? 1 : 0;
    }
    return exit;
}

static struct kt_setup *setup_new(void)
{
    struct kt_setup *setup = calloc(1, sizeof *setup);

    if (setup == NULL) {
        kt_report_line("", "error: not enough memory (reason=%s alert=-)", kt_reason_name(KT_REASON_MEMORY_SPENT));
    } else {
        atomic_init(&setup->references, 1);
    }
    return setup;
}

enum kt_exit kt_setup_load(const struct kt_options *common, const struct kt_serve_options *own,
                           struct kt_credential *ephemeral, struct kt_setup **out)
{
    struct kt_setup *setup = setup_new();
    enum kt_exit exit;

    if (setup == NULL) {
        return KT_EXIT_FILES;
    }
    setup->verify = kt_options_verify(common);
    setup->verify.any_name = true; /* clients are known by their authority, not by a host name */
    exit = load_trust(own, &setup->trust);
    if (exit == KT_EXIT_NONE) {
        exit = load_credentials(common, setup);
    }
    if (exit == KT_EXIT_NONE) {
        exit = build_config(common, own, ephemeral, setup);
    }
    if (exit != KT_EXIT_NONE) {
        kt_setup_unref(setup);
        return exit;
    }
    *out = setup;
    return KT_EXIT_NONE;
}

/* A setup that was itself made by an exchange stands on the one that was loaded: there is never more than one below. */
enum kt_exit kt_setup_exchange(struct kt_setup *setup, const struct kt_options *common,
                               const struct kt_serve_options *own, size_t index, struct kt_credential *credential,
                               struct kt_setup **out)
{
    struct kt_setup *other = setup_new();
    enum kt_exit exit;

    if (other == NULL) {
        return KT_EXIT_FILES;
    }
    other->base = kt_setup_ref(setup->base != NULL ? setup->base : setup);
    other->trust = setup->trust;
    other->verify = setup->verify;
    other->credential_count = setup->credential_count;
    for (size_t i = 0; i < setup->credential_count; i++) {
        other->credentials[i] = kt_credential_ref(i == index ? credential : setup->credentials[i]);
    }
    exit = build_config(common, own, NULL, other);
    if (exit != KT_EXIT_NONE) {
        kt_setup_unref(other);
        return exit;
    }
    *out = other;
    return KT_EXIT_NONE;
}

struct kt_setup *kt_setup_ref(struct kt_setup *setup)
{
    atomic_fetch_add_explicit(&setup->references, 1, memory_order_relaxed);
    return setup;
}

void kt_setup_unref(struct kt_setup *setup)
{
    if (setup == NULL || atomic_fetch_sub_explicit(&setup->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    kt_config_unref(setup->config);
    for (size_t i = 0; i < setup->credential_count; i++) {
        kt_credential_unref(setup->credentials[i]);
    }
    if (setup->base == NULL) {
        kt_trust_free(setup->trust);
    }
    kt_setup_unref(setup->base);
    free(setup);
}

static void write_base64(FILE *file, struct kt_span bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

    for (size_t i = 0; i < bytes.len; i += 3) {
        size_t left = bytes.len - i;
        unsigned long group = (unsigned long)bytes.p[i] << 16 | (left > 1 ? (unsigned long)bytes.p[i + 1] << 8 : 0) |
                              (left > 2 ? bytes.p[i + 2] : 0);

        fputc(digits[group >> 18 & 63], file);
        fputc(digits[group >> 12 & 63], file);
        fputc(left > 1 ? digits[group >> 6 & 63] : '=', file);
        fputc(left > 2 ? digits[group & 63] : '=', file);
        if (i % 48 == 45 || left <= 3) {
            fputc('\n', file);
        }
    }
}

static enum kt_exit write_pem(const char *path, struct kt_span certificate)
{
    FILE *file = fopen(path, "we");
    bool failed = file == NULL;

    if (file != NULL) {
        fputs("-----BEGIN CERTIFICATE-----\n", file);
        write_base64(file, certificate);
        fputs("-----END CERTIFICATE-----\n", file);
        failed = ferror(file) != 0;
        failed = fclose(file) != 0 || failed;
    }
    if (failed) {
        kt_report_line("", "error: %s: %s (reason=%s alert=-)", path, strerror(errno),
                       kt_reason_name(KT_REASON_FILE_UNWRITABLE));
        return KT_EXIT_FILES;
    }
    return KT_EXIT_NONE;
}

enum kt_exit kt_setup_ephemeral(const struct kt_options *common, const struct kt_serve_options *own,
                                struct kt_credential **out)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "::1"};
    struct kt_span certificate;
    char fingerprint[65];
    const struct kt_fault *fault =
        kt_credential_ephemeral(&common->env, names, sizeof names / sizeof names[0], EPHEMERAL_DAYS, out);

    if (fault != NULL) {
        return refuse("the ephemeral certificate", fault);
    }
    certificate = kt_credential_certificate(*out, 0);
    kt_certificate_fingerprint(certificate, fingerprint);
    kt_report_line("", "ephemeral certificate sha256=%s", fingerprint);
    return own->ephemeral_out == NULL ? KT_EXIT_NONE : write_pem(own->ephemeral_out, certificate);
}
