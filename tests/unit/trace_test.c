/* The trace of the command, which is no part of the library: compiled in. */
#include "../../cmd/keyturn/trace.c"

#include <pthread.h>
#include <setjmp.h>

#include <cmocka.h>

enum { THREADS = 4, LINES = 200, DRAWN = 8192 };

static const struct kt_facts client = {.role = KT_CLIENT,
                                       .version = KT_TLS_1_3,
                                       .suite = KT_SUITE_AES_128_GCM_SHA256,
                                       .group = KT_GROUP_X25519,
                                       .own_scheme = KT_SCHEME_ED25519,
                                       .peer_scheme = KT_SCHEME_ECDSA_SECP256R1_SHA256};
static const struct kt_facts server = {.role = KT_SERVER, .own_scheme = KT_SCHEME_ED25519};

/* What one notice, or none, puts on the descriptor. */
static void drawn(enum kt_trace_form form, const struct kt_facts *facts, uint64_t id, uint64_t us,
                  const struct kt_notice *notice, char out[DRAWN])
{
    struct kt_trace *trace;
    ssize_t len;
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    trace = kt_trace_new(fds[1], form);
    assert_non_null(trace);
    kt_trace_draw(trace, facts, id, us, notice);
    kt_trace_free(trace);
    close(fds[1]);
    len = read(fds[0], out, DRAWN - 1);
    assert_true(len >= 0);
    out[len] = '\0';
    close(fds[0]);
}

static void assert_drawn(enum kt_trace_form form, const struct kt_notice *notice, const char *expected)
{
    char text[DRAWN];

    drawn(form, &client, 0, 1234567, notice, text);
    assert_string_equal(text, expected);
}

/* Bytes that are no message: it is drawn by its type and length. */
static struct kt_notice message(enum kt_direction direction, uint8_t type, size_t len)
{
    static const uint8_t nothing[1 << 20];
    struct kt_notice n = {.kind = KT_NOTICE_MESSAGE, .direction = direction};

    assert_true(len <= sizeof nothing);
    n.u.message.type = type;
    n.u.message.body = (struct kt_span){nothing, len};
    return n;
}

/* EncryptedExtensions with `count` extensions, numbered from `first` on, all empty. */
static struct kt_notice extensions(uint8_t bytes[6 + 4 * 99], uint16_t first, uint8_t count)
{
    struct kt_notice n = {.kind = KT_NOTICE_MESSAGE, .direction = KT_RECEIVING};
    uint16_t len = (uint16_t)(4 * count);

    n.u.message.type = 8;
    n.u.message.body = (struct kt_span){bytes, 6u + len};
    memset(bytes, 0, 6u + len);
    bytes[0] = 8;
    bytes[2] = (uint8_t)((len + 2) >> 8);
    bytes[3] = (uint8_t)(len + 2);
    bytes[4] = (uint8_t)(len >> 8);
    bytes[5] = (uint8_t)len;
    for (unsigned i = 0; i < count; i++) {
        bytes[6 + 4 * i] = (uint8_t)((first + i) >> 8);
        bytes[7 + 4 * i] = (uint8_t)(first + i);
    }
    return n;
}

static struct kt_notice record(void)
{
    struct kt_notice n = {.kind = KT_NOTICE_RECORD, .direction = KT_SENDING};

    n.u.record.type = 23;
    n.u.record.is_protected = true;
    n.u.record.wire_len = 36;
    n.u.record.content_len = 14;
    n.u.record.epoch = 2;
    return n;
}

static struct kt_notice alert(void)
{
    struct kt_notice n = {.kind = KT_NOTICE_ALERT, .direction = KT_RECEIVING};

    n.u.alert.level = 2;
    n.u.alert.description = KT_ALERT_UNKNOWN_CA;
    return n;
}

static struct kt_notice epoch(void)
{
    struct kt_notice n = {.kind = KT_NOTICE_EPOCH, .direction = KT_RECEIVING};

    n.u.epoch.number = 3;
    n.u.epoch.birth = KT_BIRTH_PEER;
    return n;
}

static void the_ladder(void **state)
{
    struct kt_notice hello = message(KT_SENDING, 1, 214);
    struct kt_notice finished = message(KT_RECEIVING, 20, 36);
    struct kt_notice data = record();
    struct kt_notice bad = alert();
    struct kt_notice key = epoch();

    (void)state;
    assert_drawn(KT_TRACE_TEXT, &hello, "  1234.567  |-- ClientHello 214 ------------------------------------>|\n");
    assert_drawn(KT_TRACE_TEXT, &finished, "  1234.567  |<---------------------------------------- Finished 36 --|\n");
    assert_drawn(KT_TRACE_TEXT, &data, "  1234.567  |.. application_data 14, protected record 36 ...........>|\n");
    assert_drawn(KT_TRACE_TEXT, &bad, "  1234.567  |<!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!! alert unknown_ca !!|\n");
    assert_drawn(KT_TRACE_TEXT, &key, "  1234.567  |== receiving key 3: peer ===============================|\n");
}

static void the_ladder_leaves_out_moves_of_the_machine(void **state)
{
    struct kt_notice n = {.kind = KT_NOTICE_STATE};

    (void)state;
    n.u.state.from = "C_START";
    n.u.state.to = "C_WAIT_SH";
    assert_drawn(KT_TRACE_TEXT, &n, "");
    assert_drawn(KT_TRACE_JSON, &n,
                 "{\"ms\":1234.567,\"side\":\"client\",\"event\":\"state\",\"from\":\"C_START\",\"to\":\"C_"
                 "WAIT_SH\"}\n");
}

static void colour_is_around_the_rung(void **state)
{
    struct kt_notice key = epoch();
    char text[DRAWN];

    (void)state;
    drawn(KT_TRACE_COLOR, &client, 0, 0, &key, text);
    assert_non_null(strstr(text, "\033[1;33m|== receiving"));
    assert_non_null(strstr(text, "|\033[0m\n"));
}

static void a_pipe_gets_no_colour_by_itself(void **state)
{
    struct kt_notice key = epoch();
    char text[DRAWN];

    (void)state;
    drawn(KT_TRACE_AUTO, &client, 0, 0, &key, text);
    assert_non_null(strstr(text, "receiving key"));
    assert_null(strchr(text, '\033'));
}

static void json_lines(void **state)
{
    struct kt_notice hello = message(KT_SENDING, 1, 214);
    struct kt_notice unknown = message(KT_RECEIVING, 99, 4);
    struct kt_notice data = record();
    struct kt_notice bad = alert();
    struct kt_notice key = epoch();

    (void)state;
#define HEAD "{\"ms\":1234.567,\"side\":\"client\",\"event\":"
    assert_drawn(KT_TRACE_JSON, &hello,
                 HEAD "\"message\",\"direction\":\"sent\",\"name\":\"ClientHello\",\"len\":214}\n");
    assert_drawn(KT_TRACE_JSON, &unknown,
                 HEAD "\"message\",\"direction\":\"received\",\"name\":\"message 99\",\"len\":4}\n");
    assert_drawn(KT_TRACE_JSON, &data,
                 HEAD
                 "\"record\",\"direction\":\"sent\",\"type\":\"application_data\",\"protected\":true,"
                 "\"wire\":36,\"content\":14,\"epoch\":2}\n");
    assert_drawn(KT_TRACE_JSON, &bad,
                 HEAD "\"alert\",\"direction\":\"received\",\"level\":\"fatal\",\"name\":\"unknown_ca\"}\n");
    assert_drawn(KT_TRACE_JSON, &key, HEAD "\"epoch\",\"direction\":\"received\",\"number\":3,\"birth\":\"peer\"}\n");
#undef HEAD
}

/* A name from the peer must not end the string, nor the line. */
static void names_of_the_peer_are_harmless(void **state)
{
    static const char name[] = "a\"b\\c\n\033[2J\xc3";
    struct kt_notice n = {.kind = KT_NOTICE_CONNECTED};
    struct kt_facts facts = client;
    char text[DRAWN];

    (void)state;
    facts.server_name = (struct kt_span){(const uint8_t *)name, sizeof name - 1};
    facts.alpn = (struct kt_span){(const uint8_t *)"h2", 2};
    drawn(KT_TRACE_JSON, &facts, 0, 0, &n, text);
    assert_non_null(strstr(text, "\"sni\":\"a?b?c??[2J?\""));
    assert_non_null(strstr(text, "\"alpn\":\"h2\""));
    assert_non_null(strstr(text, "\"scheme\":\"ecdsa_secp256r1_sha256\""));
    assert_non_null(strstr(text, "\"suite\":\"TLS_AES_128_GCM_SHA256\""));
    assert_int_equal(strchr(text, '\n') - text, (long)strlen(text) - 1);
}

static void connections_of_a_server_have_numbers(void **state)
{
    struct kt_notice key = epoch();
    char text[DRAWN];

    (void)state;
    drawn(KT_TRACE_TEXT, &server, 7, 0, &key, text);
    assert_memory_equal(text, "[7] ", 4);
    drawn(KT_TRACE_JSON, &server, 7, 0, &key, text);
    assert_memory_equal(text, "{\"ms\":0.000,\"id\":7,\"side\":\"server\",", 33);
}

static void the_end_of_a_request_is_drawn(void **state)
{
    struct kt_notice n = {.kind = KT_NOTICE_POST_AUTH, .direction = KT_RECEIVING};
    char text[DRAWN];

    (void)state;
    assert_drawn(KT_TRACE_JSON, &n,
                 "{\"ms\":1234.567,\"side\":\"client\",\"event\":\"post-auth\",\"direction\":\"received\","
                 "\"certificates\":0}\n");
    drawn(KT_TRACE_TEXT, &client, 0, 0, &n, text);
    assert_non_null(strstr(text, "== no certificate to show ="));
    n.u.post_auth.chain_len = 2;
    drawn(KT_TRACE_TEXT, &client, 0, 0, &n, text);
    assert_non_null(strstr(text, "== certificate accepted ="));
    n.direction = KT_SENDING;
    drawn(KT_TRACE_TEXT, &client, 0, 0, &n, text);
    assert_non_null(strstr(text, "== certificate shown ="));
}

static void secrets_are_not_drawn(void **state)
{
    struct kt_notice n = {.kind = KT_NOTICE_SECRET};

    (void)state;
    n.u.secret.label = "CLIENT_TRAFFIC_SECRET_0";
    assert_drawn(KT_TRACE_TEXT, &n, "");
    assert_drawn(KT_TRACE_JSON, &n, "");
}

/* Long names, unknown types: nothing leaves the rung. */
static void every_rung_is_as_wide(void **state)
{
    char text[DRAWN];

    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        struct kt_notice n = message(type % 2 == 0 ? KT_SENDING : KT_RECEIVING, (uint8_t)type, 1 << 20);

        drawn(KT_TRACE_TEXT, &client, 0, 0, &n, text);
        assert_int_equal(strlen(text), strlen("     0.000  ||\n") + LADDER);
        n = record();
        n.u.record.type = (uint8_t)type;
        n.u.record.content_len = n.u.record.wire_len = SIZE_MAX;
        drawn(KT_TRACE_TEXT, &client, 0, 0, &n, text);
        assert_int_equal(strlen(text), strlen("     0.000  ||\n") + LADDER);
    }
}

static void extensions_stand_below_their_message(void **state)
{
    uint8_t bytes[6 + 4 * 99];
    struct kt_notice n = extensions(bytes, 42, 2);
    char text[DRAWN];

    (void)state;
    assert_drawn(KT_TRACE_TEXT, &n,
                 "  1234.567  |<----------------------------- EncryptedExtensions 14 --|\n"
                 "            |                   early_data 0, supported_versions 0   |\n");
    n.direction = KT_SENDING;
    drawn(KT_TRACE_TEXT, &server, 7, 0, &n, text);
    assert_non_null(strstr(text, "\n[7]             |   early_data 0, supported_versions 0"));
    assert_drawn(KT_TRACE_JSON, &n,
                 "{\"ms\":1234.567,\"side\":\"client\",\"event\":\"message\",\"direction\":\"sent\",\"name\":"
                 "\"EncryptedExtensions\",\"len\":14,\"extensions\":[{\"name\":\"early_data\",\"len\":0},"
                 "{\"name\":\"supported_versions\",\"len\":0}]}\n");
}

/* However many a peer sends: no line is cut, none is wider than the ladder. */
static void many_extensions_take_many_lines(void **state)
{
    uint8_t bytes[6 + 4 * 99];
    struct kt_notice n = extensions(bytes, 65000, 99);
    char text[DRAWN];
    unsigned lines = 0;

    (void)state;
    drawn(KT_TRACE_TEXT, &client, 0, 0, &n, text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        assert_int_equal(strlen(line), strlen("     0.000  ||") + LADDER);
        lines++;
    }
    assert_int_equal(lines, 1 + (EXTENSIONS + 2) / 3);
    drawn(KT_TRACE_JSON, &client, 0, 0, &n, text);
    assert_non_null(strstr(text, "{\"name\":\"ext 65039\",\"len\":0}]}\n"));
}

static void a_retry_has_its_own_name(void **state)
{
    static const uint8_t retry[] = {2,    0,    0,    38,   3,    3,    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11,
                                    0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
                                    0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c, 0,    0x13, 0x01, 0};
    struct kt_notice n = {.kind = KT_NOTICE_MESSAGE, .direction = KT_RECEIVING};

    (void)state;
    n.u.message.type = 2;
    n.u.message.body = (struct kt_span){retry, sizeof retry};
    assert_drawn(KT_TRACE_TEXT, &n, "  1234.567  |<------------------------------- HelloRetryRequest 42 --|\n");
}

static void *draw_lines(void *trace)
{
    struct kt_notice n = record();

    for (int i = 0; i < LINES; i++) {
        kt_trace_draw(trace, &client, 0, 0, &n);
    }
    return NULL;
}

static void lines_of_several_threads_do_not_mix(void **state)
{
    pthread_t threads[THREADS];
    struct kt_trace *trace;
    FILE *file = tmpfile();
    char line[256];
    int count = 0;

    (void)state;
    assert_non_null(file);
    trace = kt_trace_new(fileno(file), KT_TRACE_TEXT);
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, draw_lines, trace), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    kt_trace_free(trace);
    rewind(file);
    while (fgets(line, sizeof line, file) != NULL) {
        assert_int_equal(strlen(line), strlen("     0.000  ||\n") + LADDER);
        count++;
    }
    assert_int_equal(count, THREADS * LINES);
    (void)fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_ladder),
        cmocka_unit_test(the_ladder_leaves_out_moves_of_the_machine),
        cmocka_unit_test(colour_is_around_the_rung),
        cmocka_unit_test(a_pipe_gets_no_colour_by_itself),
        cmocka_unit_test(json_lines),
        cmocka_unit_test(names_of_the_peer_are_harmless),
        cmocka_unit_test(connections_of_a_server_have_numbers),
        cmocka_unit_test(the_end_of_a_request_is_drawn),
        cmocka_unit_test(secrets_are_not_drawn),
        cmocka_unit_test(every_rung_is_as_wide),
        cmocka_unit_test(extensions_stand_below_their_message),
        cmocka_unit_test(many_extensions_take_many_lines),
        cmocka_unit_test(a_retry_has_its_own_name),
        cmocka_unit_test(lines_of_several_threads_do_not_mix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
