/* What a responder may send back, and all that it may not. */
#include <stdlib.h>
#include <string.h>

#include "drive/http_reply.h"
#include "support/expect_fault.h"

#define TYPE "application/ocsp-response"
#define OK   "HTTP/1.1 200 OK\r\n"
#define FORM "Content-Type: " TYPE "\r\n"

static struct kt_span body;

/* Over a copy of just these bytes, so that each byte read too far is found. */
static enum kt_http_state look(const char *text, size_t len, bool ended)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct kt_span inside = {NULL, 0};
    enum kt_http_state state;

    assert_non_null(copy);
    memcpy(copy, text, len);
    state = kt_http_reply(kt_span_of(copy, len), ended, TYPE, &inside);
    if (state == KT_HTTP_DONE) {
        assert_true(inside.p >= copy && inside.p + inside.len <= copy + len);
        body = kt_span_of((const uint8_t *)text + (inside.p - copy), inside.len);
    }
    free(copy);
    return state;
}

#define LOOK(text, ended) look(text, sizeof(text) - 1, ended)

static void the_length_ends_a_body(void **state)
{
    (void)state;
    assert_int_equal(LOOK(OK FORM "Content-Length: 4\r\n\r\nbod", false), KT_HTTP_MORE);
    assert_int_equal(LOOK(OK FORM "Content-Length: 4\r\n\r\nbody", false), KT_HTTP_DONE);
    assert_true(kt_span_same(body, KT_SPAN_TEXT("body")));
    assert_int_equal(LOOK(OK FORM "content-LENGTH:4\r\n\r\nbody", false), KT_HTTP_DONE);
    assert_int_equal(LOOK(OK FORM "Content-Length: 0\r\n\r\n", false), KT_HTTP_DONE);
    assert_int_equal(body.len, 0);
}

static void else_the_end_does(void **state)
{
    (void)state;
    assert_int_equal(LOOK("HTTP/1.0 200\r\n" FORM "\r\nbody", false), KT_HTTP_MORE);
    assert_int_equal(LOOK("HTTP/1.0 200\r\n" FORM "\r\nbody", true), KT_HTTP_DONE);
    assert_true(kt_span_same(body, KT_SPAN_TEXT("body")));
}

static void parameters_of_the_type_do_not_matter(void **state)
{
    (void)state;
    assert_int_equal(LOOK(OK "Content-Type:\tApplication/OCSP-Response ; q=1\r\n\r\n", true), KT_HTTP_DONE);
    assert_int_equal(LOOK(OK "Content-Type: " TYPE ";x\r\n\r\n", true), KT_HTTP_DONE);
}

/* However it is cut, it is the same reply. */
static void every_beginning_wants_more(void **state)
{
    static const char text[] = OK "Date: today\r\n" FORM "Content-Length: 4\r\n\r\nbody";

    (void)state;
    for (size_t len = 0; len < sizeof text - 1; len++) {
        assert_int_equal(look(text, len, false), KT_HTTP_MORE);
        assert_int_equal(look(text, len, true), KT_HTTP_BAD);
    }
}

static void what_was_not_asked_for_is_bad(void **state)
{
    static const char *const texts[] = {
        "HTTP/1.1 301 Moved\r\nLocation: http://elsewhere/\r\n" FORM "\r\n",
        "HTTP/1.1 404 Not Found\r\n" FORM "\r\n",
        "HTTP/1.1 500 Oops\r\n" FORM "\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n" OK FORM "\r\n",
        "HTTP/1.1 2000 OK\r\n" FORM "\r\n",
        "HTTP/2 200 OK\r\n" FORM "\r\n",
        "HTTP/1.x 200 OK\r\n" FORM "\r\n",
        "SMTP/1.1 200 OK\r\n" FORM "\r\n",
        "220 mail.example ESMTP\r\n",
        "HTTP/1.1 200 O\1K\r\n" FORM "\r\n",
        OK "\r\n",                                         /* of no type */
        OK "Content-Type: text/html\r\n\r\n",              /* of another */
        OK "Content-Type: " TYPE "s\r\n\r\n",              /* nearly */
        OK FORM FORM "\r\n",                               /* of two */
        OK FORM "Transfer-Encoding: chunked\r\n\r\n0\r\n", /* not in HTTP/1.0 */
        OK FORM "Content-Encoding: gzip\r\n\r\n",          /* not asked for */
        OK FORM "Content-Length: 4\r\nContent-Length: 4\r\n\r\nbody",
        OK FORM "Content-Length: \r\n\r\n",
        OK FORM "Content-Length: -1\r\n\r\n",
        OK FORM "Content-Length: 4x\r\n\r\nbody",
        OK FORM "Content-Length: 99999999\r\n\r\n", /* no response is so long */
        OK FORM "Content-Length: 4\r\n\r\nbody!",   /* a byte behind it */
        OK " folded: 1\r\n" FORM "\r\n",
        OK "no colon\r\n" FORM "\r\n",
        OK ": no name\r\n" FORM "\r\n",
        OK "X: a\1b\r\n" FORM "\r\n",
    };

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(texts); i++) {
        if (look(texts[i], strlen(texts[i]), true) != KT_HTTP_BAD) {
            fail_msg("taken: %s", texts[i]);
        }
    }
}

/* Bad is known before the end. */
static void a_redirect_is_not_waited_for(void **state)
{
    (void)state;
    assert_int_equal(LOOK("HTTP/1.1 302 Found\r\n", false), KT_HTTP_BAD);
    assert_int_equal(LOOK(OK "Content-Type: text/html\r\n", false), KT_HTTP_BAD);
}

static void a_header_has_a_limit(void **state)
{
    static char text[2 * KT_HTTP_HEADER_MAX];
    size_t len = strlen(OK FORM);

    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(look(text, KT_HTTP_HEADER_MAX, false), KT_HTTP_MORE); /* a line without end */
    assert_int_equal(look(text, KT_HTTP_HEADER_MAX + 1, false), KT_HTTP_BAD);
    memcpy(text, OK FORM, len);
    assert_int_equal(look(text, KT_HTTP_HEADER_MAX + 1, false), KT_HTTP_BAD);
    while (len + 6 < sizeof text) { /* lines without end */
        memcpy(text + len, "X: y\r\n", 6);
        len += 6;
    }
    assert_int_equal(look(text, KT_HTTP_HEADER_MAX, false), KT_HTTP_MORE);
    assert_int_equal(look(text, len, false), KT_HTTP_BAD);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_length_ends_a_body),
        cmocka_unit_test(else_the_end_does),
        cmocka_unit_test(parameters_of_the_type_do_not_matter),
        cmocka_unit_test(every_beginning_wants_more),
        cmocka_unit_test(what_was_not_asked_for_is_bad),
        cmocka_unit_test(a_redirect_is_not_waited_for),
        cmocka_unit_test(a_header_has_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
