/* A policy from a file: what is read, and whether the file or its text is at fault. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <keyturn/drive.h>

#include "support/expect_fault.h"

static char path[] = "/tmp/policy_file_test_XXXXXX";

static int set_up(void **state)
{
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    close(fd);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    (void)unlink(path);
    return 0;
}

static void write_file(const char *text, size_t blanks)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    fputs(text, file);
    while (blanks-- > 0) {
        fputc(' ', file);
    }
    assert_int_equal(fclose(file), 0);
}

static void a_file_is_read_to_its_end(void **state)
{
    struct kt_policy_error error;
    struct kt_user_policy policy;

    (void)state;
    write_file("groups = P-384\n", (1 << 16) - 15);
    expect_success(kt_policy_file(path, &policy, &error));
    assert_int_equal(policy.groups.ids[0], KT_GROUP_SECP384R1);
    write_file("", 0);
    expect_success(kt_policy_file(path, &policy, NULL));
    assert_ptr_equal(policy.based_on, &kt_policy_2026_modern);
}

static void a_bad_line_is_blamed(void **state)
{
    struct kt_policy_error error;
    struct kt_user_policy policy;

    (void)state;
    write_file("# one\ngroups = P-38\n", 0);
    expect_fault(kt_policy_file(path, &policy, &error), POLICY_MALFORMED, INTERNAL_ERROR);
    assert_int_equal(error.line, 2);
    assert_string_equal(error.word, "P-38");
}

static void a_file_at_fault_has_no_line(void **state)
{
    struct kt_policy_error error = {.line = 7};
    struct kt_user_policy policy;

    (void)state;
    expect_fault(kt_policy_file("/nonexistent/policy", &policy, &error), FILE_UNREADABLE, INTERNAL_ERROR);
    assert_int_equal(errno, ENOENT);
    assert_int_equal(error.line, 0);
    expect_fault(kt_policy_file("/tmp", &policy, &error), FILE_UNREADABLE, INTERNAL_ERROR);
    assert_int_equal(errno, EISDIR);
    write_file("", (1 << 16) + 1);
    expect_fault(kt_policy_file(path, &policy, NULL), FILE_UNREADABLE, INTERNAL_ERROR);
    assert_int_equal(errno, EFBIG);
    expect_fault(kt_policy_file(NULL, &policy, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
    expect_fault(kt_policy_file(path, NULL, NULL), USAGE_ARGUMENT, INTERNAL_ERROR);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_read_to_its_end),
        cmocka_unit_test(a_bad_line_is_blamed),
        cmocka_unit_test(a_file_at_fault_has_no_line),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
