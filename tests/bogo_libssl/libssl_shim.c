/*
 * libssl_shim.c - the program that BoringSSL's protocol runner starts: connections over the public interface of libssl,
 * one after the other.
 */
#include "libssl_shim.h"

#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define READ_MAX (1 << 16)

static bool write_bytes(struct shim *shim, const void *bytes, size_t len)
{
    const char *at = bytes;

    do { /* an empty write is a write, too */
        int sent = SSL_write(shim->ssl, at, (int)len);
        if (sent > 0 || (sent == 0 && len == 0)) {
            at += sent;
            len -= (size_t)sent;
        } else if (!link_retry(shim, sent)) {
            return false;
        }
    } while (len > 0);
    return true;
}

/* Clean or not: both are ends of the data, and which one it was tells the closing. */
static bool is_end(const struct shim *shim, int result)
{
    int error = SSL_get_error(shim->ssl, result);

    if (error == SSL_ERROR_ZERO_RETURN) {
        return true;
    }
    if (error == SSL_ERROR_SYSCALL && shim->link.ended) {
        return true;
    }
    if (error == SSL_ERROR_SSL && ERR_GET_REASON(ERR_peek_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return true;
    }
    return false;
}

/* Bytes, 0 at the end, -1 for a failure. */
static int read_bytes(struct shim *shim, char *out, int cap)
{
    static char peeked[READ_MAX];
    int got;

    for (;;) {
        got = shim->flags->peek ? SSL_peek(shim->ssl, peeked, cap) : SSL_read(shim->ssl, out, cap);
        if (got > 0 && !shim->refused) {
            break;
        }
        if (!shim->refused && is_end(shim, got)) {
            return 0;
        }
        if (!link_retry(shim, got)) {
            return -1;
        }
    }
    if (shim->flags->peek) {
        if (SSL_peek(shim->ssl, out, cap) != got || memcmp(out, peeked, (size_t)got) != 0 ||
            SSL_read(shim->ssl, out, cap) != got || memcmp(out, peeked, (size_t)got) != 0) {
            broken("looking at data changes it");
        }
    }
    return got;
}

static void invert(char *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        bytes[i] = (char)~bytes[i];
    }
}

/* Server: early data is answered before the handshake is done, as all other data is later. */
static bool take_early_data(struct shim *shim)
{
    char bytes[512];
    size_t got, sent;

    for (;;) {
        switch (SSL_read_early_data(shim->ssl, bytes, sizeof bytes, &got)) {
        case SSL_READ_EARLY_DATA_FINISH:
            return true;
        case SSL_READ_EARLY_DATA_SUCCESS:
            invert(bytes, got);
            while (got > 0 && SSL_write_early_data(shim->ssl, bytes, got, &sent) != 1) {
                if (!link_retry(shim, -1)) {
                    return false;
                }
            }
            break;
        default:
            if (!link_retry(shim, -1)) {
                return false;
            }
        }
    }
}

/* Client: the first message, or nothing, goes out with the ClientHello. */
static bool send_early_data(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    size_t sent, len = flags->writes_first ? strlen(flags->initial_write) : 0;
    size_t limit = SSL_SESSION_get_max_early_data(shim->session);

    len = len < limit ? len : limit;

    while (SSL_write_early_data(shim->ssl, flags->initial_write, len, &sent) != 1) {
        if (!link_retry(shim, -1)) {
            return false;
        }
    }
    shim->early = true;
    shim->early_len = len;
    return true;
}

static bool offers_early_data(const struct shim *shim)
{
    return shim->flags->early_data && !shim->flags->server && shim->resuming &&
           SSL_SESSION_get_max_early_data(shim->session) > 0;
}

static bool finish_handshake(struct shim *shim)
{
    int result;

    while ((result = SSL_do_handshake(shim->ssl)) != 1) {
        if (!link_retry(shim, result)) {
            return false;
        }
    }
    return true;
}

static bool handshake(struct shim *shim)
{
    const struct flags *flags = shim->flags;

    if (flags->early_data && flags->server && !take_early_data(shim)) {
        return false;
    }
    if (offers_early_data(shim) && !send_early_data(shim)) {
        return false;
    }
    if (flags->implicit_handshake) {
        return true;
    }
    if (!finish_handshake(shim)) {
        return false;
    }
    take_renewed(shim);
    if (shim->early && SSL_get_early_data_status(shim->ssl) == SSL_EARLY_DATA_REJECTED) {
        shim->flags = shim->retry;
    }
    if (flags->handshake_twice && !finish_handshake(shim)) {
        return false;
    }
    if (flags->no_op_extra_handshake && SSL_do_handshake(shim->ssl) != 1) {
        broken("a handshake that is done is not done");
    }
    return true;
}

static bool write_unique(struct shim *shim)
{
    uint8_t finished[EVP_MAX_MD_SIZE];
    const bool own = (SSL_session_reused(shim->ssl) == 1) == shim->flags->server;
    size_t len = 0;

    /* RFC 5929 section 3.1 with RFC 7627 section 5.1 and RFC 9846 appendix C.5: not for every connection. */
    if (SSL_version(shim->ssl) < TLS1_3_VERSION &&
        (SSL_session_reused(shim->ssl) == 0 || SSL_get_extms_support(shim->ssl) == 1)) {
        len = own ? SSL_get_finished(shim->ssl, finished, sizeof finished)
                  : SSL_get_peer_finished(shim->ssl, finished, sizeof finished);
    }
    if (len == 0) {
        (void)fputs("failed to get tls-unique\n", stderr);
        return false;
    }
    return write_bytes(shim, finished, len);
}

static bool write_secrets(struct shim *shim)
{
    const uint8_t *receiving = shim->secrets[shim->flags->server ? 0 : 1];
    const uint8_t *sending = shim->secrets[shim->flags->server ? 1 : 0];
    uint8_t bytes[2 + 2 * EVP_MAX_MD_SIZE] = {(uint8_t)shim->secret_len, 0};

    memcpy(bytes + 2, receiving, shim->secret_len);
    memcpy(bytes + 2 + shim->secret_len, sending, shim->secret_len);
    return write_bytes(shim, bytes, 2 + 2 * shim->secret_len);
}

static bool write_exports(struct shim *shim)
{
    static uint8_t bytes[4096];
    const struct flags *flags = shim->flags;
    const size_t len = (size_t)flags->export_len;

    if (len > 0) {
        if (len > sizeof bytes ||
            SSL_export_keying_material(shim->ssl, bytes, len, flags->export_label, strlen(flags->export_label),
                                       (const uint8_t *)flags->export_context, strlen(flags->export_context),
                                       flags->use_export_context) != 1) {
            (void)fputs("failed to export keying material\n", stderr);
            return false;
        }
        if (!write_bytes(shim, bytes, len)) {
            return false;
        }
    }
    return (!flags->export_traffic_secrets || write_secrets(shim)) && (!flags->tls_unique || write_unique(shim));
}

static bool write_sizes(struct shim *shim)
{
    static const size_t sizes[] = {0, 1, 255, 256, 257, 16383, 16384, 16385, 32767, 32768, 32769};
    static uint8_t bytes[32769];

    memset(bytes, 0x42, sizeof bytes);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (!write_bytes(shim, bytes, sizes[i])) {
            return false;
        }
    }
    return true;
}

/* With early data accepted the first of the messages, or its beginning, is there already. */
static bool write_first(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    const bool early = shim->early && SSL_get_early_data_status(shim->ssl) == SSL_EARLY_DATA_ACCEPTED;

    if (flags->different_sizes) {
        return write_sizes(shim);
    }
    if (flags->unfinished_write) {
        shim->link.may_write = true;
        if (SSL_write(shim->ssl, flags->initial_write, (int)strlen(flags->initial_write)) > 0) {
            broken("a write was to stay unfinished");
        }
        return true;
    }
    for (int i = 0; flags->writes_first && i < flags->initial_write_count; i++) {
        size_t from = early && i == 0 ? shim->early_len : 0, len = strlen(flags->initial_write);
        if (from < len && !write_bytes(shim, flags->initial_write + from, len - from)) {
            return false;
        }
    }
    return true;
}

static bool update_keys(struct shim *shim)
{
    return SSL_key_update(shim->ssl, SSL_KEY_UPDATE_NOT_REQUESTED) == 1;
}

static bool after_read(struct shim *shim, bool first)
{
    const struct flags *flags = shim->flags;
    uint8_t byte;

    if (first && flags->unfinished_write && !write_bytes(shim, flags->initial_write, strlen(flags->initial_write))) {
        return false;
    }
    if (flags->export_between_reads && SSL_export_keying_material(shim->ssl, &byte, 1, "label", 5, NULL, 0, 0) != 1) {
        (void)fputs("failed to export keying material\n", stderr);
        return false;
    }
    return !flags->key_update || update_keys(shim);
}

/* Gives every byte back, inverted, until the peer ends. */
static bool echo(struct shim *shim)
{
    static char bytes[READ_MAX];
    const struct flags *flags = shim->flags;
    const int cap = flags->read_size > 0 ? flags->read_size : flags->dtls ? 16384 : 512;

    for (bool first = true;; first = false) {
        int got;
        if (flags->key_update_before_read && !update_keys(shim)) {
            return false;
        }
        got = read_bytes(shim, bytes, cap < READ_MAX ? cap : READ_MAX);
        if (got <= 0) {
            return got == 0;
        }
        if (!after_read(shim, first)) {
            return false;
        }
        invert(bytes, (size_t)got);
        if (!flags->different_sizes && !write_bytes(shim, bytes, (size_t)got)) {
            return false;
        }
    }
}

static int close_once(struct shim *shim)
{
    int result;

    while ((result = SSL_shutdown(shim->ssl)) < 0) {
        if (!link_retry(shim, result)) {
            break;
        }
    }
    return result;
}

/* Who closes first is told "sent", then "both"; who closes second "both" at once. */
static bool close_both(struct shim *shim)
{
    const struct flags *flags = shim->flags;
    int expected = flags->check_close_notify && flags->shuts_down ? 0 : 1;
    int result = close_once(shim);

    if (flags->check_close_notify && result == 0 && expected == 0) {
        expected = 1;
        result = close_once(shim);
    }
    if (flags->check_close_notify && result != expected) {
        (void)fprintf(stderr, "Unexpected SSL_shutdown result: %d != %d\n", result, expected);
        return false;
    }
    return true;
}

static bool exchange(struct shim *shim)
{
    if (!handshake(shim) || (!shim->flags->implicit_handshake && !check_connected(shim))) {
        return false;
    }
    if (!write_exports(shim) || !write_first(shim) || !(shim->flags->shuts_down || echo(shim)) || !close_both(shim)) {
        return false;
    }
    take_renewed(shim);
    return check_end(shim);
}

static enum outcome connect_once(struct shim *shim)
{
    BIO *bio;
    bool good;

    if (shim->resuming && !shim->flags->server) {
        if (shim->session == NULL) {
            (void)fputs("no session to be resumed\n", stderr);
            return FAILURE;
        }
        (void)SSL_set_session(shim->ssl, shim->session);
    }
    bio = link_open(&shim->link, shim->flags);
    if (bio == NULL) {
        (void)fputs("cannot connect to the runner\n", stderr);
        return FAILURE;
    }
    SSL_set_bio(shim->ssl, bio, bio);
    good = exchange(shim);
    link_hang_up(shim);
    if (!good) {
        explain();
    }
    return good ? GOOD : FAILURE;
}

static enum outcome run(struct shim *shim, const struct flags flags[SETS])
{
    enum outcome outcome = GOOD;

    for (int i = 0; outcome == GOOD && i <= flags[INITIAL].resume_count; i++) {
        shim->resuming = i > 0;
        shim->flags = &flags[shim->resuming ? RESUMING : INITIAL];
        shim->retry = &flags[RETRY];
        outcome = configure(shim);
        if (outcome == GOOD) {
            outcome = connect_once(shim);
        }
        clock_advance((uint64_t)shim->flags->resumption_delay * 1000000);
        release(shim);
    }
    SSL_SESSION_free(shim->session);
    for (size_t i = 0; i < shim->store_len; i++) {
        SSL_SESSION_free(shim->store[i]);
    }
    return outcome;
}

int main(int argc, char **argv)
{
    static struct flags flags[SETS];
    static struct shim shim;
    enum outcome outcome;

    (void)signal(SIGPIPE, SIG_IGN);
    outcome = flags_read(flags, argc, argv);
    if (outcome == GOOD && flags[INITIAL].handshaker_question) {
        (void)puts("No");
        return GOOD;
    }
    if (outcome == GOOD) {
        outcome = run(&shim, flags);
    }
    (void)fputs("--- DONE ---\n", stderr);
    return (int)outcome;
}
