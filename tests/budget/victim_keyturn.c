/*
 * victim_keyturn.c - Keyturn's server by its public API.
 */
#include "budget/victim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include <keyturn/keyturn.h>

const char victim_name[] = "keyturn";

static struct kt_env env;
static struct kt_config *config;
static struct kt_conn *conn;
static struct {
    int64_t live, peak;
} engine;

static void *count_alloc(void *user, size_t len)
{
    void *memory = malloc(len);

    (void)user;
    if (memory != NULL) {
        engine.live += (int64_t)len;
        engine.peak = engine.live > engine.peak ? engine.live : engine.peak;
    }
    return memory;
}

static void count_release(void *user, void *memory, size_t len)
{
    (void)user;
    if (memory != NULL) {
        engine.live -= (int64_t)len;
    }
    free(memory);
}

void victim_setup(bool client_auth)
{
    static const char *const names[] = {"localhost"};
    struct kt_credential *credential;
    struct kt_builder *builder;

    env = *kt_env_linux();
    env.alloc = count_alloc;
    env.release = count_release;
    assert_null(kt_credential_ephemeral(&env, names, 1, 1, &credential));
    assert_null(kt_builder_new(KT_SERVER, &env, &builder));
    assert_null(kt_builder_credential(builder, credential));
    kt_builder_client_auth(builder, client_auth ? KT_CLIENT_AUTH_REQUEST : KT_CLIENT_AUTH_NONE);
    assert_null(kt_builder_build(builder, &config));
    kt_builder_free(builder);
    kt_credential_unref(credential);
}

void victim_teardown(void)
{
    kt_config_unref(config);
}

void victim_open(void)
{
    assert_null(kt_conn_new(config, NULL, &conn));
    engine.peak = engine.live;
}

void victim_close(void)
{
    kt_conn_free(conn);
    conn = NULL;
}

/* Asks for a signature get one; a certificate of the attacker is refused. */
static void answer(void)
{
    const struct kt_ask *ask;

    while ((ask = kt_conn_ask(conn)) != NULL) {
        if (ask->kind == KT_ASK_SIGN) {
            uint8_t signature[1024];
            size_t len;

            assert_null(kt_pki_sign(ask, signature, sizeof signature, &len));
            assert_null(kt_answer_signature(conn, signature, len));
        } else {
            (void)!kt_answer_refuse(conn, NULL);
        }
    }
}

static void throw_away(void)
{
    const uint8_t *data;
    size_t len;

    while ((data = kt_conn_read(conn, &len)) != NULL) {
        (void)!kt_conn_read_done(conn, len);
    }
}

void victim_feed(const uint8_t *bytes, size_t len)
{
    uint8_t *in;
    size_t room;

    while (len > 0 && (in = kt_conn_in(conn, &room)) != NULL) {
        size_t n = len < room ? len : room;

        for (size_t i = 0; i < n; i++) {
            in[i] = bytes[i];
        }
        (void)!kt_conn_in_done(conn, n);
        answer();
        throw_away();
        bytes += n;
        len -= n;
    }
}

size_t victim_drain(uint8_t *bytes, size_t cap)
{
    size_t len;
    const uint8_t *out = kt_conn_out(conn, &len);
    size_t n = len < cap ? len : cap;

    for (size_t i = 0; i < n; i++) {
        bytes[i] = out[i];
    }
    if (n > 0) {
        (void)!kt_conn_out_done(conn, n);
        answer();
    }
    return n;
}

const char *victim_verdict(void)
{
    const struct kt_fault *fault = kt_conn_fault(conn);

    return fault == NULL ? NULL : kt_reason_name(fault->reason);
}

int64_t victim_engine_live(void)
{
    return engine.live;
}

int64_t victim_engine_peak(void)
{
    return engine.peak;
}
