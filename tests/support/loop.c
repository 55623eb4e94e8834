#include "support/loop.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "config/builder_impl.h"
#include "crypto/toy/toy.h"

struct kt_credential *loop_credential(struct loop *l, uint8_t key_kind, const char *name)
{
    uint8_t certificate[16] = {key_kind, 'l', 'o', 'o', 'p'};
    struct kt_span chain = {certificate, sizeof certificate};
    struct kt_span names = {(const uint8_t *)name, name == NULL ? 0 : strlen(name)};
    uint16_t schemes[16];
    size_t count = 0;
    struct kt_credential *credential = NULL;

    for (const uint16_t *id = kt_crypto_toy()->schemes; *id != 0; id++) {
        if (kt_scheme_facts(*id)->key == key_kind) {
            schemes[count++] = *id;
        }
    }
    assert_null(kt_credential_new(&l->env.env,
                                  &(struct kt_credential_parts){
                                      .chain = &chain,
                                      .chain_len = 1,
                                      .schemes = schemes,
                                      .scheme_count = count,
                                      .names = &names,
                                      .name_count = name == NULL ? 0 : 1,
                                  },
                                  &credential));
    return credential;
}

struct kt_config *loop_build(struct loop *l, enum kt_role role, const struct loop_setup *setup)
{
    void (*more)(struct kt_builder * b) = role == KT_CLIENT ? setup->client : setup->server;
    struct kt_config *config = NULL;
    struct kt_builder *b = NULL;

    assert_null(kt_builder_new(role, &l->env.env, &b));
    kt_builder_crypto(b, kt_crypto_toy());
    if (role == KT_SERVER ? !setup->no_server_credential : setup->client_credential) {
        uint8_t key = role == KT_SERVER ? setup->server_key : setup->client_key;
        struct kt_credential *credential =
            loop_credential(l, key != 0 ? key : KT_KEY_P256, role == KT_SERVER ? "server.example" : NULL);

        assert_null(kt_builder_credential(b, credential));
        kt_credential_unref(credential);
    }
    if (setup->lifetime != NULL) {
        assert_null(kt_builder_lifetime(b, setup->lifetime));
    }
    if (more != NULL) {
        more(b);
    }
    if (kt_builder_build(b, &config) != NULL) {
        fail_msg("the configuration: %s", kt_builder_field(b));
    }
    kt_builder_free(b);
    return config;
}

void loop_configure(struct loop *l, const struct loop_setup *setup)
{
    memset(l, 0, sizeof *l);
    test_env_init(&l->env);
    l->env.env.observer = setup->observer;
    if (setup->environment != NULL) {
        setup->environment(&l->env);
    }
    kt_toy_seed(1);
    kt_toy_fail_at(0);
    l->client_config = loop_build(l, KT_CLIENT, setup);
    l->server_config = loop_build(l, KT_SERVER, setup);
}

const struct kt_fault *loop_connect(struct loop *l, const struct loop_setup *setup)
{
    const char *name = setup->server_name != NULL ? setup->server_name : "server.example";
    struct kt_conn_options options = {
        .server_name = {(const uint8_t *)name, strlen(name)}, .session = l->session, .owner = l};
    const struct kt_fault *fault = kt_conn_new(l->client_config, &options, &l->client);

    options.server_name = (struct kt_span){NULL, 0};
    return fault != NULL ? fault : kt_conn_new(l->server_config, &options, &l->server);
}

void loop_open(struct loop *l, const struct loop_setup *setup)
{
    loop_configure(l, setup);
    assert_null(loop_connect(l, setup));
}

void loop_hang_up(struct loop *l)
{
    kt_conn_free(l->client);
    kt_conn_free(l->server);
    l->client = l->server = NULL;
    l->client_fault = l->server_fault = NULL;
    l->up.len = l->down.len = 0;
    l->cut = false;
}

void loop_close(struct loop *l)
{
    loop_hang_up(l);
    kt_config_unref(l->client_config);
    kt_config_unref(l->server_config);
    assert_int_equal(l->env.live, 0);
}

struct kt_conn *loop_conn(struct loop *l, enum kt_role role)
{
    return role == KT_CLIENT ? l->client : l->server;
}

static void note(struct loop *l, enum kt_role role, const struct kt_fault *fault)
{
    if (fault != NULL) {
        *(role == KT_CLIENT ? &l->client_fault : &l->server_fault) = fault;
    }
}

/* The store cannot be reached: what it is asked for is not there. */
static const struct kt_fault *answer_without_store(struct kt_conn *conn, enum kt_ask_kind kind)
{
    if (kind == KT_ASK_RESUME) {
        return kt_answer_resume(conn, false);
    }
    return kind == KT_ASK_FETCH_SESSION ? kt_answer_session(conn, NULL) : kt_answer_kept(conn, false);
}

static const struct kt_fault *answer_from_store(struct loop *l, struct kt_conn *conn, enum kt_ask_kind kind)
{
    if (++l->store_calls == l->store_fail) {
        return answer_without_store(conn, kind);
    }
    if (kind == KT_ASK_RESUME && l->store == NULL) {
        return kt_answer_resume(conn, true);
    }
    return kt_store_answer(l->store, conn);
}

bool loop_answer(struct loop *l, struct kt_conn *conn)
{
    enum kt_role role = conn == l->client ? KT_CLIENT : KT_SERVER;
    const struct kt_ask *ask = kt_conn_ask(conn);
    uint8_t signature[KT_TOY_SIGNATURE_LEN];
    uint8_t premaster[KT_PREMASTER_LEN] = {0};
    size_t len;

    if (ask == NULL || l->hold_asks) {
        return false;
    }
    switch (ask->kind) {
    case KT_ASK_SIGN:
        len = kt_toy_sign(ask->u.sign.scheme, kt_credential_certificate(ask->u.sign.credential, 0), ask->u.sign.input,
                          signature);
        note(l, role, kt_answer_signature(conn, signature, len));
        return true;
    case KT_ASK_DECRYPT:
        note(l, role,
             kt_answer_decrypted(conn, premaster,
                                 kt_toy_decrypt(kt_credential_certificate(ask->u.decrypt.credential, 0),
                                                ask->u.decrypt.ciphertext, premaster)));
        return true;
    case KT_ASK_VERIFY:
        note(l, role, l->refuse_peer ? kt_answer_refuse(conn, NULL) : kt_answer_verified(conn));
        return true;
    case KT_ASK_CHOOSE_CONFIG:
        note(l, role, kt_answer_config(conn, NULL));
        return true;
    case KT_ASK_CHOOSE_CREDENTIAL:
        note(l, role, kt_answer_credential(conn, NULL));
        return true;
    case KT_ASK_RESUME:
    case KT_ASK_FETCH_SESSION:
    case KT_ASK_KEEP_SESSIONS:
        note(l, role, answer_from_store(l, conn, ask->kind));
        return true;
    case KT_ASK_FIND_PSK:
        note(l, role, kt_answer_psk(conn, l->psk));
        return true;
    case KT_ASK_NONE:
        break;
    }
    return false;
}

/* Hands whole records to the filter; without one the bytes pass as they are. */
static void put(struct loop *l, enum kt_role from, struct loop_wire *wire, const uint8_t *bytes, size_t len)
{
    assert_true(wire->len + len <= LOOP_WIRE);
    memcpy(wire->bytes + wire->len, bytes, len);
    if (l->filter == NULL) {
        wire->len += len;
        return;
    }
    while (len > 0) {
        uint8_t *record = wire->bytes + wire->len;
        size_t record_len = 5u + (size_t)(record[3] << 8 | record[4]);
        size_t rest = len - record_len;
        uint8_t *behind = malloc(rest + 1);
        size_t now;

        assert_non_null(behind);
        memcpy(behind, record + record_len, rest);
        now = l->filter(l->filter_user, from, record, record_len, LOOP_WIRE - wire->len - rest);
        memcpy(record + now, behind, rest);
        free(behind);
        wire->len += now;
        len = rest;
    }
}

static void cut(struct loop *l)
{
    l->cut = true;
    note(l, KT_CLIENT, kt_conn_in_end(l->client));
    note(l, KT_SERVER, kt_conn_in_end(l->server));
}

void loop_flush(struct loop *l, enum kt_role from)
{
    struct kt_conn *conn = loop_conn(l, from);
    struct loop_wire *wire = from == KT_CLIENT ? &l->up : &l->down;
    const uint8_t *out;
    size_t len;

    while (!l->cut && (out = kt_conn_out(conn, &len)) != NULL) {
        if (++l->writes == l->write_fail) {
            cut(l);
            return;
        }
        if (wire->len + len > LOOP_WIRE) {
            return;
        }
        put(l, from, wire, out, len);
        wire->total += len;
        note(l, from, kt_conn_out_done(conn, len));
    }
}

void loop_deliver(struct loop *l, enum kt_role to)
{
    struct kt_conn *conn = loop_conn(l, to);
    struct loop_wire *wire = to == KT_CLIENT ? &l->down : &l->up;
    uint8_t *in;
    size_t room;

    while (!l->cut && wire->len > 0 && (in = kt_conn_in(conn, &room)) != NULL) {
        size_t n = wire->len < room ? wire->len : room;

        if (++l->reads == l->read_fail) {
            cut(l);
            return;
        }
        if (l->chunk > 0 && n > l->chunk) {
            n = l->chunk;
        }
        memcpy(in, wire->bytes, n);
        memmove(wire->bytes, wire->bytes + n, wire->len - n);
        wire->len -= n;
        note(l, to, kt_conn_in_done(conn, n));
    }
}

void loop_run(struct loop *l)
{
    uint64_t before;
    bool answered;

    do {
        before = l->up.total + l->down.total + l->up.len + l->down.len;
        loop_flush(l, KT_CLIENT);
        loop_deliver(l, KT_SERVER);
        answered = loop_answer(l, l->server);
        loop_flush(l, KT_SERVER);
        loop_deliver(l, KT_CLIENT);
        answered |= loop_answer(l, l->client);
    } while (answered || before != l->up.total + l->down.total + l->up.len + l->down.len);
}

void loop_handshake(struct loop *l)
{
    loop_run(l);
    for (int i = 0; i < 2; i++) {
        const struct kt_fault *fault = kt_conn_fault(i == 0 ? l->client : l->server);

        if (fault != NULL) {
            print_error("%s: %s at %s:%u\n", i == 0 ? "client" : "server", kt_reason_name(fault->reason), fault->file,
                        fault->line);
        }
    }
    assert_true(kt_conn_is_connected(l->client));
    assert_true(kt_conn_is_connected(l->server));
}

static uint8_t pattern(size_t at)
{
    return (uint8_t)(at * 31 + (at >> 8));
}

static size_t send_pattern(struct loop *l, enum kt_role from, size_t at, size_t len)
{
    uint8_t block[4096];
    size_t n = len - at < sizeof block ? len - at : sizeof block;
    size_t taken = 0;

    for (size_t i = 0; i < n; i++) {
        block[i] = pattern(at + i);
    }
    note(l, from, kt_conn_send(loop_conn(l, from), block, n, &taken));
    return taken;
}

static size_t check_pattern(struct loop *l, enum kt_role to, size_t at)
{
    uint8_t block[4096];
    size_t got = 0;

    note(l, to, kt_conn_recv(loop_conn(l, to), block, sizeof block, &got));
    for (size_t i = 0; i < got; i++) {
        assert_int_equal(block[i], pattern(at + i));
    }
    return got;
}

void loop_transfer(struct loop *l, enum kt_role from, size_t len)
{
    enum kt_role to = from == KT_CLIENT ? KT_SERVER : KT_CLIENT;
    size_t sent = 0;
    size_t received = 0;

    while (received < len) {
        size_t before = sent + received;
        size_t got;

        sent += sent < len ? send_pattern(l, from, sent, len) : 0;
        loop_flush(l, from);
        loop_deliver(l, to);
        while ((got = check_pattern(l, to, received)) > 0) {
            received += got;
            loop_deliver(l, to);
        }
        loop_flush(l, to);
        loop_deliver(l, from);
        assert_true(sent + received > before);
    }
}

void loop_assert_fault(const struct kt_fault *fault, enum kt_reason reason, enum kt_alert alert, const char *file,
                       int line)
{
    if (fault == NULL || fault->reason != reason || fault->alert != alert) {
        print_error("%s:%d: expected %s with %s, got %s with %s at %s:%u\n", file, line, kt_reason_name(reason),
                    kt_alert_name((uint8_t)alert), fault == NULL ? "none" : kt_reason_name(fault->reason),
                    fault == NULL ? "-" : kt_alert_name(fault->alert), fault == NULL ? "-" : fault->file,
                    fault == NULL ? 0 : fault->line);
        fail();
    }
}
