/*
 * shim_setup.c - from flags to a configuration, and what the connections of a run share.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seam/config_view.h" /* which schemes a credential of a file has */

#include "shim.h"

size_t shim_certificates(const char *path, struct kt_span *out, size_t cap)
{
    static char text[1 << 16];
    FILE *file = fopen(path, "r");
    char *at = text;
    size_t count = 0;

    if (file == NULL) {
        return 0;
    }
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    (void)fclose(file);
    while (count < cap && (at = strstr(at, "-----BEGIN CERTIFICATE-----")) != NULL) {
        uint8_t *der = malloc(sizeof text);
        uint32_t bits = 0;
        unsigned have = 0;
        size_t len = 0;
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        for (at = strchr(at, '\n'); der != NULL && at != NULL && *at != '-' && *at != '\0'; at++) {
            const char *digit = strchr(digits, *at);
            if (digit == NULL) {
                continue;
            }
            bits = bits << 6 | (uint32_t)(digit - digits);
            have += 6;
            if (have >= 8) {
                have -= 8;
                der[len++] = (uint8_t)(bits >> have);
            }
        }
        out[count++] = (struct kt_span){der, len};
        if (at == NULL) {
            break;
        }
    }
    return count;
}

/* The credential as the flags want it shown: fewer schemes, what is stapled. The key stays with the owner. */
static enum shim_exit dress(struct shim *shim, size_t index)
{
    const struct shim_credential_flags *flags = &shim->flags->credentials[index];
    const struct kt_credential *owner = shim->owner[index];
    uint16_t schemes[16];
    size_t count = 0;
    const char *name = shim->flags->expect_server_name != NULL ? shim->flags->expect_server_name : "";
    struct kt_span names[] = {{(const uint8_t *)name, strlen(name)}};
    const bool staples = flags->ocsp_response.len > 0 && !shim->flags->decline_ocsp;
    const struct kt_fault *fault;

    for (size_t i = 0; i < flags->signing_prefs.count && count < 16; i++) {
        if (shim_in(owner->schemes, owner->scheme_count, flags->signing_prefs.ids[i])) {
            schemes[count++] = flags->signing_prefs.ids[i];
        }
    }
    struct kt_credential_parts parts = {
        .chain = owner->chain,
        .chain_len = owner->chain_len,
        .schemes = flags->signing_prefs.count > 0 ? schemes : owner->schemes,
        .scheme_count = flags->signing_prefs.count > 0 ? count : owner->scheme_count,
        .names = names,
        .name_count = names[0].len > 0, /* a server says that it used the name only where it did */
        .ocsp_response = staples ? &flags->ocsp_response : NULL,
        .sct_list = flags->scts.len > 0 ? &flags->scts : NULL,
    };
    if (parts.scheme_count == 0) {
        return shim_missing("a key that may not sign");
    }
    fault = kt_credential_new(&shim->env, &parts, &shim->shown[index]);
    if (fault != NULL) {
        shim_explain(shim, fault);
        return SHIM_FAILURE;
    }
    return SHIM_GOOD;
}

static enum shim_exit load_credential(struct shim *shim, struct kt_builder *builder, size_t index)
{
    const struct shim_credential_flags *flags = &shim->flags->credentials[index];
    const char *cert = flags->cert_file;
    const struct kt_fault *fault;
    enum shim_exit outcome;

    if (cert == NULL && flags->key_file == NULL) {
        return SHIM_GOOD;
    }
    if (cert == NULL || flags->key_file == NULL) {
        return shim_missing("a key without certificate");
    }
    fault = kt_credential_from_files(&shim->env, cert, flags->key_file, NULL, &shim->owner[index]);
    if (fault != NULL) {
        return shim_missing(kt_reason_name((enum kt_reason)fault->reason));
    }
    outcome = dress(shim, index);
    if (outcome == SHIM_GOOD) {
        shim_must(kt_builder_credential(builder, shim->shown[index]));
    }
    return outcome;
}

/* The default one comes last: the runner's order of preference. */
static enum shim_exit load_credentials(struct shim *shim, struct kt_builder *builder)
{
    for (size_t i = 1; i <= shim->flags->credential_count; i++) {
        enum shim_exit outcome = load_credential(shim, builder, i);
        if (outcome != SHIM_GOOD) {
            return outcome;
        }
    }
    return load_credential(shim, builder, 0);
}

static struct kt_span text_span(const char *text)
{
    return (struct kt_span){(const uint8_t *)text, strlen(text)};
}

static void set_alpn(const struct shim_flags *flags, struct kt_builder *builder)
{
    struct kt_span names[16];
    size_t count = 0;

    if (flags->server && flags->reject_alpn) {
        names[count++] = text_span("no client offers this");
    } else if (flags->server && flags->select_alpn != NULL && !flags->decline_alpn) {
        names[count++] = text_span(flags->select_alpn);
    } else if (!flags->server && flags->advertise_alpn != NULL) {
        const uint8_t *p = (const uint8_t *)flags->advertise_alpn;
        for (; *p != 0 && count < 16; p += 1 + *p) {
            names[count++] = (struct kt_span){p + 1, *p};
        }
    }
    shim_must(kt_builder_alpn(builder, names, count));
}

/* Comma-separated names in hexadecimal digits. */
static void set_authorities(const char *list, struct kt_builder *builder)
{
    static uint8_t bytes[4096];
    struct kt_span names[16];
    size_t used = 0, count = 0;

    if (list == NULL || list[0] == '<') {
        return;
    }
    while (*list != '\0' && count < 16) {
        names[count].p = bytes + used;
        for (; list[0] != '\0' && list[0] != ',' && used < sizeof bytes; list += 2) {
            char digits[3] = {list[0], list[1], '\0'};
            bytes[used++] = (uint8_t)strtoul(digits, NULL, 16);
        }
        names[count].len = (size_t)(bytes + used - names[count].p);
        count++;
        list += *list == ',';
    }
    shim_must(kt_builder_authorities(builder, names, count));
}

static void set_asks(const struct shim_flags *flags, struct kt_builder *builder)
{
    bool gated = false;

    for (size_t i = 0; i <= flags->credential_count; i++) {
        gated |= flags->credentials[i].must_match_issuer;
    }
    if (flags->server) {
        shim_must(kt_builder_ask(builder, KT_ASK_CHOOSE_CONFIG));
    }
    if (flags->server && (flags->async || flags->ask_resume || flags->expect_peer_sha256)) {
        shim_must(kt_builder_ask(builder, KT_ASK_RESUME));
    }
    if (gated || (flags->server && flags->fail_ocsp) || flags->fail_cert_callback || flags->old_cert_callback ||
        flags->expect_client_ca_list != NULL || (!flags->server && flags->expect_verify_prefs.count > 0)) {
        shim_must(kt_builder_ask(builder, KT_ASK_CHOOSE_CREDENTIAL));
    }
}

/* A server without tickets: neither are there any to be sent, nor can the keys of this one ring open those of another.
 */
static void set_ids_only(struct shim *shim, struct kt_builder *builder, struct kt_resumption resumption)
{
    struct kt_ticket_ring *ring;

    shim_must(kt_ticket_ring_new(&shim->env, NULL, &ring));
    resumption.ring = ring;
    resumption.tickets = 0;
    shim_must(kt_builder_resumption(builder, &resumption));
    kt_ticket_ring_unref(ring);
}

static void set_resumption(struct shim *shim, struct kt_builder *builder)
{
    struct kt_resumption resumption = kt_resumption_default();

    resumption.ring = shim->ring;
    resumption.tickets = shim->flags->skip_ticket ? 0 : resumption.tickets;
    resumption.session_ids = shim->flags->server;
    shim_must(kt_builder_resumption(builder, &resumption));
    if (shim->flags->no_ticket && !shim->flags->server) {
        shim_must(kt_builder_resumption(builder, NULL));
    } else if (shim->flags->no_ticket) {
        set_ids_only(shim, builder, resumption);
    }
}

static void set_rest(struct shim *shim, struct kt_builder *builder)
{
    const struct shim_flags *flags = shim->flags;
    struct kt_lifetime lifetime = kt_lifetime_default();

    lifetime.min_gap_ms = 0; /* the runner wants its updates now */
    shim_must(kt_builder_lifetime(builder, &lifetime));
    set_alpn(flags, builder);
    set_authorities(flags->client_ca_list, builder);
    set_asks(flags, builder);
    set_resumption(shim, builder);
    kt_builder_staple(builder, flags->ocsp);
    kt_builder_sct(builder, flags->ask_scts);
    kt_builder_danger_no_renegotiation_info(builder, !flags->no_legacy_server);
    kt_builder_danger_unbound_resumption(builder, true);
    /* On servers it is on by default, with BoringSSL and with us. */
    kt_builder_grease(builder, flags->server || flags->grease || flags->permute);
    kt_builder_danger_keylog(builder, flags->export_traffic_secrets);
    if (flags->server && (flags->require_certificate || flags->verify_peer)) {
        kt_builder_client_auth(builder, flags->require_certificate ? KT_CLIENT_AUTH_REQUIRE : KT_CLIENT_AUTH_REQUEST);
    }
    if (flags->max_cert_list != 0) {
        shim_must(kt_builder_chain_limit(builder, flags->max_cert_list));
    }
}

enum shim_exit shim_configure(struct shim *shim)
{
    struct kt_builder *builder;
    enum shim_exit outcome;

    shim_must(kt_builder_new(shim->flags->server ? KT_SERVER : KT_CLIENT, &shim->env, &builder));
    outcome = shim_set_algorithms(shim->flags, builder);
    if (outcome == SHIM_GOOD) {
        outcome = load_credentials(shim, builder);
    }
    if (outcome == SHIM_GOOD) {
        set_rest(shim, builder);
        const struct kt_fault *fault = kt_builder_build(builder, &shim->config);
        if (fault != NULL) {
            printf("%s\n", kt_builder_field(builder));
            outcome = shim_missing(kt_reason_name((enum kt_reason)fault->reason));
        }
    }
    kt_builder_free(builder);
    return outcome;
}

void shim_release(struct shim *shim)
{
    kt_conn_free(shim->conn);
    kt_config_unref(shim->config);
    for (size_t i = 0; i < SHIM_CREDENTIALS_MAX; i++) {
        kt_credential_unref(shim->shown[i]);
        kt_credential_unref(shim->owner[i]);
    }
    for (size_t i = 0; i < shim->chain_len; i++) {
        free((void *)shim->chain[i].p);
    }
    free((void *)shim->secrets[0].p);
    free((void *)shim->secrets[1].p);
    *shim = (struct shim){
        .env = shim->env, .now = shim->now, .ring = shim->ring, .store = shim->store, .session = shim->session};
}

static uint64_t monotonic_ms(void *user)
{
    return (uint64_t)((struct shim *)user)->now * 1000;
}

static int64_t wall_seconds(void *user)
{
    return ((struct shim *)user)->now;
}

void shim_begin(struct shim *shim)
{
    shim->now = 1700000000;
    shim->env = *kt_env_linux();
    shim->env.monotonic_ms = monotonic_ms;
    shim->env.wall_seconds = wall_seconds;
    shim->env.observer = shim_watch;
    shim->env.user = shim;
    shim_must(kt_ticket_ring_new(&shim->env, NULL, &shim->ring));
    shim_must(kt_store_new(NULL, &shim->store));
}

void shim_end(struct shim *shim)
{
    kt_session_unref(shim->session);
    kt_store_free(shim->store);
    kt_ticket_ring_unref(shim->ring);
}
