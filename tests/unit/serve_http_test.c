/* The head of an HTTP request: what is read out of it, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* The command is no library: its files are taken as they are. */
#include "../../cmd/keyturn/serve_http.c"

static struct kt_http_request request;

static int parse(const char *head)
{
    return kt_http_parse(head, strlen(head), &request);
}

/* A request with a good head but for its target. */
static int parse_target(const char *target)
{
    char head[8192];

    snprintf(head, sizeof head, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target);
    return parse(head);
}

static void a_plain_request_is_read(void **state)
{
    (void)state;
    assert_int_equal(parse("GET /a/b.html?q=/../ HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n"), 0);
    assert_int_equal(request.method, KT_HTTP_GET);
    assert_string_equal(request.path, "a/b.html");
    assert_true(request.keep_alive);
    assert_false(request.has_body);
    assert_false(request.wants_folder);
}

static void methods_are_known_by_their_exact_names(void **state)
{
    (void)state;
    assert_int_equal(parse("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_int_equal(request.method, KT_HTTP_HEAD);
    assert_int_equal(parse("POST / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_int_equal(request.method, KT_HTTP_OTHER);
    assert_int_equal(parse("get / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    assert_int_equal(request.method, KT_HTTP_OTHER);
}

static void connections_are_kept_as_the_version_says(void **state)
{
    static const struct {
        const char *head;
        bool kept;
    } cases[] = {
        {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade , CLOSE\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection: closed\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: x\r\nConnection:\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n", false},
        {"GET / HTTP/1.2\r\nHost: x\r\n\r\n", true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        assert_int_equal(parse(cases[i].head), 0);
        assert_int_equal(request.keep_alive, cases[i].kept);
    }
}

static void a_request_with_a_body_is_the_last_one(void **state)
{
    (void)state;
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n"), 0);
    assert_true(request.has_body);
    assert_false(request.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 0);
    assert_false(request.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n"), 0);
    assert_false(request.keep_alive);
    assert_int_equal(parse("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 0);
    assert_true(request.keep_alive);
}

static void what_is_not_http_is_refused(void **state)
{
    static const char *const heads[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: x\r\n\r\n",
        "GET / http/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1\r\nHost: x\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET * HTTP/1.1\r\nHost: x\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",                       /* no host */
        "GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", /* two hosts */
        "GET / HTTP/1.1\r\nHost : x\r\n\r\n",           /* a space before the colon */
        "GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", /* a line that goes on in the next */
        "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n: empty\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\nC: d\r\n\r\n", /* a line end without CR */
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\rC: d\r\n\r\n",
        "GET / HTTP/1.1\nHost: x\r\n\r\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++) {
        assert_int_equal(parse(heads[i]), 400);
        assert_false(request.keep_alive);
    }
    assert_int_equal(kt_http_parse("GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n", 29, &request), 400);
    assert_int_equal(parse("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
}

static void paths_are_decoded_and_made_plain(void **state)
{
    static const struct {
        const char *target, *path;
        bool folder;
    } cases[] = {
        {"/", ".", true},
        {"//", ".", true},
        {"/./", ".", true},
        {"/.", ".", false},
        {"/a", "a", false},
        {"/a/", "a/", true},
        {"/a//b", "a/b", false},
        {"//a/./b/", "a/b", true},
        {"/%61%2F%62", "a/b", false},
        {"/a%20b?c#", "a b", false},
        {"/a+b", "a+b", false},
        {"/.well-known/x", ".well-known/x", false},
        {"/a...", "a...", false},
        {"http://x/a", "a", false},
        {"HTTPS://x:1/a?b", "a", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        size_t len = strlen(cases[i].path);

        assert_int_equal(parse_target(cases[i].target), 0);
        assert_int_equal(strncmp(request.path, cases[i].path, cases[i].path[len - 1] == '/' ? len - 1 : len + 1), 0);
        assert_int_equal(request.wants_folder, cases[i].folder);
    }
}

static void paths_that_lead_away_are_not_found(void **state)
{
    static const char *const targets[] = {
        "/..",           "/../",      "/../etc/passwd", "/a/../../etc", "/a/..",      "/%2e%2e/etc/passwd",
        "/%2E%2e%2f",    "/..%2fetc", "/a/%2e%2e",      "/.git/config", "/a/.hidden", "/...",
        "/.well-knownx", "/..;/x",    "http://x/../a",
    };

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(parse_target(targets[i]), 404);
    }
}

static void targets_with_forbidden_bytes_are_refused(void **state)
{
    static const char *const targets[] = {"/a%00", "/%",     "/%1",   "/%zz",     "/%-1",
                                          "/a#b",  "/a\x80", "/\x7f", "http://x", "http://"};

    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        assert_int_equal(parse_target(targets[i]), 400);
    }
}

static void lengths_have_limits(void **state)
{
    char target[KT_HTTP_PATH_MAX + 16], head[8192] = "GET / HTTP/1.1\r\nHost: x\r\n";

    (void)state;
    memset(target, 'a', sizeof target);
    target[0] = '/';
    target[KT_HTTP_PATH_MAX - 1] = '\0';
    assert_int_equal(parse_target(target), 0);
    target[KT_HTTP_PATH_MAX - 1] = 'a';
    target[KT_HTTP_PATH_MAX] = '\0';
    assert_int_equal(parse_target(target), 414);
    for (int i = 1; i < KT_HTTP_FIELDS_MAX; i++) {
        strcat(head, "a: b\r\n");
    }
    strcat(head, "\r\n");
    assert_int_equal(parse(head), 0);
    strcpy(head + strlen(head) - 2, "a: b\r\n\r\n");
    assert_int_equal(parse(head), 431);
}

static void the_end_of_a_head_is_found_wherever_it_was_cut(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\nGET";
    const size_t end = sizeof text - 1 - 3;

    (void)state;
    for (size_t seen = 0; seen < end; seen++) {
        assert_int_equal(kt_http_head_len(text, seen, 0), 0);
        assert_int_equal(kt_http_head_len(text, sizeof text - 1, seen), end);
        assert_int_equal(kt_http_head_len(text, end, seen), end);
    }
}

/* Every head cut off at every place, and with every byte replaced: no crash, no read outside (the sanitizers see). */
static void no_head_leads_outside(void **state)
{
    static const char text[] =
        "GET http://h/%41/b?c HTTP/1.1\r\nHost: x\r\nConnection: a, close\r\nContent-Length: 1\r\n\r\n";
    char *copy;

    (void)state;
    for (size_t len = 0; len < sizeof text; len++) {
        copy = malloc(len + 1);
        memcpy(copy, text, len);
        (void)kt_http_parse(copy, len, &request);
        for (size_t at = 0; at < len; at++) {
            static const char bytes[] = {'\0', '%', ' ', '/', '\r', '\n', ':', ',', '.', '?', (char)0xff};

            for (size_t i = 0; i < sizeof bytes; i++) {
                copy[at] = bytes[i];
                (void)kt_http_parse(copy, len, &request);
            }
            copy[at] = text[at];
        }
        free(copy);
    }
}

static void types_follow_the_ending(void **state)
{
    (void)state;
    assert_string_equal(kt_http_type("a/b.HTML"), "text/html; charset=utf-8");
    assert_string_equal(kt_http_type("x.json"), "application/json");
    assert_string_equal(kt_http_type("a.html/b"), "application/octet-stream");
    assert_string_equal(kt_http_type("none"), "application/octet-stream");
    assert_string_equal(kt_http_reason(404), "Not Found");
}

static void paths_are_encoded_for_a_location(void **state)
{
    char out[32];

    (void)state;
    assert_true(kt_http_encode("a b/\r\n\xc3%", out, sizeof out));
    assert_string_equal(out, "a%20b/%0D%0A%C3%25");
    assert_false(kt_http_encode("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", out, sizeof out));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_request_is_read),
        cmocka_unit_test(methods_are_known_by_their_exact_names),
        cmocka_unit_test(connections_are_kept_as_the_version_says),
        cmocka_unit_test(a_request_with_a_body_is_the_last_one),
        cmocka_unit_test(what_is_not_http_is_refused),
        cmocka_unit_test(paths_are_decoded_and_made_plain),
        cmocka_unit_test(paths_that_lead_away_are_not_found),
        cmocka_unit_test(targets_with_forbidden_bytes_are_refused),
        cmocka_unit_test(lengths_have_limits),
        cmocka_unit_test(the_end_of_a_head_is_found_wherever_it_was_cut),
        cmocka_unit_test(no_head_leads_outside),
        cmocka_unit_test(types_follow_the_ending),
        cmocka_unit_test(paths_are_encoded_for_a_location),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
