/* The options of the command, which is no part of the library: compiled in. */
#include "../../cmd/keyturn/options.c"
#include "../../cmd/keyturn/options_apply.c"
#include "../../cmd/keyturn/options_common.c"
#include "../../cmd/keyturn/options_credential.c"
#include "../../cmd/keyturn/options_value.c"
#include "../../cmd/keyturn/psk_file.c"
#include "../../cmd/keyturn/report.c"
#include "../../cmd/keyturn/trace.c"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/stat.h>

#include <cmocka.h>

enum { WORDS = 24, SAID = 8192 };

/* A command with two options of its own. */
struct own {
    const char *name;
    bool flag;
};

static const char *set_name(void *target, const char *value)
{
    ((struct own *)target)->name = value;
    return strcmp(value, "bad") == 0 ? "that is bad" : NULL;
}

static const char *set_flag(void *target, const char *value)
{
    ((struct own *)target)->flag = value == NULL;
    return NULL;
}

static const struct kt_option own_options[] = {
    {"name", "NAME", "a name", set_name},
    {"flag", NULL, "a flag", set_flag},
    {NULL, NULL, NULL, NULL},
};

static struct own own;
static struct kt_options options;
static int first;
static char said[SAID]; /* on stdout and stderr by the last call */

/* Sends stdout and stderr to a file. */
static int catch_output(int saved[2])
{
    char name[] = "/tmp/options_test_XXXXXX";
    int fd = mkstemp(name);

    assert_true(fd >= 0);
    (void)unlink(name);
    (void)fflush(stdout);
    saved[0] = dup(STDOUT_FILENO);
    saved[1] = dup(STDERR_FILENO);
    (void)dup2(fd, STDOUT_FILENO);
    (void)dup2(fd, STDERR_FILENO);
    return fd;
}

static void release_output(int fd, const int saved[2])
{
    ssize_t len;

    (void)fflush(stdout);
    (void)dup2(saved[0], STDOUT_FILENO);
    (void)dup2(saved[1], STDERR_FILENO);
    close(saved[0]);
    close(saved[1]);
    len = pread(fd, said, sizeof said - 1, 0);
    said[len > 0 ? len : 0] = '\0';
    close(fd);
}

/* Parses "keyturn try WORD...", the list ended by NULL. */
static enum kt_exit parse(const char *const words[])
{
    static char copies[WORDS][256];
    struct kt_option_command command = {"try", "THING", "Tries things.", own_options, &own};
    char *argv[WORDS + 1] = {copies[0]};
    enum kt_exit done;
    int argc = 1;
    int saved[2];
    int fd;

    own = (struct own){0};
    strcpy(copies[0], "try");
    for (; words[argc - 1] != NULL; argc++) {
        strcpy(copies[argc], words[argc - 1]);
        argv[argc] = copies[argc];
    }
    fd = catch_output(saved);
    done = kt_options_parse(&options, &command, argc, argv, &first);
    release_output(fd, saved);
    return done;
}

#define PARSE(...) parse((const char *const[]){__VA_ARGS__, NULL})

static void assert_complains(const char *const words[], const char *about)
{
    assert_int_equal(parse(words), KT_EXIT_USAGE);
    if (strstr(said, about) == NULL) {
        fail_msg("\"%s\" is not in: %s", about, said);
    }
    assert_non_null(strstr(said, "keyturn: error: "));
    assert_non_null(strstr(said, "keyturn: hint: keyturn try --help"));
}

#define COMPLAINS(about, ...) assert_complains((const char *const[]){__VA_ARGS__, NULL}, about)

static void nothing_given_is_the_default(void **state)
{
    struct kt_lifetime usual = kt_lifetime_default();

    (void)state;
    assert_int_equal(PARSE(NULL), KT_EXIT_NONE);
    assert_int_equal(first, 1);
    assert_int_equal(options.suites.n + options.groups.n + options.schemes.n + options.alpn_count, 0);
    assert_int_equal(options.lifetime.sending.max_seconds, usual.sending.max_seconds);
    assert_int_equal(options.lifetime.min_gap_ms, usual.min_gap_ms);
    assert_int_equal(options.key_shares, -1);
    assert_int_equal(options.trace_form, KT_TRACE_NONE);
    assert_false(options.quiet);
    assert_string_equal(said, "");
}

static void lists_are_in_order_of_preference(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--groups", "P-256,x25519", "--suites=TLS_AES_256_GCM_SHA384", "--schemes",
                           "ed25519,rsa_pss_rsae_sha256", "--alpn", "h2,http/1.1"),
                     KT_EXIT_NONE);
    assert_int_equal(options.groups.n, 2);
    assert_int_equal(options.groups.ids[0], KT_GROUP_SECP256R1);
    assert_int_equal(options.groups.ids[1], KT_GROUP_X25519);
    assert_int_equal(options.suites.n, 1);
    assert_int_equal(options.suites.ids[0], KT_SUITE_AES_256_GCM_SHA384);
    assert_int_equal(options.schemes.ids[1], KT_SCHEME_RSA_PSS_RSAE_SHA256);
    assert_int_equal(options.alpn_count, 2);
    assert_int_equal(options.alpn[1].len, 8);
    assert_memory_equal(options.alpn[1].p, "http/1.1", 8);
}

static void an_unknown_name_is_said(void **state)
{
    (void)state;
    COMPLAINS("option --groups: no group is called \"P-257\"", "--groups", "x25519,P-257,P-521");
    COMPLAINS("option --suites: no cipher suite is called \"\"", "--suites", "");
    COMPLAINS("option --suites: no cipher suite is called \"\"", "--suites", "TLS_AES_128_GCM_SHA256,");
    COMPLAINS("option --schemes: no signature scheme", "--schemes",
              "a_name_that_is_longer_than_any_scheme_will_ever_be_and_must_not_overflow_anything");
    COMPLAINS("option --alpn: a protocol name has", "--alpn", "h2,,http/1.1");
    COMPLAINS("option --suites: cipher suite \"RC4-SHA\": RC4 is broken (RFC 7465)", "--suites", "AES-128-GCM,RC4-SHA");
    COMPLAINS("option --min-version: version \"SSLv3\": SSL 3.0 is broken (RFC 7568)", "--min-version", "SSLv3");
    COMPLAINS("option --max-version: no version is called \"TLSv1.4\"", "--max-version", "TLSv1.4");
    COMPLAINS("more than 64 names", "--groups",
              "P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,"
              "P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,"
              "P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,"
              "P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,P-256,"
              "P-256");
}

static void versions_have_names(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--min-version", "tlsv1.2", "--max-version", "1.3"), KT_EXIT_NONE);
    assert_int_equal(options.min_version, KT_TLS_1_2);
    assert_int_equal(options.max_version, KT_TLS_1_3);
}

static void lifetimes_are_for_both_directions(void **state)
{
    (void)state;
    assert_int_equal(
        PARSE("--rekey-records", "10", "--rekey-bytes", "20", "--rekey-seconds", "30", "--rekey-gap-ms", "0"),
        KT_EXIT_NONE);
    assert_int_equal(options.lifetime.sending.max_records, 10);
    assert_int_equal(options.lifetime.receiving.max_records, 10);
    assert_int_equal(options.lifetime.sending.max_bytes, 20);
    assert_int_equal(options.lifetime.receiving.max_bytes, 20);
    assert_int_equal(options.lifetime.sending.max_seconds, 30);
    assert_int_equal(options.lifetime.receiving.max_seconds, 30);
    assert_int_equal(options.lifetime.min_gap_ms, 0);
}

static void numbers_have_limits(void **state)
{
    uint64_t n = 7;

    (void)state;
    COMPLAINS("option --padding: \"16385\" is not a number from 0 to 16384", "--padding", "16385");
    COMPLAINS("option --record-limit: \"63\" is not a number from 64 to 16384", "--record-limit", "63");
    COMPLAINS("option --record-limit: \"16385\" is not", "--record-limit", "16385");
    COMPLAINS("option --padding: \"\" is not", "--padding", "");
    COMPLAINS("option --padding: \"-1\" is not", "--padding", "-1");
    COMPLAINS("option --key-shares: \"5\" is not a number from 0 to 4", "--key-shares", "5");
    COMPLAINS("option --rekey-seconds: \"4294967296\" is not", "--rekey-seconds", "4294967296");
    COMPLAINS("option --rekey-bytes: \"1k\" is not", "--rekey-bytes", "1k");
    assert_true(kt_options_number("18446744073709551615", UINT64_MAX, &n));
    assert_true(n == UINT64_MAX);
    assert_false(kt_options_number("18446744073709551616", UINT64_MAX, &n));
    assert_true(kt_options_number("4", 4, &n));
    assert_false(kt_options_number("9", 4, &n));
    assert_false(kt_options_number(" 1", 4, &n));
    assert_int_equal(n, 4);
}

static void keys_and_passwords_belong_to_what_stands_before(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--cert", "a", "--key", "b", "--password-file", "c", "--cert", "d", "--pkcs12", "e"),
                     KT_EXIT_NONE);
    assert_int_equal(options.credential_count, 3);
    assert_string_equal(options.credentials[0].key, "b");
    assert_string_equal(options.credentials[0].password_file, "c");
    assert_null(options.credentials[1].key);
    assert_null(options.credentials[1].password_file);
    assert_string_equal(options.credentials[2].pkcs12, "e");
    COMPLAINS("option --key: the --cert it belongs to", "--key", "b");
    COMPLAINS("option --key: the --cert it belongs to", "--pkcs12", "a", "--key", "b");
    COMPLAINS("option --key: the --cert it belongs to", "--cert", "a", "--key", "b", "--key", "c");
    COMPLAINS("option --password-file: the --cert or --pkcs12", "--password-file", "b");
}

static void the_trace_has_forms(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--trace"), KT_EXIT_NONE);
    assert_int_equal(options.trace_form, KT_TRACE_AUTO);
    assert_int_equal(PARSE("--trace=json"), KT_EXIT_NONE);
    assert_int_equal(options.trace_form, KT_TRACE_JSON);
    assert_int_equal(PARSE("--trace=text", "--trace=color"), KT_EXIT_NONE);
    assert_int_equal(options.trace_form, KT_TRACE_COLOR);
    COMPLAINS("option --trace: it is text, json or color", "--trace=xml");
}

static void own_options_and_operands_may_stand_anywhere(void **state)
{
    (void)state;
    assert_int_equal(PARSE("thing", "--name", "n", "--quiet", "--flag"), KT_EXIT_NONE);
    assert_string_equal(own.name, "n");
    assert_true(own.flag);
    assert_true(options.quiet);
    assert_int_equal(first, 5);
    COMPLAINS("option --name: that is bad", "--name", "bad");
    assert_int_equal(PARSE("--flag", "--", "--name"), KT_EXIT_NONE);
    assert_int_equal(first, 3);
}

static void a_word_that_is_no_option_is_said(void **state)
{
    (void)state;
    COMPLAINS("option --nonsense is unknown", "--nonsense");
    COMPLAINS("option --nonsense is unknown", "thing", "--nonsense");
    COMPLAINS("option --flag=x is unknown, ambiguous or takes no value", "--flag=x");
    COMPLAINS("option --rekey is unknown, ambiguous", "--rekey", "1");
    COMPLAINS("option -x is unknown", "-x");
    COMPLAINS("option --name needs a value", "--name");
    COMPLAINS("option --name needs a value", "thing", "--name");
}

static void help_lists_all(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--help", "--nonsense"), KT_EXIT_OK);
    assert_memory_equal(said, "usage: keyturn try [OPTION...] THING\n", 36);
    assert_non_null(strstr(said, "\n  --name NAME              a name\n"));
    assert_non_null(strstr(said, "\n  --flag                   a flag\n"));
    for (const struct kt_option *o = kt_options_common; o->name != NULL; o++) {
        assert_non_null(strstr(said, o->help));
    }
    assert_non_null(strstr(said, "--trace[=FORM]"));
}

static void addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *text, *host, *port;
    } good[] = {{"localhost:443", "localhost", "443"},
                {"[::1]:4433", "::1", "4433"},
                {":0", "", "0"},
                {"example.org.:https", "example.org", "https"},
                {"127.0.0.1:65535", "127.0.0.1", "65535"}};
    static const char *const bad[] = {"",      "localhost", "localhost:", "::1",     "::1:443",
                                      "[::1]", "[]:1",      "[::1:1",     "a:65536", "a:99999999999999999999"};
    char host[256];
    char port[32];
    char text[400];

    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(kt_options_address(good[i].text, host, port));
        assert_string_equal(host, good[i].host);
        assert_string_equal(port, good[i].port);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(kt_options_address(bad[i], host, port));
    }
    memset(text, 'a', sizeof text);
    memcpy(text + sizeof text - 3, ":1", 3);
    assert_false(kt_options_address(text, host, port));
}

/* From options to a configuration */

static enum kt_exit build(enum kt_role role)
{
    struct kt_builder *builder = NULL;
    struct kt_config *config = NULL;
    enum kt_exit done;
    int saved[2];
    int fd = catch_output(saved);

    done = kt_options_open(&options);
    if (done == KT_EXIT_NONE) {
        done = kt_options_builder(&options, role, &builder);
    }
    if (done == KT_EXIT_NONE) {
        done = kt_options_build(builder, &config);
    }
    kt_config_unref(config);
    kt_options_close(&options);
    release_output(fd, saved);
    return done;
}

static void a_client_is_built_from_all_of_them(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--groups", "x25519,P-256", "--key-shares", "2", "--suites", "TLS_AES_128_GCM_SHA256",
                           "--schemes", "ed25519", "--alpn", "h2", "--padding", "64", "--record-limit", "512",
                           "--rekey-records", "5"),
                     KT_EXIT_NONE);
    assert_int_equal(build(KT_CLIENT), KT_EXIT_NONE);
    assert_string_equal(said, "");
}

static void what_cannot_be_built_names_its_field(void **state)
{
    (void)state;
    assert_int_equal(PARSE("--quiet"), KT_EXIT_NONE);
    assert_int_equal(build(KT_SERVER), KT_EXIT_FILES);
    assert_non_null(strstr(said, "(reason=CONFIG_CREDENTIAL_MISSING alert=-)"));
    assert_non_null(strstr(said, "keyturn: hint: "));
    assert_int_equal(PARSE("--cert", "/nonexistent/cert.pem"), KT_EXIT_NONE);
    assert_int_equal(build(KT_SERVER), KT_EXIT_FILES);
    assert_non_null(strstr(said, "keyturn: error: /nonexistent/cert.pem: "));
    assert_non_null(strstr(said, "(reason=FILE_UNREADABLE alert=-)"));
    assert_int_equal(PARSE("--cert", "x", "--password-file", "/nonexistent/word"), KT_EXIT_NONE);
    assert_int_equal(build(KT_SERVER), KT_EXIT_FILES);
    assert_non_null(strstr(said, "password cannot be read from /nonexistent/word (reason=FILE_UNREADABLE"));
    assert_int_equal(PARSE("--keylog", "/nonexistent/keys"), KT_EXIT_NONE);
    assert_int_equal(build(KT_CLIENT), KT_EXIT_FILES);
    assert_non_null(strstr(said, "keyturn: error: /nonexistent/keys: "));
    assert_non_null(strstr(said, "No such file or directory (reason=FILE_UNWRITABLE alert=-)"));
}

static void the_first_line_is_the_password(void **state)
{
    static const struct {
        const char *content, *password;
    } files[] = {{"secret\nmore\n", "secret"}, {"secret", "secret"}, {"secret\r\n", "secret"}, {"\n", ""}};
    char name[] = "/tmp/options_test_XXXXXX";
    char password[PASSWORD_MAX];
    char much[PASSWORD_MAX + 1];
    int fd = mkstemp(name);

    (void)state;
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        assert_int_equal(ftruncate(fd, 0), 0);
        assert_true(pwrite(fd, files[i].content, strlen(files[i].content), 0) > 0);
        assert_true(read_password(name, password));
        assert_string_equal(password, files[i].password);
    }
    memset(much, 'a', sizeof much);
    assert_int_equal(pwrite(fd, much, sizeof much, 0), sizeof much);
    assert_false(read_password(name, password));
    assert_int_equal(ftruncate(fd, 0), 0);
    assert_false(read_password(name, password));
    close(fd);
    (void)unlink(name);
}

/* What went wrong decides the exit code. */
static void exit_codes_follow_the_reason(void **state)
{
    static const struct {
        enum kt_reason reason;
        enum kt_kind kind;
        enum kt_alert alert;
        int received;
        enum kt_exit exit;
    } cases[] = {
        {KT_REASON_CONNECT_FAILED, KT_KIND_TRANSPORT, KT_ALERT_INTERNAL_ERROR, -1, KT_EXIT_CONNECT},
        {KT_REASON_TRUNCATED, KT_KIND_TRANSPORT, KT_ALERT_CLOSE_NOTIFY, -1, KT_EXIT_TRUNCATED},
        {KT_REASON_HANDSHAKE_CUT, KT_KIND_TRANSPORT, KT_ALERT_CLOSE_NOTIFY, -1, KT_EXIT_PROTOCOL},
        {KT_REASON_ALERT_RECEIVED, KT_KIND_PEER, KT_ALERT_CLOSE_NOTIFY, KT_ALERT_UNKNOWN_CA, KT_EXIT_REFUSED},
        {KT_REASON_ALERT_RECEIVED, KT_KIND_PEER, KT_ALERT_CLOSE_NOTIFY, KT_ALERT_PROTOCOL_VERSION, KT_EXIT_PROTOCOL},
        {KT_REASON_CERTIFICATE_UNTRUSTED, KT_KIND_POLICY, KT_ALERT_UNKNOWN_CA, -1, KT_EXIT_REFUSED},
        {KT_REASON_CERTIFICATE_REQUIRED, KT_KIND_POLICY, KT_ALERT_CERTIFICATE_REQUIRED, -1, KT_EXIT_REFUSED},
        {KT_REASON_RECORD_BAD_MAC, KT_KIND_CRYPTO, KT_ALERT_BAD_RECORD_MAC, -1, KT_EXIT_PROTOCOL},
        {KT_REASON_KEY_MISMATCH, KT_KIND_USAGE, KT_ALERT_INTERNAL_ERROR, -1, KT_EXIT_FILES},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct kt_fault fault = {(uint16_t)cases[i].reason, (uint8_t)cases[i].alert, (uint8_t)cases[i].kind, 0, ""};

        assert_int_equal(kt_report_exit(&fault, cases[i].received), cases[i].exit);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_given_is_the_default),
        cmocka_unit_test(lists_are_in_order_of_preference),
        cmocka_unit_test(an_unknown_name_is_said),
        cmocka_unit_test(versions_have_names),
        cmocka_unit_test(lifetimes_are_for_both_directions),
        cmocka_unit_test(numbers_have_limits),
        cmocka_unit_test(keys_and_passwords_belong_to_what_stands_before),
        cmocka_unit_test(the_trace_has_forms),
        cmocka_unit_test(own_options_and_operands_may_stand_anywhere),
        cmocka_unit_test(a_word_that_is_no_option_is_said),
        cmocka_unit_test(help_lists_all),
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(a_client_is_built_from_all_of_them),
        cmocka_unit_test(what_cannot_be_built_names_its_field),
        cmocka_unit_test(the_first_line_is_the_password),
        cmocka_unit_test(exit_codes_follow_the_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
