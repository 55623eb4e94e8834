/* What both sides know and tell: exporters, key log, notices. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "registry/limits.h"
#include "registry/registry.h"
#include "support/loop.h"

static struct loop l;

#define TEXT(s) ((struct kt_span){(const uint8_t *)(s), sizeof(s) - 1})

/* ---- exporters ---- */

static void export(struct kt_conn *conn, struct kt_span label, struct kt_span context, uint8_t *out, size_t len)
{
    memset(out, 0, len);
    assert_null(kt_conn_export(conn, label, context, out, len));
}

static void exporters_are_equal_on_both_sides_and_depend_on_everything(void **user)
{
    uint8_t a[64], b[64], other[64];

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
    export(l.client, TEXT("label"), TEXT("context"), a, sizeof a);
    export(l.server, TEXT("label"), TEXT("context"), b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    export(l.client, TEXT("Label"), TEXT("context"), other, sizeof other);
    assert_memory_not_equal(a, other, sizeof a);
    export(l.client, TEXT("label"), TEXT("contexT"), other, sizeof other);
    assert_memory_not_equal(a, other, sizeof a);
    export(l.client, TEXT("label"), TEXT("context"), other, 32); /* the length counts, too (RFC 9846 section 7.5) */
    assert_memory_not_equal(a, other, 32);
    assert_null(kt_conn_rekey(l.client, KT_REKEY_BOTH));
    loop_run(&l);
    export(l.server, TEXT("label"), TEXT("context"), b, sizeof b); /* not of the traffic keys */
    assert_memory_equal(a, b, sizeof a);
    loop_close(&l);
}

static void exporters_have_limits(void **user)
{
    static uint8_t out[255 * 64];
    static const uint8_t label[250];

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    loop_handshake(&l);
    assert_null(kt_conn_export(l.client, (struct kt_span){label, 249}, TEXT(""), out, 255 * 32));
    assert_int_equal(kt_conn_export(l.client, (struct kt_span){label, 250}, TEXT(""), out, 32)->reason,
                     KT_REASON_USAGE_ARGUMENT);
    assert_int_equal(kt_conn_export(l.client, TEXT("x"), TEXT(""), out, 255 * 32 + 1)->reason,
                     KT_REASON_USAGE_ARGUMENT);
    loop_close(&l);
}

/* The toy's certificates are none, so that nothing can be said of their signature. */
static void channel_bindings(void **user)
{
    uint8_t a[64], b[64];
    size_t len = 0;

    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    assert_int_equal(kt_conn_channel_binding(l.client, KT_BINDING_TLS_EXPORTER, a, sizeof a, &len)->reason,
                     KT_REASON_USAGE_EXPORT_EARLY);
    loop_handshake(&l);
    assert_int_equal(kt_conn_channel_binding(l.client, KT_BINDING_SERVER_END_POINT, a, sizeof a, &len)->reason,
                     KT_REASON_BINDING_UNDEFINED);
    assert_int_equal(kt_conn_channel_binding(l.client, (enum kt_binding)7, a, sizeof a, &len)->reason,
                     KT_REASON_USAGE_ARGUMENT);
    assert_int_equal(len, 0);
    assert_null(kt_conn_channel_binding(l.client, KT_BINDING_TLS_EXPORTER, a, sizeof a, &len));
    assert_int_equal(len, 32);
    export(l.server, TEXT("EXPORTER-Channel-Binding"), TEXT(""), b, 32);
    assert_memory_equal(a, b, 32);
    loop_close(&l);
}

static void only_1_2(struct kt_builder *b)
{
    assert_null(kt_builder_versions(b, KT_TLS_1_2, KT_TLS_1_2));
}

/* RFC 9266 section 2 with RFC 5705 section 4: the context is empty, not absent. */
static void the_binding_of_tls_1_2_has_an_empty_context(void **user)
{
    uint8_t a[32], b[32];
    size_t len;

    (void)user;
    loop_open(&l, &(struct loop_setup){.client = only_1_2, .server = only_1_2});
    loop_handshake(&l);
    assert_null(kt_conn_channel_binding(l.client, KT_BINDING_TLS_EXPORTER, a, sizeof a, &len));
    export(l.server, TEXT("EXPORTER-Channel-Binding"), TEXT(""), b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
    export(l.server, TEXT("EXPORTER-Channel-Binding"), (struct kt_span){NULL, 0}, b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    loop_close(&l);
}

/* ---- notices ---- */

enum { LINES = 5 };

static const char *const labels[LINES] = {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET",
                                          "CLIENT_TRAFFIC_SECRET_0", "SERVER_TRAFFIC_SECRET_0", "EXPORTER_SECRET"};

static struct {
    uint8_t secret[LINES][64], random[LINES][32];
    size_t len[LINES];
    unsigned lines, connected, records[2], messages[2], epochs[2], states;
    uint64_t wire[2];
    char last[64];
} seen[2];

static void note_secret(int role, const struct kt_notice *notice)
{
    for (int i = 0; i < LINES; i++) {
        if (strcmp(labels[i], notice->u.secret.label) == 0) {
            seen[role].len[i] = notice->u.secret.secret.len;
            memcpy(seen[role].secret[i], notice->u.secret.secret.p, seen[role].len[i]);
            assert_int_equal(notice->u.secret.client_random.len, 32);
            memcpy(seen[role].random[i], notice->u.secret.client_random.p, 32);
            seen[role].lines++;
            return;
        }
    }
    fail_msg("unknown label %s", notice->u.secret.label);
}

static void watch(void *user, const struct kt_conn *conn, const struct kt_notice *notice)
{
    int role = kt_conn_facts(conn).role == KT_CLIENT ? KT_CLIENT : KT_SERVER;

    (void)user;
    switch (notice->kind) {
    case KT_NOTICE_SECRET:
        note_secret(role, notice);
        break;
    case KT_NOTICE_CONNECTED:
        assert_true(kt_conn_is_connected(conn));
        seen[role].connected++;
        break;
    case KT_NOTICE_RECORD:
        seen[role].records[notice->direction]++;
        seen[role].wire[notice->direction] += notice->u.record.wire_len;
        break;
    case KT_NOTICE_MESSAGE:
        seen[role].messages[notice->direction]++;
        assert_int_equal(notice->u.message.type, notice->u.message.body.p[0]);
        break;
    case KT_NOTICE_EPOCH:
        seen[role].epochs[notice->direction]++;
        break;
    case KT_NOTICE_STATE:
        assert_true(seen[role].states == 0 || strcmp(seen[role].last, notice->u.state.from) == 0);
        (void)strncpy(seen[role].last, notice->u.state.to, sizeof seen[role].last - 1);
        seen[role].states++;
        break;
    case KT_NOTICE_ALERT:
    case KT_NOTICE_SESSION:
    case KT_NOTICE_POST_AUTH:
    case KT_NOTICE_REHANDSHAKE:
        break;
    }
}

static void keylog(struct kt_builder *b)
{
    kt_builder_danger_keylog(b, true);
}

static void both_sides_log_the_same_five_secrets(void **user)
{
    (void)user;
    memset(seen, 0, sizeof seen);
    loop_open(&l, &(struct loop_setup){.client = keylog, .server = keylog, .observer = watch});
    loop_handshake(&l);
    for (int i = 0; i < LINES; i++) {
        assert_int_equal(seen[0].len[i], 32);
        assert_int_equal(seen[1].len[i], 32);
        assert_memory_equal(seen[0].secret[i], seen[1].secret[i], 32);
        assert_memory_equal(seen[0].random[i], seen[1].random[0], 32);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(seen[0].secret[i], seen[0].secret[j], 32);
        }
    }
    assert_int_equal(seen[0].lines, LINES);
    assert_int_equal(seen[1].lines, LINES);
    loop_close(&l);
}

static void secrets_are_told_only_when_the_configuration_says_so(void **user)
{
    (void)user;
    memset(seen, 0, sizeof seen);
    loop_open(&l, &(struct loop_setup){.server = keylog, .observer = watch});
    loop_handshake(&l);
    assert_int_equal(seen[KT_CLIENT].lines, 0);
    assert_int_equal(seen[KT_SERVER].lines, LINES);
    loop_close(&l);
}

static void what_one_side_sends_the_other_receives(void **user)
{
    (void)user;
    memset(seen, 0, sizeof seen);
    loop_open(&l, &(struct loop_setup){.observer = watch});
    loop_handshake(&l);
    loop_transfer(&l, KT_CLIENT, 50000);
    assert_null(kt_conn_rekey(l.server, KT_REKEY_BOTH));
    loop_run(&l);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(seen[i].records[KT_SENDING], seen[1 - i].records[KT_RECEIVING]);
        assert_int_equal(seen[i].wire[KT_SENDING], seen[1 - i].wire[KT_RECEIVING]);
        assert_int_equal(seen[i].messages[KT_SENDING], seen[1 - i].messages[KT_RECEIVING]);
        assert_int_equal(seen[i].epochs[KT_SENDING], 2);
        assert_int_equal(seen[i].epochs[KT_RECEIVING], 2);
        assert_int_equal(seen[i].connected, 1);
    }
    assert_int_equal(seen[KT_CLIENT].wire[KT_SENDING], l.up.total);
    assert_int_equal(seen[KT_SERVER].wire[KT_SENDING], l.down.total);
    assert_string_equal(seen[KT_CLIENT].last, "C13_CONNECTED");
    assert_string_equal(seen[KT_SERVER].last, "S13_CONNECTED");
    loop_close(&l);
}

static void the_handshake_is_timed(void **user)
{
    (void)user;
    loop_open(&l, &(struct loop_setup){0});
    l.hold_asks = true;
    loop_run(&l);
    l.env.now_ms += 250;
    l.hold_asks = false;
    loop_handshake(&l);
    assert_int_equal(kt_conn_facts(l.client).handshake_ms, 250);
    assert_ptr_equal(kt_conn_owner(l.client), &l);
    loop_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exporters_are_equal_on_both_sides_and_depend_on_everything),
        cmocka_unit_test(exporters_have_limits),
        cmocka_unit_test(channel_bindings),
        cmocka_unit_test(the_binding_of_tls_1_2_has_an_empty_context),
        cmocka_unit_test(both_sides_log_the_same_five_secrets),
        cmocka_unit_test(secrets_are_told_only_when_the_configuration_says_so),
        cmocka_unit_test(what_one_side_sends_the_other_receives),
        cmocka_unit_test(the_handshake_is_timed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
