/*
 * shim.c - the program that BoringSSL's protocol runner starts: connections over the native API, one after the other.
 */
#include "shim.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_MAX 65536

static const struct kt_fault *handshake(struct shim *shim)
{
    const struct kt_fault *fault = NULL;

    while (fault == NULL && !kt_conn_is_connected(shim->conn)) {
        fault = shim_turn(shim);
    }
    return fault != NULL ? fault : shim_flush(shim);
}

static const struct kt_fault *write_bytes(struct shim *shim, const uint8_t *bytes, size_t len)
{
    const struct kt_fault *fault = NULL;

    while (fault == NULL && len > 0) {
        size_t taken;
        fault = kt_conn_send(shim->conn, bytes, len, &taken);
        if (fault == NULL) {
            bytes += taken;
            len -= taken;
            fault = shim_flush(shim);
        }
    }
    return fault;
}

/* Waits for data; *got is 0 at the end, clean or not. */
static const struct kt_fault *read_bytes(struct shim *shim, uint8_t *out, size_t cap, size_t *got)
{
    const struct kt_fault *fault = NULL;

    while (fault == NULL && (kt_conn_status(shim->conn) & (KT_HAS_DATA | KT_IN_CLOSED)) == 0) {
        fault = shim_turn(shim);
    }
    *got = 0;
    if (shim->ended && fault != NULL && fault->reason == KT_REASON_TRUNCATED) {
        return NULL;
    }
    if (fault != NULL) {
        return fault;
    }
    if (shim->flags->peek) {
        size_t first_len, second_len;
        const uint8_t *first = kt_conn_read(shim->conn, &first_len);
        if (kt_conn_read(shim->conn, &second_len) != first || first_len != second_len) {
            shim_broken("looking at data changes it");
        }
    }
    return kt_conn_recv(shim->conn, out, cap, got);
}

static const struct kt_fault *write_exports(struct shim *shim)
{
    static uint8_t bytes[4096];
    const struct shim_flags *flags = shim->flags;
    struct kt_span label = {(const uint8_t *)flags->export_label, strlen(flags->export_label)};
    struct kt_span context = {NULL, 0};
    const struct kt_fault *fault = NULL;

    if (flags->use_export_context) {
        context = (struct kt_span){(const uint8_t *)flags->export_context, strlen(flags->export_context)};
    }
    if (flags->export_len > 0) {
        fault = kt_conn_export(shim->conn, label, context, bytes, flags->export_len);
        if (fault == NULL) {
            fault = write_bytes(shim, bytes, flags->export_len);
        }
    }
    if (fault == NULL && flags->export_traffic_secrets) {
        struct kt_span receiving = shim->secrets[flags->server ? 0 : 1];
        struct kt_span sending = shim->secrets[flags->server ? 1 : 0];
        bytes[0] = (uint8_t)receiving.len;
        bytes[1] = 0;
        memcpy(bytes + 2, receiving.p, receiving.len);
        memcpy(bytes + 2 + receiving.len, sending.p, sending.len);
        fault = write_bytes(shim, bytes, 2 + receiving.len + sending.len);
    }
    return fault;
}

static const struct kt_fault *write_binding(struct shim *shim)
{
    uint8_t bytes[64];
    size_t len;
    const struct kt_fault *fault =
        kt_conn_channel_binding(shim->conn, KT_BINDING_TLS_UNIQUE, bytes, sizeof bytes, &len);

    if (fault != NULL) {
        (void)fputs("failed to get tls-unique\n", stderr);
    }
    return fault != NULL ? fault : write_bytes(shim, bytes, len);
}

static const struct kt_fault *write_sizes(struct shim *shim)
{
    static const size_t sizes[] = {0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769};
    static uint8_t bytes[32769];
    const struct kt_fault *fault = NULL;

    memset(bytes, 0x42, sizeof bytes);
    for (size_t i = 0; fault == NULL && i < sizeof sizes / sizeof sizes[0]; i++) {
        fault = write_bytes(shim, bytes, sizes[i]);
    }
    return fault;
}

static const struct kt_fault *write_first(struct shim *shim)
{
    const struct shim_flags *flags = shim->flags;
    const uint8_t *bytes = (const uint8_t *)flags->initial_write;
    const struct kt_fault *fault = NULL;

    if (flags->different_sizes) {
        return write_sizes(shim);
    }
    shim->held = flags->unfinished_write;
    for (uint64_t i = 0;
         fault == NULL && (flags->writes_first || flags->unfinished_write) && i < flags->initial_write_count; i++) {
        fault = write_bytes(shim, bytes, strlen(flags->initial_write));
    }
    return fault;
}

static const struct kt_fault *after_read(struct shim *shim)
{
    const struct kt_fault *fault = NULL;
    uint8_t byte;

    shim->held = false;
    if (shim->flags->export_between_reads) {
        fault = kt_conn_export(shim->conn, (struct kt_span){(const uint8_t *)"label", 5}, (struct kt_span){NULL, 0},
                               &byte, 1);
    }
    if (fault == NULL && shim->flags->key_update) {
        fault = kt_conn_rekey(shim->conn, KT_REKEY_SEND);
    }
    return fault;
}

/* Gives every byte back, inverted, until the peer ends. */
static const struct kt_fault *echo(struct shim *shim)
{
    static uint8_t bytes[READ_MAX];
    size_t cap = shim->flags->read_size < READ_MAX ? shim->flags->read_size : READ_MAX;
    const struct kt_fault *fault = NULL;

    while (fault == NULL) {
        size_t got;
        if (shim->flags->key_update_before_read) {
            fault = kt_conn_rekey(shim->conn, KT_REKEY_SEND);
        }
        if (fault == NULL) {
            fault = read_bytes(shim, bytes, cap, &got);
        }
        if (fault != NULL || got == 0) {
            return fault;
        }
        fault = after_read(shim);
        for (size_t i = 0; i < got; i++) {
            bytes[i] ^= 0xff;
        }
        if (fault == NULL) {
            fault = write_bytes(shim, bytes, got);
        }
    }
    return fault;
}

/* Ours, and when it is the first one the peer's too. */
static const struct kt_fault *close_both(struct shim *shim)
{
    const struct kt_fault *fault = kt_conn_close(shim->conn);
    uint8_t byte;
    size_t got;

    if (fault == NULL) {
        fault = shim_flush(shim);
    }
    if (fault == NULL && shim->flags->shuts_down) {
        fault = read_bytes(shim, &byte, 1, &got);
        if (fault == NULL && got > 0) {
            (void)fputs("data after the close\n", stderr);
            exit(SHIM_FAILURE);
        }
        if (fault == NULL && (kt_conn_status(shim->conn) & KT_IN_CLOSED) == 0) {
            fault = kt_conn_fault(shim->conn);
        }
    }
    return fault;
}

/* What cannot be told before the version is known. */
static void check_implemented(const struct shim *shim)
{
    const char *older = shim->flags->older;

    if (older != NULL && kt_conn_facts(shim->conn).version < KT_TLS_1_3) {
        exit((int)shim_missing(older));
    }
}

static const struct kt_fault *exchange(struct shim *shim)
{
    const struct kt_fault *fault = handshake(shim);

    if (fault == NULL) {
        check_implemented(shim);
    }
    if (fault == NULL && !shim->flags->implicit_handshake && !shim_check_connected(shim)) {
        shim_hang_up(shim);
        exit(SHIM_FAILURE);
    }
    if (fault == NULL && shim->flags->tls_unique) {
        fault = write_binding(shim);
    }
    if (fault == NULL) {
        fault = write_exports(shim);
    }
    if (fault == NULL) {
        fault = write_first(shim);
    }
    if (fault == NULL && !shim->flags->shuts_down && !shim->flags->different_sizes) {
        fault = echo(shim);
    }
    if (fault == NULL && shim->flags->check_close_notify) {
        fault = close_both(shim);
    }
    return fault;
}

static enum shim_exit connect_once(struct shim *shim)
{
    struct kt_conn_options options = {.session = shim->resuming ? shim->session : NULL};
    const struct kt_fault *fault;
    bool good;

    if (shim->resuming && !shim->flags->server && shim->session == NULL) {
        (void)fputs("no session to be resumed\n", stderr);
        return SHIM_FAILURE;
    }
    if (shim->flags->host_name != NULL) {
        options.server_name = (struct kt_span){(const uint8_t *)shim->flags->host_name, strlen(shim->flags->host_name)};
    }
    fault = kt_conn_new(shim->config, &options, &shim->conn);
    if (fault != NULL) {
        shim_explain(shim, fault);
        return SHIM_FAILURE;
    }
    if (!shim_connect(shim)) {
        (void)fputs("cannot connect to the runner\n", stderr);
        return SHIM_FAILURE;
    }
    fault = exchange(shim);
    good = fault == NULL && shim_check_end(shim);
    shim_hang_up(shim);
    if (fault != NULL) {
        shim_explain(shim, fault);
    }
    return good ? SHIM_GOOD : SHIM_FAILURE;
}

static enum shim_exit run(struct shim *shim, const struct shim_flags flags[SHIM_SETS])
{
    enum shim_exit outcome = SHIM_GOOD;

    shim_begin(shim);
    for (uint64_t i = 0; outcome == SHIM_GOOD && i <= flags[SHIM_INITIAL].resume_count; i++) {
        shim->resuming = i > 0;
        shim->flags = &flags[shim->resuming ? SHIM_RESUMING : SHIM_INITIAL];
        shim->selected = -1;
        outcome = shim_configure(shim);
        if (outcome == SHIM_GOOD) {
            outcome = connect_once(shim);
        }
        shim->now += (int64_t)shim->flags->resumption_delay;
        shim_release(shim);
    }
    shim_end(shim);
    return outcome;
}

int main(int argc, char **argv)
{
    static struct shim_flags flags[SHIM_SETS];
    static struct shim shim;
    enum shim_exit outcome;

    (void)signal(SIGPIPE, SIG_IGN);
    outcome = shim_flags_read(flags, argc, argv);
    if (outcome == SHIM_GOOD && flags[SHIM_INITIAL].handshaker_question) {
        (void)puts("No");
        return SHIM_GOOD;
    }
    if (outcome == SHIM_GOOD) {
        outcome = run(&shim, flags);
    }
    (void)fputs("--- DONE ---\n", stderr);
    return (int)outcome;
}
