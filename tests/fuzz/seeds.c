/*
 * seeds.c - writes the inputs that fuzzers begin with, from handshakes of our own and from the generator of messages.
 *
 *      fuzz_seeds DIRECTORY       DIRECTORY/TARGET/NAME, over what is there
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "crypto/toy/toy.h"
#include "fuzz/machine_input.h"
#include "fuzz/script.h"
#include "record/protect.h"
#include "session/ticket_ring.h"
#include "support/wire_messages.h"

static const char *directory;

/* ---- files ---- */

static FILE *create(const char *target, const char *name)
{
    char path[512];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/%s_fuzz", directory, target);
    if (mkdir(path, 0777) != 0 && errno != EEXIST) {
        perror(path);
        exit(1);
    }
    (void)snprintf(path, sizeof path, "%s/%s_fuzz/%s", directory, target, name);
    file = fopen(path, "wb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    return file;
}

static void put(FILE *file, const void *bytes, size_t len)
{
    FUZZ_ASSERT(fwrite(bytes, 1, len, file) == len);
}

static void write_seed(const char *target, const char *name, const void *bytes, size_t len)
{
    FILE *file = create(target, name);

    put(file, bytes, len);
    FUZZ_ASSERT(fclose(file) == 0);
}

/* ---- scenes ---- */

struct named_scene {
    const char *name;
    uint8_t bytes[SCENE_BYTES];
};

static const struct named_scene scenes[] = {
    {"plain", {0}},
    {"retry", {0, SCENE_NO_SHARE}},
    {"mutual", {SCENE_RSA_SERVER | SCENE_RSA_CLIENT, SCENE_REQUIRE | SCENE_CLIENT_CREDENTIAL, SCENE_SCT | SCENE_ALPN}},
    {"tickets",
     {SCENE_ED25519_SERVER, SCENE_RESUMPTION | SCENE_POST_AUTH | SCENE_CLIENT_CREDENTIAL, 0, SCENE_TICKET_WISH}},
    {"handles", {SCENE_LAST_SUITE, SCENE_RESUMPTION | SCENE_STATEFUL, SCENE_PADDING, SCENE_ASK_CREDENTIAL}},
    {"psk", {0, SCENE_NO_SHARE, SCENE_PSK, SCENE_NO_COOKIE}},
    {"find_psk", {0, SCENE_REQUEST, SCENE_FIND_PSK | SCENE_PSK_KE | SCENE_RECORD_LIMIT, 0}},
    {"short", {0, SCENE_ASK_CONFIG, SCENE_MAX_FRAGMENT, SCENE_FEW_RECORDS | SCENE_FEW_BYTES}},
    {"tls12", {1, SCENE_RESUMPTION, SCENE_ALPN, 0}},
    {"tls12_mutual", {1 | SCENE_RSA_SERVER, SCENE_REQUIRE | SCENE_CLIENT_CREDENTIAL, 0, 0}},
    {"tls12_ids", {1 | SCENE_RSA_SERVER | SCENE_LEGACY | SCENE_LAST_SUITE, SCENE_RESUMPTION, 0, SCENE_SESSION_IDS}},
    {"tls11", {2 | SCENE_RSA_SERVER, SCENE_REQUEST, 0, 0}},
    {"tls10", {3, SCENE_RESUMPTION, 0, SCENE_ASK_RESUME}},
};

enum { SCENES = sizeof scenes / sizeof scenes[0] };

/* ---- messages of handshakes ---- */

enum { MESSAGES_MAX = 64, MESSAGE_MAX = 2048 };

static struct {
    size_t len;
    uint8_t bytes[MESSAGE_MAX];
} messages[MESSAGES_MAX];
static size_t message_count;

static void keep_message(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    (void)user;
    (void)conn;
    if (notice->kind == KT_NOTICE_MESSAGE && notice->direction == KT_SENDING && message_count < MESSAGES_MAX &&
        notice->u.message.body.len <= MESSAGE_MAX) {
        messages[message_count].len = notice->u.message.body.len;
        memcpy(messages[message_count].bytes, notice->u.message.body.p, notice->u.message.body.len);
        message_count++;
    }
}

/* The fuzzer of the codec; NULL: it has none of its own. */
static const char *target_of(uint8_t type, uint16_t version)
{
    bool old = version < KT_TLS_1_3;

    switch (type) {
    case KT_MSG_CLIENT_HELLO:
        return "client_hello";
    case KT_MSG_SERVER_HELLO:
        return old ? "server_hello12" : "server_hello";
    case KT_MSG_ENCRYPTED_EXTENSIONS:
        return "encrypted_extensions";
    case KT_MSG_CERTIFICATE:
        return old ? "certificate12" : "certificate";
    case KT_MSG_CERTIFICATE_REQUEST:
        return old ? "certificate_request12" : "certificate_request";
    case KT_MSG_CERTIFICATE_VERIFY:
        return old ? "certificate_verify12" : "certificate_verify";
    case KT_MSG_NEW_SESSION_TICKET:
        return old ? "new_session_ticket12" : "new_session_ticket";
    case KT_MSG_KEY_UPDATE:
        return "key_update";
    default:
        return NULL;
    }
}

static void record_messages(const struct named_scene *named, uint16_t *version)
{
    static struct scene s;

    message_count = 0;
    scene_begin(&s, named->bytes);
    s.setup.observer = keep_message;
    loop_open(&s.l, &s.setup);
    s.l.store = s.store;
    s.l.psk = s.psk;
    scene_run(&s);
    for (int i = 0; i < 2; i++) {
        const struct kt_fault *fault = kt_conn_fault(loop_conn(&s.l, (enum kt_role)i));

        if (fault != NULL) {
            (void)fprintf(stderr, "%s: %s at %s:%u\n", named->name, kt_reason_name(fault->reason), fault->file,
                          fault->line);
        }
    }
    FUZZ_ASSERT(kt_conn_is_connected(s.l.client) && kt_conn_is_connected(s.l.server));
    *version = s.version;
    loop_hang_up(&s.l);
    scene_forget(&s);
    loop_close(&s.l);
    scene_end(&s);
}

static void write_messages(const struct named_scene *named, uint16_t version)
{
    for (size_t i = 0; i < message_count; i++) {
        const char *target = target_of(messages[i].bytes[0], version);

        if (target != NULL) {
            write_seed(target, named->name, messages[i].bytes + KT_MESSAGE_HEADER, messages[i].len - KT_MESSAGE_HEADER);
        }
    }
}

/* Each message of the handshake in the place of the i-th record and of the one behind, in several ways. */
static void write_machine(const struct named_scene *named)
{
    static const uint8_t ways[] = {MACHINE_REPLACE | MACHINE_REPAIR, MACHINE_BEFORE, MACHINE_BEHIND | MACHINE_HOLD,
                                   MACHINE_PATCH | MACHINE_REPAIR, MACHINE_REPLACE | MACHINE_SPLIT};

    for (size_t i = 0; i < 2 * message_count; i++) {
        const size_t which = (i * 5 + 1) % message_count;
        const uint8_t head[4] = {(uint8_t)i, ways[i % sizeof ways], 0, (uint8_t)(i * 7)};
        char name[64];
        FILE *file;

        (void)snprintf(name, sizeof name, "%s_%zu", named->name, i);
        file = create("machine", name);
        put(file, named->bytes, SCENE_BYTES);
        put(file, head, sizeof head);
        put(file, messages[which].bytes, messages[which].len);
        FUZZ_ASSERT(fclose(file) == 0);
    }
}

/* ---- generated messages ---- */

static void write_generated(void)
{
    static const char *const targets[WIRE_KINDS] = {
        [WIRE_CLIENT_HELLO] = "client_hello",
        [WIRE_SERVER_HELLO] = "server_hello",
        [WIRE_SERVER_HELLO12] = "server_hello12",
        [WIRE_RETRY] = "server_hello",
        [WIRE_ENCRYPTED_EXTENSIONS] = "encrypted_extensions",
        [WIRE_CERTIFICATE_REQUEST] = "certificate_request",
        [WIRE_CERTIFICATE] = "certificate",
        [WIRE_NEW_SESSION_TICKET] = "new_session_ticket",
        [WIRE_CERTIFICATE_VERIFY] = "certificate_verify",
        [WIRE_KEY_UPDATE] = "key_update",
        [WIRE_CERTIFICATE12] = "certificate12",
        [WIRE_CERTIFICATE_STATUS] = "certificate_status",
        [WIRE_SERVER_KEY_EXCHANGE] = "server_key_exchange",
        [WIRE_SERVER_KEY_EXCHANGE_DHE] = "server_key_exchange",
        [WIRE_SERVER_KEY_EXCHANGE11] = "server_key_exchange",
        [WIRE_CERTIFICATE_REQUEST12] = "certificate_request12",
        [WIRE_CERTIFICATE_REQUEST11] = "certificate_request12",
        [WIRE_CLIENT_KEY_EXCHANGE] = "client_key_exchange",
        [WIRE_CLIENT_KEY_EXCHANGE_RSA] = "client_key_exchange",
        [WIRE_CERTIFICATE_VERIFY12] = "certificate_verify12",
        [WIRE_CERTIFICATE_VERIFY11] = "certificate_verify12",
        [WIRE_NEW_SESSION_TICKET12] = "new_session_ticket12",
    };
    static struct generator g;
    static uint8_t bytes[1 << 17];

    for (int kind = 0; kind < WIRE_KINDS; kind++) {
        for (uint64_t i = 0; i < 3; i++) {
            union wire_message message;
            struct kt_writer w = kt_writer_over(bytes, sizeof bytes);
            char name[64];

            generator_begin(&g, i);
            generate_message(&g, (enum wire_kind)kind, i == 0, &message);
            wire_encode((enum wire_kind)kind, &w, &message);
            FUZZ_ASSERT(kt_writer_finish(&w) && w.len > KT_MESSAGE_HEADER);
            (void)snprintf(name, sizeof name, "generated_%d_%d", kind, (int)i);
            write_seed(targets[kind], name, bytes + KT_MESSAGE_HEADER, w.len - KT_MESSAGE_HEADER);
        }
    }
}

/* ---- scripts ---- */

#define STEP(role, action, a, b) (uint8_t)((action) << 1 | (role)), (a), (b)
#define CLIENT(action, a, b)     STEP(0, action, a, b)
#define SERVER(action, a, b)     STEP(1, action, a, b)
#define RUN                      CLIENT(SCRIPT_RUN, 0, 0)

static const uint8_t piecemeal[] = {
    CLIENT(SCRIPT_FLUSH, 7, 0),    CLIENT(SCRIPT_DELIVER, 3, 0), CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_DELIVER, 0, 0),  SERVER(SCRIPT_ANSWER, 0, 0),  SERVER(SCRIPT_FLUSH, 100, 0),
    SERVER(SCRIPT_DELIVER, 99, 0), SERVER(SCRIPT_FLUSH, 0, 0),   SERVER(SCRIPT_DELIVER, 0, 0),
    CLIENT(SCRIPT_ANSWER, 0, 0),   CLIENT(SCRIPT_FLUSH, 0, 0),   CLIENT(SCRIPT_DELIVER, 0, 0),
    CLIENT(SCRIPT_SEND, 100, 1),   SERVER(SCRIPT_WRITE, 20, 0),  RUN,
};

static const uint8_t data[] = {
    RUN,
    CLIENT(SCRIPT_SEND, 0, 70),
    SERVER(SCRIPT_SEND, 9, 0),
    CLIENT(SCRIPT_FLUSH, 0, 1),
    CLIENT(SCRIPT_DELIVER, 200, 0),
    SERVER(SCRIPT_RECEIVE, 5, 0),
    SERVER(SCRIPT_WRITE, 0, 2),
    CLIENT(SCRIPT_REST, 0, 0),
    CLIENT(SCRIPT_REST, 1, 0),
    SERVER(SCRIPT_LOOK, 0, 0),
    RUN,
    CLIENT(SCRIPT_LOOK, 0, 0),
    CLIENT(SCRIPT_SEND, 5, 0),
    RUN,
    CLIENT(SCRIPT_REST, 1, 0),
};

static const uint8_t rekeys[] = {
    RUN,
    CLIENT(SCRIPT_REKEY, 1, 0),
    CLIENT(SCRIPT_SEND, 9, 0),
    SERVER(SCRIPT_REKEY, 1, 0),
    SERVER(SCRIPT_SEND, 9, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_DELIVER, 0, 0),
    SERVER(SCRIPT_REKEY, 0, 0),
    RUN,
    CLIENT(SCRIPT_TIME, 60, 0),
    SERVER(SCRIPT_SEND, 1, 1),
    RUN,
    SERVER(SCRIPT_REKEY, 0, 0),
    RUN,
};

static const uint8_t post_auth[] = {
    RUN,
    SERVER(SCRIPT_REQUEST, 1, 0),
    CLIENT(SCRIPT_SEND, 9, 0),
    SERVER(SCRIPT_REQUEST, 2, 0),
    SERVER(SCRIPT_FLUSH, 0, 0),
    SERVER(SCRIPT_DELIVER, 0, 0),
    CLIENT(SCRIPT_LOOK, 0, 0),
    CLIENT(SCRIPT_SEND, 9, 0),
    CLIENT(SCRIPT_ANSWER, 0, 0),
    CLIENT(SCRIPT_REKEY, 1, 0),
    RUN,
    SERVER(SCRIPT_TICKETS, 2, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 1, 0),
    RUN,
};

static const uint8_t resumes[] = {
    RUN,
    CLIENT(SCRIPT_SEND, 9, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 1, 0),
    RUN,
    SERVER(SCRIPT_SEND, 9, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 1, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_DELIVER, 0, 0),
    SERVER(SCRIPT_MISUSE, 2, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    RUN,
};

static const uint8_t closes[] = {
    RUN,
    CLIENT(SCRIPT_SEND, 0, 3),
    CLIENT(SCRIPT_CLOSE, 0, 0),
    SERVER(SCRIPT_SEND, 0, 3),
    RUN,
    SERVER(SCRIPT_CLOSE, 0, 0),
    CLIENT(SCRIPT_SEND, 1, 0),
    RUN,
    SERVER(SCRIPT_END, 0, 0),
};

static const uint8_t early_close[] = {
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_DELIVER, 0, 0),
    SERVER(SCRIPT_CLOSE, 0, 0),
    RUN,
};

static const uint8_t attacks[] = {
    RUN,
    CLIENT(SCRIPT_SEND, 100, 0),
    CLIENT(SCRIPT_SEND, 100, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_SWAP, 0, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    RUN,
    SERVER(SCRIPT_SEND, 100, 0),
    SERVER(SCRIPT_FLUSH, 0, 0),
    SERVER(SCRIPT_DOUBLE, 0, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_FLIP, 0, 60),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_DELIVER, 0, 0),
    SERVER(SCRIPT_FLUSH, 0, 0),
    SERVER(SCRIPT_DROP, 1, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    RUN,
    CLIENT(SCRIPT_SEND, 1, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_CUT, 0, 9),
    CLIENT(SCRIPT_END, 0, 0),
    RUN,
};

static const uint8_t injections[] = {
    CLIENT(SCRIPT_INJECT, 0, 0x00),
    1,
    1,
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_INJECT, 9, 0x10),
    2,
    1,
    90,
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    RUN,
    SERVER(SCRIPT_INJECT, 0, 0x20),
    5,
    24,
    0,
    0,
    1,
    0,
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    RUN,
    SERVER(SCRIPT_INJECT, 0, 0x30),
    3,
    1,
    2,
    3,
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    SERVER(SCRIPT_INJECT, 0, 0x10),
    2,
    2,
    40,
    RUN,
};

static const uint8_t failures[] = {
    CLIENT(SCRIPT_NO_MEMORY, 3, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    CLIENT(SCRIPT_NO_CRYPTO, 4, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    CLIENT(SCRIPT_NO_RANDOM, 1, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 0, 0),
    RUN,
    CLIENT(SCRIPT_NO_MEMORY, 0, 0),
    SERVER(SCRIPT_SEND, 100, 0),
    CLIENT(SCRIPT_REKEY, 1, 0),
    RUN,
    CLIENT(SCRIPT_RECONNECT, 1, 0),
    CLIENT(SCRIPT_FLUSH, 0, 0),
    CLIENT(SCRIPT_DELIVER, 0, 0),
    SERVER(SCRIPT_ANSWER, 1, 0),
    RUN,
};

static const struct {
    const char *name;
    const uint8_t *steps;
    size_t len;
} scripts[] = {
    {"piecemeal", piecemeal, sizeof piecemeal},
    {"data", data, sizeof data},
    {"rekeys", rekeys, sizeof rekeys},
    {"post_auth", post_auth, sizeof post_auth},
    {"resumes", resumes, sizeof resumes},
    {"closes", closes, sizeof closes},
    {"early_close", early_close, sizeof early_close},
    {"attacks", attacks, sizeof attacks},
    {"injections", injections, sizeof injections},
    {"failures", failures, sizeof failures},
};

static void write_scripts(const struct named_scene *named)
{
    for (size_t i = 0; i < sizeof scripts / sizeof scripts[0]; i++) {
        char name[64];
        FILE *file;

        (void)snprintf(name, sizeof name, "%s_%s", named->name, scripts[i].name);
        file = create("connection", name);
        put(file, named->bytes, SCENE_BYTES);
        put(file, scripts[i].steps, scripts[i].len);
        FUZZ_ASSERT(fclose(file) == 0);
    }
}

/* ---- sessions and tickets ---- */

static const struct kt_session_data session = {
    .role = KT_SERVER,
    .id = {1},
    .version = KT_TLS_1_3,
    .suite = KT_SUITE_AES_128_GCM_SHA256,
    .secret = {.len = 32, .b = {1, 2, 3}},
    .server_name = {.len = 9, .b = "a.example"},
    .alpn = {.len = 2, .b = "h2"},
    .origin = {.lineage = {9},
               .born = 1000,
               .end = 5000,
               .peer = {7},
               .has_peer = true,
               .authenticated = true,
               .end_point_len = 32,
               .end_point = {8, 8}},
    .generation = 4,
    .issued = 2000,
    .lifetime = 600,
    .age_add = 77,
    .ticket = {(const uint8_t *)"ticket", 6},
};

static void write_sessions(void)
{
    struct kt_session_data other = session;
    uint8_t bytes[KT_SESSION_FIXED_MAX];
    struct kt_writer w = kt_writer_over(bytes, sizeof bytes);

    kt_session_encode(&w, &session);
    FUZZ_ASSERT(kt_writer_finish(&w));
    write_seed("session_blob", "server", bytes, w.len);
    other.role = KT_CLIENT;
    other.origin.has_peer = other.origin.authenticated = false;
    other.origin.end_point_len = other.server_name.len = other.alpn.len = 0;
    w = kt_writer_over(bytes, sizeof bytes);
    kt_session_encode(&w, &other);
    FUZZ_ASSERT(kt_writer_finish(&w));
    write_seed("session_blob", "client", bytes, w.len);
}

static void write_tickets(void)
{
    uint8_t bytes[1 + KT_TICKET_RING_BLOB] = {0};
    const uint8_t damage[] = {2, 0, 40, 0, 0, 0xff}, cut[] = {2, 0, 0, 0, 1};
    struct kt_ticket_ring *ring = NULL;
    struct kt_writer w;
    struct test_env env;
    size_t len;

    test_env_init(&env);
    FUZZ_ASSERT(kt_ticket_ring_new(&env.env, NULL, &ring) == NULL);
    len = kt_ticket_ring_export(ring, bytes + 1, sizeof bytes - 1);
    write_seed("ticket", "keys", bytes, 1 + len);
    FUZZ_ASSERT(kt_ticket_ring_rotate(ring) == NULL && kt_ticket_ring_rotate(ring) == NULL);
    len = kt_ticket_ring_export(ring, bytes + 1, sizeof bytes - 1);
    write_seed("ticket", "more_keys", bytes, 1 + len);
    bytes[0] = 1;
    w = kt_writer_over(bytes + 1, sizeof bytes - 1);
    FUZZ_ASSERT(kt_session_seal(kt_crypto_toy(), &env.env, ring, &session, &w) == NULL && kt_writer_finish(&w));
    write_seed("ticket", "of_another_ring", bytes, 1 + w.len);
    write_seed("ticket", "damaged", damage, sizeof damage);
    write_seed("ticket", "cut", cut, sizeof cut);
    kt_ticket_ring_unref(ring);
}

/* Kinds of action in the order of store_fuzz.c. */
static void write_store(void)
{
    uint8_t bytes[9 * 30];

    for (uint8_t first = 0; first < 9; first++) {
        for (size_t i = 0; i < sizeof bytes / 3; i++) {
            bytes[3 * i] = (uint8_t)(i % 4 == 3 ? first : i % 3);
            bytes[3 * i + 1] = (uint8_t)(i * i);
            bytes[3 * i + 2] = (uint8_t)(i * 3);
        }
        write_seed("store", (const char[]){'m', 'o', 's', 't', 'l', 'y', '_', (char)('0' + first), '\0'}, bytes,
                   sizeof bytes);
    }
}

/* ---- records ---- */

static void write_records(void)
{
    static const struct {
        const char *name;
        uint8_t head[3]; /* of record12_fuzz.c */
    } kinds[] = {{"toy_gcm", {1, 0, 0}}, {"toy_cbc", {1, 20, 4}}, {"gcm", {0, 0, 1}}, {"cbc", {0, 30, 2}}};
    uint8_t bytes[3 + KT_RECORD_HEADER + 64] = {0};

    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        memcpy(bytes, kinds[i].head, 3);
        memcpy(bytes + 3, (const uint8_t[]){KT_CONTENT_DATA, 3, 3, 0, 64}, KT_RECORD_HEADER);
        write_seed("record12", kinds[i].name, bytes, sizeof bytes);
    }
}

/* ---- texts, and calls of the builder ---- */

static void write_text(const char *target, const char *name, const char *text)
{
    write_seed(target, name, text, strlen(text));
}

static void write_texts(void)
{
    write_text("policy_text", "all",
               "based-on = compatible\nversions = TLSv1.3, TLSv1.2\nsuites = AES-256-GCM\n"
               "groups = x25519, P-256\nschemes = ed25519\nmin-rsa-bits = 3072\n"
               "rekey-records = 1000\nrekey-bytes = 1G # each\nrekey-seconds = 3600\n");
    write_text("policy_text", "wrong", "versions = SSLv3\n");
    write_text("ocsp_url", "plain", "http://ocsp.example/path?query");
    write_text("ocsp_url", "address", "http://[2001:db8::1]:8080/");
    write_text("http_reply", "counted",
               "HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: 3\r\n\r\nabc");
    write_text("http_reply", "to_the_end", "HTTP/1.1 200 OK\r\ncontent-type: application/ocsp-response\r\n\r\nabc");
    write_text("http_reply", "moved", "HTTP/1.1 302 Found\r\nLocation: http://other.example/\r\n\r\n");
}

/* Calls by their number in builder_fuzz.c. */
static void write_builders(void)
{
    static const uint8_t client[] = {0, 0, 0, 4, 0x13, 1, 0x13, 2,  4,       2,  2,  'h', '2', 3,   'f', 'o', 'o',
                                     3, 4, 4, 9, 1,    2, 0,    10, 128 + 4, 12, 1,  2,   'i', 'd', 16,  0,   1,
                                     2, 3, 4, 5, 6,    7, 8,    9,  10,      11, 12, 13,  14,  15,  1,   'c'};
    static const uint8_t server[] = {3,   7,   0,  7, 1, 7, 2, 1, 2, 11, 0x21, 1, 0, 2, 0, 3, 'c',
                                     't', 'x', 14, 3, 6, 5, 3, 1, 2, 3,  13,   1, 0, 9, 3, 3, 4};
    static const uint8_t credential[] = {1, 5, 1, 2, 3, 'a', '.', 'b', 4, 4, 3, 8, 7, 8, 0, 1,
                                         0, 2, 0, 3, 0, 4,   0,   5,   0, 6, 0, 7, 0, 8, 0, 9};
    static const uint8_t policy[] = {0,    2,    24,   'b',  'a', 's', 'e', 'd', '-', 'o',  'n',
                                     ' ',  '=',  ' ',  'l',  'e', 'g', 'a', 'c', 'y', '\n', '\n',
                                     '\n', '\n', '\n', '\n', 14,  2,   0,   9,   1,   2};

    write_seed("builder", "client", client, sizeof client);
    write_seed("builder", "server", server, sizeof server);
    write_seed("builder", "credential", credential, sizeof credential);
    write_seed("builder", "policy", policy, sizeof policy);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: fuzz_seeds DIRECTORY\n");
        return 2;
    }
    directory = argv[1];
    write_generated();
    for (size_t i = 0; i < SCENES; i++) {
        uint16_t version;

        record_messages(&scenes[i], &version);
        write_messages(&scenes[i], version);
        write_machine(&scenes[i]);
        write_scripts(&scenes[i]);
    }
    write_sessions();
    write_tickets();
    write_store();
    write_records();
    write_texts();
    write_builders();
    return 0;
}
