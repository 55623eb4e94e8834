/* Addresses of responders, and the addresses of hosts that a certificate may not send us to. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "drive/http_post.h"
#include "support/expect_fault.h"

static void what_may_stand_in_a_certificate(void **state)
{
    static const struct {
        const char *text, *host, *port, *path;
        bool bracketed;
    } good[] = {
        {"http://ocsp.example", "ocsp.example", "80", "/", false},
        {"HTTP://ocsp.example/", "ocsp.example", "80", "/", false},
        {"http://ocsp.example:8080/a/b?c=d", "ocsp.example", "8080", "/a/b?c=d", false},
        {"http://a_b-c.example:1", "a_b-c.example", "1", "/", false},
        {"http://10.1.2.3/x", "10.1.2.3", "80", "/x", false},
        {"http://[2001:db8::1]:81/x", "2001:db8::1", "81", "/x", true},
        {"http://ocsp.example:65535", "ocsp.example", "65535", "/", false},
    };
    struct kt_ocsp_url url;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(good); i++) {
        assert_true(kt_ocsp_url_parse(good[i].text, &url));
        assert_string_equal(url.host, good[i].host);
        assert_string_equal(url.port, good[i].port);
        assert_string_equal(url.path, good[i].path);
        assert_int_equal(url.bracketed, good[i].bracketed);
    }
}

static void what_may_not(void **state)
{
    static const char *const bad[] = {
        "",
        "http://",
        "http:///path",
        "https://ocsp.example/",
        "ldap://ocsp.example/",
        "file:///etc/passwd",
        "ocsp.example",
        "http:/ocsp.example",
        "http://user@ocsp.example/",
        "http://user:secret@ocsp.example/",
        "http://ocsp.example@other.example/",
        "http://ocsp.example:/",
        "http://ocsp.example:0/",
        "http://ocsp.example:080/",
        "http://ocsp.example:65536/",
        "http://ocsp.example:123456/",
        "http://ocsp.example:80x/",
        "http://ocsp.example#part",
        "http://ocsp.example/a#part",
        "http://ocsp.example?query",
        "http://ocsp.example/a b",
        "http://ocsp.example/a\r\nHost: other.example",
        "http://ocsp.example\\@other.example/",
        "http://-/",
        "http://.example/",
        "http://[2001:db8::1/",
        "http://[]/",
        "http://[ocsp.example]/",
        "http://[fe80::1%25eth0]/",
        "http://\xc3\xb6.example/",
        "http://%6f.example/",
    };
    static char longer[4096] = "http://ocsp.example/";
    struct kt_ocsp_url url;

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(bad); i++) {
        if (kt_ocsp_url_parse(bad[i], &url)) {
            fail_msg("taken: %s", bad[i]);
        }
    }
    memset(longer + strlen(longer), 'a', sizeof longer - 1 - strlen(longer));
    assert_false(kt_ocsp_url_parse(longer, &url)); /* a path without end */
    memset(longer + 7, 'a', sizeof longer - 8);
    assert_false(kt_ocsp_url_parse(longer, &url)); /* a host without end */
}

static bool is_elsewhere(const char *text)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};

    if (inet_pton(AF_INET, text, &v4.sin_addr) == 1) {
        return kt_http_is_elsewhere((const struct sockaddr *)&v4);
    }
    assert_int_equal(inet_pton(AF_INET6, text, &v6.sin6_addr), 1);
    return kt_http_is_elsewhere((const struct sockaddr *)&v6);
}

static void nobody_is_sent_to_this_host_or_its_links(void **state)
{
    static const char *const near[] = {
        "0.0.0.0",
        "0.1.2.3",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "febf::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.1.1",
        "64:ff9b::127.0.0.1",
        "::127.0.0.1",
    };
    static const char *const far[] = {
        "1.1.1.1",     "10.0.0.1", "192.168.1.1", "128.0.0.1",        "169.253.1.1",        "223.255.255.255",
        "2001:db8::1", "fec0::1",  "fd00::1",     "::ffff:192.0.2.1", "64:ff9b::192.0.2.1",
    };
    const struct sockaddr strange = {.sa_family = AF_UNIX};

    (void)state;
    for (size_t i = 0; i < KT_COUNT_OF(near); i++) {
        if (is_elsewhere(near[i])) {
            fail_msg("elsewhere: %s", near[i]);
        }
    }
    for (size_t i = 0; i < KT_COUNT_OF(far); i++) {
        if (!is_elsewhere(far[i])) {
            fail_msg("not elsewhere: %s", far[i]);
        }
    }
    assert_false(kt_http_is_elsewhere(&strange));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_stand_in_a_certificate),
        cmocka_unit_test(what_may_not),
        cmocka_unit_test(nobody_is_sent_to_this_host_or_its_links),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
