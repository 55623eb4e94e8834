#include "support/tap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/span.h"
#include "config/builder_impl.h"
#include "crypto/toy/toy.h"
#include "keys/schedule12.h"
#include "keys/schedule13.h"

static struct tap *open_tap;
static const struct loop_setup *open_setup;

static enum kt_role other(enum kt_role role)
{
    return role == KT_CLIENT ? KT_SERVER : KT_CLIENT;
}

static const struct kt_suite *suite_of(const struct tap *tap)
{
    return kt_crypto_suite(kt_crypto_toy(), kt_conn_facts(tap->l->server).suite);
}

static bool is_12(const struct tap *tap)
{
    uint16_t version = kt_conn_facts(tap->l->server).version;

    return version != 0 && version <= KT_TLS_1_2;
}

/* ---- secrets ---- */

static int secret_index(const char *label)
{
    static const char *const labels[TAP_SECRETS] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET",
                                                    "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
                                                    "SERVER_TRAFFIC_SECRET_0"};

    for (int i = 0; i < TAP_SECRETS; i++) {
        if (strcmp(label, labels[i]) == 0) {
            return i;
        }
    }
    return -1;
}

static void observe(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    struct tap *tap = open_tap;
    enum kt_role role = conn == tap->l->client ? KT_CLIENT : KT_SERVER;
    int index = notice->kind == KT_NOTICE_SECRET ? secret_index(notice->u.secret.label) : -1;

    if (index >= 0) {
        struct kt_secret *secret = &tap->secrets[role][index];

        secret->len = (uint8_t)notice->u.secret.secret.len;
        memcpy(secret->b, notice->u.secret.secret.p, secret->len);
    }
    if (notice->kind == KT_NOTICE_SECRET && strcmp(notice->u.secret.label, "CLIENT_RANDOM") == 0) {
        tap->main12[role].len = (uint8_t)notice->u.secret.secret.len;
        memcpy(tap->main12[role].b, notice->u.secret.secret.p, tap->main12[role].len);
    }
    if (open_setup->observer != NULL) {
        open_setup->observer(user, conn, notice);
    }
}

const struct kt_secret *tap_secret(const struct tap *tap, enum kt_role logged_by, enum kt_role sender, bool application)
{
    return &tap->secrets[logged_by][(application ? 2 : 0) + (sender == KT_CLIENT ? 0 : 1)];
}

/* What the receiver has, or will have when it comes so far. */
static const struct kt_secret *receiver_secret(const struct tap *tap, enum kt_role sender, bool application)
{
    const struct kt_secret *secret = tap_secret(tap, other(sender), sender, application);

    return secret->len > 0 ? secret : tap_secret(tap, sender, sender, application);
}

static void open_with(struct tap *tap, enum kt_role from, int stage)
{
    struct tap_lane *lane = &tap->lane[from];

    lane->open_stage = stage;
    lane->open_secret = *tap_secret(tap, from, from, stage == 2);
    assert_null(kt_protection_set(&lane->open, KT_RECEIVING, suite_of(tap), &lane->open_secret));
}

static void seal_with(struct tap *tap, enum kt_role from, int stage)
{
    struct tap_lane *lane = &tap->lane[from];

    lane->seal_stage = stage;
    lane->seal_secret = *receiver_secret(tap, from, stage == 2);
    assert_null(kt_protection_set(&lane->seal, KT_SENDING, suite_of(tap), &lane->seal_secret));
}

static void next_key(const struct tap *tap, struct kt_protection *p, struct kt_secret *secret,
                     enum kt_direction direction)
{
    kt_traffic_secret_next(suite_of(tap)->hash, secret);
    assert_null(kt_protection_set(p, direction, suite_of(tap), secret));
}

/* ---- the keys of TLS 1.2 ---- */

static struct kt_prf prf12(const struct tap *tap, const struct kt_hash **transcript)
{
    struct kt_prf prf;

    assert_true(kt_prf12_of(kt_crypto_toy(), suite_of(tap), kt_conn_facts(tap->l->server).version, &prf, transcript));
    return prf;
}

static const struct kt_secret *main12(const struct tap *tap, enum kt_role wanted)
{
    const struct kt_secret *secret = &tap->main12[wanted];

    return secret->len > 0 ? secret : &tap->main12[other(wanted)];
}

/* Both sides of ours agree on encrypt_then_mac wherever it has a meaning. */
static void set12(const struct tap *tap, struct kt_protection *p, enum kt_direction direction, enum kt_role sender,
                  enum kt_role whose)
{
    const struct kt_suite *suite = suite_of(tap);
    const struct kt_hash *transcript;
    struct kt_prf prf = prf12(tap, &transcript);
    struct kt_keys12 client, server;

    kt_keys12_derive(&prf, suite, kt_conn_facts(tap->l->server).version, suite->cbc != NULL, main12(tap, whose),
                     tap->randoms[KT_CLIENT], tap->randoms[KT_SERVER], &client, &server);
    assert_null(kt_protection_set12(p, direction, suite, sender == KT_CLIENT ? &client : &server));
}

static void open_with12(struct tap *tap, enum kt_role from)
{
    set12(tap, &tap->lane[from].open, KT_RECEIVING, from, from);
    tap->lane[from].open_stage = 1;
}

static void seal_with12(struct tap *tap, enum kt_role from)
{
    set12(tap, &tap->lane[from].seal, KT_SENDING, from, other(from));
    tap->lane[from].seal_stage = 1;
}

/* ---- messages ---- */

bool tap_next_message(struct kt_span *rest, struct kt_span *message)
{
    size_t len;

    if (rest->len < KT_MESSAGE_HEADER) {
        return false;
    }
    len = KT_MESSAGE_HEADER + (size_t)(rest->p[1] << 16 | rest->p[2] << 8 | rest->p[3]);
    if (len > rest->len) {
        return false;
    }
    *message = (struct kt_span){rest->p, len};
    rest->p += len;
    rest->len -= len;
    return true;
}

static struct kt_span view_hash(const struct tap *tap, enum kt_role role, uint8_t *out)
{
    const struct kt_hash *hash = suite_of(tap)->hash;
    struct kt_hash_state state;

    hash->init(&state);
    hash->update(&state, tap->view[role], tap->view_len[role]);
    hash->final(&state, out);
    return (struct kt_span){out, hash->len};
}

static void see(struct tap *tap, enum kt_role role, struct kt_span message)
{
    assert_true(tap->view_len[role] + message.len <= TAP_VIEW);
    memcpy(tap->view[role] + tap->view_len[role], message.p, message.len);
    tap->view_len[role] += message.len;
}

static bool is_retry(struct kt_span message)
{
    return message.p[0] == KT_MSG_SERVER_HELLO && message.len > 38 &&
           memcmp(message.p + 6, kt_retry_random, sizeof kt_retry_random) == 0;
}

/* RFC 9846 section 4.1: the first hello becomes its hash. */
static void fold_first_hello(struct tap *tap, enum kt_role role)
{
    uint8_t digest[KT_HASH_MAX];
    struct kt_span hash = view_hash(tap, role, digest);
    uint8_t header[] = {KT_MSG_MESSAGE_HASH, 0, 0, (uint8_t)hash.len};

    tap->view_len[role] = 0;
    see(tap, role, (struct kt_span){header, sizeof header});
    see(tap, role, hash);
}

static void keep_leaf(struct tap *tap, enum kt_role of, struct kt_span message)
{
    size_t at = KT_MESSAGE_HEADER + 1u + message.p[KT_MESSAGE_HEADER] + 3u;

    tap->leaf_len[of] = 0;
    if (message.len > at + 3) {
        tap->leaf_len[of] = (size_t)(message.p[at + 1] << 8 | message.p[at + 2]);
        assert_true(tap->leaf_len[of] <= sizeof tap->leaf[of]);
        memcpy(tap->leaf[of], message.p + at + 3, tap->leaf_len[of]);
    }
}

static void sign_anew(struct tap *tap, enum kt_role from, uint8_t *message)
{
    uint8_t content[64 + 34 + KT_HASH_MAX];
    uint8_t digest[KT_HASH_MAX];
    struct kt_span hash = view_hash(tap, other(from), digest);
    uint16_t scheme = (uint16_t)(message[4] << 8 | message[5]);

    memset(content, ' ', 64);
    memcpy(content + 64, from == KT_CLIENT ? "TLS 1.3, client CertificateVerify" : "TLS 1.3, server CertificateVerify",
           34);
    memcpy(content + 98, hash.p, hash.len);
    kt_toy_sign(scheme, (struct kt_span){tap->leaf[from], tap->leaf_len[from]},
                (struct kt_span){content, 98 + hash.len}, message + 8);
}

static void finish_anew(struct tap *tap, enum kt_role from, uint8_t *message)
{
    uint8_t digest[KT_HASH_MAX];
    struct kt_span hash = view_hash(tap, other(from), digest);

    kt_finished_value(suite_of(tap)->hash, receiver_secret(tap, from, false), hash, message + KT_MESSAGE_HEADER);
}

static void repair(struct tap *tap, enum kt_role from, uint8_t *message, size_t len)
{
    if (suite_of(tap) == NULL) {
        return; /* nothing was chosen yet: whatever this is, it is not expected */
    }
    if (message[0] == KT_MSG_CERTIFICATE_VERIFY && len == 8 + KT_TOY_SIGNATURE_LEN && tap->leaf_len[from] > 0) {
        sign_anew(tap, from, message);
    }
    if (message[0] == KT_MSG_FINISHED && len == (size_t)KT_MESSAGE_HEADER + suite_of(tap)->hash->len) {
        finish_anew(tap, from, message);
    }
}

/* ---- messages of TLS 1.2 ---- */

static void keep_leaf12(struct tap *tap, enum kt_role of, struct kt_span message)
{
    const size_t at = KT_MESSAGE_HEADER + 3; /* behind the length of the list */

    tap->leaf_len[of] = 0;
    if (message.len > at + 3) {
        tap->leaf_len[of] = (size_t)(message.p[at + 1] << 8 | message.p[at + 2]);
        assert_true(tap->leaf_len[of] <= sizeof tap->leaf[of]);
        memcpy(tap->leaf[of], message.p + at + 3, tap->leaf_len[of]);
    }
}

static void sign_tail(const struct tap *tap, enum kt_role from, struct kt_span content, uint8_t *scheme_at)
{
    kt_toy_sign((uint16_t)(scheme_at[0] << 8 | scheme_at[1]), (struct kt_span){tap->leaf[from], tap->leaf_len[from]},
                content, scheme_at + 4);
}

/* Both randoms and what stands before the scheme. */
static void sign_params_anew(const struct tap *tap, uint8_t *message, size_t len)
{
    size_t params_len = len - KT_MESSAGE_HEADER - 4 - KT_TOY_SIGNATURE_LEN;
    uint8_t content[64 + 2048];

    assert_true(params_len <= sizeof content - 64);
    memcpy(content, tap->randoms[KT_CLIENT], 32);
    memcpy(content + 32, tap->randoms[KT_SERVER], 32);
    memcpy(content + 64, message + KT_MESSAGE_HEADER, params_len);
    sign_tail(tap, KT_SERVER, (struct kt_span){content, 64 + params_len}, message + KT_MESSAGE_HEADER + params_len);
}

static void finish_anew12(struct tap *tap, enum kt_role from, uint8_t *message)
{
    const struct kt_hash *transcript;
    struct kt_prf prf = prf12(tap, &transcript);
    struct kt_hash_state state;
    uint8_t digest[KT_HASH_MAX];

    transcript->init(&state);
    transcript->update(&state, tap->view[other(from)], tap->view_len[other(from)]);
    transcript->final(&state, digest);
    kt_finished12(&prf, main12(tap, other(from)), from, (struct kt_span){digest, transcript->len},
                  message + KT_MESSAGE_HEADER);
}

static void repair12(struct tap *tap, enum kt_role from, uint8_t *message, size_t len)
{
    if (message[0] == KT_MSG_SERVER_KEY_EXCHANGE && len > KT_MESSAGE_HEADER + 4 + KT_TOY_SIGNATURE_LEN) {
        sign_params_anew(tap, message, len);
    }
    if (message[0] == KT_MSG_CERTIFICATE_VERIFY && len == KT_MESSAGE_HEADER + 4 + KT_TOY_SIGNATURE_LEN) {
        sign_tail(tap, from, (struct kt_span){tap->view[other(from)], tap->view_len[other(from)]},
                  message + KT_MESSAGE_HEADER);
    }
    if (message[0] == KT_MSG_FINISHED && len == KT_MESSAGE_HEADER + KT_FINISHED12_LEN) {
        finish_anew12(tap, from, message);
    }
}

/* The randoms stand behind the version in both hellos. */
static void follow12(struct tap *tap, enum kt_role from, struct kt_span message)
{
    if (message.p[0] == KT_MSG_SERVER_HELLO || message.p[0] == KT_MSG_CLIENT_HELLO) {
        memcpy(tap->randoms[from], message.p + KT_MESSAGE_HEADER + 2, sizeof tap->randoms[from]);
    }
    if (message.p[0] == KT_MSG_CERTIFICATE && is_12(tap)) {
        keep_leaf12(tap, from, message);
    }
}

/* ---- following ---- */

static bool in_handshake(const struct tap_lane *lane)
{
    return lane->open_stage < 2;
}

/* What the sender sent, as far as the tap has to follow it. */
static void follow_sent(struct tap *tap, enum kt_role from, struct kt_span content)
{
    struct kt_span message;
    struct tap_lane *lane = &tap->lane[from];

    while (tap_next_message(&content, &message)) {
        follow12(tap, from, message);
        if (message.p[0] == KT_MSG_CERTIFICATE && !is_12(tap)) {
            keep_leaf(tap, from, message);
        }
        if (message.p[0] == KT_MSG_KEY_UPDATE && lane->open_stage == 2) {
            next_key(tap, &lane->open, &lane->open_secret, KT_RECEIVING);
        } else if (in_handshake(lane)) {
            if (is_retry(message)) {
                fold_first_hello(tap, from);
            }
            see(tap, from, message);
        }
        if (message.p[0] == KT_MSG_FINISHED && in_handshake(lane) && !is_12(tap)) {
            lane->open_stage = 3; /* application keys from the next record on */
        }
    }
}

static void count_update(struct tap *tap, enum kt_role from, struct kt_span message)
{
    struct tap_lane *lane = &tap->lane[from];

    tap->lane[other(from)].asked = false;
    lane->updates++;
    if (message.len == 5 && message.p[4] == 1) {
        lane->requests++;
        lane->asked = true;
    }
}

/* What arrives: made good where it must be, and followed likewise. True: the keys change behind it. */
static int follow_arriving(struct tap *tap, enum kt_role from, uint8_t *content, size_t len)
{
    struct kt_span rest = {content, len};
    struct kt_span message;
    struct tap_lane *lane = &tap->lane[from];
    int change = 0;

    while (tap_next_message(&rest, &message)) {
        uint8_t *bytes = content + (message.p - content);

        if (lane->seal_stage < 2) {
            if (tap->repair && is_12(tap)) {
                repair12(tap, from, bytes, message.len);
            } else if (tap->repair) {
                repair(tap, from, bytes, message.len);
            }
            if (is_retry(message) && suite_of(tap) != NULL) {
                fold_first_hello(tap, other(from));
            }
            see(tap, other(from), message);
        }
        if (message.p[0] == KT_MSG_KEY_UPDATE && lane->seal_stage == 2) {
            count_update(tap, from, message);
            change = KT_MSG_KEY_UPDATE;
        } else if (message.p[0] == KT_MSG_FINISHED && lane->seal_stage == 1 && !is_12(tap)) {
            change = KT_MSG_FINISHED;
        }
    }
    return change;
}

/* ---- records ---- */

static void put_plain(struct tap *tap, uint8_t type, const uint8_t *content, size_t len)
{
    uint8_t header[] = {type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len};

    assert_true(tap->out_len + sizeof header + len <= tap->out_cap);
    memcpy(tap->out + tap->out_len, header, sizeof header);
    if (len > 0) {
        memcpy(tap->out + tap->out_len + sizeof header, content, len);
    }
    tap->out_len += sizeof header + len;
}

static void put_sealed(struct tap *tap, struct tap_lane *lane, uint8_t type, const uint8_t *content, size_t len)
{
    size_t record_len;

    assert_true(tap->out_len + kt_protection_overhead(&lane->seal) + len <= tap->out_cap);
    assert_null(kt_protection_seal(&lane->seal, type, content, len, 0, tap->out + tap->out_len, &record_len));
    tap->out_len += record_len;
}

void tap_send(struct tap *tap, uint8_t type, const uint8_t *content, size_t len)
{
    struct tap_lane *lane = &tap->lane[tap->from];
    uint8_t *copy = malloc(len + 1);
    int change = 0;

    assert_non_null(copy);
    kt_copy(copy, content, len);
    if (lane->seal_stage == 0 && lane->open_stage > 0 && !is_12(tap)) {
        seal_with(tap, tap->from, 1);
    }
    if (lane->seal_stage == 3) {
        seal_with(tap, tap->from, 2);
    }
    if (type == KT_CONTENT_HANDSHAKE) {
        change = follow_arriving(tap, tap->from, copy, len);
    }
    if (lane->seal_stage == 0 || (type == KT_CONTENT_CCS && !is_12(tap))) {
        put_plain(tap, type, copy, len);
    } else {
        put_sealed(tap, lane, type, copy, len);
    }
    if (type == KT_CONTENT_CCS && is_12(tap) && lane->seal_stage == 0) {
        seal_with12(tap, tap->from);
    }
    if (change == KT_MSG_FINISHED) {
        lane->seal_stage = 3;
    } else if (change == KT_MSG_KEY_UPDATE) {
        next_key(tap, &lane->seal, &lane->seal_secret, KT_SENDING);
    }
    free(copy);
}

/* Opens the record; what was inside is `content`. */
static struct kt_span open_record(struct tap *tap, enum kt_role from, uint8_t *record, size_t len, uint8_t *type)
{
    struct tap_lane *lane = &tap->lane[from];
    struct kt_span content = {record + KT_RECORD_HEADER, len - KT_RECORD_HEADER};

    *type = record[0];
    if (is_12(tap) && lane->open_stage == 1) {
        assert_null(kt_protection_open(&lane->open, record, len, type, &content));
        return content;
    }
    if (is_12(tap) && record[0] == KT_CONTENT_CCS) {
        open_with12(tap, from);
    }
    if (record[0] != KT_CONTENT_DATA || is_12(tap)) {
        return content;
    }
    if (lane->open_stage == 0) {
        open_with(tap, from, 1);
    } else if (lane->open_stage == 3) {
        open_with(tap, from, 2);
    }
    assert_null(kt_protection_open(&lane->open, record, len, type, &content));
    return content;
}

static size_t filter(void *user, enum kt_role from, uint8_t *record, size_t len, size_t cap)
{
    struct tap *tap = user;
    uint8_t *copy = malloc(len);
    struct kt_span content;
    uint8_t type;

    assert_non_null(copy);
    memcpy(copy, record, len);
    tap->from = from;
    tap->out = record;
    tap->out_len = 0;
    tap->out_cap = cap;
    tap->lane[from].records++;
    content = open_record(tap, from, copy, len, &type);
    if (type == KT_CONTENT_HANDSHAKE) {
        follow_sent(tap, from, content);
    }
    if (tap->edit != NULL) {
        tap->edit(tap, from, type, content.p, content.len);
    } else {
        tap_send(tap, type, content.p, content.len);
    }
    free(copy);
    return tap->out_len;
}

void tap_inject(struct tap *tap, enum kt_role from, uint8_t type, const uint8_t *content, size_t len)
{
    struct loop_wire *wire = from == KT_CLIENT ? &tap->l->up : &tap->l->down;

    tap->from = from;
    tap->out = wire->bytes + wire->len;
    tap->out_len = 0;
    tap->out_cap = LOOP_WIRE - wire->len;
    tap_send(tap, type, content, len);
    wire->len += tap->out_len;
}

/* ---- open and close ---- */

static void client_settings(struct kt_builder *b)
{
    kt_builder_danger_keylog(b, true);
    if (open_setup->client != NULL) {
        open_setup->client(b);
    }
}

static void server_settings(struct kt_builder *b)
{
    kt_builder_danger_keylog(b, true);
    if (open_setup->server != NULL) {
        open_setup->server(b);
    }
}

void tap_open(struct tap *tap, struct loop *l, const struct loop_setup *setup)
{
    struct loop_setup mine = *setup;

    memset(tap, 0, sizeof *tap);
    tap->l = l;
    open_tap = tap;
    open_setup = setup;
    mine.client = client_settings;
    mine.server = server_settings;
    mine.observer = observe;
    loop_open(l, &mine);
    l->filter = filter;
    l->filter_user = tap;
}

static void clear_lanes(struct tap *tap)
{
    for (int i = 0; i < 2; i++) {
        kt_protection_clear(&tap->lane[i].open);
        kt_protection_clear(&tap->lane[i].seal);
    }
}

void tap_reconnect(struct tap *tap)
{
    const struct tap fresh = {.l = tap->l, .edit = tap->edit, .user = tap->user, .repair = tap->repair};

    clear_lanes(tap);
    *tap = fresh;
    loop_hang_up(tap->l);
    assert_null(loop_connect(tap->l, open_setup));
}

void tap_close(struct tap *tap)
{
    clear_lanes(tap);
    loop_close(tap->l);
}
